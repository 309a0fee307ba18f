#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gen/write_util.h"

/* How the netlist becomes modules.  Scope S with its sub-scopes takes up a run
 * of cells (netlist_check() makes sure), whose inputs all exist before it.  A
 * module therefore declares every wire where it is driven, in cell order, and
 * instantiates a scope where its first cell stands.
 *
 * The bits that enter a scope from a port of the top keep the port's name; those
 * that other cells make come in as in_i; all that leave go out as out_o.  Vectors
 * do not make false loops (UNOPTFLAT): everything in in_i is older than anything
 * in out_o, and inside a module each cell has a wire of its own. */

/* A bit that crosses the border of a scope: scope, class, net packed so that
 * sorting groups them.  Class: the input port's number, or one of these. */
enum { CLASS_IN = 0xfffe, CLASS_OUT = 0xffff };

static uint64_t crossing(int scope, int class, net n)
{
    return (uint64_t)scope << 48 | (uint64_t)class << 32 | n;
}

static int crossing_scope(uint64_t x) { return (int)(x >> 48); }
static int crossing_class(uint64_t x) { return (int)(x >> 32 & 0xffff); }

/* How the current module calls a net. */
struct ref {
    enum { REF_CONST, REF_WIRE, REF_PORT, REF_IN, REF_CHILD } type;
    int which;           /* port or child scope */
    int index;           /* bit in its vector */
};

struct scope_info {
    size_t first, end;   /* its cells and its sub-scopes' */
    size_t x0, x1;       /* its crossings */
    int outputs;         /* bits of out_o */
    bool clocked;
    char *module;
};

struct writer {
    const struct netlist *nl;
    struct strbuf *out;
    size_t line;                 /* where the current line begins in out */
    bool flat;
    const char *clock;
    char prefix[16];             /* keeps our names apart from the ports' */
    struct scope_info *scope;
    int scopes;
    uint64_t *x;
    size_t n_x, cap_x;
    int *port_of;                /* net -> input port */
    bool *read;                  /* net has a reader */
    struct ref *ref;             /* net -> name in the current module */
    int *width;                  /* port -> bits in the current module */
    int in_width;
    net *list;                   /* scratch for concatenations */
    bool failed;
};

enum { LINE_MAX_COLUMNS = 100 };

/* --- preparation ------------------------------------------------------------- */

static int scope_of(const struct writer *w, const struct cell *c)
{
    return w->flat ? 0 : c->scope;
}

static int net_scope(const struct writer *w, net n)
{
    long d = netlist_driver(w->nl, n);
    return d < 0 ? 0 : scope_of(w, netlist_cell(w->nl, (size_t)d));
}

static void add_crossing(struct writer *w, int scope, int class, net n)
{
    if (w->n_x == w->cap_x) {
        size_t cap = w->cap_x ? 2 * w->cap_x : 1024;
        uint64_t *x = realloc(w->x, cap * sizeof *x);
        if (!x) {
            w->failed = true;
            return;
        }
        w->x = x;
        w->cap_x = cap;
    }
    w->x[w->n_x++] = crossing(scope, class, n);
}

/* A cell or output in scope `user` reads n: every scope between n's own and it
 * passes n on.  Parents have lower numbers, so climbing from the higher of the
 * two ends at the common ancestor. */
static void add_reader(struct writer *w, net n, int user)
{
    if (n <= NET_1)
        return;
    int source = net_scope(w, n);
    int class = netlist_driver(w->nl, n) < 0 ? w->port_of[n] : CLASS_IN;
    while (source != user) {
        int *up = source > user ? &source : &user;
        add_crossing(w, *up, up == &source ? CLASS_OUT : class, n);
        *up = netlist_scope_parent(w->nl, *up);
    }
}

