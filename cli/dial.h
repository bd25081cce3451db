/*
 * Dialling: connects to a server, or starts the command of an ssh:// or exec: address.
 */
#ifndef CLI_DIAL_H
#define CLI_DIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/failure.h"
#include "cli/settings.h"

/*
 * Connects to the server in the settings within a limit for all of its addresses together, or starts
 * the command of ssh:// or exec:. Where others can write to a folder on the path of a Unix socket, only
 * root, this user, the user "fsd" and the `socket_users` may serve it. TCP reaches other machines only
 * with TLS, whose handshake is the caller's, or if the settings allow it without. The caller owns ret[0],
 * to read from, and ret[1], to write to, which may be the same. `*ret_command` is for child_end(), or 0.
 * With `shares_group` the command stays in our process group even without a terminal. Returns 0;
 * -REASON_IDENTITY when somebody else serves the socket; or another reason.
 */
int dial(const struct settings *settings, int64_t limit_ms, bool shares_group, int ret[2],
         pid_t *ret_command, struct failure *failure);

#endif
