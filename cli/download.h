/*
 * Downloads: the bodies that a server sends, verified by their digests.
 */
#ifndef CLI_DOWNLOAD_H
#define CLI_DOWNLOAD_H

#include <stdint.h>

#include "cli/connection.h"
#include "cli/report.h"
#include "protocol/digest.h"
#include "protocol/line.h"

/* Takes a line of a body. Returns 0, or a reason after complaining: then nothing more is read. */
typedef int download_line_sink(void *context, const struct line *line);

/*
 * Reads a body of whole lines, which the server has announced by OK, to its end, and gives them,
 * taken apart, to the sink. What is no line is a breach. Returns 0, or a reason after complaining
 * of `subject`.
 */
int download_lines(struct connection *connection, const char *subject, download_line_sink *sink,
                   void *context);

/*
 * Fetches the file under a name into a descriptor. Returns 0 when all of it, verified, was written,
 * with its size and digest in `outcome`; or a reason after complaining. `local` names the
 * descriptor in complaints.
 */
int download_get(struct connection *connection, const char *name, int target, const char *local,
                 struct outcome *outcome);

/*
 * Does the file under a name have this size and digest? Asks the server without fetching it.
 * Returns 0, -REASON_EXISTS when it has others, or another reason after complaining.
 */
int download_compare(struct connection *connection, const char *name, int64_t size,
                     const char digest[DIGEST_ROOM]);

#endif
