/* The writers, each read back by a tool that is not ours: Icarus simulates what
 * the test's own expectation says; Yosys and ABC prove the formats equal;
 * Verilator lints; gcc compiles. */
#include "gen/write.h"

#include "base/file.h"
#include "base/proc.h"
#include "tests/harness.h"
#include "tests/random_netlist.h"

/* --- helpers --------------------------------------------------------------- */

#define NEED(program) \
    do { \
        if (!proc_have(program)) \
            SKIP("no %s", program); \
    } while (0)

static struct strbuf scratch;

static const char *scratch_dir(void)
{
    if (!scratch.s)
        assert_int_equal(file_scratch_dir(&scratch), AXM_OK);
    return scratch.s;
}

static void scratch_end(void)
{
    file_remove_tree(scratch.s);
    strbuf_release(&scratch);
}

static void save(const char *name, const struct strbuf *text)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s", scratch_dir(), name);
    assert_int_equal(file_write(path.s, text->s, text->len), AXM_OK);
    strbuf_release(&path);
}

/* Runs a program in the scratch directory; *out (may be NULL) gets all it says. */
static enum axm_status run(struct strbuf *out, const char *const argv[])
{
    return proc_run(argv, &(struct proc_opts){ .dir = scratch_dir(), .out = out, .err = out });
}
#define RUN(out, ...) run(out, (const char *const[]){ __VA_ARGS__, NULL })

static void save_verilog(const struct netlist *nl, bool flat, const char *name)
{
    struct strbuf b = { 0 };
    assert_int_equal(write_verilog(nl, &(struct verilog_opts){ .flat = flat }, &b), AXM_OK);
    save(name, &b);
    strbuf_release(&b);
}

typedef enum axm_status writer_fn(const struct netlist *nl, struct strbuf *out);

static void save_as(const struct netlist *nl, writer_fn *writer, const char *name)
{
    struct strbuf b = { 0 };
    assert_int_equal(writer(nl, &b), AXM_OK);
    save(name, &b);
    strbuf_release(&b);
}

static void random_swept(uint64_t seed, struct random_case *r)
{
    random_netlist(seed, r);
    assert_non_null(r->nl);
    assert_int_equal(netlist_sweep(r->nl), AXM_OK);
}

/* The value of a bus on one evaluation, as binary digits. */
static void put_bits(struct strbuf *b, const uint64_t *word, int n, int lane)
{
    strbuf_addf(b, "%d'b", n);
    for (int k = n - 1; k >= 0; k--)
        strbuf_addf(b, "%d", (int)(word[k] >> lane & 1));
}

/* A test bench: an evaluation per clock, each output `latency` clocks after its
 * input; prints BAD or OK. */
static void save_bench(const struct random_case *r, int latency)
{
    struct strbuf b = { 0 };
    strbuf_addf(&b, "module bench;\n  reg clk = 0;\n  reg [%d:0] in;\n  wire [%d:0] out;\n"
                    "  integer bad = 0;\n  rnd dut (", RANDOM_IN - 1, r->n_out - 1);
    if (latency > 0)
        strbuf_adds(&b, ".clk_i(clk), ");
    strbuf_addf(&b, ".a_i(in[10:0]), .b_i(in[18:11]), .x_i(in[19]), .p_o(out[%d:0]), .q_o(out[%d]));\n"
                    "  initial begin\n", r->n_out - 2, r->n_out - 1);
    for (int t = 0; t < 64 + latency; t++) {
        if (t < 64) {
            strbuf_adds(&b, "    in = ");
            put_bits(&b, r->in, RANDOM_IN, t);
            strbuf_adds(&b, "; #1;\n");
        }
        if (t >= latency) {
            strbuf_adds(&b, "    if (out !== ");
            put_bits(&b, r->out, r->n_out, t - latency);
            strbuf_adds(&b, ") bad = bad + 1;\n");
        }
        strbuf_adds(&b, "    clk = 1; #1; in = ~in; #1; clk = 0; #1;\n");   /* the rising edge counts */
    }
    strbuf_adds(&b, "    if (bad == 0) $display(\"OK\"); else $display(\"BAD %d\", bad);\n"
                    "  end\nendmodule\n");
    save("bench.v", &b);
    strbuf_release(&b);
}

