/* A quantized network run with any multipliers: fast, threaded, bit-equal to reference.h. */
#ifndef AXM_DNN_INFER_H
#define AXM_DNN_INFER_H

#include "dnn/data.h"
#include "dnn/gemm.h"
#include "dnn/qgraph.h"

/* What multiplies in each layer.  Index i is the i-th node that multiplies (conv or dense), in graph order.
 * */
struct layer_mult {
    const struct axm_mul *mul;     /* borrowed */
    bool weight_is_a;
};

/* The first paper's authors' order: the weight is a in convolutions, b in dense layers. */
bool infer_default_weight_is_a(const struct qnode *n);

struct infer_opts {
    int level;                     /* enum gemm_level or -1 */
    bool memoise;                  /* nodes that are a function of one input byte are tabulated (bit-equal) */
};

struct infer;                      /* a network with its multipliers, packed; immutable, shared by threads */

/* Signedness and widths of the multipliers must fit the scheme: AXM_USAGE naming layer and multiplier.
 * q is borrowed.  layers: one entry, used for all, or one per layer. */
enum axm_status infer_open(const struct qgraph *q, const struct layer_mult *layer, int n_layers,
                           const struct infer_opts *o, struct infer **out) AXM_MUST_CHECK;
void infer_close(struct infer *in);
int infer_layers(const struct qgraph *q);                 /* nodes that multiply */
int infer_layer_node(const struct qgraph *q, int layer);  /* its index in q->node */
/* Plan of a layer, and "memoised: a function of one byte" where it is. */
const char *infer_describe(const struct infer *in, int layer);

/* Images first .. first + n - 1 of im, in batches on all threads.  logits: [n][classes] int32, may be
 * NULL; label: [n], the argmax (lowest of equals). */
enum axm_status infer_run(const struct infer *in, const struct images *im, size_t first, size_t n, int32_t
                          *logits,
                          uint8_t *label) AXM_MUST_CHECK;

/* Output codes of one node for the same images: [n][c][h][w], patterns as in qgraph.h (logits: int32). */
enum axm_status infer_dump(const struct infer *in, int node, const struct images *im, size_t first, size_t n,
                           void *out) AXM_MUST_CHECK;

/* Continuing from a node: the outputs of `node` (as infer_dump() gives them, [n][...]) stand in for
 * everything before it; the search evaluates many assignments that share a prefix.  AXM_USAGE unless every
 * path
 * from the input passes through node. */
enum axm_status infer_run_from(const struct infer *in, int node, const void *value, size_t n, int32_t *logits,
                               uint8_t *label) AXM_MUST_CHECK;

/* Operand pairs (a, b patterns) of a layer in the order in which a weight-stationary array's multiplier
 * for (n, k) would see them, see docs/formats.md; fn is called with batches, until max_pairs are out. */
enum axm_status infer_trace(const struct infer *in, int layer, const struct images *im, size_t first, size_t
                            n,
                            size_t max_pairs, enum axm_status (*fn)(void *ctx, const uint32_t *a, const
                                                               uint32_t *b,
                            size_t count), void *ctx) AXM_MUST_CHECK;

#endif
