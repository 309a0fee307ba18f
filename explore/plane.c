#include "explore/plane.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/pool.h"
#include "base/progress.h"
#include "dnn/quant_impl.h"

enum {
    BATCH = 256, HASH_CHUNK = 16, CODES = 256,
    NEURON_CHUNK = 64,               /* outputs that a thread counts at a time: a line of each image */
    COUNT_BYTES_MAX = 256 << 20,     /* counters of the outputs of one pass over the images */
    SAMPLE_IMAGES = 256,
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "information plane: out of memory");
}

/* --- entropies ------------------------------------------------------------------------------ */

static double c_log_c(uint64_t c)
{
    return c ? (double)c * log2((double)c) : 0;
}

/* From sum_t c log c, sum_y c log c and sum_ty c log c.  Rounding must not give -0.0 or less. */
static void set_bits(struct plane_row *out, size_t n, double t, double y, double ty)
{
    double total = c_log_c(n);
    out->n = n;
    out->i_xt_bits = fmax(0, (total - t) / (double)n) + 0.0;
    out->i_ty_bits = fmax(0, (total - t - y + ty) / (double)n) + 0.0;
}

static enum axm_status check_labels(const uint8_t *label, size_t n, int classes)
{
    if (!n)
        return fail(AXM_USAGE, "information plane: no images; it takes at least one");
    for (size_t i = 0; i < n; i++)
        if (label[i] >= classes)
            return fail(AXM_USAGE, "information plane: label %d of image %zu is not below %d, the number of "
                        "classes", label[i], i, classes);
    return AXM_OK;
}

static double sum_labels(const uint8_t *label, size_t n)
{
    uint64_t count[CODES] = { 0 };
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        count[label[i]]++;
    for (int y = 0; y < CODES; y++)
        sum += c_log_c(count[y]);
    return sum;
}

/* --- symbols by their hash -------------------------------------------------------------------- */

struct symbol {
    XXH128_hash_t hash;
    uint8_t label;
};

static int compare(const void *pa, const void *pb)
{
    const struct symbol *a = pa, *b = pb;
    int c = XXH128_cmp(&a->hash, &b->hash);
    return c ? c : (int)a->label - b->label;
}

/* Sorting makes the order of the sums a function of the symbols alone. */
static void count_symbols(struct symbol *s, size_t n, double y, struct plane_row *out)
{
    double t = 0, ty = 0;
    uint64_t distinct = 0;
    qsort(s, n, sizeof *s, compare);
    for (size_t i = 0, from = 0, from_label = 0; i < n; i++) {
        bool last = i + 1 == n || !XXH128_isEqual(s[i].hash, s[i + 1].hash);
        if (last || s[i].label != s[i + 1].label) {
            ty += c_log_c(i + 1 - from_label);
            from_label = i + 1;
        }
        if (last) {
            t += c_log_c(i + 1 - from);
            from = i + 1;
            distinct++;
        }
    }
    set_bits(out, n, t, y, ty);
    out->distinct = (double)distinct;
}

struct hashing {
    const uint8_t *value, *label;
    size_t bytes, n;
    struct symbol *symbol;
};

static enum axm_status hash_chunk(void *ctx, size_t item, int worker)
{
    const struct hashing *h = ctx;
    size_t end = (item + 1) * HASH_CHUNK;
    (void)worker;
    for (size_t i = item * HASH_CHUNK; i < end && i < h->n; i++)
        h->symbol[i] = (struct symbol){ XXH3_128bits(h->value + i * h->bytes, h->bytes), h->label[i] };
    return AXM_OK;
}

static enum axm_status hash_all(struct hashing h)
{
    return pool_run((h.n + HASH_CHUNK - 1) / HASH_CHUNK, hash_chunk, &h);
}

enum axm_status plane_symbols(const void *value, size_t bytes, const uint8_t *label, size_t n, int classes,
                              struct plane_row *out)
{
    enum axm_status st = check_labels(label, n, classes);
    if (st != AXM_OK)
        return st;
    struct symbol *s = malloc(n * sizeof *s);
    if (!s)
        return out_of_memory();
    st = hash_all((struct hashing){ value, label, bytes, n, s });
    if (st == AXM_OK)
        count_symbols(s, n, sum_labels(label, n), out);
    free(s);
    return st;
}

