/* The Verilated array against the definition: three loops over the C model. */
#include "tests/sim_fixture.h"

#include "base/rng.h"
#include "sim/array.h"
#include "sim/verilator.h"

static void need_verilator(void)
{
    if (verilator_need())
        skip();
}

static int64_t value_of(const struct axm_mul *m, uint64_t pattern, int bits)
{
    return axm_mul_value(m, pattern, bits);
}

struct problem {
    struct array_gemm g;
    uint8_t *x, *w;
    int32_t *bias, *mult, *shift, *wzero, *y, *expected;
};

static void *alloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    assert_non_null(p);
    return p;
}

static void problem_init(struct problem *p, const struct axm_mul *m, bool weight_is_a, size_t rows, size_t n,
                         size_t k, struct rng *r)
{
    int x_bits = weight_is_a ? axm_mul_width_b(m) : axm_mul_width_a(m);
    int w_bits = weight_is_a ? axm_mul_width_a(m) : axm_mul_width_b(m);
    bool is_signed = axm_mul_signed(m);
    *p = (struct problem){ .x = alloc(k * rows, 1), .w = alloc(n * k, 1), .bias = alloc(n, 4), .mult =
        alloc(n, 4),
        .shift = alloc(n, 4), .wzero = alloc(n, 4), .y = alloc(n * rows, 4), .expected = alloc(n * rows, 4) };
    for (size_t i = 0; i < k * rows; i++)
        p->x[i] = rng_below(r, 1u << x_bits);
    for (size_t i = 0; i < n * k; i++)
        p->w[i] = rng_below(r, 1u << w_bits);
    for (size_t i = 0; i < n; i++) {
        p->bias[i] = (int32_t)rng_below(r, 200001) - 100000;
        p->mult[i] = (1 << 30) + (int32_t)rng_below(r, 1 << 30);
        p->shift[i] = 30 + (int)rng_below(r, 14);
        p->wzero[i] = is_signed ? 0 : (int)rng_below(r, 256);
    }
    p->g = (struct array_gemm){ .m = rows, .n = n, .k = k, .x = p->x, .x_stride = rows, .w = p->w,
        .weight_is_a = weight_is_a, .raw = rng_below(r, 3) == 0, .zero = (int)rng_below(r, 41) - 20,
        .lo = -100 - (int)rng_below(r, 28), .hi = 100 + (int)rng_below(r, 28),
        .zero_product = (int32_t)value_of(m, axm_eval(m, 0, 0), axm_mul_width_product(m)),
        .bias = p->bias, .mult = p->mult, .shift = p->shift, .wzero = p->wzero, .y = p->y, .y_stride = rows,
        .seed = rng_next(r) };
    for (int i = 0; i < 3; i++)
        p->g.stall_percent[i] = (unsigned)rng_below(r, 2) * (unsigned)rng_below(r, 80);
    for (size_t o = 0; o < n; o++)
        for (size_t i = 0; i < rows; i++) {
            int64_t acc = p->bias[o];
            for (size_t j = 0; j < k; j++) {
                uint64_t x = p->x[j * rows + i], w = p->w[o * k + j];
                uint64_t product = weight_is_a ? axm_eval(m, w, x) : axm_eval(m, x, w);
                acc += value_of(m, product, axm_mul_width_product(m)) - (int64_t)p->wzero[o] * (int64_t)x;
            }
            if (!p->g.raw) {
                __int128 v = (__int128)acc * p->mult[o] + ((__int128)1 << (p->shift[o] - 1));
                acc = (int64_t)(v >> p->shift[o]) + p->g.zero;
                acc = acc < p->g.lo ? p->g.lo : acc > p->g.hi ? p->g.hi : acc;
            }
            p->expected[o * rows + i] = (int32_t)acc;
        }
}

