module ports (input [3:0] left, input [3:0] right, output [7:0] result);
  assign result = left * right;
endmodule
