/*
 * Stages: uploads on their way in. A stage is a file .fsd/stage/<client>/<id> that only its session
 * may write, as its lock tells; once sealed it is never opened for writing again.
 */
#ifndef STORE_STAGE_H
#define STORE_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "daemon/store/library.h"
#include "daemon/store/record.h"
#include "protocol/digest.h"

struct stage {
    int folder; /* the client's folder of stages */
    int fd;
    int lock;       /* of one that is gone on with: the descriptor that holds its lock; else -1 */
    int64_t length; /* bytes that are in it */
    char id[UPLOAD_ID_ROOM];
    bool moved; /* its own name is gone: the file has moved to the name of another */
};

#define STAGE_NONE                         \
    {                                      \
        .folder = -1, .fd = -1, .lock = -1 \
    }

/* What an upload is to be. */
struct stage_plan {
    const char *id;   /* by which it may be gone on with; NULL: it may not */
    const char *name; /* what belongs to the id, beside the client */
    int64_t size;     /* bytes; -1 when that is not known */
};

/*
 * Makes a stage for an upload by `client`, locks it, and keeps room for its bytes. Returns 0,
 * -REASON_NO_SPACE, -REASON_TOO_LARGE, -REASON_BUSY when another session was quicker with the same
 * id, or another reason.
 */
int stage_open(struct stage *stage, const struct library *library, const char *client,
               const struct stage_plan *plan);

/*
 * Opens the stage of an upload that broke off, and locks it; what of it is safe on the disk is in
 * `length`. One that was sealed already is removed. Returns 0; -REASON_NOT_FOUND when there is
 * none; -REASON_BUSY while another session has it; -REASON_MISMATCH when the id belongs to another
 * name or size; or another reason.
 */
int stage_resume(struct stage *stage, const struct library *library, const char *client,
                 const struct stage_plan *plan);

/* Adds what is in the stage to a digest. Returns 0 or a reason. */
int stage_hash(const struct stage *stage, struct digest *digest);

/* Adds bytes. Returns 0 or a reason. */
int stage_write(struct stage *stage, const char *bytes, size_t length);

/*
 * Gives a whole upload its time, its record and its mode, and makes its content durable. Digest,
 * size and client are those in `record`; its mtime is filled in. Returns 0 or a reason, after which
 * the stage can only be closed.
 */
int stage_seal(struct stage *stage, const struct library *library, struct record *record);

/* Removes the stage's own name and closes it. STAGE_NONE is let be. */
void stage_close(struct stage *stage);

/* Closes it, and leaves it there to be gone on with: its bytes, and no more room than they take. */
void stage_keep(struct stage *stage);

/* What is on its way in, or was left there. */
struct stage_usage {
    uint64_t count; /* of stages */
    uint64_t bytes;
    uint64_t room; /* bytes, with those that are kept for what is still to come */
};

/* Counts the stages of a client, or of all for NULL, as far as they can be seen. */
void stage_measure(const struct library *library, const char *client, struct stage_usage *ret);

/*
 * Removes the stages that nobody has locked and whose last byte came more than `age_ms` ago, and
 * returns how many. Any number of processes may sweep at once, while others make, write and resume
 * stages.
 */
uint64_t stage_sweep(const struct library *library, int64_t age_ms);

#endif
