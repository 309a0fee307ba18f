/* What makes a quantized network legal: counts by hand, and every rule broken once. */
#include "tests/harness.h"

#include <math.h>

#include "dnn/qgraph.h"
#include "tests/capture.h"

/* input 2x4x4, conv, relu, batch norm, max pool, average pool, add, concat, flatten, dense; arrays of
 * enough elements for all. */
struct fixture {
    struct qgraph q;
    struct qnode node[11];
    int8_t weight[256];
    int weight_zero[32];
    float weight_scale[32];
    int32_t bias[32], multiplier[32], shift[32];
    int64_t add64[32];
    float bias_float[32];
    uint8_t code[512];
};

static struct qnode *add_node(struct fixture *f, const char *name, enum op op, struct shape out, int in)
{
    struct qnode *n = &f->node[f->q.n_nodes++];
    *n = (struct qnode){ .op = op, .n_inputs = op != OP_INPUT, .input = { in }, .out = out, .groups = 1,
                         .scale = 0.5f };
    strcpy(n->name, name);
    n->zero = f->q.scheme == QUANT_AFFINE ? 9 : 0;
    n->lo = f->q.scheme == QUANT_AFFINE ? 0 : -127;
    n->hi = f->q.scheme == QUANT_AFFINE ? 255 : 127;
    if (op == OP_CONV || op == OP_DENSE) {
        n->weight = f->weight;
        n->weight_zero = f->weight_zero;
        n->bias = f->bias;
        n->weight_scale = f->weight_scale;
        n->bias_float = f->q.scheme == QUANT_ACE ? f->bias_float : NULL;
    }
    if (op == OP_BATCH_NORM) {
        n->add64 = f->add64;
        n->weight_scale = f->weight_scale;
        n->bias_float = f->bias_float;
    }
    n->multiplier = f->multiplier;
    n->shift = f->shift;
    return n;
}

static struct fixture *fixture(enum quant_scheme scheme)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct shape s = { 2, 4, 4 };
    f->q = (struct qgraph){ .name = "t", .scheme = scheme, .weight_bits = 4, .node = f->node,
                            .input_code = f->code, .provenance = "" };
    for (int i = 0; i < 32; i++) {
        f->multiplier[i] = 1 << 30;
        f->shift[i] = 30;
        f->weight_scale[i] = 0.125f;
    }
    add_node(f, "input", OP_INPUT, s, -1);
    add_node(f, "conv", OP_CONV, s, 0)->window = window_square(3, 1, 1);
    add_node(f, "relu", OP_RELU, s, 1);
    add_node(f, "norm", OP_BATCH_NORM, s, 2);
    add_node(f, "max", OP_MAX_POOL, s, 3)->window = window_square(1, 1, 0);
    add_node(f, "avg", OP_AVG_POOL, s, 4)->window = window_square(3, 1, 1);
    struct qnode *n = add_node(f, "add", OP_ADD, s, 5);
    n->n_inputs = 2;
    n->input[1] = 2;
    n = add_node(f, "concat", OP_CONCAT, (struct shape){ 4, 4, 4 }, 6);
    n->n_inputs = 2;
    n->input[1] = 3;
    add_node(f, "global", OP_GLOBAL_AVG_POOL, (struct shape){ 4, 1, 1 }, 7);
    add_node(f, "flat", OP_FLATTEN, (struct shape){ 4, 1, 1 }, 8);
    n = add_node(f, "fc", OP_DENSE, (struct shape){ 3, 1, 1 }, 9);
    n->is_logits = true;
    n->lo = INT32_MIN;
    n->hi = INT32_MAX;
    return f;
}

TEST(test_qgraph__legal_in_every_scheme)
{
    for (int s = 0; s < 3; s++) {
        struct fixture *f = fixture((enum quant_scheme)s);
        CHECK(qgraph_check(&f->q) == AXM_OK, "scheme %d", s);
        free(f);
    }
}

TEST(test_qgraph__counts_by_hand)
{
    struct fixture *f = fixture(QUANT_AFFINE);
    const struct qgraph *q = &f->q;
    /* 2 * 9 inputs of 2 * 16 outputs; 4 of 3 */
    assert_int_equal(qnode_k(q, &f->node[1]), 18);
    assert_int_equal(qnode_multiplications(q, &f->node[1]), 576);
    assert_int_equal(qnode_k(q, &f->node[10]), 4);
    assert_int_equal(qnode_multiplications(q, &f->node[10]), 12);
    assert_int_equal(qnode_multiplications(q, &f->node[5]), 0);
    static const int multipliers[11] = { 0, 2, 0, 2, 0, 9, 2, 2, 1, 0, 3 };
    for (int i = 0; i < 11; i++)
        assert_int_equal(qnode_multipliers(q, &f->node[i]), multipliers[i]);
    assert_int_equal(qgraph_find(q, "avg"), 5);
    assert_int_equal(qgraph_find(q, "none"), -1);
    f->node[1].groups = 2;
    assert_int_equal(qnode_k(q, &f->node[1]), 9);
    free(f);
}

