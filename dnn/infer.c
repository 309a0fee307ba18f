#include "dnn/infer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/strbuf.h"
#include "dnn/infer_impl.h"
#include "dnn/reference.h"

bool infer_default_weight_is_a(const struct qnode *n)
{
    return n->op == OP_CONV;
}

int infer_layers(const struct qgraph *q)
{
    int n = 0;
    for (int i = 0; i < q->n_nodes; i++)
        n += qnode_multiplies(&q->node[i]);
    return n;
}

int infer_layer_node(const struct qgraph *q, int layer)
{
    for (int i = 0; i < q->n_nodes; i++)
        if (qnode_multiplies(&q->node[i]) && layer-- == 0)
            return i;
    return -1;
}

const char *infer_describe(const struct infer *in, int layer)
{
    return in->layer[layer].text;
}

static enum axm_status out_of_memory(const struct infer *in)
{
    return fail(AXM_ENV, "%s: out of memory for inference", in->q->name);
}

static void *alloc(struct infer *in, size_t bytes)
{
    return arena_alloc(&in->arena, bytes ? bytes : 1);
}

/* --- opening: multipliers and weights -------------------------------------------------------- */

static const struct infer_kernel *kernel_of(int level)
{
#ifdef __x86_64__
    return level >= GEMM_VBMI ? &infer_vbmi : level == GEMM_AVX512 ? &infer_avx512
           : level == GEMM_AVX2 ? &infer_avx2 : &infer_portable;
#else
    (void)level;
    return &infer_portable;
#endif
}

static enum axm_status check_multiplier(const struct qgraph *q, const struct qnode *n,
                                        const struct layer_mult *l)
{
    const struct axm_mul *m = l->mul;
    int width_w = l->weight_is_a ? axm_mul_width_a(m) : axm_mul_width_b(m);
    int width_x = l->weight_is_a ? axm_mul_width_b(m) : axm_mul_width_a(m);
    if (axm_mul_signed(m) != qgraph_signed(q))
        return fail(AXM_USAGE, "%s: %s is %s; the codes of %s are %s", n->name, axm_mul_name(m),
                    axm_mul_signed(m) ? "signed" : "unsigned", q->name,
                    qgraph_signed(q) ? "signed (a model quantized by --scheme affine has unsigned ones)"
                                     : "unsigned (one by --scheme symmetric has signed ones)");
    if (width_x < 8 || width_w < q->weight_bits)
        return fail(AXM_USAGE, "%s: %s has %d bits for the activation and %d for the weight; at least 8 and "
                    "%d are needed", n->name, axm_mul_name(m), width_x, width_w, q->weight_bits);
    return AXM_OK;
}

/* qgraph_check() answers for products of 16 bits; wider ones are bounded by what they are. */
static enum axm_status check_accumulator(const struct qgraph *q, const struct qnode *n,
                                         const struct layer_mult *l)
{
    const struct axm_mul *m = l->mul;
    int width = axm_mul_width_product(m), flip = qgraph_signed(q) ? 0x80 : 0;
    int64_t least = 0, most = 0, k = (int64_t)qnode_k(q, n);
    if (width <= 16)
        return AXM_OK;
    for (int w = 0; w < 256; w++)
        for (int x = 0; x < 256; x++) {
            uint64_t vw = (uint64_t)((w ^ flip) - flip), vx = (uint64_t)((x ^ flip) - flip);
            int64_t p = axm_mul_value(m, l->weight_is_a ? axm_eval(m, vw, vx) : axm_eval(m, vx, vw), width);
            least = p < least ? p : least;
            most = p > most ? p : most;
        }
    for (int o = 0; o < n->out.c; o++) {
        bool fits = least >= INT32_MIN && most <= INT32_MAX;
        fits = fits && n->bias[o] + k * (least - 255 * (int64_t)n->weight_zero[o]) >= INT32_MIN;
        if (!fits || n->bias[o] + k * most > INT32_MAX)
            return fail(AXM_USAGE, "%s: %lld products of %s can leave the 32 bits of an accumulator", n->name,
                        (long long)k, axm_mul_name(m));
    }
    return AXM_OK;
}

