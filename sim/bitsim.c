#include "sim/bitsim.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "sim/bitsim_kernel.h"
#include "sim/clock.h"

static const struct bitsim_kernel *const kernels[BITSIM_LEVELS] = {
    [BITSIM_PORTABLE] = &bitsim_portable,
#ifdef __x86_64__
    [BITSIM_AVX2] = &bitsim_avx2,
    [BITSIM_AVX512] = &bitsim_avx512,
#endif
};

enum bitsim_level bitsim_best_level(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return BITSIM_AVX512;
    if (__builtin_cpu_supports("avx2"))
        return BITSIM_AVX2;
#endif
    return BITSIM_PORTABLE;
}

const char *bitsim_level_name(enum bitsim_level level)
{
    return kernels[level] ? kernels[level]->name : "";
}

static int chosen_level = -1;

void bitsim_set_level(enum bitsim_level level)
{
    assert(level <= bitsim_best_level());
    chosen_level = level;
}

static const struct bitsim_kernel *kernel(void)
{
    return kernels[chosen_level >= 0 ? chosen_level : (int)bitsim_best_level()];
}

/* Slots: 0 and 1 hold the constants, then come the inputs, which keep their
 * slots for good, so that a caller sets only what changes from pass to pass. */
struct bitsim {
    struct bitsim_op *op;
    int n_inputs, n_outputs;    /* bits */
    int input_ports, *input_width;
    uint16_t *output;           /* slot of each output bit */
    size_t slots;
};

struct compiler {
    const struct netlist *nl;
    struct bitsim *s;
    uint32_t *uses;         /* by net: readers that are still to come */
    uint16_t *slot;         /* by net, valid while it lives */
    uint16_t *unused;       /* stack of slots that are free again */
    size_t n_unused, n_ops;
    bool too_many;
};

static uint16_t take_slot(struct compiler *c)
{
    if (c->n_unused)
        return c->unused[--c->n_unused];
    if (c->s->slots > UINT16_MAX) {
        c->too_many = true;
        return 0;
    }
    return (uint16_t)c->s->slots++;
}

static void give_slot(struct compiler *c, uint16_t slot)
{
    c->unused[c->n_unused++] = slot;
}

/* One operation; its dead inputs' slots are free for its own results. */
static void compile_cell(struct compiler *c, const struct cell *cell, uint16_t first_free)
{
    static const uint8_t plain[CELL_KINDS] = {
        [CELL_NOT] = OP_NOT, [CELL_AND] = OP_AND, [CELL_OR] = OP_OR, [CELL_XOR] = OP_XOR,
        [CELL_NAND] = OP_NAND, [CELL_NOR] = OP_NOR, [CELL_XNOR] = OP_XNOR, [CELL_MUX] = OP_MUX,
        [CELL_HA] = OP_HA, [CELL_FA] = OP_FA, [CELL_DFF] = OP_COPY,
    };
    bool sum = c->uses[cell->out[0]] > 0;
    bool carry = cell_outputs(cell->kind) == 2 && c->uses[cell->out[1]] > 0;
    struct bitsim_op op = { .kind = plain[cell->kind] };
    if (cell->kind == CELL_HA && !(sum && carry))
        op.kind = sum ? OP_XOR : OP_AND;
    if (cell->kind == CELL_FA && !(sum && carry))
        op.kind = sum ? OP_XOR3 : OP_MAJ;
    uint16_t *in[3] = { &op.a, &op.b, &op.c };
    int n = cell_inputs(cell->kind);
    for (int i = 0; i < n; i++)
        *in[i] = c->slot[cell->in[i]];
    for (int i = 0; i < n; i++)
        if (--c->uses[cell->in[i]] == 0 && *in[i] >= first_free)
            give_slot(c, *in[i]);
    if (sum)
        op.out = c->slot[cell->out[0]] = take_slot(c);
    if (carry) {
        uint16_t s = c->slot[cell->out[1]] = take_slot(c);
        if (sum)
            op.carry = s;
        else
            op.out = s;
    }
    c->s->op[c->n_ops++] = op;
}

