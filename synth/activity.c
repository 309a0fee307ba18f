/* Waveforms instead of a global event queue: cells are visited once per block
 * of 512 steps in topological order, and each reads the complete waveforms of
 * its inputs.  A waveform is the settled value before the step and a list of
 * (time, which of the 512 lanes toggle), so one visit does the work of 512
 * event-driven simulations; only the number of distinct times matters. */
#include "synth/activity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/pool.h"

enum { LANES = 512, LANE_WORDS = LANES / 64 };

typedef uint64_t lanes __attribute__((vector_size(LANES / 8)));

#define FOR_THIS_CPU __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* --- cell functions as short programs ------------------------------------------- */

enum fn_op { FN_ZERO, FN_ONE, FN_INPUT, FN_NOT_INPUT, FN_XOR, FN_MUX, FN_AND, FN_AND_NOT, FN_OR, FN_OR_NOT };

/* Node i computes from input `var` and earlier nodes lo (input 0) and hi (input 1). */
struct fn_node {
    uint8_t op, var, lo, hi;
};

enum { FN_NODES_MAX = 64 };

struct fn {
    int n;
    struct fn_node node[FN_NODES_MAX];
};

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

ALWAYS_INLINE lanes fn_eval(const struct fn *fn, const lanes *in)
{
    lanes v[FN_NODES_MAX], last = in[0];
    for (int i = 0; i < fn->n; i++) {
        const struct fn_node *d = &fn->node[i];
        lanes x = in[d->var];
        switch (d->op) {
        case FN_ZERO: last = x ^ x; break;
        case FN_ONE: last = ~(x ^ x); break;
        case FN_INPUT: last = x; break;
        case FN_NOT_INPUT: last = ~x; break;
        case FN_XOR: last = x ^ v[d->lo]; break;
        case FN_MUX: last = (x & v[d->hi]) | (~x & v[d->lo]); break;
        case FN_AND: last = x & v[d->hi]; break;
        case FN_AND_NOT: last = ~x & v[d->lo]; break;
        case FN_OR: last = x | v[d->lo]; break;
        default: last = ~x | v[d->hi]; break;
        }
        v[i] = last;
    }
    return last;
}

/* --- the simulation of one block ----------------------------------------------- */

/* What a net does within a step: events first..first+n-1 of the block, at
 * ascending, distinct times, none empty. */
struct wave {
    uint32_t first, n;
};

/* A transition on its way to an output: the lanes that will toggle at `time`
 * unless called back; arc and edge name the table entry of its energy. */
struct pending {
    uint32_t time;
    uint16_t slot;            /* of the mask */
    uint8_t arc, rises;
};

/* Transitions under way to one output.  A lane has at most one.  Hundreds of
 * them are under way at once, each of a few lanes, so a lane knows its slot and
 * calling back does not search.  An entry that lost all its lanes stays until
 * it is due or the queue is full; then at most LANES are left. */
enum { QUEUE = 4 * LANES };

struct flight {
    int head, tail;                   /* queue[head..tail-1], ascending time */
    int n_free;
    lanes under_way;
    struct pending queue[QUEUE];
    uint16_t free_slot[QUEUE];
    uint16_t slot_of[LANES];
    lanes mask[QUEUE];
};

/* Toggles of one output by the arc that made them and the edge. */
struct edge_counts {
    uint64_t n[LIB_INPUTS_MAX][2];
};

struct block {
    const struct mapped *m;
    const struct fn *fn;      /* [n_cells * LIB_OUTPUTS_MAX] */
    enum delay_model model;
    const uint64_t *vectors;
    size_t n_vectors, first, count;   /* steps first..first+count-1 */
    lanes valid;              /* lanes that hold a step */
    /* scratch of the worker, kept between blocks */
    lanes *before;            /* [n_nets] settled value */
    struct wave *wave;        /* [n_nets] */
    lanes *mask;              /* [n_events] lanes that toggle */
    uint32_t *time;           /* [n_events] ps, or cells */
    size_t n_events, cap_events;
    struct flight flight;
    bool failed;              /* out of memory */
};

