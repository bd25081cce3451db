/*
 * Workers: the processes that serve connections. daemon/parent.h has a drawing of all processes.
 *
 * With concurrency = "process" a worker serves one connection, then ends. A fault in one session,
 * or an attacker who has taken it over, cannot reach another. With "thread" one worker serves many
 * connections, a thread for each. When it dies, so do all of its sessions.
 *
 * Parent and worker are connected by a channel, a pair of Unix sockets that keeps messages whole.
 * The parent sends connections (unix(7), SCM_RIGHTS); a worker with threads sends back the number
 * of each session that has ended. The parent closes the channel when the daemon stops. Then the
 * worker ends its sessions, unless they outlive the daemon (struct service); on TERM it always does.
 */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/serve.h"

/*
 * Forks a worker of the model that the settings name. `memory_before` is worker_memory_in_use() when
 * the parent had read the settings: each session may take limits.memory in addition. Returns the pid,
 * with the parent's end of the channel in `ret_channel`, or -1 with errno set.
 */
pid_t worker_start(const struct service *service, int64_t memory_before, int *ret_channel);

/*
 * Hands over a connection, to be served. The caller still owns its own descriptors. Never waits.
 * Returns 0, or -1 with errno set, which is EPIPE if and only if the worker is gone.
 */
int worker_give(int channel, const struct arrival *arrival);

/* Tells a worker with threads to end with its last session. Never waits. As worker_give(). */
int worker_retire(int channel);

/* Can the channel take a connection now, or is it full? Never waits. */
bool worker_has_room(int channel);

/*
 * Reads the number of the next session that has ended. Returns 1; 0 when there is none now; -1 when
 * the worker has closed its end. Never waits.
 */
int worker_next_end(int channel, uint64_t *ret_session);

/*
 * The bytes of data of this process, as RLIMIT_DATA counts them (setrlimit(2); statm in proc(5)),
 * or -1 when they cannot be found out.
 */
int64_t worker_memory_in_use(void);

/*
 * Limits the data of this process to `bytes` more than `in_use`, permanently. Does nothing when
 * `in_use` is -1, or when the limit is lower already.
 */
void worker_limit_memory(int64_t in_use, int64_t bytes);

#endif
