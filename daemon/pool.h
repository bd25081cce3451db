/*
 * The pool: the processes that serve connections, and how many sessions each client has in them.
 *
 * The parent gives every connection to a worker, a process that it forks when it is needed, or
 * ahead. What a worker does with its connections is told by the model of concurrency.
 */
#ifndef DAEMON_POOL_H
#define DAEMON_POOL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/model.h"
#include "daemon/peer.h"
#include "daemon/serve.h"

/* A worker, as the parent knows it. */
struct worker {
    pid_t pid;
    int channel; /* -1 when it has been told to stop */
    const struct model *model;
    bool takes_more; /* connections may be given to it */
    bool is_told;    /* one with sessions knows that it gets no more */
};

/* A session under way. */
struct slot {
    uint64_t session;
    pid_t pid; /* of its worker */
    struct peer peer;
};

struct pool {
    struct service service;
    int64_t memory_before; /* bytes that a worker has when it is forked; -1: not known */
    struct worker *workers;
    size_t worker_count, worker_room;
    struct slot *slots;
    size_t slot_count, slot_room;
    struct pollfd *polled;
    size_t polled_room;
    uint64_t last_session;
    bool cannot_fork;   /* the last try has failed, and was logged */
    int64_t crashed_ms; /* when a worker last crashed, by clock_ms(); 0: none has */
};

/* Makes a pool without workers. When `settings` have changed pool_retire() has to follow. */
void pool_open(struct pool *pool, const struct settings *settings, const struct library *library,
               struct counters *counters);
void pool_close(struct pool *pool);

/*
 * Has a connection served, which came by an address of that kind and is the pool's from now on;
 * answers FAIL busy when there are too many. Never waits.
 */
void pool_give(struct pool *pool, int connection, enum address_kind kind);

/*
 * Can a connection be given away now? When a worker first has to take in those that it has been
 * given, the others are best left with the system.
 */
bool pool_is_ready(const struct pool *pool);

/*
 * In how many milliseconds is a worker to be forked ahead? 0: now; -1: there are enough. After a
 * crash there is a pause, lest one that crashes at its start be forked again and again.
 */
int64_t pool_wants_worker_in(const struct pool *pool);

/* Forks a worker ahead; returns false when that cannot be done now. */
bool pool_add_worker(struct pool *pool);

/*
 * Returns what poll(2) has to look at, `*ret_count` in all: `before` places that are the caller's
 * to fill in, and then what pool_hear() waits for. `for_room`: also for the moment when the pool is
 * ready again. The array is the pool's, and stays as it is until the next call. NULL when there is
 * no memory.
 */
struct pollfd *pool_polled(struct pool *pool, size_t before, bool for_room, size_t *ret_count);

/* Takes note of sessions that have ended, and of workers that have (waitpid(2)). */
void pool_hear(struct pool *pool);

/* The settings have changed: connections that are still to come get new workers. */
void pool_retire(struct pool *pool);

/* Asks all sessions to end as soon as they have served what they are at, or ends them at once. */
void pool_stop(struct pool *pool);
void pool_kill(const struct pool *pool);

/* How many workers there are. */
size_t pool_workers(const struct pool *pool);

#endif
