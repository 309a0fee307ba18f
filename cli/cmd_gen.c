#include <string.h>

#include "base/strbuf.h"
#include "base/file.h"
#include "cli/common.h"
#include "gen/circuit.h"
#include "gen/reference.h"

static const struct cli_option options[] = {
    { "output", 'o', "FILE|DIR", "where it goes (default: standard output); the ending says the format" },
    { "as", 0, "FORMAT", "v, blif, aig, dot or c: the format in a directory or on standard output (default v)" },
    { "flat", 0, NULL, "Verilog: one module, adders as expressions" },
    { "pipeline", 0, "N", "N balanced pipeline stages (0..64)" },
    { "register-inputs", 0, NULL, "a register on every input bit" },
    { "register-outputs", 0, NULL, "a register on every output bit" },
    { "behavioural", 0, NULL, "Verilog: the hand-written reference instead of gates (SPEC_ref)" },
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
    "  axmul gen drum8u_k3 drum8u_k4 -o out/ --as blif\n";

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

static enum axm_status write_one(const struct cli_args *args, const struct axm_circuit_opts *o, const char *operand)
{
    const char *output = cli_get(args, "output"), *as = cli_get(args, "as");
    char name[AXM_SPEC_MAX], path[4096];
    struct axm_spec s;
    if (!strncmp(operand, "lut:", 4) || !strncmp(operand, "verilog:", 8))
        return fail(AXM_USAGE, "%s: a table or somebody else's circuit has no netlist of ours to write", operand);
    enum axm_status st = axm_spec_parse(operand, &s);
    if (st != AXM_OK)
        return st;
    axm_spec_print_circuit(&s, name);
    st = cli_output_path(output ? output : "-", name, as ? as : "v", output ? args->n_operands : 1, path, sizeof path);
    if (st != AXM_OK)
        return st;
    const char *ending = as ? as : strcmp(path, "-") ? cli_ending(path) : "v";
    int format = axm_circuit_format_of(ending);
    if (format < 0)
        return fail(AXM_USAGE, "gen: formats are v, blif, aig, dot and c, got \"%s\"", ending);
    if (!cli_flag(args, "behavioural"))
        return axm_circuit_write(&s, (enum axm_circuit_format)format, o, path);
    if (format != AXM_CIRCUIT_VERILOG || o->flat || o->pipeline_stages || o->register_inputs || o->register_outputs)
        return fail(AXM_USAGE, "gen: --behavioural writes combinational Verilog and takes no other options");
    return write_behavioural(&s, path);
}

static enum axm_status run(const struct cli_args *args)
{
    int64_t stages;
    struct axm_circuit_opts o = {
        .flat = cli_flag(args, "flat"),
        .register_inputs = cli_flag(args, "register-inputs"),
        .register_outputs = cli_flag(args, "register-outputs"),
    };
    enum axm_status st = cli_get_int(args, "pipeline", 0, 64, 0, &stages);
    o.pipeline_stages = (int)stages;
    for (int i = 0; i < args->n_operands && st == AXM_OK; i++)
        st = write_one(args, &o, args->operand[i]);
    return st;
}

const struct cli_command cmd_gen = {
    .name = "gen",
    .synopsis = "SPEC... [-o FILE|DIR]",
    .brief = "the circuit as Verilog, BLIF, AIGER, DOT or C",
    .help = help,
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
    .run = run,
};
