#include "dnn/executor_impl.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/augment.h"

enum axm_status onednn_check(dnnl_status_t s, const char *what)
{
    switch (s) {
    case dnnl_success:
        return AXM_OK;
    case dnnl_out_of_memory:
        return fail(AXM_ENV, "%s: oneDNN is out of memory", what);
    case dnnl_unimplemented:
        return fail(AXM_ENV, "%s: oneDNN %s has nothing for this shape", what, onednn_version());
    default:
        return fail(AXM_ENV, "%s: oneDNN %s fails with status %d", what, onednn_version(), (int)s);
    }
}

const char *onednn_version(void)
{
    static _Thread_local char text[32];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

const char *onednn_cpu_isa(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
        return "sse41";
    case dnnl_cpu_isa_avx:
        return "avx";
    case dnnl_cpu_isa_avx2:
        return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
        return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
        return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni:
        return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
        return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
        return "avx512_core_amx";
    default:
        return "other";
    }
}

/* --- memory --------------------------------------------------------------------------- */

static void *buffer_new(size_t bytes)
{
    return params_new((bytes + sizeof(float) - 1) / sizeof(float));
}

static float *place(const struct executor *e, const struct worker *w, const struct tensor *t)
{
    switch (t->home) {
    case HOME_LOCAL:
        return w->buffer[t->at];
    case HOME_PACKED:
        return e->packed_buffer[t->at];
    case HOME_PARAM:
        return (float *)e->params + t->at;
    case HOME_STATS:
        return (float *)e->stats + t->at;
    default:
        return NULL;
    }
}

static enum axm_status bind_step(struct executor *e, const struct worker *w, const struct step *s,
                                 struct binding *b)
{
    for (int i = 0; i < s->n_args; i++) {
        b->ptr[i] = place(e, w, &s->arg[i]);
        b->exec[i].arg = s->name[i];
        if (s->kind != STEP_PRIMITIVE)
            continue;
        enum axm_status st = onednn_check(dnnl_memory_create(&b->exec[i].memory, &s->arg[i].md, e->engine,
                                                             b->ptr[i] ? b->ptr[i] : DNNL_MEMORY_NONE),
                                          "a tensor");
        if (st != AXM_OK)
            return st;
    }
    return AXM_OK;
}

static enum axm_status worker_init(struct executor *e, struct worker *w)
{
    w->buffer = calloc((size_t)e->local.n, sizeof *w->buffer);
    if (!w->buffer)
        return fail(AXM_ENV, "%s: out of memory for a shard of %d images", e->g->name, e->opts.shard);
    for (int i = 0; i < e->local.n; i++)
        if (!(w->buffer[i] = buffer_new(e->local.bytes[i])))
            return fail(AXM_ENV, "%s: out of memory for a shard of %d images", e->g->name, e->opts.shard);
    size_t pixels = shape_count(e->g->node[0].out) * (size_t)e->opts.shard;
    if (e->levels_last)
        w->levels = levels_new(e->g, e->m, e->opts.shard, e->opts.training);
    else if (e->opts.pixels)
        w->pixel = calloc(pixels, 1);
    if ((e->levels_last && !w->levels) || (e->opts.pixels && !w->pixel && !w->levels))
        return fail(AXM_ENV, "%s: out of memory for a shard of %d images", e->g->name, e->opts.shard);
    enum axm_status st = onednn_check(dnnl_stream_create(&w->stream, e->engine, dnnl_stream_default_flags),
                                      "a stream");
    for (int l = 0; l < LISTS && st == AXM_OK; l++) {
        w->binding[l] = calloc((size_t)e->list[l].n + 1, sizeof *w->binding[l]);
        if (!w->binding[l])
            return fail(AXM_ENV, "%s: out of memory for its execution plan", e->g->name);
        for (int i = 0; i < e->list[l].n && st == AXM_OK; i++)
            st = bind_step(e, w, &e->list[l].step[i], &w->binding[l][i]);
    }
    return st;
}

static void worker_release(const struct executor *e, struct worker *w)
{
    for (int l = 0; l < LISTS; l++)
        for (int i = 0; w->binding[l] && i < e->list[l].n; i++)
            for (int k = 0; k < STEP_ARGS_MAX; k++)
                if (w->binding[l][i].exec[k].memory)
                    dnnl_memory_destroy(w->binding[l][i].exec[k].memory);
    for (int l = 0; l < LISTS; l++)
        free(w->binding[l]);
    levels_free(w->levels);
    free(w->pixel);
    if (w->stream)
        dnnl_stream_destroy(w->stream);
    for (int i = 0; w->buffer && i < e->local.n; i++)
        free(w->buffer[i]);
    free(w->buffer);
}

