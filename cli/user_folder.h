/*
 * The user's own folders (XDG Base Directory Specification).
 */
#ifndef CLI_USER_FOLDER_H
#define CLI_USER_FOLDER_H

#include <limits.h>
#include <stdbool.h>

/*
 * Writes the path `below` the folder that an environment variable names or, if it is not set, below
 * `fallback` in HOME. Variables without an absolute path are ignored. Returns false, with an empty
 * path, if there is no such folder or the path is too long.
 */
bool user_folder_find(char path[PATH_MAX], const char *variable, const char *fallback,
                      const char *below);

/*
 * The same for what fsc keeps for itself: false also if the folder, or the one in which it is to be
 * made, is another user's. Under sudo(8), HOME is often that of the user who called it, who could
 * not change there what root makes.
 */
bool user_folder_find_own(char path[PATH_MAX], const char *variable, const char *fallback,
                          const char *below);

/* Makes up to `most` folders above a path, where they are missing. Only the user can open them. */
void user_folder_make(const char *path, int most);

#endif
