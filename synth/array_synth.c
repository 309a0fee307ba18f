#include "synth/array_synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "gen/write.h"
#include "synth/characterise.h"
#include "synth/design.h"
#include "synth/place.h"
#include "synth/scratch.h"

/* --- parts --------------------------------------------------------------------------- */

static const struct {
    const char *module, *what;
    bool in_pe;
} kinds[] = {
    { "mul_unit", "which operand is the weight", true },
    { "pe_ws", "adder and registers of the cells", true },
    { "pe_os", "adder and registers of the cells", true },
    { "delay_line", "skew and de-skew", false },
    { "array_ws", "row sums and input registers", false },
    { "array_os", "row sums and input registers", false },
    { "acc_bank", "accumulators without their memory", false },
    { "requantize", "requantizers", false },
    { "sync_fifo", "FIFO of result rows", false },
    { "out_stage", "output stage", false },
    { "pool", "pooling", false },
    { "pool_regs", "registers of the pooling", false },
    { "ctrl_ws", "control", false },
    { "ctrl_os", "control", false },
    { "axil_regs", "AXI4-Lite registers", false },
    { "mac_array", "parameters of the running job", false },
};
static const char buffers_what[] = "fan-out buffers";

static int kind_of(const char *module)
{
    for (int i = 0; i < (int)(sizeof kinds / sizeof kinds[0]); i++)
        if (!strcmp(kinds[i].module, module))
            return i;
    return -1;
}

static int find_part(struct array_result *r, const char *module, const char *what, bool in_pe)
{
    for (int i = 0; i < r->n_parts; i++)
        if (!strcmp(r->part[i].module, module))
            return i;
    if (r->n_parts == ARRAY_PARTS_MAX)
        return ARRAY_PARTS_MAX - 1;
    struct array_part *p = &r->part[r->n_parts];
    *p = (struct array_part){ .what = what, .in_pe = in_pe };
    snprintf(p->module, sizeof p->module, "%s", module);
    return r->n_parts++;
}

/* Part of every instance: its module's, but a delay line of the output stage is the output stage's, and what
 * stands inside another module's logic (the blocks of a multiplier) is that module's. */
static enum axm_status instance_parts(struct array_result *r, const struct flat *f, const char *mult,
                                      int **out)
{
    int *part = malloc(sizeof *part * (size_t)(f->n_instances + 1));
    if (!part)
        return fail(AXM_ENV, "%s: out of memory", mult);
    for (int i = 0; i < f->n_instances; i++)     /* the cell's parts come first */
        if (!strcmp(f->instance[i].module->name, mult))
            find_part(r, mult, "multipliers", true);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int m = 0; m < f->design->n_modules; m++)
            if (!strcmp(f->design->module[m].name, kinds[k].module))
                find_part(r, kinds[k].module, kinds[k].what, kinds[k].in_pe);
    for (int i = 0; i < f->n_instances; i++) {
        const char *module = f->instance[i].module->name;
        int parent = f->instance[i].parent;
        const char *outer = parent >= 0 ? f->instance[parent].module->name : "";
        int kind = kind_of(module);
        bool folded = parent > 0 && ((kind < 0 && strcmp(module, mult)) ||
                                     (!strcmp(module, "delay_line") && !strcmp(outer, "out_stage")));
        part[i] = folded ? part[parent] : kind < 0 && parent < 0 ? find_part(r, "mac_array", "", false)
                                                                 : find_part(r, module, "", false);
        r->part[part[i]].instances += !folded && parent >= 0;
    }
    *out = part;
    return AXM_OK;
}

/* A primitive of an FPGA by its name: what it counts as. */
static void count_primitive(struct array_part *p, const char *type)
{
    bool quad = !strcmp(type, "RAM32M") || !strcmp(type, "RAM64M");      /* memory in four LUTs */
    p->luts += !strncmp(type, "LUT", 3) || !strcmp(type, "SB_LUT4") || !strncmp(type, "SRL", 3) ||
               !strcmp(type, "INV");
    p->luts += quad ? 4 : 0;
    p->carries += !strcmp(type, "SB_CARRY") || !strcmp(type, "CARRY4");
    p->dsps += !strncmp(type, "DSP48", 5) || !strcmp(type, "SB_MAC16");
    p->rams += !strncmp(type, "RAMB", 4) || !strncmp(type, "SB_RAM", 6);
    p->flip_flops += !strncmp(type, "SB_DFF", 6) || !strncmp(type, "FD", 2);
}

