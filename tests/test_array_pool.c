/* The array's pooling unit against dnn/reference.c: a pointwise convolution and a pool behind it, with random
 * windows, zero points, stalls and sizes that do not divide the array. */
#include "tests/sim_fixture.h"

#include <string.h>

#include "base/rng.h"
#include "dnn/reference.h"
#include "sim/array.h"
#include "sim/verilator.h"

enum { IMAGES_MAX = 3, POOL_WIDTH = 7 };

struct problem {
    struct qgraph *q;
    struct axm_mul *mul;
    bool weight_is_a;
    size_t images;
    int32_t *expected;          /* [channel][image][pooled position] */
    uint8_t *x;
    int32_t *y;
    struct array_pool pool;
    struct array_gemm g;
};

static void *alloc(struct problem *p, size_t bytes)
{
    void *m = arena_alloc(&p->q->arena, bytes ? bytes : 1);
    assert_non_null(m);
    memset(m, 0, bytes);
    return m;
}

static int between(struct rng *r, int lo, int hi)
{
    return lo + (int)rng_below(r, (uint64_t)(hi - lo) + 1);
}

static void conv_init(struct problem *p, struct qnode *n, struct rng *r)
{
    bool affine = p->q->scheme == QUANT_AFFINE;
    size_t outs = (size_t)n->out.c, k = qnode_k(p->q, n);
    n->weight = alloc(p, outs * k);
    n->weight_zero = alloc(p, outs * sizeof *n->weight_zero);
    n->bias = alloc(p, outs * sizeof *n->bias);
    n->multiplier = alloc(p, outs * sizeof *n->multiplier);
    n->shift = alloc(p, outs * sizeof *n->shift);
    for (size_t i = 0; i < outs * k; i++)
        n->weight[i] = (int8_t)between(r, -127, 127);
    for (size_t i = 0; i < outs; i++) {
        n->weight_zero[i] = affine ? between(r, 0, 255) : 0;
        n->bias[i] = between(r, -20000, 20000);
        n->multiplier[i] = between(r, 1 << 30, INT32_MAX);
        n->shift[i] = between(r, 37, 41);
    }
    n->zero = affine ? between(r, 0, 255) : 0;
    n->lo = affine ? 0 : rng_below(r, 2) ? 0 : -127;
    n->hi = affine ? 255 : 127;
}

/* A window that the unit takes: at most 7 windows in a row, four above each other; averages that padding cuts
 * have at most nine positions. */
static struct window random_window(struct rng *r, bool average, struct shape in)
{
    struct window w;
    do {
        w.kernel_h = between(r, 1, 6);
        w.kernel_w = between(r, 1, 6);
        w.stride_h = between(r, 1, 7);
        w.stride_w = between(r, 1, 7);
        bool pad = rng_below(r, 2) && (!average || w.kernel_h * w.kernel_w <= 9);
        w.pad_top = pad ? between(r, 0, w.kernel_h - 1) : 0;
        w.pad_bottom = pad ? between(r, 0, w.kernel_h - 1) : 0;
        w.pad_left = pad ? between(r, 0, w.kernel_w - 1) : 0;
        w.pad_right = pad ? between(r, 0, w.kernel_w - 1) : 0;
    } while (w.kernel_h > 4 * w.stride_h || in.h + w.pad_top + w.pad_bottom < w.kernel_h ||
             in.w + w.pad_left + w.pad_right < w.kernel_w ||
             (in.w + w.pad_left + w.pad_right - w.kernel_w) / w.stride_w >= POOL_WIDTH ||
             /* as op_shape() has it: the last window begins inside */
             (in.h + w.pad_top + w.pad_bottom - w.kernel_h) / w.stride_h * w.stride_h - w.pad_top >= in.h ||
             (in.w + w.pad_left + w.pad_right - w.kernel_w) / w.stride_w * w.stride_w - w.pad_left >= in.w);
    return w;
}

