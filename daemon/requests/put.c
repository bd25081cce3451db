/*
 * PUT: how a file gets into the library.
 *
 *   decide   look at what is under the name; often that is the answer already
 *   stage    find the stage of an upload that broke off, or make a new one, and send the go-ahead
 *   receive  read the body into the stage, and hash it; size and digest must be as announced
 *   commit   seal the stage, lock the name, look and decide again, link, fsync the folders; if the
 *            digest of the file that is there has to be made, without the lock
 *   answer   only now; then the stage loses its own name
 *
 * Until the link nobody sees anything of the file, and after it the file is whole. So a session can
 * end at any point, by a kill or a power cut, and nothing that was answered OK is lost.
 */
#include <errno.h>
#include <string.h>
#include <sys/file.h>

#include "daemon/log.h"
#include "daemon/requests/put_decision.h"
#include "daemon/requests/requests.h"
#include "daemon/store/commit.h"
#include "daemon/store/lock.h"
#include "daemon/store/quarantine.h"
#include "daemon/store/stage.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

enum {
    DIGESTS_MOST = 10, /* how often another file may take the name while its digest is made */
    TRIES = 100,       /* how often the name may be taken at the link and free at the next look */
    /* Bytes that an upload may receive before it is checked again what its client may have. */
    GROW_LEAST = 1 << 20,
    GROW_MOST = 64 << 20,
};

struct put {
    struct session *session;
    const char *name;
    struct stage_plan plan; /* its id is NULL also if this client may not resume uploads */
    struct stage stage;
    struct digest digest; /* of the bytes received */
    int64_t received;
    int64_t granted;      /* so many bytes may be received: the size, or what grow() allows */
    struct record record; /* of the new file */
    struct stored there;  /* the file that has the name already, or is in quarantine */
    int digests;          /* how many were made of files that had the name */
    struct put_facts facts;
    enum put_decision decision;
};

/*
 * Decide.
 */

/*
 * Looks at what is under the name, and sets the facts and `decision`. Returns 0, or a reason why
 * nothing can be stored there. Makes no digest, which may take long, while names are locked.
 */
static int decide(struct put *put)
{
    const struct library *library = put->session->library;
    struct put_facts *facts = &put->facts;
    const struct stored before = put->there;
    int code = lookup_open(library, put->name, &put->there);

    /* A digest that was made holds as long as this is the file that was read. */
    bool is_known = code == 0 && before.fd >= 0 &&
                    descriptor_is_same(&before.status, &put->there.status) &&
                    !descriptor_has_changed(put->there.fd, &before.status) &&
                    !descriptor_is_touched(put->there.fd, &before.status);
    if (is_known && put->there.record.digest[0] == '\0')
        memcpy(put->there.record.digest, before.record.digest, DIGEST_ROOM);
    descriptor_close(before.fd);

    facts->name = PUT_NAME_TAKEN;
    if (code == -REASON_NOT_FOUND && errno != ENOENT)
        return session_refuse(put->session, REASON_NOT_A_FILE,
                              "one of its folders is a file or a link");
    if (code == -REASON_NOT_FOUND && !facts->replaces) {
        facts->name = PUT_NAME_QUARANTINED;
        code = quarantine_open(library, put->name, &put->there);
    }
    if (code == -REASON_NOT_FOUND) {
        facts->name = PUT_NAME_FREE;
        code = 0;
    }
    if (code < 0)
        return code;

    facts->there = facts->name != PUT_NAME_FREE ? &put->there : NULL;
    facts->is_unreadable = (facts->is_unreadable && is_known) || put->digests == DIGESTS_MOST;
    put->decision = put_decide(facts);
    return put->decision == PUT_UNREADABLE ? -REASON_MISMATCH : 0;
}

/* Decides once more, with the digest of the file that is there. It was made with this result. */
static int decide_by_digest(struct put *put, int code)
{
    if (code == -REASON_LOST)
        return code;
    put->digests++;
    put->facts.is_unreadable = code < 0;
    put->decision = put_decide(&put->facts);
    return put->decision == PUT_UNREADABLE ? code : 0;
}

/*
 * Stage.
 */

/* Locks the stage of an upload that broke off, if this one resumes it. */
static int find_stage(void *argument)
{
    struct put *put = argument;
    struct session *session = put->session;
    int code = stage_resume(&put->stage, session->library, session->client.name, &put->plan);

    if (code == -REASON_BUSY)
        return session_refuse(session, REASON_BUSY, "another session is receiving this upload");
    if (code == -REASON_MISMATCH)
        return session_refuse(session, REASON_MISMATCH,
                              "this upload was begun with another name or size");
    return code == -REASON_NOT_FOUND ? 0 : code;
}

