#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cli/common.h"
#include "cmodel/lut.h"
#include "dnn/gemm_bench.h"

static const struct cli_option options[] = {
    { "shape", 0, "MxKxN...", "rows x depth x columns (default: four layers of small networks)" },
    { "mult", 0, "SPEC...", "8x8 (default: a random table, exact8s, and on the last shape all scdm8s)" },
    { "seconds", 0, "S", "for each shape (default: 2)" },
    { "warm", 0, NULL, "time no run whose caches are as another contender left them" },
    { 0 },
};

static const char help[] =
    "Speed of the matrix product that inference runs on, in 10^9 products per second of one\n"
    "core, against two others that take turns with it on the same numbers:\n"
    "\n"
    "  gather    table look-ups by AVX2 gathers from an int32 table, as AdaPT does\n"
    "  onednn    oneDNN's exact int8 product, weights packed in advance\n"
    "\n"
    "Weights are N(0, 28), activations N(0, 40), with x < 128 after a ReLU. All sums are\n"
    "compared with the gathers' first: exit code 1 if any differs. \"2 cores\" is the speed of two\n"
    "threads, each with products of its own as in an inference, over the mean of their cores.\n"
    "The contenders take turns of a product, or of 100 us of them if it is shorter, so that the\n"
    "first finds the caches as another left them; --warm lets each have an untimed product first,\n"
    "which is worth most to oneDNN's. The medians are shown.\n"
    "AXMUL_CPU=portable|avx2|avx512|vbmi lowers the CPU level.\n"
    "\n"
    "  axmul bench-gemm\n"
    "  axmul bench-gemm --shape 784x64x32 --mult SCDM8_52 --mult mitchell8s_t7 --seconds 1\n";

static const struct table_column columns[] = {
    { "shape", NULL, CELL_TEXT, 0 },           { "multiplier", NULL, CELL_TEXT, 0 },
    { "activations", NULL, CELL_TEXT, 0 },     { "plan", NULL, CELL_TEXT, 0 },
    { "gmac_per_s", "GMAC/s", CELL_REAL, 4 },  { "per_gather", "/ gather", CELL_REAL, 3 },
    { "per_onednn", "/ oneDNN", CELL_REAL, 3 }, { "two_cores", "2 cores", CELL_REAL, 3 },
};
enum { COLUMNS = 8 };

static const char *const default_shapes[] = { "784x64x32", "676x144x8", "64x2304x128", "1024x576x64" };

enum { CASES = 512 };

struct bench {
    struct table *t;
    double seconds;
    bool warm;
    uint64_t seed;
    int n;                   /* multipliers */
    struct axm_mul *mul[CASES / 2];
    struct gemm_bench_case c[CASES];
    struct gemm_bench_result r[CASES];
};

static enum axm_status parse_shape(const char *text, struct gemm_shape *out)
{
    unsigned m, k, n;
    char end;
    if (sscanf(text, "%6ux%6ux%6u%c", &m, &k, &n, &end) != 3 || !m || !k || !n || (double)m * k * n > 1e10)
        return fail(AXM_USAGE, "--shape must be MxKxN, each at least 1 and at most 10^10 in all, got \"%s\"",
                    text);
    *out = (struct gemm_shape){ m, k, n };
    return AXM_OK;
}

/* Any 16-bit product for each pair. */
static enum axm_status random_table(uint64_t seed, struct axm_mul **out)
{
    struct axm_lut l = { .width_a = 8, .width_b = 8, .is_signed = true,
                         .value = malloc(65536 * sizeof *l.value) };
    struct rng r;
    if (!l.value)
        return fail(AXM_ENV, "bench-gemm: out of memory");
    rng_init(&r, seed, 1);
    for (int i = 0; i < 65536; i++)
        l.value[i] = (int32_t)rng_below(&r, 65536) - 32768;
    enum axm_status st = axm_mul_open_lut("random table", &l, out);
    axm_lut_release(&l);
    return st;
}

static enum axm_status add(struct bench *b, const char *spec)
{
    if (b->n == CASES / 2)
        return fail(AXM_USAGE, "bench-gemm: at most %d multipliers", CASES / 2);
    enum axm_status st = spec ? axm_mul_open(spec, &b->mul[b->n]) : random_table(b->seed, &b->mul[b->n]);
    if (st != AXM_OK)
        return st;
    const struct axm_mul *m = b->mul[b->n++];
    if (axm_mul_width_a(m) != 8 || axm_mul_width_b(m) != 8)
        return fail(AXM_USAGE, "%s: bench-gemm takes 8x8 multipliers", axm_mul_name(m));
    return AXM_OK;
}

