#include "daemon/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/channel.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/socket.h"

enum {
    ENDS_MOST = 256, /* reports of a worker that are heard at a time */
    CALM_MS = 1000,  /* after a crash, until workers are forked ahead again */
};

static const struct model *model_of(const struct settings *settings)
{
    return settings->concurrency == CONCURRENCY_THREAD ? &model_thread : &model_process;
}

/* In the worker. */

static int stop_channel; /* these are set once, before their handler */
static int terminated;

/* TERM is as good as the end of the channel, which it makes. */
static void end_channel(int number)
{
    int error = errno;

    (void)number;
    (void)eventfd_write(terminated, 1);
    (void)shutdown(stop_channel, SHUT_RDWR);
    errno = error;
}

static void catch_signals(int channel)
{
    const struct sigaction stop = {.sa_handler = end_channel};
    sigset_t none;

    stop_channel = channel;
    terminated = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)signal(SIGINT, SIG_IGN); /* of a terminal: the parent tells what is to be done */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A session that would take more memory than it may fails, and does not fill the machine. */
static void limit_memory(const struct pool *pool, const struct model *model)
{
    const struct settings *settings = pool->service.settings;
    int64_t sessions = model->takes_one ? 1 : settings->sessions;
    /* The stack of a process is none of its data, and that of a thread is. */
    int64_t each = settings->memory + (model->takes_one ? 0 : MODEL_THREAD_STACK);

    /* The bounds of both settings are such that this fits. */
    memory_limit(pool->memory_before, each * sessions);
}

static _Noreturn void live(const struct pool *pool, const struct model *model, int channel)
{
    /* Whatever else the parent has open is none of a worker's. */
    descriptor_close_all_but(channel, pool->service.library->root);
    log_after_fork();
    catch_signals(channel);
    limit_memory(pool, model);
    model->run(channel, terminated, &pool->service);
    _exit(0);
}

/* In the parent. */

/* Room for so many elements; the array may move. */
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

static void note_sessions(const struct pool *pool)
{
    atomic_store(&pool->service.counters->sessions, pool->slot_count);
}

static void remove_slot(struct pool *pool, size_t place)
{
    pool->slots[place] = pool->slots[--pool->slot_count];
    note_sessions(pool);
}

/* Of a log that says the same a thousand times nothing can be read: only the first is logged. */
static void note_fork(struct pool *pool, bool failed)
{
    if (failed && !pool->cannot_fork)
        log_event(LOG_LEVEL_ERROR, "no worker", "cause", strerror(errno), NULL);
    pool->cannot_fork = failed;
}

/* Forks a worker; NULL when that cannot be done. */
static struct worker *add_worker(struct pool *pool)
{
    int channel = -1;
    int theirs = -1;
    const struct model *model = model_of(pool->service.settings);
    bool has_room = make_room((void **)&pool->workers, &pool->worker_room, pool->worker_count + 1,
                              sizeof *pool->workers) &&
                    channel_open(&channel, &theirs) == 0;
    pid_t pid = has_room ? fork() : -1;

    if (pid == 0)
        live(pool, model, theirs);
    note_fork(pool, pid < 0);
    descriptor_close(theirs);
    if (pid < 0) {
        descriptor_close(channel);
        return NULL;
    }
    struct worker *worker = &pool->workers[pool->worker_count++];
    *worker = (struct worker){.pid = pid, .channel = channel, .model = model, .takes_more = true};
    return worker;
}

/* Does this one speak with the parent after it was given something to do? */
static bool is_heard(const struct worker *worker)
{
    return !worker->model->takes_one && worker->channel >= 0;
}

/* A worker that can take a connection; NULL when there is none yet. */
static struct worker *find_free(const struct pool *pool)
{
    for (size_t i = 0; i < pool->worker_count; i++) {
        if (pool->workers[i].takes_more)
            return &pool->workers[i];
    }
    return NULL;
}

