#include "sim/algebra.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/strbuf.h"

/* --- polynomials ----------------------------------------------------------------
 * Multilinear, with coefficients modulo 2^64 (masked to the product's width when
 * looked at).  A term stays in its table when its coefficient becomes 0. */

typedef uint32_t var;

struct term {
    uint64_t coefficient;
    const var *v;           /* ascending */
    int n;
};

struct uses {               /* of one variable: the terms it stands in */
    uint32_t *term;
    size_t n, cap;
};

struct poly {
    struct term *term;
    size_t n, cap;
    uint32_t *slot;         /* hash table of term number + 1; 0: empty */
    size_t slots;           /* a power of two */
    struct uses *uses;
    size_t vars;
    struct arena arena;
    uint64_t mask;
    bool failed;            /* out of memory */
    bool overflow;          /* ALGEBRA_TERMS_MAX reached */
};

enum { MONOMIAL_MAX = 40 };   /* variables of a term */

static bool poly_init(struct poly *p, size_t vars, uint64_t mask)
{
    *p = (struct poly){ .vars = vars, .mask = mask, .slots = 1 << 12 };
    p->slot = calloc(p->slots, sizeof *p->slot);
    p->uses = calloc(vars, sizeof *p->uses);
    return p->slot && p->uses;
}

static void poly_release(struct poly *p)
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

/* Adds coefficient * v[0] * v[1] ...; v ascending. */
static void poly_add(struct poly *p, const var *v, int n, uint64_t coefficient)
{
    if (!(coefficient & p->mask) || p->failed || p->overflow)
        return;
    size_t at = poly_slot(p, v, n);
    if (p->slot[at]) {
        p->term[p->slot[at] - 1].coefficient += coefficient;
        return;
    }
    if (p->n >= ALGEBRA_TERMS_MAX) {
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

/* A small polynomial to put in a variable's place: terms over few variables. */
struct small_term {
    int64_t coefficient;
    int n;
    var v[3];
};

struct small {
    int n;
    struct small_term term[8];
};

/* coefficient times the product of up to three variables, which may be 0 and 1
 * (constants), repeated, in any order. */
static void small_add(struct small *s, int64_t coefficient, int n, const var *v)
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

static void poly_add_small(struct poly *p, const struct small *s, uint64_t factor)
{
    for (int i = 0; i < s->n; i++)
        poly_add(p, s->term[i].v, s->term[i].n, factor * (uint64_t)s->term[i].coefficient);
}

/* The variables of t without v, and with `instead` unless that is 0. */
static int replaced_monomial(const struct term *t, var v, var instead, var out[MONOMIAL_MAX])
{
    var rest[MONOMIAL_MAX];
    int n = 0;
    for (int i = 0; i < t->n; i++)
        if (t->v[i] != v)
            rest[n++] = t->v[i];
    return monomial_product(rest, n, &instead, instead != 0, out);
}

static bool has_variable(const struct term *t, var v)
{
    for (int i = 0; i < t->n; i++)
        if (t->v[i] == v)
            return true;
    return false;
}

/* Adds coefficient * monomial * q. */
static void poly_add_product(struct poly *p, const var *v, int n, const struct small *q, uint64_t coefficient)
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

/* Puts q in the place of v everywhere.  q does not contain v. */
static void poly_substitute(struct poly *p, var v, const struct small *q)
{
    for (size_t u = 0; u < p->uses[v].n && !p->failed && !p->overflow; u++) {
        uint32_t at = p->uses[v].term[u];
        struct term t = p->term[at];
        var rest[MONOMIAL_MAX];
        p->term[at].coefficient = 0;
        if (t.coefficient & p->mask)
            poly_add_product(p, rest, replaced_monomial(&t, v, 0, rest), q, t.coefficient);
    }
}

/* The coefficient of v alone; *linear: v stands nowhere else. */
static uint64_t poly_linear(const struct poly *p, var v, bool *linear)
{
    uint64_t alone = 0;
    *linear = true;
    for (size_t u = 0; u < p->uses[v].n; u++) {
        const struct term *t = &p->term[p->uses[v].term[u]];
        if (t->n == 1)
            alone = t->coefficient & p->mask;
        else if (t->coefficient & p->mask)
            *linear = false;
    }
    return alone;
}

static void poly_clear_linear(struct poly *p, var v)
{
    for (size_t u = 0; u < p->uses[v].n; u++)
        if (p->term[p->uses[v].term[u]].n == 1)
            p->term[p->uses[v].term[u]].coefficient = 0;
}

/* --- circuits -------------------------------------------------------------------- */

enum gate_kind {
    GATE_BUF, GATE_NOT, GATE_AND, GATE_OR, GATE_XOR, GATE_NAND, GATE_NOR, GATE_XNOR, GATE_ANDNOT,
    GATE_ORNOT, GATE_MUX, GATE_HA, GATE_FA, GATE_BOX,
};

static const struct {
    const char *type;        /* Yosys's cell type, or our adder cell's module */
    enum gate_kind kind;
    const char *in[3], *out[2];
} gate_types[] = {
    { "$_BUF_", GATE_BUF, { "A" }, { "Y" } },
    { "$_NOT_", GATE_NOT, { "A" }, { "Y" } },
    { "$_AND_", GATE_AND, { "A", "B" }, { "Y" } },
    { "$_OR_", GATE_OR, { "A", "B" }, { "Y" } },
    { "$_XOR_", GATE_XOR, { "A", "B" }, { "Y" } },
    { "$_NAND_", GATE_NAND, { "A", "B" }, { "Y" } },
    { "$_NOR_", GATE_NOR, { "A", "B" }, { "Y" } },
    { "$_XNOR_", GATE_XNOR, { "A", "B" }, { "Y" } },
    { "$_ANDNOT_", GATE_ANDNOT, { "A", "B" }, { "Y" } },
    { "$_ORNOT_", GATE_ORNOT, { "A", "B" }, { "Y" } },
    { "$_MUX_", GATE_MUX, { "A", "B", "S" }, { "Y" } },
    { "axm_ha", GATE_HA, { "a_i", "b_i" }, { "s_o", "co_o" } },
    { "axm_fa", GATE_FA, { "a_i", "b_i", "c_i" }, { "s_o", "co_o" } },
};
enum { GATE_TYPES = sizeof gate_types / sizeof *gate_types };

struct gate {
    enum gate_kind kind;
    var in[3], out[2];
    struct box *box;
};

struct bits {
    var *bit;
    size_t n, cap;
};

/* A module that is taken as a whole; its own circuit, and its pins outside. */
struct box {
    struct box *next;
    const cJSON *module;
    struct bits in, out;
};

/* A module with all below it made flat.  Variables 0 and 1 are the constants. */
struct circuit {
    const cJSON *modules;
    struct gate *gate;
    size_t gates, gates_cap;
    struct bits alias;       /* variable -> the one it is the same as, or itself */
    struct bits in, out;     /* of the module's ports, in order, LSB first */
    struct box *boxes;
    uint32_t *order;         /* gates, inputs first */
    bool keep_cells;         /* adder cells stay gates, adder modules without any become boxes */
    bool failed;             /* out of memory */
    const char *bad;         /* what is wrong with the json; NULL: nothing */
};

static void bits_add(struct circuit *c, struct bits *b, var v)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 64;
        var *bit = realloc(b->bit, cap * sizeof *bit);
        if (!bit) {
            c->failed = true;
            return;
        }
        b->bit = bit;
        b->cap = cap;
    }
    b->bit[b->n++] = v;
}

