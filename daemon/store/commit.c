#include "daemon/store/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "daemon/store/folder.h"
#include "daemon/store/lock.h"
#include "daemon/store/quarantine.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    VANISHED = COMMIT_UNKNOWN + 1, /* a folder vanished under the link */
    TRIES = 100, /* how often a folder may die between its making and the link into it */
};

/* One try. Returns 0, a reason, or VANISHED. */
static int try_link(const struct library *library, const struct stage *stage, const char *name)
{
    int folder = -1;
    size_t made = 0;
    const char *last = name_last_component(name);
    int code = folder_make(library, name, &folder, &made);

    /* What cannot be made durable must not get a name. */
    if (code == 0)
        code = folder_judge(library, name);
    if (code == 0 && linkat(stage->folder, stage->id, folder, last, 0) < 0) {
        /* Our own link may have won after all, as a repeated request to a file server may tell. */
        if (errno == EEXIST)
            code = descriptor_is_named(stage->fd, folder, last) ? 0 : -REASON_EXISTS;
        else
            code = library_failure(errno);
    }
    descriptor_close(folder);
    int error = errno;
    if (code != 0 && made > 0)
        folder_prune(library, name, made);
    errno = error;
    return code == -REASON_NOT_FOUND && errno == ENOENT ? VANISHED : code;
}

/* Tries until the folders live long enough. Returns 0 or a reason. */
static int try_link_often(const struct library *library, const struct stage *stage,
                          const char *name)
{
    int code = VANISHED;

    for (int tries = 0; code == VANISHED && tries < TRIES; tries++)
        code = try_link(library, stage, name);
    return code == VANISHED ? -REASON_INTERNAL : code;
}

int commit_link(const struct library *library, const struct stage *stage,
                const struct record *record, const char *name)
{
    int lock = -1;
    int code = quarantine_judge(library, name, record->digest, &lock);

    if (code == 0)
        code = try_link_often(library, stage, name);
    descriptor_close(lock);
    if (code < 0)
        return code;
    /* Whatever it is, it comes too late to be a refusal: the name is there. */
    return folder_sync(library, name) < 0 ? COMMIT_UNKNOWN : 0;
}

/* Puts the stage in the place of the file under the name. Returns 0 or a reason. */
static int take_over(const struct library *library, struct stage *stage, const char *name)
{
    const char *last = name_last_component(name);
    int folder = folder_open_above(library, name, O_PATH);
    int code = folder < 0 ? library_failure(errno) : folder_judge(library, name);

    /* A repeated request to a file server may find that its first one has done it. */
    if (code == 0 && renameat(stage->folder, stage->id, folder, last) < 0 &&
        !(errno == ENOENT && descriptor_is_named(stage->fd, folder, last)))
        code = library_own_failure(errno);
    stage->moved = code == 0;
    descriptor_close(folder);
    return code;
}

/* May the stage take the place of this file? Its digest is made only where it matters. */
static int judge_there(struct stored *there, const struct record *record, const char *guard)
{
    if (guard == NULL && there->status.st_size != record->size)
        return 0;
    int code = lookup_digest(there);
    /* What cannot be read, or changes, is not what comes. */
    if (code < 0)
        return guard == NULL ? 0 : code;
    if (strcmp(there->record.digest, record->digest) == 0)
        return -REASON_EXISTS;
    return guard == NULL || strcmp(there->record.digest, guard) == 0 ? 0 : -REASON_MISMATCH;
}

/*
 * One try, under the lock. -REASON_EXISTS with no file: another upload was quicker with the name.
 */
static int try_replace(const struct library *library, struct stage *stage,
                       const struct record *record, const char *name, const char *guard,
                       struct stored *there)
{
    int code = lookup_open(library, name, there);

    if (code == -REASON_NOT_FOUND && errno != ENOENT)
        return -REASON_NOT_A_FILE;
    if (code == -REASON_NOT_FOUND && guard != NULL)
        return -REASON_MISMATCH;
    if (code == -REASON_NOT_FOUND) {
        code = try_link_often(library, stage, name);
        if (code == 0)
            (void)quarantine_drop(library, name);
        return code;
    }
    if (code == 0)
        code = judge_there(there, record, guard);
    if (code < 0)
        return code;
    /* NFS gives an open file another name first, and its own would be free for a moment. */
    descriptor_close(there->fd);
    there->fd = -1;
    return take_over(library, stage, name);
}

int commit_replace(const struct library *library, struct stage *stage, const struct record *record,
                   const char *name, const char *guard, struct stored *there)
{
    int lock = lock_name(library, name, LOCK_EX);
    int code = -REASON_EXISTS;

    there->fd = -1;
    if (lock < 0)
        return library_own_failure(errno);
    for (int tries = 0; code == -REASON_EXISTS && there->fd < 0 && tries < TRIES; tries++)
        code = try_replace(library, stage, record, name, guard, there);
    descriptor_close(lock);
    if (code == -REASON_EXISTS && there->fd < 0)
        return -REASON_INTERNAL;
    return code == 0 && folder_sync(library, name) < 0 ? COMMIT_UNKNOWN : code;
}

/* Under the lock: removes the name of a file. */
static int take_away(const struct library *library, const char *name)
{
    struct stored there = {.fd = -1};
    int code = lookup_open(library, name, &there);

    /* NFS gives an open file another name instead, which would keep its folder. */
    descriptor_close(there.fd);
    if (code == 0)
        code = folder_judge(library, name);
    if (code < 0)
        return code;
    int folder = folder_open_above(library, name, O_PATH);
    /* A repeated request to a file server may find that its first one has done it. */
    if (folder < 0 || (unlinkat(folder, name_last_component(name), 0) < 0 && errno != ENOENT))
        code = library_failure(errno);
    descriptor_close(folder);
    return code;
}

int commit_delete(const struct library *library, const char *name)
{
    int lock = lock_name(library, name, LOCK_EX);
    int dropped = lock < 0 ? library_own_failure(errno) : quarantine_drop(library, name);
    int code = dropped;

    /* Else the name would go on being kept for the bytes that it is to forget. */
    if (dropped == 0 || dropped == -REASON_NOT_FOUND)
        code = take_away(library, name);
    descriptor_close(lock);
    if (code == 0)
        folder_prune(library, name, 0);
    else if (code != -REASON_NOT_FOUND || errno != ENOENT)
        /* The name is given up also where a folder has it by now, or it lies below a file. */
        return dropped == 0 && (code == -REASON_NOT_FOUND || code == -REASON_NOT_A_FILE) ? 0 : code;
    if (dropped == 0)
        code = 0;
    /* Also what is gone already: whoever deleted it may not have come so far. */
    if (folder_sync(library, name) == 0)
        return code;
    return code == 0 || errno == EIO ? COMMIT_UNKNOWN : code;
}

int commit_make_durable(const struct library *library, const struct stored *stored,
                        const char *name)
{
    int code = fsync(stored->fd) < 0 ? -REASON_INTERNAL : folder_sync(library, name);

    return code < 0 && errno == EIO ? COMMIT_UNKNOWN : code;
}
