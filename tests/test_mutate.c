/* Faults do what they say, and what becomes of them adds up. */
#include "sim/mutate.h"
#include "sim/verify.h"
#include "sim/verilator.h"
#include "sim/formal.h"
#include "tests/sim_fixture.h"

enum { BITSLICE = 1 << VERIFY_BITSLICE, VERILATOR = 1 << VERIFY_VERILATOR };

static void need_tools(void)
{
    if (formal_need() != AXM_OK)
        SKIP("no yosys or berkeley-abc");
}

/* --- single faults ------------------------------------------------------------------ */

/* Truth tables over a = 0xaa, b = 0xcc, c = 0xf0: three inputs, all eight cases. */
enum { A = 0xaa, B = 0xcc, C = 0xf0 };

static struct netlist *one_cell(enum cell_kind kind)
{
    struct netlist *nl = netlist_new("one");
    struct bus in = netlist_add_input(nl, "x_i", 3), out = { .n = 1 + (kind == CELL_FA || kind == CELL_HA) };
    net a = in.bit[0], b = in.bit[1], c = in.bit[2];
    switch (kind) {
    case CELL_NOT: out.bit[0] = netlist_not(nl, a); break;
    case CELL_AND: out.bit[0] = netlist_and(nl, a, b); break;
    case CELL_MUX: out.bit[0] = netlist_mux(nl, c, a, b); break;
    case CELL_HA: netlist_half_adder(nl, a, b, &out.bit[0], &out.bit[1]); break;
    case CELL_FA: netlist_full_adder(nl, a, b, c, &out.bit[0], &out.bit[1]); break;
    default: assert_true(false);
    }
    netlist_add_output(nl, "y_o", &out);
    return nl;
}

static void check_fault(enum cell_kind kind, struct mutant m, unsigned out0, unsigned out1, const char *text)
{
    struct netlist *nl = one_cell(kind), *bad = mutant_netlist(nl, &m);
    uint64_t in[3] = { A, B, C }, out[2] = { 0, 0 };
    struct strbuf what = { 0 };
    mutant_describe(nl, &m, &what);
    assert_int_equal(netlist_check(bad), AXM_OK);
    netlist_eval64(bad, in, out);
    CHECK((out[0] & 0xff) == out0 && (out[1] & 0xff) == out1, "%s %s: %02llx %02llx, not %02x %02x",
          cell_name(kind), what.s, (unsigned long long)out[0] & 0xff, (unsigned long long)out[1] & 0xff,
          out0, out1);
    assert_string_equal(what.s, text);
    strbuf_release(&what);
    netlist_free(bad);
    netlist_free(nl);
}

TEST(test_mutate__faults_of_a_gate)
{
    check_fault(CELL_AND, (struct mutant){ .mutation = MUTATE_KIND, .kind = CELL_OR }, A | B, 0,
                "cell 0 AND (top): now OR");
    check_fault(CELL_AND, (struct mutant){ .mutation = MUTATE_KIND, .kind = CELL_XNOR }, ~(A ^ B) & 0xff, 0,
                "cell 0 AND (top): now XNOR");
    check_fault(CELL_AND, (struct mutant){ .mutation = MUTATE_STUCK_0, .pin = 1 }, 0, 0,
                "cell 0 AND (top): input 1 stuck-at-0");
    check_fault(CELL_AND, (struct mutant){ .mutation = MUTATE_STUCK_1, .pin = 1 }, A, 0,
                "cell 0 AND (top): input 1 stuck-at-1");
    check_fault(CELL_AND, (struct mutant){ .mutation = MUTATE_INVERT, .pin = 0 }, ~A & B, 0,
                "cell 0 AND (top): input 0 inverted");
    /* nets 0 and 1 are the constants: the inputs are 2, 3 and 4 */
    check_fault(CELL_AND, (struct mutant){ .mutation = MUTATE_REWIRE, .pin = 0, .to = 4 }, C & B, 0,
                "cell 0 AND (top): input 0 rewired from net 2 to net 4");
    check_fault(CELL_NOT, (struct mutant){ .mutation = MUTATE_INVERT, .pin = 0 }, A, 0,
                "cell 0 NOT (top): input 0 inverted");
    check_fault(CELL_MUX, (struct mutant){ .mutation = MUTATE_INVERT, .pin = 2 }, (A & C) | (B & ~C), 0,
                "cell 0 MUX (top): input 2 inverted");
}

