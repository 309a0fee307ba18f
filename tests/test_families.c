/* The behavioural models, against docs/families.md written out a second time:
 * bit by bit and column by column, in no hurry, sharing nothing with cmodel/. */
#include "tests/harness.h"

#include <inttypes.h>
#include <math.h>

#include "base/hash.h"
#include "base/rng.h"
#include "cmodel/mul.h"

typedef __int128 wide;
typedef unsigned __int128 uwide;

/* --- the definitions, literally ----------------------------------------------------- */

static wide power_of_2(int e)
{
    return (wide)1 << e;
}

static wide value_of(uint64_t pattern, int bits, bool is_signed)
{
    wide v = 0;
    for (int i = 0; i < bits; i++)
        if (pattern >> i & 1)
            v += is_signed && i == bits - 1 ? -power_of_2(i) : power_of_2(i);
    return v;
}

/* A number as a pattern of so many bits. */
static uint64_t pattern_of(wide value, int bits)
{
    return bits == 64 ? (uint64_t)value : (uint64_t)((uwide)value % (uwide)power_of_2(bits));
}

static uint64_t product_pattern(const struct axm_spec *s, wide value)
{
    return pattern_of(value, s->width_a + s->width_b);
}

static int param(const struct axm_spec *s, const char *key)
{
    return s->p[axm_param_find(s->family, key)];
}

/* Inverted where exactly one of j = n-1, i = m-1 holds, if signed. */
static bool is_inverted(const struct axm_spec *s, int j, int i)
{
    return s->is_signed && (j == s->width_a - 1) != (i == s->width_b - 1);
}

/* The cell of bit j of a and bit i of b. */
static int cell(const struct axm_spec *s, uint64_t a, uint64_t b, int j, int i)
{
    int product = (int)(a >> j & 1) * (int)(b >> i & 1);
    return is_inverted(s, j, i) ? 1 - product : product;
}

/* Bit c of the constant of the signed matrix. */
static int constant_bit(const struct axm_spec *s, int c)
{
    int n = s->width_a, m = s->width_b;
    if (!s->is_signed)
        return 0;
    if (n == m)
        return c == n || c == 2 * n - 1;
    return c == n - 1 || c == m - 1 || c == n + m - 1;
}

static uint64_t exact_defined(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return product_pattern(s, value_of(a, s->width_a, s->is_signed) * value_of(b, s->width_b, s->is_signed));
}

static uint64_t cdm_defined(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    int n = s->width_a;
    wide total = 0;
    for (int c = 0; c < n + s->width_b; c++)
        total += constant_bit(s, c) * power_of_2(c);
    for (int r = 0; r < s->width_b / 4; r++) {
        wide block = 0;
        for (int c = 0; c <= n + 2; c++) {
            int ones = 0;
            for (int i = 0; i < 4; i++)
                if (c - i >= 0 && c - i < n)
                    ones += cell(s, a, b, c - i, 4 * r + i);
            block += (c < s->p[r] ? ones % 2 : ones) * power_of_2(c);
        }
        for (int i = 0; i < r; i++)
            block *= 16;
        total += block;
    }
    return product_pattern(s, total);
}

/* x - x mod 2^l, of the value. */
static wide cut_low(wide x, int l)
{
    wide unit = power_of_2(l), rest = x % unit;
    return x - (rest < 0 ? rest + unit : rest);
}

