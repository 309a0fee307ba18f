/* The inference engine against the plain reference, bit by bit. */
#include "tests/random_graph.h"

#include "tests/harness.h"

#include "base/pool.h"
#include "cmodel/lut.h"
#include "dnn/infer.h"
#include "dnn/reference.h"

enum { IMAGES = 11, LAYERS_MAX = 128 };

static struct axm_mul *open_mul(const char *spec)
{
    struct axm_mul *m = NULL;
    CHECK(axm_mul_open(spec, &m) == AXM_OK, "%s", spec);
    return m;
}

/* Random tables: everything that a plan could assume of a multiplier is wrong of them. */
static struct axm_mul *random_mul(uint64_t seed, bool is_signed, int width_a, int width_b)
{
    struct axm_lut l = { .width_a = width_a, .width_b = width_b, .is_signed = is_signed };
    struct rng r;
    struct axm_mul *m = NULL;
    size_t n = (size_t)1 << (width_a + width_b);
    rng_init(&r, seed, 5);
    l.value = malloc(n * sizeof *l.value);
    for (size_t i = 0; i < n; i++)
        l.value[i] = (int32_t)rng_below(&r, n) - (is_signed ? (int32_t)(n / 2) : 0);
    CHECK(axm_mul_open_lut("random", &l, &m) == AXM_OK, "seed %d", (int)seed);
    axm_lut_release(&l);
    return m;
}

/* A random network, images, a multiplier a layer, and what the reference makes of them. */
struct world {
    struct qgraph *q;
    struct images im;
    struct axm_mul *mul[LAYERS_MAX];
    struct layer_mult layer[LAYERS_MAX];
    int layers;
    struct arena arena;
    int32_t **value[IMAGES];
    int32_t *logits;
    size_t outputs;
    uint16_t label[IMAGES];
};

static void make_images(struct world *w, uint64_t seed)
{
    struct shape s = w->q->node[0].out;
    w->im = (struct images){ .shape = s, .count = IMAGES, .classes = 10 };
    w->im.pixel = malloc(IMAGES * shape_count(s));
    w->im.label = calloc(IMAGES, 1);
    for (size_t i = 0; i < IMAGES; i++)
        random_pixels(seed * 100 + i, s, w->im.pixel + i * shape_count(s));
}

static void forward(struct world *w)
{
    const struct axm_mul *mul[256] = { NULL };
    bool weight_is_a[256] = { false };
    const struct qnode *last = &w->q->node[w->q->n_nodes - 1];
    w->outputs = shape_count(last->out);
    w->logits = malloc(IMAGES * w->outputs * sizeof *w->logits);
    for (int l = 0; l < w->layers; l++) {
        mul[infer_layer_node(w->q, l)] = w->layer[l].mul;
        weight_is_a[infer_layer_node(w->q, l)] = w->layer[l].weight_is_a;
    }
    for (size_t i = 0; i < IMAGES; i++) {
        w->value[i] = arena_alloc(&w->arena, (size_t)w->q->n_nodes * sizeof *w->value[i]);
        CHECK(reference_forward_quantized(w->q, w->im.pixel + i * shape_count(w->im.shape), mul, weight_is_a,
                                          &w->arena, w->value[i], NULL) == AXM_OK, "%s", axm_last_message());
        const int32_t *out = w->value[i][w->q->n_nodes - 1];
        memcpy(w->logits + i * w->outputs, out, w->outputs * sizeof *out);
        w->label[i] = (uint16_t)argmax_int(out, (int)w->outputs);
    }
}

