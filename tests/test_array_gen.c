/* The register map against the register file: what the tables say is tried on the Verilated array. */
#include "tests/sim_fixture.h"

#include "sim/array.h"
#include "sim/verilator.h"

enum { CTRL = 0x20, STATUS = 0x24, ERRORS = 0x28, DIM_A = 0x30, DIM_B = 0x34, ZERO = 0x38, TIMEOUT = 0x44,
       ERROR_START = 1 << 4, ERROR_BUS = 1 << 7, ERROR_TIMEOUT = 1 << 8 };

static struct array_sim *open_pooling_array(const char *spec, enum array_dataflow dataflow, int pool_width,
                                            struct array_config *c)
{
    struct axm_spec s = spec_of(spec);
    struct array_sim *sim = NULL;
    if (verilator_need())
        skip();
    *c = array_defaults(&s);
    c->dataflow = dataflow;
    c->rows = 2;
    c->cols = c->lanes = 3;
    c->acc_depth = 4;
    c->pool_width = pool_width;
    CHECK(array_sim_open(c, ARRAY_GATES, &sim) == AXM_OK, "%s", spec);
    return sim;
}

static struct array_sim *open_array(const char *spec, enum array_dataflow dataflow, struct array_config *c)
{
    return open_pooling_array(spec, dataflow, 0, c);
}

static const struct array_register *find(const struct array_register *r, unsigned offset)
{
    while (r->name && r->offset != offset)
        r++;
    return r->name ? r : NULL;
}

/* The entry of a table that stands for an address, NULL if there is none. */
static const struct array_register *entry_at(const struct array_config *c, unsigned offset)
{
    const struct array_register *r = find(array_registers, offset);
    if (offset >= ARRAY_COLUMN_BASE)
        return (offset - ARRAY_COLUMN_BASE) / ARRAY_COLUMN_STRIDE < (unsigned)c->cols
            ? find(array_column_registers, (offset - ARRAY_COLUMN_BASE) % ARRAY_COLUMN_STRIDE) : NULL;
    if (r || !c->pool_width)
        return r;
    if (offset >= ARRAY_POOL_TAP_BASE)
        return (offset - ARRAY_POOL_TAP_BASE) / ARRAY_POOL_TAP_STRIDE < ARRAY_POOL_TAPS
            ? find(array_pool_tap_registers, (offset - ARRAY_POOL_TAP_BASE) % ARRAY_POOL_TAP_STRIDE) : NULL;
    return find(array_pool_registers, offset);
}

static uint32_t field_mask(const struct array_register *r)
{
    uint32_t mask = 0;
    for (int i = 0; r->field[i].name; i++)
        mask |= (uint32_t)(((uint64_t)1 << r->field[i].width) - 1) << r->field[i].bit;
    return mask ? mask : ~0u;
}

static uint32_t read_ok(struct array_sim *s, unsigned offset)
{
    uint32_t value = 0;
    CHECK(array_sim_read(s, offset, &value), "0x%03x cannot be read", offset);
    return value;
}

static void write_ok(struct array_sim *s, unsigned offset, uint32_t value)
{
    CHECK(array_sim_write(s, offset, value), "0x%03x cannot be written", offset);
}

static void check_every_address(struct array_sim *s, const struct array_config *c)
{
    for (unsigned offset = 0; offset < 0x1000; offset += 4) {
        const struct array_register *r = entry_at(c, offset);
        uint32_t value;
        CHECK(array_sim_read(s, offset, &value) == (r != NULL), "0x%03x: %s", offset, r ? r->name : "a hole");
        bool may_write = r && strcmp(r->access, "ro");
        if (r && !strcmp(r->name, "CTRL")) {
            assert_int_equal(value, 0);
            continue;
        }
        uint32_t was = value;
        CHECK(array_sim_write(s, offset, 0xffffffff) == may_write, "0x%03x: %s", offset, r ? r->name :
              "a hole");
        if (!r)
            continue;
        value = read_ok(s, offset);
        if (!strcmp(r->access, "ro"))
            CHECK(value == was, "%s: read-only, 0x%08x became 0x%08x", r->name, was, value);
        if (strcmp(r->access, "rw"))
            continue;
        /* Bits of a field come back, others read 0; a signed field (named so) reads sign-extended. */
        uint32_t mask = field_mask(r);
        bool extended = r->field[0].name && strstr(r->field[0].text, "sign-extended");
        CHECK(value == (extended ? ~0u : mask), "%s: all ones read 0x%08x, fields 0x%08x", r->name, value,
              mask);
        write_ok(s, offset, 0x5a5a5a5a & mask);
        CHECK(read_ok(s, offset) == (0x5a5a5a5a & mask), "%s", r->name);
        write_ok(s, offset, 0);
    }
    /* The holes were errors, and one bit says so; it goes by writing 1. */
    assert_int_equal(read_ok(s, ERRORS), ERROR_BUS);
    write_ok(s, ERRORS, (uint32_t)~ERROR_BUS);
    assert_int_equal(read_ok(s, ERRORS), ERROR_BUS);
    write_ok(s, ERRORS, ERROR_BUS);
    assert_int_equal(read_ok(s, ERRORS), 0);
}

