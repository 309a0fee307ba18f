#include "gen/netlist.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct scope {
    const char *name;
    int parent;
};

/* Everything is an array in order of creation, so nothing depends on
 * addresses.  `table` finds the cell that was made before: open addressing,
 * slots hold cell index + 1.  It is dropped when cells change under it and
 * built again by the next maker. */
struct netlist {
    struct arena names;
    const char *name, *origin;
    struct cell *cell;
    long *driver;
    struct port *port;
    struct scope *scope;
    uint32_t *table;
    size_t cells, cell_cap, nets, net_cap, ports, port_cap, scopes, scope_cap, slots;
    int current_scope;
    bool failed;
};

static const struct {
    const char *name;
    int inputs, outputs, levels;
} kinds[CELL_KINDS] = {
    [CELL_NOT] = { "NOT", 1, 1, 1 },
    [CELL_AND] = { "AND", 2, 1, 1 },
    [CELL_OR] = { "OR", 2, 1, 1 },
    [CELL_XOR] = { "XOR", 2, 1, 1 },
    [CELL_NAND] = { "NAND", 2, 1, 1 },
    [CELL_NOR] = { "NOR", 2, 1, 1 },
    [CELL_XNOR] = { "XNOR", 2, 1, 1 },
    [CELL_MUX] = { "MUX", 3, 1, 2 },
    [CELL_HA] = { "HA", 2, 2, 2 },
    [CELL_FA] = { "FA", 3, 2, 2 },
    [CELL_DFF] = { "DFF", 1, 1, 0 },
};

int cell_inputs(enum cell_kind kind)
{
    return kinds[kind].inputs;
}

int cell_outputs(enum cell_kind kind)
{
    return kinds[kind].outputs;
}

const char *cell_name(enum cell_kind kind)
{
    return kinds[kind].name;
}

int cell_levels(enum cell_kind kind)
{
    return kinds[kind].levels;
}

/* --- storage ------------------------------------------------------------- */

/* Makes room for `more` elements after `used` in the array *p. */
static bool reserve(struct netlist *nl, void *p, size_t *cap, size_t used, size_t more, size_t size)
{
    if (used + more <= *cap)
        return true;
    size_t want = *cap ? 2 * *cap : 64;
    while (want < used + more)
        want *= 2;
    void *old;
    memcpy(&old, p, sizeof old);
    void *grown = realloc(old, want * size);
    if (!grown) {
        nl->failed = true;
        return false;
    }
    memcpy(p, &grown, sizeof grown);
    *cap = want;
    return true;
}

static const char *keep_name(struct netlist *nl, const char *s)
{
    char *copy = arena_strdup(&nl->names, s);
    if (!copy)
        nl->failed = true;
    return copy ? copy : "";
}

/* n consecutive new nets; the first, or NET_0 when out of memory. */
static net add_nets(struct netlist *nl, size_t n, long driver)
{
    if (!reserve(nl, &nl->driver, &nl->net_cap, nl->nets, n, sizeof *nl->driver))
        return NET_0;
    net first = (net)nl->nets;
    for (size_t i = 0; i < n; i++)
        nl->driver[nl->nets++] = driver;
    return first;
}

struct netlist *netlist_new(const char *name)
{
    struct netlist *nl = calloc(1, sizeof *nl);
    if (!nl)
        return NULL;
    nl->name = keep_name(nl, name);
    nl->origin = "";
    add_nets(nl, 2, -1);
    if (reserve(nl, &nl->scope, &nl->scope_cap, 0, 1, sizeof *nl->scope))
        nl->scope[nl->scopes++] = (struct scope){ "", -1 };
    if (nl->failed) {
        netlist_free(nl);
        return NULL;
    }
    return nl;
}

static void release(struct netlist *nl)
{
    arena_release(&nl->names);
    free(nl->cell);
    free(nl->driver);
    free(nl->port);
    free(nl->scope);
    free(nl->table);
}

void netlist_free(struct netlist *nl)
{
    if (!nl)
        return;
    release(nl);
    free(nl);
}

const char *netlist_name(const struct netlist *nl)
{
    return nl->name;
}

void netlist_set_name(struct netlist *nl, const char *name)
{
    nl->name = keep_name(nl, name);
}

void netlist_set_origin(struct netlist *nl, const char *command)
{
    nl->origin = keep_name(nl, command);
}

const char *netlist_origin(const struct netlist *nl)
{
    return nl->origin;
}

