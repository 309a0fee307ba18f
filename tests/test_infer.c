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
        w.mul[l] = q->weight_bits <= 4 ? random_mul(seed, is_signed, weight_is_a ? 4 : 8, weight_is_a ? 8 : 4)
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
    for (int seed = 1; seed <= seeds(12); seed++) {
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
