/* Information of symbols: against hand arithmetic, and of networks against counting plainly. */
#include "tests/random_graph.h"

#include "tests/harness.h"

#include <unistd.h>

#include "base/file.h"
#include "base/pool.h"
#include "base/proc.h"
#include "dnn/quant_impl.h"
#include "dnn/reference.h"
#include "explore/plane.h"

static void expect(const char *what, const struct plane_row *r, double xt, double ty, double distinct)
{
    CHECK(fabs(r->i_xt_bits - xt) < 1e-12, "%s: H(T) %.15g, not %.15g", what, r->i_xt_bits, xt);
    CHECK(fabs(r->i_ty_bits - ty) < 1e-12, "%s: I(T;Y) %.15g, not %.15g", what, r->i_ty_bits, ty);
    CHECK(r->distinct == distinct, "%s: %g symbols, not %g", what, r->distinct, distinct);
}

TEST(test_plane__small_distributions_by_hand)
{
    struct plane_row r;
    /* Four symbols, alike: 2 bits; the label is one of their bits: 1 bit. */
    assert_int_equal(plane_symbols("abcd", 1, (const uint8_t[]){ 0, 0, 1, 1 }, 4, 2, &r), AXM_OK);
    expect("uniform", &r, 2, 1, 4);
    /* T takes a with 1/2, b and c with 1/4: 1.5 bits.  Y = 1 with b, else 0: H(Y) = 2 - 3/4 log2 3, all of
     * which T knows. */
    assert_int_equal(plane_symbols("aabc", 1, (const uint8_t[]){ 0, 0, 1, 0 }, 4, 2, &r), AXM_OK);
    expect("skewed", &r, 1.5, 2 - 0.75 * log2(3), 3);
    /* Independent: T and Y take all four pairs once. */
    assert_int_equal(plane_symbols("aabb", 1, (const uint8_t[]){ 0, 1, 0, 1 }, 4, 2, &r), AXM_OK);
    expect("independent", &r, 1, 0, 2);
    /* One symbol knows nothing. */
    assert_int_equal(plane_symbols("aaaa", 1, (const uint8_t[]){ 0, 1, 2, 3 }, 4, 4, &r), AXM_OK);
    expect("constant", &r, 0, 0, 1);
    assert_int_equal(plane_symbols("abab", 2, (const uint8_t[]){ 0, 1 }, 2, 2, &r), AXM_OK);
    expect("symbols of two bytes", &r, 0, 0, 1);
    assert_int_equal(plane_symbols("a", 1, (const uint8_t[]){ 9 }, 1, 10, &r), AXM_OK);
    expect("one image", &r, 0, 0, 1);
}

/* All 65,536 vectors of two bytes, then those of long ones that differ in one bit: as many symbols. */
TEST(test_plane__different_vectors_are_different_symbols)
{
    enum { ALL = 65536, BYTES = 300 };
    uint8_t *value = malloc(2 * ALL), *label = calloc(ALL, 1);
    uint8_t *bits = calloc(BYTES * 8 + 1, BYTES);
    struct plane_row r;
    assert_true(value && label && bits);
    for (int i = 0; i < ALL; i++) {
        value[2 * i] = (uint8_t)i;
        value[2 * i + 1] = (uint8_t)(i >> 8);
        label[i] = (uint8_t)(i % 2);
    }
    assert_int_equal(plane_symbols(value, 2, label, ALL, 2, &r), AXM_OK);
    expect("two bytes", &r, 16, 1, ALL);
    for (int i = 0; i < BYTES * 8; i++)
        bits[i * BYTES + i / 8] = (uint8_t)(1 << i % 8);
    assert_int_equal(plane_symbols(bits, BYTES, label, BYTES * 8 + 1, 2, &r), AXM_OK);
    assert_true(r.distinct == BYTES * 8 + 1);
    free(value);
    free(label);
    free(bits);
}

TEST(test_plane__labels_out_of_range_bad)
{
    struct plane_row r;
    assert_int_equal(plane_symbols("ab", 1, (const uint8_t[]){ 0, 2 }, 2, 2, &r), AXM_USAGE);
    assert_non_null(strstr(axm_last_message(), "label 2 of image 1"));
    assert_int_equal(plane_symbols("", 1, (const uint8_t[]){ 0 }, 0, 2, &r), AXM_USAGE);
}

/* --- networks ---------------------------------------------------------------------------------- */

enum { IMAGES = 300, CLASSES = 3 };

