/* The activity engine: toggles and energies against a scalar event-driven simulator
 * written plainly here, against products, and against energies worked out by hand. */
#include "tests/harness.h"

#include <math.h>

#include "base/pool.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "cmodel/mul.h"
#include "synth/characterise.h"

#define OSU018 "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"

enum { VECTORS = 700 };   /* more than one block of 512 steps, and no multiple of it */

#define NONE UINT32_MAX

struct reference {
    const struct mapped *m;
    enum delay_model model;
    bool *value;              /* [n_nets] */
    bool *heading;            /* [n_nets] what the driver computes */
    uint32_t *due;            /* [n_nets] when value becomes heading, or NONE */
    uint64_t *toggles;        /* [n_nets] */
    double *under_way_pj;     /* [n_nets] energy of the transition that is due */
    double internal_pj;       /* of all that happened or is due */
};

static bool output_of(const struct reference *r, const struct mapped_cell *c, int o)
{
    unsigned state = 0;
    for (int k = 0; k < c->lib->n_in; k++)
        state |= (unsigned)r->value[c->in[k]] << k;
    return c->lib->output[o].truth >> state & 1;
}

static void set_inputs(const struct reference *r, const uint64_t *vector, bool *changed)
{
    int bit = 0;
    for (int p = 0; p < r->m->n_ports; p++)
        for (int i = 0; i < r->m->port[p].width && !r->m->port[p].is_output; i++, bit++) {
            uint32_t net = r->m->port[p].net[i];
            bool v = vector[bit / 64] >> (bit % 64) & 1;
            changed[net] = v != r->value[net];
            r->value[net] = v;
        }
}

/* The fastest input that changed, the first of several, makes the transition. */
static int cause(const struct reference *r, const struct mapped_cell *c, int o, bool v, const bool *changed,
                 uint32_t *delay)
{
    int by = -1;
    for (int k = 0; k < c->lib->n_in; k++) {
        uint32_t d = r->model != DELAY_LIBERTY ? 1 : v ? c->arc[o][k].rise_ps : c->arc[o][k].fall_ps;
        if (!changed[c->in[k]] || (by >= 0 && d >= *delay))
            continue;
        *delay = d;
        by = k;
    }
    return by;
}

/* Cells come in topological order, so one pass settles. */
static void settle(struct reference *r, bool *changed)
{
    for (int i = 0; i < r->m->n_cells; i++)
        for (int o = 0; o < r->m->cell[i].lib->n_out; o++) {
            const struct mapped_cell *c = &r->m->cell[i];
            uint32_t net = c->out[o], delay;
            bool v = output_of(r, c, o);
            int by = cause(r, c, o, v, changed, &delay);
            changed[net] = v != r->value[net];
            if (changed[net] && by >= 0)
                r->internal_pj += v ? c->arc[o][by].rise_pj : c->arc[o][by].fall_pj;
            r->value[net] = r->heading[net] = v;
        }
}

/* After nets changed at `now`: cells that see it start, or give up, a transition. */
static void react(struct reference *r, const bool *changed, uint32_t now)
{
    for (int i = 0; i < r->m->n_cells; i++) {
        const struct mapped_cell *c = &r->m->cell[i];
        for (int o = 0; o < c->lib->n_out; o++) {
            uint32_t net = c->out[o], delay = 0;
            bool v = output_of(r, c, o);
            if (v == r->heading[net])
                continue;
            r->heading[net] = v;
            if (r->due[net] != NONE) {
                r->due[net] = NONE;
                r->internal_pj -= r->under_way_pj[net];
                continue;
            }
            int by = cause(r, c, o, v, changed, &delay);
            r->due[net] = now + delay;
            r->under_way_pj[net] = v ? c->arc[o][by].rise_pj : c->arc[o][by].fall_pj;
            r->internal_pj += r->under_way_pj[net];
        }
    }
}

static void count(struct reference *r, const bool *changed)
{
    for (int i = 0; i < r->m->n_nets; i++)
        r->toggles[i] += changed[i];
}

