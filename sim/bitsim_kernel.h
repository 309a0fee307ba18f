/* What bitsim.c asks of an instruction set.  bitsim_kernel.inc is compiled once
 * per set, by bitsim_portable.c, bitsim_avx2.c and bitsim_avx512.c. */
#ifndef AXM_SIM_BITSIM_KERNEL_H
#define AXM_SIM_BITSIM_KERNEL_H

#include "sim/bitsim.h"

enum bitsim_op_kind {
    OP_NOT, OP_COPY, OP_AND, OP_OR, OP_XOR, OP_NAND, OP_NOR, OP_XNOR, OP_MUX,
    OP_HA, OP_FA, OP_XOR3, OP_MAJ, OP_END,
};

/* Slots hold BITSIM_WORDS words each. */
struct bitsim_op {
    uint16_t kind, a, b, c, out, carry;
};

struct bitsim_kernel {
    const char *name;
    /* Performs ops up to OP_END on slot[][BITSIM_WORDS], 64-byte aligned. */
    void (*run)(const struct bitsim_op *op, uint64_t *slot);
    void (*planes)(const uint64_t *value, int bits, uint64_t *plane);
    /* difference[w] |= x[w] ^ y[w] */
    void (*differ)(const uint64_t *x, const uint64_t *y, uint64_t *difference);
};

extern const struct bitsim_kernel bitsim_portable, bitsim_avx2, bitsim_avx512;

#endif