static var new_var(struct circuit *c)
{
    bits_add(c, &c->alias, (var)c->alias.n);
    return (var)c->alias.n - 1;
}

static var resolve(const struct circuit *c, var v)
{
    while (c->alias.bit[v] != v)
        v = c->alias.bit[v];
    return v;
}

static void circuit_release(struct circuit *c)
{
    for (struct box *b = c->boxes, *next; b; b = next) {
        next = b->next;
        free(b->in.bit);
        free(b->out.bit);
        free(b);
    }
    free(c->gate);
    free(c->alias.bit);
    free(c->in.bit);
    free(c->out.bit);
    free(c->order);
}

static struct gate *new_gate(struct circuit *c, enum gate_kind kind)
{
    if (c->gates == c->gates_cap) {
        size_t cap = c->gates_cap ? 2 * c->gates_cap : 256;
        struct gate *gate = realloc(c->gate, cap * sizeof *gate);
        if (!gate) {
            c->failed = true;
            return NULL;
        }
        c->gate = gate;
        c->gates_cap = cap;
    }
    struct gate *g = &c->gate[c->gates++];
    *g = (struct gate){ .kind = kind };
    return g;
}

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Bits of one module instance: Yosys's number -> variable. */
struct scope {
    var *map;                /* 0: none yet */
    size_t n;
};

static size_t largest_bit(const cJSON *bits, size_t n)
{
    const cJSON *bit;
    cJSON_ArrayForEach(bit, bits)
        if (cJSON_IsNumber(bit) && bit->valuedouble >= (double)n && bit->valuedouble < 1e9)
            n = (size_t)bit->valuedouble + 1;
    return n;
}

static size_t module_bits(const cJSON *module)
{
    size_t n = 2;
    const cJSON *x, *bits;
    cJSON_ArrayForEach(x, get(module, "ports"))
        n = largest_bit(get(x, "bits"), n);
    cJSON_ArrayForEach(x, get(module, "cells"))
        cJSON_ArrayForEach(bits, get(x, "connections"))
            n = largest_bit(bits, n);
    return n;
}

static var bit_var(struct circuit *c, struct scope *s, const cJSON *bit)
{
    if (cJSON_IsNumber(bit) && bit->valuedouble >= 2 && bit->valuedouble < (double)s->n) {
        size_t i = (size_t)bit->valuedouble;
        if (!s->map[i])
            s->map[i] = new_var(c);
        return s->map[i];
    }
    if (cJSON_IsString(bit) && !strcmp(bit->valuestring, "0"))
        return 0;
    if (cJSON_IsString(bit) && !strcmp(bit->valuestring, "1"))
        return 1;
    c->bad = "a bit without a value";
    return 0;
}

static bool is_input(const cJSON *port)
{
    const cJSON *d = get(port, "direction");
    return cJSON_IsString(d) && !strcmp(d->valuestring, "input");
}

static bool has_adder_cells(const cJSON *modules, const cJSON *module)
{
    const cJSON *cell;
    cJSON_ArrayForEach(cell, get(module, "cells")) {
        const cJSON *type = get(cell, "type");
        if (!cJSON_IsString(type))
            continue;
        if (!strcmp(type->valuestring, "axm_fa") || !strcmp(type->valuestring, "axm_ha"))
            return true;
        const cJSON *child = get(modules, type->valuestring);
        if (child && has_adder_cells(modules, child))
            return true;
    }
    return false;
}

static void expand(struct circuit *c, const cJSON *module, struct scope *s, int depth);

/* The one bit of a pin of a gate. */
static var pin_var(struct circuit *c, struct scope *s, const cJSON *connections, const char *pin)
{
    const cJSON *bits = get(connections, pin);
    if (cJSON_GetArraySize(bits) != 1) {
        c->bad = "a pin of a gate that is not one bit";
        return 0;
    }
    return bit_var(c, s, cJSON_GetArrayItem(bits, 0));
}

static void add_gate(struct circuit *c, struct scope *s, int type, const cJSON *connections)
{
    struct gate *g = new_gate(c, gate_types[type].kind);
    if (!g)
        return;
    struct gate made = *g;
    for (int i = 0; i < 3 && gate_types[type].in[i]; i++)
        made.in[i] = pin_var(c, s, connections, gate_types[type].in[i]);
    for (int i = 0; i < 2 && gate_types[type].out[i]; i++) {
        /* an output that nothing reads may be left open */
        const cJSON *bits = get(connections, gate_types[type].out[i]);
        made.out[i] = cJSON_GetArraySize(bits) == 1 ? pin_var(c, s, connections, gate_types[type].out[i])
                                                    : new_var(c);
    }
    *g = made;
}

