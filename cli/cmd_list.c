#include <fnmatch.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/common.h"

static const char help[] =
    "Without FILTER: the families, their parameters and ranges. With FILTER: the\n"
    "specs. FILTER is the beginning of a spec with its width and sign (scdm8s,\n"
    "trunc8x4u_c), or a pattern with * and ? over all specs of that width.\n"
    "\n"
    "  axmul list\n"
    "  axmul list drum8u\n"
    "  axmul list 'scdm8s_x5_*' --format csv\n";

static const struct table_column family_columns[] = {
    { "family", NULL, CELL_TEXT, 0 }, { "widths", NULL, CELL_TEXT, 0 },     { "sign", NULL, CELL_TEXT, 0 },
    { "parameters", NULL, CELL_TEXT, 0 }, { "brief", "what it is", CELL_TEXT, 0 }, { "paper", NULL, CELL_TEXT, 0 },
};
enum { FAMILY_COLUMNS = 6, SPEC_COLUMNS = 5 };

static const struct table_column spec_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 }, { "width_a", NULL, CELL_INT, 0 },  { "width_b", NULL, CELL_INT, 0 },
    { "signed", NULL, CELL_INT, 0 }, { "family", NULL, CELL_TEXT, 0 },
};

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

static bool same_bound(const struct axm_bound *x, const struct axm_bound *y)
{
    return x->plus == y->plus && x->per_a == y->per_a && x->per_b == y->per_b && x->per_max == y->per_max;
}

/* Neighbours that read better as one: "x y z 0..n+2". */
static bool shares_range(const struct axm_param *p, const struct axm_param *next)
{
    return next->key && !p->words && !next->words && p->forms == next->forms && same_bound(&p->lo, &next->lo) &&
           same_bound(&p->hi, &next->hi);
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
            if (p->words) {
                for (int w = 0; p->words[w]; w++)
                    strbuf_addf(out, "%s%s", w ? "|" : "", p->words[w]);
                continue;
            }
            for (; i + 1 < count && shares_range(p, p + 1); i++, p++)
                strbuf_addf(out, "%s ", p->key);
            strbuf_addf(out, "%s ", p->key);
            add_bound(out, &p->lo);
            strbuf_adds(out, "..");
            add_bound(out, &p->hi);
            strbuf_adds(out, p->runtime ? " (ports)" : "");
        }
    }
}

static enum axm_status list_families(struct table *t, bool with_paper)
{
    for (const struct axm_family *f = axm_families; f->name; f++) {
        struct strbuf text = { 0 };
        table_text(t, f->name);
        strbuf_addf(&text, "%d..%d x %d..%d", f->width_a_min, f->width_a_max, f->width_b_min, f->width_b_max);
        if (f->width_b_step > 1)
            strbuf_addf(&text, " by %d", f->width_b_step);
        table_text(t, text.s);
        table_text(t, f->unsigned_ok && f->signed_ok ? "u s" : f->signed_ok ? "s" : "u");
        strbuf_reset(&text);
        strbuf_adds(&text, "");
        add_parameters(&text, f);
        table_text(t, text.s);
        table_text(t, f->brief);
        if (with_paper)
            table_text(t, f->paper);
        bool failed = text.failed;
        strbuf_release(&text);
        if (failed)
            return fail(AXM_ENV, "list: out of memory");
    }
    return AXM_OK;
}

/* family, width, sign at the beginning of a filter: "trunc8x4u". */
struct head {
    const struct axm_family *family;
    int width_a, width_b;
    bool is_signed;
};

static enum axm_status parse_head(const char *filter, struct head *h)
{
    char family[32] = "", rest = 0;
    int used = 0, n = sscanf(filter, "%31[a-z]%2d%n", family, &h->width_a, &used);
    const char *at = filter + used;
    h->width_b = h->width_a;
    if (n == 2 && *at == 'x' && sscanf(at, "x%2d%n", &h->width_b, &used) == 1)
        at += used;
    rest = n == 2 ? *at : 0;
    h->family = axm_family_find(family);
    h->is_signed = rest == 's';
    if (!h->family)
        return fail(AXM_USAGE, "list: no family \"%s\"; axmul list shows them", family);
    if (n != 2 || (rest != 's' && rest != 'u'))
        return fail(AXM_USAGE, "list: a filter begins with family, width and sign, like %s8u; got \"%s\"",
                    h->family->name, filter);
    return AXM_OK;
}

static enum axm_status list_specs(struct table *t, const char *filter)
{
    struct head h;
    struct axm_spec_iter it = { 0 };
    bool pattern = strpbrk(filter, "*?[") != NULL;
    size_t len = strlen(filter);
    enum axm_status st = parse_head(filter, &h);
    if (st != AXM_OK)
        return st;
    while (axm_spec_next(&it, h.family, h.width_a, h.width_b, h.is_signed)) {
        char name[AXM_SPEC_MAX];
        axm_spec_print(&it.spec, name);
        if (pattern ? fnmatch(filter, name, 0) != 0 : strncmp(name, filter, len) != 0)
            continue;
        table_text(t, name);
        table_int(t, it.spec.width_a);
        table_int(t, it.spec.width_b);
        table_int(t, it.spec.is_signed);
        table_text(t, it.spec.family->name);
    }
    return AXM_OK;
}

static enum axm_status run(const struct cli_args *args)
{
    bool specs = args->n_operands > 0;
    /* The papers are for machines and for --verbose: they would not fit a line. */
    bool with_paper = args->format != CLI_TEXT || args->verbosity > 0;
    struct table *t = specs ? table_new(spec_columns, SPEC_COLUMNS)
                            : table_new(family_columns, with_paper ? FAMILY_COLUMNS : FAMILY_COLUMNS - 1);
    enum axm_status st = !t ? fail(AXM_ENV, "list: out of memory")
                         : specs ? list_specs(t, args->operand[0]) : list_families(t, with_paper);
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
