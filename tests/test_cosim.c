/* Networks through hardware models against dnn/: random graphs, and a difference that must be found. */
#include "tests/sim_fixture.h"

#include <unistd.h>

#include "base/file.h"
#include "explore/cosim_resume.h"
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

/* nodes: as in random_graph.h. */
static void fixture_nodes(struct fixture *f, uint64_t seed, enum quant_scheme scheme, size_t images,
                          int nodes)
{
    static const char *const is_signed[] = { "scdm8s_x5_y2", "exact8s", "scdmr8s_x7_y3", "drum8s_k4",
        "scdm8s_x8_y1" };
    static const char *const not[] = { "cdm8u_x7_y3", "exact8u", "cdmr8u_x4_y2", "drum8u_k4",
        "trunc8u_l2_m1" };
    struct rng r;
    rng_init(&r, seed, 77);
    *f = (struct fixture){ .q = random_qgraph(seed, scheme, 8, nodes) };
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

static void fixture_init(struct fixture *f, uint64_t seed, enum quant_scheme scheme, size_t images)
{
    fixture_nodes(f, seed, scheme, images, 6);
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

/* What a ResNet has, and more. */
struct features {
    int graphs, layers, additions, strides, padded, depthwise, dense, pools, in_array;
    uint64_t codes, sums;
};

static void count_features(const struct fixture *f, const struct cosim_opts *o, const struct cosim_result *r,
                           struct features *c)
{
    char why[ARRAY_POOL_WHY_MAX];
    for (int l = 0; l < f->layers; l++)
        c->in_array += cosim_pool(f->q, l, o, why) >= 0;
    c->graphs++;
    c->layers += f->layers;
    c->codes += r->codes;
    c->sums += r->sums;
    for (int i = 0; i < f->q->n_nodes; i++) {
        const struct qnode *n = &f->q->node[i];
        const struct window *w = &n->window;
        bool conv = n->op == OP_CONV;
        c->additions += n->op == OP_ADD;
        c->dense += n->op == OP_DENSE;
        c->pools += n->op == OP_MAX_POOL || n->op == OP_AVG_POOL || n->op == OP_GLOBAL_AVG_POOL;
        c->strides += conv && (w->stride_h > 1 || w->stride_w > 1);
        c->padded += conv && (w->pad_top || w->pad_left || w->pad_bottom || w->pad_right);
        c->depthwise += conv && n->groups > 1 && n->groups == f->q->node[n->input[0]].out.c;
    }
}

/* circuits: how many of the multipliers of each signedness stand in the layers; 0: all. */
static void check_graphs(const struct cosim_opts *o, uint64_t first, int graphs, size_t images, int circuits)
{
    struct features c = { 0 };
    for (int i = 0; i < graphs; i++) {
        struct fixture f;
        /* Half of them have the shape of a ResNet. */
        fixture_nodes(&f, first + i, i % 2 ? QUANT_AFFINE : QUANT_SYMMETRIC, images, i & 2 ? 0 : 6);
        for (int l = 0; l < f.layers && circuits; l++)
            f.layer[l].mult = spec_of(i % 2 ? l % circuits ? "drum8u_k4" : "cdmr8u_x4_y2"
                                            : l % circuits ? "scdm8s_x5_y2" : "scdmr8s_x7_y3");
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
        count_features(&f, o, &out, &c);
        fixture_release(&f);
    }
    printf("  %s, %s: %d graphs of seeds %llu.., %zu images each: %d layers (%d with stride, %d padded, "
           "%d depthwise, %d dense), %d additions, %d pools (%d in the array); %llu codes and "
           "%llu accumulators equal\n",
           cosim_backend_names[o->backend], o->array.dataflow == ARRAY_WS ? "ws" : "os", c.graphs,
           (unsigned long long)first, images, c.layers, c.strides, c.padded, c.depthwise, c.dense,
           c.additions, c.pools, c.in_array, (unsigned long long)c.codes, (unsigned long long)c.sums);
    CHECK(c.strides && c.padded && c.depthwise && c.additions, "these graphs have too little");
    CHECK(!o->array.pool_width || c.in_array, "the array pools nothing");
}

TEST(test_cosim__random_graphs_on_gates)
{
    struct cosim_opts o = opts_of(COSIM_BITSLICE, ARRAY_WS, 4, 4);
    check_graphs(&o, 100, getenv("AXM_FULL") ? 120 : 8, 37, 0);
}

TEST(test_cosim__random_graphs_cycle_by_cycle)
{
    struct cosim_opts o = opts_of(COSIM_CYCLE, ARRAY_WS, 4, 4);
    check_graphs(&o, 200, getenv("AXM_FULL") ? 120 : 6, 5, 0);
    o = opts_of(COSIM_CYCLE, ARRAY_OS, 3, 5);
    check_graphs(&o, 1200, getenv("AXM_FULL") ? 120 : 6, 5, 0);
}

TEST(test_cosim__random_graphs_on_the_arrays)
{
    need_verilator();
    struct cosim_opts o = opts_of(COSIM_RTL, ARRAY_WS, 4, 4);
    check_graphs(&o, 300, getenv("AXM_FULL") ? 120 : 6, 3, 0);
    o = opts_of(COSIM_RTL, ARRAY_OS, 3, 5);
    check_graphs(&o, 600, getenv("AXM_FULL") ? 120 : 6, 3, 0);
}

TEST(test_cosim__random_graphs_pooled_in_the_arrays)
{
    need_verilator();
    struct cosim_opts o = opts_of(COSIM_RTL, ARRAY_WS, 4, 4);
    o.array.pool_width = 4;   /* too little for some */
    o.array.acc_depth = 16;   /* an image takes several jobs */
    check_graphs(&o, 700, getenv("AXM_FULL") ? 120 : 6, 3, 0);
    o = opts_of(COSIM_RTL, ARRAY_OS, 3, 5);
    o.array.pool_width = 10;
    check_graphs(&o, 900, getenv("AXM_FULL") ? 120 : 6, 3, 0);
}

/* Each circuit is an array to compile. */
TEST(test_cosim__random_graphs_on_arrays_of_gates)
{
    need_verilator();
    bool full = getenv("AXM_FULL");
    struct cosim_opts o = opts_of(COSIM_GATES, ARRAY_WS, 2, 3);
    check_graphs(&o, 800, full ? 120 : 4, 2, full ? 0 : 1);
    o = opts_of(COSIM_GATES, ARRAY_OS, 2, 2);
    check_graphs(&o, 1000, full ? 120 : 4, 2, full ? 0 : 1);
}

/* One weight bit is wrong in the hardware, in one layer after the other: the first sum that it changes must
 * be named, and nothing before it. */
static void check_faults(enum cosim_backend backend, enum array_dataflow dataflow)
{
    enum { GRAPHS = 3, IMAGES = 6 };
    struct cosim_opts o = opts_of(backend, dataflow, 4, 4);
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
            const struct qnode *n = &f.q->node[infer_layer_node(f.q, m->layer)];
            size_t position = (size_t)(m->row * n->out.w + m->column);
            size_t row = backend != COSIM_RTL ? position
                                             : m->image * (size_t)(n->out.h * n->out.w) + position;
            CHECK(m->on_array == (backend != COSIM_BITSLICE) && m->tile_n + m->tile_column == 0 &&
                  m->product == 0 && m->tile_m + m->tile_row == row,
                  "graph %d, layer %d: row %zu, not %zu", i, m->layer, m->tile_m + m->tile_row, row);
            /* No sooner than it has gone through all cells and every row before it; no later than all
             * the multiplications would take one by one. */
            uint64_t first = (uint64_t)o.array.rows + m->tile_row +
                             (dataflow == ARRAY_OS ? qnode_k(f.q, n) : 0);
            uint64_t last = 1000 + 20 * qnode_multiplications(f.q, n) * IMAGES;
            if (m->on_array)
                CHECK(m->cycle >= first && m->cycle < last, "graph %d, layer %d: cycle %llu, not %llu..%llu",
                      i, m->layer, (unsigned long long)m->cycle, (unsigned long long)first,
                      (unsigned long long)last);
        }
        fixture_release(&f);
    }
    CHECK(found >= 2 * GRAPHS, "%d faults found", found);
}

