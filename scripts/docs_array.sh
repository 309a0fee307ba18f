#!/bin/sh
# docs_array.sh: writes docs/array-synthesis.md to standard output; every figure in it is measured here.  What was
# measured stays in $B/docs-array until the page is complete: after a kill only the rest runs.
set -eu
axmul=${B:-build}/axmul
work=${B:-build}/docs-array
mkdir -p "$work"

# table FILE COLUMN=TITLE:DECIMALS ...: the columns of a CSV file as Markdown, "-" where there is nothing.
table() {
    file=$1
    shift
    awk -F, -v want="$*" '
        function cell(text, decimals) {
            return text == "" ? "-" : decimals == "" ? text : sprintf("%." decimals "f", text)
        }
        BEGIN {
            n = split(want, w, " ")
            for (i = 1; i <= n; i++) {
                key[i] = title[i] = digits[i] = w[i]
                sub(/=.*/, "", key[i]); sub(/^[^=]*=/, "", title[i])
                if (!sub(/^[^:]*:/, "", digits[i])) digits[i] = ""
                sub(/:.*/, "", title[i]); gsub(/_/, " ", title[i])
            }
        }
        NR == 1 {
            for (i = 1; i <= NF; i++) at[$i] = i
            line = rule = "|"
            for (i = 1; i <= n; i++) { line = line " " title[i] " |"; rule = rule " --- |" }
            print line; print rule
            next
        }
        $1 == "spec" { next }
        { line = "|"; for (i = 1; i <= n; i++) line = line " " cell($at[key[i]], digits[i]) " |"; print line }
    ' "$file"
}
# run TABLE PART ARGUMENT...: the command, once, for a part of a table.
run() {
    file=$work/$1.$2
    shift 2
    command=$(echo "axmul synth array $*" | sed "s|$work/||g")
    if [ "$(cat "$file.command" 2> /dev/null)" != "$command" ]; then
        "$axmul" synth array "$@" --format csv --quiet > "$file.part"
        mv "$file.part" "$file.csv"
        echo "$command" > "$file.command"
    fi
}
# The savings of an FPGA's rows anew: against the exact multiplier that takes the least LUTs in a cell, * or gates,
# of the same dataflow, without DSP blocks.
against_smallest() {
    awk -F, -v OFS=, '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split("mult pe array", level, " "); print; next }
        $1 == "spec" { next }
        { row[++rows] = $0 }
        ($1 == "exact8s" || $1 == "dadda8s") && $at["dsp"] == "no" {
            flow = $at["dataflow"]
            if (!(flow in least) || $at["pe_luts"] < least[flow]) {
                least[flow] = $at["pe_luts"]
                for (l = 1; l <= n; l++) base[flow, l] = $at[level[l] "_luts"]
            }
        }
        END {
            for (r = 1; r <= rows; r++) {
                $0 = row[r]
                for (l = 1; l <= n; l++) {
                    share = $at[level[l] "_luts"] / base[$at["dataflow"], l]
                    $at[level[l] "_saving_percent"] = 100 * (1 - share)
                }
                print
            }
        }'
}
# show TABLE COLUMN...: commands and table of what ran under that name.
show() {
    name=$1
    shift
    printf '```\n'
    sed 's/^/$ /' "$work/$name".*.command
    printf '```\n\n'
    case $name in
    xilinx | ice40) cat "$work/$name".*.csv | against_smallest > "$work/all" ;;
    *) cat "$work/$name".*.csv > "$work/all" ;;
    esac
    table "$work/all" "$@"
}

specs=exact8s,SCDM8_52,SCDM8_83,drum8s_k4,scdmr8s
some=exact8s,SCDM8_83,dadda8s
run library 1 --rows 8 --cols 8 --mult $specs --dataflow ws
run library 2 --rows 8 --cols 8 --mult $specs --dataflow os
for dataflow in ws os; do
    run modules_$dataflow 1 --rows 8 --cols 8 --mult exact8s --dataflow $dataflow --modules
