/* Channels brought to comparable ranges before quantization.
 *
 * ReLU and the pools commute with positive factors: dividing the outputs of a channel by s and multiplying
 * what the
 * next layer does with them by s changes nothing in float (Nagel et al. 2019, doi:10.1109/ICCV.2019.00141).
 * s is chosen so that a channel's largest activation and its largest weight in the next layer become equal
 * up to a
 * common factor (Xiao et al. 2023, SmoothQuant, exponent one half): merged batch norms spread both over
 * orders
 * of magnitude, which one scale per tensor cannot follow.  Channels that are zero on all calibration images
 * are taken to be so always: what the next layer does with them becomes zero. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "dnn/quant_impl.h"
#include "dnn/reference.h"

/* Layer `to` reads the channels of layer `from` through nothing but ReLUs, pools and flatten. */
struct pair {
    int from, to;
    size_t plane;              /* inputs of `to` per channel */
};

static int only_reader(const struct graph *g, int node)
{
    int reader = -1;
    for (int i = node + 1; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_inputs; k++) {
            if (g->node[i].input[k] != node)
                continue;
            if (reader >= 0)
                return -1;
            reader = i;
        }
    return reader;
}

static bool find_pair(const struct graph *g, int from, struct pair *out)
{
    int at = from;
    for (;;) {
        int next = only_reader(g, at);
        if (next < 0)
            return false;
        const struct node *n = &g->node[next];
        switch (n->op) {
        case OP_RELU:
        case OP_MAX_POOL:
        case OP_AVG_POOL:
        case OP_GLOBAL_AVG_POOL:
        case OP_FLATTEN:
            at = next;
            break;
        case OP_CONV:
        case OP_DENSE:
            *out = (struct pair){ from, next, node_weight_count(g, n) / (size_t)n->out.c /
                                                  (size_t)g->node[from].out.c };
            return n->groups == 1;
        default:
            return false;
        }
    }
}

static void apply(struct graph *g, const struct pair *p, const float *largest)
{
    struct node *from = &g->node[p->from], *to = &g->node[p->to];
    size_t k_from = node_weight_count(g, from) / (size_t)from->out.c;
    size_t k_to = node_weight_count(g, to) / (size_t)to->out.c;
    for (size_t c = 0; c < (size_t)from->out.c; c++) {
        double weight = 0, act = (double)largest[c];
        for (size_t o = 0; o < (size_t)to->out.c; o++)
            for (size_t j = 0; j < p->plane; j++)
                weight = fmax(weight, fabs((double)to->weight[o * k_to + c * p->plane + j]));
        double s = act > 0 && weight > 0 ? sqrt(act / weight) : act > 0 ? act : 1;
        for (size_t j = 0; j < k_from; j++)
            from->weight[c * k_from + j] = (float)((double)from->weight[c * k_from + j] / s);
        from->bias[c] = (float)((double)from->bias[c] / s);
        for (size_t o = 0; o < (size_t)to->out.c; o++)
            for (size_t j = 0; j < p->plane; j++) {
                float *w = &to->weight[o * k_to + c * p->plane + j];
                *w = act > 0 ? (float)((double)*w * s) : 0;
            }
    }
}

/* Largest |output| of each channel of each node that begins a pair, over the images. */
struct largest_run {
    const struct graph *g;
    const struct images *im;
    const size_t *index;
    const struct pair *pair;
    int n_pairs;
    float **largest;           /* [workers][pairs]... by pair: [channels], one set a worker */
    size_t channels;           /* of all pairs together */
};

static enum axm_status largest_of_image(void *ctx, size_t item, int worker)
{
    struct largest_run *r = ctx;
    struct arena arena = { 0 };
    float **value;
    enum axm_status st = calibration_forward(r->g, r->im, r->index[item], &arena, &value);
    float *all = r->largest[worker];
    for (int i = 0; i < r->n_pairs && st == AXM_OK; i++) {
        int at = r->pair[i].from;
        int next = only_reader(r->g, at);
        if (next >= 0 && r->g->node[next].op == OP_RELU)
            at = next;
        struct shape s = r->g->node[at].out;
        size_t plane = (size_t)s.h * s.w;
        for (size_t c = 0; c < (size_t)s.c; c++)
            for (size_t k = 0; k < plane; k++)
                all[c] = fmaxf(all[c], fabsf(value[at][c * plane + k]));
        all += s.c;
    }
    arena_release(&arena);
    return st;
}

enum axm_status quant_equalise(struct graph *g, const struct images *im, const size_t *index, size_t n)
{
    int workers = pool_threads();
    struct pair *pair = calloc((size_t)g->n_nodes, sizeof *pair);
    struct largest_run r = { .g = g, .im = im, .index = index, .pair = pair };
    r.largest = calloc((size_t)workers, sizeof *r.largest);
    enum axm_status st = pair && r.largest ? AXM_OK : fail(AXM_ENV, "%s: out of memory", g->name);
    for (int i = 0; i < g->n_nodes && st == AXM_OK; i++)
        if ((g->node[i].op == OP_CONV || g->node[i].op == OP_DENSE) && find_pair(g, i, &pair[r.n_pairs]))
            r.channels += (size_t)g->node[pair[r.n_pairs++].from].out.c;
    for (int w = 0; w < workers && st == AXM_OK; w++)
        if (!(r.largest[w] = calloc(r.channels + 1, sizeof **r.largest)))
            st = fail(AXM_ENV, "%s: out of memory", g->name);
    if (st == AXM_OK)
        st = pool_run(n, largest_of_image, &r);
    for (int w = 1; w < workers && st == AXM_OK; w++)
        for (size_t c = 0; c < r.channels; c++)
            r.largest[0][c] = fmaxf(r.largest[0][c], r.largest[w][c]);
    const float *largest = st == AXM_OK ? r.largest[0] : NULL;
    /* A pair divides its first layer's outputs by s: what follows of that layer's own inputs keeps its
        measure. */
    for (int i = 0; i < r.n_pairs && st == AXM_OK; i++) {
        apply(g, &pair[i], largest);
        largest += g->node[pair[i].from].out.c;
    }
    for (int w = 0; w < workers && r.largest; w++)
        free(r.largest[w]);
    free(r.largest);
    free(pair);
    return st;
}
