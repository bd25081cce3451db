/*
 * The notifier: the process that has the daemon's one instance of inotify, for all sessions that wait
 * for files. With an instance for each session, 128 sessions would use up those of the user.
 *
 * It never sees what a client sends: it gets descriptors of folders and numbers from sessions (see
 * daemon/store/notices.h), and names of files from the kernel. It never waits for a session: when the
 * pipe of one is full, notices are dropped, and the session reads IN_Q_OVERFLOW instead. No session
 * may have more watches than are left for all others, so one with a tree of a million folders cannot
 * take all of them.
 *
 * The parent starts it when a session asks for it and there is none. It ends when no session has
 * needed it for a second; what is sent to it after that waits in the socket for the next notifier.
 */
#ifndef DAEMON_NOTIFIER_H
#define DAEMON_NOTIFIER_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Makes the pair of sockets over which sessions reach the notifier: `pair[0]` is for all workers,
 * `pair[1]` for the notifier, which is needed when it is readable. Returns 0, or -1 with errno set.
 */
int notifier_open(int pair[2]);

/*
 * Forks a notifier, which may use `memory` bytes more than `memory_before` (worker_limit_memory()).
 * Returns its pid, or -1 with errno set.
 */
pid_t notifier_start(int socket, int64_t memory_before, int64_t memory);

#endif
