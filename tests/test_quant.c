/* Quantized networks against the float ones they come from, and the pieces by hand. */
#include "tests/harness.h"

#include <math.h>

#include "base/pool.h"
#include "dnn/forward.h"
#include "dnn/quant_impl.h"
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

/* --- calibration ------------------------------------------------------------------------- */

/* The fast forward pass is the plain one, sum by sum. */
TEST(test_quant__forward_equals_reference)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct graph *g = random_graph(seed, 9);
        struct arena arena = { 0 };
        float x[RANDOM_PIXELS_MAX], *want[GRAPH_NODES_MAX], *got[GRAPH_NODES_MAX];
        random_normalised(seed, g, x);
        assert_int_equal(reference_forward(g, x, &arena, want), AXM_OK);
        assert_int_equal(float_forward(g, x, &arena, got), AXM_OK);
        for (int i = 0; i < g->n_nodes; i++)
            for (size_t k = 0; k < shape_count(g->node[i].out); k++)
                CHECK(want[i][k] == got[i][k], "seed %d, %s, output %d: %.9g, not %.9g", (int)seed,
                      g->node[i].name, (int)k, (double)got[i][k], (double)want[i][k]);
        arena_release(&arena);
        graph_free(g);
    }
}

/* Wider than a tile, with strides, padding and groups that do not divide it. */
TEST(test_quant__forward_of_large_planes_equals_reference)
{
    struct graph *g = graph_new("large", (struct shape){ 4, 37, 29 });
    int at = graph_conv(g, 0, "a", 7, (struct window){ 5, 3, 2, 1, 1, 2, 0, 1 }, 1, true);
    at = graph_conv(g, at, "b", 14, window_square(3, 1, 1), 7, false);
    at = graph_conv(g, at, "c", 14, window_square(3, 1, 1), 14, true);
    graph_dense(g, at, "d", 13, true);
    assert_int_equal(graph_finish(g), AXM_OK);
    graph_init(g, 5);
    struct arena arena = { 0 };
    float *want[8], *got[8], *x = arena_alloc(&arena, shape_count(g->node[0].out) * sizeof *x);
    struct rng r;
    rng_init(&r, 3, 0);
    for (size_t i = 0; i < shape_count(g->node[0].out); i++)
        x[i] = (float)(rng_unit(&r) * 4 - 2);
    for (int i = 0; i < 13; i++)
        g->node[4].bias[i] = (float)rng_unit(&r);
    assert_int_equal(reference_forward(g, x, &arena, want), AXM_OK);
    assert_int_equal(float_forward(g, x, &arena, got), AXM_OK);
    for (int i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < shape_count(g->node[i].out); k++)
            CHECK(want[i][k] == got[i][k], "%s, output %d", g->node[i].name, (int)k);
    arena_release(&arena);
    graph_free(g);
}

/* 999 weights of at most 0.5 and one of 100. */
static void outlier(float w[1000])
{
    struct rng r;
    rng_init(&r, 4, 0);
    for (int i = 0; i < 1000; i++)
        w[i] = (float)(rng_unit(&r) - 0.5);
    w[0] = 0.5f;
    w[1] = -0.5f;
    w[500] = 100;
}

TEST(test_quant__weights_are_clipped_as_told)
{
    float w[1000];
    struct quant_opts o;
    struct range r;
    outlier(w);
    quant_defaults(&o);
    for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_AFFINE; scheme++) {
        o.scheme = (enum quant_scheme)scheme;
        o.weight_calibration = CALIB_MIN_MAX;
        assert_int_equal(calibrate_weights(&o, w, 1000, &r), AXM_OK);
        assert_true(r.lo == -0.5 && r.hi == 100);
        /* A thousandth of 1,000 magnitudes is the one outlier; of both ends, 0.2 % is. */
        o.weight_calibration = CALIB_PERCENTILE;
        o.percentile = scheme == QUANT_AFFINE ? 99.8 : 99.9;
        assert_int_equal(calibrate_weights(&o, w, 1000, &r), AXM_OK);
        CHECK(r.hi <= 0.5 && r.hi > 0.49, "%g", r.hi);
        CHECK(r.lo <= -0.49 && r.lo >= -0.5, "%g", r.lo);
        o.percentile = 99.99;   /* less than one value */
        assert_int_equal(calibrate_weights(&o, w, 1000, &r), AXM_OK);
        assert_true(r.lo == -0.5 && r.hi == 100);
    }
}

