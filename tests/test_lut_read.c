/* Somebody else's tables: .npy and raw files, as they come. */
#include "tests/harness.h"

#include "base/file.h"
#include "base/proc.h"
#include "cmodel/lut.h"
#include "tests/capture.h"

/* --- tables that show every confusion of order, sign and byte ------------------- */

/* a has 4 bits, b 3: all entries differ and fill their 7 bits, -64..63 or 0..127. */
static int expected(int a, int b, bool is_signed)
{
    return 8 * a + b + (is_signed ? 4 : 0);
}

static void check_table(const struct axm_lut *l, bool is_signed, const char *what)
{
    CHECK(l->width_a == 4 && l->width_b == 3 && l->is_signed == is_signed, "%s: %d x %d", what, l->width_a,
          l->width_b);
    for (int a = is_signed ? -8 : 0; a < (is_signed ? 8 : 16); a++)
        for (int b = is_signed ? -4 : 0; b < (is_signed ? 4 : 8); b++) {
            int got = axm_lut_at(l, (uint32_t)a & 15, (uint32_t)b & 7), want = expected(a, b, is_signed);
            CHECK(got == want, "%s: %d x %d is %d, got %d", what, a, b, want, got);
        }
}

/* Operand that stands at an index of the file. */
static int operand(int index, int size, bool is_signed, bool by_value)
{
    if (!is_signed)
        return index;
    return by_value ? index - size / 2 : index < size / 2 ? index : index - size;
}

struct variant {
    const char *descr;
    bool is_signed, transposed, by_value, column_major;
};

static void put(struct strbuf *b, int value, int bytes, bool big_endian)
{
    for (int i = 0; i < bytes; i++) {
        char byte = (char)((unsigned)value >> 8 * (big_endian ? bytes - 1 - i : i) & 255);
        strbuf_add(b, &byte, 1);
    }
}

static void put_elements(struct strbuf *b, const struct variant *v)
{
    int rows = v->transposed ? 8 : 16, columns = v->transposed ? 16 : 8, bytes = v->descr[2] - '0';
    for (int i = 0; i < rows * columns; i++) {
        int r = v->column_major ? i % rows : i / columns, c = v->column_major ? i / rows : i % columns;
        int x = operand(r, rows, v->is_signed, v->by_value);
        int y = operand(c, columns, v->is_signed, v->by_value);
        int entry = v->transposed ? expected(y, x, v->is_signed) : expected(x, y, v->is_signed);
        put(b, entry, bytes, v->descr[0] == '>');
    }
}

/* magic, version, length of the header, header */
static void put_npy_header(struct strbuf *b, int version, const char *dict)
{
    strbuf_add(b, "\x93NUMPY", 6);
    put(b, version, 1, false);
    put(b, 0, 1, false);
    put(b, (int)strlen(dict), version == 1 ? 2 : 4, false);
    strbuf_adds(b, dict);
}

static struct axm_lut_options options_of(const struct variant *v)
{
    return (struct axm_lut_options){ v->is_signed, v->transposed, v->is_signed ? v->by_value : -1, 0, 0, 0 };
}

/* Number i of the 8 orders that a table of a type can have. */
static struct variant variant(const char *descr, int i)
{
    return (struct variant){ descr, descr[1] == 'i', i & 1, i >> 1 & 1, i >> 2 };
}

TEST(test_lut_read__npy_of_every_type_and_order)
{
    static const char *const types[] = { "|i1", "<i1", ">i1", "<i2", ">i2", "<i4", ">i4",
                                         "|u1", "<u2", ">u2", "<u4", ">u4" };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int order = 0; order < 8; order++)
            for (int version = 1; version <= 3; version++) {
                struct variant v = variant(types[t], order);
                struct strbuf b = { 0 };
                char dict[128], what[160];
                struct axm_lut_options o = options_of(&v);
                struct axm_lut l;
                snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", v.descr,
                         v.column_major ? "True" : "False", v.transposed ? "(8, 16)" : "(16, 8)");
                snprintf(what, sizeof what, "version %d %s", version, dict);
                put_npy_header(&b, version, dict);
                put_elements(&b, &v);
                CHECK(axm_lut_parse_npy(b.s, b.len, "t", &o, &l) == AXM_OK, "%s", what);
                check_table(&l, v.is_signed, what);
                axm_lut_release(&l);
                strbuf_release(&b);
            }
}