/* --- where codes come from --------------------------------------------------------------------- */

struct source {
    const struct qgraph *q;       /* quantized: q and in, else g and edge */
    const struct infer *in;
    const struct graph *g;
    float *edge;                  /* [rows][bins - 1] */
    int bins;
    uint8_t **value;              /* [nodes + 1] quantized: 0 and 1, the last row's codes and room for the
                                   * next; float: one of each row */
    double *scale[2];             /* of value[] in scheme ace */
    bool *seen;                   /* [nodes], scratch */
    int have, at;                 /* row whose codes value[at] holds, -1: none */
    size_t first;                 /* image they begin with */
};

struct job {
    struct source s;
    const struct images *im;
    struct progress *bar;
    struct plane_row *row;
    size_t *outputs;              /* [rows] */
    size_t *bytes;                /* [rows], of one image; more than outputs: int32 logits */
    int n_rows;
    double sum_y;
};

/* Every path from the input to target passes through node. */
static bool is_cut(const struct qgraph *q, int node, int target, bool *seen)
{
    memset(seen, 0, (size_t)q->n_nodes * sizeof *seen);
    seen[target] = true;
    for (int i = target; i > 0; i--)
        for (int k = 0; seen[i] && i != node && k < q->node[i].n_inputs; k++)
            seen[q->node[i].input[k]] = true;
    return node == 0 || !seen[0];
}

/* From the row before if that is known and enough, and looking up is not cheaper. */
static enum axm_status quantized_codes(struct job *j, int r, size_t first, size_t n, const uint8_t **out)
{
    struct source *s = &j->s;
    int node = j->row[r].node, next = !s->at;
    int have = s->have >= 0 && s->first == first ? j->row[s->have].node : -1;
    enum axm_status st;
    if (have >= 0 && !infer_memoised(s->in, node) && is_cut(s->q, have, node, s->seen))
        st = infer_dump_from(s->in, have, s->value[s->at], s->scale[s->at], n, node, s->value[next],
                             s->scale[next]);
    else
        st = infer_dump(s->in, node, j->im, first, n, s->value[next], s->scale[next]);
    s->at = next;
    s->have = st == AXM_OK ? r : -1;
    s->first = first;
    *out = s->value[next];
    return st;
}

