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
#include "cmodel/metrics.h"

#define FORMATS "svg|png"
#define KIND_WORDS "product|error|histogram"   /* in the order of enum kind */

static const struct cli_option options[] = {
    { "output", 'o', "FILE|DIR", "where the picture goes; its ending says the format; - is standard output" },
    { "as", 0, FORMATS, "the format, where no file name ending says it (default svg)" },
    { "range", 0, "LO..HI", "operand values on both axes (product: -10..10, else all)" },
    { 0 },
};

static const char help[] =
    "product    the product of every pair of operands, red to green, as in the first\n"
    "           paper's appendix; up to 21 x 21 values are printed into the map\n"
    "error      the error (approximate - exact) of every pair, blue below, red above 0\n"
    "histogram  how often each error occurs\n"
    "\n"
    "Maps of more than 1024 x 1024 pairs need --range; histograms are of multipliers\n"
    "of up to 24 address bits, and so are the error metrics under the title (over all\n"
    "operand pairs).\n"
    "\n"
    "  axmul plot product scdm8s_x5_y2 -o map.svg\n"
    "  axmul plot error drum8u_k4 -o error.png\n"
    "  axmul plot histogram trunc8u_c6 -o histogram.svg\n";

enum kind { PRODUCT, ERROR, HISTOGRAM };

struct plot {
    enum kind kind;
    const struct axm_mul *mul;
    struct axm_lut lut;         /* value NULL: too wide for one; then only a part is drawn */
    int64_t lo, hi;             /* operand values on both axes, clamped to the operands */
    bool svg;                   /* else PNG */
};

enum { MAP_SIDE_MAX = 1024, LABEL_SIDE_MAX = 21 };

static int64_t lowest(const struct axm_mul *m, int width)
{
    return axm_mul_signed(m) ? -((int64_t)1 << (width - 1)) : 0;
}

