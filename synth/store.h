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

enum { STORE_MODELS = 3 };   /* zero, unit, liberty: the values of enum delay_model */

/* What was measured of one netlist under one set of conditions.  Dynamic
 * energies are per operation, with and without what the cells burn inside. */
struct measurement {
    double area_um2, delay_ns, leakage_nw;
    double energy_pj[STORE_MODELS], energy_ci95_pj[STORE_MODELS], toggles[STORE_MODELS];
    double switching_pj[STORE_MODELS];   /* the half C V^2 part of energy_pj */
    int cells;
    long long steps;
};

/* Everything that decides a measurement; key is the SHA-256 of all of it
 * (the netlist's text included), hex. */
struct measurement_key {
    char key[65];
    const char *spec;
    const char *netlist_sha256, *liberty, *liberty_sha256, *mode, *stimulus, *tools;
    double input_slew_ns, output_load_pf;
};

/* Opens or creates; NULL path: "results.sqlite" in the cache directory.  AXM_ENV if
 * the file is not ours, newer than this program, or cannot be written.  One
 * store may be used by several threads. */
enum axm_status store_open(const char *path, struct store **out) AXM_MUST_CHECK;
void store_close(struct store *s);   /* NULL is fine */
const char *store_path(const struct store *s);

/* *found tells whether key is there, with every figure (an older schema had
 * fewer; put() then completes the row), and if so whether the row says its
 * slew and load (else put_load() completes it).  After a write that failed and was
 * reported, every further put() is a silent AXM_ENV. */
enum { STORE_FOUND = 1, STORE_WITHOUT_LOAD };
enum axm_status store_get(struct store *s, const char *key, struct measurement *out, int *found)
    AXM_MUST_CHECK;
enum axm_status store_put(struct store *s, const struct measurement_key *k,
                          const struct measurement *m) AXM_MUST_CHECK;
enum axm_status store_put_load(struct store *s, const struct measurement_key *k) AXM_MUST_CHECK;

/* Runs one read-only statement and calls row for each row (values as text, NULL
 * for null).  Statements that would write are refused;
 * row must not use the store. */
typedef enum axm_status store_row_fn(void *ctx, int n, const char *const *names, const char *const *values,
                                     const int *is_number);
enum axm_status store_query(struct store *s, const char *sql, store_row_fn *row, void *ctx) AXM_MUST_CHECK;

/* The statement that exports the measurements whose spec matches a pattern
 * with * and ?, by spec, library, mode and operands; free() it. */
enum axm_status store_export_sql(const char *filter, char **sql) AXM_MUST_CHECK;

#endif
