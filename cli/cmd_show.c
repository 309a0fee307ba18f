#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "cli/common.h"
#include "cli/complexity.h"
#include "dnn/model.h"

static const struct cli_option options[] = {
    { "complexity", 0, NULL, "multiplications of training and search instead, as appendix C counts them" },
    { 0 },
};

static const char help[] =
    "The graph of a network that comes with axmul (lenet5i, lenet5, resnet8, resnet14)\n"
    "or of a model file, one node a line: operation, inputs, output shape (channels x\n"
    "height x width), window, parameters, and multiplications of one image. Of a\n"
    "quantized model also what its codes stand for, scale * (code - zero), their\n"
    "range, and the bits of the weights. Windows are kernel height x width, then /stride\n"
    "if not 1, +padding (top, left, bottom, right if they differ), and * groups.\n"
    "--verbose adds how a model was made, as its file says.\n"
    "\n"
    "--complexity counts multiplications by the formulas of appendix C of Shakibhamedan et al.\n"
    "2024: layers, passes, an epoch, a training, a genetic search; of lenet5i beside the printed\n"
    "figures, errata marked.\n"
    "\n"
    "  axmul show lenet5i\n"
    "  axmul show resnet8 --format csv\n"
    "  axmul show lenet5i.axm --verbose\n"
    "  axmul show lenet5i --complexity\n";

