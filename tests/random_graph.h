/* Small random networks for the tests, float and quantized: branches that meet again in additions and
 * concatenations, groups and depthwise, strides, uneven padding, every pool, with all parameters
 * random.  The same seed gives the same network.
 *
 *     struct qgraph *q = random_qgraph(seed, QUANT_AFFINE, 8, 12);
 *     uint8_t pixel[RANDOM_PIXELS_MAX];
 *     random_pixels(seed, q->node[0].out, pixel);
 *
 * A quantized one passes qgraph_check(); its codes are spread over their range and seldom
 * saturate, so that a wrong bit anywhere shows at the end. */
#ifndef AXM_TESTS_RANDOM_GRAPH_H
#define AXM_TESTS_RANDOM_GRAPH_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "dnn/graph.h"
#include "dnn/qgraph.h"

enum {
    RANDOM_SIDE_MAX = 10, RANDOM_CHANNELS_MAX = 8,
    RANDOM_PIXELS_MAX = 4 * RANDOM_SIDE_MAX * RANDOM_SIDE_MAX,
};

static inline int random_int(struct rng *r, int lo, int hi)
{
    return lo + (int)rng_below(r, (uint64_t)(hi - lo + 1));
}

static inline bool random_one_in(struct rng *r, int n)
{
    return rng_below(r, (uint64_t)n) == 0;
}

static inline double random_between(struct rng *r, double lo, double hi)
{
    return lo + (hi - lo) * rng_unit(r);
}

/* --- topology -------------------------------------------------------------------- */

static inline bool random_same_plane(struct shape a, struct shape b)
{
    return a.h == b.h && a.w == b.w;
}

/* A node among the latest; half of the time the latest. */
static inline int random_node(struct rng *r, const struct graph *g)
{
    int n = g->n_nodes;
    return random_one_in(r, 2) ? n - 1 : n - 1 - (int)rng_below(r, (uint64_t)(n < 6 ? n : 6));
}

/* Another node that may stand beside `in`, or -1: of the same plane, or the same shape. */
static inline int random_partner(struct rng *r, const struct graph *g, int in, bool same_channels)
{
    int from = (int)rng_below(r, (uint64_t)g->n_nodes);
    for (int k = 0; k < g->n_nodes; k++) {
        int i = (from + k) % g->n_nodes;
        struct shape a = g->node[i].out, b = g->node[in].out;
        if (i != in && random_same_plane(a, b) && (!same_channels || a.c == b.c))
            return i;
    }
    return -1;
}

static inline struct window random_window(struct rng *r, struct shape in, bool pool)
{
    struct window w = { .kernel_h = random_int(r, 1, in.h < 3 ? in.h : 3),
                        .kernel_w = random_int(r, 1, in.w < 3 ? in.w : 3),
                        .stride_h = random_int(r, 1, 2), .stride_w = random_int(r, 1, 2) };
    int most_h = w.kernel_h - 1, most_w = w.kernel_w - 1;
    if (random_one_in(r, 3)) {   /* "same", what partners of an addition need */
        w.stride_h = w.stride_w = 1;
        w.pad_top = most_h / 2;
        w.pad_bottom = most_h - w.pad_top;
        w.pad_left = most_w / 2;
        w.pad_right = most_w - w.pad_left;
    } else if (random_one_in(r, 2)) {
        w.pad_top = random_int(r, 0, most_h);
        w.pad_bottom = random_int(r, 0, most_h);
        w.pad_left = random_int(r, 0, most_w);
        w.pad_right = random_int(r, 0, most_w);
        w.pad_top += !pool && random_one_in(r, 8);   /* more than a kernel is legal for convolutions */
    }
    return w;
}

static inline void random_conv(struct rng *r, struct graph *g, int in, const char *name)
{
    struct shape s = g->node[in].out;
    int out = random_int(r, 1, RANDOM_CHANNELS_MAX), groups = 1;
    if (random_one_in(r, 3))                          /* depthwise, one or two filters a channel */
        out = s.c * random_int(r, 1, s.c <= RANDOM_CHANNELS_MAX / 2 ? 2 : 1), groups = s.c;
    else if (s.c % 2 == 0 && random_one_in(r, 3))
        out = 2 * random_int(r, 1, RANDOM_CHANNELS_MAX / 2), groups = 2;
    graph_conv(g, in, name, out, random_window(r, s, false), groups, !random_one_in(r, 4));
}

