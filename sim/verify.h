/* Is the emitted Verilog the C model?  Orchestrates the backends. */
#ifndef AXM_SIM_VERIFY_H
#define AXM_SIM_VERIFY_H

#include "cmodel/spec.h"
#include "sim/stimulus.h"

enum verify_backend {
    VERIFY_BITSLICE,    /* the netlist, sim/bitsim.h */
    VERIFY_VERILATOR,   /* the emitted text, compiled */
    VERIFY_ICARUS,      /* the emitted text, interpreted, four-state */
    VERIFY_FORMAL,      /* the emitted text against rtl/ref/, sim/formal.h */
    VERIFY_BACKENDS,
};
const char *verify_backend_name(enum verify_backend b);

/* A comma-separated list ("verilator,icarus") as a mask of 1 << backend. */
enum axm_status verify_parse_backends(const char *list, unsigned *mask) AXM_MUST_CHECK;

struct verify_request {
    const struct axm_spec *spec;
    size_t n;
    unsigned backends;      /* mask of 1 << enum verify_backend */
    bool full;              /* exhaustive in Verilator up to 32 address bits, not 24 */
    uint64_t random;        /* random pairs where not exhaustive; 0: 2^20 (Icarus 2^16) */
    uint64_t seed;
    bool flat;              /* as axmul gen --flat, --pipeline */
    int pipeline;
    const char *vcd;        /* NULL: none; else of the first mismatch of the request */
};

struct verify_result {
    size_t spec;            /* index into the request's */
    enum verify_backend backend;
    bool exhaustive;        /* else: corners and seeded random pairs; of formal: proven */
    bool undecided;         /* formal only: no proof either way, `note` says why */
    struct sim_result sim;
    char note[160];
};

/* Address bits (operands and runtime ports) up to which a backend tries everything. */
int verify_exhaustive_bits(enum verify_backend b, bool full);

/* Runs the request; calls `done` for each result in order of spec, then backend, from the
 * calling thread.  Returns AXM_MISMATCH if any backend found one (and says so in
 * one line each), AXM_ENV if a tool is missing. */
typedef void verify_done_fn(void *ctx, const struct verify_result *r);
enum axm_status verify_run(const struct verify_request *q, verify_done_fn *done, void *ctx) AXM_MUST_CHECK;

#endif