static void problem_release(struct problem *p)
{
    void *all[] = { p->x, p->w, p->bias, p->mult, p->shift, p->wzero, p->y, p->expected };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static void fill_table(struct array_sim *s, const struct axm_mul *m)
{
    struct axm_lut lut;
    assert_int_equal(axm_lut_build(m, &lut), AXM_OK);
    array_sim_table(s, &lut);
    axm_lut_release(&lut);
}

static void check_random(const struct array_config *c, enum array_unit unit, const char *spec, int cases,
                         uint64_t seed)
{
    struct axm_mul *m = model_of(spec);
    struct array_sim *s = NULL;
    struct rng r;
    struct array_counters counters = { 0 };
    char name[ARRAY_NAME_MAX];
    array_name(c, name);
    CHECK(array_sim_open(c, unit, &s) == AXM_OK, "%s", name);
    if (unit == ARRAY_TABLE)
        fill_table(s, m);
    for (int i = 0; i < cases; i++) {
        struct problem p;
        rng_init(&r, seed, (uint64_t)i);
        bool weight_is_a = c->order == ARRAY_ORDER_RUNTIME ? rng_below(&r, 2) : c->order == ARRAY_WEIGHT_IS_A;
        size_t rows = rng_below(&r, 4) ? 1 + rng_below(&r, 40) : 1, n = 1 + rng_below(&r, 2 * c->cols + 3);
        problem_init(&p, m, weight_is_a, rows, n, 1 + rng_below(&r, 3 * c->rows + 2), &r);
        CHECK(array_sim_gemm(s, &p.g, &counters) == AXM_OK, "%s, seed %llu, case %d", name,
              (unsigned long long)seed, i);
        for (size_t j = 0; j < p.g.n * p.g.m; j++)
            CHECK(p.y[j] == p.expected[j],
                  "%s, seed %llu, case %d: column %zu, row %zu of %zux%zux%zu: %d, not %d", name,
                  (unsigned long long)seed, i, j / p.g.m, j % p.g.m, p.g.m, p.g.k, p.g.n, p.y[j],
                  p.expected[j]);
        problem_release(&p);
    }
    assert_true(counters.busy > 0 && counters.busy <= counters.cycles);
    assert_true(counters.stall_x && counters.stall_w);
    array_sim_close(s);
    axm_mul_close(m);
}

static struct array_config config_of(const char *spec, enum array_dataflow dataflow, int rows, int cols)
{
    struct axm_spec s = spec_of(spec);
    struct array_config c = array_defaults(&s);
    c.dataflow = dataflow;
    c.rows = rows;
    c.cols = c.lanes = cols;
    return c;
}

TEST(test_array__weight_stationary_table_equals_the_loops)
{
    need_verilator();
    struct array_config c = config_of("scdm8s_x5_y2", ARRAY_WS, 4, 6);
    c.lanes = 2;
    c.acc_depth = 16;
    check_random(&c, ARRAY_TABLE, "scdm8s_x5_y2", 60, 1);
}

TEST(test_array__output_stationary_table_equals_the_loops)
{
    need_verilator();
    struct array_config c = config_of("drum8u_k4", ARRAY_OS, 3, 4);
    check_random(&c, ARRAY_TABLE, "drum8u_k4", 60, 2);
}

TEST(test_array__gates_in_the_cells_equal_the_loops)
{
    need_verilator();
    struct array_config c = config_of("scdm8s_x7_y3", ARRAY_WS, 2, 2);
    check_random(&c, ARRAY_GATES, "scdm8s_x7_y3", 20, 3);
}

/* Every size and both dataflows, at least 1,000 cases each. */
TEST(test_array__all_sizes_and_stalls)
{
    static const int size[][2] = { { 1, 1 }, { 4, 4 }, { 8, 8 }, { 16, 16 }, { 8, 32 }, { 32, 8 } };
    need_verilator();
    if (!getenv("AXM_FULL")) {
        print_message("SKIP: AXM_FULL not set\n");
        skip();
    }
    for (int d = ARRAY_WS; d <= ARRAY_OS; d++)
        for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
            struct array_config c = config_of("scdm8s_x6_y3", d, size[i][0], size[i][1]);
            check_random(&c, ARRAY_TABLE, "scdm8s_x6_y3", 100, 10 + i);
            c = config_of("cdm8u_x5_y1", d, size[i][0], size[i][1]);
            check_random(&c, ARRAY_TABLE, "cdm8u_x5_y1", 100, 20 + i);
        }
}

/* A model with waveforms is evaluated before each edge, too; the other one only where that can matter. */
TEST(test_array__cycles_are_those_of_a_model_that_settles_before_each_edge)
{
    static const char spec[] = "drum8u_k4";
    need_verilator();
    for (int d = ARRAY_WS; d <= ARRAY_OS; d++) {
        struct array_config c = config_of(spec, d, 5, 3);
        struct array_sim *quick = NULL, *settled = NULL;
        struct axm_mul *m = model_of(spec);
        assert_int_equal(array_sim_open(&c, ARRAY_TABLE, &quick), AXM_OK);
        assert_int_equal(array_sim_open_traced(&c, ARRAY_TABLE, &settled), AXM_OK);
        fill_table(quick, m);
        fill_table(settled, m);
        for (int i = 0; i < 25; i++) {
            struct array_counters a = { 0 }, b = { 0 };
            struct problem p;
            struct rng r;
            rng_init(&r, 40, (uint64_t)i);
            problem_init(&p, m, c.order == ARRAY_WEIGHT_IS_A, 1 + rng_below(&r, 30), 1 + rng_below(&r, 8),
                         1 + rng_below(&r, 20), &r);
            assert_int_equal(array_sim_gemm(quick, &p.g, &a), AXM_OK);
            assert_memory_equal(p.y, p.expected, p.g.n * p.g.m * sizeof *p.y);
            memset(p.y, 0, p.g.n * p.g.m * sizeof *p.y);
            assert_int_equal(array_sim_gemm(settled, &p.g, &b), AXM_OK);
            assert_memory_equal(p.y, p.expected, p.g.n * p.g.m * sizeof *p.y);
            CHECK(!memcmp(&a, &b, sizeof a), "dataflow %d, case %d: %llu cycles and %llu", d, i,
                  (unsigned long long)a.cycles, (unsigned long long)b.cycles);
            problem_release(&p);
        }
        array_sim_close(quick);
        array_sim_close(settled);
        axm_mul_close(m);
    }
}

