#include "sim/flat.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

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

void circuit_release(struct circuit *c)
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

bool port_is_input(const cJSON *port)
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
            if (port_is_input(port) != (pass == 0))
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
            bits_add(c, port_is_input(port) ? &box->in : &box->out, bit_var(c, s, bit));
}

static int find_type(const char *type)
{
    int t = 0;
    while (t < GATE_TYPES && strcmp(gate_types[t].type, type))
        t++;
    return t;
}

/* Names of the scopes in which gen/ makes carry-propagate adders; row is
 * followed by its number. */
static bool named_as_adder(const char *name)
{
    const char *row = strstr(name, "_row");
    while (row && !isdigit((unsigned char)row[4]))
        row = strstr(row + 1, "_row");
    return row || strstr(name, "_adder") || strstr(name, "_triple");
}

/* Whether a module is a carry-propagate adder without adder cells.  Its name is
 * a hint only: what a box does is proven. */
static bool is_box(const struct circuit *c, const cJSON *module)
{
    return c->keep_cells && named_as_adder(module->string) && !has_adder_cells(c->modules, module);
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

size_t gate_inputs(const struct gate *g, const var **in)
{
    *in = g->box ? g->box->in.bit : g->in;
    return g->box ? g->box->in.n : sizeof g->in / sizeof *g->in;
}

size_t gate_outputs(const struct gate *g, const var **out)
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

void circuit_init(struct circuit *c, const cJSON *modules, const cJSON *module, bool keep_cells)
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
                if (port_is_input(port) != (outputs != 0) && !c->failed)
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

void circuit_eval(const struct circuit *c, uint64_t *value)
{
    value[0] = 0;
    value[1] = UINT64_MAX;
    for (size_t i = 0; i < c->gates; i++) {
        const struct gate *g = &c->gate[c->order[i]];
        value[g->out[0]] = gate_value(g->kind, value[g->in[0]], value[g->in[1]], value[g->in[2]]);
    }
}

