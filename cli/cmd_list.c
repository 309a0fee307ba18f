#include <fnmatch.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/common.h"

static const char help[] =
    "Without FILTER: the families, their parameters and ranges (n and m are the widths\n"
    "of a and b). With the name of a family: that family in detail. Else the specs that\n"
    "FILTER selects: the beginning of a spec with its width and sign (scdm8s,\n"
    "trunc8x4u_c), a pattern with * and ? (in quotes), or a published name.\n"
    "\n"
    "  axmul list\n"
    "  axmul list drum\n"
    "  axmul list drum8u\n"
    "  axmul list 'scdm8s_x5_*' --format csv\n"
    "  axmul list '*8u*'\n";

static const struct table_column family_columns[] = {
    { "family", NULL, CELL_TEXT, 0 },     { "widths", NULL, CELL_TEXT, 0 },
    { "sign", NULL, CELL_TEXT, 0 },       { "parameters", NULL, CELL_TEXT, 0 },
    { "brief", "what it is", CELL_TEXT, 0 }, { "paper", NULL, CELL_TEXT, 0 },
};
enum { FAMILY_COLUMNS = 6 };

static const struct table_column parameter_columns[] = {
    { "family", NULL, CELL_TEXT, 0 },  { "parameter", NULL, CELL_TEXT, 0 },
    { "values", NULL, CELL_TEXT, 0 },  { "default", NULL, CELL_TEXT, 0 },
    { "meaning", NULL, CELL_TEXT, 0 }, { "form", NULL, CELL_INT, 0 },
};
enum { PARAMETER_COLUMNS = 6 };

static const struct table_column spec_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },  { "width_a", NULL, CELL_INT, 0 },  { "width_b", NULL, CELL_INT, 0 },
    { "signed", NULL, CELL_INT, 0 }, { "family", NULL, CELL_TEXT, 0 },
};
enum { SPEC_COLUMNS = 5 };

/* "n+2", "max(n,m)-1": a bound as people write it. */
static void add_bound(struct strbuf *out, const struct axm_bound *b)
{
    const struct { int factor; const char *name; } terms[] = {
        { b->per_a, "n" }, { b->per_b, "m" }, { b->per_max, "max(n,m)" },
    };
    bool any = false;
    for (int i = 0; i < 3; i++) {
        if (!terms[i].factor)
            continue;
        strbuf_adds(out, any ? "+" : "");
        if (terms[i].factor != 1)
            strbuf_addf(out, "%d", terms[i].factor);
        strbuf_adds(out, terms[i].name);
        any = true;
    }
    if (!any)
        strbuf_addf(out, "%d", b->plus);
    else if (b->plus)
        strbuf_addf(out, "%+d", b->plus);
}

static void add_values(struct strbuf *out, const struct axm_param *p)
{
    for (int w = 0; p->words && p->words[w]; w++)
        strbuf_addf(out, "%s%s", w ? "|" : "", p->words[w]);
    if (p->words)
        return;
    add_bound(out, &p->lo);
    strbuf_adds(out, "..");
    add_bound(out, &p->hi);
}

static bool same_bound(const struct axm_bound *x, const struct axm_bound *y)
{
    return x->plus == y->plus && x->per_a == y->per_a && x->per_b == y->per_b && x->per_max == y->per_max;
}

/* Neighbours that read better as one: "x y z 0..n+2". */
static bool shares_range(const struct axm_param *p, const struct axm_param *next)
{
    return next->key && !p->words && !next->words && p->forms == next->forms &&
           same_bound(&p->lo, &next->lo) && same_bound(&p->hi, &next->hi);
}

/* "l 0..n-1, m 0..m-1 or c 1..n+m-1, none|const|var" */
static void add_parameters(struct strbuf *out, const struct axm_family *f)
{
    int forms = f->n_forms ? f->n_forms : 1, count = axm_param_count(f);
    for (int form = 0; form < forms; form++) {
        bool first = true;
        strbuf_adds(out, form ? " or " : "");
        for (int i = 0; i < count; i++) {
            const struct axm_param *p = &f->param[i];
            if (p->forms && !(p->forms >> form & 1))
                continue;
            strbuf_adds(out, first ? "" : ", ");
            first = false;
            for (; i + 1 < count && shares_range(p, p + 1); i++, p++)
                strbuf_addf(out, "%s ", p->key);
            strbuf_addf(out, "%s%s", p->key, *p->key ? " " : "");
            add_values(out, p);
            strbuf_adds(out, p->runtime ? " (ports)" : "");
        }
    }
}

