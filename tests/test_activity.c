/* The activity engine: against a scalar event-driven simulator written plainly
 * here, against products, and against energies worked out by hand. */
#include "tests/harness.h"

#include "base/pool.h"
#include "base/rng.h"
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

/* Cells come in topological order, so one pass settles. */
static void settle(struct reference *r, bool *changed)
{
    for (int i = 0; i < r->m->n_cells; i++)
        for (int o = 0; o < r->m->cell[i].lib->n_out; o++) {
            uint32_t net = r->m->cell[i].out[o];
            bool v = output_of(r, &r->m->cell[i], o);
            changed[net] = v != r->value[net];
            r->value[net] = r->heading[net] = v;
        }
}

/* After nets changed at `now`: cells that see it start, or give up, a transition. */
static void react(struct reference *r, const bool *changed, uint32_t now)
{
    for (int i = 0; i < r->m->n_cells; i++) {
        const struct mapped_cell *c = &r->m->cell[i];
        for (int o = 0; o < c->lib->n_out; o++) {
            uint32_t net = c->out[o], delay = NONE;
            bool v = output_of(r, c, o);
            for (int k = 0; k < c->lib->n_in; k++) {
                uint32_t d = r->model == DELAY_UNIT ? 1 : v ? c->arc[o][k].rise_ps : c->arc[o][k].fall_ps;
                if (changed[c->in[k]] && d < delay)
                    delay = d;
            }
            if (v == r->heading[net])
                continue;
            r->heading[net] = v;
            r->due[net] = r->due[net] != NONE ? NONE : now + delay;
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
        };
        struct activity a;
        memset(r.due, 0xff, nets * sizeof *r.due);
        reference_run(&r, vectors, n);
        assert_int_equal(activity_run(m, vectors, n, (enum delay_model)d, &a, toggles), AXM_OK);
        for (size_t i = 0; i < nets; i++)
            CHECK(toggles[i] == r.toggles[i], "%s, model %d, net %zu: %llu, reference %llu", name, d, i,
                  (unsigned long long)toggles[i], (unsigned long long)r.toggles[i]);
        free(r.value);
        free(r.heading);
        free(r.due);
        free(r.toggles);
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
    static const char *const specs[] = { "exact8s", "scdm8s_x0_y0", "scdm8s_x2_y3" };
    struct liberty *lib = library();
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct synth_result r = map_spec(specs[i], lib, SYNTH_ADDERS);
        struct stimulus_opts s = { .vectors = VECTORS, .seed = 7 + i };
        uint64_t *vectors;
        size_t n;
        assert_int_equal(stimulus_vectors(&s, r.mapped, true, &vectors, &n), AXM_OK);
        compare_with_reference(r.mapped, vectors, n, specs[i]);
        free(vectors);
        synth_release(&r);
    }
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
    CHECK(mapped_read_json(inverters_json, "two", lib, &(struct mapped_opts){ 0.1, 0.005 }, &m) == AXM_OK,
          "%s", axm_last_message());
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

TEST(test_activity__same_for_any_threads)
{
    struct liberty *lib = library();
    struct synth_result r = map_spec("exact8s", lib, SYNTH_ADDERS);
    struct stimulus_opts s = { .vectors = 3000, .seed = 3 };
    uint64_t *vectors;
    size_t n;
    struct activity a, b;
    assert_int_equal(stimulus_vectors(&s, r.mapped, true, &vectors, &n), AXM_OK);
    pool_set_threads(1);
    assert_int_equal(activity_run(r.mapped, vectors, n, DELAY_LIBERTY, &a, NULL), AXM_OK);
    pool_set_threads(3);
    assert_int_equal(activity_run(r.mapped, vectors, n, DELAY_LIBERTY, &b, NULL), AXM_OK);
    pool_set_threads(0);
    assert_memory_equal(&a, &b, sizeof a);
    free(vectors);
    synth_release(&r);
    liberty_free(lib);
}
