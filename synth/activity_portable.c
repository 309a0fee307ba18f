#define KERNEL activity_portable
#define TIME_BITS 16
#define VEC_BYTES 16
#include "synth/activity_kernel.inc"
