#include "dnn/gemm.h"

#include <string.h>

enum { CHUNK = 256 };

/* One weight against a row of activations. */
static void row(const struct axm_mul *m, bool weight_is_a, uint32_t w, const uint16_t *x, size_t n,
                int64_t *acc)
{
    uint32_t a[CHUNK], b[CHUNK];
    uint64_t product[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t len = n - i < CHUNK ? n - i : CHUNK;
        for (size_t j = 0; j < len; j++) {
            a[j] = weight_is_a ? w : x[i + j];
            b[j] = weight_is_a ? x[i + j] : w;
        }
        axm_eval_many(m, a, b, product, len);
        for (size_t j = 0; j < len; j++)
            acc[i + j] += axm_mul_value(m, product[j], axm_mul_width_product(m));
    }
}

enum axm_status gemm_wide(const struct axm_mul *m, const struct gemm_opts *o, const uint16_t *w,
                          const uint16_t *x, size_t x_stride, size_t m_rows, size_t n, size_t k, int64_t *acc,
                          size_t acc_stride)
{
    int widest = axm_mul_width_a(m) > axm_mul_width_b(m) ? axm_mul_width_a(m) : axm_mul_width_b(m);
    if (widest > 16)
        return fail(AXM_USAGE, "%s: operands of at most 16 bits, got %d", axm_mul_name(m), widest);
    for (size_t i = 0; i < n; i++) {
        memset(acc + i * acc_stride, 0, m_rows * sizeof *acc);
        for (size_t l = 0; l < k; l++)
            row(m, o->weight_is_a, w[i * k + l], x + l * x_stride, m_rows, acc + i * acc_stride);
    }
    return AXM_OK;
}
