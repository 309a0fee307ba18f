#include "gen/netlist.h"
#include "tests/harness.h"
#include "tests/random_netlist.h"

/* --- helpers --------------------------------------------------------------- */

static net make(struct netlist *nl, enum cell_kind kind, const net x[3], net *second)
{
    net sum;
    switch (kind) {
    case CELL_NOT: return netlist_not(nl, x[0]);
    case CELL_AND: return netlist_and(nl, x[0], x[1]);
    case CELL_OR: return netlist_or(nl, x[0], x[1]);
    case CELL_XOR: return netlist_xor(nl, x[0], x[1]);
    case CELL_NAND: return netlist_nand(nl, x[0], x[1]);
    case CELL_NOR: return netlist_nor(nl, x[0], x[1]);
    case CELL_XNOR: return netlist_xnor(nl, x[0], x[1]);
    case CELL_MUX: return netlist_mux(nl, x[2], x[0], x[1]);
    case CELL_HA: netlist_half_adder(nl, x[0], x[1], &sum, second); return sum;
    case CELL_FA: netlist_full_adder(nl, x[0], x[1], x[2], &sum, second); return sum;
    default: return netlist_dff(nl, x[0]);
    }
}

/* Truth tables of the kinds, one lane at a time, from the comments in netlist.h. */
static int definition(enum cell_kind kind, int output, int a, int b, int c)
{
    switch (kind) {
    case CELL_NOT: return !a;
    case CELL_AND: return a && b;
    case CELL_OR: return a || b;
    case CELL_XOR: return a != b;
    case CELL_NAND: return !(a && b);
    case CELL_NOR: return !(a || b);
    case CELL_XNOR: return a == b;
    case CELL_MUX: return c ? b : a;
    case CELL_HA: return output ? (a + b) / 2 : (a + b) % 2;
    case CELL_FA: return output ? (a + b + c) / 2 : (a + b + c) % 2;
    default: return a;
    }
}

/* No cell that a fold should have removed. */
static void check_folded(const struct netlist *nl)
{
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        for (int k = 0; k < cell_inputs(c->kind); k++) {
            CHECK(c->in[k] > NET_1, "cell %zu (%s) reads a constant", i, cell_name(c->kind));
            for (int j = 0; j < k; j++) {
                CHECK(c->in[j] != c->in[k], "cell %zu (%s) reads a net twice", i, cell_name(c->kind));
                CHECK(c->in[j] < c->in[k] || c->kind == CELL_MUX, "cell %zu (%s): inputs not sorted",
                      i, cell_name(c->kind));
                long d = netlist_driver(nl, c->in[k]);
                CHECK(d < 0 || netlist_cell(nl, (size_t)d)->kind != CELL_NOT
                          || netlist_cell(nl, (size_t)d)->in[0] != c->in[j],
                      "cell %zu (%s) reads x and !x", i, cell_name(c->kind));
            }
        }
    }
}

/* Value of a net on one lane, by recursion from the outputs; registers are wires. */
static int recurse(const struct netlist *nl, net n, const uint64_t *in, int lane)
{
    if (n <= NET_1)
        return (int)n;
    long d = netlist_driver(nl, n);
    if (d < 0) {
        for (int p = 0, at = 0; p < netlist_ports(nl); p++) {
            const struct port *port = netlist_port(nl, p);
            for (int k = 0; !port->is_output && k < port->bus.n; k++, at++)
                if (port->bus.bit[k] == n)
                    return (int)(in[at] >> lane & 1);
        }
        abort();
    }
    const struct cell *c = netlist_cell(nl, (size_t)d);
    int v[3] = { 0 };
    for (int k = 0; k < cell_inputs(c->kind); k++)
        v[k] = recurse(nl, c->in[k], in, lane);
    return definition(c->kind, n != c->out[0], v[0], v[1], v[2]);
}

static void check_outputs(const struct random_case *r, const struct netlist *nl, uint64_t seed,
                          const char *what)
{
    uint64_t out[RANDOM_OUT_MAX];
    netlist_eval64(nl, r->in, out);
    for (int k = 0; k < r->n_out; k++)
        CHECK(out[k] == r->out[k], "seed %d, %s: output %d is %lx, not %lx", (int)seed, what, k,
              (long)out[k], (long)r->out[k]);
}

/* --- folding and sharing ----------------------------------------------------- */

/* Every kind over every choice of inputs out of 0, 1, three inputs, their
 * inverses and the gates of two of them, so that every fold is met. */