/* Pairs up the bits of a port of the child with those outside. */
static void add_instance(struct circuit *c, struct scope *s, const cJSON *module, const cJSON *connections,
                         int depth)
{
    struct scope inner = { .n = module_bits(module) };
    inner.map = calloc(inner.n, sizeof *inner.map);
    if (!inner.map) {
        c->failed = true;
        return;
    }
    const cJSON *port;
    for (int pass = 0; pass < 2 && !c->bad && !c->failed; pass++) {   /* inputs, body, outputs */
        cJSON_ArrayForEach(port, get(module, "ports")) {
            const cJSON *outer = get(connections, port->string), *bits = get(port, "bits");
            int n = cJSON_GetArraySize(bits);
            if (is_input(port) != (pass == 0))
                continue;
            if (cJSON_GetArraySize(outer) != n) {
                c->bad = "an instance whose pins do not fit its module";
                break;
            }
            for (int i = 0; i < n && !c->bad && !c->failed; i++) {
                const cJSON *bit = cJSON_GetArrayItem(bits, i);
                var out = bit_var(c, s, cJSON_GetArrayItem(outer, i));
                if (pass == 1)
                    c->alias.bit[out] = resolve(c, bit_var(c, &inner, bit));
                else if (cJSON_IsNumber(bit) && (size_t)bit->valuedouble < inner.n)
                    inner.map[(size_t)bit->valuedouble] = out;
            }
        }
        if (pass == 0 && !c->bad && !c->failed)
            expand(c, module, &inner, depth + 1);
    }
    free(inner.map);
}

static void add_box(struct circuit *c, struct scope *s, const cJSON *module, const cJSON *connections)
{
    struct gate *g = new_gate(c, GATE_BOX);
    struct box *box = calloc(1, sizeof *box);
    if (!g || !box) {
        c->failed = true;
        free(box);
        return;
    }
    g->box = box;
    *box = (struct box){ .next = c->boxes, .module = module };
    c->boxes = box;
    const cJSON *port, *bit;
    cJSON_ArrayForEach(port, get(module, "ports"))
        cJSON_ArrayForEach(bit, get(connections, port->string))
            bits_add(c, is_input(port) ? &box->in : &box->out, bit_var(c, s, bit));
}

static int find_type(const char *type)
{
    int t = 0;
    while (t < GATE_TYPES && strcmp(gate_types[t].type, type))
        t++;
    return t;
}

/* Whether a module is a final adder without adder cells.  Its name is a hint
 * only: what a box does is proven. */
static bool is_box(const struct circuit *c, const cJSON *module)
{
    return c->keep_cells && strstr(module->string, "adder") && !has_adder_cells(c->modules, module);
}

static void expand(struct circuit *c, const cJSON *module, struct scope *s, int depth)
{
    const cJSON *cell;
    if (depth > 64)
        c->bad = "modules nested too deep";
    cJSON_ArrayForEach(cell, get(module, "cells")) {
        const cJSON *type = get(cell, "type"), *connections = get(cell, "connections");
        if (c->failed || c->bad)
            return;
        if (!cJSON_IsString(type)) {
            c->bad = "a cell without type";
            return;
        }
        int t = find_type(type->valuestring);
        const cJSON *child = get(c->modules, type->valuestring);
        if (t < GATE_TYPES && (c->keep_cells || !child))
            add_gate(c, s, t, connections);
        else if (child && is_box(c, child))
            add_box(c, s, child, connections);
        else if (child)
            add_instance(c, s, child, connections, depth);
        else
            c->bad = "a cell that is no gate";
    }
}

/* --- order ------------------------------------------------------------------------ */

static size_t gate_inputs(const struct gate *g, const var **in)
{
    *in = g->box ? g->box->in.bit : g->in;
    return g->box ? g->box->in.n : sizeof g->in / sizeof *g->in;
}

static size_t gate_outputs(const struct gate *g, const var **out)
{
    *out = g->box ? g->box->out.bit : g->out;
    if (g->box)
        return g->box->out.n;
    return g->kind == GATE_HA || g->kind == GATE_FA ? 2 : 1;
}

static void resolve_all(struct circuit *c)
{
    for (size_t i = 0; i < c->gates; i++) {
        struct gate *g = &c->gate[i];
        for (int k = 0; k < 3; k++)
            g->in[k] = resolve(c, g->in[k]);
        for (int k = 0; k < 2; k++)
            g->out[k] = resolve(c, g->out[k]);
    }
    for (struct box *b = c->boxes; b; b = b->next) {
        for (size_t k = 0; k < b->in.n; k++)
            b->in.bit[k] = resolve(c, b->in.bit[k]);
        for (size_t k = 0; k < b->out.n; k++)
            b->out.bit[k] = resolve(c, b->out.bit[k]);
    }
    for (size_t k = 0; k < c->out.n; k++)
        c->out.bit[k] = resolve(c, c->out.bit[k]);
}

/* Kahn's algorithm; every variable must have one driver and there must be no cycle. */
static void sort_gates(struct circuit *c)
{
    size_t n = c->alias.n, done = 0;
    uint8_t *known = calloc(n, 1);
    uint32_t *missing = calloc(c->gates + 1, sizeof *missing);
    uint32_t *first = calloc(n + 1, sizeof *first), *reader = NULL;
    c->order = calloc(c->gates + 1, sizeof *c->order);
    const var *v;
    size_t readers = 0;
    if (!known || !missing || !first || !c->order) {
        c->failed = true;
        goto out;
    }
    for (size_t g = 0; g < c->gates; g++)
        for (size_t k = gate_inputs(&c->gate[g], &v), i = 0; i < k; i++, readers++)
            first[v[i] + 1]++;
    for (size_t i = 0; i < n; i++)
        first[i + 1] += first[i];
    reader = calloc(readers + 1, sizeof *reader);
    uint32_t *fill = calloc(n + 1, sizeof *fill);
    if (!reader || !fill) {
        free(fill);
        c->failed = true;
        goto out;
    }
    for (size_t g = 0; g < c->gates; g++)
        for (size_t k = gate_inputs(&c->gate[g], &v), i = 0; i < k; i++, missing[g]++)
            reader[first[v[i]] + fill[v[i]]++] = (uint32_t)g;
    free(fill);

    /* Variables that become known enter the queue once. */
    struct bits queue = { 0 };
    bits_add(c, &queue, 0);
    bits_add(c, &queue, 1);
    for (size_t i = 0; i < c->in.n; i++)
        bits_add(c, &queue, c->in.bit[i]);
    for (size_t q = 0; q < queue.n && !c->failed; q++) {
        var x = queue.bit[q];
        if (known[x]++) {
            c->bad = "a bit with two drivers";
            break;
        }
        for (uint32_t r = first[x]; r < first[x + 1]; r++) {
            uint32_t g = reader[r];
            if (--missing[g])
                continue;
            c->order[done++] = g;
            for (size_t k = gate_outputs(&c->gate[g], &v), i = 0; i < k; i++)
                bits_add(c, &queue, v[i]);
        }
    }
    for (size_t i = 0; i < c->out.n && !c->failed; i++)
        if (!known[c->out.bit[i]])
            c->bad = "an output that no gate drives";
    if (!c->bad && !c->failed && done < c->gates)
        c->bad = "a cycle, or a gate with an open input";
    free(queue.bit);
out:
    free(known);
    free(missing);
    free(first);
    free(reader);
}

