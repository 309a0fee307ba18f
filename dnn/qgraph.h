/* A quantized network: integers only, as hardware would run it.  docs/quantization.md
 * has the arithmetic in full; this is what the structures hold.
 *
 * An activation is an 8-bit code q that stands for scale * (q - zero).  In the
 * schemes for signed multipliers zero is 0 and q is -127..127 (after a ReLU
 * 0..127); in the scheme for unsigned ones q is 0..255.  A weight code w has
 * 2..8 bits and stands for weight_scale[o] * (w - weight_zero[o]).
 *
 * conv, dense (Trommer et al. 2024, equation 10): with f the multiplier,
 *     acc[o] = sum f(x, w) - weight_zero[o] * sum x + bias[o]            int32
 * over the inputs of output o; bias[o] holds the float bias in units of scale_x *
 * weight_scale[o], - zero_x * sum w and K * zero_x * weight_zero[o], all exact.  Padding
 * is the code zero_x and goes through the multiplier like any other.
 *     out[o] = clamp(zero + ((acc * multiplier[o] + (1 << shift[o] - 1)) >> shift[o]), lo, hi)
 * in 64-bit integers, arithmetic shift: a fixed-point multiplier 2^30..2^31-1 and a
 * rounding shift 1..62.  ReLU and ReLU6 are lo and hi.  The last one has no
 * clamp: its outputs are int32 logits, each scale * (q - zero) like any other code.
 *
 * Max pools and flatten pass codes on: scale and zero are their input's, lo and hi at least as
 * wide.  Relu is clamp(q, lo, hi), scale and zero its input's.
 *
 * Scheme ace (the first paper's authors): the codes of a layer are rescaled image by
 * image so that the largest becomes 127.  lo is -127, or 0 where no code can be negative, and hi is
 * 127; multiplier and shift are not used, nor is scale but that of node 0 and of logits.  From
 * accumulator to code the arithmetic is IEEE double, in this order, with s_x the scale that the
 * input's codes have in this image (of node 0: its scale):
 *     conv, dense    y = acc * (s_x * weight_scale[o]) + bias_float[o]
 *     batch norm     y = q * (s_x * weight_scale[c]) + bias_float[c]
 *     add            y = q_a * s_a + q_b * s_b
 *     concat         y = q_i * s_i
 *     average pools  y = sum q * s_x / n
 * y = 0 where relu is set and y < 0; s_y = ace_scale(max |y| over the image's layer output),
 * q = ace_code(y, s_y).  Relu (max(q, 0)), max pools and flatten keep codes and scale.  Logits:
 * ace_logit(y, scale) with the node's own scale. */
#ifndef AXM_DNN_QGRAPH_H
#define AXM_DNN_QGRAPH_H

#include <math.h>

#include "dnn/graph.h"

enum quant_scheme {
    QUANT_SYMMETRIC,   /* int8 codes, zero points 0: for signed multipliers */
    QUANT_AFFINE,      /* uint8 codes with zero points: for unsigned multipliers */
    QUANT_ACE,         /* symmetric, activations rescaled per layer and image */
};

/* Ops of a quantized graph: OP_INPUT, OP_CONV, OP_DENSE, OP_MAX_POOL, OP_AVG_POOL,
 * OP_GLOBAL_AVG_POOL, OP_ADD, OP_CONCAT, OP_FLATTEN, and OP_BATCH_NORM and OP_RELU where one
 * could not be merged into a neighbour. */
struct qnode {
    enum op op;
    char name[GRAPH_NAME_MAX + 1];
    int n_inputs;
    int input[GRAPH_INPUTS_MAX];
    struct shape out;
    struct window window;
    int groups;

    float scale;              /* of the output codes */
    int zero;
    int lo, hi;               /* clamp of the output codes; logits: INT32_MIN, INT32_MAX */
    bool is_logits;           /* the output is int32, not codes; only the last node */

    bool relu;                /* scheme ace: apply it (elsewhere lo says so) */

