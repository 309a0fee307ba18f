/* "axmul synth array": area and timing of arrays, a row for each multiplier or for each kind of module. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "cli/array.h"
#include "cli/power.h"
#include "synth/array_synth.h"

static const struct table_column columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },
    { "dataflow", NULL, CELL_TEXT, 0 },
    { "rows", NULL, CELL_INT, 0 },
    { "cols", NULL, CELL_INT, 0 },
    { "liberty", NULL, CELL_TEXT, 0 },
    { "mult_area_um2", "mult um2", CELL_REAL, 7 },
    { "pe_area_um2", "cell um2", CELL_REAL, 7 },
    { "array_area_um2", "array um2", CELL_REAL, 7 },
    { "mult_saving_percent", "mult -%", CELL_REAL, -1 },
    { "pe_saving_percent", "cell -%", CELL_REAL, -1 },
    { "array_saving_percent", "array -%", CELL_REAL, -1 },
    { "pe_flip_flops", "cell FFs", CELL_INT, 0 },
    { "array_flip_flops", "array FFs", CELL_INT, 0 },
    { "array_cells", "array gates", CELL_INT, 0 },
    { "memory_bits", "memory bits", CELL_INT, 0 },
    { "mult_delay_ns", "mult ns", CELL_REAL, -2 },
    { "pe_period_ns", "cell ns", CELL_REAL, -2 },
    { "in_array_period_ns", "in array ns", CELL_REAL, -2 },
    { "period_ns", "array ns", CELL_REAL, -2 },
    { "max_mhz", "max MHz", CELL_REAL, -1 },
    { "slowest", NULL, CELL_TEXT, 0 },
    { "critical_path", NULL, CELL_TEXT, 0 },
};
enum { COLUMNS = 22 };

static const struct table_column module_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },      { "dataflow", NULL, CELL_TEXT, 0 },
    { "rows", NULL, CELL_INT, 0 },       { "cols", NULL, CELL_INT, 0 },
    { "liberty", NULL, CELL_TEXT, 0 },   { "module", NULL, CELL_TEXT, 0 },
    { "what", NULL, CELL_TEXT, 0 },      { "instances", NULL, CELL_INT, 0 },
    { "cells", NULL, CELL_INT, 0 },      { "flip_flops", NULL, CELL_INT, 0 },
    { "area_um2", NULL, CELL_REAL, 8 },  { "share_percent", "share %", CELL_REAL, -1 },
};
enum { MODULE_COLUMNS = 12 };

static const struct table_column power_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },
    { "dataflow", NULL, CELL_TEXT, 0 },
    { "rows", NULL, CELL_INT, 0 },
    { "cols", NULL, CELL_INT, 0 },
    { "liberty", NULL, CELL_TEXT, 0 },
    { "pe_energy_pj", "cell pJ", CELL_REAL, 5 },
    { "pe_energy_saving_percent", "cell -%", CELL_REAL, -1 },
    { "pe_logic_pj", "logic pJ", CELL_REAL, 5 },
    { "pe_logic_ci95_pj", "+-", CELL_REAL, 2 },
    { "pe_register_pj", "registers pJ", CELL_REAL, 5 },
    { "pe_clock_pj", "clock pJ", CELL_REAL, 5 },
    { "pe_leakage_nw", "leakage nW", CELL_REAL, 4 },
    { "mhz", "MHz", CELL_REAL, 6 },
    { "pe_mw", "cell mW", CELL_REAL, 4 },
    { "cells_mw", "all cells mW", CELL_REAL, 4 },
    { "cycles", NULL, CELL_UINT, 0 },
};
enum { POWER_COLUMNS = 16 };

static const struct table_column fpga_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },
    { "dataflow", NULL, CELL_TEXT, 0 },
    { "rows", NULL, CELL_INT, 0 },
    { "cols", NULL, CELL_INT, 0 },
    { "fpga", NULL, CELL_TEXT, 0 },
    { "dsp", NULL, CELL_TEXT, 0 },
    { "mult_luts", "mult LUTs", CELL_INT, 0 },
    { "pe_luts", "cell LUTs", CELL_INT, 0 },
    { "array_luts", "array LUTs", CELL_INT, 0 },
    { "mult_saving_percent", "mult -%", CELL_REAL, -1 },
    { "pe_saving_percent", "cell -%", CELL_REAL, -1 },
    { "array_saving_percent", "array -%", CELL_REAL, -1 },
    { "mult_carries", "mult carries", CELL_INT, 0 },
    { "pe_carries", "cell carries", CELL_INT, 0 },
    { "array_carries", "array carries", CELL_INT, 0 },
    { "pe_flip_flops", "cell FFs", CELL_INT, 0 },
    { "array_flip_flops", "array FFs", CELL_INT, 0 },
    { "pe_dsps", "cell DSPs", CELL_INT, 0 },
    { "array_dsps", "array DSPs", CELL_INT, 0 },
    { "array_rams", "array RAMs", CELL_INT, 0 },
    { "pe_max_mhz", "cell MHz", CELL_REAL, -1 },
    { "core_max_mhz", "core MHz", CELL_REAL, -1 },
};
enum { FPGA_COLUMNS = 22 };

static const struct table_column fpga_module_columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },      { "dataflow", NULL, CELL_TEXT, 0 },
    { "rows", NULL, CELL_INT, 0 },       { "cols", NULL, CELL_INT, 0 },
    { "fpga", NULL, CELL_TEXT, 0 },      { "module", NULL, CELL_TEXT, 0 },
    { "what", NULL, CELL_TEXT, 0 },      { "instances", NULL, CELL_INT, 0 },
    { "luts", NULL, CELL_INT, 0 },       { "carries", NULL, CELL_INT, 0 },
    { "flip_flops", NULL, CELL_INT, 0 }, { "dsps", NULL, CELL_INT, 0 },
    { "rams", NULL, CELL_INT, 0 },
};
enum { FPGA_MODULE_COLUMNS = 13 };

/* Everything of one run. */
struct job {
    const struct cli_args *args;
    struct power power;
    int n_specs;
    struct axm_spec *spec;
    struct array_config *config;
    struct array_synth_opts opts;
    struct array_shell shell;
    struct table *table;
    bool modules, path;
    bool power_only;
    double first_pj;
    struct figures { double mult, pe, array; } first;      /* of this library's first multiplier */
};