static int hash_stage(void *argument)
{
    struct put *put = argument;

    return stage_hash(&put->stage, &put->digest, &put->session->cancelled);
}

/*
 * Promises room to what is still to come, whose size is known. Returns 0, also when it continues
 * without a promise, or -REASON_NO_SPACE.
 */
static int promise_room(const struct put *put)
{
    const struct session *session = put->session;
    int64_t missing = stage_missing(&put->stage, put->plan.size);
    int64_t free = INT64_MAX;
    struct library_space space;

    if (missing == 0)
        return 0;
    /* Some file systems do not say how large they are. */
    if (library_measure(session->library, &space) == 0 && space.total > 0 && space.free < INT64_MAX)
        free = (int64_t)space.free;
    return slots_promise(session->slots, session->slot, missing, free,
                         session->settings->stall_ms) < 0
               ? -REASON_NO_SPACE
               : 0;
}

/*
 * Locks the stages of this client, and sets how many it has and how many bytes it may add to them,
 * which is negative when it has too many. Returns the lock, or a reason.
 */
static int lock_usage(struct put *put, uint64_t *ret_count, int64_t *ret_left)
{
    struct session *session = put->session;
    const char *client = session->client.name;
    struct stage_usage usage;
    int lock = stage_lock(session->library, client);

    if (lock == -REASON_BUSY)
        return session_refuse(session, REASON_BUSY, "other uploads of %s are being begun",
                              session->client.who);
    if (lock < 0)
        return lock;
    /* In this order: bytes that are allocated meanwhile count twice rather than not at all. */
    int64_t coming = slots_coming(session->slots, client);
    stage_measure(session->library, client, &usage);
    *ret_count = usage.count;
    *ret_left = usage.room <= (uint64_t)session->settings->stage_bytes
                    ? session->settings->stage_bytes - (int64_t)usage.room
                    : -1;
    *ret_left = *ret_left >= coming ? *ret_left - coming : -1;
    return lock;
}

static int refuse_usage(struct session *session)
{
    return session_refuse(session, REASON_NO_SPACE,
                          "the unfinished uploads of %s would have more than %lld bytes "
                          "(limits.stage_bytes of fsd)",
                          session->client.who, (long long)session->settings->stage_bytes);
}

/*
 * Lets an upload whose size is not known grow by at least `length` bytes, which are fewer than
 * GROW_LEAST, if its client may.
 */
static int grow(struct put *put, int64_t length)
{
    uint64_t count = 0;
    int64_t left = 0;
    int64_t step = put->received;
    int lock = lock_usage(put, &count, &left);

    if (lock < 0)
        return lock;
    if (left < put->received + length - put->granted) {
        stage_unlock(lock);
        return refuse_usage(put->session);
    }
    step = step < GROW_LEAST ? GROW_LEAST : step > GROW_MOST ? GROW_MOST : step;
    put->granted += step < left ? step : left;
    atomic_store(&put->session->slot->coming, stage_missing(&put->stage, put->granted));
    stage_unlock(lock);
    return 0;
}

/* Bytes have come: less is to come, and a promise holds, or is renewed if it has lapsed. */
static void report_progress(const struct put *put)
{
    struct slot *slot = put->session->slot;
    int64_t now = clock_ms();

    atomic_store(&slot->coming, stage_missing(&put->stage, put->granted));
    if (slot->is_promised && now - slot->heard_ms >= put->session->settings->stall_ms)
        (void)promise_room(put);
    else
        atomic_store(&slot->heard_ms, now);
}

