/*
 * GET: sends a file, or a part of it. With wait= it first waits until the file exists.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/requests/requests.h"
#include "daemon/store/lookup.h"
#include "protocol/descriptor.h"
#include "protocol/value.h"

struct download {
    struct session *session;
    const char *name;
    struct stored stored;
    int64_t offset; /* of the next byte */
    int64_t end;    /* of the part that is asked for */
    bool is_whole;  /* the part is the whole file: END carries its digest */
};

/*
 * Has a file without a digest changed while it was sent? If only its ctime has, the whole file is
 * read again and its digest compared. Returns 0, -REASON_MISMATCH or another reason.
 */
static int check_sent(const struct download *download, const char *sent)
{
    struct stored again = download->stored;

    if (!descriptor_is_touched(again.fd, &again.status))
        return 0;
    if (!download->is_whole)
        return -REASON_MISMATCH;
    int code = request_digest(download->session, &again);
    return code == 0 && strcmp(again.record.digest, sent) != 0 ? -REASON_MISMATCH : code;
}

/* Sends the body, with its END or ABORT. A digest that is not recorded is made on the way. */
static int send_body(struct download *download)
{
    struct session *session = download->session;
    struct stream *stream = &session->stream;
    const char *text = download->stored.record.digest;
    bool is_unknown = text[0] == '\0';
    bool is_made = is_unknown && download->is_whole;
    char made[DIGEST_ROOM] = "";
    struct digest digest;
    int code = 0;

    digest_begin(&digest);
    while (download->offset < download->end) {
        char *bytes = NULL;
        size_t room = 0;
        if ((code = session_check_rights(session)) < 0)
            break;
        if (body_room(stream, (size_t)(download->end - download->offset), &bytes, &room) < 0)
            return -REASON_LOST;
        ssize_t got = pread(download->stored.fd, bytes, room, download->offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            code = got == 0 ? -REASON_MISMATCH : -REASON_INTERNAL;
            break;
        }
        if (is_made)
            digest_add(&digest, bytes, (size_t)got);
        body_added(stream, room, (size_t)got);
        download->offset += got;
        session->content_bytes += got;
    }
    if (is_made)
        digest_finish(&digest, made);
    if (code == 0 && lookup_has_changed(&download->stored))
        code = -REASON_MISMATCH;
    else if (code == 0 && is_unknown)
        code = check_sent(download, made);

    if (code == -REASON_LOST)
        return code;
    session->outcome = reason_of(code);
    if (code == -REASON_MISMATCH)
        return stream_print(stream, "ABORT mismatch the file changed while it was sent\n");
    if (code == -REASON_UNAVAILABLE)
        return stream_print(stream, "ABORT %s %s\n", reason_word(session->outcome), session->why);
    if (code < 0) {
        session_log_failure(session, "GET", download->name);
        return stream_print(stream, "ABORT %s the file cannot be read\n",
                            reason_word(session->outcome));
    }
    if (!download->is_whole)
        return stream_print(stream, "END\n");
    return stream_print(stream, "END digest=%s\n", is_unknown ? made : text);
}

int get_serve(struct session *session, const struct arguments *arguments)
{
    const struct option_value *offset = &arguments->options[OPTION_OFFSET];
    const struct option_value *length = &arguments->options[OPTION_LENGTH];
    const char *digest = arguments->options[OPTION_DIGEST].text;
    int64_t seconds = arguments->options[OPTION_WAIT].number;
    struct download download = {.session = session, .name = arguments->name};
    struct stored *stored = &download.stored;
    char mtime[VALUE_TIME_ROOM];

    int code = lookup_open(session->library, arguments->name, stored);
    if (code == -REASON_NOT_FOUND && seconds > 0)
        code = request_await_file(session, arguments->name, seconds, stored);
    if (code == -REASON_DENIED)
        return session_refuse(session, REASON_DENIED, "fsd itself has no access to the file");
    if (code < 0)
        return code;

    if (digest != NULL) {
        code = request_digest(session, stored);
        if (code == 0 && strcmp(digest, stored->record.digest) != 0)
            code = session_refuse(session, REASON_MISMATCH, "the digest of the file is %s",
                                  stored->record.digest);
    }
    int64_t size = stored->status.st_size;
    if (code == 0 && offset->number > size)
        code = session_refuse(session, REASON_MISMATCH,
                              "the offset is past the end of the file, which has %lld bytes",
                              (long long)size);
    if (code == 0) {
        download.offset = offset->number;
        download.end = size;
        if (length->text != NULL && length->number < size - offset->number)
            download.end = offset->number + length->number;
        download.is_whole = offset->number == 0 && length->text == NULL;
        const char *recorded = stored->record.digest;
        code = stream_print(&session->stream, "OK size=%lld mtime=%s%s%s\n", (long long)size,
                            value_print_time(stored->status.st_mtim, mtime),
                            recorded[0] != '\0' ? " digest=" : "", recorded);
    }
    if (code == 0)
        code = send_body(&download);
    descriptor_close(stored->fd);
    return code;
}
