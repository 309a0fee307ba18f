#include "synth/design.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"

struct design_store {
    struct arena arena;
};

/* "\pe_ws" of "$paramod$<hash>\pe_ws" and "$paramod\requantize\RowSum=...". */
static const char *source_name(struct arena *a, const char *full)
{
    if (strncmp(full, "$paramod", 8))
        return arena_strdup(a, full);
    const char *begin = strchr(full, '\\');
    if (!begin)
        return arena_strdup(a, full);
    char *name = arena_strdup(a, begin + 1);
    if (name)
        name[strcspn(name, "\\")] = 0;
    return name;
}

static bool read_bits(struct arena *a, const cJSON *bits, struct design_pin *pin, uint32_t *n_nets)
{
    uint32_t *net = arena_alloc(a, sizeof *net * (size_t)(cJSON_GetArraySize(bits) + 1));
    const cJSON *b;
    if (!net)
        return false;
    cJSON_ArrayForEach(b, bits) {
        /* x and z become 0: nothing that works depends on them */
        net[pin->width] = cJSON_IsNumber(b) ? (uint32_t)b->valuedouble
                                            : b->valuestring && b->valuestring[0] == '1';
        if (net[pin->width] >= *n_nets)
            *n_nets = net[pin->width] + 1;
        pin->width++;
    }
    pin->bit = net;
    return true;
}

/* A parameter in binary digits. */
static int64_t parameter(const cJSON *cell, const char *name)
{
    const char *digits =
        cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(cell, "parameters"), name));
    return digits ? strtoll(digits, NULL, 2) : 0;
}

static bool read_ports(struct arena *a, const cJSON *ports, struct design_module *m)
{
    const cJSON *p;
    struct design_pin *pin = arena_alloc(a, sizeof *pin * (size_t)(cJSON_GetArraySize(ports) + 1));
    if (!pin)
        return false;
    cJSON_ArrayForEach(p, ports) {
        const char *direction = cJSON_GetStringValue(cJSON_GetObjectItem(p, "direction"));
        struct design_pin *to = &pin[m->n_ports++];
        to->name = arena_strdup(a, p->string);
        to->is_output = direction && !strcmp(direction, "output");
        if (!to->name || !read_bits(a, cJSON_GetObjectItem(p, "bits"), to, &m->n_nets))
            return false;
    }
    m->port = pin;
    return true;
}

static bool read_pins(struct arena *a, const cJSON *cell, struct design_cell *c, uint32_t *n_nets)
{
    const cJSON *p, *connections = cJSON_GetObjectItem(cell, "connections");
    const cJSON *directions = cJSON_GetObjectItem(cell, "port_directions");
    struct design_pin *pin = arena_alloc(a, sizeof *pin * (size_t)(cJSON_GetArraySize(connections) + 1));
    if (!pin)
        return false;
    cJSON_ArrayForEach(p, connections) {
        const char *way = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(directions, p->string));
        struct design_pin *to = &pin[c->n_pins++];
        to->name = arena_strdup(a, p->string);
        to->is_output = way && !strcmp(way, "output");
        if (!to->name || !read_bits(a, p, to, n_nets))
            return false;
    }
    c->pin = pin;
    return true;
}

static bool read_module(struct arena *a, const cJSON *module, struct design_module *m)
{
    const cJSON *c, *cells = cJSON_GetObjectItem(module, "cells");
    struct design_cell *cell = arena_alloc(a, sizeof *cell * (size_t)(cJSON_GetArraySize(cells) + 1));
    m->full = arena_strdup(a, module->string);
    m->name = source_name(a, module->string);
    m->blackbox = cJSON_GetObjectItem(cJSON_GetObjectItem(module, "attributes"), "blackbox") != NULL;
    m->n_nets = 2;
    m->cell = cell;
    if (!cell || !m->full || !m->name || !read_ports(a, cJSON_GetObjectItem(module, "ports"), m))
        return false;
    cJSON_ArrayForEach(c, cells) {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(c, "type"));
        struct design_cell *to = &cell[m->n_cells];
        if (!type || !strcmp(type, "$scopeinfo"))
            continue;
        *to = (struct design_cell){ .name = arena_strdup(a, c->string), .type = arena_strdup(a, type),
                                    .module = -1 };
        if (!strcmp(type, "$mem_v2"))
            to->memory_bits = parameter(c, "SIZE") * parameter(c, "WIDTH");
        if (!to->name || !to->type || !read_pins(a, c, to, &m->n_nets))
            return false;
        m->n_cells++;
    }
    return true;
}

