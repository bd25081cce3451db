/*
 * Folders: the way from the library to a name.
 */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/store/library.h"
#include "protocol/name.h"

enum {
    FOLDERS_MOST = (NAME_LONGEST + 1) / 2, /* the library, and one for each '/' of a name */
};

/*
 * The folders on the way to a name, each open for reading, so that it can be made durable: the
 * library first, then down to the one that the name is in. They are opened once, so that the
 * folders that are made durable are those that were linked into, whatever happens to their names.
 */
struct folders {
    size_t count; /* of those that are open */
    size_t made;  /* the place of the first one that had to be made; 0 for none */
    int fds[FOLDERS_MOST];
    const char *names[FOLDERS_MOST]; /* each in the folder before it; not that of the library */
    const char *last;                /* the name in its folder */
    char text[NAME_LONGEST + 1];     /* the name, cut into these */
};

/*
 * Opens the folders on the way to a name, and with `make` makes those that are missing. Returns 0;
 * -REASON_NOT_FOUND, with errno ENOENT, when one is missing; -REASON_NOT_A_FILE when a file or a
 * link is in the way; or another reason. In all cases the caller has to close the folders that are
 * open, by folders_sync() or folders_close().
 */
int folders_open(struct folders *folders, const struct library *library, const char *name,
                 bool make);

/* The folder that the name is in; all folders must be open. */
int folders_parent(const struct folders *folders);

/*
 * Removes and closes the folders on the way to the name while they are empty, the lowest first, up
 * to the place `first`: 1 for all but the library. An upload that finds its folder removed at the
 * link makes it again. Keeps errno.
 */
void folders_prune(struct folders *folders, size_t first);

/*
 * Makes the folders that are open durable, from the name up to the library, and closes them.
 * Returns 0, or -REASON_INTERNAL with errno.
 */
int folders_sync(struct folders *folders);

/* Closes them. Keeps errno. */
void folders_close(struct folders *folders);

/*
 * Opens just the folder that a name is in, with O_PATH to look and make things in it. Returns a
 * descriptor, or -1 with errno set.
 */
int folder_open_above(const struct library *library, const char *name, int flags);

#endif
