/* What a layer costs on gates: 784 positions of 64 inputs to 32 outputs (conv2 of lenet5i), and the whole
 * network's 3,305,600 multiplications for 10,000 images at that rate. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/sliced.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *aligned(size_t size)
{
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!p)
        exit(3);
    for (size_t i = 0; i < size; i++)
        ((char *)p)[i] = (char)(i * 131 >> 3);
    return p;
}

int main(void)
{
    static const char *const specs[] = { "exact8s", "scdm8s_x5_y2", "scdm8s_x8_y3", "drum8s_k4" };
    enum { POSITIONS = 784, K = 64, N = 32 };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        for (int level = BITSIM_PORTABLE; level <= (int)bitsim_best_level(); level++) {
            struct axm_spec spec;
            struct sliced *s;
            if (axm_spec_parse(specs[i], &spec) || sliced_open(&spec, true, 0, level, &s))
                return 3;
            size_t lanes = (size_t)sliced_lanes(s), positions = level ? POSITIONS : POSITIONS / 8;
            uint64_t *planes = aligned(positions * K * sliced_words(s) * sizeof *planes);
            uint32_t *index = aligned(positions * K * sizeof *index);
            uint8_t *w = aligned(N * K);
            int32_t *acc = aligned(positions * N * lanes * sizeof *acc);
            for (size_t j = 0; j < positions * K; j++)
                index[j] = (uint32_t)(j % K * positions + j / K);
            double start = seconds();
            sliced_layer(s, planes, index, positions, K, w, N, acc, positions * lanes);
            double rate = (double)positions * K * N * (double)lanes / (seconds() - start) * 1e-9;
            printf("%-14s %-8s %3zu images a pass %7.2f GMAC/s, network %6.2f s on one core\n", specs[i],
                   bitsim_level_name(level), lanes, rate, 3305600.0 * 1e4 / rate * 1e-9);
            free(planes);
            free(index);
            free(w);
            free(acc);
            sliced_close(s);
        }
    return 0;
}
