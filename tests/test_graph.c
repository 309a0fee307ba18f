/* Networks as graphs: shapes and counts against hand arithmetic and the paper's
 * table, and what is refused. */
#include "tests/harness.h"

#include <math.h>

#include "base/file.h"
#include "dnn/graph.h"
#include "tests/capture.h"

static struct graph *net(const char *name)
{
    const struct net *n;
    struct graph *g;
    assert_int_equal(net_find(name, &n), AXM_OK);
    assert_int_equal(n->build(&g), AXM_OK);
    return g;
}

static void check_shape(const struct graph *g, const char *node, int c, int h, int w)
{
    int i = graph_find(g, node);
    CHECK(i >= 0, "%s", node);
    struct shape s = g->node[i].out;
    CHECK(s.c == c && s.h == h && s.w == w, "%s: %dx%dx%d", node, s.c, s.h, s.w);
}

/* --- the networks ------------------------------------------------------------------ */

/* layer,kernel,in_channels,out_channels,out_height,out_width,multiplications */
TEST(test_graph__lenet5i_is_the_published_table)
{
    struct graph *g = net("lenet5i");
    struct strbuf text = { 0 };
    assert_int_equal(file_read("tests/data/lenet5_inspired_layers.csv", 4096, &text), AXM_OK);
    char *line = strchr(text.s, '\n') + 1, *end;
    int layers = 0;
    for (; *line; line = end + 1) {
        char name[16] = "", kernel[8] = "";
        int in_c, c, h, w;
        unsigned long mults;
        end = strchr(line, '\n');
        *end = '\0';
        int got = sscanf(line, "%15[^,],%7[^,],%d,%d,%d,%d,%lu", name, kernel, &in_c, &c, &h, &w, &mults);
        if (got == 1)   /* a dense layer: the kernel is empty */
            got = 1 + sscanf(line, "%15[^,],,%d,%d,%d,%d,%lu", name, &in_c, &c, &h, &w, &mults);
        CHECK(got == 7, "%s", line);
        check_shape(g, name, c, h, w);
        const struct node *n = &g->node[graph_find(g, name)];
        char window[32];
        snprintf(window, sizeof window, "%dx%d", n->window.kernel_h, n->window.kernel_w);
        assert_string_equal(window, *kernel ? kernel : "0x0");
        assert_int_equal(n->op, *kernel ? OP_CONV : OP_DENSE);
        struct shape in = g->node[n->input[0]].out;
        assert_int_equal(*kernel ? (size_t)in.c : shape_count(in), in_c);
        CHECK(node_multiplications(g, n) == mults, "%s: %lu", name,
              (unsigned long)node_multiplications(g, n));
        layers++;
    }
    assert_int_equal(layers, 8);
    assert_int_equal(graph_multiplications(g), 3305600);
    strbuf_release(&text);
    graph_free(g);
}

/* Table 8's order, and a ReLU behind the first two dense layers: what stands behind each layer. */
TEST(test_graph__lenet5i_has_the_printed_order)
{
    static const enum op want[] = {
        OP_INPUT, OP_CONV, OP_RELU, OP_BATCH_NORM, OP_CONV, OP_RELU, OP_BATCH_NORM, OP_CONV, OP_RELU,
        OP_BATCH_NORM, OP_CONV, OP_RELU, OP_BATCH_NORM, OP_CONV, OP_RELU, OP_BATCH_NORM, OP_FLATTEN,
        OP_DENSE, OP_RELU, OP_BATCH_NORM, OP_DROPOUT, OP_DENSE, OP_RELU, OP_BATCH_NORM, OP_DROPOUT,
        OP_DENSE,
    };
    struct graph *g = net("lenet5i");
    assert_int_equal(g->n_nodes, sizeof want / sizeof *want);
    for (int i = 0; i < g->n_nodes; i++)
        CHECK(g->node[i].op == want[i] && (!i || g->node[i].input[0] == i - 1), "node %d", i);
    assert_float_equal(g->node[graph_find(g, "dropout2")].rate, 0.2, 1e-6);
    assert_string_equal(g->data_set, "mnist");
    graph_free(g);
}

