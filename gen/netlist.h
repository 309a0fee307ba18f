/* Gate-level netlist: what every builder makes and every writer reads.
 *
 * A net is a number; 0 and 1 are the constants.  Cells are made in topological
 * order: a cell's inputs exist before it, so a netlist has no cycle by
 * construction (registers are cells like any other: no feedback).  Makers fold
 * constants, sort the inputs of symmetric cells and return an existing net if
 * the same cell was made before; so a builder may be written plainly.
 * Full and half adders stay cells of their own, for synthesis to map them onto
 * the library's; simulators and the AIGER writer expand them. */
#ifndef AXM_GEN_NETLIST_H
#define AXM_GEN_NETLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef uint32_t net;
enum { NET_0 = 0, NET_1 = 1 };

enum cell_kind {
    CELL_NOT,    /* o = !a */
    CELL_AND, CELL_OR, CELL_XOR, CELL_NAND, CELL_NOR, CELL_XNOR,   /* o = a op b */
    CELL_MUX,    /* o = c ? b : a      (in[2] selects) */
    CELL_HA,     /* out[0] = a ^ b, out[1] = a & b */
    CELL_FA,     /* out[0] = a ^ b ^ c, out[1] = majority */
    CELL_DFF,    /* o = a, one clock later; no reset */
    CELL_KINDS,
};

/* Numbers of inputs and outputs of a cell of that kind, and its name in
 * capitals ("AND"). */
int cell_inputs(enum cell_kind kind);
int cell_outputs(enum cell_kind kind);
const char *cell_name(enum cell_kind kind);

struct cell {
    uint8_t kind;        /* enum cell_kind */
    uint16_t scope;      /* 0 is the top */
    net in[3];           /* NET_0 beyond the kind's inputs */
    net out[2];          /* out[1] only of HA and FA, else NET_0 */
};

/* A bundle of nets, bit[0] least significant. */
enum { BUS_MAX = 128 };
struct bus {
    int n;
    net bit[BUS_MAX];
};

struct port {
    const char *name;    /* Verilog name: a_i, p_o */
    bool is_output;
    struct bus bus;
};

struct netlist;

/* New empty netlist; NULL if out of memory.  Copies name (a Verilog
 * identifier).  Free with netlist_free(). */
struct netlist *netlist_new(const char *name);
void netlist_free(struct netlist *nl);   /* NULL is fine */
const char *netlist_name(const struct netlist *nl);
void netlist_set_name(struct netlist *nl, const char *name);   /* copies name */

/* The command that makes it again, for the first line of emitted files. */
void netlist_set_origin(struct netlist *nl, const char *command);
const char *netlist_origin(const struct netlist *nl);

/* Ports, in the order in which they are made.  width 1..BUS_MAX.  A name must
 * be a Verilog identifier of its own; netlist_check() tells. */
struct bus netlist_add_input(struct netlist *nl, const char *name, int width);
void netlist_add_output(struct netlist *nl, const char *name, const struct bus *b);

/* Cells.  Out of memory sets the netlist's failed flag, which
 * netlist_check() reports; makers then return NET_0.
 *
 * Folded: constant, repeated and complementary inputs (complementary: an
 * inverter between them, or AND and NAND, OR and NOR, XOR and XNOR of the same
 * nets); double inversion; a full adder with such an input becomes a half
 * adder or gates, a half adder wires; a register of a constant is the constant.
 * A half adder and the XOR or AND of the same nets stay different cells. */
net netlist_not(struct netlist *nl, net a);
net netlist_and(struct netlist *nl, net a, net b);
net netlist_or(struct netlist *nl, net a, net b);
net netlist_xor(struct netlist *nl, net a, net b);
net netlist_nand(struct netlist *nl, net a, net b);
net netlist_nor(struct netlist *nl, net a, net b);
net netlist_xnor(struct netlist *nl, net a, net b);
net netlist_mux(struct netlist *nl, net sel, net when0, net when1);
void netlist_half_adder(struct netlist *nl, net a, net b, net *sum, net *carry);
void netlist_full_adder(struct netlist *nl, net a, net b, net c, net *sum, net *carry);
net netlist_dff(struct netlist *nl, net d);

/* Scopes become modules in hierarchical Verilog.  Cells made between enter and
 * leave belong to the scope (a cell that existed before stays where it is).
 * The name is made unique within the parent by a number.  The scopes must
 * form a directed acyclic graph (block results feed later blocks only). */
