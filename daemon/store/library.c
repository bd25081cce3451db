#include "daemon/store/library.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/store/lock.h"
#include "daemon/store/record.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

#define OWN ".fsd"

enum {
    OWN_FOLDER_MODE = 0700,
    OWN_FILE_MODE = 0600,
};

/* What openat2(2) does, where it is not to be had: folder by folder. No name holds "..". */
static int walk(int root, const char *path, int flags)
{
    char copy[NAME_LONGEST + 1];
    char *rest = copy;
    char *slash = NULL;
    int at = root;

    memcpy(copy, path, strlen(path) + 1);
    while ((slash = strchr(rest, '/')) != NULL) {
        *slash = '\0';
        int next = openat(at, rest, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        descriptor_close(at != root ? at : -1);
        if (next < 0)
            return -1;
        at = next;
        rest = slash + 1;
    }
    int fd = openat(at, rest, flags | O_NOFOLLOW);
    descriptor_close(at != root ? at : -1);
    return fd;
}

int library_openat(const struct library *library, const char *path, int flags)
{
    flags |= O_CLOEXEC;
    if ((flags & O_PATH) == 0)
        flags |= O_NOCTTY | O_NONBLOCK;
    const struct open_how how = {
        .flags = (unsigned)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (int tries = 0; tries < 100; tries++) {
        long fd = syscall(SYS_openat2, library->root, path, &how, sizeof how);
        if (fd < 0 && descriptor_lacks_call(errno))
            return walk(library->root, path, flags);
        /* EAGAIN: something was renamed on the way; openat2(2) asks to try again. */
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            return (int)fd;
    }
    return -1;
}

bool library_is_shared(int fd)
{
    /* That of FUSE is virtiofs's, too. */
    static const uint32_t shared[] = {
        NFS_SUPER_MAGIC,
        SMB_SUPER_MAGIC,
        CIFS_SUPER_MAGIC,
        SMB2_SUPER_MAGIC,
        CEPH_SUPER_MAGIC,
        FUSE_SUPER_MAGIC,
        V9FS_MAGIC,
        AFS_SUPER_MAGIC,
        AFS_FS_MAGIC,
        CODA_SUPER_MAGIC,
        NCP_SUPER_MAGIC,
        OCFS2_SUPER_MAGIC,
        /* What linux/magic.h does not name: gfs2, lustre, orangefs, gpfs, beegfs, vboxsf. */
        0x01161970,
        0x0BD00BD0,
        0x20030528,
        0x47504653,
        0x19830326,
        0x786F4256,
    };
    struct statfs status;

    if (fstatfs(fd, &status) < 0)
        return true;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        if ((uint32_t)status.f_type == shared[i])
            return true;
    }
    return false;
}

int library_failure(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
        return -REASON_NOT_FOUND;
    case EISDIR:
    case ENXIO:
        return -REASON_NOT_A_FILE;
    case EACCES:
    case EPERM:
    case EROFS:
        return -REASON_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EMLINK: /* of a folder that has as many folders as it can */
        return -REASON_NO_SPACE;
    case EFBIG:
        return -REASON_TOO_LARGE;
    case ENAMETOOLONG:
        return -REASON_BAD_NAME;
    case EMFILE:
    case ENFILE:
        return -REASON_UNAVAILABLE;
    case EAGAIN: /* of a lock */
        return -REASON_BUSY;
    case ECANCELED: /* of a digest or a lock: nobody waits for it any more */
        return -REASON_LOST;
    default:
        return -REASON_INTERNAL;
    }
}

int library_own_failure(int error)
{
    int code = library_failure(error);

    if (error == ENOENT)
        return -REASON_UNAVAILABLE;
    return code == -REASON_NOT_FOUND || code == -REASON_NOT_A_FILE ? -REASON_INTERNAL : code;
}

int library_open(struct library *library, const char *path, bool records)
{
    *library = (struct library){.records = records, .user = geteuid(), .notifier = -1};
    library->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Until .fsd is open there must be something else, in which nothing can be found. */
    library->own = library->root < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    if (library->own < 0) {
        descriptor_close(library->root);
        return library_failure(errno);
    }
    /* It fits: open(2) refuses longer ones. */
    memcpy(library->path, path, strlen(path) + 1);
    return 0;
}

bool library_is_closed(const struct library *library, const struct stat *status)
{
    return (status->st_uid == library->user || status->st_uid == 0) &&
           (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int library_open_closed(const struct library *library, int at, const char *name, int flags)
{
    struct stat status;
    int fd = openat(at, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, OWN_FILE_MODE);

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) == 0) {
        if ((S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) &&
            library_is_closed(library, &status))
            return fd;
        errno = EPERM;
    }
    descriptor_close(fd);
    return -1;
}

int library_open_folder(const struct library *library, int at, const char *name, bool make)
{
    int fd = library_open_closed(library, at, name, O_RDONLY | O_DIRECTORY);

    return fd < 0 && errno == ENOENT && make &&
                   (mkdirat(at, name, OWN_FOLDER_MODE) == 0 || errno == EEXIST)
               ? library_open_closed(library, at, name, O_RDONLY | O_DIRECTORY)
               : fd;
}

/*
 * Opens the folder that is called .fsd now. It gets the number of the one before, in one step: other
 * threads may be using that.
 */
static int open_again(const struct library *library, bool make)
{
    int fd = library_open_folder(library, library->root, OWN, make);
    int code = fd < 0 ? -1 : dup3(fd, library->own, O_CLOEXEC);

    descriptor_close(fd);
    return code;
}

