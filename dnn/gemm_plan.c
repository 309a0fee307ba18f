/* Which form of a table is cheapest. */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/gemm_impl.h"

static int64_t gcd(int64_t a, int64_t b)
{
    a = llabs(a);
    b = llabs(b);
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

struct span {
    int64_t least, most;
};

static struct span span_of(const int64_t *v, int n)
{
    struct span s = { v[0], v[0] };
    for (int i = 1; i < n; i++) {
        s.least = v[i] < s.least ? v[i] : s.least;
        s.most = v[i] > s.most ? v[i] : s.most;
    }
    return s;
}

static bool within(struct span s, int64_t least, int64_t most)
{
    return s.least >= least && s.most <= most;
}

/* --- byte maps ------------------------------------------------------------------------ */

/* Finds the mask form, from the images of 0 and of the powers of two; in 256 entries it is exact or not.
 * Patterns that are not legal take the form's values, which cost nothing. */
static void find_mask(struct gemm_map *m, int count)
{
    m->flip = m->table[0];
    m->keep = 0;
    for (int i = 0; 1 << i < count; i++)
        m->keep |= (uint8_t)((m->table[1 << i] ^ m->flip) & (1 << i));
    m->is_masked = true;
    for (int x = 0; x < count; x++)
        if (m->table[x] != (uint8_t)((x & m->keep) ^ m->flip))
            m->is_masked = false;
    for (int x = count; x < 256; x++)
        m->table[x] = m->is_masked ? (uint8_t)((x & m->keep) ^ m->flip) : m->table[x & (count - 1)];
}

/* --- terms ---------------------------------------------------------------------------- */

/* A product of two functions, before it is cut into bytes. */
struct factor {
    int64_t u[256], v[256];
};

/* Appends terms that sum to u(x) v(w) but for a constant of w; false if a factor is too wide. */
static bool add_factor(const struct gemm_table *t, struct factor *p, struct gemm_form *f)
{
    struct span u = span_of(p->u, t->x_count), v = span_of(p->v, t->w_count);
    if (v.least == 0 && v.most == 0)
        return true;
    /* A common power of two may stand on either side. */
    for (;; u = span_of(p->u, t->x_count), v = span_of(p->v, t->w_count)) {
        int64_t common = 0;
        for (int x = 0; x < t->x_count; x++)
            common = gcd(common, p->u[x]);
        if (u.most - u.least <= 255 || common % 2)
            break;
        for (int x = 0; x < t->x_count; x++)
            p->u[x] /= 2;
        for (int w = 0; w < t->w_count; w++)
            p->v[w] *= 2;
    }
    for (; v.most - v.least > 255 && 2 * (u.most - u.least) <= 255;
         u = span_of(p->u, t->x_count), v = span_of(p->v, t->w_count)) {
        int64_t common = 0;
        for (int w = 0; w < t->w_count; w++)
            common = gcd(common, p->v[w]);
        if (common % 2)
            break;
        for (int x = 0; x < t->x_count; x++)
            p->u[x] *= 2;
        for (int w = 0; w < t->w_count; w++)
            p->v[w] /= 2;
    }
    if (u.most - u.least > 255)
        return false;
    if ((v.most == 128 && v.least >= -127) || (v.least < 0 && v.most <= 0 && v.least >= -255)) {
        for (int x = 0; x < t->x_count; x++)
            p->u[x] = -p->u[x];
        for (int w = 0; w < t->w_count; w++)
            p->v[w] = -p->v[w];
        u = span_of(p->u, t->x_count);
        v = span_of(p->v, t->w_count);
    }
    bool v_unsigned = !within(v, -128, 127) && within(v, 0, 255);
    int64_t u_low = v_unsigned ? -128 : 0;
    int64_t offset = within(u, u_low, u_low + 255) ? 0 : u.least - u_low;
    for (int w = 0; w < t->w_count; w++)
        f->constant[w] += (int32_t)(offset * p->v[w]);
    for (bool more = true; more;) {
        if (f->n_terms == GEMM_TERMS)
            return false;
        struct gemm_term *term = &f->term[f->n_terms++];
        *term = (struct gemm_term){ .v_unsigned = v_unsigned };
        more = false;
        for (int w = 0; w < t->w_count; w++) {   /* what does not fit a byte goes to a term of its own */
            int64_t part = v_unsigned ? p->v[w] : p->v[w] < -128 ? -128 : p->v[w] > 127 ? 127 : p->v[w];
            term->v[w] = (uint8_t)part;
            p->v[w] -= part;
            more |= p->v[w] != 0;
        }
        for (int x = 0; x < t->x_count; x++)
            term->u.table[x] = (uint8_t)(p->u[x] - offset);
        find_mask(&term->u, t->x_count);
    }
    return true;
}

static int64_t rest(const struct gemm_table *t, int x, int w)
{
    return (int64_t)t->value[w << 8 | x] - t->value[w << 8];
}

/* f(x, w) - f(0, w) = u(x) v(w)? */
static bool find_rank_1(const struct gemm_table *t, struct factor *p)
{
    int at_x = 0, at_w = 0;
    *p = (struct factor){ 0 };
    for (int w = 0; w < t->w_count && !at_x; w++)
        for (int x = 0; x < t->x_count && !at_x; x++)
            if (rest(t, x, w)) {
                at_x = x;
                at_w = w;
            }
    if (!at_x)
        return true;
    int64_t common = 0;
    for (int x = 0; x < t->x_count; x++)
        common = gcd(common, rest(t, x, at_w));
    for (int x = 0; x < t->x_count; x++)
        p->u[x] = rest(t, x, at_w) / common;
    for (int w = 0; w < t->w_count; w++) {
        p->v[w] = rest(t, at_x, w) / p->u[at_x];   /* u has no common divisor: exact if the rank is 1 */
        for (int x = 0; x < t->x_count; x++)
            if (p->u[x] * p->v[w] != rest(t, x, w))
                return false;
    }
    return true;
}

/* f(x, w) - f(0, w) = sum of the set bits' parts d_i(w)?  Bits whose parts are multiples of the same v
 * share a factor. */
static int find_bit_linear(const struct gemm_table *t, struct factor p[8])
{
    int n = 0, bits = 0;
    while (1 << bits < t->x_count)
        bits++;
    for (int w = 0; w < t->w_count; w++)
        for (int x = 1; x < t->x_count; x++) {
            int low = x & -x;
            if (rest(t, x, w) != rest(t, x - low, w) + rest(t, low, w))
                return -1;
        }
    for (int i = 0; i < bits; i++) {
        int64_t common = 0, v[256] = { 0 };
        for (int w = 0; w < t->w_count; w++)
            common = gcd(common, rest(t, 1 << i, w));
        if (!common)
            continue;
        for (int w = 0; w < t->w_count; w++)
            v[w] = rest(t, 1 << i, w) / common;
        int first = 0, at = 0;
        while (!v[first])
            first++;
        if (v[first] < 0) {
            common = -common;
            for (int w = 0; w < t->w_count; w++)
                v[w] = -v[w];
        }
        while (at < n && memcmp(p[at].v, v, sizeof v))
            at++;
        if (at == n) {
            p[n] = (struct factor){ 0 };
            memcpy(p[n++].v, v, sizeof v);
        }
        for (int x = 0; x < t->x_count; x++)
            p[at].u[x] += (x >> i & 1) * common;
    }
    return n;
}

static void order_terms(struct gemm_form *f)
{
    struct gemm_term sorted[GEMM_TERMS];
    int n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < f->n_terms; i++)
            if (f->term[i].v_unsigned == pass)
                sorted[n++] = f->term[i];
    memcpy(f->term, sorted, sizeof *sorted * (size_t)n);
}

