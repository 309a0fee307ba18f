/* Model files: what is saved is loaded, an independent reader agrees on the layout,
 * and nothing that is wrong with a file gets past the loader. */
#include "tests/harness.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/proc.h"
#include "dnn/model.h"
#include "dnn/reference.h"
#include "tests/capture.h"
#include "tests/random_graph.h"

/* A directory of the test's own; path_in() names a file there. */
static struct strbuf scratch;

static const char *path_in(const char *name)
{
    static char path[512];
    if (!scratch.s)
        assert_int_equal(file_scratch_dir(&scratch), AXM_OK);
    snprintf(path, sizeof path, "%s/%s", scratch.s, name);
    return path;
}

static void scratch_end(void)
{
    file_remove_tree(scratch.s);
    strbuf_release(&scratch);
}

/* --- round trips ---------------------------------------------------------------------- */

static void check_same_array(const char *what, const void *a, const void *b, size_t bytes)
{
    CHECK(!a == !b && (!a || !memcmp(a, b, bytes)), "%s", what);
}

static void check_same_float(const struct graph *a, const struct graph *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->data_set, b->data_set);
    assert_memory_equal(&a->norm, &b->norm, sizeof a->norm);
    assert_int_equal(a->n_nodes, b->n_nodes);
    for (int i = 0; i < a->n_nodes; i++) {
        const struct node *n = &a->node[i], *m = &b->node[i];
        size_t out = (size_t)n->out.c * 4;
        assert_string_equal(n->name, m->name);
        assert_true(n->op == m->op && n->n_inputs == m->n_inputs && n->groups == m->groups);
        assert_memory_equal(n->input, m->input, sizeof n->input);
        assert_memory_equal(&n->window, &m->window, sizeof n->window);
        assert_memory_equal(&n->out, &m->out, sizeof n->out);
        assert_true(n->rate == m->rate && n->epsilon == m->epsilon);
        check_same_array("weight", n->weight, m->weight, 4 * node_weight_count(a, n));
        check_same_array("bias", n->bias, m->bias, out);
        check_same_array("gamma", n->gamma, m->gamma, out);
        check_same_array("beta", n->beta, m->beta, out);
        check_same_array("mean", n->mean, m->mean, out);
        check_same_array("variance", n->variance, m->variance, out);
    }
}

static void check_same_quantized(const struct qgraph *a, const struct qgraph *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->data_set, b->data_set);
    assert_string_equal(a->provenance, b->provenance);
    assert_true(a->scheme == b->scheme && a->weight_bits == b->weight_bits);
    assert_true(a->per_channel == b->per_channel);
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_memory_equal(a->input_code, b->input_code, 256 * (size_t)a->node[0].out.c);
    for (int i = 0; i < a->n_nodes; i++) {
        const struct qnode *n = &a->node[i], *m = &b->node[i];
        size_t out = (size_t)n->out.c * 4, multipliers = qnode_multipliers(a, n);
        assert_string_equal(n->name, m->name);
        assert_true(n->op == m->op && n->n_inputs == m->n_inputs && n->groups == m->groups);
        assert_memory_equal(n->input, m->input, sizeof n->input);
        assert_memory_equal(&n->window, &m->window, sizeof n->window);
        assert_memory_equal(&n->out, &m->out, sizeof n->out);
        assert_true(n->scale == m->scale && n->zero == m->zero && n->lo == m->lo && n->hi == m->hi &&
                    n->is_logits == m->is_logits && n->relu == m->relu);
        check_same_array("weight", n->weight, m->weight, (size_t)n->out.c * qnode_k(a, n));
        check_same_array("weight_zero", n->weight_zero, m->weight_zero, out);
        check_same_array("weight_scale", n->weight_scale, m->weight_scale, out);
        check_same_array("bias", n->bias, m->bias, out);
        check_same_array("bias_float", n->bias_float, m->bias_float, out);
        check_same_array("multiplier", n->multiplier, m->multiplier, 4 * multipliers);
        check_same_array("shift", n->shift, m->shift, 4 * multipliers);
        check_same_array("add64", n->add64, m->add64, 8 * multipliers);
    }
}

