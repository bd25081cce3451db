#include <errno.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/requests/upload.h"
#include "daemon/store/commit.h"
#include "protocol/descriptor.h"

static const char disk_has_failed[] =
    "the disk has failed: uploads are refused until fsd is started anew";

enum {
    TRIES = 10, /* how often the name may be taken, and free again when it is looked at */
};

/* May the client know what is stored? It may look at it anyhow. */
static bool may_know(const struct upload *upload)
{
    return session_may_see(upload->session, upload->arguments->name);
}

/*
 * The file has its name, and it is not known for how long. After an error of the disk itself
 * nothing can be promised of any upload: what a first fsync(2) has failed to write, a second one
 * would not.
 */
static int answer_unknown(const struct upload *upload)
{
    struct session *session = upload->session;
    int error = errno;

    log_event(LOG_LEVEL_CRITICAL, "outcome unknown", "session", session->id, "client",
              session->client.who, "name", upload->arguments->name, "cause", strerror(error), NULL);
    if (error == EIO)
        counter_add(&session->counters->broken, 1);
    session->outcome = REASON_INTERNAL;
    return stream_print(
        &session->stream,
        "FAIL %s outcome unknown: the file has its name, and could not be made durable\n",
        reason_word(REASON_INTERNAL));
}

/* Is the file under the name what this very upload has stored before? */
static bool is_done(const struct upload *upload)
{
    const struct record *record = &upload->there.record;
    const struct option_value *size = &upload->arguments->options[OPTION_SIZE];
    const struct option_value *digest = &upload->arguments->options[OPTION_DIGEST];

    return upload->id != NULL && upload->there.fd >= 0 && strcmp(record->upload, upload->id) == 0 &&
           strcmp(record->by, upload->record.by) == 0 &&
           (size->text == NULL || size->number == record->size) &&
           (digest->text == NULL || strcmp(digest->text, record->digest) == 0) &&
           (!upload->is_whole || strcmp(upload->record.digest, record->digest) == 0);
}

/* Has the disk failed to make something durable since the daemon was started? */
static bool has_failed(const struct session *session)
{
    return counter_read(&session->counters->broken) > 0;
}

/* Before EXISTS: the stored file is durable, and its digest known. */
static int settle(void *argument)
{
    struct upload *upload = argument;
    int code =
        commit_make_durable(upload->session->library, &upload->there, upload->arguments->name);

    if (code == 0 && has_failed(upload->session))
        return COMMIT_UNKNOWN;
    return code == 0 ? lookup_digest(&upload->there) : code;
}

/*
 * The answer when the name is taken, maybe by this very upload. A client that may not look learns
 * only whether `digest`, that of its own bytes as far as it is known, is the stored one.
 */
static int answer_exists(struct upload *upload, const char *digest)
{
    struct stream *stream = &upload->session->stream;
    const struct stored *there = &upload->there;
    int code = session_run_with_heartbeat(upload->session, settle, upload);

    if (code != 0)
        return code == COMMIT_UNKNOWN ? answer_unknown(upload) : code;
    if (is_done(upload))
        return stream_print(stream, "OK size=%lld digest=%s\n", (long long)there->record.size,
                            there->record.digest);
    upload->session->outcome = REASON_EXISTS;
    if (may_know(upload))
        return stream_print(stream, "EXISTS size=%lld digest=%s\n",
                            (long long)there->status.st_size, there->record.digest);
    bool same = digest != NULL && strcmp(digest, there->record.digest) == 0;
    return stream_print(stream, same ? "EXISTS same=1\n" : "EXISTS\n");
}

/* Looks at what is under the name. Returns 0 when it is free or a file, else a reason. */
static int look(struct upload *upload)
{
    int code = lookup_open(upload->session->library, upload->arguments->name, &upload->there);

    if (code == -REASON_NOT_FOUND && errno == ENOENT)
        return 0;
    if (code != -REASON_NOT_FOUND)
        return code;
    return session_refuse(upload->session, REASON_NOT_A_FILE, "it lies below a file or a link");
}

