/*
 * Committing: the step that gives a sealed stage its name, for good; and the ones that take a name
 * from a file.
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "daemon/store/library.h"
#include "daemon/store/lookup.h"
#include "daemon/store/stage.h"

enum {
    COMMIT_UNKNOWN = 1, /* no reason is positive */
};

/*
 * Links a sealed stage to a name, decided by linkat(2) among all writers, and makes the name and
 * all folders on the way to it durable. Returns 0; -REASON_EXISTS when the name is taken by
 * whatever it may be, or free and kept for other bytes than those of `record` (store/quarantine.h);
 * -REASON_NOT_A_FILE when something is in the way of its folders; COMMIT_UNKNOWN, with errno, when
 * the file has its name but that may not outlive a crash of the machine; or another reason.
 */
int commit_link(const struct library *library, const struct stage *stage,
                const struct record *record, const char *name);

/*
 * Gives a sealed stage a name in the place of the file that has it, whatever that holds, or, with
 * `guard`, only in the place of that digest; readers see the old or the new. The name is locked
 * meanwhile. A free name is given also when it is kept for other bytes, and no longer then. Returns
 * 0, with `stage->moved` and its record in `there` when a file was replaced; -REASON_EXISTS, with
 * `there`, when the stored bytes are those of `record` already; -REASON_MISMATCH when the guard
 * refuses, with `there->fd` -1 when nothing has the name; or as commit_link(). `there` is the
 * caller's to close.
 */
int commit_replace(const struct library *library, struct stage *stage, const struct record *record,
                   const char *name, const char *guard, struct stored *there);

/*
 * Deletes the file of a name, with the folders that it leaves empty, and the one of that name that
 * is in quarantine, and makes that durable. The name is locked meanwhile. Returns 0;
 * -REASON_NOT_FOUND, which is durable too; -REASON_NOT_A_FILE; COMMIT_UNKNOWN, with errno, when the
 * file is gone but may be back after a crash of the machine; or another reason.
 */
int commit_delete(const struct library *library, const char *name);

/*
 * Makes a file that is stored already, and the folders on the way to it, durable. Returns 0;
 * COMMIT_UNKNOWN after an error of the disk; or a reason.
 */
int commit_make_durable(const struct library *library, const struct stored *stored,
                        const char *name);

#endif
