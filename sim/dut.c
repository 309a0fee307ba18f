#include "sim/dut.h"

#include <assert.h>
#include <string.h>

static void set_name(char out[DUT_NAME_MAX], const char *name)
{
    assert(strlen(name) < DUT_NAME_MAX);
    strcpy(out, name);
}

enum axm_status dut_from_netlist(const struct netlist *nl, const struct verilog_opts *o,
                                 struct dut *out)
{
    struct dut d = { .latency = netlist_latency(nl) };
    struct verilog_opts opts = *o;
    opts.no_library = true;
    set_name(d.module, netlist_name(nl));
    struct netlist_stats stats;
    netlist_measure(nl, &stats);
    if (stats.count[CELL_DFF])
        set_name(d.clock, o->clock ? o->clock : "clk_i");
    for (int i = 0, inputs = 0; i < netlist_ports(nl); i++) {
        const struct port *p = netlist_port(nl, i);
        if (p->is_output) {
            set_name(d.port_p, p->name);
            d.width_p = p->bus.n;
        } else if (inputs++ == 0) {
            set_name(d.port_a, p->name);
            d.width_a = p->bus.n;
        } else if (inputs == 2) {
            set_name(d.port_b, p->name);
            d.width_b = p->bus.n;
        } else {
            assert(d.n_runtime < RUNTIME_PORTS);
            set_name(d.runtime[d.n_runtime].name, p->name);
            d.runtime[d.n_runtime++].width = p->bus.n;
        }
    }
    assert(d.width_a && d.width_b && d.width_p && d.latency >= 0);
    enum axm_status st = write_verilog(nl, &opts, &d.text);
    if (!st && d.text.failed)
        st = fail(AXM_ENV, "%s: out of memory", d.module);
    if (st) {
        dut_release(&d);
        return st;
    }
    *out = d;
    return AXM_OK;
}

void dut_release(struct dut *d)
{
    strbuf_release(&d->text);
}

int dut_runtime_bits(const struct dut *d)
{
    int bits = 0;
    for (int i = 0; i < d->n_runtime; i++)
        bits += d->runtime[i].width;
    return bits;
}

bool dut_same_shape(const struct dut *a, const struct dut *b)
{
    if (a->width_a != b->width_a || a->width_b != b->width_b || a->width_p != b->width_p ||
        a->latency != b->latency || a->n_runtime != b->n_runtime || !a->clock[0] != !b->clock[0] ||
        a->standalone != b->standalone)
        return false;
    for (int i = 0; i < a->n_runtime; i++)
        if (a->runtime[i].width != b->runtime[i].width)
            return false;
    return true;
}

void dut_write_instance(const struct dut *d, const char *instance, const char *product,
                        struct strbuf *out)
{
    strbuf_addf(out, "  %s %s (", d->module, instance);
    if (d->clock[0])
        strbuf_addf(out, ".%s(clk_i), ", d->clock);
    strbuf_addf(out, ".%s(a_i), .%s(b_i), ", d->port_a, d->port_b);
    for (int i = 0; i < d->n_runtime; i++)
        strbuf_addf(out, ".%s(r%d_i), ", d->runtime[i].name, i);
    strbuf_addf(out, ".%s(%s));\n", d->port_p, product);
}
