#include "tests/sim_fixture.h"

#include "base/rng.h"
#include "sim/bitsim.h"

static struct bitsim *compile(const struct netlist *nl)
{
    struct bitsim *s = NULL;
    assert_int_equal(bitsim_new(nl, &s), AXM_OK);
    return s;
}

static struct sim_result compare(const struct netlist *nl, const struct axm_mul *m,
                                 const struct stimulus *pairs, const struct bitsim_compare_opts *o)
{
    struct bitsim *s = compile(nl);
    struct sim_result r;
    assert_int_equal(bitsim_compare(s, m, pairs, o, &r), AXM_OK);
    bitsim_free(s);
    return r;
}

/* Bit n of a plane, by the layout that bitsim.h documents. */
static int lane(const uint64_t *plane, int n)
{
    return plane[n % 32] >> (n / 32) & 1;
}

TEST(test_bitsim__planes_are_the_transposed_values)
{
    static const int widths[] = { 1, 7, 8, 9, 16, 17, 24, 32, 33, 63, 64 };
    uint64_t *value = aligned_alloc(64, BITSIM_LANES * 8);
    uint64_t *plane = aligned_alloc(64, 64 * BITSIM_WORDS * 8);
    for (int level = 0; level <= (int)bitsim_best_level(); level++) {
        bitsim_set_level(level);
        for (size_t k = 0; k < sizeof widths / sizeof widths[0]; k++) {
            int bits = widths[k];
            struct rng r;
            rng_init(&r, 1, k);
            for (int n = 0; n < BITSIM_LANES; n++)
                value[n] = rng_next(&r) & axm_mask(bits);
            bitsim_planes(value, bits, plane);
            for (int n = 0; n < BITSIM_LANES; n++)
                for (int i = 0; i < bits; i++)
                    CHECK(lane(plane + i * 32, n) == (int)(value[n] >> i & 1),
                          "%s, %d bits: value %d bit %d", bitsim_level_name(level), bits, n, i);
        }
    }
    bitsim_set_level(bitsim_best_level());
    free(value);
    free(plane);
}

/* A netlist with every kind of cell, dead cells, constants and inputs as outputs. */
static struct netlist *mixed_netlist(void)
{
    struct netlist *nl = netlist_new("mixed");
    struct bus a = netlist_add_input(nl, "a_i", 3), b = netlist_add_input(nl, "b_i", 2), out = { 0 };
    net x = a.bit[0], y = a.bit[1], z = a.bit[2], v = b.bit[0], w = b.bit[1], s, c;
    out.bit[out.n++] = netlist_not(nl, x);
    out.bit[out.n++] = netlist_and(nl, x, y);
    out.bit[out.n++] = netlist_or(nl, y, z);
    out.bit[out.n++] = netlist_xor(nl, z, v);
    out.bit[out.n++] = netlist_nand(nl, v, w);
    out.bit[out.n++] = netlist_nor(nl, w, x);
    out.bit[out.n++] = netlist_xnor(nl, x, z);
    out.bit[out.n++] = netlist_mux(nl, v, x, w);
    netlist_half_adder(nl, y, w, &s, &c);
    out.bit[out.n++] = s;
    out.bit[out.n++] = c;
    netlist_half_adder(nl, z, w, &s, &c);
    out.bit[out.n++] = s;
    netlist_half_adder(nl, x, w, &s, &c);
    out.bit[out.n++] = c;
    netlist_full_adder(nl, x, y, z, &s, &c);
    out.bit[out.n++] = s;
    out.bit[out.n++] = c;
    netlist_full_adder(nl, x, y, v, &s, &c);
    out.bit[out.n++] = s;
    netlist_full_adder(nl, x, y, w, &s, &c);
    out.bit[out.n++] = c;
    (void)netlist_and(nl, c, s);   /* dead */
    out.bit[out.n++] = NET_0;
    out.bit[out.n++] = NET_1;
    out.bit[out.n++] = w;
    out.bit[out.n++] = netlist_dff(nl, netlist_xor(nl, out.bit[0], out.bit[12]));
    netlist_add_output(nl, "p_o", &out);
    return nl;
}

/* By hand: the boolean functions of mixed_netlist() on all 32 inputs, at every level. */
TEST(test_bitsim__every_cell_kind_computes_its_function)
{
    struct netlist *nl = mixed_netlist();
    assert_int_equal(netlist_check(nl), AXM_OK);
    struct bitsim *sim = compile(nl);
    uint64_t *in = aligned_alloc(64, 5 * BITSIM_WORDS * 8), *out = aligned_alloc(64, 20 * BITSIM_WORDS * 8);
    uint64_t *scratch = aligned_alloc(64, bitsim_scratch_words(sim) * 8);
    for (int level = 0; level <= (int)bitsim_best_level(); level++) {
        bitsim_set_level(level);
        for (int word = 0; word < 5 * BITSIM_WORDS; word++) {
            in[word] = 0;   /* lane n has input n % 32 */
            for (int k = 0; k < 64; k++)
                in[word] |= (uint64_t)((word % 32) >> (word / 32) & 1) << k;
        }
        bitsim_run(sim, in, out, scratch);
        for (int n = 0; n < BITSIM_LANES; n++) {
            int i = n % 32, x = i & 1, y = i >> 1 & 1, z = i >> 2 & 1, v = i >> 3 & 1, w = i >> 4 & 1;
            int want[] = { !x, x & y, y | z, z ^ v, !(v & w), !(w | x), !(x ^ z), v ? w : x, y ^ w, y & w,
                           z ^ w, x & w, (x + y + z) & 1, (x + y + z) >> 1, (x + y + v) & 1,
                           (x + y + w) >> 1, 0, 1, w, !x ^ ((x + y + z) & 1) };
            for (int bit = 0; bit < 20; bit++)
                CHECK(lane(out + bit * 32, n) == want[bit], "%s: input %d, output %d",
                      bitsim_level_name(level), i, bit);
        }
    }
    bitsim_set_level(bitsim_best_level());
    free(in);
    free(out);
    free(scratch);
    bitsim_free(sim);
    netlist_free(nl);
}

