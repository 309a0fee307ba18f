#include "tests/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/progress.h"
#include "tests/capture.h"

static enum axm_status sh(const char *script, const struct proc_opts *o) AXM_MUST_CHECK;
static enum axm_status sh(const char *script, const struct proc_opts *o)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    return proc_run(argv, o);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Expects that script ends with AXM_ENV and this message. */
static void expect_failure(const char *script, const struct proc_opts *o, const char *message)
{
    struct capture c;
    capture_begin(&c);
    enum axm_status st = sh(script, o);
    capture_end(&c);
    assert_int_equal(st, AXM_ENV);
    assert_int_equal(c.messages, 1);
    assert_string_equal(c.line, message);
}

TEST(test_proc__arguments_arrive_as_they_are_and_streams_come_back_apart)
{
    struct strbuf out = { 0 }, err = { 0 };
    const char *const argv[] = { "printf", "%s|", "a b", "$HOME", "*", "\"'", NULL };
    assert_int_equal(proc_run(argv, &(struct proc_opts){ .out = &out }), AXM_OK);
    assert_string_equal(out.s, "a b|$HOME|*|\"'|");
    strbuf_reset(&out);
    assert_int_equal(sh("echo out; echo err >&2", &(struct proc_opts){ .out = &out, .err = &err }), AXM_OK);
    assert_string_equal(out.s, "out\n");
    assert_string_equal(err.s, "err\n");
    assert_int_equal(sh("echo more >&2", &(struct proc_opts){ .out = &err, .err = &err }), AXM_OK);
    assert_string_equal(err.s, "err\nmore\n");
    strbuf_release(&out);
    strbuf_release(&err);
}

/* Far more than a pipe holds, on both streams at once. */
TEST(test_proc__much_output_on_both_streams_does_not_block)
{
    struct strbuf out = { 0 }, err = { 0 };
    assert_int_equal(sh("head -c 3000000 /dev/zero >&2 & head -c 5000000 /dev/zero; wait",
                        &(struct proc_opts){ .out = &out, .err = &err }), AXM_OK);
    assert_int_equal(out.len, 5000000);
    assert_int_equal(err.len, 3000000);
    strbuf_release(&out);
    strbuf_release(&err);
}

TEST(test_proc__a_program_gets_no_input_no_open_file_and_its_directory)
{
    struct strbuf out = { 0 };
    int ours = open("/dev/zero", O_RDONLY | O_CLOEXEC), input = fcntl(0, F_DUPFD_CLOEXEC, 0);
    dup2(ours, 0);
    const char *const head[] = { "head", "-c", "9", NULL }, *const ls[] = { "ls", "/proc/self/fd", NULL };
    enum axm_status st_head = proc_run(head, &(struct proc_opts){ .out = &out });
    enum axm_status st_ls = proc_run(ls, &(struct proc_opts){ .out = &out });
    dup2(input, 0);
    close(input);
    close(ours);
    assert_int_equal(st_head, AXM_OK);
    assert_int_equal(st_ls, AXM_OK);
    /* Nothing but what the C library's own way leaves open: what we were born with. */
    char plain[1000];
    FILE *p = popen("exec ls /proc/self/fd", "r");
    plain[fread(plain, 1, sizeof plain - 1, p)] = '\0';
    pclose(p);
    assert_string_equal(out.s, plain);
    strbuf_reset(&out);
    assert_int_equal(sh("pwd", &(struct proc_opts){ .out = &out, .dir = "/usr/lib" }), AXM_OK);
    assert_string_equal(out.s, "/usr/lib\n");
    strbuf_release(&out);
}

TEST(test_proc__an_exit_code_is_returned_where_it_is_asked_for)
{
    int code = -1;
    assert_int_equal(sh("exit 7", &(struct proc_opts){ .exit_code = &code }), AXM_OK);
    assert_int_equal(code, 7);
}

TEST(test_proc__a_failure_quotes_the_last_lines_in_one)
{
    expect_failure("for i in 1 2 3 4 5; do echo line $i; done >&2; exit 3", &(struct proc_opts){ 0 },
                   "sh: exit code 3: line 3 | line 4 | line 5");
    expect_failure("printf 'only\\n\\n\\n'; exit 1", &(struct proc_opts){ 0 }, "sh: exit code 1: only");
    expect_failure("exit 1", &(struct proc_opts){ 0 }, "sh: exit code 1");
    expect_failure("kill -9 $$", &(struct proc_opts){ 0 }, "sh: ended by signal 9");

    struct strbuf out = { 0 };   /* what was in the buffer before is not its output */
    strbuf_adds(&out, "earlier");
    expect_failure("echo later; exit 1", &(struct proc_opts){ .out = &out }, "sh: exit code 1: later");
    assert_string_equal(out.s, "earlierlater\n");
    strbuf_release(&out);
}

TEST(test_proc__what_cannot_start_is_named)
{
    struct capture c;
    const char *const argv[] = { "axmul-no-such-tool", NULL };
    capture_begin(&c);
    assert_int_equal(proc_run(argv, &(struct proc_opts){ 0 }), AXM_ENV);
    assert_string_equal(c.line, "axmul-no-such-tool: not found in PATH");
    assert_int_equal(sh("true", &(struct proc_opts){ .dir = "/nonexistent" }), AXM_ENV);
    assert_string_equal(c.line, "/nonexistent: No such file or directory");
    assert_int_equal(proc_need("axmul-no-such-tool", "no-such-package"), AXM_ENV);
    assert_string_equal(c.line,
                        "axmul-no-such-tool: not found in PATH; install the Debian package no-such-package");
    assert_int_equal(proc_need("make", "make"), AXM_OK);
    capture_end(&c);
    assert_true(proc_have("/bin/sh"));
    assert_false(proc_have("/nonexistent/sh"));
}

/* Also what the program started, and also when it closed its streams. */
TEST(test_proc__a_timeout_ends_the_program_and_its_children)
{
    struct strbuf dir = { 0 };
    char path[256];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    double t = now();
    expect_failure("(sleep 3; : > late) & sleep 30", &(struct proc_opts){ .timeout_s = 1, .dir = dir.s },
                   "sh: no end after 1 s");
    expect_failure("exec > /dev/null 2>&1; sleep 30", &(struct proc_opts){ .timeout_s = 1 },
                   "sh: no end after 1 s");
    t = now() - t;
    CHECK(t >= 2 && t < 8, "%g s", t);
    if (t < 3.5)
        usleep((useconds_t)(1e6 * (3.5 - t)));
    snprintf(path, sizeof path, "%s/late", dir.s);
    assert_false(file_exists(path));
    file_remove_tree(dir.s);
    strbuf_release(&dir);
}

static int interrupted_program(void *arg __attribute__((unused)))
{
    struct capture c;
    char script[64];
    double t = now();
    progress_catch_signals();
    capture_begin(&c);
    snprintf(script, sizeof script, "kill %d; sleep 30", (int)getpid());
    enum axm_status st = sh(script, &(struct proc_opts){ 0 });
    return !(st == AXM_STOPPED && c.messages == 0 && now() - t < 10);
}

TEST(test_proc__an_interrupt_ends_the_program_silently)
{
    assert_int_equal(in_child(interrupted_program, NULL), 0);
}
