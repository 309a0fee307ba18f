#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/pool.h"
#include "cli/network.h"
#include "explore/cosim.h"
#include "explore/cosim_resume.h"

static const char backend_words[] = "rtl|gates|cycle|bitslice";   /* in the order of enum cosim_backend */
static const char dataflow_words[] = "ws|os";

static const struct cli_option options[] = {
    { "mult", 0, "SPEC[,SPEC...]", "one multiplier for all layers, or one for each (default: exact)" },
    NETWORK_ORDER_OPTION,
    { "backend", 0, backend_words, "what stands for the hardware (default bitslice)" },
    { "rows", 0, "R", "of the array (default 8)" },
    { "cols", 0, "C", "of the array (default 8)" },
    { "dataflow", 0, dataflow_words, "weight- or output-stationary (default ws)" },
    { "acc-depth", 0, "N", "weight-stationary: rows of accumulators (default 1024)" },
    { "pool-width", 0, "N", "rtl, gates: a pooling unit of N windows in a row (default 0: none)" },
    { "stall", 0, "PERCENT", "of the cycles each stream of the array stalls, at random (default 0)" },
    { "batch", 0, "N", "images at once (default: what suits the backend)" },
    { "sums", 0, "N", "rtl, gates: accumulators of one batch in N are compared (default 64; 0: the first)" },
    { "processes", 0, "N", "worker processes, in place of --threads (the same output)" },
    { "vcd", 0, "FILE", "rtl, gates: the array's signals around the first difference" },
    { "vcd-cycles", 0, "N", "so many cycles before it (default 1000)" },
    { "resume", 0, "FILE", "batches that are done are kept there and not run again" },
    NETWORK_IMAGE_OPTIONS,
    { 0 },
};

static const char help[] =
    "Runs a quantized network through models of the hardware and compares every layer's\n"
    "accumulators and output codes with the C engine, bit for bit.\n"
    "\n"
    "  rtl       the systolic array's Verilog in Verilator, driven through its AXI ports, one\n"
    "            multiplication table for all cells: control, skew, requantizer as they are\n"
    "  gates     the same with the multiplier's gates in every cell\n"
    "  cycle     the array cycle by cycle, on the multiplier's gates in compiled C, up to 512 images\n"
    "            at once, each with an array of its own\n"
    "  bitslice  the gates alone, as many images at once\n"
    "\n"
    "Every output code is compared; accumulators are too, on rtl and gates in some batches (--sums).\n"
    "With --pool-width the array pools a layer's codes itself where a pool is all that reads them.\n"
    "Prints multiplications, cycles and utilisation by layer (cycles: of one array that does all\n"
    "images; none for bitslice). A difference is reported with image, layer and place, both\n"
    "values, and the array's tile, row, column and cycle; exit status 1. --vcd writes down the\n"
    "array's signals around it. Multipliers set at run time (scdmr8s_x7_y3) run on one array\n"
    "whatever their settings.\n"
    "\n"
    "--resume keeps what is done, a row for each model, multiplier, backend, array and choice of\n"
    "images: the same command goes on after an interruption and ends with the same report. Another\n"
    "build of axmul begins anew.\n"
    "\n"
    NETWORK_BUILTIN_HELP
    "\n"
    "  axmul cosim builtin:lenet5i --mult scdm8s_x5_y2\n"
    "  axmul cosim lenet5i-int8.axm --mult scdm8s_x5_y2 --backend rtl --rows 16 --cols 16 --images 100\n";

static const struct table_column columns[] = {
    { "layer", NULL, CELL_TEXT, 0 },
    { "multiplier", NULL, CELL_TEXT, 0 },
    { "multiplications", NULL, CELL_UINT, 0 },
    { "cycles", NULL, CELL_UINT, 0 },
    { "utilisation_percent", "utilisation %", CELL_REAL, -1 },
    { "stall_x_cycles", "stalls x", CELL_UINT, 0 },
    { "stall_w_cycles", "stalls w", CELL_UINT, 0 },
    { "stall_y_cycles", "stalls y", CELL_UINT, 0 },
};
enum { COLUMNS = 8 };

