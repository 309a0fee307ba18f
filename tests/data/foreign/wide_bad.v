module wide (input [12:0] a, input [12:0] b, output [25:0] y);
  assign y = a * b;
endmodule
