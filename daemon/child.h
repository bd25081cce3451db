/*
 * Child processes: how each of them begins, and the two kinds that serve nobody. Workers are in
 * daemon/worker.h.
 */
#ifndef DAEMON_CHILD_H
#define DAEMON_CHILD_H

#include "daemon/serve.h"
#include "settings/fault.h"

/*
 * In a new child, which has closed the descriptors of the parent: handles TERM by `on_term` or
 * SIG_DFL, ignores INT, HUP and ALRM, unblocks all signals.
 */
void child_take_signals(void (*on_term)(int number));

/*
 * Runs a job in a child and waits for it, so that the caller survives a crash, exit(3) or limit.
 * The job returns 0, or a reason with a sentence in `fault`. Returns the same; or a reason with an
 * empty `fault` when the job ended its process instead of returning.
 */
int child_try(int (*job)(const void *argument, char fault[FAULT_LINE_ROOM]), const void *argument,
              char fault[FAULT_LINE_ROOM]);

/*
 * Starts the sweeper, a child that removes old stages from the library, then ends. The caller reaps
 * it; if the caller dies first, so does the sweeper. Logs an error when it cannot start.
 */
void child_sweep(const struct service *service);

#endif
