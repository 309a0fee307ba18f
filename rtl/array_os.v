// array_os: Rows x Cols output-stationary cells with skew.
//
// Each enabled cycle with valid_i brings the activations of Rows outputs' rows and the weights of
// Cols columns for one k; first_i and last_i mark the first and the last k of a tile.  Rows + Cols
// enabled cycles after last_i all sums stand in the cells; with shift_i they move down a
// row a cycle, and y_o is the bottom row:
//
//   y_o[c] = sum over k of mul(w[k][c], x[k][Rows-1]), then of row Rows-2, ...
//
// shift_i must be over before the next tile's sums arrive: that is, Rows cycles of it fit between
// the last_i of two tiles.  With RowSum there is one more column with the plain sums of the x_i.
// over_o: some partial sum of that row left AccW bits, of which those of the x_i have no sign.
// Nothing is reset: what stands in the cells at first moves out ahead of the first tile.
`default_nettype none

module array_os #(
  parameter Rows = 8,
  parameter Cols = 8,
  parameter XW = 8,
  parameter WW = 8,
  parameter AccW = 32,
  parameter ModeW = 8,
  parameter Signed = 1,
  parameter RowSum = 0
) (
  input  wire                            clk_i,
  input  wire                            en_i,
  input  wire [ModeW-1:0]                mode_i,
  input  wire                            order_i,
  input  wire                            valid_i,
  input  wire                            first_i,
  input  wire                            last_i,
  input  wire [Rows*XW-1:0]              x_i,
  input  wire [Cols*WW-1:0]              w_i,
  input  wire                            shift_i,
  output wire [(Cols+RowSum)*AccW-1:0]   y_o,
  output wire                            over_o
);
  wire [Cols+RowSum-1:0] overs;
  assign over_o = |overs;

  reg [Rows*XW-1:0] x_q;
  reg [Cols*WW-1:0] w_q;
  reg               valid_q, first_q, last_q;
  always @(posedge clk_i) if (en_i) begin
    x_q     <= x_i;
    w_q     <= w_i;
    valid_q <= valid_i;
    first_q <= first_i;
    last_q  <= last_i;
  end

  genvar r, c;
  generate
    for (r = 0; r < Rows; r = r + 1) begin : g_row
      wire [XW+2:0] head;
      delay_line #(.Width(XW + 3), .Depth(r)) u_skew (
        .clk_i(clk_i), .en_i(en_i), .d_i({valid_q, first_q, last_q, x_q[r*XW +: XW]}), .q_o(head)
      );
      for (c = 0; c < Cols + RowSum; c = c + 1) begin : g_col
        wire [XW-1:0]   x, x_in;
        wire            valid, first, last, valid_in, first_in, last_in;
        wire [AccW-1:0] out, above;
        wire            over, over_above;
        if (r == 0) begin : g_top
          assign above      = {AccW{1'b0}};
          assign over_above = 1'b0;
        end else begin : g_below
          assign above      = g_row[r-1].g_col[c].out;
          assign over_above = g_row[r-1].g_col[c].over;
        end
        if (c == 0) begin : g_first
          assign {valid_in, first_in, last_in, x_in} = head;
        end else begin : g_later
          assign {valid_in, first_in, last_in, x_in} =
            {g_row[r].g_col[c-1].valid, g_row[r].g_col[c-1].first, g_row[r].g_col[c-1].last,
             g_row[r].g_col[c-1].x};
        end
        if (c < Cols) begin : g_pe
          wire [WW-1:0] w, w_in;
          if (r == 0) begin : g_head
            delay_line #(.Width(WW), .Depth(c)) u_skew (
              .clk_i(clk_i), .en_i(en_i), .d_i(w_q[c*WW +: WW]), .q_o(w_in)
            );
          end else begin : g_chain
            assign w_in = g_row[r-1].g_col[c].g_pe.w;
          end
          pe_os #(.XW(XW), .WW(WW), .AccW(AccW), .ModeW(ModeW), .Signed(Signed)) u_pe (
            .clk_i(clk_i), .en_i(en_i), .mode_i(mode_i), .order_i(order_i),
            .valid_i(valid_in), .first_i(first_in), .last_i(last_in), .x_i(x_in), .w_i(w_in),
            .shift_i(shift_i), .out_i(above), .over_i(over_above),
            .valid_o(valid), .first_o(first), .last_o(last), .x_o(x), .w_o(w), .out_o(out),
            .over_o(over)
          );
          if (r == Rows - 1) begin : g_bottom
            wire unused = &{1'b0, w};
          end
        end else begin : g_sum
          reg  [AccW-1:0] acc_q, out_q;
          reg             over_q, over_out_q;
          wire sign = Signed != 0 && x_in[XW-1];
          wire [AccW-1:0] acc = first_in ? {AccW{1'b0}} : acc_q;
          wire            carry;
          wire [AccW-1:0] sum;
          assign {carry, sum} = {1'b0, acc} + {1'b0, {(AccW-XW){sign}}, x_in};
          wire over_now = (over_q && !first_in) || carry;
          always @(posedge clk_i) if (en_i) begin
            if (valid_in) {over_q, acc_q} <= {over_now, sum};
            if (valid_in && last_in) {over_out_q, out_q} <= {over_now, sum};
            else if (shift_i) {over_out_q, out_q} <= {over_above, above};
          end
          assign out  = out_q;
          assign over = over_out_q;
          assign {valid, first, last, x} = {(XW+3){1'b0}};
        end
        if (c == Cols + RowSum - 1) begin : g_edge
          wire unused = &{1'b0, x, valid, first, last};
        end
        if (r == Rows - 1) begin : g_out
          assign y_o[c*AccW +: AccW] = out;
          assign overs[c] = over;
        end
      end
    end
  endgenerate
endmodule

`default_nettype wire
