#include "dnn/train.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "dnn/augment.h"
#include "dnn/checkpoint.h"
#include "dnn/executor.h"
#include "dnn/model.h"
#include "dnn/optimizer.h"
#include "dnn/reference.h"

const char *const optimizer_names[] = { "adamw", "sgd", NULL };
const char *const schedule_names[] = { "constant", "step", "cosine", "one-cycle", NULL };

void train_defaults(const char *net, struct train_opts *o)
{
    *o = (struct train_opts){
        .epochs = 30, .batch = 128, .shard = 32, .optimizer = OPT_ADAMW, .schedule = SCHED_ONE_CYCLE,
        .lr = 0.004f, .momentum = 0.9f, .weight_decay = 0.01f, .label_smoothing = 0.05f, .step_epochs = 10,
        .step_factor = 0.1f, .validation = 5000, .seed = 1,
        .augment = { .shift_px = 1, .rotate_deg = 8, .scale = 0.1f, .shear_deg = 8 },
    };
    if (!strcmp(net, "lenet5i")) {   /* 99.4 % of the test images */
        o->epochs = 45;
        o->shard = 64;
        o->label_smoothing = 0;
        o->augment.rotate_deg = 9;
    }
    if (!strncmp(net, "resnet", 6)) {
        o->epochs = 100;
        o->augment = (struct augment){ .flip = true, .crop_pad = 4 };
    }
}

/* Numbered beyond all nodes, whose weights have the streams 0.. */
enum { STREAM_BIAS = GRAPH_NODES_MAX };

void train_init(struct graph *g, uint64_t seed)
{
    graph_init(g, seed);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        struct rng r;
        if (!n->bias)
            continue;
        double bound = sqrt((double)n->out.c / (double)node_weight_count(g, n));
        rng_init(&r, seed, STREAM_BIAS + (uint64_t)i);
        for (int c = 0; c < n->out.c; c++)
            n->bias[c] = (float)(bound * (2 * rng_unit(&r) - 1));
    }
}

/* --- evaluation -------------------------------------------------------------------------- */

enum { EVALUATION_SHARD = 64 };

struct evaluation {
    struct executor *e;
    const struct graph *g;
    const struct images *im;
    size_t first, n, shard;
    float *logits;
    uint32_t *hits;     /* [shards] */
};

static enum axm_status evaluate_shard(void *ctx, size_t item, int worker)
{
    const struct evaluation *v = ctx;
    size_t begin = item * v->shard, count = v->n - begin < v->shard ? v->n - begin : v->shard;
    size_t bytes = shape_count(v->im->shape);
    int classes = (int)shape_count(v->g->node[v->g->n_nodes - 1].out);
    uint8_t *x = executor_pixels(v->e, worker);
    memcpy(x, v->im->pixel + (v->first + begin) * bytes, count * bytes);
    memset(x + count * bytes, 0, (v->shard - count) * bytes);
    enum axm_status st = executor_forward(v->e, worker, NULL);
    if (st != AXM_OK)
        return st;
    const float *y = executor_logits(v->e, worker);
    v->hits[item] = 0;
    for (size_t i = 0; i < count; i++)
        v->hits[item] += argmax_float(y + i * classes, classes) == v->im->label[v->first + begin + i];
    if (v->logits)
        memcpy(v->logits + begin * classes, y, count * classes * sizeof *y);
    return AXM_OK;
}

static enum axm_status evaluate(struct evaluation *v, size_t *hits)
{
    size_t shards = (v->n + v->shard - 1) / v->shard;
    v->hits = calloc(shards + 1, sizeof *v->hits);
    enum axm_status st = v->hits ? executor_update(v->e) :
                         fail(AXM_ENV, "out of memory for %zu images", v->n);
    if (st == AXM_OK)
        st = pool_run(shards, evaluate_shard, v);
    *hits = 0;
    for (size_t i = 0; i < shards && st == AXM_OK; i++)
        *hits += v->hits[i];
    free(v->hits);
    v->hits = NULL;
    return st;
}

static enum axm_status check_images(const struct graph *g, const struct images *im)
{
    struct shape in = g->node[0].out;
    size_t outputs = shape_count(g->node[g->n_nodes - 1].out);
    if (in.c != im->shape.c || in.h != im->shape.h || in.w != im->shape.w)
        return fail(AXM_USAGE, "%s takes images of %dx%dx%d, these are %dx%dx%d", g->name, in.c, in.h, in.w,
                    im->shape.c, im->shape.h, im->shape.w);
    if (outputs < (size_t)im->classes)
        return fail(AXM_USAGE, "%s has %zu outputs, the images %d classes", g->name, outputs, im->classes);
    return AXM_OK;
}

