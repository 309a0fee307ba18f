#!/bin/sh
# The network that travels in the command, as its users run it.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT

verdict() {   # NAME, and what is wrong on standard input
    odd=$(head -n 1)
    if [ -n "$odd" ]; then echo "FAIL network__$1: $odd"; else echo "PASS network__$1"; fi
}
infer() { "$axmul" infer builtin:lenet5i --quiet --format csv "$@"; }
field() {   # FILE KEY: that column
    awk -F, -v key="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at[key] }' "$1"
}
expect() {   # CODE WORDS COMMAND...: exit code, and the message has the words
    code=$1 words=$2
    shift 2
    "$@" > "$work/out" 2> "$work/err"
    got=$?
    [ $got = "$code" ] || echo "exit code $got, not $code: $*"
    [ "$(wc -l < "$work/err")" = 1 ] && grep -q -- "$words" "$work/err" || echo "$* says: $(cat "$work/err")"
}

infer --paper > "$work/paper.csv"
{
    [ "$(field "$work/paper.csv" mult | wc -l)" = 21 ] || echo "21 rows wanted"
    [ "$(field "$work/paper.csv" correct | head -n 1)" -ge 985 ] || echo "exact: $(field "$work/paper.csv" correct | head -n 1) of 1,000"
    [ "$(field "$work/paper.csv" multiplications | sort -u)" = 3305600 ] || echo "multiplications differ from Table 7's sum"
} | verdict classifies

# A printed saving is that of a coefficient that rounds to the printed one, give or take half a per cent.
tail -n +2 tests/data/scdm8_multipliers.csv | cut -d, -f4,7 > "$work/printed"
field "$work/paper.csv" saving_paper_percent | paste -d, "$work/printed" - | awk -F, '
    $1 < 1 && ($2 < 100 * (1 / ($1 + .005) - 1) - .5 || $2 > 100 * (1 / ($1 - .005) - 1) + .5) { print "printed " $2 " % at " $1 }
    { d = $3 - 100 * (1 / $1 - 1); if (d > 1e-6 || d < -1e-6) print "coefficient " $1 ": " $3 " %" }' | verdict savings_are_the_papers

infer --mult scdm8s_x6_y2 --mult drum8s_k4 > "$work/two"
{
    infer --mult scdm8s_x6_y2 --mult drum8s_k4 --threads 1 | cmp - "$work/two"
    infer --mult scdm8s_x6_y2 --mult drum8s_k4 --no-memo | cmp - "$work/two"
    AXMUL_CPU=avx2 infer --mult scdm8s_x6_y2 --mult drum8s_k4 | cmp - "$work/two"
    infer --mult scdm8s_x6_y2 --mult drum8s_k4 --images 60 > "$work/few"
    AXMUL_CPU=portable infer --mult scdm8s_x6_y2 --mult drum8s_k4 --images 60 | cmp - "$work/few"
} 2>&1 | verdict same_bits_whatever_computes_them

{
    infer --mult scdm8s_x6_y2 --resume "$work/kept" > /dev/null
    infer --mult scdm8s_x6_y2 --mult drum8s_k4 --resume "$work/kept" | cmp - "$work/two"
} 2>&1 | verdict kept_rows_are_taken_over

{
    "$axmul" infer builtin:lenet5i --quiet --mult scdm8s_x5_y2 --trace conv4 --pairs 1000 -o "$work/pairs.i16" ||
        echo "exit code $?"
    [ "$(wc -c < "$work/pairs.i16")" = 4000 ] || echo "1,000 pairs of two int16 wanted"
    "$axmul" dump builtin:lenet5i --layer conv4 --images 3 -o "$work/conv4.npy" --quiet || echo "exit code $?"
    [ "$(tail -c +129 "$work/conv4.npy" | wc -c)" = $((3 * 8 * 26 * 26)) ] || echo "3 x 8 x 26 x 26 codes wanted"
} 2>&1 | verdict traces_and_dumps