/* An unsigned multiplier's table may have a signed type, if it fits. */
TEST(test_lut_read__element_type_and_sign_are_independent)
{
    const struct variant v = { .descr = "<i2" };
    struct strbuf b = { 0 };
    struct axm_lut_options o = options_of(&v);
    struct axm_lut l;
    put_npy_header(&b, 1, "{'descr': '<i2', 'fortran_order': False, 'shape': (16, 8)}");
    put_elements(&b, &v);
    assert_int_equal(axm_lut_parse_npy(b.s, b.len, "t", &o, &l), AXM_OK);
    check_table(&l, false, "unsigned, int16");
    axm_lut_release(&l);
    strbuf_release(&b);
}

TEST(test_lut_read__raw_of_every_type_and_order)
{
    static const struct { const char *descr; int element; } types[] = {
        { "<i2", 'h' }, { "<u2", 'H' }, { "<i4", 'i' },
    };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int order = 0; order < 4; order++) {   /* row-major */
            struct variant v = variant(types[t].descr, order);
            struct strbuf b = { 0 };
            struct axm_lut_options o = options_of(&v);
            struct axm_lut l;
            o.element = types[t].element;
            o.width_a = 4;
            o.width_b = 3;
            put_elements(&b, &v);
            assert_int_equal(axm_lut_parse_raw(b.s, b.len, "t", &o, &l), AXM_OK);
            check_table(&l, v.is_signed, v.descr);
            axm_lut_release(&l);
            strbuf_release(&b);
        }
}

/* --- headers ------------------------------------------------------------------- */

/* Parses a header with the 2 x 2 bit table of zeros behind it. */
static enum axm_status parse_header(const char *dict, struct capture *c)
{
    static const char zeros[32];
    static const struct axm_lut_options o = { .is_signed = 0, .transposed = 0, .by_value = -1 };
    struct strbuf b = { 0 };
    struct axm_lut l;
    put_npy_header(&b, 1, dict);
    strbuf_add(&b, zeros, sizeof zeros);
    capture_begin(c);
    enum axm_status st = axm_lut_parse_npy(b.s, b.len, "t", &o, &l);
    capture_end(c);
    if (st == AXM_OK)
        axm_lut_release(&l);
    strbuf_release(&b);
    return st;
}

TEST(test_lut_read__npy_headers_that_are_legal)
{
    static const char *const dicts[] = {
        "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4), }          \n",
        "{'shape': (4, 4,), 'fortran_order': True, 'descr': '<u2'}",
        "{\"descr\":\"<i2\",\"fortran_order\":False,\"shape\":(4,4)}",
        " {  'descr'  :  '>i2' ,\n'fortran_order' : False , 'shape' : ( 4 , 4 ) } ",
    };
    for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++) {
        struct capture c;
        CHECK(parse_header(dicts[i], &c) == AXM_OK, "%s: %s", dicts[i], c.line);
    }
}

