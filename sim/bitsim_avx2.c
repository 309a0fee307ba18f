#ifdef __x86_64__
#pragma GCC target("avx2")
#define KERNEL bitsim_avx2
#define KERNEL_NAME "avx2"
#define VEC_WORDS 4
#include "sim/bitsim_kernel.inc"
#endif
