module third_input (input [3:0] a, input [3:0] b, input enable, output [7:0] y);
  assign y = enable ? a * b : 8'd0;
endmodule
