/* Device under test: one emitted multiplier as text, and how to drive it. */
#ifndef AXM_SIM_DUT_H
#define AXM_SIM_DUT_H

#include "base/strbuf.h"
#include "gen/netlist.h"
#include "gen/write.h"
#include "sim/stimulus.h"

enum { DUT_NAME_MAX = 160 };

struct dut {
    struct strbuf text;             /* Verilog of the module and its scopes */
    bool standalone;                /* text has all modules; else it lacks the shared adder cells */
    bool systemverilog;             /* else Verilog-2005: fewer names are keywords */
    char module[DUT_NAME_MAX];
    char port_a[DUT_NAME_MAX], port_b[DUT_NAME_MAX], port_p[DUT_NAME_MAX];
    char clock[DUT_NAME_MAX];       /* "" if combinational */
    int width_a, width_b, width_p;
    int latency;                    /* clock edges from operands to their product */
    int n_runtime;                  /* further inputs, constant during a run */
    struct { char name[DUT_NAME_MAX]; int width; } runtime[RUNTIME_PORTS];
};

/* From a netlist with the ports of mul_netlist(): the exact text that
 * write_verilog() gives with these options, but for the shared adder cells
 * (write_verilog_library(), once a file).
 * Release with dut_release(). */
enum axm_status dut_from_netlist(const struct netlist *nl, const struct verilog_opts *o,
                                 struct dut *out) AXM_MUST_CHECK;
void dut_release(struct dut *d);

/* Bits of all runtime ports together. */
int dut_runtime_bits(const struct dut *d);

/* True if one test bench can drive both: same port widths, latency,
 * runtime port widths and kind of text. */
bool dut_same_shape(const struct dut *a, const struct dut *b);

/* One line of Verilog that instantiates d on nets clk_i, a_i, b_i, r0_i, ... */
void dut_write_instance(const struct dut *d, const char *instance, const char *product,
                        struct strbuf *out);

#endif
