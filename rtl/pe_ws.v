// pe_ws: a cell of the weight-stationary array (Kung 1982).  A weight waits in shadow_q until next_i, which
// comes one enabled cycle before the first activation that it is for; so the multiplier's operands are
// registers.  psum_o <= psum_i + product, modulo 2^AccW; with Check over_o goes along and says that
// this or an earlier sum of the column left AccW bits.  No reset: the array's valid
// bits guard what stands here.  w_we_i does not need en_i: weights load during stalls.
`default_nettype none

module pe_ws #(
  parameter XW = 8,      // activation bits
  parameter WW = 8,      // weight bits
  parameter AccW = 32,
  parameter ModeW = 8,
  parameter Signed = 1,
  parameter Check = 0
) (
  input  wire             clk_i,
  input  wire             en_i,
  input  wire             w_we_i,
  input  wire [WW-1:0]    w_i,
  input  wire [ModeW-1:0] mode_i,    // of multipliers that are set at run time
  input  wire             order_i,   // the weight is operand a
  input  wire             next_i,    // weight_q takes the shadow weight
  input  wire [XW-1:0]    x_i,
  input  wire [AccW-1:0]  psum_i,
  input  wire             over_i,
  output reg  [XW-1:0]    x_o,
  output reg  [AccW-1:0]  psum_o,
  output wire             over_o
);
  reg  [WW-1:0] shadow_q, weight_q;
  wire [XW+WW-1:0] prod;

  mul_unit u_mul (
    .w_i(weight_q),
    .x_i(x_i),
    .order_i(order_i),
    .mode_i(mode_i),
    .p_o(prod)
  );

  wire [AccW-1:0] sum;
  generate
    if (Signed != 0) begin : g_signed
      wire signed [AccW-1:0] term = $signed({prod, {(AccW-XW-WW){1'b0}}}) >>> (AccW - XW - WW);
      assign sum = psum_i + term;
    end else begin : g_unsigned
      assign sum = psum_i + {{(AccW-XW-WW){1'b0}}, prod};
    end
  endgenerate

  always @(posedge clk_i) begin
    if (w_we_i) shadow_q <= w_i;
    if (en_i) begin
      if (next_i) weight_q <= shadow_q;
      x_o    <= x_i;
      psum_o <= sum;
    end
  end

  generate
    if (Check != 0) begin : g_check
      reg over_q;
      wire sign = Signed != 0 && prod[XW+WW-1];
      always @(posedge clk_i)
        if (en_i) over_q <= over_i || (psum_i[AccW-1] == sign && sum[AccW-1] != sign);
      assign over_o = over_q;
    end else begin : g_no_check
      assign over_o = over_i;
    end
  endgenerate
endmodule

`default_nettype wire
