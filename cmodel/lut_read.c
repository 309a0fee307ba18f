/* Somebody else's table: .npy and raw files into a struct axm_lut. */
#include "cmodel/lut.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* How the bytes of the file become the table. */
struct layout {
    const unsigned char *data;
    size_t rows, columns;       /* of the file, by its first and second index */
    bool column_major;          /* the first index runs fastest (Fortran order) */
    int bytes;                  /* of an element */
    bool is_signed, big_endian;
};

static int64_t element(const struct layout *y, size_t row, size_t column)
{
    const unsigned char *p =
        y->data + (size_t)y->bytes * (y->column_major ? column * y->rows + row : row * y->columns + column);
    uint64_t v = 0;
    for (int i = 0; i < y->bytes; i++)
        v |= (uint64_t)p[y->big_endian ? y->bytes - 1 - i : i] << 8 * i;
    return y->is_signed ? axm_sign_extend(v, 8 * y->bytes) : (int64_t)v;
}

/* Bits that address n entries; -1 if n is no power of two from 4 to 2^32. */
static int address_bits(size_t n)
{
    for (int bits = AXM_WIDTH_MIN; bits <= AXM_WIDTH_MAX; bits++)
        if (n == (size_t)1 << bits)
            return bits;
    return -1;
}

/* Everything about the order that must be stated. */
static enum axm_status need_options(const struct axm_lut_options *o, const char *name)
{
    if (o->is_signed < 0)
        return fail(AXM_USAGE, "lut:%s: say whether the operands are signed: add :s or :u", name);
    if (o->transposed < 0)
        return fail(AXM_USAGE, "lut:%s: say which operand the first index is: add :ab (rows a) or :ba (rows b)", name);
    if (o->is_signed && o->by_value < 0)
        return fail(AXM_USAGE, "lut:%s: say what index 0 is: add :values (the lowest operand value) or "
                    ":bits (bit pattern 0)", name);
    return AXM_OK;
}

static enum axm_status convert(const struct layout *y, const struct axm_lut_options *o, const char *name,
                               struct axm_lut *out)
{
    int row_bits = address_bits(y->rows), column_bits = address_bits(y->columns);
    if (row_bits < 0 || column_bits < 0)
        return fail(AXM_USAGE, "lut:%s: the table must be 2^n x 2^m with n and m at least %d, got %zu x %zu", name,
                    AXM_WIDTH_MIN, y->rows, y->columns);
    int bits = row_bits + column_bits;
    if (bits > AXM_LUT_BITS_MAX)
        return fail(AXM_USAGE, "lut:%s: a table has at most %d address bits, got %d", name, AXM_LUT_BITS_MAX, bits);
    struct axm_lut l = {
        .width_a = o->transposed ? column_bits : row_bits,
        .width_b = o->transposed ? row_bits : column_bits,
        .is_signed = o->is_signed,
        .value = malloc(sizeof(int32_t) << bits),
    };
    if (!l.value)
        return fail(AXM_ENV, "lut:%s: out of memory", name);
    int64_t lo = o->is_signed ? -((int64_t)1 << (bits - 1)) : 0;
    int64_t hi = ((int64_t)1 << (bits - o->is_signed)) - 1;
    size_t row_flip = o->is_signed && o->by_value ? y->rows / 2 : 0;
    size_t column_flip = o->is_signed && o->by_value ? y->columns / 2 : 0;
    for (size_t r = 0; r < y->rows; r++)
        for (size_t c = 0; c < y->columns; c++) {
            int64_t v = element(y, r, c);
            if (v < lo || v > hi) {
                free(l.value);
                return fail(AXM_USAGE, "lut:%s: entry [%zu][%zu] is %lld, but a product of %d bits is %lld..%lld", name,
                            r, c, (long long)v, bits, (long long)lo, (long long)hi);
            }
            size_t row = r ^ row_flip, column = c ^ column_flip;
            l.value[o->transposed ? column << row_bits | row : row << column_bits | column] = (int32_t)v;
        }
    *out = l;
    return AXM_OK;
}

