#include "sim/formal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "gen/reference.h"
#include "gen/write.h"
#include "sim/abc.h"
#include "sim/algebra.h"
#include "sim/clock.h"

enum { JSON_BYTES_MAX = 256 << 20 };

const char *formal_verdict_name(enum formal_verdict v)
{
    static const char *const name[] = { "proven", "disproven", "gave up" };
    return name[v];
}

enum axm_status formal_need(void)
{
    return abc_need();
}

/* --- files of one proof -------------------------------------------------------- */

static enum axm_status put_file(const char *dir, const char *name, const struct strbuf *text)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s", dir, name);
    enum axm_status st = path.failed || text->failed ? fail(AXM_ENV, "%s: out of memory", name)
                                                     : file_write(path.s, text->s, text->len);
    strbuf_release(&path);
    return st;
}

static enum axm_status get_file(const char *dir, const char *name, struct strbuf *text)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s", dir, name);
    enum axm_status st = path.failed ? fail(AXM_ENV, "%s: out of memory", name)
                                     : file_read(path.s, JSON_BYTES_MAX, text);
    strbuf_release(&path);
    return st;
}

static enum axm_status run_script(const char *dir, const struct strbuf *script)
{
    return script->failed ? fail(AXM_ENV, "yosys: out of memory for its script") : yosys_run(dir, script->s);
}

/* --- counterexamples ------------------------------------------------------------ */

static uint64_t netlist_value(const struct netlist *nl, const uint64_t *value)
{
    uint64_t in[BUS_MAX * (2 + RUNTIME_PORTS)], out[BUS_MAX], product = 0;
    int n = 0, inputs = 0;
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        if (port->is_output)
            continue;
        for (int k = 0; k < port->bus.n; k++)
            in[n++] = -(value[inputs] >> k & 1);
        inputs++;
    }
    netlist_eval64(nl, in, out);
    for (int k = 0; k < netlist_find_port(nl, "p_o")->bus.n; k++)
        product |= (out[k] & 1) << k;
    return product;
}

/* The product of the model at this point; runtime ports become parameters, no
 * larger than the largest that a spec may state: more changes nothing. */
static enum axm_status model_value(const struct axm_spec *spec, const struct sim_mismatch *at, uint64_t *out)
{
    struct axm_spec s = *spec;
    for (int i = 0, r = 0; i < axm_param_count(s.family); i++) {
        if (!s.family->param[i].runtime || !axm_param_exists(&s, i))
            continue;
        int lo, hi;
        axm_param_range(&s, i, &lo, &hi);
        s.p[i] = at->runtime[r] < (uint64_t)hi ? (int)at->runtime[r] : hi;
        r++;
    }
    struct axm_mul *m;
    enum axm_status st = axm_mul_open_spec(&s, &m);
    if (st)
        return st;
    *out = axm_eval(m, at->a, at->b);
    axm_mul_close(m);
    return AXM_OK;
}

static void input_values(const struct sim_mismatch *at, uint64_t value[2 + RUNTIME_PORTS])
{
    value[0] = at->a;
    value[1] = at->b;
    memcpy(value + 2, at->runtime, sizeof at->runtime);
}

/* Operands and runtime ports of nl out of ABC's pattern. */
static struct sim_mismatch pattern_point(const struct netlist *nl, const struct strbuf *pattern)
{
    struct sim_mismatch at = { 0 };
    for (int p = 0, inputs = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        if (port->is_output)
            continue;
        uint64_t v = abc_pattern_value(pattern, port->name);
        assert(inputs < 2 + RUNTIME_PORTS);
        *(inputs == 0 ? &at.a : inputs == 1 ? &at.b : &at.runtime[inputs - 2]) = v;
        inputs++;
    }
    return at;
}

/* A disproof stands only if evaluation agrees: of y against x, or against the spec's model. */
static enum axm_status check_counterexample(const struct axm_spec *spec, const struct netlist *x,
                                            const struct netlist *y, struct formal_result *out)
{
    struct sim_mismatch *c = &out->counterexample;
    uint64_t value[2 + RUNTIME_PORTS];
    enum axm_status st = AXM_OK;
    input_values(c, value);
    c->actual = netlist_value(y, value);
    if (spec)
        st = model_value(spec, c, &c->expected);
    else
        c->expected = netlist_value(x, value);
    if (!st && c->actual == c->expected)
        st = fail(AXM_MISMATCH,
                  "%s: %s says a = 0x%llx, b = 0x%llx shows a difference, but both products are 0x%llx",
                  netlist_name(y), out->method, (unsigned long long)c->a, (unsigned long long)c->b,
                  (unsigned long long)c->actual);
    return st;
}

