/*
 * Serving a connection: the loop that reads requests, lets each through the gate, and calls its
 * handler.
 */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

#include "daemon/session.h"
#include "tls/tls.h"

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
    const struct tls *tls;               /* NULL when no address needs it */
    const struct tls_identity *identity; /* for it: the certificate of the daemon */
};

/* A connection that a listener accepted, as the parent gives it to a worker. */
struct arrival {
    enum address_kind kind; /* of the address to which it came */
    int connection;
    int signer;        /* for TLS: its descriptor of the signer; otherwise -1 */
    int64_t until_ms;  /* for TLS: when the handshake must have ended, by clock_ms() */
    struct peer peer;  /* who it was, as far as the kernel knew, when it came */
    uint64_t session;  /* the number of its session */
    struct slot *slot; /* that of the session; all processes have the table at the same place */
};

/* How bytes come and go: what stream_open() takes. Both descriptors may be the same. */
struct wire {
    const struct transport *transport;
    void *state;
    int in, out;
};

/*
 * Serves a client to the end of its session, and closes the wire. `number` is that of the session in
 * the log, and `slot` was taken for it. `wake` becomes readable when the session has to end after its
 * current request, `gone` when the daemon stops, even if the session may outlive it: that ends only a
 * wait for files. Both may be the same descriptor; -1 for none.
 */
void serve_client(const struct wire *wire, const struct client *client, uint64_t number,
                  struct slot *slot, const struct service *service, int wake, int gone);

/*
 * The same for a connection that a listener accepted: does the handshake of TLS, finds out who the
 * client is, and closes both descriptors.
 */
void serve_connection(const struct arrival *arrival, const struct service *service, int wake,
                      int gone);

/*
 * Answers a connection that cannot be served with FAIL busy, without waiting for it, unless it came to
 * an address of TLS, which is answered only after a handshake. The caller closes it. It is counted,
 * and logged with the cause unless log_admits_refusal() says no; `is_known` is for that.
 */
void serve_busy(int connection, enum address_kind kind, const struct peer *peer, bool is_known,
                const char *cause, struct counters *counters);

#endif
