/* Arrays through synthesis: hierarchical netlists by hand, and one small array against what its RTL says. */
#include "tests/sim_fixture.h"

#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "synth/array_synth.h"
#include "synth/characterise.h"
#include "synth/design.h"
#include "synth/place.h"
#include "tests/command.h"

#define LIBRARY "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"

static const struct mapped_opts conditions = { .input_slew_ns = 0.1, .output_load_pf = 0.02 };

static struct liberty *need(void)
{
    struct liberty *l;
    if (!proc_have("yosys") || !proc_have("sta"))
        SKIP("no yosys or no sta");
    if (access(LIBRARY, R_OK))
        SKIP("no %s", LIBRARY);
    assert_int_equal(liberty_read(LIBRARY, &l), AXM_OK);
    return l;
}

/* --- netlists ------------------------------------------------------------------------- */

/* Two inner modules in a row: the first inverts, the second is a wire (a port to port connection); a
 * memory of 4 x 3 bits; o is the constant 1 as inner module "tie" says. */
static const char outer_json[] =
    "{\"modules\": {"
    "\"top\": {\"ports\": {\"clk_i\": {\"direction\": \"input\", \"bits\": [2]},"
    "  \"a\": {\"direction\": \"input\", \"bits\": [3, 4]},"
    "  \"y\": {\"direction\": \"output\", \"bits\": [5, 6, 7]}},"
    " \"cells\": {"
    "  \"first\": {\"type\": \"$paramod$77aa\\\\inv\","
    "   \"port_directions\": {\"i\": \"input\", \"o\": \"output\"},"
    "   \"connections\": {\"i\": [3], \"o\": [8]}},"
    "  \"second\": {\"type\": \"$paramod\\\\wire\\\\W=1\","
    "   \"port_directions\": {\"i\": \"input\", \"o\": \"output\"},"
    "   \"connections\": {\"i\": [8], \"o\": [5]}},"
    "  \"third\": {\"type\": \"tie\", \"port_directions\": {\"o\": \"output\"},"
    "   \"connections\": {\"o\": [6]}},"
    "  \"mem\": {\"type\": \"$mem_v2\", \"parameters\": {\"SIZE\": \"00100\", \"WIDTH\": \"011\"},"
    "   \"port_directions\": {\"RD_DATA\": \"output\"}, \"connections\": {\"RD_DATA\": [9, 10, 11]}},"
    "  \"u\": {\"type\": \"AND2X1\","
    "   \"port_directions\": {\"A\": \"input\", \"B\": \"input\", \"Y\": \"output\"},"
    "   \"connections\": {\"A\": [6], \"B\": [\"x\"], \"Y\": [7]}}}},"
    "\"$paramod\\\\wire\\\\W=1\": {\"ports\": {\"i\": {\"direction\": \"input\", \"bits\": [2]},"
    "  \"o\": {\"direction\": \"output\", \"bits\": [2]}}, \"cells\": {}},"
    "\"tie\": {\"ports\": {\"o\": {\"direction\": \"output\", \"bits\": [\"1\"]}}, \"cells\": {}},"
    "\"$paramod$77aa\\\\inv\": {\"attributes\": {\"blackbox\": \"1\"}, \"ports\": {}, \"cells\": {}}}}";
static const char inner_json[] =
    "{\"modules\": {\"$paramod$77aa\\\\inv\": {\"ports\": {\"i\": {\"direction\": \"input\", \"bits\": [5]},"
    " \"o\": {\"direction\": \"output\", \"bits\": [2]}}, \"cells\": {"
    "  \"g\": {\"type\": \"INVX1\", \"port_directions\": {\"A\": \"input\", \"Y\": \"output\"},"
    "   \"connections\": {\"A\": [5], \"Y\": [2]}}}}}}";

