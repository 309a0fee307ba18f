/* Power of a cell with its flip-flops: one flip-flop against arithmetic with the library's printed tables and
 * OpenSTA, whole cells against the RTL's registers in Icarus. */
#include "tests/sim_fixture.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "synth/array_synth.h"
#include "tests/command.h"

#define LIBRARY "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"
#define SLEW "0.06"          /* a point of the library's tables */

static const struct mapped_opts conditions = { .input_slew_ns = 0.06, .output_load_pf = 0.02 };

static struct liberty *need_library(void)
{
    struct liberty *l;
    if (access(LIBRARY, R_OK))
        SKIP("no %s", LIBRARY);
    CHECK(liberty_read(LIBRARY, &l) == AXM_OK, "%s", axm_last_message());
    return l;
}

/* A file of operand pairs. */
static void write_pairs(const struct strbuf *dir, const int16_t (*pair)[2], size_t n, struct strbuf *path)
{
    strbuf_addf(path, "%s/pairs.i16", dir->s);
    assert_int_equal(file_write(path->s, pair, n * sizeof *pair), AXM_OK);
}

/* --- one flip-flop ------------------------------------------------------------------------ */

/* From x_i to x_o, so that its output drives another one's input; psum_o is not what a cell's would be. */
static const char flip_flop_json[] =
    "{\"modules\": {\"pe_ws\": {\"ports\": {"
    "\"clk_i\": {\"direction\": \"input\", \"bits\": [2]},"
    "\"x_i\": {\"direction\": \"input\", \"bits\": [3]},"
    "%s\"x_o\": {\"direction\": \"output\", \"bits\": [4]}},"
    " \"cells\": {\"r\": {\"type\": \"DFFPOSX1\","
    "   \"port_directions\": {\"CLK\": \"input\", \"D\": \"input\", \"Q\": \"output\"},"
    "   \"connections\": {\"CLK\": [2], \"D\": [3], \"Q\": [4]}}}}}}";

static enum axm_status flip_flop(const char *more_ports, const struct liberty *lib, const char *trace,
                                 struct cell_power *p)
{
    struct axm_spec s = spec_of("exact4s");
    struct array_config c = array_defaults(&s);
    struct stimulus_opts stimulus = { .kind = STIMULUS_TRACE, .trace = trace };
    struct strbuf json = { 0 };
    struct design *d;
    struct flat f;
    c.rows = 1;
    strbuf_addf(&json, flip_flop_json, more_ports);
    CHECK(design_read((const char *const[]){ json.s }, 1, "pe_ws", &d) == AXM_OK, "%s", axm_last_message());
    assert_int_equal(flat_make(d, &f), AXM_OK);
    enum axm_status st = cell_power(&f, &c, lib, &conditions, &stimulus, DELAY_UNIT, p, NULL);
    flat_release(&f);
    design_free(d);
    strbuf_release(&json);
    return st;
}

/* Power of the flip-flop's group by OpenSTA, in W at a period of 10 ns, when each net toggles
 * `activity` times a cycle. */
static double sta_internal(const struct strbuf *dir, double load_pf, const char *activity)
{
    struct strbuf path = { 0 }, script = { 0 }, report = { 0 };
    const char verilog[] = "module t (clk_i, x_i, x_o);\ninput clk_i, x_i;\noutput x_o;\n"
                           "DFFPOSX1 r (.D(x_i), .CLK(clk_i), .Q(x_o));\nendmodule\n";
    const char *const argv[] = { "sta", "-exit", "-no_splash", "run.tcl", NULL };
    double watts = NAN;
    strbuf_addf(&path, "%s/t.v", dir->s);
    assert_int_equal(file_write(path.s, verilog, strlen(verilog)), AXM_OK);
    strbuf_addf(&script, "read_liberty " LIBRARY "\nread_verilog t.v\nlink_design t\n"
                "create_clock -name clk -period 10 [get_ports clk_i]\n"
                "set_input_delay 0 -clock clk [get_ports x_i]\nset_output_delay 0 -clock clk [all_outputs]\n"
                "set_input_transition " SLEW " [all_inputs]\nset_load %.9f [all_outputs]\n"
                "set_power_activity -global -activity %s -duty 0.5\nreport_power -digits 7\n", load_pf,
                activity);
    strbuf_reset(&path);
    strbuf_addf(&path, "%s/run.tcl", dir->s);
    assert_int_equal(file_write(path.s, script.s, script.len), AXM_OK);
    assert_int_equal(proc_run(argv, &(struct proc_opts){ .dir = dir->s, .out = &report }), AXM_OK);
    const char *line = strstr(report.s, "\nSequential");
    bool found = line && sscanf(line, " Sequential %lf", &watts) == 1;
    CHECK(found, "%s", report.s);
    strbuf_release(&path);
    strbuf_release(&script);
    strbuf_release(&report);
    return watts;
}

