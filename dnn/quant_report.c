/* A quantized network beside the float one, node by node. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "cmodel/mul.h"
#include "dnn/infer.h"
#include "dnn/quant_impl.h"

enum { CHUNK_BYTES = 1 << 26, CHUNK_IMAGES = 64 };

/* Sums over one image's outputs of a node. */
struct power {
    double signal, noise;
};

struct comparison {
    const struct graph *g;
    const struct qgraph *q;
    const int *of;             /* by node of q: the last node of g that it computes */
    const struct images *im;
    const size_t *index;
    size_t first;              /* of the images, this chunk's */
    void **dump;               /* by node of q: outputs of the chunk */
    double **scale;            /* by node of q: of each image's codes */
    struct power *power;       /* [images of the chunk][nodes of q] */
};

static enum axm_status compare_image(void *ctx, size_t item, int worker)
{
    const struct comparison *c = ctx;
    struct arena arena = { 0 };
    float **value;
    (void)worker;
    enum axm_status st = calibration_forward(c->g, c->im, c->index[c->first + item], &arena, &value);
    for (int i = 0; i < c->q->n_nodes && st == AXM_OK; i++) {
        const struct qnode *n = &c->q->node[i];
        const float *want = value[c->of[i]];
        size_t count = shape_count(n->out);
        struct power p = { 0, 0 };
        for (size_t k = 0; k < count; k++) {
            size_t at = item * count + k;
            int code = n->is_logits ? ((const int32_t *)c->dump[i])[at]
                       : qgraph_signed(c->q) ? ((const int8_t *)c->dump[i])[at]
                                             : ((const uint8_t *)c->dump[i])[at];
            double error = c->scale[i][item] * (code - n->zero) - (double)want[k];
            p.signal += (double)want[k] * (double)want[k];
            p.noise += error * error;
        }
        c->power[item * (size_t)c->q->n_nodes + (size_t)i] = p;
    }
    arena_release(&arena);
    return st;
}

/* The images index[first .. first + n - 1], in a row. */
static enum axm_status gather(const struct comparison *c, size_t n, struct images *out)
{
    size_t pixels = shape_count(c->im->shape);
    *out = (struct images){ .shape = c->im->shape, .count = n, .classes = c->im->classes };
    out->pixel = malloc(n * pixels);
    out->label = calloc(n, 1);
    if (!out->pixel || !out->label)
        return fail(AXM_ENV, "%s: out of memory for its report", c->g->name);
    for (size_t i = 0; i < n; i++)
        memcpy(out->pixel + i * pixels, c->im->pixel + c->index[c->first + i] * pixels, pixels);
    return AXM_OK;
}

static enum axm_status compare_chunk(struct comparison *c, const struct infer *in, size_t n,
                                     struct power *total)
{
    struct images im = { 0 };
    size_t nodes = (size_t)c->q->n_nodes;
    enum axm_status st = gather(c, n, &im);
    for (size_t i = 0; i < nodes && st == AXM_OK; i++) {
        const struct qnode *q = &c->q->node[i];
        for (size_t k = 0; k < n; k++)
            c->scale[i][k] = (double)q->scale;
        st = infer_dump(in, (int)i, &im, 0, n, c->dump[i], c->scale[i]);
        for (size_t k = 0; k < n && (q->is_logits || i == 0); k++)   /* not rescaled, in any scheme */
            c->scale[i][k] = (double)q->scale;
    }
    if (st == AXM_OK)
        st = pool_run(n, compare_image, c);
    for (size_t k = 0; k < n * nodes && st == AXM_OK; k++) {
        total[k % nodes].signal += c->power[k].signal;
        total[k % nodes].noise += c->power[k].noise;
    }
    images_release(&im);
    return st;
}

static enum axm_status compare(struct comparison *c, size_t chunk, size_t n, struct power *total)
{
    const struct qgraph *q = c->q;
    struct axm_mul *exact = NULL;
    struct infer *in = NULL;
    enum axm_status st = axm_mul_open(qgraph_signed(q) ? "exact8s" : "exact8u", &exact);
    const struct layer_mult all = { exact, true };
    if (st == AXM_OK)
        st = infer_open(q, &all, 1, &(struct infer_opts){ .level = -1, .memoise = true }, &in);
    for (c->first = 0; c->first < n && st == AXM_OK; c->first += chunk)
        st = compare_chunk(c, in, n - c->first < chunk ? n - c->first : chunk, total);
    infer_close(in);
    axm_mul_close(exact);
    return st;
}

enum axm_status quant_compare(const struct graph *g, const struct qgraph *q, const int *place,
                              const struct images *im, const size_t *index, size_t n,
                              struct quant_report *report)
{
    size_t nodes = (size_t)q->n_nodes, bytes = 0;
    struct arena arena = { 0 };
    int *of = arena_alloc(&arena, nodes * sizeof *of);
    for (size_t i = 0; i < nodes; i++)
        bytes += infer_dump_bytes(&q->node[i]);
    size_t chunk = CHUNK_BYTES / bytes;
    chunk = chunk < 1 ? 1 : chunk > CHUNK_IMAGES ? CHUNK_IMAGES : chunk;
    struct comparison c = { .g = g, .q = q, .of = of, .im = im, .index = index };
    struct power *total = arena_alloc(&arena, nodes * sizeof *total);
    c.dump = arena_alloc(&arena, nodes * sizeof *c.dump);
    c.scale = arena_alloc(&arena, nodes * sizeof *c.scale);
    c.power = arena_alloc(&arena, chunk * nodes * sizeof *c.power);
    bool ok = of && total && c.dump && c.scale && c.power;
    for (size_t i = 0; i < nodes && ok; i++)
        ok = (c.dump[i] = arena_alloc(&arena, chunk * infer_dump_bytes(&q->node[i]))) &&
             (c.scale[i] = arena_alloc(&arena, chunk * sizeof **c.scale));
    for (int i = 0; i < g->n_nodes && ok; i++)
        of[place[i]] = i;   /* the last one stays: what leaves a merged ReLU */
    enum axm_status st = ok ? compare(&c, chunk, n, total)
                            : fail(AXM_ENV, "%s: out of memory for its report", g->name);
    for (size_t i = 0; i < nodes && st == AXM_OK; i++)
        report->node[i].sqnr_db = 10 * log10(total[i].signal / total[i].noise);
    report->images = n;
    arena_release(&arena);
    return st;
}

void quant_report_release(struct quant_report *r)
{
    free(r->node);
    *r = (struct quant_report){ 0 };
}
