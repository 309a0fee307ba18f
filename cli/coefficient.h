/* What a product costs relative to the exact multiplier's: the coefficients that --coef names. */
#ifndef AXM_CLI_COEFFICIENT_H
#define AXM_CLI_COEFFICIENT_H

#include "cli/power.h"
#include "synth/coef.h"

#define COEFFICIENT_WORDS "area|delay|p0|p1|p2|energy|paper|none"
#define COEFFICIENT_OPTIONS \
    { "coef", 0, COEFFICIENT_WORDS, "what energy is computed from (default paper, where Table 4 has it)" }, \
    POWER_LIBERTY_OPTION
enum { COEFFICIENT_PAPER = COEF_FIGURES, COEFFICIENT_NONE };   /* after the columns of synth/coef.h */

/* --coef as enum coef_column or one of the two; checks that --liberty goes with it. */
enum axm_status coefficient_column(const struct cli_args *a, int *column) AXM_MUST_CHECK;
/* Its word. */
const char *coefficient_word(int column, char text[16]);

/* out[i] of mul[i]: Table 4's (any exact multiplier: 1), or measured as axmul coef does against the same
 * structure exact, kept in the result store (NULL: the default one); NaN where there is none. */
enum axm_status coefficient_find(const struct cli_args *a, int column, const char *store,
                                 const struct axm_mul *const *mul, int n, double *out) AXM_MUST_CHECK;

#endif
