#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/progress.h"
#include "base/strbuf.h"
#include "cli/coefficient.h"
#include "cli/network.h"
#include "dnn/model.h"
#include "explore/evaluate.h"

static const struct cli_option options[] = {
    { "mult", 0, "SPEC[,SPEC]...", "the multiplier, or one for each layer; several: a row each" },
    { "paper", 0, NULL, "the exact multiplier and the 20 SCDM8 of Shakibhamedan et al. 2024, a row each" },
    NETWORK_ORDER_OPTION,
    NETWORK_IMAGE_OPTIONS,
    { "per-layer", 0, NULL, "multiplications, coefficient and plan of each layer" },
    { "per-class", 0, NULL, "recall and precision of each class" },
    { "confusion", 0, NULL, "how often each class was taken for each other" },
    COEFFICIENT_OPTIONS,
    POWER_STORE_OPTION,
    { "no-memo", 0, NULL, "tabulate nothing that is a function of one byte (same results)" },
    { "resume", 0, "FILE", "rows that are done are kept there and not computed again" },
    { "trace", 0, "LAYER", "write the layer's operand pairs to -o FILE, and nothing else" },
    { "pairs", 0, "N", "of a trace, at most (default 20000)" },
    { "output", 'o', "FILE", "where the trace goes: what axmul power --trace reads" },
    { 0 },
};

static const char help[] =
    "Runs images through a quantized network whose every product is a multiplier's, bit by\n"
    "bit: top-1 with its 95 % interval (Wilson), top-5, and what the multipliers save. Energy is\n"
    "the sum over layers of multiplications x coefficient of the layer's multiplier (1: exact):\n"
    "\n"
    "  E0/E-1   the paper's saving (A.4.1): mean of E_exact/E_approx over the multiplications, less\n"
    "           1; can pass 100 %\n"
    "  1-E/E0   the plain one: 1 - E_approx/E_exact of the sums\n"
    "\n"
    "--coef paper takes the coefficients printed in Table 4; the others are measured as axmul coef\n"
    "does, against the same structure exact. The weight is a in convolutions and b in dense layers,\n"
    "as in the authors' network, unless --order says otherwise.\n"
    "\n"
    "A trace is for the multiplier of a weight-stationary array: runs of consecutive activations\n"
    "against one weight (docs/formats.md). It takes the first 100 images unless told.\n"
    "\n"
    NETWORK_BUILTIN_HELP
    "\n"
    "  axmul infer builtin:lenet5i --paper\n"
    "  axmul infer lenet5i-int8.axm --mult scdm8s_x5_y2 --mult drum8s_k4\n"
    "  axmul infer lenet5i-int8.axm --paper --resume table6.csv --format csv\n"
    "  axmul infer lenet5i-int8.axm --mult SCDM8_84 --trace conv4 -o conv4.i16\n";

static const struct table_column columns[] = {
    { "mult", NULL, CELL_TEXT, 0 },
    { "order", NULL, CELL_TEXT, 0 },
    { "images", NULL, CELL_UINT, 0 },
    { "top1_percent", "top-1 %", CELL_REAL, -2 },
    { "top1_low_percent", "95 %: low", CELL_REAL, -2 },
    { "top1_high_percent", "high", CELL_REAL, -2 },
    { "top5_percent", "top-5 %", CELL_REAL, -2 },
    { "multiplications", NULL, CELL_UINT, 0 },
    { "saving_paper_percent", "E0/E-1 %", CELL_REAL, -1 },
    { "saving_plain_percent", "1-E/E0 %", CELL_REAL, -1 },
    { "coef", NULL, CELL_TEXT, 0 },
    { "correct", NULL, CELL_UINT, 0 },
    { "correct_top5", NULL, CELL_UINT, 0 },
    { "model", NULL, CELL_TEXT, 0 },
    { "images_of", NULL, CELL_TEXT, 0 },
    { "first", NULL, CELL_UINT, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns, COLUMNS_TEXT = 10 };

/* An assignment of multipliers to layers, and how it did. */
struct row {
    struct layer_mult *layer;
    char *mults, *order;
    uint64_t correct, correct5;
    uint64_t *confusion;             /* [classes][outputs] */
    double paper_percent, plain_percent;
    bool done;
};

struct job {
    const struct cli_args *args;
    struct qgraph *q;
    struct sha256_hex model;
    struct network_images im;
    struct network_mults mults;
    double *coef;                    /* by mults.mult; NaN: unknown */
    int column;
    int layers, n;
    struct row *row;
    int outputs;                     /* of the last node */
    bool counts;                     /* the confusion matrix is asked for */
    struct progress *bar;
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "infer: out of memory");
}

