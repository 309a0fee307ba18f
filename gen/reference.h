/* The behavioural reference of a multiplier: hand-written Verilog (rtl/ref/)
 * with its parameters filled in.  No builder and no C model is behind it. */
#ifndef AXM_GEN_REFERENCE_H
#define AXM_GEN_REFERENCE_H

#include "base/strbuf.h"
#include "cmodel/spec.h"

/* Reference module of a family, NULL if it has none; architectures of the
 * exact product share theirs. */
const char *ref_module(const char *family);

/* Appends module `SPEC_ref` with the ports of the generated circuit (a_i, b_i, runtime ports, p_o)
 * that instantiates the reference, and the text of the modules it needs. */
enum axm_status ref_wrapper(const struct axm_spec *s, struct strbuf *out) AXM_MUST_CHECK;

#endif
