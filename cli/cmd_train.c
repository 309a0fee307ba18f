#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "cli/common.h"
#include "dnn/augment.h"
#include "dnn/executor.h"
#include "dnn/model.h"
#include "dnn/train.h"

static const char optimizer_words[] = "adamw|sgd";
static const char schedule_words[] = "constant|step|cosine|one-cycle";
static const char protocol_words[] = "honest|paper";

static const struct cli_option options[] = {
    { "output", 'o', "FILE", "the model" },
    { "epochs", 0, "N", "passes over the training images" },
    { "batch", 0, "N", "images a step, a multiple of the shard" },
    { "shard", 0, "N", "images that one thread takes and batch norm sees at a time" },
    { "optimizer", 0, optimizer_words, "how a step follows the gradient" },
    { "schedule", 0, schedule_words, "of the learning rate" },
    { "lr", 0, "RATE", "the highest learning rate" },
    { "momentum", 0, "M", "of sgd" },
    { "weight-decay", 0, "W", "of weights; not of biases and batch norm" },
    { "label-smoothing", 0, "S", "0..0.99" },
    { "dropout", 0, "RATE", "of all dropout layers, instead of the network's own" },
    { "step-epochs", 0, "N", "schedule step: epochs between two reductions" },
    { "step-factor", 0, "F", "schedule step: what they multiply by" },
    { "augment", 0, "LIST",
      "none, or with commas: shift=PIXELS rotate=DEGREES scale=SHARE shear=DEGREES crop=PIXELS flip" },
    { "validation", 0, "N", "the last so many training images are held out" },
    { "keep-best", 0, NULL, "end with the epoch that was best on them, not with the last" },
    { "protocol", 0, protocol_words, "paper: validate on the test images, keep the best epoch" },
    { "checkpoint", 0, "FILE", "kept; default: MODEL.checkpoint, deleted at the end" },
    { "checkpoint-steps", 0, "N", "write it every so many steps, too (0: after each epoch)" },
    { "fresh", 0, NULL, "begin again, whatever the checkpoint has" },
    { "csv", 0, "FILE", "a line for each epoch" },
    { "data", 0, "SET", "data set (default: the network's own)" },
    { "images", 0, "N", "the first so many training images (default: all)" },
    { "keep-epochs", 0, "DIR", "the network after each epoch, for axmul ip" },
    { "data-dir", 0, "DIR", "where the data set lies; default: the cache, filled from its source" },
    { 0 },
};

static const char help[] =
    "Trains one of the built-in networks in float32 and stores it as a model file.\n"
    "Without options every network gets settings that suit it. A run that was interrupted\n"
    "goes on from its checkpoint when the same command is given again, and ends with the\n"
    "same bits as one that was not; they depend on the seed, the processor's instruction\n"
    "set and oneDNN's version, not on the number of threads.\n"
    "\n"
    "The test images are looked at once, at the end. With --protocol paper they serve for\n"
    "validation, as in Shakibhamedan et al. 2024, and the epoch that is best on them is\n"
    "kept: its accuracy is then no estimate of what unseen images give.\n"
    "\n"
    "  axmul train lenet5i -o lenet5i.axm\n"
    "  axmul train lenet5i -o lenet5i.axm --epochs 5 --csv epochs.csv --seed 7\n"
    "  axmul train resnet8 -o resnet8.axm --optimizer sgd --lr 0.1 --schedule cosine\n"
    "  axmul train lenet5 -o fashion.axm --data fashion-mnist --epochs 10\n";

static const struct table_column columns[] = {
    { "network", NULL, CELL_TEXT, 0 },
    { "seed", NULL, CELL_UINT, 0 },
    { "protocol", NULL, CELL_TEXT, 0 },
    { "epochs", NULL, CELL_INT, 0 },
    { "train_loss", "loss", CELL_REAL, 4 },
    { "validation_top1_percent", "validation %", CELL_REAL, -2 },
    { "test_top1_percent", "test %", CELL_REAL, -2 },
};
enum { COLUMNS = 7 };

/* --- options ---------------------------------------------------------------------------- */