static enum axm_status count_cell(struct array_part *p, const struct flat_cell *cell,
                                  const struct liberty *lib)
{
    p->cells++;
    if (!lib) {
        count_primitive(p, cell->type);
        return AXM_OK;
    }
    const struct lib_cell *l = liberty_find(lib, cell->type);
    if (!l)
        return fail(AXM_USAGE, "%s: has no cell for what Yosys calls %s: a gate, or a flip-flop with or "
                    "without asynchronous reset", lib->path, cell->type);
    p->area_um2 += l->area_um2;
    p->flip_flops += l->sequential;
    return AXM_OK;
}

static void add_part(struct array_part *to, const struct array_part *p)
{
    to->cells += p->cells;
    to->flip_flops += p->flip_flops;
    to->area_um2 += p->area_um2;
    to->luts += p->luts;
    to->carries += p->carries;
    to->dsps += p->dsps;
    to->rams += p->rams;
}

/* The cells of the whole array by parts; buffers are cells without an instance. */
static enum axm_status count_parts(struct array_result *r, const struct flat *f, const char *mult,
                                   const struct liberty *lib)
{
    int *part = NULL;
    enum axm_status st = instance_parts(r, f, mult, &part);
    for (int c = 0; c < f->n_cells && st == AXM_OK; c++) {
        int instance = f->cell[c].instance;
        int p = instance >= 0 ? part[instance] : find_part(r, "", buffers_what, false);
        r->part[p].instances += instance < 0;
        st = count_cell(&r->part[p], &f->cell[c], lib);
    }
    for (int p = 0; p < r->n_parts; p++)
        add_part(&r->total, &r->part[p]);
    free(part);
    return st;
}

/* All that there is of a design. */
static enum axm_status count_all(struct array_part *p, const struct flat *f, const struct liberty *lib)
{
    enum axm_status st = AXM_OK;
    for (int c = 0; c < f->n_cells && st == AXM_OK; c++)
        st = count_cell(p, &f->cell[c], lib);
    return st;
}

/* --- Yosys --------------------------------------------------------------------------- */

static const char top_module[] = "axm_array";

static const char *pe_module(const struct array_config *c)
{
    return c->dataflow == ARRAY_WS ? "pe_ws" : "pe_os";
}

/* ${pe} is the cell's module, by whatever parameters; ${dsp} an option. */
static const struct {
    const char *read, *map;
} targets[] = {
    /* acc_bank's memory is left whole; the FIFO's becomes registers */
    [ARRAY_LIBERTY] = { "read_liberty -lib cells.lib\n",
        "opt -full\nmemory -nordff -nomap\nmemory_map t:$mem_v2 *acc_bank/t:$mem_v2 %d\nopt -full\n"
        "alumacc\nmaccmap -unmap\ntechmap -map fa.v\ntechmap -map adders.v\nopt\ntechmap\nopt\n"
        "dfflibmap -liberty cells.lib\nabc -liberty cells.lib\nopt_clean -purge\n" },
    [ARRAY_ICE40] = { "", "synth_ice40 -noflatten ${dsp}\nopt_clean -purge\n" },
    [ARRAY_XILINX] = { "", "synth_xilinx -noiopad -noclkbuf ${dsp}\nopt_clean -purge\n" },
};

static const char shell_script[] =
    "${read}read_verilog design.v\nhierarchy -top ${top}\nproc\nblackbox *${pe}\n${map}write_json out.json\n";

/* A library's multiplier is mapped by itself, as SYNTH_ADDERS does it, so that it takes what it takes
 * alone.  For an FPGA the cell is flattened: LUTs take in what stands beside the multiplier. */
