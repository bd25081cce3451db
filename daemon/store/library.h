/*
 * The library: the folder that fsd serves, how names are opened in it, and the daemon's own folder
 * in it, .fsd.
 *
 * Others may be able to write to the library's folder. So .fsd is opened once, and its owner and mode
 * are checked, so that nobody else can change what is in it. From then on only that descriptor is used,
 * with single names in it: whatever else may be called .fsd meanwhile is not touched.
 *
 * Functions of store/ take valid names (name_is_valid()). They return 0 or the negative of a reason,
 * leave the error of the system call in errno, and print and log nothing.
 */
#ifndef STORE_LIBRARY_H
#define STORE_LIBRARY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "protocol/reason.h"

/* What is in .fsd. */
#define LIBRARY_STAGE      "stage"
#define LIBRARY_LOCK       "lock"
#define LIBRARY_QUARANTINE "quarantine"

enum {
    LIBRARY_FAULT_ROOM = 160,
};

struct library {
    char path[PATH_MAX]; /* as it was opened */
    int root;            /* the folder itself */
    int own;             /* its folder .fsd, for library_own(); always open */
    uid_t user;          /* who opened it: what is in .fsd must belong to this user, or root */
    bool records;        /* stored files get records, so the file system has user xattrs */
    int notifier;        /* a socket of the notifier (store/notices.h), or -1 */
};

/* Opens the folder `path`, an absolute path. Returns 0, or a reason with errno. */
int library_open(struct library *library, const char *path, bool records);

/*
 * Makes the daemon's own folders and the file of the locks, where they are missing, and checks that
 * files can be stored. Without `make`, nothing is made: could it be? Returns 0; -REASON_DENIED or
 * -REASON_NO_SPACE when files can only be read; -REASON_UNAVAILABLE when others could change what is
 * in .fsd, and the file system is not read-only; or another reason. Then `ret_fault` says what is
 * wrong, and errno, unless it is 0, says why.
 */
int library_prepare(const struct library *library, bool make, char ret_fault[LIBRARY_FAULT_ROOM]);

/* Is what library_prepare() made still there, and closed to others? */
bool library_is_prepared(const struct library *library);

/* Could others, neither root nor the user of the library, replace what is in the library's folder? */
bool library_is_exposed(const struct library *library);

/*
 * The descriptor of .fsd, which stays open and belongs to `library`. If somebody has removed .fsd and
 * another process has made it again, the descriptor from now on is that of the new one. Returns -1
 * with errno when there is none; with errno EPERM when others could change what is in it.
 */
int library_own(const struct library *library);

/* Opens a folder of .fsd, as library_open_folder() does. */
int library_open_own(const struct library *library, const char *name);

/*
 * Opens one of the daemon's own folders in another one, to read its entries, and with `make` makes
 * it if it is missing. Returns a descriptor; or -1 with errno, EPERM when it is not closed to others.
 */
int library_open_folder(const struct library *library, int at, const char *name, bool make);

/*
 * Opens one of the daemon's own files or folders in another of its own. Flags are as for openat(2);
 * with O_CREAT the mode is 0600. Returns as library_open_folder().
 */
int library_open_closed(const struct library *library, int at, const char *name, int flags);

/*
 * Does one of the daemon's own files belong to the user of the library or root, and may only its
 * owner write to it? An access control list (acl(5)) that allows more shows in the group's bits.
 */
bool library_is_closed(const struct library *library, const struct stat *status);

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
