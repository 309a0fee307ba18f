/* What must hold for any model file.  See property.h.
 *
 * An input is a byte of flags and what they say: 1 a quantized model, else a float one;
 * 2 the description, a NUL, and the tensors, from which a file is put together, else the file itself.
 * Either way the checksum is made right: the fuzzer is to get past it. */
#ifndef AXM_FUZZ_PROPERTY_MODEL_H
#define AXM_FUZZ_PROPERTY_MODEL_H

#include "base/hash.h"
#include "dnn/model.h"
#include "dnn/model_json.h"
#include "dnn/reference.h"
#include "fuzz/property.h"

static inline void property_fix_checksum(struct strbuf *file)
{
    if (file->len < MODEL_HEADER_BYTES)
        return;
    memset(file->s + MODEL_SHA_AT, 0, 64);
    struct sha256_hex h = sha256_bytes(file->s, file->len);
    memcpy(file->s + MODEL_SHA_AT, h.s, 64);
}

static inline void property_file(const uint8_t *data, size_t len, struct strbuf *out)
{
    if (data[0] & 2) {
        static const char zeros[MODEL_HEADER_BYTES];
        const char *json = (const char *)data + 1;
        size_t json_len = strnlen(json, len - 1), used = 1 + json_len + (json_len < len - 1);
        uint32_t head[2] = { MODEL_VERSION, data[0] & 1 };
        size_t pad = (MODEL_ALIGN - (MODEL_HEADER_BYTES + json_len) % MODEL_ALIGN) % MODEL_ALIGN;
        uint64_t lens[2] = { MODEL_HEADER_BYTES + json_len + pad + len - used, json_len };
        strbuf_add(out, "axmul-nn", 8);
        strbuf_add(out, head, sizeof head);
        strbuf_add(out, lens, sizeof lens);
        strbuf_add(out, zeros, 64);
        strbuf_add(out, json, json_len);
        strbuf_add(out, zeros, pad);
        strbuf_add(out, data + used, len - used);
    } else {
        strbuf_add(out, data + 1, len - 1);
    }
    property_fix_checksum(out);
}

enum { PROPERTY_WORK_MAX = 100000 };   /* taps and elements of an image that is run */

static inline double property_work(struct shape in, struct shape out, enum op op, struct window w)
{
    double taps = op_infos[op].has_kernel ? (double)w.kernel_h * w.kernel_w : 1;
    if (op == OP_CONV || op == OP_DENSE || op == OP_GLOBAL_AVG_POOL)
        taps *= op == OP_CONV ? (double)in.c : (double)shape_count(in);
    return taps * (double)shape_count(out) + (double)shape_count(in);
}

/* A legal network runs, whatever it computes. */
static inline void property_run(const struct graph *g)
{
    double work = (double)shape_count(g->node[0].out);
    for (int i = 1; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        work += n->n_inputs * property_work(g->node[n->input[0]].out, n->out, n->op, n->window);
    }
    if (work > PROPERTY_WORK_MAX)
        return;
    struct arena a = { 0 };
    float **value = arena_alloc(&a, (size_t)g->n_nodes * sizeof *value);
    float *x = arena_alloc(&a, shape_count(g->node[0].out) * sizeof *x);
    REQUIRE(value && x);
    for (size_t i = 0; i < shape_count(g->node[0].out); i++)
        x[i] = (float)i - 2;
    REQUIRE(reference_forward(g, x, &a, value) == AXM_OK);
    arena_release(&a);
}

static inline void property_run_quantized(const struct qgraph *q)
{
    static struct axm_mul *exact[2];
    double work = (double)shape_count(q->node[0].out);
    for (int i = 1; i < q->n_nodes; i++) {
        const struct qnode *n = &q->node[i];
        work += n->n_inputs * property_work(q->node[n->input[0]].out, n->out, n->op, n->window);
    }
    if (work > PROPERTY_WORK_MAX)
        return;
    if (!exact[0])
        REQUIRE(axm_mul_open("exact8u", &exact[0]) == AXM_OK && axm_mul_open("exact8s", &exact[1]) == AXM_OK);
    struct arena a = { 0 };
    size_t nodes = (size_t)q->n_nodes, pixels = shape_count(q->node[0].out);
    int32_t **value = arena_alloc(&a, nodes * sizeof *value);
    const struct axm_mul **mul = arena_alloc(&a, nodes * sizeof *mul);
    bool *order = arena_alloc(&a, nodes);
    uint8_t *pixel = arena_alloc(&a, pixels);
    REQUIRE(value && mul && order && pixel);
    for (size_t i = 0; i < nodes; i++)
        mul[i] = exact[qgraph_signed(q)];
    for (size_t i = 0; i < pixels; i++)
        pixel[i] = (uint8_t)(i * 37);
    REQUIRE(reference_forward_quantized(q, pixel, mul, order, &a, value, NULL) == AXM_OK);
    for (size_t i = 0; i < nodes; i++)
        for (size_t k = 0; k < shape_count(q->node[i].out); k++)
            REQUIRE(value[i][k] >= q->node[i].lo && value[i][k] <= q->node[i].hi);
    arena_release(&a);
}

/* What is written of a loaded network loads, and is then written the same. */
static inline void property_again(const struct graph *g, const struct qgraph *q)
{
    struct strbuf first = { 0 }, second = { 0 };
    if (g) {
        struct graph *h;
        REQUIRE(model_bytes(g, g->provenance, &first) == AXM_OK);
        REQUIRE(model_parse(first.s, first.len, "t", &h) == AXM_OK);
        REQUIRE(model_bytes(h, h->provenance, &second) == AXM_OK);
        graph_free(h);
    } else {
        struct qgraph *h;
        REQUIRE(model_bytes_quantized(q, &first) == AXM_OK);
        REQUIRE(model_parse_quantized(first.s, first.len, "t", &h) == AXM_OK);
        REQUIRE(model_bytes_quantized(h, &second) == AXM_OK);
        qgraph_free(h);
    }
    REQUIRE(first.len == second.len && !memcmp(first.s, second.s, first.len));
    strbuf_release(&first);
    strbuf_release(&second);
}

static inline void property_model(const uint8_t *data, size_t len)
{
    struct strbuf file = { 0 };
    struct graph *g;
    struct qgraph *q;
    property_begin(data, len);
    if (!len)
        return;
    property_file(data, len, &file);
    memset(&g, 0xa5, sizeof g);
    memset(&q, 0xa5, sizeof q);
    enum axm_status st = data[0] & 1 ? model_parse_quantized(file.s, file.len, "t", &q) :
                                       model_parse(file.s, file.len, "t", &g);
    if (st != AXM_OK) {
        property_refused(st, data[0] & 1 ? (void *)&q : (void *)&g, sizeof g);
    } else if (data[0] & 1) {
        REQUIRE(qgraph_check(q) == AXM_OK);
        property_run_quantized(q);
        property_again(NULL, q);
        qgraph_free(q);
    } else {
        REQUIRE(graph_check("t", g) == AXM_OK);
        property_run(g);
        property_again(g, NULL);
        graph_free(g);
    }
    if (st == AXM_OK)
        REQUIRE(property_input.messages == 0);
    strbuf_release(&file);
}

#endif
