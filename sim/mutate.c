#include "sim/mutate.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "cmodel/mul.h"
#include "gen/build.h"
#include "sim/bitsim.h"
#include "sim/clock.h"
#include "sim/dut.h"
#include "sim/formal.h"
#include "sim/verify.h"
#include "sim/verilator.h"

static const char *const mutation_names[MUTATIONS] = {
    [MUTATE_KIND] = "kind", [MUTATE_STUCK_0] = "stuck-at-0", [MUTATE_STUCK_1] = "stuck-at-1",
    [MUTATE_INVERT] = "inverted", [MUTATE_REWIRE] = "rewired", [MUTATE_SWAP] = "sum and carry swapped",
    [MUTATE_CARRY] = "wrong carry",
};

const char *mutation_name(enum mutation m)
{
    return mutation_names[m];
}

/* --- drawing -------------------------------------------------------------------- */

struct list {
    struct mutant *m;
    size_t n, cap;
    bool failed;
};

static void list_add(struct list *l, struct mutant m)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 1024;
        struct mutant *grown = realloc(l->m, cap * sizeof *grown);
        if (!grown) {
            l->failed = true;
            return;
        }
        l->m = grown;
        l->cap = cap;
    }
    l->m[l->n++] = m;
}

static bool is_gate_of_two(enum cell_kind k)
{
    return cell_inputs(k) == 2 && cell_outputs(k) == 1;
}

/* Two other nets that the pin could be wired to, where there are any. */
static void add_rewirings(const struct netlist *nl, size_t cell, int pin, struct rng *r, struct list *l)
{
    const struct cell *c = netlist_cell(nl, cell);
    net taken[2] = { c->in[pin], c->in[pin] };
    for (int found = 0, tries = 0; found < 2 && tries < 64; tries++) {
        net to = (net)(2 + rng_below(r, netlist_nets(nl) - 2));
        if (to == taken[0] || to == taken[1] || netlist_driver(nl, to) >= (long)cell)
            continue;
        taken[found++] = to;
        list_add(l, (struct mutant){ .cell = cell, .mutation = MUTATE_REWIRE, .pin = pin, .to = to });
    }
}

static void add_faults(const struct netlist *nl, size_t cell, struct rng *r, struct list *l)
{
    const struct cell *c = netlist_cell(nl, cell);
    bool is_parity = c->kind == CELL_XOR || c->kind == CELL_XNOR;
    for (int k = 0; k < CELL_KINDS && is_gate_of_two(c->kind); k++)
        if (is_gate_of_two(k) && k != c->kind)
            list_add(l, (struct mutant){ .cell = cell, .mutation = MUTATE_KIND, .kind = k });
    for (int pin = 0; pin < cell_inputs(c->kind); pin++) {
        list_add(l, (struct mutant){ .cell = cell, .mutation = MUTATE_STUCK_0, .pin = pin });
        list_add(l, (struct mutant){ .cell = cell, .mutation = MUTATE_STUCK_1, .pin = pin });
        if (!is_parity)   /* XOR with an inverted pin is XNOR, a change of kind */
            list_add(l, (struct mutant){ .cell = cell, .mutation = MUTATE_INVERT, .pin = pin });
        add_rewirings(nl, cell, pin, r, l);
    }
    if (cell_outputs(c->kind) == 2) {
        list_add(l, (struct mutant){ .cell = cell, .mutation = MUTATE_SWAP });
        list_add(l, (struct mutant){ .cell = cell, .mutation = MUTATE_CARRY });
    }
}

