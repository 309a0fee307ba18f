#include "cmodel/entropy.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
 * bytes that run over are listed.  Pairs are shared out to the threads; each
 * collects outputs by slice and counts a slice's batch under its lock, so that
 * the increments need not be atomic and can miss the cache in parallel.  (Longer
 * queues per slice, for several hits to a cache line, took as long.) */

enum { BLOCK = 1024, ITEM_BLOCKS = 256, BATCH = 256 };
#define ITEM_PAIRS ((uint64_t)BLOCK * ITEM_BLOCKS)

struct slice {
    pthread_mutex_t lock;
    uint32_t *wrapped;          /* outputs whose byte went from 255 to 0, once each time */
    size_t n, cap;
    struct counts counts;
};

struct batches {                /* of one worker */
    uint32_t *output;           /* [slice][BATCH], relative to the slice */
    uint32_t *n;                /* [slice] */
};

struct passes {
    const struct axm_mul *mul;
    int bits, pass_bits, slice_bits;
    uint64_t pass;
    uint8_t *counter;           /* [2^pass_bits] */
    struct slice *slice;        /* [2^(pass_bits - slice_bits)] */
    struct batches *batches;    /* [worker] */
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

static bool add_wrapped(struct slice *s, uint32_t output)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        uint32_t *more = realloc(s->wrapped, cap * sizeof *more);
        if (!more)
            return false;
        s->wrapped = more;
        s->cap = cap;
    }
    s->wrapped[s->n++] = output;
    return true;
}

static enum axm_status count_batch(struct passes *x, struct batches *b, size_t slice)
{
    struct slice *s = &x->slice[slice];
    uint8_t *counter = x->counter + (slice << x->slice_bits);
    const uint32_t *output = b->output + slice * BATCH;
    bool ok = true;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < b->n[slice]; i++)
        if (++counter[output[i]] == 0)
            ok &= add_wrapped(s, output[i]);
    pthread_mutex_unlock(&s->lock);
    b->n[slice] = 0;
    return ok ? AXM_OK : no_memory(x);
}

static enum axm_status count_item(void *ctx, size_t item, int worker)
{
    struct passes *x = ctx;
    struct batches *batches = &x->batches[worker];
    uint32_t a[BLOCK], b[BLOCK];
    uint64_t product[BLOCK], pairs = UINT64_C(1) << x->bits, first = item * ITEM_PAIRS;
    uint64_t end = first + ITEM_PAIRS < pairs ? first + ITEM_PAIRS : pairs;
    uint64_t base = x->pass << x->pass_bits, range = UINT64_C(1) << x->pass_bits;
    uint32_t in_slice = (uint32_t)axm_mask(x->slice_bits);
    enum axm_status st = AXM_OK;
    for (uint64_t at = first; at < end && st == AXM_OK; at += BLOCK) {
        size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        pairs_enumerate(axm_mul_width_b(x->mul), at, a, b, n);
        axm_eval_many(x->mul, a, b, product, n);
        for (size_t i = 0; i < n; i++) {
            uint64_t output = product[i] - base;
            if (output >= range)
                continue;
            size_t slice = output >> x->slice_bits;
            batches->output[slice * BATCH + batches->n[slice]++] = (uint32_t)output & in_slice;
            if (batches->n[slice] == BATCH && (st = count_batch(x, batches, slice)) != AXM_OK)
                break;
        }
    }
    progress_add(x->progress, end - first);
    return st;
}

static int by_output(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Item: a slice whose pass is complete; leaves it empty for the next. */
static enum axm_status finish_slice(void *ctx, size_t item, int worker)
{
    struct passes *x = ctx;
    struct slice *s = &x->slice[item];
    size_t size = (size_t)1 << x->slice_bits;
    uint8_t *counter = x->counter + (item << x->slice_bits);
    enum axm_status st = AXM_OK;
    (void)worker;
    for (int w = 0; w < pool_threads() && st == AXM_OK; w++)
        st = count_batch(x, &x->batches[w], item);
    for (size_t i = 0; i < size; i++)
        if (counter[i])
            s->counts.of[counter[i]]++;
    if (s->n)
        qsort(s->wrapped, s->n, sizeof *s->wrapped, by_output);
    for (size_t i = 0, run; i < s->n; i += run) {
        uint32_t output = s->wrapped[i];
        for (run = 1; i + run < s->n && s->wrapped[i + run] == output; run++)
            ;
        double count = (double)run * 256 + counter[output];
        s->counts.of[counter[output]]--;
        s->counts.large += count * log2(count);
    }
    s->n = 0;
    memset(counter, 0, size);
    return st;
}

static bool init(struct passes *x)
{
    size_t slices = slice_count(x), workers = (size_t)pool_threads(), size = (size_t)1 << x->pass_bits;
    x->counter = aligned_alloc(size < 4096 ? size : 4096, size);
    x->slice = calloc(slices, sizeof *x->slice);
    x->batches = calloc(workers, sizeof *x->batches);
    if (!x->counter || !x->slice || !x->batches)
        return false;
    madvise(x->counter, size, MADV_HUGEPAGE);   /* a hint, may be refused */
    memset(x->counter, 0, size);
    for (size_t s = 0; s < slices; s++)
        pthread_mutex_init(&x->slice[s].lock, NULL);
    for (size_t w = 0; w < workers; w++) {
        x->batches[w].output = malloc(slices * BATCH * sizeof(uint32_t));
        x->batches[w].n = calloc(slices, sizeof(uint32_t));
        if (!x->batches[w].output || !x->batches[w].n)
            return false;
    }
    return true;
}

static void release(struct passes *x)
{
    for (int w = 0; w < pool_threads() && x->batches; w++) {
        free(x->batches[w].output);
        free(x->batches[w].n);
    }
    for (size_t s = 0; s < slice_count(x) && x->slice; s++) {
        pthread_mutex_destroy(&x->slice[s].lock);
        free(x->slice[s].wrapped);
    }
    free(x->batches);
    free(x->slice);
    free(x->counter);
}

enum axm_status entropy_in_passes(const struct axm_mul *m, int pass_bits, int slice_bits, double *bits)
{
    struct passes x = { .mul = m, .bits = axm_mul_width_product(m) };
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
        double sum = 0;
        for (size_t s = 0; s < slice_count(&x); s++)
            sum += counts_sum(&x.slice[s].counts);
        *bits = x.bits - sum / (double)pairs;
    }
    release(&x);
    return st;
}

enum { PASS_BITS = 30, SLICE_BITS = 20 };   /* 1 GiB of counters; batches take 1 MiB a thread */

enum axm_status axm_entropy(const struct axm_mul *m, double *bits)
{
    int width = axm_mul_width_product(m);
    if (width > AXM_EXHAUSTIVE_BITS)
        return fail(AXM_USAGE, "%s: entropy is computed over all operand pairs, at most 2^%d, here 2^%d",
                    axm_mul_name(m), AXM_EXHAUSTIVE_BITS, width);
    return entropy_in_passes(m, PASS_BITS, SLICE_BITS, bits);
}
