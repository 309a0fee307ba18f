#include "synth/characterise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "gen/build.h"
#include "gen/write.h"
#include "sim/foreign.h"

enum { VECTORS_DEFAULT = 20000 };

/* --- vectors ------------------------------------------------------------------ */

/* Where the bits of a port stand in a vector; -1 if m has no such input. */
static int input_offset(const struct mapped *m, const char *name, int *width)
{
    int bit = 0;
    for (int p = 0; p < m->n_ports; p++) {
        if (m->port[p].is_output)
            continue;
        if (!strcmp(m->port[p].name, name)) {
            *width = m->port[p].width;
            return bit;
        }
        bit += m->port[p].width;
    }
    return -1;
}

static void put_operand(uint64_t *vector, int offset, int width, uint64_t value)
{
    for (int i = 0; i < width; i++)
        vector[(offset + i) / 64] |= (value >> i & 1) << ((offset + i) % 64);
}

static uint64_t draw(struct rng *r, const struct stimulus_opts *o, int width, bool is_signed)
{
    if (o->kind == STIMULUS_UNIFORM)
        return rng_next(r) & axm_mask(width);
    double lo = is_signed ? -ldexp(1, width - 1) : 0, hi = ldexp(1, is_signed ? width - 1 : width) - 1;
    double v = nearbyint(rng_gauss(r) * o->sigma);
    return (uint64_t)(int64_t)(v < lo ? lo : v > hi ? hi : v) & axm_mask(width);
}

static enum axm_status read_trace(const char *path, struct strbuf *out, size_t *pairs)
{
    enum axm_status st = file_read(path, (size_t)1 << 32, out);
    if (st == AXM_OK && (out->len % 4 || out->len < 8))
        st = fail(AXM_USAGE, "%s: a trace is little-endian int16 pairs a, b, at least two; got %zu bytes",
                  path, out->len);
    *pairs = out->len / 4;
    return st;
}

enum axm_status stimulus_pairs(const struct stimulus_opts *o, int width_a, int width_b, bool is_signed,
                               uint64_t **a, uint64_t **b, size_t *n)
{
    struct strbuf trace = { 0 };
    struct rng r;
    *n = o->vectors ? o->vectors : VECTORS_DEFAULT;
    enum axm_status st = o->kind == STIMULUS_TRACE ? read_trace(o->trace, &trace, n) : AXM_OK;
    uint64_t *to_a = st == AXM_OK ? calloc(*n, sizeof *to_a) : NULL;
    uint64_t *to_b = st == AXM_OK ? calloc(*n, sizeof *to_b) : NULL;
    if (st == AXM_OK && (!to_a || !to_b))
        st = fail(AXM_ENV, "activity: out of memory for %zu pairs", *n);
    rng_init(&r, o->seed, 0);
    for (size_t i = 0; i < *n && st == AXM_OK; i++) {
        if (o->kind == STIMULUS_TRACE) {
            const unsigned char *p = (const unsigned char *)trace.s + 4 * i;
            to_a[i] = (uint64_t)axm_sign_extend(p[0] | (uint64_t)p[1] << 8, 16) & axm_mask(width_a);
            to_b[i] = (uint64_t)axm_sign_extend(p[2] | (uint64_t)p[3] << 8, 16) & axm_mask(width_b);
        } else {
            to_a[i] = draw(&r, o, width_a, is_signed);
            to_b[i] = draw(&r, o, width_b, is_signed);
        }
    }
    strbuf_release(&trace);
    if (st == AXM_OK) {
        *a = to_a;
        *b = to_b;
    } else {
        free(to_a);
        free(to_b);
    }
    return st;
}

enum axm_status stimulus_vectors(const struct stimulus_opts *o, const struct mapped *m, bool is_signed,
                                 uint64_t **vectors, size_t *n)
{
    int width_a = 0, width_b = 0, words = activity_vector_words(m);
    int at_a = input_offset(m, "a_i", &width_a), at_b = input_offset(m, "b_i", &width_b);
    uint64_t *a = NULL, *b = NULL;
    if (at_a < 0 || at_b < 0)
        return fail(AXM_USAGE, "activity: the circuit has no inputs a_i and b_i");
    enum axm_status st = stimulus_pairs(o, width_a, width_b, is_signed, &a, &b, n);
    uint64_t *v = st == AXM_OK ? calloc(*n, sizeof *v * (size_t)words) : NULL;
    if (st == AXM_OK && !v)
        st = fail(AXM_ENV, "activity: out of memory for %zu vectors", *n);
    for (size_t i = 0; i < *n && st == AXM_OK; i++) {
        put_operand(v + i * (size_t)words, at_a, width_a, a[i]);
        put_operand(v + i * (size_t)words, at_b, width_b, b[i]);
    }
    free(a);
    free(b);
    if (st == AXM_OK)
        *vectors = v;
    return st;
}

