#include "explore/cosim_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "gen/build.h"

enum { DUMP_BYTES = 1 << 30 };   /* of a worker */
static const double SAVE_SECONDS = 0.25;   /* the state is kept not more often */

const char *const cosim_backend_names[COSIM_BACKENDS] = { "rtl", "gates", "cycle", "bitslice" };

/* Images are lanes of compiled gates; else they stream through the Verilated array. */
static bool in_lanes(const struct run *r)
{
    return r->o->backend == COSIM_BITSLICE || r->o->backend == COSIM_CYCLE;
}

static struct geometry geometry_of(const struct qgraph *q, const struct qnode *node)
{
    const struct qnode *from = &q->node[node->input[0]];
    struct geometry g = { .node = node, .in = from->out, .out = node->out, .zero_x = from->zero };
    bool conv = node->op == OP_CONV;
    g.groups = conv ? (size_t)node->groups : 1;
    g.n = (size_t)node->out.c / g.groups;
    g.k = qnode_k(q, node);
    g.positions = (size_t)node->out.h * (size_t)node->out.w;
    return g;
}

/* Element of the input (c, h, w order) that output position p meets at input k of group, or -1: padding. */
static int64_t element(const struct geometry *g, size_t group, size_t p, size_t k)
{
    if (g->node->op == OP_DENSE)
        return (int64_t)k;
    const struct window *w = &g->node->window;
    size_t taps = (size_t)w->kernel_h * (size_t)w->kernel_w;
    size_t c = group * (g->k / taps) + k / taps;
    int y = (int)(p / (size_t)g->out.w) * w->stride_h - w->pad_top + (int)(k % taps) / w->kernel_w;
    int x = (int)(p % (size_t)g->out.w) * w->stride_w - w->pad_left + (int)(k % taps) % w->kernel_w;
    if (y < 0 || x < 0 || y >= g->in.h || x >= g->in.w)
        return -1;
    return ((int64_t)c * g->in.h + y) * g->in.w + x;
}

/* --- pools -------------------------------------------------------------------------------- */

static struct array_pool pool_of(const struct qgraph *q, const struct qnode *node)
{
    const struct shape in = q->node[node->input[0]].out, out = node->out;
    struct window w = node->window;
    if (node->op == OP_GLOBAL_AVG_POOL)
        w = (struct window){ .kernel_h = in.h, .kernel_w = in.w, .stride_h = in.h, .stride_w = in.w };
    return (struct array_pool){ .average = node->op != OP_MAX_POOL, .kernel_h = w.kernel_h,
        .kernel_w = w.kernel_w, .stride_h = w.stride_h, .stride_w = w.stride_w, .pad_top = w.pad_top,
        .pad_left = w.pad_left, .in_h = in.h, .in_w = in.w, .out_h = out.h, .out_w = out.w,
        .zero = node->zero, .lo = node->lo, .hi = node->hi, .mult = node->multiplier, .shift = node->shift,
        .entries = (int)qnode_multipliers(q, node) };
}

int cosim_pool(const struct qgraph *q, int layer, const struct cosim_opts *o, char why[ARRAY_POOL_WHY_MAX])
{
    int node = infer_layer_node(q, layer), reader = -1, readers = 0;
    *why = '\0';
    for (int i = 0; i < q->n_nodes; i++)
        for (int k = 0; k < q->node[i].n_inputs; k++)
            if (q->node[i].input[k] == node) {
                reader = i;
                readers++;
            }
    if (readers != 1 || !o->array.pool_width || (o->backend != COSIM_RTL && o->backend != COSIM_GATES))
        return -1;
    enum op op = q->node[reader].op;
    if (op != OP_MAX_POOL && op != OP_AVG_POOL && op != OP_GLOBAL_AVG_POOL)
        return -1;
    const struct array_pool p = pool_of(q, &q->node[reader]);
    return array_pool_fits(&o->array, &p, why) ? reader : -1;
}

/* --- setting up ------------------------------------------------------------------------ */

static struct array_config array_of(const struct run *r, const struct layer *l, bool same_widths)
{
    struct array_config c = r->o->array;
    c.mult = l->spec.mult;
    c.order = !same_widths ? l->spec.weight_is_a ? ARRAY_WEIGHT_IS_A : ARRAY_WEIGHT_IS_B
              : r->o->backend == COSIM_RTL ? ARRAY_WEIGHT_IS_A : ARRAY_ORDER_RUNTIME;
    return c;
}

