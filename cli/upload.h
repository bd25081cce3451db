/*
 * Uploads: a local file, or a stream of bytes, on its way to the server.
 */
#ifndef CLI_UPLOAD_H
#define CLI_UPLOAD_H

#include "cli/connection.h"

/*
 * Stores what is read from `source` under a name. A regular file is sent with its size, and ahead
 * when it is small. Of other descriptors all is read to the end; while they are silent signs of
 * life are sent. `local` names the source in complaints.
 *
 * Returns 0 when the file is stored, or was there with the same bytes already; or a reason after
 * complaining.
 */
int upload_put(struct connection *connection, const char *name, int source, const char *local);

#endif
