#!/usr/bin/env python3
"""Writes the seed corpora of the fuzzers, tests/fuzz_corpus/fuzz_*/.

The formats of the inputs are those of fuzz/property.h.  Standard library only;
the files are the same on every run.
"""
import gzip
import json
import math
import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "fuzz_corpus")

SPECS = """
exact8u exact8s exact2s exact32u exact8x4u array8u wallace8s_cla dadda8u_ks booth16s_bk
cdm8u_x7_y3 cdm8u_x0_y0 scdm8s_x5_y2 scdm8s_y2_x5 cdm16u_x8_y6_z4_w2 scdmr8s scdmr8s_x5_y2
trunc8u_l3_m3 trunc8x4u_l2_m0 trunc8u_c8 trunc16u_c16_const trunc16s_c16_var drum16u_k6 drum8s_k4_oc1
mitchell12s_t5 mitchell8u bam8u_h2_v4 tosam8u_h1_t4
SCDM8_52 CDM8_7a DRUM6_16_u SCDM8_5f DRUM9_8_s
exact33u exact8 exact08u exact8u_ exact8u_x1 drum8u drum8u_k drum8u_k99999999999 nothing8u scdm8s_x5_x5
lut:t.npy verilog:t.v
""".split()

# Options of a table: two bits each for signed, transposed, by value; 0 no, 1 yes, 2 not given.
UNSIGNED, SIGNED_VALUES, SIGNED_BITS, TRANSPOSED, NOTHING = 0x20, 0x11, 0x01, 0x24, 0x2a


def npy(descr, shape, data, fortran="False", version=1):
    header = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n" % (descr, fortran, shape)
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes((version, 0)) + size + header.encode() + data


def table(element, width_a, width_b, signed):
    """Products in the order of ascending operands; element is a code of struct."""
    a0, b0 = (2 ** (width_a - 1), 2 ** (width_b - 1)) if signed else (0, 0)
    products = [(a - a0) * (b - b0) for a in range(2 ** width_a) for b in range(2 ** width_b)]
    return struct.pack("%s%d%s" % (element[0], len(products), element[1]), *products)


NPY = {
    "u1": (UNSIGNED, npy("|u1", "(4, 4)", table("<B", 2, 2, False))),
    "i2": (SIGNED_VALUES, npy("<i2", "(4, 8)", table("<h", 2, 3, True))),
    "i2_big": (SIGNED_VALUES, npy(">i2", "(4, 4)", table(">h", 2, 2, True))),
    "u4_fortran": (TRANSPOSED, npy("<u4", "(4, 4)", table("<I", 2, 2, False), "True")),
    "i1_version2": (SIGNED_BITS, npy("|i1", "(4, 4)", bytes(16), version=2)),
    "i4_version3": (SIGNED_VALUES, npy("<i4", "(4, 4)", table("<i", 2, 2, True), version=3)),
    "nothing_said": (NOTHING, npy("<u2", "(4, 4)", table("<H", 2, 2, False))),
    "float": (UNSIGNED, npy("<f4", "(4, 4)", bytes(64))),
    "cube": (UNSIGNED, npy("|u1", "(4, 2, 2)", bytes(16))),
    "huge": (UNSIGNED, npy("|u1", "(16777216, 16777216)", bytes(16))),
    "too_large_entry": (UNSIGNED, npy("|u1", "(4, 4)", b"\xff" * 16)),
    "truncated": (UNSIGNED, npy("|u1", "(4, 4)", bytes(8))),
}

RAW = {
    "i16": (SIGNED_VALUES, 0, 2, 3, table("<h", 2, 3, True)),
    "u16": (UNSIGNED, 1, 2, 2, table("<H", 2, 2, False)),
    "i32": (SIGNED_VALUES, 2, 2, 2, table("<i", 2, 2, True)),
    "u16_transposed": (TRANSPOSED, 1, 3, 2, table("<H", 2, 3, False)),
    "nothing_said": (NOTHING, 3, 0, 0, bytes(32)),
    "too_wide": (UNSIGNED, 1, 16, 16, bytes(32)),
    "too_large_entry": (UNSIGNED, 1, 2, 2, b"\xff" * 32),
    "truncated": (UNSIGNED, 1, 2, 2, bytes(31)),
}

# --- models: a byte of flags (1 quantized, 2 as description, NUL, tensors), then what they say ---


