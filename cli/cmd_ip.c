#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "cli/network.h"
#include "dnn/model.h"
#include "dnn/quant.h"
#include "explore/plane.h"
#include "synth/coef.h"

static const char symbol_words[] = "vector|neuron", binning_words[] = "uniform|adaptive";

static const struct cli_option options[] = {
    { "mult", 0, "SPEC[,SPEC]...", "the multiplier, or one for each layer (default exact); several: each" },
    { "name", 0, "TEXT...", "what to call the row of --mult; several: in turn" },
    { "paper", 0, NULL, "the exact multiplier and the 20 SCDM8 of Shakibhamedan et al. 2024" },
    { "published", 0, NULL, "the exact multiplier and the four assignments of its Table 3" },
    NETWORK_ORDER_OPTION,
    { "symbol", 0, symbol_words, "what T is: all codes of a layer (default), or each output's, averaged" },
    { "all-nodes", 0, NULL, "every node, not only those that end a layer" },
    { "binning", 0, binning_words, "a float model's own activations in bins, instead of quantizing it" },
    { "bins", 0, "N", "of them, 2..256 (default 30)" },
    { "every", 0, "N", "of a directory: every N-th epoch, the first and the last" },
    { "svg", 0, "FILE", "a picture: one curve a layer over the epochs, else points" },
    NETWORK_IMAGE_OPTIONS,
    { 0 },
};

static const char help[] =
    "The information plane: for each layer I(X;T) = H(T) and I(T;Y) = H(T) - H(T|Y), exact for the\n"
    "images given, in bits. X is the image, T what the layer makes of it as one symbol (all its\n"
    "int8 codes, told apart by a 128-bit hash), Y the label. H(T) is at most the logarithm of the\n"
    "number of images; --symbol neuron, the mean over the layer's outputs, stays clear of it.\n"
    "\n"
    "The operand is a quantized model; a float one, which is quantized as axmul quantize does\n"
    "unless told; or a directory of axmul train --keep-epochs, each epoch of which is quantized, as\n"
    "in the paper's Figure 2. --binning uniform cuts the range that a layer has over all images into\n"
    "equal bins, adaptive into bins with as many values each. Seconds go to standard error.\n"
    "\n"
    NETWORK_BUILTIN_HELP
    "\n"
    "  axmul ip builtin:lenet5i\n"
    "  axmul ip lenet5i-int8.axm --train-images --paper --svg figure4.svg\n"
    "  axmul ip lenet5i-int8.axm --published --symbol neuron --format csv\n"
    "  axmul train lenet5i -o lenet5i.axm --keep-epochs epochs; axmul ip epochs --svg figure2.svg\n"
    "  axmul ip lenet5i.axm --binning adaptive --bins 30 --images 1000\n";

