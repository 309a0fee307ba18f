#include <stdlib.h>

#include "gen/write_util.h"

static void put_net(struct strbuf *out, net n)
{
    if (n <= NET_1)
        strbuf_adds(out, n == NET_1 ? "(~(W){ 0 })" : "((W){ 0 })");
    else
        strbuf_addf(out, "n%u", n);
}

/* A pattern in which A, B, S stand for the inputs of c. */
static void put_expression(struct strbuf *out, const struct cell *c, const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern == 'A' || *pattern == 'B')
            put_net(out, c->in[*pattern - 'A']);
        else if (*pattern == 'S')
            put_net(out, c->in[2]);
        else
            strbuf_add(out, pattern, 1);
    }
}

static void put_cell(struct strbuf *out, const struct cell *c, const bool *read)
{
    static const char *const expression[CELL_KINDS][2] = {
        [CELL_NOT] = { "~A" },
        [CELL_AND] = { "A & B" },
        [CELL_OR] = { "A | B" },
        [CELL_XOR] = { "A ^ B" },
        [CELL_NAND] = { "~(A & B)" },
        [CELL_NOR] = { "~(A | B)" },
        [CELL_XNOR] = { "~(A ^ B)" },
        [CELL_MUX] = { "(A & ~S) | (B & S)" },
        [CELL_HA] = { "A ^ B", "A & B" },
        [CELL_FA] = { "axm_sum(A, B, S)", "axm_carry(A, B, S)" },
    };
    for (int o = 0; o < cell_outputs(c->kind); o++) {
        if (!read[c->out[o]])
            continue;
        strbuf_addf(out, "    const W n%u = ", c->out[o]);
        put_expression(out, c, expression[c->kind][o]);
        strbuf_adds(out, ";\n");
    }
}

static const char head[] =
    "/* Bit-sliced: bit i of every word is lane i, each lane one evaluation.\n"
    " * Lanes: 64, or -DAXM_LANES=128, 256 or 512 with the vectors of gcc and clang. */\n"
    "#include <stdint.h>\n"
    "\n"
    "#ifndef AXM_LANES\n"
    "#define AXM_LANES 64\n"
    "#endif\n"
    "#if AXM_LANES == 64\n"
    "typedef uint64_t W;\n"
    "#else\n"
    "typedef uint64_t W __attribute__((vector_size(AXM_LANES / 8)));\n"
    "#endif\n"
    "\n"
    "#ifndef AXM_PORT_BITS\n"
    "#define AXM_PORT_BITS\n"
    "/* A full adder: one instruction for each output, where compilers take four for both. */\n"
    "#if defined(__AVX512F__) && AXM_LANES == 512\n"
    "#include <immintrin.h>\n"
    "#define AXM_TERNARY(a, b, c, table) \\\n"
    "    ((W)_mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), table))\n"
    "#define axm_sum(a, b, c) AXM_TERNARY(a, b, c, 0x96)\n"
    "#define axm_carry(a, b, c) AXM_TERNARY(a, b, c, 0xe8)\n"
    "#else\n"
    "#define axm_sum(a, b, c) ((a) ^ (b) ^ (c))\n"
    "#define axm_carry(a, b, c) (((a) & (b)) | ((c) & ((a) ^ (b))))\n"
    "#endif\n"
    "\n"
    "/* A port: width consecutive words of in[] or out[], least significant first. */\n"
    "struct axm_port_bits {\n"
    "    const char *name;   /* 0 ends the list */\n"
    "    int width, is_output;\n"
    "};\n"
    "#endif\n"
    "\n";

static void put_ports(const struct netlist *nl, struct strbuf *out)
{
    strbuf_addf(out, "const struct axm_port_bits %s_bits[] = {\n", netlist_name(nl));
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        strbuf_addf(out, "    { \"%s\", %d, %d },\n", port->name, port->bus.n, port->is_output);
    }
    strbuf_adds(out, "    { 0, 0, 0 },\n};\n\n");
}

