#include "daemon/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/access.h"
#include "daemon/child.h"
#include "daemon/handshakes.h"
#include "daemon/log.h"
#include "daemon/notifier.h"
#include "daemon/peer.h"
#include "daemon/pid_file.h"
#include "daemon/reload.h"
#include "daemon/store/stage.h"
#include "daemon/worker.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

enum {
    PAUSE_MS = 100,       /* before trying again, when descriptors or memory ran out */
    CALM_MS = 1000,       /* after a crash, before workers are forked ahead again */
    ACCEPTED_MOST = 8,    /* connections accepted from one socket in one turn */
    HANDSHAKES_MOST = 64, /* the same for TLS, where they only wait at first */
    ENDS_MOST = 256,      /* ends of sessions read from one worker in one turn */
    HOUR_S = 3600,
    LOOK_MS = 2000,    /* between looks at the files of sockets, and the pid file */
    REFUSED_MOST = 64, /* connections that are refused and not yet closed... */
    REFUSED_MS = 50,   /* ...and how long they stay so, when there are fewer */
    RETRY_MS = 20,     /* before handshakes are tried again that could not be started */
};

struct worker {
    pid_t pid;
    int channel;      /* -1: closed, to stop the worker */
    bool has_threads; /* it serves many connections, and reports the end of each */
    bool takes_more;  /* connections may be given to it */
    bool is_retired;  /* worker_retire() has reached it */
};

/* A session under way. */
struct active {
    uint64_t session;
    pid_t pid; /* of its worker */
    struct slot *slot;
};

struct parent {
    struct daemon *daemon;
    struct service service;
    sigset_t while_waiting; /* the signals that ppoll(2) blocks */
    int reserve;            /* a descriptor kept free, to refuse a connection; -1 for none */
    int64_t memory_before;  /* bytes of data that a worker begins with; -1: not known */

    struct worker *workers;
    size_t worker_count, worker_room;
    int notifier_socket; /* readable when a session needs a notifier; -1 for none */
    pid_t notifier;      /* 0: there is none now */
    struct active *active;
    size_t active_count, active_room;
    struct handshakes handshakes;
    int refused[REFUSED_MOST]; /* connections, for close_refused() */
    size_t refused_count;
    struct pollfd *polled;
    size_t polled_room;

    uint64_t last_session;
    bool cannot_fork;      /* the last attempt failed, and was logged */
    int64_t crashed_ms;    /* when a worker last crashed, by clock_ms(); 0: none has */
    int64_t look_ms;       /* when look_after() is to run, by the same clock */
    bool pid_file_is_lost; /* it could not be made again, which was logged */
};

/* Signals. */

static volatile sig_atomic_t stops; /* how often TERM or INT came */
static volatile sig_atomic_t hangup;
static volatile sig_atomic_t alarmed; /* it is time to sweep */

static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGCHLD};

/* CHLD needs no flag: it only has to end ppoll(2). */
static void note_signal(int number)
{
    if (number == SIGTERM || number == SIGINT)
        stops++;
    else if (number == SIGHUP)
        hangup = 1;
    else if (number == SIGALRM)
        alarmed = 1;
}

/*
 * Waits for connections, signals or a limit; below 0 there is no limit. When something is ready at
 * once, ppoll(2) handles no signals: so that a stream of clients cannot keep TERM out, they are let
 * in separately.
 */
static int wait_for(const struct parent *parent, struct pollfd *polled, size_t count,
                    int64_t limit_ms)
{
    const struct timespec at_once = {.tv_sec = 0};
    struct timespec limit = {.tv_sec = limit_ms / 1000, .tv_nsec = limit_ms % 1000 * 1000000};

    for (size_t i = 0; i < count; i++)
        polled[i].revents = 0;
    int ready = ppoll(polled, count, limit_ms < 0 ? NULL : &limit, &parent->while_waiting);
    if (ready > 0)
        (void)ppoll(NULL, 0, &at_once, &parent->while_waiting);
    return ready;
}

