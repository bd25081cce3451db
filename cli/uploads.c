#include "cli/uploads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/progress.h"
#include "cli/retry.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

/* Adds an upload to the queue, which always has room for one. */
static struct queued *add(struct uploads *uploads, const char *name, const char *local)
{
    struct queued *queued = &uploads->queue[uploads->count++];

    queued->state = QUEUED_READY;
    queued->upload = (struct upload){.connection = uploads->connection,
                                     .rules = uploads->rules,
                                     .name = strdup(name),
                                     .local = strdup(local),
                                     .spool = -1,
                                     .began_ms = clock_ms()};
    if (queued->upload.name == NULL || queued->upload.local == NULL)
        abort();
    return queued;
}

static void end(struct queued *queued, int code)
{
    queued->state = QUEUED_DONE;
    queued->code = code;
    if (code < 0)
        queued->failure = *queued->upload.connection->failure;
}

static bool may_repeat(const struct queued *queued)
{
    return queued->state == QUEUED_DONE && retry_may_help(queued->code) &&
           upload_can_repeat(&queued->upload);
}

/* Sends all that are ready. Those that cannot be sent are done. */
static void send_ready(struct uploads *uploads)
{
    struct connection *connection = uploads->connection;
    int code = 0;

    for (size_t i = 0; i < uploads->count; i++) {
        struct queued *queued = &uploads->queue[i];
        const char *kept = queued->upload.bytes;
        if (queued->state != QUEUED_READY)
            continue;
        int changed = upload_check_source(&queued->upload);
        if (changed == 0 && code == 0 && uploads->in_flight == 0)
            code = connection_ready(connection);
        if (changed == 0 && code < 0 && code != -REASON_IDENTITY && queued->upload.is_unknown &&
            queued->code == -REASON_LOST) {
            /* It is still this answer that is missing. */
            queued->state = QUEUED_DONE;
            continue;
        }
        if (changed < 0 || code < 0) {
            end(queued, changed < 0 ? changed : code);
            continue;
        }
        upload_send(&queued->upload, kept != NULL ? kept : uploads->bytes);
        queued->state = QUEUED_SENT;
        uploads->in_flight++;
        /* This makes room for the next one. A failure shows when the answers are read. */
        if (uploads->pushed == 0 && (stream_pending(&connection->stream) > STREAM_BUFFER / 2 ||
                                     connection->rate.per_second > 0))
            uploads->pushed = connection_push(connection);
        if (queued->upload.mode == UPLOAD_AHEAD)
            connection_pace(connection, (size_t)queued->upload.size);
    }
}

/* Reads the answers of all uploads in flight, which are then done. */
static void take_answers(struct uploads *uploads)
{
    struct connection *connection = uploads->connection;
    int code = 0;

    if (uploads->in_flight == 0)
        return;
    /* A server that takes no more may still have said why. */
    int pushed = uploads->pushed < 0 ? uploads->pushed : connection_push(connection);
    stream_expect(&connection->stream);
    for (size_t i = 0; i < uploads->count; i++) {
        struct queued *queued = &uploads->queue[i];
        const char *name = queued->upload.name;
        if (queued->state != QUEUED_SENT)
            continue;
        if (connection->is_open)
            code = connection_answer(connection, name, ANSWER_EXISTS);
        else
            code = connection_fail(connection, name,
                                   code == -REASON_TIMEOUT ? -REASON_TIMEOUT : -REASON_LOST);
        if (code == -REASON_LOST && pushed == -REASON_TIMEOUT)
            code = connection_fail(connection, name, pushed);
        end(queued, upload_conclude(&queued->upload, code));
    }
    uploads->in_flight = 0;
    uploads->pushed = 0;
}

