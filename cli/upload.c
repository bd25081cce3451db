#include "cli/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"
#include "protocol/body.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/digest.h"
#include "protocol/line.h"
#include "protocol/name.h"

enum {
    REFUSED_MS = 5000, /* without a byte taken by a server that has refused the upload */
};

/* A file on its way to the server. */
struct upload {
    struct connection *connection;
    const char *name;
    const char *local;
    int source;
    const struct stat *status; /* of a regular file, before it is read; else NULL */
    struct outcome *outcome;   /* its size: the bytes that were sent */
    struct digest digest;
    bool told;          /* the server has been told the digest */
    bool refused;       /* the server has answered before the end */
    int64_t heard_ms;   /* when the server last said that it is alive */
    int64_t alive_ms;   /* when the server last heard of us */
    int64_t alive_sent; /* how many bytes it had then */
};

/* Tells what became of the last question. */
static int complain_of_answer(const struct connection *connection, const char *name, int code)
{
    return complain(reason_of(code), name, "%s", connection->why);
}

/* EXISTS: are the stored bytes ours? */
static bool is_same(struct connection *connection, bool told, const char made[DIGEST_ROOM])
{
    const char *digest = NULL;
    const struct field *same = line_option(&connection->answer.line, "same");

    if (connection_digest(connection, &digest) == 0)
        return strcmp(digest, made) == 0;
    return told && same != NULL && strcmp(same->bytes, "1") == 0;
}

/* Is a regular file another one than when it was opened? */
static bool has_changed(const struct upload *upload)
{
    return upload->status != NULL && descriptor_has_changed(upload->source, upload->status);
}

static int judge_answer(struct upload *upload, int code)
{
    return upload_judge(upload->connection, upload->name, upload->told, code, upload->outcome);
}

/* What has come from the server during the body: WAIT is heeded, all else ends the upload. */
static int listen_meanwhile(struct upload *upload)
{
    struct stream *stream = &upload->connection->stream;
    const char *line = NULL;
    size_t length = 0;

    while (!upload->refused && stream_peek_line(stream, &line, &length)) {
        upload->refused = !item_is_wait(line, length);
        upload->heard_ms = clock_ms();
        int code = upload->refused ? 0 : stream_line(stream, &line, &length);
        if (code == 0 && !upload->refused)
            code = stream_sign_of_life(stream);
        if (code < 0)
            return code;
    }
    return stream->ended && !upload->refused ? -REASON_LOST : 0;
}

/* Sends all that is pending. A refusal that comes meanwhile is noted, and then haste is due. */
static int push_all(struct upload *upload)
{
    const struct settings *settings = upload->connection->settings;
    struct stream *stream = &upload->connection->stream;
    int64_t since = clock_ms();

    while (stream_pending(stream) > 0) {
        struct stream_turn turn;
        int64_t limit = upload->refused ? REFUSED_MS : settings->limits.write_ms;
        int64_t left = since + limit - clock_ms();
        /* One more try, as we may have been stopped ourselves. */
        int code = stream_take_turn(stream, -1, left > 0 ? left : 1, &turn);
        if (code == 0)
            code = listen_meanwhile(upload);
        if (code == 0 && left <= 0 && !turn.sent && upload->heard_ms <= since)
            code = -REASON_TIMEOUT;
        if (code < 0)
            return code;
        if (turn.sent) {
            since = clock_ms();
            stream_expect(stream);
        }
        if (upload->heard_ms > since)
            since = upload->heard_ms;
    }
    return 0;
}

/* Tells the server that we are alive when it has heard too little of us. */
static int stay_alive(struct upload *upload)
{
    int64_t now = clock_ms();

    if (upload->outcome->size - upload->alive_sent >= STREAM_PACE_BYTES) {
        upload->alive_sent = upload->outcome->size;
        upload->alive_ms = now;
    }
    if (now - upload->alive_ms < upload->connection->settings->heartbeat_ms)
        return 0;
    upload->alive_ms = now;
    upload->alive_sent = upload->outcome->size;
    int code = body_print_wait(&upload->connection->stream);
    return code == 0 ? push_all(upload) : code;
}

/* Waits until the producer has something to read, or the server has refused. */
static int await_source(struct upload *upload)
{
    struct stream *stream = &upload->connection->stream;
    struct stream_turn turn = {.source = upload->status != NULL};
    int code = stay_alive(upload);

    if (code == 0)
        code = listen_meanwhile(upload);
    while (code == 0 && !turn.source && !upload->refused) {
        int64_t next = upload->alive_ms + upload->connection->settings->heartbeat_ms - clock_ms();
        code = stream_take_turn(stream, upload->source, next > 0 ? next : 1, &turn);
        if (code == 0)
            code = listen_meanwhile(upload);
        if (code == 0 && !turn.source)
            code = stay_alive(upload);
    }
    return code;
}

/* Reads a piece of the source straight into an item. `ret_got` is 0 at the end. */
static int send_item(struct upload *upload, ssize_t *ret_got)
{
    struct stream *stream = &upload->connection->stream;
    size_t room = 0;
    char *bytes = NULL;
    int code = body_room(stream, ITEM_PREFERRED, &bytes, &room);

    if (code < 0)
        return code;
    do
        *ret_got = read(upload->source, bytes, room);
    while (*ret_got < 0 && errno == EINTR);
    if (*ret_got <= 0)
        return 0;
    digest_add(&upload->digest, bytes, (size_t)*ret_got);
    upload->outcome->size += *ret_got;
    body_added(stream, room, (size_t)*ret_got);
    return push_all(upload);
}

