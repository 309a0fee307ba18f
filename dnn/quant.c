#include "dnn/quant_impl.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "dnn/reference.h"

enum { BINS = 4096 };

void quant_defaults(struct quant_opts *o)
{
    *o = (struct quant_opts){ .scheme = QUANT_SYMMETRIC, .weight_bits = 8, .calibration = CALIB_MIN_MAX,
        .percentile = 99.99, .images = 1000, .per_channel = true,
        .equalise = true, .seed = 1 };
}

enum axm_status quant_multiplier(double value, int32_t *multiplier, int32_t *shift)
{
    int exponent;
    double m = rint(ldexp(frexp(value, &exponent), 31));   /* 2^30..2^31 */
    if (!(value > 0) || !isfinite(value))
        return fail(AXM_USAGE, "a ratio of scales must be above 0, got %g", value);
    if (m >= 2147483648.0) {
        m /= 2;
        exponent++;
    }
    if (31 - exponent < 1 || 31 - exponent > 62)
        return fail(AXM_USAGE, "a ratio of scales must be at least 2^-32 and below 2^30, got %g", value);
    *multiplier = (int32_t)m;
    *shift = 31 - exponent;
    return AXM_OK;
}

/* --- calibration --------------------------------------------------------------------------- */

/* What a node's outputs were on the calibration images; the histogram spans lo..hi. */
struct range {
    double lo, hi;
    uint64_t *count;           /* [BINS] */
};

struct calibration_run {
    const struct graph *g;
    const struct images *im;
    const size_t *index;       /* [images] which */
    size_t images;
    bool histogram;
    struct range *range;       /* [nodes] */
    pthread_mutex_t lock;
    struct progress *progress;
};

static double pixel_value(const struct graph *g, size_t channel, int pixel)
{
    double mean = channel < 4 ? (double)g->norm.mean[channel] : 0, std = channel < 4 ?
        (double)g->norm.std[channel] : 1;
    return (pixel / 255.0 - mean) / std;
}

enum axm_status calibration_forward(const struct graph *g, const struct images *im, size_t index,
                                    struct arena *arena, float ***out)
{
    struct shape s = g->node[0].out;
    size_t pixels = shape_count(s), plane = (size_t)s.h * s.w;
    const uint8_t *pixel = im->pixel + index * pixels;
    float **value = arena_alloc(arena, (size_t)g->n_nodes * sizeof *value);
    float *x = arena_alloc(arena, pixels * sizeof *x);
    if (!value || !x)
        return fail(AXM_ENV, "%s: out of memory", g->name);
    for (size_t i = 0; i < pixels; i++) {
        size_t c = i / plane;
        x[i] = (float)pixel_value(g, c, pixel[i]);
    }
    *out = value;
    return reference_forward(g, x, arena, value);
}

static enum axm_status calibrate_image(void *ctx, size_t item, int worker)
{
    struct calibration_run *r = ctx;
    struct arena arena = { 0 };
    const struct graph *g = r->g;
    float **value;
    (void)worker;
    enum axm_status st = calibration_forward(g, r->im, r->index[item], &arena, &value);
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < g->n_nodes && st == AXM_OK; i++) {
        size_t n = shape_count(g->node[i].out);
        struct range *q = &r->range[i];
        for (size_t k = 0; k < n; k++) {
            double v = (double)value[i][k];
            if (!isfinite(v)) {
                st = fail(AXM_USAGE, "%s: %s gives a value that is not finite", g->name, g->node[i].name);
                break;
            }
            if (!r->histogram) {
                q->lo = v < q->lo ? v : q->lo;
                q->hi = v > q->hi ? v : q->hi;
            } else {
                double at = (v - q->lo) / (q->hi - q->lo) * BINS;
                q->count[at < 0 ? 0 : at >= BINS ? BINS - 1 : (size_t)at]++;
            }
        }
    }
    pthread_mutex_unlock(&r->lock);
    arena_release(&arena);
    progress_add(r->progress, 1);
    return st;
}

