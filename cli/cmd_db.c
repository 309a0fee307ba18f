#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/power.h"

static const struct cli_option options[] = {
    { "output", 'o', "FILE", "export into FILE, complete or not at all (default: standard output)" },
    POWER_STORE_OPTION,
    { 0 },
};

static const char help[] =
    "The result store: one SQLite file with every measurement, keyed by the hash of all that\n"
    "decides it (netlist, library, mode, operands, load, tool versions). Several processes may\n"
    "use it at once.\n"
    "\n"
    "export writes all measurements as csv, json or md; FILTER is a pattern with * and ? over\n"
    "specs. query runs one statement that only reads, over the table measurement.\n"
    "\n"
    "  axmul db export csv -o results.csv\n"
    "  axmul db export md 'scdm8s_*'\n"
    "  axmul db query 'SELECT spec, area_um2 FROM measurement ORDER BY 2 LIMIT 5'\n";

enum output { OUT_CSV, OUT_JSON, OUT_MD, OUT_TEXT };
static const char outputs[] = "csv|json|md";

/* Rows as they come; text waits for the widths and goes through a table. */
struct rows {
    FILE *f;
    enum output format;
    long n;
    struct table_column *column;
    int n_columns;
    struct table *table;
};

static void print_json_string(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;
        if (ch == '"' || ch == '\\')
            fprintf(f, "\\%c", ch);
        else if (ch < 0x20)
            fprintf(f, "\\u%04x", ch);
        else
            fputc(ch, f);
    }
    fputc('"', f);
}

static void print_csv(FILE *f, const char *s)
{
    bool quote = s && strpbrk(s, ",\"\r\n");
    fputs(quote ? "\"" : "", f);
    for (; s && *s; s++)
        fprintf(f, *s == '"' ? "\"\"" : "%c", *s);
    fputs(quote ? "\"" : "", f);
}

/* A line break or a bar would end a cell of Markdown. */
static void print_md(FILE *f, const char *s)
{
    fputc(' ', f);
    for (; s && *s; s++) {
        if (*s == '|')
            fputc('\\', f);
        fputc(*s == '\n' ? ' ' : *s, f);
    }
    fputs(" |", f);
}

static void print_row(struct rows *r, int n, const char *const *names, const char *const *values,
                      const int *is_number)
{
    if (r->format == OUT_JSON)
        fputs(r->n ? ",\n  {" : "[\n  {", r->f);
    else if (r->format == OUT_MD)
        fputc('|', r->f);
    for (int i = 0; i < n; i++) {
        if (r->format == OUT_CSV) {
            fputs(i ? "," : "", r->f);
            print_csv(r->f, values[i]);
        } else if (r->format == OUT_MD) {
            print_md(r->f, values[i]);
        } else {
            fputs(i ? ", " : "", r->f);
            print_json_string(r->f, names[i]);
            fputs(": ", r->f);
            if (!values[i] || is_number[i])
                fputs(values[i] ? values[i] : "null", r->f);
            else
                print_json_string(r->f, values[i]);
        }
    }
    fputs(r->format == OUT_JSON ? "}" : "\n", r->f);
}

static void print_header(struct rows *r, int n, const char *const *names)
{
    if (r->format == OUT_JSON)
        return;
    print_row(r, n, names, names, NULL);
    if (r->format != OUT_MD)
        return;
    fputc('|', r->f);
    for (int i = 0; i < n; i++)
        fputs(" --- |", r->f);
    fputc('\n', r->f);
}

/* Columns are known with the first row; their names must outlive the statement. */
static enum axm_status begin_table(struct rows *r, int n, const char *const *names)
{
    r->column = calloc((size_t)n, sizeof *r->column);
    for (int i = 0; r->column && i < n; i++)
        r->column[i] = (struct table_column){ .key = strdup(names[i]), .type = CELL_TEXT };
    r->n_columns = n;
    r->table = r->column ? table_new(r->column, n) : NULL;
    return r->table ? AXM_OK : fail(AXM_ENV, "db: out of memory");
}

static enum axm_status add_row(void *ctx, int n, const char *const *names, const char *const *values,
                               const int *is_number)
{
    struct rows *r = ctx;
    enum axm_status st = AXM_OK;
    if (r->format == OUT_TEXT) {
        if (!r->n)
            st = begin_table(r, n, names);
        for (int i = 0; i < n && st == AXM_OK; i++)
            table_text(r->table, values[i] ? values[i] : "");
    } else {
        if (!r->n)
            print_header(r, n, names);
        print_row(r, n, names, values, is_number);
    }
    r->n++;
    return st;
}

static enum axm_status finish(struct rows *r, enum axm_status st)
{
    if (st == AXM_OK && r->format == OUT_JSON)
        fputs(r->n ? "\n]\n" : "[]\n", r->f);
    if (st == AXM_OK && r->table)
        st = table_print(r->table, r->f, CLI_TEXT);
    table_free(r->table);
    for (int i = 0; r->column && i < r->n_columns; i++)
        free((char *)r->column[i].key);
    free(r->column);
    return st;
}

static enum axm_status export(const struct cli_args *args, struct store *s)
{
    const char *filter = args->n_operands > 2 ? args->operand[2] : "*", *o = cli_get(args, "output");
    int format = args->n_operands > 1 ? cli_word(outputs, args->operand[1]) : -1;
    struct outfile file;
    char *sql;
    if (format < 0)
        return fail(AXM_USAGE, "db export: expected csv, json or md, got \"%s\"",
                    args->n_operands > 1 ? args->operand[1] : "");
    enum axm_status st = outfile_open(&file, o ? o : "-");
    if (st != AXM_OK)
        return st;
    struct rows r = { .f = file.f, .format = (enum output)format };
    st = store_export_sql(filter, &sql);
    if (st == AXM_OK) {
        st = store_query(s, sql, add_row, &r);
        free(sql);
    }
    st = finish(&r, st);
    if (st == AXM_OK)
        return outfile_commit(&file);
    outfile_abort(&file);
    return st;
}

static enum axm_status query(const struct cli_args *args, struct store *s)
{
    static const enum output as[] = { [CLI_TEXT] = OUT_TEXT, [CLI_CSV] = OUT_CSV, [CLI_JSON] = OUT_JSON };
    struct rows r = { .f = stdout, .format = as[args->format] };
    if (args->n_operands != 2)
        return fail(AXM_USAGE, "db query: expected one statement, in quotes");
    if (cli_get(args, "output"))
        return fail(AXM_USAGE, "db query: -o belongs to export");
    return finish(&r, store_query(s, args->operand[1], add_row, &r));
}

static enum axm_status run(const struct cli_args *args)
{
    struct store *s;
    bool exports = !strcmp(args->operand[0], "export");
    if (!exports && strcmp(args->operand[0], "query"))
        return fail(AXM_USAGE, "db: expected export or query, got \"%s\"", args->operand[0]);
    enum axm_status st = power_store(args, &s);
    if (st != AXM_OK)
        return st;
    st = exports ? export(args, s) : query(args, s);
    store_close(s);
    return st;
}

const struct cli_command cmd_db = {
    .name = "db",
    .synopsis = "export csv|json|md [FILTER] | query SQL",
    .brief = "the result store: export it, query it",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 3,
    .run = run,
};
