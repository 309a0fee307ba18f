#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/common.h"
#include "cmodel/lut.h"
#include "cmodel/metrics.h"

static const struct cli_option options[] = {
    { "samples", 0, "N", "a seeded sample of N pairs instead of all (default above 32 address bits: 2^26)" },
    { "no-entropy", 0, NULL, "leave out the output entropy (it takes longest above 24 address bits)" },
    { 0 },
};

static const char help[] =
    "Error metrics against the exact product, all operand pairs equally likely, and\n"
    "the entropy of the output. With e = approximate - exact over N pairs and w the\n"
    "product's width:\n"
    "\n"
    "  mae           mean |e|                 mae_percent   100 mae / 2^w\n"
    "  wce           largest |e|              wce_percent   100 wce / 2^w\n"
    "  mre_percent   mean |e| / |exact|       wcre_percent  largest |e| / |exact|\n"
    "                (both where exact is not 0)\n"
    "  ep_percent    share of e not 0         mse           mean e^2\n"
    "  nmed          mae / largest |exact|    bias          mean e\n"
    "  zero_errors   pairs whose exact product is 0, but not the multiplier's\n"
    "  entropy_bits  of the output, base 2\n"
    "\n"
    "One multiplier is printed as a block, several as a table (--verbose: as blocks).\n"
    "Every pair is tried up to 2^32 of them; above that a seeded sample, with 95 %\n"
    "confidence intervals (+- in blocks, columns ci95_... in CSV and JSON). The wce and\n"
    "wcre of a sample are the largest seen, lower bounds, and it has no entropy.\n"
    "\n"
    "  axmul metrics scdm8s_x5_y2\n"
    "  axmul metrics drum8u_k3 drum8u_k4 drum8u_k5 --format csv\n"
    "  axmul metrics drum32u_k8 --samples 1000000 --seed 7\n"
    "  axmul metrics lut:mine.npy:s:ab:values\n";

/* For programs; docs/formats.md promises these columns. */
static const struct table_column columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },
    { "coverage", NULL, CELL_TEXT, 0 },
    { "pairs", NULL, CELL_UINT, 0 },
    { "mae", NULL, CELL_REAL, 0 },
    { "mae_percent", NULL, CELL_REAL, 0 },
    { "wce", NULL, CELL_REAL, 0 },
    { "wce_percent", NULL, CELL_REAL, 0 },
    { "mre_percent", NULL, CELL_REAL, 0 },
    { "wcre_percent", NULL, CELL_REAL, 0 },
    { "ep_percent", NULL, CELL_REAL, 0 },
    { "mse", NULL, CELL_REAL, 0 },
    { "nmed", NULL, CELL_REAL, 0 },
    { "bias", NULL, CELL_REAL, 0 },
    { "zero_pairs", NULL, CELL_UINT, 0 },
    { "zero_errors", NULL, CELL_UINT, 0 },
    { "entropy_bits", NULL, CELL_REAL, 0 },
    { "wce_a", NULL, CELL_INT, 0 },
    { "wce_b", NULL, CELL_INT, 0 },
    { "seed", NULL, CELL_UINT, 0 },
    { "ci95_mae", NULL, CELL_REAL, 0 },
    { "ci95_mre_percent", NULL, CELL_REAL, 0 },
    { "ci95_ep_percent", NULL, CELL_REAL, 0 },
    { "ci95_mse", NULL, CELL_REAL, 0 },
    { "ci95_bias", NULL, CELL_REAL, 0 },
    { "ci95_mae_percent", NULL, CELL_REAL, 0 },
    { "ci95_nmed", NULL, CELL_REAL, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* For people, several multipliers. */
static const struct table_column text_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },
    { "mae", "MAE", CELL_REAL, 5 },
    { "mae_percent", "MAE %", CELL_REAL, 4 },
    { "wce", "WCE", CELL_REAL, 9 },
    { "wce_percent", "WCE %", CELL_REAL, 4 },
    { "mre_percent", "MRE %", CELL_REAL, 4 },
    { "wcre_percent", "WCRE %", CELL_REAL, 6 },
    { "ep_percent", "EP %", CELL_REAL, 4 },
    { "mse", "MSE", CELL_REAL, 6 },
    { "nmed", "NMED", CELL_REAL, 4 },
    { "bias", NULL, CELL_REAL, 5 },
    { "zero_errors", "zeros", CELL_UINT, 0 },
    { "entropy_bits", "entropy", CELL_REAL, -3 },
    { "coverage", "pairs", CELL_TEXT, 0 },
};
enum { TEXT_COLUMNS = sizeof text_columns / sizeof *text_columns };

