/* Carry-propagate adders on nets. */
#ifndef AXM_GEN_ADDER_H
#define AXM_GEN_ADDER_H

#include "gen/netlist.h"

/* In the order of the words rca, cla, ks, bk of the family table. */
enum adder_kind {
    ADDER_RCA,   /* ripple carry: a chain of full adders, n levels of carry */
    ADDER_CLA,   /* carry lookahead in groups of 4, groups of 4 groups, ...: log4 n group levels */
    ADDER_KS,    /* Kogge and Stone 1973: log2 n prefix levels, fan-out 2, n log2 n prefix cells */
    ADDER_BK,    /* Brent and Kung 1982: 2 log2 n - 1 prefix levels, 2n prefix cells */
    ADDER_KINDS,
};

/* a + b + carry_in modulo 2^n of two buses of the same width n >= 1; the bus
 * returned has n bits.  carry_out, unless NULL, gets bit n of the sum; with
 * NULL the logic of that carry is not built.  Any bit may be constant: what it
 * decides is folded, so zero-padded operands cost nothing. */
struct bus adder_build(struct netlist *nl, enum adder_kind kind, const struct bus *a,
                       const struct bus *b, net carry_in, net *carry_out);

#endif
