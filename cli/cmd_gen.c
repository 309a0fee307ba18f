#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "cli/array.h"
#include "cli/common.h"
#include "gen/circuit.h"
#include "gen/reference.h"

#define FORMATS "v|blif|aig|dot|c"   /* in the order of enum axm_circuit_format */

static const struct cli_option options[] = {
    { "output", 'o', "FILE|DIR", "where it goes (default: standard output); the ending says the format" },
    { "as", 0, FORMATS, "the format, where no file name ending says it (default v)" },
    { "flat", 0, NULL, "Verilog: one module, adders as expressions" },
    { "pipeline", 0, "N", "N balanced pipeline stages (0..64)" },
    { "register-inputs", 0, NULL, "a register on every input bit" },
    { "register-outputs", 0, NULL, "a register on every output bit" },
    { "behavioural", 0, NULL, "Verilog: the hand-written reference instead of gates (SPEC_ref)" },
    { "mult", 0, "SPEC", "array: the multiplier" },
    ARRAY_CONFIG_OPTIONS,
    { 0 },
};

static const char help[] =
    "Writes the circuit of a multiplier: Verilog-2005 (.v), BLIF (.blif), binary\n"
    "AIGER (.aig), Graphviz (.dot), or bit-sliced C (.c, 64 to 512 products at a time).\n"
    "Ports: a_i, b_i, p_o; x_i, y_i ... of cdmr and scdmr; clk_i with registers.\n"
    "The same spec and options give the same bytes on every run.\n"
    "\n"
    "  axmul gen scdm8s_x5_y2 -o scdm8s_x5_y2.v\n"
    "  axmul gen dadda16s_ks --pipeline 2 -o mul.v\n"
    "  axmul gen drum8u_k3 drum8u_k4 -o out/ --as blif\n"
    "\n"
    "\"gen array\" writes a directory with a systolic array around a multiplier: Verilog, file\n"
    "list, SDC, test benches for Icarus and Verilator, register map (Markdown, C header,\n"
    "IP-XACT), Makefile and README. scdmr and cdmr get x and y from a register, per job.\n"
    "\n"
    "  axmul gen array --rows 8 --cols 8 --mult scdm8s_x5_y2 --dataflow ws -o array/\n"
    "  make -C array icarus\n";

static enum axm_status write_behavioural(const struct axm_spec *s, const char *path)
{
    struct strbuf text = { 0 };
    enum axm_status st = ref_wrapper(s, &text);
    if (st == AXM_OK && text.failed)
        st = fail(AXM_ENV, "gen: out of memory");
    if (st == AXM_OK)
        st = file_write(path, text.s, text.len);
    strbuf_release(&text);
    return st;
}

struct job {
    struct cli_output output;
    struct axm_circuit_opts opts;
    bool behavioural;
};

static enum axm_status write_one(const struct job *j, const struct axm_spec *s)
{
    char name[AXM_SPEC_MAX], path[CLI_PATH_MAX];
    const struct axm_circuit_opts *o = &j->opts;
    int format;
    axm_spec_print_circuit(s, name);
    enum axm_status st = cli_output_path(&j->output, name, path, &format);
    if (st != AXM_OK)
        return st;
    if (!j->behavioural)
        return axm_circuit_write(s, (enum axm_circuit_format)format, o, path);
    if (format != AXM_CIRCUIT_VERILOG || o->flat || o->pipeline_stages || o->register_inputs ||
        o->register_outputs)
        return fail(AXM_USAGE, "gen: --behavioural writes combinational Verilog and takes no other options");
    return write_behavioural(s, path);
}

static enum axm_status parse_one(const char *text, struct axm_spec *out)
{
    if (cli_is_foreign(text))
        return fail(AXM_USAGE, "%s: a table or somebody else's circuit has no netlist of ours to write",
                    text);
    return axm_spec_parse(text, out);
}

/* --- gen array ---------------------------------------------------------------------- */

static const char *const circuit_options[] = { "as", "flat", "pipeline", "register-inputs",
    "register-outputs", "behavioural" };

/* The first of the options for circuits that was given, NULL if none. */
static const char *circuit_option_given(const struct cli_args *args)
{
    for (size_t i = 0; i < sizeof circuit_options / sizeof circuit_options[0]; i++)
        if (cli_get(args, circuit_options[i]))
            return circuit_options[i];
    return NULL;
}

static enum axm_status run_array(const struct cli_args *args)
{
    const char *mult = cli_get(args, "mult"), *dir = cli_get(args, "output");
    const char *odd = circuit_option_given(args);
    if (args->n_operands > 1)
        return fail(AXM_USAGE, "gen array: takes no operands, got \"%s\"; its multiplier is --mult SPEC",
                    args->operand[1]);
    if (odd)
        return fail(AXM_USAGE, "gen array: --%s is not for arrays", odd);
    if (!mult || !dir)
        return fail(AXM_USAGE, "usage: axmul gen array --mult SPEC -o DIR [--rows N] [--cols N] ...");
    if (!strcmp(dir, "-"))
        return fail(AXM_USAGE, "gen array: -o must be a directory, got \"-\"");
    struct axm_spec spec;
    enum axm_status st = parse_one(mult, &spec);
    if (st != AXM_OK)
        return st;
    struct array_config c;
    struct stat info;
    bool there = lstat(dir, &info) == 0;
    st = array_config_of(args, &spec, &c);
    if (st != AXM_OK)
        return st;
    st = array_write_dir(&c, dir);
    if (st != AXM_OK && !there)      /* half an array is of no use */
        file_remove_tree(dir);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    int64_t stages;
    if (!strcmp(args->operand[0], "array"))
        return run_array(args);
    const char *odd = cli_get(args, "mult") ? "mult" : array_option_given(args);
    if (odd)
        return fail(AXM_USAGE, "gen: --%s is for \"gen array\"", odd);
    enum axm_status st = cli_get_int(args, "pipeline", 0, 64, 0, &stages);
    if (st != AXM_OK)
        return st;
    struct job j = {
        .output = { .o = cli_get(args, "output"), .as = cli_get(args, "as"), .formats = FORMATS,
                    .results = args->n_operands },
        .opts = { .flat = cli_flag(args, "flat"), .register_inputs = cli_flag(args, "register-inputs"),
                  .register_outputs = cli_flag(args, "register-outputs"), .pipeline_stages = (int)stages },
        .behavioural = cli_flag(args, "behavioural"),
    };
    if (!j.output.o)
        j.output.o = "-";
    struct axm_spec *spec = calloc((size_t)args->n_operands, sizeof *spec);
    if (!spec)
        return fail(AXM_ENV, "gen: out of memory");
    for (int i = 0; i < args->n_operands && st == AXM_OK; i++)
        st = parse_one(args->operand[i], &spec[i]);
    for (int i = 0; i < args->n_operands && st == AXM_OK; i++)
        st = write_one(&j, &spec[i]);
    free(spec);
    return st;
}

const struct cli_command cmd_gen = {
    .name = "gen",
    .synopsis = "SPEC... [-o FILE|DIR] | array --mult SPEC -o DIR",
    .brief = "the circuit as Verilog, BLIF, AIGER, DOT or C; a systolic array",
    .help = help,
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
    .run = run,
};
