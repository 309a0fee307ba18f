#include "sim/array.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/embed.h"
#include "sim/array_shim.h"
#include "sim/bitsim.h"
#include "sim/clock.h"
#include "sim/place_text.h"
#include "sim/verilate.h"

enum { REG_CTRL = 0x20, REG_STATUS = 0x24, REG_ERROR = 0x28, REG_CYCLES = 0x50, REG_STALL_X = 0x58,
       REG_STALL_W = 0x5c, REG_STALL_Y = 0x60, CTRL_CLEAR = 4, ERROR_OVERFLOW = 3 << 5 };

struct array_sim {
    struct array_config config;
    enum array_unit unit;
    bool traced;
    void *library, *sim;
    void *(*new_sim)(void);
    void (*free_sim)(void *);
    void (*run)(void *, struct array_run *);
    int (*access)(void *, unsigned, uint32_t *, int);
    void (*table)(void *, const uint16_t *, size_t);
};

/* --- what is compiled -------------------------------------------------------------- */

static const char *embedded(const char *path)
{
    for (int i = 0; embedded_rtl[i].path; i++)
        if (!strcmp(embedded_rtl[i].path, path))
            return embedded_rtl[i].text;
    assert(!"the shim is not embedded");
    return "";
}

static int address_bits(const struct array_config *c)
{
    return c->mult.width_a + c->mult.width_b;
}

/* All cells read one table in the top module: a hierarchical name upwards. */
static void write_table_unit(const struct array_config *c, struct strbuf *out)
{
    strbuf_addf(out, "`default_nettype none\nmodule mul_unit (\n  input wire [%d:0] w_i,\n"
                     "  input wire [%d:0] x_i,\n"
                     "  input wire order_i,\n  input wire [%d:0] mode_i,\n  output wire [%d:0] p_o\n);\n",
                array_w_bits(c) - 1, array_x_bits(c) - 1, ARRAY_MODE_BITS - 1, address_bits(c) - 1);
    static const char *const address[] = { "{x_i, w_i}", "{w_i, x_i}", "order_i ? {w_i, x_i} : {x_i, w_i}" };
    strbuf_addf(out, "  assign p_o = axm_top.table_q[%s];\nendmodule\n`default_nettype wire\n",
                address[c->order]);
}

static void write_shim(const struct array_config *c, enum array_unit unit, bool traced, struct strbuf *out)
{
    if (traced)
        strbuf_adds(out, "#include \"verilated_vcd_c.h\"\n#define TRACE\n");
    strbuf_addf(out, "#define ROWS %d\n#define COLS %d\n#define LANES %d\n"
                     "#define X_BYTES %d\n#define W_BYTES %d\n"
                     "#define OUTPUT_STATIONARY %d\n#define POOL_WIDTH %d\n",
                c->rows, c->cols, c->lanes, (array_x_bits(c) + 7) / 8, (array_w_bits(c) + 7) / 8,
                c->dataflow == ARRAY_OS, c->pool_width);
    if (unit == ARRAY_TABLE)
        strbuf_adds(out, "#define TABLE axm_top__DOT__table_q\n");
    strbuf_adds(out, embedded("sim/array_shim.h"));
    strbuf_adds(out, embedded("sim/array_shim.cpp"));
}

