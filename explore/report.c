#include "explore/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/pool.h"
#include "base/progress.h"
#include "cmodel/lut.h"
#include "cmodel/metrics.h"
#include "explore/csv.h"
#include "explore/report_data.h"
#include "synth/coef.h"

enum { CONDITIONS_MAX = 12, MAP_OPERAND_BITS = 8, SAMPLES = 1 << 20, DIGITS = 9 };

/* Which of the multipliers get a heat map while there is room. */
enum rank { RANK_PAPER, RANK_NAMED, RANK_FRONT, RANK_OTHER };

struct multiplier {
    char *spec;
    struct axm_spec parsed;
    bool known;                       /* parsed is one; else a foreign circuit's name */
    enum rank rank;
    struct axm_metrics error;
    struct strbuf map;                /* empty: none */
    bool mapped;                      /* and there is room for it */
    struct measurement *at;           /* [conditions]; cells 0: not measured so */
};

/* Under which conditions something was measured. */
struct condition {
    char *liberty, *mode, *stimulus;
    int rows;
};

struct report {
    const struct report_opts *o;
    struct multiplier *mult;
    size_t n, room;
    struct condition condition[CONDITIONS_MAX];
    int conditions, conditions_all;
    char *newest;                     /* measurement */
    long measurements;
    struct progress *bar;
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "report: out of memory");
}

/* --- heat maps ------------------------------------------------------------------------------- */

enum axm_status report_pack_map(const struct axm_lut *l, struct strbuf *out)
{
    int rows = 1 << l->width_a, columns = 1 << l->width_b;
    int low_a = l->is_signed ? -rows / 2 : 0, low_b = l->is_signed ? -columns / 2 : 0;
    size_t cells = (size_t)rows * (size_t)columns;
    uLongf packed = compressBound(2 * cells);
    uint8_t *plane = malloc(2 * cells), *bytes = malloc(packed);
    uint16_t *above = calloc((size_t)columns, sizeof *above);
    enum axm_status st = plane && bytes && above ? AXM_OK : out_of_memory();
    for (int i = 0; i < rows && st == AXM_OK; i++) {
        uint16_t left = 0;
        for (int k = 0; k < columns; k++) {
            int a = low_a + i, b = low_b + k;
            uint32_t pattern_a = (uint32_t)(a & (rows - 1)), pattern_b = (uint32_t)(b & (columns - 1));
            uint16_t error = (uint16_t)(axm_lut_at(l, pattern_a, pattern_b) - a * b);
            uint16_t along = (uint16_t)(error - left), change = (uint16_t)(along - above[k]);
            size_t at = (size_t)i * (size_t)columns + (size_t)k;
            plane[at] = (uint8_t)change;
            plane[cells + at] = (uint8_t)(change >> 8);
            left = error;
            above[k] = along;
        }
    }
    if (st == AXM_OK && compress2(bytes, &packed, plane, 2 * cells, 9) != Z_OK)
        st = out_of_memory();
    if (st == AXM_OK)
        strbuf_add(out, bytes, packed);
    free(plane);
    free(bytes);
    free(above);
    return st == AXM_OK && out->failed ? out_of_memory() : st;
}

void report_base64(const void *data, size_t len, struct strbuf *out)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *s = data;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)s[i] << 16 | (n > 1 ? (uint32_t)s[i + 1] << 8 : 0) | (n > 2 ? s[i + 2] : 0);
        char four[4] = { digit[v >> 18], digit[v >> 12 & 63], n > 1 ? digit[v >> 6 & 63] : '=',
                         n > 2 ? digit[v & 63] : '=' };
        strbuf_add(out, four, 4);
    }
}

/* --- which multipliers -------------------------------------------------------------------------- */

