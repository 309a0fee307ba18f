/* Adders against integer addition, and their depth against the papers'. */
#include "base/rng.h"
#include "gen/adder.h"
#include "tests/harness.h"

static const char *const name[ADDER_KINDS] = { "rca", "cla", "ks", "bk" };

/* A circuit of two operands of n bits and a carry; the output has n + 1 bits,
 * or n without a carry out. */
static struct netlist *adder(enum adder_kind kind, int n, bool carry_out)
{
    struct netlist *nl = netlist_new("adder");
    assert_non_null(nl);
    struct bus a = netlist_add_input(nl, "a", n), b = netlist_add_input(nl, "b", n);
    struct bus c = netlist_add_input(nl, "c", 1);
    net carry;
    struct bus sum = adder_build(nl, kind, &a, &b, c.bit[0], carry_out ? &carry : NULL);
    assert_int_equal(sum.n, n);
    if (carry_out)
        sum.bit[sum.n++] = carry;
    netlist_add_output(nl, "s", &sum);
    assert_int_equal(netlist_sweep(nl), AXM_OK);
    assert_int_equal(netlist_check(nl), AXM_OK);
    return nl;
}

/* One lane: every input bit is all zeros or all ones. */
static void check_sum(const struct netlist *nl, enum adder_kind kind, int n, bool carry_out, uint64_t a,
                      uint64_t b, unsigned c)
{
    uint64_t in[2 * 64 + 1], out[65];
    for (int i = 0; i < n; i++) {
        in[i] = -(a >> i & 1);
        in[n + i] = -(b >> i & 1);
    }
    in[2 * n] = -(uint64_t)c;
    netlist_eval64(nl, in, out);
    unsigned __int128 want = (unsigned __int128)a + b + c;
    for (int i = 0; i < n + carry_out; i++)
        CHECK((out[i] & 1) == (uint64_t)(want >> i & 1), "%s of %d bits: 0x%llx + 0x%llx + %u: bit %d",
              name[kind], n, (unsigned long long)a, (unsigned long long)b, c, i);
}

TEST(test_adder__adds_all_operands_up_to_5_bits)
{
    for (int kind = 0; kind < ADDER_KINDS; kind++)
        for (int n = 1; n <= 5; n++)
            for (int carry_out = 0; carry_out < 2; carry_out++) {
                struct netlist *nl = adder(kind, n, carry_out);
                for (uint64_t a = 0; a >> n == 0; a++)
                    for (uint64_t b = 0; b >> n == 0; b++)
                        for (unsigned c = 0; c < 2; c++)
                            check_sum(nl, kind, n, carry_out, a, b, c);
                netlist_free(nl);
            }
}

TEST(test_adder__adds_random_operands_up_to_64_bits)
{
    struct rng rng;
    rng_init(&rng, 1964, 0);
    for (int kind = 0; kind < ADDER_KINDS; kind++)
        for (int n = 1; n <= 64; n++) {
            uint64_t mask = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
            struct netlist *nl = adder(kind, n, true), *modulo = adder(kind, n, false);
            for (int k = 0; k < 40; k++) {
                uint64_t a = rng_next(&rng) & mask, b = rng_next(&rng) & mask;
                if (k % 4 == 0)   /* the carry runs through long chains */
                    b = ~a & mask;
                if (k % 8 == 1)
                    b = (~a + 1) & mask;
                check_sum(nl, kind, n, true, a, b, k & 1);
                check_sum(modulo, kind, n, false, a, b, k & 1);
            }
            netlist_free(nl);
            netlist_free(modulo);
        }
}

static int log2_up(int n)
{
    int k = 0;
    while (1 << k < n)
        k++;
    return k;
}

static int levels(enum adder_kind kind, int n)
{
    struct netlist *nl = adder(kind, n, true);
    struct netlist_stats stats;
    netlist_measure(nl, &stats);
    netlist_free(nl);
    return stats.levels;
}

/* A prefix level is an AND and an OR.  Generate, prefix levels over n columns
 * and the carry in, sum: Kogge and Stone 2 log2(n+1) + 2, Brent and Kung one
 * prefix level less than twice that. */
TEST(test_adder__prefix_adders_are_logarithmic)
{
    for (int n = 2; n <= 64; n++) {
        int k = log2_up(n + 1), ks = levels(ADDER_KS, n), bk = levels(ADDER_BK, n);
        CHECK(ks <= 2 * k + 2, "ks of %d bits: %d levels", n, ks);
        CHECK(bk <= 2 * (2 * k - 1) + 2, "bk of %d bits: %d levels", n, bk);
        CHECK(ks <= bk, "ks of %d bits: %d levels, bk %d", n, ks, bk);
    }
}

TEST(test_adder__lookahead_is_between_ripple_and_prefix)
{
    assert_int_equal(levels(ADDER_RCA, 64), 128);   /* the carry of a full adder is 2 levels */
    for (int n = 16; n <= 64; n *= 2) {
        assert_true(levels(ADDER_CLA, n) < levels(ADDER_RCA, n));
        assert_true(levels(ADDER_CLA, n) >= levels(ADDER_KS, n));
    }
}

TEST(test_adder__constant_operands_cost_nothing)
{
    for (int kind = 0; kind < ADDER_KINDS; kind++) {
        struct netlist *nl = netlist_new("adder");
        assert_non_null(nl);
        struct bus a = netlist_add_input(nl, "a", 16), zero = { .n = 16 };
        net carry;
        struct bus sum = adder_build(nl, (enum adder_kind)kind, &a, &zero, NET_0, &carry);
        assert_memory_equal(sum.bit, a.bit, 16 * sizeof a.bit[0]);
        assert_int_equal(carry, NET_0);
        netlist_add_output(nl, "s", &sum);
        assert_int_equal(netlist_sweep(nl), AXM_OK);
        assert_int_equal(netlist_cells(nl), 0);
        netlist_free(nl);
    }
}