static struct images random_images(struct shape s, uint64_t seed)
{
    struct images im = { .shape = s, .count = IMAGES, .classes = CLASSES,
        .pixel = malloc(IMAGES * shape_count(s)), .label = malloc(IMAGES) };
    struct rng r;
    rng_init(&r, seed, 1);
    for (size_t i = 0; i < IMAGES; i++) {
        random_pixels(seed * 50 + i % (IMAGES / 3), s, im.pixel + i * shape_count(s));   /* thrice each */
        im.label[i] = (uint8_t)rng_below(&r, CLASSES);
    }
    return im;
}

/* H in bits of n values, by comparing each with each. */
static double plain_entropy(const int32_t *v, size_t width, const uint8_t *label, size_t n)
{
    double h = 0;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        for (size_t k = 0; k < n; k++)
            same += !memcmp(v + i * width, v + k * width, width * sizeof *v) &&
                    (!label || label[i] == label[k]);
        h += log2((double)n / (double)same) / (double)n;
    }
    return h;
}

static double label_entropy(const uint8_t *label, size_t n)
{
    double h = 0;
    for (int y = 0; y < CLASSES; y++) {
        size_t c = 0;
        for (size_t i = 0; i < n; i++)
            c += label[i] == y;
        h += c ? (double)c / (double)n * log2((double)n / (double)c) : 0;
    }
    return h;
}

/* I(T;Y) = H(T) + H(Y) - H(T,Y). */
static void check_row(const char *what, const struct plane_row *r, const int32_t *value, size_t width,
                      const struct images *im, bool neurons)
{
    double xt = 0, ty = 0, y = label_entropy(im->label, IMAGES);
    size_t symbols = neurons ? width : 1;
    int32_t *one = malloc(IMAGES * sizeof *one);
    for (size_t k = 0; k < symbols; k++) {
        for (size_t i = 0; i < IMAGES; i++)
            one[i] = value[i * width + k];
        const int32_t *v = neurons ? one : value;
        double h = plain_entropy(v, neurons ? 1 : width, NULL, IMAGES);
        xt += h / (double)symbols;
        ty += (h + y - plain_entropy(v, neurons ? 1 : width, im->label, IMAGES)) / (double)symbols;
    }
    CHECK(fabs(r->i_xt_bits - xt) < 1e-9, "%s: H(T) %.12g, not %.12g", what, r->i_xt_bits, xt);
    CHECK(fabs(r->i_ty_bits - ty) < 1e-9, "%s: I(T;Y) %.12g, not %.12g", what, r->i_ty_bits, ty);
    free(one);
}

static struct infer *open_infer(const struct qgraph *q, const struct axm_mul *m)
{
    struct infer *in;
    struct layer_mult all = { m, true };
    assert_int_equal(infer_open(q, &all, 1, &(struct infer_opts){ .level = -1, .memoise = true }, &in),
                     AXM_OK);
    return in;
}

static void check_quantized(uint64_t seed, enum quant_scheme scheme, enum plane_variant variant)
{
    struct qgraph *q = random_qgraph(seed, scheme, 8, 8);
    struct images im = random_images(q->node[0].out, seed);
    const struct axm_mul *mul[256];
    bool weight_is_a[256];
    struct axm_mul *m;
    struct infer *in;
    struct plane_row *row;
    int rows;
    assert_int_equal(axm_mul_open(scheme == QUANT_AFFINE ? "cdm8u_x6_y2" : "scdm8s_x6_y2", &m), AXM_OK);
    for (int i = 0; i < q->n_nodes; i++) {
        mul[i] = m;
        weight_is_a[i] = true;
    }
    in = open_infer(q, m);
    assert_int_equal(plane_run(q, in, &im, &(struct plane_opts){ variant, true }, &row, &rows), AXM_OK);
    assert_int_equal(rows, q->n_nodes);
    int32_t **value[IMAGES];
    struct arena arena = { 0 };
    for (size_t i = 0; i < IMAGES; i++) {
        value[i] = arena_alloc(&arena, (size_t)q->n_nodes * sizeof *value[i]);
        const uint8_t *pixel = im.pixel + i * shape_count(im.shape);
        assert_int_equal(reference_forward_quantized(q, pixel, mul, weight_is_a, &arena, value[i], NULL),
                         AXM_OK);
    }
    for (int r = 0; r < rows; r++) {
        size_t width = shape_count(q->node[r].out);
        int32_t *flat = malloc(IMAGES * width * sizeof *flat);
        for (size_t i = 0; i < IMAGES; i++)
            memcpy(flat + i * width, value[i][r], width * sizeof *flat);
        assert_int_equal(row[r].node, r);
        if (variant == PLANE_VECTOR || width <= 40)
            check_row(q->node[r].name, &row[r], flat, width, &im, variant == PLANE_NEURON);
        free(flat);
    }
    arena_release(&arena);
    free(row);
    infer_close(in);
    axm_mul_close(m);
    qgraph_free(q);
    images_release(&im);
}

