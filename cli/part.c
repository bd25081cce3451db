#include "cli/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "protocol/digest.h"
#include "protocol/hex.h"

#define BEGINNING ".fsc-part-"

enum {
    OF_NAME = sizeof BEGINNING - 1 + 32 + 1, /* bytes that all parts of a name have in common */
    ATTEMPTS = 10,                           /* to open one that others remove at the same time */
};

/* A name may be too long for a file here, and has slashes. */
static void print_file(const char *name, const char *digest, char file[PART_ROOM])
{
    char hash[DIGEST_ROOM];

    (void)snprintf(file, PART_ROOM, BEGINNING "%.32s-%s",
                   digest_hex(digest_of_bytes(name, strlen(name), hash)), digest_hex(digest));
}

static bool is_part(const char *file)
{
    return strlen(file) == PART_ROOM - 1 && strncmp(file, BEGINNING, sizeof BEGINNING - 1) == 0 &&
           hex_is_valid(file + sizeof BEGINNING - 1, 32) && file[OF_NAME - 1] == '-' &&
           hex_is_valid(file + OF_NAME, PART_ROOM - 1 - OF_NAME);
}

bool part_has_digest(const char *file, const char *digest)
{
    return is_part(file) && digest[0] != '\0' && strcmp(file + OF_NAME, digest_hex(digest)) == 0;
}

static int open_there(int folder, const char *file)
{
    return openat(folder, file, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Locks an open part. Returns false if another run uses it, or has removed or committed it. */
static bool lock(int fd, int folder, const char *file)
{
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    errno = ENOENT;
    return descriptor_is_named(fd, folder, file);
}

int part_open(int folder, const char *name, const char *digest, char ret_file[PART_ROOM])
{
    struct stat status = {.st_nlink = 0};

    print_file(name, digest, ret_file);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int fd = openat(folder, ret_file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        bool is_new = fd >= 0;
        if (fd < 0 && errno == EEXIST)
            fd = open_there(folder, ret_file);
        /* Another user could keep it locked for ever. */
        if (fd >= 0 && !is_new && (fstat(fd, &status) < 0 || status.st_uid != geteuid())) {
            descriptor_close(fd);
            errno = EEXIST;
            return -1;
        }
        if (fd >= 0 && lock(fd, folder, ret_file)) {
            if (is_new || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                           status.st_nlink == 1 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0))
                return fd;
            /* Others could write to it, or it is the committed file, too. */
            errno = unlinkat(folder, ret_file, 0) == 0 ? ENOENT : EEXIST;
        }
        descriptor_close(fd);
        if (errno != ENOENT)
            return -1;
    }
    return -1;
}

static bool is_stale(const struct stat *status, bool is_of_name)
{
    return S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
           (is_of_name || time(NULL) - status->st_mtime > PART_OLDEST_S);
}

bool part_clean(int folder, const char *name, const char *kept)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    DIR *files = descriptor_read_folder(openat(folder, ".", flags));
    const struct dirent *found = NULL;
    bool are_left = false;
    struct stat status;
    char of_name[PART_ROOM];
    char hash[DIGEST_ROOM];

    print_file(name, digest_of_bytes("", 0, hash), of_name);
    while (files != NULL && (found = readdir(files)) != NULL) {
        const char *file = found->d_name;
        if (!is_part(file) || strcmp(file, kept) == 0)
            continue;
        int fd = open_there(folder, file);
        if (fd < 0 || fstat(fd, &status) < 0 ||
            !is_stale(&status, strncmp(file, of_name, OF_NAME) == 0) || !lock(fd, folder, file) ||
            unlinkat(folder, file, 0) < 0)
            are_left = true;
        descriptor_close(fd);
    }
    if (files != NULL)
        (void)closedir(files);
    return are_left;
}
