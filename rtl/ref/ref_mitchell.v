// ref_mitchell: logarithmic product, fractions of T bits; signed by sign and
// magnitude.  Definition: docs/families.md, mitchell.
`default_nettype none
module ref_mitchell #(
  parameter WidthA = 8,
  parameter WidthB = 8,
  parameter Signed = 0,
  parameter T = 7
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

  // In units of 2^-T: 2 + x1 + x2 is at most 4 - 2^(1-T); the product is
  // 2^(k1+k2) (1 + x1 + x2), or from x1 + x2 = 1 on 2^(k1+k2) 2 (x1 + x2).
  localparam [T+1:0] UnitT = {2'b01, {T{1'b0}}};
  wire [T+1:0] sum = {1'b0, mantissa_a} + {1'b0, mantissa_b};
  wire [T+1:0] product = (sum[T+1] & sum[T]) ? (sum - UnitT - UnitT) << 1 : sum - UnitT;

  // A mantissa of 0 is an operand of 0.
  wire [WidthP+T+1:0] scaled = {{WidthP{1'b0}}, product} << ({1'b0, k_a} + {1'b0, k_b});
  wire unused_fraction = &{1'b0, scaled[WidthP+T+1:WidthP+T], scaled[T:0]};
  wire [WidthP-1:0] magnitude = (mantissa_a[T] & mantissa_b[T]) ? scaled[T +: WidthP] : 0;
  assign p_o = (negative_a ^ negative_b) ? ~magnitude + 1 : magnitude;
endmodule
`default_nettype wire
