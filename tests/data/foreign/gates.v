// A 2x2 multiplier as flat gates with ports A, B, O, in the style of EvoApproxLib.  It is
// the approximate block of Kulkarni et al. 2011: 3 * 3 gives 7, all else is exact.
module mul2u_kulkarni ( A, B, O );
  input [1:0] A;
  input [1:0] B;
  output [3:0] O;
  wire sig_4, sig_5, sig_6;
  assign sig_4 = A[1] & B[0];
  assign sig_5 = A[0] & B[1];
  assign sig_6 = sig_4 | sig_5;
  assign O[0] = A[0] & B[0];
  assign O[1] = sig_6;
  assign O[2] = A[1] & B[1];
  assign O[3] = 1'b0;
endmodule