{
    "$axmul" cosim builtin:lenet5i --mult scdm8s_x5_y2 --images 40 --quiet > "$work/out" || echo "bitslice: exit code $?"
    "$axmul" cosim builtin:lenet5i --mult SCDM8_83 --images 8 --backend cycle --format csv --quiet > "$work/out" ||
        echo "cycle: exit code $?"
    [ "$(field "$work/out" multiplications | tail -n 1)" = $((8 * 3305600)) ] || echo "multiplications of 8 images wanted"
    # At most one product a cell and cycle, 8 x 8 cells.
    [ "$(field "$work/out" cycles | tail -n 1)" -ge $((8 * 3305600 / 64)) ] || echo "too few cycles"
} 2>&1 | verdict gates_agree
if command -v verilator > /dev/null; then
    { "$axmul" cosim builtin:lenet5i --images 1 --backend rtl --quiet \
        --mult scdmr8s_x7_y1,scdmr8s_x6_y2,exact8s,scdm8s_x4_y3,scdm8s_x6_y2,drum8s_k4,scdm8s_x6_y4,exact8s \
        > "$work/out" || echo "exit code $?"; } 2>&1 | verdict rtl_agrees_heterogeneous
else
    echo "SKIP network__rtl_agrees_heterogeneous: no verilator"
fi

# From images to approximate accuracy, on Debian's Fashion-MNIST.
fashion=/usr/share/datasets/fashion-mnist
if [ -d $fashion ]; then
    train() { "$axmul" train lenet5 --data fashion-mnist --data-dir $fashion --quiet "$@"; }
    quantize() { "$axmul" quantize "$work/f.axm" --data-dir $fashion --calibration-images 150 --quiet "$@"; }
    run() { "$axmul" infer "$@" --data-dir $fashion --quiet --format csv; }
    {
        train --images 4352 --validation 256 --epochs 3 -o "$work/f.axm" > "$work/out" || echo "train: exit code $?"
        quantize -o "$work/f8.axm" --format csv > "$work/q8" || echo "quantize: exit code $?"
        float=$(field "$work/q8" float_top1_percent) quantized=$(field "$work/q8" quantized_top1_percent)
        awk -v f="$float" -v q="$quantized" 'BEGIN { if (!(f > 60 && q > f - 1 && q < f + 1)) print "float " f " %, quantized " q " %" }'
        run "$work/f8.axm" --mult exact8s --mult drum8s_k6 > "$work/r8" || echo "infer: exit code $?"
        [ "$(field "$work/r8" top1_percent | head -n 1)" = "$quantized" ] || echo "infer does not agree with quantize"
        field "$work/r8" top1_percent | awk -v q="$quantized" '$1 < q - 2 || $1 > q + 2 { print "top-1 " $1 " %, not about " q }'
    } 2>&1 | verdict trains_quantizes_and_runs
    {
        quantize -o "$work/f4.axm" --scheme affine --weight-bits 4 --weight-calibration mse --per-node --no-test --format csv \
            > "$work/nodes" || echo "quantize: exit code $?"
        [ "$(field "$work/nodes" weight_bits | grep -c 4)" = 5 ] || echo "five layers with weights of 4 bits wanted"
        field "$work/nodes" sqnr_db | awk '!($1 > 8) { print "signal-to-noise ratio of " $1 " dB" }'
        # Weights have 4 bits, so the operand that holds them needs no more.
        run "$work/f4.axm" --images 2000 --mult exact8u --mult exact8x4u --order aw > "$work/r4" || echo "infer: exit code $?"
        [ "$(field "$work/r4" correct | sort -u | wc -l)" = 1 ] || echo "exact products differ: $(field "$work/r4" correct | tr '\n' ' ')"
        quantize -o "$work/ft.axm" --per-tensor --calibration percentile --percentile 99.9 --no-test --format csv > "$work/out" ||
            echo "per tensor: exit code $?"
        [ "$(field "$work/out" weights)" = 'per tensor' ] || echo "no --per-tensor: $(cat "$work/out")"
    } 2>&1 | verdict unsigned_codes_with_weights_of_four_bits
