/* From a spec to figures: netlist, synthesis, timing, activity, through the store. */
#ifndef AXM_SYNTH_CHARACTERISE_H
#define AXM_SYNTH_CHARACTERISE_H

#include "cmodel/spec.h"
#include "gen/netlist.h"
#include "sim/dut.h"
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

/* Operand patterns of a stimulus: malloc'd, [*n] each. */
enum axm_status stimulus_pairs(const struct stimulus_opts *o, int width_a, int width_b, bool is_signed,
                               uint64_t **a, uint64_t **b, size_t *n) AXM_MUST_CHECK;

/* Input vectors for the ports a_i and b_i of m (further inputs 0): malloc'd,
 * [*n][activity_vector_words(m)].  The sequence of a trace is kept. */
enum axm_status stimulus_vectors(const struct stimulus_opts *o, const struct mapped *m, bool is_signed,
                                 uint64_t **vectors, size_t *n) AXM_MUST_CHECK;

/* A multiplier as Verilog text with ports a_i and b_i, by a spec or
 * "verilog:FILE[:TOP][:OPTION]..." (see foreign_open()). */
struct mul_circuit {
    char name[AXM_SPEC_MAX];      /* the spec; of a foreign circuit its file and top, cut short */
    char top[DUT_NAME_MAX];
    struct strbuf text;           /* without the adder cells */
    bool foreign, is_signed;
    int width_a, width_b;
};

/* AXM_USAGE for a spec that has no circuit (lut:).  Release with mul_circuit_release(). */
enum axm_status mul_circuit_open(const char *spec, struct mul_circuit *out) AXM_MUST_CHECK;
enum axm_status mul_circuit_of_spec(const struct axm_spec *s, struct mul_circuit *out) AXM_MUST_CHECK;
enum axm_status mul_circuit_of_netlist(const struct netlist *nl, const char *name, bool is_signed,
                                   struct mul_circuit *out) AXM_MUST_CHECK;
void mul_circuit_release(struct mul_circuit *c);

/* Measures a circuit, or takes what the store has under the hash of everything
 * that decides it: text, liberty, mode, stimulus, conditions, tools.  No tool
 * runs then.  *fresh (may be NULL) tells whether it was measured now.
 * Thread-safe. */
enum axm_status characterise(const struct mul_circuit *c, const struct characterise_opts *o,
                             struct measurement *out, bool *fresh) AXM_MUST_CHECK;

/* Power in mW at `mhz` operations per microsecond: dynamic (by enum
 * delay_model) and leakage. */
double measurement_mw(const struct measurement *m, enum delay_model d, double mhz);

#endif
