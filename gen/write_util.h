/* What the writers share. */
#ifndef AXM_GEN_WRITE_UTIL_H
#define AXM_GEN_WRITE_UTIL_H

#include "gen/write.h"

/* Appends the line that makes the netlist again, between open and close, which
 * make it a comment: // NAME: made by "ORIGIN"; do not edit. */
void write_origin(const struct netlist *nl, const char *open, const char *close,
                  struct strbuf *out);
/* Checks the netlist, then the same. */
enum axm_status write_begin(const struct netlist *nl, const char *open, const char *close,
                            struct strbuf *out) AXM_MUST_CHECK;
/* AXM_ENV if memory ran out on the way. */
enum axm_status write_end(const struct netlist *nl, const struct strbuf *out) AXM_MUST_CHECK;

/* a_i[3], or a_i of a port with a single bit: the names that Yosys gives. */
void write_bit_name(const struct port *p, int bit, struct strbuf *out);

/* For every net: is it an input of a cell or an output?  To be freed; NULL if
 * out of memory. */
bool *netlist_read_nets(const struct netlist *nl);

bool netlist_has_registers(const struct netlist *nl);

#endif
