/* Training: passes against plain loops in double and their finite differences, optimizers and schedules
 * against hand arithmetic, and that neither threads nor interruptions change a bit. */
#include "tests/harness.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "dnn/augment.h"
#include "dnn/checkpoint.h"
#include "dnn/executor.h"
#include "dnn/levels.h"
#include "dnn/model.h"
#include "dnn/optimizer.h"
#include "dnn/reference.h"
#include "dnn/train.h"
#include "tests/capture.h"
#include "tests/random_graph.h"

/* --- training passes by plain loops -------------------------------------------------------- */

/* Parameters in double, laid out as in a param_map; values [image][c][h][w] of each node. */
struct plain {
    const struct graph *g;
    struct param_map map;
    double *params;
    int images;
    double *value[256];
    float *input;
};

static double weight_at(const struct plain *p, int node, size_t i)
{
    return p->params[p->map.slot[node].weight + i];
}

static double bias_at(const struct plain *p, int node, int c)
{
    size_t at = p->map.slot[node].bias;
    return at == PARAM_NONE ? 0 : p->params[at + (size_t)c];
}

static double pixel(const double *x, struct shape s, int c, int y, int z)
{
    return y >= 0 && y < s.h && z >= 0 && z < s.w ? x[(c * s.h + y) * s.w + z] : 0;
}

static void plain_conv(const struct plain *p, int node, const double *x, double *out)
{
    const struct node *n = &p->g->node[node];
    const struct window *w = &n->window;
    struct shape in = p->g->node[n->input[0]].out;
    int group_in = in.c / n->groups, group_out = n->out.c / n->groups;
    for (int o = 0; o < n->out.c; o++)
        for (int y = 0; y < n->out.h; y++)
            for (int z = 0; z < n->out.w; z++) {
                double sum = bias_at(p, node, o);
                int first = o / group_out * group_in;
                for (int c = 0; c < group_in; c++)
                    for (int ky = 0; ky < w->kernel_h; ky++)
                        for (int kx = 0; kx < w->kernel_w; kx++) {
                            size_t at = (size_t)((o * group_in + c) * w->kernel_h + ky) * w->kernel_w + kx;
                            int iy = y * w->stride_h - w->pad_top + ky;
                            int ix = z * w->stride_w - w->pad_left + kx;
                            sum += weight_at(p, node, at) * pixel(x, in, first + c, iy, ix);
                        }
                *out++ = sum;
            }
}

static void plain_pool(const struct plain *p, int node, const double *x, double *out)
{
    const struct node *n = &p->g->node[node];
    struct shape in = p->g->node[n->input[0]].out;
    struct window w = n->window;
    if (n->op == OP_GLOBAL_AVG_POOL)
        w = (struct window){ in.h, in.w, 1, 1, 0, 0, 0, 0 };
    for (int c = 0; c < n->out.c; c++)
        for (int y = 0; y < n->out.h; y++)
            for (int z = 0; z < n->out.w; z++) {
                double sum = 0, most = -INFINITY;
                int taps = 0;
                for (int iy = y * w.stride_h - w.pad_top; iy < y * w.stride_h - w.pad_top + w.kernel_h; iy++)
                    for (int ix = z * w.stride_w - w.pad_left; ix < z * w.stride_w - w.pad_left + w.kernel_w;
                         ix++)
                        if (iy >= 0 && iy < in.h && ix >= 0 && ix < in.w) {
                            double v = pixel(x, in, c, iy, ix);
                            sum += v;
                            most = v > most ? v : most;
                            taps++;
                        }
                *out++ = n->op == OP_MAX_POOL ? most : sum / taps;
            }
}

/* Over all images: the statistics are the batch's. */
static void plain_batch_norm(const struct plain *p, int node, const double *x, double *out)
{
    const struct node *n = &p->g->node[node];
    size_t plane = (size_t)n->out.h * n->out.w, image = plane * n->out.c;
    size_t from = p->map.slot[node].scale_shift;
    double count = (double)(plane * (size_t)p->images);
    for (int c = 0; c < n->out.c; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < p->images; i++)
            for (size_t k = 0; k < plane; k++)
                sum += x[i * image + c * plane + k];
        for (int i = 0; i < p->images; i++)
            for (size_t k = 0; k < plane; k++)
                squares += pow(x[i * image + c * plane + k] - sum / count, 2);
        double unit = 1 / sqrt(squares / count + n->epsilon);
        for (int i = 0; i < p->images; i++)
            for (size_t k = 0; k < plane; k++)
                out[i * image + c * plane + k] =
                    (x[i * image + c * plane + k] - sum / count) * unit * p->params[from + (size_t)c] +
                    p->params[from + (size_t)(n->out.c + c)];
    }
}

static void plain_softmax(const double *x, double *out, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp(x[i]);
    for (int i = 0; i < n; i++)
        out[i] = exp(x[i]) / sum;
}