/* Sends the body up to, but without, its end. Returns 0 also when the server has refused it. */
static int send_items(struct upload *upload, int *ret_error)
{
    for (;;) {
        ssize_t got = 0;
        int code = await_source(upload);
        if (code < 0 || upload->refused)
            return code;
        code = send_item(upload, &got);
        if (code < 0 || upload->refused)
            return code;
        if (got < 0 && errno == EAGAIN)
            continue;
        if (got <= 0) {
            *ret_error = got < 0 ? errno : 0;
            return 0;
        }
    }
}

/* Gives the upload up, and hears what the server has to say of it. */
static int abort_body(struct upload *upload)
{
    struct connection *connection = upload->connection;
    struct stream *stream = &connection->stream;

    if (!stream->failed && stream_print(stream, "ABORT aborted\n") == 0 && push_all(upload) < 0)
        stream->failed = true;
    bool in_step = !stream->failed;
    int code = connection_answer(connection, ANSWER_OK);
    if (!in_step)
        connection_close(connection);
    return code;
}

static int end_body(struct upload *upload)
{
    digest_finish(&upload->digest, upload->outcome->digest);
    upload->told = true;
    (void)stream_print(&upload->connection->stream, "END digest=%s\n", upload->outcome->digest);
    return judge_answer(upload, connection_ask(upload->connection, ANSWER_EXISTS));
}

/* The server has answered before the end, which only FAIL may do; or it cannot be reached. */
static int take_refusal(struct upload *upload, int code)
{
    struct connection *connection = upload->connection;

    if (upload->refused && code == 0) {
        code = abort_body(upload);
    } else if (upload->refused || code == -REASON_LOST) {
        /* Before it went away it may have said why. */
        code = connection_answer(connection, ANSWER_OK);
        connection_close(connection);
    } else {
        code = connection_note_failure(connection, code);
    }
    if (code == 0)
        code = connection_note_failure(connection, -REASON_BREACH);
    return complain_of_answer(connection, upload->name, code);
}

static int send_body(struct upload *upload)
{
    int error = 0;
    int code = 0;

    upload->alive_ms = clock_ms();
    code = send_items(upload, &error);
    if (code < 0 || upload->refused)
        return take_refusal(upload, code);
    bool whole = upload->status == NULL || upload->outcome->size == upload->status->st_size;
    if (error == 0 && whole && !has_changed(upload))
        return end_body(upload);
    (void)abort_body(upload);
    errno = error;
    return error != 0 ? complain_errno(REASON_LOCAL, upload->local, "cannot read")
                      : upload_complain_changed(upload->local);
}

/* The name is taken: a file is compared with what is there; a stream is not even read. */
static int compare_stored(struct upload *upload)
{
    if (upload->status == NULL)
        return complain(REASON_EXISTS, upload->name, "the name is taken; %s was not read",
                        upload->local);
    upload->outcome->size = digest_of_file(upload->source, upload->outcome->digest);
    if (upload->outcome->size < 0)
        return complain_errno(REASON_LOCAL, upload->local, "cannot read");
    return has_changed(upload) ? upload_complain_changed(upload->local)
                               : judge_answer(upload, -REASON_EXISTS);
}

static int put_after_go_ahead(struct upload *upload)
{
    struct connection *connection = upload->connection;
    char name[NAME_ESCAPED_ROOM];
    char size[32] = "";
    int64_t offset = 0;

    if (upload->status != NULL)
        (void)snprintf(size, sizeof size, " size=%lld", (long long)upload->status->st_size);
    (void)line_escape(upload->name, strlen(upload->name), name);
    (void)stream_print(&connection->stream, "PUT %s%s\n", name, size);
    int code = connection_ask(connection, ANSWER_EXISTS);
    if (code == -REASON_EXISTS)
        return compare_stored(upload);
    if (code == 0 && (connection_number(connection, "offset", &offset) < 0 || offset != 0))
        code = connection_note_failure(connection, -REASON_BREACH);
    return code < 0 ? complain_of_answer(connection, upload->name, code) : send_body(upload);
}

int upload_judge(struct connection *connection, const char *name, bool told, int code,
                 struct outcome *outcome)
{
    const char *digest = NULL;
    int64_t size = 0;

    if (code == -REASON_EXISTS && is_same(connection, told, outcome->digest)) {
        outcome->was_there = true;
        return 0;
    }
    if (code < 0)
        return complain_of_answer(connection, name, code);
    if (connection_digest(connection, &digest) < 0 ||
        connection_number(connection, "size", &size) < 0)
        return complain_of_answer(connection, name,
                                  connection_note_failure(connection, -REASON_BREACH));
    if (strcmp(digest, outcome->digest) != 0 || size != outcome->size)
        return complain(REASON_MISMATCH, name, "the server stored other bytes");
    return 0;
}

int upload_complain_changed(const char *local)
{
    return complain(REASON_MISMATCH, local, "it changed while it was read");
}

int upload_stream(struct connection *connection, const char *name, int source, const char *local,
                  const struct stat *status, struct outcome *outcome)
{
    struct upload upload = {.connection = connection,
                            .name = name,
                            .local = local,
                            .source = source,
                            .status = status,
                            .outcome = outcome};

    outcome->size = 0;
    digest_begin(&upload.digest);
    return put_after_go_ahead(&upload);
}
