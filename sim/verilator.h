/* Emitted Verilog compiled by Verilator: many multipliers in one C-linked
 * simulator, kept in the cache by content. */
#ifndef AXM_SIM_VERILATOR_H
#define AXM_SIM_VERILATOR_H

#include "cmodel/mul.h"
#include "sim/dut.h"
#include "sim/stimulus.h"

/* Circuits per compiled simulator that cost least per circuit (bench_sim). */
enum { VERILATOR_GROUP = 64 };

/* AXM_ENV and one line if verilator or a C++ compiler is missing. */
enum axm_status verilator_need(void) AXM_MUST_CHECK;

struct verilator_sim;

/* Compiles n circuits of one shape (dut_same_shape) into a shared object, or
 * takes it from the cache ("verilator" below file_cache_dir()), where it is
 * found by a hash of text, tools and flags, and loads it.  Safe to call from several threads
 * and processes.  Close with verilator_close(). */
enum axm_status verilator_open(const struct dut *const *duts, size_t n,
                               struct verilator_sim **out) AXM_MUST_CHECK;
void verilator_close(struct verilator_sim *v);   /* NULL is fine */

/* Drives all circuits with the same n pairs: product[k * n + i] is the product of
 * circuit k for pair i.  runtime: values for the runtime ports, NULL: 0.
 * One thread at a time per simulator. */
void verilator_run(struct verilator_sim *v, const uint64_t *runtime, const uint32_t *a,
                   const uint32_t *b, size_t n, uint64_t *product);

/* Compares circuit k with model[k] on every pair, for all k, in one run; adds to
 * result[k].  AXM_STOPPED when interrupted. */
enum axm_status verilator_compare(struct verilator_sim *v, const struct axm_mul *const *model,
                                  const struct stimulus *pairs, const uint64_t *runtime,
                                  struct sim_result *result) AXM_MUST_CHECK;

#endif
