/* Error metrics and entropy against their definitions, published figures and
 * closed forms. */
#include "tests/harness.h"

#include <math.h>
#include <signal.h>

#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "cmodel/entropy.h"
#include "cmodel/metrics.h"
#include "tests/capture.h"

static struct axm_mul *opened(const char *spec)
{
    struct axm_mul *m;
    CHECK(axm_mul_open(spec, &m) == AXM_OK, "%s", spec);
    return m;
}

static struct axm_metrics computed(const struct axm_mul *m, uint64_t samples, uint64_t seed)
{
    struct axm_metrics x;
    struct axm_metrics_opts o = { .samples = samples, .seed = seed };
    CHECK(axm_metrics_compute(m, &o, &x) == AXM_OK, "%s", axm_mul_name(m));
    return x;
}

/* By spec, from its table. */
static struct axm_metrics tabulated(const char *spec)
{
    struct axm_mul *m = opened(spec);
    struct axm_lut l;
    struct axm_metrics x;
    assert_int_equal(axm_lut_build(m, &l), AXM_OK);
    assert_int_equal(axm_metrics_from_lut(&l, &x), AXM_OK);
    axm_lut_release(&l);
    axm_mul_close(m);
    return x;
}

static void check_near(const char *what, double got, long double want, long double tolerance)
{
    CHECK(fabsl(got - want) <= tolerance * fabsl(want), "%s: got %.17g, want %.17Lg", what, got, want);
}

static void check_close(const char *what, double got, long double want)
{
    check_near(what, got, want, 1e-13L);
}

/* --- the definitions, as metrics.h words them ------------------------------------ */

struct definition {
    long double n, nonzero, abs, square, sum, relative, worst, worst_relative, largest, range;
    uint64_t errors, zero_pairs, zero_errors, worst_a, worst_b;
};

static void define_pair(struct definition *d, uint64_t a, uint64_t b, __int128 approximate, __int128 exact)
{
    long double e = (long double)(approximate - exact), x = (long double)exact;
    d->n++;
    d->abs += fabsl(e);
    d->square += e * e;
    d->sum += e;
    d->errors += e != 0;
    if (fabsl(e) > d->worst) {
        d->worst = fabsl(e);
        d->worst_a = a;
        d->worst_b = b;
    }
    if (exact == 0) {
        d->zero_pairs++;
        d->zero_errors += e != 0;
    } else {
        d->nonzero++;
        d->relative += fabsl(e) / fabsl(x);
        d->worst_relative = fmaxl(d->worst_relative, fabsl(e) / fabsl(x));
    }
}

static __int128 value_of(uint64_t pattern, int bits, bool is_signed)
{
    __int128 v = pattern;
    return is_signed && pattern >> (bits - 1) & 1 ? v - ((__int128)1 << bits) : v;
}

static void check_definition(const struct definition *d, const struct axm_metrics *x)
{
    check_close("pairs", (double)x->pairs, d->n);
    check_close("mae", x->mae.value, d->abs / d->n);
    check_close("mae %", x->mae_percent.value, 100 * d->abs / d->n / d->range);
    check_close("nmed", x->nmed.value, d->abs / d->n / d->largest);
    check_close("mse", x->mse.value, d->square / d->n);
    check_close("bias", x->bias.value, d->sum / d->n);
    check_close("ep %", x->ep_percent.value, 100.0L * d->errors / d->n);
    check_close("mre %", x->mre_percent.value, 100 * d->relative / d->nonzero);
    check_close("wce", x->wce, d->worst);
    check_close("wce %", x->wce_percent, 100 * d->worst / d->range);
    check_close("wcre %", x->wcre_percent, 100 * d->worst_relative);
    assert_int_equal(x->wce_a, d->worst_a);
    assert_int_equal(x->wce_b, d->worst_b);
    assert_int_equal(x->zero_pairs, d->zero_pairs);
    assert_int_equal(x->zero_errors, d->zero_errors);
}