struct tally {
    uint64_t toggles;
    double switching_pj, internal_pj, leakage_nw;
};

ALWAYS_INLINE int count_lanes(lanes v)
{
    int n = 0;
    for (int i = 0; i < LANE_WORDS; i++)
        n += __builtin_popcountll(v[i]);
    return n;
}

ALWAYS_INLINE bool any_lane(lanes v)
{
    uint64_t all = 0;
    for (int i = 0; i < LANE_WORDS; i++)
        all |= v[i];
    return all != 0;
}

static __attribute__((noinline)) void more_events(struct block *b)
{
    size_t cap = b->cap_events ? b->cap_events * 2 : 4096;
    lanes *mask = aligned_alloc(64, cap * sizeof *mask);
    uint32_t *time = malloc(cap * sizeof *time);
    if (!mask || !time) {
        free(mask);
        free(time);
        b->failed = true;
        return;
    }
    if (b->n_events) {
        memcpy(mask, b->mask, b->n_events * sizeof *mask);
        memcpy(time, b->time, b->n_events * sizeof *time);
    }
    free(b->mask);
    free(b->time);
    b->mask = mask;
    b->time = time;
    b->cap_events = cap;
}

/* Appends to the wave that begins at `first`. */
ALWAYS_INLINE void add_event(struct block *b, size_t first, uint32_t time, lanes mask)
{
    if (b->n_events > first && b->time[b->n_events - 1] == time) {
        b->mask[b->n_events - 1] |= mask;
        return;
    }
    if (b->n_events == b->cap_events)
        more_events(b);
    if (b->failed)
        return;   /* the result is thrown away */
    b->time[b->n_events] = time;
    b->mask[b->n_events++] = mask;
}

ALWAYS_INLINE void end_wave(struct block *b, uint32_t net, size_t first)
{
    b->wave[net] = (struct wave){ .first = (uint32_t)first, .n = (uint32_t)(b->n_events - first) };
}

static inline int vector_bit(const struct block *b, size_t v, int bit, size_t words)
{
    return (int)(b->vectors[v * words + (size_t)bit / 64] >> (bit % 64) & 1);
}

/* Settled input values, and one event at time 0 for the lanes that change. */
ALWAYS_INLINE void load_inputs(struct block *b)
{
    size_t words = (size_t)activity_vector_words(b->m);
    int bit = 0;
    for (int p = 0; p < b->m->n_ports; p++) {
        const struct mapped_port *port = &b->m->port[p];
        for (int i = 0; i < port->width && !port->is_output; i++, bit++) {
            uint32_t net = port->net[i];
            lanes now = { 0 }, next = { 0 };
            for (size_t s = 0; s < b->count; s++) {
                now[s / 64] |= (uint64_t)vector_bit(b, b->first + s, bit, words) << (s % 64);
                next[s / 64] |= (uint64_t)vector_bit(b, b->first + s + 1, bit, words) << (s % 64);
            }
            size_t first = b->n_events;
            b->before[net] = now;
            if (any_lane(now ^ next))
                add_event(b, first, 0, now ^ next);
            end_wave(b, net, first);
        }
    }
}

static __attribute__((noinline)) void purge(struct flight *f)
{
    int kept = 0;
    for (int i = f->head; i < f->tail; i++)
        if (any_lane(f->mask[f->queue[i].slot]))
            f->queue[kept++] = f->queue[i];
        else
            f->free_slot[f->n_free++] = f->queue[i].slot;
    f->head = 0;
    f->tail = kept;
}

/* At unit delay everything lands before the next change, and slot_of is not needed. */
ALWAYS_INLINE void take_off(struct flight *f, uint32_t time, lanes mask, int arc, int rises, bool may_return)
{
    if (f->tail == QUEUE)
        purge(f);
    uint16_t slot = f->free_slot[--f->n_free];
    int i = f->tail++;
    f->mask[slot] = mask;
    f->under_way |= mask;
    for (int w = 0; w < LANE_WORDS && may_return; w++)
        for (uint64_t left = mask[w]; left; left &= left - 1)
            f->slot_of[64 * w + __builtin_ctzll(left)] = slot;
    for (; i > f->head && f->queue[i - 1].time > time; i--)
        f->queue[i] = f->queue[i - 1];
    f->queue[i] = (struct pending){ .time = time, .slot = slot, .arc = (uint8_t)arc,
                                    .rises = (uint8_t)rises };
}

