#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "sim/clock.h"
#include "sim/verify.h"

static const struct cli_option options[] = {
    { "sim", 0, "LIST", "simulators: verilator, icarus, bitslice (default: all three)" },
    { "formal", 0, NULL, "prove it formally, too (Yosys and ABC)" },
    { "all-8bit", 0, NULL, "every variant of every family with 8x2 to 8x8 operands, both signs" },
    { "family", 0, "NAME", "with --all-8bit: this family only" },
    { "exhaustive", 0, NULL, "Verilator: every pair up to 16x16; Icarus: up to 12x12" },
    { "random", 0, "N", "random pairs where not every pair is tried (default 2^20, Icarus 2^13)" },
    { "vcd", 0, "FILE", "leave a trace of the first mismatch there" },
    { "flat", 0, NULL, "one flat module, as axmul gen --flat makes it" },
    { "pipeline", 0, "N", "with N pipeline stages (0..64), as axmul gen --pipeline makes it" },
    { "register-inputs", 0, NULL, "with registers, as axmul gen makes them" },
    { "register-outputs", 0, NULL, "with registers, as axmul gen makes them" },
    { 0 },
};

static const char help[] =
    "Compares the emitted Verilog of a multiplier with its C model, in up to four\n"
    "ways that share as little as can be:\n"
    "\n"
    "  verilator   the emitted text, compiled; hundreds of circuits a run, compiled\n"
    "              simulators stay in the cache\n"
    "  icarus      the emitted text, interpreted, four-state: sees x and z\n"
    "  bitslice    the netlist, 2048 pairs at a time\n"
    "  formal      the emitted text against the hand-written references in rtl/ref/\n"
    "\n"
    "Every operand pair is tried up to 16x16 by bitslice (2^32 pairs: some seconds),\n"
    "12x12 by Verilator and 10x10 by Icarus; with --exhaustive up to 16x16 by Verilator\n"
    "(many minutes a circuit) and 12x12 by Icarus (minutes). Beyond that each tries\n"
    "all pairs of corner operands (0, 1, extremes, powers of two and their neighbours,\n"
    "patterns; Icarus: at most 2^13 of these pairs) and seeded random pairs; such rows\n"
    "say \"sample\". Where no simulator can try all, above 32 operand bits, a formal\n"
    "proof is added unless --sim is given or the circuit has registers.\n"
    "Ports for runtime parameters (cdmr, scdmr) are swept over all their values,\n"
    "or over at least 16 settings where that is too much; the note says how many.\n"
    "\n"
    "A mismatch prints the operands, both products, the seed and the command that\n"
    "runs it again; the exit status is then 1. --vcd FILE leaves a trace of it.\n"
    "\n"
    "  axmul verify scdm8s_x5_y2 drum16u_k6\n"
    "  axmul verify --all-8bit\n"
    "  axmul verify mitchell12s --sim verilator --pipeline 3\n"
    "  axmul verify exact32u --formal\n";

struct spec_list {
    struct axm_spec *spec;
    size_t n, cap;
};

static bool list_add(struct spec_list *l, const struct axm_spec *s)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct axm_spec *grown = realloc(l->spec, cap * sizeof *grown);
        if (!grown)
            return false;
        l->spec = grown;
        l->cap = cap;
    }
    l->spec[l->n++] = *s;
    return true;
}

static enum axm_status list_all_8bit(const char *family, struct spec_list *out)
{
    if (family && !axm_family_find(family))
        return fail(AXM_USAGE, "--family %s: no such family; see axmul list", family);
    for (const struct axm_family *f = axm_families; f->name; f++) {
        if (family && strcmp(f->name, family))
            continue;
        for (int is_signed = 0; is_signed < 2; is_signed++)
            for (int width_b = 8; width_b >= 2; width_b--) {
                struct axm_spec_iter it = { 0 };
                while (axm_spec_next(&it, f, 8, width_b, is_signed))
                    if (!list_add(out, &it.spec))
                        return fail(AXM_ENV, "list of specs: out of memory");
            }
    }
    return out->n ? AXM_OK : fail(AXM_USAGE, "--family %s: it has no 8-bit variants", family);
}