static void plain_node(struct plain *p, int node, int image)
{
    const struct node *n = &p->g->node[node];
    size_t count = shape_count(n->out), in = shape_count(p->g->node[n->input[0]].out);
    const double *x = p->value[n->input[0]] + (size_t)image * in;
    double *out = p->value[node] + (size_t)image * count;
    switch (n->op) {
    case OP_CONV:
        plain_conv(p, node, x, out);
        break;
    case OP_DENSE:
        for (size_t o = 0; o < count; o++) {
            out[o] = bias_at(p, node, (int)o);
            for (size_t i = 0; i < in; i++)
                out[o] += weight_at(p, node, o * in + i) * x[i];
        }
        break;
    case OP_RELU:
    case OP_RELU6:
        for (size_t i = 0; i < count; i++)
            out[i] = fmin(fmax(x[i], 0), n->op == OP_RELU6 ? 6 : INFINITY);
        break;
    case OP_MAX_POOL:
    case OP_AVG_POOL:
    case OP_GLOBAL_AVG_POOL:
        plain_pool(p, node, x, out);
        break;
    case OP_ADD:
        for (size_t i = 0; i < count; i++)
            out[i] = x[i] + p->value[n->input[1]][(size_t)image * count + i];
        break;
    case OP_CONCAT:
        for (int k = 0; k < n->n_inputs; k++) {
            size_t part = shape_count(p->g->node[n->input[k]].out);
            memcpy(out, p->value[n->input[k]] + (size_t)image * part, part * sizeof *out);
            out += part;
        }
        break;
    case OP_SOFTMAX:
        plain_softmax(x, out, n->out.c);
        break;
    default:
        memcpy(out, x, count * sizeof *out);
    }
}

static void plain_forward(struct plain *p)
{
    for (int node = 0; node < p->g->n_nodes; node++) {
        size_t all = shape_count(p->g->node[node].out) * (size_t)p->images;
        if (node == 0)
            for (size_t i = 0; i < all; i++)
                p->value[0][i] = p->input[i];
        else if (p->g->node[node].op == OP_BATCH_NORM)
            plain_batch_norm(p, node, p->value[p->g->node[node].input[0]], p->value[node]);
        else
            for (int i = 0; i < p->images; i++)
                plain_node(p, node, i);
    }
}

/* --- a graph in both forms ------------------------------------------------------------------- */

struct both {
    struct graph *g;
    struct plain plain;
    struct executor *e;
    float *params, *stats, *grad;
    double *slope;              /* derivative of the loss by each output: loss = sum of slope * output */
    size_t outputs, inputs;     /* of all images */
};

static void both_init(struct both *b, struct graph *g, int images, bool training, uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed, 1);
    *b = (struct both){ .g = g, .plain = { .g = g, .images = images } };
    struct plain *p = &b->plain;
    assert_int_equal(param_map_init(g, &p->map), AXM_OK);
    b->params = params_new(p->map.count);
    b->stats = params_new(p->map.stats);
    b->grad = params_new(p->map.count);
    params_from_graph(g, &p->map, b->params, b->stats);
    p->params = calloc(p->map.count + 1, sizeof *p->params);
    for (size_t i = 0; i < p->map.count; i++)
        p->params[i] = b->params[i];
    for (int i = 0; i < g->n_nodes; i++)
        p->value[i] = calloc(shape_count(g->node[i].out) * (size_t)images, sizeof *p->value[i]);
    b->inputs = shape_count(g->node[0].out) * (size_t)images;
    b->outputs = shape_count(g->node[g->n_nodes - 1].out) * (size_t)images;
    b->slope = calloc(b->outputs, sizeof *b->slope);
    for (size_t i = 0; i < b->outputs; i++)
        b->slope[i] = (float)rng_gauss(&r);
    const struct executor_opts o = { images, 1, training, false };
    assert_int_equal(executor_new(g, &p->map, b->params, b->stats, &o, &b->e), AXM_OK);
    p->input = executor_input(b->e, 0);
    for (size_t i = 0; i < b->inputs; i++)
        p->input[i] = (float)rng_gauss(&r);
}

static void both_release(struct both *b)
{
    executor_free(b->e);
    for (int i = 0; i < b->g->n_nodes; i++)
        free(b->plain.value[i]);
    free(b->plain.params);
    param_map_release(&b->plain.map);
    free(b->params);
    free(b->stats);
    free(b->grad);
    free(b->slope);
    graph_free(b->g);
}

static void both_pass(struct both *b, bool back, uint64_t dropout_seed)
{
    struct rng r;
    rng_init(&r, dropout_seed, 0);
    assert_int_equal(executor_update(b->e), AXM_OK);
    assert_int_equal(executor_forward(b->e, 0, &r), AXM_OK);
    for (size_t i = 0; back && i < b->outputs; i++)
        executor_logits_diff(b->e, 0)[i] = (float)b->slope[i];
    if (back)
        assert_int_equal(executor_backward(b->e, 0, b->grad), AXM_OK);
}

static double plain_loss(struct both *b)
{
    double sum = 0;
    plain_forward(&b->plain);
    for (size_t i = 0; i < b->outputs; i++)
        sum += b->slope[i] * b->plain.value[b->g->n_nodes - 1][i];
    return sum;
}

/* Central differences of the plain loss at up to 12 places of each tensor.  Places where the two
 * half steps disagree sit on a kink of a relu or a maximum, and say nothing. */