/* Takes over q.  alike: one random table for all layers, else known ones by turns. */
static struct world world_of(struct qgraph *q, uint64_t seed, bool alike)
{
    static const char *const specs[2][4] = { { "cdm8u_x5_y2", "exact8u", "drum8u_k4", "trunc8u_l2_m3" },
                                             { "scdm8s_x6_y3", "exact8s", "drum8s_k3", "scdm8s_x4_y1" } };
    struct world w = { .q = q, .layers = infer_layers(q) };
    bool is_signed = qgraph_signed(q);
    CHECK(qgraph_check(q) == AXM_OK && w.layers <= LAYERS_MAX, "seed %d", (int)seed);
    for (int l = 0; l < w.layers; l++) {
        bool weight_is_a = (seed + (uint64_t)l) % 3 != 0;
        if (alike && l > 0) {
            w.layer[l] = (struct layer_mult){ w.mul[0], w.layer[0].weight_is_a };
            continue;
        }
        int bits = q->weight_bits;
        w.mul[l] = bits < 8 ? random_mul(seed, is_signed, weight_is_a ? bits : 8, weight_is_a ? 8 : bits)
                   : alike ? random_mul(seed, is_signed, 8, 8)
                   : open_mul(specs[is_signed][(seed + (uint64_t)l) % 4]);
        w.layer[l] = (struct layer_mult){ w.mul[l], weight_is_a };
    }
    make_images(&w, seed);
    forward(&w);
    return w;
}

static void world_release(struct world *w)
{
    for (int l = 0; l < w->layers; l++)
        axm_mul_close(w->mul[l]);
    arena_release(&w->arena);
    free(w->logits);
    free(w->im.pixel);
    free(w->im.label);
    qgraph_free(w->q);
}

static struct infer *open_infer(const struct world *w, int level, bool memoise)
{
    struct infer *in = NULL;
    struct infer_opts o = { .level = level, .memoise = memoise };
    CHECK(infer_open(w->q, w->layer, w->layers, &o, &in) == AXM_OK, "%s", axm_last_message());
    return in;
}

/* Names the first node that differs: only called when something did. */
static void explain(const struct world *w, const struct infer *in)
{
    for (int i = 0; i < w->q->n_nodes; i++) {
        const struct qnode *n = &w->q->node[i];
        size_t count = shape_count(n->out), bad = 0;
        int32_t *logits = malloc(IMAGES * count * sizeof *logits);
        uint8_t *codes = (uint8_t *)logits;
        double scale[IMAGES];
        if (infer_dump(in, i, &w->im, 0, IMAGES, logits, scale) != AXM_OK)
            return;
        for (size_t k = 0; k < IMAGES * count; k++) {
            int32_t want = w->value[k / count][i][k % count];
            bad += n->is_logits ? logits[k] != want : codes[k] != (uint8_t)want;
        }
        free(logits);
        if (bad) {
            fprintf(stderr, "node %d %s (%s) differs in %zu places\n", i, n->name, op_infos[n->op].name, bad);
            return;
        }
    }
}

static void check_run(const struct world *w, const struct infer *in, size_t first, size_t n, const char *what)
{
    int32_t *logits = malloc(n * w->outputs * sizeof *logits);
    uint16_t label[IMAGES];
    CHECK(infer_run(in, &w->im, first, n, logits, label) == AXM_OK, "%s: %s", what, axm_last_message());
    bool same = !memcmp(logits, w->logits + first * w->outputs, n * w->outputs * sizeof *logits) &&
                !memcmp(label, w->label + first, n * sizeof *label);
    if (!same)
        explain(w, in);
    CHECK(same, "%s: images %zu..%zu", what, first, first + n - 1);
    free(logits);
}

static void check_world(struct world *w, const char *what)
{
    for (int memoise = 0; memoise < 2; memoise++)
        for (int level = GEMM_PORTABLE; level <= (int)gemm_level_best(); level++) {
            struct infer *in = open_infer(w, level, memoise);
            check_run(w, in, 0, IMAGES, what);
            infer_close(in);
        }
    world_release(w);
}

static int seeds(int n)
{
    return getenv("AXM_FULL") ? 20 * n : n;
}

static void check_scheme(enum quant_scheme scheme, int weight_bits, bool alike)
{
    for (int seed = 1; seed <= seeds(8); seed++) {
        char what[64];
        struct qgraph *q = random_qgraph((uint64_t)seed, scheme, weight_bits, 14);
        struct world w = world_of(q, (uint64_t)seed, alike);
        snprintf(what, sizeof what, "seed %d, scheme %d", seed, (int)scheme);
        check_world(&w, what);
    }
}

