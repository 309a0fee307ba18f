/* Coefficients: statistics against hand arithmetic, the published table against
 * itself, and ours against it and against equivalent netlists. */
#include "tests/sim_fixture.h"

#include <math.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/rng.h"
#include "synth/coef.h"

TEST(test_coef__spearman_by_hand)
{
    /* d = 0 1 1 0 0: 1 - 6 * 2 / (5 * 24) = 0.9 */
    const double x[] = { 10, 20, 30, 40, 50 }, y[] = { 1, 3, 2, 4, 5 }, z[] = { 5, 4, 3, 2, 1 };
    assert_float_equal(coef_spearman(x, y, 5), 0.9, 1e-12);
    assert_float_equal(coef_spearman(x, z, 5), -1, 1e-12);
    /* ranks 1 2.5 2.5 4 against 1 2 3 4: covariance 4.5, variances 4.5 and 5 */
    const double ties[] = { 1, 2, 2, 3 }, up[] = { 1, 2, 3, 4 };
    assert_float_equal(coef_spearman(ties, up, 4), sqrt(0.9), 1e-12);
    const double same[] = { 2, 2, 2, 2 };
    assert_true(isnan(coef_spearman(same, up, 4)));
}

TEST(test_coef__errors_by_hand)
{
    double v[COEF_PUBLISHED];
    for (int i = 0; i < COEF_PUBLISHED; i++)
        v[i] = coef_published[i].coefficient + 0.01;
    v[20] -= 0.21;   /* lowest of all already: the order stays */
    struct coef_error e = coef_compare(v);
    assert_float_equal(e.mean, (19 * 0.01 + 0.20) / 20, 1e-12);
    assert_float_equal(e.max, 0.20, 1e-12);
    assert_float_equal(e.rho, 1, 1e-12);
}

/* Table 4 prints a saving beside each coefficient: 1/c - 1 in whole percent, up to its rounding. */
TEST(test_coef__published_rows_save_what_is_printed)
{
    static const int saving[COEF_PUBLISHED] = { 0, 28, 32, 36, 44, 45, 56, 63, 72, 52, 64,
                                                71, 82, 60, 84, 106, 130, 71, 94, 118, 151 };
    for (int i = 0; i < COEF_PUBLISHED; i++)
        CHECK(fabs(100 * (1 / coef_published[i].coefficient - 1) - saving[i]) < 3, "row %d", i);
}

/* Table 3 is printed with 56, 57, 50 and 61 %; all layers alike save as one multiplier does. */
TEST(test_coef__networks_save_what_is_printed)
{
    double c[COEF_LAYERS], total = 0;
    for (int l = 0; l < COEF_LAYERS; l++)
        total += (double)coef_layer_multiplications[l];
    assert_true(total == 3305600);
    for (int r = 0; r < COEF_ASSIGNMENTS; r++) {
        for (int l = 0; l < COEF_LAYERS; l++)
            c[l] = coef_published[coef_assignments[r].multiplier[l]].coefficient;
        struct coef_saving s = coef_network_saving(c);
        CHECK(lround(s.paper_percent) == coef_assignments[r].saving_percent, "row %d: %g", r,
              s.paper_percent);
        assert_true(s.plain_percent < s.paper_percent);
    }
    for (int l = 0; l < COEF_LAYERS; l++)
        c[l] = 0.5;
    struct coef_saving half = coef_network_saving(c);
    assert_float_equal(half.paper_percent, 100, 1e-9);
    assert_float_equal(half.plain_percent, 50, 1e-9);
}

TEST(test_coef__pareto_by_hand)
{
    const double error[] = { 0, 1, 1, 2, 3, 0 }, cost[] = { 9, 5, 6, 5, 1, 9 };
    const bool want[] = { true, true, false, false, true, true };
    bool on[6];
    coef_pareto(error, cost, 6, on);
    for (int i = 0; i < 6; i++)
        CHECK(on[i] == want[i], "%d", i);
}