static int64_t highest(const struct axm_mul *m, int width)
{
    return ((int64_t)1 << (width - axm_mul_signed(m))) - 1;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* approximate - exact, modulo 2^64: right below 2^63, which only unsigned 32 x 32
 * bits could pass. */
static int64_t error_of(const struct axm_mul *m, uint64_t product, uint64_t exact)
{
    int width = axm_mul_width_product(m);
    return axm_mul_signed(m) ? axm_sign_extend(product, width) - axm_sign_extend(exact, width)
                             : (int64_t)(product - exact);
}

/* Rows of "a b value" with blank lines between the rows, as `with image` wants them. */
static void add_map(const struct plot *p, struct strbuf *out)
{
    const struct axm_mul *m = p->mul;
    int width_a = axm_mul_width_a(m), width_b = axm_mul_width_b(m), width = axm_mul_width_product(m);
    int64_t a_lo = clamp(p->lo, lowest(m, width_a), highest(m, width_a));
    int64_t a_hi = clamp(p->hi, a_lo, highest(m, width_a));
    int64_t b_lo = clamp(p->lo, lowest(m, width_b), highest(m, width_b));
    int64_t b_hi = clamp(p->hi, b_lo, highest(m, width_b));
    for (int64_t a = a_lo; a <= a_hi; a++) {
        for (int64_t b = b_lo; b <= b_hi; b++) {
            char text[24];
            uint64_t product = axm_eval(m, (uint64_t)a, (uint64_t)b);
            if (p->kind == PRODUCT)
                cli_value_text(product, width, axm_mul_signed(m), text);
            else
                snprintf(text, sizeof text, "%" PRId64,
                         error_of(m, product, axm_eval_exact(m, (uint64_t)a, (uint64_t)b)));
            strbuf_addf(out, "%" PRId64 " %" PRId64 " %s\n", a, b, text);
        }
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
        for (uint32_t b = 0; b < 1u << p->lut.width_b; b++)
            e[n++] = axm_lut_at(&p->lut, a, b) - axm_mul_value(p->mul, axm_eval_exact(p->mul, a, b),
                                                               axm_mul_width_product(p->mul));
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

/* "Product of scdm8s_x5_y2" and, if there is a table, a line of metrics.  Enhanced
 * text is off, so that only the quote and the backslash of gnuplot's strings matter. */
static enum axm_status add_title(struct strbuf *out, const struct plot *p, const char *what)
{
    struct axm_metrics x;
    enum axm_status st = p->lut.value ? axm_metrics_from_lut(&p->lut, &x) : AXM_OK;
    if (st != AXM_OK)
        return st;
    strbuf_addf(out, "set title \"%s of ", what);
    for (const char *c = axm_mul_name(p->mul); *c; c++)
        strbuf_addf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    if (p->lut.value && x.wce > 0)
        strbuf_addf(out, "\\nMAE %.5g, WCE %.9g, MRE %.4g %%, EP %.4g %%, bias %.5g, entropy %.3f bits",
                    x.mae.value, x.wce, x.mre_percent.value, x.ep_percent.value, x.bias.value,
                    x.entropy_bits);
    else if (p->lut.value)
        strbuf_addf(out, "\\nexact, entropy %.3f bits", x.entropy_bits);
    strbuf_adds(out, "\"\n");
    return AXM_OK;
}

static void add_histogram_script(const char *data, double bin, struct strbuf *out)
{
    /* The range is for multipliers with one error: its bar would fill the picture. */
    strbuf_addf(out, "stats \"%s\" using 1 nooutput\n"
                "if (STATS_max == STATS_min) set xrange [STATS_min - 10 : STATS_max + 10]\n", data);
    strbuf_addf(out, "set xlabel \"approximate - exact%s\"\nset ylabel \"operand pairs\"\nset logscale y\n"
                "set yrange [0.5:*]\nset grid y\nunset key\n"
                "set style fill solid 0.8 noborder\nset boxwidth %g\n",
                bin > 1 ? " (binned)" : "", bin);
    strbuf_addf(out, "plot \"%s\" using 1:2 with boxes linecolor rgb \"#3465a4\"\n", data);
}

static void add_map_script(const struct plot *p, const char *data, struct strbuf *out)
{
    bool small = p->hi - p->lo < LABEL_SIDE_MAX, labels = p->kind == PRODUCT && small;
    strbuf_addf(out, "set xlabel \"a\"\nset ylabel \"b\"\nset size ratio -1\n"
                "unset key\nset tics out nomirror%s\n",
                small ? " 1" : "");
    strbuf_addf(out, "stats \"%s\" using 3 nooutput\n"
                "m = abs(STATS_min) > abs(STATS_max) ? abs(STATS_min) : abs(STATS_max)\n"
                "m = m == 0 ? 1 : m\n", data);
    if (p->kind == PRODUCT)
        strbuf_adds(out, "set palette defined (-1 \"#c0392b\", 0 \"#f7f2c4\", 1 \"#1e8449\")\n");
    else
        strbuf_adds(out, "set palette defined (-1 \"#2166ac\", 0 \"#f7f7f7\", 1 \"#b2182b\")\n");
    strbuf_addf(out, "set cbrange [-m:m]\nset cbtics autofreq\nset autoscale fix\n"
                "plot \"%s\" using 1:2:3 with image%s", data, p->svg ? " pixels" : "");
    if (labels)
        strbuf_addf(out, ", \"%s\" using 1:2:(sprintf(\"%%d\", $3)) with labels font \"sans,%d\"", data,
                    p->svg ? 9 : 7);
    strbuf_adds(out, "\n");
}

static enum axm_status add_script(const struct plot *p, const char *data, const char *image, double bin,
                                  struct strbuf *out)
{
    static const char *const titles[] = { "Product", "Error (approximate - exact)", "Errors" };
    strbuf_addf(out,
                p->svg ? "set terminal svg noenhanced size 960,%d font \"sans,13\" background \"white\"\n"
                       : "set terminal pngcairo noenhanced size 960,%d font \"sans,11\"\n",
                p->kind == HISTOGRAM ? 600 : 880);
    strbuf_addf(out, "set output \"%s\"\nset encoding utf8\n", image);
    enum axm_status st = add_title(out, p, titles[p->kind]);
    if (st == AXM_OK && p->kind == HISTOGRAM)
        add_histogram_script(data, bin, out);
    else if (st == AXM_OK)
        add_map_script(p, data, out);
    return st;
}

/* Data, script and image in a scratch directory; the finished image is copied out. */
static enum axm_status draw_in(const struct plot *p, const char *dir, const char *path)
{
    struct strbuf data = { 0 }, script = { 0 }, image = { 0 };
    struct strbuf data_path = { 0 }, script_path = { 0 }, image_path = { 0 };
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
        st = add_script(p, data_path.s, image_path.s, bin, &script);
    if (st == AXM_OK && script.failed)
        st = fail(AXM_ENV, "plot: out of memory");
    if (st == AXM_OK)
        st = file_write(data_path.s, data.s, data.len);
    if (st == AXM_OK)
        st = file_write(script_path.s, script.s, script.len);
    if (st == AXM_OK)
        st = proc_run((const char *const[]){ "gnuplot", script_path.s, NULL },
                      &(struct proc_opts){ .timeout_s = 300 });
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
    int width_a = axm_mul_width_a(p->mul), width_b = axm_mul_width_b(p->mul);
    int widest = width_a > width_b ? width_a : width_b;
    int64_t lo = lowest(p->mul, widest), hi = highest(p->mul, widest);
    p->lo = p->kind == PRODUCT ? clamp(-10, lo, hi) : lo;
    p->hi = p->kind == PRODUCT ? clamp(10, lo, hi) : hi;
    if (range && p->kind == HISTOGRAM)
        return fail(AXM_USAGE, "plot histogram: counts all operands, --range has no meaning");
    enum axm_status st = range ? parse_range(range, &p->lo, &p->hi) : AXM_OK;
    if (st != AXM_OK)
        return st;
    if (p->hi < lo || p->lo > hi)
        return fail(AXM_USAGE, "--range: operands of %s are %" PRId64 "..%" PRId64 ", got %s",
                    axm_mul_name(p->mul), lo, hi, range);
    p->lo = clamp(p->lo, lo, hi);
    p->hi = clamp(p->hi, lo, hi);
    if (p->kind != HISTOGRAM && p->hi - p->lo >= MAP_SIDE_MAX)
        return fail(AXM_USAGE, "plot: a map has at most %d x %d pairs, got %" PRId64 " x %" PRId64
                    "; say which with --range LO..HI", MAP_SIDE_MAX, MAP_SIDE_MAX, p->hi - p->lo + 1,
                    p->hi - p->lo + 1);
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
    struct cli_output out = {
        .o = cli_get(args, "output"), .as = cli_get(args, "as"), .formats = FORMATS, .results = 1,
    };
    int kind = cli_word(KIND_WORDS, args->operand[0]), format;
    char path[CLI_PATH_MAX], words[CLI_WORDS_TEXT];
    struct strbuf name = { 0 };
    struct axm_mul *m;
    if (kind < 0)
        return fail(AXM_USAGE, "plot: what to plot must be %s, got \"%s\"", cli_words_text(KIND_WORDS, words),
                    args->operand[0]);
    if (!out.o)
        return fail(AXM_USAGE, "plot: say where the picture goes: -o FILE.svg or FILE.png");
    enum axm_status st = axm_mul_open(args->operand[1], &m);
    if (st != AXM_OK)
        return st;
    struct plot p = { .kind = (enum kind)kind, .mul = m };
    strbuf_addf(&name, "%s_%s", axm_mul_name(m), args->operand[0]);
    st = name.failed ? fail(AXM_ENV, "plot: out of memory") : cli_output_path(&out, name.s, path, &format);
    /* A map can do without; a histogram is refused by this if too wide. */
    if (st == AXM_OK && (p.kind == HISTOGRAM || axm_mul_width_product(m) <= AXM_LUT_BITS_MAX))
        st = axm_lut_build(m, &p.lut);
    if (st == AXM_OK) {
        p.svg = format == 0;
        st = draw(args, &p, path);
        axm_lut_release(&p.lut);
    }
    strbuf_release(&name);
    axm_mul_close(m);
    return st;
}

const struct cli_command cmd_plot = {
    .name = "plot",
    .synopsis = KIND_WORDS " SPEC -o FILE.svg|FILE.png",
    .brief = "product map, error map, error histogram",
    .help = help,
    .options = options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run,
};
