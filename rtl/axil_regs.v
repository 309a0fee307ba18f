// axil_regs: the register file of mac_array, an AXI4-Lite slave; "axmul gen array" writes its
// map.  One transfer at a time in each direction.  An access to an address that has no
// register, a write to a read-only one, or to the set-up of a job that waits, answers
// SLVERR, raises error bit 7 and changes nothing.  Byte strobes are honoured.
`default_nettype none

module axil_regs #(
  parameter Rows = 8,
  parameter Cols = 8,
  parameter Lanes = 8,
  parameter XW = 8,
  parameter WW = 8,
  parameter AccW = 32,
  parameter AccDepth = 256,     // 0: output-stationary
  parameter Signed = 1,
  parameter Order = 0,          // 0: the weight is operand b, 1: a, 2: set at run time
  parameter RunTimeMode = 0,    // the multiplier has mode bits
  parameter Features = 0,       // bit 0: row sums
  parameter PoolWidth = 0,      // 0: no pooling unit
  parameter PoolTaps = 9,
  parameter PoolW = 231 + 38 * PoolTaps    // derived
) (
  input  wire        clk_i,
  input  wire        rst_ni,
  // AXI4-Lite
  input  wire [11:0] s_axil_awaddr,
  input  wire        s_axil_awvalid,
  output wire        s_axil_awready,
  input  wire [31:0] s_axil_wdata,
  input  wire [3:0]  s_axil_wstrb,
  input  wire        s_axil_wvalid,
  output wire        s_axil_wready,
  output wire [1:0]  s_axil_bresp,
  output wire        s_axil_bvalid,
  input  wire        s_axil_bready,
  input  wire [11:0] s_axil_araddr,
  input  wire        s_axil_arvalid,
  output wire        s_axil_arready,
  output wire [31:0] s_axil_rdata,
  output wire [1:0]  s_axil_rresp,
  output wire        s_axil_rvalid,
  input  wire        s_axil_rready,
  // the core
  output wire        abort_o,
  output wire        start_o,       // a job waits; its set-up is below
  input  wire        taken_i,       // and was taken in this cycle
  input  wire        busy_i,
  input  wire        done_i,        // a job ended
  input  wire [6:0]  error_i,       // sets error bits 0..6
  input  wire        pool_error_i,  // bit 9
  input  wire        x_stall_i,
  input  wire        w_stall_i,
  input  wire        y_stall_i,
  output wire [7:0]  mode_o,
  output wire        order_o,
  output wire        raw_o,
  output wire [31:0] dim_a_o,
  output wire [31:0] dim_b_o,
  output wire [31:0] zero_o,
  output wire [31:0] lo_o,
  output wire [31:0] hi_o,
  output wire [Cols*79-1:0] columns_o,   // all biases, all multipliers, all shifts, all zero points
  output wire [PoolW-1:0]   pool_o       // as pool_regs has it
);
  localparam [9:0] ID = 10'h000, VERSION = 10'h001, DIMS = 10'h002, CONFIG = 10'h003,
                   DEPTH = 10'h004, WIDTHS = 10'h005,
                   CTRL = 10'h008, STATUS = 10'h009, ERROR = 10'h00a, MODE = 10'h00b, DIM_A = 10'h00c,
                   DIM_B = 10'h00d, ZERO = 10'h00e, LO = 10'h00f, HI = 10'h010, TIMEOUT = 10'h011,
                   CYCLES_LO = 10'h014, CYCLES_HI = 10'h015, STALL_X = 10'h016, STALL_W = 10'h017,
                   STALL_Y = 10'h018;
  localparam [31:0] RowsC = Rows, ColsC = Cols, LanesC = Lanes, XWC = XW, WWC = WW, AccWC = AccW,
                    DepthC = AccDepth, OrderC = Order;
  localparam CW = Cols > 1 ? $clog2(Cols) : 1;

  // --- registers ----------------------------------------------------------------
  reg         pending_q, stalled_q;
  reg  [15:0] jobs_q;
  reg  [9:0]  error_q;
  reg  [7:0]  mode_q;
  reg         order_q, raw_q;
  reg  [31:0] dim_a_q, dim_b_q, zero_q, lo_q, hi_q, timeout_q, idle_q;
  reg  [63:0] cycles_q;
  reg  [31:0] stall_x_q, stall_w_q, stall_y_q;
  reg  [Cols*32-1:0] bias_q, mult_q;
  reg  [Cols*6-1:0]  shift_q;
  reg  [Cols*9-1:0]  wzero_q;

  assign mode_o  = mode_q;
  assign order_o = Order == 2 ? order_q : Order == 1;
  assign raw_o   = raw_q;
  assign {dim_a_o, dim_b_o, zero_o, lo_o, hi_o} = {dim_a_q, dim_b_q, zero_q, lo_q, hi_q};
  assign columns_o = {bias_q, mult_q, shift_q, wzero_q};
  assign start_o = pending_q;

  // --- write ------------------------------------------------------------------------
  reg  b_valid_q, b_bad_q;
  wire write = s_axil_awvalid && s_axil_wvalid && !b_valid_q;
  assign s_axil_awready = write;
  assign s_axil_wready  = write;
  assign s_axil_bvalid  = b_valid_q;
  assign s_axil_bresp   = {b_bad_q, 1'b0};

  wire [9:0]    wa = s_axil_awaddr[11:2];
  wire [31:0]   wd = s_axil_wdata;
  wire [31:0]   strobe = {{8{s_axil_wstrb[3]}}, {8{s_axil_wstrb[2]}},
                          {8{s_axil_wstrb[1]}}, {8{s_axil_wstrb[0]}}};
  wire          wa_column = wa[9:8] != 2'd0;            // 0x400..: four words a column
  wire [7:0]    wa_index  = wa[9:2] - 8'h40;
  wire          wa_column_there = wa_column && {24'd0, wa_index} < ColsC;
  wire [CW-1:0] wc = wa_index[CW-1:0];
  wire          wa_pool;
  wire          wa_job = wa == MODE || wa == DIM_A || wa == DIM_B || wa == ZERO || wa == LO || wa == HI ||
                         wa_pool;
  // The set-up of a job that waits must not change.
  wire          wa_locked = (wa_job || wa_column) && pending_q;
  wire          wa_writes = wa_job || wa == CTRL || wa == ERROR || wa == TIMEOUT || wa_column_there;
  wire          write_bad = !wa_writes || wa_locked || s_axil_awaddr[1:0] != 2'd0;
  wire          write_good = write && !write_bad;

  wire ctrl       = write_good && wa == CTRL && s_axil_wstrb[0];
  wire start      = ctrl && wd[0];
  wire abort      = (ctrl && wd[1]) || (timeout_q != 32'd0 && idle_q >= timeout_q);
  wire clear      = ctrl && wd[2];
  wire start_bad  = start && (pending_q || dim_a_q == 32'd0 || dim_b_q == 32'd0 ||
                              (AccDepth != 0 && dim_a_q > DepthC) || pool_bad);
  assign abort_o  = abort;

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      {b_valid_q, b_bad_q} <= 2'd0;
    end else begin
      if (write) {b_valid_q, b_bad_q} <= {1'b1, write_bad};
      else if (s_axil_bready) b_valid_q <= 1'b0;
    end

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      {pending_q, stalled_q, order_q, raw_q} <= 4'd0;
      jobs_q  <= 16'd0;
      error_q <= 10'd0;
      mode_q  <= 8'd0;
      {dim_a_q, dim_b_q, zero_q, lo_q, hi_q, timeout_q, idle_q} <= 224'd0;
      {cycles_q, stall_x_q, stall_w_q, stall_y_q} <= 160'd0;
    end else begin
      if (abort) pending_q <= 1'b0;
      else if (start && !start_bad) pending_q <= 1'b1;
      else if (taken_i) pending_q <= 1'b0;

      error_q <= (error_q & ~(write_good && wa == ERROR ? wd[9:0] & strobe[9:0] : 10'd0)) |
                 {pool_error_i, timeout_q != 32'd0 && idle_q >= timeout_q,
                  (write && write_bad) || (read && read_bad),
                  error_i[6:5], error_i[4] || start_bad, error_i[3:0]};

      if (write_good && wa == MODE) begin
        if (s_axil_wstrb[0]) mode_q <= wd[7:0];
        if (s_axil_wstrb[1]) {raw_q, order_q} <= wd[9:8];
      end
      if (write_good && wa == DIM_A) dim_a_q <= (dim_a_q & ~strobe) | (wd & strobe);
      if (write_good && wa == DIM_B) dim_b_q <= (dim_b_q & ~strobe) | (wd & strobe);
      if (write_good && wa == ZERO) zero_q <= (zero_q & ~strobe) | (wd & strobe);
      if (write_good && wa == LO) lo_q <= (lo_q & ~strobe) | (wd & strobe);
      if (write_good && wa == HI) hi_q <= (hi_q & ~strobe) | (wd & strobe);
      if (write_good && wa == TIMEOUT) timeout_q <= (timeout_q & ~strobe) | (wd & strobe);

      // Time-out: so many cycles in a row in which a running job waited for a stream.
      stalled_q <= busy_i && (x_stall_i || w_stall_i);
      idle_q    <= stalled_q && !abort ? idle_q + 32'd1 : 32'd0;

      if (done_i) jobs_q <= jobs_q + 16'd1;
      if (clear) {cycles_q, stall_x_q, stall_w_q, stall_y_q} <= 160'd0;
      else begin
        if (busy_i) cycles_q <= cycles_q + 64'd1;
        if (busy_i && x_stall_i) stall_x_q <= stall_x_q + 32'd1;
        if (busy_i && w_stall_i) stall_w_q <= stall_w_q + 32'd1;
        if (busy_i && y_stall_i) stall_y_q <= stall_y_q + 32'd1;
      end
    end

  integer i;
  always @(posedge clk_i)
    if (write_good && wa_column)
      for (i = 0; i < Cols; i = i + 1)
        if (i[CW-1:0] == wc)
          case (wa[1:0])
            2'd0: bias_q[i*32 +: 32] <= (bias_q[i*32 +: 32] & ~strobe) | (wd & strobe);
            2'd1: mult_q[i*32 +: 32] <= (mult_q[i*32 +: 32] & ~strobe) | (wd & strobe);
            2'd2: shift_q[i*6 +: 6]  <= (shift_q[i*6 +: 6] & ~strobe[5:0]) | (wd[5:0] & strobe[5:0]);
            2'd3: wzero_q[i*9 +: 9]  <= (wzero_q[i*9 +: 9] & ~strobe[8:0]) | (wd[8:0] & strobe[8:0]);
          endcase

  // --- pooling ------------------------------------------------------------------------
  wire        ra_pool, pool_bad;
  wire [31:0] pool_data;
  generate
    if (PoolWidth != 0) begin : g_pool
      wire bad;
      pool_regs #(.Width(PoolWidth), .Taps(PoolTaps)) u_pool_regs (
        .clk_i(clk_i), .rst_ni(rst_ni), .write_i(write_good), .wa_i(wa), .wd_i(wd), .strobe_i(strobe),
        .wa_job_o(wa_pool), .ra_i(ra), .rd_o(pool_data), .ra_there_o(ra_pool), .bad_o(bad), .set_o(pool_o)
      );
      // It takes codes of nine bits with a sign.
      wire fits = (zero_q[31:8] == {24{zero_q[31]}}) && (lo_q[31:8] == {24{lo_q[31]}}) &&
                  (hi_q[31:8] == {24{hi_q[31]}});
      assign pool_bad = bad || (pool_o[PoolW-2 -: 2] != 2'd0 && (raw_q || !fits));
    end else begin : g_no_pool
      assign {wa_pool, ra_pool, pool_bad} = 3'd0;
      assign pool_data = 32'd0;
      assign pool_o    = {PoolW{1'b0}};
    end
  endgenerate

  // --- read ---------------------------------------------------------------------------
  reg         r_valid_q, r_bad_q;
  reg  [31:0] r_data_q, r_data;
  reg         read_bad;
  wire        read = s_axil_arvalid && !r_valid_q;
  wire [9:0]  ra = s_axil_araddr[11:2];
  wire [7:0]  ra_index = ra[9:2] - 8'h40;
  wire [CW-1:0] rc = ra_index[CW-1:0];
  assign s_axil_arready = read;
  assign s_axil_rvalid  = r_valid_q;
  assign s_axil_rdata   = r_data_q;
  assign s_axil_rresp   = {r_bad_q, 1'b0};

  always @* begin
    read_bad = s_axil_araddr[1:0] != 2'd0;
    r_data   = 32'd0;
    if (ra[9:8] != 2'd0) begin
      if ({24'd0, ra_index} >= ColsC) read_bad = 1'b1;
      case (ra[1:0])
        2'd0: r_data = bias_q[rc*32 +: 32];
        2'd1: r_data = mult_q[rc*32 +: 32];
        2'd2: r_data = {26'd0, shift_q[rc*6 +: 6]};
        2'd3: r_data = {{23{wzero_q[rc*9 + 8]}}, wzero_q[rc*9 +: 9]};
      endcase
    end else case (ra)
      ID:        r_data = 32'h41584d31;    // "AXM1"
      VERSION:   r_data = 32'h00010001;
      DIMS:      r_data = {ColsC[15:0], RowsC[15:0]};
      CONFIG:    r_data = {16'd0, LanesC[7:0], 1'b0, PoolWidth != 0, OrderC[1:0], RunTimeMode != 0,
                           Features != 0, Signed != 0, AccDepth == 0};
      DEPTH:     r_data = DepthC;
      WIDTHS:    r_data = {8'd0, AccWC[7:0], WWC[7:0], XWC[7:0]};
      CTRL:      r_data = 32'd0;
      STATUS:    r_data = {jobs_q, 14'd0, pending_q, busy_i};
      ERROR:     r_data = {22'd0, error_q};
      MODE:      r_data = {22'd0, raw_q, order_o, mode_q};
      DIM_A:     r_data = dim_a_q;
      DIM_B:     r_data = dim_b_q;
      ZERO:      r_data = zero_q;
      LO:        r_data = lo_q;
      HI:        r_data = hi_q;
      TIMEOUT:   r_data = timeout_q;
      CYCLES_LO: r_data = cycles_q[31:0];
      CYCLES_HI: r_data = cycles_q[63:32];
      STALL_X:   r_data = stall_x_q;
      STALL_W:   r_data = stall_w_q;
      STALL_Y:   r_data = stall_y_q;
      default: begin
        r_data = pool_data;
        if (!ra_pool) read_bad = 1'b1;
      end
    endcase
  end

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      {r_valid_q, r_bad_q} <= 2'd0;
      r_data_q <= 32'd0;
    end else if (read) begin
      {r_valid_q, r_bad_q} <= {1'b1, read_bad};
      r_data_q <= r_data;
    end else if (s_axil_rready) begin
      r_valid_q <= 1'b0;
    end
endmodule

`default_nettype wire
