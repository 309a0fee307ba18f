/* Synthesis with Yosys and timing with OpenSTA. */
#ifndef AXM_SYNTH_SYNTH_H
#define AXM_SYNTH_SYNTH_H

#include "base/strbuf.h"
#include "synth/mapped.h"

/* How the netlist is mapped.  The first four end in cells of a liberty. */
enum synth_mode {
    SYNTH_ADDERS,     /* axm_fa and axm_ha become the liberty's adder cells, the rest goes through ABC */
    SYNTH_FLAT,       /* flattened, everything through ABC */
    SYNTH_EXTRACT,    /* foreign circuits: adders found by extract_fa, then as SYNTH_ADDERS */
    SYNTH_HIERARCHY,  /* as SYNTH_ADDERS, but ABC sees one module at a time: no logic moves between blocks */
    SYNTH_GENERIC,    /* Yosys's own gates: a count, no area */
    SYNTH_ICE40,      /* LUTs and carries of iCE40 */
    SYNTH_XILINX,     /* LUTs and carries of 7-series */
    SYNTH_MODES,
};

const char *synth_mode_name(enum synth_mode m);
enum axm_status synth_mode_parse(const char *name, enum synth_mode *out) AXM_MUST_CHECK;
bool synth_mode_maps(enum synth_mode m);   /* ends in liberty cells */

struct synth_opts {
    enum synth_mode mode;
    const struct liberty *lib;      /* of the modes that map */
    struct mapped_opts mapped;
};

/* A cell type and how often it stands in the result. */
struct synth_count {
    char type[48];
    int n;
};

struct synth_result {
    struct mapped *mapped;          /* NULL in modes without a liberty */
    int n_counts;
    struct synth_count *count;      /* by type, ascending name */
    int cells;
};

/* Maps module `top` of the Verilog text.  The text instantiates axm_fa and
 * axm_ha without defining them (verilog_opts.no_library).  A failure of Yosys is
 * reported with its last lines and the scratch directory, which then stays.
 * AXM_USAGE names what a library lacks: an inverter, a buffer, a two-input AND or OR of
 * any kind, or in the modes that keep adders a full or half adder.
 * Release with synth_release(). */
enum axm_status synth_run(const char *verilog, const char *top, const struct synth_opts *o,
                          struct synth_result *out) AXM_MUST_CHECK;
void synth_release(struct synth_result *r);

/* The mapped netlist as Verilog that OpenSTA, Icarus and Yosys read: one
 * module, vector ports, nets n2, n3, ..., cells u0, u1, ... in the order of m->cell. */
void mapped_write_verilog(const struct mapped *m, const char *name, struct strbuf *out);

struct timing_point {
    char instance[64], cell[48];
    double at_ns;
    bool rises;
};

struct timing {
    double delay_ns;                /* critical path, input to output */
    int n_points;
    struct timing_point *point;     /* its cells in order, owned */
};

/* Critical path by OpenSTA: every input arrives at 0 with m's input slew.  If
 * sdf is not NULL the delays are appended to it as SDF. */
enum axm_status timing_run(const struct mapped *m, const char *name, const struct mapped_opts *o,
                           struct timing *out, struct strbuf *sdf) AXM_MUST_CHECK;
void timing_release(struct timing *t);

/* Versions of the tools as they print them, for the store's key. */
enum axm_status synth_tool_versions(struct strbuf *out) AXM_MUST_CHECK;

#endif
