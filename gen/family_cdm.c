/* cdm, scdm, cdmr, scdmr: carry disregard, by blocks of four rows.
 *
 * A block is three ripple rows of adder cells.  Where the parameter is fixed, a
 * cell in a column below it is an exclusive or; where it is an input, a cell's
 * carry passes an AND gate that the column's enable controls.  Columns are then
 * summed exactly from K on, because no carry enters them from below. */
#include <assert.h>

#include "gen/bus.h"
#include "gen/families.h"
#include "gen/tree.h"

enum { BLOCK_ROWS = 4 };

/* x > c for a constant c >= 0: from the low end, what decides is the highest
 * bit in which they differ. */
static net greater_than_constant(struct netlist *nl, const struct bus *x, int c)
{
    if (c >> x->n)
        return NET_0;
    net greater = NET_0;
    for (int i = 0; i < x->n; i++)
        greater = (c >> i & 1 ? netlist_and : netlist_or)(nl, x->bit[i], greater);
    return greater;
}

/* One adder cell: two or three bits into a sum and an enabled carry. */
static void cell(struct netlist *nl, net x, net y, net carry_in, net enable, net *sum, net *carry)
{
    if (enable == NET_0) {
        *sum = netlist_xor(nl, netlist_xor(nl, x, y), carry_in);
        *carry = NET_0;
        return;
    }
    netlist_full_adder(nl, x, y, carry_in, sum, carry);
    *carry = netlist_and(nl, *carry, enable);
}

/* Rows first_row .. first_row+3 of the matrix, n + 4 columns; carries leave
 * column c where enable[c]. */
static struct bus block(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                        int first_row, const net *enable)
{
    struct bus sum = bus_zero(a->n + BLOCK_ROWS);
    for (int i = 0; i < BLOCK_ROWS; i++) {
        net carry = NET_0;
        for (int j = 0; j < a->n; j++) {
            net pp = partial_product(nl, a, b, is_signed, j, first_row + i);
            cell(nl, sum.bit[i + j], pp, carry, enable[i + j], &sum.bit[i + j], &carry);
        }
        sum.bit[i + a->n] = carry;   /* nothing else stands there yet */
    }
    return sum;
}

struct bus build_carry_disregard(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                                 const struct bus *b, const struct bus *extra)
{
    static const char *const key[] = { "x", "y", "z", "w", "v", "u", "t", "s" };
    struct matrix sums;
    matrix_init(&sums, a->n + b->n);
    for (int r = 0; r < b->n / BLOCK_ROWS; r++) {
        int p = axm_param_find(s->family, key[r]);
        assert(p >= 0);
        net enable[AXM_WIDTH_MAX + BLOCK_ROWS];
        char scope[8] = { 'b', 'l', 'o', 'c', 'k', (char)('0' + r) };
        netlist_scope_enter(nl, scope);
        for (int c = 0; c < a->n + BLOCK_ROWS - 1; c++)
            enable[c] = s->family->param[p].runtime
                            ? netlist_not(nl, greater_than_constant(nl, &extra[r], c))
                            : (net)(c >= s->p[p] ? NET_1 : NET_0);
        struct bus sum = block(nl, a, b, s->is_signed, r * BLOCK_ROWS, enable);
        netlist_scope_leave(nl);
        matrix_add_bus(&sums, r, r * BLOCK_ROWS, &sum);
    }
    matrix_add_constant(&sums, 0, baugh_wooley_constant(a->n, b->n, s->is_signed));
    return matrix_sum(nl, &sums, TREE_DADDA, ADDER_RCA);
}
