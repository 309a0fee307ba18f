/* Specs: the grammar, its errors, and the enumeration of the family table. */
#include "tests/harness.h"

#include <ctype.h>

#include "cmodel/spec.h"

/* --- messages ---------------------------------------------------------------- */

static int messages;
static char message[2048];

static void keep_message(void *user, enum axm_status st, const char *line)
{
    (void)user;
    (void)st;
    messages++;
    snprintf(message, sizeof message, "%s", line);
}

/* Parsing fails with exactly one message of one line, which is returned. */
static const char *parse_error(const char *text)
{
    struct axm_spec out, before;
    memset(&out, 0x5a, sizeof out);
    before = out;
    messages = 0;
    axm_set_message_handler(keep_message, NULL);
    enum axm_status st = axm_spec_parse(text, &out);
    axm_set_message_handler(NULL, NULL);
    CHECK(st == AXM_USAGE, "%.100s: status %d", text, st);
    CHECK(messages == 1, "%.100s: %d messages", text, messages);
    CHECK(!strpbrk(message, "\n\r\t"), "%.100s: more than one line", text);
    CHECK(!memcmp(&out, &before, sizeof out), "%.100s: *out was touched", text);
    return message;
}

static struct axm_spec parsed(const char *text)
{
    struct axm_spec s;
    CHECK(axm_spec_parse(text, &s) == AXM_OK, "%s", text);
    return s;
}

static void check_canonical(const char *text, const char *want)
{
    struct axm_spec s = parsed(text);
    char got[AXM_SPEC_MAX];
    axm_spec_print(&s, got);
    CHECK(!strcmp(got, want), "%s prints as %s, want %s", text, got, want);
}

/* --- spelling ------------------------------------------------------------------ */

