#include "dnn/qgraph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct qgraph *qgraph_new(void)
{
    struct qgraph *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->provenance = arena_strdup(&q->arena, "");
    if (q->provenance)
        return q;
    qgraph_free(q);
    return NULL;
}

void qgraph_free(struct qgraph *q)
{
    if (!q)
        return;
    if (q->mapped)
        munmap(q->mapped, q->mapped_len);
    arena_release(&q->arena);
    free(q);
}

int qgraph_find(const struct qgraph *q, const char *name)
{
    for (int i = 0; i < q->n_nodes; i++)
        if (!strcmp(q->node[i].name, name))
            return i;
    return -1;
}

bool qnode_multiplies(const struct qnode *n)
{
    return n->op == OP_CONV || n->op == OP_DENSE;
}

size_t qnode_k(const struct qgraph *q, const struct qnode *n)
{
    if (!qnode_multiplies(n))
        return 0;
    struct shape in = q->node[n->input[0]].out;
    if (n->op == OP_DENSE)
        return shape_count(in);
    return (size_t)(in.c / n->groups) * n->window.kernel_h * n->window.kernel_w;
}

uint64_t qnode_multiplications(const struct qgraph *q, const struct qnode *n)
{
    return (uint64_t)shape_count(n->out) * qnode_k(q, n);
}

size_t qnode_multipliers(const struct qgraph *q, const struct qnode *n)
{
    if (q->scheme == QUANT_ACE)
        return 0;
    switch (n->op) {
    case OP_CONV:
    case OP_DENSE:
    case OP_BATCH_NORM:
        return (size_t)n->out.c;
    case OP_ADD:
    case OP_CONCAT:
        return (size_t)n->n_inputs;
    case OP_AVG_POOL:
        return (size_t)n->window.kernel_h * n->window.kernel_w;
    case OP_GLOBAL_AVG_POOL:
        return 1;
    default:
        return 0;
    }
}

/* --- checking ------------------------------------------------------------------- */

/* Taps of an average pool: 2^22 * 255 * 2^31 still fits the 64-bit arithmetic. */
enum { POOL_TAPS_MAX = 1 << 22 };

/* A node, and what messages call it. */
struct subject {
    const struct qgraph *q;
    const struct qnode *n;
    const char *label;
};

static enum axm_status check_range(const char *label, const char *what, int64_t v, int64_t lo, int64_t hi)
{
    if (v < lo || v > hi)
        return fail(AXM_USAGE, "%s: %s must be %lld..%lld, got %lld", label, what, (long long)lo,
                    (long long)hi, (long long)v);
    return AXM_OK;
}

static enum axm_status check_there(const struct subject *s, const char *what, const void *array, bool wanted)
{
    if (wanted && !array)
        return fail(AXM_USAGE, "%s: a %s needs its %s", s->label, op_infos[s->n->op].name, what);
    return AXM_OK;
}

static enum axm_status check_scale(const struct subject *s, const char *what, float v)
{
    if (!(v > 0 && isfinite(v)))
        return fail(AXM_USAGE, "%s: %s must be above 0 and finite, got %g", s->label, what, (double)v);
    return AXM_OK;
}

/* What makes lo = 0 true: nothing clamps in this scheme. */
static enum axm_status check_ace_codes(const struct subject *s)
{
    const struct qgraph *q = s->q;
    const struct qnode *n = s->n;
    bool positive = n->relu || n->op == OP_RELU;
    if (n->op == OP_INPUT)
        return AXM_OK;
    if (!positive && !qnode_multiplies(n) && n->op != OP_BATCH_NORM) {
        positive = true;
        for (int i = 0; i < n->n_inputs; i++)
            positive &= q->node[n->input[i]].lo >= 0;
    }
    if (n->hi != 127 || (n->lo != -127 && !(positive && n->lo == 0)))
        return fail(AXM_USAGE, "%s: codes in scheme ace are -127..127%s, got %d..%d", s->label,
                    positive ? " or 0..127" : "", n->lo, n->hi);
    return AXM_OK;
}

