/*
 * Quarantine: damaged files, which were taken from their names. A file of a name is
 * .fsd/quarantine/<SHA-256 of the name>, with its record, and its name in the xattr user.fsd.name.
 * While nothing is at the name it is kept for bytes with the recorded digest, which repair it.
 */
#ifndef STORE_QUARANTINE_H
#define STORE_QUARANTINE_H

#include <stdint.h>

#include "daemon/store/library.h"
#include "daemon/store/lookup.h"

#define QUARANTINE_XATTR "user.fsd.name"

/* Makes the quarantine, durably. Returns 0 or a reason. */
int quarantine_make(const struct library *library);

/*
 * Notes on a file what its name is, durably, which its owner and root may do. The file's mode,
 * which allows nobody to write, is another one meanwhile. Returns 0 or a reason.
 */
int quarantine_label(const struct stored *stored, const char *name);

/*
 * Moves a file from its name into the quarantine, durably, in the place of an older one of that
 * name; empty folders above the name go. Returns 0; -REASON_NOT_FOUND when the name does not lead
 * to this very file as it was any more; -REASON_EXISTS when the file has another name, too; or
 * another reason.
 */
int quarantine_move(const struct library *library, const char *name, const struct stored *stored);

/*
 * Opens the file of a name that is in quarantine. Returns 0; -REASON_NOT_FOUND when there is none
 * that has a record to be believed, so that the name is free; or another reason, as when nobody can
 * tell what is recorded.
 */
int quarantine_open(const struct library *library, const char *name, struct stored *ret);

/*
 * Keeps a name from being emptied by others, so that it can be looked at and linked to, until
 * `*ret_lock` is closed, which is -1 in a library without a quarantine. Returns 0 or a reason.
 */
int quarantine_lock(const struct library *library, const char *name, int *ret_lock);

/*
 * Removes the file of a name from the quarantine, durably, so that the name is free for all. To be
 * called with the name's lock (lock_name()). Returns 0, -REASON_NOT_FOUND or another reason.
 */
int quarantine_drop(const struct library *library, const char *name);

/* How many files are in quarantine, as far as they can be seen. */
uint64_t quarantine_count(const struct library *library);

#endif