/* Squared error of w quantized to n bits in the symmetric scheme with codes up to top. */
static double error_at(const float *w, int n, int bits, double top)
{
    double most = (1 << (bits - 1)) - 1, sum = 0;
    for (int i = 0; i < n; i++) {
        double q = rint((double)w[i] / top * most), v;
        q = q > most ? most : q < -most ? -most : q;
        v = q * top / most - (double)w[i];
        sum += v * v;
    }
    return sum;
}

TEST(test_quant__least_squares_of_weights_beats_every_share)
{
    struct rng r;
    struct quant_opts o;
    quant_defaults(&o);
    o.weight_calibration = CALIB_MSE;
    rng_init(&r, 9, 0);
    for (int bits = 2; bits <= 8; bits++) {
        float w[400];
        double top = 0;
        struct range got;
        for (int i = 0; i < 400; i++) {   /* about normal */
            double sum = 0;
            for (int k = 0; k < 12; k++)
                sum += rng_unit(&r) - 0.5;
            w[i] = (float)sum;
            top = fmax(top, fabs(sum));
        }
        o.weight_bits = bits;
        assert_int_equal(calibrate_weights(&o, w, 400, &got), AXM_OK);
        double of_ours = error_at(w, 400, bits, fmax(-got.lo, got.hi));
        for (int share = 20; share <= 100; share++)
            CHECK(of_ours <= error_at(w, 400, bits, (double)(float)top * share / 100) * (1 + 1e-6),
                  "%d bits: %g at %g is more than at %d %% of %g", bits, of_ours, fmax(-got.lo, got.hi),
                  share, top);
        if (bits <= 4)
            CHECK(of_ours < 0.9 * error_at(w, 400, bits, top), "%d bits: nothing gained", bits);
    }
}

/* Every rule, one to four threads: the same network to the last bit. */
TEST(test_quant__threads_change_nothing)
{
    enum { IMAGES = 24 };
    int before = pool_threads();
    for (int rule = CALIB_MIN_MAX; rule <= CALIB_MSE; rule++) {
        struct graph *g = random_graph(77, 12);
        struct shape s = g->node[0].out;
        uint8_t pixel[IMAGES * RANDOM_PIXELS_MAX];
        for (uint64_t i = 0; i < IMAGES; i++)
            random_pixels(i, s, pixel + i * shape_count(s));
        struct images im = { .shape = s, .count = IMAGES, .pixel = pixel };
        struct quant_opts o;
        quant_defaults(&o);
        o.calibration = o.weight_calibration = (enum calibration)rule;
        struct quant_report first = { 0 };
        struct qgraph *one = NULL;
        for (int threads = 1; threads <= 4; threads++) {
            struct quant_report r;
            struct qgraph *q;
            pool_set_threads(threads);
            assert_int_equal(quant_run_report(g, &im, &o, &q, &r), AXM_OK);
            assert_int_equal(r.n_nodes, q->n_nodes);
            assert_int_equal(r.images, IMAGES);
            if (threads == 1) {
                one = q;
                first = r;
                continue;
            }
            for (int i = 0; i < q->n_nodes; i++) {
                const struct qnode *a = &one->node[i], *b = &q->node[i];
                assert_true(a->scale == b->scale && a->zero == b->zero && a->lo == b->lo && a->hi == b->hi);
                assert_memory_equal(&first.node[i], &r.node[i], sizeof r.node[i]);
                size_t k = qnode_k(q, a);
                if (k) {
                    assert_memory_equal(a->weight, b->weight, k * (size_t)a->out.c);
                    assert_memory_equal(a->bias, b->bias, (size_t)a->out.c * sizeof *a->bias);
                }
                if (a->multiplier)
                    assert_memory_equal(a->multiplier, b->multiplier,
                                        qnode_multipliers(q, a) * sizeof *a->multiplier);
            }
            qgraph_free(q);
            quant_report_release(&r);
        }
        qgraph_free(one);
        quant_report_release(&first);
        graph_free(g);
    }
    pool_set_threads(before);
}

/* Nodes, ranges and signal-to-noise ratios of the network above: pixels 0..255 are 0..1, halved plus a
 * quarter, then a ReLU. */
