#include <stdlib.h>

#include "gen/write_util.h"

/* An and-inverter graph.  Literal 2 v + s is variable v, inverted if s; variable
 * 0 is false, then the inputs, then the AND nodes in order.  Equal nodes are one
 * (open addressing, slots hold node + 1). */
struct aig {
    uint32_t inputs, nodes, cap;
    uint32_t (*node)[2];     /* literals, the greater first */
    uint32_t *table;
    size_t slots;
    bool failed;
};

enum { LIT_FALSE = 0, LIT_TRUE = 1 };

static size_t find_slot(const struct aig *g, uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    size_t mask = g->slots - 1, i = (size_t)(h >> 24) & mask;
    for (; g->table[i]; i = (i + 1) & mask)
        if (g->node[g->table[i] - 1][0] == a && g->node[g->table[i] - 1][1] == b)
            break;
    return i;
}

static uint32_t aig_and(struct aig *g, uint32_t a, uint32_t b)
{
    if (a < b) {
        uint32_t t = a;
        a = b;
        b = t;
    }
    if (b == LIT_FALSE || a == (b ^ 1))
        return LIT_FALSE;
    if (b == LIT_TRUE || a == b)
        return a;
    size_t slot = find_slot(g, a, b);
    if (!g->table[slot]) {
        if (g->nodes == g->cap) {   /* aig_new() made room for every cell */
            g->failed = true;
            return LIT_FALSE;
        }
        g->node[g->nodes][0] = a;
        g->node[g->nodes][1] = b;
        g->table[slot] = ++g->nodes;
    }
    return 2 * (g->inputs + g->table[slot]);
}

static uint32_t aig_or(struct aig *g, uint32_t a, uint32_t b)
{
    return aig_and(g, a ^ 1, b ^ 1) ^ 1;
}

/* Shares a & b with the carry of an adder.  Here and below one node a
 * statement: C leaves the order of arguments open, and nodes are numbered. */
static uint32_t aig_xor(struct aig *g, uint32_t a, uint32_t b)
{
    uint32_t both = aig_and(g, a, b), any = aig_or(g, a, b);
    return aig_and(g, both ^ 1, any);
}

static uint32_t aig_mux(struct aig *g, uint32_t sel, uint32_t when0, uint32_t when1)
{
    uint32_t take0 = aig_and(g, sel ^ 1, when0), take1 = aig_and(g, sel, when1);
    return aig_or(g, take0, take1);
}

/* A half adder is a full adder with c false. */
static void aig_adder(struct aig *g, uint32_t a, uint32_t b, uint32_t c, uint32_t *sum,
                      uint32_t *carry)
{
    uint32_t half = aig_xor(g, a, b), generated = aig_and(g, a, b);
    uint32_t passed = aig_and(g, half, c);
    *sum = aig_xor(g, half, c);
    *carry = aig_or(g, generated, passed);
}

static void add_cell(struct aig *g, const struct cell *c, uint32_t *lit)
{
    uint32_t a = lit[c->in[0]], b = lit[c->in[1]], s = lit[c->in[2]], *o = &lit[c->out[0]];
    switch ((enum cell_kind)c->kind) {
    case CELL_NOT: *o = a ^ 1; break;
    case CELL_AND: *o = aig_and(g, a, b); break;
    case CELL_OR: *o = aig_or(g, a, b); break;
    case CELL_XOR: *o = aig_xor(g, a, b); break;
    case CELL_NAND: *o = aig_and(g, a, b) ^ 1; break;
    case CELL_NOR: *o = aig_or(g, a, b) ^ 1; break;
    case CELL_XNOR: *o = aig_xor(g, a, b) ^ 1; break;
    case CELL_MUX: *o = aig_mux(g, s, a, b); break;
    case CELL_HA:
    case CELL_FA: aig_adder(g, a, b, s, o, &lit[c->out[1]]); break;
    case CELL_DFF:
    case CELL_KINDS: g->failed = true;
    }
}

static bool aig_new(struct aig *g, const struct netlist *nl)
{
    enum { MOST_NODES_A_CELL = 7 };
    *g = (struct aig){ .cap = (uint32_t)(MOST_NODES_A_CELL * netlist_cells(nl) + 1), .slots = 64 };
    while (g->slots < 2 * (size_t)g->cap)
        g->slots *= 2;
    g->node = malloc(g->cap * sizeof *g->node);
    g->table = calloc(g->slots, sizeof *g->table);
    return g->node && g->table;
}

static void put_delta(struct strbuf *out, uint32_t x)
{
    unsigned char bytes[5];
    size_t n = 0;
    for (; x >= 0x80; x >>= 7)
        bytes[n++] = (unsigned char)(x | 0x80);
    bytes[n++] = (unsigned char)x;
    strbuf_add(out, bytes, n);
}

static void put_symbols(const struct netlist *nl, char letter, bool outputs, struct strbuf *out)
{
    int i = 0;
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; port->is_output == outputs && k < port->bus.n; k++) {
            strbuf_addf(out, "%c%d ", letter, i++);
            write_bit_name(port, k, out);
            strbuf_adds(out, "\n");
        }
    }
}

static void put_aig(const struct aig *g, const struct netlist *nl, const uint32_t *lit,
                    struct strbuf *out)
{
    int outputs = 0;
    for (int p = 0; p < netlist_ports(nl); p++)
        outputs += netlist_port(nl, p)->is_output ? netlist_port(nl, p)->bus.n : 0;
    strbuf_addf(out, "aig %u %u 0 %d %u\n", g->inputs + g->nodes, g->inputs, outputs, g->nodes);
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++)
            strbuf_addf(out, "%u\n", lit[port->bus.bit[k]]);
    }
    for (uint32_t i = 0; i < g->nodes; i++) {
        put_delta(out, 2 * (g->inputs + i + 1) - g->node[i][0]);
        put_delta(out, g->node[i][0] - g->node[i][1]);
    }
    put_symbols(nl, 'i', false, out);
    put_symbols(nl, 'o', true, out);
    strbuf_adds(out, "c\n");
    write_origin(nl, "", "", out);
}

enum axm_status write_aiger(const struct netlist *nl, struct strbuf *out)
{
    enum axm_status st = netlist_check(nl);
    if (st)
        return st;
    if (netlist_has_registers(nl))
        return fail(AXM_USAGE, "%s: AIGER must be combinational, got registers", netlist_name(nl));
    struct aig g;
    uint32_t *lit = calloc(netlist_nets(nl), sizeof *lit);
    if (!aig_new(&g, nl) || !lit) {
        st = fail(AXM_ENV, "%s: out of memory while writing AIGER", netlist_name(nl));
    } else {
        lit[NET_1] = LIT_TRUE;
        for (int p = 0; p < netlist_ports(nl); p++) {
            const struct port *port = netlist_port(nl, p);
            for (int k = 0; !port->is_output && k < port->bus.n; k++)
                lit[port->bus.bit[k]] = 2 * ++g.inputs;
        }
        for (size_t i = 0; i < netlist_cells(nl); i++)
            add_cell(&g, netlist_cell(nl, i), lit);
        out->failed |= g.failed;
        put_aig(&g, nl, lit, out);
        st = write_end(nl, out);
    }
    free(lit);
    free(g.node);
    free(g.table);
    return st;
}
