#include "explore/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void begin_value(struct json *j)
{
    if (j->comma)
        strbuf_adds(j->out, ",");
    j->comma = true;
}

void json_open(struct json *j, char bracket)
{
    begin_value(j);
    strbuf_add(j->out, &bracket, 1);
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    strbuf_add(j->out, &bracket, 1);
    j->comma = true;
}

/* Length of the UTF-8 sequence at s, 0 if it is none (overlong, a surrogate, above U+10FFFF, cut short). */
static size_t utf8_length(const unsigned char *s)
{
    static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (n < 2)
        return n;
    uint32_t code = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        code = code << 6 | (s[i] & 63);
    }
    return code < lowest[n] || code > 0x10ffff || code >> 11 == 0x1b ? 0 : n;
}

static void add_string(struct strbuf *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    strbuf_adds(out, "\"");
    while (*s) {
        size_t n = utf8_length(s);
        if (!n)
            strbuf_adds(out, "\\ufffd");
        else if (n > 1)
            strbuf_add(out, s, n);
        else if (*s < 0x20 || *s == 0x7f || strchr("\"\\<>&", *s))
            strbuf_addf(out, "\\u%04x", *s);
        else
            strbuf_add(out, s, 1);
        s += n ? n : 1;
    }
    strbuf_adds(out, "\"");
}

void json_key(struct json *j, const char *key)
{
    begin_value(j);
    add_string(j->out, key);
    strbuf_adds(j->out, ":");
    j->comma = false;
}

void json_text(struct json *j, const char *s)
{
    begin_value(j);
    if (s)
        add_string(j->out, s);
    else
        strbuf_adds(j->out, "null");
}

void json_int(struct json *j, int64_t v)
{
    begin_value(j);
    strbuf_addf(j->out, "%" PRId64, v);
}

void json_bool(struct json *j, bool v)
{
    begin_value(j);
    strbuf_adds(j->out, v ? "true" : "false");
}

void json_real(struct json *j, double v, int digits)
{
    begin_value(j);
    if (isfinite(v))
        strbuf_addf(j->out, "%.*g", digits, v);
    else
        strbuf_adds(j->out, "null");
}
