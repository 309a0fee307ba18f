/* Somebody else's table: .npy and raw files into a struct axm_lut. */
#include "cmodel/lut.h"

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

/* Bits that address n entries; -1 if n is no power of two that an operand can have. */
static int address_bits(size_t n)
{
    for (int bits = AXM_WIDTH_MIN; bits <= AXM_WIDTH_MAX; bits++)
        if (n == (size_t)1 << bits)
            return bits;
    return -1;
}

/* What must be stated and is not, in one message. */
static enum axm_status need_options(const struct axm_lut_options *o, const char *name, bool raw)
{
    const struct { bool missing; const char *add; } wanted[] = {
        { o->is_signed < 0, ":s or :u (signed, unsigned operands)" },
        { o->transposed < 0, ":ab or :ba (the first index is a, is b)" },
        { o->is_signed != 0 && o->by_value < 0,
          ":values or :bits (if signed: index 0 is the lowest value, is bit pattern 0)" },
        { raw && !o->element, ":i16, :u16 or :i32 (the element type)" },
        { raw && !o->width_a, ":NxM (bits of a and b, as :8x8)" },
    };
    struct strbuf add = { 0 };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (wanted[i].missing)
            strbuf_addf(&add, "%s%s", add.len ? "; " : "", wanted[i].add);
    enum axm_status st = AXM_OK;
    if (add.failed)
        st = fail(AXM_ENV, "lut:%s: out of memory", name);
    else if (add.len)
        st = fail(AXM_USAGE, "lut:%s: a table does not say how it is to be read; add %s", name, add.s);
    strbuf_release(&add);
    return st;
}

static enum axm_status too_large(const char *name, size_t rows, size_t columns)
{
    return fail(AXM_USAGE, "lut:%s: a table has at most %d address bits, 2^%d entries, got %zu x %zu", name,
                AXM_LUT_BITS_MAX, AXM_LUT_BITS_MAX, rows, columns);
}

/* Checks the size of the data, len bytes, and every entry. */
static enum axm_status convert(const struct layout *y, size_t len, const struct axm_lut_options *o,
                               const char *name, struct axm_lut *out)
{
    int row_bits = address_bits(y->rows), column_bits = address_bits(y->columns);
    if (row_bits < 0 || column_bits < 0)
        return fail(AXM_USAGE, "lut:%s: a table must be 2^n x 2^m with n and m at least %d, got %zu x %zu",
                    name, AXM_WIDTH_MIN, y->rows, y->columns);
    int bits = row_bits + column_bits;
    if (bits > AXM_LUT_BITS_MAX)
        return too_large(name, y->rows, y->columns);
    size_t expected = (size_t)y->bytes << bits;
    if (len != expected)
        return fail(AXM_USAGE, "lut:%s: %zu x %zu elements of %d bytes are %zu bytes, got %zu", name, y->rows,
                    y->columns, y->bytes, expected, len);
    struct axm_lut l = {
        .width_a = o->transposed ? column_bits : row_bits,
        .width_b = o->transposed ? row_bits : column_bits,
        .is_signed = o->is_signed,
        .value = malloc(sizeof *l.value << bits),
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
                return fail(AXM_USAGE, "lut:%s: %s %d-bit products are %lld..%lld, got %lld at [%zu][%zu]",
                            name, o->is_signed ? "signed" : "unsigned", bits, (long long)lo, (long long)hi,
                            (long long)v, r, c);
            }
            size_t row = r ^ row_flip, column = c ^ column_flip;
            l.value[o->transposed ? column << row_bits | row : row << column_bits | column] = (int32_t)v;
        }
    *out = l;
    return AXM_OK;
}

/* --- .npy ------------------------------------------------------------------- */
/* The header is a Python dictionary of three entries in any order:
 *
 *     {'descr': '<i2', 'fortran_order': False, 'shape': (256, 256), }
 *
 * See numpy/lib/format.py.  A cursor moves over its text, which ends with NUL. */

static void skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r')
        ++*at;
}

static bool take(const char **at, const char *word)
{
    skip_blanks(at);
    size_t len = strlen(word);
    if (strncmp(*at, word, len))
        return false;
    *at += len;
    return true;
}

/* A quoted string of printable characters, at most size - 1. */
static bool take_string(const char **at, char *out, size_t size)
{
    skip_blanks(at);
    char quote = **at;
    if (quote != '\'' && quote != '"')
        return false;
    size_t n = 0;
    for (const char *c = *at + 1; *c >= ' ' && *c <= '~'; c++) {
        if (*c == quote) {
            out[n] = '\0';
            *at = c + 1;
            return true;
        }
        if (n + 1 == size)
            return false;
        out[n++] = *c;
    }
    return false;
}