static int compare_crossings(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void find_crossings(struct writer *w)
{
    const struct netlist *nl = w->nl;
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        for (int k = 0; k < cell_inputs(c->kind); k++)
            add_reader(w, c->in[k], scope_of(w, c));
    }
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++)
            add_reader(w, port->bus.bit[k], 0);
    }
    if (w->n_x)
        qsort(w->x, w->n_x, sizeof *w->x, compare_crossings);
    size_t n = 0;
    for (size_t i = 0; i < w->n_x; i++)
        if (n == 0 || w->x[i] != w->x[n - 1])
            w->x[n++] = w->x[i];
    w->n_x = n;
    for (size_t i = 0; i < n; i++) {
        struct scope_info *s = &w->scope[crossing_scope(w->x[i])];
        if (s->x1 == 0)
            s->x0 = i;
        s->x1 = i + 1;
        s->outputs += crossing_class(w->x[i]) == CLASS_OUT;
    }
}

static void find_cells(struct writer *w)
{
    for (size_t i = 0; i < netlist_cells(w->nl); i++) {
        const struct cell *c = netlist_cell(w->nl, i);
        for (int s = scope_of(w, c); s >= 0; s = netlist_scope_parent(w->nl, s)) {
            struct scope_info *x = &w->scope[s];
            if (x->end == 0)
                x->first = i;
            x->end = i + 1;
            x->clocked |= c->kind == CELL_DFF;
        }
    }
}

/* NETLIST_scope_subscope.  Different paths may read alike (a/b_c and a_b/c):
 * a later one gets a number. */
static void name_modules(struct writer *w)
{
    for (int s = 0; s < w->scopes && !w->failed; s++) {
        struct strbuf b = { 0 };
        int parent = netlist_scope_parent(w->nl, s);
        if (s == 0)
            strbuf_adds(&b, netlist_name(w->nl));
        else
            strbuf_addf(&b, "%s_%s", w->scope[parent].module, netlist_scope_name(w->nl, s));
        size_t len = b.len;
        for (int t = 0, k = 2; t < s && !b.failed; t++) {
            if (strcmp(w->scope[t].module, b.s) != 0)
                continue;
            b.len = len;
            strbuf_addf(&b, "_%d", k++);
            t = -1;
        }
        w->scope[s].module = b.s;
        w->failed |= b.failed;
    }
}

/* True if a port has a name that we would give to something of our own. */
static bool prefix_clashes(const struct writer *w, const char *name)
{
    size_t len = strlen(w->prefix);
    if (strncmp(name, w->prefix, len) != 0)
        return false;
    if (len > 0)
        return true;
    if ((name[0] == 'n' && isdigit((unsigned char)name[1])) || strncmp(name, "fa_n", 4) == 0
        || strncmp(name, "ha_n", 4) == 0 || strncmp(name, "unused_", 7) == 0
        || strncmp(name, "u_", 2) == 0 || strcmp(name, "in_i") == 0 || strcmp(name, "out_o") == 0)
        return true;
    for (int s = 1; s < w->scopes; s++) {
        const char *scope = netlist_scope_name(w->nl, s);
        size_t n = strlen(scope);
        if (strncmp(name, scope, n) == 0 && strcmp(name + n, "_o") == 0)
            return true;
    }
    return false;
}

static void choose_prefix(struct writer *w)
{
    for (int p = -1; p < netlist_ports(w->nl); p++) {
        const char *name = p < 0 ? w->clock : netlist_port(w->nl, p)->name;
        size_t len = strlen(w->prefix);
        if (prefix_clashes(w, name)) {
            assert(len + 2 < sizeof w->prefix);
            strcpy(w->prefix + len, "x_");
            p = -2;
        }
    }
}

/* --- names -------------------------------------------------------------------- */

static void put_wire(struct writer *w, net n)
{
    const struct cell *c = netlist_cell(w->nl, (size_t)netlist_driver(w->nl, n));
    strbuf_addf(w->out, "%s%sn%u%s", w->prefix, w->read[n] ? "" : "unused_", n,
                c->kind == CELL_DFF ? "_q" : "");
}

