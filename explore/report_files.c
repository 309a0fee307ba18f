/* The report's sections that come from files of axmul infer, ip and search. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "explore/csv.h"
#include "explore/report_data.h"
#include "synth/coef.h"

enum { POINTS_MAX = 4000, LAYERS_MAX = 4096, DIGITS = 7 };

/* A page that is handed on should not tell where its files lay. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "report: out of memory");
}

/* --- network accuracy -------------------------------------------------------------------------- */

/* One set for each network, images and operand order that occur, in order. */
static enum axm_status add_accuracy(const char *path, struct json *j)
{
    static const char *const keys[] = { "model", "images", "images_of", "first", "order" };
    enum { KEYS = 5, MODEL = 0, IMAGES, IMAGES_OF, FIRST, ORDER };
    struct csv c;
    int at[KEYS], mult, top1, low, high;
    enum axm_status st = csv_read(path, &c);
    if (st != AXM_OK)
        return st;
    st = csv_need(&c, path, "mult", &mult);
    if (st == AXM_OK)
        st = csv_need(&c, path, "top1_percent", &top1);
    low = csv_column(&c, "top1_low_percent");
    high = csv_column(&c, "top1_high_percent");
    for (int k = 0; k < KEYS; k++)
        at[k] = csv_column(&c, keys[k]);
    bool *done = calloc(c.rows + 1, sizeof *done);
    if (st == AXM_OK && !done)
        st = out_of_memory();
    for (size_t first = 0; first < c.rows && st == AXM_OK; first++) {
        if (done[first])
            continue;
        struct strbuf name = { 0 };
        /* a model is a name or a long hash */
        strbuf_addf(&name, "model %.12s, %s of %s images", base_name(csv_cell(&c, first, at[MODEL])),
                    csv_cell(&c, first, at[IMAGES]), csv_cell(&c, first, at[IMAGES_OF]));
        if (*csv_cell(&c, first, at[FIRST]) && strcmp(csv_cell(&c, first, at[FIRST]), "0"))
            strbuf_addf(&name, " from %s", csv_cell(&c, first, at[FIRST]));
        if (*csv_cell(&c, first, at[ORDER]))
            strbuf_addf(&name, ", weight: %s", csv_cell(&c, first, at[ORDER]));
        json_open(j, '{');
        json_key(j, "name");
        json_text(j, name.failed ? NULL : name.s);
        json_key(j, "of");
        json_open(j, '{');
        for (size_t i = first; i < c.rows; i++) {
            bool same = !done[i];
            for (int k = 0; k < KEYS && same; k++)
                same = !strcmp(csv_cell(&c, i, at[k]), csv_cell(&c, first, at[k]));
            if (!same)
                continue;
            done[i] = true;
            json_key(j, csv_cell(&c, i, mult));
            json_open(j, '[');
            json_real(j, csv_number(&c, i, top1), DIGITS);
            json_real(j, low < 0 ? NAN : csv_number(&c, i, low), DIGITS);
            json_real(j, high < 0 ? NAN : csv_number(&c, i, high), DIGITS);
            json_close(j, ']');
        }
        json_close(j, '}');
        json_close(j, '}');
        strbuf_release(&name);
    }
    free(done);
    csv_release(&c);
    return st;
}

/* --- tables that the page draws as they are ------------------------------------------------------- */

/* {"file":NAME,"rows":[[...]]} of the named columns; what is not there is null. */
static enum axm_status add_columns(const char *path, const char *const *keys, int needed, struct json *j)
{
    struct csv c;
    enum axm_status st = csv_read(path, &c);
    if (st != AXM_OK)
        return st;
    int column = 0;
    for (int k = 0; k < needed && st == AXM_OK; k++)
        st = csv_need(&c, path, keys[k], &column);
    json_open(j, '{');
    json_key(j, "file");
    json_text(j, base_name(path));
    json_key(j, "rows");
    json_open(j, '[');
    for (size_t i = 0; i < c.rows && st == AXM_OK; i++) {
        json_open(j, '[');
        for (int k = 0; keys[k]; k++) {
            int at = csv_column(&c, keys[k]);
            double v = at < 0 ? NAN : csv_number(&c, i, at);
            if (at >= 0 && isnan(v))
                json_text(j, *csv_cell(&c, i, at) ? csv_cell(&c, i, at) : NULL);
            else
                json_real(j, v, 10);
        }
        json_close(j, ']');
    }
    json_close(j, ']');
    json_close(j, '}');
    csv_release(&c);
    return st;
}