void uploads_settle(struct uploads *uploads)
{
    struct connection *connection = uploads->connection;
    struct retry retry;

    /* Attempts at all that are not done, as long as another one may help. */
    retry_begin(&retry, connection);
    for (;;) {
        int code = 0;
        send_ready(uploads);
        take_answers(uploads);
        for (size_t i = 0; i < uploads->count && code == 0; i++)
            code = may_repeat(&uploads->queue[i]) ? uploads->queue[i].code : 0;
        if (!retry_again(&retry, code))
            break;
        for (size_t i = 0; i < uploads->count; i++) {
            if (may_repeat(&uploads->queue[i]))
                uploads->queue[i].state = QUEUED_READY;
        }
    }

    for (size_t i = 0; i < uploads->count && retry.left > 0; i++) {
        const struct queued *queued = &uploads->queue[i];
        if (retry_may_help(queued->code) && queued->upload.mode == UPLOAD_STREAM &&
            !upload_can_repeat(&queued->upload) && !queued->upload.is_final)
            console_note("%s: not tried again: %s cannot be read twice (--spool keeps it)",
                         queued->upload.name, queued->upload.local);
    }
    /*
     * Ask about those whose answers were lost, on one more connection if there can be one: a command
     * that failed before the server answered would do so again.
     */
    bool can_ask = !connection->command_failed;
    for (size_t i = 0; i < uploads->count; i++) {
        struct queued *queued = &uploads->queue[i];
        const struct upload *upload = &queued->upload;
        if (queued->code != -REASON_LOST || !upload->is_unknown || upload->is_final)
            continue;
        end(queued, upload_ask_outcome(&queued->upload, can_ask));
        can_ask = connection->is_open;
    }
    progress_hold(true);
    for (size_t i = 0; i < uploads->count; i++) {
        struct queued *queued = &uploads->queue[i];
        if (queued->code < 0)
            *connection->failure = queued->failure;
        uploads->report(uploads->context, &queued->upload, queued->code);
        upload_release(&queued->upload, queued->code);
    }
    uploads->count = 0;
    progress_hold(false);
}

bool uploads_have(const struct uploads *uploads, const char *name)
{
    size_t i = 0;

    while (i < uploads->count && strcmp(uploads->queue[i].upload.name, name) != 0)
        i++;
    return i < uploads->count;
}

void uploads_refuse(struct uploads *uploads, const char *name, const char *local, int code)
{
    end(add(uploads, name, local), code);
    if (uploads->in_flight == 0 || uploads->count == UPLOADS_MOST)
        uploads_settle(uploads);
}

/*
 * How is a source to be sent? One that is to be sent ahead is read, and `*ret_length` is how many
 * bytes it has. Returns 0 or a reason.
 */
static int choose_mode(struct uploads *uploads, int source, const char *local,
                       enum upload_mode *ret_mode, struct stat *ret_status, size_t *ret_length)
{
    struct failure *failure = uploads->connection->failure;
    char made[DIGEST_ROOM];
    char again[DIGEST_ROOM];
    size_t length = 0;
    ssize_t got = 0;

    if (fstat(source, ret_status) < 0)
        return fail_errno(failure, REASON_LOCAL, local, "cannot read");
    /* Others may have read a part of standard input: the rest is stored, as a stream. */
    bool is_whole = S_ISREG(ret_status->st_mode) && lseek(source, 0, SEEK_CUR) == 0;
    *ret_mode = is_whole ? UPLOAD_FILE : UPLOAD_STREAM;
    /* With --limit-rate, more would be sent at once than is even. */
    size_t largest = rate_piece(&uploads->connection->rate, EAGER_LARGEST);
    if (!is_whole || ret_status->st_size > (off_t)largest)
        return 0;