TEST(test_model__float_networks_come_back)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct graph *g = random_graph(seed, 15), *h, *k;
        struct strbuf first = { 0 }, second = { 0 };
        const char *path = path_in("float.axm");
        snprintf(g->data_set, sizeof g->data_set, seed % 2 ? "mnist" : "");
        assert_int_equal(model_save(path, g, NULL), AXM_OK);
        assert_int_equal(model_load(path, &h), AXM_OK);
        assert_non_null(h->mapped);
        check_same_float(g, h);
        assert_string_equal(model_provenance(h), "");
        /* The same bytes again, from the loaded one, and from bytes in memory. */
        assert_int_equal(model_bytes(h, NULL, &first), AXM_OK);
        assert_int_equal(model_parse(first.s, first.len, "t", &k), AXM_OK);
        check_same_float(g, k);
        assert_int_equal(file_read(path, 1 << 24, &second), AXM_OK);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.s, second.s, first.len);
        strbuf_release(&first);
        strbuf_release(&second);
        graph_free(g);
        graph_free(h);
        graph_free(k);
    }
    scratch_end();
}

TEST(test_model__quantized_networks_come_back)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct qgraph *q = random_qgraph(seed, (enum quant_scheme)(seed % 3), seed % 2 ? 8 : 3, 15), *h, *k;
        struct strbuf first = { 0 }, second = { 0 };
        const char *path = path_in("quantized.axm");
        q->provenance = "{\"seed\":1,\"of\":[\"a\",\"b\"]}";
        assert_int_equal(model_save_quantized(path, q), AXM_OK);
        assert_int_equal(model_load_quantized(path, &h), AXM_OK);
        check_same_quantized(q, h);
        assert_int_equal(model_bytes_quantized(h, &first), AXM_OK);
        assert_int_equal(model_parse_quantized(first.s, first.len, "t", &k), AXM_OK);
        check_same_quantized(q, k);
        assert_int_equal(file_read(path, 1 << 24, &second), AXM_OK);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.s, second.s, first.len);
        strbuf_release(&first);
        strbuf_release(&second);
        qgraph_free(q);
        qgraph_free(h);
        qgraph_free(k);
    }
    scratch_end();
}

TEST(test_model__built_in_networks_come_back)
{
    for (const struct net *n = nets; n->name; n++) {
        struct graph *g, *h;
        assert_int_equal(n->build(&g), AXM_OK);
        graph_init(g, 3);
        assert_int_equal(model_save(path_in(n->name), g, "{}"), AXM_OK);
        assert_int_equal(model_load(path_in(n->name), &h), AXM_OK);
        check_same_float(g, h);
        assert_string_equal(model_provenance(h), "{}");
        graph_free(g);
        graph_free(h);
    }
    scratch_end();
}

/* What is loaded is ours to write to, and the file stays as it is. */
TEST(test_model__writing_to_a_loaded_network_leaves_the_file)
{
    struct graph *g = random_graph(5, 8), *h;
    const char *path = path_in("m");
    struct sha256_hex before, after;
    assert_int_equal(model_save(path, g, NULL), AXM_OK);
    assert_int_equal(sha256_file(path, &before), AXM_OK);
    assert_int_equal(model_load(path, &h), AXM_OK);
    graph_init(h, 9);
    assert_int_equal(sha256_file(path, &after), AXM_OK);
    assert_string_equal(before.s, after.s);
    graph_free(g);
    graph_free(h);
    scratch_end();
}

/* --- further sections -------------------------------------------------------------------- */

struct sections {
    int n;
    char name[4][64];
    struct strbuf data[4];
};

static void keep_section(void *ctx, const struct model_extra *e)
{
    struct sections *s = ctx;
    assert_true(s->n < 4 && (uintptr_t)e->data % 64 == 0);
    strcpy(s->name[s->n], e->name);
    strbuf_add(&s->data[s->n++], e->data, e->len);
}

