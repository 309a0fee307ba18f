/* libFuzzer target: raw tables.  See property.h. */
#include "fuzz/property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    property_lut_raw(data, len);
    return 0;
}
