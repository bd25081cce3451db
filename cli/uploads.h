/*
 * The uploads in flight: which are sent, their answers in order, and which of them are sent again.
 * Small files are sent ahead, many of them before the first answer is read, so that the server can
 * make them durable together. A large file, or a stream, is the only one in flight.
 */
#ifndef CLI_UPLOADS_H
#define CLI_UPLOADS_H

#include "cli/connection.h"
#include "cli/upload.h"
#include "protocol/body.h"

enum {
    UPLOADS_MOST = 64, /* uploads that may be in flight at a time */
};

/* An upload in the queue. */
struct queued {
    enum {
        QUEUED_READY, /* to be sent */
        QUEUED_SENT,  /* its answer is awaited */
        QUEUED_DONE,
    } state;
    int code;               /* of QUEUED_DONE: 0 or a reason */
    struct failure failure; /* of that reason */
    struct upload upload;
};

/*
 * Called for each upload, in order. `code` is 0, or the reason of the failure in
 * connection->failure.
 */
typedef void uploads_report(void *context, const struct upload *upload, int code);

struct uploads {
    struct connection *connection;
    const struct upload_rules *rules; /* of the uploads that are added from now on */
    uploads_report *report;
    void *context;
    size_t count;
    size_t in_flight; /* how many of them are QUEUED_SENT */
    int pushed;       /* the result of sending them so far: 0 or a reason */
    struct queued queue[UPLOADS_MOST];
    char bytes[EAGER_LARGEST + 1]; /* of the small file at hand */
};

/*
 * Stores what is read from `source` under a name. It is reported now, or by uploads_settle() at the
 * latest.
 */
void uploads_put(struct uploads *uploads, const char *name, int source, const char *local);

/* The same of what a command prints, by upload_begin_command(). */
void uploads_put_command(struct uploads *uploads, const char *name, char *const command[]);

/*
 * Reports what would become of a file or, without a source, of a stream or a command, by upload_plan().
 */
void uploads_plan(struct uploads *uploads, const char *name, int source, const char *local,
                  char *const command[], const struct entry *there);

/* Is there an upload with this name that is not yet reported? */
bool uploads_have(const struct uploads *uploads, const char *name);

/*
 * Reports, in its turn, a file that cannot be stored; `code` is the reason of the failure in
 * connection->failure.
 */
void uploads_refuse(struct uploads *uploads, const char *name, const char *local, int code);

/* Brings all uploads to their end, in as many attempts as the settings allow, and reports them. */
void uploads_settle(struct uploads *uploads);

#endif