static enum axm_status compile(struct array_sim *s)
{
    const struct array_config *c = &s->config;
    static const char *const architecture[BITSIM_LEVELS] = { NULL, "-march=x86-64-v3", "-march=x86-64-v4" };
    struct strbuf verilog = { 0 }, top = { 0 }, shim = { 0 };
    enum axm_status st = AXM_OK;
    array_write_modules(c, &verilog);
    if (s->unit == ARRAY_TABLE) {
        char body[96];
        snprintf(body, sizeof body, "  reg [%d:0] table_q [0:%d] /*verilator public_flat_rd*/;\n",
                 address_bits(c) - 1, (1 << address_bits(c)) - 1);
        write_table_unit(c, &verilog);
        array_write_top(c, "axm_top", body, &top);
    } else {
        st = array_write_unit(c, &verilog);
        array_write_top(c, "axm_top", NULL, &top);
    }
    write_shim(c, s->unit, s->traced, &shim);
    const struct verilate job = { .what = "array", .verilog = &verilog, .top = &top, .shim = &shim,
        .optimization = s->traced ? "-O1" : "-O3", .architecture = architecture[bitsim_best_level()],
        .trace = s->traced };
    if (!st)
        st = verilate_load(&job, &s->library);
    strbuf_release(&verilog);
    strbuf_release(&top);
    strbuf_release(&shim);
    return st;
}

static void place(struct array_sim *s);

static enum axm_status open_sim(const struct array_config *c, enum array_unit unit, bool traced,
                                struct array_sim **out)
{
    enum axm_status st = array_check(c);
    if (st)
        return st;
    if (unit == ARRAY_TABLE && (c->mult.width_a > 8 || c->mult.width_b > 8))
        return fail(AXM_USAGE, "array: a table holds operands of at most 8 bits, got %dx%d", c->mult.width_a,
                    c->mult.width_b);
    if (c->mult.width_a > 8 || c->mult.width_b > 8)
        return fail(AXM_USAGE, "array: operands of at most 8 bits are simulated, got %dx%d", c->mult.width_a,
                    c->mult.width_b);
    struct array_sim *s = calloc(1, sizeof *s);
    if (!s)
        return fail(AXM_ENV, "array: out of memory");
    s->config = *c;
    s->unit = unit;
    s->traced = traced;
    if ((st = compile(s)))
        goto out;
    *(void **)&s->new_sim = dlsym(s->library, "axm_array_new");
    *(void **)&s->free_sim = dlsym(s->library, "axm_array_free");
    *(void **)&s->run = dlsym(s->library, "axm_array_run");
    *(void **)&s->access = dlsym(s->library, "axm_array_access");
    *(void **)&s->table = dlsym(s->library, "axm_array_table");
    if (!s->new_sim || !s->free_sim || !s->run || !s->access || !s->table || !(s->sim = s->new_sim()))
        st = fail(AXM_ENV, "array: its compiled simulator cannot be used; delete it from the cache");
    else
        place(s);
out:
    if (st) {
        array_sim_close(s);
        return st;
    }
    *out = s;
    return AXM_OK;
}

enum axm_status array_sim_open(const struct array_config *c, enum array_unit unit, struct array_sim **out)
{
    return open_sim(c, unit, false, out);
}

enum axm_status array_sim_open_traced(const struct array_config *c, enum array_unit unit,
                                      struct array_sim **out)
{
    return open_sim(c, unit, true, out);
}

void array_sim_close(struct array_sim *s)
{
    if (!s)
        return;
    if (s->sim)
        s->free_sim(s->sim);
    if (s->library)
        dlclose(s->library);
    free(s);
}

void array_sim_table(struct array_sim *s, const struct axm_lut *lut)
{
    const struct axm_spec *m = &s->config.mult;
    assert(s->unit == ARRAY_TABLE && lut->width_a == m->width_a && lut->width_b == m->width_b &&
           lut->is_signed == m->is_signed);
    size_t n = (size_t)1 << address_bits(&s->config);
    uint16_t table[1 << 16];
    for (size_t i = 0; i < n; i++)
        table[i] = (uint16_t)lut->value[i];
    s->table(s->sim, table, n);
}

bool array_sim_write(struct array_sim *s, unsigned offset, uint32_t value)
{
    return s->access(s->sim, offset, &value, 1);
}

bool array_sim_read(struct array_sim *s, unsigned offset, uint32_t *value)
{
    return s->access(s->sim, offset, value, 0);
}

/* --- a product of matrices ------------------------------------------------------------ */

