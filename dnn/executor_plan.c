#include "dnn/executor_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What planning knows of a node. */
struct node_plan {
    struct tensor value, diff;
    bool has_diff;               /* something was added to diff already */
    bool needs_diff;             /* a parameter stands at or before it */
    int uses;
    int fused_relu;              /* the relu that this node computes too, or 0 */
    bool done_by_input;          /* a relu that its input computes */
    dnnl_primitive_desc_t forward;
    dnnl_primitive_desc_t back_weight, back_data;   /* of a convolution in training */
    struct tensor source;        /* the input in the layout that the node wants */
    struct tensor workspace, mask;
    bool has_workspace;
};

/* Buffers of diffs are used again as soon as a diff is dead. */
struct diff_buffer {
    size_t number;
    bool busy;
};

struct plan {
    struct executor *e;
    struct node_plan *node;
    struct diff_buffer *diff;
    int n_diffs;
    int output;                          /* node of the logits */
    dnnl_primitive_attr_t attr;          /* scratch memory is ours */
    enum axm_status status;              /* the first failure */
};

/* --- bookkeeping ---------------------------------------------------------------------- */

static bool failed(struct plan *p, enum axm_status st)
{
    if (p->status == AXM_OK)
        p->status = st;
    return p->status != AXM_OK;
}

static bool dnnl_failed(struct plan *p, dnnl_status_t s, const char *what)
{
    return failed(p, onednn_check(s, what));
}

static enum axm_status out_of_memory(const struct plan *p)
{
    return fail(AXM_ENV, "%s: out of memory for its execution plan", p->e->g->name);
}

static size_t add_buffer(struct plan *p, struct sizes *s, size_t bytes)
{
    if (s->n == s->room) {
        int room = s->room ? 2 * s->room : 64;
        size_t *grown = realloc(s->bytes, (size_t)room * sizeof *grown);
        if (!grown) {
            failed(p, out_of_memory(p));
            return 0;
        }
        s->bytes = grown;
        s->room = room;
    }
    s->bytes[s->n] = bytes;
    return (size_t)s->n++;
}

static struct step *add_step(struct plan *p, enum list list, enum step_kind kind)
{
    static struct step nowhere;
    struct steps *s = &p->e->list[list];
    if (s->n == s->room) {
        int room = s->room ? 2 * s->room : 64;
        struct step *grown = realloc(s->step, (size_t)room * sizeof *grown);
        if (!grown) {
            failed(p, out_of_memory(p));
            return &nowhere;
        }
        s->step = grown;
        s->room = room;
    }
    s->step[s->n] = (struct step){ .kind = kind };
    return &s->step[s->n++];
}

static struct tensor local(struct plan *p, const dnnl_memory_desc_t *md)
{
    return (struct tensor){ HOME_LOCAL, add_buffer(p, &p->e->local, dnnl_memory_desc_get_size(md)), *md };
}

static struct tensor at(enum home home, size_t offset, const dnnl_memory_desc_t *md)
{
    return (struct tensor){ home, offset, *md };
}

/* --- memory descriptors ----------------------------------------------------------------- */

static dnnl_memory_desc_t describe(struct plan *p, int n_dims, const dnnl_dim_t *dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t md = { 0 };
    dnnl_failed(p, dnnl_memory_desc_init_by_tag(&md, n_dims, dims, dnnl_f32, tag), "a memory descriptor");
    return md;
}

static dnnl_memory_desc_t describe_image(struct plan *p, struct shape s, dnnl_format_tag_t tag)
{
    dnnl_dims_t dims = { p->e->opts.shard, s.c, s.h, s.w };
    return describe(p, 4, dims, tag);
}

static dnnl_memory_desc_t plain_image(struct plan *p, struct shape s)
{
    return describe_image(p, s, dnnl_nchw);
}

static dnnl_memory_desc_t describe_1d(struct plan *p, dnnl_dim_t count)
{
    dnnl_dims_t dims = { count };
    return describe(p, 1, dims, dnnl_a);
}

static dnnl_memory_desc_t describe_2d(struct plan *p, dnnl_dim_t rows, dnnl_dim_t columns)
{
    dnnl_dims_t dims = { rows, columns };
    return describe(p, 2, dims, dnnl_ab);
}

static dnnl_memory_desc_t asked(const_dnnl_primitive_desc_t pd, dnnl_query_t what)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, what, 0);
    return md ? *md : (dnnl_memory_desc_t){ 0 };
}

static bool same(const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b)
{
    return dnnl_memory_desc_equal(a, b);
}

/* --- steps --------------------------------------------------------------------------------- */

static dnnl_primitive_desc_t new_pd(struct plan *p, const void *desc, dnnl_primitive_attr_t attr,
                                    const_dnnl_primitive_desc_t hint, const char *what)
{
    dnnl_primitive_desc_t pd = NULL;
    if (p->status == AXM_OK)
        dnnl_failed(p, dnnl_primitive_desc_create(&pd, desc, attr, p->e->engine, hint), what);
    return pd;
}

struct named {
    int name;
    struct tensor tensor;
};

static void add_primitive(struct plan *p, enum list list, const_dnnl_primitive_desc_t pd,
                          const struct named *arg, int n, const char *what)
{
    if (p->status != AXM_OK)
        return;
    struct step *s = add_step(p, list, STEP_PRIMITIVE);
    assert(n < STEP_ARGS_MAX);
    if (p->status != AXM_OK || dnnl_failed(p, dnnl_primitive_create(&s->primitive, pd), what))
        return;
    for (int i = 0; i < n; i++) {
        s->name[i] = arg[i].name;
        s->arg[i] = arg[i].tensor;
    }
    s->n_args = n;
    dnnl_memory_desc_t scratch = asked(pd, dnnl_query_scratchpad_md);
    size_t bytes = dnnl_memory_desc_get_size(&scratch);
    if (bytes) {
        s->name[n] = DNNL_ARG_SCRATCHPAD;
        s->arg[n] = at(HOME_LOCAL, p->e->scratch, &scratch);
        s->n_args = n + 1;
        if (bytes > p->e->scratch_bytes)
            p->e->scratch_bytes = bytes;
    }
}

