#include "synth/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/file.h"

struct store {
    sqlite3 *db;
    char *path;
    pthread_mutex_t lock;    /* of the connection: a message belongs to the call before it */
    bool broken;             /* a write failed; said once, however many threads come next */
};

enum { APPLICATION_ID = 0x41584d31 };   /* "AXM1" */

/* Step i takes the schema from version i to i+1; never edit a step that was released. */
static const char *const migrations[] = {
    "CREATE TABLE measurement ("
    " key TEXT PRIMARY KEY, spec TEXT NOT NULL, netlist_sha256 TEXT NOT NULL,"
    " liberty TEXT NOT NULL, liberty_sha256 TEXT NOT NULL, mode TEXT NOT NULL,"
    " stimulus TEXT NOT NULL, tools TEXT NOT NULL,"
    " area_um2 REAL NOT NULL, cells INTEGER NOT NULL, delay_ns REAL NOT NULL, leakage_nw REAL NOT NULL,"
    " energy_zero_pj REAL NOT NULL, energy_zero_ci95_pj REAL NOT NULL, toggles_zero REAL NOT NULL,"
    " energy_unit_pj REAL NOT NULL, energy_unit_ci95_pj REAL NOT NULL, toggles_unit REAL NOT NULL,"
    " energy_liberty_pj REAL NOT NULL, energy_liberty_ci95_pj REAL NOT NULL, toggles_liberty REAL NOT NULL,"
    " steps INTEGER NOT NULL, measured_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);"
    "CREATE INDEX measurement_spec ON measurement (spec);",

    /* NULL in rows of version 1: measured again when asked for */
    "ALTER TABLE measurement ADD COLUMN switching_zero_pj REAL;"
    "ALTER TABLE measurement ADD COLUMN switching_unit_pj REAL;"
    "ALTER TABLE measurement ADD COLUMN switching_liberty_pj REAL;",

    /* NULL in older rows, whose keys alone knew it: filled in when asked for */
    "ALTER TABLE measurement ADD COLUMN input_slew_ns REAL;"
    "ALTER TABLE measurement ADD COLUMN output_load_pf REAL;",
};
enum { SCHEMA_VERSION = sizeof migrations / sizeof *migrations };

static enum axm_status db_error(const struct store *s, const char *doing)
{
    int e = sqlite3_system_errno(s->db);   /* what "disk I/O error" leaves out */
    bool io = sqlite3_errcode(s->db) == SQLITE_IOERR && e;
    return fail(AXM_ENV, "%s: %s: %s%s%s", s->path, doing, sqlite3_errmsg(s->db), io ? ": " : "",
                io ? strerror(e) : "");
}

static enum axm_status pragma_get(struct store *s, const char *sql, int *out)
{
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK)
        return db_error(s, "opening");
    enum axm_status st = sqlite3_step(q) == SQLITE_ROW ? AXM_OK : db_error(s, "opening");
    *out = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    return st;
}

static enum axm_status execute(struct store *s, const char *sql, const char *doing)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? AXM_OK : db_error(s, doing);
}

/* Inside one immediate transaction, so that two processes cannot both migrate. */
static enum axm_status migrate(struct store *s)
{
    int version = 0, id = 0, tables = 0;
    char sql[96];
    enum axm_status st = pragma_get(s, "PRAGMA user_version", &version);
    if (st == AXM_OK)
        st = pragma_get(s, "PRAGMA application_id", &id);
    if (st == AXM_OK)
        st = pragma_get(s, "SELECT count(*) FROM sqlite_schema", &tables);
    if (st != AXM_OK)
        return st;
    if (id != APPLICATION_ID && tables > 0)
        return fail(AXM_ENV, "%s: an SQLite file, but not a result store of axmul", s->path);
    if (version > SCHEMA_VERSION)
        return fail(AXM_ENV, "%s: made by a newer axmul (schema %d, this one knows %d)", s->path, version,
                    SCHEMA_VERSION);
    for (; version < SCHEMA_VERSION && st == AXM_OK; version++)
        st = execute(s, migrations[version], "migrating");
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d", SCHEMA_VERSION,
             APPLICATION_ID);
    return st == AXM_OK ? execute(s, sql, "migrating") : st;
}

