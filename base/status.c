#include "base/status.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1024 };

static axm_message_fn *handler;
static void *handler_user;
static int note_level;
static _Thread_local char last[LINE_MAX_BYTES];
static pthread_mutex_t terminal = PTHREAD_MUTEX_INITIALIZER;   /* of bar_shown */
static bool bar_shown;

void axm_set_message_handler(axm_message_fn *fn, void *user)
{
    handler = fn;
    handler_user = user;
}

const char *axm_last_message(void)
{
    return last;
}

/* One write per line, so that lines of several threads and processes do not mix. */
static void print_line(const char *prefix, const char *line)
{
    char text[LINE_MAX_BYTES + 16];
    pthread_mutex_lock(&terminal);
    int n = snprintf(text, sizeof text, "%s%s%s\n", bar_shown ? "\r\033[K" : "", prefix, line);
    bar_shown = false;
    fwrite(text, 1, (size_t)n, stderr);
    pthread_mutex_unlock(&terminal);
}

void note_bar(const char *line)
{
    pthread_mutex_lock(&terminal);
    if (note_level >= 0 && (bar_shown || *line))
        fprintf(stderr, "\r%s\033[K", line);
    bar_shown = *line;
    pthread_mutex_unlock(&terminal);
}

enum axm_status fail(enum axm_status st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(last, sizeof last, fmt, ap);
    va_end(ap);
    for (char *c = last; *c; c++)   /* foreign names may hold anything; the message stays one plain line */
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    if (handler)
        handler(handler_user, st, last);
    else
        print_line("axmul: ", last);
    return st;
}

void note_set_level(int level)
{
    note_level = level;
}

static void note_at(int level, const char *fmt, va_list ap)
{
    char line[LINE_MAX_BYTES];
    if (note_level < level)
        return;
    vsnprintf(line, sizeof line, fmt, ap);
    print_line("", line);
}

void note(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    note_at(0, fmt, ap);
    va_end(ap);
}

void note_verbose(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    note_at(1, fmt, ap);
    va_end(ap);
}
