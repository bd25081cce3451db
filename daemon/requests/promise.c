#include "daemon/requests/promise.h"

#include <errno.h>
#include <string.h>

#include "daemon/log.h"

bool promise_has_failed(const struct session *session)
{
    return counter_read(&session->counters->broken) > 0;
}

int promise_judge_disk(struct session *session)
{
    return promise_has_failed(session)
               ? session_refuse(session, REASON_UNAVAILABLE,
                                "the disk has failed: uploads and deletions are refused until fsd "
                                "is started anew")
               : 0;
}

int promise_judge(struct session *session)
{
    int code = promise_judge_disk(session);

    if (code < 0)
        return code;
    return library_is_in_place(session->library)
               ? 0
               : session_refuse(session, REASON_UNAVAILABLE,
                                "the library was unmounted, moved or replaced meanwhile");
}

int promise_break(struct session *session, const char *name, const char *what)
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
