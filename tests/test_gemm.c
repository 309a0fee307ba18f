/* The matrix product against the three loops over axm_eval(). */
#include "tests/harness.h"

#include "base/rng.h"
#include "cmodel/lut.h"
#include "dnn/gemm.h"

static uint8_t *bytes(struct rng *r, size_t n, int count)
{
    uint8_t *p = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)rng_below(r, (uint64_t)count);
    return p;
}

struct problem {
    const struct axm_mul *mul;
    struct gemm_opts o;
    size_t m, n, k;
};

/* Runs one product and compares it. */
static void compare(const struct problem *p, struct gemm *g, const uint8_t *pw, const uint8_t *x,
                    size_t x_stride, size_t acc_stride)
{
    struct gemm_weights *w;
    CHECK(gemm_pack(g, pw, p->n, p->k, &w) == AXM_OK, "%s", axm_last_message());
    size_t scratch = (gemm_scratch(w, p->m) + 63) / 64 * 64;
    void *s = aligned_alloc(64, scratch ? scratch : 64);
    size_t count = p->n * acc_stride;
    int32_t *acc = malloc(count * sizeof *acc), *want = malloc(count * sizeof *want);
    for (size_t i = 0; i < count; i++)
        acc[i] = want[i] = 0x5a5a5a5a;
    gemm_reference(p->mul, p->o.weight_is_a, pw, x, x_stride, p->m, p->n, p->k, want, acc_stride);
    gemm_run(w, x, x_stride, p->m, acc, acc_stride, s);
    for (size_t i = 0; i < count; i++)
        CHECK(acc[i] == want[i], "%s, %s, weight is %c, m %zu n %zu k %zu: acc[%zu][%zu] = %d, not %d",
              axm_mul_name(p->mul), gemm_describe(g), p->o.weight_is_a ? 'a' : 'b', p->m, p->n, p->k,
              i / acc_stride, i % acc_stride, acc[i], want[i]);
    gemm_weights_free(w);
    free(s);
    free(acc);
    free(want);
}

/* One product of random patterns; false if the plan is not for this table. */
static bool check(const struct problem *p, struct rng *r)
{
    struct gemm *g;
    int bits_a = axm_mul_width_a(p->mul), bits_b = axm_mul_width_b(p->mul);
    int bits_x = p->o.weight_is_a ? bits_b : bits_a, bits_w = p->o.weight_is_a ? bits_a : bits_b;
    int count_x = bits_x < 8 ? 1 << bits_x : p->o.x_below_128 ? 128 : 256;
    int count_w = bits_w < 8 ? 1 << bits_w : 256;
    size_t x_stride = (p->m + 63) / 64 * 64 + 64 * rng_below(r, 2), acc_stride = p->m + rng_below(r, 20);
    if (gemm_open(p->mul, &p->o, &g) != AXM_OK) {
        assert_true(p->o.plan >= 0);
        return false;
    }
    uint8_t *w = bytes(r, p->n * p->k, count_w), *x = bytes(r, p->k * x_stride, count_x);
    compare(p, g, w, x, x_stride, acc_stride);
    gemm_close(g);
    free(w);
    free(x);
    return true;
}

static size_t some(struct rng *r, size_t most)
{
    return 1 + rng_below(r, rng_below(r, 3) ? most / 8 : most);
}

static void check_all(const struct axm_mul *m, struct rng *r, size_t most, int rounds)
{
    for (int level = GEMM_PORTABLE; level <= (int)gemm_level_best(); level++)
        for (int i = 0; i < rounds; i++) {
            struct problem p = { m, { .weight_is_a = rng_below(r, 2), .x_below_128 = rng_below(r, 2),
                                      .level = level, .plan = -1 },
                                 some(r, most), some(r, most), some(r, most) };
            assert_true(check(&p, r));
        }
}

TEST(test_gemm__families_equal_the_definition)
{
    static const char *const specs[] = {
        "exact8s", "exact8u", "scdm8s_x5_y2", "cdm8u_x7_y3", "drum8s_k4", "drum8u_k3", "mitchell8s_t7",
        "trunc8u_l2_m3", "trunc8x4u_l2_m0", "exact4s", "drum16s_k6", "mitchell12u_t5",
    };
    struct rng r;
    rng_init(&r, 1, 0);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct axm_mul *m;
        CHECK(axm_mul_open(specs[i], &m) == AXM_OK, "%s", specs[i]);
        check_all(m, &r, 100, 4);
        axm_mul_close(m);
    }
}

