#!/bin/sh
# The command as users meet it: exit codes, messages that say what is legal, no
# partial files, and help, man page and completion that know everything.
set -u
B=${B:-build}
axmul=$(pwd)/$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
export AXMUL_CACHE="$work/cache"
failed=0

pass() { echo "PASS cli__$1"; }
fail() { echo "FAIL cli__$1: $2"; failed=1; }

# refused NAME CODE PATTERN ARGUMENT...: exits with CODE, one line on standard
# error that has PATTERN, nothing on standard output.
refused() {
    name=$1 code=$2 pattern=$3
    shift 3
    "$axmul" "$@" > "$work/out" 2> "$work/err" < /dev/null
    got=$?
    if [ "$got" != "$code" ]; then
        fail "$name" "exit code $got, expected $code: axmul $*: $(head -1 "$work/err")"
    elif [ "$(wc -l < "$work/err")" != 1 ] || [ -s "$work/out" ]; then
        fail "$name" "expected one line on standard error only: $(cat "$work/err")"
    elif ! grep -qE "$pattern" "$work/err"; then
        fail "$name" "message lacks \"$pattern\": $(cat "$work/err")"
    else
        pass "$name"
    fi
}

# says NAME TEXT ARGUMENT...: succeeds and prints exactly TEXT.
says() {
    name=$1 text=$2
    shift 2
    got=$("$axmul" "$@" 2> "$work/err" < /dev/null) || { fail "$name" "axmul $* failed: $(cat "$work/err")"; return; }
    if [ "$got" = "$text" ]; then pass "$name"; else fail "$name" "expected \"$text\", got \"$got\""; fi
}

# --- products by hand -----------------------------------------------------------
says eval_exact 35 eval exact8u 5 7
says eval_negative -700 eval exact8s -7 100
says eval_hexadecimal 65025 eval exact8u 0xff 0xff
# columns 0..2 of 3 x 3 without carries: 011 xor 110 = 101
says eval_carry_disregard 5 eval cdm4u_x3 3 3
# 0 x -5 by one's complement is -1 (DRUM as its authors published it)
says eval_ones_complement -1 eval drum8s_k3_oc1 0 -5
says eval_alias "$("$axmul" eval scdm8s_x5_y2 100 77)" eval SCDM8_52 100 77
says eval_64_bits 18446744065119617025 eval exact32u 0xffffffff 0xffffffff

# --- what must be refused ----------------------------------------------------------
refused unknown_family_bad 2 'no family "foo".*exact.*tosam' eval foo8u 1 1
refused parameter_range_bad 2 'k must be 2\.\.8, got 9' eval drum8u_k9 1 1
refused width_bad 2 '2\.\.32|width' eval exact33u 1 1
refused width_of_family_bad 2 'multiple of 4|step|width' eval cdm8x6u_x1 1 1
refused sign_of_family_bad 2 'unsigned|signed' eval cdm8s_x1_y1 1 1
refused missing_parameter_bad 2 'k' eval drum8u 1 1
refused trailing_text_bad 2 'exact8u_' eval exact8u_ 1 1
refused operand_range_bad 2 'B must be an integer 0\.\.255, got "256"' eval exact8u 1 256
refused unknown_command_bad 2 'did you mean metrics' metrisc exact8u
refused unknown_option_bad 2 'did you mean --format' metrics exact8u --formt csv
refused option_argument_bad 2 'needs an argument' lut exact8u -o
refused missing_operand_bad 2 'usage: axmul eval SPEC A B' eval exact8u
refused format_bad 2 'text, csv or json' list --format xml
refused lut_missing_file_bad 3 'No such file' metrics lut:nowhere.npy:s:ab:values
refused lut_too_wide_bad 2 'at most 24 address bits' lut exact16u -o "$work/x.npy"
refused gen_of_table_bad 2 'no netlist' gen lut:nowhere.npy -o "$work/x.v"
refused many_to_one_file_bad 2 'directory' gen exact8u exact8s -o "$work/x.v"
refused unknown_ending_bad 2 'v, blif, aig, dot or c' gen exact8u -o "$work/x.vhdl"
refused output_directory_missing_bad 3 'No such file' gen exact8u -o "$work/none/x.v"
refused output_full_bad 3 'No space left' gen exact8u --as v -o /dev/full
head -c 1000 /dev/zero > "$work/short.bin"
refused lut_wrong_size_bad 2 '131072 bytes, got 1000' metrics "lut:$work/short.bin:u:ab:i16:8x8"
refused lut_sign_not_stated_bad 2 ':s or :u' metrics "lut:$work/short.bin:ab:i16:8x8"
printf 'module m(input clk, input [3:0] a, b, output reg [7:0] y);\nalways @(posedge clk) y <= a * b;\nendmodule\n' > "$work/seq.v"
printf 'module m(input [3:0] p, q, output [7:0] r);\nassign r = p * q;\nendmodule\n' > "$work/ports.v"
printf 'module m(input [3:0] a, b, output [7:0] y);\nassign y = a * b;\nendmodule\n' > "$work/good.v"
if command -v yosys > /dev/null && command -v verilator > /dev/null; then
    refused verilog_sequential_bad 2 'combinational.* dff' metrics "verilog:$work/seq.v:u"
    refused verilog_ports_bad 2 'port' metrics "verilog:$work/ports.v:u"
    says verilog_works 91 eval "verilog:$work/good.v:u" 7 13
