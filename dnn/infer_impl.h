/* What the files of the inference engine share.
 *
 * A batch of B images flows through the graph in tensors laid out [c][B][h][w]: channel rows of
 * B * h * w bytes, padded to a multiple of 64.  That is the K-major matrix that gemm_run() wants for
 * 1x1 convolutions and for dense layers on 1x1 maps; all other layers are brought into that form tile by
 * tile (im2col, transposition).  Columns past the images are zero up to the next multiple of 64. */
#ifndef AXM_DNN_INFER_IMPL_H
#define AXM_DNN_INFER_IMPL_H

#include "dnn/infer.h"
#include "dnn/infer_kernel.h"

/* A node that multiplies. */
struct infer_layer {
    int node;
    bool weight_is_a;
    bool corrected;                 /* some weight has a zero point */
    bool direct;                    /* the input tensor is the matrix: 1x1, stride 1, no padding */
    const struct axm_mul *mul;
    const struct gemm *gemm;        /* in infer.gemm */
    struct gemm_weights **weights;  /* [groups] */
    char *text;
};

struct infer {
    const struct qgraph *q;
    const struct infer_kernel *kernel;
    int level;
    struct progress *progress;
    struct arena arena;
    int n_layers;
    struct infer_layer *layer;
    int *layer_of;                  /* by node, -1: does not multiply */
    struct gemm **gemm;             /* each (multiplier, order, x below 128) once */
    int n_gemms;
    /* By node, NULL: none.  Nodes that map codes one by one: [c][256] (input, batch norm), [1][256] (relu),
     * [n_inputs][256] (concat). */
    uint8_t **map;
    /* By node: outputs as a function of the one-channel image's byte, [c][256]; NULL: they are not. */
    uint8_t **memo;
};

/* A node's outputs in a batch. */
struct tensor {
    uint8_t *data;                  /* logits: int32_t */
    size_t stride;                  /* elements from channel to channel */
    double *scale;                  /* scheme ace: [B] */
};

/* What is run, in which buffers: made anew for each call. */
struct schedule {
    int start, target;              /* nodes whose values come from and go to the caller */
    bool given;                     /* start's codes are given, else it is node 0 and pixels are */
    size_t batch;
    int n_steps;
    int *step;                      /* nodes to be computed, ascending */
    size_t *offset;                 /* by node: its tensor in the workspace */
    size_t bytes;                   /* of the workspace, scratch included */
    size_t x, acc, sum_x, y, gemm;  /* offsets of the scratch areas */
    struct arena arena;
};

enum axm_status schedule_make(const struct infer *in, int start, bool given, int target, size_t n,
                              struct schedule *out) AXM_MUST_CHECK;
void schedule_release(struct schedule *s);

/* One batch on its way. */
struct batch {
    const struct infer *in;
    const struct schedule *s;
    struct tensor *value;           /* by node */
    uint8_t *work;
    const uint8_t *pixel;           /* of the first image, [images][c][h][w] */
    size_t images;
    size_t plane;                   /* 0, or positions of an image that stand for h * w of every node */
};

static inline size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}
static inline size_t batch_plane(const struct batch *b, const struct qnode *n)
{
    return b->plane ? b->plane : (size_t)n->out.h * n->out.w;
}

/* Computes a node from its inputs' tensors, or by lookup from the pixels. */
void infer_node(const struct batch *b, int node);

/* Scratch that a node needs for a batch, in bytes; 0 where none. */
struct scratch {
    size_t x, acc, sum_x, y, gemm;
};
void infer_scratch(const struct infer *in, int node, size_t images, size_t plane, struct scratch *out);

/* --- bringing inputs into K-major form (im2col.c) ----------------------------------------- */

/* Channels c0 .. c0 + channels - 1 of a tensor, output rows r0 .. r0 + rows - 1 of all images' one after the
 * other, as x[k][m]; x needs 64 bytes behind its last row.  Padding is the code `zero`. */
struct im2col {
    const uint8_t *data;
    size_t stride;
    struct shape in, out;
    struct window window;
    int c0, channels;
    uint8_t zero;
};
void im2col(const struct im2col *t, size_t r0, size_t rows, uint8_t *x, size_t x_stride);

/* [c][images][plane] to [c * plane][images], tails up to the next multiple of 64 zero. */
void to_k_major(const uint8_t *data, size_t stride, size_t channels, size_t plane, size_t images, uint8_t *x,
                size_t x_stride);

#endif
