#include "cli/upload_body.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/progress.h"
#include "protocol/body.h"
#include "protocol/clock.h"

enum {
    REFUSED_MS = 5000, /* how long a server that has refused the upload may take nothing */
};

/* Reads what has come from the server during the body: WAIT is honoured, all else ends the upload. */
static int listen_meanwhile(struct upload_body *body)
{
    struct stream *stream = &body->connection->stream;
    const char *line = NULL;
    size_t length = 0;

    while (!body->refused && stream_peek_line(stream, &line, &length)) {
        body->refused = !item_is_wait(line, length);
        int code = body->refused ? 0 : stream_line(stream, &line, &length);
        if (code == 0 && !body->refused)
            code = stream_sign_of_life(stream);
        if (code < 0)
            return code;
    }
    return stream->ended && !body->refused ? -REASON_LOST : 0;
}

/* Sends all that is pending. If a refusal comes meanwhile, it is noted, and the limit is shorter. */
static int push_all(struct upload_body *body)
{
    struct stream *stream = &body->connection->stream;
    int code = STREAM_HEARD;

    while (code == STREAM_HEARD) {
        code = body->refused ? stream_send(stream, false, REFUSED_MS)
                             : stream_send(stream, true, stream->limits.write_ms);
        int heard = code == STREAM_HEARD ? listen_meanwhile(body) : 0;
        if (heard < 0)
            return heard;
    }
    return code;
}

/* Sends a sign of life if the server has heard too little from us. */
static int stay_alive(struct upload_body *body)
{
    int64_t now = clock_ms();

    if (body->size - body->alive_sent >= STREAM_PACE_BYTES) {
        body->alive_sent = body->size;
        body->alive_ms = now;
    }
    if (now - body->alive_ms < body->connection->settings->heartbeat_ms)
        return 0;
    body->alive_ms = now;
    body->alive_sent = body->size;
    int code = body_print_wait(&body->connection->stream);
    return code == 0 ? push_all(body) : code;
}

static bool is_overdue(const struct upload_body *body)
{
    return body->child != NULL && clock_ms() >= body->child->until_ms;
}

/* Waits until there is something to read from the source, or the server has refused the upload. */
static int await_source(struct upload_body *body)
{
    struct stream *stream = &body->connection->stream;
    bool is_ready = body->is_file;
    int code = stay_alive(body);

    if (code == 0)
        code = listen_meanwhile(body);
    while (code == 0 && !is_ready && !body->refused) {
        int64_t next = body->alive_ms + body->connection->settings->heartbeat_ms - clock_ms();
        if ((body->child != NULL || progress_is_wanted()) && next > CHILD_LOOK_MS)
            next = CHILD_LOOK_MS;
        code = stream_listen(stream, body->source, next > 0 ? next : 1, &is_ready);
        if (code == 0)
            code = listen_meanwhile(body);
        if (code == 0 && !is_ready)
            code = stay_alive(body);
        /* The rate is less by now. */
        progress_add(0);
        if (code == 0 && !is_ready && body->child != NULL && child_has_ended(body->child, 0))
            is_ready = body->child->was_stopped;
        if (code == 0 && is_overdue(body))
            code = connection_expire(body->connection);
    }
    return code;
}

/* Waits for a child that has closed its output to end, as await_source(). */
static int await_child(struct upload_body *body)
{
    bool ignored = false;
    int code = 0;

    while (code == 0 && !body->refused && !child_has_ended(body->child, CHILD_LOOK_MS)) {
        code = is_overdue(body) ? connection_expire(body->connection) : stay_alive(body);
        if (code == 0)
            code = stream_listen(&body->connection->stream, -1, 1, &ignored);
        if (code == 0)
            code = listen_meanwhile(body);
    }
    return code;
}

static bool has_too_many(const struct upload_body *body)
{
    return body->wanted >= 0 && body->size > body->wanted;
}

/* Reads and hashes a piece of the source. Returns as read(2), and 0 if there are too many bytes. */
static ssize_t read_piece(struct upload_body *body, char *bytes, size_t room)
{
    ssize_t got = 0;

    stream_end_turn(&body->connection->stream);
    do
        got = read(body->source, bytes, room);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        digest_add(&body->digest, bytes, (size_t)got);
        body->size += got;
    }
    stream_begin_turn(&body->connection->stream);
    return got > 0 && has_too_many(body) ? 0 : got;
}