/* --- ABC ------------------------------------------------------------------------ */

static void take_verdict(const struct netlist *nl, const struct abc_verdict *v, struct formal_result *out)
{
    snprintf(out->method, sizeof out->method, "%s", v->command);
    if (v->answer == ABC_EQUAL) {
        out->verdict = FORMAL_PROVEN;
    } else if (v->answer == ABC_DIFFERENT) {
        out->verdict = FORMAL_DISPROVEN;
        out->counterexample = pattern_point(nl, &v->pattern);
    } else {
        out->verdict = FORMAL_GAVE_UP;
        snprintf(out->reason, sizeof out->reason, "%s", v->reason);
    }
}

/* dut.v in dir against the family's reference. */
static enum axm_status prove_by_cec(const struct axm_spec *spec, const struct netlist *nl, const char *dir,
                                    int timeout_s, struct formal_result *out)
{
    char name[AXM_SPEC_MAX], reference[AXM_SPEC_MAX + 8];
    axm_spec_print_circuit(spec, name);
    snprintf(reference, sizeof reference, "%s_ref", name);
    struct strbuf text = { 0 }, script = { 0 };
    struct abc_verdict v = { .answer = ABC_NO_ANSWER };
    enum axm_status st = ref_wrapper(spec, &text);
    if (!st)
        st = put_file(dir, "ref.v", &text);
    yosys_add_read("dut", "ref", &script);
    yosys_add_aiger(netlist_name(nl), "dut", &script);
    yosys_add_aiger(reference, "ref", &script);
    if (!st)
        st = run_script(dir, &script);
    if (!st)
        st = abc_equal(dir, "ref.aig", "dut.aig", timeout_s, &v);
    if (!st)
        take_verdict(nl, &v, out);
    abc_verdict_release(&v);
    strbuf_release(&text);
    strbuf_release(&script);
    return st;
}

/* --- algebra -------------------------------------------------------------------- */

struct box_context {
    const char *dir;
    int timeout_s;
};

static enum axm_status prove_box(void *ctx, const char *module, const char *reference, bool *equal)
{
    const struct box_context *c = ctx;
    struct strbuf text = { 0 }, linear = { 0 }, script = { 0 };
    struct abc_verdict v = { .answer = ABC_NO_ANSWER };
    strbuf_adds(&text, reference);
    strbuf_addf(&linear, "%s_linear", module);
    enum axm_status st = put_file(c->dir, "linear.v", &text);
    yosys_add_read("dut", "linear", &script);
    yosys_add_aiger(linear.failed ? "" : linear.s, "linear", &script);
    yosys_add_aiger(module, "box", &script);
    if (!st)
        st = run_script(c->dir, &script);
    if (!st)
        st = abc_equal(c->dir, "linear.aig", "box.aig", c->timeout_s, &v);
    if (!st)
        *equal = v.answer == ABC_EQUAL;
    abc_verdict_release(&v);
    strbuf_release(&text);
    strbuf_release(&linear);
    strbuf_release(&script);
    return st;
}

static enum axm_status prove_by_algebra(const struct axm_spec *spec, const struct netlist *nl,
                                        const char *dir, int timeout_s, struct formal_result *out)
{
    struct strbuf json = { 0 };
    struct algebra_result r;
    struct box_context box = { dir, timeout_s };
    enum axm_status st = yosys_run(dir, ALGEBRA_SCRIPT);
    if (!st)
        st = get_file(dir, "dut.json", &json);
    if (!st)
        st = algebra_prove(spec, json.s, netlist_name(nl), prove_box, &box, &r);
    strbuf_release(&json);
    if (st)
        return st;
    snprintf(out->method, sizeof out->method, "%s", r.boxes ? "algebra + &cec" : "algebra");
    if (r.answer == ALGEBRA_EQUAL) {
        out->verdict = FORMAL_PROVEN;
    } else if (r.answer == ALGEBRA_DIFFERENT) {
        out->verdict = FORMAL_DISPROVEN;
        out->counterexample = (struct sim_mismatch){ .a = r.a, .b = r.b };
    } else {
        out->verdict = FORMAL_GAVE_UP;
        snprintf(out->reason, sizeof out->reason, "%s", r.reason);
    }
    return AXM_OK;
}

