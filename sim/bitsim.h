/* Bit-parallel simulation of a netlist: each bit of a word is another operand
 * pair, 2048 pairs per pass, on AVX-512, AVX2 or plain words, whichever the
 * processor has.  An 8x8 multiplier takes a fraction of a millisecond over all
 * pairs, a 16x16 one some seconds over all 2^32. */
#ifndef AXM_SIM_BITSIM_H
#define AXM_SIM_BITSIM_H

#include "cmodel/mul.h"
#include "gen/netlist.h"
#include "sim/stimulus.h"

enum {
    BITSIM_WORDS = 32,                  /* 64-bit words of a net in one pass */
    BITSIM_LANES = 64 * BITSIM_WORDS,   /* operand pairs in one pass */
};

/* Instruction sets, worst first. */
enum bitsim_level { BITSIM_PORTABLE, BITSIM_AVX2, BITSIM_AVX512, BITSIM_LEVELS };
enum bitsim_level bitsim_best_level(void);
const char *bitsim_level_name(enum bitsim_level level);
/* For tests and benchmarks; at most bitsim_best_level().  Not thread-safe. */
void bitsim_set_level(enum bitsim_level level);

/* A netlist compiled to a list of operations on reused slots. */
struct bitsim;

/* Registers are taken as wires: what a pipelined circuit computes, without its
 * latency.  Free with bitsim_free(). */
enum axm_status bitsim_new(const struct netlist *nl, struct bitsim **out) AXM_MUST_CHECK;
void bitsim_free(struct bitsim *s);     /* NULL is fine */

/* One pass.  in: BITSIM_WORDS words per input bit, ports in order, LSB first;
 * out: likewise per output bit.  scratch: bitsim_scratch_words() words, 64-byte
 * aligned like in and out, one per thread. */
size_t bitsim_scratch_words(const struct bitsim *s);
void bitsim_run(const struct bitsim *s, const uint64_t *in, uint64_t *out, uint64_t *scratch);

struct bitsim_compare_opts {
    const uint64_t *runtime;    /* values for the input ports after a_i and b_i; NULL: 0 */
    bool stop_at_first;         /* enough to know that they differ: mismatches is then 1 and
                                 * `first` some mismatch, not always the lowest */
    bool one_thread;            /* called from inside pool_run() */
    bool progress;              /* show a bar labelled with the multiplier's name */
};

/* Compares a multiplier circuit (first two input ports a and b, one output) with
 * a model on every pair of the stimulus (no slice).  A mismatch is a result, not an error.
 * AXM_STOPPED when interrupted. */
enum axm_status bitsim_compare(const struct bitsim *s, const struct axm_mul *m,
                               const struct stimulus *pairs, const struct bitsim_compare_opts *o,
                               struct sim_result *out) AXM_MUST_CHECK;

/* Bit planes of numbers: bit i of value[32*k + w] becomes bit k of plane[i][w]
 * (k 0..63, w 0..31), for `bits` planes of BITSIM_LANES values; lane number n
 * of all of bitsim is value number n. */
void bitsim_planes(const uint64_t *value, int bits, uint64_t *plane);

#endif
