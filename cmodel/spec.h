/* Multiplier specs: the one name of a multiplier, everywhere.
 *
 *     spec   = family width ["x" width] ("s" | "u") { "_" key value | "_" word }
 *     scdm8s_x5_y2   trunc8x4u_l2_m0   drum16u_k6   dadda8u_ks
 *
 * A spec is also a Verilog identifier and a file name.  axm_spec_print() gives
 * the canonical spelling: parameters in table order, those at their default
 * left out unless the family shows them always.  axm_spec_parse() accepts the
 * parameters in any order, each once, and the published aliases (SCDM8_52,
 * CDM8_73, DRUM6_16_u). */
#ifndef AXM_CMODEL_SPEC_H
#define AXM_CMODEL_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)   /* all else in the library is hidden */

enum {
    AXM_PARAMS = 8,          /* parameters of one family, at most */
    AXM_WIDTH_MIN = 2,
    AXM_WIDTH_MAX = 32,
    AXM_SPEC_MAX = 96,       /* longest canonical spec, NUL included */
};

struct axm_spec;

/* A bound of a range: plus + per_a*width_a + per_b*width_b + per_max*max(width_a, width_b). */
struct axm_bound {
    int plus, per_a, per_b, per_max;
};

/* One parameter of a family, as data, so that help, parser and search can
 * enumerate it. */
struct axm_param {
    const char *key;            /* lower-case letters, then an integer in the spec; "" for a word */
    const char *const *words;   /* a word out of this NULL-terminated list, value = index; or NULL */
    struct axm_bound lo, hi;    /* inclusive; of words: ignored */
    const char *help;
    unsigned forms;             /* bit f: belongs to form f; 0 means all forms */
    int width_b_min;            /* exists only if width_b >= this */
    bool has_default;           /* may be left out; a word always has its first as default */
    struct axm_bound otherwise; /* the default */
    bool shown;                 /* printed even at its default */
    bool signed_only;
    bool runtime;               /* an input port of the circuit: its value is not part of the
                                 * netlist's name, default 0 (see scdmr) */
};

/* A published spelling of a family's members, rewritten to a spec: pattern
 * "DRUM%d_%d_%s", spec "drum$2$3_k$1".  %d is a decimal number, %x one hex
 * digit (0-9, a-f), %s the letter s or u; $1 stands for the first of them. */
struct axm_alias {
    const char *pattern, *spec;
};

/* A family is one row of axm_families[].  A spec uses one form: the set of
 * parameters that may stand together (trunc: l and m, or c). */
struct axm_family {
    const char *name;           /* [a-z]+ */
    const char *brief;          /* one line */
    const char *paper;          /* authors, year, doi */
    int width_a_min, width_a_max;
    int width_b_min, width_b_max, width_b_step;   /* width_b a multiple of step (0: any) */
    bool unsigned_ok, signed_ok;
    bool exact;                 /* the model is the exact product */
    struct axm_alias alias;     /* NULLs if there is none */
    int n_forms;                /* 0 means 1 */
    struct axm_param param[AXM_PARAMS];   /* ends at the first with neither key nor words */

    /* The definition: product of two operands given as bit patterns of
     * width_a and width_b bits, as a bit pattern of width_a + width_b bits. */
    uint64_t (*model)(const struct axm_spec *s, uint64_t a, uint64_t b);

    /* The same for n pairs at once, for speed, operand bits above the widths
     * ignored; NULL: model() in a loop.  Tested against model(). */
    void (*many)(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product,
                 size_t n);
};

/* A parsed configuration; plain data, copy freely. */
struct axm_spec {
    const struct axm_family *family;
    int width_a, width_b;       /* bits of the operands, 2..32 */
    bool is_signed;
    int form;
    int p[AXM_PARAMS];          /* by index into family->param; 0 where absent */
};

/* All families; ends with a NULL name.  Order is the order of the help. */
extern const struct axm_family axm_families[];

const struct axm_family *axm_family_find(const char *name);   /* NULL if unknown */
int axm_family_index(const struct axm_family *f);
int axm_param_count(const struct axm_family *f);
int axm_param_find(const struct axm_family *f, const char *key_or_word);   /* -1 if none */

/* True if parameter i exists for this family form, width and sign. */
bool axm_param_exists(const struct axm_spec *s, int i);
/* Its inclusive range; of a word 0..count-1. */
void axm_param_range(const struct axm_spec *s, int i, int *lo, int *hi);

/* Parses text; on error reports one line that says what is legal, returns
 * AXM_USAGE and leaves *out untouched. */
enum axm_status axm_spec_parse(const char *text, struct axm_spec *out) AXM_MUST_CHECK;

/* Writes the canonical spelling, NUL-terminated. */
void axm_spec_print(const struct axm_spec *s, char out[AXM_SPEC_MAX]);

/* The name of the circuit: as axm_spec_print() without runtime parameters. */
void axm_spec_print_circuit(const struct axm_spec *s, char out[AXM_SPEC_MAX]);

bool axm_spec_equal(const struct axm_spec *a, const struct axm_spec *b);

/* Enumerates every legal configuration of a family at given widths and sign,
 * runtime parameters at 0.  Call with a zeroed iterator until it returns
 * false.  A width or sign that the family does not have yields nothing. */
struct axm_spec_iter {
    bool started;
    struct axm_spec spec;
};
bool axm_spec_next(struct axm_spec_iter *it, const struct axm_family *f, int width_a, int width_b,
                   bool is_signed);

static inline int axm_spec_product_width(const struct axm_spec *s)
{
    return s->width_a + s->width_b;
}

/* Bit patterns and values. */
static inline uint64_t axm_mask(int bits)
{
    return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static inline int64_t axm_sign_extend(uint64_t pattern, int bits)
{
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (int64_t)(((pattern & axm_mask(bits)) ^ sign) - sign);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
