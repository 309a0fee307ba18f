/* Liberty: lexer and group parser first, then extraction of cells.  The parser
 * keeps the whole file as a tree of groups and attributes; nothing is skipped
 * silently except groups and attributes that nobody asked for. */
#include "synth/liberty.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/hash.h"

enum { LIB_DEPTH_MAX = 32, LIB_ARGS_MAX = 256, LIB_POINTS_MAX = 64 };

/* So that products of a few of them stay finite. */
#define LIB_NUMBER_MAX 1e40

struct liberty_store {
    struct arena arena;
    struct liberty lib;
};

/* --- text to tree ----------------------------------------------------------- */

struct node {                /* attribute, complex attribute or group */
    const char *name;
    int line;
    bool is_group;
    int n_args;
    const char **arg;        /* "a : v" has one argument */
    struct node *child, *next;
};

struct parser {
    const char *s, *end, *path;
    int line;
    struct arena *arena;
    bool failed;             /* reported once; everything after unwinds */
    enum axm_status st;      /* then */
};

static void *take(struct parser *p, size_t size)
{
    void *m = arena_alloc(p->arena, size);
    if (!m && !p->failed) {
        p->failed = true;
        p->st = fail(AXM_ENV, "%s: out of memory", p->path);
    }
    return m;
}

static void syntax(struct parser *p, const char *what)
{
    if (!p->failed)
        p->st = fail(AXM_USAGE, "%s:%d: %s", p->path, p->line, what);
    p->failed = true;
}

static void skip_space(struct parser *p)
{
    while (p->s < p->end) {
        if (*p->s == '\n')
            p->line++;
        if (isspace((unsigned char)*p->s) || *p->s == '\\') {
            p->s++;
        } else if (p->end - p->s >= 2 && p->s[0] == '/' && p->s[1] == '*') {
            p->s += 2;
            while (p->end - p->s >= 2 && !(p->s[0] == '*' && p->s[1] == '/')) {
                if (*p->s == '\n')
                    p->line++;
                p->s++;
            }
            if (p->end - p->s < 2) {
                syntax(p, "comment without end: the file is truncated");
                p->s = p->end;
                return;
            }
            p->s += 2;
        } else if (p->end - p->s >= 2 && p->s[0] == '/' && p->s[1] == '/') {
            while (p->s < p->end && *p->s != '\n')
                p->s++;
        } else {
            return;
        }
    }
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || strchr("_.+-*!&|^'$<>[]%", c);
}

/* A word or a quoted string; NULL when neither stands here. */
static const char *token(struct parser *p)
{
    skip_space(p);
    if (p->failed || p->s >= p->end)
        return NULL;
    const char *from = p->s;
    size_t len;
    if (*p->s == '"') {
        from = ++p->s;
        while (p->s < p->end && *p->s != '"') {
            if (*p->s == '\n')
                p->line++;
            p->s++;
        }
        if (p->s >= p->end) {
            syntax(p, "string without end: the file is truncated");
            return NULL;
        }
        len = (size_t)(p->s++ - from);
    } else {
        while (p->s < p->end && *p->s && is_word(*p->s))
            p->s++;
        len = (size_t)(p->s - from);
        if (!len)
            return NULL;
    }
    char *t = take(p, len + 1);
    if (t)
        memcpy(t, from, len);
    return t;
}

static bool accept(struct parser *p, char c)
{
    skip_space(p);
    if (p->failed || p->s >= p->end || *p->s != c)
        return false;
    p->s++;
    return true;
}

static struct node *statements(struct parser *p, int depth);