static void add_reorder(struct plan *p, enum list list, struct tensor from, struct tensor to)
{
    dnnl_primitive_desc_t pd = NULL;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_reorder_primitive_desc_create(&pd, &from.md, p->e->engine, &to.md, p->e->engine,
                                                          p->attr), "a reorder"))
        return;
    struct named arg[] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } };
    add_primitive(p, list, pd, arg, 2, "a reorder");
    dnnl_primitive_desc_destroy(pd);
}

/* t itself if it is laid out like that, else a copy that is. */
static struct tensor as(struct plan *p, enum list list, struct tensor t, const dnnl_memory_desc_t *md)
{
    if (p->status != AXM_OK || same(&t.md, md))
        return t;
    struct tensor to = local(p, md);
    add_reorder(p, list, t, to);
    return to;
}

static void add_copy(struct plan *p, enum list list, struct tensor from, struct tensor to, size_t rows,
                     size_t count, size_t from_stride, size_t to_stride, size_t from_at, size_t to_at)
{
    struct step *s = add_step(p, list, STEP_COPY);
    s->n_args = 2;
    s->arg[0] = from;
    s->arg[1] = to;
    s->rows = rows;
    s->count = count;
    s->from_stride = from_stride;
    s->to_stride = to_stride;
    s->from_at = from_at;
    s->to_at = to_at;
}

/* Elementwise over everything that is stored, padding of blocked layouts too. */
static struct step *add_own(struct plan *p, enum list list, enum step_kind kind, struct tensor from,
                            struct tensor to)
{
    struct step *s = add_step(p, list, kind);
    s->n_args = 2;
    s->arg[0] = from;
    s->arg[1] = to;
    s->rows = 1;
    s->count = dnnl_memory_desc_get_size(&to.md) / sizeof(float);
    return s;
}

/* --- diffs ----------------------------------------------------------------------------------- */

static struct tensor diff_take(struct plan *p, const dnnl_memory_desc_t *md)
{
    size_t bytes = dnnl_memory_desc_get_size(md), *size = p->e->local.bytes;
    struct diff_buffer *best = NULL;
    /* The smallest that is large enough, else the largest, which grows. */
    for (struct diff_buffer *d = p->diff; d < p->diff + p->n_diffs; d++) {
        if (d->busy)
            continue;
        bool fits = size[d->number] >= bytes, best_fits = best && size[best->number] >= bytes;
        if (!best || (fits && (!best_fits || size[d->number] < size[best->number])) ||
            (!fits && !best_fits && size[d->number] > size[best->number]))
            best = d;
    }
    if (!best) {
        best = &p->diff[p->n_diffs++];
        best->number = add_buffer(p, &p->e->local, bytes);
        size = p->e->local.bytes;
    }
    if (p->status != AXM_OK)
        return (struct tensor){ .md = *md };
    if (size[best->number] < bytes)
        size[best->number] = bytes;
    best->busy = true;
    return at(HOME_LOCAL, best->number, md);
}

static void diff_give(struct plan *p, struct tensor t)
{
    for (int i = 0; i < p->n_diffs; i++)
        if (p->diff[i].number == t.at)
            p->diff[i].busy = false;
}

/* Where the diff that a node hands to its input is to be written: the input's own buffer, or one to be
 * added to it. */
static struct tensor contribution(struct plan *p, int input)
{
    return diff_take(p, &p->node[input].value.md);
}

static void contribute(struct plan *p, int input, struct tensor t)
{
    struct node_plan *n = &p->node[input];
    if (!n->has_diff) {
        n->diff = t;
        n->has_diff = true;
        return;
    }
    add_own(p, LIST_BACKWARD, STEP_ADD, t, n->diff);
    diff_give(p, t);
}

/* A node whose backward pass may work in place: writes where its own diff stands. */
static struct tensor contribution_in_place(struct plan *p, int i)
{
    struct tensor t = p->node[i].diff;
    p->node[i].has_diff = false;   /* handed on */
    return t;
}

/* --- convolution ------------------------------------------------------------------------------- */

static dnnl_alg_kind_t relu_kind(enum op op)
{
    return op == OP_RELU6 ? dnnl_eltwise_clip_v2_use_dst_for_bwd : dnnl_eltwise_relu_use_dst_for_bwd;
}

static float relu_beta(enum op op)
{
    return op == OP_RELU6 ? 6 : 0;
}

/* The relu that alone reads node i, or 0. */
static int sole_relu(const struct plan *p, int i, bool six)
{
    if (p->node[i].uses != 1 || i == p->output)
        return 0;
    for (int k = i + 1; k < p->e->g->n_nodes; k++)
        if (p->e->g->node[k].n_inputs == 1 && p->e->g->node[k].input[0] == i)
            return p->e->g->node[k].op == OP_RELU || (six && p->e->g->node[k].op == OP_RELU6) ? k : 0;
    return 0;
}

static dnnl_primitive_attr_t attr_with_relu(struct plan *p, enum op op)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_alg_kind_t kind = op == OP_RELU6 ? dnnl_eltwise_clip_v2 : dnnl_eltwise_relu;
    if (dnnl_failed(p, dnnl_primitive_attr_clone(&attr, p->attr), "attributes") ||
        dnnl_failed(p, dnnl_post_ops_create(&ops), "attributes"))
        return attr;
    (void)(dnnl_failed(p, dnnl_post_ops_append_eltwise(ops, 1, kind, 0, relu_beta(op)), "a fused relu") ||
           dnnl_failed(p, dnnl_primitive_attr_set_post_ops(attr, ops), "a fused relu"));
    dnnl_post_ops_destroy(ops);
    return attr;
}

