#include "cli/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"

static int open_one(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(parent, name, 0777) < 0 && errno != EEXIST)
        return -1;
    /* What lies in it is made durable, and so must it be. */
    if (fsync(parent) < 0 && errno != EBADF && errno != EINVAL)
        return -1;
    return openat(parent, name, flags);
}

int folders_open_below(int base, const char *path, size_t length)
{
    int folder = fcntl(base, F_DUPFD_CLOEXEC, 0);

    for (size_t start = 0; folder >= 0 && start < length;) {
        char name[NAME_MAX + 1];
        const char *slash = memchr(path + start, '/', length - start);
        size_t end = slash != NULL ? (size_t)(slash - path) : length;
        int below = -1;
        if (end - start < sizeof name) {
            memcpy(name, path + start, end - start);
            name[end - start] = '\0';
            below = open_one(folder, name);
        } else {
            errno = ENAMETOOLONG;
        }
        descriptor_close(folder);
        folder = below;
        start = end + 1;
    }
    /* Of a link Linux says one or the other. */
    if (folder < 0 && errno == ELOOP)
        errno = ENOTDIR;
    return folder;
}