/* --- ports and scopes ------------------------------------------------------ */

static struct port *add_port(struct netlist *nl, const char *name, bool is_output, int width)
{
    assert(width >= 1 && width <= BUS_MAX);
    if (!reserve(nl, &nl->port, &nl->port_cap, nl->ports, 1, sizeof *nl->port))
        return NULL;
    struct port *p = &nl->port[nl->ports++];
    p->name = keep_name(nl, name);
    p->is_output = is_output;
    p->bus = (struct bus){ .n = width };
    return p;
}

struct bus netlist_add_input(struct netlist *nl, const char *name, int width)
{
    struct port *p = add_port(nl, name, false, width);
    net first = p ? add_nets(nl, (size_t)width, -1) : NET_0;
    if (first == NET_0)
        return (struct bus){ .n = width };
    for (int i = 0; i < width; i++)
        p->bus.bit[i] = first + (net)i;
    return p->bus;
}

void netlist_add_output(struct netlist *nl, const char *name, const struct bus *b)
{
    struct port *p = add_port(nl, name, true, b->n);
    if (p)
        p->bus = *b;
}

static bool scope_taken(const struct netlist *nl, int parent, const char *name)
{
    for (size_t i = 1; i < nl->scopes; i++)
        if (nl->scope[i].parent == parent && strcmp(nl->scope[i].name, name) == 0)
            return true;
    return false;
}

void netlist_scope_enter(struct netlist *nl, const char *name)
{
    char unique[256];
    snprintf(unique, sizeof unique, "%s", name);
    for (int k = 2; scope_taken(nl, nl->current_scope, unique); k++)
        snprintf(unique, sizeof unique, "%.240s%d", name, k);
    if (nl->scopes > UINT16_MAX
        || !reserve(nl, &nl->scope, &nl->scope_cap, nl->scopes, 1, sizeof *nl->scope)) {
        nl->failed = true;
        return;
    }
    nl->scope[nl->scopes] = (struct scope){ keep_name(nl, unique), nl->current_scope };
    nl->current_scope = (int)nl->scopes++;
}

void netlist_scope_leave(struct netlist *nl)
{
    if (nl->failed)   /* enter may have stayed where it was */
        return;
    assert(nl->current_scope != 0);
    nl->current_scope = nl->scope[nl->current_scope].parent;
}

void netlist_scope_set(struct netlist *nl, int scope)
{
    assert(scope >= 0 && (size_t)scope < nl->scopes);
    nl->current_scope = scope;
}

int netlist_scopes(const struct netlist *nl)
{
    return (int)nl->scopes;
}

const char *netlist_scope_name(const struct netlist *nl, int scope)
{
    return nl->scope[scope].name;
}

int netlist_scope_parent(const struct netlist *nl, int scope)
{
    return nl->scope[scope].parent;
}

/* --- reading ----------------------------------------------------------------- */

size_t netlist_cells(const struct netlist *nl)
{
    return nl->cells;
}

const struct cell *netlist_cell(const struct netlist *nl, size_t i)
{
    return &nl->cell[i];
}

size_t netlist_nets(const struct netlist *nl)
{
    return nl->nets;
}

long netlist_driver(const struct netlist *nl, net n)
{
    return nl->driver[n];
}

int netlist_ports(const struct netlist *nl)
{
    return (int)nl->ports;
}

const struct port *netlist_port(const struct netlist *nl, int i)
{
    return &nl->port[i];
}

const struct port *netlist_find_port(const struct netlist *nl, const char *name)
{
    for (size_t i = 0; i < nl->ports; i++)
        if (strcmp(nl->port[i].name, name) == 0)
            return &nl->port[i];
    return NULL;
}

/* --- cells: hash-consing ----------------------------------------------------- */

static size_t hash_cell(int kind, net a, net b, net c)
{
    uint64_t h = (uint64_t)kind * 0x9e3779b97f4a7c15u;
    h = (h ^ a) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 29 ^ b) * 0xc4ceb9fe1a85ec53u;
    h = (h ^ h >> 31 ^ c) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 20);
}

/* Slot of that cell, or the empty slot where it belongs. */
static size_t find_slot(const struct netlist *nl, int kind, net a, net b, net c)
{
    size_t mask = nl->slots - 1, i = hash_cell(kind, a, b, c) & mask;
    for (; nl->table[i]; i = (i + 1) & mask) {
        const struct cell *x = &nl->cell[nl->table[i] - 1];
        if (x->kind == kind && x->in[0] == a && x->in[1] == b && x->in[2] == c)
            break;
    }
    return i;
}