/* The store also has names of files, which no parser should complain about. */
static bool looks_like_spec(const char *text)
{
    char family[AXM_SPEC_MAX];
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    if (!n || n >= sizeof family || text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")])
        return false;
    memcpy(family, text, n);
    family[n] = '\0';
    return axm_family_find(family) && text[n] >= '0' && text[n] <= '9';
}

/* Finds or adds; NULL after a failure that was reported. */
static struct multiplier *add_multiplier(struct report *r, const char *spec, enum rank rank)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->mult[i].spec, spec)) {
            if (rank < r->mult[i].rank)
                r->mult[i].rank = rank;
            return &r->mult[i];
        }
    if (r->n == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        struct multiplier *grown = realloc(r->mult, room * sizeof *grown);
        if (!grown)
            return out_of_memory(), NULL;
        r->mult = grown;
        r->room = room;
    }
    struct multiplier *m = &r->mult[r->n];
    *m = (struct multiplier){ .spec = strdup(spec), .rank = rank,
                              .at = calloc(CONDITIONS_MAX, sizeof *m->at) };
    if (!m->spec || !m->at) {
        free(m->spec);
        free(m->at);
        return out_of_memory(), NULL;
    }
    m->known = looks_like_spec(spec) && axm_spec_parse(spec, &m->parsed) == AXM_OK;
    r->n++;
    return m;
}

static enum axm_status add_paper(struct report *r)
{
    char text[AXM_SPEC_MAX];
    struct axm_spec s, base;
    for (int i = 0; i < COEF_PUBLISHED; i++) {
        coef_published_spec(i, &s);
        axm_spec_print(&s, text);
        if (!add_multiplier(r, text, RANK_PAPER))
            return AXM_ENV;
    }
    for (int b = 0; b < COEF_BASELINES; b++) {
        coef_baseline_spec(&s, (enum coef_baseline)b, &base);
        axm_spec_print(&base, text);
        if (!add_multiplier(r, text, RANK_PAPER))
            return AXM_ENV;
    }
    return AXM_OK;
}

static enum axm_status add_named(struct report *r)
{
    for (int i = 0; i < r->o->n_specs; i++) {
        char text[AXM_SPEC_MAX];
        struct axm_spec s;
        enum axm_status st = axm_spec_parse(r->o->spec[i], &s);
        if (st != AXM_OK)
            return st;
        axm_spec_print(&s, text);
        if (!add_multiplier(r, text, RANK_NAMED))
            return AXM_ENV;
    }
    return AXM_OK;
}

/* --- what the store has --------------------------------------------------------------------------- */

static enum axm_status add_condition(void *ctx, int n, const char *const *names, const char *const *values,
                                     const int *is_number)
{
    struct report *r = ctx;
    (void)n, (void)names, (void)is_number;
    if (r->conditions_all++ >= CONDITIONS_MAX)
        return AXM_OK;
    struct condition *c = &r->condition[r->conditions++];
    *c = (struct condition){ strdup(values[0]), strdup(values[1]), strdup(values[2]), atoi(values[3]) };
    return c->liberty && c->mode && c->stimulus ? AXM_OK : out_of_memory();
}

static double number(const char *s)
{
    return s ? strtod(s, NULL) : NAN;
}

/* Rows come in the order in which they were measured: the newest stays. */
static enum axm_status add_measurement(void *ctx, int n, const char *const *names, const char *const *values,
                                       const int *is_number)
{
    struct report *r = ctx;
    (void)n, (void)names, (void)is_number;
    r->measurements++;
    if (!r->newest || strcmp(values[12], r->newest) > 0) {
        free(r->newest);
        r->newest = strdup(values[12]);
        if (!r->newest)
            return out_of_memory();
    }
    struct multiplier *m = add_multiplier(r, values[0], RANK_OTHER);
    if (!m)
        return AXM_ENV;
    for (int c = 0; c < r->conditions; c++) {
        const struct condition *k = &r->condition[c];
        if (strcmp(k->liberty, values[1]) || strcmp(k->mode, values[2]) || strcmp(k->stimulus, values[3]))
            continue;
        m->at[c] = (struct measurement){
            .area_um2 = number(values[4]), .cells = atoi(values[5]), .delay_ns = number(values[6]),
            .leakage_nw = number(values[7]),
            .energy_pj = { number(values[8]), number(values[9]), number(values[10]) } };
    }
    return AXM_OK;
}

