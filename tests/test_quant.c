/* Quantized networks against the float ones they come from, and the pieces by hand. */
#include "tests/harness.h"

#include <math.h>

#include "dnn/quant.h"
#include "dnn/reference.h"
#include "tests/random_graph.h"

TEST(test_quant__multiplier_is_within_its_error)
{
    struct rng r;
    rng_init(&r, 1, 0);
    for (int i = 0; i < 100000; i++) {
        double value = ldexp(0.5 + rng_unit(&r) / 2, (int)rng_below(&r, 58) - 30);
        int32_t m, s;
        assert_int_equal(quant_multiplier(value, &m, &s), AXM_OK);
        assert_true(m >= 1 << 30 && s >= 1 && s <= 62);
        assert_true(fabs(ldexp(m, -s) / value - 1) <= ldexp(1, -31));
    }
    int32_t m, s;
    assert_int_equal(quant_multiplier(1, &m, &s), AXM_OK);
    assert_int_equal(m, 1 << 30);
    assert_int_equal(s, 30);
    /* The largest below 1 rounds up to it. */
    assert_int_equal(quant_multiplier(nextafter(1, 0), &m, &s), AXM_OK);
    assert_int_equal(m, 1 << 30);
    assert_int_equal(s, 30);
}

TEST(test_quant__multiplier_bad)
{
    int32_t m, s;
    const double bad[] = { 0, -1, INFINITY, NAN, ldexp(1, 31), ldexp(1, -40) };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(quant_multiplier(bad[i], &m, &s), AXM_USAGE);
}

/* floor(acc * m / 2^s + 1/2) in wide integers. */
TEST(test_quant__requantize_rounds_half_up)
{
    struct rng r;
    rng_init(&r, 2, 0);
    for (int i = 0; i < 200000; i++) {
        int64_t acc = (int32_t)rng_next(&r);
        int32_t m = (1 << 30) + (int32_t)rng_below(&r, 1 << 30);
        int s = 1 + (int)rng_below(&r, 62);
        __int128 twice = ((__int128)acc * m * 2 + ((__int128)1 << s)), unit = (__int128)1 << (s + 1);
        __int128 q = twice / unit - (twice % unit < 0);
        int64_t want = q < -1000000 ? -1000000 : q > 1000000 ? 1000000 : (int64_t)q;
        assert_int_equal(requantize(acc, m, s, 0, -1000000, 1000000), want);
    }
    assert_int_equal(requantize(3, 1 << 30, 31, 0, -9, 9), 2);      /* 1.5 */
    assert_int_equal(requantize(-3, 1 << 30, 31, 0, -9, 9), -1);    /* -1.5 */
    assert_int_equal(requantize(-3, 1 << 30, 31, 10, 10, 20), 10);  /* a ReLU */
}

/* A 1x1 convolution with one weight of 0.5, bias 0.25, and images of all levels: every code by hand. */
static struct graph *half_plus_quarter(void)
{
    struct graph *g = graph_new("half", (struct shape){ 1, 16, 16 });
    int at = graph_conv(g, 0, "conv", 1, window_square(1, 1, 0), 1, true);
    at = graph_unary(g, at, "relu", OP_RELU);
    graph_conv(g, at, "top", 1, window_square(1, 1, 0), 1, true);
    assert_int_equal(graph_finish(g), AXM_OK);
    g->node[1].weight[0] = 0.5f;
    g->node[1].bias[0] = 0.25f;
    g->node[3].weight[0] = 1;
    g->norm.std[0] = 1;
    return g;
}

static struct images all_levels(uint8_t pixel[256])
{
    for (int i = 0; i < 256; i++)
        pixel[i] = (uint8_t)i;
    return (struct images){ .shape = { 1, 16, 16 }, .count = 1, .pixel = pixel };
}

TEST(test_quant__symmetric_codes_by_hand)
{
    uint8_t pixel[256];
    struct images im = all_levels(pixel);
    struct graph *g = half_plus_quarter();
    struct quant_opts o;
    struct qgraph *q;
    quant_defaults(&o);
    o.equalise = false;
    assert_int_equal(quant_run(g, &im, &o, &q), AXM_OK);
    assert_int_equal(q->n_nodes, 3);   /* the ReLU is the convolution's clamp */
    assert_int_equal(q->input_code[255], 127);
    assert_int_equal(q->input_code[0], 0);
    assert_int_equal(q->input_code[100], 50);   /* 100 / 255 * 127 = 49.8 */
    const struct qnode *n = &q->node[1];
    assert_int_equal(n->weight[0], 127);
    /* bias 0.25 in steps of 1/127 * 0.5/127 */
    assert_int_equal(n->bias[0], 8065);         /* 0.25 * 127 * 254 = 8064.5, to even by rint: in float
        0.5/127 */
    assert_int_equal(n->lo, 0);
    assert_int_equal(n->hi, 127);
    assert_true(fabs((double)n->scale - 0.75 / 127) < 1e-8);
    assert_true(q->node[2].is_logits);
    assert_int_equal(q->node[2].multiplier[0], 1 << 30);
    assert_int_equal(q->node[2].shift[0], 30);
    graph_free(g);
    qgraph_free(q);
}

