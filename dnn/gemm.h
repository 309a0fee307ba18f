/* Matrix products through an approximate multiplier, bit-exact and fast.
 *
 *     acc[n][m] = sum over k of f(x[k][m], w[n][k])      int32
 *
 * where x are activations and w weights (8-bit patterns, signed or not as the multiplier is), and f the
 * multiplier with either of them as operand a.  A table is analysed once and gets the cheapest plan
 * that is exact for it; every plan, CPU level and thread count gives the same bits as gemm_reference(). */
#ifndef AXM_DNN_GEMM_H
#define AXM_DNN_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "cmodel/mul.h"

enum gemm_level { GEMM_PORTABLE, GEMM_AVX2, GEMM_AVX512, GEMM_VBMI };   /* VBMI: with VNNI */
enum gemm_level gemm_level_best(void);             /* of this machine; AXMUL_CPU=portable|avx2|avx512|vbmi
                                                    * lowers it */
enum axm_status gemm_level_check(void) AXM_MUST_CHECK;   /* AXM_USAGE if AXMUL_CPU is no such word */
const char *gemm_level_name(enum gemm_level level);

enum gemm_plan_kind {
    GEMM_BIT_LINEAR,    /* sum of few terms (x & mask) * v(w), or rank 1: VNNI passes */
    GEMM_RESIDUAL6,     /* x * w and 8-bit planes of the rest (mostly one) that tell at most 2^6 x apart, as
                         * where it depends on the low 6 bits; likewise 2^7 and all 2^8 */
    GEMM_RESIDUAL7,
    GEMM_RESIDUAL8,
    GEMM_PLANES6,       /* two or more 8-bit planes of the table; 2^6 different x at most */
    GEMM_PLANES7,       /* 2^7, as where x < 128 */
    GEMM_PLANES8,       /* all x */
    GEMM_ROWS,          /* product rows, AVX2 */
    GEMM_TILED,         /* tiled scalar */
    GEMM_WIDE,          /* operands of more than 8 bits: the family's vector code */
};

struct gemm;            /* a multiplier with an operand order, analysed; immutable, shared by threads */
struct gemm_weights;    /* a packed weight matrix for it; immutable, shared by threads */

struct gemm_opts {
    bool weight_is_a;   /* f(w, x), else f(x, w) */
    bool x_below_128;   /* every pattern x given to gemm_run() will be (int8 after a ReLU) */
    int level;          /* enum gemm_level, or -1: the best */
    int plan;           /* enum gemm_plan_kind to force, AXM_USAGE if it is not exact for the table; or -1 */
};

/* Operands of at most 8 bits: f's narrower operands must hold the patterns (w of an 8x4 multiplier 4 bits;
 * f wider than 8 bits gets them extended).  Takes nothing from m after it returns. */
enum axm_status gemm_open(const struct axm_mul *m, const struct gemm_opts *o, struct gemm **out)
                          AXM_MUST_CHECK;
void gemm_close(struct gemm *g);
enum gemm_plan_kind gemm_plan(const struct gemm *g);
const char *gemm_plan_name(enum gemm_plan_kind kind);   /* "residual6" */
/* "residual6, vbmi: 1 VNNI pass and 1 plane"; lives with g. */
const char *gemm_describe(const struct gemm *g);

/* w: [n][k] patterns, row-major; copied.  AXM_USAGE if a sum of k products could leave int32. */
enum axm_status gemm_pack(const struct gemm *g, const uint8_t *w, size_t n, size_t k,
                          struct gemm_weights **out) AXM_MUST_CHECK;
void gemm_weights_free(struct gemm_weights *w);

/* x: [k][x_stride], m of each row used, readable up to the next multiple of 64; acc: [n][acc_stride],
 * overwritten.  Scratch comes from the caller: gemm_scratch() bytes, 64-byte aligned, one per thread;
 * what is enough for m is enough for less. */
size_t gemm_scratch(const struct gemm_weights *w, size_t m);
void gemm_run(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
              size_t acc_stride, void *scratch);

/* The definition: three loops over axm_eval(). */
void gemm_reference(const struct axm_mul *m, bool weight_is_a, const uint8_t *w, const uint8_t *x, size_t
                    x_stride,
                    size_t m_rows, size_t n, size_t k, int32_t *acc, size_t acc_stride);

/* Operands of 9..16 bits (drum, mitchell, trunc and exact families have vector code, all others one
 * axm_eval_many() per row): x [k][x_stride], w [n][k], acc [n][acc_stride] int64. */
enum axm_status gemm_wide(const struct axm_mul *m, const struct gemm_opts *o, const uint16_t *w, const
                          uint16_t *x,
                          size_t x_stride, size_t m_rows, size_t n, size_t k, int64_t *acc,
                          size_t acc_stride) AXM_MUST_CHECK;

#endif