TEST(test_infer__symmetric_equals_reference)
{
    check_scheme(QUANT_SYMMETRIC, 8, false);
}

TEST(test_infer__affine_equals_reference)
{
    check_scheme(QUANT_AFFINE, 8, false);
}

TEST(test_infer__ace_equals_reference)
{
    check_scheme(QUANT_ACE, 8, false);
}

TEST(test_infer__random_tables_equal_reference)
{
    check_scheme(QUANT_SYMMETRIC, 8, true);
    check_scheme(QUANT_AFFINE, 8, true);
}

TEST(test_infer__weights_of_four_bits_equal_reference)
{
    check_scheme(QUANT_SYMMETRIC, 4, true);
    check_scheme(QUANT_AFFINE, 4, true);
    check_scheme(QUANT_ACE, 4, true);
}

TEST(test_infer__weights_of_two_to_seven_bits_equal_reference)
{
    static const int bits[] = { 2, 3, 5, 6, 7 };
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        for (int seed = 1; seed <= seeds(2); seed++)
            for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_ACE; scheme++) {
                char what[64];
                struct qgraph *q = random_qgraph((uint64_t)seed, (enum quant_scheme)scheme, bits[i], 10);
                struct world w = world_of(q, (uint64_t)seed, false);   /* another table in each layer */
                snprintf(what, sizeof what, "seed %d, scheme %d, %d bits", seed, scheme, bits[i]);
                check_world(&w, what);
            }
}

/* Images 3..9 of 11, on one thread and on two: batches of 7, 4 and 3. */
TEST(test_infer__threads_and_batches_change_nothing)
{
    for (int seed = 1; seed <= seeds(6); seed++)
        for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_ACE; scheme++) {
            struct world w = world_of(random_qgraph((uint64_t)seed + 50, (enum quant_scheme)scheme, 8, 10),
                                      (uint64_t)seed, false);
            struct infer *in = open_infer(&w, -1, true);
            for (int threads = 1; threads <= 3; threads++) {
                pool_set_threads(threads);
                check_run(&w, in, 0, IMAGES, "all");
                check_run(&w, in, 3, 7, "some");
                check_run(&w, in, IMAGES - 1, 1, "one");
            }
            pool_set_threads(0);
            infer_close(in);
            world_release(&w);
        }
}

/* 300 images are three batches on one thread, the last one not full; wide maps are cut into tiles. */
TEST(test_infer__many_images_in_several_tiles)
{
    enum { MANY = 300 };
    for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_ACE; scheme++) {
        struct world w = world_of(random_qgraph(9, (enum quant_scheme)scheme, 8, 10), 9, false);
        size_t pixels = shape_count(w.im.shape);
        struct images im = { .shape = w.im.shape, .count = MANY, .classes = 10 };
        struct infer *in = open_infer(&w, -1, true);
        int32_t *logits = malloc(MANY * w.outputs * sizeof *logits);
        im.pixel = malloc(MANY * pixels);
        for (size_t i = 0; i < MANY; i++)
            memcpy(im.pixel + i * pixels, w.im.pixel + i * 7 % IMAGES * pixels, pixels);
        pool_set_threads(1);
        assert_int_equal(infer_run(in, &im, 0, MANY, logits, NULL), AXM_OK);
        pool_set_threads(0);
        for (size_t i = 0; i < MANY; i++) {
            const int32_t *want = w.logits + i * 7 % IMAGES * w.outputs;
            CHECK(!memcmp(logits + i * w.outputs, want, w.outputs * sizeof *logits), "scheme %d, image %zu",
                  scheme, i);
        }
        free(im.pixel);
        free(logits);
        infer_close(in);
        world_release(&w);
    }
}

/* Whether every path from the input to the last node passes through `via`, by removing it. */
static bool separates(const struct qgraph *q, int via)
{
    bool reached[256] = { true };
    if (via == 0)
        return true;
    for (int i = 1; i < q->n_nodes; i++)
        for (int k = 0; k < q->node[i].n_inputs; k++)
            reached[i] |= i != via && reached[q->node[i].input[k]];
    return !reached[q->n_nodes - 1] || via == q->n_nodes - 1;
}

