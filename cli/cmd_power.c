#include <string.h>

#include "base/progress.h"
#include "cli/power.h"

static const struct cli_option options[] = {
    POWER_LIBERTY_OPTION,
    POWER_MODE_OPTION("adders|flat|extract|hierarchy"),
    POWER_LOAD_OPTIONS,
    { "delay", 0, "zero|unit|liberty", "delay model of the glitches (default: all three, a row each)" },
    POWER_STIMULUS_OPTIONS,
    POWER_STORE_OPTION,
    { 0 },
};

static const char help[] =
    "Power from the toggles of the synthesised netlist: half C V^2 of every pin a net drives\n"
    "(switching), the library's internal energy tables (internal) and its leakage by state.\n"
    "Each operation starts from settled nets.\n"
    "\n"
    "  zero      settled values only: no glitches\n"
    "  unit      every cell takes one step: many glitches\n"
    "  liberty   the library's delays; pulses shorter than a cell's delay are swallowed\n"
    "\n"
    "Operands are uniform, normal or recorded; +- is the 95 % confidence interval from the\n"
    "vectors. Wires, placement and clock tree are left out. Nothing is measured twice: see\n"
    "axmul help db.\n"
    "\n"
    "  axmul power scdm8s_x5_y2 array8s\n"
    "  axmul power exact8s --gauss 20 --delay liberty --mhz 100\n"
    "  axmul power SCDM8_84 --trace operands.i16 --format csv\n";

static const struct table_column columns[] = {
    { "spec", NULL, CELL_TEXT, 0 },          { "mode", NULL, CELL_TEXT, 0 },
    { "liberty", NULL, CELL_TEXT, 0 },       { "delay", NULL, CELL_TEXT, 0 },
    { "energy_pj", "pJ/op", CELL_REAL, 5 },  { "energy_ci95_pj", "+-", CELL_REAL, 2 },
    { "switching_pj", "switching", CELL_REAL, 4 }, { "internal_pj", "internal", CELL_REAL, 4 },
    { "leakage_nw", "leakage nW", CELL_REAL, 4 },  { "toggles", "toggles/op", CELL_REAL, 5 },
    { "mhz", "MHz", CELL_REAL, 4 },          { "power_mw", "mW", CELL_REAL, 4 },
    { "operations", NULL, CELL_INT, 0 },
};
enum { COLUMNS = 13 };

static const char delay_words[] = "zero|unit|liberty";
static const char *const delay_names[] = { "zero", "unit", "liberty" };

static void add_row(struct table *t, const struct power *p, const struct mul_circuit *c,
                    const struct liberty *lib, enum delay_model d, const struct measurement *m)
{
    table_text(t, c->name);
    table_text(t, synth_mode_name(power_mode(p, c)));
    table_text(t, lib->name);
    table_text(t, delay_names[d]);
    table_real(t, m->energy_pj[d]);
    table_real(t, m->energy_ci95_pj[d]);
    table_real(t, m->switching_pj[d]);
    table_real(t, m->energy_pj[d] - m->switching_pj[d]);
    table_real(t, m->leakage_nw);
    table_real(t, m->toggles[d]);
    table_real(t, p->mhz);
    table_real(t, measurement_mw(m, d, p->mhz));
    table_int(t, m->steps);
}

static enum axm_status measure(struct table *t, const struct power *p, const struct mul_circuit *c,
                               const struct liberty *lib, int delay)
{
    struct characterise_opts o = p->opts;
    struct measurement m;
    o.lib = lib;
    o.mode = power_mode(p, c);
    enum axm_status st = progress_stop_requested() ? AXM_STOPPED : characterise(c, &o, &m, NULL);
    if (st != AXM_OK)
        return st;
    if (p->mhz * m.delay_ns > 1000)
        note("%s, %s: %g MHz is faster than its critical path of %.3g ns", c->name, lib->name, p->mhz,
             m.delay_ns);
    for (int d = DELAY_ZERO; d <= DELAY_LIBERTY; d++)
        if (delay < 0 || delay == d)
            add_row(t, p, c, lib, (enum delay_model)d, &m);
    return AXM_OK;
}

static enum axm_status run(const struct cli_args *args)
{
    struct power p = { 0 };
    struct mul_circuit *c = NULL;
    const char *word = cli_get(args, "delay");
    int delay = word ? cli_word(delay_words, word) : -1;
    char text[CLI_WORDS_TEXT];
    if (word && delay < 0)
        return fail(AXM_USAGE, "--delay must be %s, got \"%s\"", cli_words_text(delay_words, text), word);
    struct table *t = table_new(columns, COLUMNS);
    enum axm_status st = t ? power_open(args, &p) : fail(AXM_ENV, "power: out of memory");
    if (st == AXM_OK)
        st = power_circuits(args, &c);
    for (int i = 0; i < args->n_operands && st == AXM_OK; i++)
        for (int l = 0; l < p.n_libs && st == AXM_OK; l++)
            st = measure(t, &p, &c[i], p.lib[l], delay);
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    power_circuits_free(c, args->n_operands);
    power_release(&p);
    table_free(t);
    return st;
}

const struct cli_command cmd_power = {
    .name = "power",
    .synopsis = "SPEC...",
    .brief = "energy per operation and power, glitches included",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
    .run = run,
};
