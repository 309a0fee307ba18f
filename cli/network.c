#include "cli/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/strbuf.h"
#include "dnn/gemm.h"
#include "dnn/model.h"

static enum axm_status out_of_memory(const struct cli_args *a)
{
    return fail(AXM_ENV, "%s: out of memory", a->command->name);
}

/* --- the builtin network ----------------------------------------------------------------------- */

static bool is_builtin(const char *model)
{
    return !strncmp(model, "builtin:", 8);
}

static const struct embedded_file *embedded(const char *path)
{
    const struct embedded_file *f = embedded_models;
    while (f->path && strcmp(f->path, path))
        f++;
    return f;
}

enum axm_status network_model(const char *name, struct qgraph **out, struct sha256_hex *hash)
{
    enum axm_status st = gemm_level_check();
    if (st != AXM_OK)
        return st;
    if (!is_builtin(name)) {
        st = hash ? sha256_file(name, hash) : AXM_OK;
        return st == AXM_OK ? model_load_quantized(name, out) : st;
    }
    const struct embedded_file *f = embedded("models/lenet5i-int8.axm");
    if (strcmp(name, "builtin:lenet5i") || !f->path)
        return fail(AXM_USAGE, "%s: no such network travels in the command; builtin:lenet5i does", name);
    if (hash)
        *hash = sha256_bytes(f->text, f->size);
    return model_parse_quantized(f->text, f->size, name, out);
}

/* The images that travel with it. */
static enum axm_status builtin_images(const struct cli_args *a, struct network_images *out)
{
    const struct embedded_file *x = embedded("models/mnist-test-1000-images.idx.gz");
    const struct embedded_file *y = embedded("models/mnist-test-1000-labels.idx.gz");
    struct network_images r = { .test = true };
    int64_t first, n;
    if (cli_flag(a, "train-images"))
        return fail(AXM_USAGE, "%s: no training images travel in the command; say --data mnist",
                    a->operand[0]);
    enum axm_status st = data_set_find("mnist", &r.set);
    if (st == AXM_OK)
        st = data_parse_idx(x->text, x->size, y->text, y->size, "builtin images", &r.im);
    if (st != AXM_OK)
        return st;
    st = cli_get_int(a, "first", 0, (int64_t)r.im.count - 1, 0, &first);
    if (st == AXM_OK)
        st = cli_get_int(a, "images", 1, (int64_t)r.im.count - first, (int64_t)r.im.count - first, &n);
    if (st != AXM_OK) {
        images_release(&r.im);
        return st;
    }
    r.first = (size_t)first;
    r.n = (size_t)n;
    *out = r;
    return AXM_OK;
}

/* --- images ------------------------------------------------------------------------------------ */

enum axm_status network_images(const struct cli_args *a, const struct qgraph *q, size_t limit,
                               struct network_images *out)
{
    const char *name = cli_get(a, "data");
    int64_t first, n;
    struct network_images r = { .test = !cli_flag(a, "train-images") };
    if (!name && !cli_get(a, "data-dir") && is_builtin(a->operand[0])) {
        enum axm_status st = builtin_images(a, out);
        if (st == AXM_OK && limit && !cli_get(a, "images") && out->n > limit)
            out->n = limit;
        return st;
    }
    if (!name && !*q->data_set)
        return fail(AXM_USAGE, "%s: the model names no data set; say --data SET", q->name);
    enum axm_status st = data_set_find(name ? name : q->data_set, &r.set);
    if (st != AXM_OK)
        return st;
    size_t all = r.test ? r.set->n_test : r.set->n_train;
    st = cli_get_int(a, "first", 0, (int64_t)all - 1, 0, &first);
    if (st == AXM_OK)
        st = cli_get_int(a, "images", 1, (int64_t)all - first, (int64_t)all - first, &n);
    if (st == AXM_OK)
        st = data_load(r.set->name, cli_get(a, "data-dir"), r.test, &r.im);
    if (st != AXM_OK)
        return st;
    r.first = (size_t)first;
    r.n = limit && !cli_get(a, "images") && (size_t)n > limit ? limit : (size_t)n;
    *out = r;
    return AXM_OK;
}

/* --- multipliers ---------------------------------------------------------------------------------- */

void network_mults_release(struct network_mults *m)
{
    for (int i = 0; i < m->n; i++) {
        axm_mul_close(m->mult[i].mul);
        free(m->mult[i].text);
    }
    free(m->mult);
    *m = (struct network_mults){ 0 };
}

