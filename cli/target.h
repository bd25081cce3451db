/*
 * Targets: local files that appear whole or not at all. What is fetched goes to a temporary file
 * beside the target, which is linked to the target's name when all is there, and removed when not,
 * also by a signal.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/failure.h"
#include "protocol/digest.h"

enum {
    TARGET_TEMPORARY_ROOM = 32,
};

/* What is at a path already. */
enum target_kind {
    TARGET_FREE,   /* nothing */
    TARGET_FILE,   /* a regular file */
    TARGET_DEVICE, /* something to write to directly: a device, a FIFO */
};

struct target {
    const char *path; /* as it was given; belongs to the caller */
    int base;         /* the open folder where `real` begins; AT_FDCWD: the working directory */
    char *real;       /* the path with symbolic links resolved */
    const char *last; /* the last component of `real` */
    enum target_kind kind;
    mode_t mode; /* of the file that is there */
    int folder;
    int fd;                                /* to write to */
    char temporary[TARGET_TEMPORARY_ROOM]; /* its name in the folder; empty when there is none */
};

/*
 * Looks at what is at a path. A symbolic link stands for what it leads to. Returns 0 or a
 * reason, as for a folder. Also then target_close() is to be called.
 */
int target_look(struct target *target, const char *path, struct failure *failure);

/*
 * The same for a path `below` the open folder `base`, whose folders are made where they are missing.
 * On the way a symbolic link, and at its end everything but a regular file, is refused. `path` is
 * for messages.
 */
int target_look_below(struct target *target, int base, const char *below, const char *path,
                      struct failure *failure);

/* Makes the digest of the file that is there. Returns its size, or -1 with a failure. */
int64_t target_digest(const struct target *target, char ret_digest[DIGEST_ROOM],
                      struct failure *failure);

/* Opens the target's temporary file, or its device. Returns 0 or -REASON_LOCAL. */
int target_open(struct target *target, struct failure *failure);

/*
 * Makes what was written durable and gives it its name. With `force` it takes the place, and the
 * mode, of another file; without, one that appeared meanwhile is let be: it is compared by
 * `digest`. Returns 0, -REASON_EXISTS or -REASON_LOCAL.
 */
int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM],
                  struct failure *failure);

/* Fails because a file with other bytes is there. Returns -REASON_EXISTS. */
int target_fail_exists(const struct target *target, struct failure *failure);

/* Removes the temporary file, if there still is one, and releases all. */
void target_close(struct target *target);

#endif
