#include "sim/stimulus.h"

#include <assert.h>
#include <stdlib.h>

#include "base/rng.h"

struct stimulus stimulus_all(int width_a, int width_b)
{
    assert(width_a + width_b <= 40);
    return (struct stimulus){ .width_a = width_a, .width_b = width_b, .exhaustive = true,
                              .count = UINT64_C(1) << (width_a + width_b) };
}

enum { CORNERS_MAX = 6 * AXM_WIDTH_MAX + 16 };

static int compare_u32(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

/* Ascending, each once. */
static int corner_operands(int width, uint32_t out[CORNERS_MAX])
{
    uint32_t mask = (uint32_t)axm_mask(width);
    uint32_t v[CORNERS_MAX];
    int n = 0;
    for (int k = 0; k < width; k++) {
        uint32_t power = UINT32_C(1) << k;
        v[n++] = power;
        v[n++] = power - 1;
        v[n++] = power + 1;
    }
    static const uint32_t patterns[] = { 0x55555555, 0x33333333, 0x0f0f0f0f, 0x00ff00ff, 0x0000ffff };
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        v[n++] = patterns[i];
    for (int i = 0, half = n; i < half; i++)   /* the complements: -1, the smallest value, its neighbours */
        v[n++] = ~v[i];
    assert(n <= CORNERS_MAX);
    for (int i = 0; i < n; i++)
        v[i] &= mask;
    qsort(v, n, sizeof v[0], compare_u32);
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (i == 0 || v[i] != v[i - 1])
            v[kept++] = v[i];
    for (int i = 0; i < kept; i++)
        out[i] = v[i];
    return kept;
}

/* Uniform over the number of leading bits that equal the sign, then over the rest. */
static uint32_t by_magnitude(struct rng *r, int width)
{
    uint64_t bits = rng_next(r);
    uint32_t v = (uint32_t)(bits & axm_mask(width)) >> rng_below(r, width);
    return bits >> 63 ? v ^ (uint32_t)axm_mask(width) : v;
}

enum axm_status stimulus_sample(int width_a, int width_b, uint64_t random, uint64_t seed,
                                struct stimulus *out)
{
    uint32_t corner_a[CORNERS_MAX], corner_b[CORNERS_MAX];
    int n_a = corner_operands(width_a, corner_a), n_b = corner_operands(width_b, corner_b);
    struct stimulus s = { .width_a = width_a, .width_b = width_b, .seed = seed,
                          .corners = (uint64_t)n_a * n_b };
    s.count = s.corners + random;
    s.a = malloc(s.count * sizeof *s.a);
    s.b = malloc(s.count * sizeof *s.b);
    if (!s.a || !s.b) {
        stimulus_release(&s);
        return fail(AXM_ENV, "%llu operand pairs: out of memory", (unsigned long long)s.count);
    }
    uint64_t n = 0;
    for (int i = 0; i < n_a; i++)
        for (int j = 0; j < n_b; j++, n++) {
            s.a[n] = corner_a[i];
            s.b[n] = corner_b[j];
        }
    struct rng r;
    rng_init(&r, seed, 0);
    for (; n < s.count; n++) {
        if (n % 2) {
            s.a[n] = by_magnitude(&r, width_a);
            s.b[n] = by_magnitude(&r, width_b);
        } else {
            uint64_t bits = rng_next(&r);
            s.a[n] = (uint32_t)(bits & axm_mask(width_a));
            s.b[n] = (uint32_t)(bits >> 32 & axm_mask(width_b));
        }
    }
    *out = s;
    return AXM_OK;
}

void stimulus_thin_corners(struct stimulus *s, uint64_t most)
{
    if (s->corners <= most)
        return;
    uint64_t n = 0;
    for (; n < most; n++) {
        s->a[n] = s->a[n * s->corners / most];
        s->b[n] = s->b[n * s->corners / most];
    }
    for (uint64_t i = s->corners; i < s->count; i++, n++) {
        s->a[n] = s->a[i];
        s->b[n] = s->b[i];
    }
    s->corners = most;
    s->count = n;
}

void stimulus_release(struct stimulus *s)
{
    free(s->a);
    free(s->b);
    *s = (struct stimulus){ 0 };
}

struct stimulus stimulus_slice(const struct stimulus *s, uint64_t first, uint64_t count)
{
    assert(first + count <= s->count);
    struct stimulus slice = *s;
    slice.first += first;
    slice.count = count;
    return slice;
}

void stimulus_get(const struct stimulus *s, uint64_t first, size_t n, uint32_t *a, uint32_t *b)
{
    assert(first + n <= s->count);
    first += s->first;
    if (s->exhaustive) {
        uint32_t mask_b = (uint32_t)axm_mask(s->width_b);
        for (size_t i = 0; i < n; i++) {
            a[i] = (uint32_t)((first + i) >> s->width_b);
            b[i] = (uint32_t)(first + i) & mask_b;
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            a[i] = s->a[first + i];
            b[i] = s->b[first + i];
        }
    }
}