static struct definition define_lut(const struct axm_lut *l)
{
    int wa = l->width_a, wb = l->width_b;
    struct definition d = { .range = ldexpl(1, wa + wb) };
    for (uint32_t a = 0; a < 1u << wa; a++)
        for (uint32_t b = 0; b < 1u << wb; b++) {
            __int128 exact = value_of(a, wa, l->is_signed) * value_of(b, wb, l->is_signed);
            d.largest = fmaxl(d.largest, fabsl((long double)exact));
            define_pair(&d, a, b, axm_lut_at(l, a, b), exact);
        }
    return d;
}

static double define_entropy(const struct axm_lut *l)
{
    size_t n = (size_t)1 << (l->width_a + l->width_b);
    long double h = 0;
    uint64_t *count = calloc(n, sizeof *count);
    assert_non_null(count);
    for (size_t i = 0; i < n; i++)
        count[(uint32_t)l->value[i] & (n - 1)]++;
    for (size_t i = 0; i < n; i++)
        if (count[i])
            h -= (long double)count[i] / n * log2l((long double)count[i] / n);
    free(count);
    return (double)h;
}

enum kind { RANDOM, NEARLY_EXACT, CONSTANT };

/* A table with values over all its range, with few errors, or all the same. */
static struct axm_lut some_lut(int width_a, int width_b, bool is_signed, enum kind kind)
{
    int bits = width_a + width_b;
    struct axm_lut l = { width_a, width_b, is_signed, malloc(sizeof *l.value << bits) };
    struct rng r;
    assert_non_null(l.value);
    rng_init(&r, 7, (uint64_t)(width_a * 32 + width_b));
    for (uint32_t i = 0; i < 1u << bits; i++) {
        uint64_t word = rng_next(&r), pattern = word & axm_mask(bits);
        if (kind == NEARLY_EXACT && word >> 60)
            pattern = (uint64_t)(value_of(i >> width_b, width_a, is_signed) *
                                 value_of(i & axm_mask(width_b), width_b, is_signed)) & axm_mask(bits);
        l.value[i] = kind == CONSTANT ? 1 : (int32_t)value_of(pattern, bits, is_signed);
    }
    return l;
}