/* One node on top of what is there.  integer: ops of quantized networks only. */
static inline void random_step(struct rng *r, struct graph *g, bool integer, int number)
{
    char name[32];
    int in = random_node(r, g), partner;
    struct shape s = g->node[in].out;
    snprintf(name, sizeof name, "n%d", number);
    switch (rng_below(r, 12)) {
    case 0:
        graph_batch_norm(g, in, name, 1e-3f);
        break;
    case 1:
        graph_unary(g, in, name, integer || random_one_in(r, 2) ? OP_RELU : OP_RELU6);
        break;
    case 2:
        graph_pool(g, in, name, OP_MAX_POOL, random_window(r, s, true));
        break;
    case 3:
        graph_pool(g, in, name, OP_AVG_POOL, random_window(r, s, true));
        break;
    case 4:
    case 5:
        partner = random_partner(r, g, in, true);
        if (partner >= 0)
            graph_add(g, in, partner, name);
        else
            random_conv(r, g, in, name);
        break;
    case 6:
        partner = random_partner(r, g, in, false);
        if (partner >= 0 && s.c + g->node[partner].out.c <= 2 * RANDOM_CHANNELS_MAX)
            graph_concat(g, (int[]){ in, partner, in }, 2 + random_one_in(r, 4), name);
        else
            random_conv(r, g, in, name);
        break;
    case 7:
        if (!integer) {
            graph_dropout(g, in, name, 0.25f);
            break;
        }   /* fall through */
    default:
        random_conv(r, g, in, name);
    }
}

/* Brings every loose end together, and a dense or 1x1 convolution on top. */
static inline void random_end(struct rng *r, struct graph *g)
{
    int loose[GRAPH_INPUTS_MAX], n = 0, last;
    bool used[256] = { false };
    char name[32];
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_inputs; k++)
            used[g->node[i].input[k]] = true;
    for (int i = 0, nodes = g->n_nodes; i < nodes; i++)
        if (!used[i] && n < GRAPH_INPUTS_MAX)
            loose[n++] = i;
    bool alike = true;
    for (int i = 1; i < n; i++)
        alike &= random_same_plane(g->node[loose[0]].out, g->node[loose[i]].out);
    for (int i = 0; i < n && n > 1 && !alike; i++) {
        snprintf(name, sizeof name, "global%d", i);
        loose[i] = graph_unary(g, loose[i], name, OP_GLOBAL_AVG_POOL);
    }
    last = n > 1 ? graph_concat(g, loose, n, "together") : loose[0];
    if (random_one_in(r, 2))
        last = graph_unary(g, last, "flat", OP_FLATTEN);
    if (random_one_in(r, 4)) {
        last = graph_unary(g, last, "global", OP_GLOBAL_AVG_POOL);
        graph_conv(g, last, "top", random_int(r, 2, 12), window_square(1, 1, 0), 1, true);
    } else {
        graph_dense(g, last, "top", random_int(r, 2, 12), true);
    }
}

/* Weights of about unit gain, biases, and batch norms of either sign. */
static inline void random_parameters(struct rng *r, struct graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        struct node *n = &g->node[i];
        size_t count = node_weight_count(g, n);
        double sigma = count ? sqrt((double)n->out.c / (double)count) : 0;
        for (size_t k = 0; k < count; k++)
            n->weight[k] = (float)(sigma * rng_gauss(r));
        for (int c = 0; n->bias && c < n->out.c; c++)
            n->bias[c] = (float)(0.2 * rng_gauss(r));
        for (int c = 0; n->gamma && c < n->out.c; c++) {
            n->gamma[c] = (float)(random_between(r, 0.5, 1.5) * (random_one_in(r, 5) ? -1 : 1));
            n->beta[c] = (float)(0.3 * rng_gauss(r));
            n->mean[c] = (float)(0.3 * rng_gauss(r));
            n->variance[c] = (float)random_between(r, 0.3, 2);
        }
    }
}

