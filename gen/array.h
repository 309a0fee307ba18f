/* Systolic arrays around any multiplier of ours: rtl/mac_array.v with its parameters filled in, the
 * multiplier's gates, and what a user needs beside them. */
#ifndef AXM_GEN_ARRAY_H
#define AXM_GEN_ARRAY_H

#include "base/strbuf.h"
#include "cmodel/spec.h"

enum array_dataflow { ARRAY_WS, ARRAY_OS };   /* weight-, output-stationary; rtl/mac_array.v has both */

/* Which operand of the multiplier the weight is. */
enum array_order { ARRAY_WEIGHT_IS_B, ARRAY_WEIGHT_IS_A, ARRAY_ORDER_RUNTIME };

enum {
    ARRAY_COLS_MAX = 192,       /* what the register map has room for */
    ARRAY_ROWS_MAX = 256,
    ARRAY_MODE_BITS = 8,        /* of multipliers that are set at run time */
    ARRAY_NAME_MAX = AXM_SPEC_MAX + 56,
    ARRAY_POOL_WIDTH_MAX = 4096,
    ARRAY_POOL_TAPS = 9,        /* entries of the table of averages */
    ARRAY_POOL_KERNEL_MAX = 63,
    ARRAY_POOL_OVERLAP = 4,     /* windows above each other that share a position: kernel_h / stride_h */
};

struct array_config {
    enum array_dataflow dataflow;
    int rows, cols;
    int lanes;                  /* requantizers, and words of a result beat; divides cols */
    int acc_bits;               /* accumulators, at most 32 */
    int acc_depth;              /* weight-stationary: most activation rows of a job */
    enum array_order order;
    struct axm_spec mult;
    int pool_width;             /* most windows in a row of the pooling unit; 0: there is none */
};

/* 8 x 8 weight-stationary, as many lanes as columns, 32 bits, 256 rows, no pooling unit, the order set at run
 * time where the operands have one width, else the weight is b. */
struct array_config array_defaults(const struct axm_spec *mult);

/* The mode register's value for this multiplier: what it is set to at run time, parameter after parameter
 * from bit 0; 0 if nothing is. */
unsigned array_mode(const struct axm_spec *s);

/* AXM_USAGE and what would be legal. */
enum axm_status array_check(const struct array_config *c) AXM_MUST_CHECK;

/* "mac_ws_8x8_scdm8s_x5_y2": module, directory and file name; options that are not the defaults follow. */
void array_name(const struct array_config *c, char out[ARRAY_NAME_MAX]);

/* Operand bits of activations and weights. */
int array_x_bits(const struct array_config *c);
int array_w_bits(const struct array_config *c);
int array_row_sum(const struct array_config *c);   /* 1: unsigned, there is a column of row sums */

/* Name and text of the i-th module of rtl/ that the dataflow needs; NULL after the last. */
const char *array_module(const struct array_config *c, int i, const char **text);

/* Pieces of Verilog, appended.  The modules are those; the wrapper is module mul_unit that instantiates the
 * multiplier, the unit is that with the multiplier's gates (array_write_mult()); the top has the array's
 * ports. */
void array_write_wrapper(const struct array_config *c, struct strbuf *out);
void array_write_modules(const struct array_config *c, struct strbuf *out);
enum axm_status array_write_mult(const struct array_config *c, struct strbuf *out) AXM_MUST_CHECK;
enum axm_status array_write_unit(const struct array_config *c, struct strbuf *out) AXM_MUST_CHECK;
/* Module ref_unit, with the ports of mul_unit: the multiplier's behavioural reference (gen/reference.h). */
enum axm_status array_write_reference(const struct array_config *c, struct strbuf *out) AXM_MUST_CHECK;
/* body: further text inside the module, or NULL. */
void array_write_top(const struct array_config *c, const char *module, const char *body, struct strbuf *out);

/* Ports of mac_array, in order; ends with a NULL name. */
struct array_port {
    const char *name;
    bool output;
    int width;
};
enum { ARRAY_PORTS = 33 };
void array_ports(const struct array_config *c, struct array_port port[ARRAY_PORTS]);
bool array_port_is_vector(const struct array_port *port);   /* declared with a range, [0:0] included */

/* The whole self-contained directory: Verilog, file list, constraints, test benches, register map, README.
 * Files appear complete or not at all. */
enum axm_status array_write_dir(const struct array_config *c, const char *dir) AXM_MUST_CHECK;

/* --- the register map, from which documents and headers are made ----------------------------- */

struct array_field {
    const char *name;
    int bit, width;
    const char *text;
};
struct array_register {
    const char *name;
    unsigned offset;            /* bytes; of registers that repeat, within one repetition */
    const char *access;         /* "ro", "rw", "wo", "w1c" */
    const char *text;
    struct array_field field[12];   /* ends with a NULL name */
};
enum { ARRAY_COLUMN_BASE = 0x400, ARRAY_COLUMN_STRIDE = 16,
       ARRAY_POOL_TAP_BASE = 0x100, ARRAY_POOL_TAP_STRIDE = 8 };
extern const struct array_register array_registers[];          /* end with a NULL name */
extern const struct array_register array_column_registers[];
extern const struct array_register array_pool_registers[];     /* these two where there is a pooling unit */
extern const struct array_register array_pool_tap_registers[];
void array_write_map_markdown(const struct array_config *c, struct strbuf *out);
void array_write_map_header(const struct array_config *c, struct strbuf *out);
void array_write_map_ipxact(const struct array_config *c, struct strbuf *out);

#endif
