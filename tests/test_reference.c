/* The hand-written references (rtl/ref/) against the behavioural models, through
 * Icarus Verilog: two independent readings of docs/families.md. */
#include "base/embed.h"
#include "gen/reference.h"
#include "sim/icarus.h"
#include "tests/sim_fixture.h"

static void need_icarus(void)
{
    if (icarus_need() != AXM_OK)
        SKIP("no iverilog");
}

/* The reference of a spec as a circuit to be simulated. */
static struct dut reference_of(const struct axm_spec *s)
{
    struct dut d = { .standalone = true, .width_a = s->width_a, .width_b = s->width_b,
                     .width_p = axm_spec_product_width(s) };
    char name[AXM_SPEC_MAX];
    assert_int_equal(ref_wrapper(s, &d.text), AXM_OK);
    axm_spec_print_circuit(s, name);
    snprintf(d.module, sizeof d.module, "%s_ref", name);
    strcpy(d.port_a, "a_i");
    strcpy(d.port_b, "b_i");
    strcpy(d.port_p, "p_o");
    for (int i = 0; i < axm_param_count(s->family); i++) {
        if (!s->family->param[i].runtime || !axm_param_exists(s, i))
            continue;
        snprintf(d.runtime[d.n_runtime].name, sizeof d.runtime[0].name, "%s_i", s->family->param[i].key);
        d.runtime[d.n_runtime++].width = mul_runtime_port_width(s, i);
    }
    return d;
}

static void check_reference(const struct axm_spec *s, const uint64_t *runtime)
{
    char name[AXM_SPEC_MAX];
    struct axm_mul *m;
    struct dut d = reference_of(s);
    const struct dut *duts[] = { &d };
    struct sim_result r = { 0 };
    struct stimulus pairs = { 0 };
    axm_spec_print(s, name);
    assert_int_equal(axm_mul_open_spec(s, &m), AXM_OK);
    const struct axm_mul *models[] = { m };
    if (axm_spec_product_width(s) <= 10)
        pairs = stimulus_all(s->width_a, s->width_b);
    else
        assert_int_equal(stimulus_sample(s->width_a, s->width_b, 500, 1, &pairs), AXM_OK);
    assert_int_equal(icarus_compare(duts, 1, models, &pairs, runtime, &r), AXM_OK);
    CHECK(r.mismatches == 0, "%s: reference gives 0x%llx for a = 0x%llx, b = 0x%llx, the model 0x%llx", name,
          (unsigned long long)r.first.actual, (unsigned long long)r.first.a, (unsigned long long)r.first.b,
          (unsigned long long)r.first.expected);
    CHECK(r.pairs == pairs.count, "%s: %llu pairs", name, (unsigned long long)r.pairs);
    stimulus_release(&pairs);
    axm_mul_close(m);
    dut_release(&d);
}

/* Every stride-th member of a family at these widths. */
static void check_members(const struct axm_family *f, int width_a, int width_b, int stride)
{
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct axm_spec_iter it = { 0 };
        for (int n = 0; axm_spec_next(&it, f, width_a, width_b, is_signed); n++)
            if (n % stride == 0)
                check_reference(&it.spec, NULL);
    }
}

TEST(test_reference__every_family_has_one)
{
    for (const struct axm_family *f = axm_families; f->name; f++) {
        const char *module = ref_module(f->name);
        bool found = false;
        CHECK(module, "family %s", f->name);
        char path[128];
        snprintf(path, sizeof path, "rtl/ref/%s.v", module);
        for (int i = 0; embedded_rtl[i].path; i++)
            found |= !strcmp(embedded_rtl[i].path, path);
        CHECK(found, "%s", path);
    }
    assert_null(ref_module("nosuchfamily"));
}

TEST(test_reference__equals_the_model_4x4)
{
    need_icarus();
    for (const struct axm_family *f = axm_families; f->name; f++)
        check_members(f, 4, 4, getenv("AXM_FULL") ? 1 : 25);
}

TEST(test_reference__equals_the_model_at_unequal_widths)
{
    need_icarus();
    for (const struct axm_family *f = axm_families; f->name; f++) {
        check_members(f, 6, 4, getenv("AXM_FULL") ? 1 : 97);
        check_members(f, 2, 5, getenv("AXM_FULL") ? 1 : 17);
    }
}

TEST(test_reference__equals_the_model_at_32x32)
{
    need_icarus();
    static const char *const specs[] = {
        "exact32u", "exact32s", "cdm32u_x9_y8_z7_w6_v5_u4_t3_s34", "scdm32s_x1_y2_z3_w4_v5_u6_t7_s8",
        "trunc32s_l5_m9", "trunc32s_c40_const", "trunc32u_c63_const", "trunc32s_c31_var", "drum32s_k2",
        "drum32u_k32", "drum32s_k7_oc1", "mitchell32u_t31", "mitchell32s_t0", "bam32s_h31_v3",
        "bam32u_h4_v60", "tosam32u_h31_t0", "tosam32s_h3_t31", "tosam32u_h0_t0",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct axm_spec s = spec_of(specs[i]);
        check_reference(&s, NULL);
    }
}

TEST(test_reference__runtime_ports_are_parameters)
{
    need_icarus();
    /* 15 is above the range 0..6: it means the same as the highest */
    static const uint64_t x[] = { 0, 3, 5, 6, 15 };
    static const char *const families[] = { "cdmr4u", "scdmr4s" };
    for (size_t k = 0; k < 2 * sizeof x / sizeof *x; k++) {
        struct axm_spec s = spec_of(families[k % 2]);
        uint64_t runtime[RUNTIME_PORTS] = { x[k / 2] };
        s.p[0] = x[k / 2] < 6 ? (int)x[k / 2] : 6;
        check_reference(&s, runtime);
    }
}
