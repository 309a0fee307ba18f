#!/bin/sh
# docs_trained.sh LENET5I RESNET8: writes docs/trained.md to standard output from two float models and the CSV
# files of their training, which lie beside them (.csv for .axm).  Called by `make docs-training`.
set -eu
axmul=${B:-build}/axmul
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A number or word of how MODEL was made.
made() {   # MODEL KEY
    "$axmul" show "$1" --verbose | sed -n "s/^made: .*\"$2\":\"\\{0,1\\}\\([^,\"}]*\\(,[a-z]*=[^,\"}]*\\)*\\).*/\\1/p"
}
field() { awk -F, -v key="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at[key] }' "$1"; }
percent() { awk -v v="$1" 'BEGIN { printf "%.2f", v < 1 ? 100 * v : v }'; }

training_row() {   # MODEL
    csv=${1%.axm}.csv
    echo "| $(made "$1" network) | $(made "$1" data_set) | $(made "$1" optimizer), $(made "$1" schedule), $(made "$1" lr) |" \
        "$(field "$csv" epoch | tail -n 1) | $(field "$csv" seconds | awk '{ s += $1 } END { printf "%.0f", s }') |" \
        "$(field "$csv" train_loss | awk 'END { printf "%.4f", $1 }') | $(percent "$(made "$1" validation_top1)") |" \
        "**$(percent "$(made "$1" test_top1)")** |"
}

# Quantizes MODEL as NAME with the options behind; a row of what came of it.
quantized_row() {   # MODEL NAME SCHEME GRANULARITY BITS RULE
    model=$1 name=$2
    "$axmul" quantize "$model" -o "$work/$name.axm" --scheme "$3" --"$4" --weight-bits "$5" --calibration "$6" \
        --quiet --format csv > "$work/$name.csv"
    echo "| $(made "$model" network) | $3 | $(echo "$4" | tr - ' ') | $5 | $6 |" \
        "$(percent "$(field "$work/$name.csv" float_top1_percent)") |" \
        "$(percent "$(field "$work/$name.csv" quantized_top1_percent)") |" \
        "$(awk -v f="$(field "$work/$name.csv" float_top1_percent)" -v q="$(field "$work/$name.csv" quantized_top1_percent)" \
            'BEGIN { printf "%+.2f", q - f }') |"
}

# Shorter of two runs on one thread, in microseconds of processor time, which other work on the machine
# changes less than the clock's.
shortest() {
    for _ in 1 2; do
        ("$@" --threads 1 --quiet > /dev/null; times) | tail -n 1 |
            awk -F '[ms ]+' '{ printf "%.0f\n", 1e6 * (60 * $1 + $2 + 60 * $3 + $4) }'
    done | sort -n | head -n 1
}

# One multiplier in all layers of the quantized network NAME: accuracy on all test images, and how fast: the
# shorter of two runs over 3,100 images less that over 100.
approximate_row() {   # NAME MULT [OPTIONS]
    name=$1 mult=$2
    shift 2
    "$axmul" infer "$work/$name.axm" --mult "$mult" --quiet --format csv "$@" > "$work/row.csv"
    few=$(shortest "$axmul" infer "$work/$name.axm" --mult "$mult" --images 100 "$@")
    more=$(shortest "$axmul" infer "$work/$name.axm" --mult "$mult" --images 3100 "$@")
    field "$work/row.csv" top1_percent > "$work/top1"
    field "$work/row.csv" top1_low_percent | paste -d ' ' "$work/top1" - > "$work/low"
    field "$work/row.csv" top1_high_percent | paste -d ' ' "$work/low" - | awk -v mult="$mult" -v us=$((more - few)) \
        -v scheme="$(field "$work/$name.csv" scheme)" -v bits="$(field "$work/$name.csv" weight_bits)" '
        { printf "| %s | %s | %d | %.2f | %.2f..%.2f | %.0f |\n", mult, scheme, bits, $1, $2, $3, 3000 / us * 1e6 }'
}

nodes() {   # NAME: table of its nodes
    "$axmul" quantize "$1" -o "$work/nodes.axm" --no-test --per-node --quiet --format csv > "$work/nodes.csv"
    echo '| node | operation | range in float | SQNR, dB |'
    echo '| --- | --- | --- | --- |'
    for key in node op range_low range_high sqnr_db; do field "$work/nodes.csv" $key > "$work/of.$key"; done
    paste -d, "$work/of.node" "$work/of.op" "$work/of.range_low" "$work/of.range_high" "$work/of.sqnr_db" |
        awk -F, '{ printf "| %s | %s | %.4g..%.4g | %.1f |\n", $1, $2, $3, $4, $5 }'
}

lenet=$1 resnet=$2
cat <<'TXT'
# Trained networks

Written by `make docs-training`, which trains both networks from nothing, quantizes them and runs all 10,000 test images
of each data set. Accuracies are top-1 in %; how training, quantization and their options work is in
[training.md](training.md) and [quantization.md](quantization.md); lenet5i with each of the 20 SCDM8 multipliers is in
[accuracy.md](accuracy.md).

## Float32

The test images are looked at once, after the last epoch; nothing is selected on them.

| network | data set | optimizer, schedule, highest rate | epochs | seconds | loss | validation | test |
| --- | --- | --- | --- | --- | --- | --- | --- |
TXT
training_row "$lenet"
training_row "$resnet"
cat <<TXT

Seconds are the clock's, on $(nproc) cores that other work may have shared: over the quarter of an hour before this page
was written the load average was $(cut -d ' ' -f 3 /proc/loadavg); training alone makes about $(nproc).

lenet5i has a ReLU behind each of its first two dense layers, which the first paper's Table 8 does not print. Without
them the three dense layers are one linear function; a run of 34 epochs then ended at 98.76 % (measured once, not by
this target). The paper prints 99.25 % for its int8 network.

resnet8's is a short run of $(field "${resnet%.axm}.csv" epoch | tail -n 1) epochs: it shows that graph, data set and kernels are not shaped to one network, not
what the network can reach.

## Int8, exact multiplier

| network | scheme | weight scales | weight bits | calibration | float | quantized | difference |
| --- | --- | --- | --- | --- | --- | --- | --- |
TXT
quantized_row "$lenet" l-symmetric symmetric per-channel 8 min-max
quantized_row "$lenet" l-tensor symmetric per-tensor 8 min-max
quantized_row "$lenet" l-affine affine per-channel 8 min-max
quantized_row "$lenet" l-ace ace per-channel 8 min-max
quantized_row "$lenet" l-four symmetric per-channel 4 min-max
quantized_row "$resnet" r-symmetric symmetric per-channel 8 min-max
quantized_row "$resnet" r-tensor symmetric per-tensor 8 min-max
quantized_row "$resnet" r-percentile symmetric per-channel 8 percentile
quantized_row "$resnet" r-mse symmetric per-channel 8 mse
quantized_row "$resnet" r-affine affine per-channel 8 min-max
quantized_row "$resnet" r-ace ace per-channel 8 min-max
quantized_row "$resnet" r-four symmetric per-channel 4 min-max
quantized_row "$resnet" r-affine4 affine per-channel 4 min-max
cat <<'TXT'

Calibration is that of activations and weights. Where the accuracy of resnet8 goes, node by node (signal to
quantization noise against float on calibration images, everything before a node quantized as well):

TXT
nodes "$resnet"
cat <<'TXT'

## resnet8 with approximate multipliers

One multiplier in all layers, nothing retrained. The weight is operand a in convolutions and b in the dense layer; of an
8x4 multiplier it is b, the operand of 4 bits. Images a second of processor time, on one thread, the better of two runs.

| multiplier | scheme | weight bits | top-1 | 95 % interval | images/s |
| --- | --- | --- | --- | --- | --- |
TXT
for m in exact8s scdm8s_x4_y1 scdm8s_x4_y2 scdm8s_x5_y2 scdm8s_x6_y2 scdm8s_x8_y1 \
    drum8s_k3 drum8s_k4 drum8s_k6 mitchell8s_t4 mitchell8s_t7 trunc8s_l1_m1; do
    approximate_row r-symmetric $m
done
for m in exact8u cdm8u_x5_y2 drum8u_k4 drum8u_k6 mitchell8u_t7 trunc8u_l1_m1; do
    approximate_row r-affine $m
done
for m in exact8x4u drum8x4u_k3 trunc8x4u_l1_m0; do approximate_row r-affine4 $m --order aw; done
cat <<'TXT'

DRUM, Mitchell's and truncated multipliers, whose errors grow with their operands or all go one way, fare worse with
affine codes than with symmetric ones: there a small value is a code in the middle of 0..255, and an error that is small
relative to the product is large relative to what the codes stand for. Nothing here corrects a multiplier's mean error.
TXT