static enum axm_status get_real(const struct cli_args *a, const char *name, float *out)
{
    const char *text = cli_get(a, name);
    char *end;
    if (!text)
        return AXM_OK;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v))
        return fail(AXM_USAGE, "--%s must be a number, got \"%s\"", name, text);
    *out = (float)v;
    return AXM_OK;
}

static enum axm_status get_count(const struct cli_args *a, const char *name, int64_t lo, int *out)
{
    int64_t v;
    enum axm_status st = cli_get_int(a, name, lo, 1000000, *out, &v);
    *out = (int)v;
    return st;
}

static enum axm_status get_word(const struct cli_args *a, const char *name, const char *words, int *out)
{
    const char *word = cli_get(a, name);
    char text[CLI_WORDS_TEXT];
    int v = word ? cli_word(words, word) : *out;
    if (v < 0)
        return fail(AXM_USAGE, "--%s must be %s, got \"%s\"", name, cli_words_text(words, text), word);
    *out = v;
    return AXM_OK;
}

static enum axm_status get_opts(const struct cli_args *a, struct train_opts *o, bool *paper)
{
    const struct { const char *name; int lo; int *to; } count[] = {
        { "epochs", 1, &o->epochs }, { "batch", 1, &o->batch }, { "shard", 1, &o->shard },
        { "step-epochs", 1, &o->step_epochs }, { "checkpoint-steps", 0, &o->checkpoint_steps },
    };
    const struct { const char *name; float *to; } real[] = {
        { "lr", &o->lr }, { "momentum", &o->momentum }, { "weight-decay", &o->weight_decay },
        { "label-smoothing", &o->label_smoothing }, { "step-factor", &o->step_factor },
    };
    int optimizer = (int)o->optimizer, schedule = (int)o->schedule, protocol = 0;
    int validation = (int)o->validation;
    enum axm_status st = AXM_OK;
    for (size_t i = 0; i < sizeof count / sizeof *count && st == AXM_OK; i++)
        st = get_count(a, count[i].name, count[i].lo, count[i].to);
    for (size_t i = 0; i < sizeof real / sizeof *real && st == AXM_OK; i++)
        st = get_real(a, real[i].name, real[i].to);
    if (st == AXM_OK)
        st = get_count(a, "validation", 0, &validation);
    if (st == AXM_OK)
        st = get_word(a, "optimizer", optimizer_words, &optimizer);
    if (st == AXM_OK)
        st = get_word(a, "schedule", schedule_words, &schedule);
    if (st == AXM_OK)
        st = get_word(a, "protocol", protocol_words, &protocol);
    if (st == AXM_OK && cli_get(a, "augment"))
        st = augment_parse(cli_get(a, "augment"), &o->augment);
    if (st == AXM_OK && protocol == 1 && cli_get(a, "validation"))
        st = fail(AXM_USAGE, "--protocol paper validates on the test images, so --validation has no meaning");
    o->optimizer = (enum optimizer)optimizer;
    o->schedule = (enum schedule)schedule;
    o->validation = (size_t)validation;
    o->keep_best |= cli_flag(a, "keep-best") || protocol == 1;
    o->fresh = cli_flag(a, "fresh");
    o->csv = cli_get(a, "csv");
    o->keep_epochs = cli_get(a, "keep-epochs");
    o->checkpoint = cli_get(a, "checkpoint");
    o->seed = a->seed;
    *paper = protocol == 1;
    return st;
}

static enum axm_status set_dropout(const struct cli_args *a, struct graph *g)
{
    float rate = -1;
    enum axm_status st = get_real(a, "dropout", &rate);
    if (st != AXM_OK || !cli_get(a, "dropout"))
        return st;
    if (!(rate >= 0 && rate < 1))
        return fail(AXM_USAGE, "--dropout must be at least 0 and less than 1, got %s", cli_get(a, "dropout"));
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].op == OP_DROPOUT)
            g->node[i].rate = rate;
    return AXM_OK;
}

/* --- the model -------------------------------------------------------------------------------- */

struct outcome {
    struct train_result result;
    size_t images;             /* of the data set, held out ones included */
    bool all;                  /* that is every training image */
    bool paper;
    double test_top1;
};