TEST(test_array_synth__modules_are_joined_and_flattened)
{
    const char *const text[] = { outer_json, inner_json };
    struct design *d;
    struct flat f;
    struct strbuf path = { 0 }, verilog = { 0 };
    assert_int_equal(design_read(text, 2, "top", &d), AXM_OK);
    assert_int_equal(d->n_modules, 4);
    assert_int_equal(flat_make(d, &f), AXM_OK);
    assert_int_equal(f.n_instances, 4);       /* the top and three */
    assert_int_equal(f.n_cells, 2);
    assert_int_equal(f.memory_bits, 12);
    assert_string_equal(f.instance[1].module->name, "inv");
    assert_string_equal(f.instance[2].module->name, "wire");
    flat_path(&f, 1, &path);
    assert_string_equal(path.s, "first");
    const struct flat_pin *inv = f.pin + f.cell[0].first_pin, *and = f.pin + f.cell[1].first_pin;
    assert_int_equal(inv[0].net, f.port[1].bit[0]);     /* a[0] through the inverter and the wire to y[0] */
    assert_int_equal(inv[1].net, f.port[2].bit[0]);
    assert_int_equal(f.port[2].bit[1], 1);              /* a constant out of its module, into the AND */
    assert_int_equal(and[0].net, 1);
    assert_int_equal(and[1].net, 0);
    assert_int_equal(and[2].net, f.port[2].bit[2]);
    flat_write_verilog(&f, "t", "inv", &verilog);
    CHECK(strstr(verilog.s, "INVX1 p0 (") && strstr(verilog.s, "AND2X1 c1 (.A(1'b1), .B(1'b0), "), "%s",
          verilog.s);
    strbuf_release(&verilog);
    strbuf_release(&path);
    flat_release(&f);
    design_free(d);
}

/* n inverters of input a, and as many of clk_i. */
static void fan_out(int n, struct strbuf *json)
{
    strbuf_adds(json, "{\"modules\": {\"top\": {\"ports\": {"
                      "\"clk_i\": {\"direction\": \"input\", \"bits\": [2]},"
                      "\"a\": {\"direction\": \"input\", \"bits\": [3]}}, \"cells\": {");
    for (int i = 0; i < 2 * n; i++)
        strbuf_addf(json, "%s\"i%d\": {\"type\": \"INVX1\", \"port_directions\": {\"A\": \"input\", "
                          "\"Y\": \"output\"}, \"connections\": {\"A\": [%d], \"Y\": [%d]}}",
                    i ? ", " : "", i, 2 + i % 2, 4 + i);
    strbuf_adds(json, "}}}}");
}

/* 100 pins by 4 at most: 25 buffers, 7 before those, 2 before those. */
TEST(test_array_synth__buffer_trees_by_hand)
{
    static const struct lib_cell buffer = { .name = "BUFX2", .n_in = 1, .n_out = 1,
                                            .input = { { .name = "A" } }, .output = { { .name = "Y" } } };
    static const struct { int pins, max, buffers; } cases[] = {
        { 4, 4, 0 }, { 5, 4, 2 }, { 16, 4, 4 }, { 17, 4, 5 + 2 }, { 100, 4, 25 + 7 + 2 }, { 3, 2, 2 },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct strbuf json = { 0 };
        struct design *d;
        struct flat f;
        int buffers, most = 0, clocked = 0, depth[3] = { 0 };
        fan_out(cases[k].pins, &json);
        assert_int_equal(design_read((const char *const[]){ json.s }, 1, "top", &d), AXM_OK);
        assert_int_equal(flat_make(d, &f), AXM_OK);
        assert_int_equal(flat_buffer(&f, &buffer, cases[k].max, &buffers), AXM_OK);
        CHECK(buffers == cases[k].buffers, "%d pins: %d buffers", cases[k].pins, buffers);
        for (uint32_t net = 2; net < f.n_nets; net++) {
            int n = 0;
            for (int i = 0; i < f.n_pins; i++)
                n += !f.pin[i].is_output && f.pin[i].net == net;
            if (net == f.port[0].bit[0])
                clocked = n;
            else
                most = n > most ? n : most;
        }
        CHECK(most <= cases[k].max && clocked == cases[k].pins, "%d pins: %d on a net, %d on the clock",
              cases[k].pins, most, clocked);
        /* every inverter of a is behind a chain of buffers that begins at a */
        for (int c = 1; c < 2 * cases[k].pins; c += 2) {
            uint32_t net = f.pin[f.cell[c].first_pin].net;
            int steps = 0;
            for (int b = 2 * cases[k].pins; b < f.n_cells && net != f.port[1].bit[0]; b++)
                if (f.pin[f.cell[b].first_pin].net == net) {
                    net = f.pin[f.cell[b].first_pin + 1].net;
                    b = 2 * cases[k].pins - 1;
                    steps++;
                }
            CHECK(net == f.port[1].bit[0], "cell %d of %d is cut off", c, cases[k].pins);
            depth[steps > 0]++;
        }
        assert_int_equal(depth[cases[k].buffers > 0], cases[k].pins);
        flat_release(&f);
        design_free(d);
        strbuf_release(&json);
    }
}

