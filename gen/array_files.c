/* The directory that "axmul gen array" writes. */
#include "gen/array.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/file.h"
#include "gen/build.h"

/* Everything is made in memory first: a failure leaves no half of a directory. */
enum { FILES_MAX = 40 };
struct emitted {
    char path[ARRAY_NAME_MAX + 16];
    struct strbuf text;
};
struct directory {
    const struct array_config *c;
    char name[ARRAY_NAME_MAX];        /* of the array */
    char mult[AXM_SPEC_MAX];          /* of the multiplier's circuit */
    struct emitted file[FILES_MAX];
    int n;
};

static struct strbuf *add_file(struct directory *d, const char *path)
{
    assert(d->n < FILES_MAX);
    struct emitted *e = &d->file[d->n++];
    snprintf(e->path, sizeof e->path, "%s", path);
    return &e->text;
}

/* "rtl/" and "pe_ws" and ".v" */
static struct strbuf *add_named(struct directory *d, const char *folder, const char *name, const char *ending)
{
    char path[ARRAY_NAME_MAX + 16];
    snprintf(path, sizeof path, "%s%s%s", folder, name, ending);
    return add_file(d, path);
}

/* The command that makes all of this again. */
static void add_command(const struct array_config *c, struct strbuf *out)
{
    static const char *const weight[] = { "b", "a", "runtime" };
    char spec[AXM_SPEC_MAX];
    axm_spec_print_circuit(&c->mult, spec);
    strbuf_addf(out, "axmul gen array --rows %d --cols %d --mult %s --dataflow %s --lanes %d --acc-bits %d",
                c->rows, c->cols, spec, c->dataflow == ARRAY_WS ? "ws" : "os", c->lanes, c->acc_bits);
    if (c->dataflow == ARRAY_WS)
        strbuf_addf(out, " --acc-depth %d", c->acc_depth);
    strbuf_addf(out, " --weight %s", weight[c->order]);
    if (c->pool_width)
        strbuf_addf(out, " --pool-width %d", c->pool_width);
}

/* First line of a file that has comments of this kind. */
static void add_origin(const struct directory *d, const char *open, const char *close, struct strbuf *out)
{
    strbuf_addf(out, "%s%s: made by \"", open, d->name);
    add_command(d->c, out);
    strbuf_addf(out, "\"; do not edit.%s\n", close);
}

static const char *embedded(const char *path)
{
    for (int i = 0; embedded_rtl[i].path; i++)
        if (!strcmp(embedded_rtl[i].path, path))
            return embedded_rtl[i].text;
    assert(!"a file of the test benches is not embedded");
    return "";
}

/* --- Verilog ----------------------------------------------------------------------------- */

static enum axm_status add_verilog(struct directory *d)
{
    const char *text, *module;
    for (int i = 0; (module = array_module(d->c, i, &text)); i++)
        strbuf_adds(add_named(d, "rtl/", module, ".v"), text);
    struct strbuf *mult = add_named(d, "", d->mult, ".v"), *unit = add_file(d, "mul_unit.v");
    struct strbuf *top = add_named(d, "", d->name, ".v"), *list = add_file(d, "filelist.f");
    enum axm_status st = array_write_mult(d->c, mult);
    if (st)
        return st;
    add_origin(d, "// ", "", unit);
    array_write_wrapper(d->c, unit);
    add_origin(d, "// ", "", top);
    array_write_top(d->c, d->name, NULL, top);
    for (int i = 0; (module = array_module(d->c, i, &text)); i++)
        strbuf_addf(list, "rtl/%s.v\n", module);
    strbuf_addf(list, "%s.v\nmul_unit.v\n%s.v\n", d->mult, d->name);
    return AXM_OK;
}