/* A table of random entries and one of a kind; the product's bits hold them. */
static struct axm_mul *table(struct rng *r, int kind, bool is_signed)
{
    enum { RANDOM, LOWEST, HIGHEST, EXTREMES, BIT_LINEAR, RANK_1, LOW_BITS, NEAR_EXACT, ALTERNATING,
           MOSTLY_HIGHEST };
    static int32_t value[65536], e[65536];
    int32_t low = is_signed ? -32768 : 0, high = is_signed ? 32767 : 65535, u[256], v[256];
    struct axm_lut l = { .width_a = 8, .width_b = 8, .is_signed = is_signed, .value = value };
    struct axm_mul *m;
    for (int i = 0; i < 256; i++) {
        u[i] = (int32_t)rng_below(r, 200) - 100 * is_signed;
        v[i] = (int32_t)rng_below(r, 200) - 100 * is_signed;
    }
    for (int i = 0; i < 65536; i++)
        e[i] = (int32_t)rng_below(r, 256);
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            int32_t *p = &value[a << 8 | b], x = is_signed ? (int8_t)a : a, y = is_signed ? (int8_t)b : b;
            switch (kind) {
            case RANDOM: *p = low + (int32_t)rng_below(r, 65536); break;
            case LOWEST: *p = low; break;
            case HIGHEST: *p = high; break;
            case EXTREMES: *p = rng_below(r, 2) ? low : high; break;
            case BIT_LINEAR:
                *p = v[b] / 2;
                for (int i = 0; i < 8; i++)
                    *p += (a >> i & 1) * v[(b * 7 + i) & 255] * (1 << (i & 3));
                break;
            case RANK_1: *p = u[a] * v[b]; break;
            case LOW_BITS: *p = x * y + e[(a & 15) << 4 | (b & 15)]; break;
            case NEAR_EXACT: *p = x * y + e[a << 8 | b]; break;
            case ALTERNATING: *p = (a ^ b) & 1 ? low : high; break;
            default: *p = (a + b) % 255 ? high : low; break;
            }
            *p = *p < low ? low : *p > high ? high : *p;
        }
    assert_int_equal(axm_mul_open_lut("table", &l, &m), AXM_OK);
    return m;
}
enum { TABLES = 10 };

TEST(test_gemm__tables_of_every_kind_equal_the_definition)
{
    struct rng r;
    rng_init(&r, 2, 0);
    for (int kind = 0; kind < TABLES; kind++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            struct axm_mul *m = table(&r, kind, is_signed);
            check_all(m, &r, 150, 3);
            axm_mul_close(m);
        }
}

/* Each plan by name wherever it exists, whether it is the cheapest or not. */
TEST(test_gemm__every_plan_equals_the_definition)
{
    struct rng r;
    int found[GEMM_WIDE] = { 0 };
    rng_init(&r, 3, 0);
    for (int kind = 0; kind < TABLES; kind++)
        for (int plan = 0; plan < GEMM_WIDE; plan++) {
            struct axm_mul *m = table(&r, kind, plan & 1);
            for (int level = GEMM_PORTABLE; level <= (int)gemm_level_best(); level++) {
                struct problem p = { m, { rng_below(&r, 2), rng_below(&r, 2), level, plan }, some(&r, 300),
                                     some(&r, 100), some(&r, 100) };
                found[plan] += check(&p, &r);
            }
            axm_mul_close(m);
        }
    for (int plan = 0; plan < GEMM_WIDE && gemm_level_best() == GEMM_VBMI; plan++)
        CHECK(found[plan], "no table had plan %s",
              gemm_plan_name((enum gemm_plan_kind)plan));
}

/* Each level has a kernel for any table and one for tables that are sums of terms, and every length of the
 * loops of either is exact: rows and columns past a block, k past a pair and a table's depth. */
TEST(test_gemm__every_level_at_every_remainder)
{
    enum { RANDOM = 0, BIT_LINEAR = 4, RANK_1 = 5 };
    static const int kinds[] = { RANDOM, BIT_LINEAR, RANK_1 };
    struct rng r;
    rng_init(&r, 7, 0);
    for (size_t i = 0; i < 3; i++)
        for (int level = GEMM_PORTABLE; level <= (int)gemm_level_best(); level++)
            for (size_t d = 0; d < 34; d++) {
                struct axm_mul *m = table(&r, kinds[i], d & 1);
                struct problem p = { m, { d & 2, d & 4, level, -1 }, 200 + 3 * d, 7 + d, 30 + d };
                if (i == 0 && level != (int)GEMM_PORTABLE && level != (int)GEMM_VBMI)
                    p.o.plan = GEMM_ROWS;
                assert_true(check(&p, &r));
                p.m = 1 + d * 2;
                assert_true(check(&p, &r));
                axm_mul_close(m);
            }
}

/* Where a product is one pass of dot products, its kernels differ by which factor is signed, by what the
 * activations' bytes need before it, by the columns of a tile and by rows and k past a block. */