/* Readers of every net, counting only cells from which an output is reached. */
static void count_uses(struct compiler *c)
{
    const struct netlist *nl = c->nl;
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        for (int i = 0; port->is_output && i < port->bus.n; i++)
            c->uses[port->bus.bit[i]]++;
    }
    for (size_t i = netlist_cells(nl); i-- > 0;) {
        const struct cell *cell = netlist_cell(nl, i);
        if (!c->uses[cell->out[0]] && !(cell_outputs(cell->kind) == 2 && c->uses[cell->out[1]]))
            continue;
        for (int k = 0; k < cell_inputs(cell->kind); k++)
            c->uses[cell->in[k]]++;
    }
}

static void compile(struct compiler *c)
{
    const struct netlist *nl = c->nl;
    struct bitsim *s = c->s;
    c->slot[NET_0] = 0;
    c->slot[NET_1] = 1;
    s->slots = 2;
    for (int p = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        if (port->is_output) {
            s->n_outputs += port->bus.n;
            continue;
        }
        s->input_width[s->input_ports++] = port->bus.n;
        s->n_inputs += port->bus.n;
        for (int i = 0; i < port->bus.n; i++)
            c->slot[port->bus.bit[i]] = (uint16_t)s->slots++;
    }
    uint16_t first_free = (uint16_t)s->slots;
    count_uses(c);
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        const struct cell *cell = netlist_cell(nl, i);
        if (c->uses[cell->out[0]] || (cell_outputs(cell->kind) == 2 && c->uses[cell->out[1]]))
            compile_cell(c, cell, first_free);
    }
    s->op[c->n_ops].kind = OP_END;
}

static bool collect_outputs(struct compiler *c)
{
    struct bitsim *s = c->s;
    s->output = malloc((s->n_outputs + 1) * sizeof *s->output);
    if (!s->output)
        return false;
    int n = 0;
    for (int p = 0; p < netlist_ports(c->nl); p++) {
        const struct port *port = netlist_port(c->nl, p);
        for (int i = 0; port->is_output && i < port->bus.n; i++)
            s->output[n++] = c->slot[port->bus.bit[i]];
    }
    return true;
}

enum axm_status bitsim_new(const struct netlist *nl, struct bitsim **out)
{
    enum axm_status st = AXM_OK;
    size_t nets = netlist_nets(nl);
    struct compiler c = {
        .nl = nl,
        .s = calloc(1, sizeof *c.s),
        .uses = calloc(nets, sizeof *c.uses),
        .slot = calloc(nets, sizeof *c.slot),
        .unused = calloc(nets, sizeof *c.unused),
    };
    if (c.s) {
        c.s->op = calloc(netlist_cells(nl) + 1, sizeof *c.s->op);
        c.s->input_width = calloc(netlist_ports(nl) + 1, sizeof *c.s->input_width);
    }
    if (!c.s || !c.s->op || !c.s->input_width || !c.uses || !c.slot || !c.unused) {
        st = fail(AXM_ENV, "%s: out of memory", netlist_name(nl));
        goto out;
    }
    compile(&c);
    if (c.too_many)
        st = fail(AXM_USAGE, "%s: more than 65536 signals alive at once", netlist_name(nl));
    else if (!collect_outputs(&c))
        st = fail(AXM_ENV, "%s: out of memory", netlist_name(nl));
out:
    free(c.uses);
    free(c.slot);
    free(c.unused);
    if (st) {
        bitsim_free(c.s);
        return st;
    }
    *out = c.s;
    return AXM_OK;
}

void bitsim_free(struct bitsim *s)
{
    if (!s)
        return;
    free(s->op);
    free(s->input_width);
    free(s->output);
    free(s);
}

size_t bitsim_scratch_words(const struct bitsim *s)
{
    return s->slots * BITSIM_WORDS;
}

static uint64_t *slot_of(uint64_t *scratch, size_t slot)
{
    return scratch + slot * BITSIM_WORDS;
}

enum { PLANE_BYTES = BITSIM_WORDS * 8, FIRST_INPUT = 2 };

static void set_constants(uint64_t *scratch)
{
    memset(slot_of(scratch, 0), 0, PLANE_BYTES);
    memset(slot_of(scratch, 1), 0xff, PLANE_BYTES);
}

void bitsim_run(const struct bitsim *s, const uint64_t *in, uint64_t *out, uint64_t *scratch)
{
    set_constants(scratch);
    memcpy(slot_of(scratch, FIRST_INPUT), in, (size_t)s->n_inputs * PLANE_BYTES);
    kernel()->run(s->op, scratch);
    for (int i = 0; i < s->n_outputs; i++)
        memcpy(out + (size_t)i * BITSIM_WORDS, slot_of(scratch, s->output[i]), PLANE_BYTES);
}

