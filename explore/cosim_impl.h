/* What the parts of cosim.c share: the layers as matrix products, a batch, and what a difference is. */
#ifndef AXM_EXPLORE_COSIM_IMPL_H
#define AXM_EXPLORE_COSIM_IMPL_H

#include <pthread.h>

#include "explore/cosim.h"
#include "sim/array.h"
#include "sim/sliced.h"

/* A layer as a product of matrices, one per group: outputs n, inputs k of each, positions of an image. */
struct geometry {
    const struct qnode *node;
    struct shape in, out;
    size_t groups, n, k, positions;    /* n and k of one group */
    int zero_x;                        /* code of padding */
};

/* What the hardware models need of a layer, made once. */
struct layer {
    struct geometry geometry;
    struct cosim_layer spec;
    struct axm_mul *mul;
    unsigned mode;
    int32_t zero_product;
    struct axm_lut lut;                /* COSIM_RTL, as the array's order wants it */
    bool array_weight_is_a;
    int pool_node;                     /* what the array pools, or -1 */
    struct array_pool pool;
    struct gemm *gemm;
    struct gemm_weights **weights;     /* [groups]: dnn/'s own product, the expected accumulators */
    struct sliced *sliced;
    /* Elements of the input (c, h, w order), the one behind the last: padding.  Lanes:
     * [groups][positions][k]; arrays: [groups][k][positions]. */
    uint32_t *index;
    uint8_t *hardware_weight;          /* of all groups */
};

/* What one batch adds to the result. */
struct tally {
    uint64_t sums, codes;
    struct cosim_mismatch mismatch;
    struct cosim_layer_result *layer;  /* [layers] */
};

struct run {
    const struct qgraph *q;
    const struct cosim_opts *o;
    const struct images *im;
    size_t first, n;
    int n_layers;
    struct layer *layer;
    struct infer *infer;
    struct array_sim ***array;         /* [workers][layers]: shared where the configuration is the same */
    struct lanes **lanes;              /* [workers]: what cosim_lanes.c works in */
    void **dump;                       /* [workers][n_dumped]: outputs of a batch, NULL until the first */
    int *dumped, n_dumped;             /* nodes whose codes are compared or go into a layer */
    int workers;
    struct tally *tally;               /* [workers] */
    const struct cosim_mismatch *locate;   /* run again to see when this came; else NULL */
    struct progress *progress;
    pthread_mutex_t lock;              /* of the rest */
    struct cosim_state state;          /* done, and result: what the caller gets */
    bool unsaved;
    double saved_s;                    /* when */
};

/* A batch of one layer. */
struct work {
    int layer, worker;
    size_t image, images;       /* first, relative to the run; how many */
    const uint8_t *x;           /* [images][in] codes */
    const void *expected;       /* [images][out] codes, or int32 logits */
    const uint8_t *pooled;      /* the same of pool_node */
};

/* What the models of the hardware multiply with. */
static inline const uint8_t *hardware_weights(const struct layer *l, size_t group)
{
    return l->hardware_weight + group * l->geometry.n * l->geometry.k;
}

/* Image and position are those of the batch.  The first one of a batch stays. */
void cosim_report(struct run *r, const struct work *w, size_t image, size_t channel, size_t position,
                  bool accumulator, int32_t expected, int32_t actual);
/* Adds to the batch's counters; codes, sums: that were compared. */
void cosim_count(struct run *r, const struct work *w, const struct array_counters *c, uint64_t codes,
                 uint64_t sums);

/* Runs a batch; what came of it is in the worker's tally.  And adds that to the result, unless st. */
enum axm_status cosim_batch(struct run *r, size_t batch, int worker) AXM_MUST_CHECK;
enum axm_status cosim_batch_done(struct run *r, size_t batch, const struct tally *t,
                                 enum axm_status st) AXM_MUST_CHECK;

size_t cosim_batch_images(const struct run *r, size_t batch);

/* All batches on r->workers processes. */
enum axm_status cosim_run_processes(struct run *r) AXM_MUST_CHECK;

/* COSIM_CYCLE and COSIM_BITSLICE: images are lanes of compiled gates. */
enum axm_status cosim_on_gates(struct run *r, const struct work *w) AXM_MUST_CHECK;
void cosim_lanes_free(struct lanes *s);

#endif