TEST(test_model__sections_come_back)
{
    struct graph *g = random_graph(2, 5), *h;
    float momentum[5] = { 1, NAN, -3, INFINITY, 5 };   /* bytes: nobody looks into them */
    const struct model_extra extra[] = {
        { "momentum", momentum, sizeof momentum }, { "state", "abc", 3 }, { "nothing", NULL, 0 },
    };
    struct sections s = { 0 };
    const char *path = path_in("checkpoint");
    assert_int_equal(model_save_with(path, g, "{\"epoch\":3}", extra, 3), AXM_OK);
    assert_int_equal(model_load_with(path, &h, keep_section, &s), AXM_OK);
    assert_int_equal(s.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(s.name[i], extra[i].name);
        assert_int_equal(s.data[i].len, extra[i].len);
        if (extra[i].len)
            assert_memory_equal(s.data[i].s, extra[i].data, extra[i].len);
        strbuf_release(&s.data[i]);
    }
    assert_string_equal(model_provenance(h), "{\"epoch\":3}");
    check_same_float(g, h);
    graph_free(h);
    assert_int_equal(model_load(path, &h), AXM_OK);   /* without caring for them */
    graph_free(h);
    graph_free(g);
    scratch_end();
}

/* --- layout ------------------------------------------------------------------------------- */

/* docs/formats.md, read by Python's standard library. */
TEST(test_model__layout_as_documented)
{
    static const char reader[] =
        "import sys, struct, json, hashlib\n"
        "raw = open(sys.argv[1], 'rb').read()\n"
        "magic, version, kind, length, n, sha = struct.unpack('<8sIIQQ64s', raw[:96])\n"
        "assert magic == b'axmul-nn' and version == 1 and kind == 0 and length == len(raw), raw[:96]\n"
        "clear = raw[:32] + bytes(64) + raw[96:]\n"
        "assert hashlib.sha256(clear).hexdigest().encode() == sha\n"
        "j = json.loads(raw[96:96 + n])\n"
        "data = raw[(96 + n + 63) // 64 * 64:]\n"
        "conv = j['nodes'][1]\n"
        "at, size = conv['weight']\n"
        "assert at % 64 == 0\n"
        "w = struct.unpack('<6f', data[at:at + size])\n"
        "print(j['name'], j['nodes'][0]['shape'], conv['op'], conv['inputs'], conv['shape'],\n"
        "      conv['kernel_w'], conv['pad_left'], conv['groups'], w, 'bias' in conv, j['input_std'],\n"
        "      j['provenance'])\n";
    if (!proc_have("python3"))
        SKIP("no python3");
    struct graph *g = graph_new("tiny", (struct shape){ 2, 3, 4 });
    graph_conv(g, 0, "conv1", 1, (struct window){ 1, 3, 1, 1, 0, 2, 0, 0 }, 1, false);
    assert_int_equal(graph_finish(g), AXM_OK);
    for (int i = 0; i < 6; i++)
        g->node[1].weight[i] = (float)i - 2.5f;
    g->norm.std[1] = 0.5f;
    const char *path = path_in("tiny.axm");
    assert_int_equal(model_save(path, g, "{\"seed\": 7}"), AXM_OK);
    struct strbuf out = { 0 };
    const char *const argv[] = { "python3", "-c", reader, path, NULL };
    CHECK(proc_run(argv, &(struct proc_opts){ .out = &out, .err = &out }) == AXM_OK, "%s",
          out.s ? out.s : "");
    assert_string_equal(out.s, "tiny [2, 3, 4] conv [0] [1, 3, 4] 3 2 1 (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5) "
                        "False [1, 0.5, 1, 1] {'seed': 7}\n");
    strbuf_release(&out);
    graph_free(g);
    scratch_end();
}

/* --- refused: the file --------------------------------------------------------------------- */

static void check_load_bad(const char *path, enum axm_status want, const char *reason)
{
    struct graph *g = (struct graph *)&scratch;
    struct capture c;
    capture_begin(&c);
    enum axm_status st = model_load(path, &g);
    capture_end(&c);
    CHECK(st == want && c.messages == 1 && strstr(c.line, reason) && !strncmp(c.line, path, strlen(path)),
          "%d, %d messages, '%s'", (int)st, c.messages, c.line);
    assert_ptr_equal(g, &scratch);   /* untouched */
}

static struct graph *tiny(void)
{
    struct graph *g = graph_new("tiny", (struct shape){ 2, 3, 4 });
    int n = graph_conv(g, 0, "conv1", 2, window_square(1, 1, 0), 1, true);
    n = graph_batch_norm(g, n, "bn1", 1e-3f);
    n = graph_pool(g, n, "pool1", OP_MAX_POOL, window_square(2, 1, 0));
    n = graph_dropout(g, n, "drop1", 0.5f);
    graph_dense(g, n, "fc1", 2, true);
    assert_int_equal(graph_finish(g), AXM_OK);
    graph_init(g, 1);
    return g;
}

