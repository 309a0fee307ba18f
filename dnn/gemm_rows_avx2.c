#ifdef __x86_64__
#pragma GCC target("avx2")
#include <immintrin.h>
#include <string.h>

#include "dnn/gemm_impl.h"

struct sums {
    __m256i low, high;
};
#define KERNEL gemm_kernel_rows_avx2
#define SUMS struct sums
#define ZERO(s) ((s).low = (s).high = _mm256_setzero_si256())
#define ADD_ROW(s, p) \
    ((s).low = _mm256_add_epi16((s).low, load(p)), (s).high = _mm256_add_epi16((s).high, load((p) + 16)))
#define STORE(p, s) \
    (_mm256_store_si256((void *)(p), (s).low), _mm256_store_si256((void *)((p) + 16), (s).high))
#include "dnn/gemm_rows.inc"
#endif