TEST(test_lut_read__npy_headers_bad)
{
#define TYPES "elements must be int8, int16, int32, uint8, uint16 or uint32, got "
#define NO "not a readable .npy: "
#define KEYS NO "its header must have descr, fortran_order and shape, each once"
#define TUPLE NO "its shape is no tuple"
#define DICT NO "its header is no dictionary"
    static const struct { const char *dict, *message; } cases[] = {
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4)}", TYPES "<f4" },
        { "{'descr': '<i8', 'fortran_order': False, 'shape': (4, 4)}", TYPES "<i8" },
        { "{'descr': '|i2', 'fortran_order': False, 'shape': (4, 4)}", TYPES "|i2" },
        { "{'descr': '=i2', 'fortran_order': False, 'shape': (4, 4)}", TYPES "=i2" },
        { "{'descr': '|b1', 'fortran_order': False, 'shape': (4, 4)}", TYPES "|b1" },
        { "{'descr': '', 'fortran_order': False, 'shape': (4, 4)}", TYPES },
        { "{'descr': [('x', '<i2')], 'fortran_order': False, 'shape': (4, 4)}",
          "elements must be plain integers, not a structure" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (16,)}", "a table has two dimensions, got 1" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4, 1)}",
          "a table has two dimensions, got 3" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': ()}", "a table has two dimensions, got 0" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4}", TUPLE },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (-4, 4)}", TUPLE },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4 4)}", TUPLE },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': 16}", TUPLE },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 5)}",
          "a table must be 2^n x 2^m with n and m at least 2, got 4 x 5" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (8, 2)}",
          "a table must be 2^n x 2^m with n and m at least 2, got 8 x 2" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (0, 4)}",
          "a table must be 2^n x 2^m with n and m at least 2, got 0 x 4" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (8192, 4096)}",
          "a table has at most 24 address bits, 2^24 entries, got 8192 x 4096" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 8)}",
          "4 x 8 elements of 2 bytes are 64 bytes, got 32" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4)", KEYS },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4), ", DICT },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4)} x", KEYS },
        { "{'descr': '<i2', 'descr': '<i2', 'fortran_order': False, 'shape': (4, 4)}", KEYS },
        { "{'descr': '<i2', 'fortran_order': False}", KEYS },
        { "{'descr': '<i2', 'shape': (4, 4)}", KEYS },
        { "{'fortran_order': False, 'shape': (4, 4)}", KEYS },
        { "{'descr': '|i1', 'fortran_order': False, 'shape': (4, 4)}",
          "4 x 4 elements of 1 bytes are 16 bytes, got 32" },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 4), 'more': 1}", KEYS },
        { "{'descr': '<i2', 'fortran_order': 0, 'shape': (4, 4)}",
          "not a readable .npy: its fortran_order is neither True nor False" },
        { "{descr: '<i2', 'fortran_order': False, 'shape': (4, 4)}", DICT },
        { "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 18446744073709551620)}",   /* 2^64 + 4 */
          "a table has at most 24 address bits, 2^24 entries, got 4 x 18446744" },
        { "{'0123456789abcdef': 1}", DICT },
        { "{}", KEYS }, { "", KEYS }, { "}", KEYS }, { "{", DICT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capture c;
        char want[256];
        enum axm_status st = parse_header(cases[i].dict, &c);
        snprintf(want, sizeof want, "lut:t: %s", cases[i].message);
        CHECK(st == AXM_USAGE && c.messages == 1 && !strcmp(c.line, want), "%s: status %d, %s", cases[i].dict,
              st, c.line);
    }
}

static void check_npy_bytes_bad(const void *bytes, size_t len, const char *message)
{
    static const struct axm_lut_options o = { .is_signed = 0, .transposed = 0, .by_value = -1 };
    struct axm_lut l;
    struct capture c;
    char *exact = malloc(len ? len : 1);   /* so that a sanitizer sees reads beyond */
    memcpy(exact, bytes, len);
    capture_begin(&c);
    enum axm_status st = axm_lut_parse_npy(exact, len, "t", &o, &l);
    capture_end(&c);
    free(exact);
    CHECK(st == AXM_USAGE && c.messages == 1 && !strcmp(c.line, message), "status %d, %s", st, c.line);
}

