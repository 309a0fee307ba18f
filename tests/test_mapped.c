/* Mapped netlists: loads, slews and delays by hand on two inverters, what Yosys
 * makes of whole multipliers against their models, and JSON that must be refused. */
#include "tests/sim_fixture.h"

#include <unistd.h>

#include "base/proc.h"
#include "synth/characterise.h"
#include "synth/synth.h"
#include "tests/capture.h"

/* With fs = (slew - .1) / .4 and fl = (load - .01) / .04:
 * INV: rise .2 + .2 fs + .4 fl + .4 fs fl; its slew .1 + .2 fl;
 *      fall .1 + .16 fs + .2 fl;           its slew .05 + .2 fs + .2 fl;
 *      energy of a rise 1 + 2 fs, of a fall 2 + 4 fs.
 * XOR: from A 1 + fs for both, from B .9 + fs, whatever the load. */
static const char library[] =
    "library(two) { time_unit : \"1ns\"; voltage_unit : \"1V\"; capacitive_load_unit(1, pf);\n"
    "  nom_voltage : 1;\n"
    "  lu_table_template(d) { variable_1 : input_net_transition; index_1(\"0.1, 0.5\");\n"
    "    variable_2 : total_output_net_capacitance; index_2(\"0.01, 0.05\"); }\n"
    "  lu_table_template(s) { variable_1 : input_net_transition; index_1(\"0.1, 0.5\"); }\n"
    "  power_lut_template(e) { variable_1 : input_transition_time; index_1(\"0.1, 0.5\"); }\n"
    "  cell(INV) { area : 3; pin(A) { direction : input; capacitance : 0.018; }\n"
    "    pin(Y) { direction : output; capacitance : 0.002; function : \"!A\";\n"
    "      timing() { related_pin : \"A\"; timing_sense : negative_unate;\n"
    "        cell_rise(d) { values(\"0.2, 0.6\", \"0.4, 1.2\"); }\n"
    "        cell_fall(d) { values(\"0.1, 0.3\", \"0.26, 0.46\"); }\n"
    "        rise_transition(d) { values(\"0.1, 0.3\", \"0.1, 0.3\"); }\n"
    "        fall_transition(d) { values(\"0.05, 0.25\", \"0.25, 0.45\"); } }\n"
    "      internal_power() { related_pin : \"A\"; rise_power(e) { values(\"1, 3\"); }\n"
    "        fall_power(e) { values(\"2, 6\"); } } } }\n"
    "  cell(XOR) { area : 7; pin(A) { direction : input; capacitance : 0.018; }\n"
    "    pin(B) { direction : input; capacitance : 0.018; }\n"
    "    pin(Y) { direction : output; function : \"A ^ B\";\n"
    "      timing() { related_pin : \"A\"; timing_sense : non_unate;\n"
    "        cell_rise(s) { values(\"1, 2\"); } cell_fall(s) { values(\"1, 2\"); } }\n"
    "      timing() { related_pin : \"B\"; timing_sense : non_unate;\n"
    "        cell_rise(s) { values(\"0.9, 1.9\"); } cell_fall(s) { values(\"0.9, 1.9\"); } } } }\n"
    "  cell(HA) { area : 5; pin(A) { direction : input; } pin(B) { direction : input; }\n"
    "    pin(S) { direction : output; function : \"A ^ B\"; }\n"
    "    pin(C) { direction : output; function : \"A B\"; } }\n"
    "  cell(FF) { area : 9; ff(Q, QN) { next_state : \"D\"; clocked_on : \"C\"; }\n"
    "    pin(D) { direction : input; } pin(C) { direction : input; }\n"
    "    pin(Q) { direction : output; function : \"Q\"; } } }\n";

static const struct mapped_opts opts = { .input_slew_ns = 0.3, .output_load_pf = 0.03 };

static struct liberty *lib_of(const char *text)
{
    struct liberty *l = NULL;
    CHECK(liberty_parse(text, strlen(text), "two.lib", &l) == AXM_OK, "%s", axm_last_message());
    return l;
}

static struct mapped *read_json(const char *text, const char *name, const struct liberty *lib)
{
    struct mapped *m = NULL;
    CHECK(mapped_read_json(text, name, lib, &opts, &m) == AXM_OK, "%s", axm_last_message());
    return m;
}

#define PORT(NAME, DIRECTION, BITS) "\"" NAME "\":{\"direction\":\"" DIRECTION "\",\"bits\":[" BITS "]}"
#define CELL(NAME, TYPE, PINS) "\"" NAME "\":{\"type\":\"" TYPE "\",\"connections\":{" PINS "}}"
#define PIN(NAME, BITS) "\"" NAME "\":[" BITS "]"
#define MODULE(PORTS, CELLS) "{\"modules\":{\"top\":{\"ports\":{" PORTS "},\"cells\":{" CELLS "}}}}"

