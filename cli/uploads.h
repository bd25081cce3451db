/*
 * Uploads in a row: small files are sent ahead, many of them before the first answer is read, so
 * that the server can make them durable together.
 */
#ifndef CLI_UPLOADS_H
#define CLI_UPLOADS_H

#include "cli/connection.h"
#include "cli/retry.h"
#include "cli/upload.h"
#include "protocol/body.h"

enum {
    UPLOADS_AHEAD = 64, /* uploads whose answers may be awaited at a time */
};

/* One that was sent ahead. */
struct ahead {
    char *name;
    char *local;
    char *bytes; /* those of the file, to be sent again; NULL when they never will */
    struct outcome outcome;
    int code;               /* what became of it */
    struct failure failure; /* of it */
};

/*
 * Is told what became of each upload, in their order. `code` is 0, or the reason for which it
 * failed, which is in connection->failure.
 */
typedef void uploads_report(void *context, const char *name, const char *local, int code,
                            const struct outcome *outcome);

struct uploads {
    struct connection *connection;
    const struct upload_rules *rules;
    uploads_report *report;
    void *context;
    struct retry retry; /* of those that are sent ahead */
    size_t count;
    int pushed; /* what became of sending them, before the end: 0 or a reason */
    struct ahead ahead[UPLOADS_AHEAD];
    char bytes[EAGER_LARGEST + 1]; /* the file of this moment */
};

void uploads_init(struct uploads *uploads, struct connection *connection,
                  const struct upload_rules *rules, uploads_report *report, void *context);

/*
 * Stores what is read from `source` under a name. What became of it is reported now, or by
 * uploads_settle() at the latest.
 */
void uploads_put(struct uploads *uploads, const char *name, int source, const char *local);

/*
 * Reads and reports the answers that are awaited; to be called before any other failure is
 * reported, so that they are in the order of the files, and at the end. errno stays as it is.
 */
void uploads_settle(struct uploads *uploads);

#endif
