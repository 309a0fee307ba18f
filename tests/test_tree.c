/* Compressor trees: sums of arbitrary matrices, and the counts of the papers. */
#include "base/rng.h"
#include "gen/multiply.h"
#include "gen/tree.h"
#include "tests/harness.h"

static const char *const name[] = { "array", "ripple", "wallace", "dadda" };

TEST(test_tree__dadda_sequence)
{
    /* Dadda 1965: 2, 3, 4, 6, 9, 13, 19, 28, 42, 63 */
    static const int sequence[] = { 2, 3, 4, 6, 9, 13, 19, 28, 42, 63 };
    for (int i = 0; i + 1 < 10; i++)
        for (int height = sequence[i] + 1; height <= sequence[i + 1]; height++)
            assert_int_equal(dadda_target(height), sequence[i]);
}

/* Sums a random matrix (holes, several rows, constants) on 64 random settings
 * of its bits; the expected sum is added up beside it. */
static void check_random_matrix(enum tree_kind tree, enum adder_kind last, int columns, int rows,
                                struct rng *rng)
{
    struct netlist *nl = netlist_new("sum");
    assert_non_null(nl);
    uint64_t in[1024], out[MATRIX_COLUMNS], want[64] = { 0 };
    int inputs = 0;
    struct matrix m;
    matrix_init(&m, columns);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            if (rng_below(rng, 3) == 0)
                continue;
            char port[16];
            snprintf(port, sizeof port, "i%d", inputs);
            struct bus b = netlist_add_input(nl, port, 1);
            matrix_add(&m, r, c, b.bit[0]);
            in[inputs] = rng_next(rng);
            for (int l = 0; l < 64; l++)
                want[l] += (in[inputs] >> l & 1) << c;
            inputs++;
        }
    uint64_t constant = rng_next(rng) & ((UINT64_C(1) << columns) - 1);
    matrix_add_constant(&m, 0, constant);
    matrix_subtract_power(&m, 1);
    struct bus sum = matrix_sum(nl, &m, tree, last);
    assert_int_equal(sum.n, columns);
    netlist_add_output(nl, "s", &sum);
    assert_int_equal(netlist_check(nl), AXM_OK);
    netlist_eval64(nl, in, out);
    for (int l = 0; l < 64; l++)
        for (int c = 0; c < columns; c++)
            CHECK((out[c] >> l & 1) == ((want[l] + constant - 2) >> c & 1), "%s, %d columns, %d rows: bit %d",
                  name[tree], columns, rows, c);
    netlist_free(nl);
}

TEST(test_tree__sums_random_matrices)
{
    struct rng rng;
    rng_init(&rng, 1965, 0);
    for (int tree = TREE_ARRAY; tree <= TREE_DADDA; tree++)
        for (int k = 0; k < 60; k++)
            check_random_matrix(tree, (enum adder_kind)(k % ADDER_KINDS), 2 + (int)rng_below(&rng, 30),
                                1 + (int)rng_below(&rng, 14), &rng);
}

static struct netlist_stats matrix_stats(int n, enum tree_kind tree)
{
    struct netlist *nl = netlist_new("multiplier");
    assert_non_null(nl);
    struct bus a = netlist_add_input(nl, "a", n), b = netlist_add_input(nl, "b", n);
    struct bus p = multiply_matrix(nl, &a, &b, false, tree, ADDER_RCA);
    netlist_add_output(nl, "p", &p);
    assert_int_equal(netlist_sweep(nl), AXM_OK);
    struct netlist_stats stats;
    netlist_measure(nl, &stats);
    netlist_free(nl);
    return stats;
}

/* n^2 ANDs; Dadda's tree takes n^2 - 4n + 3 full and n - 1 half adders, the
 * ripple adder behind it 2n - 3 full and 1 half one (Townsend, Swartzlander
 * and Abraham 2003); Braun's array n(n-2) full and n half adders: the same. */
TEST(test_tree__adder_counts_are_the_published_ones)
{
    for (int n = 3; n <= 24; n++) {
        static const enum tree_kind trees[] = { TREE_DADDA, TREE_ARRAY, TREE_RIPPLE };
        for (int t = 0; t < 3; t++) {
            struct netlist_stats s = matrix_stats(n, trees[t]);
            assert_int_equal(s.count[CELL_AND], n * n);
            CHECK(s.count[CELL_FA] == (size_t)n * (n - 2) && s.count[CELL_HA] == (size_t)n,
                  "%s %dx%d: %zu full and %zu half adders", name[trees[t]], n, n, s.count[CELL_FA],
                  s.count[CELL_HA]);
            assert_int_equal(s.cells, 2 * n * n - n);
        }
        if (n > 3)   /* what Dadda improved on */
            assert_true(matrix_stats(n, TREE_WALLACE).count[CELL_HA] > (size_t)n);
    }
}

/* Full and half adders among the cells of the scope. */
static void count_adders(const struct netlist *nl, const char *scope, int *full, int *half)
{
    *full = *half = 0;
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        if (strcmp(netlist_scope_name(nl, c->scope), scope) == 0) {
            *full += c->kind == CELL_FA;
            *half += c->kind == CELL_HA;
        }
    }
}

TEST(test_tree__dadda_leaves_as_much_as_it_can_to_the_last_adder)
{
    for (int n = 3; n <= 24; n++) {
        struct netlist *nl = netlist_new("multiplier");
        assert_non_null(nl);
        struct bus a = netlist_add_input(nl, "a", n), b = netlist_add_input(nl, "b", n);
        struct bus p = multiply_matrix(nl, &a, &b, false, TREE_DADDA, ADDER_RCA);
        netlist_add_output(nl, "p", &p);
        int full, half;
        count_adders(nl, "dadda", &full, &half);
        assert_int_equal(full, n * n - 4 * n + 3);
        assert_int_equal(half, n - 1);
        count_adders(nl, "adder", &full, &half);
        assert_int_equal(full, 2 * n - 3);
        assert_int_equal(half, 1);
        netlist_free(nl);
    }
}

/* Two rows in columns 0..3, a third far to the left.  The first two: 4 half
 * adders.  The third touches none of their columns, where two bits wait in 1,
 * 2 and 3 and one in 4 for the last adder: half, full, full, half. */
TEST(test_tree__array_leaves_columns_alone_that_a_row_does_not_touch)
{
    struct netlist *nl = netlist_new("sum");
    assert_non_null(nl);
    struct bus x = netlist_add_input(nl, "x", 4), y = netlist_add_input(nl, "y", 4);
    struct bus z = netlist_add_input(nl, "z", 1);
    struct matrix m;
    matrix_init(&m, 8);
    matrix_add_bus(&m, 0, 0, &x);
    matrix_add_bus(&m, 1, 0, &y);
    matrix_add(&m, 2, 7, z.bit[0]);
    struct bus sum = matrix_sum(nl, &m, TREE_ARRAY, ADDER_RCA);
    netlist_add_output(nl, "s", &sum);
    int full, half;
    count_adders(nl, "array", &full, &half);
    assert_int_equal(full, 0);
    assert_int_equal(half, 4);
    count_adders(nl, "adder", &full, &half);
    assert_int_equal(full, 2);
    assert_int_equal(half, 2);
    netlist_free(nl);
}
