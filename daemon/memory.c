#include "daemon/memory.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "protocol/descriptor.h"

enum {
    STATM_DATA = 6, /* the field of statm, from 1 on */
};

int64_t memory_in_use(void)
{
    char text[256] = "";
    char *next = text;
    int64_t data = -1;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    descriptor_close(fd);
    if (got <= 0)
        return -1;
    for (int field = 0; field < STATM_DATA; field++)
        data = strtoll(next, &next, 10);
    return data * sysconf(_SC_PAGESIZE);
}

/* What sanitizers need beside is more than anybody would grant. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool can_limit = false;
#else
static const bool can_limit = true;
#endif

void memory_limit(int64_t in_use, int64_t bytes)
{
    int64_t most = 0;
    struct rlimit limit;

    if (!can_limit || in_use < 0 || getrlimit(RLIMIT_DATA, &limit) < 0 ||
        __builtin_add_overflow(in_use, bytes, &most) || (rlim_t)most >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max = (rlim_t)most;
    (void)setrlimit(RLIMIT_DATA, &limit);
}
