/* Power of a cell of a systolic array: its mapped netlist, flip-flops and clock included, with operand pairs
 * that stream through it as in the array. */
#ifndef AXM_SYNTH_CELL_POWER_H
#define AXM_SYNTH_CELL_POWER_H

#include "gen/array.h"
#include "synth/activity.h"
#include "synth/characterise.h"
#include "synth/design.h"

struct cell_power {
    size_t cycles;
    double logic_pj;         /* per cycle: nets that gates drive, and the gates' internal energy */
    double logic_ci95_pj;    /* half-width of its 95 % confidence interval */
    double register_pj;      /* per cycle: nets that flip-flops drive, their own energy when data move */
    double clock_pj;         /* per cycle: C V^2 of the clock pins, what both edges take in the flip-flops */
    double energy_pj;        /* the three together */
    double leakage_nw;
    int registers;
    uint64_t register_toggles;   /* of all outputs of flip-flops, over all cycles */
};

/* f: pe_ws or pe_os, flat, of cells of lib and plain flip-flops (struct lib_cell's).
 *
 * A cycle is a pair of the stimulus; en_i is 1.  Weight-stationary: one operand is the activation, the other,
 * loaded through the shadow register, the weight: of a trace the one that changes less often, if the order
 * is set at run time; uniform and normal weights stay for acc_depth cycles.  The sum that comes in is that of
 * rows / 2 other stretches of the same pairs, through the model of the multiplier: a cell in the middle of
 * its column.  Output-stationary: a pair a cycle, CELL_TERMS of them a sum; sums shift down for `rows`
 * cycles.  Every output drives what the same input of the next cell is to its driver.
 *
 * model: of the gates between flip-flops; all inputs change with the clock.  log: NULL, or gets a line for
 * each cycle, three more before the first: input ports in binary in the order of the netlist, each with
 * its most significant bit first, without clk_i.  AXM_MISMATCH if a sum that leaves the cell is not the
 * model's. */
enum { CELL_TERMS = 64 };
enum axm_status cell_power(const struct flat *f, const struct array_config *c, const struct liberty *lib,
                           const struct mapped_opts *o, const struct stimulus_opts *stimulus,
                           enum delay_model model, struct cell_power *out, struct strbuf *log) AXM_MUST_CHECK;

#endif
