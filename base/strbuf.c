#include "base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct strbuf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more < b->cap - b->len && b->s)
        return true;
    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->len <= more && cap < SIZE_MAX / 2)
        cap *= 2;
    char *s = cap - b->len > more ? realloc(b->s, cap) : NULL;
    if (!s) {
        b->failed = true;
        return false;
    }
    b->s = s;
    b->cap = cap;
    return true;
}

void strbuf_add(struct strbuf *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len)
        memcpy(b->s + b->len, data, len);
    b->len += len;
    b->s[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s)
{
    strbuf_add(b, s, strlen(s));
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
    va_list ap;
    if (!reserve(b, 0))
        return;
    size_t room = b->cap - b->len;
    va_start(ap, fmt);
    int n = vsnprintf(b->s + b->len, room, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n >= room && reserve(b, (size_t)n)) {
        va_start(ap, fmt);
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    if (!b->failed)
        b->len += (size_t)n;
    b->s[b->len] = '\0';
}

void strbuf_reset(struct strbuf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->s)
        b->s[0] = '\0';
}

void strbuf_release(struct strbuf *b)
{
    free(b->s);
    *b = (struct strbuf){ 0 };
}
