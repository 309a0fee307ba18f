/* The nodes of a quantized graph on a batch in [c][B][h][w]. */
#include <math.h>
#include <string.h>

#include "dnn/infer_impl.h"

static const struct qnode *node_of(const struct batch *b, int i)
{
    return &b->in->q->node[i];
}

static uint8_t flip_of(const struct batch *b)
{
    return qgraph_signed(b->in->q) ? 0x80 : 0;
}

/* A code's value from its pattern. */
static inline int code(uint8_t pattern, uint8_t flip)
{
    return (pattern ^ flip) - flip;
}

static size_t columns(const struct batch *b, const struct qnode *n)
{
    return b->images * batch_plane(b, n);
}

static bool is_ace(const struct batch *b)
{
    return b->in->q->scheme == QUANT_ACE;
}

/* --- matrix products --------------------------------------------------------------------- */

/* Columns at a time: what is read and written should stay in the second-level cache, but fewer would not
 * fill the kernels. */
enum { TILE_BYTES = 512 * 1024, TILE_MIN = 256, TILE_MAX = 4096 };

struct tiles {
    size_t per_row;          /* columns that stay together: an output row */
    size_t rows;             /* such rows a tile has */
    size_t count;            /* and in all */
};

static size_t rows_per_tile(size_t per_row, size_t k, size_t n)
{
    size_t m = TILE_BYTES / (k + sizeof(int32_t) * n);
    m = m < TILE_MIN ? TILE_MIN : m > TILE_MAX ? TILE_MAX : m;
    return m < per_row ? 1 : m / per_row;
}

static struct tiles tiles_of(const struct infer *in, const struct infer_layer *l, size_t images, size_t plane)
{
    const struct qnode *n = &in->q->node[l->node];
    size_t k = qnode_k(in->q, n), outputs = (size_t)(n->out.c / n->groups);
    struct tiles t;
    if (n->op == OP_DENSE)
        t = (struct tiles){ .per_row = images, .count = 1 };
    else if (l->direct)   /* any 64 columns; a tile begins where a vector does */
        t = (struct tiles){ .per_row = 64, .count = round_up(images * plane, 64) / 64 };
    else
        t = (struct tiles){ .per_row = (size_t)n->out.w, .count = images * (size_t)n->out.h };
    t.rows = rows_per_tile(t.per_row, k, outputs);
    t.rows = t.rows > t.count ? t.count : t.rows;
    return t;
}

void infer_scratch(const struct infer *in, int node, size_t images, size_t plane, struct scratch *out)
{
    const struct qnode *n = &in->q->node[node];
    *out = (struct scratch){ 0 };
    if (in->q->scheme == QUANT_ACE && !n->is_logits && !qnode_multiplies(n))
        out->y = shape_count(n->out) * sizeof(double);
    if (n->op == OP_MAX_POOL || n->op == OP_AVG_POOL || n->op == OP_GLOBAL_AVG_POOL)   /* one row */
        out->x = (size_t)in->q->node[n->input[0]].out.w * sizeof(int32_t);
    if (!qnode_multiplies(n))
        return;
    const struct infer_layer *l = &in->layer[in->layer_of[node]];
    struct tiles t = tiles_of(in, l, images, plane);
    size_t k = qnode_k(in->q, n), m = round_up(t.rows * t.per_row, 64);
    size_t whole = round_up(images * plane, 64);
    if (!l->direct)
        out->x = k * m + 64;
    out->acc = in->q->scheme == QUANT_ACE ? (size_t)n->out.c * whole * sizeof(int32_t) :
                                            (size_t)(n->out.c / n->groups) * m * sizeof(int32_t);
    out->sum_x = l->corrected ? m * sizeof(int32_t) : 0;
    for (int g = 0; g < n->groups; g++) {
        size_t bytes = gemm_scratch(l->weights[g], m);
        out->gemm = bytes > out->gemm ? bytes : out->gemm;
    }
}