TEST(test_mutate__faults_of_adder_cells)
{
    unsigned sum = A ^ B ^ C, carry = (A & B) | (C & (A | B));
    check_fault(CELL_FA, (struct mutant){ .mutation = MUTATE_SWAP }, carry, sum,
                "cell 0 FA (top): sum and carry swapped");
    check_fault(CELL_FA, (struct mutant){ .mutation = MUTATE_CARRY }, sum, (A & B) | C,
                "cell 0 FA (top): wrong carry");
    check_fault(CELL_FA, (struct mutant){ .mutation = MUTATE_STUCK_1, .pin = 2 }, ~(A ^ B) & 0xff, A | B,
                "cell 0 FA (top): input 2 stuck-at-1");
    check_fault(CELL_HA, (struct mutant){ .mutation = MUTATE_SWAP }, A & B, A ^ B,
                "cell 0 HA (top): sum and carry swapped");
    check_fault(CELL_HA, (struct mutant){ .mutation = MUTATE_CARRY }, A ^ B, A | B,
                "cell 0 HA (top): wrong carry");
}

/* --- drawing ------------------------------------------------------------------------ */

static bool same(const struct mutant *a, const struct mutant *b)
{
    return a->cell == b->cell && a->mutation == b->mutation && a->pin == b->pin && a->kind == b->kind
           && a->to == b->to;
}

TEST(test_mutate__draws_are_distinct_and_reproducible)
{
    struct netlist *nl = netlist_of("dadda6u");
    struct mutant *x, *y, *z;
    size_t nx, ny, nz, differ = 0;
    assert_int_equal(mutants_draw(nl, 200, 7, &x, &nx), AXM_OK);
    assert_int_equal(mutants_draw(nl, 200, 7, &y, &ny), AXM_OK);
    assert_int_equal(mutants_draw(nl, 200, 8, &z, &nz), AXM_OK);
    assert_int_equal(nx, 200);
    assert_int_equal(ny, 200);
    for (size_t i = 0; i < nx; i++) {
        CHECK(same(&x[i], &y[i]), "%zu", i);
        differ += !same(&x[i], &z[i]);
        for (size_t k = 0; k < i; k++)
            CHECK(!same(&x[i], &x[k]), "%zu and %zu", i, k);
    }
    CHECK(differ > 100, "%zu", differ);
    free(x);
    free(y);
    free(z);
    netlist_free(nl);
}

TEST(test_mutate__draws_all_if_there_are_fewer)
{
    struct netlist *nl = one_cell(CELL_AND);
    struct mutant *m;
    size_t n, of[MUTATIONS] = { 0 };
    assert_int_equal(mutants_draw(nl, 1000, 1, &m, &n), AXM_OK);
    for (size_t i = 0; i < n; i++)
        of[m[i].mutation]++;
    assert_int_equal(of[MUTATE_KIND], 5);   /* OR, XOR, NAND, NOR, XNOR */
    assert_int_equal(of[MUTATE_STUCK_0], 2);
    assert_int_equal(of[MUTATE_STUCK_1], 2);
    assert_int_equal(of[MUTATE_INVERT], 2);
    assert_int_equal(of[MUTATE_REWIRE], 4); /* each input to the two others */
    assert_int_equal(n, 15);
    free(m);
    netlist_free(nl);
}

TEST(test_mutate__registers_bad)
{
    struct netlist *nl = netlist_of("exact4u"), *piped = netlist_registered(nl, true, false, 0);
    struct mutant *m;
    size_t n;
    assert_int_equal(mutants_draw(piped, 10, 1, &m, &n), AXM_USAGE);
    netlist_free(piped);
    netlist_free(nl);
}

/* --- runs --------------------------------------------------------------------------- */

struct seen {
    size_t calls;
    struct mutate_result sum, each[16];
};

static void done(void *ctx, const struct mutate_result *r)
{
    struct seen *s = ctx;
    assert_int_equal(r->spec, s->calls);   /* in order */
    s->each[s->calls++] = *r;
    s->sum.mutants += r->mutants;
    s->sum.caught += r->caught;
    s->sum.by_proof += r->by_proof;
    s->sum.equivalent += r->equivalent;
    s->sum.unexplained += r->unexplained;
    s->sum.disagreements += r->disagreements;
}

static struct seen run(const char *const *text, size_t n, size_t count, unsigned simulators, uint64_t random)
{
    struct axm_spec spec[16];
    struct seen s = { 0 };
    for (size_t i = 0; i < n; i++)
        spec[i] = spec_of(text[i]);
    struct mutate_request q = { .spec = spec, .n = n, .count = count, .seed = 3, .simulators = simulators,
                                .random = random };
    assert_int_equal(mutate_run(&q, done, &s), AXM_OK);
    assert_int_equal(s.calls, n);
    assert_int_equal(s.sum.unexplained + s.sum.disagreements, 0);
    assert_int_equal(s.sum.caught + s.sum.by_proof + s.sum.equivalent, s.sum.mutants);
    return s;
}

