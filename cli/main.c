#include <signal.h>

#include "base/progress.h"
#include "cli/cli.h"
#include "sim/foreign.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);   /* "axmul list | head": the write fails, quietly */
    progress_catch_signals();
    sim_register();
    return cli_main(argc, argv);
}
