/* Tables and the files they are written to. */
#include "tests/harness.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/proc.h"
#include "cmodel/lut.h"
#include "tests/capture.h"

static struct axm_lut built(const char *spec)
{
    struct axm_mul *m;
    struct axm_lut l;
    CHECK(axm_mul_open(spec, &m) == AXM_OK && axm_lut_build(m, &l) == AXM_OK, "%s", spec);
    axm_mul_close(m);
    return l;
}

static int64_t value_of(uint64_t pattern, int bits, bool is_signed)
{
    bool negative = is_signed && pattern >> (bits - 1) & 1;
    return (int64_t)pattern - (negative ? (int64_t)1 << bits : 0);
}

/* --- building ----------------------------------------------------------------- */

TEST(test_lut__entries_are_the_products)
{
    static const char *const specs[] = {
        "scdm8s_x5_y2", "drum8u_k3", "mitchell2s", "exact2u", "trunc3x7s_l1_m2", "drum14x2u_k2",
        "mitchell2x15s", "exact6x5s",
    };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        struct axm_lut l = built(specs[k]);
        struct axm_mul *m;
        assert_int_equal(axm_mul_open(specs[k], &m), AXM_OK);
        assert_int_equal(l.width_a, axm_mul_width_a(m));
        assert_int_equal(l.width_b, axm_mul_width_b(m));
        assert_int_equal(l.is_signed, axm_mul_signed(m));
        for (uint32_t a = 0; a < 1u << l.width_a; a++)
            for (uint32_t b = 0; b < 1u << l.width_b; b++)
                CHECK(axm_lut_at(&l, a, b) == value_of(axm_eval(m, a, b), l.width_a + l.width_b, l.is_signed),
                      "%s: %u x %u", specs[k], a, b);
        axm_mul_close(m);
        axm_lut_release(&l);
    }
}

TEST(test_lut__up_to_24_address_bits)
{
    static const char *const specs[] = { "exact12s", "exact22x2s", "exact2x22s" };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        struct axm_lut l = built(specs[k]);
        for (uint32_t a = 0; a < 1u << l.width_a; a += l.width_a > 12 ? 4093 : 61)
            for (uint32_t b = 0; b < 1u << l.width_b; b += l.width_b > 12 ? 4093 : 1)
                CHECK(axm_lut_at(&l, a, b) == value_of(a, l.width_a, true) * value_of(b, l.width_b, true),
                      "%s: %u x %u", specs[k], a, b);
        axm_lut_release(&l);
    }
    struct axm_mul *m;
    struct axm_lut untouched = { .width_a = 42 };
    struct capture c;
    assert_int_equal(axm_mul_open("exact13x12u", &m), AXM_OK);
    capture_begin(&c);
    enum axm_status st = axm_lut_build(m, &untouched);
    capture_end(&c);
    assert_true(st == AXM_USAGE && c.messages == 1 && untouched.width_a == 42);
    assert_string_equal(c.line, "exact13x12u: a table has at most 24 address bits, this one would have 25");
    axm_mul_close(m);
}

TEST(test_lut__same_for_any_number_of_threads)
{
    pool_set_threads(1);
    struct axm_lut one = built("mitchell9x8s_t5");
    for (int threads = 2; threads <= 4; threads++) {
        pool_set_threads(threads);
        struct axm_lut more = built("mitchell9x8s_t5");
        assert_memory_equal(one.value, more.value, sizeof *one.value << 17);
        axm_lut_release(&more);
    }
    pool_set_threads(0);
    axm_lut_release(&one);
}

/* --- writing ------------------------------------------------------------------ */

static struct {
    struct strbuf dir;
    char path[512];
} scratch;

/* A path in a new directory. */
static const char *scratch_file(const char *name)
{
    strbuf_reset(&scratch.dir);
    assert_int_equal(file_scratch_dir(&scratch.dir), AXM_OK);
    snprintf(scratch.path, sizeof scratch.path, "%s/%s", scratch.dir.s, name);
    return scratch.path;
}

static void scratch_remove(void)
{
    file_remove_tree(scratch.dir.s);
    strbuf_release(&scratch.dir);
}

