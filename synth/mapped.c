#include "synth/mapped.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"

struct mapped_store {
    struct arena arena;
    struct mapped m;
};

struct reader {
    const char *name;
    const struct liberty *lib;
    const struct mapped_opts *opts;
    struct arena *arena;
    struct mapped *m;
    struct mapped_cell *cell;      /* in file order, then topological */
    struct mapped_port *port;
    double *load;
    double nets_max;               /* Yosys numbers nets without gaps: none is beyond the text's length */
};

static enum axm_status no_memory(const struct reader *r)
{
    return fail(AXM_ENV, "%s: out of memory", r->name);
}

/* A bit of the JSON: a net number (Yosys begins at 2) or a constant. */
static bool read_bit(struct reader *r, const cJSON *bit, uint32_t *net)
{
    if (cJSON_IsNumber(bit) && bit->valuedouble >= 2 && bit->valuedouble < r->nets_max)
        *net = (uint32_t)bit->valuedouble;
    else if (cJSON_IsString(bit) && (!strcmp(bit->valuestring, "0") || !strcmp(bit->valuestring, "x")))
        *net = 0;   /* an undefined bit may be anything: take 0 */
    else if (cJSON_IsString(bit) && !strcmp(bit->valuestring, "1"))
        *net = 1;
    else
        return false;
    if ((int)*net >= r->m->n_nets)
        r->m->n_nets = (int)*net + 1;
    return true;
}

static enum axm_status read_ports(struct reader *r, const cJSON *ports)
{
    const cJSON *p, *bit;
    if (!cJSON_IsObject(ports))
        return fail(AXM_USAGE, "%s: the module has no object of ports", r->name);
    r->port = arena_alloc(r->arena, sizeof *r->port * (size_t)(cJSON_GetArraySize(ports) + 1));
    if (!r->port)
        return no_memory(r);
    cJSON_ArrayForEach(p, ports) {
        struct mapped_port *port = &r->port[r->m->n_ports++];
        const cJSON *bits = cJSON_GetObjectItem(p, "bits");
        const char *direction = cJSON_GetStringValue(cJSON_GetObjectItem(p, "direction"));
        uint32_t *net = arena_alloc(r->arena, sizeof *net * (size_t)(cJSON_GetArraySize(bits) + 1));
        port->name = arena_strdup(r->arena, p->string);
        if (!net || !port->name)
            return no_memory(r);
        if (!direction || (strcmp(direction, "input") && strcmp(direction, "output")))
            return fail(AXM_USAGE, "%s: port %s is neither input nor output", r->name, port->name);
        port->is_output = !strcmp(direction, "output");
        port->net = net;
        cJSON_ArrayForEach(bit, bits)
            if (!read_bit(r, bit, &net[port->width++]))
                return fail(AXM_USAGE, "%s: port %s: bit %d is no net", r->name, port->name, port->width - 1);
    }
    return AXM_OK;
}

static enum axm_status read_cell(struct reader *r, const cJSON *j, struct mapped_cell *c)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(j, "type"));
    const cJSON *connection;
    const cJSON *connections = cJSON_GetObjectItem(j, "connections");
    unsigned connected = 0;
    c->lib = type ? liberty_find(r->lib, type) : NULL;
    if (!c->lib)
        return fail(AXM_USAGE, "%s: cell %s is a %s, which library %s does not have", r->name, j->string,
                    type ? type : "?", r->lib->name);
    if (!c->lib->usable)
        return fail(AXM_USAGE, "%s: cell %s is a %s, which is not a combinational gate of up to %d inputs",
                    r->name, j->string, type, LIB_INPUTS_MAX);
    if (!cJSON_IsObject(connections))
        return fail(AXM_USAGE, "%s: cell %s (%s) has no object of connections", r->name, j->string, type);
    for (int i = 0; i < LIB_OUTPUTS_MAX; i++)
        c->out[i] = UINT32_MAX;
    cJSON_ArrayForEach(connection, connections) {
        bool is_output;
        uint32_t net;
        int pin = lib_cell_pin(c->lib, connection->string, &is_output), bits = cJSON_GetArraySize(connection);
        if (bits == 0)
            continue;   /* an output left open */
        if (pin < 0 || bits > 1 || !read_bit(r, cJSON_GetArrayItem(connection, 0), &net))
            return fail(AXM_USAGE, "%s: cell %s: pin %s cannot be used", r->name, j->string,
                        connection->string);
        if (is_output) {
            c->out[pin] = net;
        } else {
            c->in[pin] = net;
            connected |= 1u << pin;
        }
    }
    if (connected != (1u << c->lib->n_in) - 1)
        return fail(AXM_USAGE, "%s: cell %s (%s) has an open input", r->name, j->string, type);
    return AXM_OK;
}

