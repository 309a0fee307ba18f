#include "cmodel/spec.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- the table ---------------------------------------------------------------- */

static int family_count(void)
{
    int n = 0;
    while (axm_families[n].name)
        n++;
    return n;
}

static const struct axm_family *family_find(const char *name, size_t len)
{
    for (const struct axm_family *f = axm_families; f->name; f++)
        if (strlen(f->name) == len && !memcmp(f->name, name, len))
            return f;
    return NULL;
}

const struct axm_family *axm_family_find(const char *name)
{
    return family_find(name, strlen(name));
}

int axm_family_index(const struct axm_family *f)
{
    assert(f >= axm_families && f < axm_families + family_count());
    return (int)(f - axm_families);
}

int axm_param_count(const struct axm_family *f)
{
    int n = 0;
    while (n < AXM_PARAMS && f->param[n].key)
        n++;
    return n;
}

/* Index of a text in a list of words, -1 if it is not there. */
static int word_index(const char *const *words, const char *text, size_t len)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == len && !memcmp(words[i], text, len))
            return i;
    return -1;
}

static int word_count(const struct axm_param *p)
{
    int n = 0;
    while (p->words[n])
        n++;
    return n;
}

static int param_find(const struct axm_family *f, const char *text, size_t len)
{
    for (int i = 0; i < axm_param_count(f); i++) {
        const struct axm_param *p = &f->param[i];
        if (p->words ? word_index(p->words, text, len) >= 0
                     : strlen(p->key) == len && !memcmp(p->key, text, len))
            return i;
    }
    return -1;
}

int axm_param_find(const struct axm_family *f, const char *key_or_word)
{
    return param_find(f, key_or_word, strlen(key_or_word));
}

static int form_count(const struct axm_family *f)
{
    return f->n_forms ? f->n_forms : 1;
}

static unsigned param_forms(const struct axm_family *f, int i)
{
    return f->param[i].forms ? f->param[i].forms : (1u << form_count(f)) - 1;
}

/* Exists at this width and sign, whatever the form. */
static bool param_fits(const struct axm_spec *s, int i)
{
    const struct axm_param *p = &s->family->param[i];
    return s->width_b >= p->width_b_min && (s->is_signed || !p->signed_only);
}

bool axm_param_exists(const struct axm_spec *s, int i)
{
    return i >= 0 && i < axm_param_count(s->family) && param_fits(s, i) &&
           (param_forms(s->family, i) >> s->form & 1);
}

static int bound_value(const struct axm_bound *b, const struct axm_spec *s)
{
    int widest = s->width_a > s->width_b ? s->width_a : s->width_b;
    return b->plus + b->per_a * s->width_a + b->per_b * s->width_b + b->per_max * widest;
}

void axm_param_range(const struct axm_spec *s, int i, int *lo, int *hi)
{
    const struct axm_param *p = &s->family->param[i];
    *lo = p->words ? 0 : bound_value(&p->lo, s);
    *hi = p->words ? word_count(p) - 1 : bound_value(&p->hi, s);
}

static bool param_has_default(const struct axm_param *p)
{
    return p->words || p->has_default;
}

static int param_default(const struct axm_spec *s, int i)
{
    const struct axm_param *p = &s->family->param[i];
    return p->words ? 0 : bound_value(&p->otherwise, s);
}

static bool width_b_legal(const struct axm_family *f, int width)
{
    return width >= f->width_b_min && width <= f->width_b_max &&
           (!f->width_b_step || width % f->width_b_step == 0);
}

/* --- text of limited length ------------------------------------------------------ */

struct text {
    char s[768];
    size_t len;
};

/* Appends; what does not fit is cut. */
static void __attribute__((format(printf, 2, 3))) text_addf(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->s + t->len, sizeof t->s - t->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len = t->len + n < sizeof t->s ? t->len + n : sizeof t->s - 1;
}

/* Somebody else's text, fit for a message: printable, and not longer than a spec. */
static void text_add_foreign(struct text *t, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i == AXM_SPEC_MAX) {
            text_addf(t, "...");
            return;
        }
        text_addf(t, "%c", s[i] >= ' ' && s[i] <= '~' ? s[i] : '?');
    }
}

/* --- printing ----------------------------------------------------------------- */

/* Family, widths and sign: what stands before the parameters. */
static void add_head(struct text *t, const struct axm_spec *s)
{
    text_addf(t, "%s%d", s->family->name, s->width_a);
    if (s->width_a != s->width_b)
        text_addf(t, "x%d", s->width_b);
    text_addf(t, "%c", s->is_signed ? 's' : 'u');
}

