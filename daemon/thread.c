/*
 * The model "thread": one process has a thread for each connection. When it dies all of its sessions
 * are lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/channel.h"
#include "daemon/log.h"
#include "daemon/model.h"
#include "protocol/descriptor.h"

/* What the threads of a worker share. */
struct crowd {
    const struct worker *worker;
    int wake; /* an eventfd, which becomes readable when the daemon stops */
    /*
     * Kept free for the next connection, which is lost when there is no descriptor for it; so one that
     * comes when there is no other can be answered at least.
     */
    int reserve;
    pthread_attr_t attributes;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t count; /* of threads */
    bool cannot;  /* the last connection got no thread, and that was logged */
};

/* What a new thread is given. */
struct start {
    struct crowd *crowd;
    struct order order;
};

static void change_count(struct crowd *crowd, bool up)
{
    (void)pthread_mutex_lock(&crowd->lock);
    crowd->count += up ? 1 : (size_t)-1;
    (void)pthread_cond_signal(&crowd->changed);
    (void)pthread_mutex_unlock(&crowd->lock);
}

static void *serve(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    session_serve(start.order.connection, start.order.comes, start.order.session,
                  start.crowd->worker->service, start.crowd->wake);
    channel_report_end(start.crowd->worker->channel, start.order.session);
    change_count(start.crowd, false);
    return NULL;
}

static void begin(struct crowd *crowd, const struct order *order)
{
    pthread_t thread;
    struct start *start = malloc(sizeof *start);
    int error = crowd->reserve < 0 ? EMFILE : ENOMEM;

    change_count(crowd, true);
    if (start != NULL && crowd->reserve >= 0 && order->connection >= 0) {
        *start = (struct start){.crowd = crowd, .order = *order};
        error = pthread_create(&thread, &crowd->attributes, serve, start);
        crowd->cannot = crowd->cannot && error != 0;
        if (error == 0)
            return;
    }
    change_count(crowd, false);
    if (!crowd->cannot)
        log_event(LOG_LEVEL_ERROR, "no session", "cause", strerror(error), NULL);
    crowd->cannot = true;
    free(start);
    if (order->connection >= 0)
        session_turn_away(order->connection);
    channel_report_end(crowd->worker->channel, order->session);
}

static void receive(struct crowd *crowd, struct order *ret)
{
    int channel = crowd->worker->channel;

    channel_await(channel);
    descriptor_close(crowd->reserve);
    channel_receive(channel, ret);
    crowd->reserve = fcntl(channel, F_DUPFD_CLOEXEC, 0);
}

static void await_threads(struct crowd *crowd)
{
    (void)pthread_mutex_lock(&crowd->lock);
    while (crowd->count > 0)
        (void)pthread_cond_wait(&crowd->changed, &crowd->lock);
    (void)pthread_mutex_unlock(&crowd->lock);
}

/* A worker that is retired ends with its last session; one that is stopped hurries them. */
static void *await_stop(void *argument)
{
    struct crowd *crowd = argument;
    struct order order;

    do
        channel_receive(crowd->worker->channel, &order);
    while (order.kind != ORDER_STOP);
    (void)eventfd_write(crowd->wake, 1);
    return NULL;
}

static void run(const struct worker *worker)
{
    struct crowd crowd = {.worker = worker,
                          .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                          .reserve = -1,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER};
    struct order order;
    pthread_t thread;

    (void)pthread_attr_init(&crowd.attributes);
    (void)pthread_attr_setstacksize(&crowd.attributes, MODEL_THREAD_STACK);
    (void)pthread_attr_setdetachstate(&crowd.attributes, PTHREAD_CREATE_DETACHED);
    for (receive(&crowd, &order); order.kind == ORDER_SERVE; receive(&crowd, &order))
        begin(&crowd, &order);
    if (order.kind == ORDER_RETIRE)
        (void)pthread_create(&thread, &crowd.attributes, await_stop, &crowd);
    else
        (void)eventfd_write(crowd.wake, 1);
    await_threads(&crowd);
}

const struct model model_thread = {.takes_one = false, .run = run};
