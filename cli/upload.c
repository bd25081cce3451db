#include "cli/upload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/download.h"
#include "cli/progress.h"
#include "cli/retry.h"
#include "cli/spool.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/line.h"
#include "protocol/name.h"
#include "settings/quantity.h"

/* What an answer means for an upload. */
enum meaning {
    MEANS_FAILED,     /* as the failure says */
    MEANS_HELD,       /* an earlier session still has it, and has not noticed that we are gone */
    MEANS_SEND,       /* the server wants the bytes, from some offset on */
    MEANS_HASH,       /* to know, make the digest first */
    MEANS_STORED,     /* it is stored */
    MEANS_OTHER,      /* it is stored, but as other bytes */
    MEANS_SAME,       /* the same bytes have that name already */
    MEANS_DIFFERENT,  /* other bytes have that name */
    MEANS_TAKEN,      /* the name is taken, and that alone matters */
    MEANS_NOT_READ,   /* the name is taken, and the stream is not read to compare it */
    MEANS_NOT_STORED, /* the upload whose answer was lost is not stored */
    MEANS_UNKNOWN,    /* it may be stored or not */
    MEANS_BREACH,     /* the server broke the rules of the protocol */
};

static bool is_known(const struct upload *upload)
{
    return upload->digest[0] != '\0';
}

/* Has a regular file changed since it was opened? */
static bool has_changed(const struct upload *upload)
{
    return upload->mode == UPLOAD_FILE && descriptor_has_changed(upload->source, &upload->status);
}

static int fail_changed(const struct upload *upload)
{
    return upload_fail_changed(upload->local, upload->connection->failure);
}

static int fail_unreadable(const struct upload *upload)
{
    return fail_errno(upload->connection->failure, REASON_LOCAL, upload->local, "cannot read");
}

static int fail_breach(const struct upload *upload)
{
    return connection_fail(upload->connection, upload->name, -REASON_BREACH);
}

/* The name is taken, so that the source cannot have it: MEANS_DIFFERENT, MEANS_TAKEN, MEANS_NOT_READ. */
static int fail_exists(const struct upload *upload, enum meaning meaning)
{
    struct failure *failure = upload->connection->failure;

    if (meaning == MEANS_TAKEN)
        return fail(failure, REASON_EXISTS, upload->name, "exists in the library (--exclusive)");
    if (meaning == MEANS_DIFFERENT)
        return fail(failure, REASON_EXISTS, upload->name,
                    "exists in the library with different content (use --replace to overwrite)");
    return fail(failure, REASON_EXISTS, upload->name,
                "exists in the library; %s was not %s (--if-same compares it, --replace "
                "overwrites)",
                upload->local, upload->command != NULL ? "run" : "read");
}

/* Does the source have a size that may be stored? Returns 0 or -REASON_MISMATCH. */
static int check_size(const struct upload *upload)
{
    const struct upload_rules *rules = upload->rules;
    struct failure *failure = upload->connection->failure;
    const char *subject = upload->command != NULL ? upload->name : upload->local;
    const char *output = upload->command != NULL ? "the output of the command " : "";
    long long size = (long long)upload->size;

    if (size == 0 && upload->is_stream && !rules->allow_empty)
        return fail(failure, REASON_MISMATCH, subject,
                    "%sis empty, so nothing is stored (use --allow-empty to store an empty file)",
                    output);
    /* The rest of such a stream is not read. */
    if (rules->size >= 0 && size > rules->size && upload->mode == UPLOAD_STREAM)
        return fail(failure, REASON_MISMATCH, subject, "%shas more bytes than the %lld of --size",
                    output, (long long)rules->size);
    if (rules->size >= 0 && size != rules->size)
        return fail(failure, REASON_MISMATCH, subject, "%shas %lld byte%s, not the %lld of --size",
                    output, size, size == 1 ? "" : "s", (long long)rules->size);
    if (size < rules->min_size)
        return fail(failure, REASON_MISMATCH, subject,
                    "%shas %lld byte%s, fewer than the %lld of --min-size", output, size,
                    size == 1 ? "" : "s", (long long)rules->min_size);
    return 0;
}

