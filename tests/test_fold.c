/* Folding changes nothing but the number of nodes; equalised channels give the same outputs. */
#include "tests/harness.h"

#include <math.h>

#include "dnn/quant_impl.h"
#include "dnn/reference.h"
#include "tests/random_graph.h"

static int count_op(const struct graph *g, enum op op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += g->node[i].op == op;
    return n;
}

/* Largest difference of the outputs for some images, relative to their size. */
static double difference(const struct graph *a, const struct graph *b, uint64_t seed)
{
    double worst = 0, size = 1e-9;
    for (uint64_t i = 0; i < 4; i++) {
        struct arena arena = { 0 };
        float x[RANDOM_PIXELS_MAX], *u[GRAPH_NODES_MAX], *v[GRAPH_NODES_MAX];
        random_normalised(seed + i, a, x);
        assert_int_equal(reference_forward(a, x, &arena, u), AXM_OK);
        assert_int_equal(reference_forward(b, x, &arena, v), AXM_OK);
        size_t n = shape_count(a->node[a->n_nodes - 1].out);
        assert_int_equal(n, shape_count(b->node[b->n_nodes - 1].out));
        for (size_t k = 0; k < n; k++) {
            double p = (double)u[a->n_nodes - 1][k], q = (double)v[b->n_nodes - 1][k];
            worst = fmax(worst, fabs(p - q));
            size = fmax(size, fabs(p));
        }
        arena_release(&arena);
    }
    return worst / size;
}

static struct graph *fold(const struct graph *g)
{
    struct graph *out;
    assert_int_equal(quant_fold(g, &out), AXM_OK);
    return out;
}

TEST(test_fold__random_networks_compute_the_same)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct graph *g = random_graph(seed, 12), *f = fold(g);
        double d = difference(g, f, seed);
        CHECK(d < 1e-4, "seed %llu: %g", (unsigned long long)seed, d);
        assert_int_equal(count_op(f, OP_DROPOUT) + count_op(f, OP_SOFTMAX), 0);
        assert_true(count_op(f, OP_BATCH_NORM) <= count_op(g, OP_BATCH_NORM));
        graph_free(g);
        graph_free(f);
    }
}

static void fill(struct graph *g, uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed, 3);
    for (int i = 0; i < g->n_nodes; i++) {
        struct node *n = &g->node[i];
        for (size_t k = 0; k < node_weight_count(g, n); k++)
            n->weight[k] = (float)rng_gauss(&r);
        for (int c = 0; c < n->out.c; c++) {
            if (n->bias)
                n->bias[c] = (float)rng_gauss(&r);
            if (n->gamma) {
                n->gamma[c] = (float)rng_gauss(&r);
                n->beta[c] = (float)rng_gauss(&r);
                n->mean[c] = (float)rng_gauss(&r);
                n->variance[c] = (float)(0.1 + rng_unit(&r));
            }
        }
    }
}

/* lenet5i: every batch norm stands behind a ReLU or a dense layer and before unpadded layers. */
TEST(test_fold__lenet5i_keeps_no_batch_norm)
{
    const struct net *net;
    struct graph *g;
    assert_int_equal(net_find("lenet5i", &net), AXM_OK);
    assert_int_equal(net->build(&g), AXM_OK);
    fill(g, 1);
    struct graph *f = fold(g);
    assert_int_equal(count_op(f, OP_BATCH_NORM), 0);
    assert_int_equal(graph_multiplications(f), graph_multiplications(g));
    graph_free(g);
    graph_free(f);
}

static int conv_relu_norm(struct graph *g, int in, const char *name)
{
    char other[32];
    int at = graph_conv(g, in, name, 3, window_square(1, 1, 0), 1, true);
    snprintf(other, sizeof other, "%s_relu", name);
    at = graph_unary(g, at, other, OP_RELU);
    snprintf(other, sizeof other, "%s_norm", name);
    return graph_batch_norm(g, at, other, 1e-3f);
}

/* Zero padding of what the batch norm has shifted cannot be merged: the border would change. */
TEST(test_fold__a_padded_reader_keeps_its_batch_norm)
{
    for (int pad = 0; pad < 2; pad++) {
        struct graph *g = graph_new("padded", (struct shape){ 2, 5, 5 });
        int at = conv_relu_norm(g, 0, "first");
        graph_conv(g, at, "second", 2, window_square(3, 1, pad), 1, false);
        assert_int_equal(graph_finish(g), AXM_OK);
        fill(g, 2);
        for (int c = 0; c < 2; c++)
            g->norm.std[c] = 1;
        struct graph *f = fold(g);
        assert_int_equal(count_op(f, OP_BATCH_NORM), pad);
        assert_true(difference(g, f, 5) < 1e-5);
        graph_free(g);
        graph_free(f);
    }
}

/* A maximum is turned round by a negative gain. */
TEST(test_fold__a_max_pool_passes_positive_gains_only)
{
    for (int negative = 0; negative < 2; negative++) {
        struct graph *g = graph_new("pooled", (struct shape){ 1, 6, 6 });
        int at = conv_relu_norm(g, 0, "first");
        at = graph_pool(g, at, "pool", OP_MAX_POOL, window_square(2, 2, 0));
        graph_dense(g, at, "top", 4, true);
        assert_int_equal(graph_finish(g), AXM_OK);
        fill(g, 3);
        g->norm.std[0] = 1;
        struct node *bn = &g->node[graph_find(g, "first_norm")];
        for (int c = 0; c < 3; c++)
            bn->gamma[c] = negative && c == 1 ? -1 : 1;
        struct graph *f = fold(g);
        assert_int_equal(count_op(f, OP_BATCH_NORM), negative);
        assert_true(difference(g, f, 7) < 1e-5);
        graph_free(g);
        graph_free(f);
    }
}

TEST(test_fold__equalised_channels_compute_the_same)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct graph *g = random_graph(seed, 10), *f = fold(g), *before = fold(g);
        struct shape s = g->node[0].out;
        uint8_t pixel[4 * RANDOM_PIXELS_MAX];
        size_t index[4] = { 0, 1, 2, 3 };
        for (uint64_t i = 0; i < 4; i++)
            random_pixels(seed + i, s, pixel + i * shape_count(s));
        struct images im = { .shape = s, .count = 4, .pixel = pixel };
        assert_int_equal(quant_equalise(f, &im, index, 4), AXM_OK);
        double d = difference(before, f, seed);
        CHECK(d < 1e-3, "seed %llu: %g", (unsigned long long)seed, d);
        graph_free(g);
        graph_free(f);
        graph_free(before);
    }
}