/* Input, then two paths that meet in an addition: two convolutions of 3 x 3, or a depthwise and a pointwise
 * one; beside them nothing, or a pointwise one where shapes change. */
static inline int random_residual(struct rng *r, struct graph *g, int in, int stride, int number)
{
    char name[4][16];
    struct shape s = g->node[in].out;
    int channels = stride > 1 ? random_int(r, 2, RANDOM_CHANNELS_MAX) : s.c, beside = in, n;
    for (int i = 0; i < 4; i++)
        snprintf(name[i], sizeof name[i], "b%d%c", number, "abcd"[i]);
    if (random_one_in(r, 3)) {
        n = graph_conv(g, in, name[0], s.c, window_square(3, stride, 1), s.c, true);
        n = graph_conv(g, n, name[1], channels, window_square(1, 1, 0), 1, true);
    } else {
        n = graph_conv(g, in, name[0], channels, window_square(3, stride, 1), 1, true);
        n = graph_conv(g, n, name[1], channels, window_square(3, 1, 1), 1, true);
    }
    if (stride > 1)
        beside = graph_conv(g, in, name[2], channels, window_square(1, stride, 0), 1, true);
    return graph_add(g, n, beside, name[3]);
}

/* A stem, one block that halves the plane among up to three, a pool and a dense layer. */
static inline void random_resnet(struct rng *r, struct graph *g)
{
    int n = graph_conv(g, 0, "stem", random_int(r, 2, RANDOM_CHANNELS_MAX), window_square(3, 1, 1), 1, true);
    int blocks = random_int(r, 1, 3), halved = random_int(r, 0, blocks - 1);
    for (int i = 0; i < blocks; i++)
        n = random_residual(r, g, n, i == halved ? 2 : 1, i);
    n = graph_unary(g, n, "pool", OP_GLOBAL_AVG_POOL);
    graph_dense(g, n, "top", random_int(r, 2, 10), true);
}

/* `nodes`: about so many (at most 100); 0: a ResNet.  Finished; NULL if out of memory. */
static inline struct graph *random_topology(struct rng *r, int nodes, bool integer)
{
    struct shape s = { random_int(r, 1, 4), random_int(r, 3, RANDOM_SIDE_MAX),
                       random_int(r, 3, RANDOM_SIDE_MAX) };
    struct graph *g = graph_new("random", s);
    for (int i = 1; g && i < nodes; i++)
        random_step(r, g, integer, i);
    if (!g)
        return NULL;
    if (nodes)
        random_end(r, g);
    else
        random_resnet(r, g);
    for (int c = 0; c < s.c; c++) {
        g->norm.mean[c] = (float)random_between(r, 0, 0.6);
        g->norm.std[c] = (float)random_between(r, 0.2, 1);
    }
    random_parameters(r, g);
    if (graph_finish(g) == AXM_OK)
        return g;
    graph_free(g);
    return NULL;
}

static inline struct graph *random_graph(uint64_t seed, int nodes)
{
    struct rng r;
    rng_init(&r, seed, 77);
    return random_topology(&r, nodes, false);
}

/* --- quantized ------------------------------------------------------------------------ */

/* value as multiplier / 2^shift, the multiplier 2^30..2^31-1. */
static inline void random_fixed(double value, int32_t *multiplier, int32_t *shift)
{
    int exponent;
    double m = floor(frexp(value, &exponent) * 2147483648.0);
    *multiplier = (int32_t)m;
    *shift = 31 - exponent;
}

