#include "synth/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/proc.h"
#include "gen/write.h"
#include "synth/scratch.h"

static const struct {
    const char *name;
    bool maps, keeps_adders;
    const char *script;          /* after reading; ${top} is filled in */
} modes[SYNTH_MODES] = {
    [SYNTH_ADDERS] = { "adders", true, true,
        "hierarchy -check -top ${top}\nproc\nflatten\nopt -full\ntechmap\nopt\n"
        "abc -liberty cells.lib\nopt_clean -purge\n" },
    [SYNTH_FLAT] = { "flat", true, false,
        "synth -flatten -top ${top}\nabc -liberty cells.lib\nopt_clean -purge\n" },
    [SYNTH_EXTRACT] = { "extract", true, true,
        /* synth drops modules that nothing uses yet, the adder cells too: read again */
        "synth -flatten -top ${top}\nextract_fa -fa\ntechmap -map extract.v\nopt_clean\n"
        "read_verilog -overwrite adders.v\n"
        "hierarchy -check -top ${top}\nflatten\nabc -liberty cells.lib\nopt_clean -purge\n" },
    [SYNTH_HIERARCHY] = { "hierarchy", true, true,
        "hierarchy -check -top ${top}\nproc\nopt -full\ntechmap\nopt\n"
        "abc -liberty cells.lib\nflatten\nopt_clean -purge\n" },
    [SYNTH_GENERIC] = { "generic", false, false, "synth -flatten -top ${top}\nopt_clean -purge\n" },
    [SYNTH_ICE40] = { "ice40", false, false,
        "synth_ice40 -noflatten -top ${top}\nflatten\nopt_clean -purge\n" },
    [SYNTH_XILINX] = { "xilinx", false, false,
        "synth_xilinx -flatten -noiopad -noclkbuf -top ${top}\nopt_clean -purge\n" },
};

const char *synth_mode_name(enum synth_mode m)
{
    return modes[m].name;
}

bool synth_mode_maps(enum synth_mode m)
{
    return modes[m].maps;
}

enum axm_status synth_mode_parse(const char *name, enum synth_mode *out)
{
    for (int m = 0; m < SYNTH_MODES; m++)
        if (!strcmp(modes[m].name, name)) {
            *out = (enum synth_mode)m;
            return AXM_OK;
        }
    return fail(AXM_USAGE, "no synthesis mode \"%s\"; modes are adders, flat, extract, hierarchy, "
                "generic, ice40, xilinx", name);
}

/* --- Yosys ------------------------------------------------------------------- */

static const char *output_name(const struct lib_cell *c, int o)
{
    return c->output[o].name;
}

enum axm_status yosys_check_gates(const struct liberty *lib)
{
    static const uint64_t and_like[] = { 0x8, 0x7, 0xe, 0x1, 0x2, 0xb };   /* of a, b or their complements */
    bool has_and = false;
    for (size_t i = 0; i < sizeof and_like / sizeof and_like[0]; i++)
        has_and |= liberty_by_function(lib, 2, and_like[i]) != NULL;
    const char *missing = !liberty_by_function(lib, 1, 0x1) ? "inverter"
                          : !liberty_by_function(lib, 1, 0x2) ? "buffer"
                          : !has_and ? "two-input AND, NAND, OR or NOR" : NULL;
    return missing ? fail(AXM_USAGE, "%s: no %s cell, which ABC needs", lib->path, missing) : AXM_OK;
}

enum axm_status yosys_adder_modules(const struct liberty *lib, struct strbuf *out)
{
    struct lib_adder fa, ha;
    if (!liberty_full_adder(lib, &fa))
        return fail(AXM_USAGE, "%s: no full adder cell (3 inputs; their XOR and their majority as outputs); "
                    "use --mode flat", lib->path);
    if (!liberty_half_adder(lib, &ha))
        return fail(AXM_USAGE, "%s: no half adder cell (2 inputs; their XOR and their AND as outputs); "
                    "use --mode flat", lib->path);
    strbuf_addf(out,
                "module axm_fa (input a_i, input b_i, input c_i, output s_o, output co_o);\n"
                "  %s u (.%s(a_i), .%s(b_i), .%s(c_i), .%s(s_o), .%s(co_o));\nendmodule\n",
                fa.cell->name, fa.cell->input[0].name, fa.cell->input[1].name, fa.cell->input[2].name,
                output_name(fa.cell, fa.sum), output_name(fa.cell, fa.carry));
    strbuf_addf(out,
                "module axm_ha (input a_i, input b_i, output s_o, output co_o);\n"
                "  %s u (.%s(a_i), .%s(b_i), .%s(s_o), .%s(co_o));\nendmodule\n",
                ha.cell->name, ha.cell->input[0].name, ha.cell->input[1].name,
                output_name(ha.cell, ha.sum), output_name(ha.cell, ha.carry));
    return AXM_OK;
}

