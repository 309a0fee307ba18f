#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/strbuf.h"
#include "cli/cli.h"

struct table {
    const struct table_column *column;
    int n;
    char **cell;             /* as printed in CSV; NULL: no value */
    size_t cells, cap;
    bool failed;
};

struct table *table_new(const struct table_column *columns, int n)
{
    struct table *t = calloc(1, sizeof *t);
    if (t) {
        t->column = columns;
        t->n = n;
    }
    return t;
}

void table_free(struct table *t)
{
    for (size_t i = 0; t && i < t->cells; i++)
        free(t->cell[i]);
    if (t)
        free(t->cell);
    free(t);
}

static void add(struct table *t, const char *s)
{
    if (!t || t->failed)
        return;
    if (t->cells == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        char **grown = realloc(t->cell, cap * sizeof *grown);
        if (!grown) {
            t->failed = true;
            return;
        }
        t->cell = grown;
        t->cap = cap;
    }
    t->cell[t->cells] = s ? strdup(s) : NULL;
    t->failed = s && !t->cell[t->cells];
    t->cells++;
}

void table_text(struct table *t, const char *s)
{
    add(t, s);
}

void table_int(struct table *t, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    add(t, text);
}

void table_uint(struct table *t, uint64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, v);
    add(t, text);
}

/* Shortest text that reads back as v. */
void table_real(struct table *t, double v)
{
    char text[40];
    if (isnan(v)) {
        add(t, NULL);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    add(t, text);
}

/* --- printing ----------------------------------------------------------------- */

static const char *title(const struct table_column *c)
{
    return c->title ? c->title : c->key;
}

/* A cell as people read it. */
static const char *readable(const struct table *t, size_t i, char text[40])
{
    const struct table_column *c = &t->column[i % (size_t)t->n];
    if (!t->cell[i])
        return "-";
    if (c->type != CELL_REAL || !c->digits)
        return t->cell[i];
    double v = strtod(t->cell[i], NULL);
    if (c->digits > 0)
        snprintf(text, 40, "%.*g", c->digits, v);
    else
        snprintf(text, 40, "%.*f", -c->digits, v);
    return text;
}

/* Columns of an UTF-8 text: bytes that begin a character. */
static int width(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* False if out of memory. */
static bool print_text(const struct table *t, FILE *f)
{
    char text[40];
    size_t n = (size_t)t->n;
    struct strbuf line = { 0 };
    int *widest = calloc(n + 1, sizeof *widest);
    for (size_t i = 0; widest && i < t->cells + n; i++) {
        int w = width(i < n ? title(&t->column[i]) : readable(t, i - n, text));
        if (w > widest[i % n])
            widest[i % n] = w;
    }
    for (size_t i = 0; widest && i < t->cells + n; i++) {
        size_t c = i % n;
        const char *s = i < n ? title(&t->column[c]) : readable(t, i - n, text);
        int pad = widest[c] - width(s);
        bool left = t->column[c].type == CELL_TEXT;
        strbuf_addf(&line, "%s%*s%s%*s", c ? "  " : "", left ? 0 : pad, "", s, left ? pad : 0, "");
        if (c < n - 1)
            continue;
        while (line.len && line.s[line.len - 1] == ' ')
            line.s[--line.len] = '\0';
        if (!line.failed)
            fprintf(f, "%s\n", line.s);
        strbuf_reset(&line);
    }
    bool ok = widest && !line.failed;
    strbuf_release(&line);
    free(widest);
    return ok;
}

static void print_csv_field(const char *s, FILE *f)
{
    if (!s)
        return;
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, f);
        return;
    }
    putc('"', f);
    for (; *s; s++)
        fprintf(f, *s == '"' ? "\"\"" : "%c", *s);
    putc('"', f);
}

static void print_csv(const struct table *t, FILE *f)
{
    for (int c = 0; c < t->n; c++)
        fprintf(f, "%s%s", c ? "," : "", t->column[c].key);
    fputs("\n", f);
    for (size_t i = 0; i < t->cells; i++) {
        int c = (int)(i % (size_t)t->n);
        if (c)
            putc(',', f);
        print_csv_field(t->cell[i], f);
        if (c == t->n - 1)
            putc('\n', f);
    }
}

/* The row that begins at a cell, as an object; NULL if out of memory. */
static char *json_row(const struct table *t, size_t first)
{
    cJSON *row = cJSON_CreateObject();
    for (int c = 0; c < t->n && row; c++) {
        const char *key = t->column[c].key, *cell = t->cell[first + (size_t)c];
        cJSON *added = !cell                             ? cJSON_AddNullToObject(row, key)
                       : t->column[c].type == CELL_TEXT  ? cJSON_AddStringToObject(row, key, cell)
                       : isfinite(strtod(cell, NULL))    ? cJSON_AddRawToObject(row, key, cell)
                                                         : cJSON_AddNullToObject(row, key);
        if (!added) {
            cJSON_Delete(row);
            return NULL;
        }
    }
    char *text = row ? cJSON_PrintUnformatted(row) : NULL;
    cJSON_Delete(row);
    return text;
}

/* An array, one row a line. */
static bool print_json(const struct table *t, FILE *f)
{
    fputs("[", f);
    for (size_t i = 0; i < t->cells; i += (size_t)t->n) {
        char *row = json_row(t, i);
        if (!row)
            return false;
        fprintf(f, "%s\n  %s", i ? "," : "", row);
        cJSON_free(row);
    }
    fputs("\n]\n", f);
    return true;
}

enum axm_status table_print(const struct table *t, FILE *f, enum cli_format format)
{
    bool printed = t && !t->failed;
    if (printed && format == CLI_TEXT)
        printed = print_text(t, f);
    else if (printed && format == CLI_CSV)
        print_csv(t, f);
    else if (printed)
        printed = print_json(t, f);
    if (!printed)
        return fail(AXM_ENV, "table: out of memory");
    return cli_flush(f);
}
