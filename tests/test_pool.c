#include "tests/harness.h"

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
        raise(SIGTERM);
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
