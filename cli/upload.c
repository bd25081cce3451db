#include "cli/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/retry.h"
#include "cli/upload_body.h"
#include "cli/upload_id.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/line.h"
#include "protocol/name.h"

#define OUTCOME_UNKNOWN "the connection was lost, and the outcome is unknown"

/* A file on its way to the server. */
struct upload {
    struct connection *connection;
    const struct upload_rules *rules;
    const char *name;
    const char *local;
    int source;
    const struct stat *status; /* of a regular file, before it is read; else NULL */
    struct upload_id id;       /* of a regular file; empty until it is needed */
    struct upload_body body;
    struct outcome *outcome; /* its digest is known when it is that of the whole source */
    bool told;               /* the server has been told the digest */
    bool is_begun;           /* another session of the server may still be at this id */
    bool is_unknown;         /* it was sent whole, and the answer was lost */
    bool is_hopeless;        /* and no other answer will tell more */
};

/* EXISTS: are the stored bytes ours? */
static bool is_same(struct connection *connection, bool told, const char made[DIGEST_ROOM])
{
    const char *digest = NULL;
    const struct field *same = line_option(&connection->answer.line, "same");

    if (connection_digest(connection, &digest))
        return strcmp(digest, made) == 0;
    return told && same != NULL && strcmp(same->bytes, "1") == 0;
}

/* Does the last answer, OK, ask for the body? */
static bool is_go_ahead(const struct connection *connection)
{
    return line_option(&connection->answer.line, "offset") != NULL;
}

static bool is_known(const struct upload *upload)
{
    return upload->outcome->digest[0] != '\0';
}

static int fail_breach(struct upload *upload)
{
    return connection_fail(upload->connection, upload->name, -REASON_BREACH);
}

static int fail_unreadable(const struct upload *upload)
{
    return fail_errno(upload->connection->failure, REASON_LOCAL, upload->local, "cannot read");
}

/* Is a regular file another one than when it was opened? */
static bool has_changed(const struct upload *upload)
{
    return upload->status != NULL && descriptor_has_changed(upload->source, upload->status);
}

/* The end of it all. Whose bytes the server has is not told to a client whose ids it ignores. */
static int conclude(struct upload *upload, int code)
{
    if (code == -REASON_EXISTS && upload->rules->exclusive && upload->is_unknown &&
        is_same(upload->connection, upload->told, upload->outcome->digest)) {
        code = fail(upload->connection->failure, REASON_LOST, upload->name, OUTCOME_UNKNOWN);
        upload->is_hopeless = true;
    }
    return code;
}

static int judge(struct upload *upload, int code)
{
    return conclude(upload, upload_judge(upload->connection, upload->rules, upload->name,
                                         upload->told, code, upload->outcome));
}

/* Asks for the go-ahead. Returns 0, -REASON_EXISTS, or another reason after complaining. */
static int request(struct upload *upload)
{
    struct connection *connection = upload->connection;
    const struct stat *status = upload->status;
    const char *digest = is_known(upload) ? upload->outcome->digest : upload->rules->digest;
    int64_t size = status != NULL ? status->st_size : is_known(upload) ? upload->outcome->size : -1;
    char last[sizeof "upload=" + UPLOAD_ID_LENGTH] = "";
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    if (status != NULL && upload->id.text[0] == '\0') {
        upload_id_take(&upload->id, connection->settings->server_text, upload->name, status);
        upload->is_begun = upload->id.is_recalled;
    }
    if (upload->id.text[0] != '\0')
        (void)snprintf(last, sizeof last, "upload=%s", upload->id.text);
    upload_print_request(connection, upload->rules, upload->name, size, digest, last);
    upload->told = digest[0] != '\0';
    return connection_ask(connection, upload->name, ANSWER_EXISTS);
}