/* The table of f(b, a).  One array serves both orders then, without a multiplexer in every cell. */
static void swap_operands(struct axm_lut *l)
{
    size_t n = (size_t)1 << l->width_a;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < a; b++) {
            int32_t t = l->value[a * n + b];
            l->value[a * n + b] = l->value[b * n + a];
            l->value[b * n + a] = t;
        }
}

static enum axm_status make_index(const struct run *r, struct layer *l)
{
    const struct geometry *g = &l->geometry;
    size_t elements = shape_count(g->in), k_step = in_lanes(r) ? 1 : g->positions,
        p_step = in_lanes(r) ? g->k : 1;
    l->index = malloc(g->groups * g->positions * g->k * sizeof *l->index);
    if (!l->index)
        return fail(AXM_ENV, "cosim: out of memory for %s", g->node->name);
    for (size_t group = 0; group < g->groups; group++)
        for (size_t p = 0; p < g->positions; p++)
            for (size_t k = 0; k < g->k; k++) {
                int64_t e = element(g, group, p, k);
                l->index[group * g->positions * g->k + p * p_step + k * k_step] =
                    (uint32_t)(e < 0 ? (int64_t)elements : e);
            }
    return AXM_OK;
}

static enum axm_status set_up_layer(struct run *r, int i, const struct cosim_layer *spec)
{
    struct layer *l = &r->layer[i];
    struct geometry *g = &l->geometry;
    const struct axm_spec *m = &spec->mult;
    *g = geometry_of(r->q, &r->q->node[infer_layer_node(r->q, i)]);
    l->spec = *spec;
    l->mode = array_mode(m);
    char why[ARRAY_POOL_WHY_MAX];
    l->pool_node = cosim_pool(r->q, i, r->o, why);
    if (l->pool_node >= 0)
        l->pool = pool_of(r->q, &r->q->node[l->pool_node]);
    if (m->width_a > 8 || m->width_b > 8)
        return fail(AXM_USAGE, "%s: hardware is simulated with operands of at most 8 bits, got %dx%d",
                    g->node->name,
                    m->width_a, m->width_b);
    enum axm_status st = axm_mul_open_spec(m, &l->mul);
    if (st)
        return st;
    l->zero_product = (int32_t)axm_mul_value(l->mul, axm_eval(l->mul, 0, 0), axm_mul_width_product(l->mul));
    const struct gemm_opts go = { .weight_is_a = spec->weight_is_a, .level = -1, .plan = -1 };
    if ((st = gemm_open(l->mul, &go, &l->gemm)))
        return st;
    size_t weights = g->groups * g->n * g->k;
    l->weights = calloc(g->groups, sizeof *l->weights);
    l->hardware_weight = malloc(weights);
    if (!l->weights || !l->hardware_weight)
        return fail(AXM_ENV, "cosim: out of memory");
    memcpy(l->hardware_weight, g->node->weight, weights);
    l->hardware_weight[0] ^= (uint8_t)((r->o->fault_layer == i + 1) << r->o->fault_bit);
    for (size_t group = 0; group < g->groups && !st; group++)
        st = gemm_pack(l->gemm, (const uint8_t *)g->node->weight + group * g->n * g->k, g->n, g->k,
                       &l->weights[group]);
    if (!st && r->o->backend == COSIM_RTL)
        st = axm_lut_build(l->mul, &l->lut);
    l->array_weight_is_a = spec->weight_is_a;
    if (!st && r->o->backend == COSIM_RTL && m->width_a == m->width_b) {
        l->array_weight_is_a = true;
        if (!spec->weight_is_a)
            swap_operands(&l->lut);
    }
    if (!st && in_lanes(r))
        st = sliced_open(m, spec->weight_is_a, l->mode, bitsim_best_level(), &l->sliced);
    return st ? st : make_index(r, l);
}

