/* reference_forward(), only faster: every sum is the same sum in the same order, so that the values compare
 * equal on any machine (a zero may have another sign).  Calibration runs on it. */
#ifndef AXM_DNN_FORWARD_H
#define AXM_DNN_FORWARD_H

#include "dnn/graph.h"

/* As reference_forward(). */
enum axm_status float_forward(const struct graph *g, const float *x, struct arena *arena, float **value)
    AXM_MUST_CHECK;

#endif
