#ifdef __x86_64__
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#include <immintrin.h>
#include <string.h>

#include "dnn/gemm_impl.h"

#define KERNEL gemm_kernel_rows_avx512
#define SUMS __m512i
#define ZERO(s) ((s) = _mm512_setzero_si512())
#define ADD_ROW(s, p) ((s) = _mm512_add_epi16(s, _mm512_loadu_si512(p)))
#define STORE(p, s) _mm512_store_si512(p, s)
#include "dnn/gemm_rows.inc"
#endif
