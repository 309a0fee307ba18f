#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "cli/power.h"
#include "cmodel/metrics.h"
#include "synth/coef.h"

static const struct cli_option options[] = {
    { "paper", 0, NULL, "the 20 SCDM8 multipliers beside Table 4 of Shakibhamedan et al. 2024" },
    { "all", 0, NULL, "every variant of every 8x8 family, and the Pareto fronts" },
    { "baseline", 0, "split|array|best",
      "what is 1: the same structure exact (default), an array multiplier, the smallest exact one" },
    { "column", 0, "area|delay|p0|p1|p2|energy|paper",
      "what the savings are computed from (default energy)" },
    POWER_LIBERTY_OPTION,
    POWER_MODE_OPTION("adders|flat|extract|hierarchy"),
    POWER_LOAD_OPTIONS,
    POWER_STIMULUS_OPTIONS,
    POWER_STORE_OPTION,
    { 0 },
};

static const char help[] =
    "Figures relative to an exact multiplier, from the same synthesis and the same operands:\n"
    "\n"
    "  area, delay    of the mapped netlist; its critical path\n"
    "  p0, p1, p2     power at one clock: without glitches, unit delay, the library's delays\n"
    "  energy         p1 x delay: per operation at the circuit's own speed\n"
    "\n"
    "Baselines: split, the same structure with nothing disregarded (scdm8s_x0_y0; the array for\n"
    "families that have none); array; best, the smallest exact one. Savings: the paper's formula\n"
    "E_exact/E_approx - 1, which can pass 100 %, and the plain 1 - E_approx/E_exact, of --column.\n"
    "\n"
    "--paper prints both columns that track Table 4; --column paper computes the savings from\n"
    "the printed coefficients. --all prints the variants on a Pareto front (error against area,\n"
    "P1, energy; absolute figures, by signedness), with --format csv or json all variants.\n"
    "Killed at any moment it goes on where it was.\n"
    "\n"
    "  axmul coef scdm8s_x5_y2 drum8s_k4 --baseline best\n"
    "  axmul coef --paper --liberty osu018 --liberty osu035\n"
    "  axmul coef --all --format csv\n";

enum { COLUMN_PAPER = COEF_FIGURES };
static const char column_words[] = "area|delay|p0|p1|p2|energy|paper";
static const char baseline_words[] = "split|array|best";

/* A multiplier to be measured. */
struct subject {
    char name[AXM_SPEC_MAX];
    bool foreign;
    struct mul_circuit circuit;      /* of a foreign one; others are built when needed */
    struct axm_spec spec;        /* of a foreign one: an array of its widths and sign */
    struct measurement *m;       /* [n_libs], then as many in the mode hierarchy */
    struct axm_metrics error;    /* of --all */
};

struct job {
    struct power power;
    struct subject *subject;
    size_t n, cap;
    enum coef_baseline baseline;
    int column;
    bool with_error, with_hierarchy;
    struct progress *bar;
};

/* Index of the subject, a new one unless it is there; SIZE_MAX if out of memory. */
static size_t add_subject(struct job *j, const struct axm_spec *s, struct mul_circuit *foreign)
{
    for (size_t i = 0; i < j->n && !foreign; i++)
        if (!j->subject[i].foreign && axm_spec_equal(&j->subject[i].spec, s))
            return i;
    if (j->n == j->cap) {
        size_t cap = j->cap ? 2 * j->cap : 64;
        struct subject *grown = realloc(j->subject, cap * sizeof *grown);
        if (!grown)
            return SIZE_MAX;
        j->subject = grown;
        j->cap = cap;
    }
    struct subject *x = &j->subject[j->n];
    *x = (struct subject){ .spec = *s, .m = calloc(2 * (size_t)j->power.n_libs, sizeof *x->m) };
    if (!x->m)
        return SIZE_MAX;
    axm_spec_print(s, x->name);
    if (foreign) {
        x->foreign = true;
        x->circuit = *foreign;
        snprintf(x->name, sizeof x->name, "%s", foreign->name);
    }
    return j->n++;
}

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "coef: out of memory");
}

