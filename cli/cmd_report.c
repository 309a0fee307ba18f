#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/power.h"
#include "explore/report.h"

static const struct cli_option options[] = {
    { "output", 'o', "FILE", "where the page goes; - is standard output" },
    POWER_STORE_OPTION,
    { "mhz", 0, "F", "operations a microsecond: mW and the share of leakage (default 50)" },
    { "accuracy", 0, "FILE...", "CSV of axmul infer: top-1 by multiplier, and Table 6 beside it" },
    { "plane", 0, "FILE...", "CSV of axmul ip: the information plane" },
    { "search", 0, "FILE...", "log of axmul search: what was scored, and top-1 by multiplier" },
    { "history", 0, "FILE...", "CSV of axmul search --history: progress by generation" },
    { "maps", 0, "KIB", "of tables for heat maps at most, 0 none (default 2048: several hundred)" },
    { 0 },
};

static const char help[] =
    "One HTML page with everything in it, that needs no network: the multipliers of the result\n"
    "store, of Table 4 and those named, as a table to sort and filter, beside area, delay, power,\n"
    "error metrics, entropy and accuracy; a scatter plot of any two of them with the Pareto front;\n"
    "heat maps of the selected multiplier's product and error; the paper's tables beside ours.\n"
    "\n"
    "Heat maps are there for Table 4's multipliers, then those named, those on a front (error\n"
    "against area, power and energy), then others, as long as --maps has room; the page says for\n"
    "how many. Measurements come from axmul power, coef --paper and coef --all.\n"
    "\n"
    "  axmul coef --all; axmul report -o report.html\n"
    "  axmul report -o report.html --accuracy infer.csv --search ~/.cache/axmul/searches.sqlite\n";

enum { KIB_MAX = 1 << 20, KIB_DEFAULT = 2048 };

/* The values of an option that may be repeated, ending with NULL; free() it. */
static const char **given(const struct cli_args *args, const char *name)
{
    int n = 0;
    while (cli_get_nth(args, name, n))
        n++;
    const char **all = calloc((size_t)n + 1, sizeof *all);
    for (int i = 0; all && i < n; i++)
        all[i] = cli_get_nth(args, name, i);
    return all;
}

static enum axm_status write_report(const struct cli_args *args, struct report_opts *o)
{
    const char **accuracy = given(args, "accuracy"), **plane = given(args, "plane");
    const char **search = given(args, "search"), **history = given(args, "history");
    const char *path = cli_get(args, "output");
    struct report_counts n;
    struct outfile f;
    o->accuracy = accuracy;
    o->plane = plane;
    o->search = search;
    o->history = history;
    enum axm_status st = accuracy && plane && search && history ? AXM_OK
                                                                : fail(AXM_ENV, "report: out of memory");
    if (st == AXM_OK)
        st = outfile_open(&f, path);
    if (st == AXM_OK) {
        st = report_write(o, f.f, &n);
        if (st == AXM_OK)
            st = outfile_commit(&f);
        else
            outfile_abort(&f);
        if (st == AXM_OK)
            note("%s: %zu multipliers, %zu of them measured, heat maps of %zu%s", path, n.multipliers,
                 n.measured, n.mapped, n.measured ? "" : "; axmul coef --all measures");
    }
    free(accuracy);
    free(plane);
    free(search);
    free(history);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    const char *mhz = cli_get(args, "mhz");
    struct report_opts o = { .spec = (const char *const *)args->operand, .n_specs = args->n_operands,
                             .mhz = 50, .assets = embedded_report };
    char *end = NULL;
    int64_t kib;
    struct store *store;
    if (!cli_get(args, "output"))
        return fail(AXM_USAGE, "report: -o FILE says where the page goes");
    if (mhz)
        o.mhz = strtod(mhz, &end);
    if (mhz && (end == mhz || *end || !(o.mhz > 0 && o.mhz < 1e9)))
        return fail(AXM_USAGE, "--mhz must be a number above 0, got \"%s\"", mhz);
    enum axm_status st = cli_get_int(args, "maps", 0, KIB_MAX, KIB_DEFAULT, &kib);
    if (st != AXM_OK)
        return st;
    o.map_bytes = (size_t)kib << 10;
    st = power_store(args, &store);
    if (st != AXM_OK)
        return st;
    o.store = store;
    st = write_report(args, &o);
    store_close(store);
    return st;
}

const struct cli_command cmd_report = {
    .name = "report",
    .synopsis = "[SPEC]... -o FILE",
    .brief = "one HTML page of multipliers, plots and the paper's tables",
    .help = help,
    .options = options,
    .operands_max = -1,
    .run = run,
};