static double saving(double from, double to)
{
    return from > 0 ? 100 * (1 - to / from) : NAN;
}

/* "AND2X1:r:0.1403 FAX1:f:0.3321": cell, edge, arrival in ns. */
static void add_points(const struct array_path *p, struct strbuf *out)
{
    strbuf_adds(out, "");
    for (int i = 0; i < p->n_points; i++)
        strbuf_addf(out, "%s%s:%c:%.4f", i ? " " : "", p->point[i].cell, p->point[i].rises ? 'r' : 'f',
                    p->point[i].at_ns);
}

static void begin_row(struct job *j, const struct array_config *c)
{
    char name[AXM_SPEC_MAX];
    axm_spec_print_circuit(&c->mult, name);
    table_text(j->table, name);
    table_text(j->table, c->dataflow == ARRAY_WS ? "ws" : "os");
    table_int(j->table, c->rows);
    table_int(j->table, c->cols);
    table_text(j->table, j->opts.lib ? j->opts.lib->name :
                         j->opts.target == ARRAY_ICE40 ? "ice40" : "xilinx");
}

static void add_summary(struct job *j, const struct array_config *c, const struct array_result *r,
                        const struct timing *mult, double mult_area)
{
    struct table *t = j->table;
    struct strbuf where = { 0 }, points = { 0 };
    struct figures f = { mult_area, r->pe.area_um2, r->total.area_um2 };
    if (!j->first.array)
        j->first = f;
    begin_row(j, c);
    table_real(t, f.mult);
    table_real(t, f.pe);
    table_real(t, f.array);
    table_real(t, saving(j->first.mult, f.mult));
    table_real(t, saving(j->first.pe, f.pe));
    table_real(t, saving(j->first.array, f.array));
    table_int(t, r->pe.flip_flops);
    table_int(t, r->total.flip_flops);
    table_int(t, r->total.cells);
    table_int(t, r->memory_bits);
    table_real(t, mult->delay_ns);
    table_real(t, r->pe_path.period_ns);
    table_real(t, r->in_array.period_ns);
    table_real(t, r->whole.period_ns);
    table_real(t, 1000 / r->whole.period_ns);
    strbuf_addf(&where, "%s -> %s", r->whole.from.len ? r->whole.from.s : "top",
                r->whole.to.len ? r->whole.to.s : "top");
    table_text(t, where.s);
    add_points(&r->whole, &points);
    if (j->path)
        table_text(t, points.s);
    strbuf_release(&where);
    strbuf_release(&points);
}

