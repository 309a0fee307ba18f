#include "sim/poly.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

bool poly_init(struct poly *p, size_t vars, uint64_t mask)
{
    *p = (struct poly){ .vars = vars, .mask = mask, .slots = 1 << 12 };
    p->slot = calloc(p->slots, sizeof *p->slot);
    p->uses = calloc(vars, sizeof *p->uses);
    return p->slot && p->uses;
}

void poly_release(struct poly *p)
{
    for (size_t i = 0; p->uses && i < p->vars; i++)
        free(p->uses[i].term);
    free(p->uses);
    free(p->slot);
    free(p->term);
    arena_release(&p->arena);
}

/* Where the monomial is or would be. */
static size_t poly_slot(const struct poly *p, const var *v, int n)
{
    size_t i = hash64(v, (size_t)n * sizeof *v) & (p->slots - 1);
    while (p->slot[i]) {
        const struct term *t = &p->term[p->slot[i] - 1];
        if (t->n == n && !memcmp(t->v, v, (size_t)n * sizeof *v))
            break;
        i = (i + 1) & (p->slots - 1);
    }
    return i;
}

static bool poly_grow(struct poly *p)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 4096;
        struct term *term = realloc(p->term, cap * sizeof *term);
        if (!term)
            return false;
        p->term = term;
        p->cap = cap;
    }
    if (4 * (p->n + 1) < 3 * p->slots)
        return true;
    uint32_t *slot = calloc(2 * p->slots, sizeof *slot);
    if (!slot)
        return false;
    free(p->slot);
    p->slot = slot;
    p->slots *= 2;
    for (size_t i = 0; i < p->n; i++)
        p->slot[poly_slot(p, p->term[i].v, p->term[i].n)] = (uint32_t)i + 1;
    return true;
}

static bool uses_add(struct uses *u, uint32_t term)
{
    if (u->n == u->cap) {
        size_t cap = u->cap ? 2 * u->cap : 4;
        uint32_t *t = realloc(u->term, cap * sizeof *t);
        if (!t)
            return false;
        u->term = t;
        u->cap = cap;
    }
    u->term[u->n++] = term;
    return true;
}

void poly_add(struct poly *p, const var *v, int n, uint64_t coefficient)
{
    if (!(coefficient & p->mask) || p->failed || p->overflow)
        return;
    size_t at = poly_slot(p, v, n);
    if (p->slot[at]) {
        p->term[p->slot[at] - 1].coefficient += coefficient;
        return;
    }
    if (p->n >= POLY_TERMS_MAX) {
        p->overflow = true;
        return;
    }
    var *copy = arena_alloc(&p->arena, (size_t)(n ? n : 1) * sizeof *copy);
    if (!copy || !poly_grow(p)) {
        p->failed = true;
        return;
    }
    memcpy(copy, v, (size_t)n * sizeof *v);
    for (int i = 0; i < n; i++)
        p->failed |= !uses_add(&p->uses[v[i]], (uint32_t)p->n);
    p->slot[poly_slot(p, v, n)] = (uint32_t)p->n + 1;
    p->term[p->n++] = (struct term){ coefficient, copy, n };
}

/* The product of two monomials is the union of their variables.  -1: too many. */
static int monomial_product(const var *x, int nx, const var *y, int ny, var out[MONOMIAL_MAX])
{
    int n = 0;
    for (int i = 0, j = 0; i < nx || j < ny;) {
        if (n == MONOMIAL_MAX)
            return -1;
        if (j == ny || (i < nx && x[i] < y[j])) {
            out[n++] = x[i++];
        } else {
            i += i < nx && x[i] == y[j];
            out[n++] = y[j++];
        }
    }
    return n;
}

void small_add(struct small *s, int64_t coefficient, int n, const var *v)
{
    struct small_term t = { coefficient, 0, { 0 } };
    for (int i = 0; i < n; i++) {
        if (v[i] == 0)
            return;
        int k = 0;
        while (k < t.n && t.v[k] < v[i])
            k++;
        if (v[i] == 1 || (k < t.n && t.v[k] == v[i]))
            continue;
        memmove(t.v + k + 1, t.v + k, (size_t)(t.n - k) * sizeof *t.v);
        t.v[k] = v[i];
        t.n++;
    }
    assert(s->n < (int)(sizeof s->term / sizeof *s->term));
    s->term[s->n++] = t;
}

int term_replaced(const struct term *t, var v, var instead, var out[MONOMIAL_MAX])
{
    var rest[MONOMIAL_MAX];
    int n = 0;
    for (int i = 0; i < t->n; i++)
        if (t->v[i] != v)
            rest[n++] = t->v[i];
    return monomial_product(rest, n, &instead, instead != 0, out);
}

bool term_has(const struct term *t, var v)
{
    for (int i = 0; i < t->n; i++)
        if (t->v[i] == v)
            return true;
    return false;
}

void poly_add_product(struct poly *p, const var *v, int n, const struct small *q, uint64_t coefficient)
{
    var product[MONOMIAL_MAX];
    for (int i = 0; i < q->n; i++) {
        int m = monomial_product(v, n, q->term[i].v, q->term[i].n, product);
        if (m < 0)
            p->overflow = true;
        else
            poly_add(p, product, m, coefficient * (uint64_t)q->term[i].coefficient);
    }
}

void poly_substitute(struct poly *p, var v, const struct small *q)
{
    for (size_t u = 0; u < p->uses[v].n && !p->failed && !p->overflow; u++) {
        uint32_t at = p->uses[v].term[u];
        struct term t = p->term[at];
        var rest[MONOMIAL_MAX];
        p->term[at].coefficient = 0;
        if (t.coefficient & p->mask)
            poly_add_product(p, rest, term_replaced(&t, v, 0, rest), q, t.coefficient);
    }
}

struct term *poly_find(const struct poly *p, const var *v, int n)
{
    size_t slot = poly_slot(p, v, n);
    return p->slot[slot] ? &p->term[p->slot[slot] - 1] : NULL;
}

bool poly_is_linear(const struct poly *p, var v)
{
    for (size_t u = 0; u < p->uses[v].n; u++) {
        const struct term *t = &p->term[p->uses[v].term[u]];
        if (t->n > 1 && (t->coefficient & p->mask))
            return false;
    }
    return true;
}