TEST(test_quant__report_by_hand)
{
    uint8_t pixel[256];
    struct images im = all_levels(pixel);
    struct graph *g = half_plus_quarter();
    struct quant_opts o;
    struct qgraph *q;
    struct quant_report r;
    quant_defaults(&o);
    o.equalise = false;
    assert_int_equal(quant_run_report(g, &im, &o, &q, &r), AXM_OK);
    assert_int_equal(r.n_nodes, 3);
    const double range[3][2] = { { 0, 1 }, { 0.25, 0.75 }, { 0.25, 0.75 } };
    for (int i = 0; i < 3; i++)
        CHECK(fabs(r.node[i].lo - range[i][0]) < 1e-6 && fabs(r.node[i].hi - range[i][1]) < 1e-6,
              "node %d: %g..%g", i, r.node[i].lo, r.node[i].hi);
    double signal = 0, noise = 0;   /* the input: nearest of 128 codes */
    for (int p = 0; p < 256; p++) {
        double v = p / 255.0, code = floor(v * 127 + 0.5) / 127;
        signal += v * v;
        noise += (v - code) * (v - code);
    }
    CHECK(fabs(r.node[0].sqnr_db - 10 * log10(signal / noise)) < 1e-3, "%g dB, not %g", r.node[0].sqnr_db,
          10 * log10(signal / noise));
    signal = noise = 0;             /* a code of the input halved, plus a quarter, in steps of 0.75 / 127 */
    for (int p = 0; p < 256; p++) {
        double v = p / 255.0 / 2 + 0.25, from = floor(p / 255.0 * 127 + 0.5) / 254 + 0.25;
        double code = floor(from / 0.75 * 127 + 0.5) * 0.75 / 127;
        signal += v * v;
        noise += (v - code) * (v - code);
    }
    CHECK(fabs(r.node[1].sqnr_db - 10 * log10(signal / noise)) < 0.1, "%g dB, not %g", r.node[1].sqnr_db,
          10 * log10(signal / noise));
    quant_report_release(&r);
    qgraph_free(q);
    graph_free(g);
}

/* What the report says of the last node is what running the network says; in every scheme. */
TEST(test_quant__report_agrees_with_the_reference_engine)
{
    enum { IMAGES = 12 };
    for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_ACE; scheme++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct graph *g = random_graph(seed, 7);
            struct shape s = g->node[0].out;
            uint8_t pixel[IMAGES * RANDOM_PIXELS_MAX];
            for (uint64_t i = 0; i < IMAGES; i++)
                random_pixels(seed * 100 + i, s, pixel + i * shape_count(s));
            struct images im = { .shape = s, .count = IMAGES, .pixel = pixel };
            struct quant_opts o;
            struct qgraph *q;
            struct quant_report r;
            bool six = false;
            quant_defaults(&o);
            o.scheme = (enum quant_scheme)scheme;
            o.equalise = false;   /* else the float network is another before the last node */
            for (int i = 0; i < g->n_nodes; i++)
                six |= g->node[i].op == OP_RELU6;
            if (!six || scheme != QUANT_ACE) {
                assert_int_equal(quant_run_report(g, &im, &o, &q, &r), AXM_OK);
                double want = correlation(seed, &o), got = r.node[r.n_nodes - 1].sqnr_db;
                CHECK(fabs(want - got) < 1e-3, "scheme %d, seed %d: %g dB, not %g", scheme, (int)seed, got,
                      want);
                qgraph_free(q);
                quant_report_release(&r);
            }
            graph_free(g);
        }
}

/* --- equation 10 ---------------------------------------------------------------------------- */