/* For programs; docs/formats.md promises these columns. */
static const struct table_column columns[] = {
    { "epoch", NULL, CELL_INT, 0 },
    { "row", NULL, CELL_TEXT, 0 },
    { "layer", NULL, CELL_TEXT, 0 },
    { "outputs", NULL, CELL_UINT, 0 },
    { "i_xt_bits", "I(X;T) bits", CELL_REAL, -6 },
    { "i_ty_bits", "I(T;Y) bits", CELL_REAL, -6 },
    { "distinct", NULL, CELL_REAL, 6 },
    { "images", NULL, CELL_UINT, 0 },
    { "symbol", NULL, CELL_TEXT, 0 },
    { "mults", NULL, CELL_TEXT, 0 },
    { "order", NULL, CELL_TEXT, 0 },
    { "model", NULL, CELL_TEXT, 0 },
    { "images_of", NULL, CELL_TEXT, 0 },
    { "first", NULL, CELL_UINT, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns, COLUMNS_TEXT = 8 };

/* A network with its multipliers. */
struct result {
    int epoch;                   /* -1: none */
    char *row;                   /* "exact8s", "Table 3, row 2" */
    char *mults, *order, *model; /* mults and order: NULL in float */
    struct plane_row *point;
    char (*layer)[GRAPH_NAME_MAX + 1];
    size_t *outputs;
    int points;
};

struct job {
    const struct cli_args *args;
    struct plane_opts o;
    int binning, bins;           /* binning: -1 none */
    bool have_images;
    struct network_images im;
    struct images view;          /* of those asked for; borrows from im */
    struct images train;         /* what calibrates; empty until needed */
    struct network_mults mults;
    struct result *result;
    int results, room;
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "ip: out of memory");
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- one network ------------------------------------------------------------------------------- */

static enum axm_status add_result(struct job *j, struct result **out)
{
    if (j->results == j->room) {
        int room = j->room ? 2 * j->room : 32;
        struct result *grown = realloc(j->result, (size_t)room * sizeof *grown);
        if (!grown)
            return out_of_memory();
        j->result = grown;
        j->room = room;
    }
    *out = &j->result[j->results++];
    **out = (struct result){ .epoch = -1 };
    return AXM_OK;
}

static void release_result(struct result *r)
{
    free(r->row);
    free(r->mults);
    free(r->order);
    free(r->model);
    free(r->point);
    free(r->layer);
    free(r->outputs);
}

/* Names of the points' nodes, which are q's or g's. */
static enum axm_status name_points(struct result *r, const struct qgraph *q, const struct graph *g)
{
    r->layer = calloc((size_t)r->points + 1, sizeof *r->layer);
    r->outputs = calloc((size_t)r->points + 1, sizeof *r->outputs);
    if (!r->layer || !r->outputs || !r->row || !r->model)
        return out_of_memory();
    for (int i = 0; i < r->points; i++) {
        int node = r->point[i].node;
        memcpy(r->layer[i], q ? q->node[node].name : g->node[node].name, sizeof *r->layer);
        r->outputs[i] = shape_count(q ? q->node[node].out : g->node[node].out);
    }
    return AXM_OK;
}

static enum axm_status find_images(struct job *j, const char *name, const char *data_set)
{
    struct qgraph named = { 0 };
    if (j->have_images)
        return AXM_OK;
    snprintf(named.name, sizeof named.name, "%s", name);
    snprintf(named.data_set, sizeof named.data_set, "%s", data_set);
    enum axm_status st = network_images(j->args, &named, 0, &j->im);
    if (st != AXM_OK)
        return st;
    j->have_images = true;
    j->view = j->im.im;
    j->view.pixel += j->im.first * shape_count(j->view.shape);
    j->view.label += j->im.first;
    j->view.count = j->im.n;
    return AXM_OK;
}

static void report(const struct job *j, const struct result *r, double seconds)
{
    char of[32] = "";
    if (r->epoch >= 0)
        snprintf(of, sizeof of, "epoch %d, ", r->epoch);
    note("%s%s: %d layers of %zu images in %.2f s", of, r->row, r->points, j->view.count, seconds);
}

/* row: what to call it; NULL: its multipliers.  specs: as for network_assign(). */
static enum axm_status assignment(struct job *j, const struct qgraph *q, const char *model, int epoch,
                                  const char *row, const char *specs)
{
    int layers = infer_layers(q);
    struct layer_mult *layer = calloc((size_t)layers + 1, sizeof *layer);
    struct result *r = NULL;
    struct infer *in = NULL;
    double begin = seconds_now();
    enum axm_status st = layer ? network_assign(j->args, q, &j->mults, specs, layer) : out_of_memory();
    if (st == AXM_OK)
        st = infer_open(q, layer, layers, &(struct infer_opts){ .level = -1, .memoise = true }, &in);
    if (st == AXM_OK)
        st = add_result(j, &r);
    if (st == AXM_OK) {
        r->epoch = epoch;
        r->mults = network_mults_text(layer, layers);
        r->order = network_order_text(layer, layers);
        r->row = row ? strdup(row) : r->mults ? strdup(r->mults) : NULL;
        r->model = strdup(model);
        st = r->mults && r->order ? plane_run(q, in, &j->view, &j->o, &r->point, &r->points) :
             out_of_memory();
    }
    if (st == AXM_OK)
        st = name_points(r, q, NULL);
    if (st == AXM_OK)
        report(j, r, seconds_now() - begin);
    infer_close(in);
    free(layer);
    return st;
}

static void add_published_spec(struct strbuf *s, int i)
{
    struct axm_spec spec;
    char text[AXM_SPEC_MAX];
    coef_published_spec(i, &spec);
    axm_spec_print(&spec, text);
    strbuf_adds(s, i ? text : "exact8s");
}

static enum axm_status assignments(struct job *j, const struct qgraph *q, const char *model, int epoch)
{
    bool paper = cli_flag(j->args, "paper"), published = cli_flag(j->args, "published");
    const char *specs;
    struct strbuf s = { 0 };
    enum axm_status st = find_images(j, q->name, q->data_set);
    if (st == AXM_OK && published && infer_layers(q) != COEF_LAYERS)
        st = fail(AXM_USAGE, "ip: the published assignments are for %d layers, %s has %d", COEF_LAYERS,
                  q->name, infer_layers(q));
    if (st == AXM_OK && !paper && (published || !cli_get_nth(j->args, "mult", 0)))
        st = assignment(j, q, model, epoch, NULL, NULL);
    for (int i = 0; i < COEF_PUBLISHED && paper && st == AXM_OK; i++) {
        strbuf_reset(&s);
        add_published_spec(&s, i);
        st = s.failed ? out_of_memory() : assignment(j, q, model, epoch, NULL, s.s);
    }
    for (int i = 0; i < COEF_ASSIGNMENTS && published && st == AXM_OK; i++) {
        char row[32];
        strbuf_reset(&s);
        for (int l = 0; l < COEF_LAYERS; l++) {
            strbuf_adds(&s, l ? "," : "");
            add_published_spec(&s, coef_assignments[i].multiplier[l]);
        }
        snprintf(row, sizeof row, "Table 3, row %d", i + 1);
        st = s.failed ? out_of_memory() : assignment(j, q, model, epoch, row, s.s);
    }
    for (int i = 0; st == AXM_OK && (specs = cli_get_nth(j->args, "mult", i)); i++)
        st = assignment(j, q, model, epoch, cli_get_nth(j->args, "name", i), specs);
    strbuf_release(&s);
    return st;
}

/* Its own activations, binned; batch norms merged first, so that layers end where the quantized ones do. */
static enum axm_status binned(struct job *j, const struct graph *g, const char *model, int epoch)
{
    struct graph *folded = NULL;
    struct result *r = NULL;
    double begin = seconds_now();
    if (cli_get_nth(j->args, "mult", 0) || cli_flag(j->args, "paper") || cli_flag(j->args, "published"))
        return fail(AXM_USAGE, "ip: --binning is of a float network, which has no multipliers to name");
    enum axm_status st = find_images(j, g->name, g->data_set);
    if (st == AXM_OK)
        st = quant_fold(g, &folded);
    if (st == AXM_OK)
        st = add_result(j, &r);
    if (st == AXM_OK) {
        r->epoch = epoch;
        r->row = strdup("float");
        r->model = strdup(model);
        st = plane_run_float(folded, &j->view, (enum plane_rule)j->binning, j->bins, &j->o, &r->point,
                             &r->points);
    }
    if (st == AXM_OK)
        st = name_points(r, NULL, folded);
    if (st == AXM_OK)
        report(j, r, seconds_now() - begin);
    graph_free(folded);
    return st;
}

static enum axm_status float_model(struct job *j, const struct graph *g, const char *model, int epoch)
{
    struct quant_opts o;
    struct qgraph *q = NULL;
    enum axm_status st = AXM_OK;
    if (j->binning >= 0)
        return binned(j, g, model, epoch);
    quant_defaults(&o);
    o.seed = j->args->seed;
    if (!j->train.count && !*g->data_set)
        st = fail(AXM_USAGE, "%s: the model names no data set to quantize it with", model);
    else if (!j->train.count)
        st = data_load(g->data_set, cli_get(j->args, "data-dir"), false, &j->train);
    double begin = seconds_now();
    if (st == AXM_OK)
        st = quant_run(g, &j->train, &o, &q);
    if (st == AXM_OK) {
        note("%s: quantized in %.2f s", model, seconds_now() - begin);
        st = assignments(j, q, model, epoch);
    }
    qgraph_free(q);
    return st;
}

static enum axm_status one_model(struct job *j, const char *path, int epoch)
{
    enum model_kind kind = MODEL_QUANTIZED;
    bool builtin = !strncmp(path, "builtin:", 8);
    enum axm_status st = builtin ? AXM_OK : model_kind_of(path, &kind);
    if (st == AXM_OK && kind == MODEL_FLOAT) {
        struct graph *g = NULL;
        st = model_load(path, &g);
        if (st == AXM_OK)
            st = float_model(j, g, path, epoch);
        graph_free(g);
    } else if (st == AXM_OK) {
        struct qgraph *q = NULL;
        if (j->binning >= 0)
            return fail(AXM_USAGE, "%s: a quantized model; --binning is for a float one", path);
        st = network_model(path, &q, NULL);
        if (st == AXM_OK)
            st = assignments(j, q, path, epoch);
        qgraph_free(q);
    }
    return st;
}

/* --- a directory of epochs ------------------------------------------------------------------------ */

static int epoch_of(const char *name)
{
    int epoch, end = 0;
    return sscanf(name, "epoch-%d.axm%n", &epoch, &end) == 1 && end && !name[end] && epoch > 0 ? epoch : -1;
}

static int is_epoch(const struct dirent *d)
{
    return epoch_of(d->d_name) > 0;
}

static int by_epoch(const struct dirent **a, const struct dirent **b)
{
    return epoch_of((*a)->d_name) - epoch_of((*b)->d_name);
}

static enum axm_status directory(struct job *j, const char *path)
{
    struct dirent **entry = NULL;
    int64_t every;
    enum axm_status st = cli_get_int(j->args, "every", 1, 1000000, 1, &every);
    int n = st == AXM_OK ? scandir(path, &entry, is_epoch, by_epoch) : 0;
    if (st == AXM_OK && n <= 0)
        st = fail(AXM_USAGE, "%s: no epoch-N.axm in it, as axmul train --keep-epochs writes them", path);
    for (int i = 0; i < n && st == AXM_OK; i++) {
        struct strbuf file = { 0 };
        int epoch = epoch_of(entry[i]->d_name);
        if (i > 0 && i < n - 1 && epoch % every)
            continue;
        strbuf_addf(&file, "%s/%s", path, entry[i]->d_name);
        st = file.failed ? out_of_memory() : one_model(j, file.s, epoch);
        strbuf_release(&file);
    }
    for (int i = 0; i < n; i++)
        free(entry[i]);
    free(entry);
    return st;
}

/* --- a picture ------------------------------------------------------------------------------------------ */

/* Blocks of "I(X;T) I(T;Y)", two blank lines between layers; a line for each result. */
static void add_data(const struct job *j, struct strbuf *out)
{
    for (int l = 0; l < j->result[0].points; l++) {
        for (int i = 0; i < j->results; i++)
            strbuf_addf(out, "%.10g %.10g\n", j->result[i].point[l].i_xt_bits,
                        j->result[i].point[l].i_ty_bits);
        strbuf_adds(out, "\n\n");
    }
}

static void add_range(const struct job *j, struct strbuf *out, char axis)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < j->results; i++)
        for (int l = 0; l < j->result[i].points; l++) {
            const struct plane_row *p = &j->result[i].point[l];
            lo = fmin(lo, axis == 'x' ? p->i_xt_bits : p->i_ty_bits);
            hi = fmax(hi, axis == 'x' ? p->i_xt_bits : p->i_ty_bits);
        }
    double margin = fmax(0.05 * (hi - lo), 0.02);
    strbuf_addf(out, "set %crange [%g:%g]\n", axis, lo - margin, hi + margin);
}

