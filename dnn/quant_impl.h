/* What the files of quantization share. */
#ifndef AXM_DNN_QUANT_IMPL_H
#define AXM_DNN_QUANT_IMPL_H

#include "dnn/quant.h"

/* Values that codes have to hold. */
struct range {
    double lo, hi;
};

/* (pixel / 255 - mean) / std of the network's input. */
double pixel_value(const struct graph *g, size_t channel, int pixel);

/* All float outputs of image number `index`, as float_forward() gives them. */
enum axm_status calibration_forward(const struct graph *g, const struct images *im, size_t index,
                                    struct arena *arena, float ***value) AXM_MUST_CHECK;

/* Ranges of the outputs of each node over images index[0..n-1], clipped as o says: range[g->n_nodes].  The
 * same for any number of threads. */
enum axm_status calibrate(const struct graph *g, const struct images *im, const size_t *index, size_t n,
                          const struct quant_opts *o, struct range *range) AXM_MUST_CHECK;

/* Range of n weights that share a scale, clipped as o says. */
enum axm_status calibrate_weights(const struct quant_opts *o, const float *w, size_t n,
                                  struct range *out) AXM_MUST_CHECK;

/* Rescales channels of a folded graph in place, by their largest activations over images index[0..n-1]. */
enum axm_status quant_equalise(struct graph *g, const struct images *im, const size_t *index, size_t n)
    AXM_MUST_CHECK;

/* Fills report->node[].sqnr_db: q against g, from which it was made, on images index[0..n-1].  place[i]: node
 * of q that computes node i of g. */
enum axm_status quant_compare(const struct graph *g, const struct qgraph *q, const int *place,
                              const struct images *im, const size_t *index, size_t n,
                              struct quant_report *report) AXM_MUST_CHECK;

#endif
