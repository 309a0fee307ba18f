/* JSON text that may stand inside a <script> element. */
#ifndef AXM_EXPLORE_JSON_H
#define AXM_EXPLORE_JSON_H

#include <stdint.h>

#include "base/strbuf.h"

/* Commas come by themselves:
 *
 *     json_open(&j, '{');
 *     json_key(&j, "spec");
 *     json_text(&j, "exact8s");
 *     json_close(&j, '}');           {"spec":"exact8s"}
 *
 * Out of memory shows in out->failed. */
struct json {
    struct strbuf *out;
    bool comma;          /* a value stands before this place */
};

void json_open(struct json *j, char bracket);     /* { or [ */
void json_close(struct json *j, char bracket);    /* } or ] */
void json_key(struct json *j, const char *key);
/* NULL: null.  <, > and & are escaped too, so that neither </script> nor <!-- can occur; what is not UTF-8
 * becomes U+FFFD. */
void json_text(struct json *j, const char *s);
void json_int(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
/* So many significant digits (1..17); NaN and infinities, which JSON has not: null. */
void json_real(struct json *j, double v, int digits);

#endif