static int check_gradients(struct both *b, const char *what)
{
    const double h = 1e-5;
    int checked = 0;
    double base = plain_loss(b), most = 0;
    for (size_t i = 0; i < b->plain.map.count; i++)
        most = fmax(most, fabs(b->grad[i]));
    for (int k = 0; k < b->plain.map.n_ranges; k++) {
        const struct param_range *r = &b->plain.map.range[k];
        size_t every = r->count < 12 ? 1 : r->count / 12;
        for (size_t i = r->first; i < r->first + r->count; i += every) {
            double *p = &b->plain.params[i], kept = *p;
            *p = kept + h;
            double up = plain_loss(b);
            *p = kept - h;
            double down = plain_loss(b);
            *p = kept;
            if (fabs(up + down - 2 * base) > 1e-5 * h * (1 + most))
                continue;
            double want = (up - down) / (2 * h);
            CHECK(fabs(want - b->grad[i]) <= 2e-4 * (most + 1), "%s: parameter %zu: %.9g, not %.9g", what, i,
                  b->grad[i], want);
            checked++;
        }
    }
    return checked;
}

static void no_dropout(struct graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].op == OP_DROPOUT)
            g->node[i].rate = 0;
}

TEST(test_train__gradients_of_random_graphs_are_finite_differences)
{
    int seeds = getenv("AXM_FULL") ? 200 : 30, checked = 0;
    bool seen[OPS] = { false };
    for (int seed = 1; seed <= seeds; seed++) {
        char what[32];
        struct both b;
        struct graph *g = random_graph((uint64_t)seed, 10);
        no_dropout(g);
        for (int i = 0; i < g->n_nodes; i++)
            seen[g->node[i].op] = true;
        both_init(&b, g, 3, true, (uint64_t)seed);
        both_pass(&b, true, 1);
        plain_forward(&b.plain);
        snprintf(what, sizeof what, "seed %d", seed);
        for (size_t i = 0; i < b.outputs; i++) {
            double want = b.plain.value[g->n_nodes - 1][i], got = executor_logits(b.e, 0)[i];
            CHECK(fabs(want - got) <= 1e-3 * (1 + fabs(want)), "%s: output %zu: %g, not %g", what, i, got,
                  want);
        }
        checked += check_gradients(&b, what);
        both_release(&b);
    }
    CHECK(checked > 20 * seeds, "only %d places", checked);
    for (int op = 0; op < OPS; op++)
        CHECK(seen[op] || op == OP_SOFTMAX, "no graph has a %s", op_infos[op].name);
}

/* A softmax in the middle, which random graphs lack, and relus that are and are not fused. */
TEST(test_train__gradients_through_softmax_and_shared_relus)
{
    struct graph *g = graph_new("soft", (struct shape){ 2, 4, 4 });
    struct both b;
    struct rng r;
    int conv = graph_conv(g, 0, "conv", 5, window_square(3, 1, 1), 1, true);
    int six = graph_unary(g, conv, "six", OP_RELU6);
    int bn = graph_batch_norm(g, six, "bn", 1e-3f);
    int relu = graph_unary(g, bn, "relu", OP_RELU);
    int again = graph_unary(g, six, "again", OP_RELU);      /* six has two readers */
    int dense = graph_dense(g, graph_add(g, relu, again, "add"), "dense", 6, true);
    graph_dense(g, graph_unary(g, dense, "soft", OP_SOFTMAX), "top", 3, true);
    assert_int_equal(graph_finish(g), AXM_OK);
    rng_init(&r, 5, 5);
    random_parameters(&r, g);
    both_init(&b, g, 4, true, 3);
    both_pass(&b, true, 1);
    assert_true(check_gradients(&b, "softmax") > 40);
    both_release(&b);
}

/* The same graph with and without tables for its first layers: passes, gradients and statistics. */
TEST(test_train__tabulated_first_layers_compute_what_they_stand_for)
{
    for (int six = 0; six < 2; six++) {
        struct graph *g = graph_new("levels", (struct shape){ 1, 16, 16 });
        struct both b;
        struct executor *e;
        struct rng r;
        int n = graph_conv(g, 0, "conv1", 20, window_square(1, 1, 0), 1, true);
        n = graph_batch_norm(g, graph_unary(g, n, "relu1", OP_RELU), "bn1", 1e-3f);
        n = graph_conv(g, n, "conv2", 18, window_square(1, 1, 0), 1, six);
        n = graph_batch_norm(g, graph_unary(g, n, "relu2", six ? OP_RELU6 : OP_RELU), "bn2", 1e-3f);
        int last = n;
        n = graph_unary(g, graph_conv(g, n, "conv3", 3, window_square(3, 2, 0), 1, true), "relu3", OP_RELU);
        graph_dense(g, n, "top", 4, true);
        assert_int_equal(graph_finish(g), AXM_OK);
        assert_int_equal(levels_last(g), last);
        g->norm = (struct input_norm){ { 0.3f, 0, 0, 0 }, { 0.4f, 1, 1, 1 } };
        rng_init(&r, 5, (uint64_t)six);
        random_parameters(&r, g);
        both_init(&b, g, 5, true, 3);
        const struct executor_opts o = { 5, 1, true, true };
        assert_int_equal(executor_new(g, &b.plain.map, b.params, b.stats, &o, &e), AXM_OK);
        uint8_t *pixel = executor_pixels(e, 0);
        float *input = params_new(b.inputs);
        for (size_t i = 0; i < b.inputs; i++) {
            pixel[i] = rng_below(&r, 2) ? (uint8_t)rng_next(&r) : 0;
            input[i] = ((float)pixel[i] / 255 - 0.3f) / 0.4f;
        }
        executor_free(b.e);
        b.plain.input = input;
        b.e = e;
        both_pass(&b, true, 1);
        plain_forward(&b.plain);
        for (size_t i = 0; i < b.outputs; i++)
            assert_float_equal(b.plain.value[g->n_nodes - 1][i], executor_logits(e, 0)[i], 1e-3);
        assert_true(check_gradients(&b, "levels") > 50);
        float *stats = params_new(b.plain.map.stats);
        executor_shard_stats(e, 0, stats);
        for (int c = 0; c < 20; c++) {   /* bn1, of what relu1 puts out */
            double sum = 0;
            for (int i = 0; i < 5 * 256; i++)
                sum += b.plain.value[2][i / 256 * 20 * 256 + c * 256 + i % 256];
            assert_float_equal(stats[b.plain.map.slot[3].mean + (size_t)c], sum / 1280, 1e-4);
        }
        free(stats);
        free(input);
        both_release(&b);
    }
}