struct conv_dims {
    dnnl_dims_t stride, pad_l, pad_r, weight;
    int weight_dims;
    dnnl_format_tag_t plain;
};

static struct conv_dims conv_dims(const struct graph *g, const struct node *n)
{
    const struct window *w = &n->window;
    int in = g->node[n->input[0]].out.c / n->groups;
    struct conv_dims d = {
        .stride = { w->stride_h, w->stride_w }, .pad_l = { w->pad_top, w->pad_left },
        .pad_r = { w->pad_bottom, w->pad_right },
    };
    if (n->groups == 1) {
        d.weight_dims = 4;
        d.plain = dnnl_oihw;
        memcpy(d.weight, (dnnl_dims_t){ n->out.c, in, w->kernel_h, w->kernel_w }, sizeof d.weight);
    } else {
        d.weight_dims = 5;
        d.plain = dnnl_goihw;
        memcpy(d.weight, (dnnl_dims_t){ n->groups, n->out.c / n->groups, in, w->kernel_h, w->kernel_w },
               sizeof d.weight);
    }
    return d;
}

/* The weights in the layout of pd: as they stand, or packed before each batch. */
static struct tensor packed_weight(struct plan *p, int i, const struct conv_dims *d,
                                   const dnnl_memory_desc_t *md)
{
    dnnl_memory_desc_t plain = describe(p, d->weight_dims, d->weight, d->plain);
    struct tensor from = at(HOME_PARAM, p->e->m->slot[i].weight, &plain);
    if (p->status != AXM_OK || same(&plain, md))
        return from;
    struct tensor to = at(HOME_PACKED, add_buffer(p, &p->e->packed, dnnl_memory_desc_get_size(md)), md);
    add_reorder(p, LIST_PACK, from, to);
    return to;
}

/* The layouts that a convolution is offered. */
static const struct layouts {
    dnnl_format_tag_t src, dst;
} conv_layouts[] = {
    { dnnl_format_tag_any, dnnl_format_tag_any },
    { dnnl_nChw16c, dnnl_nChw16c },
    { dnnl_nChw8c, dnnl_nChw8c },
    { dnnl_nchw, dnnl_nchw },
};
enum { CONV_LAYOUTS = sizeof conv_layouts / sizeof *conv_layouts };

static bool is_slow(const_dnnl_primitive_desc_t pd)
{
    const char *name = "";
    return dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) == dnnl_success &&
           !strncmp(name, "ref", 3);
}

static void destroy_pds(struct node_plan *np)
{
    dnnl_primitive_desc_t *pd[] = { &np->forward, &np->back_weight, &np->back_data };
    for (int k = 0; k < 3; k++) {
        if (*pd[k])
            dnnl_primitive_desc_destroy(*pd[k]);
        *pd[k] = NULL;
    }
}

static bool create_pd(const struct plan *p, dnnl_primitive_desc_t *pd, const dnnl_convolution_desc_t *desc,
                      dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint)
{
    return dnnl_primitive_desc_create(pd, desc, attr, p->e->engine, hint) == dnnl_success;
}

/* The passes of a convolution in these layouts; false if oneDNN has none. */
static bool try_conv(struct plan *p, int i, const struct layouts *l)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    int input = n->input[0];
    struct conv_dims d = conv_dims(p->e->g, n);
    /* Of an input with few channels the plain layout is preferred in any case. */
    dnnl_memory_desc_t src = describe_image(p, p->e->g->node[input].out, input ? l->src : dnnl_nchw);
    dnnl_memory_desc_t dst = describe_image(p, n->out, l->dst), bias = describe_1d(p, n->out.c);
    dnnl_memory_desc_t weight = describe(p, d.weight_dims, d.weight, dnnl_format_tag_any);
    dnnl_convolution_desc_t desc;
    dnnl_alg_kind_t direct = dnnl_convolution_direct;
    dnnl_prop_kind_t prop = p->e->opts.training ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_primitive_attr_t attr = p->attr;
    if (np->fused_relu)
        attr = attr_with_relu(p, p->e->g->node[np->fused_relu].op);
    bool made = p->status == AXM_OK &&
        dnnl_convolution_forward_desc_init(&desc, prop, direct, &src, &weight, n->bias ? &bias : NULL, &dst,
                                           d.stride, d.pad_l, d.pad_r) == dnnl_success &&
        create_pd(p, &np->forward, &desc, attr, NULL);
    if (attr != p->attr)
        dnnl_primitive_attr_destroy(attr);
    if (!made || !p->e->opts.training)
        return made;
    src = asked(np->forward, dnnl_query_src_md);
    dst = asked(np->forward, dnnl_query_dst_md);
    made = dnnl_convolution_backward_weights_desc_init(&desc, direct, &src, &weight, n->bias ? &bias : NULL,
                                                       &dst, d.stride, d.pad_l, d.pad_r) == dnnl_success &&
        create_pd(p, &np->back_weight, &desc, p->attr, np->forward);
    if (!made || !p->node[input].needs_diff)
        return made;
    return dnnl_convolution_backward_data_desc_init(&desc, direct, &src, &weight, &dst, d.stride, d.pad_l,
                                                    d.pad_r) == dnnl_success &&
        create_pd(p, &np->back_data, &desc, p->attr, np->forward);
}

/* The library's choice for the forward pass can leave a backward pass with nothing but the plain loops,
 * which cost a hundred times as much (8 channels to 4): then other layouts are tried. */
