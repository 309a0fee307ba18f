/* What the files of dnn/data_*.c share. */
#ifndef AXM_DNN_DATA_IMPL_H
#define AXM_DNN_DATA_IMPL_H

#include "base/strbuf.h"
#include "dnn/data.h"

enum { DATA_CLASSES = 10 };

/* Room for count images of a shape; AXM_ENV if there is none. */
enum axm_status images_alloc(struct images *im, struct shape shape, size_t count,
                             const char *name) AXM_MUST_CHECK;

/* Appends what a gzip stream holds, at most max_bytes, and checks its sums.  Nothing may follow it. */
enum axm_status data_gunzip(const void *data, size_t len, size_t max_bytes, const char *name,
                            struct strbuf *out) AXM_MUST_CHECK;
static inline bool data_is_gzip(const void *data, size_t len)
{
    const uint8_t *d = data;
    return len >= 2 && d[0] == 0x1f && d[1] == 0x8b;
}

/* "[6,9,9,4]" as exactly count labels. */
enum axm_status cifar_parse_labels(const char *json, size_t len, size_t count, const char *name,
                                   uint8_t *label) AXM_MUST_CHECK;
/* A strip is a PNG (8-bit RGB) with an image a row, its pixels row after row.  Appends the published
 * binary layout: per image its label, then the red, the green and the blue plane. */
enum axm_status cifar_decode_strip(const void *png, size_t len, size_t pixels, const uint8_t *label,
                                   size_t count, const char *name, struct strbuf *out) AXM_MUST_CHECK;

/* Whether the bytes are the published file; what says where they come from. */
enum axm_status data_check(const struct data_file *file, const void *data, size_t len,
                           const char *what) AXM_MUST_CHECK;
/* Reads file (or file.gz) of a directory and checks it.  AXM_ENV if there is none. */
enum axm_status data_read_from(const char *dir, const struct data_file *file,
                               struct strbuf *out) AXM_MUST_CHECK;

#endif
