#include "cli/power.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* Libraries that Debian packages, by short name; the first is the default. */
static const struct {
    const char *name, *path, *package;
} packaged[] = {
    { "osu018", "/usr/share/qflow/tech/osu018/osu018_stdcells.lib", "qflow-tech-osu018" },
    { "osu035", "/usr/share/qflow/tech/osu035/osu035_stdcells.lib", "qflow-tech-osu035" },
    { "osu050", "/usr/share/qflow/tech/osu050/osu05_stdcells.lib", "qflow-tech-osu050" },
};

static bool has_option(const struct cli_args *a, const char *name)
{
    for (const struct cli_option *o = a->command->options; o->name; o++)
        if (!strcmp(o->name, name))
            return true;
    return false;
}

/* A real option above lo (or at it, if `at`); fallback when the command has not or was not given it. */
static enum axm_status get_real(const struct cli_args *a, const char *name, double lo, bool at,
                                double fallback, double *out)
{
    const char *text = has_option(a, name) ? cli_get(a, name) : NULL;
    char *end;
    *out = fallback;
    if (!text)
        return AXM_OK;
    *out = strtod(text, &end);
    if (end == text || *end || !isfinite(*out) || *out < lo || (*out == lo && !at))
        return fail(AXM_USAGE, "--%s must be a number %s %g, got \"%s\"", name, at ? ">=" : ">", lo, text);
    return AXM_OK;
}

static enum axm_status read_liberty(const char *name, bool needs_power, struct liberty **out)
{
    const char *path = name;
    for (size_t i = 0; i < sizeof packaged / sizeof packaged[0]; i++) {
        if (strcmp(name, packaged[i].name) || file_exists(name))
            continue;
        path = packaged[i].path;
        if (!file_exists(path))
            return fail(AXM_ENV, "%s: not found; install the Debian package %s, or name a library with "
                        "--liberty", path, packaged[i].package);
    }
    enum axm_status st = liberty_read(path, out);
    if (st != AXM_OK || !needs_power)
        return st;
    for (int i = 0; i < (*out)->n_cells; i++)
        if ((*out)->cell[i].usable && (*out)->cell[i].has_power)
            return AXM_OK;
    st = fail(AXM_USAGE, "%s: no power tables: no combinational cell has internal_power or leakage", path);
    liberty_free(*out);
    return st;
}

static enum axm_status open_liberties(const struct cli_args *a, bool needs_power, struct power *p)
{
    enum axm_status st = AXM_OK;
    const char *name = cli_get_nth(a, "liberty", 0);
    for (int i = 0; (name || i == 0) && st == AXM_OK; name = cli_get_nth(a, "liberty", ++i)) {
        if (i == POWER_LIBERTIES_MAX)
            return fail(AXM_USAGE, "--liberty: at most %d", POWER_LIBERTIES_MAX);
        st = read_liberty(name ? name : packaged[0].name, needs_power, &p->lib[i]);
        p->n_libs += st == AXM_OK;
    }
    return st;
}

static enum axm_status get_stimulus(const struct cli_args *a, struct stimulus_opts *s)
{
    const char *gauss = cli_get(a, "gauss"), *trace = cli_get(a, "trace");
    int64_t vectors;
    if (gauss && trace)
        return fail(AXM_USAGE, "--gauss and --trace exclude each other");
    if (trace && cli_get(a, "vectors"))
        return fail(AXM_USAGE, "--vectors has no meaning with --trace: every pair of it counts");
    s->seed = a->seed;
    s->kind = gauss ? STIMULUS_GAUSS : trace ? STIMULUS_TRACE : STIMULUS_UNIFORM;
    s->trace = trace;
    enum axm_status st = cli_get_int(a, "vectors", 2, 1 << 30, 0, &vectors);
    s->vectors = (size_t)vectors;
    return st == AXM_OK ? get_real(a, "gauss", 0, false, 0, &s->sigma) : st;
}

enum axm_status power_store(const struct cli_args *a, struct store **out)
{
    return store_open(cli_get(a, "store"), out);
}

enum axm_status power_open(const struct cli_args *a, struct power *p)
{
    bool measures = has_option(a, "store");
    bool needs_power = measures || (has_option(a, "power") && cli_flag(a, "power"));
    const char *mode = cli_get(a, "mode");
    enum axm_status st = AXM_OK;
    *p = (struct power){ .mode_given = mode != NULL, .opts = { .mode = SYNTH_ADDERS } };
    if (mode)
        st = synth_mode_parse(mode, &p->opts.mode);
    if (st == AXM_OK && measures && !synth_mode_maps(p->opts.mode))
        st = fail(AXM_USAGE, "%s: --mode %s ends in no library's cells, so it has no power",
                  a->command->name, mode);
    if (st == AXM_OK)
        st = get_real(a, "input-slew", 0, true, 0.1, &p->opts.mapped.input_slew_ns);
    if (st == AXM_OK)
        st = get_real(a, "output-load", 0, true, 0.02, &p->opts.mapped.output_load_pf);
    if (st == AXM_OK)
        st = get_real(a, "mhz", 0, false, 50, &p->mhz);
    if (st == AXM_OK && needs_power)
        st = get_stimulus(a, &p->opts.stimulus);
    if (st == AXM_OK && synth_mode_maps(p->opts.mode))
        st = open_liberties(a, needs_power, p);
    if (st == AXM_OK && measures)
        st = synth_tool_versions(&p->tools);
    p->opts.tools = p->tools.s;
    return st == AXM_OK && measures ? power_store(a, &p->opts.store) : st;
}

void power_release(struct power *p)
{
    for (int i = 0; i < p->n_libs; i++)
        liberty_free(p->lib[i]);
    store_close(p->opts.store);
    strbuf_release(&p->tools);
}

enum synth_mode power_mode(const struct power *p, const struct mul_circuit *c)
{
    return c->foreign && !p->mode_given ? SYNTH_EXTRACT : p->opts.mode;
}

enum axm_status power_circuits(const struct cli_args *a, struct mul_circuit **out)
{
    struct mul_circuit *c = calloc((size_t)a->n_operands + 1, sizeof *c);
    enum axm_status st = c ? AXM_OK : fail(AXM_ENV, "%s: out of memory", a->command->name);
    for (int i = 0; i < a->n_operands && st == AXM_OK; i++)
        st = mul_circuit_open(a->operand[i], &c[i]);
    if (st == AXM_OK)
        *out = c;
    else
        power_circuits_free(c, a->n_operands);
    return st;
}

void power_circuits_free(struct mul_circuit *c, int n)
{
    for (int i = 0; c && i < n; i++)
        mul_circuit_release(&c[i]);
    free(c);
}
