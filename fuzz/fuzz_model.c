/* libFuzzer target: model files.  See property_model.h. */
#include "fuzz/property_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    property_model(data, len);
    return 0;
}
