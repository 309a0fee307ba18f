/* From a spec to figures: netlist, synthesis, timing, activity, through the store. */
#ifndef AXM_SYNTH_CHARACTERISE_H
#define AXM_SYNTH_CHARACTERISE_H

#include "cmodel/spec.h"
#include "gen/netlist.h"
#include "synth/activity.h"
#include "synth/store.h"
#include "synth/synth.h"

/* Operand distributions of the vectors. */
enum stimulus_kind { STIMULUS_UNIFORM, STIMULUS_GAUSS, STIMULUS_TRACE };

struct stimulus_opts {
    enum stimulus_kind kind;
    double sigma;            /* gauss: standard deviation in operand units, rounded and clamped */
    const char *trace;       /* file of little-endian int16 pairs a, b in hardware order */
    size_t vectors;          /* of uniform and gauss; 0: 20,000 */
    uint64_t seed;
};

struct characterise_opts {
    const struct liberty *lib;
    enum synth_mode mode;    /* one that maps */
    struct mapped_opts mapped;
    struct stimulus_opts stimulus;
    struct store *store;     /* NULL: measure always */
    const char *tools;       /* synth_tool_versions() */
};

/* Input vectors for the ports a_i and b_i of m (further inputs 0): malloc'd,
 * [*n][activity_vector_words(m)].  The sequence of a trace is kept. */
enum axm_status stimulus_vectors(const struct stimulus_opts *o, const struct mapped *m, bool is_signed,
                                 uint64_t **vectors, size_t *n) AXM_MUST_CHECK;

/* Measures the circuit of a spec, or takes it from the store. *fresh (may be
 * NULL) tells whether it was measured now. */
enum axm_status characterise(const struct axm_spec *s, const struct characterise_opts *o,
                             struct measurement *out, bool *fresh) AXM_MUST_CHECK;

/* The same for a netlist at hand (ports a_i, b_i, p_o), under any name. */
enum axm_status characterise_netlist(const struct netlist *nl, const char *spec, bool is_signed,
                                     const struct characterise_opts *o, struct measurement *out,
                                     bool *fresh) AXM_MUST_CHECK;

/* The same for Verilog text of a module `top` (ports a_i, b_i and an output). */
enum axm_status characterise_verilog(const char *text, const char *top, const char *spec, bool is_signed,
                                     const struct characterise_opts *o, struct measurement *out,
                                     bool *fresh) AXM_MUST_CHECK;

#endif