TEST(test_model__what_is_no_model_file_bad)
{
    const char *path = path_in("t");
    check_load_bad(path, AXM_ENV, "No such file");
    assert_int_equal(mkdir(path, 0700), 0);
    check_load_bad(path, AXM_ENV, "not a regular file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_load_bad(path, AXM_ENV, "not a regular file");
    unlink(path);
    assert_int_equal(file_write(path, "", 0), AXM_OK);
    check_load_bad(path, AXM_USAGE, "not a model file");
    char other[200] = "axmul-nx";
    assert_int_equal(file_write(path, other, sizeof other), AXM_OK);
    check_load_bad(path, AXM_USAGE, "not a model file");
    scratch_end();
}

TEST(test_model__the_other_kind_bad)
{
    struct qgraph *q = random_qgraph(1, QUANT_AFFINE, 8, 5), *out;
    struct graph *g = tiny();
    enum model_kind kind;
    const char *path = path_in("t");
    assert_int_equal(model_save_quantized(path, q), AXM_OK);
    check_load_bad(path, AXM_USAGE, "a quantized model; this wants a float one");
    assert_int_equal(model_kind_of(path, &kind), AXM_OK);
    assert_int_equal(kind, MODEL_QUANTIZED);
    assert_int_equal(model_save(path, g, NULL), AXM_OK);
    struct capture c;
    capture_begin(&c);
    enum axm_status st = model_load_quantized(path, &out);
    capture_end(&c);
    assert_int_equal(st, AXM_USAGE);
    assert_non_null(strstr(c.line, "a float model; this wants a quantized one"));
    assert_int_equal(model_kind_of(path, &kind), AXM_OK);
    assert_int_equal(kind, MODEL_FLOAT);
    qgraph_free(q);
    graph_free(g);
    scratch_end();
}

/* Every prefix, every flipped bit of one per byte, and bytes behind the end. */
TEST(test_model__truncated_and_altered_files_bad)
{
    struct graph *g = tiny(), *out;
    struct strbuf bytes = { 0 };
    struct capture c;
    assert_int_equal(model_bytes(g, NULL, &bytes), AXM_OK);
    capture_begin(&c);
    for (size_t len = 0; len < bytes.len; len++)
        CHECK(model_parse(bytes.s, len, "t", &out) == AXM_USAGE, "%zu bytes", len);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.s[i] ^= (char)(1 << i % 8);
        CHECK(model_parse(bytes.s, bytes.len, "t", &out) == AXM_USAGE, "byte %zu", i);
        bytes.s[i] ^= (char)(1 << i % 8);
    }
    capture_end(&c);
    assert_int_equal(c.messages, 2 * bytes.len);
    assert_int_equal(model_parse(bytes.s, bytes.len, "t", &out), AXM_OK);
    graph_free(out);
    strbuf_add(&bytes, "x", 1);
    capture_begin(&c);
    assert_int_equal(model_parse(bytes.s, bytes.len, "t", &out), AXM_USAGE);
    capture_end(&c);
    assert_non_null(strstr(c.line, "not its length"));
    strbuf_release(&bytes);
    graph_free(g);
}

/* --- refused: what it says ------------------------------------------------------------------- */

/* A file around a description and data, by the layout; the checksum is right. */
static void wrap(uint32_t version, uint32_t kind, const char *json, size_t json_len, const void *data,
                 size_t data_len, struct strbuf *out)
{
    uint64_t lens[2] = { (96 + json_len + 63) / 64 * 64 + data_len, json_len };
    static const char zeros[64];
    strbuf_add(out, "axmul-nn", 8);
    strbuf_add(out, &version, 4);
    strbuf_add(out, &kind, 4);
    strbuf_add(out, lens, 16);
    strbuf_add(out, zeros, 64);
    strbuf_add(out, json, json_len);
    strbuf_add(out, zeros, lens[0] - data_len - 96 - json_len);
    strbuf_add(out, data, data_len);
    memcpy(out->s + 32, sha256_bytes(out->s, out->len).s, 64);
}

