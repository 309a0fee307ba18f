/* The liberty reader: against numbers read off the foreign file by eye, a
 * small library written here, and files that must be refused. */
#include "tests/harness.h"

#include "base/file.h"
#include "base/status.h"
#include "synth/liberty.h"

#define OSU018 "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"

static const char small[] =
    "library(small) {\n"
    "  time_unit : \"10ps\"; voltage_unit : \"100mV\"; capacitive_load_unit(1, ff);\n"
    "  leakage_power_unit : \"1uW\"; nom_voltage : 1.2;\n"
    "  lu_table_template(t) { variable_1 : input_net_transition;\n"
    "    variable_2 : total_output_net_capacitance; index_1(\"1, 3\"); index_2(\"10, 20, 40\"); }\n"
    "  power_lut_template(e) { variable_1 : input_transition_time; index_1(\"1, 3\"); }\n"
    "  cell(AOI) { area : 7.5; cell_leakage_power : 4;\n"
    "    leakage_power() { when : \"A B !C\"; value : 2; }\n"
    "    leakage_power() { when : \"C\"; value : 3; }\n"
    "    pin(A) { direction : input; capacitance : 2;\n"
    "      internal_power() { when : \"C\"; rise_power(e) { values(\"50, 70\"); }\n"
    "        fall_power(e) { values(\"10,20\"); } } }\n"
    "    pin(B) { direction : input; capacitance : 3; }\n"
    "    pin(C) { direction : input; capacitance : 4; }\n"
    "    pin(Y) { direction : output; max_capacitance : 90; function : \"!((A B) + C)\";\n"
    "      timing() { related_pin : \"A\"; timing_sense : negative_unate;\n"
    "        cell_rise(t) { values(\"1, 2, 4\", \"2, 4, 8\"); } cell_fall(scalar) { values(\"5\"); }\n"
    "        rise_transition(t) { values(\"1,1,1\",\"1,1,1\"); }\n"
    "        fall_transition(scalar) { values(\"2\"); } } } }\n"
    "  cell(FF) { area : 20; ff(IQ, IQN) { next_state : \"D\"; clocked_on : \"CK\"; }\n"
    "    pin(D) { direction : input; capacitance : 1; } pin(CK) { direction : input; capacitance : 1; }\n"
    "    pin(Q) { direction : output; function : \"IQ\"; } }\n"
    "  cell(FADD) { area : 30; pin(X) { direction : input; capacitance : 1; }\n"
    "    pin(Y) { direction : input; capacitance : 1; } pin(Z) { direction : input; capacitance : 1; }\n"
    "    pin(CO) { direction : output; function : \"X*Y | Z&(X+Y)\"; }\n"
    "    pin(S) { direction : output; function : \"X^Y^Z\"; } }\n"
    "}\n";

static struct liberty *parse(const char *text)
{
    struct liberty *l = NULL;
    enum axm_status st = liberty_parse(text, strlen(text), "small.lib", &l);
    CHECK(st == AXM_OK, "%s", axm_last_message());
    return l;
}

TEST(test_liberty__units_become_ours)
{
    struct liberty *l = parse(small);
    const struct lib_cell *c = liberty_find(l, "AOI");
    assert_non_null(c);
    assert_float_equal(c->input[0].cap_pf, 0.002, 1e-12);
    assert_float_equal(c->output[0].max_load_pf, 0.090, 1e-12);
    assert_float_equal(l->voltage, 1.2, 1e-12);
    /* slew 3 units of 10 ps, load 40 fF: 8 units of 10 ps */
    assert_float_equal(lib_table_at(&c->output[0].arc[0].rise_delay, 0.03, 0.040), 0.08, 1e-12);
    /* energy unit: fF times (100 mV)^2 = 1e-5 pJ */
    assert_float_equal(lib_table_at(&c->input[0].energy[0].rise, 0.01, 0), 50e-5, 1e-12);
    /* leakage unit: uW */
    assert_float_equal(lib_cell_leakage(c, 3), 2000, 1e-9);
    assert_float_equal(lib_cell_leakage(c, 4), 3000, 1e-9);
    assert_float_equal(lib_cell_leakage(c, 1), 4000, 1e-9);
    liberty_free(l);
}

