/* The plain versions: one loop a sum, straight from the definitions in graph.h and qgraph.h.
 * They are the oracle of everything fast, and quick enough for calibration and small tests. */
#ifndef AXM_DNN_REFERENCE_H
#define AXM_DNN_REFERENCE_H

#include "cmodel/mul.h"
#include "dnn/qgraph.h"

/* One image through a float graph in inference mode (dropout is the identity, batch norm uses mean and
 * variance).  x: [c][h][w] of node 0, normalised.  value[i] receives node i's output
 * (shape_count(out) floats, allocated from arena).  Sums in double. */
enum axm_status reference_forward(const struct graph *g, const float *x, struct arena *arena,
                                  float **value) AXM_MUST_CHECK;

/* The outputs of node i, given those of the nodes before it; i > 0. */
void reference_node(const struct graph *g, int i, float *const *value, float *out);

/* One image through a quantized graph.  pixel: [c][h][w].  mul[i]: multiplier of node i where it
 * multiplies, else ignored; weight_is_a[i]: the weight is operand a.  value[i]: int32 per element, the
 * codes as values (or logits).  acc: NULL, or [n_nodes] receives conv and dense accumulators. */
enum axm_status reference_forward_quantized(const struct qgraph *q, const uint8_t *pixel,
                                            const struct axm_mul *const *mul, const bool *weight_is_a,
                                            struct arena *arena, int32_t **value, int32_t **acc)
AXM_MUST_CHECK;

/* Index of the largest, the lowest of equals. */
int argmax_float(const float *v, int n);
int argmax_int(const int32_t *v, int n);

#endif
