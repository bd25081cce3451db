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
 * Reads a body to its end, whose digest is written to `ret_digest` unless that is NULL; empty when
 * there is none. Returns 0, or a reason after complaining of `subject`.
 */
static int read_body(struct connection *connection, const char *subject, piece_sink *sink,
                     void *context, char ret_digest[DIGEST_ROOM])
{
    struct body body = {.left = 0};
    struct item item = {.kind = ITEM_WAIT};

    for (;;) {
        const char *bytes = NULL;
        size_t length = 0;
        int code = body_next(&connection->stream, &body, &item, &bytes, &length);
        if (code < 0)
            return complain_of_body(connection, subject, code, NULL);
        if (item.kind != ITEM_DATA)
            break;
        code = sink(context, bytes, length);
        if (code < 0) {
            /* The rest of the body would be taken for answers. */
            connection_close(connection);
            return code;
        }
    }
    if (item.kind == ITEM_ABORT)
        return complain_of_body(connection, subject, -(int)item.reason, item.text);
    if (ret_digest != NULL)
        memcpy(ret_digest, item.digest, DIGEST_ROOM);
    return 0;
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

/* Asks for a file from an offset on; with a `digest` for no other content. */
static int ask(struct connection *connection, const char *name, const char *digest, int64_t offset)
{
    char text[NAME_ESCAPED_ROOM];
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    (void)line_escape(name, strlen(name), text);
    (void)stream_print(&connection->stream, "GET %s", text);
    if (digest != NULL)
        (void)stream_print(&connection->stream, " digest=%s offset=%lld", digest,
                           (long long)offset);
    (void)stream_print(&connection->stream, "\n");
    code = connection_ask(connection, ANSWER_OK);
    return code == 0 || code == -REASON_MISMATCH
               ? code
               : complain(reason_of(code), name, "%s", connection->why);
}

/* The size and, where it is told, the digest of OK. */
static int read_announcement(struct connection *connection, struct download *download)
{
    const char *digest = NULL;

    if (connection_number(connection, "size", &download->size) < 0)
        return complain_of_body(connection, download->name, -REASON_BREACH, NULL);
    if (connection_digest(connection, &digest) == 0)
        memcpy(download->digest, digest, DIGEST_ROOM);
    return 0;
}

static int write_piece(void *context, const char *bytes, size_t length)
{
    struct download *download = context;

    /* Without this a server could fill the disk before it is found out. */
    if ((int64_t)length > download->size - download->written)
        return complain(REASON_BREACH, download->local,
                        "the server sent more bytes than it announced");
    digest_add(&download->made, bytes, length);
    download->written += (int64_t)length;
    if (download->fd < 0 || output_write_all(download->fd, bytes, length) == 0)
        return 0;
    return errno == EPIPE && download->fd == STDOUT_FILENO
               ? -REASON_LOCAL
               : complain_errno(REASON_LOCAL, download->local, "cannot write");
}

/* What came must be what was announced, and what END says that it was. */
static int judge(struct connection *connection, struct download *download,
                 const char end[DIGEST_ROOM])
{
    char made[DIGEST_ROOM];

    digest_finish(&download->made, made);
    if (end[0] == '\0')
        return complain_of_body(connection, download->name, -REASON_BREACH, NULL);
    if (strcmp(end, made) != 0)
        return complain_of_body(connection, download->name, -REASON_MISMATCH, NULL);
    if (download->written < download->size)
        return complain(REASON_BREACH, download->name,
                        "the server sent fewer bytes than it announced");
    if (download->digest[0] != '\0' && strcmp(download->digest, made) != 0)
        return complain(REASON_MISMATCH, download->name, "the content is not the one announced");
    memcpy(download->digest, made, DIGEST_ROOM);
    return 0;
}

int download_get(struct connection *connection, struct download *download)
{
    char end[DIGEST_ROOM];
    int code = ask(connection, download->name, NULL, 0);

    if (code == -REASON_MISMATCH)
        return complain(REASON_MISMATCH, download->name, "%s", connection->why);
    if (code == 0)
        code = read_announcement(connection, download);
    digest_begin(&download->made);
    if (code == 0)
        code = read_body(connection, download->name, write_piece, download, end);
    return code == 0 ? judge(connection, download, end) : code;
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
    int code = ask(connection, name, digest, size);

    if (code < 0)
        return code == -REASON_MISMATCH ? -REASON_EXISTS : code;
    return read_body(connection, name, take_none, &name, NULL);
}
