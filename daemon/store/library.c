#include "daemon/store/library.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/store/lock.h"
#include "daemon/store/record.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    OWN_FOLDER_MODE = 0700,
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
    *library = (struct library){.records = records};
    library->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (library->root < 0)
        return library_failure(errno);
    /* It fits: open(2) refuses longer ones. */
    memcpy(library->path, path, strlen(path) + 1);
    return 0;
}

/*
 * Opens one of the daemon's own folders, to be written to. `make` makes it if it is missing; without
 * that, the library itself will do, in which it could be made.
 */
static int open_own_folder(const struct library *library, const char *path, bool make)
{
    if (make && mkdirat(library->root, path, OWN_FOLDER_MODE) < 0 && errno != EEXIST)
        return -1;
    int fd = library_openat(library, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 && errno == ENOENT && !make)
        fd = library_openat(library, ".", O_RDONLY | O_DIRECTORY);
    if (fd >= 0 && descriptor_access(fd, ".", W_OK | X_OK) < 0) {
        descriptor_close(fd);
        fd = -1;
    }
    return fd;
}

int library_prepare(const struct library *library, bool make, const char **ret_fault)
{
    static const char *const folders[] = {".fsd", LIBRARY_STAGE};
    struct statfs status;

    if (fstatfs(library->root, &status) == 0 &&
        (status.f_type == MSDOS_SUPER_MAGIC || status.f_type == EXFAT_SUPER_MAGIC)) {
        *ret_fault = "the file system does not support hard links, which give files their names";
        errno = EOPNOTSUPP;
        return -REASON_UNSUPPORTED;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        int fd = open_own_folder(library, folders[i], make);
        if (fd < 0) {
            *ret_fault = "cannot use its folder .fsd";
            return library_own_failure(errno);
        }
        bool can_record = !library->records || record_is_possible(fd);
        descriptor_close(fd);
        if (!can_record) {
            *ret_fault = "the file system has no user xattrs, which records need";
            return -REASON_UNSUPPORTED;
        }
    }
    if (lock_prepare(library, make) < 0) {
        *ret_fault = "cannot use .fsd/lock";
        return library_own_failure(errno);
    }
    return 0;
}

static bool is_missing(const struct library *library, const char *path)
{
    struct stat status;

    return fstatat(library->root, path, &status, AT_SYMLINK_NOFOLLOW) < 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

bool library_is_prepared(const struct library *library)
{
    return !is_missing(library, LIBRARY_STAGE) && !is_missing(library, LIBRARY_LOCK);
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
