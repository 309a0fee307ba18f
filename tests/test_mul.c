/* Multipliers by spec, by table and by circuit, through one interface. */
#include "tests/harness.h"

#include "base/rng.h"
#include "cmodel/lut.h"
#include "cmodel/mul.h"

static int messages;
static char message[512];

static void keep_message(void *user, enum axm_status st, const char *line)
{
    (void)user;
    (void)st;
    messages++;
    snprintf(message, sizeof message, "%s", line);
}

/* What opening reports; it must fail with this status and one message. */
static const char *open_error(const char *spec, enum axm_status want)
{
    struct axm_mul *m = NULL;
    messages = 0;
    axm_set_message_handler(keep_message, NULL);
    enum axm_status st = axm_mul_open(spec, &m);
    axm_set_message_handler(NULL, NULL);
    CHECK(st == want && messages == 1 && !m, "%s: status %d, %d messages", spec, st, messages);
    return message;
}

static struct axm_mul *opened(const char *spec)
{
    struct axm_mul *m;
    CHECK(axm_mul_open(spec, &m) == AXM_OK, "%s", spec);
    return m;
}

TEST(test_mul__family_opens_under_its_canonical_name)
{
    struct axm_mul *m = opened("SCDM8_52");
    assert_string_equal(axm_mul_name(m), "scdm8s_x5_y2");
    assert_int_equal(axm_mul_width_a(m), 8);
    assert_int_equal(axm_mul_width_b(m), 8);
    assert_int_equal(axm_mul_width_product(m), 16);
    assert_true(axm_mul_signed(m));
    assert_string_equal(axm_mul_spec(m)->family->name, "scdm");
    axm_mul_close(m);
    m = opened("trunc8x4u_l2_m0");
    assert_int_equal(axm_mul_width_a(m), 8);
    assert_int_equal(axm_mul_width_b(m), 4);
    assert_int_equal(axm_mul_width_product(m), 12);
    assert_false(axm_mul_signed(m));
    axm_mul_close(m);
    axm_mul_close(NULL);
}

TEST(test_mul__products_are_patterns_of_patterns)
{
    struct axm_mul *m = opened("exact8s");
    assert_int_equal(axm_eval(m, 0xfd, 5), 0xfff1);           /* -3 x 5 = -15 */
    assert_int_equal(axm_eval(m, 0xabcdfd, 0x305), 0xfff1);   /* bits above the width are ignored */
    assert_int_equal(axm_eval_exact(m, 0x1fd, 0x105), 0xfff1);
    assert_int_equal(axm_mul_value(m, 0xfff1, 16), -15);
    assert_int_equal(axm_mul_value(m, 0xfd, 8), -3);
    axm_mul_close(m);
    m = opened("exact8u");
    assert_int_equal(axm_mul_value(m, 0xfff1, 16), 0xfff1);
    axm_mul_close(m);
    m = opened("trunc8u_l4_m4");
    assert_int_equal(axm_eval(m, 0x1f, 0x2f), 0x10 * 0x20);
    assert_int_equal(axm_eval_exact(m, 0x1f, 0x2f), 0x1f * 0x2f);
    axm_mul_close(m);
}

TEST(test_mul__products_in_bulk_equal_single_ones)
{
    enum { SEED = 1, MAX = 1000 };
    static const char *const specs[] = {
        "exact16s", "scdm8s_x5_y2", "bam12u_h3_v7", "trunc20s_c13_var", "drum16s_k6", "mitchell8x5s",
        "tosam32u_h31_t2", "tosam32s_h31_t2",
    };
    static const size_t lengths[] = { 0, 1, 7, 255, 256, 257, 511, 513, 999 };
    static uint32_t a[MAX], b[MAX];
    static uint64_t p[MAX];
    struct rng r;
    rng_init(&r, SEED, 0);
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        struct axm_mul *m = opened(specs[k]);
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            for (size_t i = 0; i < MAX; i++) {
                a[i] = (uint32_t)rng_next(&r);
                b[i] = (uint32_t)rng_next(&r);
                p[i] = 0xdeadbeef;
            }
            axm_eval_many(m, a + 1, b + 1, p + 1, lengths[l]);   /* not aligned */
            CHECK(p[0] == 0xdeadbeef && (lengths[l] == MAX - 1 || p[lengths[l] + 1] == 0xdeadbeef),
                  "%s: written outside", specs[k]);
            for (size_t i = 1; i <= lengths[l]; i++)
                CHECK(p[i] == axm_eval(m, a[i], b[i]), "%s: 0x%x 0x%x", specs[k], a[i], b[i]);
        }
        axm_mul_close(m);
    }
}

