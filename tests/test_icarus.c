#include "tests/sim_fixture.h"

#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "sim/icarus.h"

static void need_icarus(void)
{
    if (!proc_have("iverilog"))
        SKIP("no iverilog");
}

/* Right circuits, an altered one and one of another spec in one run; all pairs and a list. */
TEST(test_icarus__circuits_in_one_run_are_told_apart)
{
    need_icarus();
    static const char *const models[] = { "exact5x6s", "bam5x6s_h1_v3", "exact5x6s", "mitchell5x6s" };
    struct netlist *nl[4];
    struct dut dut[4];
    const struct dut *duts[4];
    struct axm_mul *model[4];
    for (int i = 0; i < 4; i++) {
        nl[i] = netlist_of(i == 2 ? "dadda5x6s" : i == 3 ? "drum5x6s_k4" : models[i]);
        if (i == 2) {
            struct netlist *altered = altered_netlist(nl[i]);
            netlist_free(nl[i]);
            nl[i] = altered;
        }
        dut[i] = dut_of(nl[i], i == 1);
        duts[i] = &dut[i];
        model[i] = model_of(models[i]);
    }
    struct stimulus s[2] = { stimulus_all(5, 6) };
    assert_int_equal(stimulus_sample(5, 6, 1500, 4, &s[1]), AXM_OK);
    for (int k = 0; k < 2; k++) {
        struct sim_result r[4] = { 0 };
        const struct axm_mul *const *models = (const struct axm_mul *const *)model;
        assert_int_equal(icarus_compare(duts, 4, models, &s[k], NULL, r), AXM_OK);
        for (int i = 0; i < 4; i++) {
            struct sim_result want = expected_result(nl[i], model[i], &s[k]);
            check_result(netlist_name(nl[i]), &r[i], &want);
            assert_true(i < 2 ? want.mismatches == 0 : want.mismatches > 0);
        }
        stimulus_release(&s[k]);
    }
    for (int i = 0; i < 4; i++) {
        axm_mul_close(model[i]);
        dut_release(&dut[i]);
        netlist_free(nl[i]);
    }
}

TEST(test_icarus__registered_circuits_are_read_after_their_latency)
{
    need_icarus();
    struct netlist *nl = netlist_of("exact5u");
    struct axm_mul *m = model_of("exact5u");
    struct stimulus s[2] = { stimulus_all(5, 5) };
    assert_int_equal(stimulus_sample(5, 5, 200, 4, &s[1]), AXM_OK);
    for (int stages = 1; stages <= 3; stages++)
        for (int k = 0; k < 2; k++) {
            struct netlist *registered = netlist_registered(nl, false, false, stages);
            struct dut d = dut_of(registered, false);
            struct sim_result r = { 0 };
            assert_int_equal(icarus_compare((const struct dut *[]){ &d }, 1, (const struct axm_mul *[]){ m },
                                            &s[k], NULL, &r), AXM_OK);
            CHECK(r.pairs == s[k].count && r.mismatches == 0, "%d stages: %d", stages, (int)r.mismatches);
            d.latency++;
            assert_int_equal(icarus_compare((const struct dut *[]){ &d }, 1, (const struct axm_mul *[]){ m },
                                            &s[k], NULL, &r), AXM_OK);
            assert_true(r.mismatches > r.pairs / 4);
            dut_release(&d);
            netlist_free(registered);
        }
    stimulus_release(&s[1]);
    axm_mul_close(m);
    netlist_free(nl);
}

TEST(test_icarus__runtime_ports_are_driven)
{
    need_icarus();
    struct netlist *nl = netlist_of("scdmr4s");
    struct dut d = dut_of(nl, false);
    struct axm_mul *m = model_of("scdm4s_x5");
    struct stimulus all = stimulus_all(4, 4);
    for (uint64_t x = 4; x <= 5; x++) {
        struct sim_result r = { 0 };
        assert_int_equal(icarus_compare((const struct dut *[]){ &d }, 1, (const struct axm_mul *[]){ m },
                                        &all, (uint64_t[RUNTIME_PORTS]){ x }, &r), AXM_OK);
        assert_true(x == 5 ? r.mismatches == 0 : r.mismatches > 0 && r.first.runtime[0] == x);
    }
    axm_mul_close(m);
    dut_release(&d);
    netlist_free(nl);
}

/* Two-state simulators read an undriven bit as 0 and pass; this one must not. */
TEST(test_icarus__undriven_bits_are_mismatches)
{
    need_icarus();
    struct dut d = { .standalone = true, .module = "undriven", .port_a = "a", .port_b = "b", .port_p = "y",
                     .width_a = 2, .width_b = 2, .width_p = 4 };
    strbuf_adds(&d.text, "module undriven (input [1:0] a, input [1:0] b, output [3:0] y);\n"
                         "  wire loose;\n"
                         "  wire [3:0] p = a * b;\n"
                         "  assign y = {p[3] | (loose & a[1]), p[2:0]};\n"
                         "endmodule\n");
    struct axm_mul *m = model_of("exact2u");
    struct stimulus all = stimulus_all(2, 2);
    struct sim_result r = { 0 };
    assert_int_equal(icarus_compare((const struct dut *[]){ &d }, 1, (const struct axm_mul *[]){ m }, &all,
                                    NULL, &r), AXM_OK);
    /* x where a >= 2, but for 3 x 3 = 9, whose bit 3 is 1 whatever `loose` is. */
    assert_int_equal(r.mismatches, 7);
    assert_true(r.first.unknown && r.first.a == 2 && r.first.b == 0);
    axm_mul_close(m);
    dut_release(&d);
}

/* The last values in the trace are the operands and the product. */
TEST(test_icarus__vcd_shows_the_pair)
{
    need_icarus();
    struct netlist *nl = netlist_of("exact4u");
    struct dut d = dut_of(nl, false);
    struct strbuf dir = { 0 }, path = { 0 }, vcd = { 0 };
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    strbuf_addf(&path, "%s/pair.vcd", dir.s);
    assert_int_equal(icarus_vcd(&d, 13, 11, NULL, path.s), AXM_OK);
    assert_int_equal(file_read(path.s, 1 << 20, &vcd), AXM_OK);
    assert_non_null(strstr(vcd.s, "$enddefinitions"));
    const char *last = strstr(vcd.s, "\n#1\n");
    assert_non_null(last);
    assert_non_null(strstr(last, "b1101 "));        /* 13 */
    assert_non_null(strstr(last, "b1011 "));        /* 11 */
    assert_non_null(strstr(last, "b10001111 "));    /* 143 */
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&path);
    strbuf_release(&vcd);
    dut_release(&d);
    netlist_free(nl);
}