TEST(test_cosim__a_wrong_weight_is_found_on_gates)
{
    check_faults(COSIM_BITSLICE, ARRAY_WS);
}

TEST(test_cosim__a_wrong_weight_is_found_cycle_by_cycle)
{
    check_faults(COSIM_CYCLE, ARRAY_WS);
    check_faults(COSIM_CYCLE, ARRAY_OS);
}

TEST(test_cosim__a_wrong_weight_is_found_on_the_array)
{
    need_verilator();
    check_faults(COSIM_RTL, ARRAY_WS);
}

/* --- waveforms ------------------------------------------------------------------------------ */

/* A signal of a VCD file's top module: its identifier there. */
static void vcd_signal(const char *vcd, const char *name, char id[16])
{
    const char *var = vcd;
    char word[64], type[16];
    int bits;
    while ((var = strstr(var, "$var ")))
        if (sscanf(var++, "$var %15s %d %15s %63s", type, &bits, id, word) == 4 && !strcmp(word, name))
            return;
    CHECK(false, "no signal %s", name);
}

/* Bits low .. low + n - 1 of a signal at a time. */
static uint64_t vcd_value(const char *vcd, const char *name, uint64_t time, unsigned low, unsigned n)
{
    char id[16];
    uint64_t value = 0;
    bool seen = false;
    vcd_signal(vcd, name, id);
    for (const char *line = strstr(vcd, "$enddefinitions"); line; line = strchr(line, '\n')) {
        line++;
        bool vector = *line == 'b';
        const char *digit = line + vector;
        size_t bits = vector ? strspn(digit, "01") : strspn(digit, "01") > 0;
        const char *of = digit + bits + vector;
        if (*line == '#' && strtoull(line + 1, NULL, 10) > time)
            break;
        if (!bits || strncmp(of, id, strlen(id)) || of[strlen(id)] != '\n')
            continue;
        value = 0;
        for (unsigned i = low; i < low + n && i < bits; i++)
            value |= (uint64_t)(digit[bits - 1 - i] - '0') << (i - low);
        seen = true;
    }
    CHECK(seen, "%s has no value", name);
    return value;
}

