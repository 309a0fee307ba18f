/* Augmentation: what training sees of an image, the same for the same (seed, stream). */
#ifndef AXM_DNN_AUGMENT_H
#define AXM_DNN_AUGMENT_H

#include "base/rng.h"
#include "dnn/train.h"

/* Where a pixel of the result comes from: (x, y) relative to the centre of the image go to
 * (xx x + xy y + dx, yx x + yy y + dy), in pixels. */
struct affine {
    double xx, xy, yx, yy, dx, dy;
};

/* Bilinear, black outside, rounded to 8 bits: what the quantized network could be given.  Every
 * channel alike. */
void affine_image(const struct affine *t, struct shape s, const uint8_t *pixel, uint8_t *out);

/* The affine part as drawn from r: rotation after shear after scale, then the shift. */
struct affine augment_draw(const struct augment *a, struct rng *r);

/* Nothing is changed. */
bool augment_is_none(const struct augment *a);

/* The affine part and then flip and crop; scratch: as large as out, which is not pixel. */
void augment_pixels(const struct augment *a, struct shape s, const uint8_t *pixel, uint64_t seed,
                    uint64_t stream, uint8_t *scratch, uint8_t *out);

/* Pixels as the network wants them. */
void normalise_image(const struct input_norm *norm, struct shape s, const uint8_t *pixel, float *out);

/* "shift=2,rotate=10,scale=.1,shear=5,flip,crop=4" or "none". */
enum axm_status augment_parse(const char *text, struct augment *out) AXM_MUST_CHECK;
enum { AUGMENT_TEXT = 128 };
const char *augment_text(const struct augment *a, char text[AUGMENT_TEXT]);

#endif
