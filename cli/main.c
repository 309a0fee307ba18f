#include "base/progress.h"
#include "cli/cli.h"
#include "sim/foreign.h"

int main(int argc, char **argv)
{
    progress_catch_signals();
    sim_register();
    return cli_main(argc, argv);
}
