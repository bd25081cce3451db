/*
 * Models of concurrency: how the processes that the parent forks serve connections. They are the
 * same for the pool, but for the function that runs in the process.
 */
#ifndef DAEMON_MODEL_H
#define DAEMON_MODEL_H

#include <stdbool.h>

#include "daemon/session.h"

enum {
    /* Bytes of the stack of a thread; a listing takes some for each folder that it is deep in. */
    MODEL_THREAD_STACK = 1024 * 1024,
};

/* What a process that serves has: its end of the channel, and what is the same for all sessions. */
struct worker {
    int channel;
    const struct service *service;
};

struct model {
    bool takes_one; /* a worker serves one connection, and is gone then */
    /* The life of a worker; its process ends when this returns. */
    void (*run)(const struct worker *worker);
};

extern const struct model model_process;
extern const struct model model_thread;

#endif
