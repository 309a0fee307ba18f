#include "dnn/model_json.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* --- what a node stores ------------------------------------------------------------ */

/* A tensor of a node: where its pointer stands in the struct, and how much it points to. */
struct tensor {
    const char *key;
    size_t at;
    size_t count, bytes_each;
    bool is_float, optional;
};
enum { TENSORS_MAX = 8 };

static void *pointer_at(const void *node, size_t at)
{
    void *p;
    memcpy(&p, (const char *)node + at, sizeof p);
    return p;
}

/* Stored under the member's name. */
#define FIELD(TYPE, MEMBER, COUNT, BYTES_EACH, IS_FLOAT, OPTIONAL) \
    (struct tensor){ #MEMBER, offsetof(TYPE, MEMBER), COUNT, BYTES_EACH, IS_FLOAT, OPTIONAL }

static int tensors_of(const struct graph *g, const struct node *n, struct tensor t[TENSORS_MAX])
{
    size_t weights = node_weight_count(g, n), out = (size_t)n->out.c;
    int k = 0;
    if (weights) {
        t[k++] = FIELD(struct node, weight, weights, 4, true, false);
        t[k++] = FIELD(struct node, bias, out, 4, true, true);
    }
    if (n->op == OP_BATCH_NORM) {
        t[k++] = FIELD(struct node, gamma, out, 4, true, false);
        t[k++] = FIELD(struct node, beta, out, 4, true, false);
        t[k++] = FIELD(struct node, mean, out, 4, true, false);
        t[k++] = FIELD(struct node, variance, out, 4, true, false);
    }
    return k;
}

static int tensors_of_quantized(const struct qgraph *q, const struct qnode *n, struct tensor t[TENSORS_MAX])
{
    size_t out = (size_t)n->out.c, multipliers = qnode_multipliers(q, n);
    bool ace = q->scheme == QUANT_ACE, norm = n->op == OP_BATCH_NORM;
    int k = 0;
    _Static_assert(sizeof(int) == 4, "weight_zero is stored as 32 bits");
    if (qnode_multiplies(n)) {
        t[k++] = FIELD(struct qnode, weight, out * qnode_k(q, n), 1, false, false);
        t[k++] = FIELD(struct qnode, weight_zero, out, 4, false, false);
        t[k++] = FIELD(struct qnode, bias, out, 4, false, false);
    }
    if (qnode_multiplies(n) || (ace && norm))
        t[k++] = FIELD(struct qnode, weight_scale, out, 4, true, false);
    if (ace && (qnode_multiplies(n) || norm))
        t[k++] = FIELD(struct qnode, bias_float, out, 4, true, false);
    if (multipliers) {
        t[k++] = FIELD(struct qnode, multiplier, multipliers, 4, false, false);
        t[k++] = FIELD(struct qnode, shift, multipliers, 4, false, false);
    }
    if (multipliers && norm)
        t[k++] = FIELD(struct qnode, add64, multipliers, 8, false, false);
    return k;
}

static const char *const window_keys[8] = {
    "kernel_h", "kernel_w", "stride_h", "stride_w", "pad_top", "pad_left", "pad_bottom", "pad_right",
};

static void window_to(const struct window *w, int v[8])
{
    const int x[8] = { w->kernel_h, w->kernel_w, w->stride_h, w->stride_w, w->pad_top, w->pad_left,
                       w->pad_bottom, w->pad_right };
    memcpy(v, x, sizeof x);
}

static struct window window_from(const int v[8])
{
    return (struct window){ v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7] };
}

static const char *const schemes[] = { "symmetric", "affine", "ace" };

/* Nesting of arrays and objects in JSON text, whether or not it is legal. */
static int depth_of(const char *text, size_t len)
{
    int depth = 0, most = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '[' || text[i] == '{'))
            most = ++depth > most ? depth : most;
        else if (!in_string && (text[i] == ']' || text[i] == '}'))
            depth--;
    }
    return most;
}

/* The only value in the text, or NULL. */
static cJSON *parse_whole(const char *text, size_t len)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, false);
    while (root && end < text + len && (*end == ' ' || *end == '\n'))
        end++;
    if (root && end == text + len)
        return root;
    cJSON_Delete(root);
    return NULL;
}

/* --- reading: values ------------------------------------------------------------------ */

/* Where a value is looked for, and what messages call that. */
struct place {
    struct model_file *file;
    const char *label;       /* "FILE" or "FILE: conv1" */
    const cJSON *object;
};

