#include <math.h>

#include <string.h>

#include "base/progress.h"
#include "cli/array.h"
#include "cli/power.h"

static const struct cli_option options[] = {
    POWER_LIBERTY_OPTION,
    POWER_MODE_OPTION("adders|flat|extract|hierarchy|generic|ice40|xilinx"),
    POWER_LOAD_OPTIONS,
    { "path", 0, NULL, "list the cells of the critical path (so does --verbose)" },
    { "mult", 0, "SPEC[,SPEC...]", "array: the multipliers; savings are against the first" },
    ARRAY_CONFIG_OPTIONS,
    { "modules", 0, NULL, "array: what each kind of module takes" },
    { "fpga", 0, "ice40|xilinx", "array: LUTs of an iCE40 HX8K or a 7-series instead of library cells" },
    { "dsp", 0, NULL, "array, --fpga xilinx: DSP blocks may be used: by exactN and by the requantizers" },
    { "place", 0, NULL, "array, --fpga ice40: place and route with nextpnr: MHz of a cell, and of all cells "
                        "with their skew if they fit" },
    { "max-fanout", 0, "N", "array: a net with more pins gets a tree of buffers (default 16; 0: none does)" },
    { "power", 0, NULL, "array: energy of a cell instead, its clock included; what follows is for this" },
    POWER_STIMULUS_OPTIONS,
    { 0 },
};

static const char help[] =
    "Synthesis with Yosys, timing with OpenSTA: area, cells by type, critical path.\n"
    "\n"
    "  adders    full and half adders stay whole, as the library's cells; the rest goes\n"
    "            through ABC (the library's adders are found by what they compute)\n"
    "  flat      everything through ABC\n"
    "  extract   adders found in somebody else's circuit, then as adders\n"
    "  hierarchy as adders, but block by block: ABC moves nothing between modules\n"
    "  generic   Yosys's own gates;  ice40, xilinx  LUTs and carries: counts only\n"
    "\n"
    "Before layout: no wires, no placement. Several libraries (corners): one row each.\n"
    "\n"
    "\"synth array\" does a systolic array (axmul gen array): the multiplier, a cell around it and\n"
    "the whole, with the savings of each against the first multiplier. Every module is mapped\n"
    "once and by itself; \"max MHz\" is of the whole array, \"cell ns\" the least clock period of a cell\n"
    "between registers, \"in array ns\" that of the longest path into a cell, fan-out trees included.\n"
    "The memory of the accumulators is counted in bits and in no area.\n"
    "\n"
    "--power runs operand pairs through the mapped cell, one a cycle, at the library's delays: pJ a cycle\n"
    "of the gates (\"logic\"), of what flip-flops drive and take when data move (\"registers\") and of\n"
    "their clock pins. Of a --trace the operand that changes less often is the weight (where --weight is\n"
    "runtime); uniform and --gauss weights stay for acc-depth cycles (ws). docs/array-synthesis.md\n"
    "says what is assumed of the neighbours; the rest of the array is in no figure of power.\n"
    "\n"
    "  axmul synth scdm8s_x5_y2 exact8s\n"
    "  axmul synth dadda16u_ks --path --liberty osu018 --liberty osu050\n"
    "  axmul synth verilog:theirs.v:u\n"
    "  axmul synth drum8u_k4 --mode ice40\n"
    "  axmul synth array --rows 8 --cols 8 --mult exact8s,scdm8s_x8_y3 --dataflow os\n"
    "  axmul synth array --mult exact8s --modules\n"
    "  axmul synth array --mult exact8s,SCDM8_83 --power --trace conv4.i16\n";

static const struct table_column columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },       { "mode", NULL, CELL_TEXT, 0 },
    { "liberty", NULL, CELL_TEXT, 0 },    { "area_um2", NULL, CELL_REAL, 7 },
    { "cells", NULL, CELL_INT, 0 },       { "delay_ns", NULL, CELL_REAL, 5 },
    { "cell_types", NULL, CELL_TEXT, 0 }, { "critical_path", NULL, CELL_TEXT, 0 },
};
enum { COLUMNS = 8 };

