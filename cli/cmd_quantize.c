#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/common.h"
#include "dnn/data.h"
#include "dnn/infer.h"
#include "dnn/model.h"
#include "dnn/quant.h"
#include "dnn/train.h"

static const char scheme_words[] = "symmetric|affine|ace";
static const char calibration_words[] = "min-max|percentile|mse";

static const struct cli_option options[] = {
    { "output", 'o', "FILE", "the quantized model" },
    { "scheme", 0, scheme_words, "of the codes (default symmetric)" },
    { "per-channel", 0, NULL, "one weight scale an output channel (the default)" },
    { "per-tensor", 0, NULL, "one weight scale a layer" },
    { "weight-bits", 0, "N", "2..8 (default 8)" },
    { "calibration", 0, calibration_words, "range of activations; of weights, too, unless told" },
    { "weight-calibration", 0, calibration_words, "range of the weights that share a scale" },
    { "percentile", 0, "P", "of percentile ranges (default 99.99)" },
    { "calibration-images", 0, "N", "training images, a seeded sample (default 1000)" },
    { "no-equalise", 0, NULL, "leave channels as training made them" },
    { "per-node", 0, NULL, "CSV and JSON: a row for each node (text has both tables)" },
    { "no-test", 0, NULL, "do not run the test images" },
    { "data-dir", 0, "DIR", "where the data set lies; default: the cache, filled from its source" },
    { 0 },
};

static const char help[] =
    "Post-training quantization to 8-bit activations and 2..8-bit weights with 32-bit accumulators:\n"
    "batch norm merged, requantization in integers only (docs/quantization.md).\n"
    "\n"
    "  symmetric  signed codes without zero points: for signed multipliers\n"
    "  affine     unsigned codes with zero points, whose correction terms stay exact (Trommer et\n"
    "             al. 2024, equation 10): for unsigned multipliers\n"
    "  ace        symmetric, each layer's activations rescaled image by image to +-127, as the first\n"
    "             paper's authors do; floating point between the layers\n"
    "\n"
    "Channels are first brought to comparable ranges, which changes nothing in float but for\n"
    "channels that are zero on every calibration image: they are cut off. Prints top-1 on the\n"
    "test images in float and with the exact multiplier, and a row for each node: its range in\n"
    "float, its codes, and the signal-to-noise ratio of its outputs on calibration images (up to\n"
    "256), of everything quantized before it, too.\n"
    "\n"
    "  axmul quantize lenet5i.axm -o lenet5i-int8.axm\n"
    "  axmul quantize lenet5i.axm -o lenet5i-uint8.axm --scheme affine --weight-bits 4\n";

