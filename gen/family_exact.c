/* exact, array, wallace, dadda, booth: one product, five structures. */
#include <assert.h>

#include "gen/bus.h"
#include "gen/families.h"
#include "gen/multiply.h"

struct bus multiply_matrix(struct netlist *nl, const struct bus *a, const struct bus *b,
                           bool is_signed, enum tree_kind tree, enum adder_kind last)
{
    struct matrix m;
    matrix_init(&m, a->n + b->n);
    netlist_scope_enter(nl, "pp");
    for (int i = 0; i < b->n; i++)
        for (int j = 0; j < a->n; j++)
            matrix_add(&m, i, i + j, partial_product(nl, a, b, is_signed, j, i));
    netlist_scope_leave(nl);
    matrix_add_constant(&m, 0, baugh_wooley_constant(a->n, b->n, is_signed));
    return matrix_sum(nl, &m, tree, last);
}

/* --- Booth ------------------------------------------------------------------- */

/* Digits of an n-bit operand: digit k = -2 b_{2k+1} + b_{2k} + b_{2k-1}, the
 * operand extended by its sign, or by zeros if unsigned (which needs one more
 * digit when n is even, for the carry out of the top). */
static int booth_digits(int n, bool is_signed)
{
    return is_signed ? (n + 1) / 2 : n / 2 + 1;
}

/* Bits of a multiple -2x..2x of an n-bit x, sign included. */
static int booth_row_bits(int n, bool is_signed)
{
    return is_signed ? n + 1 : n + 2;
}

static net extended_bit(const struct bus *x, int i, bool is_signed)
{
    return i >= x->n && is_signed ? x->bit[x->n - 1] : bus_at(x, i);
}

/* Digit k of `by` times x, in the columns from 2k up.  The negative multiples
 * are the inverted positive ones plus 1 in column 2k.  A row is a two's
 * complement number: its top bit weighs -2^top, which is the inverted bit
 * minus the constant 2^top, so that rows need no sign extension. */
static void booth_row(struct netlist *nl, struct matrix *m, const struct bus *x,
                      const struct bus *by, bool is_signed, int k)
{
    net low = extended_bit(by, 2 * k - 1, is_signed);
    net mid = extended_bit(by, 2 * k, is_signed);
    net negative = extended_bit(by, 2 * k + 1, is_signed);
    net one = netlist_xor(nl, mid, low);
    net two = netlist_and(nl, netlist_not(nl, one), netlist_xor(nl, negative, mid));

    int top = booth_row_bits(x->n, is_signed) - 1;
    for (int j = 0; j <= top; j++) {
        net multiple = netlist_or(nl, netlist_and(nl, one, extended_bit(x, j, is_signed)),
                                  netlist_and(nl, two, extended_bit(x, j - 1, is_signed)));
        if (j == 0) {
            /* (multiple ^ negative) + negative in one column is `multiple` there
             * and a carry, for the price of one gate. */
            matrix_add(m, k, 2 * k, multiple);
            matrix_add(m, k, 2 * k + 1, netlist_and(nl, negative, netlist_not(nl, multiple)));
        } else if (j < top) {
            matrix_add(m, k, 2 * k + j, netlist_xor(nl, multiple, negative));
        } else {
            matrix_add(m, k, 2 * k + j, netlist_xnor(nl, multiple, negative));
            matrix_subtract_power(m, 2 * k + j);
        }
    }
}

struct bus multiply_booth(struct netlist *nl, const struct bus *a, const struct bus *b,
                          bool is_signed, enum tree_kind tree, enum adder_kind last)
{
    int recode_b = booth_digits(b->n, is_signed) * booth_row_bits(a->n, is_signed);
    int recode_a = booth_digits(a->n, is_signed) * booth_row_bits(b->n, is_signed);
    const struct bus *x = recode_b <= recode_a ? a : b, *by = recode_b <= recode_a ? b : a;

    struct matrix m;
    matrix_init(&m, a->n + b->n);
    netlist_scope_enter(nl, "pp");
    for (int k = 0; k < booth_digits(by->n, is_signed); k++)
        booth_row(nl, &m, x, by, is_signed, k);
    netlist_scope_leave(nl);
    return matrix_sum(nl, &m, tree, last);
}

/* --- radix 4, digits 0..3 -------------------------------------------------------- */