/* LeCun et al. 1998, but for the full C3: F6's 84, and 61,706 parameters. */
TEST(test_graph__lenet5_by_hand)
{
    struct graph *g = net("lenet5");
    check_shape(g, "conv1", 6, 28, 28);
    check_shape(g, "pool1", 6, 14, 14);
    check_shape(g, "conv2", 16, 10, 10);
    check_shape(g, "pool2", 16, 5, 5);
    check_shape(g, "flatten", 400, 1, 1);
    check_shape(g, "fc2", 84, 1, 1);
    /* (25 + 1) 6 + (150 + 1) 16 + (400 + 1) 120 + (120 + 1) 84 + (84 + 1) 10 */
    assert_int_equal(graph_parameters(g), 61706);
    /* 784 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10 */
    assert_int_equal(graph_multiplications(g), 416520);
    graph_free(g);
}

/* 12.5 million multiplications is what MLPerf Tiny gives for its ResNet. */
TEST(test_graph__resnet8_by_hand)
{
    struct graph *g = net("resnet8");
    check_shape(g, "s1b1_add", 16, 32, 32);
    check_shape(g, "s2b1_shortcut", 32, 16, 16);
    check_shape(g, "s2b1_add", 32, 16, 16);
    check_shape(g, "s3b1_add", 64, 8, 8);
    check_shape(g, "pool", 64, 1, 1);
    uint64_t stem = 1024 * 16 * 27, stage1 = 2 * 1024 * 16 * 144;
    uint64_t stage2 = 256 * 32 * (144 + 288 + 16), stage3 = 64 * 64 * (288 + 576 + 32);
    assert_int_equal(graph_multiplications(g), stem + stage1 + stage2 + stage3 + 640);
    assert_int_equal(graph_multiplications(g), 12501632);
    /* the projection reads what its block reads */
    const struct node *add = &g->node[graph_find(g, "s2b1_add")];
    const struct node *shortcut = &g->node[add->input[0]];
    assert_string_equal(shortcut->name, "s2b1_shortcut");
    assert_string_equal(g->node[shortcut->input[0]].name, "s1b1_relu2");
    assert_int_equal(g->node[graph_find(g, "s2b1_conv1")].input[0], shortcut->input[0]);
    graph_free(g);
}

/* Three more blocks of two convolutions of a stage's width. */
TEST(test_graph__resnet14_by_hand)
{
    struct graph *g = net("resnet14");
    uint64_t more = 2 * 1024 * 16 * 144 + 2 * 256 * 32 * 288 + 2 * 64 * 64 * 576;
    assert_int_equal(graph_multiplications(g), 12501632 + more);
    check_shape(g, "s3b2_add", 64, 8, 8);
    int convs = 0;
    for (int i = 0; i < g->n_nodes; i++)
        convs += g->node[i].op == OP_CONV && g->node[i].window.kernel_h == 3;
    assert_int_equal(convs, 13);   /* and the dense layer: 14 */
    graph_free(g);
}

TEST(test_graph__unknown_net_bad)
{
    const struct net *n;
    struct capture c;
    capture_begin(&c);
    enum axm_status st = net_find("lenet6", &n);
    capture_end(&c);
    assert_int_equal(st, AXM_USAGE);
    assert_string_equal(c.line, "no network is called lenet6; there are lenet5i, lenet5, resnet8, resnet14");
}

/* --- shapes ------------------------------------------------------------------------- */