TEST(test_gemm__one_pass_at_every_number_of_columns)
{
    static int32_t value[65536];
    struct axm_lut l = { .width_a = 8, .width_b = 8, .is_signed = true, .value = value };
    struct axm_mul *muls[3];
    struct rng r;
    rng_init(&r, 8, 0);
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++)
            value[a << 8 | b] = (int8_t)a * b;
    assert_int_equal(axm_mul_open_lut("signed by unsigned", &l, &muls[0]), AXM_OK);
    assert_int_equal(axm_mul_open("exact8s", &muls[1]), AXM_OK);
    assert_int_equal(axm_mul_open("exact8u", &muls[2]), AXM_OK);
    for (int i = 0; i < 3; i++) {
        for (int below = 0; below < 2; below++)
            for (size_t n = 1; n <= 14; n++) {
                struct problem p = { muls[i], { false, below, -1, GEMM_BIT_LINEAR }, 33 + 31 * (n % 5), n,
                                     n + 9 * (n & 1) };
                p.o.level = (int)gemm_level_best();
                if (p.o.level == (int)GEMM_PORTABLE)
                    p.o.plan = -1;
                assert_true(check(&p, &r));
            }
        axm_mul_close(muls[i]);
    }
}

/* Sums of bytes are moved to 32 bits every 256 look-ups: lengths around it, and long ones; few rows with
 * many columns swap the roles; few rows and a long sum go by weight; one row, one column. */
TEST(test_gemm__shapes_at_the_edges)
{
    static const size_t shape[][3] = {   /* m, n, k */
        { 1, 1, 1 },      { 1, 1, 5000 },  { 64, 1, 255 },  { 65, 2, 256 },  { 63, 3, 257 },
        { 17, 130, 513 }, { 10, 64, 128 }, { 10, 10, 64 },  { 784, 4, 9 },   { 676, 8, 1 },
        { 257, 6, 3 },    { 48, 5, 2 },    { 33, 12, 31 },  { 2, 200, 600 }, { 449, 1, 7 },
        { 16, 128, 300 }, { 256, 7, 4 },   { 9, 33, 4200 },
        { 64, 3, 2304 },  { 50, 2, 4500 }, { 130, 2, 1030 }, { 200, 2, 2100 },
    };
    struct rng r;
    rng_init(&r, 4, 0);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int kind = 0; kind < TABLES; kind += kind == 3 ? 3 : 1) {
            if (kind == 1 || kind == 2)   /* 65,535 or -32,768 everywhere: the largest sums there are */
                if (shape[i][2] < 255)
                    continue;
            struct axm_mul *m = table(&r, kind, kind & 1);
            int best = (int)gemm_level_best(), lower = (int)rng_below(&r, (uint64_t)best + 1);
            for (int level = lower; level <= best; level += best > lower ? best - lower : 1) {
                struct problem p = { m, { rng_below(&r, 2), rng_below(&r, 2), level, -1 }, shape[i][0],
                                     shape[i][1], shape[i][2] };
                check(&p, &r);
            }
            axm_mul_close(m);
        }
}

/* Sums of many products with one weight are made from means of eight, rounded up at each of three levels:
 * 0 1 1 2 1 2 2 3 rounds up everywhere, so that 8 times the mean, 24, is 12 more than the sum.  A byte holds
 * the excess of 21 such means, 16 bits the sum of 252 means of 255: lengths around both. */
TEST(test_gemm__sums_from_means_rounded_up_everywhere)
{
    static const uint8_t up[8] = { 0, 1, 1, 2, 1, 2, 2, 3 };
    static const size_t lengths[] = { 8,    160,  161,  167,  168,  169,  176,  336,  2008,
                                      2015, 2016, 2017, 2024, 2056, 2064, 2184, 4200 };
    static int32_t value[65536];
    enum { M = 64, N = 2, K = 4200, STRIDE = 64 };
    struct axm_lut l = { .width_a = 8, .width_b = 8, .value = value };
    struct axm_mul *m;
    uint8_t *x = malloc(K * STRIDE), w[N * K];
    for (int i = 0; i < 65536; i++)   /* both bytes: 0 at x = 0, else 193 to 255 */
        value[i] = i >> 8 & 63 ? 257 * (192 + (i >> 8 & 63)) : 0;
    assert_int_equal(axm_mul_open_lut("table", &l, &m), AXM_OK);
    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < STRIDE; i++)
            x[k * STRIDE + i] = (uint8_t)(i % 4 == 0 ? 60 + up[k % 8] : i % 4 == 1 ? 63 : i % 4 == 2 ? 0 :
                                          up[k % 8]);
    memset(w, 200, sizeof w);
    for (int plan = GEMM_PLANES6; plan <= (int)GEMM_PLANES8 && gemm_level_best() == GEMM_VBMI; plan++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            struct problem p = { m, { .level = GEMM_VBMI, .plan = plan }, M, N, lengths[i] };
            struct gemm *g;
            assert_int_equal(gemm_open(m, &p.o, &g), AXM_OK);
            compare(&p, g, w, x, STRIDE, M);
            gemm_close(g);
        }
    axm_mul_close(m);
    free(x);
}