/* --- proofs --------------------------------------------------------------------- */

static enum axm_status prove_in(const char *dir, const struct axm_spec *spec, const struct netlist *nl,
                                const struct formal_opts *o, struct formal_result *out)
{
    int timeout_s = o->timeout_s ? o->timeout_s : FORMAL_TIMEOUT_S;
    bool try_algebra = o->method == FORMAL_ALGEBRA || (o->method == FORMAL_AUTO && algebra_applies(spec));
    struct strbuf text = { 0 };
    enum axm_status st = write_verilog(nl, &(struct verilog_opts){ 0 }, &text);
    if (!st)
        st = put_file(dir, "dut.v", &text);
    strbuf_release(&text);
    if (!st && try_algebra)
        st = prove_by_algebra(spec, nl, dir, timeout_s, out);
    if (!st && o->method != FORMAL_ALGEBRA && (!try_algebra || out->verdict == FORMAL_GAVE_UP)) {
        char before[sizeof out->reason];
        memcpy(before, out->reason, sizeof before);
        st = prove_by_cec(spec, nl, dir, timeout_s, out);
        if (!st && try_algebra && out->verdict == FORMAL_GAVE_UP) {
            snprintf(out->method, sizeof out->method, "algebra, &cec, cec");
            snprintf(out->reason, sizeof out->reason, "%.90s; no answer from ABC in %d s", before, timeout_s);
        }
    }
    if (!st && out->verdict == FORMAL_DISPROVEN)
        st = check_counterexample(spec, NULL, nl, out);
    return st;
}

enum axm_status formal_prove_by(const struct axm_spec *spec, const struct netlist *nl,
                                const struct formal_opts *o, struct formal_result *out)
{
    double start = clock_seconds();
    struct strbuf dir = { 0 };
    *out = (struct formal_result){ .verdict = FORMAL_GAVE_UP };
    enum axm_status st = formal_need();
    if (!st && netlist_latency(nl) != 0)
        st = fail(AXM_USAGE, "%s: a formal proof needs a combinational circuit, this one has registers",
                  netlist_name(nl));
    if (!st)
        st = file_scratch_dir(&dir);
    if (st)
        return st;
    st = prove_in(dir.s, spec, nl, o, out);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    out->seconds = clock_seconds() - start;
    return st;
}

enum axm_status formal_prove(const struct axm_spec *spec, const struct netlist *nl, struct formal_result *out)
{
    return formal_prove_by(spec, nl, &(struct formal_opts){ .method = FORMAL_AUTO }, out);
}

static enum axm_status put_aiger(const char *dir, const char *name, const struct netlist *nl)
{
    struct strbuf data = { 0 };
    enum axm_status st = write_aiger(nl, &data);
    if (!st)
        st = put_file(dir, name, &data);
    strbuf_release(&data);
    return st;
}

enum axm_status formal_equal(const struct netlist *x, const struct netlist *y, int timeout_s,
                             struct formal_result *out)
{
    double start = clock_seconds();
    struct strbuf dir = { 0 };
    struct abc_verdict v = { .answer = ABC_NO_ANSWER };
    *out = (struct formal_result){ .verdict = FORMAL_GAVE_UP };
    enum axm_status st = formal_need();
    if (!st)
        st = file_scratch_dir(&dir);
    if (st)
        return st;
    st = put_aiger(dir.s, "x.aig", x);
    if (!st)
        st = put_aiger(dir.s, "y.aig", y);
    if (!st)
        st = abc_equal(dir.s, "x.aig", "y.aig", timeout_s ? timeout_s : FORMAL_TIMEOUT_S, &v);
    if (!st)
        take_verdict(x, &v, out);
    if (!st && out->verdict == FORMAL_DISPROVEN)
        st = check_counterexample(NULL, x, y, out);
    abc_verdict_release(&v);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    out->seconds = clock_seconds() - start;
    return st;
}
