/* Formal proof that emitted Verilog is its family's definition, at any width.
 *
 * Two methods, each on the text that users get, read back by Yosys:
 *
 *   algebra   Multipliers made of adder cells (sim/algebra.h): milliseconds to
 *             seconds at 32x32, where SAT has no answer from 12 bits up.
 *   &cec      Everything else: Yosys makes AIGER of the text and of the family's
 *             hand-written reference (rtl/ref/), ABC proves them equal by
 *             SAT sweeping.  Closes DRUM, Mitchell and TOSAM at 16 bits.
 *
 * Neither looks at the C models; the references and the models are written
 * from docs/families.md independently. */
#ifndef AXM_SIM_FORMAL_H
#define AXM_SIM_FORMAL_H

#include "cmodel/spec.h"
#include "gen/netlist.h"
#include "sim/stimulus.h"

enum formal_verdict {
    FORMAL_PROVEN,      /* equal for every operand pair (and every value at the runtime ports) */
    FORMAL_DISPROVEN,   /* not equal; counterexample is checked by evaluation */
    FORMAL_GAVE_UP,     /* neither; reason says why */
};
const char *formal_verdict_name(enum formal_verdict v);   /* "proven", "disproven", "gave up" */

struct formal_result {
    enum formal_verdict verdict;
    char method[48];            /* what decided, or was tried: "algebra", "algebra + &cec", "&cec" */
    char reason[160];           /* why it gave up: "no answer from &cec in 60 s"; else "" */
    struct sim_mismatch counterexample;   /* of a disproof; expected: the model's, actual: the netlist's */
    double seconds;
};

/* Seconds that one ABC call gets unless said otherwise. */
enum { FORMAL_TIMEOUT_S = 60 };

/* AXM_ENV and one line if yosys or berkeley-abc is missing. */
enum axm_status formal_need(void) AXM_MUST_CHECK;

/* Proves that the circuit nl (ports of mul_netlist(); combinational) is spec,
 * by its emitted hierarchical Verilog.  A verdict is a result and returns AXM_OK;
 * AXM_ENV if a tool is missing or fails, AXM_MISMATCH and one line if a
 * tool's counterexample is none (the method itself would be broken then). */
enum axm_status formal_prove(const struct axm_spec *spec, const struct netlist *nl,
                             struct formal_result *out) AXM_MUST_CHECK;

/* The methods one by one, and the time limit. */
enum formal_method { FORMAL_AUTO, FORMAL_ALGEBRA, FORMAL_CEC };
struct formal_opts {
    enum formal_method method;
    int timeout_s;              /* 0: FORMAL_TIMEOUT_S */
};
enum axm_status formal_prove_by(const struct axm_spec *spec, const struct netlist *nl,
                                const struct formal_opts *o, struct formal_result *out) AXM_MUST_CHECK;

/* Are two circuits with the same ports equal?  From their AIGER (write_aiger),
 * by ABC alone; no spec, no model.  counterexample: expected of x, actual of y. */
enum axm_status formal_equal(const struct netlist *x, const struct netlist *y, int timeout_s,
                             struct formal_result *out) AXM_MUST_CHECK;

#endif
