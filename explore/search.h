/* Search over assignments of one choice (a multiplier) to every gene (a layer).
 *
 * A search asks an evaluator for batches of genomes and never looks inside it.  All decisions come from the
 * seed and the scores, so the same seed gives the same result whatever evaluates, on how many threads, and
 * whether it was interrupted: a search is resumed by running it again over an evaluator that remembers. */
#ifndef AXM_EXPLORE_SEARCH_H
#define AXM_EXPLORE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { SEARCH_GENES_MAX = 256, SEARCH_CHOICES_MAX = 256 };

struct search_space {
    int genes, choices;     /* a genome is genes bytes, each below choices */
};

struct score {
    uint32_t hits, images;  /* accuracy = hits / images: higher is better */
    double cost;            /* relative energy: lower is better */
};

/* Scores count genomes, [count][genes], into out[count]; the same genome always gets the same score. */
struct evaluator {
    void *ctx;
    enum axm_status (*evaluate)(void *ctx, const uint8_t *genome, size_t count, struct score *out);
};

enum search_algorithm {
    SEARCH_GA,           /* fitness = accuracy; the first paper's Algorithm 1 */
    SEARCH_NSGA2,        /* accuracy and cost; Deb et al. 2002, doi:10.1109/4235.996017 */
    SEARCH_GREEDY,       /* from the most accurate homogeneous assignment, layer by layer cheaper */
    SEARCH_RANDOM,       /* uniform */
    SEARCH_EXHAUSTIVE,   /* all of a space of at most SEARCH_EXHAUSTIVE_MAX genomes */
    SEARCH_ALGORITHMS
};
enum { SEARCH_EXHAUSTIVE_MAX = 1 << 20 };
extern const char *const search_names[SEARCH_ALGORITHMS];   /* "ga", ... */

struct search_opts {
    enum search_algorithm algorithm;
    int population, generations;   /* random: population * generations genomes; greedy: ends by itself */
    double mutation;               /* probability per gene */
    double crossover;              /* probability that two parents are mixed; one cut (ga), uniform (nsga2) */
    int elite;                     /* ga: so many best go on unchanged */
    bool homogeneous;              /* the first population begins with the homogeneous assignments */
    uint64_t seed;
};

/* The paper's settings: population 50, generations 50, mutation 0.1, no elite, all random at first.  Where
 * it is silent: parents by tournaments of two, one cut with probability 0.9. */
struct search_opts search_paper_ga(void);
struct search_opts search_defaults(enum search_algorithm a);

struct individual {
    uint8_t *genome;        /* [genes] */
    struct score score;
};

/* Told after every generation (batch): best is the most accurate so far (cheapest of equals). */
struct search_progress {
    int generation, generations;
    uint64_t asked;                  /* genomes that the evaluator was asked for */
    const struct individual *best;
};
typedef void search_progress_fn(void *ctx, const struct search_progress *p);

struct search_result {
    struct individual best;          /* most accurate of all seen; cheapest, then lowest genome, of equals */
    struct individual last_best;     /* of the last generation (what the paper returns) */
    struct individual *front;        /* not dominated among all seen, by ascending cost; one of equals */
    size_t n_front;
    uint64_t asked;
    void *memory;                    /* search_release() */
};

/* AXM_USAGE for settings out of range; else what the evaluator returns.  progress: may be NULL. */
enum axm_status search_run(const struct search_space *s, const struct search_opts *o,
                           const struct evaluator *e, search_progress_fn *progress, void *ctx,
                           struct search_result *out) AXM_MUST_CHECK;
void search_release(struct search_result *r);

/* a is at least as good in both and better in one. */
bool score_dominates(const struct score *a, const struct score *b);
static inline double score_accuracy(const struct score *s)
{
    return (double)s->hits / s->images;
}

/* Area between the front and the corner (accuracy `worst_accuracy`, cost `worst_cost`); points beyond it
 * do not count.  Any order, dominated points allowed. */
double search_hypervolume(const struct score *s, size_t n, double worst_accuracy, double worst_cost);

#endif