/* The order of backward rewriting: a gate after all its readers, and of those
 * that are ready the one nearest to the inputs.  Select lines of a multiplexer
 * are put in before the long adder that it selects, so that terms with two of
 * them vanish first.  Returns NULL if out of memory; to be freed. */
static uint32_t *backward_order(const struct circuit *c)
{
    size_t n = c->gates, n_ready = 0, done = 0;
    uint32_t *driver = malloc(c->alias.n * sizeof *driver);   /* gate + 1; 0: none */
    uint32_t *level = calloc(n + 1, sizeof *level), *readers = calloc(n + 1, sizeof *readers);
    uint32_t *ready = calloc(n + 1, sizeof *ready), *order = calloc(n + 1, sizeof *order);
    const var *v;
    if (!driver || !level || !readers || !ready || !order) {
        free(order);
        order = NULL;
        goto out;
    }
    memset(driver, 0, c->alias.n * sizeof *driver);
    for (size_t g = 0; g < n; g++)
        for (size_t k = gate_outputs(&c->gate[g], &v), i = 0; i < k; i++)
            driver[v[i]] = (uint32_t)g + 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t g = c->order[i];
        for (size_t k = gate_inputs(&c->gate[g], &v), j = 0; j < k; j++) {
            uint32_t d = driver[v[j]];
            if (!d)
                continue;
            readers[d - 1]++;
            level[g] = level[d - 1] >= level[g] ? level[d - 1] + 1 : level[g];
        }
    }
    for (size_t g = 0; g < n; g++)
        if (!readers[g])
            ready[n_ready++] = (uint32_t)g;
    while (n_ready > 0) {
        size_t best = 0;
        for (size_t r = 1; r < n_ready; r++)
            if (level[ready[r]] < level[ready[best]])
                best = r;
        uint32_t g = ready[best];
        ready[best] = ready[--n_ready];
        order[done++] = g;
        for (size_t k = gate_inputs(&c->gate[g], &v), j = 0; j < k; j++)
            if (driver[v[j]] && --readers[driver[v[j]] - 1] == 0)
                ready[n_ready++] = driver[v[j]] - 1;
    }
    assert(done == n);
out:
    free(driver);
    free(level);
    free(readers);
    free(ready);
    return order;
}

/* Makes a module flat. */
static void circuit_init(struct circuit *c, const cJSON *modules, const cJSON *module, bool keep_cells)
{
    *c = (struct circuit){ .modules = modules, .keep_cells = keep_cells };
    struct scope top = { .n = module_bits(module) };
    top.map = calloc(top.n, sizeof *top.map);
    if (!top.map) {
        c->failed = true;
        return;
    }
    new_var(c);   /* the constants */
    new_var(c);
    const cJSON *port, *bit;
    for (int outputs = 0; outputs < 2; outputs++) {
        cJSON_ArrayForEach(port, get(module, "ports"))
            cJSON_ArrayForEach(bit, get(port, "bits"))
                if (is_input(port) != (outputs != 0) && !c->failed)
                    bits_add(c, outputs ? &c->out : &c->in, bit_var(c, &top, bit));
        if (!outputs && !c->failed)
            expand(c, module, &top, 0);
    }
    free(top.map);
    if (!c->failed && !c->bad)
        resolve_all(c);
    if (!c->failed && !c->bad)
        sort_gates(c);
}

/* --- evaluation ------------------------------------------------------------------- */

static uint64_t gate_value(enum gate_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
    switch (kind) {
    case GATE_BUF: return a;
    case GATE_NOT: return ~a;
    case GATE_AND: return a & b;
    case GATE_OR: return a | b;
    case GATE_XOR: return a ^ b;
    case GATE_NAND: return ~(a & b);
    case GATE_NOR: return ~(a | b);
    case GATE_XNOR: return ~(a ^ b);
    case GATE_ANDNOT: return a & ~b;
    case GATE_ORNOT: return a | ~b;
    case GATE_MUX: return (a & ~c) | (b & c);
    default: assert(0); return 0;
    }
}

/* Evaluates a circuit without adder cells and boxes, 64 lanes at once; value[]
 * of the inputs is set, that of every variable results. */
static void circuit_eval(const struct circuit *c, uint64_t *value)
{
    value[0] = 0;
    value[1] = UINT64_MAX;
    for (size_t i = 0; i < c->gates; i++) {
        const struct gate *g = &c->gate[c->order[i]];
        value[g->out[0]] = gate_value(g->kind, value[g->in[0]], value[g->in[1]], value[g->in[2]]);
    }
}

