/*
 * File descriptors: closing them, comparing files, and standard descriptors that were closed.
 */
#ifndef PROTOCOL_DESCRIPTOR_H
#define PROTOCOL_DESCRIPTOR_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
    DESCRIPTOR_PATH_ROOM = 32, /* bytes of "/proc/self/fd/" and a number, with its NUL */
};

/*
 * Opens /dev/null for each standard descriptor that is closed, so that no other file gets its
 * number: reading from it, or writing to it, still fails with EBADF. Call this first.
 */
void descriptor_reserve_standard(void);

/*
 * Has the size or mtime of a file changed since fstat(2) returned `then`? True also if fstat(2)
 * fails now.
 */
bool descriptor_has_changed(int fd, const struct stat *then);

/*
 * Is its ctime another one, or unknown? It may have been written to with its mtime put back, but a
 * rename, a link or chmod(2) does the same: only reading it again can tell.
 */
bool descriptor_is_touched(int fd, const struct stat *then);

/* Are these two statuses of the same file? */
bool descriptor_is_same(const struct stat *one, const struct stat *other);

/* Is this the file that has that name in the folder? False for a symbolic link to it. */
bool descriptor_is_named(int fd, int folder, const char *name);

/*
 * Does this errno mean that a call is not supported, rather than that it failed? Kernels, sandboxes
 * and file systems return different ones. Some of these can also be a refusal, so the fallback must
 * be one that would be refused as well. EIO is not among them, although some FUSE mounts return it.
 */
bool descriptor_lacks_call(int error);

/*
 * access(2) for what is in a folder, as the effective user. Where that cannot be asked for, as the
 * real one. Returns 0, or -1 with errno set.
 */
int descriptor_access(int folder, const char *name, int mode);

/* May a file be made at this absolute path, in its folder? Returns as descriptor_access(). */
int descriptor_access_new(const char *path);

/* Can it be read without waiting, or is it at its end? False for -1. */
bool descriptor_is_readable(int fd);

/*
 * Writes a path that leads to what is open, by whatever name it has now, for calls that take no
 * descriptor (proc(5)). It needs /proc. Returns `path`.
 */
const char *descriptor_path(int fd, char path[DESCRIPTOR_PATH_ROOM]);

/*
 * fdopendir(3), which closes the descriptor also if it fails, and returns NULL for -1, with the errno
 * that is set. The caller calls closedir(3).
 */
DIR *descriptor_read_folder(int fd);

/* close(2), which keeps errno. Does nothing for -1. */
void descriptor_close(int fd);

/* Closes all descriptors but the standard ones and these, of which some may be -1. */
void descriptor_close_all_but(const int *kept, size_t count);

#endif