/* Takes the digest of the source, whose size is known, unless a guard refuses it. */
static int take_digest(struct upload *upload, const char digest[DIGEST_ROOM])
{
    const char *wanted = upload->rules->digest;
    int code = check_size(upload);

    if (code < 0)
        return code;
    if (wanted[0] != '\0' && strcmp(wanted, digest) != 0)
        return fail(upload->connection->failure, REASON_MISMATCH,
                    upload->command != NULL ? upload->name : upload->local,
                    "%sdoes not match --sha256: its digest is %s",
                    upload->command != NULL ? "the output of the command " : "", digest);
    memcpy(upload->digest, digest, DIGEST_ROOM);
    return 0;
}

static struct child *child_of(struct upload *upload)
{
    return upload->command != NULL ? &upload->child : NULL;
}

/* Has the command succeeded, if there is one? It is not waited for once it has printed too much. */
static int check_command(struct upload *upload)
{
    int64_t most = upload->rules->size;

    if (upload->command == NULL)
        return 0;
    return most >= 0 && upload->size > most
               ? check_size(upload)
               : child_check(&upload->child, upload->name, upload->connection->failure);
}

/* Runs the command that is the source, unless it was run already. */
static int start_command(struct upload *upload)
{
    if (upload->command == NULL || upload->child.pid != 0)
        return 0;
    int code =
        child_start(&upload->child, upload->command, CHILD_WRITES, upload->connection->failure);
    upload->source = upload->child.fd;
    upload->child.until_ms = connection_deadline(upload->connection);
    return code;
}

/* Reads all of the source without sending it. */
static int hash_source(struct upload *upload)
{
    char digest[DIGEST_ROOM];
    int code = start_command(upload);

    if (code < 0)
        return code;
    if (upload->mode == UPLOAD_FILE) {
        upload->size = upload->status.st_size;
        code = digest_of_file(upload->source, &upload->status, NULL, digest);
    } else {
        upload_body_begin(&upload->body, upload->connection, upload->source, child_of(upload),
                          false, upload->rules->size);
        upload->body.copy = upload->spool;
        progress_file(upload->name, -1, 0);
        code = upload_body_hash(&upload->body);
        upload->size = upload->body.size;
        digest_finish(&upload->body.digest, digest);
    }
    if (code == -REASON_TIMEOUT)
        return connection_fail(upload->connection, upload->name, code);
    if (code == -REASON_LOCAL)
        return spool_fail(upload->connection->failure);
    if (code < 0)
        return code == -REASON_MISMATCH ? fail_changed(upload) : fail_unreadable(upload);
    code = check_command(upload);
    return code < 0 ? code : take_digest(upload, digest);
}

static void print_request(struct upload *upload, const char *last)
{
    const struct upload_rules *rules = upload->rules;
    const char *digest = is_known(upload) ? upload->digest : rules->digest;
    int64_t size = upload->mode == UPLOAD_FILE ? upload->status.st_size
                   : is_known(upload)          ? upload->size
                                               : rules->size;
    struct stream *stream = &upload->connection->stream;
    char name[NAME_ESCAPED_ROOM];

    (void)line_escape(upload->name, strlen(upload->name), name);
    (void)stream_print(stream, "PUT %s", name);
    if (size >= 0)
        (void)stream_print(stream, " size=%lld", (long long)size);
    if (digest[0] != '\0')
        (void)stream_print(stream, " digest=%s", digest);
    if (rules->replace != NULL)
        (void)stream_print(stream, " replace=%s", rules->replace);
    if (upload->id.text[0] != '\0')
        (void)stream_print(stream, " upload=%s", upload->id.text);
    (void)stream_print(stream, "%s\n", last);
    upload->digest_sent = digest[0] != '\0';
}

/* Sends the request, without the bytes, and reads the answer. */
static int ask(struct upload *upload)
{
    int code = connection_ready(upload->connection);

    if (code < 0)
        return code;
    print_request(upload, "");
    return connection_ask(upload->connection, upload->name, ANSWER_EXISTS);
}

/* EXISTS: are the stored bytes ours? */
static bool is_same(const struct upload *upload)
{
    const struct connection *connection = upload->connection;
    const struct field *same = line_option(&connection->answer.line, "same");
    const char *digest = NULL;

    if (connection_digest(connection, &digest))
        return strcmp(digest, upload->digest) == 0;
    return upload->digest_sent && same != NULL && strcmp(same->bytes, "1") == 0;
}

/*
 * What does the answer mean for which connection_answer() returned `code`? Until clock_ms() reaches
 * `held_until_ms`, BUSY may be due to the session whose connection was lost.
 */
