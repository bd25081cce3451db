/*
 * Locks of names. Of all processes, on all machines that serve the library, only one at a time can
 * replace, delete or quarantine the file of a name. The lock of a name is a lock (F_OFD_SETLK,
 * fcntl(2)) of one byte of the empty file .fsd/lock, chosen by the hash of the name.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <stdatomic.h>

#include "daemon/store/library.h"

/*
 * Waits for the lock of a name and takes it: LOCK_EX to take a file from the name, LOCK_SH to keep
 * others from doing so. Returns a descriptor that holds the lock until it is closed; or -1 with
 * errno set: EAGAIN when others held it for 30 s, ECANCELED when it would have to wait and
 * `*cancelled`, unless that is NULL, is true.
 */
int lock_name(const struct library *library, const char *name, int operation,
              const atomic_bool *cancelled);

/*
 * Makes the file of the locks in .fsd, which is open, if it is missing, while there is room: on a
 * full disk it could not be made, and without it nothing could be deleted. Without `make` it may be
 * missing. Returns 0, or -1 with errno set when it cannot be used.
 */
int lock_prepare(const struct library *library, bool make);

#endif