/* Names the stimulus for the store's key; a trace by its content. */
static enum axm_status describe_stimulus(const struct stimulus_opts *o, struct strbuf *out)
{
    struct sha256_hex h;
    enum axm_status st = AXM_OK;
    size_t n = o->vectors ? o->vectors : VECTORS_DEFAULT;
    if (o->kind == STIMULUS_UNIFORM) {
        strbuf_addf(out, "uniform %zu seed %llu", n, (unsigned long long)o->seed);
    } else if (o->kind == STIMULUS_GAUSS) {
        strbuf_addf(out, "gauss sigma %.17g %zu seed %llu", o->sigma, n, (unsigned long long)o->seed);
    } else {
        st = sha256_file(o->trace, &h);
        if (st == AXM_OK)
            strbuf_addf(out, "trace %s", h.s);
    }
    return st;
}

/* --- measuring ---------------------------------------------------------------- */

static enum axm_status measure(const struct mul_circuit *c, const struct characterise_opts *o,
                               struct measurement *out)
{
    struct synth_opts so = { .mode = o->mode, .lib = o->lib, .mapped = o->mapped };
    struct synth_result r = { 0 };
    struct timing t = { 0 };
    uint64_t *vectors = NULL;
    size_t n = 0;
    enum axm_status st = synth_run(c->text.s, c->top, &so, &r);
    if (st == AXM_OK)
        st = timing_run(r.mapped, c->top, &o->mapped, &t, NULL);
    if (st == AXM_OK)
        st = stimulus_vectors(&o->stimulus, r.mapped, c->is_signed, &vectors, &n);
    if (st == AXM_OK)
        *out = (struct measurement){ .area_um2 = r.mapped->area_um2, .cells = r.cells,
                                     .delay_ns = t.delay_ns };
    for (int d = DELAY_ZERO; d <= DELAY_LIBERTY && st == AXM_OK; d++) {
        struct activity a;
        st = activity_run(r.mapped, vectors, n, (enum delay_model)d, &a, NULL);
        if (st != AXM_OK)
            break;
        out->energy_pj[d] = a.energy_pj;
        out->switching_pj[d] = a.switching_pj;
        out->energy_ci95_pj[d] = isfinite(a.energy_ci95_pj) ? a.energy_ci95_pj : 0;
        out->toggles[d] = a.toggles_per_step;
        out->leakage_nw = a.leakage_nw;
        out->steps = (long long)a.steps;
    }
    free(vectors);
    timing_release(&t);
    synth_release(&r);
    return st;
}

/* Bumped when our own engine changes what a measurement means. */
#define ENGINE "axmul activity 2"

enum axm_status characterise(const struct mul_circuit *c, const struct characterise_opts *o,
                             struct measurement *out, bool *fresh)
{
    struct strbuf stimulus = { 0 }, all = { 0 };
    struct sha256_hex netlist = sha256_bytes(c->text.s, c->text.len), key;
    int found = 0;
    enum axm_status st = describe_stimulus(&o->stimulus, &stimulus);
    strbuf_addf(&all, "%s\n%s\n%s\n%s\n%s\nslew %.17g load %.17g\n%s\n" ENGINE "\n", netlist.s,
                o->lib->sha256, synth_mode_name(o->mode), c->is_signed ? "signed" : "unsigned",
                stimulus.s ? stimulus.s : "", o->mapped.input_slew_ns, o->mapped.output_load_pf, o->tools);
    if (st == AXM_OK && (all.failed || stimulus.failed))
        st = fail(AXM_ENV, "%s: out of memory", c->name);
    if (st == AXM_OK)
        key = sha256_bytes(all.s, all.len);
    if (st == AXM_OK && o->store)
        st = store_get(o->store, key.s, out, &found);
    if (st == AXM_OK && found != STORE_FOUND) {
        struct measurement_key k = { .spec = c->name, .netlist_sha256 = netlist.s, .liberty = o->lib->name,
                                     .liberty_sha256 = o->lib->sha256, .mode = synth_mode_name(o->mode),
                                     .stimulus = stimulus.s, .tools = o->tools,
                                     .input_slew_ns = o->mapped.input_slew_ns,
                                     .output_load_pf = o->mapped.output_load_pf };
        memcpy(k.key, key.s, sizeof k.key);
        if (!found)
            st = measure(c, o, out);
        if (st == AXM_OK && o->store)
            st = found ? store_put_load(o->store, &k) : store_put(o->store, &k, out);
    }
    if (fresh)
        *fresh = !found;
    strbuf_release(&stimulus);
    strbuf_release(&all);
    return st;
}

