/* A quantized network run through hardware models, every layer compared with dnn/ bit for bit.
 *
 * Images go in batches; a batch goes layer by layer.  What enters a layer are the codes that dnn/ computed,
 * which the layers before have been found equal to; the first difference ends the run.  Compared are the
 * accumulators (with the definition's bias and zero-point terms) and the output codes.  Nodes that do not
 * multiply
 * are computed by dnn/ alone. */
#ifndef AXM_EXPLORE_COSIM_H
#define AXM_EXPLORE_COSIM_H

#include "dnn/infer.h"
#include "sim/array.h"

enum cosim_backend {
    COSIM_RTL,        /* the Verilated array, one table for all cells: control, skew, requantizer as they
        are */
    COSIM_GATES,      /* the same with the multiplier's gates in every cell */
    COSIM_CYCLE,      /* the array cycle by cycle on gates in compiled C; codes as below */
    COSIM_BITSLICE,   /* the multiplier's gates in compiled C, up to 512 images a pass; requantization in C */
    COSIM_BACKENDS
};
extern const char *const cosim_backend_names[COSIM_BACKENDS];   /* "rtl", "gates", "cycle", "bitslice" */

/* What stands in a layer: a spec; of scdmr and the like the run-time settings are its parameters. */
struct cosim_layer {
    struct axm_spec mult;
    bool weight_is_a;
};

struct cosim_opts {
    enum cosim_backend backend;
    struct array_config array;      /* of COSIM_RTL and COSIM_GATES: dimensions, dataflow and pool_width; mult
                                     * and order are set */
    size_t batch;                   /* images at once; 0: what suits the backend */
    unsigned stall_percent;         /* of each stream of the array */
    int processes;                  /* batches go to so many worker processes; 0: to the threads.  The result
                                     * is the same.  One that dies ends the run with AXM_ENV. */
    uint64_t seed;                  /* of the stalls, and of which batches' accumulators are compared */
    size_t sums_every;              /* COSIM_RTL and COSIM_GATES compare the accumulators, which takes a run
                                     * of its own, of one batch in so many and the first; 0: the first */
    const struct cosim_keeper *keep;   /* NULL: nothing is kept */
    const char *vcd;                /* COSIM_RTL and COSIM_GATES: file for the array's signals, vcd_cycles
                                     * before the first difference and a few after; NULL: none */
    uint64_t vcd_cycles;
    int fault_layer, fault_bit;     /* test of the comparison: of this layer, from 1, the hardware gets the
                                     * first weight with this bit turned; 0: none */
};

struct cosim_layer_result {
    uint64_t multiplications, cycles, stall_x, stall_w, stall_y;   /* cycles: the array was busy */
};

struct cosim_mismatch {
    bool found, accumulator;        /* else an output code */
    bool pooled;                    /* of the pool behind the layer: channel, row and column, too */
    size_t image;                   /* of the data set */
    int layer;                      /* as in infer.h */
    int channel, row, column;       /* of the layer's output */
    int32_t expected, actual;
    /* Where in the array; all backends but COSIM_BITSLICE, for which there is none. */
    bool on_array;
    size_t product;                 /* of the layer's products of matrices in this batch: the group */
    size_t tile_n, tile_m;          /* the tile's first column and first row of the product */
    size_t tile_column, tile_row;   /* of the tile */
    uint64_t cycle;                 /* of the product, in which the result was taken (COSIM_CYCLE: its sum
                                     * was complete); UINT64_MAX: it was right when run again */
};

struct cosim_result {
    size_t images;                  /* compared in full */
    size_t kept_images;             /* of these, what the keeper had */
    struct cosim_layer_result *layer;   /* [infer_layers()], the caller's */
    uint64_t sums, codes;           /* accumulators, and output codes or logits, compared */
    struct cosim_mismatch mismatch;
};

/* Which batches a run has behind it, and what they gave: with that it can go on later, and ends as if it had
 * never stopped.  A batch is images i * batch .. of the run. */
struct cosim_state {
    size_t batch, batches;
    bool *done;                     /* [batches] */
    int layers;
    struct cosim_result *result;    /* layer, sums and codes of these batches */
};

/* Keeps the state.  load: puts what is kept of this run into s, or leaves it; called once, before anything
 * runs.  save: called as batches are done, not more often than a few times a second, by one thread at a time,
 * and when the run ends, however it does.  An error ends the run. */
struct cosim_keeper {
    void *ctx;
    enum axm_status (*load)(void *ctx, struct cosim_state *s);
    enum axm_status (*save)(void *ctx, const struct cosim_state *s);
};

/* The pool behind a layer that the array's pooling unit (array.pool_width) does: the one node that reads the
 * layer's codes, if the unit can do it.  Its codes are compared then, the layer's own are not.  -1: none;
 * why: "", or why not. */
int cosim_pool(const struct qgraph *q, int layer, const struct cosim_opts *o, char why[ARRAY_POOL_WHY_MAX]);

/* Refuses what cannot run before anything does: scheme ace, operands of more than 8 bits, products that do
 * not fit the array (AXM_USAGE, naming the node and the limit).  layer: one entry for all, or one per layer.
 * Runs images first .. first + n - 1 on all threads or processes.  AXM_MISMATCH if something differed
 * (result->mismatch: what comes first in the data set); AXM_STOPPED when interrupted: result->images says how
 * many are done.
 * Only batches that were done in full are in the counts. */
enum axm_status cosim_run(const struct qgraph *q, const struct cosim_layer *layer, int n_layers,
                          const struct cosim_opts *o, const struct images *im, size_t first, size_t n,
                          struct cosim_result *out) AXM_MUST_CHECK;

#endif
