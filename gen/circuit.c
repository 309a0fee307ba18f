#include "gen/circuit.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "gen/build.h"
#include "gen/write.h"

static const char *const endings[AXM_CIRCUIT_FORMATS] = { "v", "blif", "aig", "dot", "c" };

const char *axm_circuit_ending(enum axm_circuit_format f)
{
    return endings[f];
}

int axm_circuit_format_of(const char *ending)
{
    for (int f = 0; f < AXM_CIRCUIT_FORMATS; f++)
        if (!strcmp(endings[f], ending))
            return f;
    return -1;
}

/* "axmul gen SPEC" with the options that make this circuit. */
static enum axm_status set_origin(struct netlist *nl, const struct axm_spec *spec,
                                  const struct axm_circuit_opts *o)
{
    char name[AXM_SPEC_MAX];
    struct strbuf text = { 0 };
    axm_spec_print_circuit(spec, name);
    strbuf_addf(&text, "axmul gen %s%s%s%s", name, o->flat ? " --flat" : "",
                o->register_inputs ? " --register-inputs" : "",
                o->register_outputs ? " --register-outputs" : "");
    if (o->pipeline_stages)
        strbuf_addf(&text, " --pipeline %d", o->pipeline_stages);
    enum axm_status st = text.failed ? fail(AXM_ENV, "%s: out of memory", name) : AXM_OK;
    if (st == AXM_OK)
        netlist_set_origin(nl, text.s);
    strbuf_release(&text);
    return st;
}

/* The netlist of spec with its registers. */
static enum axm_status build(const struct axm_spec *spec, const struct axm_circuit_opts *o,
                             struct netlist **out)
{
    struct netlist *nl;
    enum axm_status st = mul_netlist(spec, &nl);
    if (st != AXM_OK)
        return st;
    if (o->register_inputs || o->register_outputs || o->pipeline_stages) {
        struct netlist *plain = nl;
        nl = netlist_registered(plain, o->register_inputs, o->register_outputs, o->pipeline_stages);
        netlist_free(plain);
        if (!nl)
            return fail(AXM_ENV, "pipeline: out of memory");
        st = netlist_check(nl);
    }
    if (st == AXM_OK)
        st = set_origin(nl, spec, o);
    if (st == AXM_OK)
        *out = nl;
    else
        netlist_free(nl);
    return st;
}

static enum axm_status print(const struct axm_spec *spec, enum axm_circuit_format format,
                             const struct axm_circuit_opts *opts, struct strbuf *out)
{
    static const struct axm_circuit_opts defaults;
    const struct axm_circuit_opts *o = opts ? opts : &defaults;
    struct netlist *nl = NULL;
    if (o->pipeline_stages < 0 || o->pipeline_stages > 64)
        return fail(AXM_USAGE, "pipeline stages must be 0..64, got %d", o->pipeline_stages);
    enum axm_status st = build(spec, o, &nl);
    if (st != AXM_OK)
        return st;
    switch (format) {
    case AXM_CIRCUIT_VERILOG: st = write_verilog(nl, &(struct verilog_opts){ .flat = o->flat }, out); break;
    case AXM_CIRCUIT_BLIF: st = write_blif(nl, out); break;
    case AXM_CIRCUIT_AIGER: st = write_aiger(nl, out); break;
    case AXM_CIRCUIT_DOT: st = write_dot(nl, out); break;
    default: st = write_c(nl, out); break;
    }
    netlist_free(nl);
    return st;
}

enum axm_status axm_circuit_write(const struct axm_spec *spec, enum axm_circuit_format format,
                                  const struct axm_circuit_opts *opts, const char *path)
{
    struct strbuf text = { 0 };
    enum axm_status st = print(spec, format, opts, &text);
    if (st == AXM_OK)
        st = file_write(path, text.s, text.len);
    strbuf_release(&text);
    return st;
}

enum axm_status axm_circuit_print(const struct axm_spec *spec, enum axm_circuit_format format,
                                  const struct axm_circuit_opts *opts, char **text, size_t *len)
{
    struct strbuf b = { 0 };
    enum axm_status st = print(spec, format, opts, &b);
    if (st != AXM_OK) {
        strbuf_release(&b);
        return st;
    }
    *text = b.s;   /* the buffer's memory is plain malloc */
    *len = b.len;
    return AXM_OK;
}

void axm_circuit_free(char *text)
{
    free(text);
}
