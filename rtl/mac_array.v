// mac_array: a systolic array with its streams, accumulators, requantizers and registers.
//
// Dataflow 0, weight-stationary.  A job: DIM_B passes (K tiles) of Rows weight beats and DIM_A
// activation beats; result beats: DIM_A rows, each Cols / Lanes beats.
//   weights      beat = a row of the tile, column c in byte c (two bytes if WW > 8)
//   activations  beat = Rows inputs of one output row, row r of the tile in byte r
// Dataflow 1, output-stationary.  A job: DIM_A tiles of Rows x Cols outputs, each of DIM_B beats of both
// streams; result beats: Rows rows a tile.
//   weights      beat = the weights of one k for Cols columns
//   activations  beat = the inputs of one k for Rows output rows
//   (output row 0 in byte 0 comes out first)
// Results: Lanes words of 32 bits, columns ascending: sign-extended codes, or accumulators with MODE.raw;
// tlast ends the job.  With PoolWidth, a job may have its codes pooled (pool.v): then there is a result per
// window, and tlast ends an image.  Everything waits while results are not taken.  A job is set up while
// another runs; it starts when the other has left the pipeline: mode and parameters are the whole array's.
`default_nettype none

module mac_array #(
  parameter Dataflow = 0,
  parameter Rows = 8,
  parameter Cols = 8,        // up to 192
  parameter Lanes = 8,       // requantizers; divides Cols
  parameter XW = 8,          // 2..16
  parameter WW = 8,          // 2..16
  parameter AccW = 32,       // XW + WW + 1..32
  parameter AccDepth = 256,  // weight-stationary: the largest DIM_A; at least 2
  parameter Signed = 1,
  parameter Order = 0,
  parameter RunTimeMode = 0,
  parameter RowSum = 0,
  parameter PoolWidth = 0,   // most windows in a row; 0: no pooling unit
  parameter XByte = (XW + 7) / 8 * 8,    // derived
  parameter WByte = (WW + 7) / 8 * 8     // derived
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  input  wire [11:0]           s_axil_awaddr,
  input  wire                  s_axil_awvalid,
  output wire                  s_axil_awready,
  input  wire [31:0]           s_axil_wdata,
  input  wire [3:0]            s_axil_wstrb,
  input  wire                  s_axil_wvalid,
  output wire                  s_axil_wready,
  output wire [1:0]            s_axil_bresp,
  output wire                  s_axil_bvalid,
  input  wire                  s_axil_bready,
  input  wire [11:0]           s_axil_araddr,
  input  wire                  s_axil_arvalid,
  output wire                  s_axil_arready,
  output wire [31:0]           s_axil_rdata,
  output wire [1:0]            s_axil_rresp,
  output wire                  s_axil_rvalid,
  input  wire                  s_axil_rready,
  input  wire [Cols*WByte-1:0] s_axis_w_tdata,
  input  wire                  s_axis_w_tvalid,
  output wire                  s_axis_w_tready,
  input  wire                  s_axis_w_tlast,
  input  wire [Rows*XByte-1:0] s_axis_x_tdata,
  input  wire                  s_axis_x_tvalid,
  output wire                  s_axis_x_tready,
  input  wire                  s_axis_x_tlast,
  output wire [Lanes*32-1:0]   m_axis_y_tdata,
  output wire                  m_axis_y_tvalid,
  input  wire                  m_axis_y_tready,
  output wire                  m_axis_y_tlast
);
  localparam Words = Cols + RowSum;
  localparam PoolTaps = 9;
  localparam PoolW = 231 + 38 * PoolTaps;

  // --- registers --------------------------------------------------------------------
  wire        abort, job_waits, done, busy, core_busy, out_empty, out_full;
  wire        x_early, x_late, w_early, w_late, x_stall, w_stall, bank_over, cell_over,
              order, raw, pool_error, pool_idle, out_valid, out_ready, out_last;
  wire [7:0]  mode;
  wire [31:0] dim_a, dim_b, zero, lo, hi;
  wire [Cols*32-1:0] bias, mult;
  wire [Cols*6-1:0]  shift;
  wire [Cols*9-1:0]  wzero;

  wire start = job_waits && !busy;
  axil_regs #(
    .Rows(Rows), .Cols(Cols), .Lanes(Lanes), .XW(XW), .WW(WW), .AccW(AccW),
    .AccDepth(Dataflow == 0 ? AccDepth : 0), .Signed(Signed), .Order(Order),
    .RunTimeMode(RunTimeMode), .Features(RowSum), .PoolWidth(PoolWidth), .PoolTaps(PoolTaps)
  ) u_regs (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .s_axil_awaddr(s_axil_awaddr), .s_axil_awvalid(s_axil_awvalid), .s_axil_awready(s_axil_awready),
    .s_axil_wdata(s_axil_wdata), .s_axil_wstrb(s_axil_wstrb), .s_axil_wvalid(s_axil_wvalid),
    .s_axil_wready(s_axil_wready), .s_axil_bresp(s_axil_bresp), .s_axil_bvalid(s_axil_bvalid),
    .s_axil_bready(s_axil_bready), .s_axil_araddr(s_axil_araddr), .s_axil_arvalid(s_axil_arvalid),
    .s_axil_arready(s_axil_arready), .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp),
    .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(s_axil_rready),
    .abort_o(abort), .start_o(job_waits), .taken_i(start), .busy_i(busy), .done_i(done),
    .error_i({cell_over, bank_over, 1'b0, w_late, w_early, x_late, x_early}), .pool_error_i(pool_error),
    .x_stall_i(x_stall), .w_stall_i(w_stall), .y_stall_i(out_full),
    .mode_o(set_mode), .order_o(set_order), .raw_o(set_raw), .dim_a_o(dim_a), .dim_b_o(dim_b),
    .zero_o(set_zero), .lo_o(set_lo), .hi_o(set_hi),
    .columns_o(set_columns), .pool_o(set_pool)
  );

  // What a job carries besides its dimensions, kept while it runs: the registers may already
  // hold the next job's.
  wire [7:0]  set_mode;
  wire        set_order, set_raw;
  wire [31:0] set_zero, set_lo, set_hi;
  wire [Cols*79-1:0] set_columns;
  wire [PoolW-1:0]   set_pool;
  reg  [105:0]       job_q;
  reg  [Cols*79-1:0] columns_q;
  always @(posedge clk_i) if (start) begin
    job_q     <= {set_mode, set_order, set_raw, set_zero, set_lo, set_hi};
    columns_q <= set_columns;
  end
  assign {mode, order, raw, zero, lo, hi} = job_q;
  assign {bias, mult, shift, wzero} = columns_q;

  // --- streams, whole bytes to operand widths ------------------------------------------
  wire [Rows*XW-1:0] x_beat, x;
  wire [Cols*WW-1:0] w_beat, w;
  genvar i;
  generate
    for (i = 0; i < Rows; i = i + 1) begin : g_x
      assign x_beat[i*XW +: XW] = s_axis_x_tdata[i*XByte +: XW];
      if (XByte > XW) begin : g_rest
        wire unused = &{1'b0, s_axis_x_tdata[i*XByte + XW +: XByte - XW]};
      end
    end
    for (i = 0; i < Cols; i = i + 1) begin : g_w
      assign w_beat[i*WW +: WW] = s_axis_w_tdata[i*WByte +: WW];
      if (WByte > WW) begin : g_rest
        wire unused = &{1'b0, s_axis_w_tdata[i*WByte + WW +: WByte - WW]};
      end
    end
  endgenerate

  // --- array, one of two -----------------------------------------------------------------
  wire                  en = !out_full;
  wire [Words*AccW-1:0] y, row;
  wire                  push, push_last;

  generate
    if (Dataflow == 0) begin : g_ws
      localparam RowW = AccDepth > 1 ? $clog2(AccDepth) : 1;
      wire [Rows-1:0] w_we;
      wire            next, read, add, first, last, ends, over;
      wire [RowW-1:0] read_row, add_row;
      ctrl_ws #(.Rows(Rows), .Cols(Cols), .RowSum(RowSum), .RowW(RowW), .XBits(Rows*XW), .WBits(Cols*WW))
        u_ctrl (
        .clk_i(clk_i), .rst_ni(rst_ni), .abort_i(abort), .start_i(start),
        .rows_i(dim_a), .k_tiles_i(dim_b), .busy_o(core_busy),
        .w_valid_i(s_axis_w_tvalid), .w_ready_o(s_axis_w_tready), .w_data_i(w_beat),
        .w_last_i(s_axis_w_tlast),
        .x_valid_i(s_axis_x_tvalid), .x_ready_o(s_axis_x_tready), .x_data_i(x_beat),
        .x_last_i(s_axis_x_tlast),
        .en_i(en), .w_we_o(w_we), .w_o(w), .x_o(x), .next_o(next),
        .read_o(read), .read_row_o(read_row), .add_o(add), .add_row_o(add_row), .first_o(first),
        .last_o(last),
        .end_o(ends), .x_early_o(x_early), .x_late_o(x_late), .w_early_o(w_early), .w_late_o(w_late),
        .x_stall_o(x_stall), .w_stall_o(w_stall)
      );
      array_ws #(.Rows(Rows), .Cols(Cols), .XW(XW), .WW(WW), .AccW(AccW), .Signed(Signed), .RowSum(RowSum))
        u_array (
        .clk_i(clk_i), .en_i(en), .w_we_i(w_we), .w_i(w), .mode_i(mode), .order_i(order),
        .next_i(next), .x_i(x), .y_o(y), .over_o(over)
      );
      acc_bank #(.Words(Words), .AccW(AccW), .Depth(AccDepth), .RowW(RowW), .RowSum(RowSum)) u_acc (
        .clk_i(clk_i), .en_i(en), .read_i(read), .row_i(read_row), .add_i(add), .add_row_i(add_row),
        .first_i(first), .last_i(last), .y_i(y), .out_valid_o(push), .out_o(row), .overflow_o(bank_over)
      );
      assign push_last = ends;
      assign cell_over = en && add && over;
    end else begin : g_os
      wire               valid, first, last, over;
      wire [Rows*XW-1:0] x_up;
      for (i = 0; i < Rows; i = i + 1) begin : g_up
        assign x_up[i*XW +: XW] = x[(Rows-1-i)*XW +: XW];   // byte 0 to the bottom, out first
      end
      ctrl_os #(.Rows(Rows), .Cols(Cols), .RowSum(RowSum), .XBits(Rows*XW), .WBits(Cols*WW)) u_ctrl (
        .clk_i(clk_i), .rst_ni(rst_ni), .abort_i(abort), .start_i(start),
        .tiles_i(dim_a), .k_i(dim_b), .busy_o(core_busy),
        .w_valid_i(s_axis_w_tvalid), .w_ready_o(s_axis_w_tready), .w_data_i(w_beat),
        .w_last_i(s_axis_w_tlast),
        .x_valid_i(s_axis_x_tvalid), .x_ready_o(s_axis_x_tready), .x_data_i(x_beat),
        .x_last_i(s_axis_x_tlast),
        .en_i(en), .w_o(w), .x_o(x), .valid_o(valid), .first_o(first), .last_o(last),
        .shift_o(push), .end_o(push_last),
        .x_early_o(x_early), .x_late_o(x_late), .w_early_o(w_early), .w_late_o(w_late),
        .x_stall_o(x_stall), .w_stall_o(w_stall)
      );
      array_os #(.Rows(Rows), .Cols(Cols), .XW(XW), .WW(WW), .AccW(AccW), .Signed(Signed), .RowSum(RowSum))
        u_array (
        .clk_i(clk_i), .en_i(en), .mode_i(mode), .order_i(order),
        .valid_i(valid), .first_i(first), .last_i(last), .x_i(x_up), .w_i(w), .shift_i(push), .y_o(y),
        .over_o(over)
      );
      assign row       = y;
      assign bank_over = 1'b0;
      assign cell_over = push && over;
    end
  endgenerate

  out_stage #(.Cols(Cols), .AccW(AccW), .Lanes(Lanes), .RowSum(RowSum)) u_out (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(abort),
    .push_i(push && en), .push_last_i(push_last), .row_i(row), .full_o(out_full), .empty_o(out_empty),
    .bias_i(bias), .mult_i(mult), .shift_i(shift), .wzero_i(wzero),
    .zero_i(zero), .lo_i(lo), .hi_i(hi), .raw_i(raw),
    .tvalid_o(out_valid), .tready_i(out_ready), .tdata_o(out_data), .tlast_o(out_last)
  );

  // --- pooling ------------------------------------------------------------------------------
  wire [Lanes*32-1:0] out_data;
  generate
    if (PoolWidth != 0) begin : g_pool
      reg  [PoolW-4:0] pool_q;
      reg  [1:0]       kind;
      reg              start_q, restart;
      always @(posedge clk_i) if (start) pool_q <= set_pool[PoolW-4:0];
      always @(posedge clk_i or negedge rst_ni)
        if (!rst_ni) {start_q, restart, kind} <= 4'd0;
        else begin
          start_q <= start;
          if (start) {restart, kind} <= set_pool[PoolW-1 -: 3];
        end
      wire [5:0]  kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
      wire [15:0] in_h, in_w, out_h, out_w;
      wire [31:0] count, pool_zero, pool_lo, pool_hi;
      wire [PoolTaps*32-1:0] pool_mult;
      wire [PoolTaps*6-1:0]  pool_shift;
      assign {kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, in_w, in_h, out_w, out_h,
              count, pool_zero, pool_lo, pool_hi, pool_mult, pool_shift} = pool_q;
      wire                pool_on = kind != 2'd0;
      wire                pool_ready, pool_valid, pool_last, pool_done;
      wire [Lanes*9-1:0]  codes;
      wire [Lanes*32-1:0] pool_data;
      for (i = 0; i < Lanes; i = i + 1) begin : g_code
        assign codes[i*9 +: 9] = out_data[i*32 +: 9];
      end
      pool #(.Lanes(Lanes), .Beats(Cols / Lanes), .Width(PoolWidth), .Taps(PoolTaps)) u_pool (
        .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(abort), .on_i(pool_on), .average_i(kind[1]),
        .kernel_h_i(kernel_h), .kernel_w_i(kernel_w), .stride_h_i(stride_h), .stride_w_i(stride_w),
        .pad_top_i(pad_top), .pad_left_i(pad_left), .in_h_i(in_h), .in_w_i(in_w), .out_h_i(out_h),
        .out_w_i(out_w), .count_i(count), .zero_in_i(zero[8:0]), .zero_i(pool_zero), .lo_i(pool_lo),
        .hi_i(pool_hi), .mult_i(pool_mult), .shift_i(pool_shift), .start_i(start_q && pool_on),
        .restart_i(restart), .valid_i(out_valid), .ready_o(pool_ready), .last_i(out_last), .data_i(codes),
        .tvalid_o(pool_valid), .tready_i(m_axis_y_tready), .tdata_o(pool_data), .tlast_o(pool_last),
        .idle_o(pool_idle), .done_o(pool_done), .error_o(pool_error)
      );
      assign out_ready = pool_on ? pool_ready : m_axis_y_tready;
      assign {m_axis_y_tvalid, m_axis_y_tlast, m_axis_y_tdata} =
        pool_on ? {pool_valid, pool_last, pool_data} : {out_valid, out_last, out_data};
      assign done = pool_on ? pool_done : out_valid && out_ready && out_last;
    end else begin : g_no_pool
      wire unused = &{1'b0, set_pool};
      assign {pool_error, pool_idle} = 2'b01;
      assign out_ready = m_axis_y_tready;
      assign {m_axis_y_tvalid, m_axis_y_tlast, m_axis_y_tdata} = {out_valid, out_last, out_data};
      assign done = out_valid && out_ready && out_last;
    end
  endgenerate

  assign busy = core_busy || !out_empty || !pool_idle;
endmodule

`default_nettype wire
