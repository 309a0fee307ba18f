/* What counting toggles costs: 20,000 vectors of a mapped 8x8 multiplier in each
 * delay model.  The target is 25 ms at the library's delays. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/pool.h"
#include "synth/characterise.h"

#define OSU018 "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"

enum { VECTORS = 20000, REPEATS = 20, TARGET_MS = 25 };

static void check(enum axm_status st)
{
    if (st)
        exit(st);
}

static double ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void bench_circuit(const struct liberty *lib, const char *spec)
{
    static const char *const names[] = { "zero", "unit", "liberty" };
    struct mul_circuit c;
    struct synth_result r;
    struct synth_opts so = { .mode = SYNTH_ADDERS, .lib = lib,
                             .mapped = { .input_slew_ns = 0.05, .output_load_pf = 0.01 } };
    struct stimulus_opts stimulus = { .vectors = VECTORS, .seed = 1 };
    uint64_t *vectors;
    size_t n;
    check(mul_circuit_open(spec, &c));
    check(synth_run(c.text.s, c.top, &so, &r));
    check(stimulus_vectors(&stimulus, r.mapped, c.is_signed, &vectors, &n));
    for (int d = DELAY_ZERO; d <= DELAY_LIBERTY; d++) {
        double wall = 1e9, cpu = 1e9;   /* the best: others may be using the machine */
        struct activity a;
        for (int i = 0; i < REPEATS; i++) {
            double wall_0 = ms(CLOCK_MONOTONIC), cpu_0 = ms(CLOCK_PROCESS_CPUTIME_ID);
            check(activity_run(r.mapped, vectors, n, (enum delay_model)d, &a, NULL));
            double wall_1 = ms(CLOCK_MONOTONIC) - wall_0, cpu_1 = ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_0;
            wall = wall_1 < wall ? wall_1 : wall;
            cpu = cpu_1 < cpu ? cpu_1 : cpu;
        }
        printf("%-14s %-8s %4d cells %8.3f toggles/step %10.4f pJ %7.2f ms, %7.2f ms of CPU%s\n", spec,
               names[d], r.mapped->n_cells, a.toggles_per_step, a.energy_pj, wall, cpu,
               d == DELAY_LIBERTY && wall > TARGET_MS ? " (target 25 ms: missed)" : "");
    }
    free(vectors);
    synth_release(&r);
    mul_circuit_release(&c);
}

int main(void)
{
    struct liberty *lib;
    printf("%d vectors, %d threads, %s\n", VECTORS, pool_threads(), bitsim_level_name(bitsim_best_level()));
    check(liberty_read(OSU018, &lib));
    bench_circuit(lib, "scdm8s_x0_y0");
    bench_circuit(lib, "exact8s");
    liberty_free(lib);
    return 0;
}
