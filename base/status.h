/* What a function that can fail returns, and the one line it leaves behind.
 *
 * Our own bugs are assertions.  Everything else (input, file, tool, memory) is
 * reported once, where it happened, with fail(), and then only passed on.
 * The values are the exit codes of the axmul command; only main() exits. */
#ifndef AXM_BASE_STATUS_H
#define AXM_BASE_STATUS_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)   /* all else in the library is hidden */

enum axm_status {
    AXM_OK = 0,
    AXM_MISMATCH = 1,   /* two things that must agree do not */
    AXM_USAGE = 2,      /* a spec, flag or file content that is not legal */
    AXM_ENV = 3,        /* a file, tool, memory or the machine fails us */
    AXM_STOPPED = 130,  /* interrupted by the user; what was done is kept */
};

#define AXM_MUST_CHECK __attribute__((warn_unused_result))

/* Receives every message: one line without newline, valid during the call. */
typedef void axm_message_fn(void *user, enum axm_status st, const char *line);

/* Redirects the messages of the whole process; NULL restores the default,
 * which prints "axmul: LINE" to standard error.  Not thread-safe: set it
 * before starting work.  Messages themselves may come from any thread. */
void axm_set_message_handler(axm_message_fn *fn, void *user);

/* Threads that tables, metrics and proofs are computed on, for the whole
 * process; n < 1, the default, is one per online core.  No result depends on
 * it.  Set it before starting work. */
void axm_set_threads(int n);

/* The last message of the calling thread, "" if none; valid until the next. */
const char *axm_last_message(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

/* Reports one line, printf style, and returns st.  A message names the thing,
 * the limit and the value: "drum8u_k9: k must be 2..8, got 9". */
enum axm_status fail(enum axm_status st, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* An informal line to standard error; nothing when --quiet.  note_verbose()
 * prints only with --verbose. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void note_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void note_set_level(int level);   /* -1 quiet, 0 normal, 1 verbose */

/* A line that stays at the bottom of the terminal: replaces the one before;
 * messages and notes erase it and come out above the next.  "" erases it. */
void note_bar(const char *line);

#endif