static enum axm_status get(const struct place *p, const char *key, const cJSON **out)
{
    *out = cJSON_GetObjectItemCaseSensitive(p->object, key);
    if (!*out)
        return fail(AXM_USAGE, "%s: its \"%s\" is missing", p->label, key);
    return AXM_OK;
}

static enum axm_status as_int(const struct place *p, const char *key, const cJSON *v, int64_t lo, int64_t hi,
                              int64_t *out)
{
    if (!cJSON_IsNumber(v))
        return fail(AXM_USAGE, "%s: %s must be a whole number", p->label, key);
    if (!(v->valuedouble >= (double)lo && v->valuedouble <= (double)hi) ||
        v->valuedouble != floor(v->valuedouble))
        return fail(AXM_USAGE, "%s: %s must be a whole number from %lld to %lld, got %g", p->label, key,
                    (long long)lo, (long long)hi, v->valuedouble);
    *out = (int64_t)v->valuedouble;
    return AXM_OK;
}

static enum axm_status get_int(const struct place *p, const char *key, int lo, int hi, int *out)
{
    const cJSON *v;
    int64_t wide = 0;
    enum axm_status st = get(p, key, &v);
    if (st == AXM_OK)
        st = as_int(p, key, v, lo, hi, &wide);
    if (st == AXM_OK)
        *out = (int)wide;
    return st;
}

/* An array of lo_count..n whole numbers; *count gets how many. */
static enum axm_status get_ints(const struct place *p, const char *key, int least, int most, int64_t lo,
                                int64_t hi, int64_t *out, int *count)
{
    const cJSON *array, *v;
    enum axm_status st = get(p, key, &array);
    if (st != AXM_OK)
        return st;
    *count = 0;
    if (!cJSON_IsArray(array))
        return fail(AXM_USAGE, "%s: %s must be an array", p->label, key);
    cJSON_ArrayForEach(v, array) {
        if (*count == most)
            return fail(AXM_USAGE, "%s: %s has at most %d elements, got more", p->label, key, most);
        st = as_int(p, key, v, lo, hi, &out[(*count)++]);
        if (st != AXM_OK)
            return st;
    }
    if (*count < least)
        return fail(AXM_USAGE, "%s: %s has at least %d elements, got %d", p->label, key, least, *count);
    return AXM_OK;
}

static enum axm_status as_float(const struct place *p, const char *key, const cJSON *v, float *out)
{
    if (!cJSON_IsNumber(v) || !(fabs(v->valuedouble) <= (double)3.402823466e38f))
        return fail(AXM_USAGE, "%s: %s must be a number that fits 32-bit floating point", p->label, key);
    *out = (float)v->valuedouble;
    return AXM_OK;
}

static enum axm_status get_float(const struct place *p, const char *key, float *out)
{
    const cJSON *v;
    enum axm_status st = get(p, key, &v);
    return st == AXM_OK ? as_float(p, key, v, out) : st;
}

static enum axm_status get_bool(const struct place *p, const char *key, bool *out)
{
    const cJSON *v;
    enum axm_status st = get(p, key, &v);
    if (st == AXM_OK && !cJSON_IsBool(v))
        st = fail(AXM_USAGE, "%s: %s must be true or false", p->label, key);
    if (st == AXM_OK)
        *out = cJSON_IsTrue(v);
    return st;
}

static enum axm_status get_name(const struct place *p, const char *key, bool may_be_empty,
                                char out[GRAPH_NAME_MAX + 1])
{
    const cJSON *v;
    enum axm_status st = get(p, key, &v);
    if (st != AXM_OK)
        return st;
    const char *text = cJSON_GetStringValue(v);
    if (!text || (!name_is_legal(text) && !(may_be_empty && !*text)))
        return fail(AXM_USAGE, "%s: %s must have %d..%d letters, digits, _ . or -", p->label, key,
                    !may_be_empty, GRAPH_NAME_MAX);
    strcpy(out, text);
    return AXM_OK;
}

/* Index of a string in a list; the message says what is legal. */
static enum axm_status get_word(const struct place *p, const char *key, const char *const *words, int n,
                                int *out)
{
    const cJSON *v;
    char legal[256] = "";
    enum axm_status st = get(p, key, &v);
    if (st != AXM_OK)
        return st;
    const char *text = cJSON_GetStringValue(v);
    for (int i = 0; i < n; i++) {
        if (text && !strcmp(text, words[i])) {
            *out = i;
            return AXM_OK;
        }
        size_t used = strlen(legal);
        snprintf(legal + used, sizeof legal - used, "%s%s", i ? ", " : "", words[i]);
    }
    return fail(AXM_USAGE, "%s: %s must be one of %s", p->label, key, legal);
}