TEST(test_plane__vectors_of_networks)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        for (int scheme = QUANT_SYMMETRIC; scheme <= QUANT_ACE; scheme++)
            check_quantized(seed, (enum quant_scheme)scheme, PLANE_VECTOR);
}

TEST(test_plane__neurons_of_networks)
{
    check_quantized(4, QUANT_SYMMETRIC, PLANE_NEURON);
    check_quantized(5, QUANT_AFFINE, PLANE_NEURON);
}

/* So many classes that the counters of all outputs do not fit at once: several passes, the same sums. */
TEST(test_plane__outputs_in_several_passes)
{
    struct qgraph *q = random_qgraph(4, QUANT_SYMMETRIC, 8, 40);
    struct images im = random_images(q->node[0].out, 4);
    struct plane_row *row[2];
    struct axm_mul *m;
    int rows;
    size_t outputs = 0;
    for (int i = 0; i < q->n_nodes - 1; i++)
        outputs += shape_count(q->node[i].out);
    assert_true(outputs > 1200);   /* of 1,024 that 256 MiB hold */
    assert_int_equal(axm_mul_open("scdm8s_x5_y2", &m), AXM_OK);
    struct infer *in = open_infer(q, m);
    for (int k = 0; k < 2; k++) {
        im.classes = k ? 256 : CLASSES;
        assert_int_equal(plane_run(q, in, &im, &(struct plane_opts){ PLANE_NEURON, true }, &row[k], &rows),
                         AXM_OK);
    }
    assert_memory_equal(row[0], row[1], (size_t)rows * sizeof **row);
    free(row[0]);
    free(row[1]);
    infer_close(in);
    axm_mul_close(m);
    qgraph_free(q);
    images_release(&im);
}

/* Of a ramp 0, 1, ..., 99 through one dense layer of weight 1: what each rule has to make of it. */
TEST(test_plane__bins_of_a_ramp)
{
    struct graph *g = graph_new("ramp", (struct shape){ 1, 1, 1 });
    graph_dense(g, 0, "fc", 1, true);
    assert_int_equal(graph_finish(g), AXM_OK);
    g->node[1].weight[0] = 1;
    struct images im = { .shape = { 1, 1, 1 }, .count = 100, .classes = 1, .pixel = malloc(100),
                         .label = calloc(100, 1) };
    struct plane_row *row;
    int rows;
    for (int i = 0; i < 100; i++)
        im.pixel[i] = (uint8_t)(i < 90 ? i / 30 : 200 + i - 90);   /* 30 each of 0, 1, 2; then 200..209 */
    struct plane_opts o = { PLANE_VECTOR, false };
    /* 0..209 in two: 90 and 10. */
    assert_int_equal(plane_run_float(g, &im, PLANE_UNIFORM, 2, &o, &row, &rows), AXM_OK);
    assert_int_equal(rows, 1);
    expect("uniform", row, -0.9 * log2(0.9) - 0.1 * log2(0.1), 0, 2);
    free(row);
    /* Ranks 50: at 1, so that 0 is below and the rest is not. */
    assert_int_equal(plane_run_float(g, &im, PLANE_ADAPTIVE, 2, &o, &row, &rows), AXM_OK);
    expect("adaptive, 2", row, -0.3 * log2(0.3) - 0.7 * log2(0.7), 0, 2);
    free(row);
    /* Ranks 10, 20, ..., 90: edges 0 0 1 1 1 2 2 2 200: 30, 30, 30, 10. */
    o.variant = PLANE_NEURON;
    assert_int_equal(plane_run_float(g, &im, PLANE_ADAPTIVE, 10, &o, &row, &rows), AXM_OK);
    expect("adaptive, 10", row, -0.9 * log2(0.3) - 0.1 * log2(0.1), 0, 4);
    free(row);
    images_release(&im);
    graph_free(g);
}

#define PYTHON "/usr/bin/python3"   /* Debian's, which has Debian's numpy */

/* Activations and labels, as tests/plane_oracle.py reads them. */
static void write_values(const char *dir, const struct graph *g, const struct images *im)
{
    float ***value = calloc(im->count, sizeof *value);
    struct arena arena = { 0 };
    struct strbuf path = { 0 };
    assert_non_null(value);
    for (size_t i = 0; i < im->count; i++)
        assert_int_equal(calibration_forward(g, im, i, &arena, &value[i]), AXM_OK);
    for (int n = 0; n < g->n_nodes; n++) {
        struct strbuf all = { 0 };
        size_t bytes = shape_count(g->node[n].out) * sizeof(float);
        for (size_t i = 0; i < im->count; i++)
            strbuf_add(&all, value[i][n], bytes);
        path.len = 0;
        strbuf_addf(&path, "%s/values-%03d", dir, n);
        assert_int_equal(file_write(path.s, all.s, all.len), AXM_OK);
        strbuf_release(&all);
    }
    path.len = 0;
    strbuf_addf(&path, "%s/labels", dir);
    assert_int_equal(file_write(path.s, im->label, im->count), AXM_OK);
    strbuf_release(&path);
    arena_release(&arena);
    free(value);
}

