/* libFuzzer target: idx files.  See property_idx.h. */
#include "fuzz/property_idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    property_idx(data, len);
    return 0;
}
