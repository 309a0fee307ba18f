#include "tests/harness.h"

#include <pthread.h>

#include "base/status.h"
#include "tests/capture.h"

TEST(test_status__fail_returns_its_status_and_tells_the_handler_once)
{
    struct capture c;
    capture_begin(&c);
    assert_int_equal(fail(AXM_USAGE, "%s: k must be %d..%d, got %d", "drum8u_k9", 2, 8, 9), AXM_USAGE);
    capture_end(&c);
    assert_int_equal(c.messages, 1);
    assert_int_equal(c.st, AXM_USAGE);
    assert_string_equal(c.line, "drum8u_k9: k must be 2..8, got 9");
    assert_string_equal(axm_last_message(), c.line);
}

TEST(test_status__a_message_is_one_plain_line)
{
    struct capture c;
    capture_begin(&c);
    assert_int_equal(fail(AXM_ENV, "%s", "a\nb\r\033[31mc\td"), AXM_ENV);
    capture_end(&c);
    assert_string_equal(c.line, "a b  [31mc d");
}

TEST(test_status__a_long_message_is_cut_not_overrun)
{
    static char name[5000];
    struct capture c;
    memset(name, 'x', sizeof name - 1);
    capture_begin(&c);
    assert_int_equal(fail(AXM_USAGE, "%s", name), AXM_USAGE);
    capture_end(&c);
    assert_int_equal(strlen(axm_last_message()), 1023);
}

struct elsewhere {
    char before[64];
    enum axm_status st;
};

static void *fails_elsewhere(void *arg)
{
    struct elsewhere *e = arg;
    snprintf(e->before, sizeof e->before, "%s", axm_last_message());
    e->st = fail(AXM_ENV, "there");
    return NULL;
}

TEST(test_status__the_last_message_is_the_threads_own)
{
    struct capture c;
    struct elsewhere there;
    pthread_t t;
    capture_begin(&c);
    assert_int_equal(fail(AXM_USAGE, "here"), AXM_USAGE);
    assert_int_equal(pthread_create(&t, NULL, fails_elsewhere, &there), 0);
    pthread_join(t, NULL);
    capture_end(&c);
    assert_string_equal(there.before, "");
    assert_int_equal(there.st, AXM_ENV);
    assert_string_equal(axm_last_message(), "here");
}

TEST(test_status__by_default_a_message_goes_to_standard_error_with_our_name)
{
    struct streams s;
    streams_begin(&s);
    note("a note of %d", 1);
    note_verbose("not this one");
    enum axm_status st = fail(AXM_ENV, "out.npy: %s", "No space left on device");
    streams_end(&s);
    assert_int_equal(st, AXM_ENV);
    assert_string_equal(s.out, "");
    assert_string_equal(s.err, "a note of 1\naxmul: out.npy: No space left on device\n");
}

TEST(test_status__quiet_silences_notes_and_bar_but_no_message)
{
    struct streams s;
    streams_begin(&s);
    note_set_level(-1);
    note("not this one");
    note_bar("nor this");
    note_bar("");
    enum axm_status st = fail(AXM_ENV, "this");
    note_set_level(1);
    note_verbose("and this");
    note_set_level(0);
    streams_end(&s);
    assert_int_equal(st, AXM_ENV);
    assert_string_equal(s.err, "axmul: this\nand this\n");
}

TEST(test_status__a_message_erases_the_bar_before_it)
{
    struct streams s;
    streams_begin(&s);
    note_bar("50 %");
    note("in between");
    note_bar("60 %");
    note_bar("");
    note("after");
    streams_end(&s);
    assert_string_equal(s.err, "\r50 %\033[K" "\r\033[Kin between\n" "\r60 %\033[K" "\r\033[K" "after\n");
}