TEST(test_coef__baselines_are_exact_and_alike)
{
    static const char *const want[][4] = {
        { "scdm8s_x5_y2", "scdm8s_x0_y0", "array8s", "exact8s" },
        { "cdm8x4u_x3", "cdm8x4u_x0", "array8x4u", "exact8x4u" },
        { "scdmr8s", "scdm8s_x0_y0", "array8s", "exact8s" },
        { "drum8u_k4", "array8u", "array8u", "exact8u" },
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        for (int b = 0; b < COEF_BASELINES; b++) {
            struct axm_spec s = spec_of(want[i][0]), base;
            char name[AXM_SPEC_MAX];
            coef_baseline_spec(&s, (enum coef_baseline)b, &base);
            axm_spec_print(&base, name);
            assert_string_equal(name, want[i][1 + b]);
        }
}

/* --- with the tools ------------------------------------------------------------ */

static const char *const libraries[] = {
    "/usr/share/qflow/tech/osu018/osu018_stdcells.lib",
    "/usr/share/qflow/tech/osu035/osu035_stdcells.lib",
    "/usr/share/qflow/tech/osu050/osu05_stdcells.lib",
};

static struct liberty *need(int library)
{
    struct liberty *l;
    if (!proc_have("yosys") || !proc_have("sta"))
        SKIP("no yosys or no sta");
    if (access(libraries[library], R_OK))
        SKIP("no %s", libraries[library]);
    assert_int_equal(liberty_read(libraries[library], &l), AXM_OK);
    return l;
}

static struct characterise_opts conditions(const struct liberty *lib, uint64_t seed)
{
    return (struct characterise_opts){ .lib = lib, .mode = SYNTH_ADDERS, .tools = "",
                                       .mapped = { .input_slew_ns = 0.1, .output_load_pf = 0.02 },
                                       .stimulus = { .seed = seed } };
}

static struct measurement measure(const struct mul_circuit *c, const struct liberty *lib, uint64_t seed)
{
    struct characterise_opts o = conditions(lib, seed);
    struct measurement m;
    CHECK(characterise(c, &o, &m, NULL) == AXM_OK, "%s: %s", c->name, axm_last_message());
    return m;
}

static struct measurement measure_spec(const struct axm_spec *s, const struct liberty *lib, uint64_t seed)
{
    struct mul_circuit c;
    assert_int_equal(mul_circuit_of_spec(s, &c), AXM_OK);
    struct measurement m = measure(&c, lib, seed);
    mul_circuit_release(&c);
    return m;
}

static void check_paper(int library)
{
    struct liberty *lib = need(library);
    struct measurement base = { 0 };
    double v[COEF_PUBLISHED];
    for (int i = 0; i < COEF_PUBLISHED; i++) {
        struct axm_spec s;
        coef_published_spec(i, &s);
        struct measurement m = measure_spec(&s, lib, 1);
        if (i == 0)
            base = m;
        v[i] = coef_value(&m, &base, COEF_ENERGY, 50);
    }
    struct coef_error e = coef_compare(v);
    printf("%s: mean error %.3f, max %.3f, Spearman %.3f\n", lib->name, e.mean, e.max, e.rho);
    assert_true(v[0] == 1);
    CHECK(e.mean <= 0.04 && e.rho >= 0.97, "mean %g, rho %g", e.mean, e.rho);
    liberty_free(lib);
}

TEST(test_coef__energy_tracks_table_4_in_osu018)
{
    check_paper(0);
}

static void only_in_full(void)
{
    if (!getenv("AXM_FULL"))
        SKIP("AXM_FULL not set");
}

TEST(test_coef__energy_tracks_table_4_in_osu035)
{
    only_in_full();
    check_paper(1);
}

TEST(test_coef__energy_tracks_table_4_in_osu050)
{
    only_in_full();
    check_paper(2);
}

/* A netlist that says the same otherwise, in flat Verilog of its own: wires named at random,
 * statements in random order, the operands of symmetric cells swapped at random. */
static void permuted_verilog(const struct netlist *nl, struct rng *r, struct mul_circuit *out)
{
    size_t cells = netlist_cells(nl), nets = netlist_nets(nl), *order = malloc(cells * sizeof *order);
    unsigned *name = malloc(nets * sizeof *name);
    for (size_t i = 0; i < nets; i++)
        name[i] = (unsigned)i;
    for (size_t i = nets; i-- > 1;) {
        size_t k = rng_below(r, i + 1);
        unsigned t = name[i];
        name[i] = name[k];
        name[k] = t;
    }
    for (size_t i = 0; i < cells; i++)
        order[i] = i;
    for (size_t i = cells; i-- > 1;) {
        size_t k = rng_below(r, i + 1), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    struct strbuf *t = &out->text;
    strbuf_addf(t, "module %s (input [7:0] a_i, input [7:0] b_i, output [15:0] p_o);\n", out->top);
    for (size_t i = 0; i < nets; i++)
        strbuf_addf(t, "  wire w%u;\n", name[i]);
    strbuf_addf(t, "  assign w%u = 1'b0;\n  assign w%u = 1'b1;\n", name[NET_0], name[NET_1]);
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int b = 0; b < port->bus.n; b++)
            strbuf_addf(t, port->is_output ? "  assign %s[%d] = w%u;\n" : "  assign w%3$u = %1$s[%2$d];\n",
                        port->name, b, name[port->bus.bit[b]]);
    }
    for (size_t i = 0; i < cells; i++) {
        const struct cell *c = netlist_cell(nl, order[i]);
        unsigned in[3], n = (unsigned)cell_inputs((enum cell_kind)c->kind);
        for (unsigned k = 0; k < 3; k++)
            in[k] = name[c->in[k]];
        for (unsigned k = n; k-- > 1 && c->kind != CELL_MUX;) {
            unsigned o = (unsigned)rng_below(r, k + 1), x = in[k];
            in[k] = in[o];
            in[o] = x;
        }
        unsigned y = name[c->out[0]], co = name[c->out[1]];
        switch (c->kind) {
        case CELL_NOT: strbuf_addf(t, "  assign w%u = ~w%u;\n", y, in[0]); break;
        case CELL_AND: strbuf_addf(t, "  assign w%u = w%u & w%u;\n", y, in[0], in[1]); break;
        case CELL_OR: strbuf_addf(t, "  assign w%u = w%u | w%u;\n", y, in[0], in[1]); break;
        case CELL_XOR: strbuf_addf(t, "  assign w%u = w%u ^ w%u;\n", y, in[0], in[1]); break;
        case CELL_NAND: strbuf_addf(t, "  assign w%u = ~(w%u & w%u);\n", y, in[0], in[1]); break;
        case CELL_NOR: strbuf_addf(t, "  assign w%u = ~(w%u | w%u);\n", y, in[0], in[1]); break;
        case CELL_XNOR: strbuf_addf(t, "  assign w%u = ~(w%u ^ w%u);\n", y, in[0], in[1]); break;
        case CELL_MUX: strbuf_addf(t, "  assign w%u = w%u ? w%u : w%u;\n", y, in[2], in[1], in[0]); break;
        case CELL_HA:
            strbuf_addf(t, "  axm_ha u%zu (.a_i(w%u), .b_i(w%u), .s_o(w%u), .co_o(w%u));\n", i, in[0],
                        in[1], y, co);
            break;
        case CELL_FA:
            strbuf_addf(t, "  axm_fa u%zu (.a_i(w%u), .b_i(w%u), .c_i(w%u), .s_o(w%u), .co_o(w%u));\n", i,
                        in[0], in[1], in[2], y, co);
            break;
        default: assert_true(false);
        }
    }
    strbuf_adds(t, "endmodule\n");
    free(order);
    free(name);
}

