/* A graph compiled for oneDNN's C API: forward and backward passes over shards of a fixed number of
 * images, one shard on one thread.
 *
 * All primitives are created and all memory is allocated once.  Convolutions choose their layout and
 * what follows keeps it; a ReLU is computed by the convolution or batch norm before it where nothing
 * else reads that. */
#ifndef AXM_DNN_EXECUTOR_H
#define AXM_DNN_EXECUTOR_H

#include "base/rng.h"
#include "dnn/params.h"

struct executor_opts {
    int shard;        /* images a pass */
    int workers;      /* passes at the same time */
    bool training;    /* batch norm by the shard's own statistics, dropout, backward passes */
    bool pixels;      /* the input is executor_pixels(), which lets it tabulate the first layers (levels.h) */
};

struct executor;

/* Borrows g, m and the vectors, which must stay where they are.  A softmax at the end is left out:
 * the outputs are logits. */
enum axm_status executor_new(const struct graph *g, const struct param_map *m, const float *params,
                             const float *stats, const struct executor_opts *o,
                             struct executor **out) AXM_MUST_CHECK;
void executor_free(struct executor *e);   /* NULL is fine */

/* After params changed and before the next pass, from the thread that starts the passes. */
enum axm_status executor_update(struct executor *e) AXM_MUST_CHECK;

/* A worker's buffers, plain [shard][c][h][w]. */
float *executor_input(struct executor *e, int worker);       /* normalised; not with opts.pixels */
uint8_t *executor_pixels(struct executor *e, int worker);    /* 8 bits, with opts.pixels */
const float *executor_logits(const struct executor *e, int worker);
float *executor_logits_diff(struct executor *e, int worker);   /* to be set before a backward pass */

/* From executor_input() or executor_pixels() to executor_logits().  dropout: the source of its masks, in
 * training. */
enum axm_status executor_forward(struct executor *e, int worker, struct rng *dropout) AXM_MUST_CHECK;
/* From executor_logits_diff() to the gradient of all parameters, overwritten; after a forward pass on
 * this worker. */
enum axm_status executor_backward(struct executor *e, int worker, float *grad) AXM_MUST_CHECK;
/* Mean and variance (of the population: divided by the number of values) of the last forward pass in
 * training, laid out as stats. */
void executor_shard_stats(const struct executor *e, int worker, float *stats);
/* "2.6.3" and "avx512_core_bf16": results depend on them. */
const char *onednn_version(void);
const char *onednn_cpu_isa(void);

#endif