enum axm_status float_infer(const struct graph *g, const struct images *im, size_t first, size_t n,
                            float *logits, size_t *hits)
{
    struct param_map map = { 0 };
    struct evaluation v = { .g = g, .im = im, .first = first, .n = n, .logits = logits,
                            .shard = n < EVALUATION_SHARD ? n + !n : EVALUATION_SHARD };
    size_t found = 0;
    assert(first <= im->count && n <= im->count - first);
    enum axm_status st = check_images(g, im);
    if (st != AXM_OK || (st = param_map_init(g, &map)) != AXM_OK)
        return st;
    float *params = params_new(map.count), *stats = params_new(map.stats);
    if (!params || !stats)
        st = fail(AXM_ENV, "%s: out of memory for its parameters", g->name);
    if (st == AXM_OK) {
        struct executor_opts o = { (int)v.shard, pool_threads(), false, true };
        params_from_graph(g, &map, params, stats);
        st = executor_new(g, &map, params, stats, &o, &v.e);
    }
    if (st == AXM_OK)
        st = evaluate(&v, &found);
    if (st == AXM_OK && hits)
        *hits = found;
    executor_free(v.e);
    free(params);
    free(stats);
    param_map_release(&map);
    return st;
}

/* --- a run --------------------------------------------------------------------------------- */

/* What one shard leaves behind. */
struct shard_result {
    float *grad, *stats;
    uint8_t *scratch;   /* an image */
    double loss;
    uint32_t hits;
};

struct trainer {
    struct graph *g;
    const struct images *im;
    const struct train_opts *o;
    struct param_map map;
    struct train_memory memory;
    struct executor *e;
    struct evaluation validation;     /* e: NULL without */
    size_t images;                    /* trained on: the first so many */
    uint64_t steps_per_epoch;
    int shards;                       /* a batch */
    struct shard_result *shard;
    const float **grad;               /* [shards] */
    uint32_t *order;                  /* [images] of this epoch */
    struct strbuf options;
    int classes;
};

/* Independent streams out of one seed. */
enum stream { STREAM_ORDER = 1, STREAM_AUGMENT, STREAM_DROPOUT };