static struct node *statement(struct parser *p, int depth)
{
    struct node *n = take(p, sizeof *n);
    const char *arg[LIB_ARGS_MAX];
    if (!n)
        return NULL;
    n->name = token(p);
    n->line = p->line;
    if (!n->name) {
        syntax(p, p->s >= p->end ? "unexpected end: the file is truncated" : "expected a name");
        return NULL;
    }
    if (accept(p, ':')) {
        /* The last word before ';' or the end of the line: "VDD * 0.5" is no value we use. */
        do {
            arg[0] = token(p);
            skip_space(p);
        } while (arg[0] && p->line == n->line && p->s < p->end && *p->s != ';' && *p->s != '}');
        if (!arg[0]) {
            syntax(p, "attribute without value");
            return NULL;
        }
        n->n_args = 1;
        accept(p, ';');
    } else if (accept(p, '(')) {
        while (!accept(p, ')')) {
            const char *a = token(p);
            if (!a) {
                syntax(p, p->s >= p->end ? "unexpected end: the file is truncated" : "expected an argument");
                return NULL;
            }
            if (n->n_args == LIB_ARGS_MAX) {
                syntax(p, "more than 256 arguments");
                return NULL;
            }
            arg[n->n_args++] = a;
            accept(p, ',');
        }
        if (accept(p, '{')) {
            n->is_group = true;
            n->child = statements(p, depth + 1);
        } else {
            accept(p, ';');
        }
    } else {
        syntax(p, "expected ':' or '(' after a name");
        return NULL;
    }
    n->arg = take(p, sizeof *n->arg * (size_t)(n->n_args + 1));
    if (n->arg)
        memcpy(n->arg, arg, sizeof *n->arg * (size_t)n->n_args);
    return n;
}

/* Statements up to the closing brace. */
static struct node *statements(struct parser *p, int depth)
{
    struct node *first = NULL, **last = &first;
    if (depth > LIB_DEPTH_MAX) {
        syntax(p, "groups nested more than 32 deep");
        return NULL;
    }
    while (!p->failed && !accept(p, '}')) {
        if (accept(p, ';'))
            continue;
        struct node *n = statement(p, depth);
        if (!n)
            break;
        *last = n;
        last = &n->next;
    }
    return first;
}

static const struct node *find(const struct node *group, const char *name)
{
    for (const struct node *n = group->child; n; n = n->next)
        if (!strcmp(n->name, name))
            return n;
    return NULL;
}

static const char *text_of(const struct node *group, const char *name)
{
    const struct node *n = find(group, name);
    return n && !n->is_group && n->n_args ? n->arg[0] : NULL;
}

/* --- numbers and units -------------------------------------------------------- */

struct extractor {
    struct parser *p;        /* path, arena, failure */
    const struct node *root;        /* library(NAME) */
    double time_ns, cap_pf, leak_nw, energy_pj;   /* one unit of the file in ours */
};

static bool bad(struct extractor *x, const struct node *n, const char *what)
{
    x->p->line = n->line;
    syntax(x->p, what);
    return false;
}