/* What is written for a spec; release it. */
static struct strbuf written(const char *spec, enum axm_lut_format format, enum axm_lut_index index)
{
    struct axm_lut l = built(spec);
    struct strbuf bytes = { 0 };
    const char *path = scratch_file("table");
    assert_int_equal(axm_lut_write(&l, spec, path, format, index), AXM_OK);
    assert_int_equal(file_read(path, 1 << 30, &bytes), AXM_OK);
    scratch_remove();
    axm_lut_release(&l);
    return bytes;
}

static void check_bytes(struct strbuf *got, const void *want, size_t len)
{
    assert_int_equal(got->len, len);
    assert_memory_equal(got->s, want, len);
    strbuf_release(got);
}

TEST(test_lut__raw_is_little_endian_in_either_order)
{
    static const unsigned char by_value[] = {   /* -2, -1, 0, 1 */
        4, 0, 2, 0, 0, 0, 0xfe, 0xff,   2, 0, 1, 0, 0, 0, 0xff, 0xff,
        0, 0, 0, 0, 0, 0, 0, 0,         0xfe, 0xff, 0xff, 0xff, 0, 0, 1, 0,
    };
    static const unsigned char by_bits[] = {    /* 0, 1, -2, -1 */
        0, 0, 0, 0, 0, 0, 0, 0,         0, 0, 1, 0, 0xfe, 0xff, 0xff, 0xff,
        0, 0, 0xfe, 0xff, 4, 0, 2, 0,   0, 0, 0xff, 0xff, 2, 0, 1, 0,
    };
    struct strbuf got = written("exact2s", AXM_LUT_BIN, AXM_INDEX_VALUES);
    check_bytes(&got, by_value, sizeof by_value);
    got = written("exact2s", AXM_LUT_BIN, AXM_INDEX_BITS);
    check_bytes(&got, by_bits, sizeof by_bits);
}

TEST(test_lut__rows_are_a)
{
    static const unsigned char want[] = {   /* 2 bits of a by 3 of b */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0,
        0, 0, 2, 0, 4, 0, 6, 0, 8, 0, 10, 0, 12, 0, 14, 0,
        0, 0, 3, 0, 6, 0, 9, 0, 12, 0, 15, 0, 18, 0, 21, 0,
    };
    struct strbuf got = written("exact2x3u", AXM_LUT_BIN, AXM_INDEX_VALUES);
    check_bytes(&got, want, sizeof want);
}

TEST(test_lut__four_bytes_above_16_bits)
{
    struct strbuf got = written("exact9x8u", AXM_LUT_BIN, AXM_INDEX_VALUES);
    assert_int_equal(got.len, 4 << 17);
    assert_memory_equal(got.s + got.len - 4, "\x01\xfd\x01\x00", 4);   /* 511 x 255 = 130305 */
    strbuf_release(&got);
    got = written("exact9x8s", AXM_LUT_BIN, AXM_INDEX_VALUES);
    assert_memory_equal(got.s + 4 * 255, "\x00\x81\xff\xff", 4);       /* -256 x 127 = -32512 */
    strbuf_release(&got);
}

/* numpy/lib/format.py: magic, version, length of a dictionary padded to 64 bytes. */
TEST(test_lut__npy_header)
{
    static const char head[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '<u2', 'fortran_order': False, 'shape': (4, 8), }";
    struct strbuf got = written("exact2x3u", AXM_LUT_NPY, AXM_INDEX_VALUES);
    assert_int_equal(got.len, 128 + 64);
    assert_memory_equal(got.s, head, sizeof head - 1);
    for (size_t i = sizeof head - 1; i < 127; i++)
        assert_int_equal(got.s[i], ' ');
    assert_int_equal(got.s[127], '\n');
    assert_memory_equal(got.s + 128 + 16, "\0\0\1\0\2\0\3\0", 8);
    strbuf_release(&got);
}

/* The authors' own tables: int16, a = -128..127 outer, b inner. */
TEST(test_lut__raw_scdm8_hash_to_the_published)
{
    FILE *f = fopen("tests/data/scdm8_tables.sha256", "r");
    char hash[65], name[16];
    int rows = 0;
    assert_non_null(f);
    for (; fscanf(f, "%64s %15s", hash, name) == 2; rows++) {
        struct strbuf got = written(name, AXM_LUT_BIN, AXM_INDEX_VALUES);
        CHECK(!strcmp(sha256_bytes(got.s, got.len).s, hash), "%s", name);
        strbuf_release(&got);
    }
    fclose(f);
    assert_int_equal(rows, 20);
}