static uint64_t trunc_defined(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    int n = s->width_a, m = s->width_b;
    if (s->form == 0)
        return product_pattern(s, cut_low(value_of(a, n, s->is_signed), param(s, "l")) *
                                      cut_low(value_of(b, m, s->is_signed), param(s, "m")));
    int c = param(s, "c");
    wide sum = 0, kept_as_compensation = 0, expected_quarters = 0;
    for (int column = 0; column < n + m; column++) {
        wide ones = constant_bit(s, column), quarters = 4 * constant_bit(s, column);
        for (int j = 0; j < n; j++) {
            int i = column - j;
            if (i < 0 || i >= m)
                continue;
            ones += cell(s, a, b, j, i);
            quarters += is_inverted(s, j, i) ? 3 : 1;
        }
        if (column >= c)
            sum += ones * power_of_2(column);
        else
            expected_quarters += quarters * power_of_2(column);
        if (column == c - 1)
            kept_as_compensation = ones * power_of_2(c);
    }
    switch (s->p[axm_param_find(s->family, "none")]) {
    case 1: {
        wide unit = 4 * power_of_2(c), units = expected_quarters / unit, rest = expected_quarters % unit;
        if (2 * rest >= unit)
            units++;
        return product_pattern(s, sum + units * power_of_2(c));
    }
    case 2:
        return product_pattern(s, sum + kept_as_compensation);
    default:
        return product_pattern(s, sum);
    }
}

static uint64_t bam_defined(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    int n = s->width_a, m = s->width_b, h = param(s, "h"), v = param(s, "v");
    wide sum = 0;
    for (int column = v; column < n + m; column++)
        sum += constant_bit(s, column) * power_of_2(column);
    for (int i = h; i < m; i++)
        for (int j = 0; j < n; j++)
            if (i + j >= v)
                sum += cell(s, a, b, j, i) * power_of_2(i + j);
    return product_pattern(s, sum);
}

static int top_bit(uint64_t x)
{
    int t = 0;
    for (int i = 0; i < 64; i++)
        if (x >> i & 1)
            t = i;
    return t;
}

static wide drum_operand(uint64_t x, int k)
{
    int t = top_bit(x);
    if (t < k)
        return x;
    wide kept = 0;
    for (int i = t - k + 1; i <= t; i++)
        if (x >> i & 1 || i == t - k + 1)
            kept += power_of_2(i);
    return kept;
}

/* An unsigned multiplier on the magnitudes, negated if the signs differ; all
 * negations as ~x = -x-1 if ones. */
static uint64_t sign_magnitude(const struct axm_spec *s, uint64_t a, uint64_t b, bool ones,
                               wide (*core)(const struct axm_spec *, uint64_t, uint64_t))
{
    wide x = value_of(a, s->width_a, s->is_signed), y = value_of(b, s->width_b, s->is_signed);
    wide p = core(s, (uint64_t)(x < 0 ? -x - ones : x), (uint64_t)(y < 0 ? -y - ones : y));
    return product_pattern(s, (x < 0) != (y < 0) ? -p - ones : p);
}

static wide drum_core(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return drum_operand(a, param(s, "k")) * drum_operand(b, param(s, "k"));
}

static uint64_t drum_defined(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return sign_magnitude(s, a, b, param(s, "oc"), drum_core);
}

/* floor(2^bits y) of a = 2^k (1 + y), by division. */
static wide fraction_floor(uint64_t a, int k, int bits)
{
    return ((wide)a - power_of_2(k)) * power_of_2(bits) / power_of_2(k);
}

/* Fractions of at most 32 bits and sums of 33 are exact in a double; so is
 * the floor of a power of two times one. */
static wide mitchell_core(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return 0;
    int k1 = top_bit(a), k2 = top_bit(b), t = param(s, "t");
    double x1 = floor(((double)a / exp2(k1) - 1) * exp2(t)) / exp2(t);
    double x2 = floor(((double)b / exp2(k2) - 1) * exp2(t)) / exp2(t);
    double p = x1 + x2 < 1 ? exp2(k1 + k2) * (1 + x1 + x2) : exp2(k1 + k2 + 1) * (x1 + x2);
    return (wide)(uint64_t)floor(p);
}

static uint64_t mitchell_defined(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return sign_magnitude(s, a, b, false, mitchell_core);
}

