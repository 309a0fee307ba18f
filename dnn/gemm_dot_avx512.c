#ifdef __x86_64__
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#include <immintrin.h>
#include <string.h>

#include "dnn/gemm_impl.h"

#define KERNEL gemm_kernel_dot_avx512
#define VECTOR __m512i
#define LANES 16
#define VECTORS 4
#define LOAD(p) _mm512_load_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define ADD(a, b) _mm512_add_epi32(a, b)
#define MADD(x, w) _mm512_madd_epi16(x, w)
#define SET1(i) _mm512_set1_epi32(i)
#include "dnn/gemm_dot.inc"
#endif
