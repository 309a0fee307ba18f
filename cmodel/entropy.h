/* Entropy of more outputs than can be counted at once.  Internal; callers use
 * axm_entropy() of metrics.h. */
#ifndef AXM_CMODEL_ENTROPY_H
#define AXM_CMODEL_ENTROPY_H

#include "cmodel/mul.h"

/* Output entropy in bits over all operand pairs of at most 32 bits.  One pass
 * over the pairs counts 2^pass_bits outputs, in a byte each, on all threads; a
 * slice of 2^slice_bits of them has one lock.  The bits of the result do not
 * depend on the number of threads, and hardly (rounding) on pass and slice. */
enum axm_status entropy_in_passes(const struct axm_mul *m, int pass_bits, int slice_bits,
                                  double *bits) AXM_MUST_CHECK;

#endif
