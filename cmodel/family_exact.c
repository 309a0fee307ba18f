/* exact and its architectures: the product. */
#include "cmodel/operand.h"
#include "cmodel/vector.h"

uint64_t exact_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return product_exact(s, a, b);
}

void exact_many(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product, size_t n)
{
    product_many(s, UINT32_MAX, UINT32_MAX, a, b, product, n);
}