/* Opens a stage, unless one was found, and tells the client to send what is not yet in it. */
static int open_stage(struct put *put)
{
    struct session *session = put->session;
    bool is_found = put->stage.fd >= 0;
    char digest[DIGEST_ROOM];
    uint64_t count = 0;
    int64_t left = 0;

    int code = 0;
    int lock = lock_usage(put, &count, &left);
    if (lock < 0)
        return lock;
    if (!is_found && count >= (uint64_t)session->settings->stages) {
        code = session_refuse(session, REASON_NO_SPACE,
                              "%s already has %llu uploads that are unfinished or under way "
                              "(limits.stages of fsd)",
                              session->client.who, (unsigned long long)count);
    } else if (left < stage_missing(&put->stage, put->plan.size)) {
        code = refuse_usage(session);
    } else if (promise_room(put) < 0) {
        code = session_refuse(session, REASON_NO_SPACE,
                              "too little free space for %lld bytes, beside what other uploads "
                              "were promised",
                              (long long)put->plan.size);
    } else if (!is_found) {
        code = stage_open(&put->stage, session->library, session->client.name, &put->plan);
    }
    stage_unlock(lock);
    if (code == 0)
        code = stage_reserve(&put->stage, put->plan.size);
    if (code < 0)
        return code;
    put->granted = put->plan.size >= 0 ? put->plan.size : put->stage.bytes.length;
    report_progress(put);
    if (session->body_expected)
        return 0;

    if (put->stage.bytes.length == 0) {
        session->body_expected = true;
        return stream_print(&session->stream, "OK offset=0\n");
    }
    code = session_run_with_heartbeat(session, hash_stage, put);
    if (code < 0)
        return code;
    session->body_expected = true;
    put->received = put->stage.bytes.length;
    struct digest so_far = put->digest;
    digest_finish(&so_far, digest);
    return stream_print(&session->stream, "OK offset=%lld digest=%s\n", (long long)put->received,
                        digest);
}

/*
 * Receive.
 */

/*
 * Reads the body to its END, into the stage if there is one. From then on `record` and the facts
 * are those of the bytes.
 */
static int receive(struct put *put)
{
    struct session *session = put->session;
    struct put_facts *facts = &put->facts;
    char *digest = put->record.digest;
    struct item item;

    while (true) {
        const char *bytes = NULL;
        size_t length = 0;
        int code = body_next(&session->stream, &session->body, &item, &bytes, &length);
        if (code == 0)
            code = session_check_rights(session);
        if (code == -REASON_UNSUPPORTED)
            session->body_expected = false; /* that was its END */
        if (code < 0)
            return code;
        if (item.kind != ITEM_DATA)
            break;

        if (put->plan.size >= 0 && (int64_t)length > put->plan.size - put->received)
            return session_refuse(session, REASON_MISMATCH,
                                  "received more than the announced %lld bytes",
                                  (long long)put->plan.size);
        if (put->stage.fd >= 0) {
            if (put->received + (int64_t)length > put->granted)
                code = grow(put, (int64_t)length);
            if (code == 0)
                code = stage_write(&put->stage, bytes, length);
            if (code < 0)
                return code;
            report_progress(put);
        }
        digest_add(&put->digest, bytes, length);
        put->received += (int64_t)length;
        session->content_bytes += (int64_t)length;
    }
    session->body_expected = false;
    if (item.kind == ITEM_ABORT)
        return -REASON_ABORTED;
    if (put->plan.size >= 0 && put->plan.size != put->received)
        return session_refuse(session, REASON_MISMATCH,
                              "received %lld bytes, but %lld were announced",
                              (long long)put->received, (long long)put->plan.size);
    digest_finish(&put->digest, digest);
    if ((item.digest[0] != '\0' && strcmp(item.digest, digest) != 0) ||
        (facts->digest != NULL && strcmp(facts->digest, digest) != 0))
        return session_refuse(session, REASON_MISMATCH, "the digest of the received bytes is %s",
                              digest);
    put->record.size = put->received;
    facts->size = put->received;
    facts->digest = digest;
    facts->body = PUT_BODY_WHOLE;
    return 0;
}

/*
 * Commit.
 */

/*
 * With the lock: decides again, and gives the sealed stage its name if that is the decision. Then
 * the folders on the way to it are open. Returns 0 or a reason.
 */
static int give_name(struct put *put, struct folders *ret_folders)
{
    const struct library *library = put->session->library;

    for (int tries = 0; tries < TRIES; tries++) {
        int code = decide(put);
        if (code < 0)
            return code;
        if (put->decision == PUT_REPLACE) {
            descriptor_close(put->there.fd);
            put->there.fd = -1;
            return commit_replace(library, &put->stage, put->name, ret_folders);
        }
        if (put->decision != PUT_LINK)
            return 0;
        code = commit_link(library, &put->stage, put->name, ret_folders);
        /* Another upload may have been quicker. */
        if (code != -REASON_EXISTS) {
            if (code == 0 && put->facts.replaces)
                (void)quarantine_drop(library, put->name);
            return code;
        }
    }
    return -REASON_INTERNAL;
}