/* Numbers as the library prints them for DFFPOSX1, 1.8 V. */
TEST(test_cell_power__a_flip_flop_by_hand_and_by_opensta)
{
    enum { N = 101 };            /* x_i toggles in each of 100 steps, x_o in all but the first */
    const double clock_pin = 0.0279235, data_pin = 0.00882947, v2 = 1.8 * 1.8;
    const double clock_pj = 0.006865 + 0.11034, data_pj = (0.045424 + 0.08841) / 2;
    const double at = (data_pin - 0.005) / (0.0125 - 0.005);          /* load between two columns */
    const double q_pj = (0.040752 + at * (0.041217 - 0.040752) + 0.064773 + at * (0.063395 - 0.064773)) / 2;
    struct liberty *lib = need_library();
    struct strbuf dir = { 0 }, trace = { 0 };
    struct cell_power p;
    int16_t pair[N][2];
    for (int i = 0; i < N; i++) {
        pair[i][0] = (int16_t)(i & 1);
        pair[i][1] = 0;
    }
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    write_pairs(&dir, pair, N, &trace);
    CHECK(flip_flop("", lib, trace.s, &p) == AXM_OK, "%s", axm_last_message());
    assert_int_equal(p.registers, 1);
    assert_int_equal(p.cycles, N - 1);
    assert_int_equal(p.register_toggles, N - 2);
    assert_float_equal(p.clock_pj, v2 * clock_pin + clock_pj, 1e-9);
    assert_float_equal(p.register_pj, data_pj + .99 * (q_pj + v2 * data_pin / 2), 1e-9);
    assert_float_equal(p.logic_pj, 0, 0);
    assert_float_equal(p.energy_pj, p.clock_pj + p.register_pj, 1e-12);
    assert_float_equal(p.leakage_nw, 0.160725, 1e-9);
    if (proc_have("sta")) {
        /* its version 2.0.17 takes rise and fall for every edge of clock and output, for the data pin half */
        double still = sta_internal(&dir, data_pin, "0.0") * 10e3;
        double busy = sta_internal(&dir, data_pin, "1.0") * 10e3;
        CHECK(fabs(still - 2 * (p.clock_pj - v2 * clock_pin)) < 1e-5, "%g pJ", still);
        CHECK(fabs(busy - still - data_pj - 2 * q_pj) < 1e-5, "%g pJ", busy - still);
    }
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&trace);
    liberty_free(lib);
}

/* A sum that is none: its bit 0 is always 0, the products' is not. */
TEST(test_cell_power__a_cell_that_computes_something_else_bad)
{
    struct liberty *lib = need_library();
    struct strbuf dir = { 0 }, trace = { 0 };
    struct cell_power p;
    const int16_t pair[][2] = { { 2, 3 }, { 4, 3 }, { 5, 3 }, { 1, 3 } };
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    write_pairs(&dir, pair, 4, &trace);
    const char *const zero = "\"psum_o\": {\"direction\": \"output\", \"bits\": [\"0\"]},";
    assert_int_equal(flip_flop(zero, lib, trace.s, &p), AXM_MISMATCH);
    CHECK(strstr(axm_last_message(), "cycle 1: the mapped cell gives the sum 0, its model 6"), "%s",
          axm_last_message());
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&trace);
    liberty_free(lib);
}

/* --- cells -------------------------------------------------------------------------------- */

