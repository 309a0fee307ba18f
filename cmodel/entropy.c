#include "cmodel/entropy.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "cmodel/metrics.h"
#include "cmodel/pairs.h"

/* --- counts to bits --------------------------------------------------------- */

/* H = log2 N - sum c log2 c / N over the outputs' counts c.  Most counts are
 * small, so their logarithms are taken once per count, not per output. */
enum { SMALL = 256 };
struct counts {
    uint64_t of[SMALL];         /* how many outputs occur c times; [0] is not kept */
    double large;               /* sum c log2 c of those that occur more often */
};

static double counts_sum(const struct counts *c)
{
    double sum = c->large;
    for (int i = 2; i < SMALL; i++)
        if (c->of[i])
            sum += (double)c->of[i] * i * log2(i);
    return sum;
}

double axm_entropy_from_lut(const struct axm_lut *l)
{
    int bits = l->width_a + l->width_b;
    size_t n = (size_t)1 << bits;
    struct counts c = { .large = 0 };
    uint32_t *count = calloc(n, sizeof *count);
    if (!count)
        return NAN;
    for (size_t i = 0; i < n; i++)
        count[(uint32_t)l->value[i] & (n - 1)]++;
    for (size_t i = 0; i < n; i++) {
        if (count[i] >= SMALL)
            c.large += count[i] * log2(count[i]);
        else if (count[i])      /* most outputs never occur */
            c.of[count[i]]++;
    }
    free(count);
    return bits - counts_sum(&c) / (double)n;
}

/* --- in passes -------------------------------------------------------------- */
/* A counter of four bytes for each of 2^32 outputs would be 16 GiB.  Here a
 * pass over all pairs counts a part of the outputs, a byte each, and the few
 * bytes that run over are listed.
 *
 * Outputs come in no order that a cache likes: counting each where it falls
 * took 60 ns.  So a thread collects outputs by slice in small batches, a full
 * batch is appended to the slice's queue, and a full queue is counted at once,
 * in a slice that fits the cache, several hits to a cache line. */

enum { BLOCK = 1024, ITEM_BLOCKS = 256, BATCH = 64, QUEUE = 4096 };
#define ITEM_PAIRS ((uint64_t)BLOCK * ITEM_BLOCKS)

struct slice {
    pthread_mutex_t lock;
    uint32_t queued;
    uint16_t *wrapped;          /* outputs whose byte went from 255 to 0, once each time */
    size_t n, cap;
    double large;               /* as in counts */
};

struct batches {                /* of one worker; outputs relative to their slice */
    uint16_t *output;           /* [slice][BATCH] */
    uint8_t *n;                 /* [slice] */
};

struct passes {
    const struct axm_mul *mul;
    int bits, pass_bits, slice_bits, workers;
    uint64_t pass;
    uint8_t *counter;           /* [2^pass_bits] */
    struct slice *slice;        /* [2^(pass_bits - slice_bits)] */
    uint16_t *queue;            /* [slice][QUEUE] */
    struct batches *batches;    /* [worker] */
    pthread_mutex_t lock;       /* of counts */
    struct counts counts;       /* of all slices, but for large */
    struct progress *progress;
};

static size_t slice_count(const struct passes *x)
{
    return (size_t)1 << (x->pass_bits - x->slice_bits);
}

static enum axm_status no_memory(const struct passes *x)
{
    return fail(AXM_ENV, "%s: out of memory for counting its outputs", axm_mul_name(x->mul));
}

static bool add_wrapped(struct slice *s, uint16_t output)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        uint16_t *more = realloc(s->wrapped, cap * sizeof *more);
        if (!more)
            return false;
        s->wrapped = more;
        s->cap = cap;
    }
    s->wrapped[s->n++] = output;
    return true;
}

/* The slice is locked, or nobody else's. */
static enum axm_status count_queue(struct passes *x, size_t slice)
{
    struct slice *s = &x->slice[slice];
    const uint16_t *output = x->queue + slice * QUEUE;
    uint8_t *counter = x->counter + (slice << x->slice_bits);
    bool ok = true;
    for (uint32_t i = 0; i < s->queued; i++)
        if (++counter[output[i]] == 0)
            ok &= add_wrapped(s, output[i]);
    s->queued = 0;
    return ok ? AXM_OK : no_memory(x);
}

static enum axm_status queue_batch(struct passes *x, struct batches *b, size_t slice)
{
    struct slice *s = &x->slice[slice];
    enum axm_status st = AXM_OK;
    pthread_mutex_lock(&s->lock);
    memcpy(x->queue + slice * QUEUE + s->queued, b->output + slice * BATCH, b->n[slice] * sizeof *b->output);
    s->queued += b->n[slice];
    if (s->queued > QUEUE - BATCH)
        st = count_queue(x, slice);
    pthread_mutex_unlock(&s->lock);
    b->n[slice] = 0;
    return st;
}

static enum axm_status count_item(void *ctx, size_t item, int worker)
{
    struct passes *x = ctx;
    struct batches *batches = &x->batches[worker];
    uint32_t a[BLOCK], b[BLOCK];
    uint64_t product[BLOCK], pairs = UINT64_C(1) << x->bits, first = item * ITEM_PAIRS;
    uint64_t end = first + ITEM_PAIRS < pairs ? first + ITEM_PAIRS : pairs;
    uint64_t base = x->pass << x->pass_bits, range = UINT64_C(1) << x->pass_bits;
    uint64_t in_slice = axm_mask(x->slice_bits);
    enum axm_status st = AXM_OK;
    for (uint64_t at = first; at < end && st == AXM_OK; at += BLOCK) {
        size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        pairs_enumerate(axm_mul_width_b(x->mul), at, a, b, n);
        axm_eval_many(x->mul, a, b, product, n);
        for (size_t i = 0; i < n && st == AXM_OK; i++) {
            uint64_t output = product[i] - base;
            if (output >= range)
                continue;
            size_t slice = output >> x->slice_bits;
            batches->output[slice * BATCH + batches->n[slice]++] = (uint16_t)(output & in_slice);
            if (batches->n[slice] == BATCH)
                st = queue_batch(x, batches, slice);
        }
    }
    progress_add(x->progress, end - first);
    return st;
}