/* As a ratio of integers with the denominator 2^f. */
static wide tosam_core(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return 0;
    int k1 = top_bit(a), k2 = top_bit(b), h = param(s, "h"), t = param(s, "t");
    int f = 2 * h + 2 > t ? 2 * h + 2 : t;
    uwide numerator = (uwide)1 << f;
    numerator += (uwide)(fraction_floor(a, k1, t) + fraction_floor(b, k2, t)) << (f - t);
    uwide apx1 = 2 * fraction_floor(a, k1, h) + 1, apx2 = 2 * fraction_floor(b, k2, h) + 1;
    numerator += apx1 * apx2 << (f - 2 * h - 2);
    return numerator * (uwide)power_of_2(k1 + k2) / ((uwide)1 << f);
}

static uint64_t tosam_defined(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    return sign_magnitude(s, a, b, false, tosam_core);
}

typedef uint64_t defined_fn(const struct axm_spec *s, uint64_t a, uint64_t b);

static const struct { const char *family; defined_fn *fn; } definitions[] = {
    { "exact", exact_defined }, { "array", exact_defined }, { "wallace", exact_defined },
    { "dadda", exact_defined }, { "booth", exact_defined }, { "quaternary", exact_defined },
    { "cdm", cdm_defined }, { "scdm", cdm_defined }, { "cdmr", cdm_defined }, { "scdmr", cdm_defined },
    { "trunc", trunc_defined }, { "drum", drum_defined }, { "mitchell", mitchell_defined },
    { "bam", bam_defined }, { "tosam", tosam_defined },
};

/* The model itself for a family that is not in docs/families.md: its own test
 * says what it is, and the fast version is held to it here. */
static defined_fn *definition_of(const struct axm_family *f)
{
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++)
        if (!strcmp(definitions[i].family, f->name))
            return definitions[i].fn;
    return f->model;
}

TEST(test_families__every_definition_here_is_of_a_family)
{
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++)
        CHECK(axm_family_find(definitions[i].family), "%s", definitions[i].family);
}

/* --- comparing ------------------------------------------------------------------------ */

static void check_product(const struct axm_spec *s, uint64_t a, uint64_t b, const char *what, uint64_t got,
                          uint64_t want)
{
    if (got == want)
        return;
    char name[AXM_SPEC_MAX];
    axm_spec_print(s, name);
    CHECK(false, "%s: %s(0x%" PRIx64 ", 0x%" PRIx64 ") is 0x%" PRIx64 ", want 0x%" PRIx64, name, what, a, b,
          got, want);
}

/* A model, and its fast version if given room for the products, on n pairs. */
static void check_pairs(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, size_t n,
                        defined_fn *want)
{
    static uint64_t many[1 << 16];
    assert_true(n <= sizeof many / sizeof *many);
    if (s->family->many)
        s->family->many(s, a, b, many, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t w = want(s, a[i], b[i]);
        check_product(s, a[i], b[i], "model", s->family->model(s, a[i], b[i]), w);
        if (s->family->many)
            check_product(s, a[i], b[i], "many", many[i], w);
    }
}

static uint32_t all_a[1 << 16], all_b[1 << 16];

/* Every operand pair of these widths into all_a, all_b. */
static size_t every_pair(int width_a, int width_b)
{
    size_t n = 0;
    for (uint32_t x = 0; x < 1u << width_a; x++)
        for (uint32_t y = 0; y < 1u << width_b; y++, n++) {
            all_a[n] = x;
            all_b[n] = y;
        }
    return n;
}

TEST(test_families__every_small_member_is_as_defined)
{
    for (int n = 2; n <= 6; n++)
        for (int m = 2; m <= 6; m++) {
            size_t pairs = every_pair(n, m);
            for (const struct axm_family *f = axm_families; f->name; f++)
                for (int sign = 0; sign < 2; sign++) {
                    struct axm_spec_iter it = { 0 };
                    while (axm_spec_next(&it, f, n, m, sign))
                        check_pairs(&it.spec, all_a, all_b, pairs, definition_of(f));
                }
        }
}