static double mhz_of(const struct array_path *p)
{
    return p->period_ns > 0 ? 1000 / p->period_ns : NAN;
}

static void add_fpga(struct job *j, const struct array_config *c, const struct array_result *r)
{
    struct table *t = j->table;
    struct figures f = { (double)r->mult.luts, (double)r->pe.luts, (double)r->total.luts };
    if (!j->first.array)
        j->first = f;
    begin_row(j, c);
    table_text(t, j->opts.dsp ? "yes" : "no");
    table_int(t, r->mult.luts);
    table_int(t, r->pe.luts);
    table_int(t, r->total.luts);
    table_real(t, saving(j->first.mult, f.mult));
    table_real(t, saving(j->first.pe, f.pe));
    table_real(t, saving(j->first.array, f.array));
    table_int(t, r->mult.carries);
    table_int(t, r->pe.carries);
    table_int(t, r->total.carries);
    table_int(t, r->pe.flip_flops);
    table_int(t, r->total.flip_flops);
    table_int(t, r->pe.dsps);
    table_int(t, r->total.dsps);
    table_int(t, r->total.rams);
    table_real(t, mhz_of(&r->pe_path));
    table_real(t, mhz_of(&r->in_array));
}

static void add_module(struct job *j, const struct array_config *c, const struct array_part *p, double all)
{
    struct table *t = j->table;
    begin_row(j, c);
    table_text(t, p->module);
    table_text(t, p->what);
    table_int(t, p->instances);
    if (!j->opts.lib) {
        table_int(t, p->luts);
        table_int(t, p->carries);
        table_int(t, p->flip_flops);
        table_int(t, p->dsps);
        table_int(t, p->rams);
        return;
    }
    table_int(t, p->cells);
    table_int(t, p->flip_flops);
    table_real(t, p->area_um2);
    table_real(t, 100 * p->area_um2 / all);
}

static enum axm_status add_power(struct job *j, int i)
{
    const struct array_config *c = &j->config[i];
    struct cell_power p;
    struct table *t = j->table;
    enum axm_status st = array_cell_power(c, &j->opts, &j->power.opts.stimulus, &p, NULL);
    if (st != AXM_OK)
        return st;
    double mw = p.energy_pj * j->power.mhz * 1e-3 + p.leakage_nw * 1e-6;      /* pJ times MHz is uW */
    if (j->first_pj <= 0)
        j->first_pj = p.energy_pj;
    begin_row(j, c);
    table_real(t, p.energy_pj);
    table_real(t, saving(j->first_pj, p.energy_pj));
    table_real(t, p.logic_pj);
    table_real(t, isfinite(p.logic_ci95_pj) ? p.logic_ci95_pj : NAN);
    table_real(t, p.register_pj);
    table_real(t, p.clock_pj);
    table_real(t, p.leakage_nw);
    table_real(t, j->power.mhz);
    table_real(t, mw);
    table_real(t, mw * c->rows * c->cols);
    table_uint(t, p.cycles);
    return AXM_OK;
}