static enum axm_status list_operands(const struct cli_args *args, struct spec_list *out)
{
    for (int i = 0; i < args->n_operands; i++) {
        const char *text = args->operand[i];
        if (!strncmp(text, "lut:", 4) || !strncmp(text, "verilog:", 8))
            return fail(AXM_USAGE, "%s: only families have Verilog of ours to verify", text);
        struct axm_spec s;
        enum axm_status st = axm_spec_parse(text, &s);
        if (st)
            return st;
        if (!list_add(out, &s))
            return fail(AXM_ENV, "list of specs: out of memory");
    }
    return AXM_OK;
}

/* --- output ----------------------------------------------------------------------- */

struct output {
    const struct verify_request *q;
    struct table *table;        /* one row per result, or NULL: */
    struct {                    /* totals by family and backend */
        uint64_t specs, exhaustive, pairs, differ;
        double seconds;
    } *total;
    size_t results, differ;
};

static const char *coverage(const struct verify_result *r)
{
    if (r->backend == VERIFY_FORMAL)
        return r->sim.mismatches ? "disproven" : r->exhaustive ? "proven" : "undecided";
    return r->exhaustive ? "all" : "sample";
}

static const struct table_column columns[] = {
    { .key = "spec", .type = CELL_TEXT },
    { .key = "backend", .type = CELL_TEXT },
    { .key = "coverage", .type = CELL_TEXT },
    { .key = "pairs", .type = CELL_UINT },
    { .key = "mismatches", .type = CELL_UINT },
    { .key = "seconds", .type = CELL_REAL, .digits = 3 },
    { .key = "note", .type = CELL_TEXT },
};

static void add_row(struct table *t, const struct verify_request *q, const struct verify_result *r)
{
    char name[AXM_SPEC_MAX];
    axm_spec_print(&q->spec[r->spec], name);
    table_text(t, name);
    table_text(t, verify_backend_name(r->backend));
    table_text(t, coverage(r));
    table_uint(t, r->sim.pairs);
    table_uint(t, r->sim.mismatches);
    table_real(t, r->sim.seconds);
    struct strbuf note = { 0 };
    strbuf_adds(&note, r->note);
    if (r->all_settings > 1 && r->backend != VERIFY_FORMAL)
        strbuf_addf(&note, "%" PRIu64 " of %" PRIu64 " port settings", r->settings, r->all_settings);
    if (r->sim.mismatches && r->backend != VERIFY_FORMAL)
        strbuf_addf(&note, "first: a %#" PRIx64 " b %#" PRIx64 " expected %#" PRIx64 " actual %#" PRIx64,
                    r->sim.first.a, r->sim.first.b, r->sim.first.expected, r->sim.first.actual);
    table_text(t, note.s ? note.s : "");
    strbuf_release(&note);
}

static void done(void *ctx, const struct verify_result *r)
{
    struct output *o = ctx;
    o->results++;
    o->differ += r->sim.mismatches > 0;
    if (!o->total) {
        add_row(o->table, o->q, r);
        return;
    }
    int family = axm_family_index(o->q->spec[r->spec].family);
    size_t i = (size_t)family * VERIFY_BACKENDS + r->backend;
    o->total[i].specs++;
    o->total[i].exhaustive += r->exhaustive;
    o->total[i].pairs += r->sim.pairs;
    o->total[i].differ += r->sim.mismatches > 0;
    o->total[i].seconds += r->sim.seconds;
}

static const struct table_column family_columns[] = {
    { .key = "family", .type = CELL_TEXT },
    { .key = "backend", .type = CELL_TEXT },
    { .key = "variants", .type = CELL_UINT },
    { .key = "on_all_pairs", .title = "on all pairs", .type = CELL_UINT },
    { .key = "pairs", .type = CELL_UINT },
    { .key = "variants_that_differ", .title = "that differ", .type = CELL_UINT },
    { .key = "seconds", .type = CELL_REAL, .digits = 3 },
};

