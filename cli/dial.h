/*
 * Dialling: connects to a server, or starts the command of an exec: address.
 */
#ifndef CLI_DIAL_H
#define CLI_DIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/failure.h"
#include "protocol/address.h"

/*
 * Connects to a server within a limit for all of its addresses together, or starts the command of
 * exec:. The caller reads from ret[0] and writes to ret[1], which may be the same, and owns them;
 * `*ret_child` is the command's process, or 0. Returns 0 or a reason.
 */
int dial(const struct address *server, int64_t limit_ms, int ret[2], pid_t *ret_child,
         struct failure *failure);

/*
 * Waits a few seconds for a command to end, after its descriptor was closed. If it does not, or at
 * once with `hurry`, it gets TERM, and a few seconds later KILL.
 */
void dial_end_child(pid_t child, bool hurry);

#endif