/* The registers of rtl/pe_ws.v and rtl/pe_os.v, and their inputs in order, x, w and sums as wide as here. */
static const char *const registers[] = {
    [ARRAY_WS] = "{dut.shadow_q, dut.weight_q, dut.x_o, dut.psum_o}",
    [ARRAY_OS] = "{dut.valid_o, dut.first_o, dut.last_o, dut.x_o, dut.w_o, dut.acc_q, dut.over_q, dut.out_o, "
                 "dut.over_o}",
};
static const char *const inputs[] = {
    [ARRAY_WS] = "en_i:1 w_we_i:1 w_i:4 mode_i:8 order_i:1 next_i:1 x_i:4 psum_i:12 over_i:1",
    [ARRAY_OS] = "en_i:1 mode_i:8 order_i:1 valid_i:1 first_i:1 last_i:1 x_i:4 w_i:4 shift_i:1 out_i:12 "
                 "over_i:1",
};

/* Bits of the RTL's registers that toggle in Icarus, the log's inputs applied. */
static uint64_t rtl_toggles(const struct array_config *c, const struct strbuf *log)
{
    struct strbuf dir = { 0 }, path = { 0 }, v = { 0 }, ports = { 0 }, all = { 0 }, out = { 0 };
    const char *const compile[] = { "iverilog", "-g2005", "-s", "tb", "-o", "t.vvp", "t.v", NULL };
    const char *const simulate[] = { "vvp", "-n", "t.vvp", NULL };
    unsigned long long toggles = 0;
    char text[256], *rest = text;
    snprintf(text, sizeof text, "%s", inputs[c->dataflow]);
    array_write_modules(c, &v);
    assert_int_equal(array_write_unit(c, &v), AXM_OK);
    strbuf_adds(&v, "module tb;\nreg clk = 0;\n");
    for (char *word; (word = strtok_r(rest, " ", &rest));) {
        int width = atoi(strchr(word, ':') + 1);
        strbuf_addf(&v, "reg [%d:0] %.*s;\n", width - 1, (int)strcspn(word, ":"), word);
        strbuf_addf(&all, "%s%.*s", all.len ? ", " : "", (int)strcspn(word, ":"), word);
        strbuf_addf(&ports, ", .%.*s(%.*s)", (int)strcspn(word, ":"), word, (int)strcspn(word, ":"), word);
    }
    strbuf_addf(&v, "pe_%s #(.XW(4), .WW(4), .AccW(12), .ModeW(8), .Signed(1)) dut (.clk_i(clk)%s);\n"
                "integer file, line, bits, n, i;\nreg [99:0] now, before, changed;\n"
                "initial begin\n  n = 0; file = $fopen(\"log\", \"r\");\n"
                "  for (line = 0; $fscanf(file, \"%%b\\n\", now) == 1; line = line + 1) begin\n"
                "    {%s} = now; #1 now = %s; changed = now ^ before;\n"
                "    for (i = 0; i < 100 && line > 3; i = i + 1) if (changed[i] !== 0) n = n + 1;\n"
                "    before = now; #1 clk = 1; #1 clk = 0;\n  end\n"
                "  $display(\"toggles %%0d\", n);\nend\nendmodule\n",
                c->dataflow == ARRAY_WS ? "ws" : "os", ports.s, all.s, registers[c->dataflow]);
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    strbuf_addf(&path, "%s/t.v", dir.s);
    assert_int_equal(file_write(path.s, v.s, v.len), AXM_OK);
    strbuf_reset(&path);
    strbuf_addf(&path, "%s/log", dir.s);
    assert_int_equal(file_write(path.s, log->s, log->len), AXM_OK);
    struct proc_opts o = { .dir = dir.s, .out = &out, .err = &out };
    CHECK(proc_run(compile, &o) == AXM_OK && proc_run(simulate, &o) == AXM_OK, "%s", out.s);
    const char *said = strstr(out.s, "toggles ");
    bool found = said && sscanf(said, "toggles %llu", &toggles) == 1;
    CHECK(found, "%s", out.s);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&path);
    strbuf_release(&v);
    strbuf_release(&ports);
    strbuf_release(&all);
    strbuf_release(&out);
    return toggles;
}

