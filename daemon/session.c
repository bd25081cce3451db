#include "daemon/session.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/heartbeat.h"
#include "daemon/log.h"
#include "daemon/requests/requests.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

enum {
    LINGER_STOPPING_MS = 500,
};

/*
 * The gate, which a request passes after its options and its name were judged. One about a folder
 * passes with a right to anything at all: what the client may see is all that there is for it then.
 */
static int pass_gate(struct session *session, const struct request *request,
                     const struct arguments *arguments)
{
    const struct client *client = &session->client;
    const char *name = request->name == NAME_OR_FOLDER ? "" : arguments->name;
    unsigned rights = request_rights(request, arguments);

    session->sees = request->sees;
    if ((access_rights(client, name) & rights) == rights)
        return 0;
    const char *group = access_group(client, rights, name);
    log_event(LOG_LEVEL_WARNING, "denied", "session", session->id, "client", client->who, "request",
              request->word, "name", arguments->name, NULL);
    return session_refuse(session, REASON_DENIED, "%s may not %s%s%s%s", client->who, request->word,
                          group != NULL ? "; members of the group " : "",
                          group != NULL ? group : "", group != NULL ? " may" : "");
}

/* Does the daemon stop? */
static bool is_stopping(const struct session *session)
{
    struct pollfd polled = {.fd = session->wake, .events = POLLIN};

    return session->wake >= 0 && poll(&polled, 1, 0) > 0;
}

/* Reads the line of a request. A daemon that stops begins nothing new, nor waits for the rest. */
static int read_request(struct session *session, const char **ret_bytes, size_t *ret_length)
{
    int code = -REASON_UNAVAILABLE;

    if (!is_stopping(session)) {
        session->stream.wake = session->wake;
        code = stream_line(&session->stream, ret_bytes, ret_length);
        session->stream.wake = -1;
    }
    if (code != -REASON_UNAVAILABLE)
        return code;
    session->over = true;
    return session_refuse(session, REASON_UNAVAILABLE, "the daemon is stopping");
}

/*
 * Reads one request and serves it. Returns 0 when it was answered, or a reason to answer.
 * `ret_request` tells which one it was, if any.
 */
static int serve_one(struct session *session, const struct request **ret_request)
{
    const char *bytes = NULL;
    size_t length = 0;
    const struct request *request = NULL;
    struct arguments arguments;
    int code = read_request(session, &bytes, &length);

    if (code < 0)
        return code;
    if (line_parse(&session->line, bytes, length) < 0)
        return session_refuse(session, REASON_BAD_REQUEST, "this line breaks the grammar");
    code = request_parse(session, &request, &arguments);
    *ret_request = request;
    if (code == 0)
        code = pass_gate(session, request, &arguments);
    if (code < 0)
        return code;
    if (request->name != NAME_NONE && !library_is_in_place(session->library)) {
        log_event(LOG_LEVEL_ERROR, "the library is not in its place", "library",
                  session->library->path, NULL);
        return session_refuse(session, REASON_UNAVAILABLE,
                              "the library was unmounted, moved or replaced");
    }
    log_event(LOG_LEVEL_DEBUG, "request", "session", session->id, "request", request->word, "name",
              arguments.name, NULL);
    code = request->serve(session, &arguments);
    if (code == -REASON_INTERNAL || code == -REASON_NO_SPACE)
        session_log_failure(session, request->word, arguments.name);
    return code;
}

/* Does a session end with this answer? What follows could be anything. */
static bool is_final(enum reason reason)
{
    return reason == REASON_BAD_REQUEST || reason == REASON_TIMEOUT;
}

static void answer_failure(struct session *session, enum reason reason)
{
    if (session->stream.failed || reason == REASON_LOST) {
        session->over = true;
        return;
    }
    session->over = session->over || is_final(reason);
    (void)stream_print(&session->stream, "FAIL %s %s\n", reason_word(reason),
                       session->why[0] != '\0' ? session->why : reason_text(reason));
}

/* Drops the body, or the rest of it, that a refused client sends all the same. */
static void drop_body(struct session *session)
{
    session->linger_until_ms = clock_ms() + session->settings->linger_ms;
    if (stream_flush(&session->stream) < 0 ||
        body_drop(&session->stream, &session->body, session->linger_until_ms) < 0)
        session->over = true;
    else
        session->linger_until_ms = 0;
}

/*
 * The answer must not be lost to a reset because of bytes that nobody read. A daemon that stops
 * does not take long for that.
 */