/* Every node: its dump is the reference's, and going on from there ends where a whole run does. */
TEST(test_infer__continues_from_a_dump)
{
    int refused = 0, continued = 0;
    for (int seed = 1; seed <= seeds(6); seed++)
        for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_ACE; scheme++) {
            struct world w = world_of(random_qgraph((uint64_t)seed, (enum quant_scheme)scheme, 8, 8),
                                      (uint64_t)seed, false);
            struct infer *in = open_infer(&w, -1, seed % 2);
            int32_t *logits = malloc(IMAGES * w.outputs * sizeof *logits);
            for (int i = 0; i < w.q->n_nodes; i++) {
                const struct qnode *n = &w.q->node[i];
                size_t count = shape_count(n->out);
                uint8_t *value = malloc(IMAGES * infer_dump_bytes(n));
                uint16_t label[IMAGES];
                double scale[IMAGES];
                assert_int_equal(infer_dump(in, i, &w.im, 0, IMAGES, value, scale), AXM_OK);
                for (size_t k = 0; k < IMAGES * count; k++) {
                    int32_t want = w.value[k / count][i][k % count];
                    bool same = n->is_logits ? ((int32_t *)value)[k] == want : value[k] == (uint8_t)want;
                    CHECK(same, "seed %d scheme %d %s", seed, scheme, n->name);
                }
                enum axm_status st = infer_run_from(in, i, value, scale, IMAGES, logits, label);
                CHECK(st == (separates(w.q, i) ? AXM_OK : AXM_USAGE), "seed %d %s", seed, n->name);
                if (st == AXM_OK)
                    CHECK(!memcmp(logits, w.logits, IMAGES * w.outputs * sizeof *logits) &&
                          !memcmp(label, w.label, sizeof label), "seed %d %s", seed, n->name);
                continued += st == AXM_OK;
                refused += st != AXM_OK;
                free(value);
            }
            free(logits);
            infer_close(in);
            world_release(&w);
        }
    CHECK(continued > 20 && refused > 20, "%d continued, %d refused", continued, refused);
}

/* --- a network by hand: 1x1, 1x1 with padding, 3x3 -------------------------------------------------- */

static struct qnode *hand_node(struct qgraph *q, const char *name, enum op op, struct shape out,
                               struct window window)
{
    struct qnode *n = &q->node[q->n_nodes];
    *n = (struct qnode){ .op = op, .n_inputs = q->n_nodes > 0, .input = { q->n_nodes - 1 }, .out = out,
                         .window = window, .groups = 1, .scale = 0.1f, .lo = -127, .hi = 127 };
    snprintf(n->name, sizeof n->name, "%s", name);
    q->n_nodes++;
    return n;
}

static void hand_weights(struct qgraph *q, struct qnode *n)
{
    size_t k = qnode_k(q, n), out = (size_t)n->out.c;
    n->weight = arena_alloc(&q->arena, out * k);
    n->weight_zero = arena_alloc(&q->arena, out * sizeof *n->weight_zero);
    n->weight_scale = arena_alloc(&q->arena, out * sizeof *n->weight_scale);
    n->bias = arena_alloc(&q->arena, out * sizeof *n->bias);
    n->multiplier = arena_alloc(&q->arena, out * sizeof *n->multiplier);
    n->shift = arena_alloc(&q->arena, out * sizeof *n->shift);
    for (size_t i = 0; i < out * k; i++)
        n->weight[i] = (int8_t)(i * 37 % 200) - 100;
    for (size_t o = 0; o < out; o++) {
        n->weight_scale[o] = 0.1f;
        n->bias[o] = (int32_t)o * 50 - 100;
        n->multiplier[o] = 1 << 30;
        n->shift[o] = 37;
    }
}