/* --- .npy ------------------------------------------------------------------- */

static enum axm_status bad_npy(const char *name, const char *what)
{
    return fail(AXM_USAGE, "lut:%s: not a readable .npy: %s", name, what);
}

/* The text after 'key': in the header's dictionary, blanks skipped; NULL if absent. */
static const char *dict_value(const char *dict, const char *key)
{
    const char *at = strstr(dict, key);
    if (!at)
        return NULL;
    at += strlen(key);
    while (*at == '\'' || *at == '"' || *at == ':' || isspace((unsigned char)*at))
        at++;
    return at;
}

static enum axm_status parse_descr(const char *dict, const char *name, struct layout *y)
{
    const char *d = dict_value(dict, "'descr'");
    if (!d || !strchr("<>|=", d[0]) || !d[0] || (d[1] != 'i' && d[1] != 'u') || !strchr("124", d[2]) || !d[2] ||
        (d[3] != '\'' && d[3] != '"'))
        return fail(AXM_USAGE, "lut:%s: element type must be int8, int16, int32, uint8, uint16 or uint32", name);
    y->big_endian = d[0] == '>';
    y->is_signed = d[1] == 'i';
    y->bytes = d[2] - '0';
    return AXM_OK;
}

static enum axm_status parse_shape(const char *dict, const char *name, struct layout *y)
{
    const char *s = dict_value(dict, "'shape'"), *order = dict_value(dict, "'fortran_order'");
    unsigned long long rows, columns;
    char close = 0;
    if (!order || (strncmp(order, "True", 4) && strncmp(order, "False", 5)))
        return bad_npy(name, "no fortran_order in its header");
    y->column_major = *order == 'T';
    if (!s || sscanf(s, "(%20llu ,%20llu %c", &rows, &columns, &close) != 3 || (close != ')' && close != ','))
        return fail(AXM_USAGE, "lut:%s: the array must have two dimensions", name);
    if (rows > (size_t)1 << AXM_LUT_BITS_MAX || columns > (size_t)1 << AXM_LUT_BITS_MAX)
        return fail(AXM_USAGE, "lut:%s: a table has at most 2^%d entries, got %llu x %llu", name, AXM_LUT_BITS_MAX, rows,
                    columns);
    y->rows = (size_t)rows;
    y->columns = (size_t)columns;
    return AXM_OK;
}

enum axm_status axm_lut_parse_npy(const void *data, size_t len, const char *name,
                                  const struct axm_lut_options *o, struct axm_lut *out)
{
    const unsigned char *p = data;
    struct layout y = { 0 };
    if (len < 12 || memcmp(p, "\x93NUMPY", 6))
        return bad_npy(name, "it does not begin with the magic bytes");
    if (p[6] < 1 || p[6] > 3)
        return bad_npy(name, "a format version other than 1, 2, 3");
    size_t start = p[6] == 1 ? 10 : 12;
    size_t header = p[6] == 1 ? p[8] | (size_t)p[9] << 8
                              : p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (header > len - start || header > 65535)
        return bad_npy(name, "the header is truncated");
    char *dict = strndup((const char *)p + start, header);
    if (!dict)
        return fail(AXM_ENV, "lut:%s: out of memory", name);
    enum axm_status st = parse_descr(dict, name, &y);
    if (st == AXM_OK)
        st = parse_shape(dict, name, &y);
    free(dict);
    if (st == AXM_OK)
        st = need_options(o, name);
    if (st != AXM_OK)
        return st;
    if (o->element || o->width_a)
        return fail(AXM_USAGE, "lut:%s: a .npy states its element type and shape itself", name);
    size_t expected = y.rows * y.columns * (size_t)y.bytes;
    y.data = p + start + header;
    if (len - start - header != expected)
        return fail(AXM_USAGE, "lut:%s: %zu x %zu elements of %d bytes need %zu bytes, got %zu", name, y.rows, y.columns,
                    y.bytes, expected, len - start - header);
    return convert(&y, o, name, out);
}

/* --- raw -------------------------------------------------------------------- */

