#include "daemon/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/session.h"
#include "protocol/socket.h"

/* Answers a connection that cannot be served, without waiting for it. */
static void refuse(int connection)
{
    static const char answer[] = "FAIL busy too many sessions\n";

    (void)send(connection, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(connection, SHUT_WR);
}

/* The whole life of a session process. */
static _Noreturn void run(const struct process_model *model, int connection, enum address_kind kind)
{
    struct client client;
    sigset_t stopping;

    /*
     * TERM, which the parent sends, and INT, which a terminal sends to all, wake an idle session.
     */
    (void)sigemptyset(&stopping);
    (void)sigaddset(&stopping, SIGTERM);
    (void)sigaddset(&stopping, SIGINT);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &stopping, NULL);
    int wake = signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK);

    listener_close(model->listener);
    access_identify(connection, kind, model->settings->anonymous, &client);
    session_run(connection, connection, &client, model->settings, model->library, wake);
    _exit(0);
}

static void signal_all(const struct process_model *model, int number)
{
    for (size_t i = 0; i < model->count; i++)
        (void)kill(model->pids[i], number);
}

int process_open(struct process_model *model, const struct settings *settings,
                 const struct library *library, struct listener *listener)
{
    *model = (struct process_model){.settings = settings, .library = library, .listener = listener};
    model->pids = calloc((size_t)settings->sessions, sizeof *model->pids);
    return model->pids != NULL ? 0 : -REASON_INTERNAL;
}

void process_close(struct process_model *model)
{
    free(model->pids);
    model->pids = NULL;
}

void process_start(struct process_model *model, int connection, enum address_kind kind)
{
    pid_t pid = -1;

    if (model->count == (size_t)model->settings->sessions)
        process_reap(model);
    if (model->count < (size_t)model->settings->sessions) {
        socket_tune(connection);
        pid = fork();
        if (pid == 0)
            run(model, connection, kind);
        if (pid < 0)
            log_event(LOG_LEVEL_ERROR, "no session", "cause", strerror(errno), NULL);
    }
    if (pid > 0)
        model->pids[model->count++] = pid;
    else
        refuse(connection);
    (void)close(connection);
}

void process_reap(struct process_model *model)
{
    int status = 0;
    pid_t pid = 0;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < model->count; i++) {
            if (model->pids[i] == pid) {
                model->pids[i] = model->pids[--model->count];
                break;
            }
        }
        if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
            log_event(LOG_LEVEL_ERROR, "a session crashed", "signal", strsignal(WTERMSIG(status)),
                      NULL);
    }
}

size_t process_count(const struct process_model *model)
{
    return model->count;
}

void process_stop(const struct process_model *model)
{
    signal_all(model, SIGTERM);
}

void process_kill(const struct process_model *model)
{
    signal_all(model, SIGKILL);
}
