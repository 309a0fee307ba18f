/* The command in process. */
#ifndef AXM_TESTS_COMMAND_H
#define AXM_TESTS_COMMAND_H

#include "cli/common.h"
#include "tests/capture.h"

/* What the last run of the command printed. */
static struct streams io;

/* Runs "axmul ARGUMENT..." with arguments that hold no blanks; returns the exit code. */
static inline int axmul(const char *arguments)
{
    char text[1024], *argv[32] = { "axmul" }, *rest = text;
    int argc = 1;
    snprintf(text, sizeof text, "%s", arguments);
    for (char *word; (word = strtok_r(rest, " ", &rest)) && argc < 31;)
        argv[argc++] = word;
    streams_begin(&io);
    int code = cli_main(argc, argv);
    streams_end(&io);
    return code;
}

/* True if "axmul ARGUMENT..." ended with that code, said one line that has `part`, and printed nothing. */
static inline bool refuses(const char *arguments, int code, const char *part)
{
    int got = axmul(arguments);
    const char *end = strchr(io.err, '\n');
    bool as_expected = got == code && strstr(io.err, part) && end && !end[1] && !io.out[0];
    if (!as_expected)
        fprintf(stderr, "axmul %s: exit code %d, said: %s%s\n", arguments, got, io.err, io.out);
    return as_expected;
}

#endif