static void simulate(const char *verilog, uint64_t seed, const char *what)
{
    struct strbuf out = { 0 };
    assert_int_equal(RUN(&out, "iverilog", "-g2005", "-o", "bench.vvp", "bench.v", verilog), AXM_OK);
    assert_int_equal(RUN(&out, "vvp", "-n", "bench.vvp"), AXM_OK);
    CHECK(out.s && strcmp(out.s, "OK\n") == 0, "seed %d, %s: %s", (int)seed, what, out.s);
    strbuf_release(&out);
}

static int count(const struct strbuf *b, const char *word)
{
    int n = 0;
    for (const char *s = b->s; s && (s = strstr(s, word)); s++)
        n++;
    return n;
}

/* --- Verilog ------------------------------------------------------------------ */

TEST(test_write__icarus_computes_what_the_netlist_should)
{
    NEED("iverilog");
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct random_case r;
        random_swept(seed, &r);
        save_bench(&r, 0);
        save_verilog(r.nl, false, "rnd.v");
        simulate("rnd.v", seed, "hierarchical");
        save_verilog(r.nl, true, "rnd.v");
        simulate("rnd.v", seed, "flat");
        for (int stages = 0; stages < 4; stages += 3) {
            struct netlist *reg = netlist_registered(r.nl, true, seed % 2, stages);
            save_bench(&r, 1 + (stages ? stages : (int)(seed % 2)));
            save_verilog(reg, false, "rnd.v");
            simulate("rnd.v", seed, "registered, hierarchical");
            save_verilog(reg, true, "rnd.v");
            simulate("rnd.v", seed, "registered, flat");
            netlist_free(reg);
        }
        netlist_free(r.nl);
    }
    scratch_end();
}

static void check_lint(const struct netlist *nl, const char *file, uint64_t seed)
{
    for (int flat = 0; flat < 2; flat++) {
        struct strbuf said = { 0 };
        save_verilog(nl, flat, file);
        assert_int_equal(RUN(&said, "verilator", "--lint-only", "-Wall", file), AXM_OK);
        CHECK(said.len == 0, "seed %d, flat %d: %s", (int)seed, flat, said.s);
        strbuf_release(&said);
    }
}

TEST(test_write__verilator_lint_is_silent)
{
    NEED("verilator");
    for (uint64_t seed = 100; seed < 105; seed++) {
        struct random_case r;
        random_netlist(seed, &r);
        if (seed % 3 == 0)
            check_lint(r.nl, "rnd.v", seed);   /* with everything that is dead */
        assert_int_equal(netlist_sweep(r.nl), AXM_OK);
        check_lint(r.nl, "rnd.v", seed);
        struct netlist *reg = netlist_registered(r.nl, seed % 2, true, 2);
        check_lint(reg, "rnd.v", seed);
        netlist_free(reg);
        netlist_free(r.nl);
    }
    scratch_end();
}

/* A small circuit whose ports have the names that the writers would like. */
static struct netlist *clashing_netlist(void)
{
    struct netlist *nl = netlist_new("clash");
    struct bus a = netlist_add_input(nl, "n7", 3), b = netlist_add_input(nl, "in_i", 2);
    struct bus c = netlist_add_input(nl, "x_n7", 1), d = netlist_add_input(nl, "part_o", 1);
    struct bus out = { .n = 3 };
    net s, co;
    netlist_half_adder(nl, a.bit[0], b.bit[0], &s, &co);
    netlist_scope_enter(nl, "part");
    netlist_scope_enter(nl, "a");
    net x = netlist_xor(nl, s, b.bit[1]);
    netlist_scope_leave(nl);
    netlist_full_adder(nl, x, c.bit[0], co, &out.bit[0], &out.bit[1]);
    netlist_scope_leave(nl);
    netlist_scope_enter(nl, "part_a");   /* the module clash_part_a exists already */
    out.bit[2] = netlist_mux(nl, d.bit[0], out.bit[1], a.bit[1]);
    netlist_scope_leave(nl);
    netlist_add_output(nl, "out_o", &out);
    assert_int_equal(netlist_sweep(nl), AXM_OK);
    return nl;
}

TEST(test_write__no_name_clashes_with_a_port)
{
    NEED("verilator");
    struct netlist *nl = clashing_netlist();
    check_lint(nl, "clash.v", 0);
    netlist_free(nl);
    scratch_end();
}

