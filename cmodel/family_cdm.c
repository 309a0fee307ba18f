/* cdm, scdm, cdmr, scdmr: carry disregard (Shakibhamedan et al. 2024). */
#include "cmodel/operand.h"
#include "cmodel/vector.h"

uint64_t cdm_model(const struct axm_spec *s, uint64_t a, uint64_t b)
{
    uint64_t product = matrix_constant(s);
    for (int r = 0; r < s->width_b / 4; r++) {
        uint64_t carryless = axm_mask(s->p[r]), parity = 0, sum = 0;
        for (int i = 0; i < 4; i++) {
            uint64_t row = matrix_row(s, a, b, 4 * r + i) << i;
            parity ^= row & carryless;
            sum += row & ~carryless;
        }
        product += (sum + parity) << 4 * r;
    }
    return product & axm_mask(axm_spec_product_width(s));
}

/* One block a pass over a chunk; LANE holds width_a + width_b bits. */
#define CDM_CHUNK(NAME, LANE) \
    ALWAYS_INLINE void NAME(const struct axm_spec *s, const uint32_t *restrict a, \
                            const uint32_t *restrict b, uint64_t *restrict product, size_t n) \
    { \
        const LANE mask_a = axm_mask(s->width_a), mask = axm_mask(axm_spec_product_width(s)); \
        LANE total[CHUNK]; \
        for (size_t j = 0; j < n; j++) \
            total[j] = matrix_constant(s); \
        for (int r = 0; r < s->width_b / 4; r++) { \
            const LANE carryless = axm_mask(s->p[r]); \
            LANE inverted[4]; \
            for (int i = 0; i < 4; i++) \
                inverted[i] = (LANE)matrix_inverted(s, 4 * r + i) << i; \
            for (size_t j = 0; j < n; j++) { \
                LANE x = a[j] & mask_a, parity = 0, sum = 0; \
                uint32_t y = b[j] >> 4 * r; \
                for (int i = 0; i < 4; i++) { \
                    LANE row = ((y >> i & 1) ? x << i : 0) ^ inverted[i]; \
                    parity ^= row; \
                    sum += row & ~carryless; \
                } \
                total[j] += (sum + (parity & carryless)) << 4 * r; \
            } \
        } \
        for (size_t j = 0; j < n; j++) \
            product[j] = total[j] & mask; \
    }
CDM_CHUNK(cdm_chunk_32, uint32_t)
CDM_CHUNK(cdm_chunk_64, uint64_t)

VECTOR_CLONES
void cdm_many(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product, size_t n)
{
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t len = n - i < CHUNK ? n - i : CHUNK;
        if (axm_spec_product_width(s) <= 32)
            cdm_chunk_32(s, a + i, b + i, product + i, len);
        else
            cdm_chunk_64(s, a + i, b + i, product + i, len);
    }
}