/* Ends between which all but 100 - percentile of the values lie, on each side that the scheme has. */
static void clip_percentile(struct range *r, double percentile, bool is_signed)
{
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BINS; i++)
        total += r->count[i];
    double width = (r->hi - r->lo) / BINS, cut = (1 - percentile / 100) * (double)total, lo = r->lo, hi =
        r->hi;
    if (is_signed) {   /* of magnitudes: the outermost bins of both sides go first */
        int a = 0, b = BINS - 1;
        while (a < b) {
            bool left = fabs(r->lo + a * width) > fabs(r->lo + (b + 1) * width);
            seen += r->count[left ? a : b];
            if ((double)seen > cut)
                break;
            left ? a++ : b--;
        }
        lo = r->lo + a * width;
        hi = r->lo + (b + 1) * width;
    } else {
        int a = 0, b = BINS - 1;
        for (seen = 0; a < BINS && (double)(seen += r->count[a]) <= cut / 2; a++)
            ;
        for (seen = 0; b > a && (double)(seen += r->count[b]) <= cut / 2; b--)
            ;
        lo = r->lo + a * width;
        hi = r->lo + (b + 1) * width;
    }
    r->lo = lo;
    r->hi = hi;
}

/* Mean squared error of quantizing the histogram with codes of step s from lowest to highest. */
static double squared_error(const struct range *r, double lowest, double highest, double step)
{
    double width = (r->hi - r->lo) / BINS, sum = 0;
    for (int i = 0; i < BINS; i++) {
        if (!r->count[i])
            continue;
        double v = r->lo + (i + 0.5) * width, q = rint((v - lowest) / step) * step + lowest;
        q = q < lowest ? lowest : q > highest ? highest : q;
        sum += (double)r->count[i] * (v - q) * (v - q);
    }
    return sum;
}

static void clip_mse(struct range *r, bool is_signed)
{
    double best = INFINITY, best_lo = r->lo, best_hi = r->hi;
    for (int i = 20; i <= 100; i++) {
        double lo = r->lo * i / 100, hi = r->hi * i / 100, top = fmax(fabs(lo), fabs(hi));
        double e = is_signed ? squared_error(r, -top, top, top / 127)
                             : squared_error(r, fmin(lo, 0), fmax(hi, 0), (fmax(hi, 0) - fmin(lo, 0)) / 255);
        if (e < best) {
            best = e;
            best_lo = lo;
            best_hi = hi;
        }
    }
    r->lo = best_lo;
    r->hi = best_hi;
}

/* A seeded sample of the images; *n of them. */
static size_t *sample(const struct images *im, const struct quant_opts *o, size_t *n)
{
    size_t *index = malloc(im->count * sizeof *index);
    struct rng r;
    *n = o->images < im->count ? o->images : im->count;
    rng_init(&r, o->seed, 0);
    for (size_t i = 0; index && i < im->count; i++)
        index[i] = i;
    for (size_t i = 0; index && i < *n; i++) {
        size_t k = i + rng_below(&r, im->count - i), t = index[k];
        index[k] = index[i];
        index[i] = t;
    }
    return index;
}

static enum axm_status calibrate(const struct graph *g, const struct images *im, const size_t *index,
                                 size_t n,
                                 const struct quant_opts *o, struct range *range)
{
    size_t nodes = (size_t)g->n_nodes;
    uint64_t *count = calloc(nodes * BINS, sizeof *count);
    enum axm_status st = count ? AXM_OK : fail(AXM_ENV, "%s: out of memory", g->name);
    struct calibration_run run = { .g = g, .im = im, .index = index, .images = n, .range = range,
        .lock = PTHREAD_MUTEX_INITIALIZER };
    for (size_t i = 0; i < nodes; i++)
        range[i] = (struct range){ INFINITY, -INFINITY, count + i * BINS };
    bool histogram = o->calibration != CALIB_MIN_MAX;
    run.progress = progress_begin("calibrating", n * (1 + histogram));
    if (st == AXM_OK)
        st = pool_run(n, calibrate_image, &run);
    if (st == AXM_OK && histogram) {
        for (size_t i = 0; i < nodes; i++)
            range[i].hi = range[i].hi > range[i].lo ? range[i].hi : range[i].lo + 1e-6;
        run.histogram = true;
        st = pool_run(n, calibrate_image, &run);
    }
    progress_end(run.progress);
    for (size_t i = 0; i < nodes && st == AXM_OK && histogram; i++) {
        bool is_signed = o->scheme != QUANT_AFFINE;
        if (o->calibration == CALIB_PERCENTILE)
            clip_percentile(&range[i], o->percentile, is_signed);
        else
            clip_mse(&range[i], is_signed);
    }
    free(count);
    for (size_t i = 0; i < nodes; i++)
        range[i].count = NULL;
    return st;
}

/* --- building ------------------------------------------------------------------------------- */

