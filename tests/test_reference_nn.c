/* The plain loops that everything fast is held against: by hand on images of a few
 * pixels, and by NumPy on convolutions. */
#include "tests/harness.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "cmodel/lut.h"
#include "dnn/model.h"
#include "dnn/reference.h"
#include "tests/capture.h"
#include "tests/random_graph.h"

/* --- float --------------------------------------------------------------------------- */

/* Runs g on x and holds the output of its last node against want[count]. */
static void check_float(struct graph *g, const float *x, const float *want, int count)
{
    float *value[16];
    struct arena a = { 0 };
    assert_int_equal(graph_finish(g), AXM_OK);
    assert_int_equal(reference_forward(g, x, &a, value), AXM_OK);
    const struct node *n = &g->node[g->n_nodes - 1];
    assert_int_equal(shape_count(n->out), count);
    for (int i = 0; i < count; i++)
        CHECK(fabsf(value[g->n_nodes - 1][i] - want[i]) < 1e-6f, "%s: %d: %g, not %g", n->name, i,
              (double)value[g->n_nodes - 1][i], (double)want[i]);
    arena_release(&a);
    graph_free(g);
}

static const float nine[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static struct graph *conv_of(struct shape in, int out, struct window w, int groups, const float *weight)
{
    struct graph *g = graph_new("t", in);
    int c = graph_conv(g, 0, "c", out, w, groups, true);
    memcpy(g->node[c].weight, weight, node_weight_count(g, &g->node[c]) * sizeof *weight);
    return g;
}

TEST(test_reference_nn__conv_by_hand)
{
    const float w[] = { 1, 2, 3, 4 };
    struct graph *g = conv_of((struct shape){ 1, 3, 3 }, 1, window_square(2, 1, 0), 1, w);
    g->node[1].bias[0] = 0.5f;
    /* 1*1 + 2*2 + 3*4 + 4*5 and so on */
    check_float(g, nine, (float[]){ 37.5f, 47.5f, 67.5f, 77.5f }, 4);
}

TEST(test_reference_nn__conv_with_stride_and_uneven_padding_by_hand)
{
    const float w[] = { 1, 2, 3, 4 };
    /* a row above and a column at the left of zeros: 4*1, 3*2 + 4*3, 2*4 + 4*7, 1*5 + 2*6 + 3*8 + 4*9 */
    struct window p = { 2, 2, 2, 2, 1, 1, 0, 0 };
    check_float(conv_of((struct shape){ 1, 3, 3 }, 1, p, 1, w), nine, (float[]){ 4, 18, 36, 77 }, 4);
    /* the same at the bottom and the right: 37, 1*3 + 3*6, 1*7 + 2*8, 1*9 */
    p = (struct window){ 2, 2, 2, 2, 0, 0, 1, 1 };
    check_float(conv_of((struct shape){ 1, 3, 3 }, 1, p, 1, w), nine, (float[]){ 37, 21, 23, 9 }, 4);
}

TEST(test_reference_nn__groups_by_hand)
{
    const float x[] = { 1, 2, 3, 4 }, w[] = { 1, 10, 100, 1000 };
    struct window one = window_square(1, 1, 0);
    /* one group sees all: 1 + 20, 100 + 2000 */
    check_float(conv_of((struct shape){ 2, 1, 1 }, 2, one, 1, w), x, (float[]){ 21, 2100 }, 2);
    /* depthwise, two filters a channel */
    check_float(conv_of((struct shape){ 2, 1, 1 }, 4, one, 2, w), x, (float[]){ 1, 10, 200, 2000 }, 4);
    /* two groups of two channels */
    check_float(conv_of((struct shape){ 4, 1, 1 }, 2, one, 2, w), x, (float[]){ 21, 4300 }, 2);
}

TEST(test_reference_nn__dense_reads_c_h_w_by_hand)
{
    struct graph *g = graph_new("t", (struct shape){ 2, 1, 2 });
    int d = graph_dense(g, 0, "d", 2, true);
    memcpy(g->node[d].weight, (float[]){ 1, 10, 100, 1000, 0, 0, -1, 0 }, 8 * sizeof(float));
    g->node[d].bias[1] = 2;
    check_float(g, (float[]){ 1, 2, 3, 4 }, (float[]){ 4321, -1 }, 2);
}

TEST(test_reference_nn__batch_norm_by_hand)
{
    struct graph *g = graph_new("t", (struct shape){ 2, 1, 2 });
    graph_batch_norm(g, 0, "bn", 1);
    struct node *n = &g->node[1];
    n->mean[0] = 1;
    n->variance[0] = 3;
    n->gamma[0] = 4;
    n->beta[0] = 5;
    n->variance[1] = 0;
    /* (3 - 1) / sqrt(3 + 1) * 4 + 5; (-1 - 1) / 2 * 4 + 5; unchanged by sqrt(0 + 1) */
    check_float(g, (float[]){ 3, -1, 7, 8 }, (float[]){ 9, 1, 7, 8 }, 4);
}

static struct graph *unary_of(struct shape in, enum op op)
{
    struct graph *g = graph_new("t", in);
    graph_unary(g, 0, "u", op);
    return g;
}

TEST(test_reference_nn__elementwise_by_hand)
{
    const struct shape s = { 4, 1, 1 };
    const float x[] = { -1, 0, 3, 7 };
    check_float(unary_of(s, OP_RELU), x, (float[]){ 0, 0, 3, 7 }, 4);
    check_float(unary_of(s, OP_RELU6), x, (float[]){ 0, 0, 3, 6 }, 4);
    check_float(unary_of((struct shape){ 1, 2, 2 }, OP_GLOBAL_AVG_POOL), x, (float[]){ 2.25f }, 1);
    check_float(unary_of((struct shape){ 2, 1, 2 }, OP_FLATTEN), x, x, 4);
    /* e^0 : e^(ln 3) = 1 : 3, and no overflow */
    check_float(unary_of((struct shape){ 2, 1, 1 }, OP_SOFTMAX), (float[]){ 0, logf(3) },
                (float[]){ 0.25f, 0.75f }, 2);
    check_float(unary_of((struct shape){ 2, 1, 1 }, OP_SOFTMAX), (float[]){ 1000, 1000 },
                (float[]){ 0.5f, 0.5f }, 2);
    struct graph *g = graph_new("t", s);
    graph_dropout(g, 0, "d", 0.5f);
    check_float(g, x, x, 4);
}

TEST(test_reference_nn__pools_leave_padding_out_by_hand)
{
    const float x[] = { -1, -2, -3, -5 };
    const struct window w = { 2, 2, 1, 1, 1, 1, 0, 0 };
    struct graph *g = graph_new("t", (struct shape){ 1, 2, 2 });
    graph_pool(g, 0, "p", OP_MAX_POOL, w);
    check_float(g, x, (float[]){ -1, -1, -1, -1 }, 4);
    g = graph_new("t", (struct shape){ 1, 2, 2 });
    graph_pool(g, 0, "p", OP_AVG_POOL, w);
    check_float(g, x, (float[]){ -1, -1.5f, -2, -2.75f }, 4);
}

TEST(test_reference_nn__add_and_concat_by_hand)
{
    struct graph *g = graph_new("t", (struct shape){ 2, 1, 2 });
    int r = graph_unary(g, 0, "r", OP_RELU);
    int a = graph_add(g, 0, r, "a");
    graph_concat(g, (int[]){ a, 0 }, 2, "c");
    check_float(g, (float[]){ -1, 2, 3, -4 }, (float[]){ -1, 4, 6, -4, -1, 2, 3, -4 }, 8);
}

TEST(test_reference_nn__argmax_takes_the_lowest_of_equals)
{
    assert_int_equal(argmax_float((float[]){ -3, 1, 1, 0 }, 4), 1);
    assert_int_equal(argmax_int((int32_t[]){ -3, -3 }, 2), 0);
}

/* --- quantized ------------------------------------------------------------------------ */

/* Input and one node on it; pixels are code patterns.  The last node's clamp is the widest. */
static struct qgraph *q_new(enum quant_scheme scheme, struct shape in, int nodes)
{
    struct qgraph *q = qgraph_new();
    bool is_signed = scheme != QUANT_AFFINE;
    strcpy(q->name, "t");
    q->scheme = scheme;
    q->weight_bits = 8;
    q->per_channel = true;
    q->input_code = arena_alloc(&q->arena, 256 * (size_t)in.c);
    for (int i = 0; i < 256 * in.c; i++)
        q->input_code[i] = (uint8_t)(is_signed && (i & 255) == 128 ? 129 : i);
    q->n_nodes = nodes;
    q->node = arena_alloc(&q->arena, (size_t)nodes * sizeof *q->node);
    for (int i = 0; i < nodes; i++) {
        struct qnode *n = &q->node[i];
        snprintf(n->name, sizeof n->name, "n%d", i);
        n->groups = 1;
        n->scale = 1;
        n->lo = is_signed ? -127 : 0;
        n->hi = is_signed ? 127 : 255;
        n->n_inputs = i > 0;
        n->input[0] = i - 1;
    }
    q->node[0].op = OP_INPUT;
    q->node[0].out = in;
    return q;
}

/* Arrays of one node, all of a size: out channels with k weights each. */
static void q_weights(struct qgraph *q, struct qnode *n, const int *weight)
{
    size_t out = (size_t)n->out.c, k = qnode_k(q, n);
    n->weight = arena_alloc(&q->arena, out * k);
    n->weight_zero = arena_alloc(&q->arena, out * sizeof(int));
    n->weight_scale = arena_alloc(&q->arena, out * sizeof(float));
    n->bias = arena_alloc(&q->arena, out * sizeof(int32_t));
    for (size_t i = 0; i < out * k; i++)
        n->weight[i] = (int8_t)weight[i];
    for (size_t o = 0; o < out; o++)
        n->weight_scale[o] = 1;
}

/* multiplier / 2^shift, the same for all. */
static void q_multipliers(struct qgraph *q, struct qnode *n, int32_t multiplier, int32_t shift)
{
    size_t count = qnode_multipliers(q, n);
    n->multiplier = arena_alloc(&q->arena, count * sizeof(int32_t));
    n->shift = arena_alloc(&q->arena, count * sizeof(int32_t));
    n->add64 = arena_alloc(&q->arena, count * sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        n->multiplier[i] = multiplier;
        n->shift[i] = shift;
    }
}

static void logits(struct qnode *n)
{
    n->is_logits = true;
    n->lo = INT32_MIN;
    n->hi = INT32_MAX;
}

static const struct axm_mul *opened(const char *spec)
{
    struct axm_mul *m;
    assert_int_equal(axm_mul_open(spec, &m), AXM_OK);
    return m;
}

/* Runs q with m everywhere, frees both; want: the last node's values. */
static void check_with(struct qgraph *q, const struct axm_mul *m, bool weight_is_a, const int *pixel,
                       const int *want, int count)
{
    const struct axm_mul *mul[8];
    bool order[8];
    uint8_t bytes[64];
    int32_t *value[8];
    struct arena a = { 0 };
    CHECK(qgraph_check(q) == AXM_OK, "%s", axm_last_message());
    for (int i = 0; i < q->n_nodes; i++) {
        mul[i] = m;
        order[i] = weight_is_a;
    }
    for (size_t i = 0; i < shape_count(q->node[0].out); i++)
        bytes[i] = (uint8_t)pixel[i];
    assert_int_equal(reference_forward_quantized(q, bytes, mul, order, &a, value, NULL), AXM_OK);
    const struct qnode *n = &q->node[q->n_nodes - 1];
    assert_int_equal(shape_count(n->out), count);
    for (int i = 0; i < count; i++)
        CHECK(value[q->n_nodes - 1][i] == want[i], "%s, %d: %d, not %d", op_infos[n->op].name, i,
              value[q->n_nodes - 1][i], want[i]);
    arena_release(&a);
    axm_mul_close((struct axm_mul *)m);
    qgraph_free(q);
}

static void check_exact(struct qgraph *q, const int *pixel, const int *want, int count)
{
    check_with(q, opened(qgraph_signed(q) ? "exact8s" : "exact8u"), false, pixel, want, count);
}

enum { HALF = 1 << 30 };   /* multiplier of a half at shift 31, of 1 at shift 30 */

static struct qgraph *dense_of(enum quant_scheme scheme, int in, int out, const int *weight)
{
    struct qgraph *q = q_new(scheme, (struct shape){ in, 1, 1 }, 2);
    struct qnode *n = &q->node[1];
    n->op = OP_DENSE;
    n->out = (struct shape){ out, 1, 1 };
    q_weights(q, n, weight);
    q_multipliers(q, n, HALF, 31);
    return q;
}

TEST(test_reference_nn__halves_round_up_and_clamp_by_hand)
{
    /* acc 3 -> 1.5 -> 2, -3 -> -1.5 -> -1, 2 -> 1, 381 -> 190.5 -> 127, -381 -> -127 */
    const int w[] = { 1, -1, 0, 127, -127 };
    check_exact(dense_of(QUANT_SYMMETRIC, 1, 5, w), (int[]){ 3 }, (int[]){ 2, -1, 0, 127, -127 }, 5);
    struct qgraph *q = dense_of(QUANT_SYMMETRIC, 1, 2, w);
    q->node[1].lo = 0;       /* a merged relu */
    q->node[1].hi = 1;
    check_exact(q, (int[]){ 3 }, (int[]){ 1, 0 }, 2);
    q = dense_of(QUANT_SYMMETRIC, 1, 5, w);
    q->node[1].bias[2] = -7;     /* -3.5 -> -3 */
    logits(&q->node[1]);
    check_exact(q, (int[]){ 3 }, (int[]){ 2, -1, -3, 191, -190 }, 5);
}

/* acc = sum (x - zero_x) (w - zero_w) + 5 if the bias holds what the definition says. */
TEST(test_reference_nn__zero_points_by_hand)
{
    struct qgraph *q = dense_of(QUANT_AFFINE, 2, 1, (int[]){ 200, 30 });
    struct qnode *n = &q->node[1];
    q->node[0].zero = 10;
    n->weight_zero[0] = 100;
    n->bias[0] = 5 - 10 * (200 + 30) + 2 * 10 * 100;
    n->zero = 50;
    /* (12 - 10) (200 - 100) + (13 - 10) (30 - 100) + 5 = -5 -> -2.5 -> -2 + 50 */
    check_exact(q, (int[]){ 12, 13 }, (int[]){ 48 }, 1);
}

/* The table of a * 3 + b or the like, as somebody's multiplier. */
static const struct axm_mul *table_of(int per_a, int per_b, int constant)
{
    struct axm_lut l = { 8, 8, true, malloc(65536 * sizeof(int32_t)) };
    struct axm_mul *m;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++)
            l.value[a << 8 | b] = per_a * (int8_t)a + per_b * (int8_t)b + constant;
    assert_int_equal(axm_mul_open_lut("table", &l, &m), AXM_OK);
    axm_lut_release(&l);
    return m;
}

