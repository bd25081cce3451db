/*
 * Child processes: how each of them begins, and the two kinds that serve nobody. Workers are in
 * daemon/worker.h.
 */
#ifndef DAEMON_CHILD_H
#define DAEMON_CHILD_H

#include "daemon/serve.h"
#include "settings/fault.h"

enum {
    CHILD_FAULT_ROOM = FAULT_LINE_ROOM, /* bytes of a sentence that says what went wrong */
};

/*
 * In a new child, which has all that the parent had: closes all descriptors but two, which may be
 * the same, and the standard ones, and reopens the log.
 */
void child_leave_parent(int keep, int keep_too);

/* Then handles TERM by `on_term`, or SIG_DFL, ignores INT and HUP, and unblocks all signals. */
void child_take_signals(void (*on_term)(int number));

/*
 * Runs a job in a child, and waits for it: the caller survives whatever it does. The job returns 0
 * or a reason, with one sentence in `fault`. Returns that, with its sentence; or a reason without
 * a sentence when the job has ended its process instead of returning.
 */
int child_try(int (*job)(const void *argument, char fault[CHILD_FAULT_ROOM]), const void *argument,
              char fault[CHILD_FAULT_ROOM]);

/*
 * Starts the sweeper, a child that removes old stages from the library and ends. It does not
 * outlive this process, and whoever waits for children reaps it. When it cannot be started that is
 * logged. Does nothing in a library that is read-only.
 */
void child_sweep(const struct service *service);

#endif