struct quantizer {
    const struct graph *g;             /* folded */
    const struct quant_opts *o;
    const struct range *range;         /* by node of g */
    struct qgraph *q;
    int *place;                        /* by node of g: index in q */
    int *readers;                      /* by node of g */
};

static void *alloc(struct quantizer *z, size_t n, size_t size)
{
    return arena_alloc(&z->q->arena, n * size);
}

/* Step and zero point of codes that hold lo..hi and 0. */
static void activation_codes(const struct quantizer *z, double lo, double hi, float *scale, int *zero)
{
    lo = fmin(lo, 0);
    hi = fmax(hi, 0);
    if (z->o->scheme != QUANT_AFFINE) {
        *scale = (float)(fmax(-lo, hi) / 127);
        *zero = 0;
    } else {
        *scale = (float)((hi - lo) / 255);
        *zero = *scale > 0 ? (int)rint(-lo / (double)*scale) : 0;
        *zero = *zero > 255 ? 255 : *zero;
    }
    if (!(*scale > 0))
        *scale = 1;   /* nothing but zeros was seen */
}

/* A ReLU that alone reads a node which clamps anyway becomes that clamp. */
static bool takes_relu(const struct quantizer *z, int node)
{
    static const bool clamps[OPS] = {
        [OP_CONV] = true, [OP_DENSE] = true, [OP_ADD] = true, [OP_BATCH_NORM] = true,
    };
    return clamps[z->g->node[node].op] && z->readers[node] == 1;
}

/* The ratio, named after its node where it has no fixed-point form. */
static enum axm_status fixed(const struct node *n, double value, int32_t *multiplier, int32_t *shift)
{
    if (value > 0 && value < ldexp(1, -32)) {   /* less than half a code for any accumulator */
        *multiplier = 1 << 30;
        *shift = 62;
        return AXM_OK;
    }
    if (!(value < ldexp(1, 30)))
        return fail(AXM_USAGE, "%s: a step of its input is %g of its output's, more than a shift can make",
                    n->name, value);
    return quant_multiplier(value, multiplier, shift);
}

static void weight_codes(const struct quantizer *z, const float *w, size_t n, float *scale, int *zero)
{
    double lo = 0, hi = 0;
    for (size_t i = 0; i < n; i++) {
        lo = fmin(lo, (double)w[i]);
        hi = fmax(hi, (double)w[i]);
    }
    int bits = z->o->weight_bits;
    if (z->o->scheme != QUANT_AFFINE) {
        *scale = (float)(fmax(-lo, hi) / ((1 << (bits - 1)) - 1));
        *zero = 0;
    } else {
        int most = (1 << bits) - 1;
        *scale = (float)((hi - lo) / most);
        *zero = *scale > 0 ? (int)rint(-lo / (double)*scale) : 0;
        *zero = *zero > most ? most : *zero;
    }
    if (!(*scale > 0))
        *scale = 1;
}

static enum axm_status quantize_weights(struct quantizer *z, const struct node *n, struct qnode *t)
{
    const struct qnode *in = &z->q->node[t->input[0]];
    size_t out = (size_t)n->out.c, k = node_weight_count(z->g, n) / out;
    bool affine = z->o->scheme == QUANT_AFFINE, ace = z->o->scheme == QUANT_ACE;
    int most = affine ? (1 << z->o->weight_bits) - 1 : (1 << (z->o->weight_bits - 1)) - 1, least = affine ?
        0 : -most;
    float scale;
    int zero;
    t->weight = alloc(z, out * k, 1);
    t->weight_zero = alloc(z, out, sizeof *t->weight_zero);
    t->weight_scale = alloc(z, out, sizeof *t->weight_scale);
    t->bias = alloc(z, out, sizeof *t->bias);
    t->bias_float = ace ? alloc(z, out, sizeof *t->bias_float) : NULL;
    if (!t->weight || !t->weight_zero || !t->weight_scale || !t->bias || (ace && !t->bias_float))
        return fail(AXM_ENV, "%s: out of memory", n->name);
    weight_codes(z, n->weight, out * k, &scale, &zero);
    for (size_t o = 0; o < out; o++) {
        const float *w = n->weight + o * k;
        int64_t sum = 0;
        if (z->o->per_channel) {
            weight_codes(z, w, k, &scale, &zero);
            /* A channel whose weights are next to nothing beside its bias gets steps in which its bias
                fits. */
            double least_scale = n->bias && !ace ? fabs((double)n->bias[o]) / ((double)in->scale * (1 <<
                                                                                                    29)) : 0;
            if ((double)scale < least_scale) {
                scale = (float)least_scale;
                zero = 0;
            }
        }
        t->weight_scale[o] = scale;
        t->weight_zero[o] = zero;
        for (size_t j = 0; j < k; j++) {
            int code = (int)rint((double)w[j] / (double)scale) + zero;
            code = code < least ? least : code > most ? most : code;
            t->weight[o * k + j] = (int8_t)code;
            sum += code;
        }
        double bias = n->bias ? (double)n->bias[o] : 0;
        if (ace) {
            t->bias_float[o] = (float)bias;
            continue;
        }
        bias = rint(bias / ((double)in->scale * (double)scale));
        bias += (double)((int64_t)k * in->zero * zero - in->zero * sum);
        if (!(fabs(bias) < INT32_MAX))
            return fail(AXM_USAGE, "%s: the bias of output %zu is %g steps of its accumulator of 32 bits",
                        n->name, o, bias);
        t->bias[o] = (int32_t)bias;
    }
    return AXM_OK;
}