/* Operands, slew and load in words.  Version 2 of the store did not say the load. */
#define STIMULUS \
    "stimulus || iif(input_slew_ns IS NULL, ', load not recorded'," \
    " printf(', %g ns, %g pF', input_slew_ns, output_load_pf))"

static enum axm_status read_store(struct report *r)
{
    /* What covers Table 4 first, then what has most multipliers; the default mode counts twice. */
    static const char conditions[] =
        "SELECT liberty, mode, " STIMULUS ", count(DISTINCT spec) FROM measurement GROUP BY 1, 2, 3"
        " ORDER BY input_slew_ns IS NULL,"
        " count(DISTINCT iif(spec GLOB 'scdm8s_x[4-8]_y[1-4]', spec, NULL)) DESC,"
        " count(DISTINCT spec) * (1 + (mode = 'adders')) DESC, 1, 2, 3";
    static const char rows[] =
        "SELECT spec, liberty, mode, " STIMULUS ", area_um2, cells, delay_ns, leakage_nw, energy_zero_pj,"
        " energy_unit_pj, energy_liberty_pj, key, measured_at FROM measurement ORDER BY measured_at, key";
    enum axm_status st = store_query(r->o->store, conditions, add_condition, r);
    if (st == AXM_OK)
        st = store_query(r->o->store, rows, add_measurement, r);
    return st;
}

/* By family as in the tables of families, width, sign, then parameters; foreign ones last. */
static int by_spec(const void *x, const void *y)
{
    const struct multiplier *a = x, *b = y;
    if (a->known != b->known)
        return b->known - a->known;
    if (!a->known)
        return strcmp(a->spec, b->spec);
    int d = axm_family_index(a->parsed.family) - axm_family_index(b->parsed.family);
    if (!d)
        d = a->parsed.width_a - b->parsed.width_a;
    if (!d)
        d = a->parsed.width_b - b->parsed.width_b;
    if (!d)
        d = a->parsed.is_signed - b->parsed.is_signed;
    if (!d)
        d = a->parsed.form - b->parsed.form;
    for (int i = 0; i < AXM_PARAMS && !d; i++)
        d = a->parsed.p[i] - b->parsed.p[i];
    return d ? d : strcmp(a->spec, b->spec);
}

/* --- what is computed ------------------------------------------------------------------------------ */

static enum axm_status compute_one(void *ctx, size_t item, int worker)
{
    struct report *r = ctx;
    struct multiplier *m = &r->mult[item];
    struct axm_mul *mul;
    struct axm_lut lut;
    (void)worker;
    if (!m->known)
        return AXM_OK;
    enum axm_status st = axm_mul_open_spec(&m->parsed, &mul);
    if (st != AXM_OK)
        return st;
    if (m->parsed.width_a > MAP_OPERAND_BITS || m->parsed.width_b > MAP_OPERAND_BITS) {
        uint64_t samples = axm_spec_product_width(&m->parsed) > AXM_LUT_BITS_MAX ? SAMPLES : 0;
        st = axm_metrics_compute(mul, &(struct axm_metrics_opts){ .samples = samples, .seed = 1 }, &m->error);
    } else {
        st = axm_lut_build(mul, &lut);
        if (st == AXM_OK) {
            st = axm_metrics_from_lut(&lut, &m->error);
            if (st == AXM_OK && r->o->map_bytes)
                st = report_pack_map(&lut, &m->map);
            axm_lut_release(&lut);
        }
    }
    axm_mul_close(mul);
    progress_add(r->bar, 1);
    return st;
}

