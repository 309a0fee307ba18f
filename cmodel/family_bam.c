/* bam: the matrix without its low rows and columns (Mahdiani et al. 2010). */
#include "cmodel/operand.h"

enum { BAM_H, BAM_V };

uint64_t bam_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    uint64_t kept = ~axm_mask(s->p[BAM_V]);
    uint64_t sum = matrix_constant(s) & kept;
    for (int i = s->p[BAM_H]; i < s->width_b; i++)
        sum += matrix_row(s, a, b, i) << i & kept;
    return sum & axm_mask(axm_spec_product_width(s));
}