TEST(test_lut_read__npy_that_is_none_bad)
{
    const char *magic = "lut:t: " NO "it does not begin with the magic bytes";
    const char *damaged = "lut:t: " NO "its header is damaged";
    check_npy_bytes_bad("", 0, magic);
    check_npy_bytes_bad("\x93NUMPY\1\0", 8, magic);
    check_npy_bytes_bad("PK\3\4 a zip of arrays", 20, magic);
    check_npy_bytes_bad("\x93NUMPY\1\0\x10\0{'descr'", 18, damaged);
    check_npy_bytes_bad("\x93NUMPY\1\0\4\0{\0}\n", 14, damaged);
    check_npy_bytes_bad("\x93NUMPY\4\0\0\0\0\0", 12, "lut:t: .npy format versions are 1, 2 and 3, got 4");
    check_npy_bytes_bad("\x93NUMPY\2\0\x10\0\0\1{'descr'", 20,
                        "lut:t: a .npy header has at most 65535 bytes, got 16777232");
}

/* --- entries --------------------------------------------------------------------- */

TEST(test_lut_read__first_entry_that_does_not_fit_bad)
{
    struct axm_lut_options o = { .is_signed = 1, .transposed = 0, .by_value = 1, .element = 'h', .width_a = 2,
                                 .width_b = 2 };
    unsigned char raw[32] = { 0 };
    struct axm_lut l;
    struct capture c;
    raw[0] = 7;                                       /* [0][0] = 7, the largest */
    raw[2 * 6] = 0xf8; raw[2 * 6 + 1] = 0xff;         /* [1][2] = -8, the lowest */
    raw[2 * 11] = 8;                                  /* [2][3] = 8 */
    raw[2 * 12] = 0xf7; raw[2 * 12 + 1] = 0xff;       /* [3][0] = -9 */
    capture_begin(&c);
    assert_int_equal(axm_lut_parse_raw(raw, sizeof raw, "t", &o, &l), AXM_USAGE);
    capture_end(&c);
    assert_string_equal(c.line, "lut:t: signed 4-bit products are -8..7, got 8 at [2][3]");
    raw[2 * 11] = 0;
    capture_begin(&c);
    assert_int_equal(axm_lut_parse_raw(raw, sizeof raw, "t", &o, &l), AXM_USAGE);
    capture_end(&c);
    assert_string_equal(c.line, "lut:t: signed 4-bit products are -8..7, got -9 at [3][0]");
    raw[2 * 12] = raw[2 * 12 + 1] = 0;
    assert_int_equal(axm_lut_parse_raw(raw, sizeof raw, "t", &o, &l), AXM_OK);
    axm_lut_release(&l);
    o.is_signed = 0;
    raw[2 * 6] = 15; raw[2 * 6 + 1] = 0;
    assert_int_equal(axm_lut_parse_raw(raw, sizeof raw, "t", &o, &l), AXM_OK);
    axm_lut_release(&l);
    raw[2 * 6] = 16;
    capture_begin(&c);
    assert_int_equal(axm_lut_parse_raw(raw, sizeof raw, "t", &o, &l), AXM_USAGE);
    capture_end(&c);
    assert_string_equal(c.line, "lut:t: unsigned 4-bit products are 0..15, got 16 at [1][2]");
    raw[2 * 6] = 0xff; raw[2 * 6 + 1] = 0xff;         /* int16 -1: a product that wrapped */
    capture_begin(&c);
    assert_int_equal(axm_lut_parse_raw(raw, sizeof raw, "t", &o, &l), AXM_USAGE);
    capture_end(&c);
    assert_string_equal(c.line, "lut:t: unsigned 4-bit products are 0..15, got -1 at [1][2]");
}

/* --- files and options -------------------------------------------------------------- */

static struct strbuf scratch;

static const char *in_scratch(const char *name)
{
    static char path[4][512];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", scratch.s, name);
    return p;
}

static void scratch_begin(void)
{
    assert_int_equal(file_scratch_dir(&scratch), AXM_OK);
}

static void scratch_end(void)
{
    file_remove_tree(scratch.s);
    strbuf_release(&scratch);
}

static void save(const char *name, const struct strbuf *b)
{
    assert_int_equal(file_write(in_scratch(name), b->s, b->len), AXM_OK);
}

/* The signed table in files t.npy and t.bin. */
static const struct variant plain = { .descr = "<i2", .is_signed = true, .by_value = true };