/* The loss is linear in each parameter, so that wide differences of the passes themselves are exact. */
TEST(test_train__dropout_zeroes_its_share_scales_the_rest_and_has_the_same_mask_backwards)
{
    struct graph *g = graph_new("drop", (struct shape){ 1, 1, 1 });
    struct both b;
    int n = graph_dense(g, 0, "wide", 4096, true);
    graph_dropout(g, n, "drop", 0.25f);
    assert_int_equal(graph_finish(g), AXM_OK);
    both_init(&b, g, 2, true, 1);
    for (int i = 0; i < 4096; i++)
        b.params[b.plain.map.slot[1].bias + (size_t)i] = 3;   /* the weight is 0 */
    both_pass(&b, true, 9);
    int zeros = 0;
    for (size_t i = 0; i < b.outputs; i++) {
        float y = executor_logits(b.e, 0)[i];
        zeros += y == 0;
        CHECK(y == 0 || y == 4, "%g", y);   /* 3 / (1 - 1/4) */
    }
    /* 8192 draws of one quarter: 2048, standard deviation 39. */
    CHECK(abs(zeros - 2048) < 200, "%d zeros", zeros);
    for (size_t i = 0; i < 4096; i++) {
        double want = 0;
        for (size_t k = i; k < b.outputs; k += 4096)
            want += b.slope[k] * (executor_logits(b.e, 0)[k] / 3);
        float got = b.grad[b.plain.map.slot[1].bias + i];
        CHECK(fabs(want - got) < 1e-5, "%g, not %g", got, want);
    }
    both_release(&b);
}

TEST(test_train__inference_is_the_reference)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct both b;
        both_init(&b, random_graph(seed, 14), 3, false, seed);
        both_pass(&b, false, 1);
        for (int i = 0; i < 3; i++) {
            struct arena a = { 0 };
            float *value[256];
            size_t count = b.outputs / 3;
            assert_int_equal(reference_forward(b.g, b.plain.input + (size_t)i * b.inputs / 3, &a, value),
                             AXM_OK);
            for (size_t k = 0; k < count; k++) {
                float want = value[b.g->n_nodes - 1][k], got = executor_logits(b.e, 0)[(size_t)i * count + k];
                CHECK(fabsf(want - got) <= 1e-3f * (1 + fabsf(want)), "seed %d: %g, not %g", (int)seed, got,
                      want);
            }
            arena_release(&a);
        }
        both_release(&b);
    }
}

TEST(test_train__statistics_of_a_shard_are_its_mean_and_variance)
{
    struct graph *g = graph_new("bn", (struct shape){ 2, 3, 5 });
    struct both b;
    graph_dense(g, graph_batch_norm(g, 0, "bn", 1e-5f), "top", 2, false);
    assert_int_equal(graph_finish(g), AXM_OK);
    both_init(&b, g, 4, true, 1);
    both_pass(&b, false, 1);
    float *stats = params_new(b.plain.map.stats);
    executor_shard_stats(b.e, 0, stats);
    for (int c = 0; c < 2; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < 60; i++) {
            double x = b.plain.input[i / 15 * 30 + c * 15 + i % 15];
            sum += x;
            squares += x * x;
        }
        assert_float_equal(stats[b.plain.map.slot[1].mean + (size_t)c], sum / 60, 1e-5);
        assert_float_equal(stats[b.plain.map.slot[1].variance + (size_t)c],
                           squares / 60 - sum / 60 * (sum / 60), 1e-5);
    }
    free(stats);
    both_release(&b);
}

/* --- optimizers and schedules ------------------------------------------------------------------ */