static bool rebuild_table(struct netlist *nl)
{
    size_t slots = 1024;
    while (slots < 4 * (nl->cells + 1))
        slots *= 2;
    free(nl->table);
    nl->slots = 0;
    nl->table = calloc(slots, sizeof *nl->table);
    if (!nl->table) {
        nl->failed = true;
        return false;
    }
    nl->slots = slots;
    for (size_t k = 0; k < nl->cells; k++) {
        const struct cell *x = &nl->cell[k];
        size_t i = find_slot(nl, x->kind, x->in[0], x->in[1], x->in[2]);
        if (!nl->table[i])
            nl->table[i] = (uint32_t)k + 1;
    }
    return true;
}

/* The cell with these inputs (unused ones NET_0), made before or now; NULL
 * when out of memory. */
static const struct cell *cons(struct netlist *nl, enum cell_kind kind, net a, net b, net c)
{
    assert(a < nl->nets && b < nl->nets && c < nl->nets);
    if (nl->failed || (2 * (nl->cells + 1) > nl->slots && !rebuild_table(nl)))
        return NULL;
    size_t slot = find_slot(nl, kind, a, b, c);
    if (nl->table[slot])
        return &nl->cell[nl->table[slot] - 1];
    if (!reserve(nl, &nl->cell, &nl->cell_cap, nl->cells, 1, sizeof *nl->cell))
        return NULL;
    size_t outputs = (size_t)kinds[kind].outputs;
    net out = add_nets(nl, outputs, (long)nl->cells);
    if (out == NET_0)
        return NULL;
    struct cell *x = &nl->cell[nl->cells++];
    *x = (struct cell){ .kind = (uint8_t)kind, .scope = (uint16_t)nl->current_scope,
                        .in = { a, b, c }, .out = { out, outputs == 2 ? out + 1 : NET_0 } };
    nl->table[slot] = (uint32_t)nl->cells;
    return x;
}

static net gate(struct netlist *nl, enum cell_kind kind, net a, net b, net c)
{
    const struct cell *x = cons(nl, kind, a, b, c);
    return x ? x->out[0] : NET_0;
}

/* --- cells: folding ---------------------------------------------------------- */

static const struct cell *driving_cell(const struct netlist *nl, net n)
{
    return nl->driver[n] < 0 ? NULL : &nl->cell[nl->driver[n]];
}

static bool complement_kinds(int a, int b)
{
    switch (a) {
    case CELL_AND: return b == CELL_NAND;
    case CELL_NAND: return b == CELL_AND;
    case CELL_OR: return b == CELL_NOR;
    case CELL_NOR: return b == CELL_OR;
    case CELL_XOR: return b == CELL_XNOR;
    case CELL_XNOR: return b == CELL_XOR;
    default: return false;
    }
}

static bool complementary(const struct netlist *nl, net a, net b)
{
    if (a <= NET_1 && b <= NET_1)
        return a != b;
    const struct cell *x = driving_cell(nl, a), *y = driving_cell(nl, b);
    if (x && x->kind == CELL_NOT && x->in[0] == b)
        return true;
    if (y && y->kind == CELL_NOT && y->in[0] == a)
        return true;
    return x && y && complement_kinds(x->kind, y->kind) && x->in[0] == y->in[0]
           && x->in[1] == y->in[1];
}

static void order(net *a, net *b)
{
    if (*a > *b) {
        net t = *a;
        *a = *b;
        *b = t;
    }
}

net netlist_not(struct netlist *nl, net a)
{
    if (a <= NET_1)
        return a ^ 1;
    const struct cell *x = driving_cell(nl, a);
    if (x && x->kind == CELL_NOT)
        return x->in[0];
    return gate(nl, CELL_NOT, a, NET_0, NET_0);
}

net netlist_and(struct netlist *nl, net a, net b)
{
    order(&a, &b);
    if (a == NET_0 || complementary(nl, a, b))
        return NET_0;
    if (a == NET_1 || a == b)
        return b;
    return gate(nl, CELL_AND, a, b, NET_0);
}

net netlist_or(struct netlist *nl, net a, net b)
{
    order(&a, &b);
    if (a == NET_1 || complementary(nl, a, b))
        return NET_1;
    if (a == NET_0 || a == b)
        return b;
    return gate(nl, CELL_OR, a, b, NET_0);
}