/* The arrays of one worker.  With a table, or with equal multipliers, layers share one. */
static enum axm_status set_up_arrays(struct run *r, int worker)
{
    enum array_unit unit = r->o->backend == COSIM_GATES ? ARRAY_GATES : ARRAY_TABLE;
    r->array[worker] = calloc((size_t)r->n_layers, sizeof **r->array);
    if (!r->array[worker])
        return fail(AXM_ENV, "cosim: out of memory");
    for (int i = 0; i < r->n_layers; i++) {
        const struct axm_spec *m = &r->layer[i].spec.mult;
        bool square = m->width_a == m->width_b;
        for (int j = 0; j < i && !r->array[worker][i]; j++) {
            const struct layer *other = &r->layer[j];
            const struct axm_spec *o = &other->spec.mult;
            bool shape = o->width_a == m->width_a && o->width_b == m->width_b && o->is_signed ==
                m->is_signed &&
                (square || other->spec.weight_is_a == r->layer[i].spec.weight_is_a);
            char a[AXM_SPEC_MAX], b[AXM_SPEC_MAX];
            axm_spec_print_circuit(m, a);
            axm_spec_print_circuit(o, b);
            if (shape && (unit == ARRAY_TABLE || !strcmp(a, b)))
                r->array[worker][i] = r->array[worker][j];
        }
        if (r->array[worker][i])
            continue;
        struct array_config c = array_of(r, &r->layer[i], square);
        enum axm_status st = array_sim_open(&c, unit, &r->array[worker][i]);
        if (st)
            return st;
    }
    return AXM_OK;
}

static void close_arrays(struct run *r, int worker)
{
    for (int i = 0; r->array[worker] && i < r->n_layers; i++) {
        bool shared = false;
        for (int j = 0; j < i; j++)
            shared |= r->array[worker][j] == r->array[worker][i];
        if (!shared)
            array_sim_close(r->array[worker][i]);
    }
    free(r->array[worker]);
}

/* --- comparing ---------------------------------------------------------------------------- */

void cosim_report(struct run *r, const struct work *w, size_t image, size_t channel, size_t position,
                  bool accumulator, int32_t expected, int32_t actual)
{
    const struct geometry *g = &r->layer[w->layer].geometry;
    const struct array_config *c = &r->o->array;
    struct cosim_mismatch *m = &r->tally[w->worker].mismatch;
    if (m->found)
        return;
    /* Cycle by cycle, each image has an array of its own. */
    size_t row = (in_lanes(r) ? 0 : image * g->positions) + position, column = channel % g->n;
    size_t rows = (size_t)(c->dataflow == ARRAY_WS ? c->acc_depth : c->rows);
    *m = (struct cosim_mismatch){ .found = true, .accumulator = accumulator,
        .image = r->first + w->image + image, .layer = w->layer, .channel = (int)channel,
        .row = (int)(position / (size_t)g->out.w), .column = (int)(position % (size_t)g->out.w),
        .expected = expected, .actual = actual };
    m->on_array = r->o->backend != COSIM_BITSLICE;
    m->product = channel / g->n;
    m->tile_column = column % (size_t)c->cols;
    m->tile_n = column - m->tile_column;
    m->tile_row = row % rows;
    m->tile_m = row - m->tile_row;
    m->cycle = UINT64_MAX;
}

/* Code as a number. */
static int32_t code_value(const struct run *r, uint8_t pattern)
{
    return qgraph_signed(r->q) ? (int8_t)pattern : pattern;
}

/* Streams of a batch through an array, all images' positions in a row. */
struct stream {
    uint8_t *x;                 /* [k][stride] */
    size_t stride;              /* >= images * positions, a multiple of 64 */
    int32_t *acc, *y;           /* [n][stride] */
    void *scratch;
};

static void gather(const struct layer *l, const struct work *w, size_t group, struct stream *s)
{
    const struct geometry *g = &l->geometry;
    size_t in = shape_count(g->in);
    for (size_t i = 0; i < w->images; i++) {
        const uint32_t *index = l->index + group * g->k * g->positions;
        const uint8_t *x = w->x + i * in;
        for (size_t k = 0; k < g->k; k++, index += g->positions) {
            uint8_t *row = s->x + k * s->stride + i * g->positions;
            for (size_t p = 0; p < g->positions; p++)
                row[p] = index[p] == in ? (uint8_t)g->zero_x : x[index[p]];
        }
    }
    for (size_t k = 0, m = w->images * g->positions; k < g->k; k++)
        memset(s->x + k * s->stride + m, 0, s->stride - m);
}