TEST(test_train__an_adamw_step_by_hand)
{
    const struct train_opts o = { .optimizer = OPT_ADAMW, .weight_decay = 0.5f };
    float p[2] = { 2, 2 }, m[2] = { 0 }, v[2] = { 0 };
    const float one[2] = { 0.5f, 1 }, two[2] = { 1.5f, 1 };
    const float *grad[] = { one, two };
    struct optimizer_state s = { p, m, v };
    /* g = 2, m = .2, v = .004; unbiased 2 and 4; 2 - .1 (2 / 2 + .5 * 2) = 1.8; without decay 1.9 */
    optimizer_step(&o, &s, 0, 1, true, grad, 2, 1, 0.1);
    optimizer_step(&o, &s, 1, 1, false, grad, 2, 1, 0.1);
    assert_float_equal(p[0], 1.8, 1e-6);
    assert_float_equal(p[1], 1.9, 1e-6);
    assert_float_equal(m[0], 0.2, 1e-7);
    assert_float_equal(v[0], 0.004, 1e-8);
    /* g = -2: m = -.02, v = .007996; unbiased -.02 / .19 and .007996 / .001999 = 4;
     * 1.9 + .1 * .02 / .19 / 2 */
    const float back[2] = { -2, -2 };
    optimizer_step(&o, &s, 1, 1, false, (const float *[]){ back }, 1, 2, 0.1);
    assert_float_equal(p[1], 1.9 + 0.1 * 0.02 / 0.19 / 2, 1e-6);
}

TEST(test_train__an_sgd_step_by_hand)
{
    const struct train_opts o = { .optimizer = OPT_SGD, .momentum = 0.5f, .weight_decay = 0.25f };
    float p[2] = { 4, 4 }, m[2] = { 2, 2 };
    const float g[2] = { 1, 1 };
    struct optimizer_state s = { p, m, NULL };
    optimizer_step(&o, &s, 0, 1, true, (const float *[]){ g }, 1, 1, 0.5);    /* m = 1 + 1 + 1 */
    optimizer_step(&o, &s, 1, 1, false, (const float *[]){ g }, 1, 1, 0.5);   /* m = 1 + 1 */
    assert_float_equal(p[0], 2.5, 0);
    assert_float_equal(p[1], 3, 0);
    assert_float_equal(m[0], 3, 0);
}

TEST(test_train__schedules_begin_and_end_where_they_should)
{
    struct train_opts o = { .lr = 1, .step_epochs = 2, .step_factor = 0.5f };
    const struct { enum schedule schedule; uint64_t step; double want; } point[] = {
        { SCHED_CONSTANT, 0, 1 }, { SCHED_CONSTANT, 100, 1 },
        /* Ten steps an epoch, 101 in all. */
        { SCHED_STEP, 0, 1 }, { SCHED_STEP, 19, 1 }, { SCHED_STEP, 20, 0.5 }, { SCHED_STEP, 45, 0.25 },
        { SCHED_COSINE, 0, 1 }, { SCHED_ONE_CYCLE, 0, 0.04 }, { SCHED_ONE_CYCLE, 15, 0.52 },
        { SCHED_ONE_CYCLE, 30, 1 }, { SCHED_ONE_CYCLE, 65, 0.500002 }, { SCHED_ONE_CYCLE, 100, 4e-6 },
    };
    for (size_t i = 0; i < sizeof point / sizeof *point; i++) {
        o.schedule = point[i].schedule;
        double got = schedule_lr(&o, point[i].step, 101, 10);
        CHECK(fabs(got - point[i].want) < 1e-9, "%d at %d: %.12g", (int)o.schedule, (int)point[i].step, got);
    }
    o.schedule = SCHED_COSINE;
    assert_float_equal(schedule_lr(&o, 50, 100, 10), 0.5, 1e-12);
    assert_float_equal(schedule_lr(&o, 25, 100, 10), 0.5 + 0.5 * sqrt(0.5), 1e-12);
    o.schedule = SCHED_ONE_CYCLE;
    assert_true(schedule_lr(&o, 0, 1, 1) > 0);
}

/* --- augmentation ---------------------------------------------------------------------------------- */

static void noise(uint8_t *pixel, size_t n)
{
    struct rng r;
    rng_init(&r, 11, 0);
    for (size_t i = 0; i < n; i++)
        pixel[i] = (uint8_t)rng_next(&r);
}

TEST(test_train__the_identity_and_whole_shifts_are_exact)
{
    const struct shape s = { 2, 5, 8 };
    uint8_t in[80], out[80];
    noise(in, sizeof in);
    struct affine t = { 1, 0, 0, 1, 0, 0 };
    affine_image(&t, s, in, out);
    assert_memory_equal(in, out, sizeof in);
    t.dx = 2, t.dy = -1;   /* what is at (x, y) comes from (x + 2, y - 1) */
    affine_image(&t, s, in, out);
    for (int i = 0; i < 80; i++) {
        int c = i / 40, y = i % 40 / 8 - 1, x = i % 8 + 2;
        assert_int_equal(out[i], y < 0 || x >= 8 ? 0 : in[c * 40 + y * 8 + x]);
    }
    t = (struct affine){ 0, 1, -1, 0, 0, 0 };   /* a quarter turn of a square */
    affine_image(&t, (struct shape){ 1, 4, 4 }, in, out);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++)
            assert_int_equal(out[y * 4 + x], in[(3 - x) * 4 + y]);
    t = (struct affine){ 1, 0, 0, 1, 0.25, 0.5 };
    const uint8_t four[4] = { 100, 200, 40, 0 };
    affine_image(&t, (struct shape){ 1, 2, 2 }, four, out);
    /* rows 125 and 30 a quarter to the right, half of each; 150, 0; then black comes in */
    assert_int_equal(out[0], 78);
    assert_int_equal(out[1], 75);
    assert_int_equal(out[2], 15);
    assert_int_equal(out[3], 0);
}