static enum axm_status add_array(struct job *j, int i)
{
    const struct array_config *c = &j->config[i];
    struct array_result r = { 0 };
    enum axm_status st = array_synth(c, &j->opts, &j->shell, &r);
    if (st == AXM_OK && j->modules) {
        r.total.what = "total";
        r.total.instances = 1;
        for (int p = 0; p < r.n_parts; p++)
            add_module(j, c, &r.part[p], r.total.area_um2);
        add_module(j, c, &r.total, r.total.area_um2);
    } else if (st == AXM_OK && !j->opts.lib) {
        add_fpga(j, c, &r);
    } else if (st == AXM_OK) {
        struct mul_circuit mult = { 0 };
        struct synth_opts o = { .mode = SYNTH_ADDERS, .lib = j->opts.lib, .mapped = j->opts.mapped };
        struct synth_result alone = { 0 };
        struct timing timing = { 0 };
        st = mul_circuit_of_spec(&c->mult, &mult);
        if (st == AXM_OK)
            st = synth_run(mult.text.s, mult.top, &o, &alone);
        if (st == AXM_OK)
            st = timing_run(alone.mapped, mult.top, &o.mapped, &timing, NULL);
        if (st == AXM_OK)
            add_summary(j, c, &r, &timing, alone.mapped->area_um2);
        timing_release(&timing);
        synth_release(&alone);
        mul_circuit_release(&mult);
    }
    array_result_release(&r);
    return st;
}

/* Every --mult, each a list. */
static enum axm_status read_specs(struct job *j)
{
    enum axm_status st = AXM_OK;
    const char *list;
    for (int i = 0; (list = cli_get_nth(j->args, "mult", i)) && st == AXM_OK; i++)
        while (st == AXM_OK) {
            char text[4096];
            size_t len = strcspn(list, ",");
            void *spec = realloc(j->spec, sizeof *j->spec * (size_t)(j->n_specs + 1));
            void *config = realloc(j->config, sizeof *j->config * (size_t)(j->n_specs + 1));
            j->spec = spec ? spec : j->spec;
            j->config = config ? config : j->config;
            if (!spec || !config)
                return fail(AXM_ENV, "synth array: out of memory");
            snprintf(text, sizeof text, "%.*s", (int)(len < sizeof text ? len : sizeof text - 1), list);
            if (cli_is_foreign(text))
                return fail(AXM_USAGE, "synth array: %s: arrays are made around our own multipliers", text);
            st = axm_spec_parse(text, &j->spec[j->n_specs]);
            if (st == AXM_OK)
                st = array_config_of(j->args, &j->spec[j->n_specs], &j->config[j->n_specs]);
            if (st == AXM_OK)
                st = array_check(&j->config[j->n_specs]);
            j->n_specs++;
            if (!list[len])
                break;
            list += len + 1;
        }
    return st;
}