/* acc gets the sums of dnn/'s product, then the definition's other terms. */
static void expected_accumulators(const struct layer *l, const struct work *w, size_t group,
                                  const struct stream *s)
{
    const struct geometry *g = &l->geometry;
    size_t m = w->images * g->positions;
    gemm_run(l->weights[group], s->x, s->stride, m, s->acc, s->stride, s->scratch);
    for (size_t o = 0; o < g->n; o++) {
        size_t channel = group * g->n + o;
        int32_t zero = g->node->weight_zero ? g->node->weight_zero[channel] : 0;
        int32_t bias = g->node->bias[channel], *acc = s->acc + o * s->stride;
        for (size_t i = 0; i < m; i++)
            acc[i] += bias;
        for (size_t k = 0; k < g->k && zero; k++)
            for (size_t i = 0; i < m; i++)
                acc[i] -= zero * (int32_t)s->x[k * s->stride + i];
    }
}

static int32_t expected_output(const struct run *r, const struct geometry *g, const struct work *w,
                               size_t image, size_t channel, size_t position)
{
    size_t at = image * shape_count(g->out) + channel * g->positions + position;
    return g->node->is_logits ? ((const int32_t *)w->expected)[at]
                              : code_value(r, ((const uint8_t *)w->expected)[at]);
}

/* What came out of the array: accumulators, or results. */
static enum axm_status compare(struct run *r, const struct work *w, size_t group, const struct stream *s,
                               bool raw)
{
    const struct geometry *g = &r->layer[w->layer].geometry;
    for (size_t o = 0; o < g->n; o++)
        for (size_t i = 0; i < w->images; i++)
            for (size_t p = 0; p < g->positions; p++) {
                size_t at = o * s->stride + i * g->positions + p, channel = group * g->n + o;
                int32_t want = raw ? s->acc[at] : expected_output(r, g, w, i, channel, p);
                if (s->y[at] != want) {
                    cosim_report(r, w, i, channel, p, raw, want, s->y[at]);
                    return AXM_MISMATCH;
                }
            }
    return AXM_OK;
}

/* What came out of the pooling unit: [n][images][positions]. */
static enum axm_status compare_pooled(struct run *r, const struct work *w, size_t group,
                                      const struct stream *s)
{
    const struct layer *l = &r->layer[w->layer];
    const struct shape out = r->q->node[l->pool_node].out;
    size_t positions = (size_t)out.h * (size_t)out.w, m = w->images * positions;
    for (size_t o = 0; o < l->geometry.n; o++)
        for (size_t i = 0; i < m; i++) {
            size_t image = i / positions, p = i % positions, channel = group * l->geometry.n + o;
            int32_t want = code_value(r, w->pooled[image * shape_count(out) + channel * positions + p]);
            if (s->y[o * m + i] == want)
                continue;
            cosim_report(r, w, image, channel, 0, false, want, s->y[o * m + i]);
            struct cosim_mismatch *mismatch = &r->tally[w->worker].mismatch;
            mismatch->pooled = true;
            mismatch->row = (int)(p / (size_t)out.w);
            mismatch->column = (int)(p % (size_t)out.w);
            mismatch->tile_m = 0;   /* the results of these columns are those of one job */
            mismatch->tile_row = i;
            return AXM_MISMATCH;
        }
    return AXM_OK;
}

void cosim_count(struct run *r, const struct work *w, const struct array_counters *c, uint64_t codes,
                 uint64_t sums)
{
    const struct geometry *g = &r->layer[w->layer].geometry;
    struct tally *t = &r->tally[w->worker];
    struct cosim_layer_result *l = &t->layer[w->layer];
    l->multiplications += w->images * g->positions * g->groups * g->n * g->k;
    l->cycles += c->busy;
    l->stall_x += c->stall_x;
    l->stall_w += c->stall_w;
    l->stall_y += c->stall_y;
    t->sums += sums;
    t->codes += codes;
}

/* Batches whose accumulators an array runs, too: the same ones whoever does them. */
static bool with_sums(const struct run *r, size_t batch)
{
    struct rng random;
    rng_init(&random, r->o->seed, batch);
    return batch == 0 || (r->o->sums_every && rng_below(&random, r->o->sums_every) == 0);
}

