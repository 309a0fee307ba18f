#!/bin/sh
# docs_power.sh: writes docs/power.md to standard output; every figure in it is
# measured here (or comes from the result store, which remembers it).
set -eu
axmul=${B:-build}/axmul
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() { "$axmul" "$@" --quiet; }
block() { printf '```\n$ axmul %s\n' "$*"; run "$@"; printf '```\n'; }

# Coefficients p1 and energy of one variant under altered conditions: a row.
condition() {
    what=$1
    shift
    run coef scdm8s_x6_y3 --format csv "$@" | awk -F, -v what="$what" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { printf "| %s | %.3f | %.3f | %.3f | %.3f |\n", what, $at["area"], $at["p0"], $at["p1"], $at["energy"] }'
}

# The exact architectures of one sign: the best of each kind.
exact() {
    sign=$1 families="array wallace dadda booth"
    [ "$sign" = s ] || families="$families quaternary"
    specs=exact8$sign
    for f in $families; do
        for a in '' _cla _ks _bk; do specs="$specs $f"8"$sign$a"; done
    done
    # shellcheck disable=SC2086  # words
    run coef $specs --mode flat --baseline best --format csv > "$work/exact"
    awk -F, -v sign="$sign" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        function show(row, what,    c) {
            split(row, c, ",")
            printf "| %s | %s | %.0f | %.2f | %.2f |\n", c[1], what, c[at[key[1]]], c[at[key[2]]], c[at[key[3]]]
        }
        $1 == "exact8" sign { show($0, "as it is") }
        { for (k = 1; k <= 3; k++) { v = $at[key[k]] + 0; if (!(k in best) || v < best[k]) { best[k] = v; row[k] = $0 } } }
        BEGIN { key[1] = "area_um2"; key[2] = "delay_ns"; key[3] = "energy_mw_ns"
                name[1] = "smallest"; name[2] = "fastest"; name[3] = "lowest energy" }
        END { for (k = 1; k <= 3; k++) show(row[k], name[k]) }
    ' "$work/exact"
}

cat <<'T'
# Area, delay and power

This page is written by `make docs-power`; every figure was measured by the commands
shown, with the liberties of Debian's qflow-tech packages.

## Method

1. **Synthesis** (`axmul synth`). The generated Verilog goes through Yosys. In the mode
   `adders`, the default, full and half adders stay whole and become the library's adder
   cells, found by what they compute; the rest is mapped by ABC. Coefficients of equivalent
   netlists then differ least. `flat` gives everything to ABC.
2. **Timing**: OpenSTA's critical path from input to output.
3. **Activity**: our own event simulation of the mapped netlist, every step from settled
   nets, at zero delay (no glitches), unit delay, or the library's delays per arc and edge
   (inertial).
4. **Power** (`axmul power`): half C V^2 of the pins that each net drives, the library's
   internal energy tables, its leakage by state. Energy per operation in pJ with the 95 %
   confidence interval from the vectors; mW at a frequency.
5. **Coefficients** (`axmul coef`): each figure relative to an exact multiplier measured
   the same way; *split* is the same structure with nothing disregarded, *array* an array
   multiplier, *best* the smallest exact one. P0, P1, P2: power at zero, unit and liberty
   delay at one clock; energy: P1 times delay.

Operands are 20,000 uniform pairs, inputs change in 0.1 ns, outputs drive 0.02 pF, one
operation every 20 ns, unless said.

## What it leaves out

Wires, placement and routing, the clock tree and registers, voltage and temperature other
than the library's, drive strengths chosen for a deadline. The osu libraries are old and
academic: trust ratios between circuits, not absolute figures.

## The paper's Table 4

Shakibhamedan et al. 2024 do not say how their power coefficients were made. Two columns
are set beside them.

T
block coef --paper --liberty osu018 --liberty osu035 --liberty osu050
cat <<'T'

What follows for the printed column is an inference from 20 points. The savings by the paper's own column
reproduce its Table 3:

T
block coef --paper --column paper | grep -e '```' -e '^\$' -e 'row.*printed'
cat <<'T'

## Sensitivity

The coefficients of `scdm8s_x6_y3` on the split baseline under altered conditions:

| condition | area | P0 | P1 | energy |
| --- | --- | --- | --- | --- |
T
condition 'as above'
condition 'seed 2' --seed 2
condition '200,000 pairs' --vectors 200000
condition 'input slew 0.3 ns' --input-slew 0.3
condition 'no output load' --output-load 0
condition 'output load 0.1 pF' --output-load 0.1
condition 'normal operands, sigma 20' --gauss 20
condition 'flattened, all through ABC' --mode flat
condition 'osu035' --liberty osu035
condition 'osu050' --liberty osu050
cat <<'T'

Equivalent netlists (other wire names, statement order, operand order, seeds) must agree in
P1 within .005 and in energy within .02: tests/test_coef.c.

## Exact baselines

osu018, flattened flow (`--mode flat`), 8x8; energy is P1 times delay at 50 MHz. A
coefficient is only as honest as its denominator.

| multiplier | which | area um2 | delay ns | energy mW ns |
| --- | --- | --- | --- | --- |
T
exact u
exact s