static enum axm_status read_cells(struct reader *r, const cJSON *cells)
{
    const cJSON *j;
    if (!cJSON_IsObject(cells))
        return fail(AXM_USAGE, "%s: the module has no object of cells", r->name);
    r->cell = arena_alloc(r->arena, sizeof *r->cell * (size_t)(cJSON_GetArraySize(cells) + 1));
    if (!r->cell)
        return no_memory(r);
    cJSON_ArrayForEach(j, cells) {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(j, "type"));
        if (type && !strcmp(type, "$scopeinfo"))
            continue;
        enum axm_status st = read_cell(r, j, &r->cell[r->m->n_cells++]);
        if (st != AXM_OK)
            return st;
        r->m->area_um2 += r->cell[r->m->n_cells - 1].lib->area_um2;
    }
    /* Open outputs get nets of their own, so that nobody has to ask. */
    for (int i = 0; i < r->m->n_cells; i++)
        for (int o = 0; o < r->cell[i].lib->n_out; o++)
            if (r->cell[i].out[o] == UINT32_MAX)
                r->cell[i].out[o] = (uint32_t)r->m->n_nets++;
    return AXM_OK;
}

static enum axm_status two_drivers(const struct reader *r, uint32_t net)
{
    return fail(AXM_USAGE, "%s: net %u has two drivers", r->name, net);
}

static enum axm_status no_driver(const struct reader *r, uint32_t net)
{
    return fail(AXM_USAGE, "%s: net %u has no driver", r->name, net);
}

/* Drivers before what they drive; else as in the file, so it depends on the file only. */
static enum axm_status sort_cells(struct reader *r)
{
    int n = r->m->n_cells, done = 0;
    struct mapped_cell *sorted = arena_alloc(r->arena, sizeof *sorted * (size_t)(n + 1));
    bool *known = arena_alloc(r->arena, (size_t)r->m->n_nets + 1);
    bool *placed = arena_alloc(r->arena, (size_t)n + 1);
    int *driver = arena_alloc(r->arena, sizeof *driver * (size_t)(r->m->n_nets + 1));
    int *stack = arena_alloc(r->arena, sizeof *stack * (size_t)(n + 1));
    if (!sorted || !known || !placed || !driver || !stack)
        return no_memory(r);
    for (int i = 0; i < r->m->n_nets; i++)
        driver[i] = -1;
    known[0] = known[1] = true;
    for (int i = 0; i < r->m->n_ports; i++)
        for (int b = 0; b < r->port[i].width && !r->port[i].is_output; b++) {
            if (known[r->port[i].net[b]])
                return two_drivers(r, r->port[i].net[b]);
            known[r->port[i].net[b]] = true;
        }
    for (int i = 0; i < n; i++)
        for (int o = 0; o < r->cell[i].lib->n_out; o++) {
            uint32_t net = r->cell[i].out[o];
            if (known[net] || driver[net] >= 0)
                return two_drivers(r, net);
            driver[net] = i;
        }
    /* Depth-first from every cell; `placed` marks the cells on the stack. */
    for (int i = 0; i < n; i++) {
        int top = 0;
        if (known[r->cell[i].out[0]])
            continue;
        stack[top++] = i;
        placed[i] = true;
        while (top) {
            const struct mapped_cell *c = &r->cell[stack[top - 1]];
            int need = -1;
            for (int k = 0; k < c->lib->n_in && need < 0; k++) {
                if (known[c->in[k]])
                    continue;
                need = driver[c->in[k]];
                if (need < 0)
                    return no_driver(r, c->in[k]);
            }
            if (need >= 0) {
                if (placed[need])
                    return fail(AXM_USAGE, "%s: a loop through a %s", r->name, r->cell[need].lib->name);
                placed[need] = true;
                stack[top++] = need;
                continue;
            }
            for (int o = 0; o < c->lib->n_out; o++)
                known[c->out[o]] = true;
            sorted[done++] = *c;
            top--;
        }
    }
    for (int i = 0; i < r->m->n_ports; i++)
        for (int b = 0; b < r->port[i].width; b++)
            if (!known[r->port[i].net[b]])
                return no_driver(r, r->port[i].net[b]);
    r->cell = sorted;
    return AXM_OK;
}

