/* What activity.c asks of an instruction set.  activity_kernel.inc is compiled
 * once per set: by activity_portable.c, activity_avx2.c and activity_avx512.c
 * with times of 16 bits, by activity_wide.c with times of 32. */
#ifndef AXM_SYNTH_ACTIVITY_KERNEL_H
#define AXM_SYNTH_ACTIVITY_KERNEL_H

#include "synth/activity.h"

enum { LANES = 512, LANE_WORDS = LANES / 64 };   /* steps of a block, one to a lane */

typedef uint64_t lanes __attribute__((vector_size(LANES / 8)));   /* a bit to a lane */

/* --- cell functions as short programs ------------------------------------------- */

enum fn_op { FN_ZERO, FN_ONE, FN_INPUT, FN_NOT_INPUT, FN_XOR, FN_MUX, FN_AND, FN_AND_NOT, FN_OR, FN_OR_NOT };

/* Node i computes from input `var` and earlier nodes lo (input 0) and hi (input 1). */
struct fn_node {
    uint8_t op, var, lo, hi;
};

enum { FN_NODES_MAX = 64 };

struct fn {
    int n;
    struct fn_node node[FN_NODES_MAX];
};

/* --- a block of steps ----------------------------------------------------------- */

/* What a net does within a step.  Unit delay: events first..first+n-1 of the
 * block, at ascending times, none empty.  Library delays: rows first..first+n. */
struct wave {
    uint32_t first, n;
};

/* Toggles of one output by the arc that made them and the edge. */
struct edge_counts {
    uint64_t n[LIB_INPUTS_MAX][2];
};

struct scratch {
    void *p;                  /* 64-byte aligned */
    size_t cap;               /* bytes */
};

struct block {
    const struct mapped *m;
    const struct fn *fn;      /* [n_cells * LIB_OUTPUTS_MAX] */
    enum delay_model model;
    const uint64_t *vectors;
    size_t first, count;      /* steps first..first+count-1 */
    lanes valid;              /* lanes that hold a step */
    /* scratch of the worker, kept between blocks */
    lanes *before, *after;    /* [n_nets] settled values; after: of the primary inputs only */
    struct wave *wave;        /* [n_nets] */
    struct edge_counts *counts;   /* [n_cells * LIB_OUTPUTS_MAX] */
    struct scratch mask, time;    /* of the events: lanes that toggle, and when, in cells */
    struct scratch row, merged;   /* of the waveforms with times per lane */
    size_t n_events;
    double leakage_nw;        /* mean over the block's settled states */
    bool failed;              /* out of memory */
};

/* Makes room for `need` bytes; the first `used` are kept.  False, and b->failed, without memory. */
bool block_reserve(struct block *b, struct scratch *s, size_t used, size_t need);

/* Simulates the block: sets before of all nets and counts. */
typedef void activity_kernel(struct block *b);

extern activity_kernel activity_portable, activity_avx2, activity_avx512, activity_wide;

#endif