/* --- an array ------------------------------------------------------------------------- */

static struct array_config small(const char *spec, enum array_dataflow dataflow, int rows, int cols)
{
    struct axm_spec s = spec_of(spec);
    struct array_config c = array_defaults(&s);
    c.dataflow = dataflow;
    c.rows = rows;
    c.cols = cols;
    c.lanes = 1;
    c.acc_bits = 12;
    c.acc_depth = 4;
    return c;
}

static const struct array_part *part_of(const struct array_result *r, const char *module)
{
    for (int i = 0; i < r->n_parts; i++)
        if (!strcmp(r->part[i].module, module))
            return &r->part[i];
    return NULL;
}

static double alone(const char *spec, const struct liberty *lib)
{
    struct axm_spec s = spec_of(spec);
    struct synth_opts o = { .mode = SYNTH_ADDERS, .lib = lib, .mapped = conditions };
    struct mul_circuit c;
    struct synth_result r;
    assert_int_equal(mul_circuit_of_spec(&s, &c), AXM_OK);
    assert_int_equal(synth_run(c.text.s, c.top, &o, &r), AXM_OK);
    double area = r.mapped->area_um2;
    synth_release(&r);
    mul_circuit_release(&c);
    return area;
}

/* Flip-flops of a cell, from the registers in rtl/pe_ws.v and rtl/pe_os.v: 4-bit operands, 12-bit sums, which
 * four-bit products of two rows cannot leave. */
enum {
    WS_FLIP_FLOPS = 4 + 4 + 4 + 12,                     /* shadow_q, weight_q, x_o, psum_o */
    OS_FLIP_FLOPS = 3 + 4 + 4 + 12 + 1 + 12 + 1,        /* valid, first, last; x_o, w_o, acc_q, over_q,
                                                         * out_o, over_o */
};

