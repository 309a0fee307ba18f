#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/network.h"

static const struct cli_option options[] = {
    { "output", 'o', "FILE", "where the codes go: NumPy format; - is standard output" },
    { "layer", 0, "NAME", "the node (axmul show lists them; default: the last)" },
    { "mult", 0, "SPEC[,SPEC]", "the multiplier, or one for each layer (default exact)" },
    NETWORK_ORDER_OPTION,
    NETWORK_IMAGE_OPTIONS,
    { "scales", 0, "FILE", "scheme ace: what the codes of each image stand for, float64" },
    { 0 },
};

static const char help[] =
    "Writes what a node of a quantized network puts out, as .npy of shape (images,\n"
    "channels, height, width): int8 codes (uint8 in the affine scheme), or int32 logits. In\n"
    "scheme ace a code stands for a scale of its image, which --scales writes.\n"
    "\n"
    "  axmul dump lenet5i-int8.axm --layer conv4 --mult scdm8s_x5_y2 --images 100 -o conv4.npy\n";

enum { CHUNK_BYTES = 64 << 20 };

/* A version 1.0 header; dimensions of 0 are left out. */
static void npy_header(FILE *f, const char *type, size_t n, struct shape s)
{
    char text[128], shape[80];
    if (s.c)
        snprintf(shape, sizeof shape, "(%zu, %d, %d, %d)", n, s.c, s.h, s.w);
    else
        snprintf(shape, sizeof shape, "(%zu,)", n);
    int len = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type,
                       shape);
    int padded = (10 + len + 1 + 63) / 64 * 64 - 10;
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc(padded & 255, f);
    fputc(padded >> 8, f);
    fprintf(f, "%-*s\n", padded - 1, text);
}

static enum axm_status write_scales(const char *path, const double *scale, size_t n)
{
    struct outfile o;
    enum axm_status st = outfile_open(&o, path);
    if (st != AXM_OK)
        return st;
    npy_header(o.f, "<f8", n, (struct shape){ 0 });
    fwrite(scale, sizeof *scale, n, o.f);
    return outfile_commit(&o);
}

static enum axm_status dump(const struct infer *in, const struct qgraph *q, int node,
                            const struct network_images *im, const char *path, double *scale)
{
    const struct qnode *n = &q->node[node];
    size_t bytes = infer_dump_bytes(n), chunk = CHUNK_BYTES / bytes + 1;
    struct outfile o;
    chunk = chunk > im->n ? im->n : chunk;
    void *codes = malloc(chunk * bytes);
    enum axm_status st = codes ? outfile_open(&o, path) : fail(AXM_ENV, "dump: out of memory");
    if (st != AXM_OK) {
        free(codes);
        return st;
    }
    npy_header(o.f, n->is_logits ? "<i4" : qgraph_signed(q) ? "|i1" : "|u1", im->n, n->out);
    for (size_t i = 0; i < im->n && st == AXM_OK; i += chunk) {
        size_t m = im->n - i < chunk ? im->n - i : chunk;
        st = infer_dump(in, node, &im->im, im->first + i, m, codes, scale ? scale + i : NULL);
        if (st == AXM_OK)
            fwrite(codes, bytes, m, o.f);
    }
    free(codes);
    if (st == AXM_OK)
        return outfile_commit(&o);
    outfile_abort(&o);
    return st;
}

static enum axm_status run_open(const struct cli_args *args, const struct qgraph *q)
{
    const char *output = cli_get(args, "output"), *name = cli_get(args, "layer");
    const char *scales = cli_get(args, "scales");
    struct network_images im = { 0 };
    struct network_mults mults = { 0 };
    struct infer *in = NULL;
    int node = q->n_nodes - 1, layers = infer_layers(q);
    struct layer_mult *layer = calloc((size_t)layers + 1, sizeof *layer);
    double *scale = NULL;
    enum axm_status st = layer ? AXM_OK : fail(AXM_ENV, "dump: out of memory");
    if (st == AXM_OK && name)
        st = network_node(q, name, false, &node);
    if (st == AXM_OK && scales && q->scheme != QUANT_ACE)
        st = fail(AXM_USAGE, "--scales: the codes of %s have one scale for all images (axmul show)", q->name);
    if (st == AXM_OK)
        st = network_assign(args, q, &mults, cli_get(args, "mult"), layer);
    if (st == AXM_OK)
        st = infer_open(q, layer, layers, &(struct infer_opts){ .level = -1, .memoise = true }, &in);
    if (st == AXM_OK)
        st = network_images(args, q, 0, &im);
    if (st == AXM_OK && scales && !(scale = calloc(im.n, sizeof *scale)))
        st = fail(AXM_ENV, "dump: out of memory");
    if (st == AXM_OK)
        st = dump(in, q, node, &im, output, scale);
    if (st == AXM_OK && scale)
        st = write_scales(scales, scale, im.n);
    free(scale);
    infer_close(in);
    images_release(&im.im);
    network_mults_release(&mults);
    free(layer);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    struct qgraph *q;
    if (!cli_get(args, "output"))
        return fail(AXM_USAGE, "dump: say where the codes go: -o FILE.npy");
    enum axm_status st = network_model(args->operand[0], &q, NULL);
    if (st != AXM_OK)
        return st;
    st = run_open(args, q);
    qgraph_free(q);
    return st;
}

const struct cli_command cmd_dump = {
    .name = "dump",
    .synopsis = "QMODEL --layer NAME -o FILE",
    .brief = "activations of a layer of a quantized network",
    .help = help,
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