/* Accumulators of one tile to codes or logits; acc has the rows of group g. */
static void finish_tile(const struct batch *b, const struct infer_layer *l, int g, const int32_t *acc,
                        size_t acc_stride, const int32_t *sum_x, size_t from, size_t m)
{
    const struct qnode *n = node_of(b, l->node);
    const struct tensor *out = &b->value[l->node];
    int outputs = n->out.c / n->groups;
    for (int j = 0; j < outputs; j++, acc += acc_stride) {
        int o = g * outputs + j;
        size_t at = (size_t)o * out->stride + from;
        int32_t zero = n->weight_zero[o];
        struct requant r = { n->multiplier[o], n->shift[o], n->zero, n->lo, n->hi };
        if (!n->is_logits)
            b->in->kernel->requantize(acc, zero ? sum_x : NULL, zero, n->bias[o], &r, out->data + at, m);
        for (size_t i = 0; n->is_logits && i < m; i++)
            ((int32_t *)out->data)[at + i] = requantize(acc[i] + (n->bias[o] - (zero ? zero * sum_x[i] : 0)),
                                                        r.multiplier, r.shift, r.zero, r.lo, r.hi);
    }
}

/* Scheme ace, logits or not: the layer's accumulators to each image's own codes. */
static void ace_finish(const struct batch *b, const struct infer_layer *l, const int32_t *acc,
                       size_t acc_stride)
{
    const struct qnode *n = node_of(b, l->node);
    const struct tensor *out = &b->value[l->node], *x = &b->value[n->input[0]];
    const struct infer_kernel *kernel = b->in->kernel;
    size_t plane = batch_plane(b, n);
    for (size_t i = 0; i < b->images; i++) {
        double peak = 0, s_x = x->scale[i];
        for (int o = 0; o < n->out.c; o++) {
            double factor = s_x * (double)n->weight_scale[o], add = (double)n->bias_float[o];
            const int32_t *row = acc + (size_t)o * acc_stride + i * plane;
            double p = kernel->ace_peak(row, factor, add, n->relu, plane);
            peak = p > peak ? p : peak;
        }
        out->scale[i] = ace_scale(peak);
        for (int o = 0; o < n->out.c; o++) {
            double factor = s_x * (double)n->weight_scale[o], add = (double)n->bias_float[o];
            const int32_t *row = acc + (size_t)o * acc_stride + i * plane;
            size_t at = (size_t)o * out->stride + i * plane;
            if (!n->is_logits)
                kernel->ace_codes(row, factor, add, n->relu, out->scale[i], out->data + at, plane);
            for (size_t p = 0; n->is_logits && p < plane; p++) {
                double y = row[p] * factor + add;
                ((int32_t *)out->data)[at + p] = ace_logit(n->relu && y < 0 ? 0 : y, n->scale);
            }
        }
    }
}

/* The matrix of a tile: where it lies, after bringing it there if need be. */
static const uint8_t *tile_matrix(const struct batch *b, const struct infer_layer *l, int g, size_t row,
                                  size_t rows, size_t m, size_t *x_stride)
{
    const struct qnode *n = node_of(b, l->node), *from = node_of(b, n->input[0]);
    const struct tensor *in = &b->value[n->input[0]];
    int channels = from->out.c / n->groups;
    uint8_t *x = b->work + b->s->x;
    if (l->direct) {
        *x_stride = in->stride;
        return in->data + (size_t)(g * channels) * in->stride + row * 64;
    }
    *x_stride = round_up(m, 64);
    if (n->op == OP_DENSE) {
        to_k_major(in->data, in->stride, (size_t)from->out.c, batch_plane(b, from), b->images, x, *x_stride);
    } else {
        struct im2col t = { .data = in->data, .stride = in->stride, .in = from->out, .out = n->out,
                            .window = n->window, .c0 = g * channels, .channels = channels,
                            .zero = (uint8_t)from->zero };
        im2col(&t, row, rows, x, *x_stride);
    }
    return x;
}

