// ref_bam: broken array: without the rows of b below H and the columns below V.
// Definition: docs/families.md, bam.
`default_nettype none
module ref_bam #(
  parameter WidthA = 8,
  parameter WidthB = 8,
  parameter Signed = 0,
  parameter H = 0,
  parameter V = 0
) (
  input  wire [WidthA-1:0]        a_i,
  input  wire [WidthB-1:0]        b_i,
  output wire [WidthA+WidthB-1:0] p_o
);
  ref_matrix #(
    .WidthA(WidthA), .WidthB(WidthB), .Signed(Signed), .FirstRow(H), .FirstColumn(V), .Fold(0)
  ) u_matrix (
    .a_i(a_i), .b_i(b_i), .p_o(p_o)
  );
endmodule
`default_nettype wire
