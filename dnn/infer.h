/* A quantized network run with any multipliers: fast, threaded, bit-equal to reference.h. */
#ifndef AXM_DNN_INFER_H
#define AXM_DNN_INFER_H

#include "base/progress.h"
#include "dnn/data.h"
#include "dnn/gemm.h"
#include "dnn/qgraph.h"

/* What multiplies in each layer.  Index i is the i-th node that multiplies (conv or dense), in graph
 * order. */
struct layer_mult {
    const struct axm_mul *mul;     /* borrowed until infer_close() */
    bool weight_is_a;
};

/* The first paper's authors' order: the weight is a in convolutions, b in dense layers. */
bool infer_default_weight_is_a(const struct qnode *n);

struct infer_opts {
    int level;                     /* enum gemm_level or -1 */
    bool memoise;                  /* nodes that are a function of one input byte are tabulated (bit-equal) */
    struct progress *progress;     /* told of every image that infer_run() has done; may be NULL */
};

struct infer;                      /* a network with its multipliers, packed; immutable, shared by threads */

/* Signedness and widths of the multipliers must fit the scheme, and no accumulator may leave int32:
 * AXM_USAGE naming layer and multiplier.  q is borrowed and has passed qgraph_check().  layer: one entry,
 * used for all, or one per layer. */
enum axm_status infer_open(const struct qgraph *q, const struct layer_mult *layer, int n_layers,
                           const struct infer_opts *o, struct infer **out) AXM_MUST_CHECK;
void infer_close(struct infer *in);                       /* NULL is fine */
int infer_layers(const struct qgraph *q);                 /* nodes that multiply */
int infer_layer_node(const struct qgraph *q, int layer);  /* its index in q->node */
/* Plan of a layer, and "memoised: a function of one byte" where it is. */
const char *infer_describe(const struct infer *in, int layer);

/* Images first .. first + n - 1 of im, in batches on all threads.  logits: [n][outputs of the last node]
 * int32 (codes as values if that node gives codes), may be NULL; label: [n], the argmax (lowest of
 * equals), may be NULL. */
enum axm_status infer_run(const struct infer *in, const struct images *im, size_t first, size_t n,
                          int32_t *logits, uint16_t *label) AXM_MUST_CHECK;

/* Outputs of one node for the same images: [n][c][h][w], patterns as in qgraph.h (logits: int32).
 * scale: scheme ace, [n], what the codes of each image stand for; else, or NULL, not touched. */
enum axm_status infer_dump(const struct infer *in, int node, const struct images *im, size_t first, size_t n,
                           void *out, double *scale) AXM_MUST_CHECK;
/* Outputs of several nodes, each named once, in one pass: out[i] as infer_dump() gives it for node[i].
 * Not in scheme ace. */
enum axm_status infer_dump_nodes(const struct infer *in, const int *node, int n_nodes,
                                 const struct images *im, size_t first, size_t n,
                                 void *const *out) AXM_MUST_CHECK;
static inline size_t infer_dump_bytes(const struct qnode *n)   /* of one image */
{
    return shape_count(n->out) * (n->is_logits ? sizeof(int32_t) : 1);
}

/* Continuing from a node: the outputs of `node` (as infer_dump() gives them, [n][...], with scale in scheme
 * ace) stand in for everything before it; the search evaluates many assignments that share a prefix.
 * AXM_USAGE unless every path from the input passes through node. */
enum axm_status infer_run_from(const struct infer *in, int node, const void *value, const double *scale,
                               size_t n, int32_t *logits, uint16_t *label) AXM_MUST_CHECK;

/* The same as far as node target: infer_dump() with node's outputs given. */
enum axm_status infer_dump_from(const struct infer *in, int node, const void *value, const double *scale,
                                size_t n, int target, void *out, double *out_scale) AXM_MUST_CHECK;
/* The node is looked up from the pixels, so that its outputs cost next to nothing. */
bool infer_memoised(const struct infer *in, int node);

/* Operand pairs (a, b patterns) of a layer as a weight-stationary array sees them: the multiplier at
 * (n, k) keeps weight w[n][k] and meets x[k][m] for m = 0, 1, ... (image by image, row by row).
 *
 * With N x K multipliers and M columns (images times output positions): all N * K * M pairs, multiplier by
 * multiplier, if they are at most max_pairs.  Else max_pairs pairs in runs of L = min(M, max(64,
 * ceil(max_pairs / (N * K)))) columns in a row: run r of R is that of multiplier r * N * K / R and
 * begins at column r * L mod (M - L + 1); so the runs are spread over weights and images, and within one the
 * order is the hardware's.  fn is called with batches. */
typedef enum axm_status infer_pairs_fn(void *ctx, const uint32_t *a, const uint32_t *b, size_t count);
enum axm_status infer_trace(const struct infer *in, int layer, const struct images *im, size_t first,
                            size_t n, size_t max_pairs, infer_pairs_fn *fn, void *ctx) AXM_MUST_CHECK;

#endif
