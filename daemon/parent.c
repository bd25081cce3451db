#include "daemon/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/reload.h"
#include "daemon/sweeper.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

enum {
    PAUSE_MS = 100,    /* before something is tried again that failed for want of something */
    ACCEPTED_MOST = 8, /* connections that one socket gets accepted at a time */
    HOUR_S = 3600,
};

/* What the parent looks at. */
struct watch {
    const struct listener *listener;
    struct pool *pool;
    int reserve; /* a descriptor that is kept back, for refuse_one(); -1: none */
};

static volatile sig_atomic_t stops; /* how often TERM or INT came */
static volatile sig_atomic_t hangup;
static volatile sig_atomic_t alarmed; /* it is time to sweep */
static sigset_t while_waiting;        /* the signals that are blocked while ppoll(2) waits */

static void note_stop(int number)
{
    (void)number;
    stops++;
}

static void note_hangup(int number)
{
    (void)number;
    hangup = 1;
}

static void note_alarm(int number)
{
    (void)number;
    alarmed = 1;
}

static void note_child(int number)
{
    (void)number; /* that it comes is enough: it ends ppoll(2) */
}

/*
 * Waits for connections, signals, or the end of a limit; below 0 there is none. Where something is
 * ready at once ppoll(2) takes in no signal: clients that never stop coming would keep TERM out.
 */
static int wait_for(struct pollfd *polled, size_t count, int64_t limit_ms)
{
    const struct timespec at_once = {.tv_sec = 0};
    struct timespec limit = {.tv_sec = limit_ms / 1000, .tv_nsec = limit_ms % 1000 * 1000000};

    for (size_t i = 0; i < count; i++)
        polled[i].revents = 0;
    int ready = ppoll(polled, count, limit_ms < 0 ? NULL : &limit, &while_waiting);
    if (ready > 0)
        (void)ppoll(NULL, 0, &at_once, &while_waiting);
    return ready;
}

/*
 * When there is no descriptor left a connection can be neither served nor refused. So one is kept
 * back, by which it is answered at least.
 */
static void refuse_one(struct watch *watch, int listening)
{
    descriptor_close(watch->reserve);
    int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (connection >= 0)
        serve_busy(connection);
    watch->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Takes connections of a socket that has some. Returns false when there must be a pause. */
static bool accept_some(struct watch *watch, int listening, enum address_kind kind)
{
    for (int count = 0; count < ACCEPTED_MOST && pool_is_ready(watch->pool); count++) {
        int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0) {
            pool_give(watch->pool, connection, kind);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE)
            refuse_one(watch, listening);
        return errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS;
    }
    return true;
}

static bool accept_all(struct watch *watch, const struct pollfd *polled)
{
    bool goes_on = true;

    for (size_t i = 0; i < watch->listener->count; i++) {
        if (polled[i].revents != 0)
            goes_on = accept_some(watch, polled[i].fd, watch->listener->sockets[i].kind) && goes_on;
    }
    return goes_on;
}

/*
 * One turn: workers are forked ahead only while nobody waits. Returns false for a pause. Where the
 * listener is left out something else must end the wait: the end of the pause, or the worker that
 * makes room; so it is asked only once whether it has to.
 */
static bool take_turn(struct watch *watch, bool paused)
{
    const struct listener *listener = watch->listener;
    struct pool *pool = watch->pool;
    bool is_full = !paused && !pool_is_ready(pool);
    size_t count = paused || is_full ? 0 : listener->count;
    int64_t wants_in = count > 0 ? pool_wants_worker_in(pool) : -1;
    size_t all = 0;

    struct pollfd *polled = pool_polled(pool, count, is_full, &all);
    if (polled == NULL) {
        (void)wait_for(NULL, 0, PAUSE_MS);
        pool_hear(pool);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        polled[i] = (struct pollfd){.fd = listener->sockets[i].fd, .events = POLLIN};
    int ready = wait_for(polled, all, paused ? PAUSE_MS : wants_in);
    pool_hear(pool);
    if (count == 0)
        return true;
    if (ready > 0)
        return accept_all(watch, polled);
    return ready < 0 || wants_in < 0 || pool_add_worker(pool);
}

static void reload(struct pool *pool, const struct systemd *systemd,
                   const struct command_line *line, struct settings *settings)
{
    hangup = 0;
    systemd_notify_reloading(systemd);
    bool is_taken = reload_settings(line, settings) == 0;
    if (is_taken)
        pool_retire(pool);
    systemd_notify(systemd, is_taken ? "READY=1\nSTATUS="
                                     : "READY=1\nSTATUS=The settings are those before the reload");
}

static void sweep(const struct pool *pool)
{
    alarmed = 0;
    sweeper_start(&pool->service);
}

void parent_catch_signals(void)
{
    static const struct {
        int number;
        void (*note)(int number);
    } caught[] = {{SIGTERM, note_stop},
                  {SIGINT, note_stop},
                  {SIGHUP, note_hangup},
                  {SIGALRM, note_alarm},
                  {SIGCHLD, note_child}};
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        (void)sigaddset(&blocked, caught[i].number);
    (void)sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        const struct sigaction action = {.sa_handler = caught[i].note};
        (void)sigdelset(&while_waiting, caught[i].number);
        (void)sigaction(caught[i].number, &action, NULL);
    }
}

void parent_serve(const struct listener *listener, struct pool *pool, const struct systemd *systemd,
                  const struct command_line *line, struct settings *settings)
{
    struct watch watch = {
        .listener = listener, .pool = pool, .reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)};
    const struct itimerval hourly = {.it_interval = {.tv_sec = HOUR_S},
                                     .it_value = {.tv_sec = HOUR_S}};
    bool paused = false;

    (void)setitimer(ITIMER_REAL, &hourly, NULL);
    while (stops == 0) {
        paused = !take_turn(&watch, paused);
        if (hangup)
            reload(pool, systemd, line, settings);
        if (alarmed)
            sweep(pool);
    }
    log_event(LOG_LEVEL_INFO, "stopping", NULL);
    descriptor_close(watch.reserve);
}

void parent_drain(struct pool *pool)
{
    int64_t until = clock_ms() + pool->service.settings->drain_ms;
    int64_t left = 0;

    pool_stop(pool);
    pool_hear(pool);
    while (pool_workers(pool) > 0 && stops < 2 && (left = until - clock_ms()) > 0) {
        (void)wait_for(NULL, 0, left);
        pool_hear(pool);
    }
    pool_kill(pool);
}
