/*
 * Stages: uploads on their way in. A stage is a file .fsd/stage/<client>/<id> that only its session
 * may write; once sealed it is never opened for writing again.
 */
#ifndef STORE_STAGE_H
#define STORE_STAGE_H

#include <stdint.h>
#include <sys/stat.h>

#include "daemon/store/library.h"
#include "daemon/store/record.h"

enum {
    STAGE_ID_LENGTH = 32, /* lower-case hex digits */
};

struct stage {
    int folder; /* the client's folder of stages */
    int fd;
    char id[STAGE_ID_LENGTH + 1];
};

/*
 * Makes a stage for an upload by `client`, locks it, and keeps room for `size` bytes (-1 when that
 * is not known). Returns 0, -REASON_NO_SPACE, -REASON_TOO_LARGE or another reason.
 */
int stage_open(struct stage *stage, const struct library *library, const char *client,
               int64_t size);

/* Adds bytes. Returns 0 or a reason. */
int stage_write(struct stage *stage, const char *bytes, size_t length);

/*
 * Gives a whole upload its time, its record and its mode, and makes its content durable. Digest,
 * size and client are those in `record`; its mtime is filled in. Returns 0 or a reason, after which
 * the stage can only be closed.
 */
int stage_seal(struct stage *stage, const struct library *library, struct record *record);

/*
 * Removes the stage's own name and closes it. A stage that is {.fd = -1, .folder = -1} is let be.
 */
void stage_close(struct stage *stage);

/*
 * Calls `visit` for each stage of all clients, as far as they can be seen: its folder, its name in
 * it, and its status. A stage may vanish at any time.
 */
typedef void stage_visit(void *context, int folder, const char *id, const struct stat *status);
void stage_visit_all(const struct library *library, stage_visit *visit, void *context);

/* What is on its way in, or was left there. */
struct stage_usage {
    uint64_t count; /* of stages */
    uint64_t bytes;
};

/* Counts the stages of all clients, as far as they can be seen. */
void stage_measure(const struct library *library, struct stage_usage *ret);

#endif