void bitsim_planes(const uint64_t *value, int bits, uint64_t *plane)
{
    kernel()->planes(value, bits, plane);
}

/* --- comparison with a model -------------------------------------------------- */

/* What one thread needs for a pass. */
struct lane_buffers {
    uint32_t a[BITSIM_LANES], b[BITSIM_LANES];
    _Alignas(64) uint64_t value[BITSIM_LANES];
    _Alignas(64) uint64_t plane[64 * BITSIM_WORDS];
};

struct comparison {
    const struct bitsim *s;
    const struct axm_mul *m;
    const struct stimulus *pairs;
    const struct bitsim_compare_opts *o;
    uint64_t per_item;          /* pairs of one pool item, a multiple of BITSIM_LANES */
    struct progress *bar;
    atomic_bool found;
    pthread_mutex_t lock;
    struct sim_result *result;  /* under lock */
    uint64_t first;             /* position of result->first, under lock */
};

/* Address bit i of lane n, when lane n is pair number base + n and base a
 * multiple of BITSIM_LANES: constant from bit 11 up. */
static void set_address_plane(uint64_t *plane, int i, uint64_t base)
{
    static const uint64_t within_word[] = {
        0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
        0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000,
    };
    for (unsigned w = 0; w < BITSIM_WORDS; w++) {
        if (i < 5)   /* lane = 32 * bit + word */
            plane[w] = -(uint64_t)(w >> i & 1);
        else if (i < 11)
            plane[w] = within_word[i - 5];
        else
            plane[w] = -(base >> i & 1);
    }
}

/* Operand planes of the pairs base..; only what changed since pair `previous`. */
static void set_operands(const struct comparison *c, struct lane_buffers *l, uint64_t *scratch,
                         uint64_t base, uint64_t previous, bool first)
{
    int width_a = c->pairs->width_a, width_b = c->pairs->width_b;
    uint64_t *plane_a = slot_of(scratch, FIRST_INPUT);
    uint64_t *plane_b = slot_of(scratch, FIRST_INPUT + width_a);
    if (c->pairs->exhaustive) {
        uint64_t changed = first ? UINT64_MAX : base ^ previous;
        for (int i = 0; i < width_a + width_b; i++)
            if (changed >> i & 1)
                set_address_plane(i < width_b ? slot_of(plane_b, i) : slot_of(plane_a, i - width_b),
                                  i, base);
        return;
    }
    for (int n = 0; n < BITSIM_LANES; n++)
        l->value[n] = (uint64_t)l->a[n] << 32 | l->b[n];
    kernel()->planes(l->value, 64, l->plane);
    memcpy(plane_b, l->plane, (size_t)width_b * PLANE_BYTES);
    memcpy(plane_a, slot_of(l->plane, 32), (size_t)width_a * PLANE_BYTES);
}

static void set_runtime(const struct comparison *c, uint64_t *scratch)
{
    size_t slot = FIRST_INPUT + c->pairs->width_a + c->pairs->width_b;
    for (int port = 2; port < c->s->input_ports; port++) {
        uint64_t value = c->o->runtime ? c->o->runtime[port - 2] : 0;
        for (int i = 0; i < c->s->input_width[port]; i++)
            memset(slot_of(scratch, slot++), value >> i & 1 ? 0xff : 0, PLANE_BYTES);
    }
}

static bool lane_bit(const uint64_t *plane, int lane)
{
    return plane[lane % BITSIM_WORDS] >> (lane / BITSIM_WORDS) & 1;
}

/* Counts and records the lanes below `valid` that differ. */
static void record(struct comparison *c, const struct lane_buffers *l, uint64_t *scratch,
                   const uint64_t *difference, uint64_t base, int valid)
{
    uint64_t count = 0;
    int lane = -1;
    for (int n = 0; n < valid; n++)
        if (lane_bit(difference, n)) {
            if (lane < 0)
                lane = n;
            count++;
        }
    if (lane < 0)
        return;
    struct sim_mismatch mis = { .a = l->a[lane], .b = l->b[lane], .expected = l->value[lane] };
    for (int i = 0; i < c->s->n_outputs; i++)
        mis.actual |= (uint64_t)lane_bit(slot_of(scratch, c->s->output[i]), lane) << i;
    if (c->o->runtime)
        memcpy(mis.runtime, c->o->runtime, sizeof mis.runtime);
    pthread_mutex_lock(&c->lock);
    if (c->result->mismatches == 0 || base + lane < c->first) {
        c->first = base + lane;
        c->result->first = mis;
    }
    c->result->mismatches += count;
    pthread_mutex_unlock(&c->lock);
    atomic_store(&c->found, true);
}

