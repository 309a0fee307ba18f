/* Running other programs: argument vectors, never a shell. */
#ifndef AXM_BASE_PROC_H
#define AXM_BASE_PROC_H

#include <stdbool.h>

#include "base/status.h"
#include "base/strbuf.h"

struct proc_opts {
    const char *dir;          /* working directory; NULL: ours */
    struct strbuf *out;       /* standard output appended here; NULL: discarded */
    struct strbuf *err;       /* standard error; may be the same buffer as out */
    int timeout_s;            /* 0: none */
    int *exit_code;           /* NULL: a nonzero exit code is a failure */
};

/* Runs argv[0] (searched in PATH; argv ends with NULL) to its end.  A program
 * that is missing, dies by a signal, times out or (unless exit_code is given)
 * exits nonzero is reported with the last lines it printed; AXM_ENV. */
enum axm_status proc_run(const char *const argv[], const struct proc_opts *o) AXM_MUST_CHECK;

/* True when the program is found in PATH. */
bool proc_have(const char *program);

/* AXM_ENV with one line that names the Debian package to install, or AXM_OK. */
enum axm_status proc_need(const char *program, const char *debian_package) AXM_MUST_CHECK;

#endif
