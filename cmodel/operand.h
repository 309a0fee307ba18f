/* What the behavioural models share: operand values, sign-magnitude wrapping
 * and the modified Baugh-Wooley matrix as numbers.  Internal. */
#ifndef AXM_CMODEL_OPERAND_H
#define AXM_CMODEL_OPERAND_H

#include "cmodel/spec.h"

/* Value of a pattern of `bits` bits, modulo 2^64. */
static inline uint64_t operand_value(uint64_t pattern, int bits, bool is_signed)
{
    return is_signed ? (uint64_t)axm_sign_extend(pattern, bits) : pattern & axm_mask(bits);
}

/* The exact product as a pattern of width_a + width_b bits. */
static inline uint64_t product_exact(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return operand_value(a, s->width_a, s->is_signed) * operand_value(b, s->width_b, s->is_signed) &
           axm_mask(axm_spec_product_width(s));
}

static inline bool operand_negative(const struct axm_spec *s, uint64_t x, int bits)
{
    return s->is_signed && (x >> (bits - 1) & 1);
}

/* |x| of a two's complement pattern, in as many bits: |-128| = 128. */
static inline uint64_t operand_magnitude(const struct axm_spec *s, uint64_t x, int bits)
{
    return (operand_negative(s, x, bits) ? -x : x) & axm_mask(bits);
}

/* The product of an unsigned core on the magnitudes, with its sign. */
static inline uint64_t product_sign_magnitude(const struct axm_spec *s, uint64_t a, uint64_t b,
                                              uint64_t (*core)(const struct axm_spec *, uint64_t, uint64_t))
{
    bool negative = operand_negative(s, a, s->width_a) != operand_negative(s, b, s->width_b);
    uint64_t p = core(s, operand_magnitude(s, a, s->width_a), operand_magnitude(s, b, s->width_b));
    return (negative ? -p : p) & axm_mask(axm_spec_product_width(s));
}

/* Position of the leading one; x > 0. */
static inline int leading_one(uint64_t x)
{
    return 63 - __builtin_clzll(x);
}

/* --- the matrix of partial products ------------------------------------------
 * Row i holds the bits a_j b_i, at weight 2^i as a whole; signed, those with
 * exactly one of j = width_a-1, i = width_b-1 are inverted. */

/* The bits of row i that are inverted, as a pattern of width_a bits. */
static inline uint64_t matrix_inverted(const struct axm_spec *s, int i)
{
    if (!s->is_signed)
        return 0;
    uint64_t top = UINT64_C(1) << (s->width_a - 1);
    return i == s->width_b - 1 ? top - 1 : top;
}

/* The partial products of row i as a pattern of width_a bits. */
static inline uint64_t matrix_row(const struct axm_spec *s, uint64_t a, uint64_t b, int i)
{
    uint64_t row = b >> i & 1 ? a & axm_mask(s->width_a) : 0;
    return row ^ matrix_inverted(s, i);
}

/* The constant that makes the sum of the rows the product, modulo 2^(width_a + width_b). */
static inline uint64_t matrix_constant(const struct axm_spec *s)
{
    if (!s->is_signed)
        return 0;
    return (UINT64_C(1) << (s->width_a - 1)) + (UINT64_C(1) << (s->width_b - 1)) +
           (UINT64_C(1) << (axm_spec_product_width(s) - 1));
}

#endif
