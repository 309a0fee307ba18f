#include "gen/array.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "gen/build.h"
#include "gen/circuit.h"
#include "gen/reference.h"

struct array_config array_defaults(const struct axm_spec *mult)
{
    return (struct array_config){ .dataflow = ARRAY_WS, .rows = 8, .cols = 8, .lanes = 8, .acc_bits = 32,
        .acc_depth = 256, .mult = *mult,
        .order = mult->width_a == mult->width_b ? ARRAY_ORDER_RUNTIME : ARRAY_WEIGHT_IS_B };
}

int array_w_bits(const struct array_config *c)
{
    return c->order == ARRAY_WEIGHT_IS_A ? c->mult.width_a : c->mult.width_b;
}

int array_x_bits(const struct array_config *c)
{
    return c->order == ARRAY_WEIGHT_IS_A ? c->mult.width_b : c->mult.width_a;
}

int array_row_sum(const struct array_config *c)
{
    return !c->mult.is_signed;
}

static int mode_bits(const struct axm_spec *s)
{
    int bits = 0;
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (s->family->param[i].runtime && axm_param_exists(s, i))
            bits += mul_runtime_port_width(s, i);
    return bits;
}

unsigned array_mode(const struct axm_spec *s)
{
    unsigned mode = 0;
    int at = 0;
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (s->family->param[i].runtime && axm_param_exists(s, i)) {
            mode |= (unsigned)s->p[i] << at;
            at += mul_runtime_port_width(s, i);
        }
    return mode;
}

enum axm_status array_check(const struct array_config *c)
{
    char name[AXM_SPEC_MAX];
    axm_spec_print_circuit(&c->mult, name);
    if (c->rows < 1 || c->rows > ARRAY_ROWS_MAX)
        return fail(AXM_USAGE, "array: rows must be 1..%d, got %d", ARRAY_ROWS_MAX, c->rows);
    if (c->cols < 1 || c->cols > ARRAY_COLS_MAX)
        return fail(AXM_USAGE, "array: columns must be 1..%d, got %d", ARRAY_COLS_MAX, c->cols);
    if (c->lanes < 1 || c->cols % c->lanes)
        return fail(AXM_USAGE, "array: lanes must divide the %d columns, got %d", c->cols, c->lanes);
    int widest = 16, low = c->mult.width_a + c->mult.width_b + 1;
    if (c->mult.width_a > widest || c->mult.width_b > widest)
        return fail(AXM_USAGE, "array: %s has operands of more than %d bits", name, widest);
    if (low > 32)
        return fail(AXM_USAGE, "array: products of %s have %d bits, accumulators of 32 bits hold at most 31",
                    name, low - 1);
    if (c->acc_bits < low || c->acc_bits > 32)
        return fail(AXM_USAGE, "array: accumulators around %s have %d..32 bits, got %d", name, low,
                    c->acc_bits);
    if (c->dataflow == ARRAY_WS && (c->acc_depth < 2 || c->acc_depth > 1 << 16))
        return fail(AXM_USAGE, "array: accumulator depth must be 2..65536, got %d", c->acc_depth);
    if (c->order == ARRAY_ORDER_RUNTIME && c->mult.width_a != c->mult.width_b)
        return fail(AXM_USAGE, "array: %s has operands of two widths, so the weight must be a or b for good",
                    name);
    if (c->pool_width < 0 || c->pool_width > ARRAY_POOL_WIDTH_MAX)
        return fail(AXM_USAGE, "array: the pooling unit's width must be 0..%d, got %d", ARRAY_POOL_WIDTH_MAX,
                    c->pool_width);
    if (mode_bits(&c->mult) > ARRAY_MODE_BITS)
        return fail(AXM_USAGE, "array: %s has %d bits to set at run time, the array has %d", name,
                    mode_bits(&c->mult), ARRAY_MODE_BITS);
    return AXM_OK;
}

void array_name(const struct array_config *c, char out[ARRAY_NAME_MAX])
{
    char name[AXM_SPEC_MAX];
    struct array_config plain = array_defaults(&c->mult);
    axm_spec_print_circuit(&c->mult, name);
    int len = snprintf(out, ARRAY_NAME_MAX, "mac_%s_%dx%d_%s", c->dataflow == ARRAY_WS ? "ws" : "os", c->rows,
                       c->cols, name);
    if (c->order != plain.order)
        len += snprintf(out + len, ARRAY_NAME_MAX - len, "_w%c", c->order == ARRAY_WEIGHT_IS_A ? 'a' : 'b');
    if (c->lanes != c->cols)
        len += snprintf(out + len, ARRAY_NAME_MAX - len, "_lanes%d", c->lanes);
    if (c->acc_bits != plain.acc_bits)
        len += snprintf(out + len, ARRAY_NAME_MAX - len, "_acc%d", c->acc_bits);
    if (c->dataflow == ARRAY_WS && c->acc_depth != plain.acc_depth)
        len += snprintf(out + len, ARRAY_NAME_MAX - len, "_depth%d", c->acc_depth);
    if (c->pool_width)
        len += snprintf(out + len, ARRAY_NAME_MAX - len, "_pool%d", c->pool_width);
    assert(len < ARRAY_NAME_MAX);
}

