/* Error metrics and output entropy.
 *
 * Sums are kept per block of pairs and added in the order of the blocks, so a
 * result is the same to the last bit for any number of threads and any CPU:
 * integers are exact, and the only floating-point sums (relative errors) go
 * into eight explicit lanes, which is also what lets them vectorise. */
#include "cmodel/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"

#ifdef __x86_64__
#define CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CPU_CLONES
#endif

enum { BLOCK = 4096, LANES = 8 };

typedef unsigned __int128 u128;

/* Sums over some pairs. */
struct sums {
    uint64_t pairs, errors, zero_pairs, zero_errors;
    u128 abs;                    /* sum |e| */
    __int128 e;                  /* sum e */
    long double square, fourth;  /* sums of e^2 and e^4; square is exact while it fits 64 bits a block */
    double relative, relative_square, relative_max;
    uint64_t worst, worst_a, worst_b;
};

static void add_sums(struct sums *to, const struct sums *s)
{
    if (s->worst > to->worst) {   /* blocks come in ascending order: the first stays */
        to->worst = s->worst;
        to->worst_a = s->worst_a;
        to->worst_b = s->worst_b;
    }
    to->pairs += s->pairs;
    to->errors += s->errors;
    to->zero_pairs += s->zero_pairs;
    to->zero_errors += s->zero_errors;
    to->abs += s->abs;
    to->e += s->e;
    to->square += s->square;
    to->fourth += s->fourth;
    to->relative += s->relative;
    to->relative_square += s->relative_square;
    if (s->relative_max > to->relative_max)
        to->relative_max = s->relative_max;
}

/* --- one block ----------------------------------------------------------------- */

/* Relative errors of n pairs, n a multiple of LANES: abs / magnitude where the
 * magnitude of the exact product is not 0. */
CPU_CLONES
static void add_relative(struct sums *s, const double *abs, const double *magnitude, size_t n)
{
    double sum[LANES] = { 0 }, square[LANES] = { 0 }, top[LANES] = { 0 };
    for (size_t i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            double m = magnitude[i + k], r = m == 0 ? 0 : abs[i + k] / (m == 0 ? 1 : m);
            sum[k] += r;
            square[k] += r * r;
            top[k] = r > top[k] ? r : top[k];
        }
    for (int k = 0; k < LANES; k++) {
        s->relative += sum[k];
        s->relative_square += square[k];
        if (top[k] > s->relative_max)
            s->relative_max = top[k];
    }
}

/* Pairs of any width: approximate and exact products as patterns. */
static void sum_block(struct sums *s, int width, bool is_signed, const uint32_t *a, const uint32_t *b,
                      const uint64_t *approximate, const uint64_t *exact, size_t n)
{
    double abs[BLOCK], magnitude[BLOCK];
    u128 square = 0;   /* of at most 2^12 pairs: fits while |e| < 2^57 */
    bool wide = width > 56;
    s->pairs += n;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = approximate[i], y = exact[i], e, m = y;
        bool negative;
        if (is_signed) {
            int64_t vx = axm_sign_extend(x, width), vy = axm_sign_extend(y, width);
            negative = vx < vy;
            e = negative ? (uint64_t)vy - (uint64_t)vx : (uint64_t)vx - (uint64_t)vy;
            m = vy < 0 ? -(uint64_t)vy : (uint64_t)vy;
        } else {
            negative = x < y;
            e = negative ? y - x : x - y;
        }
        if (e > s->worst) {
            s->worst = e;
            s->worst_a = a[i];
            s->worst_b = b[i];
        }
        s->errors += e != 0;
        s->zero_pairs += m == 0;
        s->zero_errors += m == 0 && e != 0;
        s->abs += e;
        s->e += negative ? -(__int128)e : (__int128)e;
        if (wide)
            s->square += (long double)e * (long double)e;
        else
            square += (u128)e * e;
        abs[i] = (double)e;
        magnitude[i] = (double)m;
        double q = abs[i] * abs[i];
        s->fourth += (long double)(q * q);
    }
    s->square += (long double)square;
    size_t padded = (n + LANES - 1) / LANES * LANES;
    for (size_t i = n; i < padded; i++)
        abs[i] = magnitude[i] = 0;
    add_relative(s, abs, magnitude, padded);
}

