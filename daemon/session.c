#include "daemon/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/heartbeat.h"
#include "daemon/log.h"
#include "daemon/self_test.h"
#include "protocol/descriptor.h"

enum {
    LOOK_MS = 1000, /* between looks at the rights, in a wait */
};

int session_refuse(struct session *session, enum reason reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(session->why, sizeof session->why, format, arguments);
    va_end(arguments);
    return -(int)reason;
}

int session_refuse_stopping(struct session *session)
{
    session->over = true;
    return session_refuse(session, REASON_UNAVAILABLE, "the daemon is stopping");
}

int session_refuse_locked(struct session *session)
{
    return session_refuse(session, REASON_BUSY,
                          "another request, or fsd-scrub, has locked the name");
}

bool session_may_see(const struct session *session, const char *name)
{
    return (access_rights(&session->client, name) & session->sees) != 0;
}

int session_check_library(struct session *session)
{
    if (library_is_in_place(session->library))
        return 0;
    if (log_admits(LOG_FAILURES))
        log_event(LOG_LEVEL_ERROR, "the library is not in its place", "library",
                  session->library->path, NULL);
    return session_refuse(session, REASON_UNAVAILABLE,
                          "the library was unmounted, moved or replaced");
}

int session_check_disk(struct session *session)
{
    return counter_read(&session->counters->broken) > 0
               ? session_refuse(session, REASON_UNAVAILABLE,
                                "the disk has failed: uploads and deletions are refused until fsd "
                                "is restarted")
               : 0;
}

static int test_again(void *argument)
{
    struct session *session = argument;
    struct counters *counters = session->counters;
    const char *library = session->library->path;
    bool is_prepared = library_is_prepared(session->library);
    char fault[FAULT_LINE_ROOM];
    int code = self_test_store(session->library, fault);
    int error = errno;
    uint64_t before = atomic_exchange(&counters->unwritable, (uint64_t)-code);

    /* Of several sessions, the first one logs it. */
    if (code < 0 && before != (uint64_t)-code)
        log_event(LOG_LEVEL_WARNING, "the library is served read-only", "library", library, "cause",
                  fault, NULL);
    else if (code == 0 && before != 0)
        log_event(LOG_LEVEL_INFO, "the library is writable again", "library", library, NULL);
    else if (code == 0 && !is_prepared && log_admits(LOG_FAILURES))
        log_event(LOG_LEVEL_WARNING, "the folder .fsd was removed, and made again", "library",
                  library, NULL);
    errno = error;
    return code;
}

int session_check_writable(struct session *session)
{
    if (counter_read(&session->counters->unwritable) == 0 && library_is_prepared(session->library))
        return 0;
    int code = session_run_with_heartbeat(session, test_again, session);
    switch (code) {
    case 0:
        return 0;
    case -REASON_NO_SPACE:
        return session_refuse(session, REASON_NO_SPACE,
                              "there is no room, and the library is read-only until there is");
    case -REASON_DENIED:
        return session_refuse(session, REASON_DENIED, "the library is read-only");
    default:
        return session_refuse(session, REASON_UNAVAILABLE,
                              "the library cannot be written to; the log of fsd says why");
    }
}

int session_refuse_own(struct session *session, int code, const char *operation, const char *name)
{
    if (session->why[0] != '\0' || (code != -REASON_DENIED && code != -REASON_UNAVAILABLE))
        return code;
    bool has_no_files = errno == EMFILE || errno == ENFILE;
    session_log_failure(session, operation, name);
    if (has_no_files)
        return session_refuse(session, REASON_UNAVAILABLE, "fsd has too many open files");
    return code == -REASON_DENIED
               ? session_refuse(session, REASON_DENIED, "fsd itself has no access there")
               : session_refuse(session, REASON_UNAVAILABLE,
                                "the upload, or another file of fsd, was removed from .fsd");
}

int session_check_promise(struct session *session)
{
    int code = session_check_disk(session);

    if (code == 0 && !library_is_in_place(session->library))
        code = session_refuse(session, REASON_UNAVAILABLE,
                              "the library was unmounted, moved or replaced meanwhile");
    return code;
}

int session_answer_unknown(struct session *session, const char *name, const char *what)
{
    int error = errno;

    log_event(LOG_LEVEL_CRITICAL, "outcome unknown", "session", session->id, "client",
              session->client.who, "name", name, "cause", strerror(error), NULL);
    if (error == EIO)
        counter_add(&session->counters->broken, 1);
    session->outcome = REASON_INTERNAL;
    return stream_print(&session->stream, "FAIL %s outcome unknown: %s\n",
                        reason_word(REASON_INTERNAL), what);
}

int session_check_rights(struct session *session)
{
    if (!access_has_lost(&session->client, session->rights_now, &session->rights_version))
        return 0;
    session->over = true;
    return session_refuse(session, REASON_UNAVAILABLE, "the rights of %s have changed: try again",
                          session->client.who);
}

int session_check_wait(struct session *session)
{
    int code = session_check_rights(session);

    if (code < 0)
        return code;
    return descriptor_is_readable(session->gone) ? session_refuse_stopping(session)
                                                 : session_check_library(session);
}

int session_wait(struct session *session, int source, int64_t limit_ms)
{
    struct stream *stream = &session->stream;
    bool is_ready = false;
    int wake = stream->wake;

    /* Nothing wakes a session whose client has lost a right. */
    if (limit_ms > LOOK_MS)
        limit_ms = LOOK_MS;
    stream->wake = session->gone;
    int code = stream_flush(stream);
    if (code == 0)
        code = stream_listen(stream, source, limit_ms, &is_ready);
    stream->wake = wake;
    if (code == 0 && stream->ended)
        code = -REASON_LOST;
    return code == 0 || code == -REASON_UNAVAILABLE ? session_check_wait(session) : code;
}

int session_run_with_heartbeat(struct session *session, int (*job)(void *argument), void *argument)
{
    return heartbeat_during(&session->stream, session->settings->heartbeat_ms, &session->cancelled,
                            job, argument);
}

void session_log_failure(const struct session *session, const char *operation, const char *name)
{
    const struct client *client = &session->client;
    bool is_refusal = session->why[0] != '\0';
    const char *cause = is_refusal ? session->why : strerror(errno);

    /* Uploads that are too large for this client must not hide the failures of others. */
    if (is_refusal ? log_admits_refusal(client->peer, client->class != ACCESS_STRANGER)
                   : log_admits(LOG_FAILURES))
        log_event(LOG_LEVEL_ERROR, "failed", "address", session->address, "session", session->id,
                  "client", client->who, "operation", operation, "name", name, "cause", cause,
                  "library", session->library->path, NULL);
}

void session_log_unreadable(const struct session *session, const char *name)
{
    int error = errno;

    if (log_admits(LOG_FAILURES))
        log_event(LOG_LEVEL_WARNING, "cannot read", "session", session->id, "client",
                  session->client.who, "name", name, "cause", strerror(error), NULL);
}