class Model:
    """A description whose tensors are laid out behind it."""

    def __init__(self, quantized, shape, **top):
        self.quantized, self.data = quantized, b""
        self.top = {"name": "net", "data_set": "", **top}
        self.nodes = []
        if quantized:
            signed = top["scheme"] != "affine"
            codes = bytes(max(p, 129) if signed and p > 127 else p for p in range(256)) * shape[0]
            self.top["input_code"] = self.tensor(codes)
        else:
            self.top.update(input_mean=[0, 0, 0, 0], input_std=[1, 1, 1, 1])
        self.add("input", "input", [], shape)

    def tensor(self, raw):
        self.data += bytes(-len(self.data) % 64)
        at = len(self.data)
        self.data += raw
        return [at, len(raw)]

    def pack(self, code, *values):
        return self.tensor(struct.pack("<%d%s" % (len(values), code), *values))

    def codes(self, zero=0, **other):
        lo, hi = (0, 255) if self.top["scheme"] == "affine" else (-127, 127)
        return {"scale": 0.5, "zero": zero, "lo": lo, "hi": hi, "logits": False, "relu": False, **other}

    def add(self, op, name, inputs, shape, **other):
        node = {"name": name, "op": op, "inputs": inputs, "shape": list(shape)}
        if op in ("conv", "max_pool", "avg_pool"):
            window = other.pop("window", (1, 1, 1, 1, 0, 0, 0, 0))
            keys = ("kernel_h", "kernel_w", "stride_h", "stride_w", "pad_top", "pad_left", "pad_bottom", "pad_right")
            node.update(zip(keys, window))
        if op == "conv":
            node["groups"] = other.pop("groups", 1)
        if self.quantized:
            node.update(self.codes(**{k: other.pop(k) for k in list(other) if k in self.codes()}))
        node.update(other)
        self.nodes.append(node)

    def text(self):
        return json.dumps({**self.top, "nodes": self.nodes}, separators=(",", ":")).encode()

    def composed(self):
        return bytes((self.quantized | 2,)) + self.text() + b"\0" + self.data

    def file(self):
        text = self.text()
        pad = bytes(-(96 + len(text)) % 64)
        lengths = struct.pack("<QQ", 96 + len(text) + len(pad) + len(self.data), len(text))
        head = b"axmul-nn" + struct.pack("<II", 1, self.quantized) + lengths + bytes(64)
        return bytes((self.quantized,)) + head + text + pad + self.data


def float_model(**top):
    m = Model(0, (2, 3, 3), **top)
    m.add("conv", "c", [0], (2, 2, 2), window=(2, 2, 1, 1, 0, 0, 0, 0), groups=2,
          weight=m.pack("f", *range(8)), bias=m.pack("f", 0.5, -0.5))
    m.add("batch_norm", "b", [1], (2, 2, 2), epsilon=0.001, gamma=m.pack("f", 1, 1), beta=m.pack("f", 0, 0),
          mean=m.pack("f", 1, 2), variance=m.pack("f", 1, 3))
    m.add("relu", "r", [2], (2, 2, 2))
    m.add("relu6", "r6", [2], (2, 2, 2))
    m.add("add", "a", [3, 4], (2, 2, 2))
    m.add("concat", "j", [5, 2, 2], (6, 2, 2))
    m.add("max_pool", "m", [6], (6, 2, 2), window=(2, 2, 1, 1, 1, 0, 0, 1))
    m.add("avg_pool", "v", [7], (6, 1, 1), window=(2, 2, 2, 2, 0, 0, 0, 0))
    m.add("dropout", "d", [8], (6, 1, 1), rate=0.25)
    m.add("flatten", "f", [9], (6, 1, 1))
    m.add("global_avg_pool", "g", [10], (6, 1, 1))
    m.add("dense", "e", [11], (2, 1, 1), weight=m.pack("f", *range(12)))
    m.add("softmax", "s", [12], (2, 1, 1))
    return m


