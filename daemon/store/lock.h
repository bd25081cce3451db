/*
 * Locks of names: taking a name over, deleting its file and moving that into quarantine exclude each
 * other, in all processes and on all machines that serve one library. A name has one of 256 files
 * .fsd/lock/XX, chosen by its hash, for flock(2).
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "daemon/store/library.h"

/*
 * Locks a name, and waits until that can be: LOCK_EX for who would take a file from it, LOCK_SH to
 * keep those off. Returns a descriptor that holds the lock until it is closed, or -1 with errno set.
 */
int lock_name(const struct library *library, const char *name, int operation);

#endif
