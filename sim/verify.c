#include "sim/verify.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "cmodel/mul.h"
#include "gen/build.h"
#include "sim/bitsim.h"
#include "sim/clock.h"
#include "sim/dut.h"
#include "sim/formal.h"
#include "sim/icarus.h"
#include "sim/verilator.h"

static const char *const backend_names[VERIFY_BACKENDS] = {
    [VERIFY_BITSLICE] = "bitslice", [VERIFY_VERILATOR] = "verilator",
    [VERIFY_ICARUS] = "icarus", [VERIFY_FORMAL] = "formal",
};

const char *verify_backend_name(enum verify_backend b)
{
    return backend_names[b];
}

enum axm_status verify_parse_backends(const char *list, unsigned *mask)
{
    unsigned m = 0;
    for (const char *p = list;;) {
        size_t len = strcspn(p, ",");
        int b = 0;
        while (b < VERIFY_BACKENDS &&
               (strlen(backend_names[b]) != len || strncmp(backend_names[b], p, len)))
            b++;
        if (b == VERIFY_BACKENDS)
            return fail(AXM_USAGE, "\"%.*s\" is no simulator: verilator, icarus, bitslice or formal",
                        (int)len, p);
        m |= 1u << b;
        p += len;
        if (!*p++)
            break;
    }
    *mask = m;
    return AXM_OK;
}

int verify_exhaustive_bits(enum verify_backend b, bool full)
{
    switch (b) {
    case VERIFY_BITSLICE: return 32;
    case VERIFY_VERILATOR: return full ? 32 : 24;
    default: return full ? 24 : 20;
    }
}

/* A spec made ready for all backends. */
struct target {
    const struct axm_spec *spec;
    struct netlist *nl;
    struct dut dut;
    struct bitsim *bitsim;
};

/* What a backend does with the circuits of one shape. */
struct plan {
    bool exhaustive;
    uint64_t settings, all_settings;
    uint64_t random;
    uint64_t pairs;             /* of one setting; of a sample: without its corners */
};

/* Circuits that one backend takes together. */
struct job {
    enum verify_backend backend;
    size_t n, *member;          /* indices into the batch */
    struct plan plan;
    uint64_t first, count;      /* slice of the pairs; count 0: all */
    struct verify_result *result;   /* [n] */
    bool disproven;             /* formal */
    bool complete;
};

struct batch {
    const struct verify_request *q;
    size_t base, n;             /* specs base..base+n-1 of the request */
    struct target *target;
    struct job *job;
    size_t n_jobs;
    struct progress *bar;
};

/* --- runtime ports ----------------------------------------------------------------- */

/* Setting number k of plan->settings: all of them in order, or all zeros, all
 * ones, then seeded ones. */
static void setting_values(const struct dut *d, const struct plan *plan, uint64_t seed, uint64_t k,
                           uint64_t value[RUNTIME_PORTS])
{
    uint64_t bits = k;
    if (plan->settings < plan->all_settings && k > 0) {
        struct rng r;
        rng_init(&r, seed, k);
        bits = k == 1 ? UINT64_MAX : rng_next(&r);
    }
    memset(value, 0, RUNTIME_PORTS * sizeof value[0]);
    for (int i = 0; i < d->n_runtime; i++) {
        value[i] = bits & axm_mask(d->runtime[i].width);
        bits >>= d->runtime[i].width;
    }
}

/* The model that a circuit with these port values must be: a value above a parameter's
 * range means the same as the highest. */
static enum axm_status open_model(const struct axm_spec *spec, const uint64_t *value, struct axm_mul **out)
{
    struct axm_spec s = *spec;
    for (int i = 0, port = 0; i < axm_param_count(s.family); i++) {
        if (!s.family->param[i].runtime || !axm_param_exists(&s, i))
            continue;
        int lo, hi;
        axm_param_range(&s, i, &lo, &hi);
        uint64_t v = value[port++];
        s.p[i] = v > (uint64_t)hi ? hi : (int)v;
    }
    return axm_mul_open_spec(&s, out);
}

