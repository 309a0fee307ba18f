/* Liberty cell libraries: what synthesis, timing-aware simulation and power need
 * of them.  Read from the foreign file once, in our units:
 *
 *     time ns, capacitance pF, voltage V, energy pJ, leakage nW, area as given (um^2)
 *
 * Understood: combinational cells of up to 6 inputs with their functions,
 * non-linear delay tables, internal energy tables, leakage with its `when`
 * states.  Sequential, three-state and wider cells are kept with name, area and
 * pins only (usable = false); plain flip-flops with their energy and leakage, too. */
#ifndef AXM_SYNTH_LIBERTY_H
#define AXM_SYNTH_LIBERTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { LIB_INPUTS_MAX = 6, LIB_OUTPUTS_MAX = 4 };

/* value at (slew, load); an axis of one point does not matter.  v is
 * [n_slew][n_load].  NULL v: no table. */
struct lib_table {
    int n_slew, n_load;
    const double *slew_ns, *load_pf, *v;
};

/* Bilinear, linearly extrapolated from the outermost cell, as static timing
 * analysis does.  0 for an absent table. */
double lib_table_at(const struct lib_table *t, double slew_ns, double load_pf);

enum lib_sense { LIB_POSITIVE, LIB_NEGATIVE, LIB_NON_UNATE };

struct lib_arc {             /* delay from one input to one output */
    int input;               /* index into cell->input */
    enum lib_sense sense;
    struct lib_table rise_delay, fall_delay;   /* of the output's edge */
    struct lib_table rise_slew, fall_slew;
};

struct lib_energy {          /* internal energy of one edge, the load's CV^2/2 not included */
    int related;             /* input that caused it; -1: any */
    uint64_t when;           /* truth table over the inputs; all ones if unconditional */
    struct lib_table rise, fall;
};

struct lib_input {
    const char *name;
    double cap_pf;
    int n_energy;            /* edges of the pin that move no output */
    const struct lib_energy *energy;
};

struct lib_output {
    const char *name;
    uint64_t truth;          /* bit i: output for input values i (input 0 is bit 0) */
    double cap_pf, max_load_pf;   /* max_load 0: not given */
    int n_arcs, n_energy;
    const struct lib_arc *arc;
    const struct lib_energy *energy;
};

struct lib_leakage {
    uint64_t when;
    double nw;
};

struct lib_cell {
    const char *name;
    double area_um2;
    bool usable;             /* combinational, functions known, not dont_use */
    bool sequential;
    bool flip_flop;          /* rising edge, an input that is stored as it is, one output: input[data] */
    int clock, data;         /* of a flip_flop: its inputs */
    bool has_power;          /* has internal energy or leakage */
    int n_in, n_out;
    struct lib_input input[LIB_INPUTS_MAX];
    struct lib_output output[LIB_OUTPUTS_MAX];
    double leakage_nw;       /* default of states without one of their own */
    int n_leakage;
    const struct lib_leakage *leakage;
};

struct liberty {
    const char *name;        /* of the library group */
    const char *path;
    char sha256[65];
    double voltage;          /* nom_voltage */
    int n_cells;
    const struct lib_cell *cell;
    struct liberty_store *store;   /* memory of everything above */
};

/* Reads a library.  AXM_USAGE names file, line and what is wrong: truncated or
 * malformed text, missing or unknown units, no voltage, a table whose size does not fit
 * its axes, a function that names no pin.  Free with liberty_free(). */
enum axm_status liberty_read(const char *path, struct liberty **out) AXM_MUST_CHECK;
/* The same from memory (the fuzzing target); path is for messages. */
enum axm_status liberty_parse(const char *text, size_t len, const char *path,
                              struct liberty **out) AXM_MUST_CHECK;
void liberty_free(struct liberty *l);   /* NULL is fine */

const struct lib_cell *liberty_find(const struct liberty *l, const char *cell_name);   /* NULL if none */
int lib_cell_pin(const struct lib_cell *c, const char *pin, bool *is_output);   /* -1 if none */
double lib_cell_leakage(const struct lib_cell *c, unsigned input_values);

/* Cells found by what they do, not by what they are called: the smallest
 * usable cell with the function, up to an order of its inputs.  NULL if none. */
const struct lib_cell *liberty_by_function(const struct liberty *l, int n_in, uint64_t truth);

/* An adder cell: two outputs, sum and carry of 2 (half) or 3 (full) inputs. */
struct lib_adder {
    const struct lib_cell *cell;
    int sum, carry;          /* output indices */
};
bool liberty_half_adder(const struct liberty *l, struct lib_adder *out);
bool liberty_full_adder(const struct liberty *l, struct lib_adder *out);

#endif