static enum axm_status add_plane(const char *path, struct json *j)
{
    static const char *const keys[] = { "row", "layer", "i_xt_bits", "i_ty_bits", "epoch", NULL };
    return add_columns(path, keys, 4, j);
}

static enum axm_status add_history(const char *path, struct json *j)
{
    static const char *const keys[] = { "generation", "evaluations", "best_correct", "images", "remembered",
                                        "run", "seconds", "best_cost", NULL };
    return add_columns(path, keys, 4, j);
}

/* --- logs of searches --------------------------------------------------------------------------------- */

/* The printed coefficient of a multiplier; NaN if Table 4 has it not. */
static double published_coefficient(const char *spec)
{
    struct axm_spec s;
    char text[AXM_SPEC_MAX];
    for (int i = 0; i < COEF_PUBLISHED; i++) {
        coef_published_spec(i, &s);
        axm_spec_print(&s, text);
        if (!strcmp(text, spec))
            return coef_published[i].coefficient;
    }
    return strcmp(spec, "exact8s") ? NAN : 1;
}

struct space {
    char *text;              /* of multipliers, cut at commas */
    const char **mult;
    double *coefficient;     /* [mults] */
    int mults, layers;
    bool costs;              /* the layers are Table 7's and Table 4 has every multiplier */
};

static enum axm_status open_space(const char *network, const char *layers, const char *mults, struct space *s)
{
    *s = (struct space){ .text = strdup(mults), .layers = 1, .mults = 1 };
    for (const char *p = layers; *p; p++)
        s->layers += *p == ',';
    for (const char *p = mults; *p; p++)
        s->mults += *p == ',';
    s->mult = calloc((size_t)s->mults, sizeof *s->mult);
    s->coefficient = calloc((size_t)s->mults, sizeof *s->coefficient);
    if (!s->text || !s->mult || !s->coefficient)
        return out_of_memory();
    s->costs = s->layers == COEF_LAYERS && strstr(network, "lenet5i");
    char *at = s->text;
    for (int i = 0; i < s->mults; i++) {
        s->mult[i] = at;
        at += strcspn(at, ",");
        if (*at)
            *at++ = '\0';
        s->coefficient[i] = published_coefficient(s->mult[i]);
        s->costs &= !isnan(s->coefficient[i]);
    }
    return AXM_OK;
}

static void close_space(struct space *s)
{
    free(s->text);
    free(s->mult);
    free(s->coefficient);
}

/* [top1_percent, saving by the paper's formula, plain saving], the last two null without coefficients. */
static void add_point(const struct space *s, const uint8_t *genome, double top1_percent, struct json *j)
{
    double coefficient[COEF_LAYERS] = { 0 };
    struct coef_saving saving = { NAN, NAN };
    for (int l = 0; l < COEF_LAYERS && s->costs; l++)
        coefficient[l] = s->coefficient[genome[l]];
    if (s->costs)
        saving = coef_network_saving(coefficient);
    json_open(j, '[');
    json_real(j, top1_percent, DIGITS);
    json_real(j, saving.paper_percent, DIGITS);
    json_real(j, saving.plain_percent, DIGITS);
    json_close(j, ']');
}

static bool is_genome(const struct space *s, const uint8_t *genome, int len)
{
    if (len != s->layers || !genome)
        return false;
    for (int l = 0; l < len; l++)
        if (genome[l] >= s->mults)
            return false;
    return true;
}

static enum axm_status sql_failed(sqlite3 *db, const char *path)
{
    return fail(AXM_ENV, "%s: %s", path, sqlite3_errmsg(db));
}

