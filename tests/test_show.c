/* axmul show: tables of small networks by hand. */
#include "tests/harness.h"

#include "base/file.h"
#include "cli/cli.h"
#include "dnn/model.h"
#include "tests/capture.h"

static struct streams io;

static int show(char *what, char *more, char *word)
{
    char *argv[] = { "axmul", "show", what, more, word, NULL };
    streams_begin(&io);
    int code = cli_main(word ? 5 : more ? 4 : 3, argv);
    streams_end(&io);
    return code;
}

#define CSV_HEAD \
    "node,op,inputs,shape,window,parameters,multiplications,scale,zero,lowest,highest,weight_bits\n"

/* A path for a model, in a directory that scratch_end() removes. */
static struct strbuf scratch;

static char *path_in_scratch(void)
{
    static char path[512];
    assert_int_equal(file_scratch_dir(&scratch), AXM_OK);
    snprintf(path, sizeof path, "%s/m.axm", scratch.s);
    return path;
}

static void scratch_end(void)
{
    file_remove_tree(scratch.s);
    strbuf_release(&scratch);
}

TEST(test_show__float_model_by_hand)
{
    struct graph *g = graph_new("tiny", (struct shape){ 4, 6, 6 });
    int a = graph_conv(g, 0, "a", 8, window_square(3, 2, 1), 2, true);
    int b = graph_conv(g, 0, "b", 8, (struct window){ 2, 3, 2, 2, 0, 0, 1, 1 }, 1, false);
    b = graph_batch_norm(g, b, "n", 1e-3f);
    graph_concat(g, (int[]){ a, b }, 2, "j");
    assert_int_equal(graph_finish(g), AXM_OK);
    char *path = path_in_scratch();
    assert_int_equal(model_save(path, g, "{\"seed\":7}"), AXM_OK);
    assert_int_equal(show(path, "--format=csv", NULL), 0);
    /* a: (4 / 2) * 9 * 8 weights and 8 biases, 3 * 3 positions; b: 4 * 6 * 8 and none; n: 4 * 8 */
    assert_string_equal(io.out, CSV_HEAD
                        "input,input,,4x6x6,,,,,,,,\n"
                        "a,conv,input,8x3x3,3x3/2+1*2,152,1296,,,,,\n"
                        "b,conv,input,8x3x3,\"2x3/2+0,0,1,1\",192,1728,,,,,\n"
                        "n,batch_norm,b,8x3x3,,32,,,,,,\n"
                        "j,concat,a n,16x3x3,,,,,,,,\n");
    assert_int_equal(show(path, "--verbose", NULL), 0);
    assert_non_null(strstr(io.out, "tiny: float\n"));
    assert_non_null(strstr(io.out, "\n5 nodes, 376 parameters, 3024 multiplications an image\n"));
    assert_non_null(strstr(io.out, "\nmade: {\"seed\":7}\n"));
    graph_free(g);
    scratch_end();
}

TEST(test_show__quantized_model_by_hand)
{
    struct qgraph *q = qgraph_new();
    struct qnode node[2] = {
        { .op = OP_INPUT, .name = "input", .out = { 1, 1, 2 }, .groups = 1, .scale = 0.5f, .zero = 3,
          .hi = 255 },
        { .op = OP_DENSE, .name = "fc", .n_inputs = 1, .out = { 3, 1, 1 }, .groups = 1, .scale = 0.25f,
          .lo = INT32_MIN, .hi = INT32_MAX, .is_logits = true,
          .weight = (int8_t[6]){ 1, 2, 3, 4, 5, 6 }, .weight_zero = (int[3]){ 0 },
          .weight_scale = (float[3]){ 1, 1, 1 }, .bias = (int32_t[3]){ 0 },
          .multiplier = (int32_t[3]){ 1 << 30, 1 << 30, 1 << 30 }, .shift = (int32_t[3]){ 30, 30, 30 } },
    };
    uint8_t code[256];
    for (int p = 0; p < 256; p++)
        code[p] = (uint8_t)p;
    strcpy(q->name, "tiny");
    strcpy(q->data_set, "mnist");
    q->scheme = QUANT_AFFINE;
    q->weight_bits = 4;
    q->n_nodes = 2;
    q->node = node;
    q->input_code = code;
    char *path = path_in_scratch();
    assert_int_equal(model_save_quantized(path, q), AXM_OK);
    assert_int_equal(show(path, "--format", "csv"), 0);
    assert_string_equal(io.out, CSV_HEAD
                        "input,input,,1x1x2,,,,0.5,3,0,255,\n"
                        "fc,dense,input,3x1x1,,9,6,0.25,0,,,4\n");
    assert_int_equal(show(path, NULL, NULL), 0);
    assert_non_null(strstr(io.out, "tiny: quantized, scheme affine, weights of 4 bits with a scale a tensor, "
                           "mnist\n"));
    qgraph_free(q);
    scratch_end();
}

TEST(test_show__every_network)
{
    for (const struct net *n = nets; n->name; n++) {
        assert_int_equal(show((char *)n->name, NULL, NULL), 0);
        assert_non_null(strstr(io.out, " multiplications an image\n"));
    }
}

TEST(test_show__what_is_neither_bad)
{
    assert_int_equal(show("lenet9", NULL, NULL), 2);
    assert_string_equal(io.err, "axmul: no network is called lenet9; there are lenet5i, lenet5, resnet8, "
                        "resnet14\n");
    assert_int_equal(show("./lenet5i", NULL, NULL), 3);
    assert_string_equal(io.err, "axmul: ./lenet5i: No such file or directory\n");
    assert_int_equal(show("README.md", NULL, NULL), 2);
    assert_string_equal(io.err, "axmul: README.md: not a model file of axmul\n");
}
