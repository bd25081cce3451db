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

struct target {
    const char *path; /* belongs to the caller */
    const char *last; /* its last component */
    int folder;
    int fd;                                /* to write to */
    char temporary[TARGET_TEMPORARY_ROOM]; /* its name in the folder; empty when there is none */
};

/* What is at a path already. */
enum target_kind {
    TARGET_FREE,   /* nothing */
    TARGET_FILE,   /* a regular file */
    TARGET_DEVICE, /* something to write to directly: a device, a FIFO */
};

/*
 * Looks at a path; of a file size and digest are told when `hash` is set. Returns 0, or
 * -REASON_LOCAL after complaining, as it does of a folder.
 */
int target_look(const char *path, bool hash, enum target_kind *ret, int64_t *ret_size,
                char ret_digest[DIGEST_ROOM]);

/* Opens a target at a path, or a device there. Returns 0, or -REASON_LOCAL after complaining. */
int target_open(struct target *target, const char *path, enum target_kind kind);

/*
 * Makes what was written durable and gives it its name. With `force` it takes the place of another
 * file; without, one that appeared meanwhile is let be: it is compared by `digest`. Returns 0;
 * -REASON_EXISTS or -REASON_LOCAL after complaining.
 */
int target_commit(struct target *target, bool force, const char digest[DIGEST_ROOM]);

/* Removes the temporary file, if there still is one, and closes what is open. */
void target_close(struct target *target);

/* From now on signals that end the program remove the temporary file first. */
void target_catch_signals(void);

#endif
