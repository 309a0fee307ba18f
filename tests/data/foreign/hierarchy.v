// 4x4 out of four 2x2 blocks; a top module above another, ports by other names.
module block2 (input [1:0] p, input [1:0] q, output [3:0] r);
  assign r = p * q;
endmodule

module wide4 (input [3:0] multiplicand, input [3:0] multiplier, output [7:0] product, output odd);
  wire [3:0] ll, lh, hl, hh;
  block2 u_ll (.p(multiplicand[1:0]), .q(multiplier[1:0]), .r(ll));
  block2 u_lh (.p(multiplicand[1:0]), .q(multiplier[3:2]), .r(lh));
  block2 u_hl (.p(multiplicand[3:2]), .q(multiplier[1:0]), .r(hl));
  block2 u_hh (.p(multiplicand[3:2]), .q(multiplier[3:2]), .r(hh));
  assign product = {4'b0, ll} + {2'b0, lh, 2'b0} + {2'b0, hl, 2'b0} + {hh, 4'b0};
  assign odd = product[0];
endmodule
