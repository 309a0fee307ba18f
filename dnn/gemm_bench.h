/* How fast the matrix products are, beside the usual way and an exact int8 library. */
#ifndef AXM_DNN_GEMM_BENCH_H
#define AXM_DNN_GEMM_BENCH_H

#include "dnn/gemm.h"

struct gemm_shape {
    size_t m, k, n;
};

/* A contender: gemm_run() with this multiplier. */
struct gemm_bench_case {
    const struct axm_mul *mul;      /* 8 x 8 bits */
    struct gemm_opts opts;
};

struct gemm_bench_result {
    char plan[96];
    double gmacs;                   /* 10^9 products per second on one core: median of the runs */
    double per_gather, per_onednn;  /* the same over the baselines', medians of the same run */
    double two_cores;               /* products a second on two over the mean of either; NaN: not measured */
};

struct gemm_bench_opts {
    double seconds;                 /* about */
    uint64_t seed;
    bool two_cores;
    bool warm;                      /* an untimed run before each turn; else caches are as others left them */
};

/* All contenders and both baselines take turns, on weights N(0, 28) and activations N(0, 40), those with
 * x_below_128 behind a ReLU.
 *
 * gather   products from an int32 table by AVX2 gathers, eight along k (scalar without AVX2): the way of
 *          Danopoulos et al. 2022 (AdaPT)
 * onednn   the exact product in int8, weights packed in advance
 *
 * out: [n]; gather, onednn: GMAC/s.  AXM_MISMATCH if a contender's sums are not those of the gathers. */
enum axm_status gemm_bench(struct gemm_shape s, const struct gemm_bench_case *c, size_t n,
                           const struct gemm_bench_opts *o, double *gather, double *onednn,
                           struct gemm_bench_result *out) AXM_MUST_CHECK;

#endif