/* The text's own adder cells must be what their names say. */
static bool adder_cell_right(const cJSON *modules, const char *name, bool full)
{
    const cJSON *module = get(modules, name);
    if (!module)
        return true;   /* not used: had it been, Yosys had refused the text */
    struct circuit c;
    circuit_init(&c, modules, module, false);
    uint64_t *value = calloc(c.alias.n + 2, sizeof *value);
    const cJSON *ports = get(module, "ports");
    static const char *const order[2][5] = { { "a_i", "b_i", "s_o", "co_o", NULL },
                                             { "a_i", "b_i", "c_i", "s_o", "co_o" } };
    bool right = value && !c.failed && !c.bad && cJSON_GetArraySize(ports) == 4 + full
                 && c.in.n == 2u + full && c.out.n == 2;
    for (int i = 0; right && i < 4 + full; i++)
        right = !strcmp(cJSON_GetArrayItem(ports, i)->string, order[full][i]);
    if (right) {
        static const uint64_t plane[3] = { 0xaa, 0xcc, 0xf0 };
        for (size_t i = 0; i < c.in.n; i++)
            value[c.in.bit[i]] = plane[i];
        circuit_eval(&c, value);
        uint64_t a = plane[0], b = plane[1], ci = full ? plane[2] : 0;
        right = !(((value[c.out.bit[0]] ^ a ^ b ^ ci) | (value[c.out.bit[1]] ^ ((a & b) | (ci & (a | b))))) & 0xff);
    }
    free(value);
    circuit_release(&c);
    return right;
}

/* --- backward rewriting ------------------------------------------------------------ */

struct proof {
    struct circuit *c;
    struct poly *p;
    algebra_box_fn *prove_box;
    void *ctx;
    struct algebra_result *out;
};

static void __attribute__((format(printf, 2, 3))) give_up(struct proof *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->out->reason, sizeof f->out->reason, fmt, ap);
    va_end(ap);
}

/* The polynomial of a gate with one output. */
static struct small gate_polynomial(const struct gate *g)
{
    struct small s = { 0 };
    var ab[2] = { g->in[0], g->in[1] }, as[2] = { g->in[0], g->in[2] }, bs[2] = { g->in[1], g->in[2] };
    /* coefficients of 1, a, b, ab */
    static const int8_t form[][4] = {
        [GATE_BUF] = { 0, 1, 0, 0 }, [GATE_NOT] = { 1, -1, 0, 0 },
        [GATE_AND] = { 0, 0, 0, 1 }, [GATE_NAND] = { 1, 0, 0, -1 },
        [GATE_OR] = { 0, 1, 1, -1 }, [GATE_NOR] = { 1, -1, -1, 1 },
        [GATE_XOR] = { 0, 1, 1, -2 }, [GATE_XNOR] = { 1, -1, -1, 2 },
        [GATE_ANDNOT] = { 0, 1, 0, -1 }, [GATE_ORNOT] = { 1, 0, -1, 1 },
    };
    if (g->kind == GATE_MUX) {   /* a + s b - s a */
        small_add(&s, 1, 1, ab);
        small_add(&s, 1, 2, bs);
        small_add(&s, -1, 2, as);
        return s;
    }
    const int8_t *k = form[g->kind];
    if (k[0])
        small_add(&s, k[0], 0, ab);
    if (k[1])
        small_add(&s, k[1], 1, ab);
    if (k[2])
        small_add(&s, k[2], 1, ab + 1);
    if (k[3])
        small_add(&s, k[3], 2, ab);
    return s;
}

/* weight_1 * (a + b + c) + weight_2 * (ab + ac + bc) + weight_3 * abc */
static struct small symmetric_polynomial(const var in[3], int weight_1, int weight_2, int weight_3)
{
    struct small s = { 0 };
    var ab[2] = { in[0], in[1] }, ac[2] = { in[0], in[2] }, bc[2] = { in[1], in[2] };
    for (int i = 0; weight_1 && i < 3; i++)
        small_add(&s, weight_1, 1, in + i);
    if (weight_2) {
        small_add(&s, weight_2, 2, ab);
        small_add(&s, weight_2, 2, ac);
        small_add(&s, weight_2, 2, bc);
    }
    if (weight_3)
        small_add(&s, weight_3, 3, in);
    return s;
}

/* Where both outputs of an adder cell stand with the same monomial, at weights w and
 * 2w, the sum of the inputs stands at weight w; elsewhere the outputs'
 * polynomials are put in. */
static void rewrite_adder(struct poly *p, const struct gate *g)
{
    var sum = g->out[0], carry = g->out[1];
    struct small inputs = symmetric_polynomial(g->in, 1, 0, 0);
    for (size_t u = 0; u < p->uses[sum].n && !p->failed && !p->overflow; u++) {
        uint32_t at = p->uses[sum].term[u];
        struct term t = p->term[at];
        var m[MONOMIAL_MAX];
        if (!(t.coefficient & p->mask) || has_variable(&t, carry))
            continue;
        size_t slot = poly_slot(p, m, replaced_monomial(&t, sum, carry, m));
        struct term *twin = p->slot[slot] ? &p->term[p->slot[slot] - 1] : NULL;
        if ((2 * t.coefficient - (twin ? twin->coefficient : 0)) & p->mask)
            continue;
        p->term[at].coefficient = 0;
        if (twin)
            twin->coefficient = 0;
        int n = replaced_monomial(&t, sum, 0, m);
        poly_add_product(p, m, n, &inputs, t.coefficient);
    }
    struct small s = symmetric_polynomial(g->in, 1, -2, 4), c = symmetric_polynomial(g->in, 0, 1, -2);
    poly_substitute(p, sum, &s);
    poly_substitute(p, carry, &c);
}

/* --- boxes ------------------------------------------------------------------------- */

enum { BOX_ROWS = 8 };

struct linear {
    uint64_t base, *weight;      /* value = base + sum of weight[j] in[j] */
    uint64_t *coefficient;       /* of the outputs */
    int low, high;               /* columns of the outputs: coefficient 2^low..2^high, each once */
};