struct job {
    const struct cli_args *args;
    struct axm_metrics_opts opts;
    struct table *table;        /* NULL: one block a multiplier */
    bool sampled;               /* any was */
    int done;
};

static void add_row(struct table *t, const struct axm_mul *m, const struct axm_metrics *x)
{
    table_text(t, axm_mul_name(m));
    table_text(t, x->exhaustive ? "all" : "sample");
    table_uint(t, x->pairs);
    table_real(t, x->mae.value);
    table_real(t, x->mae_percent.value);
    table_real(t, x->wce);
    table_real(t, x->wce_percent);
    table_real(t, x->mre_percent.value);
    table_real(t, x->wcre_percent);
    table_real(t, x->ep_percent.value);
    table_real(t, x->mse.value);
    table_real(t, x->nmed.value);
    table_real(t, x->bias.value);
    table_uint(t, x->zero_pairs);
    table_uint(t, x->zero_errors);
    table_real(t, x->entropy_bits);
    table_int(t, axm_mul_value(m, x->wce_a, axm_mul_width_a(m)));
    table_int(t, axm_mul_value(m, x->wce_b, axm_mul_width_b(m)));
    if (x->exhaustive)
        table_text(t, NULL);
    else
        table_uint(t, x->seed);
    table_real(t, x->mae.ci95);
    table_real(t, x->mre_percent.ci95);
    table_real(t, x->ep_percent.ci95);
    table_real(t, x->mse.ci95);
    table_real(t, x->bias.ci95);
    table_real(t, x->mae_percent.ci95);
    table_real(t, x->nmed.ci95);
}

static void add_text_row(struct table *t, const struct axm_mul *m, const struct axm_metrics *x)
{
    char sample[32];
    snprintf(sample, sizeof sample, "%.6g sampled", (double)x->pairs);
    table_text(t, axm_mul_name(m));
    table_real(t, x->mae.value);
    table_real(t, x->mae_percent.value);
    table_real(t, x->wce);
    table_real(t, x->wce_percent);
    table_real(t, x->mre_percent.value);
    table_real(t, x->wcre_percent);
    table_real(t, x->ep_percent.value);
    table_real(t, x->mse.value);
    table_real(t, x->nmed.value);
    table_real(t, x->bias.value);
    table_uint(t, x->zero_errors);
    table_real(t, x->entropy_bits);
    table_text(t, x->exhaustive ? "all" : sample);
}

static void print_figure(const char *label, struct axm_figure f, bool exhaustive, const char *unit)
{
    printf("  %-22s %.7g%s", label, f.value, unit);
    if (!exhaustive)
        printf(" +- %.2g%s", f.ci95, unit);
    printf("\n");
}

