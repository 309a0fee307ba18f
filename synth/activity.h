/* Switching activity of a mapped netlist, and the power that follows from it.
 *
 * A run takes a sequence of input vectors and counts, for every step from one
 * vector to the next, how often each net toggles: at zero delay (the settled
 * values only), unit delay (every cell output one step later) or the library's
 * delays (per arc and edge, inertial: a pulse shorter than the delay of the
 * cell that makes it is swallowed).  Each step starts from settled nets: the
 * clock is slower than the critical path.  The steps are simulated many at a
 * time, one to a lane of the vector registers. */
#ifndef AXM_SYNTH_ACTIVITY_H
#define AXM_SYNTH_ACTIVITY_H

#include "sim/bitsim.h"
#include "synth/mapped.h"

enum delay_model { DELAY_ZERO, DELAY_UNIT, DELAY_LIBERTY };

struct activity {
    uint64_t steps;
    uint64_t toggles;            /* over all nets, inputs included */
    double toggles_per_step;
    double switching_pj;         /* per step: half C V^2 of every toggle, primary inputs left out */
    double internal_pj;          /* per step: the cells' internal energy tables */
    double energy_pj;            /* the two together */
    double energy_ci95_pj;       /* half-width of its 95 % confidence interval */
    double leakage_nw;           /* state-dependent, mean over the settled states */
};

/* Simulates n vectors (n - 1 steps).  vectors: [n][words] where a vector's bit i
 * is the i-th input bit, ports in order, least significant first, 64 bits a
 * word.  net_toggles: NULL, or [m->n_nets], overwritten.  Results do not depend
 * on the threads or the CPU level.  AXM_USAGE for fewer than 2 vectors. */
enum axm_status activity_run(const struct mapped *m, const uint64_t *vectors, size_t n,
                             enum delay_model model, struct activity *out,
                             uint64_t *net_toggles) AXM_MUST_CHECK;

/* For tests and benchmarks, like bitsim_set_level(). */
void activity_set_level(enum bitsim_level level);

/* Words per vector, and the product of the netlist's function for one vector
 * (outputs in port order): the same cells, evaluated once. */
int activity_vector_words(const struct mapped *m);
void activity_evaluate(const struct mapped *m, const uint64_t *vector, uint64_t *outputs);

#endif
