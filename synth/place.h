/* Place and route on an iCE40 HX8K with nextpnr. */
#ifndef AXM_SYNTH_PLACE_H
#define AXM_SYNTH_PLACE_H

#include <stdint.h>

#include "base/status.h"

enum { ICE40_HX8K_CELLS = 7680 };

struct placed {
    double max_mhz;               /* after routing */
    int logic_cells;              /* what stands around the module for the purpose included */
};

/* AXM_ENV and one line without nextpnr, which setup does not install. */
enum axm_status ice40_need(void) AXM_MUST_CHECK;

/* Places the module whose source name is `module` out of netlists that synth_ice40 mapped (see
 * design_read()), between a shift register for its inputs and registers for its outputs, so that its pins
 * need no pads and every path is between registers.  The clock is clk_i. */
enum axm_status ice40_place(const char *const json[], int n, const char *module, uint64_t seed,
                            struct placed *out) AXM_MUST_CHECK;

#endif
