/*
 * Folders: local ones that are made where they are missing, and lead nowhere else.
 */
#ifndef CLI_FOLDERS_H
#define CLI_FOLDERS_H

#include <stddef.h>

/*
 * Opens the folder at `length` bytes of a path, a slash behind it or not, below the open folder
 * `base`, component by component, none of which may be a symbolic link; those that are missing are
 * made. Returns the descriptor, for a length of 0 one of `base` itself, or -1 with errno set:
 * ENOTDIR where a link or a file is in the way.
 */
int folders_open_below(int base, const char *path, size_t length);

#endif