def quantized_model(scheme):
    ace, zero = scheme == "ace", 7 if scheme == "affine" else 0
    m = Model(1, (1, 2, 3), scheme=scheme, weight_bits=8, per_channel=True, provenance={"seed": 1})
    m.nodes[0]["zero"] = zero

    def weights(n, k):
        t = {"weight": m.tensor(bytes(range(1, n * k + 1))), "weight_zero": m.pack("i", *([zero] * n)),
             "bias": m.pack("i", *([0 if ace else 9] * n)), "weight_scale": m.pack("f", *([0.25] * n))}
        return {**t, "bias_float": m.pack("f", *([1.5] * n))} if ace else {**t, **scaled(n)}

    def scaled(n, multiplier=1 << 30, shift=33):
        if ace:
            return {}
        return {"multiplier": m.pack("i", *([multiplier] * n)), "shift": m.pack("i", *([shift] * n))}

    m.add("conv", "c", [0], (2, 2, 3), window=(1, 2, 1, 1, 0, 1, 0, 0), zero=zero, relu=ace,
          **weights(2, 2))
    norm = {"weight_scale": m.pack("f", 1, -1), "bias_float": m.pack("f", 0, 1)} if ace else \
        {"add64": m.pack("q", 1 << 30, -5), **scaled(2, -(1 << 30), 30)}
    m.add("batch_norm", "b", [1], (2, 2, 3), zero=zero, **norm)
    m.add("relu", "r", [2], (2, 2, 3), zero=zero, lo=zero)
    m.add("add", "a", [2, 3], (2, 2, 3), zero=zero, **scaled(2, 3, 2))
    m.add("concat", "j", [4, 3], (4, 2, 3), zero=zero, **scaled(2, 3, 2))
    m.add("max_pool", "m", [5], (4, 1, 3), window=(2, 1, 1, 1, 0, 0, 0, 0), zero=zero)
    m.add("avg_pool", "v", [6], (4, 1, 2), window=(1, 2, 1, 1, 0, 0, 0, 0), zero=zero, **scaled(2))
    m.add("global_avg_pool", "g", [7], (4, 1, 1), zero=zero, **scaled(1))
    m.add("flatten", "f", [8], (4, 1, 1), zero=zero)
    m.add("dense", "e", [9], (2, 1, 1), zero=zero, logits=True, lo=-2**31, hi=2**31 - 1, **weights(2, 4))
    return m


EXTRA = {"extra": [{"name": "momentum", "data": [0, 8]}], "provenance": {"options": [1, {"lr": 0.001}], "by": "t"}}
MODELS = {
    "float": float_model().composed(),
    "float_file": float_model().file(),
    "float_extra": float_model(**EXTRA).composed(),
    **{scheme: quantized_model(scheme).composed() for scheme in ("symmetric", "affine", "ace")},
    "affine_file": quantized_model("affine").file(),
    "nothing": b"\2{}",
    "deep": b"\2" + b"[" * 40,
    "newer": float_model().file().replace(b"axmul-nn\1", b"axmul-nn\2"),
}

# --- liberties ---

UNITS = '''time_unit : "1ns"; voltage_unit : "1V"; capacitive_load_unit(1, pf);
leakage_power_unit : "1nW"; nom_voltage : 1.8;
'''
TEMPLATES = '''lu_table_template(d) { variable_1 : input_net_transition;
  variable_2 : total_output_net_capacitance;
  index_1("0.1, 0.4"); index_2("0.01, 0.02, 0.08"); }
lu_table_template(r) { variable_1 : total_output_net_capacitance; variable_2 : input_transition_time;
  index_1("0.01, 0.02"); index_2("0.1, 0.4, 0.8"); }
power_lut_template(e) { variable_1 : input_transition_time; index_1("0.1, 0.4"); }
'''


def pin(name, function="", inside=""):
    what = 'output; function : "%s"' % function if function else "input; capacitance : 0.005"
    return "pin(%s) { direction : %s; %s }\n" % (name, what, inside)


def cell(name, inputs, outputs, inside=""):
    """outputs: pin name to function, or to function and what else the pin has."""
    pins = [pin(i) for i in inputs]
    pins += [pin(o, *((f,) if isinstance(f, str) else f)) for o, f in outputs.items()]
    return "cell(%s) { area : %d; %s\n%s}\n" % (name, 10 * len(pins), inside, "".join(pins))


def liberty(*cells, head=UNITS):
    return ("library(t) {\n%s%s}\n" % (head, "".join(cells))).encode()


def timing(related, sense, table):
    names = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
    tables = " ".join("%s(%s) { values(%s); }" % ((n,) + table) for n in names)
    return 'timing() { related_pin : "%s"; timing_sense : %s_unate; %s }\n' % (related, sense, tables)


WIDE = ("d", '"1, 2, 3", "2, 3, 5"')
TURNED = ("r", '"1, 2, 3", "2, 3, 5"')
SCALAR = ("scalar", '"0.25"')
POWER = '''internal_power() { related_pin : "A"; when : "!B"; rise_power(e) { values("0.1, 0.2"); }
  fall_power(e) { index_1("0.2, 0.3"); values("0.1, -0.2"); } }
internal_power() { power(scalar) { values("1"); } }'''
ADDERS = (cell("HA", "AB", {"S": "A^B", "C": "A B"}),
          cell("FA", "ABC", {"S": "A^B^C", "Y": "(A*B) + C*(A|B)"}))
