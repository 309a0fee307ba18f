#include "dnn/levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct levels {
    const struct graph *g;
    const struct param_map *m;
    int last, images, blocks;
    bool training;
    size_t plane;
    uint8_t *pixel;
    double count[LEVELS];      /* pixels of each level in the shard */
    float **value;             /* of each node: [LEVELS][channels] */
    float *stats;              /* mean and variance of this shard */
    float *diff, *other;       /* [LEVELS][most channels] */
    double *sum;               /* [LEVELS][blocks * 16] */
    float *padded;             /* the same in float */
    float *transposed;         /* a weight as [in][out] */
};

static bool looks_at_one_pixel(const struct node *n)
{
    const struct window *w = &n->window;
    switch (n->op) {
    case OP_CONV:
        return w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 && !w->pad_top &&
               !w->pad_left && !w->pad_bottom && !w->pad_right && n->groups == 1;
    case OP_RELU:
    case OP_RELU6:
    case OP_BATCH_NORM:
        return true;
    default:
        return false;
    }
}

int levels_last(const struct graph *g)
{
    int last = 0;
    if (g->node[0].out.c != 1)
        return 0;
    for (int i = 1; i < g->n_nodes - 1; i++) {
        int readers = 0;
        for (int k = i; k < g->n_nodes; k++)
            for (int in = 0; in < g->node[k].n_inputs; in++)
                readers += g->node[k].input[in] == i - 1;
        if (g->node[i].input[0] != i - 1 || readers != 1 || !looks_at_one_pixel(&g->node[i]))
            break;
        last = i;
    }
    return last;
}

void levels_free(struct levels *l)
{
    if (!l)
        return;
    for (int i = 0; l->value && i <= l->last; i++)
        free(l->value[i]);
    free(l->value);
    free(l->pixel);
    free(l->stats);
    free(l->diff);
    free(l->other);
    free(l->sum);
    free(l->padded);
    free(l->transposed);
    free(l);
}

struct levels *levels_new(const struct graph *g, const struct param_map *m, int images, bool training)
{
    struct levels *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    size_t most = 1, weights = 1;
    *l = (struct levels){ .g = g, .m = m, .last = levels_last(g), .images = images, .training = training,
                          .plane = (size_t)g->node[0].out.h * g->node[0].out.w };
    l->blocks = (g->node[l->last].out.c + LEVELS_BLOCK - 1) / LEVELS_BLOCK;
    l->value = calloc((size_t)l->last + 1, sizeof *l->value);
    bool ok = l->value;
    for (int i = 0; i <= l->last && ok; i++) {
        size_t c = (size_t)g->node[i].out.c, w = i ? node_weight_count(g, &g->node[i]) : 0;
        most = c > most ? c : most;
        weights = w > weights ? w : weights;
        l->value[i] = params_new(LEVELS * c);
        ok = l->value[i];
    }
    size_t padded = (size_t)LEVELS * l->blocks * LEVELS_BLOCK;
    ok = ok && (l->pixel = calloc((size_t)images, l->plane)) && (l->stats = params_new(m->stats)) &&
         (l->diff = params_new(LEVELS * most)) && (l->other = params_new(LEVELS * most)) &&
         (l->sum = calloc(padded, sizeof *l->sum)) && (l->padded = params_new(padded)) &&
         (l->transposed = params_new(weights));
    if (!ok) {
        levels_free(l);
        return NULL;
    }
    return l;
}

uint8_t *levels_pixels(struct levels *l)
{
    return l->pixel;
}

/* --- forward -------------------------------------------------------------------------------- */

static void conv_forward(struct levels *l, int i, const float *params)
{
    const struct node *n = &l->g->node[i];
    const struct param_slot *s = &l->m->slot[i];
    int out = n->out.c, in = l->g->node[i - 1].out.c;
    const float *weight = params + s->weight;
    for (int o = 0; o < out; o++)
        for (int c = 0; c < in; c++)
            l->transposed[c * out + o] = weight[o * in + c];
    for (int v = 0; v < LEVELS; v++) {
        float *restrict y = l->value[i] + v * out;
        const float *x = l->value[i - 1] + v * in;
        for (int o = 0; o < out; o++)
            y[o] = s->bias == PARAM_NONE ? 0 : params[s->bias + (size_t)o];
        for (int c = 0; c < in; c++)
            for (int o = 0; o < out; o++)
                y[o] += x[c] * l->transposed[c * out + o];
    }
}

