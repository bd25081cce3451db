/*
 * Quarantine: damaged files, which have lost their names. Each is .fsd/quarantine/<SHA-256 of the
 * name>, keeps its record, and has its name in the xattr user.fsd.name. As long as no other file has
 * the name, it is reserved for bytes with the recorded digest, which repair the damage.
 */
#ifndef STORE_QUARANTINE_H
#define STORE_QUARANTINE_H

#include <stdint.h>

#include "daemon/store/library.h"
#include "daemon/store/lookup.h"

#define QUARANTINE_XATTR "user.fsd.name"

/* Makes the folder of the quarantine, durably. Returns 0 or a reason. */
int quarantine_make(const struct library *library);

/*
 * Notes the name of a file in its xattr, durably. Only its owner and root can: the mode, which
 * allows nobody to write, is changed meanwhile. Returns 0 or a reason.
 */
int quarantine_label(const struct stored *stored, const char *name);

/*
 * Moves a file from its name into the quarantine, durably, and removes the folders that it leaves
 * empty. An older file of that name in quarantine is replaced. Returns 0; -REASON_NOT_FOUND when
 * the name no longer leads to this very file, or it has changed; -REASON_EXISTS when the file has
 * another name, too; -REASON_BUSY as quarantine_lock(); or another reason.
 */
int quarantine_move(const struct library *library, const char *name, const struct stored *stored);

/*
 * Opens the file of a name that is in quarantine. Returns 0; -REASON_NOT_FOUND when there is none
 * with a valid record, so that the name is free; or another reason, for instance when the record
 * cannot be read.
 */
int quarantine_open(const struct library *library, const char *name, struct stored *ret);

/*
 * Keeps others from taking the file from a name until `*ret_lock` is closed, so that what was found
 * under the name still holds at the link. In a library without a quarantine `*ret_lock` is -1.
 * Returns 0; -REASON_BUSY after lock_name() has waited in vain; or another reason.
 */
int quarantine_lock(const struct library *library, const char *name, int *ret_lock);

/*
 * Removes the file of a name from the quarantine, durably, so that the name is free. The caller
 * holds the lock of the name (lock_name()). Returns 0, -REASON_NOT_FOUND or another reason.
 */
int quarantine_drop(const struct library *library, const char *name);

/* How many files are in quarantine; -1, with errno, when that cannot be read. */
int64_t quarantine_count(const struct library *library);

#endif
