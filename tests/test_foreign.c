#include "tests/harness.h"

#include "base/proc.h"
#include "cmodel/mul.h"
#include "sim/foreign.h"

#define DATA "tests/data/foreign/"

static void need_tools(void)
{
    if (!proc_have("yosys") || !proc_have("verilator"))
        SKIP("no yosys or no verilator");
    axm_enable_verilog();
}

static struct axm_mul *open_ok(const char *spec)
{
    struct axm_mul *m = NULL;
    CHECK(axm_mul_open(spec, &m) == AXM_OK, "%s: %s", spec, axm_last_message());
    return m;
}

TEST(test_foreign__behavioural_signed_is_exact)
{
    need_tools();
    struct axm_mul *m = open_ok("verilog:" DATA "behavioural.v:s");
    assert_int_equal(axm_mul_width_a(m), 5);
    assert_int_equal(axm_mul_width_b(m), 3);
    assert_true(axm_mul_signed(m));
    for (int a = -16; a < 16; a++)
        for (int b = -4; b < 4; b++) {
            uint64_t p = axm_eval(m, a & 31, b & 7);
            CHECK(axm_mul_value(m, p, 8) == a * b, "%d x %d: %d", a, b, (int)axm_mul_value(m, p, 8));
        }
    axm_mul_close(m);
}

/* The published truth table: exact but for 3 x 3 = 7. */
TEST(test_foreign__gates_in_evoapprox_style_give_their_table)
{
    need_tools();
    struct axm_mul *m = open_ok("verilog:" DATA "gates.v:u");
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = 0; b < 4; b++)
            CHECK(axm_eval(m, a, b) == (a == 3 && b == 3 ? 7 : a * b), "%u x %u: %u", a, b,
                  (unsigned)axm_eval(m, a, b));
    axm_mul_close(m);
}

TEST(test_foreign__named_ports_and_top_above_a_block)
{
    need_tools();
    struct axm_mul *m = open_ok("verilog:" DATA "hierarchy.v:u:a=multiplicand:b=multiplier:o=product");
    for (unsigned a = 0; a < 16; a++)
        for (unsigned b = 0; b < 16; b++)
            assert_int_equal(axm_eval(m, a, b), a * b);
    axm_mul_close(m);
}

/* b is the low part of the address: swapping the named ports must show. */
TEST(test_foreign__top_is_chosen_and_operands_keep_their_order)
{
    need_tools();
    struct axm_mul *m = open_ok("verilog:" DATA "two_tops.v:second:u");
    struct axm_mul *swapped = open_ok("verilog:" DATA "two_tops.v:second:u:a=b:b=a:o=y");
    assert_int_equal(axm_eval(m, 2, 1), 2 | 1 << 2);
    assert_int_equal(axm_eval(swapped, 2, 1), 1 | 2 << 2);
    axm_mul_close(m);
    axm_mul_close(swapped);
}

static void check_rejected(const char *spec, const char *says)
{
    struct axm_mul *m = NULL;
    enum axm_status st = axm_mul_open(spec, &m);
    CHECK(st == AXM_USAGE, "%s: status %d", spec, st);
    CHECK(strstr(axm_last_message(), says), "%s: message \"%s\" lacks \"%s\"", spec, axm_last_message(),
          says);
    assert_null(m);
}

TEST(test_foreign__unusable_files_are_rejected_by_name_bad)
{
    need_tools();
    check_rejected("verilog:" DATA "registered_bad.v:u", "dff on line 2");
    check_rejected("verilog:" DATA "latch_bad.v:u", "dlatch on line 3");
    check_rejected("verilog:" DATA "narrow_bad.v:u", "8 + 8 = 16 bits, got 8");
    check_rejected("verilog:" DATA "ports_bad.v:u", "input left[4], input right[4], output result[8]");
    check_rejected("verilog:" DATA "third_input_bad.v:u", "enable[1]");
    check_rejected("verilog:" DATA "syntax_bad.v:u", "syntax error");
    check_rejected("verilog:" DATA "wide_bad.v:u", "at most 24 operand bits");
    check_rejected("verilog:" DATA "two_tops.v:u", "first or second");
    check_rejected("verilog:" DATA "two_tops.v:third:u", "third");
}

TEST(test_foreign__malformed_specs_are_rejected_bad)
{
    need_tools();
    check_rejected("verilog:" DATA "gates.v", "signed or unsigned");
    check_rejected("verilog:" DATA "gates.v:u:s", "once");
    check_rejected("verilog:" DATA "gates.v:u:a=A", "go together");
    check_rejected("verilog:" DATA "gates.v:u:q=A", "options are");
    check_rejected("verilog:" DATA "gates.v:u:a=A:b=B:o=P", "A, B and output P");
    check_rejected("verilog::u", "file name");
}