static inline void random_weights(struct rng *r, const struct qgraph *q, struct qnode *n, struct arena *a)
{
    const struct qnode *in = &q->node[n->input[0]];
    size_t k = qnode_k(q, n), out = (size_t)n->out.c;
    int bits = q->weight_bits, lo = qgraph_signed(q) ? -(1 << (bits - 1)) : 0;
    float shared = (float)random_between(r, 0.001, 0.02);
    n->weight = arena_alloc(a, out * k);
    n->weight_zero = arena_alloc(a, out * sizeof *n->weight_zero);
    n->weight_scale = arena_alloc(a, out * sizeof *n->weight_scale);
    n->bias = arena_alloc(a, out * sizeof *n->bias);
    for (size_t o = 0; o < out; o++) {
        int64_t sum = 0;
        for (size_t i = 0; i < k; i++) {
            int v = lo + (int)rng_below(r, UINT64_C(1) << bits);
            n->weight[o * k + i] = (int8_t)v;
            sum += v;
        }
        n->weight_zero[o] = qgraph_signed(q) ? 0 : random_int(r, (1 << bits) * 3 / 8, (1 << bits) * 5 / 8);
        n->weight_scale[o] = q->per_channel ? (float)random_between(r, 0.001, 0.02) : shared;
        /* Beside what the definition asks for, about a tenth of an accumulator's spread. */
        double spread = sqrt((double)k) * 70 * (0.3 * (1 << bits));
        n->bias[o] = q->scheme == QUANT_ACE ? 0 :
                     (int32_t)(0.1 * spread * rng_gauss(r) - (double)(in->zero * sum) +
                               (double)k * in->zero * n->weight_zero[o]);
    }
}

/* Multipliers that bring accumulators to about two thirds of the codes. */
static inline void random_multipliers(struct rng *r, const struct qgraph *q, struct qnode *n, struct arena *a)
{
    size_t count = qnode_multipliers(q, n);
    int common = random_int(r, 18, 26);
    if (!count)
        return;
    n->multiplier = arena_alloc(a, count * sizeof *n->multiplier);
    n->shift = arena_alloc(a, count * sizeof *n->shift);
    if (n->op == OP_BATCH_NORM)
        n->add64 = arena_alloc(a, count * sizeof *n->add64);
    for (size_t i = 0; i < count; i++) {
        double gain = random_between(r, 0.5, 1.2);
        double spread = sqrt((double)qnode_k(q, n)) * 70 * (0.3 * (1 << q->weight_bits));
        switch (n->op) {
        case OP_ADD:
        case OP_CONCAT:
            n->multiplier[i] = (int32_t)(gain * 0.8 * (1 << common));
            n->shift[i] = common;
            break;
        case OP_AVG_POOL:
            random_fixed(gain / (double)(i + 1), &n->multiplier[i], &n->shift[i]);
            break;
        case OP_GLOBAL_AVG_POOL:
            random_fixed(gain / (q->node[n->input[0]].out.h * q->node[n->input[0]].out.w),
                         &n->multiplier[i], &n->shift[i]);
            break;
        case OP_BATCH_NORM:
            random_fixed(gain, &n->multiplier[i], &n->shift[i]);
            n->multiplier[i] *= random_one_in(r, 4) ? -1 : 1;
            n->add64[i] = (int64_t)(rng_gauss(r) * 20 * ldexp(1, n->shift[i]));
            break;
        default:   /* logits keep more digits than codes */
            random_fixed(gain * (n->is_logits ? 1000 : 60) / spread, &n->multiplier[i], &n->shift[i]);
        }
    }
}

static inline void random_codes(struct rng *r, const struct qgraph *q, struct qnode *n, bool last)
{
    const struct qnode *in = n->n_inputs ? &q->node[n->input[0]] : NULL;
    bool is_signed = qgraph_signed(q), ace = q->scheme == QUANT_ACE;
    bool keeps = n->op == OP_RELU || n->op == OP_MAX_POOL || n->op == OP_FLATTEN;
    n->scale = keeps ? in->scale : (float)random_between(r, 0.005, 0.05);
    n->zero = is_signed ? 0 : keeps ? in->zero : random_one_in(r, 3) ? 0 : random_int(r, 60, 200);
    n->lo = is_signed ? -127 : 0;
    n->hi = is_signed ? 127 : 255;
    n->relu = ace && !keeps && in && random_one_in(r, 3);
    if (qnode_multiplies(n) && last && !random_one_in(r, 5)) {
        n->is_logits = true;
        n->lo = INT32_MIN;
        n->hi = INT32_MAX;
    } else if (n->op == OP_MAX_POOL || n->op == OP_FLATTEN) {
        n->lo = in->lo;
        n->hi = in->hi;
    } else if (n->op == OP_RELU || n->relu) {
        n->lo = n->zero;
    } else if (in && !ace && random_one_in(r, 3)) {   /* a merged relu or relu6 */
        n->lo = n->zero;
        n->hi -= random_one_in(r, 2) ? random_int(r, 1, 40) : 0;
        n->hi = n->hi < n->lo ? n->lo : n->hi;
    }
}