enum axm_status axm_lut_parse_raw(const void *data, size_t len, const char *name,
                                  const struct axm_lut_options *o, struct axm_lut *out)
{
    enum axm_status st = need_options(o, name);
    if (st != AXM_OK)
        return st;
    if (!o->element)
        return fail(AXM_USAGE, "lut:%s: a raw table needs its element type: add :i16, :u16 or :i32", name);
    if (!o->width_a)
        return fail(AXM_USAGE, "lut:%s: a raw table needs the operand widths: add :8x8 or the like", name);
    if (o->width_a + o->width_b > AXM_LUT_BITS_MAX)
        return fail(AXM_USAGE, "lut:%s: a table has at most %d address bits, got %d", name, AXM_LUT_BITS_MAX,
                    o->width_a + o->width_b);
    struct layout y = {
        .data = data,
        .rows = (size_t)1 << (o->transposed ? o->width_b : o->width_a),
        .columns = (size_t)1 << (o->transposed ? o->width_a : o->width_b),
        .bytes = o->element == 'i' ? 4 : 2,
        .is_signed = o->element != 'H',
    };
    size_t expected = y.rows * y.columns * (size_t)y.bytes;
    if (len != expected)
        return fail(AXM_USAGE, "lut:%s: %zu x %zu elements of %d bytes need %zu bytes, got %zu", name, y.rows, y.columns,
                    y.bytes, expected, len);
    return convert(&y, o, name, out);
}

/* --- the spec ----------------------------------------------------------------- */

/* One option; false if text is none. */
static bool parse_option(const char *text, struct axm_lut_options *o)
{
    static const struct { const char *word; size_t at; int value; } words[] = {
        { "s", offsetof(struct axm_lut_options, is_signed), 1 },
        { "u", offsetof(struct axm_lut_options, is_signed), 0 },
        { "ab", offsetof(struct axm_lut_options, transposed), 0 },
        { "ba", offsetof(struct axm_lut_options, transposed), 1 },
        { "values", offsetof(struct axm_lut_options, by_value), 1 },
        { "bits", offsetof(struct axm_lut_options, by_value), 0 },
        { "i16", offsetof(struct axm_lut_options, element), 'h' },
        { "u16", offsetof(struct axm_lut_options, element), 'H' },
        { "i32", offsetof(struct axm_lut_options, element), 'i' },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(text, words[i].word)) {
            *(int *)((char *)o + words[i].at) = words[i].value;
            return true;
        }
    char end;
    int a, b;
    if (sscanf(text, "%2dx%2d%c", &a, &b, &end) != 2 || a < AXM_WIDTH_MIN || a > AXM_WIDTH_MAX ||
        b < AXM_WIDTH_MIN || b > AXM_WIDTH_MAX)
        return false;
    o->width_a = a;
    o->width_b = b;
    return true;
}

enum axm_status axm_lut_read(const char *file_and_options, struct axm_lut *out)
{
    struct axm_lut_options o = { .is_signed = -1, .transposed = -1, .by_value = -1 };
    struct strbuf text = { 0 };
    char *path = strdup(file_and_options), *colon;
    if (!path)
        return fail(AXM_ENV, "lut:%s: out of memory", file_and_options);
    /* From the right, as long as it reads as an option: a file name may hold colons. */
    while ((colon = strrchr(path, ':')) && parse_option(colon + 1, &o))
        *colon = '\0';
    enum axm_status st = AXM_OK;
    if (colon && !file_exists(path))
        st = fail(AXM_USAGE, "lut:%s: no such file, and \"%s\" is no option; options are s, u, ab, ba, values, bits, "
                  "i16, u16, i32, NxM", path, colon + 1);
    if (st == AXM_OK)
        st = file_read(path, (size_t)1 << 28, &text);
    size_t len = strlen(path);
    bool npy = len > 4 && !strcmp(path + len - 4, ".npy");
    if (st == AXM_OK)
        st = (npy ? axm_lut_parse_npy : axm_lut_parse_raw)(text.s, text.len, path, &o, out);
    strbuf_release(&text);
    free(path);
    return st;
}
