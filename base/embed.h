/* Files of this source tree that travel inside the library. */
#ifndef AXM_BASE_EMBED_H
#define AXM_BASE_EMBED_H

struct embedded_file {
    const char *path;    /* relative to the source tree: rtl/ref/drum.v */
    const char *text;    /* NUL-terminated */
};

extern const struct embedded_file embedded_rtl[];   /* ends with a NULL path */

#endif
