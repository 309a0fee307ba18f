#ifdef __x86_64__
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#define KERNEL infer_avx512
#include "dnn/infer_kernel.inc"
#endif
