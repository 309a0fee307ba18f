#!/bin/sh
# The directories that "axmul gen array" writes, as their users meet them: the same bytes on every run, lint
# without a word, both test benches, synthesis, and a wrong gate that the test benches notice.
# With AXM_FULL more arrays, more seeds, and synthesis with ABC; of more than 64 cells one seed, few jobs, Icarus
# alone and no ABC (test_array.c has 1,200 products a dataflow for their sizes under Verilator).
set -u
B=${B:-build}
axmul=$(pwd)/$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
failed=0
mkdir "$work/bad"

arrays='
exact8s ws 2 2
scdm8s_x5_y2 os 3 2
drum8u_k4 ws 4 3 --lanes 1
scdmr8s ws 2 2 --pool-width 5
trunc8x4u_l2_m0 ws 2 2
'
[ -z "${AXM_FULL:-}" ] || arrays="$arrays
exact8u os 1 1 --weight a --pool-width 1
cdmr8u os 2 5 --weight b
exact4u os 3 4 --lanes 2 --pool-width 6
exact8u ws 2 6 --lanes 3 --acc-depth 64 --pool-width 9
trunc8x4u_l2_m0 os 2 3 --weight a
mitchell8s_t5 ws 1 1
scdm8s_x8_y4 ws 8 8 --lanes 4 --acc-bits 20 --acc-depth 16
dadda12s ws 3 2 --acc-depth 2
drum15u_k6 ws 3 3 --lanes 3 --acc-depth 5 --acc-bits 32 --weight a
exact4s os 5 4 --lanes 2 --acc-bits 9
exact4s ws 6 2 --acc-bits 9
exact8x2u ws 40 2 --acc-bits 11
$(for dataflow in ws os; do
    for size in '1 1' '4 4' '8 8' '16 16' '8 32' '32 8'; do echo scdm8s_x6_y3 $dataflow $size; done
done)
"
export axmul work
echo "$arrays" | grep . > "$work/list"

verdict() {   # NAME TOOL: FAIL if there is a complaint in bad/NAME.*
    if ! command -v "$2" > /dev/null; then
        echo "SKIP array_gen__$1: no $2"
    elif cat "$work/bad/$1".* > "$work/all" 2> /dev/null; [ -s "$work/all" ]; then
        echo "FAIL array_gen__$1: $(head -2 "$work/all" | tr '\n' ' ')"
        failed=1
    else
        echo "PASS array_gen__$1"
    fi
}

# Everything of one array; complaints go to bad/CLAIM.ARRAY.
cat > "$work/one.sh" <<'ONE'
id=$1_$2_$3x$4
dir=$work/$id
spec=$1 dataflow=$2 rows=$3 cols=$4
shift 4
have() { command -v "$1" > /dev/null; }
bad() { cat > "$work/bad/$1.$id"; }
gen() { "$axmul" gen array --mult "$spec" --dataflow "$dataflow" --rows "$rows" --cols "$cols" "$@"; }
{
    gen "$@" -o "$dir" 2>&1
    gen "$@" -o "$dir.2" 2>&1
    diff -r "$dir" "$dir.2" 2>&1
    find "$dir" -name '*tmp*'
} | bad the_same_bytes
rm -rf "$dir.2"
# As the README says: its own command makes the same directory.
command=$(sed -n 's/^    axmul \(gen array .*\) -o DIR$/\1/p' "$dir/README.md")
# shellcheck disable=SC2086  # words
{ "$axmul" $command -o "$dir.3" 2>&1; diff -r "$dir" "$dir.3" 2>&1; } | bad its_own_command
rm -rf "$dir.3"
cd "$dir" || exit
have verilator && make -s lint 2>&1 | bad lint_is_silent
seeds="1 ${AXM_FULL:+2 3 4 5 6 7 8}" jobs=12 large=
[ $((rows * cols)) -le 64 ] || seeds=1 jobs=3 large=1
for seed in $seeds; do
    have iverilog && make -s icarus SEED="$seed" JOBS=$jobs 2>&1 | grep -v '^PASS'