TEST(test_netlist__every_fold_keeps_the_truth_table)
{
    enum { FORMS = 15 };
    for (int kind = 0; kind < CELL_KINDS; kind++) {
        int inputs = cell_inputs(kind);
        int total = inputs == 1 ? FORMS : inputs == 2 ? FORMS * FORMS : FORMS * FORMS * FORMS;
        for (int choice = 0; choice < total; choice++) {
            struct netlist *nl = netlist_new("t");
            struct bus in = netlist_add_input(nl, "x_i", 3);
            net a = in.bit[0], b = in.bit[1], c = in.bit[2];
            net form[FORMS] = { NET_0, NET_1, a, b, c };
            form[5] = netlist_not(nl, a);
            form[6] = netlist_not(nl, b);
            form[7] = netlist_not(nl, c);
            form[8] = netlist_and(nl, a, b);
            form[9] = netlist_nand(nl, a, b);
            form[10] = netlist_or(nl, a, b);
            form[11] = netlist_nor(nl, a, b);
            form[12] = netlist_xor(nl, a, b);
            form[13] = netlist_xnor(nl, a, b);
            form[14] = netlist_mux(nl, c, a, b);
            net x[3] = { form[choice % FORMS], form[choice / FORMS % FORMS],
                         form[choice / FORMS / FORMS] };
            struct bus out = { .n = 5, .bit = { [2] = x[0], [3] = x[1], [4] = x[2] } };
            out.bit[0] = make(nl, kind, x, &out.bit[1]);
            netlist_add_output(nl, "y_o", &out);
            assert_int_equal(netlist_check(nl), AXM_OK);
            check_folded(nl);
            const uint64_t words[3] = { 0xaa, 0xcc, 0xf0 };
            uint64_t y[5];
            netlist_eval64(nl, words, y);
            for (int lane = 0; lane < 8; lane++)
                for (int o = 0; o < cell_outputs(kind); o++)
                    CHECK((int)(y[o] >> lane & 1)
                              == definition(kind, o, y[2] >> lane & 1, y[3] >> lane & 1,
                                            y[4] >> lane & 1),
                          "%s of forms %d, %d, %d: output %d, lane %d", cell_name(kind),
                          choice % FORMS, choice / FORMS % FORMS, choice / FORMS / FORMS, o, lane);
            netlist_free(nl);
        }
    }
}

TEST(test_netlist__folds_to_the_expected_cells)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, "x_i", 3);
    net a = in.bit[0], b = in.bit[1], c = in.bit[2], s, co;
    net na = netlist_not(nl, a);
    assert_int_equal(netlist_not(nl, na), a);
    assert_int_equal(netlist_and(nl, a, na), NET_0);
    assert_int_equal(netlist_or(nl, na, a), NET_1);
    assert_int_equal(netlist_xor(nl, a, NET_1), na);
    assert_int_equal(netlist_xor(nl, netlist_nand(nl, a, b), netlist_and(nl, b, a)), NET_1);
    netlist_half_adder(nl, a, NET_0, &s, &co);
    assert_true(s == a && co == NET_0);
    netlist_half_adder(nl, NET_1, a, &s, &co);
    assert_true(s == na && co == a);
    netlist_half_adder(nl, a, a, &s, &co);
    assert_true(s == NET_0 && co == a);
    netlist_half_adder(nl, na, a, &s, &co);
    assert_true(s == NET_1 && co == NET_0);
    net hs, hc;
    netlist_half_adder(nl, a, b, &hs, &hc);
    netlist_full_adder(nl, b, NET_0, a, &s, &co);   /* the same half adder */
    assert_true(s == hs && co == hc);
    netlist_full_adder(nl, a, NET_1, b, &s, &co);
    assert_true(s == netlist_xnor(nl, a, b) && co == netlist_or(nl, a, b));
    netlist_full_adder(nl, NET_1, b, NET_1, &s, &co);
    assert_true(s == b && co == NET_1);
    netlist_full_adder(nl, b, c, b, &s, &co);
    assert_true(s == c && co == b);
    netlist_full_adder(nl, na, c, a, &s, &co);
    assert_true(s == netlist_not(nl, c) && co == c);
    assert_int_equal(netlist_mux(nl, c, NET_0, NET_1), c);
    assert_int_equal(netlist_mux(nl, c, a, a), a);
    assert_int_equal(netlist_mux(nl, netlist_not(nl, c), a, b), netlist_mux(nl, c, b, a));
    assert_int_equal(netlist_mux(nl, c, a, na), netlist_xor(nl, a, c));
    assert_int_equal(netlist_dff(nl, NET_1), NET_1);
    netlist_free(nl);
}