static void reference_run(struct reference *r, const uint64_t *vectors, size_t n)
{
    size_t nets = (size_t)r->m->n_nets, words = (size_t)activity_vector_words(r->m);
    bool *changed = calloc(nets, 1);
    r->value[1] = true;
    set_inputs(r, vectors, changed);
    settle(r, changed);
    r->internal_pj = 0;
    for (size_t v = 1; v < n; v++) {
        memset(changed, 0, nets);
        set_inputs(r, vectors + v * words, changed);
        if (r->model == DELAY_ZERO) {
            settle(r, changed);
            count(r, changed);
            continue;
        }
        for (uint32_t now = 0; now != NONE;) {
            count(r, changed);
            react(r, changed, now);
            now = NONE;
            for (size_t i = 0; i < nets; i++)
                now = r->due[i] < now ? r->due[i] : now;
            for (size_t i = 0; i < nets; i++) {
                changed[i] = now != NONE && r->due[i] == now;
                r->value[i] ^= changed[i];
                r->due[i] = changed[i] ? NONE : r->due[i];
            }
        }
    }
    free(changed);
}

static void compare_with_reference(const struct mapped *m, const uint64_t *vectors, size_t n,
                                   const char *name)
{
    size_t nets = (size_t)m->n_nets;
    uint64_t *toggles = calloc(nets, sizeof *toggles);
    for (int d = DELAY_ZERO; d <= DELAY_LIBERTY; d++) {
        struct reference r = {
            .m = m, .model = (enum delay_model)d, .value = calloc(nets, 1), .heading = calloc(nets, 1),
            .due = malloc(nets * sizeof(uint32_t)), .toggles = calloc(nets, sizeof(uint64_t)),
            .under_way_pj = calloc(nets, sizeof(double)),
        };
        struct activity a;
        memset(r.due, 0xff, nets * sizeof *r.due);
        reference_run(&r, vectors, n);
        for (int level = BITSIM_PORTABLE; level <= (int)bitsim_best_level(); level++) {
            activity_set_level((enum bitsim_level)level);
            assert_int_equal(activity_run(m, vectors, n, (enum delay_model)d, &a, toggles), AXM_OK);
            for (size_t i = 0; i < nets; i++)
                CHECK(toggles[i] == r.toggles[i], "%s, model %d, %s, net %zu: %llu, reference %llu", name, d,
                      bitsim_level_name((enum bitsim_level)level), i, (unsigned long long)toggles[i],
                      (unsigned long long)r.toggles[i]);
            CHECK(fabs(a.internal_pj * (double)a.steps - r.internal_pj) <= 1e-9 * r.internal_pj,
                  "%s, model %d: %.12g pJ, reference %.12g", name, d, a.internal_pj * (double)a.steps,
                  r.internal_pj);
        }
        free(r.value);
        free(r.heading);
        free(r.due);
        free(r.toggles);
        free(r.under_way_pj);
    }
    free(toggles);
}

static struct liberty *library(void)
{
    struct liberty *lib;
    FILE *f = fopen(OSU018, "r");
    if (!f)
        SKIP("no %s", OSU018);
    fclose(f);
    assert_int_equal(liberty_read(OSU018, &lib), AXM_OK);
    return lib;
}

static struct synth_result map_spec(const char *spec, const struct liberty *lib, enum synth_mode mode)
{
    struct mul_circuit c;
    struct synth_result r;
    struct synth_opts o = { .mode = mode, .lib = lib, .mapped = { 0.05, 0.01 } };
    assert_int_equal(mul_circuit_open(spec, &c), AXM_OK);
    CHECK(synth_run(c.text.s, c.top, &o, &r) == AXM_OK, "%s", axm_last_message());
    mul_circuit_release(&c);
    return r;
}

TEST(test_activity__toggles_equal_scalar_simulation)
{
    static const struct {
        const char *spec;
        enum synth_mode mode;
    } circuits[] = {
        { "exact8s", SYNTH_ADDERS }, { "scdm8s_x0_y0", SYNTH_ADDERS }, { "scdm8s_x2_y3", SYNTH_ADDERS },
        { "mitchell8s", SYNTH_FLAT },
    };
    struct liberty *lib = library();
    for (size_t i = 0; i < sizeof circuits / sizeof *circuits; i++) {
        struct synth_result r = map_spec(circuits[i].spec, lib, circuits[i].mode);
        struct stimulus_opts s = { .vectors = VECTORS, .seed = 7 + i };
        uint64_t *vectors;
        size_t n;
        assert_int_equal(stimulus_vectors(&s, r.mapped, true, &vectors, &n), AXM_OK);
        compare_with_reference(r.mapped, vectors, n, circuits[i].spec);
        free(vectors);
        synth_release(&r);
    }
    liberty_free(lib);
}