TEST(test_train__an_augmented_image_is_a_function_of_seed_and_stream)
{
    const struct shape s = { 3, 9, 7 };
    const struct input_norm norm = { { 0.5f, 0.25f, 0, 0 }, { 0.5f, 2, 1, 1 } };
    const struct augment some = { 2, 20, 0.2f, 10, true, 2 }, none = { 0 };
    uint8_t in[189];
    float a[189], b[189];
    noise(in, sizeof in);
    augment_image(&none, &norm, s, in, 1, 2, a);
    for (int i = 0; i < 189; i++) {
        int c = i / 63;
        assert_float_equal(a[i], (in[i] / 255.0 - norm.mean[c]) / norm.std[c], 1e-6);
    }
    augment_image(&some, &norm, s, in, 1, 2, a);
    augment_image(&some, &norm, s, in, 1, 2, b);
    assert_memory_equal(a, b, sizeof a);
    augment_image(&some, &norm, s, in, 1, 3, b);
    assert_memory_not_equal(a, b, sizeof a);
    augment_image(&some, &norm, s, in, 2, 2, b);
    assert_memory_not_equal(a, b, sizeof a);
}

/* Over many draws: both flips, each of the 25 places, nothing else. */
TEST(test_train__flip_and_crop_move_whole_pixels)
{
    const struct shape s = { 1, 6, 6 };
    const struct input_norm norm = { { 0 }, { 1, 1, 1, 1 } };
    const struct augment a = { .flip = true, .crop_pad = 2 };
    uint8_t in[36];
    bool seen[2][5][5] = { 0 };
    int found = 0;
    noise(in, sizeof in);
    for (uint64_t stream = 0; stream < 1000; stream++) {
        float out[36];
        bool known = false;
        augment_image(&a, &norm, s, in, 1, stream, out);
        for (int k = 0; k < 50 && !known; k++) {
            int flip = k / 25, dx = k / 5 % 5 - 2, dy = k % 5 - 2, wrong = 0;
            for (int i = 0; i < 36; i++) {
                int x = (flip ? 5 - i % 6 : i % 6) + dx, y = i / 6 + dy;
                float want = x < 0 || x > 5 || y < 0 || y > 5 ? 0 : (float)in[y * 6 + x] / 255;
                wrong += out[i] != want;
            }
            known = !wrong;
            if (known && !seen[flip][dx + 2][dy + 2])
                seen[flip][dx + 2][dy + 2] = ++found;
        }
        assert_true(known);
    }
    assert_int_equal(found, 50);
}

TEST(test_train__augmentation_reads_what_it_writes_and_refuses_the_rest_bad)
{
    const char *const good[] = { "none", "shift=2,rotate=10,scale=0.1,shear=5", "crop=4,flip", "flip" };
    const char *const bad[] = { "", "shift", "shift=", "shift=-1", "turn=3", "shift=2,", "crop=1.5",
                                "scale=1", "flip=1", "none,flip", "rotate=nan", "shift=2 " };
    char text[AUGMENT_TEXT];
    struct augment a;
    struct capture c;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(augment_parse(good[i], &a), AXM_OK);
        assert_string_equal(augment_text(&a, text), good[i]);
    }
    capture_begin(&c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(augment_parse(bad[i], &a) == AXM_USAGE && c.messages == (int)i + 1, "\"%s\"", bad[i]);
    capture_end(&c);
}

/* --- whole runs ---------------------------------------------------------------------------------------- */

/* Bright on the left, on the right, or nowhere, with noise. */
static void toy(struct images *im, size_t count)
{
    struct rng r;
    rng_init(&r, 3, 3);
    *im = (struct images){ { 1, 6, 6 }, count, malloc(count * 36), malloc(count), 3 };
    for (size_t i = 0; i < count; i++) {
        im->label[i] = (uint8_t)rng_below(&r, 3);
        for (int k = 0; k < 36; k++) {
            int lit = im->label[i] < 2 && k % 6 / 3 == im->label[i];
            im->pixel[i * 36 + (size_t)k] = (uint8_t)(rng_below(&r, 100) + (lit ? 120 : 0));
        }
    }
}

static void toy_release(struct images *im)
{
    free(im->pixel);
    free(im->label);
}

static struct graph *toy_graph(void)
{
    struct graph *g = graph_new("toy", (struct shape){ 1, 6, 6 });
    int n = graph_conv(g, 0, "conv", 4, window_square(3, 1, 0), 1, true);
    n = graph_unary(g, n, "relu", OP_RELU);
    n = graph_batch_norm(g, n, "bn", 1e-5f);
    n = graph_dropout(g, graph_dense(g, n, "fc1", 8, true), "drop", 0.2f);
    graph_dense(g, n, "fc2", 3, true);
    assert_int_equal(graph_finish(g), AXM_OK);
    graph_init(g, 1);
    return g;
}