enum axm_status executor_new(const struct graph *g, const struct param_map *m, const float *params,
                             const float *stats, const struct executor_opts *o, struct executor **out)
{
    struct executor *e = calloc(1, sizeof *e);
    if (!e)
        return fail(AXM_ENV, "%s: out of memory for its execution plan", g->name);
    *e = (struct executor){ .g = g, .m = m, .params = params, .stats = stats, .opts = *o };
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);   /* primitives are made for the number of threads that there is now */
    enum axm_status st = onednn_check(dnnl_engine_create(&e->engine, dnnl_cpu, 0), "an engine");
    if (st == AXM_OK)
        st = executor_plan(e);
    omp_set_num_threads(threads);
    if (st == AXM_OK) {
        e->packed_buffer = calloc((size_t)e->packed.n + 1, sizeof *e->packed_buffer);
        e->worker = calloc((size_t)o->workers, sizeof *e->worker);
        if (!e->packed_buffer || !e->worker)
            st = fail(AXM_ENV, "%s: out of memory for its execution plan", g->name);
    }
    for (int i = 0; i < e->packed.n && st == AXM_OK; i++)
        if (!(e->packed_buffer[i] = buffer_new(e->packed.bytes[i])))
            st = fail(AXM_ENV, "%s: out of memory for its weights", g->name);
    for (int i = 0; i < o->workers && st == AXM_OK; i++)
        st = worker_init(e, &e->worker[i]);
    if (st != AXM_OK) {
        executor_free(e);
        return st;
    }
    *out = e;
    return AXM_OK;
}

void executor_free(struct executor *e)
{
    if (!e)
        return;
    for (int i = 0; e->worker && i < e->opts.workers; i++)
        worker_release(e, &e->worker[i]);
    free(e->worker);
    for (int i = 0; e->packed_buffer && i < e->packed.n; i++)
        free(e->packed_buffer[i]);
    free(e->packed_buffer);
    for (int l = 0; l < LISTS; l++) {
        for (int i = 0; i < e->list[l].n; i++)
            if (e->list[l].step[i].primitive)
                dnnl_primitive_destroy(e->list[l].step[i].primitive);
        free(e->list[l].step);
    }
    free(e->local.bytes);
    free(e->packed.bytes);
    free(e->shard_mean);
    free(e->shard_variance);
    if (e->engine)
        dnnl_engine_destroy(e->engine);
    free(e);
}

float *executor_input(struct executor *e, int worker)
{
    return e->worker[worker].buffer[e->input];
}

uint8_t *executor_pixels(struct executor *e, int worker)
{
    struct worker *w = &e->worker[worker];
    return w->levels ? levels_pixels(w->levels) : w->pixel;
}

const float *executor_logits(const struct executor *e, int worker)
{
    return e->worker[worker].buffer[e->logits];
}

float *executor_logits_diff(struct executor *e, int worker)
{
    return e->worker[worker].buffer[e->logits_diff];
}

void executor_shard_stats(const struct executor *e, int worker, float *stats)
{
    if (e->levels_last)
        levels_shard_stats(e->worker[worker].levels, stats);
    for (int i = e->levels_last + 1; i < e->g->n_nodes; i++) {
        const struct param_slot *s = &e->m->slot[i];
        size_t bytes = (size_t)e->g->node[i].out.c * sizeof *stats;
        if (s->mean == PARAM_NONE)
            continue;
        memcpy(stats + s->mean, e->worker[worker].buffer[e->shard_mean[i]], bytes);
        memcpy(stats + s->variance, e->worker[worker].buffer[e->shard_variance[i]], bytes);
    }
}

/* --- steps of our own -------------------------------------------------------------------- */

static void copy_rows(const struct step *s, const float *from, float *to)
{
    for (size_t r = 0; r < s->rows; r++)
        memcpy(to + s->to_at + r * s->to_stride, from + s->from_at + r * s->from_stride,
               s->count * sizeof *to);
}

/* Two draws of 32 bits from each number. */
static void drop(const struct step *s, const float *from, float *to, float *mask, struct rng *r)
{
    uint32_t threshold = (uint32_t)(s->rate * 0x1p32);
    float keep = 1 / (1 - s->rate);
    for (size_t i = 0; i < s->count; i += 2) {
        uint64_t bits = rng_next(r);
        for (size_t k = i; k < i + 2 && k < s->count; k++, bits >>= 32)
            mask[k] = (uint32_t)bits < threshold ? 0 : keep;
    }
    for (size_t i = 0; i < s->count; i++)
        to[i] = from[i] * mask[i];
}