/* Makes the file durable, then visible, then its name durable. */
static int commit(void *argument)
{
    struct put *put = argument;
    struct session *session = put->session;
    const struct library *library = session->library;
    struct folders folders = {.count = 0};
    int code = stage_seal(&put->stage, library, &put->record);

    /* Since this upload began the disk may have failed, or the library may be gone. */
    if (code == 0)
        code = session_check_promise(session);
    while (code == 0) {
        int lock = -1;
        /* Also for a client that is gone: its upload is whole. */
        if (!put->facts.replaces)
            code = quarantine_lock(library, put->name, &lock);
        else if ((lock = lock_name(library, put->name, LOCK_EX, NULL)) < 0)
            code = library_own_failure(errno);
        if (code == -REASON_BUSY)
            return session_refuse_locked(session);
        /* A right that was taken away meanwhile stores nothing more. */
        if (code == 0)
            code = session_check_rights(session);
        if (code == 0)
            code = give_name(put, &folders);
        descriptor_close(lock);
        if (code < 0 || put->decision != PUT_MAKE_DIGEST)
            break;
        code = decide_by_digest(put, lookup_digest(&put->there, &session->cancelled));
        /* The name may have another file by now. */
        if (put->decision != PUT_REPLACE)
            break;
    }
    if (code == -REASON_INTERNAL && errno == EXDEV)
        return session_refuse(
            session, REASON_INTERNAL,
            "another file system is mounted there; nothing can be linked into it");
    if (code < 0 || folders.count == 0)
        return code;
    /* From now on no failure is a refusal: the file has its name. */
    return folders_sync(&folders) < 0 || session_check_promise(session) < 0 ? COMMIT_UNKNOWN : 0;
}

/*
 * Answer.
 */

/* Makes the existing file durable, which another session may not have done yet, and its digest. */
static int settle_existing(void *argument)
{
    struct put *put = argument;
    int code = commit_make_durable(put->session->library, &put->there, put->name);

    if (code == 0 && session_check_disk(put->session) < 0)
        return COMMIT_UNKNOWN;
    return code == 0 ? lookup_digest(&put->there, &put->session->cancelled) : code;
}

static int answer(struct put *put)
{
    struct session *session = put->session;
    struct stream *stream = &session->stream;
    const struct put_facts *facts = &put->facts;
    const struct record *stored = &put->there.record;
    char size[LOG_NUMBER_ROOM];
    char ms[LOG_NUMBER_ROOM];
    int code = 0;

    switch (put->decision) {
    case PUT_LINK:
    case PUT_REPLACE:
        log_event(
            LOG_LEVEL_INFO, "stored", "session", session->id, "client", session->client.who, "name",
            put->name, "digest", put->record.digest, "size", log_number(put->received, size), "ms",
            log_number(clock_ms() - session->begun_ms, ms), put->stage.moved ? "replaced" : NULL,
            stored->digest[0] != '\0' ? stored->digest : "unknown", NULL);
        code = stream_print(stream, "OK size=%lld digest=%s\n", (long long)put->received,
                            put->record.digest);
        /* The client need not wait until the stage's own name is removed. */
        return code == 0 ? stream_flush(stream) : code;
    case PUT_NOTHING_TO_REPLACE:
        return session_refuse(session, REASON_MISMATCH, "there is no file to replace");
    case PUT_OTHER_FILE:
        return session_refuse(session, REASON_MISMATCH, "the file to replace has other content%s%s",
                              facts->may_know ? ": " : "", facts->may_know ? stored->digest : "");
    case PUT_DONE:
    case PUT_EXISTS:
        break;
    default:
        return -REASON_INTERNAL;
    }

    /* The name is taken, maybe by this very upload. */
    code = session_run_with_heartbeat(session, settle_existing, put);
    if (code != 0)
        return code;
    if (put->decision == PUT_DONE)
        return stream_print(stream, "OK size=%lld digest=%s\n", (long long)stored->size,
                            stored->digest);
    session->outcome = REASON_EXISTS;
    bool same = facts->digest != NULL && strcmp(facts->digest, stored->digest) == 0;
    /*
     * A client that may not see what is stored learns only whether its own bytes, if their digest
     * is known, are the stored ones.
     */
    if (!facts->may_know)
        return stream_print(stream, same ? "EXISTS same=1\n" : "EXISTS\n");
    return stream_print(stream, "EXISTS size=%lld digest=%s%s\n",
                        (long long)put->there.status.st_size, stored->digest,
                        same && facts->replaces ? " same=1" : "");
}