/* A row of a table: values of at most 24 bits, so that all of it vectorises. */
CPU_CLONES
static void sum_row(struct sums *s, const int32_t *row, int32_t a, const int32_t *b, size_t n, uint32_t pattern_a)
{
    double abs[BLOCK], magnitude[BLOCK];
    uint64_t sum_abs = 0, square = 0;   /* |e| <= 2^25, n <= 2^12: at most 2^62 */
    int64_t sum = 0;
    uint32_t errors = 0, zeros = 0, zero_errors = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t exact = a * b[i], e = row[i] - exact;
        uint32_t m = (uint32_t)(e < 0 ? -e : e);
        sum += e;
        sum_abs += m;
        square += (uint64_t)m * m;
        errors += e != 0;
        zeros += exact == 0;
        zero_errors += exact == 0 && e != 0;
        worst = m > worst ? m : worst;
        abs[i] = (double)(int32_t)m;
        magnitude[i] = (double)(exact < 0 ? -exact : exact);
    }
    s->pairs += n;
    s->errors += errors;
    s->zero_pairs += zeros;
    s->zero_errors += zero_errors;
    s->abs += sum_abs;
    s->e += sum;
    s->square += (long double)square;
    if (worst > s->worst) {
        size_t i = 0;
        while ((uint32_t)abs[i] != worst)
            i++;
        s->worst = worst;
        s->worst_a = pattern_a;
        s->worst_b = i;
    }
    for (size_t i = n; i % LANES; i++)
        abs[i] = magnitude[i] = 0;
    add_relative(s, abs, magnitude, (n + LANES - 1) / LANES * LANES);
}

/* --- from sums to figures --------------------------------------------------------- */

static struct axm_figure figure(double value, double deviation, double n, bool exhaustive)
{
    return (struct axm_figure){ value, exhaustive || n < 2 ? 0 : 1.96 * deviation / sqrt(n) };
}

static double deviation(long double square_sum, double mean, double n)
{
    double v = (double)(square_sum / n) - mean * mean;
    return v > 0 ? sqrt(v) : 0;
}

static struct axm_figure scaled(struct axm_figure f, double by)
{
    return (struct axm_figure){ f.value * by, f.ci95 * by };
}

static void finish(const struct sums *s, int width_a, int width_b, bool is_signed, bool exhaustive,
                   struct axm_metrics *out)
{
    int width = width_a + width_b;
    double n = (double)s->pairs, range = ldexp(1, width);
    double largest = is_signed ? ldexp(1, width - 2) : (ldexp(1, width_a) - 1) * (ldexp(1, width_b) - 1);
    double nonzero = (double)(s->pairs - s->zero_pairs), share = (double)s->errors / n;
    double mae = (double)((long double)s->abs / n), bias = (double)((long double)s->e / n);
    double mse = (double)(s->square / n), mre = nonzero > 0 ? s->relative / nonzero : 0;
    *out = (struct axm_metrics){
        .exhaustive = exhaustive,
        .pairs = s->pairs,
        .mae = figure(mae, deviation(s->square, mae, n), n, exhaustive),
        .mse = figure(mse, deviation(s->fourth, mse, n), n, exhaustive),
        .bias = figure(bias, deviation(s->square, bias, n), n, exhaustive),
        .ep_percent = scaled(figure(share, sqrt(share * (1 - share)), n, exhaustive), 100),
        .mre_percent = scaled(figure(mre, deviation(s->relative_square * n / nonzero, mre, n), nonzero, exhaustive), 100),
        .wce = (double)s->worst,
        .wce_percent = 100 * (double)s->worst / range,
        .wcre_percent = 100 * s->relative_max,
        .wce_a = s->worst_a,
        .wce_b = s->worst_b,
        .zero_pairs = s->zero_pairs,
        .zero_errors = s->zero_errors,
        .entropy_bits = NAN,
    };
    out->mae_percent = scaled(out->mae, 100 / range);
    out->nmed = scaled(out->mae, 1 / largest);
}

/* --- entropy ------------------------------------------------------------------ */

/* H = log2 N - sum c log2 c / N.  Few counts differ, so the logarithms are taken
 * once per count. */
struct counts {
    uint64_t of[4096];          /* how many outputs occur c times */
    double large;               /* sum c log2 c of the more frequent ones */
};

static void add_counts(struct counts *c, const uint32_t *histogram, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t h = histogram[i];
        if (h < 4096)
            c->of[h]++;
        else
            c->large += h * log2(h);
    }
}

static double counts_sum(const struct counts *c)
{
    double sum = c->large;
    for (int i = 2; i < 4096; i++)
        if (c->of[i])
            sum += (double)c->of[i] * i * log2(i);
    return sum;
}

double axm_entropy_from_lut(const struct axm_lut *l)
{
    int bits = l->width_a + l->width_b;
    size_t n = (size_t)1 << bits;
    struct counts c = { .large = 0 };
    uint32_t *histogram = calloc(n, sizeof *histogram);
    if (!histogram)
        return NAN;
    for (size_t i = 0; i < n; i++)
        histogram[(uint32_t)l->value[i] & (n - 1)]++;
    add_counts(&c, histogram, n);
    free(histogram);
    return bits - counts_sum(&c) / (double)n;
}