static void save_plain(void)
{
    struct strbuf b = { 0 };
    put_elements(&b, &plain);
    save("t.bin", &b);
    save("odd:8x:name", &b);
    strbuf_reset(&b);
    put_npy_header(&b, 1, "{'descr': '<i2', 'fortran_order': False, 'shape': (16, 8), }\n");
    put_elements(&b, &plain);
    save("t.npy", &b);
    strbuf_release(&b);
}

TEST(test_lut_read__options_in_any_order)
{
    static const char *const specs[] = {
        "t.npy:s:ab:values", "t.npy:values:s:ab", "t.npy:ab:values:s", "t.bin:s:ab:values:i16:4x3",
        "t.bin:4x3:i16:values:ab:s", "odd:8x:name:4x3:i16:values:ab:s",
    };
    scratch_begin();
    save_plain();
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct axm_lut l;
        CHECK(axm_lut_read(in_scratch(specs[i]), &l) == AXM_OK, "%s", specs[i]);
        check_table(&l, true, specs[i]);
        axm_lut_release(&l);
    }
    scratch_end();
}

TEST(test_lut_read__is_a_multiplier_under_its_spec)
{
    struct axm_mul *m;
    char spec[600];
    scratch_begin();
    save_plain();
    snprintf(spec, sizeof spec, "lut:%s", in_scratch("t.npy:s:ab:values"));
    assert_int_equal(axm_mul_open(spec, &m), AXM_OK);
    assert_string_equal(axm_mul_name(m), spec);
    assert_int_equal(axm_mul_width_a(m), 4);
    assert_int_equal(axm_mul_width_b(m), 3);
    assert_int_equal(axm_eval(m, 0x8, 0x4), -64 & 0x7f);   /* -8 x -4 */
    assert_int_equal(axm_eval(m, 0x7, 0x5), 57);           /* 7 x -3 */
    axm_mul_close(m);
    scratch_end();
}

/* One line, of the given end; the scratch directory's name is left out. */
static void check_read_bad(const char *file_and_options, enum axm_status want, const char *message)
{
    struct axm_lut l = { .width_a = 42 };
    struct capture c;
    char full[2048];
    capture_begin(&c);
    enum axm_status st = axm_lut_read(in_scratch(file_and_options), &l);
    capture_end(&c);
    snprintf(full, sizeof full, "lut:%s/%s", scratch.s, message);
    CHECK(st == want && c.messages == 1 && !strcmp(c.line, full) && l.width_a == 42,
          "status %d, \"%s\", want \"%s\"", st, c.line, full);
}

TEST(test_lut_read__what_is_missing_is_listed_bad)
{
#define SIGN ":s or :u (signed, unsigned operands)"
#define ORDER ":ab or :ba (the first index is a, is b)"
#define INDEX ":values or :bits (if signed: index 0 is the lowest value, is bit pattern 0)"
#define ELEMENT ":i16, :u16 or :i32 (the element type)"
#define WIDTHS ":NxM (bits of a and b, as :8x8)"
#define ADD "a table does not say how it is to be read; add "
    scratch_begin();
    save_plain();
    check_read_bad("t.npy", AXM_USAGE, "t.npy: " ADD SIGN "; " ORDER "; " INDEX);
    check_read_bad("t.npy:u", AXM_USAGE, "t.npy: " ADD ORDER);
    check_read_bad("t.npy:s:ab", AXM_USAGE, "t.npy: " ADD INDEX);
    check_read_bad("t.npy:values:ba", AXM_USAGE, "t.npy: " ADD SIGN);
    check_read_bad("t.bin", AXM_USAGE, "t.bin: " ADD SIGN "; " ORDER "; " INDEX "; " ELEMENT "; " WIDTHS);
    check_read_bad("t.bin:u:ab:8x8", AXM_USAGE, "t.bin: " ADD ELEMENT);
    check_read_bad("t.bin:u:ab:i16", AXM_USAGE, "t.bin: " ADD WIDTHS);
    scratch_end();
}

