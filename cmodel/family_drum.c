/* drum: k bits of each operand from its leading one (Hashemi et al. 2015). */
#include "cmodel/operand.h"

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