/* Two layers of a gate of 6 inputs and one of 5, with a delay of its own for
 * every arc: adders and multiplexers leave most of the kernel's cases alone. */
static void wide_library(struct strbuf *s)
{
    static const char *const functions[] = { "(A&B)|(C^(!D&(E|F)))", "(A|B)&!(C^D)|(B&E)" };
    strbuf_addf(s, "library(w) { time_unit : \"1ns\"; voltage_unit : \"1V\"; capacitive_load_unit(1, pf);\n"
                   "nom_voltage : 1;\n");
    for (int i = 0; i < 2; i++) {
        strbuf_addf(s, "cell(W%d) { area : 1;\n", 6 - i);
        for (int k = 0; k < 6 - i; k++)
            strbuf_addf(s, "pin(%c) { direction : input; capacitance : 0.001; }\n", 'A' + k);
        strbuf_addf(s, "pin(Y) { direction : output; function : \"%s\";\n", functions[i]);
        for (int k = 0; k < 6 - i; k++)
            strbuf_addf(s, "timing() { related_pin : \"%c\"; timing_sense : non_unate;\n"
                           "cell_rise(scalar) { values(\"%g\"); } cell_fall(scalar) { values(\"%g\"); }\n"
                           "rise_transition(scalar) { values(\"0.1\"); }\n"
                           "fall_transition(scalar) { values(\"0.1\"); } }\n",
                        'A' + k, 0.02 + 0.013 * k, 0.09 - 0.011 * k);
        strbuf_addf(s, "} }\n");
    }
    strbuf_addf(s, "}\n");
}

TEST(test_activity__cells_of_6_inputs_equal_scalar_simulation)
{
    enum { INPUTS = 12, CELLS = 40 };
    struct strbuf lib_text = { 0 }, json = { 0 };
    struct liberty *lib;
    struct mapped *m;
    struct rng rng;
    uint64_t vectors[VECTORS];
    rng_init(&rng, 11, 0);
    wide_library(&lib_text);
    strbuf_addf(&json, "{\"modules\":{\"w\":{\"ports\":{\"a\":{\"direction\":\"input\",\"bits\":[2");
    for (int i = 1; i < INPUTS; i++)
        strbuf_addf(&json, ",%d", i + 2);
    strbuf_addf(&json, "]},\"y\":{\"direction\":\"output\",\"bits\":[%d]}},\"cells\":{", INPUTS + CELLS + 1);
    for (int i = 0; i < CELLS; i++) {
        int n_in = 6 - i % 2;
        strbuf_addf(&json, "%s\"g%d\":{\"type\":\"W%d\",\"connections\":{", i ? "," : "", i, n_in);
        for (int k = 0; k < n_in; k++)   /* of the last nets, so that it gets deep */
            strbuf_addf(&json, "\"%c\":[%d],", 'A' + k, 2 + i + (int)rng_below(&rng, INPUTS));
        strbuf_addf(&json, "\"Y\":[%d]}}", INPUTS + i + 2);
    }
    strbuf_addf(&json, "}}}}");
    assert_int_equal(liberty_parse(lib_text.s, lib_text.len, "w.lib", &lib), AXM_OK);
    const struct mapped_opts o = { .input_slew_ns = 0.1, .output_load_pf = 0.005 };
    CHECK(mapped_read_json(json.s, "w", lib, &o, &m) == AXM_OK, "%s", axm_last_message());
    for (int i = 0; i < VECTORS; i++)
        vectors[i] = rng_below(&rng, 1 << INPUTS);
    compare_with_reference(m, vectors, VECTORS, "6 inputs");
    mapped_free(m);
    liberty_free(lib);
    strbuf_release(&lib_text);
    strbuf_release(&json);
}