/* All steps. Returns as put_serve(), or COMMIT_UNKNOWN. */
static int serve(struct put *put)
{
    struct session *session = put->session;
    int code = session_check_disk(session);

    /* The lock of the stage comes first: a session that has it may be committing this upload. */
    if (code == 0 && put->plan.id != NULL)
        code = session_run_with_heartbeat(session, find_stage, put);
    if (code == 0)
        code = decide(put);
    if (code == 0 && put->decision == PUT_MAKE_DIGEST)
        code = decide_by_digest(put, request_digest(session, &put->there));

    if (code == 0 && put->decision == PUT_RECEIVE) {
        code = session_check_writable(session);
        if (code < 0)
            return code;
        descriptor_close(put->there.fd);
        put->there.fd = -1;
        code = open_stage(put);
        if (code == 0)
            code = receive(put);
        if (code == 0)
            code = session_run_with_heartbeat(session, commit, put);
    } else if (code == 0 && put->decision == PUT_COMPARE) {
        /* No stage: the bytes are only counted and hashed. */
        code = receive(put);
        put->decision = put_decide(&put->facts);
    }
    return code == 0 ? answer(put) : code;
}

int put_serve(struct session *session, const struct arguments *arguments)
{
    const struct option_value *options = arguments->options;
    const struct option_value *replace = &options[OPTION_REPLACE];
    const char *client = session->client.name;
    /* Without a record nobody knows that an upload is done; and anonymous may be anybody. */
    bool may_resume =
        session->library->records && strcmp(client, "anonymous") != 0 &&
        (counter_read(&session->counters->unwritable) == 0 || session_check_writable(session) == 0);
    struct put put = {
        .session = session,
        .name = arguments->name,
        .plan = {.id = may_resume ? options[OPTION_UPLOAD].text : NULL,
                 .name = arguments->name,
                 .size = options[OPTION_SIZE].text != NULL ? options[OPTION_SIZE].number : -1},
        .stage = STAGE_NONE,
        .there = {.fd = -1},
    };

    /* Where nothing can be stored now, a name that is taken is still answered. */
    session->why[0] = '\0';
    put.facts = (struct put_facts){
        .client = client,
        .may_know = session_may_see(session, arguments->name),
        .upload = put.plan.id,
        .digest = options[OPTION_DIGEST].text,
        .size = put.plan.size,
        .replaces = replace->text != NULL,
        .guard = replace->length > 1 ? replace->text : NULL,
        .body = session->body_expected ? PUT_BODY_SENT : PUT_BODY_AWAITED,
    };
    memcpy(put.record.by, client, sizeof put.record.by);
    if (put.plan.id != NULL)
        memcpy(put.record.upload, put.plan.id, sizeof put.record.upload);
    digest_begin(&put.digest);

    int code = serve(&put);
    int error = errno;
    struct stage_usage usage = {.room = 0};
    /*
     * An upload that broke off is kept, to be resumed, unless its client has too many bytes here. So
     * is one for whose rest there is no room now.
     */
    bool is_kept = put.plan.id != NULL && put.stage.bytes.length > 0 &&
                   put.facts.body != PUT_BODY_WHOLE &&
                   (code == -REASON_LOST || code == -REASON_TIMEOUT ||
                    code == -REASON_UNAVAILABLE || (code == -REASON_NO_SPACE && put.received == 0));
    if (is_kept)
        stage_measure(session->library, client, &usage);
    if (is_kept && usage.room <= (uint64_t)session->settings->stage_bytes)
        stage_keep(&put.stage);
    else
        stage_close(&put.stage);
    atomic_store(&session->slot->coming, 0);
    atomic_store(&session->slot->is_promised, false);
    descriptor_close(put.there.fd);
    errno = error;
    if (code == COMMIT_UNKNOWN)
        return session_answer_unknown(session, put.name,
                                      "the file is stored, but a crash may lose it");
    if (code == COMMIT_FOREIGN) {
        log_event(LOG_LEVEL_CRITICAL, "the name of an upload leads to a foreign file", "session",
                  session->id, "client", session->client.who, "name", put.name, NULL);
        return session_refuse(session, REASON_INTERNAL,
                              "outcome unknown: others have put another file under this name");
    }
    return session_refuse_own(session, code, "PUT", put.name);
}