/* The transitions due by `now` happen. */
ALWAYS_INLINE void land(struct block *b, size_t first, uint32_t now, struct edge_counts *counts)
{
    struct flight *f = &b->flight;
    for (; f->head < f->tail && f->queue[f->head].time <= now; f->head++) {
        const struct pending *p = &f->queue[f->head];
        lanes mask = f->mask[p->slot];
        int n = count_lanes(mask);
        f->free_slot[f->n_free++] = p->slot;
        if (!n)
            continue;
        f->under_way ^= mask;
        counts->n[p->arc][p->rises] += (uint64_t)n;
        add_event(b, first, p->time, mask);
    }
    if (f->head == f->tail)
        f->head = f->tail = 0;
}

/* Takes the lanes in `turn` out of the transitions under way; returns those
 * that were in none. */
ALWAYS_INLINE lanes call_back(struct flight *f, lanes turn)
{
    lanes back = turn & f->under_way;
    f->under_way ^= back;
    for (int w = 0; w < LANE_WORDS; w++)
        for (uint64_t left = back[w]; left; left &= left - 1) {
            int lane = 64 * w + __builtin_ctzll(left);
            f->mask[f->slot_of[lane]][w] &= ~(left & -left);
        }
    return turn ^ back;
}

/* Inputs in order of their delay to one edge of an output. */
struct arc_order {
    uint8_t input[LIB_INPUTS_MAX];
    uint32_t delay[LIB_INPUTS_MAX];
};

static void order_arcs(struct arc_order *order, const struct mapped_cell *c, int o, int rises,
                       enum delay_model model)
{
    for (int k = 0; k < c->lib->n_in; k++) {
        const struct mapped_arc *a = &c->arc[o][k];
        uint32_t delay = model != DELAY_LIBERTY ? 1 : rises ? a->rise_ps : a->fall_ps;
        int i = k;
        for (; i > 0 && order->delay[i - 1] > delay; i--) {
            order->delay[i] = order->delay[i - 1];
            order->input[i] = order->input[i - 1];
        }
        order->delay[i] = delay;
        order->input[i] = (uint8_t)k;
    }
}

/* One output of one cell: merges the input waveforms by time.  At each time the
 * new function value is compared with the value the output is heading for; a
 * lane that is on its way and is called back never toggles (inertial delay). */
ALWAYS_INLINE void simulate_output(struct block *b, const struct mapped_cell *c, const struct fn *fn, int o,
                                   struct edge_counts *counts)
{
    int n_in = c->lib->n_in;
    lanes in[LIB_INPUTS_MAX], changed[LIB_INPUTS_MAX];
    uint32_t next[LIB_INPUTS_MAX], end[LIB_INPUTS_MAX], due[LIB_INPUTS_MAX];
    struct flight *f = &b->flight;
    struct arc_order order[2];
    size_t first = b->n_events;
    for (int rises = 0; rises < 2; rises++)
        order_arcs(&order[rises], c, o, rises, b->model);
    for (int k = 0; k < LIB_INPUTS_MAX; k++)
        in[k] = (lanes){ 0 };
    for (int k = 0; k < n_in; k++) {
        in[k] = b->before[c->in[k]];
        next[k] = b->wave[c->in[k]].first;
        end[k] = next[k] + b->wave[c->in[k]].n;
        due[k] = next[k] < end[k] ? b->time[next[k]] : UINT32_MAX;
    }
    lanes heading = fn_eval(fn, in);
    b->before[c->out[o]] = heading;
    for (;;) {
        uint32_t now = UINT32_MAX;
        unsigned moved = 0;
        for (int k = 0; k < n_in; k++)
            now = due[k] < now ? due[k] : now;
        if (now == UINT32_MAX)
            break;
        for (int k = 0; k < n_in; k++) {
            if (due[k] != now)
                continue;
            changed[k] = b->mask[next[k]++];
            in[k] ^= changed[k];
            due[k] = next[k] < end[k] ? b->time[next[k]] : UINT32_MAX;
            moved |= 1u << k;
        }
        lanes value = fn_eval(fn, in), turn = value ^ heading;
        heading = value;
        if (!any_lane(turn))
            continue;
        land(b, first, now, counts);
        turn = call_back(f, turn);
        /* The remaining lanes start a transition, timed by the fastest input that changed. */
        for (int rises = 0; rises < 2; rises++) {
            lanes left = turn & (rises ? value : ~value);
            for (int i = 0; i < n_in; i++) {
                int k = order[rises].input[i];
                if (!(moved >> k & 1))
                    continue;
                lanes mask = left & changed[k];
                if (any_lane(mask))
                    take_off(f, now + order[rises].delay[i], mask, k, rises,
                             b->model == DELAY_LIBERTY);
                left ^= mask;
            }
        }
    }
    land(b, first, UINT32_MAX, counts);
    end_wave(b, c->out[o], first);
}