/* --- rows --------------------------------------------------------------------------------- */

static enum axm_status add_row(struct job *j, const char *specs)
{
    struct row *r = &j->row[j->n];
    r->layer = calloc((size_t)j->layers + 1, sizeof *r->layer);
    if (!r->layer)
        return out_of_memory();
    j->n++;
    enum axm_status st = network_assign(j->args, j->q, &j->mults, specs, r->layer);
    if (st != AXM_OK)
        return st;
    r->mults = network_mults_text(r->layer, j->layers);
    r->order = network_order_text(r->layer, j->layers);
    if (j->counts)
        r->confusion = calloc((size_t)j->im.im.classes * (size_t)j->outputs, sizeof *r->confusion);
    return r->mults && r->order && (!j->counts || r->confusion) ? AXM_OK : out_of_memory();
}

static enum axm_status make_rows(struct job *j)
{
    bool paper = cli_flag(j->args, "paper");
    int n = 0;
    while (cli_get_nth(j->args, "mult", n))
        n++;
    j->row = calloc((size_t)n + COEF_PUBLISHED + 1, sizeof *j->row);
    enum axm_status st = j->row ? AXM_OK : out_of_memory();
    for (int i = 0; i < COEF_PUBLISHED && paper && st == AXM_OK; i++) {
        struct axm_spec s;
        char text[AXM_SPEC_MAX];
        coef_published_spec(i, &s);
        axm_spec_print(&s, text);
        st = add_row(j, i ? text : "exact8s");
    }
    for (int i = 0; i < n && st == AXM_OK; i++)
        st = add_row(j, cli_get_nth(j->args, "mult", i));
    return st == AXM_OK && !j->n ? add_row(j, NULL) : st;
}

/* --- coefficients -------------------------------------------------------------------------- */

static enum axm_status find_coefficients(struct job *j)
{
    size_t n = (size_t)j->mults.n;
    const struct axm_mul **mul = calloc(n + 1, sizeof *mul);
    j->coef = calloc(n + 1, sizeof *j->coef);
    enum axm_status st = mul && j->coef ? AXM_OK : out_of_memory();
    for (size_t i = 0; i < n && st == AXM_OK; i++)
        mul[i] = j->mults.mult[i].mul;
    if (st == AXM_OK)
        st = coefficient_find(j->args, j->column, cli_get(j->args, "store"), mul, j->mults.n, j->coef);
    free(mul);
    return st;
}

static double coefficient_of(const struct job *j, const struct axm_mul *m)
{
    for (int i = 0; i < j->mults.n; i++)
        if (j->mults.mult[i].mul == m)
            return j->coef[i];
    return NAN;
}

static uint64_t layer_multiplications(const struct job *j, int layer)
{
    return qnode_multiplications(j->q, &j->q->node[infer_layer_node(j->q, layer)]);
}

static uint64_t all_multiplications(const struct job *j)
{
    uint64_t all = 0;
    for (int l = 0; l < j->layers; l++)
        all += layer_multiplications(j, l);
    return all;
}

static void find_savings(const struct job *j, struct row *r)
{
    double all = (double)all_multiplications(j), sum = 0, inverse = 0;
    for (int l = 0; l < j->layers; l++) {
        double m = (double)layer_multiplications(j, l), c = coefficient_of(j, r->layer[l].mul);
        sum += m * c;
        inverse += m / c;
    }
    r->paper_percent = 100 * (inverse / all - 1);
    r->plain_percent = 100 * (1 - sum / all);
}