/* All mutants of small circuits: the number caught is that of the mutants that
 * the netlist's own reference evaluator tells from the original. */
TEST(test_mutate__catches_what_differs)
{
    need_tools();
    static const char *const specs[] = { "drum4u_k2", "wallace3s_ks", "scdm4s_x3" };
    struct seen s = run(specs, 3, 100000, BITSLICE, 0);
    for (size_t i = 0; i < 3; i++) {
        struct netlist *nl = netlist_of(specs[i]);
        int inputs = netlist_port(nl, 0)->bus.n + netlist_port(nl, 1)->bus.n;
        int outputs = netlist_port(nl, 2)->bus.n;
        struct mutant *m;
        size_t n, differ = 0;
        assert_int_equal(mutants_draw(nl, 100000, 3, &m, &n), AXM_OK);
        for (size_t k = 0; k < n; k++) {
            struct netlist *mutant = mutant_netlist(nl, &m[k]);
            bool same_outputs = true;
            for (int chunk = 0; chunk < 4; chunk++) {   /* 2^8 pairs at most, 64 at a time */
                static const uint64_t plane[6] = { 0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc,
                                                   0xf0f0f0f0f0f0f0f0, 0xff00ff00ff00ff00,
                                                   0xffff0000ffff0000, 0xffffffff00000000 };
                uint64_t in[8], x[8], y[8];
                for (int b = 0; b < inputs; b++)
                    in[b] = b < 6 ? plane[b] : -(uint64_t)(chunk >> (b - 6) & 1);
                netlist_eval64(nl, in, x);
                netlist_eval64(mutant, in, y);
                same_outputs &= !memcmp(x, y, (size_t)outputs * sizeof *x);
            }
            differ += !same_outputs;
            netlist_free(mutant);
        }
        CHECK(s.each[i].mutants == n && s.each[i].caught == differ, "%s: %zu of %zu caught, %zu differ",
              specs[i], s.each[i].caught, s.each[i].mutants, differ);
        CHECK(differ > 0, "%s", specs[i]);
        free(m);
        netlist_free(nl);
    }
    CHECK(s.sum.equivalent > 0, "no mutant is equivalent");
}

TEST(test_mutate__simulators_agree)
{
    need_tools();
    if (verilator_need() != AXM_OK)
        SKIP("no verilator");
    static const char *const specs[] = { "cdm4u_x3", "mitchell4s_t2", "cdmr4u" };
    struct seen both = run(specs, 3, 12, BITSLICE | VERILATOR, 0), one = run(specs, 3, 12, BITSLICE, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(both.each[i].caught, one.each[i].caught);
}

/* With a sample, ABC disproves what the sample misses, and no mutant is left. */
TEST(test_mutate__samples_are_completed_by_proof)
{
    need_tools();
    static const char *const specs[] = { "drum16u_k4" };
    struct seen s = run(specs, 1, getenv("AXM_FULL") ? 400 : 60, BITSLICE, 1);
    assert_false(s.each[0].exhaustive);
    CHECK(s.sum.caught > s.sum.mutants / 2, "%zu", s.sum.caught);
}

TEST(test_mutate__simulators_bad)
{
    struct axm_spec s = spec_of("exact4u");
    struct mutate_request q = { .spec = &s, .n = 1, .count = 1, .simulators = 1 << VERIFY_ICARUS };
    assert_int_equal(mutate_run(&q, done, NULL), AXM_USAGE);
    q.simulators = 0;
    assert_int_equal(mutate_run(&q, done, NULL), AXM_USAGE);
}

TEST(test_mutate__a_thousand_full)
{
    need_tools();
    if (!getenv("AXM_FULL") || verilator_need() != AXM_OK)
        SKIP("set AXM_FULL, with verilator, for 1,000 mutants");
    static const char *const specs[] = {
        "scdm8s_x5_y2", "cdm8u_x7_y3", "drum8u_k4", "mitchell8s_t7", "trunc8u_c6_const", "bam8s_h2_v5",
        "tosam8u_h2_t4", "wallace8u_ks", "booth8s", "exact8u",
    };
    struct seen s = run(specs, 10, 100, BITSLICE | VERILATOR, 0);
    assert_int_equal(s.sum.mutants, 1000);
}
