/* What the command files share besides cli.h. */
#ifndef AXM_CLI_COMMON_H
#define AXM_CLI_COMMON_H

#include "cli/cli.h"
#include "cmodel/mul.h"

extern const struct cli_option cli_common_options[];

const struct cli_command *cli_find(const char *name);   /* NULL if none */

/* Help as text: all commands, or one. */
enum axm_status cli_print_overview(FILE *f) AXM_MUST_CHECK;
enum axm_status cli_print_help(const struct cli_command *c, FILE *f) AXM_MUST_CHECK;

/* Calls run for each operand, opened as a multiplier, in order; stops at the
 * first failure. */
typedef enum axm_status cli_mul_fn(void *ctx, const struct axm_mul *m);
enum axm_status cli_each_mul(const struct cli_args *a, cli_mul_fn *run, void *ctx) AXM_MUST_CHECK;

/* Where results go: -o names a file, or a directory if it exists as one, ends
 * in '/', or several results go there.  Writes DIR/NAME.ENDING or FILE into
 * path, making the directory.  ending: of files in a directory. */
enum axm_status cli_output_path(const char *o, const char *name, const char *ending, int results,
                                char *path, size_t size) AXM_MUST_CHECK;

/* The text after the last dot of a path's last part, "" if none. */
const char *cli_ending(const char *path);

/* A value of `bits` bits, decimal (negative if signed) or 0x hexadecimal, as a pattern. */
enum axm_status cli_parse_operand(const char *text, const char *what, int bits, bool is_signed,
                                  uint64_t *pattern) AXM_MUST_CHECK;

/* Pattern as decimal text; unsigned 64-bit products included. */
const char *cli_value_text(uint64_t pattern, int bits, bool is_signed, char text[24]);

#endif
