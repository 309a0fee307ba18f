#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "cli/common.h"
#include "dnn/data.h"
#include "dnn/train.h"

static const struct cli_option options[] = {
    { "output", 'o', "DIR", "results, checkpoints and a CSV for each cell; nothing there is done again" },
    { "epochs", 0, "N", "of each cell (default 5; the paper: 5000)" },
    { "batch", 0, "LIST", "batch sizes (default 256,512,1024,2048,4096)" },
    { "lr", 0, "LIST", "learning rates (default 1e-3,5e-4,1e-4,5e-5,1e-5)" },
    { "validation", 0, "N", "the last so many training images are held out (default 10000)" },
    { "images", 0, "N", "the first so many training images (default: all)" },
    { "data-dir", 0, "DIR", "where the data set lies; default: the cache, filled from its source" },
    { 0 },
};

static const char help[] =
    "Trains a network once for each batch size and learning rate, as Table 9 of Shakibhamedan et al.\n"
    "2024 does for lenet5i: Adam, constant learning rate, cross-entropy, 10,000 of the training\n"
    "images held out, no augmentation; the epoch that is best on the held out images is kept and\n"
    "scored once on the test images. The printed accuracies, after 5000 epochs, stand beside ours;\n"
    "an epoch of a cell takes some seconds, so that all of the paper's would take days.\n"
    "\n"
    "What is done is kept in DIR/sweep.csv, a cell that was interrupted goes on from its checkpoint.\n"
    "\n"
    "  axmul sweep lenet5i -o sweep --epochs 5\n"
    "  axmul sweep lenet5i -o sweep --epochs 5000 --batch 1024 --lr 1e-4\n";

/* For programs; docs/formats.md promises these columns. */
static const struct table_column columns[] = {
    { "batch", NULL, CELL_INT, 0 },
    { "lr", NULL, CELL_TEXT, 0 },
    { "epochs", NULL, CELL_INT, 0 },
    { "best_epoch", "best epoch", CELL_INT, 0 },
    { "validation_top1_percent", "validation %", CELL_REAL, -2 },
    { "test_top1_percent", "test %", CELL_REAL, -2 },
    { "printed_percent", "printed %", CELL_REAL, -2 },
    { "network", NULL, CELL_TEXT, 0 },
    { "seed", NULL, CELL_UINT, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns, COLUMNS_TEXT = 7 };

/* Table 9. */
enum { PUBLISHED = 5, LIST_MAX = 32 };
static const int published_batch[PUBLISHED] = { 256, 512, 1024, 2048, 4096 };
static const double published_lr[PUBLISHED] = { 1e-3, 5e-4, 1e-4, 5e-5, 1e-5 };
static const double published[PUBLISHED][PUBLISHED] = {
    { 99.19, 99.19, 99.19, 99.20, 99.21 },
    { 99.20, 99.21, 99.22, 99.22, 99.22 },
    { 99.23, 99.24, 99.25, 99.24, 99.24 },
    { 99.23, 99.23, 99.24, 99.24, 99.24 },
    { 99.24, 99.24, 99.24, 99.24, 99.24 },
};

struct cell {
    int batch;
    char lr[24];             /* as given, or as Table 9 has it */
    int best_epoch;
    double validation, test; /* shares */
};

struct job {
    const struct cli_args *args;
    const struct net *net;
    const char *dir;
    int epochs;
    size_t validation, count;
    struct images im, test;
    struct strbuf done, done_path;
    int batches, lrs;
    double batch[LIST_MAX], lr[LIST_MAX];
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "sweep: out of memory");
}

static double printed(const struct job *j, int batch, double lr)
{
    for (int b = 0; b < PUBLISHED; b++)
        for (int l = 0; l < PUBLISHED; l++)
            if (!strcmp(j->net->name, "lenet5i") && published_batch[b] == batch && published_lr[l] == lr)
                return published[b][l];
    return NAN;
}

/* --- cells that are done ------------------------------------------------------------------------ */

static const char header[] =
    "network,images,validation,seed,epochs,batch,lr,best_epoch,validation_top1,test_top1";