/* Flags of short accumulators.  -128 * -128 is 2^14 and 17 bits end at 2^16 - 1: three such products fit,
 * four do not.  255 * 255 = 65,025 fits once.  Sums stay right modulo 2^17. */
TEST(test_array__overflow_is_flagged_where_it_happens)
{
    enum { BANK = 1 << 5, CELL = 1 << 6 };
    static const struct {
        const char *spec;
        enum array_dataflow dataflow;
        int rows, k;
        uint8_t x, w;
        uint32_t errors;
        int32_t sum;
    } cases[] = {
        { "exact8s", ARRAY_WS, 4, 3, 0x80, 0x80, 0, 49152 },
        { "exact8s", ARRAY_WS, 4, 4, 0x80, 0x80, CELL, -65536 },
        { "exact8s", ARRAY_WS, 4, 8, 0x80, 0x80, CELL | BANK, 0 },
        { "exact8s", ARRAY_WS, 4, 4, 0x80, 0x7f, 0, -65024 },
        { "exact8s", ARRAY_WS, 4, 5, 0x80, 0x7f, BANK, 49792 },
        { "exact8s", ARRAY_OS, 4, 3, 0x80, 0x80, 0, 49152 },
        { "exact8s", ARRAY_OS, 4, 4, 0x80, 0x80, CELL, -65536 },
        { "exact8s", ARRAY_OS, 4, 5, 0x80, 0x7f, CELL, 49792 },
        { "exact8u", ARRAY_WS, 3, 1, 255, 255, 0, 65025 },
        { "exact8u", ARRAY_WS, 3, 2, 255, 255, CELL, -1022 },
        { "exact8u", ARRAY_WS, 3, 2, 255, 64, 0, 32640 },
        { "exact8u", ARRAY_WS, 3, 5, 255, 64, BANK, -49472 },
        { "exact8u", ARRAY_OS, 3, 1, 255, 255, 0, 65025 },
        { "exact8u", ARRAY_OS, 3, 2, 255, 255, CELL, -1022 },
        /* The sums of the activations have all 17 bits: 514 times 255 is 131,070, 515 times is too much. */
        { "exact8u", ARRAY_OS, 3, 514, 255, 0, 0, 0 },
        { "exact8u", ARRAY_OS, 3, 515, 255, 0, CELL, 0 },
        { "exact8u", ARRAY_WS, 3, 514, 255, 0, 0, 0 },
        { "exact8u", ARRAY_WS, 3, 515, 255, 0, BANK, 0 },
    };
    need_verilator();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct array_config c = config_of(cases[i].spec, cases[i].dataflow, cases[i].rows, 2);
        struct array_sim *s = NULL;
        struct array_counters counters = { 0 };
        uint8_t x[3 * 515], w[515];
        int32_t y[3];
        c.acc_bits = 17;
        assert_int_equal(array_sim_open(&c, ARRAY_GATES, &s), AXM_OK);
        memset(x, cases[i].x, sizeof x);
        memset(w, cases[i].w, sizeof w);
        const struct array_gemm g = { .m = 3, .n = 1, .k = cases[i].k, .x = x, .x_stride = 3, .w = w,
            .raw = true, .y = y, .y_stride = 3 };
        assert_int_equal(array_sim_gemm(s, &g, &counters), AXM_OK);
        CHECK(counters.errors == cases[i].errors, "case %zu: flags 0x%03x, not 0x%03x", i, counters.errors,
              cases[i].errors);
        for (int j = 0; j < 3; j++)
            CHECK(y[j] == cases[i].sum, "case %zu: %d, not %d", i, y[j], cases[i].sum);
        array_sim_close(s);
    }
}
