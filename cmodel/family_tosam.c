/* tosam: (1 + y1)(1 + y2) with the y truncated to t bits in the sum and rounded
 * to h+1 bits in the product (Vahdat et al. 2019). */
#include "cmodel/operand.h"
#include "cmodel/vector.h"

enum { TOSAM_H, TOSAM_T };
enum { POINT = 32 };   /* fractions in units of 2^-32: at most h+1 = 32 bits */

/* x = 2^k (1 + y); y; x > 0. */
static uint64_t fraction(uint64_t x, int k)
{
    return (x << (POINT - k)) - (UINT64_C(1) << POINT);
}

static uint64_t truncated(uint64_t y, int bits)
{
    return y & ~axm_mask(POINT - bits);
}

/* Truncated to h bits and a 1 appended: the middle of what is cut. */
static uint64_t rounded(uint64_t y, int h)
{
    return truncated(y, h) | UINT64_C(1) << (POINT - h - 1);
}

static uint64_t unsigned_core(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    if (!a || !b)
        return 0;
    int k1 = leading_one(a), k2 = leading_one(b), h = s->p[TOSAM_H], t = s->p[TOSAM_T];
    uint64_t y1 = fraction(a, k1), y2 = fraction(b, k2);
    unsigned __int128 sum = (unsigned __int128)1 << POINT;
    sum += truncated(y1, t) + truncated(y2, t);
    sum = (sum << POINT) + (unsigned __int128)rounded(y1, h) * rounded(y2, h);
    /* sum < 4 in units of 2^-64: at most 66 bits, so shift whichever way k1 + k2 asks. */
    return (uint64_t)(sum >> (2 * POINT - k1 - k2));
}

uint64_t tosam_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return product_sign_magnitude(s, a, b, unsigned_core);
}

/* Sums in units of 2^-(LANE_BITS-2), as they are below 4: exact while the
 * product of the rounded fractions, 2(h+1) bits, fits, and the product too. */
#define TOSAM_LOOP(NAME, LANE) \
    ALWAYS_INLINE void NAME(const struct axm_spec *s, bool is_signed, const uint32_t *restrict a, \
                            const uint32_t *restrict b, uint64_t *restrict product, size_t n) \
    { \
        enum { UNIT = 8 * sizeof(LANE) - 2 }; \
        const int unused_a = 32 - s->width_a, unused_b = 32 - s->width_b; \
        const int h = s->p[TOSAM_H], t = s->p[TOSAM_T]; \
        const LANE one = (LANE)1 << UNIT, kept = ~axm_mask(UNIT - t) & (one - 1); \
        const uint64_t mask = axm_mask(axm_spec_product_width(s)); \
        for (size_t i = 0; i < n; i++) { \
            uint32_t sign_a, sign_b; \
            uint32_t x = lane_magnitude(a[i], unused_a, is_signed, 1, &sign_a); \
            uint32_t y = lane_magnitude(b[i], unused_b, is_signed, 1, &sign_b); \
            int zeros_x = __builtin_clz(x | 1), zeros_y = __builtin_clz(y | 1); \
            uint32_t rounded_x = (x << zeros_x << 1) >> (31 - h) | 1; \
            uint32_t rounded_y = (y << zeros_y << 1) >> (31 - h) | 1; \
            LANE sum = one + ((LANE)x << (UNIT - 31 + zeros_x) & kept) + \
                       ((LANE)y << (UNIT - 31 + zeros_y) & kept) + \
                       ((LANE)rounded_x * rounded_y << (UNIT - 2 - 2 * h)); \
            LANE p = sum >> (UNIT - 62 + zeros_x + zeros_y); \
            product[i] = lane_signed(x && y ? p : 0, sign_a, sign_b, 1) & mask; \
        } \
    }
TOSAM_LOOP(tosam_loop_32, uint32_t)
TOSAM_LOOP(tosam_loop_64, uint64_t)

VECTOR_CLONES
void tosam_many(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product, size_t n)
{
    bool narrow = axm_spec_product_width(s) <= 32 && s->p[TOSAM_H] <= 14;
    if (narrow && s->is_signed)
        tosam_loop_32(s, true, a, b, product, n);
    else if (narrow)
        tosam_loop_32(s, false, a, b, product, n);
    else if (s->p[TOSAM_H] <= 30 && s->is_signed)
        tosam_loop_64(s, true, a, b, product, n);
    else if (s->p[TOSAM_H] <= 30)
        tosam_loop_64(s, false, a, b, product, n);
    else
        for (size_t i = 0; i < n; i++)
            product[i] = tosam_model(s, a[i] & axm_mask(s->width_a), b[i] & axm_mask(s->width_b));
}