static void softmax(const struct step *s, const float *from, float *to)
{
    for (size_t r = 0; r < s->rows; r++, from += s->count, to += s->count) {
        float most = from[0];
        double sum = 0;
        for (size_t i = 1; i < s->count; i++)
            most = from[i] > most ? from[i] : most;
        for (size_t i = 0; i < s->count; i++)
            sum += exp((double)from[i] - most);
        for (size_t i = 0; i < s->count; i++)
            to[i] = (float)(exp((double)from[i] - most) / sum);
    }
}

static void softmax_back(const struct step *s, const float *diff, const float *value, float *to)
{
    for (size_t r = 0; r < s->rows; r++, diff += s->count, value += s->count, to += s->count) {
        double dot = 0;
        for (size_t i = 0; i < s->count; i++)
            dot += (double)diff[i] * value[i];
        for (size_t i = 0; i < s->count; i++)
            to[i] = (float)(value[i] * (diff[i] - dot));
    }
}

static void run_own(const struct step *s, float *const *ptr, struct rng *dropout)
{
    const float *from = ptr[0];
    float *to = ptr[1];
    switch (s->kind) {
    case STEP_COPY:
        copy_rows(s, from, to);
        break;
    case STEP_ADD:
        for (size_t i = 0; i < s->count; i++)
            to[i] += from[i];
        break;
    case STEP_DROPOUT:
        drop(s, from, to, ptr[2], dropout);
        break;
    case STEP_DROPOUT_BACK:
        for (size_t i = 0; i < s->count; i++)
            to[i] = from[i] * ptr[2][i];
        break;
    case STEP_SOFTMAX:
        softmax(s, from, to);
        break;
    case STEP_SOFTMAX_BACK:
        softmax_back(s, from, ptr[2], to);
        break;
    default:
        break;
    }
}

/* --- passes --------------------------------------------------------------------------------- */

static enum axm_status run_list(struct executor *e, int worker, enum list list, struct rng *dropout,
                                float *grad)
{
    struct worker *w = &e->worker[worker];
    omp_set_num_threads(1);   /* of this thread; the shards are what is parallel */
    for (int i = 0; i < e->list[list].n; i++) {
        const struct step *s = &e->list[list].step[i];
        const struct binding *b = &w->binding[list][i];
        if (s->kind == STEP_LEVELS)
            levels_forward(w->levels, e->params, e->stats, b->ptr[1]);
        else if (s->kind == STEP_LEVELS_BACK)
            levels_backward(w->levels, e->params, b->ptr[0], grad);
        else if (s->kind != STEP_PRIMITIVE)
            run_own(s, b->ptr, dropout);
        if (s->kind != STEP_PRIMITIVE)
            continue;
        dnnl_status_t failed = dnnl_primitive_execute(s->primitive, w->stream, s->n_args, b->exec);
        if (failed != dnnl_success)
            return onednn_check(failed, e->g->name);
    }
    return AXM_OK;
}

enum axm_status executor_update(struct executor *e)
{
    return run_list(e, 0, LIST_PACK, NULL, NULL);
}

enum axm_status executor_forward(struct executor *e, int worker, struct rng *dropout)
{
    const struct worker *w = &e->worker[worker];
    size_t count = shape_count(e->g->node[0].out);
    for (int i = 0; w->pixel && i < e->opts.shard; i++)
        normalise_image(&e->g->norm, e->g->node[0].out, w->pixel + (size_t)i * count,
                        w->buffer[e->input] + (size_t)i * count);
    return run_list(e, worker, LIST_FORWARD, dropout, NULL);
}

enum axm_status executor_backward(struct executor *e, int worker, float *grad)
{
    for (int i = 0; i < e->list[LIST_BACKWARD].n; i++) {
        const struct step *s = &e->list[LIST_BACKWARD].step[i];
        for (int k = 0; k < s->n_args; k++) {
            if (s->arg[k].home != HOME_GRAD)
                continue;
            dnnl_memory_t memory = e->worker[worker].binding[LIST_BACKWARD][i].exec[k].memory;
            dnnl_status_t failed = dnnl_memory_set_data_handle(memory, grad + s->arg[k].at);
            if (failed != dnnl_success)
                return onednn_check(failed, e->g->name);
        }
    }
    return run_list(e, worker, LIST_BACKWARD, NULL, grad);
}
