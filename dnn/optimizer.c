#include "dnn/optimizer.h"

#include <math.h>

#define PI 3.14159265358979323846

/* From a at 0 to b at 1, level at both ends. */
static double half_cosine(double a, double b, double t)
{
    return b + 0.5 * (a - b) * (1 + cos(PI * t));
}

static double one_cycle(double lr, uint64_t step, uint64_t steps)
{
    double last = (double)steps - 1, top = floor(0.3 * last), at = (double)step;
    if (at < top)
        return half_cosine(lr / 25, lr, at / top);
    return last > top ? half_cosine(lr, lr / 250000, (at - top) / (last - top)) : lr;
}

double schedule_lr(const struct train_opts *o, uint64_t step, uint64_t steps, uint64_t steps_per_epoch)
{
    switch (o->schedule) {
    case SCHED_STEP:
        return o->lr * pow(o->step_factor, (double)(step / steps_per_epoch / (uint64_t)o->step_epochs));
    case SCHED_COSINE:
        return half_cosine(o->lr, 0, (double)step / (double)steps);
    case SCHED_ONE_CYCLE:
        return one_cycle(o->lr, step, steps);
    default:
        return o->lr;
    }
}

/* sqrtf() without errno is one vector instruction. */
#define NO_ERRNO __attribute__((optimize("no-math-errno")))

enum { BLOCK = 1024 };   /* of summed gradients */

NO_ERRNO static void adamw(struct optimizer_state *s, size_t first, size_t count, const float *g, float decay,
                           uint64_t step, double lr)
{
    float *restrict p = s->params + first, *restrict m = s->moment1 + first, *restrict v = s->moment2 + first;
    float rate = (float)lr, shrink = (float)(lr * decay);
    float m_unbias = (float)(1 / (1 - pow(0.9, (double)step)));
    float v_unbias = (float)(1 / (1 - pow(0.999, (double)step)));
    for (size_t i = 0; i < count; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        p[i] -= rate * (m[i] * m_unbias) / (sqrtf(v[i] * v_unbias) + 1e-8f) + shrink * p[i];
    }
}

static void sgd(struct optimizer_state *s, size_t first, size_t count, const float *g, float decay,
                float momentum, double lr)
{
    float *restrict p = s->params + first, *restrict m = s->moment1 + first;
    for (size_t i = 0; i < count; i++) {
        m[i] = momentum * m[i] + g[i] + decay * p[i];
        p[i] -= (float)lr * m[i];
    }
}

void optimizer_step(const struct train_opts *o, struct optimizer_state *s, size_t first, size_t count,
                    bool decay, const float *const *grad, int n, uint64_t step, double lr)
{
    float sum[BLOCK], weight_decay = decay ? o->weight_decay : 0;
    for (size_t end = first + count; first < end; first += BLOCK) {
        size_t block = end - first < BLOCK ? end - first : BLOCK;
        for (size_t i = 0; i < block; i++)
            sum[i] = grad[0][first + i];
        for (int k = 1; k < n; k++)
            for (size_t i = 0; i < block; i++)
                sum[i] += grad[k][first + i];
        if (o->optimizer == OPT_ADAMW)
            adamw(s, first, block, sum, weight_decay, step, lr);
        else
            sgd(s, first, block, sum, weight_decay, o->momentum, lr);
    }
}
