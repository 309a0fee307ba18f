/* What the files of the matrix product share.  Internal.
 *
 * Every plan is a form of
 *
 *     f(x, w) = constant(w) + sum over terms u_t(x) v_t(w) + sum over planes 256^p plane_p(class(x), w)
 *
 * with byte factors (a term costs one pass of dot products) and byte planes (a look-up each).  Sums
 * are taken modulo 2^32, so only the final one must fit. */
#ifndef AXM_DNN_GEMM_IMPL_H
#define AXM_DNN_GEMM_IMPL_H

#include "dnn/gemm.h"

/* f over all legal patterns: value[w << 8 | x], x < x_count (what lies beyond repeats legal entries). */
struct gemm_table {
    int x_bits, w_bits;          /* patterns: at most 8 */
    bool is_signed;
    int x_count, w_count;
    int32_t *value;              /* [w_count][256] */
    int32_t least[256], most[256];   /* by w, over x */
};

/* A byte for each x, u(x) = table[x]; where it can be, as (x & keep) ^ flip. */
struct gemm_map {
    uint8_t table[256];
    bool is_masked;
    uint8_t keep, flip;
};

/* u(x) * v(w).  One factor is unsigned, the other signed: v_unsigned says which. */
struct gemm_term {
    struct gemm_map u;
    uint8_t v[256];              /* patterns */
    bool v_unsigned;
};

enum { GEMM_TERMS = 8, GEMM_PLANES = 4 };

struct gemm_form {
    int n_terms;
    struct gemm_term term[GEMM_TERMS];   /* those with v_unsigned last */
    int32_t constant[256];       /* by w */
    int n_planes;
    int class_bits;              /* 6, 7, 8 */
    struct gemm_map class_of;    /* of x; bits above class_bits mean nothing */
    uint8_t *plane;              /* [w][n_planes][2^class_bits]; NULL: n_planes is 0 */
};

/* gemm_plan.c: the cheapest form of the table for a level (plan: or the one of that kind; AXM_USAGE if
 * there is none).  name: for messages. */
enum axm_status gemm_choose(const struct gemm_table *t, const char *name, enum gemm_level level, int plan,
                            enum gemm_plan_kind *kind, struct gemm_form *out) AXM_MUST_CHECK;
void gemm_form_release(struct gemm_form *f);
/* What a form says a product is; for tests. */
int32_t gemm_form_value(const struct gemm_form *f, int x, int w);

struct gemm {
    enum gemm_level level;
    enum gemm_plan_kind kind;
    struct gemm_table t;
    struct gemm_form f;
    uint16_t *product;           /* [w][256 x], less the least of w: for product rows; or NULL */
    uint8_t *by_x;               /* planes once more, [x][n_planes][256 w]: for roles swapped; or NULL */
    char text[96];
};

struct gemm_weights {
    const struct gemm *g;        /* borrowed */
    size_t n, k;
    uint8_t *w;                  /* [n][k], and one more byte that may be read */
    int32_t *base;               /* [n]: the constants' sum */
    int8_t *dot;                 /* v of all terms for the dot products, see gemm_vbmi.c and gemm_dot.inc */
    uint8_t *index;              /* w as indices, for roles swapped */
    void *groups;                /* a column's k by weight, see gemm_vbmi.c */
    size_t *group_begin;         /* [n][ranges], and the end */
    int32_t *spare;              /* [n]: what the groups add too much */
    size_t group_steps, group_tables;
};

enum { GEMM_ALIGN = 64 };
void *gemm_alloc(size_t bytes);  /* aligned to GEMM_ALIGN, zero; freed by free() */

static inline size_t gemm_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* A level's code.  pack() fills dot and index. */
struct gemm_kernel {
    enum axm_status (*pack)(struct gemm_weights *w);
    size_t (*scratch)(const struct gemm_weights *w, size_t m);
    void (*run)(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
                size_t acc_stride, uint8_t *scratch);
};
extern const struct gemm_kernel gemm_kernel_vbmi, gemm_kernel_rows_avx2, gemm_kernel_rows_avx512;
extern const struct gemm_kernel gemm_kernel_dot_avx2, gemm_kernel_dot_avx512;

/* gemm_portable.c */
void gemm_run_tiled(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
                    size_t acc_stride);

#endif