static void linger(struct session *session)
{
    struct stream *stream = &session->stream;

    if (stream->failed || stream_finish(stream) < 0)
        return;
    if (session->linger_until_ms == 0)
        session->linger_until_ms = clock_ms() + session->settings->linger_ms;
    stream->wake = session->wake;
    stream_drain(stream, session->linger_until_ms);
    stream->wake = -1;
    int64_t soon = clock_ms() + LINGER_STOPPING_MS;
    if (is_stopping(session))
        stream_drain(stream, soon < session->linger_until_ms ? soon : session->linger_until_ms);
}

static int await_request(struct session *session)
{
    session->stream.wake = session->wake;
    int code = stream_await(&session->stream, session->settings->idle_ms);
    session->stream.wake = -1;
    return code;
}

/*
 * Tells the counters what passed since the last time; what an answer has left in the stream has as
 * good as passed, and is sent before anything is waited for.
 */
static void count_bytes(struct session *session)
{
    uint64_t sent = session->stream.sent + stream_pending(&session->stream);

    counter_add(&session->counters->received, session->stream.received - session->received);
    if (sent > session->sent) {
        counter_add(&session->counters->sent, sent - session->sent);
        session->sent = sent;
    }
    session->received = session->stream.received;
}

static void count_request(struct session *session, const struct request *request, int code)
{
    enum reason outcome = code < 0 ? reason_of(code) : session->outcome;

    counter_add(&session->counters->requests[request_place(request)][outcome], 1);
    count_bytes(session);
}

static void serve_all(struct session *session)
{
    while (!session->over) {
        const struct request *request = NULL;
        if (await_request(session) < 0) {
            /* At the end of what the client sends its answers may still be here. */
            (void)stream_flush(&session->stream);
            return;
        }
        stream_expect(&session->stream);
        session->why[0] = '\0';
        session->body_due = false;
        session->body = (struct body){.left = 0};
        session->outcome = REASON_NONE;
        int code = serve_one(session, &request);
        if (code < 0)
            answer_failure(session, reason_of(code));
        if (session->body_due && !session->over)
            drop_body(session);
        count_request(session, request, code);
    }
    linger(session);
}

/* Opens the stream, which owns the descriptors then. */
static int open_stream(struct stream *stream, int in, int out, const struct settings *settings)
{
    const struct stream_limits limits = {
        .line_ms = settings->request_ms,
        .stall_ms = settings->stall_ms,
        .write_ms = settings->wait_ms,
        .wait_ms = settings->wait_ms,
    };
    return stream_open(stream, &stream_plain, NULL, in, out, &limits);
}

void session_run(int in, int out, const struct client *client, uint64_t number,
                 const struct service *service, int wake)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL || open_stream(&session->stream, in, out, service->settings) < 0) {
        log_event(LOG_LEVEL_ERROR, "no session", "cause", strerror(errno), NULL);
        free(session);
        session_turn_away(out);
        descriptor_close(in != out ? in : -1);
        return;
    }
    session->client = *client;
    session->settings = service->settings;
    session->library = service->library;
    session->counters = service->counters;
    session->wake = wake;
    (void)snprintf(session->id, sizeof session->id, "%llu", (unsigned long long)number);
    log_event(LOG_LEVEL_DEBUG, "session begins", "session", session->id, "client", client->who,
              NULL);
    serve_all(session);
    count_bytes(session);
    log_event(LOG_LEVEL_DEBUG, "session ends", "session", session->id, NULL);
    stream_close(&session->stream);
    free(session);
}

void session_serve(int connection, enum address_kind kind, uint64_t number,
                   const struct service *service, int wake)
{
    struct client client;

    access_identify(connection, kind, service->settings, &client);
    session_run(connection, connection, &client, number, service, wake);
}

void session_turn_away(int connection)
{
    static const char answer[] = "FAIL busy too many sessions\n";

    (void)send(connection, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(connection, SHUT_WR);
    (void)close(connection);
}

int session_refuse(struct session *session, enum reason reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(session->why, sizeof session->why, format, arguments);
    va_end(arguments);
    return -(int)reason;
}

bool session_may_see(const struct session *session, const char *name)
{
    return (access_rights(&session->client, name) & session->sees) != 0;
}

int session_run_with_heartbeat(struct session *session, int (*job)(void *argument), void *argument)
{
    return heartbeat_during(&session->stream, session->settings->heartbeat_ms, job, argument);
}

void session_log_failure(const struct session *session, const char *operation, const char *name)
{
    int error = errno;

    log_event(LOG_LEVEL_ERROR, "failed", "session", session->id, "client", session->client.who,
              "operation", operation, "name", name, "cause", strerror(error), NULL);
}