static const char *const colours[] = {
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#b07aa1", "#9c755f", "#edc948",
};
enum { COLOURS = sizeof colours / sizeof *colours, SHAPES = 8 };

/* One layer over the epochs: a curve, its end a larger point. */
static void add_curve(struct strbuf *out, const char *data, int layer, int epochs, const char *colour,
                      const char *name)
{
    strbuf_addf(out, ", \"%s\" index %d with linespoints pt 7 ps 0.4 lw 1.3 lc rgb \"%s\" title \"%s\"", data,
                layer, colour, name);
    strbuf_addf(out, ", \"%s\" index %d every ::%d::%d with points pt 7 ps 1 lc rgb \"%s\" notitle", data,
                layer, epochs - 1, epochs - 1, colour);
}

/* Points of results from .. to of a layer. */
static void add_points(struct strbuf *out, const char *data, int layer, int from, int to, const char *look,
                       const char *colour)
{
    strbuf_addf(out, ", \"%s\" index %d every ::%d::%d with points %s lc rgb \"%s\" notitle", data, layer,
                from, to, look, colour);
}

/* gnuplot would run what stands between backticks. */
static void add_key(struct strbuf *out, const char *look, const char *colour, const char *title)
{
    char text[41];
    snprintf(text, sizeof text, "%s", title);
    for (char *c = text; *c; c++)
        if (strchr("\"\\`", *c) || (unsigned char)*c < ' ')
            *c = '?';
    strbuf_addf(out, ", NaN with points %s lc rgb \"%s\" title \"%s\"", look, colour, text);
}

