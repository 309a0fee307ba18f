/* Proof by algebra that a multiplier made of adder cells is its definition.
 *
 * The product p = sum of 2^i p_i is a polynomial in the output bits.  Going
 * backward through the circuit, every adder cell's outputs are replaced by its
 * inputs (2 carry + sum = a + b + c: a linear step), every other gate's output
 * by its polynomial (a & b = ab, a ^ b = a + b - 2ab, ...), modulo 2^(n+m), until
 * only operand bits are left.  A function of bits has exactly one multilinear
 * polynomial modulo 2^(n+m), so the circuit is right if and only if the result
 * equals, coefficient by coefficient, the polynomial of the definition; and
 * a smallest monomial where they differ is a counterexample: its bits 1, all
 * others 0.  (Backward rewriting: Yu, Brown, Liu, Rossi and Ciesielski 2016,
 * doi:10.1109/TCAD.2016.2547898.)
 *
 * Covered: exact, array, wallace, dadda, booth, quaternary, trunc, bam, cdm, scdm.  An adder of
 * prefix type (cla, ks, bk) has no adder cells, and rewriting it would take
 * exponentially many terms: its module is treated as a box.  A linear function
 * of its inputs is guessed by evaluating the box on 0 and on single ones, and
 * proven for all inputs by ABC.  What grows past POLY_TERMS_MAX is given up. */
#ifndef AXM_SIM_ALGEBRA_H
#define AXM_SIM_ALGEBRA_H

#include <stdbool.h>
#include <stdint.h>

#include "cmodel/spec.h"

enum algebra_answer { ALGEBRA_EQUAL, ALGEBRA_DIFFERENT, ALGEBRA_NO_ANSWER };

struct algebra_result {
    enum algebra_answer answer;
    int boxes;              /* modules proven linear by the caller's prover */
    uint64_t a, b;          /* ALGEBRA_DIFFERENT: operands that show it */
    char reason[160];       /* ALGEBRA_NO_ANSWER */
};

/* Proves that module `module` of the circuit equals module `module`_linear of the Verilog
 * text given, whose ports are the same; sets *equal only when proven. */
typedef enum axm_status algebra_box_fn(void *ctx, const char *module, const char *reference, bool *equal);

/* Does the definition of this family have a polynomial here? */
bool algebra_applies(const struct axm_spec *s);

/* json: what Yosys's write_json says of the circuit after ALGEBRA_SCRIPT,
 * top: its top module.  A malformed json is AXM_ENV. */
enum axm_status algebra_prove(const struct axm_spec *s, const char *json, const char *top,
                              algebra_box_fn *prove_box, void *ctx,
                              struct algebra_result *out) AXM_MUST_CHECK;

/* Yosys commands that turn dut.v into dut.json: gates of one or two inputs, the
 * module hierarchy kept. */
#define ALGEBRA_SCRIPT \
    "design -reset; read_verilog dut.v; hierarchy -check -auto-top; proc; opt_expr; simplemap; " \
    "opt_clean; write_json dut.json"

#endif
