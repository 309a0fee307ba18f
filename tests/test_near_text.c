/* A library's code after it has been moved: what it gives, and that it is not the file's any more. */
#include "tests/sim_fixture.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>

#include "sim/native.h"
#include "sim/near_text.h"

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

TEST(test_near_text__moved_code_gives_the_same)
{
    static const char *const flags[] = { "-O1", NULL };
    struct strbuf source = { 0 };
    void *library = NULL;
    char path[256];
    long (*last)(long);
    write_library(&source);
    assert_int_equal(native_load("near_text", &source, flags, &library), AXM_OK);
    *(void **)&last = dlsym(library, "last");
    const int *calls = dlsym(library, "calls");
    assert_non_null(calls);
    mapped_from((uintptr_t)last, path);
    CHECK(strstr(path, ".so"), "%s", path);
    assert_int_equal(last(0), expected(0));
    near_text(library);
    mapped_from((uintptr_t)last, path);
    CHECK(!*path, "still from %s", path);
    for (long x = 1; x < 50; x++)
        assert_int_equal(last(x), expected(x));
    assert_int_equal(*calls, 50);
    dlclose(library);
    strbuf_release(&source);
}