else
    echo "SKIP network__trains_quantizes_and_runs: no dataset-fashion-mnist"
fi

{
    expect 2 'reads images of 1x28x28, these have 3x32x32' "$axmul" train lenet5i --data cifar10 -o "$work/x"
    expect 2 'must be an integer 1..60000' "$axmul" train lenet5i --images 60001 -o "$work/x"
    expect 2 'exclude each other' "$axmul" quantize "$work/x" -o "$work/y" --per-tensor --per-channel
    expect 2 'weight-calibration must be' "$axmul" quantize "$work/x" -o "$work/y" --weight-calibration max
    expect 2 'exact8u is unsigned' "$axmul" infer builtin:lenet5i --mult exact8u
    expect 2 'as many as lenet5i has (8)' "$axmul" infer builtin:lenet5i --mult exact8s,exact8s
    expect 2 'builtin:lenet5i does' "$axmul" infer builtin:lenet9
    expect 3 'No such file' "$axmul" infer "$work/none.axm"
    expect 2 'conv1' "$axmul" infer builtin:lenet5i --trace conv9 -o "$work/x"
    expect 2 'no training images' "$axmul" infer builtin:lenet5i --train-images
    expect 2 '1000' "$axmul" infer builtin:lenet5i --images 1001
    expect 2 'is quantized' "$axmul" quantize builtin:lenet5i -o "$work/y"
    expect 2 'AXMUL_CPU must be' env AXMUL_CPU=avx3 "$axmul" infer builtin:lenet5i
    expect 2 'AXMUL_CPU must be' env AXMUL_CPU=avx3 "$axmul" bench-gemm --shape 8x8x8
    for option in --rows --cols --acc-depth; do
        expect 2 'bitslice has no array' "$axmul" cosim builtin:lenet5i $option 8
    done
    expect 2 'bitslice has no array' "$axmul" cosim builtin:lenet5i --dataflow os
    expect 2 'cycle has no streams' "$axmul" cosim builtin:lenet5i --backend cycle --stall 5
    expect 2 'bitslice compares all accumulators' "$axmul" cosim builtin:lenet5i --sums 5
    expect 2 'cycle has no signals' "$axmul" cosim builtin:lenet5i --backend cycle --vcd-cycles 5
    expect 2 'acc-depth is for --dataflow ws' "$axmul" cosim builtin:lenet5i --backend cycle --dataflow os --acc-depth 8
} | verdict mistakes_are_named

# What cannot be written is said before the work, once, and nothing stays.
mkdir "$work/dir"
touch "$work/before" "$work/after"
ls -A "$work" > "$work/before"
{
    train="$axmul train lenet5 --quiet --data fashion-mnist --data-dir $work/dir"   # without data: no training begins
    for bad in "$work/no/x:No such file" "$work/dir:Is a directory"; do
        path=${bad%:*} says=${bad##*:}
        # shellcheck disable=SC2086  # words
        {
            expect 3 "$says" $train -o "$path"
            expect 3 "$says" $train -o "$work/x" --csv "$path"
            expect 3 "$says" "$axmul" quantize "$work/none.axm" -o "$path"
            expect 3 "$says" "$axmul" cosim builtin:lenet5i --images 600 --batch 8 --quiet --threads 4 --resume "$path"
        }
    done
    # a file may have so many blocks of 512 bytes, as on a disk that is all but full
    expect 3 'File too large' sh -c "trap '' XFSZ; ulimit -f 8; exec $axmul gen array --mult exact8s -o $work/array"
    expect 3 'File too large' sh -c "trap '' XFSZ; ulimit -f 8; exec $axmul infer builtin:lenet5i --trace conv4 -o $work/x --quiet"
    ls -A "$work" > "$work/after"
    comm -13 "$work/before" "$work/after" | sed 's/^/left: /'
    ls -A "$work/dir" | sed 's/^/left: /'
} | verdict nothing_half_written_stays
