/* The result store: one SQLite file that remembers every measurement by what
 * went into it, so that nothing is measured twice.
 *
 * Several processes may use it at once; a kill at any moment leaves it valid
 * (write-ahead log, one transaction a result).  The schema carries a version
 * and is migrated forward on opening. */
#ifndef AXM_SYNTH_STORE_H
#define AXM_SYNTH_STORE_H

#include "base/status.h"
#include "base/strbuf.h"

struct store;

/* What was measured of one netlist under one set of conditions.  Power figures
 * are energies per operation in pJ at zero, unit and liberty delay. */
struct measurement {
    double area_um2, delay_ns, leakage_nw;
    double energy_pj[3], energy_ci95_pj[3], toggles[3];   /* by enum delay_model */
    int cells;
    long long steps;
};

/* Everything that decides a measurement; key is the SHA-256 of all of it
 * (the netlist's text included), hex. */
struct measurement_key {
    char key[65];
    const char *spec;
    const char *netlist_sha256, *liberty, *liberty_sha256, *mode, *stimulus, *tools;
};

/* Opens or creates; NULL path: "results.sqlite" in the cache directory.  AXM_ENV if
 * the file is not ours, newer than this program, or cannot be written. */
enum axm_status store_open(const char *path, struct store **out) AXM_MUST_CHECK;
void store_close(struct store *s);   /* NULL is fine */
const char *store_path(const struct store *s);

/* *found tells whether key is there. */
enum axm_status store_get(struct store *s, const char *key, struct measurement *out, int *found) AXM_MUST_CHECK;
enum axm_status store_put(struct store *s, const struct measurement_key *k,
                          const struct measurement *m) AXM_MUST_CHECK;

/* Runs one read-only statement and calls row for each row (values as text, NULL
 * for null).  Statements that would write are refused. */
typedef enum axm_status store_row_fn(void *ctx, int n, const char *const *names, const char *const *values,
                                     const int *is_number);
enum axm_status store_query(struct store *s, const char *sql, store_row_fn *row, void *ctx) AXM_MUST_CHECK;

#endif
