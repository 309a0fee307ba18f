/* Model files: a float or a quantized graph, versioned, checksummed, mapped on loading.
 *
 * docs/formats.md has the layout: a fixed header (magic "axmul-nn", version, lengths,
 * SHA-256), a JSON description (graph, attributes, names, data set, provenance), then the
 * tensors, little-endian, each 64-byte aligned.  Loading maps the file and points into it
 * (copy on write).  Nothing in a file is trusted: a truncated, altered, newer or hostile one is
 * refused with one line that names file, node and reason. */
#ifndef AXM_DNN_MODEL_H
#define AXM_DNN_MODEL_H

#include "base/strbuf.h"
#include "dnn/graph.h"
#include "dnn/qgraph.h"

enum model_kind { MODEL_FLOAT, MODEL_QUANTIZED };

/* Atomic.  provenance: JSON text of an object, or NULL. */
enum axm_status model_save(const char *path, const struct graph *g, const char *provenance) AXM_MUST_CHECK;
enum axm_status model_save_quantized(const char *path, const struct qgraph *q) AXM_MUST_CHECK;

/* AXM_USAGE for bad content or the other kind ("M: a quantized model; this wants a float one"). */
enum axm_status model_load(const char *path, struct graph **out) AXM_MUST_CHECK;
enum axm_status model_load_quantized(const char *path, struct qgraph **out) AXM_MUST_CHECK;
enum axm_status model_kind_of(const char *path, enum model_kind *out) AXM_MUST_CHECK;

/* The same from bytes in memory, copied; the fuzzing target and embedded models. */
enum axm_status model_parse(const void *data, size_t len, const char *name, struct graph **out)
                            AXM_MUST_CHECK;
enum axm_status model_parse_quantized(const void *data, size_t len, const char *name,
                                      struct qgraph **out) AXM_MUST_CHECK;

/* The bytes of such a file, appended to *out; for embedding. */
enum axm_status model_bytes(const struct graph *g, const char *provenance, struct strbuf *out)
                            AXM_MUST_CHECK;
enum axm_status model_bytes_quantized(const struct qgraph *q, struct strbuf *out) AXM_MUST_CHECK;

/* Further float tensors in the same container: checkpoints of training.  A section is named
 * bytes; saved and loaded whole, checksummed with the rest. */
struct model_extra {
    const char *name;
    const void *data;
    size_t len;
};
enum axm_status model_save_with(const char *path, const struct graph *g, const char *provenance,
                                const struct model_extra *extra, int n_extra) AXM_MUST_CHECK;
/* Calls found() for each extra section, which may copy it, before *out is returned. */
enum axm_status model_load_with(const char *path, struct graph **out,
                                void (*found)(void *ctx, const struct model_extra *e), void *ctx)
                                      AXM_MUST_CHECK;
/* Provenance text of a loaded float model, "" if none; lives with g. */
const char *model_provenance(const struct graph *g);

#endif