static int compare_mutants(const void *x, const void *y)
{
    const struct mutant *a = x, *b = y;
    if (a->cell != b->cell)
        return a->cell < b->cell ? -1 : 1;
    if (a->mutation != b->mutation)
        return a->mutation < b->mutation ? -1 : 1;
    if (a->pin != b->pin)
        return a->pin < b->pin ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

enum axm_status mutants_draw(const struct netlist *nl, size_t count, uint64_t seed, struct mutant **out,
                             size_t *n)
{
    struct list l = { 0 };
    struct rng r;
    const char *name = netlist_name(nl);
    if (netlist_latency(nl) != 0)
        return fail(AXM_USAGE, "%s: faults go into combinational circuits, this one has registers", name);
    rng_init(&r, seed, hash64(name, strlen(name)));
    for (size_t i = 0; i < netlist_cells(nl); i++)
        add_faults(nl, i, &r, &l);
    if (l.failed) {
        free(l.m);
        return fail(AXM_ENV, "%s: out of memory for its faults", name);
    }
    if (count > l.n)
        count = l.n;
    for (size_t i = 0; i < count; i++) {   /* the first steps of a shuffle */
        size_t k = i + rng_below(&r, l.n - i);
        struct mutant m = l.m[i];
        l.m[i] = l.m[k];
        l.m[k] = m;
    }
    if (count)
        qsort(l.m, count, sizeof *l.m, compare_mutants);
    *out = l.m;
    *n = count;
    return AXM_OK;
}

/* --- one mutant ------------------------------------------------------------------ */

/* The carry of an adder cell, made wrong. */
static net wrong_carry(struct netlist *to, const struct cell *c, const net *map)
{
    net a = map[c->in[0]], b = map[c->in[1]];
    return c->kind == CELL_HA ? netlist_or(to, a, b) : netlist_or(to, netlist_and(to, a, b), map[c->in[2]]);
}

/* Cell c with the fault into `to`.  map has a spare entry, `spare`, for a net
 * that the original does not have. */
static void add_faulty(struct netlist *to, const struct cell *original, const struct mutant *m, net *map,
                       net spare)
{
    struct cell c = *original;
    netlist_scope_set(to, c.scope);
    switch (m->mutation) {
    case MUTATE_KIND: c.kind = (uint8_t)m->kind; break;
    case MUTATE_STUCK_0: c.in[m->pin] = NET_0; break;
    case MUTATE_STUCK_1: c.in[m->pin] = NET_1; break;
    case MUTATE_REWIRE: c.in[m->pin] = m->to; break;
    case MUTATE_INVERT:
        map[spare] = netlist_not(to, map[c.in[m->pin]]);
        c.in[m->pin] = spare;
        break;
    default: break;
    }
    netlist_rewrite_cell(to, &c, map);
    netlist_scope_set(to, c.scope);
    if (m->mutation == MUTATE_SWAP) {
        net sum = map[c.out[0]];
        map[c.out[0]] = map[c.out[1]];
        map[c.out[1]] = sum;
    } else if (m->mutation == MUTATE_CARRY) {
        map[c.out[1]] = wrong_carry(to, &c, map);
    }
    netlist_scope_set(to, 0);
}

struct netlist *mutant_netlist(const struct netlist *nl, const struct mutant *m)
{
    net spare = (net)netlist_nets(nl);
    net *map = malloc((spare + 1) * sizeof *map);
    struct netlist *to = map ? netlist_rewrite_begin(nl, map) : NULL;
    for (size_t i = 0; to && i < netlist_cells(nl); i++) {
        if (i == m->cell)
            add_faulty(to, netlist_cell(nl, i), m, map, spare);
        else
            netlist_rewrite_cell(to, netlist_cell(nl, i), map);
    }
    if (to)
        netlist_rewrite_end(to, nl, map);
    free(map);
    return to;
}

void mutant_describe(const struct netlist *nl, const struct mutant *m, struct strbuf *out)
{
    const struct cell *c = netlist_cell(nl, m->cell);
    strbuf_addf(out, "cell %zu %s (%s): ", m->cell, cell_name(c->kind),
                c->scope ? netlist_scope_name(nl, c->scope) : "top");
    if (m->mutation == MUTATE_KIND)
        strbuf_addf(out, "now %s", cell_name(m->kind));
    else if (m->mutation == MUTATE_SWAP || m->mutation == MUTATE_CARRY)
        strbuf_adds(out, mutation_name(m->mutation));
    else
        strbuf_addf(out, "input %d %s", m->pin, mutation_name(m->mutation));
    if (m->mutation == MUTATE_REWIRE)
        strbuf_addf(out, " from net %u to net %u", c->in[m->pin], m->to);
}

/* --- a run ----------------------------------------------------------------------- */

enum { SETTINGS = 16 };   /* of runtime ports that are tried */

/* One spec of the request. */
struct subject {
    const struct axm_spec *spec;
    struct netlist *nl;
    struct mutant *mutant;
    size_t mutants;
    size_t groups_left;
    struct mutate_result result;
};

/* Mutants that share a simulator. */
struct group {
    struct subject *subject;
    size_t first, n;
    size_t caught, by_proof, equivalent, unexplained, disagreements;
    double seconds;
    bool complete;
};

struct run {
    const struct mutate_request *q;
    struct group *group;
    struct progress *bar;
};

/* The circuits of a group, and what the simulators said of each. */
struct bench {
    size_t n;
    struct netlist **nl;
    struct bitsim **bitsim;
    struct dut *dut;
    const struct dut **dut_of;
    struct sim_result *bitslice, *verilator;
    struct verilator_sim *sim;
};

static bool uses(const struct run *r, enum verify_backend b)
{
    return r->q->simulators >> b & 1;
}

static bool is_exhaustive(const struct axm_spec *s)
{
    return axm_spec_product_width(s) <= verify_exhaustive_bits(VERIFY_VERILATOR, false);
}

static void bench_release(struct bench *b)
{
    verilator_close(b->sim);
    for (size_t i = 0; i < b->n; i++) {
        if (b->nl)
            netlist_free(b->nl[i]);
        if (b->bitsim)
            bitsim_free(b->bitsim[i]);
        if (b->dut)
            dut_release(&b->dut[i]);
    }
    free(b->nl);
    free(b->bitsim);
    free(b->dut);
    free(b->dut_of);
    free(b->bitslice);
    free(b->verilator);
}

/* Makes the mutants of a group, named apart, and the simulators for them. */
static enum axm_status bench_make(struct bench *b, const struct run *r, const struct group *g)
{
    const struct subject *s = g->subject;
    enum axm_status st = AXM_OK;
    b->n = g->n;
    b->nl = calloc(g->n, sizeof *b->nl);
    b->bitsim = calloc(g->n, sizeof *b->bitsim);
    b->dut = calloc(g->n, sizeof *b->dut);
    b->dut_of = calloc(g->n, sizeof *b->dut_of);
    b->bitslice = calloc(g->n, sizeof *b->bitslice);
    b->verilator = calloc(g->n, sizeof *b->verilator);
    if (!b->nl || !b->bitsim || !b->dut || !b->dut_of || !b->bitslice || !b->verilator)
        return fail(AXM_ENV, "%s: out of memory for its mutants", netlist_name(s->nl));
    for (size_t i = 0; i < g->n && !st; i++) {
        char name[AXM_SPEC_MAX + 24];
        snprintf(name, sizeof name, "%s_mutant%zu", netlist_name(s->nl), g->first + i);
        b->nl[i] = mutant_netlist(s->nl, &s->mutant[g->first + i]);
        if (!b->nl[i])
            return fail(AXM_ENV, "%s: out of memory", name);
        netlist_set_name(b->nl[i], name);
        st = netlist_check(b->nl[i]);
        if (!st && uses(r, VERIFY_BITSLICE))
            st = bitsim_new(b->nl[i], &b->bitsim[i]);
        if (!st && uses(r, VERIFY_VERILATOR))
            st = dut_from_netlist(b->nl[i], &(struct verilog_opts){ 0 }, &b->dut[i]);
        b->dut_of[i] = &b->dut[i];
    }
    if (!st && uses(r, VERIFY_VERILATOR))
        st = verilator_open(b->dut_of, b->n, &b->sim);
    return st;
}

/* Values of the runtime ports of setting number k: all 0, all largest, then seeded. */
static struct axm_spec setting(const struct axm_spec *spec, uint64_t seed, int k,
                               uint64_t port[RUNTIME_PORTS])
{
    struct axm_spec s = *spec;
    struct rng r;
    rng_init(&r, seed, (uint64_t)k);
    memset(port, 0, RUNTIME_PORTS * sizeof *port);
    for (int i = 0, n = 0; i < axm_param_count(s.family); i++) {
        if (!s.family->param[i].runtime || !axm_param_exists(&s, i))
            continue;
        int lo, hi;
        axm_param_range(&s, i, &lo, &hi);
        s.p[i] = k == 0 ? lo : k == 1 ? hi : lo + (int)rng_below(&r, (uint64_t)(hi - lo + 1));
        port[n++] = (uint64_t)s.p[i];
    }
    return s;
}

static int setting_count(const struct subject *s)
{
    return netlist_ports(s->nl) > 3 ? SETTINGS : 1;   /* a_i, b_i, p_o */
}

/* Does simulation see all operand pairs, at all settings? */
static bool sees_all(const struct subject *s)
{
    return is_exhaustive(s->spec) && setting_count(s) == 1;
}

static enum axm_status simulate_setting(struct bench *b, const struct run *r, const struct axm_mul *m,
                                        const struct stimulus *pairs, const uint64_t *port)
{
    struct bitsim_compare_opts o = { .runtime = port, .stop_at_first = true, .one_thread = true };
    enum axm_status st = AXM_OK;
    for (size_t i = 0; uses(r, VERIFY_BITSLICE) && i < b->n && !st; i++) {
        struct sim_result one = { 0 };
        st = bitsim_compare(b->bitsim[i], m, pairs, &o, &one);
        b->bitslice[i].mismatches += one.mismatches;
    }
    if (st || !uses(r, VERIFY_VERILATOR))
        return st;
    const struct axm_mul **models = calloc(b->n, sizeof *models);
    if (!models)
        return fail(AXM_ENV, "mutants: out of memory");
    for (size_t i = 0; i < b->n; i++)
        models[i] = m;
    st = verilator_compare(b->sim, models, pairs, port, b->verilator);
    free(models);
    return st;
}

static enum axm_status simulate(struct bench *b, const struct run *r, const struct subject *s)
{
    const struct mutate_request *q = r->q;
    struct stimulus pairs = { 0 };
    enum axm_status st = AXM_OK;
    if (is_exhaustive(s->spec))
        pairs = stimulus_all(s->spec->width_a, s->spec->width_b);
    else
        st = stimulus_sample(s->spec->width_a, s->spec->width_b, q->random ? q->random : 1 << 16, q->seed,
                             &pairs);
    for (int k = 0; k < setting_count(s) && !st; k++) {
        uint64_t port[RUNTIME_PORTS];
        struct axm_spec at = setting(s->spec, q->seed, k, port);
        struct axm_mul *m = NULL;
        st = axm_mul_open_spec(&at, &m);
        if (!st)
            st = simulate_setting(b, r, m, &pairs, port);
        axm_mul_close(m);
    }
    stimulus_release(&pairs);
    return st;
}

static void __attribute__((format(printf, 3, 4))) report(const struct subject *s, size_t mutant,
                                                         const char *fmt, ...)
{
    struct strbuf what = { 0 };
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mutant_describe(s->nl, &s->mutant[mutant], &what);
    fail(AXM_MISMATCH, "%s: mutant %zu, %s: %s", netlist_name(s->nl), mutant, what.failed ? "" : what.s,
         text);
    strbuf_release(&what);
}

/* What became of a mutant that no simulator caught. */
static enum axm_status explain(const struct bench *b, struct group *g, size_t i)
{
    struct subject *s = g->subject;
    struct formal_result f;
    enum axm_status st = formal_equal(s->nl, b->nl[i], 0, &f);
    if (st)
        return st;
    if (f.verdict == FORMAL_PROVEN) {
        g->equivalent++;
    } else if (f.verdict == FORMAL_DISPROVEN && !sees_all(s)) {
        g->by_proof++;
    } else {
        g->unexplained++;
        if (f.verdict == FORMAL_DISPROVEN)
            report(s, g->first + i,
                   "not caught, but a = 0x%" PRIx64 ", b = 0x%" PRIx64 " gives 0x%" PRIx64
                   ", not 0x%" PRIx64,
                   f.counterexample.a, f.counterexample.b, f.counterexample.actual,
                   f.counterexample.expected);
        else
            report(s, g->first + i, "not caught and not proven equivalent: %s", f.reason);
    }
    return AXM_OK;
}

static enum axm_status judge(const struct bench *b, const struct run *r, struct group *g, size_t i)
{
    bool bitslice = b->bitslice[i].mismatches > 0, verilator = b->verilator[i].mismatches > 0;
    if (uses(r, VERIFY_BITSLICE) && uses(r, VERIFY_VERILATOR) && bitslice != verilator) {
        g->disagreements++;
        report(g->subject, g->first + i, "caught by %s only", bitslice ? "bitslice" : "verilator");
    }
    if (!bitslice && !verilator)
        return explain(b, g, i);
    g->caught++;
    return AXM_OK;
}

static enum axm_status run_group(void *ctx, size_t item, int worker)
{
    (void)worker;
    struct run *r = ctx;
    struct group *g = &r->group[item];
    struct bench b = { 0 };
    double start = clock_seconds();
    enum axm_status st = bench_make(&b, r, g);
    if (!st)
        st = simulate(&b, r, g->subject);
    for (size_t i = 0; i < g->n && !st; i++) {
        st = progress_stop_requested() ? AXM_STOPPED : judge(&b, r, g, i);
        progress_add(r->bar, 1);
    }
    bench_release(&b);
    g->seconds = clock_seconds() - start;
    g->complete = !st;
    return st;
}

static enum axm_status subject_make(struct subject *s, const struct mutate_request *q, size_t i)
{
    *s = (struct subject){ .spec = &q->spec[i] };
    enum axm_status st = mul_netlist(s->spec, &s->nl);
    if (!st)
        st = mutants_draw(s->nl, q->count, q->seed, &s->mutant, &s->mutants);
    s->result = (struct mutate_result){ .spec = i, .mutants = s->mutants };
    return st;
}

/* Even groups, none larger than a simulator takes best. */
static size_t add_groups(struct subject *s, struct group *g)
{
    size_t n = (s->mutants + VERILATOR_GROUP - 1) / VERILATOR_GROUP;
    for (size_t k = 0; k < n && g; k++) {
        size_t first = s->mutants * k / n, end = s->mutants * (k + 1) / n;
        g[k] = (struct group){ .subject = s, .first = first, .n = end - first };
    }
    s->groups_left = n;
    return n;
}

static void add_up(struct group *g, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        struct mutate_result *r = &g[k].subject->result;
        if (!g[k].complete)
            continue;
        g[k].subject->groups_left--;
        r->caught += g[k].caught;
        r->by_proof += g[k].by_proof;
        r->equivalent += g[k].equivalent;
        r->unexplained += g[k].unexplained;
        r->disagreements += g[k].disagreements;
        r->seconds += g[k].seconds;
    }
}