/* Yosys's $fa as axm_fa, one per bit: A, B, C in, X carry, Y sum. */
const char yosys_fa_map[] =
    "module \\$fa (A, B, C, X, Y);\n"
    "  parameter WIDTH = 1;\n"
    "  input [WIDTH-1:0] A, B, C;\n  output [WIDTH-1:0] X, Y;\n"
    "  genvar i;\n"
    "  generate for (i = 0; i < WIDTH; i = i + 1) begin : bit\n"
    "    axm_fa fa (.a_i(A[i]), .b_i(B[i]), .c_i(C[i]), .s_o(Y[i]), .co_o(X[i]));\n"
    "  end endgenerate\nendmodule\n";

static void add_filled(struct strbuf *out, const char *script, const char *top)
{
    for (const char *s = script; *s;) {
        if (!strncmp(s, "${top}", 6)) {
            strbuf_adds(out, top);
            s += 6;
        } else {
            strbuf_add(out, s++, 1);
        }
    }
}

static enum axm_status write_inputs(const struct scratch *s, const char *verilog, const char *top,
                                    const struct synth_opts *o)
{
    struct strbuf design = { 0 }, adders = { 0 }, map = { 0 }, script = { 0 };
    enum axm_status st = AXM_OK;
    strbuf_adds(&design, verilog);
    strbuf_adds(&map, yosys_fa_map);
    if (!modes[o->mode].keeps_adders)
        write_verilog_library(&adders);
    else
        st = yosys_adder_modules(o->lib, &adders);
    if (modes[o->mode].maps) {
        strbuf_adds(&script, "read_liberty -lib cells.lib\n");
        if (st == AXM_OK)
            st = yosys_check_gates(o->lib);
        if (st == AXM_OK)
            st = scratch_link_library(s, o->lib);
    }
    strbuf_adds(&script, "read_verilog adders.v design.v\n");
    add_filled(&script, modes[o->mode].script, top);
    strbuf_adds(&script, "write_json out.json\n");
    if (st == AXM_OK)
        st = scratch_write(s, "design.v", &design);
    if (st == AXM_OK)
        st = scratch_write(s, "adders.v", &adders);
    if (st == AXM_OK)
        st = scratch_write(s, "extract.v", &map);
    if (st == AXM_OK)
        st = scratch_write(s, "run.ys", &script);
    strbuf_release(&design);
    strbuf_release(&adders);
    strbuf_release(&map);
    strbuf_release(&script);
    return st;
}

static int by_type(const void *a, const void *b)
{
    return strcmp(((const struct synth_count *)a)->type, ((const struct synth_count *)b)->type);
}

/* Cell types of the top module in the JSON. */
static enum axm_status count_cells(const char *json, const char *top, struct synth_result *out)
{
    cJSON *root = cJSON_Parse(json);
    const cJSON *cells =
        cJSON_GetObjectItem(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItem(root, "modules"), top),
                            "cells");
    const cJSON *c;
    enum axm_status st = AXM_OK;
    out->count = calloc((size_t)cJSON_GetArraySize(cells) + 1, sizeof *out->count);
    if (!root || !out->count)
        st = fail(AXM_ENV, "%s: Yosys wrote no readable netlist, or memory ran out", top);
    if (st != AXM_OK)
        cells = NULL;
    cJSON_ArrayForEach(c, cells) {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(c, "type"));
        int i = 0;
        if (!type || !strcmp(type, "$scopeinfo"))
            continue;
        while (i < out->n_counts && strncmp(out->count[i].type, type, sizeof out->count[i].type - 1))
            i++;
        if (i == out->n_counts)
            snprintf(out->count[out->n_counts++].type, sizeof out->count[i].type, "%s", type);
        out->count[i].n++;
        out->cells++;
    }
    if (out->count)
        qsort(out->count, (size_t)out->n_counts, sizeof *out->count, by_type);
    cJSON_Delete(root);
    return st;
}