int library_own(const struct library *library)
{
    struct stat named;
    struct stat own;

    if (fstatat(library->root, OWN, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return fstat(library->own, &own) == 0 && descriptor_is_same(&named, &own) &&
                   library_is_closed(library, &own)
               ? library->own
               : open_again(library, false);
}

int library_open_own(const struct library *library, const char *name)
{
    int own = library_own(library);

    return own < 0 ? -1 : library_open_folder(library, own, name, false);
}

/*
 * One of the daemon's own files, `what`, cannot be used: because others could change it, or because
 * of errno. Returns as library_prepare().
 */
static int refuse(const struct library *library, int at, const char *name, const char *what,
                  char ret_fault[LIBRARY_FAULT_ROOM])
{
    struct stat status;
    int error = errno;

    bool is_there = fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    bool is_roots = is_there && error == EACCES && status.st_uid == 0 && library->user != 0;
    bool is_open = is_there && (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)) &&
                   !library_is_closed(library, &status);
    if (is_open && descriptor_access(library->root, ".", W_OK) < 0 && errno == EROFS) {
        /* Nobody can change it. */
        is_open = false;
        error = EROFS;
    }
    errno = is_open ? 0 : error;
    if (!is_open)
        (void)snprintf(ret_fault, LIBRARY_FAULT_ROOM, "cannot use its %s%s", what,
                       is_roots ? ", which belongs to root" : "");
    else if (status.st_uid != library->user && status.st_uid != 0)
        (void)snprintf(ret_fault, LIBRARY_FAULT_ROOM,
                       "its %s belongs to user %u (run this as that user, or remove it, or use "
                       "chown -R)",
                       what, status.st_uid);
    else
        (void)snprintf(ret_fault, LIBRARY_FAULT_ROOM, "others can write to its %s (use chmod go-w)",
                       what);
    return is_open ? -REASON_UNAVAILABLE : library_own_failure(error);
}

int library_prepare(const struct library *library, bool make, char ret_fault[LIBRARY_FAULT_ROOM])
{
    struct statfs kind;
    struct stat status;

    if (fstatfs(library->root, &kind) == 0 &&
        (kind.f_type == MSDOS_SUPER_MAGIC || kind.f_type == EXFAT_SUPER_MAGIC)) {
        (void)snprintf(ret_fault, LIBRARY_FAULT_ROOM,
                       "the file system does not support hard links, which give files their names");
        errno = EOPNOTSUPP;
        return -REASON_UNSUPPORTED;
    }

    int own = open_again(library, make);
    if (own < 0 && (errno != ENOENT || make))
        return refuse(library, library->root, OWN, "folder .fsd", ret_fault);
    int stage = own < 0 ? -1 : library_open_folder(library, own, LIBRARY_STAGE, make);
    if (own >= 0 && stage < 0 && (errno != ENOENT || make))
        return refuse(library, own, LIBRARY_STAGE, "folder .fsd/stage", ret_fault);

    /* What is missing could be made in the folder above it. */
    int above = own < 0 ? library->root : own;
    int lowest = stage < 0 ? above : stage;
    bool is_writable = descriptor_access(above, ".", W_OK | X_OK) == 0 &&
                       descriptor_access(lowest, ".", W_OK | X_OK) == 0;
    bool can_record = !is_writable || !library->records || record_is_possible(lowest);
    descriptor_close(stage);
    if (!is_writable)
        return refuse(library, library->root, OWN, "folder .fsd", ret_fault);
    if (!can_record) {
        (void)snprintf(ret_fault, LIBRARY_FAULT_ROOM,
                       "the file system has no user xattrs, which records need");
        return -REASON_UNSUPPORTED;
    }

    /* This one is made only for the first file that fsd-scrub moves. */
    if (own >= 0 && fstatat(own, LIBRARY_QUARANTINE, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(status.st_mode) && !library_is_closed(library, &status))
        return refuse(library, own, LIBRARY_QUARANTINE, "folder .fsd/quarantine", ret_fault);
    if (own >= 0 && lock_prepare(library, make) < 0)
        return refuse(library, own, LIBRARY_LOCK, "file .fsd/lock", ret_fault);
    return 0;
}

/* Is one of the daemon's own files there, what it should be, and closed to others? */
static bool is_usable(const struct library *library, int own, const char *name, mode_t type)
{
    struct stat status;

    return fstatat(own, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (status.st_mode & S_IFMT) == type && library_is_closed(library, &status);
}

bool library_is_prepared(const struct library *library)
{
    int own = library_own(library);

    return own >= 0 && is_usable(library, own, LIBRARY_STAGE, S_IFDIR) &&
           is_usable(library, own, LIBRARY_LOCK, S_IFREG);
}

bool library_is_exposed(const struct library *library)
{
    struct stat status;

    if (fstat(library->root, &status) < 0 || library_is_closed(library, &status))
        return false;
    /* With the sticky bit, others can add to a folder, but take nothing from it unless it is theirs. */
    bool is_trusted = status.st_uid == library->user || status.st_uid == 0;
    return !is_trusted || (status.st_mode & S_ISVTX) == 0;
}

bool library_is_in_place(const struct library *library)
{
    struct stat named;
    struct stat own;

    if (stat(library->path, &named) < 0)
        return errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
    return fstat(library->root, &own) == 0 && descriptor_is_same(&named, &own);
}

int library_measure(const struct library *library, struct library_space *ret)
{
    struct statvfs status;

    if (fstatvfs(library->root, &status) < 0)
        return -REASON_UNAVAILABLE;
    *ret = (struct library_space){.total = (uint64_t)status.f_blocks * status.f_frsize,
                                  .free = (uint64_t)status.f_bavail * status.f_frsize};
    return 0;
}
