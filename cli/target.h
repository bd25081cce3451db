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
    int base;         /* the folder that `real` begins in; AT_FDCWD for the working one */
    char *real;       /* the path with symbolic links resolved */
    const char *last; /* the last component of `real` */
    enum target_kind kind;
    mode_t mode; /* of the file that is there */
    int folder;
    int fd;                                /* to write to */
    char temporary[TARGET_TEMPORARY_ROOM]; /* its name in the folder; empty when there is none */
};

/*
 * Looks at what is at a path. A symbolic link stands for what it leads to. Returns 0, or a reason
 * after complaining, as of a folder. Also then target_close() is to be called.
 */
int target_look(struct target *target, const char *path);

/*
 * The same for a file called `last` in an open folder, which belongs to the caller. There a
 * symbolic link, and everything else that is no regular file, is refused. `path` is for complaints.
 */
int target_look_in(struct target *target, int folder, const char *last, const char *path);

/* Makes the digest of the file that is there. Returns its size, or -1 after complaining. */
int64_t target_digest(const struct target *target, char ret_digest[DIGEST_ROOM]);

/*
 * Opens the target's temporary file, or its device. Returns 0, or -REASON_LOCAL after complaining.
 */
int target_open(struct target *target);

/*
 * Makes what was written durable and gives it its name. With `force` it takes the place, and the
 * mode, of another file; without, one that appeared meanwhile is let be: it is compared by
 * `digest`. Returns 0; -REASON_EXISTS or -REASON_LOCAL after complaining.
 */
int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM]);

/* Complains that a file with other bytes is there. Returns -REASON_EXISTS. */
int target_complain_exists(const struct target *target);

/* Removes the temporary file, if there still is one, and releases all. */
void target_close(struct target *target);

#endif
