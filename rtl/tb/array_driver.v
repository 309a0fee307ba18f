// array_driver: drives and checks mac_array in simulation.  Random jobs, back to back, with random stalls on
// all ports; then a stream that dries up, an abort and a job that waits.  What must come out is worked out
// from `ref_unit`, the multiplier's behavioural definition, before the clock starts.
//
// Plusargs: +seed=N, +jobs=N (1..MaxJobs).  Ends with one line: "PASS ..." or "FAIL ...".
`default_nettype none

module array_driver #(
  parameter Dataflow = 0,
  parameter Rows = 8,
  parameter Cols = 8,
  parameter Lanes = 8,
  parameter XW = 8,
  parameter WW = 8,
  parameter AccW = 32,
  parameter AccDepth = 256,
  parameter Signed = 1,
  parameter Order = 0,
  parameter RunTimeMode = 0,
  parameter RowSum = 0,
  parameter PoolWidth = 0,
  parameter ModeBits0 = 0,      // of the multiplier's run-time parameters, and their highest values
  parameter ModeTop0 = 0,
  parameter ModeBits1 = 0,
  parameter ModeTop1 = 0,
  parameter MaxJobs = 64,
  parameter XByte = (XW + 7) / 8 * 8,
  parameter WByte = (WW + 7) / 8 * 8
) (
  output reg                   clk_i,
  output reg                   rst_ni,
  output reg  [11:0]           s_axil_awaddr,
  output reg                   s_axil_awvalid,
  input  wire                  s_axil_awready,
  output reg  [31:0]           s_axil_wdata,
  output reg  [3:0]            s_axil_wstrb,
  output reg                   s_axil_wvalid,
  input  wire                  s_axil_wready,
  input  wire [1:0]            s_axil_bresp,
  input  wire                  s_axil_bvalid,
  output reg                   s_axil_bready,
  output reg  [11:0]           s_axil_araddr,
  output reg                   s_axil_arvalid,
  input  wire                  s_axil_arready,
  input  wire [31:0]           s_axil_rdata,
  input  wire [1:0]            s_axil_rresp,
  input  wire                  s_axil_rvalid,
  output reg                   s_axil_rready,
  output reg  [Cols*WByte-1:0] s_axis_w_tdata,
  output reg                   s_axis_w_tvalid,
  input  wire                  s_axis_w_tready,
  output reg                   s_axis_w_tlast,
  output reg  [Rows*XByte-1:0] s_axis_x_tdata,
  output reg                   s_axis_x_tvalid,
  input  wire                  s_axis_x_tready,
  output reg                   s_axis_x_tlast,
  input  wire [Lanes*32-1:0]   m_axis_y_tdata,
  input  wire                  m_axis_y_tvalid,
  output reg                   m_axis_y_tready,
  input  wire                  m_axis_y_tlast
);
  localparam Jobs = MaxJobs + 6;
  localparam Beats = Cols / Lanes;
  localparam MaxM = AccDepth < 64 ? AccDepth : 64;     // weight-stationary: rows of a job
  localparam MaxFrame = Dataflow == 0 ? (MaxM > Rows ? MaxM : Rows) : 16;
  localparam MaxTiles = 3;
  localparam MaxBeats = MaxTiles * MaxFrame;
  localparam MaxRows = Dataflow == 0 ? MaxM : MaxTiles * Rows;
  localparam MaxY = MaxRows * Beats;

  localparam [11:0] CTRL = 12'h020, STATUS = 12'h024, ERROR = 12'h028, MODE = 12'h02c, DIM_A = 12'h030,
                    DIM_B = 12'h034, ZERO = 12'h038, LO = 12'h03c, HI = 12'h040, TIMEOUT = 12'h044,
                    CYCLES = 12'h050, POOL = 12'h084, POOL_TAPS = 12'h100;
  localparam [8:0] BANK_OVER = 9'h020, CELL_OVER = 9'h040;

  // --- the oracle ---------------------------------------------------------------------
  reg  [WW-1:0]    ref_w;
  reg  [XW-1:0]    ref_x;
  reg              ref_order;
  reg  [7:0]       ref_mode;
  wire [WW+XW-1:0] ref_p;
  ref_unit u_ref (.w_i(ref_w), .x_i(ref_x), .order_i(ref_order), .mode_i(ref_mode), .p_o(ref_p));

  // --- jobs -----------------------------------------------------------------------------
  reg [Rows*XByte:0] x_mem [0:Jobs*MaxBeats];    // {tlast, data}, all jobs one after the other
  reg [Cols*WByte:0] w_mem [0:Jobs*MaxBeats];
  reg [Lanes*32+1:0] y_mem [0:Jobs*MaxY];        // {the job's last, tlast, data}
  integer x_end [0:Jobs], w_end [0:Jobs], y_end [0:Jobs];    // of job j - 1
  reg [31:0] dim_a [0:Jobs-1], dim_b [0:Jobs-1], zero [0:Jobs-1], lo [0:Jobs-1], hi [0:Jobs-1];
  reg [9:0]  mode [0:Jobs-1];
  // Pooling: the registers POOL to POOL_HI as they are written, ten a job, and the table.
  localparam P = 10, Taps = 9;
  reg [31:0] pool [0:Jobs*P-1], pool_mult [0:Jobs*Taps-1];
  reg [5:0]  pool_shift [0:Jobs*Taps-1];
  reg [31:0] codes [0:MaxRows*Cols-1];           // of the job being made
  reg [3:0]  framing [0:Jobs-1];                 // the error flags that its framing raises,
  reg [8:0]  over [0:Jobs-1];                    // and those of its sums
  reg [31:0] bias [0:Jobs*Cols-1], mult [0:Jobs*Cols-1];
  reg [5:0]  shift [0:Jobs*Cols-1];
  reg [8:0]  wzero [0:Jobs*Cols-1];
  reg [Rows*XByte-1:0] ex [0:MaxBeats-1];        // of the job being made: what the array takes in
  reg [Cols*WByte-1:0] ew [0:MaxBeats-1];

  integer seed, jobs, total, failures;
  integer x_seed, w_seed, y_seed, b_seed;

  function integer below(input integer random, input integer n);
    begin
      below = $unsigned(random) % n;
      if (below < 0) below = below + n;
    end
  endfunction

  reg [31:0] random_bits;
  integer    i_random;
  reg        quiet;       // a job whose sums stay small
  task make_operand;    // uniform, now and then an extreme one
    begin
      random_bits = $random(seed);
      if (quiet) random_bits = random_bits & 32'd1;
      else
      case (random_bits[31:28])
        4'd0: random_bits = 32'd0;
        4'd1: random_bits = 32'hffffffff;
        4'd2: random_bits = {16'd0, 16'd1 << (XW - 1)};
        4'd3: random_bits = {16'd0, 16'd1 << (WW - 1)};
        default: ;
      endcase
    end
  endtask

  // One stream's frames of job j: `tiles` of `len` beats.  fault 1: the frame `at` ends early, 2: its
  // tlast is missing.
  integer f, i, short, here;
  task make_x(input integer j, input integer tiles, input integer len, input integer fault, input integer at);
    begin
      here = x_end[j];
      short = fault == 1 ? 1 + below($random(seed), len - 1) : len;
      for (f = 0; f < tiles; f = f + 1)
        for (i = 0; i < len; i = i + 1) begin
          for (i_random = 0; i_random < Rows; i_random = i_random + 1) begin
            make_operand;
            // the rest of a byte is not looked at
            ex[f*len + i][i_random*XByte +: XByte] = random_bits[XByte-1:0];
          end
          if (f != at || i < short) begin
            x_mem[here] = {i == len - 1 || (f == at && i == short - 1), ex[f*len + i]};
            if (f == at && fault == 2 && i == len - 1) x_mem[here][Rows*XByte] = 1'b0;
            here = here + 1;
          end else ex[f*len + i] = {Rows*XByte{1'b0}};
        end
      x_end[j+1] = here;
    end
  endtask

  task make_w(input integer j, input integer tiles, input integer len, input integer fault, input integer at);
    begin
      here = w_end[j];
      short = fault == 1 ? 1 + below($random(seed), len - 1) : len;
      for (f = 0; f < tiles; f = f + 1)
        for (i = 0; i < len; i = i + 1) begin
          for (i_random = 0; i_random < Cols; i_random = i_random + 1) begin
            make_operand;
            ew[f*len + i][i_random*WByte +: WByte] = random_bits[WByte-1:0];
          end
          if (f != at || i < short) begin
            w_mem[here] = {i == len - 1 || (f == at && i == short - 1), ew[f*len + i]};
            if (f == at && fault == 2 && i == len - 1) w_mem[here][Cols*WByte] = 1'b0;
            here = here + 1;
          end else ew[f*len + i] = {Cols*WByte{1'b0}};
        end
      w_end[j+1] = here;
    end
  endtask

  // The result of row r, column c: all products, bias, zero point, requantization.
  reg signed [31:0] acc, row_sum, corrected;
  reg signed [63:0] wide;
  reg [31:0]        result;
  reg [AccW-1:0]    kept, kept_sum;
  integer           k, n_k;

  // One more addition: does it leave AccW bits, with or without a sign?
  reg signed [33:0] here_sum, pass_sum;
  reg        [33:0] here_x, pass_x;
  localparam signed [33:0] Span = 34'sd1 <<< AccW;
  function signed [33:0] wrapped(input signed [33:0] v);
    wrapped = v >= Span / 2 ? v - Span : v < -Span / 2 ? v + Span : v;
  endfunction
  task add_in_cell(input integer j);
    begin
      here_sum = pass_sum + (Signed != 0 ? $signed(ref_p) : $signed({1'b0, ref_p}));
      here_x = pass_x + ref_x;
      if (wrapped(here_sum) != here_sum || (RowSum != 0 && here_x >= Span)) over[j] = over[j] | CELL_OVER;
      pass_sum = wrapped(here_sum);
      pass_x = here_x >= Span ? here_x - Span : here_x;
    end
  endtask
  reg signed [33:0] bank_sum;
  reg        [33:0] bank_x;
  task add_in_bank(input integer j);
    begin
      here_sum = bank_sum + pass_sum;
      here_x = bank_x + pass_x;
      if (wrapped(here_sum) != here_sum || (RowSum != 0 && here_x >= Span)) over[j] = over[j] | BANK_OVER;
      bank_sum = wrapped(here_sum);
      bank_x = here_x >= Span ? here_x - Span : here_x;
      {pass_sum, pass_x} = 0;
    end
  endtask

  task make_result(input integer j, input integer r, input integer c);
    begin
      acc = 0;
      row_sum = 0;
      {pass_sum, pass_x, bank_sum, bank_x} = 0;
      n_k = Dataflow == 0 ? dim_b[j] * Rows : dim_b[j];
      {ref_order, ref_mode} = mode[j][8:0];
      for (k = 0; k < n_k; k = k + 1) begin
        if (Dataflow == 0) begin
          ref_x = ex[k / Rows * dim_a[j] + r][k % Rows * XByte +: XW];
          ref_w = ew[k][c*WByte +: WW];
        end else begin
          ref_x = ex[r / Rows * dim_b[j] + k][r % Rows * XByte +: XW];
          ref_w = ew[r / Rows * dim_b[j] + k][c*WByte +: WW];
        end
        #1;
        if (Signed != 0) acc = acc + $signed(ref_p);
        else acc = acc + ref_p;
        row_sum = row_sum + ref_x;
        add_in_cell(j);
        if (Dataflow == 0 && k % Rows == Rows - 1) add_in_bank(j);
      end
      kept = acc[AccW-1:0];
      kept_sum = row_sum[AccW-1:0];
      corrected = $signed(kept);
      if (RowSum != 0) corrected = corrected - $signed(wzero[j*Cols + c]) * $signed({1'b0, kept_sum});
      corrected = corrected + $signed(bias[j*Cols + c]);
      wide = corrected;
      wide = wide * $signed({32'd0, mult[j*Cols + c]});
      wide = wide + (64'sd1 << (shift[j*Cols + c] - 1));
      wide = wide >>> shift[j*Cols + c];
      wide = wide + $signed(zero[j]);
      if (wide < $signed(lo[j])) wide = $signed(lo[j]);
      if (wide > $signed(hi[j])) wide = $signed(hi[j]);
      result = mode[j][9] ? corrected : wide[31:0];
    end
  endtask

  // --- pooling: what to do, and what comes out of the codes -------------------------------------
  integer p_kh, p_kw, p_sh, p_sw, p_top, p_left, p_h, p_w, p_oh, p_ow, p_images, p_i, p_padded, p_fits;
  task make_window(input integer n_positions, input integer average);
    begin
      p_fits = 0;
      while (p_fits == 0) begin
        p_w = 1 + below($random(seed), n_positions < 9 ? n_positions : 9);
        p_h = 1 + below($random(seed), n_positions / p_w < 9 ? n_positions / p_w : 9);
        p_images = n_positions / (p_w * p_h);
        p_kh = 1 + below($random(seed), 5);
        p_kw = 1 + below($random(seed), 5);
        p_sh = 1 + below($random(seed), 5);
        p_sw = 1 + below($random(seed), 5);
        p_padded = below($random(seed), 2) && (average == 0 || p_kh * p_kw <= Taps);
        p_top = p_padded ? below($random(seed), p_kh) : 0;
        p_left = p_padded ? below($random(seed), p_kw) : 0;
        p_oh = (p_h + p_top + (p_padded ? below($random(seed), p_kh) : 0) - p_kh) / p_sh + 1;
        p_ow = (p_w + p_left + (p_padded ? below($random(seed), p_kw) : 0) - p_kw) / p_sw + 1;
        p_fits = p_h + p_top >= p_kh && p_w + p_left >= p_kw && p_kh <= 4 * p_sh && p_ow <= PoolWidth &&
          p_oh * p_ow * p_images <= n_positions;
      end
    end
  endtask

  reg signed [63:0] p_sum;
  integer           p_y, p_x, p_dy, p_dx, p_n, p_at;
  task pool_window(input integer j, input integer image, input integer oy, input integer ox, input integer c);
    begin
      p_sum = pool[j*P][1] ? 64'sd0 : -64'sd1000;
      p_n = 0;
      for (p_dy = 0; p_dy < p_kh; p_dy = p_dy + 1)
        for (p_dx = 0; p_dx < p_kw; p_dx = p_dx + 1) begin
          p_y = oy * p_sh - p_top + p_dy;
          p_x = ox * p_sw - p_left + p_dx;
          if (p_y >= 0 && p_y < p_h && p_x >= 0 && p_x < p_w) begin
            p_at = ((image * p_h + p_y) * p_w + p_x) * Cols + c;
            p_n = p_n + 1;
            if (pool[j*P][1]) p_sum = p_sum + $signed(codes[p_at]) - $signed(zero[j]);
            else if ($signed(codes[p_at]) > p_sum) p_sum = $signed(codes[p_at]);
          end
        end
      if (p_n > Taps) p_n = Taps;
      if (pool[j*P][1]) begin
        p_sum = p_sum * $signed({32'd0, pool_mult[j*Taps + p_n-1]});
        p_sum = (p_sum + (64'sd1 << (pool_shift[j*Taps + p_n-1] - 1))) >>> pool_shift[j*Taps + p_n-1];
        p_sum = p_sum + $signed(pool[j*P + 7]);
        if (p_sum < $signed(pool[j*P + 8])) p_sum = $signed(pool[j*P + 8]);
        if (p_sum > $signed(pool[j*P + 9])) p_sum = $signed(pool[j*P + 9]);
      end
    end
  endtask

  integer p_image, p_oy, p_ox, p_c, p_beat;
  task pool_job(input integer j);
    begin
      p_beat = y_end[j];
      for (p_image = 0; p_image < p_images; p_image = p_image + 1)
        for (p_oy = 0; p_oy < p_oh; p_oy = p_oy + 1)
          for (p_ox = 0; p_ox < p_ow; p_ox = p_ox + 1)
            for (p_c = 0; p_c < Cols; p_c = p_c + 1) begin
              pool_window(j, p_image, p_oy, p_ox, p_c);
              y_mem[p_beat][p_c % Lanes * 32 +: 32] = p_sum[31:0];
              if (p_c % Lanes == Lanes - 1) begin
                y_mem[p_beat][Lanes*32] = p_oy == p_oh - 1 && p_ox == p_ow - 1 && p_c == Cols - 1;
                y_mem[p_beat][Lanes*32 + 1] = y_mem[p_beat][Lanes*32] && p_image == p_images - 1;
                p_beat = p_beat + 1;
              end
            end
      y_end[j+1] = p_beat;
    end
  endtask

  task make_pool(input integer j, input integer n_positions);
    begin
      pool[j*P] = 32'd0;
      if (PoolWidth != 0 && !mode[j][9] && below($random(seed), 4) != 0) begin
        pool[j*P] = 32'h100 + (below($random(seed), 2) != 0 ? 32'd1 : 32'd2);
        make_window(n_positions, pool[j*P][1]);
        pool[j*P + 1] = p_kw << 16 | p_kh;
        pool[j*P + 2] = p_sw << 16 | p_sh;
        pool[j*P + 3] = p_left << 16 | p_top;
        pool[j*P + 4] = p_w << 16 | p_h;
        pool[j*P + 5] = p_ow << 16 | p_oh;
        pool[j*P + 6] = p_images * p_h * p_w;
        if (pool[j*P + 6] == n_positions && below($random(seed), 2) != 0) pool[j*P + 6] = 32'd0;
        pool[j*P + 7] = below($random(seed), 301) - 150;
        pool[j*P + 8] = -below($random(seed), 300);
        pool[j*P + 9] = below($random(seed), 300);
        if ($signed(lo[j]) < -256) lo[j] = -256;
        if (hi[j] > 255) hi[j] = 255;
        for (p_i = 0; p_i < Taps; p_i = p_i + 1) begin
          pool_mult[j*Taps + p_i] = {1'b0, {$random(seed)} >> 1};
          pool_shift[j*Taps + p_i] = 28 + below($random(seed), 8);
        end
      end
    end
  endtask

  integer c_job, r_job, n_rows, frame_x, frame_w, n_tiles, fault;
  task make_job(input integer j, input integer may_err);
    begin
      if (Dataflow == 0) begin
        dim_a[j] = j % 8 == 1 ? MaxM : j % 8 == 2 ? 1 : 1 + below($random(seed), MaxM < 12 ? MaxM : 12);
        dim_b[j] = 1 + below($random(seed), MaxTiles);
        frame_x = dim_a[j];
        frame_w = Rows;
        n_tiles = dim_b[j];
        n_rows = dim_a[j];
      end else begin
        dim_a[j] = 1 + below($random(seed), MaxTiles);
        dim_b[j] = j % 8 == 2 ? 1 : 1 + below($random(seed), MaxFrame);
        frame_x = dim_b[j];
        frame_w = dim_b[j];
        n_tiles = dim_a[j];
        n_rows = n_tiles * Rows;
      end
      // The two's complement of zero and of the limits: any integer will do.
      zero[j] = below($random(seed), 301) - 150;
      lo[j] = -below($random(seed), 300);
      hi[j] = below($random(seed), 300);
      mode[j] = {$random(seed)} % 1024;
      if (Order != 2) mode[j][8] = Order == 1;
      if (RunTimeMode != 0) begin
        mode[j][7:0] = below($random(seed), ModeTop0 + 1);
        if (ModeBits1 != 0)
          mode[j][7:0] = mode[j][7:0] | below($random(seed), ModeTop1 + 1) << ModeBits0;
      end
      for (c_job = 0; c_job < Cols; c_job = c_job + 1) begin
        bias[j*Cols + c_job] = below($random(seed), 20001) - 10000;
        mult[j*Cols + c_job] = {1'b0, {$random(seed)} >> 1};
        shift[j*Cols + c_job] = 28 + below($random(seed), XW + WW - 2);
        wzero[j*Cols + c_job] = $random(seed);
      end
      make_pool(j, n_rows);
      framing[j] = 4'd0;
      over[j] = 9'd0;
      quiet = j % 3 == 0;
      fault = may_err != 0 ? below($random(seed), 8) : 0;
      if (fault == 1 && frame_x > 1) framing[j] = 4'b0001;
      if (fault == 2) framing[j] = 4'b0010;
      if (fault == 3 && frame_w > 1) framing[j] = 4'b0100;
      if (fault == 4) framing[j] = 4'b1000;
      make_x(j, n_tiles, frame_x, framing[j][0] ? 1 : framing[j][1] ? 2 : 0,
             framing[j][1:0] != 0 ? below($random(seed), n_tiles) : -1);
      make_w(j, n_tiles, frame_w, framing[j][2] ? 1 : framing[j][3] ? 2 : 0,
             framing[j][3:2] != 0 ? below($random(seed), n_tiles) : -1);
      y_end[j+1] = y_end[j] + n_rows * Beats;
      for (r_job = 0; r_job < n_rows; r_job = r_job + 1)
        for (c_job = 0; c_job < Cols; c_job = c_job + 1) begin
          make_result(j, r_job, c_job);
          y_mem[y_end[j] + r_job*Beats + c_job/Lanes][c_job % Lanes * 32 +: 32] = result;
          y_mem[y_end[j] + r_job*Beats + c_job/Lanes][Lanes*32 +: 2] =
            r_job == n_rows - 1 && c_job/Lanes == Beats - 1 ? 2'd3 : 2'd0;
          codes[r_job*Cols + c_job] = result;
        end
      if (pool[j*P] != 32'd0) pool_job(j);
    end
  endtask

  // --- streams: changed at the falling edge, looked at at the rising one ---------------------
  integer x_at, w_at, y_at, x_stop, w_stop, x_stall, w_stall, y_stall, jobs_seen;
  reg     x_moved, w_moved, flush, aborting, running;
  reg     dry;           // no job ends: of a pooled one all results may come, but not what it drops
  integer flush_job;

  initial begin
    clk_i = 1'b0;
    running = 1'b0;
    wait (running) forever #5 clk_i = !clk_i;
  end

  always @(posedge clk_i) begin
    x_moved <= s_axis_x_tvalid && s_axis_x_tready;
    w_moved <= s_axis_w_tvalid && s_axis_w_tready;
  end

  always @(negedge clk_i) if (rst_ni) begin
    if (x_moved) x_at = x_at + 1;
    if (flush) begin
      x_at = x_end[flush_job];
      s_axis_x_tvalid = 1'b0;
    end else if (x_moved || !s_axis_x_tvalid)
      s_axis_x_tvalid = x_at < x_stop && below($random(x_seed), 100) >= x_stall;
    {s_axis_x_tlast, s_axis_x_tdata} = x_mem[x_at];

    if (w_moved) w_at = w_at + 1;
    if (flush) begin
      w_at = w_end[flush_job];
      s_axis_w_tvalid = 1'b0;
    end else if (w_moved || !s_axis_w_tvalid)
      s_axis_w_tvalid = w_at < w_stop && below($random(w_seed), 100) >= w_stall;
    {s_axis_w_tlast, s_axis_w_tdata} = w_mem[w_at];

    if (flush) y_at = y_end[flush_job];
    m_axis_y_tready = below($random(y_seed), 100) >= y_stall;
  end

  task wrong(input integer what);
    begin
      failures = failures + 1;
      if (failures <= 10) case (what)
        0: $display("%0t: result beat %0d is %h, not %h", $time, y_at, {m_axis_y_tlast, m_axis_y_tdata},
                    y_mem[y_at][Lanes*32:0]);
        1: $display("%0t: a result that nobody asked for", $time);
        2: $display("%0t: a result was withdrawn or changed before it was taken", $time);
        3: $display("%0t: a register response was withdrawn or changed before it was taken", $time);
        4: $display("%0t: a register response without a request", $time);
        default: $display("%0t: wrong %0d", $time, what);
      endcase
    end
  endtask

  reg              y_waits, b_waits, r_waits;
  reg [Lanes*32:0] y_held;
  reg [1:0]        b_held;
  reg [33:0]       r_held;
  integer          b_owed, r_owed;    // requests without an answer; address and data of a write are halves
  always @(posedge clk_i) if (rst_ni) begin
    if (m_axis_y_tvalid && m_axis_y_tready) begin
      if (y_at >= y_end[total]) wrong(1);
      else if ({m_axis_y_tlast, m_axis_y_tdata} !== y_mem[y_at][Lanes*32:0]) wrong(0);
      if (y_mem[y_at][Lanes*32 + 1] && !dry) jobs_seen = jobs_seen + 1;
      y_at = y_at + 1;
    end
    if (y_waits && !aborting && (!m_axis_y_tvalid || {m_axis_y_tlast, m_axis_y_tdata} !== y_held)) wrong(2);
    y_waits = m_axis_y_tvalid && !m_axis_y_tready;
    y_held = {m_axis_y_tlast, m_axis_y_tdata};

    if (b_waits && (!s_axil_bvalid || s_axil_bresp !== b_held)) wrong(3);
    if (r_waits && (!s_axil_rvalid || {s_axil_rresp, s_axil_rdata} !== r_held)) wrong(3);
    if ((s_axil_bvalid && b_owed < 2) || (s_axil_rvalid && r_owed < 1)) wrong(4);
    b_owed = b_owed + (s_axil_awvalid && s_axil_awready) + (s_axil_wvalid && s_axil_wready)
      - (s_axil_bvalid && s_axil_bready ? 2 : 0);
    r_owed = r_owed + (s_axil_arvalid && s_axil_arready) - (s_axil_rvalid && s_axil_rready);
    b_waits = s_axil_bvalid && !s_axil_bready;
    r_waits = s_axil_rvalid && !s_axil_rready;
    b_held = s_axil_bresp;
    r_held = {s_axil_rresp, s_axil_rdata};
  end

  // --- registers ----------------------------------------------------------------------------
  reg        aw_left, w_left, aw_went, w_went, b_came;
  reg [1:0]  response;
  reg [31:0] data;
  task access_write(input [11:0] address, input [31:0] value, input [3:0] strobe);
    begin
      @(negedge clk_i);
      s_axil_awaddr = address;
      s_axil_wdata = value;
      s_axil_wstrb = strobe;
      {aw_left, w_left, b_came} = 3'b110;
      while (aw_left || w_left) begin
        s_axil_awvalid = aw_left && (s_axil_awvalid || below($random(b_seed), 3) != 0);
        s_axil_wvalid = w_left && (s_axil_wvalid || below($random(b_seed), 3) != 0);
        @(posedge clk_i);
        aw_went = s_axil_awvalid && s_axil_awready;
        w_went = s_axil_wvalid && s_axil_wready;
        @(negedge clk_i);
        if (aw_went) {aw_left, s_axil_awvalid} = 2'd0;
        if (w_went) {w_left, s_axil_wvalid} = 2'd0;
      end
      while (!b_came) begin
        s_axil_bready = below($random(b_seed), 3) != 0;
        @(posedge clk_i);
        b_came = s_axil_bvalid && s_axil_bready;
        response = s_axil_bresp;
        @(negedge clk_i);
      end
      s_axil_bready = 1'b0;
    end
  endtask

  task access_read(input [11:0] address);
    begin
      @(negedge clk_i);
      s_axil_araddr = address;
      {aw_left, b_came} = 2'b10;
      while (aw_left) begin
        s_axil_arvalid = 1'b1;
        @(posedge clk_i);
        aw_went = s_axil_arready;
        @(negedge clk_i);
        if (aw_went) {aw_left, s_axil_arvalid} = 2'd0;
      end
      while (!b_came) begin
        s_axil_rready = below($random(b_seed), 3) != 0;
        @(posedge clk_i);
        b_came = s_axil_rvalid && s_axil_rready;
        response = s_axil_rresp;
        data = s_axil_rdata;
        @(negedge clk_i);
      end
      s_axil_rready = 1'b0;
    end
  endtask

  task write(input [11:0] address, input [31:0] value);    // must be accepted
    begin
      access_write(address, value, 4'hf);
      if (response !== 2'b00) begin
        failures = failures + 1;
        $display("%0t: a write to 0x%h was refused", $time, address);
      end
    end
  endtask

  task must_read(input [11:0] address, input [31:0] value, input [31:0] mask);
    begin
      access_read(address);
      if (response !== 2'b00 || (data & mask) !== (value & mask)) begin
        failures = failures + 1;
        $display("%0t: register 0x%h reads %h (response %b), not %h in the bits %h", $time, address, data,
                 response, value, mask);
      end
    end
  endtask

  task refused;    // the access before must have been
    if (response !== 2'b10) begin
      failures = failures + 1;
      $display("%0t: an access that is not legal got response %b", $time, response);
    end
  endtask

  task expect_errors(input [8:0] flags);
    begin
      must_read(ERROR, {23'd0, flags}, 32'hffffffff);
      write(ERROR, 32'h3ff);
      must_read(ERROR, 32'd0, 32'hffffffff);
    end
  endtask
  task expect_errors_but_overflow(input [8:0] flags);    // after jobs that were cut short
    begin
      must_read(ERROR, {23'd0, flags}, ~{23'd0, BANK_OVER | CELL_OVER});
      write(ERROR, 32'h3ff);
      must_read(ERROR, 32'd0, ~{23'd0, BANK_OVER | CELL_OVER});
    end
  endtask

  task check_registers;
    begin
      access_read(12'h000);
      if (data !== 32'h41584d31) wrong(5);
      must_read(12'h008, Cols << 16 | Rows, 32'hffffffff);
      must_read(STATUS, 0, 32'hffffffff);
      must_read(ERROR, 0, 32'hffffffff);
      write(ZERO, 32'h12345678);
      access_write(ZERO, 32'haabbccdd, 4'b0101);
      must_read(ZERO, 32'h12bb56dd, 32'hffffffff);
      access_write(12'h000, 32'd1, 4'hf);       // read-only
      refused;
      access_read(12'h018);                     // nothing there
      refused;
      access_read(12'h400 + 16 * Cols);         // no such column, or beyond the end
      if (Cols < 192) refused;
      access_write(ZERO + 12'd2, 32'd1, 4'hf);  // not aligned
      refused;
      must_read(ZERO, 32'h12bb56dd, 32'hffffffff);
      expect_errors(9'h080);
      write(DIM_A, 0);
      write(DIM_B, 1);
      write(CTRL, 1);                           // no rows
      must_read(STATUS, 0, 32'hffffffff);
      expect_errors(9'h010);
      if (Dataflow == 0) begin
        write(DIM_A, AccDepth + 1);
        write(CTRL, 1);                         // too many
        must_read(STATUS, 0, 32'hffffffff);
        expect_errors(9'h010);
      end
    end
  endtask

  integer c_set;
  task set_up(input integer j);
    begin
      if (PoolWidth != 0) begin
        write(POOL, pool[j*P]);
        if (pool[j*P] != 32'd0) begin
          for (c_set = 1; c_set < P; c_set = c_set + 1) write(POOL + 4 * c_set, pool[j*P + c_set]);
          for (c_set = 0; c_set < Taps; c_set = c_set + 1) begin
            write(POOL_TAPS + 8 * c_set, pool_mult[j*Taps + c_set]);
            write(POOL_TAPS + 8 * c_set + 4, {26'd0, pool_shift[j*Taps + c_set]});
          end
        end
      end
      write(MODE, {22'd0, mode[j]});
      write(DIM_A, dim_a[j]);
      write(DIM_B, dim_b[j]);
      write(ZERO, zero[j]);
      write(LO, lo[j]);
      write(HI, hi[j]);
      for (c_set = 0; c_set < Cols; c_set = c_set + 1) begin
        write(12'h400 + 16 * c_set, bias[j*Cols + c_set]);
        write(12'h404 + 16 * c_set, mult[j*Cols + c_set]);
        write(12'h408 + 16 * c_set, {26'd0, shift[j*Cols + c_set]});
        write(12'h40c + 16 * c_set, {23'd0, wzero[j*Cols + c_set]});
      end
    end
  endtask

  function integer stall_of(input integer random);
    case (below(random, 4))
      0: stall_of = 25;
      1: stall_of = 85;
      default: stall_of = 0;
    endcase
  endfunction
  task set_stalls;
    begin
      x_stall = stall_of($random(seed));
      w_stall = stall_of($random(seed));
      y_stall = stall_of($random(seed));
    end
  endtask
  task no_stalls;
    begin
      x_stall = 0;
      w_stall = 0;
      y_stall = 0;
    end
  endtask

  integer patience;
  task wait_until(input [31:0] mask, input [31:0] value);    // of STATUS
    begin
      patience = 0;
      data = ~value;
      while ((data & mask) !== value && patience < 20000) begin
        access_read(STATUS);
        patience = patience + 1;
      end
      if ((data & mask) !== value) begin
        $display("FAIL: no end: STATUS stays %h; result beat %0d of %0d, +seed=%0d", data, y_at, y_end[total],
                 seed_given);
        $finish;
      end
    end
  endtask

  task wait_results(input integer j);    // up to job j's last
    begin
      wait_until(32'd3, 32'd0);
      if (y_at != y_end[j+1]) begin
        failures = failures + 1;
        $display("%0t: %0d result beats, not %0d", $time, y_at, y_end[j+1]);
      end
      must_read(STATUS, jobs_seen << 16, 32'hffffffff);
    end
  endtask

  task start(input integer j);
    begin
      set_up(j);
      write(CTRL, 32'd1);
    end
  endtask

  // The streams go on with job j, as a host's would that drops what it has.
  task flush_to(input integer j);
    begin
      flush_job = j;
      flush = 1'b1;
      repeat (3) @(negedge clk_i);
      flush = 1'b0;
      @(negedge clk_i);
    end
  endtask

  integer j_run, seed_given;
  reg [8:0] errors;
  initial begin
    seed = 1;
    jobs = 12;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    if (!$value$plusargs("jobs=%d", jobs)) jobs = 12;
    if (jobs < 1 || jobs > MaxJobs) jobs = MaxJobs;
    seed_given = seed;
    failures = 0;
    jobs_seen = 0;
    {x_end[0], w_end[0], y_end[0]} = 0;
    total = jobs + 6;
    for (j_run = 0; j_run < total; j_run = j_run + 1) make_job(j_run, j_run < jobs);
    x_seed = seed + 1;
    w_seed = seed + 2;
    y_seed = seed + 3;
    b_seed = seed + 4;
    {x_at, w_at, y_at, b_owed, r_owed} = 0;
    {y_waits, b_waits, r_waits, x_moved, w_moved, flush, aborting, dry} = 0;
    x_stop = x_end[jobs];
    w_stop = w_end[jobs];
    set_stalls;
    {s_axil_awvalid, s_axil_wvalid, s_axil_bready, s_axil_arvalid, s_axil_rready} = 5'd0;
    {s_axis_x_tvalid, s_axis_w_tvalid, m_axis_y_tready} = 3'd0;
    rst_ni = 1'b0;
    running = 1'b1;
    repeat (3) @(negedge clk_i);
    rst_ni = 1'b1;
    check_registers;

    // Random jobs, the next one set up while one runs; the streams run ahead of them.
    errors = 9'd0;
    for (j_run = 0; j_run < jobs; j_run = j_run + 1) begin
      wait_until(32'd2, 32'd0);
      set_stalls;
      start(j_run);
      errors = errors | {5'd0, framing[j_run]} | over[j_run];
      // Narrow accumulators overflow: some jobs are looked at alone.
      if (AccW < 32 && j_run % 3 != 2) begin
        wait_results(j_run);
        expect_errors(errors);
        errors = 9'd0;
      end
    end
    wait_results(jobs - 1);
    expect_errors(errors);
    access_read(CYCLES);
    if (data === 32'd0) wrong(6);
    write(CTRL, 32'd4);
    must_read(CYCLES, 32'd0, 32'hffffffff);

    // Activations dry up in the middle of a job: a flag, no hang; and the next job works.
    no_stalls;
    x_stop = x_end[jobs+1] - 1;
    w_stop = w_end[jobs+1];
    {aborting, dry} = 2'b11;
    start(jobs);
    repeat (100) @(negedge clk_i);
    write(TIMEOUT, 32'd20);
    wait_until(32'd3, 32'd0);
    write(TIMEOUT, 32'd0);
    expect_errors_but_overflow(9'h100);
    flush_to(jobs + 1);
    {aborting, dry} = 2'b00;
    x_stop = x_end[jobs+2];
    w_stop = w_end[jobs+2];
    set_stalls;
    start(jobs + 1);
    wait_results(jobs + 1);

    // Aborted anywhere.
    no_stalls;
    y_stall = 85;
    x_stop = x_end[jobs+3];
    w_stop = w_end[jobs+3];
    aborting = 1'b1;
    start(jobs + 2);
    repeat (1 + below($random(seed), 60)) @(negedge clk_i);
    write(CTRL, 32'd2);
    must_read(STATUS, 32'd0, 32'd3);
    // All results of a pooled job may have come, but not what it drops.
    if (pool[(jobs + 2)*P] != 32'd0 && data[31:16] == jobs_seen - 1) jobs_seen = jobs_seen - 1;
    flush_to(jobs + 3);
    aborting = 1'b0;
    if (m_axis_y_tvalid !== 1'b0) wrong(7);
    x_stop = x_end[jobs+4];
    w_stop = w_end[jobs+4];
    set_stalls;
    start(jobs + 3);
    wait_results(jobs + 3);
    expect_errors_but_overflow(9'd0);

    // A job that waits keeps its set-up; another start is an error.
    y_stall = 100;
    x_stop = x_end[total];
    w_stop = w_end[total];
    start(jobs + 4);
    wait_until(32'd2, 32'd0);
    start(jobs + 5);
    must_read(STATUS, 32'd3, 32'd3);
    access_write(DIM_A, 32'd1, 4'hf);
    refused;
    access_write(12'h400, 32'd1, 4'hf);
    refused;
    write(CTRL, 32'd1);
    expect_errors_but_overflow(9'h090);
    y_stall = 30;
    wait_results(total - 1);
    expect_errors_but_overflow(9'd0);

    if (failures == 0)
      $display("PASS: %0d jobs, %0d result beats, +seed=%0d", total, y_end[total], seed_given);
    else
      $display("FAIL: %0d differences, +seed=%0d", failures, seed_given);
    $finish;
  end

  wire unused = &{1'b0, RunTimeMode};
endmodule

`default_nettype wire
