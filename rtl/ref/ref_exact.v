// ref_exact: p_o = a_i * b_i.  Definition: docs/families.md, exact.
`default_nettype none
module ref_exact #(
  parameter WidthA = 8,
  parameter WidthB = 8,
  parameter Signed = 0
) (
  input  wire [WidthA-1:0]        a_i,
  input  wire [WidthB-1:0]        b_i,
  output wire [WidthA+WidthB-1:0] p_o
);
  wire [WidthA+WidthB-1:0] a = {{WidthB{(Signed != 0) & a_i[WidthA-1]}}, a_i};
  wire [WidthA+WidthB-1:0] b = {{WidthA{(Signed != 0) & b_i[WidthB-1]}}, b_i};
  assign p_o = a * b;
endmodule
`default_nettype wire