/* The product that gave the difference once more, to see when; with all signals written down, if wanted. */
static enum axm_status locate(struct run *r, const struct work *w, struct array_gemm *job)
{
    enum { AFTER = 20 };
    enum array_unit unit = r->o->backend == COSIM_GATES ? ARRAY_GATES : ARRAY_TABLE;
    struct layer *l = &r->layer[w->layer];
    struct cosim_mismatch *m = &r->tally[w->worker].mismatch;
    struct array_watch watch = { m->tile_n + m->tile_column, m->tile_m + m->tile_row, UINT64_MAX };
    struct array_counters counters = { 0 };
    job->watch = &watch;
    enum axm_status st = array_sim_gemm(r->array[w->worker][w->layer], job, &counters);
    m->cycle = watch.cycle;
    if (st || !r->o->vcd)
        return st;
    struct array_config c = array_of(r, l, l->spec.mult.width_a == l->spec.mult.width_b);
    struct array_sim *traced = NULL;
    const struct array_trace trace = { r->o->vcd,
        watch.cycle > r->o->vcd_cycles ? watch.cycle - r->o->vcd_cycles : 0, watch.cycle + AFTER };
    job->trace = &trace;
    st = array_sim_open_traced(&c, unit, &traced);
    if (!st && unit == ARRAY_TABLE)
        array_sim_table(traced, &l->lut);
    if (!st)
        st = array_sim_gemm(traced, job, &counters);
    array_sim_close(traced);
    return st;
}

/* Codes through the array's own requantizer, and in some batches the raw accumulators too. */
static enum axm_status run_array(struct run *r, const struct work *w, struct stream *s)
{
    struct layer *l = &r->layer[w->layer];
    const struct geometry *g = &l->geometry;
    const struct qnode *node = g->node;
    struct array_sim *sim = r->array[w->worker][w->layer];
    struct array_counters counters = { 0 };
    size_t m = w->images * g->positions;
    size_t pooled = l->pool_node >= 0 ? (size_t)l->pool.out_h * (size_t)l->pool.out_w : 0;
    bool raw = with_sums(r, w->image / r->state.batch);
    enum axm_status st = AXM_OK;
    if (r->o->backend == COSIM_RTL)
        array_sim_table(sim, &l->lut);
    for (size_t group = 0; group < g->groups && !st; group++) {
        size_t channel = group * g->n;
        gather(l, w, group, s);
        struct array_gemm job = { .m = m, .n = g->n, .k = g->k, .x = s->x, .x_stride = s->stride,
            .w = hardware_weights(l, group), .weight_is_a = l->array_weight_is_a, .mode = (uint8_t)l->mode,
            .zero_product = l->zero_product, .zero = node->zero, .lo = node->lo, .hi = node->hi,
            .bias = node->bias + channel, .mult = node->multiplier + channel, .shift = node->shift + channel,
            .wzero = node->weight_zero ? node->weight_zero + channel : NULL, .y = s->y, .y_stride = s->stride,
            .seed = r->o->seed + w->image };
        for (int i = 0; i < 3; i++)
            job.stall_percent[i] = r->o->stall_percent;
        if (l->pool_node >= 0) {
            job.pool = &l->pool;
            job.y_stride = w->images * pooled;
        }
        st = array_sim_gemm(sim, &job, &counters);
        if (!st)
            st = l->pool_node >= 0 ? compare_pooled(r, w, group, s) : compare(r, w, group, s, false);
        if (!st && raw) {
            struct array_counters extra = { 0 };
            job.raw = true;
            job.pool = NULL;
            job.y_stride = s->stride;
            expected_accumulators(l, w, group, s);
            st = array_sim_gemm(sim, &job, &extra);
            if (!st)
                st = compare(r, w, group, s, true);
        }
        if (st == AXM_MISMATCH && r->locate && r->tally[w->worker].mismatch.found) {
            enum axm_status located = locate(r, w, &job);
            st = located ? located : st;
        }
    }
    if (st == AXM_MISMATCH && !r->tally[w->worker].mismatch.found)
        st = fail(st, "that was in %s, images %zu..%zu", node->name, r->first + w->image,
                  r->first + w->image + w->images - 1);
    uint64_t codes = (l->pool_node >= 0 ? w->images * pooled : m) * g->n * g->groups;
    cosim_count(r, w, &counters, codes, raw ? m * g->n * g->groups : 0);
    return st;
}

