#!/usr/bin/env python3
"""Writes the seed corpora of the fuzzers, tests/fuzz_corpus/fuzz_*/.

The formats of the inputs are those of fuzz/property.h.  Standard library only;
the files are the same on every run.
"""
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