net netlist_xor(struct netlist *nl, net a, net b)
{
    order(&a, &b);
    if (a == b)
        return NET_0;
    if (complementary(nl, a, b))
        return NET_1;
    if (a <= NET_1)
        return a == NET_0 ? b : netlist_not(nl, b);
    return gate(nl, CELL_XOR, a, b, NET_0);
}

net netlist_nand(struct netlist *nl, net a, net b)
{
    order(&a, &b);
    if (a == NET_0 || complementary(nl, a, b))
        return NET_1;
    if (a == NET_1 || a == b)
        return netlist_not(nl, b);
    return gate(nl, CELL_NAND, a, b, NET_0);
}

net netlist_nor(struct netlist *nl, net a, net b)
{
    order(&a, &b);
    if (a == NET_1 || complementary(nl, a, b))
        return NET_0;
    if (a == NET_0 || a == b)
        return netlist_not(nl, b);
    return gate(nl, CELL_NOR, a, b, NET_0);
}

net netlist_xnor(struct netlist *nl, net a, net b)
{
    order(&a, &b);
    if (a == b)
        return NET_1;
    if (complementary(nl, a, b))
        return NET_0;
    if (a <= NET_1)
        return a == NET_0 ? netlist_not(nl, b) : b;
    return gate(nl, CELL_XNOR, a, b, NET_0);
}

net netlist_mux(struct netlist *nl, net sel, net when0, net when1)
{
    if (sel <= NET_1)
        return sel == NET_0 ? when0 : when1;
    const struct cell *x = driving_cell(nl, sel);
    if (x && x->kind == CELL_NOT) {
        net t = when0;
        sel = x->in[0];
        when0 = when1;
        when1 = t;
    }
    /* An input that is the selector itself has a known value when it counts. */
    if (when0 == sel)
        when0 = NET_0;
    else if (complementary(nl, when0, sel))
        when0 = NET_1;
    if (when1 == sel)
        when1 = NET_1;
    else if (complementary(nl, when1, sel))
        when1 = NET_0;
    if (when0 == when1)
        return when0;
    if (when0 == NET_0)
        return netlist_and(nl, sel, when1);
    if (when1 == NET_1)
        return netlist_or(nl, sel, when0);
    if (when0 == NET_1)
        return netlist_or(nl, netlist_not(nl, sel), when1);
    if (when1 == NET_0)
        return netlist_and(nl, netlist_not(nl, sel), when0);
    if (complementary(nl, when0, when1))
        return netlist_xor(nl, sel, when0);
    return gate(nl, CELL_MUX, when0, when1, sel);
}

void netlist_half_adder(struct netlist *nl, net a, net b, net *sum, net *carry)
{
    order(&a, &b);
    if (a <= NET_1 || a == b || complementary(nl, a, b)) {
        *sum = netlist_xor(nl, a, b);
        *carry = netlist_and(nl, a, b);
        return;
    }
    const struct cell *x = cons(nl, CELL_HA, a, b, NET_0);
    *sum = x ? x->out[0] : NET_0;
    *carry = x ? x->out[1] : NET_0;
}

void netlist_full_adder(struct netlist *nl, net a, net b, net c, net *sum, net *carry)
{
    order(&a, &b);
    order(&b, &c);
    order(&a, &b);
    if (a == NET_0) {
        netlist_half_adder(nl, b, c, sum, carry);
        return;
    }
    if (a == NET_1) {
        *sum = netlist_xnor(nl, b, c);
        *carry = netlist_or(nl, b, c);
        return;
    }
    /* x, x, y: the pair is the carry; x, !x, y: y is. */
    const net in[3] = { a, b, c };
    for (int k = 0; k < 3; k++) {
        net x = in[k], y = in[(k + 1) % 3], rest = in[(k + 2) % 3];
        if (x == y) {
            *sum = rest;
            *carry = x;
            return;
        }
        if (complementary(nl, x, y)) {
            *sum = netlist_not(nl, rest);
            *carry = rest;
            return;
        }
    }
    const struct cell *x = cons(nl, CELL_FA, a, b, c);
    *sum = x ? x->out[0] : NET_0;
    *carry = x ? x->out[1] : NET_0;
}