LIBERTIES = {
    "inverter": liberty(cell("INV", "A", {"Y": "!A"})),
    "adders": liberty(*ADDERS),
    "timing": liberty(TEMPLATES, cell("INV", "A", {"Y": ("A'", timing("A", "negative", WIDE))})),
    "turned": liberty(TEMPLATES, cell("BUF", "A", {"Y": ("A", timing("A", "positive", TURNED))})),
    "scalar": liberty(cell("XOR", "AB", {"Y": ("A ^ B", timing("B", "non", SCALAR))})),
    "power": liberty(TEMPLATES, cell("NAND", "AB", {"Y": ("!(A & B)", POWER)}, "cell_leakage_power : 0.5;\n"
                     'leakage_power() { when : "A !B"; value : 2; }')),
    "units": liberty(cell("T", "", {"Y": "1"}), head='time_unit : "10ps"; voltage_unit : "100mV";'
                     'capacitive_load_unit(2.5, ff); leakage_power_unit : "1uW"; nom_voltage : 12e-1;'
                     "default_cell_leakage_power : 3;"),
    "others": liberty(cell("DFF", "DC", {"Q": "IQ"}, 'ff(IQ, IQN) { next_state : "D"; clocked_on : "C"; }'),
                      cell("TRI", "AE", {"Y": ("A", 'three_state : "!E";')}),
                      cell("WIDE", "ABCDEFG", {"Y": "A"}), cell("OFF", "A", {"Y": "A"}, "dont_use : true;")),
    "comments": b"/* one */ // two\n" + liberty("\\\n;;/* three\n */", cell("SIX", "ABCDEF", {
        "Y": "((A+B)*(C|D))' ^ E F + 0"})),
    "no_units": liberty(cell("INV", "A", {"Y": "!A"}), head=""),
    "unknown_template": liberty(cell("INV", "A", {"Y": ("!A", timing("A", "negative", WIDE))})),
    "deep": b"library(t) {" + b"a() {" * 40,
    "truncated": liberty(*ADDERS)[:-30],
    "huge": liberty(cell("INV", "A", {"Y": "!A"}), head=UNITS.replace("(1, pf)", "(1e308, pf)")),
}


# --- idx: a 16-bit length of the images' bytes, these, then those of the labels -------------


def idx(*dims, data=None, magic=None):
    body = bytes(i % 10 for i in range(math.prod(dims))) if data is None else data
    return struct.pack(">%dI" % (1 + len(dims)), 0x800 + len(dims) if magic is None else magic, *dims) + body


def gz(raw):
    return gzip.compress(raw, mtime=0)


def pair(images, labels):
    return struct.pack("<H", len(images)) + images + labels


IDX = {
    "plain": pair(idx(3, 2, 4), idx(3)),
    "gzip": pair(gz(idx(3, 2, 4)), gz(idx(3))),
    "one": pair(idx(1, 1, 1), gz(idx(1))),
    "counts_differ": pair(idx(3, 2, 2), idx(2)),
    "label_too_large": pair(idx(2, 1, 1), idx(2, data=b"\x09\x0a")),
    "huge": pair(idx(0xffffffff, 0xffff, 0xffff, data=b""), idx(0xffffffff, data=b"")),
    "float": pair(idx(1, 1, 1, magic=0xd03), idx(1)),
    "gzip_cut": pair(gz(idx(3, 2, 4))[:-5], idx(3)),
    "gzip_and_more": pair(gz(idx(3, 2, 4)) + b"x", idx(3)),
    "none": pair(idx(0, 2, 2), idx(0)),
}


def write(fuzzer, name, data):
    folder = os.path.join(ROOT, fuzzer)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


for spec in SPECS:
    write("fuzz_spec", spec.replace(":", "_"), spec.encode())
for name, (options, data) in NPY.items():
    write("fuzz_npy", name, bytes((options,)) + data)
for name, (options, element, a, b, data) in RAW.items():
    write("fuzz_lut_raw", name, bytes((options, element, a, b)) + data)
for name, data in MODELS.items():
    write("fuzz_model", name, data)
for name, data in LIBERTIES.items():
    write("fuzz_liberty", name, data)
for name, data in IDX.items():
    write("fuzz_idx", name, data)