/* a -> INV -> net 3 -> INV -> y; in the file the last comes first. */
static const char chain[] =
    MODULE(PORT("a", "input", "2") "," PORT("y", "output", "4"),
           CELL("last", "INV", PIN("A", "3") "," PIN("Y", "4")) ","
           CELL("first", "INV", PIN("Y", "3") "," PIN("A", "2")));

TEST(test_mapped__two_inverters_by_hand)
{
    struct liberty *lib = lib_of(library);
    struct mapped *m = read_json(chain, "top", lib);
    assert_int_equal(m->n_cells, 2);
    assert_int_equal(m->n_ports, 2);
    assert_float_equal(m->area_um2, 6, 0);
    const struct mapped_cell *c = m->cell;
    assert_true(c[0].in[0] == 2 && c[0].out[0] == 3 && c[1].in[0] == 3 && c[1].out[0] == 4);
    assert_float_equal(m->load_pf[2], 0.018, 1e-12);
    assert_float_equal(m->load_pf[3], 0.018 + 0.002, 1e-12);
    assert_float_equal(m->load_pf[4], 0.03 + 0.002, 1e-12);
    /* fs .5, fl .25: rise .2 + .1 + .1 + .05, fall .1 + .08 + .05 */
    assert_int_equal(c[0].arc[0][0].rise_ps, 450);
    assert_int_equal(c[0].arc[0][0].fall_ps, 230);
    assert_float_equal(c[0].arc[0][0].rise_pj, 2, 1e-6);
    assert_float_equal(c[0].arc[0][0].fall_pj, 4, 1e-6);
    /* Slews of net 3: rise .15, fall .2.  Load .032: fl .55.  The rise is made by the fall, fs .25:
     * .2 + .05 + .22 + .055; the fall by the rise, fs .125: .1 + .02 + .11. */
    assert_int_equal(c[1].arc[0][0].rise_ps, 525);
    assert_int_equal(c[1].arc[0][0].fall_ps, 230);
    assert_float_equal(c[1].arc[0][0].rise_pj, 1.5, 1e-6);
    assert_float_equal(c[1].arc[0][0].fall_pj, 2.5, 1e-6);
    assert_float_equal(m->delay_ns, 0.23 + 0.525, 1e-12);   /* the other: .45 + .23 */
    mapped_free(m);
    liberty_free(lib);
}

#define BEHIND(A, B) \
    MODULE(PORT("a", "input", "2, 3") "," PORT("y", "output", "5"), \
           CELL("i", "INV", PIN("A", "2") "," PIN("Y", "4")) "," \
           CELL("x", "XOR", PIN("A", A) "," PIN("B", B) "," PIN("Y", "5")))

/* Behind an inverter the fall is slower (.2) than the rise (.15): fs .25, not .125. */
TEST(test_mapped__non_unate_arcs_take_the_slower_edge)
{
    struct liberty *lib = lib_of(library);
    struct mapped *m = read_json(BEHIND("3", "4"), "top", lib);
    const struct mapped_port *a = mapped_find_port(m, "a");
    assert_true(a && !a->is_output && a->width == 2 && a->net[0] == 2 && a->net[1] == 3);
    assert_null(mapped_find_port(m, "b"));
    assert_int_equal(m->cell[1].arc[0][1].rise_ps, 1150);
    assert_int_equal(m->cell[1].arc[0][1].fall_ps, 1150);
    assert_float_equal(m->delay_ns, 1.5, 1e-12);   /* from a[1]: fs .5; through both .45 + 1.025 */
    mapped_free(m);
    liberty_free(lib);
}

/* B is the faster pin: the inverter's output belongs there, wherever the netlist has it. */
TEST(test_mapped__late_nets_go_to_fast_pins)
{
    struct liberty *lib = lib_of(library);
    static const char *const texts[] = { BEHIND("3", "4"), BEHIND("4", "3") };
    for (int i = 0; i < 2; i++) {
        struct mapped *m = read_json(texts[i], "top", lib);
        assert_true(m->cell[1].in[0] == 3 && m->cell[1].in[1] == 4);
        mapped_free(m);
    }
    /* two inputs: one order, whichever it is */
    uint32_t first[2];
    for (int i = 0; i < 2; i++) {
        struct mapped *m = read_json(
            i ? MODULE(PORT("a", "input", "3, 2") "," PORT("y", "output", "4"),
                       CELL("x", "XOR", PIN("B", "2") "," PIN("A", "3") "," PIN("Y", "4")))
              : MODULE(PORT("a", "input", "2, 3") "," PORT("y", "output", "4"),
                       CELL("x", "XOR", PIN("B", "2") "," PIN("A", "3") "," PIN("Y", "4"))), "top", lib);
        first[i] = m->cell[0].in[0] == m->port[0].net[0];   /* a[0] on A */
        mapped_free(m);
    }
    assert_int_equal(first[0], first[1]);
    liberty_free(lib);
}

