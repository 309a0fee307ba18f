/* Every operand pair, in the order of a table.  Internal. */
#ifndef AXM_CMODEL_PAIRS_H
#define AXM_CMODEL_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "cmodel/spec.h"

/* Pairs first..first+n-1 of at most 2^32: b runs fastest. */
static inline void pairs_enumerate(int width_b, uint64_t first, uint32_t *restrict a, uint32_t *restrict b,
                                   size_t n)
{
    uint32_t mask_b = (uint32_t)axm_mask(width_b);
    for (size_t i = 0; i < n; i++) {
        uint32_t pair = (uint32_t)first + (uint32_t)i;
        a[i] = pair >> width_b;
        b[i] = pair & mask_b;
    }
}

#endif
