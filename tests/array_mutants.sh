#!/bin/sh
# Faults put into the netlist of a whole array, one at a time: stuck-at and inverted pins anywhere in
# multipliers, cells, skew, control, accumulators, FIFO, requantizers and registers, drawn by Yosys's mutate
# with a seed.  One Verilated binary holds them all, chosen by an input port; the array's own test bench runs
# over each.  A mutant is caught when the bench complains or does not end, or when its last line (results,
# cycles) is not that of the array without a fault.  Survivors run again with other seeds and more jobs; of what
# is left array_mutants.py says, by SAT: equal in all states, or different only from states with a counter of so
# many bits that no simulation counts there (2^12 at least), which it has a witness for.  Else: FAIL.
# With AXM_FULL 200 mutants of the gates per dataflow of a 4 x 4 array (AXM_DATAFLOW=ws or os: of one only);
# else a few of the operations on words of a small one.  AXM_KEEP=DIR keeps what was made there.
set -u
axmul=$(pwd)/${B:-build}/axmul judge=$(pwd)/tests/array_mutants.py
for tool in yosys verilator z3; do
    command -v $tool > /dev/null || { echo "SKIP array_mutants: no $tool"; exit 0; }
done
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
[ -z "${AXM_KEEP:-}" ] ||
    { trap - EXIT; rm -rf "$work"; work=$AXM_KEEP; mkdir -p "$work" || exit 3; }
failed=0

cat > "$work/mutant.cpp" <<'C'
#include <cstdlib>
extern "C" int array_mutant(void)
{
    const char *s = getenv("MUTANT");
    return s ? atoi(s) : 0;
}
C

# one.sh K SEED JOBS: the last line of the bench on mutant K, or what ended it.
cat > "$work/one.sh" <<'S'
out=$(MUTANT=$1 timeout 120 sim/Vtb_top "$2" "$3" 2> /dev/null)
code=$?
[ $code = 124 ] && out="no end in 120 s"
last=$(echo "$out" | tail -n 1)
[ "$last" = "$REFERENCE" ] && echo "$1 survived" || echo "$1 caught: $last"
S

# For the proofs: flip-flops that take their reset at the clock's edge, which an AIGER file can say.
cat > "$work/ff.v" <<'V'
module \$_DFF_PN0_ (input D, C, R, output Q); \$_DFF_P_ f (.D(R & D), .C(C), .Q(Q)); endmodule
module \$_DFF_PN1_ (input D, C, R, output Q); \$_DFF_P_ f (.D(~R | D), .C(C), .Q(Q)); endmodule
module \$_DFFE_PN0P_ (input D, C, R, E, output Q); \$_DFF_P_ f (.D(R & (E ? D : Q)), .C(C), .Q(Q)); endmodule
module \$_DFFE_PN1P_ (input D, C, R, E, output Q); \$_DFF_P_ f (.D(~R | (E ? D : Q)), .C(C), .Q(Q)); endmodule
module \$_DFFE_PN0N_ (input D, C, R, E, output Q); \$_DFF_P_ f (.D(R & (E ? Q : D)), .C(C), .Q(Q)); endmodule
module \$_DFFE_PN1N_ (input D, C, R, E, output Q); \$_DFF_P_ f (.D(~R | (E ? Q : D)), .C(C), .Q(Q)); endmodule
V

netlist='proc; flatten; opt; memory; opt' gates='techmap; opt -fast' split=    # words; else gates
[ -z "${AXM_FULL:-}" ] || { netlist='synth -flatten -noabc' gates= split='splitnets -format __;'; }

# make_mutants N SEED ARRAY...: in the current directory, an array with N mutants and its bench.
make_mutants() {
    n=$1 seed=$2
    shift 2
    "$axmul" gen array "$@" -o . || return 1
    top=$(sed -n 's/^TOP := //p' Makefile)
    files=$(tr '\n' ' ' < filelist.f)
    yosys -q -p "read_verilog -defer $files; hierarchy -check -top $top;
        $netlist; opt_clean -purge; rename $top dut; write_rtlil base.il;
        mutate -list $n -seed $seed -o list" || return 1
    # Its own line number chooses a mutant; 0 is none of them.
    awk '{ sub(/ -(src|wire) .*/, ""); sub(/^mutate /, "mutate -ctrl mutsel 8 " NR " "); print }' list \
        > mutate.ys
    # Vectors of gates are split: Verilator would take carries within one for loops.
    yosys -q -p "read_rtlil base.il; script mutate.ys; $split opt_clean -purge;
        rename dut $top; write_verilog -noattr mutants.v" || return 1
    sed "s/^  $top u_dut (/  import \"DPI-C\" function int array_mutant();\n  reg [7:0] mutsel;\n\
  initial mutsel = array_mutant();\n&\n    .mutsel(mutsel),/" tb/tb_top.v > tb_top.sv
    verilator --cc --exe --build -O3 --Mdir sim --top-module tb_top +1364-2005ext+v -Wno-fatal -Wno-lint \
        -Wno-style --output-split 10000 -MAKEFLAGS "OPT_FAST=${optimise:--O1} OPT_SLOW=-O0 OPT_GLOBAL=-O1" \
        mutants.v tb/ref_unit.v tb_top.sv "$PWD/tb/tb.cpp" "$work/mutant.cpp" > verilator.log 2>&1 ||
        { tail -n 3 verilator.log; return 1; }
}