static void add_sdc(struct directory *d)
{
    struct array_port port[ARRAY_PORTS];
    struct strbuf *out = add_named(d, "", d->name, ".sdc");
    add_origin(d, "# ", "", out);
    strbuf_adds(out, "# Set clk_period and io_share before reading this to choose others.\n"
                     "if {![info exists clk_period]} { set clk_period 10.0 }\n"
                     "if {![info exists io_share]} { set io_share 0.3 }\n"
                     "set io_delay [expr {$clk_period * $io_share}]\n\n"
                     "create_clock -name clk -period $clk_period [get_ports clk_i]\n"
                     "# Asynchronous, active low; its release is the system's to synchronise.\n"
                     "set_false_path -from [get_ports rst_ni]\n\n");
    array_ports(d->c, port);
    for (int output = 0; output < 2; output++) {
        strbuf_addf(out, "set_%s_delay $io_delay -clock clk [get_ports {", output ? "output" : "input");
        for (int i = 2; port[i].name; i++)
            if (port[i].output == output)
                strbuf_addf(out, "\n  %s%s", port[i].name, array_port_is_vector(&port[i]) ? "[*]" : "");
        strbuf_adds(out, "}]\n");
    }
}

/* --- test benches --------------------------------------------------------------------------- */

/* The multiplier's first two run-time parameters: port bits and highest values. */
static void mode_fields(const struct array_config *c, int bits[2], int top[2])
{
    int n = 0, lo;
    bits[0] = bits[1] = top[0] = top[1] = 0;
    for (int i = 0; i < axm_param_count(c->mult.family); i++)
        if (c->mult.family->param[i].runtime && axm_param_exists(&c->mult, i)) {
            assert(n < 2);   /* a nibble at least each, of 8 bits */
            bits[n] = mul_runtime_port_width(&c->mult, i);
            axm_param_range(&c->mult, i, &lo, &top[n++]);
        }
}

static void declare_wires(const struct array_port *port, struct strbuf *out)
{
    for (int i = 0; port[i].name; i++)
        if (array_port_is_vector(&port[i]))
            strbuf_addf(out, "  wire [%d:0] %s;\n", port[i].width - 1, port[i].name);
        else
            strbuf_addf(out, "  wire %s;\n", port[i].name);
}

static void connect(const struct array_port *port, struct strbuf *out)
{
    for (int i = 0; port[i].name; i++)
        strbuf_addf(out, "    .%s(%s)%s\n", port[i].name, port[i].name, port[i + 1].name ? "," : "");
    strbuf_adds(out, "  );\n");
}

static void add_icarus_bench(struct directory *d)
{
    const struct array_config *c = d->c;
    struct array_port port[ARRAY_PORTS];
    int bits[2], top[2];
    array_ports(c, port);
    mode_fields(c, bits, top);
    strbuf_adds(add_file(d, "tb/array_driver.v"), embedded("rtl/tb/array_driver.v"));
    struct strbuf *out = add_file(d, "tb/tb.v");
    add_origin(d, "// ", "", out);
    strbuf_adds(out, "`default_nettype none\n\nmodule tb;\n");
    declare_wires(port, out);
    strbuf_addf(out, "\n  %s u_dut (\n", d->name);
    connect(port, out);
    strbuf_addf(out, "\n  array_driver #(\n    .Dataflow(%d), .Rows(%d), .Cols(%d), .Lanes(%d), .XW(%d), "
                     ".WW(%d), .AccW(%d),\n    .AccDepth(%d), .Signed(%d), .Order(%d), "
                     ".RunTimeMode(%d), .RowSum(%d), .PoolWidth(%d),\n    .ModeBits0(%d), .ModeTop0(%d), "
                     ".ModeBits1(%d), .ModeTop1(%d)\n  ) u_driver (\n",
                c->dataflow, c->rows, c->cols, c->lanes, array_x_bits(c), array_w_bits(c), c->acc_bits,
                c->acc_depth, c->mult.is_signed, c->order, bits[0] > 0, array_row_sum(c), c->pool_width,
                bits[0], top[0], bits[1], top[1]);
    connect(port, out);
    strbuf_adds(out, "endmodule\n\n`default_nettype wire\n");
}