static bool form_bit_linear(const struct gemm_table *t, struct gemm_form *f)
{
    struct factor p[8];
    int n = find_rank_1(t, &p[0]) ? 1 : find_bit_linear(t, p);
    *f = (struct gemm_form){ .class_bits = 6 };
    for (int w = 0; w < t->w_count; w++)
        f->constant[w] = t->value[w << 8];
    for (int i = 0; i < n; i++)
        if (!add_factor(t, &p[i], f))
            return false;
    order_terms(f);
    return n >= 0;
}

/* --- planes ----------------------------------------------------------------------------- */

static int64_t value_of(const struct gemm_table *t, int pattern, int bits)
{
    return t->is_signed ? axm_sign_extend((uint64_t)pattern, bits) : pattern;
}

/* Numbers the x whose columns of r[w][x] are equal; *bits of them tell all classes apart.  The low bits of x
 * are preferred: they need no map. */
static void classify(const struct gemm_table *t, const uint32_t *r, struct gemm_map *out, int *bits)
{
    int first[256], n = 0, of[256];
    for (int x = 0; x < t->x_count; x++) {
        int c = 0;
        for (; c < n; c++) {
            int w = 0;
            while (w < t->w_count && r[w << 8 | x] == r[w << 8 | first[c]])
                w++;
            if (w == t->w_count)
                break;
        }
        of[x] = c;
        if (c == n)
            first[n++] = x;
    }
    for (*bits = 6; *bits < 8; ++*bits) {
        int low = 0;
        while (low < t->x_count && of[low] == of[low & ((1 << *bits) - 1)])
            low++;
        if (low == t->x_count || n <= 1 << *bits) {
            for (int x = 0; x < t->x_count; x++)
                out->table[x] = (uint8_t)(low == t->x_count ? x : of[x]);
            find_mask(out, t->x_count);
            return;
        }
    }
    for (int x = 0; x < 256; x++)
        out->table[x] = (uint8_t)x;
    find_mask(out, 256);
}