static enum axm_status get_op(const struct place *p, enum op *out)
{
    const char *name[OPS];
    int op = 0;
    for (int i = 0; i < OPS; i++)
        name[i] = op_infos[i].name;
    enum axm_status st = get_word(p, "op", name, OPS, &op);
    *out = (enum op)op;
    return st;
}

/* --- reading: tensors -------------------------------------------------------------------- */

/* [offset, bytes] into the data. */
static enum axm_status get_bytes(const struct place *p, const char *key, unsigned char **out, size_t *len)
{
    int64_t v[2];
    int count;
    const int64_t most = INT64_C(1) << 53;
    enum axm_status st = get_ints(p, key, 2, 2, 0, most, v, &count);
    if (st != AXM_OK)
        return st;
    if (v[0] % MODEL_ALIGN)
        return fail(AXM_USAGE, "%s: %s must begin at a multiple of %d, not at %lld", p->label, key,
                    MODEL_ALIGN, (long long)v[0]);
    if ((uint64_t)v[0] > p->file->data_len || (uint64_t)v[1] > p->file->data_len - (uint64_t)v[0])
        return fail(AXM_USAGE, "%s: %s has bytes %lld to %lld of %zu that are there", p->label, key,
                    (long long)v[0], (long long)(v[0] + v[1]), p->file->data_len);
    /* Else thousands of nodes could share one huge tensor, and loading would take for ever. */
    p->file->claimed += (size_t)v[1];
    if (p->file->claimed > p->file->data_len)
        return fail(AXM_USAGE, "%s: %s and the tensors before it have more than the %zu bytes that are there",
                    p->label, key, p->file->data_len);
    *out = p->file->data + v[0];
    *len = (size_t)v[1];
    return AXM_OK;
}

static enum axm_status get_tensor(const struct place *p, const struct tensor *t, void *node)
{
    unsigned char *bytes = NULL;
    size_t len = 0;
    if (t->optional && !cJSON_GetObjectItemCaseSensitive(p->object, t->key))
        return AXM_OK;
    enum axm_status st = get_bytes(p, t->key, &bytes, &len);
    if (st != AXM_OK)
        return st;
    if (len / t->bytes_each != t->count || len % t->bytes_each)
        return fail(AXM_USAGE, "%s: %s must have %zu elements of %zu bytes, got %zu bytes", p->label, t->key,
                    t->count, t->bytes_each, len);
    if (t->is_float) {
        const float *f = (const float *)bytes;
        for (size_t i = 0; i < t->count; i++)
            if (!isfinite(f[i]))
                return fail(AXM_USAGE, "%s: %s must be finite, element %zu is not", p->label, t->key, i);
    }
    void *pointer = bytes;
    memcpy((char *)node + t->at, &pointer, sizeof pointer);
    return AXM_OK;
}

/* --- reading: nodes ------------------------------------------------------------------------- */

enum { LABEL_BYTES = 512 };

/* What both kinds of node have. */
struct common {
    enum op op;
    char name[GRAPH_NAME_MAX + 1];
    int n_inputs;
    int input[GRAPH_INPUTS_MAX];
    struct shape out;
    struct window window;
    int groups;
};

