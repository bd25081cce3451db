#include <errno.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/requests/promise.h"
#include "daemon/requests/upload.h"
#include "daemon/store/commit.h"
#include "daemon/store/quarantine.h"
#include "protocol/descriptor.h"

enum {
    TRIES = 10, /* how often the name may be taken, and free again when it is looked at */
};

static const char *name_of(const struct upload *upload)
{
    return upload->arguments->name;
}

/* May the client know what is stored? It may look at it anyhow. */
static bool may_know(const struct upload *upload)
{
    return session_may_see(upload->session, name_of(upload));
}

static bool is_replacing(const struct upload *upload)
{
    return upload->arguments->options[OPTION_REPLACE].text != NULL;
}

/* The digest of the only content that may be replaced; NULL for any. */
static const char *guard_of(const struct upload *upload)
{
    const struct option_value *replace = &upload->arguments->options[OPTION_REPLACE];

    return replace->length > 1 ? replace->text : NULL;
}

static int answer_unknown(const struct upload *upload)
{
    return promise_break(upload->session, name_of(upload),
                         "the file has its name, and could not be made durable");
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

/* Before EXISTS: the stored file is durable, and its digest known. */
static int settle(void *argument)
{
    struct upload *upload = argument;
    int code = commit_make_durable(upload->session->library, &upload->there, name_of(upload));

    if (code == 0 && promise_has_failed(upload->session))
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
    bool same = digest != NULL && strcmp(digest, there->record.digest) == 0;
    if (!may_know(upload))
        return stream_print(stream, same ? "EXISTS same=1\n" : "EXISTS\n");
    return stream_print(stream, "EXISTS size=%lld digest=%s%s\n", (long long)there->status.st_size,
                        there->record.digest, same && is_replacing(upload) ? " same=1" : "");
}

/*
 * Is the free name kept in quarantine for other bytes than those of this digest? Then they are
 * there, as if they had it still. Returns 0 or a reason.
 */
static int look_into_quarantine(struct upload *upload, const char *digest)
{
    struct stored *there = &upload->there;
    int code = quarantine_open(upload->session->library, name_of(upload), there);

    if (code == 0 && strcmp(there->record.digest, digest) == 0) {
        descriptor_close(there->fd);
        there->fd = -1;
    }
    return code == -REASON_NOT_FOUND ? 0 : code;
}

/* Looks at what is under the name. Returns 0 when it is free or a file, else a reason. */
static int look(struct upload *upload)
{
    const char *digest = upload->arguments->options[OPTION_DIGEST].text;
    int code = lookup_open(upload->session->library, name_of(upload), &upload->there);

    if (code == -REASON_NOT_FOUND && errno == ENOENT)
        return is_replacing(upload) || digest == NULL ? 0 : look_into_quarantine(upload, digest);
    if (code != -REASON_NOT_FOUND)
        return code;
    return session_refuse(upload->session, REASON_NOT_A_FILE, "it lies below a file or a link");
}

/* What stands in the way of replacing is not what the client has named. */
static int refuse_guard(struct upload *upload)
{
    const struct stored *there = &upload->there;

    if (there->fd < 0)
        return session_refuse(upload->session, REASON_MISMATCH, "there is no file to be replaced");
    return session_refuse(upload->session, REASON_MISMATCH,
                          "the file to be replaced is another%s%s", may_know(upload) ? ": " : "",
                          may_know(upload) ? there->record.digest : "");
}

/* -REASON_EXISTS comes with the file that was there first. */
static int give_name(struct upload *upload)
{
    const struct library *library = upload->session->library;
    int code = 0;

    if (is_replacing(upload))
        return commit_replace(library, &upload->stage, &upload->record, name_of(upload),
                              guard_of(upload), &upload->there);
    for (int tries = 0; code == 0 && tries < TRIES; tries++) {
        code = commit_link(library, &upload->stage, &upload->record, name_of(upload));
        if (code != -REASON_EXISTS)
            return code;
        code = lookup_open(library, name_of(upload), &upload->there);
        if (code == -REASON_NOT_FOUND)
            code = look_into_quarantine(upload, upload->record.digest);
        if (upload->there.fd >= 0)
            return -REASON_EXISTS;
    }
    return code < 0 ? code : -REASON_INTERNAL;
}

/* Seals the stage and gives it its name. */
static int store(void *argument)
{
    struct upload *upload = argument;
    struct session *session = upload->session;
    int code = stage_seal(&upload->stage, session->library, &upload->record);

    /* Others may have met a failing disk since this one was begun. */
    if (code == 0)
        code = promise_judge(session);
    if (code < 0)
        return code;
    code = give_name(upload);
    if (code == -REASON_MISMATCH)
        return refuse_guard(upload);
    return code == 0 && promise_judge(session) < 0 ? COMMIT_UNKNOWN : code;
}

/* A new file: from the go-ahead to the answer. */
static int serve_new(struct upload *upload)
{
    struct session *session = upload->session;
    int code = upload_open_stage(upload);

    if (code == 0 && !session->body_expected)
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
    const char *old = upload->there.record.digest;
    log_event(LOG_LEVEL_INFO, "stored", "session", session->id, "client", session->client.who,
              "name", name_of(upload), "digest", upload->record.digest,
              upload->stage.moved ? "replaced" : NULL, old[0] != '\0' ? old : "unknown", NULL);
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
    if (!upload->session->body_expected)
        return answer_exists(upload, upload->arguments->options[OPTION_DIGEST].text);
    int code = upload_receive(upload);
    return code == 0 ? answer_exists(upload, upload->record.digest) : code;
}

/*
 * Is it known already, by the digest of what is to come, that nothing is to be replaced? Then it is
 * answered, which `*ret_answered` tells. A body that was sent ahead has to be read anyhow.
 */
static int judge_replacing(struct upload *upload, bool *ret_answered)
{
    const char *digest = upload->arguments->options[OPTION_DIGEST].text;
    const char *guard = guard_of(upload);
    bool is_there = upload->there.fd >= 0;

    if (upload->session->body_expected || (is_there ? digest == NULL : guard == NULL))
        return 0;
    if (!is_there)
        return refuse_guard(upload);
    int code = request_digest(upload->session, &upload->there);
    if (code < 0)
        return guard == NULL ? 0 : code;
    *ret_answered = strcmp(digest, upload->there.record.digest) == 0;
    if (*ret_answered)
        return answer_exists(upload, digest);
    return guard == NULL || strcmp(guard, upload->there.record.digest) == 0 ? 0
                                                                            : refuse_guard(upload);
}

/* Can the file that is there be answered for, before a byte of another has come? */
static int judge_existing(struct upload *upload, bool *ret_answered)
{
    bool may_tell = may_know(upload) || upload->session->body_expected ||
                    upload->arguments->options[OPTION_DIGEST].text != NULL;

    if (is_replacing(upload) && !is_done(upload))
        return judge_replacing(upload, ret_answered);
    *ret_answered = upload->there.fd >= 0 && (may_tell || is_done(upload));
    return *ret_answered ? serve_existing(upload) : 0;
}

static int serve(struct upload *upload)
{
    bool is_answered = false;
    int code = promise_judge_disk(upload->session);

    /* Its lock comes first: whoever has it may be giving the name to this very upload. */
    if (code == 0)
        code = upload_find_stage(upload);
    if (code == 0)
        code = look(upload);
    if (code == 0)
        code = judge_existing(upload, &is_answered);
    if (code < 0 || is_answered)
        return code;
    if (!upload->session->library->writable)
        return session_refuse(upload->session, REASON_DENIED, "the library is read-only");
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
