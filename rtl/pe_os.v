// pe_os: a cell of the output-stationary array.  Activations pass to the right, weights
// down; acc_q sums the products of one output.  first_i comes with the first pair of an
// output and last_i with the last, after which the sum stands in out_q, from where the
// column shifts it down (shift_i); over_o goes along and says that some partial sum left AccW bits.  No
// reset: valid bits guard what stands here.
`default_nettype none

module pe_os #(
  parameter XW = 8,
  parameter WW = 8,
  parameter AccW = 32,
  parameter ModeW = 8,
  parameter Signed = 1
) (
  input  wire             clk_i,
  input  wire             en_i,
  input  wire [ModeW-1:0] mode_i,
  input  wire             order_i,
  input  wire             valid_i,   // with the three below: a pair is here
  input  wire             first_i,
  input  wire             last_i,
  input  wire [XW-1:0]    x_i,
  input  wire [WW-1:0]    w_i,
  input  wire             shift_i,
  input  wire [AccW-1:0]  out_i,     // out_o of the cell above
  input  wire             over_i,
  output reg              valid_o,
  output reg              first_o,
  output reg              last_o,
  output reg  [XW-1:0]    x_o,
  output reg  [WW-1:0]    w_o,
  output reg  [AccW-1:0]  out_o,
  output reg              over_o
);
  reg  [AccW-1:0] acc_q;
  reg             over_q;
  wire [XW+WW-1:0] prod;

  mul_unit u_mul (
    .w_i(w_i),
    .x_i(x_i),
    .order_i(order_i),
    .mode_i(mode_i),
    .p_o(prod)
  );

  wire sign = Signed != 0 && prod[XW+WW-1];
  wire [AccW-1:0] acc = first_i ? {AccW{1'b0}} : acc_q;
  wire [AccW-1:0] sum = acc + {{(AccW-XW-WW){sign}}, prod};
  wire over = (over_q && !first_i) || (acc[AccW-1] == sign && sum[AccW-1] != sign);

  always @(posedge clk_i) begin
    if (en_i) begin
      valid_o <= valid_i;
      first_o <= first_i;
      last_o  <= last_i;
      x_o     <= x_i;
      w_o     <= w_i;
      if (valid_i) {over_q, acc_q} <= {over, sum};
      if (valid_i && last_i) {over_o, out_o} <= {over, sum};
      else if (shift_i) {over_o, out_o} <= {over_i, out_i};
    end
  end
endmodule

`default_nettype wire
