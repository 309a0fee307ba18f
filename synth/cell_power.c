#include "synth/cell_power.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmodel/mul.h"
#include "gen/build.h"

enum { WARM_UP = 3 };      /* cycles until no flip-flop holds what it began with */

struct reg {
    const struct lib_cell *lib;
    uint32_t d, q;
};

struct pe {
    const struct flat *f;
    const struct array_config *c;
    const struct liberty *lib;
    const struct mapped_opts *o;
    int n_regs;
    struct reg *reg;
    struct strbuf json;        /* the gates, with the flip-flops' outputs as port "state" */
    double *more_pf;           /* [f->n_nets]: data pins, and the next cell's inputs */
    struct mapped *m;
    int words;                 /* of a vector: the inputs without clk_i, then the state */
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "array: out of memory");
}

static const struct design_pin *find_port(const struct flat *f, const char *name)
{
    for (int p = 0; p < f->n_ports; p++)
        if (!strcmp(f->port[p].name, name))
            return &f->port[p];
    return NULL;
}

static bool is_stimulus(const struct design_pin *port)
{
    return !port->is_output && strcmp(port->name, "clk_i");
}

/* --- the netlist ------------------------------------------------------------------------- */

static void add_bits(struct strbuf *s, const uint32_t *bit, int n)
{
    strbuf_adds(s, "[");
    for (int i = 0; i < n; i++)
        strbuf_addf(s, bit[i] < 2 ? "%s\"%u\"" : "%s%u", i ? ", " : "", bit[i]);
    strbuf_adds(s, "]");
}

static enum axm_status take_register(struct pe *e, const struct flat_cell *cell, const struct lib_cell *lib)
{
    struct reg *r = &e->reg[e->n_regs++];
    const struct design_pin *clk = find_port(e->f, "clk_i");
    *r = (struct reg){ .lib = lib };
    if (!lib->flip_flop)
        return fail(AXM_USAGE, "%s: %s is no plain flip-flop, so the power of a cell cannot be told",
                    e->lib->path, lib->name);
    for (int i = 0; i < cell->n_pins; i++) {
        const struct flat_pin *p = &e->f->pin[cell->first_pin + i];
        bool clocked = !p->is_output && !strcmp(p->name, lib->input[lib->clock].name);
        if (p->is_output)
            r->q = p->net;
        else if (!clocked)
            r->d = p->net;
        else if (!clk || p->net != clk->bit[0])
            return fail(AXM_USAGE, "array: a flip-flop that clk_i does not clock");
    }
    return AXM_OK;
}

/* The gates as JSON for mapped_read_json(): nets keep their numbers. */
static enum axm_status split(struct pe *e)
{
    const struct flat *f = e->f;
    enum axm_status st = AXM_OK;
    int gates = 0;
    e->reg = calloc((size_t)f->n_cells + 1, sizeof *e->reg);
    e->more_pf = calloc(f->n_nets, sizeof *e->more_pf);
    if (!e->reg || !e->more_pf)
        return out_of_memory();
    strbuf_adds(&e->json, "{\"modules\": {\"cell\": {\"cells\": {");
    for (int i = 0; i < f->n_cells && st == AXM_OK; i++) {
        const struct flat_cell *cell = &f->cell[i];
        const struct lib_cell *lib = liberty_find(e->lib, cell->type);
        if (lib && lib->sequential) {
            st = take_register(e, cell, lib);
            continue;
        }
        strbuf_addf(&e->json, "%s\n\"c%d\": {\"type\": \"%s\", \"connections\": {", gates++ ? "," : "", i,
                    cell->type);
        for (int k = 0; k < cell->n_pins; k++) {
            const struct flat_pin *p = &f->pin[cell->first_pin + k];
            strbuf_addf(&e->json, "%s\"%s\": ", k ? ", " : "", p->name);
            add_bits(&e->json, &p->net, 1);
        }
        strbuf_adds(&e->json, "}}");
    }
    strbuf_adds(&e->json, "},\n\"ports\": {");
    for (int p = 0; p < f->n_ports; p++)
        if (is_stimulus(&f->port[p])) {
            strbuf_addf(&e->json, "\"%s\": {\"direction\": \"input\", \"bits\": ", f->port[p].name);
            add_bits(&e->json, f->port[p].bit, f->port[p].width);
            strbuf_adds(&e->json, "},\n");
        }
    strbuf_adds(&e->json, "\"state\": {\"direction\": \"input\", \"bits\": [");
    for (int i = 0; i < e->n_regs; i++)
        strbuf_addf(&e->json, "%s%u", i ? ", " : "", e->reg[i].q);
    strbuf_adds(&e->json, "]}}}}}");
    return st == AXM_OK && e->json.failed ? out_of_memory() : st;
}

