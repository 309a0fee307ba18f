/* Layers on gates, many images at once, against loops over the C model. */
#include "tests/sim_fixture.h"

#include "base/rng.h"
#include "sim/sliced.h"

static void *aligned(size_t size)
{
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(p);
    return p;
}

static void check_layer(const char *spec, bool weight_is_a, unsigned mode, const char *model, enum
                        bitsim_level level,
                        size_t elements, size_t positions, size_t k, size_t n)
{
    struct axm_spec s = spec_of(spec);
    struct axm_mul *m = model_of(model);
    struct sliced *sim = NULL;
    struct rng r;
    rng_init(&r, 7, k);
    CHECK(sliced_open(&s, weight_is_a, mode, level, &sim) == AXM_OK, "%s", spec);
    size_t lanes = (size_t)sliced_lanes(sim), words = sliced_words(sim);
    int x_bits = weight_is_a ? s.width_b : s.width_a, w_bits = weight_is_a ? s.width_a : s.width_b;
    uint8_t *codes = (uint8_t *)aligned(elements * lanes), *w = malloc(n * k);
    uint32_t *index = malloc(positions * k * sizeof *index);
    uint64_t *planes = aligned(elements * words * sizeof *planes);
    int32_t *acc = aligned(n * (positions * lanes + 64) * sizeof *acc);
    for (size_t i = 0; i < elements * lanes; i++)
        codes[i] = rng_below(&r, 1u << x_bits);
    for (size_t i = 0; i < n * k; i++)
        w[i] = rng_below(&r, 1u << w_bits);
    for (size_t i = 0; i < positions * k; i++)
        index[i] = (uint32_t)rng_below(&r, elements);
    size_t stride = positions * lanes + 64;
    sliced_pack(sim, codes, elements, planes);
    sliced_layer(sim, planes, index, positions, k, w, n, acc, stride);
    for (size_t o = 0; o < n; o++)
        for (size_t p = 0; p < positions; p++)
            for (size_t i = 0; i < lanes; i += 1 + rng_below(&r, 7)) {
                int64_t sum = 0;
                for (size_t j = 0; j < k; j++) {
                    uint64_t x = codes[index[p * k + j] * lanes + i], v = w[o * k + j];
                    uint64_t product = weight_is_a ? axm_eval(m, v, x) : axm_eval(m, x, v);
                    sum += axm_mul_value(m, product, axm_mul_width_product(m));
                }
                CHECK(acc[o * stride + p * lanes + i] == sum, "%s: output %zu, position %zu, image %zu",
                      spec, o, p, i);
            }
    free(codes);
    free(w);
    free(index);
    free(planes);
    free(acc);
    sliced_close(sim);
    axm_mul_close(m);
}

static void check_levels(const char *spec, bool weight_is_a, unsigned mode, const char *model)
{
    for (int level = BITSIM_PORTABLE; level <= (int)bitsim_best_level(); level++) {
        check_layer(spec, weight_is_a, mode, model, level, 30, 5, 11, 3);
        check_layer(spec, weight_is_a, mode, model, level, 7, 2, 150, 2);
    }
}

TEST(test_sliced__signed_weight_first)
{
    check_levels("scdm8s_x5_y2", true, 0, "scdm8s_x5_y2");
}

TEST(test_sliced__unsigned_activation_first)
{
    check_levels("drum8u_k4", false, 0, "drum8u_k4");
}

TEST(test_sliced__unequal_widths_both_orders)
{
    check_levels("trunc8x4u_l2_m1", false, 0, "trunc8x4u_l2_m1");
    check_levels("trunc8x4u_l2_m1", true, 0, "trunc8x4u_l2_m1");
}

TEST(test_sliced__run_time_mode)
{
    check_levels("scdmr8s", true, 3 << 4 | 7, "scdm8s_x7_y3");
}

/* 64 products are summed in a narrow accumulator, which is all that such a sum takes; 65 are not. */
TEST(test_sliced__sums_as_long_as_the_narrow_accumulator)
{
    for (int level = BITSIM_PORTABLE; level <= (int)bitsim_best_level(); level++)
        for (size_t k = 63; k <= 65; k++) {
            check_layer("exact8s", true, 0, "exact8s", level, 3, 1, k, 1);
            check_layer("exact8u", false, 0, "exact8u", level, 3, 1, k, 1);
        }
}

/* 2,304 products of the largest magnitude: the sum leaves the narrow accumulator, not the wide one. */
TEST(test_sliced__long_sums)
{
    check_layer("exact8s", true, 0, "exact8s", bitsim_best_level(), 3, 1, 2304, 1);
    check_layer("exact8u", false, 0, "exact8u", bitsim_best_level(), 3, 1, 2304, 1);
}

TEST(test_sliced__wide_operands_bad)
{
    struct axm_spec s = spec_of("drum12u_k4");
    struct sliced *sim;
    assert_int_equal(sliced_open(&s, true, 0, BITSIM_PORTABLE, &sim), AXM_USAGE);
}
