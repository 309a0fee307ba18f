/* What every unit test includes.  A file tests one unit; a TEST() makes one
 * claim and is registered by scripts/test_main.sh.
 *
 *     build/tests/test_spec                         runs all of the file
 *     build/tests/test_spec test_spec__round_trip   runs one (pattern with *)
 */
#ifndef AXM_TESTS_HARNESS_H
#define AXM_TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail   /* ours reports a status; see base/status.h */

#define TEST(name) \
    void name(void **state); \
    void name(void **state __attribute__((unused)))

/* Counted as skipped, never as passed. */
#define SKIP(...) \
    do { \
        printf("SKIP: " __VA_ARGS__); \
        printf("\n"); \
        skip(); \
    } while (0)

/* Fails with a message of one's own. */
#define CHECK(cond, ...) \
    do { \
        if (!(cond)) { \
            fprintf(stderr, "%s:%d: " #cond ": ", __FILE__, __LINE__); \
            fprintf(stderr, __VA_ARGS__); \
            fprintf(stderr, "\n"); \
            _fail(__FILE__, __LINE__); \
        } \
    } while (0)

static inline int test_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests(argv[0], tests, n, NULL, NULL);
}

#endif