static void check_array(const struct array_config *c, const struct liberty *lib, struct array_shell *shell,
                        struct array_result *r)
{
    char mult[AXM_SPEC_MAX];
    struct array_synth_opts o = { .target = ARRAY_LIBERTY, .lib = lib, .mapped = conditions,
                                  .max_fanout = 16 };
    struct array_part sum = { 0 }, pes = { 0 };
    int n = c->rows * c->cols;
    axm_spec_print_circuit(&c->mult, mult);
    CHECK(array_synth(c, &o, shell, r) == AXM_OK, "%s", axm_last_message());
    for (int i = 0; i < r->n_parts; i++) {
        struct array_part *to = r->part[i].in_pe ? &pes : &sum;
        to->area_um2 += r->part[i].area_um2;
        to->cells += r->part[i].cells;
        to->flip_flops += r->part[i].flip_flops;
        CHECK(!r->part[i].in_pe || r->part[i].instances == n, "%s: %d", r->part[i].module,
              r->part[i].instances);
    }
    /* the library's areas are whole numbers, so sums are exact */
    CHECK(pes.area_um2 + sum.area_um2 == r->total.area_um2, "%g", r->total.area_um2);
    CHECK(pes.cells + sum.cells == r->total.cells, "%lld", (long long)r->total.cells);
    CHECK(pes.flip_flops + sum.flip_flops == r->total.flip_flops, "%lld", (long long)r->total.flip_flops);
    CHECK(pes.area_um2 == n * r->pe.area_um2 && pes.cells == n * r->pe.cells, "%g of %g", pes.area_um2,
          r->pe.area_um2);
    CHECK(r->pe.flip_flops == (c->dataflow == ARRAY_WS ? WS_FLIP_FLOPS : OS_FLIP_FLOPS), "%lld",
          (long long)r->pe.flip_flops);
    CHECK(part_of(r, mult)->area_um2 == n * alone(mult, lib), "%s: %g", mult, part_of(r, mult)->area_um2);
    CHECK(r->memory_bits == (c->dataflow == ARRAY_WS ? c->acc_depth * c->cols * c->acc_bits : 0), "%lld",
          (long long)r->memory_bits);
    /* the whole array has the cells' paths in it; in the array a cell has other loads and fan-out trees */
    CHECK(r->pe_path.period_ns > 0 && r->pe_path.period_ns <= 1.1 * r->in_array.period_ns &&
          r->in_array.period_ns <= r->whole.period_ns, "%g, %g, %g", r->pe_path.period_ns,
          r->in_array.period_ns, r->whole.period_ns);
    CHECK(strstr(r->in_array.to.s, "u_pe"), "%s", r->in_array.to.s);
}

TEST(test_array_synth__parts_sum_and_cells_repeat)
{
    struct liberty *lib = need();
    struct array_shell shell = { 0 };
    struct array_result r;
    struct array_config c = small("exact4s", ARRAY_WS, 2, 1);
    check_array(&c, lib, &shell, &r);
    CHECK(r.mult.area_um2 == part_of(&r, "exact4s")->area_um2 / 2, "%g", r.mult.area_um2);
    array_result_release(&r);
    array_shell_release(&shell);
    liberty_free(lib);
}

/* Twice the rows: as many more cells, each as it was.  Two multipliers in one shell, whose parts
 * must not change. */
static void check_twice(enum array_dataflow dataflow)
{
    if (!getenv("AXM_FULL"))
        SKIP("AXM_FULL not set");
    struct liberty *lib = need();
    struct array_shell shell = { 0 };
    struct array_result once, other, twice;
    struct array_config c = small("exact4s", dataflow, 2, 1), d = small("scdm4s_x3", dataflow, 2, 1);
    struct array_config e = small("exact4s", dataflow, 4, 1);
    check_array(&c, lib, &shell, &once);
    const char *text = shell.json.s;
    check_array(&d, lib, &shell, &other);
    assert_ptr_equal(shell.json.s, text);
    assert_true(part_of(&once, "requantize")->area_um2 == part_of(&other, "requantize")->area_um2);
    check_array(&e, lib, &shell, &twice);
    assert_ptr_not_equal(shell.json.s, text);
    assert_true(twice.pe.area_um2 == once.pe.area_um2);
    for (int i = 0; i < once.n_parts; i++)
        if (once.part[i].in_pe)
            CHECK(part_of(&twice, once.part[i].module)->area_um2 == 2 * once.part[i].area_um2, "%s",
                  once.part[i].module);
    array_result_release(&once);
    array_result_release(&other);
    array_result_release(&twice);
    array_shell_release(&shell);
    liberty_free(lib);
}

TEST(test_array_synth__twice_the_rows_ws)
{
    check_twice(ARRAY_WS);
}

TEST(test_array_synth__twice_the_rows_os)
{
    check_twice(ARRAY_OS);
}