static enum meaning classify(const struct upload *upload, int code, int64_t held_until_ms)
{
    const struct connection *connection = upload->connection;
    const struct upload_rules *rules = upload->rules;
    bool goes_ahead = code == 0 && line_option(&connection->answer.line, "offset") != NULL;
    const char *digest = NULL;
    int64_t size = 0;

    if (code == -REASON_BUSY && upload->is_begun && clock_ms() < held_until_ms)
        return MEANS_HELD;
    if (upload->stage == UPLOAD_LOST) {
        if (code == -REASON_IDENTITY)
            return MEANS_FAILED;
        if (goes_ahead)
            return MEANS_NOT_STORED;
        if (connection->unreachable || retry_may_help(code) || code == -REASON_BREACH)
            return MEANS_UNKNOWN;
    }
    if (goes_ahead && upload->stage == UPLOAD_REQUESTED)
        return MEANS_SEND;
    if (code < 0 && code != -REASON_EXISTS)
        return MEANS_FAILED;

    /* OK: what is stored? */
    if (code == 0) {
        /* Only an upload that has an id can be stored already, with nothing to send. */
        if (upload->stage == UPLOAD_REQUESTED && upload->id.text[0] == '\0')
            return MEANS_BREACH;
        if (!is_known(upload))
            return MEANS_HASH;
        if (!connection_digest(connection, &digest) ||
            !connection_number(connection, "size", &size))
            return MEANS_BREACH;
        return strcmp(digest, upload->digest) != 0 || size != upload->size ? MEANS_OTHER
                                                                           : MEANS_STORED;
    }
    /* EXISTS: what is under the name? */
    if (rules->exclusive && !upload->is_unknown)
        return MEANS_TAKEN;
    /* A stream is only read to be compared if that was asked for. */
    if (!is_known(upload))
        return upload->mode == UPLOAD_STREAM && rules->replace == NULL && !rules->if_same
                   ? MEANS_NOT_READ
                   : MEANS_HASH;
    /* The same bytes may be ours: a server that ignores ids cannot say so. */
    if (rules->exclusive)
        return is_same(upload) ? MEANS_UNKNOWN : MEANS_TAKEN;
    if (is_same(upload))
        return MEANS_SAME;
    /* With --replace the server may answer EXISTS only for the same content. */
    return rules->replace != NULL ? MEANS_BREACH : MEANS_DIFFERENT;
}

/* Ends the body by ABORT after a failure, which is kept. Returns `code`. */
static int abandon_body(struct upload *upload, int code)
{
    struct failure failure = *upload->connection->failure;

    (void)upload_body_abort(&upload->body, upload->name);
    *upload->connection->failure = failure;
    return code;
}

/* The server has answered before the end, for which only FAIL is allowed; or it is lost. */
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

/*
 * Begins to read the source from its start. Of a file, this reading has its own ctime; the mtime
 * stays that of the first look. Returns 0, or -1 with errno set.
 */
static int begin_reading(struct upload *upload)
{
    bool is_file = upload->mode == UPLOAD_FILE;
    struct stat now;

    upload_body_begin(&upload->body, upload->connection, upload->source, child_of(upload), is_file,
                      upload->rules->size);
    progress_file(upload->name, is_file ? upload->status.st_size : -1, 0);
    if (!is_file)
        return 0;
    if (lseek(upload->source, 0, SEEK_SET) < 0 || fstat(upload->source, &now) < 0)
        return -1;
    upload->status.st_ctim = now.st_ctim;
    return 0;
}

/*
 * Begins the body at the offset that the server asks for. `*ret_agrees`: are the bytes that it
 * already has the beginning of the source? These are read, not sent. Returns 0 or a reason.
 */
static int begin_body(struct upload *upload, bool *ret_agrees)
{
    struct connection *connection = upload->connection;
    const char *digest = NULL;
    char there[DIGEST_ROOM];
    char made[DIGEST_ROOM];
    char size[QUANTITY_ROOM];
    int64_t offset = 0;
    int error = 0;

    *ret_agrees = true;
    upload->is_begun = upload->id.text[0] != '\0';
    if (!connection_number(connection, "offset", &offset))
        return fail_breach(upload);
    /*
     * A server that ignores ids may still store what an earlier attempt sent. With --exclusive it
     * is then unknown whose file it is.
     */
    upload->is_unknown = upload->is_unknown && upload->rules->exclusive && offset == 0;
    upload_body_begin(&upload->body, connection, -1, NULL, false, -1);
    int started = start_command(upload);
    if (started < 0)
        return abandon_body(upload, started);
    if (begin_reading(upload) < 0)
        return abandon_body(upload, fail_unreadable(upload));
    if (offset == 0)
        return 0;
    if (upload->id.text[0] == '\0' || !connection_digest(connection, &digest))
        return fail_breach(upload);
    memcpy(there, digest, sizeof there);
    int code = upload_body_skip(&upload->body, offset, &error);
    if (code < 0)
        return take_refusal(upload, code);
    errno = error;
    if (error != 0)
        return abandon_body(upload, fail_unreadable(upload));
    struct digest begun = upload->body.digest;
    digest_finish(&begun, made);
    *ret_agrees = upload->body.refused || (upload->body.size == offset && strcmp(made, there) == 0);
    if (*ret_agrees)
        console_note("%s: resumed at %s", upload->name, quantity_print_bytes(offset, size));
    else
        console_note("%s: starts again, because the server has other bytes", upload->name);
    return 0;
}