/* For programs; docs/formats.md promises these columns. */
static const struct table_column columns[] = {
    { "node", NULL, CELL_TEXT, 0 },
    { "op", NULL, CELL_TEXT, 0 },
    { "inputs", NULL, CELL_TEXT, 0 },
    { "shape", NULL, CELL_TEXT, 0 },
    { "window", NULL, CELL_TEXT, 0 },
    { "parameters", NULL, CELL_UINT, 0 },
    { "multiplications", NULL, CELL_UINT, 0 },
    { "scale", NULL, CELL_REAL, 5 },
    { "zero", NULL, CELL_INT, 0 },
    { "lowest", NULL, CELL_INT, 0 },
    { "highest", NULL, CELL_INT, 0 },
    { "weight_bits", "bits", CELL_INT, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns, FLOAT_COLUMNS = COLUMNS - 5 };

/* What a line shows of a node of either kind. */
struct line {
    const char *name;
    enum op op;
    int n_inputs;
    const char *input[GRAPH_INPUTS_MAX];
    struct shape out;
    struct window window;
    int groups;
    uint64_t parameters, multiplications;
    const struct qnode *q;      /* NULL: float */
    int weight_bits;            /* 0: it has no weights */
};

static void add_window(struct strbuf *t, const struct window *w, int groups)
{
    strbuf_addf(t, "%dx%d", w->kernel_h, w->kernel_w);
    if (w->stride_h != w->stride_w)
        strbuf_addf(t, "/%dx%d", w->stride_h, w->stride_w);
    else if (w->stride_h != 1)
        strbuf_addf(t, "/%d", w->stride_h);
    if (w->pad_top != w->pad_left || w->pad_top != w->pad_bottom || w->pad_top != w->pad_right)
        strbuf_addf(t, "+%d,%d,%d,%d", w->pad_top, w->pad_left, w->pad_bottom, w->pad_right);
    else if (w->pad_top)
        strbuf_addf(t, "+%d", w->pad_top);
    if (groups != 1)
        strbuf_addf(t, "*%d", groups);
}

static void add_counts(struct table *t, const struct line *l)
{
    bool computes = l->parameters || l->multiplications;
    if (!computes) {
        table_text(t, NULL);
        table_text(t, NULL);
        return;
    }
    table_uint(t, l->parameters);
    if (l->multiplications)
        table_uint(t, l->multiplications);
    else
        table_text(t, NULL);
}

static void add_codes(struct table *t, const struct line *l)
{
    if (!l->q) {
        for (int i = FLOAT_COLUMNS; i < COLUMNS; i++)
            table_text(t, NULL);
        return;
    }
    table_real(t, (double)l->q->scale);
    table_int(t, l->q->zero);
    if (l->q->is_logits) {
        table_text(t, NULL);
        table_text(t, NULL);
    } else {
        table_int(t, l->q->lo);
        table_int(t, l->q->hi);
    }
    if (l->weight_bits)
        table_int(t, l->weight_bits);
    else
        table_text(t, NULL);
}

/* False if out of memory. */
static bool add_line(struct table *t, const struct line *l, bool with_codes)
{
    struct strbuf inputs = { 0 }, shape = { 0 }, window = { 0 };
    strbuf_addf(&shape, "%dx%dx%d", l->out.c, l->out.h, l->out.w);
    for (int i = 0; i < l->n_inputs; i++)
        strbuf_addf(&inputs, "%s%s", i ? " " : "", l->input[i]);
    if (op_infos[l->op].has_kernel)
        add_window(&window, &l->window, l->groups);
    table_text(t, l->name);
    table_text(t, op_infos[l->op].name);
    table_text(t, inputs.s);
    table_text(t, shape.s);
    table_text(t, window.s);
    add_counts(t, l);
    if (with_codes)
        add_codes(t, l);
    bool ok = !inputs.failed && !shape.failed && !window.failed;
    strbuf_release(&inputs);
    strbuf_release(&shape);
    strbuf_release(&window);
    return ok;
}

static struct line line_of(const struct graph *g, int i)
{
    const struct node *n = &g->node[i];
    struct line l = { .name = n->name, .op = n->op, .n_inputs = n->n_inputs, .out = n->out,
                      .window = n->window, .groups = n->groups, .parameters = node_parameters(g, n),
                      .multiplications = node_multiplications(g, n) };
    for (int k = 0; k < n->n_inputs; k++)
        l.input[k] = g->node[n->input[k]].name;
    return l;
}

static struct line line_of_quantized(const struct qgraph *q, int i)
{
    const struct qnode *n = &q->node[i];
    struct line l = { .name = n->name, .op = n->op, .n_inputs = n->n_inputs, .out = n->out,
                      .window = n->window, .groups = n->groups,
                      .multiplications = qnode_multiplications(q, n), .q = n };
    for (int k = 0; k < n->n_inputs; k++)
        l.input[k] = q->node[n->input[k]].name;
    if (qnode_multiplies(n)) {
        l.parameters = (uint64_t)n->out.c * (qnode_k(q, n) + 1);
        l.weight_bits = q->weight_bits;
    } else if (n->op == OP_BATCH_NORM) {
        l.parameters = 2 * (uint64_t)n->out.c;
    }
    return l;
}

static enum axm_status print_complexity(const struct cli_args *args, const struct graph *g,
                                        const struct qgraph *q)
{
    int nodes = g ? g->n_nodes : q->n_nodes, n = 0;
    struct complexity_layer *layer = calloc((size_t)nodes + 1, sizeof *layer);
    if (!layer)
        return fail(AXM_ENV, "show: out of memory");
    for (int i = 0; i < nodes; i++) {
        uint64_t count = g ? node_multiplications(g, &g->node[i]) : qnode_multiplications(q, &q->node[i]);
        if (count)
            layer[n++] = (struct complexity_layer){ g ? g->node[i].name : q->node[i].name, count };
    }
    enum axm_status st = complexity_print(args, g ? g->name : q->name, layer, n);
    free(layer);
    return st;
}

/* Prints the lines, and in text what they sum to. */
static enum axm_status print(const struct cli_args *args, const struct graph *g, const struct qgraph *q)
{
    bool text = args->format == CLI_TEXT, failed;
    uint64_t parameters = 0, multiplications = 0;
    int nodes = g ? g->n_nodes : q->n_nodes;
    if (cli_flag(args, "complexity"))
        return print_complexity(args, g, q);
    struct table *t = table_new(columns, text && g ? FLOAT_COLUMNS : COLUMNS);
    failed = !t;
    for (int i = 0; i < nodes && !failed; i++) {
        struct line l = g ? line_of(g, i) : line_of_quantized(q, i);
        failed = !add_line(t, &l, !text || q);
        parameters += l.parameters;
        multiplications += l.multiplications;
    }
    enum axm_status st = failed ? fail(AXM_ENV, "show: out of memory") : table_print(t, stdout, args->format);
    table_free(t);
    if (st == AXM_OK && text)
        printf("%d nodes, %" PRIu64 " parameters, %" PRIu64 " multiplications an image\n", nodes, parameters,
               multiplications);
    return st;
}

static void print_provenance(const struct cli_args *args, const char *provenance)
{
    if (args->format == CLI_TEXT && args->verbosity > 0)
        printf("made: %s\n", *provenance ? provenance : "the file does not say how");
}

static enum axm_status show_float(const struct cli_args *args, const struct graph *g)
{
    if (args->format == CLI_TEXT)
        printf("%s: float%s%s\n", g->name, *g->data_set ? ", " : "", g->data_set);
    return print(args, g, NULL);
}

static enum axm_status show_quantized(const struct cli_args *args, const struct qgraph *q)
{
    static const char *const schemes[] = { "symmetric", "affine", "ace" };
    if (args->format == CLI_TEXT)
        printf("%s: quantized, scheme %s, weights of %d bits with a scale %s%s%s\n", q->name,
               schemes[q->scheme], q->weight_bits, q->per_channel ? "a channel" : "a tensor",
               *q->data_set ? ", " : "", q->data_set);
    return print(args, NULL, q);
}

static enum axm_status show_file(const struct cli_args *args, const char *path)
{
    enum model_kind kind;
    struct graph *g;
    struct qgraph *q;
    enum axm_status st = model_kind_of(path, &kind);
    if (st == AXM_OK && kind == MODEL_FLOAT) {
        st = model_load(path, &g);
        if (st != AXM_OK)
            return st;
        st = show_float(args, g);
        if (st == AXM_OK)
            print_provenance(args, model_provenance(g));
        graph_free(g);
    } else if (st == AXM_OK) {
        st = model_load_quantized(path, &q);
        if (st != AXM_OK)
            return st;
        st = show_quantized(args, q);
        if (st == AXM_OK)
            print_provenance(args, q->provenance);
        qgraph_free(q);
    }
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    const char *what = args->operand[0];
    const struct net *net;
    struct graph *g;
    bool is_net = false;
    for (const struct net *n = nets; n->name; n++)
        is_net |= !strcmp(n->name, what);
    /* What has a directory or an ending is meant as a file; "./lenet5i" too. */
    if (!is_net && (strpbrk(what, "/.") || file_exists(what)))
        return show_file(args, what);
    enum axm_status st = net_find(what, &net);
    if (st == AXM_OK)
        st = net->build(&g);
    if (st != AXM_OK)
        return st;
    st = show_float(args, g);
    graph_free(g);
    return st;
}

const struct cli_command cmd_show = {
    .name = "show",
    .synopsis = "MODEL|NET",
    .brief = "the graph of a network or model file",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