/* Fills c; from then on p->label names the node. */
static enum axm_status get_common(struct place *p, int index, char label[LABEL_BYTES], struct common *c)
{
    int64_t input[GRAPH_INPUTS_MAX], shape[3];
    int count;
    *c = (struct common){ .groups = 1 };
    snprintf(label, LABEL_BYTES, "%.*s: node %d", LABEL_BYTES - GRAPH_NAME_MAX - 3, p->file->name, index);
    p->label = label;
    enum axm_status st = get_name(p, "name", false, c->name);
    if (st != AXM_OK)
        return st;
    snprintf(label, LABEL_BYTES, "%.*s: %s", LABEL_BYTES - GRAPH_NAME_MAX - 3, p->file->name, c->name);
    st = get_op(p, &c->op);
    if (st == AXM_OK)
        st = get_ints(p, "inputs", 0, GRAPH_INPUTS_MAX, 0, index - 1, input, &c->n_inputs);
    if (st == AXM_OK)
        st = get_ints(p, "shape", 3, 3, 1, GRAPH_DIM_MAX, shape, &count);
    if (st != AXM_OK)
        return st;
    for (int i = 0; i < c->n_inputs; i++)
        c->input[i] = (int)input[i];
    c->out = (struct shape){ (int)shape[0], (int)shape[1], (int)shape[2] };
    if (op_infos[c->op].has_kernel) {
        int v[8];
        for (int i = 0; st == AXM_OK && i < 8; i++)
            st = get_int(p, window_keys[i], 0, GRAPH_DIM_MAX, &v[i]);
        if (st == AXM_OK)
            c->window = window_from(v);
    }
    if (st == AXM_OK && c->op == OP_CONV)
        st = get_int(p, "groups", 1, GRAPH_DIM_MAX, &c->groups);
    if (st == AXM_OK && (c->op == OP_INPUT) != (index == 0))
        st = fail(AXM_USAGE, "%s: node 0 is the input and no other", p->label);
    return st;
}

static enum axm_status check_shape(const char *label, struct shape want, struct shape got)
{
    if (want.c != got.c || want.h != got.h || want.w != got.w)
        return fail(AXM_USAGE, "%s: the shape is %dx%dx%d, got %dx%dx%d", label, want.c, want.h, want.w,
                    got.c, got.h, got.w);
    return AXM_OK;
}

static enum axm_status read_node(struct place *p, struct graph *g, int index)
{
    char label[LABEL_BYTES];
    struct common c;
    struct tensor t[TENSORS_MAX];
    struct node *n = &g->node[index];
    struct shape in[GRAPH_INPUTS_MAX], shape;
    enum axm_status st = get_common(p, index, label, &c);
    if (st != AXM_OK)
        return st;
    n->op = c.op;
    memcpy(n->name, c.name, sizeof n->name);
    n->n_inputs = c.n_inputs;
    memcpy(n->input, c.input, sizeof n->input);
    n->out = c.out;
    n->window = c.window;
    n->groups = c.groups;
    for (int i = 0; i < n->n_inputs; i++)
        in[i] = g->node[n->input[i]].out;
    st = op_shape(label, n->op, in, n->n_inputs, &n->window, n->groups, n->out, &shape);
    if (st == AXM_OK)
        st = check_shape(label, shape, n->out);
    if (st == AXM_OK && n->op == OP_DROPOUT)
        st = get_float(p, "rate", &n->rate);
    if (st == AXM_OK && n->op == OP_BATCH_NORM)
        st = get_float(p, "epsilon", &n->epsilon);
    if (st == AXM_OK)
        st = node_check(label, n);
    if (st != AXM_OK)
        return st;
    for (int k = 0, count = tensors_of(g, n, t); st == AXM_OK && k < count; k++)
        st = get_tensor(p, &t[k], n);
    for (int o = 0; st == AXM_OK && n->variance && o < n->out.c; o++)
        if (n->variance[o] < 0)
            st = fail(AXM_USAGE, "%s: a variance must not be negative, got %g", label,
                      (double)n->variance[o]);
    return st;
}

static enum axm_status read_qnode(struct place *p, struct qgraph *q, int index)
{
    char label[LABEL_BYTES];
    struct common c;
    struct tensor t[TENSORS_MAX];
    struct qnode *n = &q->node[index];
    enum axm_status st = get_common(p, index, label, &c);
    if (st != AXM_OK)
        return st;
    n->op = c.op;
    memcpy(n->name, c.name, sizeof n->name);
    n->n_inputs = c.n_inputs;
    memcpy(n->input, c.input, sizeof n->input);
    n->out = c.out;
    n->window = c.window;
    n->groups = c.groups;
    st = qnode_check_structure(p->file->name, q, index);
    if (st == AXM_OK)
        st = get_float(p, "scale", &n->scale);
    if (st == AXM_OK)
        st = get_int(p, "zero", 0, 255, &n->zero);
    if (st == AXM_OK)
        st = get_int(p, "lo", INT_MIN, INT_MAX, &n->lo);
    if (st == AXM_OK)
        st = get_int(p, "hi", INT_MIN, INT_MAX, &n->hi);
    if (st == AXM_OK)
        st = get_bool(p, "logits", &n->is_logits);
    if (st == AXM_OK)
        st = get_bool(p, "relu", &n->relu);
    if (st != AXM_OK)
        return st;
    for (int k = 0, count = tensors_of_quantized(q, n, t); st == AXM_OK && k < count; k++)
        st = get_tensor(p, &t[k], n);
    return st;
}