TEST(test_reference_nn__operand_order_by_hand)
{
    const int w[] = { 5, -6 }, x[] = { 20, 30 };
    for (int weight_is_a = 0; weight_is_a < 2; weight_is_a++) {
        struct qgraph *q = dense_of(QUANT_SYMMETRIC, 2, 1, w);
        logits(&q->node[1]);
        /* f(a, b) = 2 a: twice the sum of activations, or of weights; halved */
        check_with(q, table_of(2, 0, 0), weight_is_a, x, (int[]){ weight_is_a ? -1 : 50 }, 1);
    }
}

static struct qgraph *conv_q(enum quant_scheme scheme, struct shape in, struct shape out, struct window w,
                             int groups, const int *weight)
{
    struct qgraph *q = q_new(scheme, in, 2);
    struct qnode *n = &q->node[1];
    n->op = OP_CONV;
    n->out = out;
    n->window = w;
    n->groups = groups;
    q_weights(q, n, weight);
    q_multipliers(q, n, HALF, 30);
    return q;
}

/* A multiplier that says 3 whatever it gets: nine taps each, those in the padding too. */
TEST(test_reference_nn__padding_goes_through_the_multiplier)
{
    const int w[9] = { 0 }, x[4] = { 1, 2, 3, 4 };
    struct qgraph *q = conv_q(QUANT_SYMMETRIC, (struct shape){ 1, 2, 2 }, (struct shape){ 1, 2, 2 },
                              window_square(3, 1, 1), 1, w);
    check_with(q, table_of(0, 0, 3), false, x, (int[]){ 27, 27, 27, 27 }, 4);
}

