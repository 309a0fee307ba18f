#include "sim/foreign.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/progress.h"
#include "cmodel/lut.h"
#include "sim/dut.h"
#include "sim/verilator.h"

enum { FILE_BYTES_MAX = 64 << 20 };

/* The parts of "verilog:FILE[:TOP][:OPTION]...", all within text. */
struct foreign_spec {
    const char *spec;
    char *text;
    const char *file, *top, *a, *b, *o;   /* NULL where not given */
    int is_signed;                        /* -1 not given */
};

static enum axm_status set_once(const char **field, const char *value, const char *what,
                                const struct foreign_spec *f)
{
    if (*field || !*value)
        return fail(AXM_USAGE, "%s: %s must be given at most once and not empty", f->spec, what);
    *field = value;
    return AXM_OK;
}

static enum axm_status parse_part(char *part, struct foreign_spec *f)
{
    if (!strcmp(part, "s") || !strcmp(part, "u")) {
        if (f->is_signed >= 0)
            return fail(AXM_USAGE, "%s: s or u must be given once", f->spec);
        f->is_signed = part[0] == 's';
        return AXM_OK;
    }
    if (part[0] && part[1] == '=') {
        switch (part[0]) {
        case 'a': return set_once(&f->a, part + 2, "a=NAME", f);
        case 'b': return set_once(&f->b, part + 2, "b=NAME", f);
        case 'o': return set_once(&f->o, part + 2, "o=NAME", f);
        }
        return fail(AXM_USAGE, "%s: \"%s\": options are s, u, a=NAME, b=NAME, o=NAME", f->spec, part);
    }
    return set_once(&f->top, part, "the top module", f);
}

static enum axm_status parse(const char *spec, struct foreign_spec *f)
{
    *f = (struct foreign_spec){ .spec = spec, .is_signed = -1, .text = strdup(spec + strlen("verilog:")) };
    if (!f->text)
        return fail(AXM_ENV, "%s: out of memory", spec);
    char *rest = f->text;
    f->file = strsep(&rest, ":");
    if (!*f->file)
        return fail(AXM_USAGE, "%s: a file name must follow \"verilog:\"", spec);
    enum axm_status st = AXM_OK;
    while (rest && !st)
        st = parse_part(strsep(&rest, ":"), f);
    if (!st && f->is_signed < 0)
        st = fail(AXM_USAGE, "%s: add :s or :u, are the operands signed or unsigned?", spec);
    if (!st && (!f->a || !f->b || !f->o) && (f->a || f->b || f->o))
        st = fail(AXM_USAGE, "%s: a=NAME, b=NAME and o=NAME go together", spec);
    return st;
}

/* --- what Yosys says ---------------------------------------------------------------- */

/* Runs a script on the file and reads the JSON netlist it makes. */
static enum axm_status yosys(const struct foreign_spec *f, const char *dir, bool systemverilog,
                             const char *passes, cJSON **out)
{
    struct strbuf script = { 0 }, said = { 0 }, path = { 0 }, text = { 0 };
    int code = 0;
    strbuf_addf(&script, "read_verilog %s; %s; write_json netlist.json",
                systemverilog ? "-sv source.sv" : "source.v", passes);
    const char *const argv[] = { "yosys", "-q", "-p", script.s, NULL };
    enum axm_status st = proc_run(argv, &(struct proc_opts){
        .dir = dir, .out = &said, .err = &said, .exit_code = &code });
    if (!st && code) {
        const char *error = said.s ? strstr(said.s, "ERROR: ") : NULL;
        const char *line = error ? error + strlen("ERROR: ") : "no reason given";
        st = fail(AXM_USAGE, "%s: Yosys cannot take it: %.*s", f->spec, (int)strcspn(line, "\n"), line);
    }
    strbuf_addf(&path, "%s/netlist.json", dir);
    if (!st)
        st = file_read(path.s, (size_t)1 << 31, &text);
    if (!st && !(*out = cJSON_ParseWithLength(text.s, text.len)))
        st = fail(AXM_ENV, "%s: Yosys left no readable netlist", f->spec);
    strbuf_release(&script);
    strbuf_release(&said);
    strbuf_release(&path);
    strbuf_release(&text);
    return st;
}

static bool is_instantiated(const cJSON *modules, const char *name)
{
    const cJSON *module, *cell;
    cJSON_ArrayForEach(module, modules)
        cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(module, "cells")) {
            const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cell, "type"));
            if (type && !strcmp(type, name))
                return true;
        }
    return false;
}

