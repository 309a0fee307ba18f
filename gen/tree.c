#include "gen/tree.h"

#include <assert.h>
#include <string.h>

#include "cmodel/spec.h"
#include "gen/bus.h"

void matrix_init(struct matrix *m, int columns)
{
    assert(columns >= 1 && columns <= MATRIX_COLUMNS);
    m->columns = columns;
    m->constant = 0;
    memset(m->height, 0, sizeof m->height);   /* the rest is read below the heights only */
}

static void push(struct matrix *m, int row, int column, net bit)
{
    if (column >= m->columns || bit == NET_0)
        return;
    int k = m->height[column]++;
    assert(k < MATRIX_ROWS);
    m->bit[column][k] = bit;
    m->row[column][k] = (uint8_t)row;
}

void matrix_add(struct matrix *m, int row, int column, net bit)
{
    if (bit == NET_1)
        matrix_add_constant(m, column, 1);
    else
        push(m, row, column, bit);
}

void matrix_add_bus(struct matrix *m, int row, int column, const struct bus *b)
{
    for (int i = 0; i < b->n; i++)
        matrix_add(m, row, column + i, b->bit[i]);
}

void matrix_add_constant(struct matrix *m, int column, uint64_t value)
{
    if (column < m->columns)
        m->constant += (unsigned __int128)value << column;
}

void matrix_subtract_power(struct matrix *m, int column)
{
    m->constant -= (unsigned __int128)1 << column;
}

net partial_product(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                    int j, int i)
{
    bool invert = is_signed && (j == a->n - 1) != (i == b->n - 1);
    return (invert ? netlist_nand : netlist_and)(nl, a->bit[j], b->bit[i]);
}

uint64_t baugh_wooley_constant(int n, int m, bool is_signed)
{
    if (!is_signed)
        return 0;
    uint64_t sum = (UINT64_C(1) << (n - 1)) + (UINT64_C(1) << (m - 1)) + (UINT64_C(1) << (n + m - 1));
    return sum & axm_mask(n + m);
}

int matrix_height(const struct matrix *m)
{
    int highest = 0;
    for (int c = 0; c < m->columns; c++)
        if (m->height[c] > highest)
            highest = m->height[c];
    return highest;
}

/* The constant becomes bits at the bottom of its columns: there the first
 * adder meets them, and an adder with a constant input folds to two gates or
 * none.  Above the bits they would be carried through the tree. */
static void place_constant(struct matrix *m)
{
    for (int c = 0; c < m->columns; c++) {
        if (!(m->constant >> c & 1))
            continue;
        int h = m->height[c]++;
        assert(h < MATRIX_ROWS);
        memmove(m->bit[c] + 1, m->bit[c], (size_t)h * sizeof m->bit[c][0]);
        memmove(m->row[c] + 1, m->row[c], (size_t)h * sizeof m->row[c][0]);
        m->bit[c][0] = NET_1;
        m->row[c][0] = 0;
    }
    m->constant = 0;
}

/* Adds two or three bits of column c: the sum goes to the same column of next,
 * the carry to the one above.  The carry out of the top column is not made. */
static void compress(struct netlist *nl, struct matrix *next, int c, const net *bit, int count)
{
    net sum, carry = NET_0, third = count == 3 ? bit[2] : (net)NET_0;
    if (c == next->columns - 1)
        sum = netlist_xor(nl, netlist_xor(nl, bit[0], bit[1]), third);
    else
        netlist_full_adder(nl, bit[0], bit[1], third, &sum, &carry);
    push(next, 0, c, sum);
    push(next, 0, c + 1, carry);
}

/* --- array ------------------------------------------------------------------ */

/* Index of the first bit of column c whose row is `row` or later. */
static int row_begin(const struct matrix *m, int c, int row)
{
    int k = 0;
    while (k < m->height[c] && m->row[c][k] < row)
        k++;
    return k;
}

static int last_row(const struct matrix *m)
{
    int last = 0;
    for (int c = 0; c < m->columns; c++)
        for (int k = 0; k < m->height[c]; k++)
            if (m->row[c][k] > last)
                last = m->row[c][k];
    return last;
}

/* The state is the carry-save sum of the rows so far: a sum and a carry bit a
 * column, rarely a third that waits for its turn.  Carries come out one column
 * further, for the next row.  A column that gains nothing from a row and holds
 * two bits is left alone: Braun's array has no half adders there. */
static void array_rows(struct netlist *nl, struct matrix *m)
{
    int rows = last_row(m) + 1;
    struct matrix state, next;
    matrix_init(&state, m->columns);
    for (int r = 0; r < rows || matrix_height(&state) > 2; r++) {
        matrix_init(&next, m->columns);
        for (int c = 0; c < m->columns; c++) {
            net bit[2 * MATRIX_ROWS];
            int old = state.height[c], n = old, used = 0;
            memcpy(bit, state.bit[c], (size_t)old * sizeof bit[0]);
            for (int k = row_begin(m, c, r); k < row_begin(m, c, r + 1); k++)
                bit[n++] = m->bit[c][k];
            while (n - used >= 3 || (n - used == 2 && n > old)) {
                int count = n - used >= 3 ? 3 : 2;
                compress(nl, &next, c, bit + used, count);
                used += count;
            }
            for (; used < n; used++)
                push(&next, 0, c, bit[used]);
        }
        state = next;
    }
    *m = state;
}