static void clear(struct bench *b)
{
    while (b->n > 0)
        axm_mul_close(b->mul[--b->n]);
}

static enum axm_status add_all_scdm(struct bench *b)
{
    enum axm_status st = AXM_OK;
    for (struct axm_spec_iter it = { 0 };
         st == AXM_OK && axm_spec_next(&it, axm_family_find("scdm"), 8, 8, true);) {
        char name[AXM_SPEC_MAX];
        axm_spec_print(&it.spec, name);
        st = add(b, name);
    }
    return st;
}

static void baseline_row(struct bench *b, const char *shape, const char *name, const char *plan, double gmacs,
                         double gather, double onednn)
{
    table_text(b->t, shape);
    table_text(b->t, name);
    table_text(b->t, "any");
    table_text(b->t, plan);
    table_real(b->t, gmacs);
    table_real(b->t, gmacs / gather);
    table_real(b->t, gmacs / onednn);
    table_real(b->t, NAN);
}

static enum axm_status run_shape(struct bench *b, const char *text, bool two_cores)
{
    struct gemm_shape s;
    struct gemm_bench_opts o = { b->seconds, b->seed, two_cores, b->warm };
    double gather, onednn;
    enum axm_status st = parse_shape(text, &s);
    for (int i = 0; i < 2 * b->n; i++)
        b->c[i] = (struct gemm_bench_case){ b->mul[i / 2],
                                            { .x_below_128 = i % 2, .level = -1, .plan = -1 } };
    if (st == AXM_OK)
        st = gemm_bench(s, b->c, (size_t)(2 * b->n), &o, &gather, &onednn, b->r);
    if (st != AXM_OK)
        return st;
    baseline_row(b, text, "any", "gather", gather, gather, onednn);
    baseline_row(b, text, "exact", "onednn", onednn, gather, onednn);
    for (int i = 0; i < 2 * b->n; i++) {
        table_text(b->t, text);
        table_text(b->t, axm_mul_name(b->mul[i / 2]));
        table_text(b->t, i % 2 ? "x < 128" : "any");
        table_text(b->t, b->r[i].plan);
        table_real(b->t, b->r[i].gmacs);
        table_real(b->t, b->r[i].per_gather);
        table_real(b->t, b->r[i].per_onednn);
        table_real(b->t, b->r[i].two_cores);
    }
    return AXM_OK;
}

static enum axm_status run_all(struct bench *b, const struct cli_args *args)
{
    const char *shape[64];
    int shapes = 0;
    enum axm_status st = AXM_OK;
    for (const char *s; shapes < 64 && (s = cli_get_nth(args, "shape", shapes));)
        shape[shapes++] = s;
    if (!shapes)
        for (size_t i = 0; i < sizeof default_shapes / sizeof *default_shapes; i++)
            shape[shapes++] = default_shapes[i];
    bool given = cli_get_nth(args, "mult", 0);
    for (int i = 0; st == AXM_OK && given && cli_get_nth(args, "mult", i); i++)
        st = add(b, cli_get_nth(args, "mult", i));
    if (st == AXM_OK && !given)
        st = add(b, NULL);
    if (st == AXM_OK && !given)
        st = add(b, "exact8s");
    for (int i = 0; i < shapes && st == AXM_OK; i++)
        st = run_shape(b, shape[i], true);
    if (st == AXM_OK && !given) {
        clear(b);
        st = add_all_scdm(b);
        if (st == AXM_OK)
            st = run_shape(b, shape[shapes - 1], false);
    }
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    const char *seconds = cli_get(args, "seconds");
    char *end = NULL;
    double s = seconds ? strtod(seconds, &end) : 2;
    if (seconds && (end == seconds || *end || !(s > 0 && s <= 3600)))
        return fail(AXM_USAGE, "--seconds must be above 0 and at most 3600, got \"%s\"", seconds);
    struct bench *b = calloc(1, sizeof *b);
    struct table *t = table_new(columns, COLUMNS);
    enum axm_status st = b && t ? gemm_level_check() : fail(AXM_ENV, "bench-gemm: out of memory");
    if (st == AXM_OK) {
        b->t = t;
        b->seconds = s;
        b->warm = cli_flag(args, "warm");
        b->seed = args->seed;
        st = run_all(b, args);
        clear(b);
    }
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    table_free(t);
    free(b);
    return st;
}

const struct cli_command cmd_bench_gemm = {
    .name = "bench-gemm",
    .synopsis = "[--shape MxKxN]... [--mult SPEC]...",
    .brief = "speed of matrix products through approximate multipliers",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_max = 0,
    .run = run,
};