struct bus multiply_radix4(struct netlist *nl, const struct bus *a, const struct bus *b,
                           enum tree_kind tree, enum adder_kind last)
{
    /* An odd number of bits wastes half a digit; else fewer digits are better. */
    bool cut_a = a->n % 2 != b->n % 2 ? a->n % 2 == 0 : a->n < b->n;
    const struct bus *x = cut_a ? b : a, *by = cut_a ? a : b;
    struct bus once = bus_slice(x, 0, x->n + 2), twice = bus_slice(x, -1, x->n + 2);
    netlist_scope_enter(nl, "triple");
    struct bus thrice = adder_build(nl, last, &once, &twice, NET_0, NULL);
    netlist_scope_leave(nl);

    struct matrix m;
    matrix_init(&m, a->n + b->n);
    netlist_scope_enter(nl, "pp");
    for (int k = 0; 2 * k < by->n; k++) {
        net low = bus_at(by, 2 * k), high = bus_at(by, 2 * k + 1);
        net one = netlist_and(nl, low, netlist_not(nl, high));
        net two = netlist_and(nl, high, netlist_not(nl, low));
        net three = netlist_and(nl, high, low);
        for (int j = 0; j < thrice.n; j++) {
            net small = netlist_or(nl, netlist_and(nl, one, once.bit[j]),
                                   netlist_and(nl, two, twice.bit[j]));
            matrix_add(&m, k, 2 * k + j,
                       netlist_or(nl, small, netlist_and(nl, three, thrice.bit[j])));
        }
    }
    netlist_scope_leave(nl);
    return matrix_sum(nl, &m, tree, last);
}

/* --- the smallest -------------------------------------------------------------- */

/* Measured by bench/bench_exact_area.c, which prints the whole table: um^2 in
 * osu018 of the hierarchical Verilog after synth -flatten; abc -liberty.
 *
 *                  3x3   4x4   5x5   8x8  12x12  16x16   8x2   8x3   8x4   8x5
 * unsigned
 *   dadda          907  2146  3747 10380  25005  45687  1459  3029  4792  6033
 *   booth, dadda  1195  2794  3903 10505  22863  39533  2411  2835  5312  5593
 *   radix 4, rows  950  2188  3682  8762  19372  34295  1716  3315  4331  5749
 * signed
 *   dadda          863  2247  3843 10589  25250  46519  2138  3908  5228  6599
 *   booth, dadda  1096  2111  3844  8590  20367  35428  1534  4486  4016  6061
 *
 * The carry-save array and the Wallace tree are larger than Dadda's, other
 * final adders than ripple carry no smaller.  abc's luck is about 3 %. */
struct bus multiply_smallest(struct netlist *nl, const struct bus *a, const struct bus *b,
                             bool is_signed)
{
    int narrow = a->n < b->n ? a->n : b->n, wide = a->n < b->n ? b->n : a->n;
    if (is_signed && wide >= 4 && narrow != 3)
        return multiply_booth(nl, a, b, true, TREE_DADDA, ADDER_RCA);
    if (!is_signed && narrow >= 4 && narrow + wide >= 10)
        return multiply_radix4(nl, a, b, TREE_RIPPLE, ADDER_RCA);
    return multiply_matrix(nl, a, b, is_signed, TREE_DADDA, ADDER_RCA);
}

/* --- builders ------------------------------------------------------------------ */

static enum adder_kind spec_adder(const struct axm_spec *s)
{
    return (enum adder_kind)s->p[axm_param_find(s->family, "rca")];
}

struct bus build_exact(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                       const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return multiply_smallest(nl, a, b, s->is_signed);
}

struct bus build_array(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                       const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return multiply_matrix(nl, a, b, s->is_signed, TREE_ARRAY, spec_adder(s));
}

struct bus build_wallace(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                         const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return multiply_matrix(nl, a, b, s->is_signed, TREE_WALLACE, spec_adder(s));
}

struct bus build_dadda(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                       const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return multiply_matrix(nl, a, b, s->is_signed, TREE_DADDA, spec_adder(s));
}

struct bus build_booth(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                       const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return multiply_booth(nl, a, b, s->is_signed, TREE_DADDA, spec_adder(s));
}

struct bus build_quaternary(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                        const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return multiply_radix4(nl, a, b, TREE_RIPPLE, spec_adder(s));
}