static enum axm_status map(struct pe *e)
{
    struct mapped_opts o = *e->o;
    mapped_free(e->m);
    e->m = NULL;
    o.more_load_pf = e->more_pf;
    o.n_more = e->f->n_nets;
    return mapped_read_json(e->json.s, "cell", e->lib, &o, &e->m);
}

/* What hangs on the nets besides gates: data pins here, and behind the outputs the next cell's inputs. */
static enum axm_status load(struct pe *e)
{
    const struct flat *f = e->f;
    for (int i = 0; i < e->n_regs; i++)
        e->more_pf[e->reg[i].d] += e->reg[i].lib->input[e->reg[i].lib->data].cap_pf;
    enum axm_status st = map(e);
    for (int p = 0; p < f->n_ports && st == AXM_OK; p++) {
        const struct design_pin *out = &f->port[p], *in;
        char name[64];
        size_t len = strlen(out->name);
        if (!out->is_output || len < 3 || len >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*si", (int)len - 1, out->name);      /* x_o drives the next x_i */
        if ((in = find_port(f, name)) && in->width == out->width)
            for (int b = 0; b < in->width; b++)
                e->more_pf[out->bit[b]] += e->m->load_pf[in->bit[b]];
    }
    return st == AXM_OK ? map(e) : st;
}

/* --- the stimulus ------------------------------------------------------------------------ */

struct stream {
    size_t n;
    uint64_t *x, *w;           /* patterns */
    int64_t *product;          /* by the model */
    bool weight_is_a;
};

static enum axm_status make_stream(const struct pe *e, const struct stimulus_opts *stimulus,
                                   struct stream *s)
{
    const struct axm_spec *spec = &e->c->mult;
    uint64_t *a = NULL, *b = NULL;
    size_t changes_a = 0, changes_b = 0;
    struct axm_mul *mul = NULL;
    enum axm_status st = stimulus_pairs(stimulus, spec->width_a, spec->width_b, spec->is_signed, &a, &b,
                                        &s->n);
    if (st == AXM_OK)
        st = axm_mul_open_spec(spec, &mul);
    if (st == AXM_OK && !(s->product = calloc(s->n, sizeof *s->product)))
        st = out_of_memory();
    for (size_t i = 1; i < s->n && st == AXM_OK; i++) {
        changes_a += a[i] != a[i - 1];
        changes_b += b[i] != b[i - 1];
    }
    s->weight_is_a = e->c->order == ARRAY_WEIGHT_IS_A ||
                     (e->c->order == ARRAY_ORDER_RUNTIME && stimulus->kind == STIMULUS_TRACE &&
                      changes_a < changes_b);
    s->w = s->weight_is_a ? a : b;
    s->x = s->weight_is_a ? b : a;
    for (size_t i = 0; i < s->n && st == AXM_OK; i++) {
        if (e->c->dataflow == ARRAY_WS && stimulus->kind != STIMULUS_TRACE)
            s->w[i] = s->w[i - i % (size_t)e->c->acc_depth];
        s->product[i] = axm_mul_value(mul, axm_eval(mul, a[i], b[i]), axm_mul_width_product(mul));
    }
    axm_mul_close(mul);
    return st;
}

/* What comes from above in cycle t: the sum of rows / 2 cells. */
static uint64_t from_above(const struct pe *e, const struct stream *s, size_t t)
{
    int64_t sum = 0;
    size_t cells = (size_t)e->c->rows / 2;
    for (size_t k = 1; k <= cells; k++)
        sum += s->product[(t + k * s->n / (cells + 1)) % s->n];
    return (uint64_t)sum & axm_mask(e->c->acc_bits);
}

/* Sets what the array would set in cycle t, counted from the first pair; WARM_UP cycles come before. */
static void drive(const struct pe *e, const struct stream *s, long t, uint64_t *vector)
{
    bool ws = e->c->dataflow == ARRAY_WS;
    size_t now = (size_t)(t < 0 ? 0 : t), next = now + (t >= 0), after = next + (t >= -1);
    size_t term = now % CELL_TERMS;
    int bit = 0;
    next = next < s->n ? next : s->n - 1;
    after = after < s->n ? after : s->n - 1;
    memset(vector, 0, sizeof *vector * (size_t)e->words);
    const struct { const char *port; uint64_t value; } input[] = {
        { "en_i", 1 },
        { "mode_i", array_mode(&e->c->mult) },
        { "order_i", s->weight_is_a },
        { "x_i", s->x[now] },
        { "psum_i", from_above(e, s, now) },
        /* two cycles before its first activation a weight goes to the shadow register, one before on */
        { "w_we_i", t < -1 || s->w[after] != s->w[next] },
        { "next_i", t < 0 || s->w[next] != s->w[now] },
        { "w_i", ws ? s->w[after] : s->w[now] },
        { "valid_i", t >= 0 || t == -WARM_UP },
        { "first_i", term == 0 || t < 0 },
        { "last_i", term == CELL_TERMS - 1 || t == -WARM_UP },
        { "shift_i", now >= CELL_TERMS && term < (size_t)e->c->rows },
        { "out_i", from_above(e, s, now) },
    };
    for (int p = 0; p < e->f->n_ports; p++) {
        const struct design_pin *port = &e->f->port[p];
        uint64_t value = 0;
        if (!is_stimulus(port))
            continue;
        for (size_t i = 0; i < sizeof input / sizeof input[0]; i++)
            if (!strcmp(input[i].port, port->name))
                value = input[i].value;
        for (int b = 0; b < port->width; b++, bit++)
            vector[bit / 64] |= (value >> b & 1) << (bit % 64);
    }
}

static void write_log(const struct pe *e, const uint64_t *vector, struct strbuf *log)
{
    int bit = 0;
    for (int p = 0; p < e->f->n_ports; p++) {
        const struct design_pin *port = &e->f->port[p];
        if (!is_stimulus(port))
            continue;
        for (int b = port->width - 1; b >= 0; b--)
            strbuf_adds(log, vector[(bit + b) / 64] >> ((bit + b) % 64) & 1 ? "1" : "0");
        bit += port->width;
    }
    strbuf_adds(log, "\n");
}

/* --- cycles ------------------------------------------------------------------------------ */

static void settle(const struct mapped *m, const uint64_t *vector, bool *value)
{
    int bit = 0;
    value[0] = false;
    value[1] = true;
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width; i++, bit++)
            value[m->port[p].net[i]] = vector[bit / 64] >> (bit % 64) & 1;
    mapped_settle(m, value);
}

