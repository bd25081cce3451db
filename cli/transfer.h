/*
 * Transfers: the bodies of uploads and downloads, each verified by its digest.
 */
#ifndef CLI_TRANSFER_H
#define CLI_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/connection.h"
#include "protocol/body.h"

/*
 * Stores what is read from `source` under a name. A regular file is sent with its size, and ahead
 * when it is small. Of other descriptors all is read to the end; while they are silent signs of
 * life are sent. `local` names the source in complaints.
 *
 * Returns 0 when the file is stored, or was there with the same bytes already; or a reason after
 * complaining.
 */
int transfer_put(struct connection *connection, const char *name, int source, const char *local);

/* Takes a piece of a body. Returns 0, or a reason after complaining: then nothing more is read. */
typedef int transfer_sink(void *context, const char *bytes, size_t length);

/*
 * Reads a body that the server has announced by OK, to its end, and gives its pieces to the sink.
 * With `digest` the pieces are hashed, and END must carry their digest, which is written there.
 * Returns 0, or a reason; `*ret_complained` tells whether the sink has complained already.
 */
int transfer_read_body(struct connection *connection, transfer_sink *sink, void *context,
                       char digest[DIGEST_ROOM], bool *ret_complained);

/*
 * Fetches the file under a name into a descriptor. Returns 0 when all of it, verified, was written,
 * with its digest in `digest`; or a reason after complaining. `local` names the descriptor in
 * complaints.
 */
int transfer_get(struct connection *connection, const char *name, int target, const char *local,
                 char digest[DIGEST_ROOM]);

/*
 * Does the file under a name have this size and digest? Asks the server without fetching it.
 * Returns 0, -REASON_EXISTS when it has others, or another reason after complaining.
 */
int transfer_compare(struct connection *connection, const char *name, int64_t size,
                     const char digest[DIGEST_ROOM]);

#endif
