/* Networks through hardware models against dnn/: random graphs, and a difference that must be found. */
#include "tests/sim_fixture.h"

#include "explore/cosim.h"
#include "sim/verilator.h"
#include "tests/random_graph.h"

static void need_verilator(void)
{
    if (verilator_need())
        skip();
}

struct fixture {
    struct qgraph *q;
    struct images im;
    struct cosim_layer layer[64];
    struct cosim_layer_result result[64];
    int layers;
};

static void fixture_init(struct fixture *f, uint64_t seed, enum quant_scheme scheme, size_t images)
{
    static const char *const is_signed[] = { "scdm8s_x5_y2", "exact8s", "scdmr8s_x7_y3", "drum8s_k4",
        "scdm8s_x8_y1" };
    static const char *const not[] = { "cdm8u_x7_y3", "exact8u", "cdmr8u_x4_y2", "drum8u_k4",
        "trunc8u_l2_m1" };
    struct rng r;
    rng_init(&r, seed, 77);
    *f = (struct fixture){ .q = random_qgraph(seed, scheme, 8, 6) };
    assert_non_null(f->q);
    struct shape s = f->q->node[0].out;
    f->im = (struct images){ .shape = s, .count = images, .classes = 10,
        .pixel = malloc(images * shape_count(s)), .label = calloc(images, 1) };
    for (size_t i = 0; i < images; i++)
        random_pixels(seed + i, s, f->im.pixel + i * shape_count(s));
    f->layers = infer_layers(f->q);
    assert_true(f->layers <= 64);
    for (int i = 0; i < f->layers; i++)
        f->layer[i] = (struct cosim_layer){
            spec_of((scheme == QUANT_AFFINE ? not : is_signed)[rng_below(&r, 5)]), rng_below(&r, 2) };
}

static void fixture_release(struct fixture *f)
{
    qgraph_free(f->q);
    images_release(&f->im);
}

static struct cosim_opts opts_of(enum cosim_backend backend, enum array_dataflow dataflow, int rows, int cols)
{
    struct axm_spec any = spec_of("exact8s");
    struct cosim_opts o = { .backend = backend, .array = array_defaults(&any), .seed = 1,
        .stall_percent = 10 };
    o.array.dataflow = dataflow;
    o.array.rows = rows;
    o.array.cols = o.array.lanes = cols;
    return o;
}

static void check_graphs(const struct cosim_opts *o, uint64_t first, int graphs, size_t images)
{
    for (int i = 0; i < graphs; i++) {
        struct fixture f;
        fixture_init(&f, first + i, i % 2 ? QUANT_AFFINE : QUANT_SYMMETRIC, images);
        struct cosim_result out = { .layer = f.result };
        enum axm_status st = cosim_run(f.q, f.layer, f.layers, o, &f.im, 0, images, &out);
        const struct cosim_mismatch *m = &out.mismatch;
        CHECK(st == AXM_OK, "graph %llu: image %zu, layer %d, channel %d at %d, %d: %d, not %d",
              (unsigned long long)first + i, m->image, m->layer, m->channel, m->row, m->column, m->actual,
              m->expected);
        assert_int_equal(out.images, images);
        uint64_t done = 0, expected = 0;
        for (int l = 0; l < f.layers; l++)
            done += f.result[l].multiplications;
        for (int n = 0; n < f.q->n_nodes; n++)
            if (qnode_multiplies(&f.q->node[n]))
                expected += qnode_multiplications(f.q, &f.q->node[n]);
        assert_int_equal(done, expected * images);
        fixture_release(&f);
    }
}

TEST(test_cosim__random_graphs_on_gates)
{
    struct cosim_opts o = opts_of(COSIM_BITSLICE, ARRAY_WS, 4, 4);
    check_graphs(&o, 100, getenv("AXM_FULL") ? 120 : 12, 9);
}

TEST(test_cosim__random_graphs_cycle_by_cycle)
{
    struct cosim_opts o = opts_of(COSIM_CYCLE, ARRAY_WS, 4, 4);
    check_graphs(&o, 200, getenv("AXM_FULL") ? 120 : 8, 5);
}

TEST(test_cosim__random_graphs_on_the_arrays)
{
    need_verilator();
    struct cosim_opts o = opts_of(COSIM_RTL, ARRAY_WS, 4, 4);
    check_graphs(&o, 300, getenv("AXM_FULL") ? 120 : 10, 3);
    o = opts_of(COSIM_RTL, ARRAY_OS, 3, 5);
    check_graphs(&o, 600, getenv("AXM_FULL") ? 120 : 10, 3);
}

/* One weight bit is wrong in the hardware, in one layer after the other: the first sum that it changes must
 * be named, and nothing before it. */
static void check_faults(enum cosim_backend backend)
{
    enum { GRAPHS = 3, IMAGES = 6 };
    struct cosim_opts o = opts_of(backend, ARRAY_WS, 4, 4);
    int found = 0;
    for (int i = 0; i < GRAPHS; i++) {
        struct fixture f;
        fixture_init(&f, 400 + (uint64_t)i, QUANT_SYMMETRIC, IMAGES);
        for (int l = 0; l < f.layers; l++)
            f.layer[l].mult = spec_of("exact8s");
        for (o.fault_layer = 1; o.fault_layer <= f.layers; o.fault_layer++) {
            struct cosim_result out = { .layer = f.result };
            enum axm_status st = cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, IMAGES, &out);
            const struct cosim_mismatch *m = &out.mismatch;
            CHECK(st == AXM_MISMATCH ? m->found : st == AXM_OK && !m->found, "graph %d: status %d", i, st);
            if (!m->found)
                continue;   /* every input of that weight was 0 */
            found++;
            CHECK(m->layer == o.fault_layer - 1 && m->channel == 0 && m->expected != m->actual,
                  "graph %d: fault in layer %d, reported in layer %d, channel %d", i, o.fault_layer - 1,
                  m->layer, m->channel);
        }
        fixture_release(&f);
    }
    CHECK(found >= 2 * GRAPHS, "%d faults found", found);
}

TEST(test_cosim__a_wrong_weight_is_found_on_gates)
{
    check_faults(COSIM_BITSLICE);
}

TEST(test_cosim__a_wrong_weight_is_found_cycle_by_cycle)
{
    check_faults(COSIM_CYCLE);
}

TEST(test_cosim__a_wrong_weight_is_found_on_the_array)
{
    need_verilator();
    check_faults(COSIM_RTL);
}

TEST(test_cosim__ace_and_wide_operands_bad)
{
    struct fixture f;
    struct cosim_opts o = opts_of(COSIM_BITSLICE, ARRAY_WS, 4, 4);
    fixture_init(&f, 6, QUANT_ACE, 1);
    struct cosim_result out = { .layer = f.result };
    assert_int_equal(cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, 1, &out), AXM_USAGE);
    fixture_release(&f);
    fixture_init(&f, 7, QUANT_SYMMETRIC, 1);
    f.layer[0].mult = spec_of("drum12s_k4");
    assert_int_equal(cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, 1, &out), AXM_USAGE);
    f.layer[0].mult = spec_of("exact8u");
    assert_int_equal(cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, 1, &out), AXM_USAGE);
    fixture_release(&f);
}