TEST(test_lut__numpy_reads_npy)
{
    static const char script[] =
        "import sys, numpy as np\n"
        "t = np.load(sys.argv[1])\n"
        "wa, wb = int(sys.argv[2]), int(sys.argv[3])\n"
        "signed, bits = sys.argv[4] == 's', sys.argv[5] == 'bits'\n"
        "def operand(w):\n"
        "    x = np.arange(2 ** w, dtype=np.int64) - (2 ** (w - 1) if signed else 0)\n"
        "    return np.roll(x, 2 ** (w - 1)) if signed and bits else x\n"
        "assert t.dtype.name == sys.argv[6], t.dtype\n"
        "assert t.flags.c_contiguous and t.shape == (2 ** wa, 2 ** wb), t.shape\n"
        "assert (t == np.multiply.outer(operand(wa), operand(wb))).all()\n";
    static const struct { const char *spec, *a, *b, *sign, *index, *type; } cases[] = {
        { "exact8s", "8", "8", "s", "values", "int16" },   { "exact8s", "8", "8", "s", "bits", "int16" },
        { "exact8u", "8", "8", "u", "values", "uint16" },  { "exact8u", "8", "8", "u", "bits", "uint16" },
        { "exact5x9s", "5", "9", "s", "values", "int16" }, { "exact10x7s", "10", "7", "s", "bits", "int32" },
        { "exact4x13u", "4", "13", "u", "values", "uint32" }, { "exact2s", "2", "2", "s", "values", "int16" },
    };
    const char *const have[] = { "/usr/bin/python3", "-c", "import numpy", NULL };
    int code = 0;
    if (!proc_have("/usr/bin/python3") || proc_run(have, &(struct proc_opts){ .exit_code = &code }) || code)
        SKIP("no numpy");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct axm_lut l = built(cases[i].spec);
        const char *path = scratch_file("table.npy");
        enum axm_lut_index index = !strcmp(cases[i].index, "bits") ? AXM_INDEX_BITS : AXM_INDEX_VALUES;
        assert_int_equal(axm_lut_write(&l, cases[i].spec, path, AXM_LUT_NPY, index), AXM_OK);
        const char *const argv[] = { "/usr/bin/python3", "-c", script, path, cases[i].a, cases[i].b,
                                     cases[i].sign, cases[i].index, cases[i].type, NULL };
        assert_int_equal(proc_run(argv, &(struct proc_opts){ 0 }), AXM_OK);
        scratch_remove();
        axm_lut_release(&l);
    }
}

/* Compiles a program that includes the header, checks the products and runs it. */
static void check_header(const char *spec, const char *name, enum axm_lut_index index, const char *program)
{
    struct axm_lut l = built(spec);
    const char *path = scratch_file("table.h");
    struct strbuf source = { 0 };
    assert_int_equal(axm_lut_write(&l, name, path, AXM_LUT_HEADER, index), AXM_OK);
    /* Twice: it guards itself. */
    strbuf_adds(&source, "#include \"table.h\"\n#include \"table.h\"\nint main(void)\n{\n");
    strbuf_addf(&source, "%s    return 0;\n}\n", program);
    strcpy(strrchr(scratch.path, '/'), "/main.c");
    assert_int_equal(file_write(scratch.path, source.s, source.len), AXM_OK);
    const char *const compile[] = { "gcc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "main.c",
                                    NULL };
    const char *const run[] = { "./a.out", NULL };
    assert_int_equal(proc_run(compile, &(struct proc_opts){ .dir = scratch.dir.s }), AXM_OK);
    assert_int_equal(proc_run(run, &(struct proc_opts){ .dir = scratch.dir.s }), AXM_OK);
    strbuf_release(&source);
    scratch_remove();
    axm_lut_release(&l);
}

