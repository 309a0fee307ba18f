/* Backends whose images are the lanes of compiled gates.  Everything lies lane by lane, [element][lane], so
 * that what an output position reads are whole rows: dnn/'s product takes a position's lanes for columns, and
 * gives sums in the order in which the gates give theirs. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "explore/cosim_impl.h"
#include "sim/cycle.h"

enum { COLUMNS = 2048 };            /* of a product of dnn/: positions times lanes */

struct lanes {
    size_t lanes;
    int x_node, want_node;          /* whose codes x and want hold in this batch; -1: none */
    size_t image;                   /* which batch */
    size_t x_room, want_room, scratch_room;
    uint8_t *x, *want;              /* [elements + 1][lanes], the last: padding; [outputs][lanes] */
    uint64_t *planes;               /* of x, packed */
    size_t plane_room;
    uint8_t *scratch;               /* the rest, one layer's */
    int32_t *all;                   /* COSIM_CYCLE: sums of a group */
    size_t all_room;
    struct cycle_space space;
};

void cosim_lanes_free(struct lanes *s)
{
    if (!s)
        return;
    free(s->x);
    free(s->want);
    free(s->planes);
    free(s->scratch);
    free(s->all);
    free(s->space.memory);
    free(s);
}

/* old, or another one of at least bytes, contents lost; NULL if out of memory.  In huge pages, where there
 * are any: in small ones a run of 10,000 images spends 5 % of its time on page faults. */
static void *grown(void *old, size_t *room, size_t bytes)
{
    enum { HUGE_PAGE = 1 << 21 };
    if (bytes <= *room)
        return old;
    free(old);
    size_t align = bytes < HUGE_PAGE ? 64 : HUGE_PAGE;
    void *p = aligned_alloc(align, (bytes + align - 1) / align * align);
#if defined(MADV_HUGEPAGE)
    if (p && align == HUGE_PAGE)
        (void)madvise(p, (bytes + align - 1) / align * align, MADV_HUGEPAGE);
#endif
    *room = p ? bytes : 0;
    return p;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* 16 rows of 16 bytes, rows become columns: four perfect shuffles. */
static void transpose16(const uint8_t *from, size_t from_stride, uint8_t *to, size_t to_stride)
{
    bytes16 a[16], b[16];
    for (int i = 0; i < 16; i++)
        memcpy(&a[i], from + (size_t)i * from_stride, 16);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            b[2 * i] = __builtin_shufflevector(a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19,
                                               4, 20, 5, 21, 6, 22, 7, 23);
            b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27,
                                                   12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(a, b, sizeof a);
    }
    for (int i = 0; i < 16; i++)
        memcpy(to + (size_t)i * to_stride, &a[i], 16);
}

/* [images][elements] to [elements][lanes], lanes without an image 0. */
static void to_lanes(const uint8_t *from, size_t images, size_t elements, size_t lanes, uint8_t *to)
{
    for (size_t e = 0; images < lanes && e < elements; e++)
        memset(to + e * lanes + images, 0, lanes - images);
    size_t whole_e = elements / 16 * 16, whole_i = images / 16 * 16;
    /* A cache line of each image at a time: images are often as far apart as lines of one cache set. */
    for (size_t e_0 = 0; e_0 < whole_e; e_0 += 64)
        for (size_t i = 0; i < whole_i; i += 16)
            for (size_t e = e_0; e < whole_e && e < e_0 + 64; e += 16)
                transpose16(from + i * elements + e, elements, to + e * lanes + i, lanes);
    for (size_t e = 0; e < elements; e++)
        for (size_t i = e < whole_e ? whole_i : 0; i < images; i++)
            to[e * lanes + i] = from[i * elements + e];
}

/* --- output codes ----------------------------------------------------------------------------------- */

/* n sums of one channel and the codes that dnn/ has for them. */
struct codes {
    const int32_t *sum, *sum_x;     /* sum_x NULL: without the weight's zero point */
    const uint8_t *want;
    size_t n;
    int32_t bias, weight_zero, multiplier, shift, zero, lo, hi, flip;
};

