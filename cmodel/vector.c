#include "cmodel/vector.h"

#include "cmodel/operand.h"

ALWAYS_INLINE void products(const struct axm_spec *s, bool is_signed, uint32_t keep_a, uint32_t keep_b,
                            const uint32_t *restrict a, const uint32_t *restrict b,
                            uint64_t *restrict product, size_t n)
{
    int unused_a = 32 - s->width_a, unused_b = 32 - s->width_b;
    uint64_t mask = axm_mask(axm_spec_product_width(s));
    for (size_t i = 0; i < n; i++) {
        uint32_t x = lane_value(a[i], unused_a, is_signed) & keep_a;
        uint32_t y = lane_value(b[i], unused_b, is_signed) & keep_b;
        product[i] = (is_signed ? (uint64_t)((int64_t)(int32_t)x * (int32_t)y) : (uint64_t)x * y) & mask;
    }
}

VECTOR_CLONES
void product_many(const struct axm_spec *s, uint32_t keep_a, uint32_t keep_b, const uint32_t *a,
                  const uint32_t *b, uint64_t *product, size_t n)
{
    if (s->is_signed)
        products(s, true, keep_a, keep_b, a, b, product, n);
    else
        products(s, false, keep_a, keep_b, a, b, product, n);
}

/* Four rows a pass over a chunk; rows past the last have no bits of b.  LANE
 * holds width_a + width_b bits. */
#define MATRIX_CUT(NAME, LANE) \
    ALWAYS_INLINE void NAME(const struct axm_spec *s, const struct matrix_cut *c, \
                            const uint32_t *restrict a, const uint32_t *restrict b, \
                            uint64_t *restrict product, size_t n) \
    { \
        const LANE mask_a = axm_mask(s->width_a), mask = axm_mask(axm_spec_product_width(s)); \
        const uint32_t mask_b = axm_mask(c->last); \
        const LANE cut = c->cut, sign = c->sign; \
        LANE sum[CHUNK]; \
        for (size_t j = 0; j < n; j++) \
            sum[j] = (LANE)product[j] + (LANE)c->constant; \
        for (int r = c->first; r < c->last; r += 4) { \
            LANE inverted[4] = { 0 }; \
            for (int i = 0; i < 4 && r + i < c->last; i++) \
                inverted[i] = (LANE)matrix_inverted(s, r + i) << (r + i); \
            for (size_t j = 0; j < n; j++) { \
                LANE x = (a[j] & mask_a) << r, taken = 0; \
                uint32_t y = (b[j] & mask_b) >> r; \
                for (int i = 0; i < 4; i++) \
                    taken += ((((y >> i & 1) ? x << i : 0) ^ inverted[i]) & cut) ^ sign; \
                sum[j] -= taken - 4 * sign;   /* (v ^ sign) - sign: the bit counts negatively */ \
            } \
        } \
        for (size_t j = 0; j < n; j++) \
            product[j] = sum[j] & mask; \
    }
MATRIX_CUT(cut_chunk_32, uint32_t)
MATRIX_CUT(cut_chunk_64, uint64_t)

VECTOR_CLONES
static void cut_chunk(const struct axm_spec *s, const struct matrix_cut *c, const uint32_t *a,
                      const uint32_t *b, uint64_t *product, size_t n)
{
    if (axm_spec_product_width(s) <= 32)
        cut_chunk_32(s, c, a, b, product, n);
    else
        cut_chunk_64(s, c, a, b, product, n);
}

void matrix_cut_many(const struct axm_spec *s, const struct matrix_cut *c, const uint32_t *a,
                     const uint32_t *b, uint64_t *product, size_t n)
{
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t len = n - i < CHUNK ? n - i : CHUNK;
        product_many(s, UINT32_MAX, c->keep_b, a + i, b + i, product + i, len);
        cut_chunk(s, c, a + i, b + i, product + i, len);
    }
}