/* Every SCDM8 and CDM8 with both operands as the weight. */
TEST(test_gemm__all_carry_disregarding_multipliers)
{
    struct rng r;
    rng_init(&r, 5, 0);
    for (int s = 0; s < 2; s++)
        for (struct axm_spec_iter it = { 0 };
             axm_spec_next(&it, axm_family_find(s ? "scdm" : "cdm"), 8, 8, s);) {
            struct axm_mul *m;
            if (!getenv("AXM_FULL") && rng_below(&r, 3))
                continue;
            assert_int_equal(axm_mul_open_spec(&it.spec, &m), AXM_OK);
            for (int order = 0; order < 4; order++) {
                struct problem p = { m, { order & 1, order & 2, -1, -1 }, 70, 9, 40 };
                assert_true(check(&p, &r));
            }
            axm_mul_close(m);
        }
}

/* 33,026 products of 65,025 = 255 * 255 are the first sum beyond int32. */
TEST(test_gemm__sums_beyond_int32_bad)
{
    struct axm_mul *m;
    struct gemm *g;
    struct gemm_weights *w;
    size_t k = 2147483647 / 65025;
    uint8_t *ones = malloc(k + 1);
    memset(ones, 255, k + 1);
    assert_int_equal(axm_mul_open("exact8u", &m), AXM_OK);
    assert_int_equal(gemm_open(m, &(struct gemm_opts){ .level = -1, .plan = -1 }, &g), AXM_OK);
    assert_int_equal(gemm_pack(g, ones, 1, k, &w), AXM_OK);
    gemm_weights_free(w);
    assert_int_equal(gemm_pack(g, ones, 1, k + 1, &w), AXM_USAGE);
    gemm_close(g);
    axm_mul_close(m);
    free(ones);
}

/* Nine to 16 bits: random patterns and the extreme ones, against axm_eval(). */
TEST(test_gemm__wide_operands_equal_the_model)
{
    static const char *const specs[] = {
        "exact16s", "exact16u", "exact9s", "trunc16s_l3_m5", "trunc12u_c7", "drum16s_k2", "drum16u_k6",
        "drum12s_k4_oc1", "mitchell16s_t15", "mitchell16u_t15", "mitchell12s_t5",
    };
    enum { M = 70, N = 5, K = 37 };
    struct rng r;
    rng_init(&r, 6, 0);
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++)
        for (int level = GEMM_PORTABLE; level <= (int)gemm_level_best(); level++)
            for (int order = 0; order < 2; order++) {
                uint16_t w[N * K], x[K * (M + 3)];
                int64_t acc[N * (M + 1)];
                struct axm_mul *m;
                struct axm_spec spec;
                CHECK(axm_spec_parse(specs[s], &spec) == AXM_OK, "%s", specs[s]);
                assert_int_equal(axm_mul_open_spec(&spec, &m), AXM_OK);
                int bits_a = axm_mul_width_a(m), bits_b = axm_mul_width_b(m);
                uint64_t count_x = UINT64_C(1) << (order ? bits_b : bits_a);
                uint64_t count_w = UINT64_C(1) << (order ? bits_a : bits_b);
                for (int i = 0; i < N * K; i++)
                    w[i] = (uint16_t)(i % 5 ? rng_below(&r, count_w) : rng_below(&r, 2) * (count_w / 2));
                for (int i = 0; i < K * (M + 3); i++)
                    x[i] = (uint16_t)(i % 5 ? rng_below(&r, count_x) : rng_below(&r, 2) * (count_x / 2));
                struct gemm_opts o = { .weight_is_a = order, .level = level };
                assert_int_equal(gemm_wide(m, &o, w, x, M + 3, M, N, K, acc, M + 1), AXM_OK);
                for (int n = 0; n < N; n++)
                    for (int i = 0; i < M; i++) {
                        int64_t sum = 0;
                        for (int k = 0; k < K; k++) {
                            uint64_t a = order ? w[n * K + k] : x[k * (M + 3) + i];
                            uint64_t b = order ? x[k * (M + 3) + i] : w[n * K + k];
                            sum += axm_mul_value(m, axm_eval(m, a, b), bits_a + bits_b);
                        }
                        CHECK(acc[n * (M + 1) + i] == sum, "%s, level %d: %lld, not %lld", specs[s], level,
                              (long long)acc[n * (M + 1) + i], (long long)sum);
                    }
                axm_mul_close(m);
            }
}
