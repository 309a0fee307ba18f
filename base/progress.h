/* Progress of long work: bar, rate and ETA on a terminal, a plain line now and
 * then otherwise, nothing when --quiet.  Standard error only.  Thread-safe. */
#ifndef AXM_BASE_PROGRESS_H
#define AXM_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress;

/* label is borrowed until progress_end().  Work shorter than half a second
 * prints nothing.  Never NULL: out of memory gives a silent one. */
struct progress *progress_begin(const char *label, uint64_t total);
void progress_add(struct progress *p, uint64_t done);
void progress_end(struct progress *p);   /* clears the bar, frees p */

/* SIGINT and SIGTERM ask long work to stop at the next item.  A second SIGINT
 * ends the process at once.  A file that outgrows the process's limit becomes a
 * write error instead of a signal.  The library installs no handler; the
 * command does, once, from its main thread: the handler runs there (workers of
 * base/pool.h take no signals), on a stack of its own. */
void progress_catch_signals(void);
bool progress_stop_requested(void);

#endif