/* Settled values before and after; an event of time 0 stands for the change. */
ALWAYS_INLINE void settle_output(struct block *b, const struct mapped_cell *c, const struct fn *fn, int o,
                                 struct edge_counts *counts)
{
    lanes now[LIB_INPUTS_MAX], next[LIB_INPUTS_MAX];
    for (int k = 0; k < LIB_INPUTS_MAX; k++)
        now[k] = next[k] = (lanes){ 0 };
    for (int k = 0; k < c->lib->n_in; k++) {
        const struct wave *w = &b->wave[c->in[k]];
        now[k] = next[k] = b->before[c->in[k]];
        if (w->n)
            next[k] ^= b->mask[w->first];
    }
    lanes before = fn_eval(fn, now), after = fn_eval(fn, next), turn = before ^ after;
    size_t first = b->n_events;
    b->before[c->out[o]] = before;
    if (any_lane(turn))
        add_event(b, first, 0, turn);
    /* The energy is that of the first input that changed. */
    for (int k = 0; k < c->lib->n_in; k++) {
        lanes mask = turn & (now[k] ^ next[k]);
        for (int rises = 0; rises < 2; rises++)
            counts->n[k][rises] += (uint64_t)count_lanes(mask & (rises ? after : before));
        turn ^= mask;
    }
    end_wave(b, c->out[o], first);
}

/* Mean leakage of the settled states of the block's lanes. */
static double block_leakage(const struct block *b)
{
    double nw = 0;
    for (int i = 0; i < b->m->n_cells; i++) {
        const struct mapped_cell *c = &b->m->cell[i];
        if (!c->lib->n_leakage) {
            nw += c->lib->leakage_nw;
            continue;
        }
        for (unsigned s = 0; s < 1u << c->lib->n_in; s++) {
            lanes in_state = b->valid;
            for (int k = 0; k < c->lib->n_in; k++)
                in_state &= s >> k & 1 ? b->before[c->in[k]] : ~b->before[c->in[k]];
            nw += lib_cell_leakage(c->lib, s) * count_lanes(in_state) / (double)b->count;
        }
    }
    return nw;
}

