#include "daemon/log.h"
#include "daemon/requests/requests.h"
#include "daemon/store/commit.h"

struct deletion {
    struct session *session;
    const char *name;
    const struct timespec *mtime;
};

static int delete_file(void *argument)
{
    const struct deletion *deletion = argument;

    return commit_delete(deletion->session->library, deletion->name, deletion->mtime,
                         &deletion->session->cancelled);
}

int delete_serve(struct session *session, const struct arguments *arguments)
{
    const struct option_value *mtime = &arguments->options[OPTION_MTIME];
    struct deletion deletion = {.session = session,
                                .name = arguments->name,
                                .mtime = mtime->text != NULL ? &mtime->time : NULL};
    int code = session_check_disk(session);

    /* Without room to store anything, a deletion may be what makes room. */
    if (code == 0 && (code = session_check_writable(session)) == -REASON_NO_SPACE) {
        session->why[0] = '\0';
        code = 0;
    }
    if (code == 0)
        code = session_run_with_heartbeat(session, delete_file, &deletion);
    if (code == -REASON_BUSY)
        return session_refuse_locked(session);
    if (code == COMMIT_UNKNOWN || (code == 0 && session_check_promise(session) < 0))
        return session_answer_unknown(session, arguments->name,
                                      "the file is deleted, but a crash may bring it back");
    if (code == -REASON_MISMATCH)
        return session_refuse(session, REASON_MISMATCH, "it has another mtime now");
    if (code < 0)
        return session_refuse_own(session, code, "DELETE", arguments->name);
    log_event(LOG_LEVEL_INFO, "deleted", "session", session->id, "client", session->client.who,
              "name", arguments->name, NULL);
    return stream_print(&session->stream, "OK\n");
}
