/* The whole multiplication table of a small multiplier, and its file formats. */
#ifndef AXM_CMODEL_LUT_H
#define AXM_CMODEL_LUT_H

#include "cmodel/mul.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)   /* all else in the library is hidden */

enum { AXM_LUT_BITS_MAX = 24 };   /* width_a + width_b at most */

/* value[a << width_b | b], a and b bit patterns; entries are values (signed
 * multipliers: sign-extended), so at most 24 bits and int32_t always holds. */
struct axm_lut {
    int width_a, width_b;
    bool is_signed;
    int32_t *value;             /* 2^(width_a + width_b), owned */
};

/* Tabulates m on all threads.  AXM_USAGE if it has more than 24 address bits.
 * Release with axm_lut_release(). */
enum axm_status axm_lut_build(const struct axm_mul *m, struct axm_lut *out) AXM_MUST_CHECK;
void axm_lut_release(struct axm_lut *l);

static inline int32_t axm_lut_at(const struct axm_lut *l, uint32_t a, uint32_t b)
{
    return l->value[(size_t)a << l->width_b | b];
}

enum axm_lut_format { AXM_LUT_NPY, AXM_LUT_BIN, AXM_LUT_HEADER };
enum axm_lut_index {
    AXM_INDEX_VALUES,   /* rows and columns by ascending operand value (-128 first) */
    AXM_INDEX_BITS,     /* by bit pattern (0, 1, ..., 127, -128, ..., -1) */
};

/* Writes the table, rows a, columns b: .npy (format 1.0) and .bin as
 * little-endian int16 (uint16 if unsigned), 32 bits wide if the product has
 * more than 16; a C header with an array NAME_lut[2^width_a][2^width_b] of the
 * same type and its documentation.  Atomic; "-" is standard output. */
enum axm_status axm_lut_write(const struct axm_lut *l, const char *name, const char *path,
                              enum axm_lut_format format,
                              enum axm_lut_index index) AXM_MUST_CHECK;

/* Reads the FILE[:OPTION]... part of a lut: spec (see axm_mul_open).  A message
 * names every option that is missing, and the first entry that does not fit. */
enum axm_status axm_lut_read(const char *file_and_options, struct axm_lut *out) AXM_MUST_CHECK;

/* The parsers behind it, on bytes in memory; the fuzzing targets. */
struct axm_lut_options {
    int is_signed;      /* -1 not given */
    int transposed;     /* 1: first index is b; -1 not given */
    int by_value;       /* 1: ascending values, 0: bit patterns, -1 not given */
    int element;        /* raw: 'h' int16, 'H' uint16, 'i' int32; 0 not given */
    int width_a, width_b;   /* raw; 0 not given */
};
enum axm_status axm_lut_parse_npy(const void *data, size_t len, const char *name,
                                  const struct axm_lut_options *o,
                                  struct axm_lut *out) AXM_MUST_CHECK;
enum axm_status axm_lut_parse_raw(const void *data, size_t len, const char *name,
                                  const struct axm_lut_options *o,
                                  struct axm_lut *out) AXM_MUST_CHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