enum axm_status synth_run(const char *verilog, const char *top, const struct synth_opts *o,
                          struct synth_result *out)
{
    struct scratch s = { 0 };
    struct strbuf json = { 0 }, log = { 0 };
    struct synth_result r = { 0 };
    const char *const argv[] = { "yosys", "-q", "-s", "run.ys", NULL };
    enum axm_status st = proc_need("yosys", "yosys");
    if (st == AXM_OK)
        st = file_scratch_dir(&s.dir);
    if (st == AXM_OK)
        st = write_inputs(&s, verilog, top, o);
    if (st == AXM_OK)
        st = scratch_run(&s, argv, &log);
    if (st == AXM_OK)
        st = scratch_read(&s, "out.json", &json);
    if (st == AXM_OK)
        st = count_cells(json.s, top, &r);
    if (st == AXM_OK && modes[o->mode].maps)
        st = mapped_read_json(json.s, top, o->lib, &o->mapped, &r.mapped);
    scratch_end(&s);
    strbuf_release(&json);
    strbuf_release(&log);
    if (st == AXM_OK)
        *out = r;
    else
        synth_release(&r);
    return st;
}

void synth_release(struct synth_result *r)
{
    mapped_free(r->mapped);
    free(r->count);
    *r = (struct synth_result){ 0 };
}

/* --- the mapped netlist as Verilog ------------------------------------------------ */

/* Name of a net: an input port's bit, else n<number>. */
struct net_names {
    const struct mapped_port **port;
    int *bit;
};

static void add_net(struct strbuf *out, const struct net_names *names, uint32_t net)
{
    if (net < 2)
        strbuf_addf(out, "1'b%u", net);
    else if (!names->port[net])
        strbuf_addf(out, "n%u", net);
    else if (names->port[net]->width > 1)
        strbuf_addf(out, "%s[%d]", names->port[net]->name, names->bit[net]);
    else
        strbuf_adds(out, names->port[net]->name);
}

void mapped_write_verilog(const struct mapped *m, const char *name, struct strbuf *out)
{
    struct net_names names = {
        .port = calloc((size_t)m->n_nets, sizeof *names.port),
        .bit = calloc((size_t)m->n_nets, sizeof *names.bit),
    };
    if (!names.port || !names.bit) {
        out->failed = true;
        goto out;
    }
    strbuf_addf(out, "module %s (", name);
    for (int p = 0; p < m->n_ports; p++)
        strbuf_addf(out, "%s%s", p ? ", " : "", m->port[p].name);
    strbuf_adds(out, ");\n");
    for (int p = 0; p < m->n_ports; p++) {
        const struct mapped_port *port = &m->port[p];
        strbuf_adds(out, port->is_output ? "  output " : "  input ");
        if (port->width > 1)
            strbuf_addf(out, "[%d:0] ", port->width - 1);
        strbuf_addf(out, "%s;\n", port->name);
        for (int i = 0; i < port->width && !port->is_output; i++) {
            names.port[port->net[i]] = port;
            names.bit[port->net[i]] = i;
        }
    }
    for (int i = 0; i < m->n_cells; i++)
        for (int o = 0; o < m->cell[i].lib->n_out; o++)
            strbuf_addf(out, "  wire n%u;\n", m->cell[i].out[o]);
    for (int i = 0; i < m->n_cells; i++) {
        const struct mapped_cell *c = &m->cell[i];
        strbuf_addf(out, "  %s u%d (", c->lib->name, i);
        for (int k = 0; k < c->lib->n_in; k++) {
            strbuf_addf(out, ".%s(", c->lib->input[k].name);
            add_net(out, &names, c->in[k]);
            strbuf_adds(out, "), ");
        }
        for (int o = 0; o < c->lib->n_out; o++)
            strbuf_addf(out, "%s.%s(n%u)", o ? ", " : "", output_name(c->lib, o), c->out[o]);
        strbuf_adds(out, ");\n");
    }
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width && m->port[p].is_output; i++) {
            strbuf_addf(out, "  assign %s", m->port[p].name);
            if (m->port[p].width > 1)
                strbuf_addf(out, "[%d]", i);
            strbuf_adds(out, " = ");
            add_net(out, &names, m->port[p].net[i]);
            strbuf_adds(out, ";\n");
        }
    strbuf_adds(out, "endmodule\n");
out:
    free(names.port);
    free(names.bit);
}

/* --- OpenSTA ----------------------------------------------------------------- */

