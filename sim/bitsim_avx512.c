#ifdef __x86_64__
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#define KERNEL bitsim_avx512
#define KERNEL_NAME "avx512"
#define VEC_WORDS 8
#include "sim/bitsim_kernel.inc"
#endif