static struct qgraph *hand_network(void)
{
    struct qgraph *q = qgraph_new();
    snprintf(q->name, sizeof q->name, "hand");
    q->weight_bits = 8;
    q->node = arena_alloc(&q->arena, 5 * sizeof *q->node);
    q->input_code = arena_alloc(&q->arena, 256);
    for (int p = 0; p < 256; p++)
        q->input_code[p] = (uint8_t)(p / 2);
    hand_node(q, "input", OP_INPUT, (struct shape){ 1, 5, 6 }, (struct window){ 0 });
    hand_weights(q, hand_node(q, "one", OP_CONV, (struct shape){ 3, 5, 6 }, window_square(1, 1, 0)));
    hand_weights(q, hand_node(q, "two", OP_CONV, (struct shape){ 2, 5, 6 }, window_square(1, 1, 0)));
    hand_weights(q, hand_node(q, "three", OP_CONV, (struct shape){ 4, 5, 6 }, window_square(3, 1, 1)));
    hand_weights(q, hand_node(q, "top", OP_DENSE, (struct shape){ 3, 1, 1 }, (struct window){ 0 }));
    CHECK(qgraph_check(q) == AXM_OK, "%s", axm_last_message());
    return q;
}

TEST(test_infer__says_what_is_memoised)
{
    struct qgraph *q = hand_network();
    struct world w = world_of(q, 1, true);
    static const bool byte_function[] = { true, true, false, false };
    for (int memoise = 0; memoise < 2; memoise++) {
        struct infer *in = open_infer(&w, -1, memoise);
        for (int l = 0; l < 4; l++) {
            bool says = strstr(infer_describe(in, l), "memoised: a function of one byte") != NULL;
            CHECK(says == (memoise && byte_function[l]), "layer %d: %s", l, infer_describe(in, l));
        }
        infer_close(in);
    }
    check_world(&w, "hand");
}

/* --- what must be refused ---------------------------------------------------------------------------- */

static void refused(const struct qgraph *q, const char *spec, const char *says_1, const char *says_2)
{
    struct axm_mul *m = open_mul(spec);
    struct layer_mult layer = { m, true };
    struct infer *in = NULL;
    CHECK(infer_open(q, &layer, 1, &(struct infer_opts){ .level = -1 }, &in) == AXM_USAGE, "%s", spec);
    CHECK(strstr(axm_last_message(), says_1) && strstr(axm_last_message(), says_2), "%s",
          axm_last_message());
    axm_mul_close(m);
}

TEST(test_infer__multipliers_that_do_not_fit_bad)
{
    struct qgraph *q = hand_network();
    refused(q, "exact8u", "one:", "exact8u is unsigned");
    refused(q, "exact4s", "one:", "exact4s has 4 bits for the activation");
    refused(q, "trunc8x4s_l1_m0", "one:", "trunc8x4s_l1_m0 has 4 bits for the activation");
    qgraph_free(q);
}

/* 16 bits and more: the codes are extended, as for the reference. */
TEST(test_infer__wider_multipliers_equal_reference)
{
    static const char *const specs[] = { "drum16s_k5", "mitchell12s_t5", "exact16s" };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct world w = { .q = hand_network() };
        w.layers = infer_layers(w.q);
        w.mul[0] = open_mul(specs[i]);
        for (int l = 0; l < w.layers; l++)
            w.layer[l] = (struct layer_mult){ w.mul[0], l % 2 };
        make_images(&w, 1);
        forward(&w);
        check_world(&w, specs[i]);
    }
}

TEST(test_infer__images_of_another_shape_bad)
{
    struct world w = world_of(hand_network(), 1, true);
    struct infer *in = open_infer(&w, -1, true);
    struct images im = w.im;
    im.shape.w = 5;
    assert_int_equal(infer_run(in, &im, 0, 1, NULL, NULL), AXM_USAGE);
    assert_non_null(strstr(axm_last_message(), "1x5x6, got 1x5x5"));
    assert_int_equal(infer_run(in, &w.im, 5, IMAGES, NULL, NULL), AXM_USAGE);
    infer_close(in);
    world_release(&w);
}

/* --- traces ---------------------------------------------------------------------------- */

struct pairs {
    uint32_t *a, *b;
    size_t n, cap;
};

static enum axm_status collect(void *ctx, const uint32_t *a, const uint32_t *b, size_t count)
{
    struct pairs *p = ctx;
    CHECK(p->n + count <= p->cap, "%zu pairs and more", p->n + count);
    memcpy(p->a + p->n, a, count * sizeof *a);
    memcpy(p->b + p->n, b, count * sizeof *b);
    p->n += count;
    return AXM_OK;
}