# run SEED JOBS: the mutants in left, each; caught ones go to caught.
run() {
    REFERENCE=$(sim/Vtb_top "$1" "$2")
    export REFERENCE
    case $REFERENCE in PASS*) ;; *) echo "without a fault: $REFERENCE"; return 1 ;; esac
    xargs -P "$(nproc)" -I '{}' sh "$work/one.sh" '{}' "$1" "$2" < left > said
    grep caught said >> caught
    sed -n 's/ survived$//p' said | sort -n > left.new
    [ "$(($(grep -c caught said) + $(wc -l < left.new)))" = "$(wc -l < left)" ] || { echo "a run is missing"; return 1; }
    mv left.new left
}

# prove: what is left, with a line each in proofs.
prove() {
    : > proofs
    [ -s left ] || return 0
    for k in $(cat left); do sed -n "${k}p" mutate.ys; done > left.ys
    yosys -q -p "read_rtlil base.il; script left.ys; $gates; techmap -map $work/ff.v; dffunmap; setundef -zero;
        opt_clean -purge; aigmap; opt_clean; write_aiger -ascii -symbols mutants.aag" > proof.log 2>&1 || return 1
    # shellcheck disable=SC2046  # words
    /usr/bin/python3 "$judge" mutants.aag list 3 $(cat left) > proofs 2>> proof.log
}

# mutants NAME N SEED ARRAY...
mutants() {
    name=$1 began=$(date +%s)
    shift
    mkdir -p "$work/$name"
    (
        cd "$work/$name" || exit 1
        make_mutants "$@" > made 2>&1 || { echo "FAIL array_mutants__$name: $(tail -n 1 made)"; exit 1; }
        [ "$(wc -l < list)" = "$1" ] || { echo "FAIL array_mutants__$name: no $1 mutants"; exit 1; }
        seq "$1" > left
        : > caught
        run 1 24 || { echo "FAIL array_mutants__$name: the array itself fails"; exit 1; }
        first=$(wc -l < caught)
        run 2 60 && run 3 200 && run 4 600 || { echo "FAIL array_mutants__$name: the array itself fails"; exit 1; }
        prove
        for k in $(cat left); do
            sed "s/^mutate //; s/ -cell.*\(-port\)/ \1/; s/techmap.v//; s/^/  /" list | sed -n "${k}p" | cut -c1-100
            grep "^$k " proofs
        done
        equal=$(grep -c ' equal$' proofs) counter=$(grep -c ' counter ' proofs)
        open=$(($(wc -l < left) - equal - counter))
        what="$1 mutants: $first caught by the bench, $(($(wc -l < caught) - first)) by it with more jobs, $equal \
proven equal, $counter seen only after 2^12 counts or more (a witness each), $open unexplained; \
$(($(date +%s) - began)) s"
        [ "$open" = 0 ] && echo "PASS array_mutants__$name: $what" ||
            { echo "FAIL array_mutants__$name: $what $(tail -n 1 proof.log)"; exit 1; }
    ) || failed=1
}

if [ -n "${AXM_FULL:-}" ]; then
    set -- --mult scdm8s_x5_y2 --rows 4 --cols 4 --lanes 2 --acc-bits 20
    [ "${AXM_DATAFLOW:-ws}" = os ] || mutants ws 200 1 "$@" --dataflow ws --acc-depth 8
    [ "${AXM_DATAFLOW:-os}" = ws ] || mutants os 200 1 "$@" --dataflow os
else
    optimise=-O0
    mutants short 12 1 --mult exact4s --dataflow os --rows 1 --cols 1 --acc-bits 10
fi
exit $failed