/* Columns outermost; a weight-stationary job has as many rows as the accumulators hold, an
 * output-stationary one has all. */
static size_t cut_into_jobs(const struct array_config *c, const struct array_gemm *g, struct array_job *job)
{
    size_t n_jobs = 0, rows = c->dataflow == ARRAY_WS ? (size_t)c->acc_depth : g->m;
    for (size_t n = 0; n < g->n; n += c->cols)
        for (size_t m = 0; m < g->m; m += rows, n_jobs++)
            if (job)
                job[n_jobs] = (struct array_job){ n, m, g->m - m < rows ? g->m - m : rows };
    return n_jobs;
}

static enum axm_status read_counters(struct array_sim *s, struct array_counters *out)
{
    uint32_t low, high, x, w, y, errors;
    if (!array_sim_read(s, REG_CYCLES, &low) || !array_sim_read(s, REG_CYCLES + 4, &high) ||
        !array_sim_read(s, REG_STALL_X, &x) || !array_sim_read(s, REG_STALL_W, &w) ||
        !array_sim_read(s, REG_STALL_Y, &y) || !array_sim_read(s, REG_ERROR, &errors))
        return fail(AXM_MISMATCH, "array: a counter cannot be read");
    out->busy += (uint64_t)high << 32 | low;
    out->stall_x += x;
    out->stall_w += w;
    out->stall_y += y;
    out->errors |= errors;
    if (errors & ~(uint32_t)ERROR_OVERFLOW)
        return fail(AXM_MISMATCH, "array: error flags 0x%03x", errors);
    return AXM_OK;
}

/* --- pooling ----------------------------------------------------------------------------- */

/* Positions of window i of one dimension that are inside. */
static int inside(int i, int kernel, int stride, int pad, int in)
{
    int from = i * stride - pad, to = from + kernel;
    from = from < 0 ? 0 : from;
    to = to > in ? in : to;
    return to - from;
}

static bool is_code(int v)
{
    return v >= -256 && v <= 255;
}