static uint64_t word_of(const struct design_pin *port, const bool *value)
{
    uint64_t word = 0;
    for (int b = 0; port && b < port->width; b++)
        word |= (uint64_t)value[port->bit[b]] << b;
    return word;
}

/* The sum that leaves the cell in cycle t, once it is there: is it the model's? */
static enum axm_status check_sum(const struct pe *e, const struct stream *s, long t, const bool *value)
{
    const struct design_pin *port = find_port(e->f, e->c->dataflow == ARRAY_WS ? "psum_o" : "out_o");
    uint64_t mask = axm_mask(e->c->acc_bits), expected = 0, got = word_of(port, value);
    if (e->c->dataflow == ARRAY_WS && t >= 1) {
        expected = (from_above(e, s, (size_t)t - 1) + (uint64_t)s->product[t - 1]) & mask;
    } else if (e->c->dataflow == ARRAY_OS && t >= CELL_TERMS && t % CELL_TERMS == 0) {
        for (long i = t - CELL_TERMS; i < t; i++)
            expected += (uint64_t)s->product[i];
        expected &= mask;
    } else {
        return AXM_OK;
    }
    return !port || got == expected ? AXM_OK
                           : fail(AXM_MISMATCH, "array: cycle %ld: the mapped cell gives the sum %llu, its "
                                  "model %llu", t, (unsigned long long)got, (unsigned long long)expected);
}

static int input_bits(const struct pe *e)
{
    int bits = 0;
    for (int p = 0; p < e->f->n_ports; p++)
        bits += is_stimulus(&e->f->port[p]) ? e->f->port[p].width : 0;
    return bits;
}

