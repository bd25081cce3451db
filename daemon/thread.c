/*
 * The model "thread": one process has a thread for each connection. When it dies all of its
 * sessions are lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "daemon/channel.h"
#include "daemon/log.h"
#include "daemon/model.h"
#include "protocol/descriptor.h"

/* What the threads of a worker share. */
struct threads {
    int channel;
    const struct service *service;
    int wake; /* an eventfd, which becomes readable when sessions have to end */
    int gone; /* the same, when the daemon is gone, which they may outlive */
    /*
     * Kept free for the next connection, which is lost when there is no descriptor for it; so one
     * that comes when there is no other can be answered at least.
     */
    int reserve;
    pthread_attr_t attributes;
    sem_t ended;  /* once for each thread that has */
    size_t count; /* of threads whose end was not yet taken note of */
    bool cannot;  /* the last connection got no thread, and that was logged */
};

/* What a new thread is given. */
struct start {
    struct threads *threads;
    struct order order;
};

static void *serve(void *argument)
{
    struct start start = *(struct start *)argument;
    struct threads *threads = start.threads;

    free(argument);
    serve_connection(start.order.connection, start.order.kind, start.order.session,
                     threads->service, threads->wake, threads->gone);
    channel_report_end(threads->channel, start.order.session);
    (void)sem_post(&threads->ended);
    return NULL;
}

/* Starts a thread for the connection. Returns 0 or an errno. */
static int start_thread(struct threads *threads, const struct order *order)
{
    pthread_t thread;

    if (threads->reserve < 0 || order->connection < 0)
        return EMFILE;
    struct start *start = malloc(sizeof *start);
    if (start == NULL)
        return ENOMEM;
    *start = (struct start){.threads = threads, .order = *order};
    int error = pthread_create(&thread, &threads->attributes, serve, start);
    if (error != 0)
        free(start);
    return error;
}

static void begin(struct threads *threads, const struct order *order)
{
    int error = start_thread(threads, order);

    if (error == 0) {
        threads->count++;
        threads->cannot = false;
        return;
    }
    if (!threads->cannot)
        log_event(LOG_LEVEL_ERROR, "no session", "cause", strerror(error), NULL);
    threads->cannot = true;
    if (order->connection >= 0)
        serve_busy(order->connection);
    channel_report_end(threads->channel, order->session);
}

static void receive(struct threads *threads, struct order *ret)
{
    channel_await(threads->channel);
    while (sem_trywait(&threads->ended) == 0)
        threads->count--;
    descriptor_close(threads->reserve);
    channel_receive(threads->channel, ret);
    threads->reserve = fcntl(threads->channel, F_DUPFD_CLOEXEC, 0);
}

/* A worker whose daemon stops hurries its sessions, unless they outlive it. */
static void hurry(const struct threads *threads)
{
    (void)eventfd_write(threads->gone, 1);
    if (!threads->service->outlives)
        (void)eventfd_write(threads->wake, 1);
}

/* One that is retired only ends with its last session. */
static void *await_stop(void *argument)
{
    struct threads *threads = argument;
    struct order order;

    do
        channel_receive(threads->channel, &order);
    while (order.what != ORDER_STOP);
    hurry(threads);
    return NULL;
}

static void run(int channel, int terminated, const struct service *service)
{
    struct threads threads = {.channel = channel,
                              .service = service,
                              .wake = terminated,
                              .gone = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                              .reserve = -1};
    struct order order;
    pthread_t thread;

    (void)sem_init(&threads.ended, 0, 0);
    (void)pthread_attr_init(&threads.attributes);
    (void)pthread_attr_setstacksize(&threads.attributes, MODEL_THREAD_STACK);
    (void)pthread_attr_setdetachstate(&threads.attributes, PTHREAD_CREATE_DETACHED);
    for (receive(&threads, &order); order.what == ORDER_SERVE; receive(&threads, &order))
        begin(&threads, &order);
    if (order.what == ORDER_RETIRE)
        (void)pthread_create(&thread, &threads.attributes, await_stop, &threads);
    else
        hurry(&threads);
    while (threads.count > 0) {
        if (sem_wait(&threads.ended) == 0)
            threads.count--;
    }
}

const struct model model_thread = {.takes_one = false, .run = run};
