#!/bin/sh
# models.sh FLOAT-MODEL: makes what is in models/ again.  Called by `make models`.
#
#   lenet5i-int8.axm            FLOAT-MODEL quantized with the defaults of axmul quantize
#   mnist-test-1000-*.idx.gz    the first 1,000 MNIST test images and their labels
set -eu
axmul=${B:-build}/axmul
cache=${AXMUL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/axmul}/data/mnist
n=1000

mkdir -p models
"$axmul" quantize "$1" -o models/lenet5i-int8.axm
"$axmul" data mnist > /dev/null

# idx: magic number, counts (big-endian), data
{
    head -c 4 "$cache/t10k-images-idx3-ubyte"
    printf '\000\000\003\350\000\000\000\034\000\000\000\034'
    tail -c +17 "$cache/t10k-images-idx3-ubyte" | head -c $((n * 784))
} | gzip -9n > models/mnist-test-1000-images.idx.gz
{
    head -c 4 "$cache/t10k-labels-idx1-ubyte"
    printf '\000\000\003\350'
    tail -c +9 "$cache/t10k-labels-idx1-ubyte" | head -c $n
} | gzip -9n > models/mnist-test-1000-labels.idx.gz
ls -l models
