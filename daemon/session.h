/*
 * A session, one connection from accept to close, as the handlers of requests see it.
 *
 * All of its state is in one struct, and it knows nothing of the process or thread that it runs in.
 * What reads the requests and calls their handlers is daemon/serve.h, above both.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/access.h"
#include "daemon/counters.h"
#include "daemon/log.h"
#include "daemon/settings.h"
#include "daemon/slots.h"
#include "daemon/store/library.h"
#include "protocol/body.h"
#include "protocol/line.h"
#include "protocol/stream.h"

enum {
    SESSION_WHY_ROOM = 2048, /* bytes of the text of FAIL, which may hold a name, with its NUL */
};

/*
 * Handlers use the stream, the library, the client and the line. They read a body that is expected
 * with `body`, and clear `body_expected` at its end.
 */
struct session {
    struct stream stream;
    const struct settings *settings;
    const struct library *library;
    struct counters *counters;
    struct slots *slots; /* what sessions use of what they share; `slot` is that of this one */
    struct slot *slot;
    struct client client;
    const char *address;                 /* of the client, for the log; NULL if it has none */
    const struct access_now *rights_now; /* the rights that the settings give by now */
    uint64_t rights_version;             /* of them, up to which the client has lost nothing */
    unsigned sees;            /* rights, any of which lets the client see a name in this request */
    char id[LOG_NUMBER_ROOM]; /* for the log */
    int64_t begun_ms;         /* when this request began, by clock_ms(); for the log */
    int64_t content_bytes;    /* of files or listings in this request; the same */
    int wake;                 /* readable when the session has to end; -1 for none */
    int gone;                 /* readable when the daemon stops, even if the session outlives it */
    atomic_bool cancelled;    /* the client has hung up while a job runs: nobody needs its result */
    bool over;                /* no further request is to be read */
    enum reason outcome;      /* of the request, for the counters, when it is neither OK nor FAIL */
    bool body_expected;       /* the client's body, or the rest of it, is still to come */
    struct body body;         /* how far it has been read */
    struct line line;         /* the request */
    char why[SESSION_WHY_ROOM]; /* the text of the next FAIL */
};

/*
 * Sets the text of FAIL, and returns the negative of the reason, for the handler to return. What
 * came from the client has to go through line_echo() first.
 */
int session_refuse(struct session *session, enum reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a daemon that stops; the session is over. */
int session_refuse_stopping(struct session *session);

/* The same when the lock of a name was not to be had (store/lock.h). */
int session_refuse_locked(struct session *session);

/*
 * May the client see this name? That of a folder ends in "/": the client may see it when there may
 * be anything in it that it may see.
 */
bool session_may_see(const struct session *session, const char *name);

/*
 * Is the library still in its place? Returns 0, or -REASON_UNAVAILABLE after session_refuse() and
 * a line in the log.
 */
int session_check_library(struct session *session);

/*
 * Has the disk failed to make something durable since the daemon was started? From then on nothing
 * is answered OK that would have to be durable. Returns 0, or -REASON_UNAVAILABLE after
 * session_refuse().
 */
int session_check_disk(struct session *session);

/*
 * Can files be stored? If they could not be so far, for want of room or rights, or if somebody has
 * removed the daemon's own folders, then those are made and the self-test is repeated. Returns 0; or
 * -REASON_NO_SPACE, -REASON_DENIED or -REASON_UNAVAILABLE after session_refuse().
 */
int session_check_writable(struct session *session);

/*
 * May a change still be answered OK? The same as session_check_disk(), and -REASON_UNAVAILABLE also
 * when the library is no longer in its place.
 */
int session_check_promise(struct session *session);

/*
 * Answers that a change was made, but may not be durable, because of errno. `what` goes after
 * "outcome unknown: ". After EIO the disk counts as failed: a second fsync(2) would not write what
 * the first one failed to write. Returns as `serve` of struct request.
 */
int session_answer_unknown(struct session *session, const char *name, const char *what);

/*
 * Has the client lost a right since its session began, by a reload of the settings? Returns 0; or
 * -REASON_UNAVAILABLE after session_refuse(), and then the session is over.
 */
int session_check_rights(struct session *session);

/*
 * For handlers that wait for what other sessions do: must the wait end? Returns 0; or
 * -REASON_UNAVAILABLE when the daemon stops or the client has lost a right, and then the session is
 * over, or when the library is no longer in its place.
 */
int session_check_wait(struct session *session);

/*
 * For the same: sends what is pending, then waits until `source` (a descriptor, or -1) is readable
 * or something else happens, for at most `limit_ms`, which is more than 0, or a second. What the
 * client sends meanwhile is kept. Returns 0; -REASON_LOST when the client sends no more, or is gone; or as
 * session_check_wait().
 */
int session_wait(struct session *session, int source, int64_t limit_ms);

/*
 * For what failed on the side of the daemon, because it may not access a file, or one of its own is
 * gone: logs errno and sets the text of FAIL, unless there is one. Returns `code`.
 */
int session_refuse_own(struct session *session, int code, const char *operation, const char *name);

/*
 * Runs a job that may take long: heartbeat_during() on the session's stream. The job may give up as
 * soon as session->cancelled.
 */
int session_run_with_heartbeat(struct session *session, int (*job)(void *argument), void *argument);

/* Logs a failure: the operation, the name, and why it was refused, or errno. */
void session_log_failure(const struct session *session, const char *operation, const char *name);

/* Logs a folder or file that a listing has to leave out, because of errno. */
void session_log_unreadable(const struct session *session, const char *name);

#endif