static enum axm_status get_word(const struct cli_args *a, const char *name, const char *words, int
                                fallback, int *out)
{
    const char *text = cli_get(a, name);
    char legal[CLI_WORDS_TEXT];
    *out = text ? cli_word(words, text) : fallback;
    return *out >= 0 ? AXM_OK : fail(AXM_USAGE, "cosim: --%s is %s, got %s", name, cli_words_text(words,
                                                                                                  legal),
                                                                                                      text);
}

/* Options that this backend would not look at. */
static enum axm_status check_backend(const struct cli_args *a, enum cosim_backend backend, bool os)
{
    static const struct { const char *option, *why; } rtl_only[] = {
        { "vcd", "has no signals" }, { "vcd-cycles", "has no signals" }, { "pool-width", "does not pool" },
        { "stall", "has no streams" }, { "sums", "compares all accumulators" },
    };
    static const char *const array_only[] = { "rows", "cols", "dataflow", "acc-depth" };
    bool streams = backend == COSIM_RTL || backend == COSIM_GATES;
    for (size_t i = 0; !streams && i < sizeof rtl_only / sizeof rtl_only[0]; i++)
        if (cli_get(a, rtl_only[i].option))
            return fail(AXM_USAGE, "cosim: --%s is for the backends rtl and gates; %s %s",
                        rtl_only[i].option, cosim_backend_names[backend], rtl_only[i].why);
    for (size_t i = 0; backend == COSIM_BITSLICE && i < sizeof array_only / sizeof array_only[0]; i++)
        if (cli_get(a, array_only[i]))
            return fail(AXM_USAGE, "cosim: --%s is for the backends rtl, gates and cycle; bitslice has no "
                        "array", array_only[i]);
    if (os && cli_get(a, "acc-depth"))
        return fail(AXM_USAGE, "cosim: --acc-depth is for --dataflow ws");
    return AXM_OK;
}