TEST(test_write__verilog_by_hand)
{
    struct netlist *nl = netlist_new("tiny");
    netlist_set_origin(nl, "axmul gen tiny");
    struct bus a = netlist_add_input(nl, "a_i", 2), b = netlist_add_input(nl, "b_i", 1);
    struct bus out = { .n = 2, .bit = { NET_1 } };
    out.bit[1] = netlist_nand(nl, b.bit[0], a.bit[1]);
    netlist_add_output(nl, "p_o", &out);
    struct strbuf text = { 0 };
    assert_int_equal(write_verilog(nl, &(struct verilog_opts){ 0 }, &text), AXM_OK);
    assert_string_equal(text.s, "// tiny: made by \"axmul gen tiny\"; do not edit.\n"
                                "`default_nettype none\n"
                                "\n"
                                "module tiny (\n"
                                "  input  wire [1:0] a_i,\n"
                                "  input  wire b_i,\n"
                                "  output wire [1:0] p_o\n"
                                ");\n"
                                "  wire n5 = ~(a_i[1] & b_i);\n"
                                "  wire unused_inputs = &{1'b0, a_i[0]};\n"
                                "  assign p_o = {n5, 1'b1};\n"
                                "endmodule\n"
                                "\n"
                                "`default_nettype wire\n");
    strbuf_release(&text);
    netlist_free(nl);
}

/* no_library leaves out the adder cells and write_verilog_library() has them. */
TEST(test_write__library_apart_makes_one_circuit)
{
    NEED("yosys");
    struct random_case r;
    random_swept(7, &r);
    struct strbuf b = { 0 }, log = { 0 };
    write_verilog_library(&b);
    assert_int_equal(write_verilog(r.nl, &(struct verilog_opts){ .no_library = true }, &b), AXM_OK);
    assert_int_equal(count(&b, "module axm_fa "), 1);
    assert_int_equal(count(&b, "module axm_ha "), 1);
    save("rnd.v", &b);
    assert_int_equal(RUN(&log, "yosys", "-q", "-p", "read_verilog rnd.v; hierarchy -check -top rnd"),
                     AXM_OK);
    strbuf_release(&b);
    strbuf_release(&log);
    netlist_free(r.nl);
    scratch_end();
}

TEST(test_write__lines_are_short)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct random_case r;
        random_swept(seed, &r);
        struct strbuf b = { 0 };
        assert_int_equal(write_verilog(r.nl, &(struct verilog_opts){ 0 }, &b), AXM_OK);
        for (const char *s = b.s; *s; s += strcspn(s, "\n") + 1) {
            size_t len = strcspn(s, "\n");
            CHECK(len <= 100 && (len == 0 || s[len - 1] != ' '), "%.*s", (int)len, s);
        }
        strbuf_release(&b);
        netlist_free(r.nl);
    }
}

/* --- equivalence of the formats ------------------------------------------------- */

TEST(test_write__abc_proves_the_formats_equal)
{
    NEED("yosys");
    NEED("berkeley-abc");
    for (uint64_t seed = 200; seed < 206; seed++) {
        struct random_case r;
        random_swept(seed, &r);
        save_verilog(r.nl, false, "hier.v");
        save_verilog(r.nl, true, "flat.v");
        save_as(r.nl, write_blif, "ours.blif");
        save_as(r.nl, write_aiger, "ours.aig");
        struct strbuf out = { 0 };
        assert_int_equal(RUN(&out, "yosys", "-q", "-p",
                             "read_verilog hier.v; prep -flatten -top rnd; aigmap; "
                             "write_aiger -symbols hier.aig; design -reset; "
                             "read_verilog flat.v; prep -flatten -top rnd; aigmap; "
                             "write_aiger -symbols flat.aig; design -reset; "
                             "read_blif -wideports ours.blif; prep -flatten -top rnd; techmap; aigmap; "
                             "write_aiger -symbols blif.aig; design -reset; "
                             "read_aiger -module_name rnd -wideports ours.aig; prep -top rnd; aigmap; "
                             "write_aiger -symbols aig.aig"), AXM_OK);
        strbuf_reset(&out);
        assert_int_equal(RUN(&out, "berkeley-abc", "-c",
                             "cec ours.blif ours.aig; cec ours.aig hier.aig; cec ours.aig flat.aig; "
                             "cec ours.aig blif.aig; cec ours.aig aig.aig; &r ours.aig; &ps"), AXM_OK);
        CHECK(count(&out, "Networks are equivalent") == 5, "seed %d: %s", (int)seed, out.s);
        strbuf_release(&out);
        netlist_free(r.nl);
    }
    scratch_end();
}

