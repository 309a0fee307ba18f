/* Time of a full error report (every figure and the entropy), the table that
 * it starts from, and the exhaustive report of a 16x16 multiplier.  The naive
 * report beside it computes the same figures from their definitions, in the
 * same run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"
#include "cmodel/lut.h"
#include "cmodel/metrics.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What the runs work on, and where their results go. */
static struct {
    const struct axm_mul *mul;
    struct axm_lut lut;
    struct axm_metrics metrics;
    double entropy;
} at;

static enum axm_status report(void)
{
    return axm_metrics_from_lut(&at.lut, &at.metrics);
}

static enum axm_status entropy(void)
{
    at.entropy = axm_entropy_from_lut(&at.lut);
    return AXM_OK;
}

static enum axm_status build(void)
{
    struct axm_lut l;
    enum axm_status st = axm_lut_build(at.mul, &l);
    if (st == AXM_OK)
        axm_lut_release(&l);
    return st;
}

static enum axm_status naive(void)
{
    int bits = at.lut.width_a + at.lut.width_b;
    double n = ldexp(1, bits), abs = 0, square = 0, sum = 0, relative = 0, worst = 0, worst_relative = 0;
    long errors = 0, nonzero = 0;
    static double count[1 << 16];
    memset(count, 0, sizeof count);
    for (uint32_t a = 0; a < 1u << at.lut.width_a; a++)
        for (uint32_t b = 0; b < 1u << at.lut.width_b; b++) {
            double exact = (double)axm_mul_value(at.mul, a, at.lut.width_a) *
                           (double)axm_mul_value(at.mul, b, at.lut.width_b);
            int32_t product = axm_lut_at(&at.lut, a, b);
            double e = product - exact;
            abs += fabs(e);
            square += e * e;
            sum += e;
            errors += e != 0;
            worst = fmax(worst, fabs(e));
            if (exact != 0) {
                relative += fabs(e / exact);
                worst_relative = fmax(worst_relative, fabs(e / exact));
                nonzero++;
            }
            count[(uint32_t)product & 0xffff]++;
        }
    double bits_out = 0;
    for (int i = 0; i < 1 << 16; i++)
        if (count[i])
            bits_out -= count[i] / n * log2(count[i] / n);
    at.entropy = bits_out;
    at.metrics.mae.value = abs / n;
    at.metrics.mse.value = square / n;
    at.metrics.bias.value = sum / n;
    at.metrics.wce = worst + worst_relative + (double)errors;
    at.metrics.mre_percent.value = 100 * relative / (double)nonzero;
    return AXM_OK;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { RUNS = 501 };

/* Prints the lowest and the median time; returns the lowest. */
static double measure(const char *what, enum axm_status (*run)(void))
{
    static double t[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        if (run() != AXM_OK)
            exit(EXIT_FAILURE);
        t[i] = 1e3 * (seconds() - start);
    }
    qsort(t, RUNS, sizeof *t, by_size);
    printf("%-38s %8.3f ms lowest, %8.3f ms median of %d\n", what, t[0], t[RUNS / 2], RUNS);
    return t[0];
}

static double exhaustive(const char *spec, bool with_entropy)
{
    struct axm_mul *m;
    struct axm_metrics_opts o = { .no_entropy = !with_entropy };
    if (axm_mul_open(spec, &m) != AXM_OK)
        exit(EXIT_FAILURE);
    double start = seconds();
    if (axm_metrics_compute(m, &o, &at.metrics) != AXM_OK)
        exit(EXIT_FAILURE);
    axm_mul_close(m);
    return seconds() - start;
}

int main(void)
{
    static const char *const specs[] = { "scdm8s_x5_y2", "drum8u_k4" };
    const double target_ms = 1;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct axm_mul *m;
        if (axm_mul_open(specs[i], &m) != AXM_OK || axm_lut_build(m, &at.lut) != AXM_OK)
            return EXIT_FAILURE;
        at.mul = m;
        printf("%s, 65,536 pairs\n", specs[i]);
        measure("  table", build);
        measure("  entropy alone", entropy);
        double plain = measure("  report by definition", naive), ours = measure("  report", report);
        printf("  report: target %.0f ms, %s; %.1f times as fast as by definition\n", target_ms,
               ours <= target_ms ? "met" : "MISSED", plain / ours);
        axm_lut_release(&at.lut);
        axm_mul_close(m);
    }
    double t = exhaustive("drum16u_k6", false);
    printf("drum16u_k6, 2^32 pairs, %d threads:      %.1f s without entropy (%.2f ns a pair)\n",
           pool_threads(), t, 1e9 * t / ldexp(1, 32));
    t = exhaustive("drum16u_k6", true);
    printf("drum16u_k6, 2^32 pairs, %d threads:      %.1f s with entropy\n", pool_threads(), t);
    return EXIT_SUCCESS;
}