TEST(test_bitsim__compare_passes_correct_circuits_at_every_width)
{
    static const char *const specs[] = { "exact2u", "exact3x2s", "exact8x4u", "array8s", "exact4x8s",
                                         "drum8s_k4", "mitchell10u", "exact12s", "scdm8s_x5_y2" };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct netlist *nl = netlist_of(specs[i]);
        struct axm_mul *m = model_of(specs[i]);
        struct stimulus all = stimulus_all(axm_mul_width_a(m), axm_mul_width_b(m));
        for (int level = 0; level <= (int)bitsim_best_level(); level++) {
            bitsim_set_level(level);
            struct sim_result r = compare(nl, m, &all, &(struct bitsim_compare_opts){ 0 });
            CHECK(r.mismatches == 0 && r.pairs == all.count, "%s: %d mismatches", specs[i],
                  (int)r.mismatches);
        }
        axm_mul_close(m);
        netlist_free(nl);
    }
    bitsim_set_level(bitsim_best_level());
}

TEST(test_bitsim__compare_counts_mismatches_and_finds_the_first)
{
    static const char *const cases[][2] = { { "drum8u_k4", "exact8u" }, { "trunc3x2u_l1_m0", "exact3x2u" },
                                            { "drum8x6s_k5", "exact8x6s" } };
    for (int i = 0; i < 3; i++) {
        struct netlist *nl = netlist_of(cases[i][1]);
        struct axm_mul *m = model_of(cases[i][0]);
        int width_a = axm_mul_width_a(m), width_b = axm_mul_width_b(m);
        struct stimulus all = stimulus_all(width_a, width_b), list;
        assert_int_equal(stimulus_sample(width_a, width_b, 3000, 9, &list), AXM_OK);
        const struct stimulus *pairs[] = { &all, &list };
        for (int k = 0; k < 2; k++) {
            struct sim_result r = compare(nl, m, pairs[k], &(struct bitsim_compare_opts){ 0 });
            struct sim_result want = expected_result(nl, m, pairs[k]);
            assert_true(want.mismatches > 0);
            check_result(cases[i][0], &r, &want);
        }
        struct sim_result r = compare(nl, m, &all, &(struct bitsim_compare_opts){ .stop_at_first = true });
        assert_int_equal(r.mismatches, 1);
        assert_true(axm_eval(m, r.first.a, r.first.b) == r.first.expected &&
                    axm_eval_exact(m, r.first.a, r.first.b) == r.first.actual);
        stimulus_release(&list);
        axm_mul_close(m);
        netlist_free(nl);
    }
}

/* One inverted gate in a corner of the array: the reference evaluator counts. */
TEST(test_bitsim__an_altered_gate_is_caught)
{
    struct netlist *nl = netlist_of("array4u");
    struct axm_mul *m = model_of("array4u");
    struct stimulus all = stimulus_all(4, 4);
    int caught = 0;
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        if (c->kind != CELL_AND)
            continue;
        struct netlist *altered = netlist_copy_altered(nl, i, CELL_NAND, c->in);
        struct sim_result r = compare(altered, m, &all, &(struct bitsim_compare_opts){ 0 });
        struct sim_result want = expected_result(altered, m, &all);
        check_result("altered", &r, &want);
        caught += want.mismatches > 0;
        netlist_free(altered);
    }
    assert_int_equal(caught, 16);   /* every partial product */
    axm_mul_close(m);
    netlist_free(nl);
}

TEST(test_bitsim__runtime_ports_get_their_values)
{
    struct netlist *nl = netlist_of("cdmr8x4u");
    struct stimulus all = stimulus_all(8, 4);
    for (int x = 0; x <= 10; x++) {
        char text[32];
        snprintf(text, sizeof text, "cdm8x4u_x%d", x);
        struct axm_mul *m = model_of(text);
        uint64_t right[RUNTIME_PORTS] = { x }, wrong[RUNTIME_PORTS] = { x ? 0 : 10 };
        struct sim_result r = compare(nl, m, &all, &(struct bitsim_compare_opts){ .runtime = right });
        assert_int_equal(r.mismatches, 0);
        r = compare(nl, m, &all, &(struct bitsim_compare_opts){ .runtime = wrong });
        /* One column without its carries is exact while it holds one partial product. */
        assert_true(x == 1 ? r.mismatches == 0 : r.mismatches > 0);
        if (r.mismatches)
            assert_int_equal(r.first.runtime[0], wrong[0]);
        axm_mul_close(m);
    }
    netlist_free(nl);
}

/* More pairs than one item: mismatches of all threads are added up, the lowest one is reported. */
TEST(test_bitsim__result_does_not_depend_on_threads)
{
    struct netlist *nl = netlist_of("exact10u");
    struct axm_mul *m = model_of("trunc10u_l0_m1");
    struct stimulus all = stimulus_all(10, 10);
    struct sim_result one = compare(nl, m, &all, &(struct bitsim_compare_opts){ .one_thread = true });
    struct sim_result many = compare(nl, m, &all, &(struct bitsim_compare_opts){ 0 });
    /* b - b mod 2 changes the product when b is odd and a is not 0. */
    assert_int_equal(one.mismatches, 512 * 1023);
    assert_int_equal(many.mismatches, 512 * 1023);
    assert_true(many.first.a == 1 && many.first.b == 1 && one.first.a == 1 && one.first.b == 1);
    axm_mul_close(m);
    netlist_free(nl);
}