static void take_stats(struct levels *l, int i)
{
    const struct param_slot *s = &l->m->slot[i];
    int channels = l->g->node[i].out.c;
    double pixels = (double)l->plane * l->images;
    for (int c = 0; c < channels; c++) {
        const float *x = l->value[i - 1] + c;
        double sum = 0, squares = 0;
        for (int v = 0; v < LEVELS; v++)
            sum += l->count[v] * x[v * channels];
        for (int v = 0; v < LEVELS; v++)
            squares += l->count[v] * (x[v * channels] - sum / pixels) * (x[v * channels] - sum / pixels);
        l->stats[s->mean + (size_t)c] = (float)(sum / pixels);
        l->stats[s->variance + (size_t)c] = (float)(squares / pixels);
    }
}

static void batch_norm_forward(struct levels *l, int i, const float *params, const float *stats)
{
    const struct node *n = &l->g->node[i];
    const struct param_slot *s = &l->m->slot[i];
    int channels = n->out.c;
    if (l->training) {
        take_stats(l, i);
        stats = l->stats;
    }
    for (int c = 0; c < channels; c++) {
        float mean = stats[s->mean + (size_t)c], beta = params[s->scale_shift + (size_t)(channels + c)];
        float scale = params[s->scale_shift + (size_t)c] / sqrtf(stats[s->variance + (size_t)c] + n->epsilon);
        for (int v = 0; v < LEVELS; v++)
            l->value[i][v * channels + c] = (l->value[i - 1][v * channels + c] - mean) * scale + beta;
    }
}

static void relu_forward(struct levels *l, int i)
{
    float top = l->g->node[i].op == OP_RELU6 ? 6 : INFINITY;
    for (int k = 0; k < LEVELS * l->g->node[i].out.c; k++) {
        float x = l->value[i - 1][k];
        l->value[i][k] = x < 0 ? 0 : x > top ? top : x;
    }
}

static void look_up(struct levels *l, float *out)
{
    int channels = l->g->node[l->last].out.c;
    for (int b = 0; b < l->blocks; b++)
        for (int v = 0; v < LEVELS; v++)
            for (int c = 0; c < LEVELS_BLOCK; c++) {
                int from = b * LEVELS_BLOCK + c;
                l->padded[(b * LEVELS + v) * LEVELS_BLOCK + c] =
                    from < channels ? l->value[l->last][v * channels + from] : 0;
            }
    for (int i = 0; i < l->images; i++)
        for (int b = 0; b < l->blocks; b++) {
            const uint8_t *pixel = l->pixel + (size_t)i * l->plane;
            const float *table = l->padded + b * LEVELS * LEVELS_BLOCK;
            for (size_t k = 0; k < l->plane; k++, out += LEVELS_BLOCK)
                memcpy(out, table + pixel[k] * LEVELS_BLOCK, LEVELS_BLOCK * sizeof *out);
        }
}

void levels_forward(struct levels *l, const float *params, const float *stats, float *out)
{
    memset(l->count, 0, sizeof l->count);
    for (size_t k = 0; k < l->plane * (size_t)l->images; k++)
        l->count[l->pixel[k]]++;
    for (int v = 0; v < LEVELS; v++)
        l->value[0][v] = ((float)v / 255 - l->g->norm.mean[0]) / l->g->norm.std[0];
    for (int i = 1; i <= l->last; i++) {
        if (l->g->node[i].op == OP_CONV)
            conv_forward(l, i, params);
        else if (l->g->node[i].op == OP_BATCH_NORM)
            batch_norm_forward(l, i, params, stats);
        else
            relu_forward(l, i);
    }
    look_up(l, out);
}

/* --- backward --------------------------------------------------------------------------------- */

enum { IMAGES_AT_ONCE = 8 };   /* added up in float */

static void flush(struct levels *l)
{
    for (int k = 0; k < LEVELS * LEVELS_BLOCK * l->blocks; k++) {
        l->sum[k] += l->padded[k];
        l->padded[k] = 0;
    }
}

/* Diffs of all pixels of a level, into diff. */
static void gather(struct levels *l, const float *diff)
{
    int channels = l->g->node[l->last].out.c;
    size_t padded = (size_t)LEVELS * LEVELS_BLOCK * l->blocks;
    memset(l->sum, 0, padded * sizeof *l->sum);
    memset(l->padded, 0, padded * sizeof *l->padded);
    for (int i = 0; i < l->images; i++) {
        for (int b = 0; b < l->blocks; b++) {
            const uint8_t *pixel = l->pixel + (size_t)i * l->plane;
            for (size_t k = 0; k < l->plane; k++, diff += LEVELS_BLOCK) {
                float *to = l->padded + (b * LEVELS + pixel[k]) * LEVELS_BLOCK;
                for (int c = 0; c < LEVELS_BLOCK; c++)
                    to[c] += diff[c];
            }
        }
        if (i % IMAGES_AT_ONCE == IMAGES_AT_ONCE - 1 || i == l->images - 1)
            flush(l);
    }
    for (int v = 0; v < LEVELS; v++)
        for (int c = 0; c < channels; c++)
            l->diff[v * channels + c] =
                (float)l->sum[(c / LEVELS_BLOCK * LEVELS + v) * LEVELS_BLOCK + c % LEVELS_BLOCK];
}