static const struct multiplier *find(const struct report *r, const struct axm_spec *s)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->mult[i].known && axm_spec_equal(&r->mult[i].parsed, s))
            return &r->mult[i];
    return NULL;
}

/* Those that no other of the same sign and widths beats in error and area, power or energy. */
static enum axm_status rank_fronts(struct report *r)
{
    static const enum coef_column costs[] = { COEF_AREA, COEF_P1, COEF_ENERGY };
    double *error = calloc(r->n, sizeof *error), *cost = calloc(r->n, sizeof *cost);
    size_t *at = calloc(r->n, sizeof *at);
    bool *front = calloc(r->n, sizeof *front);
    enum axm_status st = error && cost && at && front ? AXM_OK : out_of_memory();
    for (int pass = 0; pass < 6 && st == AXM_OK && r->conditions; pass++) {
        size_t k = 0;
        for (size_t i = 0; i < r->n; i++) {
            const struct multiplier *m = &r->mult[i];
            if (!m->known || !m->at[0].cells || m->parsed.is_signed != (pass & 1) || !m->map.len)
                continue;
            error[k] = m->error.mae.value;
            cost[k] = coef_figure(&m->at[0], costs[pass / 2], r->o->mhz);
            at[k++] = i;
        }
        coef_pareto(error, cost, k, front);
        for (size_t i = 0; i < k; i++)
            if (front[i] && r->mult[at[i]].rank > RANK_FRONT)
                r->mult[at[i]].rank = RANK_FRONT;
    }
    free(error);
    free(cost);
    free(at);
    free(front);
    return st;
}

/* By rank, and within one in order, as long as there is room. */
static void choose_maps(struct report *r)
{
    size_t left = r->o->map_bytes;
    for (int rank = RANK_PAPER; rank <= RANK_OTHER; rank++)
        for (size_t i = 0; i < r->n; i++) {
            struct multiplier *m = &r->mult[i];
            size_t size = (m->map.len + 2) / 3 * 4;
            if ((int)m->rank != rank || !size || size > left)
                continue;
            m->mapped = true;
            left -= size;
        }
}

static enum axm_status compute(struct report *r)
{
    r->bar = progress_begin("report", r->n);
    enum axm_status st = pool_run(r->n, compute_one, r);
    progress_end(r->bar);
    if (st == AXM_OK)
        st = rank_fronts(r);
    if (st == AXM_OK)
        choose_maps(r);
    return st;
}

/* --- the page's data --------------------------------------------------------------------------------- */

static double relative(const struct report *r, const struct multiplier *m, int c, enum coef_baseline b,
                       enum coef_column column)
{
    struct axm_spec base;
    if (!m->known)
        return NAN;
    coef_baseline_spec(&m->parsed, b, &base);
    const struct multiplier *x = find(r, &base);
    return x && x->at[c].cells ? coef_value(&m->at[c], &x->at[c], column, r->o->mhz) : NAN;
}

/* In the order of the page's columns (web/data.js). */
static void add_figures(const struct report *r, const struct multiplier *m, int c, struct json *j)
{
    static const enum coef_column figures[] = { COEF_P0, COEF_P1, COEF_P2, COEF_ENERGY };
    json_open(j, '[');
    json_int(j, c);
    json_real(j, m->at[c].area_um2, DIGITS);
    json_int(j, m->at[c].cells);
    json_real(j, m->at[c].delay_ns, DIGITS);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        json_real(j, coef_figure(&m->at[c], figures[i], r->o->mhz), DIGITS);
    json_real(j, relative(r, m, c, BASELINE_SPLIT, COEF_ENERGY), DIGITS);
    json_real(j, relative(r, m, c, BASELINE_ARRAY, COEF_P1), DIGITS);
    json_close(j, ']');
}