/* One node of every op on an input whose axes all differ. */
TEST(test_graph__shape_of_every_op)
{
    struct graph *g = graph_new("t", (struct shape){ 6, 11, 8 });
    /* (11 + 1 + 2 - 3) / 2 + 1 = 6; (8 + 0 + 1 - 2) / 3 + 1 = 3 */
    int conv = graph_conv(g, 0, "conv", 4, (struct window){ 3, 2, 2, 3, 1, 0, 2, 1 }, 2, true);
    /* depthwise: 11 - 3 + 2 + 1 = 11 */
    int deep = graph_conv(g, 0, "deep", 12, window_square(3, 1, 1), 6, false);
    int max = graph_pool(g, deep, "max", OP_MAX_POOL, (struct window){ 2, 3, 2, 3, 0, 1, 1, 1 });
    int avg = graph_pool(g, deep, "avg", OP_AVG_POOL, (struct window){ 3, 3, 2, 3, 1, 1, 1, 1 });
    int bn = graph_batch_norm(g, conv, "bn", 1e-3f);
    int relu = graph_unary(g, bn, "relu", OP_RELU);
    int relu6 = graph_unary(g, bn, "relu6", OP_RELU6);
    int add = graph_add(g, relu, relu6, "add");
    int concat = graph_concat(g, (int[]){ add, max, avg }, 3, "concat");
    int global = graph_unary(g, concat, "global", OP_GLOBAL_AVG_POOL);
    int flat = graph_unary(g, concat, "flat", OP_FLATTEN);
    int drop = graph_dropout(g, flat, "drop", 0.5f);
    int dense = graph_dense(g, drop, "dense", 28, true);
    int both = graph_add(g, global, dense, "both");
    graph_unary(g, both, "soft", OP_SOFTMAX);
    assert_int_equal(graph_finish(g), AXM_OK);
    check_shape(g, "conv", 4, 6, 3);
    check_shape(g, "deep", 12, 11, 8);
    check_shape(g, "max", 12, 6, 3);       /* (11 + 1 - 2) / 2 + 1, (8 + 2 - 3) / 3 + 1 */
    check_shape(g, "avg", 12, 6, 3);       /* (11 + 2 - 3) / 2 + 1, (8 + 2 - 3) / 3 + 1 */
    check_shape(g, "bn", 4, 6, 3);
    check_shape(g, "relu", 4, 6, 3);
    check_shape(g, "relu6", 4, 6, 3);
    check_shape(g, "add", 4, 6, 3);
    check_shape(g, "concat", 28, 6, 3);
    check_shape(g, "global", 28, 1, 1);
    check_shape(g, "flat", 504, 1, 1);
    check_shape(g, "drop", 504, 1, 1);
    check_shape(g, "dense", 28, 1, 1);
    check_shape(g, "soft", 28, 1, 1);
    /* 4 * (6 / 2) * 3 * 2, 12 * 1 * 9, 28 * 504 */
    assert_int_equal(node_weight_count(g, &g->node[conv]), 72);
    assert_int_equal(node_weight_count(g, &g->node[deep]), 108);
    assert_int_equal(node_weight_count(g, &g->node[dense]), 14112);
    assert_int_equal(graph_parameters(g), 72 + 4 + 108 + 4 * 4 + 14112 + 28);
    assert_int_equal(graph_multiplications(g), 72 * 18 + 108 * 88 + 14112);
    graph_free(g);
}

/* The largest layers of networks for ImageNet: VGG-16's first and first dense one, the last of
 * EfficientNet-B7, AlexNet's first. */
TEST(test_graph__imagenet_sizes_are_legal)
{
    static const struct { enum op op; struct shape in, out; struct window w; } layer[] = {
        { OP_CONV, { 3, 224, 224 }, { 64, 224, 224 }, { 3, 3, 1, 1, 1, 1, 1, 1 } },
        { OP_DENSE, { 512, 7, 7 }, { 4096, 1, 1 }, { 0 } },
        { OP_CONV, { 640, 19, 19 }, { 2560, 19, 19 }, { 1, 1, 1, 1, 0, 0, 0, 0 } },
        { OP_CONV, { 3, 224, 224 }, { 64, 55, 55 }, { 11, 11, 4, 4, 2, 2, 2, 2 } },
    };
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++) {
        struct shape s = { 0, 0, 0 };
        CHECK(op_shape("layer", layer[i].op, &layer[i].in, 1, &layer[i].w, 1,
                       (struct shape){ layer[i].out.c, 0, 0 }, &s) == AXM_OK, "%zu", i);
        assert_memory_equal(&s, &layer[i].out, sizeof s);
    }
}