/* --- reading: the whole ---------------------------------------------------------------------- */

static enum axm_status parse(const struct model_file *f, cJSON **root)
{
    if (depth_of(f->json, f->json_len) > MODEL_DEPTH_MAX)
        return fail(AXM_USAGE, "%s: its description nests deeper than %d", f->name, MODEL_DEPTH_MAX);
    *root = parse_whole(f->json, f->json_len);
    if (!*root || !cJSON_IsObject(*root)) {
        cJSON_Delete(*root);
        return fail(AXM_USAGE, "%s: its description is not a JSON object", f->name);
    }
    return AXM_OK;
}

/* "nodes", of a legal number. */
static enum axm_status get_nodes(const struct place *p, const cJSON **out, int *count)
{
    enum axm_status st = get(p, "nodes", out);
    if (st != AXM_OK)
        return st;
    int n = cJSON_IsArray(*out) ? cJSON_GetArraySize(*out) : 0;
    if (n < 2 || n > GRAPH_NODES_MAX)
        return fail(AXM_USAGE, "%s: nodes must be an array of 2..%d, got %d", p->label, GRAPH_NODES_MAX, n);
    *count = n;
    return AXM_OK;
}

/* As text in the arena; NULL if there is none. */
static enum axm_status get_provenance(const struct place *p, struct arena *arena, char **out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(p->object, "provenance");
    if (!v || cJSON_IsNull(v))
        return AXM_OK;
    if (!cJSON_IsObject(v))
        return fail(AXM_USAGE, "%s: its provenance must be an object", p->label);
    char *text = cJSON_PrintUnformatted(v);
    char *copy = text ? arena_strdup(arena, text) : NULL;
    cJSON_free(text);
    if (!copy)
        return fail(AXM_ENV, "%s: out of memory", p->label);
    *out = copy;
    return AXM_OK;
}

static enum axm_status get_norm(const struct place *p, struct input_norm *norm)
{
    const char *const key[2] = { "input_mean", "input_std" };
    float *const to[2] = { norm->mean, norm->std };
    for (int i = 0; i < 2; i++) {
        const cJSON *array, *v;
        int n = 0;
        enum axm_status st = get(p, key[i], &array);
        if (st != AXM_OK)
            return st;
        if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) != 4)
            return fail(AXM_USAGE, "%s: %s must be an array of 4", p->label, key[i]);
        cJSON_ArrayForEach(v, array) {
            st = as_float(p, key[i], v, &to[i][n++]);
            if (st != AXM_OK)
                return st;
            if (i == 1 && !(to[i][n - 1] > 0))
                return fail(AXM_USAGE, "%s: %s must be above 0, got %g", p->label, key[i],
                            (double)to[i][n - 1]);
        }
    }
    return AXM_OK;
}

static enum axm_status get_extra(const struct place *p, void (*found)(void *ctx, const struct model_extra *e),
                                 void *ctx)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(p->object, "extra"), *v;
    if (!array)
        return AXM_OK;
    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) > MODEL_EXTRA_MAX)
        return fail(AXM_USAGE, "%s: extra must be an array of at most %d", p->label, MODEL_EXTRA_MAX);
    cJSON_ArrayForEach(v, array) {
        char name[GRAPH_NAME_MAX + 1];
        unsigned char *bytes = NULL;
        struct model_extra e = { .name = name };
        struct place section = { p->file, p->label, v };
        enum axm_status st = get_name(&section, "name", false, name);
        if (st == AXM_OK)
            st = get_bytes(&section, "data", &bytes, &e.len);
        if (st != AXM_OK)
            return st;
        e.data = bytes;
        if (found)
            found(ctx, &e);
    }
    return AXM_OK;
}