/* --- planning -------------------------------------------------------------------------- */

enum {
    SAMPLED_SETTINGS = 16,      /* at least so many settings of the runtime ports are tried */
    ICARUS_RANDOM = 1 << 13,    /* a pair of a wide circuit takes it a millisecond */
    ICARUS_CORNERS = 1 << 13,
    RANDOM = 1 << 20,
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct plan make_plan(const struct verify_request *q, enum verify_backend b, const struct dut *d)
{
    int limit = verify_exhaustive_bits(b, q->full);
    int pair_bits = d->width_a + d->width_b;
    struct plan p = { .all_settings = UINT64_C(1) << dut_runtime_bits(d) };
    uint64_t least = min_u64(p.all_settings, SAMPLED_SETTINGS);
    p.random = q->random ? q->random : b == VERIFY_ICARUS ? ICARUS_RANDOM : RANDOM;
    p.exhaustive = pair_bits <= limit && least <= UINT64_C(1) << (limit - pair_bits);
    if (p.exhaustive) {
        p.settings = min_u64(p.all_settings, UINT64_C(1) << (limit - pair_bits));
        p.pairs = UINT64_C(1) << pair_bits;
    } else {
        p.settings = least;
        p.pairs = p.random;
    }
    return p;
}

static enum axm_status plan_stimulus(const struct job *j, const struct dut *d, uint64_t seed,
                                     struct stimulus *out)
{
    if (j->plan.exhaustive) {
        *out = stimulus_all(d->width_a, d->width_b);
        return AXM_OK;
    }
    enum axm_status st = stimulus_sample(d->width_a, d->width_b, j->plan.random, seed, out);
    if (!st && j->backend == VERIFY_ICARUS)
        stimulus_thin_corners(out, ICARUS_CORNERS);
    return st;
}

/* A job so long that it takes all threads itself. */
static bool is_wide(const struct job *j)
{
    return j->backend == VERIFY_BITSLICE && j->plan.pairs * j->plan.settings > 1 << 24;
}

static size_t group_size(enum verify_backend b, const struct plan *p, size_t specs)
{
    size_t share = specs / pool_threads() + 1;   /* few specs: one group for each thread */
    switch (b) {
    case VERIFY_VERILATOR: return VERILATOR_GROUP;
    case VERIFY_ICARUS: return p->settings > 1 ? 1 : min_u64(ICARUS_GROUP, share);
    case VERIFY_BITSLICE: return p->pairs * p->settings > 1 << 20 ? 1 : min_u64(32, share);
    default: return 1;
    }
}

static bool wants(const struct verify_request *q, const struct axm_spec *s, enum verify_backend b)
{
    return q->backends >> b & 1 || (b == VERIFY_FORMAL && q->formal_if_wide &&
                                    axm_spec_product_width(s) > 32);
}

static bool batch_add_job(struct batch *b, const struct job *model)
{
    struct job *grown = realloc(b->job, (b->n_jobs + 1) * sizeof *grown);
    if (!grown)
        return false;
    b->job = grown;
    struct job *j = &grown[b->n_jobs];
    *j = *model;
    j->member = malloc(j->n * sizeof *j->member);
    j->result = calloc(j->n, sizeof *j->result);
    b->n_jobs++;
    if (!j->member || !j->result)
        return false;
    memcpy(j->member, model->member, j->n * sizeof *j->member);
    for (size_t i = 0; i < j->n; i++) {
        j->result[i] = (struct verify_result){
            .spec = b->base + j->member[i], .backend = j->backend, .exhaustive = j->plan.exhaustive,
            .settings = j->plan.settings, .all_settings = j->plan.all_settings };
    }
    return true;
}

/* Pairs of one Verilator job; more are shared out among the threads. */
enum { SLICE_PAIRS = 1 << 26 };

static bool add_group(struct batch *b, enum verify_backend backend, size_t *member, size_t n)
{
    struct job j = { .backend = backend, .member = member, .n = n,
                     .plan = make_plan(b->q, backend, &b->target[member[0]].dut) };
    if (backend != VERIFY_VERILATOR || !j.plan.exhaustive || j.plan.pairs <= SLICE_PAIRS)
        return batch_add_job(b, &j);
    for (; j.first < j.plan.pairs; j.first += j.count) {
        j.count = min_u64(SLICE_PAIRS, j.plan.pairs - j.first);
        if (!batch_add_job(b, &j))
            return false;
    }
    return true;
}

/* Jobs of one backend: specs of one shape in groups, in order. */
static bool plan_backend(struct batch *b, enum verify_backend backend)
{
    bool ok = true, *taken = calloc(b->n, sizeof *taken);
    size_t *member = malloc(b->n * sizeof *member);
    for (size_t i = 0; taken && member && i < b->n && ok; i++) {
        if (taken[i] || !wants(b->q, b->target[i].spec, backend))
            continue;
        struct plan p = make_plan(b->q, backend, &b->target[i].dut);
        size_t n = 0, most = group_size(backend, &p, b->n);
        for (size_t k = i; k < b->n && n < most; k++) {
            if (taken[k] || !wants(b->q, b->target[k].spec, backend) ||
                !dut_same_shape(&b->target[i].dut, &b->target[k].dut))
                continue;
            taken[k] = true;
            member[n++] = k;
        }
        ok = add_group(b, backend, member, n);
    }
    ok = ok && taken && member;
    free(taken);
    free(member);
    return ok;
}

/* --- running ----------------------------------------------------------------------------- */

static enum axm_status prepare(void *ctx, size_t i, int worker)
{
    (void)worker;
    struct batch *b = ctx;
    const struct verify_request *q = b->q;
    struct target *t = &b->target[i];
    t->spec = &q->spec[b->base + i];
    enum axm_status st = AXM_OK;
    if (q->netlist)
        t->nl = netlist_copy(q->netlist[b->base + i]);
    else
        st = mul_netlist(t->spec, &t->nl);
    if (!st && t->nl && (q->registered_inputs || q->registered_outputs || q->pipeline)) {
        struct netlist *registered = netlist_registered(t->nl, q->registered_inputs,
                                                        q->registered_outputs, q->pipeline);
        netlist_free(t->nl);
        t->nl = registered;
    }
    if (!st && !t->nl)
        st = fail(AXM_ENV, "netlist: out of memory");
    if (!st)
        st = dut_from_netlist(t->nl, &(struct verilog_opts){ .flat = q->flat }, &t->dut);
    if (!st && q->backends >> VERIFY_BITSLICE & 1)
        st = bitsim_new(t->nl, &t->bitsim);
    if (!wants(q, t->spec, VERIFY_FORMAL)) {   /* thousands of specs: keep the little that is needed */
        netlist_free(t->nl);
        t->nl = NULL;
    }
    return st;
}

static void merge(struct sim_result *into, const struct sim_result *r)
{
    if (into->mismatches == 0)
        into->first = r->first;
    into->pairs += r->pairs;
    into->mismatches += r->mismatches;
    into->seconds += r->seconds;
}

static enum axm_status bitslice_setting(const struct batch *b, const struct job *j,
                                        struct axm_mul *const *model, const struct stimulus *pairs,
                                        const uint64_t *runtime, struct sim_result *result)
{
    struct bitsim_compare_opts o = { .runtime = runtime, .one_thread = !is_wide(j),
                                     .progress = is_wide(j) };
    for (size_t i = 0; i < j->n; i++) {
        struct sim_result r = { 0 };
        enum axm_status st = bitsim_compare(b->target[j->member[i]].bitsim, model[i], pairs, &o, &r);
        if (st)
            return st;
        merge(&result[i], &r);
    }
    return AXM_OK;
}

static enum axm_status simulate(const struct batch *b, struct job *j)
{
    const struct dut *first = &b->target[j->member[0]].dut;
    const struct dut **dut = calloc(j->n, sizeof *dut);
    struct axm_mul **model = calloc(j->n, sizeof *model);
    struct sim_result *result = calloc(j->n, sizeof *result);
    struct verilator_sim *verilator = NULL;
    struct stimulus all = { 0 };
    enum axm_status st = AXM_OK;
    if (!dut || !model || !result) {
        st = fail(AXM_ENV, "%zu circuits: out of memory", j->n);
        goto out;
    }
    for (size_t i = 0; i < j->n; i++)
        dut[i] = &b->target[j->member[i]].dut;
    double start = clock_seconds();
    if (j->backend == VERIFY_VERILATOR && (st = verilator_open(dut, j->n, &verilator)))
        goto out;
    double setup = (clock_seconds() - start) / j->n;
    if ((st = plan_stimulus(j, first, b->q->seed, &all)))
        goto out;
    struct stimulus pairs = stimulus_slice(&all, j->first, j->count ? j->count : all.count);
    for (uint64_t k = 0; k < j->plan.settings && !st; k++) {
        uint64_t runtime[RUNTIME_PORTS];
        setting_values(first, &j->plan, b->q->seed, k, runtime);
        for (size_t i = 0; i < j->n && !st; i++) {
            axm_mul_close(model[i]);
            model[i] = NULL;
            st = open_model(b->target[j->member[i]].spec, runtime, &model[i]);
        }
        const struct axm_mul *const *models = (const struct axm_mul *const *)model;
        if (st)
            break;
        if (j->backend == VERIFY_VERILATOR)
            st = verilator_compare(verilator, models, &pairs, runtime, result);
        else if (j->backend == VERIFY_ICARUS)
            st = icarus_compare(dut, j->n, models, &pairs, runtime, result);
        else
            st = bitslice_setting(b, j, model, &pairs, runtime, result);
        if (!st && progress_stop_requested())
            st = AXM_STOPPED;
    }
    for (size_t i = 0; i < j->n && !st; i++) {
        j->result[i].sim = result[i];
        j->result[i].sim.seconds += setup;
    }
out:
    for (size_t i = 0; model && i < j->n; i++)
        axm_mul_close(model[i]);
    free(dut);
    free(model);
    free(result);
    verilator_close(verilator);
    stimulus_release(&all);
    return st;
}

static enum axm_status prove(const struct batch *b, struct job *j)
{
    struct verify_result *r = &j->result[0];
    const struct target *t = &b->target[j->member[0]];
    struct formal_result f;
    enum axm_status st = formal_prove(t->spec, t->nl, &f);
    if (st)
        return st;
    r->exhaustive = f.verdict == FORMAL_PROVEN;
    r->settings = r->all_settings;
    r->sim.seconds = f.seconds;
    if (f.verdict == FORMAL_DISPROVEN) {
        r->sim.mismatches = 1;
        r->sim.first = f.counterexample;
    }
    snprintf(r->note, sizeof r->note, "%s by %s%s%s", formal_verdict_name(f.verdict), f.method,
             f.reason[0] ? ": " : "", f.reason);
    return AXM_OK;
}

static enum axm_status run_job(void *ctx, size_t item, int worker)
{
    (void)worker;
    struct batch *b = ctx;
    struct job *j = &b->job[item];
    if (j->complete)
        return AXM_OK;
    enum axm_status st = j->backend == VERIFY_FORMAL ? prove(b, j) : simulate(b, j);
    if (st)
        return st;
    j->complete = true;
    if (j->first == 0)
        progress_add(b->bar, j->n);
    return AXM_OK;
}

/* Short jobs share the threads; each wide one has them all. */
static enum axm_status run_jobs(struct batch *b)
{
    enum axm_status st = AXM_OK;
    for (size_t i = 0; i < b->n_jobs && !st; i++)
        if (is_wide(&b->job[i]))
            st = run_job(b, i, 0);
    return st ? st : pool_run(b->n_jobs, run_job, b);
}

/* --- reporting ------------------------------------------------------------------------------ */

static void add_value(struct strbuf *out, uint64_t pattern, int bits, bool is_signed)
{
    if (is_signed)
        strbuf_addf(out, "%" PRId64, axm_sign_extend(pattern, bits));
    else
        strbuf_addf(out, "%" PRIu64, pattern);
}

static void add_bits(struct strbuf *out, uint64_t pattern, int bits)
{
    while (bits-- > 0)
        strbuf_adds(out, pattern >> bits & 1 ? "1" : "0");
}

void verify_describe(const struct verify_request *q, const struct verify_result *r, struct strbuf *out)
{
    const struct axm_spec *s = &q->spec[r->spec];
    const struct sim_mismatch *m = &r->sim.first;
    int product = axm_spec_product_width(s);
    char name[AXM_SPEC_MAX];
    axm_spec_print(s, name);
    strbuf_addf(out, "%s: %s: ", name, verify_backend_name(r->backend));
    add_value(out, m->a, s->width_a, s->is_signed);
    strbuf_adds(out, " x ");
    add_value(out, m->b, s->width_b, s->is_signed);
    strbuf_adds(out, " (");
    add_bits(out, m->a, s->width_a);
    strbuf_adds(out, " x ");
    add_bits(out, m->b, s->width_b);
    strbuf_adds(out, ")");
    if (r->all_settings > 1) {
        strbuf_adds(out, " with ");
        for (int i = 0, port = 0; i < axm_param_count(s->family); i++)
            if (s->family->param[i].runtime && axm_param_exists(s, i)) {
                strbuf_addf(out, "%s%s = %" PRIu64, port ? ", " : "", s->family->param[i].key,
                            m->runtime[port]);
                port++;
            }
    }
    strbuf_adds(out, " gives ");
    if (m->unknown)
        strbuf_adds(out, "x bits");
    else {
        add_value(out, m->actual, product, s->is_signed);
        strbuf_adds(out, " (");
        add_bits(out, m->actual, product);
        strbuf_adds(out, ")");
    }
    strbuf_adds(out, ", the model says ");
    add_value(out, m->expected, product, s->is_signed);
    strbuf_adds(out, " (");
    add_bits(out, m->expected, product);
    strbuf_adds(out, ")");
    if (r->sim.pairs)
        strbuf_addf(out, "; %" PRIu64 " of %" PRIu64 " pairs differ", r->sim.mismatches, r->sim.pairs);
    strbuf_addf(out, "; seed %" PRIu64 "; again: axmul verify %s --sim %s --seed %" PRIu64, q->seed, name,
                verify_backend_name(r->backend), q->seed);
    if (q->random)
        strbuf_addf(out, " --random %" PRIu64, q->random);
    if (q->full)
        strbuf_adds(out, " --exhaustive");
    if (q->flat)
        strbuf_adds(out, " --flat");
    if (q->pipeline)
        strbuf_addf(out, " --pipeline %d", q->pipeline);
    if (q->registered_inputs)
        strbuf_adds(out, " --register-inputs");
    if (q->registered_outputs)
        strbuf_adds(out, " --register-outputs");
}

/* The result of one spec and backend out of the jobs it was split into; false if
 * not all of them are complete. */
static bool collect(const struct batch *b, size_t spec, enum verify_backend backend,
                    struct verify_result *out)
{
    bool found = false;
    for (size_t k = 0; k < b->n_jobs; k++) {
        const struct job *j = &b->job[k];
        if (j->backend != backend)
            continue;
        for (size_t i = 0; i < j->n; i++) {
            if (j->member[i] != spec)
                continue;
            if (!j->complete)
                return false;
            if (found)
                merge(&out->sim, &j->result[i].sim);
            else
                *out = j->result[i];
            found = true;
        }
    }
    return found;
}

static enum axm_status report(const struct batch *b, verify_done_fn *done, void *ctx, bool *vcd_written)
{
    enum axm_status worst = AXM_OK;
    for (size_t i = 0; i < b->n; i++) {
        for (int backend = 0; backend < VERIFY_BACKENDS; backend++) {
            struct verify_result r;
            if (!collect(b, i, backend, &r))
                continue;
            done(ctx, &r);
            if (!r.sim.mismatches)
                continue;
            struct strbuf line = { 0 };
            verify_describe(b->q, &r, &line);
            worst = fail(AXM_MISMATCH, "%s", line.s ? line.s : "mismatch");
            strbuf_release(&line);
            if (b->q->vcd && !*vcd_written) {
                const struct sim_mismatch *m = &r.sim.first;
                *vcd_written = icarus_vcd(&b->target[i].dut, m->a, m->b, m->runtime, b->q->vcd) == AXM_OK;
            }
        }
    }
    return worst;
}

static void batch_release(struct batch *b)
{
    for (size_t i = 0; b->target && i < b->n; i++) {
        netlist_free(b->target[i].nl);
        dut_release(&b->target[i].dut);
        bitsim_free(b->target[i].bitsim);
    }
    for (size_t i = 0; i < b->n_jobs; i++) {
        free(b->job[i].member);
        free(b->job[i].result);
    }
    free(b->target);
    free(b->job);
}

static enum axm_status run_batch(struct batch *b)
{
    b->target = calloc(b->n, sizeof *b->target);
    if (!b->target)
        return fail(AXM_ENV, "%zu circuits: out of memory", b->n);
    enum axm_status st = pool_run(b->n, prepare, b);
    if (st)
        return st;
    /* The longest jobs first, so that no thread is left alone with one. */
    static const enum verify_backend order[] = { VERIFY_FORMAL, VERIFY_ICARUS, VERIFY_VERILATOR,
                                                 VERIFY_BITSLICE };
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (!plan_backend(b, order[i]))
            return fail(AXM_ENV, "%zu circuits: out of memory", b->n);
    return run_jobs(b);
}

static enum axm_status need_tools(const struct verify_request *q)
{
    enum axm_status st = AXM_OK;
    if (q->backends >> VERIFY_VERILATOR & 1)
        st = verilator_need();
    if (!st && (q->backends >> VERIFY_ICARUS & 1 || q->vcd))
        st = icarus_need();
    bool formal = false;
    for (size_t i = 0; i < q->n && !formal; i++)
        formal = wants(q, &q->spec[i], VERIFY_FORMAL);
    return !st && formal ? formal_need() : st;
}

/* Circuits in memory at a time, some 50 kB each. */
enum { BATCH = 2048 };

enum axm_status verify_run(const struct verify_request *q, verify_done_fn *done, void *ctx)
{
    bool registered = q->registered_inputs || q->registered_outputs || q->pipeline;
    if (registered && (q->formal_if_wide || q->backends >> VERIFY_FORMAL & 1))
        return fail(AXM_USAGE, "formal proofs are of combinational circuits: not with registers");
    enum axm_status st = need_tools(q);
    if (st)
        return st;
    uint64_t work = (uint64_t)q->n * __builtin_popcount(q->backends);
    struct progress *bar = progress_begin("verify", work);
    bool mismatch = false, vcd_written = false;
    for (size_t base = 0; base < q->n && !st; base += BATCH) {
        struct batch b = { .q = q, .base = base, .n = q->n - base < BATCH ? q->n - base : BATCH,
                           .bar = bar };
        st = run_batch(&b);
        if (!st || st == AXM_STOPPED)
            mismatch |= report(&b, done, ctx, &vcd_written) != AXM_OK;
        batch_release(&b);
    }
    progress_end(bar);
    if (st)
        return st;
    return mismatch ? AXM_MISMATCH : AXM_OK;
}