/*
 * Sends what is left of the source, and END. A file whose ctime changed meanwhile is read again
 * first. Returns 0 or a reason, as the server answers.
 */
static int send_body(struct upload *upload)
{
    struct connection *connection = upload->connection;
    struct upload_body *body = &upload->body;
    bool is_file = upload->mode == UPLOAD_FILE;
    char digest[DIGEST_ROOM];
    char made[DIGEST_ROOM];
    int error = 0;
    int code = upload_body_send(body, &error);

    upload->size = body->size;
    for (int reading = 1;; reading++) {
        if (code < 0 || body->refused)
            return take_refusal(upload, code);
        errno = error;
        if (error != 0)
            return abandon_body(upload, fail_unreadable(upload));
        /* The file must be as it was when it was opened, and its digest the known one. */
        digest_finish(&body->digest, made);
        if (reading == 1)
            memcpy(digest, is_known(upload) ? upload->digest : made, DIGEST_ROOM);
        if (has_changed(upload) || strcmp(made, digest) != 0 ||
            (is_file && body->size != upload->status.st_size))
            return abandon_body(upload, fail_changed(upload));
        if (!is_file || reading == DIGEST_READINGS ||
            !descriptor_is_touched(upload->source, &upload->status))
            break;
        if (begin_reading(upload) < 0)
            error = errno;
        else
            code = upload_body_skip(body, upload->size, &error);
    }
    code = check_command(upload);
    if (code == 0)
        code = take_digest(upload, digest);
    if (code < 0)
        return abandon_body(upload, code);
    (void)stream_print(&connection->stream, "END digest=%s\n", upload->digest);
    upload->digest_sent = true;
    upload->stage = UPLOAD_SENT;
    return connection_ask(connection, upload->name, ANSWER_EXISTS);
}

/*
 * The server has other bytes than the source: makes it drop them, and asks again. Returns 0 or a
 * reason, as the server answers.
 */
static int restart(struct upload *upload, bool is_second)
{
    int code = upload_body_abort(&upload->body, upload->name);

    if (code == 0 || (code == -REASON_ABORTED && is_second))
        return fail_breach(upload);
    if (code != -REASON_ABORTED)
        return code;
    code = upload_check_source(upload);
    return code == 0 ? ask(upload) : code;
}

int upload_fail_changed(const char *local, struct failure *failure)
{
    return fail(failure, REASON_MISMATCH, local, "the local file changed while it was read");
}

int upload_begin_bytes(struct upload *upload, const char *bytes, size_t length, bool keeps)
{
    char digest[DIGEST_ROOM];

    upload->mode = UPLOAD_AHEAD;
    upload->size = (int64_t)length;
    upload->bytes = keeps ? malloc(length + 1) : NULL;
    if (keeps && upload->bytes == NULL)
        return fail_unreadable(upload);
    if (keeps)
        memcpy(upload->bytes, bytes, length);
    return take_digest(upload, digest_of_bytes(bytes, length, digest));
}

int upload_begin_source(struct upload *upload, enum upload_mode mode, int source,
                        const struct stat *status)
{
    const char *replace = upload->rules->replace;
    bool is_guarded = replace != NULL && strcmp(replace, "1") != 0;

    upload->mode = mode;
    upload->source = source;
    upload->status = *status;
    if (mode != UPLOAD_FILE)
        return 0;
    upload->size = status->st_size;
    int code = check_size(upload);
    /* With the digest the server can refuse a guarded replacement before the bytes are sent. */
    return code == 0 && is_guarded ? hash_source(upload) : code;
}