/* Range of codes, and what the node's neighbours promise each other. */
static enum axm_status check_codes(const struct subject *s)
{
    const struct qgraph *q = s->q;
    const struct qnode *n = s->n;
    bool is_signed = qgraph_signed(q), last = n == &q->node[q->n_nodes - 1];
    int lo = is_signed ? -127 : 0, hi = is_signed ? 127 : 255;
    enum axm_status st = check_scale(s, "the scale", n->scale);
    if (st == AXM_OK)
        st = check_range(s->label, "the zero point", n->zero, 0, is_signed ? 0 : 255);
    if (st != AXM_OK)
        return st;
    if (n->is_logits) {
        if (!last || !qnode_multiplies(n))
            return fail(AXM_USAGE, "%s: only a conv or dense layer that is the last node gives logits",
                        s->label);
        if (n->lo != INT32_MIN || n->hi != INT32_MAX)
            return fail(AXM_USAGE, "%s: logits have no clamp, got %d..%d", s->label, n->lo, n->hi);
        return AXM_OK;
    }
    if (n->lo < lo || n->hi > hi || n->lo > n->hi)
        return fail(AXM_USAGE, "%s: the clamp must lie within %d..%d, got %d..%d", s->label, lo, hi, n->lo,
                    n->hi);
    if (q->scheme == QUANT_ACE)
        return check_ace_codes(s);
    if (n->op == OP_RELU || n->op == OP_MAX_POOL || n->op == OP_FLATTEN) {
        const struct qnode *in = &q->node[n->input[0]];
        if (n->scale != in->scale || n->zero != in->zero)
            return fail(AXM_USAGE, "%s: a %s has scale and zero point of its input %s", s->label,
                        op_infos[n->op].name, in->name);
        if (n->op != OP_RELU && (n->lo > in->lo || n->hi < in->hi))
            return fail(AXM_USAGE, "%s: a %s does not clamp: %d..%d must hold the %d..%d of its input %s",
                        s->label, op_infos[n->op].name, n->lo, n->hi, in->lo, in->hi, in->name);
    }
    return AXM_OK;
}

static enum axm_status check_weights(const struct subject *s)
{
    const struct qgraph *q = s->q;
    const struct qnode *n = s->n;
    bool is_signed = qgraph_signed(q), ace = q->scheme == QUANT_ACE;
    size_t k = qnode_k(q, n), count = (size_t)n->out.c * k;
    int lo = is_signed ? -(1 << (q->weight_bits - 1)) : 0, hi = (1 << (q->weight_bits - is_signed)) - 1;
    enum axm_status st = check_there(s, "weights", n->weight, true);
    if (st == AXM_OK)
        st = check_there(s, "zero points of the weights", n->weight_zero, true);
    if (st == AXM_OK)
        st = check_there(s, "scales of the weights", n->weight_scale, true);
    if (st == AXM_OK)
        st = check_there(s, "bias", n->bias, true);
    if (st == AXM_OK)
        st = check_there(s, "bias in float", n->bias_float, ace);
    for (size_t i = 0; st == AXM_OK && i < count; i++)
        st = check_range(s->label, "a weight", is_signed ? n->weight[i] : (uint8_t)n->weight[i], lo, hi);
    for (int o = 0; st == AXM_OK && o < n->out.c; o++) {
        st = check_range(s->label, "the zero point of a weight", n->weight_zero[o], 0, is_signed ? 0 : hi);
        if (st == AXM_OK)
            st = check_scale(s, "the scale of a weight", n->weight_scale[o]);
        if (st == AXM_OK && !q->per_channel && n->weight_scale[o] != n->weight_scale[0])
            st = fail(AXM_USAGE, "%s: weights have one scale unless per channel, got %g and %g", s->label,
                      (double)n->weight_scale[0], (double)n->weight_scale[o]);
        if (st == AXM_OK && ace && !isfinite(n->bias_float[o]))
            st = fail(AXM_USAGE, "%s: a bias must be finite, got %g", s->label, (double)n->bias_float[o]);
        if (st == AXM_OK && ace)
            st = check_range(s->label, "the integer bias in scheme ace", n->bias[o], 0, 0);
        if (st != AXM_OK)
            break;
        /* Any products of 16 bits, all 8-bit codes: k and zero points are small enough for 64 bits. */
        int64_t least = is_signed ? -32768 * (int64_t)k : -(int64_t)n->weight_zero[o] * 255 * (int64_t)k;
        int64_t most = (is_signed ? 32767 : 65535) * (int64_t)k;
        if (most > INT32_MAX || n->bias[o] + least < INT32_MIN || n->bias[o] + most > INT32_MAX)
            st = fail(AXM_USAGE, "%s: %zu products of 16 bits and a bias of %d can leave 32 bits", s->label,
                      k, n->bias[o]);
    }
    return st;
}

