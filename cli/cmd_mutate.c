#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "sim/clock.h"
#include "sim/mutate.h"
#include "sim/verify.h"

static const struct cli_option options[] = {
    { "count", 0, "N", "faults per spec, drawn with --seed (default 100)" },
    { "sim", 0, "LIST", "simulators: bitslice, verilator (default: both, which must agree)" },
    { "random", 0, "N", "random pairs above 24 operand bits (default 65536)" },
    { 0 },
};

static const char help[] =
    "Tests the verification itself: puts gate-level faults into the circuit, one at a\n"
    "time, and sees whether they are caught. Faults are gates of another kind, inputs\n"
    "stuck at 0 or 1, inverted or wired to another net, adder cells with sum and carry\n"
    "exchanged or with a wrong carry.\n"
    "\n"
    "Every mutant is compared with the C model on all operand pairs (above 24 operand\n"
    "bits: on corners and seeded random pairs), as a netlist by bitslice and as emitted\n"
    "Verilog by Verilator; the two must agree. A mutant that survives must be proven\n"
    "equal to the original circuit by ABC, independently of simulation and models.\n"
    "\n"
    "Columns: caught by simulation; by_proof: too rare for a sample, disproven by ABC;\n"
    "equivalent: proven to change nothing; unexplained: none of these. An unexplained\n"
    "mutant or a disagreement is printed, and the exit status is then 1.\n"
    "\n"
    "  axmul mutate scdm8s_x5_y2 drum8u_k4 --count 200\n"
    "  axmul mutate exact16u --sim bitslice\n";

static const struct table_column columns[] = {
    { .key = "spec", .type = CELL_TEXT },
    { .key = "mutants", .type = CELL_UINT },
    { .key = "coverage", .type = CELL_TEXT },
    { .key = "caught", .type = CELL_UINT },
    { .key = "by_proof", .title = "by proof", .type = CELL_UINT },
    { .key = "equivalent", .type = CELL_UINT },
    { .key = "unexplained", .type = CELL_UINT },
    { .key = "disagreements", .type = CELL_UINT },
    { .key = "seconds", .type = CELL_REAL, .digits = 3 },
};

struct output {
    const struct mutate_request *q;
    struct table *table;
    size_t specs, mutants, caught, equivalent, bad;
};

static void done(void *ctx, const struct mutate_result *r)
{
    struct output *o = ctx;
    char name[AXM_SPEC_MAX];
    axm_spec_print(&o->q->spec[r->spec], name);
    table_text(o->table, name);
    table_uint(o->table, r->mutants);
    table_text(o->table, r->exhaustive ? "all" : "sample");
    table_uint(o->table, r->caught);
    table_uint(o->table, r->by_proof);
    table_uint(o->table, r->equivalent);
    table_uint(o->table, r->unexplained);
    table_uint(o->table, r->disagreements);
    table_real(o->table, r->seconds);
    o->specs++;
    o->mutants += r->mutants;
    o->caught += r->caught + r->by_proof;
    o->equivalent += r->equivalent;
    o->bad += r->unexplained + r->disagreements;
}

static enum axm_status mutate_and_print(const struct cli_args *args, const struct mutate_request *q)
{
    struct output o = { .q = q, .table = table_new(columns, sizeof columns / sizeof *columns) };
    if (!o.table)
        return fail(AXM_ENV, "results: out of memory");
    double start = clock_seconds();
    enum axm_status st = mutate_run(q, done, &o);
    if (st == AXM_OK || st == AXM_MISMATCH || st == AXM_STOPPED) {
        enum axm_status printed = table_print(o.table, stdout, args->format);
        if (!st)
            st = printed;
        note("%zu mutants of %zu specs%s: %zu caught, %zu proven equivalent, %zu unexplained; seed %" PRIu64
             "; %.1f s", o.mutants, o.specs, st == AXM_STOPPED ? " (interrupted)" : "", o.caught,
             o.equivalent, o.bad, q->seed, clock_seconds() - start);
    }
    table_free(o.table);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    int64_t count, random;
    struct mutate_request q = {
        .seed = args->seed, .simulators = 1u << VERIFY_BITSLICE | 1u << VERIFY_VERILATOR,
    };
    enum axm_status st = cli_get_int(args, "count", 1, 1000000, 100, &count);
    if (!st)
        st = cli_get_int(args, "random", 1, INT64_C(1) << 32, 1 << 16, &random);
    if (!st && cli_get(args, "sim"))
        st = verify_parse_backends(cli_get(args, "sim"), &q.simulators);
    if (st)
        return st;
    struct axm_spec *spec = calloc((size_t)args->n_operands, sizeof *spec);
    if (!spec)
        return fail(AXM_ENV, "list of specs: out of memory");
    for (int i = 0; i < args->n_operands && !st; i++)
        st = axm_spec_parse(args->operand[i], &spec[i]);
    if (!st) {
        q.spec = spec;
        q.n = (size_t)args->n_operands;
        q.count = (size_t)count;
        q.random = (uint64_t)random;
        st = mutate_and_print(args, &q);
    }
    free(spec);
    return st;
}

const struct cli_command cmd_mutate = {
    .name = "mutate",
    .synopsis = "SPEC...",
    .brief = "put faults into the circuit and see that verification catches them",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
    .run = run,
};
