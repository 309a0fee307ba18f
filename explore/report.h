/* The report: one HTML page with everything in it, from the result store. */
#ifndef AXM_EXPLORE_REPORT_H
#define AXM_EXPLORE_REPORT_H

#include <stdio.h>

#include "base/embed.h"
#include "synth/store.h"

/* Files that are given; NULL-terminated, may be NULL. */
struct report_opts {
    struct store *store;
    const char *const *spec;         /* listed besides what the store and Table 4 have; n_specs of them */
    int n_specs;
    double mhz;                      /* operations a microsecond, for mW */
    size_t map_bytes;                /* for tables behind the heat maps, as they stand in the page */
    const char *const *accuracy;     /* CSV of axmul infer, any number of rows */
    const char *const *plane;        /* CSV of axmul ip */
    const char *const *search;       /* logs of axmul search, SQLite */
    const char *const *history;      /* CSV of axmul search --history */
    const struct embedded_file *assets;   /* web/, the plotting library, the published figures */
};

struct report_counts {
    size_t multipliers, measured, mapped;   /* listed; with figures of the store; with heat maps */
};

/* Writes the page.  It does not depend on time, threads or machine.  AXM_ENV if the program was built
 * without the plotting library. */
enum axm_status report_write(const struct report_opts *o, FILE *f, struct report_counts *counts)
    AXM_MUST_CHECK;

/* The table behind the heat maps of a multiplier of at most 8 x 8 bits: error modulo 2^16, rows a, columns b,
 * by ascending value; from it the differences along rows and then along columns, all low bytes before all
 * high ones, deflated (zlib).  Appends to *out. */
struct axm_lut;
enum axm_status report_pack_map(const struct axm_lut *l, struct strbuf *out) AXM_MUST_CHECK;

/* Appends the bytes in base 64 (RFC 4648). */
void report_base64(const void *data, size_t len, struct strbuf *out);

#endif