static enum axm_status compare_item(void *ctx, size_t item, int worker)
{
    (void)worker;
    struct comparison *c = ctx;
    uint64_t begin = item * c->per_item, end = begin + c->per_item;
    if (end > c->pairs->count)
        end = c->pairs->count;
    struct lane_buffers *l = aligned_alloc(64, sizeof *l);
    uint64_t *scratch = aligned_alloc(64, bitsim_scratch_words(c->s) * 8);
    enum axm_status st = AXM_OK;
    if (!l || !scratch) {
        st = fail(AXM_ENV, "%s: out of memory", axm_mul_name(c->m));
        goto out;
    }
    set_constants(scratch);
    set_runtime(c, scratch);
    const struct bitsim_kernel *k = kernel();
    for (uint64_t base = begin; base < end; base += BITSIM_LANES) {
        if (c->o->stop_at_first && atomic_load(&c->found))
            break;
        int valid = end - base < BITSIM_LANES ? (int)(end - base) : BITSIM_LANES;
        stimulus_get(c->pairs, base, valid, l->a, l->b);
        for (int n = valid; n < BITSIM_LANES; n++)
            l->a[n] = l->b[n] = 0;
        set_operands(c, l, scratch, base, base - BITSIM_LANES, base == begin);
        k->run(c->s->op, scratch);
        axm_eval_many(c->m, l->a, l->b, l->value, BITSIM_LANES);
        k->planes(l->value, c->s->n_outputs, l->plane);
        _Alignas(64) uint64_t difference[BITSIM_WORDS] = { 0 };
        uint64_t any = 0;
        for (int i = 0; i < c->s->n_outputs; i++)
            k->differ(slot_of(scratch, c->s->output[i]), slot_of(l->plane, i), difference);
        for (int w = 0; w < BITSIM_WORDS; w++)
            any |= difference[w];
        if (any)
            record(c, l, scratch, difference, base, valid);
    }
    if (c->bar)
        progress_add(c->bar, end - begin);
out:
    free(l);
    free(scratch);
    return st;
}

enum {
    SMALL_PAIRS = 1 << 17,      /* below this, starting threads costs more than it saves */
    ITEM_PAIRS = 1 << 18,
};

enum axm_status bitsim_compare(const struct bitsim *s, const struct axm_mul *m,
                               const struct stimulus *pairs, const struct bitsim_compare_opts *o,
                               struct sim_result *out)
{
    assert(s->input_ports >= 2 && s->input_ports <= 2 + RUNTIME_PORTS);
    assert(s->input_width[0] == pairs->width_a && s->input_width[1] == pairs->width_b);
    assert(s->n_outputs == axm_mul_width_product(m) && pairs->first == 0);
    double start = clock_seconds();
    struct sim_result result = { .pairs = pairs->count };
    struct comparison c = {
        .s = s, .m = m, .pairs = pairs, .o = o, .result = &result,
        .per_item = pairs->count <= SMALL_PAIRS || o->one_thread ? SMALL_PAIRS : ITEM_PAIRS,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    size_t items = (pairs->count + c.per_item - 1) / c.per_item;
    enum axm_status st = AXM_OK;
    if (o->progress)
        c.bar = progress_begin(axm_mul_name(m), pairs->count);
    if (items > 1 && !o->one_thread)
        st = pool_run(items, compare_item, &c);
    else
        for (size_t i = 0; i < items && !st; i++)
            st = progress_stop_requested() ? AXM_STOPPED : compare_item(&c, i, 0);
    if (c.bar)
        progress_end(c.bar);
    if (st)
        return st;
    if (o->stop_at_first && result.mismatches)
        result.mismatches = 1;
    result.seconds = clock_seconds() - start;
    *out = result;
    return AXM_OK;
}
