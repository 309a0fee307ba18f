#include "cli/coefficient.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/progress.h"

static const char words[] = COEFFICIENT_WORDS;

enum axm_status coefficient_column(const struct cli_args *a, int *column)
{
    const char *given = cli_get(a, "coef");
    char text[CLI_WORDS_TEXT];
    *column = given ? cli_word(words, given) : COEFFICIENT_PAPER;
    if (*column < 0)
        return fail(AXM_USAGE, "--coef must be %s, got \"%s\"", cli_words_text(words, text), given);
    if (*column >= COEFFICIENT_PAPER && cli_get(a, "liberty"))
        return fail(AXM_USAGE, "%s: --liberty has a meaning with measured coefficients only "
                    "(--coef energy, p1, ...)", a->command->name);
    if (cli_get_nth(a, "liberty", 1))
        return fail(AXM_USAGE, "%s: one --liberty", a->command->name);
    return AXM_OK;
}

const char *coefficient_word(int column, char text[16])
{
    const char *from = words;
    for (int c = column; c > 0; c--)
        from += strcspn(from, "|") + 1;
    snprintf(text, 16, "%.*s", (int)strcspn(from, "|"), from);
    return text;
}

/* Table 4's, if it has the multiplier; any exact one is 1. */
static double published_coefficient(const struct axm_mul *m)
{
    const struct axm_spec *s = axm_mul_spec(m);
    if (!s)
        return NAN;
    struct axm_spec exact;
    coef_baseline_spec(s, BASELINE_BEST, &exact);
    if (axm_spec_equal(s, &exact))
        return 1;
    for (int i = 0; i < COEF_PUBLISHED; i++) {
        struct axm_spec p;
        coef_published_spec(i, &p);
        if (axm_spec_equal(s, &p))
            return coef_published[i].coefficient;
    }
    return NAN;
}

/* Measured under the conditions of axmul coef; the store makes it a look-up the second time. */
static enum axm_status measured_coefficient(struct power *p, const struct axm_mul *m, enum coef_column column,
                                            double *out)
{
    const struct axm_spec *s = axm_mul_spec(m);
    struct measurement figure[2];
    struct axm_spec base;
    if (!s)
        return fail(AXM_USAGE, "%s: --coef measures families; a file has no coefficient", axm_mul_name(m));
    coef_baseline_spec(s, BASELINE_SPLIT, &base);
    const struct axm_spec *spec[2] = { s, &base };
    enum axm_status st = AXM_OK;
    for (int i = 0; i < 2 && st == AXM_OK; i++) {
        struct mul_circuit c;
        struct characterise_opts o = p->opts;
        o.lib = p->lib[0];
        st = mul_circuit_of_spec(spec[i], &c);
        if (st != AXM_OK)
            break;
        st = characterise(&c, &o, &figure[i], NULL);
        mul_circuit_release(&c);
    }
    if (st == AXM_OK)
        *out = coef_value(&figure[0], &figure[1], column, p->mhz);
    return st;
}

/* power_open() with what axmul coef would do by default, but this library and store. */
static enum axm_status open_power(const struct cli_args *args, const char *store, struct power *p)
{
    extern const struct cli_command cmd_coef;
    struct cli_given given[2];
    struct cli_args a = { .command = &cmd_coef, .seed = args->seed, .given = given };
    const struct { const char *name, *value; } pass[2] = { { "liberty", cli_get(args, "liberty") },
                                                           { "store", store } };
    for (int i = 0; i < 2; i++)
        for (int o = 0; cmd_coef.options[o].name; o++)
            if (!strcmp(cmd_coef.options[o].name, pass[i].name) && pass[i].value) {
                a.value[o] = pass[i].value;
                given[a.n_given++] = (struct cli_given){ .option = o, .value = pass[i].value };
            }
    return power_open(&a, p);
}

enum axm_status coefficient_find(const struct cli_args *a, int column, const char *store,
                                 const struct axm_mul *const *mul, int n, double *out)
{
    struct power p = { 0 };
    bool measures = column < COEFFICIENT_PAPER;
    enum axm_status st = measures ? open_power(a, store, &p) : AXM_OK;
    for (int i = 0; i < n && st == AXM_OK; i++) {
        out[i] = column == COEFFICIENT_PAPER ? published_coefficient(mul[i]) : NAN;
        if (measures)
            st = progress_stop_requested() ? AXM_STOPPED :
                 measured_coefficient(&p, mul[i], (enum coef_column)column, &out[i]);
    }
    if (measures)
        power_release(&p);
    return st;
}
