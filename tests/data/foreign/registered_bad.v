module registered (input clk, input [3:0] a, input [3:0] b, output reg [7:0] y);
  always @(posedge clk) y <= a * b;
endmodule
