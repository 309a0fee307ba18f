/* What a test's subject says (its messages, its standard streams), and a process
 * of its own for it. */
#ifndef AXM_TESTS_CAPTURE_H
#define AXM_TESTS_CAPTURE_H

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"

/* The messages between begin and end, which are not printed then. */
struct capture {
    int messages;
    enum axm_status st;     /* of the last */
    char line[1024];        /* the last */
};

static inline void capture_message(void *user, enum axm_status st, const char *line)
{
    struct capture *c = user;
    c->messages++;
    c->st = st;
    snprintf(c->line, sizeof c->line, "%s", line);
}

static inline void capture_begin(struct capture *c)
{
    *c = (struct capture){ 0 };
    axm_set_message_handler(capture_message, c);
}

static inline void capture_end(struct capture *c)
{
    (void)c;
    axm_set_message_handler(NULL, NULL);
}

/* Standard output and standard error between begin and end; at most 64 KiB. */
struct streams {
    int saved[2];
    FILE *file[2];
    char out[65536], err[65536];
};

static inline void streams_begin(struct streams *s)
{
    FILE *const stream[2] = { stdout, stderr };
    for (int i = 0; i < 2; i++) {
        fflush(stream[i]);
        s->file[i] = tmpfile();
        s->saved[i] = dup(i + 1);
        dup2(fileno(s->file[i]), i + 1);
    }
}

static inline void streams_end(struct streams *s)
{
    FILE *const stream[2] = { stdout, stderr };
    char *const text[2] = { s->out, s->err };
    for (int i = 0; i < 2; i++) {
        fflush(stream[i]);
        dup2(s->saved[i], i + 1);
        close(s->saved[i]);
        rewind(s->file[i]);
        text[i][fread(text[i], 1, sizeof s->out - 1, s->file[i])] = '\0';
        fclose(s->file[i]);
    }
}

/* Runs fn(arg) in a child process, for what cannot be undone (a stop, limits,
 * users); what it returns (0..255), or -1 if it died. */
static inline int in_child(int (*fn)(void *arg), void *arg)
{
    int end = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(fn(arg));
    waitpid(child, &end, 0);
    return WIFEXITED(end) ? WEXITSTATUS(end) : -1;
}

#endif
