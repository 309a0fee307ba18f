#include "tests/harness.h"

#include "base/strbuf.h"

TEST(test_strbuf__holds_what_was_added)
{
    struct strbuf b = { 0 };
    strbuf_add(&b, "", 0);
    assert_string_equal(b.s, "");
    strbuf_adds(&b, "one");
    strbuf_add(&b, "\0x", 2);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.s, "one\0x", 6);
    strbuf_reset(&b);
    assert_int_equal(b.len, 0);
    strbuf_addf(&b, "%d-%s", 7, "x");
    assert_string_equal(b.s, "7-x");
    assert_false(b.failed);
    strbuf_release(&b);
    assert_null(b.s);
}

/* Formatted text of every length around the room that is left. */
TEST(test_strbuf__formatted_text_of_any_length_is_whole)
{
    static char text[2000];
    memset(text, 'y', sizeof text - 1);
    for (int before = 0; before < 300; before++) {
        struct strbuf b = { 0 };
        for (int i = 0; i < before; i++)
            strbuf_adds(&b, "x");
        for (int len = 0; len < 600; len += 7) {
            size_t from = b.len;
            strbuf_addf(&b, "%.*s", len, text);
            assert_int_equal(b.len, from + (size_t)len);
            assert_int_equal(strlen(b.s), b.len);
        }
        strbuf_release(&b);
    }
}

TEST(test_strbuf__out_of_memory_stays_and_changes_nothing)
{
    struct strbuf b = { 0 };
    strbuf_adds(&b, "kept");
    strbuf_add(&b, NULL, SIZE_MAX / 2);
    assert_true(b.failed);
    strbuf_adds(&b, "more");
    strbuf_addf(&b, "%d", 1);
    assert_int_equal(b.len, 4);
    assert_string_equal(b.s, "kept");
    strbuf_reset(&b);   /* a new beginning */
    strbuf_adds(&b, "new");
    assert_false(b.failed);
    assert_string_equal(b.s, "new");
    strbuf_release(&b);
}
