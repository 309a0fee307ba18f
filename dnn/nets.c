/* The networks that come with axmul. */
#include "dnn/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

/* Of both frameworks' layers in common use the smaller one. */
#define BATCH_NORM_EPSILON 1e-5f

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "out of memory for a network");
}

static enum axm_status deliver(struct graph *g, const char *data_set, struct graph **out)
{
    enum axm_status st = graph_finish(g);
    if (st != AXM_OK) {
        graph_free(g);
        return st;
    }
    strncpy(g->data_set, data_set, GRAPH_NAME_MAX);
    *out = g;
    return AXM_OK;
}

/* --- LeNet-5 and its kin --------------------------------------------------------- */

static int conv_relu_bn(struct graph *g, int in, int number, int channels, int kernel)
{
    char conv[8], relu[8], bn[8];
    snprintf(conv, sizeof conv, "conv%d", number);
    snprintf(relu, sizeof relu, "relu%d", number);
    snprintf(bn, sizeof bn, "bn%d", number);
    in = graph_conv(g, in, conv, channels, window_square(kernel, 1, 0), 1, true);
    in = graph_unary(g, in, relu, OP_RELU);
    return graph_batch_norm(g, in, bn, BATCH_NORM_EPSILON);
}

/* Table 8 of the paper, and ReLU behind the first two dense layers, where it prints none: without, the
 * three are one linear map, and the printed 99.25 % are out of reach (34 epochs gave 98.8 %). */
static enum axm_status lenet5i(struct graph **out)
{
    struct graph *g = graph_new("lenet5i", (struct shape){ 1, 28, 28 });
    if (!g)
        return out_of_memory();
    int n = conv_relu_bn(g, 0, 1, 64, 1);
    n = conv_relu_bn(g, n, 2, 32, 1);
    n = conv_relu_bn(g, n, 3, 16, 1);
    n = conv_relu_bn(g, n, 4, 8, 3);
    n = conv_relu_bn(g, n, 5, 4, 3);
    n = graph_unary(g, n, "flatten", OP_FLATTEN);
    n = graph_dense(g, n, "fc1", 128, true);
    n = graph_unary(g, n, "relu6", OP_RELU);
    n = graph_batch_norm(g, n, "bn6", BATCH_NORM_EPSILON);
    n = graph_dropout(g, n, "dropout1", 0.2f);
    n = graph_dense(g, n, "fc2", 64, true);
    n = graph_unary(g, n, "relu7", OP_RELU);
    n = graph_batch_norm(g, n, "bn7", BATCH_NORM_EPSILON);
    n = graph_dropout(g, n, "dropout2", 0.2f);
    graph_dense(g, n, "fc3", 10, true);
    return deliver(g, "mnist", out);
}

/* C1 to F6 of LeCun et al. 1998 in shape; as it is commonly trained today, with ReLU and max
 * pooling where the paper has scaled tanh and trainable averages, and every map of C3 seeing
 * all of S2. */
static enum axm_status lenet5(struct graph **out)
{
    struct graph *g = graph_new("lenet5", (struct shape){ 1, 28, 28 });
    if (!g)
        return out_of_memory();
    int n = graph_conv(g, 0, "conv1", 6, window_square(5, 1, 2), 1, true);
    n = graph_unary(g, n, "relu1", OP_RELU);
    n = graph_pool(g, n, "pool1", OP_MAX_POOL, window_square(2, 2, 0));
    n = graph_conv(g, n, "conv2", 16, window_square(5, 1, 0), 1, true);
    n = graph_unary(g, n, "relu2", OP_RELU);
    n = graph_pool(g, n, "pool2", OP_MAX_POOL, window_square(2, 2, 0));
    n = graph_unary(g, n, "flatten", OP_FLATTEN);
    n = graph_dense(g, n, "fc1", 120, true);
    n = graph_unary(g, n, "relu3", OP_RELU);
    n = graph_dense(g, n, "fc2", 84, true);
    n = graph_unary(g, n, "relu4", OP_RELU);
    graph_dense(g, n, "fc3", 10, true);
    return deliver(g, "mnist", out);
}