/* Lines of the oracle against what plane_run_float() says; returns how many there were. */
static int check_lines(const char *text, const struct graph *g, const struct images *im)
{
    struct plane_row *row[2][PLANE_BINS_MAX + 1][2] = { { { NULL } } };
    int rows, lines = 0, node, rule, bins, symbol;
    double xt, ty, distinct;
    for (; sscanf(text, "%d %d %d %d %lf %lf %lf", &node, &rule, &bins, &symbol, &xt, &ty, &distinct) == 7;
         text += strcspn(text, "\n") + 1, lines++) {
        struct plane_row **to = &row[rule][bins][symbol];
        struct plane_opts o = { symbol ? PLANE_NEURON : PLANE_VECTOR, true };
        if (!*to)
            assert_int_equal(plane_run_float(g, im, (enum plane_rule)rule, bins, &o, to, &rows), AXM_OK);
        const struct plane_row *r = *to + node;
        assert_int_equal(r->node, node);
        double off = fmax(fabs(r->i_xt_bits - xt), fabs(r->i_ty_bits - ty));
        off = fmax(off, fabs(r->distinct - distinct));
        CHECK(off < 1e-9, "%s, %s, %d bins, %s: %.12g, %.12g and %g, NumPy has %.12g, %.12g and %g",
              g->node[node].name, rule ? "adaptive" : "uniform", bins, symbol ? "neuron" : "vector",
              r->i_xt_bits, r->i_ty_bits, r->distinct, xt, ty, distinct);
    }
    for (int i = 0; i < 4 * (PLANE_BINS_MAX + 1); i++)
        free((&row[0][0][0])[i]);
    return lines;
}

/* More images than the adaptive rule samples. */
TEST(test_plane__numpy_agrees_on_bins)
{
    const char *const probe[] = { PYTHON, "-c", "import numpy", NULL };
    int code = 1;
    if (access(PYTHON, X_OK) || proc_run(probe, &(struct proc_opts){ .exit_code = &code }) != AXM_OK || code)
        SKIP("no numpy");
    struct graph *g = random_graph(21, 5);
    struct images im = random_images(g->node[0].out, 21);
    struct strbuf dir = { 0 }, out = { 0 };
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    write_values(dir.s, g, &im);
    const char *const argv[] = { PYTHON, "tests/plane_oracle.py", dir.s, NULL };
    CHECK(proc_run(argv, &(struct proc_opts){ .out = &out, .err = &out }) == AXM_OK, "%s", out.s);
    assert_int_equal(check_lines(out.s, g, &im), g->n_nodes * 2 * 3 * 2);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&out);
    images_release(&im);
    graph_free(g);
}

TEST(test_plane__threads_change_nothing)
{
    struct qgraph *q = random_qgraph(7, QUANT_SYMMETRIC, 8, 8);
    struct graph *g = random_graph(7, 8);
    struct images im = random_images(q->node[0].out, 7), float_im = random_images(g->node[0].out, 7);
    struct plane_row *row, *first = NULL, *float_first = NULL;
    int rows;
    struct axm_mul *m;
    struct infer *in;
    assert_int_equal(axm_mul_open("scdm8s_x5_y2", &m), AXM_OK);
    in = open_infer(q, m);
    for (int threads = 1; threads <= 4; threads++) {
        pool_set_threads(threads);
        for (int variant = PLANE_VECTOR; variant <= PLANE_NEURON; variant++) {
            struct plane_opts o = { (enum plane_variant)variant, false };
            struct plane_row **to = variant ? &float_first : &first;
            if (variant)
                assert_int_equal(plane_run_float(g, &float_im, PLANE_UNIFORM, 12, &o, &row, &rows), AXM_OK);
            else
                assert_int_equal(plane_run(q, in, &im, &o, &row, &rows), AXM_OK);
            if (*to)
                assert_memory_equal(*to, row, (size_t)rows * sizeof *row);
            if (*to)
                free(row);
            else
                *to = row;
        }
    }
    pool_set_threads(0);
    free(first);
    free(float_first);
    infer_close(in);
    axm_mul_close(m);
    qgraph_free(q);
    graph_free(g);
    images_release(&im);
    images_release(&float_im);
}