/* Halves away from zero upwards: -3/2 -> -1, 3/2 -> 2; then zero point and clamp. */
TEST(test_qgraph__requantize_by_hand)
{
    assert_int_equal(requantize(3, 1 << 30, 31, 0, -127, 127), 2);
    assert_int_equal(requantize(-3, 1 << 30, 31, 0, -127, 127), -1);
    assert_int_equal(requantize(-4, 1 << 30, 31, 0, -127, 127), -2);
    assert_int_equal(requantize(-4, 1 << 30, 31, 100, 0, 255), 98);
    assert_int_equal(requantize(1000, 1 << 30, 30, 0, -127, 127), 127);
    assert_int_equal(requantize(-1000, 1 << 30, 30, 0, -127, 127), -127);
    /* the largest numbers stay within 64 bits: -2^31 (2^31 - 1) / 2^62 is nearly -1 */
    assert_int_equal(requantize(INT32_MIN, INT32_MAX, 62, 0, INT32_MIN, INT32_MAX), -1);
    assert_int_equal(requantize(INT32_MIN, INT32_MAX, 31, 0, INT32_MIN, INT32_MAX), INT32_MIN + 1);
    assert_int_equal(requantize(INT32_MIN, 1 << 30, 1, 0, INT32_MIN, INT32_MAX), INT32_MIN);
}

/* Each breaks one rule of a legal network; the message names the node. */
#define RULES(RULE) \
    RULE(AFFINE, "a network's name", strcpy(f->q.name, "")) \
    RULE(AFFINE, "no such quantization scheme: 3", f->q.scheme = (enum quant_scheme)3) \
    RULE(AFFINE, "weights have 2..8 bits, got 9", f->q.weight_bits = 9) \
    RULE(AFFINE, "a network has 2..4096 nodes, got 1", f->q.n_nodes = 1) \
    RULE(AFFINE, "node 3: a name has", strcpy(f->node[3].name, "a b")) \
    RULE(AFFINE, "two nodes are called conv", strcpy(f->node[3].name, "conv")) \
    RULE(AFFINE, "relu: a quantized network has no relu6", f->node[2].op = OP_RELU6) \
    RULE(AFFINE, "relu: a quantized network has no such op", f->node[2].op = (enum op)77) \
    RULE(AFFINE, "relu: node 0 is the input", f->node[2].op = OP_INPUT) \
    RULE(AFFINE, "relu: an input must be 0..1, got 2", f->node[2].input[0] = 2) \
    RULE(AFFINE, "relu: the number of inputs must be 0..16, got 17", f->node[2].n_inputs = 17) \
    RULE(AFFINE, "relu: the shape is 2x4x4, got 2x4x5", f->node[2].out.w = 5) \
    RULE(AFFINE, "nothing reads the output of avg", f->node[6].input[0] = 4) \
    RULE(AFFINE, "conv: the scale must be above 0", f->node[1].scale = 0) \
    RULE(AFFINE, "conv: the scale must be above 0", f->node[1].scale = NAN) \
    RULE(AFFINE, "conv: the zero point must be 0..255, got 256", f->node[1].zero = 256) \
    RULE(SYMMETRIC, "conv: the zero point must be 0..0, got 1", f->node[1].zero = 1) \
    RULE(SYMMETRIC, "conv: the clamp must lie within -127..127, got -128..127", f->node[1].lo = -128) \
    RULE(AFFINE, "conv: the clamp must lie within 0..255, got 7..6", f->node[1].lo = 7; f->node[1].hi = 6) \
    RULE(AFFINE, "conv: only a conv or dense layer that is the last", f->node[1].is_logits = true) \
    RULE(AFFINE, "fc: logits have no clamp", f->node[10].hi = 255) \
    RULE(AFFINE, "relu: a relu has scale and zero point of its input conv", f->node[2].zero = 8) \
    RULE(AFFINE, "max: a max_pool has scale and zero", f->node[4].scale = 1) \
    RULE(AFFINE, "flat: a flatten does not clamp: 1..255 must hold the 0..255 of", f->node[9].lo = 1) \
    RULE(ACE, "conv: codes in scheme ace are -127..127, got 0..127", f->node[1].lo = 0) \
    RULE(ACE, "relu: codes in scheme ace are -127..127 or 0..127, got 1..127", f->node[2].lo = 1) \
    RULE(AFFINE, "conv: a conv needs its weights", f->node[1].weight = NULL) \
    RULE(AFFINE, "conv: a conv needs its zero points", f->node[1].weight_zero = NULL) \
    RULE(AFFINE, "conv: a conv needs its scales", f->node[1].weight_scale = NULL) \
    RULE(AFFINE, "conv: a conv needs its bias", f->node[1].bias = NULL) \
    RULE(ACE, "conv: a conv needs its bias in float", f->node[1].bias_float = NULL) \
    RULE(AFFINE, "avg: a avg_pool needs its multipliers", f->node[5].multiplier = NULL) \
    RULE(AFFINE, "add: a add needs its shifts", f->node[6].shift = NULL) \
    RULE(AFFINE, "norm: a batch_norm needs its addends", f->node[3].add64 = NULL) \
    RULE(ACE, "norm: a batch_norm needs its gain", f->node[3].weight_scale = NULL) \
    RULE(ACE, "norm: gain and offset must be finite", f->bias_float[1] = NAN; \
         f->node[1].bias_float = f->weight_scale; f->node[10].bias_float = f->weight_scale) \
    RULE(AFFINE, "conv: a weight must be 0..15, got 16", f->weight[3] = 16) \
    RULE(SYMMETRIC, "conv: a weight must be -8..7, got -9", f->weight[3] = -9) \
    RULE(AFFINE, "conv: the zero point of a weight must be 0..15, got 16", f->weight_zero[1] = 16) \
    RULE(ACE, "conv: the zero point of a weight must be 0..0", f->weight_zero[1] = 1) \
    RULE(AFFINE, "conv: the scale of a weight must be above 0", f->weight_scale[1] = INFINITY) \
    RULE(AFFINE, "conv: weights have one scale unless per channel", f->weight_scale[1] = 1) \
    RULE(ACE, "conv: the integer bias in scheme ace must be 0..0, got 5", f->bias[0] = 5) \
    RULE(ACE, "conv: a bias must be finite", f->bias_float[0] = INFINITY) \
    RULE(AFFINE, "conv: a multiplier must be 1073741824..2147483647, got 1073741823", f->multiplier[1]--) \
    RULE(AFFINE, "conv: a shift must be 1..62, got 63", f->shift[1] = 63) \
    RULE(AFFINE, "conv: a shift must be 1..62, got 0", f->shift[1] = 0) \
    RULE(AFFINE, "norm: an addend must be", f->add64[1] = INT64_MAX) \
    RULE(AFFINE, "add: inputs of a add share one shift, got 30 and 31", \
         f->node[6].shift = (int32_t[]){ 30, 31 }) \
    RULE(AFFINE, "add: a multiplier must be 0..", f->node[6].multiplier = (int32_t[]){ 1, -1 }) \
    RULE(AFFINE, "t: the codes of the pixels are missing", f->q.input_code = NULL) \
    RULE(SYMMETRIC, "t: the code of pixel value 200 must be -127..127, got -128", f->code[456] = 128)