done
layer=conv4
[ -s "$work/$layer.i16" ] || "$axmul" infer builtin:lenet5i --mult exact8s --trace $layer -o "$work/$layer.i16" --quiet
for dataflow in ws os; do
    run power_trace $dataflow --rows 8 --cols 8 --mult $specs --dataflow $dataflow --power --trace "$work/$layer.i16"
    run power_uniform $dataflow --rows 8 --cols 8 --mult $specs --dataflow $dataflow --power
done
for weight in a b; do
    run power_order $weight --rows 8 --cols 8 --mult exact8s,SCDM8_83 --dataflow ws --power --weight $weight
done
run xilinx 1 --rows 8 --cols 8 --mult $specs,dadda8s --dataflow ws --fpga xilinx
run xilinx 2 --rows 8 --cols 8 --mult exact8s --dataflow ws --fpga xilinx --dsp
run xilinx 3 --rows 8 --cols 8 --mult $some --dataflow os --fpga xilinx
run ice40 1 --rows 4 --cols 4 --mult $specs,dadda8s --dataflow ws --fpga ice40 --place
run ice40 2 --rows 4 --cols 4 --mult $some --dataflow os --fpga ice40 --place

cat <<'T'
# Area, timing and power of the arrays

This page is written by `make docs-array`; every figure was measured by the commands shown. What an array
consists of is in [array.md](array.md), what the multipliers' own figures are worth in [power.md](power.md).

## What was done

`axmul synth array` gives the array that `axmul gen array` writes to Yosys, module by module: each is
mapped once and by itself, so no logic moves across a module's border. The multiplier is mapped as
`axmul synth SPEC` does it: full and half adders are the library's cells, the rest goes through ABC. All sums of
the array are Yosys's parallel-prefix adders, its products carry-save trees of the library's full adders.

- **multiplier**: alone, from input to output.
- **cell**: a processing element: multiplier, which operand is the weight, adder, registers. Its
  period is that of the longest path between registers, setup time included, its neighbours' registers in front.
- **in the array**: the longest path that ends in a register of a cell, with fan-out trees.
- **array**: everything: cells, skew, accumulators, requantizers, FIFO, control, AXI4-Lite registers.

A net of more than 16 pins gets a balanced tree of the library's smallest buffer: enable and mode reach every cell.
Savings are against `exact8s`, the smallest exact multiplier of ours, in the same dataflow.

## What it leaves out

- Wires, placement, routing; the clock tree, and clock gating: registers keep their value through a
  multiplexer before each, as Yosys builds it.
- The memory behind `acc_bank` (weight-stationary) is a macro of its own: its bits are stated, no area or delay of it
  is in any figure. Its read register is a register here.
- Drive strengths: every cell is as ABC picks it for area, nothing was sized for a deadline.
- The library is osu018, old and academic: trust ratios, not absolute figures.
- Power of what is not a cell: skew, accumulators, requantizers, FIFO, control; buses across the array.

## Library cells: osu018, 8 x 8

T
show library spec=multiplier dataflow=flow mult_area_um2=multiplier_um2:0 pe_area_um2=cell_um2:0 \
    array_area_um2=array_um2:0 mult_saving_percent=saves_multiplier_%:1 pe_saving_percent=saves_cell_%:1 \
    array_saving_percent=saves_array_%:1
echo
table "$work/all" spec=multiplier dataflow=flow mult_delay_ns=multiplier_ns:2 pe_period_ns=cell_ns:2 \
    in_array_period_ns=in_the_array_ns:2 period_ns=array_ns:2 max_mhz=array_MHz:1 \
    pe_flip_flops=cell_flip-flops array_flip_flops=array_flip-flops array_cells=array_gates memory_bits=memory_bits
cat <<'T'

A multiplier is a part of its cell, and the cells are a part of the array: that is why a saving shrinks from column to
column. Where "array ns" is the same for all multipliers, a requantizer sets the clock, not a cell.

### Where the area is

T
for dataflow in ws os; do
    show "modules_$dataflow" module=module what=what instances=instances cells=gates \
        flip_flops=flip-flops area_um2=um2:0 share_percent=share_%:1
    echo
done
cat <<'T'
### Power of a cell