/* The parts of a file that we wrote. */
static void take_apart(const struct strbuf *file, struct strbuf *json, struct strbuf *data)
{
    uint64_t json_len;
    memcpy(&json_len, file->s + 24, 8);
    size_t data_at = (96 + json_len + 63) / 64 * 64;
    strbuf_add(json, file->s + 96, json_len);
    strbuf_add(data, file->s + data_at, file->len - data_at);
}

/* from replaced by to where it first stands behind `behind`; what is then said must contain reason. */
struct edit {
    const char *behind, *from, *to, *reason;
};

static void check_edit(const struct strbuf *json, const struct strbuf *data, bool quantized, struct edit e)
{
    struct strbuf text = { 0 }, file = { 0 };
    struct capture c;
    const char *behind = strstr(json->s, e.behind), *at = behind ? strstr(behind, e.from) : NULL;
    CHECK(at, "no %s behind %s", e.from, e.behind);
    strbuf_add(&text, json->s, (size_t)(at - json->s));
    strbuf_adds(&text, e.to);
    strbuf_adds(&text, at + strlen(e.from));
    wrap(1, quantized, text.s, text.len, data->s, data->len, &file);
    struct graph *g;
    struct qgraph *q;
    capture_begin(&c);
    enum axm_status st = quantized ? model_parse_quantized(file.s, file.len, "FILE", &q) :
                                     model_parse(file.s, file.len, "FILE", &g);
    capture_end(&c);
    CHECK(st == AXM_USAGE && c.messages == 1 && !strncmp(c.line, "FILE: ", 6) && strstr(c.line, e.reason),
          "%s to %s: %d, %d messages, '%s'", e.from, e.to, (int)st, c.messages, c.line);
    strbuf_release(&text);
    strbuf_release(&file);
}