static void pool_init(struct problem *p, struct qnode *n, const struct qnode *from, struct rng *r)
{
    static const enum op ops[] = { OP_MAX_POOL, OP_MAX_POOL, OP_AVG_POOL, OP_AVG_POOL, OP_GLOBAL_AVG_POOL };
    n->op = ops[rng_below(r, 5)];
    n->zero = from->zero;
    n->lo = from->lo;
    n->hi = from->hi;
    n->out = (struct shape){ from->out.c, 1, 1 };
    int taps = 0;
    if (n->op != OP_GLOBAL_AVG_POOL) {
        n->window = random_window(r, n->op == OP_AVG_POOL, from->out);
        const struct window *w = &n->window;
        n->out.h = (from->out.h + w->pad_top + w->pad_bottom - w->kernel_h) / w->stride_h + 1;
        n->out.w = (from->out.w + w->pad_left + w->pad_right - w->kernel_w) / w->stride_w + 1;
        taps = w->kernel_h * w->kernel_w;
    }
    if (n->op == OP_MAX_POOL)
        return;
    n->zero = between(r, n->lo, n->hi);
    size_t entries = n->op == OP_AVG_POOL ? (size_t)taps : 1;
    int area = n->op == OP_AVG_POOL ? 0 : from->out.h * from->out.w;
    n->multiplier = alloc(p, entries * sizeof *n->multiplier);
    n->shift = alloc(p, entries * sizeof *n->shift);
    for (size_t i = 0; i < entries; i++) {
        /* about 1/n, but any factor must do */
        n->multiplier[i] = between(r, 1 << 30, INT32_MAX);
        n->shift[i] = 31 + (area ? area : (int)i + 1) / 3;
        n->shift[i] = n->shift[i] > 36 ? 36 : n->shift[i];
    }
}

static void array_problem(struct problem *p, struct rng *r)
{
    const struct qnode *in = &p->q->node[0], *conv = &p->q->node[1], *pool = &p->q->node[2];
    struct window w = pool->window;
    if (pool->op == OP_GLOBAL_AVG_POOL)
        w = (struct window){ .kernel_h = conv->out.h, .kernel_w = conv->out.w, .stride_h = 1, .stride_w = 1 };
    /* A global average has one row of windows, so its stride may be anything. */
    if (pool->op == OP_GLOBAL_AVG_POOL)
        w.stride_h = conv->out.h;
    p->pool = (struct array_pool){ .average = pool->op != OP_MAX_POOL, .kernel_h = w.kernel_h,
        .kernel_w = w.kernel_w, .stride_h = w.stride_h, .stride_w = w.stride_w, .pad_top = w.pad_top,
        .pad_left = w.pad_left, .in_h = conv->out.h, .in_w = conv->out.w, .out_h = pool->out.h,
        .out_w = pool->out.w, .zero = pool->zero, .lo = pool->lo, .hi = pool->hi, .mult = pool->multiplier,
        .shift = pool->shift, .entries = (int)qnode_multipliers(p->q, pool) };
    size_t m = p->images * (size_t)in->out.h * in->out.w, n = (size_t)conv->out.c;
    int64_t zero_product = axm_mul_value(p->mul, axm_eval(p->mul, 0, 0), axm_mul_width_product(p->mul));
    p->g = (struct array_gemm){ .m = m, .n = n, .k = (size_t)in->out.c, .x = p->x, .x_stride = m,
        .w = (const uint8_t *)conv->weight, .weight_is_a = p->weight_is_a,
        .zero_product = (int32_t)zero_product, .zero = conv->zero,
        .lo = conv->lo, .hi = conv->hi, .bias = conv->bias, .mult = conv->multiplier, .shift = conv->shift,
        .wzero = conv->weight_zero, .y = p->y, .y_stride = p->images * pool->out.h * pool->out.w,
        .seed = rng_next(r), .pool = &p->pool };
    for (int i = 0; i < 3; i++)
        p->g.stall_percent[i] = (unsigned)rng_below(r, 2) * (unsigned)rng_below(r, 80);
}