/* --- pins of the same kind ------------------------------------------------------- */

/* A net by what makes it, not by its name: cells on the longest way, and a hash
 * of the structure down to the ports. */
struct origin {
    int level;
    uint64_t hash;
};

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15;
    return h ^ h >> 32;
}

static uint64_t mix_text(uint64_t h, const char *text)
{
    while (*text)
        h = mix(h, (unsigned char)*text++);
    return h;
}

/* True if every output computes the same with inputs i and j exchanged. */
static bool interchangeable(const struct lib_cell *c, int i, int j)
{
    for (unsigned v = 0; v < 1u << c->n_in; v++) {
        unsigned swapped = (v & ~(1u << i | 1u << j)) | (v >> i & 1) << j | (v >> j & 1) << i;
        for (int o = 0; o < c->n_out; o++)
            if ((c->output[o].truth >> v ^ c->output[o].truth >> swapped) & 1)
                return false;
    }
    return true;
}

/* The slowest edge from an input to any output, under the conditions of the ports. */
static double pin_delay(const struct reader *r, const struct lib_cell *c, int input)
{
    double slew = r->opts->input_slew_ns, load = r->opts->output_load_pf, d = 0;
    for (int o = 0; o < c->n_out; o++)
        for (int a = 0; a < c->output[o].n_arcs; a++) {
            const struct lib_arc *arc = &c->output[o].arc[a];
            if (arc->input == input)
                d = fmax(d, fmax(lib_table_at(&arc->rise_delay, slew, load),
                                 lib_table_at(&arc->fall_delay, slew, load)));
        }
    return d;
}

static bool before(const struct origin *a, const struct origin *b)
{
    return a->level != b->level ? a->level < b->level : a->hash < b->hash;
}

/* Among interchangeable inputs the net with the most cells behind it goes to the fastest pin. */
static void assign_pins(const struct reader *r, struct mapped_cell *c, const struct origin *origin)
{
    int n = c->lib->n_in;
    double delay[LIB_INPUTS_MAX];
    for (int i = 0; i < n; i++)
        delay[i] = pin_delay(r, c->lib, i);
    /* Any two pins that are in the wrong order change nets, until none are. */
    for (int round = 0; round < n; round++)
        for (int i = 0; i < n; i++)
            for (int j = i + 1; j < n; j++) {
                bool j_is_slower = delay[j] > delay[i];
                uint32_t slow = c->in[j_is_slower ? j : i], fast = c->in[j_is_slower ? i : j];
                if (before(&origin[fast], &origin[slow]) && interchangeable(c->lib, i, j)) {
                    c->in[j_is_slower ? j : i] = fast;
                    c->in[j_is_slower ? i : j] = slow;
                }
            }
}

/* Makes the netlist independent of the order in which the Verilog names the operands of a symmetric
 * cell: pins of an adder differ in capacitance and delay by more than coefficients may. */