/* Few results have a shape each; of many, the first is what the others are compared with. */
static void add_script(const struct job *j, const char *data, const char *image, struct strbuf *out)
{
    static const char *const shape[SHAPES] = { "pt 7", "pt 5", "pt 9", "pt 11", "pt 13", "pt 2", "pt 1",
                                               "pt 3" };
    static const char ring[] = "pt 6 ps 1.5 lw 1.5", dark[] = "#222222";
    const struct result *r = j->result;
    int n = j->results;
    bool epochs = r[0].epoch >= 0, few = n <= SHAPES;
    strbuf_addf(out, "set terminal svg noenhanced size 880,560 font \"sans,13\" background \"white\"\n"
                "set output \"%s\"\nset encoding utf8\n"
                "set border 3 linecolor rgb \"#999999\"\nset tics nomirror out textcolor rgb \"#333333\"\n"
                "set key outside right top Left reverse samplen 1.5\n"
                "set xlabel \"I(X;T) in bits\"\nset ylabel \"I(T;Y) in bits\"\n", image);
    add_range(j, out, 'x');
    add_range(j, out, 'y');
    strbuf_adds(out, "plot NaN notitle");
    for (int l = 0; l < r[0].points; l++) {
        const char *colour = colours[l % COLOURS], *name = r[0].layer[l];
        if (epochs) {
            add_curve(out, data, l, n, colour, name);
            continue;
        }
        for (int i = 0; few && i < n; i++)
            add_points(out, data, l, i, i, shape[i], colour);
        if (!few) {
            add_points(out, data, l, 0, n - 1, "pt 7 ps 0.7", colour);
            add_points(out, data, l, 0, 0, ring, dark);
        }
        add_key(out, "pt 7", colour, name);
    }
    for (int i = 0; few && !epochs && n > 1 && i < n; i++)
        add_key(out, shape[i], "#777777", r[i].row);
    if (!few && !epochs)
        add_key(out, ring, dark, r[0].row);
    strbuf_adds(out, "\n");
}