static enum axm_status add_multipliers(const struct report *r, struct json *j, struct report_counts *n)
{
    struct strbuf text = { 0 };
    json_key(j, "multipliers");
    json_open(j, '[');
    for (size_t i = 0; i < r->n; i++) {
        const struct multiplier *m = &r->mult[i];
        const struct axm_metrics *e = &m->error;
        bool measured = false;
        json_open(j, '{');
        json_key(j, "spec");
        json_text(j, m->spec);
        if (m->known) {
            const double figure[] = { e->mae.value, e->mae_percent.value, e->wce, e->mre_percent.value,
                                      e->wcre_percent, e->ep_percent.value, e->mse.value, e->nmed.value,
                                      e->bias.value, e->entropy_bits };
            json_key(j, "family");
            json_text(j, m->parsed.family->name);
            json_key(j, "bits");
            json_open(j, '[');
            json_int(j, m->parsed.width_a);
            json_int(j, m->parsed.width_b);
            json_close(j, ']');
            json_key(j, "signed");
            json_bool(j, m->parsed.is_signed);
            json_key(j, "exhaustive");
            json_bool(j, e->exhaustive);
            json_key(j, "error");
            json_open(j, '[');
            for (size_t k = 0; k < sizeof figure / sizeof *figure; k++)
                json_real(j, figure[k], DIGITS);
            json_close(j, ']');
        }
        if (m->mapped) {
            strbuf_reset(&text);
            report_base64(m->map.s, m->map.len, &text);
            json_key(j, "map");
            json_text(j, text.s);
            n->mapped++;
        }
        json_key(j, "at");
        json_open(j, '[');
        for (int c = 0; c < r->conditions; c++)
            if (m->at[c].cells) {
                add_figures(r, m, c, j);
                measured = true;
            }
        json_close(j, ']');
        json_close(j, '}');
        n->measured += measured;
    }
    json_close(j, ']');
    n->multipliers = r->n;
    bool failed = text.failed;
    strbuf_release(&text);
    return failed ? out_of_memory() : AXM_OK;
}

/* How well each condition's two columns track Table 4; null unless it has all rows. */
static void add_conditions(const struct report *r, struct json *j)
{
    json_key(j, "conditions");
    json_open(j, '[');
    for (int c = 0; c < r->conditions; c++) {
        const struct condition *k = &r->condition[c];
        double v[2][COEF_PUBLISHED];
        bool all = true;
        for (int i = 0; i < COEF_PUBLISHED; i++) {
            struct axm_spec s;
            coef_published_spec(i, &s);
            const struct multiplier *m = find(r, &s);
            v[0][i] = m && m->at[c].cells ? relative(r, m, c, BASELINE_SPLIT, COEF_ENERGY) : NAN;
            v[1][i] = m && m->at[c].cells ? relative(r, m, c, BASELINE_ARRAY, COEF_P1) : NAN;
            all &= !isnan(v[0][i]) && !isnan(v[1][i]);
        }
        json_open(j, '{');
        json_key(j, "liberty");
        json_text(j, k->liberty);
        json_key(j, "mode");
        json_text(j, k->mode);
        json_key(j, "stimulus");
        json_text(j, k->stimulus);
        json_key(j, "multipliers");
        json_int(j, k->rows);
        json_key(j, "tracks");
        json_open(j, '[');
        for (int i = 0; i < 2 && all; i++) {
            struct coef_error e = coef_compare(v[i]);
            json_open(j, '[');
            json_real(j, e.mean, DIGITS);
            json_real(j, e.max, DIGITS);
            json_real(j, e.rho, DIGITS);
            json_close(j, ']');
        }
        json_close(j, ']');
        json_close(j, '}');
    }
    json_close(j, ']');
    json_key(j, "conditions_left_out");
    json_int(j, r->conditions_all - r->conditions);
}

static const struct embedded_file *asset(const struct report_opts *o, const char *name)
{
    for (const struct embedded_file *f = o->assets; f->path; f++) {
        size_t all = strlen(f->path), n = strlen(name);
        if (all >= n && !strcmp(f->path + all - n, name) && (all == n || f->path[all - n - 1] == '/'))
            return f;
    }
    return NULL;
}