static void print_spec(const struct axm_spec *s, char *out, bool with_runtime)
{
    struct text t = { .len = 0 };
    add_head(&t, s);
    for (int i = 0; i < axm_param_count(s->family); i++) {
        const struct axm_param *p = &s->family->param[i];
        if (!axm_param_exists(s, i) || (p->runtime && !with_runtime))
            continue;
        if (param_has_default(p) && !p->shown && s->p[i] == param_default(s, i))
            continue;
        if (p->words)
            text_addf(&t, "_%s", p->words[s->p[i]]);
        else
            text_addf(&t, "_%s%d", p->key, s->p[i]);
    }
    assert(t.len < AXM_SPEC_MAX);
    memcpy(out, t.s, t.len + 1);
}

void axm_spec_print(const struct axm_spec *s, char out[AXM_SPEC_MAX])
{
    print_spec(s, out, true);
}

void axm_spec_print_circuit(const struct axm_spec *s, char out[AXM_SPEC_MAX])
{
    print_spec(s, out, false);
}

/* --- parsing ------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_letter(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* A piece of the text that is being parsed. */
struct piece {
    const char *s;
    size_t len;
};

static struct piece take_while(const char **p, bool (*in)(char))
{
    struct piece t = { *p, 0 };
    while (in(**p)) {
        (*p)++;
        t.len++;
    }
    return t;
}

/* Plain decimal without leading zeros; more than INT_MAX gives INT_MAX. */
static bool piece_number(struct piece t, int *out)
{
    if (!t.len || (t.len > 1 && t.s[0] == '0'))
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (!is_digit(t.s[i]))
            return false;
        v = v * 10 + (t.s[i] - '0');
        if (v > INT_MAX)
            v = INT_MAX;
    }
    *out = (int)v;
    return true;
}

/* Reports "TEXT: message"; the text is the one the user gave. */
static enum axm_status __attribute__((format(printf, 2, 3))) bad(const char *text, const char *fmt, ...)
{
    struct text subject = { .len = 0 };
    text_add_foreign(&subject, text, strlen(text));
    char message[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return fail(AXM_USAGE, "%s: %s", subject.s, message);
}

/* "k 2..8 and oc 0..1 (default 0)", one alternative per form. */
static struct text legal_params(const struct axm_spec *s)
{
    struct text t = { .len = 0 };
    struct axm_spec v = *s;
    for (v.form = 0; v.form < form_count(s->family); v.form++) {
        const char *separator = v.form ? ", or " : "";
        for (int i = 0; i < axm_param_count(s->family); i++) {
            const struct axm_param *p = &s->family->param[i];
            if (!axm_param_exists(&v, i))
                continue;
            text_addf(&t, "%s", separator);
            separator = " and ";
            if (p->words) {
                for (int w = 0; p->words[w]; w++)
                    text_addf(&t, "%s%s", w ? "|" : "", p->words[w]);
                text_addf(&t, " (default %s)", p->words[0]);
                continue;
            }
            int lo, hi;
            axm_param_range(&v, i, &lo, &hi);
            text_addf(&t, "%s %d..%d", p->key, lo, hi);
            if (p->has_default)
                text_addf(&t, " (default %d)", param_default(&v, i));
        }
    }
    if (!t.len)
        text_addf(&t, "no parameters");
    return t;
}

/* The same, with the family and widths it holds for. */
static struct text legal_spec(const struct axm_spec *s)
{
    struct text t = { .len = 0 }, params = legal_params(s);
    add_head(&t, s);
    text_addf(&t, " takes %s", params.s);
    return t;
}

static enum axm_status bad_family(const char *text, struct piece name)
{
    struct text t = { .len = 0 }, quoted = { .len = 0 };
    for (const struct axm_family *f = axm_families; f->name; f++)
        text_addf(&t, "%s%s", f == axm_families ? "" : ", ", f->name);
    text_add_foreign(&quoted, name.s, name.len);
    return bad(text, "no family \"%s\"; families are %s", quoted.s, t.s);
}

/* One width, already cut out of the text; which is "width" or "width of b". */
static enum axm_status parse_width(const char *text, struct piece t, const char *which, int lo, int hi,
                                   int step, int *out)
{
    int v;
    struct text multiple = { .len = 0 }, got = { .len = 0 };
    if (step)
        text_addf(&multiple, "a multiple of %d, ", step);
    text_add_foreign(&got, t.s, t.len);
    if (!piece_number(t, &v))
        return bad(text, "%s must be %s%d..%d in plain decimal, got \"%s\"", which, multiple.s, lo, hi,
                   got.s);
    if (v < lo || v > hi || (step && v % step))
        return bad(text, "%s must be %s%d..%d, got %s", which, multiple.s, lo, hi, got.s);
    *out = v;
    return AXM_OK;
}

/* Family, widths and sign; *p goes past them. */
static enum axm_status parse_head(const char *text, const char **p, struct axm_spec *s)
{
    struct piece name = take_while(p, is_letter);
    const struct axm_family *f = s->family = family_find(name.s, name.len);
    if (!f)
        return bad_family(text, name);