static uint64_t seed_of(const struct trainer *t, enum stream stream)
{
    struct rng r;
    rng_init(&r, t->o->seed, stream);
    return rng_next(&r);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Cross entropy with smoothed labels of one image; its derivative, divided by the batch, in diff. */
static double cross_entropy(const float *logits, float *diff, int classes, int label, double smoothing,
                            int batch)
{
    double most = logits[argmax_float(logits, classes)], sum = 0, loss = 0;
    for (int c = 0; c < classes; c++)
        sum += exp(logits[c] - most);
    double log_sum = log(sum) + most;
    for (int c = 0; c < classes; c++) {
        double target = smoothing / classes + (c == label ? 1 - smoothing : 0);
        loss -= target * (logits[c] - log_sum);
        diff[c] = (float)((exp(logits[c] - log_sum) - target) / batch);
    }
    return loss;
}

static enum axm_status train_shard(void *ctx, size_t item, int worker)
{
    struct trainer *t = ctx;
    const struct train_opts *o = t->o;
    const struct train_state *state = &t->memory.state;
    struct shard_result *result = &t->shard[item];
    size_t pixels = shape_count(t->im->shape);
    size_t first = state->step * (size_t)o->batch + item * (size_t)o->shard;
    uint8_t *x = executor_pixels(t->e, worker), *scratch = result->scratch;
    for (int i = 0; i < o->shard; i++) {
        uint32_t image = t->order[first + (size_t)i];
        augment_pixels(&o->augment, t->im->shape, t->im->pixel + image * pixels, seed_of(t, STREAM_AUGMENT),
                       state->epoch << 32 | image, scratch, x + (size_t)i * pixels);
    }
    struct rng dropout;
    rng_init(&dropout, seed_of(t, STREAM_DROPOUT), state->epoch << 32 | first);
    enum axm_status st = executor_forward(t->e, worker, &dropout);
    if (st != AXM_OK)
        return st;
    const float *logits = executor_logits(t->e, worker);
    float *diff = executor_logits_diff(t->e, worker);
    result->loss = 0;
    result->hits = 0;
    for (int i = 0; i < o->shard; i++, logits += t->classes, diff += t->classes) {
        int label = t->im->label[t->order[first + (size_t)i]];
        result->loss += cross_entropy(logits, diff, t->classes, label, o->label_smoothing, o->batch);
        result->hits += argmax_float(logits, t->classes) == label;
    }
    executor_shard_stats(t->e, worker, result->stats);
    return executor_backward(t->e, worker, result->grad);
}

/* Averages over the last 66 shards or so; in the beginning over all. */
static void update_running_stats(struct trainer *t, const float *shard_stats)
{
    float *stats = t->memory.stats;
    double weight = 1 / ((double)++t->memory.state.shards);
    float w = (float)(weight > 0.03 ? weight : 0.03);
    for (int i = 0; i < t->g->n_nodes; i++) {
        const struct param_slot *s = &t->map.slot[i];
        const struct node *n = &t->g->node[i];
        if (s->mean == PARAM_NONE)
            continue;
        double values = (double)t->o->shard * n->out.h * n->out.w;
        float unbias = values > 1 ? (float)(values / (values - 1)) : 1;
        for (int c = 0; c < n->out.c; c++) {
            float *mean = &stats[s->mean + (size_t)c], *variance = &stats[s->variance + (size_t)c];
            *mean += w * (shard_stats[s->mean + (size_t)c] - *mean);
            *variance += w * (shard_stats[s->variance + (size_t)c] * unbias - *variance);
        }
    }
}

/* One batch.  Not interruptible where it changes the memory: that is a whole step or none. */
static enum axm_status train_step(struct trainer *t)
{
    struct train_memory *m = &t->memory;
    enum axm_status st = executor_update(t->e);
    if (st == AXM_OK)
        st = pool_run((size_t)t->shards, train_shard, t);
    if (st != AXM_OK)
        return st;
    uint64_t step = m->state.epoch * t->steps_per_epoch + m->state.step;
    double lr = schedule_lr(t->o, step, (uint64_t)t->o->epochs * t->steps_per_epoch, t->steps_per_epoch);
    struct optimizer_state s = { m->params, m->moment1, m->moment2 };
    for (int i = 0; i < t->map.n_ranges; i++) {
        const struct param_range *r = &t->map.range[i];
        optimizer_step(t->o, &s, r->first, r->count, r->decay, t->grad, t->shards, step + 1, lr);
    }
    for (int i = 0; i < t->shards; i++) {
        update_running_stats(t, t->shard[i].stats);
        m->state.loss += t->shard[i].loss;
        m->state.hits += t->shard[i].hits;
    }
    m->state.step++;
    return isfinite(m->state.loss) ? AXM_OK :
           fail(AXM_USAGE, "%s: the loss is no longer finite at step %" PRIu64 "; a smaller --lr may help",
                t->g->name, step + 1);
}

/* Fisher and Yates, its draws a function of seed and epoch. */
static void shuffle(struct trainer *t)
{
    struct rng r;
    rng_init(&r, seed_of(t, STREAM_ORDER), t->memory.state.epoch);
    for (size_t i = 0; i < t->images; i++)
        t->order[i] = (uint32_t)i;
    for (size_t i = t->images; i > 1; i--) {
        size_t k = rng_below(&r, i);
        uint32_t other = t->order[k];
        t->order[k] = t->order[i - 1];
        t->order[i - 1] = other;
    }
}

static enum axm_status save(struct trainer *t)
{
    return t->o->checkpoint ? checkpoint_save(t->o->checkpoint, t->g, &t->memory, t->options.s) : AXM_OK;
}

/* The steps of an epoch that are not done yet. */
static enum axm_status train_steps(struct trainer *t)
{
    struct train_state *s = &t->memory.state;
    char label[40];
    double begin = now(), before = s->seconds;
    snprintf(label, sizeof label, "epoch %" PRIu64 "/%d", s->epoch + 1, t->o->epochs);
    struct progress *p = progress_begin(label, t->steps_per_epoch * (uint64_t)t->o->batch);
    progress_add(p, s->step * (uint64_t)t->o->batch);
    enum axm_status st = AXM_OK;
    while (s->step < t->steps_per_epoch && st == AXM_OK) {
        st = progress_stop_requested() ? AXM_STOPPED : train_step(t);
        s->seconds = before + now() - begin;
        progress_add(p, st == AXM_OK ? (uint64_t)t->o->batch : 0);
        if (st == AXM_OK && t->o->checkpoint_steps && s->step % (uint64_t)t->o->checkpoint_steps == 0 &&
            s->step < t->steps_per_epoch)
            st = save(t);
    }
    progress_end(p);
    return st;
}

/* Validation, the record, the best so far. */
static enum axm_status finish_epoch(struct trainer *t)
{
    struct train_memory *m = &t->memory;
    struct train_state *s = &m->state;
    double images = (double)(t->steps_per_epoch * (uint64_t)t->o->batch), begin = now(), top1 = NAN;
    if (t->validation.e) {
        size_t hits;
        enum axm_status st = evaluate(&t->validation, &hits);
        if (st != AXM_OK)
            return st;
        top1 = (double)hits / (double)t->validation.n;
    }
    uint64_t last = (s->epoch + 1) * t->steps_per_epoch - 1;
    struct epoch_record *r = &m->history[s->epoch];
    *r = (struct epoch_record){
        .epoch = (double)s->epoch + 1, .train_loss = s->loss / images, .train_top1 = (double)s->hits / images,
        .lr = schedule_lr(t->o, last, (uint64_t)t->o->epochs * t->steps_per_epoch, t->steps_per_epoch),
        .validation_top1 = top1, .seconds = s->seconds + now() - begin,
    };
    s->epoch++;
    s->step = s->hits = 0;
    s->loss = s->seconds = 0;
    if (!isnan(top1) && top1 > s->best_top1) {
        s->best_top1 = top1;
        s->best_epoch = s->epoch;
        memcpy(m->best_params, m->params, t->map.count * sizeof(float));
        memcpy(m->best_stats, m->stats, t->map.stats * sizeof(float));
    }
    char text[32] = "";
    if (!isnan(top1))
        snprintf(text, sizeof text, ", validation %.2f %%", 100 * top1);
    note("epoch %.0f/%d: loss %.4f, training %.2f %%%s, %.1f s", r->epoch, t->o->epochs, r->train_loss,
         100 * r->train_top1, text, r->seconds);
    return AXM_OK;
}

/* The network as the epoch left it: what an information plane of the training is drawn from. */
static enum axm_status keep_epoch(struct trainer *t)
{
    const struct train_memory *m = &t->memory;
    struct strbuf path = { 0 };
    if (!t->o->keep_epochs)
        return AXM_OK;
    strbuf_addf(&path, "%s/epoch-%05" PRIu64 ".axm", t->o->keep_epochs, m->state.epoch);
    enum axm_status st = path.failed ? fail(AXM_ENV, "%s: out of memory", t->o->keep_epochs)
                                     : file_mkdirs(t->o->keep_epochs);
    params_to_graph(t->g, &t->map, m->params, m->stats);
    if (st == AXM_OK) {
        outfile_remove_stale(path.s);
        st = model_save(path.s, t->g, NULL);
    }
    strbuf_release(&path);
    return st;
}

static enum axm_status train_epoch(struct trainer *t)
{
    shuffle(t);
    enum axm_status st = train_steps(t);
    if (st == AXM_OK)
        st = finish_epoch(t);
    if (st == AXM_OK)
        st = keep_epoch(t);
    if (st != AXM_OK && st != AXM_STOPPED)
        return st;
    enum axm_status saved = save(t);
    if (st == AXM_OK && saved == AXM_OK && t->o->csv)
        saved = history_write(t->o->csv, t->memory.history, t->memory.state.epoch);
    return saved == AXM_OK ? st : saved;
}

/* --- setting up -------------------------------------------------------------------------------- */

static enum axm_status check_opts(const struct trainer *t)
{
    const struct train_opts *o = t->o;
    const struct { const char *what; double value, lo, hi; } limit[] = {
        { "epochs", o->epochs, 1, 100000 },
        { "batch", o->batch, 1, 1 << 20 },
        { "shard", o->shard, 1, o->batch },
        { "learning rate", o->lr, 1e-12, 1e6 },
        { "momentum", o->momentum, 0, 0.9999 },
        { "weight decay", o->weight_decay, 0, 1e3 },
        { "label smoothing", o->label_smoothing, 0, 0.99 },
        { "step epochs", o->step_epochs, 1, 100000 },
        { "step factor", o->step_factor, 1e-12, 1 },
        { "checkpoint steps", o->checkpoint_steps, 0, 1e9 },
    };
    for (size_t i = 0; i < sizeof limit / sizeof *limit; i++)
        if (!(limit[i].value >= limit[i].lo && limit[i].value <= limit[i].hi))
            return fail(AXM_USAGE, "training: %s must be %g..%g, got %g", limit[i].what, limit[i].lo,
                        limit[i].hi, limit[i].value);
    if (o->batch % o->shard)
        return fail(AXM_USAGE, "training: the batch must be a multiple of the shard of %d images, got %d",
                    o->shard, o->batch);
    size_t held = o->validation_images ? 0 : o->validation;
    if (held >= t->im->count || t->im->count - held < (size_t)o->batch)
        return fail(AXM_USAGE, "training: of %zu images %zu are held out, which leaves less than a batch of "
                    "%d", t->im->count, held, o->batch);
    if (t->im->count > UINT32_MAX)
        return fail(AXM_USAGE, "training: at most %u images, got %zu", UINT32_MAX, t->im->count);
    return AXM_OK;
}

static struct sha256_hex images_hash(const struct images *im)
{
    struct sha256_hex part[2] = { sha256_bytes(im->pixel, im->count * shape_count(im->shape)),
                                  sha256_bytes(im->label, im->count) };
    return sha256_bytes(part, sizeof part);
}

/* Everything that the result depends on. */
static enum axm_status write_options(struct trainer *t)
{
    const struct train_opts *o = t->o;
    struct strbuf *s = &t->options;
    char augment[AUGMENT_TEXT];
    struct param_map *m = &t->map;
    strbuf_addf(s, "net %s\nimages %s\n", t->g->name, images_hash(t->im).s);
    strbuf_addf(s, "initial %s\n", sha256_bytes(t->memory.params, m->count * sizeof(float)).s);
    strbuf_addf(s, "seed %" PRIu64 "\nepochs %d\nbatch %d\nshard %d\n", o->seed, o->epochs, o->batch,
                o->shard);
    strbuf_addf(s, "optimizer %s\nschedule %s\n", optimizer_names[o->optimizer], schedule_names[o->schedule]);
    strbuf_addf(s, "lr %.9g\nmomentum %.9g\nweight-decay %.9g\nlabel-smoothing %.9g\n", o->lr, o->momentum,
                o->weight_decay, o->label_smoothing);
    strbuf_addf(s, "step-epochs %d\nstep-factor %.9g\n", o->step_epochs, o->step_factor);
    strbuf_addf(s, "augment %s\n", augment_text(&o->augment, augment));
    strbuf_addf(s, "validation %zu\nvalidation-images %s\n", o->validation_images ? 0 : o->validation,
                o->validation_images ? images_hash(o->validation_images).s : "none");
    strbuf_addf(s, "keep-best %d\n", o->keep_best);
    return s->failed ? fail(AXM_ENV, "%s: out of memory for its training", t->g->name) : AXM_OK;
}

static bool allocate(struct trainer *t)
{
    struct train_memory *m = &t->memory;
    size_t params = t->map.count, stats = t->map.stats;
    m->map = &t->map;
    bool ok = (m->params = params_new(params)) && (m->moment1 = params_new(params)) &&
              (m->moment2 = params_new(params)) && (m->best_params = params_new(params)) &&
              (m->stats = params_new(stats)) && (m->best_stats = params_new(stats)) &&
              (m->history = calloc((size_t)t->o->epochs, sizeof *m->history)) &&
              (t->order = malloc(t->images * sizeof *t->order)) &&
              (t->grad = calloc((size_t)t->shards, sizeof *t->grad)) &&
              (t->shard = calloc((size_t)t->shards, sizeof *t->shard));
    for (int i = 0; i < t->shards && ok; i++) {
        ok = (t->shard[i].grad = params_new(params)) && (t->shard[i].stats = params_new(stats)) &&
             (t->shard[i].scratch = malloc(shape_count(t->im->shape)));
        t->grad[i] = t->shard[i].grad;
    }
    return ok;
}

static enum axm_status set_up_validation(struct trainer *t)
{
    const struct images *other = t->o->validation_images;
    struct evaluation *v = &t->validation;
    *v = (struct evaluation){ .g = t->g, .im = other ? other : t->im, .first = other ? 0 : t->images,
                              .n = other ? other->count : t->o->validation };
    if (v->n == 0)
        return AXM_OK;
    enum axm_status st = check_images(t->g, v->im);
    v->shard = v->n < EVALUATION_SHARD ? v->n : EVALUATION_SHARD;
    struct executor_opts o = { (int)v->shard, pool_threads(), false, true };
    return st == AXM_OK ? executor_new(t->g, &t->map, t->memory.params, t->memory.stats, &o, &v->e) : st;
}

static enum axm_status set_up(struct trainer *t)
{
    enum axm_status st = check_images(t->g, t->im);
    if (st == AXM_OK)
        st = check_opts(t);
    if (st == AXM_OK)
        st = param_map_init(t->g, &t->map);
    if (st != AXM_OK)
        return st;
    t->images = t->im->count - (t->o->validation_images ? 0 : t->o->validation);
    t->shards = t->o->batch / t->o->shard;
    t->steps_per_epoch = t->images / (size_t)t->o->batch;
    t->classes = (int)shape_count(t->g->node[t->g->n_nodes - 1].out);
    if (!allocate(t))
        return fail(AXM_ENV, "%s: out of memory for its training", t->g->name);
    params_from_graph(t->g, &t->map, t->memory.params, t->memory.stats);
    int workers = pool_threads() < t->shards ? pool_threads() : t->shards;
    struct executor_opts o = { t->o->shard, workers, true, true };
    st = executor_new(t->g, &t->map, t->memory.params, t->memory.stats, &o, &t->e);
    if (st == AXM_OK)
        st = set_up_validation(t);
    return st == AXM_OK ? write_options(t) : st;
}

static void tear_down(struct trainer *t)
{
    struct train_memory *m = &t->memory;
    executor_free(t->e);
    executor_free(t->validation.e);
    for (int i = 0; t->shard && i < t->shards; i++) {
        free(t->shard[i].grad);
        free(t->shard[i].stats);
        free(t->shard[i].scratch);
    }
    free(t->shard);
    free(t->grad);
    free(t->order);
    free(m->params);
    free(m->stats);
    free(m->moment1);
    free(m->moment2);
    free(m->best_params);
    free(m->best_stats);
    free(m->history);
    strbuf_release(&t->options);
    param_map_release(&t->map);
}

static enum axm_status resume(struct trainer *t, struct train_result *out)
{
    const struct train_opts *o = t->o;
    if (o->checkpoint)
        outfile_remove_stale(o->checkpoint);
    if (o->csv)
        outfile_remove_stale(o->csv);
    if (!o->checkpoint || o->fresh || !file_exists(o->checkpoint))
        return AXM_OK;
    enum axm_status st = checkpoint_load(o->checkpoint, t->g, &t->memory, (uint64_t)o->epochs, t->options.s);
    const struct train_state *s = &t->memory.state;
    if (st != AXM_OK)
        return st;
    if (s->step > t->steps_per_epoch)   /* all of them: the epoch's validation was interrupted */
        return fail(AXM_USAGE, "%s: at step %" PRIu64 " of %" PRIu64, o->checkpoint, s->step,
                    t->steps_per_epoch);
    out->resumed = true;
    note("%s: going on after epoch %" PRIu64 ", step %" PRIu64, o->checkpoint, s->epoch, s->step);
    return AXM_OK;
}

enum axm_status train_run(struct graph *g, const struct images *train, const struct train_opts *o,
                          struct train_result *out)
{
    struct trainer t = { .g = g, .im = train, .o = o };
    struct train_memory *m = &t.memory;
    *out = (struct train_result){ .validation_top1 = NAN };
    enum axm_status st = set_up(&t);
    if (st == AXM_OK)
        st = resume(&t, out);
    while (st == AXM_OK && m->state.epoch < (uint64_t)o->epochs)
        st = train_epoch(&t);
    if (m->history && m->state.epoch) {
        const struct epoch_record *last = &m->history[m->state.epoch - 1];
        out->validation_top1 = last->validation_top1;
        out->train_loss = last->train_loss;
        out->epochs_done = (int)m->state.epoch;
        out->best_epoch = (int)m->state.best_epoch;
    }
    if (st == AXM_OK && o->csv)   /* a resumed run may have had nothing to do */
        st = history_write(o->csv, m->history, m->state.epoch);
    if (st == AXM_OK) {
        bool best = o->keep_best && m->state.best_epoch;
        params_to_graph(g, &t.map, best ? m->best_params : m->params, best ? m->best_stats : m->stats);
        if (best)
            out->validation_top1 = m->state.best_top1;
    }
    tear_down(&t);
    return st;
}