/* --- text ------------------------------------------------------------------------ */

enum { MODULES_MAX = 12 };
static const char *const modules[2][MODULES_MAX] = {
    { "mac_array", "axil_regs", "ctrl_ws", "array_ws", "pe_ws", "acc_bank", "out_stage", "requantize",
      "sync_fifo", "delay_line" },
    { "mac_array", "axil_regs", "ctrl_os", "array_os", "pe_os", "out_stage", "requantize", "sync_fifo",
      "delay_line" },
};

static const char *module_text(const char *module)
{
    char path[64];
    snprintf(path, sizeof path, "rtl/%s.v", module);
    for (int i = 0; embedded_rtl[i].path; i++)
        if (!strcmp(embedded_rtl[i].path, path))
            return embedded_rtl[i].text;
    assert(!"a module of the array is not embedded");
    return "";
}

const char *array_module(const struct array_config *c, int i, const char **text)
{
    static const char *const pool[] = { "pool", "pool_regs" };
    const char *const *list = modules[c->dataflow];
    int n = 0;
    while (n < MODULES_MAX && list[n])
        n++;
    const char *name = i < n ? list[i] : c->pool_width && i < n + 2 ? pool[i - n] : NULL;
    if (name)
        *text = module_text(name);
    return name;
}

void array_write_modules(const struct array_config *c, struct strbuf *out)
{
    const char *text;
    for (int i = 0; array_module(c, i, &text); i++)
        strbuf_addf(out, "%s\n", text);
}

/* Module `unit` around the module called like the circuit with the suffix. */
static void write_wrapper(const struct array_config *c, const char *unit, const char *suffix,
                          struct strbuf *out)
{
    const struct axm_spec *s = &c->mult;
    char name[AXM_SPEC_MAX];
    static const char *const a[] = { "x_i", "w_i", "order_i ? w_i : x_i" };
    static const char *const b[] = { "w_i", "x_i", "order_i ? x_i : w_i" };
    axm_spec_print_circuit(s, name);
    strbuf_addf(out, "// %s: %s%s in a cell of the array; %s.\n`default_nettype none\n\n", unit, name, suffix,
                c->order == ARRAY_ORDER_RUNTIME ? "order_i says whether the weight is operand a" :
                c->order == ARRAY_WEIGHT_IS_A ? "the weight is operand a" : "the weight is operand b");
    strbuf_addf(out, "module %s (\n  input  wire [%d:0] w_i,\n  input  wire [%d:0] x_i,\n"
                     "  input  wire order_i,\n  input  wire [%d:0] mode_i,\n  output wire [%d:0] p_o\n);\n",
                unit, array_w_bits(c) - 1, array_x_bits(c) - 1, ARRAY_MODE_BITS - 1,
                axm_spec_product_width(s) - 1);
    int bits = mode_bits(s), at = 0;
    bool unused_order = c->order != ARRAY_ORDER_RUNTIME;
    if (unused_order || bits < ARRAY_MODE_BITS) {
        strbuf_adds(out, "  wire unused = &{1'b0");
        if (unused_order)
            strbuf_adds(out, ", order_i");
        if (bits < ARRAY_MODE_BITS)
            strbuf_addf(out, ", mode_i[%d:%d]", ARRAY_MODE_BITS - 1, bits);
        strbuf_adds(out, "};\n");
    }
    strbuf_addf(out, "  %s%s u_mul (\n    .a_i(%s),\n    .b_i(%s),\n", name, suffix, a[c->order],
                b[c->order]);
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (s->family->param[i].runtime && axm_param_exists(s, i)) {
            int width = mul_runtime_port_width(s, i);
            strbuf_addf(out, "    .%s_i(mode_i[%d:%d]),\n", s->family->param[i].key, at + width - 1, at);
            at += width;
        }
    strbuf_adds(out, "    .p_o(p_o)\n  );\nendmodule\n\n`default_nettype wire\n");
}

void array_write_wrapper(const struct array_config *c, struct strbuf *out)
{
    write_wrapper(c, "mul_unit", "", out);
}