TEST(test_liberty__tables_interpolate_and_extrapolate)
{
    struct liberty *l = parse(small);
    const struct lib_table *t = &liberty_find(l, "AOI")->output[0].arc[0].rise_delay;
    /* between the four corners (1,10)=1 (1,20)=2 (3,10)=2 (3,20)=4: 2.25 in the middle */
    assert_float_equal(lib_table_at(t, 0.02, 0.015), 0.0225, 1e-12);
    /* beyond the last load at slew 1: slope (4-2)/20 per fF */
    assert_float_equal(lib_table_at(t, 0.01, 0.060), 0.06, 1e-12);
    /* a scalar is the same everywhere */
    t = &liberty_find(l, "AOI")->output[0].arc[0].fall_delay;
    assert_float_equal(lib_table_at(t, 9, 9), 0.05, 1e-12);
    liberty_free(l);
}

TEST(test_liberty__functions_are_truth_tables)
{
    struct liberty *l = parse(small);
    const struct lib_cell *c = liberty_find(l, "AOI");
    for (unsigned v = 0; v < 8; v++) {
        unsigned a = v & 1, b = v >> 1 & 1, d = v >> 2;
        assert_int_equal(c->output[0].truth >> v & 1, !((a && b) || d));
    }
    assert_true(c->usable);
    assert_false(liberty_find(l, "FF")->usable);
    assert_true(liberty_find(l, "FF")->sequential);
    liberty_free(l);
}

/* D stored at the rising edge of C, as it is, and nothing else. */
TEST(test_liberty__plain_flip_flops_are_told_from_others)
{
    static const struct { const char *ff, *function, *more; bool plain; } cases[] = {
        { "ff(IQ, IQN) { next_state : \"D\"; clocked_on : \"C\"; }", "IQ", "", true },
        { "ff(IQ, IQN) { next_state : \"D\"; clocked_on : \"!C\"; }", "IQ", "", false },
        { "ff(IQ, IQN) { next_state : \"!D\"; clocked_on : \"C\"; }", "IQ", "", false },
        { "ff(IQ, IQN) { next_state : \"D\"; clocked_on : \"C\"; }", "IQN", "", false },
        { "ff(IQ, IQN) { next_state : \"D\"; clocked_on : \"C\"; clear : \"!R\"; }", "IQ",
          "pin(R) { direction : input; }", false },
        { "ff() { next_state : \"D\"; clocked_on : \"C\"; }", "IQ", "", false },
        { "ff : x;", "IQ", "", false },
        { "latch(IQ, IQN) { data_in : \"D\"; enable : \"C\"; }", "IQ", "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2048];
        snprintf(text, sizeof text, "library(l) { time_unit : \"1ns\"; voltage_unit : \"1V\"; "
                 "capacitive_load_unit(1, pf); leakage_power_unit : \"1nW\"; nom_voltage : 1.8;\n"
                 "cell(F) { area : 1; cell_leakage_power : 7; %s pin(C) { direction : input; } %s\n"
                 "pin(D) { direction : input; internal_power() { when : \"IQ\"; "
                 "rise_power(scalar) { values(\"3\"); } fall_power(scalar) { values(\"4\"); } } }\n"
                 "pin(Q) { direction : output; function : \"%s\"; } } }\n",
                 cases[i].ff, cases[i].more, cases[i].function);
        struct liberty *l = parse(text);
        const struct lib_cell *c = &l->cell[0];
        CHECK(c->flip_flop == cases[i].plain && !c->usable, "case %zu", i);
        assert_float_equal(c->leakage_nw, c->sequential ? 7 : 0, 0);
        if (cases[i].plain) {
            assert_string_equal(c->input[c->clock].name, "C");
            assert_string_equal(c->input[c->data].name, "D");
            assert_int_equal(c->input[c->data].n_energy, 1);
            assert_float_equal(lib_table_at(&c->input[c->data].energy[0].fall, 0.1, 0), 4, 1e-12);
        }
        liberty_free(l);
    }
}

TEST(test_liberty__cells_are_found_by_function)
{
    struct liberty *l = parse(small);
    struct lib_adder fa;
    assert_true(liberty_full_adder(l, &fa));
    assert_string_equal(fa.cell->name, "FADD");
    assert_string_equal(fa.cell->output[fa.sum].name, "S");
    assert_string_equal(fa.cell->output[fa.carry].name, "CO");
    assert_false(liberty_half_adder(l, &fa));
    /* !((B C) + A): the same gate with its inputs in another order */
    uint64_t truth = 0;
    for (unsigned v = 0; v < 8; v++)
        truth |= (uint64_t)!(((v >> 1 & 1) && v >> 2) || (v & 1)) << v;
    const struct lib_cell *c = liberty_by_function(l, 3, truth);
    assert_non_null(c);
    assert_string_equal(c->name, "AOI");
    assert_null(liberty_by_function(l, 3, truth ^ 1));
    liberty_free(l);
}

TEST(test_liberty__osu018_as_printed)
{
    struct liberty *l = NULL;
    struct lib_adder fa, ha;
    if (!file_exists(OSU018))
        SKIP("no qflow-tech-osu018");
    assert_int_equal(liberty_read(OSU018, &l), AXM_OK);
    assert_int_equal(l->n_cells, 32);
    assert_true(liberty_full_adder(l, &fa) && liberty_half_adder(l, &ha));
    assert_string_equal(fa.cell->name, "FAX1");
    assert_string_equal(ha.cell->name, "HAX1");
    assert_string_equal(fa.cell->output[fa.carry].name, "YC");
    assert_float_equal(fa.cell->area_um2, 120, 0);
    assert_float_equal(fa.cell->leakage_nw, 0.230647, 1e-12);
    const struct lib_arc *arc = &fa.cell->output[fa.carry].arc[0];
    assert_float_equal(lib_table_at(&arc->rise_delay, 0.06, 0.005), 0.110961, 1e-12);
    assert_float_equal(lib_table_at(&arc->rise_delay, 1.2, 0.005), 0.190781, 1e-12);
    assert_float_equal(lib_table_at(&arc->rise_delay, 0.06, 0.15), 0.372364, 1e-12);
    assert_float_equal(lib_table_at(&arc->fall_slew, 1.2, 0.15), 0.303, 1e-12);
    assert_string_equal(liberty_by_function(l, 1, 1)->name, "INVX1");
    assert_string_equal(liberty_by_function(l, 2, 7)->name, "NAND2X1");
    liberty_free(l);
}

static void silent(void *user, enum axm_status st, const char *line)
{
    (void)user, (void)st, (void)line;
}

/* Refused with AXM_USAGE and a message that contains `says`. */
static void refused(const char *text, size_t len, const char *says)
{
    struct liberty *l = NULL;
    axm_set_message_handler(silent, NULL);
    enum axm_status st = liberty_parse(text, len, "small.lib", &l);
    axm_set_message_handler(NULL, NULL);
    CHECK(st == AXM_USAGE && !l, "\"%.60s\" was accepted", text);
    CHECK(strstr(axm_last_message(), says), "message: %s", axm_last_message());
}

/* small[] with the first `from` replaced by `to`. */
static void refused_with(const char *from, const char *to, const char *says)
{
    char text[sizeof small + 64];
    const char *at = strstr(small, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - small), small, to, at + strlen(from));
    refused(text, strlen(text), says);
}

