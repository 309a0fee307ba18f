/* The result store: what was put is there, whoever was killed, crowded out or
 * out of space meanwhile. */
#include "tests/harness.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "synth/store.h"
#include "tests/capture.h"

struct place {
    struct strbuf dir;
    char path[300];
};

static struct place place_new(void)
{
    struct place p = { 0 };
    assert_int_equal(file_scratch_dir(&p.dir), AXM_OK);
    snprintf(p.path, sizeof p.path, "%s/r.sqlite", p.dir.s);
    return p;
}

static void place_end(struct place *p)
{
    file_remove_tree(p->dir.s);
    strbuf_release(&p->dir);
}

static struct store *open_at(const char *path)
{
    struct store *s = NULL;
    CHECK(store_open(path, &s) == AXM_OK, "%s", axm_last_message());
    return s;
}

static struct measurement some(int i)
{
    struct measurement m = { .area_um2 = i + 0.5, .delay_ns = 2, .leakage_nw = 3, .cells = i,
                             .steps = 19999 };
    for (int d = 0; d < STORE_MODELS; d++) {
        m.energy_pj[d] = i + d;
        m.energy_ci95_pj[d] = 0.25 * d;
        m.toggles[d] = 100 * d;
        m.switching_pj[d] = 0.5 * (i + d);
    }
    return m;
}

static struct measurement_key key_of(int i)
{
    struct measurement_key k = { .spec = "exact8s", .netlist_sha256 = "n", .liberty = "l",
                                 .liberty_sha256 = "h", .mode = "flat", .stimulus = "u", .tools = "t",
                                 .input_slew_ns = 0.25, .output_load_pf = 0.5 };
    snprintf(k.key, sizeof k.key, "%064d", i);
    return k;
}

static enum axm_status put(struct store *s, int i)
{
    struct measurement m = some(i);
    struct measurement_key k = key_of(i);
    return store_put(s, &k, &m);
}