static enum axm_status prepare_file(struct store *s)
{
    sqlite3_busy_timeout(s->db, 60000);
    enum axm_status st = execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", "opening");
    if (st == AXM_OK)
        st = execute(s, "BEGIN IMMEDIATE", "opening");
    if (st != AXM_OK)
        return st;
    st = migrate(s);
    if (st == AXM_OK)
        return execute(s, "COMMIT", "migrating");
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

enum axm_status store_open(const char *path, struct store **out)
{
    struct strbuf cache = { 0 };
    enum axm_status st = AXM_OK;
    if (!path) {
        st = file_cache_dir("", &cache);
        strbuf_adds(&cache, "/results.sqlite");
    }
    struct store *s = calloc(1, sizeof *s);
    if (s) {
        pthread_mutex_init(&s->lock, NULL);
        s->path = strdup(path ? path : cache.s ? cache.s : "");
    }
    strbuf_release(&cache);
    if (st == AXM_OK && (!s || !s->path))
        st = fail(AXM_ENV, "result store: out of memory");
    if (st == AXM_OK && sqlite3_open(s->path, &s->db) != SQLITE_OK)
        st = db_error(s, "opening");
    if (st == AXM_OK)
        st = prepare_file(s);
    if (st == AXM_OK)
        *out = s;
    else
        store_close(s);
    return st;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

const char *store_path(const struct store *s)
{
    return s->path;
}

/* Columns of a measurement, in the order of get and put. */
#define VALUES \
    "area_um2, cells, delay_ns, leakage_nw, energy_zero_pj, energy_zero_ci95_pj, toggles_zero," \
    " energy_unit_pj, energy_unit_ci95_pj, toggles_unit, energy_liberty_pj, energy_liberty_ci95_pj," \
    " toggles_liberty, steps, switching_zero_pj, switching_unit_pj, switching_liberty_pj"

static enum axm_status get(struct store *s, const char *key, struct measurement *out, int *found)
{
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(s->db,
                           "SELECT " VALUES ", input_slew_ns FROM measurement WHERE key = ?1"
                           " AND switching_unit_pj IS NOT NULL", -1, &q, NULL) != SQLITE_OK)
        return db_error(s, "reading");
    sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
    int rc = sqlite3_step(q);
    *found = rc == SQLITE_ROW;
    if (*found) {
        *found = sqlite3_column_type(q, 17) == SQLITE_NULL ? STORE_WITHOUT_LOAD : STORE_FOUND;
        *out = (struct measurement){
            .area_um2 = sqlite3_column_double(q, 0),
            .cells = sqlite3_column_int(q, 1),
            .delay_ns = sqlite3_column_double(q, 2),
            .leakage_nw = sqlite3_column_double(q, 3),
            .steps = sqlite3_column_int64(q, 13),
        };
        for (int d = 0; d < STORE_MODELS; d++) {
            out->switching_pj[d] = sqlite3_column_double(q, 14 + d);
            out->energy_pj[d] = sqlite3_column_double(q, 4 + 3 * d);
            out->energy_ci95_pj[d] = sqlite3_column_double(q, 5 + 3 * d);
            out->toggles[d] = sqlite3_column_double(q, 6 + 3 * d);
        }
    }
    enum axm_status st = rc == SQLITE_ROW || rc == SQLITE_DONE ? AXM_OK : db_error(s, "reading");
    sqlite3_finalize(q);
    return st;
}

enum axm_status store_get(struct store *s, const char *key, struct measurement *out, int *found)
{
    pthread_mutex_lock(&s->lock);
    enum axm_status st = get(s, key, out, found);
    pthread_mutex_unlock(&s->lock);
    return st;
}

static enum axm_status put(struct store *s, const struct measurement_key *k, const struct measurement *m)
{
    const char *const text[] = { k->key, k->spec, k->netlist_sha256, k->liberty, k->liberty_sha256, k->mode,
                                 k->stimulus, k->tools };
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(s->db,
                           "INSERT OR REPLACE INTO measurement (key, spec, netlist_sha256, liberty,"
                           " liberty_sha256, mode, stimulus, tools, " VALUES
                           ", input_slew_ns, output_load_pf) VALUES"
                           " (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
                           "?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27)",
                           -1, &q, NULL) != SQLITE_OK)
        return db_error(s, "writing");
    int n = 1;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        sqlite3_bind_text(q, n++, text[i], -1, SQLITE_STATIC);
    sqlite3_bind_double(q, n++, m->area_um2);
    sqlite3_bind_int(q, n++, m->cells);
    sqlite3_bind_double(q, n++, m->delay_ns);
    sqlite3_bind_double(q, n++, m->leakage_nw);
    for (int d = 0; d < STORE_MODELS; d++) {
        sqlite3_bind_double(q, n++, m->energy_pj[d]);
        sqlite3_bind_double(q, n++, m->energy_ci95_pj[d]);
        sqlite3_bind_double(q, n++, m->toggles[d]);
    }
    sqlite3_bind_int64(q, n++, m->steps);
    for (int d = 0; d < STORE_MODELS; d++)
        sqlite3_bind_double(q, n++, m->switching_pj[d]);
    sqlite3_bind_double(q, n++, k->input_slew_ns);
    sqlite3_bind_double(q, n++, k->output_load_pf);
    enum axm_status st = sqlite3_step(q) == SQLITE_DONE ? AXM_OK : db_error(s, "writing");
    sqlite3_finalize(q);
    return st;
}

