/* Plots by gnuplot: the product map of the first paper's appendix A.1, the
 * error map, the error histogram. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "cli/common.h"
#include "cmodel/lut.h"

static const struct cli_option options[] = {
    { "output", 'o', "FILE", "FILE.svg or FILE.png" },
    { "range", 0, "LO..HI", "operand values on both axes (product: -10..10, else all)" },
    { 0 },
};

static const char help[] =
    "product    the product of every pair of operands, red to green, as in the first\n"
    "           paper's appendix; up to 21 x 21 values are printed into the map\n"
    "error      the error (approximate - exact) of every pair, blue below, red above 0\n"
    "histogram  how often each error occurs\n"
    "\n"
    "Up to 24 address bits; maps of more than 1024 x 1024 pairs need --range.\n"
    "\n"
    "  axmul plot product scdm8s_x5_y2 -o map.svg\n"
    "  axmul plot error drum8u_k4 -o error.png\n"
    "  axmul plot histogram trunc8u_c6 -o histogram.svg\n";

enum kind { PRODUCT, ERROR, HISTOGRAM, KINDS };
static const char *const kinds[KINDS] = { "product", "error", "histogram" };

struct plot {
    enum kind kind;
    const struct axm_mul *mul;
    struct axm_lut lut;
    int64_t lo, hi;             /* operand values on both axes, clamped to the operands */
    const char *ending;         /* svg or png */
};

enum { MAP_SIDE_MAX = 1024, LABEL_SIDE_MAX = 21 };

static int64_t lowest(const struct plot *p, int width)
{
    return p->lut.is_signed ? -((int64_t)1 << (width - 1)) : 0;
}

