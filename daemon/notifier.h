/*
 * The notifier: one process that has the one instance of inotify of a daemon, for all sessions that
 * wait for files. A user has few instances (128), and each session would take one.
 *
 * It shares nothing with clients: it gets only descriptors of folders and numbers, from sessions
 * (see daemon/store/notices.h), and names of files from the kernel. It never waits for a session:
 * when the pipe of one is full, notices are dropped, and the session hears of that as if the queue
 * of the kernel had overflowed. No session may have more watches than are left for all others, so
 * one with a tree of a million folders is refused before it has all of them.
 *
 * The parent starts it when the first session asks for it, and again after a crash. It ends when no
 * session has needed it for a while; what comes then waits in the socket for the next one.
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