/* "FAX1:56 HAX1:8 ..." */
static void add_types(const struct synth_result *r, struct strbuf *out)
{
    strbuf_adds(out, "");
    for (int i = 0; i < r->n_counts; i++)
        strbuf_addf(out, "%s%s:%d", i ? " " : "", r->count[i].type, r->count[i].n);
}

/* "AND2X2:r:0.1403 FAX1:f:0.3321": cell, edge of its output, arrival in ns. */
static void add_path(const struct timing *t, struct strbuf *out)
{
    strbuf_adds(out, "");
    for (int i = 0; i < t->n_points; i++)
        strbuf_addf(out, "%s%s:%c:%.4f", i ? " " : "", t->point[i].cell, t->point[i].rises ? 'r' : 'f',
                    t->point[i].at_ns);
}

static enum axm_status add_row(struct table *t, const struct power *p, const struct mul_circuit *c,
                               const struct liberty *lib, bool path)
{
    struct synth_opts o = { .mode = power_mode(p, c), .lib = lib, .mapped = p->opts.mapped };
    struct synth_result r = { 0 };
    struct timing timing = { 0 };
    struct strbuf types = { 0 }, cells = { 0 };
    enum axm_status st = synth_run(c->text.s, c->top, &o, &r);
    if (st == AXM_OK && r.mapped)
        st = timing_run(r.mapped, c->top, &o.mapped, &timing, NULL);
    add_types(&r, &types);
    add_path(&timing, &cells);
    if (st == AXM_OK) {
        table_text(t, c->name);
        table_text(t, synth_mode_name(o.mode));
        table_text(t, lib ? lib->name : "");
        table_real(t, r.mapped ? r.mapped->area_um2 : NAN);
        table_int(t, r.cells);
        table_real(t, r.mapped ? timing.delay_ns : NAN);
        table_text(t, types.s);
        if (path)
            table_text(t, cells.s);
    }
    strbuf_release(&types);
    strbuf_release(&cells);
    timing_release(&timing);
    synth_release(&r);
    return st;
}

static const char *array_only(const struct cli_args *args)
{
    static const char *const options[] = { "mult", "modules", "fpga", "dsp", "place", "max-fanout", "power",
                                           "gauss", "trace", "vectors", "mhz" };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (cli_get(args, options[i]))
            return options[i];
    return array_option_given(args);
}

static enum axm_status run(const struct cli_args *args)
{
    if (!strcmp(args->operand[0], "array"))
        return synth_array(args);
    if (array_only(args))
        return fail(AXM_USAGE, "synth: --%s is for \"synth array\"", array_only(args));
    struct power p;
    struct mul_circuit *c = NULL;
    bool path = cli_flag(args, "path") || args->verbosity > 0;
    struct table *t = table_new(columns, path ? COLUMNS : COLUMNS - 1);
    enum axm_status st = power_open(args, &p);
    if (st == AXM_OK && !t)
        st = fail(AXM_ENV, "synth: out of memory");
    if (st == AXM_OK)
        st = power_circuits(args, &c);
    for (int i = 0; i < args->n_operands && st == AXM_OK; i++) {
        bool maps = synth_mode_maps(power_mode(&p, &c[i]));
        for (int l = 0; l < (maps ? p.n_libs : 1) && st == AXM_OK; l++)
            st = progress_stop_requested() ? AXM_STOPPED
                                           : add_row(t, &p, &c[i], maps ? p.lib[l] : NULL, path);
    }
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    power_circuits_free(c, args->n_operands);
    power_release(&p);
    table_free(t);
    return st;
}

const struct cli_command cmd_synth = {
    .name = "synth",
    .synopsis = "SPEC... | array --mult SPEC[,SPEC...]",
    .brief = "area, cells and critical path, by Yosys and OpenSTA; of an array",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
    .run = run,
};
