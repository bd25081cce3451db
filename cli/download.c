#include "cli/download.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/spool.h"
#include "protocol/body.h"
#include "protocol/clock.h"
#include "protocol/name.h"
#include "settings/quantity.h"

/* Takes a piece of a body. Returns 0, or a reason: then nothing more is read. */
typedef int piece_sink(void *context, const char *bytes, size_t length, struct failure *failure);

/* Fails because a body was cut off. `text` is the cause that the server gives, or NULL. */
static int fail_body(struct connection *connection, const char *subject, int code, const char *text)
{
    if (code == -REASON_BAD_REQUEST || code == -REASON_UNSUPPORTED)
        code = -REASON_BREACH;
    (void)connection_fail(connection, subject, code);
    return text == NULL || text[0] == '\0'
               ? code
               : fail(connection->failure, reason_of(code), subject, "%s", text);
}

/*
 * Reads a body to its end. Without a sink it must be empty. Unless `ret_digest` is NULL it gets the
 * digest that END gives, or "". Returns 0 or a reason, in a message about `subject`.
 */
static int read_body(struct connection *connection, const char *subject, piece_sink *sink,
                     void *context, char ret_digest[DIGEST_ROOM])
{
    struct body body = {.is_answer = true};
    struct item item = {.kind = ITEM_WAIT};

    for (;;) {
        const char *bytes = NULL;
        size_t length = 0;
        int code = body_next(&connection->stream, &body, &item, &bytes, &length);
        if (code < 0)
            return fail_body(connection, subject, code, NULL);
        if (item.kind != ITEM_DATA)
            break;
        code = sink != NULL ? sink(context, bytes, length, connection->failure)
                            : fail(connection->failure, REASON_BREACH, subject, "%s",
                                   reason_text(REASON_BREACH));
        if (code < 0) {
            /* The rest of the body would be taken for answers. */
            connection_close(connection);
            return code;
        }
    }
    if (item.kind == ITEM_ABORT)
        return fail_body(connection, subject, -(int)item.reason, item.text);
    if (ret_digest != NULL)
        memcpy(ret_digest, item.digest, DIGEST_ROOM);
    return 0;
}

/* A body that is cut into lines. */
struct lines {
    const char *subject;
    download_line_sink *sink;
    void *context;
    char rest[LINE_LONGEST]; /* the beginning of a line whose end has not come */
    size_t length;
    struct line line;
};

/* Cuts a piece of the body into lines; what is left over waits for the next piece. */
static int cut_piece(void *context, const char *bytes, size_t length, struct failure *failure)
{
    struct lines *lines = context;
    int code = 0;

    while (code == 0 && length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t piece = end != NULL ? (size_t)(end - bytes) : length;
        if (lines->length + piece >= sizeof lines->rest)
            return fail(failure, REASON_BREACH, lines->subject,
                        "the server sent a line that is too long");
        memcpy(lines->rest + lines->length, bytes, piece);
        lines->length += piece;
        if (end == NULL)
            break;
        bytes += piece + 1;
        length -= piece + 1;
        if (lines->length > 0 && lines->rest[lines->length - 1] == '\r')
            lines->length--;
        if (line_parse(&lines->line, lines->rest, lines->length) < 0)
            return fail(failure, REASON_BREACH, lines->subject, "the server sent an invalid line");
        lines->length = 0;
        code = lines->sink(lines->context, &lines->line, failure);
    }
    return code;
}

int download_lines(struct connection *connection, const char *subject, download_line_sink *sink,
                   void *context)
{
    struct lines *lines = malloc(sizeof *lines);

    if (lines == NULL) {
        connection_close(connection);
        return fail_errno(connection->failure, REASON_INTERNAL, subject, "no memory");
    }
    lines->subject = subject;
    lines->sink = sink;
    lines->context = context;
    lines->length = 0;
    int code = read_body(connection, subject, cut_piece, lines, NULL);
    if (code == 0 && lines->length > 0)
        code = fail(connection->failure, REASON_BREACH, subject,
                    "the server's last line is incomplete");
    free(lines);
    return code;
}

/*
 * Asks for a file from an offset on. With a `digest` that is not empty, another content is
 * -REASON_MISMATCH.
 */
