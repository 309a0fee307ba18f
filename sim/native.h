/* C text to a loaded shared object, kept in the cache by content. */
#ifndef AXM_SIM_NATIVE_H
#define AXM_SIM_NATIVE_H

#include "base/status.h"
#include "base/strbuf.h"

/* flags end with NULL.  clang where it is there, else gcc.  Safe to call from several threads and processes.
 * dlclose() it.  what: for messages. */
enum axm_status native_load(const char *what, const struct strbuf *source, const char *const flags[],
                            void **library) AXM_MUST_CHECK;

#endif