/* --- FPGA ----------------------------------------------------------------------------- */

/* 4-bit operands: the registers are the same as in library cells.  With DSP blocks a cell's
 * product is in one. */
TEST(test_array_synth__fpga_parts_sum)
{
    struct array_shell shell = { 0 };
    struct array_config c = small("exact4s", ARRAY_OS, 2, 1), wide = small("exact8s", ARRAY_WS, 2, 1);
    wide.acc_bits = 24;
    if (!proc_have("yosys"))
        SKIP("no yosys");
    if (!getenv("AXM_FULL"))
        SKIP("AXM_FULL not set");
    for (int target = ARRAY_ICE40; target <= ARRAY_XILINX; target++) {
        struct array_synth_opts o = { .target = (enum array_target)target };
        struct array_result r;
        int64_t luts = 0, flip_flops = 0;
        CHECK(array_synth(&c, &o, &shell, &r) == AXM_OK, "%s", axm_last_message());
        for (int i = 0; i < r.n_parts; i++) {
            luts += r.part[i].luts;
            flip_flops += r.part[i].flip_flops;
        }
        assert_true(luts == r.total.luts && flip_flops == r.total.flip_flops);
        assert_true(part_of(&r, "pe_os")->luts == 2 * r.pe.luts && r.pe.luts > 0);
        assert_int_equal(r.pe.flip_flops, OS_FLIP_FLOPS);
        assert_int_equal(r.total.dsps, 0);
        array_result_release(&r);
    }
    struct array_synth_opts o = { .target = ARRAY_XILINX, .dsp = true };
    struct array_result r;
    CHECK(array_synth(&wide, &o, &shell, &r) == AXM_OK, "%s", axm_last_message());
    assert_int_equal(r.mult.dsps, 1);
    assert_int_equal(r.pe.dsps, 1);
    assert_int_equal(r.mult.luts, 0);
    array_result_release(&r);
    array_shell_release(&shell);
}

/* A four-bit counter with enable: 4 flip-flops and its carry chain; around it 2 + 5 registers. */
TEST(test_array_synth__a_counter_is_placed)
{
    static const char verilog[] = "module counter #(parameter W = 4) (input clk_i, input rst_ni, input en_i, "
                                  "output reg [W-1:0] q_o);\n"
                                  "  always @(posedge clk_i or negedge rst_ni)\n"
                                  "    if (!rst_ni) q_o <= 0; else if (en_i) q_o <= q_o + 1'b1;\nendmodule\n";
    static const char script[] = "read_verilog t.v\nchparam -set W 4 counter\nsynth_ice40 -top counter\n"
                                 "write_json t.json\n";
    struct strbuf dir = { 0 }, path = { 0 }, json = { 0 };
    struct placed once, again;
    if (!proc_have("yosys") || !proc_have("nextpnr-ice40"))
        SKIP("no yosys or no nextpnr-ice40");
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    strbuf_addf(&path, "%s/t.v", dir.s);
    assert_int_equal(file_write(path.s, verilog, strlen(verilog)), AXM_OK);
    strbuf_reset(&path);
    strbuf_addf(&path, "%s/run.ys", dir.s);
    assert_int_equal(file_write(path.s, script, strlen(script)), AXM_OK);
    const char *const argv[] = { "yosys", "-q", "-s", "run.ys", NULL };
    assert_int_equal(proc_run(argv, &(struct proc_opts){ .dir = dir.s }), AXM_OK);
    strbuf_reset(&path);
    strbuf_addf(&path, "%s/t.json", dir.s);
    assert_int_equal(file_read(path.s, 1 << 28, &json), AXM_OK);
    const char *const text[] = { json.s };
    CHECK(ice40_place(text, 1, "counter", 1, &once) == AXM_OK, "%s", axm_last_message());
    CHECK(ice40_place(text, 1, "counter", 1, &again) == AXM_OK, "%s", axm_last_message());
    CHECK(once.max_mhz > 100 && once.max_mhz < 1000, "%g MHz", once.max_mhz);
    CHECK(once.logic_cells >= 4 + 2 + 5 && once.logic_cells <= 4 + 2 + 5 + 8, "%d", once.logic_cells);
    assert_true(once.max_mhz == again.max_mhz && once.logic_cells == again.logic_cells);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&path);
    strbuf_release(&json);
}