enum axm_status array_write_reference(const struct array_config *c, struct strbuf *out)
{
    write_wrapper(c, "ref_unit", "_ref", out);
    strbuf_adds(out, "\n");
    return ref_wrapper(&c->mult, out);
}

enum axm_status array_write_mult(const struct array_config *c, struct strbuf *out)
{
    char *text;
    size_t len;
    const struct axm_circuit_opts plain = { 0 };
    enum axm_status st = axm_circuit_print(&c->mult, AXM_CIRCUIT_VERILOG, &plain, &text, &len);
    if (st)
        return st;
    strbuf_add(out, text, len);
    axm_circuit_free(text);
    return AXM_OK;
}

enum axm_status array_write_unit(const struct array_config *c, struct strbuf *out)
{
    enum axm_status st = array_write_mult(c, out);
    strbuf_adds(out, "\n");
    array_write_wrapper(c, out);
    return st;
}

bool array_port_is_vector(const struct array_port *port)
{
    return port->width > 1 || strstr(port->name, "tdata");
}

void array_ports(const struct array_config *c, struct array_port port[ARRAY_PORTS])
{
    int w = (array_w_bits(c) + 7) / 8 * 8, x = (array_x_bits(c) + 7) / 8 * 8;
    const struct array_port all[ARRAY_PORTS] = {
        { "clk_i", false, 1 }, { "rst_ni", false, 1 },
        { "s_axil_awaddr", false, 12 }, { "s_axil_awvalid", false, 1 }, { "s_axil_awready", true, 1 },
        { "s_axil_wdata", false, 32 }, { "s_axil_wstrb", false, 4 }, { "s_axil_wvalid", false, 1 },
        { "s_axil_wready", true, 1 }, { "s_axil_bresp", true, 2 }, { "s_axil_bvalid", true, 1 },
        { "s_axil_bready", false, 1 }, { "s_axil_araddr", false, 12 }, { "s_axil_arvalid", false, 1 },
        { "s_axil_arready", true, 1 }, { "s_axil_rdata", true, 32 }, { "s_axil_rresp", true, 2 },
        { "s_axil_rvalid", true, 1 }, { "s_axil_rready", false, 1 },
        { "s_axis_w_tdata", false, c->cols * w }, { "s_axis_w_tvalid", false, 1 },
        { "s_axis_w_tready", true, 1 }, { "s_axis_w_tlast", false, 1 },
        { "s_axis_x_tdata", false, c->rows * x }, { "s_axis_x_tvalid", false, 1 },
        { "s_axis_x_tready", true, 1 }, { "s_axis_x_tlast", false, 1 },
        { "m_axis_y_tdata", true, c->lanes * 32 }, { "m_axis_y_tvalid", true, 1 },
        { "m_axis_y_tready", false, 1 }, { "m_axis_y_tlast", true, 1 },
        { NULL, false, 0 },
    };
    memcpy(port, all, sizeof all);
}

void array_write_top(const struct array_config *c, const char *module, const char *body, struct strbuf *out)
{
    struct array_port port[ARRAY_PORTS];
    array_ports(c, port);
    strbuf_addf(out, "`default_nettype none\n\nmodule %s (\n", module);
    for (int i = 0; port[i].name; i++) {
        char range[24] = "";
        if (array_port_is_vector(&port[i]))
            snprintf(range, sizeof range, "[%d:0] ", port[i].width - 1);
        strbuf_addf(out, "  %s wire %s%s%s\n", port[i].output ? "output" : "input ", range, port[i].name,
                    port[i + 1].name ? "," : "");
    }
    strbuf_addf(out, ");\n%s  mac_array #(\n    .Dataflow(%d), .Rows(%d), .Cols(%d), .Lanes(%d), .XW(%d), "
                     ".WW(%d), .AccW(%d),\n    .AccDepth(%d), .Signed(%d), .Order(%d), "
                     ".RunTimeMode(%d), .RowSum(%d), "
                     ".PoolWidth(%d)\n  ) u_array (\n",
                body ? body : "", c->dataflow, c->rows, c->cols, c->lanes, array_x_bits(c), array_w_bits(c),
                c->acc_bits, c->acc_depth, c->mult.is_signed, c->order, mode_bits(&c->mult) > 0,
                array_row_sum(c), c->pool_width);
    for (int i = 0; port[i].name; i++)
        strbuf_addf(out, "    .%s(%s)%s\n", port[i].name, port[i].name, port[i + 1].name ? "," : "");
    strbuf_adds(out, "  );\nendmodule\n\n`default_nettype wire\n");
}
