/* What the files of the matrix product share.  Internal. */
#ifndef AXM_DNN_GEMM_IMPL_H
#define AXM_DNN_GEMM_IMPL_H

#include "dnn/gemm.h"

/* f over all legal patterns: value[w << 8 | x], x < x_count (what lies beyond repeats legal entries). */
struct gemm_table {
    int x_bits, w_bits;          /* patterns: at most 8 */
    bool is_signed;
    int x_count, w_count;
    int32_t *value;              /* [w_count][256] */
    int32_t least[256], most[256];   /* by w, over x */
};

struct gemm {
    enum gemm_level level;
    enum gemm_plan_kind kind;
    struct gemm_table t;
    char text[96];
};

struct gemm_weights {
    const struct gemm *g;        /* borrowed */
    size_t n, k;
    uint8_t *w;                  /* [n][k] */
};

enum { GEMM_ALIGN = 64 };
void *gemm_alloc(size_t bytes);  /* aligned to GEMM_ALIGN, zero; freed by free() */

static inline size_t gemm_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* gemm_portable.c */
void gemm_run_tiled(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
                    size_t acc_stride);

#endif
