/*
 * Uploads: a local file, or a stream of bytes, on its way to the server.
 */
#ifndef CLI_UPLOAD_H
#define CLI_UPLOAD_H

#include <stdbool.h>
#include <sys/stat.h>

#include "cli/connection.h"
#include "cli/report.h"

/*
 * Judges the final answer to an upload, whose size and digest are in `outcome`. `code` is what
 * connection_answer() returned; `told`: the server has been told the digest. Returns 0 when the
 * file is stored, or was there with the same bytes already, which is noted; or a reason after
 * complaining of the name.
 */
int upload_judge(struct connection *connection, const char *name, bool told, int code,
                 struct outcome *outcome);

/* Complains that a local file changed. Returns -REASON_MISMATCH. */
int upload_complain_changed(const char *local);

/*
 * Stores what is read from `source` under a name: asks first, and sends it after the go-ahead. A
 * regular file, of which `status` tells, is sent with its size; with `status` NULL all is read to
 * the end, and while the source is silent signs of life are sent. `local` names it in complaints.
 * The connection is ready, and no answer is awaited. Returns as upload_judge().
 */
int upload_stream(struct connection *connection, const char *name, int source, const char *local,
                  const struct stat *status, struct outcome *outcome);

#endif
