/* What must hold for any input of the parsers.  The fuzzers (fuzz_*.c) search
 * for inputs that break it; tests/test_fuzz_smoke.c tries mutated corpora
 * without them.  A property that fails prints its input and aborts. */
#ifndef AXM_FUZZ_PROPERTY_H
#define AXM_FUZZ_PROPERTY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cmodel/lut.h"
#include "cmodel/mul.h"
#include "cmodel/spec.h"

typedef void property_fn(const uint8_t *data, size_t len);

static struct {
    const uint8_t *data;
    size_t len;
    int messages;
} property_input;

static inline void property_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s does not hold for these %zu bytes:\n", what, property_input.len);
    for (size_t i = 0; i < property_input.len; i++)
        fprintf(stderr, "%02x%c", property_input.data[i], i % 32 == 31 ? '\n' : ' ');
    fprintf(stderr, "\n");
    abort();
}
#define REQUIRE(cond) property_require(cond, #cond)

static inline void property_message(void *user, enum axm_status st, const char *line)
{
    (void)user;
    property_input.messages++;
    REQUIRE(st != AXM_OK && *line);
    for (const char *c = line; *c; c++)   /* one line that does nothing to a terminal */
        REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
}

/* Once per input. */
static inline void property_begin(const uint8_t *data, size_t len)
{
    property_input.data = data;
    property_input.len = len;
    property_input.messages = 0;
    axm_set_message_handler(property_message, NULL);
}

/* The bytes on the heap, so that a sanitizer sees every read beyond them. */
static inline void *property_copy(const uint8_t *data, size_t len)
{
    void *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    memcpy(copy, data, len);
    return copy;
}

/* Refused: with one message of bad usage, and nothing was written to the result. */
static inline void property_refused(enum axm_status st, const void *out, size_t size)
{
    REQUIRE(st == AXM_USAGE);
    REQUIRE(property_input.messages == 1);
    for (size_t i = 0; i < size; i++)
        REQUIRE(((const unsigned char *)out)[i] == 0xa5);
}

/* --- a spec ------------------------------------------------------------------- */

/* The text, up to a NUL.  What parses prints as an identifier that parses to
 * the same; so does the circuit's name; and its products fit. */
static inline void property_spec(const uint8_t *data, size_t len)
{
    property_begin(data, len);
    char *text = malloc(len + 1), name[AXM_SPEC_MAX], again[AXM_SPEC_MAX];
    if (!text)
        abort();
    memcpy(text, data, len);
    text[len] = '\0';
    struct axm_spec s, t;
    memset(&s, 0xa5, sizeof s);
    enum axm_status st = axm_spec_parse(text, &s);
    free(text);
    if (st != AXM_OK) {
        property_refused(st, &s, sizeof s);
        return;
    }
    axm_spec_print(&s, name);
    for (const char *c = name; *c; c++)
        REQUIRE((*c >= 'a' && *c <= 'z') || (c > name && ((*c >= '0' && *c <= '9') || *c == '_')));
    REQUIRE(axm_spec_parse(name, &t) == AXM_OK);
    REQUIRE(axm_spec_equal(&s, &t));
    axm_spec_print(&t, again);
    REQUIRE(!strcmp(name, again));
    axm_spec_print_circuit(&s, again);
    REQUIRE(axm_spec_parse(again, &t) == AXM_OK);

    struct axm_mul *m;
    REQUIRE(axm_mul_open_spec(&s, &m) == AXM_OK);
    REQUIRE(!strcmp(axm_mul_name(m), name));
    uint32_t a[2] = { UINT32_MAX, (uint32_t)len * 2654435761u }, b[2] = { a[1], UINT32_MAX };
    uint64_t product[2];
    axm_eval_many(m, a, b, product, 2);
    for (int i = 0; i < 2; i++)
        REQUIRE(product[i] == axm_eval(m, a[i], b[i]) && product[i] <= axm_mask(axm_mul_width_product(m)));
    axm_mul_close(m);
    REQUIRE(property_input.messages == 0);
}

/* --- tables ------------------------------------------------------------------- */

/* Options by the bits of a byte, two each: 0 no, 1 yes, 2 and 3 not given. */
static inline struct axm_lut_options property_options(uint8_t byte)
{
    int o[3];
    for (int i = 0; i < 3; i++)
        o[i] = (byte >> 2 * i & 3) < 2 ? byte >> 2 * i & 3 : -1;
    return (struct axm_lut_options){ .is_signed = o[0], .transposed = o[1], .by_value = o[2] };
}

typedef enum axm_status parse_fn(const void *, size_t, const char *, const struct axm_lut_options *,
                                 struct axm_lut *);

/* Every entry is a product of its bits. */
static inline void property_in_range(const struct axm_lut *l)
{
    int bits = l->width_a + l->width_b;
    REQUIRE(l->width_a >= AXM_WIDTH_MIN && l->width_b >= AXM_WIDTH_MIN && bits <= AXM_LUT_BITS_MAX);
    int32_t lo = l->is_signed ? -(1 << (bits - 1)) : 0, hi = (1 << (bits - l->is_signed)) - 1;
    for (size_t i = 0; i < (size_t)1 << bits; i++)
        REQUIRE(l->value[i] >= lo && l->value[i] <= hi);
}

