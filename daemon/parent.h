/*
 * The parent: accepts connections and hands each to a worker, until the daemon is to stop. It never
 * reads a byte that a client sent, and never waits for one.
 *
 *        clients                       systemd, init, an administrator
 *           | connect                      | TERM, INT, HUP, ALRM
 *           v                              v
 *    listening sockets -- accept --> +----------+ -- READY=1, ... --> NOTIFY_SOCKET of systemd
 *    (the parent's, or systemd's)    |  parent  | <-- CHLD of every child that ends
 *                                    +----------+
 *                 channel             /    |    \ fork
 *       connections (SCM_RIGHTS) v   /     |     \
 *       ends of sessions ^          /      |      \
 *                          +--------+ +--------+ +---------+
 *                          | worker | | worker | | sweeper |
 *                          +--------+ +--------+ +---------+
 *                           session    session,    removes old
 *                              |       session,    stages
 *                            client    ...
 *
 * A worker serves one connection (concurrency = "process") or many, a thread for each ("thread");
 * daemon/worker.h has both. It keeps its end of the channel, the library's root and what it is
 * given. The sweeper keeps the root. Besides, all share the counters (daemon/counters.h), and
 * nothing else: a child sees the settings as they were when it was forked.
 *
 * TERM or INT: the parent closes the channels, whereupon each session ends after the request that
 * it serves, and waits for limits.drain; then, or at a second signal, it sends KILL to the workers.
 * Where systemd holds the sockets it does not wait: the sessions outlive it, and the next daemon
 * takes the sockets over. TERM to a worker ends that worker alone, as closing its channel does.
 * HUP: the settings are read again, and workers of the old ones get no more connections. ALRM, and
 * every hour: a sweeper. When the parent is killed the channels close, too, and the sweeper dies.
 */
#ifndef DAEMON_PARENT_H
#define DAEMON_PARENT_H

#include "daemon/command_line.h"
#include "daemon/counters.h"
#include "daemon/listener.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"
#include "daemon/systemd.h"

/* What a daemon has, all of it open. */
struct daemon {
    const struct systemd *systemd;
    const struct command_line *line; /* by which the settings are read again */
    struct settings *settings;
    struct library library;
    struct counters *counters;
    struct listener listener;
    int pid_file; /* -1 for none */
};

/* From now on TERM, INT, HUP, ALRM and CHLD are only taken in while parent_run() waits. */
void parent_catch_signals(void);

/* Serves until TERM or INT, then closes the listener, removes the pid file and drains sessions. */
void parent_run(struct daemon *daemon);

#endif