/* The images through dnn/reference.c: what goes into the array, and what must come out. */
static void problem_run(struct problem *p, struct rng *r)
{
    struct shape in = p->q->node[0].out, out = p->q->node[2].out;
    size_t plane = (size_t)in.h * in.w, pooled = (size_t)out.h * out.w, m = p->images * plane;
    const struct axm_mul *mul[3] = { NULL, p->mul, NULL };
    const bool weight_is_a[3] = { false, p->weight_is_a, false };
    for (size_t i = 0; i < p->images; i++) {
        struct arena arena = { 0 };
        uint8_t pixel[4096];
        int32_t *value[3];
        assert_true(shape_count(in) <= sizeof pixel);
        for (size_t j = 0; j < shape_count(in); j++)
            pixel[j] = (uint8_t)rng_next(r);
        assert_int_equal(reference_forward_quantized(p->q, pixel, mul, weight_is_a, &arena, value, NULL),
                         AXM_OK);
        for (size_t j = 0; j < shape_count(in); j++)
            p->x[j / plane * m + i * plane + j % plane] = (uint8_t)value[0][j];
        for (size_t j = 0; j < shape_count(out); j++)
            p->expected[(j / pooled * p->images + i) * pooled + j % pooled] = value[2][j];
        arena_release(&arena);
    }
}

static void problem_init(struct problem *p, struct axm_mul *mul, uint64_t seed, uint64_t number)
{
    struct rng r;
    rng_init(&r, seed, number);
    *p = (struct problem){ .q = qgraph_new(), .mul = mul, .weight_is_a = rng_below(&r, 2),
        .images = 1 + rng_below(&r, IMAGES_MAX) };
    assert_non_null(p->q);
    struct qgraph *q = p->q;
    q->scheme = axm_mul_signed(mul) ? QUANT_SYMMETRIC : QUANT_AFFINE;
    q->weight_bits = 8;
    q->n_nodes = 3;
    q->node = alloc(p, 3 * sizeof *q->node);
    struct qnode *in = &q->node[0], *conv = &q->node[1], *pool = &q->node[2];
    *in = (struct qnode){ .op = OP_INPUT, .name = "in", .groups = 1, .scale = 1 };
    in->out = (struct shape){ between(&r, 1, 9), between(&r, 1, 9), between(&r, 1, 9) };
    q->input_code = alloc(p, 256 * (size_t)in->out.c);
    for (int i = 0; i < 256 * in->out.c; i++)
        q->input_code[i] = (uint8_t)rng_next(&r);
    *conv = (struct qnode){ .op = OP_CONV, .name = "conv", .n_inputs = 1, .input = { 0 }, .groups = 1,
        .out = in->out, .window = window_square(1, 1, 0), .scale = 1 };
    conv->out.c = between(&r, 1, 9);
    conv_init(p, conv, &r);
    *pool = (struct qnode){ .name = "pool", .n_inputs = 1, .input = { 1 }, .groups = 1, .scale = 1 };
    pool_init(p, pool, conv, &r);
    p->x = alloc(p, p->images * shape_count(in->out));
    p->y = alloc(p, p->images * shape_count(pool->out) * sizeof *p->y);
    p->expected = alloc(p, p->images * shape_count(pool->out) * sizeof *p->expected);
    problem_run(p, &r);
    array_problem(p, &r);
}

static struct array_sim *open_array(const char *spec, enum array_dataflow dataflow, int rows, int cols,
                                    int lanes)
{
    struct axm_spec s = spec_of(spec);
    struct array_sim *sim = NULL;
    struct array_config c = array_defaults(&s);
    c.dataflow = dataflow;
    c.rows = rows;
    c.cols = cols;
    c.lanes = lanes;
    c.acc_depth = 16;    /* an image may take several jobs */
    c.pool_width = POOL_WIDTH;
    if (verilator_need())
        skip();
    assert_int_equal(array_sim_open(&c, ARRAY_GATES, &sim), AXM_OK);
    return sim;
}

