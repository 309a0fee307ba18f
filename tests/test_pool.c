#include "tests/harness.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "tests/capture.h"

enum { ITEMS = 1000 };

struct job {
    uint64_t value[ITEMS];
    atomic_int started[ITEMS];
    atomic_int worker_max;
    int slow_bad, fast_bad; /* items that fail: with AXM_USAGE, with AXM_ENV */
    atomic_int after;       /* items above 900 */
};

static enum axm_status draw(void *ctx, size_t item, int worker)
{
    struct job *j = ctx;
    struct rng r;
    rng_init(&r, 42, item);
    for (size_t i = 0; i <= item; i++)
        j->value[item] = rng_next(&r);
    atomic_fetch_add(&j->started[item], 1);
    for (int seen = atomic_load(&j->worker_max); worker > seen;)
        if (atomic_compare_exchange_weak(&j->worker_max, &seen, worker))
            break;
    return AXM_OK;
}

TEST(test_pool__every_item_runs_once_and_threads_do_not_change_the_result)
{
    static struct job one, many;
    pool_set_threads(1);
    assert_int_equal(pool_run(ITEMS, draw, &one), AXM_OK);
    assert_int_equal(one.worker_max, 0);
    for (int threads = 2; threads <= 9; threads++) {
        memset(&many, 0, sizeof many);
        pool_set_threads(threads);
        assert_int_equal(pool_threads(), threads);
        assert_int_equal(pool_run(ITEMS, draw, &many), AXM_OK);
        assert_memory_equal(one.value, many.value, sizeof one.value);
        assert_true(many.worker_max < threads);
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(many.started[i], 1);
    }
    pool_set_threads(0);
    assert_int_equal(pool_threads(), sysconf(_SC_NPROCESSORS_ONLN));
    axm_set_threads(3);   /* the same, for users of the library */
    assert_int_equal(pool_threads(), 3);
    axm_set_threads(0);
    assert_int_equal(pool_run(0, draw, &many), AXM_OK);
}

static enum axm_status some_fail(void *ctx, size_t item, int worker __attribute__((unused)))
{
    struct job *j = ctx;
    if ((int)item == j->slow_bad) {
        usleep(30000);
        return AXM_USAGE;
    }
    if ((int)item == j->fast_bad) {
        usleep(5000);   /* long enough for the other to begin */
        return AXM_ENV;
    }
    usleep(item > 11 ? 1000 : 0);
    if (item > 900)
        atomic_fetch_add(&j->after, 1);
    return AXM_OK;
}

TEST(test_pool__the_first_failing_item_decides_and_stops_the_loop)
{
    for (int threads = 1; threads <= 4; threads++) {
        /* The lower number decides, whichever fails first in time. */
        struct job j = { .slow_bad = 10, .fast_bad = 11 };
        pool_set_threads(threads);
        assert_int_equal(pool_run(ITEMS, some_fail, &j), AXM_USAGE);
        assert_int_equal(j.after, 0);
        j = (struct job){ .slow_bad = 11, .fast_bad = 10 };
        assert_int_equal(pool_run(ITEMS, some_fail, &j), AXM_ENV);
    }
    pool_set_threads(0);
}

static enum axm_status add_worker(void *ctx, size_t item __attribute__((unused)), int worker)
{
    assert_int_equal(worker, 0);
    ++*(int *)ctx;   /* no lock: all on one thread */
    return AXM_OK;
}

static enum axm_status nest(void *ctx, size_t item, int worker __attribute__((unused)))
{
    int count = 0;
    enum axm_status st = pool_run(item, add_worker, &count);
    atomic_fetch_add((atomic_int *)ctx, count);
    return st;
}

TEST(test_pool__a_loop_within_a_loop_stays_on_its_worker)
{
    atomic_int total = 0;
    pool_set_threads(4);
    assert_int_equal(pool_run(100, nest, &total), AXM_OK);
    assert_int_equal(total, 99 * 100 / 2);
    pool_set_threads(0);
}

static enum axm_status interrupt(void *ctx, size_t item, int worker __attribute__((unused)))
{
    atomic_fetch_add((atomic_int *)ctx, 1);
    if (item == 5)
        kill(getpid(), SIGTERM);   /* raise() is for a worker's own thread, which takes none */
    usleep(item > 5 ? 1000 : 0);
    return AXM_OK;
}

static int interrupted_loop(void *arg __attribute__((unused)))
{
    atomic_int done = 0;
    progress_catch_signals();
    pool_set_threads(2);
    enum axm_status st = pool_run(ITEMS, interrupt, &done);
    return !(st == AXM_STOPPED && progress_stop_requested() && done >= 6 && done < ITEMS);
}

TEST(test_pool__an_interrupt_ends_the_loop_at_the_next_item)
{
    assert_int_equal(in_child(interrupted_loop, NULL), 0);
}

