/* The container: header, checksum, mapping. */
#include "dnn/model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "dnn/model_json.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are mapped as they are: little-endian"
#endif

static const char magic[8] = { 'a', 'x', 'm', 'u', 'l', '-', 'n', 'n' };

struct header {
    char magic[8];
    uint32_t version, kind;
    uint64_t file_len, json_len;
    char sha[64];                  /* of the file with these bytes 0, in hex */
};
_Static_assert(sizeof(struct header) == MODEL_HEADER_BYTES, "no padding");

static size_t align_up(size_t n)
{
    return (n + MODEL_ALIGN - 1) / MODEL_ALIGN * MODEL_ALIGN;
}

/* --- reading ------------------------------------------------------------------- */

static const char *kind_name(enum model_kind kind)
{
    return kind == MODEL_FLOAT ? "float" : "quantized";
}

/* Restores the bytes that it clears. */
static bool sha_holds(unsigned char *bytes, size_t len)
{
    char stored[64];
    memcpy(stored, bytes + MODEL_SHA_AT, sizeof stored);
    memset(bytes + MODEL_SHA_AT, 0, sizeof stored);
    struct sha256_hex h = sha256_bytes(bytes, len);
    memcpy(bytes + MODEL_SHA_AT, stored, sizeof stored);
    return !memcmp(h.s, stored, sizeof stored);
}

static enum axm_status read_header(const char *name, unsigned char *bytes, size_t len, struct model_file *out)
{
    struct header h;
    if (len < sizeof h || memcmp(bytes, magic, sizeof magic))
        return fail(AXM_USAGE, "%s: not a model file of axmul", name);
    memcpy(&h, bytes, sizeof h);
    if (h.version != MODEL_VERSION)
        return fail(AXM_USAGE, "%s: a model file of version %u, this axmul reads version %d", name, h.version,
                    MODEL_VERSION);
    if (h.file_len != len)
        return fail(AXM_USAGE, "%s: %s: %zu bytes, its header says %llu", name,
                    len < h.file_len ? "truncated" : "not its length", len, (unsigned long long)h.file_len);
    if (!sha_holds(bytes, len))
        return fail(AXM_USAGE, "%s: altered: its checksum does not match", name);
    if (h.kind > MODEL_QUANTIZED)
        return fail(AXM_USAGE, "%s: a model is of kind 0 or 1, got %u", name, h.kind);
    if (h.json_len > MODEL_JSON_MAX || h.json_len > len - sizeof h)
        return fail(AXM_USAGE, "%s: a description of at most %zu bytes fits, got %llu", name,
                    len - sizeof h < MODEL_JSON_MAX ? len - sizeof h : (size_t)MODEL_JSON_MAX,
                    (unsigned long long)h.json_len);
    size_t data_at = align_up(sizeof h + h.json_len);
    *out = (struct model_file){ .name = name, .kind = (enum model_kind)h.kind,
                                .json = (const char *)bytes + sizeof h, .json_len = h.json_len };
    if (data_at < len) {
        out->data = bytes + data_at;
        out->data_len = len - data_at;
    }
    return AXM_OK;
}

static enum axm_status want_kind(const struct model_file *f, enum model_kind kind)
{
    if (f->kind != kind)
        return fail(AXM_USAGE, "%s: a %s model; this wants a %s one", f->name, kind_name(f->kind),
                    kind_name(kind));
    return AXM_OK;
}

struct mapping {
    void *bytes;
    size_t len;
};