static enum axm_status get_opts(const struct cli_args *a, struct cosim_opts *o)
{
    struct axm_spec any;
    int64_t rows, cols, depth, stall, batch, sums, vcd_cycles, processes, pool;
    int backend, dataflow;
    enum axm_status st = axm_spec_parse("exact8s", &any);
    if (st || (st = get_word(a, "backend", backend_words, COSIM_BITSLICE, &backend)) ||
        (st = get_word(a, "dataflow", dataflow_words, ARRAY_WS, &dataflow)) ||
        (st = cli_get_int(a, "rows", 1, ARRAY_ROWS_MAX, 8, &rows)) ||
        (st = cli_get_int(a, "cols", 1, ARRAY_COLS_MAX, 8, &cols)) ||
        (st = cli_get_int(a, "acc-depth", 2, 1 << 16, 1024, &depth)) ||
        (st = cli_get_int(a, "stall", 0, 90, 0, &stall)) ||
        (st = cli_get_int(a, "batch", 1, 1 << 16, 0, &batch)) ||
        (st = cli_get_int(a, "sums", 0, 1 << 30, 64, &sums)) ||
        (st = cli_get_int(a, "pool-width", 0, 4096, 0, &pool)) ||
        (st = cli_get_int(a, "processes", 1, 256, 0, &processes)) ||
        (st = cli_get_int(a, "vcd-cycles", 1, 1 << 30, 1000, &vcd_cycles)))
        return st;
    if ((st = check_backend(a, (enum cosim_backend)backend, dataflow == ARRAY_OS)))
        return st;
    *o = (struct cosim_opts){ .backend = (enum cosim_backend)backend, .array = array_defaults(&any),
        .batch = (size_t)batch, .stall_percent = (unsigned)stall, .seed = a->seed,
        .sums_every = (size_t)sums, .processes = (int)processes, .vcd = cli_get(a, "vcd"),
        .vcd_cycles = (uint64_t)vcd_cycles };
    o->array.dataflow = (enum array_dataflow)dataflow;
    o->array.rows = (int)rows;
    o->array.cols = o->array.lanes = (int)cols;
    o->array.acc_depth = (int)depth;
    o->array.pool_width = (int)pool;
    return AXM_OK;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void say_mismatch(const struct qgraph *q, const struct cosim_opts *o, const struct cosim_mismatch *m)
{
    const struct qnode *n = &q->node[infer_layer_node(q, m->layer)];
    char array[160] = "", cycle[32] = "not seen again";
    if (m->cycle != UINT64_MAX)
        snprintf(cycle, sizeof cycle, "cycle %" PRIu64, m->cycle);
    if (m->on_array)
        snprintf(array, sizeof array, " (array: tile at column %zu, row %zu; in it column %zu, row %zu; %s)",
                 m->tile_n, m->tile_m, m->tile_column, m->tile_row, cycle);
    (void)fail(AXM_MISMATCH, "image %zu, %s, channel %d at %d,%d: %s %d, expected %d%s", m->image, n->name,
               m->channel, m->row, m->column,
               m->accumulator ? "accumulator" : m->pooled ? "pooled code" : "code", m->actual,
               m->expected, array);
    if (o->vcd && m->cycle != UINT64_MAX)
        note("the array's signals around it are in %s, 10 ns a cycle", o->vcd);
}

static void add_row(struct table *t, const char *layer, const char *mult, const struct cosim_layer_result *r,
                    const struct cosim_opts *o)
{
    bool array = o->backend != COSIM_BITSLICE;
    double cells = (double)o->array.rows * o->array.cols;
    table_text(t, layer);
    table_text(t, mult);
    table_uint(t, r->multiplications);
    if (array)
        table_uint(t, r->cycles);
    else
        table_text(t, NULL);
    table_real(t, r->cycles ? 100 * (double)r->multiplications / ((double)r->cycles * cells) : NAN);
    table_uint(t, r->stall_x);
    table_uint(t, r->stall_w);
    table_uint(t, r->stall_y);
}

static enum axm_status print(const struct cli_args *a, const struct qgraph *q, const struct cosim_layer
                             *layer,
                             const struct cosim_opts *o, const struct cosim_result *r)
{
    struct table *t = table_new(columns, COLUMNS);
    struct cosim_layer_result all = { 0 };
    for (int i = 0; i < infer_layers(q); i++) {
        const struct cosim_layer_result *l = &r->layer[i];
        char name[AXM_SPEC_MAX];
        axm_spec_print(&layer[i].mult, name);
        add_row(t, q->node[infer_layer_node(q, i)].name, name, l, o);
        all.multiplications += l->multiplications;
        all.cycles += l->cycles;
        all.stall_x += l->stall_x;
        all.stall_w += l->stall_w;
        all.stall_y += l->stall_y;
    }
    add_row(t, "all", NULL, &all, o);
    enum axm_status st = table_print(t, stdout, a->format);
    table_free(t);
    return st;
}

/* Which pools the array does. */
static void say_pools(const struct qgraph *q, const struct cosim_opts *o)
{
    int pools = 0, in_array = 0;
    for (int i = 0; i < q->n_nodes; i++)
        pools += q->node[i].op == OP_MAX_POOL || q->node[i].op == OP_AVG_POOL ||
                 q->node[i].op == OP_GLOBAL_AVG_POOL;
    for (int i = 0; i < infer_layers(q); i++) {
        char why[ARRAY_POOL_WHY_MAX];
        in_array += cosim_pool(q, i, o, why) >= 0;
        if (*why)
            note("the pool behind %s is not done in the array: %s", q->node[infer_layer_node(q, i)].name,
                 why);
    }
    if (pools && (o->backend == COSIM_RTL || o->backend == COSIM_GATES))
        note("%d of %d pools in the array's pooling unit, the others on the host", in_array, pools);
}

static void say_result(const struct cosim_opts *o, int layers, const struct cosim_result *r, double took)
{
    uint64_t macs = 0;
    char kept[64] = "";
    for (int i = 0; i < layers; i++)
        macs += r->layer[i].multiplications;
    double share = (double)(r->images - r->kept_images) / (double)r->images;
    if (r->kept_images)
        snprintf(kept, sizeof kept, " (%zu of them before)", r->kept_images);
    note("%s: %zu images%s, every layer equal: %" PRIu64 " codes and %" PRIu64 " accumulators compared",
         cosim_backend_names[o->backend], r->images, kept, r->codes, r->sums);
    if (share > 0)
        note("%.1f s, %.0f MMAC/s on %d %s", took, share * (double)macs / took * 1e-6,
             o->processes ? o->processes : pool_threads(), o->processes ? "processes" : "threads");
}

static enum axm_status cosim(const struct cli_args *a, const struct qgraph *q, const struct sha256_hex *model,
                             struct cosim_opts *o, const struct cosim_layer *layer)
{
    int layers = infer_layers(q);
    const char *path = cli_get(a, "resume");
    struct network_images images = { 0 };
    struct cosim_resume *resume = NULL;
    struct cosim_keeper keeper;
    struct cosim_result r = { .layer = calloc((size_t)layers, sizeof *r.layer) };
    if (!r.layer)
        return fail(AXM_ENV, "cosim: out of memory");
    enum axm_status st = network_images(a, q, 0, &images);
    if (st == AXM_OK && o->vcd)
        st = outfile_check(o->vcd);   /* said now, not after an hour */
    if (st == AXM_OK && path)
        st = outfile_check(path);
    if (st == AXM_OK && path) {
        char images_of[64];
        snprintf(images_of, sizeof images_of, "%s %s", images.set->name, images.test ? "test" : "train");
        struct cosim_key key = { .model = *model, .images_of = images_of, .first = images.first,
            .n = images.n, .o = o, .layer = layer, .layers = layers };
        st = sha256_file("/proc/self/exe", &key.tool);
        if (st == AXM_OK)
            st = cosim_resume_open(path, &key, &resume);
        if (st == AXM_OK) {
            keeper = cosim_resume_keeper(resume);
            o->keep = &keeper;
        }
    }
    double start = seconds();
    if (st == AXM_OK)
        st = cosim_run(q, layer, layers, o, &images.im, images.first, images.n, &r);
    double took = seconds() - start;
    if (st == AXM_MISMATCH && r.mismatch.found)
        say_mismatch(q, o, &r.mismatch);
    if (st == AXM_OK)
        st = print(a, q, layer, o, &r);
    if (st == AXM_OK)
        say_result(o, layers, &r, took);
    if (st == AXM_OK)
        say_pools(q, o);
    if (st != AXM_OK && resume && r.images)
        note("cosim: %zu of %zu images are kept in %s; the same command goes on there", r.images, images.n,
             path);
    cosim_resume_close(resume);
    images_release(&images.im);
    free(r.layer);
    return st;
}

static enum axm_status run(const struct cli_args *a)
{
    struct cosim_opts o;
    struct sha256_hex model;
    struct qgraph *q = NULL;
    struct network_mults mults = { 0 };
    enum axm_status st = get_opts(a, &o);
    if (st == AXM_OK)
        st = network_model(a->operand[0], &q, &model);
    if (st != AXM_OK)
        return st;
    int layers = infer_layers(q);
    struct layer_mult *lm = calloc((size_t)layers + 1, sizeof *lm);
    struct cosim_layer *layer = calloc((size_t)layers + 1, sizeof *layer);
    st = lm && layer ? AXM_OK : fail(AXM_ENV, "cosim: out of memory");
    if (st == AXM_OK)
        st = network_assign(a, q, &mults, cli_get(a, "mult"), lm);
    for (int i = 0; i < layers && st == AXM_OK; i++) {
        const struct axm_spec *s = axm_mul_spec(lm[i].mul);
        if (!s)
            st = fail(AXM_USAGE, "%s: a table or somebody else's circuit has no gates of ours to run",
                      axm_mul_name(lm[i].mul));
        else
            layer[i] = (struct cosim_layer){ *s, lm[i].weight_is_a };
    }
    if (st == AXM_OK)
        st = cosim(a, q, &model, &o, layer);
    free(lm);
    free(layer);
    network_mults_release(&mults);
    qgraph_free(q);
    return st;
}

const struct cli_command cmd_cosim = {
    .name = "cosim",
    .synopsis = "QMODEL",
    .brief = "a network through the hardware, compared bit for bit",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