static bool has(struct store *s, int i)
{
    char key[65];
    int found;
    struct measurement m, want = some(i);
    snprintf(key, sizeof key, "%064d", i);
    CHECK(store_get(s, key, &m, &found) == AXM_OK, "%s", axm_last_message());
    if (found) {
        assert_true(m.area_um2 == want.area_um2 && m.cells == i && m.steps == 19999 && m.leakage_nw == 3);
        for (int d = 0; d < STORE_MODELS; d++)
            assert_true(m.energy_pj[d] == want.energy_pj[d] && m.toggles[d] == want.toggles[d] &&
                        m.switching_pj[d] == want.switching_pj[d] &&
                        m.energy_ci95_pj[d] == want.energy_ci95_pj[d]);
    }
    return found;
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static enum axm_status count_row(void *ctx, int n, const char *const *names, const char *const *values,
                                 const int *is_number)
{
    (void)names;
    (void)is_number;
    *(long *)ctx = n && values[0] ? strtol(values[0], NULL, 10) : -1;
    return AXM_OK;
}

/* SQLite's own verdict: 0 if the file is sound. */
static int unsound(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int bad = strcmp((const char *)sqlite3_column_text(q, 0), "ok");
    sqlite3_finalize(q);
    sqlite3_close(db);
    return bad;
}

TEST(test_store__gives_back_what_was_put)
{
    struct place p = place_new();
    struct store *s = open_at(p.path);
    assert_string_equal(store_path(s), p.path);
    assert_false(has(s, 1));
    assert_int_equal(put(s, 1), AXM_OK);
    assert_int_equal(put(s, 1), AXM_OK);   /* again: no harm */
    assert_true(has(s, 1) && !has(s, 2));
    store_close(s);
    s = open_at(p.path);
    assert_true(has(s, 1));
    store_close(s);
    place_end(&p);
}

/* A writer tells each result it has stored; after kill -9 at a random moment all of those are there. */
TEST(test_store__survives_kill_9)
{
    struct place p = place_new();
    srand(1);
    store_close(open_at(p.path));
    for (int round = 0, first = 0; round < 10; round++, first += 100000) {
        int told[2], last = first - 1, i;
        assert_int_equal(pipe(told), 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            struct store *s;
            if (store_open(p.path, &s) != AXM_OK)
                _exit(1);
            for (i = first; put(s, i) == AXM_OK && write(told[1], &i, sizeof i) == sizeof i;)
                i++;
            _exit(1);
        }
        close(told[1]);
        usleep(2000 + (useconds_t)(rand() % 40000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(told[0], &i, sizeof i) == sizeof i)
            last = i;
        close(told[0]);
        struct store *s = open_at(p.path);
        for (i = first; i <= last; i++)
            CHECK(has(s, i), "round %d lost result %d of %d", round, i - first, last - first + 1);
        store_close(s);
        assert_int_equal(unsound(p.path), 0);
    }
    place_end(&p);
}

TEST(test_store__two_processes_at_once)
{
    enum { EACH = 60, PROCESSES = 3 };
    struct place p = place_new();
    pid_t child[PROCESSES];
    long n = 0;
    fflush(NULL);
    for (int c = 0; c < PROCESSES; c++) {
        child[c] = fork();
        if (child[c] == 0) {
            struct store *s;   /* they also race for creating it */
            if (store_open(p.path, &s) != AXM_OK)
                _exit(1);
            for (int i = 0; i < EACH; i++)
                if (put(s, c * 1000 + i) != AXM_OK || put(s, 5000 + i) != AXM_OK)
                    _exit(1);
            store_close(s);
            _exit(0);
        }
    }
    for (int c = 0; c < PROCESSES; c++) {
        int end;
        waitpid(child[c], &end, 0);
        assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
    }
    struct store *s = open_at(p.path);
    assert_int_equal(store_query(s, "SELECT count(*) FROM measurement", count_row, &n), AXM_OK);
    assert_int_equal(n, (PROCESSES + 1) * EACH);
    store_close(s);
    place_end(&p);
}

static void check_refused(const char *path, const char *says)
{
    struct capture c;
    struct store *s = NULL;
    capture_begin(&c);
    enum axm_status st = store_open(path, &s);
    capture_end(&c);
    CHECK(st == AXM_ENV && !s && c.messages == 1 && strstr(c.line, says), "%s", c.line);
}

TEST(test_store__refuses_files_that_are_not_ours_bad)
{
    struct place p = place_new();
    assert_int_equal(file_write(p.path, "not a database at all, but long enough to look", 46), AXM_OK);
    check_refused(p.path, "not a database");
    unlink(p.path);
    sql(p.path, "CREATE TABLE theirs (x)");
    check_refused(p.path, "not a result store");
    check_refused("/nonexistent/r.sqlite", "unable to open");
    place_end(&p);
}

TEST(test_store__refuses_a_newer_schema_bad)
{
    struct place p = place_new();
    struct store *s = open_at(p.path);
    assert_int_equal(put(s, 7), AXM_OK);
    store_close(s);
    sql(p.path, "PRAGMA user_version = 999");
    check_refused(p.path, "newer");
    sql(p.path, "PRAGMA user_version = 3");
    s = open_at(p.path);
    assert_true(has(s, 7));
    store_close(s);
    place_end(&p);
}

/* Version 1 as it was released; its rows lack figures and count as not measured, until put again. */
TEST(test_store__migrates_from_versions_0_and_1)
{
    struct place p = place_new();
    assert_int_equal(file_write(p.path, "", 0), AXM_OK);   /* version 0: an empty file */
    struct store *s = open_at(p.path);
    assert_int_equal(put(s, 1), AXM_OK);
    store_close(s);
    unlink(p.path);
    sql(p.path,
        "CREATE TABLE measurement (key TEXT PRIMARY KEY, spec TEXT NOT NULL, netlist_sha256 TEXT NOT NULL,"
        " liberty TEXT NOT NULL, liberty_sha256 TEXT NOT NULL, mode TEXT NOT NULL, stimulus TEXT NOT NULL,"
        " tools TEXT NOT NULL, area_um2 REAL NOT NULL, cells INTEGER NOT NULL, delay_ns REAL NOT NULL,"
        " leakage_nw REAL NOT NULL, energy_zero_pj REAL NOT NULL, energy_zero_ci95_pj REAL NOT NULL,"
        " toggles_zero REAL NOT NULL, energy_unit_pj REAL NOT NULL, energy_unit_ci95_pj REAL NOT NULL,"
        " toggles_unit REAL NOT NULL, energy_liberty_pj REAL NOT NULL, energy_liberty_ci95_pj REAL NOT NULL,"
        " toggles_liberty REAL NOT NULL, steps INTEGER NOT NULL,"
        " measured_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);"
        "INSERT INTO measurement VALUES"
        " ('0000000000000000000000000000000000000000000000000000000000000001','exact8s','n','l','h','flat',"
        " 'u','t',9,9,9,9,9,9,9,9,9,9,9,9,9,9,'2020-01-01');"
        "PRAGMA user_version = 1; PRAGMA application_id = 1096305969");
    s = open_at(p.path);
    long n = 0;
    assert_int_equal(store_query(s, "SELECT count(*) FROM measurement", count_row, &n), AXM_OK);
    assert_int_equal(n, 1);
    assert_false(has(s, 1));
    assert_int_equal(put(s, 1), AXM_OK);
    assert_true(has(s, 1));
    store_close(s);
    place_end(&p);
}

static enum axm_status take_load(void *ctx, int n, const char *const *names, const char *const *values,
                                 const int *is_number)
{
    (void)n, (void)names, (void)is_number;
    snprintf(ctx, 64, "%s %s %s", values[0] ? values[0] : "none", values[1] ? values[1] : "none", values[2]);
    return AXM_OK;
}

/* Version 2 did not say slew and load: the figures stay, and are completed when asked for. */
TEST(test_store__completes_the_load_of_version_2)
{
    static const char load[] = "SELECT input_slew_ns, output_load_pf, measured_at FROM measurement";
    struct place p = place_new();
    struct store *s = open_at(p.path);
    assert_int_equal(put(s, 7), AXM_OK);
    store_close(s);
    sql(p.path, "ALTER TABLE measurement DROP COLUMN input_slew_ns;"
        "ALTER TABLE measurement DROP COLUMN output_load_pf;"
        "UPDATE measurement SET measured_at = '2020-01-01'; PRAGMA user_version = 2");
    s = open_at(p.path);
    struct measurement_key k = key_of(7);
    struct measurement m;
    char text[64];
    int found = 0;
    assert_true(has(s, 7));
    assert_int_equal(store_get(s, k.key, &m, &found), AXM_OK);
    assert_int_equal(found, STORE_WITHOUT_LOAD);
    assert_int_equal(store_put_load(s, &k), AXM_OK);
    assert_int_equal(store_get(s, k.key, &m, &found), AXM_OK);
    assert_int_equal(found, STORE_FOUND);
    assert_int_equal(store_query(s, load, take_load, text), AXM_OK);
    assert_string_equal(text, "0.25 0.5 2020-01-01");
    assert_true(has(s, 7));
    store_close(s);
    place_end(&p);
}

static int fill_disk(void *arg)
{
    const char *path = arg;
    struct capture c;
    struct store *s;
    struct rlimit limit = { 200000, 200000 };
    signal(SIGXFSZ, SIG_IGN);
    if (store_open(path, &s) != AXM_OK || setrlimit(RLIMIT_FSIZE, &limit))
        return 250;
    capture_begin(&c);
    int i = 0;
    while (i < 240 && put(s, i) == AXM_OK)
        i++;
    capture_end(&c);
    return c.messages == 1 && c.st == AXM_ENV && strstr(c.line, path) ? i : 251;
}

/* No file may grow beyond 200 kB: a write fails, is reported, and what was stored before stays. */
TEST(test_store__full_disk_leaves_it_valid)
{
    struct place p = place_new();
    int stored = in_child(fill_disk, p.path);
    CHECK(stored > 0 && stored < 240, "%d", stored);
    assert_int_equal(unsound(p.path), 0);
    struct store *s = open_at(p.path);
    for (int i = 0; i < stored; i++)
        assert_true(has(s, i));
    assert_int_equal(put(s, 1000), AXM_OK);   /* and goes on */
    store_close(s);
    place_end(&p);
}

TEST(test_store__queries_only_read)
{
    static const char *const refused[] = {
        "DELETE FROM measurement", "DROP TABLE measurement", "INSERT INTO measurement (key) VALUES ('x')",
        "SELECT 1; DELETE FROM measurement", "UPDATE measurement SET cells = 0", "", "nonsense",
        "SELECT nothing FROM measurement", "ATTACH 'x.sqlite' AS x", "PRAGMA user_version = 7",
    };
    struct place p = place_new();
    struct store *s = open_at(p.path);
    struct capture c;
    long n = 0;
    assert_int_equal(put(s, 1), AXM_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        capture_begin(&c);
        enum axm_status st = store_query(s, refused[i], count_row, &n);
        capture_end(&c);
        CHECK(st == AXM_USAGE && c.messages == 1, "%s: %d", refused[i], (int)st);
    }
    assert_true(has(s, 1));
    assert_int_equal(store_query(s, "SELECT cells FROM measurement;  ", count_row, &n), AXM_OK);
    assert_int_equal(n, 1);
    char *exports;
    n = 0;
    assert_int_equal(store_export_sql("exact8?", &exports), AXM_OK);
    assert_int_equal(store_query(s, exports, count_row, &n), AXM_OK);
    assert_int_equal(n, 1);   /* as a number, the first column: the key */
    free(exports);
    store_close(s);
    place_end(&p);
}