static void check_random(const char *spec, enum array_dataflow dataflow, int rows, int cols, int lanes,
                         int cases, uint64_t seed)
{
    struct array_sim *s = open_array(spec, dataflow, rows, cols, lanes);
    struct axm_mul *mul = model_of(spec);
    struct array_counters counters = { 0 };
    for (int i = 0; i < cases; i++) {
        struct problem p;
        problem_init(&p, mul, seed, (uint64_t)i);
        const struct qnode *n = &p.q->node[2];
        const struct window *w = &n->window;
        CHECK(array_sim_gemm(s, &p.g, &counters) == AXM_OK,
              "seed %llu, case %d: op %d, %dx%d / %dx%d, pad %d,%d", (unsigned long long)seed, i, n->op,
              w->kernel_h, w->kernel_w, w->stride_h, w->stride_w, w->pad_top, w->pad_left);
        for (size_t j = 0; j < p.images * shape_count(n->out); j++)
            CHECK(p.y[j] == p.expected[j], "seed %llu, case %d: op %d, result %zu is %d, not %d",
                  (unsigned long long)seed, i, n->op, j, p.y[j], p.expected[j]);
        /* The unit must leave what is not pooled alone. */
        if (i % 7 == 0) {
            int32_t *plain = alloc(&p, p.g.m * p.g.n * sizeof *plain);
            p.g.pool = NULL;
            p.g.y = plain;
            p.g.y_stride = p.g.m;
            assert_int_equal(array_sim_gemm(s, &p.g, &counters), AXM_OK);
        }
        qgraph_free(p.q);
    }
    assert_int_equal(counters.errors, 0);
    array_sim_close(s);
    axm_mul_close(mul);
}

static int cases(int n)
{
    return getenv("AXM_FULL") ? 20 * n : n;
}

TEST(test_array_pool__weight_stationary_equals_the_reference)
{
    check_random("scdm8s_x5_y2", ARRAY_WS, 3, 4, 2, cases(60), 1);
}

TEST(test_array_pool__output_stationary_equals_the_reference)
{
    check_random("exact8u", ARRAY_OS, 4, 3, 3, cases(60), 2);
}

/* What the unit cannot do is refused before anything runs. */
TEST(test_array_pool__what_does_not_fit_bad)
{
    struct array_sim *s = open_array("scdm8s_x5_y2", ARRAY_WS, 3, 4, 2);
    const int32_t one[16] = { [0] = 1 << 30 }, shift[16] = { [0] = 30 };
    const struct array_pool good = { .average = true, .kernel_h = 4, .kernel_w = 3, .stride_h = 1,
        .stride_w = 2, .in_h = 5, .in_w = 6, .out_h = 2, .out_w = 2, .hi = 1, .mult = one, .shift = shift,
        .entries = 12 };
    static uint8_t x[30], w[1];
    static int32_t y[30];
    const struct array_gemm base = { .m = 30, .n = 1, .k = 1, .x = x, .x_stride = 30, .w = w, .y = y,
        .y_stride = 30, .hi = 127 };
    for (int i = 0; i <= 16; i++) {
        struct array_pool p = good;
        struct array_gemm g = base;
        struct array_counters counters = { 0 };
        g.pool = &p;
        switch (i) {
        case 1: p.kernel_h = 64; break;
        case 2: p.kernel_w = 0; break;
        case 3: p.stride_h = 0; break;
        case 4: p.kernel_h = 5; break;          /* five windows above each other */
        case 5: p.pad_top = 4; break;
        case 6: p.pad_left = -1; break;
        case 7: g.m = 29; break;
        case 8: p.out_w = POOL_WIDTH + 1; break;
        case 9: p.out_h = 0; break;
        case 10: g.raw = true; break;
        case 11: g.zero = -257; break;
        case 12: g.hi = 256; break;
        case 13: p.out_h = 6; break;            /* the last one begins below the image */
        case 14: p.pad_left = 1; break;         /* 4 x 2 positions are entry 8, 4 x 3 the last: legal */
        case 15: p.out_h = 3; break;            /* the last one has 3 x 3 positions, others 4 x 3 */
        case 16: p.in_h = 0; break;
        }
        enum axm_status st = array_sim_gemm(s, &g, &counters);
        CHECK(st == (i == 0 || i == 14 ? AXM_OK : AXM_USAGE), "case %d: status %d", i, st);
        CHECK(i == 0 || i == 14 || counters.cycles == 0, "case %d: it ran", i);
    }
    array_sim_close(s);
}
