#!/bin/sh
# Proofs of the array's control logic by yosys-smtbmc and z3: bounded model checking to the depth that is
# printed, and induction where it closes, which holds for any number of cycles.  Each property is
# also checked against a broken copy, which must fail.  Everything in AXM_FULL; else short.
set -u
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
failed=0 limit=150   # seconds a proof; --unroll: without it z3 does not end
for tool in yosys yosys-smtbmc z3; do
    command -v $tool > /dev/null || { echo "SKIP formal_array: no $tool"; exit 0; }
done

# AXI4-Lite: one response per request, none without, kept until taken; requests are taken at once if
# no response is owed.  The master keeps what it offers.
cat > "$work/axil.v" <<'V'
module axil (input wire clk_i, input wire [11:0] awaddr, input wire awvalid, input wire [31:0] wdata,
             input wire [3:0] wstrb, input wire wvalid, input wire bready, input wire [11:0] araddr,
             input wire arvalid, input wire rready, input wire taken, busy, done, input wire [6:0] error,
             input wire xs, ws, ys);
  reg rst_ni = 1'b0;
  always @(posedge clk_i) rst_ni <= 1'b1;
  wire awready, wready, bvalid, arready, rvalid, start;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata;
  axil_regs #(.Rows(2), .Cols(1), .Lanes(1), .AccDepth(4)) u (
    .clk_i(clk_i), .rst_ni(rst_ni), .s_axil_awaddr(awaddr), .s_axil_awvalid(awvalid), .s_axil_awready(awready),
    .s_axil_wdata(wdata), .s_axil_wstrb(wstrb), .s_axil_wvalid(wvalid), .s_axil_wready(wready),
    .s_axil_bresp(bresp), .s_axil_bvalid(bvalid), .s_axil_bready(bready), .s_axil_araddr(araddr),
    .s_axil_arvalid(arvalid), .s_axil_arready(arready), .s_axil_rdata(rdata), .s_axil_rresp(rresp),
    .s_axil_rvalid(rvalid), .s_axil_rready(rready), .start_o(start), .taken_i(taken && start), .busy_i(busy),
    .done_i(done), .error_i(error), .x_stall_i(xs), .w_stall_i(ws), .y_stall_i(ys));
  // What is owed: an address, data, and answers.
  reg b_owed = 1'b0, r_owed = 1'b0, past = 1'b0;
  reg b_wait = 1'b0, r_wait = 1'b0;
  reg [1:0] b_was, r_was;
  reg [31:0] data_was;
  reg aw_wait = 1'b0, w_wait = 1'b0, ar_wait = 1'b0;
  reg [11:0] aw_was, ar_was;
  reg [35:0] w_was;
  always @(posedge clk_i) begin
    past <= 1'b1;
    aw_wait <= awvalid && !awready && rst_ni; aw_was <= awaddr;
    w_wait <= wvalid && !wready && rst_ni; w_was <= {wdata, wstrb};
    ar_wait <= arvalid && !arready && rst_ni; ar_was <= araddr;
    if (aw_wait) assume (awvalid && awaddr == aw_was);
    if (w_wait) assume (wvalid && {wdata, wstrb} == w_was);
    if (ar_wait) assume (arvalid && araddr == ar_was);
    if (!rst_ni) assume (!awvalid && !wvalid && !arvalid);
    if (rst_ni) begin
      assert ((awvalid && awready) == (wvalid && wready));
      if (awvalid && wvalid && !b_owed) assert (awready && wready);
      if (arvalid && !r_owed) assert (arready);
      if (b_owed) assert (!awready && !wready);
      if (r_owed) assert (!arready);
      assert (bvalid == b_owed);
      assert (rvalid == r_owed);
      if (b_wait) assert (bvalid && bresp == b_was);
      if (r_wait) assert (rvalid && rresp == r_was && rdata == data_was);
      if (bvalid) assert (!bresp[0]);
      if (rvalid) assert (!rresp[0]);
    end
    b_wait <= rst_ni && bvalid && !bready; b_was <= bresp;
    r_wait <= rst_ni && rvalid && !rready; r_was <= rresp; data_was <= rdata;
    b_owed <= rst_ni && ((awvalid && awready) || (b_owed && !bready));
    r_owed <= rst_ni && ((arvalid && arready) || (r_owed && !rready));
  end
