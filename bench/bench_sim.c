/* What the simulators cost per circuit. */
#include <stdio.h>
#include <stdlib.h>

#include "base/pool.h"
#include "gen/build.h"
#include "sim/bitsim.h"
#include "sim/clock.h"
#include "sim/dut.h"
#include "sim/icarus.h"
#include "sim/verilator.h"

enum { CIRCUITS = VERILATOR_GROUP };

struct set {
    struct netlist *nl[CIRCUITS];
    struct axm_mul *model[CIRCUITS];
    struct dut dut[CIRCUITS];
    const struct dut *duts[CIRCUITS];
    size_t n;
};

static void check(enum axm_status st)
{
    if (st)
        exit(st);
}

/* The first 8x8 circuits of a family. */
static struct set make_set(const char *family)
{
    struct set s = { .n = 0 };
    struct axm_spec_iter it = { 0 };
    while (s.n < CIRCUITS && axm_spec_next(&it, axm_family_find(family), 8, 8, false)) {
        check(mul_netlist(&it.spec, &s.nl[s.n]));
        check(axm_mul_open_spec(&it.spec, &s.model[s.n]));
        check(dut_from_netlist(s.nl[s.n], &(struct verilog_opts){ 0 }, &s.dut[s.n]));
        s.duts[s.n] = &s.dut[s.n];
        s.n++;
    }
    return s;
}

static void release_set(struct set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        netlist_free(s->nl[i]);
        axm_mul_close(s->model[i]);
        dut_release(&s->dut[i]);
    }
}

static void bench_bitslice(const char *text, int repeats)
{
    struct axm_spec spec;
    struct netlist *nl;
    struct axm_mul *m;
    struct bitsim *sim;
    check(axm_spec_parse(text, &spec));
    check(mul_netlist(&spec, &nl));
    check(axm_mul_open_spec(&spec, &m));
    check(bitsim_new(nl, &sim));
    struct stimulus all = stimulus_all(spec.width_a, spec.width_b);
    for (int level = 0; level <= (int)bitsim_best_level(); level++) {
        if (all.count > 1 << 24 && level < (int)bitsim_best_level())
            continue;
        bitsim_set_level(level);
        struct sim_result r;
        double start = clock_seconds();
        for (int i = 0; i < repeats; i++)
            check(bitsim_compare(sim, m, &all, &(struct bitsim_compare_opts){ 0 }, &r));
        double ms = (clock_seconds() - start) / repeats * 1e3;
        printf("bitslice, %-8s  %-16s %10.3f ms for %llu pairs, model included\n",
               bitsim_level_name(level), text, ms, (unsigned long long)r.pairs);
    }
    bitsim_free(sim);
    axm_mul_close(m);
    netlist_free(nl);
}

static void bench_text(const char *family)
{
    struct set s = make_set(family);
    struct stimulus all = stimulus_all(8, 8);
    struct sim_result *r = calloc(s.n, sizeof *r);
    const struct axm_mul *const *model = (const struct axm_mul *const *)s.model;
    struct verilator_sim *v;
    /* A comment that is new each time: nothing comes from the cache. */
    strbuf_addf(&s.dut[0].text, "// bench %.9f\n", clock_seconds());
    double start = clock_seconds();
    check(verilator_open(s.duts, s.n, &v));
    double opened = clock_seconds();
    check(verilator_compare(v, model, &all, NULL, r));
    double ran = clock_seconds();
    verilator_close(v);
    size_t n = s.n < ICARUS_GROUP ? s.n : ICARUS_GROUP;
    check(icarus_compare(s.duts, n, model, &all, NULL, r));
    double done = clock_seconds();
    printf("%-8s verilator %6.1f ms set-up, %5.2f ms run per circuit (%zu at once); icarus %6.1f ms (%zu)\n",
           family, (opened - start) / s.n * 1e3, (ran - opened) / s.n * 1e3, s.n, (done - ran) / n * 1e3, n);
    free(r);
    release_set(&s);
}

int main(void)
{
    bench_bitslice("scdm8s_x5_y2", 100);
    bench_bitslice("exact12u", 3);
    bench_bitslice("drum16u_k6", 1);
    printf("(%d threads)\n", pool_threads());
    static const char *const families[] = { "exact", "cdm", "trunc", "bam", "drum", "mitchell", "tosam" };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        bench_text(families[i]);
    return 0;
}
