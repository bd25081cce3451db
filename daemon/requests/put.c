#include <errno.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/requests/requests.h"
#include "daemon/store/commit.h"
#include "daemon/store/lookup.h"
#include "daemon/store/stage.h"
#include "protocol/descriptor.h"

static const char disk_has_failed[] =
    "the disk has failed: uploads are refused until fsd is started anew";

enum {
    TRIES = 10, /* how often the name may be taken, and free again when it is looked at */
};

/* A file on its way in. */
struct upload {
    struct session *session;
    const struct arguments *arguments;
    struct stage stage;
    const char *id;   /* by which it may be gone on with; NULL: it may not */
    int64_t received; /* bytes of the file */
    bool is_whole;    /* its END has come */
    struct digest digest;
    struct record record; /* what will be remembered of it */
    struct stored there;  /* the file that has the name already; fd -1 for none */
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

/* The end of the body: count and digest must be those that the client has told. */
static int judge_end(struct upload *upload, const struct item *end)
{
    struct session *session = upload->session;
    const struct option_value *size = &upload->arguments->options[OPTION_SIZE];
    const struct option_value *digest = &upload->arguments->options[OPTION_DIGEST];
    char *made = upload->record.digest;

    if (size->text != NULL && size->number != upload->received)
        return session_refuse(session, REASON_MISMATCH, "%lld bytes came, and %lld were announced",
                              (long long)upload->received, (long long)size->number);
    upload->record.size = upload->received;
    digest_finish(&upload->digest, made);
    if ((end->digest[0] != '\0' && strcmp(end->digest, made) != 0) ||
        (digest->text != NULL && strcmp(digest->text, made) != 0))
        return session_refuse(session, REASON_MISMATCH, "the digest of what came is %s", made);
    return 0;
}

static int refuse_usage(struct session *session)
{
    errno = EDQUOT; /* for the log */
    return session_refuse(session, REASON_NO_SPACE,
                          "the uploads that %s has begun would be too large together",
                          session->client.who);
}

/* Without a stage, when the name is taken, bytes are only counted and hashed. */
static int add_bytes(struct upload *upload, const char *bytes, size_t length)
{
    struct session *session = upload->session;
    const struct option_value *size = &upload->arguments->options[OPTION_SIZE];
    int code = 0;

    if (size->text != NULL && (int64_t)length > size->number - upload->received)
        return session_refuse(session, REASON_MISMATCH, "more bytes came than the %lld announced",
                              (long long)size->number);
    if (upload->id != NULL && upload->received + (int64_t)length > session->settings->stage_bytes)
        return refuse_usage(session);
    if (upload->stage.fd >= 0)
        code = stage_write(&upload->stage, bytes, length);
    digest_add(&upload->digest, bytes, length);
    upload->received += (int64_t)length;
    return code;
}

/* Reads the body to its END. Returns 0 or a reason. */
static int receive(struct upload *upload)
{
    struct session *session = upload->session;

    for (;;) {
        struct item item = {.kind = ITEM_WAIT};
        const char *bytes = NULL;
        size_t length = 0;
        int code = body_next(&session->stream, &session->body, &item, &bytes, &length);
        if (code == -REASON_UNSUPPORTED)
            session->body_due = false;
        if (code == 0 && item.kind == ITEM_DATA)
            code = add_bytes(upload, bytes, length);
        if (code < 0)
            return code;
        if (item.kind == ITEM_DATA)
            continue;
        session->body_due = false;
        upload->is_whole = true;
        return item.kind == ITEM_END ? judge_end(upload, &item) : -REASON_ABORTED;
    }
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

/* How much may lie in the stage for one client? */
static int judge_usage(const struct upload *upload, const struct stage_plan *plan)
{
    struct session *session = upload->session;
    const struct settings *settings = session->settings;
    struct stage_usage usage;
    int64_t size = plan->size > 0 ? plan->size : 0;

    stage_measure(session->library, session->client.name, &usage);
    errno = EDQUOT; /* for the log */
    if (usage.count >= (uint64_t)settings->stages)
        return session_refuse(session, REASON_NO_SPACE,
                              "%s has begun %llu uploads, and may not begin more",
                              session->client.who, (unsigned long long)usage.count);
    if (usage.room > (uint64_t)settings->stage_bytes ||
        size > settings->stage_bytes - (int64_t)usage.room)
        return refuse_usage(session);
    return 0;
}

static struct stage_plan plan_of(const struct upload *upload)
{
    const struct option_value *size = &upload->arguments->options[OPTION_SIZE];

    return (struct stage_plan){.id = upload->id,
                               .name = upload->arguments->name,
                               .size = size->text != NULL ? size->number : -1};
}

static int resume(void *argument)
{
    struct upload *upload = argument;
    const struct stage_plan plan = plan_of(upload);

    return stage_resume(&upload->stage, upload->session->library, upload->session->client.name,
                        &plan);
}

/* Looks for the upload's stage, if it is one that may be gone on with. Returns 0 or a reason. */
static int find_stage(struct upload *upload)
{
    struct session *session = upload->session;

    if (upload->id == NULL)
        return 0;
    int code = session_run_with_heartbeat(session, resume, upload);
    if (code == -REASON_BUSY)
        return session_refuse(session, REASON_BUSY, "another session has this upload");
    if (code == -REASON_MISMATCH)
        return session_refuse(session, REASON_MISMATCH,
                              "this upload was begun with another name or size");
    return code == -REASON_NOT_FOUND ? 0 : code;
}

static int hash_stage(void *argument)
{
    struct upload *upload = argument;

    return stage_hash(&upload->stage, &upload->digest);
}

/* The client has to send what is not yet there. */
static int send_go_ahead(struct upload *upload)
{
    struct session *session = upload->session;
    char made[DIGEST_ROOM];

    int code =
        upload->stage.length > 0 ? session_run_with_heartbeat(session, hash_stage, upload) : 0;
    struct digest digest = upload->digest;

    if (code < 0)
        return code;
    session->body_due = true;
    if (upload->stage.length == 0)
        return stream_print(&session->stream, "OK offset=0\n");
    digest_finish(&digest, made);
    upload->received = upload->stage.length;
    return stream_print(&session->stream, "OK offset=%lld digest=%s\n", (long long)upload->received,
                        made);
}

/* A new file: from the go-ahead to the answer. */
static int serve_new(struct upload *upload)
{
    struct session *session = upload->session;
    const struct stage_plan plan = plan_of(upload);
    int code = 0;

    if (upload->stage.fd < 0) {
        code = upload->id != NULL ? judge_usage(upload, &plan) : 0;
        if (code == 0)
            code = stage_open(&upload->stage, session->library, session->client.name, &plan);
    }
    if (code == 0 && !session->body_due)
        code = send_go_ahead(upload);
    if (code == 0)
        code = receive(upload);
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
    int code = receive(upload);
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
    int code = find_stage(upload);
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

/*
 * By which id may the upload be gone on with? From anybody it means nothing, and without records
 * nobody could tell whether it is done.
 */
static const char *upload_id(const struct session *session, const struct arguments *arguments)
{
    bool is_heeded = session->library->records && session->library->writable &&
                     strcmp(session->client.name, "anonymous") != 0;

    return is_heeded ? arguments->options[OPTION_UPLOAD].text : NULL;
}

/* Does what came of the upload stay, to be gone on with? Not if its client leaves too much. */
static bool is_kept(const struct upload *upload, int code)
{
    const struct session *session = upload->session;
    struct stage_usage usage;

    if (upload->id == NULL || upload->is_whole || upload->stage.length == 0 ||
        (code != -REASON_LOST && code != -REASON_TIMEOUT && code != -REASON_UNAVAILABLE))
        return false;
    stage_measure(session->library, session->client.name, &usage);
    return usage.room <= (uint64_t)session->settings->stage_bytes;
}

int put_serve(struct session *session, const struct arguments *arguments)
{
    struct upload upload = {.session = session,
                            .arguments = arguments,
                            .id = upload_id(session, arguments),
                            .stage = STAGE_NONE,
                            .there = {.fd = -1}};

    memcpy(upload.record.by, session->client.name, sizeof upload.record.by);
    if (upload.id != NULL)
        memcpy(upload.record.upload, upload.id, sizeof upload.record.upload);
    digest_begin(&upload.digest);
    int code = serve(&upload);
    int error = errno;
    if (code == -REASON_DENIED && session->why[0] == '\0')
        code = session_refuse(session, REASON_DENIED, "the daemon itself has no access there");
    if (is_kept(&upload, code))
        stage_keep(&upload.stage);
    else
        stage_close(&upload.stage);
    descriptor_close(upload.there.fd);
    errno = error;
    return code;
}
