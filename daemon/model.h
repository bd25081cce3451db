/*
 * Models of concurrency: how the processes that the parent forks, the workers, serve connections.
 */
#ifndef DAEMON_MODEL_H
#define DAEMON_MODEL_H

#include <stdbool.h>

#include "daemon/serve.h"

enum {
    /* Bytes of the stack of a thread; a listing takes some for each folder that it is deep in. */
    MODEL_THREAD_STACK = 1024 * 1024,
};

struct model {
    bool takes_one; /* a worker serves one connection, and is gone then */
    /*
     * The life of a worker, with its end of the channel (daemon/channel.h); its process ends when
     * this returns. TERM ends the channel, too, and makes `terminated`, an eventfd(2), readable.
     */
    void (*run)(int channel, int terminated, const struct service *service);
};

extern const struct model model_process;
extern const struct model model_thread;

#endif
