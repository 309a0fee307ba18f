/* Mutation testing of the verification: gate-level faults put into a circuit
 * one at a time.  Each must be caught, or be proven to change nothing.
 *
 * A fault is caught when a simulator finds an operand pair on which the mutant
 * is not the C model.  Two simulators look independently and must agree: the
 * bit-parallel one on the netlist, and Verilator on the mutant's emitted
 * Verilog.  A survivor must be proven equal to the original by ABC (&cec on
 * AIGER of both), which knows neither model nor simulator.  What is left is
 * unexplained: a hole in the verification. */
#ifndef AXM_SIM_MUTATE_H
#define AXM_SIM_MUTATE_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "cmodel/spec.h"
#include "gen/netlist.h"
#include "sim/stimulus.h"

enum mutation {
    MUTATE_KIND,        /* a gate of another kind with the same inputs; NOT: a wire */
    MUTATE_STUCK_0,     /* an input pin reads 0 */
    MUTATE_STUCK_1,
    MUTATE_INVERT,      /* an input pin reads the inverse */
    MUTATE_REWIRE,      /* an input pin reads another net, made before the cell */
    MUTATE_SWAP,        /* sum and carry of an adder cell exchanged */
    MUTATE_CARRY,       /* carry of an adder cell made wrong: HA: a | b, FA: a & b | c */
    MUTATIONS,
};
const char *mutation_name(enum mutation m);   /* "kind", "stuck-at-0", ... */

/* One fault; plain data. */
struct mutant {
    size_t cell;            /* index into the netlist's cells */
    enum mutation mutation;
    int pin;                /* input, of STUCK, INVERT and REWIRE */
    enum cell_kind kind;    /* the new one, of KIND */
    net to;                 /* of REWIRE */
};

/* Draws `count` different faults of a combinational netlist, seeded (all if it has fewer; of the
 * rewirings two a pin are eligible, drawn with the same seed).  *out is allocated with malloc(), its length
 * stored in *n; ascending order of cells. */
enum axm_status mutants_draw(const struct netlist *nl, size_t count, uint64_t seed,
                             struct mutant **out, size_t *n) AXM_MUST_CHECK;

/* A copy of nl with the fault; NULL if out of memory. */
struct netlist *mutant_netlist(const struct netlist *nl, const struct mutant *m);

/* Appends "cell 17 FA (adder): pin 2 stuck-at-1". */
void mutant_describe(const struct netlist *nl, const struct mutant *m, struct strbuf *out);

struct mutate_request {
    const struct axm_spec *spec;
    size_t n;
    size_t count;           /* faults per spec */
    uint64_t seed;
    unsigned simulators;    /* mask of 1 << VERIFY_BITSLICE, 1 << VERIFY_VERILATOR (sim/verify.h) */
    uint64_t random;        /* random pairs where not exhaustive (over 24 address bits); 0: 2^16 */
};

struct mutate_result {
    size_t spec;            /* index into the request's */
    size_t mutants;
    size_t caught;          /* by simulation */
    size_t by_proof;        /* disproven by ABC only, where the simulators saw a sample (over 24
                             * address bits, or runtime ports); else that counts as unexplained */
    size_t equivalent;      /* proven so */
    size_t unexplained;     /* none of these; each was reported in one line */
    size_t disagreements;   /* caught by one simulator only; each was reported */
    bool exhaustive;        /* simulation saw all operand pairs and runtime port values */
    double seconds;
};

/* Runs the request, calling `done` once per spec in order.  AXM_MISMATCH if
 * any mutant is unexplained or the simulators disagree; AXM_ENV if a tool is missing;
 * AXM_STOPPED when interrupted, after the specs that were complete. */
typedef void mutate_done_fn(void *ctx, const struct mutate_result *r);
enum axm_status mutate_run(const struct mutate_request *q, mutate_done_fn *done, void *ctx) AXM_MUST_CHECK;

#endif