/* All delays times 64, which no longer fit 16 bits, change nothing but the clock. */
TEST(test_activity__long_delays_toggle_as_often)
{
    struct liberty *lib = library();
    struct synth_result r = map_spec("exact8s", lib, SYNTH_ADDERS);
    struct stimulus_opts s = { .vectors = VECTORS, .seed = 5 };
    struct mapped slow = *r.mapped;
    size_t bytes = sizeof *slow.cell * (size_t)slow.n_cells;
    struct mapped_cell *cell = malloc(bytes);
    uint64_t *vectors;
    size_t n;
    struct activity a, b;
    slow.cell = memcpy(cell, slow.cell, bytes);
    for (int i = 0; i < slow.n_cells; i++)
        for (int o = 0; o < cell[i].lib->n_out; o++)
            for (int k = 0; k < cell[i].lib->n_in; k++) {
                cell[i].arc[o][k].rise_ps *= 64;
                cell[i].arc[o][k].fall_ps *= 64;
            }
    CHECK(r.mapped->delay_ns * 64 > 66, "the slow circuit is not slow: %g ns", r.mapped->delay_ns);
    assert_int_equal(stimulus_vectors(&s, r.mapped, true, &vectors, &n), AXM_OK);
    assert_int_equal(activity_run(r.mapped, vectors, n, DELAY_LIBERTY, &a, NULL), AXM_OK);
    assert_int_equal(activity_run(&slow, vectors, n, DELAY_LIBERTY, &b, NULL), AXM_OK);
    assert_memory_equal(&a, &b, sizeof a);
    free(vectors);
    free(cell);
    synth_release(&r);
    liberty_free(lib);
}

TEST(test_activity__every_mapping_computes_the_product)
{
    struct liberty *lib = library();
    for (int mode = SYNTH_ADDERS; mode <= SYNTH_EXTRACT; mode++) {
        struct synth_result r = map_spec("exact8s", lib, (enum synth_mode)mode);
        for (int a = -128; a < 128; a++)
            for (int b = -128; b < 128; b++) {
                /* ports in the netlist's order; the product is symmetric in a and b */
                uint64_t vector = (uint64_t)(a & 255) | (uint64_t)(b & 255) << 8, product;
                activity_evaluate(r.mapped, &vector, &product);
                CHECK(product == ((uint64_t)(a * b) & 0xffff), "mode %s: %d * %d",
                      synth_mode_name((enum synth_mode)mode), a, b);
            }
        synth_release(&r);
    }
    liberty_free(lib);
}

/* Two inverters in a row, 2 V, 3 fF a pin, 5 fF at the output: every input
 * toggle charges or discharges both nets, (3 + 5) fF * 4 V^2 / 2 = 0.016 pJ. */
static const char inverters_lib[] =
    "library(i) { time_unit : \"1ns\"; voltage_unit : \"1V\"; capacitive_load_unit(1, pf); nom_voltage : 2;\n"
    "  cell(INV) { area : 1; pin(A) { direction : input; capacitance : 0.003; }\n"
    "    pin(Y) { direction : output; function : \"!A\"; timing() { related_pin : \"A\";\n"
    "      timing_sense : negative_unate; cell_rise(scalar) { values(\"0.1\"); }\n"
    "      cell_fall(scalar) { values(\"0.1\"); } rise_transition(scalar) { values(\"0.1\"); }\n"
    "      fall_transition(scalar) { values(\"0.1\"); } } } } }\n";

static const char inverters_json[] =
    "{\"modules\":{\"two\":{\"ports\":{\"a\":{\"direction\":\"input\",\"bits\":[2]},"
    "\"y\":{\"direction\":\"output\",\"bits\":[4]}},\"cells\":{"
    "\"g2\":{\"type\":\"INV\",\"connections\":{\"A\":[3],\"Y\":[4]}},"
    "\"g1\":{\"type\":\"INV\",\"connections\":{\"A\":[2],\"Y\":[3]}}}}}}";