/* Fills constant and planes with what the terms leave of the table. */
static enum axm_status form_planes(const struct gemm_table *t, const char *name, struct gemm_form *f)
{
    uint32_t *r = gemm_alloc(sizeof *r * (size_t)t->w_count << 8), most = 0;
    if (!r)
        return fail(AXM_ENV, "%s: out of memory for its planes", name);
    for (int w = 0; w < t->w_count; w++) {
        int64_t least = INT64_MAX;
        for (int x = 0; x < t->x_count; x++) {
            int64_t v = (int64_t)t->value[w << 8 | x] - gemm_form_value(f, x, w);
            least = v < least ? v : least;
        }
        for (int x = 0; x < t->x_count; x++) {
            int64_t v = (int64_t)t->value[w << 8 | x] - gemm_form_value(f, x, w) - least;
            r[w << 8 | x] = (uint32_t)v;
            most = (uint32_t)v > most ? (uint32_t)v : most;
        }
        f->constant[w] = (int32_t)((uint32_t)f->constant[w] + (uint32_t)least);
    }
    for (; most; most >>= 8)
        f->n_planes++;
    classify(t, r, &f->class_of, &f->class_bits);
    size_t entries = (size_t)1 << f->class_bits, planes = (size_t)f->n_planes;
    f->plane = f->n_planes ? gemm_alloc(entries * planes * (size_t)t->w_count) : NULL;
    for (int w = 0; w < t->w_count && f->plane; w++)
        for (int x = 0; x < t->x_count; x++)
            for (size_t p = 0; p < planes; p++)
                f->plane[((size_t)w * planes + p) * entries + (f->class_of.table[x] & (entries - 1))] =
                    (uint8_t)(r[w << 8 | x] >> 8 * p);
    free(r);
    return f->n_planes && !f->plane ? fail(AXM_ENV, "%s: out of memory for its planes", name) : AXM_OK;
}

static enum axm_status form_residual(const struct gemm_table *t, const char *name, struct gemm_form *f)
{
    struct factor p;
    *f = (struct gemm_form){ 0 };
    for (int x = 0; x < t->x_count; x++)
        p.u[x] = value_of(t, x, t->x_bits);
    for (int w = 0; w < t->w_count; w++)
        p.v[w] = value_of(t, w, t->w_bits);
    bool fits = add_factor(t, &p, f);
    assert(fits && f->n_terms == 1);
    (void)fits;
    return form_planes(t, name, f);
}

int32_t gemm_form_value(const struct gemm_form *f, int x, int w)
{
    uint32_t sum = (uint32_t)f->constant[w];
    for (int i = 0; i < f->n_terms; i++) {
        const struct gemm_term *t = &f->term[i];
        int u = t->u.table[x], v = t->v[w];
        sum += (uint32_t)(t->v_unsigned ? (int8_t)u * v : u * (int8_t)v);
    }
    for (int p = 0; p < f->n_planes; p++) {
        int entries = 1 << f->class_bits, at = f->class_of.table[x] & (entries - 1);
        sum += (uint32_t)f->plane[(size_t)(w * f->n_planes + p) * (size_t)entries + (size_t)at] << 8 * p;
    }
    return (int32_t)sum;
}

void gemm_form_release(struct gemm_form *f)
{
    free(f->plane);
    f->plane = NULL;
}

/* --- choice ------------------------------------------------------------------------------- */

/* Cycles of 64 products at the best level, as measured; only their order matters. */
static double cost(const struct gemm_form *f)
{
    static const double plane[] = { [6] = 1.0, [7] = 1.4, [8] = 2.1 };
    return 0.7 * f->n_terms + f->n_planes * plane[f->class_bits];
}

static enum gemm_plan_kind kind_of(const struct gemm_form *f)
{
    if (!f->n_planes)
        return GEMM_BIT_LINEAR;
    if (f->n_terms)
        return f->class_bits == 6 ? GEMM_RESIDUAL6 : f->class_bits == 7 ? GEMM_RESIDUAL7 : GEMM_RESIDUAL8;
    return f->class_bits == 6 ? GEMM_PLANES6 : f->class_bits == 7 ? GEMM_PLANES7 : GEMM_PLANES8;
}