TEST(test_graph__new_parameters_are_the_identity)
{
    struct graph *g = graph_new("t", (struct shape){ 3, 4, 4 });
    int bn = graph_batch_norm(g, 0, "bn", 1e-5f);
    graph_conv(g, bn, "conv", 2, window_square(1, 1, 0), 1, true);
    assert_int_equal(graph_finish(g), AXM_OK);
    const struct node *n = &g->node[bn];
    for (int c = 0; c < 3; c++)
        assert_true(n->gamma[c] == 1 && n->variance[c] == 1 && n->beta[c] == 0 && n->mean[c] == 0);
    for (int k = 0; k < 6; k++)
        assert_true(g->node[2].weight[k] == 0);
    assert_true(g->norm.mean[3] == 0 && g->norm.std[3] == 1);
    assert_null(g->node[bn].weight);
    graph_free(g);
}

/* Mean 0 and variance 2 / fan-in, the same for the same seed, another for another. */
TEST(test_graph__init_is_he_and_seeded)
{
    struct graph *a = net("lenet5"), *b = net("lenet5"), *c = net("lenet5");
    graph_init(a, 7);
    graph_init(b, 7);
    graph_init(c, 8);
    int i = graph_find(a, "fc1");
    size_t n = node_weight_count(a, &a->node[i]);
    double sum = 0, squares = 0;
    for (size_t k = 0; k < n; k++) {
        sum += a->node[i].weight[k];
        squares += a->node[i].weight[k] * a->node[i].weight[k];
    }
    /* 48,000 draws: six standard errors of mean and variance */
    CHECK(sum / n < 6 * sqrt(2.0 / 400 / n) && sum / n > -6 * sqrt(2.0 / 400 / n), "mean %g", sum / n);
    assert_float_equal(squares / n, 2.0 / 400, 6 * 2.0 / 400 * sqrt(2.0 / n));
    assert_memory_equal(a->node[i].weight, b->node[i].weight, n * sizeof(float));
    assert_memory_not_equal(a->node[i].weight, c->node[i].weight, n * sizeof(float));
    assert_true(a->node[i].bias[0] == 0);
    graph_free(a);
    graph_free(b);
    graph_free(c);
}

/* --- refused ---------------------------------------------------------------------------- */

/* graph_finish() says so, with one message. */
static void check_refused(struct graph *(*build)(void), const char *reason)
{
    struct capture c;
    capture_begin(&c);
    struct graph *g = build();
    enum axm_status st = graph_finish(g);
    capture_end(&c);
    CHECK(st == AXM_USAGE && c.messages == 1 && strstr(c.line, reason), "%d messages, '%s'", c.messages,
          c.line);
    graph_free(g);
}

static struct graph *small(void)
{
    return graph_new("t", (struct shape){ 4, 5, 6 });
}