/* How to make it again, and what it reached; without dates and times, so that the same run gives
 * the same file.  cJSON_free() it; NULL if out of memory. */
static char *provenance(const struct graph *g, const struct train_opts *o, const struct outcome *r)
{
    char augment[AUGMENT_TEXT];
    cJSON *j = cJSON_CreateObject(), *t = cJSON_AddObjectToObject(j, "training");
    const struct { const char *name; double value; } number[] = {
        { "epochs", o->epochs }, { "batch", o->batch }, { "shard", o->shard }, { "lr", o->lr },
        { "momentum", o->momentum }, { "weight_decay", o->weight_decay },
        { "label_smoothing", o->label_smoothing }, { "step_epochs", o->step_epochs },
        { "step_factor", o->step_factor }, { "validation", r->paper ? 0 : (double)o->validation },
    };
    bool ok = t && cJSON_AddStringToObject(j, "made_by", "axmul " AXM_VERSION " train") &&
              cJSON_AddStringToObject(j, "network", g->name) &&
              cJSON_AddStringToObject(j, "data_set", g->data_set) &&
              cJSON_AddStringToObject(j, "onednn", onednn_version()) &&
              cJSON_AddStringToObject(j, "cpu_isa", onednn_cpu_isa()) &&
              cJSON_AddStringToObject(t, "protocol", r->paper ? "paper" : "honest") &&
              cJSON_AddNumberToObject(t, "seed", (double)o->seed) &&
              cJSON_AddStringToObject(t, "optimizer", optimizer_names[o->optimizer]) &&
              cJSON_AddStringToObject(t, "schedule", schedule_names[o->schedule]) &&
              cJSON_AddStringToObject(t, "augment", augment_text(&o->augment, augment)) &&
              cJSON_AddBoolToObject(t, "keep_best", o->keep_best);
    for (size_t i = 0; i < sizeof number / sizeof *number && ok; i++) {
        char text[32];   /* a float's own digits: 0.004, not 0.0040000000189989805 */
        snprintf(text, sizeof text, "%.7g", number[i].value);
        ok = cJSON_AddRawToObject(t, number[i].name, text);
    }
    if (ok && !r->all)
        ok = cJSON_AddNumberToObject(t, "images", (double)r->images);
    if (ok && !isnan(r->result.validation_top1))
        ok = cJSON_AddNumberToObject(j, "validation_top1", r->result.validation_top1);
    ok = ok && cJSON_AddNumberToObject(j, "test_top1", r->test_top1);
    char *text = ok ? cJSON_Print(j) : NULL;
    cJSON_Delete(j);
    return text;
}

static enum axm_status store(const char *path, const struct graph *g, const struct train_opts *o,
                             const struct outcome *r)
{
    char *text = provenance(g, o, r);
    enum axm_status st = text ? model_save(path, g, text) : fail(AXM_ENV, "%s: out of memory", path);
    cJSON_free(text);
    return st;
}

static enum axm_status print(const struct cli_args *args, const struct graph *g, const struct outcome *r)
{
    struct table *t = table_new(columns, COLUMNS);
    if (!t)
        return fail(AXM_ENV, "train: out of memory");
    table_text(t, g->name);
    table_uint(t, args->seed);
    table_text(t, r->paper ? "paper: selected on the test images" : "honest");
    table_int(t, r->result.epochs_done);
    table_real(t, r->result.train_loss);
    table_real(t, 100 * r->result.validation_top1);
    table_real(t, 100 * r->test_top1);
    enum axm_status st = table_print(t, stdout, args->format);
    table_free(t);
    return st;
}

/* The data set that --data names, if its images are what the network reads. */
static enum axm_status set_data(const struct cli_args *args, struct graph *g, const struct data_set **set)
{
    const char *name = cli_get(args, "data");
    struct shape want = g->node[0].out;
    int outputs = (int)shape_count(g->node[g->n_nodes - 1].out);
    enum axm_status st = data_set_find(name ? name : g->data_set, set);
    if (st != AXM_OK)
        return st;
    struct shape got = (*set)->shape;
    if (want.c != got.c || want.h != got.h || want.w != got.w)
        return fail(AXM_USAGE, "--data %s: %s reads images of %dx%dx%d, these have %dx%dx%d", name, g->name,
                    want.c, want.h, want.w, got.c, got.h, got.w);
    if (outputs != (*set)->classes)
        return fail(AXM_USAGE, "--data %s: %s tells %d classes apart, these are %d", name, g->name, outputs,
                    (*set)->classes);
    snprintf(g->data_set, sizeof g->data_set, "%s", (*set)->name);
    return AXM_OK;
}

