#include "dnn/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int argmax_float(const float *v, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

int argmax_int(const int32_t *v, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

static enum axm_status out_of_memory(const char *name)
{
    return fail(AXM_ENV, "%s: out of memory for one image", name);
}

static size_t at(struct shape s, int c, int y, int x)
{
    return ((size_t)c * s.h + y) * s.w + x;
}

/* --- windows ---------------------------------------------------------------------- */

/* Where tap (ky, kx) of output (y, x) lies in the input; false: in the padding. */
static bool tap(const struct window *w, struct shape in, int y, int x, int ky, int kx, int *iy, int *ix)
{
    *iy = y * w->stride_h - w->pad_top + ky;
    *ix = x * w->stride_w - w->pad_left + kx;
    return *iy >= 0 && *iy < in.h && *ix >= 0 && *ix < in.w;
}

/* A global average is a pool whose one window is the whole image. */
static struct window window_of(enum op op, const struct window *w, struct shape in)
{
    return op == OP_GLOBAL_AVG_POOL ? (struct window){ in.h, in.w, 1, 1, 0, 0, 0, 0 } : *w;
}

/* --- float ------------------------------------------------------------------------- */

static void float_conv(const struct node *n, struct shape in, const float *x, float *out)
{
    const struct window *w = &n->window;
    int group_in = in.c / n->groups, group_out = n->out.c / n->groups;
    for (int o = 0; o < n->out.c; o++)
        for (int y = 0; y < n->out.h; y++)
            for (int z = 0; z < n->out.w; z++) {
                const float *weight = n->weight + (size_t)o * group_in * w->kernel_h * w->kernel_w;
                double sum = n->bias ? n->bias[o] : 0;
                int iy, ix;
                for (int c = o / group_out * group_in; c < (o / group_out + 1) * group_in; c++)
                    for (int ky = 0; ky < w->kernel_h; ky++)
                        for (int kx = 0; kx < w->kernel_w; kx++, weight++)
                            if (tap(w, in, y, z, ky, kx, &iy, &ix))
                                sum += (double)*weight * x[at(in, c, iy, ix)];
                out[at(n->out, o, y, z)] = (float)sum;
            }
}

static void float_dense(const struct node *n, struct shape in, const float *x, float *out)
{
    size_t k = shape_count(in);
    for (int o = 0; o < n->out.c; o++) {
        double sum = n->bias ? n->bias[o] : 0;
        for (size_t i = 0; i < k; i++)
            sum += (double)n->weight[(size_t)o * k + i] * x[i];
        out[o] = (float)sum;
    }
}

static void float_pool(const struct node *n, struct shape in, const float *x, float *out)
{
    const struct window w = window_of(n->op, &n->window, in);
    for (int c = 0; c < n->out.c; c++)
        for (int y = 0; y < n->out.h; y++)
            for (int z = 0; z < n->out.w; z++) {
                double sum = 0;
                float most = -INFINITY;
                int taps = 0, iy, ix;
                for (int ky = 0; ky < w.kernel_h; ky++)
                    for (int kx = 0; kx < w.kernel_w; kx++)
                        if (tap(&w, in, y, z, ky, kx, &iy, &ix)) {
                            float v = x[at(in, c, iy, ix)];
                            sum += v;
                            most = v > most ? v : most;
                            taps++;
                        }
                out[at(n->out, c, y, z)] = n->op == OP_MAX_POOL ? most : (float)(sum / taps);
            }
}

static void float_batch_norm(const struct node *n, const float *x, float *out)
{
    size_t plane = (size_t)n->out.h * n->out.w;
    for (size_t i = 0; i < shape_count(n->out); i++) {
        size_t c = i / plane;
        double unit = ((double)x[i] - n->mean[c]) / sqrt((double)n->variance[c] + n->epsilon);
        out[i] = (float)(unit * n->gamma[c] + n->beta[c]);
    }
}

static void float_softmax(const struct node *n, const float *x, float *out)
{
    double sum = 0;
    float most = x[argmax_float(x, n->out.c)];   /* no exponential overflows */
    for (int c = 0; c < n->out.c; c++)
        sum += exp((double)x[c] - most);
    for (int c = 0; c < n->out.c; c++)
        out[c] = (float)(exp((double)x[c] - most) / sum);
}

void reference_node(const struct graph *g, int i, float *const *value, float *out)
{
    const struct node *n = &g->node[i];
    const float *x = value[n->input[0]];
    struct shape in = g->node[n->input[0]].out;
    size_t count = shape_count(n->out);
    switch (n->op) {
    case OP_CONV:
        float_conv(n, in, x, out);
        break;
    case OP_DENSE:
        float_dense(n, in, x, out);
        break;
    case OP_BATCH_NORM:
        float_batch_norm(n, x, out);
        break;
    case OP_RELU:
    case OP_RELU6:
        for (size_t k = 0; k < count; k++)
            out[k] = x[k] < 0 ? 0 : n->op == OP_RELU6 && x[k] > 6 ? 6 : x[k];
        break;
    case OP_MAX_POOL:
    case OP_AVG_POOL:
    case OP_GLOBAL_AVG_POOL:
        float_pool(n, in, x, out);
        break;
    case OP_ADD:
        for (size_t k = 0; k < count; k++)
            out[k] = x[k] + value[n->input[1]][k];
        break;
    case OP_CONCAT:   /* channels are outermost */
        for (int k = 0; k < n->n_inputs; k++) {
            size_t part = shape_count(g->node[n->input[k]].out);
            memcpy(out, value[n->input[k]], part * sizeof *out);
            out += part;
        }
        break;
    case OP_SOFTMAX:
        float_softmax(n, x, out);
        break;
    default:          /* flatten, and dropout outside of training */
        memcpy(out, x, count * sizeof *out);
    }
}

enum axm_status reference_forward(const struct graph *g, const float *x, struct arena *arena, float **value)
{
    for (int i = 0; i < g->n_nodes; i++) {
        size_t bytes = shape_count(g->node[i].out) * sizeof *value[i];
        value[i] = arena_alloc(arena, bytes);
        if (!value[i])
            return out_of_memory(g->name);
        if (i == 0)
            memcpy(value[i], x, bytes);
        else
            reference_node(g, i, value, value[i]);
    }
    return AXM_OK;
}

/* --- quantized: products ---------------------------------------------------------------- */

/* One image on its way. */
struct run {
    const struct qgraph *q;
    int32_t **value;
    double *scale;               /* [n_nodes], scheme ace: of the codes in this image */
    double *y;                   /* scheme ace: one node's outputs before they become codes */
    const struct axm_mul *mul;   /* what product[] holds */
    bool weight_is_a;
    int32_t *product;            /* f(x, w) by patterns: [x][w] */
};

static int pattern_value(const struct qgraph *q, int pattern)
{
    return qgraph_signed(q) ? (int8_t)pattern : pattern;
}

static enum axm_status check_multiplier(const struct qgraph *q, const struct qnode *n,
                                        const struct axm_mul *m, bool weight_is_a)
{
    int width_w = weight_is_a ? axm_mul_width_a(m) : axm_mul_width_b(m);
    int width_x = weight_is_a ? axm_mul_width_b(m) : axm_mul_width_a(m);
    if (axm_mul_signed(m) != qgraph_signed(q))
        return fail(AXM_USAGE, "%s: %s is %s, the network's codes are %s", n->name, axm_mul_name(m),
                    axm_mul_signed(m) ? "signed" : "unsigned", qgraph_signed(q) ? "signed" : "unsigned");
    if (width_x < 8 || width_w < q->weight_bits)
        return fail(AXM_USAGE, "%s: %s has %d bits for the activation and %d for the weight, 8 and %d are "
                    "needed", n->name, axm_mul_name(m), width_x, width_w, q->weight_bits);
    return AXM_OK;
}

/* All products of two codes, unless product[] holds them from the layer before.  Values are
 * passed on extended: a wider multiplier sees the same numbers, a narrower one ignores the top. */
static enum axm_status tabulate(struct run *r, const struct qnode *n, const struct axm_mul *m,
                                bool weight_is_a)
{
    enum axm_status st = check_multiplier(r->q, n, m, weight_is_a);
    if (st != AXM_OK || (r->mul == m && r->weight_is_a == weight_is_a))
        return st;
    r->mul = m;
    r->weight_is_a = weight_is_a;
    for (int x = 0; x < 256; x++) {
        for (int w = 0; w < 256; w++) {
            uint64_t vx = (uint64_t)pattern_value(r->q, x), vw = (uint64_t)pattern_value(r->q, w);
            uint64_t p = weight_is_a ? axm_eval(m, vw, vx) : axm_eval(m, vx, vw);
            int64_t v = axm_mul_value(m, p, axm_mul_width_product(m));
            if (v < INT32_MIN || v > INT32_MAX) {
                r->mul = NULL;
                return fail(AXM_USAGE, "%s: %s gives a product of two codes that does not fit 32 bits",
                            n->name, axm_mul_name(m));
            }
            r->product[x << 8 | w] = (int32_t)v;
        }
    }
    return AXM_OK;
}

/* f(x, w), and x for the correction by the weight's zero point. */
static void multiply(const struct run *r, int32_t x, int8_t w, int64_t *products, int64_t *sum_x)
{
    *products += r->product[(x & 255) << 8 | (uint8_t)w];
    *sum_x += x;
}

static int64_t accumulate_conv(const struct run *r, const struct qnode *n, int o, int y, int z)
{
    const struct qnode *from = &r->q->node[n->input[0]];
    const int32_t *x = r->value[n->input[0]];
    const struct window *w = &n->window;
    int group_in = from->out.c / n->groups, group_out = n->out.c / n->groups;
    const int8_t *weight = n->weight + (size_t)o * qnode_k(r->q, n);
    int64_t products = 0, sum_x = 0;
    int iy, ix;
    for (int c = o / group_out * group_in; c < (o / group_out + 1) * group_in; c++)
        for (int ky = 0; ky < w->kernel_h; ky++)
            for (int kx = 0; kx < w->kernel_w; kx++, weight++)
                multiply(r, tap(w, from->out, y, z, ky, kx, &iy, &ix) ? x[at(from->out, c, iy, ix)] :
                         from->zero, *weight, &products, &sum_x);
    return products - n->weight_zero[o] * sum_x + n->bias[o];
}

static int64_t accumulate_dense(const struct run *r, const struct qnode *n, int o)
{
    size_t k = qnode_k(r->q, n);
    int64_t products = 0, sum_x = 0;
    for (size_t i = 0; i < k; i++)
        multiply(r, r->value[n->input[0]][i], n->weight[(size_t)o * k + i], &products, &sum_x);
    return products - n->weight_zero[o] * sum_x + n->bias[o];
}

/* Fails where products above 16 bits, which qgraph_check() does not foresee, leave 32. */
static enum axm_status accumulate(const struct run *r, const struct qnode *n, int32_t *acc)
{
    for (int o = 0; o < n->out.c; o++)
        for (int y = 0; y < n->out.h; y++)
            for (int x = 0; x < n->out.w; x++) {
                int64_t v = n->op == OP_CONV ? accumulate_conv(r, n, o, y, x) : accumulate_dense(r, n, o);
                if (v < INT32_MIN || v > INT32_MAX)
                    return fail(AXM_USAGE, "%s: with %s an accumulator leaves 32 bits", n->name,
                                axm_mul_name(r->mul));
                acc[at(n->out, o, y, x)] = (int32_t)v;
            }
    return AXM_OK;
}

/* --- quantized: integers from accumulator to code ------------------------------------------ */

static int32_t max_of_window(const struct qnode *n, struct shape in, const int32_t *x, int c, int y, int z)
{
    int32_t most = INT32_MIN;
    int iy, ix;
    for (int ky = 0; ky < n->window.kernel_h; ky++)
        for (int kx = 0; kx < n->window.kernel_w; kx++)
            if (tap(&n->window, in, y, z, ky, kx, &iy, &ix) && x[at(in, c, iy, ix)] > most)
                most = x[at(in, c, iy, ix)];
    return most;
}

/* Sum of (q - zero) over the taps that are inside. */
static int64_t sum_of_window(const struct qnode *n, const struct qnode *from, const int32_t *x, int c, int y,
                             int z, int *taps)
{
    const struct window w = window_of(n->op, &n->window, from->out);
    int64_t sum = 0;
    int iy, ix;
    *taps = 0;
    for (int ky = 0; ky < w.kernel_h; ky++)
        for (int kx = 0; kx < w.kernel_w; kx++)
            if (tap(&w, from->out, y, z, ky, kx, &iy, &ix)) {
                sum += x[at(from->out, c, iy, ix)] - from->zero;
                ++*taps;
            }
    return sum;
}

static int32_t clamp(const struct qnode *n, int64_t v)
{
    return (int32_t)(v < n->lo ? n->lo : v > n->hi ? n->hi : v);
}

/* Output i = (c, y, x) of a node that does not multiply. */
static int32_t quantized_element(const struct run *r, const struct qnode *n, int c, int y, int x)
{
    const struct qnode *from = &r->q->node[n->input[0]];
    const int32_t *in = r->value[n->input[0]];
    size_t i = at(n->out, c, y, x);
    int64_t sum;
    int taps, k;
    switch (n->op) {
    case OP_BATCH_NORM:
        sum = (int64_t)(in[i] - from->zero) * n->multiplier[c] + n->add64[c];
        return clamp(n, n->zero + ((sum + ((int64_t)1 << (n->shift[c] - 1))) >> n->shift[c]));
    case OP_RELU:
        return clamp(n, in[i]);
    case OP_MAX_POOL:
        return max_of_window(n, from->out, in, c, y, x);
    case OP_AVG_POOL:
    case OP_GLOBAL_AVG_POOL:
        sum = sum_of_window(n, from, in, c, y, x, &taps);
        k = n->op == OP_AVG_POOL ? taps - 1 : 0;
        return requantize(sum, n->multiplier[k], n->shift[k], n->zero, n->lo, n->hi);
    case OP_ADD:
        sum = 0;
        for (k = 0; k < n->n_inputs; k++)
            sum += (int64_t)(r->value[n->input[k]][i] - r->q->node[n->input[k]].zero) * n->multiplier[k];
        return clamp(n, n->zero + ((sum + ((int64_t)1 << (n->shift[0] - 1))) >> n->shift[0]));
    case OP_CONCAT:
        for (k = 0; c >= r->q->node[n->input[k]].out.c; k++)
            c -= r->q->node[n->input[k]].out.c;
        return requantize(r->value[n->input[k]][at(n->out, c, y, x)] - r->q->node[n->input[k]].zero,
                          n->multiplier[k], n->shift[k], n->zero, n->lo, n->hi);
    default:   /* flatten: the same order */
        return in[i];
    }
}

static void quantized_node(const struct run *r, const struct qnode *n, const int32_t *acc, int32_t *out)
{
    for (int c = 0; c < n->out.c; c++)
        for (int y = 0; y < n->out.h; y++)
            for (int x = 0; x < n->out.w; x++) {
                size_t i = at(n->out, c, y, x);
                out[i] = acc ? requantize(acc[i], n->multiplier[c], n->shift[c], n->zero, n->lo, n->hi) :
                               quantized_element(r, n, c, y, x);
            }
}

/* --- quantized: scheme ace -------------------------------------------------------------------- */

static double ace_element(const struct run *r, const struct qnode *n, const int32_t *acc, int c, int y, int x)
{
    const int32_t *in = r->value[n->input[0]];
    double s_x = r->scale[n->input[0]];
    size_t i = at(n->out, c, y, x);
    int taps, k;
    switch (n->op) {
    case OP_CONV:
    case OP_DENSE:
        return acc[i] * (s_x * (double)n->weight_scale[c]) + (double)n->bias_float[c];
    case OP_BATCH_NORM:
        return in[i] * (s_x * (double)n->weight_scale[c]) + (double)n->bias_float[c];
    case OP_ADD:
        return in[i] * s_x + r->value[n->input[1]][i] * r->scale[n->input[1]];
    case OP_CONCAT:
        for (k = 0; c >= r->q->node[n->input[k]].out.c; k++)
            c -= r->q->node[n->input[k]].out.c;
        return r->value[n->input[k]][at(n->out, c, y, x)] * r->scale[n->input[k]];
    default: {   /* average pools */
        double sum = (double)sum_of_window(n, &r->q->node[n->input[0]], in, c, y, x, &taps);
        return sum * s_x / taps;
    }
    }
}

static void ace_node(struct run *r, int index, const int32_t *acc, int32_t *out)
{
    const struct qnode *n = &r->q->node[index];
    double most = 0;
    for (int c = 0; c < n->out.c; c++)
        for (int y = 0; y < n->out.h; y++)
            for (int x = 0; x < n->out.w; x++) {
                double v = ace_element(r, n, acc, c, y, x);
                if (n->relu && v < 0)
                    v = 0;
                if (fabs(v) > most)
                    most = fabs(v);
                r->y[at(n->out, c, y, x)] = v;
            }
    r->scale[index] = ace_scale(most);
    for (size_t i = 0; i < shape_count(n->out); i++)
        out[i] = n->is_logits ? ace_logit(r->y[i], n->scale) : ace_code(r->y[i], r->scale[index]);
}

/* --- quantized: the whole ------------------------------------------------------------------------ */

static void input_codes(const struct qgraph *q, const uint8_t *pixel, int32_t *out)
{
    struct shape s = q->node[0].out;
    size_t plane = (size_t)s.h * s.w;
    for (size_t i = 0; i < shape_count(s); i++)
        out[i] = pattern_value(q, q->input_code[i / plane * 256 + pixel[i]]);
}

/* Codes and their scale as they are. */
static bool passes(const struct qnode *n)
{
    return n->op == OP_RELU || n->op == OP_MAX_POOL || n->op == OP_FLATTEN;
}

static void run_node(struct run *r, int index, const int32_t *acc)
{
    const struct qnode *n = &r->q->node[index];
    int32_t *out = r->value[index];
    if (r->q->scheme != QUANT_ACE) {
        quantized_node(r, n, acc, out);
    } else if (!passes(n)) {
        ace_node(r, index, acc, out);
    } else {
        quantized_node(r, n, NULL, out);
        for (size_t i = 0; n->op == OP_RELU && i < shape_count(n->out); i++)
            out[i] = out[i] < 0 ? 0 : out[i];
        r->scale[index] = r->scale[n->input[0]];
    }
}

enum axm_status reference_forward_quantized(const struct qgraph *q, const uint8_t *pixel,
                                            const struct axm_mul *const *mul, const bool *weight_is_a,
                                            struct arena *arena, int32_t **value, int32_t **acc)
{
    struct run r = { .q = q, .value = value };
    struct arena scratch = { 0 };
    enum axm_status st = AXM_OK;
    size_t largest = 0;
    for (int i = 0; i < q->n_nodes; i++) {
        size_t count = shape_count(q->node[i].out);
        largest = count > largest ? count : largest;
        value[i] = arena_alloc(arena, count * sizeof *value[i]);
        if (!value[i])
            st = out_of_memory(q->name);
        if (acc)
            acc[i] = NULL;
    }
    r.product = arena_alloc(&scratch, 65536 * sizeof *r.product);
    r.scale = arena_alloc(&scratch, (size_t)q->n_nodes * sizeof *r.scale);
    r.y = arena_alloc(&scratch, q->scheme == QUANT_ACE ? largest * sizeof *r.y : 1);
    if (st == AXM_OK && (!r.product || !r.scale || !r.y))
        st = out_of_memory(q->name);
    if (st == AXM_OK) {
        input_codes(q, pixel, value[0]);
        r.scale[0] = (double)q->node[0].scale;
    }
    for (int i = 1; st == AXM_OK && i < q->n_nodes; i++) {
        const struct qnode *n = &q->node[i];
        int32_t *sums = NULL;
        if (qnode_multiplies(n)) {
            sums = arena_alloc(acc ? arena : &scratch, shape_count(n->out) * sizeof *sums);
            st = sums ? tabulate(&r, n, mul[i], weight_is_a[i]) : out_of_memory(q->name);
            if (st == AXM_OK)
                st = accumulate(&r, n, sums);
            if (acc)
                acc[i] = sums;
        }
        if (st == AXM_OK)
            run_node(&r, i, sums);
    }
    arena_release(&scratch);
    return st;
}