static enum axm_status check_multipliers(const struct subject *s)
{
    const struct qgraph *q = s->q;
    const struct qnode *n = s->n;
    size_t count = qnode_multipliers(q, n);
    bool adds = n->op == OP_ADD || n->op == OP_CONCAT, norm = n->op == OP_BATCH_NORM;
    /* A batch norm may turn its input around; an input of an addition may vanish beside the other. */
    int64_t lo = norm ? -INT32_MAX : adds ? 0 : 1 << 30;
    enum axm_status st = AXM_OK;
    if (n->op == OP_AVG_POOL || n->op == OP_GLOBAL_AVG_POOL) {
        struct shape in = q->node[n->input[0]].out;
        size_t taps = n->op == OP_GLOBAL_AVG_POOL ? (size_t)in.h * in.w :
                                                    (size_t)n->window.kernel_h * n->window.kernel_w;
        st = check_range(s->label, "the taps of an average", (int64_t)taps, 1, POOL_TAPS_MAX);
    }
    if (st == AXM_OK)
        st = check_there(s, "multipliers", n->multiplier, count > 0);
    if (st == AXM_OK)
        st = check_there(s, "shifts", n->shift, count > 0);
    if (st == AXM_OK)
        st = check_there(s, "addends", n->add64, norm && count > 0);
    for (size_t i = 0; st == AXM_OK && i < count; i++) {
        st = check_range(s->label, "a multiplier", n->multiplier[i], lo, INT32_MAX);
        if (st == AXM_OK)
            st = check_range(s->label, "a shift", n->shift[i], 1, 62);
        if (st == AXM_OK && adds && n->shift[i] != n->shift[0])
            st = fail(AXM_USAGE, "%s: inputs of a %s share one shift, got %d and %d", s->label,
                      op_infos[n->op].name, n->shift[0], n->shift[i]);
        if (st == AXM_OK && norm)
            st = check_range(s->label, "an addend", n->add64[i], -(INT64_C(1) << 61), INT64_C(1) << 61);
    }
    return st;
}

/* Gain and offset of a batch norm in scheme ace. */
static enum axm_status check_gain(const struct subject *s)
{
    const struct qnode *n = s->n;
    enum axm_status st = check_there(s, "gain", n->weight_scale, true);
    if (st == AXM_OK)
        st = check_there(s, "offset", n->bias_float, true);
    for (int c = 0; st == AXM_OK && c < n->out.c; c++)
        if (!isfinite(n->weight_scale[c]) || !isfinite(n->bias_float[c]))
            st = fail(AXM_USAGE, "%s: gain and offset must be finite, got %g and %g", s->label,
                      (double)n->weight_scale[c], (double)n->bias_float[c]);
    return st;
}

static bool op_is_quantized(enum op op)
{
    return op != OP_RELU6 && op != OP_DROPOUT && op != OP_SOFTMAX && (unsigned)op < OPS;
}

enum { LABEL_BYTES = 512 };

/* "FILE: conv1"; of a very long path the end is left out. */
static void label_of(const char *where, const struct qnode *n, char label[LABEL_BYTES])
{
    snprintf(label, LABEL_BYTES, "%.*s%s%s", LABEL_BYTES - GRAPH_NAME_MAX - 3, where, *where ? ": " : "",
             n->name);
}

enum axm_status qnode_check_structure(const char *where, const struct qgraph *q, int i)
{
    const struct qnode *n = &q->node[i];
    struct shape in[GRAPH_INPUTS_MAX], s;
    char label[LABEL_BYTES];
    if (!name_is_legal(n->name))
        return fail(AXM_USAGE, "%s%snode %d: a name has 1..%d letters, digits, _ . or -", where,
                    *where ? ": " : "", i, GRAPH_NAME_MAX);
    label_of(where, n, label);
    if (!op_is_quantized(n->op))
        return fail(AXM_USAGE, "%s: a quantized network has no %s", label,
                    (unsigned)n->op < OPS ? op_infos[n->op].name : "such op");
    if ((n->op == OP_INPUT) != (i == 0))
        return fail(AXM_USAGE, "%s: node 0 is the input and no other", label);
    enum axm_status st = check_range(label, "the number of inputs", n->n_inputs, 0, GRAPH_INPUTS_MAX);
    for (int k = 0; st == AXM_OK && k < n->n_inputs; k++) {
        st = check_range(label, "an input", n->input[k], 0, i - 1);
        if (st == AXM_OK)
            in[k] = q->node[n->input[k]].out;
    }
    if (st == AXM_OK)
        st = op_shape(label, n->op, in, n->n_inputs, &n->window, n->groups, n->out, &s);
    if (st == AXM_OK && (s.c != n->out.c || s.h != n->out.h || s.w != n->out.w))
        st = fail(AXM_USAGE, "%s: the shape is %dx%dx%d, got %dx%dx%d", label, s.c, s.h, s.w, n->out.c,
                  n->out.h, n->out.w);
    return st;
}

