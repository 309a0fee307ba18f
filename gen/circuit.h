/* The circuit of a spec, as text in any of the formats. */
#ifndef AXM_GEN_CIRCUIT_H
#define AXM_GEN_CIRCUIT_H

#include "cmodel/spec.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum axm_circuit_format {
    AXM_CIRCUIT_VERILOG,    /* Verilog-2005, structural */
    AXM_CIRCUIT_BLIF,
    AXM_CIRCUIT_AIGER,      /* binary; combinational only */
    AXM_CIRCUIT_DOT,
    AXM_CIRCUIT_C,          /* bit-sliced, 64 to 512 lanes */
    AXM_CIRCUIT_FORMATS,
};

/* All zero: combinational and, in Verilog, hierarchical. */
struct axm_circuit_opts {
    bool flat;               /* Verilog: one module, adders as expressions */
    bool register_inputs, register_outputs;
    int pipeline_stages;     /* 0..64 balanced register ranks inside */
};

/* The file name ending of a format without its dot, and back (-1 if none). */
const char *axm_circuit_ending(enum axm_circuit_format f);
int axm_circuit_format_of(const char *ending);

/* Writes the circuit to a file that appears complete or not at all; "-" is
 * standard output.  The same spec and options always give the same bytes, and
 * the first line says how to make them again. */
enum axm_status axm_circuit_write(const struct axm_spec *spec, enum axm_circuit_format format,
                                  const struct axm_circuit_opts *opts, const char *path) AXM_MUST_CHECK;

/* The same into memory: *text is NUL-terminated after *len bytes; free with
 * axm_circuit_free(). */
enum axm_status axm_circuit_print(const struct axm_spec *spec, enum axm_circuit_format format,
                                  const struct axm_circuit_opts *opts, char **text,
                                  size_t *len) AXM_MUST_CHECK;
void axm_circuit_free(char *text);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