TEST(test_netlist__the_same_cell_is_made_once)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, "x_i", 3);
    net a = in.bit[0], b = in.bit[1], c = in.bit[2], s, co;
    for (int kind = 0; kind < CELL_KINDS; kind++) {
        net x[3] = { a, b, c }, y[3] = { b, a, c }, carry, again;
        net first = make(nl, kind, x, &carry);
        size_t cells = netlist_cells(nl);
        assert_int_equal(make(nl, kind, x, &again), first);
        if (kind != CELL_MUX && cell_inputs(kind) > 1)
            assert_int_equal(make(nl, kind, y, &again), first);
        assert_int_equal(netlist_cells(nl), cells);
    }
    netlist_half_adder(nl, a, b, &s, &co);   /* an adder cell is no pair of gates */
    assert_true(s != netlist_xor(nl, a, b) && co != netlist_and(nl, a, b));
    /* Thousands of cells, made a second time: the table grew and still finds them. */
    net n[3000] = { a, b };
    for (int round = 0; round < 2; round++) {
        for (int i = 2; i < 3000; i++) {
            net x = netlist_nand(nl, n[i - 1], n[i - 2]);
            assert_true(round == 0 || x == n[i]);
            n[i] = x;
        }
    }
    /* Adders that differ in the last input only. */
    netlist_full_adder(nl, a, b, c, &s, &co);
    for (int i = 2; i < 3000; i++) {
        net sum, carry;
        netlist_full_adder(nl, a, b, n[i], &sum, &carry);
        assert_true(sum > s && carry > co);
        s = sum;
        co = carry;
    }
    netlist_free(nl);
}

/* --- random netlists ----------------------------------------------------------- */

TEST(test_netlist__random_netlists_compute_what_they_should)
{
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct random_case r;
        random_netlist(seed, &r);
        assert_int_equal(netlist_check(r.nl), AXM_OK);
        check_folded(r.nl);
        check_outputs(&r, r.nl, seed, "as built");
        struct netlist *copy = netlist_copy(r.nl);
        check_outputs(&r, copy, seed, "copy");
        assert_int_equal(netlist_sweep(r.nl), AXM_OK);
        assert_int_equal(netlist_check(r.nl), AXM_OK);
        check_folded(r.nl);
        check_outputs(&r, r.nl, seed, "swept");
        assert_true(netlist_cells(r.nl) <= 3 * netlist_cells(copy));
        netlist_free(copy);
        netlist_free(r.nl);
    }
}

TEST(test_netlist__eval64_equals_recursion)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct random_case r;
        random_netlist(seed, &r);
        assert_int_equal(netlist_sweep(r.nl), AXM_OK);
        uint64_t out[RANDOM_OUT_MAX];
        netlist_eval64(r.nl, r.in, out);
        int at = 0;
        for (int p = 0; p < netlist_ports(r.nl); p++) {
            const struct port *port = netlist_port(r.nl, p);
            for (int k = 0; port->is_output && k < port->bus.n; k++, at++)
                CHECK(recurse(r.nl, port->bus.bit[k], r.in, 17) == (int)(out[at] >> 17 & 1),
                      "seed %d, output %d", (int)seed, at);
        }
        netlist_free(r.nl);
    }
}

/* --- sweeping and measuring ------------------------------------------------------ */

static struct netlist *adder_netlist(bool full, bool use_sum, bool use_carry, bool with_dead)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, "x_i", 3), out = { .n = 0 };
    net s, co;
    if (with_dead)
        netlist_nor(nl, in.bit[0], in.bit[2]);
    if (full)
        netlist_full_adder(nl, in.bit[0], in.bit[1], in.bit[2], &s, &co);
    else
        netlist_half_adder(nl, in.bit[0], in.bit[1], &s, &co);
    if (use_sum)
        out.bit[out.n++] = s;
    if (use_carry)
        out.bit[out.n++] = co;
    netlist_add_output(nl, "y_o", &out);
    assert_int_equal(netlist_sweep(nl), AXM_OK);
    return nl;
}