TEST(test_liberty__truncated_bad)
{
    for (size_t len = 0; len < sizeof small - 3; len++)
        refused(small, len, "small.lib");
}

TEST(test_liberty__malformed_bad)
{
    refused_with("time_unit : \"10ps\";", "", "time_unit");
    refused_with("\"10ps\"", "\"10 parsec\"", "parsec");
    refused_with("capacitive_load_unit(1, ff)", "capacitive_load_unit(1, mm)", "pf or ff");
    refused_with("nom_voltage : 1.2", "nom_voltage : 0", "nom_voltage");
    refused_with("\"2, 4, 8\"", "\"2, 4\"", "small.lib:17: fewer numbers");
    refused_with("\"2, 4, 8\"", "\"2, 4, 8, 9\"", "more numbers");
    refused_with("index_1(\"1, 3\")", "index_1(\"3, 1\")", "ascend");
    refused_with("!((A B) + C)", "!((A B) + Q)", "no function of the cell's inputs");
    refused_with("cell_rise(t)", "cell_rise(unheard_of)", "unknown template");
    refused_with("area : 7.5", "area : wide", "expected a number");
    refused_with("area : 7.5", "area : -7.5", "small.lib:7: must not be negative");
    refused_with("area : 7.5", "area : 1e41", "expected a number");
    refused_with("pin(B)", "pin(A)", "small.lib:13: two pins of one name");
    refused_with("time_unit : \"10ps\"", "time_unit : \"1e99ps\"", "not understood");
}