net netlist_dff(struct netlist *nl, net d)
{
    return d <= NET_1 ? d : gate(nl, CELL_DFF, d, NET_0, NET_0);
}

/* --- rewriting --------------------------------------------------------------- */

static bool copy_scopes(struct netlist *to, const struct netlist *from)
{
    to->scopes = 0;
    if (!reserve(to, &to->scope, &to->scope_cap, 0, from->scopes, sizeof *to->scope))
        return false;
    for (; to->scopes < from->scopes; to->scopes++) {
        const struct scope *s = &from->scope[to->scopes];
        to->scope[to->scopes] = (struct scope){ keep_name(to, s->name), s->parent };
    }
    return !to->failed;
}

struct netlist *netlist_rewrite_begin(const struct netlist *from, net *map)
{
    struct netlist *to = netlist_new(from->name);
    if (!to || !copy_scopes(to, from)) {
        netlist_free(to);
        return NULL;
    }
    netlist_set_origin(to, from->origin);
    map[NET_0] = NET_0;
    map[NET_1] = NET_1;
    for (size_t i = 0; i < from->ports; i++) {
        const struct port *p = &from->port[i];
        if (p->is_output) {   /* a place in the order; end() fills it */
            add_port(to, p->name, true, p->bus.n);
            continue;
        }
        struct bus b = netlist_add_input(to, p->name, p->bus.n);
        for (int k = 0; k < b.n; k++)
            map[p->bus.bit[k]] = b.bit[k];
    }
    if (to->failed) {
        netlist_free(to);
        return NULL;
    }
    return to;
}

void netlist_rewrite_cell(struct netlist *to, const struct cell *c, net *map)
{
    net a = map[c->in[0]], b = map[c->in[1]], s = map[c->in[2]];
    net *o = &map[c->out[0]];
    to->current_scope = c->scope;
    switch ((enum cell_kind)c->kind) {
    case CELL_NOT: *o = netlist_not(to, a); break;
    case CELL_AND: *o = netlist_and(to, a, b); break;
    case CELL_OR: *o = netlist_or(to, a, b); break;
    case CELL_XOR: *o = netlist_xor(to, a, b); break;
    case CELL_NAND: *o = netlist_nand(to, a, b); break;
    case CELL_NOR: *o = netlist_nor(to, a, b); break;
    case CELL_XNOR: *o = netlist_xnor(to, a, b); break;
    case CELL_MUX: *o = netlist_mux(to, s, a, b); break;
    case CELL_HA: netlist_half_adder(to, a, b, o, &map[c->out[1]]); break;
    case CELL_FA: netlist_full_adder(to, a, b, s, o, &map[c->out[1]]); break;
    case CELL_DFF: *o = netlist_dff(to, a); break;
    case CELL_KINDS: assert(!"a cell kind");
    }
    to->current_scope = 0;
}

void netlist_rewrite_end(struct netlist *to, const struct netlist *from, const net *map)
{
    for (size_t i = 0; i < from->ports; i++) {
        const struct port *p = &from->port[i];
        for (int k = 0; p->is_output && k < p->bus.n; k++)
            to->port[i].bus.bit[k] = map[p->bus.bit[k]];
    }
}

/* Marks what the outputs need; returns the number of cells that are not whole:
 * dead, or adders of which one output is dead. */
static size_t mark_live(const struct netlist *nl, bool *live)
{
    memset(live, 0, nl->nets);
    for (size_t i = 0; i < nl->ports; i++)
        for (int k = 0; nl->port[i].is_output && k < nl->port[i].bus.n; k++)
            live[nl->port[i].bus.bit[k]] = true;
    size_t not_whole = 0;
    for (size_t i = nl->cells; i-- > 0;) {
        const struct cell *c = &nl->cell[i];
        int outputs = kinds[c->kind].outputs, alive = 0;
        for (int k = 0; k < outputs; k++)
            alive += live[c->out[k]];
        not_whole += alive < outputs;
        for (int k = 0; alive && k < kinds[c->kind].inputs; k++)
            live[c->in[k]] = true;
    }
    return not_whole;
}

