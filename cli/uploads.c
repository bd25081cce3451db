#include "cli/uploads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"

enum {
    AWAITED = 1, /* the answer is still to come; no reason is positive */
};

static void send_one(struct uploads *uploads, struct ahead *ahead, const char *bytes)
{
    struct stream *stream = &uploads->connection->stream;
    const struct outcome *outcome = &ahead->outcome;

    upload_print_request(uploads->connection, uploads->rules, ahead->name, outcome->size,
                         outcome->digest, "eager=1");
    if (outcome->size > 0) {
        (void)stream_print(stream, "%lld\n", (long long)outcome->size);
        (void)stream_write(stream, bytes, (size_t)outcome->size);
        (void)stream_print(stream, "\n");
    }
    (void)stream_print(stream, "END\n");
    ahead->code = AWAITED;
    /* So there is always room for the next one. That it cannot be sent its answer will tell. */
    if (uploads->pushed == 0 && stream_pending(stream) > STREAM_BUFFER / 2)
        uploads->pushed = connection_push(uploads->connection);
}

static void release(struct ahead *ahead)
{
    free(ahead->name);
    free(ahead->local);
    free(ahead->bytes);
    *ahead = (struct ahead){.name = NULL};
}

/* Notes down what was read of a file; its bytes only if they may be needed again. */
static int note_down(struct uploads *uploads, struct ahead *ahead, const char *name,
                     const char *local, size_t length)
{
    bool is_kept = uploads->connection->settings->retries > 0;
    struct digest digest;

    *ahead = (struct ahead){.name = strdup(name),
                            .local = strdup(local),
                            .bytes = is_kept ? malloc(length + 1) : NULL,
                            .outcome = {.size = (int64_t)length}};
    if (ahead->name == NULL || ahead->local == NULL || (is_kept && ahead->bytes == NULL)) {
        release(ahead);
        return fail_errno(uploads->connection->failure, REASON_LOCAL, local, "cannot read");
    }
    if (is_kept)
        memcpy(ahead->bytes, uploads->bytes, length);
    digest_begin(&digest);
    digest_add(&digest, uploads->bytes, length);
    digest_finish(&digest, ahead->outcome.digest);
    int code = upload_judge_digest(uploads->rules, local, ahead->outcome.digest,
                                   uploads->connection->failure);
    if (code < 0)
        release(ahead);
    return code;
}

/* Opens the connection for the first of a row. */
static int connect_first(struct uploads *uploads)
{
    int code = 0;

    retry_begin(&uploads->retry, uploads->connection);
    do
        code = connection_ready(uploads->connection);
    while (retry_again(&uploads->retry, code));
    return code;
}

static int send_ahead(struct uploads *uploads, const char *name, const char *local, size_t length)
{
    struct ahead *ahead = &uploads->ahead[uploads->count];
    int code = note_down(uploads, ahead, name, local, length);

    if (code == 0 && uploads->count == 0) {
        code = connect_first(uploads);
        if (code < 0)
            release(ahead);
    }
    if (code < 0)
        return code;
    send_one(uploads, ahead, uploads->bytes);
    uploads->count++;
    if (uploads->count == UPLOADS_AHEAD)
        uploads_settle(uploads);
    return AWAITED;
}

/* One that needs a dialogue: all others are through with theirs. */
static int put_alone(struct uploads *uploads, const char *name, int source, const char *local,
                     const struct stat *status, struct outcome *outcome)
{
    uploads_settle(uploads);
    return upload_run(uploads->connection, uploads->rules, name, source, local, status, outcome);
}