static const struct shape { int a, b; bool is_signed; } shapes[] = {
    { 2, 2, false }, { 2, 2, true }, { 3, 5, false }, { 6, 2, true }, { 8, 8, false }, { 8, 8, true },
    { 10, 7, true }, { 2, 14, false }, { 13, 2, true },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

TEST(test_metrics__of_a_table_are_the_definitions)
{
    for (int i = 0; i < SHAPES; i++)
        for (enum kind k = RANDOM; k <= CONSTANT; k++) {
            struct axm_lut l = some_lut(shapes[i].a, shapes[i].b, shapes[i].is_signed, k);
            struct definition d = define_lut(&l);
            struct axm_metrics x;
            assert_int_equal(axm_metrics_from_lut(&l, &x), AXM_OK);
            assert_true(x.exhaustive && x.mae.ci95 == 0 && x.ep_percent.ci95 == 0);
            check_definition(&d, &x);
            CHECK(fabs(x.entropy_bits - define_entropy(&l)) < 1e-12, "%.17g", x.entropy_bits);
            axm_lut_release(&l);
        }
}

TEST(test_metrics__computed_without_a_table_are_the_definitions)
{
    for (int i = 0; i < SHAPES; i++)
        for (enum kind k = RANDOM; k <= CONSTANT; k++) {
            struct axm_lut l = some_lut(shapes[i].a, shapes[i].b, shapes[i].is_signed, k);
            struct definition d = define_lut(&l);
            struct axm_mul *m;
            assert_int_equal(axm_mul_open_lut("table", &l, &m), AXM_OK);
            struct axm_metrics x = computed(m, 0, 1);
            assert_true(x.exhaustive);
            check_definition(&d, &x);
            CHECK(fabs(x.entropy_bits - define_entropy(&l)) < 1e-12, "%.17g", x.entropy_bits);
            axm_mul_close(m);
            axm_lut_release(&l);
        }
}

/* 2 x 2 bits unsigned, all exact but 0 x 3 = 2 and 3 x 3 = 5, by hand: e = 2
 * and -4; 9 pairs are not zero. */
TEST(test_metrics__by_hand)
{
    int32_t value[16] = { 0, 0, 0, 2, 0, 1, 2, 3, 0, 2, 4, 6, 0, 3, 6, 5 };
    struct axm_lut l = { 2, 2, false, value };
    struct axm_metrics x;
    assert_int_equal(axm_metrics_from_lut(&l, &x), AXM_OK);
    assert_true(x.pairs == 16 && x.zero_pairs == 7 && x.zero_errors == 1);
    assert_true(x.mae.value == 6.0 / 16 && x.mae_percent.value == 100 * 6.0 / 256);
    assert_true(x.mse.value == 20.0 / 16 && x.bias.value == -2.0 / 16 && x.ep_percent.value == 12.5);
    assert_true(x.wce == 4 && x.wce_percent == 25 && x.wce_a == 3 && x.wce_b == 3);
    check_close("nmed", x.nmed.value, 6.0L / 16 / 9);
    check_close("mre", x.mre_percent.value, 100 * (4.0L / 9) / 9);
    check_close("wcre", x.wcre_percent, 100 * 4.0L / 9);
    /* 0 six times, 1 and 4 and 5 once, 2 three, 3 and 6 two times */
    long double h = 4 - (6 * log2l(6) + 3 * log2l(3) + 2 * 2) / 16;
    check_close("entropy", x.entropy_bits, h);
}

/* --- published figures ------------------------------------------------------------- */

/* ArithsGen's truncated and broken-array multipliers, as measured by others. */
TEST(test_metrics__of_published_truncated_and_broken_array)
{
    static const struct { const char *spec; double mae, wce; } published[] = {
        { "trunc8u_l2_m2", 380.25, 1521 }, { "trunc8u_l4_m4", 1856.25, 7425 },
        { "bam8u_h0_v4", 12.25, 49 },      { "bam8u_h2_v4", 196.25, 785 },
        { "bam8u_h4_v4", 956.25, 3825 },   { "bam8u_h4_v8", 1152.25, 4609 },
    };
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct axm_metrics x = tabulated(published[i].spec);
        CHECK(x.mae.value == published[i].mae && x.wce == published[i].wce, "%s: MAE %.17g, WCE %.17g",
              published[i].spec, x.mae.value, x.wce);
    }
}

/* Hashemi et al. 2015 print a mean relative error of 1.47 % for 16 bits and k = 6. */
TEST(test_metrics__of_published_drum)
{
    struct axm_mul *m = opened("DRUM6_16_u");
    struct axm_metrics x = computed(m, 1 << 20, 1);
    CHECK(fabs(x.mre_percent.value - 1.47) < 0.005 + x.mre_percent.ci95, "%g", x.mre_percent.value);
    axm_mul_close(m);
}

/* Shakibhamedan et al. 2024, Appendix A.3: 20 of the 21 entropies are ours in
 * all three decimals; SCDM8_84's 13.641 is an erratum for 13.554. */
TEST(test_metrics__published_entropies)
{
    FILE *f = fopen("tests/data/scdm8_multipliers.csv", "r");
    char line[256];
    int rows = 0;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f)) {
        int x, y;
        double printed;
        char spec[32] = "exact8s", want[16], got[16];
        if (sscanf(line, "%*d,%d,%d,%*f,%lf", &x, &y, &printed) == 3)
            snprintf(spec, sizeof spec, "scdm8s_x%d_y%d", x, y);
        else
            assert_int_equal(sscanf(line, "0,,,%*f,%lf", &printed), 1);
        snprintf(want, sizeof want, "%.3f", printed);
        if (!strcmp(spec, "scdm8s_x8_y4")) {
            assert_string_equal(want, "13.641");
            snprintf(want, sizeof want, "13.554");
        }
        snprintf(got, sizeof got, "%.3f", tabulated(spec).entropy_bits);
        CHECK(!strcmp(got, want), "%s: got %s, printed %s", spec, got, want);
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 21);
}

/* --- threads ------------------------------------------------------------------------- */

