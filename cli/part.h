/*
 * Parts: what came of a file that get --resume fetches, in the folder of its target. A part is named
 * for the file's name and digest, is locked while it is used, and stays when the run ends too early.
 */
#ifndef CLI_PART_H
#define CLI_PART_H

#include <stdbool.h>

enum {
    PART_ROOM = 108,              /* bytes of the name of a part, with its NUL */
    PART_OLDEST_S = 7 * 24 * 3600 /* after that it is stale */
};

/*
 * Opens and locks the part of a file, or makes it. One that others could have made or changed is not
 * used. Returns a descriptor, or -1 with errno set: EWOULDBLOCK if another run uses it.
 */
int part_open(int folder, const char *name, const char *digest, char ret_file[PART_ROOM]);

/* Is that the part of a file with this digest? */
bool part_has_digest(const char *file, const char *digest);

/*
 * Removes our stale parts in a folder: the old ones, and all of this name except the one called `kept`.
 * Those in use stay. Returns whether there are parts left.
 */
bool part_clean(int folder, const char *name, const char *kept);

#endif
