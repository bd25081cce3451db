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
 * Opens that folder, for what fsc keeps for itself. Missing folders are made, with the mode 0700, but
 * not HOME itself. Returns a descriptor (O_PATH); or -1 with errno set: to EPERM if a folder from the
 * named one on belongs to another user. Under sudo(8), HOME is often that of the caller, who could not
 * remove what root makes there.
 */
int user_folder_open(const char *variable, const char *fallback, const char *below);

#endif