/* A form of few classes is also one of more: what a caller may ask for. */
static bool is_kind(const struct gemm_form *f, int plan)
{
    int kind = (int)kind_of(f);
    if (kind == (int)GEMM_BIT_LINEAR || plan == (int)GEMM_BIT_LINEAR)
        return kind == plan;
    bool residual = plan >= (int)GEMM_RESIDUAL6 && plan <= (int)GEMM_RESIDUAL8;
    return plan <= (int)GEMM_PLANES8 && residual == (f->n_terms > 0) && plan >= kind;
}

/* Two classes where there was one, up to 2^bits. */
static enum axm_status widen(const struct gemm_table *t, const char *name, int bits, struct gemm_form *f)
{
    size_t narrow = (size_t)1 << f->class_bits, wide = (size_t)1 << bits;
    if (narrow >= wide)
        return AXM_OK;
    size_t rows = (size_t)(t->w_count * f->n_planes);
    uint8_t *plane = gemm_alloc(rows * wide);
    if (!plane)
        return fail(AXM_ENV, "%s: out of memory for its planes", name);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < wide; i++)
            plane[r * wide + i] = f->plane[r * narrow + (i & (narrow - 1))];
    free(f->plane);
    f->plane = plane;
    f->class_bits = bits;
    return AXM_OK;
}

/* Product rows hold 16 bits. */
static bool fits_rows(const struct gemm_table *t)
{
    for (int w = 0; w < t->w_count; w++)
        if ((int64_t)t->most[w] - t->least[w] > UINT16_MAX)
            return false;
    return true;
}

enum {
    FORMS = 3,
    PASSES = 4,              /* of vpmaddwd that are quicker than product rows */
};

static enum axm_status make_form(const struct gemm_table *t, const char *name, int i, bool *exists,
                                 struct gemm_form *f)
{
    *exists = true;
    if (i == 0) {
        *exists = form_bit_linear(t, f);
        return AXM_OK;
    }
    if (i == 1)
        return form_residual(t, name, f);
    *f = (struct gemm_form){ 0 };
    return form_planes(t, name, f);
}

enum axm_status gemm_choose(const struct gemm_table *t, const char *name, enum gemm_level level, int plan,
                            enum gemm_plan_kind *kind, struct gemm_form *out)
{
    enum axm_status st = AXM_OK;
    bool found = false;
    *out = (struct gemm_form){ 0 };
    bool rows = level >= GEMM_AVX2 && fits_rows(t);
    if (level >= GEMM_AVX2 && level < GEMM_VBMI && (plan < 0 || plan == (int)GEMM_BIT_LINEAR) &&
        form_bit_linear(t, out) && (plan >= 0 || out->n_terms <= PASSES)) {
        *kind = GEMM_BIT_LINEAR;
        return AXM_OK;
    }
    *out = (struct gemm_form){ 0 };
    if ((plan == (int)GEMM_ROWS && rows) || (plan < 0 && rows && level < GEMM_VBMI)) {
        for (int w = 0; w < t->w_count; w++)
            out->constant[w] = t->least[w];
        *kind = GEMM_ROWS;
        return AXM_OK;
    }
    if (level != GEMM_VBMI || plan == (int)GEMM_TILED) {
        *kind = GEMM_TILED;
        if (plan >= 0 && plan != (int)GEMM_TILED)
            return fail(AXM_USAGE, "%s: level %s has no such plan", name, gemm_level_name(level));
        return AXM_OK;
    }
    for (int i = 0; i < FORMS && st == AXM_OK; i++) {
        struct gemm_form *f = malloc(sizeof *f);
        bool exists;
        if (!f)
            return fail(AXM_ENV, "%s: out of memory", name);
        st = make_form(t, name, i, &exists, f);
        if (st == AXM_OK && exists && (plan < 0 || is_kind(f, plan)) && (!found || cost(f) < cost(out))) {
            gemm_form_release(out);
            *out = *f;
            found = true;
        } else {
            gemm_form_release(f);
        }
        free(f);
    }
    if (st == AXM_OK && !found)
        return fail(AXM_USAGE, "%s: that plan is not exact for its table", name);
    if (st == AXM_OK && plan >= (int)GEMM_RESIDUAL6 && plan <= (int)GEMM_PLANES8)
        st = widen(t, name, 6 + (plan - (int)GEMM_RESIDUAL6) % 3, out);
    if (st != AXM_OK)
        gemm_form_release(out);
    else
        *kind = kind_of(out);
    return st;
}