/* A session that still holds the upload is one whose connection was lost: it will find out. */
static int request_patiently(struct upload *upload)
{
    const struct settings *settings = upload->connection->settings;
    int64_t until = clock_ms() + settings->limits.silence_ms;
    int code = 0;

    while ((code = request(upload)) == -REASON_BUSY && upload->is_begun && clock_ms() < until &&
           connection_pause(upload->connection, settings->pause_ms))
        continue;
    return code;
}

/* Reads all of the source without sending it. */
static int hash_source(struct upload *upload)
{
    struct outcome *outcome = upload->outcome;
    char digest[DIGEST_ROOM];

    if (upload->status != NULL) {
        outcome->size = digest_of_file(upload->source, digest);
    } else {
        upload_body_begin(&upload->body, upload->connection, upload->source, false);
        outcome->size = upload_body_hash(&upload->body) < 0 ? -1 : upload->body.size;
        digest_finish(&upload->body.digest, digest);
    }
    if (outcome->size < 0)
        return fail_unreadable(upload);
    if (has_changed(upload))
        return upload_fail_changed(upload->local, upload->connection->failure);
    memcpy(outcome->digest, digest, sizeof digest);
    return upload_judge_digest(upload->rules, upload->local, digest, upload->connection->failure);
}

/*
 * The name is taken: what is there is compared with a file; a stream is not even read, unless it is
 * to replace what then has the digest that --sha256 tells.
 */
static int compare_stored(struct upload *upload)
{
    const struct upload_rules *rules = upload->rules;
    int code = 0;

    if (rules->exclusive && !upload->is_unknown)
        return fail(upload->connection->failure, REASON_EXISTS, upload->name, "the name is taken");
    if (upload->status == NULL && rules->replace == NULL && !rules->if_same && !is_known(upload))
        return fail(upload->connection->failure, REASON_EXISTS, upload->name,
                    "the name is taken; %s was not read", upload->local);
    if (!is_known(upload))
        code = hash_source(upload);
    return code < 0 ? code : judge(upload, -REASON_EXISTS);
}

/* The server has answered before the end, which only FAIL may do; or it cannot be reached. */
static int take_refusal(struct upload *upload, int code)
{
    struct connection *connection = upload->connection;

    if (upload->body.refused && code == 0) {
        code = upload_body_abort(&upload->body, upload->name);
    } else if (upload->body.refused || code == -REASON_LOST) {
        /* Before it went away it may have said why. */
        code = connection_answer(connection, upload->name, ANSWER_OK);
        connection_close(connection);
    } else {
        code = connection_fail(connection, upload->name, code);
    }
    return code == 0 ? fail_breach(upload) : code;
}

/* The whole source was sent. */
static int end_body(struct upload *upload)
{
    struct connection *connection = upload->connection;

    (void)stream_print(&connection->stream, "END digest=%s\n", upload->outcome->digest);
    upload->told = true;
    int code = connection_ask(connection, upload->name, ANSWER_EXISTS);
    upload->is_unknown = upload->is_unknown || code == -REASON_LOST || code == -REASON_TIMEOUT;
    return judge(upload, code);
}

/* Is what was read of the source what is to be stored? */
static int judge_source(struct upload *upload, int error)
{
    struct outcome *outcome = upload->outcome;
    char digest[DIGEST_ROOM];

    errno = error;
    if (error != 0)
        return fail_unreadable(upload);
    digest_finish(&upload->body.digest, digest);
    if (has_changed(upload) ||
        (upload->status != NULL && upload->body.size != upload->status->st_size) ||
        (is_known(upload) && strcmp(outcome->digest, digest) != 0))
        return upload_fail_changed(upload->local, upload->connection->failure);
    int code =
        upload_judge_digest(upload->rules, upload->local, digest, upload->connection->failure);
    if (code == 0)
        memcpy(outcome->digest, digest, sizeof digest);
    return code;
}

