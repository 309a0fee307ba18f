/* Circuits read back from Verilog: Yosys's json of simple gates, made flat. */
#ifndef AXM_SIM_FLAT_H
#define AXM_SIM_FLAT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/poly.h"

enum gate_kind {
    GATE_BUF, GATE_NOT, GATE_AND, GATE_OR, GATE_XOR, GATE_NAND, GATE_NOR, GATE_XNOR, GATE_ANDNOT,
    GATE_ORNOT, GATE_MUX, GATE_HA, GATE_FA, GATE_BOX,
};

struct gate {
    enum gate_kind kind;
    var in[3], out[2];       /* GATE_MUX: out = in[2] ? in[1] : in[0]; adders: sum, carry */
    struct box *box;         /* GATE_BOX */
};

struct bits {
    var *bit;
    size_t n, cap;
};

/* A module that is taken as a whole, and its pins: those of its ports, in order, LSB first. */
struct box {
    struct box *next;
    const cJSON *module;
    struct bits in, out;
};

/* A module with all below it made flat.  Variables 0 and 1 are the constants. */
struct circuit {
    const cJSON *modules;
    struct gate *gate;
    size_t gates, gates_cap;
    struct bits alias;       /* variable -> the one it is the same as, or itself */
    struct bits in, out;     /* of the module's ports, in order, LSB first */
    struct box *boxes;
    uint32_t *order;         /* gates, inputs first */
    bool keep_cells;         /* axm_fa and axm_ha are gates, carry-propagate adders without any are boxes */
    bool failed;             /* out of memory */
    const char *bad;         /* what is wrong with the json (cycles, drivers, cells); NULL: nothing */
};

/* Makes `module` out of `modules` flat; both are borrowed.  Look at failed and bad;
 * release it in any case. */
void circuit_init(struct circuit *c, const cJSON *modules, const cJSON *module, bool keep_cells);
void circuit_release(struct circuit *c);

size_t gate_inputs(const struct gate *g, const var **in);
size_t gate_outputs(const struct gate *g, const var **out);

/* Evaluates a circuit without adder cells and boxes, 64 lanes at once; value[]
 * of the inputs is set, that of every variable results. */
void circuit_eval(const struct circuit *c, uint64_t *value);

/* Of a port of a module in the json. */
bool port_is_input(const cJSON *port);

#endif
