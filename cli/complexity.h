/* Appendix C of Shakibhamedan et al. 2024: how many multiplications training and searching take. */
#ifndef AXM_CLI_COMPLEXITY_H
#define AXM_CLI_COMPLEXITY_H

#include "cli/common.h"

struct complexity_layer {
    const char *name;
    uint64_t multiplications;    /* of one image */
};

/* The appendix's figures from these layers by its formulas, beside what it prints if net is its network,
 * with the errata marked. */
enum axm_status complexity_print(const struct cli_args *args, const char *net,
                                 const struct complexity_layer *layer, int n) AXM_MUST_CHECK;

#endif