static const struct table_column columns[] = {
    { "model", NULL, CELL_TEXT, 0 },
    { "scheme", NULL, CELL_TEXT, 0 },
    { "weights", NULL, CELL_TEXT, 0 },
    { "weight_bits", "bits", CELL_INT, 0 },
    { "calibration", NULL, CELL_TEXT, 0 },
    { "float_top1_percent", "float top-1 %", CELL_REAL, -2 },
    { "quantized_top1_percent", "quantized top-1 %", CELL_REAL, -2 },
    { "test_images", NULL, CELL_UINT, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const struct table_column node_columns[] = {
    { "node", NULL, CELL_TEXT, 0 },
    { "op", NULL, CELL_TEXT, 0 },
    { "range_low", "range: low", CELL_REAL, 4 },
    { "range_high", "high", CELL_REAL, 4 },
    { "scale", NULL, CELL_REAL, 4 },
    { "zero", NULL, CELL_INT, 0 },
    { "weight_bits", "weight bits", CELL_INT, 0 },
    { "weight_scale_low", "weight scale: low", CELL_REAL, 3 },
    { "weight_scale_high", "high", CELL_REAL, 3 },
    { "sqnr_db", "SQNR dB", CELL_REAL, -1 },
};
enum { NODE_COLUMNS = sizeof node_columns / sizeof *node_columns };

static const char *const schemes[] = { "symmetric", "affine", "ace" };
static const char *const rules[] = { "min-max", "percentile", "mse" };

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

static enum axm_status get_opts(const struct cli_args *a, struct quant_opts *o)
{
    int scheme = QUANT_SYMMETRIC, calibration = CALIB_MIN_MAX, weights;
    int64_t bits, images;
    const char *percentile = cli_get(a, "percentile");
    char *end = NULL;
    quant_defaults(o);
    enum axm_status st = get_word(a, "scheme", scheme_words, &scheme);
    if (st || (st = get_word(a, "calibration", calibration_words, &calibration)))
        return st;
    weights = calibration;
    if ((st = get_word(a, "weight-calibration", calibration_words, &weights)) ||
        (st = cli_get_int(a, "weight-bits", 2, 8, o->weight_bits, &bits)) ||
        (st = cli_get_int(a, "calibration-images", 1, 1000000, (int64_t)o->images, &images)))
        return st;
    o->scheme = (enum quant_scheme)scheme;
    o->calibration = (enum calibration)calibration;
    o->weight_calibration = (enum calibration)weights;
    if (cli_flag(a, "per-tensor") && cli_flag(a, "per-channel"))
        return fail(AXM_USAGE, "--per-tensor and --per-channel exclude each other");
    o->per_channel = !cli_flag(a, "per-tensor");
    o->equalise = !cli_flag(a, "no-equalise");
    o->weight_bits = (int)bits;
    o->images = (size_t)images;
    o->seed = a->seed;
    if (!percentile)
        return AXM_OK;
    o->percentile = strtod(percentile, &end);
    if (end == percentile || *end || !(o->percentile > 50 && o->percentile <= 100))
        return fail(AXM_USAGE, "--percentile must be above 50 and at most 100, got \"%s\"", percentile);
    if (o->calibration != CALIB_PERCENTILE && o->weight_calibration != CALIB_PERCENTILE)
        return fail(AXM_USAGE, "--percentile has a meaning with --calibration percentile only");
    return AXM_OK;
}

/* The float model's provenance, and how this one was made; cJSON_free() it.  NULL if out of memory. */
static char *provenance(const struct graph *g, const struct quant_opts *o, double top1)
{
    cJSON *j = cJSON_CreateObject(), *from = cJSON_Parse(model_provenance(g));
    bool ok = cJSON_AddStringToObject(j, "made_by", "axmul " AXM_VERSION " quantize") &&
        cJSON_AddStringToObject(j, "scheme", schemes[o->scheme]) &&
        cJSON_AddStringToObject(j, "calibration", rules[o->calibration]) &&
        cJSON_AddNumberToObject(j, "percentile", o->percentile) &&
        cJSON_AddBoolToObject(j, "per_channel", o->per_channel) &&
        cJSON_AddBoolToObject(j, "equalise", o->equalise) &&
        cJSON_AddNumberToObject(j, "weight_bits", o->weight_bits) &&
        cJSON_AddNumberToObject(j, "calibration_images", (double)o->images) &&
        cJSON_AddNumberToObject(j, "seed", (double)o->seed);
    if (ok && o->weight_calibration != o->calibration)
        ok = cJSON_AddStringToObject(j, "weight_calibration", rules[o->weight_calibration]);
    if (ok && !isnan(top1))
        ok = cJSON_AddNumberToObject(j, "test_top1", top1);
    if (ok && from)
        ok = cJSON_AddItemToObject(j, "float", from);
    char *text = ok ? cJSON_Print(j) : NULL;
    cJSON_Delete(j);
    return text;
}

static size_t count_hits(const uint16_t *label, const struct images *im)
{
    size_t hits = 0;
    for (size_t i = 0; i < im->count; i++)
        hits += label[i] == im->label[i];
    return hits;
}

/* Hits of both on the test images. */
static enum axm_status test(const struct graph *g, const struct qgraph *q, const char *dir, size_t
                            *float_hits,
                            size_t *hits, size_t *n)
{
    struct images im = { 0 };
    struct axm_mul *exact = NULL;
    struct infer *in = NULL;
    uint16_t *label = NULL;
    enum axm_status st = data_load(g->data_set, dir, true, &im);
    if (st == AXM_OK)
        st = axm_mul_open(qgraph_signed(q) ? "exact8s" : "exact8u", &exact);
    if (st == AXM_OK)
        st = float_infer(g, &im, 0, im.count, NULL, float_hits);
    if (st == AXM_OK && !(label = malloc(im.count * sizeof *label)))
        st = fail(AXM_ENV, "quantize: out of memory");
    const struct layer_mult all = { exact, true };
    if (st == AXM_OK)
        st = infer_open(q, &all, 1, &(struct infer_opts){ .level = -1, .memoise = true }, &in);
    if (st == AXM_OK)
        st = infer_run(in, &im, 0, im.count, NULL, label);
    if (st == AXM_OK) {
        *hits = count_hits(label, &im);
        *n = im.count;
    }
    infer_close(in);
    free(label);
    axm_mul_close(exact);
    images_release(&im);
    return st;
}

static enum axm_status print_nodes(const struct cli_args *a, const struct qgraph *q,
                                   const struct quant_report *r)
{
    struct table *t = table_new(node_columns, NODE_COLUMNS);
    for (int i = 0; i < q->n_nodes; i++) {
        const struct qnode *n = &q->node[i];
        double low = NAN, high = NAN;
        for (int o = 0; qnode_multiplies(n) && o < n->out.c; o++) {
            low = fmin(low, (double)n->weight_scale[o]);   /* fmin(NAN, x) is x */
            high = fmax(high, (double)n->weight_scale[o]);
        }
        table_text(t, n->name);
        table_text(t, op_infos[n->op].name);
        table_real(t, r->node[i].lo);
        table_real(t, r->node[i].hi);
        table_real(t, q->scheme == QUANT_ACE && i && !n->is_logits ? NAN : (double)n->scale);
        table_int(t, n->zero);
        qnode_multiplies(n) ? table_int(t, q->weight_bits) : table_text(t, NULL);
        table_real(t, low);
        table_real(t, high);
        table_real(t, isfinite(r->node[i].sqnr_db) ? r->node[i].sqnr_db : NAN);
    }
    enum axm_status st = table_print(t, stdout, a->format);
    table_free(t);
    return st;
}

static enum axm_status print(const struct cli_args *a, const struct qgraph *q, const struct quant_opts *o,
                             size_t float_hits, size_t hits, size_t n)
{
    struct table *t = table_new(columns, COLUMNS);
    table_text(t, q->name);
    table_text(t, schemes[o->scheme]);
    table_text(t, o->per_channel ? "per channel" : "per tensor");
    table_int(t, o->weight_bits);
    table_text(t, rules[o->calibration]);
    table_real(t, n ? 100.0 * (double)float_hits / (double)n : NAN);
    table_real(t, n ? 100.0 * (double)hits / (double)n : NAN);
    table_uint(t, n);
    enum axm_status st = table_print(t, stdout, a->format);
    table_free(t);
    return st;
}

static enum axm_status run(const struct cli_args *a)
{
    const char *path = cli_get(a, "output"), *dir = cli_get(a, "data-dir");
    struct quant_opts o;
    struct graph *g = NULL;
    struct qgraph *q = NULL;
    struct images train = { 0 };
    struct quant_report report = { 0 };
    size_t float_hits = 0, hits = 0, n = 0;
    if (!path)
        return fail(AXM_USAGE, "quantize: -o FILE says where the model goes");
    enum axm_status st = get_opts(a, &o);
    if (st == AXM_OK && !strncmp(a->operand[0], "builtin:", 8))
        st = fail(AXM_USAGE, "%s: what travels in the command is quantized", a->operand[0]);
    if (st == AXM_OK)
        st = outfile_check(path);   /* before all the work */
    if (st == AXM_OK)
        st = model_load(a->operand[0], &g);
    if (st == AXM_OK && !g->data_set[0])
        st = fail(AXM_USAGE, "%s: nothing says which data set it was trained on, so nothing can calibrate it",
                  a->operand[0]);
    if (st == AXM_OK)
        st = data_load(g->data_set, dir, false, &train);
    if (st == AXM_OK)
        st = quant_run_report(g, &train, &o, &q, &report);
    if (st == AXM_OK && !cli_flag(a, "no-test"))
        st = test(g, q, dir, &float_hits, &hits, &n);
    if (st == AXM_OK) {
        char *text = provenance(g, &o, n ? (double)hits / (double)n : NAN);
        q->provenance = text ? arena_strdup(&q->arena, text) : NULL;
        cJSON_free(text);
        st = q->provenance ? model_save_quantized(path, q) : fail(AXM_ENV, "quantize: out of memory");
    }
    bool nodes = cli_flag(a, "per-node"), text = a->format == CLI_TEXT;
    if (st == AXM_OK && strcmp(path, "-") && (text || !nodes))
        st = print(a, q, &o, float_hits, hits, n);
    if (st == AXM_OK && strcmp(path, "-") && text)
        printf("\n");
    if (st == AXM_OK && strcmp(path, "-") && (text || nodes))
        st = print_nodes(a, q, &report);
    quant_report_release(&report);
    images_release(&train);
    qgraph_free(q);
    graph_free(g);
    return st;
}

const struct cli_command cmd_quantize = {
    .name = "quantize",
    .synopsis = "MODEL -o FILE",
    .brief = "a float model to int8 codes and integer arithmetic",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
