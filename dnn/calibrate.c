/* Ranges of activations and weights: smallest and largest, percentile, least squared error. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "dnn/forward.h"
#include "dnn/quant_impl.h"

enum { BINS = 4096 };

double pixel_value(const struct graph *g, size_t channel, int pixel)
{
    double mean = channel < 4 ? (double)g->norm.mean[channel] : 0;
    double std = channel < 4 ? (double)g->norm.std[channel] : 1;
    return (pixel / 255.0 - mean) / std;
}

enum axm_status calibration_forward(const struct graph *g, const struct images *im, size_t index,
                                    struct arena *arena, float ***out)
{
    struct shape s = g->node[0].out;
    size_t pixels = shape_count(s), plane = (size_t)s.h * s.w;
    const uint8_t *pixel = im->pixel + index * pixels;
    float **value = arena_alloc(arena, (size_t)g->n_nodes * sizeof *value);
    float *x = arena_alloc(arena, pixels * sizeof *x);
    if (!value || !x)
        return fail(AXM_ENV, "%s: out of memory", g->name);
    for (size_t i = 0; i < pixels; i++)
        x[i] = (float)pixel_value(g, i / plane, pixel[i]);
    *out = value;
    return float_forward(g, x, arena, value);
}

/* --- over images -------------------------------------------------------------------------- */

/* What a worker has seen.  Extremes and counts add up to the same in any order. */
struct seen {
    struct range *range;       /* [nodes] */
    uint64_t (*count)[BINS];   /* [nodes]; of equal parts of what all workers saw; NULL in the first pass */
};

struct calibration_run {
    const struct graph *g;
    const struct images *im;
    const size_t *index;
    const struct range *range; /* of all workers, in the second pass */
    struct seen *seen;         /* by worker */
    struct progress *progress;
};

static enum axm_status look_at(const struct calibration_run *r, int node, const float *value,
                               struct seen *s)
{
    const struct node *n = &r->g->node[node];
    size_t count = shape_count(n->out);
    if (s->count) {
        double lo = r->range[node].lo, span = r->range[node].hi - lo;
        for (size_t k = 0; k < count; k++) {
            double at = ((double)value[k] - lo) / span * BINS;
            s->count[node][at < BINS - 1 ? (size_t)at : BINS - 1]++;
        }
        return AXM_OK;
    }
    float lo = INFINITY, hi = -INFINITY, zero = 0;
    for (size_t k = 0; k < count; k++) {
        lo = value[k] < lo ? value[k] : lo;
        hi = value[k] > hi ? value[k] : hi;
        zero += value[k] - value[k];   /* NaN, once one is not finite */
    }
    if (zero != 0)
        return fail(AXM_USAGE, "%s: %s gives a value that is not finite", r->g->name, n->name);
    s->range[node].lo = fmin(s->range[node].lo, (double)lo);
    s->range[node].hi = fmax(s->range[node].hi, (double)hi);
    return AXM_OK;
}

static enum axm_status calibrate_image(void *ctx, size_t item, int worker)
{
    struct calibration_run *r = ctx;
    struct arena arena = { 0 };
    float **value;
    enum axm_status st = calibration_forward(r->g, r->im, r->index[item], &arena, &value);
    for (int i = 0; i < r->g->n_nodes && st == AXM_OK; i++)
        st = look_at(r, i, value[i], &r->seen[worker]);
    arena_release(&arena);
    progress_add(r->progress, 1);
    return st;
}

/* --- clipping ----------------------------------------------------------------------------- */

/* Ends between which all but 100 - percentile of the values lie, on each side that the scheme has. */
static void clip_percentile(struct range *r, const uint64_t *count, double percentile, bool is_signed)
{
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BINS; i++)
        total += count[i];
    double width = (r->hi - r->lo) / BINS, cut = (1 - percentile / 100) * (double)total;
    int a = 0, b = BINS - 1;
    if (is_signed) {   /* of magnitudes: the outermost bins of both sides go first */
        while (a < b) {
            bool left = fabs(r->lo + a * width) > fabs(r->lo + (b + 1) * width);
            seen += count[left ? a : b];
            if ((double)seen > cut)
                break;
            left ? a++ : b--;
        }
    } else {
        for (seen = 0; a < BINS && (double)(seen += count[a]) <= cut / 2; a++)
            ;
        for (seen = 0; b > a && (double)(seen += count[b]) <= cut / 2; b--)
            ;
    }
    *r = (struct range){ r->lo + a * width, r->lo + (b + 1) * width };
}

/* Values and how often each occurs (NULL: once). */
struct points {
    const double *value;
    const uint64_t *count;
    size_t n;
};

/* Sum of the squared errors of quantizing them with codes of step s from lowest to highest. */
static double squared_error(const struct points *p, double lowest, double highest, double step)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        double v = p->value[i], q = rint((v - lowest) / step) * step + lowest;
        q = q < lowest ? lowest : q > highest ? highest : q;
        sum += (p->count ? (double)p->count[i] : 1) * (v - q) * (v - q);
    }
    return sum;
}

/* The share of the range, 20 %..100 %, in which codes of so many bits have the least squared error. */
static void clip_mse(struct range *r, const struct points *p, bool is_signed, int bits)
{
    double best = INFINITY, positive = (1 << (bits - 1)) - 1, all = (1 << bits) - 1;
    struct range of_best = *r;
    for (int i = 20; i <= 100; i++) {
        double lo = r->lo * i / 100, hi = r->hi * i / 100, top = fmax(fabs(lo), fabs(hi));
        double least = is_signed ? -top : fmin(lo, 0), most = is_signed ? top : fmax(hi, 0);
        double step = is_signed ? top / positive : (most - least) / all;
        double e = squared_error(p, least, most, step);
        if (e < best) {
            best = e;
            of_best = (struct range){ lo, hi };
        }
    }
    *r = of_best;
}

