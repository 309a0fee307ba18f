#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "dnn/data_impl.h"

enum axm_status cifar_parse_labels(const char *json, size_t len, size_t count, const char *name,
                                   uint8_t *label)
{
    size_t n = 0, at = 0;
    bool legal = len >= 2 && json[at++] == '[';
    while (legal && n < count && at + 1 < len) {
        char end = n + 1 < count ? ',' : ']';
        legal = json[at] >= '0' && json[at] < '0' + DATA_CLASSES && json[at + 1] == end;
        label[n++] = (uint8_t)(json[at] - '0');
        at += 2;
    }
    while (at < len && (json[at] == '\n' || json[at] == '\r'))
        at++;
    if (legal && n == count && at == len)
        return AXM_OK;
    return fail(AXM_USAGE, "%s: must be [0,1,...] of %zu labels 0..%d, goes wrong at byte %zu", name, count,
                DATA_CLASSES - 1, at);
}

enum axm_status cifar_decode_strip(const void *png, size_t len, size_t pixels, const uint8_t *label,
                                   size_t count, const char *name, struct strbuf *out)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    uint8_t *row = NULL, *record = NULL;
    enum axm_status st = AXM_OK;
    if (!png_image_begin_read_from_memory(&image, png, len))
        return fail(AXM_USAGE, "%s: PNG: %s", name, image.message);
    /* Any other format would be converted, and what is converted has lost something. */
    if (image.format != PNG_FORMAT_RGB || image.width != pixels || image.height != count) {
        st = fail(AXM_USAGE, "%s: must be a PNG of %zu x %zu pixels in 8-bit RGB, got %u x %u, format 0x%x",
                  name,
                  pixels, count, image.width, image.height, image.format);
        goto out;
    }
    row = malloc(count * pixels * 3);
    record = malloc(1 + pixels * 3);
    if (!row || !record) {
        st = fail(AXM_ENV, "%s: out of memory", name);
        goto out;
    }
    if (!png_image_finish_read(&image, NULL, row, 0, NULL)) {
        st = fail(AXM_USAGE, "%s: PNG: %s", name, image.message);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *rgb = row + i * pixels * 3;
        record[0] = label[i];
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < 3; c++)
                record[1 + c * pixels + p] = rgb[3 * p + c];
        strbuf_add(out, record, 1 + pixels * 3);
    }
    if (out->failed)
        st = fail(AXM_ENV, "%s: out of memory", name);
out:
    png_image_free(&image);
    free(row);
    free(record);
    return st;
}