/* An AIGER reader of our own, from the format's definition (Biere 2007). */
static const char *eval_aiger(const struct strbuf *b, const uint64_t *in, uint64_t *out, int n_out)
{
    unsigned m, i, l, o, a;
    int used = 0;
    if (sscanf(b->s, "aig %u %u %u %u %u\n%n", &m, &i, &l, &o, &a, &used) != 5 || l != 0
        || m != i + a || (int)o != n_out)
        return "header";
    uint64_t *v = calloc(m + 1, sizeof *v);
    memcpy(v + 1, in, i * sizeof *v);
    const char *s = b->s + used;
    unsigned lit[RANDOM_OUT_MAX];
    for (unsigned k = 0; k < o; k++)
        lit[k] = (unsigned)strtoul(s, (char **)&s, 10), s++;
    for (unsigned k = 0; k < a; k++) {
        unsigned rhs[2], last = 2 * (i + k + 1);
        for (int j = 0; j < 2; j++) {
            unsigned delta = 0, shift = 0;
            do
                delta |= (unsigned)(*s & 0x7f) << shift, shift += 7;
            while (*s++ & 0x80);
            rhs[j] = last -= delta;
        }
        v[i + k + 1] = (v[rhs[0] / 2] ^ -(uint64_t)(rhs[0] & 1))
                       & (v[rhs[1] / 2] ^ -(uint64_t)(rhs[1] & 1));
    }
    for (unsigned k = 0; k < o; k++)
        out[k] = v[lit[k] / 2] ^ -(uint64_t)(lit[k] & 1);
    free(v);
    return strncmp(s, "i0 a_i[0]\n", 10) == 0 ? NULL : "symbols";
}

TEST(test_write__aiger_computes_what_the_netlist_should)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct random_case r;
        random_swept(seed, &r);
        struct strbuf b = { 0 };
        assert_int_equal(write_aiger(r.nl, &b), AXM_OK);
        uint64_t out[RANDOM_OUT_MAX];
        const char *wrong = eval_aiger(&b, r.in, out, r.n_out);
        CHECK(!wrong, "seed %d: %s", (int)seed, wrong);
        for (int k = 0; k < r.n_out; k++)
            CHECK(out[k] == r.out[k], "seed %d, output %d", (int)seed, k);
        strbuf_release(&b);
        netlist_free(r.nl);
    }
}

static unsigned aiger_nodes(struct netlist *nl, const struct bus *out)
{
    struct strbuf b = { 0 };
    unsigned nodes = 0;
    netlist_add_output(nl, "y_o", out);
    assert_int_equal(write_aiger(nl, &b), AXM_OK);
    assert_int_equal(sscanf(b.s, "aig %*u %*u 0 %*u %u", &nodes), 1);
    strbuf_release(&b);
    netlist_free(nl);
    return nodes;
}

/* Node counts by hand: a XOR is 3 nodes, one of them the AND of its inputs. */
TEST(test_write__aiger_shares_nodes)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, "x_i", 64), out = { .n = 5 };
    net a = in.bit[0], b = in.bit[1];
    netlist_half_adder(nl, a, b, &out.bit[0], &out.bit[1]);
    out.bit[2] = netlist_nand(nl, b, a);
    out.bit[3] = netlist_xnor(nl, b, a);
    out.bit[4] = netlist_or(nl, a, b);
    assert_int_equal(aiger_nodes(nl, &out), 3);

    nl = netlist_new("t");
    in = netlist_add_input(nl, "x_i", 64);
    out.n = 2;
    netlist_full_adder(nl, a, b, in.bit[2], &out.bit[0], &out.bit[1]);
    assert_int_equal(aiger_nodes(nl, &out), 7);

    nl = netlist_new("t");   /* every pair of 64 inputs: none may be taken for another */
    in = netlist_add_input(nl, "x_i", 64);
    out.n = 1;
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < i; j++)
            out.bit[0] = netlist_and(nl, in.bit[i], in.bit[j]);
    assert_int_equal(aiger_nodes(nl, &out), 64 * 63 / 2);

    nl = netlist_new("t");   /* x & !x, which the netlist would not let pass */
    in = netlist_add_input(nl, "x_i", 64);
    out.bit[0] = netlist_and(nl, a, netlist_not(nl, b));
    const net same[3] = { b, netlist_not(nl, b) };
    struct netlist *contradiction = netlist_copy_altered(nl, 1, CELL_AND, same);
    netlist_free(nl);
    assert_int_equal(aiger_nodes(contradiction, &out), 0);
}