static inline __attribute__((always_inline)) bool equal_body(const struct codes *c, const int32_t *sum_x)
{
    const int32_t *sum = c->sum;
    const uint8_t *want = c->want;
    const int64_t half = (int64_t)1 << (c->shift - 1), multiplier = c->multiplier;
    const int32_t bias = c->bias, weight_zero = c->weight_zero, zero = c->zero, lo = c->lo, hi = c->hi,
        flip = c->flip, shift = c->shift;
    int32_t odd = 0;
    for (size_t i = 0; i < c->n; i++) {
        int64_t t = sum[i] + bias - (sum_x ? weight_zero * sum_x[i] : 0);
        int64_t v = zero + ((t * multiplier + half) >> shift);
        v = v < lo ? lo : v;
        v = v > hi ? hi : v;
        odd |= (int32_t)v ^ ((want[i] ^ flip) - flip);
    }
    return !odd;
}

#if defined(__x86_64__)
static __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")))
bool equal_avx512(const struct codes *c)
{
    return c->sum_x ? equal_body(c, c->sum_x) : equal_body(c, NULL);
}

static __attribute__((target("avx2"))) bool equal_avx2(const struct codes *c)
{
    return c->sum_x ? equal_body(c, c->sum_x) : equal_body(c, NULL);
}
#endif

static bool codes_equal(const struct codes *c)
{
#if defined(__x86_64__)
    switch (bitsim_best_level()) {
    case BITSIM_AVX512: return equal_avx512(c);
    case BITSIM_AVX2: return equal_avx2(c);
    default: break;
    }
#endif
    return c->sum_x ? equal_body(c, c->sum_x) : equal_body(c, NULL);
}

/* --- a layer --------------------------------------------------------------------------------------- */

/* What a few positions of a group work in; [..][columns]. */
struct chunk {
    size_t positions, columns;      /* columns = positions * lanes: the stride, the last chunk uses less */
    uint8_t *x;                     /* [k] */
    int32_t *expected, *actual;     /* [n], sums of products */
    int32_t *sum_x;                 /* NULL: no weight has a zero point */
    void *gemm;
};

static bool has_weight_zeros(const struct qnode *node)
{
    for (int c = 0; node->weight_zero && c < node->out.c; c++)
        if (node->weight_zero[c])
            return true;
    return false;
}

static enum axm_status open_chunk(const struct layer *l, struct lanes *s, struct chunk *c)
{
    const struct geometry *g = &l->geometry;
    c->positions = COLUMNS / s->lanes < g->positions ? COLUMNS / s->lanes : g->positions;
    c->columns = c->positions * s->lanes;
    size_t gemm = 64;
    for (size_t group = 0; group < g->groups; group++) {
        size_t need = gemm_scratch(l->weights[group], c->columns);
        gemm = need > gemm ? need : gemm;
    }
    size_t x = g->k * c->columns, sums = g->n * c->columns * sizeof(int32_t);
    s->scratch = grown(s->scratch, &s->scratch_room, x + 2 * sums + c->columns * sizeof(int32_t) + gemm);
    if (!s->scratch)
        return fail(AXM_ENV, "cosim: out of memory for %s", g->node->name);
    c->x = s->scratch;
    c->expected = (int32_t *)(c->x + x);
    c->actual = c->expected + g->n * c->columns;
    int32_t *sum_x = c->actual + g->n * c->columns;
    c->sum_x = has_weight_zeros(g->node) ? sum_x : NULL;
    c->gemm = sum_x + c->columns;
    return AXM_OK;
}

/* Whether the activations of n_p positions lie in x as dnn/'s product reads them: every input's positions
 * one behind the other, and all inputs equally far apart, as in a convolution of 1x1. */
static bool in_place(const struct geometry *g, const uint32_t *index, size_t n_p, size_t *step)
{
    *step = g->k > 1 ? (uint32_t)(index[1] - index[0]) : n_p;
    for (size_t k = 0; k < g->k; k++)
        for (size_t p = 0; p < n_p; p++)
            if (index[p * g->k + k] != index[0] + k * *step + p)
                return false;
    return *step >= n_p;
}