/* No pattern of the layer's input, padding included, has its top bit set. */
static bool x_below_128(const struct qgraph *q, const struct qnode *n)
{
    const struct qnode *from = &q->node[n->input[0]];
    return from->lo >= 0 && from->hi < 128 && from->zero < 128;
}

struct gemm_key {
    const struct axm_mul *mul;
    bool weight_is_a, x_below_128;
};

static enum axm_status find_gemm(struct infer *in, struct gemm_key *key, const struct gemm_key *want,
                                 const struct gemm **out)
{
    int i = 0;
    while (i < in->n_gemms && (key[i].mul != want->mul || key[i].weight_is_a != want->weight_is_a ||
                               key[i].x_below_128 != want->x_below_128))
        i++;
    if (i == in->n_gemms) {
        struct gemm_opts o = { .weight_is_a = want->weight_is_a, .x_below_128 = want->x_below_128,
                               .level = in->level, .plan = -1 };
        enum axm_status st = gemm_open(want->mul, &o, &in->gemm[i]);
        if (st != AXM_OK)
            return st;
        key[i] = *want;
        in->n_gemms++;
    }
    *out = in->gemm[i];
    return AXM_OK;
}

/* Patterns as wide as the multiplier's operand, if that is narrower than a byte. */
static enum axm_status pack(struct infer *in, struct infer_layer *l)
{
    const struct qnode *n = &in->q->node[l->node];
    size_t k = qnode_k(in->q, n), outputs = (size_t)(n->out.c / n->groups), count = outputs * k;
    int width = l->weight_is_a ? axm_mul_width_a(l->mul) : axm_mul_width_b(l->mul);
    uint8_t mask = width < 8 ? (uint8_t)axm_mask(width) : 0xff;
    uint8_t *w = malloc(count);
    l->weights = alloc(in, (size_t)n->groups * sizeof *l->weights);
    enum axm_status st = w && l->weights ? AXM_OK : out_of_memory(in);
    for (int g = 0; g < n->groups && st == AXM_OK; g++) {
        for (size_t i = 0; i < count; i++)
            w[i] = (uint8_t)n->weight[(size_t)g * count + i] & mask;
        st = gemm_pack(l->gemm, w, outputs, k, &l->weights[g]);
    }
    free(w);
    return st;
}

static enum axm_status open_layer(struct infer *in, int node, const struct layer_mult *m,
                                  struct gemm_key *key, struct infer_layer *l)
{
    const struct qnode *n = &in->q->node[node];
    const struct window *w = &n->window;
    struct gemm_key want = { m->mul, m->weight_is_a, x_below_128(in->q, n) };
    *l = (struct infer_layer){ .node = node, .weight_is_a = m->weight_is_a, .mul = m->mul };
    for (int o = 0; o < n->out.c; o++)
        l->corrected |= n->weight_zero[o] != 0;
    if (n->op == OP_CONV)
        l->direct = w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 &&
                    !w->pad_top && !w->pad_left && !w->pad_bottom && !w->pad_right;
    else
        l->direct = in->q->node[n->input[0]].out.h * in->q->node[n->input[0]].out.w == 1;
    enum axm_status st = check_multiplier(in->q, n, m);
    if (st == AXM_OK)
        st = check_accumulator(in->q, n, m);
    if (st == AXM_OK)
        st = find_gemm(in, key, &want, &l->gemm);
    return st == AXM_OK ? pack(in, l) : st;
}

/* --- opening: tables ---------------------------------------------------------------------------- */

/* What node makes of code q of its input (concat: of input k), channel c. */
static int32_t map_code(const struct qgraph *q, const struct qnode *n, int c, int k, int code)
{
    const struct qnode *from = &q->node[n->input[k]];
    int64_t v;
    if (n->op == OP_RELU) {
        v = code < n->lo ? n->lo : code > n->hi ? n->hi : code;
        return q->scheme == QUANT_ACE && v < 0 ? 0 : (int32_t)v;
    }
    if (n->op == OP_CONCAT)
        return requantize(code - from->zero, n->multiplier[k], n->shift[k], n->zero, n->lo, n->hi);
    v = (int64_t)(code - from->zero) * n->multiplier[c] + n->add64[c];
    v = n->zero + ((v + (INT64_C(1) << (n->shift[c] - 1))) >> n->shift[c]);
    return (int32_t)(v < n->lo ? n->lo : v > n->hi ? n->hi : v);
}