static enum axm_status order_pins(struct reader *r)
{
    struct origin *origin = arena_alloc(r->arena, sizeof *origin * (size_t)r->m->n_nets);
    if (!origin)
        return no_memory(r);
    origin[1].hash = 1;
    for (int p = 0; p < r->m->n_ports; p++)
        for (int b = 0; b < r->port[p].width && !r->port[p].is_output; b++)
            origin[r->port[p].net[b]].hash = mix(mix_text(2, r->port[p].name), (uint64_t)b);
    for (int i = 0; i < r->m->n_cells; i++) {
        struct mapped_cell *c = &r->cell[i];
        assign_pins(r, c, origin);
        struct origin made = { .hash = mix_text(3, c->lib->name) };
        for (int k = 0; k < c->lib->n_in; k++) {
            made.hash = mix(made.hash, origin[c->in[k]].hash);
            if (origin[c->in[k]].level >= made.level)
                made.level = origin[c->in[k]].level + 1;
        }
        for (int o = 0; o < c->lib->n_out; o++)
            origin[c->out[o]] = (struct origin){ made.level, mix(made.hash, (uint64_t)o) };
    }
    return AXM_OK;
}

/* --- loads, delays, energies ------------------------------------------------------ */

static void load_nets(struct reader *r)
{
    for (int i = 0; i < r->m->n_cells; i++) {
        const struct mapped_cell *c = &r->cell[i];
        for (int k = 0; k < c->lib->n_in; k++)
            r->load[c->in[k]] += c->lib->input[k].cap_pf;
        for (int o = 0; o < c->lib->n_out; o++)
            r->load[c->out[o]] += c->lib->output[o].cap_pf;
    }
    for (int i = 0; i < r->m->n_ports; i++)
        for (int b = 0; b < r->port[i].width && r->port[i].is_output; b++)
            r->load[r->port[i].net[b]] += r->opts->output_load_pf;
    for (uint32_t net = 0; net < r->opts->n_more && net < (uint32_t)r->m->n_nets; net++)
        r->load[net] += r->opts->more_load_pf[net];
}

struct edge_times {
    double rise, fall;
};

/* Mean over the states that have a table of their own, else 0. */
static double internal_energy(const struct lib_output *o, int input, bool rise, double slew, double load)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < o->n_energy; i++) {
        const struct lib_energy *e = &o->energy[i];
        if (e->related != input && e->related != -1)
            continue;
        sum += lib_table_at(rise ? &e->rise : &e->fall, slew, load);
        n++;
    }
    return n ? sum / n : 0;
}

static uint32_t picoseconds(double ns)
{
    return ns > 0 ? (uint32_t)lrint(ns * 1e3) : 0;
}

static void grow(double *v, double candidate)
{
    if (candidate > *v)
        *v = candidate;
}

/* Static slews, delays and energies, in topological order.  A non-unate arc
 * takes the slower of the two input edges, as the timing tool writes it into
 * SDF. */
static enum axm_status annotate(struct reader *r)
{
    size_t n = (size_t)r->m->n_nets;
    struct edge_times *slew = arena_alloc(r->arena, sizeof *slew * n);
    struct edge_times *arrival = arena_alloc(r->arena, sizeof *arrival * n);
    double *slower = arena_alloc(r->arena, sizeof *slower * n);
    if (!slew || !arrival || !slower)
        return no_memory(r);
    r->m->slew_ns = slower;
    for (size_t i = 0; i < n; i++)
        slew[i].rise = slew[i].fall = r->opts->input_slew_ns;
    for (int i = 0; i < r->m->n_cells; i++) {
        struct mapped_cell *c = &r->cell[i];
        for (int o = 0; o < c->lib->n_out; o++) {
            const struct lib_output *lo = &c->lib->output[o];
            double load = r->load[c->out[o]];
            struct edge_times s = { 0, 0 }, at = { 0, 0 };
            for (int a = 0; a < lo->n_arcs; a++) {
                const struct lib_arc *arc = &lo->arc[a];
                struct mapped_arc *out = &c->arc[o][arc->input];
                for (int in_rises = 0; in_rises < 2; in_rises++) {
                    const struct edge_times *is = &slew[c->in[arc->input]], *ia = &arrival[c->in[arc->input]];
                    double in_slew = in_rises ? is->rise : is->fall, in_at = in_rises ? ia->rise : ia->fall;
                    if (arc->sense == LIB_NON_UNATE || (arc->sense == LIB_POSITIVE) == in_rises) {
                        double d = lib_table_at(&arc->rise_delay, in_slew, load);
                        grow(&s.rise, lib_table_at(&arc->rise_slew, in_slew, load));
                        grow(&at.rise, in_at + d);
                        if (picoseconds(d) > out->rise_ps)
                            out->rise_ps = picoseconds(d);
                        out->rise_pj = (float)internal_energy(lo, arc->input, true, in_slew, load);
                    }
                    if (arc->sense == LIB_NON_UNATE || (arc->sense == LIB_NEGATIVE) == in_rises) {
                        double d = lib_table_at(&arc->fall_delay, in_slew, load);
                        grow(&s.fall, lib_table_at(&arc->fall_slew, in_slew, load));
                        grow(&at.fall, in_at + d);
                        if (picoseconds(d) > out->fall_ps)
                            out->fall_ps = picoseconds(d);
                        out->fall_pj = (float)internal_energy(lo, arc->input, false, in_slew, load);
                    }
                }
            }
            slew[c->out[o]] = s;
            arrival[c->out[o]] = at;
            grow(&r->m->delay_ns, at.rise);
            grow(&r->m->delay_ns, at.fall);
        }
    }
    for (size_t i = 0; i < n; i++)
        slower[i] = fmax(slew[i].rise, slew[i].fall);
    return AXM_OK;
}

