/* What infer and dump share: a quantized model, images, and a multiplier for each layer. */
#ifndef AXM_CLI_NETWORK_H
#define AXM_CLI_NETWORK_H

#include "base/hash.h"
#include "cli/common.h"
#include "dnn/data.h"
#include "dnn/infer.h"

#define NETWORK_IMAGE_OPTIONS \
    { "images", 0, "N", "how many images (default: all from --first on)" }, \
    { "first", 0, "N", "the first image, from 0" }, \
    { "train-images", 0, NULL, "of the training images, not of the test images" }, \
    { "data", 0, "SET", "data set (default: what the model was made for)" }, \
    { "data-dir", 0, "DIR", "where the data set lies; default: the cache, filled from its source" }
#define NETWORK_ORDER_OPTION \
    { "order", 0, "LIST", \
      "which operand is a: wa (the weight) or aw (the activation), one for all layers or a comma list" }

/* The quantized model that the command's operand names: a file, or "builtin:lenet5i", the one that travels in
 * the command.  hash: of its bytes; may be NULL. */
enum axm_status network_model(const char *name, struct qgraph **out, struct sha256_hex *hash) AXM_MUST_CHECK;
#define NETWORK_BUILTIN_HELP \
    "builtin:lenet5i is a trained int8 network that travels in the command, with the first 1,000 MNIST\n" \
    "test images; --data mnist runs it on all 10,000.\n"

/* The images that the options name; a builtin model's own unless --data or --data-dir is given.  limit: as
 * many at most unless --images says otherwise; 0: no limit.  Release with images_release(). */
struct network_images {
    struct images im;
    const struct data_set *set;
    size_t first, n;
    bool test;
};
enum axm_status network_images(const struct cli_args *a, const struct qgraph *q, size_t limit,
                               struct network_images *out) AXM_MUST_CHECK;

/* Multipliers by spec, each opened once, so that layers that have the same one share its tables. */
struct network_mults {
    struct network_mult {
        char *text;
        struct axm_mul *mul;
    } *mult;
    int n, cap;
};
void network_mults_release(struct network_mults *m);

/* layer[i] for every layer of q from "SPEC" or "SPEC,SPEC,..." (NULL: exact) and --order. */
enum axm_status network_assign(const struct cli_args *a, const struct qgraph *q, struct network_mults *m,
                               const char *specs, struct layer_mult *layer) AXM_MUST_CHECK;

/* "scdm8s_x5_y2", or "exact8s,scdm8s_x4_y1,..." unless all are the same; free() it.  And the order as one
 * letter a layer: what operand a is, w or x.  NULL if out of memory. */
char *network_mults_text(const struct layer_mult *layer, int n);
char *network_order_text(const struct layer_mult *layer, int n);

/* The node called name; AXM_USAGE listing the legal names. */
enum axm_status network_node(const struct qgraph *q, const char *name, bool must_multiply,
                             int *node) AXM_MUST_CHECK;

#endif
