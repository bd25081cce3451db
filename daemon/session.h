/*
 * A session: one connection, from its first request to its end.
 *
 * All of its state is in one struct, and it knows nothing of the process or thread that it runs in.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>

#include "daemon/access.h"
#include "daemon/counters.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"
#include "protocol/body.h"
#include "protocol/line.h"
#include "protocol/stream.h"

enum {
    SESSION_WHY_ROOM = 512, /* bytes of the text of FAIL, with its NUL */
    SESSION_ID_ROOM = 24,   /* the same of a session's number */
};

/* What all sessions of a process share; only the counters change. */
struct service {
    const struct settings *settings;
    const struct library *library;
    struct counters *counters;
    bool outlives; /* sessions go on when the daemon stops: the next one has its sockets already */
};

/*
 * Handlers of requests use the stream, the library, the client and the line; they read a body that
 * is due by `body`, and clear `body_due` at its end. The rest is the session's own.
 */
struct session {
    struct stream stream;
    const struct settings *settings;
    const struct library *library;
    struct counters *counters;
    struct client client;
    unsigned sees;            /* rights, any of which lets the client see a name in this request */
    char id[SESSION_ID_ROOM]; /* for the log */
    int wake;                 /* becomes readable when the daemon stops; -1 for none */
    int gone;                 /* the same, and when it leaves its sessions to themselves */
    bool over;                /* no further request is to be read */
    enum reason outcome;      /* of the request, for the counters, when it is neither OK nor FAIL */
    bool body_due;            /* the client's body, or the rest of it, is still to come */
    struct body body;         /* how far it has been read */
    int64_t linger_until_ms;  /* when a refused client's bytes are no longer dropped; 0: not yet */
    struct line line;         /* the request */
    char why[SESSION_WHY_ROOM]; /* the text of the next FAIL */
    uint64_t received, sent;    /* bytes of the stream that the counters know of */
};

/*
 * Serves a connection to its end and closes its descriptors, which may be one. `number` tells the
 * session from others of this daemon. `wake` becomes readable when the daemon stops; `gone` then,
 * too, and when it leaves its sessions to themselves: what only waits ends, all else goes on. They
 * may be one; -1 for none.
 */
void session_run(int in, int out, const struct client *client, uint64_t number,
                 const struct service *service, int wake, int gone);

/* The same for a socket that has come to a listener, by an address of that kind: finds out who the
 * client is. */
void session_serve(int connection, enum address_kind kind, uint64_t number,
                   const struct service *service, int wake, int gone);

/* Answers a connection that cannot be served FAIL busy, without waiting for it, and closes it. */
void session_turn_away(int connection);

/*
 * For handlers of requests: says why a request is refused, and returns the negative of the reason
 * for the handler to return. What came from the client has to be passed through line_echo() first.
 */
int session_refuse(struct session *session, enum reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * For handlers of requests: may the client see this name? "/" stands behind that of a folder, which
 * it may see when there may be anything in it that it may see.
 */
bool session_may_see(const struct session *session, const char *name);

/*
 * For handlers that wait for what other sessions do: is there reason to end the wait? Returns 0, or
 * -REASON_UNAVAILABLE when the daemon stops or is gone, with which the session is over, or the
 * library is no longer in its place.
 */
int session_judge_wait(struct session *session);

/*
 * For the same: sends what is pending, and waits until `source` (a descriptor, or -1) is readable,
 * or something else happens, for `limit_ms`, more than 0, at most. What the client sends meanwhile
 * is kept. Returns 0; -REASON_LOST when it sends no more, or is gone; or as session_judge_wait().
 */
int session_wait(struct session *session, int source, int64_t limit_ms);

/* Runs a job that may take long: heartbeat_during() on the session's stream. */
int session_run_with_heartbeat(struct session *session, int (*job)(void *argument), void *argument);

/* Logs that something failed which should not: the operation, the name, and errno. */
void session_log_failure(const struct session *session, const char *operation, const char *name);

#endif