static double logits_weight_scale(const struct qnode *t)
{
    double most = 0;
    for (int o = 0; o < t->out.c; o++)
        most = fmax(most, (double)t->weight_scale[o]);
    return most;
}

static enum axm_status set_multipliers(struct quantizer *z, const struct node *n, struct qnode *t)
{
    const struct qnode *in = &z->q->node[t->input[0]];
    size_t count = qnode_multipliers(z->q, t);
    enum axm_status st = AXM_OK;
    if (!count || z->o->scheme == QUANT_ACE)
        return AXM_OK;
    t->multiplier = alloc(z, count, sizeof *t->multiplier);
    t->shift = alloc(z, count, sizeof *t->shift);
    if (t->op == OP_BATCH_NORM)
        t->add64 = alloc(z, count, sizeof *t->add64);
    if (!t->multiplier || !t->shift || (t->op == OP_BATCH_NORM && !t->add64))
        return fail(AXM_ENV, "%s: out of memory", n->name);
    double out = (double)t->scale, largest = 0;
    for (size_t i = 0; i < count && (t->op == OP_ADD || t->op == OP_CONCAT); i++)
        largest = fmax(largest, (double)z->q->node[t->input[i]].scale / out);
    for (size_t i = 0; i < count && st == AXM_OK; i++) {
        double from = (double)in->scale;
        size_t plane = (size_t)in->out.h * in->out.w;
        switch (t->op) {
        case OP_ADD:
        case OP_CONCAT: {
            int32_t unused, shift;
            st = fixed(n, largest, &unused, &shift);
            t->shift[i] = shift;
            t->multiplier[i] = (int32_t)fmin(rint(ldexp((double)z->q->node[t->input[i]].scale / out,
                                                        shift)), INT32_MAX);
            break;
        }
        case OP_AVG_POOL:
            st = fixed(n, from / out / (double)(i + 1), &t->multiplier[i], &t->shift[i]);
            break;
        case OP_GLOBAL_AVG_POOL:
            st = fixed(n, from / out / (double)plane, &t->multiplier[i], &t->shift[i]);
            break;
        case OP_BATCH_NORM: {
            double gain = (double)n->gamma[i] / sqrt((double)n->variance[i] + (double)n->epsilon);
            double offset = (double)n->beta[i] - (double)n->mean[i] * gain, ratio = gain * from / out;
            t->shift[i] = 30;
            if (ratio != 0)
                st = fixed(n, fabs(ratio), &t->multiplier[i], &t->shift[i]);
            t->multiplier[i] = ratio < 0 ? -t->multiplier[i] : t->multiplier[i];
            t->add64[i] = (int64_t)rint(ldexp(offset / out, t->shift[i]));
            break;
        }
        default:   /* of logits the scale is that of the input times the largest of the weights */
            st = fixed(n, t->is_logits ? (double)t->weight_scale[i] / logits_weight_scale(t)
                                       : from * (double)t->weight_scale[i] / out, &t->multiplier[i],
                                           &t->shift[i]);
        }
    }
    return st;
}

