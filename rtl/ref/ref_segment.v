// ref_segment: drum's operand: x_i as it is if its leading one is below bit K;
// else the K bits from there downward, the lowest set to 1, and in shift_o
// how far they were shifted down.
`default_nettype none
module ref_segment #(
  parameter Width = 8,
  parameter K = 4
) (
  input  wire [Width-1:0] x_i,
  output reg  [K-1:0]     segment_o,
  output reg  [5:0]       shift_o
);
  wire [Width+K-1:0] x = {{K{1'b0}}, x_i};
  wire unused_x = &{1'b0, x};

  integer t;
  reg [5:0] dropped;

  always @* begin
    segment_o = x[K-1:0];
    shift_o = 0;
    dropped = 0;
    for (t = K; t < Width; t = t + 1) begin   // the highest one decides last
      dropped = dropped + 1;
      if (x[t]) begin
        segment_o = x[t -: K];
        segment_o[0] = 1'b1;
        shift_o = dropped;
      end
    end
  end
endmodule
`default_nettype wire