/* The module that no other instantiates; must be one.  *top is allocated. */
static enum axm_status find_top(const struct foreign_spec *f, const cJSON *netlist, char **top)
{
    const cJSON *modules = cJSON_GetObjectItemCaseSensitive(netlist, "modules"), *m;
    const char *found = NULL;
    cJSON_ArrayForEach(m, modules) {
        if (is_instantiated(modules, m->string))
            continue;
        if (found)
            return fail(AXM_USAGE, "%s: which top module, %s or %s?  Give it as %s:TOP", f->spec, found,
                        m->string, f->file);
        found = m->string;
    }
    if (!found)
        return fail(AXM_USAGE, "%s: no module in it", f->spec);
    *top = strdup(found);
    return *top ? AXM_OK : fail(AXM_ENV, "%s: out of memory", f->spec);
}

/* Line of a cell's source attribute, "source.v:12.3-12.40"; 0 if there is none. */
static int source_line(const cJSON *cell)
{
    const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(cell, "attributes");
    const char *src = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(attributes, "src"));
    const char *colon = src ? strchr(src, ':') : NULL;
    return colon ? atoi(colon + 1) : 0;
}

static enum axm_status check_cells(const struct foreign_spec *f, const cJSON *module)
{
    static const char *const sequential[] = { "ff", "latch", "$sr", "memwr" };
    const cJSON *cell;
    cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(module, "cells")) {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cell, "type"));
        for (size_t i = 0; type && i < sizeof sequential / sizeof sequential[0]; i++)
            if (strstr(type, sequential[i]))
                return fail(AXM_USAGE, "%s: it must be combinational, but has a %s on line %d", f->spec,
                            type + 1, source_line(cell));
    }
    return AXM_OK;
}

static void list_ports(const cJSON *ports, struct strbuf *out)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, ports) {
        const char *direction = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "direction"));
        strbuf_addf(out, "%s%s %s[%d]", out->len ? ", " : "", direction ? direction : "?", p->string,
                    cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(p, "bits")));
    }
}

/* Width of the port of that name and direction; 0 if there is none. */
static int port_width(const cJSON *ports, const char *name, const char *direction)
{
    const cJSON *p = cJSON_GetObjectItemCaseSensitive(ports, name);
    const char *d = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "direction"));
    if (!d || strcmp(d, direction))
        return 0;
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(p, "bits"));
}

static bool is_plain_name(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_' && *name != '$')
            return false;
    return true;
}

static bool try_ports(const cJSON *ports, const char *a, const char *b, const char *o, struct dut *d)
{
    d->width_a = port_width(ports, a, "input");
    d->width_b = port_width(ports, b, "input");
    d->width_p = port_width(ports, o, "output");
    if (!d->width_a || !d->width_b || !d->width_p || strlen(a) >= DUT_NAME_MAX ||
        strlen(b) >= DUT_NAME_MAX || strlen(o) >= DUT_NAME_MAX || !is_plain_name(a) ||
        !is_plain_name(b) || !is_plain_name(o))
        return false;
    strcpy(d->port_a, a);
    strcpy(d->port_b, b);
    strcpy(d->port_p, o);
    return true;
}

static enum axm_status find_ports(const struct foreign_spec *f, const cJSON *module, struct dut *d)
{
    static const char *const names[][3] = { { "A", "B", "O" }, { "a", "b", "y" }, { "a_i", "b_i", "p_o" } };
    const cJSON *ports = cJSON_GetObjectItemCaseSensitive(module, "ports"), *p;
    struct strbuf all = { 0 };
    enum axm_status st = AXM_OK;
    int inputs = 0;
    bool found = f->a && try_ports(ports, f->a, f->b, f->o, d);
    for (size_t i = 0; !f->a && !found && i < sizeof names / sizeof names[0]; i++)
        found = try_ports(ports, names[i][0], names[i][1], names[i][2], d);
    cJSON_ArrayForEach(p, ports) {
        const char *direction = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "direction"));
        inputs += !direction || strcmp(direction, "output");
    }
    list_ports(ports, &all);
    const char *has = all.s ? all.s : "none";
    if (!found && f->a)
        st = fail(AXM_USAGE, "%s: inputs %s, %s and output %s are not all among its ports: %s", f->spec, f->a,
                  f->b, f->o, has);
    else if (!found)
        st = fail(AXM_USAGE, "%s: ports must be A, B, O or a, b, y or a_i, b_i, p_o or named by "
                  "a=NAME:b=NAME:o=NAME; it has: %s", f->spec, has);
    else if (inputs != 2)
        st = fail(AXM_USAGE, "%s: the operands must be its only inputs; it has: %s", f->spec, has);
    else if (d->width_p != d->width_a + d->width_b)
        st = fail(AXM_USAGE, "%s: output %s must have %d + %d = %d bits, got %d", f->spec, d->port_p,
                  d->width_a, d->width_b, d->width_a + d->width_b, d->width_p);
    else if (d->width_p > AXM_LUT_BITS_MAX)
        st = fail(AXM_USAGE, "%s: at most %d operand bits can be tabulated, got %d", f->spec,
                  AXM_LUT_BITS_MAX, d->width_p);
    strbuf_release(&all);
    return st;
}

