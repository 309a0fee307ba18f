/* Products per second of every family's fast path, axm_eval_many(), beside its
 * definition, model(), called in a loop: one thread, operands in cache. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "cmodel/mul.h"

enum { PAIRS = 1024 };   /* 16 KiB of operands and products */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint32_t a[PAIRS], b[PAIRS];
static uint64_t product[PAIRS];

static void many_once(const struct axm_mul *m)
{
    axm_eval_many(m, a, b, product, PAIRS);
}

static void model_once(const struct axm_mul *m)
{
    const struct axm_spec *s = axm_mul_spec(m);
    for (int i = 0; i < PAIRS; i++)
        product[i] = s->family->model(s, a[i], b[i]);
}

/* The best of five runs of at least 20 ms, in products per second. */
static double rate(const struct axm_mul *m, void (*once)(const struct axm_mul *))
{
    double best = 0;
    for (int run = 0; run < 5; run++) {
        double start = seconds(), elapsed;
        long rounds = 0;
        do {
            for (int i = 0; i < 16; i++)
                once(m);
            rounds += 16;
            elapsed = seconds() - start;
        } while (elapsed < 0.02);
        double r = (double)rounds * PAIRS / elapsed;
        best = r > best ? r : best;
    }
    return best;
}

int main(void)
{
    static const char *const specs[] = {
        "exact8u", "exact8s", "exact16u", "exact16s", "exact32s",
        "cdm8u_x7_y3", "scdm8s_x5_y2", "cdm16u_x8_y6_z4_w2", "scdm16s_x8_y6_z4_w2", "scdm20s_x8_y6_z4_w2_v0",
        "trunc8u_l3_m3", "trunc16s_l3_m3",
        "trunc8u_c8", "trunc16u_c12", "trunc16u_c16_const", "trunc16s_c16_var",
        "drum8u_k4", "drum8s_k4", "drum16u_k6", "drum16s_k6", "drum32u_k6",
        "mitchell8u", "mitchell8s", "mitchell16u", "mitchell16s_t7", "mitchell32u",
        "bam8u_h2_v4", "bam16u_h4_v12", "bam16s_h4_v16",
        "tosam8u_h1_t4", "tosam8s_h1_t4", "tosam16u_h3_t7", "tosam16s_h3_t7", "tosam32u_h3_t7",
    };
    printf("%-24s %14s %14s %7s\n", "spec", "eval_many, M/s", "model(), M/s", "ratio");
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct axm_mul *m;
        if (axm_mul_open(specs[i], &m))
            return EXIT_FAILURE;
        struct rng r;
        rng_init(&r, 1, i);
        for (int j = 0; j < PAIRS; j++) {
            a[j] = (uint32_t)(rng_next(&r) & axm_mask(axm_mul_width_a(m)));
            b[j] = (uint32_t)(rng_next(&r) & axm_mask(axm_mul_width_b(m)));
        }
        double many = rate(m, many_once), model = rate(m, model_once);
        printf("%-24s %14.0f %14.1f %7.1f\n", specs[i], 1e-6 * many, 1e-6 * model, many / model);
        axm_mul_close(m);
    }
    return EXIT_SUCCESS;
}
