/* Reading CSV with a header, as our own tables are written (RFC 4180). */
#ifndef AXM_EXPLORE_CSV_H
#define AXM_EXPLORE_CSV_H

#include <stddef.h>

#include "base/status.h"

struct csv {
    size_t rows;           /* without the header */
    size_t columns;
    char **cell;           /* [(rows + 1) * columns], the header first; point into text */
    char *text;
};

/* Reads a file of at most 256 MiB.  AXM_USAGE for a row with another number of cells than the header, or
 * a quote that does not end. */
enum axm_status csv_read(const char *path, struct csv *out) AXM_MUST_CHECK;
/* The same from memory; name is for messages. */
enum axm_status csv_parse(const char *text, size_t len, const char *name, struct csv *out) AXM_MUST_CHECK;
void csv_release(struct csv *c);

/* Index of the column with this header; -1 if none. */
int csv_column(const struct csv *c, const char *key);
/* AXM_USAGE if the header lacks it. */
enum axm_status csv_need(const struct csv *c, const char *name, const char *key, int *column) AXM_MUST_CHECK;
const char *csv_cell(const struct csv *c, size_t row, int column);   /* column -1: "" */
double csv_number(const struct csv *c, size_t row, int column);      /* NaN if it is no number */

#endif
