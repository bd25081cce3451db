/*
 * The command of an ssh:// address: ssh(1), which runs fsd --stdio on the other machine.
 */
#ifndef CLI_SSH_H
#define CLI_SSH_H

#include <stdbool.h>

#include "protocol/address.h"

/*
 * Becomes this command, in a new process; returns only if that fails. Unless it `may_ask`, ssh never
 * asks for a password, or for anything else.
 */
void ssh_exec(const struct address *server, bool may_ask);

#endif
