// sync_fifo: first word falls through.  A push while full_o or a pop while !valid_o is the caller's
// error and ignored.  clear_i empties it.
`default_nettype none

module sync_fifo #(
  parameter Width = 8,
  parameter DepthLog2 = 2
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             clear_i,
  input  wire             push_i,
  input  wire [Width-1:0] d_i,
  output wire             full_o,
  input  wire             pop_i,
  output wire             valid_o,
  output wire [Width-1:0] d_o
);
  reg [Width-1:0]     word [0:(1 << DepthLog2)-1];
  reg [DepthLog2:0]   head_q, tail_q;    // one more bit than the address
  wire [DepthLog2:0]  count = tail_q - head_q;

  assign full_o  = count[DepthLog2];
  assign valid_o = count != {(DepthLog2+1){1'b0}};
  assign d_o     = word[head_q[DepthLog2-1:0]];

  wire push = push_i && !full_o;
  wire pop  = pop_i && valid_o;
  always @(posedge clk_i) if (push) word[tail_q[DepthLog2-1:0]] <= d_i;
  always @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) begin
      head_q <= {(DepthLog2+1){1'b0}};
      tail_q <= {(DepthLog2+1){1'b0}};
    end else if (clear_i) begin
      head_q <= tail_q;
    end else begin
      if (push) tail_q <= tail_q + 1'b1;
      if (pop)  head_q <= head_q + 1'b1;
    end
endmodule

`default_nettype wire