TEST(test_metrics__do_not_depend_on_the_number_of_threads)
{
    static const struct { const char *spec; uint64_t samples; } cases[] = {
        { "mitchell10u", 0 }, { "drum12x9s_k4", 0 },
        { "mitchell16s_t7", 1000003 }, { "trunc32u_l20_m9", 777777 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct axm_mul *m = opened(cases[i].spec);
        struct axm_metrics one, more;
        pool_set_threads(1);
        one = computed(m, cases[i].samples, 3);
        for (int threads = 2; threads <= 5; threads++) {
            pool_set_threads(threads);
            more = computed(m, cases[i].samples, 3);
            CHECK(!memcmp(&one.pairs, &more.pairs, sizeof one - offsetof(struct axm_metrics, pairs)),
                  "%s, %d threads", cases[i].spec, threads);
        }
        pool_set_threads(0);
        axm_mul_close(m);
    }
}

static int stopped_metrics(void *m)
{
    struct axm_metrics x = { .pairs = 42 };
    progress_catch_signals();
    raise(SIGINT);
    enum axm_status st = axm_metrics_compute(m, NULL, &x);
    return x.pairs == 42 ? (int)st : -1;
}

static int stopped_entropy(void *m)
{
    double bits;
    progress_catch_signals();
    raise(SIGINT);
    return (int)axm_entropy(m, &bits);
}

TEST(test_metrics__can_be_interrupted)
{
    struct axm_mul *m = opened("exact10u");
    assert_int_equal(in_child(stopped_metrics, m), AXM_STOPPED);
    assert_int_equal(in_child(stopped_entropy, m), AXM_STOPPED);
    axm_mul_close(m);
}

/* --- samples --------------------------------------------------------------------------- */

/* Sample number i, as metrics.h says it is drawn. */
static void sampled_pair(const struct axm_mul *m, struct rng *r, uint64_t seed, uint64_t i, uint64_t *a,
                         uint64_t *b)
{
    if (i % (1 << 18) == 0)
        rng_init(r, seed, i >> 18);
    uint64_t x = rng_next(r);
    *a = x & axm_mask(axm_mul_width_a(m));
    *b = x >> 32 & axm_mask(axm_mul_width_b(m));
}

TEST(test_metrics__of_a_sample_are_the_definitions)
{
    static const char *const specs[] = {
        "trunc32u_l30_m31", "trunc32s_l31_m30", "mitchell32u", "drum32x17s_k5", "trunc9u_l4_m3", "exact32s",
        "trunc17x16u_l16_m15",   /* errors of 33 bits */
        "trunc31x2u_c1",         /* many pairs with the worst */
        "drum17x16s_k5_oc1",     /* 0 x -5 = -1 */
    };
    const uint64_t samples = 300001, seed = 12;   /* more than one stream */
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        struct axm_mul *m = opened(specs[k]);
        int wa = axm_mul_width_a(m), wb = axm_mul_width_b(m);
        bool is_signed = axm_mul_signed(m);
        struct definition d = { .range = ldexpl(1, wa + wb) };
        d.largest = (ldexpl(1, wa - is_signed) - !is_signed) * (ldexpl(1, wb - is_signed) - !is_signed);
        struct rng r;
        for (uint64_t i = 0; i < samples; i++) {
            uint64_t a, b;
            sampled_pair(m, &r, seed, i, &a, &b);
            define_pair(&d, a, b, value_of(axm_eval(m, a, b), wa + wb, is_signed),
                        value_of(a, wa, is_signed) * value_of(b, wb, is_signed));
        }
        struct axm_metrics x = computed(m, samples, seed);
        assert_true(!x.exhaustive && x.seed == seed && isnan(x.entropy_bits));
        check_definition(&d, &x);
        axm_mul_close(m);
    }
}