/* Makes room for `wanted` elements; the array may move. */
static bool make_room(void **array, size_t *room, size_t wanted, size_t size)
{
    size_t more = *room > 0 ? *room : 16;

    if (*array != NULL && wanted <= *room)
        return true;
    while (more < wanted)
        more *= 2;
    void *moved = reallocarray(*array, more, size);
    if (moved == NULL)
        return false;
    *array = moved;
    *room = more;
    return true;
}

/* Workers. */

/* Forks a worker; NULL when that cannot be done. */
static struct worker *add_worker(struct parent *parent)
{
    int channel = -1;
    pid_t pid = -1;

    if (make_room((void **)&parent->workers, &parent->worker_room, parent->worker_count + 1,
                  sizeof *parent->workers))
        pid = worker_start(&parent->service, parent->memory_before, &channel);
    /* Log only the first of several failures in a row. */
    if (pid < 0 && !parent->cannot_fork && log_admits(LOG_FAILURES))
        log_event(LOG_LEVEL_ERROR, "cannot start a worker", "cause", strerror(errno), NULL);
    parent->cannot_fork = pid < 0;
    if (pid < 0)
        return NULL;
    struct worker *worker = &parent->workers[parent->worker_count++];
    *worker =
        (struct worker){.pid = pid,
                        .channel = channel,
                        .has_threads = parent->service.settings->concurrency == CONCURRENCY_THREAD,
                        .takes_more = true};
    return worker;
}

/* A worker that takes connections, or NULL. */
static struct worker *find_free(const struct parent *parent)
{
    for (size_t i = 0; i < parent->worker_count; i++) {
        if (parent->workers[i].takes_more)
            return &parent->workers[i];
    }
    return NULL;
}

/*
 * Can a connection be handed over now? While the channel of the worker is full, connections are
 * best left in the backlog of the system.
 */
static bool can_hand_over(const struct parent *parent)
{
    const struct worker *worker = find_free(parent);

    return worker == NULL || worker_has_room(worker->channel);
}

/*
 * In how many milliseconds is a worker to be forked ahead? 0: now; -1: there are enough. After a
 * crash there is a pause, so that a worker that crashes at its start is not forked again and again.
 */
static int64_t needs_worker_in(const struct parent *parent)
{
    const struct settings *settings = parent->service.settings;
    /* One worker serves all threads, and is there before the first connection. */
    int64_t wanted = settings->concurrency == CONCURRENCY_THREAD ? 1 : settings->spare;
    int64_t count = 0;

    for (size_t i = 0; i < parent->worker_count; i++)
        count += parent->workers[i].takes_more;
    if (count >= wanted)
        return -1;
    int64_t calm = parent->crashed_ms > 0 ? parent->crashed_ms + CALM_MS - clock_ms() : 0;
    return calm > 0 ? calm : 0;
}

static void stop_worker(struct worker *worker)
{
    worker->takes_more = false;
    descriptor_close(worker->channel);
    worker->channel = -1;
}

/* Retires the workers that get no more connections. If a channel is full, it is tried again later. */
static void report_retirement(struct parent *parent)
{
    for (size_t i = 0; i < parent->worker_count; i++) {
        struct worker *worker = &parent->workers[i];
        if (worker->has_threads && worker->channel >= 0 && !worker->takes_more &&
            !worker->is_retired)
            worker->is_retired = worker_retire(worker->channel) == 0 || errno != EAGAIN;
    }
}

/* Starts a notifier if a session needs one. Returns false when that is not possible now. */
static bool start_notifier(struct parent *parent, bool is_needed)
{
    if (!is_needed || parent->notifier > 0)
        return true;
    pid_t pid = notifier_start(parent->notifier_socket, parent->memory_before,
                               parent->service.settings->memory);
    if (pid < 0 && !parent->cannot_fork)
        log_event(LOG_LEVEL_ERROR, "cannot start the notifier", "cause", strerror(errno), NULL);
    parent->cannot_fork = pid < 0;
    parent->notifier = pid > 0 ? pid : 0;
    return pid > 0;
}