/* Finds or adds the baseline of a subject. */
static size_t baseline_of(struct job *j, size_t i, enum coef_baseline b)
{
    struct axm_spec base;
    coef_baseline_spec(&j->subject[i].spec, b, &base);
    return add_subject(j, &base, NULL);
}

static enum axm_status add_baselines(struct job *j, enum coef_baseline b)
{
    for (size_t i = 0, n = j->n; i < n; i++)
        if (baseline_of(j, i, b) == SIZE_MAX)
            return out_of_memory();
    return AXM_OK;
}

static enum axm_status error_metrics(struct subject *x)
{
    struct axm_mul *m;
    enum axm_status st = axm_mul_open_spec(&x->spec, &m);
    if (st != AXM_OK)
        return st;
    st = axm_metrics_compute(m, &(struct axm_metrics_opts){ .no_entropy = true }, &x->error);
    axm_mul_close(m);
    return st;
}

static enum axm_status measure_one(void *ctx, size_t item, int worker)
{
    struct job *j = ctx;
    struct subject *x = &j->subject[item];
    struct mul_circuit built = { 0 };
    const struct mul_circuit *c = x->foreign ? &x->circuit : &built;
    enum axm_status st = x->foreign ? AXM_OK : mul_circuit_of_spec(&x->spec, &built);
    (void)worker;
    int n_libs = j->power.n_libs;
    for (int l = 0; l < n_libs * (1 + j->with_hierarchy) && st == AXM_OK; l++) {
        struct characterise_opts o = j->power.opts;
        o.lib = j->power.lib[l % n_libs];
        o.mode = l < n_libs ? power_mode(&j->power, c) : SYNTH_HIERARCHY;
        st = characterise(c, &o, &x->m[l], NULL);
    }
    if (st == AXM_OK && j->with_error)
        st = error_metrics(x);
    mul_circuit_release(&built);
    progress_add(j->bar, 1);
    return st;
}

static enum axm_status measure_all(struct job *j)
{
    j->bar = progress_begin("coef", j->n);
    enum axm_status st = pool_run(j->n, measure_one, j);
    progress_end(j->bar);
    return st;
}

/* --- the table of specs ----------------------------------------------------------- */

/* First what text shows, then what only machines get. */
static const struct table_column columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },      { "liberty", NULL, CELL_TEXT, 0 },
    { "baseline", NULL, CELL_TEXT, 0 },  { "area", NULL, CELL_REAL, 4 },
    { "delay", NULL, CELL_REAL, 4 },     { "p0", NULL, CELL_REAL, 4 },
    { "p1", NULL, CELL_REAL, 4 },        { "p2", NULL, CELL_REAL, 4 },
    { "energy", NULL, CELL_REAL, 4 },    { "energy_ci95", "+-", CELL_REAL, 2 },
    { "saving_paper_percent", "E0/E-1 %", CELL_REAL, 4 },
    { "saving_plain_percent", "1-E/E0 %", CELL_REAL, 4 },
    { "mode", NULL, CELL_TEXT, 0 },      { "area_um2", NULL, CELL_REAL, 0 },
    { "delay_ns", NULL, CELL_REAL, 0 },  { "power_zero_mw", NULL, CELL_REAL, 0 },
    { "power_unit_mw", NULL, CELL_REAL, 0 }, { "power_liberty_mw", NULL, CELL_REAL, 0 },
    { "energy_mw_ns", NULL, CELL_REAL, 0 }, { "mhz", NULL, CELL_REAL, 0 },
    { "signed", NULL, CELL_INT, 0 },     { "mae", NULL, CELL_REAL, 0 },
    { "mre_percent", NULL, CELL_REAL, 0 }, { "wce", NULL, CELL_REAL, 0 },
    { "fronts", NULL, CELL_TEXT, 0 },
};
enum { COLUMNS_TEXT = 12, COLUMNS_SPEC = 20, COLUMNS_ALL = 25 };

