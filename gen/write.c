#include <stdlib.h>

#include "gen/write_util.h"

void write_origin(const struct netlist *nl, const char *open, const char *close,
                  struct strbuf *out)
{
    strbuf_addf(out, "%s%s: ", open, netlist_name(nl));
    if (netlist_origin(nl)[0]) {
        strbuf_adds(out, "made by \"");
        char before = 0;
        for (const char *s = netlist_origin(nl); *s; before = *s++) {
            /* A file name in it must not end the comment. */
            if (before == '*' && *s == '/')
                strbuf_adds(out, " ");
            strbuf_add(out, (unsigned char)*s < ' ' ? " " : s, 1);
        }
        strbuf_adds(out, "\"; ");
    }
    strbuf_addf(out, "do not edit.%s\n", close);
}

enum axm_status write_begin(const struct netlist *nl, const char *open, const char *close,
                            struct strbuf *out)
{
    enum axm_status st = netlist_check(nl);
    if (!st)
        write_origin(nl, open, close, out);
    return st;
}

enum axm_status write_end(const struct netlist *nl, const struct strbuf *out)
{
    if (out->failed)
        return fail(AXM_ENV, "%s: out of memory while writing", netlist_name(nl));
    return AXM_OK;
}

void write_bit_name(const struct port *p, int bit, struct strbuf *out)
{
    strbuf_adds(out, p->name);
    if (p->bus.n > 1)
        strbuf_addf(out, "[%d]", bit);
}

bool *netlist_read_nets(const struct netlist *nl)
{
    bool *read = calloc(netlist_nets(nl), sizeof *read);
    for (size_t i = 0; read && i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        for (int k = 0; k < cell_inputs(c->kind); k++)
            read[c->in[k]] = true;
    }
    for (int p = 0; read && p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++)
            read[port->bus.bit[k]] = true;
    }
    return read;
}

bool netlist_has_registers(const struct netlist *nl)
{
    for (size_t i = 0; i < netlist_cells(nl); i++)
        if (netlist_cell(nl, i)->kind == CELL_DFF)
            return true;
    return false;
}
