/* Somebody else's Verilog as a multiplier: the verilog: specs. */
#ifndef AXM_SIM_VERILOG_H
#define AXM_SIM_VERILOG_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)   /* all else in the library is hidden */

/* Makes axm_mul_open() know "verilog:FILE[:TOP][:OPTION]..." (the
 * options: cmodel/mul.h).  Call once, at the start, before other threads open multipliers.
 *
 * Opening such a spec runs programs found in PATH: Yosys reads FILE and tells its ports, a
 * simulator that Verilator compiles gives the table of products.  A missing program is AXM_ENV and
 * names its Debian package.  At most 24 address bits; seconds the first time, after that
 * the compiled simulator is in the cache ($AXMUL_CACHE).  That is why a program asks for it. */
void axm_enable_verilog(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