static bool is_map(const struct qgraph *q, const struct qnode *n)
{
    return n->op == OP_RELU || (q->scheme != QUANT_ACE && (n->op == OP_CONCAT || n->op == OP_BATCH_NORM));
}

static enum axm_status make_map(struct infer *in, int node)
{
    const struct qnode *n = &in->q->node[node];
    int flip = qgraph_signed(in->q) ? 0x80 : 0;
    int rows = n->op == OP_BATCH_NORM ? n->out.c : n->op == OP_CONCAT ? n->n_inputs : 1;
    uint8_t *map = in->map[node] = alloc(in, (size_t)rows * 256);
    if (!map)
        return out_of_memory(in);
    for (int r = 0; r < rows; r++)
        for (int p = 0; p < 256; p++)
            map[r * 256 + p] = (uint8_t)map_code(in->q, n, r, n->op == OP_CONCAT ? r : 0, (p ^ flip) - flip);
    return AXM_OK;
}

/* A function of one byte: 1x1 convolutions and what works code by code, on a one-channel image. */
static bool is_byte_function(const struct infer *in, int node)
{
    const struct qnode *n = &in->q->node[node];
    if (in->q->scheme == QUANT_ACE || in->q->node[0].out.c != 1 || n->is_logits)
        return false;
    for (int k = 0; k < n->n_inputs; k++)
        if (!in->memo[n->input[k]])
            return false;
    return node == 0 || is_map(in->q, n) || n->op == OP_ADD ||
           (n->op == OP_CONV && in->layer[in->layer_of[node]].direct);
}

/* Runs the node on an image that has every byte once. */
static enum axm_status make_memo(struct infer *in, int node, struct tensor *value)
{
    const struct qnode *n = &in->q->node[node];
    struct scratch need;
    struct schedule s = { .given = true, .batch = 1 };
    infer_scratch(in, node, 1, 256, &need);
    s.acc = round_up(need.x, 64) + 64;
    s.sum_x = s.acc + round_up(need.acc, 64) + 64;
    s.gemm = s.sum_x + round_up(need.sum_x, 64) + 64;
    uint8_t *work = aligned_alloc(64, s.gemm + round_up(need.gemm, 64) + 64);
    uint8_t *table = alloc(in, (size_t)n->out.c * 256 + 64);
    if (!work || !table) {
        free(work);
        return out_of_memory(in);
    }
    value[node] = (struct tensor){ .data = table, .stride = 256 };
    struct batch b = { .in = in, .s = &s, .value = value, .work = work, .images = 1, .plane = 256 };
    if (node == 0)
        memcpy(table, in->q->input_code, 256);
    else
        infer_node(&b, node);
    in->memo[node] = table;
    free(work);
    return AXM_OK;
}

static enum axm_status make_tables(struct infer *in, bool memoise)
{
    enum axm_status st = AXM_OK;
    struct tensor *value = calloc((size_t)in->q->n_nodes, sizeof *value);
    if (!value)
        return out_of_memory(in);
    in->map[0] = in->q->input_code;
    for (int i = 0; i < in->q->n_nodes && st == AXM_OK; i++) {
        if (i > 0 && is_map(in->q, &in->q->node[i]))
            st = make_map(in, i);
        if (st == AXM_OK && memoise && is_byte_function(in, i))
            st = make_memo(in, i, value);
    }
    free(value);
    return st;
}

static enum axm_status describe(struct infer *in, struct infer_layer *l)
{
    struct strbuf text = { 0 };
    strbuf_adds(&text, gemm_describe(l->gemm));
    if (in->memo[l->node])
        strbuf_adds(&text, "; memoised: a function of one byte");
    l->text = text.failed ? NULL : arena_strdup(&in->arena, text.s);
    strbuf_release(&text);
    return l->text ? AXM_OK : out_of_memory(in);
}

