// ctrl_os: feeds an output-stationary array.  A job is tiles_i tiles of Rows x Cols outputs, each the
// sum over k_i beats of activations (a column of Rows) and weights (a row of Cols) that are taken
// together.  The last beat of a tile waits until the tile before has been shifted out.
//
// Both streams are framed by tlast every k_i beats; what ends early is filled with zero beats, what
// does not end is cut, and both are reported (as in ctrl_ws).
`default_nettype none

module ctrl_os #(
  parameter Rows = 8,
  parameter Cols = 8,
  parameter RowSum = 0,
  parameter XBits = 64,
  parameter WBits = 64
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             abort_i,
  input  wire             start_i,        // taken when !busy_o
  input  wire [31:0]      tiles_i,        // 1..
  input  wire [31:0]      k_i,            // 1..
  output wire             busy_o,
  input  wire             w_valid_i,
  output wire             w_ready_o,
  input  wire [WBits-1:0] w_data_i,
  input  wire             w_last_i,
  input  wire             x_valid_i,
  output wire             x_ready_o,
  input  wire [XBits-1:0] x_data_i,
  input  wire             x_last_i,
  input  wire             en_i,
  output wire [WBits-1:0] w_o,
  output wire [XBits-1:0] x_o,
  output wire             valid_o,
  output wire             first_o,
  output wire             last_o,
  output wire             shift_o,        // a row of results is at the bottom
  output wire             end_o,          // the job's last one
  output wire             x_early_o,
  output wire             x_late_o,
  output wire             w_early_o,
  output wire             w_late_o,
  output wire             x_stall_o,
  output wire             w_stall_o
);
  localparam Latency = Rows + Cols + RowSum;
  localparam RW = Rows > 1 ? $clog2(Rows) : 1;
  localparam [RW-1:0] LastRow = Rows[RW-1:0] - 1'b1;

  reg          run_q, x_fill_q, w_fill_q;
  reg          pending_q;            // a tile's sums are on their way or being shifted out
  reg          drain_q;
  reg [31:0]   k_q, k_left_q, tiles_q;
  reg [RW-1:0] row_q;

  wire x_here = x_fill_q || x_valid_i;
  wire w_here = w_fill_q || w_valid_i;
  wire k_end  = k_left_q == 32'd1;
  wire room   = run_q && en_i && !(k_end && pending_q);
  wire beat   = room && x_here && w_here;

  assign x_ready_o = room && w_here && !x_fill_q;
  assign w_ready_o = room && x_here && !w_fill_q;
  assign x_o       = x_fill_q ? {XBits{1'b0}} : x_data_i;
  assign w_o       = w_fill_q ? {WBits{1'b0}} : w_data_i;
  assign valid_o   = beat;
  assign first_o   = k_left_q == k_q;
  assign last_o    = k_end;
  assign x_early_o = beat && !x_fill_q && x_last_i && !k_end;
  assign x_late_o  = beat && !x_fill_q && !x_last_i && k_end;
  assign w_early_o = beat && !w_fill_q && w_last_i && !k_end;
  assign w_late_o  = beat && !w_fill_q && !w_last_i && k_end;
  assign x_stall_o = room && !x_here;
  assign w_stall_o = room && !w_here;

  // A tile's sums stand in the cells Latency enabled cycles after its last beat.
  reg  [Latency-1:0] ended_q;
  wire               ripe = ended_q[Latency-1];
  wire               drain_end = shift_o && row_q == LastRow;
  assign shift_o = en_i && (ripe || drain_q);
  assign end_o   = drain_end && !run_q;
  assign busy_o  = run_q || pending_q;

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      {run_q, x_fill_q, w_fill_q, pending_q, drain_q} <= 5'd0;
      {k_q, k_left_q, tiles_q} <= 96'd0;
      row_q   <= {RW{1'b0}};
      ended_q <= {Latency{1'b0}};
    end else if (abort_i) begin
      {run_q, x_fill_q, w_fill_q, pending_q, drain_q} <= 5'd0;
      row_q   <= {RW{1'b0}};
      ended_q <= {Latency{1'b0}};
    end else begin
      if (start_i && !busy_o) begin
        run_q    <= 1'b1;
        k_q      <= k_i;
        k_left_q <= k_i;
        tiles_q  <= tiles_i;
      end
      if (beat) begin
        k_left_q <= k_end ? k_q : k_left_q - 32'd1;
        x_fill_q <= !k_end && (x_fill_q || x_last_i);
        w_fill_q <= !k_end && (w_fill_q || w_last_i);
        if (k_end) begin
          tiles_q <= tiles_q - 32'd1;
          if (tiles_q == 32'd1) run_q <= 1'b0;
        end
      end
      if (beat && k_end) pending_q <= 1'b1;
      else if (drain_end) pending_q <= 1'b0;
      if (en_i) begin
        ended_q <= {ended_q[Latency-2:0], beat && k_end};
        if (shift_o) begin
          drain_q <= !drain_end;
          row_q   <= drain_end ? {RW{1'b0}} : row_q + 1'b1;
        end
      end
    end
endmodule

`default_nettype wire
