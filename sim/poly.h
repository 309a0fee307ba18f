/* Multilinear polynomials in many variables, with coefficients modulo 2^w, for
 * backward rewriting (sim/algebra.h). */
#ifndef AXM_SIM_POLY_H
#define AXM_SIM_POLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef uint32_t var;       /* 0 and 1 stand for the constants, in what is put in */

enum {
    POLY_TERMS_MAX = 2000000,
    MONOMIAL_MAX = 40,      /* variables of a term */
};

struct term {
    uint64_t coefficient;   /* modulo 2^64; mask it.  A term whose coefficient became 0 stays */
    const var *v;           /* ascending, each once */
    int n;
};

struct poly {
    struct term *term;
    size_t n, cap;
    uint32_t *slot;         /* hash table of term number + 1; 0: empty */
    size_t slots;           /* a power of two */
    struct uses {           /* of each variable: the terms it stands in */
        uint32_t *term;
        size_t n, cap;
    } *uses;
    size_t vars;
    struct arena arena;
    uint64_t mask;
    bool failed;            /* out of memory; later calls do nothing */
    bool overflow;          /* POLY_TERMS_MAX or MONOMIAL_MAX reached; likewise */
};

/* The polynomial 0 in variables 0..vars-1.  False if out of memory; release it in any case. */
bool poly_init(struct poly *p, size_t vars, uint64_t mask);
void poly_release(struct poly *p);

/* Adds coefficient * v[0] * v[1] ...; v ascending, no constants. */
void poly_add(struct poly *p, const var *v, int n, uint64_t coefficient);

/* The term with these variables, live or not; NULL if there never was one. */
struct term *poly_find(const struct poly *p, const var *v, int n);

/* A small polynomial to put in a variable's place. */
struct small {
    int n;
    struct small_term {
        int64_t coefficient;
        int n;
        var v[3];
    } term[8];
};

/* Adds coefficient times the product of up to three variables, in any order,
 * which may be constants or repeat. */
void small_add(struct small *s, int64_t coefficient, int n, const var *v);

/* Adds coefficient * v[0] * v[1] ... * q. */
void poly_add_product(struct poly *p, const var *v, int n, const struct small *q, uint64_t coefficient);

/* Puts q in the place of v everywhere.  q does not contain v. */
void poly_substitute(struct poly *p, var v, const struct small *q);

/* True if every live term that v stands in is v alone. */
bool poly_is_linear(const struct poly *p, var v);

/* The variables of t without v, and with `instead` unless that is 0; how many. */
int term_replaced(const struct term *t, var v, var instead, var out[MONOMIAL_MAX]);
bool term_has(const struct term *t, var v);

#endif