static struct train_opts toy_opts(void)
{
    struct train_opts o;
    train_defaults("toy", &o);
    o.epochs = 4;
    o.batch = 32;
    o.shard = 8;
    o.lr = 0.02f;
    o.validation = 64;
    return o;
}

/* All parameters after a run. */
static struct sha256_hex state_of(struct graph *g)
{
    struct param_map m;
    assert_int_equal(param_map_init(g, &m), AXM_OK);
    float *v = params_new(m.count + m.stats + 16);
    params_from_graph(g, &m, v, v + m.count);
    struct sha256_hex h = sha256_bytes(v, (m.count + m.stats) * sizeof *v);
    free(v);
    param_map_release(&m);
    return h;
}

static enum axm_status run_toy_on(size_t count, const struct train_opts *o, struct sha256_hex *h,
                                  struct train_result *r)
{
    struct images im;
    struct graph *g = toy_graph();
    toy(&im, count);
    note_set_level(-1);
    enum axm_status st = train_run(g, &im, o, r);
    note_set_level(0);
    *h = state_of(g);
    graph_free(g);
    toy_release(&im);
    return st;
}

static enum axm_status run_toy(const struct train_opts *o, struct sha256_hex *h, struct train_result *r)
{
    return run_toy_on(320, o, h, r);
}

TEST(test_train__a_separable_set_is_learned_by_each_optimizer)
{
    for (int optimizer = OPT_ADAMW; optimizer <= OPT_SGD; optimizer++) {
        struct train_opts o = toy_opts();
        struct images im;
        struct graph *g = toy_graph();
        struct train_result r;
        size_t hits;
        o.optimizer = (enum optimizer)optimizer;
        o.lr = optimizer == OPT_SGD ? 0.1f : 0.02f;
        o.epochs = 24;
        o.augment = (struct augment){ 0 };
        toy(&im, 320);
        note_set_level(-1);
        assert_int_equal(train_run(g, &im, &o, &r), AXM_OK);
        note_set_level(0);
        assert_int_equal(r.epochs_done, 24);
        CHECK(r.validation_top1 > 0.98, "%g", r.validation_top1);
        float logits[64 * 3];
        assert_int_equal(float_infer(g, &im, 256, 64, logits, &hits), AXM_OK);
        CHECK(hits == (size_t)lround(r.validation_top1 * 64), "%zu of 64, %g before", hits,
              r.validation_top1);
        size_t right = 0;
        for (int i = 0; i < 64; i++)
            right += argmax_float(logits + 3 * i, 3) == im.label[256 + i];
        assert_int_equal(right, hits);
        graph_free(g);
        toy_release(&im);
    }
}

TEST(test_train__threads_do_not_change_a_bit)
{
    struct train_opts o = toy_opts();
    struct train_result r;
    struct sha256_hex one, other;
    pool_set_threads(1);
    assert_int_equal(run_toy(&o, &one, &r), AXM_OK);
    for (int threads = 2; threads <= 5; threads++) {
        pool_set_threads(threads);
        assert_int_equal(run_toy(&o, &other, &r), AXM_OK);
        assert_string_equal(one.s, other.s);
    }
    pool_set_threads(0);
    o.seed = 2;
    assert_int_equal(run_toy(&o, &other, &r), AXM_OK);
    assert_string_not_equal(one.s, other.s);
}

static void path_in(const struct strbuf *dir, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", dir->s, name);
}

/* A child that ends itself by SIGKILL or is interrupted when the checkpoint has come that far. */
struct victim {
    struct train_opts o;
    char checkpoint[512];
    size_t images;
};

static void wait_for_steps(const char *path, int changes)
{
    struct sha256_hex last = { "" }, h;
    for (int i = 0; i < 20000 && changes; i++) {
        if (file_exists(path) && sha256_file(path, &h) == AXM_OK && strcmp(h.s, last.s)) {
            last = h;
            changes--;
        }
        usleep(500);
    }
}

static void stop_after(struct victim *v, int signal_number, int changes)
{
    pid_t child = fork();
    if (child == 0) {
        struct sha256_hex h;
        struct train_result r;
        progress_catch_signals();
        enum axm_status st = run_toy_on(v->images, &v->o, &h, &r);
        _exit(st == AXM_STOPPED ? 99 : (int)st);
    }
    wait_for_steps(v->checkpoint, changes);
    kill(child, signal_number);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (signal_number == SIGINT)
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 99, "status %x", status);
    else
        CHECK(WIFSIGNALED(status), "it ended before it was killed: status %x", status);
}

