#include "tests/sim_fixture.h"

#include <unistd.h>

#include "base/pool.h"
#include "base/proc.h"
#include "sim/verilator.h"

static void need_verilator(void)
{
    if (!proc_have("verilator"))
        SKIP("no verilator");
}

static struct verilator_sim *open_ok(const struct dut *const *duts, size_t n)
{
    struct verilator_sim *v = NULL;
    assert_int_equal(verilator_open(duts, n, &v), AXM_OK);
    return v;
}

/* Right circuits, an altered one and one of another spec in one simulator, each with its own count. */
TEST(test_verilator__circuits_in_one_simulator_are_told_apart)
{
    need_verilator();
    static const char *const models[] = { "exact6x5s", "bam6x5s_h1_v3", "drum6x5s_k3", "exact6x5s",
                                          "mitchell6x5s" };
    struct netlist *nl[5];
    struct dut dut[5];
    const struct dut *duts[5];
    struct axm_mul *model[5];
    for (int i = 0; i < 5; i++) {
        nl[i] = netlist_of(i == 3 ? "array6x5s" : i == 4 ? "drum6x5s_k4" : models[i]);
        if (i == 3) {
            struct netlist *altered = altered_netlist(nl[i]);
            netlist_free(nl[i]);
            nl[i] = altered;
        }
        dut[i] = dut_of(nl[i], false);
        duts[i] = &dut[i];
        model[i] = model_of(models[i]);
    }
    struct verilator_sim *v = open_ok(duts, 5);
    struct stimulus s[2] = { stimulus_all(6, 5) };
    assert_int_equal(stimulus_sample(6, 5, 1500, 4, &s[1]), AXM_OK);
    for (int k = 0; k < 2; k++) {
        struct sim_result r[5] = { 0 };
        assert_int_equal(verilator_compare(v, (const struct axm_mul *const *)model, &s[k], NULL, r), AXM_OK);
        for (int i = 0; i < 5; i++) {
            struct sim_result want = expected_result(nl[i], model[i], &s[k]);
            check_result(netlist_name(nl[i]), &r[i], &want);
            assert_true(i < 3 ? want.mismatches == 0 : want.mismatches > 0);
        }
        stimulus_release(&s[k]);
    }
    verilator_close(v);
    for (int i = 0; i < 5; i++) {
        axm_mul_close(model[i]);
        dut_release(&dut[i]);
        netlist_free(nl[i]);
    }
}

TEST(test_verilator__registered_circuits_are_read_after_their_latency)
{
    need_verilator();
    struct netlist *nl = netlist_of("exact5u");
    struct axm_mul *m = model_of("exact5u");
    struct stimulus all = stimulus_all(5, 5);
    static const struct { bool in, out; int stages, latency; } how[] = {
        { true, false, 0, 1 }, { true, true, 0, 2 }, { false, false, 3, 3 } };
    for (int i = 0; i < 3; i++) {
        struct netlist *registered = netlist_registered(nl, how[i].in, how[i].out, how[i].stages);
        struct dut d = dut_of(registered, false);
        assert_int_equal(d.latency, how[i].latency);
        struct verilator_sim *v = open_ok((const struct dut *[]){ &d }, 1);
        struct sim_result r = { 0 };
        assert_int_equal(verilator_compare(v, (const struct axm_mul *[]){ m }, &all, NULL, &r), AXM_OK);
        CHECK(r.pairs == 1024 && r.mismatches == 0, "latency %d: %d mismatches", d.latency,
              (int)r.mismatches);
        verilator_close(v);
        /* One clock off, all but repeated products are wrong: the latency matters. */
        d.latency++;
        v = open_ok((const struct dut *[]){ &d }, 1);
        r = (struct sim_result){ 0 };
        assert_int_equal(verilator_compare(v, (const struct axm_mul *[]){ m }, &all, NULL, &r), AXM_OK);
        assert_true(r.mismatches > 900);
        verilator_close(v);
        dut_release(&d);
        netlist_free(registered);
    }
    axm_mul_close(m);
    netlist_free(nl);
}

TEST(test_verilator__runtime_ports_are_driven)
{
    need_verilator();
    struct netlist *nl = netlist_of("scdmr4s");
    struct dut d = dut_of(nl, false);
    struct stimulus all = stimulus_all(4, 4);
    struct verilator_sim *v = open_ok((const struct dut *[]){ &d }, 1);
    for (uint64_t x = 0; x <= 6; x++) {
        char text[32];
        snprintf(text, sizeof text, "scdm4s_x%d", (int)x);
        struct axm_mul *m = model_of(text);
        uint64_t runtime[RUNTIME_PORTS] = { x };
        struct sim_result r = { 0 };
        assert_int_equal(verilator_compare(v, (const struct axm_mul *[]){ m }, &all, runtime, &r), AXM_OK);
        assert_int_equal(r.mismatches, 0);
        runtime[0] = x < 3 ? 6 : 0;
        assert_int_equal(verilator_compare(v, (const struct axm_mul *[]){ m }, &all, runtime, &r), AXM_OK);
        assert_true(r.mismatches > 0 && r.first.runtime[0] == runtime[0] && r.pairs == 512);
        axm_mul_close(m);
    }
    verilator_close(v);
    dut_release(&d);
    netlist_free(nl);
}

static enum axm_status open_one(void *ctx, size_t item, int worker)
{
    (void)item, (void)worker;
    struct verilator_sim *v;
    enum axm_status st = verilator_open((const struct dut *[]){ ctx }, 1, &v);
    if (st)
        return st;
    uint32_t a = 5, b = 6;
    uint64_t p;
    verilator_run(v, NULL, &a, &b, 1, &p);
    verilator_close(v);
    return p == 30 ? AXM_OK : AXM_MISMATCH;
}

/* A text that is new in every run of this test, so that it is compiled: first by several threads at
 * once, then, with no tools to be found, from the cache. */
TEST(test_verilator__simulators_are_shared_through_the_cache)
{
    need_verilator();
    struct netlist *nl = netlist_of("exact4u");
    struct dut d = dut_of(nl, true);
    strbuf_addf(&d.text, "// process %ld\n", (long)getpid());
    pool_set_threads(4);
    assert_int_equal(pool_run(4, open_one, &d), AXM_OK);
    pool_set_threads(0);
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    enum axm_status cached = open_one(&d, 0, 0);
    strbuf_adds(&d.text, "// another text\n");
    enum axm_status other = open_one(&d, 0, 0);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(cached, AXM_OK);
    assert_int_equal(other, AXM_ENV);
    dut_release(&d);
    netlist_free(nl);
}

TEST(test_verilator__text_that_is_no_verilog_is_an_error_bad)
{
    need_verilator();
    struct netlist *nl = netlist_of("exact4u");
    struct dut d = dut_of(nl, true);
    strbuf_adds(&d.text, "module broken (;\n");
    struct verilator_sim *v = NULL;
    assert_int_equal(verilator_open((const struct dut *[]){ &d }, 1, &v), AXM_ENV);
    assert_null(v);
    dut_release(&d);
    netlist_free(nl);
}
