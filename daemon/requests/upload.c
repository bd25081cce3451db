#include "daemon/requests/upload.h"

#include <errno.h>
#include <string.h>

#include "protocol/descriptor.h"

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

static int hash_stage(void *argument)
{
    struct upload *upload = argument;

    return stage_hash(&upload->stage, &upload->digest);
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

void upload_begin(struct upload *upload, struct session *session, const struct arguments *arguments)
{
    *upload = (struct upload){.session = session,
                              .arguments = arguments,
                              .id = upload_id(session, arguments),
                              .stage = STAGE_NONE,
                              .there = {.fd = -1}};
    memcpy(upload->record.by, session->client.name, sizeof upload->record.by);
    if (upload->id != NULL)
        memcpy(upload->record.upload, upload->id, sizeof upload->record.upload);
    digest_begin(&upload->digest);
}

void upload_close(struct upload *upload, int code)
{
    int error = errno;

    if (is_kept(upload, code))
        stage_keep(&upload->stage);
    else
        stage_close(&upload->stage);
    descriptor_close(upload->there.fd);
    errno = error;
}

int upload_find_stage(struct upload *upload)
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

int upload_open_stage(struct upload *upload)
{
    struct session *session = upload->session;
    const struct stage_plan plan = plan_of(upload);

    if (upload->stage.fd >= 0)
        return 0;
    int code = upload->id != NULL ? judge_usage(upload, &plan) : 0;
    return code == 0 ? stage_open(&upload->stage, session->library, session->client.name, &plan)
                     : code;
}

int upload_send_go_ahead(struct upload *upload)
{
    struct session *session = upload->session;
    char made[DIGEST_ROOM];

    int code =
        upload->stage.length > 0 ? session_run_with_heartbeat(session, hash_stage, upload) : 0;
    struct digest digest = upload->digest;

    if (code < 0)
        return code;
    session->body_expected = true;
    if (upload->stage.length == 0)
        return stream_print(&session->stream, "OK offset=0\n");
    digest_finish(&digest, made);
    upload->received = upload->stage.length;
    return stream_print(&session->stream, "OK offset=%lld digest=%s\n", (long long)upload->received,
                        made);
}

int upload_receive(struct upload *upload)
{
    struct session *session = upload->session;

    for (;;) {
        struct item item = {.kind = ITEM_WAIT};
        const char *bytes = NULL;
        size_t length = 0;
        int code = body_next(&session->stream, &session->body, &item, &bytes, &length);
        if (code == -REASON_UNSUPPORTED)
            session->body_expected = false;
        if (code == 0 && item.kind == ITEM_DATA)
            code = add_bytes(upload, bytes, length);
        if (code < 0)
            return code;
        if (item.kind == ITEM_DATA)
            continue;
        session->body_expected = false;
        upload->is_whole = true;
        return item.kind == ITEM_END ? judge_end(upload, &item) : -REASON_ABORTED;
    }
}
