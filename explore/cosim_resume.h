/* The file of `axmul cosim --resume`: CSV, a row for each run, with what decides its result, which batches
 * are done, and what they gave.  Rewritten as a whole, atomically; rows of other runs stay. */
#ifndef AXM_EXPLORE_COSIM_RESUME_H
#define AXM_EXPLORE_COSIM_RESUME_H

#include "base/hash.h"
#include "explore/cosim.h"

struct cosim_resume;

/* What decides the result of a run, but for its size of a batch. */
struct cosim_key {
    struct sha256_hex model;        /* of the file */
    struct sha256_hex tool;         /* of the program: what the hardware was compared with */
    const char *images_of;          /* which data set and part */
    size_t first, n;
    const struct cosim_opts *o;
    const struct cosim_layer *layer;
    int layers;
};

/* AXM_USAGE if the file is there and is no such one.  Close with cosim_resume_close(). */
enum axm_status cosim_resume_open(const char *path, const struct cosim_key *key,
                                  struct cosim_resume **out) AXM_MUST_CHECK;
struct cosim_keeper cosim_resume_keeper(struct cosim_resume *r);   /* good until closed */
void cosim_resume_close(struct cosim_resume *r);   /* NULL is fine */

#endif