static int ask(struct connection *connection, const struct download *download, const char *digest,
               int64_t offset, bool only_looks)
{
    char name[NAME_ESCAPED_ROOM];
    struct stream *stream = &connection->stream;
    int64_t left_ms = download->wait_until_ms - clock_ms();
    int64_t wait = left_ms > 0 ? (left_ms + 999) / 1000 : 0; /* in whole seconds */
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    (void)line_escape(download->name, strlen(download->name), name);
    (void)stream_print(stream, "GET %s", name);
    if (offset > 0)
        (void)stream_print(stream, " offset=%lld", (long long)offset);
    if (digest[0] != '\0')
        (void)stream_print(stream, " digest=%s", digest);
    if (only_looks)
        (void)stream_print(stream, " length=0");
    if (wait > 0)
        (void)stream_print(stream, " wait=%lld", (long long)wait);
    (void)stream_print(stream, "\n");
    /* For that long, the server may send only signs of life. */
    stream->limits.wait_ms += wait * 1000;
    code = connection_ask(connection, download->name, ANSWER_OK);
    stream->limits.wait_ms = connection->settings->limits.wait_ms;
    return code;
}

static int fail_write(const struct download *download, struct failure *failure)
{
    return download->is_spool ? spool_fail(failure)
                              : fail_errno(failure, REASON_LOCAL, download->local, "cannot write");
}

/*
 * Asks for what is still missing. What was written can only be kept if the server says that it is of
 * the same file; else it is dropped.
 */
static int ask_for_rest(struct connection *connection, struct download *download)
{
    char size[QUANTITY_ROOM];
    int code = -REASON_MISMATCH;

    if (download->written > 0 && download->digest[0] != '\0')
        code = ask(connection, download, download->digest, download->written, false);
    if (code == 0)
        console_note("%s: resumed at %s", download->name,
                     quantity_print_bytes(download->written, size));
    if (code != -REASON_MISMATCH || (download->written > 0 && !download->can_restart))
        return code;
    if (download->written > 0 && download->fd >= 0 && ftruncate(download->fd, 0) < 0)
        return fail_write(download, connection->failure);
    if (download->written > 0)
        console_note("%s: starts again, because %s", download->name,
                     download->is_damaged ? "what was kept of it is damaged"
                                          : "it may be another file by now");
    download->written = 0;
    download->file = (struct sparse){.length = 0};
    download->digest[0] = '\0';
    digest_begin(&download->made);
    return ask(connection, download, download->wanted, 0, false);
}

/* Runs the command that gets the file, if there is one, unless it was run already. */
static int start_command(struct download *download)
{
    struct child *child = &download->child;

    if (download->command == NULL || child->pid != 0)
        return 0;
    int code = child_start(child, download->command, CHILD_READS, download->connection->failure);
    child->until_ms = connection_deadline(download->connection);
    return code;
}

int download_end_command(struct download *download)
{
    struct connection *connection = download->connection;
    struct child *child = &download->child;

    /* One that has not got all of it must not see an end, before child_kill(). */
    if (!child->has_ended && (clock_ms() >= child->until_ms || !child_close(child)))
        return connection_fail(connection, download->name, connection_expire(connection));
    return child_check(child, download->name, connection->failure);
}

/* Writes a piece of the file to where it goes. Returns 0 or a reason. */
static int deliver(struct download *download, const char *bytes, size_t length,
                   struct failure *failure)
{
    int code = download->command != NULL ? child_write(&download->child, bytes, length)
               : download->can_restart ? sparse_write(&download->file, download->fd, bytes, length)
                                       : output_write_all(download->fd, bytes, length);

    if (code == 0)
        return 0;
    if (download->command != NULL)
        return download_end_command(download);
    return errno == EPIPE && download->fd == STDOUT_FILENO ? fail_quietly(failure, REASON_LOCAL)
                                                           : fail_write(download, failure);
}

static int write_piece(void *context, const char *bytes, size_t length, struct failure *failure)
{
    struct download *download = context;
    struct stream *stream = &download->connection->stream;

    /* Otherwise a server could fill the disk before anybody notices. */
    if ((int64_t)length > download->size - download->written)
        return fail(failure, REASON_BREACH, download->name,
                    "the server sent more bytes than it announced");
    digest_add(&download->made, bytes, length);
    download->written += (int64_t)length;
    progress_add(length);
    connection_pace(download->connection, length);
    if (download->fd < 0 && download->command == NULL)
        return 0;
    stream_end_turn(stream);
    int code = deliver(download, bytes, length, failure);
    stream_begin_turn(stream);
    return code;
}

