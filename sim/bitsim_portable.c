#define KERNEL bitsim_portable
#define KERNEL_NAME "portable"
#define VEC_WORDS 2
#include "sim/bitsim_kernel.inc"
