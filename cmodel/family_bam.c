/* bam: the matrix without its low rows and columns (Mahdiani et al. 2010). */
#include "cmodel/operand.h"
#include "cmodel/vector.h"

enum { BAM_H, BAM_V };

uint64_t bam_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    uint64_t kept = ~axm_mask(s->p[BAM_V]);
    uint64_t sum = matrix_constant(s) & kept;
    for (int i = s->p[BAM_H]; i < s->width_b; i++)
        sum += matrix_row(s, a, b, i) << i & kept;
    return sum & axm_mask(axm_spec_product_width(s));
}

void bam_many(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product, size_t n)
{
    int h = s->p[BAM_H], v = s->p[BAM_V];
    struct matrix_cut cut = {
        .constant = -(matrix_constant(s) & axm_mask(v)),
        .keep_b = ~axm_mask(h),
        .first = h,
        .last = v < s->width_b ? v : s->width_b,
        .cut = axm_mask(v),
    };
    /* A row of which b has no bit still holds its inverted bits; the rows below h do not. */
    for (int i = 0; i < h; i++)
        cut.constant -= matrix_inverted(s, i) << i;
    matrix_cut_many(s, &cut, a, b, product, n);
}
