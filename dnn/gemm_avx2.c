/* AVX2: for 16 k and 32 columns at a time, the products of each x with the 16 x 32 weights stand in rows,
 * and a sum over k is one of contiguous rows.
 *
 * A product p of 16 bits is kept as it is and as q = p / 4096: with S = sum of p, Q = sum of q, the rest
 * S - 4096 Q is below 16 * 4096, so 16-bit sums determine it. */
#ifdef __x86_64__
#pragma GCC target("avx2")
#include <stdlib.h>
#include <string.h>

#include "dnn/gemm_impl.h"

enum { COLUMNS = 32, DEPTH = 16, WORTH = 64 /* rows that pay for the table */ };

struct rows {
    uint16_t product[DEPTH][256][COLUMNS];
    uint8_t high[DEPTH][256][COLUMNS];
};

static enum axm_status pack(struct gemm_weights *w)
{
    (void)w;
    return AXM_OK;
}

static size_t scratch(const struct gemm_weights *w, size_t m)
{
    (void)w;
    return sizeof(struct rows) + gemm_round_up(m, 16) * COLUMNS * sizeof(uint32_t);
}

static void fill(const struct gemm_weights *w, size_t n0, size_t columns, size_t k0, size_t depth,
                 struct rows *rows)
{
    const struct gemm_table *t = &w->g->t;
    for (size_t k = 0; k < depth; k++)
        for (size_t j = 0; j < columns; j++) {
            size_t v = w->w[(n0 + j) * w->k + k0 + k];
            for (size_t x = 0; x < (size_t)t->x_count; x++) {
                uint16_t p = (uint16_t)(t->value[v << 8 | x] - t->least[v]);
                rows->product[k][x][j] = p;
                rows->high[k][x][j] = (uint8_t)(p >> 12);
            }
        }
}

static void add(const struct rows *rows, size_t depth, const uint8_t *x, size_t x_stride, uint32_t *sum)
{
    uint16_t s[COLUMNS] = { 0 };
    uint8_t q[COLUMNS] = { 0 };
    for (size_t k = 0; k < depth; k++) {
        const uint16_t *p = rows->product[k][x[k * x_stride]];
        const uint8_t *h = rows->high[k][x[k * x_stride]];
        for (int j = 0; j < COLUMNS; j++)
            s[j] = (uint16_t)(s[j] + p[j]);
        for (int j = 0; j < COLUMNS; j++)
            q[j] = (uint8_t)(q[j] + h[j]);
    }
    for (int j = 0; j < COLUMNS; j++)
        sum[j] += 4096u * q[j] + (uint16_t)(s[j] - 4096u * q[j]);
}

static void run(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
                size_t acc_stride, uint8_t *scratch)
{
    struct rows *rows = (struct rows *)(void *)scratch;
    uint32_t *sum = (uint32_t *)(void *)(scratch + sizeof *rows);
    if (m < WORTH) {
        gemm_run_tiled(w, x, x_stride, m, acc, acc_stride);
        return;
    }
    for (size_t n0 = 0; n0 < w->n; n0 += COLUMNS) {
        size_t columns = w->n - n0 < COLUMNS ? w->n - n0 : COLUMNS;
        memset(rows, 0, sizeof *rows);
        memset(sum, 0, m * COLUMNS * sizeof *sum);
        for (size_t k0 = 0; k0 < w->k; k0 += DEPTH) {
            size_t depth = w->k - k0 < DEPTH ? w->k - k0 : DEPTH;
            fill(w, n0, columns, k0, depth, rows);
            for (size_t i = 0; i < m; i++)
                add(rows, depth, x + k0 * x_stride + i, x_stride, sum + i * COLUMNS);
        }
        for (size_t j = 0; j < columns; j++)
            for (size_t i = 0; i < m; i++)
                acc[(n0 + j) * acc_stride + i] = (int32_t)(sum[i * COLUMNS + j] + (uint32_t)w->base[n0 + j]);
    }
}

const struct gemm_kernel gemm_kernel_rows = { pack, scratch, run };
#endif
