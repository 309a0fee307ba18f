// array_ws: Rows x Cols weight-stationary cells with skew and de-skew.
//
//   y_o[c] = sum over r of mul(w[r][c], x_i[r]), Rows + Cols + RowSum enabled cycles after x_i,
//
// with the weights that were in the shadow registers when next_i last came with an x_i.  With
// RowSum there is one more column, c = Cols, whose y_o is the plain sum of the x_i (zero points
// of the weights need it).  over_o: on its way some sum of y_o left AccW bits, of which those of row sums
// have no sign.  Where AccW is so wide that none can leave it, over_o is 0 and costs nothing.
// Row r of the shadow weights may be written again Cols + r
// enabled cycles after next_i.
`default_nettype none

module array_ws #(
  parameter Rows = 8,
  parameter Cols = 8,
  parameter XW = 8,
  parameter WW = 8,
  parameter AccW = 32,
  parameter ModeW = 8,
  parameter Signed = 1,
  parameter RowSum = 0,
  parameter Check = AccW < XW + WW + 1 + $clog2(Rows)    // derived
) (
  input  wire                            clk_i,
  input  wire                            en_i,
  input  wire [Rows-1:0]                 w_we_i,     // row r takes w_i
  input  wire [Cols*WW-1:0]              w_i,
  input  wire [ModeW-1:0]                mode_i,
  input  wire                            order_i,
  input  wire                            next_i,
  input  wire [Rows*XW-1:0]              x_i,
  output wire [(Cols+RowSum)*AccW-1:0]   y_o,
  output wire                            over_o
);
  wire [Cols+RowSum-1:0] overs;
  assign over_o = |overs;

  reg [Rows*XW-1:0] x_q;
  always @(posedge clk_i) if (en_i) x_q <= x_i;

  // Cell (r, c) meets x_i r + c + 1 enabled cycles after it came in; its weight changes a cycle before.
  wire [Rows+Cols-2:0] next;
  assign next[0] = next_i;
  generate
    if (Rows + Cols > 2) begin : g_next
      reg [Rows+Cols-3:0] next_q;
      always @(posedge clk_i) if (en_i) next_q <= next[Rows+Cols-3:0];
      assign next[Rows+Cols-2:1] = next_q;
    end
  endgenerate

  genvar r, c;
  generate
    for (r = 0; r < Rows; r = r + 1) begin : g_row
      wire [XW-1:0] head;
      delay_line #(.Width(XW), .Depth(r)) u_skew (
        .clk_i(clk_i), .en_i(en_i), .d_i(x_q[r*XW +: XW]), .q_o(head)
      );
      for (c = 0; c < Cols + RowSum; c = c + 1) begin : g_col
        wire [XW-1:0]   x;
        wire            over, over_above;
        wire [AccW-1:0] psum, above;
        if (r == 0) begin : g_top
          assign above      = {AccW{1'b0}};
          assign over_above = 1'b0;
        end else begin : g_below
          assign above      = g_row[r-1].g_col[c].psum;
          assign over_above = g_row[r-1].g_col[c].over;
        end
        wire [XW-1:0] x_in;
        if (c == 0) begin : g_first
          assign x_in = head;
        end else begin : g_later
          assign x_in = g_row[r].g_col[c-1].x;
        end
        if (c < Cols) begin : g_pe
          pe_ws #(.XW(XW), .WW(WW), .AccW(AccW), .ModeW(ModeW), .Signed(Signed),
                  .Check(Check)) u_pe (
            .clk_i(clk_i), .en_i(en_i),
            .w_we_i(w_we_i[r]), .w_i(w_i[c*WW +: WW]),
            .mode_i(mode_i), .order_i(order_i),
            .next_i(next[r+c]), .x_i(x_in), .psum_i(above), .over_i(over_above),
            .x_o(x), .psum_o(psum), .over_o(over)
          );
        end else begin : g_sum
          reg [AccW-1:0] psum_q;
          wire sign = Signed != 0 && x_in[XW-1];
          wire carry;
          wire [AccW-1:0] sum;
          assign {carry, sum} = {1'b0, above} + {1'b0, {(AccW-XW){sign}}, x_in};
          always @(posedge clk_i) if (en_i) psum_q <= sum;
          if (Check != 0) begin : g_check
            reg over_q;
            always @(posedge clk_i) if (en_i) over_q <= over_above || carry;
            assign over = over_q;
          end else begin : g_no_check
            wire unused_carry = &{1'b0, carry};
            assign over = over_above;
          end
          assign psum = psum_q;
          assign x    = x_in;
        end
        if (c == Cols + RowSum - 1) begin : g_edge
          wire unused = &{1'b0, x};
        end
        if (r == Rows - 1) begin : g_out
          delay_line #(.Width(AccW), .Depth(Cols + RowSum - 1 - c)) u_deskew (
            .clk_i(clk_i), .en_i(en_i), .d_i(psum), .q_o(y_o[c*AccW +: AccW])
          );
          if (Check != 0) begin : g_over
            delay_line #(.Width(1), .Depth(Cols + RowSum - 1 - c)) u_deskew_over (
              .clk_i(clk_i), .en_i(en_i), .d_i(over), .q_o(overs[c])
            );
          end else begin : g_no_over
            assign overs[c] = over;
          end
        end
      end
    end
  endgenerate
endmodule

`default_nettype wire
