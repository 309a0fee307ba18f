/* Products of wide operands: the family's vector code against the models' own loops. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "dnn/gemm.h"

enum { M = 256, N = 32, K = 128, ROUNDS = 20 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(enum axm_status st)
{
    if (st)
        exit(st);
}

int main(void)
{
    static const char *const specs[] = { "exact16s", "trunc16u_l3_m5", "drum16s_k6", "mitchell16u_t15",
                                         "mitchell12s_t5" };
    static uint16_t w[N * K], x[K * M];
    static int64_t acc[N * M];
    static uint32_t a[M], b[M];
    static uint64_t product[M];
    struct rng r;
    rng_init(&r, 1, 0);
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
        struct axm_mul *m;
        double ours = 1e9, models = 1e9;
        check(axm_mul_open(specs[s], &m));
        for (int i = 0; i < N * K; i++)
            w[i] = (uint16_t)(rng_next(&r) & axm_mask(axm_mul_width_b(m)));
        for (int i = 0; i < K * M; i++)
            x[i] = (uint16_t)(rng_next(&r) & axm_mask(axm_mul_width_a(m)));
        for (int round = 0; round < ROUNDS; round++) {
            double t = seconds();
            check(gemm_wide(m, &(struct gemm_opts){ .level = -1 }, w, x, M, M, N, K, acc, M));
            t = seconds() - t;
            ours = t < ours ? t : ours;
            t = seconds();
            for (int i = 0; i < N * K; i++) {
                for (int j = 0; j < M; j++) {
                    a[j] = x[i % K * M + j];
                    b[j] = w[i];
                }
                axm_eval_many(m, a, b, product, M);
                for (int j = 0; j < M; j++)
                    acc[i / K * M + j] += axm_mul_value(m, product[j], axm_mul_width_product(m));
            }
            t = seconds() - t;
            models = t < models ? t : models;
        }
        printf("%-16s gemm_wide %6.2f GMAC/s, axm_eval_many %6.2f GMAC/s\n", specs[s],
               1e-9 * M * N * K / ours, 1e-9 * M * N * K / models);
        axm_mul_close(m);
    }
    return 0;
}