enum axm_status axm_metrics_from_lut(const struct axm_lut *l, struct axm_metrics *out)
{
    struct sums s = { 0 };
    size_t columns = (size_t)1 << l->width_b;
    int32_t *b = malloc(columns * sizeof *b);
    if (!b)
        return fail(AXM_ENV, "metrics: out of memory");
    for (size_t i = 0; i < columns; i++)
        b[i] = l->is_signed ? (int32_t)axm_sign_extend(i, l->width_b) : (int32_t)i;
    for (size_t a = 0; a < (size_t)1 << l->width_a; a++)
        for (size_t from = 0; from < columns; from += BLOCK) {
            size_t n = columns - from < BLOCK ? columns - from : BLOCK;
            struct sums block = { 0 };
            sum_row(&block, l->value + a * columns + from,
                    l->is_signed ? (int32_t)axm_sign_extend(a, l->width_a) : (int32_t)a, b + from, n, (uint32_t)a);
            block.worst_b += from;
            add_sums(&s, &block);
        }
    free(b);
    finish(&s, l->width_a, l->width_b, l->is_signed, true, out);
    out->entropy_bits = axm_entropy_from_lut(l);
    return isnan(out->entropy_bits) ? fail(AXM_ENV, "metrics: out of memory") : AXM_OK;
}

/* --- all pairs, or a sample, on all threads ------------------------------------------ */

enum { ITEM_BLOCKS = 64 };      /* blocks of one item of work */
#define ITEM_PAIRS ((uint64_t)BLOCK * ITEM_BLOCKS)

struct job {
    const struct axm_mul *mul;
    bool exhaustive;
    uint64_t pairs, seed;
    struct sums *sums;          /* per item */
    struct progress *progress;
};

CPU_CLONES
static void exact_products(int width_a, int width_b, bool is_signed, const uint32_t *a, const uint32_t *b,
                           uint64_t *product, size_t n)
{
    uint64_t mask = axm_mask(width_a + width_b);
    uint64_t sign_a = is_signed ? UINT64_C(1) << (width_a - 1) : 0, sign_b = is_signed ? UINT64_C(1) << (width_b - 1) : 0;
    for (size_t i = 0; i < n; i++)
        product[i] = ((a[i] ^ sign_a) - sign_a) * ((b[i] ^ sign_b) - sign_b) & mask;
}

/* Pairs first..first+n-1 of the enumeration: b runs fastest. */
static void enumerate(const struct axm_mul *m, uint64_t first, uint32_t *a, uint32_t *b, size_t n)
{
    int width_b = axm_mul_width_b(m);
    for (size_t i = 0; i < n; i++) {
        a[i] = (uint32_t)((first + i) >> width_b);
        b[i] = (uint32_t)((first + i) & axm_mask(width_b));
    }
}

static enum axm_status run_item(void *ctx, size_t item, int worker)
{
    struct job *j = ctx;
    const struct axm_mul *m = j->mul;
    int width_a = axm_mul_width_a(m), width_b = axm_mul_width_b(m);
    bool is_signed = axm_mul_signed(m);
    uint32_t a[BLOCK], b[BLOCK];
    uint64_t approximate[BLOCK], exact[BLOCK], first = item * ITEM_PAIRS;
    uint64_t end = first + ITEM_PAIRS < j->pairs ? first + ITEM_PAIRS : j->pairs;
    struct rng r;
    (void)worker;
    rng_init(&r, j->seed, item);
    for (uint64_t at = first; at < end; at += BLOCK) {
        size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        struct sums block = { 0 };
        if (j->exhaustive) {
            enumerate(m, at, a, b, n);
        } else {
            for (size_t i = 0; i < n; i++) {
                uint64_t x = rng_next(&r);
                a[i] = (uint32_t)(x & axm_mask(width_a));
                b[i] = (uint32_t)(x >> 32 & axm_mask(width_b));
            }
        }
        axm_eval_many(m, a, b, approximate, n);
        exact_products(width_a, width_b, is_signed, a, b, exact, n);
        sum_block(&block, width_a + width_b, is_signed, a, b, approximate, exact, n);
        add_sums(&j->sums[item], &block);
    }
    progress_add(j->progress, end - first);
    return AXM_OK;
}

#define SAMPLES_DEFAULT (UINT64_C(1) << 26)