static enum axm_status read_graph(const struct place *top, struct graph *g)
{
    const cJSON *nodes, *v;
    int index = 0;
    enum axm_status st = get_name(top, "name", false, g->name);
    if (st == AXM_OK)
        st = get_name(top, "data_set", true, g->data_set);
    if (st == AXM_OK)
        st = get_norm(top, &g->norm);
    if (st == AXM_OK)
        st = get_nodes(top, &nodes, &g->n_nodes);
    if (st != AXM_OK)
        return st;
    g->room = g->n_nodes;
    g->node = arena_alloc(&g->arena, (size_t)g->n_nodes * sizeof *g->node);
    if (!g->node)
        return fail(AXM_ENV, "%s: out of memory", top->label);
    cJSON_ArrayForEach(v, nodes) {
        struct place p = { top->file, top->label, v };
        st = read_node(&p, g, index++);
        if (st != AXM_OK)
            return st;
    }
    st = graph_check(top->label, g);
    return st == AXM_OK ? get_provenance(top, &g->arena, &g->provenance) : st;
}

enum axm_status model_json_read(struct model_file *f, struct graph *g,
                                void (*found)(void *ctx, const struct model_extra *e), void *ctx)
{
    cJSON *root;
    enum axm_status st = parse(f, &root);
    if (st != AXM_OK)
        return st;
    const struct place top = { f, f->name, root };
    st = read_graph(&top, g);
    if (st == AXM_OK)
        st = get_extra(&top, found, ctx);
    cJSON_Delete(root);
    return st;
}

static enum axm_status read_qgraph(const struct place *top, struct qgraph *q)
{
    const cJSON *nodes, *v;
    int scheme = 0, index = 0;
    enum axm_status st = get_name(top, "name", false, q->name);
    if (st == AXM_OK)
        st = get_name(top, "data_set", true, q->data_set);
    if (st == AXM_OK)
        st = get_word(top, "scheme", schemes, 3, &scheme);
    if (st == AXM_OK)
        st = get_int(top, "weight_bits", 2, 8, &q->weight_bits);
    if (st == AXM_OK)
        st = get_bool(top, "per_channel", &q->per_channel);
    if (st == AXM_OK)
        st = get_nodes(top, &nodes, &q->n_nodes);
    if (st != AXM_OK)
        return st;
    q->scheme = (enum quant_scheme)scheme;
    q->node = arena_alloc(&q->arena, (size_t)q->n_nodes * sizeof *q->node);
    if (!q->node)
        return fail(AXM_ENV, "%s: out of memory", top->label);
    cJSON_ArrayForEach(v, nodes) {
        struct place p = { top->file, top->label, v };
        st = read_qnode(&p, q, index++);
        if (st != AXM_OK)
            return st;
    }
    const struct tensor codes = { "input_code", offsetof(struct qgraph, input_code),
                                  256 * (size_t)q->node[0].out.c, 1, false, false };
    st = get_tensor(top, &codes, q);
    if (st == AXM_OK)
        st = qgraph_check_as(top->label, q);
    return st == AXM_OK ? get_provenance(top, &q->arena, &q->provenance) : st;
}

enum axm_status model_json_read_quantized(struct model_file *f, struct qgraph *q)
{
    cJSON *root;
    enum axm_status st = parse(f, &root);
    if (st != AXM_OK)
        return st;
    const struct place top = { f, f->name, root };
    st = read_qgraph(&top, q);
    cJSON_Delete(root);
    return st;
}

/* --- writing ------------------------------------------------------------------------------------ */

/* One description on its way; any failure is out of memory and noticed at the end. */
struct writer {
    cJSON *root, *nodes;
    struct strbuf *data;
    bool failed;
};

static void put(struct writer *w, cJSON *object, const char *key, cJSON *value)
{
    if (!value || !cJSON_AddItemToObject(object, key, value)) {
        cJSON_Delete(value);
        w->failed = true;
    }
}

static void put_ints(struct writer *w, cJSON *object, const char *key, const int *v, int n)
{
    put(w, object, key, cJSON_CreateIntArray(v, n));
}

/* Aligned; [offset, bytes] into the description. */
static void put_bytes(struct writer *w, cJSON *object, const char *key, const void *data, size_t len)
{
    static const char zeros[MODEL_ALIGN];
    strbuf_add(w->data, zeros, (MODEL_ALIGN - w->data->len % MODEL_ALIGN) % MODEL_ALIGN);
    put(w, object, key, cJSON_CreateDoubleArray((double[]){ (double)w->data->len, (double)len }, 2));
    if (len)
        strbuf_add(w->data, data, len);
}

static void put_tensors(struct writer *w, cJSON *object, const void *node, const struct tensor *t, int n)
{
    for (int i = 0; i < n; i++) {
        const void *data = pointer_at(node, t[i].at);
        if (data)
            put_bytes(w, object, t[i].key, data, t[i].count * t[i].bytes_each);
    }
}

