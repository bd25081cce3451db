#include "daemon/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"

enum {
    MODE = 0644,
    NUMBER_ROOM = 24, /* bytes of a pid and LF, at most */
    TRIES = 10,
};

/* Opens the file. Not a device, which could do something by being opened. Returns as open(2). */
static int open_file(const char *path, int flags)
{
    struct stat status;

    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) &&
        !S_ISLNK(status.st_mode)) {
        errno = EEXIST;
        return -1;
    }
    return open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags, MODE);
}

/*
 * A daemon can only have made a regular file that contains a number or nothing. Others must not be
 * able to write to it: they could have any process stopped. By another name it may be their file.
 */
static bool is_pid_file(int fd)
{
    char text[NUMBER_ROOM + 1] = "";
    struct stat status;

    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= NUMBER_ROOM) {
        if ((status.st_uid != 0 && status.st_uid != geteuid()) || status.st_nlink > 1 ||
            (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
            errno = EPERM;
            return false;
        }
        ssize_t length = pread(fd, text, NUMBER_ROOM, 0);
        if (length >= 0 && strspn(text, "0123456789\n") == (size_t)length)
            return true;
    }
    errno = EEXIST;
    return false;
}

/* Locks the file and writes the pid. Returns 0, or -1 with errno set. */
static int take(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_SETLK, &whole) < 0) {
        /* POSIX allows either of the two. */
        errno = errno == EACCES ? EAGAIN : errno;
        return -1;
    }
    if (!is_pid_file(fd) || ftruncate(fd, 0) < 0 || fchmod(fd, MODE) < 0 ||
        dprintf(fd, "%ld\n", (long)getpid()) < 0)
        return -1;
    return 0;
}

int pid_file_check(const char *path)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int code = -1;
    int fd = open_file(path, 0);

    if (fd >= 0) {
        bool is_known = fcntl(fd, F_GETLK, &whole) == 0;
        if (is_known && whole.l_type != F_UNLCK)
            errno = EAGAIN;
        else if (is_known && is_pid_file(fd))
            code = 0;
        descriptor_close(fd);
    } else if (errno == ENOENT) {
        code = descriptor_access_new(path);
    }
    return code;
}

int pid_file_make(const char *path)
{
    for (int tries = 0; tries < TRIES; tries++) {
        int fd = open_file(path, O_CREAT);
        if (fd < 0)
            return -1;
        int code = take(fd);
        /* The last daemon may have removed it meanwhile. */
        if (code == 0 && descriptor_is_named(fd, AT_FDCWD, path))
            return fd;
        descriptor_close(fd);
        if (code < 0)
            return -1;
    }
    errno = EAGAIN;
    return -1;
}

void pid_file_remove(const char *path, int fd)
{
    /* Nobody takes the file over while this process has the lock. */
    if (fd >= 0 && descriptor_is_named(fd, AT_FDCWD, path))
        (void)unlink(path);
    descriptor_close(fd);
}