/* Codes, clamp and parameters of one node. */
static enum axm_status quantize_node(struct quantizer *z, int i, struct qnode *t)
{
    const struct node *n = &z->g->node[i];
    bool affine = z->o->scheme == QUANT_AFFINE, ace = z->o->scheme == QUANT_ACE, last = i == z->g->n_nodes
        - 1;
    memcpy(t->name, n->name, sizeof t->name);
    t->op = n->op;
    t->out = n->out;
    t->window = n->window;
    t->groups = n->groups;
    t->n_inputs = n->n_inputs;
    for (int k = 0; k < n->n_inputs; k++)
        t->input[k] = z->place[n->input[k]];
    const struct qnode *in = n->n_inputs ? &z->q->node[t->input[0]] : NULL;
    bool passes = n->op == OP_MAX_POOL || n->op == OP_FLATTEN || n->op == OP_RELU || n->op == OP_RELU6;
    t->lo = affine ? 0 : -127;
    t->hi = affine ? 255 : 127;
    if (passes) {
        t->scale = in->scale;
        t->zero = in->zero;
        t->lo = in->lo;
        t->hi = in->hi;
    } else {
        activation_codes(z, z->range[i].lo, z->range[i].hi, &t->scale, &t->zero);
    }
    if (n->op == OP_RELU6) {
        int six = t->zero + (int)rint(6 / (double)t->scale);
        if (ace)
            return fail(AXM_USAGE, "%s: scheme ace has no relu6", n->name);
        t->op = OP_RELU;
        t->hi = six < t->hi ? six : t->hi;
    }
    if (t->op == OP_RELU)
        t->lo = t->zero > t->lo ? t->zero : t->lo;
    if (ace && in && in->lo == 0 && n->op != OP_CONV && n->op != OP_DENSE && n->op != OP_BATCH_NORM) {
        bool none = true;
        for (int k = 0; k < n->n_inputs; k++)
            none &= z->q->node[t->input[k]].lo == 0;
        t->lo = none ? 0 : t->lo;
    }
    if (last && qnode_multiplies(t)) {
        t->is_logits = true;
        t->lo = INT32_MIN;
        t->hi = INT32_MAX;
        t->zero = 0;
    }
    enum axm_status st = AXM_OK;
    if (qnode_multiplies(t)) {
        st = quantize_weights(z, n, t);
        if (st == AXM_OK && t->is_logits)
            t->scale = (float)((double)in->scale * logits_weight_scale(t));   /* per tensor: logits are
                accumulators */
    }
    if (st == AXM_OK && ace && t->op == OP_BATCH_NORM) {
        t->weight_scale = alloc(z, (size_t)t->out.c, sizeof *t->weight_scale);
        t->bias_float = alloc(z, (size_t)t->out.c, sizeof *t->bias_float);
        if (!t->weight_scale || !t->bias_float)
            return fail(AXM_ENV, "%s: out of memory", n->name);
        for (int c = 0; c < t->out.c; c++) {
            double gain = (double)n->gamma[c] / sqrt((double)n->variance[c] + (double)n->epsilon);
            t->weight_scale[c] = (float)gain;
            t->bias_float[c] = (float)((double)n->beta[c] - (double)n->mean[c] * gain);
        }
    }
    return st;
}

static enum axm_status input_codes(struct quantizer *z)
{
    struct qnode *n = &z->q->node[0];
    double lo = 0, hi = 0;
    for (int c = 0; c < n->out.c; c++)
        for (int p = 0; p < 256; p += 255) {
            double v = pixel_value(z->g, (size_t)c, p);
            lo = fmin(lo, v);
            hi = fmax(hi, v);
        }
    activation_codes(z, lo, hi, &n->scale, &n->zero);
    z->q->input_code = alloc(z, 256 * (size_t)n->out.c, 1);
    if (!z->q->input_code)
        return fail(AXM_ENV, "%s: out of memory", z->g->name);
    int least = 255;
    for (int c = 0; c < n->out.c; c++)
        for (int p = 0; p < 256; p++) {
            double v = pixel_value(z->g, (size_t)c, p);
            int code = n->zero + (int)rint(v / (double)n->scale);
            code = code < n->lo ? n->lo : code > n->hi ? n->hi : code;
            least = code < least ? code : least;
            z->q->input_code[c * 256 + p] = (uint8_t)code;
        }
    if (least >= 0 && n->lo < 0)
        n->lo = 0;
    return AXM_OK;
}

