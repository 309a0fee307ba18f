#define KERNEL activity_wide
#define TIME_BITS 32
#define VEC_BYTES 16
#include "synth/activity_kernel.inc"