TEST(test_activity__energy_by_hand)
{
    struct liberty *lib;
    struct mapped *m;
    const uint64_t vectors[] = { 0, 1, 0, 0, 1 };   /* three toggles in four steps */
    assert_int_equal(liberty_parse(inverters_lib, strlen(inverters_lib), "i.lib", &lib), AXM_OK);
    const struct mapped_opts o = { .input_slew_ns = 0.1, .output_load_pf = 0.005 };
    CHECK(mapped_read_json(inverters_json, "two", lib, &o, &m) == AXM_OK, "%s", axm_last_message());
    for (int d = DELAY_ZERO; d <= DELAY_LIBERTY; d++) {
        struct activity a;
        assert_int_equal(activity_run(m, vectors, 5, (enum delay_model)d, &a, NULL), AXM_OK);
        assert_int_equal(a.toggles, 9);   /* three nets */
        assert_float_equal(a.energy_pj, 0.016 * 3 / 4, 1e-12);
    }
    assert_float_equal(m->delay_ns, 0.2, 1e-12);
    mapped_free(m);
    liberty_free(lib);
}

/* Energies too, to the last bit. */
TEST(test_activity__same_for_any_threads_and_cpu)
{
    struct liberty *lib = library();
    struct synth_result r = map_spec("exact8s", lib, SYNTH_ADDERS);
    struct stimulus_opts s = { .vectors = 3000, .seed = 3 };
    uint64_t *vectors;
    size_t n;
    assert_int_equal(stimulus_vectors(&s, r.mapped, true, &vectors, &n), AXM_OK);
    for (int d = DELAY_ZERO; d <= DELAY_LIBERTY; d++) {
        struct activity a, b;
        activity_set_level(BITSIM_PORTABLE);
        pool_set_threads(1);
        assert_int_equal(activity_run(r.mapped, vectors, n, (enum delay_model)d, &a, NULL), AXM_OK);
        pool_set_threads(3);
        for (int level = BITSIM_PORTABLE; level <= (int)bitsim_best_level(); level++) {
            activity_set_level((enum bitsim_level)level);
            assert_int_equal(activity_run(r.mapped, vectors, n, (enum delay_model)d, &b, NULL), AXM_OK);
            assert_memory_equal(&a, &b, sizeof a);
        }
        pool_set_threads(0);
    }
    free(vectors);
    synth_release(&r);
    liberty_free(lib);
}

/* Runs of 16 times the vectors have a quarter of the interval, and about 95 of
 * 100 intervals hold the mean of far more vectors. */
TEST(test_activity__confidence_interval)
{
    enum { FEW = 10 * 512 + 1, TIMES = 16, RUNS = 40 };
    struct liberty *lib = library();
    struct synth_result r = map_spec("scdm8s_x5_y2", lib, SYNTH_ADDERS);
    double few_ci = 0, mean = 0, few_mean[RUNS], ci[RUNS];
    struct activity many;
    for (int i = 0; i <= RUNS; i++) {
        struct stimulus_opts s = { .vectors = i < RUNS ? FEW : TIMES * FEW, .seed = 100 + (uint64_t)i };
        uint64_t *vectors;
        size_t n;
        struct activity a;
        assert_int_equal(stimulus_vectors(&s, r.mapped, true, &vectors, &n), AXM_OK);
        assert_int_equal(activity_run(r.mapped, vectors, n, DELAY_LIBERTY, &a, NULL), AXM_OK);
        free(vectors);
        if (i == RUNS) {
            many = a;
            break;
        }
        few_mean[i] = a.energy_pj;
        ci[i] = a.energy_ci95_pj;
        mean += a.energy_pj / RUNS;
        few_ci += a.energy_ci95_pj / RUNS;
    }
    int hold = 0;
    for (int i = 0; i < RUNS; i++)
        hold += few_mean[i] - ci[i] < mean && mean < few_mean[i] + ci[i];
    printf("interval %.4f pJ of %d vectors, %.4f of %d; %d of %d intervals hold the mean\n", few_ci, FEW,
           many.energy_ci95_pj, TIMES * FEW, hold, RUNS);
    assert_float_equal(many.energy_ci95_pj / few_ci, 0.25, 0.05);
    assert_in_range(hold, RUNS * 8 / 10, RUNS);
    synth_release(&r);
    liberty_free(lib);
}