TEST(test_families__port_values_past_the_last_column_are_as_defined)
{
    static const char *const specs[] = { "cdmr4u", "scdmr4s", "cdmr6x4u", "scdmr2x4s", "scdmr5x8s" };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct axm_spec s;
        assert_int_equal(axm_spec_parse(specs[i], &s), AXM_OK);
        size_t pairs = every_pair(s.width_a, s.width_b);
        for (s.p[0] = 0; s.p[0] < 16; s.p[0]++) {
            s.p[1] = s.width_b == 8 ? 15 - s.p[0] : 0;
            check_pairs(&s, all_a, all_b, pairs, cdm_defined);
        }
    }
}

/* A member of the family with random widths up to 32 bits and parameters. */
static struct axm_spec random_spec(struct rng *r, const struct axm_family *f)
{
    struct axm_spec_iter it = { 0 };
    bool found;
    do {
        it.started = false;
        found = axm_spec_next(&it, f, 2 + (int)rng_below(r, 31), 2 + (int)rng_below(r, 31), rng_below(r, 2));
    } while (!found);
    struct axm_spec s = it.spec;
    s.form = f->n_forms ? (int)rng_below(r, f->n_forms) : 0;
    for (int i = 0; i < AXM_PARAMS; i++) {
        int lo = 0, hi = 0;
        if (axm_param_exists(&s, i))
            axm_param_range(&s, i, &lo, &hi);
        s.p[i] = lo + (int)rng_below(r, hi - lo + 1);
    }
    return s;
}

/* Operands of every magnitude, the extremes among them. */
static uint32_t random_operand(struct rng *r, int bits)
{
    switch (rng_below(r, 8)) {
    case 0: return 0;
    case 1: return UINT32_C(1) << (bits - 1);
    case 2: return (uint32_t)axm_mask(bits);
    case 3: return (uint32_t)axm_mask(bits) >> 1;
    case 4: return (uint32_t)(rng_next(r) & axm_mask(bits) & axm_mask(1 + (int)rng_below(r, bits)));
    default: return (uint32_t)(rng_next(r) & axm_mask(bits));
    }
}

TEST(test_families__wide_members_are_as_defined)
{
    enum { SEED = 1, MEMBERS = 300, PAIRS = 300 };   /* 300: past a chunk of the fast versions */
    for (const struct axm_family *f = axm_families; f->name; f++) {
        struct rng r;
        rng_init(&r, SEED, axm_family_index(f));
        for (int k = 0; k < MEMBERS; k++) {
            struct axm_spec s = random_spec(&r, f);
            for (int i = 0; i < PAIRS; i++) {
                all_a[i] = random_operand(&r, s.width_a);
                all_b[i] = random_operand(&r, s.width_b);
            }
            check_pairs(&s, all_a, all_b, PAIRS, definition_of(f));
        }
    }
}

TEST(test_families__fast_version_equals_the_model_on_every_8_bit_pair)
{
    static uint64_t many[1 << 16];
    size_t pairs = every_pair(8, 8);
    for (const struct axm_family *f = axm_families; f->name; f++)
        for (int sign = 0; sign < 2; sign++) {
            struct axm_spec_iter it = { 0 };
            while (f->many && axm_spec_next(&it, f, 8, 8, sign)) {
                f->many(&it.spec, all_a, all_b, many, pairs);
                for (size_t i = 0; i < pairs; i++)
                    if (many[i] != f->model(&it.spec, all_a[i], all_b[i]))
                        check_product(&it.spec, all_a[i], all_b[i], "many", many[i],
                                      f->model(&it.spec, all_a[i], all_b[i]));
            }
        }
}

TEST(test_families__fast_version_ignores_bits_above_the_widths)
{
    struct rng r;
    rng_init(&r, 2, 0);
    for (const struct axm_family *f = axm_families; f->name; f++)
        for (int k = 0; f->many && k < 100; k++) {
            struct axm_spec s = random_spec(&r, f);
            uint32_t a = (uint32_t)rng_next(&r), b = (uint32_t)rng_next(&r);
            uint32_t in_a = a & (uint32_t)axm_mask(s.width_a), in_b = b & (uint32_t)axm_mask(s.width_b);
            uint64_t got;
            f->many(&s, &a, &b, &got, 1);
            check_product(&s, a, b, "many", got, f->model(&s, in_a, in_b));
        }
}