/* --- failures ------------------------------------------------------------------------- */

TEST(test_array_synth__usage_bad)
{
    static const struct { const char *arguments, *says; } cases[] = {
        { "synth array", "usage: axmul synth array --mult SPEC[,SPEC...]" },
        { "synth array exact8s", "takes no operands, got \"exact8s\"" },
        { "synth array --mult exact8s,drum8u_k9", "k must be 2..8, got 9" },
        { "synth array --mult lut:t.npy", "arrays are made around our own multipliers" },
        { "synth array --mult exact8s --mode flat", "--mode is not for arrays" },
        { "synth array --mult exact8s --rows 0", "rows must be an integer 1..256, got \"0\"" },
        { "synth array --mult exact8s --lanes 3", "lanes must divide the 8 columns, got 3" },
        { "synth array --mult exact8s --max-fanout 1", "--max-fanout must be 0 or 2..1000, got 1" },
        { "synth array --mult exact8s --dataflow os --acc-depth 8", "acc-depth is for --dataflow ws" },
        { "synth array --mult exact8s --fpga ice41", "--fpga must be ice40 or xilinx" },
        { "synth array --mult exact8s --fpga ice40 --liberty osu018", "--liberty has no meaning with" },
        { "synth array --mult exact8s --fpga ice40 --dsp", "--dsp is for --fpga xilinx" },
        { "synth array --mult exact8s --fpga xilinx --place", "--place is for --fpga ice40" },
        { "synth array --mult exact8s --place", "--place is for --fpga ice40" },
        { "synth array --mult exact8s --vectors 100", "--vectors is for --power" },
        { "synth array --mult exact8s --power --modules", "neither --modules nor --path" },
        { "synth array --mult exact8s --power --fpga ice40", "--power has no meaning with --fpga" },
        { "synth array --mult exact8s --power --gauss 2 --trace x", "--gauss and --trace exclude each" },
        { "synth exact8s --power", "--power is for \"synth array\"" },
        { "synth exact8s --rows 2", "--rows is for \"synth array\"" },
        { "synth exact8s --modules", "--modules is for \"synth array\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(refuses(cases[i].arguments, 2, cases[i].says), "case %zu", i);
}

static int without_yosys(void *arg)
{
    setenv("PATH", arg, 1);
    return !refuses("synth array --mult exact4s", 3,
                    "yosys: not found in PATH; install the Debian package yosys");
}

/* PATH with yosys alone. */
static int without_nextpnr(void *arg)
{
    setenv("PATH", arg, 1);
    return !refuses("synth array --mult exact4s --fpga ice40 --place", 3,
                    "nextpnr-ice40: not found in PATH; install the Debian package nextpnr-ice40");
}

static int without_sta(void *arg)
{
    setenv("PATH", arg, 1);
    return !refuses("synth array --mult exact4s", 3,
                    "sta: not found in PATH; install the Debian package opensta");
}

TEST(test_array_synth__missing_tools_bad)
{
    struct liberty *lib = need();
    struct strbuf dir = { 0 };
    char yosys[300];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    int none = in_child(without_yosys, dir.s);
    snprintf(yosys, sizeof yosys, "%s/yosys", dir.s);
    assert_int_equal(symlink("/bin/true", yosys), 0);
    int no_sta = in_child(without_sta, dir.s), no_nextpnr = in_child(without_nextpnr, dir.s);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    liberty_free(lib);
    assert_int_equal(none, 0);
    assert_int_equal(no_sta, 0);
    assert_int_equal(no_nextpnr, 0);
}
