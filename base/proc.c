#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/progress.h"

bool proc_have(const char *program)
{
    const char *path = getenv("PATH");
    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    for (const char *p = path ? path : ""; *p; p += strcspn(p, ":"), p += *p == ':') {
        struct strbuf full = { 0 };
        strbuf_addf(&full, "%.*s/%s", (int)strcspn(p, ":"), p, program);
        bool there = !full.failed && access(full.s, X_OK) == 0;
        strbuf_release(&full);
        if (there)
            return true;
    }
    return false;
}

enum axm_status proc_need(const char *program, const char *debian_package)
{
    if (proc_have(program))
        return AXM_OK;
    return fail(AXM_ENV, "%s: not found in PATH; install the Debian package %s", program, debian_package);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What a child that could not become the program tells us. */
struct child_error {
    int error;      /* errno */
    bool of_dir;    /* of chdir(), not of exec */
};

/* The child's side of fork(); does not return. */
static void become(const char *const argv[], const char *dir, int out, int err, int report)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);   /* dup2() clears that */
    setpgid(0, 0);
    if (null >= 0)
        dup2(null, 0);
    dup2(out, 1);
    dup2(err, 2);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigset_t none;   /* a worker of a pool blocks them all */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct child_error e = { .of_dir = dir && chdir(dir) };
    if (!e.of_dir)
        execvp(argv[0], (char *const *)argv);
    e.error = errno;
    ssize_t ignored = write(report, &e, sizeof e);
    (void)ignored;
    _exit(127);
}

/* Reads what is there; false at the end of the stream. */
static bool drain(int fd, struct strbuf *to)
{
    char buffer[16384];
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n > 0)
        strbuf_add(to, buffer, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

/* The last three lines with something on them of what was added to a buffer
 * of `from` bytes, joined. */
static void last_lines(const struct strbuf *text, size_t from, char *out, size_t size)
{
    size_t at = text->len, lines = 0, n = 0;
    while (at > from && lines < 3) {
        at--;
        if (text->s[at] != '\n' && (at == from || text->s[at - 1] == '\n'))
            lines++;
    }
    for (; at < text->len && n + 4 < size; at++) {
        if (text->s[at] != '\n')
            out[n++] = text->s[at];
        else if (n && at + 1 < text->len && text->s[at + 1] != '\n')
            n = (size_t)(stpcpy(out + n, " | ") - out);
    }
    out[n] = '\0';
}

/* Collects both streams until they close and the child ended (*state), or the
 * time is up or a stop is asked for and it was killed. */
static enum axm_status collect(const char *name, pid_t child, int out_fd, int err_fd, struct strbuf *out,
                               struct strbuf *err, int timeout_s, int *state)
{
    struct pollfd p[2] = { { .fd = out_fd, .events = POLLIN }, { .fd = err_fd, .events = POLLIN } };
    struct strbuf *to[2] = { out, err };
    double end = now() + timeout_s;
    for (;;) {
        bool closed = p[0].fd < 0 && p[1].fd < 0;
        if (closed && waitpid(child, state, WNOHANG) == child)
            return AXM_OK;
        /* A closed stream mostly means that the end is a moment away. */
        if (poll(p, 2, closed ? 2 : 200) < 0)
            continue;   /* a signal: look again */
        for (int i = 0; i < 2; i++)
            if (p[i].fd >= 0 && p[i].revents && !drain(p[i].fd, to[i]))
                p[i].fd = -1;
        bool late = timeout_s > 0 && now() > end;
        if (late || progress_stop_requested()) {
            kill(-child, SIGKILL);
            while (waitpid(child, state, 0) < 0 && errno == EINTR)
                ;
            return late ? fail(AXM_ENV, "%s: no end after %d s", name, timeout_s) : AXM_STOPPED;
        }
    }
}

enum axm_status proc_run(const char *const argv[], const struct proc_opts *o)
{
    int out[2] = { -1, -1 }, err[2] = { -1, -1 }, report[2] = { -1, -1 }, state = 0;
    struct child_error e;
    struct strbuf own_out = { 0 }, own_err = { 0 };
    struct strbuf *to_out = o->out ? o->out : &own_out, *to_err = o->err ? o->err : &own_err;
    size_t out_before = to_out->len, err_before = to_err->len;
    enum axm_status st = AXM_OK;
    char lines[512];
    if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(report, O_CLOEXEC)) {
        st = fail(AXM_ENV, "%s: %s", argv[0], strerror(errno));
        goto out;
    }
    pid_t child = fork();
    if (child < 0) {
        st = fail(AXM_ENV, "%s: %s", argv[0], strerror(errno));
        goto out;
    }
    if (child == 0)
        become(argv, o->dir, out[1], err[1], report[1]);
    setpgid(child, child);
    close(out[1]);
    close(err[1]);
    close(report[1]);
    out[1] = err[1] = report[1] = -1;
    st = collect(argv[0], child, out[0], err[0], to_out, to_err, o->timeout_s, &state);
    if (st != AXM_OK)
        goto out;
    if (read(report[0], &e, sizeof e) == sizeof e) {
        bool missing = e.error == ENOENT && !e.of_dir;
        st = fail(AXM_ENV, "%s: %s", e.of_dir ? o->dir : argv[0],
                  missing ? "not found in PATH" : strerror(e.error));
        goto out;
    }
    if (to_err->len > err_before)
        last_lines(to_err, err_before, lines, sizeof lines);
    else
        last_lines(to_out, out_before, lines, sizeof lines);
    const char *colon = lines[0] ? ": " : "";
    if (WIFSIGNALED(state))
        st = fail(AXM_ENV, "%s: ended by signal %d%s%s", argv[0], WTERMSIG(state), colon, lines);
    else if (o->exit_code)
        *o->exit_code = WEXITSTATUS(state);
    else if (WEXITSTATUS(state))
        st = fail(AXM_ENV, "%s: exit code %d%s%s", argv[0], WEXITSTATUS(state), colon, lines);
    if (st == AXM_OK && (to_out->failed || to_err->failed))
        st = fail(AXM_ENV, "%s: out of memory for its output", argv[0]);
out:
    for (int i = 0; i < 2; i++) {
        if (out[i] >= 0)
            close(out[i]);
        if (err[i] >= 0)
            close(err[i]);
        if (report[i] >= 0)
            close(report[i]);
    }
    strbuf_release(&own_out);
    strbuf_release(&own_err);
    return st;
}
