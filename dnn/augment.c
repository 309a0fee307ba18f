#include "dnn/augment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool augment_is_none(const struct augment *a)
{
    return a->shift_px == 0 && a->rotate_deg == 0 && a->scale == 0 && a->shear_deg == 0 && !a->flip &&
           a->crop_pad == 0;
}

/* --- affine ------------------------------------------------------------------------------ */

static double symmetric(struct rng *r, double most)
{
    return most * (2 * rng_unit(r) - 1);
}

struct affine augment_draw(const struct augment *a, struct rng *r)
{
    const double degree = 3.14159265358979323846 / 180;
    double angle = symmetric(r, a->rotate_deg) * degree, scale = 1 + symmetric(r, a->scale);
    double shear = tan(symmetric(r, a->shear_deg) * degree);
    double c = cos(angle) / scale, s = sin(angle) / scale;
    struct affine t = { c, s, -s, c, symmetric(r, a->shift_px), symmetric(r, a->shift_px) };
    t.xy += t.xx * shear;
    t.yy += t.yx * shear;
    return t;
}

static double pixel_at(const uint8_t *plane, struct shape s, int x, int y)
{
    return x >= 0 && x < s.w && y >= 0 && y < s.h ? plane[y * s.w + x] : 0;
}

static uint8_t sample(const uint8_t *plane, struct shape s, double x, double y)
{
    if (!(x > -1 && x < s.w && y > -1 && y < s.h))
        return 0;
    double left = floor(x), top = floor(y), fx = x - left, fy = y - top;
    int ix = (int)left, iy = (int)top;
    double above = pixel_at(plane, s, ix, iy), below = pixel_at(plane, s, ix, iy + 1);
    above += fx * (pixel_at(plane, s, ix + 1, iy) - above);
    below += fx * (pixel_at(plane, s, ix + 1, iy + 1) - below);
    return (uint8_t)(above + fy * (below - above) + 0.5);
}

void affine_image(const struct affine *t, struct shape s, const uint8_t *pixel, uint8_t *out)
{
    double cx = 0.5 * (s.w - 1), cy = 0.5 * (s.h - 1);
    size_t plane = (size_t)s.h * s.w;
    for (int y = 0; y < s.h; y++)
        for (int x = 0; x < s.w; x++) {
            double from_x = t->xx * (x - cx) + t->xy * (y - cy) + t->dx + cx;
            double from_y = t->yx * (x - cx) + t->yy * (y - cy) + t->dy + cy;
            for (int c = 0; c < s.c; c++)
                out[c * plane + (size_t)y * s.w + x] = sample(pixel + c * plane, s, from_x, from_y);
        }
}

/* --- flip and crop ------------------------------------------------------------------------ */

/* The image moved by (dx, dy), black where nothing moved to. */
static void crop(struct shape s, const uint8_t *pixel, int dx, int dy, bool flip, uint8_t *out)
{
    for (int c = 0; c < s.c; c++, pixel += (size_t)s.h * s.w)
        for (int y = 0; y < s.h; y++)
            for (int x = 0; x < s.w; x++)
                *out++ = (uint8_t)pixel_at(pixel, s, (flip ? s.w - 1 - x : x) + dx, y + dy);
}

void normalise_image(const struct input_norm *norm, struct shape s, const uint8_t *pixel, float *out)
{
    for (int c = 0; c < s.c; c++) {
        float mean = c < 4 ? norm->mean[c] : 0, std = c < 4 ? norm->std[c] : 1;
        for (int i = 0; i < s.h * s.w; i++)
            *out++ = ((float)*pixel++ / 255 - mean) / std;
    }
}