static int find_module(const struct design *d, const char *full)
{
    for (int i = 0; i < d->n_modules; i++)
        if (!strcmp(d->module[i].full, full))
            return i;
    return -1;
}

static int find_source(const struct design *d, const char *name)
{
    for (int i = 0; i < d->n_modules; i++)
        if (!strcmp(d->module[i].name, name) && !d->module[i].blackbox)
            return i;
    return -1;
}

/* Modules of one text; false if memory ran out. */
static bool add_modules(struct design *d, struct design_module *module, const cJSON *root)
{
    const cJSON *m, *modules = cJSON_GetObjectItem(root, "modules");
    cJSON_ArrayForEach(m, modules) {
        int i = find_module(d, m->string);
        struct design_module read = { 0 };
        if (!read_module(&d->store->arena, m, &read))
            return false;
        if (i < 0)
            module[d->n_modules++] = read;
        else if (module[i].blackbox)
            module[i] = read;
    }
    return true;
}

enum axm_status design_read(const char *const text[], int n, const char *top, struct design **out)
{
    struct design_store *store = calloc(1, sizeof *store);
    struct design *d = calloc(1, sizeof *d);
    cJSON *root[8] = { 0 };
    int total = 1;
    enum axm_status st = store && d && n <= 8 ? AXM_OK : fail(AXM_ENV, "%s: out of memory", top);
    for (int i = 0; i < n && st == AXM_OK; i++) {
        root[i] = cJSON_Parse(text[i]);
        total += cJSON_GetArraySize(cJSON_GetObjectItem(root[i], "modules"));
        if (!root[i])
            st = fail(AXM_ENV, "%s: Yosys wrote no readable netlist, or memory ran out", top);
    }
    struct design_module *module =
        st == AXM_OK ? arena_alloc(&store->arena, sizeof *module * (size_t)total) : NULL;
    if (st == AXM_OK) {
        d->store = store;
        d->module = module;
        for (int i = 0; i < n && st == AXM_OK; i++)
            if (!module || !add_modules(d, module, root[i]))
                st = fail(AXM_ENV, "%s: out of memory", top);
    }
    for (int i = 0; i < n && i < 8; i++)
        cJSON_Delete(root[i]);
    for (int m = 0; st == AXM_OK && m < d->n_modules; m++)
        for (int c = 0; c < module[m].n_cells; c++) {
            struct design_cell *cell = (struct design_cell *)&module[m].cell[c];
            int found = find_module(d, cell->type);
            cell->module = found >= 0 && !module[found].blackbox ? found : -1;
        }
    if (st == AXM_OK && (d->top = find_source(d, top)) < 0)
        st = fail(AXM_ENV, "%s: Yosys wrote a netlist without this module", top);
    if (st == AXM_OK) {
        *out = d;
        return st;
    }
    if (store)
        arena_release(&store->arena);
    free(store);
    free(d);
    return st;
}

void design_free(struct design *d)
{
    if (!d)
        return;
    arena_release(&d->store->arena);
    free(d->store);
    free(d);
}

/* --- flat -------------------------------------------------------------------------- */

/* Nets that turn out to be one: parent of each, itself if it is a root. */
struct flat_store {
    struct arena arena;
    uint32_t *parent;
    size_t cap_nets, cap_instances, cap_cells, cap_pins;
    bool failed;
};

static bool reserve(struct flat *f, void *array, size_t *cap, size_t n, size_t size)
{
    void **p = array;
    if (n <= *cap)
        return true;
    size_t to = *cap ? *cap * 2 : 1024;
    while (to < n)
        to *= 2;
    void *bigger = realloc(*p, to * size);
    if (!bigger) {
        f->store->failed = true;
        return false;
    }
    *p = bigger;
    *cap = to;
    return true;
}

static uint32_t new_net(struct flat *f)
{
    if (!reserve(f, &f->store->parent, &f->store->cap_nets, (size_t)f->n_nets + 1, sizeof(uint32_t)))
        return 0;
    f->store->parent[f->n_nets] = f->n_nets;
    return f->n_nets++;
}

static uint32_t root_of(struct flat *f, uint32_t net)
{
    uint32_t *parent = f->store->parent;
    while (parent[net] != net)
        net = parent[net] = parent[parent[net]];
    return net;
}

