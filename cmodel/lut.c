#include "cmodel/lut.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/pool.h"
#include "cmodel/pairs.h"
#include "cmodel/vector.h"

/* --- building ----------------------------------------------------------------- */

struct build {
    const struct axm_mul *mul;
    struct axm_lut *lut;
};

enum { ITEM = 4096 };   /* entries of an item of work */

static enum axm_status build_item(void *ctx, size_t item, int worker)
{
    const struct build *x = ctx;
    uint32_t a[ITEM], b[ITEM];
    uint64_t product[ITEM];
    int width_b = x->lut->width_b, bits = x->lut->width_a + width_b;
    uint32_t first = (uint32_t)(item * ITEM), n = bits < 12 ? 1u << bits : ITEM;
    int32_t *value = x->lut->value + first;
    (void)worker;
    pairs_enumerate(width_b, first, a, b, n);
    axm_eval_many(x->mul, a, b, product, n);
    for (uint32_t i = 0; i < n; i++)
        value[i] = (int32_t)lane_value((uint32_t)product[i], 32 - bits, x->lut->is_signed);
    return AXM_OK;
}

enum axm_status axm_lut_build(const struct axm_mul *m, struct axm_lut *out)
{
    struct axm_lut l = { axm_mul_width_a(m), axm_mul_width_b(m), axm_mul_signed(m), NULL };
    int bits = l.width_a + l.width_b;
    if (bits > AXM_LUT_BITS_MAX)
        return fail(AXM_USAGE, "%s: a table has at most %d address bits, this one would have %d",
                    axm_mul_name(m), AXM_LUT_BITS_MAX, bits);
    l.value = malloc(sizeof *l.value << bits);
    if (!l.value)
        return fail(AXM_ENV, "%s: out of memory for a table of 2^%d entries", axm_mul_name(m), bits);
    struct build x = { m, &l };
    enum axm_status st = pool_run(((size_t)1 << bits) / ITEM + (bits < 12), build_item, &x);
    if (st == AXM_OK)
        *out = l;
    else
        axm_lut_release(&l);
    return st;
}

void axm_lut_release(struct axm_lut *l)
{
    free(l->value);
    l->value = NULL;
}

/* --- writing ------------------------------------------------------------------ */

/* Operand pattern that stands at position i of an index. */
static uint32_t operand_at(const struct axm_lut *l, enum axm_lut_index index, int width, uint32_t i)
{
    return l->is_signed && index == AXM_INDEX_VALUES ? i ^ (uint32_t)1 << (width - 1) : i;
}

static int32_t entry(const struct axm_lut *l, enum axm_lut_index index, uint32_t row, uint32_t column)
{
    return axm_lut_at(l, operand_at(l, index, l->width_a, row), operand_at(l, index, l->width_b, column));
}

static int element_bytes(const struct axm_lut *l)
{
    return l->width_a + l->width_b > 16 ? 4 : 2;
}

/* Header of version 1.0, padded so that the data begins at a multiple of 64. */
static void write_npy_header(const struct axm_lut *l, FILE *f)
{
    char dict[128];
    int len = snprintf(dict, sizeof dict, "{'descr': '<%c%d', 'fortran_order': False, 'shape': (%lu, %lu), }",
                       l->is_signed ? 'i' : 'u', element_bytes(l), 1UL << l->width_a, 1UL << l->width_b);
    int total = (10 + len + 1 + 63) / 64 * 64, header = total - 10;
    fprintf(f, "\x93NUMPY%c%c%c%c%s", 1, 0, header & 255, header >> 8, dict);
    fprintf(f, "%*s\n", header - len - 1, "");
}

static void write_raw(const struct axm_lut *l, enum axm_lut_index index, FILE *f)
{
    int bytes = element_bytes(l);
    for (uint32_t r = 0; r < 1u << l->width_a; r++)
        for (uint32_t c = 0; c < 1u << l->width_b; c++) {
            uint32_t v = (uint32_t)entry(l, index, r, c);
            for (int i = 0; i < bytes; i++)
                putc((int)(v >> 8 * i & 255), f);
        }
}

/* A name of ours is an identifier already; one of a file may be anything. */
static void write_identifier(const char *name, FILE *f)
{
    if (*name >= '0' && *name <= '9')
        putc('_', f);
    for (; *name; name++)
        putc((*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') ||
             (*name >= 'A' && *name <= 'Z') ? *name : '_', f);
}

/* The same within a comment: nothing that ends it, opens another or ends its line. */
static void write_in_comment(const char *name, FILE *f)
{
    char before = ' ';
    for (; *name; before = *name++) {
        bool marker = (before == '*' && *name == '/') || (before == '/' && *name == '*');
        putc(*name < ' ' || *name > '~' || marker ? '?' : *name, f);
    }
}

static void write_header(const struct axm_lut *l, const char *name, enum axm_lut_index index, FILE *f)
{
    unsigned long rows = 1UL << l->width_a, columns = 1UL << l->width_b;
    fputs("/* Products of ", f);
    write_in_comment(name, f);
    fputs(": made by \"axmul lut ", f);
    write_in_comment(name, f);
    fprintf(f, "%s\"; do not edit.\n *\n * %d x %d bits, %s.  ",
            index == AXM_INDEX_BITS ? " --index bits" : "", l->width_a, l->width_b,
            l->is_signed ? "signed" : "unsigned");
    if (l->is_signed && index == AXM_INDEX_VALUES)
        fprintf(f, "The product of a and b stands at [a + %lu][b + %lu]. */\n", rows / 2, columns / 2);
    else
        fprintf(f, "The product of a and b stands at [a][b]%s. */\n",
                l->is_signed ? ", a and b as bit patterns" : "");
    fputs("#ifndef AXMUL_", f);
    write_identifier(name, f);
    fputs("_LUT_H\n#define AXMUL_", f);
    write_identifier(name, f);
    fprintf(f, "_LUT_H\n\n#include <stdint.h>\n\nstatic const %sint%d_t ", l->is_signed ? "" : "u",
            8 * element_bytes(l));
    write_identifier(name, f);
    fprintf(f, "_lut[%lu][%lu] = {\n", rows, columns);
    for (uint32_t r = 0; r < rows; r++) {
        fputs("    {", f);
        for (uint32_t c = 0; c < columns; c++)
            fprintf(f, "%s%d,", c && c % 12 == 0 ? "\n     " : " ", entry(l, index, r, c));
        fputs(" },\n", f);
    }
    fputs("};\n\n#endif\n", f);
}

enum axm_status axm_lut_write(const struct axm_lut *l, const char *name, const char *path,
                              enum axm_lut_format format, enum axm_lut_index index)
{
    struct outfile o;
    enum axm_status st = outfile_open(&o, path);
    if (st != AXM_OK)
        return st;
    if (format == AXM_LUT_HEADER) {
        write_header(l, name, index, o.f);
    } else {
        if (format == AXM_LUT_NPY)
            write_npy_header(l, o.f);
        write_raw(l, index, o.f);
    }
    return outfile_commit(&o);
}