static const char pe_script[] =
    "${read}read_verilog adders.v design.v\nhierarchy -top ${top}\nproc\n"
    "setattr -mod -unset top *\nsetattr -mod -set top 1 *${pe}\nhierarchy -check\n${inside}\nhierarchy\n"
    "${map}write_json out.json\n";

static const char mult_script[] =
    "${read}read_verilog adders.v design.v\nhierarchy -check -top ${mult}\nproc\nflatten\n${alone}"
    "write_json out.json\n";

static const char alone_liberty[] = "opt -full\ntechmap\nopt\nabc -liberty cells.lib\nopt_clean -purge\n";

struct fill {
    const char *key, *value;
};

/* Appends the script with its ${keys} replaced; a value may have keys of later rows. */
static void add_script(struct strbuf *out, const char *script, const struct fill *fill)
{
    while (*script) {
        const struct fill *f = fill;
        size_t key = 0;
        if (!strncmp(script, "${", 2))
            for (; f->key; f++)
                if ((key = strlen(f->key)) && !strncmp(script + 2, f->key, key) && script[2 + key] == '}')
                    break;
        if (script[0] == '$' && script[1] == '{' && f->key) {
            add_script(out, f->value, f + 1);
            script += key + 3;
        } else {
            strbuf_add(out, script++, 1);
        }
    }
}

/* One run of Yosys on a text of Verilog; *json gets what it wrote. */
static enum axm_status yosys(const char *script, const struct fill *fill, const struct strbuf *verilog,
                             const struct liberty *lib, struct strbuf *json)
{
    struct scratch s = { 0 };
    struct strbuf adders = { 0 }, map = { 0 }, text = { 0 }, log = { 0 };
    const char *const argv[] = { "yosys", "-q", "-s", "run.ys", NULL };
    strbuf_adds(&map, yosys_fa_map);
    add_script(&text, script, fill);
    enum axm_status st = proc_need("yosys", "yosys");
    if (st == AXM_OK)
        st = file_scratch_dir(&s.dir);
    if (st == AXM_OK && lib)
        st = scratch_link_library(&s, lib);
    if (st == AXM_OK && lib)
        st = yosys_adder_modules(lib, &adders);
    else if (st == AXM_OK)
        write_verilog_library(&adders);
    if (st == AXM_OK)
        st = scratch_write(&s, "adders.v", &adders);
    if (st == AXM_OK)
        st = scratch_write(&s, "fa.v", &map);
    if (st == AXM_OK)
        st = scratch_write(&s, "design.v", verilog);
    if (st == AXM_OK)
        st = scratch_write(&s, "run.ys", &text);
    if (st == AXM_OK)
        st = scratch_run(&s, argv, &log);
    if (st == AXM_OK)
        st = scratch_read(&s, "out.json", json);
    scratch_end(&s);
    strbuf_release(&adders);
    strbuf_release(&map);
    strbuf_release(&text);
    strbuf_release(&log);
    return st;
}

/* The multiplier's Verilog without the adder cells.  In an FPGA "exact" is a *: what carry
 * chains and DSP blocks are for; its other architectures stay gates. */
static enum axm_status add_mult(const struct array_config *c, const struct array_synth_opts *o,
                                struct strbuf *out)
{
    const struct axm_spec *s = &c->mult;
    struct mul_circuit circuit = { 0 };
    char name[AXM_SPEC_MAX];
    axm_spec_print_circuit(s, name);
    if (o->target != ARRAY_LIBERTY && !strcmp(s->family->name, "exact")) {
        const char *sign = s->is_signed ? " signed" : "";
        strbuf_addf(out, "module %s (input%s [%d:0] a_i, input%s [%d:0] b_i, output%s [%d:0] p_o);\n"
                         "  assign p_o = a_i * b_i;\nendmodule\n", name, sign, s->width_a - 1, sign,
                    s->width_b - 1, sign, axm_spec_product_width(s) - 1);
        return AXM_OK;
    }
    enum axm_status st = mul_circuit_of_spec(s, &circuit);
    if (st == AXM_OK)
        strbuf_add(out, circuit.text.s, circuit.text.len);
    mul_circuit_release(&circuit);
    return st;
}

