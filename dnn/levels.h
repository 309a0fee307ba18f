/* The first layers of a network whose input is one channel of 8-bit pixels.
 *
 * As long as a node looks at one pixel (1x1 convolutions, batch norm, ReLU), its output is a function of
 * that pixel's level, and there are 256 of these.  So the nodes up to the first one that looks around are
 * computed once a level, batch norm weighing each by how often it occurs in the shard, and the
 * result is looked up for each pixel; backwards, the diffs of the pixels of a level are added
 * first.  This is what the layers compute, up to the order of float additions, at a hundredth of the
 * work: 28 x 28 x 32 pixels have 256 levels. */
#ifndef AXM_DNN_LEVELS_H
#define AXM_DNN_LEVELS_H

#include "dnn/params.h"

enum { LEVELS = 256, LEVELS_BLOCK = 16 };

/* Last node of that part, 0 if there is none.  Nothing but the next of them reads one of its nodes. */
int levels_last(const struct graph *g);

/* A worker's tables. */
struct levels;
struct levels *levels_new(const struct graph *g, const struct param_map *m, int images, bool training);
void levels_free(struct levels *l);   /* NULL is fine */

uint8_t *levels_pixels(struct levels *l);   /* [images][h][w], to be filled before a pass */

/* out: [images][blocks of 16 channels][h * w][16], what is beyond the channels 0. */
void levels_forward(struct levels *l, const float *params, const float *stats, float *out);
/* diff: laid out as out; grad: of the parameters of these nodes, overwritten. */
void levels_backward(struct levels *l, const float *params, const float *diff, float *grad);
/* Mean and variance in the last forward pass in training, laid out as stats. */
void levels_shard_stats(const struct levels *l, float *stats);

#endif