/* Runs the cell; vectors: [s->n][words], inputs and state of every cycle from the first pair on. */
static enum axm_status run(const struct pe *e, const struct stream *s, uint64_t *vectors, struct strbuf *log)
{
    enum axm_status st = AXM_OK;
    int inputs = input_bits(e);
    uint64_t *vector = calloc((size_t)e->words, sizeof *vector);
    bool *value = calloc((size_t)e->m->n_nets, sizeof *value);
    bool *state = calloc((size_t)e->n_regs + 1, sizeof *state);
    if (!vector || !value || !state)
        st = out_of_memory();
    for (long t = -WARM_UP; t < (long)s->n && st == AXM_OK; t++) {
        drive(e, s, t, vector);
        if (log)
            write_log(e, vector, log);
        for (int i = 0; i < e->n_regs; i++)
            vector[(inputs + i) / 64] |= (uint64_t)state[i] << ((inputs + i) % 64);
        settle(e->m, vector, value);
        st = check_sum(e, s, t, value);
        for (int i = 0; i < e->n_regs; i++)
            state[i] = value[e->reg[i].d];
        if (t >= 0)
            memcpy(vectors + (size_t)t * (size_t)e->words, vector, sizeof *vector * (size_t)e->words);
    }
    free(vector);
    free(value);
    free(state);
    return st == AXM_OK && log && log->failed ? out_of_memory() : st;
}

/* --- energy ------------------------------------------------------------------------------ */

/* Of one rising and one falling transition of a pin. */
static double both_edges(const struct lib_energy *e, int n, double slew_ns, double load_pf)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += lib_table_at(&e[i].rise, slew_ns, load_pf) + lib_table_at(&e[i].fall, slew_ns, load_pf);
    return sum;
}

static void add_registers(const struct pe *e, const uint64_t *toggles, struct cell_power *p)
{
    double v2 = e->lib->voltage * e->lib->voltage, steps = (double)p->cycles;
    for (int i = 0; i < e->n_regs; i++) {
        const struct reg *r = &e->reg[i];
        const struct lib_input *d = &r->lib->input[r->lib->data], *clock = &r->lib->input[r->lib->clock];
        const struct lib_output *q = &r->lib->output[0];
        double load_pf = e->m->load_pf[r->q] + q->cap_pf, slew = e->o->input_slew_ns;
        /* a net rises as often as it falls, but for one transition */
        double q_pj = 0.5 * v2 * load_pf + 0.5 * both_edges(q->energy, q->n_energy, slew, load_pf);
        double d_pj = 0.5 * both_edges(d->energy, d->n_energy, e->m->slew_ns[r->d], 0);
        p->register_pj += ((double)toggles[r->q] * q_pj + (double)toggles[r->d] * d_pj) / steps;
        p->clock_pj += v2 * clock->cap_pf + both_edges(clock->energy, clock->n_energy, slew, 0);
        p->leakage_nw += r->lib->leakage_nw;
        p->register_toggles += toggles[r->q];
    }
}

enum axm_status cell_power(const struct flat *f, const struct array_config *c, const struct liberty *lib,
                           const struct mapped_opts *o, const struct stimulus_opts *stimulus,
                           enum delay_model model, struct cell_power *out, struct strbuf *log)
{
    struct pe e = { .f = f, .c = c, .lib = lib, .o = o };
    struct stream s = { 0 };
    struct activity activity;
    uint64_t *vectors = NULL, *toggles = NULL;
    enum axm_status st = split(&e);
    if (st == AXM_OK)
        st = load(&e);
    if (st == AXM_OK)
        st = make_stream(&e, stimulus, &s);
    if (st == AXM_OK) {
        e.words = activity_vector_words(e.m);
        vectors = calloc(s.n, sizeof *vectors * (size_t)e.words);
        toggles = calloc((size_t)e.m->n_nets, sizeof *toggles);
        st = vectors && toggles ? run(&e, &s, vectors, log) : out_of_memory();
    }
    if (st == AXM_OK)
        st = activity_run(e.m, vectors, s.n, model, &activity, toggles);
    if (st == AXM_OK) {
        struct cell_power p = { .cycles = (size_t)activity.steps, .logic_pj = activity.energy_pj,
                                .logic_ci95_pj = activity.energy_ci95_pj, .registers = e.n_regs,
                                .leakage_nw = activity.leakage_nw };
        add_registers(&e, toggles, &p);
        p.energy_pj = p.logic_pj + p.register_pj + p.clock_pj;
        *out = p;
    }
    free(vectors);
    free(toggles);
    free(s.x);
    free(s.w);
    free(s.product);
    mapped_free(e.m);
    free(e.reg);
    free(e.more_pf);
    strbuf_release(&e.json);
    return st;
}
