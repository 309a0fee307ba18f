#include "base/progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"

enum { BAR_WIDTH = 30 };
enum { HANDLER_STACK = 1 << 16 };   /* bytes; the registers of AVX-512 alone are 2.7 KB, of AMX 11 KB */

struct progress {
    const char *label;
    uint64_t total;
    _Atomic uint64_t done;
    double started, printed;    /* seconds */
    bool terminal, silent;
    pthread_mutex_t lock;       /* of the printing */
};

/* Shared by whoever ran out of memory: prints nothing. */
static struct progress silent = { .silent = true, .lock = PTHREAD_MUTEX_INITIALIZER };

static atomic_int stop;   /* lock-free, so a signal handler may set it */

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
        char line[160], bar[BAR_WIDTH + 1];
        for (int i = 0; i < BAR_WIDTH; i++)
            bar[i] = i < (int)(BAR_WIDTH * share) ? '#' : '.';
        bar[BAR_WIDTH] = '\0';
        snprintf(line, sizeof line, "%.60s [%s] %3.0f %%  %.3g/s  %.0f s left", p->label, bar, 100 * share,
                 (double)done / elapsed, left);
        note_bar(line);
    } else {
        note("%s: %.0f %% in %.0f s, %.3g/s, %.0f s left", p->label, 100 * share, elapsed,
             (double)done / elapsed, left);
    }
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
    if (p->terminal)
        note_bar("");
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void on_signal(int number)
{
    if (atomic_exchange(&stop, 1) && number == SIGINT)
        _exit(130);
}

/* oneDNN's matrix kernels point the stack pointer into a buffer of the heap while they copy, and a handler's
 * frame would be written over what lies below that buffer. */
static void use_a_stack_of_its_own(void)
{
    static _Alignas(64) char memory[HANDLER_STACK];
    stack_t now, ours = { .ss_sp = memory, .ss_size = sizeof memory };
    if (!sigaltstack(NULL, &now) && now.ss_flags & SS_DISABLE)
        sigaltstack(&ours, NULL);
}

void progress_catch_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
    use_a_stack_of_its_own();
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

bool progress_stop_requested(void)
{
    return atomic_load(&stop);
}
