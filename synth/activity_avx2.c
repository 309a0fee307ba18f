#ifdef __x86_64__
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#define KERNEL activity_avx2
#define TIME_BITS 16
#define VEC_BYTES 32
#include "synth/activity_kernel.inc"
#endif