static int vector_width(const struct writer *w, struct ref r)
{
    switch (r.type) {
    case REF_PORT: return w->width[r.which];
    case REF_IN: return w->in_width;
    case REF_CHILD: return w->scope[r.which].outputs;
    default: return 0;
    }
}

static void put_vector_name(struct writer *w, struct ref r)
{
    if (r.type == REF_PORT)
        strbuf_adds(w->out, netlist_port(w->nl, r.which)->name);
    else if (r.type == REF_IN)
        strbuf_addf(w->out, "%sin_i", w->prefix);
    else
        strbuf_addf(w->out, "%s%s_o", w->prefix, netlist_scope_name(w->nl, r.which));
}

/* Bits hi..lo of a vector. */
static void put_slice(struct writer *w, struct ref r, int hi, int lo)
{
    put_vector_name(w, r);
    if (lo == 0 && hi == vector_width(w, r) - 1)
        return;
    if (hi == lo)
        strbuf_addf(w->out, "[%d]", lo);
    else
        strbuf_addf(w->out, "[%d:%d]", hi, lo);
}

static struct ref ref_of(const struct writer *w, net n)
{
    return n <= NET_1 ? (struct ref){ REF_CONST, 0, 0 } : w->ref[n];
}

static void put_net(struct writer *w, net n)
{
    struct ref r = ref_of(w, n);
    if (r.type == REF_CONST)
        strbuf_adds(w->out, n == NET_1 ? "1'b1" : "1'b0");
    else if (r.type == REF_WIRE)
        put_wire(w, n);
    else
        put_slice(w, r, r.index, r.index);
}

/* Number of bits from list[n - 1] downwards that are one item of a
 * concatenation: a slice of a vector, a literal, a wire. */
static int run_length(const struct writer *w, int n)
{
    struct ref a = ref_of(w, w->list[n - 1]);
    int len = 1;
    if (a.type == REF_WIRE)
        return 1;
    for (; len < n; len++) {
        struct ref b = ref_of(w, w->list[n - 1 - len]);
        if (b.type != a.type || b.which != a.which
            || (a.type != REF_CONST && b.index != a.index - len))
            break;
    }
    return len;
}

/* The nets list[n - 1], ..., list[0] as one expression, most significant
 * first, in braces if it takes more than one item.  `open` not empty: that is
 * the opening brace, with an item of the caller's behind it. */
static void put_concatenation(struct writer *w, int n, const char *open)
{
    bool braces = *open || run_length(w, n) < n;
    strbuf_adds(w->out, braces && !*open ? "{" : open);
    for (bool first = true; n > 0; first = false) {
        bool wrap = w->out->len - w->line > LINE_MAX_COLUMNS - 20;
        if (!first)
            strbuf_adds(w->out, wrap ? ",\n      " : ", ");
        if (!first && wrap)
            w->line = w->out->len - 6;
        int len = run_length(w, n);
        struct ref r = ref_of(w, w->list[n - 1]);
        if (r.type == REF_CONST) {
            strbuf_addf(w->out, "%d'b", len);
            for (int k = 1; k <= len; k++)
                strbuf_adds(w->out, w->list[n - k] == NET_1 ? "1" : "0");
        } else if (r.type == REF_WIRE) {
            put_wire(w, w->list[n - 1]);
        } else {
            put_slice(w, r, r.index, r.index - len + 1);
        }
        n -= len;
    }
    if (braces)
        strbuf_adds(w->out, "}");
}

/* --- cells ---------------------------------------------------------------------- */

static void put_binary(struct writer *w, const char *open, net a, const char *op, net b,
                       const char *close)
{
    strbuf_adds(w->out, open);
    put_net(w, a);
    strbuf_adds(w->out, op);
    put_net(w, b);
    strbuf_adds(w->out, close);
}

