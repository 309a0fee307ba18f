#!/usr/bin/env python3
"""Runs model files with NumPy: the second opinion of tests/test_reference_nn.c.

    nn_oracle.py FILE...

Written from docs/formats.md and the definitions in dnn/qgraph.h, with exact products. FILE.in
holds the input: float32 of a float model, uint8 pixels of a quantized one. FILE.out gets the values
of all nodes in order, as float64 (float models) or int64.
"""
import json
import struct
import sys

import numpy as np


class Model:
    def __init__(self, path):
        raw = open(path, "rb").read()
        self.quantized, = struct.unpack("<I", raw[12:16])
        n, = struct.unpack("<Q", raw[24:32])
        self.net = json.loads(raw[96:96 + n])
        self.data = raw[(96 + n + 63) // 64 * 64:]

    def tensor(self, place, code):
        return np.frombuffer(self.data[place[0]:place[0] + place[1]], code)


def windows(x, node, fill):
    """[c][out_h][out_w][kernel_h * kernel_w], taps in the padding as fill."""
    k = {key: node[key] for key in node if key[:3] in ("ker", "str", "pad")}
    pad = ((0, 0), (k["pad_top"], k["pad_bottom"]), (k["pad_left"], k["pad_right"]))
    x = np.pad(x, pad, constant_values=fill)
    v = np.lib.stride_tricks.sliding_window_view(x, (k["kernel_h"], k["kernel_w"]), (1, 2))
    v = v[:, ::k["stride_h"], ::k["stride_w"]]
    return v.reshape(*v.shape[:3], -1)


def sums(x, w, node, fill):
    """Sum of x * w, and of x, for every output [o][h][w]; w [o][k]."""
    if node["op"] == "dense":
        flat = x.reshape(-1)
        return (w @ flat).reshape(-1, 1, 1), np.full((len(w), 1, 1), flat.sum())
    v = windows(x, node, fill)
    groups, out = node["groups"], len(w)
    per_in, per_out = x.shape[0] // groups, out // groups
    total, plain = [], []
    for o in range(out):
        g = o // per_out
        part = v[g * per_in:(g + 1) * per_in].transpose(1, 2, 0, 3).reshape(*v.shape[1:3], -1)
        total.append(part @ w[o])
        plain.append(part.sum(-1))
    return np.stack(total), np.stack(plain)


def float_node(m, node, xs):
    op, x = node["op"], xs[0]
    if op in ("conv", "dense"):
        w = m.tensor(node["weight"], "<f4").astype(float).reshape(node["shape"][0], -1)
        y = sums(x, w, node, 0)[0]
        return y + m.tensor(node["bias"], "<f4").reshape(-1, 1, 1) if "bias" in node else y
    if op == "batch_norm":
        g, b, mean, var = (m.tensor(node[k], "<f4").astype(float).reshape(-1, 1, 1)
                           for k in ("gamma", "beta", "mean", "variance"))
        return (x - mean) / np.sqrt(var + node["epsilon"]) * g + b
    if op == "softmax":
        e = np.exp(x - x.max())
        return e / e.sum()
    return {
        "relu": lambda: np.maximum(x, 0),
        "relu6": lambda: np.clip(x, 0, 6),
        "max_pool": lambda: windows(x, node, -np.inf).max(-1),
        "avg_pool": lambda: np.nanmean(windows(x, node, np.nan), -1),
        "global_avg_pool": lambda: x.mean((1, 2), keepdims=True),
        "add": lambda: x + xs[1],
        "concat": lambda: np.concatenate(xs),
        "flatten": lambda: x.reshape(-1, 1, 1),
        "dropout": lambda: x,
    }[op]()


def rounded(v, shift):
    return (v + (1 << (shift - 1))) >> shift


def integers(m, node, key):
    return m.tensor(node[key], "<i4").astype(np.int64)


def column(v):
    return v.reshape(-1, 1, 1)


def taps_of(x, node, zero):
    """Sums of (q - zero) over the taps that are inside, and how many those are."""
    if node["op"] == "global_avg_pool":
        return (x - zero).sum((1, 2), keepdims=True), np.full((x.shape[0], 1, 1), x[0].size)
    inside = windows(np.ones_like(x), node, 0).sum(-1)
    return windows(x - zero, node, 0).sum(-1), inside


def accumulators(m, node, x, zero):
    w = m.tensor(node["weight"], "u1" if m.net["scheme"] == "affine" else "i1")
    w = w.astype(np.int64).reshape(node["shape"][0], -1)
    total, plain = sums(x, w, node, zero)
    return total - column(integers(m, node, "weight_zero")) * plain + column(integers(m, node, "bias"))


def integer_node(m, node, xs, zeros):
    op, x = node["op"], xs[0]
    if op in ("max_pool", "flatten"):
        return windows(x, node, -10**6).max(-1) if op == "max_pool" else x.reshape(-1, 1, 1)
    if op == "relu":
        return np.clip(x, node["lo"], node["hi"])
    mult, shift = integers(m, node, "multiplier"), integers(m, node, "shift")
    if op in ("conv", "dense"):
        y = rounded(accumulators(m, node, x, zeros[0]) * column(mult), column(shift))
    elif op == "batch_norm":
        add = column(m.tensor(node["add64"], "<i8"))
        y = rounded((x - zeros[0]) * column(mult) + add, column(shift))
    elif op == "add":
        y = rounded((xs[0] - zeros[0]) * mult[0] + (xs[1] - zeros[1]) * mult[1], shift[0])
    elif op == "concat":
        y = np.concatenate([rounded((v - z) * k, shift[0]) for v, z, k in zip(xs, zeros, mult)])
    else:
        total, inside = taps_of(x, node, zeros[0])
        at = inside - 1 if op == "avg_pool" else inside * 0
        y = rounded(total * mult[at], shift[at])
    return np.clip(y + node["zero"], node["lo"], node["hi"])


def ace_node(m, node, xs, scales):
    """Codes and their scale in this image."""
    op, x = node["op"], xs[0]
    if op == "relu":
        return np.maximum(x, 0), scales[0]
    if op in ("max_pool", "flatten"):
        return integer_node(m, node, xs, [0]), scales[0]
    if op in ("conv", "dense", "batch_norm"):
        gain = column(m.tensor(node["weight_scale"], "<f4").astype(float))
        offset = column(m.tensor(node["bias_float"], "<f4").astype(float))
        v = x if op == "batch_norm" else accumulators(m, node, x, 0)
        y = v * (scales[0] * gain) + offset
    elif op == "add":
        y = xs[0] * scales[0] + xs[1] * scales[1]
    elif op == "concat":
        y = np.concatenate([v * s for v, s in zip(xs, scales)])
    else:
        total, inside = taps_of(x, node, 0)
        y = total * scales[0] / inside
    if node["relu"]:
        y = np.maximum(y, 0)
    scale = np.abs(y).max() / 127 or 1.0
    unit = float(np.float32(node["scale"])) if node["logits"] else scale
    return np.rint(y / unit).astype(np.int64), scale


def run(path):
    m = Model(path)
    nodes = m.net["nodes"]
    if not m.quantized:
        values = [np.fromfile(path + ".in", "<f4").astype(float).reshape(nodes[0]["shape"])]
        for node in nodes[1:]:
            values.append(float_node(m, node, [values[i] for i in node["inputs"]]))
    else:
        pixels = np.fromfile(path + ".in", "u1").reshape(nodes[0]["shape"])
        table = m.tensor(m.net["input_code"], "u1" if m.net["scheme"] == "affine" else "i1").reshape(-1, 256)
        values = [np.stack([table[c].astype(np.int64)[pixels[c]] for c in range(len(pixels))])]
        scales = [nodes[0]["scale"]]
        for node in nodes[1:]:
            xs = [values[i] for i in node["inputs"]]
            if m.net["scheme"] == "ace":
                y, scale = ace_node(m, node, xs, [scales[i] for i in node["inputs"]])
                scales.append(scale)
            else:
                y = integer_node(m, node, xs, [nodes[i]["zero"] for i in node["inputs"]])
            values.append(y)
    for node, value in zip(nodes, values):
        assert list(value.shape) == node["shape"], (path, node["name"], value.shape)
    out = np.concatenate([v.reshape(-1) for v in values])
    out.astype("<i8" if m.quantized else "<f8").tofile(path + ".out")


for name in sys.argv[1:]:
    run(name)