/* --- rows that are done ------------------------------------------------------------------------ */

/* One line a row: what decides it, then the two counts, then what may hold commas. */
static const char resume_header[] = "model_sha256,images_of,set,first,images,order,correct,correct_top5,mult";

static bool has_spec(const struct job *j, const struct row *r)
{
    for (int l = 0; l < j->layers; l++)
        if (!axm_mul_spec(r->layer[l].mul))
            return false;
    return true;
}

static void resume_key(const struct job *j, const struct row *r, struct strbuf *s)
{
    strbuf_addf(s, "%s,%s,%s,%zu,%zu,%s,", j->model.s, j->im.set->name, j->im.test ? "test" : "train",
                j->im.first, j->im.n, r->order);
}

static enum axm_status read_resume(struct job *j, const char *path, struct strbuf *text)
{
    outfile_remove_stale(path);
    if (!file_exists(path)) {
        strbuf_addf(text, "%s\n", resume_header);
        return AXM_OK;
    }
    enum axm_status st = file_read(path, 256 << 20, text);
    if (st != AXM_OK)
        return st;
    size_t head = sizeof resume_header - 1;
    if (text->len <= head || memcmp(text->s, resume_header, head) || text->s[head] != '\n' ||
        text->s[text->len - 1] != '\n')
        return fail(AXM_USAGE, "%s: not a file that --resume wrote; its first line must be %s", path,
                    resume_header);
    for (int i = 0; i < j->n; i++) {
        struct row *r = &j->row[i];
        struct strbuf key = { 0 };
        resume_key(j, r, &key);
        for (const char *line = text->s; has_spec(j, r) && !key.failed && *line;
             line += strcspn(line, "\n") + 1) {
            int at = 0;
            size_t len = strcspn(line, "\n");
            uint64_t correct, correct5;
            if (len < key.len || memcmp(line, key.s, key.len) ||
                sscanf(line + key.len, "%" SCNu64 ",%" SCNu64 ",%n", &correct, &correct5, &at) != 2 || !at)
                continue;
            const char *mults = line + key.len + at;
            if (strlen(r->mults) != (size_t)(line + len - mults) || memcmp(mults, r->mults, strlen(r->mults)))
                continue;
            r->correct = correct;
            r->correct5 = correct5;
            r->done = correct <= correct5 && correct5 <= j->im.n;
        }
        strbuf_release(&key);
    }
    return AXM_OK;
}

static enum axm_status write_resume(const struct job *j, const struct row *r, const char *path,
                                    struct strbuf *text)
{
    if (!has_spec(j, r))
        return AXM_OK;
    resume_key(j, r, text);
    strbuf_addf(text, "%" PRIu64 ",%" PRIu64 ",%s\n", r->correct, r->correct5, r->mults);
    return text->failed ? out_of_memory() : file_write(path, text->s, text->len);
}

/* --- running ------------------------------------------------------------------------------------- */

enum { CHUNK_IMAGES = 4096 };

static void score(const struct job *j, struct row *r, const int32_t *logits, int label)
{
    int better = 0, best = 0;
    for (int o = 0; o < j->outputs; o++) {
        best = logits[o] > logits[best] ? o : best;
        if (label < j->outputs)
            better += logits[o] > logits[label] || (logits[o] == logits[label] && o < label);
    }
    r->correct += best == label;
    r->correct5 += label < j->outputs && better < 5;
    if (r->confusion)
        r->confusion[(size_t)label * (size_t)j->outputs + (size_t)best]++;
}