TEST(test_model__hostile_descriptions_bad)
{
    static const struct edit edits[] = {
        { "", "\"tiny\"", "\"ti ny\"", "name must have 1..63 letters" },
        { "", "\"tiny\"", "7", "name must have" },
        { "", "\"name\"", "\"nome\"", "\"name\" is missing" },
        { "", "\"input_std\":[1,", "\"input_std\":[0,", "input_std must be above 0" },
        { "", "\"input_std\":[1,", "\"input_std\":[", "input_std must be an array of 4" },
        { "", "\"input_mean\":[0,", "\"input_mean\":[1e39,", "input_mean must be a number that fits" },
        { "", "\"nodes\":[", "\"nodes\":7,\"n\":[", "nodes must be an array of 2..4096, got 0" },
        { "", "}]}", "}]} x", "not a JSON object" },
        { "", "{\"name\"", "[{\"name\"", "not a JSON object" },
        { "", "{\"name\"", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],"
          "\"name\"", "nests deeper than 32" },
        { "", "{\"name\":\"tiny\"", "{\"provenance\":[],\"name\":\"tiny\"", "provenance must be an object" },
        { "", "{\"name\":\"tiny\"", "{\"extra\":{},\"name\":\"tiny\"", "extra must be an array" },
        { "", "{\"name\":\"tiny\"", "{\"extra\":[{\"name\":\"x\",\"data\":[0,99999]}],\"name\":\"tiny\"",
          "data has bytes 0 to 99999 of" },
        { "conv1", "\"conv\"", "\"conf\"", "conv1: op must be one of input, conv," },
        { "conv1", "\"conv\"", "\"input\"", "conv1: node 0 is the input" },
        { "input", "\"input\",\"inputs\"", "\"relu\",\"inputs\"", "node 0 is the input" },
        { "conv1", "\"inputs\":[0]", "\"inputs\":[1]",
          "conv1: inputs must be a whole number from 0 to 0, got 1" },
        { "conv1", "\"inputs\":[0]", "\"inputs\":[-1]", "got -1" },
        { "conv1", "\"inputs\":[0]", "\"inputs\":[0.5]", "got 0.5" },
        { "conv1", "\"inputs\":[0]", "\"inputs\":[\"0\"]", "inputs must be a whole number" },
        { "conv1", "\"inputs\":[0]", "\"inputs\":[]", "conv takes 1..1 inputs, got 0" },
        { "conv1", "\"inputs\":[0]", "\"inputs\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
          "at most 16 elements" },
        { "conv1", "\"inputs\":[0]", "\"inputs\":{}", "inputs must be an array" },
        { "conv1", "\"shape\":[2,3,4]", "\"shape\":[2,3,5]", "conv1: the shape is 2x3x4, got 2x3x5" },
        { "conv1", "\"shape\":[2,3,4]", "\"shape\":[65537,3,4]", "from 1 to 65536" },
        { "conv1", "\"shape\":[2,3,4]", "\"shape\":[2,3]", "at least 3 elements" },
        { "conv1", "\"shape\":[2,3,4]", "\"shape\":[1e400,3,4]", "from 1 to 65536" },
        { "input", "\"shape\":[2,3,4]", "\"shape\":[65536,65536,65536]", "a tensor has at most" },
        { "conv1", "\"groups\":1", "\"groups\":2", "weight must have 2 elements of 4 bytes, got 16" },
        { "conv1", "\"groups\":1", "\"groups\":3", "groups must divide" },
        { "conv1", "\"kernel_h\":1", "\"kernel_h\":0", "kernel height of a conv must be 1.." },
        { "conv1", "\"kernel_h\":1", "\"kernel_h\":65536", "kernel's height is 65536" },
        { "conv1", "\"stride_w\":1", "\"stride_w\":null", "stride_w must be a whole number" },
        { "pool1", "\"pad_top\":0", "\"pad_top\":2", "padding at the top of a max_pool must be 0..1, got 2" },
        { "conv1", "\"weight\":[0,16]", "\"weight\":[4,16]",
          "weight must begin at a multiple of 64, not at 4" },
        { "conv1", "\"weight\":[0,16]", "\"weight\":[0,17]", "weight must have 4 elements" },
        { "conv1", "\"weight\":[0,16]", "\"weight\":[-64,16]", "weight must be a whole number" },
        { "conv1", "\"weight\":[0,16]", "\"weight\":[9007199254740992,9007199254740992]",
          "weight has bytes" },
        { "conv1", "\"weight\":[0,16]", "\"weight\":[65536,16]", "weight has bytes 65536 to 65552 of" },
        { "conv1", "\"weight\":[0,16],", "", "conv1: its \"weight\" is missing" },
        { "", "{\"name\":\"tiny\"", "{\"extra\":[{\"name\":\"x\",\"data\":[0,500]},{\"name\":\"y\",\"data\":"
          "[0,500]}],\"name\":\"tiny\"", "data and the tensors before it have more than" },
        { "drop1", "\"rate\":0.5", "\"rate\":1", "drop1: a dropout rate" },
        { "bn1", "\"epsilon\":", "\"epsilon\":-", "bn1: epsilon of a batch norm must be above 0" },
        { "bn1", "\"name\":\"bn1\"", "\"name\":\"conv1\"", "two nodes are called conv1" },
        { "fc1", "\"inputs\":[4]", "\"inputs\":[3]", "nothing reads the output of drop1" },
        { "fc1", "\"name\":\"fc1\"", "\"name\":\"\"", "node 5: name must have" },
    };
    struct graph *g = tiny();
    struct strbuf file = { 0 }, json = { 0 }, data = { 0 };
    assert_int_equal(model_bytes(g, NULL, &file), AXM_OK);
    take_apart(&file, &json, &data);
    strbuf_add(&json, "", 1);   /* for strstr() */
    json.len--;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        /* what stands behind a node's name stands behind the node's beginning */
        struct edit e = edits[i];
        char behind[80];
        snprintf(behind, sizeof behind, *e.behind ? "{\"name\":\"%s\"" : "%s", e.behind);
        e.behind = behind;
        check_edit(&json, &data, false, e);
    }
    strbuf_release(&file);
    strbuf_release(&json);
    strbuf_release(&data);
    graph_free(g);
}

