/*
 * The body of an upload: reads a local file or a stream, hashes it and sends it, and listens to what
 * the server says meanwhile.
 */
#ifndef CLI_UPLOAD_BODY_H
#define CLI_UPLOAD_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/connection.h"
#include "protocol/digest.h"

struct upload_body {
    struct connection *connection;
    int source;
    bool is_file;         /* the source is a regular file, which is always ready */
    struct digest digest; /* of what was read */
    int64_t size;         /* bytes that were read */
    bool refused;         /* the server has answered before the end */
    int64_t alive_ms;     /* when the server last heard from us */
    int64_t alive_sent;   /* `size` at that time */
};

/* Begins a body after its go-ahead. */
void upload_body_begin(struct upload_body *body, struct connection *connection, int source,
                       bool is_file);

/*
 * Reads and hashes the first bytes of a file, which the server has already, without sending them.
 * Returns as upload_body_send(); `size` is smaller than `length` if the file is shorter or was
 * refused.
 */
int upload_body_skip(struct upload_body *body, int64_t length, int *ret_error);

/*
 * Sends the rest of the source, but not END; while the source is silent, signs of life. Returns 0,
 * also if the server has refused it or the source cannot be read, when `ret_error` is the errno; or
 * -REASON_LOST or -REASON_TIMEOUT.
 */
int upload_body_send(struct upload_body *body, int *ret_error);

/* Ends the body by ABORT. Returns as connection_answer(), usually -REASON_ABORTED. */
int upload_body_abort(struct upload_body *body, const char *name);

/* Reads and hashes all of a stream without sending it. Returns 0, or -1 with errno set. */
int upload_body_hash(struct upload_body *body);

#endif