/* May one more session of this client begin? */
static bool may_begin(const struct pool *pool, struct peer peer)
{
    const struct settings *settings = pool->service.settings;
    int64_t most = peer.kind == PEER_USER ? settings->per_user : settings->per_address;
    int64_t count = 0;

    if (pool->slot_count >= (size_t)settings->sessions)
        return false;
    for (size_t i = 0; i < pool->slot_count; i++)
        count += peer_is_same(pool->slots[i].peer, peer);
    return peer.kind == PEER_UNKNOWN || count < most;
}

static void stop_worker(struct worker *worker)
{
    worker->takes_more = false;
    descriptor_close(worker->channel);
    worker->channel = -1;
}

/*
 * Gives the connection to a worker: one that is free, or else a new one. Those that turn out to be
 * gone are passed over.
 */
static struct worker *send_order(struct pool *pool, const struct order *order)
{
    bool is_new = false;

    while (!is_new) {
        struct worker *worker = find_free(pool);
        is_new = worker == NULL;
        if (is_new)
            worker = add_worker(pool);
        if (worker == NULL)
            return NULL;
        if (channel_order(worker->channel, order) == 0)
            return worker;
        if (errno != EPIPE)
            return NULL;
        stop_worker(worker);
    }
    return NULL;
}

static bool hand_over(struct pool *pool, const struct order *order, struct peer peer)
{
    if (!make_room((void **)&pool->slots, &pool->slot_room, pool->slot_count + 1,
                   sizeof *pool->slots))
        return false;
    /* Before the session can ask for it. */
    atomic_store(&pool->service.counters->sessions, pool->slot_count + 1);
    struct worker *worker = send_order(pool, order);
    if (worker == NULL) {
        note_sessions(pool);
        return false;
    }
    worker->takes_more = !worker->model->takes_one;
    pool->slots[pool->slot_count++] =
        (struct slot){.session = order->session, .pid = worker->pid, .peer = peer};
    note_sessions(pool);
    return true;
}

static void tell_retired(struct pool *pool)
{
    const struct order order = {.what = ORDER_RETIRE, .connection = -1};

    for (size_t i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        if (is_heard(worker) && !worker->takes_more && !worker->is_told)
            worker->is_told = channel_order(worker->channel, &order) == 0 || errno != EAGAIN;
    }
}

/* Returns false when this worker has no such session. */
static bool end_session(struct pool *pool, pid_t pid, uint64_t session)
{
    for (size_t i = 0; i < pool->slot_count; i++) {
        if (pool->slots[i].session == session && pool->slots[i].pid == pid) {
            remove_slot(pool, i);
            return true;
        }
    }
    return false;
}

/*
 * A worker of many connections tells which session has ended. One that has closed its end, or tells
 * of what it does not have, gets nothing more to do; its last sessions are counted until its
 * process is gone.
 */
static void hear_ends(struct pool *pool, struct worker *worker)
{
    uint64_t session = 0;

    for (int count = 0; count < ENDS_MOST; count++) {
        int heard = channel_next_end(worker->channel, &session);
        if (heard == 0)
            return;
        if (heard < 0 || !end_session(pool, worker->pid, session)) {
            stop_worker(worker);
            return;
        }
    }
}

static void forget_worker(struct pool *pool, pid_t pid)
{
    for (size_t i = pool->slot_count; i-- > 0;) {
        if (pool->slots[i].pid == pid)
            remove_slot(pool, i);
    }
    for (size_t i = 0; i < pool->worker_count; i++) {
        if (pool->workers[i].pid != pid)
            continue;
        descriptor_close(pool->workers[i].channel);
        pool->workers[i] = pool->workers[--pool->worker_count];
        return;
    }
}

/* A worker that did not end as it should: its sessions were lost. */
static void note_crash(struct pool *pool, int status)
{
    char code[32];

    (void)snprintf(code, sizeof code, "exit code %d", WEXITSTATUS(status));
    counter_add(&pool->service.counters->crashed, 1);
    pool->crashed_ms = clock_ms();
    log_event(LOG_LEVEL_ERROR, "a worker crashed", "cause",
              WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : code, NULL);
}

