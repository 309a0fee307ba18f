/* Error metrics.
 *
 * Sums are kept per block of pairs and added in the order of the blocks, so a
 * result is the same to the last bit for any number of threads and any CPU:
 * sums of e, |e| and e^2 are exact integers, and those of relative errors run
 * in eight explicit lanes, which is also what lets them vectorise. */
#include "cmodel/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "cmodel/pairs.h"
#include "cmodel/vector.h"

enum { BLOCK = 1024, LANES = 8 };

typedef unsigned __int128 u128;

/* --- sums ------------------------------------------------------------------- */

/* Compensated (Neumaier 1974): as good as if summed in twice the precision. */
struct real {
    double sum, rest;
};

static void real_add(struct real *to, double x)
{
    double sum = to->sum + x;
    to->rest += fabs(to->sum) >= fabs(x) ? to->sum - sum + x : x - sum + to->sum;
    to->sum = sum;
}

static double real_value(struct real x)
{
    return x.sum + x.rest;
}

/* 192 bits: sums of e^2 with e of up to 64. */
struct wide {
    u128 low;
    uint64_t high;
};

static void wide_add(struct wide *to, struct wide x)
{
    to->low += x.low;
    to->high += x.high + (to->low < x.low);
}

static double wide_value(struct wide x)
{
    return ldexp((double)x.high, 128) + (double)x.low;
}

struct sums {
    uint64_t pairs, errors, zero_pairs, zero_errors;
    u128 abs;                   /* sum |e| */
    __int128 e;                 /* sum e */
    struct wide square;         /* sum e^2 */
    struct real fourth;         /* sum e^4 */
    struct real relative, relative_square;
    double relative_max;
    uint64_t worst, worst_a, worst_b;
};

/* Of equal worst pairs the one that came first stays. */
static void sums_add(struct sums *to, const struct sums *s)
{
    if (s->worst > to->worst) {
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
    wide_add(&to->square, s->square);
    struct real *const sum[] = { &to->fourth, &to->relative, &to->relative_square };
    const struct real x[] = { s->fourth, s->relative, s->relative_square };
    for (int i = 0; i < 3; i++) {
        real_add(sum[i], x[i].sum);
        real_add(sum[i], x[i].rest);
    }
    to->relative_max = fmax(to->relative_max, s->relative_max);
}

/* --- one block ----------------------------------------------------------------- */

/* Operand pairs with both products as patterns, and room for |e| and |exact|. */
struct block {
    struct axm_spec shape;      /* widths and sign */
    size_t n;
    uint32_t a[BLOCK], b[BLOCK];
    uint64_t approximate[BLOCK], exact[BLOCK];
    double abs[BLOCK], magnitude[BLOCK];
};

/* Adds what is summed in floating point, from abs and magnitude. */
VECTOR_CLONES
static void add_reals(struct sums *s, struct block *k)
{
    double relative[LANES] = { 0 }, square[LANES] = { 0 }, fourth[LANES] = { 0 }, top[LANES] = { 0 };
    for (size_t i = k->n; i % LANES; i++)
        k->abs[i] = k->magnitude[i] = 0;
    for (size_t i = 0; i < k->n; i += LANES)
        for (int j = 0; j < LANES; j++) {
            double e = k->abs[i + j], m = k->magnitude[i + j];
            double r = (m == 0 ? 0 : e) / (m == 0 ? 1 : m), q = e * e;
            relative[j] += r;
            square[j] += r * r;
            fourth[j] += q * q;
            top[j] = r > top[j] ? r : top[j];
        }
    for (int j = 0; j < LANES; j++) {
        real_add(&s->relative, relative[j]);
        real_add(&s->relative_square, square[j]);
        real_add(&s->fourth, fourth[j]);
        s->relative_max = fmax(s->relative_max, top[j]);
    }
}

/* An integer below 2^52, by its bits: the conversion that every CPU can vectorise. */
ALWAYS_INLINE double lane_double(uint64_t x)
{
    double d;
    x |= UINT64_C(0x4330000000000000);   /* 2^52 + x */
    memcpy(&d, &x, sizeof d);
    return d - 0x1p52;
}

/* Products of at most 32 bits: |e| < 2^32. */
VECTOR_CLONES
static void add_narrow(struct sums *s, struct block *k)
{
    int width = axm_spec_product_width(&k->shape);
    uint64_t sign = k->shape.is_signed ? UINT64_C(1) << (width - 1) : 0;
    uint64_t abs = 0, square_low = 0, square_high = 0, errors = 0, zeros = 0, zero_errors = 0, worst = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < k->n; i++) {
        int64_t exact = (int64_t)((k->exact[i] ^ sign) - sign);
        int64_t e = (int64_t)((k->approximate[i] ^ sign) - sign) - exact;
        uint64_t m = (uint64_t)(e < 0 ? -e : e), square = (uint64_t)(uint32_t)m * (uint32_t)m;
        sum += e;
        abs += m;
        square_low += square & UINT32_MAX;
        square_high += square >> 32;
        errors += e != 0;
        zeros += exact == 0;
        zero_errors += exact == 0 && e != 0;
        worst = m > worst ? m : worst;
        k->abs[i] = lane_double(m);
        k->magnitude[i] = lane_double((uint64_t)(exact < 0 ? -exact : exact));
    }
    s->errors = errors;
    s->zero_pairs = zeros;
    s->zero_errors = zero_errors;
    s->abs = abs;
    s->e = sum;
    s->square.low = ((u128)square_high << 32) + square_low;
    s->worst = worst;
    size_t i = 0;
    while (k->abs[i] != (double)worst)
        i++;
    s->worst_a = k->a[i];
    s->worst_b = k->b[i];
}

