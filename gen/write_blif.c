#include "gen/write_util.h"

/* Nets that are not ports are named $n7, which no port can be called. */
struct blif {
    const struct netlist *nl;
    struct strbuf *out;
};

static void put_net(const struct blif *w, net n)
{
    if (netlist_driver(w->nl, n) >= 0 || n <= NET_1) {
        strbuf_addf(w->out, "$n%u", n);
        return;
    }
    for (int p = 0;; p++) {   /* inputs of a port are consecutive nets */
        const struct port *port = netlist_port(w->nl, p);
        if (!port->is_output && n >= port->bus.bit[0] && n - port->bus.bit[0] < (net)port->bus.n) {
            write_bit_name(port, (int)(n - port->bus.bit[0]), w->out);
            return;
        }
    }
}

static void put_port_names(const struct blif *w, const char *keyword, bool outputs)
{
    for (int p = 0; p < netlist_ports(w->nl); p++) {
        const struct port *port = netlist_port(w->nl, p);
        if (port->is_output != outputs)
            continue;
        strbuf_adds(w->out, keyword);
        for (int k = 0; k < port->bus.n; k++) {
            if (k > 0 && k % 8 == 0)
                strbuf_adds(w->out, " \\\n ");
            strbuf_adds(w->out, " ");
            write_bit_name(port, k, w->out);
        }
        strbuf_adds(w->out, "\n");
    }
}

/* A truth table: the inputs of c, output `o`, and the rows where it is 1. */
static void put_table(const struct blif *w, const struct cell *c, int o, const char *rows)
{
    strbuf_adds(w->out, ".names ");
    for (int k = 0; k < cell_inputs(c->kind); k++) {
        put_net(w, c->in[k]);
        strbuf_adds(w->out, " ");
    }
    strbuf_addf(w->out, "$n%u\n%s", c->out[o], rows);
}

static void put_cell(const struct blif *w, const struct cell *c)
{
    static const char *const rows[CELL_KINDS][2] = {
        [CELL_NOT] = { "0 1\n" },
        [CELL_AND] = { "11 1\n" },
        [CELL_OR] = { "1- 1\n-1 1\n" },
        [CELL_XOR] = { "10 1\n01 1\n" },
        [CELL_NAND] = { "0- 1\n-0 1\n" },
        [CELL_NOR] = { "00 1\n" },
        [CELL_XNOR] = { "00 1\n11 1\n" },
        [CELL_MUX] = { "1-0 1\n-11 1\n" },
        [CELL_HA] = { "10 1\n01 1\n", "11 1\n" },
        [CELL_FA] = { "100 1\n010 1\n001 1\n111 1\n", "11- 1\n1-1 1\n-11 1\n" },
    };
    if (c->kind == CELL_DFF) {
        strbuf_adds(w->out, ".latch ");
        put_net(w, c->in[0]);
        strbuf_addf(w->out, " $n%u re clk_i 2\n", c->out[0]);
        return;
    }
    for (int o = 0; o < cell_outputs(c->kind); o++)
        put_table(w, c, o, rows[c->kind][o]);
}

enum axm_status write_blif(const struct netlist *nl, struct strbuf *out)
{
    struct blif w = { nl, out };
    bool clocked = netlist_has_registers(nl);
    enum axm_status st = write_begin(nl, "# ", "", out);
    if (st)
        return st;
    if (clocked && netlist_find_port(nl, "clk_i"))
        return fail(AXM_USAGE, "%s: in BLIF clk_i is the clock, got a port of that name",
                    netlist_name(nl));
    strbuf_addf(out, ".model %s\n", netlist_name(nl));
    if (clocked)
        strbuf_adds(out, ".inputs clk_i\n");
    put_port_names(&w, ".inputs", false);
    put_port_names(&w, ".outputs", true);
    strbuf_addf(out, ".names $n%d\n.names $n%d\n1\n", NET_0, NET_1);
    for (size_t i = 0; i < netlist_cells(nl); i++)
        put_cell(&w, netlist_cell(nl, i));
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++) {
            strbuf_adds(out, ".names ");
            put_net(&w, port->bus.bit[k]);
            strbuf_adds(out, " ");
            write_bit_name(port, k, out);
            strbuf_adds(out, "\n1 1\n");
        }
    }
    strbuf_adds(out, ".end\n");
    return write_end(nl, out);
}
