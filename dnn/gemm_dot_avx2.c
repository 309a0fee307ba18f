#ifdef __x86_64__
#pragma GCC target("avx2")
#include <immintrin.h>
#include <string.h>

#include "dnn/gemm_impl.h"

#define KERNEL gemm_kernel_dot_avx2
#define VECTOR __m256i
#define LANES 8
#define VECTORS 2
#define LOAD(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define ADD(a, b) _mm256_add_epi32(a, b)
#define MADD(x, w) _mm256_madd_epi16(x, w)
#define SET1(i) _mm256_set1_epi32(i)
#include "dnn/gemm_dot.inc"
#endif
