// delay_line: d_i, Depth enabled cycles later.  Depth 0 is a wire.
`default_nettype none

module delay_line #(
  parameter Width = 8,
  parameter Depth = 1
) (
  input  wire             clk_i,
  input  wire             en_i,
  input  wire [Width-1:0] d_i,
  output wire [Width-1:0] q_o
);
  generate
    if (Depth == 0) begin : g_wire
      wire unused = &{1'b0, clk_i, en_i};
      assign q_o = d_i;
    end else begin : g_line
      reg [Width*Depth-1:0] line_q;
      if (Depth == 1) begin : g_one
        always @(posedge clk_i) if (en_i) line_q <= d_i;
      end else begin : g_more
        always @(posedge clk_i) if (en_i) line_q <= {line_q[Width*(Depth-1)-1:0], d_i};
      end
      assign q_o = line_q[Width*Depth-1 -: Width];
    end
  endgenerate
endmodule

`default_nettype wire