static bool pool_refused(char why[ARRAY_POOL_WHY_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool pool_refused(char why[ARRAY_POOL_WHY_MAX], const char *format, ...)
{
    va_list a;
    va_start(a, format);
    vsnprintf(why, ARRAY_POOL_WHY_MAX, format, a);
    va_end(a);
    return false;
}

/* The table of averages: the last of its entries serves windows of more positions, if all have as many. */
static bool pool_table(const struct array_pool *p, int32_t mult[ARRAY_POOL_TAPS],
                       int32_t shift[ARRAY_POOL_TAPS], char why[ARRAY_POOL_WHY_MAX])
{
    int last = 0;
    for (int i = 0; i < ARRAY_POOL_TAPS; i++) {
        mult[i] = 0;
        shift[i] = 1;
    }
    for (int y = 0; y < p->out_h; y++)
        for (int x = 0; x < p->out_w; x++) {
            int rows = inside(y, p->kernel_h, p->stride_h, p->pad_top, p->in_h);
            int columns = inside(x, p->kernel_w, p->stride_w, p->pad_left, p->in_w);
            if (rows < 1 || columns < 1)
                return pool_refused(why, "pooling window %d,%d lies outside of %dx%d", y, x, p->in_h,
                                    p->in_w);
            int n = rows * columns, entry = n < ARRAY_POOL_TAPS ? n : ARRAY_POOL_TAPS;
            if (!p->average)
                continue;
            if (entry == ARRAY_POOL_TAPS) {
                bool cut = rows != p->kernel_h || columns != p->kernel_w;
                if ((last && last != n) || (cut && n > ARRAY_POOL_TAPS))
                    return pool_refused(why, "averages of windows that padding cuts are over at most %d "
                                        "positions, got %d", ARRAY_POOL_TAPS, p->kernel_h * p->kernel_w);
                last = n;
            }
            mult[entry - 1] = p->mult[(n < p->entries ? n : p->entries) - 1];
            shift[entry - 1] = p->shift[(n < p->entries ? n : p->entries) - 1];
        }
    return true;
}

bool array_pool_fits(const struct array_config *c, const struct array_pool *p, char why[ARRAY_POOL_WHY_MAX])
{
    int32_t table[2][ARRAY_POOL_TAPS];
    if (!c->pool_width)
        return pool_refused(why, "there is no pooling unit in it");
    if (p->kernel_h < 1 || p->kernel_w < 1 || p->kernel_h > ARRAY_POOL_KERNEL_MAX ||
        p->kernel_w > ARRAY_POOL_KERNEL_MAX)
        return pool_refused(why, "pooling windows have 1..%d rows and columns, got %dx%d",
                            ARRAY_POOL_KERNEL_MAX, p->kernel_h, p->kernel_w);
    if (p->stride_h < 1 || p->stride_w < 1 || p->stride_h > ARRAY_POOL_KERNEL_MAX ||
        p->stride_w > ARRAY_POOL_KERNEL_MAX || p->kernel_h > ARRAY_POOL_OVERLAP * p->stride_h)
        return pool_refused(why, "pooling strides are 1..%d, and at least a %dth of a window's rows; "
                            "got %dx%d for %dx%d", ARRAY_POOL_KERNEL_MAX, ARRAY_POOL_OVERLAP, p->stride_h,
                            p->stride_w, p->kernel_h, p->kernel_w);
    if (p->pad_top < 0 || p->pad_left < 0 || p->pad_top >= p->kernel_h || p->pad_left >= p->kernel_w)
        return pool_refused(why, "padding of a pool must be less than its window, got %d and %d",
                            p->pad_top, p->pad_left);
    if (p->in_h < 1 || p->in_w < 1 || p->in_h > 65535 || p->in_w > 65535)
        return pool_refused(why, "images to pool have 1..65535 rows and columns, got %dx%d", p->in_h,
                            p->in_w);
    if (p->out_h < 1 || p->out_h > 65535)
        return pool_refused(why, "a pool has 1..65535 rows of windows, got %d", p->out_h);
    if (p->out_w < 1 || p->out_w > c->pool_width)
        return pool_refused(why, "its pooling unit has 1..%d windows in a row, got %d", c->pool_width,
                            p->out_w);
    return pool_table(p, table[0], table[1], why);
}

static enum axm_status check_pool(const struct array_config *c, const struct array_gemm *g)
{
    const struct array_pool *p = g->pool;
    char why[ARRAY_POOL_WHY_MAX];
    if (!array_pool_fits(c, p, why))
        return fail(AXM_USAGE, "array: %s", why);
    if (g->m % ((size_t)p->in_h * p->in_w))
        return fail(AXM_USAGE, "array: %zu rows are no images of %dx%d", g->m, p->in_h, p->in_w);
    if (g->raw || !is_code(g->zero) || !is_code(g->lo) || !is_code(g->hi))
        return fail(AXM_USAGE, "array: pooling takes codes of -256..255");
    return AXM_OK;
}

static enum axm_status set_up_pool(const struct array_config *c, const struct array_gemm *g,
                                   int32_t table[2][ARRAY_POOL_TAPS], struct array_run *r)
{
    const struct array_pool *p = g->pool;
    char why[ARRAY_POOL_WHY_MAX];
    if (!p)
        return AXM_OK;
    enum axm_status st = check_pool(c, g);
    if (st)
        return st;
    (void)pool_table(p, table[0], table[1], why);
    const struct { int low, high; } pair[] = { { p->kernel_h, p->kernel_w }, { p->stride_h, p->stride_w },
        { p->pad_top, p->pad_left }, { p->in_h, p->in_w }, { p->out_h, p->out_w } };
    for (int i = 0; i < 5; i++)
        r->pool_register[i] = (uint32_t)pair[i].high << 16 | (uint32_t)pair[i].low;
    r->pool_register[5] = (uint32_t)p->zero;
    r->pool_register[6] = (uint32_t)p->lo;
    r->pool_register[7] = (uint32_t)p->hi;
    r->pool_kind = p->average ? 2 : 1;
    r->pool_mult = table[0];
    r->pool_shift = table[1];
    r->pool_taps = ARRAY_POOL_TAPS;
    r->images = g->m / ((size_t)p->in_h * p->in_w);
    r->pool_out = (uint64_t)p->out_h * p->out_w;
    return AXM_OK;
}

/* Cycles in which the unit may hold up the array: a beat belongs to several windows, and padding. */
static uint64_t pool_cycles(const struct array_config *c, const struct array_gemm *g)
{
    const struct array_pool *p = g->pool;
    if (!p)
        return 0;
    uint64_t windows = (uint64_t)(p->kernel_h / p->stride_h + 1) * (p->kernel_w / p->stride_w + 1);
    uint64_t positions = (uint64_t)(p->in_h + p->kernel_h) * (p->in_w + p->kernel_w);
    return g->m / ((size_t)p->in_h * p->in_w) * positions * windows * (c->cols / c->lanes) *
           (g->n / c->cols + 1);
}

/* Verilator writes the file as it goes: beside its place. */
static enum axm_status set_up_trace(const struct array_sim *s, const struct array_gemm *g,
                                    struct strbuf *path, struct array_run *r)
{
    if (!g->trace)
        return AXM_OK;
    assert(s->traced);
    strbuf_addf(path, "%s.%ld.tmp", g->trace->file, (long)getpid());
    r->trace_file = path->s;
    r->trace_from = g->trace->from;
    r->trace_to = g->trace->to;
    return path->failed ? fail(AXM_ENV, "%s: out of memory", g->trace->file) : AXM_OK;
}

enum axm_status array_sim_gemm(struct array_sim *s, const struct array_gemm *g, struct array_counters
                               *counters)
{
    const struct array_config *c = &s->config;
    assert(g->m && g->n && g->k);
    assert(c->order == ARRAY_ORDER_RUNTIME || g->weight_is_a == (c->order == ARRAY_WEIGHT_IS_A));
    size_t jobs = cut_into_jobs(c, g, NULL), padding = (c->rows - g->k % c->rows) % c->rows;
    struct array_job *job = malloc(jobs * sizeof *job);
    int32_t *parameters = malloc(4 * g->n * sizeof *parameters);
    struct strbuf trace = { 0 };
    enum axm_status st = AXM_OK;
    if (!job || !parameters) {
        st = fail(AXM_ENV, "array: out of memory for %zu jobs", jobs);
        goto out;
    }
    cut_into_jobs(c, g, job);
    /* Rows of a weight-stationary array beyond K multiply zero by zero, which need not give zero. */
    int32_t surplus = c->dataflow == ARRAY_WS ? (int32_t)padding * g->zero_product : 0;
    int32_t *bias = parameters, *mult = bias + g->n, *shift = mult + g->n, *wzero = shift + g->n;
    for (size_t n = 0; n < g->n; n++) {
        bias[n] = (int32_t)((uint32_t)(g->bias ? g->bias[n] : 0) - (uint32_t)surplus);
        mult[n] = g->mult ? g->mult[n] : 1 << 30;
        shift[n] = g->shift ? g->shift[n] : 30;
        wzero[n] = g->wzero ? g->wzero[n] : 0;
    }
    struct array_run r = {
        .m = g->m, .n = g->n, .k = g->k, .x_stride = g->x_stride, .y_stride = g->y_stride, .x = g->x, .w =
            g->w,
        .bias = bias, .mult = mult, .shift = shift, .wzero = wzero, .y = g->y, .zero = g->zero, .lo = g->lo,
        .hi = g->hi, .mode = (uint32_t)g->raw << 9 | (uint32_t)g->weight_is_a << 8 | g->mode, .seed = g->seed,
        .job = job, .jobs = jobs, .watch_n = g->watch ? g->watch->n : UINT64_MAX,
        .watch_m = g->watch ? g->watch->m : 0,
    };
    if ((st = set_up_trace(s, g, &trace, &r)))
        goto out;
    int32_t table[2][ARRAY_POOL_TAPS];
    if ((st = set_up_pool(c, g, table, &r)))
        goto out;
    uint64_t slow = 1;
    for (int i = 0; i < 3; i++) {
        assert(g->stall_percent[i] < 100);
        r.stall[i] = g->stall_percent[i] * 65536 / 100;
        slow += 100 / (100 - g->stall_percent[i]);
    }
    uint64_t beats = c->dataflow == ARRAY_WS
        ? (g->k / c->rows + 1) * (g->m + jobs * (2 * c->rows + c->cols)) * (g->n / c->cols + 1)
        : (g->m / c->rows + 1) * (g->k + 2 * c->rows + c->cols) * (g->n / c->cols + 1);
    r.cycle_limit = 4 * slow * (beats + (g->m + c->rows) * (g->n + c->cols) / c->lanes + jobs * (8 *
                                                                                                 c->cols +
                                                                                                     200) +
                             pool_cycles(c, g));
    uint32_t clear = 0x3ff;
    if (!array_sim_write(s, REG_ERROR, clear) || !array_sim_write(s, REG_CTRL, CTRL_CLEAR)) {
        st = fail(AXM_MISMATCH, "array: a register cannot be written");
        goto out;
    }
    s->run(s->sim, &r);
    counters->cycles += r.cycles;
    if (g->watch)
        g->watch->cycle = r.watch_cycle;
    if (g->trace && rename(trace.s, g->trace->file))
        st = fail(AXM_ENV, "%s: %s", g->trace->file, strerror(errno));
    else if (r.failure)
        st = fail(AXM_MISMATCH, "array: %s", r.failure);
    else
        st = read_counters(s, counters);
out:
    strbuf_release(&trace);
    free(job);
    free(parameters);
    return st;
}

/* --- where its code lies ---------------------------------------------------------------- */

/* Seconds for a product of about a thousand cycles. */
static double trial(void *ctx)
{
    struct array_sim *s = ctx;
    const struct array_config *c = &s->config;
    bool ws = c->dataflow == ARRAY_WS;
    size_t m = ws ? 512 : 4 * (size_t)c->rows, n = (size_t)c->cols, k = ws ? 2 * (size_t)c->rows : 256;
    uint8_t *x = calloc(k, m), *w = calloc(n, k);
    struct array_gemm g = { .m = m, .n = n, .k = k, .x = x, .x_stride = m, .w = w, .lo = -128, .hi = 127,
        .weight_is_a = c->order == ARRAY_WEIGHT_IS_A, .y = calloc(n, m * sizeof *g.y), .y_stride = m };
    struct array_counters counters = { 0 };
    double began = clock_seconds();
    bool ran = x && w && g.y && array_sim_gemm(s, &g, &counters) == AXM_OK;
    double t = clock_seconds() - began;
    free(x);
    free(w);
    free(g.y);
    return ran ? t : INFINITY;
}

/* Once for each loaded library; what the trials leave in the registers is nobody's. */
static void place(struct array_sim *s)
{
    int *placed = dlsym(s->library, "axm_array_placed");
    if (s->unit != ARRAY_TABLE || s->traced || !placed || __atomic_exchange_n(placed, 1, __ATOMIC_RELAXED))
        return;
    struct array_sim other = *s;
    other.sim = s->new_sim();
    if (other.sim) {
        place_text(s->library, trial, &other);
        s->free_sim(other.sim);
    }
}
