/*
 * The sweeper: a process that removes old stages from the library once, and ends.
 */
#ifndef DAEMON_SWEEPER_H
#define DAEMON_SWEEPER_H

#include "daemon/serve.h"

/*
 * Forks one, which whoever waits for children will find; when it cannot be forked, that is logged.
 * It does not outlive this process.
 */
void sweeper_start(const struct service *service);

#endif