void augment_pixels(const struct augment *a, struct shape s, const uint8_t *pixel, uint64_t seed,
                    uint64_t stream, uint8_t *scratch, uint8_t *out)
{
    bool affine = a->shift_px != 0 || a->rotate_deg != 0 || a->scale != 0 || a->shear_deg != 0;
    bool cropped = a->flip || a->crop_pad > 0;
    struct rng r;
    rng_init(&r, seed, stream);
    if (affine) {
        struct affine t = augment_draw(a, &r);
        affine_image(&t, s, pixel, cropped ? scratch : out);
        pixel = scratch;
    }
    if (cropped) {
        bool flip = a->flip && rng_below(&r, 2);
        uint64_t places = 2 * (uint64_t)a->crop_pad + 1;
        int dx = (int)rng_below(&r, places) - a->crop_pad, dy = (int)rng_below(&r, places) - a->crop_pad;
        crop(s, pixel, dx, dy, flip, out);
    }
    if (!affine && !cropped)
        memcpy(out, pixel, shape_count(s));
}

void augment_image(const struct augment *a, const struct input_norm *norm, struct shape s,
                   const uint8_t *pixel, uint64_t seed, uint64_t stream, float *out)
{
    /* Floats are written from the front: what lies behind holds the bytes until it is their turn. */
    size_t bytes = shape_count(s);
    uint8_t *end = (uint8_t *)(out + bytes) - bytes;
    augment_pixels(a, s, pixel, seed, stream, (uint8_t *)out, end);
    normalise_image(norm, s, end, out);
}

/* --- text ------------------------------------------------------------------------------------ */

struct field {
    const char *name, *unit;
    double most;
};

static const struct field fields[] = {
    { "shift", "pixels", 64 }, { "rotate", "degrees", 180 }, { "scale", "", 0.9 },
    { "shear", "degrees", 60 }, { "crop", "pixels", 64 },
};
enum { FIELDS = sizeof fields / sizeof *fields };

static enum axm_status parse_field(const char *text, size_t len, struct augment *a)
{
    if (len == 4 && !strncmp(text, "flip", 4)) {
        a->flip = true;
        return AXM_OK;
    }
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    for (int i = 0; i < FIELDS && equals; i++) {
        if (strlen(fields[i].name) != name_len || strncmp(fields[i].name, text, name_len))
            continue;
        char *end;
        double v = strtod(equals + 1, &end);
        bool whole = i == FIELDS - 1;
        if (end == equals + 1 || end != text + len || !(v >= 0 && v <= fields[i].most) ||
            (whole && v != floor(v)))
            return fail(AXM_USAGE, "augmentation: %s must be 0..%g %s, got \"%.*s\"", fields[i].name,
                        fields[i].most, fields[i].unit, (int)(text + len - equals - 1), equals + 1);
        float *to[] = { &a->shift_px, &a->rotate_deg, &a->scale, &a->shear_deg };
        if (whole)
            a->crop_pad = (int)v;
        else
            *to[i] = (float)v;
        return AXM_OK;
    }
    return fail(AXM_USAGE, "augmentation: \"%.*s\" is none of shift=, rotate=, scale=, shear=, crop=, flip, "
                "none", (int)len, text);
}

enum axm_status augment_parse(const char *text, struct augment *out)
{
    struct augment a = { 0 };
    enum axm_status st = AXM_OK;
    for (const char *at = text; st == AXM_OK && strcmp(text, "none");) {
        size_t len = strcspn(at, ",");
        st = parse_field(at, len, &a);
        if (!at[len])
            break;
        at += len + 1;
    }
    if (st == AXM_OK)
        *out = a;
    return st;
}

const char *augment_text(const struct augment *a, char text[AUGMENT_TEXT])
{
    if (augment_is_none(a))
        return strcpy(text, "none");
    const double value[] = { a->shift_px, a->rotate_deg, a->scale, a->shear_deg, a->crop_pad };
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < FIELDS; i++)
        if (value[i] != 0)
            used += (size_t)snprintf(text + used, AUGMENT_TEXT - used, "%s%s=%.7g", used ? "," : "",
                                     fields[i].name, value[i]);
    if (a->flip)
        snprintf(text + used, AUGMENT_TEXT - used, "%sflip", used ? "," : "");
    return text;
}