void netlist_scope_enter(struct netlist *nl, const char *name);
void netlist_scope_leave(struct netlist *nl);
int netlist_scopes(const struct netlist *nl);                     /* top included */
const char *netlist_scope_name(const struct netlist *nl, int scope);
int netlist_scope_parent(const struct netlist *nl, int scope);    /* -1 of the top */

/* Reading. */
size_t netlist_cells(const struct netlist *nl);
const struct cell *netlist_cell(const struct netlist *nl, size_t i);   /* topological order */
size_t netlist_nets(const struct netlist *nl);                  /* nets are 0..this-1 */
long netlist_driver(const struct netlist *nl, net n);   /* cell index; -1: constant or input */
int netlist_ports(const struct netlist *nl);
const struct port *netlist_port(const struct netlist *nl, int i);
const struct port *netlist_find_port(const struct netlist *nl, const char *name);
int netlist_latency(const struct netlist *nl);   /* registers on a path from input to output;
                                                  * -1 if paths disagree */

/* Removes cells that no output needs; renumbers nets and cells;
 * scopes keep their numbers, even empty ones.  Adder cells of which one output
 * is left become gates: a sum XORs; the carry of a half adder an AND, of a
 * full adder (a & b) | (c & (a | b)), c the youngest net: synthesis maps an
 * adder cell as it stands, and with a single output used those gates are
 * smaller (osu018: a full adder 120 um2; NAND2, OR2 and AOI21 about 80).
 * Checks the netlist first. */
enum axm_status netlist_sweep(struct netlist *nl) AXM_MUST_CHECK;

/* Every invariant: net numbers, topological order, one driver a net, port
 * widths and names, scopes, no leftover failure.  AXM_ENV if memory ran out
 * while building; asserts are for us, this is for what came from outside. */
enum axm_status netlist_check(const struct netlist *nl) AXM_MUST_CHECK;

/* Size and depth: NOT and two-input gates count 1 level, MUX, HA and FA 2 (sum
 * and carry alike).  Registers begin a new path; levels is the longest. */
struct netlist_stats {
    size_t count[CELL_KINDS];
    size_t cells;
    int levels;
};
void netlist_measure(const struct netlist *nl, struct netlist_stats *out);
int cell_levels(enum cell_kind kind);   /* of netlist_measure; 0 of a register */

/* A deep copy, and a copy in which one cell is altered (for fault injection):
 * the kind and the inputs of cell i are replaced; nothing is folded.  Inputs
 * must keep the topological order and the new kind have as many outputs as the
 * old; netlist_check() tells.  NULL if out of memory. */
struct netlist *netlist_copy(const struct netlist *nl);
struct netlist *netlist_copy_altered(const struct netlist *nl, size_t cell, enum cell_kind kind,
                                     const net in[3]);

/* A copy with registers: a rank behind the inputs, a rank before the outputs,
 * or `stages` >= 1 ranks in all behind the first (the one before the outputs,
 * if asked for, is the last of them), which cut the cells into stages of equal
 * levels as well as whole cells allow.  stages 0: no cut.  Every path gets the
 * same latency: inputs + (stages > 0 ? stages : outputs).  Few registers, not
 * always the fewest.  NULL if out of memory, or (reported) if there are
 * registers already. */
struct netlist *netlist_registered(const struct netlist *nl, bool inputs, bool outputs, int stages);

/* Reference evaluation, 64 lanes at once: in: one word per input bit, ports in
 * order, LSB first; out likewise.  A register passes its input on: what the
 * outputs settle to when the inputs are held.  The oracle for sim/'s fast
 * simulator.  Ends the process if out of memory. */
void netlist_eval64(const struct netlist *nl, const uint64_t *in, uint64_t *out);

/* For passes that rewrite a whole netlist cell by cell.
 *
 *     struct netlist *to = netlist_rewrite_begin(from, map);
 *     for every cell: netlist_rewrite_cell(to, &changed_copy, map);
 *     netlist_rewrite_end(to, from, map);
 *
 * map[netlist_nets(from)] takes a net of the old netlist to the new: begin sets
 * constants and inputs, cell() makes the cell anew, folded and shared, in the
 * cell's scope, with its inputs sent through map, and enters its outputs, and
 * end() makes the outputs.  begin returns NULL if out of memory. */
struct netlist *netlist_rewrite_begin(const struct netlist *from, net *map);
void netlist_rewrite_cell(struct netlist *to, const struct cell *c, net *map);
void netlist_rewrite_end(struct netlist *to, const struct netlist *from, const net *map);
void netlist_scope_set(struct netlist *nl, int scope);   /* for cells made in between */

#endif
