#include "daemon/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/patience.h"
#include "daemon/requests/requests.h"
#include "protocol/clock.h"

/* Words of the protocol that are no requests: a body that nobody asked for begins with them. */
static const char *const other_words[] = {"WAIT", "END", "ABORT", "OK", "EMPTY", "EXISTS", "FAIL"};

static bool is_request_word(const char *word)
{
    size_t length = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    if (length == 0 || length > LINE_KEY_LONGEST || word[length] != '\0')
        return false;
    for (size_t i = 0; i < sizeof other_words / sizeof other_words[0]; i++) {
        if (strcmp(word, other_words[i]) == 0)
            return false;
    }
    return true;
}

/* Finds the row of the request in the session's line. */
static int find_request(struct session *session, const struct request **ret)
{
    const struct field *word = &session->line.fields[0];
    char echo[LINE_ECHO_ROOM];

    if (word->key != NULL || strlen(word->bytes) != word->length || !is_request_word(word->bytes))
        return session_refuse(session, REASON_BAD_REQUEST, "%s: a request was due",
                              line_echo(word->bytes, word->length, echo));
    *ret = request_find(word->bytes);
    if (*ret != NULL)
        return 0;
    session->over = true;
    return session_refuse(session, REASON_UNSUPPORTED, "%s is no request that is known here",
                          word->bytes);
}

/* The gate: a request passes it after its options and its name were judged. */
static int pass_gate(struct session *session, const struct request *request)
{
    if (access_permits(&session->client, request->rights))
        return 0;
    log_event(LOG_LEVEL_WARNING, "denied", "client", session->client.who, "request", request->word,
              NULL);
    return session_refuse(session, REASON_DENIED, "%s may not %s", session->client.who,
                          request->word);
}

/* Reads one request and serves it. Returns 0 when it was answered, or a reason to answer. */
static int serve_one(struct session *session)
{
    const char *bytes = NULL;
    size_t length = 0;
    const struct request *request = NULL;
    struct arguments arguments;
    int code = stream_line(&session->stream, &bytes, &length);

    if (code < 0)
        return code;
    if (line_parse(&session->line, bytes, length) < 0)
        return session_refuse(session, REASON_BAD_REQUEST, "this line breaks the grammar");
    code = find_request(session, &request);
    if (code < 0 || request == NULL)
        return code;
    code = request_parse(session, request, &arguments);
    if (code == 0)
        code = pass_gate(session, request);
    if (code < 0)
        return code;
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

/* The answer must not be lost to a reset because of bytes that nobody read. */
static void linger(struct session *session)
{
    if (session->stream.failed || stream_finish(&session->stream) < 0)
        return;
    if (session->linger_until_ms == 0)
        session->linger_until_ms = clock_ms() + session->settings->linger_ms;
    stream_drain(&session->stream, session->linger_until_ms);
}

static void serve_all(struct session *session)
{
    while (!session->over) {
        if (stream_await(&session->stream, session->wake, session->settings->idle_ms) < 0) {
            /* At the end of what the client sends its answers may still be here. */
            (void)stream_flush(&session->stream);
            return;
        }
        stream_expect(&session->stream);
        session->why[0] = '\0';
        session->body_due = false;
        session->body = (struct body){.left = 0};
        int code = serve_one(session);
        if (code < 0)
            answer_failure(session, (enum reason) - code);
        if (session->body_due && !session->over)
            drop_body(session);
    }
    linger(session);
}

void session_run(int in, int out, const struct client *client, const struct settings *settings,
                 const struct library *library, int wake)
{
    const struct stream_limits limits = {
        .line_ms = settings->request_ms,
        .stall_ms = settings->stall_ms,
        .write_ms = settings->wait_ms,
        .wait_ms = settings->wait_ms,
    };
    struct session *session = calloc(1, sizeof *session);
    struct stream stream;

    if (stream_open(&stream, in, out, &limits) < 0 || session == NULL) {
        log_event(LOG_LEVEL_ERROR, "no session", "cause", strerror(errno), NULL);
        stream_close(&stream);
        free(session);
        return;
    }
    session->stream = stream;
    session->client = *client;
    session->settings = settings;
    session->library = library;
    session->wake = wake;
    serve_all(session);
    stream_close(&session->stream);
    free(session);
}

int session_refuse(struct session *session, enum reason reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(session->why, sizeof session->why, format, arguments);
    va_end(arguments);
    return -(int)reason;
}

int session_run_patiently(struct session *session, int (*job)(void *argument), void *argument)
{
    return patience_run(&session->stream, session->settings->heartbeat_ms, job, argument);
}

void session_log_failure(const struct session *session, const char *operation, const char *name)
{
    int error = errno;

    log_event(LOG_LEVEL_ERROR, "failed", "client", session->client.who, "operation", operation,
              "name", name != NULL ? name : "", "cause", strerror(error), NULL);
}