TEST(test_qgraph__broken_rules_bad)
{
#define RULE(SCHEME, REASON, ...) \
    { \
        struct fixture *f = fixture(QUANT_##SCHEME); \
        struct capture c; \
        __VA_ARGS__; \
        capture_begin(&c); \
        enum axm_status st = qgraph_check(&f->q); \
        capture_end(&c); \
        CHECK(st == AXM_USAGE && c.messages == 1 && strstr(c.line, REASON), "%d, '%s', not '%s'", \
              c.messages, c.line, REASON); \
        free(f); \
    }
    RULES(RULE)
}

/* One dense layer of k inputs and a bias. */
static bool accumulates(enum quant_scheme scheme, int k, int weight_zero, int32_t bias)
{
    struct fixture *f = fixture(scheme);
    struct capture c;
    int8_t *weight = calloc((size_t)k, 1);
    f->node[1] = f->node[10];
    f->q.n_nodes = 2;
    f->node[0].out = (struct shape){ 1, 1, k };
    f->node[1].input[0] = 0;
    f->node[1].out.c = 1;
    f->node[1].weight = weight;
    f->weight_zero[0] = weight_zero;
    f->bias[0] = bias;
    capture_begin(&c);
    enum axm_status st = qgraph_check(&f->q);
    capture_end(&c);
    CHECK(st == AXM_OK || strstr(c.line, "can leave 32 bits"), "%s", c.line);
    free(weight);
    free(f);
    return st == AXM_OK;
}

/* Unsigned: k * 65535 + bias <= 2^31 - 1 and bias - k * 255 * zero >= -2^31.
 * Signed: k * 32767 + bias <= 2^31 - 1 and bias - k * 32768 >= -2^31. */
TEST(test_qgraph__accumulators_fit_32_bits)
{
    assert_true(accumulates(QUANT_AFFINE, 32768, 0, 32767));    /* 32768 * 65535 = 2^31 - 32768 */
    assert_false(accumulates(QUANT_AFFINE, 32768, 0, 32768));
    assert_false(accumulates(QUANT_AFFINE, 32769, 0, INT32_MIN));
    assert_true(accumulates(QUANT_AFFINE, 10, 4, INT32_MIN + 10200));
    assert_false(accumulates(QUANT_AFFINE, 10, 4, INT32_MIN + 10199));
    assert_true(accumulates(QUANT_SYMMETRIC, 10, 0, INT32_MAX - 327670));
    assert_false(accumulates(QUANT_SYMMETRIC, 10, 0, INT32_MAX - 327669));
    assert_true(accumulates(QUANT_SYMMETRIC, 10, 0, INT32_MIN + 327680));
    assert_false(accumulates(QUANT_SYMMETRIC, 10, 0, INT32_MIN + 327679));
    assert_true(accumulates(QUANT_SYMMETRIC, 65536, 0, 0));
}
