/* Runs of the activity engine: blocks of 512 steps, each simulated by the kernel
 * of this processor (activity_kernel.inc), then energies from its counts. */
#include "synth/activity.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "synth/activity_kernel.h"

/* --- processors ----------------------------------------------------------------- */

static activity_kernel *const kernels[BITSIM_LEVELS] = {
    [BITSIM_PORTABLE] = activity_portable,
#ifdef __x86_64__
    [BITSIM_AVX2] = activity_avx2,
    [BITSIM_AVX512] = activity_avx512,
#endif
};

static int chosen_level = -1;

void activity_set_level(enum bitsim_level level)
{
    assert(level <= bitsim_best_level());
    chosen_level = level;
}

/* --- cell functions as short programs ------------------------------------------- */

/* Shannon expansion with sharing; the truth table is over 6 variables. */
struct fn_builder {
    struct fn *fn;
    uint64_t truth[FN_NODES_MAX];
};

static const uint64_t var_truth[LIB_INPUTS_MAX] = {
    0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
    0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000,
};

static uint64_t cofactor(uint64_t t, int var, bool value)
{
    int shift = 1 << var;
    uint64_t half = t & (value ? var_truth[var] : ~var_truth[var]);
    return value ? half | half >> shift : half | half << shift;
}

static int fn_node(struct fn_builder *b, uint64_t truth)
{
    for (int i = 0; i < b->fn->n; i++)
        if (b->truth[i] == truth)
            return i;
    struct fn_node node = { .op = truth ? FN_ONE : FN_ZERO };
    if (truth && ~truth) {
        int var = LIB_INPUTS_MAX - 1;
        while (cofactor(truth, var, false) == cofactor(truth, var, true))
            var--;
        uint64_t lo = cofactor(truth, var, false), hi = cofactor(truth, var, true);
        node.var = (uint8_t)var;
        if (!lo && !~hi) {
            node.op = FN_INPUT;
        } else if (!~lo && !hi) {
            node.op = FN_NOT_INPUT;
        } else if (lo == ~hi) {
            node.op = FN_XOR;
            node.lo = (uint8_t)fn_node(b, lo);
        } else if (!lo) {
            node.op = FN_AND;
            node.hi = (uint8_t)fn_node(b, hi);
        } else if (!hi) {
            node.op = FN_AND_NOT;
            node.lo = (uint8_t)fn_node(b, lo);
        } else if (!~hi) {
            node.op = FN_OR;
            node.lo = (uint8_t)fn_node(b, lo);
        } else if (!~lo) {
            node.op = FN_OR_NOT;
            node.hi = (uint8_t)fn_node(b, hi);
        } else {
            node.op = FN_MUX;
            node.lo = (uint8_t)fn_node(b, lo);
            node.hi = (uint8_t)fn_node(b, hi);
        }
    }
    /* 6 variables: fewer than 1 + 2 + 4 + 8 + 16 + 2^2 + ... < 64 distinct nodes */
    b->truth[b->fn->n] = truth;
    b->fn->node[b->fn->n] = node;
    return b->fn->n++;
}

static void fn_build(struct fn *fn, uint64_t truth, int n_in)
{
    struct fn_builder b = { .fn = fn };
    for (int width = 1 << n_in; width < 64; width *= 2) {
        truth &= (UINT64_C(1) << width) - 1;
        truth |= truth << width;
    }
    fn->n = 0;
    fn_node(&b, truth);
}

/* --- a block --------------------------------------------------------------------- */

struct tally {
    uint64_t toggles;
    double switching_pj, internal_pj, leakage_nw;
};

