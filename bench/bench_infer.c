/* 10,000 images through an int8 network of lenet5i's shape (random weights and pixels: the time depends
 * on neither), with the exact and the 20 published SCDM8 multipliers: memoised and not, one thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"
#include "base/rng.h"
#include "dnn/infer.h"
#include "synth/coef.h"

enum { IMAGES = 10000, ROUNDS = 3 };

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void add_node(struct qgraph *q, struct rng *r, const char *name, enum op op, int channels, int kernel)
{
    struct qnode *n = &q->node[q->n_nodes];
    int at = q->n_nodes++;
    snprintf(n->name, sizeof n->name, "%s", name);
    n->op = op;
    n->n_inputs = at > 0;
    n->input[0] = at - 1;
    n->groups = 1;
    n->scale = 0.01f;
    n->hi = 127;
    if (op == OP_INPUT) {
        n->out = (struct shape){ 1, 28, 28 };
        n->lo = -127;
        return;
    }
    struct shape in = q->node[at - 1].out;
    n->out = (struct shape){ channels, 1, 1 };
    if (op == OP_CONV) {
        n->window = window_square(kernel, 1, 0);
        n->out = (struct shape){ channels, in.h - kernel + 1, in.w - kernel + 1 };
    }
    size_t k = qnode_k(q, n), out = (size_t)channels;
    n->weight = arena_alloc(&q->arena, out * k);
    n->weight_zero = arena_alloc(&q->arena, out * sizeof *n->weight_zero);
    n->weight_scale = arena_alloc(&q->arena, out * sizeof *n->weight_scale);
    n->bias = arena_alloc(&q->arena, out * sizeof *n->bias);
    n->multiplier = arena_alloc(&q->arena, out * sizeof *n->multiplier);
    n->shift = arena_alloc(&q->arena, out * sizeof *n->shift);
    for (size_t i = 0; i < out * k; i++) {
        double w = 28 * rng_gauss(r);
        n->weight[i] = (int8_t)(w < -127 ? -127 : w > 127 ? 127 : w);
    }
    int shift = 30;   /* outputs spread as much as inputs */
    double gain = 1 / (28 * 0.7 * sqrt((double)k));
    for (; gain < 1; gain *= 2)
        shift++;
    for (size_t o = 0; o < out; o++) {
        n->weight_scale[o] = 0.01f;
        n->multiplier[o] = (int32_t)(gain * (1 << 30));
        n->shift[o] = shift;
    }
}

static struct qgraph *network(void)
{
    static const struct {
        const char *name;
        enum op op;
        int channels, kernel;
    } layers[] = {
        { "input", OP_INPUT, 1, 0 },  { "conv1", OP_CONV, 64, 1 },  { "conv2", OP_CONV, 32, 1 },
        { "conv3", OP_CONV, 16, 1 },  { "conv4", OP_CONV, 8, 3 },   { "conv5", OP_CONV, 4, 3 },
        { "fc1", OP_DENSE, 128, 0 },  { "fc2", OP_DENSE, 64, 0 },   { "fc3", OP_DENSE, 10, 0 },
    };
    enum { NODES = sizeof layers / sizeof *layers };
    struct qgraph *q = qgraph_new();
    struct rng r;
    rng_init(&r, 1, 0);
    snprintf(q->name, sizeof q->name, "lenet5i");
    q->weight_bits = 8;
    q->node = arena_alloc(&q->arena, NODES * sizeof *q->node);
    q->input_code = arena_alloc(&q->arena, 256);
    for (int p = 0; p < 256; p++)
        q->input_code[p] = (uint8_t)(p / 2 - 20);
    for (int i = 0; i < NODES; i++)
        add_node(q, &r, layers[i].name, layers[i].op, layers[i].channels, layers[i].kernel);
    q->node[NODES - 1].is_logits = true;
    q->node[NODES - 1].lo = INT32_MIN;
    q->node[NODES - 1].hi = INT32_MAX;
    return q;
}

/* Seconds of the best round. */
static double run(const struct qgraph *q, const struct axm_mul *m, const struct images *im, bool memoise,
                  uint16_t *label, double *open_s)
{
    struct layer_mult layer[8];
    struct infer *in;
    double best = 1e9;
    for (int l = 0; l < 8; l++)
        layer[l] = (struct layer_mult){ m, infer_default_weight_is_a(&q->node[l + 1]) };
    double begin = cpu_s();
    if (infer_open(q, layer, 8, &(struct infer_opts){ .level = -1, .memoise = memoise }, &in) != AXM_OK)
        return -1;
    *open_s = cpu_s() - begin;
    for (int i = 0; i < ROUNDS; i++) {
        begin = cpu_s();
        if (infer_run(in, im, 0, IMAGES, NULL, label) != AXM_OK)
            best = -1;
        double s = cpu_s() - begin;
        best = s < best ? s : best;
    }
    if (memoise && getenv("AXM_PLANS"))
        for (int l = 0; l < 8; l++)
            printf("    %s: %s\n", q->node[l + 1].name, infer_describe(in, l));
    infer_close(in);
    return best;
}

int main(void)
{
    struct qgraph *q = network();
    struct images im = { .shape = { 1, 28, 28 }, .count = IMAGES, .classes = 10 };
    uint16_t *label = malloc(2 * IMAGES * sizeof *label);
    struct rng r;
    double slowest = 0, slowest_plain = 0;
    im.pixel = malloc(IMAGES * 784);
    if (!label || !im.pixel || qgraph_check(q) != AXM_OK)
        return 3;
    rng_init(&r, 2, 0);
    for (size_t i = 0; i < IMAGES * 784; i++)
        im.pixel[i] = (uint8_t)(rng_next(&r) % 3 ? 0 : rng_next(&r));
    setvbuf(stdout, NULL, _IOLBF, 0);
    pool_set_threads(1);
    printf("10,000 images of 28x28 through int8 lenet5i, one thread, CPU seconds (best of %d)\n", ROUNDS);
    printf("%-16s %9s %9s %9s\n", "multiplier", "memoised", "not", "open");
    for (int i = 0; i < COEF_PUBLISHED; i++) {
        struct axm_spec s;
        struct axm_mul *m;
        double open_s, plain_open_s;
        coef_published_spec(i, &s);
        if (axm_mul_open_spec(&s, &m) != AXM_OK)
            return 3;
        double memo = run(q, m, &im, true, label, &open_s);
        double plain = run(q, m, &im, false, label + IMAGES, &plain_open_s);
        bool same = !memcmp(label, label + IMAGES, IMAGES * sizeof *label);
        printf("%-16s %9.3f %9.3f %9.3f%s\n", axm_mul_name(m), memo, plain, open_s,
               same ? "" : "  DIFFERENT");
        slowest = memo > slowest ? memo : slowest;
        slowest_plain = plain > slowest_plain ? plain : slowest_plain;
        axm_mul_close(m);
    }
    printf("slowest: %.3f s memoised (target 1), %.3f s not\n", slowest, slowest_plain);
    qgraph_free(q);
    free(im.pixel);
    free(label);
    return 0;
}