The mapped cell, with a pair of operands every cycle. Its gates toggle at the library's delays between settled states,
as in `axmul power`; its flip-flops are followed cycle by cycle, and every sum that leaves the cell is compared with
the multiplier's model. pJ a cycle:

- **logic**: the nets that gates drive, the gates' internal energy; 95 % confidence interval.
- **registers**: the nets that flip-flops drive, their internal energy when data move. An output drives what the same
  input of the next cell is to its driver: x_o drives an x_i, psum_o a psum_i.
- **clock**: C V^2 of the clock pins and the flip-flops' internal energy of both clock edges, every cycle: nothing is
  gated. The clock's own tree is not in it.

"All cells" is the cell's power at 50 MHz times 64: every cell at work in every cycle, which no network reaches
([cosim.md](cosim.md) prints the utilisation). The cell stands in the middle of a column: weight-stationary, the sum
that comes in is that of 4 other stretches of the same pairs; output-stationary, 64 pairs make a sum. Weights that
pass on their way to other rows are not there. Leakage is in no pJ, but in the mW.

With the operand pairs of layer conv4 of `builtin:lenet5i` (`axmul infer --trace conv4`), the weight operand a, for both
dataflows in the order of the weight-stationary one:

T
power_columns='spec=multiplier dataflow=flow pe_energy_pj=cell_pJ:2 pe_energy_saving_percent=saves_cell_%:1
    pe_logic_pj=logic_pJ:2 pe_logic_ci95_pj=+-:2 pe_register_pj=registers_pJ:2 pe_clock_pj=clock_pJ:2
    pe_leakage_nw=leakage_nW:1 cells_mw=all_cells_mW:1 cycles=cycles'
# shellcheck disable=SC2086  # words
{
    show power_trace $power_columns
    printf '\nWith uniform operands; weight-stationary, b is the weight and stays for 256 cycles:\n\n'
    show power_uniform $power_columns
    printf '\nWhich operand stays matters, too, most for the exact multiplier: uniform operands, the weight first a, then b:\n\n'
    show power_order $power_columns
}
cat <<'T'

## FPGA: 7-series, 8 x 8

Yosys's `synth_xilinx`: LUTs, CARRY4, flip-flops, DSP48E1, block RAM. No place and route, so no MHz. Without DSP blocks
unless the row says so. `exact8s` is written `*` here; `dadda8s` is the same product as gates, as all approximate
multipliers are. Savings are against the one of the two that takes fewer LUTs in a cell of the same dataflow
without DSP blocks: that is what an approximate multiplier has to beat. A cell is flattened before mapping, so
it can save more or less than the multiplier alone.

T
show xilinx spec=multiplier dataflow=flow dsp=DSP mult_luts=multiplier_LUTs pe_luts=cell_LUTs \
    array_luts=array_LUTs mult_saving_percent=saves_multiplier_%:1 pe_saving_percent=saves_cell_%:1 \
    array_saving_percent=saves_array_%:1 pe_carries=cell_CARRY4 pe_flip_flops=cell_FFs array_flip_flops=array_FFs \
    pe_dsps=cell_DSPs array_dsps=array_DSPs array_rams=block_RAMs
cat <<'T'

The row with DSP blocks has them in the requantizers, too. An exact multiplier in a DSP block costs no LUTs, and takes
the cell's adder along: on such a device an approximate multiplier made of LUTs saves nothing as long as
there are blocks left.

## FPGA: iCE40 HX8K, 4 x 4

Yosys's `synth_ice40`, then nextpnr for a cell and for all cells with their skew ("core"), between registers,
package ct256, seed 1, after routing. The whole array with its requantizers, which have 32 x 32
multipliers, is larger than the device. MHz are of one seed of the placer; another moves them.

T
show ice40 spec=multiplier dataflow=flow mult_luts=multiplier_LUTs pe_luts=cell_LUTs array_luts=array_LUTs \
    mult_saving_percent=saves_multiplier_%:1 pe_saving_percent=saves_cell_%:1 array_saving_percent=saves_array_%:1 \
    pe_carries=cell_carries pe_flip_flops=cell_FFs array_flip_flops=array_FFs pe_max_mhz=cell_MHz:1 core_max_mhz=core_MHz:1
