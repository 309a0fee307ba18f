/* Error metrics of a multiplier against the exact product, and the entropy of
 * its output.
 *
 * e = approximate - exact over N operand pairs, uniformly weighted; w the
 * product width in bits.  The conventions are those of EvoApproxLib (Mrazek et
 * al. 2017), all of whose 49 8-bit circuits they reproduce as printed. */
#ifndef AXM_CMODEL_METRICS_H
#define AXM_CMODEL_METRICS_H

#include "cmodel/lut.h"
#include "cmodel/mul.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)   /* all else in the library is hidden */

/* A figure with the half-width of its 95 % confidence interval; 0 if exhaustive.
 * Normal approximation: 1.96 standard deviations of the sample over the root
 * of its size (MRE: of its pairs with exact != 0).  It is too narrow where rare
 * pairs decide, as in the MRE of a multiplier that errs at small products.  EP
 * is a proportion: the farther end of Wilson's interval (1927), which is not 0
 * even if no error was seen. */
struct axm_figure {
    double value, ci95;
};

struct axm_metrics {
    bool exhaustive;            /* else: a seeded uniform sample */
    uint64_t pairs;             /* N; 2^(width_a + width_b) if exhaustive */
    uint64_t seed;              /* of the sample */
    struct axm_figure mae;          /* sum |e| / N */
    struct axm_figure mae_percent;  /* 100 MAE / 2^w */
    struct axm_figure nmed;         /* MAE / largest |exact product| */
    struct axm_figure mse;          /* sum e^2 / N */
    struct axm_figure bias;         /* sum e / N */
    struct axm_figure ep_percent;   /* 100 * share of e != 0 */
    struct axm_figure mre_percent;  /* 100 * mean |e| / |exact| over the pairs with exact != 0 */
    double wce;                 /* max |e|; of a sample: the largest seen, a lower bound */
    double wce_percent;         /* 100 WCE / 2^w */
    double wcre_percent;        /* 100 * max |e| / |exact|, exact != 0; of a sample: the largest seen */
    uint64_t wce_a, wce_b;      /* a pair (bit patterns) with |e| = WCE: the lowest a, then b; of a
                                 * sample: the first met */
    uint64_t zero_pairs;        /* pairs with exact = 0 */
    uint64_t zero_errors;       /* of these, with e != 0 (MRE cannot see them) */
    double entropy_bits;        /* of the output, base 2; NaN if not computed */
};

/* From a table: exhaustive.  An 8x8 table takes less than a millisecond. */
enum axm_status axm_metrics_from_lut(const struct axm_lut *l, struct axm_metrics *out) AXM_MUST_CHECK;

enum { AXM_EXHAUSTIVE_BITS = 32 };

struct axm_metrics_opts {
    uint64_t samples;           /* 0: exhaustive up to 32 address bits, else 2^26 samples */
    uint64_t seed;
    bool no_entropy;
};

/* Exhaustive on all threads up to 2^32 pairs, sampled above (entropy is then
 * NaN: a plug-in estimate would be biased by more than it is worth).  The
 * result does not depend on the number of threads.  Shows progress; AXM_STOPPED
 * if interrupted.
 *
 * Sample number i is the word i mod 2^18 of random stream i / 2^18 of the seed:
 * its low bits are a, those from bit 32 are b.  o may be NULL: all defaults. */
enum axm_status axm_metrics_compute(const struct axm_mul *m, const struct axm_metrics_opts *o,
                                    struct axm_metrics *out) AXM_MUST_CHECK;

/* Output entropy in bits over all operand pairs, at most 2^32 (AXM_USAGE above).
 * Takes a byte for each possible output, 1 GiB at most, and 1 MiB a thread.
 * From a table: NaN if out of memory. */
enum axm_status axm_entropy(const struct axm_mul *m, double *bits) AXM_MUST_CHECK;
double axm_entropy_from_lut(const struct axm_lut *l);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
