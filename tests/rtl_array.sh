#!/bin/sh
# The systolic array's hand-written Verilog: silent under verilator -Wall at the ends of its
# parameters' ranges, and accepted by Yosys with its own checks.
set -u
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT

unit() {   # XW WW: what a generator would put in the place of the multiplier
    cat > "$work/mul_unit.v" <<V
\`default_nettype none
module mul_unit (
  input  wire [$(($2 - 1)):0] w_i,
  input  wire [$(($1 - 1)):0] x_i,
  input  wire order_i,
  input  wire [7:0] mode_i,
  output wire [$(($1 + $2 - 1)):0] p_o
);
  wire unused = &{1'b0, order_i, mode_i};
  assign p_o = {{$1{1'b0}}, w_i} * {{$2{1'b0}}, x_i};
endmodule
\`default_nettype wire
V
}

sets='
Rows=8,Cols=8
Rows=1,Cols=1,Lanes=1,AccDepth=2,PoolWidth=1
Rows=2,Cols=192,Lanes=8,Order=2,RunTimeMode=1
Rows=5,Cols=3,Lanes=1,RowSum=1,Signed=0,AccDepth=3
Rows=4,Cols=4,Lanes=2,AccW=17,AccDepth=1024
Rows=4,Cols=4,Lanes=4,XW=8,WW=4,RowSum=1,Signed=0,PoolWidth=64
Rows=2,Cols=2,Lanes=2,XW=12,WW=12,Order=1
Rows=3,Cols=6,Lanes=3,PoolWidth=5
'
n=0
for set in $sets; do
    for dataflow in 0 1; do
        n=$((n + 1))
        xw=$(echo "$set" | sed -n 's/.*XW=\([0-9]*\).*/\1/p') ww=$(echo "$set" | sed -n 's/.*WW=\([0-9]*\).*/\1/p')
        unit "${xw:-8}" "${ww:-8}"
        if command -v verilator > /dev/null; then
            # shellcheck disable=SC2046
            verilator --lint-only -Wall --top-module mac_array $(echo "-GDataflow=$dataflow,$set" | sed 's/,/ -G/g') \
                -y rtl rtl/mac_array.v "$work/mul_unit.v" > "$work/log" 2>&1
            [ -s "$work/log" ] && { echo "Dataflow=$dataflow,$set: $(head -n 1 "$work/log")" >> "$work/lint"; }
        fi
        if command -v yosys > /dev/null && { [ "$n" -gt 6 ] || [ -n "${AXM_FULL:-}" ]; }; then
            yosys -q -p "read_verilog rtl/*.v $work/mul_unit.v;
                chparam -set Dataflow $dataflow $(echo ",$set" | sed 's/,/ -set /g; s/=/ /g') mac_array;
                hierarchy -check -top mac_array; proc; check -assert" > "$work/log" 2>&1 ||
                echo "Dataflow=$dataflow,$set: $(grep -m 1 ERROR "$work/log")" >> "$work/yosys"
        fi
    done
done

verdict() {
    if ! command -v "$2" > /dev/null; then echo "SKIP rtl_array_$1: no $2"
    elif [ -s "$work/$1" ]; then echo "FAIL rtl_array_$1: $(head -n 1 "$work/$1")"
    else echo "PASS rtl_array_$1"; fi
}
verdict lint verilator
verdict yosys yosys