static int send_body(struct upload *upload)
{
    int error = 0;
    int code = upload_body_send(&upload->body, &error);

    upload->outcome->size = upload->body.size;
    if (code < 0 || upload->body.refused)
        return take_refusal(upload, code);
    code = judge_source(upload, error);
    if (code == 0)
        return end_body(upload);
    (void)upload_body_abort(&upload->body, upload->name);
    return code;
}

/*
 * Begins the body where the server asks for it. `*ret_agrees` tells whether what it has already is
 * the beginning of the source; then that is read. Returns 0 or a reason after complaining.
 */
static int begin_body(struct upload *upload, bool *ret_agrees)
{
    struct connection *connection = upload->connection;
    const char *digest = NULL;
    char there[DIGEST_ROOM];
    char made[DIGEST_ROOM];
    int64_t offset = 0;
    int error = 0;

    *ret_agrees = true;
    upload_body_begin(&upload->body, connection, upload->source, upload->status != NULL);
    if (!connection_number(connection, "offset", &offset))
        return fail_breach(upload);
    /* A server that ignores ids may still be at the one before, which matters for a lock. */
    upload->is_unknown = upload->is_unknown && upload->rules->exclusive && offset == 0;
    if (offset == 0)
        return 0;
    if (upload->id.text[0] == '\0' || !connection_digest(connection, &digest))
        return fail_breach(upload);
    memcpy(there, digest, sizeof there);
    int code = upload_body_skip(&upload->body, offset, &error);
    if (code < 0)
        return take_refusal(upload, code);
    struct digest begun = upload->body.digest;
    digest_finish(&begun, made);
    *ret_agrees = upload->body.refused || (upload->body.size == offset && strcmp(made, there) == 0);
    if (error == 0)
        return 0;
    (void)upload_body_abort(&upload->body, upload->name);
    errno = error;
    return fail_unreadable(upload);
}

/* The answer to the request was OK. */
static int take_go_ahead(struct upload *upload, bool *ret_again)
{
    bool agrees = true;

    if (!is_go_ahead(upload->connection)) {
        /* This very upload was stored before. */
        if (upload->id.text[0] == '\0')
            return fail_breach(upload);
        int code = is_known(upload) ? 0 : hash_source(upload);
        return code < 0 ? code : judge(upload, 0);
    }
    upload->is_begun = upload->id.text[0] != '\0';
    int code = begin_body(upload, &agrees);
    if (code == 0 && agrees)
        return send_body(upload);
    if (code < 0)
        return code;
    *ret_again = true;
    code = upload_body_abort(&upload->body, upload->name);
    if (code == 0)
        return fail_breach(upload);
    return code == -REASON_ABORTED ? 0 : code;
}

static int attempt(struct upload *upload)
{
    bool again = true;
    int code = 0;

    /* A second request is due after what is staged was found to be of something else. */
    for (int tries = 0; code == 0 && again && tries < 2; tries++) {
        again = false;
        if (has_changed(upload))
            return upload_fail_changed(upload->local, upload->connection->failure);
        if (upload->status != NULL && lseek(upload->source, 0, SEEK_SET) < 0)
            return fail_unreadable(upload);
        code = request_patiently(upload);
        if (code == -REASON_EXISTS)
            return compare_stored(upload);
        if (code == 0)
            code = take_go_ahead(upload, &again);
    }
    return code == 0 && again ? fail_breach(upload) : code;
}

/* It was sent whole, and no answer came: asks once more, on another connection. */
static int ask_outcome(struct upload *upload)
{
    struct connection *connection = upload->connection;
    int code = request_patiently(upload);

    code = upload_judge_lost(connection, upload->rules, upload->name, upload->id.text[0] != '\0',
                             code, upload->outcome);
    return conclude(upload, code);
}