/* Values too large for any table stay too large. */
static bool take_number(const char **at, size_t *out)
{
    skip_blanks(at);
    if (**at < '0' || **at > '9')
        return false;
    size_t v = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        if (v <= (size_t)1 << AXM_LUT_BITS_MAX)
            v = 10 * v + (size_t)(**at - '0');
    *out = v;
    return true;
}

static enum axm_status bad_npy(const char *name, const char *what)
{
    return fail(AXM_USAGE, "lut:%s: not a readable .npy: %s", name, what);
}

static enum axm_status parse_descr(const char **at, const char *name, struct layout *y)
{
    char d[16];
    if (!take_string(at, d, sizeof d))
        return fail(AXM_USAGE, "lut:%s: elements must be plain integers, not a structure", name);
    bool known = strlen(d) == 3 && strchr("<>|", d[0]) && strchr("iu", d[1]) && strchr("124", d[2]);
    if (!known || (d[0] == '|' && d[2] != '1'))
        return fail(AXM_USAGE, "lut:%s: elements must be int8, int16, int32, uint8, uint16 or uint32, got %s",
                    name, d);
    y->big_endian = d[0] == '>';
    y->is_signed = d[1] == 'i';
    y->bytes = d[2] - '0';
    return AXM_OK;
}

static enum axm_status parse_shape(const char **at, const char *name, struct layout *y)
{
    size_t size[2] = { 0 }, next;
    int n = 0;
    bool closed, comma = take(at, "(");
    while (!(closed = take(at, ")")) && comma && take_number(at, &next)) {
        if (n < 2)
            size[n] = next;
        n++;
        comma = take(at, ",");
    }
    if (!closed)
        return bad_npy(name, "its shape is no tuple");
    if (n != 2)
        return fail(AXM_USAGE, "lut:%s: a table has two dimensions, got %d", name, n);
    y->rows = size[0];
    y->columns = size[1];
    size_t most = (size_t)1 << AXM_LUT_BITS_MAX;
    return y->rows > most || y->columns > most ? too_large(name, y->rows, y->columns) : AXM_OK;
}

static enum axm_status parse_dict(const char *at, const char *name, struct layout *y)
{
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    unsigned seen = 0;
    bool more = take(&at, "{"), closed = false;
    for (; more && !(closed = take(&at, "}")); more = take(&at, ",")) {
        char key[16];
        int k = 0;
        if (!take_string(&at, key, sizeof key) || !take(&at, ":"))
            return bad_npy(name, "its header is no dictionary");
        while (k < 3 && strcmp(key, keys[k]))
            k++;
        if (k == 3 || seen >> k & 1)
            return bad_npy(name, "its header must have descr, fortran_order and shape, each once");
        seen |= 1u << k;
        enum axm_status st = AXM_OK;
        if (k == 0)
            st = parse_descr(&at, name, y);
        else if (k == 2)
            st = parse_shape(&at, name, y);
        else if (!(y->column_major = take(&at, "True")) && !take(&at, "False"))
            st = bad_npy(name, "its fortran_order is neither True nor False");
        if (st != AXM_OK)
            return st;
    }
    closed = closed || take(&at, "}");
    skip_blanks(&at);
    if (!closed || seen != 7 || *at)
        return bad_npy(name, "its header must have descr, fortran_order and shape, each once");
    return AXM_OK;
}

enum { NPY_HEADER_MAX = 65535 };

enum axm_status axm_lut_parse_npy(const void *data, size_t len, const char *name,
                                  const struct axm_lut_options *o, struct axm_lut *out)
{
    const unsigned char *p = data;
    struct layout y = { 0 };
    if (len < 12 || memcmp(p, "\x93NUMPY", 6))
        return bad_npy(name, "it does not begin with the magic bytes");
    if (p[6] < 1 || p[6] > 3)
        return fail(AXM_USAGE, "lut:%s: .npy format versions are 1, 2 and 3, got %d", name, p[6]);
    size_t start = p[6] == 1 ? 10 : 12;
    size_t header = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        header |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (header > NPY_HEADER_MAX)
        return fail(AXM_USAGE, "lut:%s: a .npy header has at most %d bytes, got %zu", name, NPY_HEADER_MAX,
                    header);
    if (header > len - start || memchr(p + start, 0, header))
        return bad_npy(name, "its header is damaged");
    char *dict = strndup((const char *)p + start, header);
    if (!dict)
        return fail(AXM_ENV, "lut:%s: out of memory", name);
    enum axm_status st = parse_dict(dict, name, &y);
    free(dict);
    if (st == AXM_OK)
        st = need_options(o, name, false);
    if (st != AXM_OK)
        return st;
    if (o->element || o->width_a)
        return fail(AXM_USAGE, "lut:%s: a .npy states its element type and shape itself; leave out i16, u16, "
                    "i32, NxM", name);
    y.data = p + start + header;
    return convert(&y, len - start - header, o, name, out);
}

