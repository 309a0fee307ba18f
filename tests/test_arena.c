#include "tests/harness.h"

#include "base/arena.h"
#include "base/rng.h"

/* Every object is zero, aligned, and still holds its own byte when all are made. */
TEST(test_arena__objects_are_zeroed_aligned_and_apart)
{
    enum { OBJECTS = 3000 };
    unsigned char *object[OBJECTS];   /* not static: a block that is lost shall show as a leak */
    size_t size[OBJECTS];
    struct arena a = { 0 };
    struct rng r;
    rng_init(&r, 1, 0);
    for (int i = 0; i < OBJECTS; i++) {
        size[i] = rng_below(&r, 100) == 0 ? rng_below(&r, 300000) : rng_below(&r, 200);
        object[i] = arena_alloc(&a, size[i]);
        assert_non_null(object[i]);
        assert_int_equal((uintptr_t)object[i] % (size[i] >= 64 ? 64 : 16), 0);
        for (size_t k = 0; k < size[i]; k++) {
            assert_int_equal(object[i][k], 0);
            object[i][k] = (unsigned char)i;
        }
    }
    for (int i = 0; i < OBJECTS; i++)
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(object[i][k], (unsigned char)i);
    memset(object, 0, sizeof object);
    arena_release(&a);
    assert_null(a.head);
}

TEST(test_arena__can_be_used_again_after_release)
{
    struct arena a = { 0 };
    assert_string_equal(arena_strdup(&a, "before"), "before");
    arena_release(&a);
    assert_string_equal(arena_strdup(&a, "after"), "after");
    arena_release(&a);
    arena_release(&a);   /* of nothing is fine */
}

TEST(test_arena__an_impossible_size_is_null)
{
    struct arena a = { 0 };
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 63));
    assert_non_null(arena_alloc(&a, 1));
    arena_release(&a);
}
