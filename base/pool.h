/* Data-parallel loops over items on the process's threads.
 *
 * The threads are made by the first loop that needs them and stay, asleep, until
 * the process ends; a child of fork() makes its own.  They serve one loop at a
 * time: one that another thread begins meanwhile gets threads of its own. */
#ifndef AXM_BASE_POOL_H
#define AXM_BASE_POOL_H

#include <stddef.h>

#include "base/status.h"

/* Number of threads for pool_run(); n < 1 means one per online core. */
void pool_set_threads(int n);
int pool_threads(void);

/* Does item `item` (0..count-1) on worker `worker` (0..pool_threads()-1).
 * Anything but AXM_OK stops the loop: no new items start, and pool_run()
 * returns the status of the lowest-numbered item that failed. */
typedef enum axm_status pool_fn(void *ctx, size_t item, int worker);

/* Runs every item once, in ascending order of start; returns when all ended.
 * The caller is worker 0, and the only one with one thread, or when it is an
 * item of a loop itself; other threads block all signals.  Returns AXM_STOPPED
 * when progress_stop_requested() became true (see progress.h). */
enum axm_status pool_run(size_t count, pool_fn *fn, void *ctx) AXM_MUST_CHECK;

#endif