void upload_body_begin(struct upload_body *body, struct connection *connection, int source,
                       struct child *child, bool is_file, int64_t wanted)
{
    *body = (struct upload_body){.connection = connection,
                                 .source = source,
                                 .child = child,
                                 .is_file = is_file,
                                 .wanted = wanted,
                                 .copy = -1,
                                 .alive_ms = clock_ms()};
    digest_begin(&body->digest);
}

int upload_body_send(struct upload_body *body, int *ret_error)
{
    struct stream *stream = &body->connection->stream;

    for (;;) {
        size_t room = 0;
        char *bytes = NULL;
        int code = await_source(body);
        if (code == 0 && !body->refused)
            code = body_room(stream, rate_piece(&body->connection->rate, ITEM_PREFERRED), &bytes,
                             &room);
        if (code < 0 || body->refused || (body->child != NULL && body->child->was_stopped))
            return code;
        ssize_t got = read_piece(body, bytes, room);
        if (got < 0 && errno == EAGAIN)
            continue;
        /* With too many bytes it may still print more, which nobody reads. */
        if (got == 0 && body->child != NULL && !has_too_many(body))
            return await_child(body);
        if (got <= 0) {
            *ret_error = got < 0 ? errno : 0;
            return 0;
        }
        body_added(stream, room, (size_t)got);
        progress_add((size_t)got);
        code = push_all(body);
        if (code < 0 || body->refused)
            return code;
        connection_pace(body->connection, (size_t)got);
    }
}

int upload_body_abort(struct upload_body *body, const char *name)
{
    struct connection *connection = body->connection;
    struct stream *stream = &connection->stream;

    if (!stream->failed && stream_print(stream, "ABORT aborted\n") == 0 && push_all(body) < 0)
        stream->failed = true;
    bool in_step = !stream->failed;
    int code = connection_answer(connection, name, ANSWER_OK);
    if (!in_step)
        connection_close(connection);
    return code;
}

int upload_body_skip(struct upload_body *body, int64_t length, int *ret_error)
{
    struct stream *stream = &body->connection->stream;

    while (body->size < length) {
        int64_t left = length - body->size;
        size_t room = 0;
        char *bytes = NULL;
        int code = await_source(body);
        if (code == 0 && !body->refused)
            code = body_room(stream, left < ITEM_PREFERRED ? (size_t)left : ITEM_PREFERRED, &bytes,
                             &room);
        if (code < 0 || body->refused)
            return code;
        ssize_t got = read_piece(body, bytes, room);
        body_added(stream, room, 0);
        progress_skip(got > 0 ? (size_t)got : 0);
        *ret_error = got < 0 ? errno : 0;
        if (got <= 0)
            return 0;
        /* The server did not hear of these bytes. */
        body->alive_sent = body->size;
    }
    return 0;
}

int upload_body_hash(struct upload_body *body)
{
    char bytes[64 * 1024];
    struct pollfd polled = {.fd = body->source, .events = POLLIN};
    ssize_t got = 0;

    while ((got = read_piece(body, bytes, sizeof bytes)) != 0) {
        if (got < 0 && errno != EAGAIN)
            return -REASON_INTERNAL;
        if (got < 0)
            (void)poll(&polled, 1, CHILD_LOOK_MS);
        progress_add(got > 0 ? (size_t)got : 0);
        if (got > 0 && body->copy >= 0 && output_write_all(body->copy, bytes, (size_t)got) < 0)
            return -REASON_LOCAL;
        if (got < 0 && body->child != NULL && child_has_ended(body->child, 0) &&
            body->child->was_stopped)
            return 0;
        if (is_overdue(body))
            return connection_expire(body->connection);
    }
    while (body->child != NULL && !has_too_many(body) &&
           !child_has_ended(body->child, CHILD_LOOK_MS)) {
        if (is_overdue(body))
            return connection_expire(body->connection);
    }
    return 0;
}