/* In the cycle that a difference is said to be from, the wrong value leaves the array. */
static void check_waveform(enum cosim_backend backend, enum array_dataflow dataflow, int rows, int cols)
{
    struct cosim_opts o = opts_of(backend, dataflow, rows, cols);
    struct strbuf dir = { 0 }, path = { 0 };
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    strbuf_addf(&path, "%s/signals.vcd", dir.s);
    o.vcd = path.s;
    o.vcd_cycles = 30;
    int found = 0;
    struct fixture f;
    fixture_init(&f, 401, QUANT_SYMMETRIC, 4);
    for (int l = 0; l < f.layers; l++)
        f.layer[l].mult = spec_of("exact8s");
    for (o.fault_layer = 1; o.fault_layer <= f.layers && found < 2; o.fault_layer++) {
        struct cosim_result out = { .layer = f.result };
        struct strbuf vcd = { 0 };
        if (cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, 4, &out) != AXM_MISMATCH)
            continue;
        const struct cosim_mismatch *m = &out.mismatch;
        assert_true(m->found);
        assert_int_equal(file_read(path.s, 64 << 20, &vcd), AXM_OK);
        uint64_t at = 10 * m->cycle;
        int32_t word = (int32_t)vcd_value(vcd.s, "m_axis_y_tdata", at, 32 * (unsigned)m->tile_column, 32);
        CHECK(word == m->actual, "layer %d, cycle %llu: %d leaves, not %d", m->layer,
              (unsigned long long)m->cycle, word, m->actual);
        assert_int_equal(vcd_value(vcd.s, "m_axis_y_tvalid", at, 0, 1), 1);
        assert_int_equal(vcd_value(vcd.s, "m_axis_y_tready", at, 0, 1), 1);
        assert_int_equal(vcd_value(vcd.s, "clk_i", at, 0, 1), 0);
        assert_int_equal(vcd_value(vcd.s, "clk_i", at + 5, 0, 1), 1);
        char *first = strstr(strstr(vcd.s, "$enddefinitions"), "\n#");
        assert_int_equal(strtoull(first + 2, NULL, 10), m->cycle > 30 ? at - 300 : 0);
        strbuf_release(&vcd);
        found++;
    }
    CHECK(found == 2, "%d faults found", found);
    /* Nothing differs: no file. */
    o.fault_layer = 0;
    struct cosim_result out = { .layer = f.result };
    assert_int_equal(unlink(path.s), 0);
    assert_int_equal(cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, 4, &out), AXM_OK);
    assert_false(file_exists(path.s));
    fixture_release(&f);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&path);
}