static void reap(struct pool *pool)
{
    int status = 0;
    pid_t pid = 0;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        forget_worker(pool, pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            note_crash(pool, status);
    }
}

void pool_open(struct pool *pool, const struct settings *settings, const struct library *library,
               struct counters *counters)
{
    *pool = (struct pool){
        .service = {.settings = settings, .library = library, .counters = counters},
        .memory_before = memory_in_use(),
    };
}

void pool_close(struct pool *pool)
{
    for (size_t i = 0; i < pool->worker_count; i++)
        descriptor_close(pool->workers[i].channel);
    free(pool->workers);
    free(pool->slots);
    free(pool->polled);
    *pool = (struct pool){.workers = NULL};
}

void pool_give(struct pool *pool, int connection, enum address_kind kind)
{
    const struct peer peer = peer_of(connection);
    const struct order order = {.what = ORDER_SERVE,
                                .session = pool->last_session + 1,
                                .kind = kind,
                                .connection = connection};

    /* Those that have just ended may make room. */
    if (!may_begin(pool, peer))
        pool_hear(pool);
    socket_tune(connection);
    if (may_begin(pool, peer) && hand_over(pool, &order, peer)) {
        pool->last_session++;
        counter_add(&pool->service.counters->served, 1);
        (void)close(connection);
        return;
    }
    counter_add(&pool->service.counters->refused, 1);
    serve_busy(connection);
}

int64_t pool_wants_worker_in(const struct pool *pool)
{
    const struct settings *settings = pool->service.settings;
    /* One worker serves all threads; it is there before the first connection. */
    int64_t wanted = model_of(settings)->takes_one ? settings->spare : 1;
    int64_t count = 0;

    for (size_t i = 0; i < pool->worker_count; i++)
        count += pool->workers[i].takes_more;
    if (count >= wanted)
        return -1;
    int64_t calm = pool->crashed_ms > 0 ? pool->crashed_ms + CALM_MS - clock_ms() : 0;
    return calm > 0 ? calm : 0;
}

bool pool_add_worker(struct pool *pool)
{
    return add_worker(pool) != NULL;
}

bool pool_is_ready(const struct pool *pool)
{
    const struct worker *worker = find_free(pool);

    return worker == NULL || channel_is_ready(worker->channel);
}

struct pollfd *pool_polled(struct pool *pool, size_t before, bool for_room, size_t *ret_count)
{
    const struct worker *awaited = for_room ? find_free(pool) : NULL;
    size_t count = before;

    if (!make_room((void **)&pool->polled, &pool->polled_room, before + pool->worker_count,
                   sizeof *pool->polled))
        return NULL;
    for (size_t i = 0; i < pool->worker_count; i++) {
        const struct worker *worker = &pool->workers[i];
        if (is_heard(worker))
            pool->polled[count++] = (struct pollfd){
                .fd = worker->channel, .events = worker == awaited ? POLLIN | POLLOUT : POLLIN};
    }
    *ret_count = count;
    return pool->polled;
}

void pool_hear(struct pool *pool)
{
    for (size_t i = 0; i < pool->worker_count; i++) {
        if (is_heard(&pool->workers[i]))
            hear_ends(pool, &pool->workers[i]);
    }
    reap(pool);
    tell_retired(pool);
}

void pool_retire(struct pool *pool)
{
    for (size_t i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        /* One that serves its one connection need not know. */
        if (worker->model->takes_one && worker->takes_more)
            stop_worker(worker);
        worker->takes_more = false;
    }
    tell_retired(pool);
}

void pool_stop(struct pool *pool)
{
    for (size_t i = 0; i < pool->worker_count; i++)
        stop_worker(&pool->workers[i]);
}

void pool_kill(const struct pool *pool)
{
    for (size_t i = 0; i < pool->worker_count; i++)
        (void)kill(pool->workers[i].pid, SIGKILL);
}

size_t pool_workers(const struct pool *pool)
{
    return pool->worker_count;
}
