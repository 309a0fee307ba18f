/* cdm, scdm, cdmr, scdmr: carry disregard (Shakibhamedan et al. 2024). */
#include "cmodel/operand.h"

uint64_t cdm_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    uint64_t product = matrix_constant(s);
    for (int r = 0; r < s->width_b / 4; r++) {
        uint64_t carryless = axm_mask(s->p[r]), parity = 0, sum = 0;
        for (int i = 0; i < 4; i++) {
            uint64_t row = matrix_row(s, a, b, 4 * r + i) << i;
            parity ^= row & carryless;
            sum += row & ~carryless;
        }
        product += (sum + parity) << 4 * r;
    }
    return product & axm_mask(axm_spec_product_width(s));
}