static void choose_conv(struct plan *p, int i)
{
    struct node_plan *np = &p->node[i];
    for (int k = 0; k < CONV_LAYOUTS && p->status == AXM_OK; k++) {
        if (try_conv(p, i, &conv_layouts[k]) && !is_slow(np->forward) &&
            !(np->back_weight && is_slow(np->back_weight)) && !(np->back_data && is_slow(np->back_data)))
            return;
        destroy_pds(np);
    }
    for (int k = 0; k < CONV_LAYOUTS && p->status == AXM_OK; k++) {
        if (try_conv(p, i, &conv_layouts[k]))
            return;
        destroy_pds(np);
    }
    failed(p, onednn_check(dnnl_unimplemented, p->e->g->node[i].name));
}

static void plan_conv(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    struct conv_dims d = conv_dims(p->e->g, n);
    np->fused_relu = sole_relu(p, i, true);
    choose_conv(p, i);
    if (p->status != AXM_OK)
        return;
    dnnl_memory_desc_t src = asked(np->forward, dnnl_query_src_md);
    dnnl_memory_desc_t dst = asked(np->forward, dnnl_query_dst_md);
    dnnl_memory_desc_t weight = asked(np->forward, dnnl_query_weights_md), bias = describe_1d(p, n->out.c);
    np->source = as(p, LIST_FORWARD, p->node[n->input[0]].value, &src);
    np->value = local(p, &dst);
    struct named arg[4] = {
        { DNNL_ARG_SRC, np->source }, { DNNL_ARG_DST, np->value },
        { DNNL_ARG_WEIGHTS, packed_weight(p, i, &d, &weight) },
    };
    if (n->bias)
        arg[3] = (struct named){ DNNL_ARG_BIAS, at(HOME_PARAM, p->e->m->slot[i].bias, &bias) };
    add_primitive(p, LIST_FORWARD, np->forward, arg, n->bias ? 4 : 3, n->name);
}

static void plan_conv_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    const struct param_slot *slot = &p->e->m->slot[i];
    int input = n->input[0];
    struct conv_dims d = conv_dims(p->e->g, n);
    dnnl_memory_desc_t plain = describe(p, d.weight_dims, d.weight, d.plain), bias = describe_1d(p, n->out.c);
    dnnl_memory_desc_t weight = asked(np->back_weight, dnnl_query_diff_weights_md);
    struct tensor grad = at(HOME_GRAD, slot->weight, &plain);
    struct tensor packed = same(&weight, &plain) ? grad : local(p, &weight);
    struct named arg[4] = {
        { DNNL_ARG_SRC, np->source }, { DNNL_ARG_DIFF_DST, np->diff }, { DNNL_ARG_DIFF_WEIGHTS, packed },
    };
    if (n->bias)
        arg[3] = (struct named){ DNNL_ARG_DIFF_BIAS, at(HOME_GRAD, slot->bias, &bias) };
    add_primitive(p, LIST_BACKWARD, np->back_weight, arg, n->bias ? 4 : 3, n->name);
    if (packed.home != HOME_GRAD)
        add_reorder(p, LIST_BACKWARD, packed, grad);
    if (!p->node[input].needs_diff)
        return;
    weight = asked(np->back_data, dnnl_query_weights_md);
    bool direct = same(&np->source.md, &p->node[input].value.md);
    struct tensor to = contribution(p, input), from = direct ? to : diff_take(p, &np->source.md);
    struct named data_arg[] = {
        { DNNL_ARG_DIFF_DST, np->diff }, { DNNL_ARG_WEIGHTS, packed_weight(p, i, &d, &weight) },
        { DNNL_ARG_DIFF_SRC, from },
    };
    add_primitive(p, LIST_BACKWARD, np->back_data, data_arg, 3, n->name);
    if (!direct) {
        add_reorder(p, LIST_BACKWARD, from, to);
        diff_give(p, from);
    }
    contribute(p, input, to);
}

/* --- dense ------------------------------------------------------------------------------------- */

/* Plain and with the batch as rows: the layouts that need no packing, and gemm is fast with them. */
struct dense_mds {
    dnnl_memory_desc_t src, weight, bias, dst;
};

static struct dense_mds dense_mds(struct plan *p, const struct node *n)
{
    dnnl_dim_t k = (dnnl_dim_t)shape_count(p->e->g->node[n->input[0]].out), rows = p->e->opts.shard;
    return (struct dense_mds){ describe_2d(p, rows, k), describe_2d(p, n->out.c, k),
                               describe_1d(p, n->out.c), describe_2d(p, rows, n->out.c) };
}

/* The same memory by another descriptor of the same size. */
static struct tensor view(struct tensor t, const dnnl_memory_desc_t *md)
{
    t.md = *md;
    return t;
}

static void plan_dense(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    const struct param_slot *slot = &p->e->m->slot[i];
    struct dense_mds d = dense_mds(p, n);
    dnnl_memory_desc_t plain = plain_image(p, p->e->g->node[n->input[0]].out), out = plain_image(p, n->out);
    dnnl_inner_product_desc_t desc;
    dnnl_prop_kind_t prop = p->e->opts.training ? dnnl_forward_training : dnnl_forward_inference;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_inner_product_forward_desc_init(&desc, prop, &d.src, &d.weight,
                                                            n->bias ? &d.bias : NULL, &d.dst), n->name))
        return;
    np->forward = new_pd(p, &desc, p->attr, NULL, n->name);
    np->source = as(p, LIST_FORWARD, p->node[n->input[0]].value, &plain);
    np->value = local(p, &out);
    struct named arg[4] = {
        { DNNL_ARG_SRC, view(np->source, &d.src) }, { DNNL_ARG_DST, view(np->value, &d.dst) },
        { DNNL_ARG_WEIGHTS, at(HOME_PARAM, slot->weight, &d.weight) },
    };
    if (n->bias)
        arg[3] = (struct named){ DNNL_ARG_BIAS, at(HOME_PARAM, slot->bias, &d.bias) };
    add_primitive(p, LIST_FORWARD, np->forward, arg, n->bias ? 4 : 3, n->name);
}

