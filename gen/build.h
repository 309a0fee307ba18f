/* From a spec to a netlist: one builder per family. */
#ifndef AXM_GEN_BUILD_H
#define AXM_GEN_BUILD_H

#include "cmodel/spec.h"
#include "gen/netlist.h"

/* Builds the product nets of a * b: n = width_a + width_b.  extra[] are the
 * input buses of the family's runtime parameters, in table order. */
typedef struct bus mul_builder_fn(struct netlist *nl, const struct axm_spec *s,
                                  const struct bus *a, const struct bus *b,
                                  const struct bus *extra);

struct mul_builder {
    const char *family;          /* name of the row in axm_families[] */
    mul_builder_fn *build;
};

/* All builders; ends with a NULL family.  tests hold the two tables together. */
extern const struct mul_builder mul_builders[];

/* The circuit of a spec: ports a_i, b_i, then NAME_i per runtime parameter
 * (width: enough for its highest value), output p_o.  Swept and checked. */
enum axm_status mul_netlist(const struct axm_spec *s, struct netlist **out) AXM_MUST_CHECK;

/* Width in bits of the input port of runtime parameter i. */
int mul_runtime_port_width(const struct axm_spec *s, int i);

#endif
