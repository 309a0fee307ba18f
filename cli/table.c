#include <errno.h>
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
    snprintf(text, 40, "%.*g", c->digits, strtod(t->cell[i], NULL));
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

static void print_text(const struct table *t, FILE *f)
{
    char text[40];
    int *widest = calloc((size_t)t->n + 1, sizeof *widest);
    for (int c = 0; c < t->n && widest; c++) {
        widest[c] = width(title(&t->column[c]));
        for (size_t i = (size_t)c; i < t->cells; i += (size_t)t->n)
            if (width(readable(t, i, text)) > widest[c])
                widest[c] = width(readable(t, i, text));
    }
    for (size_t i = 0; widest && i < t->cells + (size_t)t->n; i++) {
        int c = (int)(i % (size_t)t->n);
        const char *s = i < (size_t)t->n ? title(&t->column[c]) : readable(t, i - (size_t)t->n, text);
        int pad = widest[c] - width(s);
        bool left = t->column[c].type == CELL_TEXT, last = c == t->n - 1;
        fprintf(f, "%s%*s%s%*s%s", c ? "  " : "", left ? 0 : pad, "", s, left && !last ? pad : 0, "", last ? "\n" : "");
    }
    free(widest);
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

static bool print_json(const struct table *t, FILE *f)
{
    cJSON *rows = cJSON_CreateArray(), *row = NULL;
    for (size_t i = 0; i < t->cells; i++) {
        const struct table_column *c = &t->column[i % (size_t)t->n];
        if (c == t->column)
            cJSON_AddItemToArray(rows, row = cJSON_CreateObject());
        if (!t->cell[i])
            cJSON_AddNullToObject(row, c->key);
        else if (c->type == CELL_TEXT)
            cJSON_AddStringToObject(row, c->key, t->cell[i]);
        else
            cJSON_AddRawToObject(row, c->key, isfinite(strtod(t->cell[i], NULL)) ? t->cell[i] : "null");
    }
    char *text = cJSON_Print(rows);
    if (text)
        fprintf(f, "%s\n", text);
    cJSON_Delete(rows);
    cJSON_free(text);
    return text != NULL;
}

enum axm_status table_print(const struct table *t, FILE *f, enum cli_format format)
{
    bool printed = t && !t->failed;
    if (printed && format == CLI_TEXT)
        print_text(t, f);
    else if (printed && format == CLI_CSV)
        print_csv(t, f);
    else if (printed)
        printed = print_json(t, f);
    if (!printed)
        return fail(AXM_ENV, "table: out of memory");
    errno = 0;
    if (fflush(f) || ferror(f))
        return errno == EPIPE ? AXM_OK : fail(AXM_ENV, "standard output: %s", strerror(errno ? errno : EIO));
    return AXM_OK;
}