static enum axm_status read_module(struct reader *r, const cJSON *root)
{
    const cJSON *module = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItem(root, "modules"), r->name);
    if (!module)
        return fail(AXM_USAGE, "%s: no module of this name in the JSON netlist", r->name);
    r->m->n_nets = 2;
    enum axm_status st = read_ports(r, cJSON_GetObjectItem(module, "ports"));
    if (st == AXM_OK)
        st = read_cells(r, cJSON_GetObjectItem(module, "cells"));
    if (st == AXM_OK)
        st = sort_cells(r);
    if (st == AXM_OK)
        st = order_pins(r);
    if (st != AXM_OK)
        return st;
    r->load = arena_alloc(r->arena, sizeof *r->load * (size_t)r->m->n_nets);
    if (!r->load)
        return no_memory(r);
    load_nets(r);
    return annotate(r);
}

enum axm_status mapped_read_json(const char *text, const char *name, const struct liberty *lib,
                                 const struct mapped_opts *o, struct mapped **out)
{
    cJSON *root = cJSON_Parse(text);
    if (!root)
        return fail(AXM_USAGE, "%s: not JSON", name);
    struct mapped_store *store = calloc(1, sizeof *store);
    if (!store) {
        cJSON_Delete(root);
        return fail(AXM_ENV, "%s: out of memory", name);
    }
    struct reader r = { .name = name, .lib = lib, .opts = o, .arena = &store->arena, .m = &store->m,
                        .nets_max = (double)strlen(text) };
    enum axm_status st = read_module(&r, root);
    cJSON_Delete(root);
    store->m.lib = lib;
    store->m.cell = r.cell;
    store->m.port = r.port;
    store->m.load_pf = r.load;
    store->m.store = store;
    if (st == AXM_OK)
        *out = &store->m;
    else
        mapped_free(&store->m);
    return st;
}

void mapped_free(struct mapped *m)
{
    if (!m)
        return;
    struct mapped_store *store = m->store;
    arena_release(&store->arena);
    free(store);
}

const struct mapped_port *mapped_find_port(const struct mapped *m, const char *name)
{
    for (int i = 0; i < m->n_ports; i++)
        if (!strcmp(m->port[i].name, name))
            return &m->port[i];
    return NULL;
}

void mapped_settle(const struct mapped *m, bool *value)
{
    for (int i = 0; i < m->n_cells; i++) {
        const struct mapped_cell *c = &m->cell[i];
        unsigned state = 0;
        for (int k = 0; k < c->lib->n_in; k++)
            state |= (unsigned)value[c->in[k]] << k;
        for (int o = 0; o < c->lib->n_out; o++)
            value[c->out[o]] = c->lib->output[o].truth >> state & 1;
    }
}