TEST(test_reference_nn__quantized_conv_by_hand)
{
    const int w[] = { 1, 2, 3, 4 }, x[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const struct shape one = { 1, 3, 3 }, two = { 1, 2, 2 };
    check_exact(conv_q(QUANT_SYMMETRIC, one, two, window_square(2, 1, 0), 1, w), x,
                (int[]){ 37, 47, 67, 77 }, 4);
    const struct window p = { 2, 2, 2, 2, 1, 1, 0, 0 };
    check_exact(conv_q(QUANT_SYMMETRIC, one, two, p, 1, w), x, (int[]){ 4, 18, 36, 77 }, 4);
    /* Padding is the code of zero: with x - 1 and a row and column of zeros 0, 3 + 8, 6 + 24, ... */
    struct qgraph *q = conv_q(QUANT_AFFINE, one, two, p, 1, w);
    q->node[0].zero = 1;
    q->node[1].bias[0] = -1 * (1 + 2 + 3 + 4);
    check_exact(q, x, (int[]){ 0, 3 + 8, 6 + 24, 4 + 10 + 21 + 32 }, 4);
    /* depthwise, two filters a channel */
    const int v[] = { 1, 10, -1, 20 };
    check_exact(conv_q(QUANT_SYMMETRIC, (struct shape){ 2, 1, 1 }, (struct shape){ 4, 1, 1 },
                       window_square(1, 1, 0), 2, v), (int[]){ 3, 4 }, (int[]){ 3, 30, -4, 80 }, 4);
}

TEST(test_reference_nn__quantized_pools_by_hand)
{
    const int x[] = { -1, -2, -3, -6 };
    const struct window w = { 2, 2, 1, 1, 1, 1, 0, 0 };
    struct qgraph *q = q_new(QUANT_SYMMETRIC, (struct shape){ 1, 2, 2 }, 2);
    q->node[1].op = OP_MAX_POOL;
    q->node[1].out = (struct shape){ 1, 2, 2 };
    q->node[1].window = w;
    check_exact(q, x, (int[]){ -1, -1, -1, -1 }, 4);

    q = q_new(QUANT_AFFINE, (struct shape){ 1, 2, 2 }, 2);
    struct qnode *n = &q->node[1];
    n->op = OP_AVG_POOL;
    n->out = (struct shape){ 1, 2, 2 };
    n->window = w;
    n->zero = 100;
    q->node[0].zero = 10;
    q_multipliers(q, n, HALF, 30);
    n->shift[1] = 31;            /* by two taps; three never are */
    n->shift[3] = 32;
    /* 1; (1 + 2) / 2 = 1.5 -> 2; (1 - 5) / 2; (1 + 2 - 5 - 9) / 4 = -2.75 -> -3 */
    check_exact(q, (int[]){ 11, 12, 5, 1 }, (int[]){ 101, 102, 98, 97 }, 4);

    q = q_new(QUANT_SYMMETRIC, (struct shape){ 1, 2, 2 }, 2);
    n = &q->node[1];
    n->op = OP_GLOBAL_AVG_POOL;
    n->out = (struct shape){ 1, 1, 1 };
    q_multipliers(q, n, HALF, 32);
    check_exact(q, x, (int[]){ -3 }, 1);   /* -12 / 4 */
}

TEST(test_reference_nn__quantized_add_and_concat_by_hand)
{
    const enum op ops[] = { OP_ADD, OP_CONCAT };
    for (int i = 0; i < 2; i++) {
        struct qgraph *q = q_new(QUANT_AFFINE, (struct shape){ 2, 1, 1 }, 3);
        struct qnode *relu = &q->node[1], *n = &q->node[2];
        relu->op = OP_RELU;
        relu->out = q->node[0].out;
        relu->zero = q->node[0].zero = 10;
        relu->lo = 10;
        n->op = ops[i];
        n->out = (struct shape){ i ? 4 : 2, 1, 1 };
        n->n_inputs = 2;
        n->input[0] = 1;
        n->input[1] = 0;
        n->zero = 20;
        q_multipliers(q, n, 3, 2);
        n->multiplier[1] = 2;
        /* x - 10 = 7, -5; relu 7, 0.  (3 * 7 + 2 * 7) / 4 = 8.75 -> 9; -10 / 4 = -2.5 -> -2.
         * Apart: 5.25 -> 5, 0, 3.5 -> 4, -2.5 -> -2. */
        check_exact(q, (int[]){ 17, 5 }, i ? (int[]){ 25, 20, 24, 18 } : (int[]){ 29, 18 }, i ? 4 : 2);
    }
}

TEST(test_reference_nn__quantized_batch_norm_by_hand)
{
    struct qgraph *q = q_new(QUANT_AFFINE, (struct shape){ 2, 1, 1 }, 2);
    struct qnode *n = &q->node[1];
    n->op = OP_BATCH_NORM;
    n->out = q->node[0].out;
    n->zero = 100;
    q->node[0].zero = 10;
    q_multipliers(q, n, 3, 1);
    n->multiplier[1] = -5;
    n->shift[1] = 2;
    n->add64[0] = 4;
    /* (7 * 3 + 4) / 2 = 12.5 -> 13; 7 * -5 / 4 = -8.75 -> -9 */
    check_exact(q, (int[]){ 17, 17 }, (int[]){ 113, 91 }, 2);
}

/* --- scheme ace ---------------------------------------------------------------------------- */

/* s_x 1/2: y = (acc * 1/2 * 2 + bias) = 254, -127, 2: s_y = 2, codes 127, -64 (63.5 to even), 1. */
TEST(test_reference_nn__ace_rescales_by_hand)
{
    for (int relu = 0; relu < 2; relu++) {
        struct qgraph *q = dense_of(QUANT_ACE, 1, 3, (int[]){ 100, -50, 1 });
        struct qnode *n = &q->node[1];
        q->node[0].scale = 0.5f;
        n->bias_float = arena_alloc(&q->arena, 3 * sizeof(float));
        n->bias_float[0] = 54;
        n->bias_float[1] = -27;
        for (int o = 0; o < 3; o++)
            n->weight_scale[o] = 2;
        n->relu = relu;
        check_exact(q, (int[]){ 2 }, relu ? (int[]){ 127, 0, 1 } : (int[]){ 127, -64, 1 }, 3);
    }
}

/* Two branches of different scales: the input's 1/2, and 127ths of its largest after a layer. */
TEST(test_reference_nn__ace_adds_and_concatenates_scales_by_hand)
{
    for (int op = 0; op < 2; op++) {
        struct qgraph *q = dense_of(QUANT_ACE, 2, 2, (int[]){ 4, 0, 0, 4 });
        struct qnode *old = q->node, *n;
        q->node = arena_alloc(&q->arena, 4 * sizeof *q->node);
        memcpy(q->node, old, 2 * sizeof *old);
        q->n_nodes = 4;
        q->node[0].scale = 0.5f;
        q->node[1].bias_float = arena_alloc(&q->arena, 2 * sizeof(float));
        /* relu of the codes keeps the scale */
        n = &q->node[2];
        *n = q->node[0];
        n->op = OP_RELU;
        n->n_inputs = 1;
        n->input[0] = 0;
        n->lo = 0;
        strcpy(n->name, "relu");
        n = &q->node[3];
        *n = q->node[2];
        strcpy(n->name, "last");
        n->op = op ? OP_CONCAT : OP_ADD;
        n->n_inputs = 2;
        n->input[0] = 1;
        n->input[1] = 2;
        n->lo = -127;
        if (op)
            n->out.c = 4;
        /* x = 10, -4: dense y = 20, -8, codes 127, -51 (-50.8) of scale 20/127; relu 10, 0 of 1/2.
         * add: 20 + 5 = 25, -51 * 20/127 = -8.0315: scale 25/127: 127, -41 (-40.8).
         * concat: 20, -8.0315, 5, 0 in 20/127: 127, -51, 32 (31.75), 0. */
        check_exact(q, (int[]){ 10, -4 }, op ? (int[]){ 127, -51, 32, 0 } : (int[]){ 127, -41 }, op ? 4 : 2);
    }
}

TEST(test_reference_nn__ace_pool_norm_and_logits_by_hand)
{
    /* Batch norm: 10 * 1/2 * -2 + 3 = -7, 4 * 1/2 * 1 + 0 = 2: codes -127, 36 (36.29). */
    struct qgraph *q = q_new(QUANT_ACE, (struct shape){ 2, 1, 1 }, 2);
    struct qnode *n = &q->node[1];
    n->op = OP_BATCH_NORM;
    n->out = q->node[0].out;
    q->node[0].scale = 0.5f;
    n->weight_scale = arena_alloc(&q->arena, 2 * sizeof(float));
    n->bias_float = arena_alloc(&q->arena, 2 * sizeof(float));
    n->weight_scale[0] = -2;
    n->weight_scale[1] = 1;
    n->bias_float[0] = 3;
    check_exact(q, (int[]){ 10, 4 }, (int[]){ -127, 36 }, 2);

    /* Averages 10 / 1 and (10 - 4) / 2: codes 127 and 38 (38.1). */
    q = q_new(QUANT_ACE, (struct shape){ 1, 1, 2 }, 2);
    n = &q->node[1];
    n->op = OP_AVG_POOL;
    n->out = (struct shape){ 1, 1, 2 };
    n->window = (struct window){ 1, 2, 1, 1, 0, 1, 0, 0 };
    check_exact(q, (int[]){ 10, -4 }, (int[]){ 127, 38 }, 2);

    /* Logits in units of their own scale: 3 * (1/2 * 1) + 0.25 = 1.75 -> 7 quarters; all 0: 0. */
    q = dense_of(QUANT_ACE, 1, 2, (int[]){ 1, 0 });
    n = &q->node[1];
    q->node[0].scale = 0.5f;
    n->bias_float = arena_alloc(&q->arena, 2 * sizeof(float));
    n->bias_float[0] = 0.25f;
    n->scale = 0.25f;
    logits(n);
    check_exact(q, (int[]){ 3 }, (int[]){ 7, 0 }, 2);
}

TEST(test_reference_nn__ace_code_of_what_is_not_finite)
{
    assert_true(ace_scale(0) == 1 && ace_scale(5e-324) == 1 && ace_scale(254) == 2);
    assert_int_equal(ace_code(NAN, 1), 0);
    assert_int_equal(ace_code(INFINITY, INFINITY), 0);
    assert_int_equal(ace_logit(1e300, 1), INT32_MAX);
    assert_int_equal(ace_logit(-INFINITY, 1), INT32_MIN);
    assert_int_equal(ace_logit(NAN, 1), 0);
}

/* --- what must not run ------------------------------------------------------------------------ */

static void check_unfit(enum quant_scheme scheme, int weight_bits, const char *spec, bool weight_is_a,
                        const char *reason)
{
    struct qgraph *q = dense_of(scheme, 1, 1, (int[]){ 1 });
    const struct axm_mul *m = opened(spec), *mul[2] = { NULL, m };
    int32_t *value[2];
    struct arena a = { 0 };
    struct capture c;
    q->weight_bits = weight_bits;
    capture_begin(&c);
    enum axm_status st = reference_forward_quantized(q, (uint8_t[]){ 1 }, mul, (bool[]){ 0, weight_is_a }, &a,
                                                     value, NULL);
    capture_end(&c);
    CHECK(st == AXM_USAGE && c.messages == 1 && strstr(c.line, reason), "%s: '%s'", spec, c.line);
    arena_release(&a);
    axm_mul_close((struct axm_mul *)m);
    qgraph_free(q);
}

TEST(test_reference_nn__multipliers_that_do_not_fit_bad)
{
    check_unfit(QUANT_SYMMETRIC, 8, "exact8u", false, "n1: exact8u is unsigned, the network");
    check_unfit(QUANT_AFFINE, 8, "exact8s", false, "exact8s is signed");
    check_unfit(QUANT_AFFINE, 5, "exact8x4u", false, "8 bits for the activation and 4 for the weight");
    check_unfit(QUANT_AFFINE, 4, "exact8x4u", true, "4 bits for the activation and 8 for the weight");
}

/* 8x4 and 16x16 multipliers see the same numbers as 8x8. */
TEST(test_reference_nn__other_widths_are_extended)
{
    const char *const spec[] = { "exact8s", "exact8x4s", "exact16s" };
    for (int i = 0; i < 3; i++) {
        struct qgraph *q = dense_of(QUANT_SYMMETRIC, 2, 1, (int[]){ -8, 7 });
        q->weight_bits = 4;
        logits(&q->node[1]);
        check_with(q, opened(spec[i]), false, (int[]){ 100, -100 }, (int[]){ -750 }, 1);
    }
}

/* --- random networks ------------------------------------------------------------------------------- */

/* Every op turns up, all are legal, codes are spread, and another seed is another network. */
TEST(test_reference_nn__random_networks_are_worth_running)
{
    int seen[OPS] = { 0 }, codes = 0, saturated = 0;
    const struct axm_mul *mul[3] = { opened("exact8s"), opened("exact8u"), opened("exact8s") };
    for (uint64_t seed = 1; seed <= 150; seed++) {
        enum quant_scheme scheme = (enum quant_scheme)(seed % 3);
        struct qgraph *q = random_qgraph(seed, scheme, seed % 4 ? 8 : 4, 12);
        struct graph *g = random_graph(seed, 12);
        assert_non_null(q);
        assert_non_null(g);
        CHECK(qgraph_check(q) == AXM_OK, "seed %d", (int)seed);
        const struct axm_mul *of_node[128];
        bool order[128];
        int32_t *value[128];
        uint8_t pixel[RANDOM_PIXELS_MAX];
        struct arena a = { 0 };
        assert_true(q->n_nodes <= 128 && g->n_nodes <= 128);
        for (int i = 0; i < q->n_nodes; i++) {
            of_node[i] = mul[scheme];
            order[i] = false;
        }
        random_pixels(seed, q->node[0].out, pixel);
        assert_int_equal(reference_forward_quantized(q, pixel, of_node, order, &a, value, NULL), AXM_OK);
        for (int i = 0; i < q->n_nodes; i++) {
            const struct qnode *n = &q->node[i];
            seen[n->op]++;
            for (size_t k = 0; k < shape_count(n->out) && !n->is_logits; k++) {
                int32_t v = value[i][k];
                CHECK(v >= n->lo && v <= n->hi, "seed %d: %s", (int)seed, n->name);
                codes++;
                saturated += v == n->lo || v == n->hi;
            }
        }
        for (int i = 0; i < g->n_nodes; i++)
            seen[g->node[i].op]++;
        float x[RANDOM_PIXELS_MAX], *out[128];
        random_normalised(seed, g, x);
        assert_int_equal(reference_forward(g, x, &a, out), AXM_OK);
        for (size_t k = 0; k < shape_count(g->node[g->n_nodes - 1].out); k++)
            assert_true(isfinite(out[g->n_nodes - 1][k]));
        arena_release(&a);
        qgraph_free(q);
        graph_free(g);
    }
    for (int op = 0; op < OPS; op++)
        CHECK(seen[op] > 20 || op == OP_SOFTMAX, "%s: %d", op_infos[op].name, seen[op]);
    printf("%d codes, %d at a clamp\n", codes, saturated);
    CHECK(saturated < codes / 2, "%d of %d", saturated, codes);
    for (int i = 0; i < 3; i++)
        axm_mul_close((struct axm_mul *)mul[i]);
}

/* --- NumPy ------------------------------------------------------------------------------------------ */

#define PYTHON "/usr/bin/python3"   /* Debian's, which has Debian's numpy */

enum { ORACLE_GRAPHS = 90, ORACLE_NODES = 128 };

struct oracle {
    struct strbuf dir, path[ORACLE_GRAPHS];
    int n;
};

static void oracle_begin(struct oracle *o)
{
    const char *const probe[] = { PYTHON, "-c", "import numpy", NULL };
    int code = 1;
    if (access(PYTHON, X_OK) || proc_run(probe, &(struct proc_opts){ .exit_code = &code }) != AXM_OK || code)
        SKIP("no numpy");
    *o = (struct oracle){ 0 };
    assert_int_equal(file_scratch_dir(&o->dir), AXM_OK);
}

/* The model is to be saved under what this returns. */
static const char *oracle_add(struct oracle *o, const void *input, size_t bytes)
{
    struct strbuf *path = &o->path[o->n], in = { 0 };
    strbuf_addf(path, "%s/m%d", o->dir.s, o->n++);
    strbuf_addf(&in, "%s.in", path->s);
    assert_int_equal(file_write(in.s, input, bytes), AXM_OK);
    strbuf_release(&in);
    return path->s;
}

static void oracle_run(struct oracle *o)
{
    const char *argv[ORACLE_GRAPHS + 3] = { PYTHON, "tests/nn_oracle.py" };
    struct strbuf out = { 0 };
    for (int i = 0; i < o->n; i++)
        argv[2 + i] = o->path[i].s;
    CHECK(proc_run(argv, &(struct proc_opts){ .out = &out, .err = &out }) == AXM_OK, "%s",
          out.s ? out.s : "");
    strbuf_release(&out);
}

/* All nodes' values of network i, 8 bytes each. */
static void oracle_values(struct oracle *o, int i, size_t count, struct strbuf *out)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s.out", o->path[i].s);
    assert_int_equal(file_read(path.s, 1 << 26, out), AXM_OK);
    assert_int_equal(out->len, 8 * count);
    strbuf_release(&path);
}

