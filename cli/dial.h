/*
 * Dialling: the way to a server, up to a descriptor to speak to it through.
 */
#ifndef CLI_DIAL_H
#define CLI_DIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/failure.h"
#include "protocol/address.h"

/*
 * Connects to a server within a limit, all of its addresses together; for exec: starts the command,
 * whose process is in `ret_child`, which else is 0. Returns 0 or a reason.
 */
int dial(const struct address *server, int64_t limit_ms, int *ret, pid_t *ret_child,
         struct failure *failure);

/*
 * Lets a command end, now that its descriptor is closed, within a few seconds. One that will not,
 * and with `hurry` every one, is told to by TERM, and then made to.
 */
void dial_end_child(pid_t child, bool hurry);

#endif