enum axm_status infer_open(const struct qgraph *q, const struct layer_mult *layer, int n_layers,
                           const struct infer_opts *o, struct infer **out)
{
    int layers = infer_layers(q);
    size_t nodes = (size_t)q->n_nodes;
    assert(n_layers == 1 || n_layers == layers);
    struct infer *in = calloc(1, sizeof *in);
    struct gemm_key *key = calloc((size_t)layers + 1, sizeof *key);
    if (!in || !key) {
        free(in);
        free(key);
        return fail(AXM_ENV, "%s: out of memory for inference", q->name);
    }
    in->q = q;
    in->level = o->level < 0 ? (int)gemm_level_best() : o->level;
    in->kernel = kernel_of(in->level);
    in->progress = o->progress;
    in->layer = alloc(in, (size_t)layers * sizeof *in->layer);
    in->gemm = alloc(in, (size_t)layers * sizeof *in->gemm);
    in->layer_of = alloc(in, nodes * sizeof *in->layer_of);
    in->map = alloc(in, nodes * sizeof *in->map);
    in->memo = alloc(in, nodes * sizeof *in->memo);
    enum axm_status st = in->layer && in->gemm && in->layer_of && in->map && in->memo ? AXM_OK
                                                                                     : out_of_memory(in);
    for (int i = 0; i < q->n_nodes && st == AXM_OK; i++) {
        in->layer_of[i] = -1;
        if (!qnode_multiplies(&q->node[i]))
            continue;
        int l = in->layer_of[i] = in->n_layers++;
        st = open_layer(in, i, &layer[n_layers == 1 ? 0 : l], key, &in->layer[l]);
    }
    if (st == AXM_OK)
        st = make_tables(in, o->memoise);
    for (int l = 0; l < in->n_layers && st == AXM_OK; l++)
        st = describe(in, &in->layer[l]);
    free(key);
    if (st == AXM_OK)
        *out = in;
    else
        infer_close(in);
    return st;
}

void infer_close(struct infer *in)
{
    if (!in)
        return;
    for (int l = 0; l < in->n_layers; l++)
        for (int g = 0; in->layer[l].weights && g < in->q->node[in->layer[l].node].groups; g++)
            gemm_weights_free(in->layer[l].weights[g]);
    for (int i = 0; i < in->n_gemms; i++)
        gemm_close(in->gemm[i]);
    arena_release(&in->arena);
    free(in);
}

/* --- running ------------------------------------------------------------------------------------- */

/* What one thread works in. */
struct bench {
    uint8_t *work;
    struct tensor *value;
    double *scale;
    int32_t *row;                   /* one image's outputs */
};

struct job {
    const struct infer *in;
    struct schedule s;
    size_t n;
    const uint8_t *pixel;           /* of the first image; or: */
    const uint8_t *given;
    const double *given_scale;
    int32_t *logits;                /* results, each may be NULL */
    uint16_t *label;
    uint8_t *dump;
    uint8_t *const *also;           /* by node: further dumps, NULL: none */
    double *scale;
    struct bench *bench;            /* [threads] */
};

static bool open_bench(const struct job *j, struct bench *w)
{
    const struct qgraph *q = j->in->q;
    size_t nodes = (size_t)q->n_nodes, batch = j->s.batch;
    if (w->row)
        return true;
    w->work = aligned_alloc(64, j->s.bytes);
    w->value = calloc(nodes, sizeof *w->value);
    if (q->scheme == QUANT_ACE)
        w->scale = calloc(nodes * batch, sizeof *w->scale);
    w->row = malloc((shape_count(q->node[j->s.target].out) + 1) * sizeof *w->row);
    if (!w->work || !w->value || !w->row || (q->scheme == QUANT_ACE && !w->scale))
        return false;
    for (size_t i = 0; i < nodes; i++) {
        struct shape s = q->node[i].out;
        w->value[i] = (struct tensor){ .data = w->work + j->s.offset[i],
                                       .stride = round_up(batch * (size_t)s.h * (size_t)s.w, 64),
                                       .scale = w->scale ? w->scale + i * batch : NULL };
    }
    return true;
}

