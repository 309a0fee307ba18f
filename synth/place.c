#include "synth/place.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/proc.h"
#include "synth/design.h"
#include "synth/scratch.h"

static const char dut[] = "axm_placed";

/* Ports as declarations, ", " between: of a black box, or connections of an instance. */
static void add_port(struct strbuf *out, const struct design_pin *p, const char *sep)
{
    strbuf_addf(out, "%s%s ", sep, p->is_output ? "output" : "input");
    if (p->width > 1)
        strbuf_addf(out, "[%d:0] ", p->width - 1);
    strbuf_adds(out, p->name);
}

static void write_harness(const struct design_module *m, struct strbuf *out)
{
    int in = 1, n_out = 1, at_in = 0, at_out = 0;
    strbuf_addf(out, "(* blackbox *) module %s (", dut);
    for (int p = 0; p < m->n_ports; p++) {
        add_port(out, &m->port[p], p ? ", " : "");
        *(m->port[p].is_output ? &n_out : &in) += m->port[p].width;
    }
    strbuf_addf(out, ");\nendmodule\n"
                "module axm_harness (input clk, input d, output reg q);\n"
                "  reg [%d:0] in_q;\n  wire [%d:0] outs;\n  reg [%d:0] out_q;\n"
                "  assign outs[%d] = 1'b0;\n"
                "  always @(posedge clk) begin\n    in_q <= {in_q[%d:0], d};\n    out_q <= outs;\n"
                "    q <= ^out_q;\n  end\n  %s u_dut (", in, n_out - 1, n_out - 1, n_out - 1, in - 1, dut);
    for (int p = 0; p < m->n_ports; p++) {
        const struct design_pin *port = &m->port[p];
        int *at = port->is_output ? &at_out : &at_in;
        if (!strcmp(port->name, "clk_i")) {
            strbuf_addf(out, "%s.clk_i(clk)", p ? ", " : "");
            continue;
        }
        strbuf_addf(out, "%s.%s(%s[%d:%d])", p ? ", " : "", port->name, port->is_output ? "outs" : "in_q",
                    *at + port->width - 1, *at);
        *at += port->width;
    }
    strbuf_adds(out, ");\nendmodule\n");
}

/* The netlist without its black boxes, and with the module under another name. */
static enum axm_status strip(const char *json, const char *full, struct strbuf *out)
{
    cJSON *root = cJSON_Parse(json), *modules = cJSON_GetObjectItem(root, "modules");
    cJSON *m = modules ? modules->child : NULL;
    while (m) {
        cJSON *next = m->next, *cell;
        if (cJSON_GetObjectItem(cJSON_GetObjectItem(m, "attributes"), "blackbox")) {
            cJSON_DetachItemViaPointer(modules, m);
            cJSON_Delete(m);
        } else {
            cJSON_ArrayForEach(cell, cJSON_GetObjectItem(m, "cells")) {
                cJSON *type = cJSON_GetObjectItem(cell, "type");
                if (cJSON_IsString(type) && !strcmp(type->valuestring, full))
                    cJSON_SetValuestring(type, dut);
            }
            if (!strcmp(m->string, full)) {
                cJSON_DetachItemViaPointer(modules, m);
                cJSON_AddItemToObject(modules, dut, m);
                if (!next)
                    break;
            }
        }
        m = next;
    }
    char *text = root ? cJSON_PrintUnformatted(root) : NULL;
    if (text)
        strbuf_adds(out, text);
    cJSON_free(text);
    cJSON_Delete(root);
    return text && !out->failed ? AXM_OK : fail(AXM_ENV, "%s: out of memory", full);
}

static enum axm_status read_report(const struct scratch *s, const char *module, struct placed *out)
{
    struct strbuf text = { 0 };
    enum axm_status st = scratch_read(s, "report.json", &text);
    cJSON *root = st == AXM_OK ? cJSON_Parse(text.s) : NULL;
    const cJSON *clock = cJSON_GetObjectItem(root, "fmax");
    const cJSON *mhz = cJSON_GetObjectItem(clock ? clock->child : NULL, "achieved");
    const cJSON *used = cJSON_GetObjectItem(
        cJSON_GetObjectItem(cJSON_GetObjectItem(root, "utilization"), "ICESTORM_LC"), "used");
    if (st == AXM_OK && (!cJSON_IsNumber(mhz) || !cJSON_IsNumber(used)))
        st = fail(AXM_ENV, "%s: nextpnr-ice40 wrote no report that can be read", module);
    if (st == AXM_OK)
        *out = (struct placed){ .max_mhz = mhz->valuedouble, .logic_cells = used->valueint };
    cJSON_Delete(root);
    strbuf_release(&text);
    return st;
}

enum axm_status ice40_need(void)
{
    return proc_have("nextpnr-ice40") ? AXM_OK
           : fail(AXM_ENV, "nextpnr-ice40: not found in PATH; install the Debian package nextpnr-ice40 (340 "
                  "MB with what it needs, so setup leaves it out)");
}

enum axm_status ice40_place(const char *const json[], int n, const char *module, uint64_t seed,
                            struct placed *out)
{
    struct scratch s = { 0 };
    struct design *d = NULL;
    struct strbuf harness = { 0 }, script = { 0 }, log = { 0 };
    char seed_text[24], file[32];
    const char *const yosys[] = { "yosys", "-q", "-s", "run.ys", NULL };
    const char *const place[] = { "nextpnr-ice40", "-q", "--hx8k", "--package", "ct256", "--json",
                                  "placed.json", "--report", "report.json", "--seed", seed_text,
                                  "--freq", "200", "--timing-allow-fail", "--pcf-allow-unconstrained", NULL };
    snprintf(seed_text, sizeof seed_text, "%d", (int)(seed & 0x7fffffff));
    enum axm_status st = ice40_need();
    if (st == AXM_OK)
        st = proc_need("yosys", "yosys");
    if (st == AXM_OK)
        st = design_read(json, n, module, &d);
    if (st == AXM_OK)
        st = file_scratch_dir(&s.dir);
    if (st == AXM_OK) {
        write_harness(&d->module[d->top], &harness);
        st = scratch_write(&s, "harness.v", &harness);
    }
    strbuf_addf(&script, "read_verilog harness.v\nsynth_ice40 -noflatten -top axm_harness\ndelete =%s\n",
                dut);
    for (int i = 0; i < n && st == AXM_OK; i++) {
        struct strbuf text = { 0 };
        snprintf(file, sizeof file, "part%d.json", i);
        st = strip(json[i], d->module[d->top].full, &text);
        if (st == AXM_OK)
            st = scratch_write(&s, file, &text);
        strbuf_addf(&script, "read_json %s\n", file);
        strbuf_release(&text);
    }
    strbuf_adds(&script, "hierarchy -top axm_harness\nflatten\nopt_clean -purge\nwrite_json placed.json\n");
    if (st == AXM_OK)
        st = scratch_write(&s, "run.ys", &script);
    if (st == AXM_OK)
        st = scratch_run(&s, yosys, &log);
    if (st == AXM_OK)
        st = scratch_run(&s, place, &log);
    if (st == AXM_OK) {
        st = read_report(&s, module, out);
        s.keep = st != AXM_OK;
    }
    scratch_end(&s);
    design_free(d);
    strbuf_release(&harness);
    strbuf_release(&script);
    strbuf_release(&log);
    return st;
}