    struct piece a = take_while(p, is_digit), b = a;
    if (!a.len)
        return bad(text, "a width must follow the family, as in %s8%c", f->name, f->unsigned_ok ? 'u' : 's');
    bool two = **p == 'x';
    if (two) {
        (*p)++;
        b = take_while(p, is_digit);
    }
    enum axm_status st = parse_width(text, a, two ? "width of a" : "width", f->width_a_min, f->width_a_max,
                                     0, &s->width_a);
    if (!st)
        st = parse_width(text, b, two ? "width of b" : "width", f->width_b_min, f->width_b_max,
                         f->width_b_step, &s->width_b);
    if (st)
        return st;

    if (**p != 's' && **p != 'u')
        return bad(text, "s (signed) or u (unsigned) must follow the width");
    s->is_signed = *(*p)++ == 's';
    if (!(s->is_signed ? f->signed_ok : f->unsigned_ok))
        return bad(text, "%s is %s only", f->name, s->is_signed ? "unsigned (u)" : "signed (s)");
    return AXM_OK;
}

/* One parameter, without its "_"; sets its bit in *given. */
static enum axm_status parse_param(const char *text, struct piece t, struct axm_spec *s, unsigned *given)
{
    struct text shown = { .len = 0 };
    text_add_foreign(&shown, t.s, t.len);
    struct piece key = { t.s, 0 };
    while (key.len < t.len && is_lower(t.s[key.len]))
        key.len++;
    struct piece value = { t.s + key.len, t.len - key.len };
    int i = param_find(s->family, t.s, key.len);
    const struct axm_param *p = i < 0 ? NULL : &s->family->param[i];
    if (!p || !key.len || (p->words && value.len))
        return bad(text, "no parameter \"%s\"; %s", shown.s, legal_spec(s).s);
    if (!param_fits(s, i)) {
        if (p->signed_only && !s->is_signed)
            return bad(text, "%s is for signed operands only", p->key);
        return bad(text, "%s needs a b of %d bits or more, it has %d", p->key, p->width_b_min, s->width_b);
    }
    if (*given >> i & 1)
        return bad(text, "%s is a second value of one parameter; %s", shown.s, legal_spec(s).s);
    *given |= 1u << i;
    if (p->words) {
        s->p[i] = word_index(p->words, key.s, key.len);
        return AXM_OK;
    }
    int lo, hi, v;
    axm_param_range(s, i, &lo, &hi);
    if (!piece_number(value, &v))
        return bad(text, "%s must be %d..%d in plain decimal, got \"%s\"", p->key, lo, hi, shown.s + key.len);
    if (v < lo || v > hi)
        return bad(text, "%s must be %d..%d, got %s", p->key, lo, hi, shown.s + key.len);
    s->p[i] = v;
    return AXM_OK;
}

/* Index of a required parameter of the form of s that is not given, -1 if none. */
static int missing_param(const struct axm_spec *s, unsigned given)
{
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (axm_param_exists(s, i) && !(given >> i & 1) && !param_has_default(&s->family->param[i]))
            return i;
    return -1;
}

/* True if the form of s has every given parameter. */
static bool form_fits(const struct axm_spec *s, unsigned given)
{
    for (int i = 0; i < axm_param_count(s->family); i++)
        if ((given >> i & 1) && !axm_param_exists(s, i))
            return false;
    return true;
}

/* Picks the form that the given parameters belong to, and fills in defaults. */
static enum axm_status settle_form(const char *text, struct axm_spec *s, unsigned given)
{
    const char *missing = NULL;   /* of the first form that fits */
    for (s->form = 0; s->form < form_count(s->family); s->form++) {
        if (!form_fits(s, given))
            continue;
        int i = missing_param(s, given);
        if (i < 0)
            break;
        if (!missing)
            missing = s->family->param[i].key;
    }
    if (s->form == form_count(s->family)) {
        if (!missing)
            return bad(text, "these parameters do not stand together; %s", legal_spec(s).s);
        return bad(text, "%s is missing; %s", missing, legal_spec(s).s);
    }
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (axm_param_exists(s, i) && !(given >> i & 1))
            s->p[i] = param_default(s, i);
    return AXM_OK;
}

enum { ALIAS_FIELDS = 4 };

/* Reads one field of an alias pattern from *text as decimal or letter; false
 * if it is not there. */
static bool match_field(char kind, const char **text, char out[8])
{
    if (kind == 'd') {
        struct piece t = take_while(text, is_digit);
        if (!t.len || t.len >= 8)
            return false;
        memcpy(out, t.s, t.len);
        out[t.len] = '\0';
        return true;
    }
    char c = *(*text)++;
    if (kind == 'x' && c >= 'a' && c <= 'f') {
        snprintf(out, 8, "%d", c - 'a' + 10);
        return true;
    }
    snprintf(out, 8, "%c", c);
    return kind == 'x' ? is_digit(c) : c == 's' || c == 'u';
}

/* The spec that a published name stands for, or false. */
static bool expand_alias(const struct axm_alias *alias, const char *text, struct text *out)
{
    char field[ALIAS_FIELDS][8];
    int n = 0;
    for (const char *p = alias->pattern; *p; p++) {
        bool is_field = *p == '%';
        assert(!is_field || n < ALIAS_FIELDS);
        if (!*text || !(is_field ? match_field(*++p, &text, field[n++]) : *text++ == *p))
            return false;
    }
    if (*text)
        return false;
    for (const char *p = alias->spec; *p; p++) {
        if (*p == '$')
            text_addf(out, "%s", field[*++p - '1']);
        else
            text_addf(out, "%c", *p);
    }
    return true;
}

enum axm_status axm_spec_parse(const char *text, struct axm_spec *out)
{
    struct text expanded = { .len = 0 };
    const char *p = text;
    for (const struct axm_family *f = axm_families; f->name; f++)
        if (f->alias.pattern && expand_alias(&f->alias, text, &expanded))
            p = expanded.s;