/* --- raw -------------------------------------------------------------------- */

enum axm_status axm_lut_parse_raw(const void *data, size_t len, const char *name,
                                  const struct axm_lut_options *o, struct axm_lut *out)
{
    enum axm_status st = need_options(o, name, true);
    if (st != AXM_OK)
        return st;
    struct layout y = {
        .data = data,
        .rows = (size_t)1 << (o->transposed ? o->width_b : o->width_a),
        .columns = (size_t)1 << (o->transposed ? o->width_a : o->width_b),
        .bytes = o->element == 'i' ? 4 : 2,
        .is_signed = o->element != 'H',
    };
    return convert(&y, len, o, name, out);
}

/* --- the spec ----------------------------------------------------------------- */

/* The options after a file name; used has the kinds that were given. */
struct options {
    struct axm_lut_options o;
    unsigned used;
    bool twice;
};

/* A decimal width at *at, without sign or blanks. */
static bool take_width(const char **at, int *out)
{
    size_t v;
    if (**at < '1' || **at > '9' || !take_number(at, &v) || v < AXM_WIDTH_MIN || v > AXM_WIDTH_MAX)
        return false;
    *out = (int)v;
    return true;
}

static bool parse_widths(const char *text, int *a, int *b)
{
    if (!take_width(&text, a) || *text++ != 'x')
        return false;
    return take_width(&text, b) && !*text;
}

/* One option; false if text is none. */
static bool parse_option(const char *text, struct options *p)
{
    enum kind { SIGN, ORDER, INDEX, ELEMENT, WIDTHS };
    static const struct { const char *word; enum kind kind; int value; } words[] = {
        { "s", SIGN, 1 },       { "u", SIGN, 0 },         { "ab", ORDER, 0 },      { "ba", ORDER, 1 },
        { "values", INDEX, 1 }, { "bits", INDEX, 0 },
        { "i16", ELEMENT, 'h' }, { "u16", ELEMENT, 'H' }, { "i32", ELEMENT, 'i' },
    };
    int *const field[] = { &p->o.is_signed, &p->o.transposed, &p->o.by_value, &p->o.element };
    enum { WORDS = sizeof words / sizeof *words };
    int i = 0, a, b;
    while (i < WORDS && strcmp(text, words[i].word))
        i++;
    enum kind kind = i < WORDS ? words[i].kind : WIDTHS;
    if (i < WORDS) {
        *field[kind] = words[i].value;
    } else {
        if (!parse_widths(text, &a, &b))
            return false;
        p->o.width_a = a;
        p->o.width_b = b;
    }
    p->twice |= p->used >> kind & 1;
    p->used |= 1u << kind;
    return true;
}

/* The largest file that can hold a table, with a .npy header of any length. */
#define FILE_BYTES_MAX (((size_t)4 << AXM_LUT_BITS_MAX) + 12 + NPY_HEADER_MAX)

enum axm_status axm_lut_read(const char *file_and_options, struct axm_lut *out)
{
    static const char words[] = "options are s, u, ab, ba, values, bits, i16, u16, i32, NxM";
    struct options p = { .o = { .is_signed = -1, .transposed = -1, .by_value = -1 } };
    struct strbuf text = { 0 };
    char *path = strdup(file_and_options), *colon;
    if (!path)
        return fail(AXM_ENV, "lut:%s: out of memory", file_and_options);
    /* From the right, as long as it reads as an option: a file name may hold colons. */
    while ((colon = strrchr(path, ':')) && parse_option(colon + 1, &p))
        *colon = '\0';
    enum axm_status st = AXM_OK;
    if (p.twice)
        st = fail(AXM_USAGE, "lut:%s: an option is given twice, or with its opposite; %s", file_and_options,
                  words);
    else if (!*path)
        st = fail(AXM_USAGE, "lut:%s: a file name must stand before the options", file_and_options);
    else if (colon && !file_exists(path))
        st = fail(AXM_USAGE, "lut:%s: no such file, and \"%s\" is no option; %s", path, colon + 1, words);
    if (st == AXM_OK)
        st = file_read(path, FILE_BYTES_MAX, &text);
    size_t len = strlen(path);
    bool npy = len > 4 && !strcmp(path + len - 4, ".npy");
    if (st == AXM_OK)
        st = (npy ? axm_lut_parse_npy : axm_lut_parse_raw)(text.s, text.len, path, &p.o, out);
    strbuf_release(&text);
    free(path);
    return st;
}