#define REFUSED(NAME, REASON, ...) \
    static struct graph *NAME##_graph(void) \
    { \
        struct graph *g = small(); \
        __VA_ARGS__; \
        return g; \
    } \
    static void NAME(void) \
    { \
        check_refused(NAME##_graph, REASON); \
    }

REFUSED(groups, "groups must divide the 4 input", graph_conv(g, 0, "c", 6, window_square(1, 1, 0), 3, false))
REFUSED(out_groups, "groups must divide the 3 output",
        graph_conv(g, 0, "c", 3, window_square(1, 1, 0), 2, false))
REFUSED(no_groups, "groups must divide", graph_conv(g, 0, "c", 3, window_square(1, 1, 0), 0, false))
REFUSED(kernel, "kernel's height is 8, its padded input's only 7",
        graph_conv(g, 0, "c", 1, window_square(8, 1, 1), 1, false))
REFUSED(kernel_w, "kernel's width is 7", graph_conv(g, 0, "c", 1, (struct window){ 1, 7, 1, 1, 0, 0, 0, 0 },
                                                    1, false))
REFUSED(no_kernel, "kernel height of a conv must be 1..", graph_conv(g, 0, "c", 1, window_square(0, 1, 0), 1,
                                                                     false))
REFUSED(stride, "vertical stride of a max_pool must be 1..",
        graph_pool(g, 0, "p", OP_MAX_POOL, window_square(2, 0, 0)))
REFUSED(empty_window, "padding at the top of a avg_pool must be 0..1, got 2",
        graph_pool(g, 0, "p", OP_AVG_POOL, window_square(2, 1, 2)))
REFUSED(negative_pad, "padding", graph_conv(g, 0, "c", 1, window_square(2, 1, -1), 1, false))
REFUSED(channels, "output channels must be 1..65536, got 0", graph_dense(g, 0, "d", 0, false))
REFUSED(weight, "a weight has at most",
        int f = graph_conv(g, 0, "c", 65536, window_square(1, 1, 0), 1, false);
        graph_dense(g, f, "d", 65536, false))
REFUSED(tensor, "a tensor has at most",
        graph_conv(g, 0, "c", 65536, (struct window){ 1, 1, 1, 1, 999, 0, 0, 0 }, 1, false))
REFUSED(add, "inputs of an add have one shape",
        graph_add(g, 0, graph_conv(g, 0, "c", 3, window_square(1, 1, 0), 1, false), "a"))
REFUSED(concat, "one height and width, got 5x6 and 4x6",
        int n = graph_conv(g, 0, "c", 3, (struct window){ 2, 1, 1, 1, 0, 0, 0, 0 }, 1, true);
        graph_concat(g, (int[]){ 0, n }, 2, "j"))
REFUSED(one_input, "concat takes 2..16 inputs, got 1", graph_concat(g, (int[]){ 0 }, 1, "c"))
REFUSED(many_inputs, "a concat has at most 16 inputs, got 17", graph_concat(g, (int[17]){ 0 }, 17, "c"))
REFUSED(softmax, "softmax is over channels", graph_unary(g, 0, "s", OP_SOFTMAX))
REFUSED(rate, "a dropout rate must be at least 0 and below 1, got 1", graph_dropout(g, 0, "d", 1))
REFUSED(rate_nan, "a dropout rate", graph_dropout(g, 0, "d", NAN))
REFUSED(epsilon, "epsilon of a batch norm must be above 0", graph_batch_norm(g, 0, "b", 0))
REFUSED(later_input, "an input must be 0..0, got 1", graph_unary(g, 1, "r", OP_RELU))
REFUSED(name, "a node's name has 1..63 letters", graph_unary(g, 0, "a b", OP_RELU))
REFUSED(no_name, "a node's name has 1..63 letters", graph_unary(g, 0, "", OP_RELU))
REFUSED(twice, "two nodes are called r", graph_unary(g, graph_unary(g, 0, "r", OP_RELU), "r", OP_RELU))
REFUSED(unused, "nothing reads the output of r",
        graph_unary(g, 0, "r", OP_RELU); graph_unary(g, 0, "q", OP_RELU))
REFUSED(nothing, "at least one node besides", (void)g)
/* What follows a failure stays silent. */
REFUSED(first, "softmax is over channels", int n = graph_unary(g, 0, "s", OP_SOFTMAX);
        graph_unary(g, graph_dense(g, n, "", -1, false), "", OP_RELU))

TEST(test_graph__illegal_nodes_bad)
{
    groups();
    out_groups();
    no_groups();
    kernel();
    kernel_w();
    no_kernel();
    stride();
    empty_window();
    negative_pad();
    channels();
    weight();
    tensor();
    add();
    concat();
    one_input();
    many_inputs();
    softmax();
    rate();
    rate_nan();
    epsilon();
    later_input();
    name();
    no_name();
    twice();
    unused();
    nothing();
    first();
}

TEST(test_graph__too_many_nodes_bad)
{
    struct graph *g = small();
    struct capture c;
    capture_begin(&c);
    int n = 0;
    for (int i = 0; i < GRAPH_NODES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        n = graph_unary(g, n, name, OP_RELU);
    }
    capture_end(&c);
    assert_int_equal(n, -1);
    assert_int_equal(g->n_nodes, GRAPH_NODES_MAX);
    assert_string_equal(c.line, "t: a network has at most 4096 nodes");
    graph_free(g);
}