/* pJ times MHz is uW. */
double measurement_mw(const struct measurement *m, enum delay_model d, double mhz)
{
    return m->energy_pj[d] * mhz * 1e-3 + m->leakage_nw * 1e-6;
}

/* --- circuits ----------------------------------------------------------------- */

enum axm_status mul_circuit_of_netlist(const struct netlist *nl, const char *name, bool is_signed,
                                   struct mul_circuit *out)
{
    struct mul_circuit c = { .is_signed = is_signed };
    snprintf(c.name, sizeof c.name, "%s", name);
    snprintf(c.top, sizeof c.top, "%s", netlist_name(nl));
    c.width_a = netlist_find_port(nl, "a_i")->bus.n;
    c.width_b = netlist_find_port(nl, "b_i")->bus.n;
    enum axm_status st = write_verilog(nl, &(struct verilog_opts){ .no_library = true }, &c.text);
    if (st == AXM_OK)
        *out = c;
    else
        mul_circuit_release(&c);
    return st;
}

enum axm_status mul_circuit_of_spec(const struct axm_spec *s, struct mul_circuit *out)
{
    char name[AXM_SPEC_MAX];
    struct netlist *nl;
    axm_spec_print(s, name);
    enum axm_status st = mul_netlist(s, &nl);
    if (st != AXM_OK)
        return st;
    st = mul_circuit_of_netlist(nl, name, s->is_signed, out);
    netlist_free(nl);
    return st;
}

/* Around a foreign module a top of our own, whose ports are named as ours. */
static enum axm_status mul_circuit_foreign(const char *spec, struct mul_circuit *out)
{
    struct dut d;
    struct mul_circuit c = { .foreign = true, .top = "axm_foreign" };
    enum axm_status st = foreign_circuit(spec, &d, &c.is_signed);
    if (st != AXM_OK)
        return st;
    const char *file = spec + strcspn(spec, ":"), *slash = strrchr(spec, '/');
    snprintf(c.name, sizeof c.name, "verilog:%s", slash ? slash + 1 : file + 1);
    c.width_a = d.width_a;
    c.width_b = d.width_b;
    if (d.systemverilog)
        st = fail(AXM_USAGE, "%s: synthesis reads Verilog-2005 only, not .sv", spec);
    strbuf_add(&c.text, d.text.s, d.text.len);
    strbuf_addf(&c.text, "\nmodule axm_foreign (input [%d:0] a_i, input [%d:0] b_i, output [%d:0] p_o);\n"
                "  %s u (.%s(a_i), .%s(b_i), .%s(p_o));\nendmodule\n", d.width_a - 1, d.width_b - 1,
                d.width_p - 1, d.module, d.port_a, d.port_b, d.port_p);
    if (st == AXM_OK && c.text.failed)
        st = fail(AXM_ENV, "%s: out of memory", spec);
    dut_release(&d);
    if (st == AXM_OK)
        *out = c;
    else
        mul_circuit_release(&c);
    return st;
}

enum axm_status mul_circuit_open(const char *spec, struct mul_circuit *out)
{
    struct axm_spec s;
    if (!strncmp(spec, "verilog:", 8))
        return mul_circuit_foreign(spec, out);
    if (!strncmp(spec, "lut:", 4))
        return fail(AXM_USAGE, "%s: a table has no circuit; expected a spec or verilog:FILE", spec);
    enum axm_status st = axm_spec_parse(spec, &s);
    return st == AXM_OK ? mul_circuit_of_spec(&s, out) : st;
}

void mul_circuit_release(struct mul_circuit *c)
{
    strbuf_release(&c->text);
}
