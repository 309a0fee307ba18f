/* The Verilated systolic array: rtl/mac_array.v driven through its own AXI ports.
 *
 * A product of matrices is cut into jobs of the array's size, in order: columns of weights outermost, then
 * rows of activations.  Weights, activations and results stream at the same time, register writes for the
 * next job go on meanwhile. */
#ifndef AXM_SIM_ARRAY_H
#define AXM_SIM_ARRAY_H

#include "cmodel/lut.h"
#include "gen/array.h"

/* What stands for the multiplier in the cells: its gates, or one table for all cells, filled at run time, so
 * that one compiled array serves every multiplier of these operand widths. */
enum array_unit { ARRAY_GATES, ARRAY_TABLE };

struct array_sim;

/* Compiles (or takes from the cache) and resets.  AXM_USAGE for a bad config, or a table of more than 24
 * address bits; AXM_ENV if tools are missing.  Close with array_sim_close(). */
enum axm_status array_sim_open(const struct array_config *c, enum array_unit unit,
                               struct array_sim **out) AXM_MUST_CHECK;
/* The same with waveforms, another program: slower, and compiled when it is asked for. */
enum axm_status array_sim_open_traced(const struct array_config *c, enum array_unit unit,
                                      struct array_sim **out) AXM_MUST_CHECK;
void array_sim_close(struct array_sim *s);   /* NULL is fine */

/* The table of an ARRAY_TABLE array; widths and signedness as configured (asserted). */
void array_sim_table(struct array_sim *s, const struct axm_lut *lut);

/* Pooling of the results by an array with pool_width: m are the positions of images, row by row, one image
 * after the other.  As qgraph.h defines it: padding never wins a maximum and does not count in an average. */
struct array_pool {
    bool average;
    int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    int in_h, in_w, out_h, out_w;
    int zero, lo, hi;           /* of averages; what comes in has that of the product */
    /* Averages: entry n - 1 is for n positions inside, the last one for all above, too. */
    const int32_t *mult, *shift;
    int entries;
};

/* False if the array cannot pool so: why says the limit. */
enum { ARRAY_POOL_WHY_MAX = 160 };
bool array_pool_fits(const struct array_config *c, const struct array_pool *p, char why[ARRAY_POOL_WHY_MAX]);

/* When result y[n][m] was taken, in cycles after the product began. */
struct array_watch {
    size_t n, m;
    uint64_t cycle;             /* result; UINT64_MAX: it never was */
};

/* All signals in cycles from..to of the product, as a VCD file of 10 ns a cycle, the clock rising in the
 * middle; inputs and what follows from them change at its beginning. */
struct array_trace {
    const char *file;           /* appears when it is complete */
    uint64_t from, to;
};

/* y[n][m] = requantized or raw sum over k of f(x[k][m], w[n][k]) + bias[n] - wzero[n] * sum x. */
struct array_gemm {
    size_t m, n, k;
    const uint8_t *x;           /* [k][x_stride] patterns */
    size_t x_stride;
    const uint8_t *w;           /* [n][k] patterns */
    bool weight_is_a;           /* if the array has ARRAY_ORDER_RUNTIME; else it must fit */
    uint8_t mode;               /* of a multiplier that is set at run time: x in bits 3..0, y in 7..4 */
    int32_t zero_product;       /* f(0, 0) in that order and mode: K is padded with such products */
    bool raw;                   /* accumulators, else codes */
    int zero, lo, hi;
    const int32_t *bias, *mult, *shift, *wzero;   /* [n]; NULL: 0, 2^30, 30, 0 */
    int32_t *y;                 /* [n][y_stride] */
    size_t y_stride;
    unsigned stall_percent[3];  /* cycles in which weights, activations are withheld, results not taken */
    uint64_t seed;              /* of these */
    const struct array_pool *pool;   /* NULL: none; else y is [n][images * out_h * out_w] */
    struct array_watch *watch;       /* NULL: none */
    const struct array_trace *trace; /* NULL: none; else of an array that was opened for it */
};

/* What the hardware's own counters and flags said. */
struct array_counters {
    uint64_t cycles;            /* of the clock, set-up included */
    uint64_t busy, stall_x, stall_w, stall_y;
    uint32_t errors;            /* error register */
};

/* AXM_USAGE if the array cannot pool so, with the limit.  AXM_MISMATCH if the array raised an error flag
 * other than the two of overflow, broke framing, or did not end within a generous number of cycles; counters
 * are added up. */
enum axm_status array_sim_gemm(struct array_sim *s, const struct array_gemm *g,
                               struct array_counters *counters) AXM_MUST_CHECK;

/* Raw register access, for tests of the register file: false on an error response. */
bool array_sim_write(struct array_sim *s, unsigned offset, uint32_t value);
bool array_sim_read(struct array_sim *s, unsigned offset, uint32_t *value);

#endif