/* Activations of n_p positions, [k][*stride], and their sums. */
static const uint8_t *fill(const struct layer *l, const struct lanes *s, const uint32_t *index, size_t n_p,
                           const struct chunk *c, size_t *stride)
{
    const struct geometry *g = &l->geometry;
    const uint8_t *x = c->x;
    size_t step;
    *stride = c->columns;
    if (in_place(g, index, n_p, &step)) {
        x = s->x + index[0] * s->lanes;
        *stride = step * s->lanes;
    } else {
        for (size_t k = 0; k < g->k; k++)
            for (size_t p = 0; p < n_p; p++)
                memcpy(c->x + k * c->columns + p * s->lanes, s->x + index[p * g->k + k] * s->lanes, s->lanes);
    }
    if (!c->sum_x)
        return x;
    memset(c->sum_x, 0, c->columns * sizeof *c->sum_x);
    for (size_t k = 0; k < g->k; k++)
        for (size_t i = 0; i < n_p * s->lanes; i++)
            c->sum_x[i] += x[k * *stride + i];
    return x;
}

/* Position p0 + p of the group's output o: sums, then codes or logits. */
static enum axm_status compare(struct run *r, const struct work *w, const struct lanes *s, size_t group,
                               size_t o, size_t p0, size_t p, const struct chunk *c)
{
    const struct geometry *g = &r->layer[w->layer].geometry;
    const struct qnode *node = g->node;
    size_t channel = group * g->n + o, at = o * c->columns + p * s->lanes;
    struct codes k = { .sum = c->actual + at, .sum_x = c->sum_x ? c->sum_x + p * s->lanes : NULL,
        .n = w->images,
        .want = s->want + (channel * g->positions + p0 + p) * s->lanes, .bias = node->bias[channel],
        .weight_zero = node->weight_zero ? node->weight_zero[channel] : 0,
        .flip = qgraph_signed(r->q) ? 0x80 : 0, .zero = node->zero, .lo = node->lo, .hi = node->hi,
        .multiplier = node->multiplier[channel], .shift = node->shift[channel] };
    bool sums = !memcmp(c->expected + at, k.sum, w->images * sizeof *k.sum);
    if (sums && !node->is_logits && codes_equal(&k))
        return AXM_OK;
    for (size_t i = 0; i < w->images; i++) {
        int32_t more = k.bias - (k.sum_x ? k.weight_zero * k.sum_x[i] : 0), want, got;
        if (c->expected[at + i] != k.sum[i]) {
            cosim_report(r, w, i, channel, p0 + p, true, c->expected[at + i] + more, k.sum[i] + more);
            return AXM_MISMATCH;
        }
        if (node->is_logits)
            want = ((const int32_t *)w->expected)[i * shape_count(g->out) + channel * g->positions + p0 + p];
        else
            want = (k.want[i] ^ k.flip) - k.flip;
        got = requantize(k.sum[i] + more, k.multiplier, k.shift, k.zero, k.lo, k.hi);
        if (want != got) {
            cosim_report(r, w, i, channel, p0 + p, false, want, got);
            return AXM_MISMATCH;
        }
    }
    return AXM_OK;
}

/* One group on gates: cycle by cycle all positions at once, else a chunk at a time. */
static enum axm_status run_group(struct run *r, const struct work *w, struct lanes *s, size_t group,
                                 const struct chunk *c, uint64_t *cycles)
{
    struct layer *l = &r->layer[w->layer];
    const struct geometry *g = &l->geometry;
    const uint32_t *index = l->index + group * g->positions * g->k;
    const uint8_t *weights = hardware_weights(l, group);
    int32_t *all = r->o->backend == COSIM_CYCLE ? s->all : NULL;
    uint64_t taken = UINT64_MAX;
    enum axm_status st = AXM_OK;
    if (all) {
        struct cycle_gemm job = { .mult = l->sliced, .planes = s->planes, .index = index,
            .m = g->positions, .k = g->k, .n = g->n, .w = weights, .zero_product = l->zero_product,
            .acc = all };
        struct array_config a = r->o->array;
        a.mult = l->spec.mult;
        if (r->locate && r->locate->product == group) {
            job.watch_n = r->locate->tile_n + r->locate->tile_column;
            job.watch_m = r->locate->tile_m + r->locate->tile_row;
            job.watch_cycle = &taken;
        }
        st = cycle_gemm(&a, &job, &s->space, cycles);
    }
    for (size_t p0 = 0; p0 < g->positions && !st; p0 += c->positions) {
        size_t n_p = g->positions - p0 < c->positions ? g->positions - p0 : c->positions;
        size_t stride;
        const uint8_t *x = fill(l, s, index + p0 * g->k, n_p, c, &stride);
        gemm_run(l->weights[group], x, stride, n_p * s->lanes, c->expected, c->columns, c->gemm);
        if (!all)
            sliced_layer(l->sliced, s->planes, index + p0 * g->k, n_p, g->k, weights, g->n, c->actual,
                         c->columns);
        for (size_t o = 0; o < g->n && !st; o++) {
            if (all)
                memcpy(c->actual + o * c->columns, all + (o * g->positions + p0) * s->lanes,
                       n_p * s->lanes * sizeof *all);
            for (size_t p = 0; p < n_p && !st; p++)
                st = compare(r, w, s, group, o, p0, p, c);
        }
    }
    if (st == AXM_MISMATCH)
        r->tally[w->worker].mismatch.cycle = taken;
    return st;
}

