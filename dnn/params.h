/* The parameters of a graph as flat vectors, which is how optimizers and checkpoints see them.
 *
 * params: what is trained (weights, biases, gamma and beta); stats: running mean and variance of batch
 * norm.  Offsets are in floats and multiples of 16; what lies between is zero and stays it. */
#ifndef AXM_DNN_PARAMS_H
#define AXM_DNN_PARAMS_H

#include "dnn/graph.h"

#define PARAM_NONE ((size_t)-1)

/* Of one node; PARAM_NONE where it has none. */
struct param_slot {
    size_t weight, bias;      /* in params */
    size_t scale_shift;       /* in params: gamma [c], then beta [c] */
    size_t mean, variance;    /* in stats */
};

/* Part of params that weight decay applies to, or not. */
struct param_range {
    size_t first, count;
    bool decay;
};

struct param_map {
    struct param_slot *slot;       /* [n_nodes] */
    struct param_range *range;     /* [n_ranges], ascending; together all parameters */
    int n_ranges;
    size_t count, stats;           /* floats in all */
};

enum axm_status param_map_init(const struct graph *g, struct param_map *m) AXM_MUST_CHECK;
void param_map_release(struct param_map *m);
void params_from_graph(const struct graph *g, const struct param_map *m, float *params, float *stats);
void params_to_graph(struct graph *g, const struct param_map *m, const float *params, const float *stats);

/* Zeroed and 64-byte aligned; NULL if out of memory.  Free with free(). */
float *params_new(size_t count);

#endif
