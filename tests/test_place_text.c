/* A library's code after it has been moved: what it gives, and that it is the copy that was quickest. */
#include "tests/sim_fixture.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>

#include "sim/native.h"
#include "sim/place_text.h"

/* The file that an address is mapped from; "": none. */
static void mapped_from(uintptr_t address, char path[256])
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    assert_non_null(f);
    *path = 0;
    while (fgets(line, sizeof line, f)) {
        uintptr_t from, to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2 && from <= address && address < to)
            sscanf(line, "%*s %*s %*s %*s %*s %255s", path);
    }
    fclose(f);
}

/* 200 functions that call one another, with a table and a variable: several pages of code. */
static void write_library(struct strbuf *s)
{
    strbuf_adds(s, "static const int table[4] = { 3, 5, 7, 11 };\nint calls;\n"
                   "__attribute__((noinline)) static long f0(long x) { calls++; return x; }\n");
    for (int i = 1; i < 200; i++)
        strbuf_addf(s, "__attribute__((noinline)) static long f%d(long x) "
                       "{ return (f%d(x) * table[x & 3] + %d) & 0xffff; }\n", i, i - 1, i);
    strbuf_adds(s, "long last(long x) { return f199(x); }\n");
}

static long expected(long x)
{
    static const int table[4] = { 3, 5, 7, 11 };
    long v = x;
    for (int i = 1; i < 200; i++)
        v = (v * table[x & 3] + i) & 0xffff;
    return v;
}

struct race {
    long (*last)(long);
    const char *winner;
    int runs;
};

/* Runs the code, and lets the copy win that it is told. */
static double seconds(void *ctx)
{
    struct race *r = ctx;
    char path[256];
    mapped_from((uintptr_t)r->last, path);
    assert_int_equal(r->last(r->runs), expected(r->runs));
    r->runs++;
    return strstr(path, r->winner) ? 1e-3 : 2e-3;
}

TEST(test_place_text__the_quickest_copy_stays_and_gives_the_same)
{
    static const char *const flags[] = { "-O1", NULL };
    struct strbuf source = { 0 };
    void *library = NULL;
    char path[256];
    struct race r = { .winner = "text-7" };
    write_library(&source);
    assert_int_equal(native_load("place_text", &source, flags, &library), AXM_OK);
    *(void **)&r.last = dlsym(library, "last");
    const int *calls = dlsym(library, "calls");
    assert_non_null(calls);
    mapped_from((uintptr_t)r.last, path);
    CHECK(strstr(path, ".so"), "%s", path);
    place_text(library, seconds, &r);
    mapped_from((uintptr_t)r.last, path);
    CHECK(strstr(path, r.winner), "runs from %s", path);
    assert_in_range(r.runs, PLACE_TEXT_COPIES + 5, 2 * PLACE_TEXT_COPIES);   /* 32 + 16 + 8 + 4 + 2 + 1 */
    for (long x = 0; x < 50; x++)
        assert_int_equal(r.last(x), expected(x));
    assert_int_equal(*calls, r.runs + 50);
    dlclose(library);
    strbuf_release(&source);
}