static cJSON *put_common(struct writer *w, const struct common *c)
{
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(w->nodes, object)) {
        cJSON_Delete(object);
        w->failed = true;
        return NULL;
    }
    put(w, object, "name", cJSON_CreateString(c->name));
    put(w, object, "op", cJSON_CreateString(op_infos[c->op].name));
    put_ints(w, object, "inputs", c->input, c->n_inputs);
    put_ints(w, object, "shape", (int[]){ c->out.c, c->out.h, c->out.w }, 3);
    if (op_infos[c->op].has_kernel) {
        int v[8];
        window_to(&c->window, v);
        for (int i = 0; i < 8; i++)
            put(w, object, window_keys[i], cJSON_CreateNumber(v[i]));
    }
    if (c->op == OP_CONV)
        put(w, object, "groups", cJSON_CreateNumber(c->groups));
    return object;
}

static enum axm_status put_provenance(struct writer *w, const char *graph, const char *text)
{
    if (!text || !*text)
        return AXM_OK;
    size_t len = strlen(text);
    bool fits = len <= MODEL_JSON_MAX / 2 && depth_of(text, len) < MODEL_DEPTH_MAX;
    cJSON *v = fits ? parse_whole(text, len) : NULL;
    if (!v || !cJSON_IsObject(v)) {
        cJSON_Delete(v);
        return fail(AXM_USAGE, "%s: its provenance must be the JSON text of an object, of at most %d bytes "
                    "and nested at most %d deep", graph, MODEL_JSON_MAX / 2, MODEL_DEPTH_MAX - 1);
    }
    put(w, w->root, "provenance", v);
    return AXM_OK;
}

static enum axm_status writer_begin(struct writer *w, struct strbuf *data, const char *name,
                                    const char *data_set)
{
    if (*data_set && !name_is_legal(data_set))
        return fail(AXM_USAGE, "%s: a data set's name has letters, digits, _ . or -, got '%s'", name,
                    data_set);
    *w = (struct writer){ .root = cJSON_CreateObject(), .nodes = cJSON_CreateArray(), .data = data };
    if (!w->root || !w->nodes) {
        cJSON_Delete(w->root);
        cJSON_Delete(w->nodes);
        return fail(AXM_ENV, "%s: out of memory", name);
    }
    put(w, w->root, "name", cJSON_CreateString(name));
    put(w, w->root, "data_set", cJSON_CreateString(data_set));
    return AXM_OK;
}

/* Takes the nodes, prints, frees. */
static enum axm_status writer_end(struct writer *w, enum axm_status st, const char *name, struct strbuf *json)
{
    put(w, w->root, "nodes", w->nodes);
    char *text = st == AXM_OK && !w->failed ? cJSON_PrintUnformatted(w->root) : NULL;
    cJSON_Delete(w->root);
    if (st != AXM_OK)
        return st;
    if (text)
        strbuf_adds(json, text);
    bool failed = !text || json->failed || w->data->failed;
    cJSON_free(text);
    if (failed)
        return fail(AXM_ENV, "%s: out of memory for a model file", name);
    if (json->len > MODEL_JSON_MAX)
        return fail(AXM_USAGE, "%s: the description of a model has at most %d bytes, this one %zu", name,
                    MODEL_JSON_MAX, json->len);
    return AXM_OK;
}

static void put_norm(struct writer *w, const struct input_norm *norm)
{
    double mean[4], std[4];
    for (int c = 0; c < 4; c++) {
        mean[c] = (double)norm->mean[c];
        std[c] = (double)norm->std[c];
    }
    put(w, w->root, "input_mean", cJSON_CreateDoubleArray(mean, 4));
    put(w, w->root, "input_std", cJSON_CreateDoubleArray(std, 4));
}

static enum axm_status put_extra(struct writer *w, const char *graph, const struct model_extra *extra, int n)
{
    cJSON *array = n ? cJSON_CreateArray() : NULL;
    if (!n)
        return AXM_OK;
    put(w, w->root, "extra", array);
    for (int i = 0; i < n && !w->failed; i++) {
        cJSON *object = cJSON_CreateObject();
        if (!name_is_legal(extra[i].name)) {
            cJSON_Delete(object);
            return fail(AXM_USAGE, "%s: a section's name has 1..%d letters, digits, _ . or -, got '%s'",
                        graph, GRAPH_NAME_MAX, extra[i].name);
        }
        if (!object || !cJSON_AddItemToArray(array, object)) {
            cJSON_Delete(object);
            w->failed = true;
            break;
        }
        put(w, object, "name", cJSON_CreateString(extra[i].name));
        put_bytes(w, object, "data", extra[i].data, extra[i].len);
    }
    return AXM_OK;
}