/* Can anybody be promised anything, who has begun when that was still so? */
static int judge_promise(const struct upload *upload)
{
    struct session *session = upload->session;

    if (has_failed(session))
        return session_refuse(session, REASON_UNAVAILABLE, "%s", disk_has_failed);
    return library_is_in_place(session->library)
               ? 0
               : session_refuse(session, REASON_UNAVAILABLE,
                                "the library was unmounted, moved or replaced meanwhile");
}

/*
 * Seals the stage and gives it its name. -REASON_EXISTS comes with the file that was there first.
 */
static int store(void *argument)
{
    struct upload *upload = argument;
    const struct library *library = upload->session->library;
    int code = stage_seal(&upload->stage, library, &upload->record);

    if (code == 0)
        code = judge_promise(upload);
    for (int tries = 0; code == 0 && tries < TRIES; tries++) {
        code = commit_link(library, &upload->stage, upload->arguments->name);
        if (code != -REASON_EXISTS)
            return code == 0 && judge_promise(upload) < 0 ? COMMIT_UNKNOWN : code;
        code = lookup_open(library, upload->arguments->name, &upload->there);
        if (code != -REASON_NOT_FOUND)
            return code == 0 ? -REASON_EXISTS : code;
        code = 0;
    }
    return code == 0 ? -REASON_INTERNAL : code;
}

/* A new file: from the go-ahead to the answer. */
static int serve_new(struct upload *upload)
{
    struct session *session = upload->session;
    int code = upload_open_stage(upload);

    if (code == 0 && !session->body_due)
        code = upload_send_go_ahead(upload);
    if (code == 0)
        code = upload_receive(upload);
    if (code < 0)
        return code;
    code = session_run_with_heartbeat(session, store, upload);
    if (code == -REASON_EXISTS)
        return answer_exists(upload, upload->record.digest);
    if (code == COMMIT_UNKNOWN)
        return answer_unknown(upload);
    if (code == -REASON_INTERNAL && errno == EXDEV)
        return session_refuse(
            session, REASON_INTERNAL,
            "another file system is mounted there; nothing can be linked into it");
    if (code < 0)
        return code;
    log_event(LOG_LEVEL_INFO, "stored", "session", session->id, "client", session->client.who,
              "name", upload->arguments->name, "digest", upload->record.digest, NULL);
    code = stream_print(&session->stream, "OK size=%lld digest=%s\n", (long long)upload->received,
                        upload->record.digest);
    /* The client need not wait for the stage's own name to go. */
    return code == 0 ? stream_flush(&session->stream) : code;
}

/*
 * A taken name, which the client may know, or of which it knows enough by its own digest. A body
 * that was sent ahead is read first: before its end only FAIL may be answered.
 */
static int serve_existing(struct upload *upload)
{
    if (!upload->session->body_due)
        return answer_exists(upload, upload->arguments->options[OPTION_DIGEST].text);
    int code = upload_receive(upload);
    return code == 0 ? answer_exists(upload, upload->record.digest) : code;
}

static int serve(struct upload *upload)
{
    struct session *session = upload->session;
    bool may_tell = may_know(upload) || session->body_due ||
                    upload->arguments->options[OPTION_DIGEST].text != NULL;

    if (has_failed(session))
        return session_refuse(session, REASON_UNAVAILABLE, "%s", disk_has_failed);
    /* Its lock comes first: whoever has it may be giving the name to this very upload. */
    int code = upload_find_stage(upload);
    if (code == 0)
        code = look(upload);
    if (code < 0)
        return code;
    if (upload->there.fd >= 0 && (may_tell || is_done(upload)))
        return serve_existing(upload);
    if (!session->library->writable)
        return session_refuse(session, REASON_DENIED, "the library is read-only");
    descriptor_close(upload->there.fd);
    upload->there.fd = -1;
    return serve_new(upload);
}

int put_serve(struct session *session, const struct arguments *arguments)
{
    struct upload upload;

    upload_begin(&upload, session, arguments);
    int code = serve(&upload);
    upload_close(&upload, code);
    if (code == -REASON_DENIED && session->why[0] == '\0')
        return session_refuse(session, REASON_DENIED, "the daemon itself has no access there");
    return code;
}