static enum axm_status map_file(const char *path, struct mapping *out)
{
    struct stat info;
    enum axm_status st = AXM_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);   /* a pipe without a writer must not hang us */
    if (fd < 0)
        return fail(AXM_ENV, "%s: %s", path, strerror(errno));
    if (fstat(fd, &info))
        st = fail(AXM_ENV, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        st = fail(AXM_ENV, "%s: not a regular file", path);
    else if (info.st_size == 0)
        st = fail(AXM_USAGE, "%s: not a model file of axmul", path);
    if (st == AXM_OK) {
        out->len = (size_t)info.st_size;
        out->bytes = mmap(NULL, out->len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        if (out->bytes == MAP_FAILED)
            st = fail(AXM_ENV, "%s: %s", path, strerror(errno));
    }
    close(fd);
    return st;
}

enum axm_status model_kind_of(const char *path, enum model_kind *out)
{
    struct mapping m;
    struct model_file f;
    enum axm_status st = map_file(path, &m);
    if (st != AXM_OK)
        return st;
    st = read_header(path, m.bytes, m.len, &f);
    if (st == AXM_OK)
        *out = f.kind;
    munmap(m.bytes, m.len);
    return st;
}

/* Where a graph's file comes from: a path, or bytes to be copied. */
struct source {
    const char *name;
    const void *data;    /* NULL: name is a path */
    size_t len;
};

/* The bytes, aligned and writable, owned by the arena or the mapping. */
static enum axm_status take_bytes(const struct source *s, struct arena *arena, void **mapped,
                                  size_t *mapped_len, enum model_kind kind, struct model_file *out)
{
    struct mapping m = { .len = s->len };
    enum axm_status st = AXM_OK;
    if (!s->data) {
        st = map_file(s->name, &m);
        if (st != AXM_OK)
            return st;
        *mapped = m.bytes;
        *mapped_len = m.len;
    } else {
        m.bytes = arena_alloc(arena, s->len < MODEL_ALIGN ? MODEL_ALIGN : s->len);
        if (!m.bytes)
            return fail(AXM_ENV, "%s: out of memory", s->name);
        memcpy(m.bytes, s->data, s->len);
    }
    st = read_header(s->name, m.bytes, m.len, out);
    return st == AXM_OK ? want_kind(out, kind) : st;
}

static enum axm_status read_float(const struct source *s, struct graph **out,
                                  void (*found)(void *ctx, const struct model_extra *e), void *ctx)
{
    struct model_file f;
    struct graph *g = graph_new_empty("");
    if (!g)
        return fail(AXM_ENV, "%s: out of memory", s->name);
    enum axm_status st = take_bytes(s, &g->arena, &g->mapped, &g->mapped_len, MODEL_FLOAT, &f);
    if (st == AXM_OK)
        st = model_json_read(&f, g, found, ctx);
    if (st == AXM_OK)
        *out = g;
    else
        graph_free(g);
    return st;
}

static enum axm_status read_quantized(const struct source *s, struct qgraph **out)
{
    struct model_file f;
    struct qgraph *q = qgraph_new();
    if (!q)
        return fail(AXM_ENV, "%s: out of memory", s->name);
    enum axm_status st = take_bytes(s, &q->arena, &q->mapped, &q->mapped_len, MODEL_QUANTIZED, &f);
    if (st == AXM_OK)
        st = model_json_read_quantized(&f, q);
    if (st == AXM_OK)
        *out = q;
    else
        qgraph_free(q);
    return st;
}

enum axm_status model_load(const char *path, struct graph **out)
{
    return read_float(&(struct source){ .name = path }, out, NULL, NULL);
}

enum axm_status model_load_with(const char *path, struct graph **out,
                                void (*found)(void *ctx, const struct model_extra *e), void *ctx)
{
    return read_float(&(struct source){ .name = path }, out, found, ctx);
}

enum axm_status model_load_quantized(const char *path, struct qgraph **out)
{
    return read_quantized(&(struct source){ .name = path }, out);
}

enum axm_status model_parse(const void *data, size_t len, const char *name, struct graph **out)
{
    return read_float(&(struct source){ name, len ? data : "", len }, out, NULL, NULL);
}

enum axm_status model_parse_quantized(const void *data, size_t len, const char *name, struct qgraph **out)
{
    return read_quantized(&(struct source){ name, len ? data : "", len }, out);
}

const char *model_provenance(const struct graph *g)
{
    return g->provenance ? g->provenance : "";
}

/* --- writing ---------------------------------------------------------------------- */

static enum axm_status assemble(enum model_kind kind, const struct strbuf *json, const struct strbuf *data,
                                struct strbuf *out)
{
    static const char zeros[MODEL_ALIGN];
    struct header h = { .version = MODEL_VERSION, .kind = kind, .json_len = json->len };
    size_t from = out->len, data_at = align_up(sizeof h + json->len);
    memcpy(h.magic, magic, sizeof magic);
    h.file_len = data_at + data->len;
    strbuf_add(out, &h, sizeof h);
    strbuf_add(out, json->s, json->len);
    strbuf_add(out, zeros, data_at - sizeof h - json->len);
    if (data->len)
        strbuf_add(out, data->s, data->len);
    if (out->failed)
        return fail(AXM_ENV, "out of memory for a model of %llu bytes", (unsigned long long)h.file_len);
    struct sha256_hex sha = sha256_bytes(out->s + from, h.file_len);
    memcpy(out->s + from + MODEL_SHA_AT, sha.s, sizeof h.sha);
    return AXM_OK;
}

static enum axm_status float_bytes(const struct graph *g, const char *provenance,
                                   const struct model_extra *extra, int n_extra, struct strbuf *out)
{
    struct strbuf json = { 0 }, data = { 0 };
    enum axm_status st = model_json_write(g, provenance, extra, n_extra, &json, &data);
    if (st == AXM_OK)
        st = assemble(MODEL_FLOAT, &json, &data, out);
    strbuf_release(&json);
    strbuf_release(&data);
    return st;
}

enum axm_status model_bytes(const struct graph *g, const char *provenance, struct strbuf *out)
{
    return float_bytes(g, provenance, NULL, 0, out);
}

enum axm_status model_bytes_quantized(const struct qgraph *q, struct strbuf *out)
{
    struct strbuf json = { 0 }, data = { 0 };
    enum axm_status st = model_json_write_quantized(q, &json, &data);
    if (st == AXM_OK)
        st = assemble(MODEL_QUANTIZED, &json, &data, out);
    strbuf_release(&json);
    strbuf_release(&data);
    return st;
}

enum axm_status model_save_with(const char *path, const struct graph *g, const char *provenance,
                                const struct model_extra *extra, int n_extra)
{
    struct strbuf bytes = { 0 };
    enum axm_status st = float_bytes(g, provenance, extra, n_extra, &bytes);
    if (st == AXM_OK)
        st = file_write(path, bytes.s, bytes.len);
    strbuf_release(&bytes);
    return st;
}

enum axm_status model_save(const char *path, const struct graph *g, const char *provenance)
{
    return model_save_with(path, g, provenance, NULL, 0);
}

enum axm_status model_save_quantized(const char *path, const struct qgraph *q)
{
    struct strbuf bytes = { 0 };
    enum axm_status st = model_bytes_quantized(q, &bytes);
    if (st == AXM_OK)
        st = file_write(path, bytes.s, bytes.len);
    strbuf_release(&bytes);
    return st;
}