static void add_coefficients(struct table *t, const struct job *j, const struct subject *x,
                             const struct subject *base, int lib, bool machine)
{
    const struct measurement *m = &x->m[lib], *b = &base->m[lib];
    double mhz = j->power.mhz, v = coef_value(m, b, (enum coef_column)j->column, mhz);
    table_text(t, x->name);
    table_text(t, j->power.lib[lib]->name);
    table_text(t, base->name);
    for (int c = 0; c < COEF_FIGURES; c++)
        table_real(t, coef_value(m, b, (enum coef_column)c, mhz));
    table_real(t, coef_ci95(m, b, COEF_ENERGY, mhz));
    table_real(t, 100 * (1 / v - 1));
    table_real(t, 100 * (1 - v));
    if (!machine)
        return;
    table_text(t, synth_mode_name(x->foreign ? power_mode(&j->power, &x->circuit) : j->power.opts.mode));
    for (int c = 0; c < COEF_FIGURES; c++)
        table_real(t, coef_figure(m, (enum coef_column)c, mhz));
    table_real(t, mhz);
}

static enum axm_status run_specs(const struct cli_args *args, struct job *j)
{
    struct axm_spec s;
    enum axm_status st = AXM_OK;
    bool machine = args->format != CLI_TEXT;
    size_t *at = calloc((size_t)args->n_operands, sizeof *at);
    struct table *t = table_new(columns, machine ? COLUMNS_SPEC : COLUMNS_TEXT);
    if (!at || !t)
        st = out_of_memory();
    for (int i = 0; i < args->n_operands && st == AXM_OK; i++) {
        struct mul_circuit c = { 0 };
        bool foreign = cli_is_foreign(args->operand[i]);
        st = foreign ? mul_circuit_open(args->operand[i], &c) : axm_spec_parse(args->operand[i], &s);
        if (foreign)
            s = (struct axm_spec){ .family = axm_family_find("array"), .width_a = c.width_a,
                                   .width_b = c.width_b, .is_signed = c.is_signed };
        if (st == AXM_OK && (at[i] = add_subject(j, &s, foreign ? &c : NULL)) == SIZE_MAX) {
            mul_circuit_release(&c);
            st = out_of_memory();
        }
    }
    if (st == AXM_OK)
        st = add_baselines(j, j->baseline);
    if (st == AXM_OK)
        st = measure_all(j);
    for (int i = 0; i < args->n_operands && st == AXM_OK; i++)
        for (int l = 0; l < j->power.n_libs; l++)
            add_coefficients(t, j, &j->subject[at[i]], &j->subject[baseline_of(j, at[i], j->baseline)], l,
                             machine);
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    table_free(t);
    free(at);
    return st;
}

/* --- Table 4 -------------------------------------------------------------------------- */

static const struct table_column paper_columns[] = {
    { "row", NULL, CELL_INT, 0 },            { "spec", NULL, CELL_TEXT, 0 },
    { "liberty", NULL, CELL_TEXT, 0 },       { "published", NULL, CELL_REAL, -2 },
    { "energy_split", "energy/split", CELL_REAL, -3 }, { "energy_split_error", "error", CELL_REAL, -3 },
    { "p1_array", "P1/array", CELL_REAL, -3 }, { "p1_array_error", "error", CELL_REAL, -3 },
    { "area_split", "area/split", CELL_REAL, -3 }, { "p0_split", "P0/split", CELL_REAL, -3 },
    { "saving_paper_percent", "E0/E-1 %", CELL_REAL, -1 },
    { "saving_plain_percent", "1-E/E0 %", CELL_REAL, -1 },
};
enum { PAPER_COLUMNS = 12 };

/* The coefficients of Table 4's rows in one library: as the two columns, and as the user's. */
struct paper {
    double energy[COEF_PUBLISHED], p1[COEF_PUBLISHED], chosen[COEF_PUBLISHED];
    double p1_hierarchy[COEF_PUBLISHED];
};