/* An adder cell of which only the sum or only the carry is alive, as gates. */
static void rewrite_half_dead_adder(struct netlist *to, const struct cell *c, net *map,
                                    bool sum_alive)
{
    net a = map[c->in[0]], b = map[c->in[1]], s = c->kind == CELL_FA ? map[c->in[2]] : NET_0;
    to->current_scope = c->scope;
    if (sum_alive) {
        map[c->out[0]] = netlist_xor(to, netlist_xor(to, a, b), s);
    } else {   /* one cell a statement: C leaves the order of arguments open */
        net both = netlist_and(to, a, b), any = netlist_or(to, a, b);
        net passed = netlist_and(to, s, any);   /* 0 in a half adder */
        map[c->out[1]] = netlist_or(to, both, passed);
    }
    to->current_scope = 0;
}

static bool sweep_once(struct netlist *nl, const bool *live, net *map)
{
    struct netlist *to = netlist_rewrite_begin(nl, map);
    if (!to)
        return false;
    for (size_t i = 0; i < nl->cells; i++) {
        const struct cell *c = &nl->cell[i];
        if (cell_outputs(c->kind) == 1 ? live[c->out[0]] : live[c->out[0]] && live[c->out[1]])
            netlist_rewrite_cell(to, c, map);
        else if (cell_outputs(c->kind) == 2 && (live[c->out[0]] || live[c->out[1]]))
            rewrite_half_dead_adder(to, c, map, live[c->out[0]]);
    }
    netlist_rewrite_end(to, nl, map);
    if (to->failed) {
        netlist_free(to);
        return false;
    }
    struct netlist old = *nl;
    *nl = *to;
    nl->current_scope = old.current_scope;
    release(&old);
    free(to);
    return true;
}

enum axm_status netlist_sweep(struct netlist *nl)
{
    enum axm_status st = netlist_check(nl);
    if (st)
        return st;
    /* Every pass leaves fewer cells or fewer adder cells, so this ends. */
    for (;;) {
        bool *live = malloc(nl->nets * sizeof *live);
        net *map = malloc(nl->nets * sizeof *map);
        bool ok = live && map;
        size_t not_whole = ok ? mark_live(nl, live) : 0;
        if (not_whole)
            ok = sweep_once(nl, live, map);
        free(live);
        free(map);
        if (!ok)
            return fail(AXM_ENV, "%s: out of memory while sweeping %zu cells", nl->name, nl->cells);
        if (!not_whole)
            return AXM_OK;
    }
}

/* --- copies -------------------------------------------------------------------- */

static void *copy_array(const void *src, size_t n, size_t size)
{
    void *p = malloc(n ? n * size : 1);
    if (p && n)
        memcpy(p, src, n * size);
    return p;
}

/* Arrays as they are, right or wrong: copies must carry faults along. */
struct netlist *netlist_copy(const struct netlist *nl)
{
    struct netlist *to = netlist_new(nl->name);
    if (!to)
        return NULL;
    free(to->driver);
    to->cell = copy_array(nl->cell, nl->cells, sizeof *nl->cell);
    to->driver = copy_array(nl->driver, nl->nets, sizeof *nl->driver);
    to->port = copy_array(nl->port, nl->ports, sizeof *nl->port);
    if (!to->cell || !to->driver || !to->port || !copy_scopes(to, nl)) {
        netlist_free(to);
        return NULL;
    }
    netlist_set_origin(to, nl->origin);
    for (size_t i = 0; i < nl->ports; i++)
        to->port[i].name = keep_name(to, nl->port[i].name);
    to->cells = to->cell_cap = nl->cells;
    to->nets = to->net_cap = nl->nets;
    to->ports = to->port_cap = nl->ports;
    to->current_scope = nl->current_scope;
    to->failed |= nl->failed;
    return to;
}

struct netlist *netlist_copy_altered(const struct netlist *nl, size_t cell, enum cell_kind kind,
                                     const net in[3])
{
    assert(cell < nl->cells && kind < CELL_KINDS);
    struct netlist *to = netlist_copy(nl);
    if (!to)
        return NULL;
    struct cell *c = &to->cell[cell];
    c->kind = (uint8_t)kind;
    for (int k = 0; k < 3; k++)
        c->in[k] = k < kinds[kind].inputs ? in[k] : (net)NET_0;
    return to;
}

/* --- checking -------------------------------------------------------------------- */

static bool is_identifier(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_' || *s == '$')
        s++;
    return !*s;
}