static void add_widths(struct strbuf *out, const struct axm_family *f)
{
    strbuf_addf(out, "%d..%d x %d..%d", f->width_a_min, f->width_a_max, f->width_b_min, f->width_b_max);
    if (f->width_b_step > 1)
        strbuf_addf(out, " by %d", f->width_b_step);
}

static const char *signs(const struct axm_family *f)
{
    return f->unsigned_ok && f->signed_ok ? "u s" : f->signed_ok ? "s" : "u";
}

static enum axm_status list_families(const struct cli_args *args)
{
    /* The papers are for machines and for --verbose: they would not fit a line. */
    bool with_paper = args->format != CLI_TEXT || args->verbosity > 0;
    struct table *t = table_new(family_columns, with_paper ? FAMILY_COLUMNS : FAMILY_COLUMNS - 1);
    bool failed = !t;
    for (const struct axm_family *f = axm_families; f->name && !failed; f++) {
        struct strbuf widths = { 0 }, parameters = { 0 };
        add_widths(&widths, f);
        strbuf_adds(&parameters, "");
        add_parameters(&parameters, f);
        table_text(t, f->name);
        table_text(t, widths.s);
        table_text(t, signs(f));
        table_text(t, parameters.s);
        table_text(t, f->brief);
        if (with_paper)
            table_text(t, f->paper);
        failed = widths.failed || parameters.failed;
        strbuf_release(&widths);
        strbuf_release(&parameters);
    }
    enum axm_status st = failed ? fail(AXM_ENV, "list: out of memory") : table_print(t, stdout, args->format);
    table_free(t);
    return st;
}

/* --- one family ---------------------------------------------------------------------- */

static void add_meaning(struct strbuf *out, const struct axm_param *p)
{
    strbuf_adds(out, p->help ? p->help : "");
    if (p->width_b_min)
        strbuf_addf(out, "%s if m >= %d", out->len ? "," : "", p->width_b_min);
    if (p->signed_only)
        strbuf_adds(out, "; signed only");
    if (p->runtime)
        strbuf_adds(out, "; an input port");
}

/* "DRUM<1>_<2>_<3> is drum<2><3>_k<1>": placeholders by their position. */
static void print_alias(const struct axm_alias *alias)
{
    int n = 0;
    printf("  also     ");
    for (const char *c = alias->pattern; *c; c++)
        if (*c == '%')
            printf("<%d>", (c++, ++n));
        else
            putchar(*c);
    printf(" is ");
    for (const char *c = alias->spec; *c; c++)
        if (*c == '$')
            printf("<%c>", *++c);
        else
            putchar(*c);
    printf("\n");
}

static void print_family_head(const struct axm_family *f)
{
    struct strbuf widths = { 0 };
    add_widths(&widths, f);
    printf("%s: %s\n", f->name, f->brief);
    printf("  widths   %s bits\n  sign     %s\n", widths.s ? widths.s : "", signs(f));
    if (f->paper)
        printf("  paper    %s\n", f->paper);
    if (f->alias.pattern)
        print_alias(&f->alias);
    if (axm_param_count(f))
        printf("\n");
    strbuf_release(&widths);
}

static enum axm_status list_family(const struct cli_args *args, const struct axm_family *f)
{
    /* Text names the family above the table, and the form only where there is a choice. */
    bool text = args->format == CLI_TEXT, with_form = !text || f->n_forms > 1;
    int count = axm_param_count(f);
    struct table *t = table_new(parameter_columns + text, PARAMETER_COLUMNS - text - !with_form);
    bool failed = !t;
    for (int i = 0; i < count && !failed; i++) {
        const struct axm_param *p = &f->param[i];
        struct strbuf values = { 0 }, otherwise = { 0 }, meaning = { 0 };
        add_values(&values, p);
        if (p->words)
            strbuf_adds(&otherwise, p->words[0]);
        else if (p->has_default)
            add_bound(&otherwise, &p->otherwise);
        add_meaning(&meaning, p);
        if (!text)
            table_text(t, f->name);
        table_text(t, *p->key ? p->key : "a word");
        table_text(t, values.s);
        table_text(t, otherwise.s);
        table_text(t, meaning.s);
        if (with_form)
            table_int(t, p->forms ? __builtin_ctz(p->forms) + 1 : 1);
        failed = values.failed || otherwise.failed || meaning.failed;
        strbuf_release(&values);
        strbuf_release(&otherwise);
        strbuf_release(&meaning);
    }
    if (text && !failed)
        print_family_head(f);
    enum axm_status st = AXM_OK;
    if (failed)
        st = fail(AXM_ENV, "list: out of memory");
    else if (count || !text)
        st = table_print(t, stdout, args->format);
    if (text && f->n_forms > 1 && st == AXM_OK)
        printf("\nA spec uses the parameters of one form.\n");
    table_free(t);
    return st;
}

