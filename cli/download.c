#include "cli/download.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "protocol/body.h"
#include "protocol/name.h"

/* Takes a piece of a body. Returns 0, or a reason after complaining: then nothing more is read. */
typedef int piece_sink(void *context, const char *bytes, size_t length);

/* What a download writes to. */
struct target_sink {
    int fd;
    const char *local;
    int64_t left; /* bytes that are still announced */
};

/* The end of a body: its digest must be that of what came. */
static int judge_end(const struct item *end, struct digest *digest, char made[DIGEST_ROOM])
{
    if (made == NULL)
        return 0;
    digest_finish(digest, made);
    if (end->digest[0] == '\0')
        return -REASON_BREACH;
    return strcmp(end->digest, made) == 0 ? 0 : -REASON_MISMATCH;
}

/* A body that broke off. `text` is what the server said of it, or NULL. */
static int complain_of_body(struct connection *connection, const char *subject, int code,
                            const char *text)
{
    if (code == -REASON_BAD_REQUEST || code == -REASON_UNSUPPORTED)
        code = -REASON_BREACH;
    (void)connection_note_failure(connection, code);
    return complain(reason_of(code), subject, "%s",
                    text != NULL && text[0] != '\0' ? text : connection->why);
}

/*
 * Reads a body to its end. With `digest` the pieces are hashed, and END must carry their digest,
 * which is written there. Returns 0, or a reason after complaining of `subject`.
 */
static int read_body(struct connection *connection, const char *subject, piece_sink *sink,
                     void *context, char digest[DIGEST_ROOM])
{
    struct body body = {.left = 0};
    struct digest made;
    struct item item = {.kind = ITEM_WAIT};

    digest_begin(&made);
    for (;;) {
        const char *bytes = NULL;
        size_t length = 0;
        int code = body_next(&connection->stream, &body, &item, &bytes, &length);
        if (code < 0)
            return complain_of_body(connection, subject, code, NULL);
        if (item.kind != ITEM_DATA)
            break;
        if (digest != NULL)
            digest_add(&made, bytes, length);
        code = sink(context, bytes, length);
        if (code < 0) {
            /* The rest of the body would be taken for answers. */
            connection_close(connection);
            return code;
        }
    }
    if (item.kind == ITEM_ABORT)
        return complain_of_body(connection, subject, -(int)item.reason, item.text);
    int code = judge_end(&item, &made, digest);
    return code < 0 ? complain_of_body(connection, subject, code, NULL) : 0;
}

/* A body that is cut into lines. */
struct lines {
    const char *subject;
    download_line_sink *sink;
    void *context;
    char rest[LINE_LONGEST]; /* a line that has not yet come whole */
    size_t length;
    struct line line;
};

static int take_line(struct lines *lines)
{
    size_t length = lines->length;

    lines->length = 0;
    if (length > 0 && lines->rest[length - 1] == '\r')
        length--;
    if (line_parse(&lines->line, lines->rest, length) < 0)
        return complain(REASON_BREACH, lines->subject, "the server sent a line that is none");
    return lines->sink(lines->context, &lines->line);
}

/* Cuts a piece of the body into lines; what is left over waits for the next piece. */
static int cut_piece(void *context, const char *bytes, size_t length)
{
    struct lines *lines = context;
    int code = 0;

    while (code == 0 && length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t piece = end != NULL ? (size_t)(end - bytes) : length;
        if (lines->length + piece >= sizeof lines->rest)
            return complain(REASON_BREACH, lines->subject, "the server sent too long a line");
        memcpy(lines->rest + lines->length, bytes, piece);
        lines->length += piece;
        if (end == NULL)
            break;
        code = take_line(lines);
        bytes += piece + 1;
        length -= piece + 1;
    }
    return code;
}

int download_lines(struct connection *connection, const char *subject, download_line_sink *sink,
                   void *context)
{
    struct lines *lines = malloc(sizeof *lines);

    if (lines == NULL) {
        connection_close(connection);
        return complain_errno(REASON_INTERNAL, subject, "no memory");
    }
    lines->subject = subject;
    lines->sink = sink;
    lines->context = context;
    lines->length = 0;
    int code = read_body(connection, subject, cut_piece, lines, NULL);
    if (code == 0 && lines->length > 0)
        code = complain(REASON_BREACH, subject, "the server's last line has no end");
    free(lines);
    return code;
}

static int write_piece(void *context, const char *bytes, size_t length)
{
    struct target_sink *sink = context;

    /* Without this a server could fill the disk before it is found out. */
    if ((int64_t)length > sink->left)
        return complain(REASON_BREACH, sink->local, "the server sent more bytes than it announced");
    sink->left -= (int64_t)length;
    if (output_write_all(sink->fd, bytes, length) == 0)
        return 0;
    return errno == EPIPE && sink->fd == STDOUT_FILENO
               ? -REASON_LOCAL
               : complain_errno(REASON_LOCAL, sink->local, "cannot write");
}

/* The size and, where it is told, the digest of OK. */
static int read_announcement(struct connection *connection, int64_t *ret_size,
                             char ret_digest[DIGEST_ROOM])
{
    const char *digest = NULL;

    if (connection_number(connection, "size", ret_size) < 0)
        return connection_note_failure(connection, -REASON_BREACH);
    ret_digest[0] = '\0';
    if (connection_digest(connection, &digest) == 0)
        memcpy(ret_digest, digest, DIGEST_ROOM);
    return 0;
}

int download_get(struct connection *connection, const char *name, int target, const char *local,
                 struct outcome *outcome)
{
    struct target_sink sink = {.fd = target, .local = local};
    char text[NAME_ESCAPED_ROOM];
    char announced[DIGEST_ROOM] = "";
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    (void)line_escape(name, strlen(name), text);
    (void)stream_print(&connection->stream, "GET %s\n", text);
    code = connection_ask(connection, ANSWER_OK);
    if (code == 0)
        code = read_announcement(connection, &sink.left, announced);
    if (code < 0)
        return complain(reason_of(code), name, "%s", connection->why);
    outcome->size = sink.left;
    code = read_body(connection, name, write_piece, &sink, outcome->digest);
    if (code < 0)
        return code;
    if (sink.left > 0)
        return complain(REASON_BREACH, name, "the server sent fewer bytes than it announced");
    if (announced[0] != '\0' && strcmp(announced, outcome->digest) != 0)
        return complain(REASON_MISMATCH, name, "the content is not the one announced");
    return 0;
}

/* No byte is asked for, so none may come. */
static int take_none(void *context, const char *bytes, size_t length)
{
    const char *const *name = context;

    (void)bytes;
    (void)length;
    return complain(REASON_BREACH, *name, "%s", reason_text(REASON_BREACH));
}

int download_compare(struct connection *connection, const char *name, int64_t size,
                     const char digest[DIGEST_ROOM])
{
    char text[NAME_ESCAPED_ROOM];
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    (void)line_escape(name, strlen(name), text);
    (void)stream_print(&connection->stream, "GET %s digest=%s offset=%lld\n", text, digest,
                       (long long)size);
    code = connection_ask(connection, ANSWER_OK);
    if (code == -REASON_MISMATCH)
        return -REASON_EXISTS;
    if (code < 0)
        return complain(reason_of(code), name, "%s", connection->why);
    return read_body(connection, name, take_none, &name, NULL);
}
