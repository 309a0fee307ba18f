#include "explore/evaluate.h"

#include <assert.h>
#include <math.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/strbuf.h"
#include "dnn/model.h"
#include "explore/prefix.h"

enum { CHUNK = 500 };   /* images that one thread takes at a time */

/* A scored genome; the table is open addressing over all of them. */
struct entry {
    bool used;
    uint32_t hits;
    uint8_t genome[SEARCH_GENES_MAX];
};

struct network {
    const struct qgraph *q;
    const struct images *im;
    struct evaluate_opts o;
    struct search_space space;
    int *node;                     /* [layers] */
    double *layer_multiplications; /* [layers], for one image; and of all layers */
    uint64_t multiplications;
    bool *weight_is_a;
    /* [layers]: everything after the layer depends on its output alone, which takes work to get. */
    bool *cut;
    struct prefix_cache *cache;
    struct entry *entry;
    size_t capacity, entries;
    sqlite3 *db;
    struct sha256_hex key;         /* of network, images and multipliers */
    struct evaluate_stats stats;
};

/* --- remembering ---------------------------------------------------------------------------- */

static size_t slot_of(const struct network *e, const uint8_t *genome)
{
    uint64_t h = 1469598103934665603u;   /* FNV-1a */
    for (int g = 0; g < e->space.genes; g++)
        h = (h ^ genome[g]) * 1099511628211u;
    size_t i = h & (e->capacity - 1);
    while (e->entry[i].used && memcmp(e->entry[i].genome, genome, (size_t)e->space.genes))
        i = (i + 1) & (e->capacity - 1);
    return i;
}

static enum axm_status remember(struct network *e, const uint8_t *genome, uint32_t hits)
{
    if (2 * e->entries >= e->capacity) {
        struct entry *old = e->entry;
        size_t n = e->capacity;
        struct entry *more = calloc(2 * n, sizeof *more);
        if (!more)
            return fail(AXM_ENV, "search: out of memory for %zu scores", n);
        e->entry = more;
        e->capacity = 2 * n;
        for (size_t i = 0; i < n; i++)
            if (old[i].used)
                e->entry[slot_of(e, old[i].genome)] = old[i];
        free(old);
    }
    struct entry *x = &e->entry[slot_of(e, genome)];
    if (!x->used) {
        x->used = true;
        x->hits = hits;
        memcpy(x->genome, genome, (size_t)e->space.genes);
        e->entries++;
    }
    return AXM_OK;
}

static enum axm_status sql_failed(const struct network *e)
{
    return fail(AXM_ENV, "%s: %s", e->o.log, sqlite3_errmsg(e->db));
}

/* What the key stands for, in words: a genome is an index into multipliers for each of layers. */
static enum axm_status describe_space(struct network *e)
{
    struct strbuf layers = { 0 }, order = { 0 }, mults = { 0 };
    sqlite3_stmt *s = NULL;
    for (int l = 0; l < e->space.genes; l++) {
        strbuf_addf(&layers, "%s%s", l ? "," : "", e->q->node[e->node[l]].name);
        strbuf_addf(&order, "%d", e->weight_is_a[l]);
    }
    for (int c = 0; c < e->o.choices; c++)
        strbuf_addf(&mults, "%s%s", c ? "," : "", axm_mul_name(e->o.mul[c]));
    bool memory = !layers.failed && !order.failed && !mults.failed;
    static const char insert[] = "insert or ignore into space values (?, ?, ?, ?, ?)";
    bool ok = memory && sqlite3_prepare_v2(e->db, insert, -1, &s, NULL) == SQLITE_OK;
    const char *const text[] = { e->key.s, e->q->name, layers.s, order.s, mults.s };
    for (int i = 0; ok && i < 5; i++)
        ok = sqlite3_bind_text(s, i + 1, text[i], -1, SQLITE_STATIC) == SQLITE_OK;
    ok = ok && sqlite3_step(s) == SQLITE_DONE;
    enum axm_status st = !memory ? fail(AXM_ENV, "search: out of memory") : ok ? AXM_OK : sql_failed(e);
    sqlite3_finalize(s);
    strbuf_release(&layers);
    strbuf_release(&order);
    strbuf_release(&mults);
    return st;
}