static void join(struct flat *f, uint32_t a, uint32_t b)
{
    a = root_of(f, a);
    b = root_of(f, b);
    /* the smaller number stays: the constants, and the nets further up */
    if (a < b)
        f->store->parent[b] = a;
    else
        f->store->parent[a] = b;
}

static void add_pin(struct flat *f, const char *name, uint32_t net, bool is_output)
{
    if (reserve(f, &f->pin, &f->store->cap_pins, (size_t)f->n_pins + 1, sizeof *f->pin)) {
        f->pin[f->n_pins++] = (struct flat_pin){ name, net, is_output };
        f->cell[f->n_cells - 1].n_pins++;
    }
}

static bool add_cell(struct flat *f, const char *type, int instance)
{
    if (!reserve(f, &f->cell, &f->store->cap_cells, (size_t)f->n_cells + 1, sizeof *f->cell))
        return false;
    f->cell[f->n_cells++] = (struct flat_cell){ .type = type, .instance = instance, .first_pin = f->n_pins };
    return true;
}

/* Name of bit i of a pin in Verilog. */
static const char *bit_name(struct flat *f, const struct design_pin *pin, int i)
{
    char name[96];
    if (pin->width == 1)
        return pin->name;
    snprintf(name, sizeof name, "%s[%d]", pin->name, i);
    return arena_strdup(&f->store->arena, name);
}

static const struct design_pin *find_pin(const struct design_cell *c, const char *name)
{
    for (int p = 0; p < c->n_pins; p++)
        if (!strcmp(c->pin[p].name, name))
            return &c->pin[p];
    return NULL;
}

/* Net of the flat design of every net of an instance's module: those of ports as the parent's cell
 * connects them (the top, cell == NULL: new ones). */
static uint32_t *bind_ports(struct flat *f, const struct design_module *m, const struct design_cell *cell,
                            const uint32_t *outer)
{
    uint32_t *net = calloc(m->n_nets, sizeof *net);
    if (!net) {
        f->store->failed = true;
        return NULL;
    }
    net[1] = 1;
    for (int p = 0; p < m->n_ports; p++) {
        const struct design_pin *pin = cell ? find_pin(cell, m->port[p].name) : NULL;
        for (int i = 0; i < m->port[p].width; i++) {
            uint32_t bit = m->port[p].bit[i];
            uint32_t to = pin && i < pin->width ? outer[pin->bit[i]] : new_net(f);
            if (bit < 2 || net[bit])      /* a constant, or a wire from port to port */
                join(f, net[bit], to);
            else
                net[bit] = to;
        }
    }
    for (uint32_t i = 2; i < m->n_nets; i++)
        if (!net[i])
            net[i] = new_net(f);
    return net;
}

static void instantiate(struct flat *f, const struct design_module *m, int self, uint32_t *net)
{
    const struct design *d = f->design;
    for (int c = 0; c < m->n_cells && !f->store->failed; c++) {
        const struct design_cell *cell = &m->cell[c];
        if (cell->module >= 0) {
            const struct design_module *inner = &d->module[cell->module];
            uint32_t *inner_net = bind_ports(f, inner, cell, net);
            if (!inner_net || !reserve(f, &f->instance, &f->store->cap_instances,
                                       (size_t)f->n_instances + 1, sizeof *f->instance)) {
                free(inner_net);
                return;
            }
            f->instance[f->n_instances] = (struct flat_instance){ inner, self, cell->name };
            instantiate(f, inner, f->n_instances++, inner_net);
            free(inner_net);
            continue;
        }
        f->memory_bits += cell->memory_bits;
        if (cell->memory_bits || !add_cell(f, cell->type, self))
            continue;
        for (int p = 0; p < cell->n_pins; p++)
            for (int i = 0; i < cell->pin[p].width; i++)
                add_pin(f, bit_name(f, &cell->pin[p], i), net[cell->pin[p].bit[i]], cell->pin[p].is_output);
    }
}

/* The top's ports with flat nets. */
static void take_ports(struct flat *f, const struct design_module *m, const uint32_t *net)
{
    f->port = arena_alloc(&f->store->arena, sizeof *f->port * (size_t)(m->n_ports + 1));
    for (int p = 0; f->port && p < m->n_ports; p++) {
        uint32_t *bit = arena_alloc(&f->store->arena, sizeof *bit * (size_t)(m->port[p].width + 1));
        if (!bit)
            break;
        for (int i = 0; i < m->port[p].width; i++)
            bit[i] = root_of(f, net[m->port[p].bit[i]]);
        f->port[f->n_ports] = m->port[p];
        f->port[f->n_ports++].bit = bit;
    }
    f->store->failed |= f->n_ports < m->n_ports;
}

