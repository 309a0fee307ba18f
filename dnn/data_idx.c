#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "dnn/data_impl.h"

enum { IDX_BYTES_MAX = 1 << 28 };

void images_release(struct images *im)
{
    free(im->pixel);
    free(im->label);
    *im = (struct images){ 0 };
}

enum axm_status images_alloc(struct images *im, struct shape shape, size_t count, const char *name)
{
    *im = (struct images){ .shape = shape, .count = count, .classes = DATA_CLASSES };
    im->pixel = malloc(count * shape_count(shape));
    im->label = malloc(count);
    if (im->pixel && im->label)
        return AXM_OK;
    images_release(im);
    return fail(AXM_ENV, "%s: out of memory for %zu images", name, count);
}

enum axm_status images_slice(const struct images *im, size_t first, size_t count, struct images *out)
{
    size_t size = shape_count(im->shape);
    if (!count || first >= im->count || count > im->count - first)
        return fail(AXM_USAGE, "images: %zu from %zu asked for, there are %zu", count, first, im->count);
    struct images copy;
    enum axm_status st = images_alloc(&copy, im->shape, count, "images");
    if (st != AXM_OK)
        return st;
    copy.classes = im->classes;
    memcpy(copy.pixel, im->pixel + first * size, count * size);
    memcpy(copy.label, im->label + first, count);
    *out = copy;
    return AXM_OK;
}

enum axm_status data_gunzip(const void *data, size_t len, size_t max_bytes, const char *name,
                            struct strbuf *out)
{
    enum { MEMBER_GZIP = 16 + MAX_WBITS };
    unsigned char buffer[65536];
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
    size_t total = 0;
    if (len > UINT32_MAX)
        return fail(AXM_USAGE, "%s: at most 4 GiB, got %zu bytes", name, len);
    if (inflateInit2(&z, MEMBER_GZIP) != Z_OK)
        return fail(AXM_ENV, "%s: out of memory", name);
    enum axm_status st = AXM_OK;
    int r = Z_OK;
    while (st == AXM_OK && r != Z_STREAM_END) {
        z.next_out = buffer;
        z.avail_out = sizeof buffer;
        r = inflate(&z, Z_NO_FLUSH);
        size_t n = sizeof buffer - z.avail_out;
        total += n;
        if (r == Z_BUF_ERROR || (r == Z_OK && !n && !z.avail_in))
            st = fail(AXM_USAGE, "%s: the gzip stream is cut off", name);
        else if (r == Z_MEM_ERROR)
            st = fail(AXM_ENV, "%s: out of memory", name);
        else if (r != Z_OK && r != Z_STREAM_END)
            st = fail(AXM_USAGE, "%s: the gzip stream is damaged", name);
        else if (total > max_bytes)
            st = fail(AXM_USAGE, "%s: at most %zu bytes after decompression, got more", name, max_bytes);
        else
            strbuf_add(out, buffer, n);
    }
    if (st == AXM_OK && z.avail_in)
        st = fail(AXM_USAGE, "%s: %u bytes follow the gzip stream", name, z.avail_in);
    if (st == AXM_OK && out->failed)
        st = fail(AXM_ENV, "%s: out of memory", name);
    inflateEnd(&z);
    return st;
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What a header says, and that the file is as long as it says. */
struct idx {
    const uint8_t *body;
    size_t count;
    struct shape shape;
};

static enum axm_status read_header(const uint8_t *d, size_t len, int dims, const char *what, const char *name,
                                   struct idx *out)
{
    size_t head = 4 + 4 * (size_t)dims;
    uint32_t magic = 0x800u | (uint32_t)dims;
    if (len < head)
        return fail(AXM_USAGE, "%s: idx %s have a header of %zu bytes, got %zu", name, what, head, len);
    if (big_endian(d) != magic)
        return fail(AXM_USAGE, "%s: idx %s begin with 0x%08x, got 0x%08x", name, what, magic, big_endian(d));
    uint32_t count = big_endian(d + 4), rows = dims > 1 ? big_endian(d + 8) : 1;
    uint32_t columns = dims > 1 ? big_endian(d + 12) : 1;
    if (!count || !rows || !columns || rows > GRAPH_DIM_MAX || columns > GRAPH_DIM_MAX ||
        (uint64_t)rows * columns > GRAPH_ELEMENTS_MAX)
        return fail(AXM_USAGE,
                    "%s: idx %s: %u of %u x %u; there must be some, of at most %d x %d and %d in all", name,
                    what, count, rows, columns, GRAPH_DIM_MAX, GRAPH_DIM_MAX, GRAPH_ELEMENTS_MAX);
    uint64_t want = head + (uint64_t)count * rows * columns;   /* below 2^61 */
    if (len != want)
        return fail(AXM_USAGE, "%s: idx %s: %u of %u x %u make %llu bytes, got %zu", name, what, count, rows,
                    columns,
                    (unsigned long long)want, len);
    *out = (struct idx){ d + head, count, { 1, (int)rows, (int)columns } };
    return AXM_OK;
}

static enum axm_status parse(const uint8_t *image, size_t image_len, const uint8_t *label, size_t label_len,
                             const char *name, struct images *out)
{
    struct idx x, y;
    struct images im;
    enum axm_status st = read_header(image, image_len, 3, "images", name, &x);
    if (st == AXM_OK)
        st = read_header(label, label_len, 1, "labels", name, &y);
    if (st != AXM_OK)
        return st;
    if (x.count != y.count)
        return fail(AXM_USAGE, "%s: %zu images, but %zu labels", name, x.count, y.count);
    for (size_t i = 0; i < y.count; i++)
        if (y.body[i] >= DATA_CLASSES)
            return fail(AXM_USAGE, "%s: label %zu must be 0..%d, got %d", name, i, DATA_CLASSES - 1,
                        y.body[i]);
    st = images_alloc(&im, x.shape, x.count, name);
    if (st != AXM_OK)
        return st;
    memcpy(im.pixel, x.body, x.count * shape_count(x.shape));
    memcpy(im.label, y.body, y.count);
    *out = im;
    return AXM_OK;
}

enum axm_status data_parse_idx(const void *image_bytes, size_t image_len, const void *label_bytes,
                               size_t label_len, const char *name, struct images *out)
{
    const void *data[2] = { image_bytes, label_bytes };
    size_t len[2] = { image_len, label_len };
    struct strbuf plain[2] = { { 0 }, { 0 } };
    enum axm_status st = AXM_OK;
    for (int i = 0; i < 2 && st == AXM_OK; i++) {
        if (!data_is_gzip(data[i], len[i]))
            continue;
        strbuf_add(&plain[i], "", 0);
        st = data_gunzip(data[i], len[i], IDX_BYTES_MAX, name, &plain[i]);
        data[i] = plain[i].s;
        len[i] = plain[i].len;
    }
    if (st == AXM_OK)
        st = parse(data[0], len[0], data[1], len[1], name, out);
    strbuf_release(&plain[0]);
    strbuf_release(&plain[1]);
    return st;
}