static enum axm_status build(struct quantizer *z)
{
    const struct graph *g = z->g;
    struct qgraph *q = z->q;
    enum axm_status st = AXM_OK;
    for (int i = 0; i < g->n_nodes && st == AXM_OK; i++) {
        const struct node *n = &g->node[i];
        bool relu = n->op == OP_RELU || n->op == OP_RELU6;
        if (relu && takes_relu(z, n->input[0]) && !(n->op == OP_RELU6 && z->o->scheme == QUANT_ACE)) {
            /* The producer's codes are those of what leaves the ReLU. */
            struct qnode *t = &q->node[z->place[n->input[0]]];
            z->place[i] = z->place[n->input[0]];
            if (z->o->scheme == QUANT_ACE) {
                t->relu = true;
                t->lo = 0;
                continue;
            }
            activation_codes(z, z->range[i].lo, z->range[i].hi, &t->scale, &t->zero);
            t->lo = t->zero > t->lo ? t->zero : t->lo;
            if (t->is_logits) {
                t->is_logits = false;
                t->lo = t->zero;
                t->hi = z->o->scheme == QUANT_AFFINE ? 255 : 127;
            }
            if (n->op == OP_RELU6) {
                int six = t->zero + (int)rint(6 / (double)t->scale);
                t->hi = six < t->hi ? six : t->hi;
            }
            continue;
        }
        z->place[i] = q->n_nodes++;
        struct qnode *t = &q->node[z->place[i]];
        st = quantize_node(z, i, t);
        if (st == AXM_OK && i == 0)
            st = input_codes(z);
    }
    /* Only now are all scales final. */
    for (int i = 0; i < g->n_nodes && st == AXM_OK; i++) {
        bool merged = i > 0 && g->node[i].n_inputs && z->place[i] == z->place[g->node[i].input[0]];
        if (!merged)
            st = set_multipliers(z, &g->node[i], &q->node[z->place[i]]);
    }
    return st;
}

enum axm_status quant_run(const struct graph *g, const struct images *im, const struct quant_opts *o,
                          struct qgraph **out)
{
    struct graph *folded = NULL;
    struct range *range = NULL;
    struct quantizer z = { .o = o };
    size_t *index = NULL, n = 0;
    if (o->weight_bits < 2 || o->weight_bits > 8)
        return fail(AXM_USAGE, "%s: weights have 2..8 bits, got %d", g->name, o->weight_bits);
    if (!(o->percentile > 50 && o->percentile <= 100))
        return fail(AXM_USAGE, "%s: the percentile must be above 50 and at most 100, got %g", g->name,
                    o->percentile);
    struct shape want = g->node[0].out, got = im->shape;
    if (want.c != got.c || want.h != got.h || want.w != got.w)
        return fail(AXM_USAGE, "%s: images must be %dx%dx%d, got %dx%dx%d", g->name, want.c, want.h,
                    want.w, got.c,
                    got.h, got.w);
    if (!im->count || !o->images)
        return fail(AXM_USAGE, "%s: calibration takes at least one image", g->name);
    enum axm_status st = quant_fold(g, &folded);
    if (st == AXM_OK) {
        size_t nodes = (size_t)folded->n_nodes;
        range = calloc(nodes, sizeof *range);
        z.g = folded;
        z.q = qgraph_new();
        z.place = calloc(nodes, sizeof *z.place);
        z.readers = calloc(nodes, sizeof *z.readers);
        if (z.q)
            z.q->node = alloc(&z, nodes, sizeof *z.q->node);
        if (!range || !z.q || !z.q->node || !z.place || !z.readers)
            st = fail(AXM_ENV, "%s: out of memory", g->name);
    }
    for (int i = 0; st == AXM_OK && i < folded->n_nodes; i++)
        for (int k = 0; k < folded->node[i].n_inputs; k++)
            z.readers[folded->node[i].input[k]]++;
    if (st == AXM_OK && !(index = sample(im, o, &n)))
        st = fail(AXM_ENV, "%s: out of memory", g->name);
    if (st == AXM_OK && o->equalise)
        st = quant_equalise(folded, im, index, n);
    if (st == AXM_OK)
        st = calibrate(folded, im, index, n, o, range);
    if (st == AXM_OK) {
        z.range = range;
        memcpy(z.q->name, g->name, sizeof z.q->name);
        memcpy(z.q->data_set, g->data_set, sizeof z.q->data_set);
        z.q->scheme = o->scheme;
        z.q->weight_bits = o->weight_bits;
        z.q->per_channel = o->per_channel;
        st = build(&z);
    }
    if (st == AXM_OK)
        st = qgraph_check(z.q);
    free(index);
    free(range);
    free(z.place);
    free(z.readers);
    graph_free(folded);
    if (st == AXM_OK)
        *out = z.q;
    else
        qgraph_free(z.q);
    return st;
}