static int64_t highest(const struct plot *p, int width)
{
    return ((int64_t)1 << (width - p->lut.is_signed)) - 1;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static int32_t product_at(const struct plot *p, int64_t a, int64_t b)
{
    return axm_lut_at(&p->lut, (uint32_t)((uint64_t)a & axm_mask(p->lut.width_a)),
                      (uint32_t)((uint64_t)b & axm_mask(p->lut.width_b)));
}

/* Rows of "a b value" with blank lines between the rows, as `with image` wants them. */
static void add_map(const struct plot *p, struct strbuf *out)
{
    int64_t a_lo = clamp(p->lo, lowest(p, p->lut.width_a), highest(p, p->lut.width_a));
    int64_t a_hi = clamp(p->hi, a_lo, highest(p, p->lut.width_a));
    int64_t b_lo = clamp(p->lo, lowest(p, p->lut.width_b), highest(p, p->lut.width_b));
    int64_t b_hi = clamp(p->hi, b_lo, highest(p, p->lut.width_b));
    for (int64_t a = a_lo; a <= a_hi; a++) {
        for (int64_t b = b_lo; b <= b_hi; b++)
            strbuf_addf(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n", a, b,
                        product_at(p, a, b) - (p->kind == ERROR ? a * b : 0));
        strbuf_adds(out, "\n");
    }
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* Rows of "error count", or of bins of equal width where there are many. */
static enum axm_status add_histogram(const struct plot *p, struct strbuf *out, double *bin)
{
    size_t n = 0, pairs = (size_t)1 << (p->lut.width_a + p->lut.width_b);
    int64_t *e = malloc(pairs * sizeof *e);
    if (!e)
        return fail(AXM_ENV, "plot: out of memory");
    for (uint32_t a = 0; a < 1u << p->lut.width_a; a++)
        for (uint32_t b = 0; b < 1u << p->lut.width_b; b++) {
            int64_t va = p->lut.is_signed ? axm_sign_extend(a, p->lut.width_a) : (int64_t)a;
            int64_t vb = p->lut.is_signed ? axm_sign_extend(b, p->lut.width_b) : (int64_t)b;
            e[n++] = axm_lut_at(&p->lut, a, b) - va * vb;
        }
    qsort(e, n, sizeof *e, by_value);
    int64_t span = e[n - 1] - e[0] + 1, width = (span + 200) / 201;
    for (size_t i = 0; i < n;) {
        int64_t from = e[0] + (e[i] - e[0]) / width * width;
        size_t first = i;
        while (i < n && e[i] < from + width)
            i++;
        strbuf_addf(out, "%.1f %zu\n", (double)from + (double)(width - 1) / 2, i - first);
    }
    *bin = (double)width;
    free(e);
    return AXM_OK;
}

/* gnuplot strings in double quotes: nothing in a spec of ours needs more. */
static void add_title(struct strbuf *out, const struct plot *p, const char *what)
{
    strbuf_addf(out, "set title \"%s of ", what);
    for (const char *c = axm_mul_name(p->mul); *c; c++) {
        if (*c == '_')
            strbuf_adds(out, "\\\\_");
        else if (*c != '"' && *c != '\\')
            strbuf_add(out, c, 1);
    }
    strbuf_adds(out, "\"\n");
}

static void add_script(const struct plot *p, const char *data, const char *image, double bin, struct strbuf *out)
{
    int64_t side = p->hi - p->lo + 1;
    bool svg = !strcmp(p->ending, "svg"), labels = p->kind == PRODUCT && side <= LABEL_SIDE_MAX;
    int height = p->kind == HISTOGRAM ? 600 : 860;
    if (svg)
        strbuf_addf(out, "set terminal svg size 960,%d font \"sans,13\" background \"white\"\n", height);
    else
        strbuf_addf(out, "set terminal pngcairo size 960,%d font \"sans,11\"\n", height);
    strbuf_addf(out, "set output \"%s\"\nset encoding utf8\n", image);
    if (p->kind == HISTOGRAM) {
        add_title(out, p, "Errors");
        strbuf_addf(out, "set xlabel \"approximate - exact\"\nset ylabel \"operand pairs\"\nset logscale y\n"
                    "set yrange [0.5:*]\nset grid y\nunset key\nset style fill solid 0.8 noborder\nset boxwidth %g\n"
                    "plot \"%s\" using 1:2 with boxes linecolor rgb \"#3465a4\"\n", bin, data);
        return;
    }
    add_title(out, p, p->kind == PRODUCT ? "Product" : "Error (approximate - exact)");
    strbuf_adds(out, "set xlabel \"a\"\nset ylabel \"b\"\nset size ratio -1\nunset key\nset tics out nomirror\n");
    strbuf_addf(out, "stats \"%s\" using 3 nooutput\nm = abs(STATS_min) > abs(STATS_max) ? abs(STATS_min) : abs(STATS_max)\n"
                "m = m == 0 ? 1 : m\n", data);
    if (p->kind == PRODUCT)
        strbuf_adds(out, "set palette defined (-1 \"#c0392b\", 0 \"#f7f2c4\", 1 \"#1e8449\")\n");
    else
        strbuf_adds(out, "set palette defined (-1 \"#2166ac\", 0 \"#f7f7f7\", 1 \"#b2182b\")\n");
    strbuf_addf(out, "set cbrange [-m:m]\nset autoscale fix\nplot \"%s\" using 1:2:3 with image%s", data,
                svg ? " pixels" : "");
    if (labels)
        strbuf_addf(out, ", \"%s\" using 1:2:(sprintf(\"%%d\", $3)) with labels font \"sans,%d\"", data, svg ? 9 : 7);
    strbuf_adds(out, "\n");
}

/* Data, script and image in a scratch directory; the finished image is copied out. */
static enum axm_status draw_in(const struct plot *p, const char *dir, const char *path)
{
    struct strbuf data = { 0 }, script = { 0 }, image_path = { 0 }, data_path = { 0 }, script_path = { 0 }, image = { 0 };
    double bin = 1;
    enum axm_status st = AXM_OK;
    strbuf_addf(&data_path, "%s/data", dir);
    strbuf_addf(&script_path, "%s/script", dir);
    strbuf_addf(&image_path, "%s/image", dir);
    if (p->kind == HISTOGRAM)
        st = add_histogram(p, &data, &bin);
    else
        add_map(p, &data);
    if (st == AXM_OK && (image_path.failed || data_path.failed || script_path.failed || data.failed))
        st = fail(AXM_ENV, "plot: out of memory");
    if (st == AXM_OK)
        add_script(p, data_path.s, image_path.s, bin, &script);
    if (st == AXM_OK && script.failed)
        st = fail(AXM_ENV, "plot: out of memory");
    if (st == AXM_OK)
        st = file_write(data_path.s, data.s, data.len);
    if (st == AXM_OK)
        st = file_write(script_path.s, script.s, script.len);
    if (st == AXM_OK)
        st = proc_run((const char *const[]){ "gnuplot", script_path.s, NULL }, &(struct proc_opts){ .timeout_s = 300 });
    if (st == AXM_OK)
        st = file_read(image_path.s, (size_t)1 << 30, &image);
    if (st == AXM_OK)
        st = file_write(path, image.s, image.len);
    strbuf_release(&data);
    strbuf_release(&script);
    strbuf_release(&image);
    strbuf_release(&image_path);
    strbuf_release(&data_path);
    strbuf_release(&script_path);
    return st;
}

static enum axm_status parse_range(const char *text, int64_t *lo, int64_t *hi)
{
    long long a, b;
    char end;
    if (sscanf(text, "%lld..%lld%c", &a, &b, &end) != 2 || a >= b)
        return fail(AXM_USAGE, "--range must be LO..HI with LO below HI, like -10..10, got \"%s\"", text);
    *lo = a;
    *hi = b;
    return AXM_OK;
}

static enum axm_status choose_range(const struct cli_args *args, struct plot *p)
{
    const char *range = cli_get(args, "range");
    int64_t lo = lowest(p, p->lut.width_a), hi = highest(p, p->lut.width_a);
    if (lowest(p, p->lut.width_b) < lo)
        lo = lowest(p, p->lut.width_b);
    if (highest(p, p->lut.width_b) > hi)
        hi = highest(p, p->lut.width_b);
    p->lo = p->kind == PRODUCT ? clamp(-10, lo, hi) : lo;
    p->hi = p->kind == PRODUCT ? clamp(10, lo, hi) : hi;
    if (range && p->kind == HISTOGRAM)
        return fail(AXM_USAGE, "plot histogram: counts all operands, --range has no meaning");
    enum axm_status st = range ? parse_range(range, &p->lo, &p->hi) : AXM_OK;
    if (st != AXM_OK)
        return st;
    if (p->hi < lo || p->lo > hi)
        return fail(AXM_USAGE, "--range: operands of %s are %" PRId64 "..%" PRId64, axm_mul_name(p->mul), lo, hi);
    p->lo = clamp(p->lo, lo, hi);
    p->hi = clamp(p->hi, lo, hi);
    if (p->kind != HISTOGRAM && p->hi - p->lo >= MAP_SIDE_MAX)
        return fail(AXM_USAGE, "plot: a map of %" PRId64 " x %" PRId64 " pairs is too large; give --range of at most %d values",
                    p->hi - p->lo + 1, p->hi - p->lo + 1, MAP_SIDE_MAX);
    return AXM_OK;
}

static enum axm_status draw(const struct cli_args *args, struct plot *p, const char *path)
{
    struct strbuf dir = { 0 };
    enum axm_status st = choose_range(args, p);
    if (st == AXM_OK)
        st = proc_need("gnuplot", "gnuplot-nox");
    if (st == AXM_OK)
        st = file_scratch_dir(&dir);
    if (st == AXM_OK) {
        st = draw_in(p, dir.s, path);
        file_remove_tree(dir.s);
    }
    strbuf_release(&dir);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    const char *path = cli_get(args, "output");
    struct plot p = { .kind = KINDS };
    struct axm_mul *m;
    for (int k = 0; k < KINDS; k++)
        if (!strcmp(args->operand[0], kinds[k]))
            p.kind = (enum kind)k;
    if (p.kind == KINDS)
        return fail(AXM_USAGE, "plot: what is product, error or histogram, got \"%s\"", args->operand[0]);
    p.ending = path ? cli_ending(path) : "";
    if (strcmp(p.ending, "svg") && strcmp(p.ending, "png"))
        return fail(AXM_USAGE, "plot: say where the picture goes: -o FILE.svg or -o FILE.png");
    enum axm_status st = axm_mul_open(args->operand[1], &m);
    if (st != AXM_OK)
        return st;
    p.mul = m;
    st = axm_lut_build(m, &p.lut);
    if (st == AXM_OK) {
        st = draw(args, &p, path);
        axm_lut_release(&p.lut);
    }
    axm_mul_close(m);
    return st;
}

const struct cli_command cmd_plot = {
    .name = "plot",
    .synopsis = "product|error|histogram SPEC -o FILE.svg|FILE.png",
    .brief = "product map, error map, error histogram",
    .help = help,
    .options = options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run,
};
