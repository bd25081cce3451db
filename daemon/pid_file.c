#include "daemon/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "protocol/descriptor.h"

enum {
    MODE = 0644,
};

static int lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int code = fcntl(fd, F_SETLK, &whole);

    /* POSIX lets it be either of these. */
    if (code < 0 && errno == EACCES)
        errno = EAGAIN;
    return code;
}

int pid_file_make(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, MODE);

    if (fd < 0)
        return -1;
    if (lock(fd) < 0 || ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
        descriptor_close(fd);
        return -1;
    }
    return fd;
}

void pid_file_remove(const char *path, int fd)
{
    if (fd >= 0)
        (void)unlink(path);
    descriptor_close(fd);
}
