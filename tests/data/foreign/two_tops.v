module first (input [1:0] a, input [1:0] b, output [3:0] y);
  assign y = a * b;
endmodule

module second (input [1:0] a, input [1:0] b, output [3:0] y);
  assign y = {2'b0, a} | {b, 2'b0};
endmodule
