/* The array cycle by cycle on gates: sums against loops over the C model, busy cycles against the counter
 * of the
 * Verilated array. */
#include "tests/sim_fixture.h"

#include "base/rng.h"
#include "sim/array.h"
#include "sim/cycle.h"
#include "sim/verilator.h"

static void *aligned(size_t size)
{
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(p);
    return p;
}

/* Busy cycles of the Verilated array for a product of this size. */
static uint64_t verilated_cycles(const struct array_config *c, size_t m, size_t k, size_t n)
{
    struct array_sim *s;
    struct array_counters counters = { 0 };
    uint8_t *x = calloc(k, m), *w = calloc(n, k);
    int32_t *y = calloc(n * m, sizeof *y);
    assert_int_equal(array_sim_open(c, ARRAY_TABLE, &s), AXM_OK);
    struct array_gemm g = { .m = m, .n = n, .k = k, .x = x, .x_stride = m, .w = w, .raw = true, .y = y,
        .y_stride = m, .weight_is_a = c->order == ARRAY_WEIGHT_IS_A };
    assert_int_equal(array_sim_gemm(s, &g, &counters), AXM_OK);
    array_sim_close(s);
    free(x);
    free(w);
    free(y);
    return counters.busy;
}

static void check_dataflow(enum array_dataflow dataflow, const char *spec, int rows, int cols,
                           int lanes_of_results, size_t m, size_t k, size_t n)
{
    struct axm_spec s = spec_of(spec);
    struct axm_mul *model = model_of(spec);
    struct array_config c = array_defaults(&s);
    struct sliced *mult;
    struct rng r;
    uint64_t busy = 0;
    struct cycle_space space = { 0 };
    c.rows = rows;
    c.cols = cols;
    c.lanes = lanes_of_results;
    c.acc_depth = 16;
    c.dataflow = dataflow;
    rng_init(&r, 1, m * k * n);
    assert_int_equal(sliced_open(&s, true, 0, bitsim_best_level(), &mult), AXM_OK);
    size_t lanes = (size_t)sliced_lanes(mult), elements = m * k;
    uint8_t *codes = (uint8_t *)aligned(lanes * elements), *w = malloc(n * k);
    uint32_t *index = malloc(m * k * sizeof *index);
    uint64_t *planes = aligned(elements * sliced_words(mult) * sizeof *planes);
    int32_t *acc = aligned(n * m * lanes * sizeof *acc);
    for (size_t i = 0; i < lanes * elements; i++)
        codes[i] = (uint8_t)rng_next(&r);
    for (size_t i = 0; i < n * k; i++)
        w[i] = (uint8_t)rng_next(&r);
    for (size_t i = 0; i < m * k; i++)
        index[i] = (uint32_t)(m * k - 1 - i);
    sliced_pack(mult, codes, elements, planes);
    struct cycle_gemm g = { .mult = mult, .planes = planes, .index = index, .m = m, .k = k, .n = n, .w = w,
        .zero_product = (int32_t)axm_mul_value(model, axm_eval(model, 0, 0), 16), .acc = acc };
    assert_int_equal(cycle_gemm(&c, &g, &space, &busy), AXM_OK);
    for (size_t o = 0; o < n; o++)
        for (size_t p = 0; p < m; p++)
            for (size_t i = 0; i < lanes; i += 37) {
                int64_t sum = 0;
                for (size_t j = 0; j < k; j++) {
                    uint64_t x = codes[index[p * k + j] * lanes + i];
                    sum += axm_mul_value(model, axm_eval(model, w[o * k + j], x), 16);
                }
                CHECK(acc[(o * m + p) * lanes + i] == sum, "%s %dx%d: column %zu, row %zu, image %zu",
                      spec, rows,
                      cols, o, p, i);
            }
    if (!verilator_need()) {
        uint64_t rtl = verilated_cycles(&c, m, k, n);
        CHECK(busy == rtl, "%s %dx%d, %zux%zux%zu: %llu cycles, the RTL takes %llu", spec, rows, cols, m,
              k, n,
              (unsigned long long)busy, (unsigned long long)rtl);
    }
    free(codes);
    free(w);
    free(index);
    free(planes);
    free(acc);
    free(space.memory);
    sliced_close(mult);
    axm_mul_close(model);
}

static void check(const char *spec, int rows, int cols, int lanes_of_results, size_t m, size_t k, size_t n)
{
    check_dataflow(ARRAY_WS, spec, rows, cols, lanes_of_results, m, k, n);
}

TEST(test_cycle__sums_and_busy_cycles)
{
    check("scdm8s_x5_y2", 4, 4, 4, 10, 9, 6);
    check("scdm8s_x5_y2", 4, 4, 4, 1, 30, 3);
    check("scdm8s_x5_y2", 4, 4, 4, 40, 4, 4);
}

TEST(test_cycle__results_that_wait_for_the_requantizers)
{
    check("scdm8s_x7_y1", 2, 6, 1, 20, 3, 6);
}

TEST(test_cycle__unsigned_with_row_sums)
{
    check("cdm8u_x7_y3", 3, 5, 5, 12, 8, 7);
}

TEST(test_cycle__zero_times_zero_is_not_zero)
{
    check("scdm8s_x8_y4", 4, 2, 2, 5, 5, 2);
}

TEST(test_cycle__output_stationary)
{
    check_dataflow(ARRAY_OS, "scdm8s_x5_y2", 4, 4, 4, 10, 9, 6);
    check_dataflow(ARRAY_OS, "scdm8s_x5_y2", 4, 4, 4, 3, 40, 3);      /* a tile of three rows, sums as long */
    check_dataflow(ARRAY_OS, "scdm8s_x5_y2", 4, 4, 4, 40, 1, 4);      /* first and last beat are one */
    check_dataflow(ARRAY_OS, "scdm8s_x7_y1", 6, 6, 1, 20, 3, 7);      /* results wait for the requantizers */
    check_dataflow(ARRAY_OS, "cdm8u_x7_y3", 3, 5, 5, 12, 8, 7);       /* row sums */
    check_dataflow(ARRAY_OS, "scdm8s_x8_y4", 4, 2, 2, 5, 5, 2);       /* 0 x 0 is not 0 */
    check_dataflow(ARRAY_OS, "scdm8s_x8_y4", 1, 1, 1, 2, 3, 2);
}
