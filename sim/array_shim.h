/* What the C driver and the C++ shim around the Verilated array share; the shim gets it as text. */
#ifndef AXM_SIM_ARRAY_SHIM_H
#define AXM_SIM_ARRAY_SHIM_H

#include <stdint.h>

/* A list of jobs on one product; indices of columns and rows by job. */
struct array_job {
    uint64_t n_0, m_0, m_count;     /* first column, first row, rows */
};

struct array_run {
    uint64_t m, n, k, x_stride, y_stride;
    const uint8_t *x, *w;
    const int32_t *bias, *mult, *shift, *wzero;
    int32_t *y;
    uint32_t mode;                  /* register MODE */
    int32_t zero, lo, hi;
    uint32_t stall[3];              /* of 65536 */
    uint64_t seed, cycle_limit;
    const struct array_job *job;
    uint64_t jobs;
    /* Pooling; pool_kind 0: none.  Registers as they are written; results of an image. */
    uint32_t pool_kind, pool_register[8];   /* POOL_KERNEL..POOL_OUT, POOL_ZERO..POOL_HI */
    const int32_t *pool_mult, *pool_shift;  /* [pool_taps], the table's entries */
    uint64_t pool_taps, images, pool_out;
    uint64_t watch_n, watch_m;      /* a result; UINT64_MAX: none */
    uint64_t watch_cycle;           /* result: when it was taken, from 0; UINT64_MAX: never */
    const char *trace_file;         /* NULL: none */
    uint64_t trace_from, trace_to;  /* cycles, from 0 */
    uint64_t cycles;                /* result */
    const char *failure;            /* result, NULL if all went well */
};

#endif
