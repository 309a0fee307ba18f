// ref_matrix: sum of the (Baugh-Wooley) matrix of partial products without
// the rows below FirstRow and the columns below FirstColumn.  Fold = 1: the
// column below FirstColumn counts too, as if it stood one higher.
// Definition: docs/families.md, trunc and bam.
`default_nettype none
module ref_matrix #(
  parameter WidthA = 8,
  parameter WidthB = 8,
  parameter Signed = 0,
  parameter FirstRow = 0,
  parameter FirstColumn = 0,
  parameter Fold = 0
) (
  input  wire [WidthA-1:0]        a_i,
  input  wire [WidthB-1:0]        b_i,
  output reg  [WidthA+WidthB-1:0] p_o
);
  localparam WidthP = WidthA + WidthB;
  localparam [WidthP-1:0] One = 1;
  localparam [WidthP-1:0] Constant = (Signed != 0) ?
      (One << (WidthA - 1)) + (One << (WidthB - 1)) + (One << (WidthP - 1)) : 0;
  localparam [WidthP-1:0] Kept = {WidthP{1'b1}} << FirstColumn;
  localparam [WidthP-1:0] Folded = (Fold != 0 && FirstColumn > 0) ? ~Kept ^ (~Kept >> 1) : 0;
  // Partial products of a row that are inverted: of the sign bit of a, and in the last row of the rest.
  localparam [WidthA-1:0] InvertSign = (Signed != 0) ? {1'b1, {(WidthA-1){1'b0}}} : 0;
  localparam [WidthA-1:0] InvertRest = (Signed != 0) ? ~InvertSign : 0;

  // With the first row the low ones of b are not read.
  wire unused_b = &{1'b0, b_i};

  integer i;
  reg [WidthP-1:0] row;

  always @* begin
    p_o = (Constant & Kept) + ((Constant & Folded) << 1);
    for (i = FirstRow; i < WidthB; i = i + 1) begin
      row = {{WidthB{1'b0}}, (a_i & {WidthA{b_i[i]}}) ^
                             (i == WidthB - 1 ? InvertRest : InvertSign)} << i;
      p_o = p_o + (row & Kept) + ((row & Folded) << 1);
    end
  end
endmodule
`default_nettype wire
