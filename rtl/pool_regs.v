// pool_regs: the registers of the pooling unit, a part of axil_regs: word addresses 0x020..0x02a and two a
// tap from 0x040 on.  All but the first are set-up of the next job.  bad_o: they are no legal one.
`default_nettype none

module pool_regs #(
  parameter Width = 32,
  parameter Taps = 9,
  parameter SlotsLog2 = 2,
  parameter SetW = 231 + 38 * Taps
) (
  input  wire            clk_i,
  input  wire            rst_ni,
  input  wire            write_i,
  input  wire [9:0]      wa_i,
  input  wire [31:0]     wd_i,
  input  wire [31:0]     strobe_i,
  output wire            wa_job_o,     // it is one of ours that can be written
  input  wire [9:0]      ra_i,
  output reg  [31:0]     rd_o,
  output reg             ra_there_o,
  output wire            bad_o,
  // restart, kind (0: off, 1: maximum, 2: average), kernel, stride, padding, input, output, count, zero,
  // lo, hi, factors, shifts
  output wire [SetW-1:0] set_o
);
  localparam [9:0] WIDTH = 10'h020, POOL = 10'h021, KERNEL = 10'h022, STRIDE = 10'h023, PAD = 10'h024,
                   IN = 10'h025, OUT = 10'h026, COUNT = 10'h027, ZERO = 10'h028, LO = 10'h029, HI = 10'h02a;
  localparam [31:0] WidthC = Width, TapsC = Taps;
  localparam TW = Taps > 1 ? $clog2(Taps) : 1;

  reg [2:0]  pool_q;
  reg [11:0] kernel_q, stride_q, pad_q;    // height, width
  reg [31:0] in_q, out_q, count_q, zero_q, lo_q, hi_q;
  reg [Taps*32-1:0] mult_q;
  reg [Taps*6-1:0]  shift_q;
  assign set_o = {pool_q, kernel_q, stride_q, pad_q, in_q, out_q, count_q, zero_q, lo_q, hi_q, mult_q,
                  shift_q};

  wire [9:0] wa_tap = wa_i - 10'h040, ra_tap = ra_i - 10'h040;
  wire wa_table = wa_i >= 10'h040 && {23'd0, wa_tap[9:1]} < TapsC;
  wire ra_table = ra_i >= 10'h040 && {23'd0, ra_tap[9:1]} < TapsC;
  wire [TW-1:0] wt = wa_tap[TW:1], rt = ra_tap[TW:1];
  assign wa_job_o = (wa_i >= POOL && wa_i <= HI) || wa_table;

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      {pool_q, kernel_q, stride_q, pad_q} <= 39'd0;
      {in_q, out_q, count_q, zero_q, lo_q, hi_q} <= 192'd0;
    end else if (write_i) begin
      if (wa_i == POOL) pool_q <= (pool_q & ~{strobe_i[8], strobe_i[1:0]}) |
                                  ({wd_i[8], wd_i[1:0]} & {strobe_i[8], strobe_i[1:0]});
      if (wa_i == KERNEL) kernel_q <= (kernel_q & ~{strobe_i[5:0], strobe_i[21:16]}) |
                                      ({wd_i[5:0], wd_i[21:16]} & {strobe_i[5:0], strobe_i[21:16]});
      if (wa_i == STRIDE) stride_q <= (stride_q & ~{strobe_i[5:0], strobe_i[21:16]}) |
                                      ({wd_i[5:0], wd_i[21:16]} & {strobe_i[5:0], strobe_i[21:16]});
      if (wa_i == PAD) pad_q <= (pad_q & ~{strobe_i[5:0], strobe_i[21:16]}) |
                                ({wd_i[5:0], wd_i[21:16]} & {strobe_i[5:0], strobe_i[21:16]});
      if (wa_i == IN) in_q <= (in_q & ~strobe_i) | (wd_i & strobe_i);
      if (wa_i == OUT) out_q <= (out_q & ~strobe_i) | (wd_i & strobe_i);
      if (wa_i == COUNT) count_q <= (count_q & ~strobe_i) | (wd_i & strobe_i);
      if (wa_i == ZERO) zero_q <= (zero_q & ~strobe_i) | (wd_i & strobe_i);
      if (wa_i == LO) lo_q <= (lo_q & ~strobe_i) | (wd_i & strobe_i);
      if (wa_i == HI) hi_q <= (hi_q & ~strobe_i) | (wd_i & strobe_i);
    end

  integer i;
  always @(posedge clk_i)
    if (write_i && wa_table)
      for (i = 0; i < Taps; i = i + 1)
        if (i[TW-1:0] == wt) begin
          if (wa_tap[0])
            shift_q[i*6 +: 6] <= (shift_q[i*6 +: 6] & ~strobe_i[5:0]) | (wd_i[5:0] & strobe_i[5:0]);
          else mult_q[i*32 +: 32] <= (mult_q[i*32 +: 32] & ~strobe_i) | (wd_i & strobe_i);
        end

  always @* begin
    ra_there_o = 1'b1;
    rd_o = 32'd0;
    case (ra_i)
      WIDTH:   rd_o = WidthC;
      POOL:    rd_o = {23'd0, pool_q[2], 6'd0, pool_q[1:0]};
      KERNEL:  rd_o = {10'd0, kernel_q[5:0], 10'd0, kernel_q[11:6]};
      STRIDE:  rd_o = {10'd0, stride_q[5:0], 10'd0, stride_q[11:6]};
      PAD:     rd_o = {10'd0, pad_q[5:0], 10'd0, pad_q[11:6]};
      IN:      rd_o = in_q;
      OUT:     rd_o = out_q;
      COUNT:   rd_o = count_q;
      ZERO:    rd_o = zero_q;
      LO:      rd_o = lo_q;
      HI:      rd_o = hi_q;
      default: begin
        ra_there_o = ra_table;
        if (ra_table) rd_o = ra_tap[0] ? {26'd0, shift_q[rt*6 +: 6]} : mult_q[rt*32 +: 32];
      end
    endcase
  end

  wire [5+SlotsLog2:0] reach = {stride_q[11:6], {SlotsLog2{1'b0}}};
  wire bad = pool_q[1:0] == 2'd3 || kernel_q[11:6] == 6'd0 || kernel_q[5:0] == 6'd0 ||
             stride_q[11:6] == 6'd0 || stride_q[5:0] == 6'd0 ||
             {{SlotsLog2{1'b0}}, kernel_q[11:6]} > reach ||
             pad_q[11:6] >= kernel_q[11:6] || pad_q[5:0] >= kernel_q[5:0] ||
             in_q[31:16] == 16'd0 || in_q[15:0] == 16'd0 || out_q[31:16] == 16'd0 || out_q[15:0] == 16'd0 ||
             {16'd0, out_q[31:16]} > WidthC;
  assign bad_o = pool_q[1:0] != 2'd0 && bad;
  wire unused = &{1'b0, wa_tap, ra_tap};
endmodule

`default_nettype wire
