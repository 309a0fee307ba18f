// ctrl_ws: feeds a weight-stationary array.  A job is k_tiles_i passes of rows_i beats of activations
// over Rows weight rows each; the last pass gives the results.  Weights of the next pass load while a
// pass runs.
//
// Streams are framed by tlast: weights every Rows beats, activations every rows_i beats.  A frame that
// ends early is filled with zero beats, one that does not end is cut; both are reported.  So a job
// ends whatever the framing; one whose stream dries up ends by abort_i (the register file's time-out).
`default_nettype none

module ctrl_ws #(
  parameter Rows = 8,
  parameter Cols = 8,
  parameter RowSum = 0,
  parameter RowW = 8,      // bits of a row number within a pass
  parameter XBits = 64,    // of an activation beat
  parameter WBits = 64
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             abort_i,
  // jobs
  input  wire             start_i,        // taken when !busy_o
  input  wire [31:0]      rows_i,         // 1..2^RowW
  input  wire [31:0]      k_tiles_i,      // 1..
  output wire             busy_o,         // not all of the job's beats are in, or some are on their way
  // streams
  input  wire             w_valid_i,
  output wire             w_ready_o,
  input  wire [WBits-1:0] w_data_i,
  input  wire             w_last_i,
  input  wire             x_valid_i,
  output wire             x_ready_o,
  input  wire [XBits-1:0] x_data_i,
  input  wire             x_last_i,
  // array
  input  wire             en_i,           // the array moves in this cycle
  output wire [Rows-1:0]  w_we_o,
  output wire [WBits-1:0] w_o,
  output wire [XBits-1:0] x_o,
  output wire             next_o,
  // accumulators, as their sums come out of the array
  output wire             read_o,
  output wire [RowW-1:0]  read_row_o,
  output wire             add_o,
  output wire [RowW-1:0]  add_row_o,
  output wire             first_o,
  output wire             last_o,
  output wire             end_o,          // with the job's last row
  // events, for counters and error flags
  output wire             x_early_o,
  output wire             x_late_o,
  output wire             w_early_o,
  output wire             w_late_o,
  output wire             x_stall_o,      // the array could take activations and has none
  output wire             w_stall_o       // it waits for weights
);
  localparam Latency = Rows + Cols + RowSum;
  localparam AgeW = $clog2(Rows + Cols + RowSum + 2);
  localparam RW = Rows > 1 ? $clog2(Rows) : 1;
  localparam [RW-1:0] LastRow = Rows[RW-1:0] - 1'b1;
  localparam [Rows-1:0] RowZero = ~({Rows{1'b1}} << 1);

  // --- weights ---------------------------------------------------------------
  reg             w_busy_q;          // weight tiles of this job are still to come
  reg [31:0]      w_tiles_q;         // that many
  reg [RW-1:0]    w_row_q;
  reg             w_fill_q;          // the frame ended early: zeros for the rest
  reg             shadow_full_q;
  reg [AgeW-1:0]  age_q;             // enabled cycles since next_o, stops at its highest value
  wire            take_shadow;

  wire [AgeW-1:0] free_at = Cols[AgeW-1:0] + RowSum[AgeW-1:0] + {{(AgeW-RW){1'b0}}, w_row_q};
  wire w_room  = w_busy_q && !shadow_full_q && age_q > free_at;
  wire w_beat  = w_room && (w_fill_q || w_valid_i);
  wire w_end   = w_row_q == LastRow;
  assign w_ready_o = w_room && !w_fill_q;
  assign w_o       = w_fill_q ? {WBits{1'b0}} : w_data_i;
  assign w_early_o = w_beat && !w_fill_q && w_last_i && !w_end;
  assign w_late_o  = w_beat && !w_fill_q && !w_last_i && w_end;

  assign w_we_o = {Rows{w_beat}} & (RowZero << w_row_q);

  // --- activations -----------------------------------------------------------
  reg             x_busy_q;
  reg [31:0]      x_tiles_q;         // passes that have not ended
  reg [31:0]      rows_q;
  reg [RowW-1:0]  row_q;
  reg             x_fill_q, first_pass_q;

  wire pass_begins = row_q == {RowW{1'b0}};
  wire x_room  = x_busy_q && en_i && (!pass_begins || shadow_full_q);
  wire x_beat  = x_room && (x_fill_q || x_valid_i);
  wire x_end   = {{(32-RowW){1'b0}}, row_q} == rows_q - 32'd1;
  assign x_ready_o = x_room && !x_fill_q;
  assign x_o       = x_fill_q ? {XBits{1'b0}} : x_data_i;
  assign next_o    = x_beat && pass_begins;
  assign x_early_o = x_beat && !x_fill_q && x_last_i && !x_end;
  assign x_late_o  = x_beat && !x_fill_q && !x_last_i && x_end;
  assign x_stall_o = x_room && !x_beat;
  assign w_stall_o = x_busy_q && en_i && pass_begins && !shadow_full_q;
  assign take_shadow = next_o;

  wire start = start_i && !busy_o;
  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      {w_busy_q, w_fill_q, shadow_full_q, x_busy_q, x_fill_q, first_pass_q} <= 6'd0;
      {w_tiles_q, x_tiles_q, rows_q} <= 96'd0;
      w_row_q <= {RW{1'b0}};
      row_q   <= {RowW{1'b0}};
      age_q   <= {AgeW{1'b1}};
    end else if (abort_i) begin
      {w_busy_q, w_fill_q, shadow_full_q, x_busy_q, x_fill_q, first_pass_q} <= 6'd0;
      w_row_q <= {RW{1'b0}};
      row_q   <= {RowW{1'b0}};
      age_q   <= {AgeW{1'b0}};
    end else begin
      if (next_o) age_q <= {AgeW{1'b0}};
      else if (en_i && age_q != {AgeW{1'b1}}) age_q <= age_q + 1'b1;

      if (start) begin
        w_busy_q     <= 1'b1;
        w_tiles_q    <= k_tiles_i;
        x_busy_q     <= 1'b1;
        x_tiles_q    <= k_tiles_i;
        rows_q       <= rows_i;
        first_pass_q <= 1'b1;
      end

      if (w_beat) begin
        w_row_q <= w_end ? {RW{1'b0}} : w_row_q + 1'b1;
        if (w_end) w_fill_q <= 1'b0;
        else if (w_last_i) w_fill_q <= 1'b1;
        if (w_end) begin
          w_tiles_q <= w_tiles_q - 32'd1;
          if (w_tiles_q == 32'd1) w_busy_q <= 1'b0;
        end
      end
      if (w_beat && w_end) shadow_full_q <= 1'b1;
      else if (take_shadow) shadow_full_q <= 1'b0;

      if (x_beat) begin
        row_q <= x_end ? {RowW{1'b0}} : row_q + 1'b1;
        if (x_end) x_fill_q <= 1'b0;
        else if (x_last_i) x_fill_q <= 1'b1;
        if (x_end) begin
          first_pass_q <= 1'b0;
          x_tiles_q    <= x_tiles_q - 32'd1;
          if (x_tiles_q == 32'd1) x_busy_q <= 1'b0;
        end
      end
    end

  // --- what comes out of the array, and when -----------------------------------
  // valid_q[i]: i + 1 enabled cycles ago a beat went in.
  reg  [Latency-1:0] valid_q;
  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) valid_q <= {Latency{1'b0}};
    else if (abort_i) valid_q <= {Latency{1'b0}};
    else if (en_i) valid_q <= {valid_q[Latency-2:0], x_beat};

  wire [RowW+2:0] tag_early, tag;
  delay_line #(.Width(RowW + 3), .Depth(Latency - 1)) u_tag (
    .clk_i(clk_i), .en_i(en_i),
    .d_i({x_end && x_tiles_q == 32'd1, first_pass_q, x_tiles_q == 32'd1, row_q}), .q_o(tag_early)
  );
  delay_line #(.Width(RowW + 3), .Depth(1)) u_tag_late (
    .clk_i(clk_i), .en_i(en_i), .d_i(tag_early), .q_o(tag)
  );
  assign read_o     = valid_q[Latency-2];
  assign read_row_o = tag_early[RowW-1:0];
  assign add_o      = valid_q[Latency-1];
  assign add_row_o  = tag[RowW-1:0];
  assign last_o     = tag[RowW];
  assign first_o    = tag[RowW+1];
  assign end_o      = tag[RowW+2];
  assign busy_o     = w_busy_q || x_busy_q || valid_q != {Latency{1'b0}};
endmodule

`default_nettype wire