TEST(test_mul__table_gives_its_entries)
{
    int32_t value[1 << 5];
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < 4; b++)
            value[a << 2 | b] = a - 3 * b;   /* -9..7: any function will do */
    struct axm_lut lut = { .width_a = 3, .width_b = 2, .is_signed = true, .value = value };
    struct axm_mul *m;
    assert_int_equal(axm_mul_open_lut("mine", &lut, &m), AXM_OK);
    value[5 << 2 | 3] = 0;   /* it has a copy */
    assert_string_equal(axm_mul_name(m), "mine");
    assert_null(axm_mul_spec(m));
    assert_int_equal(axm_mul_width_product(m), 5);
    assert_int_equal(axm_eval(m, 5, 3), 0x1c);           /* -4 in 5 bits */
    assert_int_equal(axm_eval(m, 5 + 8, 3 + 4), 0x1c);
    assert_int_equal(axm_eval_exact(m, 5, 3), 3);        /* -3 x -1 */
    uint32_t a[] = { 0, 7, 13 }, b[] = { 0, 1, 7 };
    uint64_t p[3];
    axm_eval_many(m, a, b, p, 3);
    assert_int_equal(p[0], 0);
    assert_int_equal(p[1], 4);
    assert_int_equal(p[2], 0x1c);
    axm_mul_close(m);
}

static enum axm_status load_nothing(const char *spec, struct axm_mul **out)
{
    int32_t value[16] = { [15] = 9 };
    struct axm_lut lut = { .width_a = 2, .width_b = 2, .value = value };
    return axm_mul_open_lut(spec, &lut, out);
}

TEST(test_mul__circuits_go_to_the_loader)
{
    axm_set_verilog_loader(NULL);
    assert_string_equal(open_error("verilog:x.v:u", AXM_ENV),
                        "verilog:x.v:u: this program has no Verilog loader");
    axm_set_verilog_loader(load_nothing);
    struct axm_mul *m = opened("verilog:x.v:u");
    axm_set_verilog_loader(NULL);
    assert_string_equal(axm_mul_name(m), "verilog:x.v:u");
    assert_int_equal(axm_eval(m, 3, 3), 9);
    axm_mul_close(m);
}

TEST(test_mul__bad_specs_are_usage_errors)
{
    assert_string_equal(open_error("drum8u_k9", AXM_USAGE), "drum8u_k9: k must be 2..8, got 9");
    open_error("lut", AXM_USAGE);
    open_error("verilog", AXM_USAGE);
    open_error("", AXM_USAGE);
}

TEST(test_mul__specs_filled_by_hand_are_checked)
{
    struct axm_spec s;
    struct axm_mul *m = NULL;
    assert_int_equal(axm_spec_parse("drum8u_k4", &s), AXM_OK);
    s.p[0] = 9;
    axm_set_message_handler(keep_message, NULL);
    enum axm_status st = axm_mul_open_spec(&s, &m);
    axm_set_message_handler(NULL, NULL);
    assert_int_equal(st, AXM_USAGE);
    assert_null(m);

    /* Port values may be whatever the port carries: 15 is past the last column. */
    assert_int_equal(axm_spec_parse("cdmr8u_y2", &s), AXM_OK);
    s.p[0] = 15;
    assert_int_equal(axm_mul_open_spec(&s, &m), AXM_OK);
    assert_string_equal(axm_mul_name(m), "cdmr8u_x15_y2");
    struct axm_mul *last = opened("cdm8u_x10_y2");
    for (uint64_t a = 0; a < 256; a++)
        for (uint64_t b = 0; b < 256; b++)
            CHECK(axm_eval(m, a, b) == axm_eval(last, a, b), "%d %d", (int)a, (int)b);
    axm_mul_close(last);
    axm_mul_close(m);
}