static void put_adder_instance(struct writer *w, const struct cell *c)
{
    bool full = c->kind == CELL_FA;
    strbuf_adds(w->out, "  wire ");
    put_wire(w, c->out[0]);
    strbuf_adds(w->out, ", ");
    put_wire(w, c->out[1]);
    strbuf_addf(w->out, ";\n  axm_%s %s%s_n%u (.a_i(", full ? "fa" : "ha", w->prefix,
                full ? "fa" : "ha", c->out[0]);
    put_net(w, c->in[0]);
    strbuf_adds(w->out, "), .b_i(");
    put_net(w, c->in[1]);
    if (full) {
        strbuf_adds(w->out, "), .c_i(");
        put_net(w, c->in[2]);
    }
    strbuf_adds(w->out, "), .s_o(");
    put_wire(w, c->out[0]);
    strbuf_adds(w->out, "), .co_o(");
    put_wire(w, c->out[1]);
    strbuf_adds(w->out, "));\n");
}

static void put_flat_adder(struct writer *w, const struct cell *c)
{
    strbuf_adds(w->out, "  wire ");
    put_wire(w, c->out[0]);
    put_binary(w, " = ", c->in[0], " ^ ", c->in[1], "");
    if (c->kind == CELL_FA) {
        strbuf_adds(w->out, " ^ ");
        put_net(w, c->in[2]);
    }
    strbuf_adds(w->out, ";\n  wire ");
    put_wire(w, c->out[1]);
    if (c->kind == CELL_FA) {
        put_binary(w, " = (", c->in[0], " & ", c->in[1], ") | (");
        put_net(w, c->in[2]);
        put_binary(w, " & (", c->in[0], " ^ ", c->in[1], "));\n");
    } else {
        put_binary(w, " = ", c->in[0], " & ", c->in[1], ";\n");
    }
}

static void put_cell(struct writer *w, const struct cell *c)
{
    net a = c->in[0], b = c->in[1];
    if (c->kind == CELL_HA || c->kind == CELL_FA) {
        if (w->flat)
            put_flat_adder(w, c);
        else
            put_adder_instance(w, c);
        return;
    }
    strbuf_adds(w->out, c->kind == CELL_DFF ? "  reg " : "  wire ");
    put_wire(w, c->out[0]);
    switch ((enum cell_kind)c->kind) {
    case CELL_NOT:
        strbuf_adds(w->out, " = ~");
        put_net(w, a);
        break;
    case CELL_AND: put_binary(w, " = ", a, " & ", b, ""); break;
    case CELL_OR: put_binary(w, " = ", a, " | ", b, ""); break;
    case CELL_XOR: put_binary(w, " = ", a, " ^ ", b, ""); break;
    case CELL_NAND: put_binary(w, " = ~(", a, " & ", b, ")"); break;
    case CELL_NOR: put_binary(w, " = ~(", a, " | ", b, ")"); break;
    case CELL_XNOR: put_binary(w, " = ~(", a, " ^ ", b, ")"); break;
    case CELL_MUX:
        strbuf_adds(w->out, " = ");
        put_net(w, c->in[2]);
        put_binary(w, " ? ", b, " : ", a, "");
        break;
    default: break;   /* a register: the clocked block assigns it */
    }
    strbuf_adds(w->out, ";\n");
}

/* --- modules ---------------------------------------------------------------------- */

