/* Verilog and C++ to a loaded shared object, by Verilator and a C++ compiler, kept in the
 * cache by content. */
#ifndef AXM_SIM_VERILATE_H
#define AXM_SIM_VERILATE_H

#include <stdbool.h>

#include "base/status.h"
#include "base/strbuf.h"

struct verilate {
    const char *what;               /* for messages */
    const struct strbuf *verilog;   /* modules */
    bool systemverilog;             /* they are; else Verilog-2005, where fewer names are keywords */
    const struct strbuf *top;       /* module axm_top, SystemVerilog */
    const struct strbuf *shim;      /* C++ that drives class Vaxm_top, its functions extern "C" */
    const char *optimization;       /* "-O1" */
    const char *architecture;       /* "-march=x86-64-v3", or NULL */
    bool trace;                     /* waveforms: --trace, and verilated_vcd_c.h is there for the shim */
};

/* The library, from the cache ("verilator" below file_cache_dir()) where a hash of texts, tools and flags
 * finds it, else made.  Safe to call from several threads and processes.  dlclose() it. */
enum axm_status verilate_load(const struct verilate *v, void **library) AXM_MUST_CHECK;

#endif
