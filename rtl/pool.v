// pool: maxima or averages over windows of an image that comes as the array gives it: position after
// position, row by row, each Beats beats of Lanes channels' codes.  docs/quantization.md has the arithmetic:
//
//   maximum   the largest code of the window; padding never wins
//   average   clamp(zero_i + ((t * M + 2^(S-1)) >>> S), lo_i, hi_i), t the sum of (code - zero_in_i) over
//             the n positions that are inside, M and S entry n of the table (Taps' entry if n is above Taps)
//
// Each window has a word of partial results in a memory of SLOTS rows of Width windows: a beat is combined
// with the words of all windows that it belongs to, one a cycle, and a window leaves with its last position.
// Padding at the right and at the bottom are positions that the unit goes through by itself, so results leave
// row by row, position by position, and there are out_h_i * out_w_i of them an image, whatever the set-up.
// Images follow each other; an image may go over several jobs.
`default_nettype none

module pool #(
  parameter Lanes = 8,
  parameter Beats = 1,
  parameter Width = 32,       // most windows in a row
  parameter Taps = 9,         // entries of the table
  parameter CodeW = 9,        // of a signed code
  parameter KernelW = 6,      // bits of a kernel size
  parameter DimW = 16,        // bits of an image size
  parameter SlotsLog2 = 2     // 1..; kernel_h_i at most 2^SlotsLog2 times stride_h_i
) (
  input  wire                       clk_i,
  input  wire                       rst_ni,
  input  wire                       clear_i,
  // set-up, constant while a job is in here
  input  wire                       on_i,
  input  wire                       average_i,
  input  wire [KernelW-1:0]         kernel_h_i,     // 1..
  input  wire [KernelW-1:0]         kernel_w_i,
  input  wire [KernelW-1:0]         stride_h_i,     // 1..
  input  wire [KernelW-1:0]         stride_w_i,
  input  wire [KernelW-1:0]         pad_top_i,      // less than kernel_h_i
  input  wire [KernelW-1:0]         pad_left_i,
  input  wire [DimW-1:0]            in_h_i,         // 1..
  input  wire [DimW-1:0]            in_w_i,
  input  wire [DimW-1:0]            out_h_i,        // 1..
  input  wire [DimW-1:0]            out_w_i,        // 1..Width
  input  wire [31:0]                count_i,        // positions of this job, then drop; 0: all
  input  wire [CodeW-1:0]           zero_in_i,
  input  wire [31:0]                zero_i,
  input  wire [31:0]                lo_i,
  input  wire [31:0]                hi_i,
  input  wire [Taps*32-1:0]         mult_i,
  input  wire [Taps*6-1:0]          shift_i,
  input  wire                       start_i,        // a job begins; the set-up is here
  input  wire                       restart_i,      // with an image
  // codes
  input  wire                       valid_i,
  output wire                       ready_o,
  input  wire                       last_i,         // the job's last beat
  input  wire [Lanes*CodeW-1:0]     data_i,
  // results
  output wire                       tvalid_o,
  input  wire                       tready_i,
  output wire [Lanes*32-1:0]        tdata_o,
  output wire                       tlast_o,        // of an image
  output wire                       idle_o,         // nothing is on its way
  output wire                       done_o,         // the job's last result was taken, or it gave none
  output wire                       error_o         // a window outside, or a cut one without an entry
);
  localparam BeatW = Beats > 1 ? $clog2(Beats) : 1;
  localparam Row = Width * Beats;                  // words of a slot
  localparam Words = Row << SlotsLog2;
  localparam AddrW = $clog2(Words);
  localparam SumW = CodeW + 1 + 2 * KernelW;
  localparam TapW = Taps > 1 ? $clog2(Taps) : 1;
  localparam PosW = KernelW + 2;                   // signed: position in a kernel, negative between windows
  localparam Stages = 4;

  // A result that is not taken stops everything.
  reg  [Stages-1:0] valid_q, last_q;
  wire en = !valid_q[Stages-1] || tready_i;

  // --- where in the image: the position, and the oldest window that has not ended ----------------------
  reg  [BeatW-1:0]       beat_q;
  reg  [DimW-1:0]        y_q, x_q;
  reg                    below_q, right_q;         // in the padding at the bottom, at the right
  reg  [KernelW-1:0]     vy_q, vx_q;               // rows, columns of it so far
  reg  signed [PosW-1:0] ky_q, kx_q;               // the position in the oldest window
  reg  [DimW-1:0]        oy_q, ox_q;               // its number
  reg  [KernelW-1:0]     my_q, mx_q;               // its rows above, columns left of the image
  reg  [31:0]            count_q;
  reg                    ended_q;

  wire signed [PosW-1:0] kernel_h = $signed({2'b00, kernel_h_i}), kernel_w = $signed({2'b00, kernel_w_i});
  wire signed [PosW-1:0] stride_h = $signed({2'b00, stride_h_i}), stride_w = $signed({2'b00, stride_w_i});
  localparam signed [PosW-1:0] One = 1;

  // The window at hand: from the oldest to the newest that the position belongs to.
  reg  signed [PosW-1:0] cky_q, ckx_q;
  reg  [DimW-1:0]        coy_q, cox_q;

  wire padding = below_q || right_q;
  wire dropped = count_i != 32'd0 && count_q == count_i;
  wire step    = on_i && en && (padding || (valid_i && !dropped));
  wire in_window = !cky_q[PosW-1] && !ckx_q[PosW-1] && coy_q < out_h_i && cox_q < out_w_i;
  wire more_x    = ckx_q >= stride_w && cox_q + 1'b1 < out_w_i;
  wire more_y    = cky_q >= stride_h && coy_q + 1'b1 < out_h_i;
  wire beat_end  = step && !(in_window && (more_x || more_y));
  localparam [31:0] LastBeatC = Beats - 1;
  wire position_end = beat_end && beat_q == LastBeatC[BeatW-1:0];
  assign ready_o = on_i && en && !padding && (dropped || (valid_i && !(in_window && (more_x || more_y))));

  wire y_ends = ky_q == kernel_h - One, x_ends = kx_q == kernel_w - One;     // the oldest window
  wire [DimW-1:0]        oy_n = oy_q + {{(DimW-1){1'b0}}, y_ends}, ox_n = ox_q + {{(DimW-1){1'b0}}, x_ends};
  wire signed [PosW-1:0] ky_n = y_ends ? kernel_h - stride_h : ky_q + One;
  wire signed [PosW-1:0] kx_n = x_ends ? kernel_w - stride_w : kx_q + One;
  wire [KernelW-1:0]     my_n = !y_ends ? my_q : my_q > stride_h_i ? my_q - stride_h_i : {KernelW{1'b0}};
  wire [KernelW-1:0]     mx_n = !x_ends ? mx_q : mx_q > stride_w_i ? mx_q - stride_w_i : {KernelW{1'b0}};
  wire last_column = right_q || x_q >= in_w_i - 1'b1;
  wire last_row    = below_q || y_q >= in_h_i - 1'b1;
  wire row_end     = last_column && ox_n >= out_w_i;
  wire image_end   = row_end && last_row && oy_n >= out_h_i;
  wire signed [PosW-1:0] top = $signed({2'b00, pad_top_i}), left = $signed({2'b00, pad_left_i});
  wire signed [PosW-1:0] ky_new = !row_end ? ky_q : image_end ? top : ky_n;
  wire signed [PosW-1:0] kx_new = row_end ? left : kx_n;
  wire [DimW-1:0]        oy_new = !row_end ? oy_q : image_end ? {DimW{1'b0}} : oy_n;
  wire [DimW-1:0]        ox_new = row_end ? {DimW{1'b0}} : ox_n;

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      {beat_q, y_q, x_q, below_q, right_q, vy_q, vx_q, oy_q, ox_q, my_q, mx_q, count_q, ended_q,
       coy_q, cox_q} <= 0;
      {ky_q, kx_q, cky_q, ckx_q} <= 0;
    end else if (clear_i || (start_i && restart_i)) begin
      {beat_q, y_q, x_q, below_q, right_q, vy_q, vx_q, oy_q, ox_q, count_q, ended_q, coy_q, cox_q} <= 0;
      {my_q, mx_q} <= {pad_top_i, pad_left_i};
      {ky_q, kx_q, cky_q, ckx_q} <= {top, left, top, left};
    end else begin
      if (start_i) count_q <= 32'd0;
      if (done_o) ended_q <= 1'b0;
      else if (valid_i && ready_o && last_i) ended_q <= 1'b1;
      if (step && !beat_end) begin
        ckx_q <= more_x ? ckx_q - stride_w : kx_q;
        cox_q <= more_x ? cox_q + 1'b1 : ox_q;
        if (!more_x) cky_q <= cky_q - stride_h;
        if (!more_x) coy_q <= coy_q + 1'b1;
      end
      if (beat_end) begin
        beat_q <= position_end ? {BeatW{1'b0}} : beat_q + 1'b1;
        {cky_q, ckx_q} <= position_end ? {ky_new, kx_new} : {ky_q, kx_q};
        {coy_q, cox_q} <= position_end ? {oy_new, ox_new} : {oy_q, ox_q};
      end
      if (position_end) begin
        if (!padding) count_q <= count_q + 32'd1;
        {ky_q, kx_q} <= {ky_new, kx_new};
        {oy_q, ox_q} <= {oy_new, ox_new};
        mx_q <= row_end ? pad_left_i : mx_n;
        if (row_end) begin
          {x_q, right_q, vx_q} <= 0;
          my_q <= image_end ? pad_top_i : my_n;
          if (image_end) {y_q, below_q, vy_q} <= 0;
          else if (!last_row) y_q <= y_q + 1'b1;
          else begin
            below_q <= 1'b1;
            if (!(&vy_q)) vy_q <= vy_q + 1'b1;
          end
        end else if (!last_column) x_q <= x_q + 1'b1;
        else begin
          right_q <= 1'b1;
          if (!(&vx_q)) vx_q <= vx_q + 1'b1;
        end
      end
    end

  // --- a window's word is read -------------------------------------------------------------------------
  wire             first = (cky_q == 0 || (y_q == 0 && !below_q)) && (ckx_q == 0 || (x_q == 0 && !right_q));
  wire             whole = y_ends && x_ends && cky_q == ky_q && ckx_q == kx_q;
  localparam [31:0] RowC = Row, BeatsC = Beats, TapsC = Taps;
  wire [31:0] place = {{(32-SlotsLog2){1'b0}}, coy_q[SlotsLog2-1:0]} * RowC +
                      {{(32-DimW){1'b0}}, cox_q} * BeatsC + {{(32-BeatW){1'b0}}, beat_q};
  wire [AddrW-1:0] address = place[AddrW-1:0];

  // Positions inside the window, if it ends here.
  wire signed [PosW-1:0] rows_in = kernel_h - $signed({2'b00, my_q}) - $signed({2'b00, vy_q});
  wire signed [PosW-1:0] cols_in = kernel_w - $signed({2'b00, mx_q}) - $signed({2'b00, vx_q});
  wire outside = rows_in <= 0 || cols_in <= 0;
  wire cut     = rows_in != kernel_h || cols_in != kernel_w;
  wire [31:0] n = {{(32-KernelW){1'b0}}, rows_in[KernelW-1:0]} * {{(32-KernelW){1'b0}}, cols_in[KernelW-1:0]};
  wire        n_above = n > TapsC;
  wire [31:0] entry = (n_above ? TapsC : n) - 32'd1;
  wire unused = &{1'b0, place[31:AddrW], entry[31:TapW]};
  assign error_o = step && in_window && whole && (outside || (average_i && cut && n_above));

  reg                       s_valid_q, s_first_q, s_whole_q, s_last_q;
  reg  [AddrW-1:0]          s_address_q;
  reg  [TapW-1:0]           s_entry_q;
  reg  [Lanes*(CodeW+1)-1:0] s_data_q;
  wire [Lanes*(CodeW+1)-1:0] data;
  wire signed [CodeW:0] zero_in = $signed({zero_in_i[CodeW-1], zero_in_i});
  genvar l;
  generate
    for (l = 0; l < Lanes; l = l + 1) begin : g_in
      wire [CodeW-1:0] code = data_i[l*CodeW +: CodeW];
      wire signed [CodeW:0] wide = $signed({code[CodeW-1], code});
      assign data[l*(CodeW+1) +: CodeW+1] = average_i ? (padding ? {(CodeW+1){1'b0}} : wide - zero_in)
        : padding ? {2'b11, {(CodeW-1){1'b0}}} : wide;
    end
  endgenerate

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) s_valid_q <= 1'b0;
    else if (clear_i) s_valid_q <= 1'b0;
    else if (en) s_valid_q <= step && in_window;
  always @(posedge clk_i) if (en) begin
    s_first_q   <= first;
    s_whole_q   <= whole;
    s_last_q    <= coy_q == out_h_i - 1'b1 && cox_q == out_w_i - 1'b1 && beat_q == LastBeatC[BeatW-1:0];
    s_address_q <= address;
    s_entry_q   <= entry[TapW-1:0];
    s_data_q    <= data;
  end

  // --- combined, and written or sent ---------------------------------------------------------------------
  reg  [Lanes*SumW-1:0] word [0:Words-1];
  reg  [Lanes*SumW-1:0] read_q, forward_q;
  reg                   forwarded_q;
  wire [Lanes*SumW-1:0] old = forwarded_q ? forward_q : read_q;
  wire [Lanes*SumW-1:0] sum;
  wire                  write = s_valid_q && !s_whole_q;
  always @(posedge clk_i) if (en) begin
    read_q <= word[address];
    if (write) word[s_address_q] <= sum;
    // A word that is written while it is read: neighbours in a window.
    forwarded_q <= write && address == s_address_q;
    forward_q   <= sum;
  end

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) valid_q <= {Stages{1'b0}};
    else if (clear_i) valid_q <= {Stages{1'b0}};
    else if (en) valid_q <= {valid_q[Stages-2:0], s_valid_q && s_whole_q};
  always @(posedge clk_i) if (en) last_q <= {last_q[Stages-2:0], s_last_q};

  // Factor and shift follow a sum through the requantizers.
  reg  [TapW-1:0] mult_at_q, shift_at_q;
  always @(posedge clk_i) if (en) begin
    mult_at_q  <= s_entry_q;
    shift_at_q <= mult_at_q;
  end
  wire [31:0] mult;
  wire [5:0]  shift;
  wire [31:0] mult_of  [0:Taps-1];
  wire [5:0]  shift_of [0:Taps-1];
  genvar t;
  generate
    for (t = 0; t < Taps; t = t + 1) begin : g_entry
      assign mult_of[t]  = mult_i[t*32 +: 32];
      assign shift_of[t] = shift_i[t*6 +: 6];
    end
  endgenerate
  assign mult  = mult_of[mult_at_q];
  assign shift = shift_of[shift_at_q];

  generate
    for (l = 0; l < Lanes; l = l + 1) begin : g_lane
      wire signed [CodeW:0]  d = $signed(s_data_q[l*(CodeW+1) +: CodeW+1]);
      wire signed [SumW-1:0] a = $signed(old[l*SumW +: SumW]);
      wire signed [SumW-1:0] b = {{(SumW-CodeW-1){d[CodeW]}}, d};
      wire signed [SumW-1:0] s = s_first_q ? b : average_i ? a + b : a > b ? a : b;
      assign sum[l*SumW +: SumW] = s;
      requantize #(.RowSum(0)) u_requantize (
        .clk_i(clk_i), .adv_i(en), .acc_i({{(32-SumW){s[SumW-1]}}, s}), .sum_i(32'd0), .bias_i(32'd0),
        .wzero_i(9'd0), .mult_i(mult), .shift_i(shift), .zero_i(zero_i), .lo_i(lo_i), .hi_i(hi_i),
        .raw_i(!average_i), .q_o(tdata_o[l*32 +: 32])
      );
    end
  endgenerate

  assign tvalid_o = valid_q[Stages-1];
  assign tlast_o  = last_q[Stages-1];
  wire still = !padding && !s_valid_q && valid_q == {Stages{1'b0}};
  assign idle_o = still && !ended_q;
  assign done_o = still && ended_q;
endmodule

`default_nettype wire