/* Names for everything that module S sees. */
static void name_nets(struct writer *w, int s)
{
    const struct netlist *nl = w->nl;
    w->in_width = 0;
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        w->width[p] = s == 0 ? port->bus.n : 0;
        for (int k = 0; s == 0 && !port->is_output && k < port->bus.n; k++)
            w->ref[port->bus.bit[k]] = (struct ref){ REF_PORT, p, k };
    }
    for (size_t i = w->scope[s].x0; i < w->scope[s].x1; i++) {
        int class = crossing_class(w->x[i]);
        net n = (net)w->x[i];
        if (class == CLASS_IN)
            w->ref[n] = (struct ref){ REF_IN, 0, w->in_width++ };
        else if (class != CLASS_OUT)
            w->ref[n] = (struct ref){ REF_PORT, class, w->width[class]++ };
    }
    for (size_t i = w->scope[s].first; i < w->scope[s].end; i++) {
        const struct cell *c = netlist_cell(nl, i);
        for (int k = 0; k < cell_outputs(c->kind); k++)
            w->ref[c->out[k]] = (struct ref){ REF_WIRE, 0, 0 };
    }
    for (int c = s + 1; c < w->scopes; c++) {
        if (netlist_scope_parent(nl, c) != s)
            continue;
        int k = 0;
        for (size_t i = w->scope[c].x0; i < w->scope[c].x1; i++)
            if (crossing_class(w->x[i]) == CLASS_OUT)
                w->ref[(net)w->x[i]] = (struct ref){ REF_CHILD, c, k++ };
    }
}

static void put_declaration(struct writer *w, bool *first, const char *what, int width,
                            const char *prefix, const char *name)
{
    strbuf_addf(w->out, "%s\n  %s", *first ? "" : ",", what);
    if (width > 1)
        strbuf_addf(w->out, " [%d:0]", width - 1);
    strbuf_addf(w->out, " %s%s", prefix, name);
    *first = false;
}

static void put_header(struct writer *w, int s)
{
    bool first = true;
    strbuf_addf(w->out, "module %s (", w->scope[s].module);
    if (w->scope[s].clocked)
        put_declaration(w, &first, "input  wire", 1, "", w->clock);
    for (int p = 0; p < netlist_ports(w->nl); p++) {
        const struct port *port = netlist_port(w->nl, p);
        if (w->width[p] > 0)
            put_declaration(w, &first, port->is_output ? "output wire" : "input  wire",
                            w->width[p], "", port->name);
    }
    if (s != 0 && w->in_width > 0)
        put_declaration(w, &first, "input  wire", w->in_width, w->prefix, "in_i");
    if (s != 0 && w->scope[s].outputs > 0)
        put_declaration(w, &first, "output wire", w->scope[s].outputs, w->prefix, "out_o");
    strbuf_adds(w->out, "\n);\n");
}

/* Crossings [*i, end) of the class of the first, into list; returns how many. */
static int take_class(struct writer *w, size_t *i, size_t end)
{
    int n = 0, class = crossing_class(w->x[*i]);
    while (*i < end && crossing_class(w->x[*i]) == class)
        w->list[n++] = (net)w->x[(*i)++];
    return n;
}

static void put_instance(struct writer *w, int s)
{
    const struct scope_info *info = &w->scope[s];
    const char *name = netlist_scope_name(w->nl, s);
    if (info->outputs > 1)
        strbuf_addf(w->out, "  wire [%d:0] %s%s_o;\n", info->outputs - 1, w->prefix, name);
    else if (info->outputs == 1)
        strbuf_addf(w->out, "  wire %s%s_o;\n", w->prefix, name);
    strbuf_addf(w->out, "  %s %su_%s (", info->module, w->prefix, name);
    const char *separator = "\n";
    if (info->clocked) {
        strbuf_addf(w->out, "\n    .%s(%s)", w->clock, w->clock);
        separator = ",\n";
    }
    for (size_t i = info->x0; i < info->x1; separator = ",\n") {
        int class = crossing_class(w->x[i]);
        strbuf_adds(w->out, separator);
        w->line = w->out->len;
        if (class < CLASS_IN)
            strbuf_addf(w->out, "    .%s(", netlist_port(w->nl, class)->name);
        else
            strbuf_addf(w->out, "    .%s%s(", w->prefix, class == CLASS_IN ? "in_i" : "out_o");
        put_concatenation(w, take_class(w, &i, info->x1), "");
        strbuf_adds(w->out, ")");
    }
    strbuf_adds(w->out, "\n  );\n");
}

