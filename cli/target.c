#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/signals.h"
#include "protocol/descriptor.h"
#include "protocol/hex.h"
#include "protocol/name.h"

enum {
    NEW_MODE = 0666, /* of a new file, less the umask */
};

/* Returns 0 if there is no temporary file any more, or -1 with errno set. */
static int remove_temporary(struct target *target)
{
    if (target->temporary[0] != '\0' && unlinkat(target->folder, target->temporary, 0) < 0 &&
        errno != ENOENT)
        return -1;
    signals_forget_file();
    target->temporary[0] = '\0';
    return 0;
}

/* Opens the target's folder. One that cannot be read may still be written to. */
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
    if (fd < 0)
        fd = open(folder, O_PATH | flags);
    int error = errno;
    free(folder);
    errno = error;
    return fd;
}

/*
 * Gives the temporary file its name, perhaps as a second one. Returns 0, or -1 with errno set, EEXIST
 * for a taken name.
 */
static int give_name(const struct target *target, bool force)
{
    const int folder = target->folder;
    struct stat status;

    if (force)
        return renameat(folder, target->temporary, folder, target->last);
    if (linkat(folder, target->temporary, folder, target->last, 0) == 0)
        return 0;
    /* There may be no hard links here, which each file system says with another errno. */
    if (errno != EEXIST &&
        renameat2(folder, target->temporary, folder, target->last, RENAME_NOREPLACE) == 0)
        return 0;
    /* Many FUSE mounts do not have that either. A file that appears right now is replaced. */
    if (errno == EEXIST || fstatat(folder, target->last, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? renameat(folder, target->temporary, folder, target->last) : -1;
}

/*
 * fsync(2), where it is possible: a folder that was opened with O_PATH has EBADF. An error of the
 * disk is always a failure.
 */
static int sync_to_disk(int fd)
{
    return fsync(fd) < 0 && errno != EBADF && !descriptor_lacks_call(errno) ? -1 : 0;
}

/*
 * Opens the folder at `length` bytes of a path below the open folder `base`, component by component;
 * those that are missing are made. None may be a symbolic link. Returns the descriptor, for a length
 * of 0 one of `base` itself, or -1 with errno set: ENOTDIR where a link or a file is in the way.
 */
static int open_below(int base, const char *path, size_t length)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int folder = fcntl(base, F_DUPFD_CLOEXEC, 0);

    for (size_t start = 0; folder >= 0 && start < length;) {
        char name[NAME_MAX + 1];
        const char *slash = memchr(path + start, '/', length - start);
        size_t end = slash != NULL ? (size_t)(slash - path) : length;
        int below = -1;
        errno = ENAMETOOLONG;
        if (end - start < sizeof name) {
            memcpy(name, path + start, end - start);
            name[end - start] = '\0';
            below = openat(folder, name, flags);
            /* A file in a new folder is synced to disk, so the folder must be, too. */
            if (below < 0 && errno == ENOENT &&
                (mkdirat(folder, name, 0777) == 0 || errno == EEXIST) && sync_to_disk(folder) == 0)
                below = openat(folder, name, flags);
        }
        descriptor_close(folder);
        folder = below;
        start = end + 1;
    }
    /* Linux reports either for a link. */
    if (folder < 0 && errno == ELOOP)
        errno = ENOTDIR;
    return folder;
}

int target_look(struct target *target, const char *path, struct failure *failure)
{
    struct stat status;
    struct stat output;

    *target = (struct target){.path = path, .base = AT_FDCWD, .folder = -1, .fd = -1};
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return fail(
                failure, REASON_LOCAL, path,
                "is a local folder (use --into %s to fetch into it, or -R to fetch a folder)",
                path);
        /* Other programs may write there, too: it must not be replaced. */
        if (S_ISREG(status.st_mode) && fstat(STDOUT_FILENO, &output) == 0 &&
            descriptor_is_same(&output, &status))
            return fail(failure, REASON_USAGE, path, "is standard output (use --output -)");
        target->kind = S_ISREG(status.st_mode) ? TARGET_FILE : TARGET_DEVICE;
        target->mode = status.st_mode & 0777;
    } else if (errno != ENOENT) {
        return fail_errno(failure, REASON_LOCAL, path, "cannot write");
    }
    /*
     * A link is resolved, or the download would replace the link itself. One to a device or pipe,
     * such as /dev/stdout, may lead to something that has no path.
     */
    bool is_link = lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
    target->real = is_link && target->kind != TARGET_DEVICE ? realpath(path, NULL) : strdup(path);
    if (target->real == NULL && is_link && errno == ENOENT)
        return fail(failure, REASON_LOCAL, path,
                    "is a local symbolic link that leads nowhere (remove it first)");
    if (target->real == NULL)
        return fail_errno(failure, REASON_LOCAL, path, "cannot write");
    target->last = name_last_component(target->real);
    return 0;
}

int target_look_below(struct target *target, int base, const char *below, const char *path,
                      struct failure *failure)
{
    const char *last = name_last_component(below);
    struct stat status;

