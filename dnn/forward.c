#include "dnn/forward.h"

#include <stdlib.h>
#include <string.h>

#include "cmodel/vector.h"
#include "dnn/reference.h"

/* Outputs of a tile stand side by side in LANES vectors: each has its own sum, so the order of a sum's terms
 * is the reference's. */
typedef double lanes __attribute__((vector_size(64)));
enum { LANES = 4, WIDTH = sizeof(lanes) / sizeof(double), TILE = LANES * WIDTH };

/* Two output channels (or one, twice) of a tile: column[k][TILE] inputs of each tap. */
VECTOR_CLONES
static void sums(const double *column, size_t k, const float *const weight[2], const double start[2],
                 double *const out[2])
{
    lanes acc[2][LANES];
    for (int o = 0; o < 2; o++)
        for (int l = 0; l < LANES; l++)
            acc[o][l] = start[o] - (lanes){ 0 };
    for (size_t i = 0; i < k; i++) {
        const lanes *x = (const lanes *)(column + i * TILE);
        double w0 = (double)weight[0][i], w1 = (double)weight[1][i];
        for (int l = 0; l < LANES; l++) {
            acc[0][l] += w0 * x[l];
            acc[1][l] += w1 * x[l];
        }
    }
    for (int o = 0; o < 2; o++)
        memcpy(out[o], acc[o], sizeof acc[o]);
}

/* Inputs of all taps for output positions first .. first + n - 1 of a group; padding is 0, which no sum
 * notices. */
static void gather(const struct node *n, struct shape in, const float *x, size_t first, size_t count,
                   double *column)
{
    const struct window *w = &n->window;
    int y[TILE], z[TILE];
    for (size_t p = 0; p < count; p++) {
        y[p] = (int)((first + p) / (size_t)n->out.w) * w->stride_h - w->pad_top;
        z[p] = (int)((first + p) % (size_t)n->out.w) * w->stride_w - w->pad_left;
    }
    for (int c = 0; c < in.c / n->groups; c++, x += (size_t)in.h * in.w)
        for (int ky = 0; ky < w->kernel_h; ky++)
            for (int kx = 0; kx < w->kernel_w; kx++, column += TILE)
                for (size_t p = 0; p < count; p++) {
                    int iy = y[p] + ky, ix = z[p] + kx;
                    bool inside = iy >= 0 && iy < in.h && ix >= 0 && ix < in.w;
                    column[p] = inside ? (double)x[(size_t)iy * in.w + ix] : 0;
                }
}

static enum axm_status conv(const struct node *n, struct shape in, const float *x, float *out)
{
    size_t plane = (size_t)n->out.h * n->out.w, group_out = (size_t)(n->out.c / n->groups);
    size_t k = (size_t)(in.c / n->groups) * n->window.kernel_h * n->window.kernel_w;
    double *column = aligned_alloc(64, k * TILE * sizeof *column);
    if (!column)
        return fail(AXM_ENV, "%s: out of memory for one image", n->name);
    memset(column, 0, k * TILE * sizeof *column);
    for (size_t g = 0; g < (size_t)n->groups; g++)
        for (size_t first = 0; first < plane; first += TILE) {
            size_t count = plane - first < TILE ? plane - first : TILE;
            gather(n, in, x + g * (size_t)(in.c / n->groups) * in.h * in.w, first, count, column);
            for (size_t o = g * group_out; o < (g + 1) * group_out; o += 2) {
                size_t next = o + 1 < (g + 1) * group_out ? o + 1 : o;
                double sum[2][TILE];
                sums(column, k, (const float *const[]){ n->weight + o * k, n->weight + next * k },
                     (double[]){ n->bias ? (double)n->bias[o] : 0, n->bias ? (double)n->bias[next] : 0 },
                     (double *const[]){ sum[0], sum[1] });
                for (size_t p = 0; p < count; p++) {
                    out[o * plane + first + p] = (float)sum[0][p];
                    out[next * plane + first + p] = (float)sum[next - o][p];
                }
            }
        }
    free(column);
    return AXM_OK;
}

/* Eight outputs at a time: their sums do not wait for each other. */
static void dense(const struct node *n, size_t k, const float *x, float *out)
{
    enum { SIDE = 8 };
    size_t outs = (size_t)n->out.c;
    for (size_t o = 0; o < outs; o += SIDE) {
        size_t side = outs - o < SIDE ? outs - o : SIDE;
        const float *w[SIDE];
        double sum[SIDE];
        for (size_t j = 0; j < SIDE; j++) {
            size_t at = o + (j < side ? j : 0);
            w[j] = n->weight + at * k;
            sum[j] = n->bias ? (double)n->bias[at] : 0;
        }
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < SIDE; j++)
                sum[j] += (double)w[j][i] * (double)x[i];
        for (size_t j = 0; j < side; j++)
            out[o + j] = (float)sum[j];
    }
}

enum axm_status float_forward(const struct graph *g, const float *x, struct arena *arena, float **value)
{
    enum axm_status st = AXM_OK;
    for (int i = 0; i < g->n_nodes && st == AXM_OK; i++) {
        const struct node *n = &g->node[i];
        size_t bytes = shape_count(n->out) * sizeof *value[i];
        value[i] = arena_alloc(arena, bytes);
        if (!value[i])
            return fail(AXM_ENV, "%s: out of memory for one image", g->name);
        if (i == 0)
            memcpy(value[i], x, bytes);
        else if (n->op == OP_CONV)
            st = conv(n, g->node[n->input[0]].out, value[n->input[0]], value[i]);
        else if (n->op == OP_DENSE)
            dense(n, shape_count(g->node[n->input[0]].out), value[n->input[0]], value[i]);
        else
            reference_node(g, i, value, value[i]);
    }
    return st;
}
