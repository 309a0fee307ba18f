#include "dnn/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "dnn/model.h"

enum section { SECTION_OPTIONS, SECTION_STATE, SECTION_HISTORY, SECTION_MOMENT1, SECTION_MOMENT2,
               SECTION_BEST_PARAMS, SECTION_BEST_STATS, SECTIONS };

static const char *const section_name[SECTIONS] = {
    "options", "state", "history", "moment1", "moment2", "best_params", "best_stats",
};

enum axm_status checkpoint_save(const char *path, struct graph *g, const struct train_memory *m,
                                const char *options)
{
    size_t params = m->map->count * sizeof(float), stats = m->map->stats * sizeof(float);
    const struct model_extra extra[SECTIONS] = {
        { section_name[0], options, strlen(options) },
        { section_name[1], &m->state, sizeof m->state },
        { section_name[2], m->history, m->state.epoch * sizeof *m->history },
        { section_name[3], m->moment1, params },
        { section_name[4], m->moment2, params },
        { section_name[5], m->best_params, params },
        { section_name[6], m->best_stats, stats },
    };
    params_to_graph(g, m->map, m->params, m->stats);
    return model_save_with(path, g, NULL, extra, SECTIONS);
}

/* --- loading ------------------------------------------------------------------------------- */

struct found {
    void *data[SECTIONS];
    size_t len[SECTIONS];
    bool failed;
};

static void take_section(void *ctx, const struct model_extra *e)
{
    struct found *f = ctx;
    for (int i = 0; i < SECTIONS; i++) {
        if (strcmp(section_name[i], e->name) || f->data[i])
            continue;
        f->data[i] = calloc(e->len + 1, 1);   /* text ends */
        if (f->data[i])
            memcpy(f->data[i], e->data, e->len);
        f->len[i] = e->len;
        f->failed |= !f->data[i];
    }
}

/* The first line in which they differ; each has the same keys in the same order. */
static enum axm_status check_options(const char *path, const char *stored, const char *options)
{
    while (*stored || *options) {
        size_t a = strcspn(stored, "\n"), b = strcspn(options, "\n"), key = strcspn(options, " \n");
        if (a != b || memcmp(stored, options, a)) {
            if (key < a && !memcmp(stored, options, key))
                return fail(AXM_USAGE, "%s: made with %.*s, this run has%.*s; use the same options, another "
                            "file, or start afresh", path, (int)a, stored, (int)(b - key), options + key);
            return fail(AXM_USAGE, "%s: made by another version, its options are unlike this run's", path);
        }
        stored += a + (stored[a] == '\n');
        options += b + (options[b] == '\n');
    }
    return AXM_OK;
}

static enum axm_status check_graph(const char *path, const struct graph *a, const struct graph *b)
{
    bool same = a->n_nodes == b->n_nodes;
    for (int i = 0; i < a->n_nodes && same; i++) {
        const struct node *x = &a->node[i], *y = &b->node[i];
        same = x->op == y->op && !strcmp(x->name, y->name) && !memcmp(&x->out, &y->out, sizeof x->out) &&
               !x->bias == !y->bias && x->n_inputs == y->n_inputs &&
               !memcmp(x->input, y->input, (size_t)x->n_inputs * sizeof x->input[0]) &&
               !memcmp(&x->window, &y->window, sizeof x->window) && x->groups == y->groups &&
               x->rate == y->rate && x->epsilon == y->epsilon;
    }
    return same ? AXM_OK : fail(AXM_USAGE, "%s: a checkpoint of %s, or of another version of it, not of %s",
                                path, a->name, b->name);
}

static enum axm_status check_sections(const char *path, const struct found *f, const struct train_memory *m,
                                      uint64_t epochs)
{
    const struct train_state *s = f->data[SECTION_STATE];
    size_t params = m->map->count * sizeof(float), stats = m->map->stats * sizeof(float);
    if (f->failed)
        return fail(AXM_ENV, "%s: out of memory for a checkpoint", path);
    for (int i = 0; i < SECTIONS; i++) {
        size_t want = i == SECTION_STATE ? sizeof *s :
                      i == SECTION_HISTORY ? s->epoch * sizeof *m->history :
                      i == SECTION_BEST_STATS ? stats : params;
        if (!f->data[i])
            return fail(AXM_USAGE, "%s: no checkpoint of training, section %s is missing", path,
                        section_name[i]);
        if (i != SECTION_OPTIONS && f->len[i] != want)
            return fail(AXM_USAGE, "%s: section %s has %zu bytes, it should have %zu", path, section_name[i],
                        f->len[i], want);
        if (i == SECTION_STATE && (s->epoch > epochs || s->best_epoch > s->epoch))
            return fail(AXM_USAGE, "%s: at epoch %llu of %llu", path, (unsigned long long)s->epoch,
                        (unsigned long long)epochs);
    }
    return AXM_OK;
}

static void adopt(const struct found *f, const struct graph *stored, struct train_memory *m)
{
    size_t params = m->map->count * sizeof(float);
    params_from_graph(stored, m->map, m->params, m->stats);
    memcpy(&m->state, f->data[SECTION_STATE], sizeof m->state);
    memcpy(m->history, f->data[SECTION_HISTORY], f->len[SECTION_HISTORY]);
    memcpy(m->moment1, f->data[SECTION_MOMENT1], params);
    memcpy(m->moment2, f->data[SECTION_MOMENT2], params);
    memcpy(m->best_params, f->data[SECTION_BEST_PARAMS], params);
    memcpy(m->best_stats, f->data[SECTION_BEST_STATS], m->map->stats * sizeof(float));
}

enum axm_status checkpoint_load(const char *path, const struct graph *g, struct train_memory *m,
                                uint64_t epochs, const char *options)
{
    struct found f = { 0 };
    struct graph *stored = NULL;
    enum axm_status st = model_load_with(path, &stored, take_section, &f);
    if (st == AXM_OK)
        st = check_graph(path, stored, g);
    if (st == AXM_OK && f.data[SECTION_OPTIONS])
        st = check_options(path, f.data[SECTION_OPTIONS], options);
    if (st == AXM_OK)
        st = check_sections(path, &f, m, epochs);
    if (st == AXM_OK)
        adopt(&f, stored, m);
    for (int i = 0; i < SECTIONS; i++)
        free(f.data[i]);
    graph_free(stored);
    return st;
}

enum axm_status history_write(const char *path, const struct epoch_record *h, uint64_t n)
{
    struct strbuf text = { 0 };
    strbuf_adds(&text, "epoch,lr,train_loss,train_top1,validation_top1,seconds\n");
    for (uint64_t i = 0; i < n; i++) {
        strbuf_addf(&text, "%.0f,%.9g,%.9g,%.6f,", h[i].epoch, h[i].lr, h[i].train_loss, h[i].train_top1);
        if (!isnan(h[i].validation_top1))
            strbuf_addf(&text, "%.6f", h[i].validation_top1);
        strbuf_addf(&text, ",%.2f\n", h[i].seconds);
    }
    enum axm_status st = text.failed ? fail(AXM_ENV, "%s: out of memory", path) :
                         file_write(path, text.s, text.len);
    strbuf_release(&text);
    return st;
}
