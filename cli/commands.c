/* The commands, in the order of the help. */
#include "cli/cli.h"

extern const struct cli_command cmd_list, cmd_eval, cmd_lut, cmd_metrics, cmd_entropy, cmd_plot, cmd_gen,
    cmd_verify, cmd_mutate, cmd_synth, cmd_power, cmd_coef, cmd_db, cmd_data, cmd_train,
    cmd_quantize, cmd_show, cmd_infer, cmd_dump, cmd_cosim, cmd_search, cmd_ip, cmd_sweep,
    cmd_report, cmd_bench_gemm, cmd_help;

const struct cli_command *const cli_commands[] = {
    &cmd_list, &cmd_eval, &cmd_lut, &cmd_metrics, &cmd_entropy, &cmd_plot, &cmd_gen, &cmd_verify, &cmd_mutate,
    &cmd_synth, &cmd_power, &cmd_coef, &cmd_db, &cmd_data, &cmd_train, &cmd_quantize, &cmd_show, &cmd_infer,
    &cmd_dump, &cmd_cosim, &cmd_search, &cmd_ip, &cmd_sweep, &cmd_report,
    &cmd_bench_gemm, &cmd_help, NULL,
};
