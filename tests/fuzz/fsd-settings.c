/* The configuration of fsd. */
#include "daemon/settings.h"

#include "tests/fuzz/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings first = {.library = NULL};
    struct settings again = {.library = NULL};

    fuzz_settings(data, size, &first, &again);
    return 0;
}
