/* What runs of Yosys, OpenSTA and nextpnr share: a scratch directory, the library in it, and the pieces
 * of Verilog that every mapped netlist needs. */
#ifndef AXM_SYNTH_SCRATCH_H
#define AXM_SYNTH_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "synth/liberty.h"

/* Directory of one run; file_scratch_dir(&s.dir) makes it, scratch_end() deletes it. */
struct scratch {
    struct strbuf dir;
    bool keep;               /* a tool failed on what is in it */
};

enum axm_status scratch_write(const struct scratch *s, const char *file,
                              const struct strbuf *text) AXM_MUST_CHECK;
enum axm_status scratch_read(const struct scratch *s, const char *file, struct strbuf *out) AXM_MUST_CHECK;

/* The library as cells.lib: tools run elsewhere, and want no blanks in names. */
enum axm_status scratch_link_library(const struct scratch *s, const struct liberty *lib) AXM_MUST_CHECK;

/* Runs a tool in the directory; what it prints is appended.  After ten minutes it has failed. */
enum axm_status scratch_run(struct scratch *s, const char *const argv[],
                            struct strbuf *output) AXM_MUST_CHECK;

/* Deletes the directory, or says where it is. */
void scratch_end(struct scratch *s);

/* OpenSTA ends with code 0 whatever happened: its first error, else its last line. */
void sta_complaint(const char *report, char *out, size_t size);

/* AXM_USAGE if ABC cannot do with the library: the gates that it does not name when it fails. */
enum axm_status yosys_check_gates(const struct liberty *lib) AXM_MUST_CHECK;

/* Appends modules axm_fa and axm_ha as the library's cells; AXM_USAGE if there are none. */
enum axm_status yosys_adder_modules(const struct liberty *lib, struct strbuf *out) AXM_MUST_CHECK;

/* Techmap file: Yosys's $fa as axm_fa, one per bit. */
extern const char yosys_fa_map[];

#endif
