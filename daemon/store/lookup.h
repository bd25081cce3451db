/*
 * Looking up: the file under a name.
 */
#ifndef STORE_LOOKUP_H
#define STORE_LOOKUP_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "daemon/store/library.h"
#include "daemon/store/record.h"

struct stored {
    int fd; /* open for reading; the caller closes it */
    struct stat status;
    struct record record; /* its digest is empty when the file has no valid record */
};

/*
 * Opens the file that has a name. Returns 0; -REASON_NOT_A_FILE for a folder, a link or a special
 * file; -REASON_NOT_FOUND, with errno ENOENT when the name is free, and another errno when one of
 * its folders is a file or a link; or another reason.
 */
int lookup_open(const struct library *library, const char *name, struct stored *ret);

/*
 * Makes the digest of a stored file now, unless its record has one. Returns 0; -REASON_MISMATCH
 * when the file changed meanwhile; -REASON_LOST when `*cancelled` became true; or another reason.
 */
int lookup_digest(struct stored *stored, const atomic_bool *cancelled);

/*
 * Was this file committed by an upload, according to its record, or, in a library without records,
 * its mode? A file that somebody puts there by hand may still grow, unless it was linked there: true
 * for one with several links.
 */
bool lookup_is_committed(const struct library *library, const struct stat *status,
                         const struct record *record);

/* Has the file changed since it was opened? Then what was read may be a mix of two versions. */
bool lookup_has_changed(const struct stored *stored);

#endif