static bool number(const char *s, double *out)
{
    char *end;
    double v = strtod(s, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (end == s || *end || !(fabs(v) <= LIB_NUMBER_MAX))
        return false;
    *out = v;
    return true;
}

/* A number attribute; absent leaves *out. */
static bool attribute(struct extractor *x, const struct node *group, const char *name, double *out)
{
    const struct node *n = find(group, name);
    if (!n)
        return true;
    if (n->is_group || n->n_args != 1 || !number(n->arg[0], out))
        return bad(x, n, "expected a number");
    return true;
}

/* The same of what cannot be negative. */
static bool attribute_size(struct extractor *x, const struct node *group, const char *name, double *out)
{
    return attribute(x, group, name, out) && (*out >= 0 || bad(x, find(group, name), "must not be negative"));
}

/* "1ns", "10ps", "100uW": factor and unit to a multiple of `target`. */
static bool unit(struct extractor *x, const char *name, const char *letters, double per_base,
                 double *out)
{
    const char *s = text_of(x->root, name);
    if (!s) {
        if (!x->p->failed)
            x->p->st = fail(AXM_USAGE, "%s: no %s: the unit must be stated", x->p->path, name);
        x->p->failed = true;
        return false;
    }
    static const struct { char prefix; double scale; } prefixes[] = {
        { 'f', 1e-15 }, { 'p', 1e-12 }, { 'n', 1e-9 }, { 'u', 1e-6 }, { 'm', 1e-3 },
    };
    char *end;
    double v = strtod(s, &end), scale = 0;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (tolower((unsigned char)end[0]) == prefixes[i].prefix && !strcasecmp(end + 1, letters))
            scale = prefixes[i].scale;
    if (!strcasecmp(end, letters))
        scale = 1;
    if (end == s || scale == 0 || !(v > 0 && v <= LIB_NUMBER_MAX)) {
        if (!x->p->failed)
            x->p->st = fail(AXM_USAGE, "%s: %s \"%s\" is not understood; expected like 1%s%s", x->p->path,
                       name, s, letters[0] == 's' ? "n" : "u", letters);
        x->p->failed = true;
        return false;
    }
    *out = v * scale * per_base;
    return true;
}

static bool read_units(struct extractor *x)
{
    const struct node *c = find(x->root, "capacitive_load_unit");
    double volt = 1, factor = 0;
    if (!unit(x, "time_unit", "s", 1e9, &x->time_ns) || !unit(x, "voltage_unit", "V", 1, &volt))
        return false;
    if (!c || c->n_args != 2 || !number(c->arg[0], &factor) || !(factor > 0) ||
        (strcasecmp(c->arg[1], "pf") && strcasecmp(c->arg[1], "ff"))) {
        if (!x->p->failed)
            x->p->st = fail(AXM_USAGE, "%s: capacitive_load_unit must be stated in pf or ff", x->p->path);
        x->p->failed = true;
        return false;
    }
    x->cap_pf = factor * (strcasecmp(c->arg[1], "pf") ? 1e-3 : 1);
    x->energy_pj = x->cap_pf * volt * volt;   /* Liberty: capacitance unit times voltage unit squared */
    x->leak_nw = 1;
    return !find(x->root, "leakage_power_unit") || unit(x, "leakage_power_unit", "W", 1e9, &x->leak_nw);
}

/* --- tables ----------------------------------------------------------------- */

static int axis_kind(const char *variable)   /* 0 slew, 1 load, -1 neither */
{
    if (!variable)
        return -1;
    if (!strcmp(variable, "input_net_transition") || !strcmp(variable, "input_transition_time") ||
        !strcmp(variable, "related_pin_transition"))
        return 0;
    return strcmp(variable, "total_output_net_capacitance") ? -1 : 1;
}

/* All numbers of the strings in an index or values attribute, scaled; -1 if they are none. */
static int read_numbers(struct extractor *x, const struct node *n, double scale, double *out, int max)
{
    int count = 0;
    for (int i = 0; i < n->n_args; i++) {
        const char *s = n->arg[i];
        while (*s) {
            char *end;
            double v = strtod(s, &end);
            if (end == s || !(fabs(v) <= LIB_NUMBER_MAX) || count == max) {
                bad(x, n, count == max ? "more numbers than the axes allow" : "expected a list of numbers");
                return -1;
            }
            out[count++] = v * scale;
            for (s = end; isspace((unsigned char)*s) || *s == ','; s++)
                ;
        }
    }
    return count;
}

static const double *keep(struct extractor *x, const double *v, int n)
{
    double *d = take(x->p, sizeof *d * (size_t)n);
    if (d)
        memcpy(d, v, sizeof *d * (size_t)n);
    return d;
}

/* The table of group `name` inside `owner`, values scaled; absent: v = NULL. */
static bool read_table(struct extractor *x, const struct node *owner, const char *name, double scale,
                       struct lib_table *out)
{
    const struct node *t = find(owner, name), *template = NULL;
    static const char *const index_name[2] = { "index_1", "index_2" };
    double v[LIB_POINTS_MAX * LIB_POINTS_MAX], axis[2][LIB_POINTS_MAX];
    int n[2] = { 1, 1 }, kind[2] = { -1, -1 }, count;
    if (!t || !t->is_group)
        return true;
    for (const struct node *c = x->root->child; c && t->n_args; c = c->next)
        if ((!strcmp(c->name, "lu_table_template") || !strcmp(c->name, "power_lut_template")) &&
            c->n_args == 1 && !strcmp(c->arg[0], t->arg[0]))
            template = c;
    bool scalar = t->n_args && !strcmp(t->arg[0], "scalar");
    if (!template && !scalar)
        return bad(x, t, "table of an unknown template");
    for (int k = 0; k < 2 && template; k++) {
        const struct node *index = find(t, index_name[k]);
        if (!index)
            index = find(template, index_name[k]);
        kind[k] = axis_kind(text_of(template, k ? "variable_2" : "variable_1"));
        if (!index)
            break;
        n[k] = read_numbers(x, index, kind[k] == 1 ? x->cap_pf : x->time_ns, axis[k], LIB_POINTS_MAX);
        if (n[k] < 0)
            return false;
        if (n[k] < 1 || kind[k] < 0)
            return bad(x, index, "axis must be input transition or output capacitance, with points");
        for (int i = 1; i < n[k]; i++)
            if (!(axis[k][i] > axis[k][i - 1]))
                return bad(x, index, "axis must ascend");
    }
    const struct node *values = find(t, "values");
    if (!values)
        return bad(x, t, "table without values");
    count = read_numbers(x, values, scale, v, n[0] * n[1]);
    if (count < 0)
        return false;
    if (count != n[0] * n[1])
        return bad(x, values, "fewer numbers than the axes ask for");
    if (kind[0] >= 0 && kind[0] == kind[1])
        return bad(x, t, "both axes are the same variable");
    bool load_first = kind[0] == 1 || (kind[0] < 0 && kind[1] == 0);
    int s = load_first ? 1 : 0;   /* which of the two is the slew axis */
    double turned[LIB_POINTS_MAX * LIB_POINTS_MAX];
    for (int i = 0; i < n[0]; i++)
        for (int j = 0; j < n[1]; j++)
            turned[load_first ? j * n[0] + i : i * n[1] + j] = v[i * n[1] + j];
    out->n_slew = n[s];
    out->n_load = n[!s];
    out->slew_ns = keep(x, axis[s], n[s]);
    out->load_pf = keep(x, axis[!s], n[!s]);
    out->v = keep(x, turned, count);
    return !x->p->failed;
}

/* Where value lies on an axis: lower index and fraction (beyond 0..1 outside). */
static int locate(const double *axis, int n, double value, double *fraction)
{
    int i = 0;
    if (n < 2) {
        *fraction = 0;
        return 0;
    }
    while (i < n - 2 && value >= axis[i + 1])
        i++;
    *fraction = (value - axis[i]) / (axis[i + 1] - axis[i]);
    return i;
}

double lib_table_at(const struct lib_table *t, double slew_ns, double load_pf)
{
    double fs, fl;
    if (!t->v)
        return 0;
    int s = locate(t->slew_ns, t->n_slew, slew_ns, &fs);
    int l = locate(t->load_pf, t->n_load, load_pf, &fl);
    int s1 = t->n_slew > 1 ? s + 1 : s, l1 = t->n_load > 1 ? l + 1 : l;
    const double *lower = t->v + s * t->n_load, *upper = t->v + s1 * t->n_load;
    double at_lower = lower[l] + fl * (lower[l1] - lower[l]);
    double at_upper = upper[l] + fl * (upper[l1] - upper[l]);
    return at_lower + fs * (at_upper - at_lower);
}

/* --- boolean functions --------------------------------------------------------- */

static const uint64_t variable_truth[LIB_INPUTS_MAX] = {
    0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
    0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000,
};

/* Liberty expressions: ! and postfix ' bind tightest, then ^, then & * and
 * juxtaposition, then + |; over the cell's inputs. */
struct expression {
    const char *s;
    const struct lib_cell *cell;
    int depth;
    bool failed;
};

static uint64_t parse_or(struct expression *e);

static char peek(struct expression *e)
{
    while (isspace((unsigned char)*e->s))
        e->s++;
    return *e->s;
}

static uint64_t parse_factor(struct expression *e)
{
    uint64_t v = 0;
    char c = peek(e);
    if (++e->depth > LIB_DEPTH_MAX) {
        e->failed = true;
    } else if (c == '!') {
        e->s++;
        v = ~parse_factor(e);
    } else if (c == '(') {
        e->s++;
        v = parse_or(e);
        if (peek(e) == ')')
            e->s++;
        else
            e->failed = true;
    } else if (c == '0' || c == '1') {
        e->s++;
        v = c == '1' ? ~UINT64_C(0) : 0;
    } else {
        const char *from = e->s;
        while (isalnum((unsigned char)*e->s) || *e->s == '_' || *e->s == '[' || *e->s == ']')
            e->s++;
        size_t len = (size_t)(e->s - from);
        int found = -1;
        for (int i = 0; i < e->cell->n_in; i++)
            if (len && strlen(e->cell->input[i].name) == len && !memcmp(e->cell->input[i].name, from, len))
                found = i;
        if (found >= 0)
            v = variable_truth[found];
        else
            e->failed = true;
    }
    while (!e->failed && peek(e) == '\'') {
        e->s++;
        v = ~v;
    }
    e->depth--;
    return v;
}

static uint64_t parse_xor(struct expression *e)
{
    uint64_t v = parse_factor(e);
    while (!e->failed && peek(e) == '^') {
        e->s++;
        v ^= parse_factor(e);
    }
    return v;
}

static uint64_t parse_and(struct expression *e)
{
    uint64_t v = parse_xor(e);
    while (!e->failed) {
        char c = peek(e);
        if (c == '&' || c == '*')
            e->s++;
        else if (!isalnum((unsigned char)c) && c != '_' && c != '(' && c != '!')
            break;
        v &= parse_xor(e);
    }
    return v;
}

static uint64_t parse_or(struct expression *e)
{
    uint64_t v = parse_and(e);
    while (!e->failed && (peek(e) == '+' || peek(e) == '|')) {
        e->s++;
        v |= parse_and(e);
    }
    return v;
}

/* Truth table over the inputs of the cell; false if the text is no function of them. */
static bool truth_of(const struct lib_cell *cell, const char *text, uint64_t *out)
{
    struct expression e = { .s = text, .cell = cell };
    uint64_t v = parse_or(&e);
    if (e.failed || peek(&e))
        return false;
    *out = v;
    return true;
}

/* --- cells ------------------------------------------------------------------ */

static int input_index(const struct lib_cell *c, const char *name)
{
    for (int i = 0; i < c->n_in && name; i++)
        if (!strcmp(c->input[i].name, name))
            return i;
    return -1;
}

static int count_groups(const struct node *group, const char *name)
{
    int n = 0;
    for (const struct node *c = group->child; c; c = c->next)
        n += c->is_group && !strcmp(c->name, name);
    return n;
}

static bool read_when(struct extractor *x, const struct lib_cell *cell, const struct node *group,
                      uint64_t *out)
{
    const char *when = text_of(group, "when");
    *out = ~UINT64_C(0);
    return !when || truth_of(cell, when, out) ||
           bad(x, group, "the `when` condition is no function of the inputs");
}

/* Of a flip-flop, whose `when` may name its state, under all conditions. */
static bool read_energies(struct extractor *x, const struct lib_cell *cell, const struct node *pin,
                          int *count, const struct lib_energy **out)
{
    int n = count_groups(pin, "internal_power"), k = 0;
    struct lib_energy *e = take(x->p, sizeof *e * (size_t)(n + 1));
    for (const struct node *g = pin->child; g && e; g = g->next) {
        if (!g->is_group || strcmp(g->name, "internal_power"))
            continue;
        e[k].related = input_index(cell, text_of(g, "related_pin"));
        e[k].when = ~UINT64_C(0);
        if ((!cell->flip_flop && !read_when(x, cell, g, &e[k].when)) ||
            !read_table(x, g, "rise_power", x->energy_pj, &e[k].rise) ||
            !read_table(x, g, "fall_power", x->energy_pj, &e[k].fall))
            return false;
        if (!e[k].rise.v && !e[k].fall.v) {   /* power(): one table for both edges */
            if (!read_table(x, g, "power", x->energy_pj, &e[k].rise))
                return false;
            e[k].fall = e[k].rise;
        }
        k++;
    }
    *count = k;
    *out = e;
    return !x->p->failed;
}

static bool read_arcs(struct extractor *x, const struct lib_cell *cell, const struct node *pin,
                      struct lib_output *o)
{
    struct lib_arc *a = take(x->p, sizeof *a * (size_t)(count_groups(pin, "timing") + 1));
    for (const struct node *g = pin->child; g && a; g = g->next) {
        if (!g->is_group || strcmp(g->name, "timing"))
            continue;
        struct lib_arc *arc = &a[o->n_arcs];
        const char *sense = text_of(g, "timing_sense");
        arc->input = input_index(cell, text_of(g, "related_pin"));
        if (arc->input < 0)
            continue;   /* from an output or an internal pin: no arc of a simple gate */
        arc->sense = !sense || !strcmp(sense, "non_unate") ? LIB_NON_UNATE
                     : !strcmp(sense, "negative_unate")    ? LIB_NEGATIVE
                                                           : LIB_POSITIVE;
        if (!read_table(x, g, "cell_rise", x->time_ns, &arc->rise_delay) ||
            !read_table(x, g, "cell_fall", x->time_ns, &arc->fall_delay) ||
            !read_table(x, g, "rise_transition", x->time_ns, &arc->rise_slew) ||
            !read_table(x, g, "fall_transition", x->time_ns, &arc->fall_slew))
            return false;
        o->n_arcs++;
    }
    o->arc = a;
    return !x->p->failed;
}

/* Names, directions and capacitances; false only on failure.  Cells that are
 * not simple gates end with usable = false. */
static bool read_pins(struct extractor *x, const struct node *g, struct lib_cell *c)
{
    for (const struct node *pin = g->child; pin; pin = pin->next) {
        if (!pin->is_group || strcmp(pin->name, "pin"))
            continue;
        const char *direction = text_of(pin, "direction");
        if (pin->n_args != 1 || !direction)
            return bad(x, pin, "pin without name or direction");
        double cap = 0, max_load = 0;
        bool is_output;
        if (lib_cell_pin(c, pin->arg[0], &is_output) >= 0)
            return bad(x, pin, "two pins of one name");
        if (!attribute_size(x, pin, "capacitance", &cap) ||
            !attribute_size(x, pin, "max_capacitance", &max_load))
            return false;
        if (!strcmp(direction, "input") && c->n_in < LIB_INPUTS_MAX) {
            c->input[c->n_in].cap_pf = cap * x->cap_pf;
            c->input[c->n_in++].name = pin->arg[0];
        } else if (!strcmp(direction, "output") && c->n_out < LIB_OUTPUTS_MAX) {
            struct lib_output *o = &c->output[c->n_out++];
            o->name = pin->arg[0];
            o->cap_pf = cap * x->cap_pf;
            o->max_load_pf = max_load * x->cap_pf;
        } else if (strcmp(direction, "internal")) {
            c->usable = false;
        }
        if (text_of(pin, "three_state"))
            c->usable = false;
    }
    c->usable = c->usable && c->n_out > 0;
    return true;
}

static bool read_functions(struct extractor *x, const struct node *g, struct lib_cell *c)
{
    int in = 0, out = 0;
    for (const struct node *pin = g->child; pin && c->usable; pin = pin->next) {
        if (!pin->is_group || strcmp(pin->name, "pin"))
            continue;
        const char *direction = text_of(pin, "direction");
        if (!strcmp(direction, "input")) {
            struct lib_input *i = &c->input[in++];
            if (!read_energies(x, c, pin, &i->n_energy, &i->energy))
                return false;
            c->has_power |= i->n_energy > 0;
        } else if (!strcmp(direction, "output")) {
            struct lib_output *o = &c->output[out++];
            const char *function = text_of(pin, "function");
            if (!function) {
                c->usable = false;
                return true;
            }
            if (!truth_of(c, function, &o->truth))
                return bad(x, find(pin, "function"), "the function is no function of the cell's inputs");
            if (!read_arcs(x, c, pin, o) || !read_energies(x, c, pin, &o->n_energy, &o->energy))
                return false;
            c->has_power |= o->n_energy > 0;
        }
    }
    return true;
}

static bool read_leakage(struct extractor *x, const struct node *g, struct lib_cell *c)
{
    struct lib_leakage *l = take(x->p, sizeof *l * (size_t)(count_groups(g, "leakage_power") + 1));
    double library_default = 0;
    if (!attribute(x, x->root, "default_cell_leakage_power", &library_default))
        return false;
    c->leakage_nw = library_default;
    if (!attribute(x, g, "cell_leakage_power", &c->leakage_nw))
        return false;
    c->leakage_nw *= x->leak_nw;
    for (const struct node *n = g->child; n && l; n = n->next) {
        if (!n->is_group || strcmp(n->name, "leakage_power"))
            continue;
        if (!read_when(x, c, n, &l[c->n_leakage].when) ||
            !attribute(x, n, "value", &l[c->n_leakage].nw))
            return false;
        l[c->n_leakage++].nw *= x->leak_nw;
    }
    c->leakage = l;
    c->has_power |= c->leakage_nw > 0 || c->n_leakage > 0;
    return !x->p->failed;
}

/* What a clocked cell needs to be a plain flip-flop: two inputs, one output. */
static bool read_flip_flop(struct extractor *x, const struct node *g, struct lib_cell *c)
{
    const struct node *ff = find(g, "ff");
    const char *clock = ff ? text_of(ff, "clocked_on") : NULL, *data = ff ? text_of(ff, "next_state") : NULL;
    int in = 0;
    c->clock = input_index(c, clock);
    c->data = input_index(c, data);
    c->flip_flop = c->n_in == 2 && c->n_out == 1 && c->clock >= 0 && c->data >= 0 && c->clock != c->data;
    for (const struct node *pin = g->child; pin && c->flip_flop; pin = pin->next) {
        const char *direction = pin->is_group && !strcmp(pin->name, "pin") ? text_of(pin, "direction") : NULL;
        if (!direction || !strcmp(direction, "internal"))
            continue;
        bool is_input = !strcmp(direction, "input");
        const char *function = text_of(pin, "function");
        if (!is_input && (!function || !ff->n_args || strcmp(function, ff->arg[0])))
            c->flip_flop = false;
        else if (is_input ? !read_energies(x, c, pin, &c->input[in].n_energy, &c->input[in].energy)
                          : !read_energies(x, c, pin, &c->output[0].n_energy, &c->output[0].energy))
            return false;
        in += is_input;
    }
    double leakage = 0;
    if (!attribute(x, x->root, "default_cell_leakage_power", &leakage) ||
        !attribute(x, g, "cell_leakage_power", &leakage))
        return false;
    c->leakage_nw = leakage * x->leak_nw;
    return true;
}

static bool read_cell(struct extractor *x, const struct node *g, struct lib_cell *c)
{
    if (g->n_args != 1)
        return bad(x, g, "cell without a name");
    c->name = g->arg[0];
    c->sequential = find(g, "ff") || find(g, "latch") || find(g, "statetable") || find(g, "ff_bank");
    const char *dont_use = text_of(g, "dont_use");
    c->usable = !c->sequential && !(dont_use && !strcmp(dont_use, "true"));
    return attribute_size(x, g, "area", &c->area_um2) && read_pins(x, g, c) &&
           (!c->usable || (read_functions(x, g, c) && read_leakage(x, g, c))) &&
           (!c->sequential || read_flip_flop(x, g, c));
}

static bool extract(struct extractor *x, struct liberty *l)
{
    int n = count_groups(x->root, "cell");
    struct lib_cell *cells = take(x->p, sizeof *cells * (size_t)(n + 1));
    if (!cells || !read_units(x))
        return false;
    l->voltage = 0;
    if (!attribute(x, x->root, "nom_voltage", &l->voltage))
        return false;
    if (!(l->voltage > 0)) {
        x->p->st = fail(AXM_USAGE, "%s: no nom_voltage above 0", x->p->path);
        return false;
    }
    for (const struct node *g = x->root->child; g; g = g->next)
        if (g->is_group && !strcmp(g->name, "cell") && !read_cell(x, g, &cells[l->n_cells++]))
            return false;
    if (!l->n_cells) {
        x->p->st = fail(AXM_USAGE, "%s: the library has no cells", x->p->path);
        return false;
    }
    l->cell = cells;
    return true;
}

enum axm_status liberty_parse(const char *text, size_t len, const char *path, struct liberty **out)
{
    struct liberty_store *store = calloc(1, sizeof *store);
    if (!store)
        return fail(AXM_ENV, "%s: out of memory", path);
    struct parser p = { .s = text, .end = text + len, .path = path, .line = 1, .arena = &store->arena };
    struct extractor x = { .p = &p, .root = statement(&p, 0) };
    if (!p.failed && (strcmp(x.root->name, "library") || !x.root->is_group || x.root->n_args != 1))
        syntax(&p, "a liberty file begins with library(NAME) {");
    if (p.failed || !extract(&x, &store->lib)) {
        arena_release(&store->arena);
        free(store);
        return p.st;
    }
    store->lib.name = x.root->arg[0];
    store->lib.path = arena_strdup(&store->arena, path);
    if (!store->lib.path) {
        arena_release(&store->arena);
        free(store);
        return fail(AXM_ENV, "%s: out of memory", path);
    }
    memcpy(store->lib.sha256, sha256_bytes(text, len).s, sizeof store->lib.sha256);
    store->lib.store = store;
    *out = &store->lib;
    return AXM_OK;
}

enum axm_status liberty_read(const char *path, struct liberty **out)
{
    struct strbuf text = { 0 };
    enum axm_status st = file_read(path, (size_t)1 << 30, &text);
    if (st == AXM_OK)
        st = liberty_parse(text.s, text.len, path, out);
    strbuf_release(&text);
    return st;
}

void liberty_free(struct liberty *l)
{
    if (!l)
        return;
    struct liberty_store *store = l->store;
    arena_release(&store->arena);
    free(store);
}

/* --- questions ---------------------------------------------------------------- */

const struct lib_cell *liberty_find(const struct liberty *l, const char *cell_name)
{
    for (int i = 0; i < l->n_cells; i++)
        if (!strcmp(l->cell[i].name, cell_name))
            return &l->cell[i];
    return NULL;
}

int lib_cell_pin(const struct lib_cell *c, const char *pin, bool *is_output)
{
    *is_output = false;
    int i = input_index(c, pin);
    if (i >= 0)
        return i;
    *is_output = true;
    for (i = 0; i < c->n_out; i++)
        if (!strcmp(c->output[i].name, pin))
            return i;
    return -1;
}

double lib_cell_leakage(const struct lib_cell *c, unsigned input_values)
{
    for (int i = 0; i < c->n_leakage; i++)
        if (c->leakage[i].when >> input_values & 1)
            return c->leakage[i].nw;
    return c->leakage_nw;
}

/* The truth table with inputs reordered: new input i is old input order[i]. */
static uint64_t permuted(uint64_t truth, int n_in, const int *order)
{
    uint64_t out = 0;
    for (unsigned v = 0; v < 1u << n_in; v++) {
        unsigned old = 0;
        for (int i = 0; i < n_in; i++)
            old |= (v >> i & 1) << order[i];
        out |= (truth >> old & 1) << v;
    }
    return out;
}

static uint64_t used_bits(int n_in)
{
    return n_in == 6 ? ~UINT64_C(0) : (UINT64_C(1) << (1 << n_in)) - 1;
}

/* True if some order of the inputs turns `have` into `want`; tries them all. */
static bool same_function(uint64_t have, uint64_t want, int n_in, int *order, int placed, unsigned taken)
{
    if (placed == n_in)
        return permuted(have, n_in, order) == (want & used_bits(n_in));
    for (int i = 0; i < n_in; i++) {
        if (taken >> i & 1)
            continue;
        order[placed] = i;
        if (same_function(have, want, n_in, order, placed + 1, taken | 1u << i))
            return true;
    }
    return false;
}

const struct lib_cell *liberty_by_function(const struct liberty *l, int n_in, uint64_t truth)
{
    const struct lib_cell *best = NULL;
    int order[LIB_INPUTS_MAX];
    for (int i = 0; i < l->n_cells; i++) {
        const struct lib_cell *c = &l->cell[i];
        if (c->usable && c->n_in == n_in && c->n_out == 1 && (!best || c->area_um2 < best->area_um2) &&
            same_function(c->output[0].truth, truth, n_in, order, 0, 0))
            best = c;
    }
    return best;
}

/* Sum and carry are symmetric in their inputs, so their tables need no order. */
static bool find_adder(const struct liberty *l, int n_in, uint64_t sum, uint64_t carry,
                       struct lib_adder *out)
{
    uint64_t mask = used_bits(n_in);
    bool found = false;
    for (int i = 0; i < l->n_cells; i++) {
        const struct lib_cell *c = &l->cell[i];
        if (!c->usable || c->n_in != n_in || c->n_out != 2 || (found && c->area_um2 >= out->cell->area_um2))
            continue;
        for (int s = 0; s < 2; s++) {
            if ((c->output[s].truth & mask) == sum && (c->output[!s].truth & mask) == carry) {
                *out = (struct lib_adder){ .cell = c, .sum = s, .carry = !s };
                found = true;
            }
        }
    }
    return found;
}

bool liberty_half_adder(const struct liberty *l, struct lib_adder *out)
{
    return find_adder(l, 2, 0x6, 0x8, out);
}

bool liberty_full_adder(const struct liberty *l, struct lib_adder *out)
{
    return find_adder(l, 3, 0x96, 0xe8, out);
}