static void add_verilator_bench(struct directory *d)
{
    const struct array_config *c = d->c;
    struct array_port port[ARRAY_PORTS];
    int bits[2], top[2], w = array_w_bits(c), x = array_x_bits(c);
    array_ports(c, port);
    mode_fields(c, bits, top);
    struct strbuf *out = add_file(d, "tb/tb_top.v");
    add_origin(d, "// ", "", out);
    strbuf_adds(out, "`default_nettype none\n\nmodule tb_top (\n");
    for (int i = 0; port[i].name; i++) {
        strbuf_addf(out, "  %s wire ", port[i].output ? "output" : "input ");
        if (array_port_is_vector(&port[i]))
            strbuf_addf(out, "[%d:0] ", port[i].width - 1);
        strbuf_addf(out, "%s,\n", port[i].name);
    }
    strbuf_addf(out, "  input  wire [%d:0] ref_w_i,\n  input  wire [%d:0] ref_x_i,\n"
                     "  input  wire ref_order_i,\n  input  wire [%d:0] ref_mode_i,\n"
                     "  output wire [%d:0] ref_p_o\n);\n  %s u_dut (\n",
                w - 1, x - 1, ARRAY_MODE_BITS - 1, w + x - 1, d->name);
    connect(port, out);
    strbuf_adds(out, "  ref_unit u_ref (\n    .w_i(ref_w_i), .x_i(ref_x_i), .order_i(ref_order_i), "
                     ".mode_i(ref_mode_i),\n    .p_o(ref_p_o)\n  );\nendmodule\n\n`default_nettype wire\n");

    out = add_file(d, "tb/tb.cpp");
    add_origin(d, "// ", "", out);
    const struct { const char *name; int value; } constant[] = {
        { "OUTPUT_STATIONARY", c->dataflow == ARRAY_OS }, { "ROWS", c->rows }, { "COLS", c->cols },
        { "LANES", c->lanes }, { "X_BITS", x }, { "W_BITS", w }, { "ACC_BITS", c->acc_bits },
        { "ACC_DEPTH", c->acc_depth }, { "SIGNED", c->mult.is_signed }, { "ORDER", c->order },
        { "ROW_SUM", array_row_sum(c) }, { "POOL_WIDTH", c->pool_width },
        { "MODE_BITS_0", bits[0] }, { "MODE_TOP_0", top[0] },
        { "MODE_TOP_1", top[1] },
    };
    strbuf_adds(out, "enum {\n");
    for (size_t i = 0; i < sizeof constant / sizeof constant[0]; i++)
        strbuf_addf(out, "    %s = %d,\n", constant[i].name, constant[i].value);
    strbuf_adds(out, "};\n\n");
    strbuf_adds(out, embedded("rtl/tb/array_tb.cpp"));
}

