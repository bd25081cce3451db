#include "daemon/counters.h"

#include <sys/mman.h>
#include <time.h>

struct counters *counters_open(void)
{
    void *memory = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    struct counters *counters = memory;
    counters->started_s = (int64_t)time(NULL);
    return counters;
}
