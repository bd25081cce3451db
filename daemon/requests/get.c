#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/requests/requests.h"
#include "daemon/store/lookup.h"
#include "protocol/descriptor.h"
#include "protocol/value.h"

/* A file on its way out. */
struct download {
    struct session *session;
    const struct arguments *arguments;
    struct stored stored;
    int64_t offset; /* of the next byte */
    int64_t end;    /* of the part that is asked for */
    bool whole;     /* the part is the whole file: END carries its digest */
    struct digest digest;
};

static int open_file(struct download *download)
{
    const struct arguments *arguments = download->arguments;
    int64_t seconds = arguments->options[OPTION_WAIT].number;
    int code = lookup_open(download->session->library, arguments->name, &download->stored);

    if (code == -REASON_NOT_FOUND && seconds > 0)
        code = request_await_file(download->session, arguments->name, seconds, &download->stored);
    return code == -REASON_DENIED ? session_refuse(download->session, REASON_DENIED,
                                                   "the daemon itself may not read it")
                                  : code;
}

/* Is the content the one that is asked for? */
static int judge_digest(struct download *download)
{
    const struct option_value *wanted = &download->arguments->options[OPTION_DIGEST];

    if (wanted->text == NULL)
        return 0;
    int code = request_digest(download->session, &download->stored);
    if (code == 0 && strcmp(wanted->text, download->stored.record.digest) != 0)
        return session_refuse(download->session, REASON_MISMATCH, "the file's digest is %s",
                              download->stored.record.digest);
    return code;
}

static int judge_part(struct download *download)
{
    const struct option_value *offset = &download->arguments->options[OPTION_OFFSET];
    const struct option_value *length = &download->arguments->options[OPTION_LENGTH];
    int64_t size = download->stored.status.st_size;

    if (offset->number > size)
        return session_refuse(download->session, REASON_MISMATCH,
                              "the offset is beyond the file's %lld bytes", (long long)size);
    download->offset = offset->number;
    download->end = size;
    if (length->text != NULL && length->number < size - offset->number)
        download->end = offset->number + length->number;
    download->whole = offset->number == 0 && length->text == NULL;
    return 0;
}

static int send_answer(const struct download *download)
{
    char mtime[VALUE_TIME_ROOM];
    const struct stored *stored = &download->stored;
    const char *digest = stored->record.digest;

    return stream_print(&download->session->stream, "OK size=%lld mtime=%s%s%s\n",
                        (long long)stored->status.st_size,
                        value_print_time(stored->status.st_mtim, mtime),
                        digest[0] != '\0' ? " digest=" : "", digest);
}

/* Must the digest be made of the bytes as they pass? */
static bool is_hashed(const struct download *download)
{
    return download->whole && download->stored.record.digest[0] == '\0';
}

/* Sends the part. Returns 0, -REASON_LOST, or the reason for ABORT. */
static int send_bytes(struct download *download)
{
    struct stream *stream = &download->session->stream;

    while (download->offset < download->end) {
        char *bytes = NULL;
        size_t room = 0;
        if (body_room(stream, (size_t)(download->end - download->offset), &bytes, &room) < 0)
            return -REASON_LOST;
        ssize_t got = pread(download->stored.fd, bytes, room, download->offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? -REASON_MISMATCH : -REASON_INTERNAL;
        if (is_hashed(download))
            digest_add(&download->digest, bytes, (size_t)got);
        body_added(stream, room, (size_t)got);
        download->offset += got;
    }
    return lookup_has_changed(&download->stored) ? -REASON_MISMATCH : 0;
}

static int send_end(struct download *download, int code)
{
    struct stream *stream = &download->session->stream;
    char *digest = download->stored.record.digest;

    if (code == -REASON_LOST)
        return code;
    download->session->outcome = reason_of(code);
    if (code == -REASON_MISMATCH)
        return stream_print(stream, "ABORT mismatch the file changed while it was sent\n");
    if (code < 0) {
        session_log_failure(download->session, "GET", download->arguments->name);
        return stream_print(stream, "ABORT %s the file cannot be read\n",
                            reason_word(reason_of(code)));
    }
    if (!download->whole)
        return stream_print(stream, "END\n");
    if (is_hashed(download))
        digest_finish(&download->digest, digest);
    return stream_print(stream, "END digest=%s\n", digest);
}

int get_serve(struct session *session, const struct arguments *arguments)
{
    struct download download = {.session = session, .arguments = arguments};
    int code = open_file(&download);

    if (code < 0)
        return code;
    digest_begin(&download.digest);
    code = judge_digest(&download);
    if (code == 0)
        code = judge_part(&download);
    if (code == 0)
        code = send_answer(&download);
    if (code == 0)
        code = send_end(&download, send_bytes(&download));
    descriptor_close(download.stored.fd);
    return code;
}
