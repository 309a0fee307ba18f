/* Operand pairs of a layer, in a weight-stationary array's order. */
#include <stdlib.h>

#include "base/progress.h"
#include "dnn/infer_impl.h"

enum { PAIRS = 4096, RUN_MIN = 64 };

struct trace {
    const struct qgraph *q;
    const struct infer_layer *l;
    const struct qnode *n, *from;
    const uint8_t *code;            /* [images][c][h][w] of the layer's input */
    uint32_t mask_a, mask_b;
    infer_pairs_fn *fn;
    void *ctx;
    uint32_t a[PAIRS], b[PAIRS];
    size_t count;
};

/* Bits of a code in an operand of that many: two's complement extended, if signed. */
static uint32_t operand(const struct trace *t, uint8_t pattern, uint32_t mask)
{
    return (qgraph_signed(t->q) ? (uint32_t)(int32_t)(int8_t)pattern : pattern) & mask;
}

/* What multiplier (n, k) meets in column m: input k of the output at m. */
static uint8_t activation(const struct trace *t, size_t n, size_t k, size_t m)
{
    struct shape in = t->from->out, out = t->n->out;
    const struct window *w = &t->n->window;
    size_t plane = (size_t)out.h * (size_t)out.w, image = m / plane, at = m % plane;
    const uint8_t *x = t->code + image * shape_count(in);
    if (t->n->op == OP_DENSE)
        return x[k];
    size_t taps = (size_t)w->kernel_h * (size_t)w->kernel_w, group = n / (size_t)(out.c / t->n->groups);
    size_t c = group * (size_t)(in.c / t->n->groups) + k / taps;
    int iy = (int)(at / (size_t)out.w) * w->stride_h - w->pad_top + (int)(k % taps) / w->kernel_w;
    int ix = (int)(at % (size_t)out.w) * w->stride_w - w->pad_left + (int)(k % taps) % w->kernel_w;
    if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
        return (uint8_t)t->from->zero;
    return x[(c * (size_t)in.h + (size_t)iy) * (size_t)in.w + (size_t)ix];
}

static enum axm_status flush(struct trace *t)
{
    size_t count = t->count;
    t->count = 0;
    return count ? t->fn(t->ctx, t->a, t->b, count) : AXM_OK;
}

static enum axm_status one_run(struct trace *t, size_t n, size_t k, size_t first, size_t columns)
{
    size_t all_k = qnode_k(t->q, t->n);
    uint8_t weight = (uint8_t)t->n->weight[n * all_k + k];
    enum axm_status st = AXM_OK;
    for (size_t m = first; m < first + columns && st == AXM_OK; m++) {
        uint8_t x = activation(t, n, k, m);
        t->a[t->count] = operand(t, t->l->weight_is_a ? weight : x, t->mask_a);
        t->b[t->count++] = operand(t, t->l->weight_is_a ? x : weight, t->mask_b);
        if (t->count == PAIRS)
            st = progress_stop_requested() ? AXM_STOPPED : flush(t);
    }
    return st;
}

static enum axm_status all_runs(struct trace *t, size_t columns, size_t max_pairs)
{
    size_t all_k = qnode_k(t->q, t->n), multipliers = (size_t)t->n->out.c * all_k;
    size_t length = columns, runs = multipliers;
    enum axm_status st = AXM_OK;
    if (max_pairs / multipliers < columns) {   /* not everything */
        length = (max_pairs + multipliers - 1) / multipliers;
        length = length < RUN_MIN ? RUN_MIN : length;
        length = length > columns ? columns : length;
        runs = (max_pairs + length - 1) / length;
    }
    for (size_t r = 0; r < runs && st == AXM_OK; r++) {
        size_t at = (size_t)((unsigned __int128)r * multipliers / runs), left = max_pairs - r * length;
        st = one_run(t, at / all_k, at % all_k, r * length % (columns - length + 1),
                     left < length ? left : length);
    }
    return st == AXM_OK ? flush(t) : st;
}

enum axm_status infer_trace(const struct infer *in, int layer, const struct images *im, size_t first,
                            size_t n, size_t max_pairs, infer_pairs_fn *fn, void *ctx)
{
    const struct infer_layer *l = &in->layer[layer];
    const struct qnode *node = &in->q->node[l->node], *from = &in->q->node[node->input[0]];
    size_t bytes = n * infer_dump_bytes(from);
    uint8_t *code = malloc(bytes ? bytes : 1);
    struct trace *t = malloc(sizeof *t);
    enum axm_status st = code && t ? infer_dump(in, node->input[0], im, first, n, code, NULL) :
                                     fail(AXM_ENV, "%s: out of memory for a trace", node->name);
    if (st == AXM_OK && n && max_pairs) {
        t->q = in->q;
        t->l = l;
        t->n = node;
        t->from = from;
        t->code = code;
        t->mask_a = (uint32_t)axm_mask(axm_mul_width_a(l->mul));
        t->mask_b = (uint32_t)axm_mask(axm_mul_width_b(l->mul));
        t->fn = fn;
        t->ctx = ctx;
        t->count = 0;
        st = all_runs(t, n * (size_t)node->out.h * (size_t)node->out.w, max_pairs);
    }
    free(code);
    free(t);
    return st;
}
