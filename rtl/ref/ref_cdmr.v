// ref_cdmr: carry disregard, set at run time.  k_i holds K_r, WidthK bits for
// each nibble of b, the lowest first.  Definition: docs/families.md, cdm.
`default_nettype none
module ref_cdmr #(
  parameter WidthA = 8,
  parameter WidthB = 8,   // a multiple of 4
  parameter Signed = 0,
  parameter WidthK = 8
) (
  input  wire [WidthA-1:0]            a_i,
  input  wire [WidthB-1:0]            b_i,
  input  wire [WidthK*(WidthB/4)-1:0] k_i,
  output reg  [WidthA+WidthB-1:0]     p_o
);
  localparam WidthP = WidthA + WidthB;
  localparam [WidthP-1:0] One = 1;
  localparam [WidthP-1:0] Constant = (Signed != 0) ?
      (One << (WidthA - 1)) + (One << (WidthB - 1)) + (One << (WidthP - 1)) : 0;
  // Partial products of a row that are inverted: of the sign bit of a, and in the last row of the rest.
  localparam [WidthA-1:0] InvertSign = (Signed != 0) ? {1'b1, {(WidthA-1){1'b0}}} : 0;
  localparam [WidthA-1:0] InvertRest = (Signed != 0) ? ~InvertSign : 0;

  integer r, i;
  reg [WidthP-1:0] low;      // the columns without carry
  reg [WidthP-1:0] row, parity, sum;

  always @* begin
    p_o = Constant;
    for (r = 0; r < WidthB/4; r = r + 1) begin
      low = ~({WidthP{1'b1}} << k_i[WidthK*r +: WidthK]);
      parity = 0;
      sum = 0;
      for (i = 0; i < 4; i = i + 1) begin
        row = {{WidthB{1'b0}}, (a_i & {WidthA{b_i[4*r+i]}}) ^
                               (4*r + i == WidthB - 1 ? InvertRest : InvertSign)} << i;
        parity = parity ^ (row & low);
        sum = sum + (row & ~low);
      end
      p_o = p_o + ((parity | sum) << (4*r));
    end
  end
endmodule
`default_nettype wire
