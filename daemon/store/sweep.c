#include "daemon/store/sweep.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "daemon/store/stage.h"
#include "protocol/descriptor.h"

struct sweep {
    time_t before; /* stages that were written to since are young */
    uint64_t removed;
};

/*
 * Is the locked stage still what its name leads to, and still old? Whoever resumes an upload holds
 * its lock while putting another file in its place: from here on the name stays.
 */
static bool is_abandoned(const struct sweep *sweep, int fd, int folder, const char *id)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_mtime < sweep->before &&
           descriptor_is_named(fd, folder, id);
}

static void sweep_one(void *context, int folder, const char *id, const struct stat *status)
{
    struct sweep *sweep = context;

    if (status->st_mtime >= sweep->before)
        return;
    int fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_abandoned(sweep, fd, folder, id) &&
        unlinkat(folder, id, 0) == 0)
        sweep->removed++;
    descriptor_close(fd);
}

uint64_t sweep_run(const struct library *library, int64_t age_ms)
{
    struct sweep sweep = {.before = time(NULL) - (time_t)(age_ms / 1000)};

    stage_visit_all(library, sweep_one, &sweep);
    return sweep.removed;
}