    /* Read as much as may be sent ahead, and one more byte if there is one. */
    while (length < sizeof uploads->bytes &&
           (got = read(source, uploads->bytes + length, sizeof uploads->bytes - length)) != 0) {
        if (got < 0 && errno != EINTR)
            return fail_errno(failure, REASON_LOCAL, local, "cannot read");
        length += got > 0 ? (size_t)got : 0;
    }
    bool has_changed = descriptor_has_changed(source, ret_status);
    /* Only reading it again can tell whether bytes changed, too. */
    if (!has_changed && descriptor_is_touched(source, ret_status)) {
        int code = digest_of_file(source, ret_status, NULL, again);
        if (code == -REASON_INTERNAL)
            return fail_errno(failure, REASON_LOCAL, local, "cannot read");
        has_changed = code < 0 || strcmp(again, digest_of_bytes(uploads->bytes, length, made)) != 0;
    }
    if (has_changed)
        return upload_fail_changed(local, failure);
    /* With --exclusive an id is needed, to know one's own file again; bytes sent ahead have none. */
    if (!uploads->rules->exclusive && length <= EAGER_LARGEST) {
        *ret_mode = UPLOAD_AHEAD;
        *ret_length = length;
        return 0;
    }
    /* Some files, such as those in /proc, do not have the size that they report: they are streams. */
    *ret_mode = (off_t)length == ret_status->st_size ? UPLOAD_FILE : UPLOAD_STREAM;
    return lseek(source, 0, SEEK_SET) < 0 ? fail_errno(failure, REASON_LOCAL, local, "cannot read")
                                          : 0;
}

/* Makes a file of a stream. Nothing of it is read if the server refuses it. */
static int spool(struct upload *upload)
{
    struct retry retry;
    int code = 0;

    retry_begin(&retry, upload->connection);
    do
        code = upload_ask_first(upload);
    while (retry_again(&retry, code));
    /* It would be idle for as long as the producer takes. */
    connection_close(upload->connection);
    if (code == 0)
        code = upload_spool(upload);
    upload->is_final = code < 0;
    return code;
}

void uploads_put(struct uploads *uploads, const char *name, int source, const char *local)
{
    bool keeps_bytes = uploads->connection->settings->retries > 0;
    enum upload_mode mode = UPLOAD_STREAM;
    struct stat status;
    size_t length = 0;
    int code = choose_mode(uploads, source, local, &mode, &status, &length);

    if (code < 0) {
        uploads_refuse(uploads, name, local, code);
        return;
    }
    /* The connection must be free for the dialogue of an upload that is not sent ahead. */
    if (mode != UPLOAD_AHEAD)
        uploads_settle(uploads);
    struct queued *queued = add(uploads, name, local);
    queued->upload.is_stream = mode == UPLOAD_STREAM || source == STDIN_FILENO;
    code = mode == UPLOAD_AHEAD
               ? upload_begin_bytes(&queued->upload, uploads->bytes, length, keeps_bytes)
               : upload_begin_source(&queued->upload, mode, source, &status);
    if (code == 0 && mode == UPLOAD_STREAM && uploads->rules->spool)
        code = spool(&queued->upload);
    if (code < 0)
        end(queued, code);
    send_ready(uploads);
    if (mode != UPLOAD_AHEAD || uploads->in_flight == 0 || uploads->count == UPLOADS_MOST)
        uploads_settle(uploads);
}

void uploads_put_command(struct uploads *uploads, const char *name, char *const command[])
{
    uploads_settle(uploads);
    struct queued *queued = add(uploads, name, command[0]);
    upload_begin_command(&queued->upload, command);
    int code = uploads->rules->spool ? spool(&queued->upload) : 0;
    if (code < 0)
        end(queued, code);
    uploads_settle(uploads);
}

void uploads_plan(struct uploads *uploads, const char *name, int source, const char *local,
                  char *const command[], const struct entry *there)
{
    struct failure *failure = uploads->connection->failure;
    struct queued *queued = add(uploads, name, local);
    struct upload *upload = &queued->upload;

    upload->mode = source < 0 ? UPLOAD_STREAM : UPLOAD_FILE;
    upload->source = source;
    upload->command = command;
    /* It is never sent. */
    upload->is_final = true;
    end(queued, source >= 0 && fstat(source, &upload->status) < 0
                    ? fail_errno(failure, REASON_LOCAL, local, "cannot read")
                    : upload_plan(upload, there));
    uploads_settle(uploads);
}
