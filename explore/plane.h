/* The information plane of a network: I(X;T) and I(T;Y) of its layers' activations, exact for the images
 * given (Lorenzen et al. 2021).  docs/information-plane.md has the definitions.
 *
 * X is the image, one of N alike; T is a function of it, so that I(X;T) = H(T); Y is the label:
 *     H(T)   = log2 N - 1/N sum_t c_t log2 c_t
 *     I(T;Y) = H(T) - H(T|Y),   H(T|Y) = 1/N (sum_y c_y log2 c_y - sum_{t,y} c_ty log2 c_ty)
 * c_t, c_y and c_ty are how many images have that symbol, that label, and both. */
#ifndef AXM_EXPLORE_PLANE_H
#define AXM_EXPLORE_PLANE_H

#include "dnn/infer.h"

enum plane_variant {
    PLANE_VECTOR,    /* the symbol is all codes of the layer, told apart by a 128-bit hash */
    PLANE_NEURON,    /* the symbol is one output's code; means over the outputs */
};

struct plane_opts {
    enum plane_variant variant;
    bool all_nodes;  /* else one node per layer that multiplies: plane_layer_node() */
};

struct plane_row {
    int node;
    double i_xt_bits;     /* H(T) */
    double i_ty_bits;
    double distinct;      /* different symbols; PLANE_NEURON: mean over the outputs */
    size_t n;             /* images */
};

/* Node that holds the layer's activations: its own, or that of the batch norms and ReLUs which alone
 * follow it. */
int plane_layer_node(const struct qgraph *q, int layer);

/* value: [n][bytes], a symbol each; label: [n], below classes.  AXM_USAGE if n is 0 or a label is out of
 * range.  out->node is not touched. */
enum axm_status plane_symbols(const void *value, size_t bytes, const uint8_t *label, size_t n, int classes,
                              struct plane_row *out) AXM_MUST_CHECK;

/* All images through the network.  *rows: in node order, freed by the caller; the same for any number of
 * threads.  In scheme ace the symbol is the codes, without the scale of the image. */
enum axm_status plane_run(const struct qgraph *q, const struct infer *in, const struct images *im,
                          const struct plane_opts *o, struct plane_row **rows, int *n_rows) AXM_MUST_CHECK;

/* Float activations as codes: how many of bins - 1 edges, one set a node, are not above the value.
 *     uniform    the edges cut [lowest, highest] of the node over all images into equal parts
 *     adaptive   edge k is the value of rank floor(k * m / bins) among the m of a sample of evenly spaced
 *                images (all of up to 256): about as many values in each bin, ties permitting */
enum plane_rule { PLANE_UNIFORM, PLANE_ADAPTIVE };
enum { PLANE_BINS_MAX = 256 };

/* The same of a float network, best one that quant_fold() has freed of dropout and batch norms.  bins:
 * 2..PLANE_BINS_MAX.  Rows name nodes of g. */
enum axm_status plane_run_float(const struct graph *g, const struct images *im, enum plane_rule rule,
                                int bins, const struct plane_opts *o, struct plane_row **rows,
                                int *n_rows) AXM_MUST_CHECK;

#endif