static enum axm_status run_row(struct job *j, struct row *r)
{
    struct infer_opts o = { .level = -1, .memoise = !cli_flag(j->args, "no-memo"), .progress = j->bar };
    struct infer *in = NULL;
    size_t chunk = j->im.n < CHUNK_IMAGES ? j->im.n : CHUNK_IMAGES, outputs = (size_t)j->outputs;
    int32_t *logits = malloc(chunk * outputs * sizeof *logits);
    enum axm_status st = logits ? infer_open(j->q, r->layer, j->layers, &o, &in) : out_of_memory();
    for (size_t i = 0; i < j->im.n && st == AXM_OK; i += chunk) {
        size_t n = j->im.n - i < chunk ? j->im.n - i : chunk;
        st = infer_run(in, &j->im.im, j->im.first + i, n, logits, NULL);
        for (size_t k = 0; k < n && st == AXM_OK; k++)
            score(j, r, logits + k * outputs, j->im.im.label[j->im.first + i + k]);
    }
    infer_close(in);
    free(logits);
    r->done = st == AXM_OK;
    return st;
}

static enum axm_status run_rows(struct job *j)
{
    const char *path = cli_get(j->args, "resume");
    struct strbuf text = { 0 };
    enum axm_status st = path ? read_resume(j, path, &text) : AXM_OK;
    uint64_t left = 0;
    int done = 0;
    for (int i = 0; i < j->n; i++)
        left += j->row[i].done ? 0 : j->im.n;
    j->bar = progress_begin("images", left);
    for (int i = 0; i < j->n && st == AXM_OK; i++) {
        if (j->row[i].done)
            continue;
        st = run_row(j, &j->row[i]);
        if (st == AXM_OK && path)
            st = write_resume(j, &j->row[i], path, &text);
    }
    progress_end(j->bar);
    j->bar = NULL;
    strbuf_release(&text);
    for (int i = 0; i < j->n; i++)
        done += j->row[i].done;
    if (st == AXM_STOPPED && path)
        note("infer: %d of %d rows are kept in %s", done, j->n, path);
    return st;
}

/* --- printing --------------------------------------------------------------------------------------- */

static void main_rows(struct table *t, const struct job *j, bool machine)
{
    for (int i = 0; i < j->n; i++) {
        const struct row *r = &j->row[i];
        double low, high, n = (double)j->im.n;
        wilson_95(r->correct, j->im.n, &low, &high);
        table_text(t, r->mults);
        table_text(t, r->order);
        table_uint(t, j->im.n);
        table_real(t, 100 * (double)r->correct / n);
        table_real(t, low);
        table_real(t, high);
        table_real(t, 100 * (double)r->correct5 / n);
        table_uint(t, all_multiplications(j));
        table_real(t, r->paper_percent);
        table_real(t, r->plain_percent);
        if (!machine)
            continue;
        char word[16];
        table_text(t, coefficient_word(j->column, word));
        table_uint(t, r->correct);
        table_uint(t, r->correct5);
        table_text(t, j->model.s);
        table_text(t, j->im.test ? "test" : "train");
        table_uint(t, j->im.first);
    }
}

static const struct table_column layer_columns[] = {
    { "row", NULL, CELL_INT, 0 },             { "layer", NULL, CELL_TEXT, 0 },
    { "mult", NULL, CELL_TEXT, 0 },           { "weight_is", "weight is", CELL_TEXT, 0 },
    { "outputs", NULL, CELL_UINT, 0 },        { "k", NULL, CELL_UINT, 0 },
    { "multiplications", NULL, CELL_UINT, 0 }, { "share_percent", "share %", CELL_REAL, -1 },
    { "coefficient", NULL, CELL_REAL, 4 },    { "plan", NULL, CELL_TEXT, 0 },
};
enum { LAYER_COLUMNS = 10 };

