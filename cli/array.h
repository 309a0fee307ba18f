/* What "gen array" and "synth array" share: the options that say which array. */
#ifndef AXM_CLI_ARRAY_H
#define AXM_CLI_ARRAY_H

#include "cli/cli.h"
#include "gen/array.h"

#define ARRAY_CONFIG_OPTIONS \
    { "rows", 0, "N", "array: rows of cells (default 8)" }, \
    { "cols", 0, "N", "array: columns of cells (default 8)" }, \
    { "dataflow", 0, "ws|os", "array: weight- or output-stationary (default ws)" }, \
    { "lanes", 0, "N", "array: requantizers, and words of a result beat; divides cols (default: cols)" }, \
    { "acc-bits", 0, "N", "array: bits of the accumulators (default 32)" }, \
    { "acc-depth", 0, "N", "array, ws: most activation rows of a job (default 256)" }, \
    { "weight", 0, "a|b|runtime", "array: which operand the weight is (default: runtime, or b where the " \
                                  "operands have two widths)" }, \
    { "pool-width", 0, "N", "array: max/average pooling behind the requantizers, at most N windows in a " \
                            "row (default 0: none)" }

/* The array that the options describe around a multiplier. */
enum axm_status array_config_of(const struct cli_args *a, const struct axm_spec *mult,
                                struct array_config *out) AXM_MUST_CHECK;

/* The first of those options that was given, NULL if none. */
const char *array_option_given(const struct cli_args *a);

/* "synth array". */
enum axm_status synth_array(const struct cli_args *a) AXM_MUST_CHECK;

#endif