/* Of many seeded samples about 95 % cover the exhaustive figure. */
TEST(test_metrics__confidence_intervals_cover)
{
    /* The relative errors of those that err at small products have too long a tail. */
    static const struct { const char *spec; int figures; } cases[] = {
        { "drum10u_k4", 7 }, { "mitchell10s", 7 }, { "scdm8s_x5_y2", 6 }, { "trunc10s_c8_const", 6 },
    };
    enum { SEEDS = 200, SAMPLES = 5000, FIGURES = 7, EP = 5 };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct axm_mul *m = opened(cases[k].spec);
        struct axm_metrics all = computed(m, 0, 0);
        const struct axm_figure want[FIGURES] = { all.mae, all.mae_percent, all.nmed, all.mse, all.bias,
                                                  all.ep_percent, all.mre_percent };
        int covered[FIGURES] = { 0 };
        for (int seed = 0; seed < SEEDS; seed++) {
            struct axm_metrics x = computed(m, SAMPLES, (uint64_t)seed);
            const struct axm_figure got[FIGURES] = { x.mae, x.mae_percent, x.nmed, x.mse, x.bias,
                                                     x.ep_percent, x.mre_percent };
            for (int i = 0; i < FIGURES; i++)
                covered[i] += fabs(got[i].value - want[i].value) <= got[i].ci95;
            assert_true(x.wce <= all.wce && x.wcre_percent <= all.wcre_percent);
        }
        /* 0.95 of 200 is 190, standard deviation 3.1; the interval of a share near 1 is on the safe side. */
        for (int i = 0; i < cases[k].figures; i++)
            CHECK(covered[i] >= 177 && (i == EP || covered[i] < SEEDS), "%s, figure %d: %d of %d",
                  cases[k].spec, i, covered[i], SEEDS);
        axm_mul_close(m);
    }
}

TEST(test_metrics__of_a_sample_without_errors_are_not_certain)
{
    struct axm_mul *m = opened("exact16u");
    struct axm_metrics x = computed(m, 1000, 1);
    assert_true(x.ep_percent.value == 0);
    check_near("Wilson's bound of 0 in 1000", x.ep_percent.ci95, 100 * 3.8415 / 1003.8415, 1e-4);
    assert_true(x.mae.value == 0 && x.mae.ci95 == 0);
    axm_mul_close(m);
}

/* Bias and MSE of DRUM over all 2^32 pairs: its product is r(a) r(b), so sums
 * of e and e^2 are products of sums over one operand. */
struct closed_form {
    double bias, mse;
};

static struct closed_form drum16_closed_form(int k)
{
    unsigned __int128 r1 = 0, r2 = 0, rx = 0, x1 = 0, x2 = 0;
    for (uint64_t x = 0; x < 65536; x++) {
        int t = 0;
        while (x >> t > 1)
            t++;
        uint64_t r = t < k ? x : (x >> (t - k + 1) | 1) << (t - k + 1);
        r1 += r;
        r2 += r * r;
        rx += r * x;
        x1 += x;
        x2 += x * x;
    }
    return (struct closed_form){ ldexp((double)(__int128)(r1 * r1 - x1 * x1), -32),
                                 ldexp((double)(r2 * r2 + x2 * x2 - 2 * rx * rx), -32) };
}

TEST(test_metrics__of_16_bit_drum_have_a_closed_form)
{
    struct closed_form want = drum16_closed_form(6);
    struct axm_mul *m = opened("drum16u_k6");
    struct axm_metrics x = computed(m, 1 << 20, 5);
    CHECK(fabs(x.bias.value - want.bias) <= x.bias.ci95, "bias %g +- %g, is %g", x.bias.value, x.bias.ci95,
          want.bias);
    CHECK(fabs(x.mse.value - want.mse) <= x.mse.ci95, "mse %g +- %g, is %g", x.mse.value, x.mse.ci95,
          want.mse);
    if (getenv("AXM_FULL")) {
        struct axm_metrics all;
        struct axm_metrics_opts o = { .no_entropy = true };
        assert_int_equal(axm_metrics_compute(m, &o, &all), AXM_OK);
        assert_true(all.exhaustive && all.pairs == UINT64_C(1) << 32 && isnan(all.entropy_bits));
        assert_true(all.bias.value == want.bias && all.mse.value == want.mse);
        CHECK(fabs(x.mae.value - all.mae.value) <= x.mae.ci95, "mae %g", x.mae.value);
        CHECK(fabs(x.mre_percent.value - all.mre_percent.value) <= x.mre_percent.ci95, "mre %g",
              x.mre_percent.value);
    }
    axm_mul_close(m);
}

/* --- entropy in passes ------------------------------------------------------------------- */

