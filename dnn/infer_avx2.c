#ifdef __x86_64__
#pragma GCC target("avx2")
#define KERNEL infer_avx2
#include "dnn/infer_kernel.inc"
#endif
