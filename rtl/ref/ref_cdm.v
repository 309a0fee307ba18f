// ref_cdm: carry disregard.  K holds K_r, 8 bits for each nibble of b, the
// lowest first.  Definition: docs/families.md, cdm.
`default_nettype none
module ref_cdm #(
  parameter WidthA = 8,
  parameter WidthB = 8,   // a multiple of 4
  parameter Signed = 0,
  parameter [63:0] K = 0
) (
  input  wire [WidthA-1:0]        a_i,
  input  wire [WidthB-1:0]        b_i,
  output wire [WidthA+WidthB-1:0] p_o
);
  ref_cdmr #(.WidthA(WidthA), .WidthB(WidthB), .Signed(Signed), .WidthK(8)) u_cdmr (
    .a_i(a_i), .b_i(b_i), .k_i(K[2*WidthB-1:0]), .p_o(p_o)
  );
endmodule
`default_nettype wire
