#include "cli/uploads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/upload.h"
#include "protocol/descriptor.h"
#include "protocol/line.h"
#include "protocol/name.h"

enum {
    AWAITED = 1, /* the answer is still to come; no reason is positive */
};

static void print_eager(struct stream *stream, const char *name, const char *bytes,
                        const struct outcome *outcome)
{
    char text[NAME_ESCAPED_ROOM];

    (void)line_escape(name, strlen(name), text);
    (void)stream_print(stream, "PUT %s size=%lld digest=%s eager=1\n", text,
                       (long long)outcome->size, outcome->digest);
    if (outcome->size > 0) {
        (void)stream_print(stream, "%lld\n", (long long)outcome->size);
        (void)stream_write(stream, bytes, (size_t)outcome->size);
        (void)stream_print(stream, "\n");
    }
    (void)stream_print(stream, "END\n");
}

/* Sends what was read of a file, and notes it down. */
static int send_ahead(struct uploads *uploads, const char *name, const char *local, size_t length)
{
    struct ahead *ahead = &uploads->ahead[uploads->count];
    struct digest digest;

    *ahead = (struct ahead){
        .name = strdup(name), .local = strdup(local), .outcome = {.size = (int64_t)length}};
    if (ahead->name == NULL || ahead->local == NULL) {
        free(ahead->name);
        free(ahead->local);
        return complain_errno(REASON_LOCAL, local, "cannot read");
    }
    digest_begin(&digest);
    digest_add(&digest, uploads->bytes, length);
    digest_finish(&digest, ahead->outcome.digest);
    print_eager(&uploads->connection->stream, name, uploads->bytes, &ahead->outcome);
    uploads->count++;
    /* So there is always room for the next one. That it cannot be sent its answer will tell. */
    if (uploads->pushed == 0 && stream_pending(&uploads->connection->stream) > STREAM_BUFFER / 2)
        uploads->pushed = connection_push(uploads->connection);
    if (uploads->count == UPLOADS_AHEAD)
        uploads_settle(uploads);
    return AWAITED;
}

/* One that needs a dialogue: all others are through with theirs. */
static int put_alone(struct uploads *uploads, const char *name, int source, const char *local,
                     const struct stat *status, struct outcome *outcome)
{
    uploads_settle(uploads);
    int code = connection_ready(uploads->connection);
    return code < 0 ? code
                    : upload_stream(uploads->connection, name, source, local, status, outcome);
}

/* Complains of the error in errno, behind what is to be said of the files before. */
static int complain_unreadable(struct uploads *uploads, const char *local)
{
    uploads_settle(uploads);
    return complain_errno(REASON_LOCAL, local, "cannot read");
}

/* Reads as much of a file as may be sent ahead, and one byte more where there is one. */
static int read_all(struct uploads *uploads, int source, size_t *ret_length)
{
    size_t length = 0;
    ssize_t got = 0;

    while (length < sizeof uploads->bytes &&
           (got = read(source, uploads->bytes + length, sizeof uploads->bytes - length)) != 0) {
        if (got < 0 && errno != EINTR)
            return -REASON_LOCAL;
        length += got > 0 ? (size_t)got : 0;
    }
    *ret_length = length;
    return 0;
}

/*
 * The size is that of what was read: some files, as those of /proc, have another than the system
 * tells.
 */
static int put_small(struct uploads *uploads, const char *name, int source, const char *local,
                     const struct stat *status, struct outcome *outcome)
{
    size_t length = 0;

    if (read_all(uploads, source, &length) < 0)
        return complain_unreadable(uploads, local);
    if (descriptor_has_changed(source, status)) {
        uploads_settle(uploads);
        return upload_complain_changed(local);
    }
    if (length > EAGER_LARGEST) {
        /* It is larger than it tells: to be read like a stream. */
        return lseek(source, 0, SEEK_SET) < 0
                   ? complain_unreadable(uploads, local)
                   : put_alone(uploads, name, source, local, NULL, outcome);
    }
    int code = uploads->count == 0 ? connection_ready(uploads->connection) : 0;
    return code < 0 ? code : send_ahead(uploads, name, local, length);
}

void uploads_init(struct uploads *uploads, struct connection *connection, uploads_report *report,
                  void *context)
{
    uploads->connection = connection;
    uploads->report = report;
    uploads->context = context;
    uploads->count = 0;
    uploads->pushed = 0;
}

void uploads_put(struct uploads *uploads, const char *name, int source, const char *local)
{
    struct outcome outcome = {.size = 0};
    struct stat status;
    int code = 0;

    if (fstat(source, &status) < 0) {
        code = complain_unreadable(uploads, local);
    } else {
        /* Of standard input a part may have been read by others: it is stored from there on. */
        bool is_whole = S_ISREG(status.st_mode) && lseek(source, 0, SEEK_CUR) == 0;
        bool is_small = is_whole && status.st_size <= EAGER_LARGEST;
        code = is_small
                   ? put_small(uploads, name, source, local, &status, &outcome)
                   : put_alone(uploads, name, source, local, is_whole ? &status : NULL, &outcome);
    }
    if (code != AWAITED)
        uploads->report(uploads->context, name, local, code, &outcome);
}

void uploads_settle(struct uploads *uploads)
{
    struct connection *connection = uploads->connection;
    int error = errno;
    int pushed = 0;
    int code = 0;

    if (uploads->count > 0) {
        /* A server that takes no more may still have said why. */
        pushed = uploads->pushed < 0 ? uploads->pushed : connection_push(connection);
        stream_expect(&connection->stream);
    }
    for (size_t i = 0; i < uploads->count; i++) {
        struct ahead *ahead = &uploads->ahead[i];
        if (connection->is_open)
            code = connection_answer(connection, ANSWER_EXISTS);
        else
            code = connection_note_failure(connection, code == -REASON_TIMEOUT ? -REASON_TIMEOUT
                                                                               : -REASON_LOST);
        if (code == -REASON_LOST && pushed == -REASON_TIMEOUT)
            code = connection_note_failure(connection, pushed);
        code = upload_judge(connection, ahead->name, true, code, &ahead->outcome);
        uploads->report(uploads->context, ahead->name, ahead->local, code, &ahead->outcome);
        free(ahead->name);
        free(ahead->local);
    }
    uploads->count = 0;
    uploads->pushed = 0;
    errno = error;
}
