/* Batches on worker processes.  A worker has everything that was set up before it was made, gets the number
 * of a batch, answers with what came of it, and ends when nobody asks any more. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pool.h"
#include "base/progress.h"
#include "explore/cosim_impl.h"

enum { POLL_MS = 200 };   /* how late a stop may be seen */

struct reply {
    enum axm_status status;
    uint64_t sums, codes;
    struct cosim_mismatch mismatch;
    char line[500];             /* of fail(), "": none */
};

struct process {
    pid_t pid;                  /* 0: none */
    int socket;                 /* -1: none */
    bool busy, asked_to_stop;
    size_t batch;
};

static bool send_all(int socket, const void *data, size_t n)
{
    for (const char *at = data; n;) {
        ssize_t k = send(socket, at, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

static bool receive_all(int socket, void *data, size_t n)
{
    for (char *at = data; n;) {
        ssize_t k = recv(socket, at, n, 0);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

/* --- a worker ----------------------------------------------------------------------------------------- */

/* The first line of a batch says what was wrong with it. */
static void keep_line(void *user, enum axm_status st, const char *line)
{
    struct reply *r = user;
    (void)st;
    if (!*r->line)
        strncpy(r->line, line, sizeof r->line - 1);
}

static _Noreturn void work(struct run *r, int worker, int socket, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);   /* not only when it would answer next */
    if (getppid() != parent)
        _exit(0);
    pool_set_threads(1);
    struct reply reply;
    struct tally *t = &r->tally[worker];
    size_t batch;
    axm_set_message_handler(keep_line, &reply);
    while (receive_all(socket, &batch, sizeof batch)) {
        memset(&reply, 0, sizeof reply);
        reply.status = cosim_batch(r, batch, worker);
        reply.sums = t->sums;
        reply.codes = t->codes;
        reply.mismatch = t->mismatch;
        if (!send_all(socket, &reply, sizeof reply) ||
            !send_all(socket, t->layer, (size_t)r->n_layers * sizeof *t->layer))
            break;
    }
    _exit(0);
}

/* --- who gives it work ---------------------------------------------------------------------------------- */

static enum axm_status start(struct run *r, struct process *p, int worker)
{
    int pair[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return fail(AXM_ENV, "cosim: no socket for worker process %d: %s", worker, strerror(errno));
    pid_t pid = fork();
    if (pid < 0) {
        int why = errno;
        close(pair[0]);
        close(pair[1]);
        return fail(AXM_ENV, "cosim: worker process %d cannot be started: %s", worker, strerror(why));
    }
    if (!pid) {
        close(pair[0]);
        for (int i = 0; i < worker; i++)   /* or they would not see the end */
            close(p[i].socket);
        work(r, worker, pair[1], parent);
    }
    close(pair[1]);
    p[worker] = (struct process){ .pid = pid, .socket = pair[0] };
    return AXM_OK;
}

/* It ended where it should have answered. */
static enum axm_status died(const struct run *r, struct process *p, int worker)
{
    size_t from = r->first + p->batch * r->state.batch, to = from + cosim_batch_images(r, p->batch) - 1;
    int status = 0;
    char how[64];
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "with exit code %d", WEXITSTATUS(status));
    p->pid = 0;
    p->busy = false;
    return fail(AXM_ENV, "cosim: worker process %d died %s in batch %zu, images %zu..%zu", worker, how,
                p->batch, from, to);
}

/* One answer. */
static enum axm_status collect(struct run *r, struct process *p, int worker)
{
    struct reply reply;
    struct tally *t = &r->tally[worker];
    if (!receive_all(p->socket, &reply, sizeof reply) ||
        !receive_all(p->socket, t->layer, (size_t)r->n_layers * sizeof *t->layer))
        return died(r, p, worker);
    p->busy = false;
    if (*reply.line)
        (void)fail(reply.status, "%s", reply.line);
    *t = (struct tally){ reply.sums, reply.codes, reply.mismatch, t->layer };
    return cosim_batch_done(r, p->batch, t, reply.status);
}

static enum axm_status give_work(struct run *r, struct process *p, size_t *next, bool *any)
{
    while (*next < r->state.batches && r->state.done[*next])
        ++*next;
    *any = *next < r->state.batches;
    if (!*any)
        return AXM_OK;
    p->batch = (*next)++;
    p->busy = true;
    /* One that cannot be asked any more is found dead when its answer is awaited. */
    (void)send_all(p->socket, &p->batch, sizeof p->batch);
    return AXM_OK;
}

/* Until nobody works: batches in ascending order, none after something went wrong, as pool_run() does it. */
static enum axm_status loop(struct run *r, struct process *p, struct pollfd *fd)
{
    enum axm_status st = AXM_OK;
    size_t next = 0, worst = SIZE_MAX;
    for (;;) {
        bool stop = progress_stop_requested(), more = !st && !stop, working = false;
        for (int i = 0; i < r->workers; i++) {
            if (more && !p[i].busy && p[i].pid)
                st = give_work(r, &p[i], &next, &more);
            if (stop && p[i].busy && !p[i].asked_to_stop) {
                p[i].asked_to_stop = true;
                kill(p[i].pid, SIGTERM);
            }
            fd[i] = (struct pollfd){ p[i].busy ? p[i].socket : -1, POLLIN, 0 };
            working |= p[i].busy;
        }
        if (!working)
            return st ? st : stop && next < r->state.batches ? AXM_STOPPED : AXM_OK;
        if (poll(fd, (nfds_t)r->workers, POLL_MS) < 0)
            continue;   /* a signal */
        for (int i = 0; i < r->workers; i++) {
            size_t batch = p[i].batch;
            enum axm_status one = fd[i].revents ? collect(r, &p[i], i) : AXM_OK;
            if (one && batch < worst) {
                worst = batch;
                st = one;
            }
        }
    }
}

enum axm_status cosim_run_processes(struct run *r)
{
    struct process *p = calloc((size_t)r->workers, sizeof *p);
    struct pollfd *fd = calloc((size_t)r->workers, sizeof *fd);
    enum axm_status st = p && fd ? AXM_OK : fail(AXM_ENV, "cosim: out of memory");
    int started = 0;
    for (; started < r->workers && !st; started += !st)
        st = start(r, p, started);
    if (!st)
        st = loop(r, p, fd);
    for (int i = 0; i < started; i++)
        close(p[i].socket);
    for (int i = 0; i < started; i++)
        while (p[i].pid && waitpid(p[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
    free(p);
    free(fd);
    return st;
}
