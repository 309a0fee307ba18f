/* Hierarchical netlists as Yosys writes them (write_json): modules that hold cells of a technology and
 * instances of each other; flattened, buffered, and written as Verilog for the timing tool. */
#ifndef AXM_SYNTH_DESIGN_H
#define AXM_SYNTH_DESIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "synth/liberty.h"

/* A port of a module or a pin of a cell.  Bits are nets of the module; 0 and 1 are the constants. */
struct design_pin {
    const char *name;
    bool is_output;
    int width;
    const uint32_t *bit;          /* [width], least significant first */
};

struct design_cell {
    const char *name;
    const char *type;             /* of a cell of the technology */
    int module;                   /* of an instance: index into modules, else -1 */
    int64_t memory_bits;          /* of a memory that was left whole, else 0 */
    int n_pins;
    const struct design_pin *pin;
};

struct design_module {
    const char *name;             /* as the source says: without parameters */
    const char *full;             /* as Yosys calls it */
    bool blackbox;
    int n_ports, n_cells;
    uint32_t n_nets;              /* every bit is below */
    const struct design_pin *port;
    const struct design_cell *cell;
};

struct design {
    int n_modules, top;
    const struct design_module *module;
    struct design_store *store;
};

/* Reads one netlist or more; a module that one lacks (a black box) comes from another.  AXM_ENV if
 * a text is no netlist, or none has the module whose source name is top.  Free with design_free(). */
enum axm_status design_read(const char *const text[], int n, const char *top,
                            struct design **out) AXM_MUST_CHECK;
void design_free(struct design *d);   /* NULL is fine */

/* --- flat -------------------------------------------------------------------------- */

struct flat_instance {
    const struct design_module *module;
    int parent;                   /* instance; of the top, which is the first, -1 */
    const char *name;
};

struct flat_pin {
    const char *name;
    uint32_t net;
    bool is_output;
};

struct flat_cell {
    const char *type;
    int instance;                 /* where it stands; -1: made here (buffers, launching registers) */
    int first_pin, n_pins;
};

struct flat {
    const struct design *design;  /* borrowed */
    int n_instances, n_cells, n_pins, n_ports;
    uint32_t n_nets;
    struct flat_instance *instance;
    struct flat_cell *cell;
    struct flat_pin *pin;
    struct design_pin *port;
    int64_t memory_bits;          /* of memories, which are no cells here: what they give has no driver */
    struct flat_store *store;
};

enum axm_status flat_make(const struct design *d, struct flat *out) AXM_MUST_CHECK;
void flat_release(struct flat *f);

/* Name of an instance from the top: "u_array/g_ws.u_array/g_row[0].g_col[3].g_pe.u_pe"; "" for the top. */
void flat_path(const struct flat *f, int instance, struct strbuf *out);

/* Trees of the buffer where a net drives more than max pins; clk_i and rst_ni are left as they are.  Returns
 * by *buffers how many cells that took. */
enum axm_status flat_buffer(struct flat *f, const struct lib_cell *buffer, int max,
                            int *buffers) AXM_MUST_CHECK;

/* A register of the type that `like` is in front of every input but clk_i and rst_ni.  AXM_USAGE
 * if it is no plain one: a clock, one input, one output. */
enum axm_status flat_register_inputs(struct flat *f, const char *like) AXM_MUST_CHECK;

/* One module; cells are called c<index>, or inside instances of the module called mark, p<index>. */
void flat_write_verilog(const struct flat *f, const char *name, const char *mark, struct strbuf *out);

#endif
