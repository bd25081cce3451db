#include "protocol/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_between(int first, int last)
{
    if (first > last || close_range((unsigned)first, (unsigned)last, 0) == 0)
        return;
    for (int fd = first; fd <= last; fd++)
        (void)close(fd);
}

void descriptor_reserve_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* open(2) takes the lowest free number. */
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            abort();
    }
}

bool descriptor_has_changed(int fd, const struct stat *then)
{
    struct stat now;

    return fstat(fd, &now) < 0 || now.st_size != then->st_size ||
           now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

bool descriptor_is_touched(int fd, const struct stat *then)
{
    struct stat now;

    return fstat(fd, &now) < 0 || now.st_ctim.tv_sec != then->st_ctim.tv_sec ||
           now.st_ctim.tv_nsec != then->st_ctim.tv_nsec;
}

bool descriptor_is_same(const struct stat *one, const struct stat *other)
{
    return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

bool descriptor_is_named(int fd, int folder, const char *name)
{
    struct stat named;
    struct stat own;

    return fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &own) == 0 &&
           descriptor_is_same(&named, &own);
}

bool descriptor_lacks_call(int error)
{
    enum {
        ENOTSUPP = 524, /* of Linux itself; NFS lets it through */
    };

    switch (error) {
    case ENOSYS:     /* old kernels, and FUSE */
    case EPERM:      /* seccomp of containers, and FUSE */
    case EACCES:     /* other sandboxes */
    case EINVAL:     /* file systems that do not know a flag, or a call for folders */
    case EOPNOTSUPP: /* most other file systems */
    case ENOTSUPP:
    case ENOTTY:
        return true;
    default:
        return false;
    }
}

int descriptor_access(int folder, const char *name, int mode)
{
    int code = faccessat(folder, name, mode, AT_EACCESS);

    /* The C library asks faccessat2(2), and falls back by itself only after ENOSYS. */
    return code < 0 && errno != EACCES && descriptor_lacks_call(errno)
               ? (int)syscall(SYS_faccessat, folder, name, mode)
               : code;
}

int descriptor_access_new(const char *path)
{
    char folder[PATH_MAX];

    (void)snprintf(folder, sizeof folder, "%s", path);
    return descriptor_access(AT_FDCWD, dirname(folder), W_OK | X_OK);
}

bool descriptor_is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&polled, 1, 0) > 0;
}

const char *descriptor_path(int fd, char path[DESCRIPTOR_PATH_ROOM])
{
    (void)snprintf(path, DESCRIPTOR_PATH_ROOM, "/proc/self/fd/%d", fd);
    return path;
}

DIR *descriptor_read_folder(int fd)
{
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

    if (folder == NULL)
        descriptor_close(fd);
    return folder;
}

void descriptor_close(int fd)
{
    int error = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = error;
}

void descriptor_close_all_but(const int *kept, size_t count)
{
    int first = STDERR_FILENO + 1;

    for (;;) {
        int next = INT_MAX;
        for (size_t i = 0; i < count; i++) {
            if (kept[i] >= first && kept[i] < next)
                next = kept[i];
        }
        if (next == INT_MAX)
            break;
        close_between(first, next - 1);
        first = next + 1;
    }
    closefrom(first);
}