static enum axm_status check_node(const char *where, const struct qgraph *q, int i)
{
    const struct qnode *n = &q->node[i];
    char label[LABEL_BYTES];
    const struct subject s = { q, n, label };
    enum axm_status st = qnode_check_structure(where, q, i);
    label_of(where, n, label);
    if (st == AXM_OK)
        st = check_codes(&s);
    if (st == AXM_OK)
        st = check_multipliers(&s);
    if (st == AXM_OK && qnode_multiplies(n))
        st = check_weights(&s);
    if (st == AXM_OK && n->op == OP_BATCH_NORM && q->scheme == QUANT_ACE)
        st = check_gain(&s);
    return st;
}

static enum axm_status check_input(const char *where, const struct qgraph *q)
{
    const struct qnode *n = &q->node[0];
    if (!q->input_code)
        return fail(AXM_USAGE, "%s: the codes of the pixels are missing", where);
    for (int i = 0; i < 256 * n->out.c; i++) {
        int code = qgraph_signed(q) ? (int8_t)q->input_code[i] : q->input_code[i];
        if (code < n->lo || code > n->hi)
            return fail(AXM_USAGE, "%s: the code of pixel value %d must be %d..%d, got %d", where, i & 255,
                        n->lo, n->hi, code);
    }
    return AXM_OK;
}

static enum axm_status check_names_and_use(const char *where, const struct qgraph *q)
{
    enum axm_status st = AXM_OK;
    const char **name = malloc((size_t)q->n_nodes * sizeof *name);
    bool *used = calloc((size_t)q->n_nodes, sizeof *used);
    if (!name || !used) {
        st = fail(AXM_ENV, "%s: out of memory", where);
        goto out;
    }
    for (int i = 0; i < q->n_nodes; i++) {
        name[i] = q->node[i].name;
        for (int k = 0; k < q->node[i].n_inputs; k++)
            used[q->node[i].input[k]] = true;
    }
    for (int i = 0; st == AXM_OK && i + 1 < q->n_nodes; i++)
        if (!used[i])
            st = fail(AXM_USAGE, "%s: nothing reads the output of %s", where, q->node[i].name);
    if (st == AXM_OK)
        st = names_check(where, name, q->n_nodes);
out:
    free(name);
    free(used);
    return st;
}

enum axm_status qgraph_check_as(const char *where, const struct qgraph *q)
{
    if (!name_is_legal(q->name))
        return fail(AXM_USAGE, "%s: a network's name has 1..%d letters, digits, _ . or -", where,
                    GRAPH_NAME_MAX);
    if ((unsigned)q->scheme > QUANT_ACE)
        return fail(AXM_USAGE, "%s: no such quantization scheme: %d", where, (int)q->scheme);
    if (q->weight_bits < 2 || q->weight_bits > 8)
        return fail(AXM_USAGE, "%s: weights have 2..8 bits, got %d", where, q->weight_bits);
    if (q->n_nodes < 2 || q->n_nodes > GRAPH_NODES_MAX)
        return fail(AXM_USAGE, "%s: a network has 2..%d nodes, got %d", where, GRAPH_NODES_MAX, q->n_nodes);
    enum axm_status st = AXM_OK;
    for (int i = 0; st == AXM_OK && i < q->n_nodes; i++)
        st = check_node(where, q, i);
    if (st == AXM_OK)
        st = check_names_and_use(where, q);
    if (st == AXM_OK)
        st = check_input(where, q);
    return st;
}

enum axm_status qgraph_check(const struct qgraph *q)
{
    return qgraph_check_as(name_is_legal(q->name) ? q->name : "a quantized network", q);
}
