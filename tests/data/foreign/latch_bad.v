// No clock, but the product is kept while b is 0.
module latch (input [3:0] a, input [3:0] b, output reg [7:0] y);
  always @* if (b != 0) y = a * b;
endmodule
