/* libaxmul: approximate multipliers, from behavioural models to netlists.
 *
 * Everything names a multiplier by its spec ("scdm8s_x5_y2", see
 * cmodel/spec.h).  Functions return enum axm_status and report failures as one
 * line through the message handler (base/status.h).
 *
 *     #include <axmul.h>            cc prog.c $(pkg-config --cflags --libs axmul)
 *
 *     struct axm_mul *m;
 *     if (axm_mul_open("scdm8s_x5_y2", &m) == AXM_OK) {
 *         uint64_t p = axm_eval(m, 100, 7);
 *         axm_mul_close(m);
 *     }
 *
 * The library keeps no global state but the message handler, the number of
 * threads and the Verilog loader; multipliers may be shared between threads. */
#ifndef AXMUL_H
#define AXMUL_H

#include "base/status.h"
#include "cmodel/lut.h"
#include "cmodel/metrics.h"
#include "cmodel/mul.h"
#include "cmodel/spec.h"
#include "gen/circuit.h"
#include "sim/verilog.h"

#endif