TEST(test_cosim__the_waveform_shows_what_differs)
{
    need_verilator();
    check_waveform(COSIM_RTL, ARRAY_WS, 4, 4);
    check_waveform(COSIM_RTL, ARRAY_OS, 3, 5);
}

TEST(test_cosim__the_waveform_shows_what_differs_on_gates)
{
    need_verilator();
    check_waveform(COSIM_GATES, ARRAY_WS, 2, 2);
}

/* --- processes ------------------------------------------------------------------------------ */

/* A run's result is the same on threads and on any number of processes, also when something differs. */
static void check_processes(enum cosim_backend backend)
{
    enum { IMAGES = 9 };
    struct cosim_opts o = opts_of(backend, ARRAY_WS, 4, 4);
    o.batch = 2;
    o.sums_every = 3;
    struct fixture f;
    fixture_init(&f, 502, QUANT_SYMMETRIC, IMAGES);
    for (o.fault_layer = 0; o.fault_layer <= f.layers; o.fault_layer++) {
        struct cosim_layer_result layer[64];
        struct cosim_result one = { .layer = layer }, other = { .layer = f.result };
        o.processes = 0;
        enum axm_status st = cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, IMAGES, &one);
        assert_true(st == AXM_OK || (o.fault_layer && st == AXM_MISMATCH));
        for (o.processes = o.fault_layer ? 3 : 1; o.processes <= 3; o.processes += 2) {
            assert_int_equal(cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, IMAGES, &other), st);
            const struct cosim_mismatch *a = &one.mismatch, *b = &other.mismatch;
            CHECK(a->found == b->found && a->image == b->image && a->layer == b->layer &&
                  a->channel == b->channel && a->row == b->row && a->column == b->column &&
                  a->expected == b->expected && a->actual == b->actual && a->cycle == b->cycle,
                  "fault in layer %d: image %zu, layer %d; not image %zu, layer %d", o.fault_layer - 1,
                  other.mismatch.image, other.mismatch.layer, one.mismatch.image, one.mismatch.layer);
            if (st)
                continue;   /* which batches were done besides is chance */
            assert_int_equal(one.images, other.images);
            assert_int_equal(one.sums, other.sums);
            assert_int_equal(one.codes, other.codes);
            assert_memory_equal(layer, f.result, (size_t)f.layers * sizeof *layer);
        }
    }
    fixture_release(&f);
}

TEST(test_cosim__processes_give_what_threads_give)
{
    check_processes(COSIM_CYCLE);
}

TEST(test_cosim__processes_give_what_threads_give_on_the_array)
{
    need_verilator();
    check_processes(COSIM_RTL);
}

/* --- going on later --------------------------------------------------------------------- */

/* Ends the run when its first batches have been kept. */
static enum axm_status keep_and_stop(void *ctx, const struct cosim_state *s)
{
    struct cosim_keeper k = cosim_resume_keeper(ctx);
    enum axm_status st = k.save(k.ctx, s);
    return st ? st : AXM_STOPPED;
}

struct resumed {
    struct fixture f;
    struct cosim_opts o;
    struct cosim_result out;
    struct strbuf dir, path;
    const char *model, *tool;
};

enum { RESUMED_IMAGES = 20, RESUMED_BATCH = 3, RESUMED_BATCHES = 7 };