void upload_begin_command(struct upload *upload, char *const command[])
{
    upload->mode = UPLOAD_STREAM;
    upload->is_stream = true;
    upload->command = command;
    upload->source = -1;
}

void upload_release(struct upload *upload, int code)
{
    if (upload->child.pid != 0)
        child_kill(&upload->child);
    descriptor_close(upload->spool);
    if (upload->id.text[0] != '\0')
        upload_id_release(&upload->id, !retry_may_help(code));
    free(upload->name);
    free(upload->local);
    free(upload->bytes);
}

int upload_ask_first(struct upload *upload)
{
    int code = ask(upload);

    switch (classify(upload, code, 0)) {
    case MEANS_SEND:
        upload_body_begin(&upload->body, upload->connection, -1, NULL, false, -1);
        code = upload_body_abort(&upload->body, upload->name);
        failure_clear(upload->connection->failure);
        return code == -REASON_ABORTED ? 0 : code == 0 ? fail_breach(upload) : code;
    case MEANS_HASH:
        /* What is there decides. */
        failure_clear(upload->connection->failure);
        return 0;
    default:
        return upload_conclude(upload, code);
    }
}

int upload_spool(struct upload *upload)
{
    struct failure *failure = upload->connection->failure;
    int code = spool_open(&upload->spool, failure);

    if (code == 0)
        code = hash_source(upload);
    if (code == 0 && fstat(upload->spool, &upload->status) < 0)
        code = spool_fail(failure);
    if (code < 0)
        return code;
    upload->mode = UPLOAD_FILE;
    upload->source = upload->spool;
    upload->command = NULL;
    return 0;
}

int upload_check_source(const struct upload *upload)
{
    return has_changed(upload) ? fail_changed(upload) : 0;
}

void upload_send(struct upload *upload, const char *bytes)
{
    struct connection *connection = upload->connection;
    struct stream *stream = &connection->stream;

    if (upload->mode == UPLOAD_AHEAD) {
        progress_file(upload->name, upload->size, 0);
        progress_add((size_t)upload->size);
        print_request(upload, " eager=1");
        if (upload->size > 0) {
            (void)stream_print(stream, "%lld\n", (long long)upload->size);
            (void)stream_write(stream, bytes, (size_t)upload->size);
            (void)stream_print(stream, "\n");
        }
        (void)stream_print(stream, "END\n");
        upload->stage = UPLOAD_SENT;
        return;
    }
    if (upload->mode == UPLOAD_FILE && upload->id.text[0] == '\0' && upload->spool >= 0) {
        upload_id_make(&upload->id);
    } else if (upload->mode == UPLOAD_FILE && upload->id.text[0] == '\0') {
        upload_id_take(&upload->id, connection->settings->server.text, upload->name,
                       &upload->status);
        upload->is_begun = upload->id.is_recalled;
    }
    print_request(upload, "");
    upload->stage = UPLOAD_REQUESTED;
}

int upload_conclude(struct upload *upload, int code)
{
    struct connection *connection = upload->connection;
    struct failure *failure = connection->failure;
    int64_t held_until_ms = clock_ms() + connection->settings->limits.silence_ms;
    bool has_restarted = false;
    bool was_begun = false;
    bool agrees = true;
    int hashed = 0;

    for (;;) {
        if (upload->stage == UPLOAD_SENT && (code == -REASON_LOST || code == -REASON_TIMEOUT)) {
            upload->is_unknown = true;
            upload->is_unanswered = connection->unanswered[0] != '\0';
        }
        enum meaning meaning = classify(upload, code, held_until_ms);
        switch (meaning) {
        case MEANS_HELD:
            console_note("%s: waits for the server to end an earlier attempt", upload->name);
            if (connection_pause(connection, connection->settings->pause_ms))
                code = ask(upload);
            else
                held_until_ms = 0;
            break;
        case MEANS_SEND:
            was_begun = upload->is_begun && !has_restarted;
            code = begin_body(upload, &agrees);
            if (code == 0 && was_begun && upload->body.size == 0)
                console_note("%s: starts again, because the server has kept nothing of it",
                             upload->name);
            if (code == 0)
                code = agrees ? send_body(upload) : restart(upload, has_restarted);
            has_restarted = !agrees;
            held_until_ms = agrees ? 0 : held_until_ms;
            break;
        case MEANS_HASH:
            hashed = hash_source(upload);
            if (hashed < 0)
                return hashed;
            break;
        case MEANS_SAME:
            upload->was_there = true;
            return 0;
        case MEANS_STORED:
            return 0;
        case MEANS_OTHER:
            return fail(failure, REASON_MISMATCH, upload->name,
                        "the server stored different content");
        case MEANS_DIFFERENT:
        case MEANS_TAKEN:
        case MEANS_NOT_READ:
            return fail_exists(upload, meaning);
        case MEANS_NOT_STORED:
            /* The server keeps an upload whose id a later run will know, so that it can be resumed. */
            if (upload->id.text[0] != '\0' && upload->id.fd >= 0) {
                connection_close(connection);
            } else {
                (void)stream_print(&connection->stream, "ABORT aborted\n");
                (void)connection_ask(connection, upload->name, ANSWER_OK);
            }
            return fail(failure, REASON_LOST, upload->name,
                        "the connection was lost; the file is not stored yet");
        case MEANS_UNKNOWN:
            upload->is_final = true;
            return upload->is_unanswered && connection->unanswered[0] != '\0'
                       ? fail(failure, REASON_LOST, connection->settings->server.text,
                              "%s; the files that were sent may or may not be stored",
                              connection->unanswered)
                       : fail(failure, REASON_LOST, upload->name,
                              "the connection was lost; the file may or may not be stored");
        case MEANS_BREACH:
            return fail_breach(upload);
        case MEANS_FAILED:
            return code;
        }
    }
}

