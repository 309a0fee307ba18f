// requantize: from an accumulator to an output code, in integers (docs/quantization.md):
//
//   t   = acc_i + bias_i - wzero_i * sum_i                         modulo 2^32
//   q_o = clamp(zero_i + ((t * mult_i + 2^(shift_i-1)) >>> shift_i), lo_i, hi_i)
//
// exact in 64 bits; with raw_i, q_o = t.  mult_i is not negative, shift_i 1..62.  Four cycles of
// adv_i.  ReLU and ReLU6 are values of lo_i and hi_i.  Model: requantize() in dnn/qgraph.h.
`default_nettype none

module requantize #(
  parameter RowSum = 0    // 0: sum_i and wzero_i are not used
) (
  input  wire               clk_i,
  input  wire               adv_i,
  input  wire signed [31:0] acc_i,
  input  wire        [31:0] sum_i,
  input  wire signed [31:0] bias_i,
  input  wire signed [8:0]  wzero_i,
  input  wire        [31:0] mult_i,
  input  wire        [5:0]  shift_i,
  input  wire signed [31:0] zero_i,
  input  wire signed [31:0] lo_i,
  input  wire signed [31:0] hi_i,
  input  wire               raw_i,
  output wire signed [31:0] q_o
);
  reg signed [31:0] t_q, t2_q, t3_q, q_q;
  reg signed [63:0] prod_q, round_q;
  wire signed [31:0] correction;

  generate
    if (RowSum != 0) begin : g_sum
      assign correction = $signed({{23{wzero_i[8]}}, wzero_i}) * $signed(sum_i);
    end else begin : g_none
      wire unused = &{1'b0, sum_i, wzero_i};
      assign correction = 32'd0;
    end
  endgenerate

  wire signed [63:0] half    = 64'sd1 <<< (shift_i - 6'd1);
  wire signed [63:0] shifted = round_q + $signed({{32{zero_i[31]}}, zero_i});
  wire below = shifted < $signed({{32{lo_i[31]}}, lo_i});
  wire above = shifted > $signed({{32{hi_i[31]}}, hi_i});

  always @(posedge clk_i) if (adv_i) begin
    t_q     <= acc_i + bias_i - correction;
    t2_q    <= t_q;
    prod_q  <= $signed({{32{t_q[31]}}, t_q}) * $signed({32'd0, mult_i});
    t3_q    <= t2_q;
    round_q <= (prod_q + half) >>> shift_i;
    q_q     <= raw_i ? t3_q : below ? lo_i : above ? hi_i : shifted[31:0];
  end
  assign q_o = q_q;
endmodule

`default_nettype wire
