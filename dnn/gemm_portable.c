#include "dnn/gemm_impl.h"

enum { TILE_M = 4, TILE_N = 2 };

/* 4 x 2 sums in registers: each table row and each index is used more than once. */
static void tile(const struct gemm_weights *w, size_t n, const uint8_t *x, size_t x_stride, int32_t *acc,
                 size_t acc_stride)
{
    const uint8_t *w0 = w->w + n * w->k, *w1 = w0 + w->k;
    const int32_t *value = w->g->t.value;
    uint32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    for (size_t k = 0; k < w->k; k++, x += x_stride) {
        const int32_t *t0 = value + ((size_t)w0[k] << 8), *t1 = value + ((size_t)w1[k] << 8);
        s00 += (uint32_t)t0[x[0]];
        s01 += (uint32_t)t0[x[1]];
        s02 += (uint32_t)t0[x[2]];
        s03 += (uint32_t)t0[x[3]];
        s10 += (uint32_t)t1[x[0]];
        s11 += (uint32_t)t1[x[1]];
        s12 += (uint32_t)t1[x[2]];
        s13 += (uint32_t)t1[x[3]];
    }
    const uint32_t s[TILE_N][TILE_M] = { { s00, s01, s02, s03 }, { s10, s11, s12, s13 } };
    for (int i = 0; i < TILE_N; i++)
        for (int j = 0; j < TILE_M; j++)
            acc[(size_t)i * acc_stride + (size_t)j] = (int32_t)s[i][j];
}

static int32_t single(const struct gemm_weights *w, size_t n, const uint8_t *x, size_t x_stride)
{
    const uint8_t *wn = w->w + n * w->k;
    uint32_t sum = 0;
    for (size_t k = 0; k < w->k; k++)
        sum += (uint32_t)w->g->t.value[(size_t)wn[k] << 8 | x[k * x_stride]];
    return (int32_t)sum;
}

void gemm_run_tiled(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
                    size_t acc_stride)
{
    size_t whole_n = w->n / TILE_N * TILE_N, whole_m = m / TILE_M * TILE_M;
    for (size_t n = 0; n < whole_n; n += TILE_N)
        for (size_t i = 0; i < whole_m; i += TILE_M)
            tile(w, n, x + i, x_stride, acc + n * acc_stride + i, acc_stride);
    for (size_t n = 0; n < w->n; n++)
        for (size_t i = n < whole_n ? whole_m : 0; i < m; i++)
            acc[n * acc_stride + i] = single(w, n, x + i, x_stride);
}
