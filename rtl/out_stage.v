// out_stage: from rows of accumulators to the result stream.  A row waits in a FIFO, is cut into
// beats of Lanes words and requantized, a column's parameters beside it.  Result beats carry 32 bits a
// lane: a sign-extended code, or with raw_i the accumulator.
`default_nettype none

module out_stage #(
  parameter Cols = 8,
  parameter AccW = 32,
  parameter Lanes = 8,    // divides Cols
  parameter RowSum = 0
) (
  input  wire                           clk_i,
  input  wire                           rst_ni,
  input  wire                           clear_i,
  // rows
  input  wire                           push_i,
  input  wire                           push_last_i,   // the job's last row
  input  wire [(Cols+RowSum)*AccW-1:0]  row_i,
  output wire                           full_o,
  output wire                           empty_o,       // nothing is anywhere in here
  // parameters, constant while a row is in here
  input  wire [Cols*32-1:0]             bias_i,
  input  wire [Cols*32-1:0]             mult_i,
  input  wire [Cols*6-1:0]              shift_i,
  input  wire [Cols*9-1:0]              wzero_i,
  input  wire [31:0]                    zero_i,
  input  wire [31:0]                    lo_i,
  input  wire [31:0]                    hi_i,
  input  wire                           raw_i,
  // results
  output wire                           tvalid_o,
  input  wire                           tready_i,
  output wire [Lanes*32-1:0]            tdata_o,
  output wire                           tlast_o
);
  localparam Beats = Cols / Lanes;
  localparam BeatW = Beats > 1 ? $clog2(Beats) : 1;
  localparam RowBits = (Cols + RowSum) * AccW;
  localparam Stages = 4;

  wire               head_valid, head_last, pop;
  wire [RowBits-1:0] head;
  sync_fifo #(.Width(RowBits + 1), .DepthLog2(2)) u_fifo (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear_i),
    .push_i(push_i), .d_i({push_last_i, row_i}), .full_o(full_o),
    .pop_i(pop), .valid_o(head_valid), .d_o({head_last, head})
  );

  reg [Stages-1:0] valid_q, last_q;
  // Nothing moves while nothing is here.
  wire adv = !empty_o && (!valid_q[Stages-1] || tready_i);

  wire [BeatW-1:0] beat;
  wire             beat_last;
  assign pop = adv && head_valid && beat_last;
  generate
    if (Beats > 1) begin : g_beats
      reg [BeatW-1:0] beat_q;
      always @(posedge clk_i or negedge rst_ni)
        if (!rst_ni) beat_q <= {BeatW{1'b0}};
        else if (clear_i) beat_q <= {BeatW{1'b0}};
        else if (adv && head_valid) beat_q <= beat_last ? {BeatW{1'b0}} : beat_q + 1'b1;
      localparam [BeatW-1:0] LastBeat = Beats[BeatW-1:0] - 1'b1;
      assign beat      = beat_q;
      assign beat_last = beat_q == LastBeat;
    end else begin : g_one
      assign beat      = {BeatW{1'b0}};
      assign beat_last = 1'b1;
    end
  endgenerate

  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) valid_q <= {Stages{1'b0}};
    else if (clear_i) valid_q <= {Stages{1'b0}};
    else if (adv) valid_q <= {valid_q[Stages-2:0], head_valid};
  always @(posedge clk_i) if (adv) last_q <= {last_q[Stages-2:0], head_last && beat_last};

  assign tvalid_o = valid_q[Stages-1];
  assign tlast_o  = last_q[Stages-1];
  assign empty_o  = !head_valid && valid_q == {Stages{1'b0}};

  wire [31:0] row_sum;
  generate
    if (RowSum != 0) begin : g_sum
      wire [AccW-1:0] s = head[Cols*AccW +: AccW];
      if (AccW < 32) begin : g_extend
        assign row_sum = {{(32-AccW){1'b0}}, s};
      end else begin : g_whole
        assign row_sum = s[31:0];
      end
    end else begin : g_none
      assign row_sum = 32'd0;
    end
  endgenerate

  // The parameters of a beat's columns travel with it: the next beat may have entered by the time
  // that they are wanted.
  genvar l, b;
  generate
    for (l = 0; l < Lanes; l = l + 1) begin : g_lane
      wire [31:0] acc_of  [0:Beats-1];
      wire [78:0] with_of [0:Beats-1];
      for (b = 0; b < Beats; b = b + 1) begin : g_beat
        wire [AccW-1:0] a = head[(b*Lanes + l)*AccW +: AccW];
        if (AccW < 32) begin : g_extend
          assign acc_of[b] = {{(32-AccW){a[AccW-1]}}, a};
        end else begin : g_whole
          assign acc_of[b] = a[31:0];
        end
        assign with_of[b] = {bias_i[(b*Lanes + l)*32 +: 32], mult_i[(b*Lanes + l)*32 +: 32],
                             shift_i[(b*Lanes + l)*6 +: 6], wzero_i[(b*Lanes + l)*9 +: 9]};
      end
      wire [31:0] bias, mult, mult_d;
      wire [5:0]  shift, shift_d;
      wire [8:0]  wzero;
      assign {bias, mult, shift, wzero} = with_of[beat];
      delay_line #(.Width(32), .Depth(1)) u_mult (
        .clk_i(clk_i), .en_i(adv), .d_i(mult), .q_o(mult_d)
      );
      delay_line #(.Width(6), .Depth(2)) u_shift (
        .clk_i(clk_i), .en_i(adv), .d_i(shift), .q_o(shift_d)
      );
      requantize #(.RowSum(RowSum)) u_requantize (
        .clk_i(clk_i), .adv_i(adv),
        .acc_i(acc_of[beat]), .sum_i(row_sum), .bias_i(bias), .wzero_i(wzero),
        .mult_i(mult_d), .shift_i(shift_d), .zero_i(zero_i), .lo_i(lo_i), .hi_i(hi_i),
        .raw_i(raw_i), .q_o(tdata_o[l*32 +: 32])
      );
    end
  endgenerate
endmodule

`default_nettype wire