static void run_product(const struct batch *b, const struct infer_layer *l)
{
    const struct qnode *n = node_of(b, l->node);
    size_t k = qnode_k(b->in->q, n), all = columns(b, n), whole = round_up(all, 64);
    size_t outputs = (size_t)(n->out.c / n->groups);
    int32_t *acc = (int32_t *)(b->work + b->s->acc), *sum_x = (int32_t *)(b->work + b->s->sum_x);
    struct tiles t = tiles_of(b->in, l, b->images, batch_plane(b, n));
    for (int g = 0; g < n->groups; g++)
        for (size_t row = 0; row < t.count; row += t.rows) {
            size_t rows = t.count - row < t.rows ? t.count - row : t.rows;
            size_t from = row * t.per_row, m = rows * t.per_row, x_stride;
            m = m > all - from ? all - from : m;
            const uint8_t *x = tile_matrix(b, l, g, row, rows, m, &x_stride);
            if (l->corrected)
                b->in->kernel->column_sums(x, x_stride, k, sum_x, m);
            if (is_ace(b)) {
                gemm_run(l->weights[g], x, x_stride, m, acc + (size_t)g * outputs * whole + from, whole,
                         b->work + b->s->gemm);
            } else {
                gemm_run(l->weights[g], x, x_stride, m, acc, round_up(m, 64), b->work + b->s->gemm);
                finish_tile(b, l, g, acc, round_up(m, 64), sum_x, from, m);
            }
        }
    if (is_ace(b))
        ace_finish(b, l, acc, whole);
}

/* --- code by code ------------------------------------------------------------------------- */

/* Node 0, or any that is a function of one byte, from the pixels. */
static void from_pixels(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node), *input = node_of(b, 0);
    const uint8_t *table = node ? b->in->memo[node] : b->in->map[0];
    size_t plane = batch_plane(b, n), image = (size_t)input->out.c * plane;
    const struct tensor *out = &b->value[node];
    for (int c = 0; c < n->out.c; c++) {
        const uint8_t *pixel = b->pixel + (node ? 0 : (size_t)c * plane);
        for (size_t i = 0; i < b->images; i++)
            b->in->kernel->lookup(table + (size_t)c * 256, pixel + i * image,
                                  out->data + (size_t)c * out->stride + i * plane, plane);
    }
    if (out->scale)
        for (size_t i = 0; i < b->images; i++)
            out->scale[i] = (double)n->scale;
}

static void pass_scale(const struct batch *b, int node)
{
    const struct tensor *in = &b->value[node_of(b, node)->input[0]];
    if (in->scale)
        memcpy(b->value[node].scale, in->scale, b->images * sizeof *in->scale);
}

/* step: from a channel's table to the next one's. */
static void map_channels(const struct batch *b, int node, size_t step)
{
    const struct qnode *n = node_of(b, node);
    const struct tensor *in = &b->value[n->input[0]], *out = &b->value[node];
    for (size_t c = 0; c < (size_t)n->out.c; c++)
        b->in->kernel->lookup(b->in->map[node] + c * step, in->data + c * in->stride,
                              out->data + c * out->stride, columns(b, n));
    pass_scale(b, node);
}

static void run_concat(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node);
    const struct tensor *out = &b->value[node];
    uint8_t *to = out->data;
    for (int k = 0; k < n->n_inputs; k++) {
        const struct tensor *in = &b->value[n->input[k]];
        for (int c = 0; c < node_of(b, n->input[k])->out.c; c++, to += out->stride)
            b->in->kernel->lookup(b->in->map[node] + (size_t)k * 256, in->data + (size_t)c * in->stride, to,
                                  columns(b, n));
    }
}

static void run_add(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node);
    const struct tensor *x = &b->value[n->input[0]], *y = &b->value[n->input[1]], *out = &b->value[node];
    const int zero[2] = { node_of(b, n->input[0])->zero, node_of(b, n->input[1])->zero };
    struct requant r = { .shift = n->shift[0], .zero = n->zero, .lo = n->lo, .hi = n->hi };
    for (size_t c = 0; c < (size_t)n->out.c; c++)
        b->in->kernel->add(x->data + c * x->stride, y->data + c * y->stride, flip_of(b), zero, n->multiplier,
                           &r, out->data + c * out->stride, columns(b, n));
}

