// Signed 5x3 product, as somebody would write it by hand.
module behavioural (a, b, y);
  input signed [4:0] a;
  input signed [2:0] b;
  output signed [7:0] y;
  assign y = a * b;
endmodule
