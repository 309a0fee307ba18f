/* The loops of inference that are not a matrix product, compiled once per CPU level from one source, so
 * that all levels give the same bits. */
#ifndef AXM_DNN_INFER_KERNEL_H
#define AXM_DNN_INFER_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* requantize() of qgraph.h with its constants. */
struct requant {
    int32_t multiplier;
    int shift, zero, lo, hi;
};

struct infer_kernel {
    /* out[i] = code of acc[i] + add - weight_zero * sum_x[i]; sum_x NULL: without that term. */
    void (*requantize)(const int32_t *acc, const int32_t *sum_x, int32_t weight_zero, int32_t add,
                       const struct requant *r, uint8_t *out, size_t n);
    /* sum[i] = sum over k rows of x, unsigned bytes. */
    void (*column_sums)(const uint8_t *x, size_t stride, size_t k, int32_t *sum, size_t n);
    /* out[i] = table[in[i]]; out may be in. */
    void (*lookup)(const uint8_t table[256], const uint8_t *in, uint8_t *out, size_t n);
    /* out[i] = larger of out[i] and in[i]; flip is 0x80 for signed codes, else 0. */
    void (*max_rows)(const uint8_t *in, uint8_t flip, uint8_t *out, size_t n);
    /* sum[i] += in[i] as a code. */
    void (*add_rows)(const uint8_t *in, uint8_t flip, int32_t *sum, size_t n);
    /* out[i] = code of the sum over both inputs of (code - zero[j]) * multiplier[j]; of r its shift,
     * zero and clamp count. */
    void (*add)(const uint8_t *a, const uint8_t *b, uint8_t flip, const int zero[2],
                const int32_t multiplier[2], const struct requant *r, uint8_t *out, size_t n);
    /* Largest |y| of y[i] = acc[i] * factor + add, or of max(y, 0) with relu; and their ace_code(). */
    double (*ace_peak)(const int32_t *acc, double factor, double add, int relu, size_t n);
    void (*ace_codes)(const int32_t *acc, double factor, double add, int relu, double scale, uint8_t *out,
                      size_t n);
};

extern const struct infer_kernel infer_portable, infer_avx2, infer_avx512, infer_vbmi;

#endif