/* Registers give what they hold at the start of a call, take theirs at its end. */
static void put_registers(const struct netlist *nl, const bool *read, bool at_end,
                          struct strbuf *out)
{
    int k = 0;
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        if (c->kind != CELL_DFF || !read[c->out[0]])
            continue;
        if (!at_end) {
            strbuf_addf(out, "    const W n%u = state[%d];\n", c->out[0], k++);
            continue;
        }
        strbuf_addf(out, "    state[%d] = ", k++);
        put_net(out, c->in[0]);
        strbuf_adds(out, ";\n");
    }
}

static void put_function(const struct netlist *nl, const bool *read, struct strbuf *out)
{
    struct netlist_stats stats;
    netlist_measure(nl, &stats);
    strbuf_addf(out, "void %s(const W *in, W *out);\n\n", netlist_name(nl));
    strbuf_addf(out, "void %s(const W *in, W *out)\n{\n", netlist_name(nl));
    if (stats.count[CELL_DFF] > 0)
        strbuf_addf(out, "    static W state[%zu];\n", stats.count[CELL_DFF]);
    put_registers(nl, read, false, out);
    for (int p = 0, bit = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; !port->is_output && k < port->bus.n; k++, bit++)
            if (read[port->bus.bit[k]])
                strbuf_addf(out, "    const W n%u = in[%d];\n", port->bus.bit[k], bit);
    }
    for (size_t i = 0; i < netlist_cells(nl); i++)
        if (netlist_cell(nl, i)->kind != CELL_DFF)
            put_cell(out, netlist_cell(nl, i), read);
    put_registers(nl, read, true, out);
    for (int p = 0, bit = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++) {
            strbuf_addf(out, "    out[%d] = ", bit++);
            put_net(out, port->bus.bit[k]);
            strbuf_adds(out, ";\n");
        }
    }
    strbuf_adds(out, "}\n");
}

enum axm_status write_c(const struct netlist *nl, struct strbuf *out)
{
    enum axm_status st = write_begin(nl, "/* ", " */", out);
    if (st)
        return st;
    bool *read = netlist_read_nets(nl);
    if (!read)
        return fail(AXM_ENV, "%s: out of memory while writing C", netlist_name(nl));
    strbuf_adds(out, head);
    put_ports(nl, out);
    put_function(nl, read, out);
    free(read);
    return write_end(nl, out);
}

/* --- in parts --------------------------------------------------------------------------- */

enum { OF_PORT = 1, OF_OTHERS = 2, JOINED = OF_PORT | OF_OTHERS };

struct parts {
    const struct netlist *nl;
    const bool *read;
    unsigned char *depends;     /* by net: OF_PORT | OF_OTHERS */
    bool *crosses;              /* by net: not joined, but read where that is */
    int port;                   /* index among all ports */
};

static void find_parts(struct parts *s)
{
    for (int p = 0; p < netlist_ports(s->nl); p++) {
        const struct port *port = netlist_port(s->nl, p);
        for (int k = 0; !port->is_output && k < port->bus.n; k++)
            s->depends[port->bus.bit[k]] = p == s->port ? OF_PORT : OF_OTHERS;
    }
    for (size_t i = 0; i < netlist_cells(s->nl); i++) {
        const struct cell *c = netlist_cell(s->nl, i);
        unsigned char d = 0;
        for (int k = 0; k < cell_inputs(c->kind); k++)
            d |= s->depends[c->in[k]];
        for (int k = 0; k < cell_outputs(c->kind); k++)
            s->depends[c->out[k]] = d;
        for (int k = 0; d == JOINED && k < cell_inputs(c->kind); k++)
            s->crosses[c->in[k]] = c->in[k] > NET_1 && s->depends[c->in[k]] != JOINED;
    }
    for (int p = 0; p < netlist_ports(s->nl); p++) {
        const struct port *port = netlist_port(s->nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++) {
            net n = port->bus.bit[k];
            s->crosses[n] |= n > NET_1 && s->depends[n] != JOINED;
        }
    }
}