/* Guesses the linear function by evaluation. */
static bool guess_linear(const struct circuit *c, uint64_t mask, struct linear *l)
{
    uint64_t *value = calloc(c->alias.n, sizeof *value);
    if (!value)
        return false;
    for (size_t j0 = 0; j0 < c->in.n + 1; j0 += 63) {   /* lane 0: no input set; lane k: input j0 + k - 1 */
        memset(value, 0, c->alias.n * sizeof *value);
        for (size_t k = 1; k < 64 && j0 + k - 1 < c->in.n; k++)
            value[c->in.bit[j0 + k - 1]] |= UINT64_C(1) << k;
        circuit_eval(c, value);
        for (size_t k = 0; k < 64 && (k == 0 || j0 + k - 1 < c->in.n); k++) {
            uint64_t v = 0;
            for (size_t o = 0; o < c->out.n; o++)
                v += (value[c->out.bit[o]] >> k & 1) * l->coefficient[o];
            if (k == 0)
                l->base = v & mask;
            else
                l->weight[j0 + k - 1] = (v - l->base) & mask;
        }
    }
    free(value);
    return true;
}

/* The outputs must stand for the columns low..high, each once. */
static bool box_columns(const struct box *box, struct linear *l)
{
    uint64_t seen = 0;
    for (size_t o = 0; o < box->out.n; o++) {
        uint64_t w = l->coefficient[o];
        if (!w || (w & (w - 1)) || (seen & w))
            return false;
        seen |= w;
    }
    if (!seen)
        return false;
    l->low = __builtin_ctzll(seen);
    l->high = 63 - __builtin_clzll(seen);
    return (seen >> l->low & ((seen >> l->low) + 1)) == 0;
}

/* What the linear function reaches at most must be below the next column, or
 * that column be beyond the product. */
static bool box_fits(const struct box *box, const struct linear *l, uint64_t mask)
{
    unsigned __int128 most = l->base;
    uint64_t all = l->base;
    for (size_t j = 0; j < box->in.n; j++) {
        most += l->weight[j];
        all |= l->weight[j];
    }
    if (all & ((UINT64_C(1) << l->low) - 1))
        return false;
    return (mask >> l->high) == 1 || most >> (l->high + 1) == 0;
}

static void put_ports(const cJSON *module, struct strbuf *out)
{
    const cJSON *port;
    const char *separator = "";
    cJSON_ArrayForEach(port, get(module, "ports")) {
        strbuf_addf(out, "%s\n  %s wire [%d:0] %s", separator, is_input(port) ? "input" : "output",
                    cJSON_GetArraySize(get(port, "bits")) - 1, port->string);
        separator = ",";
    }
}

/* Bit `index` of all the module's inputs (or outputs). */
static void put_pin(const cJSON *module, bool input, size_t index, struct strbuf *out)
{
    const cJSON *port;
    cJSON_ArrayForEach(port, get(module, "ports")) {
        size_t n = (size_t)cJSON_GetArraySize(get(port, "bits"));
        if (is_input(port) != input)
            continue;
        if (index < n) {
            strbuf_addf(out, "%s[%zu]", port->string, index);
            return;
        }
        index -= n;
    }
    assert(0);
}

/* Verilog of the linear function: the inputs put into rows, summed with "+".
 * False if they need too many rows. */
static bool put_linear(const struct box *box, const struct linear *l, struct strbuf *out)
{
    int width = l->high - l->low + 1, rows = 0, height[64] = { 0 };
    int (*cell)[64] = calloc(BOX_ROWS, sizeof *cell);   /* input number + 1 */
    bool fits = cell != NULL;
    for (size_t j = 0; fits && j < box->in.n; j++)
        for (int k = 0; fits && k < width; k++)
            if (l->weight[j] >> (l->low + k) & 1) {
                fits = height[k] < BOX_ROWS;
                if (fits)
                    cell[height[k]++][k] = (int)j + 1;
                rows = fits && height[k] > rows ? height[k] : rows;
            }
    if (fits) {
        strbuf_addf(out, "module %s_linear (", box->module->string);
        put_ports(box->module, out);
        strbuf_addf(out, "\n);\n  wire [%d:0] s = %d'd%llu", width - 1, width,
                    (unsigned long long)(l->base >> l->low));
        for (int r = 0; r < rows; r++) {
            strbuf_adds(out, "\n    + {");
            for (int k = width - 1; k >= 0; k--) {
                if (cell[r][k])
                    put_pin(box->module, true, (size_t)cell[r][k] - 1, out);
                else
                    strbuf_adds(out, "1'b0");
                strbuf_adds(out, k ? ", " : "}");
            }
        }
        strbuf_adds(out, ";\n");
        for (size_t o = 0; o < box->out.n; o++) {
            strbuf_adds(out, "  assign ");
            put_pin(box->module, false, o, out);
            strbuf_addf(out, " = s[%d];\n", __builtin_ctzll(l->coefficient[o]) - l->low);
        }
        strbuf_adds(out, "endmodule\n");
    }
    free(cell);
    return fits;
}

static enum axm_status rewrite_box(struct proof *f, const struct box *box)
{
    struct poly *p = f->p;
    const char *name = box->module->string;
    struct linear l = { .weight = calloc(box->in.n + 1, sizeof *l.weight),
                        .coefficient = calloc(box->out.n + 1, sizeof *l.coefficient) };
    struct circuit inner;
    struct strbuf text = { 0 };
    enum axm_status st = AXM_OK;
    bool linear = true, equal = false;
    circuit_init(&inner, f->c->modules, box->module, false);
    if (!l.weight || !l.coefficient || inner.failed) {
        p->failed = true;
        goto out;
    }
    for (size_t o = 0; o < box->out.n && linear; o++)
        l.coefficient[o] = poly_linear(p, box->out.bit[o], &linear);
    if (inner.bad || !linear || !box_columns(box, &l)) {
        give_up(f, "%s: its outputs are no number", name);
        goto out;
    }
    if (!guess_linear(&inner, p->mask, &l)) {
        p->failed = true;
        goto out;
    }
    if (!box_fits(box, &l, p->mask) || !put_linear(box, &l, &text)) {
        give_up(f, "%s: no sum of its inputs", name);
        goto out;
    }
    p->failed |= text.failed;
    if (!p->failed)
        st = f->prove_box(f->ctx, name, text.s, &equal);
    if (!st && !equal)
        give_up(f, "%s: not proven to be the sum of its inputs", name);
    if (st || !equal || p->failed)
        goto out;
    f->out->boxes++;
    for (size_t o = 0; o < box->out.n; o++)
        poly_clear_linear(p, box->out.bit[o]);
    poly_add(p, (const var[]){ 0 }, 0, l.base);
    for (size_t j = 0; j < box->in.n; j++) {
        struct small in = { 0 };
        small_add(&in, 1, 1, &box->in.bit[j]);
        poly_add_small(p, &in, l.weight[j]);
    }
out:
    circuit_release(&inner);
    strbuf_release(&text);
    free(l.weight);
    free(l.coefficient);
    return st;
}

