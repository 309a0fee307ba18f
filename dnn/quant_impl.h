/* What the files of quantization share. */
#ifndef AXM_DNN_QUANT_IMPL_H
#define AXM_DNN_QUANT_IMPL_H

#include "dnn/quant.h"

/* All float outputs of image number `index`, as reference_forward() gives them. */
enum axm_status calibration_forward(const struct graph *g, const struct images *im, size_t index,
                                    struct arena *arena, float ***value) AXM_MUST_CHECK;

/* Rescales channels of a folded graph in place, by their largest activations over images index[0..n-1]. */
enum axm_status quant_equalise(struct graph *g, const struct images *im, const size_t *index, size_t n)
    AXM_MUST_CHECK;

#endif