static void paper_rows(struct table *t, const struct job *j, const size_t at[COEF_PUBLISHED], size_t split,
                       size_t array, int lib, struct paper *p)
{
    const struct measurement *s = &j->subject[split].m[lib], *a = &j->subject[array].m[lib];
    double mhz = j->power.mhz;
    for (int i = 0; i < COEF_PUBLISHED; i++) {
        const struct measurement *m = &j->subject[at[i]].m[lib];
        double published = coef_published[i].coefficient;
        p->energy[i] = coef_value(m, s, COEF_ENERGY, mhz);
        p->p1[i] = coef_value(m, a, COEF_P1, mhz);
        p->p1_hierarchy[i] = coef_value(m + j->power.n_libs, a + j->power.n_libs, COEF_P1, mhz);
        p->chosen[i] = j->column == COLUMN_PAPER ? published
                                                  : coef_value(m, s, (enum coef_column)j->column, mhz);
        table_int(t, i);
        table_text(t, j->subject[at[i]].name);
        table_text(t, j->power.lib[lib]->name);
        table_real(t, published);
        table_real(t, p->energy[i]);
        table_real(t, p->energy[i] - published);
        table_real(t, p->p1[i]);
        table_real(t, p->p1[i] - published);
        table_real(t, coef_value(m, s, COEF_AREA, mhz));
        table_real(t, coef_value(m, s, COEF_P0, mhz));
        table_real(t, 100 * (1 / p->chosen[i] - 1));
        table_real(t, 100 * (1 - p->chosen[i]));
    }
}

/* Mean error up to which a column counts as tracking the printed one. */
#define TRACKS 0.04

/* One line: how well v tracks Table 4, and whether that is a reading of it. */
static void print_error(const char *what, const double v[COEF_PUBLISHED], const char *reading)
{
    struct coef_error e = coef_compare(v);
    printf("  %s: mean error %.3f, max %.3f, Spearman %.3f; ", what, e.mean, e.max, e.rho);
    if (e.mean <= TRACKS)
        printf("Table 4 can be read as %s\n", reading);
    else
        printf("the order is alike, the size is not (SCDM8_84: %.2f, printed %.2f): Table 4 is not %s here\n",
               v[COEF_PUBLISHED - 1], coef_published[COEF_PUBLISHED - 1].coefficient, reading);
}

static void print_summary(const struct job *j, int lib, const struct paper *p, const char *column)
{
    printf("\n%s, against the 20 published coefficients:\n", j->power.lib[lib]->name);
    print_error("energy (P1 x delay), split baseline", p->energy,
                "energy per operation at each circuit's own speed");
    print_error("P1, 8x8 array baseline", p->p1, "glitch-aware power at one clock against an ordinary array");
    print_error("the same, hierarchy kept (--mode hierarchy)", p->p1_hierarchy, "that with its blocks kept");
    printf("  An inference from 20 points: differences under .02 mean nothing.\n"
           "  Savings of Table 3's networks (3,305,600 multiplications), by column %s:\n", column);
    for (int r = 0; r < COEF_ASSIGNMENTS; r++) {
        double c[COEF_LAYERS];
        for (int l = 0; l < COEF_LAYERS; l++)
            c[l] = p->chosen[coef_assignments[r].multiplier[l]];
        struct coef_saving s = coef_network_saving(c);
        printf("    row %d: printed %d %%; the paper's formula (E_exact/E_approx - 1) %.1f %%; "
               "plain (1 - E_approx/E_exact) %.1f %%\n", r + 1, coef_assignments[r].saving_percent,
               s.paper_percent, s.plain_percent);
    }
}

static enum axm_status run_paper(const struct cli_args *args, struct job *j)
{
    size_t at[COEF_PUBLISHED], split, array;
    const char *column = cli_get(args, "column");
    struct paper p[POWER_LIBERTIES_MAX];
    j->with_hierarchy = args->format == CLI_TEXT;   /* for the summary */
    for (int i = 0; i < COEF_PUBLISHED; i++) {
        struct axm_spec s;
        coef_published_spec(i, &s);
        if ((at[i] = add_subject(j, &s, NULL)) == SIZE_MAX)
            return out_of_memory();
    }
    split = baseline_of(j, 0, BASELINE_SPLIT);
    array = baseline_of(j, 0, BASELINE_ARRAY);
    struct table *t = table_new(paper_columns, PAPER_COLUMNS);
    enum axm_status st = t && split != SIZE_MAX && array != SIZE_MAX ? measure_all(j) : out_of_memory();
    for (int l = 0; l < j->power.n_libs && st == AXM_OK; l++)
        paper_rows(t, j, at, split, array, l, &p[l]);
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    for (int l = 0; l < j->power.n_libs && st == AXM_OK && args->format == CLI_TEXT; l++)
        print_summary(j, l, &p[l], column ? column : "energy");
    table_free(t);
    return st;
}

/* --- every 8x8 variant ---------------------------------------------------------------- */

