/*
 * Downloads: the bodies that a server sends, verified by their digests.
 */
#ifndef CLI_DOWNLOAD_H
#define CLI_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/child.h"
#include "cli/connection.h"
#include "protocol/digest.h"
#include "protocol/line.h"
#include "protocol/sparse.h"

/* Takes a line of a body. Returns 0, or a reason: then nothing more is read. */
typedef int download_line_sink(void *context, const struct line *line, struct failure *failure);

/*
 * Reads a body of lines, which the server has announced by OK, to its end, and gives each parsed
 * line to the sink. An invalid line is a breach. Returns 0 or a reason, in a message about `subject`.
 */
int download_lines(struct connection *connection, const char *subject, download_line_sink *sink,
                   void *context);

/* A file that is fetched, in one attempt or more. Members that are not set must be 0. */
struct download {
    const char *name;
    char wanted[DIGEST_ROOM]; /* the only content to be fetched; empty: any */
    int64_t began_ms;         /* of clock_ms() */
    int64_t wait_until_ms;    /* of clock_ms(): how long to wait for the name; 0: not at all */
    int fd;                   /* to write to; -1: only the digest is needed */
    const char *local;        /* what messages call the file that is written */
    char *const *command;     /* that gets the file, started when the first byte comes; or NULL */
    struct child child;
    bool can_restart; /* what was written can be undone: it is a regular file */
    bool is_spool;    /* it is that of --spool */
    /* Set by download_get(): */
    struct connection *connection;
    int64_t size;             /* announced */
    int64_t written;          /* bytes */
    char digest[DIGEST_ROOM]; /* announced or, if it was not, made; empty: not known */
    struct digest made;       /* of what was written */
    struct sparse file;       /* how far a regular file is written */
    bool has_part;            /* it began with bytes of an earlier run, which may be damaged */
    bool is_damaged;          /* they were */
};

/*
 * Fetches a file, or resumes what an earlier attempt began, if the server has the digest to prove
 * that it is the same file. Returns 0 when all of it is verified and written, and then its size and
 * digest are known; or a reason.
 */
int download_get(struct connection *connection, struct download *download);

/* Copies an open file, from its start, to where the download goes. Returns 0 or a reason. */
int download_deliver(struct connection *connection, struct download *download, int source);

/* Waits for the command, which got all of the file. Returns 0 if it read that and exited with 0. */
int download_end_command(struct download *download);

/*
 * Begins with the bytes that an earlier run has written to an open file. download_look() must have set
 * the digest. Returns 0, or -REASON_LOCAL.
 */
int download_take_part(struct download *download, int fd, struct failure *failure);

/* After an attempt that has failed: can another one succeed? */
bool download_can_resume(const struct download *download);

/*
 * Sets the size and digest, as far as it is known, of the file under the download's name, without
 * fetching it. Returns 0 or a reason.
 */
int download_look(struct connection *connection, struct download *download);

/*
 * Does the file under the download's name have the download's size and digest? Asks the server
 * without fetching it. Returns 0, -REASON_EXISTS when it has others, or another reason.
 */
int download_compare(struct connection *connection, const struct download *download);

#endif