/* The value of a pattern, up to 64 bits of either sign. */
static __int128 product_value(const struct axm_spec *shape, uint64_t pattern)
{
    int width = axm_spec_product_width(shape);
    return shape->is_signed ? (__int128)axm_sign_extend(pattern, width) : (__int128)pattern;
}

/* Products of any width. */
static void add_any(struct sums *s, struct block *k)
{
    for (size_t i = 0; i < k->n; i++) {
        __int128 exact = product_value(&k->shape, k->exact[i]);
        __int128 e = product_value(&k->shape, k->approximate[i]) - exact;
        uint64_t m = (uint64_t)(e < 0 ? -e : e);
        s->errors += e != 0;
        s->zero_pairs += exact == 0;
        s->zero_errors += exact == 0 && e != 0;
        s->abs += m;
        s->e += e;
        wide_add(&s->square, (struct wide){ .low = (u128)m * m });
        if (m > s->worst) {
            s->worst = m;
            s->worst_a = k->a[i];
            s->worst_b = k->b[i];
        }
        k->abs[i] = (double)m;
        k->magnitude[i] = (double)(exact < 0 ? -exact : exact);
    }
}

/* Operands and approximate products are there. */
static void block_add(struct sums *to, struct block *k)
{
    struct sums s = { .pairs = k->n };
    product_many(&k->shape, UINT32_MAX, UINT32_MAX, k->a, k->b, k->exact, k->n);
    if (axm_spec_product_width(&k->shape) <= 32)
        add_narrow(&s, k);
    else
        add_any(&s, k);
    add_reals(&s, k);
    sums_add(to, &s);
}

/* --- from sums to figures --------------------------------------------------------- */

static const double z95 = 1.959964;   /* of the normal distribution */

/* A mean of n values with the given mean square. */
static struct axm_figure mean(double value, double square, double n, bool exhaustive)
{
    double variance = fmax(square - value * value, 0);
    return (struct axm_figure){ value, exhaustive ? 0 : z95 * sqrt(variance / n) };
}

/* A proportion, with the farther end of Wilson's interval (1927), which is not
 * empty when no error or nothing but errors were seen. */
static struct axm_figure proportion(double share, double n, bool exhaustive)
{
    double z2 = z95 * z95, centre = (share + z2 / (2 * n)) / (1 + z2 / n);
    double half = z95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n));
    return (struct axm_figure){ share, exhaustive ? 0 : fabs(centre - share) + half };
}

static struct axm_figure scaled(struct axm_figure f, double by)
{
    return (struct axm_figure){ f.value * by, f.ci95 * by };
}

static double largest_product(const struct axm_spec *shape)
{
    if (shape->is_signed)
        return ldexp(1, axm_spec_product_width(shape) - 2);
    return (ldexp(1, shape->width_a) - 1) * (ldexp(1, shape->width_b) - 1);
}

