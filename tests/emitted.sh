#!/bin/sh
# Everything emitted is read silently by other tools: verilator --lint-only
# -Wall, Yosys (with its own checks) and Icarus.  A spec of every family,
# signed and unsigned, equal and unequal widths, hierarchical, flat and
# pipelined; with AXM_FULL every 8x8 and 8x4 variant.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
failed=0

verdict() {   # NAME FILE-WITH-COMPLAINTS
    if [ -s "$2" ]; then
        echo "FAIL emitted__$1: $(head -3 "$2" | tr '\n' ' ')"
        failed=1
    else
        echo "PASS emitted__$1"
    fi
}

# The middle spec of each family, width and sign; or all of them.
for f in $("$axmul" list --format csv | tail -n +2 | cut -d, -f1); do
    for w in 8 8x4 5x7 12; do
        for s in u s; do
            "$axmul" list "$f$w$s" --format csv 2> /dev/null | tail -n +2 | cut -d, -f1 > "$work/these"
            n=$(wc -l < "$work/these")
            [ "$n" = 0 ] && continue
            if [ -n "${AXM_FULL:-}" ] && { [ "$w" = 8 ] || [ "$w" = 8x4 ]; }; then
                cat "$work/these"
            else
                sed -n "$(((n + 1) / 2))p" "$work/these"
            fi
        done
    done
done > "$work/specs"

mkdir "$work/tree" "$work/flat" "$work/pipeline"
xargs "$axmul" gen -o "$work/tree/" < "$work/specs"
xargs "$axmul" gen --flat -o "$work/flat/" < "$work/specs"
grep -E '[a-z]8[us]' "$work/specs" | xargs "$axmul" gen --pipeline 2 --register-inputs -o "$work/pipeline/"
find "$work" -name '*.v' > "$work/files"
echo "$(wc -l < "$work/files") files"

if command -v verilator > /dev/null; then
    xargs -n 1 -P "$(nproc)" sh -c 'verilator --lint-only -Wall "$0" 2>&1 | head -3' < "$work/files" > "$work/lint"
    verdict verilator_is_silent "$work/lint"
else
    echo "SKIP emitted__verilator_is_silent: no verilator"
fi

if command -v yosys > /dev/null; then
    while read -r file; do
        echo "design -reset; read_verilog $file; hierarchy -check -top $(basename "$file" .v); proc; check -assert"
    done < "$work/files" > "$work/script"
    yosys -q -s "$work/script" > "$work/yosys" 2>&1 || echo "exit code $?" >> "$work/yosys"
    verdict yosys_reads_and_checks "$work/yosys"
else
    echo "SKIP emitted__yosys_reads_and_checks: no yosys"
fi

if command -v iverilog > /dev/null; then
    xargs -n 1 -P "$(nproc)" iverilog -g2005 -Wall -tnull < "$work/files" > "$work/icarus" 2>&1
    # Its own remark about `timescale, which only a test bench needs.
    grep -v timescale "$work/icarus" > "$work/icarus.left"
    verdict icarus_is_silent "$work/icarus.left"
    # Several circuits in one design share the adder cells.
    find "$work/tree" -name '*8s*.v' | head -4 | xargs iverilog -g2005 -tnull > "$work/together" 2>&1
    verdict circuits_go_together "$work/together"
else
    echo "SKIP emitted__icarus_is_silent: no iverilog"
fi
exit $failed
