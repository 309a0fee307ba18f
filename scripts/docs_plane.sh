#!/bin/sh
# docs_plane.sh MODEL: writes docs/information-plane.md to standard output and its figures to $B/docs-plane;
# every figure in it is computed here.  EPOCHS: of the training that is followed (default 8).  IMAGES: fewer than all
# 60,000 training images, to try the script.  What is done lies in $B/docs-plane: run again, it goes on from there.
set -eu
B=${B:-build}
axmul=$B/axmul
model=$1
epochs=${EPOCHS:-8}
images=${IMAGES:-60000}
work=$B/docs-plane
. scripts/docs_work.sh
keep_of_same "$work" "$epochs $images $(cat "$model" docs/search.md | sha256sum) $("$axmul" --version | head -n 1)"

# NAME OPTIONS...: rows in NAME.csv, what it says in NAME.log, NAME.svg.
plane() {
    name=$1
    shift
    [ ! -e "$work/$name.csv" ] || return 0
    "$axmul" ip "$@" --data mnist --train-images --svg "$work/$name.svg" --format csv > "$work/$name.tmp" 2> "$work/$name.log"
    mv "$work/$name.tmp" "$work/$name.csv"
}

# What the genetic algorithm found, from docs/search.md: rows of Table 4 by number, as specs.
found() {   # PROTOCOL
    awk -F'|' -v want=" ga, $1 " '$2 == want && $3 == " best " {
        n = split($(NF - 1), row, ",")
        for (i = 1; i <= n; i++) printf "%sscdm8s_x%d_y%d", (i > 1 ? "," : ""), 4 + int((row[i] - 1) / 4), 1 + (row[i] - 1) % 4
        exit }' docs/search.md
}
for p in paper honest; do
    [ -n "$(found $p)" ] || { echo "docs_plane.sh: docs/search.md has no row of ga, $p, best: make docs-search writes it" >&2; exit 1; }
done

if [ ! -e "$work/net.axm" ]; then
    "$axmul" train lenet5i -o "$work/net.axm" --epochs "$epochs" --protocol paper --keep-epochs "$work/epochs" \
        --csv "$work/epochs.csv" > /dev/null
fi
plane figure2 "$work/epochs" --images $images --symbol neuron
plane vectors "$work/epochs" --images $images
plane figure3 "$model" --images $images --symbol neuron
plane figure4 "$model" --images $images --symbol neuron --paper
plane vectors4 "$model" --images $images --paper
for name in figure5 vectors5; do
    symbol=neuron
    [ $name = figure5 ] || symbol=vector
    plane $name "$model" --images "$images" --symbol $symbol --published \
        --mult "$(found paper)" --name "GA, paper protocol" --mult "$(found honest)" --name "GA, honest protocol"
done

# Least, median and most of the seconds in a log.
seconds() {
    sed -n 's/.* images in \([0-9.]*\) s$/\1/p' "$work/$1.log" | sort -n | awk '
        { v[NR] = $1 } END { printf "%.2f, %.2f and %.2f s", v[1], v[int((NR + 1) / 2)], v[NR] }'
}
quantizing() {
    sed -n 's/.*: quantized in \([0-9.]*\) s$/\1/p' "$work/$1.log" | sort -n | awk '
        { v[NR] = $1 } END { printf "%.2f", v[int((NR + 1) / 2)] }'
}
# NAME: a line for each row (or epoch), I(X;T) / I(T;Y) of each layer across.
table() {
    python3 - "$work/$1.csv" "$2" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
key = sys.argv[2]
layers = list(dict.fromkeys(r["layer"] for r in rows))
print(f"| {key} | " + " | ".join(layers) + " |")
print("| --- |" + " --- |" * len(layers))
for name in dict.fromkeys(r[key] for r in rows):
    cells = {r["layer"]: f"{float(r['i_xt_bits']):.3f} / {float(r['i_ty_bits']):.3f}" for r in rows if r[key] == name}
    print(f"| {name} | " + " | ".join(cells[l] for l in layers) + " |")
PY
}
# NAME: how many of its rows tell all images apart.
apart() {
    python3 -c 'import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
print(sum(float(r["distinct"]) == float(r["images"]) for r in rows), "of", len(rows))' "$work/$1.csv"
}

