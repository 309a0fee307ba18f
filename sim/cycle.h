/* The array, cycle by cycle, on the gates of its multiplier, many images at once.
 *
 * What rtl/ctrl_ws.v, array_ws.v, acc_bank.v and out_stage.v, or ctrl_os.v, array_os.v and out_stage.v, do
 * in each clock cycle when no stream ever stalls from outside, with the cells' sums as bit planes: lane i is
 * image i, so a cycle here is a cycle of the array for each of them.  The number of busy cycles is that of
 * the Verilated array (tests/test_cycle.c). */
#ifndef AXM_SIM_CYCLE_H
#define AXM_SIM_CYCLE_H

#include "gen/array.h"
#include "sim/sliced.h"

struct cycle_gemm {
    const struct sliced *mult;
    const uint64_t *planes;     /* sliced_pack() */
    const uint32_t *index;      /* [m][k] */
    size_t m, k, n;             /* rows of activations of an image, inputs, columns */
    const uint8_t *w;           /* [n][k] */
    int32_t zero_product;       /* f(0, 0): what rows beyond k add, taken off again */
    int32_t *acc;               /* [n][m][lanes], 64-byte aligned: as sliced_layer() gives them */
    size_t watch_n, watch_m;    /* a sum */
    uint64_t *watch_cycle;      /* gets the busy cycle, from 0, in which it was complete; may be NULL */
};

/* Memory that is kept from call to call: starts as { 0 }, one for each thread; free(memory) in the end. */
struct cycle_space {
    void *memory;
    size_t bytes;
};

/* c: dimensions and dataflow; its multiplier is not looked at.  busy: added to, cycles of the array. */
enum axm_status cycle_gemm(const struct array_config *c, const struct cycle_gemm *g,
                           struct cycle_space *space, uint64_t *busy) AXM_MUST_CHECK;

#endif