/* How many edges are not above v; a NaN is above none. */
static uint8_t bin_of(const float *edge, int edges, float v)
{
    int lo = 0, hi = edges;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (edge[mid] <= v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (uint8_t)lo;
}

static enum axm_status bin_image(void *ctx, size_t item, int worker)
{
    const struct job *j = ctx;
    const struct source *s = &j->s;
    struct arena arena = { 0 };
    float **value;
    (void)worker;
    enum axm_status st = calibration_forward(s->g, j->im, s->first + item, &arena, &value);
    for (int r = 0; r < j->n_rows && st == AXM_OK; r++) {
        const float *v = value[j->row[r].node], *edge = s->edge + (size_t)r * (size_t)(s->bins - 1);
        uint8_t *to = s->value[r] + item * j->outputs[r];
        for (size_t k = 0; k < j->outputs[r]; k++)
            to[k] = bin_of(edge, s->bins - 1, v[k]);
    }
    arena_release(&arena);
    return st;
}

/* All rows of a batch at once: they are one forward pass. */
static enum axm_status float_codes(struct job *j, int r, size_t first, size_t n, const uint8_t **out)
{
    struct source *s = &j->s;
    enum axm_status st = AXM_OK;
    if (s->have < 0 || s->first != first) {
        s->first = first;
        s->have = -1;
        st = pool_run(n, bin_image, j);
        if (st == AXM_OK)
            s->have = 0;
    }
    *out = s->value[r];
    return st;
}

static enum axm_status codes_of(struct job *j, int r, size_t first, size_t n, const uint8_t **out)
{
    return j->s.q ? quantized_codes(j, r, first, n, out) : float_codes(j, r, first, n, out);
}

/* --- edges of float bins ------------------------------------------------------------------------- */

struct extremes {
    float lo, hi;
};

struct ranging {
    const struct job *j;
    struct extremes *range;          /* [workers][rows] */
};

static enum axm_status range_image(void *ctx, size_t item, int worker)
{
    const struct ranging *x = ctx;
    const struct job *j = x->j;
    struct arena arena = { 0 };
    float **value;
    enum axm_status st = calibration_forward(j->s.g, j->im, item, &arena, &value);
    for (int r = 0; r < j->n_rows && st == AXM_OK; r++) {
        struct extremes *to = &x->range[worker * j->n_rows + r];
        for (size_t k = 0; k < j->outputs[r]; k++) {
            to->lo = fminf(to->lo, value[j->row[r].node][k]);
            to->hi = fmaxf(to->hi, value[j->row[r].node][k]);
        }
    }
    arena_release(&arena);
    return st;
}

static enum axm_status uniform_edges(struct job *j)
{
    int workers = pool_threads(), edges = j->s.bins - 1;
    struct ranging x = { j, calloc((size_t)workers * (size_t)j->n_rows, sizeof *x.range) };
    if (!x.range)
        return out_of_memory();
    for (int i = 0; i < workers * j->n_rows; i++)
        x.range[i] = (struct extremes){ INFINITY, -INFINITY };
    enum axm_status st = pool_run(j->im->count, range_image, &x);
    for (int r = 0; r < j->n_rows && st == AXM_OK; r++) {
        struct extremes all = { INFINITY, -INFINITY };
        for (int w = 0; w < workers; w++) {
            all.lo = fminf(all.lo, x.range[w * j->n_rows + r].lo);
            all.hi = fmaxf(all.hi, x.range[w * j->n_rows + r].hi);
        }
        for (int k = 0; k < edges; k++)
            j->s.edge[r * edges + k] =
                (float)((double)all.lo + ((double)all.hi - (double)all.lo) * (k + 1) / j->s.bins);
    }
    free(x.range);
    return st;
}

struct sampling {
    struct job *j;
    size_t images;
    float **value;                /* [rows][images][outputs] */
};

static enum axm_status sample_image(void *ctx, size_t item, int worker)
{
    const struct sampling *x = ctx;
    const struct job *j = x->j;
    struct arena arena = { 0 };
    float **value;
    (void)worker;
    enum axm_status st = calibration_forward(j->s.g, j->im, item * j->im->count / x->images, &arena, &value);
    for (int r = 0; r < j->n_rows && st == AXM_OK; r++)
        memcpy(x->value[r] + item * j->outputs[r], value[j->row[r].node], j->outputs[r] * sizeof(float));
    arena_release(&arena);
    return st;
}

static int by_value(const void *pa, const void *pb)
{
    float a = *(const float *)pa, b = *(const float *)pb;
    return (a > b) - (a < b);
}

static enum axm_status sort_sample(void *ctx, size_t item, int worker)
{
    const struct sampling *x = ctx;
    const struct job *j = x->j;
    size_t n = x->images * j->outputs[item], bins = (size_t)j->s.bins;
    (void)worker;
    qsort(x->value[item], n, sizeof(float), by_value);
    for (size_t k = 1; k < bins; k++)
        j->s.edge[item * (bins - 1) + k - 1] = x->value[item][k * n / bins];
    return AXM_OK;
}

static enum axm_status adaptive_edges(struct job *j)
{
    struct sampling x = { j, j->im->count < SAMPLE_IMAGES ? j->im->count : SAMPLE_IMAGES,
                          calloc((size_t)j->n_rows, sizeof *x.value) };
    enum axm_status st = x.value ? AXM_OK : out_of_memory();
    for (int r = 0; r < j->n_rows && st == AXM_OK; r++)
        if (!(x.value[r] = malloc(x.images * j->outputs[r] * sizeof(float))))
            st = out_of_memory();
    if (st == AXM_OK)
        st = pool_run(x.images, sample_image, &x);
    if (st == AXM_OK)
        st = pool_run((size_t)j->n_rows, sort_sample, &x);
    for (int r = 0; r < j->n_rows && x.value; r++)
        free(x.value[r]);
    free(x.value);
    return st;
}

/* --- vectors ---------------------------------------------------------------------------------------- */

static enum axm_status run_vectors(struct job *j)
{
    size_t n = j->im->count;
    struct symbol *s = malloc((size_t)j->n_rows * n * sizeof *s);
    enum axm_status st = s ? AXM_OK : out_of_memory();
    j->bar = progress_begin("information plane", n);
    for (size_t first = 0; first < n && st == AXM_OK; first += BATCH) {
        size_t images = n - first < BATCH ? n - first : BATCH;
        for (int r = 0; r < j->n_rows && st == AXM_OK; r++) {
            const uint8_t *value;
            st = codes_of(j, r, first, images, &value);
            if (st == AXM_OK)
                st = hash_all((struct hashing){ value, j->im->label + first, j->bytes[r], images,
                                                s + (size_t)r * n + first });
        }
        progress_add(j->bar, images);
    }
    progress_end(j->bar);
    for (int r = 0; r < j->n_rows && st == AXM_OK; r++)
        count_symbols(s + (size_t)r * n, n, j->sum_y, &j->row[r]);
    free(s);
    return st;
}

/* --- neurons ------------------------------------------------------------------------------------------ */

static void add_row(struct plane_row *sum, const struct plane_row *one)
{
    sum->i_xt_bits += one->i_xt_bits;
    sum->i_ty_bits += one->i_ty_bits;
    sum->distinct += one->distinct;
}

/* Outputs from .. from + n - 1 of a row, counted into count[n][codes][classes]. */
struct counting {
    const uint8_t *value, *label;
    size_t bytes, images, from, n, codes, classes;
    uint32_t *count;
};

/* Output by output, so that the counters of one stay in the first cache; and out of a copy, since lines of
 * images that lie a power of two apart would push each other out of it. */
static enum axm_status count_chunk(void *ctx, size_t item, int worker)
{
    const struct counting *c = ctx;
    uint8_t copy[BATCH][NEURON_CHUNK];
    size_t first = item * NEURON_CHUNK, n = c->n - first < NEURON_CHUNK ? c->n - first : NEURON_CHUNK;
    (void)worker;
    for (size_t i = 0; i < c->images; i++)
        memcpy(copy[i], c->value + i * c->bytes + c->from + first, n);
    for (size_t k = 0; k < n; k++) {
        uint32_t *count = c->count + (first + k) * c->codes * c->classes;
        for (size_t i = 0; i < c->images; i++)
            count[copy[i][k] * c->classes + c->label[i]]++;
    }
    return AXM_OK;
}

static void count_neuron(const uint32_t *count, size_t codes, size_t classes, size_t n, double y,
                         struct plane_row *out)
{
    double t = 0, ty = 0;
    out->distinct = 0;
    for (size_t code = 0; code < codes; code++) {
        uint64_t c = 0;
        for (size_t k = 0; k < classes; k++) {
            ty += c_log_c(count[code * classes + k]);
            c += count[code * classes + k];
        }
        t += c_log_c(c);
        out->distinct += c > 0;
    }
    set_bits(out, n, t, y, ty);
}

/* Logits have too many values to count in a table. */
static enum axm_status run_logits(struct job *j, int r)
{
    const struct images *im = j->im;
    size_t outputs = j->outputs[r];
    int32_t *value = malloc(im->count * outputs * sizeof *value), *one = malloc(im->count * sizeof *one);
    enum axm_status st = value && one ? AXM_OK : out_of_memory();
    if (st == AXM_OK)
        st = infer_dump(j->s.in, j->row[r].node, im, 0, im->count, value, NULL);
    for (size_t k = 0; k < outputs && st == AXM_OK; k++) {
        struct plane_row of_one = { 0 };
        for (size_t i = 0; i < im->count; i++)
            one[i] = value[i * outputs + k];
        st = plane_symbols(one, sizeof *one, im->label, im->count, im->classes, &of_one);
        add_row(&j->row[r], &of_one);
    }
    free(value);
    free(one);
    return st;
}

static bool is_wide(const struct job *j, int r)
{
    return j->bytes[r] > j->outputs[r];
}

/* Outputs from .. to - 1, numbered through all rows that are not wide. */
static enum axm_status count_pass(struct job *j, size_t from, size_t to, size_t codes, uint32_t *count)
{
    const struct images *im = j->im;
    size_t classes = (size_t)im->classes, per_output = codes * classes;
    memset(count, 0, (to - from) * per_output * sizeof *count);
    for (size_t first = 0; first < im->count; first += BATCH) {
        size_t images = im->count - first < BATCH ? im->count - first : BATCH, base = 0;
        for (int r = 0; r < j->n_rows; r++) {
            size_t begin = base, end = base + (is_wide(j, r) ? 0 : j->outputs[r]);
            size_t lo = begin > from ? begin : from, hi = end < to ? end : to;
            base = end;
            if (lo >= hi)
                continue;
            struct counting c = { .label = im->label + first, .bytes = j->bytes[r], .images = images,
                .from = lo - begin, .n = hi - lo, .codes = codes, .classes = classes,
                .count = count + (lo - from) * per_output };
            enum axm_status st = codes_of(j, r, first, images, &c.value);
            if (st == AXM_OK)
                st = pool_run((c.n + NEURON_CHUNK - 1) / NEURON_CHUNK, count_chunk, &c);
            if (st != AXM_OK)
                return st;
        }
        progress_add(j->bar, images);
    }
    for (size_t k = from, r = 0, base = 0; k < to; k++) {
        struct plane_row one;
        while (is_wide(j, (int)r) || k >= base + j->outputs[r])
            base += is_wide(j, (int)r) ? 0 : j->outputs[r], r++;
        count_neuron(count + (k - from) * per_output, codes, classes, im->count, j->sum_y, &one);
        add_row(&j->row[r], &one);
    }
    return AXM_OK;
}

static enum axm_status run_neurons(struct job *j)
{
    size_t codes = j->s.q ? CODES : (size_t)j->s.bins, all = 0;
    size_t per_output = codes * (size_t)j->im->classes * sizeof(uint32_t);
    size_t block = COUNT_BYTES_MAX / per_output;
    for (int r = 0; r < j->n_rows; r++)
        all += is_wide(j, r) ? 0 : j->outputs[r];
    block = block < all ? block : all;
    uint32_t *count = malloc(block * per_output + 1);
    enum axm_status st = count ? AXM_OK : out_of_memory();
    j->bar = progress_begin("information plane", all ? j->im->count * ((all + block - 1) / block) : 0);
    for (size_t from = 0; from < all && st == AXM_OK; from += block)
        st = count_pass(j, from, all - from < block ? all : from + block, codes, count);
    progress_end(j->bar);
    for (int r = 0; r < j->n_rows && st == AXM_OK; r++) {
        struct plane_row *row = &j->row[r];
        if (is_wide(j, r))
            st = run_logits(j, r);
        row->i_xt_bits /= (double)j->outputs[r];
        row->i_ty_bits /= (double)j->outputs[r];
        row->distinct /= (double)j->outputs[r];
        row->n = j->im->count;
    }
    free(count);
    return st;
}

/* --- both ---------------------------------------------------------------------------------------- */

/* The body of two functions that differ in the kind of graph: on to the only reader while that is a batch
 * norm or a ReLU. */
#define FOLLOW(g, node) \
    do { \
        int users = 0, user = 0; \
        for (int i = (node) + 1; i < (g)->n_nodes; i++) \
            for (int k = 0; k < (g)->node[i].n_inputs; k++) \
                if ((g)->node[i].input[k] == (node)) { \
                    users++; \
                    user = i; \
                } \
        if (users != 1 || ((g)->node[user].op != OP_BATCH_NORM && (g)->node[user].op != OP_RELU && \
                           (g)->node[user].op != OP_RELU6)) \
            return (node); \
        (node) = user; \
    } while (true)

static int last_of_layer(const struct qgraph *q, int node)
{
    FOLLOW(q, node);
}

static int last_of_float_layer(const struct graph *g, int node)
{
    FOLLOW(g, node);
}

int plane_layer_node(const struct qgraph *q, int layer)
{
    return last_of_layer(q, infer_layer_node(q, layer));
}

static void add_node(struct job *j, int node, size_t outputs, size_t bytes)
{
    j->row[j->n_rows].node = node;
    j->outputs[j->n_rows] = outputs;
    j->bytes[j->n_rows++] = bytes;
}

static void choose_nodes(struct job *j, bool all)
{
    const struct qgraph *q = j->s.q;
    const struct graph *g = j->s.g;
    int nodes = q ? q->n_nodes : g->n_nodes;
    bool *wanted = j->s.seen;
    for (int i = 0; i < nodes; i++)
        if (all)
            wanted[i] = true;
        else if (q && qnode_multiplies(&q->node[i]))
            wanted[last_of_layer(q, i)] = true;
        else if (g && op_infos[g->node[i].op].has_weight)
            wanted[last_of_float_layer(g, i)] = true;
    for (int i = 0; i < nodes; i++) {
        if (wanted[i] && q)
            add_node(j, i, shape_count(q->node[i].out), infer_dump_bytes(&q->node[i]));
        else if (wanted[i])
            add_node(j, i, shape_count(g->node[i].out), shape_count(g->node[i].out));
    }
}

static enum axm_status allocate(struct job *j)
{
    size_t batch = j->im->count < BATCH ? j->im->count : BATCH, biggest = 0;
    for (int r = 0; r < j->n_rows; r++)
        biggest = j->bytes[r] > biggest ? j->bytes[r] : biggest;
    int values = j->s.q ? 2 : j->n_rows;
    for (int i = 0; i < values; i++)
        if (!(j->s.value[i] = malloc(batch * (j->s.q ? biggest : j->bytes[i]))))
            return out_of_memory();
    for (int i = 0; i < 2; i++)
        if (!(j->s.scale[i] = calloc(batch, sizeof **j->s.scale)))
            return out_of_memory();
    if (j->s.g && !(j->s.edge = calloc((size_t)j->n_rows * (size_t)j->s.bins, sizeof *j->s.edge)))
        return out_of_memory();
    return AXM_OK;
}

static void release(struct job *j)
{
    for (int i = 0; j->s.value && i < (j->s.q ? 2 : j->n_rows); i++)
        free(j->s.value[i]);
    free(j->s.value);
    free(j->s.scale[0]);
    free(j->s.scale[1]);
    free(j->s.edge);
    free(j->s.seen);
    free(j->outputs);
    free(j->bytes);
}

static enum axm_status run(struct job *j, const struct plane_opts *o, enum plane_rule rule,
                           struct plane_row **rows, int *n_rows)
{
    enum axm_status st = check_labels(j->im->label, j->im->count, j->im->classes);
    size_t nodes = (size_t)(j->s.q ? j->s.q->n_nodes : j->s.g->n_nodes);
    if (st != AXM_OK)
        return st;
    j->s.have = -1;
    j->sum_y = sum_labels(j->im->label, j->im->count);
    j->row = calloc(nodes, sizeof *j->row);
    j->outputs = calloc(nodes, sizeof *j->outputs);
    j->bytes = calloc(nodes, sizeof *j->bytes);
    j->s.seen = calloc(nodes, sizeof *j->s.seen);
    j->s.value = calloc(nodes + 1, sizeof *j->s.value);
    if (!j->row || !j->outputs || !j->bytes || !j->s.seen || !j->s.value)
        st = out_of_memory();
    if (st == AXM_OK) {
        choose_nodes(j, o->all_nodes);
        st = allocate(j);
    }
    if (st == AXM_OK && j->s.g)
        st = rule == PLANE_UNIFORM ? uniform_edges(j) : adaptive_edges(j);
    if (st == AXM_OK)
        st = o->variant == PLANE_NEURON ? run_neurons(j) : run_vectors(j);
    release(j);
    if (st != AXM_OK) {
        free(j->row);
        return st;
    }
    *rows = j->row;
    *n_rows = j->n_rows;
    return AXM_OK;
}

enum axm_status plane_run(const struct qgraph *q, const struct infer *in, const struct images *im,
                          const struct plane_opts *o, struct plane_row **rows, int *n_rows)
{
    struct job j = { .s = { .q = q, .in = in }, .im = im };
    return run(&j, o, PLANE_UNIFORM, rows, n_rows);
}

enum axm_status plane_run_float(const struct graph *g, const struct images *im, enum plane_rule rule,
                                int bins, const struct plane_opts *o, struct plane_row **rows, int *n_rows)
{
    struct job j = { .s = { .g = g, .bins = bins }, .im = im };
    struct shape in = g->node[0].out;
    assert(bins >= 2 && bins <= PLANE_BINS_MAX);
    if (in.c != im->shape.c || in.h != im->shape.h || in.w != im->shape.w)
        return fail(AXM_USAGE, "%s takes images of %dx%dx%d, these are %dx%dx%d", g->name, in.c, in.h, in.w,
                    im->shape.c, im->shape.h, im->shape.w);
    return run(&j, o, rule, rows, n_rows);
}