static void clip_mse_counted(struct range *r, const uint64_t *count, bool is_signed)
{
    double value[BINS], width = (r->hi - r->lo) / BINS;
    uint64_t often[BINS];
    struct points p = { value, often, 0 };
    for (int i = 0; i < BINS; i++)
        if (count[i]) {
            value[p.n] = r->lo + (i + 0.5) * width;
            often[p.n++] = count[i];
        }
    clip_mse(r, &p, is_signed, 8);
}

/* --- weights -------------------------------------------------------------------------------- */

static int by_magnitude(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What clip_percentile() says of bins, of the values themselves. */
static void clip_sorted(struct range *r, double *v, size_t n, double percentile, bool is_signed)
{
    size_t cut = (size_t)floor((1 - percentile / 100) * (double)n / (is_signed ? 1 : 2) + 1e-9);
    qsort(v, n, sizeof *v, is_signed ? by_magnitude : by_value);
    if (is_signed) {
        double top = fabs(v[n - 1 - cut]);
        *r = (struct range){ fmax(r->lo, -top), fmin(r->hi, top) };
    } else {
        *r = (struct range){ fmin(v[cut], 0), fmax(v[n - 1 - cut], 0) };
    }
}

enum axm_status calibrate_weights(const struct quant_opts *o, const float *w, size_t n, struct range *out)
{
    struct range r = { 0, 0 };
    bool is_signed = o->scheme != QUANT_AFFINE;
    for (size_t i = 0; i < n; i++) {
        r.lo = fmin(r.lo, (double)w[i]);
        r.hi = fmax(r.hi, (double)w[i]);
    }
    if (o->weight_calibration != CALIB_MIN_MAX && r.hi > r.lo) {
        double *v = malloc(n * sizeof *v);
        if (!v)
            return fail(AXM_ENV, "quantize: out of memory for %zu weights", n);
        for (size_t i = 0; i < n; i++)
            v[i] = (double)w[i];
        if (o->weight_calibration == CALIB_PERCENTILE)
            clip_sorted(&r, v, n, o->percentile, is_signed);
        else
            clip_mse(&r, &(struct points){ v, NULL, n }, is_signed, o->weight_bits);
        free(v);
    }
    *out = r;
    return AXM_OK;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum axm_status allocate(const struct graph *g, struct seen *seen, int workers)
{
    size_t nodes = (size_t)g->n_nodes;
    for (int w = 0; w < workers; w++) {
        seen[w].range = calloc(nodes, sizeof *seen[w].range);
        if (!seen[w].range)
            return fail(AXM_ENV, "%s: out of memory for its calibration", g->name);
        for (size_t i = 0; i < nodes; i++)
            seen[w].range[i] = (struct range){ INFINITY, -INFINITY };
    }
    return AXM_OK;
}

static void release(struct seen *seen, int workers)
{
    for (int w = 0; w < workers && seen; w++) {
        free(seen[w].range);
        free(seen[w].count);
    }
    free(seen);
}

static enum axm_status passes(struct calibration_run *run, int workers, size_t n, const struct quant_opts *o,
                              struct range *range)
{
    const struct graph *g = run->g;
    bool histogram = o->calibration != CALIB_MIN_MAX, is_signed = o->scheme != QUANT_AFFINE;
    size_t nodes = (size_t)g->n_nodes;
    enum axm_status st = allocate(g, run->seen, workers);
    if (st == AXM_OK)
        st = pool_run(n, calibrate_image, run);
    for (size_t i = 0; i < nodes && st == AXM_OK; i++) {
        range[i] = (struct range){ INFINITY, -INFINITY };
        for (int w = 0; w < workers; w++) {
            range[i].lo = fmin(range[i].lo, run->seen[w].range[i].lo);
            range[i].hi = fmax(range[i].hi, run->seen[w].range[i].hi);
        }
        if (histogram && !(range[i].hi > range[i].lo))
            range[i].hi = range[i].lo + 1e-6;
    }
    if (st != AXM_OK || !histogram)
        return st;
    for (int w = 0; w < workers && st == AXM_OK; w++)
        if (!(run->seen[w].count = calloc(nodes, sizeof *run->seen[w].count)))
            st = fail(AXM_ENV, "%s: out of memory for its histograms", g->name);
    run->range = range;
    if (st == AXM_OK)
        st = pool_run(n, calibrate_image, run);
    for (size_t i = 0; i < nodes && st == AXM_OK; i++) {
        uint64_t *count = run->seen[0].count[i];
        for (int w = 1; w < workers; w++)
            for (int b = 0; b < BINS; b++)
                count[b] += run->seen[w].count[i][b];
        if (o->calibration == CALIB_PERCENTILE)
            clip_percentile(&range[i], count, o->percentile, is_signed);
        else
            clip_mse_counted(&range[i], count, is_signed);
    }
    return st;
}

enum axm_status calibrate(const struct graph *g, const struct images *im, const size_t *index, size_t n,
                          const struct quant_opts *o, struct range *range)
{
    int workers = pool_threads();
    struct calibration_run run = { .g = g, .im = im, .index = index };
    run.seen = calloc((size_t)workers, sizeof *run.seen);
    if (!run.seen)
        return fail(AXM_ENV, "%s: out of memory for its calibration", g->name);
    run.progress = progress_begin("calibrating", n * (o->calibration == CALIB_MIN_MAX ? 1 : 2));
    enum axm_status st = passes(&run, workers, n, o, range);
    progress_end(run.progress);
    release(run.seen, workers);
    return st;
}