/* --- published figures ------------------------------------------------------------------- */

static struct axm_spec parsed(const char *text)
{
    struct axm_spec s;
    CHECK(axm_spec_parse(text, &s) == AXM_OK, "%s", text);
    return s;
}

/* Product of values, as a value; 8 bits. */
static int64_t product8(const struct axm_spec *s, int a, int b)
{
    uint64_t p = s->family->model(s, (uint64_t)a & 255, (uint64_t)b & 255);
    return s->is_signed ? axm_sign_extend(p, 16) : (int64_t)p;
}

TEST(test_families__all_published_scdm8_tables_hash_as_published)
{
    FILE *f = fopen("tests/data/scdm8_tables.sha256", "r");
    assert_non_null(f);
    char hash[65], name[32];
    int tables = 0;
    while (fscanf(f, "%64s %31s", hash, name) == 2) {
        struct axm_spec s = parsed(name);
        static unsigned char table[2 << 16];
        size_t n = 0;
        for (int a = -128; a < 128; a++)
            for (int b = -128; b < 128; b++) {
                int64_t p = product8(&s, a, b);
                table[n++] = (unsigned char)(p & 255);
                table[n++] = (unsigned char)(p >> 8 & 255);
            }
        CHECK(!strcmp(sha256_bytes(table, n).s, hash), "%s", name);
        tables++;
    }
    fclose(f);
    assert_int_equal(tables, 20);
}

/* Mean and largest absolute error over all 8-bit unsigned pairs, as published
 * with the circuits of ArithsGen (Klhufek and Mrazek 2022). */
TEST(test_families__truncated_and_broken_array_errors_are_as_published)
{
    static const struct { const char *spec; double mae; int64_t wce; } published[] = {
        { "trunc8u_l2_m2", 380.25, 1521 }, { "trunc8u_l4_m4", 1856.25, 7425 },
        { "bam8u_h0_v4", 12.25, 49 },      { "bam8u_h2_v4", 196.25, 785 },
        { "bam8u_h4_v4", 956.25, 3825 },   { "bam8u_h4_v8", 1152.25, 4609 },
    };
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct axm_spec s = parsed(published[i].spec);
        int64_t sum = 0, worst = 0;
        for (int a = 0; a < 256; a++)
            for (int b = 0; b < 256; b++) {
                int64_t e = llabs(product8(&s, a, b) - a * b);
                sum += e;
                worst = e > worst ? e : worst;
            }
        CHECK((double)sum / 65536 == published[i].mae && worst == published[i].wce,
              "%s: MAE %g, WCE %" PRId64, published[i].spec, (double)sum / 65536, worst);
    }
}

/* Relative errors in percent over a seeded sample of 16-bit unsigned pairs. */
struct relative_errors {
    double mean_absolute, mean, deviation, lowest, highest;
};

static struct relative_errors sample_errors(const char *spec)
{
    enum { SEED = 3, SAMPLES = 1 << 19 };
    struct axm_spec s = parsed(spec);
    struct rng r;
    rng_init(&r, SEED, 0);
    struct relative_errors e = { 0 };
    double squares = 0;
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t a = 1 + rng_below(&r, 65535), b = 1 + rng_below(&r, 65535);
        double exact = (double)(a * b), x = 100 * ((double)s.family->model(&s, a, b) - exact) / exact;
        e.mean_absolute += fabs(x) / SAMPLES;
        e.mean += x / SAMPLES;
        squares += x * x / SAMPLES;
        e.lowest = fmin(e.lowest, x);
        e.highest = fmax(e.highest, x);
    }
    e.deviation = sqrt(squares - e.mean * e.mean);
    return e;
}