static void oracle_end(struct oracle *o)
{
    for (int i = 0; i < o->n; i++)
        strbuf_release(&o->path[i]);
    file_remove_tree(o->dir.s);
    strbuf_release(&o->dir);
}

TEST(test_reference_nn__numpy_agrees_on_quantized_networks)
{
    static struct qgraph *q[ORACLE_GRAPHS];
    uint8_t pixel[ORACLE_GRAPHS][RANDOM_PIXELS_MAX];
    struct oracle o;
    oracle_begin(&o);
    for (int i = 0; i < ORACLE_GRAPHS; i++) {
        q[i] = random_qgraph((uint64_t)i + 1000, (enum quant_scheme)(i % 3), 2 + i % 7, 14);
        random_pixels((uint64_t)i, q[i]->node[0].out, pixel[i]);
        const char *path = oracle_add(&o, pixel[i], shape_count(q[i]->node[0].out));
        assert_int_equal(model_save_quantized(path, q[i]), AXM_OK);
    }
    oracle_run(&o);
    const struct axm_mul *exact[2] = { opened("exact8u"), opened("exact8s") };
    for (int i = 0; i < ORACLE_GRAPHS; i++) {
        const struct axm_mul *mul[ORACLE_NODES];
        bool order[ORACLE_NODES];
        int32_t *value[ORACLE_NODES];
        struct arena a = { 0 };
        struct strbuf want = { 0 };
        size_t count = 0, at = 0;
        assert_true(q[i]->n_nodes <= ORACLE_NODES);
        for (int n = 0; n < q[i]->n_nodes; n++) {
            mul[n] = exact[qgraph_signed(q[i])];
            order[n] = n % 2;
            count += shape_count(q[i]->node[n].out);
        }
        assert_int_equal(reference_forward_quantized(q[i], pixel[i], mul, order, &a, value, NULL), AXM_OK);
        oracle_values(&o, i, count, &want);
        for (int n = 0; n < q[i]->n_nodes; n++)
            for (size_t k = 0; k < shape_count(q[i]->node[n].out); k++, at++) {
                int64_t w;
                memcpy(&w, want.s + 8 * at, 8);
                CHECK(value[n][k] == w, "network %d, %s, %s: %zu: %d, NumPy says %lld", i,
                      q[i]->node[n].name, op_infos[q[i]->node[n].op].name, k, value[n][k], (long long)w);
            }
        strbuf_release(&want);
        arena_release(&a);
        qgraph_free(q[i]);
    }
    axm_mul_close((struct axm_mul *)exact[0]);
    axm_mul_close((struct axm_mul *)exact[1]);
    oracle_end(&o);
}

