/* Somebody else's circuit as a multiplier: the verilog: specs. */
#ifndef AXM_SIM_FOREIGN_H
#define AXM_SIM_FOREIGN_H

#include "cmodel/mul.h"
#include "sim/dut.h"
#include "sim/verilog.h"

/* Opens "verilog:FILE[:TOP][:OPTION]..." (see axm_mul_open).  FILE stands
 * alone (no `include of others), Verilog-2005 or, ending in .sv, SystemVerilog.
 * TOP may be left out if only one module is not instantiated by another.
 *
 * Yosys reads the file and tells top, ports and cells.  There must be two
 * inputs and among the outputs one of their widths' sum, found by name: A, B, O or a, b, y or
 * a_i, b_i, p_o, or as a=NAME b=NAME o=NAME say; further inputs, registers,
 * latches, inout ports and files that Yosys cannot read are AXM_USAGE.  The product table then
 * comes from Verilator: at most 24 address bits (16.8 million entries, seconds). */
enum axm_status foreign_open(const char *spec, struct axm_mul **out) AXM_MUST_CHECK;

/* The circuit alone, without tabulating it.  Release with dut_release(). */
enum axm_status foreign_circuit(const char *spec, struct dut *out, bool *is_signed) AXM_MUST_CHECK;

#endif