enum axm_status axm_metrics_compute(const struct axm_mul *m, const struct axm_metrics_opts *o,
                                    struct axm_metrics *out)
{
    static const struct axm_metrics_opts defaults;
    int bits = axm_mul_width_product(m);
    struct job j = { .mul = m };
    if (!o)
        o = &defaults;
    j.exhaustive = !o->samples && bits <= AXM_EXHAUSTIVE_BITS;
    j.pairs = j.exhaustive ? UINT64_C(1) << bits : o->samples ? o->samples : SAMPLES_DEFAULT;
    j.seed = o->seed;
    size_t items = (size_t)((j.pairs + ITEM_PAIRS - 1) / ITEM_PAIRS);
    j.sums = calloc(items, sizeof *j.sums);
    if (!j.sums)
        return fail(AXM_ENV, "%s: out of memory", axm_mul_name(m));
    j.progress = progress_begin(axm_mul_name(m), j.pairs);
    enum axm_status st = pool_run(items, run_item, &j);
    progress_end(j.progress);
    if (st == AXM_OK) {
        struct sums all = { 0 };
        for (size_t i = 0; i < items; i++)
            add_sums(&all, &j.sums[i]);
        finish(&all, axm_mul_width_a(m), axm_mul_width_b(m), axm_mul_signed(m), j.exhaustive, out);
        out->seed = o->seed;
        if (j.exhaustive && !o->no_entropy)
            st = axm_entropy(m, &out->entropy_bits);
    }
    free(j.sums);
    return st;
}

/* --- entropy of more outputs than fit in memory ---------------------------------------- */

/* Each item owns a slice of the output range and counts it over all pairs. */
struct slices {
    const struct axm_mul *mul;
    int bits, slice_bits;
    uint32_t **histogram;       /* per worker */
    struct counts *counts;      /* per item */
    struct progress *progress;
};

static enum axm_status count_slice(void *ctx, size_t item, int worker)
{
    struct slices *x = ctx;
    uint32_t a[BLOCK], b[BLOCK], *h = x->histogram[worker];
    uint64_t product[BLOCK], pairs = UINT64_C(1) << x->bits, hits = 0;
    memset(h, 0, sizeof *h << x->slice_bits);
    for (uint64_t at = 0; at < pairs; at += BLOCK) {
        size_t n = pairs - at < BLOCK ? (size_t)(pairs - at) : BLOCK;
        enumerate(x->mul, at, a, b, n);
        axm_eval_many(x->mul, a, b, product, n);
        for (size_t i = 0; i < n; i++)
            if (product[i] >> x->slice_bits == item) {
                h[product[i] & axm_mask(x->slice_bits)]++;
                hits++;
            }
        if (at % (ITEM_PAIRS * 64) == 0) {
            if (progress_stop_requested())
                return AXM_STOPPED;
            progress_add(x->progress, ITEM_PAIRS * 64 < pairs ? ITEM_PAIRS * 64 : pairs);
        }
    }
    add_counts(&x->counts[item], h, (size_t)1 << x->slice_bits);
    /* A constant output occurs 2^32 times, which its counter shows as 0. */
    if (hits == UINT64_C(1) << 32 && counts_sum(&x->counts[item]) == 0)
        x->counts[item].large = 32 * ldexp(1, 32);
    return AXM_OK;
}

/* slice_bits: the table of a slice has 2^slice_bits counters a thread. */
enum axm_status entropy_sliced(const struct axm_mul *m, int slice_bits, double *out)
{
    int bits = axm_mul_width_product(m), workers = pool_threads();
    if (slice_bits > bits)
        slice_bits = bits;
    size_t items = (size_t)1 << (bits - slice_bits);
    struct slices x = { .mul = m, .bits = bits, .slice_bits = slice_bits };
    enum axm_status st = AXM_OK;
    x.histogram = calloc((size_t)workers, sizeof *x.histogram);
    x.counts = calloc(items, sizeof *x.counts);
    for (int w = 0; w < workers && x.histogram; w++)
        if (!(x.histogram[w] = malloc(sizeof **x.histogram << slice_bits)))
            st = AXM_ENV;
    if (!x.histogram || !x.counts || st != AXM_OK) {
        st = fail(AXM_ENV, "%s: out of memory for the histogram of its outputs", axm_mul_name(m));
    } else {
        x.progress = progress_begin("entropy", items << bits);
        st = pool_run(items, count_slice, &x);
        progress_end(x.progress);
    }
    if (st == AXM_OK) {
        double sum = 0;
        for (size_t i = 0; i < items; i++)
            sum += counts_sum(&x.counts[i]);
        *out = bits - sum / ldexp(1, bits);
    }
    for (int w = 0; w < workers && x.histogram; w++)
        free(x.histogram[w]);
    free(x.histogram);
    free(x.counts);
    return st;
}

enum { SLICE_BITS = 27 };       /* 512 MiB a thread */

enum axm_status axm_entropy(const struct axm_mul *m, double *bits)
{
    if (axm_mul_width_product(m) > AXM_EXHAUSTIVE_BITS)
        return fail(AXM_USAGE, "%s: entropy is computed over all operand pairs, at most 2^%d, here 2^%d",
                    axm_mul_name(m), AXM_EXHAUSTIVE_BITS, axm_mul_width_product(m));
    return entropy_sliced(m, SLICE_BITS, bits);
}
