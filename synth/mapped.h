/* A netlist of library cells, as Yosys mapped it, with what power and timing
 * simulation need: loads, static slews, and the delay and energy of every arc.
 *
 * Nets are numbers; 0 and 1 are the constants.  Cells are in topological order. */
#ifndef AXM_SYNTH_MAPPED_H
#define AXM_SYNTH_MAPPED_H

#include "synth/liberty.h"

struct mapped_port {
    const char *name;
    bool is_output;
    int width;
    const uint32_t *net;     /* [width], least significant first */
};

/* One input of a cell towards one of its outputs. */
struct mapped_arc {
    uint32_t rise_ps, fall_ps;  /* delay of the output's edge, ps */
    float rise_pj, fall_pj;           /* internal energy of the edge */
};

struct mapped_cell {
    const struct lib_cell *lib;
    uint32_t in[LIB_INPUTS_MAX];
    uint32_t out[LIB_OUTPUTS_MAX];
    struct mapped_arc arc[LIB_OUTPUTS_MAX][LIB_INPUTS_MAX];
};

struct mapped {
    const struct liberty *lib;        /* borrowed: must outlive this */
    int n_nets, n_cells, n_ports;
    const struct mapped_cell *cell;
    const struct mapped_port *port;
    const double *load_pf;            /* [n_nets]: pins and output loads; no wires */
    const double *slew_ns;            /* [n_nets]: of the slower edge */
    double area_um2;
    double delay_ns;                  /* longest path by the same tables, as a check on the timing tool */
    struct mapped_store *store;
};

struct mapped_opts {
    double input_slew_ns;             /* at the primary inputs */
    double output_load_pf;            /* on every primary output */
    const double *more_load_pf;       /* NULL, or what else hangs on net i, for i < n_more */
    uint32_t n_more;
};

/* Reads module `name` of the JSON that `yosys write_json` made: flat, of cells
 * of lib.  AXM_USAGE names the first cell that is not in the library, is not a
 * simple gate or closes a loop.  Inputs of a cell that may be exchanged are
 * connected anew: the net with the most cells behind it to the fastest pin, ties by
 * structure, so that neither names nor orders in the Verilog matter.  Free with mapped_free(). */
enum axm_status mapped_read_json(const char *text, const char *name, const struct liberty *lib,
                                 const struct mapped_opts *o, struct mapped **out) AXM_MUST_CHECK;
void mapped_free(struct mapped *m);   /* NULL is fine */

const struct mapped_port *mapped_find_port(const struct mapped *m, const char *name);

/* value: [n_nets], of which 0, 1 and the inputs' are given; sets those behind cells. */
void mapped_settle(const struct mapped *m, bool *value);

#endif
