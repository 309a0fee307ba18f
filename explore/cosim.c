#include "explore/cosim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "gen/build.h"
#include "sim/array.h"
#include "sim/cycle.h"
#include "sim/sliced.h"

const char *const cosim_backend_names[COSIM_BACKENDS] = { "rtl", "gates", "cycle", "bitslice" };

/* A layer as a product of matrices, one per group: outputs n, inputs k of each, positions of an image. */
struct geometry {
    const struct qnode *node;
    struct shape in, out;
    size_t groups, n, k, positions;    /* n and k of one group */
    int zero_x;                        /* code of padding */
};

/* What the hardware models need of a layer, made once. */
struct layer {
    struct geometry geometry;
    struct cosim_layer spec;
    struct axm_mul *mul;
    unsigned mode;
    int32_t zero_product;
    struct axm_lut lut;                /* COSIM_RTL */
    struct gemm *gemm;
    struct gemm_weights **weights;     /* [groups]: dnn/'s own product, the expected accumulators */
    struct sliced *sliced;
    uint32_t *index;                   /* COSIM_BITSLICE: [groups][positions][k] elements of the packed
        input */
};

struct run {
    const struct qgraph *q;
    const struct cosim_opts *o;
    const struct images *im;
    size_t first, n, batch;
    int n_layers;
    struct layer *layer;
    struct infer *infer;
    struct array_sim ***array;         /* [workers][layers]: shared where the configuration is the same */
    int workers;
    struct progress *progress;
    pthread_mutex_t lock;              /* of the result */
    struct cosim_result *out;
};

/* Images are lanes of compiled gates; else they stream through the Verilated array. */
static bool in_lanes(const struct run *r)
{
    return r->o->backend == COSIM_BITSLICE || r->o->backend == COSIM_CYCLE;
}

