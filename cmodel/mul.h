/* A multiplier that can be called: a family member, somebody else's table
 * ("lut:FILE...") or somebody else's circuit ("verilog:FILE[:TOP]").
 *
 * Operands and products are bit patterns: width_a, width_b and width_a +
 * width_b bits, two's complement if signed. */
#ifndef AXM_CMODEL_MUL_H
#define AXM_CMODEL_MUL_H

#include "cmodel/spec.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)   /* all else in the library is hidden */

struct axm_mul;
struct axm_lut;

/* Opens by spec.  Close with axm_mul_close().
 *
 * lut:FILE[:OPTION]...   A .npy of int8/16/32 or uint8/16/32 in either byte
 *     order, two-dimensional, 2^n x 2^m, C or Fortran order; or raw
 *     little-endian, row after row (any other ending).  Nothing is guessed;
 *     required options, in any order, each once:
 *       s | u           the operands are signed | unsigned
 *       ab | ba         the first index is a | b
 *       values | bits   if signed: index 0 is the lowest value | bit pattern 0
 *       i16 u16 i32     raw only: the element type
 *       NxM             raw only: bits of a x bits of b (8x8)
 *     Entries are values, not patterns, and must fit the product's n+m bits.
 *     At most 24 address bits.  Options are read from the right as long as
 *     they are options: FILE may hold colons, but not end in ":s" or the like.
 * verilog:FILE[:TOP][:OPTION]...  s | u required; a=NAME b=NAME o=NAME name the
 *     ports (default: A,B,O; a,b,y; a_i,b_i,p_o).  Needs a loader, see below. */
enum axm_status axm_mul_open(const char *spec, struct axm_mul **out) AXM_MUST_CHECK;
enum axm_status axm_mul_open_spec(const struct axm_spec *spec, struct axm_mul **out) AXM_MUST_CHECK;
/* A multiplier from a table; takes its own copy.  name as axm_mul_name(). */
enum axm_status axm_mul_open_lut(const char *name, const struct axm_lut *lut,
                                 struct axm_mul **out) AXM_MUST_CHECK;
void axm_mul_close(struct axm_mul *m);   /* NULL is fine */

const char *axm_mul_name(const struct axm_mul *m);   /* canonical spec, lives with m */
const struct axm_spec *axm_mul_spec(const struct axm_mul *m);   /* NULL for lut: and verilog: */
int axm_mul_width_a(const struct axm_mul *m);
int axm_mul_width_b(const struct axm_mul *m);
int axm_mul_width_product(const struct axm_mul *m);   /* width_a + width_b */
bool axm_mul_signed(const struct axm_mul *m);

/* One product; operand bits above the widths are ignored. */
uint64_t axm_eval(const struct axm_mul *m, uint64_t a, uint64_t b);

/* product[i] = a[i] * b[i] for n pairs.  Thread-safe; arrays do not overlap. */
void axm_eval_many(const struct axm_mul *m, const uint32_t *a, const uint32_t *b,
                   uint64_t *product, size_t n);

/* The exact product of the same operands, same conventions. */
uint64_t axm_eval_exact(const struct axm_mul *m, uint64_t a, uint64_t b);

/* Value of an operand or product pattern of this multiplier.  Unsigned
 * products of 64 bits do not fit int64_t: use the pattern. */
int64_t axm_mul_value(const struct axm_mul *m, uint64_t pattern, int bits);

/* What opens verilog: specs; until there is one they are an AXM_ENV error.  Ours is set by
 * axm_enable_verilog() (sim/verilog.h); NULL takes it away again. */
typedef enum axm_status axm_verilog_loader(const char *spec, struct axm_mul **out);
void axm_set_verilog_loader(axm_verilog_loader *fn);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
