/* mitchell: product by adding logarithms (Mitchell 1962), with the fractions
 * truncated (Kim et al. 2019). */
#include "cmodel/operand.h"

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
