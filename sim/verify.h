/* Is the emitted Verilog the C model?  Orchestrates the backends. */
#ifndef AXM_SIM_VERIFY_H
#define AXM_SIM_VERIFY_H

#include "base/strbuf.h"
#include "cmodel/spec.h"
#include "gen/netlist.h"
#include "sim/stimulus.h"

enum verify_backend {
    VERIFY_BITSLICE,    /* the netlist, sim/bitsim.h */
    VERIFY_VERILATOR,   /* the emitted text, compiled */
    VERIFY_ICARUS,      /* the emitted text, interpreted, four-state */
    VERIFY_FORMAL,      /* the emitted text against rtl/ref/, sim/formal.h */
    VERIFY_BACKENDS,
};
enum { VERIFY_SIMULATORS = 1 << VERIFY_BITSLICE | 1 << VERIFY_VERILATOR | 1 << VERIFY_ICARUS };
const char *verify_backend_name(enum verify_backend b);

/* A comma-separated list ("verilator,icarus") as a mask of 1 << backend. */
enum axm_status verify_parse_backends(const char *list, unsigned *mask) AXM_MUST_CHECK;

struct verify_request {
    const struct axm_spec *spec;
    size_t n;
    const struct netlist *const *netlist;   /* circuits to test instead of the specs' own; or NULL */
    unsigned backends;      /* mask of 1 << enum verify_backend */
    bool formal_if_wide;    /* formal also where no backend is exhaustive: above 32 address bits */
    bool full;              /* Verilator exhaustive up to 32 address bits, Icarus up to 24 */
    uint64_t random;        /* random pairs where not exhaustive; 0: 2^20, of Icarus 2^13 */
    uint64_t seed;
    bool flat, registered_inputs, registered_outputs;   /* as axmul gen has them */
    int pipeline;           /* stages, 0: none */
    const char *vcd;        /* of the first mismatch of the request; NULL: none */
};

struct verify_result {
    size_t spec;            /* index into the request's */
    enum verify_backend backend;
    bool exhaustive;        /* all operand pairs; else corners (of Icarus 2^13 of
                             * them at most) and seeded random ones.
                             * Of formal: proven (pairs is 0 then) */
    uint64_t settings, all_settings;   /* of the runtime ports: tried, possible (1 without such ports) */
    struct sim_result sim;
    char note[224];         /* formal: the method, and why it gave up; else "" */
};

/* Operand address bits (a and b together) up to which a backend tries every pair:
 * bitslice 32, Verilator 24 (full: 32), Icarus 20 (full: 24). */
int verify_exhaustive_bits(enum verify_backend b, bool full);

/* "drum8u_k4: icarus: 3 x 5 (00000011 x 00000101) gives ...": one line with
 * operands and both products as values and bits, share, seed and the command
 * that runs it again. */
void verify_describe(const struct verify_request *q, const struct verify_result *r, struct strbuf *out);

/* Runs the request, on all threads; calls `done` for each result in order of spec, then
 * backend, from the calling thread.  Circuits of one shape share simulators,
 * so one request with many specs is much faster than many requests.
 *
 * AXM_MISMATCH if there is any (verify_describe() of each is reported; with
 * vcd, the first one's trace is written) or a formal disproof; AXM_ENV if a
 * tool is missing; AXM_STOPPED when interrupted, after `done` for what was
 * complete.  A formal proof that gives up is no error: see note. */
typedef void verify_done_fn(void *ctx, const struct verify_result *r);
enum axm_status verify_run(const struct verify_request *q, verify_done_fn *done, void *ctx) AXM_MUST_CHECK;

#endif