static enum axm_status draw(const struct job *j, const char *path)
{
    struct strbuf dir = { 0 }, data = { 0 }, script = { 0 }, image = { 0 };
    struct strbuf data_path = { 0 }, script_path = { 0 }, image_path = { 0 };
    for (int i = 1; i < j->results; i++)
        if (j->result[i].points != j->result[0].points)
            return fail(AXM_USAGE, "ip: %s and %s have different layers; no picture shows both",
                        j->result[0].model, j->result[i].model);
    enum axm_status st = proc_need("gnuplot", "gnuplot-nox");
    if (st != AXM_OK || (st = file_scratch_dir(&dir)) != AXM_OK)
        return st;
    strbuf_addf(&data_path, "%s/data", dir.s);
    strbuf_addf(&script_path, "%s/script", dir.s);
    strbuf_addf(&image_path, "%s/image", dir.s);
    add_data(j, &data);
    if (!data_path.failed && !image_path.failed)
        add_script(j, data_path.s, image_path.s, &script);
    if (data.failed || script.failed || script_path.failed || data_path.failed || image_path.failed)
        st = out_of_memory();
    if (st == AXM_OK)
        st = file_write(data_path.s, data.s, data.len);
    if (st == AXM_OK)
        st = file_write(script_path.s, script.s, script.len);
    if (st == AXM_OK)
        st = proc_run((const char *const[]){ "gnuplot", script_path.s, NULL },
                      &(struct proc_opts){ .timeout_s = 300 });
    if (st == AXM_OK)
        st = file_read(image_path.s, (size_t)1 << 30, &image);
    if (st == AXM_OK)
        st = file_write(path, image.s, image.len);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&data);
    strbuf_release(&script);
    strbuf_release(&image);
    strbuf_release(&data_path);
    strbuf_release(&script_path);
    strbuf_release(&image_path);
    return st;
}