enum { ERRORS = 3, COSTS = 3 };
static const char *const error_names[ERRORS] = { "mae", "mre", "wce" };
static const struct {
    const char *name;
    enum coef_column column;
} costs[COSTS] = { { "area", COEF_AREA }, { "p1", COEF_P1 }, { "energy", COEF_ENERGY } };

static double error_of(const struct axm_metrics *e, int which)
{
    return which == 0 ? e->mae.value : which == 1 ? e->mre_percent.value : e->wce;
}

/* on[i * 9 + error * 3 + cost]: variant i is on that front among those of its signedness. */
static bool find_fronts(const struct job *j, size_t n, int lib, bool *on)
{
    double *error = calloc(n, sizeof *error), *cost = calloc(n, sizeof *cost);
    size_t *at = calloc(n, sizeof *at);
    bool *front = calloc(n, sizeof *front), ok = error && cost && at && front;
    for (int f = 0; f < 2 * ERRORS * COSTS && ok; f++) {
        int which = f / 2;
        size_t k = 0;
        for (size_t i = 0; i < n; i++) {
            const struct subject *x = &j->subject[i];
            if (x->spec.is_signed != (f & 1))
                continue;
            error[k] = error_of(&x->error, which / COSTS);
            cost[k] = coef_figure(&x->m[lib], costs[which % COSTS].column, j->power.mhz);
            at[k++] = i;
        }
        coef_pareto(error, cost, k, front);
        for (size_t i = 0; i < k; i++)
            on[at[i] * ERRORS * COSTS + (size_t)which] = front[i];
    }
    free(error);
    free(cost);
    free(at);
    free(front);
    return ok;
}

/* "mae:area,p1 wce:p1", "" if on none. */
static void front_names(const bool on[ERRORS * COSTS], char text[96])
{
    char *at = text;
    *at = '\0';
    for (int e = 0; e < ERRORS; e++) {
        const char *before = at == text ? "" : " ";
        bool any = false;
        for (int c = 0; c < COSTS; c++) {
            if (!on[e * COSTS + c])
                continue;
            if (any)
                at += sprintf(at, ",%s", costs[c].name);
            else
                at += sprintf(at, "%s%s:%s", before, error_names[e], costs[c].name);
            any = true;
        }
    }
}

static const struct table_column front_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },     { "liberty", NULL, CELL_TEXT, 0 }, { "mae", NULL, CELL_REAL, 5 },
    { "mre_percent", "mre %", CELL_REAL, 4 }, { "wce", NULL, CELL_REAL, 6 }, { "area", NULL, CELL_REAL, -3 },
    { "p1", NULL, CELL_REAL, -3 },      { "energy", NULL, CELL_REAL, -3 }, { "fronts", NULL, CELL_TEXT, 0 },
};
enum { FRONT_COLUMNS = 9 };