/* Everything about the circuit but its table. */
static enum axm_status inspect(const struct foreign_spec *f, const char *dir, struct dut *d)
{
    cJSON *netlist = NULL;
    char *top = f->top ? strdup(f->top) : NULL;
    struct strbuf passes = { 0 };
    enum axm_status st = AXM_OK;
    if (!f->top && (st = yosys(f, dir, d->systemverilog, "proc", &netlist)))
        goto out;
    if (!f->top && (st = find_top(f, netlist, &top)))
        goto out;
    if (!is_plain_name(top) || strlen(top) >= DUT_NAME_MAX) {
        st = fail(AXM_USAGE, "%s: the top module's name must be a plain identifier, got \"%s\"", f->spec,
                  top);
        goto out;
    }
    cJSON_Delete(netlist);
    netlist = NULL;
    /* Tables written as case statements stay logic: a ROM would look like memory. */
    strbuf_addf(&passes, "hierarchy -check -top %s; proc -norom; flatten; opt_clean", top);
    if ((st = yosys(f, dir, d->systemverilog, passes.s, &netlist)))
        goto out;
    const cJSON *modules = cJSON_GetObjectItemCaseSensitive(netlist, "modules");
    const cJSON *module = cJSON_GetObjectItemCaseSensitive(modules, top);
    strcpy(d->module, top);
    if (!(st = check_cells(f, module)))
        st = find_ports(f, module, d);
out:
    cJSON_Delete(netlist);
    free(top);
    strbuf_release(&passes);
    return st;
}

/* --- its table ---------------------------------------------------------------------- */

static enum axm_status tabulate(const struct foreign_spec *f, const struct dut *d, struct axm_lut *out)
{
    enum { CHUNK = 1 << 12 };
    uint32_t a[CHUNK], b[CHUNK];
    uint64_t product[CHUNK];
    struct stimulus all = stimulus_all(d->width_a, d->width_b);
    struct verilator_sim *v;
    enum axm_status st = verilator_open(&d, 1, &v);
    if (st)
        return st;
    struct axm_lut lut = { .width_a = d->width_a, .width_b = d->width_b, .is_signed = f->is_signed,
                           .value = malloc(all.count * sizeof *lut.value) };
    if (!lut.value)
        st = fail(AXM_ENV, "%s: table: out of memory", f->spec);
    for (uint64_t first = 0; first < all.count && !st; first += CHUNK) {
        size_t n = all.count - first < CHUNK ? all.count - first : CHUNK;
        stimulus_get(&all, first, n, a, b);
        verilator_run(v, NULL, a, b, n, product);
        for (size_t i = 0; i < n; i++)
            lut.value[first + i] = f->is_signed ? (int32_t)axm_sign_extend(product[i], d->width_p)
                                                : (int32_t)product[i];
        if (progress_stop_requested())
            st = AXM_STOPPED;
    }
    verilator_close(v);
    if (st)
        free(lut.value);
    else
        *out = lut;
    return st;
}

/* Reads the file and finds everything about the circuit but its table. */
static enum axm_status load(const struct foreign_spec *f, struct dut *d)
{
    struct strbuf dir = { 0 }, path = { 0 };
    size_t len = strlen(f->file);
    enum axm_status st = file_read(f->file, FILE_BYTES_MAX, &d->text);
    if (st || (st = proc_need("yosys", "yosys")) || (st = file_scratch_dir(&dir)))
        goto out;
    d->systemverilog = len > 3 && !strcmp(f->file + len - 3, ".sv");
    strbuf_addf(&path, "%s/source.%s", dir.s, d->systemverilog ? "sv" : "v");
    if (!(st = file_write(path.s, d->text.s, d->text.len)))
        st = inspect(f, dir.s, d);
out:
    if (dir.s)
        file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&path);
    return st;
}

enum axm_status foreign_circuit(const char *spec, struct dut *out, bool *is_signed)
{
    struct foreign_spec f;
    struct dut d = { .standalone = true };
    enum axm_status st = parse(spec, &f);
    if (!st)
        st = load(&f, &d);
    *is_signed = f.is_signed > 0;
    free(f.text);
    if (st)
        dut_release(&d);
    else
        *out = d;
    return st;
}

enum axm_status foreign_open(const char *spec, struct axm_mul **out)
{
    struct foreign_spec f;
    struct dut d = { .standalone = true };
    struct axm_lut lut = { 0 };
    enum axm_status st = parse(spec, &f);
    if (st || (st = verilator_need()) || (st = load(&f, &d)) || (st = tabulate(&f, &d, &lut)))
        goto out;
    st = axm_mul_open_lut(spec, &lut, out);
    axm_lut_release(&lut);
out:
    dut_release(&d);
    free(f.text);
    return st;
}

void axm_enable_verilog(void)
{
    axm_set_verilog_loader(foreign_open);
}
