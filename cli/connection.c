#include "cli/connection.h"

#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cli/child.h"
#include "cli/console.h"
#include "cli/dial.h"
#include "protocol/body.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/digest.h"
#include "protocol/value.h"

enum {
    REFUSALS_MOST = 8, /* on one connection: after some more, the server may end the session */
};

#define MAX_TIME_REACHED "the time limit of --max-time is reached"

/* What is left of --max-time, in milliseconds; INT64_MAX if there is no limit. */
static int64_t time_left(const struct connection *connection)
{
    int64_t limit = connection->settings->max_time_ms;
    int64_t waited =
        connection->waited_ms + (connection->is_open ? connection->stream.total_ms : 0);

    if (limit == 0)
        return INT64_MAX;
    return limit > waited && !connection->is_overdue ? limit - waited : 0;
}

int64_t connection_deadline(const struct connection *connection)
{
    int64_t left = time_left(connection);

    return left == INT64_MAX ? left : clock_ms() + left;
}

int connection_expire(struct connection *connection)
{
    connection->is_overdue = true;
    return -REASON_TIMEOUT;
}

/* Closes an open connection. Returns how its command ended, as child_end(); -1 also without one. */
static int close_open(struct connection *connection)
{
    int status = -1;

    connection->waited_ms += connection->stream.total_ms;
    connection->is_open = false;
    stream_close(&connection->stream);
    if (connection->command != 0)
        status = child_end(connection->command, time_left(connection) == 0);
    connection->command = 0;
    return status;
}

void connection_close(struct connection *connection)
{
    if (connection->is_open)
        (void)close_open(connection);
}

void connection_quit(struct connection *connection)
{
    struct stream *stream = &connection->stream;

    if (connection->is_open && connection->command != 0 && stream_print(stream, "QUIT\n") == 0)
        (void)stream_send(stream, false, 1);
    connection_close(connection);
    secure_release(&connection->secure);
}

/* Closes a connection that the server never used, and notes how it ended, for this reason. */
static void note_unanswered(struct connection *connection, enum reason reason)
{
    const struct address *server = &connection->settings->server;
    int status = close_open(connection);
    char how[48] = "the connection was closed";

    connection->command_failed = status > 0;
    if (reason == REASON_TIMEOUT)
        (void)snprintf(how, sizeof how, "%s", reason_text(reason));
    else if (status >= 0 && WIFSIGNALED(status))
        (void)snprintf(how, sizeof how, "was killed by signal %d", WTERMSIG(status));
    else if (status >= 0)
        (void)snprintf(how, sizeof how, "ended with %d", WEXITSTATUS(status));
    /* fsd says 2 if it has no library, in words for its own command line. */
    bool lacks_library = server->kind == ADDRESS_SSH && server->rest[0] == '\0' && status >= 0 &&
                         WIFEXITED(status) && WEXITSTATUS(status) == 2;
    (void)snprintf(connection->unanswered, sizeof connection->unanswered,
                   "%s before the server answered%s", how,
                   lacks_library ? " (use ssh://HOST/LIBRARY for the library in that folder)" : "");
}