static unsigned mode_of(const struct axm_spec *s)
{
    unsigned mode = 0;
    int at = 0;
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (s->family->param[i].runtime && axm_param_exists(s, i)) {
            mode |= (unsigned)s->p[i] << at;
            at += mul_runtime_port_width(s, i);
        }
    return mode;
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

static const uint8_t *weights_of(const struct layer *l, size_t group)
{
    return (const uint8_t *)l->geometry.node->weight + group * l->geometry.n * l->geometry.k;
}

/* --- setting up ------------------------------------------------------------------------ */

static struct array_config array_of(const struct run *r, const struct layer *l, bool same_widths)
{
    struct array_config c = r->o->array;
    c.mult = l->spec.mult;
    c.order = same_widths ? ARRAY_ORDER_RUNTIME : l->spec.weight_is_a ? ARRAY_WEIGHT_IS_A : ARRAY_WEIGHT_IS_B;
    return c;
}

static enum axm_status set_up_layer(struct run *r, int i, const struct cosim_layer *spec)
{
    struct layer *l = &r->layer[i];
    struct geometry *g = &l->geometry;
    const struct axm_spec *m = &spec->mult;
    *g = geometry_of(r->q, &r->q->node[infer_layer_node(r->q, i)]);
    l->spec = *spec;
    l->mode = mode_of(m);
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
    l->weights = calloc(g->groups, sizeof *l->weights);
    if (!l->weights)
        return fail(AXM_ENV, "cosim: out of memory");
    for (size_t group = 0; group < g->groups && !st; group++)
        st = gemm_pack(l->gemm, weights_of(l, group), g->n, g->k, &l->weights[group]);
    if (!st && r->o->backend == COSIM_RTL)
        st = axm_lut_build(l->mul, &l->lut);
    if (st || !in_lanes(r))
        return st;
    if ((st = sliced_open(m, spec->weight_is_a, l->mode, bitsim_best_level(), &l->sliced)))
        return st;
    size_t elements = shape_count(g->in);
    l->index = malloc(g->groups * g->positions * g->k * sizeof *l->index);
    if (!l->index)
        return fail(AXM_ENV, "cosim: out of memory for %s", g->node->name);
    for (size_t group = 0, at = 0; group < g->groups; group++)
        for (size_t p = 0; p < g->positions; p++)
            for (size_t k = 0; k < g->k; k++) {
                int64_t e = element(g, group, p, k);
                l->index[at++] = e < 0 ? (uint32_t)elements : (uint32_t)e;   /* one more element holds
                    zero_x */
            }
    return AXM_OK;
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

static void report(struct run *r, int layer, size_t image, size_t channel, size_t position, bool accumulator,
                   int32_t expected, int32_t actual)
{
    const struct geometry *g = &r->layer[layer].geometry;
    const struct array_config *c = &r->o->array;
    pthread_mutex_lock(&r->lock);
    struct cosim_mismatch *m = &r->out->mismatch;
    /* Of several workers' differences the one that comes first in the data set. */
    if (!m->found || r->first + image < m->image || (r->first + image == m->image && layer < m->layer)) {
        size_t row = image % r->batch * g->positions + position, depth = (size_t)c->acc_depth;
        *m = (struct cosim_mismatch){ .found = true, .accumulator = accumulator, .image = r->first + image,
            .layer = layer, .channel = (int)channel, .row = (int)(position / (size_t)g->out.w),
            .column = (int)(position % (size_t)g->out.w), .expected = expected, .actual = actual };
        if (!in_lanes(r)) {
            m->tile_n = channel % g->n / (size_t)c->cols * (size_t)c->cols;
            m->tile_m = c->dataflow == ARRAY_WS ? row / depth * depth : 0;
        }
    }
    pthread_mutex_unlock(&r->lock);
}

/* Code as a number. */
static int32_t code_value(const struct run *r, uint8_t pattern)
{
    return qgraph_signed(r->q) ? (int8_t)pattern : pattern;
}

/* A batch of one layer. */
struct work {
    int layer;
    size_t image, images;       /* first, relative to the run; how many */
    const uint8_t *x;           /* [images][in] codes */
    const void *expected;       /* [images][out] codes, or int32 logits */
    uint8_t *xk;                /* [k][stride] */
    size_t stride;              /* >= images * positions, a multiple of 64 */
    int32_t *acc, *y;           /* [n][stride] */
    void *scratch;
};

static void gather(const struct geometry *g, const struct work *w, size_t group)
{
    size_t in = shape_count(g->in);
    for (size_t k = 0; k < g->k; k++) {
        uint8_t *row = w->xk + k * w->stride;
        for (size_t p = 0; p < g->positions; p++) {
            int64_t e = element(g, group, p, k);
            for (size_t i = 0; i < w->images; i++)
                row[i * g->positions + p] = e < 0 ? (uint8_t)g->zero_x : w->x[i * in + (size_t)e];
        }
        memset(row + w->images * g->positions, 0, w->stride - w->images * g->positions);
    }
}

/* acc gets the sums of dnn/'s product, then the definition's other terms. */
static void expected_accumulators(const struct layer *l, const struct work *w, size_t group)
{
    const struct geometry *g = &l->geometry;
    size_t m = w->images * g->positions;
    gemm_run(l->weights[group], w->xk, w->stride, m, w->acc, w->stride, w->scratch);
    for (size_t o = 0; o < g->n; o++) {
        size_t channel = group * g->n + o;
        int32_t zero = g->node->weight_zero ? g->node->weight_zero[channel] : 0, bias =
            g->node->bias[channel];
        int32_t *acc = w->acc + o * w->stride;
        for (size_t i = 0; i < m; i++)
            acc[i] += bias;
        for (size_t k = 0; k < g->k && zero; k++)
            for (size_t i = 0; i < m; i++)
                acc[i] -= zero * (int32_t)w->xk[k * w->stride + i];
    }
}

static int32_t expected_output(const struct run *r, const struct geometry *g, const void *expected, size_t
                               image,
                               size_t channel, size_t position)
{
    size_t at = image * shape_count(g->out) + channel * g->positions + position;
    return g->node->is_logits ? ((const int32_t *)expected)[at] : code_value(r, ((const uint8_t
                                                                                  *)expected)[at]);
}

/* Requantizes accumulators and compares both. */
static enum axm_status compare(struct run *r, const struct work *w, size_t group, const int32_t *acc, const
                               int32_t *y)
{
    const struct geometry *g = &r->layer[w->layer].geometry;
    const struct qnode *node = g->node;
    for (size_t o = 0; o < g->n; o++) {
        size_t channel = group * g->n + o;
        for (size_t i = 0; i < w->images; i++)
            for (size_t p = 0; p < g->positions; p++) {
                size_t at = o * w->stride + i * g->positions + p;
                if (acc && acc[at] != w->acc[at]) {
                    report(r, w->layer, w->image + i, channel, p, true, w->acc[at], acc[at]);
                    return AXM_MISMATCH;
                }
                int32_t code = y ? y[at] : requantize(acc[at], node->multiplier[channel],
                                                      node->shift[channel],
                                                      node->zero, node->lo, node->hi);
                int32_t want = expected_output(r, g, w->expected, i, channel, p);
                if (code != want) {
                    report(r, w->layer, w->image + i, channel, p, false, want, code);
                    return AXM_MISMATCH;
                }
            }
    }
    return AXM_OK;
}

static void count(struct run *r, const struct work *w, const struct array_counters *c, uint64_t values)
{
    const struct geometry *g = &r->layer[w->layer].geometry;
    pthread_mutex_lock(&r->lock);
    struct cosim_layer_result *l = &r->out->layer[w->layer];
    l->multiplications += w->images * g->positions * g->groups * g->n * g->k;
    l->cycles += c->busy;
    l->stall_x += c->stall_x;
    l->stall_w += c->stall_w;
    l->stall_y += c->stall_y;
    r->out->values += values;
    pthread_mutex_unlock(&r->lock);
}

/* Codes through the array's own requantizer, and in the run's first batch the raw accumulators too. */
static enum axm_status on_array(struct run *r, struct work *w, int worker)
{
    struct layer *l = &r->layer[w->layer];
    const struct geometry *g = &l->geometry;
    const struct qnode *node = g->node;
    struct array_sim *sim = r->array[worker][w->layer];
    struct array_counters counters = { 0 };
    size_t m = w->images * g->positions;
    bool raw = w->image == 0;
    enum axm_status st = AXM_OK;
    if (r->o->backend == COSIM_RTL)
        array_sim_table(sim, &l->lut);
    for (size_t group = 0; group < g->groups && !st; group++) {
        size_t channel = group * g->n;
        gather(g, w, group);
        expected_accumulators(l, w, group);
        struct array_gemm job = { .m = m, .n = g->n, .k = g->k, .x = w->xk, .x_stride = w->stride,
            .w = weights_of(l, group), .weight_is_a = l->spec.weight_is_a, .mode = (uint8_t)l->mode,
            .zero_product = l->zero_product, .zero = node->zero, .lo = node->lo, .hi = node->hi,
            .bias = node->bias + channel, .mult = node->multiplier + channel, .shift = node->shift + channel,
            .wzero = node->weight_zero ? node->weight_zero + channel : NULL, .y = w->y, .y_stride = w->stride,
            .seed = r->o->seed + w->image };
        for (int s = 0; s < 3; s++)
            job.stall_percent[s] = r->o->stall_percent;
        st = array_sim_gemm(sim, &job, &counters);
        if (!st)
            st = compare(r, w, group, NULL, w->y);
        if (!st && raw) {
            struct array_counters extra = { 0 };
            job.raw = true;
            st = array_sim_gemm(sim, &job, &extra);
            if (!st)
                st = compare(r, w, group, w->y, NULL);
        }
    }
    count(r, w, &counters, (1 + raw) * m * g->n * g->groups);
    return st;
}

/* lanes images a pass; codes come from requantize(). */
static enum axm_status on_gates(struct run *r, struct work *w)
{
    struct layer *l = &r->layer[w->layer];
    const struct geometry *g = &l->geometry;
    size_t lanes = (size_t)sliced_lanes(l->sliced), words = sliced_words(l->sliced), in = shape_count(g->in);
    uint64_t *planes = aligned_alloc(64, ((in + 1) * words * sizeof *planes + 63) / 64 * 64);
    int32_t *acc = aligned_alloc(64, g->n * g->positions * lanes * sizeof *acc);
    int32_t *y = malloc(g->n * w->stride * sizeof *y);
    uint8_t *padding = malloc(lanes);
    uint64_t cycles = 0;
    enum axm_status st = planes && acc && y && padding ? AXM_OK : fail(AXM_ENV, "cosim: out of memory");
    if (!st) {
        memset(padding, g->zero_x, lanes);
        sliced_pack(l->sliced, w->x, in, in, w->images, planes);
        sliced_pack(l->sliced, padding, 1, 1, lanes, planes + in * words);
    }
    for (size_t group = 0; group < g->groups && !st; group++) {
        gather(g, w, group);
        expected_accumulators(l, w, group);
        const uint32_t *index = l->index + group * g->positions * g->k;
        if (r->o->backend == COSIM_CYCLE) {
            const struct cycle_gemm job = { .mult = l->sliced, .planes = planes, .index = index,
                .m = g->positions, .k = g->k, .n = g->n, .w = weights_of(l, group),
                .zero_product = l->zero_product, .acc = acc };
            struct array_config c = r->o->array;
            c.mult = l->spec.mult;
            st = cycle_gemm(&c, &job, &cycles);
        } else {
            sliced_layer(l->sliced, planes, index, g->positions, g->k, weights_of(l, group), g->n, acc);
        }
        for (size_t o = 0; o < g->n; o++) {
            size_t channel = group * g->n + o;
            int32_t zero = g->node->weight_zero ? g->node->weight_zero[channel] : 0;
            for (size_t i = 0; i < w->images; i++)
                for (size_t p = 0; p < g->positions; p++) {
                    size_t at = i * g->positions + p;
                    int32_t sum = acc[(o * g->positions + p) * lanes + i] + g->node->bias[channel];
                    for (size_t k = 0; k < g->k && zero; k++)
                        sum -= zero * (int32_t)w->xk[k * w->stride + at];
                    y[o * w->stride + at] = sum;
                }
        }
        if (!st)
            st = compare(r, w, group, y, NULL);
    }
    free(planes);
    free(acc);
    free(y);
    free(padding);
    /* Each lane is an array of its own: the cycles are those of every image. */
    count(r, w, &(struct array_counters){ .busy = cycles * w->images }, 2 * w->images * g->positions * g->n
          * g->groups);
    return st;
}

static enum axm_status layer_batch(struct run *r, int layer, size_t image, size_t images, int worker)
{
    const struct layer *l = &r->layer[layer];
    const struct geometry *g = &l->geometry;
    size_t m = images * g->positions, stride = (m + 63) / 64 * 64, scratch = 64;
    for (size_t group = 0; group < g->groups; group++) {
        size_t need = gemm_scratch(l->weights[group], m);
        scratch = need > scratch ? need : scratch;
    }
    size_t in = shape_count(g->in), out = infer_dump_bytes(g->node);
    uint8_t *x = malloc(images * in);
    void *expected = malloc(images * out);
    struct work w = { .layer = layer, .image = image, .images = images, .x = x, .expected = expected,
        .stride = stride, .xk = malloc(g->k * stride), .acc = malloc(g->n * stride * sizeof *w.acc),
        .y = malloc(g->n * stride * sizeof *w.y), .scratch = aligned_alloc(64, (scratch + 63) / 64 * 64) };
    bool enough = x && expected && w.xk && w.acc && w.y && w.scratch;
    enum axm_status st = enough ? AXM_OK : fail(AXM_ENV, "cosim: out of memory for %s", g->node->name);
    if (!st)
        st = infer_dump(r->infer, g->node->input[0], r->im, r->first + image, images, x, NULL);
    if (!st)
        st = infer_dump(r->infer, infer_layer_node(r->q, layer), r->im, r->first + image, images, expected,
                        NULL);
    if (!st)
        st = in_lanes(r) ? on_gates(r, &w) : on_array(r, &w, worker);
    free(x);
    free(expected);
    free(w.xk);
    free(w.acc);
    free(w.y);
    free(w.scratch);
    return st;
}

static enum axm_status one_batch(void *ctx, size_t item, int worker)
{
    struct run *r = ctx;
    size_t image = item * r->batch, images = r->n - image < r->batch ? r->n - image : r->batch;
    for (int layer = 0; layer < r->n_layers; layer++) {
        enum axm_status st = layer_batch(r, layer, image, images, worker);
        if (st)
            return st;
        if (progress_stop_requested())
            return AXM_STOPPED;
    }
    pthread_mutex_lock(&r->lock);
    r->out->images += images;
    pthread_mutex_unlock(&r->lock);
    progress_add(r->progress, images);
    return AXM_OK;
}

/* --- all together --------------------------------------------------------------------------- */

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

enum axm_status cosim_run(const struct qgraph *q, const struct cosim_layer *layer, int n_layers,
                          const struct cosim_opts *o, const struct images *im, size_t first, size_t n,
                          struct cosim_result *out)
{
    struct run r = { .q = q, .o = o, .im = im, .first = first, .n = n, .n_layers = infer_layers(q), .out =
        out,
        .lock = PTHREAD_MUTEX_INITIALIZER, .workers = pool_threads() };
    bool arrays = !in_lanes(&r);
    if (q->scheme == QUANT_ACE)
        return fail(AXM_USAGE, "%s: scheme ace rescales activations in floating point, the hardware does not",
                    q->name);
    if (n_layers != 1 && n_layers != r.n_layers)
        return fail(AXM_USAGE, "%s: %d multipliers for %d layers", q->name, n_layers, r.n_layers);
    memset(out->layer, 0, (size_t)r.n_layers * sizeof *out->layer);
    out->images = 0;
    out->values = 0;
    out->mismatch = (struct cosim_mismatch){ 0 };
    r.layer = calloc((size_t)r.n_layers, sizeof *r.layer);
    r.array = calloc((size_t)r.workers, sizeof *r.array);
    enum axm_status st = r.layer && r.array ? AXM_OK : fail(AXM_ENV, "cosim: out of memory");
    for (int i = 0; i < r.n_layers && !st; i++)
        st = set_up_layer(&r, i, &layer[n_layers == 1 ? 0 : i]);
    r.batch = o->batch ? o->batch : arrays ? 32 : r.n_layers && r.layer[0].sliced ?
        (size_t)sliced_lanes(r.layer[0].sliced) : 1;
    if (!st && !arrays && r.batch > (size_t)sliced_lanes(r.layer[0].sliced))
        st = fail(AXM_USAGE, "cosim: at most %d images at once on gates, got %zu",
                  sliced_lanes(r.layer[0].sliced),
                  r.batch);
    if (!st)
        st = open_network(&r);
    for (int i = 0; i < r.workers && !st && arrays; i++)
        st = set_up_arrays(&r, i);
    if (!st) {
        r.progress = progress_begin(cosim_backend_names[o->backend], n);
        st = pool_run((n + r.batch - 1) / r.batch, one_batch, &r);
        progress_end(r.progress);
    }
    for (int i = 0; i < r.workers && r.array; i++)
        close_arrays(&r, i);
    infer_close(r.infer);
    for (int i = 0; i < r.n_layers && r.layer; i++) {
        struct layer *l = &r.layer[i];
        for (size_t g = 0; l->weights && g < l->geometry.groups; g++)
            gemm_weights_free(l->weights[g]);
        free(l->weights);
        gemm_close(l->gemm);
        sliced_close(l->sliced);
        axm_mul_close(l->mul);
        axm_lut_release(&l->lut);
        free(l->index);
    }
    free(r.layer);
    free(r.array);
    return st;
}