static void put_assign(struct writer *w, const char *prefix, const char *name, int n)
{
    w->line = w->out->len;
    strbuf_addf(w->out, "  assign %s%s = ", prefix, name);
    put_concatenation(w, n, "");
    strbuf_adds(w->out, ";\n");
}

static void put_registers(struct writer *w, int s)
{
    bool any = false;
    for (size_t i = w->scope[s].first; i < w->scope[s].end; i++) {
        const struct cell *c = netlist_cell(w->nl, i);
        if (c->kind != CELL_DFF || scope_of(w, c) != s)
            continue;
        if (!any)
            strbuf_addf(w->out, "  always @(posedge %s) begin\n", w->clock);
        any = true;
        strbuf_adds(w->out, "    ");
        put_wire(w, c->out[0]);
        strbuf_adds(w->out, " <= ");
        put_net(w, c->in[0]);
        strbuf_adds(w->out, ";\n");
    }
    if (any)
        strbuf_adds(w->out, "  end\n");
}

static void put_unused_inputs(struct writer *w)
{
    int n = 0;
    for (int p = netlist_ports(w->nl) - 1; p >= 0; p--) {
        const struct port *port = netlist_port(w->nl, p);
        for (int k = 0; !port->is_output && k < port->bus.n; k++)
            if (!w->read[port->bus.bit[k]])
                w->list[n++] = port->bus.bit[k];
    }
    if (n == 0)
        return;
    w->line = w->out->len;
    strbuf_addf(w->out, "  wire %sunused_inputs = &", w->prefix);
    put_concatenation(w, n, "{1'b0, ");
    strbuf_adds(w->out, ";\n");
}

static void put_module(struct writer *w, int s)
{
    const struct netlist *nl = w->nl;
    name_nets(w, s);
    put_header(w, s);
    for (size_t i = w->scope[s].first; i < w->scope[s].end;) {
        const struct cell *c = netlist_cell(nl, i);
        int child = scope_of(w, c);
        if (child == s) {
            put_cell(w, c);
            i++;
            continue;
        }
        while (netlist_scope_parent(nl, child) != s)
            child = netlist_scope_parent(nl, child);
        put_instance(w, child);
        i = w->scope[child].end;
    }
    put_registers(w, s);
    if (s == 0) {
        put_unused_inputs(w);
        for (int p = 0; p < netlist_ports(nl); p++) {
            const struct port *port = netlist_port(nl, p);
            if (!port->is_output)
                continue;
            memcpy(w->list, port->bus.bit, (size_t)port->bus.n * sizeof *w->list);
            put_assign(w, "", port->name, port->bus.n);
        }
    } else if (w->scope[s].outputs > 0) {   /* they sort last */
        size_t i = w->scope[s].x1 - (size_t)w->scope[s].outputs;
        put_assign(w, w->prefix, "out_o", take_class(w, &i, w->scope[s].x1));
    }
    strbuf_adds(w->out, "endmodule\n");
}

/* Guarded: the files of several circuits may go into one design. */
static void put_library(struct strbuf *out, bool full, bool half)
{
    if (full)
        strbuf_adds(out, "\n// Full adder.\n"
                         "`ifndef AXM_FA\n`define AXM_FA\n"
                         "module axm_fa (\n"
                         "  input  wire a_i,\n"
                         "  input  wire b_i,\n"
                         "  input  wire c_i,\n"
                         "  output wire s_o,\n"
                         "  output wire co_o\n"
                         ");\n"
                         "  wire p = a_i ^ b_i;\n"
                         "  assign s_o = p ^ c_i;\n"
                         "  assign co_o = (a_i & b_i) | (c_i & p);\n"
                         "endmodule\n`endif\n");
    if (half)
        strbuf_adds(out, "\n// Half adder.\n"
                         "`ifndef AXM_HA\n`define AXM_HA\n"
                         "module axm_ha (\n"
                         "  input  wire a_i,\n"
                         "  input  wire b_i,\n"
                         "  output wire s_o,\n"
                         "  output wire co_o\n"
                         ");\n"
                         "  assign s_o = a_i ^ b_i;\n"
                         "  assign co_o = a_i & b_i;\n"
                         "endmodule\n`endif\n");
}

