#include <stdio.h>

#include "gen/write_util.h"

static void put_scope(const struct netlist *nl, int s, int depth, struct strbuf *out)
{
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        if (c->scope == s)
            strbuf_addf(out, "%*sc%zu [label=\"%s\"];\n", 2 * depth, "", i, cell_name(c->kind));
    }
    for (int t = s + 1; t < netlist_scopes(nl); t++) {
        if (netlist_scope_parent(nl, t) != s)
            continue;
        strbuf_addf(out, "%*ssubgraph cluster_%d {\n", 2 * depth, "", t);
        strbuf_addf(out, "%*slabel=\"%s\";\n", 2 * depth + 2, "", netlist_scope_name(nl, t));
        put_scope(nl, t, depth + 1, out);
        strbuf_addf(out, "%*s}\n", 2 * depth, "");
    }
}

/* The node that drives n, with the output's name on an adder's edge. */
static void put_edge(const struct netlist *nl, net n, const char *to, struct strbuf *out)
{
    long d = netlist_driver(nl, n);
    if (d >= 0) {
        const struct cell *c = netlist_cell(nl, (size_t)d);
        strbuf_addf(out, "  c%ld -> %s", d, to);
        if (cell_outputs(c->kind) == 2)
            strbuf_addf(out, " [taillabel=\"%s\"]", n == c->out[0] ? "s" : "co");
        strbuf_adds(out, ";\n");
    } else {
        strbuf_addf(out, "  n%u -> %s;\n", n, to);
    }
}

static void put_node(const struct port *p, int bit, const char *id, struct strbuf *out)
{
    strbuf_addf(out, "  %s [shape=plaintext, label=\"", id);
    write_bit_name(p, bit, out);
    strbuf_adds(out, "\"];\n");
}

enum axm_status write_dot(const struct netlist *nl, struct strbuf *out)
{
    enum axm_status st = write_begin(nl, "// ", "", out);
    if (st)
        return st;
    strbuf_addf(out, "digraph \"%s\" {\n  rankdir=LR;\n  node [shape=box];\n", netlist_name(nl));
    strbuf_addf(out, "  n%d [shape=plaintext, label=\"0\"];\n", NET_0);
    strbuf_addf(out, "  n%d [shape=plaintext, label=\"1\"];\n", NET_1);
    char id[32];
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; k < port->bus.n; k++) {
            if (port->is_output)
                snprintf(id, sizeof id, "o%d_%d", p, k);
            else
                snprintf(id, sizeof id, "n%u", port->bus.bit[k]);
            put_node(port, k, id, out);
        }
    }
    put_scope(nl, 0, 1, out);
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        snprintf(id, sizeof id, "c%zu", i);
        for (int k = 0; k < cell_inputs(c->kind); k++)
            put_edge(nl, c->in[k], id, out);
    }
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++) {
            snprintf(id, sizeof id, "o%d_%d", p, k);
            put_edge(nl, port->bus.bit[k], id, out);
        }
    }
    strbuf_adds(out, "}\n");
    return write_end(nl, out);
}
