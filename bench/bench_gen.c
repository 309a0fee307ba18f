/* Time from a spec to Verilog text, in process: every 8x8 variant of every
 * family, built, swept and written hierarchically; then each writer by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "gen/build.h"
#include "gen/write.h"
#include "sim/clock.h"

static const double target_ms = 5;

enum { VARIANTS_MAX = 20000, REPEATS = 5 };

struct timing {
    double ms[VARIANTS_MAX];
    int n;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const char *name, struct timing *t)
{
    qsort(t->ms, (size_t)t->n, sizeof *t->ms, compare);
    printf("  %-10s %6d   %8.3f %8.3f %8.3f\n", name, t->n, t->ms[0], t->ms[t->n / 2],
           t->ms[t->n - 1]);
}

/* Milliseconds from spec to text; the shorter of two runs, as the machine is
 * not ours alone.  Negative when it failed. */
static double time_spec(const struct axm_spec *s, struct strbuf *text)
{
    double best = -1;
    for (int round = 0; round < 2; round++) {
        double t0 = clock_seconds();
        struct netlist *nl;
        if (mul_netlist(s, &nl))
            return -1;
        strbuf_reset(text);
        enum axm_status st = write_verilog(nl, &(struct verilog_opts){ 0 }, text);
        netlist_free(nl);
        if (st)
            return -1;
        double ms = 1e3 * (clock_seconds() - t0);
        if (best < 0 || ms < best)
            best = ms;
    }
    return best;
}

static bool bench_families(void)
{
    static struct timing all, one;
    struct strbuf text = { 0 };
    printf("generation: build, sweep and write Verilog, 8x8, in process (target %.0f ms)\n", target_ms);
    printf("  family   variants   min ms   median      max\n");
    for (const struct axm_family *f = axm_families; f->name; f++) {
        one.n = 0;
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            struct axm_spec_iter it = { 0 };
            while (one.n < VARIANTS_MAX && axm_spec_next(&it, f, 8, 8, is_signed)) {
                double ms = time_spec(&it.spec, &text);
                if (ms < 0)
                    return false;
                one.ms[one.n++] = ms;
                if (all.n < VARIANTS_MAX)
                    all.ms[all.n++] = ms;
            }
        }
        if (one.n > 0)
            print_row(f->name, &one);
    }
    print_row("all", &all);
    printf("  slowest of all: %.3f ms, %s\n", all.ms[all.n - 1],
           all.ms[all.n - 1] <= target_ms ? "within the target" : "ABOVE THE TARGET");
    strbuf_release(&text);
    return true;
}

typedef enum axm_status writer_fn(const struct netlist *nl, struct strbuf *out);

static enum axm_status write_hierarchy(const struct netlist *nl, struct strbuf *out)
{
    return write_verilog(nl, &(struct verilog_opts){ 0 }, out);
}

static enum axm_status write_flat(const struct netlist *nl, struct strbuf *out)
{
    return write_verilog(nl, &(struct verilog_opts){ .flat = true }, out);
}

static bool bench_writers(const char *spec)
{
    static const struct {
        const char *name;
        writer_fn *fn;
    } writers[] = {
        { "verilog", write_hierarchy }, { "flat", write_flat }, { "blif", write_blif },
        { "aiger", write_aiger }, { "dot", write_dot }, { "c", write_c },
    };
    struct axm_spec s;
    struct netlist *nl;
    if (axm_spec_parse(spec, &s) || mul_netlist(&s, &nl))
        return false;
    printf("writers: %s, %zu cells\n", spec, netlist_cells(nl));
    struct strbuf text = { 0 };
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        double best = 1e9;
        for (int k = 0; k < REPEATS; k++) {
            strbuf_reset(&text);
            double t0 = clock_seconds();
            if (writers[i].fn(nl, &text))
                return false;
            double seconds = clock_seconds() - t0;
            if (seconds < best)
                best = seconds;
        }
        printf("  %-10s %8.3f ms %9zu bytes %7.0f MB/s\n", writers[i].name, 1e3 * best, text.len,
               1e-6 * (double)text.len / best);
    }
    double t0 = clock_seconds();
    struct netlist *reg = netlist_registered(nl, true, true, 3);
    if (!reg)
        return false;
    struct netlist_stats st;
    netlist_measure(reg, &st);
    printf("  %-10s %8.3f ms, 3 stages: %zu registers, %d levels\n", "pipeline",
           1e3 * (clock_seconds() - t0), st.count[CELL_DFF], st.levels);
    netlist_free(reg);
    netlist_free(nl);
    strbuf_release(&text);
    return true;
}

int main(void)
{
    return bench_families() && bench_writers("exact8s") && bench_writers("exact32s") ? 0 : 1;
}
