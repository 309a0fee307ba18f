/* What is kept of layers' outputs, and what is thrown out. */
#include "tests/harness.h"

#include "explore/prefix.h"

enum { BYTES = 100 };

static struct prefix *get(struct prefix_cache *c, int gene)
{
    const uint8_t genes[2] = { (uint8_t)gene, 7 };
    return prefix_cache_get(c, genes, 2, BYTES, 0);
}

/* Asks for it, and writes so many bytes if it is there to be written. */
static bool turn(struct prefix_cache *c, int gene, size_t write)
{
    struct prefix *p = get(c, gene);
    bool filled = p && p->filled;
    if (p && !filled)
        p->written += write;
    prefix_cache_turn(c);
    return filled;
}

TEST(test_prefix__kept_from_the_second_turn_on)
{
    struct prefix_cache *c = prefix_cache_new(1000);
    assert_null(get(c, 1));
    assert_null(get(c, 1));   /* the same turn */
    prefix_cache_turn(c);
    struct prefix *p = get(c, 1);
    assert_non_null(p);
    assert_false(p->filled);
    assert_null(p->scale);
    memset(p->value, 5, BYTES);
    p->written = BYTES;
    prefix_cache_turn(c);
    assert_ptr_equal(get(c, 1), p);
    assert_true(p->filled && p->value[BYTES - 1] == 5);
    const uint8_t longer[3] = { 1, 7, 7 }, other[2] = { 1, 8 };
    assert_null(prefix_cache_get(c, longer, 3, BYTES, 0));
    assert_null(prefix_cache_get(c, longer, 1, BYTES, 0));
    assert_null(prefix_cache_get(c, other, 2, BYTES, 0));
    prefix_cache_free(c);
}

TEST(test_prefix__half_written_is_forgotten)
{
    struct prefix_cache *c = prefix_cache_new(1000);
    assert_false(turn(c, 1, 0));
    assert_false(turn(c, 1, BYTES - 1));
    assert_false(turn(c, 1, 0));
    assert_false(turn(c, 1, BYTES));
    assert_true(turn(c, 1, 0));
    prefix_cache_free(c);
}

TEST(test_prefix__longest_unused_makes_room)
{
    struct prefix_cache *c = prefix_cache_new(2 * BYTES + 50);
    for (int round = 0; round < 2; round++)
        for (int gene = 1; gene <= 2; gene++)
            assert_false(turn(c, gene, BYTES));
    assert_true(turn(c, 1, 0));
    turn(c, 3, 0);
    assert_false(turn(c, 3, BYTES));   /* in place of 2 */
    assert_true(turn(c, 3, 0) && turn(c, 1, 0));
    assert_false(turn(c, 2, 0));
    prefix_cache_free(c);
}

TEST(test_prefix__what_is_in_use_stays)
{
    struct prefix_cache *c = prefix_cache_new(BYTES);
    turn(c, 1, 0);
    turn(c, 2, 0);
    struct prefix *p = get(c, 1);
    assert_non_null(p);
    assert_null(get(c, 2));    /* the only room is taken in this turn */
    p->written = BYTES;
    prefix_cache_turn(c);
    assert_true(turn(c, 1, 0));
    assert_null(prefix_cache_get(c, (const uint8_t[]){ 2, 7 }, 2, BYTES + 1, 0));   /* larger than all */
    prefix_cache_free(c);
    c = prefix_cache_new(0);
    assert_false(turn(c, 1, BYTES) || turn(c, 1, BYTES) || turn(c, 1, BYTES));
    prefix_cache_free(c);
}

TEST(test_prefix__scales_count)
{
    struct prefix_cache *c = prefix_cache_new(BYTES + 3 * sizeof(double));
    const uint8_t gene = 1;
    assert_null(prefix_cache_get(c, &gene, 1, BYTES, 3));
    prefix_cache_turn(c);
    assert_null(prefix_cache_get(c, &gene, 1, BYTES, 4));
    struct prefix *p = prefix_cache_get(c, &gene, 1, BYTES, 3);
    assert_non_null(p);
    p->scale[2] = 1;
    prefix_cache_free(c);
}