static void plan_dense_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    const struct param_slot *slot = &p->e->m->slot[i];
    int input = n->input[0];
    struct dense_mds d = dense_mds(p, n);
    dnnl_inner_product_desc_t desc;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_inner_product_backward_weights_desc_init(
                        &desc, &d.src, &d.weight, n->bias ? &d.bias : NULL, &d.dst), n->name))
        return;
    dnnl_primitive_desc_t pd = new_pd(p, &desc, p->attr, np->forward, n->name);
    struct tensor diff = view(np->diff, &d.dst);
    struct named weight_arg[4] = {
        { DNNL_ARG_SRC, view(np->source, &d.src) }, { DNNL_ARG_DIFF_DST, diff },
        { DNNL_ARG_DIFF_WEIGHTS, at(HOME_GRAD, slot->weight, &d.weight) },
    };
    if (n->bias)
        weight_arg[3] = (struct named){ DNNL_ARG_DIFF_BIAS, at(HOME_GRAD, slot->bias, &d.bias) };
    add_primitive(p, LIST_BACKWARD, pd, weight_arg, n->bias ? 4 : 3, n->name);
    dnnl_primitive_desc_destroy(pd);
    if (!p->node[input].needs_diff || p->status != AXM_OK ||
        dnnl_failed(p, dnnl_inner_product_backward_data_desc_init(&desc, &d.src, &d.weight, &d.dst), n->name))
        return;
    pd = new_pd(p, &desc, p->attr, np->forward, n->name);
    bool direct = same(&np->source.md, &p->node[input].value.md);
    struct tensor to = contribution(p, input), from = direct ? to : diff_take(p, &np->source.md);
    struct named arg[] = {
        { DNNL_ARG_DIFF_DST, diff }, { DNNL_ARG_WEIGHTS, at(HOME_PARAM, slot->weight, &d.weight) },
        { DNNL_ARG_DIFF_SRC, view(from, &d.src) },
    };
    add_primitive(p, LIST_BACKWARD, pd, arg, 3, n->name);
    dnnl_primitive_desc_destroy(pd);
    if (!direct) {
        add_reorder(p, LIST_BACKWARD, from, to);
        diff_give(p, from);
    }
    contribute(p, input, to);
}

/* --- batch norm and relu ------------------------------------------------------------------------- */

static void plan_batch_norm(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    struct executor *e = p->e;
    const struct param_slot *slot = &e->m->slot[i];
    bool training = e->opts.training;
    np->fused_relu = sole_relu(p, i, false);
    np->source = p->node[n->input[0]].value;
    unsigned flags = dnnl_use_scaleshift | (training ? 0 : dnnl_use_global_stats) |
                     (np->fused_relu ? dnnl_fuse_norm_relu : 0);
    dnnl_batch_normalization_desc_t desc;
    dnnl_prop_kind_t prop = training ? dnnl_forward_training : dnnl_forward_inference;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_batch_normalization_forward_desc_init(&desc, prop, &np->source.md, n->epsilon,
                                                                  flags), n->name))
        return;
    np->forward = new_pd(p, &desc, p->attr, NULL, n->name);
    if (!np->forward)
        return;
    dnnl_memory_desc_t scale = describe_2d(p, 2, n->out.c), channel = describe_1d(p, n->out.c);
    np->value = local(p, &np->source.md);
    struct tensor mean = at(HOME_STATS, slot->mean, &channel);
    struct tensor variance = at(HOME_STATS, slot->variance, &channel);
    if (training) {
        mean = local(p, &channel);
        variance = local(p, &channel);
        e->shard_mean[i] = mean.at;
        e->shard_variance[i] = variance.at;
    }
    struct named arg[6] = {
        { DNNL_ARG_SRC, np->source }, { DNNL_ARG_DST, np->value }, { DNNL_ARG_MEAN, mean },
        { DNNL_ARG_VARIANCE, variance },
        { DNNL_ARG_SCALE_SHIFT, at(HOME_PARAM, slot->scale_shift, &scale) },
    };
    dnnl_memory_desc_t workspace = asked(np->forward, dnnl_query_workspace_md);
    np->has_workspace = dnnl_memory_desc_get_size(&workspace) > 0;
    if (np->has_workspace) {
        np->workspace = local(p, &workspace);
        arg[5] = (struct named){ DNNL_ARG_WORKSPACE, np->workspace };
    }
    add_primitive(p, LIST_FORWARD, np->forward, arg, np->has_workspace ? 6 : 5, n->name);
}

static void plan_batch_norm_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    struct executor *e = p->e;
    const struct param_slot *slot = &e->m->slot[i];
    dnnl_batch_normalization_desc_t desc;
    unsigned flags = dnnl_use_scaleshift | (np->fused_relu ? dnnl_fuse_norm_relu : 0);
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_batch_normalization_backward_desc_init(&desc, dnnl_backward, &np->diff.md,
                                                                   &np->source.md, n->epsilon, flags),
                    n->name))
        return;
    dnnl_primitive_desc_t pd = new_pd(p, &desc, p->attr, np->forward, n->name);
    dnnl_memory_desc_t scale = describe_2d(p, 2, n->out.c), channel = describe_1d(p, n->out.c);
    struct tensor diff = np->diff, to = contribution_in_place(p, i);
    struct named arg[8] = {
        { DNNL_ARG_SRC, np->source }, { DNNL_ARG_DIFF_DST, diff }, { DNNL_ARG_DIFF_SRC, to },
        { DNNL_ARG_MEAN, at(HOME_LOCAL, e->shard_mean[i], &channel) },
        { DNNL_ARG_VARIANCE, at(HOME_LOCAL, e->shard_variance[i], &channel) },
        { DNNL_ARG_SCALE_SHIFT, at(HOME_PARAM, slot->scale_shift, &scale) },
        { DNNL_ARG_DIFF_SCALE_SHIFT, at(HOME_GRAD, slot->scale_shift, &scale) },
        { DNNL_ARG_WORKSPACE, np->workspace },
    };
    add_primitive(p, LIST_BACKWARD, pd, arg, np->has_workspace ? 8 : 7, n->name);
    dnnl_primitive_desc_destroy(pd);
    if (p->node[n->input[0]].needs_diff)
        contribute(p, n->input[0], to);
    else
        diff_give(p, to);
}

