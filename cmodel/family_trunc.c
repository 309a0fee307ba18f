/* trunc: operands without their low bits, or the matrix without its low columns. */
#include "cmodel/operand.h"
#include "cmodel/vector.h"

enum { TRUNC_L, TRUNC_M, TRUNC_C, TRUNC_COMPENSATION };
enum { FORM_OPERANDS, FORM_COLUMNS };
enum { NONE, CONST, VAR };

/* Expected value of the bits in columns below c, for uniform operands, rounded
 * to a multiple of 2^c: a partial product is 1 in a quarter of the cases, an
 * inverted one in three (Schulte and Swartzlander 1993). */
static uint64_t expected_loss(const struct axm_spec *s, int c)
{
    uint64_t below = axm_mask(c);
    unsigned __int128 quarters = (unsigned __int128)4 * (matrix_constant(s) & below);
    for (int i = 0; i < s->width_b; i++) {
        uint64_t row = axm_mask(s->width_a) << i & below, inverted = matrix_inverted(s, i) << i & below;
        quarters += (unsigned __int128)row + (unsigned __int128)2 * inverted;
    }
    return (uint64_t)((quarters + ((unsigned __int128)2 << c)) >> (c + 2) << c);
}

uint64_t trunc_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    if (s->form == FORM_OPERANDS)
        return product_exact(s, a & ~axm_mask(s->p[TRUNC_L]), b & ~axm_mask(s->p[TRUNC_M]));

    int c = s->p[TRUNC_C];
    uint64_t kept = ~axm_mask(c), highest_dropped = UINT64_C(1) << (c - 1);
    uint64_t sum = matrix_constant(s) & kept, column = matrix_constant(s) & highest_dropped;
    for (int i = 0; i < s->width_b; i++) {
        uint64_t row = matrix_row(s, a, b, i) << i;
        sum += row & kept;
        column += row & highest_dropped;
    }
    switch (s->p[TRUNC_COMPENSATION]) {
    case CONST:
        sum += expected_loss(s, c);
        break;
    case VAR:   /* King and Swartzlander 1997 */
        sum += column << 1;
        break;
    }
    return sum & axm_mask(axm_spec_product_width(s));
}

void trunc_many(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product, size_t n)
{
    if (s->form == FORM_OPERANDS) {
        product_many(s, ~axm_mask(s->p[TRUNC_L]), ~axm_mask(s->p[TRUNC_M]), a, b, product, n);
        return;
    }
    int c = s->p[TRUNC_C], compensation = s->p[TRUNC_COMPENSATION];
    uint64_t below = axm_mask(c), highest_dropped = UINT64_C(1) << (c - 1);
    struct matrix_cut cut = {
        .constant = -(matrix_constant(s) & below),
        .keep_b = UINT32_MAX,
        .last = c < s->width_b ? c : s->width_b,
        .cut = below,
    };
    if (compensation == CONST)
        cut.constant += expected_loss(s, c);
    if (compensation == VAR) {   /* a bit taken away once and added twice */
        cut.constant += (matrix_constant(s) & highest_dropped) << 1;
        cut.sign = highest_dropped;
    }
    matrix_cut_many(s, &cut, a, b, product, n);
}
