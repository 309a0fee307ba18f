#define KERNEL infer_portable
#include "dnn/infer_kernel.inc"