TEST(test_lut_read__options_bad)
{
#define WORDS "options are s, u, ab, ba, values, bits, i16, u16, i32, NxM"
    static const char *const none[] = { "x", "S", "", "ab ", "i8", "8", "8x", "x8", "8x8x", "08x8", "1x8",
                                        "8x33", " 8x8", "8 x8", "+8x8", "99999999999999999999x8" };
    scratch_begin();
    save_plain();
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char text[64], message[256];
        snprintf(text, sizeof text, "t.npy:%s:s:ab", none[i]);
        snprintf(message, sizeof message, "t.npy:%s: no such file, and \"%s\" is no option; " WORDS, none[i],
                 none[i]);
        check_read_bad(text, AXM_USAGE, message);
    }
    check_read_bad("t.npy:s:ab:values:s", AXM_USAGE,
                   "t.npy:s:ab:values:s: an option is given twice, or with its opposite; " WORDS);
    check_read_bad("t.npy:ab:values:s:s", AXM_USAGE,
                   "t.npy:ab:values:s:s: an option is given twice, or with its opposite; " WORDS);
    check_read_bad("t.npy:u:ab:values:s", AXM_USAGE,
                   "t.npy:u:ab:values:s: an option is given twice, or with its opposite; " WORDS);
    check_read_bad("t.bin:4x3:u:ab:i16:3x4", AXM_USAGE,
                   "t.bin:4x3:u:ab:i16:3x4: an option is given twice, or with its opposite; " WORDS);
    check_read_bad("t.npy:s:ab:values:i16", AXM_USAGE,
                   "t.npy: a .npy states its element type and shape itself; leave out i16, u16, i32, NxM");
    check_read_bad("t.npy:s:ab:values:4x3", AXM_USAGE,
                   "t.npy: a .npy states its element type and shape itself; leave out i16, u16, i32, NxM");
    check_read_bad("t.bin:s:ab:values:i16:4x4", AXM_USAGE,
                   "t.bin: 16 x 16 elements of 2 bytes are 512 bytes, got 256");
    check_read_bad("t.bin:s:ba:values:i32:5x3", AXM_USAGE,
                   "t.bin: 8 x 32 elements of 4 bytes are 1024 bytes, got 256");
    check_read_bad("t.bin:s:ab:bits:i16:13x12", AXM_USAGE,
                   "t.bin: a table has at most 24 address bits, 2^24 entries, got 8192 x 4096");
    scratch_end();
}

TEST(test_lut_read__file_bad)
{
    struct axm_lut l;
    struct capture c;
    capture_begin(&c);
    assert_int_equal(axm_lut_read("/nonexistent/t.npy:s:ab:values", &l), AXM_ENV);
    capture_end(&c);
    assert_string_equal(c.line, "/nonexistent/t.npy: No such file or directory");
    capture_begin(&c);
    assert_int_equal(axm_lut_read("/:s:ab:values:i16:4x4", &l), AXM_ENV);
    capture_end(&c);
    assert_string_equal(c.line, "/: is a directory");
    capture_begin(&c);
    assert_int_equal(axm_lut_read(":s:ab", &l), AXM_USAGE);
    capture_end(&c);
    assert_string_equal(c.line, "lut::s:ab: a file name must stand before the options");
    capture_begin(&c);
    assert_int_equal(axm_lut_read("/dev/zero:s:ab:values:i16:4x4", &l), AXM_USAGE);   /* without end */
    capture_end(&c);
    assert_string_equal(c.line, "/dev/zero: at most 67174411 bytes, got more");
}

/* --- with ourselves and with NumPy ------------------------------------------------- */