/* [images][c][plane] as the caller has it to the node's tensor; the reverse in take_image(). */
static void put_images(const struct job *j, const struct batch *b, size_t first)
{
    const struct qnode *n = &j->in->q->node[j->s.start];
    const struct tensor *t = &b->value[j->s.start];
    size_t plane = (size_t)n->out.h * (size_t)n->out.w, element = n->is_logits ? sizeof(int32_t) : 1;
    size_t columns = b->images * plane, c_all = (size_t)n->out.c;
    for (size_t c = 0; c < c_all; c++) {
        for (size_t i = 0; i < b->images; i++)
            memcpy(t->data + (c * t->stride + i * plane) * element,
                   j->given + ((first + i) * c_all + c) * plane * element, plane * element);
        memset(t->data + (c * t->stride + columns) * element, 0, (round_up(columns, 64) - columns) * element);
    }
    for (size_t i = 0; t->scale && i < b->images; i++)
        t->scale[i] = j->given_scale ? j->given_scale[first + i] : 1;
}

/* Image i of the batch, the number-th of the job, to a dump. */
static void dump_image(const struct qnode *n, const struct tensor *t, size_t i, size_t number, uint8_t *dump)
{
    size_t plane = (size_t)n->out.h * (size_t)n->out.w, bytes = plane * (n->is_logits ? sizeof(int32_t) : 1);
    for (size_t c = 0; c < (size_t)n->out.c; c++)
        memcpy(dump + (number * (size_t)n->out.c + c) * bytes,
               t->data + c * t->stride * (bytes / plane) + i * bytes, bytes);
}

static void take_image(const struct job *j, const struct batch *b, size_t i, size_t number, int32_t *row)
{
    const struct qnode *n = &j->in->q->node[j->s.target];
    const struct tensor *t = &b->value[j->s.target];
    size_t plane = (size_t)n->out.h * (size_t)n->out.w, element = n->is_logits ? sizeof(int32_t) : 1;
    size_t count = (size_t)n->out.c * plane;
    int flip = qgraph_signed(j->in->q) ? 0x80 : 0;
    if (j->dump)
        dump_image(n, t, i, number, j->dump);
    for (size_t c = 0; !j->dump && c < (size_t)n->out.c; c++) {
        const uint8_t *from = t->data + (c * t->stride + i * plane) * element;
        for (size_t p = 0; p < plane; p++)
            row[c * plane + p] = n->is_logits ? ((const int32_t *)from)[p] : (from[p] ^ flip) - flip;
    }
    if (j->scale && t->scale)
        j->scale[number] = t->scale[i];
    if (j->logits)
        memcpy(j->logits + number * count, row, count * sizeof *row);
    if (j->label)
        j->label[number] = (uint16_t)argmax_int(row, (int)count);
}

static enum axm_status run_batch(void *ctx, size_t item, int worker)
{
    struct job *j = ctx;
    const struct qgraph *q = j->in->q;
    struct bench *w = &j->bench[worker];
    size_t first = item * j->s.batch, left = j->n - first;
    if (!open_bench(j, w))
        return out_of_memory(j->in);
    struct batch b = { .in = j->in, .s = &j->s, .value = w->value, .work = w->work,
                       .images = left < j->s.batch ? left : j->s.batch };
    if (j->s.given)
        put_images(j, &b, first);
    else
        b.pixel = j->pixel + first * shape_count(q->node[0].out);
    for (int s = 0; s < j->s.n_steps; s++) {
        int node = j->s.step[s];
        infer_node(&b, node);
        for (size_t i = 0; j->also && j->also[node] && i < b.images; i++)
            dump_image(&q->node[node], &b.value[node], i, first + i, j->also[node]);
    }
    for (size_t i = 0; i < b.images; i++)
        take_image(j, &b, i, first + i, w->row);
    if (j->in->progress && !j->dump)
        progress_add(j->in->progress, b.images);
    return AXM_OK;
}

/* computed: by node, gets true for those that were; may be NULL. */
static enum axm_status run_job(struct job *j, int start, int target, bool *computed)
{
    int threads = pool_threads();
    enum axm_status st = schedule_make(j->in, start, j->given != NULL, target, j->n, &j->s);
    if (st != AXM_OK)
        return st;
    j->bench = calloc((size_t)threads, sizeof *j->bench);
    st = j->bench ? pool_run((j->n + j->s.batch - 1) / j->s.batch, run_batch, j) : out_of_memory(j->in);
    for (int i = 0; j->bench && i < threads; i++) {
        free(j->bench[i].work);
        free(j->bench[i].value);
        free(j->bench[i].scale);
        free(j->bench[i].row);
    }
    free(j->bench);
    for (int i = 0; computed && i < j->s.n_steps; i++)
        computed[j->s.step[i]] = true;
    schedule_release(&j->s);
    return st;
}