/* Fails for the error in errno, after what is to be said of the files before. */
static int fail_unreadable(struct uploads *uploads, const char *local)
{
    uploads_settle(uploads);
    return fail_errno(uploads->connection->failure, REASON_LOCAL, local, "cannot read");
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
 * tells. What is sent ahead has no id, by which an exclusive one would be known again.
 */
static int put_small(struct uploads *uploads, const char *name, int source, const char *local,
                     const struct stat *status, struct outcome *outcome)
{
    bool is_alone = uploads->rules->exclusive;
    size_t length = 0;

    if (read_all(uploads, source, &length) < 0)
        return fail_unreadable(uploads, local);
    if (descriptor_has_changed(source, status)) {
        uploads_settle(uploads);
        return upload_fail_changed(local, uploads->connection->failure);
    }
    if (!is_alone && length <= EAGER_LARGEST)
        return send_ahead(uploads, name, local, length);
    /* What is larger than it tells is to be read like a stream. */
    return lseek(source, 0, SEEK_SET) < 0
               ? fail_unreadable(uploads, local)
               : put_alone(uploads, name, source, local,
                           (off_t)length == status->st_size ? status : NULL, outcome);
}

void uploads_init(struct uploads *uploads, struct connection *connection,
                  const struct upload_rules *rules, uploads_report *report, void *context)
{
    uploads->connection = connection;
    uploads->rules = rules;
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
        code = fail_unreadable(uploads, local);
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

static void set_outcome(struct uploads *uploads, struct ahead *ahead, int code)
{
    ahead->code = code;
    if (code < 0)
        ahead->failure = *uploads->connection->failure;
}

/* Reads the answers that are awaited. Returns 0, or the first reason for which a retry may help. */
static int read_answers(struct uploads *uploads)
{
    struct connection *connection = uploads->connection;
    int code = 0;
    int first = 0;
    /* A server that takes no more may still have said why. */
    int pushed = uploads->pushed < 0 ? uploads->pushed : connection_push(connection);

    stream_expect(&connection->stream);
    for (size_t i = 0; i < uploads->count; i++) {
        struct ahead *ahead = &uploads->ahead[i];
        if (ahead->code != AWAITED)
            continue;
        if (connection->is_open)
            code = connection_answer(connection, ahead->name, ANSWER_EXISTS);
        else
            code = connection_fail(connection, ahead->name,
                                   code == -REASON_TIMEOUT ? -REASON_TIMEOUT : -REASON_LOST);
        if (code == -REASON_LOST && pushed == -REASON_TIMEOUT)
            code = connection_fail(connection, ahead->name, pushed);
        set_outcome(
            uploads, ahead,
            upload_judge(connection, uploads->rules, ahead->name, true, code, &ahead->outcome));
        if (first == 0 && retry_may_help(ahead->code))
            first = ahead->code;
    }
    return first;
}

/* Sends those again for which it may help. As read_answers(). */
static int send_again(struct uploads *uploads)
{
    int code = connection_ready(uploads->connection);

    if (code < 0)
        return code;
    uploads->pushed = 0;
    for (size_t i = 0; i < uploads->count; i++) {
        if (retry_may_help(uploads->ahead[i].code))
            send_one(uploads, &uploads->ahead[i], uploads->ahead[i].bytes);
    }
    return read_answers(uploads);
}

/* Asks on another connection, if there can be one, for those whose answers were lost. */
static void ask_outcomes(struct uploads *uploads)
{
    struct connection *connection = uploads->connection;
    bool has_asked = false;

    for (size_t i = 0; i < uploads->count; i++) {
        struct ahead *ahead = &uploads->ahead[i];
        if (ahead->code != -REASON_LOST)
            continue;
        int code = has_asked && !connection->is_open ? -REASON_LOST : connection_ready(connection);
        has_asked = true;
        if (code == 0) {
            upload_print_request(connection, uploads->rules, ahead->name, ahead->outcome.size,
                                 ahead->outcome.digest, "");
            code = connection_ask(connection, ahead->name, ANSWER_EXISTS);
        }
        set_outcome(uploads, ahead,
                    upload_judge_lost(connection, uploads->rules, ahead->name, false, code,
                                      &ahead->outcome));
    }
}

/* Tells what became of them all, in their order. */
static void report_all(struct uploads *uploads)
{
    for (size_t i = 0; i < uploads->count; i++) {
        struct ahead *ahead = &uploads->ahead[i];
        if (ahead->code < 0)
            *uploads->connection->failure = ahead->failure;
        uploads->report(uploads->context, ahead->name, ahead->local, ahead->code, &ahead->outcome);
        release(ahead);
    }
}

void uploads_settle(struct uploads *uploads)
{
    int error = errno;

    if (uploads->count > 0) {
        int code = read_answers(uploads);
        while (retry_again(&uploads->retry, code))
            code = send_again(uploads);
        ask_outcomes(uploads);
        report_all(uploads);
    }
    uploads->count = 0;
    uploads->pushed = 0;
    errno = error;
}