/* Up to what float rounds off a node at a time. */
TEST(test_reference_nn__numpy_agrees_on_float_networks)
{
    static struct graph *g[ORACLE_GRAPHS];
    float x[ORACLE_GRAPHS][RANDOM_PIXELS_MAX];
    struct oracle o;
    oracle_begin(&o);
    for (int i = 0; i < ORACLE_GRAPHS; i++) {
        g[i] = random_graph((uint64_t)i + 1000, 14);
        random_normalised((uint64_t)i, g[i], x[i]);
        const char *path = oracle_add(&o, x[i], 4 * shape_count(g[i]->node[0].out));
        assert_int_equal(model_save(path, g[i], NULL), AXM_OK);
    }
    oracle_run(&o);
    for (int i = 0; i < ORACLE_GRAPHS; i++) {
        float *value[ORACLE_NODES];
        struct arena a = { 0 };
        struct strbuf want = { 0 };
        size_t count = 0, at = 0;
        assert_true(g[i]->n_nodes <= ORACLE_NODES);
        for (int n = 0; n < g[i]->n_nodes; n++)
            count += shape_count(g[i]->node[n].out);
        assert_int_equal(reference_forward(g[i], x[i], &a, value), AXM_OK);
        oracle_values(&o, i, count, &want);
        for (int n = 0; n < g[i]->n_nodes; n++)
            for (size_t k = 0; k < shape_count(g[i]->node[n].out); k++, at++) {
                double w;
                memcpy(&w, want.s + 8 * at, 8);
                CHECK(fabs((double)value[n][k] - w) <= 1e-4 * (1 + fabs(w)),
                      "network %d, %s, %s: %zu: %g, NumPy says %g", i, g[i]->node[n].name,
                      op_infos[g[i]->node[n].op].name, k, (double)value[n][k], w);
            }
        strbuf_release(&want);
        arena_release(&a);
        graph_free(g[i]);
    }
    oracle_end(&o);
}