/* What Yosys writes besides gates and nets. */
TEST(test_mapped__constants_and_open_outputs)
{
    struct liberty *lib = lib_of(library);
    struct mapped *m = read_json(
        MODULE(PORT("a", "input", "2") "," PORT("y", "output", "\"1\", \"x\", 3, 2"),
               "\"scope\":{\"type\":\"$scopeinfo\",\"connections\":{}},"
               CELL("h", "HA", PIN("A", "2") "," PIN("B", "\"1\"") "," PIN("S", "3") "," PIN("C", ""))),
        "top", lib);
    assert_int_equal(m->n_cells, 1);
    uint32_t a = m->cell[0].in[0], b = m->cell[0].in[1];   /* either may be on either pin */
    assert_true((a == 2 && b == 1) || (a == 1 && b == 2));
    assert_int_equal(m->cell[0].out[1], 4);   /* a net of its own */
    const struct mapped_port *y = mapped_find_port(m, "y");
    assert_true(y->is_output && y->width == 4);
    assert_true(y->net[0] == 1 && y->net[1] == 0 && y->net[2] == 3 && y->net[3] == 2);
    mapped_free(m);
    liberty_free(lib);
}

/* --- what must be refused -------------------------------------------------------- */

static void refused(const char *json, const char *says)
{
    struct liberty *lib = lib_of(library);
    struct mapped *m = NULL;
    struct capture cap;
    capture_begin(&cap);
    enum axm_status st = mapped_read_json(json, "top", lib, &opts, &m);
    capture_end(&cap);
    CHECK(st == AXM_USAGE && !m && cap.messages == 1, "%s: status %d, %d messages", json, st, cap.messages);
    CHECK(strstr(cap.line, says) && !strncmp(cap.line, "top: ", 5), "%s: %s", json, cap.line);
    liberty_free(lib);
}

#define IN PORT("a", "input", "2, 3")
#define OUT PORT("y", "output", "4")
#define XOR(NAME, A, B, Y) CELL(NAME, "XOR", PIN("A", A) "," PIN("B", B) "," PIN("Y", Y))

TEST(test_mapped__wrong_netlists_bad)
{
    refused(MODULE(IN "," OUT, XOR("u1", "2", "3", "4") "," XOR("u2", "3", "2", "4")),
            "net 4 has two drivers");
    refused(MODULE(IN "," OUT, XOR("u1", "2", "2", "3") "," XOR("u2", "3", "2", "4")),
            "net 3 has two drivers");
    refused(MODULE(PORT("a", "input", "2, 2") "," OUT, XOR("u1", "2", "2", "4")), "net 2 has two drivers");
    refused(MODULE(IN "," OUT, XOR("u1", "2", "3", "\"1\"")), "net 1 has two drivers");
    refused(MODULE(IN "," OUT, XOR("u1", "2", "5", "4") "," XOR("u2", "4", "3", "5")),
            "a loop through a XOR");
    refused(MODULE(IN "," OUT, XOR("u1", "2", "4", "4")), "a loop through a XOR");
    refused(MODULE(IN "," OUT, XOR("u1", "2", "5", "4")), "net 5 has no driver");
    refused(MODULE(IN "," OUT, ""), "net 4 has no driver");
    refused(MODULE(IN "," OUT, CELL("u1", "NAND9", PIN("A", "2"))),
            "cell u1 is a NAND9, which library two does not have");
    refused(MODULE(IN "," OUT, CELL("u1", "FF", PIN("D", "2"))), "not a combinational gate");
    refused(MODULE(IN "," OUT, CELL("u1", "XOR", PIN("A", "2") "," PIN("Y", "4"))),
            "cell u1 (XOR) has an open input");
    refused(MODULE(IN "," OUT, CELL("u1", "XOR", PIN("A", "2") "," PIN("Q", "4"))),
            "cell u1: pin Q cannot be used");
    refused(MODULE(IN "," OUT, XOR("u1", "2, 3", "3", "4")), "cell u1: pin A cannot be used");
    refused(MODULE(IN "," OUT, XOR("u1", "2", "\"?\"", "4")), "cell u1: pin B cannot be used");
    refused(MODULE(IN "," OUT, XOR("u1", "2", "90000000", "4")), "cell u1: pin B cannot be used");
    refused(MODULE(PORT("a", "inout", "2") "," OUT, ""), "port a is neither input nor output");
    refused(MODULE(IN "," PORT("y", "output", "1"), ""), "port y: bit 0 is no net");
}