TEST(test_netlist__sweep_keeps_what_outputs_need)
{
    static const struct {
        bool full, sum, carry;
        int cells, and, or, xor, ha, fa;
    } cases[] = {
        { false, true, true, .cells = 1, .ha = 1 },
        { false, true, false, .cells = 1, .xor = 1 },
        { false, false, true, .cells = 1, .and = 1 },
        { true, true, true, .cells = 1, .fa = 1 },
        { true, true, false, .cells = 2, .xor = 2 },
        { true, false, true, .cells = 4, .and = 2, .or = 2 },
    };
    for (size_t k = 0; k < 2 * sizeof cases / sizeof *cases; k++) {
        size_t i = k / 2;
        struct netlist *nl = adder_netlist(cases[i].full, cases[i].sum, cases[i].carry, k % 2);
        struct netlist_stats st;
        netlist_measure(nl, &st);
        assert_int_equal(st.cells, cases[i].cells);
        assert_int_equal(st.count[CELL_AND], cases[i].and);
        assert_int_equal(st.count[CELL_OR], cases[i].or);
        assert_int_equal(st.count[CELL_XOR], cases[i].xor);
        assert_int_equal(st.count[CELL_HA], cases[i].ha);
        assert_int_equal(st.count[CELL_FA], cases[i].fa);
        const uint64_t in[3] = { 0xaa, 0xcc, 0xf0 };
        uint64_t out[2], *carry = cases[i].sum ? &out[1] : &out[0];
        netlist_eval64(nl, in, out);
        if (cases[i].sum)
            assert_int_equal(out[0] & 0xff, cases[i].full ? 0x96 : 0x66);
        if (cases[i].carry)
            assert_int_equal(*carry & 0xff, cases[i].full ? 0xe8 : 0x88);
        netlist_free(nl);
    }
}

TEST(test_netlist__building_goes_on_after_a_sweep)
{
    struct netlist *nl = adder_netlist(true, true, true, true);
    net x = netlist_find_port(nl, "x_i")->bus.bit[0], y = netlist_find_port(nl, "x_i")->bus.bit[1];
    net z = netlist_find_port(nl, "x_i")->bus.bit[2], s, co;
    netlist_full_adder(nl, z, y, x, &s, &co);
    assert_int_equal(netlist_cells(nl), 1);
    assert_int_equal(s, netlist_find_port(nl, "y_o")->bus.bit[0]);
    netlist_free(nl);
}

/* By hand: NOT 1 + AND 1 + FA 2 + MUX 2, and a register that begins anew. */
TEST(test_netlist__levels_by_hand)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, "x_i", 3), out = { .n = 2 };
    net s, co;
    net t = netlist_and(nl, netlist_not(nl, in.bit[0]), in.bit[1]);
    netlist_full_adder(nl, t, in.bit[1], in.bit[2], &s, &co);
    out.bit[0] = netlist_mux(nl, co, s, in.bit[0]);
    out.bit[1] = netlist_not(nl, netlist_dff(nl, t));
    netlist_add_output(nl, "y_o", &out);
    struct netlist_stats st;
    netlist_measure(nl, &st);
    assert_int_equal(st.levels, 6);
    assert_int_equal(st.cells, 6);
    assert_int_equal(netlist_latency(nl), -1);   /* 0 and 1 */
    netlist_free(nl);
}

TEST(test_netlist__scopes_get_unique_names)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, "x_i", 2);
    netlist_scope_enter(nl, "block");
    netlist_scope_enter(nl, "block");
    net inner = netlist_and(nl, in.bit[0], in.bit[1]);
    netlist_scope_leave(nl);
    netlist_scope_leave(nl);
    netlist_scope_enter(nl, "block");
    assert_int_equal(netlist_and(nl, in.bit[1], in.bit[0]), inner);   /* stays where it is */
    net outer = netlist_or(nl, in.bit[0], in.bit[1]);
    netlist_scope_leave(nl);
    assert_int_equal(netlist_scopes(nl), 4);
    assert_string_equal(netlist_scope_name(nl, 1), "block");
    assert_string_equal(netlist_scope_name(nl, 2), "block");
    assert_string_equal(netlist_scope_name(nl, 3), "block2");
    assert_int_equal(netlist_scope_parent(nl, 2), 1);
    assert_int_equal(netlist_scope_parent(nl, 0), -1);
    assert_int_equal(netlist_cell(nl, (size_t)netlist_driver(nl, inner))->scope, 2);
    assert_int_equal(netlist_cell(nl, (size_t)netlist_driver(nl, outer))->scope, 3);
    netlist_free(nl);
}