static int by_output(const void *a, const void *b)
{
    uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    return (x > y) - (x < y);
}

/* Item: a slice whose pass is complete; leaves it empty for the next. */
static enum axm_status finish_slice(void *ctx, size_t item, int worker)
{
    struct passes *x = ctx;
    struct slice *s = &x->slice[item];
    size_t size = (size_t)1 << x->slice_bits;
    uint8_t *counter = x->counter + (item << x->slice_bits);
    uint64_t of[SMALL] = { 0 };
    enum axm_status st = AXM_OK;
    (void)worker;
    for (int w = 0; w < x->workers && st == AXM_OK; w++)
        st = queue_batch(x, &x->batches[w], item);
    if (st == AXM_OK)
        st = count_queue(x, item);
    for (size_t i = 0; i < size; i++)
        if (counter[i])
            of[counter[i]]++;
    if (s->n)
        qsort(s->wrapped, s->n, sizeof *s->wrapped, by_output);
    for (size_t i = 0, run; i < s->n; i += run) {
        uint16_t output = s->wrapped[i];
        for (run = 1; i + run < s->n && s->wrapped[i + run] == output; run++)
            ;
        double count = (double)run * 256 + counter[output];
        of[counter[output]]--;
        s->large += count * log2(count);
    }
    s->n = 0;
    memset(counter, 0, size);
    pthread_mutex_lock(&x->lock);
    for (int i = 1; i < SMALL; i++)
        x->counts.of[i] += of[i];
    pthread_mutex_unlock(&x->lock);
    return st;
}

static bool init(struct passes *x)
{
    size_t slices = slice_count(x), size = (size_t)1 << x->pass_bits;
    pthread_mutex_init(&x->lock, NULL);
    x->workers = pool_threads();
    x->counter = calloc(size, 1);
    x->queue = malloc(slices * QUEUE * sizeof *x->queue);
    x->slice = calloc(slices, sizeof *x->slice);
    x->batches = calloc((size_t)x->workers, sizeof *x->batches);
    for (size_t s = 0; s < slices && x->slice; s++)
        pthread_mutex_init(&x->slice[s].lock, NULL);
    if (!x->counter || !x->queue || !x->slice || !x->batches)
        return false;
    for (int w = 0; w < x->workers; w++) {
        x->batches[w].output = malloc(slices * BATCH * sizeof *x->batches[w].output);
        x->batches[w].n = calloc(slices, sizeof *x->batches[w].n);
        if (!x->batches[w].output || !x->batches[w].n)
            return false;
    }
    return true;
}

static void release(struct passes *x)
{
    for (int w = 0; w < x->workers && x->batches; w++) {
        free(x->batches[w].output);
        free(x->batches[w].n);
    }
    for (size_t s = 0; s < slice_count(x) && x->slice; s++) {
        pthread_mutex_destroy(&x->slice[s].lock);
        free(x->slice[s].wrapped);
    }
    pthread_mutex_destroy(&x->lock);
    free(x->batches);
    free(x->slice);
    free(x->queue);
    free(x->counter);
}

enum axm_status entropy_in_passes(const struct axm_mul *m, int pass_bits, int slice_bits, double *bits)
{
    struct passes x = { .mul = m, .bits = axm_mul_width_product(m) };
    assert(slice_bits <= ENTROPY_SLICE_BITS_MAX);
    x.pass_bits = pass_bits < x.bits ? pass_bits : x.bits;
    x.slice_bits = slice_bits < x.pass_bits ? slice_bits : x.pass_bits;
    uint64_t passes = UINT64_C(1) << (x.bits - x.pass_bits), pairs = UINT64_C(1) << x.bits;
    enum axm_status st = init(&x) ? AXM_OK : no_memory(&x);
    if (st == AXM_OK) {
        x.progress = progress_begin("entropy", passes << x.bits);
        for (x.pass = 0; x.pass < passes && st == AXM_OK; x.pass++) {
            st = pool_run((size_t)((pairs + ITEM_PAIRS - 1) / ITEM_PAIRS), count_item, &x);
            if (st == AXM_OK)
                st = pool_run(slice_count(&x), finish_slice, &x);
        }
        progress_end(x.progress);
    }
    if (st == AXM_OK) {
        for (size_t s = 0; s < slice_count(&x); s++)
            x.counts.large += x.slice[s].large;
        *bits = x.bits - counts_sum(&x.counts) / (double)pairs;
    }
    release(&x);
    return st;
}

enum { PASS_BITS = 30 };   /* 1 GiB of counters, an eighth of that in queues */

enum axm_status axm_entropy(const struct axm_mul *m, double *bits)
{
    int width = axm_mul_width_product(m);
    if (width > AXM_EXHAUSTIVE_BITS)
        return fail(AXM_USAGE, "%s: entropy is computed over all operand pairs, at most 2^%d, here 2^%d",
                    axm_mul_name(m), AXM_EXHAUSTIVE_BITS, width);
    return entropy_in_passes(m, PASS_BITS, ENTROPY_SLICE_BITS_MAX, bits);
}
