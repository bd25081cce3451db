/*
 * The parent: accepts connections and hands each to a worker, until the daemon stops. It never
 * reads a byte that a client sent, and never waits for a client.
 *
 *      clients                             systemd, init, an administrator
 *         | connect                           | TERM, INT, HUP, ALRM
 *         v                                   v
 *   listening sockets ----- accept ----> +--------+ --- READY=1 and others --> systemd
 *   (its own, or systemd's)              | parent | <-- CHLD when a child ends
 *                                        +--------+
 *                                         |   |  | fork
 *            channel: connections go down |   |  +------------+---------------+
 *            (SCM_RIGHTS), ends of        |   |               |               |
 *            sessions come up       +-----+   +-----+         |               |
 *                                   |               |         |               |
 *                               +--------+     +--------+ +---------+   +----------+
 *                               | worker |     | worker | | sweeper |   | notifier |
 *                               +--------+     +--------+ +---------+   +----------+
 *                                   |           |  |  |                   |  |  |
 *                                session        sessions ---- notices ----+--+--+
 *                                   |           |  |  |
 *                                 client        clients
 *
 * Where an address is for TLS, there is also a signer (daemon/signer.h), which has the private key of
 * the daemon. Of each pair of sockets that the parent makes for a connection, it keeps one end, and a
 * session the other. It is started again when it crashes. Until a client of TLS is known, the parent
 * keeps the connection, too (daemon/handshakes.h), and hands it over only when something has come.
 *
 * A worker serves one connection (concurrency = "process"), or many, a thread for each ("thread");
 * both are in daemon/worker.h. It keeps open its end of the channel, the library's folder and .fsd, a
 * socket of the notifier, and the connections that it is given. The sweeper, which removes old stages,
 * keeps open the library's folder and .fsd, the notifier (daemon/notifier.h) the other end of that
 * socket. All of them but the signer use the counters (daemon/counters.h), the slots of sessions
 * (daemon/slots.h), the rights of clients as they are now (daemon/access.h), the log, which is
 * their standard error, and nothing else: a child has the settings of the moment when it was
 * forked.
 *
 * TERM or INT: the parent closes the channels, so that each session ends after its current request.
 * The parent waits for limits.drain, or a second signal, then sends KILL to the workers that are
 * left. If systemd opened the sockets, the parent does not wait: the sessions outlive it, except
 * for waits for files, and the next daemon takes over the sockets. TERM to a worker always ends its
 * sessions after their current requests.
 *
 * HUP: the parent reads the settings again, publishes the rights of clients, and gives no more
 * connections to old workers. ALRM, and every hour: it starts a sweeper. Every two seconds it looks
 * whether the files of its sockets and the pid file are still there, makes them again, and sums up
 * refusals in the log. It starts the notifier when a session needs one. Connections that it refuses are
 * closed by a child, which ends at once. When the parent is killed, the channels close, the sweeper
 * dies, and the notifier ends with the last session that waits for files.
 */
#ifndef DAEMON_PARENT_H
#define DAEMON_PARENT_H

#include "daemon/access.h"
#include "daemon/command_line.h"
#include "daemon/counters.h"
#include "daemon/listener.h"
#include "daemon/settings.h"
#include "daemon/signer.h"
#include "daemon/slots.h"
#include "daemon/store/library.h"
#include "daemon/systemd.h"

/* All that a daemon has open. */
struct daemon {
    const struct systemd *systemd;
    const struct command_line *line; /* needed to read the settings again */
    struct settings *settings;
    struct library library;
    struct counters *counters;
    struct slots *slots;
    struct access_now *rights_now; /* the rights of clients, after a reload the new ones */
    struct listener listener;
    struct signer signer; /* if an address needs it */
    int pid_file;         /* -1 for none */
};

/* Blocks TERM, INT, HUP, ALRM and CHLD, which are then handled only while parent_run() waits. */
void parent_catch_signals(void);

/* Serves until TERM or INT, then closes the listener, removes the pid file and drains sessions. */
void parent_run(struct daemon *daemon);

#endif