/* Sessions. */

/* Removes one session of a worker, or all for NULL. Returns false when there is none. */
static bool end_sessions(struct parent *parent, pid_t pid, const uint64_t *session)
{
    size_t before = parent->active_count;

    for (size_t i = before; i-- > 0;) {
        const struct active *active = &parent->active[i];
        if (active->pid == pid && (session == NULL || active->session == *session)) {
            handshakes_end(&parent->handshakes, active->slot);
            slots_free(active->slot);
            parent->active[i] = parent->active[--parent->active_count];
        }
    }
    return parent->active_count < before;
}

/*
 * Begins a session, in the slot of the arrival: gives its connection to a worker that is free, or to
 * a new one. Returns false when that is not possible now.
 */
static bool hand_over(struct parent *parent, struct arrival *arrival)
{
    struct worker *worker = NULL;
    bool is_new = false;
    bool is_gone = false;
    int given = -1;

    if (!make_room((void **)&parent->active, &parent->active_room, parent->active_count + 1,
                   sizeof *parent->active))
        return false;
    arrival->session = parent->last_session + 1;
    /* Skip workers that turn out to be gone. */
    do {
        worker = find_free(parent);
        is_new = worker == NULL;
        if (is_new && (worker = add_worker(parent)) == NULL)
            break;
        given = worker_give(worker->channel, arrival);
        is_gone = given < 0 && errno == EPIPE;
        if (is_gone)
            stop_worker(worker);
    } while (is_gone && !is_new);
    if (given < 0)
        return false;
    worker->takes_more = worker->has_threads;
    parent->active[parent->active_count++] = (struct active){
        .session = ++parent->last_session, .pid = worker->pid, .slot = arrival->slot};
    return true;
}

/*
 * Removes sessions and workers that have ended. A worker that closed its end of the channel, or
 * reports a session that it does not have, gets no more connections; its sessions count until its
 * process has ended.
 */
static void reap(struct parent *parent)
{
    uint64_t session = 0;
    int status = 0;
    pid_t pid = 0;

    for (size_t i = 0; i < parent->worker_count; i++) {
        struct worker *worker = &parent->workers[i];
        int heard = worker->has_threads && worker->channel >= 0 ? 1 : 0;
        for (int count = 0; heard > 0 && count < ENDS_MOST; count++) {
            heard = worker_next_end(worker->channel, &session);
            if (heard > 0 && !end_sessions(parent, worker->pid, &session))
                heard = -1;
        }
        if (heard < 0)
            stop_worker(worker);
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        char code[32];
        /* It may also be another child, which has no sessions. */
        (void)end_sessions(parent, pid, NULL);
        if (pid == parent->notifier)
            parent->notifier = 0;
        if (pid == parent->daemon->signer.pid)
            signer_end(&parent->daemon->signer);
        for (size_t i = 0; i < parent->worker_count; i++) {
            if (parent->workers[i].pid == pid) {
                descriptor_close(parent->workers[i].channel);
                parent->workers[i] = parent->workers[--parent->worker_count];
                break;
            }
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        (void)snprintf(code, sizeof code, "exit code %d", WEXITSTATUS(status));
        if (log_admits(LOG_CRASHES))
            log_event(LOG_LEVEL_ERROR, "a process crashed", "cause",
                      WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : code, NULL);
        counter_add(&parent->service.counters->crashed, 1);
        parent->crashed_ms = clock_ms();
    }
    report_retirement(parent);
}

/* The loop. */

/*
 * Closes the connections that were refused. What a client has sent may hold descriptors, and to drop
 * the last one of a socket can take as long as the client likes (SO_LINGER, socket(7)), unless the
 * process is ending. So the last ones are those of a child, which waits only until it has them. Returns
 * false when that is not possible now.
 */
static bool close_refused(struct parent *parent)
{
    sigset_t term;
    pid_t pid = parent->refused_count > 0 ? fork() : 0;

    if (parent->refused_count == 0)
        return true;
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        descriptor_close_all_but(parent->refused, parent->refused_count);
        (void)sigemptyset(&term);
        (void)sigaddset(&term, SIGTERM); /* which is blocked */
        (void)sigwaitinfo(&term, NULL);
        _exit(0);
    }
    if (pid < 0)
        return false;
    while (parent->refused_count > 0)
        (void)close(parent->refused[--parent->refused_count]);
    (void)kill(pid, SIGTERM);
    return true;
}