static enum axm_status open_mult(const struct cli_args *a, struct network_mults *m, const char *text,
                                 size_t len, const struct axm_mul **out)
{
    for (int i = 0; i < m->n; i++)
        if (strlen(m->mult[i].text) == len && !memcmp(m->mult[i].text, text, len)) {
            *out = m->mult[i].mul;
            return AXM_OK;
        }
    if (m->n == m->cap) {
        int cap = m->cap ? 2 * m->cap : 32;
        struct network_mult *grown = realloc(m->mult, (size_t)cap * sizeof *grown);
        if (!grown)
            return out_of_memory(a);
        m->mult = grown;
        m->cap = cap;
    }
    struct network_mult *new = &m->mult[m->n];
    new->text = strndup(text, len);
    enum axm_status st = new->text ? axm_mul_open(new->text, &new->mul) : out_of_memory(a);
    if (st != AXM_OK) {
        free(new->text);
        return st;
    }
    m->n++;
    *out = new->mul;
    return AXM_OK;
}

static int items(const char *list)
{
    int n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

/* Item i of a comma list, the only one if there is but one. */
static const char *item(const char *list, int i, size_t *len)
{
    for (i = items(list) == 1 ? 0 : i; i > 0; i--)
        list += strcspn(list, ",") + 1;
    *len = strcspn(list, ",");
    return list;
}

static enum axm_status check_count(const struct qgraph *q, const char *option, const char *list, int layers)
{
    int n = items(list);
    if (n != 1 && n != layers)
        return fail(AXM_USAGE, "%s %s: one for all layers, or as many as %s has (%d), got %d", option, list,
                    q->name, layers, n);
    return AXM_OK;
}

enum axm_status network_assign(const struct cli_args *a, const struct qgraph *q, struct network_mults *m,
                               const char *specs, struct layer_mult *layer)
{
    const char *order = cli_get(a, "order");
    int layers = infer_layers(q);
    if (!specs)
        specs = qgraph_signed(q) ? "exact8s" : "exact8u";
    enum axm_status st = check_count(q, "--mult", specs, layers);
    if (st == AXM_OK && order)
        st = check_count(q, "--order", order, layers);
    for (int l = 0; l < layers && st == AXM_OK; l++) {
        size_t len, order_len;
        const char *text = item(specs, l, &len), *word = order ? item(order, l, &order_len) : NULL;
        layer[l].weight_is_a = infer_default_weight_is_a(&q->node[infer_layer_node(q, l)]);
        if (word && (order_len != 2 || (memcmp(word, "wa", 2) && memcmp(word, "aw", 2))))
            return fail(AXM_USAGE, "--order must be wa or aw, or a comma list of them, got \"%s\"", order);
        if (word)
            layer[l].weight_is_a = *word == 'w';
        st = open_mult(a, m, text, len, &layer[l].mul);
    }
    return st;
}

char *network_mults_text(const struct layer_mult *layer, int n)
{
    struct strbuf s = { 0 };
    bool alike = true;
    for (int l = 1; l < n; l++)
        alike &= layer[l].mul == layer[0].mul;
    for (int l = 0; l < (alike ? 1 : n); l++)
        strbuf_addf(&s, "%s%s", l ? "," : "", axm_mul_name(layer[l].mul));
    return s.failed ? NULL : s.s;
}

char *network_order_text(const struct layer_mult *layer, int n)
{
    char *s = calloc((size_t)n + 1, 1);
    for (int l = 0; s && l < n; l++)
        s[l] = layer[l].weight_is_a ? 'w' : 'x';
    return s;
}

/* --- nodes ---------------------------------------------------------------------------------------- */

enum axm_status network_node(const struct qgraph *q, const char *name, bool must_multiply, int *node)
{
    struct strbuf legal = { 0 };
    *node = qgraph_find(q, name);
    if (*node >= 0 && (!must_multiply || qnode_multiplies(&q->node[*node])))
        return AXM_OK;
    for (int i = 0, shown = 0; i < q->n_nodes; i++) {
        if (must_multiply && !qnode_multiplies(&q->node[i]))
            continue;
        strbuf_addf(&legal, "%s%s", shown ? ", " : "", shown == 12 ? "..." : q->node[i].name);
        if (shown++ == 12)
            break;
    }
    enum axm_status st = fail(AXM_USAGE, "%s has no %s called \"%s\"; it has %s", q->name,
                              must_multiply ? "conv or dense layer" : "node", name,
                              legal.failed ? "others" : legal.s);
    strbuf_release(&legal);
    return st;
}
