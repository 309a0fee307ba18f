#ifdef __x86_64__
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,prefer-vector-width=512")
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

static void lookup_vbmi(const uint8_t table[256], const uint8_t *in, uint8_t *out, size_t n)
{
    __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
    __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
    for (size_t i = 0; i < n; i += 64) {
        __mmask64 keep = n - i >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << (n - i)) - 1;
        __m512i x = _mm512_maskz_loadu_epi8(keep, in + i);
        __m512i low = _mm512_permutex2var_epi8(t0, x, t1), high = _mm512_permutex2var_epi8(t2, x, t3);
        _mm512_mask_storeu_epi8(out + i, keep, _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high));
    }
}

#define LOOKUP lookup_vbmi
#define KERNEL infer_vbmi
#include "dnn/infer_kernel.inc"
#endif