enum axm_status store_put(struct store *s, const struct measurement_key *k, const struct measurement *m)
{
    pthread_mutex_lock(&s->lock);
    enum axm_status st = s->broken ? AXM_ENV : put(s, k, m);
    s->broken = st != AXM_OK;
    pthread_mutex_unlock(&s->lock);
    return st;
}

static enum axm_status put_load(struct store *s, const struct measurement_key *k)
{
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(s->db,
                           "UPDATE measurement SET input_slew_ns = ?1, output_load_pf = ?2"
                           " WHERE key = ?3 AND input_slew_ns IS NULL", -1, &q, NULL) != SQLITE_OK)
        return db_error(s, "writing");
    sqlite3_bind_double(q, 1, k->input_slew_ns);
    sqlite3_bind_double(q, 2, k->output_load_pf);
    sqlite3_bind_text(q, 3, k->key, -1, SQLITE_STATIC);
    enum axm_status st = sqlite3_step(q) == SQLITE_DONE ? AXM_OK : db_error(s, "writing");
    sqlite3_finalize(q);
    return st;
}

enum axm_status store_put_load(struct store *s, const struct measurement_key *k)
{
    pthread_mutex_lock(&s->lock);
    enum axm_status st = s->broken ? AXM_ENV : put_load(s, k);
    s->broken = st != AXM_OK;
    pthread_mutex_unlock(&s->lock);
    return st;
}

enum { QUERY_COLUMNS_MAX = 64 };

/* sqlite3_stmt_readonly() is not enough: ATTACH, which makes files, passes it. */
static int only_reads(void *ctx, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)ctx, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                   action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static enum axm_status query(struct store *s, const char *sql, store_row_fn *row, void *ctx)
{
    const char *name[QUERY_COLUMNS_MAX], *value[QUERY_COLUMNS_MAX], *tail;
    int number[QUERY_COLUMNS_MAX], rc;
    sqlite3_stmt *q = NULL;
    enum axm_status st = AXM_OK;
    sqlite3_set_authorizer(s->db, only_reads, NULL);
    rc = sqlite3_prepare_v2(s->db, sql, -1, &q, &tail);
    sqlite3_set_authorizer(s->db, NULL, NULL);
    if (rc != SQLITE_OK)
        return fail(AXM_USAGE, "%s: %s", sql, sqlite3_errmsg(s->db));
    if (!q || !sqlite3_stmt_readonly(q) || tail[strspn(tail, " \t\r\n;")])
        st = fail(AXM_USAGE, "db query: expected one statement that only reads");
    int n = q ? sqlite3_column_count(q) : 0;
    if (st == AXM_OK && n > QUERY_COLUMNS_MAX)
        st = fail(AXM_USAGE, "db query: at most %d columns, got %d", QUERY_COLUMNS_MAX, n);
    while (st == AXM_OK && (rc = sqlite3_step(q)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW) {
            st = db_error(s, "reading");
            break;
        }
        for (int i = 0; i < n; i++) {
            int type = sqlite3_column_type(q, i);
            name[i] = sqlite3_column_name(q, i);
            number[i] = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
            value[i] = (const char *)sqlite3_column_text(q, i);
        }
        st = row(ctx, n, name, value, number);
    }
    sqlite3_finalize(q);
    return st;
}

enum axm_status store_query(struct store *s, const char *sql, store_row_fn *row, void *ctx)
{
    pthread_mutex_lock(&s->lock);
    enum axm_status st = query(s, sql, row, ctx);
    pthread_mutex_unlock(&s->lock);
    return st;
}

enum axm_status store_export_sql(const char *filter, char **sql)
{
    char *quoted = sqlite3_mprintf("SELECT * FROM measurement WHERE spec GLOB %Q"
                                   " ORDER BY spec, liberty, mode, stimulus, key", filter);
    *sql = quoted ? strdup(quoted) : NULL;
    sqlite3_free(quoted);
    return *sql ? AXM_OK : fail(AXM_ENV, "result store: out of memory");
}