/* --- what netlist_check() rejects -------------------------------------------------- */

static void no_message(void *user, enum axm_status st, const char *line)
{
    (void)user;
    (void)st;
    (void)line;
}

static void check_rejected(struct netlist *nl, const char *words)
{
    axm_set_message_handler(no_message, NULL);
    enum axm_status st = netlist_check(nl);
    axm_set_message_handler(NULL, NULL);
    assert_int_equal(st, AXM_USAGE);
    CHECK(strstr(axm_last_message(), words), "message \"%s\" lacks \"%s\"", axm_last_message(), words);
    netlist_free(nl);
}

static struct netlist *two_gates(const char *port, const char *other)
{
    struct netlist *nl = netlist_new("t");
    struct bus in = netlist_add_input(nl, port, 2), out = { .n = 1 };
    net t = netlist_and(nl, in.bit[0], in.bit[1]);
    out.bit[0] = netlist_xor(nl, t, in.bit[0]);
    netlist_add_output(nl, other, &out);
    return nl;
}

static struct netlist *altered(enum cell_kind kind, net a, net b)
{
    struct netlist *nl = two_gates("x_i", "y_o");   /* nets: 2, 3 inputs, 4, 5 cells */
    const net in[3] = { a, b, 99999 };
    struct netlist *bad = netlist_copy_altered(nl, 0, kind, in);
    netlist_free(nl);
    return bad;
}

TEST(test_netlist__wrong_order_bad)
{
    check_rejected(altered(CELL_AND, 2, 5), "reads net 5");
    check_rejected(altered(CELL_AND, 4, 2), "reads net 4");
}

TEST(test_netlist__net_out_of_range_bad)
{
    check_rejected(altered(CELL_AND, 2, 6), "below 6, got 6");
}

TEST(test_netlist__kind_with_other_outputs_bad)
{
    check_rejected(altered(CELL_HA, 2, 3), "net of its own");
    struct netlist *nl = adder_netlist(false, true, true, false);
    const net in[3] = { 2, 3 };
    check_rejected(netlist_copy_altered(nl, 0, CELL_AND, in), "has no driver");
    netlist_free(nl);
}

TEST(test_netlist__port_names_bad)
{
    check_rejected(two_gates("x_i", "x_i"), "x_i twice");
    check_rejected(two_gates("x i", "y_o"), "identifier");
    check_rejected(two_gates("", "y_o"), "identifier");
}

TEST(test_netlist__altered_copy_computes_the_altered_cell)
{
    struct netlist *bad = altered(CELL_OR, NET_1, 3);   /* nothing is folded */
    assert_int_equal(netlist_check(bad), AXM_OK);
    assert_int_equal(netlist_cells(bad), 2);
    assert_int_equal(netlist_cell(bad, 0)->kind, CELL_OR);
    const uint64_t in[2] = { 0xa, 0xc };
    uint64_t out;
    netlist_eval64(bad, in, &out);
    assert_int_equal(out & 0xf, 0x5);   /* 1 ^ x */
    net t = netlist_or(bad, 2, 3);      /* not the altered cell */
    assert_int_equal(netlist_driver(bad, t), 2);
    netlist_free(bad);
}

/* --- registers ------------------------------------------------------------------------ */

/* Steps a netlist with registers: the words of each clock into in/out. */
static void step(const struct netlist *nl, const uint64_t *in, uint64_t *out, uint64_t *value,
                 uint64_t *state)
{
    value[NET_0] = 0;
    value[NET_1] = ~UINT64_C(0);
    for (int p = 0; p < netlist_ports(nl); p++)
        for (int k = 0; !netlist_port(nl, p)->is_output && k < netlist_port(nl, p)->bus.n; k++)
            value[netlist_port(nl, p)->bus.bit[k]] = *in++;
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *c = netlist_cell(nl, i);
        for (int o = 0; o < cell_outputs(c->kind); o++) {
            uint64_t word = 0;
            for (int lane = 0; lane < 64; lane++)
                word |= (uint64_t)definition(c->kind, o, value[c->in[0]] >> lane & 1,
                                             value[c->in[1]] >> lane & 1,
                                             value[c->in[2]] >> lane & 1) << lane;
            value[c->out[o]] = c->kind == CELL_DFF ? state[i] : word;
        }
    }
    for (size_t i = 0; i < netlist_cells(nl); i++)
        if (netlist_cell(nl, i)->kind == CELL_DFF)
            state[i] = value[netlist_cell(nl, i)->in[0]];
    for (int p = 0; p < netlist_ports(nl); p++)
        for (int k = 0; netlist_port(nl, p)->is_output && k < netlist_port(nl, p)->bus.n; k++)
            *out++ = value[netlist_port(nl, p)->bus.bit[k]];
}

