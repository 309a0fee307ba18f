/* What must hold for any pair of idx files.  See property.h.
 *
 * An input is the length of the images' bytes (16 bits, little-endian), these, then the labels'. */
#ifndef AXM_FUZZ_PROPERTY_IDX_H
#define AXM_FUZZ_PROPERTY_IDX_H

#include "dnn/data.h"
#include "fuzz/property.h"

static inline void property_big_endian(struct strbuf *b, size_t v)
{
    const uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
    strbuf_add(b, bytes, 4);
}

/* Written plainly, the images are the same images. */
static inline void property_idx_again(const struct images *im)
{
    struct strbuf x = { 0 }, y = { 0 };
    struct images again;
    size_t pixels = im->count * shape_count(im->shape);
    property_big_endian(&x, 0x803);
    property_big_endian(&x, im->count);
    property_big_endian(&x, (size_t)im->shape.h);
    property_big_endian(&x, (size_t)im->shape.w);
    strbuf_add(&x, im->pixel, pixels);
    property_big_endian(&y, 0x801);
    property_big_endian(&y, im->count);
    strbuf_add(&y, im->label, im->count);
    REQUIRE(!x.failed && !y.failed);
    REQUIRE(data_parse_idx(x.s, x.len, y.s, y.len, "t", &again) == AXM_OK);
    REQUIRE(again.count == im->count && again.shape.c == 1 && again.shape.h == im->shape.h &&
            again.shape.w == im->shape.w && again.classes == im->classes);
    REQUIRE(!memcmp(again.pixel, im->pixel, pixels) && !memcmp(again.label, im->label, im->count));
    images_release(&again);
    strbuf_release(&x);
    strbuf_release(&y);
}

static inline void property_idx(const uint8_t *data, size_t len)
{
    property_begin(data, len);
    if (len < 2)
        return;
    size_t n = data[0] | (size_t)data[1] << 8;
    n = n > len - 2 ? len - 2 : n;
    void *image = property_copy(data + 2, n), *label = property_copy(data + 2 + n, len - 2 - n);
    struct images im;
    memset(&im, 0xa5, sizeof im);
    enum axm_status st = data_parse_idx(image, n, label, len - 2 - n, "t", &im);
    if (st == AXM_OK) {
        for (size_t i = 0; i < im.count; i++)
            REQUIRE(im.label[i] < im.classes);
        property_idx_again(&im);
        REQUIRE(property_input.messages == 0);
        images_release(&im);
    } else {
        property_refused(st, &im, sizeof im);
    }
    free(image);
    free(label);
}

#endif
