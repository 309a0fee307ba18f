/* Emitted Verilog run by Icarus Verilog: a second opinion that shares nothing
 * with sim/verilator.c but the text under test.  Four-state, so an x is seen. */
#ifndef AXM_SIM_ICARUS_H
#define AXM_SIM_ICARUS_H

#include "cmodel/mul.h"
#include "sim/dut.h"
#include "sim/stimulus.h"

/* Circuits per run that cost least per circuit (bench_sim). */
enum { ICARUS_GROUP = 8 };

/* AXM_ENV and one line if iverilog or vvp is missing. */
enum axm_status icarus_need(void) AXM_MUST_CHECK;

/* Compares circuit k with model[k] on every pair (no slice), for all n circuits
 * of one shape; adds to result[k].  The test bench applies exhaustive pairs in Gray-code order (one operand
 * bit changes at a time, so that few gates do).  Thread-safe. */
enum axm_status icarus_compare(const struct dut *const *duts, size_t n,
                               const struct axm_mul *const *model, const struct stimulus *pairs,
                               const uint64_t *runtime, struct sim_result *result) AXM_MUST_CHECK;

/* Leaves a VCD of one operand pair, all signals of the circuit. */
enum axm_status icarus_vcd(const struct dut *d, uint64_t a, uint64_t b, const uint64_t *runtime,
                           const char *path) AXM_MUST_CHECK;

#endif