TEST(test_spec__canonical_spelling_is_kept)
{
    static const char *const specs[] = {
        "exact8s", "exact8x4u", "array12u_cla", "wallace2u_bk", "dadda8u_ks", "booth32x31s",
        "cdm8u_x7_y3", "scdm8s_x5_y2", "scdm12s_x5_y4_z3", "scdm12x4s_x14",
        "cdm4x32u_x0_y1_z2_w3_v4_u5_t6_s0", "cdmr8u", "scdmr8s_x5_y2", "scdmr8s_y2",
        "trunc8u_l3_m3", "trunc8x4u_l2_m0", "trunc8u_c8", "trunc8u_c8_const", "trunc8s_c1_var",
        "drum16u_k6", "drum8s_k4_oc1", "mitchell12s_t5", "mitchell8u_t7", "mitchell8u_t0",
        "bam8u_h2_v5", "tosam16u_h0_t2",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        check_canonical(specs[i], specs[i]);
}

TEST(test_spec__other_spellings_have_one_canonical_form)
{
    check_canonical("exact8x8u", "exact8u");
    check_canonical("scdm12s_z3_x5_y4", "scdm12s_x5_y4_z3");
    check_canonical("trunc8u_const_c8", "trunc8u_c8_const");
    check_canonical("trunc8u_c8_none", "trunc8u_c8");
    check_canonical("dadda8u_rca", "dadda8u");
    check_canonical("mitchell8u", "mitchell8u_t7");
    check_canonical("mitchell4x9u", "mitchell4x9u_t8");
    check_canonical("drum8s_k4_oc0", "drum8s_k4");
    check_canonical("scdmr8s_x0_y0", "scdmr8s");
}

TEST(test_spec__published_names_are_aliases)
{
    check_canonical("SCDM8_52", "scdm8s_x5_y2");
    check_canonical("SCDM8_0a", "scdm8s_x0_y10");
    check_canonical("CDM8_73", "cdm8u_x7_y3");
    check_canonical("DRUM6_16_u", "drum16u_k6");
    check_canonical("DRUM3_8_s", "drum8s_k3");
    assert_string_equal(parse_error("SCDM8_5f"), "SCDM8_5f: y must be 0..10, got 15");
    assert_string_equal(parse_error("DRUM9_8_u"), "DRUM9_8_u: k must be 2..8, got 9");
    static const char *const bad[] = {
        "SCDM8_5", "SCDM8_5A", "SCDM8_523", "SCDM8_52_", "SCDM12_523", "scdm8_52", "DRUM6_16", "DRUM6_16_x",
        "DRUM_16_u", "DRUM6_16_u_", "DRUM99999999999_16_u", "CDM8_", "DRUM",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        parse_error(bad[i]);
}

TEST(test_spec__circuit_name_leaves_out_port_values)
{
    struct axm_spec s = parsed("scdmr8s_x5_y2");
    char name[AXM_SPEC_MAX];
    axm_spec_print_circuit(&s, name);
    assert_string_equal(name, "scdmr8s");
    s = parsed("scdm8s_x5_y2");
    axm_spec_print_circuit(&s, name);
    assert_string_equal(name, "scdm8s_x5_y2");
}

TEST(test_spec__parameters_land_where_the_table_says)
{
    struct axm_spec s = parsed("trunc8x4s_c7_var");
    assert_int_equal(s.width_a, 8);
    assert_int_equal(s.width_b, 4);
    assert_true(s.is_signed);
    assert_int_equal(s.form, 1);
    assert_int_equal(s.p[axm_param_find(s.family, "c")], 7);
    assert_int_equal(s.p[axm_param_find(s.family, "var")], 2);
    assert_false(axm_param_exists(&s, axm_param_find(s.family, "l")));
    assert_int_equal(axm_param_find(s.family, "q"), -1);
    assert_ptr_equal(s.family, axm_family_find("trunc"));
    assert_null(axm_family_find("trun"));
    assert_true(axm_spec_equal(&s, &s));
    struct axm_spec other = parsed("trunc8x4s_c7_const");
    assert_false(axm_spec_equal(&s, &other));
}

/* --- errors -------------------------------------------------------------------- */

TEST(test_spec__errors_say_what_is_legal)
{
#define TRUNC_TAKES "trunc8u takes l 0..7 and m 0..7, or c 1..15 and none|const|var (default none)"
    static const struct { const char *text, *want; } cases[] = {
        { "drum", "a width must follow the family, as in drum8u" },
        { "scdm_x5", "a width must follow the family, as in scdm8s" },
        { "drum08u_k2", "width must be 2..32 in plain decimal, got \"08\"" },
        { "drum1u_k2", "width must be 2..32, got 1" },
        { "drum33u_k2", "width must be 2..32, got 33" },
        { "drum8x33u_k2", "width of b must be 2..32, got 33" },
        { "drum33x8u_k2", "width of a must be 2..32, got 33" },
        { "drum8xu_k2", "width of b must be 2..32 in plain decimal, got \"\"" },
        { "drum99999999999999999999u_k2", "width must be 2..32, got 99999999999999999999" },
        { "cdm6u_x1", "width must be a multiple of 4, 4..32, got 6" },
        { "cdm8x6u_x1", "width of b must be a multiple of 4, 4..32, got 6" },
        { "exact8", "s (signed) or u (unsigned) must follow the width" },
        { "exact8_u", "s (signed) or u (unsigned) must follow the width" },
        { "cdm8s_x1_y1", "cdm is unsigned (u) only" },
        { "scdm8u_x1_y1", "scdm is signed (s) only" },
        { "drum8u_k9", "k must be 2..8, got 9" },
        { "drum8u_k1", "k must be 2..8, got 1" },
        { "drum4x9u_k10", "k must be 2..9, got 10" },
        { "drum8u_k4294967300", "k must be 2..8, got 4294967300" },
        { "drum8u_k18446744073709551620", "k must be 2..8, got 18446744073709551620" },
        { "drum8u_k04", "k must be 2..8 in plain decimal, got \"04\"" },
        { "drum8u_k-4", "k must be 2..8 in plain decimal, got \"-4\"" },
        { "drum8u_k+4", "k must be 2..8 in plain decimal, got \"+4\"" },
        { "drum8u_k", "k must be 2..8 in plain decimal, got \"\"" },
        { "drum8u_k4x", "k must be 2..8 in plain decimal, got \"4x\"" },
        { "drum8u_k 4", "k must be 2..8 in plain decimal, got \" 4\"" },
        { "bam8x4u_h4_v0", "h must be 0..3, got 4" },
        { "bam8x4u_h0_v12", "v must be 0..11, got 12" },
        { "mitchell8x4u_t8", "t must be 0..7, got 8" },
        { "tosam8u_h8_t0", "h must be 0..7, got 8" },
        { "scdm8s_x11_y0", "x must be 0..10, got 11" },
        { "scdmr8s_x11", "x must be 0..10, got 11" },
        { "trunc8x4u_l8_m0", "l must be 0..7, got 8" },
        { "trunc8x4u_l0_m4", "m must be 0..3, got 4" },
        { "trunc8u_c16", "c must be 1..15, got 16" },
        { "trunc8u_c0", "c must be 1..15, got 0" },
        { "drum8u", "k is missing; drum8u takes k 2..8" },
        { "drum8s", "k is missing; drum8s takes k 2..8 and oc 0..1 (default 0)" },
        { "scdm8s_x5", "y is missing; scdm8s takes x 0..10 and y 0..10" },
        { "trunc8u", "l is missing; " TRUNC_TAKES },
        { "trunc8u_m2", "l is missing; " TRUNC_TAKES },
        { "trunc8u_const", "c is missing; " TRUNC_TAKES },
        { "trunc8u_l3_c4", "these parameters do not stand together; " TRUNC_TAKES },
        { "trunc8u_l3_m3_const", "these parameters do not stand together; " TRUNC_TAKES },
        { "trunc8u_ks", "no parameter \"ks\"; " TRUNC_TAKES },
        { "drum8u_4", "no parameter \"4\"; drum8u takes k 2..8" },
        { "drum8u_", "no parameter \"\"; drum8u takes k 2..8" },
        { "drum8u_k4_", "no parameter \"\"; drum8u takes k 2..8" },
        { "exact8u_k2", "no parameter \"k2\"; exact8u takes no parameters" },
        { "dadda8u_ks4", "no parameter \"ks4\"; dadda8u takes rca|cla|ks|bk (default rca)" },
        { "drum8u_k4_oc1", "oc is for signed operands only" },
        { "cdm8x4u_x1_y2", "y needs a b of 8 bits or more, it has 4" },
        { "drum8u_k3_k4", "k4 is a second value of one parameter; drum8u takes k 2..8" },
        { "dadda8u_ks_bk",
          "bk is a second value of one parameter; dadda8u takes rca|cla|ks|bk (default rca)" },
        { "exact8uq", "trailing text \"q\"; parameters start with _" },
        { "exact8u ", "trailing text \" \"; parameters start with _" },
        { "exact8ss", "trailing text \"s\"; parameters start with _" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[2048];
        snprintf(want, sizeof want, "%s: %s", cases[i].text, cases[i].want);
        const char *got = parse_error(cases[i].text);
        CHECK(!strcmp(got, want), "got  %s\nwant %s", got, want);
    }
}

TEST(test_spec__unknown_family_is_told_every_known_one)
{
    static const char *const cases[][2] = {
        { "foo8u", "foo" }, { "Exact8u", "Exact" }, { "exac8u", "exac" }, { "", "" }, { "8u", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[64];
        snprintf(want, sizeof want, "%s: no family \"%s\"; families are exact, array, ", cases[i][0],
                 cases[i][1]);
        const char *got = parse_error(cases[i][0]);
        CHECK(!strncmp(got, want, strlen(want)), "got  %s\nwant %s", got, want);
        for (const struct axm_family *f = axm_families; f->name; f++)
            CHECK(strstr(got, f->name), "%s is not in: %s", f->name, got);
    }
}

TEST(test_spec__hostile_text_gives_one_short_line)
{
    static const char *const heads[] = {
        "", "drum8u_k", "drum", "exact8u_", "exact", "DRUM", "trunc8u_l1_m1_c",
    };
    static const char fill[] = { 'a', '9', '_', '%', '\n', '\x80', '0', 'x' };
    enum { LONG = 100000 };
    char *text = malloc(LONG + 1);
    assert_non_null(text);
    for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
        for (size_t f = 0; f < sizeof fill; f++) {
            memset(text, fill[f], LONG);
            memcpy(text, heads[h], strlen(heads[h]));
            text[LONG] = '\0';
            const char *got = parse_error(text);
            CHECK(strlen(got) < 512, "%zu characters", strlen(got));
            for (const char *p = got; *p; p++)
                CHECK(isprint((unsigned char)*p), "not printable: %d", *p);
        }
    }
    free(text);
}

/* --- the table and its enumeration ------------------------------------------------ */

static long count_specs(const char *family, int width_a, int width_b, bool is_signed)
{
    struct axm_spec_iter it = { 0 };
    long n = 0;
    while (axm_spec_next(&it, axm_family_find(family), width_a, width_b, is_signed))
        n++;
    return n;
}

TEST(test_spec__enumeration_yields_every_combination)
{
    assert_int_equal(count_specs("exact", 8, 8, true), 1);
    assert_int_equal(count_specs("dadda", 8, 8, false), 4);
    assert_int_equal(count_specs("cdm", 8, 8, false), 11 * 11);
    assert_int_equal(count_specs("scdm", 12, 12, true), 15 * 15 * 15);
    assert_int_equal(count_specs("scdm", 8, 4, true), 11);
    assert_int_equal(count_specs("scdmr", 8, 8, true), 1);
    assert_int_equal(count_specs("trunc", 8, 8, false), 8 * 8 + 15 * 3);
    assert_int_equal(count_specs("trunc", 8, 3, true), 8 * 3 + 10 * 3);
    assert_int_equal(count_specs("drum", 8, 8, false), 7);
    assert_int_equal(count_specs("drum", 8, 8, true), 7 * 2);
    assert_int_equal(count_specs("mitchell", 8, 8, true), 8);
    assert_int_equal(count_specs("mitchell", 4, 8, true), 8);
    assert_int_equal(count_specs("bam", 8, 4, false), 4 * 12);
    assert_int_equal(count_specs("tosam", 8, 8, false), 8 * 8);
}

TEST(test_spec__enumeration_of_what_a_family_has_not_is_empty)
{
    assert_int_equal(count_specs("cdm", 8, 8, true), 0);
    assert_int_equal(count_specs("scdm", 8, 8, false), 0);
    assert_int_equal(count_specs("cdm", 8, 6, false), 0);
    assert_int_equal(count_specs("exact", 1, 8, false), 0);
    assert_int_equal(count_specs("exact", 8, 33, false), 0);
}

/* Order of two specs of one family and width: by form, then parameters. */
static int spec_order(const struct axm_spec *x, const struct axm_spec *y)
{
    if (x->form != y->form)
        return x->form - y->form;
    for (int i = 0; i < AXM_PARAMS; i++)
        if (x->p[i] != y->p[i])
            return x->p[i] - y->p[i];
    return 0;
}

TEST(test_spec__every_enumerated_spec_round_trips)
{
    static const int widths[][2] = {
        { 8, 8 }, { 8, 2 }, { 8, 3 }, { 8, 4 }, { 8, 5 }, { 8, 6 }, { 8, 7 }, { 4, 8 }, { 2, 2 }, { 32, 32 },
    };
    for (const struct axm_family *f = axm_families; f->name; f++) {
        for (size_t w = 0; w < 2 * sizeof widths / sizeof *widths; w++) {
            struct axm_spec_iter it = { 0 };
            struct axm_spec last = { 0 };
            long n = 0;
            while (n < 20000 && axm_spec_next(&it, f, widths[w / 2][0], widths[w / 2][1], w % 2)) {
                char text[AXM_SPEC_MAX];
                axm_spec_print(&it.spec, text);
                struct axm_spec back = parsed(text);
                CHECK(axm_spec_equal(&it.spec, &back), "%s", text);
                for (const char *p = text; *p; p++)
                    CHECK(islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_', "%s", text);
                CHECK(n == 0 || spec_order(&last, &it.spec) < 0, "%s is out of order", text);
                last = it.spec;
                n++;
            }
        }
    }
}

TEST(test_spec__table_is_sound)
{
    for (const struct axm_family *f = axm_families; f->name; f++) {
        assert_int_equal(axm_family_index(f), f - axm_families);
        assert_ptr_equal(axm_family_find(f->name), f);
        for (const char *p = f->name; *p; p++)
            CHECK(islower((unsigned char)*p), "%s", f->name);
        CHECK(f->brief && f->paper && f->model && (f->unsigned_ok || f->signed_ok), "%s", f->name);
        for (int i = 0; i < axm_param_count(f); i++) {
            const struct axm_param *p = &f->param[i];
            CHECK(p->help && !p->key[0] == !!p->words, "%s parameter %d", f->name, i);
            if (!p->words)
                CHECK(axm_param_find(f, p->key) == i, "%s: two %s", f->name, p->key);
            for (int w = 0; p->words && p->words[w]; w++)
                CHECK(axm_param_find(f, p->words[w]) == i, "%s: two %s", f->name, p->words[w]);
        }
    }
}

TEST(test_spec__ranges_and_defaults_are_consistent_at_every_width)
{
    for (const struct axm_family *f = axm_families; f->name; f++) {
        for (int n = f->width_a_min; n <= f->width_a_max; n++) {
            for (int m = f->width_b_min; m <= f->width_b_max; m++) {
                struct axm_spec_iter it = { 0 };
                if (!axm_spec_next(&it, f, n, m, f->signed_ok))
                    continue;
                for (int i = 0; i < axm_param_count(f); i++) {
                    int lo, hi;
                    axm_param_range(&it.spec, i, &lo, &hi);
                    CHECK(lo >= 0 && lo <= hi, "%s %dx%d parameter %d: %d..%d", f->name, n, m, i, lo, hi);
                }
            }
        }
    }
    check_canonical("mitchell2u", "mitchell2u_t1");
    check_canonical("mitchell32s", "mitchell32s_t31");
}
