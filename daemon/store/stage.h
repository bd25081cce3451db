/*
 * Stages: uploads on their way in. A stage is the file .fsd/stage/<client>/<id>. Only the session
 * that holds its lock writes to it; once sealed it is never opened for writing again.
 */
#ifndef STORE_STAGE_H
#define STORE_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "daemon/store/library.h"
#include "daemon/store/record.h"
#include "protocol/digest.h"
#include "protocol/sparse.h"

struct stage {
    int folder; /* the client's folder of stages */
    int fd;
    int lock;            /* of one that was resumed: the descriptor that holds its lock; else -1 */
    struct sparse bytes; /* how far it is written */
    char id[UPLOAD_ID_ROOM];
    bool moved; /* it replaced another file, and no longer has a name of its own */
};

#define STAGE_NONE                         \
    {                                      \
        .folder = -1, .fd = -1, .lock = -1 \
    }

/* What is known of an upload before its first byte. */
struct stage_plan {
    const char *id;   /* by which it can be resumed; NULL: it cannot */
    const char *name; /* of the file: an id belongs to one name, size and client */
    int64_t size;     /* bytes; -1: not known */
};

/*
 * Keeps the other sessions of a client from making stages or letting them grow, so that nothing changes
 * between stage_measure() and stage_open(). Returns a descriptor for stage_unlock(), which must follow
 * soon; -REASON_BUSY if another session has held the lock for 10 s; or another reason.
 */
int stage_lock(const struct library *library, const char *client);
void stage_unlock(int lock);

/*
 * Makes a stage for an upload by `client`, and locks it. Returns 0; -REASON_NO_SPACE; -REASON_BUSY
 * when another session has just made one with the same id; or another reason.
 */
int stage_open(struct stage *stage, const struct library *library, const char *client,
               const struct stage_plan *plan);

/*
 * Locks and opens the stage of an upload that broke off, after making durable what is in it. A
 * stage that was sealed already is removed. Returns 0; -REASON_NOT_FOUND when there is none;
 * -REASON_BUSY while another session has it; -REASON_MISMATCH when the id belongs to another name
 * or size; or another reason.
 */
int stage_resume(struct stage *stage, const struct library *library, const char *client,
                 const struct stage_plan *plan);

/*
 * Reserves room for the first step of a whole upload of `size` bytes; stage_write() reserves the
 * others. Returns 0; -REASON_NO_SPACE; or -REASON_TOO_LARGE. Whatever else is wrong, writing will
 * show it.
 */
int stage_reserve(struct stage *stage, int64_t size);

/* How many of the bytes before `end` have no room in the file system yet? */
int64_t stage_missing(const struct stage *stage, int64_t end);

/*
 * Adds what is in the stage to a digest. Returns 0; -REASON_LOST when `*cancelled` became true; or
 * another reason.
 */
int stage_hash(const struct stage *stage, struct digest *digest, const atomic_bool *cancelled);

/* Adds bytes. Returns 0 or a reason. */
int stage_write(struct stage *stage, const char *bytes, size_t length);

/*
 * Gives a whole upload its mtime, record and mode, and makes it durable. The caller has filled in
 * `record`, except the mtime. Returns 0, or a reason, after which the stage can only be closed.
 */
int stage_seal(struct stage *stage, const struct library *library, struct record *record);

/*
 * Gives a sealed stage another name, in this folder. Links by the descriptor, so that it is the file
 * that was written, even if something else has taken the name of the stage. Where that is impossible
 * it links by name, after a check. Returns 0, or -1 with errno set, ENOENT also when the stage has lost
 * its name.
 */
int stage_link(const struct stage *stage, int folder, const char *name);

/* Removes the name of the stage, and closes it. Does nothing for STAGE_NONE. */
void stage_close(struct stage *stage);

/* Closes it and leaves it there to be resumed, without the room that was reserved. */
void stage_keep(struct stage *stage);

/* What stages take. */
struct stage_usage {
    uint64_t count;  /* of stages */
    uint64_t linked; /* others, which are stored already and lose this name soon */
    uint64_t bytes;
    uint64_t room;       /* bytes, with those reserved for what is still to come */
    uint64_t unreadable; /* clients whose stages cannot be read, and so do not count */
};

/* Counts the stages of a client, or of all for NULL. */
void stage_measure(const struct library *library, const char *client, struct stage_usage *ret);

/* What a sweep has done. */
struct stage_swept {
    uint64_t removed;
    char unreadable[RECORD_CLIENT_ROOM]; /* a client whose stages cannot be read; empty for none */
    int error;                           /* the errno for it */
};

/*
 * Removes the stages that nobody has locked and that were last written to more than `age_ms` ago.
 * Any number of processes may sweep at once, while others make, write and resume stages.
 */
void stage_sweep(const struct library *library, int64_t age_ms, struct stage_swept *ret);

#endif
