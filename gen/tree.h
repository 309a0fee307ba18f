/* Sums of many bits of different weights: the partial-product matrix and the
 * trees of full and half adders that compress it. */
#ifndef AXM_GEN_TREE_H
#define AXM_GEN_TREE_H

#include "gen/adder.h"
#include "gen/netlist.h"

enum {
    MATRIX_COLUMNS = 66,   /* the widest sum: tosam's mantissa, two bits above 64 fraction bits */
    MATRIX_ROWS = 72,      /* bits of one column at most */
};

/* Bits to be summed modulo 2^columns.  bit[c][0..height[c]-1] have the weight
 * 2^c; row[c][k] is the row that bit came from, ascending within a column
 * (trees that work column by column do not look at it).  Constants are kept as
 * a number, so any amount of them costs one row at most. */
struct matrix {
    int columns;                      /* 1..MATRIX_COLUMNS */
    unsigned __int128 constant;
    int height[MATRIX_COLUMNS];
    net bit[MATRIX_COLUMNS][MATRIX_ROWS];
    uint8_t row[MATRIX_COLUMNS][MATRIX_ROWS];
};

void matrix_init(struct matrix *m, int columns);

/* Adds bit * 2^column.  Bits at or above m->columns vanish, constant bits go to
 * m->constant.  Calls come in ascending order of rows. */
void matrix_add(struct matrix *m, int row, int column, net bit);
/* Adds the bits of b from column `column` upward. */
void matrix_add_bus(struct matrix *m, int row, int column, const struct bus *b);
/* Adds value * 2^column. */
void matrix_add_constant(struct matrix *m, int column, uint64_t value);
/* Subtracts 2^column. */
void matrix_subtract_power(struct matrix *m, int column);

/* The partial product a_j b_i of the modified Baugh-Wooley matrix: inverted if
 * the operands are signed and exactly one of the two is a sign bit. */
net partial_product(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                    int j, int i);
/* The constant that goes with it, modulo 2^(n+m): 2^(n-1) + 2^(m-1) + 2^(n+m-1);
 * 0 if unsigned. */
uint64_t baugh_wooley_constant(int n, int m, bool is_signed);

enum tree_kind {
    TREE_ARRAY,     /* Braun: row after row into a carry-save pair, least recent first */
    TREE_RIPPLE,    /* row after row into one number by a carry-propagate adder each */
    TREE_WALLACE,   /* Wallace 1964: every stage compresses all it can, threes and then twos */
    TREE_DADDA,     /* Dadda 1965: as little as leads to the heights 2, 3, 4, 6, 9, 13, ... */
};

/* The sum, m->columns bits, made in scopes named after the tree and "adder".
 * `last` is the final carry-propagate adder (of TREE_RIPPLE: every row's, and a
 * row may have one bit a column there).  Columns at the low end that hold one
 * bit pass it on, and no cell makes the carry out of the top column.
 * Consumes *m. */
struct bus matrix_sum(struct netlist *nl, struct matrix *m, enum tree_kind tree,
                      enum adder_kind last);

/* The largest member of Dadda's sequence 2, 3, 4, 6, 9, 13, 19, 28, ... below
 * `height`: the target of the next stage; height > 2. */
int dadda_target(int height);

/* Highest column. */
int matrix_height(const struct matrix *m);

#endif