static void check_cell(const char *spec, enum array_dataflow dataflow, const struct stimulus_opts *stimulus)
{
    struct liberty *lib = need_library();
    struct axm_spec s = spec_of(spec);
    struct array_config c = array_defaults(&s);
    struct array_synth_opts o = { .target = ARRAY_LIBERTY, .lib = lib, .mapped = conditions,
                                  .max_fanout = 16 };
    struct strbuf log = { 0 };
    struct cell_power p;
    if (!proc_have("yosys") || !proc_have("iverilog"))
        SKIP("no yosys or no iverilog");
    c.dataflow = dataflow;
    c.rows = 4;
    c.acc_bits = 12;
    c.acc_depth = 4;
    /* cell_power() holds the sums against the model */
    CHECK(array_cell_power(&c, &o, stimulus, &p, &log) == AXM_OK, "%s: %s", spec, axm_last_message());
    uint64_t toggles = rtl_toggles(&c, &log);
    CHECK(p.register_toggles == toggles && toggles > 1000, "%s: %llu, the RTL's are %llu", spec,
          (unsigned long long)p.register_toggles, (unsigned long long)toggles);
    assert_int_equal(p.registers, dataflow == ARRAY_WS ? 4 + 4 + 4 + 12 : 3 + 4 + 4 + 12 + 1 + 12 + 1);
    CHECK(p.logic_pj > 0 && p.register_pj > 0 && p.leakage_nw > 0, "%s", spec);
    strbuf_release(&log);
    liberty_free(lib);
}

TEST(test_cell_power__registers_toggle_as_the_rtls_in_icarus)
{
    const struct stimulus_opts uniform = { .kind = STIMULUS_UNIFORM, .vectors = 2000, .seed = 3 };
    check_cell("exact4s", ARRAY_WS, &uniform);
    check_cell("scdm4s_x3", ARRAY_OS, &uniform);
}

/* Each operand once the one that stays, in runs of 1, 2, 3 ... pairs. */
TEST(test_cell_power__weights_of_a_trace_are_loaded_in_time)
{
    enum { N = 600 };
    struct strbuf dir = { 0 }, trace = { 0 };
    int16_t pair[N][2];
    for (int weight = 0; weight < 2; weight++) {
        for (int i = 0, run = 1, left = 1; i < N; i++, left--) {
            if (!left)
                left = ++run;
            pair[i][weight] = (int16_t)((run * 5) % 16 - 8);
            pair[i][!weight] = (int16_t)((i * 7 + i / 16) % 16 - 8);
        }
        assert_int_equal(file_scratch_dir(&dir), AXM_OK);
        write_pairs(&dir, pair, N, &trace);
        const struct stimulus_opts o = { .kind = STIMULUS_TRACE, .trace = trace.s };
        check_cell("scdm4s_x2", ARRAY_WS, &o);
        file_remove_tree(dir.s);
        strbuf_release(&dir);
        strbuf_release(&trace);
    }
}

/* --- the command -------------------------------------------------------------------------- */

TEST(test_cell_power__the_command_adds_up)
{
    static const char *const columns =
        "spec,dataflow,rows,cols,liberty,pe_energy_pj,pe_energy_saving_percent,pe_logic_pj,pe_logic_ci95_pj,"
        "pe_register_pj,pe_clock_pj,pe_leakage_nw,mhz,pe_mw,cells_mw,cycles\n";
    double energy[2], saving[2], logic, ci95, registers_pj, clock, leakage, mhz, mw, all, cycles;
    liberty_free(need_library());
    if (!proc_have("yosys"))
        SKIP("no yosys");
    assert_int_equal(axmul("synth array --mult exact4s,scdm4s_x3 --rows 2 --cols 3 --acc-bits 12 --power "
                           "--vectors 1500 --mhz 200 --format csv --quiet"), 0);
    CHECK(!strncmp(io.out, columns, strlen(columns)), "%s", io.out);
    const char *line = io.out;
    for (int i = 0; i < 2; i++) {
        line = strchr(line, '\n') + 1;
        int n = sscanf(line, "%*[^,],ws,2,3,osu018_stdcells,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf",
                       &energy[i], &saving[i], &logic, &ci95, &registers_pj, &clock, &leakage, &mhz, &mw,
                       &all, &cycles);
        CHECK(n == 11, "%s", line);
        assert_float_equal(energy[i], logic + registers_pj + clock, 1e-9);
        assert_float_equal(mw, energy[i] * 1e-12 * 200e6 * 1e3 + leakage * 1e-6, 1e-9);
        assert_float_equal(all, 2 * 3 * mw, 1e-9);
        assert_true(mhz == 200 && cycles == 1499 && ci95 > 0);
    }
    assert_float_equal(saving[0], 0, 0);
    assert_float_equal(saving[1], 100 * (1 - energy[1] / energy[0]), 1e-9);
}