static enum axm_status check_ports(const struct netlist *nl, bool *driven)
{
    for (size_t i = 0; i < nl->ports; i++) {
        const struct port *p = &nl->port[i];
        if (!is_identifier(p->name))
            return fail(AXM_USAGE, "%s: port name must be a Verilog identifier, got \"%s\"",
                        nl->name, p->name);
        if (netlist_find_port(nl, p->name) != p)
            return fail(AXM_USAGE, "%s: port names must differ, got %s twice", nl->name, p->name);
        if (p->bus.n < 1 || p->bus.n > BUS_MAX)
            return fail(AXM_USAGE, "%s: port %s must have 1..%d bits, got %d", nl->name, p->name,
                        BUS_MAX, p->bus.n);
        for (int k = 0; k < p->bus.n; k++) {
            net n = p->bus.bit[k];
            if (n >= nl->nets)
                return fail(AXM_USAGE, "%s: port %s bit %d must be a net below %zu, got %u",
                            nl->name, p->name, k, nl->nets, n);
            if (p->is_output)
                continue;
            if (driven[n] || nl->driver[n] >= 0)
                return fail(AXM_USAGE, "%s: input %s bit %d: net %u has another driver", nl->name,
                            p->name, k, n);
            driven[n] = true;
        }
    }
    return AXM_OK;
}

static enum axm_status check_cells(const struct netlist *nl, bool *driven)
{
    for (size_t i = 0; i < nl->cells; i++) {
        const struct cell *c = &nl->cell[i];
        if (c->kind >= CELL_KINDS || c->scope >= nl->scopes)
            return fail(AXM_USAGE, "%s: cell %zu must have a kind below %d and a scope below %zu, "
                        "got %u and %u", nl->name, i, CELL_KINDS, nl->scopes, c->kind, c->scope);
        for (int k = 0; k < 3; k++) {
            net n = c->in[k];
            if (n >= nl->nets)
                return fail(AXM_USAGE, "%s: cell %zu (%s) must read nets below %zu, got %u",
                            nl->name, i, kinds[c->kind].name, nl->nets, n);
            if (!driven[n])
                return fail(AXM_USAGE, "%s: cell %zu (%s) reads net %u, which no earlier cell makes",
                            nl->name, i, kinds[c->kind].name, n);
        }
        for (int k = 0; k < kinds[c->kind].outputs; k++) {
            net n = c->out[k];
            if (n >= nl->nets || driven[n] || nl->driver[n] != (long)i)
                return fail(AXM_USAGE, "%s: cell %zu (%s): output %d must be a net of its own, got %u",
                            nl->name, i, kinds[c->kind].name, k, n);
            driven[n] = true;
        }
    }
    for (net n = 0; n < nl->nets; n++)
        if (!driven[n])
            return fail(AXM_USAGE, "%s: net %u has no driver", nl->name, n);
    return AXM_OK;
}

/* Cells come scope by scope, like brackets: once left for a scope outside, a
 * scope gets no more cells.  So what feeds a scope is made before it, and the
 * scopes form a directed acyclic graph. */
static enum axm_status check_scopes(const struct netlist *nl, bool *closed)
{
    for (size_t i = 1; i < nl->scopes; i++)
        if (nl->scope[i].parent < 0 || (size_t)nl->scope[i].parent >= i
            || !is_identifier(nl->scope[i].name))
            return fail(AXM_USAGE, "%s: scope %zu must have a parent before it and an identifier, "
                        "got %d and \"%s\"", nl->name, i, nl->scope[i].parent, nl->scope[i].name);
    for (size_t i = 1; i < nl->cells; i++) {
        int from = nl->cell[i - 1].scope, to = nl->cell[i].scope;
        while (from != to) {
            int *up = from > to ? &from : &to;
            if (up == &from)
                closed[from] = true;
            else if (closed[to])
                return fail(AXM_USAGE, "%s: cell %zu: scope %s was left before and must get no more "
                            "cells", nl->name, i, nl->scope[to].name);
            *up = nl->scope[*up].parent;
        }
    }
    return AXM_OK;
}

enum axm_status netlist_check(const struct netlist *nl)
{
    if (!is_identifier(nl->name))
        return fail(AXM_USAGE, "netlist name must be a Verilog identifier, got \"%s\"", nl->name);
    bool *driven = calloc(nl->nets + nl->scopes, sizeof *driven);
    if (nl->failed || !driven) {
        free(driven);
        return fail(AXM_ENV, "%s: out of memory while building (or more than %d scopes)", nl->name,
                    UINT16_MAX + 1);
    }
    driven[NET_0] = driven[NET_1] = true;
    enum axm_status st = check_ports(nl, driven);
    if (!st)
        st = check_cells(nl, driven);
    if (!st)
        st = check_scopes(nl, driven + nl->nets);
    free(driven);
    return st;
}

