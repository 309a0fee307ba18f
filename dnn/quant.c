#include "dnn/quant_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

void quant_defaults(struct quant_opts *o)
{
    *o = (struct quant_opts){ .scheme = QUANT_SYMMETRIC, .weight_bits = 8, .calibration = CALIB_MIN_MAX,
        .percentile = 99.99, .weight_calibration = CALIB_MIN_MAX, .images = 1000, .per_channel = true,
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

static enum axm_status weight_codes(const struct quantizer *z, const float *w, size_t n, float *scale,
                                    int *zero)
{
    struct range r;
    enum axm_status st = calibrate_weights(z->o, w, n, &r);
    if (st != AXM_OK)
        return st;
    double lo = r.lo, hi = r.hi;
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
    return AXM_OK;
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
    enum axm_status st = z->o->per_channel ? AXM_OK : weight_codes(z, n->weight, out * k, &scale, &zero);
    if (st != AXM_OK)
        return st;
    for (size_t o = 0; o < out; o++) {
        const float *w = n->weight + o * k;
        int64_t sum = 0;
        if (z->o->per_channel) {
            st = weight_codes(z, w, k, &scale, &zero);
            if (st != AXM_OK)
                return st;
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

enum { REPORT_IMAGES = 256 };

/* What the nodes of q hold, and how far they are from float. */
static enum axm_status make_report(const struct quantizer *z, const struct images *im, const size_t *index,
                                   size_t n, struct quant_report *report)
{
    struct quant_report r = { .n_nodes = z->q->n_nodes };
    r.node = calloc((size_t)r.n_nodes, sizeof *r.node);
    if (!r.node)
        return fail(AXM_ENV, "%s: out of memory for its report", z->g->name);
    for (int i = 0; i < z->g->n_nodes; i++) {
        r.node[z->place[i]].lo = z->range[i].lo;
        r.node[z->place[i]].hi = z->range[i].hi;
    }
    enum axm_status st = quant_compare(z->g, z->q, z->place, im, index, n < REPORT_IMAGES ? n : REPORT_IMAGES,
                                       &r);
    if (st == AXM_OK)
        *report = r;
    else
        quant_report_release(&r);
    return st;
}

enum axm_status quant_run(const struct graph *g, const struct images *im, const struct quant_opts *o,
                          struct qgraph **out)
{
    return quant_run_report(g, im, o, out, NULL);
}

enum axm_status quant_run_report(const struct graph *g, const struct images *im, const struct quant_opts *o,
                                 struct qgraph **out, struct quant_report *report)
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
    if (report)
        *report = (struct quant_report){ 0 };
    if (st == AXM_OK && report)
        st = make_report(&z, im, index, n, report);
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