/* The bits of a row, at most one a column. */
static struct bus row_bus(const struct matrix *m, int row)
{
    struct bus out = bus_zero(m->columns);
    for (int c = 0; c < m->columns; c++) {
        int k = row_begin(m, c, row);
        assert(row_begin(m, c, row + 1) - k <= 1);
        if (k < row_begin(m, c, row + 1))
            out.bit[c] = m->bit[c][k];
    }
    return out;
}

static struct bus ripple_rows(struct netlist *nl, const struct matrix *m, enum adder_kind kind)
{
    struct bus sum = bus_zero(m->columns);
    for (int c = 0; c < m->columns; c++)
        sum.bit[c] = m->constant >> c & 1 ? NET_1 : NET_0;
    int rows = last_row(m) + 1;
    for (int r = 0; r < rows; r++) {
        struct bus row = row_bus(m, r);
        netlist_scope_enter(nl, "row");
        sum = adder_build(nl, kind, &sum, &row, NET_0, NULL);
        netlist_scope_leave(nl);
    }
    return sum;
}

/* --- column trees ------------------------------------------------------------- */

static void wallace_stage(struct netlist *nl, struct matrix *m)
{
    struct matrix next;
    matrix_init(&next, m->columns);
    for (int c = 0; c < m->columns; c++) {
        int used = 0, n = m->height[c];
        for (; n - used >= 3; used += 3)
            compress(nl, &next, c, m->bit[c] + used, 3);
        if (n - used == 2)
            compress(nl, &next, c, m->bit[c] + used, 2);
        else if (n - used == 1)
            push(&next, 0, c, m->bit[c][used]);
    }
    *m = next;
}

int dadda_target(int height)
{
    int d = 2;
    while (d * 3 / 2 < height)
        d = d * 3 / 2;
    return d;
}

static void dadda_stage(struct netlist *nl, struct matrix *m, int target)
{
    struct matrix next;
    matrix_init(&next, m->columns);
    for (int c = 0; c < m->columns; c++) {
        int used = 0, n = m->height[c];
        /* next.height[c]: sums of this column and carries from the one before */
        for (int excess; (excess = next.height[c] + n - used - target) > 0 && n - used >= 2;) {
            int count = excess > 1 && n - used >= 3 ? 3 : 2;
            compress(nl, &next, c, m->bit[c] + used, count);
            used += count;
        }
        for (; used < n; used++)
            push(&next, 0, c, m->bit[c][used]);
    }
    *m = next;
}

/* --- sums -------------------------------------------------------------------- */

/* Two bits a column at most are left.  Single bits at the low end need no adder. */
static struct bus add_last_two(struct netlist *nl, const struct matrix *m, enum adder_kind kind)
{
    struct bus sum = bus_zero(m->columns), x, y;
    int low = 0;
    for (; low < m->columns && m->height[low] <= 1; low++)
        sum.bit[low] = m->height[low] ? m->bit[low][0] : (net)NET_0;
    if (low == m->columns)
        return sum;
    x = y = bus_zero(m->columns - low);
    for (int c = low; c < m->columns; c++) {
        if (m->height[c] > 0)
            x.bit[c - low] = m->bit[c][0];
        if (m->height[c] > 1)
            y.bit[c - low] = m->bit[c][1];
    }
    struct bus high = adder_build(nl, kind, &x, &y, NET_0, NULL);
    for (int c = low; c < m->columns; c++)
        sum.bit[c] = high.bit[c - low];
    return sum;
}

struct bus matrix_sum(struct netlist *nl, struct matrix *m, enum tree_kind tree, enum adder_kind last)
{
    static const char *const scope[] = {
        [TREE_ARRAY] = "array", [TREE_RIPPLE] = "rows", [TREE_WALLACE] = "wallace", [TREE_DADDA] = "dadda",
    };
    struct bus sum;
    netlist_scope_enter(nl, scope[tree]);
    if (tree == TREE_RIPPLE) {
        sum = ripple_rows(nl, m, last);
    } else {
        place_constant(m);
        if (tree == TREE_ARRAY)
            array_rows(nl, m);
        while (matrix_height(m) > 2) {
            if (tree == TREE_WALLACE)
                wallace_stage(nl, m);
            else
                dadda_stage(nl, m, dadda_target(matrix_height(m)));
        }
    }
    netlist_scope_leave(nl);
    if (tree != TREE_RIPPLE) {
        netlist_scope_enter(nl, "adder");
        sum = add_last_two(nl, m, last);
        netlist_scope_leave(nl);
    }
    return sum;
}
