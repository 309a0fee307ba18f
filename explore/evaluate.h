/* The evaluator of searches: a quantized network on a set of images, one multiplier out of a list per layer.
 *
 * Genomes are scored in batches.  What was scored before, in this run or in an earlier one that kept its
 * log, is not run again; of the others, those that begin alike share the layers up to where they differ,
 * with each other and with earlier batches as far as cache_bytes go.
 * Images are cut into chunks that all threads work on; hits are counts, so that nothing depends on who did
 * what. */
#ifndef AXM_EXPLORE_EVALUATE_H
#define AXM_EXPLORE_EVALUATE_H

#include "base/progress.h"
#include "dnn/infer.h"
#include "explore/search.h"

/* Cost of an assignment, both from coefficients relative to the exact multiplier, weighted by
 * multiplications. */
enum saving {
    SAVING_PLAIN,     /* cost = sum coefficient; saving = 1 - cost */
    SAVING_PAPER,     /* saving = mean of 1 / coefficient - 1 (the first paper, A.4.1);
                       * cost = 1 / (1 + saving) */
};

struct evaluate_opts {
    const struct axm_mul *const *mul;    /* [choices], borrowed */
    const double *coefficient;           /* [choices], relative to the exact multiplier */
    int choices;
    const bool *weight_is_a;             /* [layers], NULL: the default of infer.h */
    enum saving saving;
    /* SQLite file that remembers scores, made if need be; NULL: none.  Table score: hits of a genome (a byte
     * a layer) under a key, the hash of network, images, multipliers and order; table space: what each key
     * stands for. */
    const char *log;
    size_t cache_bytes;                  /* for outputs of layers that several batches begin with; 0: none */
    struct progress *progress;           /* told of every genome; may be NULL */
    size_t first, n;                     /* which images */
};

struct network;                          /* not thread-safe: one batch at a time */

/* q and im are borrowed.  AXM_USAGE for a multiplier that does not fit the network. */
enum axm_status network_open(const struct qgraph *q, const struct images *im, const struct evaluate_opts *o,
                             struct network **out) AXM_MUST_CHECK;
void network_close(struct network *e);   /* NULL is fine */
struct evaluator network_evaluator(struct network *e);
void network_set_progress(struct network *e, struct progress *p);   /* instead of evaluate_opts.progress */
struct search_space network_space(const struct network *e);

/* Labels of one genome, for tests of significance: [n]. */
enum axm_status network_labels(struct network *e, const uint8_t *genome, uint16_t *label) AXM_MUST_CHECK;

struct evaluate_stats {
    uint64_t asked, remembered, run;     /* genomes: asked for = remembered + repeated in their batch + run */
    uint64_t layers_run, layers_shared;  /* layers of the genomes that were run: computed, and taken
                                          * from another */
};
struct evaluate_stats network_stats(const struct network *e);

/* The two savings of an assignment, in percent. */
void network_savings(const struct network *e, const uint8_t *genome, double *paper_percent,
                     double *plain_percent);

/* Wilson's 95 % interval of a share, in percent. */
void wilson_95(uint64_t hits, uint64_t n, double *low, double *high);

/* McNemar's test on paired labels: exact binomial, two-sided.  hits of one that the other misses, and the
 * p-value that such a difference is chance.  And the difference of the accuracies, a less b, in points, with
 * its 95 % interval (Bonett and Price 2012, doi:10.3102/1076998611411915: Wald's with one discordant pair
 * added to each side). */
struct mcnemar {
    uint32_t only_a, only_b;
    double p;
    double gain, gain_low, gain_high;
};
struct mcnemar mcnemar_test(const uint16_t *a, const uint16_t *b, const uint8_t *truth, size_t n);

#endif
