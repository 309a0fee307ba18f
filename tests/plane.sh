#!/bin/sh
# axmul ip against NumPy on what axmul dump writes, over the epochs of a training, and what it draws.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT

verdict() {   # NAME, and what is wrong on standard input
    odd=$(head -n 1)
    if [ -n "$odd" ]; then echo "FAIL plane__$1: $odd"; else echo "PASS plane__$1"; fi
}
expect() {   # CODE WORDS COMMAND...: exit code, and the message has the words
    code=$1 words=$2
    shift 2
    "$@" > "$work/out" 2> "$work/err"
    got=$?
    [ $got = "$code" ] || echo "exit code $got, not $code: $*"
    [ "$(wc -l < "$work/err")" = 1 ] && grep -q -- "$words" "$work/err" || echo "$* says: $(cat "$work/err")"
}
ip() { "$axmul" ip builtin:lenet5i --quiet --format csv "$@"; }

# H and MI of every node's codes, by numpy.unique over rows; x8_y3 makes images that late layers cannot tell apart.
mults="exact8s scdm8s_x8_y3 scdm8s_x7_y1,scdm8s_x6_y2,exact8s,scdm8s_x8_y4,scdm8s_x4_y3,scdm8s_x8_y2,scdm8s_x8_y3,exact8s"
python3=
for p in /usr/bin/python3 python3; do "$p" -c 'import numpy' 2> /dev/null && python3=$p && break; done
for symbol in vector neuron; do
    if [ -z "$python3" ]; then
        echo "SKIP plane__numpy_agrees_on_${symbol}s: no python3-numpy"
        continue
    fi
    images=400
    [ $symbol = neuron ] && images=300
    {
        n=0
        for m in $mults; do
            n=$((n + 1))
            ip --mult "$m" --images $images --symbol $symbol > "$work/ip.$n" || echo "ip --mult $m: exit code $?"
            for layer in conv1 conv2 conv3 conv4 conv5 fc1 fc2 fc3; do
                "$axmul" dump builtin:lenet5i --quiet --mult "$m" --images $images --layer $layer -o "$work/$n.$layer.npy" ||
                    echo "dump: exit code $?"
            done
        done
        gzip -dc models/mnist-test-1000-labels.idx.gz | tail -c +9 > "$work/labels"
        "$python3" - "$work" $n $symbol <<'PY'
import csv, sys
import numpy as np
work, n, symbol = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def entropy(rows):
    count = np.unique(rows, axis=0, return_counts=True)[1]
    p = count / count.sum()
    return -(p * np.log2(p)).sum()

def information(rows, label):
    h = entropy(rows)
    within = sum((label == y).mean() * entropy(rows[label == y]) for y in np.unique(label))
    return h, h - within

checked = same = 0
for i in range(1, n + 1):
    for row in csv.DictReader(open(f"{work}/ip.{i}")):
        codes = np.load(f"{work}/{i}.{row['layer']}.npy")
        codes = codes.reshape(len(codes), -1)
        label = np.fromfile(f"{work}/labels", np.uint8)[:len(codes)]
        if symbol == "vector":
            want = information(codes, label)
        else:
            if codes.shape[1] > 128:
                continue
            want = np.mean([information(codes[:, k], label) for k in range(codes.shape[1])], axis=0)
        got = float(row["i_xt_bits"]), float(row["i_ty_bits"])
        if max(abs(got[0] - want[0]), abs(got[1] - want[1])) > 1e-9:
            print(f"{row['mults']} {row['layer']}: {got}, NumPy has {tuple(want)}")
        checked += 1
        same += got[0] == np.log2(len(codes))
if checked < (24 if symbol == "vector" else 9) or same == checked:
    print(f"{checked} rows, of which {same} tell all images apart: too few, or all alike")
PY
    } 2>&1 | verdict numpy_agrees_on_${symbol}s
done