static void plan_relu(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    const struct node_plan *in = &p->node[n->input[0]];
    dnnl_eltwise_desc_t desc;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_eltwise_forward_desc_init(&desc, dnnl_forward_training, relu_kind(n->op),
                                                      &in->value.md, 0, relu_beta(n->op)), n->name))
        return;
    np->forward = new_pd(p, &desc, p->attr, NULL, n->name);
    np->done_by_input = in->fused_relu == i;
    if (np->done_by_input) {
        np->value = in->value;
        return;
    }
    np->value = local(p, &in->value.md);
    struct named arg[] = { { DNNL_ARG_SRC, in->value }, { DNNL_ARG_DST, np->value } };
    add_primitive(p, LIST_FORWARD, np->forward, arg, 2, n->name);
}

static void plan_relu_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    int input = n->input[0];
    dnnl_eltwise_desc_t desc;
    struct tensor diff = np->diff, to = contribution_in_place(p, i);
    /* A batch norm's own backward pass knows where it cut. */
    if (!np->done_by_input || p->e->g->node[input].op != OP_BATCH_NORM) {
        if (p->status != AXM_OK ||
            dnnl_failed(p, dnnl_eltwise_backward_desc_init(&desc, relu_kind(n->op), &diff.md, &np->value.md,
                                                           0, relu_beta(n->op)), n->name))
            return;
        dnnl_primitive_desc_t pd = new_pd(p, &desc, p->attr, np->forward, n->name);
        struct named arg[] = { { DNNL_ARG_DST, np->value }, { DNNL_ARG_DIFF_DST, diff },
                               { DNNL_ARG_DIFF_SRC, to } };
        add_primitive(p, LIST_BACKWARD, pd, arg, 3, n->name);
        dnnl_primitive_desc_destroy(pd);
    }
    contribute(p, input, to);
}

/* --- pools -------------------------------------------------------------------------------------- */

struct pool_dims {
    dnnl_alg_kind_t kind;
    dnnl_dims_t kernel, stride, pad_l, pad_r;
};

static struct pool_dims pool_dims(const struct graph *g, const struct node *n)
{
    const struct window *w = &n->window;
    struct shape in = g->node[n->input[0]].out;
    if (n->op == OP_GLOBAL_AVG_POOL)
        return (struct pool_dims){ dnnl_pooling_avg_exclude_padding, { in.h, in.w }, { 1, 1 }, { 0 }, { 0 } };
    /* What no window reaches is no padding of oneDNN's. */
    int bottom = (n->out.h - 1) * w->stride_h + w->kernel_h - in.h - w->pad_top;
    int right = (n->out.w - 1) * w->stride_w + w->kernel_w - in.w - w->pad_left;
    return (struct pool_dims){
        n->op == OP_MAX_POOL ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
        { w->kernel_h, w->kernel_w }, { w->stride_h, w->stride_w }, { w->pad_top, w->pad_left },
        { bottom, right },
    };
}

static void plan_pool(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    struct pool_dims d = pool_dims(p->e->g, n);
    dnnl_memory_desc_t dst = describe_image(p, n->out, dnnl_format_tag_any);
    dnnl_pooling_desc_t desc;
    dnnl_prop_kind_t prop = p->e->opts.training ? dnnl_forward_training : dnnl_forward_inference;
    np->source = p->node[n->input[0]].value;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_pooling_forward_desc_init(&desc, prop, d.kind, &np->source.md, &dst, d.stride,
                                                      d.kernel, d.pad_l, d.pad_r), n->name))
        return;
    np->forward = new_pd(p, &desc, p->attr, NULL, n->name);
    if (!np->forward)
        return;
    dst = asked(np->forward, dnnl_query_dst_md);
    np->value = local(p, &dst);
    struct named arg[3] = { { DNNL_ARG_SRC, np->source }, { DNNL_ARG_DST, np->value } };
    dnnl_memory_desc_t workspace = asked(np->forward, dnnl_query_workspace_md);
    np->has_workspace = dnnl_memory_desc_get_size(&workspace) > 0;
    if (np->has_workspace) {
        np->workspace = local(p, &workspace);
        arg[2] = (struct named){ DNNL_ARG_WORKSPACE, np->workspace };
    }
    add_primitive(p, LIST_FORWARD, np->forward, arg, np->has_workspace ? 3 : 2, n->name);
}

static void plan_pool_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    struct pool_dims d = pool_dims(p->e->g, n);
    dnnl_pooling_desc_t desc;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_pooling_backward_desc_init(&desc, d.kind, &np->source.md, &np->diff.md, d.stride,
                                                       d.kernel, d.pad_l, d.pad_r), n->name))
        return;
    dnnl_primitive_desc_t pd = new_pd(p, &desc, p->attr, np->forward, n->name);
    struct tensor to = contribution(p, n->input[0]);
    struct named arg[] = { { DNNL_ARG_DIFF_DST, np->diff }, { DNNL_ARG_DIFF_SRC, to },
                           { DNNL_ARG_WORKSPACE, np->workspace } };
    add_primitive(p, LIST_BACKWARD, pd, arg, np->has_workspace ? 3 : 2, n->name);
    dnnl_primitive_desc_destroy(pd);
    contribute(p, n->input[0], to);
}

/* --- nodes without parameters ----------------------------------------------------------------------- */