/* --- the command --------------------------------------------------------------------------------------- */

static enum axm_status print(const struct job *j)
{
    bool text = j->args->format == CLI_TEXT;
    struct table *t = table_new(columns, text ? COLUMNS_TEXT : COLUMNS);
    char symbol[48];
    if (j->binning >= 0)
        snprintf(symbol, sizeof symbol, "%s, %d %s bins", j->o.variant == PLANE_NEURON ? "neuron" : "vector",
                 j->bins, j->binning == PLANE_UNIFORM ? "uniform" : "adaptive");
    else
        snprintf(symbol, sizeof symbol, "%s", j->o.variant == PLANE_NEURON ? "neuron" : "vector");
    for (int i = 0; i < j->results; i++) {
        const struct result *r = &j->result[i];
        for (int l = 0; l < r->points; l++) {
            const struct plane_row *p = &r->point[l];
            if (r->epoch < 0)
                table_text(t, NULL);
            else
                table_int(t, r->epoch);
            table_text(t, r->row);
            table_text(t, r->layer[l]);
            table_uint(t, r->outputs[l]);
            table_real(t, p->i_xt_bits);
            table_real(t, p->i_ty_bits);
            table_real(t, p->distinct);
            table_uint(t, p->n);
            if (text)
                continue;
            table_text(t, symbol);
            table_text(t, r->mults);
            table_text(t, r->order);
            table_text(t, r->model);
            table_text(t, j->im.test ? "test" : "train");
            table_uint(t, j->im.first);
        }
    }
    enum axm_status st = t ? table_print(t, stdout, j->args->format) : out_of_memory();
    table_free(t);
    return st;
}

static enum axm_status get_word(const struct cli_args *a, const char *name, const char *words, int *out)
{
    const char *word = cli_get(a, name);
    char text[CLI_WORDS_TEXT];
    int v = word ? cli_word(words, word) : *out;
    if (word && v < 0)
        return fail(AXM_USAGE, "--%s must be %s, got \"%s\"", name, cli_words_text(words, text), word);
    *out = v;
    return AXM_OK;
}

static enum axm_status run(const struct cli_args *args)
{
    struct job j = { .args = args, .binning = -1 };
    const char *what = args->operand[0], *svg = cli_get(args, "svg");
    int symbol = PLANE_VECTOR;
    int64_t bins;
    enum axm_status st = get_word(args, "symbol", symbol_words, &symbol);
    if (st == AXM_OK)
        st = get_word(args, "binning", binning_words, &j.binning);
    if (st == AXM_OK)
        st = cli_get_int(args, "bins", 2, PLANE_BINS_MAX, 30, &bins);
    if (st == AXM_OK && j.binning < 0 && cli_get(args, "bins"))
        st = fail(AXM_USAGE, "ip: --bins has a meaning with --binning only");
    int names = 0, mults = 0;
    while (cli_get_nth(args, "name", names))
        names++;
    while (cli_get_nth(args, "mult", mults))
        mults++;
    if (st == AXM_OK && names > mults)
        st = fail(AXM_USAGE, "ip: %d --name for %d --mult; each is the name of one", names, mults);
    if (st == AXM_OK && cli_get(args, "every") && !file_is_dir(what))
        st = fail(AXM_USAGE, "ip: --every is of a directory of epochs, %s is none", what);
    if (st == AXM_OK) {
        j.bins = (int)bins;
        j.o = (struct plane_opts){ (enum plane_variant)symbol, cli_flag(args, "all-nodes") };
        st = file_is_dir(what) ? directory(&j, what) : one_model(&j, what, -1);
    }
    if (st == AXM_OK)
        st = print(&j);
    if (st == AXM_OK && svg)
        st = draw(&j, svg);
    for (int i = 0; i < j.results; i++)
        release_result(&j.result[i]);
    free(j.result);
    network_mults_release(&j.mults);
    images_release(&j.im.im);
    images_release(&j.train);
    return st;
}

const struct cli_command cmd_ip = {
    .name = "ip",
    .synopsis = "MODEL|DIR",
    .brief = "information plane: I(X;T) and I(T;Y) of each layer",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
