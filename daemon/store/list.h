/*
 * Listing: the files and folders that are to be seen in a library, as a stream of entries in no
 * order.
 */
#ifndef STORE_LIST_H
#define STORE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "daemon/store/library.h"
#include "daemon/store/record.h"

struct list_entry {
    const char *name; /* the full name, NUL-terminated; a folder's ends in '/' */
    size_t length;
    const struct stat *status;   /* of a file when details are asked for; else NULL */
    const struct record *record; /* the same; its digest is empty when there is none */
};

struct list_query {
    const char *folder;  /* a folder's or file's name; NULL for the whole library */
    bool must_be_folder; /* it was written with a '/' behind it */
    const char *match;   /* a pattern of store/glob.h; NULL for none */
    size_t match_length;
    bool deep;    /* all files below, no folders */
    bool details; /* status and record of each file */

    /*
     * May this name be seen? A folder's ends in '/'; one that may not is not looked into. NULL:
     * all.
     */
    bool (*is_visible)(void *context, const char *name);
    /* Called for each entry; a negative value ends the listing and becomes its result. */
    int (*entry)(void *context, const struct list_entry *entry);
    /*
     * Called after each batch of directory entries, whatever was found in it; as `entry`. Or NULL.
     */
    int (*batch_end)(void *context);
    /*
     * Called, with errno, for a folder that is there and cannot be read, so that nothing below it
     * is listed; as `entry`. NULL: what has no access is passed over, all else ends the listing.
     */
    int (*unreadable)(void *context, const char *folder);
    void *context;
};

/*
 * Lists. What is no regular file or folder, what has a refused name or is not visible, and folders
 * that cannot be read are passed over; a folder that does not exist has no entries. Returns 0;
 * -REASON_UNAVAILABLE when the library itself cannot be read; or another reason.
 */
int list_run(const struct library *library, const struct list_query *query);

#endif