enum axm_status flat_make(const struct design *d, struct flat *out)
{
    const struct design_module *top = &d->module[d->top];
    struct flat f = { .design = d, .store = calloc(1, sizeof *f.store) };
    if (!f.store)
        return fail(AXM_ENV, "%s: out of memory", top->name);
    new_net(&f);
    new_net(&f);
    uint32_t *net = f.store->failed ? NULL : bind_ports(&f, top, NULL, NULL);
    if (net && reserve(&f, &f.instance, &f.store->cap_instances, 1, sizeof *f.instance)) {
        f.instance[f.n_instances++] = (struct flat_instance){ top, -1, "" };
        instantiate(&f, top, 0, net);
        take_ports(&f, top, net);
    }
    for (int i = 0; net && i < f.n_pins; i++)
        f.pin[i].net = root_of(&f, f.pin[i].net);
    free(net);
    if (f.store->failed) {
        flat_release(&f);
        return fail(AXM_ENV, "%s: out of memory", top->name);
    }
    *out = f;
    return AXM_OK;
}

void flat_release(struct flat *f)
{
    if (f->store) {
        arena_release(&f->store->arena);
        free(f->store->parent);
    }
    free(f->store);
    free(f->instance);
    free(f->cell);
    free(f->pin);
    *f = (struct flat){ 0 };
}

void flat_path(const struct flat *f, int instance, struct strbuf *out)
{
    if (instance < 0)
        return;
    if (f->instance[instance].parent > 0) {
        flat_path(f, f->instance[instance].parent, out);
        strbuf_adds(out, "/");
    }
    strbuf_adds(out, f->instance[instance].name);
}

/* --- changes ------------------------------------------------------------------------ */

static bool is_clock_or_reset(const struct design_pin *port)
{
    return !strcmp(port->name, "clk_i") || !strcmp(port->name, "rst_ni");
}

/* Positions in pin[] of the inputs on each net, those of net n at first[n]. */
struct sinks {
    int *first, *pin;
};

static bool find_sinks(const struct flat *f, struct sinks *s)
{
    s->first = calloc((size_t)f->n_nets + 1, sizeof *s->first);
    s->pin = malloc(sizeof *s->pin * (size_t)(f->n_pins + 1));
    if (!s->first || !s->pin)
        return false;
    for (int i = 0; i < f->n_pins; i++)
        s->first[f->pin[i].net + 1] += !f->pin[i].is_output;
    for (uint32_t n = 0; n < f->n_nets; n++)
        s->first[n + 1] += s->first[n];
    int total = s->first[f->n_nets];
    for (int i = f->n_pins; i-- > 0;)
        if (!f->pin[i].is_output)
            s->pin[--s->first[f->pin[i].net + 1]] = i;
    /* first[n + 1] is now where the sinks of net n begin */
    memmove(s->first, s->first + 1, sizeof *s->first * (size_t)f->n_nets);
    s->first[f->n_nets] = total;
    return true;
}

enum axm_status flat_buffer(struct flat *f, const struct lib_cell *buffer, int max, int *buffers)
{
    struct sinks s = { 0 };
    uint32_t n_nets = f->n_nets;
    int before = f->n_cells;
    char *skip = calloc(n_nets + 1, 1);
    if (!skip || !find_sinks(f, &s))
        f->store->failed = true;
    for (int p = 0; p < f->n_ports && !f->store->failed; p++)
        if (is_clock_or_reset(&f->port[p]))
            skip[f->port[p].bit[0]] = 1;
    for (uint32_t net = 2; net < n_nets && !f->store->failed; net++) {
        int *pin = s.pin + s.first[net], n = s.first[net + 1] - s.first[net];
        while (n > max && !skip[net] && !f->store->failed) {
            int groups = (n + max - 1) / max;
            for (int g = 0; g < groups; g++) {
                int lo = (int)((int64_t)n * g / groups), hi = (int)((int64_t)n * (g + 1) / groups);
                uint32_t leaf = new_net(f);
                if (!add_cell(f, buffer->name, -1))
                    break;
                for (int i = lo; i < hi; i++)
                    f->pin[pin[i]].net = leaf;
                add_pin(f, buffer->output[0].name, leaf, true);
                pin[g] = f->n_pins;       /* lo >= g: those before have been read */
                add_pin(f, buffer->input[0].name, net, false);
            }
            n = groups;
        }
    }
    free(skip);
    free(s.first);
    free(s.pin);
    *buffers = f->n_cells - before;
    return f->store->failed ? fail(AXM_ENV, "%s: out of memory", f->design->module[f->design->top].name)
                            : AXM_OK;
}