static bool depends_on_input(const struct netlist *nl)
{
    for (int p = 0; p < netlist_ports(nl); p++)
        for (int k = 0; netlist_port(nl, p)->is_output && k < netlist_port(nl, p)->bus.n; k++)
            if (netlist_port(nl, p)->bus.bit[k] > NET_1)
                return true;
    return false;
}

static void check_registered(const struct netlist *nl, const struct random_case *r, uint64_t seed,
                             bool inputs, bool outputs, int stages)
{
    struct netlist *reg = netlist_registered(nl, inputs, outputs, stages);
    assert_non_null(reg);
    assert_int_equal(netlist_check(reg), AXM_OK);
    int latency = inputs + (stages ? stages : outputs);
    assert_int_equal(netlist_latency(reg), depends_on_input(nl) ? latency : 0);
    enum { CLOCKS = 8 };
    uint64_t in[CLOCKS][RANDOM_IN], out[RANDOM_OUT_MAX], expected[RANDOM_OUT_MAX];
    uint64_t *value = calloc(netlist_nets(reg), sizeof *value);
    uint64_t *state = calloc(netlist_cells(reg) + 1, sizeof *state);
    struct rng g;
    rng_init(&g, seed, 1);
    for (int t = 0; t < CLOCKS; t++) {
        for (int k = 0; k < RANDOM_IN; k++)
            in[t][k] = rng_next(&g);
        step(reg, in[t], out, value, state);
        if (t < latency)
            continue;
        netlist_eval64(nl, in[t - latency], expected);
        for (int k = 0; k < r->n_out; k++)
            CHECK(out[k] == expected[k], "seed %d, inputs %d, outputs %d, stages %d: bit %d at clock "
                  "%d", (int)seed, inputs, outputs, stages, k, t);
    }
    free(value);
    free(state);
    /* Levels: no segment longer than the whole; all of it with no cut. */
    struct netlist_stats before, after;
    netlist_measure(nl, &before);
    netlist_measure(reg, &after);
    int segments = outputs || !stages ? (stages ? stages : 1) : stages + 1;
    assert_true(after.levels <= (before.levels + segments - 1) / segments + 1);
    netlist_free(reg);
}

TEST(test_netlist__registered_is_the_delayed_function)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct random_case r;
        random_netlist(seed, &r);
        assert_int_equal(netlist_sweep(r.nl), AXM_OK);
        for (int inputs = 0; inputs < 2; inputs++)
            for (int outputs = 0; outputs < 2; outputs++)
                for (int stages = 0; stages < 5; stages++)
                    check_registered(r.nl, &r, seed, inputs, outputs, stages);
        netlist_free(r.nl);
    }
}

/* A carry chain of eight full adders, 16 levels, 17 inputs, 9 outputs; cut in
 * the middle: 4 sums, a carry, and 8 inputs of the upper half. */
TEST(test_netlist__pipelined_ripple_adder_by_hand)
{
    struct netlist *nl = netlist_new("t");
    struct bus a = netlist_add_input(nl, "a_i", 8), b = netlist_add_input(nl, "b_i", 8);
    struct bus c = netlist_add_input(nl, "c_i", 1), out = { .n = 9 };
    net carry = c.bit[0];
    for (int i = 0; i < 8; i++)
        netlist_full_adder(nl, a.bit[i], b.bit[i], carry, &out.bit[i], &carry);
    out.bit[8] = carry;
    netlist_add_output(nl, "s_o", &out);
    struct netlist *reg = netlist_registered(nl, false, false, 1);
    struct netlist_stats st;
    netlist_measure(reg, &st);
    assert_int_equal(st.levels, 8);
    assert_int_equal(st.count[CELL_DFF], 13);
    netlist_free(reg);
    reg = netlist_registered(nl, true, true, 1);   /* all in one stage */
    netlist_measure(reg, &st);
    assert_int_equal(st.levels, 16);
    assert_int_equal(st.count[CELL_DFF], 17 + 9);
    netlist_free(reg);
    netlist_free(nl);
}