int download_deliver(struct connection *connection, struct download *download, int source)
{
    struct failure *failure = connection->failure;
    char bytes[64 * 1024];
    ssize_t got = 0;

    download->connection = connection;
    int code = start_command(download);
    if (code == 0 && lseek(source, 0, SEEK_SET) < 0)
        return fail_errno(failure, REASON_LOCAL, spool_name(), "cannot read");
    while (code == 0 && (got = read(source, bytes, sizeof bytes)) != 0) {
        if (got > 0)
            code = deliver(download, bytes, (size_t)got, failure);
        else if (errno != EINTR)
            code = fail_errno(failure, REASON_LOCAL, spool_name(), "cannot read");
    }
    return code;
}

bool download_can_resume(const struct download *download)
{
    return download->can_restart || download->written == 0 || download->digest[0] != '\0';
}

static const char damaged[] =
    "the content does not match its digest (the file may be damaged in the "
    "library; fsd-scrub(8) there checks it)";

int download_get(struct connection *connection, struct download *download)
{
    const char *announced = download->digest;
    const char *name = download->name;
    char made[DIGEST_ROOM];
    char end[DIGEST_ROOM];
    download->connection = connection;
    int code = ask_for_rest(connection, download);
    bool is_whole = download->written == 0;

    if (code < 0)
        return code;
    /* OK has the size and, if it is known, the digest. A download that resumes knows its digest. */
    if (download->digest[0] == '\0')
        memcpy(download->digest, download->wanted, DIGEST_ROOM);
    (void)connection_digest(connection, &announced);
    if (!connection_number(connection, "size", &download->size) ||
        (download->digest[0] != '\0' && strcmp(download->digest, announced) != 0))
        return fail_body(connection, name, -REASON_BREACH, NULL);
    memmove(download->digest, announced, DIGEST_ROOM);
    code = start_command(download);
    if (code < 0) {
        connection_close(connection);
        return code;
    }

    progress_file(name, download->size, download->written);
    code = read_body(connection, name, write_piece, download, end);
    if (code < 0)
        return code;
    digest_finish(&download->made, made);
    /* The END of a whole body must have a digest. */
    if (end[0] == '\0' && is_whole)
        return fail_body(connection, name, -REASON_BREACH, NULL);
    if (end[0] != '\0' && strcmp(end, made) != 0)
        return fail_body(connection, name, -REASON_MISMATCH, damaged);
    if (download->written < download->size)
        return fail(connection->failure, REASON_BREACH, name,
                    "the server sent fewer bytes than it announced");
    if (download->digest[0] != '\0' && strcmp(download->digest, made) != 0)
        return fail(connection->failure, REASON_MISMATCH, name, "%s", damaged);
    memcpy(download->digest, made, DIGEST_ROOM);
    if (download->can_restart && sparse_finish(&download->file, download->fd) < 0)
        return fail_write(download, connection->failure);
    return 0;
}

int download_look(struct connection *connection, struct download *download)
{
    const char *digest = "";
    int code = ask(connection, download, download->wanted, 0, true);

    if (code < 0)
        return code;
    (void)connection_digest(connection, &digest);
    if (!connection_number(connection, "size", &download->size))
        return fail_body(connection, download->name, -REASON_BREACH, NULL);
    memmove(download->digest, digest, strlen(digest) + 1);
    return read_body(connection, download->name, NULL, NULL, NULL);
}

int download_take_part(struct download *download, int fd, struct failure *failure)
{
    digest_begin(&download->made);
    int64_t length = digest_add_file(&download->made, fd, NULL);

    if (length < 0)
        return fail_errno(failure, REASON_LOCAL, download->local, "cannot read its part");
    download->fd = fd;
    download->written = length;
    download->file = (struct sparse){.length = length, .written = length};
    download->has_part = length > 0;
    return 0;
}

int download_compare(struct connection *connection, const struct download *download)
{
    int code = ask(connection, download, download->digest, download->size, false);

    if (code < 0)
        return code == -REASON_MISMATCH ? -REASON_EXISTS : code;
    /* No byte was asked for. */
    return read_body(connection, download->name, NULL, NULL, NULL);
}