static void run_flatten(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node), *from = node_of(b, n->input[0]);
    const struct tensor *in = &b->value[n->input[0]], *out = &b->value[node];
    to_k_major(in->data, in->stride, (size_t)from->out.c, batch_plane(b, from), b->images, out->data,
               out->stride);
    pass_scale(b, node);
}

/* --- pools -------------------------------------------------------------------------------- */

/* Rows or columns of the input under output i: from .. to - 1. */
static void extent(int i, int stride, int pad, int kernel, int size, int *from, int *to)
{
    *from = i * stride - pad;
    *to = *from + kernel > size ? size : *from + kernel;
    *from = *from < 0 ? 0 : *from;
}

static struct window pool_window(const struct qnode *n, struct shape in)
{
    return n->op == OP_GLOBAL_AVG_POOL ? (struct window){ in.h, in.w, 1, 1, 0, 0, 0, 0 } : n->window;
}

static void max_pool_plane(const struct batch *b, const struct qnode *n, struct shape in, const uint8_t *x,
                           uint8_t *out)
{
    uint8_t flip = flip_of(b), *line = b->work + b->s->x;
    const struct window *w = &n->window;
    int from, to;
    for (int y = 0; y < n->out.h; y++) {
        extent(y, w->stride_h, w->pad_top, w->kernel_h, in.h, &from, &to);
        memcpy(line, x + (size_t)from * in.w, (size_t)in.w);
        for (int i = from + 1; i < to; i++)
            b->in->kernel->max_rows(x + (size_t)i * in.w, flip, line, (size_t)in.w);
        for (int z = 0; z < n->out.w; z++, out++) {
            extent(z, w->stride_w, w->pad_left, w->kernel_w, in.w, &from, &to);
            uint8_t most = line[from] ^ flip;
            for (int i = from + 1; i < to; i++)
                most = (line[i] ^ flip) > most ? line[i] ^ flip : most;
            *out = most ^ flip;
        }
    }
}

static void run_max_pool(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node), *from = node_of(b, n->input[0]);
    const struct tensor *in = &b->value[n->input[0]], *out = &b->value[node];
    size_t in_plane = batch_plane(b, from), plane = batch_plane(b, n);
    for (size_t c = 0; c < (size_t)n->out.c; c++)
        for (size_t i = 0; i < b->images; i++)
            max_pool_plane(b, n, from->out, in->data + c * in->stride + i * in_plane,
                           out->data + c * out->stride + i * plane);
    pass_scale(b, node);
}

/* One image's channel: codes to out, or in scheme ace (s_x > 0) real values to y. */
static void average_plane(const struct batch *b, const struct qnode *n, const struct qnode *from,
                          const uint8_t *x, double s_x, uint8_t *out, double *y)
{
    const struct window w = pool_window(n, from->out);
    int32_t *line = (int32_t *)(b->work + b->s->x);
    uint8_t flip = flip_of(b);
    int y0, y1, x0, x1, width = from->out.w;
    for (int row = 0; row < n->out.h; row++) {
        extent(row, w.stride_h, w.pad_top, w.kernel_h, from->out.h, &y0, &y1);
        memset(line, 0, (size_t)width * sizeof *line);
        for (int i = y0; i < y1; i++)
            b->in->kernel->add_rows(x + (size_t)i * width, flip, line, (size_t)width);
        for (int z = 0; z < n->out.w; z++) {
            extent(z, w.stride_w, w.pad_left, w.kernel_w, width, &x0, &x1);
            int taps = (y1 - y0) * (x1 - x0), k = n->op == OP_AVG_POOL ? taps - 1 : 0;
            int64_t sum = -(int64_t)taps * from->zero;
            for (int i = x0; i < x1; i++)
                sum += line[i];
            if (y)
                *y++ = (double)sum * s_x / taps;
            else
                *out++ = (uint8_t)requantize(sum, n->multiplier[k], n->shift[k], n->zero, n->lo, n->hi);
        }
    }
}

