#include "base/progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"

struct progress {
    const char *label;
    uint64_t total;
    _Atomic uint64_t done;
    double started, printed;    /* seconds */
    bool terminal, shown, silent;
    pthread_mutex_t lock;       /* of the printing */
};

/* Shared by whoever ran out of memory: prints nothing. */
static struct progress silent = { .silent = true, .lock = PTHREAD_MUTEX_INITIALIZER };

static volatile sig_atomic_t stop;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct progress *progress_begin(const char *label, uint64_t total)
{
    struct progress *p = malloc(sizeof *p);
    if (!p)
        return &silent;
    *p = (struct progress){ .label = label, .total = total, .started = now(), .terminal = isatty(2) };
    pthread_mutex_init(&p->lock, NULL);
    p->printed = p->started;
    return p;
}

static void print(struct progress *p, double t)
{
    uint64_t done = atomic_load(&p->done);
    double share = p->total ? (double)done / (double)p->total : 1, elapsed = t - p->started;
    double left = share > 0 ? elapsed * (1 - share) / share : 0;
    if (share > 1)
        share = 1;
    if (p->terminal) {
        char bar[31];
        for (int i = 0; i < 30; i++)
            bar[i] = i < (int)(30 * share) ? '#' : '.';
        bar[30] = '\0';
        note("\r\033[K%s [%s] %3.0f %%  %.0f s left\033[A", p->label, bar, 100 * share, left);
    } else {
        note("%s: %.0f %%, %.0f s, %.0f s left", p->label, 100 * share, elapsed, left);
    }
    p->shown = true;
    p->printed = t;
}

void progress_add(struct progress *p, uint64_t n)
{
    if (p->silent)
        return;
    atomic_fetch_add(&p->done, n);
    if (pthread_mutex_trylock(&p->lock))
        return;   /* someone else is printing */
    double t = now();
    /* A bar moves five times a second; plain lines come every ten seconds. */
    if (t - p->started > 0.5 && t - p->printed > (p->terminal ? 0.2 : 10))
        print(p, t);
    pthread_mutex_unlock(&p->lock);
}

void progress_end(struct progress *p)
{
    if (p->silent)
        return;
    if (p->shown && p->terminal)
        fputs("\r\033[K", stderr);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void on_signal(int number)
{
    if (stop && number == SIGINT)
        _exit(130);
    stop = 1;
}

void progress_catch_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal };
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

bool progress_stop_requested(void)
{
    return stop;
}
