/* Tables as text, CSV and JSON. */
#include "tests/harness.h"

#include <math.h>

#include <cjson/cJSON.h>

#include "base/rng.h"
#include "cli/cli.h"
#include "tests/capture.h"

static const struct table_column columns[] = {
    { "name", "what", CELL_TEXT, 0 },
    { "count", NULL, CELL_UINT, 0 },
    { "rate_percent", "rate %", CELL_REAL, 3 },
    { "bits", NULL, CELL_REAL, -3 },
    { "note", NULL, CELL_TEXT, 0 },
};

static struct table *example(void)
{
    struct table *t = table_new(columns, 5);
    assert_non_null(t);
    table_text(t, "plain");
    table_uint(t, 7);
    table_real(t, 12.3456);
    table_real(t, 13.6);
    table_text(t, "");
    table_text(t, "a \"b\", c");
    table_uint(t, UINT64_MAX);
    table_real(t, NAN);
    table_real(t, 0.0005);
    table_text(t, "µ\n2");
    return t;
}

static void print(struct table *t, enum cli_format format, struct streams *s)
{
    streams_begin(s);
    enum axm_status st = table_print(t, stdout, format);
    streams_end(s);
    assert_int_equal(st, AXM_OK);
    table_free(t);
}

static char *printed_csv(struct table *t)
{
    static struct streams s;
    print(t, CLI_CSV, &s);
    return s.out;
}

/* RFC 4180 but for the line end: a field with a comma, a quote or a line break is
 * quoted, a quote in it doubled. */
TEST(test_table__csv_quotes_what_must_be)
{
    assert_string_equal(printed_csv(example()),
                        "name,count,rate_percent,bits,note\n"
                        "plain,7,12.3456,13.6,\n"
                        "\"a \"\"b\"\", c\",18446744073709551615,,0.0005,\"µ\n2\"\n");
}

TEST(test_table__text_is_aligned)
{
    static const struct table_column two[] = { { "µm", NULL, CELL_TEXT, 0 }, { "n", NULL, CELL_INT, 0 },
                                               { "r", NULL, CELL_REAL, 3 }, { "b", NULL, CELL_REAL, -2 },
                                               { "note", NULL, CELL_TEXT, 0 } };
    struct table *t = table_new(two, 5);
    static struct streams s;
    table_text(t, "abc");
    table_int(t, -12);
    table_real(t, 1234.5);
    table_real(t, 2);
    table_text(t, "");
    table_text(t, "µ");
    table_int(t, 3);
    table_real(t, NAN);
    table_real(t, 10.006);
    table_text(t, "x");
    print(t, CLI_TEXT, &s);
    assert_string_equal(s.out, "µm     n         r      b  note\n"
                               "abc  -12  1.23e+03   2.00\n"
                               "µ      3         -  10.01  x\n");
}

TEST(test_table__json_is_read_back)
{
    static struct streams s;
    print(example(), CLI_JSON, &s);
    cJSON *rows = cJSON_Parse(s.out);
    assert_non_null(rows);
    assert_int_equal(cJSON_GetArraySize(rows), 2);
    const cJSON *first = cJSON_GetArrayItem(rows, 0), *second = cJSON_GetArrayItem(rows, 1);
    assert_string_equal(cJSON_GetObjectItem(first, "name")->valuestring, "plain");
    assert_true(cJSON_GetObjectItem(first, "rate_percent")->valuedouble == 12.3456);
    assert_string_equal(cJSON_GetObjectItem(second, "name")->valuestring, "a \"b\", c");
    assert_string_equal(cJSON_GetObjectItem(second, "note")->valuestring, "µ\n2");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(second, "rate_percent")));
    assert_non_null(strstr(s.out, "\"count\":18446744073709551615"));
    cJSON_Delete(rows);
}

TEST(test_table__no_rows_are_a_table_too)
{
    static struct streams s;
    print(table_new(columns, 5), CLI_JSON, &s);
    cJSON *rows = cJSON_Parse(s.out);
    assert_true(cJSON_IsArray(rows) && cJSON_GetArraySize(rows) == 0);
    cJSON_Delete(rows);
    assert_string_equal(printed_csv(table_new(columns, 5)), "name,count,rate_percent,bits,note\n");
}

/* Every double is printed with as many digits as bring it back, bit for bit. */
TEST(test_table__numbers_lose_nothing)
{
    static const struct table_column one[] = { { "v", NULL, CELL_REAL, 4 } };
    struct rng r;
    rng_init(&r, 1, 0);
    for (int i = 0; i < 2000; i++) {
        uint64_t bits = rng_next(&r);
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        struct table *t = table_new(one, 1);
        table_real(t, i % 2 ? v : 0.1 * (double)(i - 1000));
        double expected = i % 2 ? v : 0.1 * (double)(i - 1000);
        CHECK(strtod(printed_csv(t) + 2, NULL) == expected, "%.17g", expected);
    }
}

TEST(test_table__full_disk_bad)
{
    struct capture c;
    struct table *t = example();
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    capture_begin(&c);
    enum axm_status st = table_print(t, full, CLI_CSV);
    capture_end(&c);
    fclose(full);
    table_free(t);
    assert_int_equal(st, AXM_ENV);
    assert_non_null(strstr(c.line, "No space left on device"));
}
