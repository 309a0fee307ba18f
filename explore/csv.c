#include "explore/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { CSV_BYTES_MAX = 1 << 28 };

/* Ends the cell that begins at *at in place and moves *at behind its separator; the separator, 0 at the end,
 * -1 for a quote that does not end or is followed by more text. */
static int take_cell(char **at, char *end, char **cell)
{
    char *s = *at, *to = s;
    *cell = s;
    if (s < end && *s == '"') {
        s++;
        for (;;) {
            if (s == end)
                return -1;
            if (*s == '"' && (s + 1 == end || s[1] != '"'))
                break;
            s += *s == '"';
            *to++ = *s++;
        }
        s++;
    } else {
        while (s < end && *s != ',' && *s != '\n' && *s != '\r')
            s++;
        to = s;
    }
    if (s + 1 < end && *s == '\r' && s[1] == '\n')
        s++;
    int separator = s < end ? *s : 0;
    if (separator && separator != ',' && separator != '\n')
        return -1;
    *at = s < end ? s + 1 : s;
    *to = '\0';
    return separator;
}

static enum axm_status parse(const char *name, size_t len, struct csv *c)
{
    char *at = c->text, *end = c->text + len;
    size_t n = 0, room = 0, line = 1, first = 0;
    while (at < end) {
        char *cell;
        int separator = take_cell(&at, end, &cell);
        if (separator < 0)
            return fail(AXM_USAGE, "%s: row %zu: a quoted cell does not end where a cell must", name, line);
        if (n == room) {
            room = room ? 2 * room : 256;
            char **grown = realloc(c->cell, room * sizeof *grown);
            if (!grown)
                return fail(AXM_ENV, "%s: out of memory", name);
            c->cell = grown;
        }
        c->cell[n++] = cell;
        if (separator == ',' && at < end)
            continue;
        if (!c->columns)
            c->columns = n;
        if (n - first != c->columns)
            return fail(AXM_USAGE, "%s: row %zu has %zu cells, the header %zu", name, line, n - first,
                        c->columns);
        first = n;
        line++;
    }
    if (!n)
        return fail(AXM_USAGE, "%s: empty, expected CSV with a header", name);
    c->rows = n / c->columns - 1;
    return AXM_OK;
}

enum axm_status csv_parse(const char *text, size_t len, const char *name, struct csv *out)
{
    struct csv c = { .text = malloc(len + 1) };
    if (!c.text)
        return fail(AXM_ENV, "%s: out of memory", name);
    memcpy(c.text, text, len);
    c.text[len] = '\0';
    enum axm_status st = memchr(text, '\0', len) ? fail(AXM_USAGE, "%s: not CSV but binary", name)
                                                 : parse(name, len, &c);
    if (st == AXM_OK)
        *out = c;
    else
        csv_release(&c);
    return st;
}

enum axm_status csv_read(const char *path, struct csv *out)
{
    struct strbuf text = { 0 };
    enum axm_status st = file_read(path, CSV_BYTES_MAX, &text);
    if (st == AXM_OK)
        st = csv_parse(text.s ? text.s : "", text.len, path, out);
    strbuf_release(&text);
    return st;
}

void csv_release(struct csv *c)
{
    free(c->cell);
    free(c->text);
    *c = (struct csv){ 0 };
}

int csv_column(const struct csv *c, const char *key)
{
    for (size_t i = 0; i < c->columns; i++)
        if (!strcmp(c->cell[i], key))
            return (int)i;
    return -1;
}

enum axm_status csv_need(const struct csv *c, const char *name, const char *key, int *column)
{
    *column = csv_column(c, key);
    return *column >= 0 ? AXM_OK : fail(AXM_USAGE, "%s: its header lacks the column %s", name, key);
}

const char *csv_cell(const struct csv *c, size_t row, int column)
{
    return column < 0 ? "" : c->cell[(row + 1) * c->columns + (size_t)column];
}

double csv_number(const struct csv *c, size_t row, int column)
{
    const char *text = csv_cell(c, row, column);
    char *end;
    double v = strtod(text, &end);
    return end == text || *end ? NAN : v;
}