static enum axm_status on_array(struct run *r, const struct work *w)
{
    const struct layer *l = &r->layer[w->layer];
    const struct geometry *g = &l->geometry;
    size_t m = w->images * g->positions, stride = (m + 63) / 64 * 64, scratch = 64;
    for (size_t group = 0; group < g->groups; group++) {
        size_t need = gemm_scratch(l->weights[group], m);
        scratch = need > scratch ? need : scratch;
    }
    size_t pooled = l->pool_node >= 0 ? w->images * (size_t)l->pool.out_h * (size_t)l->pool.out_w : 0;
    size_t room = pooled > stride ? pooled : stride;
    struct stream s = { .stride = stride, .x = malloc(g->k * stride),
        .acc = malloc(g->n * stride * sizeof *s.acc), .y = malloc(g->n * room * sizeof *s.y),
        .scratch = aligned_alloc(64, (scratch + 63) / 64 * 64) };
    enum axm_status st = s.x && s.acc && s.y && s.scratch ? run_array(r, w, &s)
                                                          : fail(AXM_ENV, "cosim: out of memory for %s",
                                                                 g->node->name);
    free(s.x);
    free(s.acc);
    free(s.y);
    free(s.scratch);
    return st;
}

static enum axm_status run_layers(struct run *r, size_t image, size_t images, int worker, void *const *dump)
{
    for (int layer = r->locate ? r->locate->layer : 0; layer < r->n_layers; layer++) {
        int node = infer_layer_node(r->q, layer), from = r->q->node[node].input[0];
        struct work w = { .layer = layer, .worker = worker, .image = image, .images = images };
        for (int i = 0; i < r->n_dumped; i++) {
            w.x = r->dumped[i] == from ? dump[i] : w.x;
            w.expected = r->dumped[i] == node ? dump[i] : w.expected;
            w.pooled = r->dumped[i] == r->layer[layer].pool_node ? dump[i] : w.pooled;
        }
        enum axm_status st = in_lanes(r) ? cosim_on_gates(r, &w) : on_array(r, &w);
        if (st)
            return st;
        if (progress_stop_requested())
            return AXM_STOPPED;
    }
    return AXM_OK;
}

/* The clock's, for how often the state is kept. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

size_t cosim_batch_images(const struct run *r, size_t batch)
{
    size_t image = batch * r->state.batch;
    return r->n - image < r->state.batch ? r->n - image : r->state.batch;
}

enum axm_status cosim_batch(struct run *r, size_t batch, int worker)
{
    size_t image = batch * r->state.batch, images = cosim_batch_images(r, batch);
    void **dump = r->dump + worker * r->n_dumped;
    struct tally *t = &r->tally[worker];
    memset(t->layer, 0, (size_t)r->n_layers * sizeof *t->layer);
    *t = (struct tally){ .layer = t->layer };
    for (int i = 0; i < r->n_dumped; i++)
        if (!dump[i] && !(dump[i] = malloc(r->state.batch * infer_dump_bytes(&r->q->node[r->dumped[i]]))))
            return fail(AXM_ENV, "cosim: out of memory");
    enum axm_status st = infer_dump_nodes(r->infer, r->dumped, r->n_dumped, r->im, r->first + image, images,
                                          dump);
    return st ? st : run_layers(r, image, images, worker, dump);
}

/* The batch with the first difference once more, on this thread: when it came. */
static enum axm_status locate_mismatch(struct run *r)
{
    struct cosim_mismatch *m = &r->state.result->mismatch;
    struct tally *t = &r->tally[0];
    r->locate = m;
    enum axm_status st = cosim_batch(r, (m->image - r->first) / r->state.batch, 0);
    if (t->mismatch.found && t->mismatch.image == m->image && t->mismatch.layer == m->layer)
        m->cycle = t->mismatch.cycle;
    return st == AXM_OK ? AXM_MISMATCH : st;
}

/* Every batch before one that differs is begun before it, so the first difference of all is the same however
 * many work. */
