#include "tests/sim_fixture.h"

#include "base/file.h"
#include "base/proc.h"
#include "sim/verify.h"

static void need_tools(void)
{
    if (!proc_have("verilator") || !proc_have("iverilog"))
        SKIP("no verilator or no iverilog");
}

enum { RESULTS_MAX = 64 };

struct collected {
    struct verify_result r[RESULTS_MAX];
    size_t n;
};

static void collect(void *ctx, const struct verify_result *r)
{
    struct collected *c = ctx;
    assert_true(c->n < RESULTS_MAX);
    c->r[c->n++] = *r;
}

TEST(test_verify__every_simulator_passes_right_circuits_in_order)
{
    need_tools();
    struct axm_spec spec[] = { spec_of("exact6x5s"), spec_of("drum8x4u_k3"), spec_of("bam6x5s_h1_v2"),
                               spec_of("cdm8x4u_x5") };
    struct collected c = { .n = 0 };
    struct verify_request q = { .spec = spec, .n = 4, .backends = VERIFY_SIMULATORS, .seed = 1 };
    assert_int_equal(verify_run(&q, collect, &c), AXM_OK);
    assert_int_equal(c.n, 12);
    for (size_t i = 0; i < 12; i++) {
        const struct verify_result *r = &c.r[i];
        assert_int_equal(r->spec, i / 3);
        assert_int_equal(r->backend, i % 3);   /* bitslice, verilator, icarus */
        assert_true(r->exhaustive && r->sim.mismatches == 0 && r->settings == 1);
        assert_int_equal(r->sim.pairs, i / 3 % 2 ? 4096 : 2048);
    }
}

/* Where not every pair is tried the result says so: 2^21 pairs are too many for Icarus. */
TEST(test_verify__samples_are_labelled)
{
    need_tools();
    struct axm_spec spec = spec_of("trunc11x10u_l3_m2");
    struct collected c = { .n = 0 };
    struct verify_request q = { .spec = &spec, .n = 1, .seed = 1, .random = 500,
                                .backends = 1 << VERIFY_BITSLICE | 1 << VERIFY_ICARUS };
    assert_int_equal(verify_run(&q, collect, &c), AXM_OK);
    assert_true(c.r[0].exhaustive && c.r[0].sim.pairs == 1 << 21);
    assert_true(!c.r[1].exhaustive && c.r[1].sim.pairs > 500 && c.r[1].sim.pairs < 1 << 16);
}

TEST(test_verify__limits_of_exhaustion)
{
    assert_int_equal(verify_exhaustive_bits(VERIFY_BITSLICE, false), 32);
    assert_int_equal(verify_exhaustive_bits(VERIFY_VERILATOR, false), 24);
    assert_int_equal(verify_exhaustive_bits(VERIFY_VERILATOR, true), 32);
    assert_int_equal(verify_exhaustive_bits(VERIFY_ICARUS, false), 20);
    assert_int_equal(verify_exhaustive_bits(VERIFY_ICARUS, true), 24);
}

/* The checker can fail: one altered gate, and each backend gives the same first
 * operands, the products that the reference evaluator gives, and a trace. */
TEST(test_verify__an_altered_circuit_is_caught_by_each_backend)
{
    need_tools();
    struct axm_spec spec[] = { spec_of("exact5u"), spec_of("array5u"), spec_of("wallace5u") };
    struct netlist *nl[3] = { netlist_of("exact5u"), NULL, netlist_of("wallace5u") };
    struct netlist *right = netlist_of("array5u");
    nl[1] = altered_netlist(right);
    struct axm_mul *m = model_of("exact5u");
    struct stimulus all = stimulus_all(5, 5);
    struct sim_result want = expected_result(nl[1], m, &all);
    struct strbuf dir = { 0 }, path = { 0 };
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    strbuf_addf(&path, "%s/x.vcd", dir.s);
    struct collected c = { .n = 0 };
    struct verify_request q = { .spec = spec, .n = 3, .netlist = (const struct netlist *const *)nl,
                                .backends = VERIFY_SIMULATORS, .seed = 1, .vcd = path.s };
    assert_int_equal(verify_run(&q, collect, &c), AXM_MISMATCH);
    assert_int_equal(c.n, 9);
    for (size_t i = 0; i < 9; i++) {
        if (i / 3 == 1)
            check_result(verify_backend_name(c.r[i].backend), &c.r[i].sim, &want);
        else
            assert_int_equal(c.r[i].sim.mismatches, 0);
    }
    assert_true(file_exists(path.s));
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&path);
    axm_mul_close(m);
    for (int i = 0; i < 3; i++)
        netlist_free(nl[i]);
    netlist_free(right);
}

/* exact's circuit under a truncated multiplier's name; worked by hand: the first pair that
 * differs has a = 1, b = 1, and 2^7 - 1 values of a but 0 times the 4 odd b differ. */
