/* Yosys and ABC as functions: Verilog text to AIGER, AIGER to a verdict. */
#ifndef AXM_SIM_ABC_H
#define AXM_SIM_ABC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/strbuf.h"

/* AXM_ENV and one line if yosys or berkeley-abc is missing. */
enum axm_status abc_need(void) AXM_MUST_CHECK;

/* Runs a Yosys script in dir.  What it says is kept back unless it fails. */
enum axm_status yosys_run(const char *dir, const char *script) AXM_MUST_CHECK;

/* Appends the commands that read x.v and y.v, and those that then turn module top into
 * file.aig (binary, with a symbol table).  The two texts stay in one design so that Yosys numbers
 * the names of their ports alike: it sorts inputs by that number. */
void yosys_add_read(const char *x, const char *y, struct strbuf *script);
void yosys_add_aiger(const char *top, const char *file, struct strbuf *script);

enum abc_answer { ABC_EQUAL, ABC_DIFFERENT, ABC_NO_ANSWER };

struct abc_verdict {
    enum abc_answer answer;
    const char *command;    /* that answered, or was tried last: "&cec", "cec"; a literal */
    struct strbuf pattern;  /* ABC_DIFFERENT: inputs that show it, "a_i[3]=1 b_i[0]=0 ..."; those
                             * that are not named do not matter */
    char reason[120];       /* ABC_NO_ANSWER: why */
};

/* Are two AIGER files in dir equal, output for output?  They must have the same
 * input and output names in the same order: ABC matches by position, and a pair of
 * files that differ there is AXM_MISMATCH, never a verdict.  &cec gets timeout_s,
 * then cec; ABC may take half as long again before it looks at the clock.
 * Release with abc_verdict_release(). */
enum axm_status abc_equal(const char *dir, const char *x, const char *y, int timeout_s,
                          struct abc_verdict *out) AXM_MUST_CHECK;
void abc_verdict_release(struct abc_verdict *v);

/* Value of port `name` in a pattern; bits that are not named are 0. */
uint64_t abc_pattern_value(const struct strbuf *pattern, const char *name);

/* The symbol table of a combinational binary AIGER file (NUL-terminated), in order: "i0 a_i[0]\n...".
 * False if it is none or an input or output has no name.  Exposed for its test. */
bool aiger_symbols(const char *data, size_t len, struct strbuf *out);

#endif
