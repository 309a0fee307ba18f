#include "dnn/params.h"

#include <stdlib.h>
#include <string.h>

float *params_new(size_t count)
{
    size_t bytes = (count * sizeof(float) + 63) & ~(size_t)63;
    float *p = aligned_alloc(64, bytes ? bytes : 64);
    if (p)
        memset(p, 0, bytes ? bytes : 64);
    return p;
}

static size_t take(size_t *used, size_t count)
{
    size_t at = *used;
    *used += (count + 15) & ~(size_t)15;
    return at;
}

static size_t take_range(struct param_map *m, size_t count, bool decay)
{
    size_t at = take(&m->count, count);
    m->range[m->n_ranges++] = (struct param_range){ at, count, decay };
    return at;
}

enum axm_status param_map_init(const struct graph *g, struct param_map *m)
{
    *m = (struct param_map){
        .slot = calloc((size_t)g->n_nodes, sizeof *m->slot),
        .range = calloc(3 * (size_t)g->n_nodes, sizeof *m->range),
    };
    if (!m->slot || !m->range) {
        param_map_release(m);
        return fail(AXM_ENV, "%s: out of memory for its parameters", g->name);
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        struct param_slot *s = &m->slot[i];
        size_t c = (size_t)n->out.c;
        *s = (struct param_slot){ PARAM_NONE, PARAM_NONE, PARAM_NONE, PARAM_NONE, PARAM_NONE };
        if (n->weight)
            s->weight = take_range(m, node_weight_count(g, n), true);
        if (n->bias)
            s->bias = take_range(m, c, false);
        if (n->op == OP_BATCH_NORM) {
            s->scale_shift = take_range(m, 2 * c, false);
            s->mean = take(&m->stats, c);
            s->variance = take(&m->stats, c);
        }
    }
    return AXM_OK;
}

void param_map_release(struct param_map *m)
{
    free(m->slot);
    free(m->range);
    *m = (struct param_map){ 0 };
}

/* One node's tensors beside their places in the vectors. */
struct pair {
    float *tensor, *flat;
    size_t count;
};

enum { PAIRS = 6 };

static void pairs_of(const struct graph *g, const struct param_map *m, int node, float *params, float *stats,
                     struct pair pair[PAIRS])
{
    const struct node *n = &g->node[node];
    const struct param_slot *s = &m->slot[node];
    size_t c = (size_t)n->out.c;
    memset(pair, 0, PAIRS * sizeof *pair);
    if (s->weight != PARAM_NONE)
        pair[0] = (struct pair){ n->weight, params + s->weight, node_weight_count(g, n) };
    if (s->bias != PARAM_NONE)
        pair[1] = (struct pair){ n->bias, params + s->bias, c };
    if (s->scale_shift != PARAM_NONE) {
        pair[2] = (struct pair){ n->gamma, params + s->scale_shift, c };
        pair[3] = (struct pair){ n->beta, params + s->scale_shift + c, c };
        pair[4] = (struct pair){ n->mean, stats + s->mean, c };
        pair[5] = (struct pair){ n->variance, stats + s->variance, c };
    }
}

void params_from_graph(const struct graph *g, const struct param_map *m, float *params, float *stats)
{
    struct pair pair[PAIRS];
    for (int i = 0; i < g->n_nodes; i++) {
        pairs_of(g, m, i, params, stats, pair);
        for (int k = 0; k < PAIRS; k++)
            if (pair[k].count)
                memcpy(pair[k].flat, pair[k].tensor, pair[k].count * sizeof(float));
    }
}

void params_to_graph(struct graph *g, const struct param_map *m, const float *params, const float *stats)
{
    struct pair pair[PAIRS];
    for (int i = 0; i < g->n_nodes; i++) {
        pairs_of(g, m, i, (float *)params, (float *)stats, pair);
        for (int k = 0; k < PAIRS; k++)
            if (pair[k].count)
                memcpy(pair[k].tensor, pair[k].flat, pair[k].count * sizeof(float));
    }
}
