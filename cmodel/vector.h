/* What the fast versions of the models share.  Internal.
 *
 * They are plain loops over arrays that the compiler vectorises: 32-bit lanes
 * while the product has at most 32 bits, 64-bit lanes above.  Inner loops run
 * over a CHUNK that stays in the first-level cache. */
#ifndef AXM_CMODEL_VECTOR_H
#define AXM_CMODEL_VECTOR_H

#include "cmodel/spec.h"

/* Compiled for AVX-512 (with its leading-zero count), AVX2 and the baseline;
 * the machine picks when the program is loaded.  (clang 14 names the clones so
 * that other objects do not find them; it only builds the fuzzers.) */
#if defined(__x86_64__) && !defined(__clang__)
#define VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR_CLONES
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { CHUNK = 256 };

/* Value of a pattern, modulo 2^32; unused = 32 - its width. */
ALWAYS_INLINE uint32_t lane_value(uint32_t pattern, int unused, bool is_signed)
{
    uint32_t top = pattern << unused;
    return is_signed ? (uint32_t)((int32_t)top >> unused) : top >> unused;
}

/* |x| of a pattern, and its sign as a mask.  plus_one is 1, or 0 for one's
 * complement. */
ALWAYS_INLINE uint32_t lane_magnitude(uint32_t pattern, int unused, bool is_signed, uint32_t plus_one,
                                      uint32_t *sign)
{
    uint32_t x = lane_value(pattern, unused, is_signed);
    *sign = is_signed ? -(x >> 31) : 0;
    return (x ^ *sign) + (*sign & plus_one);
}

/* The product of two magnitudes with the sign of the operands. */
ALWAYS_INLINE uint64_t lane_signed(uint64_t magnitude, uint32_t sign_a, uint32_t sign_b, uint32_t plus_one)
{
    uint64_t sign = (uint64_t)(int64_t)(int32_t)(sign_a ^ sign_b);
    return (magnitude ^ sign) + (sign & plus_one);
}

/* Products of operands of which only the bits in keep_a and keep_b count. */
void product_many(const struct axm_spec *s, uint32_t keep_a, uint32_t keep_b, const uint32_t *a,
                  const uint32_t *b, uint64_t *product, size_t n);

/* A product that leaves out partial products.  With row_i the bits of
 * matrix_row() at their weight, modulo 2^(width_a + width_b):
 *
 *     product = constant + a * (b & keep_b) - sum of (row_i & cut), first <= i < last,
 *
 * where the bit `sign` of a row, unless 0, counts negatively.  Taking away is
 * cheaper than adding up: few rows reach into low columns. */
struct matrix_cut {
    uint64_t constant;
    uint32_t keep_b;
    int first, last;
    uint64_t cut, sign;
};
void matrix_cut_many(const struct axm_spec *s, const struct matrix_cut *c, const uint32_t *a,
                     const uint32_t *b, uint64_t *product, size_t n);

#endif
