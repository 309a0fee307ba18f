/* Batch norm merged into its neighbours, what inference does not need taken out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/quant.h"

/* A node's output in the folded graph: the value of `node` there, and per channel of the node times gain
 * plus offset. */
struct value {
    int node;
    double *gain, *offset;     /* [channels of the old node's output]; NULL: 1 and 0 */
};

struct fold {
    const struct graph *from;
    struct graph *to;
    struct value *value;       /* by old node */
    struct arena arena;
};

static int readers(const struct graph *g, int node)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_inputs; k++)
            n += g->node[i].input[k] == node;
    return n;
}

static bool is_padded(const struct window *w)
{
    return w->pad_top || w->pad_left || w->pad_bottom || w->pad_right;
}

/* Everything that reads node can take an affine function of each channel into itself or pass it on. */
static bool is_absorbed(const struct graph *g, int node, bool positive)
{
    bool any = false;
    for (int i = node + 1; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        for (int k = 0; k < n->n_inputs; k++) {
            if (n->input[k] != node)
                continue;
            any = true;
            switch (n->op) {
            case OP_DENSE:
                break;
            case OP_CONV:
                if (is_padded(&n->window))
                    return false;
                break;
            case OP_MAX_POOL:
                if (!positive || !is_absorbed(g, i, positive))
                    return false;
                break;
            case OP_FLATTEN:
            case OP_DROPOUT:
            case OP_AVG_POOL:
            case OP_GLOBAL_AVG_POOL:
                if (!is_absorbed(g, i, positive))
                    return false;
                break;
            default:
                return false;
            }
        }
    }
    return any;
}

static double gain_of(const struct node *n, int c)
{
    return (double)n->gamma[c] / sqrt((double)n->variance[c] + (double)n->epsilon);
}

static double offset_of(const struct node *n, int c)
{
    return (double)n->beta[c] - (double)n->mean[c] * gain_of(n, c);
}

static bool all_positive(const struct node *n)
{
    for (int c = 0; c < n->out.c; c++)
        if (!(gain_of(n, c) > 0))
            return false;
    return true;
}

static enum axm_status out_of_memory(const struct fold *f)
{
    return fail(AXM_ENV, "%s: out of memory", f->from->name);
}

/* Weights and bias of conv or dense node i, its input's gain and offset taken in. */
static enum axm_status copy_layer(struct fold *f, int i, struct node *to)
{
    const struct node *n = &f->from->node[i];
    const struct value *v = &f->value[n->input[0]];
    struct shape in = f->from->node[n->input[0]].out;
    size_t plane = n->op == OP_DENSE ? (size_t)in.h * in.w : (size_t)n->window.kernel_h * n->window.kernel_w;
    size_t outputs = (size_t)n->out.c, k = node_weight_count(f->from, n) / outputs, channels = k / plane;
    size_t per_group = outputs / (size_t)n->groups;
    for (size_t o = 0; o < outputs; o++) {
        double bias = n->bias ? (double)n->bias[o] : 0;
        for (size_t j = 0; j < k; j++) {
            size_t c = (n->op == OP_CONV ? o / per_group * channels : 0) + j / plane;
            double w = (double)n->weight[o * k + j];
            if (v->gain) {
                bias += w * v->offset[c];
                w *= v->gain[c];
            }
            to->weight[o * k + j] = (float)w;
        }
        to->bias[o] = (float)bias;
    }
    return AXM_OK;
}

/* Batch norm i goes into the layer whose new node is t. */
static void merge_back(const struct node *bn, struct graph *g, struct node *t)
{
    size_t k = node_weight_count(g, t) / (size_t)t->out.c;
    for (int o = 0; o < t->out.c; o++) {
        double gain = gain_of(bn, o);
        for (size_t j = 0; j < k; j++)
            t->weight[(size_t)o * k + j] = (float)((double)t->weight[(size_t)o * k + j] * gain);
        t->bias[o] = (float)((double)t->bias[o] * gain + offset_of(bn, o));
    }
}

static enum axm_status pass_on(struct fold *f, int i, struct value *out)
{
    const struct node *n = &f->from->node[i];
    const struct value *v = &f->value[n->input[0]];
    struct shape in = f->from->node[n->input[0]].out;
    if (!v->gain)
        return AXM_OK;
    size_t repeat = n->op == OP_FLATTEN ? (size_t)in.h * in.w : 1, count = (size_t)in.c * repeat;
    out->gain = arena_alloc(&f->arena, count * sizeof *out->gain);
    out->offset = arena_alloc(&f->arena, count * sizeof *out->offset);
    if (!out->gain || !out->offset)
        return out_of_memory(f);
    for (size_t c = 0; c < count; c++) {
        out->gain[c] = v->gain[c / repeat];
        out->offset[c] = v->offset[c / repeat];
    }
    return AXM_OK;
}

