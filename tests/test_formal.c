/* Proofs: of what is right, never of what is not. */
#include "base/file.h"
#include "gen/write.h"
#include "sim/abc.h"
#include "sim/algebra.h"
#include "sim/formal.h"
#include "sim/mutate.h"
#include "tests/sim_fixture.h"

static void need_tools(void)
{
    if (formal_need() != AXM_OK)
        SKIP("no yosys or berkeley-abc");
}

static struct formal_result prove(const struct axm_spec *s, const struct netlist *nl,
                                  enum formal_method method, int timeout_s)
{
    struct formal_result r;
    struct formal_opts o = { .method = method, .timeout_s = timeout_s };
    CHECK(formal_prove_by(s, nl, &o, &r) == AXM_OK, "%s", netlist_name(nl));
    return r;
}

static void check_proven(const char *text, enum formal_method method, const char *by)
{
    struct axm_spec s = spec_of(text);
    struct netlist *nl = netlist_of(text);
    struct formal_result r = prove(&s, nl, method, 60);
    CHECK(r.verdict == FORMAL_PROVEN, "%s: %s by %s: %s", text, formal_verdict_name(r.verdict), r.method,
          r.reason);
    CHECK(!strcmp(r.method, by), "%s: by %s", text, r.method);
    netlist_free(nl);
}

