#include <string.h>

#include "dnn/infer_impl.h"

/* n bytes in pieces of 16: up to 15 more are read and written, which the caller's order makes good
 * (tensors and matrices have 64 bytes behind them). */
static inline void copy_over(uint8_t *out, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        memcpy(out + i, in + i, 16);
}

/* Rows of n bytes, packed one behind the other; up to 31 bytes too many are read and written. */
static void copy_rows(uint8_t *out, size_t n, const uint8_t *in, size_t in_stride, size_t rows)
{
    if (n <= 16)
        for (size_t r = 0; r < rows; r++, out += n, in += in_stride)
            memcpy(out, in, 16);
    else if (n <= 32)
        for (size_t r = 0; r < rows; r++, out += n, in += in_stride)
            memcpy(out, in, 32);
    else
        for (size_t r = 0; r < rows; r++, out += n, in += in_stride)
            copy_over(out, in, n);
}

/* Output columns whose tap kx lies in the input: *from .. *to - 1. */
static void inside(const struct im2col *t, int kx, int *from, int *to)
{
    int stride = t->window.stride_w, left = t->window.pad_left - kx, right = t->in.w + left;
    *from = left > 0 ? (left + stride - 1) / stride : 0;
    *to = right > 0 ? (right + stride - 1) / stride : 0;
    *to = *to > t->out.w ? t->out.w : *to;
    *from = *from > *to ? *to : *from;
}

/* One row of x: tap (ky, kx) of channel c.  Every piece is written after the one to its left. */
static void gather_row(const struct im2col *t, int c, int ky, int kx, size_t r0, size_t rows, uint8_t *x)
{
    int from, to, image = (int)(r0 / (size_t)t->out.h), oy = (int)(r0 % (size_t)t->out.h);
    size_t plane = (size_t)t->in.h * t->in.w, width = (size_t)t->out.w;
    const uint8_t *channel = t->data + (size_t)c * t->stride;
    inside(t, kx, &from, &to);
    for (size_t r = 0; r < rows; r++, x += width) {
        int iy = oy * t->window.stride_h - t->window.pad_top + ky;
        int ix = from * t->window.stride_w - t->window.pad_left + kx;
        if (iy < 0 || iy >= t->in.h) {
            memset(x, t->zero, width);
        } else {
            const uint8_t *in = channel + (size_t)image * plane + (size_t)iy * t->in.w;
            if (t->window.stride_w == 1 && (size_t)(to - from) == width) {
                /* As many rows as this image has, all of them without padding. */
                int left = t->out.h - oy, inside_h = (t->in.h - 1 - iy) / t->window.stride_h + 1;
                size_t n = rows - r < (size_t)left ? rows - r : (size_t)left;
                n = n < (size_t)inside_h ? n : (size_t)inside_h;
                copy_rows(x, width, in + ix, (size_t)t->window.stride_h * t->in.w, n);
                r += n - 1;
                x += (n - 1) * width;
                oy += (int)n - 1;
            } else {
                if (from)
                    memset(x, t->zero, (size_t)from);
                if (t->window.stride_w == 1)
                    copy_over(x + from, in + ix, (size_t)(to - from));
                else
                    for (int ox = from; ox < to; ox++, ix += t->window.stride_w)
                        x[ox] = in[ix];
                if ((size_t)to < width)
                    memset(x + to, t->zero, width - (size_t)to);
            }
        }
        if (++oy == t->out.h) {
            oy = 0;
            image++;
        }
    }
}

void im2col(const struct im2col *t, size_t r0, size_t rows, uint8_t *x, size_t x_stride)
{
    size_t m = rows * (size_t)t->out.w;
    for (int c = t->c0; c < t->c0 + t->channels; c++)
        for (int ky = 0; ky < t->window.kernel_h; ky++)
            for (int kx = 0; kx < t->window.kernel_w; kx++, x += x_stride) {
                gather_row(t, c, ky, kx, r0, rows, x);
                memset(x + m, 0, round_up(m, 64) - m);
            }
}

static inline uint64_t load8(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* Exchanges the bits of a under mask << by with those of b under mask. */
static inline void exchange(uint64_t *a, uint64_t *b, int by, uint64_t mask)
{
    uint64_t t = (*a >> by ^ *b) & mask;
    *a ^= t << by;
    *b ^= t;
}

/* An 8x8 block of bytes; the first byte in memory must be the lowest of the word. */
#define BLOCKS (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

static void transpose8(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride)
{
    uint64_t v[8];
    for (int i = 0; i < 8; i++)
        v[i] = load8(in + (size_t)i * in_stride);
    for (int i = 0; i < 4; i++)
        exchange(&v[i], &v[i + 4], 32, 0x00000000ffffffff);
    for (int i = 0; i < 8; i += i & 1 ? 3 : 1)
        exchange(&v[i], &v[i + 2], 16, 0x0000ffff0000ffff);
    for (int i = 0; i < 8; i += 2)
        exchange(&v[i], &v[i + 1], 8, 0x00ff00ff00ff00ff);
    for (int i = 0; i < 8; i++)
        memcpy(out + (size_t)i * out_stride, &v[i], 8);
}

/* [rows][columns] to [columns][rows] */
static void transpose(const uint8_t *in, size_t rows, size_t columns, uint8_t *out, size_t out_stride)
{
    size_t r = 0;
    for (; BLOCKS && r + 8 <= rows; r += 8) {
        size_t c = 0;
        for (; c + 8 <= columns; c += 8)
            transpose8(in + r * columns + c, columns, out + c * out_stride + r, out_stride);
        for (; c < columns; c++)
            for (size_t i = r; i < r + 8; i++)
                out[c * out_stride + i] = in[i * columns + c];
    }
    for (; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            out[c * out_stride + r] = in[r * columns + c];
}

void to_k_major(const uint8_t *data, size_t stride, size_t channels, size_t plane, size_t images, uint8_t *x,
                size_t x_stride)
{
    for (size_t c = 0; c < channels; c++)
        transpose(data + c * stride, images, plane, x + c * plane * x_stride, x_stride);
    for (size_t k = 0; k < channels * plane; k++)
        memset(x + k * x_stride + images, 0, round_up(images, 64) - images);
}