TEST(test_lut_read__reads_what_is_written)
{
    static const struct { const char *spec, *raw; } cases[] = {
        { "scdm8s_x5_y2", ":s:i16:8x8" }, { "drum5x9u_k3", ":u:u16:5x9" }, { "mitchell7x10s", ":s:i32:7x10" },
    };
    scratch_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int index = 0; index < 2; index++)
            for (int raw = 0; raw < 2; raw++) {
                struct axm_mul *m;
                struct axm_lut l, back;
                char text[600];
                assert_int_equal(axm_mul_open(cases[i].spec, &m), AXM_OK);
                assert_int_equal(axm_lut_build(m, &l), AXM_OK);
                const char *path = in_scratch(raw ? "t.bin" : "t.npy");
                assert_int_equal(axm_lut_write(&l, cases[i].spec, path, raw ? AXM_LUT_BIN : AXM_LUT_NPY,
                                               index ? AXM_INDEX_BITS : AXM_INDEX_VALUES), AXM_OK);
                snprintf(text, sizeof text, "%s:ab:%s%.*s", path, index ? "bits" : "values", raw ? 99 : 2,
                         cases[i].raw);
                CHECK(axm_lut_read(text, &back) == AXM_OK, "%s", text);
                assert_true(back.width_a == l.width_a && back.width_b == l.width_b &&
                            back.is_signed == l.is_signed);
                assert_memory_equal(back.value, l.value, sizeof *l.value << (l.width_a + l.width_b));
                axm_lut_release(&back);
                axm_lut_release(&l);
                axm_mul_close(m);
            }
    scratch_end();
}

TEST(test_lut_read__reads_what_numpy_saves)
{
    static const char script[] =
        "import sys, numpy as np\n"
        "a, b = np.arange(-8, 8), np.arange(-4, 4)\n"
        "signed = np.add.outer(8 * a, b) + 4\n"
        "unsigned = np.add.outer(8 * np.arange(16), np.arange(8))\n"
        "for kind, table in (('i', signed), ('u', unsigned)):\n"
        "    for size in '124':\n"
        "        for byte in '<>':\n"
        "            t = table.astype(byte + kind + size)\n"
        "            name = sys.argv[1] + '/' + kind + size + ('l' if byte == '<' else 'b')\n"
        "            np.save(name + 'c.npy', t)\n"
        "            np.save(name + 'f.npy', np.asfortranarray(t))\n"
        "            np.save(name + 't.npy', t.T)\n"
        "            np.save(name + 's.npy', t[::-1][::-1])\n"
        "            rolled = np.roll(t, (8, 4), (0, 1)) if kind == 'i' else t\n"
        "            np.save(name + 'p.npy', rolled)\n"
        "            with open(name + '2.npy', 'wb') as f:\n"
        "                np.lib.format.write_array(f, t, version=(2, 0))\n"
        "            with open(name + '3.npy', 'wb') as f:\n"
        "                np.lib.format.write_array(f, t, version=(3, 0))\n";
    const char *const have[] = { "/usr/bin/python3", "-c", "import numpy", NULL };
    int code = 0, files = 0;
    if (!proc_have("/usr/bin/python3") || proc_run(have, &(struct proc_opts){ .exit_code = &code }) || code)
        SKIP("no numpy");
    scratch_begin();
    const char *const argv[] = { "/usr/bin/python3", "-c", script, scratch.s, NULL };
    assert_int_equal(proc_run(argv, &(struct proc_opts){ 0 }), AXM_OK);
    for (const char *kind = "iu"; *kind; kind++)
        for (const char *size = "124"; *size; size++)
            for (const char *byte = "lb"; *byte; byte++)
                for (const char *form = "cftsp23"; *form; form++, files++) {
                    struct axm_lut l;
                    char name[64];
                    snprintf(name, sizeof name, "%c%c%c%c.npy:%s:%s%s", *kind, *size, *byte, *form,
                             *form == 't' ? "ba" : "ab", *kind == 'i' ? "s" : "u",
                             *kind == 'u' ? "" : *form == 'p' ? ":bits" : ":values");
                    CHECK(axm_lut_read(in_scratch(name), &l) == AXM_OK, "%s", name);
                    check_table(&l, *kind == 'i', name);
                    axm_lut_release(&l);
                }
    assert_int_equal(files, 84);
    scratch_end();
}
