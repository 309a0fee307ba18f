#include "base/progress.h"
#include "cli/cli.h"
#include "sim/foreign.h"

int main(int argc, char **argv)
{
    progress_catch_signals();
    axm_enable_verilog();
    return cli_main(argc, argv);
}