FOR_THIS_CPU
static void simulate_block(struct block *b, struct tally *t, uint64_t *net_toggles)
{
    const struct mapped *m = b->m;
    double half_v2 = 0.5 * m->lib->voltage * m->lib->voltage;
    b->n_events = 0;
    for (int k = 0; k < 2; k++) {
        b->before[k] = (lanes){ 0 } - (uint64_t)k;
        b->wave[k] = (struct wave){ 0 };
    }
    b->valid = (lanes){ 0 };
    for (size_t s = 0; s < b->count; s++)
        b->valid[s / 64] |= UINT64_C(1) << (s % 64);
    load_inputs(b);
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width && !m->port[p].is_output; i++) {
            const struct wave *w = &b->wave[m->port[p].net[i]];
            int n = w->n ? count_lanes(b->mask[w->first]) : 0;
            t->toggles += (uint64_t)n;
            if (net_toggles)
                net_toggles[m->port[p].net[i]] += (uint64_t)n;
        }
    for (int i = 0; i < m->n_cells && !b->failed; i++) {
        const struct mapped_cell *c = &m->cell[i];
        for (int o = 0; o < c->lib->n_out && !b->failed; o++) {
            const struct fn *fn = &b->fn[i * LIB_OUTPUTS_MAX + o];
            struct edge_counts counts = { 0 };
            uint64_t toggles = 0;
            if (b->model == DELAY_ZERO)
                settle_output(b, c, fn, o, &counts);
            else
                simulate_output(b, c, fn, o, &counts);
            for (int k = 0; k < c->lib->n_in; k++) {
                const uint64_t *n = counts.n[k];
                toggles += n[0] + n[1];
                t->internal_pj += (double)n[0] * c->arc[o][k].fall_pj + (double)n[1] * c->arc[o][k].rise_pj;
            }
            t->toggles += toggles;
            t->switching_pj += (double)toggles * half_v2 * m->load_pf[c->out[o]];
            if (net_toggles)
                net_toggles[c->out[o]] += toggles;
        }
    }
    t->leakage_nw = block_leakage(b);
}

/* --- a whole run ------------------------------------------------------------- */

struct run {
    const struct mapped *m;
    const uint64_t *vectors;
    size_t n_vectors;
    enum delay_model model;
    struct fn *fn;
    struct block *worker;      /* one per thread */
    struct tally *tally;       /* one per block of steps */
    uint64_t **toggles;        /* per worker, or NULL */
};

static enum axm_status run_block(void *ctx, size_t item, int worker)
{
    struct run *r = ctx;
    struct block *b = &r->worker[worker];
    size_t steps = r->n_vectors - 1;
    if (!b->before) {
        size_t n = (size_t)r->m->n_nets;
        b->before = aligned_alloc(64, n * sizeof *b->before);
        b->wave = malloc(n * sizeof *b->wave);
        if (!b->before || !b->wave)
            return fail(AXM_ENV, "activity: out of memory");
        b->flight.n_free = QUEUE;
        for (int i = 0; i < QUEUE; i++)
            b->flight.free_slot[i] = (uint16_t)i;
    }
    b->m = r->m;
    b->fn = r->fn;
    b->model = r->model;
    b->vectors = r->vectors;
    b->n_vectors = r->n_vectors;
    b->first = item * LANES;
    b->count = steps - b->first < LANES ? steps - b->first : LANES;
    simulate_block(b, &r->tally[item], r->toggles ? r->toggles[worker] : NULL);
    return b->failed ? fail(AXM_ENV, "activity: out of memory") : AXM_OK;
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

enum axm_status activity_run(const struct mapped *m, const uint64_t *vectors, size_t n,
                             enum delay_model model, struct activity *out, uint64_t *net_toggles)
{
    if (n < 2)
        return fail(AXM_USAGE, "activity: at least 2 vectors are needed, got %zu", n);
    size_t blocks = (n - 1 + LANES - 1) / LANES;
    int workers = pool_threads();
    struct run r = { .m = m, .vectors = vectors, .n_vectors = n, .model = model };
    enum axm_status st = AXM_OK;
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
        if (r.worker) {
            free(r.worker[w].before);
            free(r.worker[w].wave);
            free(r.worker[w].mask);
            free(r.worker[w].time);
        }
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
    for (int i = 0; i < m->n_cells; i++) {
        const struct mapped_cell *c = &m->cell[i];
        unsigned state = 0;
        for (int k = 0; k < c->lib->n_in; k++)
            state |= (unsigned)value[c->in[k]] << k;
        for (int o = 0; o < c->lib->n_out; o++)
            value[c->out[o]] = c->lib->output[o].truth >> state & 1;
    }
    bit = 0;
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width && m->port[p].is_output; i++, bit++) {
            if (bit % 64 == 0)
                outputs[bit / 64] = 0;
            outputs[bit / 64] |= (uint64_t)value[m->port[p].net[i]] << (bit % 64);
        }
}