/* x, planes and want of this layer; what one layer gives is often what the next one reads. */
static enum axm_status load(struct run *r, const struct work *w, struct lanes *s)
{
    const struct layer *l = &r->layer[w->layer];
    const struct geometry *g = &l->geometry;
    size_t in = shape_count(g->in), out = shape_count(g->out), words = sliced_words(l->sliced);
    int from = g->node->input[0], node = infer_layer_node(r->q, w->layer);
    if (s->image != w->image || w->layer == 0)
        s->x_node = s->want_node = -1;
    s->image = w->image;
    if (s->want_node == from && s->want_room >= (in + 1) * s->lanes) {
        uint8_t *x = s->x;
        size_t room = s->x_room;
        s->x = s->want;
        s->x_room = s->want_room;
        s->want = x;
        s->want_room = room;
        s->x_node = from;
        s->want_node = -1;
    }
    bool fresh = s->x_node != from;
    if (fresh)
        s->x = grown(s->x, &s->x_room, (in + 1) * s->lanes);
    s->want = grown(s->want, &s->want_room, (out + 1) * s->lanes);
    s->planes = grown(s->planes, &s->plane_room, (in + 1) * words * sizeof *s->planes);
    if (!s->x || !s->want || !s->planes)
        return fail(AXM_ENV, "cosim: out of memory for %s", g->node->name);
    if (fresh)
        to_lanes(w->x, w->images, in, s->lanes, s->x);
    s->x_node = from;
    memset(s->x + in * s->lanes, g->zero_x, s->lanes);
    sliced_pack(l->sliced, s->x, in + 1, s->planes);
    s->want_node = -1;
    if (!g->node->is_logits) {
        to_lanes(w->expected, w->images, out, s->lanes, s->want);
        s->want_node = node;
    }
    return AXM_OK;
}

enum axm_status cosim_on_gates(struct run *r, const struct work *w)
{
    struct layer *l = &r->layer[w->layer];
    const struct geometry *g = &l->geometry;
    struct lanes **mine = &r->lanes[w->worker];
    if (!*mine && (*mine = calloc(1, sizeof **mine)))
        (*mine)->lanes = (size_t)sliced_lanes(l->sliced);
    struct lanes *s = *mine;
    if (!s)
        return fail(AXM_ENV, "cosim: out of memory");
    struct chunk c = { 0 };
    uint64_t cycles = 0;
    enum axm_status st = load(r, w, s);
    if (!st)
        st = open_chunk(l, s, &c);
    if (!st && r->o->backend == COSIM_CYCLE) {
        s->all = grown(s->all, &s->all_room, g->n * g->positions * s->lanes * sizeof *s->all);
        if (!s->all)
            st = fail(AXM_ENV, "cosim: out of memory for %s", g->node->name);
    }
    for (size_t group = 0; group < g->groups && !st; group++)
        st = run_group(r, w, s, group, &c, &cycles);
    /* Each lane is an array of its own: the cycles are those of every image. */
    uint64_t values = w->images * g->positions * g->n * g->groups;
    cosim_count(r, w, &(struct array_counters){ .busy = cycles * w->images }, values, values);
    return st;
}