{
    ip --mult scdm8s_x8_y3 --images 200 > "$work/a"
    ip --mult scdm8s_x8_y3 --images 200 --threads 1 | cmp - "$work/a"
    AXMUL_CPU=portable ip --mult scdm8s_x8_y3 --images 200 | cmp - "$work/a"
    [ "$(ip --published --images 20 | wc -l)" = 41 ] || echo "5 x 8 rows and a header wanted"
    [ "$(ip --paper --images 20 | wc -l)" = 169 ] || echo "21 x 8 rows and a header wanted"
} 2>&1 | verdict same_rows_whatever_computes_them

# The last kept epoch is the model that training ends with.
if [ -e "${AXMUL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/axmul}/data/mnist/train-images-idx3-ubyte" ]; then
    {
        "$axmul" train lenet5 -o "$work/net.axm" --epochs 2 --images 3000 --validation 1000 --keep-epochs "$work/epochs" --quiet > /dev/null ||
            echo "train: exit code $?"
        "$axmul" ip "$work/epochs" --images 500 --symbol neuron --quiet --format csv > "$work/epochs.csv" || echo "ip: exit code $?"
        "$axmul" ip "$work/net.axm" --images 500 --symbol neuron --quiet --format csv > "$work/last.csv" || echo "ip: exit code $?"
        grep '^2,' "$work/epochs.csv" | cut -d, -f3-8 > "$work/two"
        tail -n +2 "$work/last.csv" | cut -d, -f3-8 | cmp - "$work/two"
        [ "$(cut -d, -f1 "$work/epochs.csv" | sort -u | tr '\n' ' ')" = "1 2 epoch " ] || echo "epochs 1 and 2 wanted"
        for rule in uniform adaptive; do
            "$axmul" ip "$work/net.axm" --images 100 --binning $rule --quiet --format csv > "$work/out" || echo "$rule: exit code $?"
            [ "$(wc -l < "$work/out")" -gt 4 ] || echo "$rule: $(wc -l < "$work/out") lines"
        done
    } 2>&1 | verdict epochs_of_a_training
else
    echo "SKIP plane__epochs_of_a_training: no MNIST in the cache (axmul data mnist)"
fi

if command -v gnuplot > /dev/null; then
    {
        ip --images 50 --symbol neuron --svg "$work/3.svg" > /dev/null
        ip --images 50 --symbol neuron --paper --svg "$work/4.svg" > /dev/null
        ip --images 50 --symbol neuron --published --svg "$work/5.svg" > /dev/null
        for f in 3 4 5; do
            for layer in conv1 fc3; do grep -q "$layer" "$work/$f.svg" || echo "figure $f does not name $layer"; done
        done
        name='mine`touch '"$work"'/ran`"\'
        ip --images 20 --mult scdm8s_x5_y2 --name "$name" --mult exact8s --svg "$work/named.svg" > "$work/named" || echo "--name: exit code $?"
        grep -q 'mine?touch' "$work/named.svg" || echo "the picture does not have the name"
        [ ! -e "$work/ran" ] || echo "gnuplot ran a name"
        cut -d, -f2 "$work/named" | grep -q '^"mine' || echo "the table does not have the name"
        [ "$(grep -c ',exact8s,conv1,' "$work/named")" = 1 ] || echo "a row without a name lacks its multipliers"
        grep -q 'Table 3, row 4' "$work/5.svg" || echo "figure 5 does not name the assignments"
        ip --images 1 --svg "$work/one.svg" > /dev/null || echo "one image: exit code $?"
    } 2>&1 | verdict pictures_name_their_layers
else
    echo "SKIP plane__pictures_name_their_layers: no gnuplot"
fi

{
    expect 2 'a float one' "$axmul" ip builtin:lenet5i --binning uniform
    expect 2 'no epoch-N.axm' "$axmul" ip "$work"
    expect 2 'vector or neuron' "$axmul" ip builtin:lenet5i --symbol pixel
    expect 2 'with --binning only' "$axmul" ip builtin:lenet5i --bins 4
    expect 2 'each is the name of one' "$axmul" ip builtin:lenet5i --name a --mult exact8s --name b
    expect 2 'is none' "$axmul" ip builtin:lenet5i --every 2
    expect 3 'No such file' "$axmul" ip "$work/none.axm"
    expect 2 'as many as lenet5i has (8)' "$axmul" ip builtin:lenet5i --mult exact8s,exact8s
} | verdict mistakes_are_named