else
    echo "SKIP cli__verilog: no yosys or no verilator"
fi
[ -z "$(ls "$work" | grep -E '^x\.|tmp')" ] && pass no_partial_files || fail no_partial_files "$(ls "$work")"

# A tool that is not there: exit 3 and its Debian package.
PATH=/nowhere "$axmul" plot product exact8s -o "$work/p.svg" 2> "$work/err"
if [ $? = 3 ] && grep -q 'gnuplot.*install the Debian package gnuplot' "$work/err"; then
    pass missing_tool_bad
else
    fail missing_tool_bad "$(cat "$work/err")"
fi

# --- round trips -------------------------------------------------------------------
"$axmul" lut drum8s_k4 -o "$work/t.npy" && "$axmul" lut drum8s_k4 -o "$work/t.bin" --index bits
a=$("$axmul" metrics drum8s_k4 --format csv | tail -1 | cut -d, -f2-)
b=$("$axmul" metrics "lut:$work/t.npy:s:ab:values" --format csv | tail -1 | cut -d, -f2-)
c=$("$axmul" metrics "lut:$work/t.bin:s:ab:bits:i16:8x8" --format csv | tail -1 | cut -d, -f2-)
[ -n "$a" ] && [ "$a" = "$b" ] && [ "$a" = "$c" ] && pass tables_read_back || fail tables_read_back "$a | $b | $c"
"$axmul" gen scdm8s_x5_y2 -o "$work/1.v" && "$axmul" gen SCDM8_52 -o "$work/2.v" && cmp -s "$work/1.v" "$work/2.v" \
    && pass generation_repeats || fail generation_repeats "two runs differ"
one=$("$axmul" metrics drum12u_k5 --samples 100000 --seed 7 --threads 1 --format csv)
two=$("$axmul" metrics drum12u_k5 --samples 100000 --seed 7 --threads 3 --format csv)
[ "$one" = "$two" ] && pass sample_does_not_depend_on_threads || fail sample_does_not_depend_on_threads "they differ"
hashes=0
for x in 4 5 6 7 8; do
    for y in 1 2 3 4; do
        h=$("$axmul" lut "SCDM8_$x$y" --as bin -o - | sha256sum | cut -d' ' -f1)
        grep -q "^$h  SCDM8_$x$y$" tests/data/scdm8_tables.sha256 && hashes=$((hashes + 1))
    done
done
[ "$hashes" = 20 ] && pass tables_are_the_authors || fail tables_are_the_authors "$hashes of 20"
agree=$("$axmul" entropy --paper | grep -c 'agrees with print')
"$axmul" entropy --paper | grep -q '^scdm8s_x8_y4 .*13.554 .*13.641 .*erratum' && [ "$agree" = 20 ] \
    && pass entropies_are_published || fail entropies_are_published "$agree agree"

# --- help --------------------------------------------------------------------------
"$axmul" help --man > "$work/man" && "$axmul" help --completion > "$work/completion" || fail help_prints "it failed"
missing=
for c in $("$axmul" help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    grep -q "^.SS axmul $c " "$work/man" || missing="$missing man:$c"
    grep -q "^    $c) options=" "$work/completion" || missing="$missing completion:$c"
    "$axmul" help "$c" > "$work/help" || missing="$missing help:$c"
    "$axmul" "$c" --help | cmp -s - "$work/help" || missing="$missing $c--help"
done
for f in $("$axmul" list --format csv | tail -n +2 | cut -d, -f1); do
    grep -q "^.B $f$" "$work/man" || missing="$missing man:$f"
done
[ -z "$missing" ] && pass help_knows_everything || fail help_knows_everything "$missing"
bash -n "$work/completion" && pass completion_is_bash || fail completion_is_bash "syntax"
"$axmul" list --format json | /usr/bin/python3 -c 'import json, sys; assert len(json.load(sys.stdin)) > 10' \
    && pass json_parses || fail json_parses "it does not"
"$axmul" list | head -1 > /dev/null && pass closed_pipe_is_quiet || fail closed_pipe_is_quiet "exit code $?"
exit $failed