/* A net without inputs behind it counts to the rest. */
static bool is_of(const struct parts *s, net n, unsigned char part)
{
    return s->depends[n] == part || (part == OF_OTHERS && !s->depends[n]);
}

/* What crosses from a part, in order of the nets: format (NULL: none) gets net and place.  Returns how
 * many. */
static int each_crossing(const struct parts *s, unsigned char part, const char *format, struct strbuf *out)
{
    int at = 0;
    for (net n = NET_1 + 1; n < netlist_nets(s->nl); n++)
        if (s->crosses[n] && is_of(s, n, part)) {
            if (format)
                strbuf_addf(out, format, n, at);
            at++;
        }
    return at;
}

static void put_cells(const struct parts *s, unsigned char part, struct strbuf *out)
{
    for (size_t i = 0; i < netlist_cells(s->nl); i++) {
        const struct cell *c = netlist_cell(s->nl, i);
        if (is_of(s, c->out[0], part))
            put_cell(out, c, s->read);
    }
}

static void put_part(const struct parts *s, unsigned char part, const char *name, struct strbuf *out)
{
    int words = each_crossing(s, part, NULL, out);
    strbuf_addf(out, "enum { %s_%s_words = %d };\n", netlist_name(s->nl), name, words);
    strbuf_addf(out, "static inline void %s_%s(const W *in, W *mid)\n{\n", netlist_name(s->nl), name);
    for (int p = 0, bit = 0; p < netlist_ports(s->nl); p++) {
        const struct port *port = netlist_port(s->nl, p);
        bool mine = !port->is_output && (p == s->port) == (part == OF_PORT);
        for (int k = 0; mine && k < port->bus.n; k++, bit++)
            if (s->read[port->bus.bit[k]])
                strbuf_addf(out, "    const W n%u = in[%d];\n", port->bus.bit[k], bit);
    }
    put_cells(s, part, out);
    each_crossing(s, part, "    mid[%2$d] = n%1$u;\n", out);
    strbuf_adds(out, "}\n\n");
}

static void put_join(const struct parts *s, struct strbuf *out)
{
    strbuf_addf(out, "static inline __attribute__((always_inline))\nvoid %s_join(const W *first, ",
                netlist_name(s->nl));
    strbuf_adds(out, "const uint64_t *rest, W *out)\n{\n");
    each_crossing(s, OF_PORT, "    const W n%u = first[%d];\n", out);
    each_crossing(s, OF_OTHERS, "    const W n%u = (W){ 0 } | rest[%d];\n", out);
    put_cells(s, JOINED, out);
    for (int p = 0, bit = 0; p < netlist_ports(s->nl); p++) {
        const struct port *port = netlist_port(s->nl, p);
        for (int k = 0; port->is_output && k < port->bus.n; k++) {
            strbuf_addf(out, "    out[%d] = ", bit++);
            put_net(out, port->bus.bit[k]);
            strbuf_adds(out, ";\n");
        }
    }
    strbuf_adds(out, "}\n");
}

enum axm_status write_c_parts(const struct netlist *nl, int port, struct strbuf *out)
{
    enum axm_status st = write_begin(nl, "/* ", " */", out);
    if (st)
        return st;
    if (netlist_has_registers(nl))
        return fail(AXM_USAGE, "%s: has registers; only combinational circuits are written in parts",
                    netlist_name(nl));
    bool *read = netlist_read_nets(nl);
    struct parts s = { .nl = nl, .read = read, .port = port, .depends = calloc(netlist_nets(nl), 1),
                       .crosses = calloc(netlist_nets(nl), sizeof(bool)) };
    if (!read || !s.depends || !s.crosses) {
        st = fail(AXM_ENV, "%s: out of memory while writing C", netlist_name(nl));
    } else {
        find_parts(&s);
        strbuf_adds(out, head);
        put_part(&s, OF_PORT, "first", out);
        put_part(&s, OF_OTHERS, "rest", out);
        put_join(&s, out);
        st = write_end(nl, out);
    }
    free(read);
    free(s.depends);
    free(s.crosses);
    return st;
}