static enum axm_status run_target(const char *script, const struct array_config *c,
                                  const struct array_synth_opts *o, const struct strbuf *verilog,
                                  struct strbuf *json)
{
    char mult[AXM_SPEC_MAX];
    axm_spec_print_circuit(&c->mult, mult);
    bool maps = o->target == ARRAY_LIBERTY;
    const struct fill fill[] = {
        { "read", targets[o->target].read },
        { "inside", maps ? "blackbox ${mult}" : "flatten" },
        { "alone", maps ? alone_liberty : "${map}" },
        { "map", targets[o->target].map },
        { "dsp", o->target == ARRAY_ICE40 ? (o->dsp ? "-dsp" : "") : o->dsp ? "" : "-nodsp" },
        { "top", top_module },
        { "pe", pe_module(c) },
        { "mult", mult },
        { NULL, NULL },
    };
    return yosys(script, fill, verilog, maps ? o->lib : NULL, json);
}

/* --- OpenSTA ------------------------------------------------------------------------- */

static void path_release(struct array_path *p)
{
    strbuf_release(&p->from);
    strbuf_release(&p->to);
    free(p->point);
    *p = (struct array_path){ 0 };
}

/* The report of one path: lines "0.3985 1.2041 ^ c17/YS (FAX1)", the arrival and the setup time. */
static enum axm_status read_path(const struct flat *f, const char *report, struct array_path *out)
{
    int lines = 1, first = -1, last = -1;
    double arrival = 0, setup = 0;
    bool arrived = false;
    for (const char *s = report; *s; s++)
        lines += *s == '\n';
    out->point = calloc((size_t)lines, sizeof *out->point);
    if (!out->point)
        return fail(AXM_ENV, "timing: out of memory");
    for (const char *line = report; line && *line;) {
        const char *next = strchr(line, '\n');
        char text[256], edge, mark;
        struct timing_point p = { 0 };
        double delay;
        int cell, head;
        snprintf(text, sizeof text, "%.*s", next ? (int)(next - line < 255 ? next - line : 255) : 255, line);
        if (strstr(text, "library setup time"))
            setup = strtod(text, NULL);
        else if (!arrived && strstr(text, "data arrival time"))
            arrived = sscanf(text, "%lf", &arrival) == 1;
        else if (!arrived && sscanf(text, "%lf %lf %c %n%c%d/%*s (%47[^)])", &delay, &p.at_ns, &edge, &head,
                                    &mark, &cell, p.cell) == 6 && cell >= 0 && cell < f->n_cells) {
            first = first < 0 ? cell : first;
            out->n_points -= out->n_points && cell == last;     /* clock pin, then output: one point */
            last = cell;
            p.rises = edge == '^';
            snprintf(p.instance, sizeof p.instance, "%.*s", (int)strcspn(text + head, "/"), text + head);
            out->point[out->n_points++] = p;
        }
        line = next ? next + 1 : NULL;
    }
    if (!arrived)
        return AXM_OK;                /* nothing in between: wires */
    out->period_ns = arrival - setup;
    if (first >= 0)
        flat_path(f, f->cell[first].instance, &out->from);
    if (last >= 0)
        flat_path(f, f->cell[last].instance, &out->to);
    strbuf_adds(&out->from, "");
    strbuf_adds(&out->to, "");
    return out->from.failed || out->to.failed ? fail(AXM_ENV, "timing: out of memory") : AXM_OK;
}