/* Training images: all, or the first ones. */
static enum axm_status load(const struct cli_args *args, const struct data_set *set, struct images *out,
                            struct outcome *r)
{
    int64_t n;
    struct images all = { 0 };
    enum axm_status st = cli_get_int(args, "images", 1, (int64_t)set->n_train, (int64_t)set->n_train, &n);
    r->images = (size_t)n;
    r->all = r->images == set->n_train;
    if (st == AXM_OK)
        st = data_load(set->name, cli_get(args, "data-dir"), false, r->all ? out : &all);
    if (st == AXM_OK && !r->all)
        st = images_slice(&all, 0, r->images, out);
    images_release(&all);
    return st;
}

static enum axm_status train(const struct cli_args *args, struct graph *g, struct train_opts *o,
                             struct outcome *r)
{
    const char *dir = cli_get(args, "data-dir");
    struct images images = { 0 }, test = { 0 };
    const struct data_set *set;
    size_t hits = 0;
    enum axm_status st = set_data(args, g, &set);
    if (st == AXM_OK)
        st = load(args, set, &images, r);
    if (st == AXM_OK)
        st = data_load(g->data_set, dir, true, &test);
    if (st == AXM_OK) {
        o->validation_images = r->paper ? &test : NULL;
        note("%s: seed %llu, oneDNN %s on %s", g->name, (unsigned long long)o->seed, onednn_version(),
             onednn_cpu_isa());
        train_init(g, o->seed);
        st = train_run(g, &images, o, &r->result);
    }
    if (st == AXM_OK)
        st = float_infer(g, &test, 0, test.count, NULL, &hits);
    if (st == AXM_OK)
        r->test_top1 = (double)hits / (double)test.count;
    images_release(&images);
    images_release(&test);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    const char *path = cli_get(args, "output");
    const struct net *net;
    struct train_opts o;
    struct outcome r = { 0 };
    struct graph *g = NULL;
    struct strbuf checkpoint = { 0 };
    if (!path)
        return fail(AXM_USAGE, "train: -o FILE says where the model goes");
    enum axm_status st = net_find(args->operand[0], &net);
    if (st != AXM_OK)
        return st;
    train_defaults(net->name, &o);
    st = get_opts(args, &o, &r.paper);
    if (st == AXM_OK)
        st = net->build(&g);
    if (st == AXM_OK)
        st = set_dropout(args, g);
    bool ours = !o.checkpoint && strcmp(path, "-");
    if (st == AXM_OK && ours) {
        strbuf_addf(&checkpoint, "%s.checkpoint", path);
        o.checkpoint = checkpoint.s;
        if (checkpoint.failed)
            st = fail(AXM_ENV, "%s: out of memory", path);
    }
    if (st == AXM_OK)
        st = outfile_check(path);   /* said now, not after ten minutes */
    if (st == AXM_OK && o.csv)
        st = outfile_check(o.csv);
    if (st == AXM_OK && o.checkpoint)
        st = outfile_check(o.checkpoint);
    outfile_remove_stale(path);
    if (st == AXM_OK)
        st = train(args, g, &o, &r);
    if (st == AXM_STOPPED && o.checkpoint)
        note("%s: what was done is kept; the same command goes on from there", o.checkpoint);
    if (st == AXM_OK)
        st = store(path, g, &o, &r);
    if (st == AXM_OK && ours)
        unlink(o.checkpoint);
    if (st == AXM_OK)
        st = print(args, g, &r);
    strbuf_release(&checkpoint);
    graph_free(g);
    return st;
}

const struct cli_command cmd_train = {
    .name = "train",
    .synopsis = "NET -o FILE",
    .brief = "train a network in float32",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
