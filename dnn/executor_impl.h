/* Inside the executor: the plan (executor_plan.c) and what runs it (executor.c). */
#ifndef AXM_DNN_EXECUTOR_IMPL_H
#define AXM_DNN_EXECUTOR_IMPL_H

#include <oneapi/dnnl/dnnl.h>

#include "dnn/executor.h"
#include "dnn/levels.h"

enum home {
    HOME_LOCAL,      /* a worker's buffer; at: its number */
    HOME_PACKED,     /* a buffer of the executor, weights in a convolution's layout; at: its number */
    HOME_PARAM,      /* at: offset in params */
    HOME_STATS,      /* in stats */
    HOME_GRAD,       /* in the gradient of this pass */
    HOMES
};

struct tensor {
    enum home home;
    size_t at;
    dnnl_memory_desc_t md;
};

enum step_kind {
    STEP_PRIMITIVE,
    STEP_COPY,           /* rows of floats, with strides: arg 0 to arg 1 */
    STEP_ADD,            /* arg 1 += arg 0 */
    STEP_DROPOUT,        /* arg 0 to arg 1, draws the mask into arg 2 */
    STEP_DROPOUT_BACK,   /* arg 0 to arg 1 by the mask in arg 2 */
    STEP_SOFTMAX,        /* arg 0 to arg 1 */
    STEP_LEVELS,         /* pixels to arg 1 */
    STEP_LEVELS_BACK,    /* arg 0 to the gradient */
    STEP_SOFTMAX_BACK,   /* arg 0 (diff of the output) and arg 2 (output) to arg 1 */
};

enum { STEP_ARGS_MAX = 10 };

struct step {
    enum step_kind kind;
    dnnl_primitive_t primitive;
    int n_args;
    int name[STEP_ARGS_MAX];             /* DNNL_ARG_..., of a primitive */
    struct tensor arg[STEP_ARGS_MAX];
    size_t rows, count, from_stride, to_stride, from_at, to_at;   /* of a copy; rows and count of others */
    float rate;
};

enum list { LIST_PACK, LIST_FORWARD, LIST_BACKWARD, LISTS };

struct steps {
    struct step *step;
    int n, room;
};

struct sizes {
    size_t *bytes;
    int n, room;
};

struct binding {   /* a step's arguments in one worker */
    dnnl_exec_arg_t exec[STEP_ARGS_MAX];
    float *ptr[STEP_ARGS_MAX];   /* NULL: in the gradient */
};

struct worker {
    float **buffer;
    uint8_t *pixel;              /* of opts.pixels, unless levels has them */
    struct levels *levels;       /* NULL: no layers are tabulated */
    dnnl_stream_t stream;
    struct binding *binding[LISTS];
};

struct executor {
    const struct graph *g;
    const struct param_map *m;
    const float *params, *stats;
    struct executor_opts opts;
    dnnl_engine_t engine;
    struct steps list[LISTS];
    struct sizes local, packed;
    float **packed_buffer;
    struct worker *worker;
    int levels_last;             /* node that the tabulated part ends with, or 0 */
    size_t scratch;              /* local buffer of all primitives */
    size_t scratch_bytes;
    size_t input, logits, logits_diff;   /* local buffers */
    size_t *shard_mean, *shard_variance; /* [n_nodes] local buffers of batch norms */
};

/* Fills lists, sizes and numbers of a new executor. */
enum axm_status executor_plan(struct executor *e) AXM_MUST_CHECK;

/* AXM_OK, or a line that names what oneDNN was asked for. */
enum axm_status onednn_check(dnnl_status_t s, const char *what) AXM_MUST_CHECK;

#endif
