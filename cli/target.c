#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cli/signals.h"
#include "protocol/descriptor.h"
#include "protocol/hex.h"
#include "protocol/name.h"
#include "protocol/sparse.h"
#include "settings/control.h"

enum {
    NEW_MODE = 0666, /* of a new file, less the umask */
    LINKS_MOST = 40, /* that are followed, as Linux does */
};

/* Returns 0 if there is no temporary file any more, or -1 with errno set. */
static int remove_temporary(struct target *target)
{
    /* Once a part is renamed, another run may have begun one of that name. */
    bool is_left =
        target->temporary[0] != '\0' && !target->keeps_part &&
        (!target->is_part || descriptor_is_named(target->fd, target->folder, target->temporary));

    if (is_left && unlinkat(target->folder, target->temporary, 0) < 0 && errno != ENOENT)
        return -1;
    signals_forget_file();
    target->temporary[0] = '\0';
    return 0;
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

static int open_folder(int base, const char *path)
{
    const int flags = O_DIRECTORY | O_CLOEXEC;
    int fd = openat(base, path, O_RDONLY | flags);

    return fd < 0 ? openat(base, path, O_PATH | flags) : fd;
}

int target_open_folder(const char *path)
{
    return open_folder(AT_FDCWD, path);
}

static int fail_write(const struct target *target, struct failure *failure)
{
    return fail_errno(failure, REASON_LOCAL, target->path, "cannot write");
}

static int fail_folder(const struct target *target, struct failure *failure)
{
    return errno == ENOENT ? fail(failure, REASON_LOCAL, target->path,
                                  "its local folder does not exist (make it first)")
                           : fail_write(target, failure);
}

/*
 * In a folder with these bits, such as S_IWOTH where everybody may make files, is this one of another
 * user? The users from outside a user namespace all have one number there, also the one whose folder
 * it is.
 */
static bool is_foreign(const struct stat *folder, mode_t bits, const struct stat *status)
{
    return (folder->st_mode & bits) == bits && status->st_uid != geteuid() &&
           ((status->st_uid != 0 && status->st_uid != folder->st_uid) ||
            !control_is_numbered(status->st_uid));
}

static int fail_is_foreign(const struct target *target, const char *what, struct failure *failure)
{
    return fail(failure, REASON_LOCAL, target->path,
                "is a %s of another user, in a folder that everybody can write to (use another "
                "folder)",
                what);
}

/*
 * Looks at `last` in `folder`, which must be free or a regular file. With a `link`, a symbolic link
 * is no failure, and its text is read. Returns 0 or -REASON_LOCAL.
 */
static int look(struct target *target, char link[PATH_MAX], struct failure *failure)
{
    struct stat *there = &target->there;
    struct stat folder;
    struct stat output;

    if (fstatat(target->folder, target->last, there, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_write(target, failure);
    if (S_ISLNK(there->st_mode) && link != NULL) {
        ssize_t length = readlinkat(target->folder, target->last, link, PATH_MAX - 1);
        if (length < 0 || fstat(target->folder, &folder) < 0)
            return fail_write(target, failure);
        /* As Linux refuses it with fs.protected_symlinks (proc_sys_fs(5)), there with S_ISVTX only. */
        if (is_foreign(&folder, S_IWOTH, there))
            return fail_is_foreign(target, "symbolic link", failure);
        link[length] = '\0';
        return 0;
    }
    if (S_ISLNK(there->st_mode))
        return fail(
            failure, REASON_LOCAL, target->path,
            "a local symbolic link is in the way (remove it, or use --output to follow it)");
    if (!S_ISREG(there->st_mode))
        return fail(
            failure, REASON_LOCAL, target->path,
            "something local that is not a file is in the way (remove it, or use --output to "
            "write into it)");
    /* Other programs may write there, too: it must not be replaced. */
    if (fstat(STDOUT_FILENO, &output) == 0 && descriptor_is_same(&output, there))
        return fail(failure, REASON_USAGE, target->path, "is standard output (use --output -)");
    target->kind = TARGET_FILE;
    return 0;
}

static int fail_is_folder(const struct target *target, struct failure *failure)
{
    return fail(failure, REASON_LOCAL, target->path,
                "is a local folder (use --into %s to fetch into it, or -R to fetch a folder)",
                target->path);
}

int target_look(struct target *target, const char *path, struct failure *failure)
{
    char text[PATH_MAX];
    char link[PATH_MAX] = "";
    const char *rest = path; /* of the way to the file: relative to `folder` */
    struct stat named;
    struct stat folder;
    int base = AT_FDCWD;
    int code = 0;

    *target = (struct target){.path = path, .folder = -1, .fd = -1};
    /* A link to a device or pipe, such as /dev/stdout, may lead to something that has no path. */
    if (stat(path, &target->there) == 0 && !S_ISREG(target->there.st_mode)) {
        if (S_ISDIR(target->there.st_mode))
            return fail_is_folder(target, failure);
        /* As Linux refuses it to shells with fs.protected_fifos. */
        (void)snprintf(text, sizeof text, "%.*s", (int)(name_last_component(path) - path), path);
        if (lstat(path, &named) == 0 && stat(text[0] != '\0' ? text : ".", &folder) == 0 &&
            is_foreign(&folder, S_IWOTH, &named))
            return fail_is_foreign(target, S_ISLNK(named.st_mode) ? "symbolic link" : "FIFO",
                                   failure);
        target->kind = TARGET_DEVICE;
        return 0;
    }
    /* Links are followed here, or the download would replace the link itself. */
    for (int links = 0; code == 0; links++) {
        const char *last = name_last_component(rest);
        errno = links > LINKS_MOST ? ELOOP : ENAMETOOLONG;
        if (links > LINKS_MOST || strlen(rest) >= sizeof text || strlen(last) > NAME_MAX)
            return fail_write(target, failure);
        (void)snprintf(text, sizeof text, "%.*s", (int)(last - rest), rest);
        memcpy(target->last, last, strlen(last) + 1);
        target->folder = open_folder(base, text[0] != '\0' ? text : ".");
        descriptor_close(base);
        if (target->folder < 0)
            return fail_folder(target, failure);
        target->there.st_mode = 0;
        code = look(target, link, failure);
        if (code < 0 || !S_ISLNK(target->there.st_mode))
            break;
        base = target->folder;
        target->folder = -1;
        rest = link;
    }
    if (code == 0 && target->kind == TARGET_FREE && rest == link)
        return fail(failure, REASON_LOCAL, path,
                    "is a local symbolic link that leads nowhere (remove it first)");
    return code;
}

/*
 * Opens the folder that has the last component of a path below `base`, component by component; those
 * that are missing are made, or leave it -1 without `makes_folders`. None may be a symbolic link, or
 * another user's. Returns 0 or -REASON_LOCAL.
 */
static int open_below(struct target *target, int base, const char *below, bool makes_folders,
                      struct failure *failure)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const char *slash = NULL;

    target->folder = fcntl(base, F_DUPFD_CLOEXEC, 0);
    for (; target->folder >= 0 && (slash = strchr(below, '/')) != NULL; below = slash + 1) {
        char name[NAME_MAX + 1];
        struct stat above;
        struct stat status;
        int folder = target->folder;
        target->folder = -1;
        errno = ENAMETOOLONG;
        if ((size_t)(slash - below) < sizeof name) {
            (void)snprintf(name, sizeof name, "%.*s", (int)(slash - below), below);
            target->folder = openat(folder, name, flags);
            if (target->folder < 0 && errno == ENOENT && !makes_folders) {
                descriptor_close(folder);
                return 0;
            }
            /* A file in a new folder is synced to disk, so the folder must be, too. */
            if (target->folder < 0 && errno == ENOENT &&
                (mkdirat(folder, name, 0777) == 0 || errno == EEXIST) && sync_to_disk(folder) == 0)
                target->folder = openat(folder, name, flags);
        }
        bool is_foreign_folder = target->folder >= 0 && fstat(folder, &above) == 0 &&
                                 fstat(target->folder, &status) == 0 &&
                                 is_foreign(&above, S_IWOTH | S_ISVTX, &status);
        descriptor_close(folder);
        if (is_foreign_folder)
            return fail(failure, REASON_LOCAL, target->path,
                        "the local folder %s is another user's, in a folder that everybody can "
                        "write to (use --into with a folder of your own)",
                        name);
    }
    /* Linux reports either for a link. */
    if (target->folder < 0 && (errno == ELOOP || errno == ENOTDIR))
        return fail(failure, REASON_LOCAL, target->path,
                    "a local file or link is where it needs a folder (move that away)");
    if (target->folder < 0)
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot make its local folder");
    return 0;
}

int target_look_below(struct target *target, int base, const char *below, const char *path,
                      bool makes_folders, struct failure *failure)
{
    const char *last = name_last_component(below);

    *target = (struct target){.path = path, .folder = -1, .fd = -1};
    if (base < 0)
        return fail_folder(target, failure);
    int code = open_below(target, base, below, makes_folders, failure);
    if (code < 0 || target->folder < 0)
        return code;
    errno = ENAMETOOLONG;
    if (strlen(last) > NAME_MAX)
        return fail_write(target, failure);
    memcpy(target->last, last, strlen(last) + 1);
    code = look(target, NULL, failure);
    if (code < 0 && S_ISDIR(target->there.st_mode))
        return last == below ? fail_is_folder(target, failure)
                             : fail(failure, REASON_LOCAL, path, "is a local folder");
    return code;
}

int target_digest(const struct target *target, int64_t *ret_size, char ret_digest[DIGEST_ROOM],
                  struct failure *failure)
{
    struct stat status;
    /* Anything but a file was refused before: what is there now is new. */
    int fd = openat(target->folder, target->last,
                    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    int code = -REASON_INTERNAL;

    if (fd >= 0 && fstat(fd, &status) == 0)
        code = S_ISREG(status.st_mode) ? digest_of_file(fd, &status, NULL, ret_digest)
                                       : -REASON_MISMATCH;
    descriptor_close(fd);
    if (code == -REASON_MISMATCH)
        return fail(failure, REASON_MISMATCH, target->path,
                    "the local file changed while it was read");
    if (code < 0)
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot read what is there");
    *ret_size = status.st_size;
    return 0;
}

/* Opens a device or FIFO, unless something else has taken its place. */
static int open_device(struct target *target, struct failure *failure)
{
    struct stat status;

    target->fd = open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (target->fd < 0 || fstat(target->fd, &status) < 0)
        return fail_write(target, failure);
    return descriptor_is_same(&status, &target->there)
               ? 0
               : fail(failure, REASON_LOCAL, target->path, "was replaced while it was opened");
}

/* Does the file get the mode of the one that it replaces? That of somebody else's means nothing. */
static bool keeps_mode(const struct target *target)
{
    return target->kind == TARGET_FILE && target->there.st_uid == geteuid();
}

/* The mode that the umask, or an ACL of the folder, gives to a new file. */
static mode_t new_mode(int folder)
{
    int fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, NEW_MODE);
    mode_t mask = 0;
    struct stat status;

    if (fd >= 0 && fstat(fd, &status) == 0) {
        descriptor_close(fd);
        return status.st_mode & 0777;
    }
    descriptor_close(fd);
    mask = umask(077);
    (void)umask(mask);
    return NEW_MODE & ~mask;
}

int target_open_part(struct target *target, const char *name, const char *digest,
                     struct failure *failure)
{
    target->mode = keeps_mode(target) ? target->there.st_mode & 0777 : new_mode(target->folder);
    target->fd = part_open(target->folder, name, digest, target->temporary);
    if (target->fd < 0 && errno == EWOULDBLOCK) {
        char part[PART_ROOM];
        memcpy(part, target->temporary, sizeof part);
        target->temporary[0] = '\0';
        return fail(failure, REASON_BUSY, target->path, "another fsc is fetching it, to %s", part);
    }
    if (target->fd < 0) {
        target->temporary[0] = '\0';
        return target_open(target, failure);
    }
    target->is_part = true;
    /* It may have had its last mode already. */
    (void)fchmod(target->fd, 0600);
    return 0;
}

/* Makes a name for the temporary file, which has none. Returns 0, or -1 with errno set. */
static int link_nameless(const struct target *target, const char *name)
{
    char path[DESCRIPTOR_PATH_ROOM];

    /* Before Linux 6.10, the first way needs CAP_DAC_READ_SEARCH. The second one needs /proc. */
    if (linkat(target->fd, "", target->folder, name, AT_EMPTY_PATH) == 0)
        return 0;
    return linkat(AT_FDCWD, descriptor_path(target->fd, path), target->folder, name,
                  AT_SYMLINK_FOLLOW);
}

/*
 * Gives the temporary file that is open a name of its own, or opens one that has a name. Returns 0, or
 * -1 with errno set.
 */
static int open_named(struct target *target)
{
    char random[16 + 1];
    sigset_t all;
    sigset_t before;
    int fd = target->fd;

    if (hex_random(sizeof random - 1, random) < 0)
        return -1;
    (void)snprintf(target->temporary, sizeof target->temporary, ".fsc-%s", random);
    /* Block signals until the file is noted, so that each of them removes it. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    if (fd < 0 || link_nameless(target, target->temporary) < 0)
        fd = openat(target->folder, target->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                    target->mode);
    int error = errno;
    if (fd >= 0)
        signals_note_file(target->folder, target->temporary, target->path);
    else
        target->temporary[0] = '\0';
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    if (fd < 0)
        return -1;
    target->fd = fd;
    return 0;
}

int target_open(struct target *target, struct failure *failure)
{
    struct stat status;

    if (target->kind == TARGET_DEVICE)
        return open_device(target, failure);
    target->mode = keeps_mode(target) ? target->there.st_mode & 0777 : NEW_MODE;
    /* What has no name is gone however the run ends. Not every file system has that (open(2)). */
    target->fd = openat(target->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, target->mode);
    if ((target->fd < 0 && open_named(target) < 0) || fstat(target->fd, &status) < 0)
        return fail_write(target, failure);
    /* It has the mode that the umask, or an ACL of the folder, gives it, once it is complete. */
    if (!keeps_mode(target))
        target->mode = status.st_mode & 0777;
    if (target->temporary[0] != '\0' && (status.st_mode & 077) != 0)
        (void)fchmod(target->fd, 0600);
    return 0;
}

/* Gives the temporary file its mode, and syncs it to disk. Returns 0 or -REASON_LOCAL. */
static int seal(const struct target *target, struct failure *failure)
{
    struct stat status;

    /* Some file systems can only set it when a file is made. */
    if (fstat(target->fd, &status) < 0 ||
        ((status.st_mode & 0777) != target->mode && fchmod(target->fd, target->mode) < 0))
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot set its mode");
    if (sync_to_disk(target->fd) < 0)
        return fail_errno(failure, REASON_LOCAL, target->path, "cannot sync it to disk");
    return 0;
}

/*
 * Is what was synced to disk while it had no name still there after a power cut, once it has one?
 * btrfs skipped such files in fsync(2) before Linux 6.17.
 */
static bool is_nameless_synced(const struct target *target)
{
    struct statfs system;

    return fstatfs(target->fd, &system) == 0 &&
           (system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC ||
            system.f_type == TMPFS_MAGIC);
}

/*
 * Gives the sealed file without a name one beside the target, under which it is sealed, too. Where
 * there are no links, or no /proc, that is a copy. Returns 0 or -REASON_LOCAL.
 */
static int name_temporary(struct target *target, struct failure *failure)
{
    char bytes[64 * 1024];
    struct sparse copy = {.length = 0};
    int nameless = target->fd;
    ssize_t got = 0;

    if (open_named(target) < 0)
        return fail_write(target, failure);
    if (target->fd == nameless)
        return is_nameless_synced(target) ? 0 : seal(target, failure);
    (void)fchmod(target->fd, 0600);
    int code = 0;
    while (code == 0 && (got = pread(nameless, bytes, sizeof bytes, copy.length)) > 0)
        code = sparse_write(&copy, target->fd, bytes, (size_t)got);
    if (code == 0)
        code = got < 0 ? -1 : sparse_finish(&copy, target->fd);
    descriptor_close(nameless);
    return code < 0 ? fail_write(target, failure) : seal(target, failure);
}

int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM],
                  struct failure *failure)
{
    char there[DIGEST_ROOM];
    int64_t size = 0;
    struct stat status;

    if (target->kind == TARGET_DEVICE)
        return 0;
    if (target->temporary[0] != '\0' &&
        !descriptor_is_named(target->fd, target->folder, target->temporary))
        return fail(failure, REASON_LOCAL, target->path, "its temporary file %s was replaced",
                    target->temporary);
    int code = seal(target, failure);
    if (code < 0)
        return code;
    /* Without a name it can get its final one at once, if that replaces nothing. */
    if (target->temporary[0] == '\0' &&
        (target->kind != TARGET_FREE || !is_nameless_synced(target) ||
         link_nameless(target, target->last) < 0))
        code = name_temporary(target, failure);
    if (code < 0)
        return code;
    if (target->temporary[0] != '\0' && give_name(target, force) < 0) {
        if (errno != EEXIST)
            return fail_write(target, failure);
        /* Another file has appeared under the name meanwhile: does it have the same content? */
        if (fstatat(target->folder, target->last, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(status.st_mode))
            return target_fail_exists(target, failure);
        code = target_digest(target, &size, there, failure);
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
    *target = (struct target){.folder = -1, .fd = -1};
    return code;
}