/* --- the threads stay ------------------------------------------------------------------------- */

enum { MOST_THREADS = 12 };

/* Every item waits for all the others, so that each needs a thread. */
struct meeting {
    int n;
    atomic_int arrived, missed;
    atomic_int items_of[MOST_THREADS];   /* by worker */
    cpu_set_t allowed[MOST_THREADS];     /* where the worker might run */
};

static enum axm_status meet(void *ctx, size_t item __attribute__((unused)), int worker)
{
    struct meeting *m = ctx;
    if (worker < 0 || worker >= m->n)
        return AXM_MISMATCH;
    atomic_fetch_add(&m->items_of[worker], 1);
    sched_getaffinity(0, sizeof m->allowed[worker], &m->allowed[worker]);
    atomic_fetch_add(&m->arrived, 1);
    for (int ms = 0; atomic_load(&m->arrived) < m->n && ms < 5000; ms++)
        usleep(1000);
    if (atomic_load(&m->arrived) < m->n)
        atomic_fetch_add(&m->missed, 1);
    return AXM_OK;
}

/* Whether n threads ran together, under the numbers 0 to n - 1. */
static bool all_meet(int n, struct meeting *m)
{
    *m = (struct meeting){ .n = n };
    pool_set_threads(n);
    bool ok = pool_run((size_t)n, meet, m) == AXM_OK && !m->missed;
    for (int i = 0; i < n; i++)
        ok &= m->items_of[i] == 1;
    pool_set_threads(0);
    return ok;
}

TEST(test_pool__the_number_of_threads_may_change_between_loops)
{
    static const int numbers[] = { 3, 2, 7, 1, 2, MOST_THREADS, 4, 7, MOST_THREADS, 1 };
    struct meeting m;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CHECK(all_meet(numbers[i], &m), "%d threads", numbers[i]);
}

static enum axm_status tell_thread(void *ctx, size_t item __attribute__((unused)), int worker)
{
    struct meeting *m = ((void **)ctx)[0];
    ((pthread_t *)((void **)ctx)[1])[worker] = pthread_self();
    return meet(m, 0, worker);
}

TEST(test_pool__a_worker_is_the_same_thread_in_every_loop)
{
    pthread_t first[4], again[4];
    pool_set_threads(4);
    for (int i = 0; i < 50; i++) {
        struct meeting m = { .n = 4 };
        assert_int_equal(pool_run(4, tell_thread, (void *[]){ &m, i ? again : first }), AXM_OK);
        assert_int_equal(m.missed, 0);
        for (int w = 0; i && w < 4; w++)
            assert_true(pthread_equal(first[w], again[w]));
        usleep(i % 5 * 100);   /* so that they sleep, or do not yet */
    }
    assert_true(pthread_equal(first[0], pthread_self()));
    pool_set_threads(0);
}

/* Keeping workers off the caller's core is for a moment. */
TEST(test_pool__a_worker_may_run_where_the_process_may)
{
    cpu_set_t allowed;
    struct meeting m;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    for (int i = 0; i < 20; i++) {
        assert_true(all_meet(3, &m));
        for (int w = 0; w < 3; w++)
            assert_true(CPU_EQUAL(&allowed, &m.allowed[w]));
        usleep(2000);
    }
}

static int on_one_core(void *arg __attribute__((unused)))
{
    cpu_set_t one;
    struct meeting m;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one))
        return 1;
    for (int i = 0; i < 20; i++) {
        if (!all_meet(3, &m))
            return 2;
        for (int w = 0; w < 3; w++)
            if (!CPU_EQUAL(&one, &m.allowed[w]))
                return 3;
    }
    return 0;
}

TEST(test_pool__one_core_is_enough_for_many_threads)
{
    assert_int_equal(in_child(on_one_core, NULL), 0);
}

static enum axm_status add_item(void *ctx, size_t item, int worker __attribute__((unused)))
{
    struct rng r;
    rng_init(&r, 1, item);
    for (size_t i = 0; i < item % 3 * 500; i++)   /* now and then long enough for a worker to come */
        rng_next(&r);
    atomic_fetch_add((atomic_size_t *)ctx, item + 1);
    return AXM_OK;
}

static enum axm_status fail_third(void *ctx, size_t item, int worker)
{
    return item == 2 ? AXM_ENV : add_item(ctx, item, worker);
}

/* Whether `loops` short loops of 0 to 9 items did what they should; in one of sixteen an item fails. */
static bool short_loops(int loops)
{
    for (int i = 0; i < loops; i++) {
        atomic_size_t sum = 0;
        size_t count = (size_t)i % 10;
        enum axm_status want = count > 2 && i % 16 == 3 ? AXM_ENV : AXM_OK;
        if (pool_run(count, i % 16 == 3 ? fail_third : add_item, &sum) != want)
            return false;
        if (want == AXM_OK ? sum != count * (count + 1) / 2 : sum < 3 || sum > count * (count + 1) / 2 - 3)
            return false;
        if (i % 1000 == 999)
            usleep(200);
    }
    return true;
}

