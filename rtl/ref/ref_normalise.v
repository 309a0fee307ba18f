// ref_normalise: x_i = 2^k_o * 1.fraction: position of the leading one, and
// mantissa_o = 1 and the first T bits of the fraction (zeros where x_i has
// none).  x_i = 0: both are 0.
`default_nettype none
module ref_normalise #(
  parameter Width = 8,
  parameter T = 7
) (
  input  wire [Width-1:0] x_i,
  output reg  [5:0]       k_o,
  output reg  [T:0]       mantissa_o
);
  wire [Width+T-1:0] x = {x_i, {T{1'b0}}};

  integer t;

  always @* begin
    k_o = 0;
    mantissa_o = 0;
    for (t = 0; t < Width; t = t + 1)   // the highest one decides last
      if (x_i[t]) begin
        k_o = t[5:0];
        mantissa_o = x[t +: T+1];
      end
  end
endmodule
`default_nettype wire
