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
 * Opens that folder, for what fsc keeps for itself, and makes what is missing of it: only the user can
 * open that. Returns -1 if it, or one above it from the named one on, is another user's. Under sudo(8),
 * HOME is often that of the user who called it, who could not change there what root makes.
 */
int user_folder_open(const char *variable, const char *fallback, const char *below);

#endif