/* Answers a connection that cannot be served, and leaves it to close_refused(). */
static void refuse(struct parent *parent, int connection, enum address_kind kind,
                   const struct peer *peer, bool is_known, const char *cause)
{
    serve_busy(connection, kind, peer, is_known, cause, parent->service.counters);
    parent->refused[parent->refused_count++] = connection;
}

/* Begins the session of a connection, or refuses it. */
static void take_connection(struct parent *parent, int connection, enum address_kind kind,
                            const struct peer *peer)
{
    const struct settings *settings = parent->service.settings;
    enum access_class class = access_classify(connection, peer, settings);
    struct arrival arrival = {.kind = kind,
                              .connection = connection,
                              .signer = -1,
                              .peer = *peer,
                              .slot = slots_take(parent->service.slots)};
    const char *limit = NULL;

    if (arrival.slot != NULL) {
        limit = slots_admit(parent->service.slots, arrival.slot, settings, peer, class);
        /* Sessions that have just ended may make room. */
        if (limit != NULL) {
            reap(parent);
            limit = slots_admit(parent->service.slots, arrival.slot, settings, peer, class);
        }
    }
    if (arrival.slot != NULL && limit == NULL && hand_over(parent, &arrival)) {
        (void)close(connection);
        return;
    }
    slots_free(arrival.slot);
    refuse(parent, connection, kind, peer, class != ACCESS_STRANGER,
           limit != NULL ? limit : "no worker can take it");
}

/* Adds a connection to the handshakes. */
static void take_handshake(struct parent *parent, int connection, const struct peer *peer)
{
    const struct settings *settings = parent->service.settings;
    const struct handshake handshake = {
        .connection = connection, .peer = *peer, .until_ms = clock_ms() + settings->handshake_ms};

    if (!handshakes_add(&parent->handshakes, (size_t)settings->handshakes, &handshake,
                        parent->service.counters)) {
        serve_busy(connection, ADDRESS_TLS, peer, false, strerror(errno), parent->service.counters);
        (void)close(connection);
    }
}

/* Can a handshake get a session now? */
static bool can_start_handshake(const struct parent *parent)
{
    return parent->daemon->signer.is_ready && can_hand_over(parent) &&
           handshakes_count_started(&parent->handshakes) <
               (size_t)parent->service.settings->handshakes;
}

/* Begins the session of a handshake, which admits itself. Returns false if that cannot be done now. */
static bool start_handshake(struct parent *parent, struct handshake *handshake)
{
    struct arrival arrival = {.kind = ADDRESS_TLS,
                              .connection = handshake->connection,
                              .signer = signer_connect(&parent->daemon->signer),
                              .until_ms = handshake->until_ms,
                              .peer = handshake->peer,
                              .slot = slots_take(parent->service.slots)};
    bool is_begun = arrival.signer >= 0 && arrival.slot != NULL && hand_over(parent, &arrival);

    descriptor_close(arrival.signer);
    if (is_begun)
        handshake->slot = arrival.slot;
    else
        slots_free(arrival.slot);
    return is_begun;
}

