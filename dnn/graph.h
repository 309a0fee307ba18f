/* A network: a directed acyclic graph of typed nodes with float parameters.
 *
 * Tensors are NCHW, float, the batch not part of a shape.  Nodes stand in
 * topological order: the inputs of node i have smaller indices; node 0 is the
 * input and the last node the output.  The graph is data: what runs, trains,
 * quantizes or stores it looks at the fields. */
#ifndef AXM_DNN_GRAPH_H
#define AXM_DNN_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum op {
    OP_INPUT,
    OP_CONV,             /* 1 input; weight [out.c][in.c / groups][kernel_h][kernel_w]; zero padding */
    OP_DENSE,            /* 1 input of any shape, flattened c, h, w; weight [out.c][in.c * in.h * in.w] */
    OP_BATCH_NORM,       /* 1; per channel (x - mean) / sqrt(variance + epsilon) * gamma + beta */
    OP_RELU,
    OP_RELU6,
    OP_MAX_POOL,         /* 1; padding is minus infinity */
    OP_AVG_POOL,         /* 1; padding is left out of sum and count */
    OP_GLOBAL_AVG_POOL,  /* 1; to c x 1 x 1 */
    OP_ADD,              /* 2 of one shape */
    OP_CONCAT,           /* 2 or more, along channels */
    OP_FLATTEN,          /* 1; to (c * h * w) x 1 x 1 */
    OP_DROPOUT,          /* 1; in training zeroes with probability rate and scales by 1 / (1 - rate) */
    OP_SOFTMAX,          /* 1, over channels of c x 1 x 1 */
    OPS
};

/* What is true of an op, and its name in files ("conv"). */
struct op_info {
    const char *name;
    int inputs_min, inputs_max;   /* -1: any number */
    bool has_weight, has_kernel;
};
extern const struct op_info op_infos[OPS];

enum {
    GRAPH_NODES_MAX = 4096, GRAPH_INPUTS_MAX = 16, GRAPH_NAME_MAX = 63,
    GRAPH_DIM_MAX = 1 << 16,          /* of a channel count, height, width, kernel, stride, padding */
    GRAPH_ELEMENTS_MAX = 1 << 28,     /* of a tensor of one image, and of a weight */
};

struct shape {
    int c, h, w;
};

static inline size_t shape_count(struct shape s)
{
    return (size_t)s.c * s.h * s.w;
}

/* Kernel geometry of convolutions and pools. */
struct window {
    int kernel_h, kernel_w, stride_h, stride_w;
    int pad_top, pad_left, pad_bottom, pad_right;
};

/* NULL where the op has none; else owned by the graph's arena (or its mapped file). */
struct node {
    enum op op;
    char name[GRAPH_NAME_MAX + 1];   /* unique; letters, digits, '_', '.', '-'; "conv1" */
    int n_inputs;
    int input[GRAPH_INPUTS_MAX];
    struct shape out;
    struct window window;
    int groups;                       /* convolutions, else 1; depthwise: groups = in.c */
    float rate;                       /* dropout */
    float epsilon;                    /* batch norm */
    float *weight, *bias;             /* conv, dense; bias [out.c], NULL if none */
    float *gamma, *beta, *mean, *variance;   /* batch norm, [out.c] each */
};

/* How 8-bit pixels become the input: (pixel / 255 - mean[c]) / std[c]. */
struct input_norm {
    float mean[4], std[4];   /* at most four channels have a normalisation of their own, else 0 and 1 */
};

struct graph {
    struct arena arena;
    char name[GRAPH_NAME_MAX + 1];      /* "lenet5i" */
    char data_set[GRAPH_NAME_MAX + 1];  /* it was trained on: "mnist", "" if none */
    struct input_norm norm;
    int n_nodes;
    struct node *node;                  /* [GRAPH_NODES_MAX at most] */
    void *mapped;                       /* model file that parameters point into, or NULL */
    size_t mapped_len;
    char *provenance;                   /* JSON text of how it was made, NULL if unknown */
    enum axm_status status;             /* of building: the first failure */
    int room;                           /* nodes allocated */
};

