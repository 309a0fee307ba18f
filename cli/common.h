/* What the command files share besides cli.h. */
#ifndef AXM_CLI_COMMON_H
#define AXM_CLI_COMMON_H

#include "cli/cli.h"
#include "cmodel/mul.h"

extern const struct cli_option cli_common_options[];

const struct cli_command *cli_find(const char *name);   /* NULL if none */
/* AXM_USAGE and a line that names the nearest command. */
enum axm_status cli_unknown_command(const char *typed) AXM_MUST_CHECK;

/* Help as text: all commands, or one. */
enum axm_status cli_print_overview(FILE *f) AXM_MUST_CHECK;
enum axm_status cli_print_help(const struct cli_command *c, FILE *f) AXM_MUST_CHECK;

/* "csv|json", as against "FILE" (see cli_option.arg); position of a word in such a list, -1 if none. */
static inline bool cli_is_words(const char *arg)
{
    return arg && arg[0] >= 'a' && arg[0] <= 'z';
}
int cli_word(const char *words, const char *word);
/* "csv or json", for messages. */
enum { CLI_WORDS_TEXT = 96 };
const char *cli_words_text(const char *words, char text[CLI_WORDS_TEXT]);

/* True for somebody else's multipliers, "lut:..." and "verilog:...". */
bool cli_is_foreign(const char *spec);

/* Calls run for each operand, opened as a multiplier, in order; stops at the
 * first failure.  All of them are read before the first runs, so that a typing error in the
 * last does not cost the work on the others. */
typedef enum axm_status cli_mul_fn(void *ctx, const struct axm_mul *m);
enum axm_status cli_each_mul(const struct cli_args *a, cli_mul_fn *run, void *ctx) AXM_MUST_CHECK;

/* Where a result goes: -o names a file, or a directory if it exists as one, ends
 * in '/', or several results go there (then it has no ending). */
struct cli_output {
    const char *o;           /* as given: FILE, DIR or - */
    const char *as;          /* --as, a word of formats; NULL: not given */
    const char *formats;     /* "npy|bin|h"; the first is the default where no ending says it */
    int results;             /* how many go there */
};
enum { CLI_PATH_MAX = 4096 };
/* Path of the result called name, and its format by position in formats.  Makes the
 * directory.  An ending that contradicts --as or is no format is AXM_USAGE. */
enum axm_status cli_output_path(const struct cli_output *out, const char *name, char path[CLI_PATH_MAX],
                                int *format) AXM_MUST_CHECK;

/* A value of `bits` bits as a pattern: decimal, negative if signed, or 0x: the bits. */
enum axm_status cli_parse_operand(const char *text, const char *what, int bits, bool is_signed,
                                  uint64_t *pattern) AXM_MUST_CHECK;

/* Pattern as decimal text; unsigned 64-bit products included. */
const char *cli_value_text(uint64_t pattern, int bits, bool is_signed, char text[24]);

#endif