static int by_sign_and_error(const void *a, const void *b)
{
    const struct subject *x = *(const struct subject *const *)a, *y = *(const struct subject *const *)b;
    if (x->spec.is_signed != y->spec.is_signed)
        return x->spec.is_signed - y->spec.is_signed;
    if (x->error.mae.value != y->error.mae.value)
        return x->error.mae.value < y->error.mae.value ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void all_rows(struct table *t, struct job *j, struct subject **order, size_t n, int lib,
                     const bool *on, bool machine)
{
    for (size_t i = 0; i < n; i++) {
        const struct subject *x = order[i];
        size_t at = (size_t)(x - j->subject);
        const struct subject *base = &j->subject[baseline_of(j, at, j->baseline)];
        char fronts[96];
        front_names(on + at * ERRORS * COSTS, fronts);
        if (machine) {
            add_coefficients(t, j, x, base, lib, true);
            table_int(t, x->spec.is_signed);
            for (int e = 0; e < ERRORS; e++)
                table_real(t, error_of(&x->error, e));
            table_text(t, fronts);
        } else if (*fronts) {
            table_text(t, x->name);
            table_text(t, j->power.lib[lib]->name);
            for (int e = 0; e < ERRORS; e++)
                table_real(t, error_of(&x->error, e));
            for (int c = 0; c < COSTS; c++)
                table_real(t, coef_value(&x->m[lib], &base->m[lib], costs[c].column, j->power.mhz));
            table_text(t, fronts);
        }
    }
}

static enum axm_status add_variants(struct job *j)
{
    for (const struct axm_family *f = axm_families; f->name; f++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            struct axm_spec_iter it = { 0 };
            while (axm_spec_next(&it, f, 8, 8, is_signed))
                if (add_subject(j, &it.spec, NULL) == SIZE_MAX)
                    return out_of_memory();
        }
    return AXM_OK;
}

static enum axm_status run_all(const struct cli_args *args, struct job *j)
{
    bool machine = args->format != CLI_TEXT;
    struct subject **order = NULL;
    bool *on = NULL;
    struct table *t = machine ? table_new(columns, COLUMNS_ALL) : table_new(front_columns, FRONT_COLUMNS);
    j->with_error = true;
    enum axm_status st = t ? add_variants(j) : out_of_memory();
    size_t n = j->n;   /* every baseline is a variant, too */
    if (st == AXM_OK)
        st = add_baselines(j, j->baseline);
    if (st == AXM_OK)
        st = measure_all(j);
    if (st == AXM_OK) {
        order = calloc(n, sizeof *order);
        on = calloc(n * ERRORS * COSTS, sizeof *on);
        if (!order || !on)
            st = out_of_memory();
    }
    for (size_t i = 0; i < n && st == AXM_OK; i++)
        order[i] = &j->subject[i];
    if (st == AXM_OK)
        qsort(order, n, sizeof *order, by_sign_and_error);
    for (int l = 0; l < j->power.n_libs && st == AXM_OK; l++) {
        if (!find_fronts(j, n, l, on))
            st = out_of_memory();
        else
            all_rows(t, j, order, n, l, on, machine);
    }
    if (st == AXM_OK && !machine)
        printf("%zu variants; area, P1 and energy relative to %s; on the fronts:\n", n,
               j->baseline == BASELINE_SPLIT ? "the same structure exact"
               : j->baseline == BASELINE_ARRAY ? "the array" : "exact8s and exact8u");
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    table_free(t);
    free(order);
    free(on);
    return st;
}

static enum axm_status check_usage(const struct cli_args *args, struct job *j)
{
    const char *column = cli_get(args, "column"), *baseline = cli_get(args, "baseline");
    bool paper = cli_flag(args, "paper"), all = cli_flag(args, "all");
    int b = baseline ? cli_word(baseline_words, baseline) : all ? BASELINE_ARRAY : BASELINE_SPLIT;
    if (paper + all + (args->n_operands > 0) != 1)
        return fail(AXM_USAGE, "coef: expected specs, or --paper, or --all");
    if (b < 0)
        return fail(AXM_USAGE, "--baseline must be split, array or best, got \"%s\"", baseline);
    if (paper && baseline)
        return fail(AXM_USAGE, "coef: --paper compares with both its baselines; --baseline has no meaning");
    j->baseline = (enum coef_baseline)b;
    j->column = column ? cli_word(column_words, column) : COEF_ENERGY;
    if (j->column < 0)
        return fail(AXM_USAGE, "--column must be area, delay, p0, p1, p2, energy or paper, got \"%s\"",
                    column);
    if (j->column == COLUMN_PAPER && !paper)
        return fail(AXM_USAGE, "coef: --column paper has no meaning without --paper");
    return AXM_OK;
}

static enum axm_status run(const struct cli_args *args)
{
    struct job j = { 0 };
    enum axm_status st = check_usage(args, &j);
    if (st != AXM_OK)
        return st;
    st = power_open(args, &j.power);
    if (st == AXM_OK)
        st = cli_flag(args, "paper") ? run_paper(args, &j)
             : cli_flag(args, "all") ? run_all(args, &j) : run_specs(args, &j);
    for (size_t i = 0; i < j.n; i++) {
        mul_circuit_release(&j.subject[i].circuit);
        free(j.subject[i].m);
    }
    free(j.subject);
    power_release(&j.power);
    return st;
}

const struct cli_command cmd_coef = {
    .name = "coef",
    .synopsis = "SPEC...|--paper|--all",
    .brief = "area, power and energy relative to an exact multiplier",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_max = -1,
    .run = run,
};