static void print_block(const struct axm_mul *m, const struct axm_metrics *x)
{
    char a[24], b[24];
    const char *bound = x->exhaustive ? "" : " at least (largest seen)";
    bool s = axm_mul_signed(m);
    printf("%s: ", axm_mul_name(m));
    if (x->exhaustive)
        printf("all %" PRIu64 " operand pairs\n", x->pairs);
    else
        printf("a sample of %" PRIu64 " operand pairs, seed %" PRIu64 "; +- is the 95 %% confidence "
               "interval\n", x->pairs, x->seed);
    print_figure("MAE", x->mae, x->exhaustive, "");
    print_figure("MAE of the range", x->mae_percent, x->exhaustive, " %");
    printf("  %-22s %.12g%s, at %s x %s\n", "WCE", x->wce, bound,
           cli_value_text(x->wce_a, axm_mul_width_a(m), s, a),
           cli_value_text(x->wce_b, axm_mul_width_b(m), s, b));
    printf("  %-22s %.7g %%%s\n", "WCE of the range", x->wce_percent, bound);
    print_figure("MRE", x->mre_percent, x->exhaustive, " %");
    printf("  %-22s %.7g %%%s\n", "WCRE", x->wcre_percent, bound);
    print_figure("EP", x->ep_percent, x->exhaustive, " %");
    print_figure("MSE", x->mse, x->exhaustive, "");
    print_figure("NMED", x->nmed, x->exhaustive, "");
    print_figure("bias", x->bias, x->exhaustive, "");
    printf("  %-22s %" PRIu64 " of %" PRIu64 "\n", "wrong zero products", x->zero_errors, x->zero_pairs);
    if (!isnan(x->entropy_bits))
        printf("  %-22s %.3f bits\n", "output entropy", x->entropy_bits);
}

/* A table is the fast way where there can be one. */
static enum axm_status compute(const struct axm_mul *m, const struct axm_metrics_opts *o,
                               struct axm_metrics *out)
{
    struct axm_lut l;
    if (o->samples || axm_mul_width_product(m) > AXM_LUT_BITS_MAX)
        return axm_metrics_compute(m, o, out);
    enum axm_status st = axm_lut_build(m, &l);
    if (st != AXM_OK)
        return st;
    st = axm_metrics_from_lut(&l, out);
    if (st == AXM_OK && o->no_entropy)
        out->entropy_bits = NAN;
    axm_lut_release(&l);
    return st;
}

static enum axm_status report(void *ctx, const struct axm_mul *m)
{
    struct job *j = ctx;
    struct axm_metrics x;
    enum axm_status st = compute(m, &j->opts, &x);
    if (st != AXM_OK)
        return st;
    j->sampled |= !x.exhaustive;
    if (j->done++ && !j->table)
        printf("\n");
    if (!j->table)
        print_block(m, &x);
    else if (j->args->format == CLI_TEXT)
        add_text_row(j->table, m, &x);
    else
        add_row(j->table, m, &x);
    return AXM_OK;
}

static enum axm_status run(const struct cli_args *args)
{
    struct job j = {
        .args = args,
        .opts = { .seed = args->seed, .no_entropy = cli_flag(args, "no-entropy") },
    };
    int64_t samples;
    enum axm_status st = cli_get_int(args, "samples", 2, INT64_MAX / 2, 0, &samples);
    if (st != AXM_OK)
        return st;
    j.opts.samples = (uint64_t)samples;
    bool text = args->format == CLI_TEXT, blocks = text && (args->n_operands == 1 || args->verbosity > 0);
    if (!blocks && !(j.table = text ? table_new(text_columns, TEXT_COLUMNS) : table_new(columns, COLUMNS)))
        return fail(AXM_ENV, "metrics: out of memory");
    st = cli_each_mul(args, report, &j);
    /* What was done before an interruption is worth having. */
    if (j.table && j.done && (st == AXM_OK || st == AXM_STOPPED)) {
        enum axm_status printed = table_print(j.table, stdout, args->format);
        if (st == AXM_OK)
            st = printed;
        if (text && j.sampled)
            note("sampled with seed %" PRIu64 ": WCE and WCRE are lower bounds; --verbose adds confidence "
                 "intervals", args->seed);
    }
    table_free(j.table);
    return st;
}

const struct cli_command cmd_metrics = {
    .name = "metrics",
    .synopsis = "SPEC...",
    .brief = "error metrics and output entropy",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
    .run = run,
};