TEST(test_formal__algebra_proves_adder_arrays)
{
    need_tools();
    static const char *const specs[] = {
        "array4u",
        "wallace8s",
        "dadda16s",
        "booth8u",
        "booth16s",
        "exact8u",
        "exact12s",
        "exact32s",
        "exact32u",
        "quaternary9x7u",
        "array5x9s",
        "trunc16u_l3_m4",
        "trunc16s_l15_m2",
        "trunc12u_c7",
        "trunc16s_c10_const",
        "trunc12s_c17_var",
        "trunc8x4s_c5",
        "bam16s_h3_v7",
        "bam12u_h0_v20",
        "cdm8u_x7_y3",
        "scdm8s_x10_y10",
        "scdm16s_x5_y4_z3_w2",
        "cdm6x8u_x8_y0",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        check_proven(specs[i], FORMAL_ALGEBRA, "algebra");
}

TEST(test_formal__prefix_adders_are_proven_as_boxes)
{
    need_tools();
    static const char *const specs[] = {
        "dadda8s_ks", "wallace16u_bk", "array12s_cla", "booth32s_ks", "quaternary6u_ks",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        check_proven(specs[i], FORMAL_ALGEBRA, "algebra + &cec");
}

TEST(test_formal__abc_proves_the_rest)
{
    need_tools();
    static const char *const specs[] = {
        "drum8s_k3_oc1", "drum12s_k5", "mitchell12u_t4", "tosam8u_h2_t4", "scdmr8s", "mitchell2x8u_t0",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        check_proven(specs[i], FORMAL_AUTO, "&cec");
}

TEST(test_formal__both_methods_prove_small_ones)
{
    need_tools();
    static const char *const specs[] = { "exact6s", "trunc6s_c5_var", "bam6s_h2_v3", "cdm4u_x5",
                                         "scdm4s_x3" };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        check_proven(specs[i], FORMAL_ALGEBRA, "algebra");
        check_proven(specs[i], FORMAL_CEC, "&cec");
    }
}

TEST(test_formal__wide_ones_full)
{
    need_tools();
    if (!getenv("AXM_FULL"))
        SKIP("set AXM_FULL for proofs at 16 and 32 bits");
    static const char *const algebra[] = {
        "exact32s", "array32u", "array32s",           "wallace32s",    "dadda32u",
        "booth32s", "booth32u", "trunc32s_c40_const", "bam32s_h4_v30", "scdm32s_x1_y2_z3_w4_v5_u6_t7_s8",
    };
    static const char *const boxes[] = { "array32u_ks", "wallace32s_bk", "dadda32s_cla", "dadda32u_ks",
                                          "booth32u_ks", "quaternary16u_bk" };
    static const char *const abc[] = {
        "drum16u_k6",     "drum16s_k6",     "drum16s_k6_oc1", "mitchell16u_t15", "mitchell16s_t15",
        "mitchell16u_t6", "tosam16u_h3_t7", "tosam16s_h2_t5", "drum32u_k6",      "mitchell32u_t10",
        "cdmr4u",         "drum5x9s_k9",    "mitchell8s_t7",
    };
    for (size_t i = 0; i < sizeof algebra / sizeof *algebra; i++)
        check_proven(algebra[i], FORMAL_ALGEBRA, "algebra");
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        check_proven(boxes[i], FORMAL_ALGEBRA, "algebra + &cec");
    for (size_t i = 0; i < sizeof abc / sizeof *abc; i++)
        check_proven(abc[i], FORMAL_AUTO, "&cec");
}

/* --- disproofs -------------------------------------------------------------------- */

/* The counterexample is one: by the models, which no prover has looked at. */
static void check_disproven(const char *claim, const char *circuit, enum formal_method method)
{
    struct axm_spec s = spec_of(claim);
    struct netlist *nl = netlist_of(circuit);
    struct formal_result r = prove(&s, nl, method, 30);
    CHECK(r.verdict == FORMAL_DISPROVEN, "%s as %s: %s by %s %s", circuit, claim,
          formal_verdict_name(r.verdict), r.method, r.reason);
    struct axm_mul *want = model_of(claim), *got = model_of(circuit);
    uint64_t expected = axm_eval(want, r.counterexample.a, r.counterexample.b);
    uint64_t actual = axm_eval(got, r.counterexample.a, r.counterexample.b);
    CHECK(expected != actual, "%s as %s: no counterexample", circuit, claim);
    CHECK(expected == r.counterexample.expected && actual == r.counterexample.actual, "%s as %s", circuit,
          claim);
    axm_mul_close(want);
    axm_mul_close(got);
    netlist_free(nl);
}

TEST(test_formal__algebra_disproves_neighbours)
{
    need_tools();
    static const char *const pairs[][2] = {
        { "exact8u", "trunc8u_c1" },
        { "exact16s", "trunc16s_c1" },
        { "exact32s", "bam32s_h0_v1" },
        { "trunc8u_l3_m2", "trunc8u_l2_m3" },
        { "trunc8s_c6", "trunc8s_c6_const" },
        { "trunc8s_c6_const", "trunc8s_c6_var" },
        { "trunc8s_c7_var", "trunc8s_c6_var" },
        { "bam8s_h2_v5", "bam8s_h2_v6" },
        { "bam8u_h2_v5", "bam8u_h3_v5" },
        { "scdm8s_x5_y2", "scdm8s_x4_y2" },
        { "cdm8u_x7_y3", "cdm8u_x7_y2" },
        { "cdm8u_x3_y7", "cdm8u_x7_y3" },
        { "exact8s", "scdm8s_x2_y0" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        check_disproven(pairs[i][0], pairs[i][1], FORMAL_ALGEBRA);
}

TEST(test_formal__abc_disproves_neighbours)
{
    need_tools();
    static const char *const pairs[][2] = {
        { "drum16u_k6", "drum16u_k5" },
        { "drum8s_k4", "drum8s_k4_oc1" },
        { "mitchell12u_t5", "mitchell12u_t6" },
        { "tosam8s_h2_t4", "tosam8s_h1_t4" },
        { "exact8u", "trunc8u_c1" },
        { "scdm8s_x5_y2", "scdm8s_x5_y1" },
        { "cdm4u_x5", "cdm4u_x6" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        check_disproven(pairs[i][0], pairs[i][1], FORMAL_CEC);
}

/* On all operand pairs, the netlist's reference evaluator against the model. */
static bool is_right(const struct netlist *nl, const struct axm_spec *s)
{
    struct axm_mul *m;
    bool right = true;
    assert_int_equal(axm_mul_open_spec(s, &m), AXM_OK);
    for (uint64_t ab = 0; right && ab < UINT64_C(1) << axm_spec_product_width(s); ab++) {
        uint64_t in[64], out[64], product = 0;
        for (int i = 0; i < s->width_a; i++)
            in[i] = -(ab >> (s->width_b + i) & 1);
        for (int i = 0; i < s->width_b; i++)
            in[s->width_a + i] = -(ab >> i & 1);
        netlist_eval64(nl, in, out);
        for (int i = 0; i < axm_spec_product_width(s); i++)
            product |= (out[i] & 1) << i;
        right = product == axm_eval(m, ab >> s->width_b, ab & axm_mask(s->width_b));
    }
    axm_mul_close(m);
    return right;
}

/* A mutant that exhaustive evaluation finds wrong is never proven, one that it
 * finds right never disproven.  Returns how many are wrong. */
static size_t check_mutants(const char *text, enum formal_method method, size_t count)
{
    struct axm_spec s = spec_of(text);
    struct netlist *nl = netlist_of(text);
    struct mutant *m;
    size_t n, wrong = 0;
    assert_int_equal(mutants_draw(nl, count, 11, &m, &n), AXM_OK);
    for (size_t i = 0; i < n; i++) {
        struct netlist *mutant = mutant_netlist(nl, &m[i]);
        struct strbuf what = { 0 };
        mutant_describe(nl, &m[i], &what);
        bool right = is_right(mutant, &s);
        struct formal_result r = prove(&s, mutant, method, 20);
        CHECK(right || r.verdict != FORMAL_PROVEN, "%s, %s: proven by %s, and wrong", text, what.s, r.method);
        CHECK(!right || r.verdict != FORMAL_DISPROVEN, "%s, %s: disproven by %s, and right", text, what.s,
              r.method);
        CHECK(r.verdict != FORMAL_GAVE_UP || strstr(r.method, "&cec") || method == FORMAL_ALGEBRA,
              "%s, %s: %s", text, what.s, r.reason);
        wrong += !right;
        strbuf_release(&what);
        netlist_free(mutant);
    }
    free(m);
    netlist_free(nl);
    return wrong;
}

TEST(test_formal__no_wrong_mutant_is_proven)
{
    need_tools();
    static const char *const specs[] = {
        "wallace4u",    "dadda4s",          "booth4s",        "dadda5u_ks", "array4s_cla",
        "wallace5s_bk", "trunc5s_c4_const", "bam4s_h1_v3",    "scdm4s_x4",  "cdm4x8u_x3_y2",
        "quaternary5u", "quaternary4u_ks",  "trunc5u_c4_var",
    };
    size_t count = getenv("AXM_FULL") ? 60 : 3, wrong = 0;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        wrong += check_mutants(specs[i], FORMAL_ALGEBRA, count);
    static const char *const logarithmic[] = { "drum4u_k2", "mitchell4s_t3", "tosam4u_h1_t2" };
    for (size_t i = 0; i < sizeof logarithmic / sizeof *logarithmic; i++)
        wrong += check_mutants(logarithmic[i], FORMAL_CEC, (count + 1) / 2);
    CHECK(wrong > 20, "only %zu mutants are wrong", wrong);
}

/* Stuck carries of a prefix adder: on 0 and on single ones, from which the sum of
 * a box is guessed, nothing is wrong; the proof must see it. */
TEST(test_formal__no_wrong_box_is_proven)
{
    need_tools();
    struct axm_spec s = spec_of("dadda4u_ks");
    struct netlist *nl = netlist_of("dadda4u_ks");
    size_t wrong = 0;
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        struct mutant m = { .cell = i, .mutation = MUTATE_STUCK_0, .pin = 1 };
        if (c->kind != CELL_AND || strcmp(netlist_scope_name(nl, c->scope), "adder"))
            continue;
        struct netlist *mutant = mutant_netlist(nl, &m);
        bool right = is_right(mutant, &s);
        struct formal_result r = prove(&s, mutant, FORMAL_ALGEBRA, 20);
        CHECK(right || r.verdict != FORMAL_PROVEN, "cell %zu: wrong, and proven by %s", i, r.method);
        wrong += !right;
        netlist_free(mutant);
    }
    CHECK(wrong > 3, "only %zu cells matter", wrong);
    netlist_free(nl);
}

/* Algebra takes the text's adder cells as such only after looking inside. */
TEST(test_formal__wrong_adder_cells_are_seen)
{
    need_tools();
    static const char *const broken[][2] = {
        { "assign s_o = p ^ c_i;", "assign s_o = p | c_i;" },
        { "assign co_o = (a_i & b_i) | (c_i & p);", "assign co_o = (a_i | b_i) | (c_i & p);" },
        { "assign co_o = a_i & b_i;", "assign co_o = a_i ^ b_i;" },
    };
    struct axm_spec s = spec_of("wallace4u");
    struct netlist *nl = netlist_of("wallace4u");
    struct strbuf text = { 0 };
    assert_int_equal(write_verilog(nl, &(struct verilog_opts){ 0 }, &text), AXM_OK);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct strbuf dir = { 0 }, wrong = { 0 }, path = { 0 }, json = { 0 };
        struct algebra_result r;
        const char *at = strstr(text.s, broken[i][0]);
        CHECK(at, "%s", broken[i][0]);
        strbuf_add(&wrong, text.s, (size_t)(at - text.s));
        strbuf_addf(&wrong, "%s%s", broken[i][1], at + strlen(broken[i][0]));
        assert_int_equal(file_scratch_dir(&dir), AXM_OK);
        strbuf_addf(&path, "%s/dut.v", dir.s);
        assert_int_equal(file_write(path.s, wrong.s, wrong.len), AXM_OK);
        assert_int_equal(yosys_run(dir.s, ALGEBRA_SCRIPT), AXM_OK);
        strbuf_reset(&path);
        strbuf_addf(&path, "%s/dut.json", dir.s);
        assert_int_equal(file_read(path.s, 1 << 24, &json), AXM_OK);
        assert_int_equal(algebra_prove(&s, json.s, "wallace4u", NULL, NULL, &r), AXM_OK);
        assert_int_equal(r.answer, ALGEBRA_NO_ANSWER);
        assert_string_equal(r.reason, "axm_fa or axm_ha is no adder");
        file_remove_tree(dir.s);
        strbuf_release(&dir);
        strbuf_release(&wrong);
        strbuf_release(&path);
        strbuf_release(&json);
    }
    strbuf_release(&text);
    netlist_free(nl);
}

/* --- no answer ---------------------------------------------------------------------- */

TEST(test_formal__says_why_it_gives_up)
{
    need_tools();
    struct axm_spec s = spec_of("array16u");
    struct netlist *nl = netlist_of("array16u");
    struct formal_result r = prove(&s, nl, FORMAL_CEC, 1);
    assert_int_equal(r.verdict, FORMAL_GAVE_UP);
    assert_string_equal(r.reason, "no answer from &cec and cec in 1 s each");
    netlist_free(nl);
}

TEST(test_formal__registers_bad)
{
    need_tools();
    struct axm_spec s = spec_of("exact4u");
    struct netlist *nl = netlist_of("exact4u"), *piped = netlist_registered(nl, true, true, 0);
    struct formal_result r;
    assert_int_equal(formal_prove(&s, piped, &r), AXM_USAGE);
    netlist_free(piped);
    netlist_free(nl);
}

/* --- two netlists ------------------------------------------------------------------- */

TEST(test_formal__equal_knows_equal_from_different)
{
    need_tools();
    struct netlist *x = netlist_of("wallace6s"), *y = netlist_of("booth6s"), *z = netlist_of("trunc6s_c1");
    struct formal_result r;
    assert_int_equal(formal_equal(x, y, 20, &r), AXM_OK);
    assert_int_equal(r.verdict, FORMAL_PROVEN);
    assert_int_equal(formal_equal(x, z, 20, &r), AXM_OK);
    assert_int_equal(r.verdict, FORMAL_DISPROVEN);
    /* column 0 is a_0 b_0: the only difference */
    assert_int_equal(r.counterexample.a & r.counterexample.b & 1, 1);
    assert_int_not_equal(r.counterexample.expected, r.counterexample.actual);
    netlist_free(x);
    netlist_free(y);
    netlist_free(z);
}

/* first > second, of single bits: a > b and b > a look alike to whoever matches
 * inputs by position. */
static struct netlist *comparison(const char *first, const char *second)
{
    struct netlist *nl = netlist_new("greater");
    struct bus x = netlist_add_input(nl, first, 1), y = netlist_add_input(nl, second, 1);
    struct bus p = { .n = 1 };
    p.bit[0] = netlist_and(nl, x.bit[0], netlist_not(nl, y.bit[0]));
    netlist_add_output(nl, "p_o", &p);
    return nl;
}

TEST(test_formal__inputs_in_another_order_bad)
{
    need_tools();
    struct netlist *x = comparison("a_i", "b_i"), *y = comparison("b_i", "a_i");
    struct formal_result r;
    assert_int_equal(formal_equal(x, y, 20, &r), AXM_MISMATCH);
    netlist_free(x);
    netlist_free(y);
}

TEST(test_formal__symbols_in_any_order)
{
    /* inputs 1 and 2, output 6 = AND of 2 and 4, as two deltas: 6 - 4 and 4 - 2 */
    static const char file[] = "aig 3 2 0 1 1\n6\n\002\002o0 p\ni1 b\ni0 a\nc\nnote\n";
    struct strbuf out = { 0 };
    assert_true(aiger_symbols(file, sizeof file - 1, &out));
    assert_string_equal(out.s, "i0 a\ni1 b\no0 p\n");
    strbuf_reset(&out);
    static const char *const bad[] = {
        "aag 3 2 0 1 1\n6\n\002\002o0 p\ni1 b\ni0 a\n",
        "aig 3 2 0 1 1\n6\n\002\002o0 p\ni1 b\n",
        "aig 3 2 0 1 1\n6\n\002\002o0 p\ni1 b\ni1 a\n",
        "aig 3 2 0 1 1\n6\n\202\202",
        "aig 3 1 1 1 1\n6 6\n6\n\002\002",
        "aig 3 2 0 1 1\n6\n\002\002o0 p\ni1 b\ni2 a\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        strbuf_reset(&out);
        CHECK(!aiger_symbols(bad[i], strlen(bad[i]), &out), "%zu", i);
    }
    strbuf_release(&out);
}

TEST(test_formal__patterns_of_abc)
{
    struct strbuf p = { 0 };
    strbuf_adds(&p, " b_i[3]=1 a_i[0]=1 a_i[2]=0 x_i=1 b_i[0]=1");
    assert_int_equal(abc_pattern_value(&p, "a_i"), 1);
    assert_int_equal(abc_pattern_value(&p, "b_i"), 9);
    assert_int_equal(abc_pattern_value(&p, "x_i"), 1);
    assert_int_equal(abc_pattern_value(&p, "y_i"), 0);
    strbuf_release(&p);
}