static void plan_add(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    struct tensor a = p->node[n->input[0]].value;
    struct tensor b = as(p, LIST_FORWARD, p->node[n->input[1]].value, &a.md);
    dnnl_binary_desc_t desc;
    if (p->status != AXM_OK ||
        dnnl_failed(p, dnnl_binary_desc_init(&desc, dnnl_binary_add, &a.md, &b.md, &a.md), n->name))
        return;
    np->forward = new_pd(p, &desc, p->attr, NULL, n->name);
    np->value = local(p, &a.md);
    struct named arg[] = { { DNNL_ARG_SRC_0, a }, { DNNL_ARG_SRC_1, b }, { DNNL_ARG_DST, np->value } };
    add_primitive(p, LIST_FORWARD, np->forward, arg, 3, n->name);
}

static void plan_add_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    for (int k = 0; k < 2; k++) {
        int input = n->input[k];
        if (!p->node[input].needs_diff)
            continue;
        struct tensor diff = p->node[i].diff, to = contribution(p, input);
        if (same(&diff.md, &to.md))
            add_own(p, LIST_BACKWARD, STEP_COPY, diff, to);
        else
            add_reorder(p, LIST_BACKWARD, diff, to);
        contribute(p, input, to);
    }
}

static void plan_concat(struct plan *p, int i, bool back)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    dnnl_memory_desc_t whole = plain_image(p, n->out);
    size_t whole_count = shape_count(n->out), offset = 0, rows = (size_t)p->e->opts.shard;
    if (!back)
        np->value = local(p, &whole);
    for (int k = 0; k < n->n_inputs; k++) {
        int input = n->input[k];
        struct shape shape = p->e->g->node[input].out;
        size_t count = shape_count(shape);
        dnnl_memory_desc_t plain = plain_image(p, shape);
        if (!back) {
            struct tensor from = as(p, LIST_FORWARD, p->node[input].value, &plain);
            add_copy(p, LIST_FORWARD, from, np->value, rows, count, count, whole_count, 0, offset);
        } else if (p->node[input].needs_diff) {
            struct tensor part = diff_take(p, &plain), to = part;
            add_copy(p, LIST_BACKWARD, np->diff, part, rows, count, whole_count, count, offset, 0);
            if (p->status == AXM_OK && !same(&plain, &p->node[input].value.md)) {
                to = contribution(p, input);
                add_reorder(p, LIST_BACKWARD, part, to);
                diff_give(p, part);
            }
            contribute(p, input, to);
        }
        offset += count;
    }
}

static void plan_flatten(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct shape in = p->e->g->node[n->input[0]].out;
    dnnl_memory_desc_t plain = plain_image(p, in), flat = plain_image(p, n->out);
    p->node[i].source = as(p, LIST_FORWARD, p->node[n->input[0]].value, &plain);
    p->node[i].value = view(p->node[i].source, &flat);
}

static void plan_flatten_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    int input = n->input[0];
    struct tensor diff = view(contribution_in_place(p, i), &p->node[i].source.md), to = diff;
    if (p->status == AXM_OK && !same(&diff.md, &p->node[input].value.md)) {
        to = contribution(p, input);
        add_reorder(p, LIST_BACKWARD, diff, to);
        diff_give(p, diff);
    }
    contribute(p, input, to);
}

static void plan_dropout(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    struct tensor in = p->node[n->input[0]].value;
    if (!p->e->opts.training || n->rate == 0) {
        np->value = in;
        return;
    }
    np->value = local(p, &in.md);
    np->mask = local(p, &in.md);
    struct step *s = add_own(p, LIST_FORWARD, STEP_DROPOUT, in, np->value);
    s->arg[2] = np->mask;
    s->n_args = 3;
    s->rate = n->rate;
}

static void plan_dropout_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct tensor to = contribution_in_place(p, i);
    if (n->rate > 0) {
        struct step *s = add_own(p, LIST_BACKWARD, STEP_DROPOUT_BACK, to, to);
        s->arg[2] = p->node[i].mask;
        s->n_args = 3;
    }
    contribute(p, n->input[0], to);
}

static void plan_softmax(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    struct node_plan *np = &p->node[i];
    dnnl_memory_desc_t plain = plain_image(p, n->out);
    np->source = as(p, LIST_FORWARD, p->node[n->input[0]].value, &plain);
    np->value = local(p, &plain);
    struct step *s = add_own(p, LIST_FORWARD, STEP_SOFTMAX, np->source, np->value);
    s->rows = (size_t)p->e->opts.shard;
    s->count = (size_t)n->out.c;
}

