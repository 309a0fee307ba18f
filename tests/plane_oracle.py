#!/usr/bin/env python3
"""Information of binned float activations by NumPy: the second opinion of tests/test_plane.c.

    plane_oracle.py FOLDER

FOLDER has labels (a byte an image) and values-NODE, float32, all outputs of an image after each other. For
each node, each rule, each number of bins and both symbols a line: node, rule (0 uniform, 1 adaptive), bins,
symbol (0 vector, 1 neuron), I(X;T), I(T;Y), distinct symbols. Written from the definitions in
explore/plane.h.
"""
import glob
import sys

import numpy as np


def entropy(rows):
    count = np.unique(rows, axis=0, return_counts=True)[1]
    p = count / count.sum()
    return -(p * np.log2(p)).sum(), len(count)


def information(rows, label):
    h, distinct = entropy(rows)
    within = sum((label == y).mean() * entropy(rows[label == y])[0] for y in np.unique(label))
    return h, h - within, distinct


def edges(values, rule, bins):
    if rule == 0:
        lo, hi = values.min().astype(float), values.max().astype(float)
        return (lo + (hi - lo) * np.arange(1, bins) / bins).astype(np.float32)
    n, sample = len(values), min(len(values), 256)
    some = np.sort(values[np.arange(sample) * n // sample].reshape(-1))
    return some[np.arange(1, bins) * len(some) // bins]


folder = sys.argv[1]
label = np.fromfile(folder + "/labels", np.uint8)
for path in sorted(glob.glob(folder + "/values-*")):
    values = np.fromfile(path, "<f4").reshape(len(label), -1)
    for rule in 0, 1:
        for bins in 2, 30, 256:
            codes = np.searchsorted(edges(values, rule, bins), values, side="right")
            each = np.array([information(codes[:, [k]], label) for k in range(codes.shape[1])])
            for symbol, found in enumerate((information(codes, label), each.mean(axis=0))):
                print(path.rsplit("-", 1)[1], rule, bins, symbol, *(repr(float(v)) for v in found))
