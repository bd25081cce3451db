/* The configuration of fsc. */
#include "cli/settings.h"

#include "tests/fuzz/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings first = {.server_text = NULL};
    struct settings again = {.server_text = NULL};

    fuzz_settings(data, size, &first, &again);
    return 0;
}
