/* libFuzzer target: specs.  See property.h. */
#include "fuzz/property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    property_spec(data, len);
    return 0;
}
