/* Exact multipliers of every structure against integer multiplication. */
#include "cmodel/spec.h"
#include "gen/multiply.h"
#include "tests/harness.h"

typedef struct bus multiply_fn(struct netlist *nl, const struct bus *a, const struct bus *b,
                               bool is_signed, enum tree_kind tree);

static struct bus matrix(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                         enum tree_kind tree)
{
    return multiply_matrix(nl, a, b, is_signed, tree, ADDER_RCA);
}

static struct bus booth(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                        enum tree_kind tree)
{
    return multiply_booth(nl, a, b, is_signed, tree, ADDER_RCA);
}

static struct bus radix4(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                         enum tree_kind tree)
{
    assert_false(is_signed);
    return multiply_radix4(nl, a, b, tree, ADDER_RCA);
}

static struct bus smallest(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                           enum tree_kind tree)
{
    (void)tree;
    return multiply_smallest(nl, a, b, is_signed);
}

/* All operand pairs, 64 values of b (or its 2^m, again and again) at a time. */
static void check_multiplier(multiply_fn *multiply, enum tree_kind tree, int n, int m, bool is_signed)
{
    struct netlist *nl = netlist_new("multiplier");
    assert_non_null(nl);
    struct bus a = netlist_add_input(nl, "a", n), b = netlist_add_input(nl, "b", m);
    struct bus p = multiply(nl, &a, &b, is_signed, tree);
    assert_int_equal(p.n, n + m);
    netlist_add_output(nl, "p", &p);
    assert_int_equal(netlist_sweep(nl), AXM_OK);
    assert_int_equal(netlist_check(nl), AXM_OK);

    for (uint64_t x = 0; x >> n == 0; x++)
        for (uint64_t first = 0; first >> m == 0; first += 64) {
            uint64_t in[16] = { 0 }, out[16], want[16] = { 0 };
            for (int l = 0; l < 64; l++) {
                uint64_t y = (first + (unsigned)l) & axm_mask(m);
                uint64_t product = x * y;
                if (is_signed)
                    product = (uint64_t)(axm_sign_extend(x, n) * axm_sign_extend(y, m));
                for (int i = 0; i < m; i++)
                    in[n + i] |= (y >> i & 1) << l;
                for (int i = 0; i < n + m; i++)
                    want[i] |= (product >> i & 1) << l;
            }
            for (int i = 0; i < n; i++)
                in[i] = -(x >> i & 1);
            netlist_eval64(nl, in, out);
            for (int i = 0; i < n + m; i++)
                CHECK(out[i] == want[i], "%dx%d%c, tree %d: a = 0x%llx, bit %d", n, m, is_signed ? 's' : 'u',
                      tree, (unsigned long long)x, i);
        }
    netlist_free(nl);
}

static void check_widths(multiply_fn *multiply, enum tree_kind tree, bool is_signed)
{
    for (int n = 1; n <= 6; n++)
        for (int m = 1; m <= 6; m++)
            check_multiplier(multiply, tree, n, m, is_signed);
    check_multiplier(multiply, tree, 8, 8, is_signed);
}

TEST(test_multiply__matrix_multiplies_with_every_tree)
{
    for (int tree = TREE_ARRAY; tree <= TREE_DADDA; tree++) {
        check_widths(matrix, tree, false);
        check_widths(matrix, tree, true);
    }
}

TEST(test_multiply__booth_multiplies_with_every_column_tree)
{
    static const enum tree_kind trees[] = { TREE_ARRAY, TREE_WALLACE, TREE_DADDA };
    for (int t = 0; t < 3; t++) {
        check_widths(booth, trees[t], false);
        check_widths(booth, trees[t], true);
    }
}

TEST(test_multiply__radix4_multiplies_with_every_tree)
{
    for (int tree = TREE_ARRAY; tree <= TREE_DADDA; tree++)
        check_widths(radix4, tree, false);
}

TEST(test_multiply__smallest_multiplies)
{
    check_widths(smallest, TREE_DADDA, false);
    check_widths(smallest, TREE_DADDA, true);
}

/* Half the rows: an n-bit signed operand has n/2 digits, each a row. */
TEST(test_multiply__booth_halves_the_matrix)
{
    for (int n = 8; n <= 32; n += 8) {
        struct netlist_stats stats[2];
        for (int k = 0; k < 2; k++) {
            struct netlist *nl = netlist_new("multiplier");
            assert_non_null(nl);
            struct bus a = netlist_add_input(nl, "a", n), b = netlist_add_input(nl, "b", n);
            struct bus p = (k ? booth : matrix)(nl, &a, &b, true, TREE_DADDA);
            netlist_add_output(nl, "p", &p);
            assert_int_equal(netlist_sweep(nl), AXM_OK);
            netlist_measure(nl, &stats[k]);
            netlist_free(nl);
        }
        assert_true(stats[1].count[CELL_FA] * 10 < stats[0].count[CELL_FA] * 7);
    }
}
