/* Files of this source tree that travel inside the library or the command. */
#ifndef AXM_BASE_EMBED_H
#define AXM_BASE_EMBED_H

#include <stddef.h>

struct embedded_file {
    const char *path;    /* relative to the source tree: rtl/ref/drum.v */
    const char *text;    /* its bytes, and a NUL after them */
    size_t size;         /* without the NUL */
};

/* All end with a NULL path. */
extern const struct embedded_file embedded_rtl[];      /* in the library: Verilog and code that is compiled
    at run time */
extern const struct embedded_file embedded_models[];   /* in the command: models/ */
extern const struct embedded_file embedded_report[];   /* in the command: web/, and what it draws with */

#endif
