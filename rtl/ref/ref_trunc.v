// ref_trunc: truncation.  L, M: low bits of a_i and b_i that read 0.  C: the
// columns below are dropped, compensated by nothing (Comp = 0), by the
// expected value of what is dropped (1), or by column C-1 counted in column C (2).
// Definition: docs/families.md, trunc.
`default_nettype none
module ref_trunc #(
  parameter WidthA = 8,
  parameter WidthB = 8,
  parameter Signed = 0,
  parameter L = 0,
  parameter M = 0,
  parameter C = 0,
  parameter Comp = 0
) (
  input  wire [WidthA-1:0]        a_i,
  input  wire [WidthB-1:0]        b_i,
  output wire [WidthA+WidthB-1:0] p_o
);
  localparam WidthP = WidthA + WidthB;
  localparam WidthE = WidthP + 8;   // of the expected value, in quarters

  // Four times the expected value of the dropped columns, rounded to the
  // nearest multiple of 2^C, halves upward.
  function [WidthE-1:0] expected;
    input signed_matrix;
    integer i, j;
    reg [WidthE-1:0] one, quarters, constant;
    begin
      one = 1;
      quarters = 0;
      for (i = 0; i < WidthB; i = i + 1)
        for (j = 0; j < WidthA; j = j + 1)
          if (i + j < C)
            quarters = quarters + ((signed_matrix && ((i == WidthB - 1) != (j == WidthA - 1)) ?
                                    one + one + one : one) << (i + j));
      constant = (one << (WidthA - 1)) + (one << (WidthB - 1)) + (one << (WidthP - 1));
      if (signed_matrix)
        for (i = 0; i < C; i = i + 1)
          if (constant[i])
            quarters = quarters + (one << (i + 2));
      expected = ((quarters + (one << (C + 1))) >> (C + 2)) << C;
    end
  endfunction

  localparam [WidthE-1:0] Expected = expected(Signed != 0);
  localparam [WidthP-1:0] Compensation = (Comp == 1) ? Expected[WidthP-1:0] : 0;

  wire [WidthA-1:0] a = a_i & ({WidthA{1'b1}} << L);
  wire [WidthB-1:0] b = b_i & ({WidthB{1'b1}} << M);
  wire [WidthP-1:0] p;

  ref_matrix #(
    .WidthA(WidthA), .WidthB(WidthB), .Signed(Signed),
    .FirstRow(0), .FirstColumn(C), .Fold((Comp == 2) ? 1 : 0)
  ) u_matrix (
    .a_i(a), .b_i(b), .p_o(p)
  );
  assign p_o = p + Compensation;
endmodule
`default_nettype wire