static void add_key(const struct job *j, const struct cell *c, struct strbuf *s)
{
    strbuf_addf(s, "%s,%zu,%zu,%" PRIu64 ",%d,%d,%s,", j->net->name, j->count, j->validation, j->args->seed,
                j->epochs, c->batch, c->lr);
}

static enum axm_status read_done(struct job *j)
{
    outfile_remove_stale(j->done_path.s);
    if (!file_exists(j->done_path.s)) {
        strbuf_addf(&j->done, "%s\n", header);
        return AXM_OK;
    }
    size_t head = sizeof header - 1;
    enum axm_status st = file_read(j->done_path.s, 64 << 20, &j->done);
    if (st == AXM_OK && (j->done.len <= head || memcmp(j->done.s, header, head) || j->done.s[head] != '\n' ||
                         j->done.s[j->done.len - 1] != '\n'))
        st = fail(AXM_USAGE, "%s: not a file that axmul sweep wrote; its first line must be %s",
                  j->done_path.s, header);
    return st;
}

static bool find_done(const struct job *j, struct cell *c)
{
    struct strbuf key = { 0 };
    bool found = false;
    add_key(j, c, &key);
    for (const char *line = j->done.s; !key.failed && *line && !found; line += strcspn(line, "\n") + 1)
        found = !strncmp(line, key.s, key.len) && sscanf(line + key.len, "%d,%lf,%lf", &c->best_epoch,
                                                         &c->validation, &c->test) == 3;
    strbuf_release(&key);
    return found;
}

static enum axm_status add_done(struct job *j, const struct cell *c)
{
    add_key(j, c, &j->done);
    strbuf_addf(&j->done, "%d,%.17g,%.17g\n", c->best_epoch, c->validation, c->test);
    return j->done.failed ? out_of_memory() : file_write(j->done_path.s, j->done.s, j->done.len);
}

/* --- one cell ------------------------------------------------------------------------------------- */

static enum axm_status train_cell(struct job *j, struct cell *c)
{
    struct strbuf checkpoint = { 0 }, csv = { 0 };
    struct graph *g = NULL;
    struct train_result r;
    struct train_opts o;
    size_t hits = 0;
    struct images view = j->im;
    view.count = j->count;
    train_defaults(j->net->name, &o);
    o.epochs = j->epochs;
    o.batch = c->batch;
    o.shard = c->batch % o.shard ? c->batch : o.shard;
    o.optimizer = OPT_ADAMW;
    o.schedule = SCHED_CONSTANT;
    o.lr = (float)strtod(c->lr, NULL);
    o.weight_decay = 0;
    o.label_smoothing = 0;
    o.augment = (struct augment){ 0 };
    o.validation = j->validation;
    o.keep_best = true;
    o.seed = j->args->seed;
    strbuf_addf(&checkpoint, "%s/batch%d-lr%s-epochs%d.checkpoint", j->dir, c->batch, c->lr, j->epochs);
    strbuf_addf(&csv, "%s/batch%d-lr%s-epochs%d.csv", j->dir, c->batch, c->lr, j->epochs);
    o.checkpoint = checkpoint.s;
    o.csv = csv.s;
    enum axm_status st = checkpoint.failed || csv.failed ? out_of_memory() : j->net->build(&g);
    if (st == AXM_OK) {
        note("batch %d, learning rate %s", c->batch, c->lr);
        train_init(g, o.seed);
        st = train_run(g, &view, &o, &r);
    }
    if (st == AXM_OK)
        st = float_infer(g, &j->test, 0, j->test.count, NULL, &hits);
    if (st == AXM_OK) {
        c->best_epoch = r.best_epoch;
        c->validation = r.validation_top1;
        c->test = (double)hits / (double)j->test.count;
        st = add_done(j, c);
    }
    if (st == AXM_OK)
        unlink(checkpoint.s);
    graph_free(g);
    strbuf_release(&checkpoint);
    strbuf_release(&csv);
    return st;
}