# NAME COLUMN: its largest value.
most() {
    python3 -c 'import csv, sys
print("%.3f" % max(float(r[sys.argv[2]]) for r in csv.DictReader(open(sys.argv[1]))))' "$work/$1.csv" "$2"
}

cat <<TXT
# The information plane

Written by \`make docs-plane\`. \`axmul ip\` computes I(X;T) and I(T;Y) of every layer (Shakibhamedan et al. 2024, Figures
2 to 5). X is the image, one of N alike. T is what a layer makes of it, Y the label. T is a function of X, so

    I(X;T) = H(T)   = log2 N - 1/N sum_t c_t log2 c_t
    I(T;Y) = H(T) - H(T|Y),   H(T|Y) = 1/N (sum_y c_y log2 c_y - sum_ty c_ty log2 c_ty)

where the c count the images with that symbol, that label, and both. In a quantized network T is discrete and both are
exact for the images given (Lorenzen et al. 2021); nothing is estimated. Two symbols are offered:

- \`--symbol vector\`: all int8 codes of a layer together, told apart by a 128-bit hash (XXH3). The probability that any
  two of 60,000 different vectors share one is about 5e-30.
- \`--symbol neuron\`: the code of one output; the mean over the layer's outputs.

A float network's activations can be binned instead (\`--binning uniform\` or \`adaptive\`, \`--bins N\`).

The last layer's outputs are int32 logits, not 8-bit codes, which is why one of them alone tells most images apart.

Layers end after their ReLU. Batch norms that follow are merged into the next layer, as \`axmul quantize\` does.

## Time

lenet5i, $images training images, all 8 layers, \`--symbol vector\`, on $(nproc) cores: $(seconds vectors) an epoch (least,
median, most over $epochs epochs), and $(quantizing vectors) s to quantize it. For the 21 multipliers: $(seconds vectors4).
With \`--symbol neuron\`: $(seconds figure2) an epoch. That is wall time: whatever else the machine does
counts.

## Vectors say little here

log2 $images is $(most vectors i_xt_bits) bits, and H(Y) of the labels $(most vectors i_ty_bits). A layer that gives every image a code vector of its own sits at
that corner, whatever it computes. That is so in $(apart vectors) rows of the $epochs epochs below and in $(apart vectors4)
rows of the 21 multipliers: the conv layers have 2,304 to 50,176 outputs, far more than it takes to tell 60,000 images
apart. So the pictures below have the mean over the outputs; the tables have both.

## Figure 2: during training

lenet5i, $epochs epochs (the paper: 5000), each quantized; a curve a layer, its larger point the last epoch.

![I(T;Y) over I(X;T) of each layer during training](information-plane-2.svg)

I(X;T) / I(T;Y) in bits, mean over the outputs:

$(table figure2 epoch)

Vectors, $images images:

$(table vectors epoch)

## Figure 3: the last epoch

The quantized network of docs/accuracy.md, exact multiplier.

![I(T;Y) over I(X;T) of each layer after training](information-plane-3.svg)

$(table figure3 row)

## Figure 4: one approximate multiplier in all layers

The 20 SCDM8; a ring is the exact one.

![I(T;Y) over I(X;T) with each multiplier](information-plane-4.svg)

Mean over the outputs:

$(table figure4 row)

Vectors, $images images:

$(table vectors4 row)

## Figure 5: searched assignments

The four rows of Table 3, which the authors' search found for their network, on ours; and the best that the genetic
algorithm found for ours by either protocol ([search.md](search.md)).

![I(T;Y) over I(X;T) with searched assignments](information-plane-5.svg)

Mean over the outputs:

$(table figure5 row)

Vectors, $images images:

$(table vectors5 row)

## What this leaves out

The images given are all there is: no confidence interval says what more of them would give. Less I(X;T) with an
approximate multiplier is what a coarser function does, and I(T;Y) cannot rise above what the layer before it has (for
vectors; the mean over outputs has no such bound). One trained network, one seed.
TXT