TEST(test_families__tosam_errors_span_the_published_range)
{
    double coarse = sample_errors("tosam16u_h0_t2").mean_absolute;
    double fine = sample_errors("tosam16u_h5_t9").mean_absolute;
    CHECK(fabs(coarse - 10.9) < 0.05 && fabs(fine - 0.26) < 0.005, "%g %% and %g %%", coarse, fine);
}

/* The abstract's "near-zero average and standard deviations of 0.45 % - 3.61 %". */
TEST(test_families__drum_errors_are_as_published)
{
    struct relative_errors k5 = sample_errors("drum16u_k5"), k8 = sample_errors("drum16u_k8");
    CHECK(fabs(k5.deviation - 3.61) < 0.02 && fabs(k8.deviation - 0.45) < 0.005, "%g %%, %g %%",
          k5.deviation, k8.deviation);
    CHECK(fabs(k5.mean) < 0.2 && fabs(k8.mean) < 0.02, "%g %%, %g %%", k5.mean, k8.mean);
}

/* Mitchell's bounds: never above the product, at most 1/9 below it. */
TEST(test_families__mitchell_errors_are_within_a_ninth)
{
    struct relative_errors e = sample_errors("mitchell16u");
    CHECK(e.highest == 0 && e.lowest >= -100.0 / 9 && e.lowest < -11, "%g..%g %%", e.lowest, e.highest);
    struct axm_spec s = parsed("mitchell8u");
    assert_int_equal(product8(&s, 3, 3), 8);      /* 1.5 x 1.5: the worst case */
    assert_int_equal(product8(&s, 64, 37), 64 * 37);
}

/* --- by hand -------------------------------------------------------------------------- */

TEST(test_families__drum_in_ones_complement_makes_minus_one_of_zero)
{
    struct axm_spec s = parsed("drum8s_k4_oc1"), two = parsed("drum8s_k4");
    assert_int_equal(product8(&s, 0, -5), -1);
    assert_int_equal(product8(&two, 0, -5), 0);
    assert_int_equal(product8(&s, 3, -5), -13);    /* ~(3 * 4) */
    assert_int_equal(product8(&s, -3, -5), 8);     /* 2 * 4 */
    assert_int_equal(product8(&two, -3, -5), 15);
}

TEST(test_families__drum_keeps_the_leading_bits)
{
    struct axm_spec s = parsed("drum8u_k4");
    assert_int_equal(product8(&s, 0xb5, 1), 0xb0);   /* 1011 0101 -> 1011 */
    assert_int_equal(product8(&s, 0xa5, 1), 0xb0);   /* 1010 0101 -> 1011: the lowest set to 1 */
    assert_int_equal(product8(&s, 0x13, 0x21), 0x12 * 0x24);
    assert_int_equal(product8(&s, 15, 15), 225);
    struct axm_spec wraps = parsed("drum8s_k2");     /* |-128| = 1000 0000 -> 11 << 6 = 192 */
    assert_int_equal(product8(&wraps, -128, -128), 192 * 192 - 65536);
}

TEST(test_families__carry_disregard_xors_its_columns)
{
    struct axm_spec s = parsed("cdm8u_x3_y0");
    /* 3 x 3: columns 0..2 hold 1, 2 and 1 ones: 1 + 0 + 4. */
    assert_int_equal(product8(&s, 3, 3), 5);
    assert_int_equal(product8(&s, 3, 0x30), 9 << 4);   /* the high nibble is exact */
    assert_int_equal(product8(&s, 3, 0x33), 5 + (9 << 4));
}

TEST(test_families__exact_is_exact_at_32_bits)
{
    struct rng r;
    rng_init(&r, 4, 0);
    struct axm_spec u = parsed("exact32u"), s = parsed("exact32s");
    for (int i = 0; i < 10000; i++) {
        uint32_t a = random_operand(&r, 32), b = random_operand(&r, 32);
        assert_int_equal(u.family->model(&u, a, b), (uint64_t)((uwide)a * b));
        assert_int_equal(s.family->model(&s, a, b), (uint64_t)((wide)(int32_t)a * (int32_t)b));
    }
}