static enum axm_status sweep(struct job *j)
{
    bool text = j->args->format == CLI_TEXT;
    struct table *t = table_new(columns, text ? COLUMNS_TEXT : COLUMNS);
    enum axm_status st = t ? AXM_OK : out_of_memory();
    for (int i = 0; i < j->batches * j->lrs && st == AXM_OK; i++) {
        struct cell c = { .batch = (int)j->batch[i / j->lrs] };
        double lr = j->lr[i % j->lrs];
        snprintf(c.lr, sizeof c.lr, "%g", lr);
        if (!find_done(j, &c))
            st = train_cell(j, &c);
        table_int(t, c.batch);
        table_text(t, c.lr);
        table_int(t, j->epochs);
        table_int(t, c.best_epoch);
        table_real(t, 100 * c.validation);
        table_real(t, 100 * c.test);
        table_real(t, printed(j, c.batch, lr));
        if (!text) {
            table_text(t, j->net->name);
            table_uint(t, j->args->seed);
        }
    }
    if (st == AXM_STOPPED)
        note("%s: what was done is kept; the same command goes on from there", j->dir);
    if (st == AXM_OK)
        st = table_print(t, stdout, j->args->format);
    table_free(t);
    return st;
}

/* --- options ---------------------------------------------------------------------------------------- */

static enum axm_status get_list(const struct cli_args *a, const char *name, const char *fallback, double lo,
                                double hi, bool whole, double *out, int *n)
{
    const char *text = cli_get(a, name) ? cli_get(a, name) : fallback;
    for (*n = 0; *n < LIST_MAX; (*n)++) {
        char *end;
        double v = strtod(text, &end);
        if (end == text || (*end && *end != ',') || !(v >= lo && v <= hi) || (whole && v != floor(v)))
            return fail(AXM_USAGE, "--%s must be %s %g..%g with commas between, got \"%s\"", name,
                        whole ? "whole numbers" : "numbers", lo, hi, text);
        out[*n] = v;
        if (!*end) {
            (*n)++;
            return AXM_OK;
        }
        text = end + 1;
    }
    return fail(AXM_USAGE, "--%s has more than %d numbers", name, LIST_MAX);
}

static enum axm_status get_options(struct job *j)
{
    const struct cli_args *a = j->args;
    int64_t epochs, validation, images;
    const struct data_set *set;
    enum axm_status st = data_set_find(j->net->data_set, &set);
    if (st == AXM_OK)
        st = cli_get_int(a, "epochs", 1, 100000, 5, &epochs);
    if (st == AXM_OK)
        st = cli_get_int(a, "images", 2, (int64_t)set->n_train, (int64_t)set->n_train, &images);
    if (st == AXM_OK)
        st = cli_get_int(a, "validation", 1, images - 1, images > 10000 ? 10000 : images / 5, &validation);
    if (st == AXM_OK)
        st = get_list(a, "batch", "256,512,1024,2048,4096", 1, (double)(images - validation), true, j->batch,
                      &j->batches);
    if (st == AXM_OK)
        st = get_list(a, "lr", "1e-3,5e-4,1e-4,5e-5,1e-5", 1e-9, 10, false, j->lr, &j->lrs);
    if (st != AXM_OK)
        return st;
    j->epochs = (int)epochs;
    j->validation = (size_t)validation;
    j->count = (size_t)images;
    return AXM_OK;
}

static enum axm_status run(const struct cli_args *args)
{
    struct job j = { .args = args, .dir = cli_get(args, "output") };
    if (!j.dir)
        return fail(AXM_USAGE, "sweep: -o DIR says where the results go");
    enum axm_status st = net_find(args->operand[0], &j.net);
    if (st == AXM_OK)
        st = get_options(&j);
    if (st == AXM_OK)
        st = file_mkdirs(j.dir);
    strbuf_addf(&j.done_path, "%s/sweep.csv", j.dir);
    if (st == AXM_OK && j.done_path.failed)
        st = out_of_memory();
    if (st == AXM_OK)
        st = read_done(&j);
    if (st == AXM_OK)
        st = data_load(j.net->data_set, cli_get(args, "data-dir"), false, &j.im);
    if (st == AXM_OK)
        st = data_load(j.net->data_set, cli_get(args, "data-dir"), true, &j.test);
    if (st == AXM_OK)
        st = sweep(&j);
    images_release(&j.im);
    images_release(&j.test);
    strbuf_release(&j.done);
    strbuf_release(&j.done_path);
    return st;
}

const struct cli_command cmd_sweep = {
    .name = "sweep",
    .synopsis = "NET -o DIR",
    .brief = "train for each batch size and learning rate: Table 9",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
