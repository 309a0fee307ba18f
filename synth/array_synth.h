/* Systolic arrays (gen/array.h) through Yosys and OpenSTA: what a cell and what the whole array takes, by
 * module, and how fast they are.
 *
 * Every module is mapped once and by itself: no logic moves between modules, and ABC sees none of
 * more than some thousand gates.  The cell (pe_ws, pe_os) is synthesised for each multiplier; all
 * else, the shell, once for all multipliers with the same ports. */
#ifndef AXM_SYNTH_ARRAY_SYNTH_H
#define AXM_SYNTH_ARRAY_SYNTH_H

#include "gen/array.h"
#include "synth/cell_power.h"
#include "synth/synth.h"

enum array_target {
    ARRAY_LIBERTY,        /* library cells, full and half adders whole (SYNTH_ADDERS) */
    ARRAY_ICE40,          /* Yosys's synth_ice40, no DSP blocks unless asked for */
    ARRAY_XILINX,         /* synth_xilinx, 7-series */
};

/* What stands in modules of a kind, not counting what stands in their modules. */
struct array_part {
    char module[AXM_SPEC_MAX];    /* of rtl/, or the multiplier's */
    const char *what;             /* in words */
    bool in_pe;
    int instances;
    int64_t cells;                /* library cells, or primitives */
    int64_t flip_flops;
    double area_um2;              /* liberty */
    int64_t luts, carries, dsps, rams;       /* FPGA */
};
enum { ARRAY_PARTS_MAX = 24 };

struct array_path {
    double period_ns;             /* the least that this path allows, setup time included; 0: no path */
    struct strbuf from, to;       /* instance where it begins and ends, "" the top or a port */
    int n_points;
    struct timing_point *point;
};

struct array_result {
    int n_parts;
    struct array_part part[ARRAY_PARTS_MAX];     /* the cell's first; they sum to total */
    struct array_part mult, pe;   /* of one */
    struct array_part total;
    int64_t memory_bits;          /* of acc_bank's memory; liberty: not in any area */
    struct array_path pe_path;    /* of a cell between registers */
    struct array_path in_array;   /* the longest that ends in a cell of the array; placed: array_ws or _os */
    struct array_path whole;
};

struct array_synth_opts {
    enum array_target target;
    const struct liberty *lib;    /* ARRAY_LIBERTY */
    struct mapped_opts mapped;
    int max_fanout;               /* more pins than that on a net get a tree of buffers; 0: none do */
    bool dsp;                     /* FPGA: DSP blocks may be used */
    bool place;                   /* ARRAY_ICE40: place and route: pe_path, in_array if that fits */
    uint64_t seed;                /* of the placer */
};

/* Shell of the last array, to use again; {0} at first. */
struct array_shell {
    struct strbuf key, json;
};
void array_shell_release(struct array_shell *s);

/* Synthesises an array, by the shell's text if it is the same.  Paths are measured for ARRAY_LIBERTY. */
enum axm_status array_synth(const struct array_config *c, const struct array_synth_opts *o,
                            struct array_shell *shell, struct array_result *out) AXM_MUST_CHECK;
void array_result_release(struct array_result *r);

/* Power of a cell by itself, fan-out trees included, at the library's delays (ARRAY_LIBERTY); log as
 * cell_power() has it, NULL for none. */
enum axm_status array_cell_power(const struct array_config *c, const struct array_synth_opts *o,
                                 const struct stimulus_opts *stimulus, struct cell_power *out,
                                 struct strbuf *log) AXM_MUST_CHECK;

#endif
