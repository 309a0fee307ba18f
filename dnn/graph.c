#include "dnn/graph.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/rng.h"

const struct op_info op_infos[OPS] = {
    [OP_INPUT]           = { "input", 0, 0, false, false },
    [OP_CONV]            = { "conv", 1, 1, true, true },
    [OP_DENSE]           = { "dense", 1, 1, true, false },
    [OP_BATCH_NORM]      = { "batch_norm", 1, 1, false, false },
    [OP_RELU]            = { "relu", 1, 1, false, false },
    [OP_RELU6]           = { "relu6", 1, 1, false, false },
    [OP_MAX_POOL]        = { "max_pool", 1, 1, false, true },
    [OP_AVG_POOL]        = { "avg_pool", 1, 1, false, true },
    [OP_GLOBAL_AVG_POOL] = { "global_avg_pool", 1, 1, false, false },
    [OP_ADD]             = { "add", 2, 2, false, false },
    [OP_CONCAT]          = { "concat", 2, -1, false, false },
    [OP_FLATTEN]         = { "flatten", 1, 1, false, false },
    [OP_DROPOUT]         = { "dropout", 1, 1, false, false },
    [OP_SOFTMAX]         = { "softmax", 1, 1, false, false },
};

bool name_is_legal(const char *name)
{
    size_t len = strnlen(name, GRAPH_NAME_MAX + 1);
    return len > 0 && len <= GRAPH_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

/* --- shapes ------------------------------------------------------------------- */

static enum axm_status check_tensor(const char *name, struct shape s)
{
    const struct { const char *what; int value; } dim[] = {
        { "channels", s.c }, { "height", s.h }, { "width", s.w },
    };
    for (int i = 0; i < 3; i++)
        if (dim[i].value < 1 || dim[i].value > GRAPH_DIM_MAX)
            return fail(AXM_USAGE, "%s: %s must be 1..%d, got %d", name, dim[i].what, GRAPH_DIM_MAX,
                        dim[i].value);
    if (shape_count(s) > GRAPH_ELEMENTS_MAX)
        return fail(AXM_USAGE, "%s: a tensor has at most %d elements, %dx%dx%d has %zu", name,
                    GRAPH_ELEMENTS_MAX, s.c, s.h, s.w, shape_count(s));
    return AXM_OK;
}

static enum axm_status check_window(const char *name, enum op op, const struct window *w)
{
    const struct { const char *what; int value, lo; } field[] = {
        { "kernel height", w->kernel_h, 1 }, { "kernel width", w->kernel_w, 1 },
        { "vertical stride", w->stride_h, 1 }, { "horizontal stride", w->stride_w, 1 },
        { "padding at the top", w->pad_top, 0 }, { "padding at the bottom", w->pad_bottom, 0 },
        { "padding at the left", w->pad_left, 0 }, { "padding at the right", w->pad_right, 0 },
    };
    bool has = op_infos[op].has_kernel;
    for (int i = 0; i < 8; i++) {
        int lo = has ? field[i].lo : 0, hi = has ? GRAPH_DIM_MAX : 0;
        /* So that no window of a pool lies in the padding alone. */
        if (i >= 4 && has && op != OP_CONV)
            hi = (i < 6 ? w->kernel_h : w->kernel_w) - 1;
        if (field[i].value < lo || field[i].value > hi)
            return fail(AXM_USAGE, "%s: %s of a %s must be %d..%d, got %d", name, field[i].what,
                        op_infos[op].name, lo, hi, field[i].value);
    }
    return AXM_OK;
}

/* Positions of a window along one axis. */
static enum axm_status slide(const char *name, const char *axis, int size, int pad, int kernel, int stride,
                             int *out)
{
    if (size + pad < kernel)
        return fail(AXM_USAGE, "%s: the kernel's %s is %d, its padded input's only %d", name, axis, kernel,
                    size + pad);
    *out = (size + pad - kernel) / stride + 1;
    return AXM_OK;
}

static enum axm_status check_weight(const char *name, int out, size_t k)
{
    if (out < 1 || out > GRAPH_DIM_MAX)
        return fail(AXM_USAGE, "%s: output channels must be 1..%d, got %d", name, GRAPH_DIM_MAX, out);
    if (k > GRAPH_ELEMENTS_MAX / (size_t)out)
        return fail(AXM_USAGE, "%s: a weight has at most %d elements, %d outputs of %zu inputs have more",
                    name, GRAPH_ELEMENTS_MAX, out, k);
    return AXM_OK;
}

static enum axm_status conv_shape(const char *name, struct shape in, int groups, int out)
{
    if (groups < 1 || in.c % groups)
        return fail(AXM_USAGE, "%s: groups must divide the %d input channels, got %d", name, in.c, groups);
    if (out % groups)
        return fail(AXM_USAGE, "%s: groups must divide the %d output channels, got %d", name, out, groups);
    return AXM_OK;
}

/* Shape along channels, everything else equal. */
static enum axm_status concat_shape(const char *name, const struct shape *in, int n_in, struct shape *s)
{
    s->c = 0;
    for (int i = 0; i < n_in; i++) {
        if (in[i].h != in[0].h || in[i].w != in[0].w)
            return fail(AXM_USAGE, "%s: inputs of a concat have one height and width, got %dx%d and %dx%d",
                        name, in[0].h, in[0].w, in[i].h, in[i].w);
        s->c += in[i].c;   /* at most 16 times 2^16 */
    }
    return AXM_OK;
}

enum axm_status op_shape(const char *name, enum op op, const struct shape *in, int n_in,
                         const struct window *w, int groups, struct shape declared, struct shape *out)
{
    const struct op_info *info = &op_infos[op];
    int most = info->inputs_max < 0 ? GRAPH_INPUTS_MAX : info->inputs_max;
    struct shape s = n_in > 0 ? in[0] : declared;
    if (n_in < info->inputs_min || n_in > most)
        return fail(AXM_USAGE, "%s: %s takes %d..%d inputs, got %d", name, info->name, info->inputs_min, most,
                    n_in);
    if (op != OP_CONV && groups != 1)
        return fail(AXM_USAGE, "%s: groups of a %s must be 1, got %d", name, info->name, groups);
    enum axm_status st = check_window(name, op, w);
    if (st == AXM_OK && op == OP_CONV)
        st = conv_shape(name, s, groups, declared.c);
    if (st == AXM_OK && info->has_weight) {
        size_t k = op == OP_DENSE ? shape_count(s) : (size_t)(s.c / groups) * w->kernel_h * w->kernel_w;
        st = check_weight(name, declared.c, k);
    }
    if (st == AXM_OK && info->has_kernel)
        st = slide(name, "height", s.h, w->pad_top + w->pad_bottom, w->kernel_h, w->stride_h, &s.h);
    if (st == AXM_OK && info->has_kernel)
        st = slide(name, "width", s.w, w->pad_left + w->pad_right, w->kernel_w, w->stride_w, &s.w);
    if (st == AXM_OK && op == OP_CONCAT)
        st = concat_shape(name, in, n_in, &s);
    if (st != AXM_OK)
        return st;
    switch (op) {
    case OP_CONV:
        s.c = declared.c;
        break;
    case OP_DENSE:
        s = (struct shape){ declared.c, 1, 1 };
        break;
    case OP_GLOBAL_AVG_POOL:
        s.h = s.w = 1;
        break;
    case OP_ADD:
        if (in[1].c != s.c || in[1].h != s.h || in[1].w != s.w)
            return fail(AXM_USAGE, "%s: inputs of an add have one shape, got %dx%dx%d and %dx%dx%d", name,
                        s.c, s.h, s.w, in[1].c, in[1].h, in[1].w);
        break;
    case OP_FLATTEN:
        s = (struct shape){ (int)shape_count(s), 1, 1 };
        break;
    case OP_SOFTMAX:
        if (s.h != 1 || s.w != 1)
            return fail(AXM_USAGE, "%s: softmax is over channels of Cx1x1, got %dx%dx%d", name, s.c, s.h,
                        s.w);
        break;
    default:
        break;
    }
    st = check_tensor(name, s);
    if (st == AXM_OK)
        *out = s;
    return st;
}

enum axm_status graph_shape(const struct graph *g, const struct node *n, struct shape *out)
{
    struct shape in[GRAPH_INPUTS_MAX];
    for (int i = 0; i < n->n_inputs && i < GRAPH_INPUTS_MAX; i++)
        in[i] = g->node[n->input[i]].out;
    return op_shape(n->name, n->op, in, n->n_inputs, &n->window, n->groups, n->out, out);
}

enum axm_status node_check(const char *label, const struct node *n)
{
    if (n->op == OP_DROPOUT && !(n->rate >= 0 && n->rate < 1))
        return fail(AXM_USAGE, "%s: a dropout rate must be at least 0 and below 1, got %g", label,
                    (double)n->rate);
    if (n->op == OP_BATCH_NORM && !(n->epsilon > 0 && isfinite(n->epsilon)))
        return fail(AXM_USAGE, "%s: epsilon of a batch norm must be above 0, got %g", label,
                    (double)n->epsilon);
    return AXM_OK;
}

/* --- counts ------------------------------------------------------------------- */

/* Inputs of one output of a convolution or dense layer. */
static size_t fan_in(const struct graph *g, const struct node *n)
{
    struct shape in = g->node[n->input[0]].out;
    if (n->op == OP_DENSE)
        return shape_count(in);
    return (size_t)(in.c / n->groups) * n->window.kernel_h * n->window.kernel_w;
}

size_t node_weight_count(const struct graph *g, const struct node *n)
{
    return op_infos[n->op].has_weight ? (size_t)n->out.c * fan_in(g, n) : 0;
}

uint64_t node_multiplications(const struct graph *g, const struct node *n)
{
    return op_infos[n->op].has_weight ? (uint64_t)shape_count(n->out) * fan_in(g, n) : 0;
}

uint64_t graph_multiplications(const struct graph *g)
{
    uint64_t sum = 0;
    for (int i = 0; i < g->n_nodes; i++)
        sum += node_multiplications(g, &g->node[i]);
    return sum;
}

size_t node_parameters(const struct graph *g, const struct node *n)
{
    size_t count = node_weight_count(g, n) + (n->bias ? (size_t)n->out.c : 0);
    return n->op == OP_BATCH_NORM ? 4 * (size_t)n->out.c : count;
}

size_t graph_parameters(const struct graph *g)
{
    size_t sum = 0;
    for (int i = 0; i < g->n_nodes; i++)
        sum += node_parameters(g, &g->node[i]);
    return sum;
}

int graph_find(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (!strcmp(g->node[i].name, name))
            return i;
    return -1;
}

/* --- building ----------------------------------------------------------------- */

struct graph *graph_new_empty(const char *name)
{
    struct graph *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    strncpy(g->name, name, GRAPH_NAME_MAX);
    for (int c = 0; c < 4; c++)
        g->norm.std[c] = 1;
    return g;
}

static int give_up(struct graph *g, enum axm_status st)
{
    g->status = st;
    return -1;
}

/* Room for one more; the nodes move, so that callers keep indices and no pointers. */
static bool grow(struct graph *g)
{
    if (g->n_nodes < g->room)
        return true;
    int room = g->room ? 2 * g->room : 32;
    struct node *node = arena_alloc(&g->arena, (size_t)room * sizeof *node);
    if (!node)
        return false;
    if (g->n_nodes)
        memcpy(node, g->node, (size_t)g->n_nodes * sizeof *node);
    g->node = node;
    g->room = room;
    return true;
}

static float *floats(struct graph *g, size_t n, float value, bool *failed)
{
    float *f = arena_alloc(&g->arena, n * sizeof *f);
    *failed |= !f;
    for (size_t i = 0; f && value != 0 && i < n; i++)
        f[i] = value;
    return f;
}

/* Checks n, appends a copy, allocates its parameters. */
static int append(struct graph *g, const char *name, struct node n, bool bias)
{
    if (g->status != AXM_OK)
        return -1;
    if (!name_is_legal(name))
        return give_up(g, fail(AXM_USAGE, "%s: a node's name has 1..%d letters, digits, _ . or -, got '%s'",
                               g->name, GRAPH_NAME_MAX, name));
    strcpy(n.name, name);
    if (g->n_nodes == GRAPH_NODES_MAX)
        return give_up(g, fail(AXM_USAGE, "%s: a network has at most %d nodes", g->name, GRAPH_NODES_MAX));
    for (int i = 0; i < n.n_inputs; i++)
        if (n.input[i] < 0 || n.input[i] >= g->n_nodes)
            return give_up(g, fail(AXM_USAGE, "%s: %s: an input must be 0..%d, got %d", g->name, name,
                                   g->n_nodes - 1, n.input[i]));
    enum axm_status st = node_check(name, &n);
    if (st == AXM_OK)
        st = graph_shape(g, &n, &n.out);
    if (st != AXM_OK)
        return give_up(g, st);
    bool failed = false;
    size_t weights = node_weight_count(g, &n);
    if (weights)
        n.weight = floats(g, weights, 0, &failed);
    if (bias)
        n.bias = floats(g, (size_t)n.out.c, 0, &failed);
    if (n.op == OP_BATCH_NORM) {
        n.gamma = floats(g, (size_t)n.out.c, 1, &failed);
        n.beta = floats(g, (size_t)n.out.c, 0, &failed);
        n.mean = floats(g, (size_t)n.out.c, 0, &failed);
        n.variance = floats(g, (size_t)n.out.c, 1, &failed);
    }
    if (failed || !grow(g))
        return give_up(g, fail(AXM_ENV, "%s: out of memory for node %s", g->name, name));
    g->node[g->n_nodes] = n;
    return g->n_nodes++;
}

struct graph *graph_new(const char *name, struct shape input)
{
    struct graph *g = graph_new_empty(name);
    if (!g)
        return NULL;
    if (!name_is_legal(name))
        give_up(g, fail(AXM_USAGE, "a network's name has 1..%d letters, digits, _ . or -, got '%s'",
                        GRAPH_NAME_MAX, name));
    append(g, "input", (struct node){ .op = OP_INPUT, .groups = 1, .out = input }, false);
    return g;
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    if (g->mapped)
        munmap(g->mapped, g->mapped_len);
    arena_release(&g->arena);
    free(g);
}

static struct node node_of(enum op op, int in)
{
    return (struct node){ .op = op, .n_inputs = 1, .input = { in }, .groups = 1 };
}

int graph_conv(struct graph *g, int in, const char *name, int out_channels, struct window w, int groups,
               bool bias)
{
    struct node n = node_of(OP_CONV, in);
    n.out.c = out_channels;
    n.window = w;
    n.groups = groups;
    return append(g, name, n, bias);
}

int graph_dense(struct graph *g, int in, const char *name, int out_features, bool bias)
{
    struct node n = node_of(OP_DENSE, in);
    n.out.c = out_features;
    return append(g, name, n, bias);
}

int graph_pool(struct graph *g, int in, const char *name, enum op op, struct window w)
{
    struct node n = node_of(op, in);
    n.window = w;
    return append(g, name, n, false);
}

int graph_batch_norm(struct graph *g, int in, const char *name, float epsilon)
{
    struct node n = node_of(OP_BATCH_NORM, in);
    n.epsilon = epsilon;
    return append(g, name, n, false);
}

int graph_dropout(struct graph *g, int in, const char *name, float rate)
{
    struct node n = node_of(OP_DROPOUT, in);
    n.rate = rate;
    return append(g, name, n, false);
}

int graph_unary(struct graph *g, int in, const char *name, enum op op)
{
    return append(g, name, node_of(op, in), false);
}

int graph_add(struct graph *g, int in_a, int in_b, const char *name)
{
    struct node n = node_of(OP_ADD, in_a);
    n.n_inputs = 2;
    n.input[1] = in_b;
    return append(g, name, n, false);
}

int graph_concat(struct graph *g, const int *in, int n, const char *name)
{
    struct node x = { .op = OP_CONCAT, .groups = 1 };
    if (g->status == AXM_OK && n > GRAPH_INPUTS_MAX)
        return give_up(g, fail(AXM_USAGE, "%s: %s: a concat has at most %d inputs, got %d", g->name, name,
                               GRAPH_INPUTS_MAX, n));
    for (x.n_inputs = 0; x.n_inputs < n && x.n_inputs < GRAPH_INPUTS_MAX; x.n_inputs++)
        x.input[x.n_inputs] = in[x.n_inputs];
    return append(g, name, x, false);
}

/* --- the whole ------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum axm_status names_check(const char *where, const char **name, int n)
{
    qsort(name, (size_t)n, sizeof *name, by_text);
    for (int i = 1; i < n; i++)
        if (!strcmp(name[i - 1], name[i]))
            return fail(AXM_USAGE, "%s: two nodes are called %s", where, name[i]);
    return AXM_OK;
}

static enum axm_status check_names(const char *where, const struct graph *g)
{
    const char **name = malloc((size_t)g->n_nodes * sizeof *name);
    if (!name)
        return fail(AXM_ENV, "%s: out of memory", where);
    for (int i = 0; i < g->n_nodes; i++)
        name[i] = g->node[i].name;
    enum axm_status st = names_check(where, name, g->n_nodes);
    free(name);
    return st;
}

static enum axm_status check_used(const char *where, const struct graph *g)
{
    static_assert(GRAPH_NODES_MAX <= 4096, "on the stack");
    bool used[GRAPH_NODES_MAX] = { false };
    for (int i = 1; i < g->n_nodes; i++) {
        if (g->node[i].op == OP_INPUT)
            return fail(AXM_USAGE, "%s: %s: only node 0 is an input", where, g->node[i].name);
        for (int k = 0; k < g->node[i].n_inputs; k++)
            used[g->node[i].input[k]] = true;
    }
    for (int i = 0; i + 1 < g->n_nodes; i++)
        if (!used[i])
            return fail(AXM_USAGE, "%s: nothing reads the output of %s", where, g->node[i].name);
    return AXM_OK;
}

enum axm_status graph_check(const char *where, const struct graph *g)
{
    if (g->n_nodes < 2)
        return fail(AXM_USAGE, "%s: a network has at least one node besides its input", where);
    enum axm_status st = check_names(where, g);
    return st == AXM_OK ? check_used(where, g) : st;
}

enum axm_status graph_finish(struct graph *g)
{
    if (g->status == AXM_OK)
        g->status = graph_check(g->name, g);
    return g->status;
}

void graph_init(struct graph *g, uint64_t seed)
{
    for (int i = 0; i < g->n_nodes; i++) {
        struct node *n = &g->node[i];
        size_t count = node_weight_count(g, n);
        struct rng r;
        rng_init(&r, seed, (uint64_t)i);
        double sigma = count ? sqrt(2.0 / (double)fan_in(g, n)) : 0;
        for (size_t k = 0; k < count; k++)
            n->weight[k] = (float)(sigma * rng_gauss(&r));
        if (n->bias)
            memset(n->bias, 0, (size_t)n->out.c * sizeof *n->bias);
    }
}
