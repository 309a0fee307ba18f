/* Netlist writers.  Output is a function of the netlist and the options only:
 * byte-identical from run to run. */
#ifndef AXM_GEN_WRITE_H
#define AXM_GEN_WRITE_H

#include "base/strbuf.h"
#include "gen/netlist.h"

struct verilog_opts {
    bool flat;          /* one module, adders as expressions; else scopes and
                         * adder cells (axm_fa, axm_ha) are modules */
    bool no_library;    /* leave out the definitions of axm_fa and axm_ha, for
                         * files that hold several multipliers */
    const char *clock;  /* name of the clock of registered netlists; NULL: clk_i */
};

/* Verilog-2005, structural, silent under verilator --lint-only -Wall; scope
 * modules are named NETLIST_scope.  Opens with the line that makes it again. */
enum axm_status write_verilog(const struct netlist *nl, const struct verilog_opts *o,
                              struct strbuf *out) AXM_MUST_CHECK;
/* The definitions of the adder cell modules alone. */
void write_verilog_library(struct strbuf *out);

enum axm_status write_blif(const struct netlist *nl, struct strbuf *out) AXM_MUST_CHECK;
/* Binary AIGER 1.9 with a symbol table; combinational netlists only. */
enum axm_status write_aiger(const struct netlist *nl, struct strbuf *out) AXM_MUST_CHECK;
enum axm_status write_dot(const struct netlist *nl, struct strbuf *out) AXM_MUST_CHECK;

/* C11: void NAME(const W *in, W *out), one word per port bit, each bit of a
 * word a lane; W is 64 bits by default and, with -DAXM_LANES=128|256|512, a
 * vector of that many lanes; plus a NAME_bits description.  Self-contained.
 * Registers become a state array that NAME() steps once per call. */
enum axm_status write_c(const struct netlist *nl, struct strbuf *out) AXM_MUST_CHECK;

/* The same gates in three static functions, for circuits of which one operand stays while others change:
 * NAME_first(const W *in, W *mid) those that input port `port` (0 the first) alone decides; NAME_rest(in,
 * mid) those that it does not reach, in[] the bits of the other inputs; and NAME_join(const W *first, const
 * uint64_t *rest, W *out) the others.  rest holds word 0 of what NAME_rest() gave, taken for all.  mid has
 * NAME_first_words and NAME_rest_words.  Combinational netlists only. */
enum axm_status write_c_parts(const struct netlist *nl, int port, struct strbuf *out) AXM_MUST_CHECK;

#endif
