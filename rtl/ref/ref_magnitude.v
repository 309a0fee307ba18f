// ref_magnitude: |x_i| in as many bits, by two's complement negation, or by
// one's complement with Ones = 1; unsigned operands pass.
`default_nettype none
module ref_magnitude #(
  parameter Width = 8,
  parameter Signed = 0,
  parameter Ones = 0
) (
  input  wire [Width-1:0] x_i,
  output wire [Width-1:0] magnitude_o,
  output wire             negative_o
);
  localparam [Width-1:0] Carry = (Ones != 0) ? 0 : 1;
  assign negative_o = (Signed != 0) & x_i[Width-1];
  assign magnitude_o = negative_o ? ~x_i + Carry : x_i;
endmodule
`default_nettype wire
