#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gen/netlist.h"

/* A pipeline is a segment number per cell, never less than that of a cell it
 * reads: a net made in segment s and last read in segment t passes t - s
 * registers, which its readers share.  Segments are as short as they can be
 * (netlist_measure()'s levels, cells not cut); among such assignments a search
 * by single moves looks for few registers.  The least number would take a
 * minimum-cost flow (Leiserson and Saxe 1991, doi:10.1007/BF01759032). */
struct pipeline {
    const struct netlist *nl;
    int segments;
    int limit;        /* levels in a segment */
    int outputs_at;   /* segment that reads the outputs */
    int *segment;     /* cell -> 0..segments-1 */
    int *best;        /* the cheapest assignment so far */
    int *level;       /* net -> levels since the segment began */
    int *last;        /* net -> latest segment that reads it, -1 if none */
    int *bound;       /* net -> earliest segment that reads it */
    size_t cells, nets;
};

static int net_segment(const struct pipeline *p, net n)
{
    long d = netlist_driver(p->nl, n);
    return d < 0 ? 0 : p->segment[d];
}

/* Puts cell i into segment s; false if it reads what is made later or would
 * make the segment too long. */
static bool place(struct pipeline *p, size_t i, int s)
{
    const struct cell *c = netlist_cell(p->nl, i);
    int at = 0;
    for (int k = 0; k < cell_inputs(c->kind); k++) {
        int from = net_segment(p, c->in[k]);
        if (from > s)
            return false;
        if (from == s && p->level[c->in[k]] > at)
            at = p->level[c->in[k]];
    }
    at += cell_levels(c->kind);
    p->segment[i] = s;
    for (int k = 0; k < cell_outputs(c->kind); k++)
        p->level[c->out[k]] = at;
    return at <= p->limit;
}

/* Every cell as early as it goes; false if the segments do not suffice. */
static bool place_early(struct pipeline *p)
{
    memset(p->level, 0, p->nets * sizeof *p->level);
    for (size_t i = 0; i < p->cells; i++) {
        const struct cell *c = netlist_cell(p->nl, i);
        int s = 0;
        for (int k = 0; k < cell_inputs(c->kind); k++)
            if (net_segment(p, c->in[k]) > s)
                s = net_segment(p, c->in[k]);
        while (s < p->segments && !place(p, i, s))
            s++;
        if (s == p->segments)
            return false;
    }
    return true;
}

static void read_at(struct pipeline *p, net n, int segment)
{
    if (p->last[n] < segment)
        p->last[n] = segment;
}

/* Registers of the assignment, input ranks excluded; -1 if it is not legal. */
static long count_registers(struct pipeline *p)
{
    for (size_t n = 0; n < p->nets; n++)
        p->last[n] = -1;
    for (size_t i = 0; i < p->cells; i++) {
        const struct cell *c = netlist_cell(p->nl, i);
        if (!place(p, i, p->segment[i]))
            return -1;
        for (int k = 0; k < cell_inputs(c->kind); k++)
            read_at(p, c->in[k], p->segment[i]);
    }
    for (int i = 0; i < netlist_ports(p->nl); i++) {
        const struct port *port = netlist_port(p->nl, i);
        for (int k = 0; port->is_output && k < port->bus.n; k++)
            read_at(p, port->bus.bit[k], p->outputs_at);
    }
    long registers = 0;
    for (net n = NET_1 + 1; n < p->nets; n++)
        if (p->last[n] > net_segment(p, n))
            registers += p->last[n] - net_segment(p, n);
    return registers;
}

/* Which cells may move, and what a move must bring. */
enum mover {
    MOVE_GATES,      /* gates, anyhow: partial products are many and made of few bits */
    MOVE_ALL,        /* anyhow */
    MOVE_CHEAPER,    /* all, if it saves registers */
};

/* Moves cell i to the legal segment nearest to `to`, on the way from where it
 * stands. */
static bool move(struct pipeline *p, size_t i, int to, enum mover mover, long *registers)
{
    int from = p->segment[i], step = to > from ? -1 : 1;
    for (int s = to; s != from; s += step) {
        p->segment[i] = s;
        long r = count_registers(p);
        if (r >= 0 && (mover != MOVE_CHEAPER || r < *registers)) {
            *registers = r;
            return true;
        }
    }
    p->segment[i] = from;
    return false;
}

static bool move_later(struct pipeline *p, enum mover mover, long *registers)
{
    bool moved = false;
    for (size_t n = 0; n < p->nets; n++)
        p->bound[n] = p->segments - 1;
    for (size_t i = p->cells; i-- > 0;) {
        const struct cell *c = netlist_cell(p->nl, i);
        int to = p->segments - 1;
        for (int k = 0; k < cell_outputs(c->kind); k++)
            if (p->bound[c->out[k]] < to)
                to = p->bound[c->out[k]];
        if (to > p->segment[i] && (mover != MOVE_GATES || cell_outputs(c->kind) == 1))
            moved |= move(p, i, to, mover, registers);
        for (int k = 0; k < cell_inputs(c->kind); k++)
            if (p->bound[c->in[k]] > p->segment[i])
                p->bound[c->in[k]] = p->segment[i];
    }
    return moved;
}