/* --- residual networks ------------------------------------------------------------- */

static int conv_bn(struct graph *g, int in, const char *prefix, int number, int channels, int stride)
{
    char conv[32], bn[32];
    snprintf(conv, sizeof conv, "%s_conv%d", prefix, number);
    snprintf(bn, sizeof bn, "%s_bn%d", prefix, number);
    in = graph_conv(g, in, conv, channels, window_square(3, stride, 1), 1, false);
    return graph_batch_norm(g, in, bn, BATCH_NORM_EPSILON);
}

/* relu(shortcut(x) + f(x)); a stride other than 1 makes the shortcut a projection. */
static int residual_block(struct graph *g, int in, const char *prefix, int channels, int stride)
{
    char name[32];
    int n = conv_bn(g, in, prefix, 1, channels, stride), shortcut = in;
    snprintf(name, sizeof name, "%s_relu1", prefix);
    n = graph_unary(g, n, name, OP_RELU);
    n = conv_bn(g, n, prefix, 2, channels, 1);
    if (stride != 1) {
        snprintf(name, sizeof name, "%s_shortcut", prefix);
        shortcut = graph_conv(g, in, name, channels, window_square(1, stride, 0), 1, true);
    }
    snprintf(name, sizeof name, "%s_add", prefix);
    n = graph_add(g, shortcut, n, name);
    snprintf(name, sizeof name, "%s_relu2", prefix);
    return graph_unary(g, n, name, OP_RELU);
}

static enum axm_status resnet(const char *name, int blocks, struct graph **out)
{
    struct graph *g = graph_new(name, (struct shape){ 3, 32, 32 });
    if (!g)
        return out_of_memory();
    /* Mean and standard deviation over all training pixels of a channel. */
    g->norm = (struct input_norm){ { 0.4914f, 0.4822f, 0.4465f, 0 }, { 0.2470f, 0.2435f, 0.2616f, 1 } };
    int n = conv_bn(g, 0, "stem", 1, 16, 1);
    n = graph_unary(g, n, "stem_relu1", OP_RELU);
    for (int stage = 1; stage <= 3; stage++)
        for (int b = 1; b <= blocks; b++) {
            char prefix[16];
            snprintf(prefix, sizeof prefix, "s%db%d", stage, b);
            n = residual_block(g, n, prefix, 8 << stage, stage > 1 && b == 1 ? 2 : 1);
        }
    n = graph_unary(g, n, "pool", OP_GLOBAL_AVG_POOL);
    graph_dense(g, n, "fc", 10, true);
    return deliver(g, "cifar10", out);
}

static enum axm_status resnet8(struct graph **out)
{
    return resnet("resnet8", 1, out);
}

static enum axm_status resnet14(struct graph **out)
{
    return resnet("resnet14", 2, out);
}

const struct net nets[] = {
    { "lenet5i", "five convolutions and three dense layers, LeNet-5-inspired",
      "Shakibhamedan et al. 2024, Table 8", "mnist", lenet5i },
    { "lenet5", "LeNet-5 with ReLU and max pooling", "LeCun et al. 1998, doi:10.1109/5.726791", "mnist",
      lenet5 },
    { "resnet8", "residual network, one block a stage", "Banbury et al. 2021, arXiv:2106.07597 (MLPerf Tiny)",
      "cifar10", resnet8 },
    { "resnet14", "residual network, two blocks a stage",
      "He et al. 2016, doi:10.1109/CVPR.2016.90, with the stages of resnet8", "cifar10", resnet14 },
    { 0 },
};

enum axm_status net_find(const char *name, const struct net **out)
{
    struct strbuf legal = { 0 };
    for (const struct net *n = nets; n->name; n++) {
        if (!strcmp(n->name, name)) {
            *out = n;
            strbuf_release(&legal);
            return AXM_OK;
        }
        strbuf_addf(&legal, "%s%s", n == nets ? "" : ", ", n->name);
    }
    enum axm_status st = fail(AXM_USAGE, "no network is called %s; there are %s", name,
                              legal.failed ? "others" : legal.s);
    strbuf_release(&legal);
    return st;
}
