/*
 * Folders: the way from the library to a name.
 */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include <stddef.h>

#include "daemon/store/library.h"

/*
 * Opens the folder that a name is in: with O_PATH to look and make things in it, with O_RDONLY also
 * to make it durable. Returns a descriptor, or -1 with errno set.
 */
int folder_open_above(const struct library *library, const char *name, int flags);

/*
 * Opens the folder that a name is in, and makes it and those above it where they are missing;
 * `*ret_made` tells how long the name of the highest new one is, 0 for none. Returns 0,
 * -REASON_NOT_A_FILE when a file or a link is in the way, or another reason.
 */
int folder_make(const struct library *library, const char *name, int *ret_fd, size_t *ret_made);

/*
 * Removes the folders on the way to a name, the lowest first, while they are empty: those that
 * folder_make() has made for it, or all for 0. Whoever is about to link into one finds it dead, and
 * makes it again.
 */
void folder_prune(const struct library *library, const char *name, size_t made);

/*
 * Can every folder from the name up to the library be opened, as folder_sync() must? 0 or a reason.
 */
int folder_judge(const struct library *library, const char *name);

/*
 * fsync(2) of every folder from the name up to the library. One that has vanished was empty: what
 * was in it is deleted, and needs none. Returns 0 or a reason.
 */
int folder_sync(const struct library *library, const char *name);

#endif
