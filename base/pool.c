#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/progress.h"

enum { SPIN_NS = 30000 };           /* of an idle worker, before it sleeps */

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

static void work(struct loop *l, int worker)
{
    bool outer = inside;
    inside = true;
    while (!atomic_load(&l->stop)) {
        size_t item = atomic_fetch_add(&l->next, 1);
        if (item >= l->count)
            break;
        enum axm_status st = progress_stop_requested() ? AXM_STOPPED : l->fn(l->ctx, item, worker);
        if (st != AXM_OK)
            report(l, item, st);
    }
    inside = outer;
}

/* Signals are for the caller's thread, whose handlers have a stack of their own. */
static int create_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *arg), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, attr, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* --- the crew: threads that stay, for one loop at a time ----------------------------------------- */

enum state { IDLE, ASKED, AT_WORK, DISMISSED };

struct worker {
    /* IDLE to ASKED and back, and to DISMISSED, is the caller's; ASKED to AT_WORK to IDLE the worker's. */
    _Alignas(64) atomic_int state;
    atomic_int sleepers;            /* in wait for `changed`: the worker, or a caller for its end */
    int number;
    struct loop *loop;              /* of ASKED and AT_WORK */
    bool moved;                     /* kept off the caller's core; `allowed` is to be restored */
    cpu_set_t allowed;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct worker *next;
};

static struct {
    atomic_bool busy;               /* who sets it has all of this */
    bool forks_known;
    struct worker *first;           /* number 1; those after `started` are memory to use again */
    int started, cores;
    atomic_bool spins;
} crew;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pause_core(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* To be woken takes longer than many a gap between two loops. */
static bool changes_soon(struct worker *w, int from)
{
    if (!atomic_load_explicit(&crew.spins, memory_order_relaxed))
        return false;
    for (uint64_t end = now_ns() + SPIN_NS; now_ns() < end;)
        for (int i = 0; i < 16; i++) {
            if (atomic_load(&w->state) != from)
                return true;
            pause_core();
        }
    return false;
}

/* Returns when w's state is not `from` any more. */
static void await_change(struct worker *w, int from)
{
    if (atomic_load(&w->state) != from || changes_soon(w, from))
        return;
    pthread_mutex_lock(&w->lock);
    atomic_fetch_add(&w->sleepers, 1);
    while (atomic_load(&w->state) == from)
        pthread_cond_wait(&w->changed, &w->lock);
    atomic_fetch_sub(&w->sleepers, 1);
    pthread_mutex_unlock(&w->lock);
}

static void set_state(struct worker *w, int to)
{
    atomic_store(&w->state, to);
    if (!atomic_load(&w->sleepers))
        return;
    pthread_mutex_lock(&w->lock);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void *serve(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        int asked = ASKED;
        await_change(w, IDLE);
        if (atomic_load(&w->state) == DISMISSED)
            return NULL;
        if (!atomic_compare_exchange_strong(&w->state, &asked, AT_WORK))
            continue;   /* too late: the others have done it all */
        if (w->moved)
            pthread_setaffinity_np(pthread_self(), sizeof w->allowed, &w->allowed);
        w->moved = false;
        work(w->loop, w->number);
        set_state(w, IDLE);
    }
}

/* The cores on which the calling thread may run, without the one on which it is; false if there is no
 * other. */
static bool other_cores(cpu_set_t *allowed, cpu_set_t *others)
{
    int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof *allowed, allowed))
        return false;
    *others = *allowed;
    CPU_CLR(here, others);
    return CPU_COUNT(others) > 0;
}

/* A virtual core that is halted looks taken to the scheduler, which then wakes a thread on its waker's core
 * although others are idle; the two may share it for milliseconds. */
static void keep_apart(struct worker *w)
{
    cpu_set_t allowed, others;
    if (!other_cores(&allowed, &others) || pthread_setaffinity_np(w->thread, sizeof others, &others))
        return;
    w->allowed = allowed;
    w->moved = true;
}

static void ask(struct worker *w, struct loop *l)
{
    if (atomic_load(&w->sleepers))
        keep_apart(w);
    w->loop = l;
    set_state(w, ASKED);
}