/* What the configuration registers must read, from the configuration. */
static void check_configuration(struct array_sim *s, const struct array_config *c, bool run_time_mode)
{
    bool os = c->dataflow == ARRAY_OS;
    assert_int_equal(read_ok(s, 0x00), 0x41584d31);
    assert_int_equal(read_ok(s, 0x08), (uint32_t)c->cols << 16 | (uint32_t)c->rows);
    assert_int_equal(read_ok(s, 0x0c), (uint32_t)os | (uint32_t)c->mult.is_signed << 1 |
                     (uint32_t)!c->mult.is_signed << 2 | (uint32_t)run_time_mode << 3 |
                     (uint32_t)c->order << 4 | (uint32_t)(c->pool_width > 0) << 6 |
                     (uint32_t)c->lanes << 8);
    assert_int_equal(read_ok(s, 0x10), os ? 0 : c->acc_depth);
    assert_int_equal(read_ok(s, 0x14), (uint32_t)array_x_bits(c) | (uint32_t)array_w_bits(c) << 8 |
                     (uint32_t)c->acc_bits << 16);
}

TEST(test_array_gen__registers_are_what_the_map_says)
{
    struct array_config c;
    struct array_sim *s = open_array("scdmr8s", ARRAY_WS, &c);
    for (const struct array_register *r = array_registers; r->name; r++)
        if (r->offset >= CTRL)
            CHECK(read_ok(s, r->offset) == 0, "%s is not 0 after reset", r->name);
    check_configuration(s, &c, true);
    check_every_address(s, &c);
    uint32_t value;
    assert_false(array_sim_read(s, ZERO + 1, &value));
    assert_false(array_sim_write(s, ZERO + 2, 1));
    array_sim_close(s);
}

TEST(test_array_gen__registers_of_the_other_dataflow)
{
    struct array_config c;
    struct array_sim *s = open_array("drum8u_k4", ARRAY_OS, &c);
    check_configuration(s, &c, false);
    check_every_address(s, &c);
    array_sim_close(s);
}

TEST(test_array_gen__registers_with_a_pooling_unit)
{
    struct array_config c;
    struct array_sim *s = open_pooling_array("scdmr8s", ARRAY_WS, 6, &c);
    for (const struct array_register *r = array_pool_registers; r->name; r++)
        CHECK(read_ok(s, r->offset) == (strcmp(r->name, "POOL_WIDTH") ? 0 : 6), "%s after reset", r->name);
    check_configuration(s, &c, true);
    check_every_address(s, &c);
    array_sim_close(s);
}

/* Fields do not overlap, registers neither. */
TEST(test_array_gen__the_map_is_consistent)
{
    const struct array_register *const tables[] = { array_registers, array_column_registers,
        array_pool_registers, array_pool_tap_registers };
    for (int t = 0; t < 4; t++)
        for (const struct array_register *r = tables[t]; r->name; r++) {
            uint32_t seen = 0;
            assert_true(r == tables[t] || r->offset > r[-1].offset);
            for (int i = 0; r->field[i].name; i++) {
                uint32_t mask = ((1u << r->field[i].width) - 1) << r->field[i].bit;
                CHECK(!(seen & mask), "%s.%s overlaps", r->name, r->field[i].name);
                seen |= mask;
            }
        }
}

TEST(test_array_gen__starts_that_are_not_legal_bad)
{
    static const struct { uint32_t a, b; } bad[] = { { 0, 1 }, { 1, 0 }, { 5, 1 }, { 0x10001, 1 } };
    struct array_config c;
    struct array_sim *s = open_array("scdmr8s", ARRAY_WS, &c);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_ok(s, DIM_A, bad[i].a);
        write_ok(s, DIM_B, bad[i].b);
        write_ok(s, CTRL, 1);
        assert_int_equal(read_ok(s, STATUS), 0);
        assert_int_equal(read_ok(s, ERRORS), ERROR_START);
        write_ok(s, ERRORS, ERROR_START);
    }
    array_sim_close(s);
}