TEST(test_write__blif_with_registers_is_the_delayed_function)
{
    NEED("yosys");
    NEED("iverilog");
    struct random_case r;
    random_swept(3, &r);
    struct netlist *reg = netlist_registered(r.nl, true, true, 2);
    save_as(reg, write_blif, "rnd.blif");
    assert_int_equal(RUN(NULL, "yosys", "-q", "-p",
                         "read_blif -wideports rnd.blif; techmap; write_verilog -noattr blif.v"), AXM_OK);
    save_bench(&r, 3);
    simulate("blif.v", 3, "BLIF");
    netlist_free(reg);
    netlist_free(r.nl);
    scratch_end();
}

/* --- C --------------------------------------------------------------------------- */

/* A main() that feeds the 64 evaluations, in every 64-lane part of the words
 * rotated by as many bits as the part's number, and prints OK. */
static void save_main(const struct random_case *r, int latency)
{
    struct strbuf b = { 0 };
    strbuf_addf(&b, "#include <stdio.h>\n#include \"rnd.c\"\n"
                    "static const uint64_t in[%d] = {", RANDOM_IN);
    for (int k = 0; k < RANDOM_IN; k++)
        strbuf_addf(&b, "0x%lxu,", (unsigned long)r->in[k]);
    strbuf_addf(&b, "}, out[%d] = {", r->n_out);
    for (int k = 0; k < r->n_out; k++)
        strbuf_addf(&b, "0x%lxu,", (unsigned long)r->out[k]);
    strbuf_addf(&b, "};\n"
                    "int main(void)\n{\n"
                    "    union { W w[%d]; uint64_t u[%d][AXM_LANES / 64]; } x, y;\n"
                    "    for (int k = 0; k < %d; k++)\n"
                    "        for (int j = 0; j < AXM_LANES / 64; j++)\n"
                    "            x.u[k][j] = in[k] << j | in[k] >> (64 - j) %% 64;\n"
                    "    for (int t = 0; t <= %d; t++)\n"
                    "        rnd(x.w, y.w);\n", RANDOM_IN, RANDOM_IN, RANDOM_IN, latency);
    strbuf_addf(&b, "    for (int k = 0; k < %d; k++)\n"
                    "        for (int j = 0; j < AXM_LANES / 64; j++)\n"
                    "            if (y.u[k][j] != (out[k] << j | out[k] >> (64 - j) %% 64))\n"
                    "                return printf(\"output %%d\", k);\n"
                    "    if (rnd_bits[0].width != 11 || rnd_bits[3].is_output != 1 || rnd_bits[5].name)\n"
                    "        return printf(\"bits\");\n"
                    "    return printf(\"OK\") != 2;\n}\n", r->n_out);
    save("main.c", &b);
    strbuf_release(&b);
}

TEST(test_write__c_computes_what_the_netlist_should)
{
    NEED("gcc");
    static const char *const lanes[] = { "-DAXM_LANES=64", "-DAXM_LANES=128", "-DAXM_LANES=256",
                                         "-DAXM_LANES=512" };
    for (uint64_t seed = 300; seed < 302; seed++) {
        struct random_case r;
        random_swept(seed, &r);
        struct netlist *reg = netlist_registered(r.nl, true, true, 2);
        for (int i = 0; i < 8; i++) {
            struct strbuf out = { 0 };
            save_as(i < 4 ? r.nl : reg, write_c, "rnd.c");
            save_main(&r, i < 4 ? 0 : 3);
            assert_int_equal(RUN(&out, "gcc", "-std=c11", "-O1", "-Wall", "-Werror", "-Wno-psabi",
                                 lanes[i % 4], "-o", "main", "main.c"), AXM_OK);
            assert_int_equal(RUN(&out, "./main"), AXM_OK);
            CHECK(out.s && strcmp(out.s, "OK") == 0, "seed %d, %s: %s", (int)seed, lanes[i % 4], out.s);
            strbuf_release(&out);
        }
        netlist_free(reg);
        netlist_free(r.nl);
    }
    scratch_end();
}

