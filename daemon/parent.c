#include "daemon/parent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "daemon/log.h"
#include "protocol/clock.h"

enum {
    PAUSE_MS = 100, /* without accepting, when there is no descriptor left for a connection */
};

static volatile sig_atomic_t stops; /* how often TERM or INT came */
static sigset_t while_waiting;      /* the signals that are blocked while ppoll(2) waits */

static void note_stop(int number)
{
    (void)number;
    stops++;
}

static void note_child(int number)
{
    (void)number; /* that it comes is enough: it ends ppoll(2) */
}

/* Waits for connections, signals, or the end of a limit; below 0 there is none. */
static void wait_for(struct pollfd *polled, size_t count, int64_t limit_ms)
{
    struct timespec limit = {.tv_sec = limit_ms / 1000, .tv_nsec = limit_ms % 1000 * 1000000};

    for (size_t i = 0; i < count; i++)
        polled[i].revents = 0;
    (void)ppoll(polled, count, limit_ms < 0 ? NULL : &limit, &while_waiting);
}

/* Takes one connection from each socket that has some. Returns false when there must be a pause. */
static bool accept_some(const struct listener *listener, const struct pollfd *polled,
                        struct process_model *model)
{
    for (size_t i = 0; i < listener->count; i++) {
        if (polled[i].revents == 0)
            continue;
        int connection = accept4(polled[i].fd, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0)
            process_start(model, connection, listener->sockets[i].kind);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            return false;
    }
    return true;
}

static void drain(struct process_model *model)
{
    int64_t until = clock_ms() + model->settings->drain_ms;
    int64_t left = 0;

    process_stop(model);
    process_reap(model);
    while (process_count(model) > 0 && stops < 2 && (left = until - clock_ms()) > 0) {
        wait_for(NULL, 0, left);
        process_reap(model);
    }
    process_kill(model);
}

void parent_catch_signals(void)
{
    const struct sigaction stop = {.sa_handler = note_stop};
    const struct sigaction child = {.sa_handler = note_child};
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    (void)sigdelset(&while_waiting, SIGTERM);
    (void)sigdelset(&while_waiting, SIGINT);
    (void)sigdelset(&while_waiting, SIGCHLD);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGCHLD, &child, NULL);
    (void)signal(SIGHUP, SIG_IGN); /* there is nothing to read again */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that is too large is an error of write(2) */
}

void parent_serve(struct listener *listener, struct process_model *model)
{
    struct pollfd polled[LISTENER_SOCKETS_MOST];
    bool paused = false;

    for (size_t i = 0; i < listener->count; i++)
        polled[i] = (struct pollfd){.fd = listener->sockets[i].fd, .events = POLLIN};
    while (stops == 0) {
        wait_for(polled, paused ? 0 : listener->count, paused ? PAUSE_MS : -1);
        process_reap(model);
        paused = !paused && !accept_some(listener, polled, model);
    }
    log_event(LOG_LEVEL_INFO, "stopping", NULL);
    listener_remove(listener);
    drain(model);
}