static enum axm_status layer_rows(struct table *t, const struct job *j)
{
    struct infer_opts o = { .level = -1, .memoise = !cli_flag(j->args, "no-memo") };
    for (int i = 0; i < j->n; i++) {
        const struct row *r = &j->row[i];
        struct infer *in;
        enum axm_status st = infer_open(j->q, r->layer, j->layers, &o, &in);
        if (st != AXM_OK)
            return st;
        for (int l = 0; l < j->layers; l++) {
            const struct qnode *n = &j->q->node[infer_layer_node(j->q, l)];
            uint64_t m = layer_multiplications(j, l);
            table_int(t, i);
            table_text(t, n->name);
            table_text(t, axm_mul_name(r->layer[l].mul));
            table_text(t, r->layer[l].weight_is_a ? "a" : "b");
            table_uint(t, shape_count(n->out));
            table_uint(t, qnode_k(j->q, n));
            table_uint(t, m);
            table_real(t, 100 * (double)m / (double)all_multiplications(j));
            table_real(t, coefficient_of(j, r->layer[l].mul));
            table_text(t, infer_describe(in, l));
        }
        infer_close(in);
    }
    return AXM_OK;
}

static const char *class_name(const struct job *j, int c, char text[16])
{
    snprintf(text, 16, "%d", c);
    return c < j->im.set->classes && j->im.set->class_name ? j->im.set->class_name[c] : text;
}

static const struct table_column class_columns[] = {
    { "row", NULL, CELL_INT, 0 },        { "class", NULL, CELL_TEXT, 0 },
    { "images", NULL, CELL_UINT, 0 },    { "correct", NULL, CELL_UINT, 0 },
    { "recall_percent", "recall %", CELL_REAL, -2 }, { "recall_low_percent", "95 %: low", CELL_REAL, -2 },
    { "recall_high_percent", "high", CELL_REAL, -2 },
    { "precision_percent", "precision %", CELL_REAL, -2 },
};
enum { CLASS_COLUMNS = 8 };

static void class_rows(struct table *t, const struct job *j)
{
    for (int i = 0; i < j->n; i++)
        for (int c = 0; c < j->im.im.classes; c++) {
            const uint64_t *of = j->row[i].confusion;
            uint64_t images = 0, taken = 0, hits = c < j->outputs ? of[c * j->outputs + c] : 0;
            double low = NAN, high = NAN;
            char text[16];
            for (int o = 0; o < j->outputs; o++)
                images += of[c * j->outputs + o];
            for (int k = 0; k < j->im.im.classes && c < j->outputs; k++)
                taken += of[k * j->outputs + c];
            if (images)
                wilson_95(hits, images, &low, &high);
            table_int(t, i);
            table_text(t, class_name(j, c, text));
            table_uint(t, images);
            table_uint(t, hits);
            table_real(t, images ? 100 * (double)hits / (double)images : NAN);
            table_real(t, low);
            table_real(t, high);
            table_real(t, taken ? 100 * (double)hits / (double)taken : NAN);
        }
}

static const struct table_column confusion_columns[] = {
    { "row", NULL, CELL_INT, 0 },       { "class", NULL, CELL_TEXT, 0 },
    { "taken_for", "taken for", CELL_TEXT, 0 }, { "images", NULL, CELL_UINT, 0 },
};
enum { CONFUSION_COLUMNS = 4 };

/* For programs, every pair. */
static void confusion_rows(struct table *t, const struct job *j)
{
    char text[16];
    for (int i = 0; i < j->n; i++)
        for (int c = 0; c < j->im.im.classes; c++)
            for (int o = 0; o < j->outputs; o++) {
                table_int(t, i);
                table_text(t, class_name(j, c, text));
                table_text(t, class_name(j, o, text));
                table_uint(t, j->row[i].confusion[c * j->outputs + o]);
            }
}

/* For people, a matrix. */
static void print_confusion(const struct job *j)
{
    char text[16];
    for (int i = 0; i < j->n; i++) {
        printf("\n%s: rows are what an image is, columns what it was taken for\n%12s", j->row[i].mults, "");
        for (int o = 0; o < j->outputs; o++)
            printf(" %6d", o);
        for (int c = 0; c < j->im.im.classes; c++) {
            printf("\n%2d %9.9s", c, class_name(j, c, text));
            for (int o = 0; o < j->outputs; o++)
                printf(" %6" PRIu64, j->row[i].confusion[c * j->outputs + o]);
        }
        printf("\n");
    }
}