enum axm_status cosim_batch_done(struct run *r, size_t batch, const struct tally *t, enum axm_status st)
{
    struct cosim_result *out = r->state.result;
    pthread_mutex_lock(&r->lock);
    if (t->mismatch.found && (!out->mismatch.found || t->mismatch.image < out->mismatch.image))
        out->mismatch = t->mismatch;
    if (!st) {
        for (int i = 0; i < r->n_layers; i++) {
            struct cosim_layer_result *to = &out->layer[i];
            const struct cosim_layer_result *from = &t->layer[i];
            to->multiplications += from->multiplications;
            to->cycles += from->cycles;
            to->stall_x += from->stall_x;
            to->stall_w += from->stall_w;
            to->stall_y += from->stall_y;
        }
        out->sums += t->sums;
        out->codes += t->codes;
        out->images += cosim_batch_images(r, batch);
        r->state.done[batch] = r->unsaved = true;
        double now = r->o->keep ? seconds() : 0;
        if (r->o->keep && now - r->saved_s > SAVE_SECONDS) {
            st = r->o->keep->save(r->o->keep->ctx, &r->state);
            r->unsaved = false;
            r->saved_s = now;
        }
    }
    pthread_mutex_unlock(&r->lock);
    if (!st)
        progress_add(r->progress, cosim_batch_images(r, batch));
    return st;
}

static enum axm_status one_batch(void *ctx, size_t item, int worker)
{
    struct run *r = ctx;
    return r->state.done[item] ? AXM_OK
                               : cosim_batch_done(r, item, &r->tally[worker], cosim_batch(r, item, worker));
}

/* --- all together --------------------------------------------------------------------------- */

/* Nodes whose outputs a batch needs, ascending; memory is bounded by fewer images a batch. */
static enum axm_status list_dumped(struct run *r)
{
    size_t bytes = 0;
    bool *wanted = calloc((size_t)r->q->n_nodes, sizeof *wanted);
    r->dumped = calloc((size_t)r->q->n_nodes, sizeof *r->dumped);
    if (!wanted || !r->dumped) {
        free(wanted);
        return fail(AXM_ENV, "cosim: out of memory");
    }
    for (int i = 0; i < r->n_layers; i++) {
        int node = infer_layer_node(r->q, i);
        wanted[node] = wanted[r->q->node[node].input[0]] = true;
        if (r->layer[i].pool_node >= 0)
            wanted[r->layer[i].pool_node] = true;
    }
    for (int i = 0; i < r->q->n_nodes; i++)
        if (wanted[i]) {
            r->dumped[r->n_dumped++] = i;
            bytes += infer_dump_bytes(&r->q->node[i]);
        }
    free(wanted);
    r->dump = calloc((size_t)r->workers * (size_t)r->n_dumped, sizeof *r->dump);
    if (!r->dump)
        return fail(AXM_ENV, "cosim: out of memory");
    while (r->state.batch > 1 && r->state.batch * bytes > DUMP_BYTES)
        r->state.batch = (r->state.batch + 1) / 2;
    return AXM_OK;
}

static enum axm_status open_network(struct run *r)
{
    struct layer_mult *lm = calloc((size_t)r->n_layers, sizeof *lm);
    if (!lm)
        return fail(AXM_ENV, "cosim: out of memory");
    for (int i = 0; i < r->n_layers; i++)
        lm[i] = (struct layer_mult){ r->layer[i].mul, r->layer[i].spec.weight_is_a };
    enum axm_status st = infer_open(r->q, lm, r->n_layers, &(struct infer_opts){ .level = -1, .memoise =
                                    true },
                                    &r->infer);
    free(lm);
    return st;
}

/* Rooms for batches, and which of them are done already. */
static enum axm_status open_state(struct run *r)
{
    struct cosim_state *s = &r->state;
    struct cosim_result *out = s->result;
    size_t batch = s->batch;
    s->batches = (r->n + batch - 1) / batch;
    s->layers = r->n_layers;
    s->done = calloc(s->batches + 1, sizeof *s->done);
    r->tally = calloc((size_t)r->workers, sizeof *r->tally);
    if (!s->done || !r->tally)
        return fail(AXM_ENV, "cosim: out of memory");
    for (int i = 0; i < r->workers; i++)
        if (!(r->tally[i].layer = calloc((size_t)r->n_layers + 1, sizeof *r->tally[i].layer)))
            return fail(AXM_ENV, "cosim: out of memory");
    enum axm_status st = r->o->keep ? r->o->keep->load(r->o->keep->ctx, s) : AXM_OK;
    for (size_t i = 0; i < s->batches && !st; i++)
        out->kept_images += s->done[i] ? cosim_batch_images(r, i) : 0;
    out->images = out->kept_images;
    return st;
}