static enum axm_status need_tools(const struct mutate_request *q)
{
    unsigned known = 1u << VERIFY_BITSLICE | 1u << VERIFY_VERILATOR;
    if (!q->simulators || (q->simulators & ~known))
        return fail(AXM_USAGE, "mutate: the simulators are bitslice and verilator, one or both");
    enum axm_status st = formal_need();
    return st || !(q->simulators >> VERIFY_VERILATOR & 1) ? st : verilator_need();
}

enum axm_status mutate_run(const struct mutate_request *q, mutate_done_fn *done, void *ctx)
{
    struct run r = { .q = q };
    struct subject *subject = calloc(q->n + 1, sizeof *subject);
    size_t groups = 0, mutants = 0, bad = 0;
    enum axm_status st = subject ? need_tools(q) : fail(AXM_ENV, "mutate: out of memory");
    for (size_t i = 0; i < q->n && !st; i++) {
        st = subject_make(&subject[i], q, i);
        groups += add_groups(&subject[i], NULL);
        mutants += subject[i].mutants;
    }
    r.group = calloc(groups + 1, sizeof *r.group);
    if (!st && !r.group)
        st = fail(AXM_ENV, "mutate: out of memory");
    if (!st) {
        struct group *g = r.group;
        for (size_t i = 0; i < q->n; i++)
            g += add_groups(&subject[i], g);
        r.bar = progress_begin("mutants", mutants);
        st = pool_run(groups, run_group, &r);
        progress_end(r.bar);
        add_up(r.group, groups);
    }
    for (size_t i = 0; subject && r.group && i < q->n; i++) {
        struct mutate_result *result = &subject[i].result;
        result->exhaustive = subject[i].nl && sees_all(&subject[i]);
        if ((!st || st == AXM_STOPPED) && !subject[i].groups_left) {
            bad += result->unexplained + result->disagreements;
            done(ctx, result);
        }
    }
    for (size_t i = 0; subject && i < q->n; i++) {
        netlist_free(subject[i].nl);
        free(subject[i].mutant);
    }
    free(subject);
    free(r.group);
    return !st && bad ? AXM_MISMATCH : st;
}