static void resumed_init(struct resumed *r, enum cosim_backend backend)
{
    *r = (struct resumed){ .o = opts_of(backend, ARRAY_WS, 4, 4), .model = "model", .tool = "tool" };
    r->o.batch = RESUMED_BATCH;
    r->o.sums_every = 3;
    fixture_init(&r->f, 500, QUANT_SYMMETRIC, RESUMED_IMAGES);
    r->out.layer = r->f.result;
    assert_int_equal(file_scratch_dir(&r->dir), AXM_OK);
    strbuf_addf(&r->path, "%s/kept", r->dir.s);
}

static void resumed_release(struct resumed *r)
{
    fixture_release(&r->f);
    file_remove_tree(r->dir.s);
    strbuf_release(&r->dir);
    strbuf_release(&r->path);
}

/* One run of images 0 .. n - 1 with the file. */
static enum axm_status resumed_run(struct resumed *r, size_t n, bool stops)
{
    struct cosim_resume *file = NULL;
    struct cosim_key key = { .images_of = "random", .n = n, .o = &r->o, .layer = r->f.layer,
        .layers = r->f.layers };
    snprintf(key.model.s, sizeof key.model.s, "%s", r->model);
    snprintf(key.tool.s, sizeof key.tool.s, "%s", r->tool);
    enum axm_status st = cosim_resume_open(r->path.s, &key, &file);
    if (st)
        return st;
    struct cosim_keeper k = cosim_resume_keeper(file);
    if (stops)
        k.save = keep_and_stop;
    r->o.keep = &k;
    st = cosim_run(r->f.q, r->f.layer, r->f.layers, &r->o, &r->f.im, 0, n, &r->out);
    r->o.keep = NULL;
    cosim_resume_close(file);
    return st;
}

static void check_going_on(enum cosim_backend backend)
{
    struct resumed r;
    struct cosim_layer_result calm_layer[64];
    struct cosim_result calm = { .layer = calm_layer };
    resumed_init(&r, backend);
    assert_int_equal(cosim_run(r.f.q, r.f.layer, r.f.layers, &r.o, &r.f.im, 0, RESUMED_IMAGES, &calm),
                     AXM_OK);
    assert_int_equal(calm.kept_images, 0);
    assert_int_equal(resumed_run(&r, 5, false), AXM_OK);   /* another run, whose row must not matter */
    for (size_t last = 0, runs = 0; last < RESUMED_IMAGES; runs++) {
        enum axm_status st = resumed_run(&r, RESUMED_IMAGES, true);
        CHECK(st == AXM_STOPPED && r.out.kept_images == last && r.out.images > last && runs < RESUMED_BATCHES,
              "run %zu: status %d, %zu images before, %zu after, not %zu before", runs, st, r.out.kept_images,
              r.out.images, last);
        last = r.out.images;
    }
    assert_int_equal(resumed_run(&r, RESUMED_IMAGES, false), AXM_OK);
    assert_int_equal(r.out.kept_images, RESUMED_IMAGES);
    assert_int_equal(r.out.images, RESUMED_IMAGES);
    assert_int_equal(r.out.sums, calm.sums);
    assert_int_equal(r.out.codes, calm.codes);
    assert_memory_equal(r.f.result, calm_layer, (size_t)r.f.layers * sizeof *calm_layer);
    r.o.seed++;   /* another run: nothing is taken over */
    assert_int_equal(resumed_run(&r, RESUMED_IMAGES, false), AXM_OK);
    assert_int_equal(r.out.kept_images, 0);
    r.o.seed--;
    assert_int_equal(resumed_run(&r, 5, false), AXM_OK);
    assert_int_equal(r.out.kept_images, 5);
    resumed_release(&r);
}

TEST(test_cosim__a_stopped_run_goes_on)
{
    check_going_on(COSIM_CYCLE);
}

TEST(test_cosim__a_stopped_run_goes_on_on_the_array)
{
    need_verilator();
    check_going_on(COSIM_RTL);
}

