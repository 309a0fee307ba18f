#!/bin/sh
# axmul sweep and axmul show --complexity: Table 9 and appendix C.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT

verdict() {   # NAME, and what is wrong on standard input
    odd=$(head -n 1)
    if [ -n "$odd" ]; then echo "FAIL sweep__$1: $odd"; else echo "PASS sweep__$1"; fi
}
expect() {   # CODE WORDS COMMAND...: exit code, and the message has the words
    code=$1 words=$2
    shift 2
    "$@" > "$work/out" 2> "$work/err"
    got=$?
    [ $got = "$code" ] || echo "exit code $got, not $code: $*"
    [ "$(wc -l < "$work/err")" = 1 ] && grep -q -- "$words" "$work/err" || echo "$* says: $(cat "$work/err")"
}
is() {   # QUANTITY COMPUTED PRINTED
    grep -q "^\"*$1\"*,$2,$3," "$work/complexity" || echo "$1: $(grep "^\"*$1" "$work/complexity"), not $2 and $3"
}

# By hand: the eight products sum to 3,305,600; times 3 x 50,000; times 5,000; times 1,024; and so on.
"$axmul" show lenet5i --complexity --format csv > "$work/complexity"
{
    is conv2 1605632 1605632
    is fc3 640 640
    is 'forward pass' 3305600 3337600
    is 'forward pass' 3305600 3586592
    is 'backward pass' 6611200 6675200
    is 'both for a batch of 1024' 10154803200 10250675200
    is 'epoch of 50000 images' 495840000000 500000000000
    is '5000 epochs' 2.4792e+15 2.5e+15
    is 'fitness on 1024 images' 3384934400 3417000000
    is '50 generations on 10000 images' 82640000000000 ''
    "$axmul" show models/lenet5i-int8.axm --complexity --format csv | cmp - "$work/complexity"
    [ "$("$axmul" show resnet8 --complexity --format csv | cut -d, -f3 | sort -u | tr -d '\n')" = printed ] ||
        echo "resnet8 has printed figures"
} 2>&1 | verdict complexity_of_appendix_c

{
    expect 2 'where the results go' "$axmul" sweep lenet5i
    expect 2 'numbers 1e-09..10' "$axmul" sweep lenet5i -o "$work/s" --lr 1e-3,x
    expect 2 'whole numbers' "$axmul" sweep lenet5i -o "$work/s" --batch 12.5
    expect 2 'whole numbers 1..1600' "$axmul" sweep lenet5i -o "$work/s" --batch 4096 --images 2000
    mkdir "$work/bad" && echo nonsense > "$work/bad/sweep.csv"
    expect 2 'not a file that axmul sweep wrote' "$axmul" sweep lenet5i -o "$work/bad"
} | verdict mistakes_are_named

if [ ! -e "${AXMUL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/axmul}/data/mnist/train-images-idx3-ubyte" ]; then
    echo "SKIP sweep__goes_on_where_it_stopped: no MNIST in the cache (axmul data mnist)"
    exit
fi
small="--images 1300 --validation 300 --epochs 1 --quiet --format csv"
# Interrupted within its second cell, it ends with the same table; what is done is not done again.
{
    # shellcheck disable=SC2086  # words
    "$axmul" sweep lenet5i -o "$work/calm" $small --batch 256,500 --lr 1e-3,5e-4 > "$work/whole" || echo "exit code $?"
    # shellcheck disable=SC2086
    "$axmul" sweep lenet5i -o "$work/cut" $small --batch 256 --lr 1e-3 > /dev/null || echo "exit code $?"
    # shellcheck disable=SC2086
    timeout -s INT 2 "$axmul" sweep lenet5i -o "$work/cut" $small --batch 256,500 --lr 1e-3,5e-4 > /dev/null 2>&1
    # shellcheck disable=SC2086
    "$axmul" sweep lenet5i -o "$work/cut" $small --batch 256,500 --lr 1e-3,5e-4 | cmp - "$work/whole"
    [ "$(wc -l < "$work/whole")" = 5 ] || echo "four cells wanted"
    [ "$(cut -d, -f1,2,7 "$work/whole" | tail -n +2 | tr '\n' ' ')" = "256,0.001,99.19 256,0.0005,99.19 500,0.001, 500,0.0005, " ] ||
        echo "printed: $(cut -d, -f1,2,7 "$work/whole" | tr '\n' ' ')"
    find "$work/calm" -name '*.checkpoint' | grep . && echo "checkpoints stay behind"
    # A cell is announced when it is trained: now none, and of a larger grid the new ones.
    "$axmul" sweep lenet5i -o "$work/cut" --batch 256,500 --lr 1e-3,5e-4 --images 1300 --validation 300 --epochs 1 2> "$work/err" > /dev/null
    grep -c 'learning rate' "$work/err" | grep -vx 0 | sed 's/$/ cells trained again/'
    "$axmul" sweep lenet5i -o "$work/cut" --batch 256,900 --lr 1e-3 --images 1300 --validation 300 --epochs 1 2> "$work/err" > /dev/null
    [ "$(grep 'learning rate' "$work/err")" = "batch 900, learning rate 0.001" ] || echo "trained: $(grep 'learning rate' "$work/err" | tr '\n' ';')"
} 2>&1 | verdict goes_on_where_it_stopped