static struct measurement measure_permuted(const char *spec, const struct liberty *lib, uint64_t seed)
{
    struct netlist *nl = netlist_of(spec);
    struct rng r;
    struct mul_circuit c = { .is_signed = true, .width_a = 8, .width_b = 8 };
    snprintf(c.name, sizeof c.name, "%s", spec);
    snprintf(c.top, sizeof c.top, "%s", spec);
    rng_init(&r, seed, 1);
    permuted_verilog(nl, &r, &c);
    struct measurement m = measure(&c, lib, seed);
    mul_circuit_release(&c);
    netlist_free(nl);
    return m;
}

/* Numerator and denominator are both permuted anew, with another seed of the operands. */
TEST(test_coef__equivalent_netlists_give_the_same_coefficients)
{
    struct liberty *lib = need(0);
    int n = getenv("AXM_FULL") ? 20 : 4;
    double least[COEF_FIGURES], most[COEF_FIGURES];
    for (int i = 0; i < n; i++) {
        struct measurement m = measure_permuted("scdm8s_x6_y3", lib, (uint64_t)i + 1);
        struct measurement base = measure_permuted("scdm8s_x0_y0", lib, (uint64_t)i + 1);
        for (int c = 0; c < COEF_FIGURES; c++) {
            double v = coef_value(&m, &base, (enum coef_column)c, 50);
            least[c] = i ? fmin(least[c], v) : v;
            most[c] = i ? fmax(most[c], v) : v;
        }
    }
    printf("spread over %d netlists: area %.4f, delay %.4f, P1 %.4f, energy %.4f\n", n,
           most[COEF_AREA] - least[COEF_AREA], most[COEF_DELAY] - least[COEF_DELAY],
           most[COEF_P1] - least[COEF_P1], most[COEF_ENERGY] - least[COEF_ENERGY]);
    CHECK(most[COEF_P1] - least[COEF_P1] <= 0.005, "P1 %g..%g", least[COEF_P1], most[COEF_P1]);
    CHECK(most[COEF_ENERGY] - least[COEF_ENERGY] <= 0.02, "energy %g..%g", least[COEF_ENERGY],
          most[COEF_ENERGY]);
    liberty_free(lib);
}
