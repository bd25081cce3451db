/*
 * The body of an upload: reads a local file or a stream, hashes it and sends it, and listens to what
 * the server says meanwhile.
 */
#ifndef CLI_UPLOAD_BODY_H
#define CLI_UPLOAD_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/child.h"
#include "cli/connection.h"
#include "protocol/digest.h"

struct upload_body {
    struct connection *connection;
    int source;
    struct child *child;  /* that writes to the source; NULL: there is none */
    bool is_file;         /* the source is a regular file, which is always ready */
    struct digest digest; /* of what was read */
    int64_t size;         /* bytes that were read */
    int64_t wanted;       /* bytes that there should be; -1: any number */
    int copy;             /* of upload_body_hash(): a file that gets what was read; -1: none */
    bool refused;         /* the server has answered before the end */
    int64_t alive_ms;     /* when the server last heard from us */
    int64_t alive_sent;   /* `size` at that time */
};

/*
 * Begins a body after its go-ahead. If the source has more bytes than are `wanted`, reading ends with
 * a piece that is not sent, and `size` is larger; -1: it may have any number.
 */
void upload_body_begin(struct upload_body *body, struct connection *connection, int source,
                       struct child *child, bool is_file, int64_t wanted);

/*
 * Reads and hashes the first bytes of a file, which the server already has, without sending them.
 * Returns as upload_body_send(). `size` stays below `length` if the file is shorter, or refused.
 */
int upload_body_skip(struct upload_body *body, int64_t length, int *ret_error);

/*
 * Sends the rest of the source, but not END, and signs of life while the source is silent.
 * After the end of a child's output it waits until the child has ended, too. Returns
 * 0, -REASON_LOST or -REASON_TIMEOUT. It is 0 also if the server has refused the upload, or if the
 * source cannot be read; then `ret_error` is the errno.
 */
int upload_body_send(struct upload_body *body, int *ret_error);

/* Ends the body by ABORT. Returns as connection_answer(), usually -REASON_ABORTED. */
int upload_body_abort(struct upload_body *body, const char *name);

/*
 * Reads and hashes all of a stream without sending it, and copies it. Returns 0, -REASON_TIMEOUT for a
 * child that takes too long, or with errno set -REASON_INTERNAL if it cannot be read, and
 * -REASON_LOCAL if the copy cannot be written.
 */
int upload_body_hash(struct upload_body *body);

#endif
