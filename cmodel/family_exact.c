/* exact and its architectures: the product. */
#include "cmodel/operand.h"

uint64_t exact_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return product_exact(s, a, b);
}
