#include "tests/harness.h"

#include "sim/stimulus.h"

TEST(test_stimulus__all_pairs_ascend_with_b_fastest)
{
    struct stimulus s = stimulus_all(3, 2);
    uint32_t a[32], b[32];
    assert_int_equal(s.count, 32);
    stimulus_get(&s, 0, 32, a, b);
    for (uint32_t i = 0; i < 32; i++)
        assert_true(a[i] == i / 4 && b[i] == i % 4);
}

TEST(test_stimulus__slice_is_the_same_pairs_further_on)
{
    struct stimulus s, slices[2];
    assert_int_equal(stimulus_sample(12, 9, 100, 7, &s), AXM_OK);
    slices[0] = stimulus_slice(&s, 40, 50);
    struct stimulus all = stimulus_all(12, 9);
    slices[1] = stimulus_slice(&all, 40, 50);
    for (int k = 0; k < 2; k++) {
        uint32_t a[10], b[10], c[10], d[10];
        stimulus_get(&slices[k], 5, 10, a, b);
        stimulus_get(k ? &all : &s, 45, 10, c, d);
        assert_memory_equal(a, c, sizeof a);
        assert_memory_equal(b, d, sizeof b);
    }
    stimulus_release(&s);
}

static bool has_pair(const struct stimulus *s, uint32_t a, uint32_t b)
{
    for (uint64_t i = 0; i < s->corners; i++)
        if (s->a[i] == a && s->b[i] == b)
            return true;
    return false;
}

/* 16 bits: extremes, signs, powers and neighbours, patterns, in all combinations, each once. */
TEST(test_stimulus__corners_are_all_pairs_of_corner_operands)
{
    static const uint32_t corners[] = { 0, 1, 2, 3, 5, 0x7fff, 0x8000, 0x8001, 0xffff, 0xfffe, 0x4000, 0x3fff,
                                        0xbfff, 0xc000, 0x5555, 0xaaaa, 0x00ff, 0xff00, 0x3333, 0x0f0f };
    struct stimulus s;
    assert_int_equal(stimulus_sample(16, 16, 0, 1, &s), AXM_OK);
    assert_int_equal(s.count, s.corners);
    for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++)
        for (size_t j = 0; j < sizeof corners / sizeof corners[0]; j++)
            CHECK(has_pair(&s, corners[i], corners[j]), "%#x, %#x", corners[i], corners[j]);
    for (uint64_t i = 1; i < s.corners; i++)
        CHECK(s.a[i] > s.a[i - 1] || (s.a[i] == s.a[i - 1] && s.b[i] > s.b[i - 1]), "pair %d twice", (int)i);
    stimulus_release(&s);
}

TEST(test_stimulus__random_pairs_follow_seed_alone)
{
    struct stimulus x, y, z;
    assert_int_equal(stimulus_sample(32, 20, 1000, 5, &x), AXM_OK);
    assert_int_equal(stimulus_sample(32, 20, 1000, 5, &y), AXM_OK);
    assert_int_equal(stimulus_sample(32, 20, 1000, 6, &z), AXM_OK);
    size_t bytes = x.count * sizeof *x.a;
    assert_memory_equal(x.a, y.a, bytes);
    assert_memory_equal(x.b, y.b, bytes);
    assert_true(memcmp(x.a, z.a, bytes) != 0);
    stimulus_release(&x);
    stimulus_release(&y);
    stimulus_release(&z);
}

/* Leading-one multipliers see all their shifts only if small operands come up: of 20,000 pairs half are
 * drawn by magnitude, 1/32 of those have a leading one (or zero) at each position. */
TEST(test_stimulus__every_leading_position_comes_up)
{
    struct stimulus s;
    int count[33] = { 0 };
    assert_int_equal(stimulus_sample(32, 32, 20000, 3, &s), AXM_OK);
    for (uint64_t i = s.corners; i < s.count; i++) {
        assert_true(s.b[i] <= axm_mask(32));
        count[s.a[i] ? 32 - __builtin_clz(s.a[i]) : 0]++;
    }
    for (int k = 2; k <= 32; k++)
        CHECK(count[k] > 60, "leading one at %d: %d times", k - 1, count[k]);
    stimulus_release(&s);
}

TEST(test_stimulus__thinned_corners_leave_the_random_pairs)
{
    struct stimulus x, y;
    assert_int_equal(stimulus_sample(16, 16, 300, 5, &x), AXM_OK);
    assert_int_equal(stimulus_sample(16, 16, 300, 5, &y), AXM_OK);
    stimulus_thin_corners(&y, 1000);
    assert_true(x.corners > 5000 && y.corners == 1000 && y.count == 1300);
    assert_memory_equal(x.a + x.corners, y.a + 1000, 300 * sizeof *x.a);
    assert_memory_equal(x.b + x.corners, y.b + 1000, 300 * sizeof *x.b);
    for (int i = 0; i < 1000; i++) {   /* ascending, so each pair once, to the end of the list */
        assert_true(has_pair(&x, y.a[i], y.b[i]));
        assert_true(i == 0 || y.a[i] > y.a[i - 1] || (y.a[i] == y.a[i - 1] && y.b[i] > y.b[i - 1]));
    }
    assert_true(y.a[0] == 0 && y.b[0] == 0 && y.a[999] > 0xfe00);
    stimulus_thin_corners(&y, 2000);
    assert_int_equal(y.count, 1300);
    stimulus_release(&x);
    stimulus_release(&y);
}