/* Starts handshakes whose clients have sent something. Returns false when the loop has to pause. */
static bool start_handshakes(struct parent *parent)
{
    struct handshakes *handshakes = &parent->handshakes;
    size_t next = 0;
    size_t place = 0;

    handshakes_tidy(handshakes, parent->service.counters);
    if (!make_room((void **)&parent->polled, &parent->polled_room, handshakes->count,
                   sizeof *parent->polled))
        return false;
    size_t count = handshakes_poll(handshakes, parent->polled);
    if (count == 0 || poll(parent->polled, count, 0) <= 0)
        return true;
    while (next < count) {
        struct handshake *each = &handshakes->list[place];
        bool has_come = each->slot == NULL && parent->polled[next++].revents != 0;
        if (has_come && handshake_is_empty(each)) {
            counter_add(&parent->service.counters->handshakes_failed, 1);
            handshakes_remove(handshakes, each);
            continue;
        }
        if (has_come && !can_start_handshake(parent))
            return true;
        if (has_come && !start_handshake(parent, each))
            return false;
        place++;
    }
    return true;
}

/* Accepts connections from a socket. Returns false when the loop has to pause. */
static bool accept_some(struct parent *parent, int listening, enum address_kind kind)
{
    int most = kind == ADDRESS_TLS ? HANDSHAKES_MOST : ACCEPTED_MOST;

    for (int count = 0; count < most && (kind == ADDRESS_TLS || can_hand_over(parent)); count++) {
        if (parent->refused_count == REFUSED_MOST && !close_refused(parent))
            return false;
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof address;
        int connection = accept4(listening, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);
        if (connection < 0 && (errno == EMFILE || errno == ENFILE)) {
            /* Without a free descriptor one can at least be refused, with the reserve. */
            descriptor_close(parent->reserve);
            connection = accept4(listening, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);
            const struct peer refused = peer_at(connection, &address);
            if (connection >= 0)
                refuse(parent, connection, kind, &refused, false, strerror(EMFILE));
            (void)close_refused(parent);
            parent->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
            return false;
        }
        if (connection < 0)
            return errno != ENOMEM && errno != ENOBUFS;
        const struct peer peer = peer_at(connection, &address);
        if (kind == ADDRESS_TLS)
            take_handshake(parent, connection, &peer);
        else
            take_connection(parent, connection, kind, &peer);
    }
    return true;
}

/*
 * One turn of the loop. Workers are forked ahead only while nobody waits. Returns false when the
 * next turn has to be a pause. In a pause, and while no connection can be handed over, the listener
 * is not polled: the end of the pause, or the worker whose channel has room again, ends the wait.
 */
static bool take_turn(struct parent *parent, bool is_paused)
{
    const struct listener *listener = &parent->daemon->listener;
    bool is_full = !is_paused && !can_hand_over(parent);
    const struct worker *awaited = is_full ? find_free(parent) : NULL;
    size_t listening = is_paused || is_full ? 0 : listener->count;
    size_t count = listening;
    int64_t needs_in = listening > 0 ? needs_worker_in(parent) : -1;

    if (!make_room((void **)&parent->polled, &parent->polled_room,
                   listening + parent->worker_count + 2 + parent->handshakes.count,
                   sizeof *parent->polled)) {
        (void)wait_for(parent, NULL, 0, PAUSE_MS);
        reap(parent);
        return true;
    }
    struct pollfd *polled = parent->polled;
    for (size_t i = 0; i < listening; i++)
        polled[i] = (struct pollfd){.fd = listener->sockets[i].fd, .events = POLLIN};
    for (size_t i = 0; i < parent->worker_count; i++) {
        const struct worker *worker = &parent->workers[i];
        if (worker->has_threads && worker->channel >= 0)
            polled[count++] = (struct pollfd){
                .fd = worker->channel, .events = worker == awaited ? POLLIN | POLLOUT : POLLIN};
    }

    struct pollfd *needs_notifier = &polled[count++];
    *needs_notifier = (struct pollfd){.fd = parent->notifier == 0 ? parent->notifier_socket : -1,
                                      .events = POLLIN};

    struct signer *signer = &parent->daemon->signer;
    struct pollfd *begun_signer = &polled[count++];
    *begun_signer =
        (struct pollfd){.fd = !signer->is_ready ? signer->channel : -1, .events = POLLIN};

    bool can_start = !is_paused && can_start_handshake(parent);
    if (can_start)
        count += handshakes_poll(&parent->handshakes, &polled[count]);

    int64_t next = handshakes_next_ms(&parent->handshakes);
    int64_t limit = (next < parent->look_ms ? next : parent->look_ms) - clock_ms();
    if (limit < 0)
        limit = 0;
    if (!can_start && next < INT64_MAX && limit > RETRY_MS)
        limit = RETRY_MS;
    if (is_paused && limit > PAUSE_MS)
        limit = PAUSE_MS;
    if (parent->refused_count > 0 && limit > REFUSED_MS)
        limit = REFUSED_MS;
    if (needs_in >= 0 && limit > needs_in)
        limit = needs_in;
    int64_t signer_in = signer_needs_start_in(signer);
    if (signer_in >= 0 && limit > signer_in)
        limit = signer_in;
    int ready = wait_for(parent, polled, count, limit);
    if (ready > 0 && begun_signer->revents != 0)
        signer_hear(signer);
    reap(parent);
    if (signer_needs_start_in(signer) == 0)
        signer_restart(signer);
    if (ready == 0)
        (void)close_refused(parent);
    if (listening > 0 && ready == 0 && needs_worker_in(parent) == 0)
        return add_worker(parent) != NULL;
    bool goes_on = start_notifier(parent, ready > 0 && needs_notifier->revents != 0);
    for (size_t i = 0; ready > 0 && i < listening; i++) {
        if (polled[i].revents != 0)
            goes_on = accept_some(parent, polled[i].fd, listener->sockets[i].kind) && goes_on;
    }
    return start_handshakes(parent) && goes_on;
}