static void add_totals(struct output *o)
{
    for (const struct axm_family *f = axm_families; f->name; f++)
        for (int b = 0; b < VERIFY_BACKENDS; b++) {
            size_t i = (size_t)axm_family_index(f) * VERIFY_BACKENDS + b;
            if (!o->total[i].specs)
                continue;
            table_text(o->table, f->name);
            table_text(o->table, verify_backend_name(b));
            table_uint(o->table, o->total[i].specs);
            table_uint(o->table, o->total[i].exhaustive);
            table_uint(o->table, o->total[i].pairs);
            table_uint(o->table, o->total[i].differ);
            table_real(o->table, o->total[i].seconds);
        }
}

static size_t family_count(void)
{
    size_t n = 0;
    while (axm_families[n].name)
        n++;
    return n;
}

static enum axm_status verify_and_print(const struct cli_args *args, const struct verify_request *q,
                                        bool by_family)
{
    struct output o = { .q = q };
    o.table = by_family ? table_new(family_columns, sizeof family_columns / sizeof family_columns[0])
                        : table_new(columns, sizeof columns / sizeof columns[0]);
    if (by_family)
        o.total = calloc(family_count() * VERIFY_BACKENDS, sizeof *o.total);
    if (!o.table || (by_family && !o.total)) {
        table_free(o.table);
        free(o.total);
        return fail(AXM_ENV, "results: out of memory");
    }
    double start = clock_seconds();
    enum axm_status st = verify_run(q, done, &o);
    double seconds = clock_seconds() - start;
    if (st == AXM_OK || st == AXM_MISMATCH || st == AXM_STOPPED) {
        if (by_family)
            add_totals(&o);
        enum axm_status printed = table_print(o.table, stdout, args->format);
        if (!st)
            st = printed;
        note("circuits: %zu, results: %zu, with mismatches: %zu%s; seed %" PRIu64 "; %.1f s", q->n, o.results,
             o.differ, st == AXM_STOPPED ? " (interrupted)" : "", q->seed, seconds);
    }
    table_free(o.table);
    free(o.total);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    bool all = cli_flag(args, "all-8bit");
    int64_t pipeline, random;
    enum axm_status st = cli_get_int(args, "pipeline", 0, 64, 0, &pipeline);
    if (!st)
        st = cli_get_int(args, "random", 1, INT64_C(1) << 32, 0, &random);
    if (st)
        return st;
    if (all == (args->n_operands > 0))
        return fail(AXM_USAGE, "verify: give either specs or --all-8bit");
    if (cli_get(args, "family") && !all)
        return fail(AXM_USAGE, "verify: --family goes with --all-8bit");
    struct verify_request q = {
        .backends = VERIFY_SIMULATORS, .full = cli_flag(args, "exhaustive"),
        .flat = cli_flag(args, "flat"), .pipeline = (int)pipeline, .random = (uint64_t)random,
        .registered_inputs = cli_flag(args, "register-inputs"),
        .registered_outputs = cli_flag(args, "register-outputs"),
        .seed = args->seed, .vcd = cli_get(args, "vcd"),
    };
    bool registered = q.pipeline || q.registered_inputs || q.registered_outputs;
    q.formal_if_wide = !cli_get(args, "sim") && !registered;
    if (cli_get(args, "sim") && (st = verify_parse_backends(cli_get(args, "sim"), &q.backends)))
        return st;
    if (cli_flag(args, "formal"))
        q.backends |= 1u << VERIFY_FORMAL;
    struct spec_list list = { 0 };
    st = all ? list_all_8bit(cli_get(args, "family"), &list) : list_operands(args, &list);
    if (!st) {
        q.spec = list.spec;
        q.n = list.n;
        st = verify_and_print(args, &q, all);
    }
    free(list.spec);
    return st;
}

const struct cli_command cmd_verify = {
    .name = "verify",
    .synopsis = "SPEC... | --all-8bit",
    .brief = "compare the emitted Verilog with the C model",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 0,
    .operands_max = -1,
    .run = run,
};
