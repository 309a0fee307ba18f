/* drum: k bits of each operand from its leading one (Hashemi et al. 2015). */
#include "cmodel/operand.h"
#include "cmodel/vector.h"

enum { DRUM_K, DRUM_OC };

/* The operand with all but its k leading bits cleared, the lowest of them set
 * to 1: the mean of what is cut. */
static uint64_t leading_bits(uint64_t x, int k)
{
    int t = x ? leading_one(x) : 0;
    if (t < k)
        return x;
    int dropped = t - k + 1;
    return (x >> dropped | 1) << dropped;
}

static uint64_t unsigned_core(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return leading_bits(a, s->p[DRUM_K]) * leading_bits(b, s->p[DRUM_K]);
}

uint64_t drum_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    if (!s->p[DRUM_OC])
        return product_sign_magnitude(s, a, b, unsigned_core);

    /* As published in Verilog: ~x for both negations, so that 0 x -5 = ~0 = -1. */
    bool a_negative = operand_negative(s, a, s->width_a), b_negative = operand_negative(s, b, s->width_b);
    uint64_t p = unsigned_core(s, (a_negative ? ~a : a) & axm_mask(s->width_a),
                               (b_negative ? ~b : b) & axm_mask(s->width_b));
    return (a_negative != b_negative ? ~p : p) & axm_mask(axm_spec_product_width(s));
}

ALWAYS_INLINE uint32_t lane_leading_bits(uint32_t x, int k)
{
    int dropped = 32 - __builtin_clz(x | 1) - k;
    dropped = dropped > 0 ? dropped : 0;
    return (x >> dropped | (dropped > 0)) << dropped;
}

ALWAYS_INLINE void drum_loop(const struct axm_spec *s, bool is_signed, const uint32_t *restrict a,
                             const uint32_t *restrict b, uint64_t *restrict product, size_t n)
{
    const int unused_a = 32 - s->width_a, unused_b = 32 - s->width_b, k = s->p[DRUM_K];
    const uint32_t plus_one = !s->p[DRUM_OC];
    const uint64_t mask = axm_mask(axm_spec_product_width(s));
    for (size_t i = 0; i < n; i++) {
        uint32_t sign_a, sign_b;
        uint32_t x = lane_leading_bits(lane_magnitude(a[i], unused_a, is_signed, plus_one, &sign_a), k);
        uint32_t y = lane_leading_bits(lane_magnitude(b[i], unused_b, is_signed, plus_one, &sign_b), k);
        product[i] = lane_signed((uint64_t)x * y, sign_a, sign_b, plus_one) & mask;
    }
}

VECTOR_CLONES
void drum_many(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product, size_t n)
{
    if (s->is_signed)
        drum_loop(s, true, a, b, product, n);
    else
        drum_loop(s, false, a, b, product, n);
}