/* A worker that did not come until now need not come any more. */
static void finish(struct worker *w)
{
    int asked = ASKED;
    if (!atomic_compare_exchange_strong(&w->state, &asked, IDLE))
        await_change(w, AT_WORK);
}

/* Of a child process: threads stay behind. */
static void forget_crew(void)
{
    crew.started = 0;
    atomic_store(&crew.busy, false);
}

static bool start_thread(struct worker *w)
{
    pthread_attr_t attr;
    cpu_set_t others;
    int error = -1;
    if (other_cores(&w->allowed, &others) && !pthread_attr_init(&attr)) {
        w->moved = true;
        if (!pthread_attr_setaffinity_np(&attr, sizeof others, &others))
            error = create_thread(&w->thread, &attr, serve, w);
        pthread_attr_destroy(&attr);
    }
    if (error) {
        w->moved = false;
        error = create_thread(&w->thread, NULL, serve, w);
    }
    return !error;
}

/* Starts the worker at the end of the list. */
static bool recruit(struct worker **end)
{
    if (!crew.forks_known && pthread_atfork(NULL, NULL, forget_crew))
        return false;
    crew.forks_known = true;
    if (!*end) {
        struct worker *w = aligned_alloc(_Alignof(struct worker), sizeof *w);
        if (!w)
            return false;
        w->next = NULL;
        *end = w;
    }
    **end = (struct worker){ .number = crew.started + 1, .next = (*end)->next };
    pthread_mutex_init(&(*end)->lock, NULL);
    pthread_cond_init(&(*end)->changed, NULL);
    if (!start_thread(*end))
        return false;
    crew.started++;
    return true;
}

static void run_with_crew(struct loop *l, int n)
{
    struct worker **w = &crew.first;
    cpu_set_t allowed;
    int asked = 1;
    if (!crew.cores)
        crew.cores = sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
    atomic_store(&crew.spins, n <= crew.cores);
    /* Fewer threads than wanted is no failure: the caller works too. */
    for (; asked < n && (asked <= crew.started || recruit(w)); asked++, w = &(*w)->next)
        ask(*w, l);
    work(l, 0);
    w = &crew.first;
    for (int i = 1; i < asked; i++, w = &(*w)->next)
        finish(*w);
}

/* At the end of the process, or when the library is unloaded. */
__attribute__((destructor)) static void dismiss_crew(void)
{
    if (atomic_exchange(&crew.busy, true))
        return;   /* the process ends within a loop: nobody can wait for its end */
    for (struct worker *w = crew.first, *next; w; w = next) {
        next = w->next;
        if (w->number <= crew.started) {
            set_state(w, DISMISSED);
            pthread_join(w->thread, NULL);
        }
        free(w);
    }
    crew.first = NULL;
}

/* --- threads for one loop -------------------------------------------------------------------------- */

struct temporary {
    struct loop *loop;
    int number;
    pthread_t thread;
};

static void *serve_once(void *arg)
{
    struct temporary *t = arg;
    work(t->loop, t->number);
    return NULL;
}

static void run_with_new_threads(struct loop *l, int n)
{
    struct temporary *t = calloc((size_t)n, sizeof *t);
    int started = 1;
    for (; t && started < n; started++) {
        t[started] = (struct temporary){ .loop = l, .number = started };
        if (create_thread(&t[started].thread, NULL, serve_once, &t[started]))
            break;
    }
    work(l, 0);
    for (int i = 1; t && i < started; i++)
        pthread_join(t[i].thread, NULL);
    free(t);
}

/* --- loops ------------------------------------------------------------------------------------------ */

enum axm_status pool_run(size_t count, pool_fn *fn, void *ctx)
{
    struct loop l = { .fn = fn, .ctx = ctx, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER };
    int n = inside ? 1 : pool_threads();
    if ((size_t)n > count)
        n = count ? (int)count : 1;
    if (n == 1) {
        work(&l, 0);
    } else if (!atomic_exchange(&crew.busy, true)) {
        run_with_crew(&l, n);
        atomic_store(&crew.busy, false);
    } else {
        run_with_new_threads(&l, n);
    }
    pthread_mutex_destroy(&l.lock);
    return l.status;
}