    struct axm_spec s = { 0 };
    unsigned given = 0;
    enum axm_status st = parse_head(text, &p, &s);
    while (!st && *p == '_') {
        size_t len = strcspn(++p, "_");
        st = parse_param(text, (struct piece){ p, len }, &s, &given);
        p += len;
    }
    if (!st && *p) {
        struct text rest = { .len = 0 };
        text_add_foreign(&rest, p, strlen(p));
        st = bad(text, "trailing text \"%s\"; parameters start with _", rest.s);
    }
    if (!st)
        st = settle_form(text, &s, given);
    if (!st)
        *out = s;
    return st;
}

bool axm_spec_equal(const struct axm_spec *a, const struct axm_spec *b)
{
    return a->family == b->family && a->width_a == b->width_a && a->width_b == b->width_b &&
           a->is_signed == b->is_signed && a->form == b->form && !memcmp(a->p, b->p, sizeof a->p);
}

/* --- enumeration ---------------------------------------------------------------- */

/* True if enumeration runs over parameter i. */
static bool param_varies(const struct axm_spec *s, int i)
{
    return axm_param_exists(s, i) && !s->family->param[i].runtime;
}

static void first_of_form(struct axm_spec *s)
{
    for (int i = 0; i < AXM_PARAMS; i++) {
        int lo = 0, hi;
        if (i < axm_param_count(s->family) && param_varies(s, i))
            axm_param_range(s, i, &lo, &hi);
        s->p[i] = lo;
    }
}

bool axm_spec_next(struct axm_spec_iter *it, const struct axm_family *f, int width_a, int width_b,
                   bool is_signed)
{
    struct axm_spec *s = &it->spec;
    if (!it->started) {
        if (width_a < f->width_a_min || width_a > f->width_a_max || !width_b_legal(f, width_b) ||
            !(is_signed ? f->signed_ok : f->unsigned_ok))
            return false;
        it->started = true;
        *s = (struct axm_spec){ .family = f, .width_a = width_a, .width_b = width_b, .is_signed = is_signed };
        first_of_form(s);
        return true;
    }
    for (int i = axm_param_count(f) - 1; i >= 0; i--) {   /* an odometer, the last parameter fastest */
        if (!param_varies(s, i))
            continue;
        int lo, hi;
        axm_param_range(s, i, &lo, &hi);
        if (s->p[i] < hi) {
            s->p[i]++;
            return true;
        }
        s->p[i] = lo;
    }
    if (s->form + 1 >= form_count(f))
        return false;
    s->form++;
    first_of_form(s);
    return true;
}