    *target = (struct target){.path = path, .folder = -1, .fd = -1};
    target->base = open_below(base, below, (size_t)(last - below));
    if (target->base < 0)
        return fail_errno(failure, REASON_LOCAL, path, "cannot make its local folder");
    target->real = strdup(last);
    if (target->real == NULL)
        return fail_errno(failure, REASON_LOCAL, path, "cannot write");
    target->last = target->real;
    if (fstatat(target->base, last, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_errno(failure, REASON_LOCAL, path, "cannot write");
    if (!S_ISREG(status.st_mode))
        return fail(failure, REASON_LOCAL, path, "%s",
                    S_ISDIR(status.st_mode)   ? "is a local folder"
                    : S_ISLNK(status.st_mode) ? "a local symbolic link is in the way"
                                              : "something local that is not a file is in the way");
    target->kind = TARGET_FILE;
    target->mode = status.st_mode & 0777;
    return 0;
}

int target_digest(const struct target *target, int64_t *ret_size, char ret_digest[DIGEST_ROOM],
                  struct failure *failure)
{
    struct stat status;
    /* Links were resolved or refused before: one that is there now is new, and not followed. */
    int fd = openat(target->base, target->real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    int code = fd >= 0 && fstat(fd, &status) == 0 ? digest_of_file(fd, &status, ret_digest)
                                                  : -REASON_INTERNAL;

    descriptor_close(fd);
    if (code == -REASON_MISMATCH)
        return fail(failure, REASON_MISMATCH, target->path,
                    "the local file changed while it was read");
    if (code < 0)
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot read what is there");
    *ret_size = status.st_size;
    return 0;
}

int target_open(struct target *target, struct failure *failure)
{
    char random[16 + 1];
    sigset_t all;
    sigset_t before;

    if (target->kind != TARGET_DEVICE)
        target->folder = open_folder(target);
    if (target->kind == TARGET_DEVICE) {
        target->fd = open(target->path, O_WRONLY | O_CLOEXEC);
    } else if (target->folder >= 0 && hex_random(sizeof random - 1, random) == 0) {
        (void)snprintf(target->temporary, sizeof target->temporary, ".fsc-%s", random);
        /* Block signals until the file is noted, so that each of them removes it. */
        (void)sigfillset(&all);
        (void)sigprocmask(SIG_BLOCK, &all, &before);
        target->fd =
            openat(target->folder, target->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                   target->kind == TARGET_FILE ? target->mode : NEW_MODE);
        int error = errno;
        if (target->fd >= 0)
            signals_note_file(target->folder, target->temporary, target->path);
        else
            target->temporary[0] = '\0';
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        errno = error;
    }
    if (target->kind != TARGET_DEVICE && target->folder < 0 && errno == ENOENT)
        return fail(failure, REASON_LOCAL, target->path,
                    "its local folder does not exist (make it first)");
    return target->fd >= 0 ? 0 : fail_errno(failure, REASON_LOCAL, target->path, "cannot write");
}

int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM],
                  struct failure *failure)
{
    char there[DIGEST_ROOM];
    int64_t size = 0;
    struct stat status;

    if (target->temporary[0] == '\0')
        return 0;
    /* The umask may have changed the mode. Some file systems can only set it when a file is made. */
    if (target->kind == TARGET_FILE &&
        (fstat(target->fd, &status) < 0 || (status.st_mode & 0777) != target->mode) &&
        fchmod(target->fd, target->mode) < 0)
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot set its mode");
    if (sync_to_disk(target->fd) < 0)
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot sync it to disk");
    if (give_name(target, force) < 0) {
        if (errno != EEXIST)
            return fail_errno(failure, REASON_LOCAL, target->path, "cannot write");
        /* Another file has appeared under the name meanwhile: does it have the same content? */
        if (fstatat(target->base, target->real, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(status.st_mode))
            return target_fail_exists(target, failure);
        int code = target_digest(target, &size, there, failure);
        if (code < 0)
            return code;
        return strcmp(there, digest) == 0 ? 0 : target_fail_exists(target, failure);
    }
    /* Before the folder is synced. In some folders names may only be added, as after chattr +a. */
    (void)remove_temporary(target);
    if (sync_to_disk(target->folder) < 0)
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot sync it to disk");
    return 0;
}

int target_fail_exists(const struct target *target, struct failure *failure)
{
    return fail(failure, REASON_EXISTS, target->path,
                "exists here with different content (use --force to overwrite)");
}

int target_close(struct target *target, struct failure *failure)
{
    int code = remove_temporary(target);

    if (code < 0)
        code =
            fail(failure, REASON_LOCAL, target->path, "its temporary file %s is left beside it: %s",
                 target->temporary, strerror(errno));
    signals_forget_file();
    descriptor_close(target->fd);
    descriptor_close(target->folder);
    descriptor_close(target->base);
    free(target->real);
    *target = (struct target){.base = -1, .folder = -1, .fd = -1};
    return code;
}
