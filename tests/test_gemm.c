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

/* Runs one product and compares it; false if the plan is not for this table. */
static bool check(const struct problem *p, struct rng *r)
{
    struct gemm *g;
    struct gemm_weights *w;
    int bits_a = axm_mul_width_a(p->mul), bits_b = axm_mul_width_b(p->mul);
    int bits_x = p->o.weight_is_a ? bits_b : bits_a, bits_w = p->o.weight_is_a ? bits_a : bits_b;
    int count_x = bits_x < 8 ? 1 << bits_x : p->o.x_below_128 ? 128 : 256;
    int count_w = bits_w < 8 ? 1 << bits_w : 256;
    size_t x_stride = (p->m + 63) / 64 * 64 + 64 * rng_below(r, 2), acc_stride = p->m + rng_below(r, 20);
    if (gemm_open(p->mul, &p->o, &g) != AXM_OK) {
        assert_true(p->o.plan >= 0);
        return false;
    }
    uint8_t *pw = bytes(r, p->n * p->k, count_w), *x = bytes(r, p->k * x_stride, count_x);
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
    gemm_close(g);
    free(pw);
    free(x);
    free(s);
    free(acc);
    free(want);
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
