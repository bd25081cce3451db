/*
 * The user's own folders, as the XDG Base Directory Specification has them.
 */
#ifndef CLI_USER_FOLDER_H
#define CLI_USER_FOLDER_H

#include <limits.h>
#include <stdbool.h>

/*
 * Writes the path of what lies `below` the folder that an environment variable tells or, without
 * it, below `fallback` in HOME. Variables that hold no absolute path are ignored. Returns false,
 * with an empty path, when there is none, or it is too long.
 */
bool user_folder_find(char path[PATH_MAX], const char *variable, const char *fallback,
                      const char *below);

/* Makes a folder for the user alone, and up to `most` - 1 above it, where they are missing. */
void user_folder_make(const char *path, int most);

#endif