/* --- specs --------------------------------------------------------------------------- */

/* Variants looked at, at most: cdm32u alone has 10^12, cdm16u 130,321. */
enum { VARIANTS_MAX = 200000 };

/* What a filter begins with: "trunc8x4u", the family perhaps a pattern. */
struct head {
    char family[32];
    int width_a, width_b;
    bool is_signed;
};

static bool parse_head(const char *filter, struct head *h)
{
    int used = 0, more = 0;
    if (sscanf(filter, "%31[a-z*?]%2d%n", h->family, &h->width_a, &used) != 2)
        return false;
    h->width_b = h->width_a;
    if (sscanf(filter + used, "x%2d%n", &h->width_b, &more) == 1)
        used += more;
    h->is_signed = filter[used] == 's';
    return filter[used] == 's' || filter[used] == 'u';
}

static void add_spec(struct table *t, const struct axm_spec *s)
{
    char name[AXM_SPEC_MAX];
    axm_spec_print(s, name);
    table_text(t, name);
    table_int(t, s->width_a);
    table_int(t, s->width_b);
    table_int(t, s->is_signed);
    table_text(t, s->family->name);
}

/* All specs that match; *found counts them. */
static enum axm_status add_matching(struct table *t, const char *filter, const struct head *h, size_t *found)
{
    bool pattern = strpbrk(filter, "*?[") != NULL;
    size_t len = strlen(filter), seen = 0;
    for (const struct axm_family *f = axm_families; f->name; f++) {
        struct axm_spec_iter it = { 0 };
        if (fnmatch(h->family, f->name, 0))
            continue;
        while (axm_spec_next(&it, f, h->width_a, h->width_b, h->is_signed)) {
            char name[AXM_SPEC_MAX];
            if (++seen > VARIANTS_MAX)
                return fail(AXM_USAGE, "list: %s: at most %d variants can be listed, %s has more of this "
                            "width", filter, VARIANTS_MAX, f->name);
            axm_spec_print(&it.spec, name);
            if (pattern ? fnmatch(filter, name, 0) != 0 : strncmp(name, filter, len) != 0)
                continue;
            add_spec(t, &it.spec);
            ++*found;
        }
    }
    return AXM_OK;
}

static enum axm_status add_specs(struct table *t, const char *filter)
{
    struct head h;
    struct axm_spec one;
    size_t found = 0;
    bool has_head = parse_head(filter, &h);
    enum axm_status st = has_head ? add_matching(t, filter, &h, &found) : AXM_OK;
    if (st != AXM_OK || found)
        return st;
    if (strpbrk(filter, "*?["))
        return has_head ? fail(AXM_USAGE, "list: no spec matches %s", filter)
                        : fail(AXM_USAGE, "list: a pattern says width and sign, like '*8u*' or 'drum16u_*'; "
                               "got %s", filter);
    /* A published name, parameters in another order, or nothing legal: the parser knows best. */
    st = axm_spec_parse(filter, &one);
    if (st == AXM_OK)
        add_spec(t, &one);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    if (!args->n_operands)
        return list_families(args);
    const struct axm_family *f = axm_family_find(args->operand[0]);
    if (f)
        return list_family(args, f);
    struct table *t = table_new(spec_columns, SPEC_COLUMNS);
    enum axm_status st = t ? add_specs(t, args->operand[0]) : fail(AXM_ENV, "list: out of memory");
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    table_free(t);
    return st;
}

const struct cli_command cmd_list = {
    .name = "list",
    .synopsis = "[FILTER]",
    .brief = "families, parameters and ranges; with a filter, the specs",
    .help = help,
    .prints_table = true,
    .operands_max = 1,
    .run = run,
};
