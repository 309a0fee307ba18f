/* The axmul command: a table of subcommands over one option parser.  Help, man
 * page and shell completion are made from these tables. */
#ifndef AXM_CLI_CLI_H
#define AXM_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* An option: "--name" or, with arg, "--name ARG" and "--name=ARG". */
struct cli_option {
    const char *name;
    char letter;              /* short form, 0 if none */
    const char *arg;          /* NULL: a flag.  Capitals: what its argument is called ("FILE|DIR");
                               * small letters: the words it may be ("csv|json"), which completion offers */
    const char *help;
};

enum { CLI_OPTIONS_MAX = 32 };

struct cli_args;

struct cli_command {
    const char *name;
    const char *synopsis;     /* "SPEC... [-o FILE|DIR]"; small letters as in cli_option.arg */
    const char *brief;        /* one line */
    const char *help;         /* paragraphs and examples, for help and the man page */
    bool prints_table;        /* takes --format */
    const struct cli_option *options;   /* ends with a NULL name; may be NULL */
    int operands_min, operands_max;     /* max -1: any number */
    enum axm_status (*run)(const struct cli_args *args);
};

/* All commands, ends with a NULL name.  A row lives in its cmd_NAME.c as
 * `const struct cli_command cmd_NAME`. */
extern const struct cli_command *const cli_commands[];

enum cli_format { CLI_TEXT, CLI_CSV, CLI_JSON };

struct cli_given {
    int option;               /* index into options */
    const char *value;
};

struct cli_args {
    const struct cli_command *command;
    const char *value[CLI_OPTIONS_MAX];   /* by index into options; NULL not given, "" a flag given */
    int n_given;
    struct cli_given *given;              /* in order, for options that may be repeated */
    int n_operands;
    char **operand;
    enum cli_format format;
    bool seed_given;
    uint64_t seed;                        /* default 1 */
    int verbosity;                        /* -1 quiet, 0, 1 verbose */
};

/* Value of option `name` of this command, NULL if not given; asserts that the
 * command has it. */
const char *cli_get(const struct cli_args *a, const char *name);
/* The n-th value (from 0) of an option that may be given several times: its
 * arg ends in "..."; NULL beyond the last. */
const char *cli_get_nth(const struct cli_args *a, const char *name, int n);
bool cli_flag(const struct cli_args *a, const char *name);
/* Integer option within lo..hi; fallback when not given; AXM_USAGE and one
 * line otherwise. */
enum axm_status cli_get_int(const struct cli_args *a, const char *name, int64_t lo, int64_t hi,
                            int64_t fallback, int64_t *out) AXM_MUST_CHECK;

/* Tables: the text form is aligned for people; CSV and JSON are stable. */
enum cell_type { CELL_TEXT, CELL_INT, CELL_UINT, CELL_REAL };
struct table_column {
    const char *key;          /* CSV header and JSON key: lower_case_with_unit */
    const char *title;        /* text header; NULL: key */
    enum cell_type type;
    int digits;               /* REAL in text: significant digits, or if negative so many decimals;
                               * CSV and JSON print what reads back as the same double */
};
struct table;
struct table *table_new(const struct table_column *columns, int n);
void table_text(struct table *t, const char *s);      /* next cell; a full row begins the next; NULL: none */
void table_int(struct table *t, int64_t v);
void table_uint(struct table *t, uint64_t v);
void table_real(struct table *t, double v);           /* NaN: none; prints as "-", "", null */
/* Prints all rows; AXM_ENV if standard output fails. */
enum axm_status table_print(const struct table *t, FILE *f, enum cli_format format) AXM_MUST_CHECK;
void table_free(struct table *t);

/* Flushes what was printed; AXM_ENV and one line if it did not arrive.  A pipe
 * whose reader has gone is no error. */
enum axm_status cli_flush(FILE *f) AXM_MUST_CHECK;

int cli_main(int argc, char **argv);

#endif
