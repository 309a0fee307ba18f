/* mitchell: product by adding logarithms (Mitchell 1962), with the fractions
 * truncated (Kim et al. 2019). */
#include "cmodel/operand.h"
#include "cmodel/vector.h"

enum { MITCHELL_T };
enum { POINT = 31 };   /* fractions in units of 2^-31: no operand has a longer one */

/* x = 2^k (1 + fraction), the fraction truncated to t bits; x > 0. */
static uint64_t fraction(uint64_t x, int k, int t)
{
    uint64_t f = (x << (POINT - k)) - (UINT64_C(1) << POINT);
    return f & ~axm_mask(POINT - t);
}

static uint64_t unsigned_core(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    if (!a || !b)
        return 0;
    int k1 = leading_one(a), k2 = leading_one(b);
    uint64_t x = fraction(a, k1, s->p[MITCHELL_T]) + fraction(b, k2, s->p[MITCHELL_T]);
    uint64_t one = UINT64_C(1) << POINT;
    /* Below 1 the sum is the fraction of the product, above it lies in the next octave. */
    unsigned __int128 p = x < one ? (unsigned __int128)(one + x) << (k1 + k2)
                                  : (unsigned __int128)x << (k1 + k2 + 1);
    return (uint64_t)(p >> POINT);
}

uint64_t mitchell_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return product_sign_magnitude(s, a, b, unsigned_core);
}

/* Normalised operands: with the leading one moved to bit 31 the sum of the
 * fractions s carries into it exactly if the product lies in the next octave,
 * so the mantissa is s with that bit set either way.  LANE holds the product. */
#define MITCHELL_LOOP(NAME, LANE) \
    ALWAYS_INLINE void NAME(const struct axm_spec *s, bool is_signed, const uint32_t *restrict a, \
                            const uint32_t *restrict b, uint64_t *restrict product, size_t n) \
    { \
        enum { LANE_BITS = 8 * sizeof(LANE) }; \
        const int unused_a = 32 - s->width_a, unused_b = 32 - s->width_b; \
        const uint32_t top = UINT32_C(1) << 31, kept = ~axm_mask(31 - s->p[MITCHELL_T]) & ~top; \
        const uint64_t mask = axm_mask(axm_spec_product_width(s)); \
        for (size_t i = 0; i < n; i++) { \
            uint32_t sign_a, sign_b; \
            uint32_t x = lane_magnitude(a[i], unused_a, is_signed, 1, &sign_a); \
            uint32_t y = lane_magnitude(b[i], unused_b, is_signed, 1, &sign_b); \
            int zeros_x = __builtin_clz(x | 1), zeros_y = __builtin_clz(y | 1); \
            uint32_t sum = (x << zeros_x & kept) + (y << zeros_y & kept); \
            int log2 = 62 - zeros_x - zeros_y + (int)(sum >> 31); \
            LANE p = (LANE)(sum | top) << (LANE_BITS - 32) >> (LANE_BITS - 1 - log2); \
            product[i] = lane_signed(x && y ? p : 0, sign_a, sign_b, 1) & mask; \
        } \
    }
MITCHELL_LOOP(mitchell_loop_32, uint32_t)
MITCHELL_LOOP(mitchell_loop_64, uint64_t)

VECTOR_CLONES
void mitchell_many(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product,
                   size_t n)
{
    bool narrow = axm_spec_product_width(s) <= 32;
    if (narrow && s->is_signed)
        mitchell_loop_32(s, true, a, b, product, n);
    else if (narrow)
        mitchell_loop_32(s, false, a, b, product, n);
    else if (s->is_signed)
        mitchell_loop_64(s, true, a, b, product, n);
    else
        mitchell_loop_64(s, false, a, b, product, n);
}