/* Says which server was reached, over what, and who has set it. */
static void note_connected(const struct settings *settings, int fd)
{
    const struct address *server = &settings->server;
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
    char port[sizeof server->port];
    char at[sizeof host + sizeof port + sizeof " at , port "] = "";
    const char *origin = configuration_origin(&settings->configuration,
                                              configuration_find(settings_table, "server"));
    bool is_named = settings->row != NULL;

    if ((server->kind == ADDRESS_TLS || server->kind == ADDRESS_PLAIN) &&
        getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
        getnameinfo((const struct sockaddr *)&peer, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)snprintf(at, sizeof at, " at %s, port %s", host, port);
    console_note("%s %s%s%s (%s%s%s)",
                 server->kind == ADDRESS_SSH || server->kind == ADDRESS_EXEC ? "started"
                                                                             : "connected to",
                 server->text, at, server->kind == ADDRESS_PLAIN ? ", without encryption" : "",
                 is_named ? settings->server_text : "", is_named ? ", " : "", origin);
}

int connection_ready(struct connection *connection)
{
    const struct settings *settings = connection->settings;
    struct stream_limits limits = settings->limits;
    const struct transport *transport = &stream_plain;
    void *state = NULL;
    int ends[] = {-1, -1};

    /*
     * The server may have ended an idle connection. It does so if it says anything unasked. And it
     * ends one soon after the last of several refusals, perhaps while the next request is sent.
     */
    bool may_end = connection->refusals >= REFUSALS_MOST && connection->command == 0;
    if (connection->is_open && !may_end && stream_is_quiet(&connection->stream))
        return 0;
    connection_close(connection);
    connection->unreachable = true;
    int64_t before = clock_ms();
    int64_t left = time_left(connection);
    if (left == 0)
        return fail(connection->failure, REASON_TIMEOUT, settings->server.text, MAX_TIME_REACHED);
    if (left > settings->connect_ms)
        left = settings->connect_ms;
    int code = dial(settings, left, connection->shares_group, ends, &connection->command,
                    connection->failure);
    if (code == 0 && console_is_verbose())
        note_connected(settings, ends[0]);
    if (code == 0 && settings->server.kind == ADDRESS_TLS) {
        code = secure(&connection->secure, settings, ends[0], left - (clock_ms() - before),
                      &transport, &state, connection->failure);
        descriptor_close(code < 0 ? ends[0] : -1);
    }
    connection->waited_ms += clock_ms() - before;
    if (code < 0)
        return code;
    connection->is_open = true;
    connection->refusals = 0;
    connection->unanswered[0] = '\0';
    connection->command_failed = false;
    /* 0 would be no limit. */
    left = time_left(connection);
    limits.total_ms = settings->max_time_ms == 0 ? 0 : left > 0 ? left : 1;
    if (stream_open(&connection->stream, transport, state, ends[0], ends[1], &limits) < 0) {
        code =
            fail_errno(connection->failure, REASON_LOST, settings->server.text, "cannot connect");
        descriptor_close(ends[0]);
        descriptor_close(ends[0] != ends[1] ? ends[1] : -1);
        connection_close(connection);
        return code;
    }
    connection->stream.piece = rate_piece(&connection->rate, STREAM_BUFFER);
    connection->unreachable = false;
    return 0;
}

bool connection_may_pause(const struct connection *connection, int64_t pause_ms)
{
    return time_left(connection) > pause_ms;
}

bool connection_pause(struct connection *connection, int64_t pause_ms)
{
    int64_t since = clock_ms();
    int64_t left = 0;

    connection_close(connection);
    if (!connection_may_pause(connection, pause_ms))
        return false;
    while ((left = since + pause_ms - clock_ms()) > 0)
        (void)poll(NULL, 0, left > INT_MAX ? INT_MAX : (int)left);
    connection->waited_ms += clock_ms() - since;
    return true;
}

void connection_pace(struct connection *connection, size_t bytes)
{
    int64_t wait_ms = 0;

    if (connection->rate.per_second == 0)
        return;
    rate_count(&connection->rate, bytes, clock_ms());
    while ((wait_ms = rate_wait_ms(&connection->rate, clock_ms())) > 0)
        (void)poll(NULL, 0, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms);
}

int connection_fail(struct connection *connection, const char *subject, int code)
{
    enum reason reason = reason_of(code);
    bool is_over = reason == REASON_TIMEOUT && time_left(connection) == 0;
    bool is_unanswered = (reason == REASON_LOST || reason == REASON_TIMEOUT) &&
                         connection->is_open && connection->stream.received == 0;

    if (is_unanswered)
        note_unanswered(connection, reason);
    if ((reason == REASON_LOST || reason == REASON_TIMEOUT) && !is_over &&
        connection->unanswered[0] != '\0')
        (void)fail(connection->failure, reason, connection->settings->server.text, "%s",
                   connection->unanswered);
    else
        (void)fail(connection->failure, reason, subject, "%s",
                   is_over ? MAX_TIME_REACHED : reason_text(reason));
    /* Every further request would take more time, or end the same way. */
    connection->unreachable = connection->unreachable || is_over || is_unanswered;
    switch (reason) {
    case REASON_LOST:
    case REASON_TIMEOUT:
    case REASON_BREACH:
    case REASON_BUSY:
    case REASON_BAD_REQUEST:
    case REASON_UNSUPPORTED:
        /* The server ends the session after these, or cannot be trusted any longer. */
        connection_close(connection);
        break;
    default:
        break;
    }
    return code;
}

int connection_answer(struct connection *connection, const char *subject, enum answer_kind other)
{
    const struct answer *answer = &connection->answer;
    const char *line = NULL;
    size_t length = 0;
    int code = 0;

    while (code == 0) {
        code = stream_line(&connection->stream, &line, &length);
        if (code < 0 || !item_is_wait(line, length))
            break;
        code = stream_sign_of_life(&connection->stream);
    }
    if (code == 0 && answer_parse(&connection->answer, line, length) < 0)
        code = -REASON_BREACH;
    if (code == 0 && answer->kind != ANSWER_OK && answer->kind != ANSWER_FAIL &&
        answer->kind != other)
        code = -REASON_BREACH;
    /* The line is too long. */
    if (code == -REASON_BAD_REQUEST)
        code = -REASON_BREACH;
    if (code < 0)
        return connection_fail(connection, subject, code);

    switch (answer->kind) {
    case ANSWER_OK:
        return 0;
    case ANSWER_EMPTY:
        return connection_fail(connection, subject, -REASON_EMPTY);
    case ANSWER_EXISTS:
        return connection_fail(connection, subject, -REASON_EXISTS);
    case ANSWER_FAIL:
        break;
    }
    connection->refusals += answer->reason == REASON_DENIED;
    code = connection_fail(connection, subject, -(int)answer->reason);
    char hint[SECURE_HINT_ROOM] = "";
    if (answer->reason == REASON_DENIED)
        (void)secure_hint(&connection->secure, answer->text, hint);
    if (answer->text[0] == '\0' && hint[0] == '\0')
        return code;
    return fail(connection->failure, answer->reason, subject, "%s%s",
                answer->text[0] != '\0' ? answer->text : reason_text(answer->reason), hint);
}

int connection_ask(struct connection *connection, const char *subject, enum answer_kind other)
{
    int flushed = stream_flush(&connection->stream);

    stream_expect(&connection->stream);
    /* A server that takes no more may still have said why. */
    int code = connection_answer(connection, subject, other);
    return code == -REASON_LOST && flushed == -REASON_TIMEOUT
               ? connection_fail(connection, subject, flushed)
               : code;
}

int connection_push(struct connection *connection)
{
    struct stream *stream = &connection->stream;
    int code = 0;

    /* A server that sends whole lines is alive, but only for limits.wait_ms without taking a byte. */
    do
        code = stream_send(stream, true, stream->limits.write_ms);
    while (code == STREAM_HEARD && (code = stream_sign_of_life(stream)) == 0);
    if (code < 0)
        stream->failed = true;
    return code;
}

bool connection_number(const struct connection *connection, const char *key, int64_t *ret)
{
    const struct field *field = line_option(&connection->answer.line, key);

    return field != NULL && value_number(field->bytes, field->length, ret);
}

bool connection_digest(const struct connection *connection, const char **ret)
{
    const struct field *field = line_option(&connection->answer.line, "digest");

    if (field == NULL || digest_check(field->bytes, field->length) < 0)
        return false;
    *ret = field->bytes;
    return true;
}