/* From the outputs to the operands.  Stops early if f->out->reason is set. */
static enum axm_status rewrite(struct proof *f)
{
    enum axm_status st = AXM_OK;
    uint32_t *order = backward_order(f->c);
    f->p->failed |= !order;
    for (size_t i = 0; i < f->c->gates && !st && !f->p->failed && !f->p->overflow && !f->out->reason[0]; i++) {
        const struct gate *g = &f->c->gate[order[i]];
        if (g->kind == GATE_BOX) {
            st = rewrite_box(f, g->box);
        } else if (g->kind == GATE_FA || g->kind == GATE_HA) {
            rewrite_adder(f->p, g);
        } else {
            struct small s = gate_polynomial(g);
            poly_substitute(f->p, g->out[0], &s);
        }
    }
    free(order);
    return st;
}

/* --- definitions ------------------------------------------------------------------- */

/* Subtracts a definition (docs/families.md) from the polynomial. */
struct definition {
    const struct axm_spec *s;
    struct poly *p;
    const var *a, *b;
    int n, m;
};

static void subtract(struct definition *d, int n, const var *v, uint64_t weight)
{
    /* ascending, each once */
    var sorted[8] = { 0 };
    int len = 0;
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < len && sorted[k] < v[i])
            k++;
        if (k < len && sorted[k] == v[i])
            continue;
        memmove(sorted + k + 1, sorted + k, (size_t)(len - k) * sizeof *sorted);
        sorted[k] = v[i];
        len++;
    }
    poly_add(d->p, sorted, len, -weight);
}

/* The product of the values of two operands without their low bits. */
static void define_product(struct definition *d, int first_a, int first_b)
{
    for (int i = first_b; i < d->m; i++)
        for (int j = first_a; j < d->n; j++) {
            bool negative = d->s->is_signed && (i == d->m - 1) != (j == d->n - 1);
            uint64_t weight = UINT64_C(1) << (i + j);
            subtract(d, 2, (const var[]){ d->a[j], d->b[i] }, negative ? -weight : weight);
        }
}

static bool inverted(const struct definition *d, int j, int i)
{
    return d->s->is_signed && (i == d->m - 1) != (j == d->n - 1);
}

/* weight times the entry of the Baugh-Wooley matrix. */
static void define_entry(struct definition *d, int j, int i, uint64_t weight)
{
    if (inverted(d, j, i))
        subtract(d, 0, NULL, weight);
    subtract(d, 2, (const var[]){ d->a[j], d->b[i] }, inverted(d, j, i) ? -weight : weight);
}

static uint64_t matrix_constant_of(const struct definition *d)
{
    unsigned __int128 one = 1;
    if (!d->s->is_signed)
        return 0;
    return (uint64_t)((one << (d->n - 1)) + (one << (d->m - 1)) + (one << (d->n + d->m - 1))) & d->p->mask;
}

/* The matrix from row first_row and column first_column on. */
static void define_matrix(struct definition *d, int first_row, int first_column)
{
    for (int i = first_row; i < d->m; i++)
        for (int j = 0; j < d->n; j++)
            if (i + j >= first_column)
                define_entry(d, j, i, UINT64_C(1) << (i + j));
    subtract(d, 0, NULL, matrix_constant_of(d) >> first_column << first_column);
}

static int parameter(const struct axm_spec *s, const char *key)
{
    return s->p[axm_param_find(s->family, key)];
}

static void define_exact(struct definition *d)
{
    define_product(d, 0, 0);
}

static void define_bam(struct definition *d)
{
    define_matrix(d, parameter(d->s, "h"), parameter(d->s, "v"));
}

/* Expected value of the columns below c, as a multiple of 2^c. */
static uint64_t expected_below(const struct definition *d, int c)
{
    unsigned __int128 quarters = 0, one = 1;
    for (int i = 0; i < d->m; i++)
        for (int j = 0; j < d->n && i + j < c; j++)
            quarters += (inverted(d, j, i) ? 3 * one : one) << (i + j);
    quarters += (unsigned __int128)(matrix_constant_of(d) & axm_mask(c)) << 2;
    return (uint64_t)((quarters + (one << (c + 1))) >> (c + 2));
}

static void define_trunc(struct definition *d)
{
    if (d->s->form == 0) {
        define_product(d, parameter(d->s, "l"), parameter(d->s, "m"));
        return;
    }
    int c = parameter(d->s, "c"), word = parameter(d->s, "none");
    define_matrix(d, 0, c);
    const char *compensation = d->s->family->param[axm_param_find(d->s->family, "none")].words[word];
    if (!strcmp(compensation, "const")) {
        subtract(d, 0, NULL, expected_below(d, c) << c);
    } else if (!strcmp(compensation, "var")) {
        for (int i = 0; i < d->m; i++)
            if (c - 1 - i >= 0 && c - 1 - i < d->n)
                define_entry(d, c - 1 - i, i, UINT64_C(1) << c);
        subtract(d, 0, NULL, (matrix_constant_of(d) >> (c - 1) & 1) << c);
    }
}

/* weight times the XOR of the partial products of column c of block r: the
 * parity of bits x_k is the sum over their non-empty subsets of
 * (-2)^(size-1) times the product; inversions turn it into one minus that. */
static void define_parity(struct definition *d, int r, int c, uint64_t weight)
{
    int row[4], n = 0;
    bool invert = false;
    for (int i = 0; i < 4; i++)
        if (c - i >= 0 && c - i < d->n) {
            row[n++] = i;
            invert ^= inverted(d, c - i, 4 * r + i);
        }
    if (invert)
        subtract(d, 0, NULL, weight);
    for (int subset = 1; subset < 1 << n; subset++) {
        var v[8];
        int len = 0;
        uint64_t factor = weight;
        for (int k = 0; k < n; k++) {
            if (!(subset >> k & 1))
                continue;
            if (len)
                factor *= (uint64_t)-2;
            v[len++] = d->a[c - row[k]];
            v[len++] = d->b[4 * r + row[k]];
        }
        subtract(d, len, v, invert ? -factor : factor);
    }
}

