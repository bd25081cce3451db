/*
 * Spools: temporary files that have no name, for what is to be read more than once, or shown only when
 * all of it is there.
 */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include "cli/failure.h"

/*
 * Makes an empty file in TMPDIR, or in /tmp, which is gone when it is closed. Returns 0 with
 * `ret_fd`, or -REASON_LOCAL.
 */
int spool_open(int *ret_fd, struct failure *failure);

/* What messages call it. */
const char *spool_name(void);

/* Fails because it cannot be written, with the errno that is set. Returns -REASON_LOCAL. */
int spool_fail(struct failure *failure);

#endif