static void run_average(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node), *from = node_of(b, n->input[0]);
    const struct tensor *in = &b->value[n->input[0]], *out = &b->value[node];
    size_t in_plane = batch_plane(b, from), plane = batch_plane(b, n);
    for (size_t c = 0; c < (size_t)n->out.c; c++)
        for (size_t i = 0; i < b->images; i++)
            average_plane(b, n, from, in->data + c * in->stride + i * in_plane, 0,
                          out->data + c * out->stride + i * plane, NULL);
}

/* --- scheme ace: real values of one image, then its codes ------------------------------------- */

static void ace_values(const struct batch *b, const struct qnode *n, size_t image, double *y)
{
    size_t plane = batch_plane(b, n), c = 0;
    for (int k = 0; k < n->n_inputs; k++) {
        const struct qnode *from = node_of(b, n->input[k]);
        const struct tensor *in = &b->value[n->input[k]];
        double s = in->scale[image];
        for (size_t j = 0; j < (size_t)from->out.c; j++) {
            const uint8_t *x = in->data + j * in->stride + image * batch_plane(b, from);
            double *to = y + (n->op == OP_CONCAT ? c++ : j) * plane;
            if (n->op == OP_AVG_POOL || n->op == OP_GLOBAL_AVG_POOL) {
                average_plane(b, n, from, x, s, NULL, to);
                continue;
            }
            bool norm = n->op == OP_BATCH_NORM, second = k && n->op == OP_ADD;
            double factor = norm ? s * (double)n->weight_scale[j] : s;
            for (size_t p = 0; p < plane; p++) {
                double v = code(x[p], 0x80) * factor;
                to[p] = norm ? v + (double)n->bias_float[j] : second ? to[p] + v : v;
            }
        }
    }
}

static void run_ace(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node);
    const struct tensor *out = &b->value[node];
    size_t plane = batch_plane(b, n), count = (size_t)n->out.c * plane;
    double *y = (double *)(b->work + b->s->y);
    for (size_t i = 0; i < b->images; i++) {
        double peak = 0;
        ace_values(b, n, i, y);
        for (size_t e = 0; e < count; e++) {
            if (n->relu && y[e] < 0)
                y[e] = 0;
            peak = fabs(y[e]) > peak ? fabs(y[e]) : peak;
        }
        out->scale[i] = ace_scale(peak);
        for (size_t e = 0; e < count; e++) {
            size_t at = e / plane * out->stride + i * plane + e % plane;
            out->data[at] = (uint8_t)ace_code(y[e], out->scale[i]);
        }
    }
}

/* --- any node ------------------------------------------------------------------------------ */

/* Columns past the images, which gemm_run() reads. */
static void clear_tails(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node);
    size_t m = columns(b, n), tail = round_up(m, 64) - m, element = n->is_logits ? sizeof(int32_t) : 1;
    for (size_t c = 0; tail && c < (size_t)n->out.c; c++)
        memset(b->value[node].data + (c * b->value[node].stride + m) * element, 0, tail * element);
}

void infer_node(const struct batch *b, int node)
{
    const struct qnode *n = node_of(b, node);
    bool from_byte = !b->plane && !b->s->given && b->in->memo[node];
    if (node == 0 || from_byte)
        from_pixels(b, node);
    else if (qnode_multiplies(n))
        run_product(b, &b->in->layer[b->in->layer_of[node]]);
    else if (n->op == OP_MAX_POOL)
        run_max_pool(b, node);
    else if (n->op == OP_FLATTEN)
        run_flatten(b, node);
    else if (n->op == OP_RELU)
        map_channels(b, node, 0);
    else if (is_ace(b))
        run_ace(b, node);
    else if (n->op == OP_BATCH_NORM)
        map_channels(b, node, 256);
    else if (n->op == OP_CONCAT)
        run_concat(b, node);
    else if (n->op == OP_ADD)
        run_add(b, node);
    else
        run_average(b, node);
    clear_tails(b, node);
}