enum axm_status flat_register_inputs(struct flat *f, const char *like)
{
    const struct flat_cell *model = NULL;
    const char *clock_pin = NULL, *d_pin = NULL, *q_pin = NULL;
    uint32_t clock = 0;
    for (int p = 0; p < f->n_ports; p++)
        if (!strcmp(f->port[p].name, "clk_i"))
            clock = f->port[p].bit[0];
    for (int i = 0; i < f->n_cells && !model; i++)
        if (!strcmp(f->cell[i].type, like))
            model = &f->cell[i];
    for (int i = 0; model && i < model->n_pins; i++) {
        const struct flat_pin *pin = &f->pin[model->first_pin + i];
        if (pin->is_output)
            q_pin = pin->name;
        else if (pin->net == clock)
            clock_pin = pin->name;
        else
            d_pin = pin->name;
    }
    if (!model || model->n_pins != 3 || !clock || !clock_pin || !d_pin || !q_pin)
        return fail(AXM_USAGE, "%s: no plain register (a clock, one input, one output)", like);
    for (int p = 0; p < f->n_ports; p++) {
        uint32_t *bit = (uint32_t *)f->port[p].bit;
        if (f->port[p].is_output || is_clock_or_reset(&f->port[p]))
            continue;
        for (int i = 0; i < f->port[p].width; i++) {
            uint32_t outside = new_net(f);
            if (!add_cell(f, like, -1))
                break;
            add_pin(f, clock_pin, clock, false);
            add_pin(f, d_pin, outside, false);
            add_pin(f, q_pin, bit[i], true);
            bit[i] = outside;
        }
    }
    return f->store->failed ? fail(AXM_ENV, "%s: out of memory", like) : AXM_OK;
}

/* --- Verilog ------------------------------------------------------------------------ */

static bool is_inside(const struct flat *f, int instance, const char *module)
{
    for (; instance >= 0; instance = f->instance[instance].parent)
        if (!strcmp(f->instance[instance].module->name, module))
            return true;
    return false;
}

static void add_net(struct strbuf *out, uint32_t net)
{
    if (net < 2)
        strbuf_addf(out, "1'b%u", net);
    else
        strbuf_addf(out, "n%u", net);
}

void flat_write_verilog(const struct flat *f, const char *name, const char *mark, struct strbuf *out)
{
    strbuf_addf(out, "module %s (", name);
    for (int p = 0; p < f->n_ports; p++)
        strbuf_addf(out, "%s%s", p ? ", " : "", f->port[p].name);
    strbuf_adds(out, ");\n");
    for (int p = 0; p < f->n_ports; p++) {
        const struct design_pin *port = &f->port[p];
        strbuf_adds(out, port->is_output ? "  output " : "  input ");
        if (port->width > 1)
            strbuf_addf(out, "[%d:0] ", port->width - 1);
        strbuf_addf(out, "%s;\n", port->name);
    }
    for (int p = 0; p < f->n_ports; p++)
        for (int i = 0; i < f->port[p].width; i++) {
            char bit[96];
            const struct design_pin *port = &f->port[p];
            if (port->width > 1)
                snprintf(bit, sizeof bit, "%s[%d]", port->name, i);
            else
                snprintf(bit, sizeof bit, "%s", port->name);
            if (port->is_output) {
                strbuf_addf(out, "  assign %s = ", bit);
                add_net(out, port->bit[i]);
                strbuf_adds(out, ";\n");
            } else {
                strbuf_addf(out, "  assign n%u = %s;\n", port->bit[i], bit);
            }
        }
    for (int c = 0; c < f->n_cells; c++) {
        const struct flat_cell *cell = &f->cell[c];
        strbuf_addf(out, "  %s %c%d (", cell->type, is_inside(f, cell->instance, mark) ? 'p' : 'c', c);
        for (int i = 0; i < cell->n_pins; i++) {
            const struct flat_pin *pin = &f->pin[cell->first_pin + i];
            strbuf_addf(out, "%s.%s(", i ? ", " : "", pin->name);
            add_net(out, pin->net);
            strbuf_adds(out, ")");
        }
        strbuf_adds(out, ");\n");
    }
    strbuf_adds(out, "endmodule\n");
}
