/*
 * Targets: local files that appear whole or not at all. What is fetched goes to a temporary file
 * in the same folder, which is linked to the target's name when it is complete. Where possible it has
 * no name until then, so that even KILL leaves nothing behind. One that has a name is removed if the
 * download fails or a signal ends the program.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cli/failure.h"
#include "cli/part.h"
#include "protocol/digest.h"

/* What is at the path already. */
enum target_kind {
    TARGET_FREE,   /* nothing */
    TARGET_FILE,   /* a regular file */
    TARGET_DEVICE, /* something to write to directly: a device, a FIFO */
};

struct target {
    const char *path; /* as it was given; belongs to the caller */
    int folder;       /* the open folder that has it; -1 with a device */
    char last[NAME_MAX + 1];
    enum target_kind kind;
    struct stat there;         /* its status; a mode of 0: nothing is there */
    mode_t mode;               /* that the file will have */
    int fd;                    /* to write to */
    char temporary[PART_ROOM]; /* its name in `folder`; empty: it has none */
    bool is_part;              /* the temporary file is a part, see cli/part.h */
    bool keeps_part;           /* target_close() leaves it; the caller sets this */
};

/* Opens a folder that is to be written to, even if it cannot be read. Returns -1 with errno set. */
int target_open_folder(const char *path);

/*
 * Looks at what is at a path that the user has named as the place to write to: it may be a device, a
 * FIFO or a symbolic link. Returns 0 or a reason, for example if it is a folder. In both cases
 * target_close() must be called.
 */
int target_look(struct target *target, const char *path, struct failure *failure);

/*
 * The same for a path `below` the open folder `base`, which may be the -1 of target_open_folder(),
 * with errno. Missing folders are made, unless `makes_folders` is false: then what is below them is
 * free. Symbolic links are refused, and so is anything but a regular file at the end. In a folder where
 * everybody may make others, as in /tmp, those of other users are refused, too. `path` is for messages.
 */
int target_look_below(struct target *target, int base, const char *below, const char *path,
                      bool makes_folders, struct failure *failure);

/*
 * Makes the digest of the file that is there. Returns 0, -REASON_MISMATCH for one that changes while
 * it is read, or -REASON_LOCAL.
 */
int target_digest(const struct target *target, int64_t *ret_size, char ret_digest[DIGEST_ROOM],
                  struct failure *failure);

/* Opens the target's temporary file, or its device. Returns 0 or -REASON_LOCAL. */
int target_open(struct target *target, struct failure *failure);

/*
 * Opens the part of the file NAME with this digest as the temporary file, which signals do not remove,
 * or else a new temporary file. Bytes that are in it may be damaged. Returns 0; -REASON_BUSY if another
 * run uses the part; or -REASON_LOCAL.
 */
int target_open_part(struct target *target, const char *name, const char *digest,
                     struct failure *failure);

/*
 * Syncs what was written to disk and gives it its name. With `force` it replaces a file that is
 * there. Without, a file that has appeared meanwhile is left unchanged, and its digest is compared
 * with `digest`. Returns 0, -REASON_EXISTS, -REASON_MISMATCH or -REASON_LOCAL.
 */
int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM],
                  struct failure *failure);

/* Fails because the file that is there has different content. Returns -REASON_EXISTS. */
int target_fail_exists(const struct target *target, struct failure *failure);

/*
 * Removes the temporary file, if there is one, and releases everything. Returns 0, or -REASON_LOCAL
 * if that file cannot be removed, which says nothing about the target.
 */
int target_close(struct target *target, struct failure *failure);

#endif
