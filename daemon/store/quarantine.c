#include "daemon/store/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/store/folder.h"
#include "daemon/store/lock.h"
#include "protocol/descriptor.h"
#include "protocol/digest.h"
#include "protocol/name.h"

/* The file of a name in the quarantine. */
static const char *file_of(const char *name, char hash[DIGEST_ROOM])
{
    return digest_hex(digest_of_bytes(name, strlen(name), hash));
}

static int open_folder(const struct library *library)
{
    return library_open_own(library, LIBRARY_QUARANTINE);
}

static int set_name(int fd, const char *name)
{
    return fsetxattr(fd, QUARANTINE_XATTR, name, strlen(name), 0);
}

int quarantine_make(const struct library *library)
{
    int own = library_own(library);
    int fd = own < 0 ? -1 : library_open_folder(library, own, LIBRARY_QUARANTINE, true);
    int code =
        fd < 0 || fsync(own) < 0 || fsync(library->root) < 0 ? library_own_failure(errno) : 0;

    descriptor_close(fd);
    return code;
}

int quarantine_label(const struct stored *stored, const char *name)
{
    int code = set_name(stored->fd, name);

    if (code < 0 && (errno == EACCES || errno == EPERM) &&
        fchmod(stored->fd, (stored->status.st_mode | S_IWUSR) & ALLPERMS) == 0) {
        code = set_name(stored->fd, name);
        int error = errno;
        if (fchmod(stored->fd, stored->status.st_mode & ALLPERMS) == 0)
            errno = error;
        else
            code = -1;
    }
    return code < 0 || fsync(stored->fd) < 0 ? library_failure(errno) : 0;
}

int quarantine_move(const struct library *library, const char *name, const struct stored *stored)
{
    char hash[DIGEST_ROOM];
    struct stat status;
    struct folders folders = {.last = name};
    int quarantine = open_folder(library);
    const char *file = file_of(name, hash);
    int lock = quarantine < 0 ? -1 : lock_name(library, name, LOCK_EX, NULL);
    int code = lock < 0 ? library_own_failure(errno) : folders_open(&folders, library, name, false);

    if (code == -REASON_NOT_A_FILE)
        code = -REASON_NOT_FOUND;
    if (code == 0 && (!descriptor_is_named(stored->fd, folders_parent(&folders), folders.last) ||
                      lookup_has_changed(stored)))
        code = -REASON_NOT_FOUND;
    if (code == 0 && fstat(stored->fd, &status) < 0)
        code = -REASON_INTERNAL;
    /* A rename to another link of the same file does nothing, and returns 0 (rename(2)). */
    if (code == 0 && status.st_nlink != 1)
        code = -REASON_EXISTS;
    if (code == 0 && renameat(folders_parent(&folders), folders.last, quarantine, file) < 0)
        code = library_failure(errno);
    /* If another file has taken the name just now, it gets it back. */
    if (code == 0 && !descriptor_is_named(stored->fd, quarantine, file)) {
        code = -REASON_NOT_FOUND;
        if (linkat(quarantine, file, folders_parent(&folders), folders.last, 0) == 0)
            (void)unlinkat(quarantine, file, 0);
    }
    if (code == 0 && fsync(quarantine) < 0)
        code = -REASON_INTERNAL;
    if (code == 0) {
        folders_prune(&folders, 1);
        code = folders_sync(&folders);
    }
    folders_close(&folders);
    descriptor_close(lock);
    descriptor_close(quarantine);
    return code;
}

int quarantine_open(const struct library *library, const char *name, struct stored *ret)
{
    char hash[DIGEST_ROOM];
    int folder = open_folder(library);

    *ret = (struct stored){.fd = -1};
    /* One that others could have made reserves nothing. Nothing can be stored then, either. */
    if (folder < 0)
        return errno == EPERM ? -REASON_NOT_FOUND : library_failure(errno);
    ret->fd = openat(folder, file_of(name, hash),
                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int code = ret->fd < 0 || fstat(ret->fd, &ret->status) < 0 ? library_failure(errno) : 0;
    descriptor_close(folder);
    if (code == 0)
        code = S_ISREG(ret->status.st_mode) ? record_read(ret->fd, &ret->status, &ret->record)
                                            : -REASON_NOT_A_FILE;
    if (code == 0)
        return 0;
    descriptor_close(ret->fd);
    ret->fd = -1;
    return code == -REASON_MISMATCH ? -REASON_NOT_FOUND : code;
}

int quarantine_lock(const struct library *library, const char *name, int *ret_lock)
{
    struct stat status;
    int own = library_own(library);

    *ret_lock = -1;
    if (own < 0 || fstatat(own, LIBRARY_QUARANTINE, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : library_failure(errno);
    *ret_lock = lock_name(library, name, LOCK_SH, NULL);
    return *ret_lock < 0 ? library_own_failure(errno) : 0;
}

int quarantine_drop(const struct library *library, const char *name)
{
    char hash[DIGEST_ROOM];
    int folder = open_folder(library);
    int code = 0;

    if (folder < 0)
        return library_failure(errno);
    if (unlinkat(folder, file_of(name, hash), 0) < 0 || fsync(folder) < 0)
        code = library_failure(errno);
    descriptor_close(folder);
    return code;
}

int64_t quarantine_count(const struct library *library)
{
    DIR *folder = descriptor_read_folder(open_folder(library));
    const struct dirent *entry = NULL;
    int64_t count = 0;

    if (folder == NULL)
        return errno == ENOENT ? 0 : -1;
    while ((entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}