TEST(test_lut__header_compiles_to_the_products)
{
    if (!proc_have("gcc"))
        SKIP("no gcc");
    check_header("exact4x3s", "exact4x3s", AXM_INDEX_VALUES,
                 "    for (int a = -8; a < 8; a++)\n        for (int b = -4; b < 4; b++)\n"
                 "            if (exact4x3s_lut[a + 8][b + 4] != a * b) return 1;\n"
                 "    if (sizeof exact4x3s_lut != 2 * 16 * 8) return 1;\n");
    check_header("exact4x3s", "exact4x3s", AXM_INDEX_BITS,
                 "    for (int a = -8; a < 8; a++)\n        for (int b = -4; b < 4; b++)\n"
                 "            if (exact4x3s_lut[a & 15][b & 7] != a * b) return 1;\n");
    check_header("exact9x8u", "exact9x8u", AXM_INDEX_VALUES,
                 "    for (unsigned a = 0; a < 512; a++)\n        for (unsigned b = 0; b < 256; b++)\n"
                 "            if (exact9x8u_lut[a][b] != a * b) return 1;\n"
                 "    const uint32_t *type = exact9x8u_lut[0]; (void)type;\n");
    /* A table may be named after a file. */
    check_header("exact2u", "lut:x*/\n#error /*\\", AXM_INDEX_VALUES,
                 "    if (lut_x____error_____lut[3][3] != 9) return 1;\n");
}

TEST(test_lut__header_says_how_to_index)
{
#define STANDS "The product of a and b stands at "
    static const struct {
        const char *spec;
        enum axm_lut_index index;
        const char *made_by, *says;
    } cases[] = {
        { "exact4x3s", AXM_INDEX_VALUES, "\"axmul lut exact4x3s\"",
          "4 x 3 bits, signed.  " STANDS "[a + 8][b + 4]. */" },
        { "exact4x3s", AXM_INDEX_BITS, "\"axmul lut exact4x3s --index bits\"",
          "4 x 3 bits, signed.  " STANDS "[a][b], a and b as bit patterns. */" },
        { "exact2u", AXM_INDEX_VALUES, "\"axmul lut exact2u\"",
          "2 x 2 bits, unsigned.  " STANDS "[a][b]. */" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf text = written(cases[i].spec, AXM_LUT_HEADER, cases[i].index);
        CHECK(strstr(text.s, cases[i].made_by) && strstr(text.s, cases[i].says), "%.300s", text.s);
        strbuf_release(&text);
    }
}

TEST(test_lut__nothing_is_left_when_writing_fails)
{
    struct axm_lut l = built("exact2u");
    struct capture c;
    capture_begin(&c);
    enum axm_status st =
        axm_lut_write(&l, "exact2u", "/nonexistent/table.npy", AXM_LUT_NPY, AXM_INDEX_VALUES);
    capture_end(&c);
    assert_true(st == AXM_ENV && c.messages == 1);
    CHECK(strstr(c.line, "/nonexistent/table.npy"), "%s", c.line);
    /* A directory in the way. */
    const char *path = scratch_file("table.npy");
    char keep[600];
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(keep, sizeof keep, "%s/keep", path);
    assert_int_equal(file_write(keep, "", 0), AXM_OK);
    capture_begin(&c);
    st = axm_lut_write(&l, "exact2u", path, AXM_LUT_NPY, AXM_INDEX_VALUES);
    capture_end(&c);
    assert_true(st == AXM_ENV && c.messages == 1);
    assert_true(file_exists(keep));
    assert_int_equal(remove(keep), 0);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(scratch.dir.s), 0);   /* empty */
    scratch_remove();
    axm_lut_release(&l);
}

TEST(test_lut__a_full_disk_is_an_error)
{
    static const enum axm_lut_format formats[] = { AXM_LUT_NPY, AXM_LUT_BIN, AXM_LUT_HEADER };
    struct axm_lut l = built("exact8u");
    for (int i = 0; i < 3; i++) {
        struct capture c;
        capture_begin(&c);
        enum axm_status st = axm_lut_write(&l, "exact8u", "/dev/full", formats[i], AXM_INDEX_VALUES);
        capture_end(&c);
        CHECK(st == AXM_ENV && c.messages == 1, "%s", c.line);
    }
    axm_lut_release(&l);
}
