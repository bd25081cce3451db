/*
 * Committing: the step that gives a sealed stage its name, for good.
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
 * whatever it may be; -REASON_NOT_A_FILE when something is in the way of its folders;
 * COMMIT_UNKNOWN, with errno, when the file has its name but that may not outlive a crash of the
 * machine; or another reason.
 */
int commit_link(const struct library *library, const struct stage *stage, const char *name);

/*
 * Makes a file that is stored already, and the folders on the way to it, durable. Returns 0;
 * COMMIT_UNKNOWN after an error of the disk; or a reason.
 */
int commit_make_durable(const struct library *library, const struct stored *stored,
                        const char *name);

#endif