TEST(test_verify__a_mismatch_tells_all_that_is_needed)
{
    struct axm_spec spec = spec_of("trunc7x3s_l0_m1");
    struct netlist *nl = netlist_of("exact7x3s");
    struct collected c = { .n = 0 };
    struct verify_request q = { .spec = &spec, .n = 1, .netlist = (const struct netlist *const[]){ nl },
                                .backends = 1 << VERIFY_BITSLICE, .seed = 42, .random = 9 };
    assert_int_equal(verify_run(&q, collect, &c), AXM_MISMATCH);
    assert_string_equal(axm_last_message(),
        "trunc7x3s_l0_m1: bitslice: 1 x 1 (0000001 x 001) gives 1 (0000000001), the model says 0 "
        "(0000000000); 508 of 1024 pairs differ; seed 42; again: axmul verify trunc7x3s_l0_m1 "
        "--sim bitslice --seed 42 --random 9");
    netlist_free(nl);
}

/* x_i and y_i have 4 bits each: all values are tried, those above the range too, or where
 * that is more than 2^24 products, as many settings as give 2^24. */
TEST(test_verify__runtime_ports_are_swept)
{
    need_tools();
    struct axm_spec spec[] = { spec_of("cdmr8x4u"), spec_of("scdmr10x8s") };
    struct collected c = { .n = 0 };
    struct verify_request q = { .spec = spec, .n = 1, .seed = 1,
                                .backends = 1 << VERIFY_BITSLICE | 1 << VERIFY_VERILATOR };
    assert_int_equal(verify_run(&q, collect, &c), AXM_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(c.r[i].exhaustive && c.r[i].settings == 16 && c.r[i].all_settings == 16);
        assert_int_equal(c.r[i].sim.pairs, 16 * 4096);
    }
    q.spec = &spec[1];
    q.backends = 1 << VERIFY_VERILATOR;
    assert_int_equal(verify_run(&q, collect, &c), AXM_OK);
    assert_true(c.r[2].exhaustive && c.r[2].settings == 64 && c.r[2].all_settings == 256);
    assert_int_equal(c.r[2].sim.pairs, 1 << 24);
}

/* A model with other parameters must not pass for the runtime circuit. */
TEST(test_verify__a_wrong_runtime_circuit_is_caught_with_its_setting)
{
    struct axm_spec spec = spec_of("cdmr8x4u");
    struct netlist *right = netlist_of("cdmr8x4u"), *nl = altered_netlist(right);
    struct collected c = { .n = 0 };
    struct verify_request q = { .spec = &spec, .n = 1, .netlist = (const struct netlist *const[]){ nl },
                                .backends = 1 << VERIFY_BITSLICE, .seed = 1 };
    assert_int_equal(verify_run(&q, collect, &c), AXM_MISMATCH);
    assert_non_null(strstr(axm_last_message(), " with x = "));
    netlist_free(right);
    netlist_free(nl);
}

TEST(test_verify__registers_and_flat_text_pass)
{
    need_tools();
    struct axm_spec spec[] = { spec_of("mitchell6u"), spec_of("trunc6u_l5_m5") };
    struct collected c = { .n = 0 };
    struct verify_request q = { .spec = spec, .n = 2, .backends = VERIFY_SIMULATORS, .seed = 1, .pipeline = 2,
                                .registered_inputs = true, .flat = true };
    assert_int_equal(verify_run(&q, collect, &c), AXM_OK);
    assert_int_equal(c.n, 6);
    for (int i = 0; i < 6; i++)
        assert_true(c.r[i].sim.pairs == 4096 && c.r[i].sim.mismatches == 0);
}

TEST(test_verify__backends_are_parsed)
{
    unsigned mask = 0;
    assert_int_equal(verify_parse_backends("verilator,bitslice", &mask), AXM_OK);
    assert_int_equal(mask, 1 << VERIFY_VERILATOR | 1 << VERIFY_BITSLICE);
    static const char *const bad[] = { "", "verilato", "verilator,", "icarus,,formal", "icarus formal" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(verify_parse_backends(bad[i], &mask) == AXM_USAGE, "%s", bad[i]);
}

TEST(test_verify__a_missing_tool_is_an_error_never_a_skip_bad)
{
    struct axm_spec spec = spec_of("exact4u");
    struct collected c = { .n = 0 };
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    for (int b = 0; b < VERIFY_FORMAL; b++) {
        struct verify_request q = { .spec = &spec, .n = 1, .backends = 1u << b, .seed = 1 };
        CHECK(verify_run(&q, collect, &c) == (b == VERIFY_BITSLICE ? AXM_OK : AXM_ENV), "%s",
              verify_backend_name(b));
    }
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(c.n, 1);
}