/* All pairs of every layer: summed up by (n, m) they are the reference's accumulators. */
TEST(test_infer__traces_add_up_to_accumulators)
{
    for (int seed = 1; seed <= 4; seed++) {
        enum quant_scheme scheme = seed % 2 ? QUANT_SYMMETRIC : QUANT_AFFINE;
        struct world w = world_of(random_qgraph((uint64_t)seed, scheme, 8, 8), (uint64_t)seed, false);
        struct infer *in = open_infer(&w, -1, true);
        const struct axm_mul *mul[256] = { NULL };
        bool weight_is_a[256] = { false };
        int32_t *acc[2][256], *value[256];
        for (int l = 0; l < w.layers; l++) {
            mul[infer_layer_node(w.q, l)] = w.layer[l].mul;
            weight_is_a[infer_layer_node(w.q, l)] = w.layer[l].weight_is_a;
        }
        for (int i = 0; i < 2; i++)
            CHECK(reference_forward_quantized(w.q, w.im.pixel + (size_t)i * shape_count(w.im.shape), mul,
                                              weight_is_a, &w.arena, value, acc[i]) == AXM_OK, "%d", seed);
        for (int l = 0; l < w.layers; l++) {
            const struct qnode *n = &w.q->node[infer_layer_node(w.q, l)];
            const struct axm_mul *m = w.layer[l].mul;
            size_t k = qnode_k(w.q, n), plane = (size_t)n->out.h * (size_t)n->out.w, columns = 2 * plane;
            struct pairs p = { .cap = (size_t)n->out.c * k * columns };
            p.a = malloc(p.cap * sizeof *p.a);
            p.b = malloc(p.cap * sizeof *p.b);
            assert_int_equal(infer_trace(in, l, &w.im, 0, 2, p.cap, collect, &p), AXM_OK);
            assert_true(p.n == p.cap);
            for (size_t o = 0; o < (size_t)n->out.c; o++)
                for (size_t c = 0; c < columns; c++) {
                    int64_t sum = n->bias[o];
                    for (size_t i = 0; i < k; i++) {
                        size_t at = (o * k + i) * columns + c;
                        uint32_t x = w.layer[l].weight_is_a ? p.b[at] : p.a[at];
                        sum += axm_mul_value(m, axm_eval(m, p.a[at], p.b[at]), 16);
                        sum -= (int64_t)n->weight_zero[o] * x;
                    }
                    const int32_t *want = acc[c / plane][infer_layer_node(w.q, l)] + o * plane;
                    bool same = sum == want[c % plane];
                    CHECK(same, "seed %d, %s, output %zu, column %zu", seed, n->name, o, c);
                }
            free(p.a);
            free(p.b);
        }
        infer_close(in);
        world_release(&w);
    }
}

/* Fewer pairs than there are: runs of 64 columns, one weight each, spread over all weights. */
TEST(test_infer__short_traces_are_runs_of_one_weight)
{
    struct world w = world_of(hand_network(), 1, true);
    struct infer *in = open_infer(&w, -1, true);
    struct pairs p = { .cap = 1000 };
    const struct qnode *n = &w.q->node[3];
    size_t k = qnode_k(w.q, n), runs = 16, all = (size_t)n->out.c * k;
    p.a = malloc(p.cap * sizeof *p.a);
    p.b = malloc(p.cap * sizeof *p.b);
    assert_int_equal(infer_trace(in, 2, &w.im, 0, IMAGES, p.cap, collect, &p), AXM_OK);
    assert_true(p.n == p.cap);
    const uint32_t *weight = w.layer[2].weight_is_a ? p.a : p.b;
    for (size_t i = 0; i < p.n; i++)   /* ceil(1000 / 64) = 16 runs over 72 weights */
        CHECK(weight[i] == (uint8_t)n->weight[i / 64 * all / runs], "pair %zu", i);
    free(p.a);
    free(p.b);
    infer_close(in);
    world_release(&w);
}
