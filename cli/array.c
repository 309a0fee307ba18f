#include "cli/array.h"

#include <string.h>

static const struct cli_option options[] = { ARRAY_CONFIG_OPTIONS, { 0 } };

const char *array_option_given(const struct cli_args *a)
{
    for (const struct cli_option *o = options; o->name; o++)
        if (cli_get(a, o->name))
            return o->name;
    return NULL;
}

enum axm_status array_config_of(const struct cli_args *a, const struct axm_spec *mult,
                                struct array_config *out)
{
    struct array_config c = array_defaults(mult);
    const char *dataflow = cli_get(a, "dataflow"), *weight = cli_get(a, "weight");
    int64_t rows, cols, lanes, acc_bits, acc_depth, pool_width;
    enum axm_status st;
    if ((st = cli_get_int(a, "rows", 1, ARRAY_ROWS_MAX, c.rows, &rows)) ||
        (st = cli_get_int(a, "cols", 1, ARRAY_COLS_MAX, c.cols, &cols)) ||
        (st = cli_get_int(a, "lanes", 1, ARRAY_COLS_MAX, cols, &lanes)) ||
        (st = cli_get_int(a, "acc-bits", 1, 32, c.acc_bits, &acc_bits)) ||
        (st = cli_get_int(a, "acc-depth", 2, 1 << 16, c.acc_depth, &acc_depth)) ||
        (st = cli_get_int(a, "pool-width", 0, ARRAY_POOL_WIDTH_MAX, c.pool_width, &pool_width)))
        return st;
    c.rows = (int)rows;
    c.cols = (int)cols;
    c.lanes = (int)lanes;
    c.acc_bits = (int)acc_bits;
    c.acc_depth = (int)acc_depth;
    c.pool_width = (int)pool_width;
    if (dataflow)
        c.dataflow = !strcmp(dataflow, "os") ? ARRAY_OS : ARRAY_WS;
    if (c.dataflow == ARRAY_OS && cli_get(a, "acc-depth"))
        return fail(AXM_USAGE, "%s array: --acc-depth is for --dataflow ws", a->command->name);
    if (weight)
        c.order = weight[0] == 'a' ? ARRAY_WEIGHT_IS_A : weight[0] == 'b' ? ARRAY_WEIGHT_IS_B
                                                                         : ARRAY_ORDER_RUNTIME;
    *out = c;
    return AXM_OK;
}
