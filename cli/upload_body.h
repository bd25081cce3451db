/*
 * The body of an upload: a local file, or a stream of bytes, on its way to the server, which is
 * listened to meanwhile.
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
    struct digest digest; /* of what was read of it */
    int64_t size;         /* bytes of that */
    bool refused;         /* the server has answered before the end */
    int64_t alive_ms;     /* when the server last heard of us */
    int64_t alive_sent;   /* how many bytes it had then */
};

/* Begins a body, whose go-ahead has come. */
void upload_body_begin(struct upload_body *body, struct connection *connection, int source,
                       bool is_file);

/*
 * Reads the first bytes of a file, which the server has already; they are hashed, and not sent.
 * Returns as upload_body_send(); `size` is smaller for a file that has fewer, and one that was
 * refused.
 */
int upload_body_skip(struct upload_body *body, int64_t length, int *ret_error);

/*
 * Sends what is left of the source, up to, but without, the end of the body; while the source is
 * silent signs of life are sent. Returns 0, also when the server has refused it, and for an error
 * of the source, which is in `ret_error` as in errno; or -REASON_LOST or -REASON_TIMEOUT.
 */
int upload_body_send(struct upload_body *body, int *ret_error);

/* Gives the body up. Returns what the server has to say of it, as connection_answer(). */
int upload_body_abort(struct upload_body *body, const char *name);

/* Reads all of a source that is no regular file without sending it. Returns 0, or -1 with errno. */
int upload_body_hash(struct upload_body *body);

#endif