static void plan_softmax_back(struct plan *p, int i)
{
    const struct node *n = &p->e->g->node[i];
    int input = n->input[0];
    struct tensor diff = contribution_in_place(p, i), to = diff;
    struct step *s = add_own(p, LIST_BACKWARD, STEP_SOFTMAX_BACK, diff, diff);
    s->rows = (size_t)p->e->opts.shard;
    s->count = (size_t)n->out.c;
    s->arg[2] = p->node[i].value;
    s->n_args = 3;
    if (p->status == AXM_OK && !same(&diff.md, &p->node[input].value.md)) {
        to = contribution(p, input);
        add_reorder(p, LIST_BACKWARD, diff, to);
        diff_give(p, diff);
    }
    contribute(p, input, to);
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static void plan_node(struct plan *p, int i)
{
    switch (p->e->g->node[i].op) {
    case OP_CONV:
        plan_conv(p, i);
        break;
    case OP_DENSE:
        plan_dense(p, i);
        break;
    case OP_BATCH_NORM:
        plan_batch_norm(p, i);
        break;
    case OP_RELU:
    case OP_RELU6:
        plan_relu(p, i);
        break;
    case OP_MAX_POOL:
    case OP_AVG_POOL:
    case OP_GLOBAL_AVG_POOL:
        plan_pool(p, i);
        break;
    case OP_ADD:
        plan_add(p, i);
        break;
    case OP_CONCAT:
        plan_concat(p, i, false);
        break;
    case OP_FLATTEN:
        plan_flatten(p, i);
        break;
    case OP_DROPOUT:
        plan_dropout(p, i);
        break;
    case OP_SOFTMAX:
        plan_softmax(p, i);
        break;
    default:
        assert(!"an op without a plan");
    }
}

/* Every node here has needs_diff; one without parameters has it from an input, and only concat and
 * add have more than one. */
static void plan_node_back(struct plan *p, int i)
{
    switch (p->e->g->node[i].op) {
    case OP_CONV:
        plan_conv_back(p, i);
        break;
    case OP_DENSE:
        plan_dense_back(p, i);
        break;
    case OP_BATCH_NORM:
        plan_batch_norm_back(p, i);
        break;
    case OP_RELU:
    case OP_RELU6:
        plan_relu_back(p, i);
        break;
    case OP_MAX_POOL:
    case OP_AVG_POOL:
    case OP_GLOBAL_AVG_POOL:
        plan_pool_back(p, i);
        break;
    case OP_ADD:
        plan_add_back(p, i);
        break;
    case OP_CONCAT:
        plan_concat(p, i, true);
        break;
    case OP_FLATTEN:
        plan_flatten_back(p, i);
        break;
    case OP_DROPOUT:
        plan_dropout_back(p, i);
        break;
    case OP_SOFTMAX:
        plan_softmax_back(p, i);
        break;
    default:
        assert(!"an op without a plan");
    }
    if (p->node[i].has_diff)
        diff_give(p, p->node[i].diff);
}

static void survey(struct plan *p)
{
    const struct graph *g = p->e->g;
    int last = g->n_nodes - 1;
    p->output = last > 0 && g->node[last].op == OP_SOFTMAX ? g->node[last].input[0] : last;
    for (int i = 0; i <= p->output; i++) {
        const struct node *n = &g->node[i];
        p->node[i].needs_diff = n->weight || n->op == OP_BATCH_NORM;
        for (int k = 0; k < n->n_inputs; k++) {
            p->node[n->input[k]].uses++;
            p->node[i].needs_diff |= p->node[n->input[k]].needs_diff;
        }
    }
}

/* Less than this many pixels a level are not worth a table. */
enum { PIXELS_PER_LEVEL = 4 };

static void plan_levels(struct plan *p)
{
    struct executor *e = p->e;
    struct shape in = e->g->node[0].out;
    int last = levels_last(e->g);
    if (!e->opts.pixels || !last || last >= p->output || !p->node[last].needs_diff ||
        (size_t)in.h * in.w * e->opts.shard < LEVELS * PIXELS_PER_LEVEL)
        return;
    e->levels_last = last;
    dnnl_memory_desc_t blocked = describe_image(p, e->g->node[last].out, dnnl_nChw16c);
    p->node[last].value = local(p, &blocked);
    add_own(p, LIST_FORWARD, STEP_LEVELS, p->node[0].value, p->node[last].value);
}

static void plan_all(struct plan *p)
{
    struct executor *e = p->e;
    dnnl_memory_desc_t input = plain_image(p, e->g->node[0].out);
    dnnl_memory_desc_t logits = plain_image(p, e->g->node[p->output].out);
    e->scratch = add_buffer(p, &e->local, 0);
    p->node[0].value = local(p, &input);
    e->input = p->node[0].value.at;
    plan_levels(p);
    for (int i = e->levels_last + 1; i <= p->output && p->status == AXM_OK; i++)
        plan_node(p, i);
    if (p->status != AXM_OK)
        return;
    e->logits = as(p, LIST_FORWARD, p->node[p->output].value, &logits).at;
    if (e->opts.training && p->node[p->output].needs_diff) {
        /* Not among the buffers that are used again: the caller fills it. */
        struct tensor diff = local(p, &logits), to = contribution(p, p->output);
        e->logits_diff = diff.at;
        add_reorder(p, LIST_BACKWARD, diff, to);
        contribute(p, p->output, to);
        for (int i = p->output; i > e->levels_last && p->status == AXM_OK; i--)
            if (p->node[i].needs_diff && p->node[i].has_diff)
                plan_node_back(p, i);
        if (e->levels_last)
            add_own(p, LIST_BACKWARD, STEP_LEVELS_BACK, p->node[e->levels_last].diff,
                    p->node[e->levels_last].diff);
    }
    if (p->status == AXM_OK)
        e->local.bytes[e->scratch] = e->scratch_bytes;
}

enum axm_status executor_plan(struct executor *e)
{
    size_t n = (size_t)e->g->n_nodes;
    struct plan p = { .e = e, .node = calloc(n, sizeof *p.node),
                      /* A node holds its own diff and takes at most two more. */
                      .diff = calloc(3 * n + 3, sizeof *p.diff) };
    e->shard_mean = calloc(n, sizeof *e->shard_mean);
    e->shard_variance = calloc(n, sizeof *e->shard_variance);
    if (!p.node || !p.diff || !e->shard_mean || !e->shard_variance)
        failed(&p, out_of_memory(&p));
    else if (!dnnl_failed(&p, dnnl_primitive_attr_create(&p.attr), "attributes") &&
             !dnnl_failed(&p, dnnl_primitive_attr_set_scratchpad_mode(p.attr, dnnl_scratchpad_mode_user),
                          "attributes")) {
        survey(&p);
        plan_all(&p);
    }
    for (size_t i = 0; p.node && i < n; i++)
        destroy_pds(&p.node[i]);
    if (p.attr)
        dnnl_primitive_attr_destroy(p.attr);
    free(p.node);
    free(p.diff);
    return p.status;
}
