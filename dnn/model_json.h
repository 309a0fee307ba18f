/* The JSON description inside a model file, and the tensors that it points to.
 *
 * Internal to model.c, but for the numbers of the format, which docs/formats.md explains. */
#ifndef AXM_DNN_MODEL_JSON_H
#define AXM_DNN_MODEL_JSON_H

#include "base/strbuf.h"
#include "dnn/model.h"

enum {
    MODEL_VERSION = 1,
    MODEL_HEADER_BYTES = 96,       /* magic 8, version 4, kind 4, file length 8, JSON length 8, SHA-256 64 */
    MODEL_SHA_AT = 32,
    MODEL_ALIGN = 64,
    MODEL_JSON_MAX = 4 << 20,
    MODEL_DEPTH_MAX = 32,          /* of arrays and objects within each other */
    MODEL_EXTRA_MAX = 65536,       /* sections */
};

/* A container whose header holds; name is for messages. */
struct model_file {
    const char *name;
    enum model_kind kind;
    const char *json;
    size_t json_len;
    unsigned char *data;           /* tensors, 64-byte aligned */
    size_t data_len;
    size_t claimed;                /* bytes of the tensors that were read */
};

/* Fills an empty graph, whose tensors will point into f->data.  found() may be NULL.  After a failure
 * the graph can only be freed. */
enum axm_status model_json_read(struct model_file *f, struct graph *g,
                                void (*found)(void *ctx, const struct model_extra *e),
                                void *ctx) AXM_MUST_CHECK;
enum axm_status model_json_read_quantized(struct model_file *f, struct qgraph *q) AXM_MUST_CHECK;

/* Appends the description to *json and the tensors to *data. */
enum axm_status model_json_write(const struct graph *g, const char *provenance,
                                 const struct model_extra *extra, int n_extra, struct strbuf *json,
                                 struct strbuf *data) AXM_MUST_CHECK;
enum axm_status model_json_write_quantized(const struct qgraph *q, struct strbuf *json,
                                           struct strbuf *data) AXM_MUST_CHECK;

#endif