/* Sum of (x - zero_x) (w - zero_w) over the inputs of output o at (y, z), from the definition. */
static int64_t centred_sum(const struct qgraph *q, const struct qnode *n, const int32_t *x, int o, int y,
                           int z)
{
    const struct qnode *in = &q->node[n->input[0]];
    const struct window w = n->op == OP_DENSE ? (struct window){ in->out.h, in->out.w, 1, 1, 0, 0, 0, 0 }
                                              : n->window;
    int groups = n->op == OP_DENSE ? 1 : n->groups, channels = in->out.c / groups;
    const uint8_t *weight = (const uint8_t *)n->weight + (size_t)o * qnode_k(q, n);
    int64_t sum = 0;
    for (int c = 0; c < channels; c++)
        for (int ky = 0; ky < w.kernel_h; ky++)
            for (int kx = 0; kx < w.kernel_w; kx++, weight++) {
                int iy = y * w.stride_h - w.pad_top + ky, ix = z * w.stride_w - w.pad_left + kx;
                int from = o / (n->out.c / groups) * channels + c;
                if (iy >= 0 && iy < in->out.h && ix >= 0 && ix < in->out.w)
                    sum += (int64_t)(x[(from * in->out.h + iy) * in->out.w + ix] - in->zero) *
                           (*weight - n->weight_zero[o]);
            }
    return sum;
}

/* With an exact 8xN multiplier the corrections leave nothing behind: every accumulator is the sum of the
 * products of what the codes stand for, plus the bias in its units, whatever zero points and padding. */
TEST(test_quant__zero_point_corrections_are_exact_with_8xn_multipliers)
{
    enum { IMAGES = 3 };
    int checked = 0, shifted = 0;
    for (int bits = 2; bits <= 8; bits++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct graph *g = random_graph(seed * 10 + (uint64_t)bits, 8);
            struct shape s = g->node[0].out;
            uint8_t pixel[IMAGES * RANDOM_PIXELS_MAX];
            for (uint64_t i = 0; i < IMAGES; i++)
                random_pixels(seed * 100 + i, s, pixel + i * shape_count(s));
            struct images im = { .shape = s, .count = IMAGES, .pixel = pixel };
            struct quant_opts o;
            struct qgraph *q;
            struct axm_mul *m[2];
            char spec[2][AXM_SPEC_MAX];
            quant_defaults(&o);
            o.scheme = QUANT_AFFINE;
            o.weight_bits = bits;
            o.equalise = false;
            struct graph *folded;   /* what is quantized then */
            assert_int_equal(quant_fold(g, &folded), AXM_OK);
            assert_int_equal(quant_run(g, &im, &o, &q), AXM_OK);
            snprintf(spec[0], sizeof spec[0], bits == 8 ? "exact8u" : "exact8x%du", bits);
            snprintf(spec[1], sizeof spec[1], bits == 8 ? "exact8u" : "exact%dx8u", bits);
            const struct axm_mul *mul[GRAPH_NODES_MAX];
            bool first[GRAPH_NODES_MAX];
            for (int k = 0; k < 2; k++)
                CHECK(axm_mul_open(spec[k], &m[k]) == AXM_OK, "%s", spec[k]);
            for (int i = 0; i < q->n_nodes; i++) {
                first[i] = i % 2;
                mul[i] = m[i % 2];
            }
            struct arena arena = { 0 };
            int32_t *value[GRAPH_NODES_MAX], *acc[GRAPH_NODES_MAX];
            assert_int_equal(reference_forward_quantized(q, pixel, mul, first, &arena, value, acc), AXM_OK);
            for (int i = 0; i < q->n_nodes; i++) {
                const struct qnode *n = &q->node[i];
                for (int c = 0; qnode_multiplies(n) && c < n->out.c; c++) {
                    const struct qnode *in = &q->node[n->input[0]];
                    const float *b = folded->node[graph_find(folded, n->name)].bias;
                    int64_t bias = b ? (int64_t)rint((double)b[c] / ((double)in->scale *
                                                                     (double)n->weight_scale[c])) : 0;
                    shifted += in->zero && n->weight_zero[c];
                    for (int p = 0; p < n->out.h * n->out.w; p++, checked++) {
                        int64_t got = acc[i][c * n->out.h * n->out.w + p];
                        int64_t want = bias + centred_sum(q, n, value[n->input[0]], c, p / n->out.w,
                                                          p % n->out.w);
                        CHECK(got == want, "%s, seed %d, %s[%d], %d: %lld, not %lld", spec[0], (int)seed,
                              n->name, c, p, (long long)got, (long long)want);
                    }
                }
            }
            arena_release(&arena);
            axm_mul_close(m[0]);
            axm_mul_close(m[1]);
            qgraph_free(q);
            graph_free(folded);
            graph_free(g);
        }
    printf("%d accumulators, %d outputs with both zero points off zero\n", checked, shifted);
    assert_true(checked > 10000 && shifted > 200);
}