void upload_print_request(struct connection *connection, const struct upload_rules *rules,
                          const char *name, int64_t size, const char *digest, const char *last)
{
    char text[NAME_ESCAPED_ROOM];
    char told_size[32] = "";

    (void)line_escape(name, strlen(name), text);
    if (size >= 0)
        (void)snprintf(told_size, sizeof told_size, " size=%lld", (long long)size);
    (void)stream_print(
        &connection->stream, "PUT %s%s%s%s%s%s%s%s\n", text, told_size,
        digest[0] != '\0' ? " digest=" : "", digest, rules->replace != NULL ? " replace=" : "",
        rules->replace != NULL ? rules->replace : "", last[0] != '\0' ? " " : "", last);
}

int upload_judge(struct connection *connection, const struct upload_rules *rules, const char *name,
                 bool told, int code, struct outcome *outcome)
{
    const char *digest = NULL;
    int64_t size = 0;

    if (code == -REASON_EXISTS && rules->exclusive)
        return fail(connection->failure, REASON_EXISTS, name, "the name is taken");
    if (code == -REASON_EXISTS && is_same(connection, told, outcome->digest)) {
        outcome->was_there = true;
        return 0;
    }
    /* What may be replaced by anything is never in the way. */
    if (code == -REASON_EXISTS && rules->replace != NULL)
        code = connection_fail(connection, name, -REASON_BREACH);
    if (code < 0)
        return code;
    if (!connection_digest(connection, &digest) || !connection_number(connection, "size", &size))
        return connection_fail(connection, name, -REASON_BREACH);
    if (strcmp(digest, outcome->digest) != 0 || size != outcome->size)
        return fail(connection->failure, REASON_MISMATCH, name, "the server stored other bytes");
    return 0;
}

int upload_judge_lost(struct connection *connection, const struct upload_rules *rules,
                      const char *name, bool has_id, int code, struct outcome *outcome)
{
    if (code == 0 && is_go_ahead(connection)) {
        /* What has an id is to be kept, and gone on with. */
        if (has_id) {
            connection_close(connection);
        } else {
            (void)stream_print(&connection->stream, "ABORT aborted\n");
            (void)connection_ask(connection, name, ANSWER_OK);
        }
        return fail(connection->failure, REASON_LOST, name,
                    "the connection was lost, and the file is not stored");
    }
    if (connection->unreachable || retry_may_help(code) || code == -REASON_BREACH)
        return fail(connection->failure, REASON_LOST, name, OUTCOME_UNKNOWN);
    return upload_judge(connection, rules, name, true, code, outcome);
}

int upload_judge_digest(const struct upload_rules *rules, const char *local, const char *digest,
                        struct failure *failure)
{
    if (rules->digest[0] == '\0' || strcmp(rules->digest, digest) == 0)
        return 0;
    return fail(failure, REASON_MISMATCH, local, "its digest is another one: %s", digest);
}

int upload_fail_changed(const char *local, struct failure *failure)
{
    return fail(failure, REASON_MISMATCH, local, "it changed while it was read");
}

int upload_run(struct connection *connection, const struct upload_rules *rules, const char *name,
               int source, const char *local, const struct stat *status, struct outcome *outcome)
{
    struct upload upload = {.connection = connection,
                            .rules = rules,
                            .name = name,
                            .local = local,
                            .source = source,
                            .status = status,
                            .id = {.fd = -1},
                            .outcome = outcome};
    bool is_guarded = rules->replace != NULL && strcmp(rules->replace, "1") != 0;
    struct retry retry;

    retry_begin(&retry, connection);
    /* So that what is in the way of a guarded replace is told before the bytes are sent. */
    int code = is_guarded && status != NULL ? hash_source(&upload) : 0;
    if (code == 0) {
        do {
            code = attempt(&upload);
            /* What was read of a stream is gone. */
            if (upload.is_hopeless || (status == NULL && (outcome->size > 0 || is_known(&upload))))
                retry.left = 0;
        } while (retry_again(&retry, code));
    }
    if (code == -REASON_LOST && upload.is_unknown && !upload.is_hopeless)
        code = ask_outcome(&upload);
    upload_id_release(&upload.id, !retry_may_help(code));
    return code;
}
