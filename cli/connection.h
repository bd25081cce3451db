/*
 * Connections: the way to the server, its requests and their answers.
 */
#ifndef CLI_CONNECTION_H
#define CLI_CONNECTION_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/failure.h"
#include "cli/rate.h"
#include "cli/secure.h"
#include "cli/settings.h"
#include "protocol/answer.h"
#include "protocol/stream.h"

/* Begins closed, as {.settings, .failure}; connection_ready() opens it when it is needed. */
struct connection {
    const struct settings *settings;
    struct failure *failure; /* the caller's; every function that fails fills it */
    bool is_open;
    /*
     * connection_ready() has failed, the connection ended before the server said anything, or
     * --max-time is used up: no request can succeed.
     */
    bool unreachable;
    /* How the last connection ended before the server answered, or "". */
    char unanswered[160];
    bool command_failed; /* its command ended with a failure then, as when a login is refused */
    struct stream stream;
    struct secure secure; /* TLS, if the server's address means that */
    pid_t command;        /* of exec:COMMAND, for child_end(); 0 for none */
    int refusals;         /* answers FAIL denied on this connection */
    bool shares_group;    /* the caller ends all of our process group, with that command */
    int64_t waited_ms;    /* for the server, on earlier connections */
    bool is_overdue;      /* the command of --from-command or --to-command has used up --max-time */
    struct rate rate;     /* of files in both directions, on all connections */
    struct answer answer;
};

/* Closes it, if it is open. */
void connection_close(struct connection *connection);

/*
 * The same between two requests, for the last time. A command gets QUIT first: some, such as nc(1)
 * without -N, do not pass on the end of their input, and would only end after the server.
 */
void connection_quit(struct connection *connection);

/*
 * Opens the connection, unless it is open. Returns 0 or a reason: then no other request can succeed
 * either.
 */
int connection_ready(struct connection *connection);

/* Does --max-time leave time for a pause? */
bool connection_may_pause(const struct connection *connection, int64_t pause_ms);

/*
 * Closes the connection and waits, which counts as waiting for the server. Returns false at once unless
 * connection_may_pause().
 */
bool connection_pause(struct connection *connection, int64_t pause_ms);

/* Until when, on clock_ms(), may a command run that begins now? INT64_MAX: without a limit. */
int64_t connection_deadline(const struct connection *connection);

/* Notes that a command has used up --max-time. Returns -REASON_TIMEOUT, for connection_fail(). */
int connection_expire(struct connection *connection);

/*
 * Counts bytes of a file that were sent or received, and waits until there may be more. That counts as
 * waiting for the server.
 */
void connection_pace(struct connection *connection, size_t bytes);

/*
 * Reads the answer to a request about `subject`, usually a name; WAITs are skipped. `other` is the
 * answer that the request may get besides OK and FAIL: ANSWER_EMPTY, ANSWER_EXISTS, or ANSWER_OK
 * for none. Returns 0 for OK; -REASON_EMPTY or -REASON_EXISTS for the other one; the reason of FAIL;
 * -REASON_LOST, -REASON_TIMEOUT or -REASON_BREACH. The answer's options are in `answer`.
 */
int connection_answer(struct connection *connection, const char *subject, enum answer_kind other);

/* Sends what is pending and reads the answer, which may come before all is sent. */
int connection_ask(struct connection *connection, const char *subject, enum answer_kind other);

/*
 * Sends what is pending while it reads what comes, so that the two sides do not wait for each other
 * to read. Returns 0, -REASON_LOST or -REASON_TIMEOUT, also if sending has failed before.
 */
int connection_push(struct connection *connection);

/*
 * Fails a request about `subject` for a reason that was found elsewhere, and closes a connection
 * that cannot be used any more. Returns `code`.
 */
int connection_fail(struct connection *connection, const char *subject, int code);

/*
 * A number, or the digest, of the last answer. Return false if it has no valid one. A digest is
 * NUL-terminated and stays until the next answer.
 */
bool connection_number(const struct connection *connection, const char *key, int64_t *ret);
bool connection_digest(const struct connection *connection, const char **ret);

#endif
