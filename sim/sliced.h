/* A layer on the gates of a multiplier, many images at once: bit i of a word is image i.
 *
 * The netlist becomes C (gen/write.h), is compiled with a loop around it that multiplies and accumulates,
 * and is kept in
 * the cache by content.  512 images a pass with AVX-512, 256 with AVX2, else 64.  The accumulation is made of
 * full adders too, in two's complement, modulo 2^32. */
#ifndef AXM_SIM_SLICED_H
#define AXM_SIM_SLICED_H

#include "cmodel/spec.h"
#include "sim/bitsim.h"

struct sliced;

/* weight_is_a: which operand the weight is; mode: run-time settings (x in bits 3..0, y in 7..4 of scdmr8s),
 * whose pins are held: gates that they alone decide are folded.  Both operands of at most 8 bits.
 * Immutable: threads may share it.  AXM_ENV if there is no C compiler. */
enum axm_status sliced_open(const struct axm_spec *mult, bool weight_is_a, unsigned mode, enum bitsim_level
                            level,
                            struct sliced **out) AXM_MUST_CHECK;
void sliced_close(struct sliced *s);   /* NULL is fine */

int sliced_lanes(const struct sliced *s);                  /* images a pass */
size_t sliced_words(const struct sliced *s);   /* 64-bit words of one packed activation */

/* Packs activations, and runs the gates that they alone decide.
 * codes: [elements][lanes] patterns.  planes: [elements][sliced_words()], too. */
void sliced_pack(const struct sliced *s, const uint8_t *codes, size_t elements, uint64_t *planes);

/* acc[o][p][lane] = sum over j of f(element index[p][j] of that image, w[o][j]).  index: [positions][k], into
 * planes; w: [n][k] patterns; acc: [n][acc_stride], acc_stride >= positions * lanes, a multiple of 16;
 * 64-byte aligned. */
void sliced_layer(const struct sliced *s, const uint64_t *planes, const uint32_t *index, size_t positions,
                  size_t k, const uint8_t *w, size_t n, int32_t *acc, size_t acc_stride);

/* The pieces, for simulations of a cell at a time (sim/cycle.h).  Sums are sliced_sum_words() words: 32
 * planes. */
size_t sliced_sum_words(const struct sliced *s);
/* out = in + f(x, w); in NULL: zero.  out may not be in. */
void sliced_cell(const struct sliced *s, const uint64_t *x, unsigned w, const uint64_t *in, uint64_t *out);
void sliced_add(const struct sliced *s, uint64_t *sum, const uint64_t *term);
void sliced_unpack(const struct sliced *s, const uint64_t *sum, int32_t *lane);   /* [lanes] */

#endif
