// ref_tosam: (1 + y1_t + y2_t + y1_apx y2_apx) 2^(k1+k2), fractions of T bits
// in the sum and of H bits and an appended 1 in the product; signed by sign and
// magnitude.  Definition: docs/families.md, tosam.
`default_nettype none
module ref_tosam #(
  parameter WidthA = 8,
  parameter WidthB = 8,
  parameter Signed = 0,
  parameter H = 2,
  parameter T = 5
) (
  input  wire [WidthA-1:0]        a_i,
  input  wire [WidthB-1:0]        b_i,
  output wire [WidthA+WidthB-1:0] p_o
);
  localparam WidthP = WidthA + WidthB;

  wire [WidthA-1:0] magnitude_a;
  wire [WidthB-1:0] magnitude_b;
  wire negative_a, negative_b;
  ref_magnitude #(.Width(WidthA), .Signed(Signed), .Ones(0)) u_magnitude_a (
    .x_i(a_i), .magnitude_o(magnitude_a), .negative_o(negative_a)
  );
  ref_magnitude #(.Width(WidthB), .Signed(Signed), .Ones(0)) u_magnitude_b (
    .x_i(b_i), .magnitude_o(magnitude_b), .negative_o(negative_b)
  );

  wire [5:0] k_a, k_b;
  wire [T:0] mantissa_a, mantissa_b;
  ref_normalise #(.Width(WidthA), .T(T)) u_normalise_a (
    .x_i(magnitude_a), .k_o(k_a), .mantissa_o(mantissa_a)
  );
  ref_normalise #(.Width(WidthB), .T(T)) u_normalise_b (
    .x_i(magnitude_b), .k_o(k_b), .mantissa_o(mantissa_b)
  );

  wire [5:0] unused_k_a, unused_k_b;
  wire [H:0] short_a, short_b;
  ref_normalise #(.Width(WidthA), .T(H)) u_short_a (
    .x_i(magnitude_a), .k_o(unused_k_a), .mantissa_o(short_a)
  );
  ref_normalise #(.Width(WidthB), .T(H)) u_short_b (
    .x_i(magnitude_b), .k_o(unused_k_b), .mantissa_o(short_b)
  );
  wire unused_k = &{1'b0, unused_k_a, unused_k_b};

  // y_apx in units of 2^-(H+1); their product in 2^-(2H+2).
  localparam WidthX = 2*H + 2;
  localparam [H+1:0] LeadingOne = {1'b1, {(H+1){1'b0}}};
  wire [H+1:0] apx_a = {short_a, 1'b1} ^ LeadingOne;
  wire [H+1:0] apx_b = {short_b, 1'b1} ^ LeadingOne;
  wire [WidthX+1:0] apx = {{(H+2){1'b0}}, apx_a} * {{(H+2){1'b0}}, apx_b};

  // The sum in units of 2^-F, below 4.  The mantissas are 1 + y_t.
  localparam F = (T > WidthX) ? T : WidthX;
  wire [F+1:0] one = {2'b01, {F{1'b0}}};
  wire [F+1:0] sum = ({{(F-T+1){1'b0}}, mantissa_a} << (F - T))
                   + ({{(F-T+1){1'b0}}, mantissa_b} << (F - T)) - one
                   + ({{(F-WidthX+1){1'b0}}, apx[WidthX:0]} << (F - WidthX));
  wire unused_apx = apx[WidthX+1];

  // A mantissa of 0 is an operand of 0.
  wire [WidthP+F+1:0] scaled = {{WidthP{1'b0}}, sum} << ({1'b0, k_a} + {1'b0, k_b});
  wire unused_fraction = &{1'b0, scaled[WidthP+F+1:WidthP+F], scaled[F:0]};
  wire [WidthP-1:0] magnitude = (mantissa_a[T] & mantissa_b[T]) ? scaled[F +: WidthP] : 0;
  assign p_o = (negative_a ^ negative_b) ? ~magnitude + 1 : magnitude;
endmodule
`default_nettype wire