enum view { VIEW_MAIN, VIEW_LAYERS, VIEW_CLASSES, VIEW_CONFUSION, VIEWS };
static const char *const view_options[VIEWS] = { NULL, "per-layer", "per-class", "confusion" };

static enum axm_status print_view(const struct job *j, enum view v)
{
    enum cli_format format = j->args->format;
    bool machine = format != CLI_TEXT;
    enum axm_status st = AXM_OK;
    if (!machine && v == VIEW_CONFUSION) {
        print_confusion(j);
        return AXM_OK;
    }
    if (!machine && v != VIEW_MAIN)
        printf("\n");
    struct table *t = v == VIEW_MAIN ? table_new(columns, machine ? COLUMNS : COLUMNS_TEXT)
                      : v == VIEW_LAYERS ? table_new(layer_columns, LAYER_COLUMNS)
                      : v == VIEW_CLASSES ? table_new(class_columns, CLASS_COLUMNS)
                                          : table_new(confusion_columns, CONFUSION_COLUMNS);
    if (!t)
        return out_of_memory();
    if (v == VIEW_MAIN)
        main_rows(t, j, machine);
    else if (v == VIEW_LAYERS)
        st = layer_rows(t, j);
    else if (v == VIEW_CLASSES)
        class_rows(t, j);
    else
        confusion_rows(t, j);
    if (st == AXM_OK)
        st = table_print(t, stdout, format);
    table_free(t);
    return st;
}

/* Text has every table that was asked for; CSV and JSON have one. */
static enum axm_status print_all(const struct job *j)
{
    enum axm_status st = AXM_OK;
    bool machine = j->args->format != CLI_TEXT, extra = false;
    for (int v = VIEW_LAYERS; v < VIEWS; v++)
        extra |= cli_flag(j->args, view_options[v]);
    for (int v = VIEW_MAIN; v < VIEWS && st == AXM_OK; v++)
        if (v == VIEW_MAIN ? !(machine && extra) : cli_flag(j->args, view_options[v]))
            st = print_view(j, (enum view)v);
    return st;
}

/* --- traces ------------------------------------------------------------------------------------------ */

/* Values as little-endian int16. */
struct pairs_out {
    struct outfile o;
    int width_a, width_b;
    bool is_signed;
};

static enum axm_status write_pairs(void *ctx, const uint32_t *a, const uint32_t *b, size_t count)
{
    struct pairs_out *p = ctx;
    for (size_t i = 0; i < count; i++) {
        uint32_t va = p->is_signed ? (uint32_t)axm_sign_extend(a[i], p->width_a) : a[i];
        uint32_t vb = p->is_signed ? (uint32_t)axm_sign_extend(b[i], p->width_b) : b[i];
        const unsigned char pair[4] = { va & 255, va >> 8 & 255, vb & 255, vb >> 8 & 255 };
        fwrite(pair, 1, sizeof pair, p->o.f);
    }
    return AXM_OK;
}

static enum axm_status run_trace(struct job *j, const char *name)
{
    const struct row *r = &j->row[0];
    int64_t pairs;
    int node, layer = 0;
    struct infer *in = NULL;
    struct pairs_out p = { .is_signed = qgraph_signed(j->q) };
    enum axm_status st = cli_get_int(j->args, "pairs", 2, INT64_C(1) << 30, 20000, &pairs);
    if (st == AXM_OK)
        st = network_node(j->q, name, true, &node);
    if (st != AXM_OK)
        return st;
    while (infer_layer_node(j->q, layer) != node)
        layer++;
    p.width_a = axm_mul_width_a(r->layer[layer].mul);
    p.width_b = axm_mul_width_b(r->layer[layer].mul);
    if (p.width_a > 16 || p.width_b > 16)
        return fail(AXM_USAGE, "--trace: operands have at most 16 bits, %s has %dx%d",
                    axm_mul_name(r->layer[layer].mul), p.width_a, p.width_b);
    st = infer_open(j->q, r->layer, j->layers, &(struct infer_opts){ .level = -1, .memoise = true }, &in);
    if (st == AXM_OK) {
        outfile_remove_stale(cli_get(j->args, "output"));
        st = outfile_open(&p.o, cli_get(j->args, "output"));
    }
    if (st == AXM_OK) {
        st = infer_trace(in, layer, &j->im.im, j->im.first, j->im.n, (size_t)pairs, write_pairs, &p);
        if (st == AXM_OK)
            st = outfile_commit(&p.o);
        else
            outfile_abort(&p.o);
    }
    infer_close(in);
    return st;
}