/* Verilator wants a module per file; that one file makes the whole circuit is
 * the point here. */
static const char lint_off[] =
    "\n// Parts of the circuit share its file.\n/* verilator lint_off DECLFILENAME */\n";
static const char lint_on[] = "/* verilator lint_on DECLFILENAME */\n";

void write_verilog_library(struct strbuf *out)
{
    strbuf_adds(out, "// Adder cells of axmul netlists.\n`default_nettype none\n");
    strbuf_adds(out, lint_off);
    put_library(out, true, true);
    strbuf_adds(out, lint_on);
    strbuf_adds(out, "`default_nettype wire\n");
}

static bool prepare(struct writer *w)
{
    const struct netlist *nl = w->nl;
    size_t nets = netlist_nets(nl);
    w->scopes = w->flat ? 1 : netlist_scopes(nl);
    w->scope = calloc((size_t)w->scopes, sizeof *w->scope);
    w->port_of = calloc(nets, sizeof *w->port_of);
    w->read = netlist_read_nets(nl);
    w->ref = calloc(nets, sizeof *w->ref);
    w->list = calloc(nets + BUS_MAX, sizeof *w->list);
    w->width = calloc((size_t)netlist_ports(nl) + 1, sizeof *w->width);
    if (!w->scope || !w->port_of || !w->read || !w->ref || !w->list || !w->width)
        return false;
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; !port->is_output && k < port->bus.n; k++)
            w->port_of[port->bus.bit[k]] = p;
    }
    find_cells(w);
    find_crossings(w);
    name_modules(w);
    return !w->failed;
}

static void release(struct writer *w)
{
    for (int s = 0; w->scope && s < w->scopes; s++)
        free(w->scope[s].module);
    free(w->scope);
    free(w->x);
    free(w->port_of);
    free(w->read);
    free(w->ref);
    free(w->list);
    free(w->width);
}

static void put_modules(struct writer *w, bool library)
{
    struct netlist_stats stats;
    netlist_measure(w->nl, &stats);
    bool full = library && !w->flat && stats.count[CELL_FA] > 0;
    bool half = library && !w->flat && stats.count[CELL_HA] > 0;
    int parts = full + half;
    for (int s = 1; s < w->scopes; s++)
        parts += w->scope[s].end > 0;
    strbuf_adds(w->out, "`default_nettype none\n\n");
    put_module(w, 0);
    if (parts > 0)
        strbuf_adds(w->out, lint_off);
    for (int s = 1; s < w->scopes; s++) {
        if (w->scope[s].end == 0)   /* swept empty */
            continue;
        strbuf_adds(w->out, "\n");
        put_module(w, s);
    }
    put_library(w->out, full, half);
    if (parts > 0)
        strbuf_adds(w->out, lint_on);
    strbuf_adds(w->out, "\n`default_nettype wire\n");
}

enum axm_status write_verilog(const struct netlist *nl, const struct verilog_opts *o,
                              struct strbuf *out)
{
    enum axm_status st = write_begin(nl, "// ", "", out);
    if (st)
        return st;
    struct writer w = { .nl = nl, .out = out, .flat = o->flat,
                        .clock = o->clock ? o->clock : "clk_i" };
    if (!prepare(&w))
        st = fail(AXM_ENV, "%s: out of memory while writing Verilog", netlist_name(nl));
    else if (w.scope[0].clocked && netlist_find_port(nl, w.clock))
        st = fail(AXM_USAGE, "%s: clock name must differ from the ports', got %s",
                  netlist_name(nl), w.clock);
    if (!st) {
        choose_prefix(&w);
        put_modules(&w, !o->no_library);
        st = write_end(nl, out);
    }
    release(&w);
    return st;
}
