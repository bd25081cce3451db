/*
 * Locks of names: taking a name over, deleting its file and moving that into quarantine exclude
 * each other, in all processes and on all machines that serve one library. A name has a byte of the
 * empty file .fsd/lock, chosen by its hash, for fcntl(2), F_OFD_SETLKW.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "daemon/store/library.h"

/*
 * Locks a name, and waits until that can be: LOCK_EX for who would take a file from it, LOCK_SH to
 * keep those off. Returns a descriptor that holds the lock until it is closed, or -1 with errno
 * set.
 */
int lock_name(const struct library *library, const char *name, int operation);

/*
 * Makes the file of the locks where it is missing, and can be: on a full disk it could not, and
 * nothing be deleted.
 */
void lock_make_file(const struct library *library);

#endif
