// ref_drum: K x K product from the leading ones; signed by sign and magnitude.
// OnesComplement = 1: both negations invert only.  Definition: docs/families.md, drum.
`default_nettype none
module ref_drum #(
  parameter WidthA = 8,
  parameter WidthB = 8,
  parameter Signed = 0,
  parameter K = 4,
  parameter OnesComplement = 0
) (
  input  wire [WidthA-1:0]        a_i,
  input  wire [WidthB-1:0]        b_i,
  output wire [WidthA+WidthB-1:0] p_o
);
  localparam WidthP = WidthA + WidthB;
  localparam WidthM = ((2*K > WidthP) ? 2*K : WidthP) + 1;
  localparam [WidthP-1:0] Carry = (OnesComplement != 0) ? 0 : 1;

  wire [WidthA-1:0] magnitude_a;
  wire [WidthB-1:0] magnitude_b;
  wire negative_a, negative_b;
  ref_magnitude #(.Width(WidthA), .Signed(Signed), .Ones(OnesComplement)) u_magnitude_a (
    .x_i(a_i), .magnitude_o(magnitude_a), .negative_o(negative_a)
  );
  ref_magnitude #(.Width(WidthB), .Signed(Signed), .Ones(OnesComplement)) u_magnitude_b (
    .x_i(b_i), .magnitude_o(magnitude_b), .negative_o(negative_b)
  );

  wire [K-1:0] segment_a, segment_b;
  wire [5:0] shift_a, shift_b;
  ref_segment #(.Width(WidthA), .K(K)) u_segment_a (
    .x_i(magnitude_a), .segment_o(segment_a), .shift_o(shift_a)
  );
  ref_segment #(.Width(WidthB), .K(K)) u_segment_b (
    .x_i(magnitude_b), .segment_o(segment_b), .shift_o(shift_b)
  );

  wire [2*K-1:0] core = {{K{1'b0}}, segment_a} * {{K{1'b0}}, segment_b};
  wire [6:0] shift = {1'b0, shift_a} + {1'b0, shift_b};
  wire [WidthM-1:0] shifted = {{(WidthM-2*K){1'b0}}, core} << shift;
  wire unused_high = &{1'b0, shifted[WidthM-1:WidthP]};
  wire [WidthP-1:0] magnitude = shifted[WidthP-1:0];
  assign p_o = (negative_a ^ negative_b) ? ~magnitude + Carry : magnitude;
endmodule
`default_nettype wire
