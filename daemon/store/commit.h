/*
 * Committing: giving a sealed stage its name, for good, and taking the name from a file.
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "daemon/store/folder.h"
#include "daemon/store/library.h"
#include "daemon/store/lookup.h"
#include "daemon/store/stage.h"

/* Reasons are negative. */
enum {
    COMMIT_UNKNOWN = 1, /* done, but perhaps not durable */
    COMMIT_FOREIGN =
        2, /* what has the name now is neither the stage nor a file that fsd has stored */
};

/*
 * Links a sealed stage to a free name, and makes the folders on the way to it where they are
 * missing. Of several writers linkat(2) lets one win. Returns 0, with the folders, which the caller
 * must make durable by folders_sync() before it reports success; -REASON_EXISTS when the name is
 * taken, by a file or anything else; -REASON_NOT_A_FILE when a file or a link is in the way of its
 * folders; -REASON_UNAVAILABLE when somebody has removed the stage; or another reason. COMMIT_FOREIGN,
 * or COMMIT_UNKNOWN with errno if that cannot be found out, when it was linked.
 */
int commit_link(const struct library *library, const struct stage *stage, const char *name,
                struct folders *ret_folders);

/*
 * Puts a sealed stage in the place of the file that has the name: readers see the old or the new.
 * The caller holds the lock of the name (store/lock.h) and has closed the old file: NFS would first
 * rename a file that is open, and its name would be free for a moment. Returns as commit_link();
 * sets `stage->moved`.
 */
int commit_replace(const struct library *library, struct stage *stage, const char *name,
                   struct folders *ret_folders);

/*
 * Deletes the file of a name, durably, with the folders that it leaves empty, and the file of that
 * name in quarantine. With an `mtime`, only a file that has it, so none that has taken its place since;
 * what is in quarantine is deleted with it. Returns 0; -REASON_MISMATCH; -REASON_NOT_FOUND, which is durable, too; -REASON_NOT_A_FILE;
 * COMMIT_UNKNOWN, with errno, when the file is gone but may be back after a crash; -REASON_BUSY or
 * -REASON_LOST, as lock_name() with `cancelled`; or another reason.
 */
int commit_delete(const struct library *library, const char *name, const struct timespec *mtime,
                  const atomic_bool *cancelled);

/*
 * Makes a stored file, and the folders on the way to it, durable. Returns 0; COMMIT_UNKNOWN after
 * an error of the disk; or a reason.
 */
int commit_make_durable(const struct library *library, const struct stored *stored,
                        const char *name);

#endif
