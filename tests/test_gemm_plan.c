/* The form that a table gets: exact for every pair, and the cheapest that is known for it. */
#include "tests/harness.h"

#include "base/rng.h"
#include "cmodel/lut.h"
#include "dnn/gemm_impl.h"

static struct gemm_table table_of(const char *spec, bool weight_is_a, int x_count)
{
    struct axm_mul *m;
    struct gemm_table t = { .x_bits = 8, .w_bits = 8, .x_count = x_count, .w_count = 256 };
    CHECK(axm_mul_open(spec, &m) == AXM_OK, "%s", spec);
    t.is_signed = axm_mul_signed(m);
    t.value = gemm_alloc(65536 * sizeof *t.value);
    for (uint32_t w = 0; w < 256; w++)
        for (uint32_t x = 0; x < 256; x++) {
            uint32_t legal = x & (uint32_t)(x_count - 1);
            uint64_t p = weight_is_a ? axm_eval(m, w, legal) : axm_eval(m, legal, w);
            t.value[w << 8 | x] = (int32_t)axm_mul_value(m, p, 16);
        }
    axm_mul_close(m);
    return t;
}

static void check_form(const struct gemm_table *t, const struct gemm_form *f, const char *name)
{
    for (int w = 0; w < t->w_count; w++)
        for (int x = 0; x < t->x_count; x++)
            CHECK(gemm_form_value(f, x, w) == t->value[w << 8 | x], "%s: x %d, w %d: %d, not %d", name, x, w,
                  gemm_form_value(f, x, w), t->value[w << 8 | x]);
}

/* By the definitions: truncated operands and drum's are functions of each operand alone, the carries that
 * scdm8s_x4_y2 drops with the activation as a depend on its low 4 bits, a Mitchell product on all. */
TEST(test_gemm_plan__families_get_the_form_of_their_definition)
{
    static const struct {
        const char *spec;
        bool weight_is_a;
        int x_count;
        enum gemm_plan_kind kind;
        int terms, planes;
    } want[] = {
        { "exact8s", false, 256, GEMM_BIT_LINEAR, 1, 0 },
        { "exact8u", true, 256, GEMM_BIT_LINEAR, 1, 0 },
        { "trunc8s_l3_m2", false, 256, GEMM_BIT_LINEAR, 1, 0 },
        { "trunc8u_l3_m2", true, 128, GEMM_BIT_LINEAR, 1, 0 },
        { "drum8u_k3", false, 256, GEMM_BIT_LINEAR, 1, 0 },
        { "scdm8s_x4_y2", false, 256, GEMM_RESIDUAL6, 1, 1 },
        { "mitchell8u_t7", false, 256, GEMM_PLANES8, 0, 2 },
        { "mitchell8u_t7", false, 128, GEMM_PLANES7, 0, 2 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct gemm_table t = table_of(want[i].spec, want[i].weight_is_a, want[i].x_count);
        enum gemm_plan_kind kind;
        struct gemm_form f;
        assert_int_equal(gemm_choose(&t, want[i].spec, GEMM_VBMI, -1, &kind, &f), AXM_OK);
        CHECK(kind == want[i].kind && f.n_terms == want[i].terms && f.n_planes == want[i].planes,
              "%s: %s, %d terms, %d planes", want[i].spec, gemm_plan_name(kind), f.n_terms, f.n_planes);
        check_form(&t, &f, want[i].spec);
        gemm_form_release(&f);
        free(t.value);
    }
}

/* Every form of every SCDM8 in both orders says what the table says. */
TEST(test_gemm_plan__all_forms_are_exact)
{
    struct rng r;
    rng_init(&r, 1, 0);
    for (struct axm_spec_iter it = { 0 }; axm_spec_next(&it, axm_family_find("scdm"), 8, 8, true);) {
        char name[AXM_SPEC_MAX];
        axm_spec_print(&it.spec, name);
        if (!getenv("AXM_FULL") && rng_below(&r, 12))
            continue;
        for (int order = 0; order < 2; order++) {
            struct gemm_table t = table_of(name, order, rng_below(&r, 2) ? 128 : 256);
            for (int plan = GEMM_BIT_LINEAR; plan <= (int)GEMM_PLANES8; plan++) {
                enum gemm_plan_kind kind;
                struct gemm_form f;
                if (gemm_choose(&t, name, GEMM_VBMI, plan, &kind, &f) != AXM_OK)
                    continue;
                CHECK((int)kind == plan, "%s: asked for %s, got %s", name,
                      gemm_plan_name((enum gemm_plan_kind)plan), gemm_plan_name(kind));
                check_form(&t, &f, name);
                gemm_form_release(&f);
            }
            free(t.value);
        }
    }
}

/* Below VBMI, the exact product is one term too, and what is no sum of terms goes by product rows. */
TEST(test_gemm_plan__lower_levels_have_terms_and_rows)
{
    static const enum gemm_level levels[] = { GEMM_AVX2, GEMM_AVX512 };
    for (size_t i = 0; i < 2; i++) {
        struct gemm_table exact = table_of("exact8s", false, 256);
        struct gemm_table other = table_of("mitchell8u_t7", false, 256);
        enum gemm_plan_kind kind;
        struct gemm_form f;
        assert_int_equal(gemm_choose(&exact, "e", levels[i], -1, &kind, &f), AXM_OK);
        assert_int_equal(kind, GEMM_BIT_LINEAR);
        assert_int_equal(f.n_terms, 1);
        check_form(&exact, &f, "exact8s");
        gemm_form_release(&f);
        assert_int_equal(gemm_choose(&other, "m", levels[i], -1, &kind, &f), AXM_OK);
        assert_int_equal(kind, GEMM_ROWS);
        gemm_form_release(&f);
        assert_int_equal(gemm_choose(&other, "m", levels[i], GEMM_BIT_LINEAR, &kind, &f), AXM_USAGE);
        free(exact.value);
        free(other.value);
    }
}

TEST(test_gemm_plan__a_plan_that_is_not_exact_bad)
{
    struct gemm_table t = table_of("mitchell8u_t7", false, 256);
    enum gemm_plan_kind kind;
    struct gemm_form f;
    assert_int_equal(gemm_choose(&t, "m", GEMM_VBMI, GEMM_BIT_LINEAR, &kind, &f), AXM_USAGE);
    assert_int_equal(gemm_choose(&t, "m", GEMM_VBMI, GEMM_PLANES7, &kind, &f), AXM_USAGE);
    assert_int_equal(gemm_choose(&t, "m", GEMM_PORTABLE, GEMM_PLANES8, &kind, &f), AXM_USAGE);
    free(t.value);
}
