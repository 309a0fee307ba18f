#!/bin/sh
# docs_accuracy.sh FLOAT-MODEL: writes docs/accuracy.md to standard output; every figure in it is
# computed here or published (tests/data/scdm8_multipliers.csv).
set -eu
axmul=${B:-build}/axmul
float=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
published=$work/published   # the file has carriage returns
tr -d '\r' < tests/data/scdm8_multipliers.csv > "$published"

# NAME, then options of quantize after --, options of infer before: the 21 rows of Table 6.
table() {
    name=$1 order=$2
    shift 2
    "$axmul" quantize "$float" -o "$work/$name.axm" --no-test --quiet "$@" > /dev/null
    # shellcheck disable=SC2086  # words
    "$axmul" infer "$work/$name.axm" --paper --format csv --quiet $order > "$work/$name.csv"
}

# Column KEY of a run, one value a line.
column() {
    awk -F, -v key="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at[key] }' "$work/$1.csv"
}

# Spearman's rho of the published accuracies and a run's, over rows with y <= 3 (as axmul coef: ties share ranks).
rho() {
    tail -n +2 "$published" | cut -d, -f3,6 > "$work/printed"
    column "$1" top1_percent | paste -d, "$work/printed" - | awk -F, '
        $1 != "" && $1 <= 3 { a[++n] = $2; b[n] = $3 }
        function rank(v, i,    j, less, same) {
            for (j = 1; j <= n; j++) { less += v[j] < v[i]; same += v[j] == v[i] }
            return less + (same + 1) / 2
        }
        END {
            for (i = 1; i <= n; i++) { x = rank(a, i); y = rank(b, i); sx += x; sy += y; xx += x * x; yy += y * y; xy += x * y }
            printf "%.3f", (n * xy - sx * sy) / sqrt((n * xx - sx * sx) * (n * yy - sy * sy))
        }'
}

table default ""
table wa "--order wa"
table aw "--order aw"
table xw "--order aw,aw,aw,aw,aw,wa,wa,wa"
table tensor "" --per-tensor
table plain "" --no-equalise
table percentile "" --calibration percentile --percentile 99.9 --weight-calibration min-max
table mse "" --calibration mse --weight-calibration min-max
table ace "" --scheme ace

cat <<'TXT'
# Accuracy on MNIST: Table 6 beside ours

Written by `make docs-accuracy`. lenet5i, trained by `axmul train lenet5i` and quantized by `axmul quantize`, all 10,000
test images, one multiplier in all layers; the weight is operand a in convolutions and b in dense layers, as in the
authors' network. Energy savings by the paper's formula (A.4.1, E_exact/E_approx - 1) from the coefficients that Table 4
prints.

TXT
echo '| multiplier | top-1, printed | top-1, ours | 95 % interval | saving, printed | saving, ours | plain saving |'
echo '| --- | --- | --- | --- | --- | --- | --- |'
for c in mult top1_percent top1_low_percent top1_high_percent saving_paper_percent saving_plain_percent; do
    column default $c > "$work/$c"
done
tail -n +2 "$published" | paste -d, - "$work/mult" "$work/top1_percent" "$work/top1_low_percent" \
    "$work/top1_high_percent" "$work/saving_paper_percent" "$work/saving_plain_percent" | awk -F, '
    { printf "| %s | %.2f | %.2f | %.2f..%.2f | %s %% | %.1f %% | %.1f %% |\n", $8, $6, $9, $10, $11, $7, $12, $13 }'

printf '\nSpearman correlation of the two columns of accuracies over the 15 rows with y <= 3: %s.\n' "$(rho default)"
cat <<'TXT'

The printed savings are those of unrounded coefficients: with the two printed digits a saving can be off by as much as
the rounding of the coefficient makes it.

## What moves the fragile rows

The network is not the authors': its weights, and so where its activations lie in the 256 codes, are its own. Rows with
y = 4 or x = 8 depend on that. The same 21 multipliers, top-1 in %, under other conditions:

- **default**: `symmetric`, one weight scale an output channel, channels equalised, min-max; the weight is a in
  convolutions and b in dense layers
- **w = a**, **w = b**: the weight is that operand in every layer; **swapped**: b in convolutions, a in dense layers
- **per tensor**: one weight scale a layer
- **99.9 %**, **MSE**: other calibrations of activations
- **ace**: the authors' own scheme, activations rescaled for every layer and image to ±127

TXT
echo '| multiplier | printed | default | w = a | w = b | swapped | per tensor | 99.9 % | MSE | ace |'
echo '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |'
for v in default wa aw xw tensor percentile mse ace; do column $v top1_percent > "$work/$v.top1"; done
tail -n +2 "$published" | cut -d, -f6 | paste -d, "$work/mult" - "$work/default.top1" "$work/wa.top1" "$work/aw.top1" \
    "$work/xw.top1" "$work/tensor.top1" "$work/percentile.top1" "$work/mse.top1" "$work/ace.top1" | awk -F, '
    { printf "| %s | %.2f", $1, $2; for (i = 3; i <= NF; i++) printf " | %.2f", $i; print " |" }'
printf '| Spearman, y <= 3 |  '
for v in default wa aw xw tensor percentile mse ace; do printf '| %s ' "$(rho $v)"; done
echo '|'
cat <<TXT

Without equalised channels (\`--no-equalise\`) the exact multiplier gives $(column plain top1_percent | head -n 1) %: merged batch
norms leave channels that differ by orders of magnitude, and one scale for all of them loses the small ones.

What this leaves out: one trained network of one seed; accuracies move by some tenths of a per cent from seed to seed.
Nothing is retrained for a multiplier.
TXT
