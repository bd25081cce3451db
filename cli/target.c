#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/signals.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    PRIVATE_MODE = 0600, /* of what takes the place of another file, until it has that one's mode */
    NEW_MODE = 0666,     /* of what is new, less the umask */
};

static void forget_temporary(struct target *target)
{
    signals_forget_file();
    target->temporary[0] = '\0';
}

/* Opens the target's folder. One that may not be read can still be written to. */
static int open_folder(const struct target *target)
{
    const int flags = O_DIRECTORY | O_CLOEXEC;
    if (target->base != AT_FDCWD)
        return fcntl(target->base, F_DUPFD_CLOEXEC, 0);
    char *folder = target->last == target->real
                       ? strdup(".")
                       : strndup(target->real, (size_t)(target->last - target->real));
    if (folder == NULL)
        return -1;
    int fd = open(folder, O_RDONLY | flags);
    if (fd < 0 && errno == EACCES)
        fd = open(folder, O_PATH | flags);
    int error = errno;
    free(folder);
    errno = error;
    return fd;
}

static int make_temporary(struct target *target)
{
    unsigned long long random = 0;
    sigset_t all;
    sigset_t before;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    (void)snprintf(target->temporary, sizeof target->temporary, ".fsc-%016llx", random);
    /* No signal may come between the file and the note of it. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    int fd = openat(target->folder, target->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                    target->kind == TARGET_FILE ? PRIVATE_MODE : NEW_MODE);
    int error = errno;
    if (fd >= 0)
        signals_note_file(target->folder, target->temporary);
    else
        target->temporary[0] = '\0';
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return fd;
}

/* Gives the temporary file its name. Returns 0, or -1 with errno set, EEXIST for a taken name. */
static int give_name(const struct target *target, bool force)
{
    if (force)
        return renameat(target->folder, target->temporary, target->folder, target->last);
    if (linkat(target->folder, target->temporary, target->folder, target->last, 0) == 0)
        return unlinkat(target->folder, target->temporary, 0);
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return -1;
    /* A file system without hard links. */
    return renameat2(target->folder, target->temporary, target->folder, target->last,
                     RENAME_NOREPLACE);
}

/* Another file has appeared under the name meanwhile. */
static int compare(const struct target *target, const char digest[DIGEST_ROOM])
{
    char there[DIGEST_ROOM];
    struct stat status;

    if (fstatat(target->base, target->real, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(status.st_mode))
        return target_complain_exists(target);
    if (target_digest(target, there) < 0)
        return -REASON_LOCAL;
    return strcmp(there, digest) == 0 ? 0 : target_complain_exists(target);
}

/* fsync(2) of the folder, as far as it can be had: not of one that may not be read. */
static int sync_folder(int folder)
{
    return fsync(folder) < 0 && errno != EBADF && errno != EINVAL ? -1 : 0;
}

/*
 * A link stands for where it leads: else a download would take the link's own place. One that leads
 * to something that is no file, as /dev/stdout to a pipe, need not have a path at its end.
 */
static int resolve(struct target *target)
{
    struct stat status;
    bool is_link = lstat(target->path, &status) == 0 && S_ISLNK(status.st_mode);

    target->real = is_link && target->kind != TARGET_DEVICE ? realpath(target->path, NULL)
                                                            : strdup(target->path);
    if (target->real == NULL)
        return complain_errno(REASON_LOCAL, target->path, "cannot write");
    target->last = name_last_component(target->real);
    return 0;
}

/*
 * Is this the file to which standard output goes? It would be replaced under what else writes
 * there.
 */
static bool is_stdout(const struct stat *status)
{
    struct stat output;

    return fstat(STDOUT_FILENO, &output) == 0 && output.st_ino == status->st_ino &&
           output.st_dev == status->st_dev;
}

int target_look(struct target *target, const char *path)
{
    struct stat status;

    *target = (struct target){.path = path, .base = AT_FDCWD, .folder = -1, .fd = -1};
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return complain(REASON_LOCAL, path, "it is a folder");
        if (S_ISREG(status.st_mode) && is_stdout(&status))
            return complain(REASON_USAGE, path, "it is standard output: use --output -");
        target->kind = S_ISREG(status.st_mode) ? TARGET_FILE : TARGET_DEVICE;
        target->mode = status.st_mode & 0777;
    } else if (errno != ENOENT) {
        return complain_errno(REASON_LOCAL, path, "cannot write");
    }
    return resolve(target);
}

int target_look_in(struct target *target, int folder, const char *last, const char *path)
{
    struct stat status;

    *target = (struct target){.path = path, .base = folder, .folder = -1, .fd = -1};
    target->real = strdup(last);
    if (target->real == NULL)
        return complain_errno(REASON_LOCAL, path, "cannot write");
    target->last = target->real;
    if (fstatat(folder, last, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : complain_errno(REASON_LOCAL, path, "cannot write");
    if (!S_ISREG(status.st_mode))
        return complain(REASON_LOCAL, path, "%s",
                        S_ISDIR(status.st_mode)   ? "it is a folder"
                        : S_ISLNK(status.st_mode) ? "a symbolic link is in the way"
                                                  : "something that is no file is in the way");
    target->kind = TARGET_FILE;
    target->mode = status.st_mode & 0777;
    return 0;
}

int64_t target_digest(const struct target *target, char ret_digest[DIGEST_ROOM])
{
    /* Links were resolved, or refused: one that is there now came since. */
    int fd = openat(target->base, target->real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    int64_t size = fd >= 0 ? digest_of_file(fd, ret_digest) : -1;

    descriptor_close(fd);
    if (size < 0)
        (void)complain_errno(REASON_LOCAL, target->path, "cannot read what is there");
    return size;
}

int target_open(struct target *target)
{
    if (target->kind == TARGET_DEVICE) {
        target->fd = open(target->path, O_WRONLY | O_CLOEXEC);
    } else {
        target->folder = open_folder(target);
        if (target->folder >= 0)
            target->fd = make_temporary(target);
    }
    return target->fd >= 0 ? 0 : complain_errno(REASON_LOCAL, target->path, "cannot write");
}

int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM])
{
    if (target->temporary[0] == '\0')
        return 0;
    if (target->kind == TARGET_FILE && fchmod(target->fd, target->mode) < 0)
        return complain_errno(REASON_LOCAL, target->path, "cannot set its mode");
    if (fsync(target->fd) < 0)
        return complain_errno(REASON_LOCAL, target->path, "cannot make it durable");
    if (give_name(target, force) < 0)
        return errno == EEXIST ? compare(target, digest)
                               : complain_errno(REASON_LOCAL, target->path, "cannot write");
    forget_temporary(target);
    if (sync_folder(target->folder) < 0)
        return complain_errno(REASON_LOCAL, target->path, "cannot make it durable");
    return 0;
}

int target_complain_exists(const struct target *target)
{
    return complain(REASON_EXISTS, target->path, "a file with other bytes is there");
}

void target_close(struct target *target)
{
    if (target->temporary[0] != '\0')
        (void)unlinkat(target->folder, target->temporary, 0);
    forget_temporary(target);
    descriptor_close(target->fd);
    descriptor_close(target->folder);
    free(target->real);
    *target = (struct target){.folder = -1, .fd = -1};
}