TEST(test_model__hostile_headers_bad)
{
    static const struct { uint32_t version, kind; const char *reason; } heads[] = {
        { 2, 0, "a model file of version 2, this axmul reads version 1" },
        { 0, 0, "version 0" }, { 1, 2, "kind 0 or 1, got 2" }, { 1, 1, "wants a float one" },
    };
    struct strbuf file = { 0 };
    struct capture c;
    struct graph *g;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        wrap(heads[i].version, heads[i].kind, "{}", 2, "", 0, &file);
        capture_begin(&c);
        enum axm_status st = model_parse(file.s, file.len, "t", &g);
        capture_end(&c);
        CHECK(st == AXM_USAGE && c.messages == 1 && strstr(c.line, heads[i].reason), "%s", c.line);
        strbuf_reset(&file);
    }
    /* descriptions longer than the file, or than any */
    for (uint64_t len = 33; len; len = len < 1000 ? UINT64_MAX : 0) {
        wrap(1, 0, "{}", 2, "", 0, &file);
        memcpy(file.s + 24, &len, 8);
        memset(file.s + 32, 0, 64);
        memcpy(file.s + 32, sha256_bytes(file.s, file.len).s, 64);
        capture_begin(&c);
        enum axm_status st = model_parse(file.s, file.len, "t", &g);
        capture_end(&c);
        CHECK(st == AXM_USAGE && strstr(c.line, "a description of at most 32 bytes fits"), "%s", c.line);
        strbuf_reset(&file);
    }
    strbuf_release(&file);
}

static void check_data_bad(size_t at, const void *value, size_t len, const char *reason)
{
    struct graph *g = tiny(), *out;
    struct strbuf file = { 0 }, json = { 0 }, data = { 0 }, again = { 0 };
    struct capture c;
    assert_int_equal(model_bytes(g, NULL, &file), AXM_OK);
    take_apart(&file, &json, &data);
    memcpy(data.s + at, value, len);
    wrap(1, 0, json.s, json.len, data.s, data.len, &again);
    capture_begin(&c);
    enum axm_status st = model_parse(again.s, again.len, "t", &out);
    capture_end(&c);
    CHECK(st == AXM_USAGE && strstr(c.line, reason), "%s", c.line);
    strbuf_release(&file);
    strbuf_release(&json);
    strbuf_release(&data);
    strbuf_release(&again);
    graph_free(g);
}

/* Tensors of tiny() begin 64 bytes apart: weight, bias, gamma, beta, mean, variance. */
TEST(test_model__numbers_that_are_none_bad)
{
    check_data_bad(4, &(float){ NAN }, 4, "conv1: weight must be finite, element 1 is not");
    check_data_bad(64, &(float){ INFINITY }, 4, "conv1: bias must be finite, element 0 is not");
    check_data_bad(5 * 64 + 4, &(float){ -1 }, 4, "bn1: a variance must not be negative, got -1");
}

TEST(test_model__what_could_not_be_loaded_is_not_saved_bad)
{
    struct graph *g = tiny();
    struct strbuf out = { 0 };
    struct capture c;
    const char *const provenance[] = { "{", "[]", "{} {}", "7" };
    for (int i = 0; i < 4; i++) {
        capture_begin(&c);
        assert_int_equal(model_bytes(g, provenance[i], &out), AXM_USAGE);
        capture_end(&c);
        assert_int_equal(c.messages, 1);
    }
    const struct model_extra extra = { "a b", "", 0 };
    capture_begin(&c);
    assert_int_equal(model_save_with(path_in("t"), g, NULL, &extra, 1), AXM_USAGE);
    capture_end(&c);
    assert_false(file_exists(path_in("t")));
    g->node[1].weight[2] = NAN;
    capture_begin(&c);
    assert_int_equal(model_bytes(g, NULL, &out), AXM_USAGE);
    capture_end(&c);
    assert_string_equal(c.line, "tiny: conv1: weight must be finite, element 2 is not");
    strbuf_release(&out);
    graph_free(g);
    scratch_end();
}

/* The deepest provenance that is taken comes back, one deeper is refused when it is saved. */
TEST(test_model__provenance_as_deep_as_it_is_taken)
{
    for (int arrays = 30; arrays <= 31; arrays++) {
        char text[128] = "{\"a\":";
        struct graph *g = tiny(), *h;
        struct strbuf out = { 0 };
        struct capture c;
        for (int i = 0; i < arrays; i++)
            strcat(text, "[");
        for (int i = 0; i < arrays; i++)
            strcat(text, "]");
        strcat(text, "}");
        capture_begin(&c);
        enum axm_status st = model_bytes(g, text, &out);
        capture_end(&c);
        assert_int_equal(st, arrays == 30 ? AXM_OK : AXM_USAGE);
        if (st == AXM_OK) {
            assert_int_equal(model_parse(out.s, out.len, "t", &h), AXM_OK);
            assert_string_equal(model_provenance(h), text);
            graph_free(h);
        }
        strbuf_release(&out);
        graph_free(g);
    }
}
