/*
 * Listing: the visible files and folders of a library, one entry at a time, in no order.
 */
#ifndef STORE_LIST_H
#define STORE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "daemon/store/library.h"
#include "daemon/store/record.h"

struct list_entry {
    const char *name; /* the full name, NUL-terminated; that of a folder ends in '/' */
    size_t length;
    const struct stat *status;   /* of a file if details are asked for; otherwise NULL */
    const struct record *record; /* the same; its digest is empty if the file has no record */
};

struct list_query {
    const char *folder;  /* the name of a folder or file; NULL for the whole library */
    bool must_be_folder; /* it was given with a '/' at its end */
    const char *match;   /* a valid pattern as in protocol/glob.h; NULL for none */
    size_t match_length;
    bool deep;    /* all files below, and no folders */
    bool details; /* status and record of each file */

    /*
     * Is this name visible? That of a folder ends in '/'; a folder that is not visible is not read.
     * NULL: everything is.
     */
    bool (*is_visible)(void *context, const char *name);
    /*
     * With details, called for each visible file before it is opened: is it known, so that it is not
     * listed? The result is 1, 0 or as that of `entry`. NULL: none is.
     */
    int (*is_known)(void *context, const char *name, const struct stat *status);
    /* Called for each entry. A negative result ends the listing, which returns it. */
    int (*entry)(void *context, const struct list_entry *entry);
    /* Called after each batch of directory entries, even if none of them was visible. May be NULL.
     * The result counts as that of `entry`. */
    int (*batch_end)(void *context);
    /*
     * Called, with errno, for a visible folder that is there but cannot be read, so that nothing
     * below it, or not all of it, is listed; and for a file whose status cannot be read.
     * The result counts as that of `entry`. NULL: they are just skipped.
     */
    int (*unreadable)(void *context, const char *name);
    void *context;
};

/*
 * Lists. Skips anything that is neither a regular file nor a folder, names that are refused or not
 * visible, and what cannot be read. A folder that does not exist has no entries.
 * Returns 0; -REASON_UNAVAILABLE when the library itself cannot be read; or another reason.
 */
int list_run(const struct library *library, const struct list_query *query);

#endif
