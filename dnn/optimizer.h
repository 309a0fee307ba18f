/* Steps of AdamW and SGD over flat parameters, and the learning rates of the schedules. */
#ifndef AXM_DNN_OPTIMIZER_H
#define AXM_DNN_OPTIMIZER_H

#include "dnn/params.h"
#include "dnn/train.h"

/* Learning rate of step `step` (0..steps - 1) of `steps`, steps_per_epoch of them an epoch.
 *
 *   constant    lr
 *   step        lr times step_factor for every step_epochs epochs that are over
 *   cosine      from lr at the first step to 0 after the last
 *   one-cycle   lr / 25 at the first step, along a half cosine to lr after 30 % of the steps, along
 *               another one to lr / 250,000 at the last (Smith 2018, arXiv:1803.09820) */
double schedule_lr(const struct train_opts *o, uint64_t step, uint64_t steps, uint64_t steps_per_epoch);

/* Moments: SGD uses the first (its velocity) only. */
struct optimizer_state {
    float *params, *moment1, *moment2;
};

/* Elements first .. first + count - 1 of one step; grad[k] are n gradients, which are added in
 * ascending order.  step counts from 1.
 *
 *   AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101): m = .9 m + .1 g, v = .999 v + .001 g^2,
 *     p -= lr (m / (1 - .9^step) / (sqrt(v / (1 - .999^step)) + 1e-8) + decay p)
 *   SGD: m = momentum m + g + decay p, p -= lr m */
void optimizer_step(const struct train_opts *o, struct optimizer_state *s, size_t first, size_t count,
                    bool decay, const float *const *grad, int n, uint64_t step, double lr);

#endif