static void reload(struct parent *parent)
{
    const struct daemon *daemon = parent->daemon;

    systemd_notify_reloading(daemon->systemd);
    /* First, and whatever is in the settings: it may have been renamed. */
    int reopened = log_reopen(daemon->settings->log_to);
    if (reopened < 0)
        log_event(LOG_LEVEL_ERROR, "cannot open the log again, the old file stays in use", "file",
                  daemon->settings->log_to, "cause", strerror(errno), NULL);
    bool is_taken = reload_settings(daemon->line, daemon->settings) == 0;
    if (is_taken) {
        parent->service.rights_version = access_publish(daemon->rights_now, daemon->settings);
        /* Thousands of clients take more than a session may use. */
        parent->memory_before = worker_memory_in_use();
        log_event(LOG_LEVEL_INFO, "settings read again", NULL);
    }
    /* Further connections get new workers. */
    for (size_t i = 0; (is_taken || reopened > 0) && i < parent->worker_count; i++) {
        struct worker *worker = &parent->workers[i];
        /* A worker that already serves its only connection need not know. */
        if (!worker->has_threads && worker->takes_more)
            stop_worker(worker);
        worker->takes_more = false;
    }
    report_retirement(parent);
    systemd_notify(daemon->systemd,
                   is_taken ? "READY=1\nSTATUS="
                            : "READY=1\nSTATUS=The reload failed, the old settings are in use");
}

/* Makes again what others have removed and clients or administrators look for; and sums up. */
static void look_after(struct parent *parent)
{
    struct daemon *daemon = parent->daemon;
    const char *path = daemon->settings->pid_file;

    listener_restore(&daemon->listener, daemon->settings);
    if (daemon->pid_file >= 0 && !descriptor_is_named(daemon->pid_file, AT_FDCWD, path)) {
        int fd = pid_file_make(path);
        if (fd >= 0)
            log_event(LOG_LEVEL_WARNING, "the pid file was removed, and made again", "file", path,
                      NULL);
        else if (!parent->pid_file_is_lost)
            log_event(LOG_LEVEL_ERROR, "the pid file was removed, and cannot be made again", "file",
                      path, "cause", strerror(errno), NULL);
        parent->pid_file_is_lost = fd < 0;
        if (fd >= 0) {
            descriptor_close(daemon->pid_file);
            daemon->pid_file = fd;
        }
    }
    log_sum_up_refusals(false);
    parent->look_ms = clock_ms() + LOOK_MS;
}