TEST(test_quant__affine_codes_by_hand)
{
    uint8_t pixel[256];
    struct images im = all_levels(pixel);
    struct graph *g = half_plus_quarter();
    struct quant_opts o;
    struct qgraph *q;
    g->node[1].weight[0] = -0.5f;
    quant_defaults(&o);
    o.equalise = false;
    o.scheme = QUANT_AFFINE;
    assert_int_equal(quant_run(g, &im, &o, &q), AXM_OK);
    for (int p = 0; p < 256; p++)
        assert_int_equal(q->input_code[p], p);
    /* Weights -0.5..0 in 255 steps: code 0, zero point 255. */
    assert_int_equal((uint8_t)q->node[1].weight[0], 0);
    assert_int_equal(q->node[1].weight_zero[0], 255);
    graph_free(g);
    qgraph_free(q);
}

/* Exact multiplier, reference engine: the outputs of a quantized random network follow the float one's. */
static double correlation(uint64_t seed, const struct quant_opts *o)
{
    enum { IMAGES = 12 };
    struct graph *g = random_graph(seed, 7);
    struct shape s = g->node[0].out;
    uint8_t *pixel = malloc(IMAGES * shape_count(s));
    for (uint64_t i = 0; i < IMAGES; i++)
        random_pixels(seed * 100 + i, s, pixel + i * shape_count(s));
    struct images im = { .shape = s, .count = IMAGES, .pixel = pixel };
    struct qgraph *q = NULL;
    struct axm_mul *exact;
    CHECK(quant_run(g, &im, o, &q) == AXM_OK, "seed %llu", (unsigned long long)seed);
    assert_int_equal(axm_mul_open(qgraph_signed(q) ? "exact8s" : "exact8u", &exact), AXM_OK);
    const struct axm_mul *mul[GRAPH_NODES_MAX];
    bool first[GRAPH_NODES_MAX];
    for (int i = 0; i < q->n_nodes; i++) {
        mul[i] = exact;
        first[i] = true;
    }
    double signal = 0, noise = 0;
    size_t n = shape_count(g->node[g->n_nodes - 1].out);
    for (uint64_t i = 0; i < IMAGES; i++) {
        struct arena arena = { 0 };
        float x[RANDOM_PIXELS_MAX], *v[GRAPH_NODES_MAX];
        int32_t *c[GRAPH_NODES_MAX];
        random_normalised(seed * 100 + i, g, x);
        assert_int_equal(reference_forward(g, x, &arena, v), AXM_OK);
        assert_int_equal(reference_forward_quantized(q, pixel + i * shape_count(s), mul, first, &arena, c,
                                                     NULL), AXM_OK);
        const struct qnode *top = &q->node[q->n_nodes - 1];
        for (size_t k = 0; k < n; k++) {
            double want = (double)v[g->n_nodes - 1][k];
            double got = (double)top->scale * (c[q->n_nodes - 1][k] - top->zero);
            signal += want * want;
            noise += (got - want) * (got - want);
        }
        arena_release(&arena);
    }
    free(pixel);
    axm_mul_close(exact);
    graph_free(g);
    qgraph_free(q);
    return 10 * log10(signal / (noise + 1e-30));
}

/* Mean signal-to-noise ratio in dB over random networks; those with a ReLU6 are left out of scheme ace. */
static double mean_ratio(struct quant_opts o, int *n)
{
    double sum = 0;
    *n = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct graph *g = random_graph(seed, 7);
        bool six = false;
        for (int i = 0; i < g->n_nodes; i++)
            six |= g->node[i].op == OP_RELU6;
        graph_free(g);
        if (six && o.scheme == QUANT_ACE)
            continue;
        sum += correlation(seed, &o);
        ++*n;
    }
    return sum / *n;
}

TEST(test_quant__follows_the_float_network)
{
    for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_ACE; scheme++)
        for (int channel = 0; channel < 2; channel++)
            for (int rule = CALIB_MIN_MAX; rule <= CALIB_MSE; rule += 2) {
                struct quant_opts o;
                int n;
                quant_defaults(&o);
                o.scheme = (enum quant_scheme)scheme;
                o.per_channel = channel;
                o.calibration = (enum calibration)rule;
                double ratio = mean_ratio(o, &n);
                printf("scheme %d, per channel %d, calibration %d: %.1f dB over %d networks\n", scheme,
                       channel, rule,
                       ratio, n);
                assert_true(ratio > 20);
            }
}

TEST(test_quant__fewer_weight_bits_are_worse)
{
    double last = INFINITY;
    for (int bits = 8; bits >= 2; bits -= 2) {
        struct quant_opts o;
        int n;
        quant_defaults(&o);
        o.weight_bits = bits;
        o.per_channel = true;
        double ratio = mean_ratio(o, &n);
        CHECK(ratio < last, "%d bits: %g dB", bits, ratio);
        last = ratio;
    }
}

TEST(test_quant__options_bad)
{
    uint8_t pixel[256];
    struct images im = all_levels(pixel), none = im;
    struct graph *g = half_plus_quarter();
    struct quant_opts o;
    struct qgraph *q;
    quant_defaults(&o);
    o.weight_bits = 9;
    assert_int_equal(quant_run(g, &im, &o, &q), AXM_USAGE);
    quant_defaults(&o);
    o.percentile = 40;
    assert_int_equal(quant_run(g, &im, &o, &q), AXM_USAGE);
    quant_defaults(&o);
    none.count = 0;
    assert_int_equal(quant_run(g, &none, &o, &q), AXM_USAGE);
    graph_free(g);
}
