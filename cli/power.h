/* What synth, power, coef and db share: liberties, conditions, the store. */
#ifndef AXM_CLI_POWER_H
#define AXM_CLI_POWER_H

#include "cli/common.h"
#include "synth/characterise.h"

/* Option rows, by what they set up. */
#define POWER_LIBERTY_OPTION \
    { "liberty", 0, "FILE...", "cell library; several: one row each. Also osu018 (default), osu035, osu050" }
#define POWER_MODE_OPTION(WORDS) \
    { "mode", 0, WORDS, "how Yosys maps (default adders; extract for verilog:FILE)" }
#define POWER_LOAD_OPTIONS \
    { "input-slew", 0, "NS", "transition time at the inputs (default 0.1)" }, \
    { "output-load", 0, "PF", "load on every output (default 0.02)" }
#define POWER_STIMULUS_OPTIONS \
    { "gauss", 0, "SIGMA", "normal operands of that standard deviation, rounded and clamped" }, \
    { "trace", 0, "FILE", "recorded operands: little-endian int16 pairs a, b, their order kept" }, \
    { "vectors", 0, "N", "operand pairs (default 20000)" }, \
    { "mhz", 0, "F", "operations a microsecond: mW and the share of leakage (default 50)" }
#define POWER_STORE_OPTION \
    { "store", 0, "FILE", "result store (default: results.sqlite in the cache directory)" }

enum { POWER_LIBERTIES_MAX = 16 };

/* What the options said, opened. */
struct power {
    int n_libs;
    struct liberty *lib[POWER_LIBERTIES_MAX];
    struct characterise_opts opts;   /* lib to be set; stimulus and load as given; store, tools */
    bool mode_given;
    double mhz;
    struct strbuf tools;
};

/* Reads what the command has of the options above; the store is opened and the tools asked for
 * their versions if it measures power (has --store).  power_release() in any case. */
enum axm_status power_open(const struct cli_args *a, struct power *out) AXM_MUST_CHECK;
void power_release(struct power *p);

/* Mode for a circuit: as given, else by where it comes from. */
enum synth_mode power_mode(const struct power *p, const struct mul_circuit *c);

/* Opens the store that --store names. */
enum axm_status power_store(const struct cli_args *a, struct store **out) AXM_MUST_CHECK;

/* Opens every operand as a circuit before anything runs; an array of n_operands, free with
 * power_circuits_free(). */
enum axm_status power_circuits(const struct cli_args *a, struct mul_circuit **out) AXM_MUST_CHECK;
void power_circuits_free(struct mul_circuit *c, int n);

#endif