/* The longest path, and the longest that ends in the cells of the array (in_cells may be NULL). */
static enum axm_status time_flat(const struct flat *f, const struct array_config *c,
                                 const struct array_synth_opts *o, struct array_path *whole,
                                 struct array_path *in_cells)
{
    static const char mark[] = "@cells\n";
    struct scratch s = { 0 };
    struct strbuf netlist = { 0 }, script = { 0 }, report = { 0 };
    const char *const argv[] = { "sta", "-exit", "-no_splash", "run.tcl", NULL };
    enum axm_status st = proc_need("sta", "opensta");
    if (st == AXM_OK)
        st = file_scratch_dir(&s.dir);
    if (st == AXM_OK)
        st = scratch_link_library(&s, o->lib);
    flat_write_verilog(f, top_module, pe_module(c), &netlist);
    strbuf_addf(&script,
                "read_liberty cells.lib\nread_verilog design.v\nlink_design %s\n"
                "create_clock -name clk -period 1000 [get_ports clk_i]\n"
                "set_input_delay 0 -clock clk [all_inputs]\nset_output_delay 0 -clock clk [all_outputs]\n"
                "set_input_transition %.6f [all_inputs]\nset_load %.6f [all_outputs]\n",
                top_module, o->mapped.input_slew_ns, o->mapped.output_load_pf);
    if (in_cells)
        strbuf_adds(&script, "set_false_path -from [get_ports rst_ni]\n");
    strbuf_adds(&script, "report_checks -path_delay max -digits 6\n");
    if (in_cells)
        strbuf_adds(&script, "puts \"@cells\"\nreport_checks -path_delay max -digits 6 -to [get_cells p*]\n");
    if (st == AXM_OK)
        st = scratch_write(&s, "design.v", &netlist);
    if (st == AXM_OK)
        st = scratch_write(&s, "run.tcl", &script);
    if (st == AXM_OK)
        st = scratch_run(&s, argv, &report);
    if (st == AXM_OK) {
        char *cut = report.s ? strstr(report.s, mark) : NULL;
        if (cut)
            *cut = 0;
        st = read_path(f, report.s ? report.s : "", whole);
        if (st == AXM_OK && in_cells && cut)
            st = read_path(f, cut + strlen(mark), in_cells);
        if (st == AXM_OK && (whole->period_ns <= 0 || (in_cells && in_cells->period_ns <= 0))) {
            char said[256];
            sta_complaint(report.s ? report.s : "", said, sizeof said);
            st = fail(AXM_ENV, "array: OpenSTA reported no path: %s", said);
            s.keep = true;
        }
    }
    scratch_end(&s);
    strbuf_release(&netlist);
    strbuf_release(&script);
    strbuf_release(&report);
    return st;
}

/* --- the array ----------------------------------------------------------------------- */

void array_shell_release(struct array_shell *s)
{
    strbuf_release(&s->key);
    strbuf_release(&s->json);
}

/* The shell's netlist, from the last run if its text is the same. */
static enum axm_status make_shell(const struct array_config *c, const struct array_synth_opts *o,
                                  struct array_shell *shell)
{
    struct strbuf verilog = { 0 }, key = { 0 }, json = { 0 };
    array_write_modules(c, &verilog);
    array_write_top(c, top_module, NULL, &verilog);
    strbuf_addf(&key, "%d %d %s\n%s", o->target, o->dsp, o->lib ? o->lib->sha256 : "", verilog.s);
    enum axm_status st = verilog.failed || key.failed ? fail(AXM_ENV, "array: out of memory") : AXM_OK;
    if (st == AXM_OK && (!shell->key.s || strcmp(shell->key.s, key.s))) {
        st = run_target(shell_script, c, o, &verilog, &json);
        if (st == AXM_OK) {
            array_shell_release(shell);
            *shell = (struct array_shell){ key, json };
            key = json = (struct strbuf){ 0 };
        }
    }
    strbuf_release(&verilog);
    strbuf_release(&key);
    strbuf_release(&json);
    return st;
}

static enum axm_status make_mult(const struct array_config *c, const struct array_synth_opts *o,
                                 struct strbuf *json)
{
    struct strbuf verilog = { 0 };
    enum axm_status st = add_mult(c, o, &verilog);
    if (st == AXM_OK)
        st = run_target(mult_script, c, o, &verilog, json);
    strbuf_release(&verilog);
    return st;
}

static enum axm_status make_pe(const struct array_config *c, const struct array_synth_opts *o,
                               struct strbuf *json)
{
    struct strbuf verilog = { 0 };
    array_write_modules(c, &verilog);
    array_write_top(c, top_module, NULL, &verilog);
    array_write_wrapper(c, &verilog);
    enum axm_status st = add_mult(c, o, &verilog);
    if (st == AXM_OK)
        st = run_target(pe_script, c, o, &verilog, json);
    strbuf_release(&verilog);
    return st;
}

