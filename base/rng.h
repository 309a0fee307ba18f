/* Seeded random numbers: xoshiro256** (Blackman and Vigna 2018), seeded
 * through splitmix64.  The sequence is part of our interface: a printed seed
 * reproduces a result on any machine. */
#ifndef AXM_BASE_RNG_H
#define AXM_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* Streams with different numbers are independent: work is split by item
 * number, never by thread, so that a result does not depend on the threads. */
void rng_init(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *r);                      /* 64 random bits */
uint64_t rng_below(struct rng *r, uint64_t n);         /* 0..n-1, unbiased; n > 0 */
double rng_unit(struct rng *r);                        /* [0, 1), 53 bits */
double rng_gauss(struct rng *r);   /* mean 0, variance 1; up to the last bit of the machine's log() */

#endif