/* What another network, or another build of the program, gave says nothing about this one. */
TEST(test_cosim__nothing_is_taken_over_from_another_model_or_tool)
{
    struct resumed r;
    resumed_init(&r, COSIM_BITSLICE);
    static const char *const run[][2] = { { "model", "tool" }, { "model 2", "tool" }, { "model", "tool 2" } };
    for (int i = 0; i < 6; i++) {
        r.model = run[i % 3][0];
        r.tool = run[i % 3][1];
        assert_int_equal(resumed_run(&r, 5, false), AXM_OK);
        CHECK(r.out.kept_images == (i < 3 ? 0 : 5), "run %d: %zu images taken over", i, r.out.kept_images);
    }
    resumed_release(&r);
}

TEST(test_cosim__a_damaged_file_of_a_stopped_run_bad)
{
    struct resumed r;
    struct strbuf good = { 0 };
    resumed_init(&r, COSIM_BITSLICE);
    assert_int_equal(resumed_run(&r, RESUMED_IMAGES, false), AXM_OK);
    assert_int_equal(file_read(r.path.s, 1 << 20, &good), AXM_OK);
    const char *row = strchr(good.s, '\n') + 1, *done = strstr(row, ",3,0-6,");
    assert_non_null(done);
    const size_t done_at = (size_t)(done - good.s);
    const struct { size_t at; const char *text; size_t len; } damage[] = {
        { 0, "M", 1 },                          /* another header */
        { good.len - 1, "0", 1 },               /* no end */
        { done_at + 5, "7", 1 },                /* a batch that there is not */
        { done_at + 3, "9", 1 },                /* from behind to */
        { done_at + 4, "x", 1 },
        { good.len - 3, ";", 1 },               /* a layer too many */
        { good.len - 2, "-", 1 },
    };
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        struct strbuf bad = { 0 };
        strbuf_add(&bad, good.s, good.len);
        memcpy(bad.s + damage[i].at, damage[i].text, damage[i].len);
        assert_int_equal(file_write(r.path.s, bad.s, bad.len), AXM_OK);
        enum axm_status st = resumed_run(&r, RESUMED_IMAGES, false);
        CHECK(st == AXM_USAGE, "damage %zu: status %d", i, st);
        strbuf_release(&bad);
    }
    strbuf_release(&good);
    resumed_release(&r);
}

/* A wrong weight before a pool in the array: what leaves the pooling unit is wrong, unless all that it
 * changes are codes below a maximum. */
TEST(test_cosim__a_wrong_weight_is_found_in_pooled_codes)
{
    need_verilator();
    enum { GRAPHS = 10, IMAGES = 3 };
    struct cosim_opts o = opts_of(COSIM_RTL, ARRAY_OS, 3, 5);
    o.array.pool_width = 10;
    o.batch = 2;
    o.fault_bit = 7;
    int found = 0;
    for (int i = 0; i < GRAPHS; i++) {
        struct fixture f;
        fixture_nodes(&f, 900 + (uint64_t)i, i % 2 ? QUANT_AFFINE : QUANT_SYMMETRIC, IMAGES, i & 2 ? 0 : 6);
        for (int l = 0; l < f.layers; l++) {
            char why[ARRAY_POOL_WHY_MAX];
            int pool = cosim_pool(f.q, l, &o, why);
            struct cosim_result out = { .layer = f.result };
            o.fault_layer = l + 1;
            if (pool < 0 || cosim_run(f.q, f.layer, f.layers, &o, &f.im, 0, IMAGES, &out) == AXM_OK)
                continue;
            const struct cosim_mismatch *m = &out.mismatch;
            struct shape s = f.q->node[pool].out;
            size_t result = m->image % o.batch * (size_t)(s.h * s.w) + (size_t)(m->row * s.w + m->column);
            CHECK(m->found && m->layer == l && m->channel == 0 && m->cycle != UINT64_MAX,
                  "graph %d: fault in layer %d, reported in layer %d, channel %d", i, l, m->layer,
                  m->channel);
            CHECK(m->accumulator || (m->pooled && m->tile_m + m->tile_row == result),
                  "graph %d, layer %d: result %zu, not %zu", i, l, m->tile_m + m->tile_row, result);
            found += m->pooled;
        }
        fixture_release(&f);
    }
    CHECK(found >= 3, "%d faults found in pooled codes", found);
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