/* The flip-flop that a cell has most of. */
static const char *common_register(const struct flat *f, const struct liberty *lib)
{
    const char *best = NULL;
    int most = 0;
    for (int i = 0; i < f->n_cells; i++) {
        const struct lib_cell *l = liberty_find(lib, f->cell[i].type);
        int n = 0;
        if (!l || !l->sequential || (best && !strcmp(best, f->cell[i].type)))
            continue;
        for (int k = 0; k < f->n_cells; k++)
            n += !strcmp(f->cell[k].type, f->cell[i].type);
        if (n > most) {
            most = n;
            best = f->cell[i].type;
        }
    }
    return best;
}

static enum axm_status measure_mult(const struct array_config *c, const struct array_synth_opts *o,
                                    const char *json, struct array_result *r)
{
    struct design *d = NULL;
    struct flat f = { 0 };
    char mult[AXM_SPEC_MAX];
    axm_spec_print_circuit(&c->mult, mult);
    enum axm_status st = design_read(&json, 1, mult, &d);
    if (st == AXM_OK)
        st = flat_make(d, &f);
    if (st == AXM_OK)
        st = count_all(&r->mult, &f, o->lib);
    flat_release(&f);
    design_free(d);
    return st;
}

static enum axm_status measure_pe(const struct array_config *c, const struct array_synth_opts *o,
                                  const char *const json[2], struct array_result *r)
{
    struct design *d = NULL;
    struct flat f = { 0 };
    int buffers;
    const struct lib_cell *buffer = o->lib ? liberty_by_function(o->lib, 1, 0x2) : NULL;
    enum axm_status st = design_read(json, 2, pe_module(c), &d);
    if (st == AXM_OK)
        st = flat_make(d, &f);
    if (st == AXM_OK)
        st = count_all(&r->pe, &f, o->lib);
    if (st == AXM_OK && o->target == ARRAY_LIBERTY) {
        const char *reg = common_register(&f, o->lib);
        if (o->max_fanout)
            st = flat_buffer(&f, buffer, o->max_fanout, &buffers);
        if (st == AXM_OK)
            st = flat_register_inputs(&f, reg ? reg : "array");
        if (st == AXM_OK)
            st = time_flat(&f, c, o, &r->pe_path, NULL);
    }
    flat_release(&f);
    design_free(d);
    return st;
}

static enum axm_status measure_array(const struct array_config *c, const struct array_synth_opts *o,
                                     const char *const json[3], struct array_result *r)
{
    struct design *d = NULL;
    struct flat f = { 0 };
    char mult[AXM_SPEC_MAX];
    int buffers;
    const struct lib_cell *buffer = o->lib ? liberty_by_function(o->lib, 1, 0x2) : NULL;
    axm_spec_print_circuit(&c->mult, mult);
    enum axm_status st = design_read(json, 3, top_module, &d);
    if (st == AXM_OK)
        st = flat_make(d, &f);
    if (st == AXM_OK && o->target == ARRAY_LIBERTY && o->max_fanout)
        st = flat_buffer(&f, buffer, o->max_fanout, &buffers);
    if (st == AXM_OK)
        st = count_parts(r, &f, mult, o->lib);
    if (st == AXM_OK)
        r->memory_bits = f.memory_bits;
    if (st == AXM_OK && o->target == ARRAY_LIBERTY)
        st = time_flat(&f, c, o, &r->whole, &r->in_array);
    flat_release(&f);
    design_free(d);
    return st;
}