/* Nothing is written that could not be read again. */
static enum axm_status check_finite(const struct graph *g, const struct node *n)
{
    struct tensor t[TENSORS_MAX];
    for (int k = 0, count = tensors_of(g, n, t); k < count; k++) {
        const float *f = pointer_at(n, t[k].at);
        for (size_t i = 0; f && i < t[k].count; i++)
            if (!isfinite(f[i]))
                return fail(AXM_USAGE, "%s: %s: %s must be finite, element %zu is not", g->name, n->name,
                            t[k].key, i);
    }
    return AXM_OK;
}

static void put_node(struct writer *w, const struct graph *g, const struct node *n)
{
    struct tensor t[TENSORS_MAX];
    struct common c = { n->op, "", n->n_inputs, { 0 }, n->out, n->window, n->groups };
    memcpy(c.name, n->name, sizeof c.name);
    memcpy(c.input, n->input, sizeof c.input);
    cJSON *object = put_common(w, &c);
    if (!object)
        return;
    if (n->op == OP_DROPOUT)
        put(w, object, "rate", cJSON_CreateNumber((double)n->rate));
    if (n->op == OP_BATCH_NORM)
        put(w, object, "epsilon", cJSON_CreateNumber((double)n->epsilon));
    put_tensors(w, object, n, t, tensors_of(g, n, t));
}

enum axm_status model_json_write(const struct graph *g, const char *provenance,
                                 const struct model_extra *extra, int n_extra, struct strbuf *json,
                                 struct strbuf *data)
{
    struct writer w;
    enum axm_status st = writer_begin(&w, data, g->name, g->data_set);
    if (st != AXM_OK)
        return st;
    put_norm(&w, &g->norm);
    st = put_provenance(&w, g->name, provenance);
    for (int i = 0; st == AXM_OK && i < g->n_nodes; i++) {
        st = check_finite(g, &g->node[i]);
        put_node(&w, g, &g->node[i]);
    }
    if (st == AXM_OK)
        st = put_extra(&w, g->name, extra, n_extra);
    return writer_end(&w, st, g->name, json);
}

static void put_qnode(struct writer *w, const struct qgraph *q, const struct qnode *n)
{
    struct tensor t[TENSORS_MAX];
    struct common c = { n->op, "", n->n_inputs, { 0 }, n->out, n->window, n->groups };
    memcpy(c.name, n->name, sizeof c.name);
    memcpy(c.input, n->input, sizeof c.input);
    cJSON *object = put_common(w, &c);
    if (!object)
        return;
    put(w, object, "scale", cJSON_CreateNumber((double)n->scale));
    put(w, object, "zero", cJSON_CreateNumber(n->zero));
    put(w, object, "lo", cJSON_CreateNumber(n->lo));
    put(w, object, "hi", cJSON_CreateNumber(n->hi));
    put(w, object, "logits", cJSON_CreateBool(n->is_logits));
    put(w, object, "relu", cJSON_CreateBool(n->relu));
    put_tensors(w, object, n, t, tensors_of_quantized(q, n, t));
}

enum axm_status model_json_write_quantized(const struct qgraph *q, struct strbuf *json, struct strbuf *data)
{
    struct writer w;
    enum axm_status st = qgraph_check(q);   /* what is written can be read */
    if (st == AXM_OK)
        st = writer_begin(&w, data, q->name, q->data_set);
    if (st != AXM_OK)
        return st;
    put(&w, w.root, "scheme", cJSON_CreateString(schemes[q->scheme]));
    put(&w, w.root, "weight_bits", cJSON_CreateNumber(q->weight_bits));
    put(&w, w.root, "per_channel", cJSON_CreateBool(q->per_channel));
    put_bytes(&w, w.root, "input_code", q->input_code, 256 * (size_t)q->node[0].out.c);
    st = put_provenance(&w, q->name, q->provenance);
    for (int i = 0; st == AXM_OK && i < q->n_nodes; i++)
        put_qnode(&w, q, &q->node[i]);
    return writer_end(&w, st, q->name, json);
}
