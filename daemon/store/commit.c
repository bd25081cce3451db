#include "daemon/store/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "daemon/store/lock.h"
#include "daemon/store/quarantine.h"
#include "protocol/descriptor.h"
#include "protocol/value.h"

enum {
    TRIES = 100, /* how often somebody may remove a folder before the link into it */
};

/*
 * Does the name that was just given to a stage lead to it? By now another session may have deleted
 * or replaced the file: then there is nothing, or another sealed file of the same owner, which
 * nobody else can make. (Some file systems in user space number each link of a file by itself.)
 * Returns 0, COMMIT_FOREIGN or COMMIT_UNKNOWN.
 */
static int check_named(const struct stage *stage, int folder, const char *name)
{
    struct stat named;
    struct stat own;

    if (fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : COMMIT_UNKNOWN;
    if (fstat(stage->fd, &own) < 0)
        return COMMIT_UNKNOWN;
    return named.st_mode == own.st_mode && named.st_uid == own.st_uid && named.st_nlink > 0
               ? 0
               : COMMIT_FOREIGN;
}

int commit_link(const struct library *library, const struct stage *stage, const char *name,
                struct folders *ret_folders)
{
    for (int tries = 0; tries < TRIES; tries++) {
        int code = folders_open(ret_folders, library, name, true);
        int parent = code == 0 ? folders_parent(ret_folders) : -1;
        if (code == 0 && stage_link(stage, parent, ret_folders->last) < 0) {
            /* Our own link may have won: a file server may see one request twice. */
            if (errno != EEXIST) {
                int error = errno;
                bool is_staged = descriptor_is_named(stage->fd, stage->folder, stage->id);
                errno = error;
                code = is_staged ? library_failure(error) : library_own_failure(error);
            } else if (!descriptor_is_named(stage->fd, parent, ret_folders->last))
                code = -REASON_EXISTS;
        }
        if (code == 0 && (code = check_named(stage, parent, ret_folders->last)) == 0)
            return 0;
        if (code < 0 && ret_folders->made > 0)
            folders_prune(ret_folders, ret_folders->made);
        folders_close(ret_folders);
        /* A deletion may have removed the folder that we had just made, or found. */
        if (code != -REASON_NOT_FOUND || errno != ENOENT)
            return code;
    }
    return -REASON_INTERNAL;
}

int commit_replace(const struct library *library, struct stage *stage, const char *name,
                   struct folders *ret_folders)
{
    int code = folders_open(ret_folders, library, name, false);

    if (code == 0 && !descriptor_is_named(stage->fd, stage->folder, stage->id)) {
        errno = ENOENT;
        code = -REASON_UNAVAILABLE;
    }
    if (code == 0) {
        int parent = folders_parent(ret_folders);
        /* Our own rename may have won: a file server may see one request twice. */
        bool is_named =
            renameat(stage->folder, stage->id, parent, ret_folders->last) == 0 ||
            (errno == ENOENT && descriptor_is_named(stage->fd, parent, ret_folders->last));
        code =
            is_named ? check_named(stage, parent, ret_folders->last) : library_own_failure(errno);
    }
    stage->moved = code >= 0;
    if (code != 0)
        folders_close(ret_folders);
    return code;
}

/*
 * Has the file of a name this mtime? As it is written in listings, where some times are the same.
 * Returns 0, -REASON_MISMATCH, or as lookup_open().
 */
static int check_mtime(const struct library *library, const char *name,
                       const struct timespec *mtime)
{
    struct stored there;
    char texts[2][VALUE_TIME_ROOM];
    int code = lookup_open(library, name, &there);

    if (code < 0)
        return code;
    descriptor_close(there.fd);
    return strcmp(value_print_time(*mtime, texts[0]),
                  value_print_time(there.status.st_mtim, texts[1])) == 0
               ? 0
               : -REASON_MISMATCH;
}

int commit_delete(const struct library *library, const char *name, const struct timespec *mtime,
                  const atomic_bool *cancelled)
{
    struct stored there = {.fd = -1};
    struct folders folders = {.count = 0};
    int lock = lock_name(library, name, LOCK_EX, cancelled);
    /* Where the file of locks cannot be made, nobody has one. A deletion may make room for it. */
    bool is_refused = lock < 0 && errno != ENOENT && library_failure(errno) != -REASON_NO_SPACE;
    int code = is_refused      ? library_own_failure(errno)
               : mtime != NULL ? check_mtime(library, name, mtime)
                               : 0;
    bool is_wanted = code == 0;
    int dropped = is_wanted ? quarantine_drop(library, name) : code;
    int missing = errno;

    /* First the one in quarantine: as long as it is there, the name is reserved for its bytes. */
    code = dropped;
    if (!is_wanted && code == -REASON_NOT_FOUND) {
        (void)folders_open(&folders, library, name, false);
        errno = missing;
    } else if (dropped == 0 || dropped == -REASON_NOT_FOUND) {
        code = lookup_open(library, name, &there);
        missing = errno;
        /* NFS would only rename a file that is open, and its folder could not be removed. */
        descriptor_close(there.fd);
        int opened = folders_open(&folders, library, name, false);
        if (code == 0)
            code = opened;
        else
            errno = missing;
        if (code == 0 && unlinkat(folders_parent(&folders), folders.last, 0) < 0 && errno != ENOENT)
            code = library_failure(errno);
    }
    descriptor_close(lock);

    if (code == 0) {
        folders_prune(&folders, 1);
    } else if (code != -REASON_NOT_FOUND || errno != ENOENT) {
        folders_close(&folders);
        /* The file in quarantine was deleted, whatever else has taken its place. */
        return dropped == 0 && (code == -REASON_NOT_FOUND || code == -REASON_NOT_A_FILE) ? 0 : code;
    }
    if (dropped == 0)
        code = 0;
    /* Also if the file was gone: the session that deleted it may not have synced yet. */
    if (folders_sync(&folders) == 0)
        return code;
    return code == 0 || errno == EIO ? COMMIT_UNKNOWN : code;
}

int commit_make_durable(const struct library *library, const struct stored *stored,
                        const char *name)
{
    struct folders folders;

    if (fsync(stored->fd) < 0)
        return errno == EIO ? COMMIT_UNKNOWN : -REASON_INTERNAL;
    int code = folders_open(&folders, library, name, false);
    /* A folder that is gone was empty: the file was deleted, and need not be durable. */
    if (code < 0 && (code != -REASON_NOT_FOUND || errno != ENOENT)) {
        folders_close(&folders);
        return errno == EIO ? COMMIT_UNKNOWN : code;
    }
    code = folders_sync(&folders);
    return code < 0 && errno == EIO ? COMMIT_UNKNOWN : code;
}