TEST(test_pool__short_loops_by_the_thousand)
{
    static const int threads[] = { 2, 3, 8 };
    for (int i = 0; i < 3; i++) {
        pool_set_threads(threads[i]);
        assert_true(short_loops(20000));
    }
    pool_set_threads(0);
}

/* --- callers, processes ------------------------------------------------------------------------- */

static void *loops_of_a_thread(void *ok)
{
    *(bool *)ok = short_loops(3000);
    return NULL;
}

TEST(test_pool__several_threads_run_loops_at_once)
{
    pthread_t thread[3];
    bool ok[3] = { false };
    pool_set_threads(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, loops_of_a_thread, &ok[i]), 0);
    assert_true(short_loops(3000));
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        assert_true(ok[i]);
    }
    pool_set_threads(0);
}

static void *meet_elsewhere(void *ok)
{
    struct meeting m = { .n = 3 };
    *(bool *)ok = pool_run(3, meet, &m) == AXM_OK && !m.missed;
    return NULL;
}

static enum axm_status begin_another(void *ctx, size_t item, int worker __attribute__((unused)))
{
    pthread_t thread;
    if (item > 0)
        return AXM_OK;
    if (pthread_create(&thread, NULL, meet_elsewhere, ctx))
        return AXM_ENV;
    pthread_join(thread, NULL);
    return AXM_OK;
}

/* The second would wait for ever for the threads of the first. */
TEST(test_pool__a_loop_begun_during_another_has_all_its_threads)
{
    bool ok = false;
    pool_set_threads(3);
    assert_int_equal(pool_run(3, begin_another, &ok), AXM_OK);
    assert_true(ok);
    pool_set_threads(0);
}

static int loops_in_a_child(void *arg __attribute__((unused)))
{
    struct meeting m;
    alarm(30);
    for (int n = 2; n < 6; n++)
        if (!all_meet(n, &m))
            return 1;
    pool_set_threads(3);
    return !short_loops(100);
}

static int loops_in_a_childs_child(void *arg)
{
    return loops_in_a_child(arg) || in_child(loops_in_a_child, arg);
}

TEST(test_pool__a_child_process_has_threads_of_its_own)
{
    struct meeting m;
    assert_true(all_meet(4, &m));
    assert_int_equal(in_child(loops_in_a_childs_child, NULL), 0);
    assert_true(all_meet(4, &m));
}

static void *loop_until_told(void *stop)
{
    while (!atomic_load((atomic_bool *)stop))
        if (!short_loops(10))
            return stop;
    return NULL;
}

TEST(test_pool__a_child_made_during_a_loop_has_threads_of_its_own)
{
    pthread_t thread;
    atomic_bool stop = false;
    void *wrong;
    pool_set_threads(3);
    assert_int_equal(pthread_create(&thread, NULL, loop_until_told, &stop), 0);
    for (int i = 0; i < 30; i++)
        assert_int_equal(in_child(loops_in_a_child, NULL), 0);
    atomic_store(&stop, true);
    pthread_join(thread, &wrong);
    assert_null(wrong);
    pool_set_threads(0);
}

/* --- the end of the process ----------------------------------------------------------------------- */

static enum axm_status exit_seven(void *ctx, size_t item, int worker)
{
    if (worker == *(int *)ctx)
        exit(7);
    usleep(item < 1000 ? 1000 : 0);
    return AXM_OK;
}

static void *loop_for_ever(void *arg)
{
    loop_until_told(arg);
    return NULL;
}

static int exits(void *how)
{
    static atomic_bool never;
    struct meeting m;
    pthread_t thread;
    alarm(30);
    /* The leak checker looks for the threads of the parent, and says so. */
    if (!freopen("/dev/null", "w", stderr))
        _exit(1);
    bool ok = all_meet(3, &m);
    pool_set_threads(3);
    if (*(int *)how < 3)
        ok &= pool_run(100000, exit_seven, how) != AXM_OK;   /* does not return */
    else if (*(int *)how == 3)
        ok &= !pthread_create(&thread, NULL, loop_for_ever, &never) && !usleep(2000);
    exit(ok ? 7 : 1);
}

TEST(test_pool__the_process_can_end_at_any_time)
{
    /* In an item, of the caller or of a worker; during another thread's loop; between loops. */
    for (int how = 0; how < 5; how++)
        for (int i = 0; i < 5; i++)
            assert_int_equal(in_child(exits, &how), 7);
}