/* --- measuring ----------------------------------------------------------------- */

void netlist_measure(const struct netlist *nl, struct netlist_stats *out)
{
    *out = (struct netlist_stats){ .cells = nl->cells };
    int *level = calloc(nl->nets, sizeof *level);
    assert(level);
    for (size_t i = 0; i < nl->cells; i++) {
        const struct cell *c = &nl->cell[i];
        out->count[c->kind]++;
        int at = 0;
        for (int k = 0; k < kinds[c->kind].inputs && c->kind != CELL_DFF; k++)
            if (level[c->in[k]] > at)
                at = level[c->in[k]];
        at += kinds[c->kind].levels;
        for (int k = 0; k < kinds[c->kind].outputs; k++)
            level[c->out[k]] = at;
        if (at > out->levels)
            out->levels = at;
    }
    free(level);
}

/* Registers seen so far on the way to a net: a count, or one of these. */
enum { ANY_LATENCY = -1, LATENCIES_DIFFER = -2 };

static int join_latency(int a, int b)
{
    if (a == ANY_LATENCY || a == b)
        return b;
    return b == ANY_LATENCY ? a : LATENCIES_DIFFER;
}

int netlist_latency(const struct netlist *nl)
{
    int *latency = malloc(nl->nets * sizeof *latency);
    assert(latency);
    for (net n = 0; n < nl->nets; n++)
        latency[n] = n <= NET_1 ? ANY_LATENCY : 0;
    for (size_t i = 0; i < nl->cells; i++) {
        const struct cell *c = &nl->cell[i];
        int at = ANY_LATENCY;
        for (int k = 0; k < kinds[c->kind].inputs; k++)
            at = join_latency(at, latency[c->in[k]]);
        if (c->kind == CELL_DFF && at >= 0)
            at++;
        for (int k = 0; k < kinds[c->kind].outputs; k++)
            latency[c->out[k]] = at;
    }
    int all = ANY_LATENCY;
    for (size_t i = 0; i < nl->ports; i++)
        for (int k = 0; nl->port[i].is_output && k < nl->port[i].bus.n; k++)
            all = join_latency(all, latency[nl->port[i].bus.bit[k]]);
    free(latency);
    return all == ANY_LATENCY ? 0 : all == LATENCIES_DIFFER ? -1 : all;
}

/* --- evaluation ---------------------------------------------------------------- */

void netlist_eval64(const struct netlist *nl, const uint64_t *in, uint64_t *out)
{
    uint64_t small[4096], *v = nl->nets <= 4096 ? small : malloc(nl->nets * sizeof *v);
    if (!v)
        abort();
    v[NET_0] = 0;
    v[NET_1] = ~UINT64_C(0);
    for (size_t i = 0; i < nl->ports; i++)
        for (int k = 0; !nl->port[i].is_output && k < nl->port[i].bus.n; k++)
            v[nl->port[i].bus.bit[k]] = *in++;
    for (size_t i = 0; i < nl->cells; i++) {
        const struct cell *c = &nl->cell[i];
        uint64_t a = v[c->in[0]], b = v[c->in[1]], s = v[c->in[2]], *o = &v[c->out[0]];
        switch ((enum cell_kind)c->kind) {
        case CELL_NOT: *o = ~a; break;
        case CELL_AND: *o = a & b; break;
        case CELL_OR: *o = a | b; break;
        case CELL_XOR: *o = a ^ b; break;
        case CELL_NAND: *o = ~(a & b); break;
        case CELL_NOR: *o = ~(a | b); break;
        case CELL_XNOR: *o = ~(a ^ b); break;
        case CELL_MUX: *o = (a & ~s) | (b & s); break;
        case CELL_HA: *o = a ^ b; v[c->out[1]] = a & b; break;
        case CELL_FA: *o = a ^ b ^ s; v[c->out[1]] = (a & b) | (s & (a ^ b)); break;
        case CELL_DFF: *o = a; break;
        case CELL_KINDS: assert(!"a cell kind");
        }
    }
    for (size_t i = 0; i < nl->ports; i++)
        for (int k = 0; nl->port[i].is_output && k < nl->port[i].bus.n; k++)
            *out++ = v[nl->port[i].bus.bit[k]];
    if (v != small)
        free(v);
}
