#include "tests/harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pool.h"
#include "base/progress.h"
#include "tests/capture.h"

TEST(test_progress__short_work_prints_nothing)
{
    struct streams s;
    streams_begin(&s);
    struct progress *p = progress_begin("short", 10);
    for (int i = 0; i < 10; i++)
        progress_add(p, 1);
    progress_end(p);
    streams_end(&s);
    assert_string_equal(s.out, "");
    assert_string_equal(s.err, "");
}

/* A pseudo-terminal as standard error; what it got, at most size - 1 bytes. */
static void on_a_terminal(void (*fn)(void), char *text, size_t size)
{
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ours < 0)
        SKIP("no pseudo-terminals here");
    int saved = dup(2);
    assert_int_equal(grantpt(ours) | unlockpt(ours), 0);
    int theirs = open(ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    fcntl(ours, F_SETFL, O_NONBLOCK);
    dup2(theirs, 2);
    fn();
    dup2(saved, 2);
    close(saved);
    size_t len = 0;
    for (ssize_t n; len < size - 1 && (n = read(ours, text + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    close(theirs);
    close(ours);
}

static enum axm_status step(void *p, size_t item __attribute__((unused)), int worker __attribute__((unused)))
{
    usleep(20000);
    progress_add(p, 5);
    return AXM_OK;
}

/* 60 steps of 20 ms on two threads: 0.6 s, so the bar shows near the end. */
static void two_threads_at_work(void)
{
    struct progress *p = progress_begin("verify", 300);
    pool_set_threads(2);
    assert_int_equal(pool_run(60, step, p), AXM_OK);
    pool_set_threads(0);
    progress_end(p);
}

TEST(test_progress__a_terminal_gets_a_bar_that_is_gone_at_the_end)
{
    char text[4096];
    on_a_terminal(two_threads_at_work, text, sizeof text);
    double percent = -1;
    char *bar = strstr(text, "verify [##");
    CHECK(bar, "\"%s\"", text);
    assert_int_equal(sscanf(strchr(bar, ']'), "] %lf %%", &percent), 1);
    CHECK(percent > 70 && percent <= 100, "%g", percent);
    assert_non_null(strstr(bar, "/s"));
    assert_non_null(strstr(bar, " s left"));
    assert_null(strchr(text, '\n'));
    assert_string_equal(text + strlen(text) - 4, "\r\033[K");
}

static void quiet_work(void)
{
    note_set_level(-1);
    two_threads_at_work();
    note_set_level(0);
}

TEST(test_progress__quiet_work_prints_nothing)
{
    char text[4096];
    on_a_terminal(quiet_work, text, sizeof text);
    assert_string_equal(text, "");
}

/* --- signals ------------------------------------------------------------------------------------ */

/* 0: SIGINT and SIGTERM are handled on a stack of their own, which holds a frame with all registers. */
static int handlers_without_a_stack(void)
{
    struct sigaction interrupt, terminate;
    stack_t now;
    progress_catch_signals();
    sigaction(SIGINT, NULL, &interrupt);
    sigaction(SIGTERM, NULL, &terminate);
    sigaltstack(NULL, &now);
    return !(interrupt.sa_flags & terminate.sa_flags & SA_ONSTACK) || now.ss_flags & SS_DISABLE ||
           now.ss_size < (size_t)sysconf(_SC_SIGSTKSZ);
}

/* The code that is interrupted may use its stack pointer for something else. */
TEST(test_progress__a_signal_leaves_the_interrupted_stack_alone)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(handlers_without_a_stack());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static enum axm_status ask_mask(void *blocked, size_t item __attribute__((unused)), int worker)
{
    sigset_t mask;
    usleep(1000);   /* so that both get some */
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ((int *)blocked)[worker] = sigismember(&mask, SIGINT) + sigismember(&mask, SIGTERM);
    return AXM_OK;
}

TEST(test_progress__signals_go_to_the_callers_thread)
{
    int blocked[2] = { -1, -1 };
    pool_set_threads(2);
    assert_int_equal(pool_run(40, ask_mask, blocked), AXM_OK);
    pool_set_threads(0);
    assert_int_equal(blocked[0], 0);
    assert_int_equal(blocked[1], 2);
}