bool block_reserve(struct block *b, struct scratch *s, size_t used, size_t need)
{
    if (need <= s->cap)
        return true;
    size_t cap = (need + need / 2 + 4095) & ~(size_t)4095;
    void *p = aligned_alloc(64, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    if (used)
        memcpy(p, s->p, used);
    free(s->p);
    *s = (struct scratch){ p, cap };
    return true;
}

/* Settled values of the inputs before and after every step. */
static void load_inputs(struct block *b)
{
    size_t words = (size_t)activity_vector_words(b->m);
    int bit = 0;
    for (int p = 0; p < b->m->n_ports; p++) {
        const struct mapped_port *port = &b->m->port[p];
        for (int i = 0; i < port->width && !port->is_output; i++, bit++) {
            const uint64_t *v = b->vectors + b->first * words + (size_t)bit / 64;
            lanes now = { 0 }, next = { 0 };
            for (size_t s = 0; s < b->count; s++) {
                now[s / 64] |= (v[s * words] >> (bit % 64) & 1) << (s % 64);
                next[s / 64] |= (v[(s + 1) * words] >> (bit % 64) & 1) << (s % 64);
            }
            b->before[port->net[i]] = now;
            b->after[port->net[i]] = next;
        }
    }
}

static void count_inputs(const struct block *b, struct tally *t, uint64_t *net_toggles)
{
    for (int p = 0; p < b->m->n_ports; p++)
        for (int i = 0; i < b->m->port[p].width && !b->m->port[p].is_output; i++) {
            uint32_t net = b->m->port[p].net[i];
            lanes change = b->before[net] ^ b->after[net];
            for (int w = 0; w < LANE_WORDS; w++) {
                uint64_t n = (uint64_t)__builtin_popcountll(change[w]);
                t->toggles += n;
                if (net_toggles)
                    net_toggles[net] += n;
            }
        }
}

static void count_cells(const struct block *b, struct tally *t, uint64_t *net_toggles)
{
    const struct mapped *m = b->m;
    double half_v2 = 0.5 * m->lib->voltage * m->lib->voltage;
    for (int i = 0; i < m->n_cells; i++) {
        const struct mapped_cell *c = &m->cell[i];
        for (int o = 0; o < c->lib->n_out; o++) {
            uint64_t toggles = 0;
            for (int k = 0; k < c->lib->n_in; k++) {
                const uint64_t *n = b->counts[i * LIB_OUTPUTS_MAX + o].n[k];
                toggles += n[0] + n[1];
                t->internal_pj += (double)n[0] * c->arc[o][k].fall_pj + (double)n[1] * c->arc[o][k].rise_pj;
            }
            t->toggles += toggles;
            t->switching_pj += (double)toggles * half_v2 * m->load_pf[c->out[o]];
            if (net_toggles)
                net_toggles[c->out[o]] += toggles;
        }
    }
    t->leakage_nw = b->leakage_nw;
}

/* --- a whole run ------------------------------------------------------------- */

struct run {
    const struct mapped *m;
    activity_kernel *kernel;
    const uint64_t *vectors;
    size_t n_vectors;
    enum delay_model model;
    struct fn *fn;
    struct block *worker;      /* one per thread */
    struct tally *tally;       /* one per block of steps */
    uint64_t **toggles;        /* per worker, or NULL */
};

static bool block_init(struct block *b, const struct run *r)
{
    size_t nets = (size_t)r->m->n_nets, outputs = (size_t)r->m->n_cells * LIB_OUTPUTS_MAX;
    *b = (struct block){ .m = r->m, .fn = r->fn, .model = r->model, .vectors = r->vectors };
    b->before = aligned_alloc(64, nets * sizeof *b->before);
    b->after = aligned_alloc(64, nets * sizeof *b->after);
    b->wave = malloc(nets * sizeof *b->wave);
    b->counts = malloc((outputs + 1) * sizeof *b->counts);
    return b->before && b->after && b->wave && b->counts;
}

static void block_release(struct block *b)
{
    free(b->before);
    free(b->after);
    free(b->wave);
    free(b->counts);
    free(b->mask.p);
    free(b->time.p);
    free(b->row.p);
    free(b->merged.p);
}

static enum axm_status run_block(void *ctx, size_t item, int worker)
{
    struct run *r = ctx;
    struct block *b = &r->worker[worker];
    size_t steps = r->n_vectors - 1;
    if (!b->before && !block_init(b, r))
        return fail(AXM_ENV, "activity: out of memory");
    b->first = item * LANES;
    b->count = steps - b->first < LANES ? steps - b->first : LANES;
    load_inputs(b);
    r->kernel(b);
    if (b->failed)
        return fail(AXM_ENV, "activity: out of memory");
    count_inputs(b, &r->tally[item], r->toggles ? r->toggles[worker] : NULL);
    count_cells(b, &r->tally[item], r->toggles ? r->toggles[worker] : NULL);
    return AXM_OK;
}

/* Means over the blocks, and the spread of the block means. */
static void summarise(const struct run *r, size_t blocks, struct activity *out)
{
    double steps = (double)(r->n_vectors - 1), mean, spread = 0;
    struct tally sum = { 0 };
    for (size_t i = 0; i < blocks; i++) {
        double count = i + 1 < blocks ? LANES : steps - (double)i * LANES;
        sum.toggles += r->tally[i].toggles;
        sum.switching_pj += r->tally[i].switching_pj;
        sum.internal_pj += r->tally[i].internal_pj;
        sum.leakage_nw += r->tally[i].leakage_nw * count;
    }
    mean = (sum.switching_pj + sum.internal_pj) / steps;
    for (size_t i = 0; i < blocks; i++) {
        double count = i + 1 < blocks ? LANES : steps - (double)i * LANES;
        double d = r->tally[i].switching_pj + r->tally[i].internal_pj - mean * count;
        spread += d * d;
    }
    *out = (struct activity){
        .steps = r->n_vectors - 1,
        .toggles = sum.toggles,
        .toggles_per_step = (double)sum.toggles / steps,
        .switching_pj = sum.switching_pj / steps,
        .internal_pj = sum.internal_pj / steps,
        .energy_pj = mean,
        .energy_ci95_pj = blocks > 1 ? 1.96 * sqrt(spread * (double)blocks / (double)(blocks - 1)) / steps
                                     : INFINITY,
        .leakage_nw = sum.leakage_nw / steps,
    };
}

int activity_vector_words(const struct mapped *m)
{
    int bits = 0;
    for (int p = 0; p < m->n_ports; p++)
        bits += m->port[p].is_output ? 0 : m->port[p].width;
    return (bits + 63) / 64;
}

static struct fn *build_functions(const struct mapped *m)
{
    struct fn *fn = calloc((size_t)m->n_cells * LIB_OUTPUTS_MAX + 1, sizeof *fn);
    for (int i = 0; i < m->n_cells && fn; i++)
        for (int o = 0; o < m->cell[i].lib->n_out; o++)
            fn_build(&fn[i * LIB_OUTPUTS_MAX + o], m->cell[i].lib->output[o].truth, m->cell[i].lib->n_in);
    return fn;
}

/* No transition comes later than the slowest path's; the kernels for short times
 * keep the highest value for `never`. */
static bool times_are_short(const struct mapped *m, enum axm_status *st)
{
    uint64_t *latest = calloc((size_t)m->n_nets, sizeof *latest), most = 0;
    if (!latest)
        *st = fail(AXM_ENV, "activity: out of memory");
    for (int i = 0; i < m->n_cells && latest; i++) {
        const struct mapped_cell *c = &m->cell[i];
        for (int o = 0; o < c->lib->n_out; o++)
            for (int k = 0; k < c->lib->n_in; k++) {
                const struct mapped_arc *a = &c->arc[o][k];
                uint64_t at = latest[c->in[k]] + (a->rise_ps > a->fall_ps ? a->rise_ps : a->fall_ps);
                latest[c->out[o]] = at > latest[c->out[o]] ? at : latest[c->out[o]];
                most = at > most ? at : most;
            }
    }
    free(latest);
    return most < UINT16_MAX;
}

enum axm_status activity_run(const struct mapped *m, const uint64_t *vectors, size_t n,
                             enum delay_model model, struct activity *out, uint64_t *net_toggles)
{
    if (n < 2)
        return fail(AXM_USAGE, "activity: at least 2 vectors are needed, got %zu", n);
    size_t blocks = (n - 1 + LANES - 1) / LANES;
    int workers = pool_threads();
    struct run r = { .m = m, .vectors = vectors, .n_vectors = n, .model = model };
    enum axm_status st = AXM_OK;
    r.kernel = times_are_short(m, &st) ? kernels[chosen_level >= 0 ? chosen_level : (int)bitsim_best_level()]
                                       : activity_wide;
    if (st != AXM_OK)
        return st;
    r.fn = build_functions(m);
    r.worker = aligned_alloc(64, (size_t)workers * sizeof *r.worker);   /* holds vectors */
    if (r.worker)
        memset(r.worker, 0, (size_t)workers * sizeof *r.worker);
    r.tally = calloc(blocks, sizeof *r.tally);
    r.toggles = net_toggles ? calloc((size_t)workers, sizeof *r.toggles) : NULL;
    for (int w = 0; w < workers && r.toggles; w++)
        if (!(r.toggles[w] = calloc((size_t)m->n_nets, sizeof **r.toggles)))
            st = AXM_ENV;
    if (!r.fn || !r.worker || !r.tally || (net_toggles && !r.toggles) || st != AXM_OK) {
        st = fail(AXM_ENV, "activity: out of memory");
        goto out;
    }
    st = pool_run(blocks, run_block, &r);
    if (st != AXM_OK)
        goto out;
    summarise(&r, blocks, out);
    for (int i = 0; i < m->n_nets && net_toggles; i++) {
        net_toggles[i] = 0;
        for (int w = 0; w < workers; w++)
            net_toggles[i] += r.toggles[w][i];
    }
out:
    for (int w = 0; w < workers; w++) {
        if (r.worker)
            block_release(&r.worker[w]);
        if (r.toggles)
            free(r.toggles[w]);
    }
    free(r.fn);
    free(r.worker);
    free(r.tally);
    free(r.toggles);
    return st;
}

void activity_evaluate(const struct mapped *m, const uint64_t *vector, uint64_t *outputs)
{
    bool value[m->n_nets];
    int bit = 0;
    value[0] = false;
    value[1] = true;
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width && !m->port[p].is_output; i++, bit++)
            value[m->port[p].net[i]] = vector[bit / 64] >> (bit % 64) & 1;
    mapped_settle(m, value);
    bit = 0;
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width && m->port[p].is_output; i++, bit++) {
            if (bit % 64 == 0)
                outputs[bit / 64] = 0;
            outputs[bit / 64] |= (uint64_t)value[m->port[p].net[i]] << (bit % 64);
        }
}
