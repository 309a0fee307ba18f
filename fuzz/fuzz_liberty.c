/* libFuzzer target: liberty files.  See property_liberty.h. */
#include "fuzz/property_liberty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    property_liberty(data, len);
    return 0;
}