/* Lets sessions finish within limits.drain or until a second signal, then kills the rest. */
static void drain(struct parent *parent)
{
    int64_t until = clock_ms() + parent->service.settings->drain_ms;
    int64_t left = 0;

    for (size_t i = 0; i < parent->worker_count; i++)
        stop_worker(&parent->workers[i]);
    reap(parent);
    while (parent->worker_count > 0 && stops < 2 && (left = until - clock_ms()) > 0) {
        (void)wait_for(parent, NULL, 0, left);
        reap(parent);
    }
    for (size_t i = 0; i < parent->worker_count; i++)
        (void)kill(parent->workers[i].pid, SIGKILL);
}

void parent_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};

    /* Blocked while one of them is handled, too: handlers must not interrupt each other. */
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        (void)sigaddset(&action.sa_mask, caught[i]);
    (void)sigprocmask(SIG_BLOCK, &action.sa_mask, NULL);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        (void)sigaction(caught[i], &action, NULL);
}

void parent_run(struct daemon *daemon)
{
    const struct itimerval hourly = {.it_interval = {.tv_sec = HOUR_S},
                                     .it_value = {.tv_sec = HOUR_S}};
    struct parent parent = {
        .daemon = daemon,
        .service = {.settings = daemon->settings,
                    .library = &daemon->library,
                    .counters = daemon->counters,
                    .slots = daemon->slots,
                    .rights_now = daemon->rights_now,
                    .rights_version = access_publish(daemon->rights_now, daemon->settings),
                    .tls = daemon->signer.tls,
                    .identity = daemon->signer.identity,
                    .outlives = daemon->listener.is_given},
        .reserve = open("/dev/null", O_RDONLY | O_CLOEXEC),
        .memory_before = worker_memory_in_use()};
    struct stage_usage left;
    int pair[2] = {-1, -1};
    bool is_paused = false;

    /* Without it sessions use instances of inotify(7) of their own. */
    if (notifier_open(pair) == 0)
        daemon->library.notifier = pair[0];
    parent.notifier_socket = pair[1];
    (void)sigprocmask(SIG_BLOCK, NULL, &parent.while_waiting);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        (void)sigdelset(&parent.while_waiting, caught[i]);
    (void)setitimer(ITIMER_REAL, &hourly, NULL);
    /* Old uploads may be left from a daemon that was killed. */
    stage_measure(&daemon->library, NULL, &left);
    alarmed = left.count + left.linked > 0;
    systemd_notify(daemon->systemd, "READY=1");
    while (stops == 0) {
        if (alarmed) {
            alarmed = 0;
            child_sweep(&parent.service);
        }
        if (hangup) {
            hangup = 0;
            reload(&parent);
            parent.look_ms = 0;
        }
        if (parent.look_ms <= clock_ms())
            look_after(&parent);
        is_paused = !take_turn(&parent, is_paused);
    }

    log_event(LOG_LEVEL_INFO, "stopping", NULL);
    descriptor_close(parent.reserve);
    /* Where sessions outlive it, no client of TLS is to notice, either. */
    for (size_t i = 0; daemon->listener.is_given && i < parent.handshakes.count; i++) {
        struct handshake *handshake = &parent.handshakes.list[i];
        if (handshake->slot == NULL)
            (void)start_handshake(&parent, handshake);
    }
    handshakes_close(&parent.handshakes);
    systemd_notify(daemon->systemd, "STOPPING=1");
    /* From here on another daemon can start in place of this one. */
    listener_remove(&daemon->listener);
    pid_file_remove(daemon->settings->pid_file, daemon->pid_file);
    /* With sockets from systemd it starts at once, and the sessions end by themselves. */
    if (!daemon->listener.is_given)
        drain(&parent);
    signer_close(&daemon->signer);
    log_sum_up_refusals(true);
    for (size_t i = 0; i < parent.worker_count; i++)
        descriptor_close(parent.workers[i].channel);
    free(parent.workers);
    free(parent.active);
    free(parent.polled);
}
