// acc_bank: adds the partial sums of successive K tiles.  Row row_i of Words accumulators is read
// with read_i, one enabled cycle old its sums y_i arrive (add_i, add_row_i); the sum goes back, or
// out with last_i.  first_i: the row starts from zero.  overflow_o: some sum left AccW bits in this
// cycle (the stored value is the sum modulo 2^AccW); sums have a sign, but the last word with RowSum.  A row
// must not be read in the cycle in which it is written: ctrl_ws begins a pass at most every Cols + 2 cycles.
`default_nettype none

module acc_bank #(
  parameter Words = 8,
  parameter AccW = 32,
  parameter Depth = 256,
  parameter RowW = 8,     // bits of a row number
  parameter RowSum = 0
) (
  input  wire                  clk_i,
  input  wire                  en_i,
  input  wire                  read_i,
  input  wire [RowW-1:0]       row_i,
  input  wire                  add_i,
  input  wire [RowW-1:0]       add_row_i,
  input  wire                  first_i,
  input  wire                  last_i,
  input  wire [Words*AccW-1:0] y_i,
  output wire                  out_valid_o,
  output wire [Words*AccW-1:0] out_o,
  output wire                  overflow_o
);
  reg [Words*AccW-1:0] bank [0:Depth-1];
  reg [Words*AccW-1:0] read_q;
  wire [Words*AccW-1:0] sum;
  wire [Words-1:0]      over;

  wire write = add_i && !last_i;
  always @(posedge clk_i) if (en_i) begin
    if (read_i) read_q <= bank[row_i];
    if (write) bank[add_row_i] <= sum;
  end

  wire [Words*AccW-1:0] old = first_i ? {Words*AccW{1'b0}} : read_q;
  genvar w;
  generate
    for (w = 0; w < Words; w = w + 1) begin : g_word
      wire [AccW-1:0] p = old[w*AccW +: AccW];
      wire [AccW-1:0] y = y_i[w*AccW +: AccW];
      wire            carry;
      wire [AccW-1:0] s;
      assign {carry, s} = {1'b0, p} + {1'b0, y};
      assign sum[w*AccW +: AccW] = s;
      if (RowSum != 0 && w == Words - 1) begin : g_plain
        assign over[w] = carry;
      end else begin : g_signed
        wire unused = &{1'b0, carry};
        assign over[w] = p[AccW-1] == y[AccW-1] && s[AccW-1] != y[AccW-1];
      end
    end
  endgenerate

  assign out_valid_o = add_i && last_i;
  assign out_o       = sum;
  assign overflow_o  = en_i && add_i && |over;
endmodule

`default_nettype wire
