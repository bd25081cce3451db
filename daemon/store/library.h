/*
 * The library: the folder that fsd serves, and how names are opened in it.
 *
 * Functions of store/ take valid names (name_is_valid()). They return 0 or the negative of a reason,
 * leave the error of the system call in errno, and print and log nothing.
 */
#ifndef STORE_LIBRARY_H
#define STORE_LIBRARY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/reason.h"

#define LIBRARY_STAGE ".fsd/stage"
#define LIBRARY_LOCK  ".fsd/lock"

struct library {
    char path[PATH_MAX]; /* as it was opened */
    int root;            /* the folder itself */
    bool records;        /* stored files get records, so the file system has user xattrs */
};

/* Opens the folder `path`, an absolute path. Returns 0, or a reason with errno. */
int library_open(struct library *library, const char *path, bool records);

/*
 * Makes the daemon's own folders and the file of the locks, where they are missing, and checks that
 * files can be stored. Without `make`, nothing is made: could it be? Returns 0; -REASON_DENIED or
 * -REASON_NO_SPACE when files can only be read; or another reason. Then `*ret_fault` says what is
 * wrong, without errno, which says why.
 */
int library_prepare(const struct library *library, bool make, const char **ret_fault);

/* Is what library_prepare() made still there? */
bool library_is_prepared(const struct library *library);

/*
 * Does the path of the library still lead to it? If not, it was unmounted, moved or replaced, and
 * nobody would find what is stored in it from now on.
 */
bool library_is_in_place(const struct library *library);

/* Bytes of the file system, and those that are free for this process. */
struct library_space {
    uint64_t total, free;
};

/* Returns 0 or -REASON_UNAVAILABLE. */
int library_measure(const struct library *library, struct library_space *ret);

/*
 * Opens what is at `path` below the library, "." for the library itself, as openat(2) does, but
 * never outside of it and never through a symbolic link (openat2(2), RESOLVE_BENEATH). O_CLOEXEC,
 * O_NOCTTY and O_NONBLOCK are added. Returns a descriptor, or -1 with errno set.
 */
int library_openat(const struct library *library, const char *path, int flags);

/*
 * Is this file or folder on a network file system, or on one in user space? Others may write there
 * from elsewhere, or without inotify(7) events. False for an unknown kind.
 */
bool library_is_shared(int fd);

/* The negative of the reason for an error of a system call. */
int library_failure(int error);

/*
 * The same for an error of one of the daemon's own files, which the client has not named: a missing
 * one is -REASON_UNAVAILABLE, since it was removed meanwhile, and the next request makes it again.
 */
int library_own_failure(int error);

#endif
