/* What the page of axmul report is made of: JSON for a <script>, CSV, packed tables. */
#include "tests/harness.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <zlib.h>

#include "cmodel/lut.h"
#include "explore/csv.h"
#include "explore/json.h"
#include "explore/report.h"
#include "tests/capture.h"

/* What a parser that is not ours reads. */
static void check_text(const char *text, const char *want)
{
    struct strbuf out = { 0 };
    struct json j = { .out = &out };
    json_text(&j, text);
    cJSON *v = cJSON_Parse(out.s);
    CHECK(cJSON_IsString(v) && !strcmp(v->valuestring, want), "%s", out.s);
    cJSON_Delete(v);
    strbuf_release(&out);
}

TEST(test_report__json_texts_come_back)
{
    char all[128];
    for (int i = 1; i < 128; i++)
        all[i - 1] = (char)i;
    all[127] = '\0';
    check_text(all, all);
    check_text("", "");
    check_text("µm² 乗 \U0001F600", "µm² 乗 \U0001F600");
}

/* RFC 3629: overlong, surrogates, above U+10FFFF, cut short, a lone continuation; each byte
 * that begins none is one U+FFFD. */
TEST(test_report__json_mends_what_is_not_utf8)
{
    check_text("a\xff" "b", "a\xef\xbf\xbd" "b");
    check_text("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
    check_text("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_text("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_text("x\xe4\xb9", "x\xef\xbf\xbd\xef\xbf\xbd");
    check_text("\x80", "\xef\xbf\xbd");
    check_text("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
}

TEST(test_report__json_cannot_end_its_script)
{
    static const char *const hostile[] = { "</script>", "</SCRIPT >", "<!--<script>", "-->", "]]>", "&lt;" };
    struct strbuf out = { 0 };
    struct json j = { .out = &out };
    json_open(&j, '{');
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        json_key(&j, hostile[i]);
        json_text(&j, hostile[i]);
        check_text(hostile[i], hostile[i]);
    }
    json_close(&j, '}');
    assert_null(strpbrk(out.s, "<>&"));
    cJSON *v = cJSON_Parse(out.s);
    assert_int_equal(cJSON_GetArraySize(v), 6);
    cJSON_Delete(v);
    strbuf_release(&out);
}

TEST(test_report__json_by_hand)
{
    struct strbuf out = { 0 };
    struct json j = { .out = &out };
    json_open(&j, '{');
    json_key(&j, "a");
    json_open(&j, '[');
    json_int(&j, -3);
    json_real(&j, 0.1, 7);
    json_real(&j, NAN, 7);
    json_real(&j, INFINITY, 7);
    json_open(&j, '[');
    json_close(&j, ']');
    json_bool(&j, true);
    json_close(&j, ']');
    json_key(&j, "b");
    json_text(&j, NULL);
    json_close(&j, '}');
    assert_string_equal(out.s, "{\"a\":[-3,0.1,null,null,[],true],\"b\":null}");
    strbuf_release(&out);
}

/* The vectors of RFC 4648, section 10. */
TEST(test_report__base64_of_the_rfc)
{
    static const char *const pair[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
                                           { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
                                           { "foobar", "Zm9vYmFy" } };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        struct strbuf out = { 0 };
        report_base64(pair[i][0], strlen(pair[i][0]), &out);
        assert_string_equal(out.s ? out.s : "", pair[i][1]);
        strbuf_release(&out);
    }
}

static void check_csv(const char *text, size_t rows, size_t columns, const char *first, const char *last)
{
    struct csv c;
    CHECK(csv_parse(text, strlen(text), "t.csv", &c) == AXM_OK, "%s", axm_last_message());
    assert_int_equal(c.rows, rows);
    assert_int_equal(c.columns, columns);
    assert_string_equal(csv_cell(&c, 0, 0), first);
    assert_string_equal(csv_cell(&c, rows - 1, (int)columns - 1), last);
    csv_release(&c);
}

TEST(test_report__csv_of_rfc_4180)
{
    check_csv("a,b\n1,2\n3,4\n", 2, 2, "1", "4");
    check_csv("a,b\r\n1,2\r\n3,4", 2, 2, "1", "4");
    check_csv("a,b\n\"x,y\",\"say \"\"no\"\"\"\n", 1, 2, "x,y", "say \"no\"");
    check_csv("a,b\n\"two\nlines\",\"\"\n", 1, 2, "two\nlines", "");
    check_csv("a\n\"\"\"\"\n", 1, 1, "\"", "\"");
    check_csv("a,b\n,\n", 1, 2, "", "");
}

TEST(test_report__csv_numbers_and_columns)
{
    struct csv c;
    int at;
    static const char text[] = "spec,v\nx,1.5\ny,\nz,1.5s\n";
    assert_int_equal(csv_parse(text, strlen(text), "t.csv", &c), AXM_OK);
    assert_int_equal(csv_column(&c, "v"), 1);
    assert_int_equal(csv_column(&c, "w"), -1);
    assert_int_equal(csv_need(&c, "t.csv", "spec", &at), AXM_OK);
    assert_true(csv_number(&c, 0, 1) == 1.5 && isnan(csv_number(&c, 1, 1)) && isnan(csv_number(&c, 2, 1)));
    csv_release(&c);
}

TEST(test_report__csv_bad)
{
    static const char *const bad[][2] = { { "", "empty" }, { "a,b\n1\n", "row 2 has 1 cells, the header 2" },
                                          { "a\n\"x", "does not end" }, { "a\n\"x\"y\n", "does not end" } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct capture said;
        struct csv c;
        capture_begin(&said);
        enum axm_status st = csv_parse(bad[i][0], strlen(bad[i][0]), "t.csv", &c);
        capture_end(&said);
        CHECK(st == AXM_USAGE && said.messages == 1 && strstr(said.line, bad[i][1]), "%s", said.line);
    }
}

/* Unpacked as the header says, every error is that of the table. */
TEST(test_report__packed_maps_come_back)
{
    static const char *const specs[] = { "scdm8s_x8_y4", "drum8u_k3", "mitchell8s_t7", "trunc8x4u_l2_m0",
                                         "exact8u", "exact4s" };
    static uint8_t plane[2 << 16];
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct axm_mul *m;
        struct axm_lut l;
        struct strbuf packed = { 0 };
        uint16_t above[256] = { 0 };
        assert_int_equal(axm_mul_open(specs[i], &m), AXM_OK);
        assert_int_equal(axm_lut_build(m, &l), AXM_OK);
        assert_int_equal(report_pack_map(&l, &packed), AXM_OK);
        int rows = 1 << l.width_a, columns = 1 << l.width_b, wrong = 0;
        uLongf n = sizeof plane, cells = (uLongf)(rows * columns);
        assert_int_equal(uncompress(plane, &n, (const Bytef *)packed.s, packed.len), Z_OK);
        assert_int_equal(n, 2 * cells);
        for (int r = 0; r < rows; r++) {
            uint16_t error = 0;
            for (int k = 0; k < columns; k++) {
                size_t at = (size_t)(r * columns + k);
                int a = l.is_signed ? r - rows / 2 : r, b = l.is_signed ? k - columns / 2 : k;
                above[k] = (uint16_t)(above[k] + plane[at] + 256 * plane[cells + at]);
                error = (uint16_t)(error + above[k]);
                uint64_t pattern = axm_eval(m, (uint64_t)a, (uint64_t)b);
                int64_t product = axm_mul_value(m, pattern, l.width_a + l.width_b);
                wrong += error != (uint16_t)(product - a * b);
            }
        }
        CHECK(wrong == 0, "%s: %d errors differ", specs[i], wrong);
        strbuf_release(&packed);
        axm_lut_release(&l);
        axm_mul_close(m);
    }
}