/* Tables 3, 4 and 6 as printed; accuracies and entropies from the published CSV. */
static enum axm_status add_published(const struct report *r, struct json *j)
{
    static const double assignment_top1_percent[COEF_ASSIGNMENTS] = { 99.29, 99.36, 99.41, 99.45 };
    const struct embedded_file *f = asset(r->o, "scdm8_multipliers.csv");
    struct csv c;
    int entropy, top1, saving;
    if (!f)
        return fail(AXM_ENV, "report: the published figures are not in this program");
    enum axm_status st = csv_parse(f->text, f->size, f->path, &c);
    if (st != AXM_OK)
        return st;
    st = csv_need(&c, f->path, "output_entropy_bits", &entropy);
    if (st == AXM_OK)
        st = csv_need(&c, f->path, "mnist_top1_percent", &top1);
    if (st == AXM_OK)
        st = csv_need(&c, f->path, "energy_saving_percent", &saving);
    if (st == AXM_OK && c.rows != COEF_PUBLISHED)
        st = fail(AXM_USAGE, "%s: expected %d rows, got %zu", f->path, COEF_PUBLISHED, c.rows);
    json_key(j, "published");
    json_open(j, '[');
    for (int i = 0; i < COEF_PUBLISHED && st == AXM_OK; i++) {
        struct axm_spec s;
        char text[AXM_SPEC_MAX];
        coef_published_spec(i, &s);
        axm_spec_print(&s, text);
        json_open(j, '[');
        json_text(j, text);
        json_real(j, coef_published[i].coefficient, DIGITS);
        json_real(j, csv_number(&c, (size_t)i, entropy), DIGITS);
        json_real(j, csv_number(&c, (size_t)i, top1), DIGITS);
        json_real(j, csv_number(&c, (size_t)i, saving), DIGITS);
        json_close(j, ']');
    }
    json_close(j, ']');
    json_key(j, "assignments");
    json_open(j, '[');
    for (int i = 0; i < COEF_ASSIGNMENTS && st == AXM_OK; i++) {
        double coefficient[COEF_LAYERS];
        json_open(j, '{');
        json_key(j, "rows");
        json_open(j, '[');
        for (int l = 0; l < COEF_LAYERS; l++) {
            coefficient[l] = coef_published[coef_assignments[i].multiplier[l]].coefficient;
            json_int(j, coef_assignments[i].multiplier[l]);
        }
        json_close(j, ']');
        struct coef_saving ours = coef_network_saving(coefficient);
        json_key(j, "printed");
        json_open(j, '[');
        json_real(j, assignment_top1_percent[i], DIGITS);
        json_int(j, coef_assignments[i].saving_percent);
        json_close(j, ']');
        json_key(j, "ours");
        json_open(j, '[');
        json_real(j, ours.paper_percent, DIGITS);
        json_real(j, ours.plain_percent, DIGITS);
        json_close(j, ']');
        json_close(j, '}');
    }
    json_close(j, ']');
    csv_release(&c);
    return st;
}

static enum axm_status add_data(const struct report *r, const struct strbuf *files, struct strbuf *out,
                                struct report_counts *counts)
{
    struct json j = { .out = out };
    json_open(&j, '{');
    json_key(&j, "version");
    json_text(&j, AXM_VERSION);
    json_key(&j, "mhz");
    json_real(&j, r->o->mhz, DIGITS);
    json_key(&j, "measurements");
    json_int(&j, r->measurements);
    json_key(&j, "newest");
    json_text(&j, r->newest);
    json_key(&j, "map_bytes");
    json_int(&j, (int64_t)r->o->map_bytes);
    json_key(&j, "samples");
    json_int(&j, SAMPLES);
    add_conditions(r, &j);
    enum axm_status st = add_multipliers(r, &j, counts);
    if (st == AXM_OK)
        st = add_published(r, &j);
    strbuf_add(out, files->s, files->len);
    json_close(&j, '}');
    return st == AXM_OK && out->failed ? out_of_memory() : st;
}