done | bad icarus_agrees
have verilator && [ -z "$large" ] && make -s verilator OPT=-O0 JOBS=100 2>&1 | grep -v '^PASS' | bad verilator_agrees
flags=-noabc
[ -z "${AXM_FULL:-}" ] || [ -n "$large" ] || flags=
have yosys && make -s synth SYNTH_FLAGS=$flags 2>&1 | bad yosys_synthesises
have yosys && { grep -q '_DFF' build/synth.txt 2> /dev/null || echo "no gates"; } | bad yosys_synthesises_gates
/usr/bin/python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' ./*_regs.xml 2>&1 | tail -1 |
    bad ip_xact_is_well_formed
printf '#include "%s"\nint main(void) { return AXM_MAC_CTRL_START_MASK != 1 || AXM_MAC_COLUMN_SHIFT(2) != 0x428; }\n' \
    ./*_regs.h > build/header.c
{ cc -std=c11 -pedantic -Wall -Wextra -Werror -I. -o build/header build/header.c && build/header; } 2>&1 | bad header_compiles
# One AND of the multiplier becomes an OR.
line=$(grep -n 'assign.* & ' "$spec.v" | tail -1 | cut -d: -f1)
sed -i "${line}s/ & / | /" "$spec.v"
have iverilog && { make -s icarus JOBS=$jobs > build/wrong.log 2>&1 && echo "$id: line $line, & made |"; } | bad icarus_sees_a_wrong_gate
exit 0
ONE
xargs -P "$(nproc)" -L 1 sh "$work/one.sh" < "$work/list" > "$work/log" 2>&1

[ "$(find "$work" -maxdepth 2 -name filelist.f | wc -l)" = "$(wc -l < "$work/list")" ] &&
    echo "PASS array_gen__all_made" || { echo "FAIL array_gen__all_made: $(head -3 "$work/log" | tr '\n' ' ')"; failed=1; }
verdict the_same_bytes diff
verdict its_own_command diff
verdict lint_is_silent verilator
verdict icarus_agrees iverilog
verdict icarus_sees_a_wrong_gate iverilog
verdict verilator_agrees verilator
verdict yosys_synthesises yosys
verdict yosys_synthesises_gates yosys
verdict ip_xact_is_well_formed /usr/bin/python3
verdict header_compiles cc

# refused NAME PATTERN ARGUMENT...: usage, one line, nothing made.
refused() {
    name=$1 pattern=$2
    shift 2
    "$axmul" gen "$@" > "$work/out" 2> "$work/err" < /dev/null
    code=$?
    if [ $code = 2 ] && [ "$(cat "$work/out" "$work/err" | wc -l)" = 1 ] && grep -q "$pattern" "$work/err" &&
        [ ! -e "$work/no" ]; then
        echo "PASS array_gen__$name"
    else
        echo "FAIL array_gen__$name: exit code $code: $(head -1 "$work/err")"
        failed=1
    fi
}
refused no_multiplier_bad 'usage: axmul gen array --mult SPEC -o DIR' array -o "$work/no"
refused no_directory_bad 'usage: axmul gen array' array --mult exact8s
refused rows_bad 'rows must be an integer 1..256, got "0"' array --mult exact8s --rows 0 -o "$work/no"
refused lanes_bad 'lanes must divide the 4 columns, got 3' array --mult exact8s --cols 4 --lanes 3 -o "$work/no"
refused acc_bits_bad 'accumulators around exact8s have 17..32 bits, got 16' array --mult exact8s --acc-bits 16 -o "$work/no"
refused products_too_wide 'products of exact16s have 32 bits, accumulators of 32 bits hold at most 31' array --mult exact16s -o "$work/no"
refused weight_bad 'two widths' array --mult exact8x4s --weight runtime -o "$work/no"
refused mult_bad 'k must be 2..8, got 9' array --mult drum8u_k9 -o "$work/no"
refused pool_width_bad 'pool-width must be an integer 0..4096, got "5000"' array --mult exact8s --pool-width 5000 -o "$work/no"
refused depth_of_os_bad 'acc-depth is for --dataflow ws' array --mult exact8s --dataflow os --acc-depth 8 -o "$work/no"
refused circuit_option_bad 'pipeline is not for arrays' array --mult exact8s --pipeline 2 -o "$work/no"
refused array_option_bad 'rows is for "gen array"' exact8s --rows 2 -o "$work/no"
refused operand_bad 'takes no operands, got "exact8s"' array exact8s -o "$work/no"
exit $failed