TEST(test_train__a_run_stopped_at_any_moment_ends_with_the_same_bits)
{
    struct victim v = { .o = toy_opts(), .images = 320 };
    struct strbuf dir = { 0 };
    struct sha256_hex whole, resumed;
    struct train_result r;
    char csv[512];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    path_in(&dir, "ck", v.checkpoint);
    path_in(&dir, "csv", csv);
    v.o.epochs = 40;
    v.o.checkpoint = NULL;
    v.o.keep_best = true;
    pool_set_threads(1);   /* children are forked */
    assert_int_equal(run_toy(&v.o, &whole, &r), AXM_OK);
    v.o.checkpoint = v.checkpoint;
    v.o.checkpoint_steps = 3;
    v.o.csv = csv;
    stop_after(&v, SIGKILL, 3);
    stop_after(&v, SIGINT, 4);
    stop_after(&v, SIGKILL, 5);
    assert_int_equal(run_toy(&v.o, &resumed, &r), AXM_OK);
    assert_true(r.resumed);
    assert_string_equal(whole.s, resumed.s);
    /* Again: nothing is left to do. */
    assert_int_equal(run_toy(&v.o, &resumed, &r), AXM_OK);
    assert_int_equal(r.epochs_done, 40);
    assert_string_equal(whole.s, resumed.s);
    struct strbuf text = { 0 };
    assert_int_equal(file_read(csv, 1 << 20, &text), AXM_OK);
    assert_memory_equal(text.s, "epoch,lr,train_loss,train_top1,validation_top1,seconds\n1,", 57);
    int lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.s[i] == '\n';
    assert_int_equal(lines, 41);
    strbuf_release(&text);
    pool_set_threads(0);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
}

/* Epochs of one step and a long validation: that is where the interrupts hit. */
TEST(test_train__bug_an_interrupted_validation_is_done_again)
{
    struct victim v = { .o = toy_opts(), .images = 8 + 60000 };
    struct strbuf dir = { 0 };
    struct sha256_hex whole, resumed;
    struct train_result r;
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    path_in(&dir, "ck", v.checkpoint);
    v.o.batch = v.o.shard = 8;
    v.o.validation = 60000;
    v.o.keep_best = true;
    pool_set_threads(1);
    assert_int_equal(run_toy_on(v.images, &v.o, &whole, &r), AXM_OK);
    v.o.checkpoint = v.checkpoint;
    stop_after(&v, SIGINT, 1);
    stop_after(&v, SIGINT, 2);
    assert_int_equal(run_toy_on(v.images, &v.o, &resumed, &r), AXM_OK);
    assert_true(r.resumed);
    assert_string_equal(whole.s, resumed.s);
    pool_set_threads(0);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
}

TEST(test_train__other_options_or_bytes_in_a_checkpoint_bad)
{
    struct train_opts o = toy_opts(), other = toy_opts();
    struct strbuf dir = { 0 }, bytes = { 0 };
    struct sha256_hex h;
    struct train_result r;
    struct capture c;
    char path[512];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    path_in(&dir, "ck", path);
    o.checkpoint = other.checkpoint = path;
    assert_int_equal(run_toy(&o, &h, &r), AXM_OK);
    other.lr = 0.01f;
    capture_begin(&c);
    assert_int_equal(run_toy(&other, &h, &r), AXM_USAGE);
    assert_non_null(strstr(c.line, "lr 0.0199999996"));
    assert_non_null(strstr(c.line, "0.00999999978"));
    capture_end(&c);
    other.fresh = true;   /* it may be overwritten on request */
    assert_int_equal(run_toy(&other, &h, &r), AXM_OK);
    assert_false(r.resumed);
    assert_int_equal(file_read(path, 1 << 24, &bytes), AXM_OK);
    struct rng rng;
    rng_init(&rng, 1, 1);
    other.fresh = false;
    capture_begin(&c);
    for (int i = 0; i < 40; i++) {
        size_t at = rng_below(&rng, bytes.len), len = i % 2 ? at : bytes.len;
        bytes.s[at] ^= 4;
        assert_int_equal(file_write(path, bytes.s, len), AXM_OK);
        CHECK(run_toy(&other, &h, &r) == AXM_USAGE, "byte %zu of %zu", at, len);
        bytes.s[at] ^= 4;
    }
    struct graph *g = toy_graph();   /* a model is no checkpoint */
    assert_int_equal(model_save(path, g, NULL), AXM_OK);
    assert_int_equal(run_toy(&other, &h, &r), AXM_USAGE);
    assert_non_null(strstr(c.line, "no checkpoint"));
    capture_end(&c);
    graph_free(g);
    strbuf_release(&bytes);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
}

TEST(test_train__options_and_images_that_do_not_fit_bad)
{
    struct sha256_hex h;
    struct train_result r;
    struct capture c;
    struct images im;
    struct graph *g = toy_graph();
    size_t hits;
    capture_begin(&c);
    for (int i = 0; i < 8; i++) {
        struct train_opts o = toy_opts();
        int *const integer[] = { &o.epochs, &o.batch, &o.shard };
        if (i < 3)
            *integer[i] = 0;
        o.shard = i == 3 ? 5 : o.shard;
        o.validation = i == 4 ? 320 : i == 5 ? 300 : o.validation;
        o.lr = i == 6 ? NAN : o.lr;
        o.label_smoothing = i == 7 ? 1 : o.label_smoothing;
        CHECK(run_toy(&o, &h, &r) == AXM_USAGE, "case %d", i);
    }
    toy(&im, 4);
    im.shape.w = 3;
    assert_int_equal(float_infer(g, &im, 0, 4, NULL, &hits), AXM_USAGE);
    im.shape.w = 6;
    im.classes = 4;
    assert_int_equal(float_infer(g, &im, 0, 4, NULL, &hits), AXM_USAGE);
    capture_end(&c);
    toy_release(&im);
    graph_free(g);
}
