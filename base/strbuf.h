/* Growing text or byte buffer.  Out of memory sets .failed and makes every
 * later call a no-op, so writers check once, at the end. */
#ifndef AXM_BASE_STRBUF_H
#define AXM_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *s;        /* always NUL-terminated once anything was added */
    size_t len, cap;
    bool failed;
};

void strbuf_add(struct strbuf *b, const void *data, size_t len);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addf(struct strbuf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void strbuf_reset(struct strbuf *b);     /* empty, memory kept */
void strbuf_release(struct strbuf *b);   /* back to {0} */

#endif
