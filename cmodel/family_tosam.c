/* tosam: (1 + y1)(1 + y2) with the y truncated to t bits in the sum and rounded
 * to h+1 bits in the product (Vahdat et al. 2019). */
#include "cmodel/operand.h"

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
