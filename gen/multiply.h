/* Exact multipliers on nets: the families of their own, and the core of others. */
#ifndef AXM_GEN_MULTIPLY_H
#define AXM_GEN_MULTIPLY_H

#include "gen/netlist.h"
#include "gen/tree.h"

/* a * b, n + m bits, each operand 1..32 bits, both signed or both unsigned.
 * Scopes: pp (the partial products) and those of matrix_sum(). */

/* By the (modified Baugh-Wooley) matrix of AND and NAND gates. */
struct bus multiply_matrix(struct netlist *nl, const struct bus *a, const struct bus *b,
                           bool is_signed, enum tree_kind tree, enum adder_kind last);

/* By radix-4 Booth recoding (MacSorley 1961) of the operand that gives the
 * smaller matrix.  Any tree but TREE_RIPPLE: a row brings the carry of its
 * negation along. */
struct bus multiply_booth(struct netlist *nl, const struct bus *a, const struct bus *b,
                          bool is_signed, enum tree_kind tree, enum adder_kind last);

/* Unsigned, by radix-4 digits 0..3 of one operand: x, 2x and 3x are selected
 * from, and 3x is made once.  Half the rows of the matrix, as Booth's, and no
 * negative ones; it pays where area counts and not the wait for 3x. */
struct bus multiply_radix4(struct netlist *nl, const struct bus *a, const struct bus *b,
                           enum tree_kind tree, enum adder_kind last);

/* By whichever of these has the smallest area at this width and sign. */
struct bus multiply_smallest(struct netlist *nl, const struct bus *a, const struct bus *b,
                             bool is_signed);

#endif