/* --- the page ------------------------------------------------------------------------------------------ */

/* Parts of web/page.html that stand as "@name@". */
static const struct {
    const char *name, *files[10];
} parts[] = {
    { "style", { "uPlot.min.css", "page.css" } },
    { "library", { "uPlot.iife.min.js" } },
    { "licence", { "uPlot.LICENSE" } },
    { "script", { "data.js", "table.js", "scatter.js", "maps.js", "sections.js", "main.js" } },
    { "data", { NULL } },
};
enum { PARTS = sizeof parts / sizeof *parts };

static enum axm_status write_part(const struct report_opts *o, const char *name, size_t len,
                                  const struct strbuf *data, FILE *f)
{
    for (int p = 0; p < PARTS; p++) {
        if (strlen(parts[p].name) != len || memcmp(parts[p].name, name, len))
            continue;
        if (!parts[p].files[0])
            fwrite(data->s, 1, data->len, f);
        for (int i = 0; parts[p].files[i]; i++) {
            const struct embedded_file *x = asset(o, parts[p].files[i]);
            if (!x)
                return fail(AXM_ENV, "report: %s is not in this program", parts[p].files[i]);
            fwrite(x->text, 1, x->size, f);
            fputc('\n', f);
        }
        return AXM_OK;
    }
    return fail(AXM_ENV, "report: page.html names an unknown part, %.*s", (int)len, name);
}

static enum axm_status write_page(const struct report_opts *o, const struct strbuf *data, FILE *f)
{
    const struct embedded_file *page = asset(o, "page.html");
    enum axm_status st = page ? AXM_OK : fail(AXM_ENV, "report: page.html is not in this program");
    for (const char *at = page ? page->text : ""; *at && st == AXM_OK;) {
        size_t plain = strcspn(at, "@");
        fwrite(at, 1, plain, f);
        at += plain;
        if (*at == '@') {
            size_t len = strcspn(at + 1, "@");
            st = write_part(o, at + 1, len, data, f);
            at += len + 2;
        }
    }
    return st;
}

static void release(struct report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->mult[i].spec);
        free(r->mult[i].at);
        strbuf_release(&r->mult[i].map);
    }
    for (int c = 0; c < r->conditions; c++) {
        free(r->condition[c].liberty);
        free(r->condition[c].mode);
        free(r->condition[c].stimulus);
    }
    free(r->mult);
    free(r->newest);
}

enum axm_status report_write(const struct report_opts *o, FILE *f, struct report_counts *counts)
{
    struct report r = { .o = o };
    struct strbuf data = { 0 }, files = { 0 };
    const struct embedded_file *library = asset(o, "uPlot.iife.min.js");
    *counts = (struct report_counts){ 0 };
    if (!library || !library->size)
        return fail(AXM_ENV, "report: this program was built without the plotting library (uplot of npm); "
                    "install npm, then: make report-assets all");
    enum axm_status st = add_paper(&r);
    if (st == AXM_OK)
        st = add_named(&r);
    if (st == AXM_OK)   /* before the work: a file may be wrong */
        st = report_files(o, &(struct json){ .out = &files, .comma = true });
    if (st == AXM_OK && files.failed)
        st = out_of_memory();
    if (st == AXM_OK)
        st = read_store(&r);
    if (st == AXM_OK) {
        qsort(r.mult, r.n, sizeof *r.mult, by_spec);
        st = compute(&r);
    }
    if (st == AXM_OK)
        st = add_data(&r, &files, &data, counts);
    if (st == AXM_OK)
        st = write_page(o, &data, f);
    strbuf_release(&data);
    strbuf_release(&files);
    release(&r);
    return st;
}
