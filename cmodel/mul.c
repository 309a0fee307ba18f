#include "cmodel/mul.h"

#include <stdlib.h>
#include <string.h>

#include "cmodel/lut.h"
#include "cmodel/operand.h"

struct axm_mul {
    char *name;
    struct axm_spec spec;    /* family NULL for a table */
    int32_t *table;          /* [a << width_b | b], values; NULL for a family */
};

static axm_verilog_loader *verilog_loader;

void axm_set_verilog_loader(axm_verilog_loader *fn)
{
    verilog_loader = fn;
}

/* Takes table, also on failure. */
static enum axm_status mul_new(const char *name, const struct axm_spec *spec, int32_t *table,
                               struct axm_mul **out)
{
    struct axm_mul *m = malloc(sizeof *m);
    char *copy = strdup(name);
    if (!m || !copy) {
        free(m);
        free(copy);
        free(table);
        return fail(AXM_ENV, "%s: out of memory", name);
    }
    *m = (struct axm_mul){ .name = copy, .spec = *spec, .table = table };
    *out = m;
    return AXM_OK;
}

/* Takes table: 2^(width_a + width_b) values. */
static enum axm_status mul_new_table(const char *name, int width_a, int width_b, bool is_signed,
                                     int32_t *table, struct axm_mul **out)
{
    struct axm_spec spec = { .width_a = width_a, .width_b = width_b, .is_signed = is_signed };
    return mul_new(name, &spec, table, out);
}

enum axm_status axm_mul_open_spec(const struct axm_spec *spec, struct axm_mul **out)
{
    /* A spec filled in by hand must be one that could have been parsed; only
     * its runtime values may be anything a port can carry. */
    char name[AXM_SPEC_MAX];
    struct axm_spec parsed;
    axm_spec_print_circuit(spec, name);
    enum axm_status st = axm_spec_parse(name, &parsed);
    if (st)
        return st;
    axm_spec_print(spec, name);
    return mul_new(name, spec, NULL, out);
}

enum axm_status axm_mul_open_lut(const char *name, const struct axm_lut *lut, struct axm_mul **out)
{
    size_t bytes = sizeof *lut->value << (lut->width_a + lut->width_b);
    int32_t *table = malloc(bytes);
    if (!table)
        return fail(AXM_ENV, "%s: out of memory", name);
    memcpy(table, lut->value, bytes);
    return mul_new_table(name, lut->width_a, lut->width_b, lut->is_signed, table, out);
}

enum axm_status axm_mul_open(const char *spec, struct axm_mul **out)
{
    if (!strncmp(spec, "lut:", 4)) {
        struct axm_lut lut;
        enum axm_status st = axm_lut_read(spec + 4, &lut);
        if (st)
            return st;
        return mul_new_table(spec, lut.width_a, lut.width_b, lut.is_signed, lut.value, out);
    }
    if (!strncmp(spec, "verilog:", 8)) {
        if (!verilog_loader)
            return fail(AXM_ENV, "%s: this program has no Verilog loader", spec);
        return verilog_loader(spec, out);
    }
    struct axm_spec parsed;
    enum axm_status st = axm_spec_parse(spec, &parsed);
    return st ? st : axm_mul_open_spec(&parsed, out);
}

void axm_mul_close(struct axm_mul *m)
{
    if (!m)
        return;
    free(m->name);
    free(m->table);
    free(m);
}

const char *axm_mul_name(const struct axm_mul *m)
{
    return m->name;
}

const struct axm_spec *axm_mul_spec(const struct axm_mul *m)
{
    return m->table ? NULL : &m->spec;
}

int axm_mul_width_a(const struct axm_mul *m)
{
    return m->spec.width_a;
}

int axm_mul_width_b(const struct axm_mul *m)
{
    return m->spec.width_b;
}

int axm_mul_width_product(const struct axm_mul *m)
{
    return axm_spec_product_width(&m->spec);
}

bool axm_mul_signed(const struct axm_mul *m)
{
    return m->spec.is_signed;
}

/* Operands within their widths. */
static uint64_t table_at(const struct axm_mul *m, uint64_t a, uint64_t b)
{
    return (uint64_t)m->table[a << m->spec.width_b | b] & axm_mask(axm_mul_width_product(m));
}

uint64_t axm_eval(const struct axm_mul *m, uint64_t a, uint64_t b)
{
    a &= axm_mask(m->spec.width_a);
    b &= axm_mask(m->spec.width_b);
    return m->table ? table_at(m, a, b) : m->spec.family->model(&m->spec, a, b);
}

void axm_eval_many(const struct axm_mul *m, const uint32_t *a, const uint32_t *b, uint64_t *product, size_t n)
{
    if (!m->table && m->spec.family->many) {
        m->spec.family->many(&m->spec, a, b, product, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        product[i] = axm_eval(m, a[i], b[i]);
}

uint64_t axm_eval_exact(const struct axm_mul *m, uint64_t a, uint64_t b)
{
    return product_exact(&m->spec, a, b);
}

int64_t axm_mul_value(const struct axm_mul *m, uint64_t pattern, int bits)
{
    return (int64_t)operand_value(pattern, bits, m->spec.is_signed);
}