/* --- all ----------------------------------------------------------------------------- */

TEST(test_write__graphviz_reads_dot)
{
    NEED("dot");
    struct random_case r;
    random_swept(5, &r);
    save_as(r.nl, write_dot, "rnd.dot");
    struct strbuf out = { 0 };
    assert_int_equal(RUN(&out, "dot", "-Tcanon", "rnd.dot"), AXM_OK);
    assert_true(count(&out, "label=FA") > 0 && count(&out, "subgraph") > 0);
    strbuf_release(&out);
    netlist_free(r.nl);
    scratch_end();
}

static enum axm_status write_flat(const struct netlist *nl, struct strbuf *out)
{
    return write_verilog(nl, &(struct verilog_opts){ .flat = true }, out);
}

static enum axm_status write_hierarchy(const struct netlist *nl, struct strbuf *out)
{
    return write_verilog(nl, &(struct verilog_opts){ 0 }, out);
}

static writer_fn *const writers[] = { write_flat, write_hierarchy, write_blif, write_aiger,
                                      write_dot, write_c };

TEST(test_write__bytes_repeat)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct random_case r, again;
        random_swept(seed, &r);
        void *hole = malloc(1000 * seed + 1);   /* other addresses the second time */
        random_swept(seed, &again);
        for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
            struct strbuf b = { 0 }, c = { 0 };
            assert_int_equal(writers[i](r.nl, &b), AXM_OK);
            assert_int_equal(writers[i](again.nl, &c), AXM_OK);
            assert_int_equal(b.len, c.len);
            assert_memory_equal(b.s, c.s, b.len);
            strbuf_release(&b);
            strbuf_release(&c);
        }
        free(hole);
        netlist_free(again.nl);
        netlist_free(r.nl);
    }
}

TEST(test_write__origin_cannot_end_its_comment)
{
    struct random_case r;
    random_swept(1, &r);
    netlist_set_origin(r.nl, "axmul gen verilog:a*/b.v\nmodule");
    struct strbuf b = { 0 };
    assert_int_equal(write_c(r.nl, &b), AXM_OK);
    const char *line = "/* rnd: made by \"axmul gen verilog:a* /b.v module\"; do not edit. */\n";
    assert_memory_equal(b.s, line, strlen(line));
    strbuf_release(&b);
    netlist_free(r.nl);
}

static void no_message(void *user, enum axm_status st, const char *line)
{
    (void)user;
    (void)st;
    (void)line;
}

static struct netlist *clocked(const char *input)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, input, 1), out = { .n = 1 };
    out.bit[0] = netlist_dff(nl, in.bit[0]);
    netlist_add_output(nl, "q_o", &out);
    return nl;
}

TEST(test_write__what_a_format_cannot_say_bad)
{
    struct strbuf b = { 0 };
    struct netlist *nl = clocked("clk_i");
    axm_set_message_handler(no_message, NULL);
    assert_int_equal(write_aiger(nl, &b), AXM_USAGE);
    assert_non_null(strstr(axm_last_message(), "combinational"));
    assert_int_equal(write_blif(nl, &b), AXM_USAGE);
    assert_int_equal(write_hierarchy(nl, &b), AXM_USAGE);
    assert_non_null(strstr(axm_last_message(), "clk_i"));
    assert_int_equal(write_verilog(nl, &(struct verilog_opts){ .clock = "clock" }, &b), AXM_OK);
    const net in[3] = { 3 };   /* its own output */
    struct netlist *broken = netlist_copy_altered(nl, 0, CELL_DFF, in);
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
        assert_int_equal(writers[i](broken, &b), AXM_USAGE);
    axm_set_message_handler(NULL, NULL);
    netlist_free(broken);
    netlist_free(nl);
    strbuf_release(&b);
}