/* The same file under changed options is the same table, seen otherwise. */
static inline void property_same_file(parse_fn *parse, const void *file, size_t len,
                                      const struct axm_lut_options *o, const struct axm_lut *l)
{
    struct axm_lut_options p = *o;
    struct axm_lut t;
    p.transposed = !o->transposed;
    p.width_a = o->width_b;
    p.width_b = o->width_a;
    if (o->is_signed)
        p.by_value = !o->by_value;
    REQUIRE(parse(file, len, "t", &p, &t) == AXM_OK);
    REQUIRE(t.width_a == l->width_b && t.width_b == l->width_a && t.is_signed == l->is_signed);
    uint32_t flip_a = l->is_signed ? 1u << (l->width_a - 1) : 0;
    uint32_t flip_b = l->is_signed ? 1u << (l->width_b - 1) : 0;
    for (uint32_t a = 0; a < 1u << l->width_a; a++)
        for (uint32_t b = 0; b < 1u << l->width_b; b++)
            REQUIRE(axm_lut_at(l, a, b) == axm_lut_at(&t, b ^ flip_b, a ^ flip_a));
    axm_lut_release(&t);
}

/* A byte of options, then the file. */
static inline void property_npy(const uint8_t *data, size_t len)
{
    property_begin(data, len);
    if (!len)
        return;
    struct axm_lut_options o = property_options(data[0]);
    struct axm_lut l;
    void *file = property_copy(data + 1, len - 1);
    memset(&l, 0xa5, sizeof l);
    enum axm_status st = axm_lut_parse_npy(file, len - 1, "t", &o, &l);
    if (st == AXM_OK) {
        REQUIRE(property_input.messages == 0);
        property_in_range(&l);
        property_same_file(axm_lut_parse_npy, file, len - 1, &o, &l);
        axm_lut_release(&l);
    } else {
        property_refused(st, &l, sizeof l);
    }
    free(file);
}

/* What a raw file says must be what a .npy with these bytes says. */
static inline void property_same_as_npy(const void *file, size_t len, const struct axm_lut_options *o,
                                        const struct axm_lut *l)
{
    int rows = o->transposed ? o->width_b : o->width_a, columns = o->transposed ? o->width_a : o->width_b;
    struct axm_lut_options p = { o->is_signed, o->transposed, o->by_value, 0, 0, 0 };
    struct strbuf dict = { 0 }, npy = { 0 };
    struct axm_lut t;
    strbuf_addf(&dict, "{'descr': '<%c%d', 'fortran_order': False, 'shape': (%d, %d)}",
                o->element == 'H' ? 'u' : 'i', o->element == 'i' ? 4 : 2, 1 << rows, 1 << columns);
    strbuf_add(&npy, "\x93NUMPY\x01", 8);
    strbuf_add(&npy, (char[]){ (char)dict.len, 0 }, 2);
    strbuf_add(&npy, dict.s, dict.len);
    strbuf_add(&npy, file, len);
    REQUIRE(!npy.failed);
    REQUIRE(axm_lut_parse_npy(npy.s, npy.len, "t", &p, &t) == AXM_OK);
    REQUIRE(t.width_a == l->width_a && t.width_b == l->width_b && t.is_signed == l->is_signed);
    REQUIRE(!memcmp(t.value, l->value, sizeof *l->value << (l->width_a + l->width_b)));
    axm_lut_release(&t);
    strbuf_release(&dict);
    strbuf_release(&npy);
}

/* A byte of options, the element type, both widths, then the file. */
static inline void property_lut_raw(const uint8_t *data, size_t len)
{
    property_begin(data, len);
    if (len < 4)
        return;
    struct axm_lut_options o = property_options(data[0]);
    struct axm_lut l;
    void *file = property_copy(data + 4, len - 4);
    o.element = (const int[]){ 'h', 'H', 'i', 0 }[data[1] & 3];
    uint8_t least = data[2] < data[3] ? data[2] : data[3], most = data[2] < data[3] ? data[3] : data[2];
    if (least >= AXM_WIDTH_MIN && most <= AXM_WIDTH_MAX) {
        o.width_a = data[2];
        o.width_b = data[3];
    }
    memset(&l, 0xa5, sizeof l);
    enum axm_status st = axm_lut_parse_raw(file, len - 4, "t", &o, &l);
    if (st == AXM_OK) {
        REQUIRE(property_input.messages == 0);
        REQUIRE(l.width_a == o.width_a && l.width_b == o.width_b);
        property_in_range(&l);
        property_same_file(axm_lut_parse_raw, file, len - 4, &o, &l);
        property_same_as_npy(file, len - 4, &o, &l);
        axm_lut_release(&l);
    } else {
        property_refused(st, &l, sizeof l);
    }
    free(file);
}

#endif