/* A cell, and the cells with what lies between them if that is likely to fit. */
static enum axm_status place(const struct array_config *c, const struct array_synth_opts *o,
                             const char *shell, const char *pe, struct array_result *r)
{
    const char *const json[] = { shell, pe };
    const char *core = c->dataflow == ARRAY_WS ? "array_ws" : "array_os";
    struct array_part all = { 0 };
    struct placed placed;
    struct design *d = NULL;
    struct flat f = { 0 };
    enum axm_status st = ice40_place(&json[1], 1, pe_module(c), o->seed, &placed);
    if (st == AXM_OK)
        r->pe_path.period_ns = 1000 / placed.max_mhz;
    if (st == AXM_OK)
        st = design_read(json, 2, core, &d);
    if (st == AXM_OK)
        st = flat_make(d, &f);
    if (st == AXM_OK)
        st = count_all(&all, &f, NULL);
    if (st == AXM_OK && all.luts + all.carries > ICE40_HX8K_CELLS * 9 / 10) {
        note("%s of %d x %d cells: about %lld LUTs and carries, too many to place in the %d logic cells of "
             "an HX8K", core, c->rows, c->cols, (long long)(all.luts + all.carries), ICE40_HX8K_CELLS);
    } else if (st == AXM_OK) {
        st = ice40_place(json, 2, core, o->seed, &placed);
        if (st == AXM_OK)
            r->in_array.period_ns = 1000 / placed.max_mhz;
    }
    flat_release(&f);
    design_free(d);
    return st;
}

enum axm_status array_synth(const struct array_config *c, const struct array_synth_opts *o,
                            struct array_shell *shell, struct array_result *out)
{
    struct array_result r = { 0 };
    struct strbuf mult = { 0 }, pe = { 0 };
    enum axm_status st = array_check(c);
    if (st == AXM_OK && o->lib)
        st = yosys_check_gates(o->lib);
    if (st == AXM_OK && o->target == ARRAY_LIBERTY)
        st = proc_need("yosys", "yosys");
    if (st == AXM_OK && o->target == ARRAY_LIBERTY)
        st = proc_need("sta", "opensta");
    if (st == AXM_OK && o->place)
        st = ice40_need();
    if (st == AXM_OK)
        st = make_mult(c, o, &mult);
    if (st == AXM_OK)
        st = measure_mult(c, o, mult.s, &r);
    if (st == AXM_OK)
        st = make_pe(c, o, &pe);
    if (st == AXM_OK)
        st = measure_pe(c, o, (const char *const[]){ pe.s, mult.s }, &r);
    if (st == AXM_OK)
        st = make_shell(c, o, shell);
    if (st == AXM_OK)
        st = measure_array(c, o, (const char *const[]){ shell->json.s, pe.s, mult.s }, &r);
    if (st == AXM_OK && o->place)
        st = place(c, o, shell->json.s, pe.s, &r);
    strbuf_release(&mult);
    strbuf_release(&pe);
    if (st == AXM_OK)
        *out = r;
    else
        array_result_release(&r);
    return st;
}

enum axm_status array_cell_power(const struct array_config *c, const struct array_synth_opts *o,
                                 const struct stimulus_opts *stimulus, struct cell_power *out,
                                 struct strbuf *log)
{
    struct strbuf mult = { 0 }, pe = { 0 };
    struct design *d = NULL;
    struct flat f = { 0 };
    int buffers;
    enum axm_status st = array_check(c);
    if (st == AXM_OK)
        st = yosys_check_gates(o->lib);
    if (st == AXM_OK)
        st = make_mult(c, o, &mult);
    if (st == AXM_OK)
        st = make_pe(c, o, &pe);
    if (st == AXM_OK)
        st = design_read((const char *const[]){ pe.s, mult.s }, 2, pe_module(c), &d);
    if (st == AXM_OK)
        st = flat_make(d, &f);
    if (st == AXM_OK && o->max_fanout)
        st = flat_buffer(&f, liberty_by_function(o->lib, 1, 0x2), o->max_fanout, &buffers);
    if (st == AXM_OK)
        st = cell_power(&f, c, o->lib, &o->mapped, stimulus, DELAY_LIBERTY, out, log);
    flat_release(&f);
    design_free(d);
    strbuf_release(&mult);
    strbuf_release(&pe);
    return st;
}

void array_result_release(struct array_result *r)
{
    path_release(&r->pe_path);
    path_release(&r->in_array);
    path_release(&r->whole);
    *r = (struct array_result){ 0 };
}
