/*
 * Counters: what all sessions of a daemon have done, in memory that all its processes share.
 */
#ifndef DAEMON_COUNTERS_H
#define DAEMON_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/reason.h"

enum {
    COUNTERS_CLIENTS = 32,  /* whose refusals are counted for the log, each by itself */
    COUNTERS_REQUESTS = 16, /* rows of the table of requests, and one for words that are none */
};

typedef _Atomic uint64_t counter;

/* What clients can cause again and again. For each of them the log has a limit of its own. */
enum log_limited {
    LOG_FAILURES,
    LOG_CRASHES,
    LOG_LIMITED,
};

/* Refusals of one client within a minute; see log_admits_refusal(). */
struct refusals {
    counter client;   /* the number of its peer, plus 1; 0: free */
    counter since_ms; /* by clock_ms() */
    counter count;
};

struct counters {
    int64_t started_s;         /* since 1970 */
    counter served;            /* sessions that were begun */
    counter refused;           /* connections for which there was no room */
    counter handshakes_failed; /* of TLS */
    counter crashed;           /* processes that died of a signal, or exited with an error */
    counter broken;            /* times that the disk failed to make a name durable */
    counter unwritable;        /* the reason why the library is served read-only; 0: it is not */
    counter received;          /* bytes, of all streams */
    counter sent;
    counter log_dropped; /* lines of the log that could not be written */
    counter log_unsaid;  /* those of them that the log does not mention yet */
    counter log_is_torn; /* 1: the last line that was written has no end */
    /* What is logged a few times in each window of time; see log_admits(). */
    counter limited[LOG_LIMITED];
    counter windows[LOG_LIMITED];
    struct refusals refusals[COUNTERS_CLIENTS + 1]; /* the last is that of all other clients */
    /* By request and outcome; REASON_NONE is OK. */
    counter requests[COUNTERS_REQUESTS][REASON_COUNT];
};

static inline void counter_add(counter *to, uint64_t number)
{
    (void)atomic_fetch_add_explicit(to, number, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

#endif