/* Lines of the report's path: "... 0.3985 ^ u1/YS (FAX1)". */
static enum axm_status parse_path(const char *report, const char *name, struct timing *t)
{
    int lines = 1;
    bool arrived = false;
    for (const char *s = report; *s; s++)
        lines += *s == '\n';
    t->point = calloc((size_t)lines, sizeof *t->point);
    if (!t->point)
        return fail(AXM_ENV, "%s: out of memory", name);
    for (const char *line = report; line && *line && !arrived;) {
        const char *next = strchr(line, '\n');
        struct timing_point p = { 0 };
        char edge, pin[96];
        size_t len = next ? (size_t)(next - line) : strlen(line);
        char text[256];
        snprintf(text, sizeof text, "%.*s", (int)(len < 255 ? len : 255), line);
        double delay;
        if (strstr(text, "data arrival time")) {
            arrived = sscanf(text, "%lf", &t->delay_ns) == 1;
        } else if (sscanf(text, "%lf %lf %c %95s (%47[^)])", &delay, &p.at_ns, &edge, pin, p.cell) == 5 &&
                   (edge == '^' || edge == 'v') && strchr(pin, '/')) {
            p.rises = edge == '^';
            snprintf(p.instance, sizeof p.instance, "%.*s", (int)strcspn(pin, "/"), pin);
            t->point[t->n_points++] = p;
        }
        line = next ? next + 1 : NULL;
    }
    if (arrived)
        return AXM_OK;
    char said[256];
    sta_complaint(report, said, sizeof said);
    return fail(AXM_ENV, "%s: OpenSTA reported no path: %s", name, said);
}

/* True if some output depends on a cell; a netlist of wires has no path to report. */
static bool has_path(const struct mapped *m)
{
    return m->n_cells > 0;
}

enum axm_status timing_run(const struct mapped *m, const char *name, const struct mapped_opts *o,
                           struct timing *out, struct strbuf *sdf)
{
    struct scratch s = { 0 };
    struct strbuf netlist = { 0 }, script = { 0 }, report = { 0 };
    struct timing t = { 0 };
    const char *const argv[] = { "sta", "-exit", "-no_splash", "run.tcl", NULL };
    if (!has_path(m)) {
        *out = t;
        return AXM_OK;
    }
    enum axm_status st = proc_need("sta", "opensta");
    if (st == AXM_OK)
        st = file_scratch_dir(&s.dir);
    if (st == AXM_OK)
        st = scratch_link_library(&s, m->lib);
    mapped_write_verilog(m, name, &netlist);
    /* Without an input delay relative to a clock the paths are not constrained. */
    strbuf_addf(&script,
                "read_liberty cells.lib\nread_verilog design.v\nlink_design %s\n"
                "create_clock -name virtual -period 1000\n"
                "set_input_delay 0 -clock virtual [all_inputs]\n"
                "set_output_delay 0 -clock virtual [all_outputs]\n"
                "set_input_transition %.6f [all_inputs]\nset_load %.6f [all_outputs]\n"
                "report_checks -path_delay max -digits 6\nwrite_sdf -digits 6 out.sdf\n",
                name, o->input_slew_ns, o->output_load_pf);
    if (st == AXM_OK)
        st = scratch_write(&s, "design.v", &netlist);
    if (st == AXM_OK)
        st = scratch_write(&s, "run.tcl", &script);
    if (st == AXM_OK)
        st = scratch_run(&s, argv, &report);
    if (st == AXM_OK) {
        st = parse_path(report.s ? report.s : "", name, &t);
        s.keep = st != AXM_OK;
    }
    if (st == AXM_OK && sdf)
        st = scratch_read(&s, "out.sdf", sdf);
    scratch_end(&s);
    strbuf_release(&netlist);
    strbuf_release(&script);
    strbuf_release(&report);
    if (st == AXM_OK)
        *out = t;
    else
        timing_release(&t);
    return st;
}

void timing_release(struct timing *t)
{
    free(t->point);
    *t = (struct timing){ 0 };
}

enum axm_status synth_tool_versions(struct strbuf *out)
{
    const char *const yosys[] = { "yosys", "-V", NULL }, *const sta[] = { "sta", "-version", NULL };
    struct proc_opts o = { .out = out };
    enum axm_status st = proc_need("yosys", "yosys");
    if (st == AXM_OK)
        st = proc_need("sta", "opensta");
    if (st == AXM_OK)
        st = proc_run(yosys, &o);
    return st == AXM_OK ? proc_run(sta, &o) : st;
}
