/*
 * Serving a connection: the loop that reads requests, lets each through the gate, and calls its
 * handler.
 */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

#include "daemon/session.h"

/* The text of FAIL unavailable for a client that could not be looked up. */
#define SERVE_UNIDENTIFIED "cannot find out who you are; the log of fsd says why"

/*
 * What all sessions of a process share. The settings and the library are those of the moment when the
 * process was forked; the other three are memory that all processes share.
 */
struct service {
    const struct settings *settings;
    const struct library *library;
    struct counters *counters;
    struct slots *slots;
    const struct access_now *rights_now;
    uint64_t rights_version; /* that of the rights in these settings */
    bool outlives; /* sessions outlive the daemon, since the next one takes over its sockets */
};

/*
 * Serves a client to the end of its session, and closes its descriptors, which may be the same.
 * `number` is that of the session in the log, and `slot` was taken for it. `wake` becomes readable
 * when the session has to end after its current request, `gone` when the daemon stops, even if the
 * session may outlive it: that ends only a wait for files. Both may be the same descriptor; -1 for
 * none.
 */
void serve_client(int in, int out, const struct client *client, uint64_t number, struct slot *slot,
                  const struct service *service, int wake, int gone);

/*
 * The same for a connection that a listener accepted on an address of that kind: finds out who the
 * client is.
 */
void serve_connection(int connection, enum address_kind kind, uint64_t number, struct slot *slot,
                      const struct service *service, int wake, int gone);

/*
 * Answers a connection that cannot be served with FAIL busy, without waiting for it. The caller closes
 * it. It is counted, and logged with the cause unless log_admits_refusal() says no; `is_known` is for
 * that.
 */
void serve_busy(int connection, bool is_known, const char *cause, struct counters *counters);

#endif