static void define_carry_disregard(struct definition *d)
{
    for (int r = 0; r < d->m / 4; r++)
        for (int c = 0; c < d->n + 3; c++) {
            uint64_t weight = UINT64_C(1) << (c + 4 * r);
            if (c < d->s->p[r])
                define_parity(d, r, c, weight);
            for (int i = 0; i < 4 && c >= d->s->p[r]; i++)
                if (c - i >= 0 && c - i < d->n)
                    define_entry(d, c - i, 4 * r + i, weight);
        }
    subtract(d, 0, NULL, matrix_constant_of(d));
}

static const struct {
    const char *family;
    void (*define)(struct definition *d);
} definitions[] = {
    { "exact", define_exact }, { "array", define_exact }, { "wallace", define_exact },
    { "dadda", define_exact }, { "booth", define_exact }, { "quaternary", define_exact }, { "trunc", define_trunc },
    { "bam", define_bam }, { "cdm", define_carry_disregard }, { "scdm", define_carry_disregard },
};

static int find_definition(const struct axm_spec *s)
{
    for (int i = 0; i < (int)(sizeof definitions / sizeof *definitions); i++)
        if (!strcmp(definitions[i].family, s->family->name))
            return i;
    return -1;
}

bool algebra_applies(const struct axm_spec *s)
{
    return find_definition(s) >= 0;
}

/* --- proofs ----------------------------------------------------------------------- */

/* The variables of a port of the top module; false if it is not there or has another width. */
static bool port_vars(const struct circuit *c, const cJSON *module, const char *name, int width, const var **out)
{
    size_t in = 0, outputs = 0;
    const cJSON *port;
    cJSON_ArrayForEach(port, get(module, "ports")) {
        size_t *at = is_input(port) ? &in : &outputs;
        int n = cJSON_GetArraySize(get(port, "bits"));
        if (!strcmp(port->string, name)) {
            *out = (is_input(port) ? c->in.bit : c->out.bit) + *at;
            return n == width;
        }
        *at += (size_t)n;
    }
    return false;
}

/* Equal if nothing is left; else the smallest monomial that is left tells. */
static void conclude(struct definition *d, struct algebra_result *out)
{
    const struct term *least = NULL;
    for (size_t i = 0; i < d->p->n; i++) {
        const struct term *t = &d->p->term[i];
        if ((t->coefficient & d->p->mask) && (!least || t->n < least->n))
            least = t;
    }
    out->answer = least ? ALGEBRA_DIFFERENT : ALGEBRA_EQUAL;
    for (int k = 0; least && k < least->n; k++) {
        for (int j = 0; j < d->n; j++)
            out->a |= (uint64_t)(d->a[j] == least->v[k]) << j;
        for (int i = 0; i < d->m; i++)
            out->b |= (uint64_t)(d->b[i] == least->v[k]) << i;
    }
}

static enum axm_status prove_circuit(struct circuit *c, struct poly *p, const struct axm_spec *s,
                                     const cJSON *module, algebra_box_fn *prove_box, void *ctx,
                                     struct algebra_result *out)
{
    struct definition d = { .s = s, .p = p, .n = s->width_a, .m = s->width_b };
    struct proof f = { c, p, prove_box, ctx, out };
    const var *product;
    if (!port_vars(c, module, "a_i", d.n, &d.a) || !port_vars(c, module, "b_i", d.m, &d.b)
        || !port_vars(c, module, "p_o", d.n + d.m, &product) || c->in.n != (size_t)(d.n + d.m))
        return fail(AXM_ENV, "%s: its ports must be a_i, b_i and p_o of %d, %d and %d bits", module->string,
                    d.n, d.m, d.n + d.m);
    for (int i = 0; i < d.n + d.m; i++) {
        struct small bit = { 0 };
        small_add(&bit, 1, 1, &product[i]);
        poly_add_small(p, &bit, UINT64_C(1) << i);
    }
    enum axm_status st = rewrite(&f);
    if (!st && !out->reason[0])
        definitions[find_definition(s)].define(&d);
    if (!st && p->failed)
        st = fail(AXM_ENV, "%s: out of memory for its polynomial", module->string);
    if (!st && p->overflow)
        give_up(&f, "the polynomial grows past %d terms", ALGEBRA_TERMS_MAX);
    if (!st && !out->reason[0])
        conclude(&d, out);
    return st;
}

enum axm_status algebra_prove(const struct axm_spec *s, const char *json, const char *top,
                              algebra_box_fn *prove_box, void *ctx, struct algebra_result *out)
{
    assert(algebra_applies(s));
    *out = (struct algebra_result){ .answer = ALGEBRA_NO_ANSWER };
    cJSON *root = cJSON_Parse(json);
    const cJSON *modules = get(root, "modules"), *module = get(modules, top);
    struct circuit c = { 0 };
    struct poly p = { 0 };
    enum axm_status st = AXM_OK;
    if (!module) {
        st = fail(AXM_ENV, "%s: not among the modules that yosys wrote", top);
        goto out;
    }
    if (!adder_cell_right(modules, "axm_fa", true) || !adder_cell_right(modules, "axm_ha", false)) {
        snprintf(out->reason, sizeof out->reason, "axm_fa or axm_ha is no adder");
        goto out;
    }
    circuit_init(&c, modules, module, true);
    if (c.bad)
        st = fail(AXM_ENV, "%s: not a netlist of gates: %s", top, c.bad);
    else if (c.failed || !poly_init(&p, c.alias.n, axm_mask(axm_spec_product_width(s))))
        st = fail(AXM_ENV, "%s: out of memory for its polynomial", top);
    else
        st = prove_circuit(&c, &p, s, module, prove_box, ctx, out);
out:
    poly_release(&p);
    circuit_release(&c);
    cJSON_Delete(root);
    return st;
}
