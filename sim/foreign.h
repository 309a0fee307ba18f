/* Somebody else's circuit as a multiplier: the verilog: specs. */
#ifndef AXM_SIM_FOREIGN_H
#define AXM_SIM_FOREIGN_H

#include "cmodel/mul.h"

/* Opens "verilog:FILE[:TOP][:OPTION]..." (see axm_mul_open).  Yosys reads the
 * file and tells top, ports and cells; a circuit with registers, latches or
 * unusable ports is AXM_USAGE.  The product table comes from Verilator: at
 * most 24 address bits. */
enum axm_status foreign_open(const char *spec, struct axm_mul **out) AXM_MUST_CHECK;

/* Makes axm_mul_open() know verilog: specs.  Call once, at the start. */
void sim_register(void);

#endif