static enum axm_status fold_batch_norm(struct fold *f, int i)
{
    const struct node *n = &f->from->node[i];
    int in = n->input[0];
    const struct value *v = &f->value[in];
    struct value *out = &f->value[i];
    const struct node *before = &f->from->node[in];
    if (v->node < 0)
        return AXM_OK;   /* graph_finish() reports what failed */
    if ((before->op == OP_CONV || before->op == OP_DENSE) && readers(f->from, in) == 1) {
        merge_back(n, f->to, &f->to->node[v->node]);
        out->node = v->node;
        return AXM_OK;
    }
    if (is_absorbed(f->from, i, all_positive(n))) {
        out->node = v->node;
        out->gain = arena_alloc(&f->arena, (size_t)n->out.c * sizeof *out->gain);
        out->offset = arena_alloc(&f->arena, (size_t)n->out.c * sizeof *out->offset);
        if (!out->gain || !out->offset)
            return out_of_memory(f);
        for (int c = 0; c < n->out.c; c++) {
            out->gain[c] = gain_of(n, c) * (v->gain ? v->gain[c] : 1);
            out->offset[c] = offset_of(n, c) + gain_of(n, c) * (v->gain ? v->offset[c] : 0);
        }
        return AXM_OK;
    }
    out->node = graph_batch_norm(f->to, v->node, n->name, n->epsilon);
    if (out->node >= 0) {
        struct node *t = &f->to->node[out->node];
        size_t bytes = (size_t)n->out.c * sizeof *t->gamma;
        memcpy(t->gamma, n->gamma, bytes);
        memcpy(t->beta, n->beta, bytes);
        memcpy(t->mean, n->mean, bytes);
        memcpy(t->variance, n->variance, bytes);
    }
    return AXM_OK;
}

static enum axm_status fold_node(struct fold *f, int i)
{
    const struct node *n = &f->from->node[i];
    struct value *out = &f->value[i];
    int in[GRAPH_INPUTS_MAX];
    for (int k = 0; k < n->n_inputs; k++)
        in[k] = f->value[n->input[k]].node;
    switch (n->op) {
    case OP_INPUT:
        out->node = 0;
        return AXM_OK;
    case OP_SOFTMAX:
        if (i != f->from->n_nodes - 1)
            return fail(AXM_USAGE, "%s: a softmax that is not the last node has no integer form", n->name);
        /* fall through */
    case OP_DROPOUT:
        out->node = in[0];
        return pass_on(f, i, out);
    case OP_BATCH_NORM:
        return fold_batch_norm(f, i);
    case OP_CONV:
    case OP_DENSE:
        out->node = n->op == OP_CONV
            ? graph_conv(f->to, in[0], n->name, n->out.c, n->window, n->groups, true)
            : graph_dense(f->to, in[0], n->name, n->out.c, true);
        return out->node < 0 ? AXM_OK : copy_layer(f, i, &f->to->node[out->node]);
    case OP_MAX_POOL:
    case OP_AVG_POOL:
        out->node = graph_pool(f->to, in[0], n->name, n->op, n->window);
        return pass_on(f, i, out);
    case OP_RELU:
    case OP_RELU6:
        out->node = graph_unary(f->to, in[0], n->name, n->op);
        return AXM_OK;
    case OP_FLATTEN:
    case OP_GLOBAL_AVG_POOL:
        out->node = graph_unary(f->to, in[0], n->name, n->op);
        return pass_on(f, i, out);
    case OP_ADD:
        out->node = graph_add(f->to, in[0], in[1], n->name);
        return AXM_OK;
    default:
        out->node = graph_concat(f->to, in, n->n_inputs, n->name);
        return AXM_OK;
    }
}

enum axm_status quant_fold(const struct graph *g, struct graph **out)
{
    struct fold f = { .from = g, .to = graph_new(g->name, g->node[0].out) };
    f.value = calloc((size_t)g->n_nodes, sizeof *f.value);
    enum axm_status st = f.to && f.value ? AXM_OK : out_of_memory(&f);
    if (st == AXM_OK) {
        memcpy(f.to->data_set, g->data_set, sizeof f.to->data_set);
        memcpy(f.to->node[0].name, g->node[0].name, sizeof f.to->node[0].name);
        f.to->norm = g->norm;
    }
    for (int i = 0; i < g->n_nodes && st == AXM_OK; i++)
        st = fold_node(&f, i);
    if (st == AXM_OK)
        st = graph_finish(f.to);
    arena_release(&f.arena);
    free(f.value);
    if (st == AXM_OK)
        *out = f.to;
    else
        graph_free(f.to);
    return st;
}
