#ifdef __x86_64__
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,popcnt,prefer-vector-width=512")
#define KERNEL activity_avx512
#define TIME_BITS 16
#define VEC_BYTES 64
#include "synth/activity_kernel.inc"
#endif