static enum axm_status check_images(const struct infer *in, const struct images *im, size_t first, size_t n)
{
    struct shape want = in->q->node[0].out, got = im->shape;
    if (want.c != got.c || want.h != got.h || want.w != got.w)
        return fail(AXM_USAGE, "%s: images must be %dx%dx%d, got %dx%dx%d", in->q->name, want.c, want.h,
                    want.w, got.c, got.h, got.w);
    if (first > im->count || n > im->count - first)
        return fail(AXM_USAGE, "%s: images %zu..%zu of %zu", in->q->name, first, first + n - 1, im->count);
    return AXM_OK;
}

enum axm_status infer_run(const struct infer *in, const struct images *im, size_t first, size_t n,
                          int32_t *logits, uint16_t *label)
{
    enum axm_status st = check_images(in, im, first, n);
    struct job j = { .in = in, .n = n, .pixel = im->pixel + first * shape_count(im->shape), .logits = logits,
                     .label = label };
    return st == AXM_OK ? run_job(&j, 0, in->q->n_nodes - 1, NULL) : st;
}

enum axm_status infer_dump(const struct infer *in, int node, const struct images *im, size_t first, size_t n,
                           void *out, double *scale)
{
    enum axm_status st = check_images(in, im, first, n);
    struct job j = { .in = in, .n = n, .pixel = im->pixel + first * shape_count(im->shape), .dump = out,
                     .scale = scale };
    return st == AXM_OK ? run_job(&j, 0, node, NULL) : st;
}

enum axm_status infer_dump_nodes(const struct infer *in, const int *node, int n_nodes,
                                 const struct images *im, size_t first, size_t n, void *const *out)
{
    uint8_t **also = calloc((size_t)in->q->n_nodes, sizeof *also);
    bool *done = calloc((size_t)in->q->n_nodes, sizeof *done);
    int target = 0;
    enum axm_status st = also && done ? check_images(in, im, first, n) : out_of_memory(in);
    assert(in->q->scheme != QUANT_ACE);
    for (int i = 0; i < n_nodes && st == AXM_OK; i++) {
        also[node[i]] = out[i];
        target = node[i] > target ? node[i] : target;
    }
    struct job j = { .in = in, .n = n, .also = also };
    if (st == AXM_OK) {
        j.pixel = im->pixel + first * shape_count(im->shape);
        j.dump = also[target];
        also[target] = NULL;
        st = run_job(&j, 0, target, done);
    }
    /* What a look-up table passes over. */
    for (int i = 0; i < n_nodes && st == AXM_OK; i++)
        if (!done[node[i]])
            st = infer_dump(in, node[i], im, first, n, out[i], NULL);
    free(also);
    free(done);
    return st;
}

bool infer_memoised(const struct infer *in, int node)
{
    return in->memo[node] != NULL;
}

enum axm_status infer_dump_from(const struct infer *in, int node, const void *value, const double *scale,
                                size_t n, int target, void *out, double *out_scale)
{
    struct job j = { .in = in, .n = n, .given = value, .given_scale = scale, .dump = out,
                     .scale = out_scale };
    if (in->q->scheme == QUANT_ACE && !scale)
        return fail(AXM_USAGE, "%s: scheme ace needs the scales of the codes of %s", in->q->name,
                    in->q->node[node].name);
    return run_job(&j, node, target, NULL);
}

enum axm_status infer_run_from(const struct infer *in, int node, const void *value, const double *scale,
                               size_t n, int32_t *logits, uint16_t *label)
{
    struct job j = { .in = in, .n = n, .given = value, .given_scale = scale, .logits = logits,
                     .label = label };
    if (in->q->scheme == QUANT_ACE && !scale)
        return fail(AXM_USAGE, "%s: scheme ace needs the scales of the codes of %s", in->q->name,
                    in->q->node[node].name);
    return run_job(&j, node, in->q->n_nodes - 1, NULL);
}