static bool move_earlier(struct pipeline *p, long *registers)
{
    bool moved = false;
    for (size_t i = 0; i < p->cells; i++) {
        const struct cell *c = netlist_cell(p->nl, i);
        int to = 0;
        for (int k = 0; k < cell_inputs(c->kind); k++)
            if (net_segment(p, c->in[k]) > to)
                to = net_segment(p, c->in[k]);
        if (to < p->segment[i])
            moved |= move(p, i, to, MOVE_CHEAPER, registers);
    }
    return moved;
}

/* Improves the assignment until no single move helps; keeps it if it is the
 * cheapest so far. */
static void search(struct pipeline *p, long *fewest)
{
    long registers = count_registers(p);
    for (bool moved = true; moved;) {
        moved = move_earlier(p, &registers);
        moved |= move_later(p, MOVE_CHEAPER, &registers);
    }
    if (*fewest < 0 || registers < *fewest) {
        *fewest = registers;
        memcpy(p->best, p->segment, p->cells * sizeof *p->best);
    }
}

static void assign_segments(struct pipeline *p)
{
    struct netlist_stats stats;
    netlist_measure(p->nl, &stats);
    p->limit = (stats.levels + p->segments - 1) / p->segments;
    while (!place_early(p))
        p->limit++;
    long fewest = -1, registers;
    search(p, &fewest);
    for (enum mover late = MOVE_GATES; late <= MOVE_ALL; late++) {
        bool feasible = place_early(p);
        assert(feasible);
        (void)feasible;
        move_later(p, late, &registers);
        search(p, &fewest);
    }
    memcpy(p->segment, p->best, p->cells * sizeof *p->segment);
    count_registers(p);   /* leaves last[] */
}

/* n after `ranks` registers.  They exist once rewrite() made them. */
static net delayed(struct netlist *to, net n, int ranks)
{
    while (ranks-- > 0)
        n = netlist_dff(to, n);
    return n;
}

static struct netlist *rewrite(struct pipeline *p, bool inputs, net *map, net *read)
{
    const struct netlist *nl = p->nl;
    struct netlist *to = netlist_rewrite_begin(nl, map);
    if (!to)
        return NULL;
    for (net n = NET_1 + 1; n < p->nets; n++) {
        if (netlist_driver(nl, n) >= 0 || p->last[n] < 0)
            continue;
        map[n] = delayed(to, map[n], inputs);
        delayed(to, map[n], p->last[n]);
    }
    /* read[] is map[] after the registers between a net and the cell at hand. */
    for (size_t i = 0; i < p->cells; i++) {
        const struct cell *c = netlist_cell(nl, i);
        for (int k = 0; k < 3; k++)
            read[c->in[k]] = c->in[k] <= NET_1 ? c->in[k]
                : delayed(to, map[c->in[k]], p->segment[i] - net_segment(p, c->in[k]));
        netlist_rewrite_cell(to, c, read);
        netlist_scope_set(to, c->scope);
        for (int k = 0; k < cell_outputs(c->kind); k++) {
            map[c->out[k]] = read[c->out[k]];
            delayed(to, map[c->out[k]], p->last[c->out[k]] - p->segment[i]);
        }
        netlist_scope_set(to, 0);
    }
    for (net n = NET_1 + 1; n < p->nets; n++)
        if (p->last[n] == p->outputs_at)
            map[n] = delayed(to, map[n], p->outputs_at - net_segment(p, n));
    netlist_rewrite_end(to, nl, map);
    return to;
}

struct netlist *netlist_registered(const struct netlist *nl, bool inputs, bool outputs, int stages)
{
    assert(stages >= 0);
    struct netlist_stats stats;
    netlist_measure(nl, &stats);
    if (stats.count[CELL_DFF] > 0) {
        (void)!fail(AXM_USAGE, "%s: only a netlist without registers can be pipelined, got %zu",
                    netlist_name(nl), stats.count[CELL_DFF]);
        return NULL;
    }
    int ranks = stages > 0 ? stages : outputs;
    struct pipeline p = {
        .nl = nl, .outputs_at = ranks, .segments = outputs ? ranks : ranks + 1,
        .cells = netlist_cells(nl), .nets = netlist_nets(nl),
    };
    p.segment = calloc(2 * p.cells + 3 * p.nets, sizeof *p.segment);
    net *map = calloc(2 * p.nets, sizeof *map);
    struct netlist *to = NULL;
    if (p.segment && map) {
        p.best = p.segment + p.cells;
        p.level = p.best + p.cells;
        p.last = p.level + p.nets;
        p.bound = p.last + p.nets;
        assign_segments(&p);
        to = rewrite(&p, inputs, map, map + p.nets);
    }
    free(p.segment);
    free(map);
    return to;
}