TEST(test_metrics__entropy_in_passes_is_that_of_the_table)
{
    static const struct { int pass, slice; } cut[] = {
        { 30, 20 }, { 13, 4 }, { 13, 13 }, { 5, 0 }, { 3, 2 },
    };
    for (int i = 0; i < SHAPES; i++)
        for (enum kind k = RANDOM; k <= CONSTANT; k++) {
            struct axm_lut l = some_lut(shapes[i].a, shapes[i].b, shapes[i].is_signed, k);
            struct axm_mul *m;
            double want = define_entropy(&l), bits;
            assert_int_equal(axm_mul_open_lut("table", &l, &m), AXM_OK);
            for (size_t c = 0; c < sizeof cut / sizeof *cut; c++) {
                if (shapes[i].a + shapes[i].b > cut[c].pass + 4)
                    continue;   /* more than 16 passes */
                assert_int_equal(entropy_in_passes(m, cut[c].pass, cut[c].slice, &bits), AXM_OK);
                CHECK(fabs(bits - want) < 1e-12, "%dx%d, %d in a pass, %d in a slice: %.17g, want %.17g",
                      shapes[i].a, shapes[i].b, cut[c].pass, cut[c].slice, bits, want);
            }
            axm_mul_close(m);
            axm_lut_release(&l);
        }
}

/* Most operands in the cut part: products occur 2^14 times and more, in bytes. */
TEST(test_metrics__entropy_of_frequent_outputs)
{
    struct axm_mul *m = opened("trunc12u_l9_m8");
    struct axm_mul *small = opened("exact3x4u");   /* its products, each 2^17 times as often */
    double bits, want;
    assert_int_equal(entropy_in_passes(m, 22, 16, &bits), AXM_OK);
    assert_int_equal(axm_entropy(small, &want), AXM_OK);
    CHECK(fabs(bits - want) < 1e-12, "%.17g, want %.17g", bits, want);
    axm_mul_close(m);
    axm_mul_close(small);
}

/* Counts about the limits of a byte. */
TEST(test_metrics__entropy_of_counts_that_fill_a_byte)
{
    static const int counts[] = { 254, 255, 256, 257, 511, 512, 513, 767 };
    static int32_t value[1 << 12];
    struct axm_lut l = { 6, 6, false, value };
    struct axm_mul *m;
    int at = 0;
    double bits;
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < counts[i]; k++)
            value[at++] = 7 * i;
    for (; at < 1 << 12; at++)
        value[at] = at;
    assert_int_equal(axm_mul_open_lut("table", &l, &m), AXM_OK);
    assert_int_equal(entropy_in_passes(m, 12, 6, &bits), AXM_OK);
    CHECK(fabs(bits - define_entropy(&l)) < 1e-12, "%.17g", bits);
    CHECK(fabs(axm_entropy_from_lut(&l) - define_entropy(&l)) < 1e-12, "%.17g", axm_entropy_from_lut(&l));
    axm_mul_close(m);
}

TEST(test_metrics__entropy_counts_what_every_thread_met)
{
    struct axm_mul *m = opened("mitchell12s");
    struct axm_lut l;
    double bits;
    assert_int_equal(axm_lut_build(m, &l), AXM_OK);
    pool_set_threads(4);
    assert_int_equal(entropy_in_passes(m, 24, 12, &bits), AXM_OK);
    pool_set_threads(0);
    CHECK(fabs(bits - define_entropy(&l)) < 1e-12, "%.17g, want %.17g", bits, define_entropy(&l));
    axm_lut_release(&l);
    axm_mul_close(m);
}

TEST(test_metrics__entropy_of_too_many_pairs_bad)
{
    struct axm_mul *m = opened("exact17x16u");
    struct capture c;
    double bits = 42;
    capture_begin(&c);
    enum axm_status st = axm_entropy(m, &bits);
    capture_end(&c);
    assert_int_equal(st, AXM_USAGE);
    assert_int_equal(c.messages, 1);
    assert_string_equal(c.line,
                        "exact17x16u: entropy is computed over all operand pairs, at most 2^32, here 2^33");
    assert_true(bits == 42);
    axm_mul_close(m);
}