static enum axm_status check_options(const struct cli_args *a)
{
    if (a->n_operands > 1)
        return fail(AXM_USAGE, "synth array: takes no operands, got \"%s\"; its multipliers are --mult SPEC",
                    a->operand[1]);
    if (!cli_get(a, "mult"))
        return fail(AXM_USAGE, "usage: axmul synth array --mult SPEC[,SPEC...] [--dataflow ws|os] "
                    "[--rows N] [--cols N] ...");
    if (cli_get(a, "mode"))
        return fail(AXM_USAGE, "synth array: --mode is not for arrays: their adders stay whole");
    const char *fpga = cli_get(a, "fpga");
    static const char *const library_only[] = { "liberty", "input-slew", "output-load", "max-fanout",
                                                "path", "power" };
    for (size_t i = 0; fpga && i < sizeof library_only / sizeof library_only[0]; i++)
        if (cli_get(a, library_only[i]))
            return fail(AXM_USAGE, "synth array: --%s has no meaning with --fpga", library_only[i]);
    static const char *const power_only[] = { "gauss", "trace", "vectors", "mhz" };
    for (size_t i = 0; !cli_flag(a, "power") && i < sizeof power_only / sizeof power_only[0]; i++)
        if (cli_get(a, power_only[i]))
            return fail(AXM_USAGE, "synth array: --%s is for --power", power_only[i]);
    if (cli_flag(a, "power") && (cli_flag(a, "modules") || cli_flag(a, "path")))
        return fail(AXM_USAGE, "synth array: --power is of a cell alone: neither --modules nor --path");
    if (cli_flag(a, "dsp") && (!fpga || strcmp(fpga, "xilinx")))
        return fail(AXM_USAGE, "synth array: --dsp is for --fpga xilinx: nothing else here has DSP blocks");
    if (cli_flag(a, "place") && (!fpga || strcmp(fpga, "ice40")))
        return fail(AXM_USAGE, "synth array: --place is for --fpga ice40: nextpnr does no other device here");
    return AXM_OK;
}

static struct table *make_table(const struct job *j, bool fpga)
{
    if (j->power_only)
        return table_new(power_columns, POWER_COLUMNS);
    if (fpga)
        return j->modules ? table_new(fpga_module_columns, FPGA_MODULE_COLUMNS)
                          : table_new(fpga_columns, FPGA_COLUMNS);
    return j->modules ? table_new(module_columns, MODULE_COLUMNS)
                      : table_new(columns, j->path ? COLUMNS : COLUMNS - 1);
}

enum axm_status synth_array(const struct cli_args *a)
{
    struct job j = { .args = a, .modules = cli_flag(a, "modules"),
                     .path = cli_flag(a, "path") || a->verbosity > 0, .power_only = cli_flag(a, "power") };
    const char *fpga = cli_get(a, "fpga");
    int64_t fanout = 0;
    enum axm_status st = check_options(a);
    if (st == AXM_OK)
        st = cli_get_int(a, "max-fanout", 0, 1000, 16, &fanout);
    if (st == AXM_OK && fanout == 1)
        st = fail(AXM_USAGE, "synth array: --max-fanout must be 0 or 2..1000, got 1");
    if (st == AXM_OK)
        st = read_specs(&j);
    if (st == AXM_OK && !fpga)
        st = power_open(a, &j.power);
    j.table = make_table(&j, fpga != NULL);
    if (st == AXM_OK && !j.table)
        st = fail(AXM_ENV, "synth: out of memory");
    int runs = fpga ? 1 : j.power.n_libs;
    struct progress *p = progress_begin("synth array", (uint64_t)j.n_specs * (uint64_t)runs);
    for (int l = 0; l < runs && st == AXM_OK; l++) {
        j.opts = (struct array_synth_opts){ .target = !fpga ? ARRAY_LIBERTY :
                                                !strcmp(fpga, "ice40") ? ARRAY_ICE40 : ARRAY_XILINX,
                                            .lib = j.power.lib[l], .mapped = j.power.opts.mapped,
                                            .max_fanout = (int)fanout, .dsp = cli_flag(a, "dsp"),
                                            .place = cli_flag(a, "place"), .seed = a->seed };
        j.first = (struct figures){ 0 };
        j.first_pj = 0;
        for (int i = 0; i < j.n_specs && st == AXM_OK; i++) {
            st = progress_stop_requested() ? AXM_STOPPED : j.power_only ? add_power(&j, i) : add_array(&j, i);
            progress_add(p, 1);
        }
    }
    progress_end(p);
    if (st == AXM_OK)
        st = table_print(j.table, stdout, a->format);
    power_release(&j.power);
    array_shell_release(&j.shell);
    table_free(j.table);
    free(j.spec);
    free(j.config);
    return st;
}