static void finish(const struct sums *s, const struct axm_spec *shape, bool exhaustive,
                   struct axm_metrics *out)
{
    double n = (double)s->pairs, nonzero = fmax((double)(s->pairs - s->zero_pairs), 1);
    double range = ldexp(1, axm_spec_product_width(shape)), square = wide_value(s->square) / n;
    double relative = real_value(s->relative) / nonzero;
    double relative_square = real_value(s->relative_square) / nonzero;
    *out = (struct axm_metrics){
        .exhaustive = exhaustive,
        .pairs = s->pairs,
        .mae = mean((double)s->abs / n, square, n, exhaustive),
        .mse = mean(square, real_value(s->fourth) / n, n, exhaustive),
        .bias = mean((double)s->e / n, square, n, exhaustive),
        .ep_percent = scaled(proportion((double)s->errors / n, n, exhaustive), 100),
        .mre_percent = scaled(mean(relative, relative_square, nonzero, exhaustive), 100),
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
    out->nmed = scaled(out->mae, 1 / largest_product(shape));
}

/* --- of a table --------------------------------------------------------------------- */

enum axm_status axm_metrics_from_lut(const struct axm_lut *l, struct axm_metrics *out)
{
    struct sums s = { 0 };
    struct block k = { .shape = { .width_a = l->width_a, .width_b = l->width_b, .is_signed = l->is_signed } };
    uint64_t pairs = UINT64_C(1) << (l->width_a + l->width_b), mask = pairs - 1;
    for (uint64_t first = 0; first < pairs; first += BLOCK) {
        k.n = pairs - first < BLOCK ? (size_t)(pairs - first) : BLOCK;
        pairs_enumerate(l->width_b, first, k.a, k.b, k.n);
        for (size_t i = 0; i < k.n; i++)
            k.approximate[i] = (uint64_t)l->value[first + i] & mask;
        block_add(&s, &k);
    }
    finish(&s, &k.shape, true, out);
    out->entropy_bits = axm_entropy_from_lut(l);
    return isnan(out->entropy_bits) ? fail(AXM_ENV, "metrics: out of memory") : AXM_OK;
}

/* --- all pairs, or a sample, on all threads ------------------------------------------ */

enum { ITEM_BLOCKS = 256, GROUP = 16384 };   /* blocks of an item, items of a loop */
#define ITEM_PAIRS ((uint64_t)BLOCK * ITEM_BLOCKS)

struct job {
    const struct axm_mul *mul;
    bool exhaustive;
    uint64_t pairs, seed;
    uint64_t first_item;
    struct sums *sums;          /* of each item of the group */
    struct progress *progress;
};

static enum axm_status run_item(void *ctx, size_t i, int worker)
{
    struct job *j = ctx;
    const struct axm_mul *m = j->mul;
    struct block k = { .shape = { .width_a = axm_mul_width_a(m), .width_b = axm_mul_width_b(m),
                                  .is_signed = axm_mul_signed(m) } };
    uint64_t item = j->first_item + i, first = item * ITEM_PAIRS;
    uint64_t end = j->pairs - first < ITEM_PAIRS ? j->pairs : first + ITEM_PAIRS;
    struct sums sums = { 0 };
    struct rng r;
    (void)worker;
    rng_init(&r, j->seed, item);
    for (uint64_t at = first; at < end; at += BLOCK) {
        k.n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        if (j->exhaustive) {
            pairs_enumerate(k.shape.width_b, at, k.a, k.b, k.n);
        } else {
            for (size_t n = 0; n < k.n; n++) {
                uint64_t x = rng_next(&r);
                k.a[n] = (uint32_t)(x & axm_mask(k.shape.width_a));
                k.b[n] = (uint32_t)(x >> 32 & axm_mask(k.shape.width_b));
            }
        }
        axm_eval_many(m, k.a, k.b, k.approximate, k.n);
        block_add(&sums, &k);
    }
    j->sums[i] = sums;
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
    j.sums = malloc(GROUP * sizeof *j.sums);
    if (!j.sums)
        return fail(AXM_ENV, "%s: out of memory", axm_mul_name(m));
    j.progress = progress_begin(axm_mul_name(m), j.pairs);
    uint64_t items = j.pairs / ITEM_PAIRS + (j.pairs % ITEM_PAIRS != 0);
    struct sums all = { 0 };
    enum axm_status st = AXM_OK;
    for (; j.first_item < items && st == AXM_OK; j.first_item += GROUP) {
        size_t n = items - j.first_item < GROUP ? (size_t)(items - j.first_item) : GROUP;
        st = pool_run(n, run_item, &j);
        for (size_t i = 0; i < n && st == AXM_OK; i++)
            sums_add(&all, &j.sums[i]);
    }
    progress_end(j.progress);
    free(j.sums);
    if (st != AXM_OK)
        return st;
    struct axm_spec shape = { .width_a = axm_mul_width_a(m), .width_b = axm_mul_width_b(m),
                              .is_signed = axm_mul_signed(m) };
    struct axm_metrics x;
    finish(&all, &shape, j.exhaustive, &x);
    x.seed = o->seed;
    if (j.exhaustive && !o->no_entropy)
        st = axm_entropy(m, &x.entropy_bits);
    if (st == AXM_OK)
        *out = x;
    return st;
}