static void conv_backward(struct levels *l, int i, const float *params, float *grad)
{
    const struct param_slot *s = &l->m->slot[i];
    int out = l->g->node[i].out.c, in = l->g->node[i - 1].out.c;
    const float *weight = params + s->weight;
    float *restrict dw = grad + s->weight;
    memset(dw, 0, (size_t)(out * in) * sizeof *dw);
    for (int v = 0; v < LEVELS; v++)
        for (int o = 0; o < out; o++) {
            const float *x = l->value[i - 1] + v * in;
            float d = l->diff[v * out + o];
            for (int c = 0; c < in; c++)
                dw[o * in + c] += d * x[c];
        }
    for (int o = 0; o < out && s->bias != PARAM_NONE; o++) {
        double sum = 0;
        for (int v = 0; v < LEVELS; v++)
            sum += l->diff[v * out + o];
        grad[s->bias + (size_t)o] = (float)sum;
    }
    if (i == 1)
        return;
    for (int v = 0; v < LEVELS; v++) {
        float *restrict dx = l->other + v * in;
        memset(dx, 0, (size_t)in * sizeof *dx);
        for (int o = 0; o < out; o++)
            for (int c = 0; c < in; c++)
                dx[c] += l->diff[v * out + o] * weight[o * in + c];
    }
    float *swap = l->diff;
    l->diff = l->other;
    l->other = swap;
}

/* In place.  Every pixel of a level has the same deviation; only the sum of its diffs differs. */
static void batch_norm_backward(struct levels *l, int i, const float *params, float *grad)
{
    const struct node *n = &l->g->node[i];
    const struct param_slot *s = &l->m->slot[i];
    int channels = n->out.c;
    double pixels = (double)l->plane * l->images;
    for (int c = 0; c < channels; c++) {
        double mean = l->stats[s->mean + (size_t)c], dgamma = 0, dbeta = 0;
        double unit = 1 / sqrt((double)l->stats[s->variance + (size_t)c] + n->epsilon);
        double scale = params[s->scale_shift + (size_t)c] * unit;
        const float *x = l->value[i - 1] + c;
        float *d = l->diff + c;
        for (int v = 0; v < LEVELS; v++) {
            dbeta += d[v * channels];
            dgamma += d[v * channels] * (x[v * channels] - mean) * unit;
        }
        grad[s->scale_shift + (size_t)c] = (float)dgamma;
        grad[s->scale_shift + (size_t)(channels + c)] = (float)dbeta;
        for (int v = 0; v < LEVELS; v++) {
            double common = (dbeta + (x[v * channels] - mean) * unit * dgamma) / pixels;
            d[v * channels] = (float)(scale * (d[v * channels] - l->count[v] * common));
        }
    }
}

static void relu_backward(struct levels *l, int i)
{
    float top = l->g->node[i].op == OP_RELU6 ? 6 : INFINITY;
    for (int k = 0; k < LEVELS * l->g->node[i].out.c; k++)
        if (!(l->value[i][k] > 0 && l->value[i][k] < top))
            l->diff[k] = 0;
}

void levels_backward(struct levels *l, const float *params, const float *diff, float *grad)
{
    gather(l, diff);
    for (int i = l->last; i > 0; i--) {
        if (l->g->node[i].op == OP_CONV)
            conv_backward(l, i, params, grad);
        else if (l->g->node[i].op == OP_BATCH_NORM)
            batch_norm_backward(l, i, params, grad);
        else
            relu_backward(l, i);
    }
}

void levels_shard_stats(const struct levels *l, float *stats)
{
    for (int i = 1; i <= l->last; i++) {
        const struct param_slot *s = &l->m->slot[i];
        size_t bytes = (size_t)l->g->node[i].out.c * sizeof *stats;
        if (s->mean == PARAM_NONE)
            continue;
        memcpy(stats + s->mean, l->stats + s->mean, bytes);
        memcpy(stats + s->variance, l->stats + s->variance, bytes);
    }
}