/* Each of these alone makes a legal pooling set-up illegal. */
TEST(test_array_gen__pooling_that_is_not_legal_bad)
{
    enum { MODE = 0x2c, LO = 0x3c, HI = 0x40, POOL = 0x84, KERNEL = 0x88, STRIDE = 0x8c, PAD = 0x90,
           IN = 0x94, OUT = 0x98, RAW = 1 << 9 };
    static const struct { unsigned offset; uint32_t good, bad; } set[] = {
        { MODE, 0, RAW }, { ZERO, 255, 256 }, { ZERO, (uint32_t)-256, (uint32_t)-257 },
        { LO, (uint32_t)-256, (uint32_t)-257 }, { HI, 255, 256 },
        { POOL, 1, 3 }, { POOL, 2, 3 }, { KERNEL, 0x00020008, 0x00000008 },
        { KERNEL, 0x00020008, 0x00020000 }, { KERNEL, 0x00020008, 0x00020009 },
        { STRIDE, 0x00010002, 0x00000002 }, { STRIDE, 0x00010002, 0x00010000 },
        { STRIDE, 0x00010002, 0x00010001 }, { PAD, 0x00010007, 0x00010008 }, { PAD, 0x00010007, 0x00020007 },
        { IN, 0x00010001, 0x00000001 }, { IN, 0x00010001, 0x00010000 }, { OUT, 0x00060001, 0x00070001 },
        { OUT, 0x00060001, 0x00000001 }, { OUT, 0x00060001, 0x00060000 },
    };
    struct array_config c;
    struct array_sim *s = open_pooling_array("scdmr8s", ARRAY_WS, 6, &c);
    write_ok(s, DIM_A, 1);
    write_ok(s, DIM_B, 1);
    for (size_t i = 0; i < sizeof set / sizeof set[0]; i++)
        write_ok(s, set[i].offset, set[i].good);
    for (size_t i = 0; i < sizeof set / sizeof set[0]; i++) {
        write_ok(s, set[i].offset, set[i].bad);
        write_ok(s, CTRL, 1);
        CHECK(read_ok(s, STATUS) == 0, "0x%03x: 0x%x starts", set[i].offset, set[i].bad);
        assert_int_equal(read_ok(s, ERRORS), ERROR_START);
        write_ok(s, ERRORS, ERROR_START);
        write_ok(s, set[i].offset, set[i].good);
        write_ok(s, CTRL, 1);
        CHECK(read_ok(s, STATUS) == 1, "0x%03x: 0x%x does not start", set[i].offset, set[i].good);
        write_ok(s, CTRL, 1);    /* one waits: its pooling is locked, too */
        assert_false(array_sim_write(s, set[i].offset, set[i].good));
        write_ok(s, CTRL, 2);
        write_ok(s, ERRORS, 0x3ff);
        /* Without pooling nothing of it matters. */
        write_ok(s, POOL, 0);
        write_ok(s, set[i].offset, set[i].offset == POOL ? 0 : set[i].bad);
        write_ok(s, CTRL, 1);
        assert_int_equal(read_ok(s, STATUS), 1);
        write_ok(s, CTRL, 2);
        write_ok(s, set[i].offset, set[i].good);
        write_ok(s, POOL, 1);
        assert_int_equal(read_ok(s, ERRORS), 0);
    }
    array_sim_close(s);
}

/* No stream moves: one job runs, one waits with its set-up locked, a third is refused; abort ends both. */
TEST(test_array_gen__a_job_that_waits_is_locked)
{
    struct array_config c;
    struct array_sim *s = open_array("scdmr8s", ARRAY_WS, &c);
    write_ok(s, DIM_A, 4);
    write_ok(s, DIM_B, 1);
    write_ok(s, CTRL, 1);
    assert_int_equal(read_ok(s, STATUS), 1);
    write_ok(s, CTRL, 1);
    assert_int_equal(read_ok(s, STATUS), 3);
    for (unsigned offset = 0x2c; offset <= 0x40; offset += 4)
        CHECK(!array_sim_write(s, offset, 1), "0x%03x", offset);
    assert_false(array_sim_write(s, ARRAY_COLUMN_BASE, 1));
    assert_int_equal(read_ok(s, DIM_A), 4);
    write_ok(s, CTRL, 1);
    assert_int_equal(read_ok(s, ERRORS), ERROR_START | ERROR_BUS);
    write_ok(s, CTRL, 2);
    assert_int_equal(read_ok(s, STATUS), 0);
    write_ok(s, DIM_A, 3);
    array_sim_close(s);
}

/* TIMEOUT below what a job has waited already must count, too. */
TEST(test_array_gen__bug_timeout_set_late)
{
    for (int d = ARRAY_WS; d <= ARRAY_OS; d++) {
        struct array_config c;
        struct array_sim *s = open_array("scdmr8s", d, &c);
        write_ok(s, DIM_A, 1);
        write_ok(s, DIM_B, 1);
        write_ok(s, CTRL, 1);
        for (int i = 0; i < 50; i++)
            assert_int_equal(read_ok(s, STATUS) & 1, 1);
        write_ok(s, TIMEOUT, 20);
        for (int i = 0; i < 50; i++)
            (void)read_ok(s, STATUS);
        assert_int_equal(read_ok(s, STATUS), 0);
        assert_int_equal(read_ok(s, ERRORS), ERROR_TIMEOUT);
        array_sim_close(s);
    }
}
