/* Operand pairs to try on a circuit, and what came of it. */
#ifndef AXM_SIM_STIMULUS_H
#define AXM_SIM_STIMULUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cmodel/mul.h"

/* Either all pairs in ascending order of a << width_b | b, or a list. */
struct stimulus {
    int width_a, width_b;
    bool exhaustive;
    uint64_t first;         /* pairs that are left out at the beginning: of a slice */
    uint64_t count;         /* pairs; 2^(width_a + width_b) if exhaustive and no slice */
    uint32_t *a, *b;        /* bit patterns, owned; NULL if exhaustive */
    uint64_t corners;       /* of a list: the first so many are corner pairs */
    uint64_t seed;          /* of the random rest */
};

/* All pairs; width_a + width_b <= 40. */
struct stimulus stimulus_all(int width_a, int width_b);

/* Every pair of corner operands (0, 1, the largest and smallest values, powers
 * of two and their neighbours, complements of these, alternating and half-filled
 * patterns: about 6 times the width of them per operand), then `random` seeded
 * pairs: by turns uniform over the values and uniform over the position of the
 * leading one (or zero), which leading-one multipliers depend on.  They depend
 * on nothing but seed and widths.  AXM_ENV if out of memory.  Release with
 * stimulus_release(). */
enum axm_status stimulus_sample(int width_a, int width_b, uint64_t random, uint64_t seed,
                                struct stimulus *out) AXM_MUST_CHECK;
void stimulus_release(struct stimulus *s);

/* Keeps `most` of a list's corner pairs, evenly spread, if it has more. */
void stimulus_thin_corners(struct stimulus *s, uint64_t most);

/* Pairs first..first+count-1 of s; borrows its lists, do not release it. */
struct stimulus stimulus_slice(const struct stimulus *s, uint64_t first, uint64_t count);

/* The pairs first..first+n-1 of s. */
void stimulus_get(const struct stimulus *s, uint64_t first, size_t n, uint32_t *a, uint32_t *b);

enum { RUNTIME_PORTS = 8 };

/* One disagreement; all bit patterns. */
struct sim_mismatch {
    uint64_t a, b, expected, actual;
    uint64_t runtime[RUNTIME_PORTS];    /* values at the runtime ports, if any */
    bool unknown;                       /* actual has x or z bits (Icarus), given as 0 */
};

struct sim_result {
    uint64_t pairs;             /* that were compared */
    uint64_t mismatches;        /* of these */
    struct sim_mismatch first;  /* lowest position in the stimulus; valid if mismatches > 0 */
    double seconds;             /* share of this circuit, set-up included */
};

#endif