endmodule
V

# FIFO: the word that comes out as number n is the one that went in as number n, for any n.
cat > "$work/fifo.v" <<'V'
module fifo (input wire clk_i, input wire push, pop, clear, input wire [2:0] d);
  reg rst_ni = 1'b0;
  always @(posedge clk_i) rst_ni <= 1'b1;
  (* anyconst *) wire [4:0] n;
  wire full, valid;
  wire [2:0] q;
  sync_fifo #(.Width(3), .DepthLog2(2)) u (.clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .push_i(push),
    .d_i(d), .full_o(full), .pop_i(pop), .valid_o(valid), .d_o(q));
  reg [4:0] in = 5'd0, out = 5'd0;
  reg [2:0] kept;
  always @(posedge clk_i) if (rst_ni) begin
    assert (valid == (in != out));
    assert (full == (in - out == 5'd4));
    if (push && !full && in == n) kept <= d;
    if (valid && out == n) assert (q == kept);
    if (clear) begin
      in <= 5'd0;
      out <= 5'd0;
    end else begin
      if (push && !full) in <= in + 5'd1;
      if (pop && valid) out <= out + 5'd1;
    end
  end
endmodule
V

# Results: beat c of row n carries column c of the row that was pushed as number n, and tlast where it must;
# a beat stays until it is taken.
cat > "$work/out.v" <<'V'
module out (input wire clk_i, input wire push, last, tready, input wire [5:0] d);
  reg rst_ni = 1'b0;
  always @(posedge clk_i) rst_ni <= 1'b1;
  (* anyconst *) wire [3:0] n;
  wire full, empty, tvalid, tlast;
  wire [31:0] tdata;
  out_stage #(.Cols(2), .AccW(3), .Lanes(1)) u (.clk_i(clk_i), .rst_ni(rst_ni), .clear_i(1'b0),
    .push_i(push && !full), .push_last_i(last), .row_i(d), .full_o(full), .empty_o(empty), .bias_i(64'd0),
    .mult_i(64'd0), .shift_i({2{6'd1}}), .wzero_i(18'd0), .zero_i(32'd0), .lo_i(32'd0), .hi_i(32'd0),
    .raw_i(1'b1), .tvalid_o(tvalid), .tready_i(tready), .tdata_o(tdata), .tlast_o(tlast));
  reg [3:0] in = 4'd0;
  reg [4:0] out = 5'd0;
  reg [6:0] kept;
  reg waits = 1'b0;
  reg [32:0] held;
  wire [2:0] word = out[0] ? kept[5:3] : kept[2:0];
  always @(posedge clk_i) if (rst_ni) begin
    if (push && !full && in == n) kept <= {last, d};
    if (push && !full) in <= in + 4'd1;
    if (tvalid) assert ({1'b0, out[4:1]} != {1'b0, in});
    if (tvalid && out[4:1] == n) assert (tdata == {{29{word[2]}}, word} && tlast == (kept[6] && out[0]));
    if (waits) assert (tvalid && {tlast, tdata} == held);
    if (empty) assert (out == {in, 1'b0});
    waits <= tvalid && !tready;
    held <= {tlast, tdata};
    if (tvalid && tready) out <= out + 5'd1;
  end
endmodule
V

# Skew: what went in with enabled cycle n comes out with n + 3.
cat > "$work/skew.v" <<'V'
module skew (input wire clk_i, input wire en, input wire [2:0] d);
  (* anyconst *) wire [4:0] n;
  wire [2:0] q, q0;
  delay_line #(.Width(3), .Depth(3)) u (.clk_i(clk_i), .en_i(en), .d_i(d), .q_o(q));
  delay_line #(.Width(3), .Depth(0)) u0 (.clk_i(clk_i), .en_i(en), .d_i(d), .q_o(q0));
  reg [4:0] at = 5'd0;
  reg [2:0] kept;
  always @(posedge clk_i) begin
    assert (q0 == d);
    if (en) at <= at + 5'd1;
    if (en && at == n) kept <= d;
    if (n < 5'd20 && at == n + 5'd3) assert (q == kept);
  end
endmodule
V

# Accumulators: no row is read in the cycle in which it is written, rows of one beat a pass included.
cat > "$work/bank.v" <<'V'
module bank (input wire clk_i, input wire abort, start, wv, wl, xv, xl, en, input wire [31:0] rows, tiles);
  reg rst_ni = 1'b0;
  always @(posedge clk_i) rst_ni <= 1'b1;
  wire read, add;
  wire read_row, add_row;
  ctrl_ws #(.Rows(1), .Cols(1), .RowW(1), .XBits(1), .WBits(1)) u (
    .clk_i(clk_i), .rst_ni(rst_ni), .abort_i(abort), .start_i(start), .rows_i(rows), .k_tiles_i(tiles),
    .w_valid_i(wv), .w_data_i(1'b0), .w_last_i(wl), .x_valid_i(xv), .x_data_i(1'b0), .x_last_i(xl), .en_i(en),
    .read_o(read), .read_row_o(read_row), .add_o(add), .add_row_o(add_row));
  always @(posedge clk_i) begin
    assume (rows == 32'd1 || rows == 32'd2);
    if (rst_ni && en) assert (!(read && add && read_row == add_row));
  end
endmodule
V

# Pooling: result number n of an image, for any n and any legal set-up of a small unit, is the largest code
# that was taken inside of window n, comes after all of them, and once; when all is still, none is missing; an
# input waits a bounded number of cycles in which results are taken.
cat > "$work/pooled.v" <<'V'
module pooled (input wire clk_i, input wire valid, tready, input wire [2:0] code);
  reg rst_ni = 1'b0, begun = 1'b0, going = 1'b0;
  always @(posedge clk_i) begin
    rst_ni <= 1'b1;
    begun <= rst_ni;
    going <= begun;
  end
  (* anyconst *) wire [1:0] kh, kw, sh, sw, top, left, h, w, oh, ow, oy, ox;
  (* anyconst *) wire b;
  localparam Beats = 2;
  wire ready, tvalid, tlast, idle, done, error;
  wire [31:0] tdata;
  pool #(.Lanes(1), .Beats(Beats), .Width(2), .Taps(1), .CodeW(3), .KernelW(2), .DimW(2), .SlotsLog2(1)) u (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(1'b0), .on_i(1'b1), .average_i(1'b0), .kernel_h_i(kh),
    .kernel_w_i(kw), .stride_h_i(sh), .stride_w_i(sw), .pad_top_i(top), .pad_left_i(left), .in_h_i(h),
    .in_w_i(w), .out_h_i(oh), .out_w_i(ow), .count_i(32'd0), .zero_in_i(3'd0), .zero_i(32'd0), .lo_i(32'd0),
    .hi_i(32'd0), .mult_i(32'd0), .shift_i(6'd1), .start_i(begun && !going), .restart_i(1'b1),
    .valid_i(going && valid), .ready_o(ready), .last_i(1'b0), .data_i(code), .tvalid_o(tvalid),
    .tready_i(tready), .tdata_o(tdata), .tlast_o(tlast), .idle_o(idle), .done_o(done), .error_o(error));
  // Legal: kernels of 1 or 2, images of up to 2 x 2, every window has a position inside.
  wire [4:0] last_y = (oh - 2'd1) * {3'd0, sh}, last_x = (ow - 2'd1) * {3'd0, sw};
  always @* begin
    assume (kh != 2'd0 && kh != 2'd3 && kw != 2'd0 && kw != 2'd3 && sh != 2'd0 && sw != 2'd0);
    assume (top < kh && left < kw && h != 2'd0 && h != 2'd3 && w != 2'd0 && w != 2'd3);
    assume (oh != 2'd0 && ow != 2'd0 && ow != 2'd3 && last_y < h + {3'd0, top} && last_x < w + {3'd0, left});
    assume (oy < oh && ox < ow && (Beats == 2 || !b));
  end
  // Positions that were taken, in the order in which they come.
  reg [1:0] y = 2'd0, x = 2'd0;
  reg beat = 1'b0, whole = 1'b0;
  wire take = going && valid && ready && !whole;
  wire last_beat = Beats == 1 || beat;
  wire [4:0] from_y = oy * {3'd0, sh}, from_x = ox * {3'd0, sw};
  wire inside = beat == b && y + {3'd0, top} >= from_y && y + {3'd0, top} < from_y + kh &&
                x + {3'd0, left} >= from_x && x + {3'd0, left} < from_x + kw;
  reg signed [2:0] most = -3'sd4;
  reg [2:0] missing = 3'd0, inputs = 3'd0;     // taken so far; how many there are in all
  integer i, j;
  always @* begin
    inputs = 3'd0;
    for (i = 0; i < 2; i = i + 1)
      for (j = 0; j < 2; j = j + 1)
        if (i < h && j < w && i + top >= from_y && i + top < from_y + kh && j + left >= from_x &&
            j + left < from_x + kw) inputs = inputs + 3'd1;
  end
  reg [4:0] out = 5'd0;
  wire [4:0] number = (oy * {3'd0, ow} + ox) * Beats + b, number_last = oh * {3'd0, ow} * Beats - 5'd1;
  reg waits = 1'b0;
  reg [32:0] held;
  reg [4:0] patience = 5'd0;
  reg offered = 1'b0;
  reg [2:0] code_was;
  always @(posedge clk_i) if (going) begin
    if (take) begin
      beat <= !last_beat;
      if (last_beat) x <= x == w - 2'd1 ? 2'd0 : x + 2'd1;
      if (last_beat && x == w - 2'd1) y <= y + 2'd1;
      if (last_beat && x == w - 2'd1 && y == h - 2'd1) whole <= 1'b1;
      if (inside) missing <= missing + 3'd1;
      if (inside && $signed(code) > most) most <= code;
    end
    assume (!whole || !valid);                 // one image
    if (offered) assume (valid && code == code_was);
    offered <= valid && !ready;
    code_was <= code;
    assert (!error);
    if (tvalid && out == number) assert (missing == inputs && tdata == {{29{most[2]}}, most});
    if (tvalid) assert (out <= number_last && tlast == (out == number_last));
    if (idle && whole) assert (out == number_last + 5'd1);
    if (waits) assert (tvalid && {tlast, tdata} == held);
    waits <= tvalid && !tready;
    held <= {tlast, tdata};
    if (tvalid && tready) out <= out + 5'd1;
    patience <= valid && !ready && tready ? patience + 5'd1 : take ? 5'd0 : patience;
    assert (patience < 5'd12);
  end
endmodule
V

sed 's/module pooled/module pooled_one/; s/Beats = 2;/Beats = 1;/' "$work/pooled.v" > "$work/pooled_one.v"

# Pooling, any set-up: a result stays until it is taken, nothing is taken meanwhile, and an abort empties it.
cat > "$work/pool_held.v" <<'V'
module pool_held (input wire clk_i, input wire on, average, valid, last, tready, clear, start, restart,
                  input wire [1:0] kh, kw, sh, sw, top, left, input wire [2:0] h, w, oh, ow,
                  input wire [31:0] count, input wire [5:0] codes);
  reg rst_ni = 1'b0;
  always @(posedge clk_i) rst_ni <= 1'b1;
  wire ready, tvalid, tlast, idle, done, error;
  wire [63:0] tdata;
  pool #(.Lanes(2), .Beats(1), .Width(2), .Taps(1), .CodeW(3), .KernelW(2), .DimW(3), .SlotsLog2(1)) u (
    .clk_i(clk_i), .rst_ni(rst_ni), .clear_i(clear), .on_i(on), .average_i(average), .kernel_h_i(kh),
    .kernel_w_i(kw), .stride_h_i(sh), .stride_w_i(sw), .pad_top_i(top), .pad_left_i(left), .in_h_i(h),
    .in_w_i(w), .out_h_i(oh), .out_w_i(ow), .count_i(count), .zero_in_i(3'd0), .zero_i(32'd0), .lo_i(32'd0),
    .hi_i(32'd3), .mult_i(32'd1), .shift_i(6'd1), .start_i(start), .restart_i(restart), .valid_i(valid),
    .ready_o(ready), .last_i(last), .data_i(codes), .tvalid_o(tvalid), .tready_i(tready), .tdata_o(tdata),
    .tlast_o(tlast), .idle_o(idle), .done_o(done), .error_o(error));
  reg waits = 1'b0, cleared = 1'b0;
  reg [64:0] held;
  always @(posedge clk_i) begin
    if (waits) assert (tvalid && {tlast, tdata} == held);
    if (cleared) assert (!tvalid && !done);
    if (tvalid && !tready) assert (!ready && !error);
    if (tvalid) assert (!idle && !done);
    if (done) assert (!idle);
    if (ready) assert (on);
    waits <= rst_ni && tvalid && !tready && !clear;
    cleared <= rst_ni && clear;
    held <= {tlast, tdata};
  end
endmodule
V

model() {   # TOP RTL OUT
    yosys -q -p "read_verilog -formal $2/*.v $work/$1.v; prep -top $1 -flatten; memory_map; async2sync;
        opt -full; dffunmap; clean; write_smt2 -wires $3" > "$work/log" 2>&1
}

# prove NAME TOP DEPTH INDUCTION SED-EXPRESSION FILE: the last two make a broken copy.
prove() {
    name=$1 top=$2 depth=$3 induction=$4
    if ! model "$top" rtl "$work/$top.smt2"; then
        echo "FAIL formal_array__$name: $(grep -m 1 ERROR "$work/log")"; failed=1; return
    fi
    if ! timeout $limit yosys-smtbmc --noprogress -s z3 --unroll -t "$depth" "$work/$top.smt2" > "$work/log" 2>&1; then
        echo "FAIL formal_array__$name: depth $depth: $(grep -m 1 -i 'assert\|error' "$work/log")"; failed=1; return
    fi
    how="bounded, depth $depth"
    if [ "$induction" != 0 ]; then
        if ! timeout $limit yosys-smtbmc --noprogress -s z3 --unroll -i -t "$induction" "$work/$top.smt2" > "$work/log" 2>&1; then
            echo "FAIL formal_array__$name: induction over $induction steps does not close"; failed=1; return
        fi
        how="$how; by induction for ever"
    fi
    rm -rf "$work/broken" && cp -r rtl "$work/broken"
    sed -i "$5" "$work/broken/$6"
    if cmp -s "rtl/$6" "$work/broken/$6" || ! model "$top" "$work/broken" "$work/broken.smt2"; then
        echo "FAIL formal_array__$name: no broken copy"; failed=1; return
    fi
    timeout $limit yosys-smtbmc --noprogress -s z3 --unroll -t "$depth" "$work/broken.smt2" > "$work/log" 2>&1
    if ! grep -q 'Status: FAILED' "$work/log"; then
        echo "FAIL formal_array__$name: a broken $6 passes"; failed=1; return
    fi
    echo "$name: $how"
    echo "PASS formal_array__$name"
}

axil=6 fifo=8 out=9 skew=8 bank=14 pool=10 held=10
[ -z "${AXM_FULL:-}" ] || axil=12 fifo=16 out=14 skew=24 bank=30 pool=13 held=16 limit=1200
prove axi_lite axil $axil 2 's/else if (s_axil_bready) b_valid_q/else b_valid_q/' axil_regs.v
prove fifo fifo $fifo 0 "s/assign full_o  = .*/assign full_o = 1'b0;/" sync_fifo.v
prove out_stage out $out 0 's/wire adv = .*/wire adv = 1'"'"'b1;/' out_stage.v
prove bank bank $bank 0 's/ && age_q > free_at;/;/' ctrl_ws.v
prove pool pooled $pool 0 's/wire row_end     = .*/wire row_end     = last_column;/' pool.v
prove pool_one pooled_one $((pool + 1)) 0 's/forwarded_q <= write .*/forwarded_q <= 1'"'"'b0;/' pool.v
prove pool_held pool_held $held 2 's/wire en = .*/wire en = 1'"'"'b1;/' pool.v
prove skew skew $skew 0 's/@(posedge clk_i) if (en_i) line_q <= {/@(posedge clk_i) line_q <= {/' delay_line.v
exit $failed