/* Scheme ace: what stands for multipliers. */
static inline void random_gains(struct rng *r, struct qnode *n, struct arena *a)
{
    size_t out = (size_t)n->out.c;
    n->bias_float = arena_alloc(a, out * sizeof *n->bias_float);
    for (size_t o = 0; o < out; o++)
        n->bias_float[o] = (float)(0.1 * rng_gauss(r));
    if (n->op != OP_BATCH_NORM)
        return;
    n->weight_scale = arena_alloc(a, out * sizeof *n->weight_scale);
    for (size_t o = 0; o < out; o++)
        n->weight_scale[o] = (float)(random_between(r, 0.5, 1.5) * (random_one_in(r, 4) ? -1 : 1));
}

static inline void random_input_codes(struct rng *r, struct qgraph *q)
{
    struct qnode *n = &q->node[0];
    q->input_code = arena_alloc(&q->arena, 256 * (size_t)n->out.c);
    for (int c = 0; c < n->out.c; c++)
        for (int p = 0; p < 256; p++)
            q->input_code[c * 256 + p] = (uint8_t)random_int(r, n->lo, n->hi);
}

/* weight_bits 2..8; nodes as above.  NULL if out of memory. */
static inline struct qgraph *random_qgraph(uint64_t seed, enum quant_scheme scheme, int weight_bits,
                                           int nodes)
{
    struct rng r;
    rng_init(&r, seed, 78);
    struct graph *g = random_topology(&r, nodes, true);
    struct qgraph *q = qgraph_new();
    if (!g || !q) {
        graph_free(g);
        qgraph_free(q);
        return NULL;
    }
    snprintf(q->name, sizeof q->name, "random");
    q->scheme = scheme;
    q->weight_bits = weight_bits;
    q->per_channel = random_one_in(&r, 2);
    q->n_nodes = g->n_nodes;
    q->node = arena_alloc(&q->arena, (size_t)g->n_nodes * sizeof *q->node);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *from = &g->node[i];
        struct qnode *n = &q->node[i];
        n->op = from->op;
        memcpy(n->name, from->name, sizeof n->name);
        n->n_inputs = from->n_inputs;
        memcpy(n->input, from->input, sizeof n->input);
        n->out = from->out;
        n->window = from->window;
        n->groups = from->groups;
        random_codes(&r, q, n, i == g->n_nodes - 1);
        if (qnode_multiplies(n))
            random_weights(&r, q, n, &q->arena);
        if (scheme == QUANT_ACE && (qnode_multiplies(n) || n->op == OP_BATCH_NORM))
            random_gains(&r, n, &q->arena);
        random_multipliers(&r, q, n, &q->arena);
    }
    random_input_codes(&r, q);
    graph_free(g);
    return q;
}

/* --- images ------------------------------------------------------------------------------- */

/* shape_count(s) bytes, at most RANDOM_PIXELS_MAX. */
static inline void random_pixels(uint64_t seed, struct shape s, uint8_t *pixel)
{
    struct rng r;
    rng_init(&r, seed, 79);
    for (size_t i = 0; i < shape_count(s); i++)
        pixel[i] = (uint8_t)rng_next(&r);
}

/* The same as a float network's input. */
static inline void random_normalised(uint64_t seed, const struct graph *g, float *x)
{
    struct shape s = g->node[0].out;
    uint8_t pixel[RANDOM_PIXELS_MAX];
    random_pixels(seed, s, pixel);
    for (size_t i = 0; i < shape_count(s); i++) {
        size_t c = i / ((size_t)s.h * s.w);
        x[i] = ((float)pixel[i] / 255 - g->norm.mean[c]) / g->norm.std[c];
    }
}

#endif