/* Does a file of the library have this digest? Returns 0, -REASON_EXISTS if not, or another reason. */
static int compare(const struct upload *upload, const struct entry *there, const char *digest)
{
    struct download asked = {.name = upload->name, .size = there->size};
    struct retry retry;
    int code = 0;

    if (there->digest != NULL)
        return strcmp(there->digest, digest) == 0 ? 0 : -REASON_EXISTS;
    memcpy(asked.digest, digest, DIGEST_ROOM);
    retry_begin(&retry, upload->connection);
    do
        code = download_compare(upload->connection, &asked);
    while (retry_again(&retry, code));
    return code;
}

int upload_plan(struct upload *upload, const struct entry *there)
{
    const struct upload_rules *rules = upload->rules;
    const char *guard =
        rules->replace != NULL && strcmp(rules->replace, "1") != 0 ? rules->replace : NULL;
    bool is_stream = upload->mode == UPLOAD_STREAM;
    /* Files of two sizes need not be read. */
    bool may_be_same =
        there != NULL && !is_stream && !rules->exclusive && there->size == upload->status.st_size;
    int code = 0;

    upload->plan = "to be stored";
    upload->size = is_stream ? -1 : upload->status.st_size;
    if (!is_stream)
        code = rules->digest[0] != '\0' || may_be_same ? hash_source(upload) : check_size(upload);
    if (code < 0)
        return code;
    if (there == NULL)
        return guard == NULL ? 0
                             : fail(upload->connection->failure, REASON_MISMATCH, upload->name,
                                    "there is no file to replace");
    if (rules->exclusive)
        return fail_exists(upload, MEANS_TAKEN);
    if (is_stream && rules->replace == NULL && !rules->if_same)
        return fail_exists(upload, MEANS_NOT_READ);
    code = may_be_same ? compare(upload, there, upload->digest) : -REASON_EXISTS;
    upload->was_there = code == 0;
    if (code != -REASON_EXISTS)
        return code;
    code = guard != NULL ? compare(upload, there, guard) : 0;
    if (code == -REASON_EXISTS)
        return fail(upload->connection->failure, REASON_MISMATCH, upload->name,
                    "the file to replace has other content");
    if (code == 0 && rules->replace == NULL && !is_stream)
        return fail_exists(upload, MEANS_DIFFERENT);
    upload->plan = rules->replace != NULL ? "to be replaced" : "to be compared";
    return code;
}

bool upload_can_repeat(const struct upload *upload)
{
    /* A stream cannot be read twice. */
    bool is_gone = upload->mode == UPLOAD_STREAM &&
                   (upload->body.size > 0 || is_known(upload) || upload->child.pid != 0);

    return !upload->is_final && !is_gone && (upload->mode != UPLOAD_AHEAD || upload->bytes != NULL);
}

int upload_ask_outcome(struct upload *upload, bool can_ask)
{
    upload->stage = UPLOAD_LOST;
    if (can_ask)
        console_note("%s: the answer was lost; asks whether it is stored", upload->name);
    return upload_conclude(upload, can_ask ? ask(upload) : -REASON_LOST);
}