/* How many images a batch has, unless its memory bounds it. */
static enum axm_status choose_batch(struct run *r)
{
    size_t lanes = in_lanes(r) && r->n_layers ? (size_t)sliced_lanes(r->layer[0].sliced) : 0;
    r->state.batch = r->o->batch ? r->o->batch : lanes ? lanes : 32;
    if (lanes && r->state.batch > lanes)
        return fail(AXM_USAGE, "cosim: at most %zu images at once on gates, got %zu", lanes, r->state.batch);
    return AXM_OK;
}

static enum axm_status run_batches(struct run *r)
{
    r->progress = progress_begin(cosim_backend_names[r->o->backend], r->n - r->state.result->kept_images);
    enum axm_status st = r->o->processes ? cosim_run_processes(r)
                                         : pool_run(r->state.batches, one_batch, r);
    progress_end(r->progress);
    if (st == AXM_MISMATCH && r->state.result->mismatch.on_array)
        st = locate_mismatch(r);
    if (r->o->keep && r->unsaved) {
        enum axm_status saved = r->o->keep->save(r->o->keep->ctx, &r->state);
        st = st ? st : saved;
    }
    return st;
}

static void release(struct run *r)
{
    for (int i = 0; i < r->workers; i++) {
        if (r->array)
            close_arrays(r, i);
        if (r->lanes)
            cosim_lanes_free(r->lanes[i]);
        if (r->tally)
            free(r->tally[i].layer);
    }
    infer_close(r->infer);
    for (int i = 0; i < r->n_layers && r->layer; i++) {
        struct layer *l = &r->layer[i];
        for (size_t g = 0; l->weights && g < l->geometry.groups; g++)
            gemm_weights_free(l->weights[g]);
        free(l->weights);
        gemm_close(l->gemm);
        sliced_close(l->sliced);
        axm_mul_close(l->mul);
        axm_lut_release(&l->lut);
        free(l->index);
        free(l->hardware_weight);
    }
    free(r->layer);
    free(r->array);
    free(r->lanes);
    free(r->tally);
    free(r->state.done);
    for (int i = 0; r->dump && i < r->workers * r->n_dumped; i++)
        free(r->dump[i]);
    free(r->dump);
    free(r->dumped);
}

enum axm_status cosim_run(const struct qgraph *q, const struct cosim_layer *layer, int n_layers,
                          const struct cosim_opts *o, const struct images *im, size_t first, size_t n,
                          struct cosim_result *out)
{
    struct run r = { .q = q, .o = o, .im = im, .first = first, .n = n, .n_layers = infer_layers(q),
        .state.result = out, .lock = PTHREAD_MUTEX_INITIALIZER,
        .workers = o->processes ? o->processes : pool_threads() };
    if (q->scheme == QUANT_ACE)
        return fail(AXM_USAGE, "%s: scheme ace rescales activations in floating point, the hardware does not",
                    q->name);
    if (n_layers != 1 && n_layers != r.n_layers)
        return fail(AXM_USAGE, "%s: %d multipliers for %d layers", q->name, n_layers, r.n_layers);
    memset(out->layer, 0, (size_t)r.n_layers * sizeof *out->layer);
    *out = (struct cosim_result){ .layer = out->layer };
    r.layer = calloc((size_t)r.n_layers, sizeof *r.layer);
    r.array = calloc((size_t)r.workers, sizeof *r.array);
    r.lanes = calloc((size_t)r.workers, sizeof *r.lanes);
    enum axm_status st = r.layer && r.array && r.lanes ? AXM_OK : fail(AXM_ENV, "cosim: out of memory");
    for (int i = 0; i < r.n_layers && !st; i++)
        st = set_up_layer(&r, i, &layer[n_layers == 1 ? 0 : i]);
    if (!st)
        st = choose_batch(&r);
    if (!st)
        st = list_dumped(&r);
    if (!st)
        st = open_state(&r);
    if (!st)
        st = open_network(&r);
    for (int i = 0; i < r.workers && !st && !in_lanes(&r); i++)
        st = set_up_arrays(&r, i);
    if (!st)
        st = run_batches(&r);
    release(&r);
    return st;
}
