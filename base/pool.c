#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/progress.h"

static atomic_int configured;
static _Thread_local bool inside;   /* a worker: nested loops stay on it */

void pool_set_threads(int n)
{
    atomic_store(&configured, n < 1 ? 0 : n);
}

void axm_set_threads(int n)
{
    pool_set_threads(n);
}

int pool_threads(void)
{
    int n = atomic_load(&configured);
    if (n == 0)
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n;
}

struct loop {
    pool_fn *fn;
    void *ctx;
    size_t count;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock;      /* of the two below */
    size_t failed_item;
    enum axm_status status;
};

struct worker {
    struct loop *loop;
    int number;
    pthread_t thread;
};

static void report(struct loop *l, size_t item, enum axm_status st)
{
    pthread_mutex_lock(&l->lock);
    if (l->status == AXM_OK || item < l->failed_item) {
        l->status = st;
        l->failed_item = item;
    }
    pthread_mutex_unlock(&l->lock);
    atomic_store(&l->stop, true);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct loop *l = w->loop;
    bool outer = inside;
    inside = true;
    while (!atomic_load(&l->stop)) {
        size_t item = atomic_fetch_add(&l->next, 1);
        if (item >= l->count)
            break;
        enum axm_status st = progress_stop_requested() ? AXM_STOPPED : l->fn(l->ctx, item, w->number);
        if (st != AXM_OK)
            report(l, item, st);
    }
    inside = outer;
    return NULL;
}

enum axm_status pool_run(size_t count, pool_fn *fn, void *ctx)
{
    struct loop l = { .fn = fn, .ctx = ctx, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER };
    int n = inside ? 1 : pool_threads();
    if ((size_t)n > count)
        n = count ? (int)count : 1;
    struct worker self = { .loop = &l };
    struct worker *w = n > 1 ? calloc((size_t)n, sizeof *w) : NULL;
    int started = 1;
    /* Signals are for the caller's thread, whose handlers have a stack of their own. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* Fewer threads than wanted is no failure: the caller works too. */
    for (; w && started < n; started++) {
        w[started] = (struct worker){ .loop = &l, .number = started };
        if (pthread_create(&w[started].thread, NULL, work, &w[started]))
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(&self);
    for (int i = 1; w && i < started; i++)
        pthread_join(w[i].thread, NULL);
    free(w);
    pthread_mutex_destroy(&l.lock);
    return l.status;
}