TEST(test_mapped__malformed_json_bad)
{
    refused("", "not JSON");
    refused("{\"modules\":", "not JSON");
    refused("{}", "no module of this name");
    refused("{\"modules\":{\"Top\":{}}}", "no module of this name");
    refused("{\"modules\":{\"top\":{}}}", "no object of ports");
    refused("{\"modules\":{\"top\":{\"ports\":[{}],\"cells\":{}}}}", "no object of ports");
    refused("{\"modules\":{\"top\":{\"ports\":{},\"cells\":[{}]}}}", "no object of cells");
    refused("{\"modules\":{\"top\":{\"ports\":{},\"cells\":{\"u\":{}}}}}", "cell u is a ?");
    refused(MODULE(IN, "\"u\":{\"type\":\"INV\",\"connections\":[2]}"), "no object of connections");
    for (size_t len = 1; len < sizeof chain - 1; len++) {
        char text[sizeof chain] = { 0 };
        memcpy(text, chain, len);
        refused(text, "not JSON");
    }
}

/* --- what Yosys makes of multipliers ------------------------------------------------ */

/* Values of every net, 64 operand pairs at once; in: a then b, a word a bit. */
static void settle(const struct mapped *m, const uint64_t *in, int width_a, uint64_t *net)
{
    net[0] = 0;
    net[1] = ~UINT64_C(0);
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width && !m->port[p].is_output; i++)
            net[m->port[p].net[i]] = in[i + (m->port[p].name[0] == 'b' ? width_a : 0)];
    for (int k = 0; k < m->n_cells; k++) {
        const struct mapped_cell *c = &m->cell[k];
        for (int o = 0; o < c->lib->n_out; o++) {
            uint64_t v = 0;
            for (unsigned row = 0; row < 1u << c->lib->n_in; row++) {
                uint64_t here = c->lib->output[o].truth >> row & 1 ? ~UINT64_C(0) : 0;
                for (int i = 0; i < c->lib->n_in; i++)
                    here &= row >> i & 1 ? net[c->in[i]] : ~net[c->in[i]];
                v |= here;
            }
            net[c->out[o]] = v;
        }
    }
}

static int wrong_products(const struct mapped *m, const struct axm_mul *model)
{
    uint64_t *net = calloc((size_t)m->n_nets, sizeof *net);
    const struct mapped_port *p = mapped_find_port(m, "p_o");
    int wrong = 0;
    for (uint32_t first = 0; first < 65536; first += 64) {
        uint64_t in[16] = { 0 };
        for (uint32_t lane = 0; lane < 64; lane++)
            for (int i = 0; i < 16; i++)
                in[i] |= (uint64_t)((first + lane) >> i & 1) << lane;
        settle(m, in, 8, net);
        for (uint32_t lane = 0; lane < 64; lane++) {
            uint64_t product = 0;
            for (int i = 0; i < 16; i++)
                product |= (net[p->net[i]] >> lane & 1) << i;
            wrong += product != axm_eval(model, (first + lane) & 255, (first + lane) >> 8);
        }
    }
    free(net);
    return wrong;
}

TEST(test_mapped__multipliers_equal_their_models)
{
    static const char *const specs[] = { "scdm8s_x5_y2", "drum8u_k4", "mitchell8s_t5" };
    static const enum synth_mode modes[] = { SYNTH_ADDERS, SYNTH_FLAT, SYNTH_HIERARCHY };
    static const char path[] = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";
    struct liberty *lib;
    if (!proc_have("yosys"))
        SKIP("no yosys");
    if (access(path, R_OK))
        SKIP("no %s", path);
    assert_int_equal(liberty_read(path, &lib), AXM_OK);
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        for (int k = 0; k < 3; k++) {
            struct axm_spec s = spec_of(specs[i]);
            struct axm_mul *model = model_of(specs[i]);
            struct mul_circuit c;
            struct synth_result r;
            struct synth_opts o = { .mode = modes[k], .lib = lib, .mapped = opts };
            assert_int_equal(mul_circuit_of_spec(&s, &c), AXM_OK);
            CHECK(synth_run(c.text.s, c.top, &o, &r) == AXM_OK, "%s", axm_last_message());
            double area = 0;
            for (int n = 0; n < r.mapped->n_cells; n++)
                area += r.mapped->cell[n].lib->area_um2;
            assert_float_equal(r.mapped->area_um2, area, 1e-6);
            int wrong = wrong_products(r.mapped, model);
            CHECK(wrong == 0, "%s, %s: %d of 65536 products differ", specs[i], synth_mode_name(o.mode),
                  wrong);
            synth_release(&r);
            mul_circuit_release(&c);
            axm_mul_close(model);
        }
    liberty_free(lib);
}
