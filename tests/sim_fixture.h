/* Shared by the tests of the simulators: circuits, models, and what a wrong
 * circuit must be reported as, worked out by the plainest means. */
#ifndef AXM_TESTS_SIM_FIXTURE_H
#define AXM_TESTS_SIM_FIXTURE_H

#include "tests/harness.h"

#include "gen/build.h"
#include "sim/dut.h"

static inline struct axm_spec spec_of(const char *text)
{
    struct axm_spec s;
    CHECK(axm_spec_parse(text, &s) == AXM_OK, "%s", text);
    return s;
}

static inline struct netlist *netlist_of(const char *text)
{
    struct axm_spec s = spec_of(text);
    struct netlist *nl = NULL;
    CHECK(mul_netlist(&s, &nl) == AXM_OK, "%s", text);
    return nl;
}

static inline struct axm_mul *model_of(const char *text)
{
    struct axm_mul *m = NULL;
    CHECK(axm_mul_open(text, &m) == AXM_OK, "%s", text);
    return m;
}

static inline struct dut dut_of(const struct netlist *nl, bool flat)
{
    struct dut d;
    assert_int_equal(dut_from_netlist(nl, &(struct verilog_opts){ .flat = flat }, &d), AXM_OK);
    return d;
}

/* The netlist with its last AND made an OR: mostly wrong, but not where both inputs are 0. */
static inline struct netlist *altered_netlist(const struct netlist *nl)
{
    for (size_t i = netlist_cells(nl); i-- > 0;)
        if (netlist_cell(nl, i)->kind == CELL_AND)
            return netlist_copy_altered(nl, i, CELL_OR, netlist_cell(nl, i)->in);
    return NULL;
}

/* Product of a combinational multiplier netlist, by the reference evaluator. */
static inline uint64_t netlist_product(const struct netlist *nl, int width_a, int width_b, uint32_t a,
                                       uint32_t b)
{
    uint64_t in[64], out[64], p = 0;
    for (int i = 0; i < width_a + width_b; i++)
        in[i] = (i < width_a ? a >> i : b >> (i - width_a)) & 1;
    netlist_eval64(nl, in, out);
    for (int i = 0; i < width_a + width_b; i++)
        p |= (out[i] & 1) << i;
    return p;
}

/* What comparing circuit nl with model m must give. */
static inline struct sim_result expected_result(const struct netlist *nl, const struct axm_mul *m,
                                                const struct stimulus *s)
{
    struct sim_result r = { .pairs = s->count };
    for (uint64_t i = 0; i < s->count; i++) {
        uint32_t a, b;
        stimulus_get(s, i, 1, &a, &b);
        uint64_t want = axm_eval(m, a, b);
        uint64_t got = netlist_product(nl, s->width_a, s->width_b, a, b);
        if (want != got && r.mismatches++ == 0)
            r.first = (struct sim_mismatch){ .a = a, .b = b, .expected = want, .actual = got };
    }
    return r;
}

static inline void check_result(const char *what, const struct sim_result *got,
                                const struct sim_result *want)
{
    CHECK(got->pairs == want->pairs && got->mismatches == want->mismatches,
          "%s: %d of %d pairs differ, not %d of %d", what, (int)got->mismatches, (int)got->pairs,
          (int)want->mismatches, (int)want->pairs);
    if (!want->mismatches)
        return;
    CHECK(got->first.a == want->first.a && got->first.b == want->first.b &&
          got->first.expected == want->first.expected && got->first.actual == want->first.actual,
          "%s: first %d x %d = %d, expected %d", what, (int)got->first.a, (int)got->first.b,
          (int)got->first.actual, (int)got->first.expected);
}

#endif