/* Building: each call appends a node, checks it, computes its shape and
 * allocates its parameters (zero; gamma and variance 1), and returns its index.
 * After a failure, which is reported once, further calls return -1 and do
 * nothing, so that only graph_finish() needs a check.  The nodes move while they are
 * added: keep indices, not pointers. */
struct graph *graph_new(const char *name, struct shape input);   /* NULL if out of memory */
void graph_free(struct graph *g);                                /* NULL is fine */
int graph_conv(struct graph *g, int in, const char *name, int out_channels, struct window w, int groups,
               bool bias);
int graph_dense(struct graph *g, int in, const char *name, int out_features, bool bias);
int graph_pool(struct graph *g, int in, const char *name, enum op op, struct window w);
int graph_batch_norm(struct graph *g, int in, const char *name, float epsilon);
int graph_dropout(struct graph *g, int in, const char *name, float rate);
int graph_unary(struct graph *g, int in, const char *name, enum op op);   /* relu, relu6, global avg pool,
                                                                           * flatten, softmax */
int graph_add(struct graph *g, int in_a, int in_b, const char *name);
int graph_concat(struct graph *g, const int *in, int n, const char *name);
/* Every node but the last is used, names are unique; AXM_USAGE otherwise, or what failed before. */
enum axm_status graph_finish(struct graph *g) AXM_MUST_CHECK;

static inline struct window window_square(int kernel, int stride, int pad)
{
    return (struct window){ kernel, kernel, stride, stride, pad, pad, pad, pad };
}

/* Shape that op gives from these inputs, or AXM_USAGE with the reason; node and
 * its inputs' shapes as they will be stored.  The one place that knows shapes:
 * builder and file loader use it. */
enum axm_status graph_shape(const struct graph *g, const struct node *n, struct shape *out) AXM_MUST_CHECK;

/* The same for any op, quantized graphs included: in[n_in] are the inputs' shapes; of declared the
 * channels of conv and dense and the whole shape of an input count.  name is for messages. */
enum axm_status op_shape(const char *name, enum op op, const struct shape *in, int n_in,
                         const struct window *w, int groups, struct shape declared,
                         struct shape *out) AXM_MUST_CHECK;

/* Pieces of the checks above, for the file loader. */
struct graph *graph_new_empty(const char *name);   /* no nodes; NULL if out of memory */
bool name_is_legal(const char *name);
/* Rate and epsilon; label is for messages: "FILE: conv1". */
enum axm_status node_check(const char *label, const struct node *n) AXM_MUST_CHECK;
/* What graph_finish() checks, of a network that messages call where. */
enum axm_status graph_check(const char *where, const struct graph *g) AXM_MUST_CHECK;
/* No two alike; sorts name[]. */
enum axm_status names_check(const char *where, const char **name, int n) AXM_MUST_CHECK;

size_t node_weight_count(const struct graph *g, const struct node *n);    /* 0 if none */
int graph_find(const struct graph *g, const char *name);                  /* -1: no such node */
/* Multiplications of one image: conv counts padding taps too, as hardware does. */
uint64_t node_multiplications(const struct graph *g, const struct node *n);
uint64_t graph_multiplications(const struct graph *g);
size_t node_parameters(const struct graph *g, const struct node *n);      /* batch norm: four a channel */
size_t graph_parameters(const struct graph *g);

/* He initialisation for what a ReLU follows and everything else alike: normal with variance
 * 2 / fan_in; biases 0.  Stream i of the seed belongs to node i. */
void graph_init(struct graph *g, uint64_t seed);

/* --- networks that come with axmul (dnn/nets.c) ---------------------------- */

struct net {
    const char *name, *brief, *source, *data_set;
    enum axm_status (*build)(struct graph **out);   /* parameters not initialised */
};
extern const struct net nets[];   /* ends with a NULL name: lenet5i, lenet5, resnet8, resnet14 */
/* AXM_USAGE naming the legal ones. */
enum axm_status net_find(const char *name, const struct net **out) AXM_MUST_CHECK;

#endif