/* All that was scored in one space on so many images: points, the best, one multiplier in all layers. */
static enum axm_status add_scores(sqlite3 *db, const char *path, const struct space *s, const char *key,
                                  sqlite3_int64 images, sqlite3_int64 n, struct json *j)
{
    sqlite3_stmt *q;
    struct strbuf homogeneous = { 0 };
    struct json same = { .out = &homogeneous };
    sqlite3_int64 stride = (n + POINTS_MAX - 1) / POINTS_MAX, i = 0, best = -1;
    uint8_t best_genome[LAYERS_MAX] = { 0 };
    static const char sql[] = "SELECT genome, hits FROM score WHERE key = ? AND images = ? ORDER BY genome";
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        return sql_failed(db, path);
    sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, images);
    json_key(j, "points");
    json_open(j, '[');
    json_open(&same, '{');
    int step;
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        const uint8_t *genome = sqlite3_column_blob(q, 0);
        int len = sqlite3_column_bytes(q, 0);
        sqlite3_int64 hits = sqlite3_column_int64(q, 1);
        if (!is_genome(s, genome, len))
            continue;
        double top1_percent = 100 * (double)hits / (double)images;
        if (!memcmp(genome, genome + 1, (size_t)len - 1)) {
            json_key(&same, s->mult[genome[0]]);
            json_open(&same, '[');
            json_real(&same, top1_percent, DIGITS);
            json_close(&same, ']');
        }
        if (hits > best) {
            best = hits;
            memcpy(best_genome, genome, (size_t)len);
        }
        if (i++ % stride == 0)
            add_point(s, genome, top1_percent, j);
    }
    json_close(j, ']');
    json_close(&same, '}');
    enum axm_status st = step == SQLITE_DONE ? AXM_OK : sql_failed(db, path);
    sqlite3_finalize(q);
    if (st == AXM_OK && homogeneous.failed)
        st = out_of_memory();
    if (st == AXM_OK) {
        json_key(j, "homogeneous");
        strbuf_adds(j->out, homogeneous.s);
        j->comma = true;
    }
    json_key(j, "best");
    json_open(j, '[');
    for (int l = 0; l < s->layers && best >= 0; l++)
        json_text(j, s->mult[best_genome[l]]);
    json_close(j, ']');
    json_key(j, "best_correct");
    json_int(j, best);
    strbuf_release(&homogeneous);
    return st;
}

static const char *text_column(sqlite3_stmt *q, int i)
{
    const char *s = (const char *)sqlite3_column_text(q, i);
    return s ? s : "";
}

static enum axm_status add_spaces(sqlite3 *db, const char *path, struct json *j)
{
    static const char sql[] =
        "SELECT s.key, s.network, s.layers, s.multipliers, c.images, count(*) FROM space s JOIN score c"
        " ON c.key = s.key GROUP BY s.key, c.images"
        " ORDER BY s.network, s.layers, s.multipliers, c.images, s.key";
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        return fail(AXM_USAGE, "%s: not a log of axmul search that says what its scores are of (%s)", path,
                    sqlite3_errmsg(db));
    enum axm_status st = AXM_OK;
    int step = SQLITE_DONE;
    while (st == AXM_OK && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct space s;
        const char *layers = text_column(q, 2);
        sqlite3_int64 images = sqlite3_column_int64(q, 4), n = sqlite3_column_int64(q, 5);
        st = open_space(text_column(q, 1), layers, text_column(q, 3), &s);
        if (st == AXM_OK && (s.layers > LAYERS_MAX || images <= 0))
            st = fail(AXM_USAGE, "%s: %d layers on %lld images", path, s.layers, (long long)images);
        if (st == AXM_OK) {
            json_open(j, '{');
            json_key(j, "file");
            json_text(j, base_name(path));
            json_key(j, "network");
            json_text(j, text_column(q, 1));
            json_key(j, "layers");
            json_text(j, layers);
            json_key(j, "multipliers");
            json_int(j, s.mults);
            json_key(j, "images");
            json_int(j, images);
            json_key(j, "evaluated");
            json_int(j, n);
            st = add_scores(db, path, &s, text_column(q, 0), images, n, j);
            json_close(j, '}');
        }
        close_space(&s);
    }
    if (st == AXM_OK && step != SQLITE_DONE)
        st = sql_failed(db, path);
    sqlite3_finalize(q);
    return st;
}

static enum axm_status add_search(const char *path, struct json *j)
{
    sqlite3 *db = NULL;
    enum axm_status st = AXM_OK;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        st = sql_failed(db, path);
    if (st == AXM_OK) {
        sqlite3_busy_timeout(db, 60000);
        st = add_spaces(db, path, j);
    }
    sqlite3_close(db);
    return st;
}

/* --- all ------------------------------------------------------------------------------------- */

enum axm_status report_files(const struct report_opts *o, struct json *j)
{
    const struct {
        const char *key;
        const char *const *files;
        enum axm_status (*add)(const char *path, struct json *j);
    } section[] = {
        { "accuracy", o->accuracy, add_accuracy },
        { "planes", o->plane, add_plane },
        { "searches", o->search, add_search },
        { "history", o->history, add_history },
    };
    enum axm_status st = AXM_OK;
    for (size_t i = 0; i < sizeof section / sizeof *section; i++) {
        json_key(j, section[i].key);
        json_open(j, '[');
        for (const char *const *f = section[i].files; f && *f && st == AXM_OK; f++)
            st = section[i].add(*f, j);
        json_close(j, ']');
    }
    return st;
}