    /* conv, dense.  k = inputs of one output = in.c / groups * kernel_h * kernel_w. */
    int8_t *weight;           /* [out.c][k] bit patterns: int8, or uint8 read as such in QUANT_AFFINE */
    int *weight_zero;         /* [out.c]; 0 unless QUANT_AFFINE */
    float *weight_scale;      /* [out.c]; all equal if per tensor; batch norm in scheme ace: its gain */
    int32_t *bias;            /* [out.c]; scheme ace: 0 */
    float *bias_float;        /* [out.c]; conv, dense and batch norm in scheme ace only, else NULL */

    /* conv, dense: [out.c].
     * batch norm: [out.c], clamp(zero + (((q - zero_in) * multiplier + add64 + half) >> shift)).
     * relu: none, the clamp does it; input and output share scale and zero.
     * add, concat: [n_inputs], multiplier 0..2^31-1, one shift for all (shift[i] all equal);
     * clamp(zero + ((sum of (q_i - zero_i) * multiplier_i, concat: of the one) + half >> shift)).
     * average pools: [taps], taps = kernel_h * kernel_w (global: 1): the sum of (q - zero_in) over the n taps
     * that are inside, requantized by multiplier[n - 1] and shift[n - 1], which divide too (global: [0]). */
    int32_t *multiplier;      /* NULL in scheme ace, as are shift and add64 */
    int32_t *shift;
    int64_t *add64;           /* batch norm only */
};

struct qgraph {
    struct arena arena;
    char name[GRAPH_NAME_MAX + 1];
    char data_set[GRAPH_NAME_MAX + 1];
    enum quant_scheme scheme;
    int weight_bits;          /* 2..8 */
    bool per_channel;
    /* Input code of pixel value p of channel c: input_code[c * 256 + p], bit patterns as weight. */
    uint8_t *input_code;
    int n_nodes;
    struct qnode *node;
    char *provenance;         /* JSON text: how it was made (options, seeds, versions, accuracy), "" if
                               * unknown */
    void *mapped;
    size_t mapped_len;
};

struct qgraph *qgraph_new(void);    /* NULL if out of memory */
void qgraph_free(struct qgraph *q); /* NULL is fine */
static inline bool qgraph_signed(const struct qgraph *q)
{
    return q->scheme != QUANT_AFFINE;
}
int qgraph_find(const struct qgraph *q, const char *name);   /* -1: no such node */
bool qnode_multiplies(const struct qnode *n);                /* conv or dense */
size_t qnode_k(const struct qgraph *q, const struct qnode *n);   /* 0 if it does not multiply */
/* Entries of multiplier and shift: out.c, n_inputs, taps, 1, or 0. */
size_t qnode_multipliers(const struct qgraph *q, const struct qnode *n);
uint64_t qnode_multiplications(const struct qgraph *q, const struct qnode *n);
/* Shapes, ranges, zero points, shifts, and that no accumulator can overflow int32 with any
 * multiplier whose products have 16 bits; AXM_USAGE with the node's name. */
enum axm_status qgraph_check(const struct qgraph *q) AXM_MUST_CHECK;
/* The same for the file loader: of a network that messages call where; and what node i is, without
 * looking at its arrays or beyond it. */
enum axm_status qgraph_check_as(const char *where, const struct qgraph *q) AXM_MUST_CHECK;
enum axm_status qnode_check_structure(const char *where, const struct qgraph *q, int i) AXM_MUST_CHECK;

/* clamp(zero + round(acc * multiplier / 2^shift), lo, hi) as defined above. */
static inline int32_t requantize(int64_t acc, int32_t multiplier, int shift, int zero, int lo, int hi)
{
    int64_t v = zero + ((acc * multiplier + ((int64_t)1 << (shift - 1))) >> shift);
    return (int32_t)(v < lo ? lo : v > hi ? hi : v);
}

/* Scheme ace: scale of codes whose largest |y| is max; its code; a logit. */
static inline double ace_scale(double max)
{
    return max / 127 > 0 ? max / 127 : 1;
}

static inline int32_t ace_code(double y, double scale)
{
    double v = rint(y / scale);
    return v >= -127 && v <= 127 ? (int32_t)v : 0;   /* else y was not finite */
}

static inline int32_t ace_logit(double y, float scale)
{
    double v = rint(y / (double)scale);
    return v >= INT32_MAX ? INT32_MAX : v <= INT32_MIN ? INT32_MIN : v == v ? (int32_t)v : 0;
}

#endif