/* --- the command ---------------------------------------------------------------------------------------- */

enum { TRACE_IMAGES = 100 };

static enum axm_status check_usage(const struct cli_args *args, struct job *j)
{
    const char *trace = cli_get(args, "trace");
    int views = 0;
    for (int v = VIEW_LAYERS; v < VIEWS; v++)
        views += cli_flag(args, view_options[v]);
    j->counts = cli_flag(args, "confusion") || cli_flag(args, "per-class");
    enum axm_status st = coefficient_column(args, &j->column);
    if (st != AXM_OK)
        return st;
    if (j->column >= COEFFICIENT_PAPER && cli_get(args, "store"))
        return fail(AXM_USAGE, "infer: --store has a meaning with measured coefficients only (--coef energy, "
                    "p1, ...)");
    if (!trace != !cli_get(args, "output"))
        return fail(AXM_USAGE, "infer: --trace LAYER and -o FILE go together");
    if (!trace && cli_get(args, "pairs"))
        return fail(AXM_USAGE, "infer: --pairs has no meaning without --trace");
    if (trace && (views || cli_get(args, "resume") || cli_flag(args, "paper") ||
                  cli_get_nth(args, "mult", 1)))
        return fail(AXM_USAGE, "infer: --trace takes one --mult, and writes nothing but the trace");
    if (args->format != CLI_TEXT && views > 1)
        return fail(AXM_USAGE, "infer: CSV and JSON have one table: --per-layer, --per-class or --confusion");
    if (j->counts && cli_get(args, "resume"))
        return fail(AXM_USAGE, "infer: --resume keeps top-1 and top-5; --per-class and --confusion need "
                    "more");
    return AXM_OK;
}

static enum axm_status run_open(struct job *j)
{
    const char *trace = cli_get(j->args, "trace");
    const struct qnode *last = &j->q->node[j->q->n_nodes - 1];
    j->layers = infer_layers(j->q);
    j->outputs = (int)shape_count(last->out);
    enum axm_status st = network_images(j->args, j->q, trace ? TRACE_IMAGES : 0, &j->im);
    if (st == AXM_OK)
        st = make_rows(j);
    if (st == AXM_OK && trace)
        return run_trace(j, trace);
    if (st == AXM_OK)
        st = find_coefficients(j);
    for (int i = 0; i < j->n && st == AXM_OK; i++)
        find_savings(j, &j->row[i]);
    if (st == AXM_OK)
        st = run_rows(j);
    return st == AXM_OK ? print_all(j) : st;
}

static enum axm_status run(const struct cli_args *args)
{
    struct job j = { .args = args };
    enum axm_status st = check_usage(args, &j);
    if (st == AXM_OK)
        st = network_model(args->operand[0], &j.q, &j.model);
    if (st != AXM_OK)
        return st;
    st = run_open(&j);
    for (int i = 0; i < j.n; i++) {
        free(j.row[i].layer);
        free(j.row[i].mults);
        free(j.row[i].order);
        free(j.row[i].confusion);
    }
    free(j.row);
    free(j.coef);
    images_release(&j.im.im);
    network_mults_release(&j.mults);
    qgraph_free(j.q);
    return st;
}

const struct cli_command cmd_infer = {
    .name = "infer",
    .synopsis = "QMODEL",
    .brief = "accuracy and energy of a quantized network with any multipliers",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