static enum axm_status open_log(struct network *e)
{
    static const char schema[] =
        "pragma journal_mode = wal; pragma synchronous = normal;"
        "create table if not exists score (key text not null, genome blob not null, hits integer not null,"
        " images integer not null, primary key (key, genome)) without rowid;"
        "create table if not exists space (key text primary key, network text not null, layers text not null,"
        " weight_is_a text not null, multipliers text not null) without rowid";
    if (sqlite3_open(e->o.log, &e->db) != SQLITE_OK)
        return sql_failed(e);
    sqlite3_busy_timeout(e->db, 60000);
    if (sqlite3_exec(e->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return sql_failed(e);
    sqlite3_stmt *s;
    static const char select[] = "select genome, hits from score where key = ? and images = ?";
    if (sqlite3_prepare_v2(e->db, select, -1, &s, NULL) != SQLITE_OK)
        return sql_failed(e);
    sqlite3_bind_text(s, 1, e->key.s, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)e->o.n);
    enum axm_status st = AXM_OK;
    int step;
    while (st == AXM_OK && (step = sqlite3_step(s)) == SQLITE_ROW)
        if (sqlite3_column_bytes(s, 0) == e->space.genes)
            st = remember(e, sqlite3_column_blob(s, 0), (uint32_t)sqlite3_column_int64(s, 1));
    if (st == AXM_OK && step != SQLITE_DONE)
        st = sql_failed(e);
    sqlite3_finalize(s);
    return st == AXM_OK ? describe_space(e) : st;
}

/* All scores of a batch in one transaction. */
static enum axm_status log_scores(struct network *e, const uint8_t *const *genome, const uint32_t *hits,
                                  size_t n)
{
    sqlite3_stmt *s = NULL;
    if (!e->db || !n)
        return AXM_OK;
    bool ok = sqlite3_exec(e->db, "begin immediate", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(e->db, "insert or ignore into score values (?, ?, ?, ?)", -1, &s, NULL) ==
            SQLITE_OK;
    for (size_t i = 0; ok && i < n; i++) {
        sqlite3_bind_text(s, 1, e->key.s, -1, SQLITE_STATIC);
        sqlite3_bind_blob(s, 2, genome[i], e->space.genes, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, hits[i]);
        sqlite3_bind_int64(s, 4, (sqlite3_int64)e->o.n);
        ok = sqlite3_step(s) == SQLITE_DONE && sqlite3_reset(s) == SQLITE_OK;
    }
    sqlite3_finalize(s);
    ok = ok && sqlite3_exec(e->db, "commit", NULL, NULL, NULL) == SQLITE_OK;
    return ok ? AXM_OK : sql_failed(e);
}

/* --- running -------------------------------------------------------------------------------- */

/* Genomes that were not scored before, in ascending order, each with the network it stands for. */
struct pending {
    struct network *e;
    size_t n;
    const uint8_t **genome;
    struct infer **infer;
    struct prefix **kept;          /* [n][genes]: of the first g + 1 layers, NULL if nothing is */
    atomic_uint_least32_t *hits;
    atomic_uint_least64_t layers_run, images_done;
};

/* A chunk of images on the way through genomes[from .. to - 1], whose first `depth` layers are the same and
 * have been computed: value is what the last of them gave. */
struct walk {
    const struct pending *p;
    size_t first, images;
};

static enum axm_status count_hits(const struct walk *w, size_t i, int depth, const void *value,
                                  const double *scale)
{
    struct network *e = w->p->e;
    const struct images *im = e->im;
    uint16_t label[CHUNK];
    enum axm_status st = depth
        ? infer_run_from(w->p->infer[i], e->node[depth - 1], value, scale, w->images, NULL, label)
        : infer_run(w->p->infer[i], im, w->first, w->images, NULL, label);
    uint32_t hits = 0;
    for (size_t k = 0; k < w->images && st == AXM_OK; k++)
        hits += label[k] == im->label[w->first + k];
    atomic_fetch_add(&w->p->hits[i], hits);
    atomic_fetch_add(&((struct pending *)w->p)->layers_run, (uint64_t)(e->space.genes - depth));
    return st;
}

/* Layers up to which genomes i and j are alike. */
static int alike(const struct pending *p, size_t i, size_t j)
{
    int g = 0;
    while (g < p->e->space.genes && p->genome[i][g] == p->genome[j][g])
        g++;
    return g;
}

/* Outputs of layer depth - 1 for genome i, from those of layer from - 1 (0: from the images). */
static enum axm_status run_layers(const struct walk *w, size_t i, int from, const void *value,
                                  const double *scale, int depth, void *out, double *out_scale)
{
    struct network *e = w->p->e;
    struct infer *in = w->p->infer[i];
    int target = e->node[depth - 1];
    atomic_fetch_add(&((struct pending *)w->p)->layers_run, (uint64_t)(depth - from));
    return from ? infer_dump_from(in, e->node[from - 1], value, scale, w->images, target, out, out_scale)
                : infer_dump(in, target, e->im, w->first, w->images, out, out_scale);
}

/* This chunk's part of what is kept. */
static uint8_t *kept_value(const struct walk *w, const struct prefix *k, int depth)
{
    const struct network *e = w->p->e;
    return k->value + (w->first - e->o.first) * infer_dump_bytes(&e->q->node[e->node[depth - 1]]);
}

static double *kept_scale(const struct walk *w, const struct prefix *k)
{
    return k->scale ? k->scale + (w->first - w->p->e->o.first) : NULL;
}

static enum axm_status walk(const struct walk *w, size_t from, size_t to, int depth, const void *value,
                            const double *scale)
{
    const struct pending *p = w->p;
    struct network *e = p->e;
    /* Sorted: the first and the last have in common what all have. */
    bool one = to - from == 1, ace = e->q->scheme == QUANT_ACE;
    int common = one ? e->space.genes : alike(p, from, to - 1), deeper = one ? depth : common;
    struct prefix **kept = p->kept + from * (size_t)e->space.genes;
    enum axm_status st = AXM_OK;
    for (int d = common; d > depth; d--)
        if (kept[d - 1] && kept[d - 1]->filled) {
            value = kept_value(w, kept[d - 1], d);
            scale = kept_scale(w, kept[d - 1]);
            depth = d;
            break;
        }
    /* One that lies before a filled one is not written, and so not kept. */
    for (int d = depth + 1; d <= common && st == AXM_OK; d++)
        if (kept[d - 1]) {
            uint8_t *out = kept_value(w, kept[d - 1], d);
            double *out_scale = kept_scale(w, kept[d - 1]);
            st = run_layers(w, from, depth, value, scale, d, out, out_scale);
            if (st == AXM_OK)
                atomic_fetch_add(&kept[d - 1]->written,
                                 w->images * infer_dump_bytes(&e->q->node[e->node[d - 1]]));
            value = out;
            scale = out_scale;
            depth = d;
        }
    void *next = NULL;
    double *next_scale = NULL;
    while (deeper > depth && !e->cut[deeper - 1])
        deeper--;
    if (st == AXM_OK && deeper > depth) {
        next = malloc(w->images * infer_dump_bytes(&e->q->node[e->node[deeper - 1]]));
        next_scale = ace ? malloc(w->images * sizeof *next_scale) : NULL;
        if (!next || (ace && !next_scale))
            st = fail(AXM_ENV, "search: out of memory");
        else
            st = run_layers(w, from, depth, value, scale, deeper, next, next_scale);
        depth = deeper;
        value = next;
        scale = next_scale;
    }
    if (st == AXM_OK && one)
        st = count_hits(w, from, depth, value, scale);
    /* Parts that go on alike beyond what all have in common. */
    for (size_t i = from, j; !one && i < to && st == AXM_OK; i = j) {
        for (j = i + 1; j < to && alike(p, i, j) > common; j++)
            ;
        st = walk(w, i, j, depth, value, scale);
    }
    free(next);
    free(next_scale);
    return st;
}

static enum axm_status run_chunk(void *ctx, size_t item, int worker)
{
    struct pending *p = ctx;
    size_t first = item * CHUNK, n = p->e->o.n - first;
    struct walk w = { p, p->e->o.first + first, n < CHUNK ? n : CHUNK };
    (void)worker;
    enum axm_status st = walk(&w, 0, p->n, 0, NULL, NULL);
    if (st == AXM_OK && p->e->o.progress) {
        /* So many genomes' worth of images, in whole genomes. */
        size_t before = atomic_fetch_add(&p->images_done, w.images), after = before + w.images;
        progress_add(p->e->o.progress, after * p->n / p->e->o.n - before * p->n / p->e->o.n);
    }
    return st;
}

static enum axm_status open_genome(const struct network *e, const uint8_t *genome, struct infer **out)
{
    struct layer_mult layer[SEARCH_GENES_MAX];
    for (int l = 0; l < e->space.genes; l++)
        layer[l] = (struct layer_mult){ e->o.mul[genome[l]], e->weight_is_a[l] };
    return infer_open(e->q, layer, e->space.genes, &(struct infer_opts){ .level = -1, .memoise = true }, out);
}

static enum axm_status open_one(void *ctx, size_t item, int worker)
{
    struct pending *p = ctx;
    (void)worker;
    return open_genome(p->e, p->genome[item], &p->infer[item]);
}

static int by_genome(const void *x, const void *y, void *ctx)
{
    return memcmp(*(const uint8_t *const *)x, *(const uint8_t *const *)y, (size_t)*(const int *)ctx);
}

/* Outputs that earlier parts kept, and where this one has some to keep. */
static void find_kept(struct pending *p)
{
    struct network *e = p->e;
    size_t genes = (size_t)e->space.genes, scales = e->q->scheme == QUANT_ACE ? e->o.n : 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t g = 0; g < genes; g++) {
            struct prefix **k = &p->kept[i * genes + g];
            *k = NULL;
            if (e->cut[g] && g + 1 < genes)
                *k = prefix_cache_get(e->cache, p->genome[i], (int)g + 1,
                                      e->o.n * infer_dump_bytes(&e->q->node[e->node[g]]), scales);
        }
}

static enum axm_status run_pending(struct pending *p)
{
    struct network *e = p->e;
    size_t chunks = (e->o.n + CHUNK - 1) / CHUNK;
    find_kept(p);
    uint32_t *hits = calloc(p->n, sizeof *hits);
    enum axm_status st = hits ? pool_run(p->n, open_one, p) : fail(AXM_ENV, "search: out of memory");
    if (st == AXM_OK)
        st = pool_run(chunks, run_chunk, p);
    prefix_cache_turn(e->cache);
    for (size_t i = 0; i < p->n && st == AXM_OK; i++) {
        hits[i] = atomic_load(&p->hits[i]);
        st = remember(e, p->genome[i], hits[i]);
    }
    if (st == AXM_OK)
        st = log_scores(e, p->genome, hits, p->n);
    if (st == AXM_OK) {
        uint64_t run = atomic_load(&p->layers_run) / chunks, all = p->n * (uint64_t)e->space.genes;
        e->stats.run += p->n;
        e->stats.layers_run += run;
        e->stats.layers_shared += all - run;
    }
    free(hits);
    return st;
}

static double network_cost(const struct network *e, const uint8_t *genome, enum saving saving)
{
    double all = (double)e->multiplications, plain = 0, ratio = 0;
    for (int l = 0; l < e->space.genes; l++) {
        plain += e->layer_multiplications[l] * e->o.coefficient[genome[l]];
        ratio += e->layer_multiplications[l] / e->o.coefficient[genome[l]];
    }
    return saving == SAVING_PLAIN ? plain / all : all / ratio;
}

void network_savings(const struct network *e, const uint8_t *genome, double *paper_percent,
                     double *plain_percent)
{
    *paper_percent = 100 * (1 / network_cost(e, genome, SAVING_PAPER) - 1);
    *plain_percent = 100 * (1 - network_cost(e, genome, SAVING_PLAIN));
}

/* Genomes whose packed networks stand in memory together, and whose scores are lost if the process is
 * killed: at most PART, and not many more than part_work multiplications. */
static size_t part_size(const struct network *e)
{
    enum { PART = 32 };
    const double part_work = 5e11;   /* some seconds on a core */
    double n = part_work / ((double)e->multiplications * (double)e->o.n);
    return n > PART ? PART : n < 4 ? 4 : (size_t)n;
}

static enum axm_status evaluate(void *ctx, const uint8_t *genome, size_t count, struct score *out)
{
    struct network *e = ctx;
    size_t genes = (size_t)e->space.genes, part = part_size(e), n = 0, known = 0;
    const uint8_t **todo = calloc(count + 1, sizeof *todo);
    struct pending p = { .e = e };
    p.infer = calloc(part, sizeof *p.infer);
    p.hits = calloc(part, sizeof *p.hits);
    p.kept = calloc(part * genes, sizeof *p.kept);
    bool enough = todo && p.infer && p.hits && p.kept;
    enum axm_status st = enough ? AXM_OK : fail(AXM_ENV, "search: out of memory");
    for (size_t i = 0; i < count && st == AXM_OK; i++) {
        const uint8_t *g = genome + i * genes;
        if (e->entry[slot_of(e, g)].used)
            known++;
        else
            todo[n++] = g;
    }
    /* In order, neighbours have most layers in common; and equal ones stand together. */
    if (st == AXM_OK)
        qsort_r(todo, n, sizeof *todo, by_genome, &e->space.genes);
    size_t unique = 0;
    for (size_t i = 0; i < n && st == AXM_OK; i++)
        if (!unique || memcmp(todo[unique - 1], todo[i], genes))
            todo[unique++] = todo[i];
    if (e->o.progress)
        progress_add(e->o.progress, count - unique);
    for (size_t at = 0; at < unique && st == AXM_OK; at += p.n) {
        p.genome = todo + at;
        p.n = unique - at < part ? unique - at : part;
        for (size_t i = 0; i < p.n; i++)
            atomic_store(&p.hits[i], 0);
        atomic_store(&p.layers_run, 0);
        atomic_store(&p.images_done, 0);
        st = run_pending(&p);
        for (size_t i = 0; i < p.n; i++) {
            infer_close(p.infer[i]);
            p.infer[i] = NULL;
        }
    }
    for (size_t i = 0; i < count && st == AXM_OK; i++) {
        const struct entry *x = &e->entry[slot_of(e, genome + i * genes)];
        assert(x->used);
        out[i] = (struct score){ x->hits, (uint32_t)e->o.n, network_cost(e, x->genome, e->o.saving) };
    }
    e->stats.asked += count;
    e->stats.remembered += known;
    free(todo);
    free(p.infer);
    free(p.kept);
    free(p.hits);
    return st;
}

enum axm_status network_labels(struct network *e, const uint8_t *genome, uint16_t *label)
{
    struct infer *in;
    enum axm_status st = open_genome(e, genome, &in);
    if (st != AXM_OK)
        return st;
    st = infer_run(in, e->im, e->o.first, e->o.n, NULL, label);
    infer_close(in);
    return st;
}

/* --- opening ------------------------------------------------------------------------------------ */

/* Every later node gets what it needs through `node`: none reads something before it. */
static bool is_cut(const struct qgraph *q, int node)
{
    for (int i = node + 1; i < q->n_nodes; i++)
        for (int k = 0; k < q->node[i].n_inputs; k++)
            if (q->node[i].input[k] < node)
                return false;
    return true;
}

/* A family's name says all; a file may be another one tomorrow, so that its products are taken. */
static enum axm_status add_multiplier(const struct axm_mul *m, struct strbuf *all)
{
    int width_a = axm_mul_width_a(m), width_b = axm_mul_width_b(m);
    strbuf_addf(all, "%s\n", axm_mul_name(m));
    if (axm_mul_spec(m))
        return AXM_OK;
    if (width_a + width_b > 24)
        return fail(AXM_USAGE, "%s: has no table that a log could name it by", axm_mul_name(m));
    for (uint64_t a = 0; a >> width_a == 0; a++)
        for (uint64_t b = 0; b >> width_b == 0; b++) {
            uint64_t product = axm_eval(m, a, b);
            strbuf_add(all, &product, sizeof product);
        }
    return AXM_OK;
}

/* Everything that decides a score, in one hash. */
static enum axm_status make_key(struct network *e)
{
    struct strbuf all = { 0 };
    size_t image = shape_count(e->im->shape);
    enum axm_status st = model_bytes_quantized(e->q, &all);
    strbuf_add(&all, e->im->pixel + e->o.first * image, e->o.n * image);
    strbuf_add(&all, e->im->label + e->o.first, e->o.n);
    for (int c = 0; c < e->o.choices && st == AXM_OK; c++)
        st = add_multiplier(e->o.mul[c], &all);
    strbuf_add(&all, e->weight_is_a, (size_t)e->space.genes * sizeof *e->weight_is_a);
    if (st == AXM_OK && all.failed)
        st = fail(AXM_ENV, "search: out of memory");
    if (st == AXM_OK)
        e->key = sha256_bytes(all.s, all.len);
    strbuf_release(&all);
    return st;
}

enum axm_status network_open(const struct qgraph *q, const struct images *im, const struct evaluate_opts *o,
                             struct network **out)
{
    int layers = infer_layers(q);
    if (layers < 1 || layers > SEARCH_GENES_MAX)
        return fail(AXM_USAGE, "%s: 1..%d layers can be searched, got %d", q->name, SEARCH_GENES_MAX, layers);
    if (o->choices < 1 || o->choices > SEARCH_CHOICES_MAX)
        return fail(AXM_USAGE, "%s: 1..%d multipliers can be chosen from, got %d", q->name,
                    SEARCH_CHOICES_MAX,
                    o->choices);
    if (!o->n || o->first > im->count || o->n > im->count - o->first)
        return fail(AXM_USAGE, "%s: images %zu..%zu of %zu", q->name, o->first, o->first + o->n, im->count);
    for (int c = 0; c < o->choices; c++)
        if (!(o->coefficient[c] > 0 && isfinite(o->coefficient[c])))
            return fail(AXM_USAGE, "%s: its coefficient must be above 0, got %g", axm_mul_name(o->mul[c]),
                        o->coefficient[c]);
    struct network *e = calloc(1, sizeof *e);
    if (!e)
        return fail(AXM_ENV, "search: out of memory");
    e->q = q;
    e->im = im;
    e->o = *o;
    e->space = (struct search_space){ layers, o->choices };
    e->capacity = 1024;
    e->entry = calloc(e->capacity, sizeof *e->entry);
    e->node = calloc((size_t)layers, sizeof *e->node);
    e->layer_multiplications = calloc((size_t)layers, sizeof *e->layer_multiplications);
    e->weight_is_a = calloc((size_t)layers, sizeof *e->weight_is_a);
    e->cut = calloc((size_t)layers, sizeof *e->cut);
    e->cache = prefix_cache_new(o->cache_bytes);
    bool enough = e->entry && e->node && e->layer_multiplications && e->weight_is_a && e->cut && e->cache;
    enum axm_status st = enough ? AXM_OK : fail(AXM_ENV, "search: out of memory");
    for (int l = 0; l < layers && st == AXM_OK; l++) {
        int node = e->node[l] = infer_layer_node(q, l);
        uint64_t n = qnode_multiplications(q, &q->node[node]);
        e->multiplications += n;
        e->layer_multiplications[l] = (double)n;
        e->weight_is_a[l] = o->weight_is_a ? o->weight_is_a[l] : infer_default_weight_is_a(&q->node[node]);
    }
    for (int c = 0; c < o->choices && st == AXM_OK; c++) {
        uint8_t genome[SEARCH_GENES_MAX];
        struct infer *probe = NULL;
        memset(genome, c, sizeof genome);
        st = open_genome(e, genome, &probe);
        for (int l = 0; l < layers && st == AXM_OK; l++)
            e->cut[l] = is_cut(q, e->node[l]) && !infer_memoised(probe, e->node[l]);
        infer_close(probe);
    }
    if (st == AXM_OK && o->log && (st = make_key(e)) == AXM_OK)
        st = open_log(e);
    if (st == AXM_OK)
        *out = e;
    else
        network_close(e);
    return st;
}

void network_close(struct network *e)
{
    if (!e)
        return;
    sqlite3_close(e->db);
    free(e->entry);
    free(e->node);
    free(e->layer_multiplications);
    free(e->weight_is_a);
    free(e->cut);
    prefix_cache_free(e->cache);
    free(e);
}

struct evaluator network_evaluator(struct network *e)
{
    return (struct evaluator){ e, evaluate };
}

void network_set_progress(struct network *e, struct progress *p)
{
    e->o.progress = p;
}

struct search_space network_space(const struct network *e)
{
    return e->space;
}

struct evaluate_stats network_stats(const struct network *e)
{
    return e->stats;
}

/* --- significance ----------------------------------------------------------------------------------- */

void wilson_95(uint64_t hits, uint64_t n, double *low, double *high)
{
    double z = 1.959963984540054, p = (double)hits / (double)n, zz = z * z / (double)n;
    double middle = p + zz / 2, half = z * sqrt(p * (1 - p) / (double)n + zz / (4 * (double)n));
    *low = 100 * (middle - half) / (1 + zz);
    *high = 100 * (middle + half) / (1 + zz);
}

struct mcnemar mcnemar_test(const uint16_t *a, const uint16_t *b, const uint8_t *truth, size_t n)
{
    struct mcnemar m = { .p = 1 };
    for (size_t i = 0; i < n; i++) {
        bool hit_a = a[i] == truth[i], hit_b = b[i] == truth[i];
        m.only_a += hit_a && !hit_b;
        m.only_b += hit_b && !hit_a;
    }
    /* Both tails of the binomial distribution of discordant pairs, probability one half. */
    uint32_t d = m.only_a + m.only_b, least = m.only_a < m.only_b ? m.only_a : m.only_b;
    double p = 0;
    for (uint32_t i = 0; i <= least; i++)
        p += exp(lgamma(d + 1.0) - lgamma(i + 1.0) - lgamma(d - i + 1.0) - d * log(2));
    m.p = d && 2 * p < 1 ? 2 * p : 1;
    double more = (double)n + 2, only_a = (m.only_a + 1) / more, only_b = (m.only_b + 1) / more;
    double middle = only_a - only_b;
    double half = 1.959963984540054 * sqrt((only_a + only_b - middle * middle) / more);
    m.gain = 100 * ((double)m.only_a - (double)m.only_b) / (double)n;
    m.gain_low = 100 * fmax(-1, middle - half);
    m.gain_high = 100 * fmin(1, middle + half);
    return m;
}