static enum axm_status add_benches(struct directory *d)
{
    struct strbuf *ref = add_file(d, "tb/ref_unit.v");
    add_origin(d, "// ", "", ref);
    add_icarus_bench(d);
    add_verilator_bench(d);
    return array_write_reference(d->c, ref);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void add_makefile(struct directory *d)
{
    struct strbuf *out = add_file(d, "Makefile");
    add_origin(d, "# ", "", out);
    strbuf_addf(out, "TOP := %s\n", d->name);
    strbuf_adds(out,
        "VERILOG := $(shell cat filelist.f)\n"
        "# Seed and number of jobs of the test benches.\n"
        "SEED ?= 1\nJOBS ?= 12\n"
        "# More options of Yosys' synth: -noabc saves most of the time.\n"
        "SYNTH_FLAGS ?=\n"
        "# Optimisation of what Verilator writes.\n"
        "OPT ?= -O1\n\n"
        "all: lint icarus verilator synth\n\n"
        "lint:  ## verilator --lint-only -Wall, silent\n"
        "\tverilator --lint-only -Wall --top-module $(TOP) -f filelist.f\n\n"
        "icarus: build/tb.vvp  ## the Verilog test bench\n"
        "\tvvp -n build/tb.vvp +seed=$(SEED) +jobs=$(JOBS) | tee build/icarus.log\n"
        "\t@grep -q '^PASS' build/icarus.log\n\n"
        "build/tb.vvp: $(VERILOG) tb/tb.v tb/array_driver.v tb/ref_unit.v\n"
        "\t@mkdir -p build\n"
        "\tiverilog -g2005 -s tb -o $@ $^\n\n"
        "verilator: build/verilator/Vtb_top  ## the C++ test bench\n"
        "\tbuild/verilator/Vtb_top $(SEED) $(JOBS)\n\n"
        "build/verilator/Vtb_top: $(VERILOG) tb/tb_top.v tb/ref_unit.v tb/tb.cpp\n"
        "\t@mkdir -p build\n"
        "\tverilator --cc --exe --build -O3 --Mdir build/verilator --top-module tb_top +1364-2005ext+v \\\n"
        "\t  -Wno-fatal -Wno-lint -Wno-style \\\n"
        "\t  -MAKEFLAGS \"OPT_FAST=$(OPT) OPT_SLOW=-O0 OPT_GLOBAL=$(OPT)\" \\\n"
        "\t  $(VERILOG) tb/tb_top.v tb/ref_unit.v $(CURDIR)/tb/tb.cpp > build/verilator.log 2>&1 || \\\n"
        "\t  { cat build/verilator.log; exit 1; }\n\n"
        "synth:  ## generic gates by Yosys: build/synth.txt, build/synth.v\n"
        "\t@mkdir -p build\n"
        "\tyosys -q -p \"read_verilog -defer $(VERILOG); hierarchy -check -top $(TOP); \\\n"
        "\t  synth -top $(TOP) $(SYNTH_FLAGS); check -assert; \\\n"
        "\t  tee -q -o build/synth.txt stat; write_verilog -noattr build/synth.v\"\n\n"
        "clean:\n\trm -rf build\n\n.PHONY: all lint icarus verilator synth clean\n.DELETE_ON_ERROR:\n");
}

static void add_readme(struct directory *d)
{
    const struct array_config *c = d->c;
    int w_bytes = (array_w_bits(c) + 7) / 8, x_bytes = (array_x_bits(c) + 7) / 8;
    const char *sign = c->mult.is_signed ? "two's complement" : "unsigned";
    struct strbuf *out = add_file(d, "README.md");
    strbuf_addf(out, "# %s\n\nA %s-stationary systolic array of %d x %d cells around the multiplier `%s`.\n"
                     "Made by\n\n    ", d->name, c->dataflow == ARRAY_WS ? "weight" : "output", c->rows,
                c->cols, d->mult);
    add_command(c, out);
    strbuf_addf(out, " -o DIR\n\n| file | what it is |\n| --- | --- |\n"
                     "| `%s.v` | the top: AXI4-Lite registers, AXI4-Stream weights, activations, results |\n"
                     "| `mul_unit.v`, `%s.v` | the multiplier in a cell, and its gates |\n"
                     "| `rtl/` | the array itself, one module a file |\n"
                     "| `filelist.f` | all of that, for a simulator or synthesizer |\n"
                     "| `%s.sdc` | clock, input and output delays, reset |\n"
                     "| `%s_regs.md`, `.h`, `.xml` | the register map for people, for C, as IP-XACT |\n"
                     "| `tb/` | test benches for Icarus and Verilator; `ref_unit.v` is their oracle |\n"
                     "\n`make icarus`, `make verilator`, `make lint`, `make synth` (Yosys), or all of them: "
                     "`make`.\n`SEED=N JOBS=N` choose other random jobs.\n\n",
                d->name, d->mult, d->name, d->name);
    strbuf_addf(out, "## Streams\n\n"
                     "Operands are %s; activations of %d bits in %d byte%s each, weights of %d bits in "
                     "%d.\n\n"
                     "| stream | bits | a beat |\n| --- | --- | --- |\n",
                sign, array_x_bits(c), x_bytes, x_bytes > 1 ? "s" : "", array_w_bits(c), w_bytes);
    if (c->dataflow == ARRAY_WS)
        strbuf_addf(out,
            "| `s_axis_w` | %d | one k: the weights of %d columns; tlast every %d beats |\n"
            "| `s_axis_x` | %d | one output row: its inputs for %d values of k; tlast every DIM_A beats |\n"
            "| `m_axis_y` | %d | %d columns of a row, 32 bits each; tlast ends the job |\n\n"
            "A job is a product of DIM_A rows, K = %d DIM_B and %d columns: for each of the DIM_B\n"
            "passes, %d weight beats and DIM_A activation beats; DIM_A is at most %d.\n",
            8 * w_bytes * c->cols, c->cols, c->rows, 8 * x_bytes * c->rows, c->rows, 32 * c->lanes, c->lanes,
            c->rows, c->cols, c->rows, c->acc_depth);
    else
        strbuf_addf(out,
            "| `s_axis_w` | %d | one k: the weights of %d columns; tlast every DIM_B beats |\n"
            "| `s_axis_x` | %d | one k: the inputs of %d output rows; tlast every DIM_B beats |\n"
            "| `m_axis_y` | %d | %d columns of a row, 32 bits each; tlast ends the job |\n\n"
            "A job is DIM_A tiles of %d x %d outputs, each the sum over K = DIM_B pairs of beats.\n"
            "Results: %d rows a tile, the one of byte 0 first.\n",
            8 * w_bytes * c->cols, c->cols, 8 * x_bytes * c->rows, c->rows, 32 * c->lanes, c->lanes, c->rows,
            c->cols, c->rows);
    strbuf_addf(out, "\nA result is `clamp(ZERO + (t * MULT + 2^(SHIFT-1)) >> SHIFT, LO, HI)` with\n"
                     "`t = sum + BIAS%s`, or t itself with MODE.RAW.\n\n"
                     "## A job\n\n"
                     "1. Write MODE, DIM_A, DIM_B, ZERO, LO, HI and the columns' registers (what has not\n"
                     "   changed since the job before need not be written again).\n"
                     "2. Write 1 to CTRL. STATUS.WAITING is 1 until the job before has left; then the\n"
                     "   next job may be set up.\n"
                     "3. Send the weights and activations, take the results; they may be sent at any time,\n"
                     "   the array takes them when it needs them.\n"
                     "4. Look at ERROR; write what it reads back to clear it.\n\n"
                     "A frame that ends early is filled with zeros, one without tlast is cut, and both set\n"
                     "a flag: a job ends whatever the framing. TIMEOUT ends one whose stream has dried up.\n"
                     "After an abort drop what the streams still hold of the job.\n",
                array_row_sum(c) ? " - ZERO_POINT * (sum of the inputs)" : "");
    if (c->pool_width)
        strbuf_addf(out,
            "\n## Pooling\n\n"
            "With POOL.KIND the rows of results are the positions of images, row by row, image after\n"
            "image; each window of an image gives one row of results, its maxima or averages, and\n"
            "tlast ends an image. At most %d windows in a row, %d above each other that share a\n"
            "position. An image may take several jobs (weight-stationary: as many as DIM_A demands):\n"
            "the first has POOL.RESTART, the others go on. Codes must lie in -256..255.\n\n"
            "    maximum: the largest code of the window\n"
            "    average: clamp(POOL_ZERO + (t * MULT + 2^(SHIFT-1)) >> SHIFT, POOL_LO, POOL_HI),\n"
            "             t = sum of (code - ZERO) over the n positions inside, MULT and SHIFT of n\n",
            c->pool_width, ARRAY_POOL_OVERLAP);
}

static void add_register_map(struct directory *d)
{
    struct strbuf *out = add_named(d, "", d->name, "_regs.md");
    strbuf_addf(out, "# Registers of %s\n\n", d->name);
    array_write_map_markdown(d->c, out);
    out = add_named(d, "", d->name, "_regs.h");
    add_origin(d, "/* ", " */", out);
    array_write_map_header(d->c, out);
    array_write_map_ipxact(d->c, add_named(d, "", d->name, "_regs.xml"));
}

enum axm_status array_write_dir(const struct array_config *c, const char *dir)
{
    enum axm_status st = array_check(c);
    if (st)
        return st;
    struct directory d = { .c = c };
    struct strbuf path = { 0 };
    array_name(c, d.name);
    axm_spec_print_circuit(&c->mult, d.mult);
    st = add_verilog(&d);
    if (!st)
        st = add_benches(&d);
    if (st)
        goto out;
    add_sdc(&d);
    add_makefile(&d);
    add_readme(&d);
    add_register_map(&d);
    static const char *const folders[] = { "rtl", "tb" };
    for (int i = 0; i < 2 && !st; i++) {
        strbuf_reset(&path);
        strbuf_addf(&path, "%s/%s", dir, folders[i]);
        st = path.failed ? fail(AXM_ENV, "%s: out of memory", dir) : file_mkdirs(path.s);
    }
    for (int i = 0; i < d.n && !st; i++) {
        strbuf_reset(&path);
        strbuf_addf(&path, "%s/%s", dir, d.file[i].path);
        st = path.failed || d.file[i].text.failed ? fail(AXM_ENV, "%s: out of memory", dir)
                                                  : file_write(path.s, d.file[i].text.s, d.file[i].text.len);
    }
out:
    for (int i = 0; i < d.n; i++)
        strbuf_release(&d.file[i].text);
    strbuf_release(&path);
    return st;
}
