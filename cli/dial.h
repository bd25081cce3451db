/*
 * Dialling: connects to a server, or starts the command of an ssh:// or exec: address.
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
 * ssh:// or exec:. The caller reads from ret[0] and writes to ret[1], which may be the same, and owns
 * them; `*ret_command` is what dial_end() is to end, or 0. With `shares_group` the command stays in
 * our process group even where nobody can use a terminal. Returns 0 or a reason.
 */
int dial(const struct address *server, int64_t limit_ms, bool shares_group, int ret[2],
         pid_t *ret_command, struct failure *failure);

/*
 * Waits a few seconds for a command to end, after its descriptors were closed: its process, or all of
 * its process group, where `command` is the negative of that. If it does not, or at once with
 * `hurry`, it gets TERM, then what is left of its group, and a few seconds later KILL. Returns how
 * the command ended by itself, as waitpid(2) gives it, or -1.
 */
int dial_end(pid_t command, bool hurry);

#endif
