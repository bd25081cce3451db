#include "daemon/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "protocol/descriptor.h"
#include "protocol/digest.h"

#define FOLDER ".fsd/lock"

enum {
    FOLDER_MODE = 0700,
    LOCK_MODE = 0600,
    HASH_DIGITS = 2, /* of a name's hash tell its lock */
};

/* Its descriptor never writes: a session is not allowed to do that here. */
static int open_lock(const struct library *library, const char *name)
{
    char path[sizeof FOLDER + 1 + HASH_DIGITS];
    char hash[DIGEST_ROOM];
    int fd = -1;

    (void)digest_of_bytes(name, strlen(name), hash);
    (void)snprintf(path, sizeof path, FOLDER "/%.*s", HASH_DIGITS, strchr(hash, ':') + 1);
    fd = openat(library->root, path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);
    if (fd >= 0 || errno != ENOENT ||
        (mkdirat(library->root, FOLDER, FOLDER_MODE) < 0 && errno != EEXIST))
        return fd;
    return openat(library->root, path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);
}

int lock_name(const struct library *library, const char *name, int operation)
{
    int fd = open_lock(library, name);
    int code = 0;

    if (fd < 0)
        return -1;
    do
        code = flock(fd, operation);
    while (code < 0 && errno == EINTR);
    if (code == 0)
        return fd;
    descriptor_close(fd);
    return -1;
}
